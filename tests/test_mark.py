"""A marked copy: what is bad is filled, noted and listed with links; everything else is what it was, to the byte."""

import re
import stat
import zipfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import fastexcel
import openpyxl
import polars as pl
import pytest
import xlsxwriter
from openpyxl.worksheet.worksheet import Worksheet

from kpicli.mark import KEY_HEADING, LIST_SHEET, Finding, Headings, mark_package, mark_plain
from kpicli.mark import findings as limits
from kpicli.opc import PackageError
from kpicli.read.sheets import RawSheet
from tests.workbooks import book, package, part, sheet, strict, zipped

pytestmark = pytest.mark.filterwarnings("ignore:.*extension is not supported:UserWarning:openpyxl")

HEADINGS = Headings("工作表", "单元格", "列", "级别", "问题", "应怎样", "错误", "警告", "提示")
RED, YELLOW = "FFFFC7CD", "FFFFEB9D"
NAME = "客流 o'neil"


def bad(row: int | None, column: str | None, severity: Any = "error", name: str = "表", **words: str) -> Finding:
    said = {"header": "日期", "text": "日期不对", "hint": "写成 2026-10-05"} | words
    return Finding(name, row, column, severity=severity, **said)


def mark(source: Path, *findings: Finding, to: str = "marked.xlsm") -> Path:
    mark_package(source, Path(to), findings, HEADINGS)
    return Path(to)


def read(path: Path) -> openpyxl.Workbook:
    return openpyxl.load_workbook(path)


def fill(worksheet: Worksheet, cell: str) -> str | None:
    pattern = worksheet[cell].fill
    return pattern.fgColor.rgb if pattern.patternType == "solid" else None


def note(worksheet: Worksheet, cell: str) -> str | None:
    comment = worksheet[cell].comment
    return comment.text if comment else None


def links(worksheet: Worksheet) -> dict[str, str | None]:
    return {cell.coordinate: cell.hyperlink.location for (cell,) in worksheet["B1:B99"] if cell.hyperlink}


def parts(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def whole(path: Path) -> None:
    """Every link leads to a part, every declared part is there, every index and count of the formats holds."""
    content = parts(path)
    trees = {name: ElementTree.fromstring(data) for name, data in content.items() if name.endswith((".xml", ".rels"))}
    for name, tree in trees.items():
        if name.endswith(".rels"):
            folder = name.rpartition("_rels/")[0]
            for link in tree:
                target = link.get("Target", "")
                where = target if target.startswith("/") else f"/{folder}{target}"
                while "/../" in where:
                    where = re.sub(r"/[^/]+/\.\./", "/", where, count=1)
                assert where[1:] in content, f"{name}: {target}"
            assert len({link.get("Id") for link in tree}) == len(tree)
    declared = [named for element in trees["[Content_Types].xml"] if (named := element.get("PartName"))]
    assert len(set(declared)) == len(declared)
    assert {named[1:] for named in declared} <= set(content)
    formats = 0
    for section in trees["xl/styles.xml"]:
        assert section.get("count") in (None, str(len(section))), section.tag
        if section.tag.endswith("cellXfs"):
            formats = len(section)
            fills = next(other for other in trees["xl/styles.xml"] if other.tag.endswith("}fills"))
            assert all(int(xf.get("fillId", "0")) < len(fills) for xf in section)
    for name, tree in trees.items():
        if name.startswith("xl/worksheets/sheet"):
            assert all(int(cell.get("s", "0")) < formats for cell in tree.iter() if cell.tag.endswith("}c"))
    boxes = [
        box for name, data in content.items() if name.endswith(".vml") for box in re.findall(rb'"_x0000_s\d+', data)
    ]
    assert len(set(boxes)) == len(boxes)


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workbook with one of everything that an edit could lose; its third sheet is the active one."""
    path = tmp_path_factory.mktemp("rich") / "rich.xlsm"
    with xlsxwriter.Workbook(str(path)) as workbook:
        data, hidden, other = (workbook.add_worksheet(name) for name in (NAME, "隐藏", "另表"))
        hidden.hide()
        other.activate()
        money = {"bg_color": "#00FF00", "bold": True, "num_format": "0.00", "border": 1, "locked": False}
        green = workbook.add_format(money | {"align": "center"})
        data.set_column("A:A", 5)
        data.set_column("B:B", 30, green)
        data.set_row(3, 40, workbook.add_format({"italic": True}))
        data.write_row(0, 0, ["日期", "金额", "顾问", "合计"])
        for row in range(1, 30):
            data.write(row, 0, 46000 + row)
            data.write(row, 1, 1.5 * row, green)
            data.write_string(row, 2, f"顾问{row}")
            data.write_formula(row, 3, f"=B{row + 1}*2", None, row * 3)
        data.merge_range("G1:H2", "合并")
        data.conditional_format("B2:B30", {"type": "data_bar", "data_bar_2010": True})
        data.data_validation("C2:C30", {"validate": "list", "source": ["甲", "乙"]})
        data.write_comment("C3", "旧的批注", {"author": "老王"})
        data.insert_button("J20", {"macro": "say"})
        data.freeze_panes(1, 0)
        data.autofilter("A1:D30")
        data.set_header("&C页眉")
        data.print_area("A1:D30")
        data.add_sparkline("F2", {"range": "Sheet!B2:B9"})
        chart = workbook.add_chart({"type": "column"})
        chart.add_series({"values": f"='{NAME.replace(chr(39), chr(39) * 2)}'!$B$2:$B$9"})
        data.insert_chart("J2", chart)
        data.insert_image("J40", "dot.png", {"image_data": BytesIO(_dot())})
        other.add_table("A1:B4", {"columns": [{"header": "a"}, {"header": "b"}]})
        workbook.define_name("'隐藏'!本地", "='隐藏'!$A$1")
        workbook.define_name("全局", "='隐藏'!$A$1")
        workbook.add_vba_project(BytesIO(b"no macro really"), True)
        page = workbook.add_chartsheet("图表")
        line = workbook.add_chart({"type": "line"})
        line.add_series({"values": "='另表'!$A$2:$A$4"})
        page.set_chart(line)
    return path


def by_hand(rows: str, **more: str | bytes) -> Path:
    """A package by hand, with the content types that openpyxl wants to see; `more` replaces the sheet's part."""
    declared = {"workbook": "sheet.main", "worksheets/sheet1": "worksheet"}
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    overrides = "".join(f'<Override PartName="/xl/{n}.xml" ContentType="{kind}.{t}+xml"/>' for n, t in declared.items())
    space = "http://schemas.openxmlformats.org/package/2006/content-types"
    types = f'<Types xmlns="{space}"><Default Extension="xml" ContentType="application/xml"/>{overrides}</Types>'
    content = {"[Content_Types].xml": types} | {f"xl/worksheets/{name}.xml": data for name, data in more.items()}
    return package("a.xlsx", rows, content)


def _dot() -> bytes:
    return bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360000000000200010005"
        "00010d0a2db40000000049454e44ae426082"
    )


FINDINGS = (
    bad(3, "B", name=NAME),
    bad(3, "B", "warning", name=NAME, text="又一处"),
    bad(3, "C", "warning", name=NAME),
    bad(4, "E", "warning", name=NAME),
    bad(5, "F", name=NAME),
    bad(6, "D", "info", name=NAME),
    bad(40, "B", name=NAME),
    bad(7, None, "warning", name=NAME),
    bad(2, "A", name="隐藏"),
    bad(None, None, name="另表"),
    bad(1, "A", name="图表"),
    bad(1, "A", name="没有"),
)


@pytest.fixture(scope="module")
def marked(rich: Path) -> Path:
    return mark(rich, *FINDINGS, to=str(rich.with_name("marked.xlsm")))


@pytest.fixture(scope="module")
def before(rich: Path) -> openpyxl.Workbook:
    return read(rich)


@pytest.fixture(scope="module")
def after(marked: Path) -> openpyxl.Workbook:
    return read(marked)


def test_bad_cells_are_filled_by_their_worst_finding(after: openpyxl.Workbook) -> None:
    data = after[NAME]
    assert {cell: fill(data, cell) for cell in ("B3", "C3", "E4", "F5", "D6", "B40")} == {
        "B3": RED,
        "C3": YELLOW,
        "E4": YELLOW,
        "F5": RED,
        "D6": None,
        "B40": RED,
    }
    assert fill(data, "B4") == "FF00FF00"


def test_a_filled_cell_keeps_its_value_and_the_rest_of_its_format(
    before: openpyxl.Workbook, after: openpyxl.Workbook
) -> None:
    cell, was = after[NAME]["B3"], before[NAME]["B3"]
    assert cell.value == was.value
    for aspect in ("number_format", "font", "border", "alignment", "protection"):
        assert repr(getattr(cell, aspect)) == repr(getattr(was, aspect))
    assert after[NAME]["E4"].font.i, "a cell that was missing has its row's format"
    assert after[NAME]["B40"].number_format == "0.00", "and where the row has none, its column's"


def test_notes_say_everything_about_their_cell_and_old_ones_stay(after: openpyxl.Workbook) -> None:
    data = after[NAME]
    assert note(data, "B3") == "日期不对\n写成 2026-10-05\n又一处"
    assert data["B3"].comment.author == "kpicli"
    assert note(data, "C3") == "旧的批注"
    assert data["C3"].comment.author == "老王"
    assert note(data, "D6") is None
    assert note(after["隐藏"], "A2") == "日期不对\n写成 2026-10-05"


def test_the_list_is_first_and_active_and_links_to_the_cells(after: openpyxl.Workbook) -> None:
    workbook = after
    assert workbook.sheetnames == [LIST_SHEET, NAME, "隐藏", "另表", "图表"]
    assert workbook.active.title == LIST_SHEET
    assert [one.title for one in workbook if isinstance(one, Worksheet) and one.sheet_view.tabSelected] == [LIST_SHEET]
    assert workbook["隐藏"].sheet_state == "hidden"
    listed = workbook[LIST_SHEET]
    rows = [[cell.value for cell in row] for row in listed.iter_rows()]
    assert rows[0] == ["工作表", "单元格", "列", "级别", "问题", "应怎样", KEY_HEADING]
    assert rows[2] == [NAME, "B3", "日期", "警告", "又一处", "写成 2026-10-05", None]
    assert [links(listed).get(f"B{row}") for row in range(2, 14)] == [
        *(f"'客流 o''neil'!{cell}" for cell in ("B3", "B3", "C3", "E4", "F5", "D6", "B40", "A7")),
        "'隐藏'!A2",
        "'另表'!A1",
        None,
        None,
    ]
    assert listed.freeze_panes == "A2"
    assert listed.auto_filter.ref == "A1:G13"
    assert listed.column_dimensions["G"].hidden
    assert listed["A1"].font.b
    assert listed["E2"].alignment.wrap_text


def test_only_what_is_marked_is_edited(rich: Path, marked: Path) -> None:
    before, after = parts(rich), parts(marked)
    changed = {name for name in before if before[name] != after.get(name)}
    assert changed == {
        "[Content_Types].xml",
        "xl/_rels/workbook.xml.rels",
        "xl/workbook.xml",
        "xl/styles.xml",
        "xl/comments1.xml",
        "xl/drawings/vmlDrawing1.vml",
        "xl/worksheets/sheet1.xml",
        "xl/worksheets/sheet2.xml",
        "xl/worksheets/sheet3.xml",
    }
    assert list(after)[: len(before)] == list(before)
    assert after["xl/vbaProject.bin"] == b"no macro really"
    assert after["xl/worksheets/sheet3.xml"] == before["xl/worksheets/sheet3.xml"].replace(b' tabSelected="1"', b"")
    undone = re.sub(rb'<c r="(E4|F5)" s="\d+"/>|<row r="40">.*?</row>', b"", after["xl/worksheets/sheet1.xml"])
    styled = rb'(<c r="(?:B3|C3)"[^>]*?) s="\d+"'
    assert re.sub(styled, rb"\1", undone) == re.sub(styled, rb"\1", before["xl/worksheets/sheet1.xml"])
    whole(marked)


def test_what_belongs_to_a_sheet_stays_with_it(before: openpyxl.Workbook, after: openpyxl.Workbook) -> None:
    data = after[NAME]
    assert data.column_dimensions["B"].width == before[NAME].column_dimensions["B"].width
    assert data.row_dimensions[4].height == before[NAME].row_dimensions[4].height
    assert data.merged_cells.ranges == before[NAME].merged_cells.ranges
    assert [rule.sqref for rule in data.conditional_formatting] == [
        r.sqref for r in before[NAME].conditional_formatting
    ]
    assert data.data_validations.dataValidation[0].formula1 == '"甲,乙"'
    assert data.print_area == before[NAME].print_area
    assert data.auto_filter.ref == "A1:D30"
    assert set(after["隐藏"].defined_names) == {"本地"}
    assert set(after.defined_names) == {"全局"}
    assert len(data._charts) == 1
    assert after["另表"].tables["Table1"].ref == "A1:B4"


def test_other_readers_see_the_same_cells(rich: Path, marked: Path) -> None:
    before, after = fastexcel.read_excel(rich), fastexcel.read_excel(marked)
    assert after.sheet_names == [LIST_SHEET, *before.sheet_names]
    cells = [one.load_sheet(NAME, header_row=None, dtypes="string").to_polars() for one in (before, after)]
    assert cells[0].equals(cells[1].head(cells[0].height).select(cells[0].columns))


def test_marking_again_replaces_the_marks(marked: Path) -> None:
    again = mark(marked, bad(5, "F", "warning", name=NAME, text="还是不对"), to="again.xlsm")
    workbook = read(again)
    assert workbook.sheetnames == [LIST_SHEET, NAME, "隐藏", "另表", "图表"]
    data = workbook[NAME]
    assert {cell: fill(data, cell) for cell in ("B3", "C3", "E4", "F5", "B40")} == {
        "B3": "FF00FF00",
        "C3": None,
        "E4": None,
        "F5": YELLOW,
        "B40": "FF00FF00",
    }
    assert note(data, "B3") is None
    assert note(data, "C3") == "旧的批注"
    assert note(data, "F5") == "还是不对\n写成 2026-10-05"
    assert workbook[LIST_SHEET].max_row == 2
    names = re.findall(rb'<definedName name="(\S+)" localSheetId="(\d)"', parts(again)["xl/workbook.xml"])
    assert sorted(names) == sorted(
        re.findall(rb'<definedName name="(\S+)" localSheetId="(\d)"', parts(marked)["xl/workbook.xml"])
    )
    whole(again)


def test_marks_taken_back_leave_nothing_behind(marked: Path) -> None:
    clean = mark(marked, to="clean.xlsm")
    assert "xl/comments2.xml" not in parts(clean)
    assert "xl/drawings/vmlDrawing2.vml" not in parts(clean)
    assert b"legacyDrawing" not in parts(clean)["xl/worksheets/sheet2.xml"]
    for name in ("xl/comments1.xml", "xl/drawings/vmlDrawing1.vml"):
        assert b"Row>4<" not in parts(clean)[name]
    assert parts(clean)["xl/comments1.xml"].count(b"<comment ") == 1
    assert read(clean)[LIST_SHEET].max_row == 1
    whole(clean)


def test_marking_over_and_over_does_not_fill_the_stylesheet() -> None:
    path = mark(book("a.xlsx", ["日期"], ["x"]), bad(2, "A"), to="0.xlsx")
    sizes = []
    for turn in range(1, 6):
        path = mark(path, bad(2, "A"), to=f"{turn}.xlsx")
        sizes.append(parts(path)["xl/styles.xml"].count(b"<xf "))
    assert sizes[-1] - sizes[0] <= 4


def test_a_workbook_saved_by_another_program_is_unmarked_too() -> None:
    path = mark(book("a.xlsx", ["日期"], ["x"]), bad(2, "A"))
    saved = openpyxl.load_workbook(path)
    saved.save("saved.xlsx")
    again = read(mark(Path("saved.xlsx"), bad(1, "A"), to="again.xlsx"))
    assert (fill(again["表"], "A2"), note(again["表"], "A2")) == (None, None)
    assert (fill(again["表"], "A1"), note(again["表"], "A1")) == (RED, "日期不对\n写成 2026-10-05")
    assert again.sheetnames == [LIST_SHEET, "表"]
    assert parts(Path("again.xlsx"))["xl/drawings/commentsDrawing1.vml"].count(b'ObjectType="Note"') == 1


@pytest.mark.parametrize("text", ["=1+1", "+86", "-5", "@SUM(A1)", '=HYPERLINK("http://x","y")'])
def test_text_is_never_a_formula(text: str) -> None:
    finding = bad(1, "A", text=text, hint=text, header=text, key=text)
    listed = read(mark(book("a.xlsx", ["日期"]), finding))[LIST_SHEET]
    for cell in ("C2", "E2", "F2", "G2"):
        assert (listed[cell].value, listed[cell].data_type) == (text, "s")
    mark_plain([sheet(text)], Path("plain.xlsx"), [], HEADINGS)
    cell = read(Path("plain.xlsx"))["表"]["A1"]
    assert (cell.value, cell.data_type, cell.number_format) == (text, "s", "@")


def test_characters_that_no_cell_can_hold() -> None:
    awkward = 'a\x00\x0b\ud800\ufffe<&>"\r\nb _x0041_ 😀'
    path = mark(book("a.xlsx", ["日期"]), bad(1, "A", text=awkward, key="x" * 40_000))
    listed = fastexcel.read_excel(path).load_sheet(LIST_SHEET, dtypes="string").to_polars()
    assert listed["问题"][0] == 'a<&>"\nb _x0041_ 😀'
    assert len(listed[KEY_HEADING][0]) == 32_767
    assert "_x005F_x0041_" in parts(path)["xl/comments1.xml"].decode()


def test_rows_and_cells_without_addresses_are_counted() -> None:
    rows = '<row><c><v>1</v></c><c/></row><row r="3"><c><v>2</v></c><c r="D3"><v>4</v></c><c><v>5</v></c></row><row/>'
    where = [bad(1, "B"), bad(2, "A"), bad(3, "A"), bad(3, "C"), bad(3, "E"), bad(4, "B"), bad(6, "A")]
    path = mark(by_hand(rows), *where)
    data = read(path)["表"]
    filled = [cell.coordinate for row in data.iter_rows() for cell in row if fill(data, cell.coordinate)]
    assert filled == ["B1", "A2", "A3", "C3", "E3", "B4", "A6"]
    assert [data[cell].value for cell in ("A1", "A3", "D3", "E3")] == [1, 2, 4, 5]
    whole(path)


@pytest.mark.parametrize("dialect", [str, strict])
@pytest.mark.parametrize("prefix", ["", "x:"])
def test_prefixes_and_the_strict_dialect(dialect: Any, prefix: str) -> None:
    path = by_hand('<row r="2" spans="1:1"><c r="A2"><v>1</v></c></row>')
    content = {name: dialect(data.decode()) for name, data in parts(path).items()}
    if prefix:
        for name in ("xl/workbook.xml", "xl/worksheets/sheet1.xml"):
            content[name] = re.sub(r"<(/?)(?=\w)", r"<\1x:", content[name]).replace("xmlns=", "xmlns:x=")
    marked = mark(zipped("b.xlsx", content), bad(2, "A"), bad(2, "C", "warning"), bad(1, "A"))
    after = parts(marked)
    space = "http://purl.oclc.org/ooxml" if dialect is strict else "http://schemas.openxmlformats.org"
    tree = ElementTree.fromstring(after["xl/worksheets/sheet1.xml"])
    assert [child.tag.rpartition("}")[2] for child in tree] == ["sheetData", "legacyDrawing"]
    assert all(element.tag.startswith(f"{{{space}/spreadsheetml") for element in tree.iter())
    assert [cell.get("r") for cell in tree.iter() if cell.tag.endswith("}c")] == ["A1", "A2", "C2"]
    assert f"<{prefix}c ".encode() in after["xl/worksheets/sheet1.xml"]
    assert all(space in link.get("Type", "") for link in ElementTree.fromstring(after["xl/_rels/workbook.xml.rels"]))
    reader = fastexcel.read_excel(marked)
    assert reader.sheet_names == [LIST_SHEET, "表"]
    assert reader.load_sheet(LIST_SHEET).height == 3
    whole(marked)


def test_every_part_that_follows_the_notes_in_a_sheet_stays_behind_them() -> None:
    tail = "<pageMargins/><drawing/><legacyDrawingHF/><tableParts/><extLst><ext><row><c/></row></ext></extLst>"
    content = part("").replace("</worksheet>", f"{tail}</worksheet>")
    marked = mark(package("a.xlsx", f'<?xml version="1.0"?>\n{content}'), bad(1, "A"))
    names = [
        child.tag.rpartition("}")[2] for child in ElementTree.fromstring(parts(marked)["xl/worksheets/sheet1.xml"])
    ]
    behind = ["legacyDrawingHF", "tableParts", "extLst"]
    assert names == ["sheetData", "pageMargins", "drawing", "legacyDrawing", *behind]


def test_what_only_looks_like_a_row_is_left_alone() -> None:
    text = '<c r="A1" t="inlineStr"><is><t><![CDATA[</row><row r="2">]]></t></is></c>'
    decoy = f'<!-- <row r="1"><c r="A1"/></row> --><row r="1">{text}</row>'
    data = read(mark(by_hand(decoy), bad(1, "A"), bad(2, "A", "warning")))["表"]
    assert data["A1"].value == '</row><row r="2">'
    assert (fill(data, "A1"), fill(data, "A2")) == (RED, YELLOW)


def test_parts_in_another_encoding() -> None:
    text = part('<row r="1"><c r="A1" t="inlineStr"><is><t>日期</t></is></c></row>')
    content = f'<?xml version="1.0" encoding="UTF-16"?>{text}'.encode("utf-16")
    data = read(mark(by_hand("", sheet1=content), bad(1, "A")))["表"]
    assert (data["A1"].value, fill(data, "A1")) == ("日期", RED)


def test_threaded_comments_are_left_alone() -> None:
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    source = Path("a.xlsx")
    with xlsxwriter.Workbook(str(source)) as workbook:
        worksheet = workbook.add_worksheet("表")
        worksheet.write_comment("A1", "[Threaded comment]", {"author": "tc={1}"})
    content = parts(source)
    links = "xl/worksheets/_rels/sheet1.xml.rels"
    thread = (
        '<Relationship Id="rId9" Type="http://x/threadedComment" Target="/xl/threadedComments/t1.xml"/></Relationships>'
    )
    content[links] = content[links].replace(b"</Relationships>", thread.encode())
    content["xl/threadedComments/t1.xml"] = b"<ThreadedComments/>"
    assert office.encode() in content[links]
    marked = mark(zipped("b.xlsx", content), bad(1, "A"), bad(2, "A"))
    data = read(marked)["表"]
    assert (note(data, "A1"), fill(data, "A1")) == ("[Threaded comment]", RED)
    assert note(data, "A2") == "日期不对\n写成 2026-10-05"
    assert parts(marked)["xl/threadedComments/t1.xml"] == b"<ThreadedComments/>"


def test_a_drawing_that_is_no_xml_is_extended_all_the_same(rich: Path) -> None:
    content = parts(rich)
    drawing = "xl/drawings/vmlDrawing1.vml"
    content[drawing] = content[drawing].replace(b"Button 1", b"Button<br>1")
    marked = mark(zipped("b.xlsm", content), bad(3, "B", name=NAME))
    assert b"Button<br>1" in parts(marked)[drawing]
    assert b"<x:Row>2</x:Row><x:Column>1</x:Column>" in parts(marked)[drawing]


def test_signatures_are_dropped() -> None:
    content = parts(book("a.xlsx", ["日期"]))
    origin = b'<Relationship Id="s1" Type="http://x/digital-signature/origin" Target="_xmlsignatures/origin.sigs"/>'
    content["_rels/.rels"] = content["_rels/.rels"].replace(b"</Relationships>", origin + b"</Relationships>")
    signature = b'<Override PartName="/_xmlsignatures/sig1.xml" ContentType="application/x"/></Types>'
    content["[Content_Types].xml"] = content["[Content_Types].xml"].replace(b"</Types>", signature)
    content |= {"_xmlsignatures/origin.sigs": b"", "_xmlsignatures/sig1.xml": b"<Signature/>"}
    marked = mark(zipped("b.xlsx", content), bad(1, "A"))
    assert not [name for name in parts(marked) if "signatures" in name]
    assert b"signature" not in parts(marked)["_rels/.rels"]
    whole(marked)


def test_beyond_the_most_marks_findings_are_in_the_list_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_MARKS", 2)
    workbook = read(mark(book("a.xlsx", ["日期"]), *(bad(row, "A") for row in (1, 1, 2, 3))))
    assert [fill(workbook["表"], f"A{row}") for row in (1, 2, 3)] == [RED, RED, None]
    assert workbook[LIST_SHEET].max_row == 5


@pytest.mark.parametrize("row, column", [(0, "A"), (1_048_577, "A"), (1, "XFE"), (1, "ABCD"), (1, ""), (1, "a")])
def test_places_no_sheet_has_are_listed_and_linked_within_it(row: int, column: str) -> None:
    marked = mark(book("a.xlsx", ["日期"]), bad(row, column))
    assert "xl/comments1.xml" not in parts(marked)
    assert links(read(marked)[LIST_SHEET]) == {"B2": "'表'!A1"}


def test_notes_at_the_last_cell_of_a_sheet_stay_inside_it() -> None:
    marked = mark(book("a.xlsx", ["日期"]), bad(1_048_576, "XFD"))
    anchor = re.search(rb"<x:Anchor>(.*?)</x:Anchor>", parts(marked)["xl/drawings/vmlDrawing1.vml"])
    assert anchor
    left, _, top, _, right, _, bottom, _ = map(int, anchor.group(1).split(b","))
    assert left < right <= 16_383 and top < bottom <= 1_048_575


def test_a_note_is_as_high_as_its_text_needs() -> None:
    marked = mark(book("a.xlsx", ["日期"]), bad(1, "A", text="短", hint=""), bad(2, "A", text="长" * 200, hint=""))
    heights = re.findall(rb"height:([\d.]+)pt", parts(marked)["xl/drawings/vmlDrawing1.vml"])
    assert float(heights[1]) > 4 * float(heights[0])


def test_no_findings_give_an_empty_list() -> None:
    source = book("a.xlsx", ["日期"])
    marked = mark(source)
    assert [[cell.value for cell in row][-1] for row in read(marked)[LIST_SHEET].iter_rows()] == [KEY_HEADING]
    assert parts(marked)["xl/worksheets/sheet1.xml"] == parts(source)["xl/worksheets/sheet1.xml"].replace(
        b' tabSelected="1"', b""
    )


def test_the_copy_is_its_owners_alone_and_replaces_what_was_there() -> None:
    Path("marked.xlsm").write_text("old")
    marked = mark(book("a.xlsx", ["日期"]), bad(1, "A"))
    assert stat.S_IMODE(marked.stat().st_mode) == 0o600
    assert sorted(path.name for path in Path().iterdir()) == ["a.xlsx", "marked.xlsm"]
    assert mark(marked, bad(1, "A")) == marked, "in its own place"


def test_nothing_is_left_when_the_copy_cannot_be_written() -> None:
    Path("marked.xlsm").mkdir()
    with pytest.raises(OSError):
        mark(book("a.xlsx", ["日期"]), bad(1, "A"))
    assert sorted(path.name for path in Path().iterdir()) == ["a.xlsx", "marked.xlsm"]
    with pytest.raises(OSError):
        mark(Path("a.xlsx"), to="nowhere/marked.xlsx")


def _doctype() -> Path:
    return package("a.xlsx", '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e "e">]><worksheet><sheetData/></worksheet>')


@pytest.mark.parametrize(
    "source",
    [
        _doctype,
        lambda: package("a.xlsx", '<?xml version="1.0"?><worksheet/>'),
        lambda: package("a.xlsx", '<row r="1"><c r="A1">'),
        lambda: package("a.xlsx", "", {"xl/workbook.xml": "<workbook/>"}),
        lambda: zipped("a.xlsx", {"a.txt": ""}),
        lambda: Path("a.xlsx").write_bytes(b"PK no zip") and Path("a.xlsx"),
    ],
)
def test_what_cannot_be_marked_is_refused(source: Any) -> None:
    with pytest.raises(PackageError):
        mark(source(), bad(1, "A"))
    assert not Path("marked.xlsm").exists()


def plain(sheets: Sequence[RawSheet], *findings: Finding) -> Path:
    mark_plain(sheets, Path("plain.xlsx"), findings, HEADINGS)
    return Path("plain.xlsx")


def test_a_plain_source_becomes_a_workbook_of_text() -> None:
    first = RawSheet("表", pl.DataFrame({"C": ["电话", None, "013800000000"], "D": ["备注", None, "a\nb<&"]}))
    path = plain([first, sheet("x", name="藏", hidden=True)], bad(3, "C"), bad(4, "A", "warning"))
    workbook = read(path)
    assert workbook.sheetnames == [LIST_SHEET, "表", "藏"]
    assert workbook["藏"].sheet_state == "hidden"
    data = workbook["表"]
    assert [data[cell].value for cell in ("C1", "D1", "C2", "C3", "D3")] == [
        "电话",
        "备注",
        None,
        "013800000000",
        "a\nb<&",
    ]
    assert (fill(data, "C3"), fill(data, "A4")) == (RED, YELLOW)
    assert note(data, "C3") == "日期不对\n写成 2026-10-05"
    assert (data["C3"].number_format, data.column_dimensions["C"].width) == ("@", 14)
    whole(path)


def test_names_that_no_workbook_allows_are_changed_and_still_linked() -> None:
    names = ["客流[10/05]", "客流_10:05_", "a" * 40, "A" * 40, "", "问题清单", "'x'"]
    path = plain([sheet("x", name=name) for name in names], *(bad(1, "A", name=name) for name in names))
    workbook = read(path)
    made = workbook.sheetnames[1:]
    assert made == ["客流_10_05_", "客流_10_05_~2", "a" * 31, "A" * 29 + "~2", "Sheet", "x"]
    assert all(fill(workbook[name], "A1") == RED for name in made)
    assert list(links(workbook[LIST_SHEET]).values()) == [f"'{name}'!A1" for name in made]


def test_an_empty_sheet_and_none_at_all() -> None:
    assert read(plain([RawSheet("空", pl.DataFrame())], bad(2, "B", name="空")))["空"]["B2"].comment
    assert read(plain([])).sheetnames == [LIST_SHEET]


def test_more_than_a_sheet_takes_is_refused() -> None:
    with pytest.raises(PackageError):
        plain([RawSheet("表", pl.DataFrame({"XFE": ["x"]}))])
