"""What lies around the cells of a template when its blocks are repeated: areas, breaks, filters, shapes, charts."""

import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from openpyxl import load_workbook
from xlsxwriter import Workbook
from xlsxwriter.chart import Chart
from xlsxwriter.worksheet import Worksheet

from kpicli.fill import fill, marks
from kpicli.fill.frame import moved_frame, moved_shapes
from kpicli.fill.marks import Text
from kpicli.fill.references import Block, Growth
from kpicli.opc.markup import Draft

from .test_fill_blocks import Shop, shop

pytestmark = pytest.mark.filterwarnings("ignore:.*extension is not supported")  # openpyxl, of what it would lose
Make = Callable[[Workbook, Worksheet], None]
DAYS = "repeat: days\ndirection: right"
SHEET, CHART, DRAWING = "xl/worksheets/sheet1.xml", "xl/charts/chart1.xml", "xl/drawings/drawing1.xml"
VML = "xl/drawings/vmlDrawing1.vml"


def filled(
    make: Make, scope: Shop, notes: Mapping[str, str], edits: Mapping[str, tuple[str, str]] | None = None
) -> dict[str, str]:
    """The parts of a filled template that a function has put on its sheet, notes and edits of its parts besides."""
    book = Workbook("模板.xlsx")
    sheet = book.add_worksheet("表")
    for place, text in notes.items():
        sheet.write_comment(place, text)
    make(book, sheet)
    book.close()
    for part, (old, new) in (edits or {}).items():
        edited(Path("模板.xlsx"), part, old, new)
    fill(Path("模板.xlsx"), Path("结果.xlsx"), scope)
    load_workbook("结果.xlsx")
    return contents(Path("结果.xlsx"))


def contents(path: Path) -> dict[str, str]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name).decode("utf-8", "replace") for name in archive.namelist()}


def edited(path: Path, part: str, old: str, new: str) -> None:
    """Change a part as the writer of the template cannot; what is to be changed has to be there."""
    texts = contents(path)
    assert old in texts[part]
    texts[part] = texts[part].replace(old, new)
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in texts.items():
            archive.writestr(name, text)


def people(sheet: Worksheet) -> None:
    """A row for each of them."""
    sheet.write_string("A5", "{{ row.name }}")
    sheet.write_string("B5", "{{ row.visits }}")


def crossed(sheet: Worksheet) -> None:
    """People down, days to the right."""
    sheet.write_string("B4", "{{ column.name }}")
    sheet.write_string("A5", "{{ row.name }}")
    sheet.write_string("B5", "{{ cell.visits }}")


CROSSED = {"B4": DAYS, "A5": "repeat: people"}


# Areas


def areas(_: Workbook, sheet: Worksheet) -> None:
    bold = {"type": "formula", "criteria": "=B5>100"}
    sheet.conditional_format("B5", {"type": "data_bar", "data_bar_2010": True})
    sheet.conditional_format("A5:C6", bold)
    sheet.data_validation("B6", {"validate": "list", "source": "=另!$A$1:$A$3"})
    sheet.unprotect_range("C5", "区")
    sheet.ignore_errors({"number_stored_as_text": "C6"})
    sheet.write_url("A6", "https://example.com/", string="看")
    sheet.write_url("B6", "internal:表!C5", string="去")


def test_what_is_in_a_part_of_a_block_is_in_that_part_of_every_copy() -> None:
    text = filled(areas, shop(3, 1), {"A5": "repeat: people\nrows: 2"})[SHEET]
    assert re.findall('<conditionalFormatting sqref="(.*?)"', text) == ["B5 B7 B9", "A5:C10"]
    assert re.findall("<xm:sqref>(.*?)</xm:sqref>", text) == ["B5 B7 B9"]
    assert re.findall('<dataValidation .*?sqref="(.*?)"', text) == ["B6 B8 B10"]
    assert re.findall('<protectedRange sqref="(.*?)"', text) == ["C5 C7 C9"]
    assert re.findall('<ignoredError sqref="(.*?)"', text) == ["C6 C8 C10"]
    links = re.findall('<hyperlink ref="(.*?)" (r:id|location)="(.*?)"', text)
    assert links == [
        *((place, "r:id", "rId1") for place in ("A6", "A8", "A10")),
        ("B6", "location", "表!C5"),
        ("B8", "location", "表!C7"),
        ("B10", "location", "表!C9"),
    ]


def test_areas_in_wide_blocks_and_in_blocks_inside_others() -> None:
    def wide(_: Workbook, sheet: Worksheet) -> None:
        crossed(sheet)
        sheet.conditional_format("B5", {"type": "2_color_scale"})
        sheet.conditional_format("B5:C5", {"type": "data_bar"})
        sheet.data_validation("C5", {"validate": "integer", "criteria": ">=", "value": 0})

    text = filled(wide, shop(3, 3), {**CROSSED, "B4": f"{DAYS}\ncolumns: 2"})[SHEET]
    assert re.findall('<conditionalFormatting sqref="(.*?)"', text) == ["B5:B7 D5:D7 F5:F7", "B5:G7"]
    assert re.findall('<dataValidation .*?sqref="(.*?)"', text) == ["C5:C7 E5:E7 G5:G7"]

    def nested(_: Workbook, sheet: Worksheet) -> None:
        sheet.write_string("A4", "{{ row.name }}")
        sheet.conditional_format("A4:B4", {"type": "data_bar"})
        sheet.conditional_format("A5", {"type": "data_bar"})

    text = filled(nested, shop(5, 1), {"A3": "repeat: teams\nrows: 3", "A4": "repeat: people"})[SHEET]
    assert re.findall('<conditionalFormatting sqref="(.*?)"', text) == ["A4:B4 A7:B10", "A5 A11"]


def test_rules_of_each_group_look_at_their_own_group() -> None:
    def make(_: Workbook, sheet: Worksheet) -> None:
        sheet.write_string("A4", "{{ row.name }}")
        for formula in ("=B4>B$5/2", "=B4>B5/$B$6"):
            sheet.conditional_format("B4", {"type": "formula", "criteria": formula})
        sheet.conditional_format("A4:C4", {"type": "data_bar"})
        sheet.conditional_format("B5", {"type": "formula", "criteria": "=B5>MAX(B4:B4)"})
        sheet.data_validation("C4", {"validate": "list", "source": "=$A$4:$A$4"})
        sheet.data_validation("D1", {"validate": "list", "source": "=$A$4:$A$4"})

    text = filled(make, shop(5, 1), {"A3": "repeat: teams\nrows: 3", "A4": "repeat: people"})[SHEET]
    rules = re.findall('<conditionalFormatting sqref="(.*?)">(.*?)</conditionalFormatting>', text)
    assert [(area, re.findall("<formula>(.*?)</formula>", rule)) for area, rule in rules] == [
        ("B4", ["B4&gt;B$5/2", "B4&gt;B$5/$B$12"]),
        ("B7:B10", ["B7&gt;B$11/2", "B7&gt;B$11/$B$12"]),
        ("A4:C4 A7:C10", []),
        ("B5", ["B5&gt;MAX(B4:B4)"]),
        ("B11", ["B11&gt;MAX(B7:B10)"]),
    ]
    checks = re.findall('<dataValidation .*?sqref="(.*?)"><formula1>(.*?)<', text)
    assert checks == [("C4", "$A$4:$A$4"), ("C7:C10", "$A$7:$A$10"), ("D1", "$A$4:$A$10")]
    assert '<dataValidations count="3">' in text


def test_an_area_that_is_as_high_as_its_block_stays_one() -> None:
    def make(_: Workbook, sheet: Worksheet) -> None:
        people(sheet)
        sheet.conditional_format("A5:B5", {"type": "data_bar"})
        sheet.write_url("C5", "https://example.com/")

    text = filled(make, shop(400, 1), {"A5": "repeat: people"})[SHEET]
    assert re.findall('(?:conditionalFormatting sqref|hyperlink ref)="(.*?)"', text) == ["A5:B404", "C5:C404"]


def test_thresholds_of_conditional_formats_follow() -> None:
    def make(_: Workbook, sheet: Worksheet) -> None:
        people(sheet)
        arrow = {"criteria": ">=", "type": "number", "value": "=$B$6"}
        sheet.conditional_format("B5", {"type": "icon_set", "icon_style": "3_arrows", "icons": [arrow, arrow]})
        sheet.conditional_format("B5", {"type": "2_color_scale", "max_type": "formula", "max_value": "=$B$6*2"})
        sheet.conditional_format("B5", {"type": "data_bar", "max_type": "num", "max_value": "=$B$6"})
        sheet.conditional_format("B5", {"type": "data_bar", "max_type": "percentile", "max_value": 90})

    text = filled(make, shop(3, 1), {"A5": "repeat: people"})[SHEET]
    told = re.findall('<cfvo type="(?:num|formula|percentile)" val="(.*?)"', text)
    assert told == ["$B$8", "$B$8", "$B$8*2", "$B$8", "90"]


# Breaks, panes, filters


@pytest.mark.parametrize(("rows", "breaks"), [(2, [6, 8, 10, 12]), (1, [7, 10])])
def test_a_page_for_each_copy_of_a_block(rows: int, breaks: list[int]) -> None:
    def make(_: Workbook, sheet: Worksheet) -> None:
        sheet.set_h_pagebreaks([4 + rows, 8])

    text = filled(make, shop(3, 1), {"A5": f"repeat: people\nrows: {rows}"})[SHEET]
    assert [int(found) for found in re.findall('<brk id="(.*?)"', text)] == breaks
    assert f'<rowBreaks count="{len(breaks)}" manualBreakCount="{len(breaks)}">' in text


def test_breaks_between_columns_and_as_many_as_there_may_be() -> None:
    def make(_: Workbook, sheet: Worksheet) -> None:
        crossed(sheet)
        sheet.set_v_pagebreaks([3])
        sheet.set_h_pagebreaks([2])

    text = filled(make, shop(2, 3), {**CROSSED, "B4": f"{DAYS}\ncolumns: 2"})[SHEET]
    breaks = '<colBreaks count="3" manualBreakCount="3">' + "".join(
        f'<brk id="{place}" max="1048575" man="1"/>' for place in (3, 5, 7)
    )
    assert breaks in text
    assert '<rowBreaks count="1" manualBreakCount="1"><brk id="2"' in text

    def many(_: Workbook, sheet: Worksheet) -> None:
        sheet.set_h_pagebreaks([6])

    text = filled(many, shop(1100, 1), {"A5": "repeat: people\nrows: 2"})[SHEET]
    assert text.count("<brk ") == 1023
    assert '<rowBreaks count="1023" manualBreakCount="1023">' in text


def test_frozen_are_all_copies_of_a_frozen_block() -> None:
    def make(_: Workbook, sheet: Worksheet) -> None:
        crossed(sheet)
        sheet.freeze_panes(4, 3)

    text = filled(make, shop(3, 4), CROSSED)[SHEET]
    assert '<pane xSplit="6" ySplit="4" topLeftCell="G5"' in text

    def rows(_: Workbook, sheet: Worksheet) -> None:
        people(sheet)
        sheet.freeze_panes(6, 1)

    text = filled(rows, shop(3, 4), {"A5": "repeat: people"})[SHEET]
    assert '<pane xSplit="1" ySplit="8" topLeftCell="B9"' in text

    def split(_: Workbook, sheet: Worksheet) -> None:
        people(sheet)
        sheet.split_panes(90, 0)

    text = filled(split, shop(3, 4), {"A5": "repeat: people"})[SHEET]
    assert 'ySplit="2100"' in text  # of no rows but of height


def test_a_filter_is_of_the_same_column_when_others_grow() -> None:
    def make(_: Workbook, sheet: Worksheet) -> None:
        crossed(sheet)
        sheet.autofilter("A4:D5")
        sheet.filter_column_list("A", ["甲0"])
        sheet.filter_column_list("D", ["高"])

    text = filled(make, shop(3, 4), CROSSED)[SHEET]
    assert '<autoFilter ref="A4:G7">' in text
    assert re.findall('<filterColumn colId="(.*?)"', text) == ["0", "6"]


# Words outside the cells


def test_marks_of_chart_sheets_series_and_properties() -> None:
    def chart(book: Workbook) -> Chart:
        made = book.add_chart({"type": "column"})
        made.add_series({"name": "{{ report.name }} 到店", "values": "=表!$A$1:$A$1"})
        made.set_title({"name": "{{ report.name }} 图"})
        return made

    def make(book: Workbook, sheet: Worksheet) -> None:
        sheet.insert_chart("C3", chart(book))
        page = book.add_chartsheet("图")
        page.set_chart(chart(book))
        page.set_header("&C{{ report.name }}")
        book.set_properties({"company": "{{ report.name }}公司", "manager": "{{ report.name }}长"})
        book.set_custom_property("店名", "{{ report.name }}")

    package = filled(make, replace(shop(1, 1), shop="A&B"), {})
    for name in (CHART, "xl/charts/chart2.xml"):
        assert "<c:v>A&amp;B 到店</c:v>" in package[name]
        assert "<a:t>A&amp;B 图</a:t>" in package[name]
    assert "<oddHeader>&amp;CA&amp;&amp;B</oddHeader>" in package["xl/chartsheets/sheet1.xml"]
    assert "<Company>A&amp;B公司</Company>" in package["docProps/app.xml"]
    assert "<Manager>A&amp;B长</Manager>" in package["docProps/app.xml"]
    assert "<vt:lpwstr>A&amp;B</vt:lpwstr>" in package["docProps/custom.xml"]
    assert not any("{{" in text for text in package.values())
    assert [(sheet, place) for sheet, place, _ in marks(Path("模板.xlsx"))] == [
        ("", "Manager"),
        ("", "Company"),
        ("", "店名"),
        *(("表", "chart"),) * 2,
        ("图", "oddHeader"),
        *(("图", "chart"),) * 2,
    ]


def test_a_mark_in_several_runs_is_one() -> None:
    def make(_: Workbook, sheet: Worksheet) -> None:
        sheet.insert_textbox("C3", "店")

    runs = ("欢迎 {", "{ rep", "ort.name }", "} 与 {{ report.name }}", "。")
    cut = "</a:t></a:r><a:r><a:rPr err='1'/><a:t>".join(runs)
    package = filled(make, shop(1, 1), {}, {DRAWING: ("<a:t>店", f"<a:t>{cut}")})
    assert re.findall("<a:t>(.*?)</a:t>", package[DRAWING]) == ["欢迎 店", "", "", " 与 店", "。"]
    assert package[DRAWING].count("err=") == 4


def linked(book: Workbook, sheet: Worksheet) -> None:
    sheet.write_string("A5", "{{ row.name }}")
    sheet.write_formula("C8", "=SUM(D8:D9)/8", book.add_format({"num_format": "0.0%"}))
    sheet.write_row("D8", [1, 0])
    sheet.write_formula("C9", '=INDIRECT("A1")')
    sheet.insert_textbox("G3", "{{ row.name }}", {"textlink": "=$A$5"})
    sheet.insert_textbox("G9", "旧", {"textlink": "=表!$C$8"})
    sheet.insert_textbox("G15", "旧", {"textlink": "=表!$C$9"})
    sheet.insert_textbox("G21", "旧", {"textlink": "=表!$Z$1"})


def test_a_shape_that_shows_a_cell_has_no_marks_and_shows_what_the_cell_shows() -> None:
    hostile = "甲{{ report.name }}"
    drawing = filled(linked, replace(shop(2, 1), people={hostile: [1], "b": [1]}), {"A5": "repeat: people"})[DRAWING]
    assert re.findall('textlink="(.*?)"', drawing) == ["$A$5", "表!$C$9", "表!$C$10", "表!$Z$1"]
    assert re.findall("<a:t>(.*?)</a:t>|<a:t/>", drawing) == [hostile, "12.5%", "旧", ""]
    assert [place for _, place, _ in marks(Path("模板.xlsx"))] == ["A5", "A5"]


@pytest.mark.parametrize(
    ("header", "value", "expected"),
    [
        ("&L{{ report.name }}&C第 &P 页&R机密", "长" * 300, "&L" + "长" * 241 + "&C第 &P 页&R机密"),
        ("&L{{ report.name }}&C第 &P 页", "😀" * 200, "&L" + "😀" * 122 + "&C第 &P 页"),
        ("&L{{ report.name }}", "a" * 252 + "&b", "&L" + "a" * 252),
        ("&L{{ report.name }}&R{{ report.name }}", "&" * 200, "&L" + "&" * 124 + "&R" + "&" * 124),
        ("&L{{ report.name }}", "短", "&L短"),
    ],
)
def test_values_are_cut_where_a_header_is_too_long(header: str, value: str, expected: str) -> None:
    text = Text.read(header)
    assert text is not None
    assert text.in_header(replace(shop(1, 1), shop=value)) == expected


# Shapes and controls


@pytest.mark.parametrize("note", [{}, {"A1": "给人看"}])
def test_controls_move_whether_or_not_there_are_notes(note: dict[str, str]) -> None:
    def make(_: Workbook, sheet: Worksheet) -> None:
        crossed(sheet)
        sheet.insert_button("F10", {"macro": "ab1", "caption": "打印"})

    links = "<x:FmlaRange>$A$5:$A$5</x:FmlaRange><x:FmlaLink>表!$B$6</x:FmlaLink>"
    edits = {VML: ('ObjectType="Button">', f'ObjectType="Drop">{links}')}
    book = filled(make, shop(3, 4), {**CROSSED, **note}, edits)
    drawing = book[VML]
    anchors = re.findall(r"<x:Anchor>\s*(.*?)\s*</x:Anchor>", drawing)
    assert "8, 0, 11, 0, 9, 0, 12, 0" in anchors
    assert len(anchors) == 1 + len(note)
    assert "ab1" in drawing
    assert re.findall("<x:Fmla(?:Range|Link)>(.*?)<", drawing) == ["$A$5:$A$7", "表!$B$8"]
    assert ("xl/comments1.xml" in book) == bool(note)


# Charts


def charted(**series: str) -> Make:
    def make(book: Workbook, sheet: Worksheet) -> None:
        crossed(sheet)
        chart = book.add_chart({"type": "line"})
        chart.add_series(dict(series))
        sheet.insert_chart("F10", chart)
        sheet.add_sparkline("D8", {"range": "表!B5:B5"})
        sheet.add_sparkline("D5", {"range": "表!B5:B5"})

    return make


def test_a_charts_format_outlives_every_step() -> None:
    edit = ("<c:formatCode>General<", "<c:formatCode>0.0%<")
    chart = filled(charted(values="=表!$B$5"), shop(3, 4), CROSSED, {CHART: edit})[CHART]
    assert '<c:numCache><c:formatCode>0.0%</c:formatCode><c:ptCount val="3"/><c:pt' in chart


def test_labels_from_cells_follow_with_what_they_hold() -> None:
    space = 'xmlns:c15="http://schemas.microsoft.com/office/drawing/2012/chart"'
    labels = (
        f'<c:extLst><c:ext uri="{{02D57815-91ED-43cb-92C2-25804820EDAC}}" {space}><c15:datalabelsRange>'
        '<c15:f>表!$A$5:$A$5</c15:f><c15:dlblRangeCache><c:ptCount val="1"/><c:pt idx="0"><c:v>旧</c:v></c:pt>'
        "</c15:dlblRangeCache></c15:datalabelsRange></c:ext></c:extLst></c:ser>"
    )
    make = charted(categories="=表!$A$5", values="=表!$B$5")
    chart = filled(make, shop(2, 4), CROSSED, {CHART: ("</c:ser>", labels)})[CHART]
    points = "".join(f'<c:pt idx="{n}"><c:v>{name}</c:v></c:pt>' for n, name in enumerate(("甲0", "甲1")))
    held = f'<c15:dlblRangeCache><c:ptCount val="2"/>{points}</c15:dlblRangeCache></c15:datalabelsRange>'
    assert f"<c15:f>表!$A$5:$A$6</c15:f>{held}" in chart


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        ({"categories": "=表!$A$5:$A$5", "values": "=表!$B$5:$B$5"}, ["表!$A$5:$A$7", "表!$B$5:$B$7"]),
        ({"categories": "=表!$B$4", "values": "=表!$B$5"}, ["表!$B$4:$E$4", "表!$B$5:$E$5"]),
        ({"values": "=表!$B$5:$B$5"}, ["表!$B$5:$B$7"]),
        ({"values": "=表!$B$5:$C$5"}, ["表!$B$5:$F$5"]),
        ({"values": "=表!$B$5:$C$6"}, ["表!$B$5:$F$8"]),
    ],
)
def test_a_series_stays_a_line_of_cells(series: dict[str, str], expected: list[str]) -> None:
    package = filled(charted(**series), shop(3, 4), CROSSED)
    assert re.findall("<c:f>(.*?)</c:f>", package[CHART]) == expected
    assert re.findall("<xm:f>(.*?)</xm:f><xm:sqref>(.*?)</xm:sqref>", package[SHEET]) == [
        *((f"表!B{row}:E{row}", f"G{row}") for row in (5, 6, 7)),
        ("表!B5:B7", "G10"),
    ]


def test_controls_as_excel_writes_them_follow_their_cells() -> None:
    growth = {"表": Growth([Block(5, 5, 3)])}
    control = Draft(b'<formControlPr fmlaLink="$B$6" fmlaRange="$A$5:$A$5" val="5"/>')
    moved_shapes(control, "表", growth)
    assert control.content() == b'<formControlPr fmlaLink="$B$8" fmlaRange="$A$5:$A$7" val="5"/>'
    ends = "<{0}from><r:row>{1}</r:row></{0}from><{0}to><r:row>{2}</r:row></{0}to>"
    shapes = "<r:wsDr><mc:Choice><r:twoCellAnchor>{}</r:twoCellAnchor></mc:Choice></r:wsDr>"
    drawing = Draft(shapes.format(ends.format("r:", 6, 8)).encode())
    moved_shapes(drawing, "表", growth)
    assert drawing.content().decode() == shapes.format(ends.format("r:", 8, 10))
    sheet = '<worksheet><controls><controlPr linkedCell="{}"><anchor>{}</anchor></controlPr></controls></worksheet>'
    draft = Draft(sheet.format("B6", ends.format("", 6, 8)).encode())
    moved_frame(draft, "表", growth, {"表": {"row": [], "column": []}})
    assert draft.content().decode() == sheet.format("B8", ends.format("", 8, 10))
