"""Writes the sample rows as the exports a dealer system would give, and beside them what a right reading must find.

`python -m tests.sample.exports`, started in the project root, rewrites sample_data/ and expected.json.
The bytes depend on nothing but this folder and the version of xlsxwriter.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import xlsxwriter  # type: ignore[import-untyped]

from .cells import Cell
from .count import count, kpis
from .layouts import LAYOUTS, SERIAL, BadCell, BadRow, Column, Layout
from .showroom import as_known, simulate, truth
from .world import MONTHS, Row, Rows

HERE = Path(__file__).parent
FOLDER = HERE.parent.parent / "sample_data"
KEYS = {
    "visits": "visit_no",
    "intentions": "customer_no",
    "test_drives": "drive_no",
    "invoices": "invoice_no",
    "followups": "task_no",
}
NOT_DATA = ("blank", "title", "header", "total", "note")


@dataclass(frozen=True)
class Line:
    """One row of a sheet and what it is: data (and what is spoiled in it), set_aside (and why) or one of NOT_DATA."""

    kind: str
    cells: tuple[Cell, ...] = ()
    why: str = ""
    spoiled: str = ""


def write(folder: Path = FOLDER) -> dict[str, Any]:
    """Write all files; returns the row account of each by file name."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = simulate()
    accounts = {}
    for number, layout in enumerate(LAYOUTS):
        sheet = lines(layout, exported_rows(rows, layout), number)
        if layout.encoding:
            write_csv(folder / layout.file, layout.encoding, sheet)
        else:
            write_xlsx(folder / layout.file, layout, sheet)
        accounts[layout.file] = {"form": layout.form, "month": layout.month or None} | account(sheet)
    return accounts


def expected(accounts: dict[str, Any]) -> dict[str, Any]:
    """The independent count of each month and the account of each file."""
    rows = truth()
    months: dict[str, Any] = {}
    for month in MONTHS:
        months[month] = count(rows, month)
        months[month]["kpis"] = kpis(months[month]["total"])
    return {"months": months, "files": accounts}


def as_json(document: dict[str, Any]) -> str:
    def number(value: Decimal) -> int | float:
        return int(value) if value == int(value) else float(value)

    return json.dumps(document, ensure_ascii=False, indent=1, default=number) + "\n"


# Rows of a file


def exported_rows(rows: Rows, layout: Layout) -> list[Row]:
    """What the system held at the end of the month, cut to what such an export shows."""
    if layout.form == "targets":
        return rows["targets"]
    first = date.fromisoformat(f"{layout.month}-01")
    known = as_known(rows, layout.exported - timedelta(days=1))[layout.form]
    if layout.form == "intentions":
        found = [row for row in known if open_on(row, first)]
    elif layout.form == "followups":  # late work of the month before is listed once more
        found = [row for row in known if row["due"] >= first or (row["done"] and row["done"] >= first)]
    else:
        found = [row for row in known if row["date"] >= first]
    group = layout.group
    return found if group is None else sorted(found, key=lambda row: row[group] or "")


def open_on(row: Row, first: date) -> bool:
    """Open at the start of the month or created in it: everything else was not touched any more."""
    ends = [day for day in (row["won_date"], row["lost_date"]) if day]
    return not ends or min(ends) >= first


# Lines of a sheet


def lines(layout: Layout, rows: list[Row], number: int) -> list[Line]:
    header = Line("header", tuple(column.header for column in layout.columns))
    sheet = [Line("title" if top else "blank", top) for top in layout.top]
    sheet.append(header)
    body = [*with_bad_rows(layout, rows, number)]
    slips = bad_cells(layout, rows)
    for index, (row, bad) in enumerate(body):
        if index:
            sheet.extend(between(layout, body, index))
        if layout.repeat_header and index == len(body) // 2:
            sheet.append(header)
        sheet.append(record(layout, row, index, bad or slips.get(id(row))))
    everything = [row for row, _ in body]
    if layout.group:
        sheet.append(subtotal(layout, everything, everything[-1][layout.group]))
    if layout.total or layout.group:
        sheet.append(total(layout, "合计", everything))
    if layout.notes:
        sheet.append(Line("blank"))
        sheet.extend(Line("note", (note,)) for note in layout.notes)
    return sheet


def record(layout: Layout, row: Row, index: int, bad: BadRow | BadCell | None) -> Line:
    cells = {column.key: shown(column, row, index) for column in layout.columns}
    match bad:
        case BadRow():
            return Line("set_aside", tuple((cells | bad.cells).values()), why=bad.why)
        case BadCell():
            return Line("data", tuple((cells | {bad.key: bad.cell}).values()), spoiled=bad.why)
        case None:
            return Line("data", tuple(cells.values()))


def shown(column: Column, row: Row, index: int) -> Cell:
    return index + 1 if column.key == SERIAL else column.show(row[column.key], index)


def with_bad_rows(layout: Layout, rows: list[Row], number: int) -> Iterator[tuple[Row, BadRow | None]]:
    """The rows in order, each bad row after the neighbour it is copied from."""
    places = {int(bad.at * len(rows)): bad for bad in layout.bad_rows}
    phones = itertools.count(10 * number)
    for index, row in enumerate(rows):
        yield row, None
        if index in places:
            person = {"customer": f"{'赵钱孙李周吴郑'[index % 7]}样零", "phone": f"1990001{next(phones):04d}"}
            key = KEYS.get(layout.form)
            fresh = {key: f"{row[key][:-3]}9{row[key][-2:]}"} if key else {}
            yield row | person | fresh, places[index]


def bad_cells(layout: Layout, rows: list[Row]) -> dict[int, BadCell]:
    """For a row (by identity) the cell to spoil: in the first row from the wanted place on that has such a value."""
    found = {}
    for bad in layout.bad_cells:
        row = next(row for row in rows[int(bad.at * len(rows)) :] if row[bad.key] is not None)
        found[id(row)] = bad
    return found


def between(layout: Layout, body: list[tuple[Row, BadRow | None]], index: int) -> Iterator[Line]:
    """A subtotal where the group changes, a blank row where the week does."""
    last, this = body[index - 1][0], body[index][0]
    if layout.group and last[layout.group] != this[layout.group]:
        yield subtotal(layout, [row for row, _ in body], last[layout.group])
        yield Line("blank")
    if layout.separate and last[layout.separate].isocalendar()[:2] != this[layout.separate].isocalendar()[:2]:
        yield Line("blank")


def subtotal(layout: Layout, rows: list[Row], name: str | None) -> Line:
    column = next(column for column in layout.columns if column.key == layout.group)
    label = f"{column.show(name, 0) or ''}小计"
    return total(layout, label, [row for row in rows if row[column.key] == name])


def total(layout: Layout, label: str, rows: list[Row]) -> Line:
    """Sums over every row printed, bad ones included, as the exporting system does; else the number of rows."""
    if not layout.sums:
        return Line("total", (label, f"{len(rows)}条"))
    cells: list[Cell] = [label]
    for column in layout.columns[1:]:
        cells.append(column.show(sum(row[column.key] for row in rows), 0) if column.key in layout.sums else None)
    return Line("total", tuple(cells))


def account(sheet: list[Line]) -> dict[str, Any]:
    """rows = data + set_aside + the kinds of not_data; row numbers count from 1 at the top of the sheet.

    bad_cells are those planted by the layout; unusable phones (words, masked, too short) are in the data itself.
    """
    kinds = Counter(line.kind for line in sheet)
    return {
        "rows": len(sheet),
        "data": kinds["data"],
        "set_aside": kinds["set_aside"],
        "not_data": {kind: kinds[kind] for kind in NOT_DATA},
        "set_aside_rows": {str(number): line.why for number, line in enumerate(sheet, start=1) if line.why},
        "bad_cells": {str(number): line.spoiled for number, line in enumerate(sheet, start=1) if line.spoiled},
    }


# Files


def write_csv(path: Path, encoding: str, sheet: list[Line]) -> None:
    """Windows line ends; an empty value is one space, as some systems write it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    for line in sheet:
        writer.writerow([" " if cell is None else cell for cell in line.cells])
    path.write_bytes(text.getvalue().encode(encoding))


def write_xlsx(path: Path, layout: Layout, sheet: list[Line]) -> None:
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(str(path), options) as book:
        moment = datetime.combine(layout.exported, time(8, 12))
        book.set_properties({"author": "示例DMS", "created": moment})
        page = book.add_worksheet(layout.sheet)
        page.set_column(layout.left, layout.left + len(layout.columns) - 1, 13)
        heading = book.add_format({"bold": True, "text_wrap": True, "bg_color": "#DDEBF7", "border": 1})
        title = book.add_format({"bold": True, "font_size": 14, "align": "center"})
        plain = {date: book.add_format({"num_format": "yyyy-mm-dd"}), time: book.add_format({"num_format": "hh:mm"})}
        formats = [
            book.add_format({"num_format": column.number_format}) if column.number_format else None
            for column in layout.columns
        ]
        for number, line in enumerate(sheet):
            if number == 0 and layout.merge_title:
                last = layout.left + len(layout.columns) - 1
                page.merge_range(number, layout.left, number, last, line.cells[0], title)
                continue
            for index, cell in enumerate(line.cells):
                if cell is None:
                    continue
                style = heading if line.kind == "header" else formats[index] or plain.get(type(cell))
                page.write(number, layout.left + index, cell, style)


def main() -> None:
    accounts = write()
    (HERE / "expected.json").write_text(as_json(expected(accounts)), encoding="utf-8")
    print(f"{len(accounts)} files in {FOLDER.name}/, {sum(each['rows'] for each in accounts.values())} rows")


if __name__ == "__main__":
    main()
