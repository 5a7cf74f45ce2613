"""The PDCA sheet: every cell is what `kpicli diagnose` says, and what people fill in is left empty."""

import re
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from openpyxl.comments import Comment
from openpyxl.worksheet.worksheet import Worksheet

from kpicli.answers import Evidence
from kpicli.diagnosis import Finding
from kpicli.kpi import LISTS
from kpicli.pipeline.diagnose import Diagnosed, diagnose
from kpicli.pipeline.ingest import Ingested
from kpicli.pipeline.report import report
from kpicli.pipeline.templates import fill_report, shipped
from kpicli.present.diagnose import document
from kpicli.workspace import Workspace
from tests.test_cli import call

Sample = tuple[Workspace, Ingested]
Changed = Callable[[Diagnosed], Diagnosed]
NAME = "PDCA改善表"
MONTH = ("--month", "2026-10", "--as-of", "2026-11-01")
TODAY = date(2026, 11, 1)
pytestmark = pytest.mark.filterwarnings("ignore:.*extension is not supported")


def on(sample: Sample, *words: str) -> Any:
    return call(*words, *MONTH, "--store", sample[0].store)


def cause(found: Diagnosed, group: str, *, standing: bool = False) -> Finding:
    """A cause as the models know one, of a person who is behind all others."""
    every = ((model, question) for model in found.report.book.models.values() for question in model.questions)
    model, question, test = next(
        (model, question, test) for model, question in every for test in question.tests if test.kind == "behind"
    )
    others = {"rate": 0.5, "count": 8, "of": 16, "standard": 0.8, "others": 64, "of_others": 80}
    evidence = Evidence(test, group, {**others, "months": 2, "own": 0.4}, -9.0, 2.0, standing)
    return Finding(model, question, evidence, on_path=True)


def with_causes(found: Diagnosed) -> Diagnosed:
    """The diagnosis with four causes more, and with every question that only people can answer."""
    more = [cause(found, name, standing=name in "丙丁") for name in "甲乙丙丁"]
    asked = [one for model in found.report.book.models.values() for one in model.questions if not one.tests]
    told = replace(
        found.diagnosis,
        findings=(*more, *found.diagnosis.findings),
        checklist=tuple(one for one in asked if one.action.zh),
    )
    return replace(found, diagnosis=told)


def filled(sample: Sample, out: Path, changed: Changed) -> tuple[Path, Diagnosed]:
    """The sheet of a diagnosis that was changed, and the diagnosis."""
    workspace = sample[0]
    whole, _ = report(workspace, "2026-10", by=LISTS, today=TODAY)
    found = changed(diagnose(workspace, "2026-10", today=TODAY))
    now = datetime(2026, 11, 1, tzinfo=UTC)
    (path,) = fill_report(workspace, [whole], [NAME], out, now=now, found=found)
    return path, found


@pytest.fixture(scope="module")
def told(sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A sheet with several rows of everything, and the document of the same diagnosis."""
    path, found = filled(sample, tmp_path_factory.mktemp("out"), with_causes)
    return path, document(found, "zh")


def read(path: Path | str) -> tuple[Worksheet, list[tuple[Any, ...]]]:
    sheet = load_workbook(path, data_only=True)["PDCA"]
    return sheet, [tuple(None if cell == "" else cell for cell in row) for row in sheet.iter_rows(values_only=True)]


def test_every_cell_is_what_the_diagnosis_says(sample: Sample, told: tuple[Path, Any]) -> None:
    path, said = told
    _, rows = read(path)
    whole = on(sample, "report", "--json").document["total"]["kpis"]["orders"]
    change = next(one for one in said["changes"] if one["against"] == "previous")
    models = {model.key: model.words.zh for model in sample[0].catalogue.book("buick").models.values()}
    findings, asked, parts = said["findings"], said["checklist"], change["parts"]
    assert len(findings) > 3
    assert len(asked) > 3
    found = [
        (
            one["rank"],
            one["cause"] + (f"：{one['group']}" if one["group"] else ""),
            one["evidence"],
            models[one["model"]],
            "旁证" if one["proxy"] else None,
            one["action"],
            one["owner"],
            None,
            one["label"],
            None,
            None,
        )
        for one in findings
    ]
    at = 6
    assert rows[at : at + len(found)] == found
    at += len(found) + 3
    boxes = "□ 是　□ 否"
    questions = [
        (
            place,
            one["element"],
            one["ask"],
            boxes,
            {"yes": "是", "no": "否"}[one["adverse"]],
            one["action"],
            one["owner"],
            *[None] * 4,
        )
        for place, one in enumerate(asked, 1)
    ]
    assert rows[at : at + len(asked)] == questions
    at += len(asked) + 4
    for place, (row, part) in enumerate(zip(rows[at:], parts, strict=False), 1):
        assert row[:2] == (place, part["label"])
        assert row[2] == pytest.approx(part["value"], abs=0.1)
        assert row[3:5] == (pytest.approx(part["before"]), pytest.approx(part["after"]))
    at += len(parts)
    assert sum(row[2] for row in rows[at - len(parts) : at]) == pytest.approx(change["difference"])
    assert rows[at][1:5] == ("订单", change["difference"], change["before"], change["after"])
    assert [row[1:5] for row in rows[at + 1 : at + 3]] == [
        ("目标", None, None, whole["target"]),
        ("达成率", None, None, pytest.approx(whole["attainment"])),
    ]
    assert rows[0][0] == f"PDCA改善表 · {said['dealer']} · 2026-10"
    head = rows[2][0]
    assert [float(number) for number in re.findall(r"[+-]?\d+(?:\.\d+)?", head)] == [
        change["after"],
        whole["target"],
        round(whole["attainment"] * 100, 1),
        change["before"],
        change["difference"],
    ]
    assert rows[3][0].startswith(f"记录说明的原因 {len(findings)} 条")


def test_rows_below_the_causes_follow_them_and_the_chart_its_steps(told: tuple[Path, Any]) -> None:
    target, said = told
    sheet, rows = read(target)
    count = len(said["findings"])
    assert {str(area) for area in sheet.merged_cells.ranges} == {"A5:E5", "F5:H5", "I5:J5"}
    assert {sheet.row_dimensions[row].height for row in range(7, 7 + count)} == {48}
    assert sheet.row_dimensions[7 + count].height is None
    page = sheet.page_setup
    assert (page.orientation, page.paperSize, page.fitToHeight) == ("landscape", 9, 0)
    assert sheet.sheet_properties.pageSetUpPr.fitToPage
    first = next(at for at, row in enumerate(rows, 1) if row[1] == "步骤") + 1
    last = first + len(said["changes"][0]["parts"]) - 1
    with zipfile.ZipFile(target) as archive:
        chart = archive.read("xl/charts/chart1.xml").decode()
        anchor = archive.read("xl/drawings/drawing1.xml").decode()
    assert re.findall(r"<c:f>([^<]*)</c:f>", chart) == [f"PDCA!${letter}${first}:${letter}${last}" for letter in "BC"]
    assert chart.count("<c:pt ") == 2 * len(said["changes"][0]["parts"])
    top = re.search(r"<xdr:from>.*?<xdr:row>(\d+)</xdr:row>", anchor)
    assert top
    assert int(top[1]) == first - 3, "beside the heading of the steps"


def test_a_month_without_causes_says_so_and_has_no_boxes_to_tick(sample: Sample) -> None:
    def silent(found: Diagnosed) -> Diagnosed:
        nothing = replace(found.diagnosis, findings=(), checklist=())
        return replace(found, diagnosis=nothing, changes=())

    rows = read(filled(sample, Path("reports"), silent)[0])[1]
    assert rows[3][0].startswith("没有看出原因")
    assert rows[8][0] == "要问人的：没有"
    assert rows[6] == rows[10] == (None,) * 11
    assert rows[15][:5] == (None,) * 5
    assert rows[16][1:5] == ("订单", None, None, 48)
    assert rows[2][0] == "订单 48 台；目标 45，达成 106.7%；没有上月可比"


@pytest.mark.parametrize("name", ["=1+1", "{{ report.month }}", '<b>&"', "+86", "@SUM(A1)"])
def test_what_came_from_data_is_text(sample: Sample, name: str) -> None:
    def named(found: Diagnosed) -> Diagnosed:
        one = cause(found, name)
        told = replace(one, question=replace(one.question, cause=replace(one.question.cause, zh=name)))
        return replace(found, diagnosis=replace(found.diagnosis, findings=(told,)))

    path, _ = filled(sample, Path("reports"), named)
    cell = load_workbook(path)["PDCA"]["B7"]
    assert (cell.data_type, cell.value) == ("s", f"{name}：{name}")


def test_a_book_without_models_is_told_once(sample: Sample) -> None:
    for words in (("diagnose", "--template", NAME), ("report", "--template", NAME), ("templates", "check", NAME)):
        ended = on(sample, *words, "--book", "scorecard", "--json")
        assert (ended.code, ended.document["error"]["code"]) == (2, "no_models"), words
        assert ended.err.count("scorecard") == 1, words
    assert not Path("reports").exists()


def test_the_diagnosis_is_made_once_and_is_the_same_with_a_sheet(
    sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    def again(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("kpicli.pipeline.templates.diagnosed", again)
    ended = on(sample, "diagnose", "--template", NAME)
    assert ended.code == 0
    path = f"reports/2026-10 上海示例别克 {NAME}.xlsx"
    assert ended.out.endswith(f"→ {path}\n")
    alone = on(sample, "diagnose", "--json").document
    assert on(sample, "diagnose", "--template", NAME, "--json").document == {**alone, "written": [path]}


def test_any_template_can_be_filled_and_none_with_one_persons_causes(sample: Sample) -> None:
    ended = on(sample, "diagnose", "--template", "绩效管理表", "--template", NAME, "--out", "放", "--json")
    assert [Path(path).name.split()[-1] for path in ended.document["written"]] == ["绩效管理表.xlsx", f"{NAME}.xlsx"]
    ended = on(sample, "diagnose", "--template", NAME, "--consultant", "张伟", "--json")
    assert (ended.code, ended.document["error"]["code"]) == (2, "template_alone")
    ended = on(sample, "diagnose", "--template", "PDCA", "--json")
    assert (ended.code, ended.document["error"]["code"]) == (2, "no_template")
    assert NAME in ended.err
    assert not Path("reports").exists()


def test_what_was_meant_is_told_of_the_diagnosis_too(sample: Sample) -> None:
    book = load_workbook(shipped()[NAME])
    sheet = book["PDCA"]
    sheet["C7"], sheet["C17"] = "{{ row.evidenc }}", "{{ change.diference }}"
    sheet["A11"].comment = Comment("repeat: checklists", "kpicli")
    book.save("错.xlsx")
    found = on(sample, "templates", "check", "错.xlsx", "--json")
    assert found.code == 2
    near = {one["cell"]: one["near"] for one in found.document["mistakes"]}
    assert "row.evidence" in near["C7"]
    assert "change.difference" in near["C17"]
    assert "checklist" in near["A11"]
    marks = call("templates", "explain", NAME, "--json").document["marks"]
    assert {"sheet": "PDCA", "cell": "A7", "mark": "repeat: findings"} in marks
