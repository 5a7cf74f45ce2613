"""Judge the rows of a recognised sheet: typed values, rows that count, rows set aside with their reason.

A row counts when its required columns have usable values. Anything else that is wrong leaves the cell empty (or as it
is, for text that can be kept), is named, and costs the row nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from kpicli.catalogue import DEALER, AllPresent, Column, Form
from kpicli.issues import Issue
from kpicli.masking import shown
from kpicli.messages import Values
from kpicli.normalise import DTYPES, VALID_PHONE, typed
from kpicli.read.sheets import Fault
from kpicli.recognise import Match
from kpicli.words import word_key

_TOLD = 10_000
"""So many different bad values of a column are told; the rest shares the last one's line."""


@dataclass(frozen=True)
class Checked:
    """The rows of one sheet that count, typed, and the account of the others."""

    sheet: str
    form: Form
    header_row: int
    headers: Mapping[str, str]
    """Form column → the header as the sheet has it."""
    letters: Mapping[str, str]
    """Form column → spreadsheet column."""
    rows: pl.DataFrame
    """``row`` (as the spreadsheet shows it), then every column of the form in its dtype; ``dealer`` also by a title."""
    total: int
    """All rows of the sheet."""
    set_aside: int
    not_data: Mapping[str, int]


def validate(match: Match, faults: tuple[Fault, ...] = ()) -> tuple[Checked, tuple[Issue, ...]]:
    """Type every cell, apply the form's rules, and separate the rows that count."""
    issues: list[Issue] = []
    frame = match.body.select("row")
    codes: dict[str, pl.Series] = {}
    for column in match.form.columns.values():
        if column.key in match.body.columns:
            values, codes[column.key] = typed(column, match.body[column.key], match.clues_of(column))
            frame.insert_column(frame.width, values)
    frame = _completed(frame, match.form).with_columns(pl.coalesce(DEALER, pl.lit(_dealer(match), pl.String)))
    lacking = [pl.col(column.key).is_null() for column in match.form.required]
    aside = frame.select(pl.any_horizontal(lacking).alias("aside"))["aside"]
    for column in match.form.columns.values():
        if column.key in codes:
            issues += _bad_cells(column, match, codes[column.key], aside)
            issues += _missing(column, match, frame.with_columns(code=codes[column.key], aside=aside))
    issues += _faulty(match, faults)
    issues += _disorder(match, frame.filter(~aside))
    rows = frame.filter(~aside)
    checked = Checked(
        sheet=match.sheet,
        form=match.form,
        header_row=match.header_row,
        headers=match.headers,
        letters=match.letters,
        rows=rows,
        total=match.rows,
        set_aside=int(aside.sum()),
        not_data=match.not_data,
    )
    return checked, tuple(issues)


def _dealer(match: Match) -> str | None:
    """The dealer of a title, under the name it goes by."""
    name = match.dealer
    return match.form.columns[DEALER].spellings.get(word_key(name), name) if name else None


def _completed(frame: pl.DataFrame, form: Form) -> pl.DataFrame:
    """Add the columns the sheet lacks, in the form's order, and apply the rule for negative amounts."""
    absent = {key: column for key, column in form.columns.items() if key not in frame.columns}
    constants = [
        pl.lit(c.when_absent if isinstance(c.when_absent, str) else None, DTYPES[c.type]).alias(key)
        for key, c in absent.items()
    ]
    frame = frame.with_columns(constants)
    derived = [
        pl.all_horizontal(_is_there(form.columns[word]) for word in c.when_absent.columns).alias(key)
        for key, c in absent.items()
        if isinstance(c.when_absent, AllPresent)
    ]
    frame = frame.with_columns(derived).select("row", *form.columns)
    rule = form.negative
    if rule is None:
        return frame
    amount, kind = pl.col(rule.column), pl.col(rule.kind_column)
    taken_back = (amount < 0).fill_null(False) | (kind == rule.kind).fill_null(False)
    return frame.with_columns(
        pl.when(taken_back).then(pl.lit(rule.kind)).otherwise(kind).alias(rule.kind_column),
        pl.when(taken_back).then(-amount.abs()).otherwise(amount).alias(rule.column),
    )


def _is_there(column: Column) -> pl.Expr:
    """Whether a cell is filled; a word in the phone column is no phone."""
    cell = pl.col(column.key)
    return cell.str.contains(VALID_PHONE).fill_null(False) if column.type == "phone" else cell.is_not_null()


def _bad_cells(column: Column, match: Match, codes: pl.Series, aside: pl.Series) -> Iterator[Issue]:
    """Name the cells of one column that could not be read as what the column is."""
    if codes.null_count() == len(codes):
        return
    bad = (
        match.body.select("row", value=column.key)
        .with_columns(code=codes, aside=aside)
        .filter(pl.col("code").is_not_null())
    )
    distinct = bad.group_by("code", "value", maintain_order=True).agg("row")
    for code, value, rows in distinct.head(_TOLD).iter_rows():
        grave = column.required and code not in ("unknown_value", "odd_phone", "odd_vin")
        values: Values = {
            "label": column.words,
            "value": shown(column.type, value),
            "known": " · ".join(column.canonical),
        }
        yield _cell_issue(code, column, match, rows, values, grave)
    rest = distinct.slice(_TOLD).select(pl.col("row").list.explode())["row"].to_list()
    if rest:
        yield _cell_issue(distinct["code"][_TOLD], column, match, rest, {"label": column.words, "value": "…"}, False)


def _missing(column: Column, match: Match, rows: pl.DataFrame) -> Iterator[Issue]:
    """Name the rows in which a required cell is empty, and the rows that belong to nobody."""
    if not column.required and (column.type != "staff" or match.form.empty_means_all(column.key)):
        return
    told = pl.lit(True) if column.required else ~pl.col("aside")
    empty = rows.filter(pl.col(column.key).is_null(), pl.col("code").is_null(), told)["row"]
    if len(empty):
        code = "missing_required" if column.required else "no_consultant"
        yield _cell_issue(code, column, match, empty.to_list(), {"label": column.words}, column.required)


def _faulty(match: Match, faults: tuple[Fault, ...]) -> Iterator[Issue]:
    columns = {letter: key for key, letter in match.letters.items()}
    rows = set(match.body["row"].to_list()) if faults else set()
    for fault in faults:
        if fault.column in columns and fault.row in rows:
            column = match.form.columns[columns[fault.column]]
            yield _cell_issue(fault.code, column, match, [fault.row], {"value": fault.value}, False)


def _disorder(match: Match, rows: pl.DataFrame) -> Iterator[Issue]:
    for earlier, later in match.form.order:
        if earlier in match.letters and later in match.letters:
            wrong = rows.filter(pl.col(later) < pl.col(earlier))["row"]
            if len(wrong):
                columns = match.form.columns
                values = {"later": columns[later].words, "earlier": columns[earlier].words}
                yield _cell_issue("out_of_order", columns[later], match, wrong.to_list(), values, False)


def _cell_issue(code: str, column: Column, match: Match, rows: Sequence[int], values: Values, grave: bool) -> Issue:
    return Issue(
        code=code,
        sheet=match.sheet,
        row=rows[0],
        column=match.headers.get(column.key),
        cell=f"{match.letters[column.key]}{rows[0]}" if column.key in match.letters else None,
        values=values,
        count=len(rows),
        rows=tuple(rows),
        grave=grave,
    )
