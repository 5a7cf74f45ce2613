"""The counter on cases small enough to count by hand, and the sample on what makes it usable as a truth."""

import json
import re
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from .count import Row, Rows, count, kpis
from .exports import HERE, KEYS, as_json, expected, exported_rows, write
from .layouts import LAYOUTS
from .showroom import simulate, truth
from .world import vin_check_digit

ANN, BOB, EVE = "19900000001", "19900000002", "02155500011"


def oct_(day: int) -> date:
    return date(2026, 10, day)


def visit(
    day: date,
    phone: str | None,
    channel: str = "来店",
    contact: str = "首次",
    retained: bool = True,
    consultant: str | None = "张伟",
    model: str | None = "君越",
    source: str | None = "抖音",
) -> Row:
    people = {"phone": phone, "consultant": consultant, "model": model, "source": source}
    return {"date": day, "channel": channel, "contact": contact, "retained": retained} | people


def drive(
    day: date, phone: str | None, invited: bool = False, satisfied: bool = False, consultant: str = "张伟"
) -> Row:
    answers = {"invited": invited, "satisfied": satisfied}
    return {"date": day, "phone": phone, "consultant": consultant, "model": "君越"} | answers


def card(
    created: date,
    order: date | None = None,
    won: date | None = None,
    lost: date | None = None,
    consultant: str = "张伟",
    source: str | None = "抖音",
) -> Row:
    ends = {"order_date": order, "won_date": won, "lost_date": lost}
    return {"created": created, "phone": ANN, "consultant": consultant, "model": "君越", "source": source} | ends


def invoice(day: date, channel: str, amount: int | Decimal, kind: str = "蓝字", consultant: str = "张伟") -> Row:
    money = {"channel": channel, "amount": amount, "kind": kind}
    return {"date": day, "phone": ANN, "consultant": consultant, "model": "君越"} | money


def task(due: date, phone: str | None, done: date | None, consultant: str = "张伟") -> Row:
    return {"due": due, "done": done, "phone": phone, "consultant": consultant}


def rows(**forms: list[Row]) -> Rows:
    return {form: forms.get(form, []) for form in KEYS}


def some(found: dict[str, object], *keys: str) -> tuple[object, ...]:
    return tuple(found[key] for key in keys)


def test_visits_and_calls_are_told_apart() -> None:
    found = count(
        rows(
            visits=[
                visit(oct_(1), ANN),
                visit(oct_(2), None, retained=False),
                visit(oct_(2), BOB, channel="来电"),
                visit(oct_(3), None, channel="来电", retained=False),
                visit(oct_(4), BOB, channel="来电", contact="再次"),
                visit(oct_(5), EVE, channel="活动"),
                visit(oct_(5), EVE, channel="网络", contact="其他"),
                visit(oct_(6), None, contact="其他", retained=False),
                visit(date(2026, 9, 30), None),
                visit(date(2026, 11, 1), None),
            ]
        ),
        "2026-10",
    )["total"]
    assert some(found, "first_visits", "visit_prospects", "first_calls", "call_prospects") == (2, 1, 2, 1)
    assert some(found, "showroom_visits", "calls", "showroom_customers", "call_first_arrivals") == (3, 3, 3, 0)
    assert kpis(found)["info_retention_rate"] == (0.5, 2, 4)
    assert kpis(found)["traffic"] == 6


def test_a_caller_who_comes_later_is_a_call_arrival_and_no_first_visit() -> None:
    found = count(
        rows(
            visits=[
                visit(date(2026, 8, 3), ANN, channel="来电"),
                visit(oct_(1), ANN),  # called on an earlier day: arrival
                visit(oct_(9), ANN),  # came before: first visit
                visit(oct_(2), BOB, channel="来电"),
                visit(oct_(2), BOB),  # called the same day: first visit
                visit(oct_(3), EVE, channel="来电", contact="再次"),
                visit(oct_(4), EVE, channel="活动"),
                visit(oct_(5), EVE),  # any call, and an event is no showroom visit: arrival
                visit(oct_(6), None, contact="来电首次到店"),  # said so: arrival
            ]
        ),
        "2026-10",
    )["total"]
    assert some(found, "call_first_arrivals", "first_visits", "visit_prospects") == (3, 2, 2)


def test_who_came_before_he_called_is_no_call_arrival() -> None:
    story = [visit(oct_(1), ANN), visit(oct_(5), ANN, channel="来电"), visit(oct_(9), ANN)]
    found = count(rows(visits=story), "2026-10")["total"]
    assert some(found, "call_first_arrivals", "first_visits") == (0, 2)


@pytest.mark.parametrize("word", [None, "未留", "19900001", "199****0001", "29900000001"])
def test_without_a_valid_phone_each_row_is_its_own_customer(word: str | None) -> None:
    story = [visit(oct_(1), word, channel="来电"), *(visit(oct_(day), word, contact="再次") for day in (2, 3))]
    found = count(rows(visits=[*story, visit(oct_(4), word)]), "2026-10")["total"]
    assert some(found, "return_customers", "call_first_arrivals", "showroom_customers") == (2, 0, 3)


def test_a_landline_is_one_customer_however_written() -> None:
    story = [
        visit(oct_(day), phone, contact="再次") for day, phone in ((1, "021-55500011"), (2, "021 55500011"), (3, EVE))
    ]
    assert count(rows(visits=story), "2026-10")["total"]["return_customers"] == 1


def test_return_undriven_looks_before_the_first_return_of_the_period() -> None:
    data = rows(
        visits=[
            visit(oct_(3), ANN, contact="再次"),
            visit(oct_(11), ANN, contact="再次", consultant="李娜"),
            visit(oct_(6), BOB, contact="再次"),
            visit(oct_(7), EVE, contact="再次"),
        ],
        test_drives=[drive(oct_(5), ANN, consultant="李娜"), drive(oct_(6), BOB), drive(date(2026, 8, 1), EVE)],
    )
    found = count(data, "2026-10")
    assert some(found["total"], "return_customers", "return_undriven") == (3, 2)
    # The second consultant's return came after the drive, but the customer's first of the month did not.
    assert some(found["consultant"]["李娜"], "return_customers", "return_undriven") == (1, 1)
    assert some(found["consultant"]["张伟"], "return_customers", "return_undriven") == (3, 2)
    # A week is a period of its own: its first return is that of the 11th.
    assert some(found["week"]["2026-10-05/2026-10-11"], "return_customers", "return_undriven") == (3, 1)


def test_test_drives_and_their_customers() -> None:
    drives = [
        drive(oct_(1), ANN, invited=True),
        drive(oct_(2), ANN, satisfied=True, consultant="李娜"),
        drive(oct_(3), BOB, invited=True, satisfied=True),
        drive(oct_(4), None),
        drive(oct_(5), None, satisfied=True),
        drive(date(2026, 9, 30), EVE, invited=True, satisfied=True),
    ]
    found = count(rows(test_drives=drives), "2026-10")
    keys = ("test_drives", "test_drive_customers", "test_drive_invited", "test_drive_satisfied")
    assert some(found["total"], *keys) == (5, 4, 2, 3)
    assert some(found["consultant"]["张伟"], *keys) == (4, 4, 2, 2)
    assert some(found["consultant"]["李娜"], *keys) == (1, 1, 0, 1)


def test_open_prospects_are_those_neither_won_nor_lost_before() -> None:
    august, september = date(2026, 8, 10), date(2026, 9, 30)
    cards = [
        card(august),
        card(august, order=september),
        card(august, order=oct_(3), won=oct_(4)),
        card(august, lost=oct_(1)),
        card(august, won=september),
        card(august, lost=september, won=oct_(8)),
        card(oct_(1), order=oct_(1)),
        card(oct_(31), source=None),
        card(date(2026, 11, 1)),
    ]
    found = count(rows(intentions=cards), "2026-10")
    keys = ("open_prospects_prev", "new_prospects", "orders", "lost")
    assert some(found["total"], *keys) == (4, 2, 2, 1)
    assert some(found["source"]["未填"], *keys) == (0, 1, 0, 0)
    assert some(found["week"]["2026-10-01/2026-10-04"], *keys) == (4, 1, 2, 1)
    assert some(found["week"]["2026-10-05/2026-10-11"], *keys) == (3, 0, 0, 0)


def test_a_red_letter_takes_back_in_its_own_month() -> None:
    invoices = [
        invoice(oct_(1), "展厅", 100_000),
        invoice(oct_(2), "展厅", 120_000, consultant="李娜"),
        invoice(oct_(3), "二级网点", Decimal("99999.95")),
        invoice(oct_(4), "大客户", 80_000),
        invoice(oct_(5), "展厅", -90_000, kind="红字"),
        invoice(oct_(6), "二级网点", Decimal("50000.10"), kind="红字"),
        invoice(date(2026, 9, 1), "二级网点", 50_000),
    ]
    found = count(rows(invoices=invoices), "2026-10")
    keys = ("showroom_sales", "distribution_sales", "sales", "sales_amount")
    assert some(found["total"], *keys) == (1, 0, 2, Decimal("259999.85"))
    assert some(found["consultant"]["李娜"], *keys) == (1, 0, 1, 120_000)
    assert "source" in found and not found["source"]


def test_a_customer_is_followed_in_time_when_one_of_his_tasks_was() -> None:
    followups = [
        task(oct_(1), ANN, oct_(1)),
        task(oct_(8), ANN, oct_(9), consultant="李娜"),
        task(oct_(2), BOB, oct_(3)),
        task(oct_(3), None, oct_(2)),
        task(oct_(4), None, None),
        task(date(2026, 9, 30), EVE, oct_(1)),
    ]
    found = count(rows(followups=followups), "2026-10")
    keys = ("followup_customers_due", "followup_customers_done")
    assert some(found["total"], *keys) == (4, 2)
    assert some(found["consultant"]["李娜"], *keys) == (1, 0)
    assert some(found["consultant"]["张伟"], *keys) == (4, 2)
    assert kpis(found["total"])["followup_timely_rate"] == (0.5, 2, 4)


def test_a_group_slices_rows_and_is_silent_where_a_form_lacks_the_column() -> None:
    data = rows(
        visits=[visit(oct_(1), ANN, consultant=None, model=None, source=None), visit(oct_(2), BOB)],
        test_drives=[drive(oct_(1), ANN)],
    )
    found = count(data, "2026-10")
    assert {name: each["first_visits"] for name, each in found["consultant"].items()} == {"张伟": 1, "未分配": 1}
    assert {name: each["test_drives"] for name, each in found["model"].items()} == {"君越": 1, "未填": 0}
    assert {name: each["test_drives"] for name, each in found["source"].items()} == {"抖音": None, "未填": None}
    assert found["model"]["君越"]["followup_customers_due"] is None
    assert kpis(found["source"]["抖音"])["test_drive_rate"] == (None, None, 1)


def test_weeks_run_from_monday_to_sunday_and_are_cut_at_the_month() -> None:
    assert [*count(rows(), "2026-10")["week"]] == [
        "2026-10-01/2026-10-04",
        "2026-10-05/2026-10-11",
        "2026-10-12/2026-10-18",
        "2026-10-19/2026-10-25",
        "2026-10-26/2026-10-31",
    ]
    assert next(iter(count(rows(), "2026-08")["week"])) == "2026-08-01/2026-08-02"


def test_a_rate_over_nothing_has_no_value() -> None:
    assert kpis(count(rows(), "2026-10")["total"])["close_rate"] == (None, 0, 0)


def test_the_sample_is_well_formed() -> None:
    data = truth()
    assert all(vin_check_digit(row["vin"]) == row["vin"][8] for row in data["invoices"])
    assert vin_check_digit("LATPAB071W1005301") == "1"  # a published example
    for row in data["invoices"]:
        for key in ("amount", "cost", "accessories", "insurance", "warranty"):
            assert isinstance(row[key], int | Decimal)
            assert row[key] * 100 == int(row[key] * 100), "a part of a fen"
        assert (row["amount"] < 0) == (row["kind"] == "红字")
    phones = {row["phone"] for form in KEYS for row in data[form]} - {None, "未留", "不详", "保养客户", "提车"}
    assert all(re.fullmatch(r"1990000\d{4}|021555\d{5}|1990\d{4}|199\*{4}\d{4}", phone) for phone in phones)
    assert sum(row["kind"] == "红字" for row in data["invoices"]) == 4
    for form, key in KEYS.items():
        assert len({row[key] for row in data[form]}) == len(data[form])


def test_the_files_together_hold_the_truth() -> None:
    everything, final = simulate(), truth()
    for form, key in KEYS.items():
        latest: dict[str, Row] = {}
        for layout in LAYOUTS:
            if layout.form == form:
                latest |= {row[key]: row for row in exported_rows(everything, layout)}
        assert latest == {row[key]: row for row in final[form]}


def test_no_two_visits_look_alike_where_the_file_has_no_number() -> None:
    visits = [row for row in truth()["visits"] if row["date"].month == 9]
    assert len({tuple(value for key, value in row.items() if key != "visit_no") for row in visits}) == len(visits)


def test_every_row_of_a_file_is_accounted_for_and_the_bytes_repeat(tmp_path: Path) -> None:
    accounts = write(tmp_path / "one")
    write(tmp_path / "two")
    for name, account in accounts.items():
        assert account["rows"] == account["data"] + account["set_aside"] + sum(account["not_data"].values())
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    stored = json.loads((HERE / "expected.json").read_text(encoding="utf-8"))
    assert stored == json.loads(as_json(expected(accounts))), "run python -m tests.sample.exports"
