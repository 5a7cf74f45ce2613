"""The follow-ups due, as text for a terminal, as JSON, and as a workbook to hand out."""

import io
from collections.abc import Mapping
from datetime import datetime, time
from typing import Any

import polars as pl
from rich.console import RenderableType
from rich.text import Text
from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from kpicli.messages import Language
from kpicli.pipeline.followups import Due, counts
from kpicli.present.terminal import table_of
from kpicli.present.values import plain
from kpicli.present.words import word

_LISTED = ("level", "customer", "phone", "model", "last_contact", "due", "overdue")
_HANDED_OUT = (*_LISTED, "expected")
_DATES = ("last_contact", "due")
_WIDTHS = {"customer": 12, "phone": 16, "model": 12, "last_contact": 12, "due": 12, "expected": 14}
_SHOWN = 20


def listed(due: Due, language: Language, *, all_rows: bool) -> list[RenderableType]:
    """How many each consultant has to call, and whom."""
    told = counts(due)
    line = word("followups_line", language).format(
        day=f"{due.day:%Y-%m-%d}",
        due=due.rows.height,
        overdue=sum(entry["overdue"] for entry in told.values()),
        open=due.open,
        book=due.book.key,
    )
    parts: list[RenderableType] = [Text(line, style="bold")]
    if due.without_cadence:
        parts.append(Text(word("without_cadence", language).format(count=due.without_cadence), style="dim"))
    if due.rows.is_empty():
        return parts
    levels = [key for key in dict.fromkeys([*due.book.levels, *due.rows["level"]]) if key in set(due.rows["level"])]
    table = table_of(
        (word("consultant", language), "left"),
        *((word(key, language), "right") for key in ("due_today", "overdue_count")),
        *((key, "right") for key in levels),
    )
    for name, entry in told.items():
        style = "yellow" if entry["overdue"] else ""
        numbers = [str(entry.get(level, "")) for level in levels]
        table.add_row(plain(name), str(entry["today"]), Text(str(entry["overdue"]), style=style), *numbers)
    people = table_of(
        (word("consultant", language), "left"),
        *((word(key, language), "right" if key == "overdue" else "left") for key in _LISTED),
    )
    rows = due.rows if all_rows else due.rows.head(_SHOWN)
    before = None
    for row in rows.iter_rows(named=True):
        name = "" if row["consultant"] == before else plain(row["consultant"])
        people.add_row(name, *(_shown(row, key, language) for key in _LISTED))
        before = row["consultant"]
    parts += [table, Text(), people]
    if rows.height < due.rows.height:
        parts.append(Text(word("more_rows", language).format(count=due.rows.height - rows.height), style="dim"))
    return parts


def _shown(row: Mapping[str, Any], key: str, language: Language) -> Text:
    value = row[key]
    if key == "overdue":
        return Text(str(value), style="yellow") if value else Text(word("due_now", language))
    return Text("" if value is None else f"{value:%m-%d}" if key in _DATES else plain(str(value)))


def document(due: Due) -> dict[str, Any]:
    """Everybody due, and how many by consultant."""
    dates = pl.col(pl.Date).cast(pl.String)
    return {
        "command": "followups",
        "dealer": due.dealer,
        "day": due.day.isoformat(),
        "book": due.book.key,
        "open": due.open,
        "without_cadence": due.without_cadence,
        "due": due.rows.height,
        "by": {"consultant": counts(due)},
        "rows": due.rows.with_columns(dates).to_dicts(),
    }


def workbook(due: Due, language: Language) -> bytes:
    """A sheet for each consultant, with room for what came of each call; ready for print on A4, lying."""
    content = io.BytesIO()
    book = Workbook(content, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"created": datetime.combine(due.day, time())})  # of one day the same bytes, whenever written
    bold = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "vcenter"})
    cell, late = book.add_format({"bottom": 4}), book.add_format({"bottom": 4, "font_color": "#C00000"})
    day = book.add_format({"bottom": 4, "num_format": "yyyy-mm-dd", "align": "left"})
    taken: set[str] = set()
    for (name,), part in due.rows.group_by("consultant", maintain_order=True):
        sheet = book.add_worksheet(_sheet_name(str(name), taken))
        title = word("followups_sheet", language).format(name=name, day=f"{due.day:%Y-%m-%d}", count=part.height)
        sheet.write_string(0, 0, title, book.add_format({"bold": True, "font_size": 14}))
        heads = [*(word(key, language) for key in _HANDED_OUT), word("outcome", language)]
        sheet.write_row(2, 0, heads, bold)
        for line, row in enumerate(part.iter_rows(named=True), 3):
            for place, key in enumerate(_HANDED_OUT):
                style = late if key == "overdue" and row[key] else day if key in _DATES else cell
                _write(sheet, line, place, row[key], style)
            sheet.write_blank(line, len(_HANDED_OUT), None, cell)
        for place, key in enumerate(_HANDED_OUT):
            sheet.set_column(place, place, _WIDTHS.get(key, 8))
        sheet.set_column(len(_HANDED_OUT), len(_HANDED_OUT), 40)
        sheet.freeze_panes(3, 0)
        sheet.repeat_rows(2)
        sheet.set_default_row(20)
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)
        sheet.set_footer(f"&L{word('followups_footer', language)}&R&P / &N")
    if not taken:
        book.add_worksheet().write_string(0, 0, word("nobody_due", language))
    book.close()
    return content.getvalue()


def _write(sheet: Worksheet, line: int, place: int, value: Any, style: Any) -> None:
    if value is None:
        sheet.write_blank(line, place, None, style)
    elif isinstance(value, str):
        sheet.write_string(line, place, value, style)
    elif isinstance(value, int):
        sheet.write_number(line, place, value, style)
    else:
        sheet.write_datetime(line, place, value, style)


def _sheet_name(name: str, taken: set[str]) -> str:
    """A name that a sheet may have, and no other sheet has."""
    clean = "".join(" " if letter in "[]:*?/\\" else letter for letter in plain(name)).strip("' ")[:28] or "—"
    found, number = clean, 1
    while found.lower() in taken:
        number += 1
        found = f"{clean} {number}"
    taken.add(found.lower())
    return found
