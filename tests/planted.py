"""Seeded showrooms with one planted cause each, and healthy ones: what `kpicli diagnose` has to tell, and what not.

``python -m tests.planted`` prints for every cause and variant in how many showrooms the planted cause comes first, and
in how many healthy months anything is told. Nothing here shares code with what is tested: rows are drawn one by one.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from math import exp
from random import Random
from statistics import median
from typing import Any

from kpicli import diagnosis
from kpicli.answers import Spans
from kpicli.diagnosis import Diagnosis
from kpicli.formula import parse
from kpicli.kpi import Account, Group, Report
from kpicli.measure import Table, measure
from kpicli.periods import Month, Period
from tests.test_measure import CATALOGUE, Held, Row

BOOK = CATALOGUE.books["haima"]
ASKED = {key: BOOK.asked[key] for model in BOOK.models.values() for key in model.measures}
MONTH = Month(2026, 10)
QUIET = Month(2026, 8)
"""A month without holidays."""
NAMES = ("张伟", "李娜", "王强", "刘洋", "陈静", "赵敏", "周强", "吴磊", "郑爽")
MODELS = ("海马S5", "海马M3", "福美来", "海马M6", "丘比特", "骑士", "普力马")
BY = ("consultant", "model")
ANCHORS = {"visits": "date", "intentions": "created", "test_drives": "date", "invoices": "date", "followups": "due"}
PRICE = "价格因素"
REASONS = ("竞品因素", "车型因素", "服务因素", "家人反对", "暂不购车")
HOLIDAYS = {date(2026, 9, 25), *(date(2026, 10, day) for day in range(1, 8))}
WORKED = {date(2026, 9, 20), date(2026, 10, 10)}
"""Weekends worked instead."""
Size = tuple[float, float]
SMALL, LARGE = (150.0, 240.0), (240.0, 400.0)
"""First contacts a month, from … to."""
WARM_UP = 3
"""Months whose customers are there when the records begin."""


@dataclass(frozen=True)
class Plant:
    """What goes wrong in the judged month, and what is to be told of it; by default nothing."""

    name: str = "healthy"
    questions: tuple[str, ...] = ()
    about: str = ""
    """``consultant`` or ``model``: the finding names the one it happened to."""
    window: tuple[int, int] = (0, 0)
    """Days on which only `traffic` of those come or call who would have."""
    traffic: float = 1.0
    unregistered: int = 0
    """From this day on the consultant enters no visits and calls…"""
    hidden: bool = False
    """…and nothing else of these customers either."""
    retained: float | None = None
    sales: float = 1.0
    """So many of the model's sales come, the others not in this month…"""
    model_orders: float = 1.0
    offered: float | None = None
    on_time: float | None = None
    late: str = ""
    """``one`` or ``all``: whose follow-ups come late."""
    price: float | None = None
    small: bool = False
    """Whether the model is not the largest."""


HEALTHY = Plant()
_WEEK = (15, 21)
_REGISTER, _MODEL = ("S1.4",), ("S7.1", "S7.2")
PLANTS: dict[str, tuple[Plant, ...]] = {
    "traffic": (
        Plant("halved in days 15-21", ("S1.2",), window=_WEEK, traffic=0.5),
        Plant("halved in days 12-18", ("S1.2",), window=(12, 18), traffic=0.5),
        Plant("a third in days 15-21", ("S1.2",), window=_WEEK, traffic=0.35),
        Plant("nobody for five days", ("S1.2",), window=(16, 20), traffic=0.0),
    ),
    "register": (
        Plant("no visits entered from the 10th", _REGISTER, "consultant", unregistered=10),
        Plant("no visits entered", _REGISTER, "consultant", unregistered=1),
        Plant("nothing of his contacts from the 10th", _REGISTER, "consultant", unregistered=10, hidden=True),
        Plant("nothing of his contacts", _REGISTER, "consultant", unregistered=1, hidden=True),
        Plant("customers not retained", ("S2.2",), "consultant", retained=0.05),
        Plant("few customers retained", ("S2.2",), "consultant", retained=0.3),
    ),
    "model": (
        Plant("no sales", _MODEL, "model", sales=0.0),
        Plant("no sales, no orders", _MODEL, "model", sales=0.0, model_orders=0.0),
        Plant("a fifth of the sales", _MODEL, "model", sales=0.2),
        Plant("a fifth of sales and orders", _MODEL, "model", sales=0.2, model_orders=0.2),
        Plant("no sales of the third model", _MODEL, "model", sales=0.0, small=True),
        Plant("no sales, no orders of the third", _MODEL, "model", sales=0.0, model_orders=0.0, small=True),
    ),
    "drives": (
        Plant("none of his customers", ("S3.1",), "consultant", offered=0.0),
        Plant("5 % of his customers", ("S3.1",), "consultant", offered=0.05),
        Plant("10 % of his customers", ("S3.1",), "consultant", offered=0.1),
    ),
    "followups": (
        Plant("55 % on time by all", ("S5.2",), on_time=0.55, late="all"),
        Plant("55 % on time by one", ("S5.2",), "consultant", on_time=0.55, late="one"),
        Plant("70 % on time by all", ("S5.2",), on_time=0.7, late="all"),
    ),
    "price": (
        Plant("20 % to 55 %", ("S4.3",), price=0.55),
        Plant("20 % to 45 %", ("S4.3",), price=0.45),
    ),
}
KINDS = ("alike", "differing", "wavering")
"""Consultants who are all alike; who differ steadily; and whose months differ as well."""


@dataclass(frozen=True)
class Showroom:
    """Its records by form, and what happened to whom."""

    rows: dict[str, list[Row]]
    group: str
    """The consultant or the model that it happened to; ``""`` for all."""


@dataclass
class _Person:
    name: str
    load: float
    off: int
    """The weekday on which he is not there."""
    retained: float
    driven: float
    ordered: float
    on_time: float


class _Made:
    """One showroom in the making: customer by customer."""

    def __init__(self, seed: int, month: Month, history: int, kind: str, plant: Plant, size: Size) -> None:
        self.random, self.month, self.plant = Random(f"{seed} {kind}"), month, plant
        self.months = [month]
        for _ in range(history + WARM_UP):
            self.months.insert(0, self.months[0].previous)
        self.since = self.months[WARM_UP].start
        self.rows: dict[str, list[Row]] = {key: [] for key in CATALOGUE.forms}
        roll = self.random
        self.contacts = roll.uniform(*size)
        self.people = [self._person(name, kind) for name in NAMES[: min(9, max(5, round(self.contacts / 45)))]]
        self.models = dict(zip(MODELS[: roll.randint(5, 7)], (0.28, 0.22, 0.17, 0.13, 0.1, 0.06, 0.04), strict=False))
        self.kind, self.customers, self.came = kind, 0, 0.0
        able = sorted(self.people, key=lambda person: person.load)[len(self.people) // 3 :]
        self.person = roll.choice(able).name if plant.about == "consultant" else ""
        self.model = MODELS[2 if plant.small else roll.randint(0, 1)] if plant.about == "model" else ""

    def _person(self, name: str, kind: str) -> _Person:
        one = Random(f"{name} {self.random.random()}")
        spread = (lambda: 1.0) if kind == "alike" else (lambda: one.uniform(0.8, 1.2))
        load = 1.0 if kind == "alike" else one.uniform(0.6, 1.5)
        late = 0.12 * (spread() ** 2)
        return _Person(name, load, one.randrange(7), 0.72 * spread(), 0.5 * spread(), 0.25 * spread(), 1 - late)

    def made(self) -> Showroom:
        for month in self.months:
            for person in self.people if self.kind == "wavering" else ():
                for name in ("retained", "driven", "ordered"):
                    setattr(person, name, getattr(person, name) * self.random.uniform(0.93, 1.07))
            days = [day.start for day in month.days()]
            weights = [self._weight(day) for day in days]
            for day, weight in zip(days, weights, strict=True):
                for _ in range(self._poisson(self.contacts * weight / sum(weights))):
                    self._contact(day)
        return Showroom(self.rows, self.person or self.model)

    def _weight(self, day: date) -> float:
        return 1.7 if (day.weekday() >= 5 or day in HOLIDAYS) and day not in WORKED else 1.0

    def _poisson(self, mean: float) -> int:
        count, left = 0, self.random.expovariate(1)
        while left < mean:
            count, left = count + 1, left + self.random.expovariate(1)
        return count

    def _chance(self, share: float) -> bool:
        return self.random.random() < share

    def _later(self, low: int, high: int, day: date) -> date:
        return day + timedelta(days=self.random.randint(low, high))

    def _judged(self, day: date) -> bool:
        return Month.of(day) == self.month

    def _add(self, form: str, anchor: date, **row: Any) -> None:
        if form == "intentions" or self.since <= anchor < self.month.next.start:
            self.rows[form].append(row)

    def _contact(self, day: date) -> None:
        roll, plant = self.random, self.plant
        there = [person for person in self.people if person.off != day.weekday()] or self.people
        person = roll.choices(there, [person.load for person in there])[0]
        model = roll.choices(list(self.models), list(self.models.values()))[0]
        judged, his = self._judged(day), person.name == self.person
        if self._away(day):
            return
        self.customers += 1
        who = {"customer": f"客{self.customers}", "phone": f"139{self.customers:08d}", "consultant": person.name}
        who |= {"model": model, "source": roll.choices(("自然到店", "网络", "转介绍", "车展"), (50, 30, 10, 10))[0]}
        channel = roll.choices(("来店", "来电", "活动"), (70, 22, 8))[0]
        muted = judged and his and plant.unregistered and day.day >= plant.unregistered
        retained = self._chance(plant.retained if judged and his and plant.retained is not None else person.retained)
        if muted and plant.hidden:
            return
        self._visit(day, who, channel, "首次", retained)
        if not retained:
            return
        arrived: date | None = day if channel == "来店" else None
        if channel == "来电" and self._chance(0.45):
            arrived = self._later(1, 6, day)
            if self._away(arrived):
                arrived = None
            else:
                self._visit(arrived, who, "来店", "来电首次到店", True)
        if arrived and self._chance(0.35):
            again = self._later(2, 12, arrived)
            if not self._away(again):
                self._visit(again, who, "来店", "再次", True)
        self._prospect(day, arrived, who, person)

    def _away(self, day: date) -> bool:
        """Whether somebody stays away who would have come or called on a day."""
        first, last = self.plant.window
        if not (self._judged(day) and first <= day.day <= last):
            return False
        self.came += self.plant.traffic  # of two every second
        stays = self.came < 1
        self.came -= not stays
        return stays

    def _visit(self, day: date, who: Row, channel: str, contact: str, retained: bool) -> None:
        muted = self.plant.unregistered and self._judged(day) and who["consultant"] == self.person
        if muted and day.day >= self.plant.unregistered:
            return
        told = who if retained else {**who, "customer": None, "phone": None}
        self._add("visits", day, date=day, channel=channel, contact=contact, retained=retained, **told)

    def _prospect(self, day: date, arrived: date | None, who: Row, person: _Person) -> None:
        plant, roll, end = self.plant, self.random, self.month.next.start
        driven = False
        if arrived:
            drive = arrived if self._chance(0.7) else self._later(1, 6, arrived)
            offered = plant.offered if self._judged(drive) and person.name == self.person else None
            driven = self._chance(person.driven if offered is None else offered)
            if driven and drive < end:
                about = {key: who[key] for key in ("customer", "phone", "consultant", "model")}
                self._add("test_drives", drive, date=drive, **about)
        level = roll.choices(("H", "A", "B", "C"), (12, 23, 40, 25))[0]
        order = sale = lost = reason = None
        if self._chance(person.ordered * (1.25 if driven else 0.83)):
            order = min(self._later(0, 25, day), self._later(0, 25, day))
            out = self._judged(order) and who["model"] == self.model
            if out and not self._chance(plant.model_orders):
                order = None
        if order:
            sale = self._later(3, 14, order)
            if self._judged(sale) and who["model"] == self.model and not self._chance(plant.sales):
                sale = None
        elif self._chance(0.6):
            lost = self._later(5, 45, day)
            price = plant.price if plant.price is not None and self._judged(lost) else 0.2
            if self._chance(0.92):
                reason = PRICE if self._chance(price) else roll.choice(REASONS)
        known = {"order_date": order, "won_date": sale, "lost_date": lost}
        known = {name: value if value and value < end else None for name, value in known.items()}
        why = reason if known["lost_date"] else None
        self._add("intentions", day, created=day, level=level, channel=None, lost_reason=why, **known, **who)
        if sale:
            about = {key: who[key] for key in ("customer", "phone", "consultant", "model")}
            outlet = "二级网点" if self._chance(0.1) else "展厅"
            self._add("invoices", sale, date=sale, channel=outlet, kind="蓝字", amount=Decimal(90000), **about)
        self._follow(day, min(filter(None, (order, lost)), default=date.max), who, person, level)

    def _follow(self, day: date, closed: date, who: Row, person: _Person, level: str) -> None:
        plant = self.plant
        for step in (2, 9, 23):
            due = self._later(step, step + 1, day)
            if due >= closed or due >= self.month.next.start:
                return
            hit = self._judged(due) and (plant.late == "all" or (plant.late == "one" and person.name == self.person))
            timely = self._chance(plant.on_time if hit and plant.on_time is not None else person.on_time)
            done = due if timely else self._later(1, 6, due) if self._chance(0.8) else None
            about = {key: who[key] for key in ("customer", "phone", "consultant")}
            self._add("followups", due, due=due, done=done, level=level, **about)


def showroom(
    seed: int,
    plant: Plant = HEALTHY,
    *,
    month: Month = MONTH,
    history: int = 4,
    kind: str = "differing",
    size: Size = LARGE,
) -> Showroom:
    """A showroom's records of some months and the judged one; of its size and staff the seed and the kind decide."""
    found = _Made(seed, month, history, kind, plant, size).made()
    rows = {}
    numbers = {"visits": "visit_no", "intentions": "customer_no", "test_drives": "drive_no"}
    numbers |= {"invoices": "invoice_no", "followups": "task_no"}
    for form, entries in found.rows.items():
        rows[form] = [row | {numbers[form]: f"{number:06d}"} for number, row in enumerate(entries)] if entries else []
    return replace(found, rows=rows)


def table(rows: dict[str, list[Row]], month: Month = MONTH, history: int = 3, days: int | None = None) -> Table:
    """What the models count of a month, its days and the months before, as kpicli measures it."""
    return measure(CATALOGUE, replace(BOOK, measures=ASKED), Held(rows), _periods(month, history, days), BY)


def counted(rows: dict[str, list[Row]], month: Month = MONTH, history: int = 3, days: int | None = None) -> Table:
    """The same by plain loops over rows as `showroom` makes them: what `table` is checked against, and much faster."""
    periods = _periods(month, history, days)
    months = periods[: history + 1]  # what is open is asked of months alone
    place: dict[date, list[str]] = {}
    for period in periods:
        for number in range((period.end - period.start).days):
            place.setdefault(period.start + timedelta(days=number), []).append(period.label)
    values: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    there = {(form, f"{row[day]:%Y-%m}") for form, day in ANCHORS.items() for row in rows.get(form, [])}

    def add(labels: Iterable[str], row: Row, keys: Sequence[str]) -> None:
        for label in labels:
            for by, group in (("", ""), *((by, row[by]) for by in BY if by in row)):
                found = values[label, by, group]
                for key in keys:
                    found[key] += 1

    driven = {row["phone"]: row["date"] for row in rows.get("test_drives", [])}
    assert len(driven) == len(rows.get("test_drives", []))  # of one customer there is at most one here
    for row in rows.get("visits", []):
        keys = list(_of_visit(row))
        if row["contact"] == "再次" and row["date"] <= driven.get(row["phone"], date.max):
            keys.append("return_undriven")
        add(place.get(row["date"], ()), row, keys)
    for row in rows.get("intentions", []):
        add(place.get(row["created"], ()), row, list(_of_prospect(row)))
        add(place.get(row["order_date"], ()), row, ("orders",))
        why = row["lost_reason"]
        add(
            place.get(row["lost_date"], ()),
            row,
            ("lost", *["lost_with_reason"] * bool(why), *["lost_by_price"] * (why == PRICE)),
        )
        closed = min(filter(None, (row["won_date"], row["lost_date"])), default=date.max)
        add([one.label for one in months if row["created"] < one.start <= closed], row, ("open_prospects_prev",))
        if row["level"] in "ABC":
            add([one.label for one in months if row["created"] < one.end <= closed], row, ("open_abc",))
    for row in rows.get("invoices", []):
        add(place.get(row["date"], ()), row, ("sales", *["distribution_sales"] * (row["channel"] == "二级网点")))
    for row in rows.get("followups", []):
        timely = row["done"] is not None and row["done"] <= row["due"]
        add(place.get(row["due"], ()), row, ("followups_due", *["followups_on_time"] * timely))
    for row in rows.get("test_drives", []):
        add(place.get(row["date"], ()), row, ("test_drive_customers",))
    reasons = {
        (period.label, key): "no_rows"
        for period in periods
        for key, entry in ASKED.items()
        if entry.count != "open" and (entry.form, f"{period.start:%Y-%m}") not in there
    }
    lacking = {"consultant": frozenset(), "model": frozenset({"followups_due", "followups_on_time"})}
    full = {
        place: {
            key: None if (place[0], key) in reasons or key in lacking.get(place[1], ()) else found[key] for key in ASKED
        }
        for place, found in values.items()
    }
    return Table(full, reasons, lacking, {})


def _of_visit(row: Row) -> Iterator[str]:
    channel, contact, retained = row["channel"], row["contact"], row["retained"]
    if channel == "来店":
        yield "showroom_visits"
    if channel == "来电":
        yield "calls"
    first = {"来店": "first_visits", "来电": "first_calls", "活动": "event_visits"}
    kept = {"来店": "visit_prospects", "来电": "call_prospects", "活动": "event_prospects"}
    if contact == "首次":
        yield first[channel]
        if retained:
            yield kept[channel]
    if contact == "来电首次到店":
        yield "call_first_arrivals"
    if contact == "再次":  # of one customer there is at most one here
        yield "return_visits"


def _of_prospect(row: Row) -> Iterator[str]:
    yield from ("new_prospects", "new_levelled")
    if row["level"] in "HA":
        yield "new_hot"
    if row["source"] == "转介绍":
        yield "referral_prospects"


def told(found: Table, month: Month = MONTH, history: int = 3, days: int | None = None) -> Diagnosis:
    """What the models say of it; without targets, so that only the months before are a standard."""
    report = Report(None, str(month), BOOK, Group({}, {}, None), {}, Account(0, 0, 0, 0, 0))
    before = {str(one): (one.first(days).end - one.start).days for one in _months(month, history)[1:]}
    labels = {day.label: day.start for day in month.days()[:days]}
    spans = Spans(str(month), labels, frozenset(month.working_days()), before)
    funnel = BOOK.funnels["sales"]
    goal = next(stage for stage in funnel.stages if stage.key == funnel.goal)
    return diagnosis.diagnose(BOOK.models, report, found, spans, parse(goal.formula), funnel.minimum)


def _periods(month: Month, history: int, days: int | None) -> list[Period]:
    return [*(one.first(days) for one in _months(month, history)), *month.days()[:days]]


def _months(month: Month, history: int) -> list[Month]:
    """The month and those before, the latest first."""
    months = [month]
    for _ in range(history):
        months.append(months[-1].previous)
    return months


def named(plant: Plant, group: str, found: Diagnosis) -> bool:
    """Whether the first thing that is told is what was planted, of the one it happened to."""
    first = found.findings[0] if found.findings else None
    return first is not None and first.question.key in plant.questions and first.evidence.group == group


def _said(found: Diagnosis) -> str:
    return " ".join(
        f"{one.question.key}{one.evidence.group and ':'}{one.evidence.group}{'*' * one.evidence.standing}"
        f"({exp(one.evidence.log_chance):.0e})"
        for one in found.findings
    )


def main() -> None:
    """Print how often planted causes come first, and how often healthy months are silent."""
    for cause, plants in PLANTS.items():
        for plant in plants:
            _print(cause, plant, "")
    for note, how in (("without holidays", {"month": QUIET}), ("small", {"size": SMALL})):
        for cause, plants in PLANTS.items():
            _print(cause, plants[0], note, **how)
    for history in (2, 1, 0):
        for cause, plants in PLANTS.items():
            _print(cause, plants[0], f"{history} months before", months=history)
    for note, how in (("", {}), ("without holidays", {"month": QUIET}), ("small", {"size": SMALL})):
        loud = {kind: Counter[str]() for kind in KINDS}
        for seed in range(1000, 1201):
            kind = KINDS[seed % 3]
            made = showroom(seed, kind=kind, **how)
            found = told(counted(made.rows, how.get("month", MONTH)), how.get("month", MONTH))
            loud[kind].update([_said(found)] if found.findings else [])
        for kind, said in loud.items():
            print(f"healthy {note} {kind}: {sum(said.values())} of 67 tell something. {'; '.join(said)}", flush=True)


def _print(cause: str, plant: Plant, note: str, *, months: int = 3, month: Month = MONTH, size: Size = LARGE) -> None:
    """One line of twenty showrooms."""
    chances, others, echoes = [], [], Counter[str]()
    for seed in range(20):
        made = showroom(seed, plant, kind=KINDS[seed % 3], month=month, size=size)
        found = told(counted(made.rows, month, months), month, months)
        if named(plant, made.group, found):
            chances.append(exp(found.findings[0].evidence.log_chance))
            echoes.update(one.question.key for one in found.findings[1:])
        else:
            others.append(f"{seed}: {_said(found) or 'nothing'}")
    middle = f"{median(chances):.0e}" if chances else ""
    after = f"told after it: {dict(echoes)}" if echoes else ""
    print(f"{cause:9} {plant.name:36} {note:16} {len(chances)}/20 {middle:6} {after} {'; '.join(others)}", flush=True)


if __name__ == "__main__":
    main()
