"""Find the table inside a raw sheet: which form it is, where its header stands, which rows are data and which are not.

Headers match exactly after folding, against curated aliases. Where a header has several meanings, the values below it
decide; similarity decides nothing.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import polars as pl

from kpicli.catalogue import Column, Form
from kpicli.issues import Issue
from kpicli.messages import Values, Words
from kpicli.normalise import Clues, fitness
from kpicli.read.sheets import RawSheet
from kpicli.words import header_key, word_key

DEEPEST_HEADER = 60
"""The header is looked for in this many rows."""

NOT_DATA = ("blank", "title", "header", "total", "note")
"""What a row can be that is no record."""

_GENERIC_HEADERS = {header_key(word) for word in ("日期", "月份", "月度")}  # they stand in every kind of sheet
_GENERIC_WORDS = {"是", "否", "有", "无"}  # they fit any vocabulary with a yes in it
_TOTALS = (
    "合计",
    "总计",
    "小计",
    "累计",
    "合 计",
    "总 计",
    "小 计",
    "合计:",
    "总计:",
    "小计:",
    "合计：",
    "总计：",
    "小计：",
)
_TOTAL = r"^\S{0,12}(小计|合计|总计|累计)([:：].*)?$"
_NOTE = (
    r"^(备注|说明|注|制表|审核|复核|填表|单位负责人|负责人|打印|导出|每天发送|数据来源|签字|签名|统计)\S{0,12}[:：]"
    r"|^注[:：]|^备注说明|^打印日期|^导出时间"
)
_NOT_IN_A_DATE = r"[^\p{Nd}\s\-/.:年月日号时分秒T星期周一二三四五六天()（）－／．：]"
_YEAR_IN_TITLE = re.compile(r"(?<!\d)(20\d{2})\s*(?:[-/.年]|(?:0[1-9]|1[0-2])(?:[0-3]\d)?(?!\d))")
_YEAR_IN_NAME = re.compile(r"(?<!\d)(20\d{2})(?:(?!\d)|(?:0[1-9]|1[0-2])(?:[0-3]\d)?(?!\d))")
_SAMPLE = 2_000


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
    """Form column → spreadsheet column, such as ``F``."""
    body: pl.DataFrame
    """The data rows: ``row`` (as the spreadsheet shows it), then one text column per form column found."""
    clues: Clues
    rows: int
    """All rows of the sheet."""
    not_data: Mapping[str, int]
    """Rows that are no records, by kind."""


@dataclass(frozen=True)
class NoMatch:
    """A sheet that is no form that can be used; its rows are named all the same."""

    sheet: str
    rows: int
    not_data: Mapping[str, int]
    """Rows known to be no records, by kind."""
    header_row: int | None = None
    """Row of the header, where one was found."""


@dataclass(frozen=True)
class _Candidate:
    """A form held against one row of headers."""

    form: Form
    columns: dict[str, str]
    """Form column → letter."""
    issues: list[Issue] = field(default_factory=list)

    @property
    def missing(self) -> list[Column]:
        return [c for c in self.form.required if c.key not in self.columns and c.when_absent is None]


def recognise(
    sheet: RawSheet, forms: Iterable[Form], today: date, place: str = "", named: str | None = None
) -> tuple[Match | NoMatch, tuple[Issue, ...]]:
    """Hold a sheet against the forms; `place` (the file's name) may tell the year of dates written without one.

    A form `named` by the user is taken where the headers leave several open, not against them.
    """
    cells = _trimmed(sheet.cells)
    counts = dict.fromkeys(NOT_DATA, 0) | {"blank": _count_blank(cells)}
    forms = list(forms)
    header = _header_row(cells, forms)
    if header is None:
        return NoMatch(sheet.name, cells.height, counts), (Issue("no_form", sheet=sheet.name),)
    titles = cells.head(header)
    title_rows = header - _count_blank(titles)
    clues = Clues(today, _year(titles, sheet.name, place), sheet.date1904)
    below = cells.slice(header + 1)
    texts = {letter: text for letter, text in zip(cells.columns, cells.row(header), strict=True) if text}
    candidates = [_hold(form, texts, below, clues) for form in _plausible(forms, list(texts.values()))]
    candidates.sort(key=lambda candidate: -len(candidate.columns))
    fitting = [c for c in candidates if not c.missing and (c.form.key == named or _tells(c, texts))]
    if named:
        most = max((len(c.columns) for c in fitting), default=0)
        fitting = [c for c in fitting if c.form.key == named and len(c.columns) == most]
        candidates = [c for c in candidates if c.form.key == named] or candidates
    if not fitting:
        issue = _unfit(sheet.name, candidates[0], header + 1)
        if issue.code == "no_form":
            return NoMatch(sheet.name, cells.height, counts), (issue,)
        return NoMatch(sheet.name, cells.height, counts | {"title": title_rows, "header": 1}, header + 1), (issue,)
    best = fitting[0]
    if len(fitting) > 1 and len(fitting[1].columns) == len(best.columns):
        rivals = [c.form.words for c in fitting if len(c.columns) == len(best.columns)]
        issue = Issue("two_forms", sheet=sheet.name, row=header + 1, values={"forms": Words.joined(rivals)})
        return NoMatch(sheet.name, cells.height, counts | {"title": title_rows, "header": 1}, header + 1), (issue,)
    body, not_data = _records(below, header + 2, best, texts)
    not_data["blank"] += header - title_rows
    match = Match(
        sheet=sheet.name,
        form=best.form,
        header_row=header + 1,
        headers={key: texts[letter] for key, letter in best.columns.items()},
        letters=best.columns,
        body=body,
        clues=clues,
        rows=cells.height,
        not_data=not_data | {"title": title_rows, "header": not_data["header"] + 1},
    )
    found = [*best.issues, *_leftovers(best, texts)]
    if sheet.hidden:
        found.append(Issue("hidden_sheet"))
    return match, tuple(replace(issue, sheet=sheet.name) for issue in found)


def _trimmed(cells: pl.DataFrame) -> pl.DataFrame:
    """Cells without outer spaces; a cell of spaces alone is empty. Trailing empty rows and columns are no rows."""
    bare = cells.with_columns(pl.all().str.strip_chars(" \t\r\n\u00a0\u3000"))
    return bare.with_columns(pl.when(pl.all() != "").then(pl.all()))


def _count_blank(cells: pl.DataFrame) -> int:
    return cells.filter(pl.all_horizontal(pl.all().is_null())).height if cells.width else cells.height


def _header_row(cells: pl.DataFrame, forms: Sequence[Form]) -> int | None:
    """The row in which most headers of one form stand, the first of equals; at least two must."""
    best, place = 1, None
    for number, row in enumerate(cells.head(DEEPEST_HEADER).iter_rows()):
        fit = max((_named_count(form, row) for form in forms), default=0)
        if fit > best:
            best, place = fit, number
    return place


def _plausible(forms: Sequence[Form], headers: Iterable[str]) -> list[Form]:
    """The forms that name at least half as many of the headers as the form that names most."""
    counts = [_named_count(form, headers) for form in forms]
    return [form for form, count in zip(forms, counts, strict=True) if count * 2 >= max(counts)]


def _named_count(form: Form, headers: Iterable[str | None]) -> int:
    return len(form.header_keys & {header_key(header) for header in headers if header})


def _hold(form: Form, texts: Mapping[str, str], below: pl.DataFrame, clues: Clues) -> _Candidate:
    """Give each header the form column it names; let values decide where it could be several."""
    found = _Candidate(form, {})
    claims: dict[str, list[tuple[int, str]]] = {}
    meanings = {letter: _named(form, header_key(text)) for letter, text in texts.items()}
    sure = {named[0][1] for named in meanings.values() if len(named) == 1}
    for letter, text in texts.items():
        named = meanings[letter]
        if not named:
            continue
        chosen = named[0][1] if len(named) == 1 else _by_values(form, letter, text, named, below, clues, found.issues)
        chosen = chosen and _unless_values_differ(form, text, chosen, sure, below[letter], found.issues)
        if chosen:
            rank = next(rank for rank, key in [*named, (99, chosen)] if key == chosen)
            claims.setdefault(chosen, []).append((rank, letter))
    for key, letters in claims.items():
        letters.sort(key=lambda claim: claim[0])
        found.columns[key] = letters[0][1]
        for _, letter in letters[1:]:
            values: Values = {"label": form.columns[key].words, "taken": letters[0][1]}
            found.issues.append(Issue("duplicate_column", column=texts[letter], values=values))
    for column in found.missing:
        _look_for(column, texts, below, found)
    return found


def _named(form: Form, key: str) -> list[tuple[int, str]]:
    """The form columns a header names, with the rank of the alias (0 is the label itself)."""
    ranked = []
    for column in form.columns.values():
        keys = [header_key(header) for header in column.headers]
        if key in keys:
            ranked.append((keys.index(key), column.key))
    labels = [entry for entry in ranked if entry[0] == 0]
    return labels or ranked


def _by_values(
    form: Form,
    letter: str,
    text: str,
    named: Sequence[tuple[int, str]],
    below: pl.DataFrame,
    clues: Clues,
    issues: list[Issue],
) -> str | None:
    sample = below[letter].head(_SAMPLE)
    scores = sorted(((fitness(form.columns[key], sample, clues), key) for _, key in named), reverse=True)
    (first, chosen), (second, _) = scores[0], scores[1]
    if first < 0.5 or first == second:
        labels = Words.joined(form.columns[key].words for _, key in named)
        issues.append(Issue("undecided_header", column=text, values={"labels": labels}))
        return None
    issues.append(Issue("decided_by_values", column=text, values={"label": form.columns[chosen].words}))
    return chosen


def _unless_values_differ(
    form: Form, text: str, chosen: str, sure: set[str], cells: pl.Series, issues: list[Issue]
) -> str:
    """A closed choice whose values all belong to another one, that no header names, is that other one."""
    words = _words(cells) if form.columns[chosen].values else set()
    if not words or words & _GENERIC_WORDS or _spelled(form.columns[chosen], words):
        return chosen
    for column in form.columns.values():
        if column.values and column.key not in sure and _spelled(column, words) == len(words):
            issues.append(Issue("decided_by_values", column=text, values={"label": column.words}))
            return column.key
    return chosen


def _look_for(column: Column, texts: Mapping[str, str], below: pl.DataFrame, found: _Candidate) -> None:
    """Find a required closed choice by its values alone, under a header nobody knows or one of free text."""
    if not column.values:
        return
    taken = {letter: key for key, letter in found.columns.items()}
    for letter, text in texts.items():
        free = letter not in taken or _is_free(found.form.columns[taken[letter]])
        words = _words(below[letter]) if free else set()
        plain = any(word in _GENERIC_WORDS or word.isdigit() for word in words)
        if words and not plain and _spelled(column, words) == len(words):
            if letter in taken:
                del found.columns[taken[letter]]
            found.columns[column.key] = letter
            found.issues.append(Issue("decided_by_values", column=text, values={"label": column.words}))
            return


def _is_free(column: Column) -> bool:
    return column.type in ("text", "choice") and not column.values


def _words(cells: pl.Series) -> set[str]:
    return {word_key(word) for word in cells.head(_SAMPLE).drop_nulls().unique().to_list()}


def _spelled(column: Column, words: set[str]) -> int:
    return len(words & {word_key(spelling) for spelling in column.values})


def _tells(candidate: _Candidate, texts: Mapping[str, str]) -> bool:
    """Whether a header is there that belongs to this form rather than to any sheet with dates."""
    required = [candidate.columns[c.key] for c in candidate.form.required if c.key in candidate.columns]
    own = [letter for letter in required if header_key(texts[letter]) not in _GENERIC_HEADERS]
    return bool(own) or len(candidate.columns) >= 6


def _unfit(sheet: str, nearest: _Candidate, row: int) -> Issue:
    if len(nearest.columns) < 3 or not nearest.missing:
        return Issue("no_form", sheet=sheet)
    values: Values = {
        "form": nearest.form.words,
        "columns": Words.joined(column.words for column in nearest.missing),
        "aliases": " · ".join(header for column in nearest.missing for header in column.headers[:4]),
    }
    return Issue("missing_column", sheet=sheet, row=row, values=values)


def _leftovers(best: _Candidate, texts: Mapping[str, str]) -> Iterable[Issue]:
    named = {issue.column for issue in best.issues}
    unknown = [t for letter, t in texts.items() if letter not in best.columns.values() and t not in named]
    if unknown:
        yield Issue("unknown_column", values={"columns": "、".join(" ".join(text.split()) for text in unknown)})
    for column in best.form.columns.values():
        if column.key not in best.columns and isinstance(column.when_absent, str):
            yield Issue("column_assumed", values={"label": column.words, "value": column.when_absent})


def _year(titles: pl.DataFrame, *places: str) -> int | None:
    """The year named in the title rows, the sheet's name or the file's, in that order."""
    words = [_YEAR_IN_TITLE.search(str(cell)) for row in titles.iter_rows() for cell in row if cell]
    found = [year for year in (*words, *map(_YEAR_IN_NAME.search, places)) if year]
    return int(found[0].group(1)) if found else None


def _records(
    below: pl.DataFrame, first_row: int, best: _Candidate, texts: Mapping[str, str]
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Split the rows under the header into records and the rest; count the rest by kind.

    A row whose deciding date looks like one is a record, unless a cell of it says 合计. Only the few others are looked
    at closely, so that a hundred thousand good rows cost one regular expression on one column.
    """
    rows = below.with_row_index("row", offset=first_row)
    date = pl.col(best.columns[best.form.date])
    dated = (date.str.contains(r"\p{Nd}") & ~date.str.contains(_NOT_IN_A_DATE)).fill_null(False)
    free = {letter for key, letter in best.columns.items() if best.form.columns[key].type in ("text", "name", "phone")}
    places = [letter for letter in below.columns if letter not in free or letter == below.columns[0]]
    total = pl.any_horizontal(pl.col(places).is_in(_TOTALS)).fill_null(False)
    filled = pl.sum_horizontal(pl.col(below.columns).is_not_null().cast(pl.Int32))
    repeated = pl.sum_horizontal(
        [(pl.col(letter) == text).fill_null(False).cast(pl.Int32) for letter, text in texts.items()]
    )
    first = pl.coalesce(below.columns)
    lone = (filled == 1) & first.str.contains(r"\p{Han}") & ((first.str.len_chars() >= 8) | first.str.contains("[:：]"))
    kind = (
        pl.when(filled == 0)
        .then(pl.lit("blank"))
        .when((repeated >= 2) & (repeated * 2 >= filled))
        .then(pl.lit("header"))
        .when(total | first.str.replace_all(r"\s", "").str.contains(_TOTAL))
        .then(pl.lit("total"))
        .when(first.str.contains(_NOTE) | lone)
        .then(pl.lit("note"))
    )
    certain = rows.select(sure=dated & ~total)["sure"]
    doubtful = rows.filter(~certain).with_columns(kind=kind)
    counts = dict(doubtful.drop_nulls("kind").group_by("kind").len().iter_rows())
    more = doubtful.filter(pl.col("kind").is_null()).drop("kind")
    records = rows.filter(certain)
    if more.height:
        records = pl.concat([records, more]).sort("row")
    wanted = [pl.col(letter).alias(key) for key, letter in best.columns.items()]
    return records.select("row", *wanted), {name: counts.get(name, 0) for name in NOT_DATA}
