"""Reading: every cell at its true address, every odd file one refusal, and a pool that outlives what it reads."""

import os
import signal
import warnings
import zipfile
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, time
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter
from hypothesis import example, given, settings
from hypothesis import strategies as st
from openpyxl.utils import get_column_letter
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from kpicli.issues import codes
from kpicli.read import Fault, Limits, RawSheet, ReaderPool, Workbook

from .workbooks import book, package, part, steady, strict, zipped

GOOD = '<row r="2"><c r="B2"><v>7</v></c></row>'


def only(workbook: Workbook) -> RawSheet:
    assert not workbook.issues, workbook.issues
    (sheet,) = workbook.sheets
    return sheet


def cells(sheet: RawSheet) -> dict[str, str]:
    """Address → text of every cell that holds something."""
    columns = sheet.cells.to_dict(as_series=False).items()
    return {f"{letter}{row}": text for letter, column in columns for row, text in enumerate(column, 1) if text}


def rows(sheet: RawSheet) -> list[tuple[str | None, ...]]:
    return sheet.cells.rows()


def refusal(workbook: Workbook) -> str:
    """The one code of a refused file, whose words are complete in both languages."""
    (issue,) = workbook.issues
    assert workbook.sheets == ()
    assert issue.severity == "error"
    for text in (issue.message("zh"), issue.message("en"), issue.hint("zh"), issue.hint("en")):
        assert text and "…" not in text
    return issue.code


# Addresses


def test_leading_blank_rows_and_columns_keep_their_place(readers: ReaderPool) -> None:
    path = book("a.xlsx", [], [], [None, None, "日期", None, "顾问"], [None, None, None, "王磊"])
    assert cells(only(readers.read(path))) == {"C3": "日期", "E3": "顾问", "D4": "王磊"}


def test_columns_beyond_z_keep_their_letters(readers: ReaderPool) -> None:
    path = book("a.xlsx", [None] * 30 + ["甲"] + [None] * 700 + ["乙"])
    assert cells(only(readers.read(path))) == {"AE1": "甲", "ABD1": "乙"}


CELL = st.one_of(st.text("甲乙 a0=-", min_size=1, max_size=4), st.integers(-999, 10**11), st.booleans(), st.dates())


@settings(steady, max_examples=25)
@given(st.dictionaries(st.tuples(st.integers(0, 12), st.integers(0, 60)), CELL, min_size=1, max_size=8))
def test_every_cell_lands_where_openpyxl_has_it(readers: ReaderPool, content: dict[tuple[int, int], object]) -> None:
    with xlsxwriter.Workbook("a.xlsx", {"strings_to_formulas": False, "default_date_format": "yyyy-mm-dd"}) as workbook:
        worksheet = workbook.add_worksheet()
        for (row, column), value in content.items():
            worksheet.write(row, column, value)
    found = cells(only(readers.read(Path("a.xlsx"))))
    known = openpyxl.load_workbook("a.xlsx").active
    assert known is not None
    there = {cell.coordinate: cell.value for line in known.iter_rows() for cell in line if cell.value is not None}
    assert found.keys() == there.keys()
    for address, value in there.items():
        if isinstance(value, str):
            assert found[address] == value
        elif isinstance(value, bool):
            assert found[address] == str(value).lower()
        elif isinstance(value, int):
            assert found[address] == str(value)


@pytest.mark.parametrize(
    "row",
    [
        '<row r="2"><c r="B2"><v>7</v></c></row>',
        '<row r="2"><c s="0" r="B2"><v>7</v></c></row>',
        "<row r='2'><c r='B2'><v>7</v></c></row>",
        '<row r="2"><c r="B2"><v xml:space="preserve">7</v></c></row>',
        '<row r="2">\n  <c r="B2">\n    <v>7</v>\n  </c>\n</row>',
        '<row r="2"><c r="A2"><v></v></c><c r="B2"><v>7</v></c></row>',
        '<row r="2"><c r="A2"/><c r="B2"><v>7</v></c></row>',
        '<row r="2"><c r="A2" t="inlineStr"><is><t></t></is></c><c r="B2"><v>7</v></c></row>',
        '<row r="2"><c r="A2" t="str"><f>IF(B2="","",1)</f><v></v></c><c r="B2"><v>7</v></c></row>',
        '<row r="2"><c r="A2" t="str"><f>IF(B2="","",1)</f><v/></c><c r="B2"><v>7</v></c></row>',
        '<row r="1"><c/></row><row><c/><c><v>7</v></c></row>',
        '<row r="2"><c r="B2" t="str"><f>"7"</f><v>7</v></c></row>',
        '<row r="2"><c r="B2" t="inlineStr"><is><r><t>7</t></r></is></c></row>',
        '<row r="9"><c r="C9"><v></v></c></row><row r="2"><c r="B2"><v>7</v></c></row>',
    ],
    ids=[
        "plain",
        "style first",
        "single quotes",
        "preserved space",
        "indented",
        "empty value left of it",
        "formatted blank left of it",
        "empty text left of it",
        "formula of an empty text left of it",
        "the same, written short",
        "no addresses",
        "formula",
        "rich text",
        "rows out of order",
    ],
)
def test_a_cell_has_its_address_however_the_xml_is_written(readers: ReaderPool, row: str) -> None:
    assert cells(only(readers.read(package("a.xlsx", row)))) == {"B2": "7"}


def test_a_namespace_prefix_changes_nothing(readers: ReaderPool) -> None:
    rows = '<x:row r="2"><x:c r="B2"><x:v>7</x:v></x:c><x:c r="C2" t="e"><x:v>#N/A</x:v></x:c></x:row>'
    space = 'xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    whole = f'<?xml version="1.0"?><x:worksheet {space}><x:sheetData>{rows}</x:sheetData></x:worksheet>'
    sheet = only(readers.read(package("a.xlsx", whole)))
    assert cells(sheet) == {"B2": "7"}
    assert sheet.faults == (Fault(2, "C", "error_cell", "#N/A"),)


def test_every_error_of_a_long_sheet_is_found(readers: ReaderPool) -> None:
    """The part is looked through in pieces; prefixed rows offer no seam the plain ones have."""
    formula = "+".join(["SUM(A1:A9)"] * 700)
    cell = f'<x:c r="{{}}{{}}" t="e"><x:f>{formula}</x:f><x:v>#DIV/0!</x:v></x:c>'
    letters = [get_column_letter(number) for number in range(1, 7)]
    body = "".join(
        f'<x:row r="{row}">{"".join(cell.format(letter, row) for letter in letters)}</x:row>' for row in range(1, 101)
    )
    space = 'xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    whole = f'<?xml version="1.0"?><x:worksheet {space}><x:sheetData>{body}</x:sheetData></x:worksheet>'
    assert len(whole) > 4 << 20
    found = len(only(readers.read(package("a.xlsx", whole))).faults)
    assert found == 6 * 100


# Values as text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0012", "0012"),
        (" 张 三 ", " 张 三 "),
        ("上\n下", "上\n下"),
        (19900000001, "19900000001"),
        (301.0, "301"),
        (0.1, "0.1"),
        (-12.5, "-12.5"),
        (46298.5, "46298.5"),
        (True, "true"),
        (False, "false"),
        (date(2026, 10, 3), "2026-10-03 00:00:00"),
        (datetime(2026, 10, 3, 14, 5, 7), "2026-10-03 14:05:07"),
        (time(14, 5), "1899-12-31 14:05:00"),
    ],
)
def test_a_cell_of_any_type_becomes_text(readers: ReaderPool, value: object, text: str) -> None:
    assert cells(only(readers.read(book("a.xlsx", [value])))) == {"A1": text}


def test_dates_counted_from_1904_are_told_apart(readers: ReaderPool) -> None:
    workbook = openpyxl.Workbook()
    workbook.epoch = CALENDAR_MAC_1904
    workbook.active["B2"] = date(2026, 10, 3)
    workbook.active["C2"] = 44836
    workbook.save("a.xlsx")
    sheet = only(readers.read(Path("a.xlsx")))
    assert sheet.date1904
    assert cells(sheet) == {"B2": "2026-10-03 00:00:00", "C2": "44836"}
    assert not only(readers.read(book("b.xlsx", [1]))).date1904


def test_error_cells_are_named_with_their_address(readers: ReaderPool) -> None:
    with xlsxwriter.Workbook("a.xlsx") as workbook:
        worksheet = workbook.add_worksheet()
        worksheet.write("D5", "有")
        worksheet.write_formula("C3", "=NA()", None, "#N/A")
        worksheet.write_formula("E4", "=1/0", None, "#DIV/0!")
    sheet = only(readers.read(Path("a.xlsx")))
    assert cells(sheet) == {"D5": "有"}
    assert sheet.faults == (Fault(3, "C", "error_cell", "#N/A"), Fault(4, "E", "error_cell", "#DIV/0!"))


def test_a_sheet_of_nothing_but_an_error_still_names_it(readers: ReaderPool) -> None:
    workbook = readers.read(package("a.xlsx", '<row r="2"><c r="B2" t="e"><v>#REF!</v></c></row>'))
    assert [sheet.faults for sheet in workbook.sheets] == [(Fault(2, "B", "error_cell", "#REF!"),)]


@pytest.mark.parametrize(
    "cell",
    [
        '<c r="B2" t="e"><v>#N/A</v></c>',
        '<c r="B2" s="1" t="e"><f>NA()</f><v>#N/A</v></c>',
        '<c t="e" r="B2"><v>#N/A</v></c>',
        "<c r='B2' t='e'><v>#N/A</v></c>",
        '<c r="B2" t="e">\n<f>NA()</f>\n<v>#N/A</v>\n</c>',
    ],
    ids=["plain", "formula", "type first", "single quotes", "indented"],
)
def test_an_error_is_found_however_the_xml_is_written(readers: ReaderPool, cell: str) -> None:
    rows = f'<row r="1"><c r="A1"><v>1</v></c></row><row r="2">{cell}</row>'
    assert only(readers.read(package("a.xlsx", rows))).faults == (Fault(2, "B", "error_cell", "#N/A"),)


def test_a_formula_never_calculated_is_named_with_its_address(readers: ReaderPool) -> None:
    workbook = openpyxl.Workbook()  # which writes formulas and calculates none
    workbook.active["A1"] = "人数"
    workbook.active["C3"] = "=1+1"
    workbook.save("a.xlsx")
    sheet = only(readers.read(Path("a.xlsx")))
    assert cells(sheet) == {"A1": "人数"}
    assert sheet.faults == (Fault(3, "C", "formula_without_value", ""),)


@pytest.mark.parametrize(
    "cell",
    [
        '<c r="B2"><f>1+1</f></c>',
        '<c r="B2"><f>1+1</f><v/></c>',
        '<c r="B2"><f>1+1</f><v></v></c>',
        '<c r="B2"><f>1+1</f><v /></c>',
        '<c r="B2" s="3"><f t="shared" si="0"/></c>',
        '<c r="B2"><f t="shared" si="0" /><v/></c>',
        '<c r="B2">\n<f>1+1</f>\n</c>',
        '<c s="3" r="B2"><f>1+1</f></c>',
    ],
)
def test_a_formula_without_value_is_found_however_the_xml_is_written(readers: ReaderPool, cell: str) -> None:
    rows = f'<row r="1"><c r="A1"><v>1</v></c></row><row r="2">{cell}</row>'
    assert only(readers.read(package("a.xlsx", rows))).faults == (Fault(2, "B", "formula_without_value", ""),)


@pytest.mark.parametrize(
    "cell",
    [
        '<c r="B2" t="str"><f>IF(A1=1,"","x")</f><v></v></c>',
        '<c r="B2"><f>1+1</f><v>2</v></c>',
        '<c r="B2" t="inlineStr"><is><t>t="e" #N/A</t></is></c>',
        '<c r="B2" s="1"/>',
    ],
    ids=["a stored empty text", "a stored number", "a text about errors", "a formatted blank"],
)
def test_a_cell_that_is_as_it_should_be_is_no_fault(readers: ReaderPool, cell: str) -> None:
    rows = f'<row r="1"><c r="A1"><v>1</v></c></row><row r="2">{cell}</row>'
    assert only(readers.read(package("a.xlsx", rows))).faults == ()


# Workbooks


def test_several_sheets_come_in_order_and_hidden_ones_say_so(readers: ReaderPool) -> None:
    with xlsxwriter.Workbook("a.xlsx") as workbook:
        for name in ("十月", "旧", "更旧", "空"):
            workbook.add_worksheet(name)
        for name in ("十月", "旧", "更旧"):
            workbook.get_worksheet_by_name(name).write("B2", name)
        workbook.get_worksheet_by_name("旧").hide()
        workbook.get_worksheet_by_name("更旧").very_hidden()
    found = readers.read(Path("a.xlsx"))
    assert [(sheet.name, sheet.hidden, cells(sheet)) for sheet in found.sheets] == [
        ("十月", False, {"B2": "十月"}),
        ("旧", True, {"B2": "旧"}),
        ("更旧", True, {"B2": "更旧"}),
        ("空", False, {}),
    ]
    assert found.issues == ()


def test_a_chart_sheet_does_not_keep_the_data_from_being_read(readers: ReaderPool) -> None:
    with xlsxwriter.Workbook("a.xlsx") as workbook:
        workbook.add_worksheet("数据").write("A1", 1)
        chart = workbook.add_chart({"type": "line"})
        chart.add_series({"values": "=数据!$A$1:$A$2"})
        workbook.add_chartsheet("图").set_chart(chart)
    found = readers.read(Path("a.xlsx"))
    assert found.issues == ()
    assert {sheet.name: cells(sheet) for sheet in found.sheets}["数据"] == {"A1": "1"}


def test_a_workbook_of_empty_sheets_is_no_empty_export_but_an_issue(readers: ReaderPool) -> None:
    found = readers.read(book("a.xlsx", sheets={"一": [], "二": []}))
    assert [issue.code for issue in found.issues] == ["no_cells"]


def test_a_workbook_that_lists_no_sheet_is_refused(readers: ReaderPool) -> None:
    assert refusal(readers.read(package("a.xlsx", GOOD, sheets=()))) == "no_cells"


def test_a_sheet_of_empty_values_does_not_make_the_workbook_a_damaged_one(readers: ReaderPool) -> None:
    hollow = part('<row r="1"><c r="A1"><v></v></c></row>')
    found = readers.read(package("a.xlsx", GOOD, {"xl/worksheets/sheet2.xml": hollow}, sheets=("表", "空")))
    assert found.issues == ()
    assert [cells(sheet) for sheet in found.sheets] == [{"B2": "7"}, {}]


def rewritten(change: Callable[[str], str]) -> Path:
    """The good workbook with every part changed alike."""
    with zipfile.ZipFile(package("good.xlsx", GOOD)) as archive:
        return zipped("a.xlsx", {name: change(archive.read(name).decode()) for name in archive.namelist()})


def test_a_strict_workbook_is_read_like_any_other(readers: ReaderPool) -> None:
    path = rewritten(strict)
    assert cells(only(readers.read(path))) == {"B2": "7"}


def test_a_part_named_from_the_root_is_found(readers: ReaderPool) -> None:
    path = rewritten(lambda text: text.replace('"worksheets/', '"/xl/worksheets/'))
    assert cells(only(readers.read(path))) == {"B2": "7"}


def test_a_workbook_tells_when_it_was_saved(readers: ReaderPool) -> None:
    workbook = openpyxl.Workbook()
    workbook.active["A1"] = 1
    workbook.properties.created = datetime(2026, 10, 1, 9, 0)
    workbook.save("a.xlsx")
    saved = readers.read(Path("a.xlsx")).saved
    assert saved is not None
    assert abs(saved - datetime.now(UTC)).total_seconds() < 60  # openpyxl notes the moment of saving


def test_the_last_saving_counts_not_the_making(readers: ReaderPool) -> None:
    core = "<x><dcterms:created>2026-10-01T09:00:00Z</dcterms:created>{}</x>"
    late = core.format('<dcterms:modified xsi:type="dcterms:W3CDTF">2026-10-31T18:30:00Z</dcterms:modified>')
    times = []
    for text in (late, core.format(""), "<x/>", "<x><dcterms:modified>2026-99-99T00:00:00Z</dcterms:modified></x>"):
        times.append(readers.read(package("a.xlsx", GOOD, {"docProps/core.xml": text})).saved)
    assert times == [datetime(2026, 10, 31, 18, 30, tzinfo=UTC), datetime(2026, 10, 1, 9, tzinfo=UTC), None, None]


def test_the_same_bytes_under_another_name_have_the_same_hash(readers: ReaderPool) -> None:
    first = readers.read(book("a.xlsx", ["甲"]))
    second = readers.read(Path("a.xlsx").rename("无扩展名"))
    assert first.sha256 == second.sha256 != readers.read(book("c.xlsx", ["乙"])).sha256
    assert cells(only(second)) == {"A1": "甲"}


# Delimited text

TABLE = "日期,顾问\r\n2026-10-03,王磊\r\n"
AS_ROWS = [("日期", "顾问"), ("2026-10-03", "王磊")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_text_is_read_in_each_encoding_and_with_each_delimiter(
    readers: ReaderPool, encoding: str, delimiter: str
) -> None:
    Path("客流.csv").write_bytes(TABLE.replace(",", delimiter).encode(encoding))
    sheet = only(readers.read(Path("客流.csv")))
    assert rows(sheet) == AS_ROWS
    assert sheet.name == "客流"


def test_utf_16_is_read_in_both_byte_orders(readers: ReaderPool) -> None:
    Path("a.csv").write_bytes(b"\xfe\xff" + TABLE.encode("utf-16-be"))
    assert rows(only(readers.read(Path("a.csv")))) == AS_ROWS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('甲,"乙,丙"\n', [("甲", "乙,丙")]),
        ('甲,"他说""好"""\n', [("甲", '他说"好"')]),
        ('甲,"上\n下"\n丁,戊\n', [("甲", "上\n下"), ("丁", "戊")]),
        ('="0012","=""3301"""\n', [("0012", "3301")]),
        ("甲,乙\n\n\n丙,丁\n", [("甲", "乙"), (None, None), (None, None), ("丙", "丁")]),
        ("甲\n乙,丙,丁\n戊,己\n", [("甲", None, None), ("乙", "丙", "丁"), ("戊", "己", None)]),
        ("甲\r乙\r", [("甲",), ("乙",)]),
        ("甲;1,5\n乙;2,5\n丙;3,5\n丁;;4\n", [("甲;1", "5"), ("乙;2", "5"), ("丙;3", "5"), ("丁;;4", None)]),
        ("甲,乙", [("甲", "乙")]),
    ],
    ids=[
        "quoted delimiter",
        "quoted quote",
        "line break in a cell",
        "guarded number",
        "blank lines",
        "ragged rows",
        "carriage returns",
        "no clear delimiter",
        "no end of line",
    ],
)
def test_text_becomes_rows(readers: ReaderPool, text: str, expected: list[tuple[str | None, ...]]) -> None:
    Path("a.csv").write_bytes(text.encode())
    assert rows(only(readers.read(Path("a.csv")))) == expected


FIELD = st.text('甲乙a1,;\t"\n =', min_size=1, max_size=5)


@settings(steady, max_examples=40)
@given(st.lists(st.lists(FIELD, min_size=3, max_size=3), min_size=1, max_size=5), st.sampled_from(",\t;"))
def test_quoted_text_comes_back_as_it_was_written(readers: ReaderPool, table: list[list[str]], delimiter: str) -> None:
    quoted = [delimiter.join('"' + field.replace('"', '""') + '"' for field in fields) for fields in table]
    head = delimiter.join(["h"] * 3) + "\r\n"
    Path("a.csv").write_bytes((head * 60 + "\r\n".join(quoted) + "\r\n").encode())
    assert rows(only(readers.read(Path("a.csv"))))[60:] == [tuple(fields) for fields in table]


@pytest.mark.parametrize("word", ["BMW", "MZ"])
def test_text_that_begins_like_a_signature_is_still_text(readers: ReaderPool, word: str) -> None:
    Path("a.csv").write_bytes(f"{word} 5S 店客流,日期\n王磊,2026-10-03\n".encode())
    assert rows(only(readers.read(Path("a.csv"))))[0] == (f"{word} 5S 店客流", "日期")


def test_a_quote_never_closed_does_not_swallow_the_rows_below_in_silence(readers: ReaderPool) -> None:
    Path("a.csv").write_text('日期,备注\n2026-10-01,"好\n2026-10-02,中\n2026-10-03,下\n', encoding="utf-8")
    found = readers.read(Path("a.csv"))
    assert found.issues or only(found).cells.height == 4


# Refusals


def bytes_of(make: Callable[[], Path]) -> Callable[[], bytes]:
    return lambda: make().read_bytes()


def good() -> bytes:
    return book("good.xlsx", *[["日期", "顾问", row] for row in range(200)]).read_bytes()


def flipped() -> bytes:
    """A workbook with one bit wrong inside a sheet's stored bytes."""
    package("a.xlsx", GOOD)
    with zipfile.ZipFile("a.xlsx") as archive, zipfile.ZipFile("b.xlsx", "w", zipfile.ZIP_STORED) as copy:
        for name in archive.namelist():
            copy.writestr(name, archive.read(name))
    return Path("b.xlsx").read_bytes().replace(b"<v>7</v>", b"<v>6</v>")


def with_duplicate() -> Path:
    path = package("a.xlsx", GOOD)
    with warnings.catch_warnings(), zipfile.ZipFile(path, "a") as archive:
        warnings.simplefilter("ignore")
        archive.writestr("xl/workbook.xml", b"<other/>")
    return path


def locked() -> bytes:
    """A package whose members say that they are encrypted."""
    content = bytearray(package("a.xlsx", GOOD).read_bytes())
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = -1
        while (start := content.find(signature, start + 1)) >= 0:
            content[start + place] |= 1
    return bytes(content)


DOCTYPE = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aa">]><x>&a;</x>'
BLANK_PART = part("")

REFUSED: dict[str, tuple[str, Callable[[], bytes]]] = {
    "empty file": ("empty_file", lambda: b""),
    "PDF": ("not_a_table", lambda: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n"),
    "PNG": ("not_a_table", lambda: b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"),
    "JPEG": ("not_a_table", lambda: b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"),
    "RAR": ("not_a_table", lambda: b"Rar!\x1a\x07\x01\x00"),
    "plain zip": ("not_a_table", bytes_of(lambda: zipped("a.zip", {"客流.csv": TABLE}))),
    "empty zip": ("not_a_table", bytes_of(lambda: zipped("a.zip", {}))),
    "Word": ("not_a_table", bytes_of(lambda: zipped("a.docx", {"word/document.xml": "<x/>"}))),
    "PowerPoint": ("not_a_table", bytes_of(lambda: zipped("a.pptx", {"ppt/presentation.xml": "<x/>"}))),
    "binary garbage": ("not_a_table", lambda: bytes(range(256)) * 4),
    "UTF-16 without mark": ("not_a_table", lambda: TABLE.encode("utf-16-le")),
    "no encoding": ("bad_encoding", lambda: b"a,b\n\xff\xff\n"),
    "UTF-16 cut in half": ("bad_encoding", lambda: "日期".encode("utf-16")[:-1]),
    "OLE": ("not_a_table", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)),
    "HTML cut in half": ("truncated", lambda: "<html><table><tr><td>日期</td></tr><tr><td>20".encode()),
    "other XML": ("not_a_table", lambda: b'<?xml version="1.0"?><?mso-application progid="Excel"?>'),
    "MHTML without a table": ("truncated", lambda: b"MIME-Version: 1.0\r\nContent-Type: multipart/related\r\n"),
    "ods without content": (
        "truncated",
        bytes_of(lambda: zipped("a.ods", {"mimetype": "application/vnd.oasis.opendocument.spreadsheet"})),
    ),
    "xlsb without relations": ("truncated", bytes_of(lambda: zipped("a.xlsb", {"xl/workbook.bin": b"\x00"}))),
    "byte flipped": ("truncated", flipped),
    "first bytes only": ("truncated", lambda: good()[:30]),
    "first half": ("truncated", lambda: good()[: len(good()) // 2]),
    "no directory": ("truncated", lambda: good()[: good().rindex(b"PK\x01\x02")]),
    "no end": ("truncated", lambda: good()[:-22]),
    "last byte missing": ("truncated", lambda: good()[:-1]),
    "sheet part missing": ("truncated", bytes_of(lambda: without("xl/worksheets/sheet1.xml"))),
    "relations missing": ("truncated", bytes_of(lambda: without("xl/_rels/workbook.xml.rels"))),
    "no XML": ("truncated", bytes_of(lambda: package("a.xlsx", GOOD, {"xl/workbook.xml": "<workbook"}))),
    "encrypted members": ("encrypted", locked),
    "DOCTYPE in the workbook": (
        "unsafe_workbook",
        bytes_of(lambda: package("a.xlsx", GOOD, {"xl/workbook.xml": DOCTYPE})),
    ),
    "DOCTYPE in a sheet": ("unsafe_workbook", bytes_of(lambda: package("a.xlsx", DOCTYPE))),
    "DOCTYPE elsewhere": (
        "unsafe_workbook",
        bytes_of(lambda: package("a.xlsx", GOOD, {"xl/sharedStrings.xml": DOCTYPE})),
    ),
    "too many parts": (
        "unsafe_workbook",
        bytes_of(lambda: package("a.xlsx", GOOD, {f"xl/x{n}": b"" for n in range(2000)})),
    ),
    "bomb": ("unsafe_workbook", bytes_of(lambda: package("a.xlsx", GOOD, {"xl/media/image1.png": bytes(50 << 20)}))),
    "duplicate names": ("unsafe_workbook", bytes_of(with_duplicate)),
}


def without(name: str) -> Path:
    package("whole.xlsx", GOOD)
    with zipfile.ZipFile("whole.xlsx") as archive:
        return zipped("a.xlsx", {other: archive.read(other) for other in archive.namelist() if other != name})


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_read_is_refused_by_what_it_is(readers: ReaderPool, kind: str) -> None:
    code, content = REFUSED[kind]
    Path("客流.xls").write_bytes(content())  # the name says nothing
    assert refusal(readers.read(Path("客流.xls"))) == code


def test_a_workbook_of_too_many_bytes_is_refused_before_it_is_inflated() -> None:
    path = package("a.xlsx", GOOD, {"xl/media/image1.png": os.urandom(2 << 20)})
    with ReaderPool(1, Limits(inflated_mib=1)) as pool:
        assert refusal(pool.read(path)) == "unsafe_workbook"


def test_a_cut_anywhere_gives_a_refusal_and_never_half_a_table(readers: ReaderPool) -> None:
    whole = good()
    for length in range(4, len(whole), len(whole) // 40):
        Path("a.xlsx").write_bytes(whole[:length])
        assert refusal(readers.read(Path("a.xlsx"))) == "truncated"


def test_a_missing_file_a_folder_and_a_pipe_are_refused_without_being_opened(readers: ReaderPool) -> None:
    os.mkfifo("管道.csv")
    Path("夹").mkdir()
    Path("断").symlink_to("无此文件")
    assert refusal(readers.read(Path("无此文件.xlsx"))) == "file_missing"
    assert refusal(readers.read(Path("断"))) == "file_missing"
    assert refusal(readers.read(Path("管道.csv"))) == "not_a_file"
    assert refusal(readers.read(Path("夹"))) == "not_a_file"


def test_a_path_through_a_file_is_refused(readers: ReaderPool) -> None:
    book("a.xlsx", [1])
    assert refusal(readers.read(Path("a.xlsx/b.xlsx"))) == "file_unreadable"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_nobody_may_read_is_refused(readers: ReaderPool) -> None:
    book("a.xlsx", [1]).chmod(0)
    assert refusal(readers.read(Path("a.xlsx"))) == "file_unreadable"


# A pool outlives what it reads

FAR = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'


def test_a_workbook_that_kills_its_reader_costs_one_refusal(
    readers: ReaderPool, capfd: pytest.CaptureFixture[str]
) -> None:
    assert refusal(readers.read(package("a.xlsx", FAR))) == "reader_died"
    for _ in range(3):  # both readers of the pool get their turn
        assert cells(only(readers.read(book("b.xlsx", ["好"])))) == {"A1": "好"}
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["a.csv", "a.xlsx"])
def test_too_little_memory_is_not_called_a_damaged_file(name: str) -> None:
    book(name, ["好"]) if name == "a.xlsx" else Path(name).write_text("甲,乙\n", encoding="utf-8")
    with ReaderPool(1, Limits(memory_mib=64)) as pool:
        assert refusal(pool.read(Path(name))) == "reader_died"


through_proc = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are found in /proc")


def children() -> set[int]:
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # a thread that ended meanwhile
            found |= set(map(int, (task / "children").read_text().split()))
    return found


@through_proc
def test_a_reader_that_hangs_is_ended_and_replaced() -> None:
    path, known = book("a.xlsx", ["好"]), children()
    with ReaderPool(1, Limits(seconds=2)) as pool:
        (child,) = children() - known
        os.kill(child, signal.SIGSTOP)
        assert refusal(pool.read(path)) == "reader_timeout"
        assert cells(only(pool.read(path))) == {"A1": "好"}
        assert child not in children()


@through_proc
def test_a_pool_leaves_no_process_and_no_file_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path("temporary")
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder.absolute()))
    known = children()
    with ReaderPool(1, Limits()) as pool:
        assert only(pool.read(book("a.xlsx", ["好"])))
        assert list(folder.iterdir())
        assert len(children() - known) == 1
    assert list(folder.iterdir()) == []
    assert children() - known == set()


# Any bytes at all


def read_or_refused(workbook: Workbook) -> None:
    assert all(issue.code in codes() for issue in workbook.issues)
    if workbook.sheets:
        assert {issue.code for issue in workbook.issues} <= {"no_cells"}
    else:
        refusal(workbook)


@settings(steady, max_examples=40)
@given(st.binary(max_size=300))
@example(b"\xff\xfe")
@example(b"\xef\xbb\xbf")
@example(b"\n")
@example(b'"')
def test_any_bytes_are_read_or_refused(readers: ReaderPool, content: bytes) -> None:
    Path("a").write_bytes(content)
    read_or_refused(readers.read(Path("a")))


EDITS = st.lists(
    st.tuples(st.integers(0, 10_000), st.sampled_from([0, 1, 4]), st.binary(max_size=4)), min_size=1, max_size=4
)


def edited(content: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    for place, length, new in edits:
        start = place % len(content)
        content = content[:start] + new + content[start + length :]
    return content


@settings(steady, max_examples=40)
@given(EDITS)
def test_a_damaged_xlsx_is_read_or_refused(readers: ReaderPool, edits: list[tuple[int, int, bytes]]) -> None:
    Path("b.xlsx").write_bytes(edited(package("a.xlsx", GOOD).read_bytes(), edits))
    read_or_refused(readers.read(Path("b.xlsx")))


MARKUP = (
    '<row r="1"><c r="A1" t="inlineStr"><is><t>日期</t></is></c><c r="B1" t="e"><v>#N/A</v></c></row>'
    '<row r="2" spans="1:3"><c r="A2" s="0"><v>46298</v></c><c r="C2"><f>1+1</f><v>2</v></c></row>'
)


@settings(steady, max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 10_000),
            st.sampled_from([0, 1, 4]),
            st.sampled_from([b"", b"<", b'"', b"/>", b"9", b"Z", b'r="', b"\xff"]),
        )
    )
)
def test_a_sheet_of_damaged_markup_is_read_or_refused(readers: ReaderPool, edits: list[tuple[int, int, bytes]]) -> None:
    content = edited(part(MARKUP).encode(), edits)
    read_or_refused(readers.read(package("a.xlsx", "", {"xl/worksheets/sheet1.xml": content})))


@settings(steady, max_examples=40)
@given(EDITS, st.sampled_from(["utf-8", "gb18030", "utf-16"]))
def test_a_damaged_text_file_is_read_or_refused(
    readers: ReaderPool, edits: list[tuple[int, int, bytes]], encoding: str
) -> None:
    Path("a.csv").write_bytes(edited((TABLE * 3).encode(encoding), edits))
    read_or_refused(readers.read(Path("a.csv")))
