"""Where things stand in a sheet: the header on one row or two, tables beside and below, and what kind each row is.

Nothing here knows which form a table is; the words that head any form's columns are enough.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from kpicli.read.sheets import Merge, column_index
from kpicli.words import header_key

DEEPEST_HEADER = 60
"""The header is looked for in this many rows."""

NOT_DATA = ("blank", "title", "header", "total", "note")
"""What a row can be that is no record."""

_TOTAL_WORDS = ["合计", "总计", "小计", "累计", "共计", "合計", "總計", "小計", "累計", "总数", "汇总", "otal", "OTAL"]
_SPACED = [f"{word[0]}{gap}{word[1]}" for word in _TOTAL_WORDS[:5] for gap in (" ", "  ", "\u3000")]
_TOTAL = (
    r"^[【\[(（]?\S{0,20}?(?:[合小总總累][计計]|共计)(?:金额|台数|批次|数)?(?:[(（][^)）]*[)）])?[】\])）]?"
    r"(?:[:：].*|\d+[批台条笔个人次组]*)?$"
    r"|^(?:总数|汇总)$|^(?i:(?:grand|sub)?total)[:：]?$"
)
"""A cell that labels a total, its spaces taken out: 合计, 王磊小计, 合计(元), 【合计】, 合计：35批, Grand Total."""
_NOTE = (
    r"^(备注|说明|注|制表|审核|复核|填表|单位负责人|负责人|打印|导出|每天发送|数据来源|签字|签名|统计)\S{0,12}[:：]"
    r"|^注[:：]|^备注说明|^打印日期|^导出时间"
    r"|^(制表|审核|复核|填表|打印|导出|审批|签字)(人|日期|时间)?$"
    r"|^[—-]*以下空白[—-]*$|^第\s*\d+\s*页|^共\s*\d+\s*[条页行批]"
)
_NOT_IN_A_DATE = r"[^\p{Nd}\s\-/.:年月日号时分秒T星期周一二三四五六天()（）－／．：]"
_HAN, _LATIN = r"([\u4e00-\u9fff]+)", r"[A-Za-z][A-Za-z .]*"
_BILINGUAL = re.compile(rf"^{_HAN}[\s/／|]+{_LATIN}$|^{_LATIN}[\s/／|]+{_HAN}$")
_PARTS_OF_A_DATE = re.compile(r"(.*)(年|月|日)$")


@dataclass(frozen=True)
class Header:
    """The header of a table."""

    first: int
    """Its first row, counted from 0 in the frame it was found in."""
    rows: tuple[Mapping[str, str], ...]
    """The row, or the two rows of a header on two levels: letter → text."""
    texts: Mapping[str, str]
    """Letter → the header as the sheet has it."""
    readings: Mapping[str, tuple[str, ...]]
    """Letter → what the header may be read as, the most telling first."""
    parts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Letter of a date in three columns → the letters of its 年, 月 and 日."""

    @property
    def below(self) -> int:
        """The first row below it."""
        return self.first + len(self.rows)


# The header


def headers(cells: pl.DataFrame, known: Collection[str]) -> list[tuple[Header, int]]:
    """The rows that could be a header, from the top, each with how many columns it names by `known` header keys.

    Of a row and the same row together with the next, the one that names more stands here.
    """
    rows = [_texts(cells.columns, row) for row in cells.head(DEEPEST_HEADER + 1).iter_rows()]
    singles = [_single(number, row) for number, row in enumerate(rows)]
    counts = [_count(header, known) for header in singles]
    found = []
    for number, header in enumerate(singles[:DEEPEST_HEADER]):
        count = counts[number]
        if number + 1 < len(rows) and rows[number] and rows[number + 1]:
            double = _double(number, rows[number], rows[number + 1])
            whole = with_whole_dates(double)
            both, alone = _count(whole, known), max(count, counts[number + 1])
            if both > alone or (whole.parts and both == alone):
                header, count = double, both
        if count >= 2:
            found.append((header, count))
    return found


def _texts(letters: Iterable[str], row: Sequence[str | None]) -> dict[str, str]:
    return {letter: text for letter, text in zip(letters, row, strict=True) if text}


def _single(number: int, row: Mapping[str, str]) -> Header:
    return Header(number, (row,), row, {letter: _readings(text) for letter, text in row.items()})


def _readings(text: str) -> tuple[str, ...]:
    """A header, and the Chinese of one in two languages: 日期 Date, 日期/Date."""
    found = _BILINGUAL.match(text)
    return (text, found.group(1) or found.group(2)) if found else (text,)


def _double(number: int, upper: Mapping[str, str], lower: Mapping[str, str]) -> Header:
    """Two rows as one header: a text above stands over the columns to its right up to the next one."""
    texts: dict[str, str] = {}
    readings: dict[str, tuple[str, ...]] = {}
    group = ""
    subs = list(lower.values())
    for letter in sorted({*upper, *lower}, key=column_index):
        group = upper.get(letter, group)
        sub = lower.get(letter, "")
        if not sub:
            texts[letter], readings[letter] = group, (group,)
        else:
            texts[letter] = sub if subs.count(sub) == 1 or not group else f"{group} {sub}"
            readings[letter] = (group + sub, sub + group, sub) if group else (sub,)
    return Header(number, (upper, lower), texts, readings)


def _count(header: Header, known: Collection[str]) -> int:
    """How many different known headers a header has."""
    keys = ({header_key(reading) for reading in readings} & set(known) for readings in header.readings.values())
    return len({min(found) for found in keys if found})


def with_whole_dates(header: Header) -> Header:
    """A header in which 登记年, 登记月, 登记日 beside each other are one 登记日期, and 年, 月, 日 one 日期."""
    named: dict[str, dict[str, str]] = {}
    for letter, words in header.readings.items():
        found = _PARTS_OF_A_DATE.match(header_key(words[-1]))
        if found:
            named.setdefault(found.group(1), {}).setdefault(found.group(2), letter)
    parts: dict[str, Mapping[str, str]] = {
        letters["日"]: letters for letters in named.values() if "月" in letters and "日" in letters
    }
    if not parts:
        return header
    gone = {letter for letters in parts.values() for letter in letters.values()}
    texts = {letter: text for letter, text in header.texts.items() if letter not in gone}
    readings = {letter: names for letter, names in header.readings.items() if letter not in gone}
    for prefix, columns in named.items():
        day = columns.get("日", "")
        if day in parts:
            texts[day] = "/".join(header.texts[columns[unit]] for unit in "年月日" if unit in columns)
            above, below = header.readings[day][0], header.readings[day][-1]
            readings[day] = (above.removesuffix(below) or f"{prefix}日期", f"{prefix}日期", f"{prefix}时间")
    return Header(header.first, header.rows, texts, readings, parts)


def joined_dates(cells: pl.DataFrame, parts: Mapping[str, Mapping[str, str]]) -> pl.DataFrame:
    """Cells with each date of three columns written whole into the column of its day.

    A year or month that stands once holds for the days below it.
    """
    for letter, letters in parts.items():
        year, month, day = (
            pl.col(letters[unit]).str.replace(rf"(?:\.0+|{unit})$", "") if unit in letters else None
            for unit in "年月日"
        )
        assert month is not None and day is not None  # a date without them was not taken for one
        numbered = day.str.contains(r"^\d{1,2}$")
        whole = pl.concat_str([month.forward_fill(), pl.lit("月"), day, pl.lit("日")])
        if year is not None:
            full = pl.when(year.str.len_chars() == 2).then("20" + year).otherwise(year)
            whole = pl.concat_str([full.forward_fill(), pl.lit("年"), whole])
        cells = cells.with_columns(pl.when(numbered).then(whole).otherwise(letters["日"]).alias(letter))
    return cells


# Beside and below


def runs(cells: pl.DataFrame) -> list[list[str]]:
    """The columns of a frame in groups parted by columns that hold nothing."""
    filled = [letter for letter in cells.columns if cells[letter].null_count() < cells.height]
    groups: list[list[str]] = []
    for letter in filled:
        if groups and column_index(letter) == column_index(groups[-1][-1]) + 1:
            groups[-1].append(letter)
        else:
            groups.append([letter])
    return groups


def next_header(rows: pl.DataFrame, letters: Sequence[str], known: Collection[str]) -> int | None:
    """The row number of the first of these rows that heads another table: three known headers, half of its cells."""
    cells = rows.select(pl.concat_list(letters).explode().alias("word"))["word"].drop_nulls().unique()
    short = cells.filter(~cells.str.contains(r"\d") & (cells.str.len_chars() <= 20))
    words = [word for word in short if header_key(word) in known]
    if len(words) < 3:
        return None
    hits = pl.sum_horizontal(pl.col(letter).is_in(words).fill_null(False).cast(pl.Int32) for letter in letters)
    found = rows.filter((hits >= 3) & (hits * 2 >= _filled(letters)))["row"]
    return found[0] if len(found) else None


def stray_below(tail: pl.DataFrame, letters: Sequence[str], dated: pl.DataFrame) -> int | None:
    """The row number at which a table of another kind begins in the rows below the last dated one.

    It stands below a blank row and begins with words alone, none of them a value of the records in that column.
    """
    values: dict[str, set[str | None]] = {}
    blank = False
    for entry in tail.head(tail.height - 1).iter_rows(named=True):
        words = {letter: entry[letter] for letter in letters if entry[letter]}
        heads = blank and len(words) >= (2 if entry["kind"] is None else 3) and entry["kind"] in (None, "total")
        if heads and not any(re.search(r"\d", word) for word in words.values()):
            values = values or {letter: set(dated[letter]) for letter in letters}
            if not any(word in values[letter] for letter, word in words.items()):
                return int(entry["row"])
        blank = not words
    return None


def title_above(rows: pl.DataFrame, letters: Sequence[str], end: int) -> int:
    """Where the title of the table at row `end` begins: lone cells right above it."""
    no_total = pl.col("kind").is_null() | (pl.col("kind") == "note")
    numbers = set(rows.filter((pl.col("row") < end) & (_filled(letters) == 1) & no_total)["row"])
    while end - 1 in numbers:
        end -= 1
    return end


# The rows


def _filled(letters: Sequence[str]) -> pl.Expr:
    return pl.sum_horizontal(pl.col(letter).is_not_null().cast(pl.Int32) for letter in letters)


def _count_in(letters: Sequence[str], texts: Collection[str]) -> pl.Expr:
    return pl.sum_horizontal(pl.col(letter).is_in(list(texts)).fill_null(False).cast(pl.Int32) for letter in letters)


def looks_dated(column: pl.Expr) -> pl.Expr:
    """Whether a cell holds the digits and marks of a date, or a serial, and nothing that is no part of a date."""
    return (
        column.str.contains(r"\p{Nd}\s*[-/.年月日．／－]|\p{Nd}{5}") & ~column.str.contains(_NOT_IN_A_DATE)
    ).fill_null(False)


def mentions_total(letters: Iterable[str]) -> pl.Expr:
    """Whether the word for a total stands anywhere in these cells: such rows are looked at closely."""
    cells = pl.concat_str(list(letters), separator=" ", ignore_nulls=True)
    return cells.str.contains_any([*_TOTAL_WORDS, *_SPACED])


@dataclass(frozen=True)
class RowMarks:
    """What a table's rows are told apart by."""

    header: Header
    own: Sequence[str]
    """The columns of the form."""
    labels: Sequence[str]
    """Those of them where the label of a total may stand in a row that has a date."""
    titles: Collection[str]
    """The texts above the table, which may stand again on each page."""


def kind(letters: Sequence[str], within: RowMarks, dated: pl.Expr) -> pl.Expr:
    """What a row is that may be no record: one of `NOT_DATA`, or null."""
    filled = _filled(letters)
    repeated = [
        pl.sum_horizontal(
            [(pl.col(letter) == text).fill_null(False).cast(pl.Int32) for letter, text in row.items()] or [pl.lit(0)]
        )
        for row in within.header.rows
    ]
    again = pl.any_horizontal([(count >= 2) & (count * 2 >= filled) for count in repeated])
    first = pl.coalesce(letters)
    lone = (filled == 1) & first.str.contains(r"\p{Han}") & ((first.str.len_chars() >= 8) | first.str.contains("[:：]"))
    title = _count_in(letters, within.titles) == filled if within.titles else pl.lit(False)
    total = _labels_total(first) | pl.any_horizontal([_labels_total(pl.col(letter)) for letter in within.labels])
    undated_total = ~dated & pl.any_horizontal([_labels_total(pl.col(letter)) for letter in letters])
    return (
        pl.when(filled == 0)
        .then(pl.lit("blank"))
        .when(again)
        .then(pl.lit("header"))
        .when(total | undated_total)
        .then(pl.lit("total"))
        .when(title | first.str.contains(_NOTE) | lone | (_filled(within.own) == 0))
        .then(pl.lit("note"))
    )


def _labels_total(cell: pl.Expr) -> pl.Expr:
    return cell.str.replace_all(r"\s", "").str.contains(_TOTAL).fill_null(False)


def filled_down(cells: pl.DataFrame, letters: Collection[str], merges: Iterable[Merge]) -> pl.DataFrame:
    """Cells (with their ``row``) in which a merged block holds its value in every one of its rows."""
    first, last = cells["row"].min(), cells["row"].max()
    for letter in letters:
        blocks = [m for m in merges if m.left == m.right == letter and m.bottom > m.top]
        spans = [
            (m.top, m.bottom)
            for m in blocks
            if isinstance(first, int) and isinstance(last, int) and m.bottom >= first and m.top <= last
        ]
        if spans:
            tops = pl.DataFrame(spans, schema={"top": pl.Int64, "bottom": pl.Int64}, orient="row").sort("top")
            within = cells.select(pl.col("row").cast(pl.Int64), value=letter).sort("row")
            block = within.join_asof(tops, left_on="row", right_on="top")
            values = block.with_columns(
                value=pl.when(pl.col("row") <= pl.col("bottom"))
                .then(pl.col("value").first().over("top"))
                .otherwise(pl.col("value"))
            )["value"]
            cells = cells.with_columns(values.alias(letter))
    return cells
