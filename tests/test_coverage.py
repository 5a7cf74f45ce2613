"""Reconciliation: on clean showrooms nobody is accused; every planted fault is found, with its rows and no others."""

import csv
import random
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from kpicli import coverage
from kpicli.coverage import CHECKS
from kpicli.messages import catalogue
from kpicli.pipeline.ingest import Ingested
from kpicli.workspace import Workspace
from tests.conftest import SAMPLES
from tests.test_cli import (
    call,
    shared_readers,  # noqa: F401 - a fixture: it works by being here
)
from tests.test_measure import CATALOGUE, MONTH, Held, Row

FIRST, LAST = date(2026, 10, 1), date(2026, 10, 31)
STAFF = ("张伟", "李娜", "王小明", "陈静")
Rows = dict[str, list[Row]]
Found = dict[str, set[tuple[str, int]]]
"""Code → (form, place of the row in its list)."""


class Showroom:
    """A month in which every record has its counterpart; each customer's rows are known by the customer's number."""

    def __init__(self, seed: int, customers: int = 40) -> None:
        self.rng = random.Random(seed)
        self.rows: Rows = {key: [] for key in ("visits", "intentions", "test_drives", "invoices", "followups")}
        self.of: dict[int, dict[str, int]] = {}
        """Customer → form → place of the row."""
        for number in range(customers):
            self.meet(number)

    def meet(self, number: int) -> None:
        """A first visit; most leave a card, drive, are called, order and buy, or are lost."""
        rng, day = self.rng, FIRST + timedelta(days=self.rng.randrange(8))
        who = {"phone": f"1990000{number:04d}", "customer": f"客{number}", "consultant": STAFF[number % len(STAFF)]}
        retained, driven = number % 5 != 4, number % 2 == 0 and number % 5 != 4
        self.add(number, "visits", who, date=day, channel="来店", contact="首次", retained=retained, test_drive=driven)
        if not retained:
            return
        ends = {"level": rng.choice("HABC"), "order_date": None, "won_date": None, "lost_date": None}
        last = day
        if number % 3 == 0:
            ordered, last = day + timedelta(days=3), day + timedelta(days=rng.randrange(5, 15))
            ends |= {"level": "O", "order_date": ordered, "won_date": last}
        elif number % 3 == 1:
            last = day + timedelta(days=rng.randrange(6, 15))
            ends |= {"lost_date": last, "lost_reason": "价格因素"}
        self.add(number, "intentions", who, created=day, **ends)
        if driven:
            self.add(number, "test_drives", who, date=day)
        if ends["won_date"]:
            self.sell(number, last)
        self.add(number, "followups", who, due=day + timedelta(days=2), done=day + timedelta(days=2))

    def sell(self, number: int, day: date, vin: str = "", **more: Any) -> None:
        """An invoice to a customer."""
        who = {key: self.row(number, "visits")[key] for key in ("phone", "customer", "consultant")}
        self.add(
            number, "invoices", who, date=day, channel="展厅", vin=vin or f"LSG{number:014d}", **{"kind": "蓝字"} | more
        )

    def add(self, number: int, form: str, who: dict[str, Any], **values: Any) -> int:
        """One row more; its place."""
        place = len(self.rows[form])
        row = dict.fromkeys(CATALOGUE.forms[form].columns) | who | values
        keys = {"visits": "visit_no", "intentions": "customer_no", "test_drives": "drive_no", "followups": "task_no"}
        row[keys.get(form, "invoice_no")] = f"{form}-{place}"
        self.rows[form].append(row)
        self.of.setdefault(number, {})[form] = place
        return place

    def row(self, number: int, form: str) -> Row:
        return self.rows[form][self.of[number][form]]

    def place(self, number: int, form: str) -> set[tuple[str, int]]:
        return {(form, self.of[number][form])}

    def remove(self, number: int, form: str) -> None:
        """Take a row away; the places of the others stay, so it is left without anything a check looks at."""
        row = self.row(number, form)
        row.update(
            phone=None, retained=False, test_drive=False, won_date=None, lost_date=None, order_date=None, level=""
        )
        row.update(kind="红字" if form == "invoices" else None, vin=None, consultant=None, done=None)

    def one(self, test: Callable[[int], bool]) -> int:
        """A customer of a kind, who is nobody else's any more."""
        number = self.rng.choice([number for number in self.of if test(number)])
        self.taken = number
        return number

    def found(self) -> Found:
        """What the checks and identities find."""
        held = Held(self.rows)
        month = MONTH.period
        findings = [*coverage.check(CATALOGUE, held, month, LAST), *coverage.identities(CATALOGUE, held, month)]
        return {found.code: {(row["form"], row["row"]) for row in found.rows.to_dicts()} for found in findings}


def won(number: int) -> bool:
    return number % 3 == 0 and number % 5 != 4


def lost(number: int) -> bool:
    return number % 3 == 1 and number % 5 != 4


def driven(number: int) -> bool:
    return number % 2 == 0 and number % 5 != 4


def retained_only(number: int) -> bool:
    return number % 3 == 2 and number % 5 != 4 and number % 2 == 1


def no_intention(room: Showroom) -> Found:
    number = room.one(lambda n: won(n))
    places = room.place(number, "invoices"), room.place(number, "visits")
    room.remove(number, "intentions")
    return {"invoice_without_intention": places[0], "retained_without_intention": places[1]}


def no_contact(room: Showroom) -> Found:
    number = room.one(retained_only)
    room.remove(number, "visits")
    return {"intention_without_contact": room.place(number, "intentions")}


def drive_a_day_before(room: Showroom) -> Found:
    number = room.one(driven)
    room.row(number, "test_drives")["date"] -= timedelta(days=1)
    return {
        "drive_without_visit": room.place(number, "test_drives"),
        "driven_without_drive": room.place(number, "visits"),
    }


def card_not_made(room: Showroom) -> Found:
    number = room.one(retained_only)
    room.remove(number, "intentions")
    return {"retained_without_intention": room.place(number, "visits")}


def ticked_only(room: Showroom) -> Found:
    number = room.one(retained_only)
    room.row(number, "visits")["test_drive"] = True
    return {"driven_without_drive": room.place(number, "visits")}


def not_ticked(room: Showroom) -> Found:
    number = room.one(driven)
    room.row(number, "visits")["test_drive"] = False
    return {"drive_not_marked": room.place(number, "test_drives")}


def no_invoice(room: Showroom) -> Found:
    number = room.one(won)
    room.remove(number, "invoices")
    return {"won_without_invoice": room.place(number, "intentions")}


def invoiced_next_month(room: Showroom) -> Found:
    number = room.one(won)
    room.row(number, "invoices")["date"] = date(2026, 9, 30)
    room.row(number, "intentions")["created"] = date(2026, 9, 20)
    return {"won_and_invoiced_apart": room.place(number, "intentions")}


def ordered_by_level_only(room: Showroom) -> Found:
    number = room.one(retained_only)
    room.row(number, "intentions")["level"] = "O"
    return {"order_level_without_order": room.place(number, "intentions")}


def called_after_loss(room: Showroom) -> Found:
    number = room.one(lost)
    room.row(number, "followups")["done"] = room.row(number, "intentions")["lost_date"] + timedelta(days=1)
    return {"lost_with_followup": room.place(number, "intentions")}


def no_reason(room: Showroom) -> Found:
    number = room.one(lost)
    room.row(number, "intentions")["lost_reason"] = None
    return {"lost_without_reason": room.place(number, "intentions")}


def sold_twice(room: Showroom) -> Found:
    """To the same customer; a third invoice that was taken back accuses nobody."""
    number = room.one(won)
    first = room.place(number, "invoices")
    sold = room.row(number, "invoices")
    room.sell(number, sold["date"], sold["vin"])
    again = room.place(number, "invoices")
    return {"vin_sold_twice": first | again}


def two_consultants(room: Showroom) -> Found:
    number = room.one(driven)
    names = [name for name in STAFF if name != room.row(number, "visits")["consultant"]]
    room.row(number, "test_drives")["consultant"] = names[0]
    forms = [form for form in room.of[number] if form != "followups"]
    return {"two_consultants": set().union(*(room.place(number, form) for form in forms))}


def spelled_in_two_ways(room: Showroom) -> Found:
    number = room.one(lambda n: driven(n) and n % len(STAFF) == 2)
    room.row(number, "test_drives")["consultant"] = "王晓明"
    forms = [form for form in room.of[number] if form != "followups"]
    return {
        "consultant_spelled_twice": room.place(number, "test_drives"),
        "two_consultants": set().union(*(room.place(number, form) for form in forms)),
    }


def won_and_lost(room: Showroom) -> Found:
    number = room.one(won)
    row = room.row(number, "intentions")
    row.update(lost_date=row["won_date"], lost_reason="其他")
    return {"prospects_differ": room.place(number, "intentions"), "orders_differ": room.place(number, "intentions")}


def ordered_after_loss(room: Showroom) -> Found:
    number = room.one(lost)
    room.row(number, "intentions")["order_date"] = LAST + timedelta(days=2)
    return {"orders_differ": room.place(number, "intentions")}


FAULTS = (
    no_intention,
    no_contact,
    drive_a_day_before,
    card_not_made,
    ticked_only,
    not_ticked,
    no_invoice,
    invoiced_next_month,
    ordered_by_level_only,
    called_after_loss,
    no_reason,
    sold_twice,
    two_consultants,
    spelled_in_two_ways,
    won_and_lost,
    ordered_after_loss,
)


@pytest.mark.parametrize("seed", range(4))
def test_nobody_is_accused_in_a_clean_showroom(seed: int) -> None:
    assert Showroom(seed).found() == {}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("seed", range(2))
def test_a_planted_fault_is_found_and_no_clean_record_is_accused(fault: Callable[[Showroom], Found], seed: int) -> None:
    room = Showroom(seed)
    expected = fault(room)
    assert room.found() == expected


@pytest.mark.parametrize("seed", range(3))
def test_all_faults_at_once_are_found_and_nothing_else(seed: int) -> None:
    """Each with a customer of its own."""
    room = Showroom(seed, customers=300)
    free = room.one
    taken: set[int] = set()

    def another(test: Callable[[int], bool]) -> int:
        number = free(lambda n: n not in taken and test(n))
        taken.add(number)
        return number

    room.one = another  # type: ignore[method-assign]
    expected: Found = {}
    for fault in FAULTS:
        for code, places in fault(room).items():
            expected.setdefault(code, set()).update(places)
    assert room.found() == expected


def test_every_code_has_a_planted_fault() -> None:
    planted = {code for fault in FAULTS for code in fault(Showroom(0))}
    assert planted == {*CHECKS, "prospects_differ", "orders_differ"} == set(catalogue("findings")) - {"parts_differ"}


def test_what_is_not_kept_at_all_is_not_missed() -> None:
    room = Showroom(0)
    room.rows["intentions"] = []
    assert not {code for code in room.found() if "intention" in code}


def test_a_masked_or_missing_phone_accuses_nobody() -> None:
    room = Showroom(0)
    for rows in room.rows.values():
        for row in rows:
            row["phone"] = "199****0001"
    room.rows["invoices"] = []
    assert not room.found()


# The effect on the KPIs


def test_the_effect_is_what_the_kpi_would_be_with_the_records_put_right(sample: Any) -> None:
    """Nine retained visits without a card: 43 / (290 + 163) becomes 43 / (290 + 163 + 9)."""
    document = call("funnel", "--month", "2026-10", "--store", sample[0].store, "--check", "--json").document
    found = {entry["code"]: entry for entry in document["findings"]}
    effect = found["retained_without_intention"]
    assert effect["count"] == len(effect["rows"]) == 9
    rate = effect["kpis"]["close_rate"]
    assert rate["value"] == pytest.approx(43 / (290 + 163))
    assert rate["if_right"] == pytest.approx(43 / (290 + 163 + 9))
    assert effect["kpis"]["new_prospects"] == {"value": 163, "if_right": 172}
    assert effect["rows"][0]["file"] == "2026-10 展厅客流登记表.csv"


def test_a_finding_makes_the_exit_code_one_unless_it_is_allowed(sample: tuple[Workspace, Ingested]) -> None:
    words = ("funnel", "--month", "2026-10", "--store", sample[0].store)
    assert [call(*words, *more).code for more in ((), ("--check",), ("--check", "--allow-findings"))] == [0, 1, 0]


def test_every_row_named_is_a_row_of_its_file(sample: tuple[Workspace, Ingested]) -> None:
    """The row numbers are those that the sheet shows."""
    words = ("funnel", "--month", "2026-10", "--store", sample[0].store, "--check", "--json", "--show-pii")
    rows = [row for entry in call(*words).document["findings"] for row in entry["rows"]]
    with (SAMPLES / "2026-10 展厅客流登记表.csv").open(encoding="gb18030", newline="") as stream:
        lines = list(csv.reader(stream))
    named = [row for row in rows if row["file"].endswith("客流登记表.csv")]
    assert len(named) > 9
    for row in named:
        line = lines[row["row"] - 1]
        assert row["customer"] in line
        assert row["consultant"] in line
