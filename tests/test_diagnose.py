"""From the number to the cause: planted causes come first, healthy months are silent, and the numbers are the rows'."""

import csv
from collections.abc import Callable
from datetime import date, timedelta
from fractions import Fraction
from itertools import accumulate, pairwise
from math import comb, exp, isclose
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpicli import chance
from kpicli.answers import Evidence
from kpicli.change import change
from kpicli.diagnosis import CHANCE, Diagnosis
from kpicli.kpi import Basis
from kpicli.measure import Table
from kpicli.periods import Month
from kpicli.store import Store
from tests.conftest import TODAY
from tests.planted import (
    ASKED,
    BOOK,
    BY,
    HEALTHY,
    KINDS,
    MONTH,
    PLANTS,
    SMALL,
    Plant,
    counted,
    named,
    showroom,
    table,
    told,
)
from tests.test_cli import Ended, call, shared_readers, workspace  # noqa: F401
from tests.test_measure import CATALOGUE, Row, slow

Rows = dict[str, list[Row]]
MAIN = {cause: plants[0] for cause, plants in PLANTS.items()}


def of(seed: int, plant: Plant = HEALTHY, **how: Any) -> tuple[Rows, str, Diagnosis]:
    """A showroom's rows, the one it happened to, and what is told of it."""
    made = showroom(seed, plant, **how)
    month = how.get("month", MONTH)
    return made.rows, made.group, told(counted(made.rows, month), month)


def adds_up(found: Table, month: Month = MONTH) -> bool:
    """Whether the change of a month's orders is the sum of its parts exactly, in the whole and by every dimension."""
    funnel, compared = BOOK.funnels["sales"], {"previous": str(month.previous)}
    split = change(
        funnel, Basis(found, str(month), compared, {}, BY, {}, frozenset(), None, None, TODAY, Store(Path("nowhere")))
    )
    assert split
    assert split.by.keys() == set(BY)
    dimensions = [[part for parts in groups.values() for part in parts] for groups in split.by.values()]
    return all(sum(part.value for part in parts) == split.difference for parts in (split.parts, *dimensions))


# Planted causes


@pytest.mark.parametrize("cause", PLANTS)
def test_the_planted_cause_comes_first(cause: str) -> None:
    """In one showroom with each kind of staff; all twenty below."""
    for seed, kind in enumerate(KINDS):
        made = showroom(seed, MAIN[cause], kind=kind)
        found = counted(made.rows)
        assert named(MAIN[cause], made.group, told(found)), kind
        assert adds_up(found)


@pytest.mark.long
@pytest.mark.parametrize("cause", PLANTS)
def test_the_planted_cause_comes_first_in_eighteen_of_twenty(cause: str) -> None:
    """In a month with public holidays; `python -m tests.planted` tells of others, and of smaller showrooms."""
    made = [showroom(seed, MAIN[cause], kind=KINDS[seed % 3]) for seed in range(20)]
    tables = [counted(one.rows) for one in made]
    found = [named(MAIN[cause], one.group, told(each)) for one, each in zip(made, tables, strict=True)]
    assert sum(found) >= 18
    assert all(adds_up(each) for each in tables)


@pytest.mark.parametrize("kind", KINDS)
def test_a_healthy_month_is_silent(kind: str) -> None:
    assert not [seed for seed in range(1000, 1003) if of(seed, kind=kind)[2].findings]


@pytest.mark.long
@pytest.mark.parametrize("size", [{}, {"size": SMALL}], ids=["large", "small"])
def test_healthy_months_are_silent(size: dict[str, Any]) -> None:
    """Of seeds that nothing was set by; of two hundred, three of the large and six of the small tell something."""
    assert not [seed for seed in range(2000, 2030) if of(seed, kind=KINDS[seed % 3], **size)[2].findings]


def test_rows_are_counted_as_kpicli_measures_them() -> None:
    """What the tests here look at is what the command looks at."""
    rows = showroom(3, MAIN["register"]).rows
    for history, days in ((3, None), (1, 12)):
        ours, theirs = counted(rows, MONTH, history, days), table(rows, MONTH, history, days)
        stocks = {key for key, entry in ASKED.items() if entry.count == "open"}
        for place in {*ours.values, *theirs.values}:
            for key in ASKED.keys() - (stocks if place[0] not in ("2026-10", "2026-09") else set()):
                mine, its = (found.values.get(place, {}).get(key) or 0 for found in (ours, theirs))
                assert mine == its, (place, key)
        assert told(ours, MONTH, history, days) == told(theirs, MONTH, history, days)


# The numbers of the evidence, by plain counts


def first(cause: str, seed: int = 1) -> tuple[Rows, str, Evidence]:
    rows, group, diagnosis = of(seed, MAIN[cause])
    assert named(MAIN[cause], group, diagnosis)
    return rows, group, diagnosis.findings[0].evidence


def number(rows: Rows, form: str, day: str, month: str, keep: Callable[[Row], bool] = lambda _: True) -> int:
    return sum(1 for row in rows[form] if row[day] and f"{row[day]:%Y-%m}" == month and keep(row))


BEFORE = ("2026-09", "2026-08", "2026-07")


def test_the_days_of_a_slump_are_counted_beside_the_rest_of_the_month() -> None:
    rows, _, evidence = first("traffic")
    values = evidence.values
    start, end = values["first"], values["last"]
    assert isinstance(start, date) and isinstance(end, date)
    assert end - start == timedelta(days=6)
    per_day = {MONTH.start + timedelta(days=n): 0 for n in range(7, 31)}  # without the holidays
    for row in rows["visits"]:
        if row["date"] in per_day and row["channel"] in ("来店", "来电"):
            per_day[row["date"]] += 1
    assert values["count"] == sum(count for day, count in per_day.items() if start <= day <= end)
    rest = {day: count for day, count in per_day.items() if not start <= day <= end}
    works = set(MONTH.working_days())
    mean = {}
    for kind in (True, False):
        days = [count for day, count in rest.items() if (day in works) is kind]
        mean[kind] = sum(days) / len(days)
    expected = sum(mean[day in works] for day in per_day if start <= day <= end)
    assert values["expected"] == pytest.approx(expected)
    orders = number(rows, "intentions", "order_date", "2026-10")
    traffic = number(rows, "visits", "date", "2026-10", lambda row: row["channel"] in ("来店", "来电"))
    assert evidence.orders == pytest.approx((expected - values["count"]) * orders / traffic)  # type: ignore[operator]


def test_who_is_silent_has_no_row_in_those_days() -> None:
    rows, group, evidence = first("register")
    values = evidence.values
    his = [row["date"] for row in rows["visits"] if row["consultant"] == group and row["channel"] != "活动"]
    assert not [day for day in his if values["first"] <= day <= values["last"]]  # type: ignore[operator]
    assert values["count"] == sum(1 for day in his if day >= MONTH.start)
    assert values["last"] == date(2026, 10, 31)


def test_a_model_that_dried_up_is_held_against_its_months_before_and_the_others() -> None:
    rows, group, evidence = first("model")
    values = evidence.values
    now = number(rows, "invoices", "date", "2026-10", lambda row: row["model"] == group)
    then = sum(number(rows, "invoices", "date", month, lambda row: row["model"] == group) for month in BEFORE)
    others = number(rows, "invoices", "date", "2026-10") - now
    others_then = sum(number(rows, "invoices", "date", month) for month in BEFORE) - then
    assert (values["count"], values["others"]) == (now, others)
    assert (values["mean"], values["others_mean"]) == (then / 3, others_then / 3)
    assert values["missing"] == pytest.approx(then * others / others_then - now)


def test_a_consultant_is_held_against_all_others() -> None:
    rows, group, evidence = first("drives")
    values = evidence.values

    def shares(keep: Callable[[Row], bool]) -> tuple[int, int]:
        kept = number(rows, "visits", "date", "2026-10", lambda row: keep(row) and row["retained"] and received(row))
        return number(rows, "test_drives", "date", "2026-10", keep), kept

    def received(row: Row) -> bool:
        return row["contact"] == "来电首次到店" or (row["channel"], row["contact"]) == ("来店", "首次")

    count, of_ = shares(lambda row: row["consultant"] == group)
    others, of_others = shares(lambda row: row["consultant"] != group)
    assert (values["count"], values["of"], values["others"], values["of_others"]) == (count, of_, others, of_others)
    assert values["missing"] == pytest.approx(of_ * others / of_others - count)
    drives, orders = count + others, number(rows, "intentions", "order_date", "2026-10")
    assert evidence.orders == pytest.approx((of_ * others / of_others - count) * min(1, orders / drives))


@pytest.mark.parametrize(
    ("cause", "form", "day", "keep", "among"),
    [
        ("followups", "followups", "due", lambda row: bool(row["done"] and row["done"] <= row["due"]), lambda _: True),
        (
            "price",
            "intentions",
            "lost_date",
            lambda row: row["lost_reason"] == "价格因素",
            lambda row: row["lost_reason"],
        ),
    ],
)
def test_a_share_is_held_against_the_months_before(
    cause: str, form: str, day: str, keep: Callable[[Row], bool], among: Callable[[Row], bool]
) -> None:
    rows, _, evidence = first(cause)
    values = evidence.values
    assert values["count"] == number(rows, form, day, "2026-10", keep)
    assert values["of"] == number(rows, form, day, "2026-10", among)
    assert values["others"] == sum(number(rows, form, day, month, keep) for month in BEFORE)
    assert values["of_others"] == sum(number(rows, form, day, month, among) for month in BEFORE)
    assert exp(evidence.log_chance) < CHANCE


# Few months, few days, forms that are not there


@pytest.mark.parametrize("history", [0, 1, 2])
def test_with_few_months_before_it_tells_what_the_month_itself_shows(history: int) -> None:
    made = showroom(1, MAIN["traffic"])
    found = told(counted(made.rows, MONTH, history), MONTH, history)
    assert found.months == history
    assert named(MAIN["traffic"], "", found)
    made = showroom(1)
    assert not told(counted(made.rows, MONTH, history), MONTH, history).findings


def test_a_running_month_is_judged_by_its_days_so_far() -> None:
    made = showroom(1, MAIN["register"])  # silent from the 10th on
    assert not told(counted(made.rows, MONTH, 3, 9), MONTH, 3, 9).findings
    assert named(MAIN["register"], made.group, told(counted(made.rows, MONTH, 3, 24), MONTH, 3, 24))


def test_a_showroom_that_is_closed_on_holidays_has_no_slump() -> None:
    rows = showroom(1).rows
    open_ = [row for row in rows["visits"] if not MONTH.start <= row["date"] < date(2026, 10, 8)]
    assert not told(counted(rows | {"visits": open_})).findings
    closed_later = [row for row in open_ if not date(2026, 10, 14) <= row["date"] < date(2026, 10, 21)]
    assert told(counted(rows | {"visits": closed_later})).findings[0].question.key == "S1.2"


@pytest.mark.parametrize("form", ["visits", "intentions", "test_drives", "invoices", "followups"])
def test_of_a_form_that_is_not_there_nothing_is_told(form: str) -> None:
    """Not in the month, or not at all: what is not known is not zero."""
    rows = showroom(1).rows
    anchor = {"intentions": "created", "followups": "due"}.get(form, "date")
    for kept in ([row for row in rows[form] if row[anchor] < MONTH.start], []):
        assert not told(table(rows | {form: kept})).findings


def test_an_empty_store_tells_nothing() -> None:
    found = told(table({}))
    assert not found.findings
    assert {state.value for state in found.states} == {None}


# Through the command


def exported(rows: Rows, folder: Path, forms: tuple[str, ...] = ()) -> Path:
    """Exports of a showroom as CSV files, one a form."""
    folder.mkdir()
    for key in forms or tuple(rows):
        if not rows[key]:
            continue
        columns = {name: column.label for name, column in CATALOGUE.forms[key].columns.items() if name in rows[key][0]}
        with (folder / f"{CATALOGUE.forms[key].label}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(columns.values())
            writer.writerows([said(row[name]) for name in columns] for row in rows[key])
    return folder


def said(value: Any) -> Any:
    return {True: "是", False: "否", None: ""}.get(value, value) if isinstance(value, bool | None) else value


def asked(*more: object, store: str = "store", month: str = "2026-10", book: str = "haima") -> Ended:
    return call("diagnose", "--month", month, "--store", store, "--book", book, "--as-of", "2026-11-01", *more)


def test_the_command_names_the_planted_cause_from_exports() -> None:
    made = showroom(1, MAIN["drives"])
    read = call("ingest", exported(made.rows, Path("exports")), "--store", "store")
    assert read.code == 0, read.out + read.err
    document = asked("--json").document
    best = document["findings"][0]
    assert (best["rank"], best["question"], best["group"], best["dimension"]) == (1, "S3.1", made.group, "consultant")
    assert best["chance"] < CHANCE
    ours = told(counted(made.rows))
    assert [one["question"] for one in document["findings"]] == [one.question.key for one in ours.findings]
    assert best["values"]["count"] == ours.findings[0].evidence.values["count"]
    split = next(one for one in document["changes"] if one["against"] == "previous")
    assert sum(part["value"] for part in split["parts"]) == pytest.approx(split["difference"])
    for groups in split["by"].values():
        every = sum(value for parts in groups.values() for value in parts.values())
        assert every == pytest.approx(split["difference"])
    for words in (("--lang", "en"), ("--lang", "zh"), ("--consultant", made.group), ("--by", "model")):
        shown = asked(*words)
        assert shown.code == 0, shown.err
        assert made.group in shown.out
    assert asked("--dealer", "没有的店").code != 0
    # a month that runs, the first month there is, and a month before all
    running = call(
        "diagnose", "--month", "2026-10", "--store", "store", "--book", "haima", "--as-of", "2026-10-05", "--json"
    )
    assert running.document["findings"] == []
    assert asked("--json", month="2026-06").code == 0
    assert asked(month="2025-01").code != 0


def test_with_one_month_of_one_form_the_command_tells_nothing() -> None:
    rows = {"visits": [row for row in showroom(1).rows["visits"] if row["date"] >= MONTH.start]}
    assert call("ingest", exported(rows, Path("exports")), "--store", "store").code == 0
    document = asked("--json").document
    assert (document["findings"], document["changes"], document["months_before"]) == ([], [], 0)
    assert asked().code == 0


def test_a_book_without_models_is_told_which_have_some() -> None:
    rows = {"visits": showroom(1).rows["visits"][:40]}
    call("ingest", exported(rows, Path("exports")), "--store", "store")
    for language, word in (("zh", "分析模型"), ("en", "analysis models")):
        ended = asked("--lang", language, book="scorecard")
        assert ended.code != 0
        assert word in ended.err
        assert "haima" in ended.err
        assert "Traceback" not in ended.err


# Chance


small = st.integers(0, 14)


@slow
@given(small, small, small, small)
def test_fewer_is_what_counting_all_draws_says(count: int, rest: int, others: int, others_rest: int) -> None:
    """Fisher's exact test by its definition: of all ways to mark so many, those that mark so few here."""
    of_, of_others = count + rest, others + others_rest
    marked = count + others
    ways = sum(comb(of_, k) * comb(of_others, marked - k) for k in range(count + 1) if marked - k >= 0)
    exact = Fraction(ways, comb(of_ + of_others, marked))
    assert isclose(exp(chance.fewer(count, of_, others, of_others)), exact, rel_tol=1e-9)
    again = sum(comb(of_, k) * comb(of_others, marked - k) for k in range(count, of_ + 1) if marked - k >= 0)
    assert isclose(
        exp(chance.more(count, of_, others, of_others)), Fraction(again, comb(of_ + of_others, marked)), rel_tol=1e-9
    )


@slow
@given(st.integers(0, 25), st.integers(0, 25), st.fractions(0, 1, max_denominator=20))
def test_binomial_is_the_sum_of_its_terms(count: int, rest: int, share: Fraction) -> None:
    of_ = count + rest
    exact = sum(comb(of_, k) * share**k * (1 - share) ** (of_ - k) for k in range(count + 1))
    if 0 < share < 1:
        assert isclose(exp(chance.binomial(count, of_, float(share))), exact, rel_tol=1e-9)
    else:
        assert chance.binomial(count, of_, float(share)) == 0.0


@slow
@given(st.integers(1, 200), st.integers(0, 200), st.integers(1, 200))
def test_tails_are_probabilities_and_grow_with_the_count(of_: int, others: int, rest: int) -> None:
    """From 0 for nothing to 1 for all, at any size."""
    of_others = others + rest
    fisher = [chance.fewer(count, of_, others, of_others) for count in (0, of_ // 3, of_ // 2, of_)]
    share = others / of_others
    binomial = [chance.binomial(count, of_, share) for count in (0, of_ // 3, of_ // 2, of_)]
    for tails in (fisher, binomial):
        assert all(low <= high + 1e-9 for low, high in pairwise(tails))
        assert isclose(tails[-1], 0.0, abs_tol=1e-9)
        assert max(tails) <= 0


@given(st.integers(1, 60), st.fractions(Fraction(1, 50), Fraction(49, 50)))
def test_a_gap_is_never_surer_than_it_is(count: int, share: Fraction) -> None:
    """The exact chance that some gap between `count` events spread at random is so long (Whitworth) is not above it."""
    exact = Fraction(0)
    for gaps in range(1, count + 2):
        left = 1 - gaps * share
        if left <= 0:
            break
        exact += (-1) ** (gaps + 1) * comb(count + 1, gaps) * left**count
    assert float(exact) <= exp(chance.empty(float(share), count)) * (1 + 1e-9)
    assert (
        chance.empty(float(share), count + 1) <= chance.empty(float(share), count)
        or chance.empty(float(share), count) == 0
    )


def test_longer_gaps_are_less_likely() -> None:
    tails = [chance.empty(share / 10, 40) for share in range(11)]
    assert tails[0] == tails[10] == 0.0  # nothing, or all there is
    assert list(accumulate(tails[:10], min)) == tails[:10]
