"""Which column of a form each header names.

Headers match exactly after folding, against curated aliases. Where a header has several meanings, the values below it
decide; similarity decides nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from kpicli.catalogue import Column, Form
from kpicli.issues import Issue
from kpicli.layout import Header
from kpicli.messages import Values, Words
from kpicli.normalise import Clues, fitness
from kpicli.words import header_key, word_key

_GENERIC_HEADERS = {header_key(word) for word in ("日期", "月份", "月度")}  # they stand in every kind of sheet
_GENERIC_WORDS = {"是", "否", "有", "无"}  # they fit any vocabulary with a yes in it
SAMPLE = 2_000
"""So many values of a column are looked at."""


@dataclass(frozen=True)
class Candidate:
    """A form held against one header."""

    form: Form
    columns: dict[str, str]
    """Form column → letter."""
    issues: list[Issue] = field(default_factory=list)

    @property
    def missing(self) -> list[Column]:
        """The required columns that no header names and nothing stands in for."""
        return [c for c in self.form.required if c.key not in self.columns and c.when_absent is None]


def hold(form: Form, header: Header, below: pl.DataFrame, clues: Clues) -> Candidate:
    """Give each header the form column it names; let values decide where it could be several."""
    found = Candidate(form, {})
    texts = header.texts
    claims: dict[str, list[tuple[int, str]]] = {}
    meanings = {letter: named_columns(form, header.readings[letter]) for letter in texts}
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


def named_columns(form: Form, readings: Iterable[str]) -> list[tuple[int, str]]:
    """The form columns that the first telling reading names, with the rank of the alias (0 is the label itself)."""
    for reading in readings:
        key = header_key(reading)
        ranked = []
        for column in form.columns.values():
            keys = [header_key(header) for header in column.headers]
            if key in keys:
                ranked.append((keys.index(key), column.key))
        if ranked:
            return [entry for entry in ranked if entry[0] == 0] or ranked
    return []


def _by_values(
    form: Form,
    letter: str,
    text: str,
    named: Sequence[tuple[int, str]],
    below: pl.DataFrame,
    clues: Clues,
    issues: list[Issue],
) -> str | None:
    sample = below[letter].head(SAMPLE)
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


def _look_for(column: Column, texts: Mapping[str, str], below: pl.DataFrame, found: Candidate) -> None:
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
    return {word_key(word) for word in cells.head(SAMPLE).drop_nulls().unique().to_list()}


def _spelled(column: Column, words: set[str]) -> int:
    return len(words & {word_key(spelling) for spelling in column.values})


def tells(candidate: Candidate, header: Header) -> bool:
    """Whether a header is there that belongs to this form rather than to any sheet with dates."""
    required = [candidate.columns[c.key] for c in candidate.form.required if candidate.columns.get(c.key)]
    own = [letter for letter in required if header_key(header.readings[letter][0]) not in _GENERIC_HEADERS]
    return bool(own) or len(candidate.columns) >= 6


def unfit(nearest: Candidate, row: int) -> Issue:
    """Why a table is not read: no form, or a form that lacks required columns."""
    if len(nearest.columns) < 3 or not nearest.missing:
        return Issue("no_form")
    values: Values = {
        "form": nearest.form.words,
        "columns": Words.joined(column.words for column in nearest.missing),
        "aliases": " · ".join(header for column in nearest.missing for header in column.headers[:4]),
    }
    return Issue("missing_column", row=row, values=values)


def others(best: Candidate, header: Header) -> dict[str, str]:
    """The headers that the form does not know, or that may mean several of its columns."""
    taken = best.columns.values()
    twice = {issue.column for issue in best.issues if issue.code == "duplicate_column"}
    return {
        letter: text
        for letter, text in header.texts.items()
        if letter not in taken and text not in twice and header_key(text) not in best.form.ignored
    }


def leftovers(best: Candidate, header: Header) -> Iterator[Issue]:
    """What is to be said of headers without a column, and of columns without a header."""
    told = {issue.column for issue in best.issues}
    unknown = [text for text in others(best, header).values() if text not in told]
    if unknown:
        yield Issue("unknown_column", values={"columns": "、".join(" ".join(text.split()) for text in unknown)})
    for column in best.form.columns.values():
        if column.key not in best.columns and isinstance(column.when_absent, str):
            yield Issue("column_assumed", values={"label": column.words, "value": column.when_absent})


def stamped(candidate: Candidate, below: pl.DataFrame, clues: Clues) -> str | None:
    """The column of a time of day whose cells hold the date as well: 到店时间 = 2026-10-03 09:05."""
    deciding = candidate.form.columns[candidate.form.date]
    for key, letter in candidate.columns.items():
        if candidate.form.columns[key].type == "time" and fitness(deciding, below[letter], clues) > 0.5:
            return letter
    return None
