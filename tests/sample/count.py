"""The independent count: plain loops over canonical rows, sharing nothing with kpicli.

It is slow and obvious on purpose. Where kpicli and this file differ, one of them reads the specification wrongly,
so nothing here may be copied from there or the other way round.
"""

from __future__ import annotations

import calendar
import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

Row = dict[str, Any]
Rows = dict[str, list[Row]]
Number = int | Decimal | None
Measures = dict[str, Number]
Rate = tuple[float | None, Number, Number]
Keep = Callable[[Row], bool]

NOBODY = {"consultant": "未分配", "model": "未填", "source": "未填"}
COLUMNS = {
    "visits": {"consultant", "model", "source"},
    "intentions": {"consultant", "model", "source"},
    "test_drives": {"consultant", "model"},
    "invoices": {"consultant", "model"},
    "followups": {"consultant"},
}
PHONE = re.compile(r"1[3-9]\d{9}|0\d{2,3}[2-9]\d{6,7}")

RATES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "info_retention_rate": (("visit_prospects", "call_prospects"), ("first_visits", "first_calls")),
    "call_arrival_rate": (("call_first_arrivals",), ("call_prospects",)),
    "return_rate": (("return_customers",), ("visit_prospects", "call_first_arrivals", "open_prospects_prev")),
    "test_drive_rate": (("test_drive_customers",), ("visit_prospects", "call_first_arrivals", "return_undriven")),
    "followup_timely_rate": (("followup_customers_done",), ("followup_customers_due",)),
    "close_rate": (("showroom_sales",), ("open_prospects_prev", "new_prospects")),
    "test_drive_invite_rate": (("test_drive_invited",), ("showroom_customers",)),
    "test_drive_satisfaction_rate": (("test_drive_satisfied",), ("test_drive_customers",)),
}


@dataclass(frozen=True)
class Period:
    """First and last day, both belonging to it."""

    first: date
    last: date

    def __contains__(self, day: date | None) -> bool:
        return day is not None and self.first <= day <= self.last


@dataclass(frozen=True)
class History:
    """For each customer the first day of a call, of a showroom visit and of a test drive, over all rows there are.

    "Earlier" always means an earlier day, so the first day of each kind answers every question about the past.
    """

    call: dict[Hashable, date]
    showroom: dict[Hashable, date]
    drive: dict[Hashable, date]


def customer(row: Row) -> Hashable:
    """The phone when it is valid; else the row itself, because names join nobody."""
    digits = re.sub(r"[\s-]", "", str(row["phone"] or ""))
    return digits if PHONE.fullmatch(digits) else id(row)


def count(rows: Rows, month: str) -> dict[str, Any]:
    """All measures of a month ("2026-10"), in total and by consultant, model, source and week.

    A group is listed when any of its measures is not zero; the weeks of the month are all listed.
    """
    period = month_period(month)
    history = History(
        call=first_days(row for row in rows["visits"] if row["channel"] == "来电"),
        showroom=first_days(row for row in rows["visits"] if row["channel"] == "来店"),
        drive=first_days(rows["test_drives"]),
    )
    result: dict[str, Any] = {"total": measures(rows, period, history)}
    for dimension, nobody in NOBODY.items():
        result[dimension] = {}
        for name in group_names(rows, dimension, nobody):
            found = measures(rows, period, history, dimension, name)
            if any(found.values()):
                result[dimension][name] = found
    result["week"] = {f"{week.first}/{week.last}": measures(rows, week, history) for week in weeks(period)}
    return result


def kpis(found: Measures) -> dict[str, Rate | Number]:
    """The rates as (value, numerator, denominator), and traffic as a plain number."""
    result: dict[str, Rate | Number] = {}
    for key, (above, below) in RATES.items():
        numerator, denominator = add(found[name] for name in above), add(found[name] for name in below)
        value = float(numerator / denominator) if numerator is not None and denominator else None
        result[key] = (value, numerator, denominator)
    result["traffic"] = add((found["showroom_visits"], found["calls"]))
    return result


def add(parts: Iterable[Number]) -> Number:
    """Their sum; None when a part is missing, because a sum with a hole is not a smaller sum."""
    total: int | Decimal = 0
    for part in parts:
        if part is None:
            return None
        total += part
    return total


def month_period(month: str) -> Period:
    year, number = int(month[:4]), int(month[5:])
    return Period(date(year, number, 1), date(year, number, calendar.monthrange(year, number)[1]))


def weeks(month: Period) -> list[Period]:
    """Monday to Sunday, cut at the month."""
    result = []
    first = month.first
    while first <= month.last:
        sunday = first + timedelta(days=6 - first.weekday())
        result.append(Period(first, min(sunday, month.last)))
        first = sunday + timedelta(days=1)
    return result


def first_days(rows: Iterable[Row]) -> dict[Hashable, date]:
    days: dict[Hashable, date] = {}
    for row in rows:
        who = customer(row)
        days[who] = min(row["date"], days.get(who, row["date"]))
    return days


def group_names(rows: Rows, dimension: str, nobody: str) -> list[str]:
    forms = [form for form, columns in COLUMNS.items() if dimension in columns]
    return sorted({row[dimension] or nobody for form in forms for row in rows[form]})


def measures(rows: Rows, period: Period, history: History, dimension: str = "", name: str = "") -> Measures:
    """All measures of the rows of one group; without a dimension, of all rows.

    A form that has no such column says nothing about the group: its measures are None, not 0.
    """

    def keep(row: Row) -> bool:
        return not dimension or (row[dimension] or NOBODY[dimension]) == name

    found: Measures = {}
    for form, counter in COUNTERS.items():
        silent = bool(dimension) and dimension not in COLUMNS[form]
        counted = counter([] if silent else rows[form], period, history, keep)
        found |= dict.fromkeys(counted) if silent else counted
    return found


VISIT_TICKS = ["showroom_visits", "calls", "first_visits", "call_first_arrivals", "first_calls"]
VISIT_TICKS += ["visit_prospects", "call_prospects"]


def count_visits(rows: list[Row], period: Period, history: History, keep: Keep) -> Measures:
    ticks: Counter[str] = Counter()
    inside = [row for row in rows if row["date"] in period]
    # The first return of the period belongs to the customer, whoever received him then.
    first_return = first_days(row for row in inside if row["channel"] == "来店" and row["contact"] == "再次")
    showroom_customers, returned, undriven = set(), set(), set()
    for row in inside:
        if not keep(row):
            continue
        who, channel, contact = customer(row), row["channel"], row["contact"]
        if channel == "来店":
            ticks["showroom_visits"] += 1
            showroom_customers.add(who)
        if channel == "来电":
            ticks["calls"] += 1
        if channel == "来电" and contact == "首次":
            ticks["first_calls"] += 1
            if row["retained"]:
                ticks["call_prospects"] += 1
        if is_call_arrival(row, history):
            ticks["call_first_arrivals"] += 1
        elif channel == "来店" and contact == "首次":
            ticks["first_visits"] += 1
            if row["retained"]:
                ticks["visit_prospects"] += 1
        if channel == "来店" and contact == "再次":
            returned.add(who)
            if not before(history.drive.get(who), first_return[who]):
                undriven.add(who)
    found: Measures = {key: ticks[key] for key in VISIT_TICKS}
    return found | {
        "showroom_customers": len(showroom_customers),
        "return_customers": len(returned),
        "return_undriven": len(undriven),
    }


def is_call_arrival(row: Row, history: History) -> bool:
    """Logged as such, or a first visit by somebody who called on an earlier day and never came on an earlier day."""
    if row["contact"] == "来电首次到店":
        return True
    if row["channel"] != "来店" or row["contact"] != "首次":
        return False
    who, day = customer(row), row["date"]
    return before(history.call.get(who), day) and not before(history.showroom.get(who), day)


def before(day: date | None, other: date) -> bool:
    return day is not None and day < other


def count_intentions(rows: list[Row], period: Period, history: History, keep: Keep) -> Measures:
    created = still_open = ordered = lost = 0
    for row in rows:
        if not keep(row):
            continue
        ends = [day for day in (row["won_date"], row["lost_date"]) if day is not None]
        ended_before = bool(ends) and min(ends) < period.first
        created += row["created"] in period
        still_open += row["created"] < period.first and not ended_before
        ordered += row["order_date"] in period
        lost += row["lost_date"] in period
    return {"new_prospects": created, "open_prospects_prev": still_open, "orders": ordered, "lost": lost}


def count_drives(rows: list[Row], period: Period, history: History, keep: Keep) -> Measures:
    drives = [row for row in rows if row["date"] in period and keep(row)]
    return {
        "test_drives": len(drives),
        "test_drive_customers": len({customer(row) for row in drives}),
        "test_drive_invited": len({customer(row) for row in drives if row["invited"]}),
        "test_drive_satisfied": len({customer(row) for row in drives if row["satisfied"]}),
    }


def count_invoices(rows: list[Row], period: Period, history: History, keep: Keep) -> Measures:
    """A red-letter row takes one sale and its amount back, on its own day, however its sign was written."""
    sales = showroom = distribution = 0
    amount: int | Decimal = 0
    for row in rows:
        if row["date"] not in period or not keep(row):
            continue
        red = row["kind"] == "红字"
        one = -1 if red else 1
        sales += one
        showroom += one if row["channel"] == "展厅" else 0
        distribution += one if row["channel"] == "二级网点" else 0
        amount += -abs(row["amount"] or 0) if red else row["amount"] or 0
    return {"showroom_sales": showroom, "distribution_sales": distribution, "sales": sales, "sales_amount": amount}


def count_followups(rows: list[Row], period: Period, history: History, keep: Keep) -> Measures:
    due = [row for row in rows if row["due"] in period and keep(row)]
    timely = [row for row in due if row["done"] is not None and row["done"] <= row["due"]]
    return {
        "followup_customers_due": len({customer(row) for row in due}),
        "followup_customers_done": len({customer(row) for row in timely}),
    }


COUNTERS: dict[str, Callable[[list[Row], Period, History, Keep], Measures]] = {
    "visits": count_visits,
    "intentions": count_intentions,
    "test_drives": count_drives,
    "invoices": count_invoices,
    "followups": count_followups,
}
