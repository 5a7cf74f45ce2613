"""Normalising: every spelling of a value seen in practice becomes the one value, and what is none is named."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpicli import loading
from kpicli.catalogue import COLUMN_TYPES, Column
from kpicli.normalise import DTYPES, Clues, fitness, parse

from .workbooks import steady

FORMS = loading.load().forms
TODAY = date(2026, 11, 1)
DAY = date(2026, 10, 3)


def parsed(column: Column | str, *cells: str | None, year: int | None = None, date1904: bool = False) -> list[Any]:
    """(value, issue code) of each cell in a column, or in a column of this type."""
    column = Column("x", "某列", "X", column) if isinstance(column, str) else column  # type: ignore[arg-type]
    frame = parse(column, pl.Series(cells, dtype=pl.String), Clues(TODAY, year, date1904))
    assert frame.columns == ["raw", "value", "code"]
    assert frame["raw"].to_list() == list(cells)
    assert frame.schema["value"] == DTYPES[column.type]
    return list(frame.select("value", "code").rows())


def one(column: Column | str, cell: str | None, **clues: Any) -> Any:
    (result,) = parsed(column, cell, **clues)
    return result


NOTHING = (None, "", "  ", "\u00a0", "\u3000", "-", "--", "—", "/", "null", "NULL", "'", "\u200b")


@pytest.mark.parametrize("kind", sorted(set(COLUMN_TYPES) - {"flag"}))
def test_a_cell_that_says_nothing_is_empty_and_no_fault(kind: str) -> None:
    assert parsed(kind, *NOTHING) == [(None, None)] * len(NOTHING)


# Dates


@pytest.mark.parametrize(
    "cell",
    [
        "2026-10-03",
        "2026-10-3",
        "2026-10-03 00:00:00",
        "2026-10-03 14:05:07",
        "2026-10-03 00:00:00.0",
        "2026-10-03T14:05:07",
        "2026/10/3",
        "2026/10/03 9:05",
        "20261003",
        "20261003.0",
        "2026.10.03",
        "2026.10.3",
        "2026年10月3日",
        "2026年10月03日",
        "2026 年 10 月 3 日",
        "2026年10月3号",
        "2026年10月3日 14:05",
        "2026年10月3日（星期六）",
        "2026-10-03 周六",
        "２０２６－１０－０３",
        "２０２６年１０月３日",
        " 2026-10-03\u00a0",
        "'2026-10-03",
        "\ufeff2026-10-03",
        "46298",
        "46298.0",
        "46298.586885",
    ],
)
def test_a_date_in_any_spelling(cell: str) -> None:
    assert one("date", cell) == (DAY, None)


@pytest.mark.parametrize(
    "cell",
    ["10月3日", "10月03日", "10月3", "10.03", "10/03", "10/3", " 10月3日 ", "１０月３日", "10月3号"],
)
def test_a_date_without_a_year_takes_it_from_the_clue(cell: str) -> None:
    assert one("date", cell, year=2026) == (DAY, None)
    assert one("date", cell) == (None, "bad_date")


def test_a_year_in_the_cell_goes_before_the_clue() -> None:
    assert one("date", "2025-10-03", year=2026) == (date(2025, 10, 3), None)


def test_serials_count_from_1900_or_1904() -> None:
    assert one("date", "44836", date1904=True) == (DAY, None)
    assert one("date", "44836") == (DAY - timedelta(days=1462), None)
    assert one("date", "2026-10-03 00:00:00", date1904=True) == (DAY, None)


@pytest.mark.parametrize(
    "cell",
    [
        "2026-13-01",
        "2026-02-30",
        "2025年2月29日",
        "20260230",
        "2026-10-00",
        "2026-10",
        "10-03-2026",
        "明天",
        "3",
        "2026",
        "2026-10-03至2026-10-05",
        "19900000001",
        "#N/A",
    ],
)
def test_an_impossible_date_is_named(cell: str) -> None:
    assert one("date", cell) == (None, "bad_date")


def test_an_impossible_day_of_a_clued_year_is_named() -> None:
    assert parsed("date", "2月29日", "2月30日", "13月1日", year=2026) == [(None, "bad_date")] * 3
    assert one("date", "2月29日", year=2024) == (date(2024, 2, 29), None)


@pytest.mark.parametrize("cell", ["1999-12-31", "1900-01-01", "2206-10-03", "20000", "69999", "99991231"])
def test_a_date_beyond_reason_is_named(cell: str) -> None:
    assert one("date", cell) == (None, "implausible_date")


def test_a_date_may_lie_a_year_ahead_and_no_more() -> None:
    last = TODAY + timedelta(days=366)
    assert one("date", str(last)) == (last, None)
    assert one("date", str(last + timedelta(days=1))) == (None, "implausible_date")
    assert one("date", "2000-01-01") == (date(2000, 1, 1), None)


SPELLINGS = (
    "{0:%Y-%m-%d}",
    "{0.year}-{0.month}-{0.day}",
    "{0:%Y-%m-%d} 00:00:00",
    "{0:%Y-%m-%d}T23:59:59",
    "{0.year}/{0.month}/{0.day}",
    "{0:%Y/%m/%d} 9:05",
    "{0:%Y%m%d}",
    "{0:%Y.%m.%d}",
    "{0.year}年{0.month}月{0.day}日",
    "{0:%Y年%m月%d日}",
)


@settings(steady, max_examples=20)
@given(st.dates(date(2000, 1, 1), TODAY + timedelta(days=366)))
def test_every_day_in_every_spelling_is_that_day(day: date) -> None:
    known = [spelling.format(day) for spelling in SPELLINGS]
    known += [str((day - date(1899, 12, 30)).days)]
    assert parsed("date", *known) == [(day, None)] * len(known)
    assert one("date", str((day - date(1904, 1, 1)).days), date1904=True) == (
        (day, None) if day >= date(1958, 10, 5) else (None, "bad_date")
    )
    short = [spelling.format(day) for spelling in ("{0.month}月{0.day}日", "{0:%m.%d}", "{0:%m/%d}")]
    assert parsed("date", *short, year=day.year) == [(day, None)] * 3


# Months and times


@pytest.mark.parametrize(
    "cell",
    [
        "2026-10",
        "2026/10",
        "2026.10",
        "202610",
        "2026年10月",
        "2026 年 10 月",
        "2026年10月份",
        "2026-10-01",
        "2026-10-01 00:00:00",
        "2026/10/1",
        "２０２６年１０月",
    ],
)
def test_a_month_in_any_spelling(cell: str) -> None:
    assert one("month", cell) == ("2026-10", None)


def test_a_month_of_one_digit_is_padded() -> None:
    assert parsed("month", "2026-1", "2026年1月", "2026/01") == [("2026-01", None)] * 3


@pytest.mark.parametrize("cell", ["2026-13", "2026-00", "10月", "十月", "2026", "26-10", "202613"])
def test_what_is_no_month_is_named(cell: str) -> None:
    assert one("month", cell) == (None, "bad_month")


@pytest.mark.parametrize(
    ("cell", "time"),
    [
        ("9:05", "09:05"),
        ("09:05", "09:05"),
        ("9:05:30", "09:05"),
        ("14:05", "14:05"),
        ("0:00", "00:00"),
        ("23:59", "23:59"),
        ("１４：０５", "14:05"),
        ("15;05", "15:05"),
        ("12；00", "12:00"),
        ("14点05分", "14:05"),
        ("14时05分", "14:05"),
        ("14点", "14:00"),
        ("8.55", "08:55"),
        ("13.0", "13:00"),
        ("8.5", "08:50"),
        ("0.375", "09:00"),
        ("0.5868055555555556", "14:05"),
        ("0.25", "06:00"),
        ("0.5", "12:00"),
        ("9:00-10:00", "09:00"),
        ("9:00~10:00", "09:00"),
        ("9:00～10:00", "09:00"),
        ("9:00 - 10:00", "09:00"),
        ("9:00至10:00", "09:00"),
        ("1899-12-31 14:05:00", "14:05"),
        ("2026-10-03 14:05:07", "14:05"),
        ("2026-10-03T14:05:07", "14:05"),
    ],
)
def test_a_time_in_any_spelling(cell: str, time: str) -> None:
    assert one("time", cell) == (time, None)


@pytest.mark.parametrize("cell", ["24:00", "25:10", "14:60", "上午", "14", "1 day, 0:00:00", "19900000001", "-1:00"])
def test_what_is_no_time_is_named(cell: str) -> None:
    assert one("time", cell) == (None, "bad_time")


def test_a_fraction_of_a_day_is_never_24_o_clock() -> None:
    ((late, code),) = parsed("time", "0.99999")
    assert late in ("23:59", "00:00") or code == "bad_time"


@settings(steady, max_examples=20)
@given(st.integers(0, 23), st.integers(0, 59))
def test_every_minute_in_every_spelling_is_that_minute(hour: int, minute: int) -> None:
    spellings = [
        f"{hour}:{minute:02}",
        f"{hour:02}：{minute:02}",
        f"{hour}点{minute:02}分",
        f"1899-12-31 {hour:02}:{minute:02}:00",
        f"2026-10-03 {hour:02}:{minute:02}:59",
    ]
    assert parsed("time", *spellings) == [(f"{hour:02}:{minute:02}", None)] * len(spellings)


# Phones


@pytest.mark.parametrize(
    "cell",
    [
        "19900000001",
        "199 0000 0001",
        "199-0000-0001",
        "+8619900000001",
        "+86 199-0000-0001",
        "(+86)19900000001",
        "008619900000001",
        "8619900000001",
        "019900000001",
        "19900000001.0",
        "1.9900000001E+10",
        "1.9900000001e10",
        "１９９０００００００１",
        "19900000001\u00a0",
        "'19900000001",
        "\u200b199\u3000000000 01",
    ],
)
def test_a_mobile_in_any_spelling(cell: str) -> None:
    assert one("phone", cell) == ("19900000001", None)


@pytest.mark.parametrize(
    ("cell", "phone"),
    [
        ("021-55500011", "02155500011"),
        ("(021)55500011", "02155500011"),
        ("（0571）8555 0011", "057185550011"),
        ("0571-8555001", "05718555001"),
        ("010 85550011", "01085550011"),
    ],
)
def test_a_landline_with_its_area_code(cell: str, phone: str) -> None:
    assert one("phone", cell) == (phone, None)


@pytest.mark.parametrize(
    "cell",
    [
        "未留",
        "保养客户",
        "199****0001",
        "1990000001",
        "199000000012",
        "12900000001",
        "55500011",
        "400-820-0000",
        "1.99E+10",
        "19900000001/19900000002",
        "021-55500011-801",
        "00000000000",
        "无",
    ],
)
def test_what_is_no_phone_is_kept_as_it_is_and_named(cell: str) -> None:
    assert one("phone", cell) == (cell, "odd_phone")


@settings(steady, max_examples=20)
@given(st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True))
def test_every_mobile_survives_every_spelling(phone: str) -> None:
    spellings = [
        phone,
        f"+86{phone}",
        f"86{phone}",
        f"0{phone}",
        f"{phone[:3]}-{phone[3:7]}-{phone[7:]}",
        f"{phone[:3]} {phone[3:7]} {phone[7:]}",
        f"{phone}.0",
        f"{int(phone):.10E}",
        phone.translate({ord(str(n)): chr(0xFF10 + n) for n in range(10)}),
    ]
    assert parsed("phone", *spellings) == [(phone, None)] * len(spellings)


# Numbers


@pytest.mark.parametrize(
    ("cell", "amount"),
    [
        ("129800", "129800.00"),
        ("129,800.00", "129800.00"),
        ("120,000.00 ", "120000.00"),
        ("￥129,800", "129800.00"),
        ("¥129800元", "129800.00"),
        ("129800元", "129800.00"),
        ("12.98万", "129800.00"),
        ("12.98万元", "129800.00"),
        ("12.98 万元", "129800.00"),
        ("(1,200.00)", "-1200.00"),
        ("（1200）", "-1200.00"),
        ("（￥1,200.50）", "-1200.50"),
        ("(1,200.00)元", "-1200.00"),
        ("(1.2万)", "-12000.00"),
        ("-1200", "-1200.00"),
        ("-￥1,200", "-1200.00"),
        ("－１２００", "-1200.00"),
        ("１２９，８００．５", "129800.50"),
        ("+5", "5.00"),
        ("0", "0.00"),
        (".5", "0.50"),
        ("1.10", "1.10"),
        ("1.100000", "1.10"),
        ("129800.006", "129800.01"),
        ("1.298E+5", "129800.00"),
        ("0.1", "0.10"),
        ("999999999999999.99", "999999999999999.99"),
    ],
)
def test_money_in_any_spelling(cell: str, amount: str) -> None:
    assert one("money", cell) == (Decimal(amount), None)


@pytest.mark.parametrize(
    "cell", ["面议", "12万5", "1.2.3", "--5", "nan", "inf", "1e400", "(5", "元", "￥", "12 34五", "1" + "0" * 16]
)
def test_what_is_no_amount_is_named(cell: str) -> None:
    assert one("money", cell) == (None, "bad_number")


@settings(steady, max_examples=50)
@given(st.integers(0, 10**15 - 1), st.integers(0, 99))
def test_money_with_separators_is_exact_to_the_fen(yuan: int, fen: int) -> None:
    exact = Decimal(yuan) + Decimal(fen) / 100
    text = f"{yuan:,}.{fen:02}"
    spellings = [text, f"￥{text}", f"{text}元", f"{yuan}.{fen:02}", f"{text}00"]
    assert parsed("money", *spellings) == [(exact, None)] * len(spellings)
    assert parsed("money", f"({text})", f"-{text}", f"（{text}）") == [(-exact, None)] * 3


@settings(steady, max_examples=20)
@given(st.integers(0, 10**11))
def test_money_in_ten_thousands_is_exact_to_the_fen(fen: int) -> None:
    assert one("money", f"{Decimal(fen) / 10**6}万元") == (Decimal(fen) / 100, None)


@pytest.mark.parametrize(
    ("cell", "count"),
    [
        ("3", 3),
        ("3.0", 3),
        ("3人", 3),
        ("3 位", 3),
        ("３", 3),
        ("1,200", 1200),
        ("0", 0),
        ("12台", 12),
        ("1.2万", 12000),
    ],
)
def test_an_integer_in_any_spelling(cell: str, count: int) -> None:
    assert one("integer", cell) == (count, None)


@pytest.mark.parametrize("cell", ["3.5", "两人", "约3", "3-4", "nan", "1e30"])
def test_what_is_no_integer_is_named(cell: str) -> None:
    assert one("integer", cell) == (None, "bad_number")


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("12.5%", 0.125),
        ("70％", 0.7),
        ("0%", 0.0),
        ("0.125", 0.125),
        ("40", 40.0),
        ("1,234.5", 1234.5),
        ("12,345 km", 12345.0),
        ("12公里", 12.0),
        ("-0.5", -0.5),
    ],
)
def test_a_number_or_percentage_in_any_spelling(cell: str, number: float) -> None:
    value, code = one("number", cell)
    assert (value, code) == (pytest.approx(number, abs=1e-12), None)


@pytest.mark.parametrize("cell", ["#DIV/0!", "很多", "%", "5%%6"])
def test_what_is_no_number_is_named(cell: str) -> None:
    assert one("number", cell) == (None, "bad_number")


# Words

FLAGS = {
    True: ["是", "1", "1.0", "Y", "y", "yes", "TRUE", "true", "√", "✓", "ˇ", "●", "有", "已", " 是 ", "Ｙ"],
    False: ["否", "0", "0.0", "N", "n", "no", "FALSE", "false", "无", "未", "×", None, "", " ", "-", "/"],
}


@pytest.mark.parametrize(("answer", "cell"), [(answer, cell) for answer, cells in FLAGS.items() for cell in cells])
def test_a_flag_in_any_spelling_and_empty_is_no(answer: bool, cell: str | None) -> None:
    assert one("flag", cell) == (answer, None)


@pytest.mark.parametrize("cell", ["也许", "2", "待定", "?"])
def test_what_is_neither_yes_nor_no_is_named(cell: str) -> None:
    assert one("flag", cell) == (None, "bad_flag")


@pytest.mark.parametrize(
    ("form", "key", "cell", "answer"),
    [
        ("visits", "retained", "已建卡", True),
        ("visits", "retained", "未 建卡", False),
        ("visits", "test_drive", "未试驾", False),
        ("invoices", "loan", "按揭", True),
        ("invoices", "loan", "全款", False),
        ("invoices", "loan", "车贷+置换", True),
        ("invoices", "loan", "置换", False),
        ("invoices", "trade_in", "置换", True),
        ("test_drives", "satisfied", "不满意", False),
    ],
)
def test_a_flag_knows_the_words_of_its_column(form: str, key: str, cell: str, answer: bool) -> None:
    assert one(FORMS[form].columns[key], cell) == (answer, None)


@pytest.mark.parametrize(
    ("cell", "level"),
    [
        ("H", "H"),
        ("h", "H"),
        ("Ａ", "A"),
        ("A级", "A"),
        ("B 级", "B"),
        ("H（7天内）", "H"),
        ("h(7天内)", "H"),
        ("无", "无级"),
        ("无级", "无级"),
        ("其它", "其他"),
        ("f1", "F1"),
        ("O级客户", "O"),
    ],
)
def test_a_level_in_any_spelling(cell: str, level: str) -> None:
    assert one("level", cell) == (level, None)


@pytest.mark.parametrize("cell", ["Z", "高", "HH", "1"])
def test_an_unknown_level_is_kept_and_named(cell: str) -> None:
    assert one("level", cell) == (cell, "unknown_value")


@pytest.mark.parametrize(
    ("form", "key", "cell", "value"),
    [
        ("visits", "contact", "首次", "首次"),
        ("visits", "contact", "初", "首次"),
        ("visits", "contact", " 第一次 ", "首次"),
        ("visits", "contact", "新增到店", "首次"),
        ("visits", "contact", "多次", "再次"),
        ("visits", "contact", "二次", "再次"),
        ("visits", "contact", "再次 到店", "再次"),
        ("visits", "contact", "电销邀约", "来电首次到店"),
        ("visits", "contact", "外展留档", "其他"),
        ("visits", "channel", "展厅", "来店"),
        ("visits", "channel", "DCC", "网络"),
        ("visits", "channel", "ｄｃｃ", "网络"),
        ("visits", "channel", "特卖会", "活动"),
        ("intentions", "status", "休眠", "跟进中"),
        ("intentions", "status", "已交车", "成交"),
        ("intentions", "status", "流失", "战败"),
        ("invoices", "channel", "二网", "二级网点"),
        ("invoices", "channel", "调拨", "其他"),
        ("invoices", "kind", "退票", "红字"),
        ("invoices", "kind", None, "蓝字"),
        ("test_drives", "kind", "乘坐", "试乘"),
        ("followups", "way", "短信", "短信"),
        ("followups", "way", "qq", "QQ"),
    ],
)
def test_a_choice_in_any_spelling(form: str, key: str, cell: str | None, value: str) -> None:
    assert one(FORMS[form].columns[key], cell) == (value, None)


def test_an_unknown_choice_is_kept_and_named() -> None:
    assert one(FORMS["visits"].columns["contact"], "三顾") == ("三顾", "unknown_value")


def test_an_open_choice_takes_any_word_and_mends_numbers() -> None:
    assert parsed("choice", "君越", "301.0", "3008", "ＲＸ5", " 君威 ") == [
        (word, None) for word in ("君越", "301", "3008", "RX5", "君威")
    ]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_spelling_of_every_vocabulary_is_understood(form: Any) -> None:
    for column in form.columns.values():
        if column.values:
            assert parsed(column, *column.values) == [(value, None) for value in column.values.values()]


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("张先生", "张先生"),
        (" 张先生\u00a0", "张先生"),
        ("张 三", "张三"),
        ("张　三", "张三"),
        ("欧 阳 娜", "欧阳娜"),
        ("张\u200b三", "张三"),
        ("\ufeff张三", "张三"),
        ("Ｊｏｈｎ Ｌｉ", "John Li"),
        ("'张三", "张三"),
        ("Ｘ先生", "X先生"),
    ],
)
@pytest.mark.parametrize("kind", ["name", "staff"])
def test_a_name_loses_its_padding(kind: str, cell: str, name: str) -> None:
    assert one(kind, cell) == (name, None)


def with_check_digit(vin: str) -> str:
    """The VIN with the right ninth character, computed by the standard's table and not by ours."""
    table = "0123456789.ABCDEFGH..JKLMN.P.R..STUVWXYZ"
    total = sum(table.index(letter) % 10 * weight for letter, weight in zip(vin, WEIGHTS, strict=True))
    return vin[:8] + "0123456789X"[total % 11] + vin[9:]


WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def test_the_worked_vin_passes_in_any_spelling() -> None:
    cells = ["LATPAB071W1005301", "latpab071w1005301", " LATPAB07 1W1005301", "ＬATPAB071W1005301"]
    assert parsed("vin", *cells) == [("LATPAB071W1005301", None)] * 4


def test_the_tail_of_a_vin_is_enough() -> None:
    tails = ["W1005301", "005301", "1005301"]
    assert parsed("vin", *tails) == [(tail, None) for tail in tails]


def test_a_vin_that_fails_is_kept_and_named() -> None:
    wrong = ["LATPAB072W1005301", "LATPAB071W1005302", "LATPAB071W100530", "IATPAB071W1005301", "12345", "无车架号"]
    assert parsed("vin", *wrong) == [(vin, "odd_vin") for vin in wrong]


@settings(steady, max_examples=4)
@given(st.lists(st.text("0123456789ABCDEFGHJKLMNPRSTUVWXYZ", min_size=17, max_size=17), min_size=10, max_size=20))
def test_a_vin_passes_with_its_check_digit_and_with_no_other(vins: list[str]) -> None:
    right = [with_check_digit(vin) for vin in vins]
    wrong = [vin[:8] + digit + vin[9:] for vin in right for digit in "0123456789X" if digit != vin[8]]
    assert parsed("vin", *right) == [(vin, None) for vin in right]
    assert parsed("vin", *wrong) == [(vin, "odd_vin") for vin in wrong]


# Laws of every type

PIECES = """
2026-10-03 20261003 46298 2026年 10月 3日 10.03 14:05 9点 0.5 19900000001 021- +86 1.99E+10 199****0001 未留 129,800.00
12.98 万 元 ￥ ( ) （ ） - . % 是 否 √ H A级 无 首次 来店 君越 301.0 LATPAB071W1005301 张 三 Ａ１ x
"""
PIECE = st.sampled_from([*PIECES.split(), " ", "\u3000", "\u200b", "'"])
CELLS = st.lists(st.lists(PIECE, min_size=1, max_size=4).map("".join), min_size=15, max_size=30, unique=True)


@pytest.mark.parametrize("kind", COLUMN_TYPES)
@settings(steady, max_examples=6)
@given(cells=CELLS)
def test_a_normalised_value_normalises_to_itself(kind: str, cells: list[str]) -> None:
    values = {value: code for value, code in parsed(kind, *cells, year=2026) if value is not None}
    assert parsed(kind, *map(str, values), year=2026) == list(values.items())


@pytest.mark.parametrize("kind", COLUMN_TYPES)
@settings(steady, max_examples=3)
@given(cells=CELLS)
def test_a_cell_without_a_value_has_a_reason(kind: str, cells: list[str]) -> None:
    empty = {cell for cell in cells if not cell.strip(" '\u3000\u200b-")}
    for cell, (value, code) in zip(cells, parsed(kind, *cells), strict=True):
        assert value is not None or code is not None or cell in empty | {"/", "—"}


def test_fitness_is_the_share_of_cells_a_column_can_take() -> None:
    clues, phone = Clues(TODAY), FORMS["followups"].columns["phone"]
    assert fitness(phone, pl.Series(["19900000001", "19900000001", "电话", None, " "]), clues) == 0.5
    assert fitness(phone, pl.Series([None, ""], dtype=pl.String), clues) == 0.0
