"""What the words above a table, the sheet's name and the file's tell of its values: year, month, day, unit."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from kpicli.normalise import Clues
from kpicli.words import readable

_YEAR_IN_TITLE = re.compile(r"(?<!\d)(20\d{2})\s*(?:[-/.年]|(?:0[1-9]|1[0-2])(?:[0-3]\d)?(?!\d))")
_YEAR_IN_NAME = re.compile(r"(?<!\d)(20\d{2})(?:(?!\d)|(?:0[1-9]|1[0-2])(?:[0-3]\d)?(?!\d))")
_MONTH = re.compile(r"(?<!\d)(20\d{2})\s*[-/.年]?\s*(1[0-2]|0?[1-9])(?!\d)")
_DAY = re.compile(
    r"(?<!\d)(20\d{2})\s*[-/.年]\s*(1[0-2]|0?[1-9])\s*[-/.月]\s*(3[01]|[12]\d|0?[1-9])(?!\d)"
    r"|(?<!\d)(20\d{2})(1[0-2]|0[1-9])(3[01]|[12]\d|0[1-9])(?!\d)"
)
_DAY_OF_SHEET = re.compile(r"^(?:(1[0-2]|0?[1-9])\s*([-/.月])\s*)?(3[01]|[12]\d|0?[1-9])\s*[日号]?$")
_MONTH_AND_DAY = re.compile(r"(?<!\d)(1[0-2]|0?[1-9])\s*月\s*(3[01]|[12]\d|0?[1-9])\s*[日号]")
_MONTH_ALONE = re.compile(r"(?<!\d)(1[0-2]|0?[1-9])\s*月(?!\s*\d)")
_SEVERAL_MONTHS = re.compile(r"[-至到~～—–]\s*(1[0-2]|0?[1-9])\s*月")
_NO_PERIOD = re.compile(r"打印|导出|制表|制单|填表|生成|下载|查询|编号|版本|版次|修订")
"""What a title says of itself rather than of the rows below."""
_NO_DAY = re.compile(_NO_PERIOD.pattern + r"|[日\d]\s*[至到~～—–]\s*\d")
_DEALER = re.compile(
    r"^\s*(?:(?:经销商|经销店|专营店|门店)(?:代码|编码|编号|名称|简称)?|4S店|店名|店代码)\s*[:：]\s*(\S*)"
)
_TEN_THOUSANDS = re.compile(r"单位\s*[:：]\s*万元|[(（]\s*万元\s*[)）]")


@dataclass(frozen=True)
class Surroundings:
    """Where a table stands."""

    sheet: str
    """Name of the sheet."""
    file: str
    """Name of the file."""
    rows: Sequence[Sequence[str]]
    """The texts of the rows above the table."""

    @property
    def words(self) -> list[str]:
        """The texts above the table that are not about the sheet itself."""
        return [text for row in self.rows for text in row if not _NO_PERIOD.search(text)]

    @property
    def own_name(self) -> str:
        """The sheet's name, unless it is only the file's: a csv's."""
        return self.sheet if self.sheet != Path(readable(self.file)).stem else ""

    @property
    def dealer(self) -> str | None:
        """The dealer that the rows above name: 经销商：上海示例别克, in one cell or with the name in the next."""
        for row in self.rows:
            for text, following in zip(row, [*row[1:], ""], strict=False):
                named = _DEALER.match(text)
                if named and (name := named.group(1) or following.strip()):
                    return name
        return None

    def clues(self, today: date, *, date1904: bool) -> Clues:
        """What they say about the values below."""
        words = self.words
        found = [year for year in map(_YEAR_IN_TITLE.search, words) if year]
        found += [year for year in map(_YEAR_IN_NAME.search, (self.sheet, self.file)) if year]
        several = any(_SEVERAL_MONTHS.search(word) for word in words)
        months = [month for month in map(_MONTH.search, [*words, self.sheet]) if month]
        return Clues(
            today,
            year=int(found[0].group(1)) if found else None,
            month=int(months[0].group(2)) if months and not several else None,
            date1904=date1904,
            ten_thousands=any(_TEN_THOUSANDS.search(word) for word in words),
        )

    def day(self, year: int | None) -> str | None:
        """The one day that the sheet's name or its titles say all rows belong to; `year` is of days without one.

        The file's name does not count: an export of today holds yesterday.
        """
        words = []
        for row in self.rows:
            words += [
                text
                for label, text in zip(["", *row], row, strict=False)
                if not _NO_DAY.search(text) and not _NO_PERIOD.search(label)
            ]
        places = [self.own_name, *words]
        days = {tuple(map(int, filter(None, day.groups()))) for text in places for day in _DAY.finditer(text)}
        if not days and year:
            days = {(year, int(d.group(1)), int(d.group(2))) for text in places for d in _MONTH_AND_DAY.finditer(text)}
        if not days:
            days = self._day_of_sheet(words, year)
        return "{}-{:02}-{:02}".format(*days.pop()) if len(days) == 1 else None

    def _day_of_sheet(self, words: Sequence[str], year: int | None) -> set[tuple[int, ...]]:
        """The day that a short name of the sheet means: 3, 3日, 10.3, 10月3日, 10-3."""
        short = _DAY_OF_SHEET.match(self.own_name.strip())
        if short is None:
            return set()
        months = [(int(m.group(1)), int(m.group(2))) for m in map(_MONTH.search, [*words, self.file]) if m]
        if year:
            months += [(year, int(m.group(1))) for m in map(_MONTH_ALONE.search, words) if m]
        month, separator, day = short.group(1), short.group(2), int(short.group(3))
        if month is None:
            return {(*months[0], day)} if months else set()
        if year and (separator in ("月", ".") or (year, int(month)) in months):  # 1-7 may be a week
            return {(year, int(month), day)}
        return set()


def names_a_day(texts: Sequence[str]) -> bool:
    """Whether one of some texts has a whole date in it."""
    return any(_DAY.search(text) for text in texts)
