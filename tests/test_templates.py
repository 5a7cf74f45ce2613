"""The shipped templates on the sample data: every number is the report's, in every formula too."""

import json
import shutil
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from openpyxl.worksheet.worksheet import Worksheet

from kpicli.fill import marks
from kpicli.pipeline.ingest import Ingested
from kpicli.pipeline.templates import shipped
from kpicli.workspace import Workspace
from tests.templates.__main__ import TEMPLATES
from tests.test_cli import call
from tests.test_fill import recalculated

Sample = tuple[Workspace, Ingested]
MONTH = "2026-10"
NAMES = sorted(shipped())
LISTS = ("consultant", "model", "source", "channel", "week", "day")
pytestmark = pytest.mark.filterwarnings("ignore:.*extension is not supported")


def fill(sample: Sample, *words: str) -> Any:
    return call("report", "--month", MONTH, "--store", sample[0].store, "--as-of", "2026-11-01", *words)


@pytest.fixture(scope="module")
def results(sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Path], Any]:
    """The file that each shipped template becomes, and the document of the same report."""
    by = [word for dimension in LISTS for word in ("--by", dimension)]
    named = [word for name in NAMES for word in ("--template", name)]
    document = fill(sample, *named, "--out", str(tmp_path_factory.mktemp("out")), "--json", *by).document
    return dict(zip(NAMES, map(Path, document["written"]), strict=True)), document


def test_those_that_the_scripts_write_are_the_shipped_ones() -> None:
    assert set(NAMES) == set(TEMPLATES)


@pytest.mark.parametrize("name", NAMES)
def test_every_number_of_a_filled_template_is_the_reports(name: str, results: tuple[dict[str, Path], Any]) -> None:
    targets, document = results
    book = load_workbook(targets[name], data_only=True)
    found = marks(shipped()[name])
    compared = 0
    for sheet in book.worksheets:
        own = [(cell, mark) for where, cell, mark in found if where == sheet.title]
        told = {cell: mark for cell, mark in own if not mark.startswith("repeat: ")}
        blocks = {int(cell[1:]): mark[8:] for cell, mark in own if mark.startswith("repeat: ")}
        assert len(blocks) <= 1, "the templates have a block a sheet"
        compared += sum(_compare(sheet, told, row, dimension, document) for row, dimension in blocks.items())
    assert compared > 40


def _compare(sheet: Worksheet, cells: dict[str, str], first: int, dimension: str, document: Any) -> int:
    """Hold the rows of a block, and the cells beside it, against the document; how many cells were looked at."""
    rows = {cell: mark for cell, mark in cells.items() if int(cell[1:]) == first}
    if dimension == "kpis":
        groups = {key: {"kpi": value} for key, value in document["total"]["kpis"].items()}
    else:
        groups = document["by"][dimension]
    seen = 0
    names = [cell for cell, mark in rows.items() if mark in ("row.name", "row.label")]
    listed = []
    for place in range(len(groups)):
        listed.append(sheet[f"{names[0][0]}{first + place}"].value)
        for cell, mark in rows.items():
            value = sheet[f"{cell[0]}{first + place}"].value
            if dimension == "kpis":
                key = listed[-1]
                seen += _kpi_row(document, key, mark, value)
            elif mark not in ("row.name", "row.rank"):
                group = next(
                    one
                    for known, one in groups.items()
                    if listed[-1] in (known, known[5:], f"{known[5:10]}~{known[-5:]}")
                )
                assert value == _wanted(group, mark.removeprefix("row.")), (sheet.title, cell, mark)
                seen += 1
    assert len(set(listed)) == len(groups)
    for cell, mark in cells.items():
        if int(cell[1:]) > first and mark.split(".")[0] in ("kpi", "measure"):
            value = sheet[f"{cell[0]}{int(cell[1:]) + len(groups) - 1}"].value
            assert value == _wanted(document["total"], mark), (sheet.title, cell, mark)
            seen += 1
    return seen


def _wanted(group: Any, path: str) -> Any:
    kind, key, *what = path.split(".")
    value = group["measures"][key] if kind == "measure" else group["kpis"][key][what[0] if what else "value"]
    return value if value is None else pytest.approx(value)


@cache
def _keys() -> dict[str, str]:
    """The label of every KPI of the book → its key."""
    return {entry["label"]: entry["key"] for entry in call("kpis", "--json").document["kpis"]}


def _kpi_row(document: Any, label: str, mark: str, value: Any) -> int:
    key = _keys()[label]
    what = mark.removeprefix("row.")
    told = document["total"]["kpis"][key]
    if what in told and what not in ("status", "reason"):
        assert value == (None if told[what] is None else pytest.approx(told[what])), (label, mark)
        return 1
    return 0


def test_the_sums_of_a_template_are_the_totals_of_the_report(results: tuple[dict[str, Path], Any]) -> None:
    targets, document = results
    sheet = load_workbook(targets["月度KPI报告"], data_only=True)["销售顾问"]
    last = next(row for row in range(5, 40) if sheet.cell(row, 2).value == "合计")
    measures = document["total"]["measures"]
    told = [sheet.cell(last, column).value for column in (3, 6, 7)]
    assert told == [measures["first_visits"], measures["orders"], measures["showroom_sales"]]


@pytest.mark.long
def test_libreoffice_computes_what_the_cells_say(results: tuple[dict[str, Path], Any]) -> None:
    for target, again in recalculated(list(results[0].values())).items():
        ours, theirs = (load_workbook(path, data_only=True) for path in (target, again))
        for sheet in load_workbook(target):
            for cell in (cell for row in sheet.iter_rows() for cell in row):
                one, other = (book[sheet.title][cell.coordinate].value for book in (ours, theirs))
                same = one == other or isinstance(one, datetime) or (one or 0) == pytest.approx(other or 0)
                assert same, (target.name, sheet.title, cell.coordinate)


def test_several_are_filled_at_once_and_named(sample: Sample) -> None:
    ended = fill(sample, "--template", "月度KPI报告", "--template", "绩效管理表", "--out", "out")
    assert ended.code == 0
    files = sorted(path.name for path in Path("out").iterdir())
    assert files == ["2026-10 上海示例别克 月度KPI报告.xlsx", "2026-10 上海示例别克 绩效管理表.xlsx"]
    assert all(f"→ out/{name}" in ended.out for name in files)


def test_a_template_of_ones_own_by_path_and_one_that_is_none(sample: Sample) -> None:
    shutil.copyfile(shipped()["绩效管理表"], "我的.xlsx")
    assert fill(sample, "--template", "我的.xlsx").code == 0
    assert [path.name for path in Path("reports").iterdir()] == ["2026-10 上海示例别克 我的.xlsx"]
    ended = fill(sample, "--template", "绩效表", "--json")
    assert (ended.code, ended.document["error"]["code"]) == (2, "no_template")
    assert "绩效管理表" in ended.err
    Path("坏.xlsx").write_bytes(b"PK")
    ended = fill(sample, "--template", "坏.xlsx", "--json")
    assert (ended.code, ended.document["error"]["code"]) == (2, "bad_template")


def test_a_wrong_path_is_told_with_its_cell_and_what_was_meant(sample: Sample) -> None:
    book = load_workbook(shipped()["绩效管理表"])
    book["销售顾问"]["D5"] = "{{ row.kpi.info_retention_rat }}"
    book.save("错.xlsx")
    ended = fill(sample, "--template", "错.xlsx", "--json")
    assert (ended.code, ended.document["error"]["code"]) == (2, "template_mistakes")
    assert "销售顾问!D5" in ended.err
    assert "row.kpi.info_retention_rate" in ended.err
    assert not Path("reports").exists() or not list(Path("reports").iterdir())
    ended = call("templates", "check", "错.xlsx", "--store", sample[0].store, "--as-of", "2026-11-01")
    assert ended.code == 2
    assert "销售顾问!D5" in ended.out
    sound = call("templates", "check", "绩效管理表", "--store", sample[0].store, "--as-of", "2026-11-01")
    assert (sound.code, sound.out) == (0, "模板没有错误\n")


def test_two_templates_of_one_name_and_several_books_do_not_overwrite_each_other(sample: Sample) -> None:
    for folder in ("一", "二"):
        Path(folder).mkdir()
        shutil.copyfile(shipped()["绩效管理表"], f"{folder}/同.xlsx")
    ended = fill(sample, "--template", "一/同.xlsx", "--template", "二/同.xlsx", "--json")
    assert (ended.code, ended.document["error"]["code"]) == (2, "same_output")
    ended = fill(sample, "--template", "一/同.xlsx", "--book", "all", "--json")
    assert (ended.code, ended.document["error"]["code"]) == (2, "template_mistakes")
    assert not Path("reports").exists()
    book = load_workbook(shipped()["目标进度管理表"])
    del book["销售顾问"]
    book.save("每.xlsx")
    fill(sample, "--template", "每.xlsx", "--book", "all")
    assert len(list(Path("reports").iterdir())) == 6


def test_templates_are_listed_explained_and_begun(sample: Sample) -> None:
    listed = call("templates", "--store", sample[0].store, "--json").document["templates"]
    assert [one["name"] for one in listed] == NAMES
    told = call("templates", "explain", "月度KPI报告", "--store", sample[0].store, "--json").document["marks"]
    assert {"sheet": "销售顾问", "cell": "B5", "mark": "row.name"} in told
    assert call("templates", "new", "新.xlsx").code == 0
    assert call("templates", "new", "新.xlsx", "--lang", "en").code == 2
    assert fill(sample, "--template", "新.xlsx").code == 0


def test_no_customer_stands_in_a_filled_template(sample: Sample, results: tuple[dict[str, Path], Any]) -> None:
    words = ("export", "intentions", "--format", "json", "--show-pii", "--store", sample[0].store)
    names = {row["customer"] for row in json.loads(call(*words).out)}
    for target in results[0].values():
        cells = {str(cell.value) for sheet in load_workbook(target) for row in sheet.iter_rows() for cell in row}
        assert not cells & names
