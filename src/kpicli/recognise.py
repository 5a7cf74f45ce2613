"""Find the tables inside a raw sheet: which form each is, where its header stands, which rows are records.

`layout` knows where things stand, `columns` what headers mean, `titles` what is said above; here they come together.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import polars as pl

from kpicli.catalogue import Column, Form
from kpicli.columns import SAMPLE, Candidate, hold, leftovers, named_columns, others, stamped, tells, unfit
from kpicli.issues import Issue
from kpicli.layout import (
    NOT_DATA,
    Header,
    RowMarks,
    filled_down,
    headers,
    joined_dates,
    kind,
    looks_dated,
    mentions_total,
    next_header,
    runs,
    stray_below,
    title_above,
    with_whole_dates,
)
from kpicli.messages import Words
from kpicli.normalise import Clues
from kpicli.read.sheets import RawSheet
from kpicli.titles import Surroundings, names_a_day
from kpicli.words import header_key

_LABELS = ("staff", "choice", "level", "flag", "time")
"""Types in whose columns the label of a total may stand in a row that has a date; in free text it may be a word."""
_AMOUNTS = ("integer", "number", "money")
"""Types whose value a merged cell holds once, for all its rows together."""


@dataclass(frozen=True)
class Match:
    """A sheet recognised as a form."""

    sheet: str
    form: Form
    header_row: int
    """Row of the header as the spreadsheet shows it."""
    headers: Mapping[str, str]
    """Form column → the header as the sheet has it."""
    letters: Mapping[str, str]
    """Form column → spreadsheet column, such as ``F``; one whose value comes from a title has none."""
    others: Mapping[str, str]
    """Spreadsheet column → header nobody knows."""
    body: pl.DataFrame
    """The data rows: ``row`` (as the spreadsheet shows it), then one text column per form column found."""
    totals: pl.DataFrame
    """The rows of totals: ``row``, ``label`` (their first cell), then the same columns as the body."""
    clues: Clues
    dealer: str | None
    """The dealer that a title names."""
    rows: int
    """All rows of the table with what stands above it."""
    not_data: Mapping[str, int]
    """Rows that are no records, by kind."""

    def clues_of(self, column: Column) -> Clues:
        """What the surroundings say about one column's values: 万元 in its header, or for all amounts in a title."""
        header = self.headers.get(column.key, "")
        by_title = self.clues.ten_thousands and column.type == "money" and "元" not in header
        return replace(self.clues, ten_thousands="万" in header or by_title)


@dataclass(frozen=True)
class NoMatch:
    """A sheet, or a part of one, that is no form that can be used; its rows are named all the same."""

    sheet: str
    rows: int
    not_data: Mapping[str, int]
    """Rows known to be no records, by kind."""
    header_row: int | None = None
    """Row of the header, where one was found."""
    nearest: Form | None = None
    """The form that names most of its headers."""
    letters: Mapping[str, str] = field(default_factory=dict)
    """Column of that form → spreadsheet column."""
    others: Mapping[str, str] = field(default_factory=dict)
    """Spreadsheet column → header that the form does not know."""


@dataclass(frozen=True)
class _Found:
    """The header of a table, and the forms that it fits or nearly fits."""

    header: Header
    candidates: list[Candidate]
    fitting: list[Candidate]


Recognised = tuple[list[Match | NoMatch], list[Issue]]
_Rest = tuple[pl.DataFrame, int] | None
"""Cells still to be looked at, and the row that the spreadsheet shows first of them."""


def recognise(
    sheet: RawSheet, forms: Iterable[Form], today: date, place: str = "", named: str | None = None
) -> Recognised:
    """Hold a sheet against the forms: its tables from the top, or one `NoMatch` where it has none.

    `place` (the file's name) may tell the year of dates written without one. A form `named` by the user is taken where
    the headers leave several open, not against them.
    """
    reading = _Reading(sheet, list(forms), today, place, named)
    tables, issues = reading.region(_trimmed(sheet.cells), 1)
    if sheet.hidden and any(isinstance(table, Match) for table in tables):
        issues.append(Issue("hidden_sheet"))
    hidden = _hidden_records(sheet, tables)
    if hidden:
        issues.append(Issue("hidden_rows", row=hidden[0], count=len(hidden)))
    return tables, [replace(issue, sheet=sheet.name) for issue in issues]


def _hidden_records(sheet: RawSheet, tables: Sequence[Match | NoMatch]) -> list[int]:
    if not sheet.hidden_rows:
        return []
    records = {row for table in tables if isinstance(table, Match) for row in table.body["row"]}
    return sorted(records.intersection(sheet.hidden_rows))


class _Reading:
    """One sheet being recognised, with what holds for all of it."""

    def __init__(self, sheet: RawSheet, forms: list[Form], today: date, place: str, named: str | None) -> None:
        self._sheet = sheet
        self._forms = forms
        self._today = today
        self._place = place
        self._named = named
        self._known = frozenset[str]().union(*(form.header_keys for form in forms))
        self._titles: list[Sequence[str]] = []
        """Texts of the rows above the tables so far."""

    def region(self, cells: pl.DataFrame, first_row: int) -> Recognised:
        """The tables of a rectangle of the sheet, whose first row the spreadsheet shows as `first_row`."""
        tables: list[Match | NoMatch] = []
        issues: list[Issue] = []
        rest: _Rest = (cells, first_row)
        while rest is not None:
            found, said, rest = self._first(*rest)
            tables += found
            issues += said
        return tables, issues

    def _first(self, cells: pl.DataFrame, first_row: int) -> tuple[list[Match | NoMatch], list[Issue], _Rest]:
        """The first table with those beside it, and where the next one below begins."""
        found = self._find(cells)
        if found is None:
            counts = dict.fromkeys(NOT_DATA, 0) | {"blank": _count_blank(cells)}
            return [NoMatch(self._sheet.name, cells.height, counts)], [Issue("no_form")], None
        aside: Recognised = ([], [])
        letters = self._own_columns(cells, first_row, found, aside)
        if len(letters) < cells.width:
            # rows that only a table beside holds are in its account; those of something left out stay in this one
            cells = _part(cells, letters) if aside[0] else cells.select(letters)
            found = self._find(cells)
            assert found is not None  # the header stands in these columns
        if len(found.fitting) == 1 or _clearly_first(found.fitting):
            match, issues, rest = self._table(cells, first_row, found)
            return [match, *aside[0]], [*issues, *aside[1]], rest
        unread, issue, rest = self._unread(cells, first_row, found)
        return [unread, *aside[0]], [issue, *aside[1]], rest

    def _unread(self, cells: pl.DataFrame, first_row: int, found: _Found) -> tuple[NoMatch, Issue, _Rest]:
        """A table that fits no form or several, down to one that can be read."""
        row = first_row + found.header.below - 1
        issue = _two_forms(found.fitting, row) if found.fitting else unfit(found.candidates[0], row)
        near = found.candidates[0]
        rest: _Rest = None
        below = self._fitting_below(cells, found.header) if issue.code != "no_form" else None
        if below is not None:
            rest = (cells.slice(below), first_row + below)
            cells = cells.head(below)
        counts = dict.fromkeys(NOT_DATA, 0) | {"blank": _count_blank(cells)}
        if issue.code != "no_form":
            titles = cells.head(found.header.first)
            counts |= {"title": titles.height - _count_blank(titles), "header": len(found.header.rows)}
        unread = NoMatch(
            sheet=self._sheet.name,
            rows=cells.height,
            not_data=counts,
            header_row=None if issue.code == "no_form" else row,
            nearest=near.form,
            letters=near.columns,
            others=others(near, found.header),
        )
        return unread, issue, rest

    def _find(self, cells: pl.DataFrame) -> _Found | None:
        """The header of the first table: the row that names most columns, or one above it that heads a table too."""
        choices = headers(cells, self._known)
        if not choices:
            return None
        most = max(count for _, count in choices)
        for header, count in choices:
            if count == most:
                return self._held(header, cells)
            if count >= 3:
                found = self._held(header, cells)
                if found.fitting or self._heads_records(found, cells):
                    return found
        return None

    @staticmethod
    def _heads_records(found: _Found, cells: pl.DataFrame) -> bool:
        """Whether a header that lacks a required column stands over rows as wide as itself: a table, not a title."""
        nearest = found.candidates[0]
        if len(nearest.columns) < 4 or not nearest.missing:
            return False
        letters = [letter for letter in nearest.columns.values() if letter]
        width = pl.sum_horizontal(pl.col(letter).is_not_null().cast(pl.Int32) for letter in letters)
        digits = pl.any_horizontal(pl.col(letter).str.contains(r"\d") for letter in letters)
        row = cells.slice(found.header.below, 1)
        return row.filter((width * 2 >= len(letters)) & digits).height > 0

    def _fitting_below(self, cells: pl.DataFrame, header: Header) -> int | None:
        """Where a table that can be read begins below one that cannot."""
        for other, count in headers(cells, self._known):
            if other.first >= header.below and count >= 3 and self._held(other, cells).fitting:
                return other.first
        return None

    def _held(self, header: Header, cells: pl.DataFrame) -> _Found:
        """Hold the forms against a header."""
        header = with_whole_dates(header)
        titles = cells.head(header.first)
        around = self._around(titles)
        clues = self._clues(around)
        below = joined_dates(cells.slice(header.below, SAMPLE), header.parts)
        candidates = [hold(form, header, below, clues) for form in self._plausible(header)]
        day = None
        for candidate in candidates:
            if [column.key for column in candidate.missing] == [candidate.form.date]:
                stamps = stamped(candidate, below, clues)
                day = day or (None if stamps else around.day(clues.year))
                if stamps:
                    candidate.columns[candidate.form.date] = stamps
                elif day:
                    candidate.columns[candidate.form.date] = ""
                    candidate.issues.append(Issue("date_of_sheet", values={"date": day}))
        candidates.sort(key=lambda candidate: -len(candidate.columns))
        fitting = [c for c in candidates if not c.missing and (c.form.key == self._named or tells(c, header))]
        if self._named:
            most = max((len(c.columns) for c in fitting), default=0)
            fitting = [c for c in fitting if c.form.key == self._named and len(c.columns) == most]
            candidates = [c for c in candidates if c.form.key == self._named] or candidates
        return _Found(header, candidates, fitting)

    def _plausible(self, header: Header) -> list[Form]:
        """The forms that name at least half as many of the headers as the form that names most."""
        keys = {header_key(reading) for readings in header.readings.values() for reading in readings}
        counts = [len(form.header_keys & keys) for form in self._forms]
        return [form for form, count in zip(self._forms, counts, strict=True) if count * 2 >= max(counts)]

    def _own_columns(self, cells: pl.DataFrame, first_row: int, found: _Found, aside: Recognised) -> list[str]:
        """The columns of the first table; a table beside it goes its own way, into `aside`.

        Beside means parted by a column that holds nothing, and a form of its own or a column that is there already.
        """
        groups = runs(cells)
        if len(groups) == 1:
            return cells.columns
        best = found.candidates[0]
        home = max(groups, key=lambda group: sum(letter in group for letter in best.columns.values()))
        alone = self._find(_part(cells, home))
        own = alone.fitting[0].form if alone and alone.fitting else best.form
        ours = set(cells.columns)
        for group in groups:
            if group is home:
                continue
            other = _part(cells, group)
            beside = self._find(other)
            if beside and beside.fitting and not self._is_half(group, home, found, beside, own):
                tables, issues = self.region(other, first_row)
                aside[0].extend(tables)
                aside[1].extend(issues)
                ours.difference_update(group)
            elif self._repeats(group, home, found):
                aside[1].append(Issue("stray_table", cell=f"{group[0]}{first_row}", values={"place": _columns(group)}))
                ours.difference_update(group)
        return [letter for letter in cells.columns if letter in ours]

    def _is_half(self, group: Sequence[str], home: Sequence[str], found: _Found, beside: _Found, own: Form) -> bool:
        """Whether a group of columns that could be a table is the other half of one, behind an empty column."""
        same_row = beside.header.first == found.header.first
        return same_row and beside.fitting[0].form is own and not self._repeats(group, home, found)

    def _repeats(self, group: Sequence[str], home: Sequence[str], found: _Found) -> bool:
        """Whether half of what a group of columns is headed with stands in the table's own columns already."""
        form = found.candidates[0].form

        def meanings(letters: Sequence[str]) -> set[str]:
            readings = [found.header.readings.get(letter, ()) for letter in letters]
            return {key for names in readings for _, key in named_columns(form, names)[:1]}

        here = meanings(group)
        return bool(here) and len(here & meanings(home)) * 2 >= len(here)

    def _table(self, cells: pl.DataFrame, first_row: int, found: _Found) -> tuple[Match, list[Issue], _Rest]:
        """A table that fits a form, and where the next one below begins."""
        header, best = found.header, found.fitting[0]
        titles = cells.head(header.first)
        title_rows = titles.height - _count_blank(titles)
        around = self._around(titles)
        clues = self._clues(around)
        self._titles = [*self._titles, *around.rows]
        issues = [*best.issues, *leftovers(best, header)]
        below = cells.slice(header.below).with_row_index("row", offset=first_row + header.below)
        if header.parts:
            parts = {letter for letters in header.parts.values() for letter in letters.values()}
            below = joined_dates(filled_down(below, parts, self._sheet.merges), header.parts)
        rows, doubtful, end = self._sorted(below, found, around)
        height = header.below + rows.height + doubtful.height
        counts = dict.fromkeys(NOT_DATA, 0) | dict(doubtful.drop_nulls("kind").group_by("kind").len().iter_rows())
        counts["blank"] += header.first - title_rows
        rest: _Rest = None
        if end is not None:
            below_end = cells.slice(end - first_row)
            if self._can_be_read(below_end):
                rest = (below_end, end)
            else:
                last = first_row + cells.height - 1
                place = Words(f"第 {end}–{last} 行", f"rows {end}–{last}")
                issues.append(Issue("stray_table", row=end, cell=f"{cells.columns[0]}{end}", values={"place": place}))
                blank = _count_blank(below_end)
                height = cells.height
                counts["blank"] += blank
                counts["note"] += below_end.height - blank
        records = rows
        if doubtful.height:
            records = pl.concat([rows, doubtful.filter(pl.col("kind").is_null()).drop("kind")]).sort("row")
            down = [letter for key, letter in best.columns.items() if best.form.columns[key].type not in _AMOUNTS]
            records = filled_down(records, [letter for letter in down if letter], self._sheet.merges)
        dates = best.columns[best.form.date]
        as_above = _days_as_above(records, dates)
        if as_above is not None:
            records, count, row = as_above
            header_text, cell = header.texts[dates], f"{dates}{row}"
            issues.append(Issue("date_as_above", column=header_text, cell=cell, row=row, count=count))
        totals = doubtful.filter(pl.col("kind") == "total")
        wanted = [pl.col(letter).alias(key) for key, letter in best.columns.items() if letter]
        body = records.select("row", *wanted)
        if not dates:
            (day,) = (issue.values["date"] for issue in best.issues if issue.code == "date_of_sheet")
            body = body.with_columns(pl.lit(str(day)).alias(best.form.date))
        match = Match(
            sheet=self._sheet.name,
            form=best.form,
            header_row=first_row + header.below - 1,
            headers={key: header.texts[letter] for key, letter in best.columns.items() if letter},
            letters={key: letter for key, letter in best.columns.items() if letter},
            others=others(best, header),
            body=body,
            totals=totals.select("row", _label(cells.columns).alias("label"), *wanted),
            clues=clues,
            dealer=around.dealer,
            rows=height,
            not_data=counts | {"title": title_rows, "header": counts["header"] + len(header.rows)},
        )
        return match, issues, rest

    def _can_be_read(self, cells: pl.DataFrame) -> bool:
        found = self._find(cells)
        return found is not None and (bool(found.fitting) or self._fitting_below(cells, found.header) is not None)

    def _sorted(
        self, below: pl.DataFrame, found: _Found, around: Surroundings
    ) -> tuple[pl.DataFrame, pl.DataFrame, int | None]:
        """The rows that are records for certain, the others with their ``kind``, and where another table begins.

        A row whose deciding date looks like one is a record, unless it mentions a total. Only the few others are looked
        at closely, so that a hundred thousand good rows cost one regular expression on one column.
        """
        best = found.fitting[0]
        letters = [letter for letter in below.columns if letter != "row"]
        dates = best.columns[best.form.date]
        own = {letter: best.form.columns[key].type for key, letter in best.columns.items() if letter}
        labels = [letter for letter, kind in own.items() if kind in _LABELS or letter == letters[0]]
        dated = looks_dated(pl.col(dates)) if dates else pl.lit(False)
        certain = below.select(sure=dated & ~mentions_total(labels))["sure"]
        within = RowMarks(found.header, list(own), labels, {text for row in around.rows for text in row})
        rows = below.filter(certain)
        doubtful = below.filter(~certain).with_columns(kind=kind(letters, within, dated))
        end = self._end(rows, doubtful, letters, dates)
        if end is not None:
            end = title_above(doubtful, letters, end)
            rows, doubtful = rows.filter(pl.col("row") < end), doubtful.filter(pl.col("row") < end)
        return rows, doubtful, end

    def _end(self, rows: pl.DataFrame, doubtful: pl.DataFrame, letters: Sequence[str], dates: str) -> int | None:
        """The row in which another table begins, below its title."""
        open_rows = doubtful.filter(pl.col("kind").is_null() | (pl.col("kind") == "note"))
        end = next_header(open_rows, letters, self._known) if open_rows.height else None
        if end is None and not dates:
            end = self._next_day(doubtful, letters)
        if end is None and rows.height:
            tail = doubtful.filter(pl.col("row") > rows["row"][-1])
            end = stray_below(tail, letters, rows) if tail.height else None
        return end

    @staticmethod
    def _next_day(doubtful: pl.DataFrame, letters: Sequence[str]) -> int | None:
        """The next header below a title with a day: days stacked on one sheet."""
        for again in doubtful.filter(pl.col("kind") == "header")["row"]:
            above = doubtful.filter(pl.col("row").is_between(title_above(doubtful, letters, again), again - 1))
            if names_a_day([text for row in above.select(letters).iter_rows() for text in row if text]):
                return int(again)
        return None

    def _around(self, titles: pl.DataFrame) -> Surroundings:
        """The surroundings of a table: the rows right above it, or those above the first one."""
        rows = [[text for text in row if text] for row in titles.iter_rows()]
        return Surroundings(self._sheet.name, self._place, rows)

    def _clues(self, around: Surroundings) -> Clues:
        if not any(around.rows):
            around = replace(around, rows=self._titles)
        return around.clues(self._today, date1904=self._sheet.date1904)


def _columns(letters: Sequence[str]) -> Words:
    return Words(f"{letters[0]}–{letters[-1]} 列", f"columns {letters[0]}–{letters[-1]}")


def _clearly_first(fitting: Sequence[Candidate]) -> bool:
    return len(fitting) > 1 and len(fitting[1].columns) < len(fitting[0].columns)


def _two_forms(fitting: Sequence[Candidate], row: int) -> Issue:
    rivals = [c.form.words for c in fitting if len(c.columns) == len(fitting[0].columns)]
    return Issue("two_forms", row=row, values={"forms": Words.joined(rivals)})


def _label(letters: Sequence[str]) -> pl.Expr:
    """What a total says of itself: the first cell with 计 in it, or else the first cell."""
    said = [pl.when(pl.col(letter).str.contains("[计計]")).then(pl.col(letter)) for letter in letters]
    return pl.coalesce(*said, *letters)


def _days_as_above(records: pl.DataFrame, dates: str) -> tuple[pl.DataFrame, int, int] | None:
    """Records whose date is blank because it stands once, above; how many, and the row of the first.

    A log that writes each day once says so: hardly a day comes twice in a row, and at least half of the records have
    none. Elsewhere a blank date is a date that is missing.
    """
    if not dates or records[dates].null_count() * 2 < records.height:
        return None
    filled = records.filter(looks_dated(pl.col(dates)))[dates]
    repeated = int((filled == filled.shift(1)).sum())
    above = pl.when(looks_dated(pl.col(dates))).then(pl.col(dates)).forward_fill()
    rows = records.with_columns(as_above=pl.col(dates).is_null() & above.is_not_null(), above=above)
    taken = rows.filter("as_above")["row"]
    if len(filled) < 2 or len(taken) < len(filled) or repeated * 4 > len(taken):
        return None
    whole = pl.when("as_above").then("above").otherwise(dates).alias(dates)
    return rows.with_columns(whole).drop("as_above", "above"), len(taken), int(taken[0])


_SPACES = [" ", "\t", "\r", "\n", "\u00a0", "\u3000"]


def _trimmed(cells: pl.DataFrame) -> pl.DataFrame:
    """Cells without outer spaces; a cell of spaces alone is empty."""
    if not cells.width:
        return cells
    spaced = cells.select(pl.all().str.contains_any(_SPACES).any()).row(0, named=True)
    bare = cells.with_columns(
        pl.col(letter).str.strip_chars("".join(_SPACES)) for letter, found in spaced.items() if found
    )
    return bare.with_columns(pl.when(pl.all() != "").then(pl.all()))


def _part(cells: pl.DataFrame, letters: Sequence[str]) -> pl.DataFrame:
    """Some columns of a sheet, down to the last row that holds something in them."""
    part = cells.select(letters)
    filled = part.select(pl.any_horizontal(pl.all().is_not_null()).alias("any"))["any"].arg_true()
    return part.head(filled[-1] + 1)


def _count_blank(cells: pl.DataFrame) -> int:
    return cells.filter(pl.all_horizontal(pl.all().is_null())).height if cells.width else cells.height
