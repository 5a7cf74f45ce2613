"""The shipped templates on the sample data: every number is the report's, in every formula too."""

import json
import re
import shutil
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from openpyxl.utils.cell import coordinate_to_tuple
from openpyxl.worksheet.worksheet import Worksheet
from xlsxwriter import Workbook

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
    words = ("funnel", "--month", MONTH, "--store", sample[0].store, "--as-of", "2026-11-01", "--json", *by)
    document["funnel"] = call(*words).document
    return dict(zip(NAMES, map(Path, document["written"]), strict=True)), document


def test_those_that_the_scripts_write_are_the_shipped_ones() -> None:
    assert set(NAMES) == set(TEMPLATES)


@pytest.mark.parametrize("name", sorted({*NAMES} - {"PDCA改善表"}))  # which has a module of its own
def test_every_number_of_a_filled_template_is_the_reports(name: str, results: tuple[dict[str, Path], Any]) -> None:
    targets, document = results
    book = load_workbook(targets[name], data_only=True)
    found = marks(shipped()[name])
    seen = 0
    for sheet in book.worksheets:
        own = [(cell, mark) for where, cell, mark in found if where == sheet.title]
        seen += Filled(sheet, own, document).compare()
    assert seen > 30


def test_points_are_those_of_the_scorecard(sample: Sample) -> None:
    by = ("--by", "consultant", "--book", "scorecard", "--json")
    document = fill(sample, "--template", "KPI评分表", *by).document | {
        "funnel": {"stages": [], "by": {"consultant": {}}}
    }
    book = load_workbook(document["written"][0], data_only=True)
    found = marks(shipped()["KPI评分表"])
    for sheet in book.worksheets[:2]:
        own = [(cell, mark) for where, cell, mark in found if where == sheet.title]
        assert Filled(sheet, own, document).compare() > 30
    assert "达标 100 分，每好 1 点加 1.3 分，每差 1 点减 0.3 分" in book["全店"]["A3"].value
    assert book["全店"].cell(book["全店"].max_row, 7).value == pytest.approx(document["total"]["score"])


Place = tuple[int, tuple["Inside", ...]]
"""A row or column of the template, and the copies of blocks that it stands in."""


@dataclass(frozen=True)
class Inside:
    """A copy of a block: of which list, and in which row or column of the result its name stands."""

    list: str
    name: str


class Filled:
    """A filled sheet, laid out once more from its marks and the groups' numbers alone, and held against the report."""

    def __init__(self, sheet: Worksheet, found: list[tuple[str, str]], document: Any) -> None:
        self.sheet, self.document = sheet, document
        self.paths = [(coordinate_to_tuple(cell), mark) for cell, mark in found if re.fullmatch(r"[A-Z]+\d+", cell)]
        self.blocks = [
            (cell, dict(part.split(": ") for part in mark.split("; ")))
            for cell, mark in self.paths
            if "repeat: " in mark
        ]
        self.paths = [(cell, mark) for cell, mark in self.paths if "repeat: " not in mark]

    def compare(self) -> int:
        columns = self.laid_out(1, "right")
        rows = self.laid_out(0, "down")
        seen = 0
        for row, (was, inside) in enumerate(rows, 1):
            for column, (origin, across) in enumerate(columns, 1):
                for cell, path in self.paths:
                    if cell == (was, origin) and path.split(".")[0] != "report":
                        seen += self.held(path, self.sheet.cell(row, column).value, inside, across)
            seen += self.adds_up(row, was, inside, columns)
        return seen

    def laid_out(self, axis: int, direction: str) -> list[Place]:
        """Every row, or column, of the result: which of the template it was, and in which copies it stands."""
        blocks = [
            (cell[axis], cell[axis] + int(told.get("rows", "1")), told["repeat"])
            for cell, told in self.blocks
            if told.get("direction", "down") == direction
        ]
        last = max([cell[axis] for cell, _ in self.paths] + [end - 1 for _, end, _ in blocks])
        return self.spread(1, last + 1, sorted(blocks, key=lambda one: one[0] - one[1]), axis, [])

    def spread(self, first: int, end: int, blocks: list[Any], axis: int, done: list[Place]) -> list[Place]:
        place = first
        while place < end:
            block = next((one for one in blocks if one[0] == place), None)
            if block is None:
                done.append((place, ()))
                place += 1
                continue
            for _ in range(len(self.names(block[2]))):
                start = len(done)
                self.spread(
                    block[0], block[1], [one for one in blocks if one != block and self.holds(block, one)], axis, done
                )
                name = next(
                    self.label(at + 1, axis, done[at][0])
                    for at in range(start, len(done))
                    if not done[at][1] and self.label(at + 1, axis, done[at][0]) is not None
                )
                done[start:] = [(at, (Inside(block[2], name), *inside)) for at, inside in done[start:]]
            place = block[1]
        return done

    @staticmethod
    def holds(outer: Any, block: Any) -> bool:
        return bool(outer[0] <= block[0] and block[1] <= outer[1])

    def label(self, place: int, axis: int, was: int) -> Any:
        """The name that stands in a row, or at the head of a column."""
        for cell, path in self.paths:
            if cell[axis] == was and path in ("row.name", "row.label", "column.name"):
                return self.sheet.cell(*((place, cell[1]) if axis == 0 else (cell[0], place))).value
        return None

    def names(self, name: str) -> list[str]:
        if name == "kpis":
            return list(self.document["total"]["kpis"])
        if name == "stages":
            return [stage["label"] for stage in self.document["funnel"]["stages"]]
        return list(self.document["by"][name])

    def held(self, path: str, value: Any, inside: tuple[Inside, ...], across: tuple[Inside, ...]) -> int:
        """Compare one cell with what its path stands for in the report."""
        head, _, rest = path.partition(".")
        if rest in ("name", "rank", "label", "unit", "formula", "definition", "note", "source", "status", "weight"):
            return 0
        if head == "cell":
            return 0  # the report has no groups by day: `adds_up` looks at them
        where = {"row": inside[-1:] or across, "column": across, "outer": inside[:1]}.get(head, ())
        path = rest if where else path
        context = [*inside[:-1], *where] if head == "row" else list(where)
        wanted = self.wanted(path, context)
        assert value == (None if wanted is None else pytest.approx(wanted)), (self.sheet.title, path, context)
        return 1

    def wanted(self, path: str, context: list[Inside]) -> Any:
        total, funnel = self.document["total"], self.document["funnel"]
        for one in context:
            if one.list == "kpis":
                return {"score": None, "projected": None, **total["kpis"][_keys(self.document["book"])[one.name]]}[path]
            if one.list == "stages":
                stage = next(stage for stage in funnel["stages"] if stage["label"] == one.name)
                return {**stage, **dict(zip(("low", "high"), stage["interval"] or (None, None), strict=True))}[path]
            group = next(
                key for key in self.document["by"][one.list] if one.name in (key, key[5:], f"{key[5:10]}~{key[-5:]}")
            )
            total, funnel = self.document["by"][one.list][group], self.document["funnel"]["by"][one.list].get(group)
        if path == "score":
            return total.get("score")
        kind, key, *what = path.split(".")
        if kind == "measure":
            return total["measures"][key]
        if kind == "kpi":
            return total["kpis"][key][what[0] if what else "value"]
        if kind == "leak":
            if not funnel["leak"]:
                return None
            stages = {stage["stage"]: stage["label"] for stage in funnel["stages"]}
            return {**funnel["leak"], "stage": stages[funnel["leak"]["stage"]]}[key]
        if key == "rank":
            return funnel["rank"]
        return next(stage for stage in funnel["stages"] if stage["stage"] == key)[what[0] if what else "count"]

    def adds_up(self, row: int, was: int, inside: tuple[Inside, ...], columns: list[Place]) -> int:
        """The days of a group add up to its month."""
        path = next((path for cell, path in self.paths if cell[0] == was and path.startswith("cell.")), "")
        if not path:
            return 0
        values = [self.sheet.cell(row, column).value for column, (_, across) in enumerate(columns, 1) if across]
        assert len(values) == 31
        assert sum(values) == self.wanted(path.removeprefix("cell."), list(inside)), (self.sheet.title, inside)
        return 1


@cache
def _keys(book: str) -> dict[str, str]:
    """The label of every KPI of a book → its key."""
    return {entry["label"]: entry["key"] for entry in call("kpis", "--book", book, "--json").document["kpis"]}


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


def test_written_files_are_opened_where_there_is_a_desktop(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("typer.launch", lambda path: opened.append(path) or 0)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.delenv("DISPLAY", raising=False)
    ended = fill(sample, "--template", "绩效管理表", "--open")
    assert (ended.code, opened) == (0, [])
    assert "没有桌面" in ended.err
    monkeypatch.setenv("DISPLAY", ":0")
    assert fill(sample, "--template", "绩效管理表", "--open").code == 0
    assert opened == ["reports/2026-10 上海示例别克 绩效管理表.xlsx"]


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


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_doubtful_in_the_shipped_templates(name: str, sample: Sample) -> None:
    ended = call("templates", "check", name, "--store", sample[0].store, "--as-of", "2026-11-01")
    assert (ended.code, ended.out) == (0, "模板没有错误\n")


def test_doubts_are_told_and_do_not_stop_the_filling(sample: Sample) -> None:
    book = load_workbook(shipped()["绩效管理表"])
    sheet = book["销售顾问"]
    sheet["K9"], sheet["D6"].number_format = "=SUM(B5)", "0"
    book.save("疑.xlsx")
    told = call("templates", "check", "疑.xlsx", "--store", sample[0].store, "--as-of", "2026-11-01", "--json")
    assert told.code == 1
    found = [(one["cell"], one["code"], one["stops"]) for one in told.document["mistakes"]]
    assert found == [("K9", "reference_stays", False), ("D6", "format_unfit", False)]
    assert fill(sample, "--template", "疑.xlsx").code == 0


def test_a_consultants_kpis_meet_the_weeks(sample: Sample, results: tuple[dict[str, Path], Any]) -> None:
    book = Workbook("周.xlsx")
    sheet = book.add_worksheet("表")
    sheet.write_string("A4", "{{ row.name }}")
    sheet.write_comment("A4", "repeat: consultant\nrows: 2")
    sheet.write_string("A5", "{{ row.key }}")
    sheet.write_comment("A5", "repeat: kpis")
    sheet.write_string("B5", "{{ cell.numerator }}")
    sheet.write_comment("B3", "repeat: week\ndirection: right")
    book.close()
    written = fill(sample, "--template", "周.xlsx", "--json").document["written"][0]
    document, who = results[1], None
    compared = 0
    for row in load_workbook(written)["表"].iter_rows(min_row=4, values_only=True):
        if row[0] in document["by"]["consultant"]:
            who = row[0]
        elif row[0] == "info_retention_rate":
            wanted = document["by"]["consultant"][who]["kpis"]["info_retention_rate"]["numerator"]
            assert sum(row[1:]) == wanted, who
            compared += 1
    assert compared == len(document["by"]["consultant"])


@pytest.mark.parametrize("month", ["2026-08", "2026-10"])
def test_a_path_is_there_in_every_row_of_a_list_or_in_none(sample: Sample, month: str) -> None:
    book = Workbook("渠道.xlsx")
    sheet = book.add_worksheet("表")
    for place, path in enumerate(("row.name", "row.funnel.rank", "row.leak", "row.funnel.orders")):
        sheet.write_string(4, place, f"{{{{ {path} }}}}")
    sheet.write_comment("A5", "repeat: channel")
    book.close()
    words = ("--month", month, "--store", sample[0].store, "--as-of", "2026-11-01")
    assert call("templates", "check", "渠道.xlsx", *words).code == 0
    assert call("report", "--template", "渠道.xlsx", *words).code == 0


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
    listed = call("templates", "--json").document["templates"]
    assert [one["name"] for one in listed] == NAMES
    assert call("templates", "list", "--json").document["templates"] == listed
    told = call("templates", "explain", "月度KPI报告", "--json").document["marks"]
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
