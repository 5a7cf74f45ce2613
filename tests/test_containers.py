"""Containers: one table gives the same cells whatever it comes in, and each container's own ways are understood."""

import zipfile
from collections.abc import Callable
from datetime import date, datetime, time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import xlwt

from kpicli.read import Fault, RawSheet, ReaderPool

from . import containers as c
from .containers import ErrorValue, Formula, Layout, Raw
from .test_read import cells, only, refusal
from .workbooks import zipped

TABLE: list[list[Any]] = [
    [],
    [
        None,
        "进店日期",
        "客户姓名",
        "联系电话",
        "手机",
        "进店时间",
        "金额",
        "是否试驾",
        "差额",
        "备注",
        "登记时间",
        "车型",
    ],
    [
        None,
        date(2026, 10, 3),
        "张三",
        "057100000001",
        19900000001,
        time(9, 0),
        129800.55,
        True,
        -12.5,
        "上\n下",
        datetime(2026, 10, 3, 14, 5, 7),
        301.0,
    ],
    [
        None,
        date(2024, 2, 29),
        "李 <四> & “五”",
        "0012",
        None,
        time(23, 59, 59),
        0.07,
        False,
        -3,
        'a,"b";c',
        datetime(2026, 12, 31, 23, 59, 59),
    ],
    [],
    [None, None, "王磊", None, 19900000002, None, 98000],
]
SHEETS = {"客流": TABLE}


def shown(value: Any) -> str:
    """A typed value as the reader of xlsx gives it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return str(value)
    if isinstance(value, date | time):
        return f"{value} 00:00:00" if isinstance(value, date) else f"1899-12-31 {value}"
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def expected(rows: c.Rows, spelled: Callable[[Any], str] = shown) -> dict[str, str]:
    return {c.address(row, column): spelled(value) for row, column, value in c.filled(rows)}


TYPED: dict[str, Callable[..., Path]] = {
    "xlsx": c.xlsx,
    "strict xlsx": c.strict_xlsx,
    "xlsm": c.xlsm,
    "xlsb": c.xlsb,
    "ods": c.ods,
    "flat ods": partial(c.ods, flat=True),
    "xls": c.xls,
    "xls of code page 936": partial(c.xls, codepage=936),
    "BIFF8 of labels": partial(c.biff, version=8),
    "BIFF5": c.biff,
    "BIFF5 without container": partial(c.biff, bare=True),
    "BIFF8 without container": partial(c.biff, version=8, bare=True),
    "SpreadsheetML": c.spreadsheetml,
    "SpreadsheetML of WPS": partial(c.spreadsheetml, wps=True),
    "SpreadsheetML with prefixes": partial(c.spreadsheetml, prefix="ss:"),
    "SpreadsheetML in GBK": partial(c.spreadsheetml, encoding="gbk"),
}
"""Containers that know the types of their cells."""

WRITTEN: dict[str, Callable[..., Path]] = {
    "HTML": c.jsp_html,
    "HTML with mark": partial(c.jsp_html, encoding="utf-8-sig"),
    "HTML in GBK": partial(c.jsp_html, encoding="gbk"),
    "HTML in GB2312": partial(c.jsp_html, encoding="gb2312"),
    "HTML in UTF-16": partial(c.jsp_html, encoding="utf-16"),
    "web page of Excel": c.excel_html,
    "web page of Excel without numbers": partial(c.excel_html, numbers=False),
    "web page of Excel in UTF-8": partial(c.excel_html, encoding="utf-8"),
    "MHTML": c.mhtml,
    "MHTML in base64": partial(c.mhtml, transfer="base64"),
    "MHTML in UTF-8": partial(c.mhtml, encoding="utf-8"),
    "csv": c.delimited,
    "csv with mark": partial(c.delimited, encoding="utf-8-sig"),
    "csv in GB18030": partial(c.delimited, encoding="gb18030"),
    "csv in UTF-16 LE": partial(c.delimited, encoding="utf-16-le"),
    "csv in UTF-16 BE": partial(c.delimited, encoding="utf-16-be"),
    "csv with guards": partial(c.delimited, guard=True),
    "tab-separated": partial(c.delimited, delimiter="\t"),
    "tab-separated in UTF-16": partial(c.delimited, delimiter="\t", encoding="utf-16-le"),
    "semicolons": partial(c.delimited, delimiter=";"),
    "\\x01-separated": partial(c.delimited, delimiter="\x01"),
    "\\x01-separated in GBK": partial(c.delimited, delimiter="\x01", encoding="gbk"),
}
"""Containers of text, whose cells are what was written."""


# The same table


def test_the_shared_table_is_read_from_xlsx_as_it_stands(readers: ReaderPool) -> None:
    found = cells(only(readers.read(c.xlsx("a.xlsx", SHEETS))))
    assert [found[f"{letter}3"] for letter in "BCDEFGHIJKL"] == [
        "2026-10-03 00:00:00",
        "张三",
        "057100000001",
        "19900000001",
        "1899-12-31 09:00:00",
        "129800.55",
        "true",
        "-12.5",
        "上\n下",
        "2026-10-03 14:05:07",
        "301",
    ]


@pytest.mark.parametrize("kind", TYPED)
def test_one_table_is_the_same_in_every_container_that_knows_types(readers: ReaderPool, kind: str) -> None:
    sheet = only(readers.read(TYPED[kind]("客流.dat", SHEETS)))
    assert cells(sheet) == expected(TABLE)
    assert (sheet.name, sheet.hidden, sheet.faults, sheet.merges, sheet.hidden_rows) == ("客流", False, (), (), ())


@pytest.mark.parametrize("kind", WRITTEN)
def test_one_table_is_the_same_in_every_container_of_text(readers: ReaderPool, kind: str) -> None:
    sheet = only(readers.read(WRITTEN[kind]("客流.dat", SHEETS)))
    assert cells(sheet) == expected(TABLE, c.written)
    assert (sheet.name, sheet.faults, sheet.merges) == ("客流", (), ())


NUMBERS = [[0.1, 1e-7, 1e15, 98765.43, 1e22, -0.5, 0, 2**53, 10**17, 0.5, 46298, 1e-9]]


@pytest.mark.parametrize("kind", TYPED)
def test_a_number_is_spelled_alike_in_every_container(readers: ReaderPool, kind: str) -> None:
    numbers = {"数": NUMBERS}
    assert cells(only(readers.read(TYPED[kind]("b.dat", numbers)))) == cells(
        only(readers.read(c.xlsx("a.xlsx", numbers)))
    )


MOMENTS = [
    [time(0, 0, 1), time(12), datetime(2026, 10, 3, 8, 59, 59), datetime(2026, 1, 1, 0, 0, 1), date(1999, 12, 31)],
    [time(hour, minute) for hour, minute in ((8, 5), (9, 35), (13, 7), (17, 59), (20, 20))],
]


@pytest.mark.parametrize("kind", TYPED)
def test_a_moment_is_the_same_to_the_second_in_every_container(readers: ReaderPool, kind: str) -> None:
    assert cells(only(readers.read(TYPED[kind]("a.dat", {"时": MOMENTS})))) == expected(MOMENTS)


@pytest.mark.parametrize("kind", [*TYPED, *WRITTEN])
@pytest.mark.parametrize("extension", [".xlsx", ".xls", ".xlsb", ".ods", ".csv", ""])
def test_the_name_of_a_file_says_nothing(readers: ReaderPool, kind: str, extension: str) -> None:
    path = {**TYPED, **WRITTEN}[kind]("原名", SHEETS).rename(f"客流{extension}")
    assert cells(only(readers.read(path)))["C3"] == "张三"


def test_dates_of_an_old_workbook_counted_from_1904_are_told_apart(readers: ReaderPool) -> None:
    workbook = xlwt.Workbook()
    workbook.dates_1904 = True
    worksheet = workbook.add_sheet("表")
    worksheet.write(0, 0, date(2026, 10, 3), xlwt.easyxf(num_format_str="yyyy-mm-dd"))
    worksheet.write(0, 1, 44836)
    workbook.save("a.xls")
    sheet = only(readers.read(Path("a.xls")))
    assert sheet.date1904
    assert cells(sheet) == {"A1": "2026-10-03 00:00:00", "B1": "44836"}


# What stands beside the cells


SHOWS_MERGES = [
    *("xlsx", "strict xlsx", "xlsb", "ods", "flat ods", "xls", "BIFF8 of labels", "SpreadsheetML"),
    *("SpreadsheetML with prefixes", "HTML", "HTML in GBK", "web page of Excel", "MHTML"),
]
MERGED = [
    [None, "零售", None, None, "合计"],
    [None, "今日", "本月", "目标", None],
    [None, "张三", "1", "2", "3"],
    [None, None, "4", "5", "6"],
]


@pytest.mark.parametrize("kind", SHOWS_MERGES)
def test_merged_cells_are_told_and_only_their_first_holds_a_value(readers: ReaderPool, kind: str) -> None:
    layout = Layout(merges=("B1:D1", "E1:E2", "B3:B4"))
    sheet = only(readers.read({**TYPED, **WRITTEN}[kind]("a.dat", {"报表": MERGED}, layout)))
    assert cells(sheet) == expected(MERGED)
    blocks = {(block.top, block.bottom, block.left, block.right) for block in sheet.merges}
    assert blocks == {(1, 1, "B", "D"), (1, 2, "E", "E"), (3, 4, "B", "B")}


@pytest.mark.parametrize("kind", SHOWS_MERGES)
def test_a_merged_block_over_rows_and_columns_moves_no_cell(readers: ReaderPool, kind: str) -> None:
    rows = [["甲", None, None, "乙"], [None, None, None, "丙"], ["丁", "戊", "己", "庚"]]
    sheet = only(readers.read({**TYPED, **WRITTEN}[kind]("a.dat", {"表": rows}, Layout(merges=("A1:C2",)))))
    assert cells(sheet) == expected(rows)
    assert [(block.top, block.bottom, block.left, block.right) for block in sheet.merges] == [(1, 2, "A", "C")]


SHOWS_HIDDEN_ROWS = [*SHOWS_MERGES, "BIFF5", "BIFF5 without container"]


@pytest.mark.parametrize("kind", SHOWS_HIDDEN_ROWS)
def test_hidden_rows_are_read_and_named(readers: ReaderPool, kind: str) -> None:
    rows = [["姓名"], ["张三"], ["李四"], ["王五"], ["合计"]]
    sheet = only(readers.read({**TYPED, **WRITTEN}[kind]("a.dat", {"表": rows}, Layout(hidden_rows=(2, 4)))))
    assert cells(sheet) == expected(rows)
    assert sheet.hidden_rows == (2, 4)


BOOKS = [
    *("xlsx", "strict xlsx", "xlsm", "xlsb", "ods", "xls", "BIFF8 of labels", "BIFF5", "BIFF5 without container"),
    *("SpreadsheetML", "SpreadsheetML of WPS", "SpreadsheetML with prefixes", "MHTML", "MHTML in base64"),
]


@pytest.mark.parametrize("kind", BOOKS)
def test_sheets_come_in_order_and_hidden_ones_say_so(readers: ReaderPool, kind: str) -> None:
    sheets = {"十月": [["甲"]], "旧 & 更旧": [[None, "乙"]], "说明": [["丙", "丁"]]}
    layout = Layout(hidden_sheets=("旧 & 更旧",))
    found = readers.read({**TYPED, **WRITTEN}[kind]("a.dat", sheets, layout))
    assert [(sheet.name, cells(sheet), sheet.hidden) for sheet in found.sheets] == [
        ("十月", {"A1": "甲"}, False),
        ("旧 & 更旧", {"B1": "乙"}, True),
        ("说明", {"A1": "丙", "B1": "丁"}, False),
    ]


ERRORS = [[None, "有"], [ErrorValue("#N/A"), ErrorValue("#DIV/0!")], ["值", ErrorValue("#REF!"), ErrorValue("#VALUE!")]]


@pytest.mark.parametrize("kind", TYPED)
def test_error_cells_are_named_with_their_address(readers: ReaderPool, kind: str) -> None:
    sheet = only(readers.read(TYPED[kind]("a.dat", {"表": ERRORS})))
    assert cells(sheet) == {"B1": "有", "A3": "值"}
    assert sorted(sheet.faults, key=lambda fault: (fault.row, fault.column)) == [
        Fault(2, "A", "error_cell", "#N/A"),
        Fault(2, "B", "error_cell", "#DIV/0!"),
        Fault(3, "B", "error_cell", "#REF!"),
        Fault(3, "C", "error_cell", "#VALUE!"),
    ]


@pytest.mark.parametrize("kind", WRITTEN)
def test_an_error_written_as_text_is_never_a_value(readers: ReaderPool, kind: str) -> None:
    sheet = only(readers.read(WRITTEN[kind]("a.dat", {"表": [["姓名", "占比"], ["张三", ErrorValue("#DIV/0!")]]})))
    assert "B2" not in cells(sheet)
    assert sheet.faults == (Fault(2, "B", "error_cell", "#DIV/0!"),)


@pytest.mark.parametrize("kind", ["xlsx", "strict xlsx", "xlsm", "ods", "SpreadsheetML", "SpreadsheetML with prefixes"])
def test_a_formula_never_calculated_is_named_with_its_address(readers: ReaderPool, kind: str) -> None:
    rows = [["人数", 3], [None, Formula("=1+1")], [Formula("=1+1", 2)]]
    sheet = only(readers.read(TYPED[kind]("a.dat", {"表": rows})))
    assert cells(sheet) == {"A1": "人数", "B1": "3", "A3": "2"}
    assert sheet.faults == (Fault(2, "B", "formula_without_value", ""),)


STORES_RESULTS = ["xlsx", "xlsb", "ods", "BIFF8 of labels", "SpreadsheetML"]


@pytest.mark.parametrize("kind", STORES_RESULTS)
def test_a_formula_gives_its_stored_result(readers: ReaderPool, kind: str) -> None:
    rows = [[Formula("=1+1", 2), Formula("=1+1", 0.5), Formula("=1+1", "王磊")]]
    sheet = only(readers.read(TYPED[kind]("a.dat", {"表": rows})))
    assert cells(sheet) == {"A1": "2", "B1": "0.5", "C1": "王磊"}
    assert sheet.faults == ()


@pytest.mark.parametrize("version", [5, 8])
def test_a_formula_of_an_old_workbook_gives_any_kind_of_result(readers: ReaderPool, version: int) -> None:
    rows = [["甲"], [Formula("", True), Formula("", ErrorValue("#REF!")), Formula("", "abc"), Formula("", 3)]]
    sheet = only(readers.read(c.biff("a.xls", {"表": rows}, version=version)))
    assert cells(sheet) == {"A1": "甲", "A2": "true", "C2": "abc", "D2": "3"}
    assert sheet.faults == (Fault(2, "B", "error_cell", "#REF!"),)


@pytest.mark.xfail(strict=True, reason="xlrd counts the bytes of such a text as characters and finds it cut off")
def test_a_formula_of_biff5_gives_chinese_text(readers: ReaderPool) -> None:
    sheet = only(readers.read(c.biff("a.xls", {"表": [["甲"], [Formula("", "王磊")]]})))
    assert cells(sheet) == {"A1": "甲", "A2": "王磊"}


@pytest.mark.parametrize("kind", [*TYPED, "HTML", "web page of Excel", "MHTML"])
def test_a_workbook_of_no_cells_says_so(readers: ReaderPool, kind: str) -> None:
    found = readers.read({**TYPED, **WRITTEN}[kind]("a.dat", {"空": [[None, None], []]}))
    assert [issue.code for issue in found.issues] == ["no_cells"]


# Passwords


@pytest.mark.parametrize("write", [c.encrypted_xlsx, c.encrypted_xls], ids=["xlsx", "xls"])
def test_a_workbook_under_a_password_is_read_with_it_alone(readers: ReaderPool, write: Callable[..., Path]) -> None:
    path = write("a.dat", SHEETS, password="开门123")
    assert refusal(readers.read(path)) == "encrypted"
    assert refusal(readers.read(path, password="关门")) == "wrong_password"
    assert cells(only(readers.read(path, password="开门123"))) == expected(TABLE)


@pytest.mark.parametrize("write", [c.encrypted_xlsx, c.encrypted_xls], ids=["xlsx", "xls"])
def test_a_workbook_under_excels_own_password_needs_none(readers: ReaderPool, write: Callable[..., Path]) -> None:
    path = write("a.dat", SHEETS, password="VelvetSweatshop")
    assert cells(only(readers.read(path))) == expected(TABLE)


def test_a_large_old_workbook_under_a_password_is_read_whole(readers: ReaderPool) -> None:
    rows = [[f"客户{row}", row, row / 100] for row in range(300)]  # many keys, records across their seams
    path = c.encrypted_xls("a.xls", {"表": rows}, password="x")
    assert cells(only(readers.read(path, password="x"))) == expected(rows)


@pytest.mark.parametrize("kind", [*TYPED, *WRITTEN])
def test_a_password_that_is_not_needed_does_no_harm(readers: ReaderPool, kind: str) -> None:
    path = {**TYPED, **WRITTEN}[kind]("a.dat", SHEETS)
    assert cells(only(readers.read(path, password="秘密")))["C3"] == "张三"


@pytest.mark.parametrize("write", [c.encrypted_xlsx, c.encrypted_xls], ids=["xlsx", "xls"])
def test_a_damaged_workbook_under_a_password_is_refused(readers: ReaderPool, write: Callable[..., Path]) -> None:
    whole = write("a.dat", SHEETS, password="x").read_bytes()
    for part in (0.3, 0.6, 0.9):
        Path("b.dat").write_bytes(whole[: int(len(whole) * part)])
        assert refusal(readers.read(Path("b.dat"), password="x")) in ("truncated", "not_a_table")


# What is no table


def docx() -> bytes:
    return zipped("a.docx", {"[Content_Types].xml": "<Types/>", "word/document.xml": "<w:document/>"}).read_bytes()


NO_TABLE: dict[str, tuple[str, Callable[[], bytes]]] = {
    "empty": ("empty_file", lambda: b""),
    "PDF": ("not_a_table", lambda: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n"),
    "PNG": ("not_a_table", lambda: b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"),
    "zip": ("not_a_table", lambda: zipped("a.zip", {"客流.xlsx": c.xlsx("b.xlsx", SHEETS).read_bytes()}).read_bytes()),
    "Word": ("not_a_table", docx),
    "old Word": ("not_a_table", lambda: c.ole(b"\xec\xa5\xc1\0" + bytes(600), "WordDocument")),
    "old PowerPoint": ("not_a_table", lambda: c.ole(bytes(600), "PowerPoint Document")),
    "OLE of another program": ("not_a_table", lambda: c.ole(bytes(600), "VisioDocument")),
    "OpenDocument text": (
        "not_a_table",
        lambda: zipped(
            "a.odt", {"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": "<x/>"}
        ).read_bytes(),
    ),
    "XML": ("not_a_table", lambda: b'<?xml version="1.0"?><orders><order>1</order></orders>'),
    "SVG": ("not_a_table", lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><text>a</text></svg>'),
    "RTF": ("not_a_table", lambda: b"{\\rtf1\\ansi a}"),
}


@pytest.mark.parametrize("kind", NO_TABLE)
def test_what_is_no_table_is_refused_by_what_it_is(readers: ReaderPool, kind: str) -> None:
    code, content = NO_TABLE[kind]
    Path("客流.xls").write_bytes(content())
    assert refusal(readers.read(Path("客流.xls"))) == code


def test_a_web_page_without_a_table_is_refused(readers: ReaderPool) -> None:
    Path("a.xls").write_bytes("<html><head><title>登录</title></head><body><form>密码</form></body></html>".encode())
    assert [issue.code for issue in readers.read(Path("a.xls")).issues] in (["not_a_table"], ["no_cells"])


WHOLE = {kind: write for kind, write in {**TYPED, **WRITTEN}.items() if not isinstance(write, partial)} | {
    "MHTML in base64": WRITTEN["MHTML in base64"],
    "BIFF5 without container": TYPED["BIFF5 without container"],
}
del WHOLE["csv"]  # text has no end of its own


@pytest.mark.parametrize("kind", WHOLE)
@pytest.mark.parametrize("part", [0.1, 0.35, 0.6, 0.85])
def test_a_file_cut_short_is_refused_and_never_half_a_table(readers: ReaderPool, kind: str, part: float) -> None:
    rows = TABLE + [["客户", number, 19900000000 + number, f"备注 {number * 7919 % 1000}"] for number in range(150)]
    whole = WHOLE[kind]("a.dat", {"客流": rows}).read_bytes()
    Path("b.dat").write_bytes(whole[: int(len(whole) * part)])
    assert refusal(readers.read(Path("b.dat"))) in ("truncated", "not_a_table", "no_cells")


# OpenDocument


def ods_row(readers: ReaderPool, *markup: str) -> RawSheet:
    return only(readers.read(c.ods("a.ods", {"表": [[Raw(cell) for cell in markup]]})))


def ods_text(markup: str) -> str:
    return f'<table:table-cell office:value-type="string">{markup}</table:table-cell>'


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (ods_text("<text:p>上</text:p><text:p>下</text:p>"), "上\n下"),
        (ods_text("<text:p>上<text:line-break/>下</text:p>"), "上\n下"),
        (ods_text('<text:p>甲<text:s text:c="3"/>乙</text:p>'), "甲   乙"),
        (ods_text("<text:p>甲<text:s/>乙<text:tab/>丙</text:p>"), "甲 乙\t丙"),
        (ods_text("<text:p>王<text:span>磊</text:span><text:span>（店长）</text:span></text:p>"), "王磊（店长）"),
        (ods_text("<text:p>见 <text:a>官网</text:a>。</text:p>"), "见 官网。"),
        (
            ods_text("<office:annotation><text:p>张三批注</text:p></office:annotation><text:p>有效</text:p>"),
            "有效",
        ),
        (
            '<table:table-cell office:value-type="percentage" office:value="0.125"><text:p>12.5%</text:p>'
            "</table:table-cell>",
            "0.125",
        ),
        (
            '<table:table-cell office:value-type="currency" office:currency="CNY" office:value="129800.5">'
            "<text:p>￥129,800.50</text:p></table:table-cell>",
            "129800.5",
        ),
        (
            '<table:table-cell office:value-type="float" office:value="19900000001"><text:p>1.99E+10</text:p>'
            "</table:table-cell>",
            "19900000001",
        ),
        (
            '<table:table-cell office:value-type="date" office:date-value="2026-10-03T14:05:07"><text:p>10-03</text:p>'
            "</table:table-cell>",
            "2026-10-03 14:05:07",
        ),
        (
            '<table:table-cell office:value-type="time" office:time-value="PT14H05M07S"><text:p>14:05</text:p>'
            "</table:table-cell>",
            "1899-12-31 14:05:07",
        ),
        (
            '<table:table-cell office:value-type="boolean" office:boolean-value="true"><text:p>真</text:p>'
            "</table:table-cell>",
            "true",
        ),
        ('<table:table-cell office:value-type="string" office:string-value="王磊"/>', "王磊"),
        (ods_text("<text:p>李 &lt;四&gt; &amp; 五</text:p>"), "李 <四> & 五"),
    ],
)
def test_an_ods_cell_gives_its_value(readers: ReaderPool, cell: str, text: str) -> None:
    assert cells(ods_row(readers, cell)) == {"A1": text}


def test_a_comment_alone_is_no_value(readers: ReaderPool) -> None:
    comment = "<table:table-cell><office:annotation><text:p>张三</text:p></office:annotation></table:table-cell>"
    assert cells(ods_row(readers, comment, ods_text("<text:p>甲</text:p>"))) == {"B1": "甲"}


def test_repeated_cells_and_rows_of_ods_are_laid_out(readers: ReaderPool) -> None:
    rows = [["同", "同", "同", None, None, "异"]] * 3 + [[None]] * 40 + [["末"]]
    sheet = only(readers.read(c.ods("a.ods", {"表": rows})))
    assert cells(sheet) == expected(rows)
    assert sheet.cells.height == 44


@pytest.mark.parametrize("how", ["collapse", "filter"])
def test_rows_hidden_or_filtered_in_ods_are_named(readers: ReaderPool, how: str) -> None:
    rows = [["姓名"], ["张三"], ["张三"], ["王五"]]
    sheet = only(readers.read(c.ods("a.ods", {"表": rows}, Layout(hidden_rows=(2, 3)), hidden_as=how)))
    assert cells(sheet) == expected(rows)
    assert sheet.hidden_rows == (2, 3)


def test_a_value_under_a_merged_cell_of_ods_keeps_its_place(readers: ReaderPool) -> None:
    rows = [["甲", "盖住", "乙"]]
    sheet = only(readers.read(c.ods("a.ods", {"表": rows}, Layout(merges=("A1:B1",)))))
    assert cells(sheet)["A1"] == "甲"
    assert cells(sheet)["C1"] == "乙"


def test_an_error_without_a_formula_is_an_error_in_ods(readers: ReaderPool) -> None:
    error = (
        '<table:table-cell office:value-type="string" office:string-value="" calcext:value-type="error">'
        "<text:p>#N/A</text:p></table:table-cell>"
    )
    sheet = only(readers.read(c.ods("a.ods", {"表": [["有", Raw(error)]]})))
    assert cells(sheet) == {"A1": "有"}
    assert sheet.faults == (Fault(1, "B", "error_cell", "#N/A"),)


def test_a_row_of_ods_repeated_beyond_all_sheets_is_refused(readers: ReaderPool) -> None:
    wide = '<table:table-cell table:number-columns-repeated="16384" office:value-type="string"><text:p>a</text:p>'
    path = c.ods("a.ods", {"表": [[Raw(f"{wide}</table:table-cell>")]]})
    with zipfile.ZipFile(path) as archive:
        content = archive.read("content.xml").decode()
    content = content.replace("<table:table-row>", '<table:table-row table:number-rows-repeated="1048576">', 1)
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    assert refusal(readers.read(zipped("b.ods", {"mimetype": kind, "content.xml": content}))) == "unsafe_workbook"


def test_entities_of_its_own_make_an_ods_unsafe(readers: ReaderPool) -> None:
    bomb = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aa">]><x>&a;</x>'
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    assert refusal(readers.read(zipped("a.ods", {"mimetype": kind, "content.xml": bomb}))) == "unsafe_workbook"


# SpreadsheetML


def spreadsheetml(readers: ReaderPool, rows: str, after: str = "") -> RawSheet:
    path = c.spreadsheetml("a.xls", {"表": []})
    text = path.read_text("utf-8").replace("<Table></Table>", f"<Table>{rows}</Table>{after}")
    path.write_text(text, encoding="utf-8")
    return only(readers.read(path))


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ('<Data ss:Type="Number">1.9900000001E10</Data>', "19900000001"),
        ('<Data ss:Type="Number">301.0</Data>', "301"),
        ('<Data ss:Type="Number">-0.05</Data>', "-0.05"),
        ('<Data ss:Type="String">0012</Data>', "0012"),
        ('<Data ss:Type="String">上&#10;下</Data>', "上\n下"),
        ('<Data ss:Type="DateTime">2026-10-03T00:00:00.000</Data>', "2026-10-03 00:00:00"),
        ('<Data ss:Type="DateTime">1899-12-31T14:05:00.000</Data>', "1899-12-31 14:05:00"),
        ('<Data ss:Type="DateTime">2026-10-03T14:05:07</Data>', "2026-10-03 14:05:07"),
        ('<Data ss:Type="Boolean">1</Data>', "true"),
        (
            '<ss:Data ss:Type="String" xmlns="http://www.w3.org/TR/REC-html40"><Font html:Color="#FF0000">王</Font>'
            "<B>磊</B>（店长）</ss:Data>",
            "王磊（店长）",
        ),
        ('<Data ss:Type="String">有效</Data><Comment ss:Author="李"><ss:Data>张三批注</ss:Data></Comment>', "有效"),
        ('<Comment ss:Author="李"><ss:Data>张三批注</ss:Data></Comment><Data ss:Type="String">有效</Data>', "有效"),
        ('<Data ss:Type="String">李 &lt;四&gt; &amp; 五</Data>', "李 <四> & 五"),
        ('<Data ss:Type="String">君越&LaCrosse</Data>', "君越&LaCrosse"),
        ("<Data>没有类型</Data>", "没有类型"),
    ],
)
def test_a_cell_of_spreadsheetml_gives_its_value(readers: ReaderPool, cell: str, text: str) -> None:
    assert cells(spreadsheetml(readers, f"<Row><Cell>{cell}</Cell></Row>")) == {"A1": text}


def test_a_comment_alone_is_no_value_in_spreadsheetml(readers: ReaderPool) -> None:
    comment = '<Cell><Comment ss:Author="李"><ss:Data>张三批注</ss:Data></Comment></Cell>'
    row = f'<Row>{comment}<Cell><Data ss:Type="String">甲</Data></Cell></Row>'
    assert cells(spreadsheetml(readers, row)) == {"B1": "甲"}


def test_indexes_of_spreadsheetml_leave_rows_and_cells_out(readers: ReaderPool) -> None:
    def cell(text: str, **said: int) -> str:
        more = "".join(f' ss:{name}="{value}"' for name, value in said.items())
        return f'<Cell{more}><Data ss:Type="String">{text}</Data></Cell>'

    rows = (
        f'<Row ss:Index="3">{cell("甲", Index=2)}{cell("乙", MergeAcross=1)}{cell("丙")}</Row>'
        f'<Row ss:Span="2"/><Row>{cell("丁")}</Row><Row ss:Index="12">{cell("戊")}</Row>'
    )
    assert cells(spreadsheetml(readers, rows)) == {"B3": "甲", "C3": "乙", "E3": "丙", "A7": "丁", "A12": "戊"}


def test_cells_below_a_block_merged_downwards_say_their_place(readers: ReaderPool) -> None:
    rows = (
        '<Row><Cell ss:MergeDown="1"><Data ss:Type="String">甲</Data></Cell>'
        '<Cell><Data ss:Type="Number">1</Data></Cell></Row>'
        '<Row><Cell ss:Index="2"><Data ss:Type="Number">2</Data></Cell></Row>'
    )
    assert cells(spreadsheetml(readers, rows)) == {"A1": "甲", "B1": "1", "B2": "2"}


def test_entities_of_its_own_make_spreadsheetml_unsafe(readers: ReaderPool) -> None:
    path = c.spreadsheetml("a.xls", SHEETS)
    text = path.read_text("utf-8").replace("<Workbook", '<!DOCTYPE Workbook [<!ENTITY a "aa">]><Workbook', 1)
    path.write_text(text, encoding="utf-8")
    assert refusal(readers.read(path)) == "unsafe_workbook"


# Web pages


def page(readers: ReaderPool, text: str, encoding: str = "utf-8") -> RawSheet:
    Path("导出.xls").write_bytes(text.encode(encoding))
    return only(readers.read(Path("导出.xls")))


CELLS = "<tr><td>甲</td><td>乙</td></tr>"
BOTH = {"A1": "甲", "B1": "乙"}


@pytest.mark.parametrize(
    "text",
    [
        f"<table>{CELLS}</table>",
        f"\r\n\t <table border=1>{CELLS}</table>",
        f"<!-- 导出 -->\r\n<table>{CELLS}</table>",
        f"<script>var a = '<td>丙</td>';</script><table>{CELLS}</table>",
        f"<style>td {{ mso-number-format:'\\@'; }}</style><table>{CELLS}</table>",
        f'<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0"><html><body><table>{CELLS}</table></body></html>',
        f"<?xml version='1.0' encoding='UTF-8'?><html xmlns='http://www.w3.org/1999/xhtml'><table>{CELLS}</table></html>",
        "<TABLE BORDER=1><TR><TD>甲</TD><TD>乙</TD></TR></TABLE>",
        "<table><tr><td>甲<td>乙</table>",
        "<table><thead><tr><th>甲</th><th>乙</th></tr></thead></table>",
        f"<table><tfoot>{CELLS}</tfoot></table>",
        f"<table><colgroup><col><col></colgroup><tbody>{CELLS}</tbody></table>",
        "<table><tr><td>  甲 \r\n </td><td>\t乙</td></tr></table>",
        "<table><tr><td><font color=red><b>甲</b></font></td><td><div><span>乙</span></div></td></tr></table>",
        "<table><tr><td>甲<!-- 丙 --></td><td>乙<script>丙</script></td></tr></table>",
        '<table><tr><td style=\'mso-number-format:"\\@"\' x:str>甲</td><td x:str="">乙</td></tr></table>',
        f"<div><center>{'<p></p>'}<table>{CELLS}</table></center></div>",
        f"<body><table>{CELLS}</table>",
        f"<table>{CELLS}</table></td></tr></div></html>",
        f"<meta charset='utf-8'><table>{CELLS}</table>",
    ],
)
def test_a_table_is_found_however_the_page_is_written(readers: ReaderPool, text: str) -> None:
    assert cells(page(readers, text)) == BOTH


@pytest.mark.parametrize("encoding", ["gbk", "gb18030", "utf-8-sig", "utf-16"])
def test_a_page_that_does_not_say_its_encoding_is_read(readers: ReaderPool, encoding: str) -> None:
    assert cells(page(readers, f"<html><table>{CELLS}</table></html>", encoding)) == BOTH


@pytest.mark.parametrize("declared", ["utf-8", "iso-8859-1", "gb2312", "nonsense"])
@pytest.mark.parametrize("encoding", ["gbk", "utf-8"])
def test_a_page_that_says_a_wrong_encoding_is_read_all_the_same(
    readers: ReaderPool, declared: str, encoding: str
) -> None:
    text = f'<html><head><meta http-equiv="Content-Type" content="text/html; charset={declared}"></head>'
    table = "<tr><td>客户姓名</td><td>联系电话</td></tr>"
    assert cells(page(readers, f"{text}<table>{table}</table></html>", encoding)) == {
        "A1": "客户姓名",
        "B1": "联系电话",
    }


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("<td>上<br>下</td>", "上\n下"),
        ("<td>上<br/>\r\n  下</td>", "上\n下"),
        ("<td>张&nbsp;三</td>", "张 三"),
        ("<td>&lt;A&amp;B&gt;&#20013;&#x4e2d;&middot;</td>", "<A&B>中中·"),
        ('<td x:num="19900000001">1.99E+10</td>', "19900000001"),
        ("<td x:num>301</td>", "301"),
        ('<td align=right x:num="129800.55">129,800.55</td>', "129800.55"),
        ("<td>19900000001</td>", "19900000001"),
        ("<td>0012</td>", "0012"),
        ("<td>120,000.00 </td>", "120,000.00"),
        ("<td>甲\r\n乙</td>", "甲 乙"),
        ('<td><a href="x">王磊</a></td>', "王磊"),
        ('<td><input type="hidden" value="9">王磊</td>', "王磊"),
    ],
)
def test_a_cell_of_a_page_gives_its_text(readers: ReaderPool, cell: str, text: str) -> None:
    assert cells(page(readers, f"<table><tr>{cell}</tr></table>")) == {"A1": text}


@pytest.mark.parametrize("cell", ["<td></td>", "<td/>", "<td>&nbsp;</td>", "<td> \r\n </td>", "<td><br></td>"])
def test_an_empty_cell_of_a_page_is_none(readers: ReaderPool, cell: str) -> None:
    assert cells(page(readers, f"<table><tr>{cell}<td>乙</td></tr></table>")) == {"B1": "乙"}


def test_spans_push_the_cells_after_them(readers: ReaderPool) -> None:
    text = (
        '<table><tr><th rowspan="2">顾问</th><th colspan="2">零售</th><th rowspan=2>合计</th></tr>'
        "<tr><th>今日</th><th>本月</th></tr><tr><td>王磊</td><td>1</td><td>2</td><td>3</td></tr></table>"
    )
    sheet = page(readers, text)
    assert cells(sheet) == {
        "A1": "顾问",
        "B1": "零售",
        "D1": "合计",
        "B2": "今日",
        "C2": "本月",
        "A3": "王磊",
        "B3": "1",
        "C3": "2",
        "D3": "3",
    }
    blocks = {(block.top, block.bottom, block.left, block.right) for block in sheet.merges}
    assert blocks == {(1, 2, "A", "A"), (1, 1, "B", "C"), (1, 2, "D", "D")}


@pytest.mark.parametrize("span", ["0", "-1", "x", "", "99999999999", "1.5"])
def test_a_span_that_means_nothing_does_no_harm(readers: ReaderPool, span: str) -> None:
    text = f'<table><tr><td rowspan="{span}">甲</td></tr><tr><td colspan="{span}">乙</td></tr></table>'
    found = cells(page(readers, text))
    assert found["A1"] == "甲"
    assert "乙" in found.values()


def test_several_tables_of_a_page_are_all_read(readers: ReaderPool) -> None:
    title = "<table><tr><td>十月客流</td></tr></table>"
    found = cells(page(readers, f"<html><body>{title}<p></p><table>{CELLS}{CELLS}</table></body></html>"))
    assert list(found.values()) == ["十月客流", "甲", "甲", "乙", "乙"]


def test_a_table_within_a_layout_table_is_read_once(readers: ReaderPool) -> None:
    inner = f"<table>{CELLS}</table>"
    found = cells(page(readers, f"<table><tr><td>{inner}</td></tr></table>"))
    assert sorted(found.values()) == ["乙", "甲"]


def test_rows_of_a_page_that_are_not_shown_are_named(readers: ReaderPool) -> None:
    text = "<table><tr><td>甲</td></tr><tr style='DISPLAY: none'><td>乙</td></tr><tr hidden><td>丙</td></tr></table>"
    sheet = page(readers, text)
    assert cells(sheet) == {"A1": "甲", "A2": "乙", "A3": "丙"}
    assert sheet.hidden_rows == (2, 3)


def test_a_web_page_of_excel_gives_the_name_of_its_sheet(readers: ReaderPool) -> None:
    sheet = only(readers.read(c.excel_html("导出.xls", {"十月 & 更早": [["甲"]]})))
    assert sheet.name == "十月 & 更早"
    assert sheet.hidden_rows == ()  # the row Excel adds at the end to hold the columns' widths is none of the table


@pytest.mark.parametrize("boundary", ['"x y"', "x"])
def test_an_archive_of_plain_headers_is_read(readers: ReaderPool, boundary: str) -> None:
    mark = boundary.strip('"')
    text = (
        f'From: <保存>\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related;\r\n\ttype="text/html";'
        f'\r\n\tboundary={boundary}\r\n\r\n--{mark}\r\nContent-Type: text/html;\r\n\tcharset="utf-8"\r\n'
        f"Content-Transfer-Encoding: 8bit\r\n\r\n<table>{CELLS}</table>\r\n--{mark}--\r\n"
    )
    assert cells(page(readers, text)) == BOTH


# Text


def test_a_preamble_above_the_table_keeps_its_rows(readers: ReaderPool) -> None:
    text = "报表名称,客流明细\r\n导出时间,2026-11-01\r\n\r\n日期,姓名,电话,备注\r\n2026-10-03,张三,19900000001,\r\n"
    Path("a.csv").write_bytes(text.encode("gb18030"))
    found = cells(only(readers.read(Path("a.csv"))))
    assert (found["B1"], found["A4"], found["D4"], found["C5"]) == ("客流明细", "日期", "备注", "19900000001")


def test_guards_and_quotes_and_breaks_of_a_text_file_are_undone(readers: ReaderPool) -> None:
    text = '证件,级别,备注\n="330100199001010010",A,"他说""好"",\n走了"\n="0012",B,\n'
    Path("a.csv").write_text(text, encoding="utf-8")
    assert list(cells(only(readers.read(Path("a.csv")))).values()) == [
        *("证件", "330100199001010010", "0012"),
        *("级别", "A", "B"),
        *("备注", '他说"好",\n走了'),
    ]


def test_a_note_of_several_lines_and_many_commas_is_one_cell(readers: ReaderPool) -> None:
    rows = [
        ["日期", "姓名", "电话", "备注"],
        ["2026-10-03", "张三", "0012", "看了红,黑,白,蓝四色\n下周再来"],
        ["2026-10-04", "a,b"],
    ]
    path = c.delimited("a.csv", {"表": rows})
    assert cells(only(readers.read(path))) == expected(rows)


def test_words_for_nothing_of_a_dump_are_left_to_the_next_step(readers: ReaderPool) -> None:
    Path("a.txt").write_text("编号\x01姓名\x01电话\n1\x01null\x0119900000001\n", encoding="utf-8")
    assert cells(only(readers.read(Path("a.txt"))))["B2"] == "null"
