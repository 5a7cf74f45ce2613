"""The filler on a rich template: what it does not touch stays byte for byte, and everything in it is still there."""

import io
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import openpyxl
import pytest
from openpyxl import load_workbook
from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from kpicli.fill import PathError, Scope, TemplateError, Value, check, fill, marks
from kpicli.fill.marks import MarkError, Repeat, Text
from kpicli.fill.references import Block, Copy, Growth, moved, moved_area
from kpicli.opc import PackageError

pytestmark = pytest.mark.filterwarnings("ignore:.*extension is not supported")  # openpyxl, of what it would lose
SIZES = (0, 1, 3, 500)
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c4944415408d763f8cfc000000301010018dd8db00000000049454e44ae426082"
)


@dataclass
class Said:
    """Paths and lists, as a template may ask for them."""

    values: Mapping[str, Value] = field(default_factory=dict)
    lists: Mapping[str, Sequence["Said"]] = field(default_factory=dict)

    def value(self, path: str) -> Value:
        if path not in self.values:
            raise PathError("")
        return self.values[path]

    def rows(self, name: str) -> Sequence[Scope]:
        if name not in self.lists:
            raise PathError("")
        return self.lists[name]

    def across(self, column: Scope) -> Scope:
        assert isinstance(column, Said)
        found = {path.replace("row.", "column."): value for path, value in column.values.items()}
        met = f"{self.values.get('row.name', '全店')}×{column.values['row.name']}"
        return Said(found | {"row.name": column.values["row.name"], "cell": met} | dict(self.values), self.lists)


def said(count: int) -> Said:
    """A report with so many people in it."""
    report = {"report.month": "2026-10", "report.day": date(2026, 10, 31), "kpi.rate": 0.25, "kpi.none": None}
    people = [
        Said(report | {"row.name": f"=员{n}", "row.visits": n + 1, "row.orders": n % 7, "row.rate": n / 100})
        for n in range(count)
    ]
    return Said(report, {"people": people, "empty": []})


def rich(path: Path) -> Path:
    """A template with everything that is easily lost."""
    book = Workbook(path)
    book.set_properties({"title": "报表", "author": "总部"})
    sheet, other = book.add_worksheet("报表"), book.add_worksheet("另 一页")
    rate, head = book.add_format({"num_format": "0.0%", "border": 1}), book.add_format({"bold": True})
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    sheet.merge_range("A1:F1", "{{ report.month }} 报表", head)
    sheet.write("A2", "截至 {{ report.month }}，比率 {{ kpi.rate }}")
    sheet.write("B2", "{{ report.day }}", day)
    sheet.write("C2", "{{ kpi.none }}", rate)
    sheet.write_row("A4", ["姓名", "到店", "订单", "比率", "份额", "累计", "线"], head)
    for place, mark in enumerate(("row.name", "row.visits", "row.orders")):
        sheet.write(4, place, f"{{{{ {mark} }}}}")
    sheet.write("D5", "{{ row.rate }}", rate)
    sheet.write_formula("E5", "=B5/SUM(B$5:B$5)", rate)
    sheet.write_formula("F5", "=SUM(C$5:C5)")
    sheet.write_comment("A5", "repeat: people\nsort: orders desc", {"author": "kpicli"})
    sheet.add_sparkline("G5", {"range": "报表!B5:C5"})
    sheet.write("A6", "合计", head)
    sheet.write_formula("B6", "=SUM(B5:B5)")
    sheet.write_formula("C6", "=SUM(C5:C5)")
    sheet.write_formula("D6", '=IF(B6=0,"",C6/B6)', rate)
    sheet.write_formula("E6", "=ROUND(AVERAGE(D5:D5),3)")
    sheet.write("A8", "备注", head)
    sheet.write_comment("A8", "这一条是给人看的", {"author": "总部"})
    sheet.write_url("A9", "https://example.com/", string="手册")
    sheet.write_url("B9", "internal:'另 一页'!A1", string="另一页")
    sheet.merge_range("A10:C10", "签字", head)
    sheet.conditional_format("B5:B5", {"type": "data_bar", "data_bar_2010": True})
    sheet.conditional_format("C5:C5", {"type": "data_bar"})
    sheet.conditional_format("D5:D5", {"type": "3_color_scale"})
    sheet.conditional_format("E5:E5", {"type": "icon_set", "icon_style": "3_arrows"})
    sheet.conditional_format("A5:D5", {"type": "formula", "criteria": "=$C5>5", "format": head})
    sheet.data_validation("C5:C5", {"validate": "integer", "criteria": "between", "minimum": 0, "maximum": 99})
    sheet.freeze_panes(4, 1)
    sheet.repeat_rows(3)
    sheet.print_area("A1:G10")
    sheet.set_h_pagebreaks([6])
    sheet.set_header("&C&G", {"image_center": "logo.png", "image_data_center": io.BytesIO(PIXEL)})
    sheet.set_footer("&L页脚&R&P")
    sheet.protect("", {"format_cells": True})
    sheet.set_row(8, 30, None, {"level": 1})
    combo, line = book.add_chart({"type": "column"}), book.add_chart({"type": "line"})
    combo.add_series({"name": "到店", "categories": "=报表!$A$5:$A$5", "values": "=报表!$B$5:$B$5"})
    line.add_series({"name": "订单", "categories": "=报表!$A$5:$A$5", "values": "=报表!$C$5:$C$5"})
    combo.combine(line)
    sheet.insert_chart("I3", combo)
    doughnut = book.add_chart({"type": "doughnut"})
    doughnut.add_series({"categories": "=报表!$A$5:$A$5", "values": "=报表!$B$5:$B$5"})
    sheet.insert_chart("A12", doughnut)
    sheet.insert_image("F12", "logo.png", {"image_data": io.BytesIO(PIXEL)})
    sheet.insert_textbox("H12", "文本框一")
    sheet.insert_textbox("H16", "文本框二")
    other.write_formula("A1", "=SUM(报表!B5:B5)")
    other.write_formula("A2", "=报表!B6*2")
    other.write_formula("A3", "=到店数+1")
    other.add_table("C1:D3", {"columns": [{"header": "甲"}, {"header": "乙"}], "data": [[1, 2], [3, 4]]})
    book.define_name("到店数", "=SUM(报表!$B$5:$B$5)")
    book.close()
    return path


@pytest.fixture
def template() -> Path:
    return rich(Path("模板.xlsx"))


def filled(template: Path, count: int) -> Path:
    target = Path(f"结果{count}.xlsx")
    fill(template, target, said(count))
    return target


def parts(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


# What is filled


@pytest.mark.parametrize("count", SIZES)
def test_every_row_has_its_values_its_formulas_and_what_they_come_to(template: Path, count: int) -> None:
    target = filled(template, count)
    values, formulas = (load_workbook(target, data_only=only)["报表"] for only in (True, False))
    people = sorted(said(count).lists["people"], key=lambda one: -int(str(one.values["row.orders"])))
    last = 4 + max(count, 1)
    total = sum(int(str(one.values["row.visits"])) for one in people)
    running = 0
    for row, one in enumerate(people, 5):
        running += int(str(one.values["row.orders"]))
        told = [one.values[f"row.{key}"] for key in ("name", "visits", "orders", "rate")]
        assert [values.cell(row, column).value for column in range(1, 5)] == told
        assert values.cell(row, 1).data_type == "s"
        assert formulas.cell(row, 5).value == f"=B{row}/SUM(B$5:B${last})"
        assert values.cell(row, 5).value == pytest.approx(int(str(one.values["row.visits"])) / total)
        assert formulas.cell(row, 6).value == f"=SUM(C$5:C{row})"
        assert values.cell(row, 6).value == running
        assert values.cell(row, 4).number_format == "0.0%"
    assert formulas.cell(last + 1, 2).value == f"=SUM(B5:B{last})"
    assert values.cell(last + 1, 2).value == total
    assert values.cell(last + 1, 3).value == running
    second = load_workbook(target, data_only=True)["另 一页"]
    assert [second.cell(row, 1).value for row in (1, 2, 3)] == [total, total * 2, total + 1]


def test_marks_in_text_become_text_and_an_empty_value_an_empty_cell(template: Path) -> None:
    sheet = load_workbook(filled(template, 3), data_only=True)["报表"]
    assert sheet["A1"].value == "2026-10 报表"
    assert sheet["A2"].value == "截至 2026-10，比率 0.25"
    assert sheet["B2"].value.date() == date(2026, 10, 31)
    assert sheet["C2"].value is None
    assert sheet["C2"].number_format == "0.0%"


# What is kept, and what follows


@pytest.mark.parametrize("count", SIZES)
def test_parts_that_are_not_touched_are_the_same_to_the_byte(template: Path, count: int) -> None:
    before, after = parts(template), parts(filled(template, count))
    kept = (
        "styles",
        "theme",
        "media/",
        "docProps/core",
        "sharedStrings",
        "tables/table1",
        "docProps/app",
        "_rels/.rels",
    )
    same = {name for name in before if any(word in name for word in kept)}
    assert len(same) > 7
    assert all(before[name] == after[name] for name in same)
    assert set(after) <= set(before)
    if count <= 1:
        assert before["xl/drawings/drawing1.xml"] == after["xl/drawings/drawing1.xml"]


@pytest.mark.parametrize("count", SIZES)
def test_everything_is_there_and_follows_its_rows(template: Path, count: int) -> None:
    more = max(count, 1) - 1
    last = 5 + more
    target = filled(template, count)
    package = {name: content.decode("utf-8", "replace") for name, content in parts(target).items()}
    sheet, chart = package["xl/worksheets/sheet1.xml"], package["xl/charts/chart1.xml"]

    def spread(column: str) -> str:
        return f"{column}5" if not more else f"{column}5:{column}{last}"

    for column in "BCDE":
        assert f'<conditionalFormatting sqref="{spread(column)}">' in sheet
    assert f'sqref="{"A5:D5" if not more else f"A5:D{last}"}"' in sheet
    assert (
        f'<dataValidation type="whole" allowBlank="1" showInputMessage="1" showErrorMessage="1" sqref="{spread("C")}">'
        in sheet
    )
    assert f"<xm:sqref>{spread('B')}</xm:sqref>" in sheet  # the data bar of 2010
    lines = re.findall(r"<xm:f>报表!B(\d+):C(\d+)</xm:f><xm:sqref>G(\d+)</xm:sqref>", sheet)
    assert lines == [(str(row),) * 3 for row in range(5, last + 1)]
    assert sorted(re.findall(r'<mergeCell ref="(.*?)"', sheet)) == sorted(["A1:F1", f"A{10 + more}:C{10 + more}"])
    assert f'<brk id="{6 + more}"' in sheet
    assert f'<hyperlink ref="A{9 + more}"' in sheet
    assert f'<row r="{9 + more}" ' in sheet
    assert re.search(rf'<row r="{9 + more}"[^>]*ht="30"[^>]*outlineLevel="1"', sheet)
    assert all(
        word in sheet
        for word in ("<sheetProtection", "iconSet", "colorScale", "<pane ", "oddFooter", "legacyDrawingHF")
    )
    assert f"报表!$A$1:$G${10 + more}" in package["xl/workbook.xml"]
    assert f"SUM(报表!$B$5:$B${last})" in package["xl/workbook.xml"]
    assert "报表!$4:$4" in package["xl/workbook.xml"]
    assert f"<c:f>报表!$B$5:$B${last}</c:f>" in chart
    assert chart.count(f'<c:ptCount val="{more + 1}"/>') == 4
    doughnut = package["xl/charts/chart2.xml"]
    assert f"<c:f>报表!$B$5:$B${last}</c:f>" in doughnut
    drawing = package["xl/drawings/drawing1.xml"]
    assert drawing.count("文本框") == 2
    rows = [int(row) for row in re.findall(r"<xdr:from>.*?<xdr:row>(\d+)</xdr:row>", drawing)]
    assert sorted(rows) == [2, 11 + more, 11 + more, 11 + more, 15 + more]
    assert "这一条是给人看的" in package["xl/comments1.xml"]
    assert "repeat" not in package["xl/comments1.xml"]
    assert f'<comment ref="A{8 + more}"' in package["xl/comments1.xml"]
    assert f"<x:Row>{7 + more}</x:Row>" in package["xl/drawings/vmlDrawing1.vml"]
    assert package["xl/drawings/vmlDrawing1.vml"].count("<x:Row>") == 1


def test_the_charts_preview_shows_the_filled_values(template: Path) -> None:
    chart = parts(filled(template, 3))["xl/charts/chart1.xml"].decode()
    assert re.findall(r"<c:v>(=员\d)</c:v>", chart)[:3] == ["=员2", "=员1", "=员0"]
    assert re.findall(r'<c:numCache>.*?<c:pt idx="0"><c:v>(\d+)</c:v>', chart) == ["3", "2"]


@pytest.mark.long
def test_libreoffice_computes_what_the_cells_say(template: Path) -> None:
    computed = recalculated([filled(template, count) for count in SIZES])
    for count, (target, again) in zip(SIZES, computed.items(), strict=True):
        ours, theirs = (load_workbook(path, data_only=True) for path in (target, again))
        seen = 0
        for sheet in load_workbook(target):
            for cell in (cell for row in sheet.iter_rows() for cell in row if cell.data_type == "f"):
                seen += 1
                one, other = (book[sheet.title][cell.coordinate].value for book in (ours, theirs))
                assert one == other or (one or 0) == pytest.approx(other or 0), (count, sheet.title, cell.coordinate)
        assert seen >= 7 + 2 * max(count, 1)


def recalculated(targets: Sequence[Path]) -> dict[Path, Path]:
    """Workbooks as LibreOffice saves them again, with every formula computed anew."""
    if not shutil.which("soffice"):
        pytest.skip("needs LibreOffice")
    home = f"-env:UserInstallation=file://{Path('home').resolve()}"
    words = ["soffice", home, "--headless", "--convert-to", "xlsx:Calc MS Excel 2007 XML", "--outdir", "again"]
    subprocess.run([*words, *targets], check=True, capture_output=True)
    return {target: Path("again") / target.name for target in targets}


# What is wrong with a template


def simple(*cells: tuple[str, str], notes: Mapping[str, str] | None = None) -> Path:
    book = Workbook("简单.xlsx")
    sheet = book.add_worksheet("页")
    for place, text in cells:
        sheet.write_string(place, text)
    for place, text in (notes or {}).items():
        sheet.write_comment(place, text)
    book.close()
    return Path("简单.xlsx")


def test_mistakes_name_their_cells_and_nothing_is_written() -> None:
    template = simple(
        ("B2", "{{ kpi.rat }}"), ("A4", "{{ row.nam }}"), notes={"A4": "repeat: people", "A6": "repeat: folk"}
    )
    found = check(template, said(2))
    assert [(one.sheet, one.cell, one.code, one.text) for one in found] == [
        ("页", "A6", "unknown_path", "folk"),
        ("页", "B2", "unknown_path", "kpi.rat"),
        ("页", "A4", "unknown_path", "row.nam"),
    ]
    with pytest.raises(TemplateError):
        fill(template, Path("结果.xlsx"), said(2))
    assert not Path("结果.xlsx").exists()


def test_notes_that_begin_like_marks_are_told() -> None:
    wrong = ("repeat: people\ndirection: up", "repeat: people\ndirection: right\nrows: 2", "repeat: people\ncolumns: 2")
    for text in (*wrong, "repeat: people\nrows: many", "repeat: people\nsort: name up", "repeat: people\ncolour: red"):
        assert [one.code for one in check(simple(("A4", "x"), notes={"A4": text}), said(1))] == ["bad_mark"]
    overlap = simple(("A4", "x"), notes={"A4": "repeat: people\nrows: 2", "A5": "repeat: people\nrows: 2"})
    assert [one.code for one in check(overlap, said(1))] == ["repeats_overlap"]


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06" + bytes(18), b"no workbook at all"])
def test_what_is_no_workbook_is_refused(content: bytes) -> None:
    Path("坏.xlsx").write_bytes(content)
    with pytest.raises(PackageError):
        fill(Path("坏.xlsx"), Path("结果.xlsx"), said(1))


def test_a_part_with_a_doctype_is_refused(template: Path) -> None:
    with zipfile.ZipFile("恶.xlsx", "w") as archive:
        for name, content in parts(template).items():
            evil = b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>' if name == "xl/workbook.xml" else b""
            archive.writestr(name, content.replace(b"?>\n", b"?>\n" + evil, 1))
    with pytest.raises(PackageError):
        fill(Path("恶.xlsx"), Path("结果.xlsx"), said(1))


def test_a_template_says_which_cell_gets_what(template: Path) -> None:
    found = marks(template)
    assert ("报表", "A5", "repeat: people; sort: orders desc") in found
    assert ("报表", "D5", "row.rate") in found


def test_a_limit_a_sort_and_several_rows_a_copy() -> None:
    cells = (("A2", "{{ row.name }}"), ("A3", "{{ row.orders }}"), ("A4", "末"))
    template = simple(*cells, notes={"A2": "总部:\nrepeat: people\nrows: 2\nsort: visits desc\nlimit: 2"})
    fill(template, Path("结果.xlsx"), said(9))
    sheet = load_workbook("结果.xlsx").active
    assert sheet is not None
    assert [sheet.cell(row, 1).value for row in range(2, 7)] == ["=员8", 1, "=员7", 0, "末"]


# What a review of the first version found


def block(make: Callable[[Workbook, Worksheet], object], name: str = "块.xlsx") -> Path:
    """A sheet with a header in row 4, a repeated row 5 and a sum below it, and what a test adds."""
    book = Workbook(name)
    sheet = book.add_worksheet("页")
    sheet.write_row("A4", ["姓名", "到店", "订单"])
    for place, mark in enumerate(("row.name", "row.visits", "row.orders")):
        sheet.write(4, place, f"{{{{ {mark} }}}}")
    sheet.write_comment("A5", "repeat: people")
    sheet.write_formula("B6", "=SUM(B5:B5)")
    make(book, sheet)
    book.close()
    return Path(name)


def sheets_of(template: Path, count: int = 3) -> dict[str, str]:
    fill(template, Path("结果.xlsx"), said(count))
    return {name: content.decode() for name, content in parts(Path("结果.xlsx")).items() if name.endswith(".xml")}


def test_rows_without_cells_keep_their_end_tag() -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet["A1"], sheet["A5"] = "{{ report.month }}", "x"
    sheet.row_dimensions[3].height = 30
    book.save("空行.xlsx")
    fill(Path("空行.xlsx"), Path("结果.xlsx"), said(1))
    assert load_workbook("结果.xlsx").active["A5"].value == "x"


def test_array_formulas_move_and_are_left_to_the_next_program() -> None:
    def make(_: Workbook, sheet: Worksheet) -> None:
        sheet.write_array_formula("C8:C8", "{=SUM(B5:B5*C5:C5)}", None, 50)
        sheet.write_formula("D8", "=C8*2", None, 100)
        sheet.write_array_formula("D5:D5", "{=SUM(B5:B5*C5:C5)}", None, 50)

    text = sheets_of(block(make))["xl/worksheets/sheet1.xml"]
    assert '<c r="C10"><f t="array" ref="C10">SUM(B5:B7*C5:C7)</f></c>' in text
    assert '<c r="D10"><f>C10*2</f></c>' in text
    assert re.findall(r'<c r="(D\d)"><f t="array" ref="(D\d)">', text) == [("D5", "D5"), ("D6", "D6"), ("D7", "D7")]
    assert 'fullCalcOnLoad="1"' in sheets_of(block(make))["xl/workbook.xml"]


def test_whole_columns_stay_whole_columns() -> None:
    def make(book: Workbook, sheet: Worksheet) -> None:
        sheet.conditional_format("B1:B1048576", {"type": "top", "value": 3, "format": book.add_format({"bold": True})})
        sheet.write_formula("E1", "=SUM(C2:C1048576)")

    text = sheets_of(block(make))["xl/worksheets/sheet1.xml"]
    assert "1048577" not in text
    assert "1048578" not in text
    assert moved_area("2:2", Growth([Block(5, 5, 3)])) == "2:2"


def test_a_rule_of_a_block_reads_each_row_as_its_own() -> None:
    def make(book: Workbook, sheet: Worksheet) -> None:
        form = book.add_format({"bold": True})
        for rule in ("=SUM($B5:$C5)>25", "=$B5/$B6>0.3", "=$B5=MAX($B$5:$B$5)"):
            sheet.conditional_format("A5:C5", {"type": "formula", "criteria": rule, "format": form})

    text = sheets_of(block(make))["xl/worksheets/sheet1.xml"]
    told = re.findall(r"<formula>(.*?)</formula>", text)
    assert told == ["SUM($B5:$C5)&gt;25", "$B5/$B$8&gt;0.3", "$B5=MAX($B$5:$B$7)"]


def test_the_header_picture_stays_whichever_drawing_is_named_first() -> None:
    def make(_: Workbook, sheet: Worksheet) -> None:
        sheet.set_header("&C&G", {"image_center": "logo.png", "image_data_center": io.BytesIO(PIXEL)})

    template = block(make)
    package = parts(template)
    links = "xl/worksheets/_rels/sheet1.xml.rels"
    entries = re.findall(rb"<Relationship .*?/>", package[links])
    for before, after in zip(entries, reversed(entries), strict=True):
        package[links] = package[links].replace(before, b"#" + after[1:] + b"#", 1)
    package[links] = package[links].replace(b"#Relationship", b"<Relationship").replace(b"/>#", b"/>")
    with zipfile.ZipFile("转.xlsx", "w") as archive:
        for name, content in package.items():
            archive.writestr(name, content)
    fill(Path("转.xlsx"), Path("结果.xlsx"), said(2))
    after = parts(Path("结果.xlsx"))
    assert b"legacyDrawingHF" in after["xl/worksheets/sheet1.xml"]
    assert b"<legacyDrawing " not in after["xl/worksheets/sheet1.xml"]
    assert any(b"image" in content for name, content in after.items() if name.endswith(".vml.rels"))


def test_charts_over_a_single_cell_and_on_a_sheet_of_their_own_grow() -> None:
    def make(book: Workbook, sheet: Worksheet) -> None:
        for place in (sheet.insert_chart, None):
            chart = book.add_chart({"type": "bar"})
            chart.add_series({"name": "=页!$B$4", "categories": "=页!$A$5", "values": "=页!$B$5"})
            if place:
                place("E1", chart)
            else:
                book.add_chartsheet("图").set_chart(chart)

    package = sheets_of(block(make))
    for name in ("xl/charts/chart1.xml", "xl/charts/chart2.xml"):
        assert re.findall(r"<c:f>(.*?)</c:f>", package[name]) == ["页!$B$4", "页!$A$5:$A$7", "页!$B$5:$B$7"]


def test_a_name_that_means_another_thing_on_another_sheet_is_left_to_the_next_program() -> None:
    def make(book: Workbook, sheet: Worksheet) -> None:
        other = book.add_worksheet("二")
        book.define_name("页!tot", "=页!$B$6")
        book.define_name("二!tot", "=二!$G$1")
        sheet.write_formula("D9", "=tot*2")
        other.write("G1", 100)
        other.write_formula("A1", "=tot", None, 100)

    package = sheets_of(block(make))
    assert '<c r="D11"><f>tot*2</f></c>' in package["xl/worksheets/sheet1.xml"]
    assert '<c r="A1"><f>tot</f></c>' in package["xl/worksheets/sheet2.xml"]


def test_blocks_of_the_same_rows_go_together() -> None:
    def make(book: Workbook, _: Worksheet) -> None:
        other = book.add_worksheet("二")
        other.write("A5", "{{ row.name }}")
        other.write_comment("A5", "repeat: people")
        other.write_formula("B5", "=页!B5*2")

    text = sheets_of(block(make))["xl/worksheets/sheet2.xml"]
    assert re.findall(r"<f>(.*?)</f><v>(.*?)</v>", text) == [("页!B5*2", "2"), ("页!B6*2", "4"), ("页!B7*2", "6")]


def test_column_breaks_stay_and_other_sheets_sparklines_links_and_texts_follow() -> None:
    def make(book: Workbook, sheet: Worksheet) -> None:
        other = book.add_worksheet("二")
        sheet.set_v_pagebreaks([6])
        sheet.add_sparkline("G5", {"range": "二!B20:F20"})
        sheet.insert_textbox("I1", "", {"textlink": "=$B$6"})
        other.write_url("A1", "internal:'页'!A6")

    package = sheets_of(block(make))
    text = package["xl/worksheets/sheet1.xml"]
    assert '<colBreaks count="1" manualBreakCount="1"><brk id="6"' in text
    assert re.findall(r"<xm:f>(.*?)</xm:f>", text) == ["二!B20:F20"] * 3
    assert 'textlink="$B$8"' in package["xl/drawings/drawing1.xml"]
    assert "location=\"'页'!A8\"" in package["xl/worksheets/sheet2.xml"]


def test_no_value_makes_a_file_that_needs_repair() -> None:
    template = simple(("A1", "{{ v }}"))
    kept = "型号_x005F_x0041_B"  # as Excel writes what is no escape
    for value, expected in (
        (float("nan"), None),
        (float("inf"), None),
        ("型号_x0041_B", kept),
        ("\x00a", "a"),
    ):
        fill(template, Path("结果.xlsx"), Said({"v": value}))
        assert load_workbook("结果.xlsx").active["A1"].value == expected
    fill(template, Path("结果.xlsx"), Said({"v": "😀" * 40_000}))
    assert len(load_workbook("结果.xlsx").active["A1"].value.encode("utf-16-le")) == 2 * 32_766


def test_what_cannot_follow_is_refused_with_its_cell() -> None:
    def merged(_: Workbook, sheet: Worksheet) -> None:
        sheet.merge_range("E4:E5", "x")

    def filled_head(_: Workbook, sheet: Worksheet) -> None:
        sheet.add_table("E8:F9", {"columns": [{"header": "{{ report.month }}"}, {"header": "x"}]})

    assert [(one.cell, one.code) for one in check(block(merged), said(1))] == [("E4", "merge_over_edge")]
    assert [(one.cell, one.code) for one in check(block(filled_head), said(1))] == [("E8", "table_header")]


def test_a_bomb_of_shapes_or_elements_is_refused_at_once(template: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kpicli.opc.markup._MOST_ELEMENTS", 10_000)  # a million would take a while to write
    package = parts(template)
    for name, content in (
        ("xl/drawings/vmlDrawing1.vml", package["xl/drawings/vmlDrawing1.vml"] + b"<v:shape >" * 30_000),
        (
            "xl/worksheets/sheet2.xml",
            package["xl/worksheets/sheet2.xml"].replace(b"<row ", b"<c/>" * 11_000 + b"<row ", 1),
        ),
    ):
        with zipfile.ZipFile("炸.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
            for part, kept in package.items():
                archive.writestr(part, content if part == name else kept)
        with pytest.raises(PackageError):
            fill(Path("炸.xlsx"), Path("结果.xlsx"), said(1))


# The parts by themselves


def test_a_mark_is_one_cell_or_part_of_a_text() -> None:
    assert Text.read("no marks { } {{}") is None
    whole = Text.read(" {{ kpi.rate }} ")
    assert whole is not None
    assert whole.whole
    assert Repeat.read("please check") is None
    assert Repeat.read("repeat: week") == Repeat("week")
    with pytest.raises(MarkError):
        Repeat.read("repeat: week\nlimit: 0")


@pytest.mark.parametrize(
    ("formula", "copy", "expected"),
    [
        ("SUM(B5:B5)", None, "SUM(B5:B7)"),
        ("SUM(B4:B6)", None, "SUM(B4:B8)"),
        ("B5+B6", None, "B5+B8"),
        ("B5*C5", 1, "B6*C6"),
        ("B5/SUM(B$5:B$5)", 2, "B7/SUM(B$5:B$7)"),
        ("F4+C5", 0, "F4+C5"),
        ("F4+C5", 2, "F6+C7"),
        ("B5/B6", 1, "B6/B8"),
        ("B5/$B$2", 1, "B6/$B$2"),
        ("'S'!B5+\"B5\"", None, "'S'!B5+\"B5\""),
        ("Other!B5:B9", None, "Other!B5:B9"),
        ("5:5", None, "5:7"),
        ("A:A", None, "A:A"),
        ("LOG10(B6)", None, "LOG10(B8)"),
        ("YTD2026*2", None, "YTD2026*2"),
        ("SUM(B4:INDEX(B:B,6))", None, "SUM(B4:INDEX(B:B,6))"),
        ("SUM(B6:OFFSET(B5,1,0))", None, "SUM(B8:OFFSET(B5,1,0))"),
        ("SUM(INDEX(B:B,2):B5)", None, "SUM(INDEX(B:B,2):B7)"),
        ("SUM(S!B5:S!B5)", None, "SUM(S!B5:S!B7)"),
        ("SUM(S:T!B5)", None, "SUM(S:T!B5)"),
    ],
)
def test_references_follow_the_rows(formula: str, copy: int | None, expected: str) -> None:
    block = Block(5, 5, 3)
    seen = Copy("S", block, copy) if copy is not None else None
    assert moved(formula, "S", {"S": Growth([block]), "Other": Growth()}, seen) == expected


def test_areas_follow_the_rows() -> None:
    growth = Growth([Block(5, 6, 2), Block(10, 10, 4)])
    assert moved_area("A5:B6 C1 D7:D10 A:B", growth) == "A5:B8 C1 D9:D15 A:B"
