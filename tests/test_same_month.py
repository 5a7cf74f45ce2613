"""One month written in seven ways gives one report, byte for byte."""

from collections.abc import Callable, Sequence
from datetime import date, time
from html import escape
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
import xlwt

import kpicli
from kpicli.present import json
from kpicli.read import ReaderPool

from .bench.sheets import FORMS, table
from .conftest import NOW, TODAY
from .workbooks import book

Table = list[list[Any]]
GROUPS = {
    "客户姓名": ("客户", "姓名"),
    "联系电话": ("", "联系电话"),
    "来店时间": ("时间", "来店"),
    "离店时间": ("", "离店"),
}
"""Header → what stands above it and what below, where the header has two levels."""


@pytest.fixture(scope="module")
def month() -> dict[str, Table]:
    return {form: list(table(form, 240)) for form in FORMS}


def text(value: Any) -> str:
    if isinstance(value, date):
        return f"{value.year}年{value.month}月{value.day}日"
    return "" if value is None else f"{value:%H:%M}" if isinstance(value, time) else str(value)


def clean(month: dict[str, Table]) -> None:
    for form, rows in month.items():
        book(f"in/{form}.xlsx", *rows)


def titled_on_two_levels(month: dict[str, Table]) -> None:
    for form, (header, *rows) in month.items():
        upper = [GROUPS.get(label, (label, ""))[0] for label in header]
        lower = [GROUPS.get(label, ("", ""))[1] for label in header]
        with xlsxwriter.Workbook(f"in/{form}.xlsx") as workbook:
            sheet = workbook.add_worksheet()
            sheet.merge_range(0, 0, 0, len(header) - 1, "示例店 2026年10月报表", workbook.add_format({"bold": True}))
            for number, cells in enumerate([["打印日期：2026-11-01"], upper, lower, *map(list, rows)], 1):
                sheet.write_row(number, 0, [text(cell) for cell in cells])
            for place, (above, below) in enumerate(zip(upper, lower, strict=True)):
                if above and not below:
                    sheet.merge_range(2, place, 3, place, above)
                elif above:
                    sheet.merge_range(2, place, 2, place + 1, above)


def gb18030_csv(month: dict[str, Table]) -> None:
    for form, rows in month.items():
        lines = [",".join(text(cell) for cell in row) for row in rows]
        Path(f"in/{form}.csv").write_bytes("\r\n".join(lines).encode("gb18030"))


def html_xls(month: dict[str, Table]) -> None:
    for form, rows in month.items():
        body = "".join("<tr>" + "".join(f"<td>{escape(text(cell))}</td>" for cell in row) + "</tr>\n" for row in rows)
        Path(f"in/{form}.xls").write_text(f"<html><meta charset=utf-8><table border=1>{body}</table></html>", "utf-8")


def biff_xls(month: dict[str, Table]) -> None:
    styles = {date: xlwt.easyxf(num_format_str="yyyy-mm-dd"), time: xlwt.easyxf(num_format_str="hh:mm")}
    for form, rows in month.items():
        workbook = xlwt.Workbook()
        sheet = workbook.add_sheet(form)
        for row, cells in enumerate(rows):
            for column, value in enumerate(cells):
                if value is not None:
                    sheet.write(row, column, value, styles.get(type(value), xlwt.Style.default_style))
        workbook.save(f"in/{form}.xls")


def one_workbook_reversed(month: dict[str, Table]) -> None:
    sheets = {f"Sheet{n}": [row[::-1] for row in rows] for n, rows in enumerate(month.values(), 1)}
    book("in/all.xlsx", sheets=sheets)


def overlapping_exports(month: dict[str, Table]) -> None:
    for form, (header, *rows) in month.items():
        third = len(rows) // 3
        for number in range(3):
            part = rows[max(0, number * third - 25) : (number + 1) * third + 25]
            book(f"in/{form} {number}.xlsx", header, *part)


WAYS: Sequence[Callable[[dict[str, Table]], None]] = (
    titled_on_two_levels,
    gb18030_csv,
    html_xls,
    biff_xls,
    one_workbook_reversed,
    overlapping_exports,
)


def report(way: Callable[[dict[str, Table]], None], month: dict[str, Table], readers: ReaderPool) -> tuple[str, int]:
    Path("in").mkdir()
    way(month)
    workspace = kpicli.open_workspace(store="store")
    result = kpicli.ingest(workspace, ["in"], now=NOW, readers=readers)
    for account in result.files:
        assert not [issue for issue in account.issues if issue.severity == "error"], account.issues
    computed, _ = kpicli.report(workspace, "2026-10", today=TODAY)
    return json.text(json.report(computed)), result.total("stored")


@pytest.fixture(scope="module")
def expected(month: dict[str, Table], readers: ReaderPool, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, int]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("clean"))
        return report(clean, month, readers)


def test_the_clean_month_is_stored_whole(month: dict[str, Table], expected: tuple[str, int]) -> None:
    assert expected[1] == sum(len(rows) - 1 for rows in month.values())


@pytest.mark.parametrize("way", WAYS)
def test_a_month_is_the_same_however_it_is_written(
    way: Callable[[dict[str, Table]], None], month: dict[str, Table], readers: ReaderPool, expected: tuple[str, int]
) -> None:
    assert report(way, month, readers) == expected
