"""The made-up store: its people, cars, customs and targets, and a few small facts about the world.

Every name, phone, VIN and plate is fictional.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

Row = dict[str, Any]
Rows = dict[str, list[Row]]

POOL_START, START, END = date(2026, 5, 1), date(2026, 8, 1), date(2026, 10, 31)
MONTHS = ("2026-08", "2026-09", "2026-10")


@dataclass(frozen=True)
class Consultant:
    """Chances of doing well; different enough for a league table to say something."""

    name: str
    share: float
    retain: float
    drive: float
    order: float
    timely: float
    invite: float


CONSULTANTS = (
    Consultant("张伟", 1.2, 0.86, 0.62, 0.36, 0.93, 0.75),
    Consultant("李娜", 1.1, 0.82, 0.55, 0.31, 0.95, 0.70),
    Consultant("王磊", 1.2, 0.73, 0.48, 0.24, 0.80, 0.55),
    Consultant("刘洋", 0.9, 0.67, 0.38, 0.17, 0.70, 0.45),
    Consultant("陈静", 1.0, 0.76, 0.66, 0.16, 0.88, 0.80),
    Consultant("赵敏", 0.8, 0.58, 0.34, 0.30, 0.60, 0.40),
    Consultant("周强", 0.7, 0.52, 0.28, 0.08, 0.48, 0.30),
)
BY_NAME = {consultant.name: consultant for consultant in CONSULTANTS}
MODELS = {"君越": 15, "君威": 22, "威朗": 19, "英朗": 12, "昂科威": 21, "GL8": 11}
PRICES = {"君越": 209800, "君威": 178800, "威朗": 129900, "英朗": 109900, "昂科威": 199900, "GL8": 289900}
PLATES = {model: f"沪A·T{number:04d}" for number, model in enumerate(PRICES, start=1)}
SOURCES = {
    "自然进店": 26,
    "汽车之家": 18,
    "懂车帝": 13,
    "抖音": 11,
    "朋友介绍": 14,
    "户外广告": 7,
    "电台": 4,
    "厂家线索": 7,
}
LEVELS = {"H": 12, "A": 30, "B": 34, "C": 24}
EVENTS = {8: "七夕赏车会", 9: "秋季车展", 10: "国庆团购会"}
CADENCE = {"H": 3, "A": 7, "B": 15, "C": 30, "O": 7}
EAGERNESS = {"H": 1.9, "A": 1.4, "B": 0.9, "C": 0.5}
ORDER_DELAY = {"H": (0, 7), "A": (2, 25), "B": (7, 60), "C": (20, 80)}
LOST_REASONS = ("价格因素", "已购竞品", "暂缓购车", "无购车指标", "购买力不足", "联系不上")
WAYS = ("电话", "电话", "微信", "微信", "短信")
NOTES = ("看车", "询价", "对比竞品", "二手车评估", "带家人看车")
COMPANIES = ("示例租赁有限公司", "样本物流有限公司", "虚构科技有限公司")
RESULTS = ("继续跟踪", "约定到店", "考虑中", "比较竞品", "暂未接听")
SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦许何吕施张孔曹严华金魏陶姜"
DIGITS = "零一二三四五六七八九"
RUSH = (date(2026, 10, 1), date(2026, 10, 7))


@dataclass(frozen=True)
class Lead:
    """One customer's wish for one model."""

    customer: str | None
    phone: str | None
    consultant: Consultant
    model: str | None
    source: str | None
    channel: str
    level: str


def numeral(number: int) -> str:
    """1 to 99 as in 样十二."""
    tens, ones = divmod(number, 10)
    head = "" if tens == 0 else "十" if tens == 1 else DIGITS[tens] + "十"
    return head + (DIGITS[ones] if ones else "")


def vin_check_digit(vin: str) -> str:
    """The ninth character that a VIN must have (its own is ignored)."""
    letters = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", (*range(1, 9), *range(1, 6), 7, 9, *range(2, 10)), strict=True))
    weights = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
    values = [letters[char] if char.isalpha() else int(char) for char in vin]
    total = sum(value * weight for value, weight in zip(values, weights, strict=True))
    return "X" if total % 11 == 10 else str(total % 11)


def make_vin(serial: int) -> str:
    vin = f"LSGXX0000TS{serial:06d}"
    return vin[:8] + vin_check_digit(vin) + vin[9:]


def later(start: time, minutes: int) -> time:
    return (datetime.combine(START, start) + timedelta(minutes=minutes)).time()


def days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def visitors(day: date) -> float:
    """Expected first visits of a day: quiet Mondays, busy weekends, the holiday rush and the calm after it."""
    if RUSH[0] <= day <= RUSH[1]:
        return 8.5
    after_rush = 0.85 if day.month == 10 else 1.0
    return 4.5 * after_rush * (0.75, 0.75, 0.75, 0.8, 0.95, 1.6, 1.5)[day.weekday()]


def targets() -> list[Row]:
    """Monthly targets of the store, of each consultant and of three models."""
    store: dict[str, tuple[int | Decimal, ...]] = {
        "first_visits": (150, 150, 190),
        "orders": (34, 36, 45),
        "sales": (42, 45, 55),
        "info_retention_rate": (Decimal("0.70"), Decimal("0.70"), Decimal("0.72")),
        "test_drive_rate": (Decimal("0.50"), Decimal("0.52"), Decimal("0.55")),
        "close_rate": (Decimal("0.10"), Decimal("0.10"), Decimal("0.11")),
    }
    result: list[Row] = []

    def add(month: str, consultant: str | None, model: str | None, measure: str, value: int | Decimal) -> None:
        row = {"month": month, "consultant": consultant, "model": model, "measure": measure, "value": value}
        result.append(row)

    for index, month in enumerate(MONTHS):
        for measure, values in store.items():
            add(month, None, None, measure, values[index])
        for consultant in CONSULTANTS:
            add(month, consultant.name, None, "first_visits", (22, 22, 27)[index])
            add(month, consultant.name, None, "orders", (5, 5, 7)[index])
            add(month, consultant.name, None, "close_rate", Decimal("0.10"))
        for model, sales in (("君威", 9), ("昂科威", 9), ("GL8", 4)):
            add(month, None, model, "sales", sales + index)
    return result


# What happens to one customer: (day, channel, contact[, consultant]) or (day, "试驾"[, "", consultant]).
NO_PHONE: list[tuple[Any, ...]] = [(date(2026, 9, 6), "来店", "再次"), (date(2026, 9, 20), "来店", "再次")]
CORNER_CASES: list[list[tuple[Any, ...]]] = [
    # called and came on one day: a call is earlier only on an earlier day
    [(date(2026, 8, 12), "来电", "首次"), (date(2026, 8, 12), "来店", "首次")],
    # came before he called: no call arrival
    [(date(2026, 8, 5), "来店", "首次"), (date(2026, 8, 20), "来电", "首次"), (date(2026, 9, 5), "来店", "首次")],
    # called two months ago
    [(date(2026, 8, 15), "来电", "首次"), (date(2026, 10, 18), "来店", "首次")],
    # any call counts as a contact, also one logged as a repeat
    [(date(2026, 9, 10), "来电", "再次"), (date(2026, 9, 20), "来店", "首次")],
    # an event in between is not a showroom visit
    [(date(2026, 9, 3), "来电", "首次"), (date(2026, 9, 12), "活动", "首次"), (date(2026, 9, 19), "来店", "首次")],
    # logged as first twice: only the first one is the call arrival
    [(date(2026, 10, 2), "来电", "首次"), (date(2026, 10, 5), "来店", "首次"), (date(2026, 10, 12), "来店", "首次")],
    # driven on the day of the first return: that is not before it
    [(date(2026, 9, 6), "来店", "再次"), (date(2026, 9, 6), "试驾"), (date(2026, 9, 20), "来店", "再次")],
    # driven the day before, in the month before
    [(date(2026, 9, 30), "试驾"), (date(2026, 10, 1), "来店", "再次")],
    # two consultants: the first return of the month counts for both
    [
        (date(2026, 10, 3), "来店", "再次", "张伟"),
        (date(2026, 10, 5), "试驾", "", "李娜"),
        (date(2026, 10, 11), "来店", "再次", "李娜"),
    ],
    # without a phone two returns are two customers
    NO_PHONE,
]
