"""What the templates have in common: one accent colour, printed on A4, a footer that says what it is."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

ACCENT = "#1F4E79"
PALE = "#DDEBF7"
GREY = "#808080"
FONT = "微软雅黑"
NUMBER, RATE = "#,##0;-#,##0;0", "0.0%"


class Design:
    """A workbook with the formats that all templates use."""

    def __init__(self, path: Path, title: str) -> None:
        self.book = Workbook(path)
        self.book.set_properties(
            {"title": title, "author": "kpicli", "comments": "kpicli 报表模板", "created": datetime(2026, 11, 22)}
        )
        self.title = self.format(bold=True, font_size=16, font_color=ACCENT)
        self.note = self.format(font_color=GREY, font_size=9)
        self.head = self.format(
            bold=True, font_color="#FFFFFF", bg_color=ACCENT, align="center", valign="vcenter", text_wrap=True, border=1
        )
        self.text = self.format(border=1, border_color="#BFBFBF")
        self.wrapped = self.format(border=1, border_color="#BFBFBF", text_wrap=True, valign="top")
        self.number = self.format(border=1, border_color="#BFBFBF", num_format=NUMBER)
        self.rate = self.format(border=1, border_color="#BFBFBF", num_format=RATE)
        self.total = self.format(bold=True, bg_color=PALE, top=2, num_format=NUMBER)
        self.total_rate = self.format(bold=True, bg_color=PALE, top=2, num_format=RATE)
        self.good = self.book.add_format({"font_color": "#1E7B34"})
        self.near = self.book.add_format({"font_color": "#B7791F"})
        self.bad = self.book.add_format({"font_color": "#C00000"})
        self.as_rate = self.book.add_format({"num_format": RATE})

    def format(self, **more: Any) -> Format:
        """A cell format in the templates' font."""
        return self.book.add_format({"font_name": FONT, "font_size": 10, "valign": "vcenter"} | more)

    def sheet(self, name: str, heading: str, widths: list[float], *, landscape: bool = False) -> Worksheet:
        """A sheet with its heading in the first two rows, set for A4."""
        sheet = self.book.add_worksheet(name)
        sheet.hide_gridlines(2)
        for column, width in enumerate(widths):
            sheet.set_column(column, column, width)
        sheet.set_row(0, 30)
        sheet.write_string(0, 0, heading, self.title)
        sheet.write_string(1, 0, STATE, self.note)
        sheet.set_paper(9)
        if landscape:
            sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        sheet.set_margins(0.5, 0.5, 0.6, 0.6)
        sheet.set_footer("&L&9kpicli · &A&R&9&P / &N")
        return sheet

    def table(self, sheet: Worksheet, row: int, heads: list[str], cells: list[tuple[str, Format]], repeat: str) -> None:
        """A header, and below it the row that is repeated."""
        sheet.set_row(row, 30)
        sheet.write_row(row, 0, heads, self.head)
        for column, (mark, form) in enumerate(cells):
            if mark.startswith("="):
                sheet.write_formula(row + 1, column, mark, form)
            else:
                sheet.write_string(row + 1, column, mark, form)
        sheet.write_comment(row + 1, 0, repeat, {"author": "kpicli", "visible": False})
        sheet.freeze_panes(row + 1, 1)
        sheet.repeat_rows(row)

    def close(self) -> None:
        """Write the file."""
        self.book.close()


STATE = (
    "{{ report.dealer }} · {{ report.month }} {{ report.state }} · 口径 {{ report.book }}（{{ report.source }}）"
    " · 数据 {{ report.files }} 个文件 {{ report.data }} 行，搁置 {{ report.set_aside }} 行 · 制表 {{ report.printed }}"
)
