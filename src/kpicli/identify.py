"""Give every row of a workbook its key, and settle rows that share one.

A key is what makes two rows the same record, in one file, in overlapping exports and over the months.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from kpicli.catalogue import Form
from kpicli.issues import Issue
from kpicli.masking import shown
from kpicli.messages import Words
from kpicli.normalise import VALID_PHONE

_SEPARATOR = "\x1f"
CONTENT = "="
"""What the key of a row begins with that is known by its content alone."""
_TOLD = 1_000
"""How many duplicates are named one by one."""


@dataclass(frozen=True)
class Identified:
    """The rows of one form of one workbook, each key once."""

    form: Form
    rows: pl.DataFrame
    """The form's columns with ``dealer``, ``table``, ``sheet``, ``row``, ``key`` and ``month``."""
    superseded: dict[int, int]
    """Table → rows set aside because a later row has their key and other content."""


def identify(form: Form, rows: pl.DataFrame) -> tuple[Identified, tuple[Issue, ...]]:
    """Key the checked rows of one form: all its tables in the workbook, with ``dealer``, ``table``, ``sheet``, ``row``.

    Equal rows with one key count once; of different ones the last counts and the others are set aside. The issues name
    the column by its key: where it stands in each sheet is not known here.
    """
    keyed = _with_month(form, _with_key(form, rows))
    last = keyed.unique(["dealer", "key"], keep="last", maintain_order=True)
    if last.height == keyed.height:
        return Identified(form, keyed, {}), ()
    content = pl.struct(form.content)
    final = last.select("dealer", "key", final=content)
    others = keyed.join(last, on=["table", "row"], how="anti").join(final, on=["dealer", "key"], maintain_order="left")
    different = others.filter(pl.struct(form.content) != pl.col("final"))
    superseded = dict(different.group_by("table").len().iter_rows())
    return Identified(form, last, superseded), tuple(_duplicates(form, different))


def _with_key(form: Form, rows: pl.DataFrame) -> pl.DataFrame:
    """The first natural key whose columns a row fills; without one its content.

    Equal rows without a natural key that name a person are one; anonymous ones are told apart by their ordinal.
    """
    natural = [_natural(form, words, number) for number, words in enumerate(form.keys)]
    content = pl.concat_str(
        [pl.lit(CONTENT) + _spelled(form, name).fill_null("") for name in form.content], separator=_SEPARATOR
    )
    keyed = rows.with_columns(key=pl.coalesce(natural))
    plain = keyed["key"].is_null()
    if not plain.any():
        return keyed
    nobody = [
        _identity(form, name).is_null() for name, column in form.columns.items() if column.type in ("name", "phone")
    ]
    keyed = keyed.with_columns(
        anonymous=pl.col("key").is_null() & pl.all_horizontal(nobody), key=pl.col("key").fill_null(content)
    )
    ordinal = pl.lit(f"{_SEPARATOR}#") + pl.int_range(pl.len()).over("dealer", "key").cast(pl.String)
    return keyed.with_columns(key=pl.when("anonymous").then(pl.col("key") + ordinal).otherwise("key")).drop("anonymous")


def _natural(form: Form, words: tuple[str, ...], number: int) -> pl.Expr:
    names = [word.removesuffix("?") for word in words]
    parts = [
        _identity(form, name).fill_null("") if word.endswith("?") else _identity(form, name)
        for word, name in zip(words, names, strict=True)
    ]
    key = pl.concat_str(parts, separator=_SEPARATOR)
    return key if number == 0 else pl.lit(f"{number}{_SEPARATOR}") + key


def _identity(form: Form, name: str) -> pl.Expr:
    """A column's value where it identifies: a word in the phone column (未留) is nobody's phone."""
    text = _spelled(form, name)
    return pl.when(text.str.contains(VALID_PHONE)).then(text) if form.columns[name].type == "phone" else text


def _spelled(form: Form, name: str) -> pl.Expr:
    return pl.col(name).cast(pl.String)


def _with_month(form: Form, rows: pl.DataFrame) -> pl.DataFrame:
    date = pl.col(form.date)
    return rows.with_columns(month=date if form.columns[form.date].type == "month" else date.dt.strftime("%Y-%m"))


def _duplicates(form: Form, different: pl.DataFrame) -> list[Issue]:
    found = []
    for row in different.head(_TOLD).iter_rows(named=True):
        names = _filled_key(form, row)
        columns = [form.columns[name] for name in names]
        values = [shown(column.type, str(row[column.key])) for column in columns]
        found.append(
            Issue(
                "duplicate_key",
                sheet=row["sheet"],
                row=row["row"],
                column=names[0],
                values={"label": Words.joined(column.words for column in columns), "value": " · ".join(values)},
            )
        )
    return found


def _filled_key(form: Form, row: Mapping[str, object]) -> list[str]:
    """The columns of the natural key that a row has."""
    for words in form.keys:
        if all(word.endswith("?") or row[word] is not None for word in words):
            return [name for word in words if row[name := word.removesuffix("?")] is not None]
    return [form.date]
