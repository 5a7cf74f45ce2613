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
HEAD = {
    "bold": True,
    "font_color": "#FFFFFF",
    "bg_color": ACCENT,
    "align": "center",
    "valign": "vcenter",
    "text_wrap": True,
    "border": 1,
}
COLOURS = (ACCENT, "#9DC3E6", "#F4B183", "#A5A5A5")
BAR = {"type": "data_bar", "bar_color": "#9DC3E6", "bar_solid": True}


class Design:
    """A workbook with the formats that all templates use."""

    def __init__(self, path: Path, title: str) -> None:
        self.book = Workbook(path)
        self.book.set_properties(
            {
                "title": f"{title} {{{{ report.month }}}} {{{{ report.dealer }}}}",
                "author": "kpicli",
                "comments": "由 kpicli 填写，口径 {{ report.book }}，制表 {{ report.printed }}；不含客户姓名和电话",
                "created": datetime(2026, 11, 22),
            }
        )
        self.name = title
        self.title = self.format(bold=True, font_size=16, font_color=ACCENT)
        self.note = self.format(font_color=GREY, font_size=9)
        self.head = self.format(**HEAD)
        self.text = self.format(border=1, border_color="#BFBFBF")
        self.wrapped = self.format(border=1, border_color="#BFBFBF", text_wrap=True, valign="top")
        self.number = self.format(border=1, border_color="#BFBFBF", num_format=NUMBER)
        self.rate = self.format(border=1, border_color="#BFBFBF", num_format=RATE)
        self.sum = self.format(bold=True, bg_color=PALE, top=2, num_format=NUMBER)
        self.sum_rate = self.format(bold=True, bg_color=PALE, top=2, num_format=RATE)
        self.decimal = self.format(border=1, border_color="#BFBFBF", num_format="0.0")
        self.sum_decimal = self.format(bold=True, bg_color=PALE, top=2, num_format="0.0")
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
        sheet.set_footer(FOOTER)
        return sheet

    def table(self, sheet: Worksheet, row: int, heads: list[str], cells: list[tuple[str, Format]], repeat: str) -> None:
        """A header, and below it the row that is repeated."""
        self.head_row(sheet, row, heads)
        self.repeated(sheet, row + 1, cells, repeat)

    def head_row(self, sheet: Worksheet, row: int, heads: list[str]) -> None:
        """A header that stays in sight and comes again on every page."""
        sheet.set_row(row, 30)
        sheet.write_row(row, 0, heads, self.head)
        sheet.freeze_panes(row + 1, 1)
        sheet.repeat_rows(row)

    def repeated(self, sheet: Worksheet, row: int, cells: list[tuple[str, Format]], repeat: str) -> None:
        """A row that is repeated."""
        self.total(sheet, row, cells)
        sheet.write_comment(row, 0, repeat, {"author": "kpicli", "visible": False})

    def total(self, sheet: Worksheet, row: int, cells: list[tuple[str, Format]]) -> None:
        """A row of texts, marks and formulas."""
        for column, (text, form) in enumerate(cells):
            if text.startswith("="):
                sheet.write_formula(row, column, text, form)
            else:
                sheet.write_string(row, column, text, form)

    def days(self, sheet: Worksheet, row: int, column: int, width: float = 4.5) -> None:
        """A header cell that is repeated to the right, one for each day."""
        sheet.set_column(column, column, width)
        sheet.write_string(row, column, "{{ column.name }}", self.format(**HEAD, rotation=90))
        sheet.write_comment(row, column, "repeat: day\ndirection: right", {"author": "kpicli", "visible": False})

    def chart(
        self, kind: str, title: str, series: list[tuple[str, str, str]], *, subtype: str = "", rate: bool = False
    ) -> Any:
        """A chart of series (name, categories, values), the first in the accent colour; a line of rates has an axis of
        its own.
        """
        chart = self.book.add_chart({"type": kind, **({"subtype": subtype} if subtype else {})})
        axis = {"line": {"none": True}, "major_gridlines": {"visible": True, "line": {"color": "#E0E0E0"}}}
        axis |= {"num_format": "0%"} if rate else {}
        for place, (name, categories, values) in enumerate(series):
            colour = COLOURS[place % len(COLOURS)] if kind != "line" else COLOURS[2]
            line = {"line": {"color": colour, "width": 2.25}} if kind == "line" else {"fill": {"color": colour}}
            own = {"y2_axis": True} if kind == "line" and rate else {}
            chart.add_series({"name": name, "categories": categories, "values": values, "gap": 60} | line | own)
        if kind == "line" and rate:
            chart.set_y2_axis(axis | {"major_gridlines": {"visible": False}, "min": 0})
        else:
            (chart.set_x_axis if kind == "bar" else chart.set_y_axis)(axis)
        chart.set_title({"name": title, "name_font": {"size": 12, "color": ACCENT}})
        chart.set_legend({"position": "bottom"} if len(series) > 1 else {"none": True})
        chart.set_size({"width": 700, "height": 280})
        return chart

    def close(self) -> None:
        """Add 口径, definition, formula and source of every KPI, and write the file."""
        sheet = self.sheet("口径", "指标口径", [22, 44, 44, 10, 30], landscape=True)
        marks = ("label", "definition", "formula", "source", "note")
        cells = [(f"{{{{ row.{mark} }}}}", self.wrapped) for mark in marks]
        self.table(sheet, 3, ["指标", "定义", "公式", "来源", "备注"], cells, "repeat: kpis")
        self.book.close()


FOOTER = (
    "&L&9{{ report.dealer }} {{ report.month }} {{ report.state }} · {{ report.book }}"
    "&R&9{{ report.printed }} · &P / &N"
)
STATE = (
    "{{ report.dealer }} · {{ report.month }} {{ report.state }} · 口径 {{ report.book }}（{{ report.source }}）"
    " · 数据 {{ report.files }} 个文件 {{ report.data }} 行，搁置 {{ report.set_aside }} 行 · 制表 {{ report.printed }}"
)
