"""Turn text cells into typed values, a column at a time, and name the cells that could not be.

Each column is treated by its distinct values: they are parsed once, by polars expressions, and mapped back. A hundred
thousand dates are some thirty distinct ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from kpicli.catalogue import LEVELS, Column, ColumnType
from kpicli.words import INVISIBLE, word_key

EMPTY = ("", "-", "--", "—", "/", "\\", "null", "NULL", "Null", "None", "N/A", "n/a")
"""Cells that say nothing."""

YES = ("是", "1", "Y", "YES", "TRUE", "√", "✓", "✔", "ˇ", "●", "○", "有", "已", "T", "V", "对")
NO = ("否", "0", "N", "NO", "FALSE", "无", "未", "×", "X", "F", "没有")

VALID_PHONE = r"^(1[3-9]\d{9}|0\d{2,3}[2-9]\d{6,7})$"
"""A mainland mobile, or a landline with its area code; digits only."""

DTYPES: Mapping[ColumnType, pl.DataType] = {
    "text": pl.String(),
    "name": pl.String(),
    "staff": pl.String(),
    "phone": pl.String(),
    "date": pl.Date(),
    "month": pl.String(),
    "time": pl.String(),
    "integer": pl.Int64(),
    "number": pl.Float64(),
    "money": pl.Decimal(18, 2),
    "choice": pl.String(),
    "level": pl.String(),
    "flag": pl.Boolean(),
    "vin": pl.String(),
}
"""How each type is stored. Times of day are text ``HH:MM``: the store's format has no type for them."""


@dataclass(frozen=True)
class Clues:
    """What the surroundings of a column say about its values."""

    today: date
    """Dates more than a year after this are implausible."""
    year: int | None = None
    """The year of dates written without one, from a title, sheet or file name."""
    date1904: bool = False
    ten_thousands: bool = False
    """Whether the header says that amounts are in 万元."""
    month: int | None = None
    """The month of the title: December below a title of January is the year before."""


def parse(column: Column, cells: pl.Series, clues: Clues) -> pl.DataFrame:
    """Parse distinct cells into ``raw``, ``value`` (in the column's dtype) and ``code`` (an issue code, or null).

    A value may stand beside a code: an odd phone or an unknown choice is kept and named.
    """
    parsed_value, code = _PARSERS[column.type](column, clues)
    empty = pl.col("text").is_null()
    value = pl.col("value").cast(DTYPES[column.type])
    if column.type == "flag":  # many sheets only tick: in a column that is there, empty is no
        value = pl.when(empty).then(False).otherwise(value)
    if column.when_empty is not None:
        value = pl.when(empty).then(pl.lit(column.when_empty)).otherwise(value)
    ascii_only = (cells.str.len_bytes() == cells.str.len_chars()).all()
    texts = pl.LazyFrame({"raw": cells}).with_columns(text=_folded(pl.col("raw"), ascii_only=ascii_only))
    if column.spellings:
        key = _TEXT.str.replace_all(r"\s", "").str.to_uppercase()
        texts = texts.with_columns(text=key.replace_strict(column.spellings, default=_TEXT, return_dtype=pl.String))
    parsed = texts.with_columns(value=parsed_value).with_columns(code=pl.when(~empty).then(code).cast(pl.String))
    return parsed.select("raw", value=value, code="code").collect()


def typed(column: Column, cells: pl.Series, clues: Clues) -> tuple[pl.Series, pl.Series]:
    """Parse a whole column: the values, and beside each an issue code or null."""
    distinct = cells.unique()
    if len(distinct) > 0.75 * len(cells):  # a number of its own in nearly every row: nothing to be gained by mapping
        mapped = parse(column, cells, clues)
    else:
        parsed = parse(column, distinct, clues)
        mapped = cells.to_frame("raw").join(parsed, on="raw", how="left", nulls_equal=True, maintain_order="left")
    return mapped["value"].alias(column.key), mapped["code"]


def fitness(column: Column, cells: pl.Series, clues: Clues) -> float:
    """The share of non-empty cells that the column can take as they are, 0 when there are none."""
    judged = parse(column, cells.drop_nulls().unique(), clues).filter(pl.col("raw").str.strip_chars() != "")
    return 0.0 if judged.is_empty() else judged["code"].null_count() / judged.height


def _folded(cell: pl.Expr, *, ascii_only: bool) -> pl.Expr:
    """A cell's text in NFKC without invisible characters and outer spaces; null where it says nothing.

    ASCII is its own NFKC and has no invisible characters: columns of numbers are spared the search for them.
    """
    visible = cell if ascii_only else cell.str.normalize("NFKC").str.replace_all(f"[{INVISIBLE}]", "")
    text = visible.str.strip_chars(" \t\r\n'")
    return pl.when(~text.is_in(EMPTY)).then(text)


_TEXT = pl.col("text")
_VALUE = pl.col("value")
Parsed = tuple[pl.Expr, pl.Expr]


def _failed(code: str) -> pl.Expr:
    return pl.when(_VALUE.is_null()).then(pl.lit(code))


def _plain(column: Column, clues: Clues) -> Parsed:
    return _TEXT, pl.lit(None, pl.String)


def _name(column: Column, clues: Clues) -> Parsed:
    between = r"(\p{Han})\s+(\p{Han})"  # twice, because every second gap of 欧 阳 娜 overlaps the one before
    return _TEXT.str.replace_all(between, "$1$2").str.replace_all(between, "$1$2"), pl.lit(None, pl.String)


def _date(column: Column, clues: Clues) -> Parsed:
    epoch = date(1904, 1, 1) if clues.date1904 else date(1899, 12, 30)
    written = _TEXT.str.extract_groups(
        r"^(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*[日号]?(?:[T\s(星周].*)?$"
    )
    dashed = pl.concat_str([written.struct.field(n).str.zfill(2) for n in "123"], separator="-")
    serial = _TEXT.str.extract(r"^([2-6]\d{4})(?:\.\d+)?$").cast(pl.Int32)
    ways = [
        dashed.str.to_date("%Y-%m-%d", strict=False),
        _TEXT.str.extract(r"^(\d{8})(?:\.0+)?$").str.to_date("%Y%m%d", strict=False),
        pl.lit(epoch) + pl.duration(days=serial),
    ]
    if clues.year:
        # 12.05 beside 12.1: numbers, of which the second lost its zero
        padded = _TEXT.str.contains(r"^\d{1,2}\.0[1-9]$").any() & _TEXT.str.contains(r"^\d{1,2}\.[123]$")
        day_text = pl.when(padded).then(_TEXT + "0").otherwise(_TEXT)
        day = day_text.str.extract_groups(r"^(\d{1,2})(?:月|/|\.)(\d{2}|\d{1,2}[日号]?)$")
        parts = [day.struct.field("1").str.zfill(2), day.struct.field("2").str.strip_chars("日号").str.zfill(2)]
        ways.append(
            pl.concat_str([_year(clues, parts[0]), *parts], separator="-").str.to_date("%Y-%m-%d", strict=False)
        )
    found = pl.coalesce(ways)
    plausible = found.is_between(date(2000, 1, 1), clues.today + timedelta(days=366))
    code = pl.when(found.is_null()).then(pl.lit("bad_date")).when(~plausible).then(pl.lit("implausible_date"))
    return pl.when(plausible).then(found), code


def _year(clues: Clues, month: pl.Expr) -> pl.Expr:
    """The year of a month written without one: the title's, or the one beside it for December under January."""
    if clues.month is None:
        return pl.lit(str(clues.year))
    ahead = month.cast(pl.Int32, strict=False) - clues.month
    year = pl.lit(clues.year) - (ahead > 6).cast(pl.Int32) + (ahead < -6).cast(pl.Int32)
    return year.cast(pl.String)


def _month(column: Column, clues: Clues) -> Parsed:
    groups = _TEXT.str.extract_groups(r"^(20\d{2})\s*[-/.年]?\s*(1[0-2]|0?[1-9])(?:\s*月份?|[-/.]\d{1,2}(?:\s.*)?)?$")
    month = pl.concat_str([groups.struct.field("1"), groups.struct.field("2").str.zfill(2)], separator="-")
    return month, _failed("bad_month")


def _time(column: Column, clues: Clues) -> Parsed:
    start = _TEXT.str.extract(r"^([^~]+?)\s*(?:[-~至].*)?$").str.strip_chars()
    stamp = _TEXT.str.extract_groups(r"^\d{4}-\d\d-\d\d[T ](\d\d):(\d\d)")
    clock = start.str.extract_groups(r"^(\d{1,2})\s*[:;点时.]\s*(\d{1,2})?(?:[分:;]\s*\d{0,2}.*)?$")
    hour = pl.coalesce(stamp.struct.field("1"), clock.struct.field("1")).cast(pl.Int32)
    # a clock typed as a decimal number lost its last zero: 8.5 is 8:50
    decimal = start.str.extract(r"^\d{1,2}\.(\d)$") + "0"
    minute = pl.coalesce(stamp.struct.field("2"), decimal, clock.struct.field("2"), pl.lit("0")).cast(pl.Int32)
    fraction = (_TEXT.str.extract(r"^(0?\.\d+)$").cast(pl.Float64) * 1440).round().cast(pl.Int32) % 1440
    minutes = pl.coalesce(fraction, pl.when((hour < 24) & (minute < 60)).then(hour * 60 + minute))
    text = pl.concat_str(
        [(minutes // 60).cast(pl.String).str.zfill(2), (minutes % 60).cast(pl.String).str.zfill(2)], separator=":"
    )
    return text, _failed("bad_time")


def _number_text(text: pl.Expr) -> pl.Expr:
    """The digits of a number with its separators, signs of money and units taken off; parentheses mean negative."""
    bare = text.str.replace_all(r"[,，￥¥$\s]", "").str.replace(r"(?:元|人|位|台|批|公里|[kK][mM]|万元?|%)(\)?)$", "$1")
    return bare.str.replace(r"元$", "").str.replace(r"^\((.*)\)$", "-$1")


def _scaled(clues: Clues, text: pl.Expr = _TEXT) -> pl.Expr:
    number = _number_text(text).cast(pl.Float64, strict=False)
    finite = pl.when(number.is_finite()).then(number)
    percent = pl.when(text.str.contains(r"%\)?$")).then(finite / 100)
    in_ten_thousands = text.str.contains("万")
    if clues.ten_thousands:
        in_ten_thousands = in_ten_thousands | ~text.str.contains("元")
    return percent.when(in_ten_thousands).then(finite * 10_000).otherwise(finite)


def _number(column: Column, clues: Clues) -> Parsed:
    return _scaled(clues), _failed("bad_number")


def _integer(column: Column, clues: Clues) -> Parsed:
    number = _scaled(clues)
    whole = (number == number.round()) & (number.abs() < 1e15)
    return pl.when(whole).then(number).cast(pl.Int64), _failed("bad_number")


def _money(column: Column, clues: Clues) -> Parsed:
    # amounts differ from row to row: those written without any mark, nearly all, pass the long way below as nulls
    unmarked = pl.lit(False) if clues.ten_thousands else _TEXT.str.contains(r"^[-+]?\d{1,15}(?:\.\d{1,2}0*)?$")
    direct = pl.when(unmarked).then(_TEXT).cast(pl.Decimal(18, 2), strict=False)
    marked = pl.when(~unmarked).then(_TEXT)
    exact = _number_text(marked).str.extract(r"^([-+]?\d{1,15}(?:\.\d{1,2}0*)?)$")
    scaled = _scaled(clues, marked)
    rounded = pl.when(scaled.abs() < 1e15).then(scaled.round(2)).cast(pl.Decimal(18, 2), strict=False)
    plain = pl.lit(False) if clues.ten_thousands else ~marked.str.contains("[万%]")
    exactly = pl.when(plain).then(exact).cast(pl.Decimal(18, 2), strict=False)
    return pl.coalesce(direct, exactly, rounded), _failed("bad_number")


def _phone(column: Column, clues: Clues) -> Parsed:
    unscientific = (
        pl.when(_TEXT.str.contains(r"^1\.\d{6,}[eE]\+?10$"))
        .then(_TEXT.cast(pl.Float64, strict=False).cast(pl.Int64, strict=False).cast(pl.String))
        .otherwise(_TEXT)
    )
    digits = unscientific.str.replace(r"\.0+$", "").str.replace_all(r"[\s\-()—.]", "")
    digits = digits.str.replace(r"^(?:\+86|0086)", "").str.replace(r"^(?:86|0)(1[3-9]\d{9})$", "$1")
    valid = digits.str.contains(VALID_PHONE)
    return pl.when(valid).then(digits).otherwise(_TEXT), pl.when(~valid).then(pl.lit("odd_phone"))


def _choice(column: Column, clues: Clues) -> Parsed:
    whole = _TEXT.str.replace(r"^(\d+)\.0+$", "$1")  # a model called 301 that a spreadsheet turned into a number
    if not column.values:
        return whole, pl.lit(None, pl.String)
    spellings = {word_key(spelling): canonical for spelling, canonical in column.values.items()}
    known = (
        whole.str.replace_all(r"\s", "")
        .str.to_uppercase()
        .replace_strict(spellings, default=None, return_dtype=pl.String)
    )
    return pl.coalesce(known, whole), pl.when(known.is_null()).then(pl.lit("unknown_value"))


def _level(column: Column, clues: Clues) -> Parsed:
    short = _TEXT.str.to_uppercase().str.replace_all(r"\s|\(.*\)|级$|类$|级客户$", "")
    short = short.replace({"无": "无级", "无级别": "无级", "其它": "其他"})
    known = short.is_in(LEVELS)
    return pl.when(known).then(short).otherwise(_TEXT), pl.when(~known).then(pl.lit("unknown_value"))


def _flag(column: Column, clues: Clues) -> Parsed:
    words = {word_key(word): True for word in YES} | {word_key(word): False for word in NO}
    words |= {word_key(word): True for word in column.yes} | {word_key(word): False for word in column.no}
    key = _TEXT.str.replace_all(r"\s", "").str.to_uppercase().str.replace(r"^([01])\.0$", "$1")
    return key.replace_strict(words, default=None, return_dtype=pl.Boolean), _failed("bad_flag")


_VIN_LETTERS = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", "12345678123457923456789", strict=True))
"""The standard's values of the letters; I, O and Q do not occur."""
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def _vin(column: Column, clues: Clues) -> Parsed:
    vin = _TEXT.str.to_uppercase().str.replace_all(r"[\s-]", "")
    whole = _VALUE.str.len_chars() == 17
    # as one number of 17 digits, which fits 64 bits: its digits then fall out by division
    number = _VALUE.str.replace_many(_VIN_LETTERS).cast(pl.Int64, strict=False)
    rest = pl.sum_horizontal(
        [number // 10 ** (16 - place) % 10 * weight for place, weight in enumerate(_VIN_WEIGHTS)], ignore_nulls=False
    )
    digit = pl.when(_VALUE.str.slice(8, 1) == "X").then(pl.lit("10")).otherwise(_VALUE.str.slice(8, 1))
    tail = _VALUE.str.contains(r"^[A-Z0-9]{6,8}$")  # many lists carry only the last six or eight
    right = (whole & (digit == (rest % 11).cast(pl.String))).fill_null(False) | tail
    return vin, pl.when(~right).then(pl.lit("odd_vin"))


_PARSERS = {
    "text": _plain,
    "name": _name,
    "staff": _name,
    "phone": _phone,
    "date": _date,
    "month": _month,
    "time": _time,
    "integer": _integer,
    "number": _number,
    "money": _money,
    "choice": _choice,
    "level": _level,
    "flag": _flag,
    "vin": _vin,
}
