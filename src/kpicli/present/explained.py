"""A number taken apart: on the terminal, and as a workbook with every row."""

import io
import re
from collections.abc import Iterator

import polars as pl
from rich.console import RenderableType
from rich.text import Text
from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from kpicli.catalogue import Book, Kpi
from kpicli.messages import Language
from kpicli.pipeline.explain import Explained, Part
from kpicli.present.definitions import in_words
from kpicli.present.terminal import table_of
from kpicli.present.values import number, plain
from kpicli.present.words import word

_WIDTHS = (26, 34, 22, 8, 12, 12, 28)
_COLUMNS = ("measure", "file", "sheet", "row", "customer", "consultant")
_LAST = {"value": "counts_as", "why": "why"}


def explained(result: Explained, language: Language, *, all_rows: bool) -> list[RenderableType]:
    """A number with its definition, its formula in numbers, and the rows it comes from."""
    entry, value = result.entry, result.value
    title = f"{result.book.label_of(entry.key, language)} ({entry.key})"
    whose = " · ".join(filter(None, [result.month, plain(result.dealer or ""), plain(result.group)]))
    said = number(value.value, entry.unit)
    lines: list[RenderableType] = [Text.assemble((f"{title}  {whose}  {said}", "bold"), f"  {result.book.key}")]
    if isinstance(entry, Kpi):
        lines += [Text(text) for text in (entry.definition, in_words(entry)) if text]
        lines.append(Text(f"{_with_labels(entry, result, language)} = {said}"))
        if entry.note:
            lines.append(Text(entry.note, style="dim"))
        if value.value is not None and entry.unit == "%" and float(value.value) > 1:
            lines.append(Text(entry.over_one or word("over_one_odd", language), style="yellow"))
    if value.reason:
        lines.append(Text(word(value.reason, language), style="yellow"))
    parts = (("numerator", result.numerator), ("denominator", result.denominator))
    for key, part in parts:
        if part is not None:
            heading = word(key, language) if result.denominator else ""
            lines += [Text(), *_explained_part(heading, part, result.book, language, all_rows=all_rows)]
    return lines


_ROWS_SHOWN = 10


def _explained_part(
    heading: str, part: Part, book: Book, language: Language, *, all_rows: bool
) -> Iterator[RenderableType]:
    for key, value in part.measures.items():
        rows = part.rows.filter(pl.col("measure") == key)
        left = part.left_out.filter(pl.col("measure") == key)
        said = f"{book.label_of(key, language)} {number(value, book.measures[key].unit)}"
        yield Text(f"{heading} · {said}" if heading else said, style="bold")
        if rows.height:
            table = table_of(
                (word("source_row", language), "left"),
                (word("customer", language), "left"),
                (word("consultant", language), "left"),
                (word("counts_as", language), "right"),
            )
            for row in rows.head(rows.height if all_rows else _ROWS_SHOWN).iter_rows(named=True):
                place = f"{plain(row['file'])} · {plain(row['sheet'])} · {row['row']}"
                names = (plain(row[name] or "") for name in ("customer", "consultant"))
                table.add_row(place, *names, number(row["value"], book.measures[key].unit))
            yield table
        if rows.height > _ROWS_SHOWN and not all_rows:
            yield Text(word("more_rows", language).format(count=rows.height - _ROWS_SHOWN), style="dim")
        whys = left.group_by("why").len().sort("len", "why", descending=[True, False]).iter_rows()
        told = "；".join(f"{plain(why or '')} {count:,}" for why, count in whys)
        if told:
            yield Text(word("left_out", language).format(rows=left.height, why=told), style="dim")


def _with_labels(entry: Kpi, result: Explained, language: Language) -> str:
    """The formula with the labels of its measures and their numbers."""
    values, book = result.measures, result.book

    def told(found: re.Match[str]) -> str:
        key = found.group()
        return (
            f"{book.label_of(key, language)} {number(values[key], book.measures[key].unit)}" if key in values else key
        )

    return re.sub(r"[a-z_][a-z0-9_]*", told, entry.formula).replace("*", "×").replace("/", "÷")


def workbook(result: Explained, language: Language) -> bytes:
    """A workbook with the definition on its first sheet, and a sheet of rows for numerator and denominator each."""
    content = io.BytesIO()
    book = Workbook(content, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    bold = book.add_format({"bold": True})
    front = book.add_worksheet(word("definition", language))
    front.set_column(0, 0, 22)
    front.set_column(1, 1, 80)
    parts = [("numerator", result.numerator), ("denominator", result.denominator)]
    sheets = {}
    for key, part in parts:
        if part is not None:
            for suffix, frame, last in (("", part.rows, "value"), (" –", part.left_out, "why")):
                name = word(key, language) + suffix
                sheets[name] = frame.height
                _rows(book.add_worksheet(name), frame, last, result.book, bold, language)
    row = 0
    for row, (label, text) in enumerate(_front(result, language)):
        front.write_string(row, 0, label, bold)
        front.write_string(row, 1, text)
    for place, (name, count) in enumerate(sheets.items(), row + 2):
        front.write_url(place, 0, f"internal:'{name}'!A1", string=name)
        front.write_number(place, 1, count)
    book.close()
    return content.getvalue()


def _front(result: Explained, language: Language) -> Iterator[tuple[str, str]]:
    entry = result.entry
    yield word("kpi", language), f"{result.book.label_of(entry.key, language)} ({entry.key}) · {result.book.key}"
    yield (
        word("month", language),
        " · ".join(filter(None, [result.month, plain(result.dealer or ""), plain(result.group)])),
    )
    yield word("value", language), number(result.value.value, entry.unit)
    if isinstance(entry, Kpi):
        yield word("formula", language), entry.formula
        yield word("definition", language), entry.definition or f"{entry.numerator} ÷ {entry.denominator}"
        if entry.note:
            yield "", entry.note
    for key, value in result.measures.items():
        yield result.book.label_of(key, language), number(value, result.book.measures[key].unit)
    yield word("source", language), result.book.source


def _rows(sheet: Worksheet, frame: pl.DataFrame, last: str, book: Book, bold: Format, language: Language) -> None:
    heads = (
        "measure",
        "file",
        "sheet",
        "row_number",
        "customer",
        "consultant",
        "counts_as" if last == "value" else "why",
    )
    sheet.write_row(0, 0, [word(head, language) for head in heads], bold)
    labels = {key: book.label_of(key, language) for key in frame["measure"].unique()}
    for place, width in enumerate(_WIDTHS):
        sheet.set_column(place, place, width)
    for place, name in enumerate((*_COLUMNS, last)):
        column = frame[name].replace_strict(labels) if name == "measure" and labels else frame[name]
        sheet.write_column(1, place, column.to_list())
    sheet.freeze_panes(1, 0)
    if frame.height:
        sheet.autofilter(0, 0, frame.height, len(heads) - 1)
