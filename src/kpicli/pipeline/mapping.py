"""Ask about headers and values nobody knows, with what speaks for each answer, and remember the answers."""

import codecs
import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import polars as pl

from kpicli.catalogue import Column, Form
from kpicli.errors import DefinitionError
from kpicli.issues import Issue
from kpicli.layout import DEEPEST_HEADER
from kpicli.mapping import FILE, Mapped, meanings
from kpicli.masking import mask, shown
from kpicli.messages import Words
from kpicli.normalise import Clues, fitness, typed
from kpicli.pipeline.files import find_files
from kpicli.read import RawSheet, ReaderPool
from kpicli.recognise import Match, NoMatch, recognise
from kpicli.tables import Mistake
from kpicli.words import header_key, readable, word_key
from kpicli.workspace import Workspace

Kind = Literal["header", "value", "consultant"]

_TELLING = ("phone", "date", "month", "vin", "level", "flag", "choice", "time", "money")
"""Types whose values can be told from other text."""
_MOST_SUGGESTIONS = 3
_FEW_VALUES = 8
"""So many values of a choice are all offered."""
_SAMPLE = 2_000


@dataclass(frozen=True)
class Suggestion:
    """A possible answer. Being alike is no proof: a person decides."""

    target: str
    """A column's key, a value, or a consultant's name."""
    label: Words
    evidence: Words


@dataclass(frozen=True)
class Question:
    """A header, a value or a name that nobody knows."""

    kind: Kind
    form: Form
    column: Column | None
    """Where the value stands; None for a header."""
    word: str
    file: str
    sheet: str
    count: int
    """Cells below the header, or cells with the value."""
    samples: tuple[str, ...]
    """Values below the header, masked."""
    suggestions: tuple[Suggestion, ...]


def questions(
    workspace: Workspace,
    paths: Iterable[str | Path],
    *,
    today: date,
    form: str | None = None,
    password: str | None = None,
    readers: ReaderPool,
) -> tuple[list[Question], list[tuple[Path, Issue]]]:
    """What the files hold that nobody knows, each once; and what kept files from being read."""
    catalogue = workspace.catalogue
    forms = list(catalogue.forms.values())
    named = catalogue.form(form).key if form else None
    asked: dict[tuple[str, ...], Question] = {}
    staff: dict[str, tuple[Form, Column, str, str, int]] = {}
    refused: list[tuple[Path, Issue]] = []
    for path, issue in find_files(paths):
        if issue:
            refused.append((path, issue))
            continue
        workbook = readers.read(path, password)
        refused += [(path, found) for found in workbook.issues]
        for sheet in workbook.sheets:
            tables = recognise(sheet, forms, today, path.name, named)[0] if not sheet.cells.is_empty() else []
            if named and tables and all(isinstance(table, NoMatch) and table.nearest is None for table in tables):
                tables = [_as_form(sheet, catalogue.forms[named])]
            for table in tables:
                if isinstance(table, NoMatch) and table.nearest is None:
                    refused.append((path, Issue("no_form", sheet=sheet.name)))
                for question in (*_headers(table, sheet, today, path), *_values(table, path, staff)):
                    column = question.column.key if question.column else ""
                    asked.setdefault((question.kind, question.form.key, column, question.word), question)
    return [*asked.values(), *_people(staff)], refused


def _as_form(sheet: RawSheet, form: Form) -> NoMatch:
    """A sheet of which no header is known, taken for the form that the user names: the row with most words heads it."""
    words = pl.sum_horizontal(
        pl.col(letter).str.contains(r"^[^\d]+$").fill_null(False).cast(pl.Int32) for letter in sheet.cells.columns
    )
    counts = sheet.cells.head(DEEPEST_HEADER).select(words.alias("words"))["words"]
    row = counts.arg_max() if len(counts) and counts.max() else None
    if row is None:
        return NoMatch(sheet.name, sheet.cells.height, {})
    headers = {letter: sheet.cells[letter][row] for letter in sheet.cells.columns if sheet.cells[letter][row]}
    return NoMatch(sheet.name, sheet.cells.height, {}, row + 1, form, {}, headers)


def _headers(table: Match | NoMatch, sheet: RawSheet, today: date, path: Path) -> Iterator[Question]:
    form = table.form if isinstance(table, Match) else table.nearest
    if form is None or table.header_row is None:
        return
    clues = Clues(today)
    free = [column for column in form.columns.values() if column.key not in table.letters]
    for letter, header in table.others.items():
        cells = sheet.cells[letter].slice(table.header_row, _SAMPLE).drop_nulls()
        yield Question(
            kind="header",
            form=form,
            column=None,
            word=header,
            file=readable(path.name),
            sheet=sheet.name,
            count=len(cells),
            samples=_samples(cells, clues),
            suggestions=tuple(_columns_like(header, cells, free, clues)),
        )


def _samples(cells: pl.Series, clues: Clues) -> tuple[str, ...]:
    """Three values from under a header nobody knows: as they are where few come again and again, else masked."""
    distinct = cells.unique(maintain_order=True)
    words = [shown("text", cell) for cell in distinct.head(3)]
    if len(distinct) <= _FEW_VALUES and len(cells) >= 3 * len(distinct):
        return tuple(words)
    return tuple(_masked(word) for word in words)


def _masked(cell: str) -> str:
    """A value that may be somebody's name or number; numbers and dates too short to be one stay."""
    if re.search(r"\d{7,}", cell):
        return mask("phone", cell)
    return mask("name", cell) if re.search(r"[^\W\d].*[^\W\d]", cell) else cell


def _columns_like(header: str, cells: pl.Series, free: Sequence[Column], clues: Clues) -> list[Suggestion]:
    """Columns not yet found, by how well the values fit and how much the header is alike."""
    found = []
    for column in free:
        telling = column.type in _TELLING and (column.type != "choice" or bool(column.values))
        fit = fitness(column, cells, clues) if telling and len(cells) else 0.0
        alike = max(
            difflib.SequenceMatcher(None, header_key(header), header_key(known)).ratio() for known in column.headers
        )
        zh, en = [], []
        if fit >= 0.8:
            zh.append(f"{fit:.0%} 的值符合")
            en.append(f"{fit:.0%} of the values fit")
        if alike >= 0.5:
            zh.append("名称相近")
            en.append("a similar name")
        if zh:
            evidence = Words("，".join(zh), ", ".join(en))
            found.append((fit + alike, Suggestion(column.key, column.words, evidence)))
    found.sort(key=lambda entry: -entry[0])
    return [suggestion for _, suggestion in found[:_MOST_SUGGESTIONS]]


def _values(
    table: Match | NoMatch, path: Path, staff: dict[str, tuple[Form, Column, str, str, int]]
) -> Iterator[Question]:
    """Unknown values of closed columns; the names of consultants are gathered for later."""
    if not isinstance(table, Match):
        return
    for key in table.letters:
        column = table.form.columns[key]
        cells = table.body[key]
        if column.type == "staff":
            values, _ = typed(column, cells, table.clues_of(column))
            for name, count in _counted(values):
                before = staff.get(name, (table.form, column, readable(path.name), table.sheet, 0))
                staff[name] = (*before[:4], before[4] + count)
        elif meanings(column):
            _, codes = typed(column, cells, table.clues_of(column))
            for word, count in _counted(cells.filter(codes.is_not_null())):
                yield Question(
                    kind="value",
                    form=table.form,
                    column=column,
                    word=word,
                    file=readable(path.name),
                    sheet=table.sheet,
                    count=count,
                    samples=(),
                    suggestions=tuple(_values_like(word, column)),
                )


def _counted(words: pl.Series) -> list[tuple[str, int]]:
    """The different words with their counts, the most frequent first."""
    counts = words.drop_nulls().value_counts(name="count")
    return sorted(counts.iter_rows(), key=lambda entry: (-entry[1], entry[0]))


def _values_like(word: str, column: Column) -> Iterator[Suggestion]:
    spellings = {word_key(spelling): meaning for spelling, meaning in column.values.items()}
    spellings |= {word_key(meaning): meaning for meaning in meanings(column)}
    near = difflib.get_close_matches(word_key(word), list(spellings), n=10, cutoff=0.4)
    known = list(dict.fromkeys(spellings[key] for key in near))[:_MOST_SUGGESTIONS]
    for meaning in known:
        like = next(key for key in near if spellings[key] == meaning)
        yield Suggestion(meaning, Words(meaning, meaning), Words(f"与“{like}”相近", f"similar to “{like}”"))
    others = [meaning for meaning in meanings(column) if meaning not in known]
    for meaning in others if len(others) <= _FEW_VALUES else ():
        yield Suggestion(meaning, Words(meaning, meaning), Words("可用的取值", "a value there is"))


def _people(staff: Mapping[str, tuple[Form, Column, str, str, int]]) -> Iterator[Question]:
    """Names that may be another name of a consultant who is there too."""
    for name, (form, column, file, sheet, count) in staff.items():
        suggestions = list(_same_person(name, [other for other in staff if other != name]))
        if suggestions:
            yield Question("consultant", form, column, name, file, sheet, count, (), tuple(suggestions))


def _same_person(name: str, others: Sequence[str]) -> Iterator[Suggestion]:
    bare = re.sub(r"[(（【\[].*?[)）】\]]|[-_/·\s].*$|\d+$", "", name).strip()
    if bare != name and bare in others:
        yield Suggestion(bare, Words(bare, bare), Words("去掉附注后同名", "the same without what is added"))
    called = re.fullmatch(r"[小老阿](\w)|(\w)(?:经理|主管|顾问|工|总|姐|哥|师傅)", name)
    if called:
        family = called.group(1) or called.group(2)
        for other in (other for other in others if other.startswith(family) and 2 <= len(other) <= 4 and other != name):
            yield Suggestion(other, Words(other, other), Words("同姓", "the same family name"))


def remember(workspace: Workspace, answers: Mapping[str, object], *, note: str, source: str = "") -> Path:
    """Add answers (in the shape of ``mapping.toml``) to the workspace's file, keeping what stands in it.

    Each new line carries `note` as its comment; `source` is the file that the answers come from. Raises
    `DefinitionError` when an answer fits nothing.
    """
    import tomlkit
    from tomlkit.items import InlineTable

    assert workspace.folder is not None  # the command asks for a workspace before
    mistakes: list[Mistake] = []
    Mapped.checked(answers, source or FILE, workspace.catalogue.forms, mistakes)
    if mistakes:
        raise DefinitionError(mistakes)
    path = workspace.folder / FILE
    before = path.read_bytes() if path.is_file() else b""
    document = tomlkit.parse(before.decode("utf-8-sig"))
    if not before:
        for line in _HEADING:
            document.add(tomlkit.comment(line))

    def put(target: Any, entries: Mapping[str, object]) -> None:
        for key, value in entries.items():
            if isinstance(value, Mapping):
                if isinstance(target.get(key), InlineTable):
                    inline = target.pop(key)
                    target.add(key, tomlkit.table())
                    put(target[key], inline)
                if key not in target:
                    nothing_but_tables = all(isinstance(inner, Mapping) for inner in value.values())
                    target.add(key, tomlkit.table(is_super_table=nothing_but_tables))
                put(target[key], value)
            elif target.get(key) != value:
                item = tomlkit.item(str(value))
                item.comment(note)
                target[key] = item

    put(document, answers)
    draft = path.with_suffix(".new")
    mark = codecs.BOM_UTF8 if before.startswith(codecs.BOM_UTF8) else b""
    draft.write_bytes(mark + tomlkit.dumps(document).encode())
    Mapped.read(draft, workspace.catalogue.forms, mistakes)
    if mistakes:
        draft.unlink()
        raise DefinitionError(mistakes)
    draft.replace(path)
    return path


_HEADING = (
    "kpicli map 记下的对应关系：不认得的表头、取值、顾问别名各是什么。可以手改，改后 kpicli forms check 检查。",
    '[headers.表] "表头" = "列"（"ignore" 为不要）；[values.表.列] "写法" = "取值"；[consultants] "别名" = "姓名"',
)
