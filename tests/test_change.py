"""The decomposition of a difference: its parts add up exactly, whatever the counts, and obey Shapley's laws."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from itertools import permutations
from math import prod
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kpicli.change import MIX, OUTSIDE, Change, Share, change, rounded
from kpicli.kpi import Basis
from kpicli.measure import Table
from kpicli.pipeline.ingest import Ingested
from kpicli.store import Store
from kpicli.workspace import Workspace
from tests.conftest import TODAY
from tests.test_cli import call
from tests.test_measure import CATALOGUE, slow

FUNNEL = CATALOGUE.books["haima"].funnels["sales"]
CHAIN = FUNNEL.chain[: [stage.key for stage in FUNNEL.chain].index(FUNNEL.goal) + 1]
DEPTH = len(CHAIN)
NOW, BEFORE = "2026-10", "2026-09"
Counts = Sequence[int]
Pair = tuple[Counts, Counts]
"""What each stage counts, before and now."""

count = st.one_of(st.just(0), st.integers(0, 40))
counts = st.lists(count, min_size=DEPTH, max_size=DEPTH)
pairs = st.dictionaries(st.sampled_from("ABCDE"), st.tuples(counts, counts), min_size=1)


def measures(row: Counts) -> dict[str, Any]:
    """Each stage's count in the first of its measures."""
    values: dict[str, Any] = {key: 0 for stage in CHAIN for key in stage.measures}
    for stage, number in zip(CHAIN, row, strict=True):
        values[next(iter(stage.measures))] = number
    return values


def basis(groups: Mapping[str, Pair], targets: Mapping[tuple[str, str, str], float] | None = None) -> Basis:
    values: dict[tuple[str, str, str], dict[str, Any]] = {}
    for place, period in enumerate((BEFORE, NOW)):
        values[period, "", ""] = measures([sum(pair[place][n] for pair in groups.values()) for n in range(DEPTH)])
        for name, pair in groups.items():
            if any(pair[place]):  # a group without anything is not there
                values[period, "consultant", name] = measures(pair[place])
    table = Table(values, {}, {"consultant": frozenset()}, {})
    asked = (None, None, TODAY, Store("nowhere"))
    return Basis(table, NOW, {"previous": BEFORE}, targets or {}, ("consultant",), {}, frozenset(), *asked)


def split(groups: Mapping[str, Pair]) -> Change:
    found = change(FUNNEL, basis(groups))
    assert found
    return found


def total(parts: Sequence[Share]) -> Fraction:
    return sum((part.value for part in parts), Fraction())


@slow
@given(pairs)
def test_the_parts_add_up_exactly_in_the_whole_in_a_dimension_and_in_each_group(groups: dict[str, Pair]) -> None:
    found = split(groups)
    goals = {name: pair[1][-1] - pair[0][-1] for name, pair in groups.items()}
    assert found.difference == sum(goals.values()) == total(found.parts)
    by = found.by.get("consultant", {})
    assert {name: total(parts) for name, parts in by.items()} == {
        name: goals[name] for name, pair in groups.items() if any(pair[0]) or any(pair[1])
    }


@slow
@given(pairs)
def test_swapping_the_periods_flips_every_sign(groups: dict[str, Pair]) -> None:
    there = split(groups)
    back = split({name: (now, before) for name, (before, now) in groups.items()})
    assert values(there.parts) == {key: -value for key, value in values(back.parts).items()}
    for name, parts in there.by.get("consultant", {}).items():
        assert values(parts) == {key: -value for key, value in values(back.by["consultant"][name]).items()}


def values(parts: Sequence[Share]) -> dict[str, Fraction]:
    return {part.key: part.value for part in parts}


@slow
@given(pairs)
def test_where_nothing_changes_every_part_is_zero(groups: dict[str, Pair]) -> None:
    found = split({name: (now, now) for name, (_, now) in groups.items()})
    every = [*found.parts, *(part for parts in found.by.get("consultant", {}).values() for part in parts)]
    assert {part.value for part in every} == {Fraction()}


@slow
@given(pairs)
def test_what_a_group_is_called_does_not_matter(groups: dict[str, Pair]) -> None:
    found = split(groups)
    other = split({f"新{name}": pair for name, pair in groups.items()})
    assert other.parts == found.parts
    assert other.by.get("consultant", {}) == {
        f"新{name}": parts for name, parts in found.by.get("consultant", {}).items()
    }


@slow
@given(pairs)
def test_a_group_split_in_two_equal_halves_keeps_its_parts(groups: dict[str, Pair]) -> None:
    """Rates are the same in both halves, and each has half of the traffic: so half of every part."""
    doubled = {name: (twice(before), twice(now)) for name, (before, now) in groups.items()}
    whole, first = split(doubled), min(groups)
    half_each = {"甲": groups[first], "乙": groups[first]}
    parted = split({name: pair for name, pair in doubled.items() if name != first} | half_each)
    assert parted.parts == whole.parts
    if any(groups[first][0]) or any(groups[first][1]):
        for half in ("甲", "乙"):
            assert {key: 2 * value for key, value in values(parted.by["consultant"][half]).items()} == values(
                whole.by["consultant"][first]
            )


def twice(row: Counts) -> list[int]:
    return [2 * number for number in row]


@slow
@given(*(st.lists(st.integers(1, 60), min_size=DEPTH, max_size=DEPTH) for _ in range(2)))
def test_it_is_the_mean_over_all_orders_in_which_the_factors_can_change(before: list[int], now: list[int]) -> None:
    """Shapley's value by its definition: swap one factor after the other, in every order."""
    old, new = ([Fraction(row[0]), *(Fraction(row[n], row[n - 1]) for n in range(1, DEPTH))] for row in (before, now))
    mean = [Fraction()] * DEPTH
    orders = list(permutations(range(DEPTH)))
    for order in orders:
        state = list(old)
        for place in order:
            held = prod(state, start=Fraction(1))
            state[place] = new[place]
            mean[place] += (prod(state, start=Fraction(1)) - held) / len(orders)
    assert [part.value for part in split({"A": (before, now)}).parts] == mean


def test_three_factors_by_hand() -> None:
    """20 × ½ × ½ to 40 × 1 × ½: traffic and the first rate have doubled: each has half of the 15, the last none."""
    row = {"A": ([20, 10, 5, 5], [40, 40, 20, 20])}
    found = split(row)
    assert [part.value for part in found.parts] == [Fraction(15, 2), Fraction(15, 2), 0, 0]
    assert [(part.before, part.after) for part in found.parts[:2]] == [(20, 40), (Fraction(1, 2), 1)]


def test_a_group_that_is_new_or_gone_is_told_by_its_share_of_the_traffic() -> None:
    found = split({"旧": ([10, 8, 4, 2], [0, 0, 0, 0]), "新": ([0, 0, 0, 0], [10, 8, 4, 2])})
    assert found.difference == 0
    assert values(found.by["consultant"]["旧"])[MIX] == -2
    assert values(found.by["consultant"]["新"])[MIX] == 2


def test_goals_without_traffic_come_from_outside() -> None:
    found = split({"A": ([10, 5, 5, 2], [0, 0, 0, 3]), "B": ([10, 5, 5, 2], [10, 5, 5, 2])})
    assert values(found.by["consultant"]["A"])[OUTSIDE] == 1


def test_no_traffic_at_all_and_nobody_at_a_stage() -> None:
    assert total(split({"A": ([0, 0, 0, 0], [10, 5, 5, 2])}).parts) == 2
    assert total(split({"A": ([10, 5, 0, 2], [10, 5, 5, 3])}).parts) == 1  # nobody drove, yet two ordered
    assert total(split({"A": ([0, 0, 0, 0], [0, 0, 0, 0])}).parts) == 0


def test_a_month_that_is_not_there_is_no_change_from_zero() -> None:
    there = basis({"A": ([10, 5, 5, 2], [10, 5, 5, 2])})
    assert change(FUNNEL, replace(there, compared={})) is None
    missing = {(BEFORE, key): "no_rows" for stage in CHAIN for key in stage.measures}
    assert change(FUNNEL, replace(there, table=replace(there.table, reasons=missing))) is None  # type: ignore[arg-type]


@slow
@given(pairs, st.integers(1, 90))
def test_against_a_target_the_parts_add_up_to_what_lacks(groups: dict[str, Pair], aim: int) -> None:
    found = change(FUNNEL, basis(groups, {("", "", CHAIN[-1].kpi): float(aim)}), against="target")
    if found is None:  # with nobody at a stage before there is no rate to plan with
        assert any(sum(pair[0][n] for pair in groups.values()) == 0 for n in range(DEPTH))
        return
    assert found.before == aim
    assert total(found.parts) == found.after - aim
    assert not found.by


def test_no_target_no_change_against_it() -> None:
    assert change(FUNNEL, basis({"A": ([10, 5, 5, 2], [10, 5, 5, 2])}), against="target") is None


fractions = st.lists(st.fractions(-50, 50, max_denominator=997), min_size=1, max_size=9)


@slow
@given(fractions)
def test_rounded_numbers_add_up_to_their_rounded_sum_and_each_is_near(exact: list[Fraction]) -> None:
    for digits in (0, 1, 2):
        found = rounded(exact, digits)
        step = Fraction(1, 10**digits)
        assert abs(Fraction(sum(found, Decimal(0))) - sum(exact)) <= step / 2
        assert all(abs(Fraction(shown) - value) < step for shown, value in zip(found, exact, strict=True))


# From the store


def test_the_command_splits_the_stage_that_is_asked_for(sample: tuple[Workspace, Ingested]) -> None:
    """The stages are the report's measures; of a store without last year there is nothing to compare with it."""
    words = ("diagnose", "--month", "2026-10", "--store", sample[0].store, "--as-of", "2026-11-01", "--compare", "year")
    before, now = (
        call("report", "--month", month, *words[3:-2], "--json").document["total"]["measures"]["showroom_sales"]
        for month in ("2026-09", "2026-10")
    )
    for name in ("sales", "成交", "Sales"):
        (found,) = call(*words, "--of", name, "--json").document["changes"]
        assert (found["goal"], found["against"], found["before"], found["after"]) == ("sales", "previous", before, now)
        assert found["parts"][-1]["key"] == "sales"
        assert abs(sum(part["value"] for part in found["parts"]) - found["difference"]) < 1e-9
    assert [one["against"] for one in call(*words, "--json").document["changes"]] == ["previous", "target"]
    assert call(*words, "--compare", "ytd", "--json").document["error"]["code"] == "unknown_comparison"
    for wrong in ("traffic", "nothing"):
        ended = call(*words, "--of", wrong, "--json")
        assert (ended.code, ended.document["error"]["code"]) == (2, "unknown_stage")


def test_of_a_running_month_the_target_counts_by_the_days_passed(sample: tuple[Workspace, Ingested]) -> None:
    words = ("--month", "2026-10", "--store", sample[0].store, "--as-of", "2026-10-20", "--json")
    report, told = (call(command, *words).document for command in ("report", "diagnose"))
    against = {one["against"]: one for one in told["changes"]}["target"]
    assert against["before"] == report["total"]["kpis"]["orders"]["target"] * report["pace"]
    assert against["after"] == report["total"]["measures"]["orders"]
