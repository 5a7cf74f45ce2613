"""Control totals: a file's own 合计 and 小计 rows against the rows above them, the best defence against a lost row."""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal

import polars as pl

from kpicli.catalogue import Column
from kpicli.issues import Issue
from kpicli.messages import Words
from kpicli.normalise import typed
from kpicli.recognise import Match

_SUMMED = ("integer", "number", "money")
_COUNTED = ("text", "name", "staff", "phone", "choice", "level", "flag", "vin")
_ROWS_IN_LABEL = re.compile(r"(?:合\s*计|总\s*计|小\s*计|共)\s*[:：]?\s*(\d{1,7})\s*[批组条笔行个]")
_ROWS = Words("行数", "rows")


def reconcile(match: Match) -> Iterator[Issue]:
    """Hold every total row of a table against its records, those set aside included; name what does not add up.

    A total may stand for all rows above it, for those since the total before, or since the last one of its kind; one
    above the first record stands for all. It is wrong only when it is none of these. In a column of words a whole
    number may count the rows, the filled cells, the different ones, or the ticks. 累计 reaches beyond the sheet and is
    left out.
    """
    totals = match.totals.filter(~pl.col("label").str.replace_all(r"\s", "").str.contains("累计"))
    if totals.is_empty() or match.body.is_empty():
        return
    stretches = _stretches(totals, match.body)
    for column in match.form.columns.values():
        if column.key not in match.letters:
            continue
        if column.type in _SUMMED:
            yield from _sums(column, match, totals, stretches)
        elif column.type in _COUNTED:
            yield from _counts(column, match, totals, stretches)
    for entry, (_, spans) in zip(totals.iter_rows(named=True), stretches, strict=True):
        stated = _ROWS_IN_LABEL.search(entry["label"] or "")
        lengths = [last - first for first, last in spans]
        if stated and int(stated.group(1)) not in lengths:
            yield _issue(match, None, entry["row"], int(stated.group(1)), lengths[0])


Stretch = tuple[int, list[tuple[int, int]]]
"""Row of a total, and the stretches of the body it may stand for, the likeliest first."""


def _stretches(totals: pl.DataFrame, body: pl.DataFrame) -> list[Stretch]:
    found: list[Stretch] = []
    previous = 0
    previous_of: dict[str, int] = {}
    for row, label in totals.select("row", "label").iter_rows():
        place = int(body["row"].search_sorted(row))
        level = "group" if "小计" in (label or "").replace(" ", "") else "grand"
        starts = [previous, previous_of.get(level, 0), 0]
        if level == "grand":
            starts.reverse()
        spans = [(start, place) for start in dict.fromkeys(starts)] if place else [(0, body.height)]
        found.append((row, spans))
        previous = previous_of[level] = place
    return found


def _sums(column: Column, match: Match, totals: pl.DataFrame, stretches: list[Stretch]) -> Iterator[Issue]:
    clues = match.clues_of(column)
    stated = typed(column, totals[column.key], clues)[0]
    if stated.null_count() == len(stated):
        return
    values = typed(column, match.body[column.key], clues)[0]
    sums = [_running(values), _running(_taken_back(column, match, values))]
    for value, text, (row, spans) in zip(stated, totals[column.key], stretches, strict=True):
        if value is None or "%" in text:
            continue
        slack = _last_digit(text) * (10_000 if clues.ten_thousands or "万" in text else 1)
        results = [_decimal(running[last]) - _decimal(running[first]) for first, last in spans for running in sums]
        if not any(abs(result - _decimal(value)) <= slack for result in results):
            yield _issue(match, column, row, _decimal(value), results[0])


def _taken_back(column: Column, match: Match, values: pl.Series) -> pl.Series:
    """The values with the amounts of red letters negative, where the sheet writes them without a sign."""
    rule = match.form.negative
    if rule is None or column.key != rule.column or rule.kind_column not in match.letters:
        return values
    kinds = typed(match.form.columns[rule.kind_column], match.body[rule.kind_column], match.clues)[0]
    red = pl.col(kinds.name) == rule.kind
    return pl.DataFrame([values, kinds]).select(
        pl.when(red.fill_null(False)).then(-pl.col(values.name).abs()).otherwise(pl.col(values.name))
    )[values.name]


def _running(values: pl.Series) -> pl.Series:
    """The sum of the values before each place, and of all at the end."""
    return pl.concat([pl.Series(values.name, [0]).cast(values.dtype), values.fill_null(0).cum_sum().cast(values.dtype)])


def _decimal(value: Decimal | float) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(str(value))


def _last_digit(text: str) -> Decimal:
    """What the last digit written is worth: a sum shown with fewer digits is rounded by as much."""
    decimals = re.search(r"\.(\d+)", text)
    return Decimal(1).scaleb(-len(decimals.group(1))) if decimals else Decimal("0.01")


def _counts(column: Column, match: Match, totals: pl.DataFrame, stretches: list[Stretch]) -> Iterator[Issue]:
    for text, label, (row, spans) in zip(totals[column.key], totals["label"], stretches, strict=True):
        if text is None or text == label or not re.fullmatch(r"\d{1,7}", text):
            continue
        stated = int(text)
        results = [_countings(column, match, first, last) for first, last in spans]
        if not any(stated in counts.values() for counts in results):
            yield _issue(match, column, row, stated, results[0]["rows"])


def _countings(column: Column, match: Match, first: int, last: int) -> Mapping[str, int]:
    cells = match.body[column.key].slice(first, last - first)
    counts = {"rows": len(cells), "filled": len(cells) - cells.null_count(), "different": cells.drop_nulls().n_unique()}
    if column.type == "flag":
        counts["yes"] = int(typed(column, cells, match.clues)[0].sum())
    return counts


def _issue(match: Match, column: Column | None, row: int, stated: Decimal | int, found: Decimal | int) -> Issue:
    return Issue(
        "control_total",
        sheet=match.sheet,
        row=row,
        column=match.headers[column.key] if column else None,
        cell=f"{match.letters[column.key]}{row}" if column else None,
        values={
            "label": column.words if column else _ROWS,
            "stated": _plain(stated),
            "found": _plain(found),
            "difference": _plain(found - stated),
        },
    )


def _plain(value: Decimal | int) -> str:
    return f"{value:,f}" if isinstance(value, Decimal) and value % 1 else f"{int(value):,}"
