"""Control totals: a file's own 合计 and 小计 rows against the rows above them, the best defence against a lost row."""

import re
from collections.abc import Iterator
from decimal import Decimal

import polars as pl

from kpicli.catalogue import Column
from kpicli.issues import Issue
from kpicli.messages import Words
from kpicli.normalise import typed
from kpicli.recognise import Match
from kpicli.validate import Checked

_SUMMED = ("integer", "number", "money")
_COUNTED = ("text", "name", "staff", "phone", "choice", "level", "flag", "vin")
_ROWS_IN_LABEL = re.compile(
    r"(?:[合总小總][\s]*[计計]|共)\s*[:：]?\s*(\d{1,7})\s*[批组条笔行个]|[计計][:：]\s*(\d{1,7})$"
)
_SUBTOTAL = re.compile("小[计計]|(?i:subtotal)")
_NO_SUM = "累[计計]|上月|去年|同期|目标|计划|平均|均值|占比|完成率|环比|同比"
_UNITS = re.compile(r"\d{1,7}\s*[批组条笔行台]$")
_COUNT = re.compile(r"(\d{1,7})\s*[批组条笔行个台]?$")
_ROWS = Words("行数", "rows")


def reconcile(match: Match, checked: Checked) -> Iterator[Issue]:
    """Hold every total row of a table against its records; name what does not add up.

    A grand total may stand for all rows above it, for those since the total before, or since the last of its kind; a
    subtotal for those since the total before or the last of its kind, or for those below it. One above the first record
    stands for all. Rows that were set aside and red letters may be in it or not. It is wrong only when it is none of
    these. In a column of words a whole number may count the rows, the filled cells, the different ones, those of one
    value, or the ticks. 累计, 上月, 目标 and averages say something else and are left out.
    """
    totals = match.totals.filter(~pl.col("label").str.replace_all(r"\s", "").str.contains(_NO_SUM).fill_null(False))
    if totals.is_empty() or match.body.is_empty():
        return
    stretches = _stretches(totals, match.body)
    kept = match.body["row"].is_in(checked.rows["row"].to_list())
    for column in match.form.columns.values():
        if column.key not in match.letters:
            continue
        if column.type in _SUMMED and column.additive:
            yield from _sums(column, match, totals, stretches, kept)
        elif column.type in _COUNTED:
            yield from _counts(column, match, totals, stretches)
    for label, (row, spans) in zip(totals["label"], stretches, strict=True):
        stated = _ROWS_IN_LABEL.search(label or "")
        lengths = [last - first for first, last in spans]
        if stated and lengths and int(stated.group(1) or stated.group(2)) not in lengths:
            yield _issue(match, None, row, int(stated.group(1) or stated.group(2)), lengths[0])


Stretch = tuple[int, list[tuple[int, int]]]
"""Row of a total, and the stretches of the body it may stand for, the likeliest first."""


def _stretches(totals: pl.DataFrame, body: pl.DataFrame) -> list[Stretch]:
    found: list[Stretch] = []
    places = [int(body["row"].search_sorted(row)) for row in totals["row"]]
    previous = 0
    previous_of: dict[bool, int] = {}
    for number, (row, label) in enumerate(totals.select("row", "label").iter_rows()):
        place = places[number]
        partial = bool(_SUBTOTAL.search((label or "").replace(" ", "")))
        starts = [previous, previous_of.get(partial, 0)] if partial else [0, previous_of.get(partial, 0), previous]
        if place and place == previous:  # right below another total: of a higher level, over one group or several
            starts = sorted({0, *(earlier for earlier in places[:number] if earlier < place)}, reverse=partial)
        spans = [(start, place) for start in dict.fromkeys(starts)]
        if partial:
            after = next((later for later in places[number + 1 :] if later > place), body.height)
            spans.append((place, after))
        elif not place:
            spans = [(0, body.height)]
        found.append((row, [(first, last) for first, last in spans if last > first]))
        previous = previous_of[partial] = place
    return found


def _sums(
    column: Column, match: Match, totals: pl.DataFrame, stretches: list[Stretch], kept: pl.Series
) -> Iterator[Issue]:
    clues = match.clues_of(column)
    stated = typed(column, totals[column.key], clues)[0]
    if stated.null_count() == len(stated):
        return
    values, codes = typed(column, match.body[column.key], clues)
    unreadable = _running(codes.is_not_null().cast(pl.Int64))
    readings = [values, *_without_red(column, match, values)]
    readings += [pl.select(pl.when(kept).then(reading))[reading.name] for reading in list(readings)]
    sums = [_running(reading) for reading in readings]
    for value, text, (row, spans) in zip(stated, totals[column.key], stretches, strict=True):
        if value is None or "%" in text or not spans:
            continue
        first, last = spans[0]
        if unreadable[last] > unreadable[first]:
            continue  # those cells are named; the sum cannot be held against anything
        if _UNITS.match(text):
            if value not in [last - first for first, last in spans]:
                yield _issue(match, None, row, int(value), last - first)
            continue
        slack = _last_digit(text) * (10_000 if clues.ten_thousands or "万" in text else 1)
        results = [_decimal(running[last]) - _decimal(running[first]) for first, last in spans for running in sums]
        if not any(abs(result - _decimal(value)) <= slack for result in results):
            yield _issue(match, column, row, _decimal(value), results[0])


def _without_red(column: Column, match: Match, values: pl.Series) -> Iterator[pl.Series]:
    """The values with red letters negative, where the sheet writes them without a sign, and without red letters."""
    rule = match.form.negative
    if rule is None or rule.kind_column not in match.letters:
        return
    kinds = typed(match.form.columns[rule.kind_column], match.body[rule.kind_column], match.clues)[0]
    red = (kinds == rule.kind).fill_null(False)
    yield pl.select(pl.when(red).then(-values.abs()).otherwise(values))[values.name]
    yield pl.select(pl.when(~red).then(values))[values.name]


def _running(values: pl.Series) -> pl.Series:
    """The sum of the values before each place, and of all at the end."""
    return pl.concat([pl.Series(values.name, [0]).cast(values.dtype), values.fill_null(0).cum_sum().cast(values.dtype)])


def _decimal(value: Decimal | float) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(str(value))


def _last_digit(text: str) -> Decimal:
    """What the last digit written is worth: a sum shown with fewer digits is rounded by as much."""
    decimals = re.search(r"\.(\d+)", text)
    return Decimal(1).scaleb(-len(decimals.group(1))) if decimals else Decimal("0.5")


def _counts(column: Column, match: Match, totals: pl.DataFrame, stretches: list[Stretch]) -> Iterator[Issue]:
    for text, label, (row, spans) in zip(totals[column.key], totals["label"], stretches, strict=True):
        counted = _COUNT.match(text or "")
        if counted is None or text == label or not spans:
            continue
        stated = int(counted.group(1))
        if not any(stated in _countings(column, match, first, last) for first, last in spans):
            yield _issue(match, column, row, stated, spans[0][1] - spans[0][0])


def _countings(column: Column, match: Match, first: int, last: int) -> set[int]:
    """What a number under a column of words may count in a stretch of rows."""
    cells = match.body[column.key].slice(first, last - first)
    counts = {len(cells), len(cells) - cells.null_count(), cells.drop_nulls().n_unique()}
    values = typed(column, cells, match.clues)[0]
    if column.type in ("flag", "choice", "level"):
        counts |= set(values.drop_nulls().value_counts(name="count")["count"])
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
