"""The plan: the documents' cases to the letter, laws of the tree and of solving it, a plain count, and all errors."""

import json
import shutil
from datetime import date
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

import kpicli
from kpicli import loading, planning
from kpicli.catalogue import Tree
from kpicli.errors import NothingToReport, UsageError
from kpicli.formula import evaluate
from kpicli.pipeline.ingest import Ingested
from kpicli.pipeline.plan import plan
from kpicli.planning import counted, half_up, mean, missing, solve, split, status, step, up
from kpicli.read import ReaderPool
from kpicli.workspace import Workspace
from tests.conftest import NOW, TODAY
from tests.test_cli import (
    Ended,
    call,
    shared_readers,  # noqa: F401 - a fixture: it works by being here
)
from tests.test_help import HAN
from tests.workbooks import steady

Sample = tuple[Workspace, Ingested]
SHIPPED = loading.load()
TREES = {key: book.tree for key, book in SHIPPED.books.items() if book.tree}
PLANNED = sorted(TREES)
MONTHS = ("2026-08", "2026-09", "2026-10")


def tree(book: str) -> Tree:
    return TREES[book]


def at(book: str, **values: str | int) -> dict[str, Fraction | None]:
    return planning.evaluate(tree(book), {key: Fraction(value) for key, value in values.items()})


# The documents' cases


def test_the_two_stores_of_haima() -> None:
    a = at("haima", first_contacts=600, return_visits=300, info_keep_rate="0.9", close_rate="0.2")
    b = at("haima", first_contacts=600, return_visits=300, info_keep_rate="0.91", close_rate="0.21")
    assert (a["kept"], a["received"], a["orders"]) == (540, 840, 168)
    assert (b["kept"], b["received"], b["orders"]) == (546, 846, Fraction("177.66"))
    assert half_up(b["orders"] or Fraction()) == 178
    assert half_up((b["orders"] or Fraction()) - (a["orders"] or Fraction())) == 10


def test_the_handbooks_month() -> None:
    given = {"card_retention_rate": Fraction("0.7"), "card_close_rate": Fraction("0.2")}
    found = solve(tree("handbook"), given, Fraction(126))
    assert (found.lever, found.values["cards"]) == (900, 630)
    assert [found.lever / 10, found.lever / 10 / 18] == [90, 5]  # type: ignore[operator]
    assert [found.values["cards"] / 10, found.values["cards"] / 10 / 18] == [63, 3.5]  # type: ignore[operator]


def test_the_pdca_case() -> None:
    rates = {"first_contact_close_rate": Fraction("0.2")}
    assert planning.evaluate(tree("handbook"), {**rates, "first_contacts": Fraction(35 + 15)})["orders"] == 10
    assert f"{10 / 15:.1%}" == "66.7%"
    assert solve(tree("handbook"), rates, Fraction(15)).lever == 75


def test_the_cases_through_the_command_without_any_data() -> None:
    b = call(*HAIMA_B, "--target", 178, "--json").document
    assert b["base"] == []
    assert b["goal"] == {
        "key": "orders",
        "label": "订单量",
        "target": 178,
        "target_of": None,
        "at_own_rates": None,
        "reported": None,
        "attainment": pytest.approx(177.66 / 178),
    }
    assert values(b, "set") == {
        "first_contacts": 600,
        "info_keep_rate": 0.91,
        "kept": 546,
        "return_visits": 300,
        "received": 846,
        "close_rate": 0.21,
        "orders": 177.66,
    }
    said = call(*HAIMA_B).out
    assert "订单量 177.66 ≈ 178 台" in said
    assert "没有用库里的数，全照给的数" in said
    assert "还没有数据" not in said
    month = call(*HANDBOOK, "--target", 126, "--json").document
    contacts, cards = (quantity(month, key) for key in ("first_contacts", "cards"))
    shown = ("needed", "per_consultant", "per_day", "per_consultant_day")
    assert [contacts[key] for key in shown] == [900, 90, 50, 5]
    assert [cards[key] for key in shown] == [630, 63, 35, 3.5]
    assert row(call(*HANDBOOK, "--target", 126).out, "月首次接触批次", 5) == ["900", "50", "90", "5"]
    assert row(call(*HANDBOOK, "--target", 126).out, "客户洽谈卡数", 5) == ["630", "35", "63", "3.5"]
    pdca = call(*PDCA, "--json").document
    assert pdca["goal"]["attainment"] == pytest.approx(2 / 3)
    assert quantity(pdca, "first_contacts")["needed"] == 75
    assert pdca["lever"] == {"key": "first_contacts", "needed": 75, "reason": None, "per_goal": 5}
    said = call(*PDCA).out
    assert "目标：订单数 15 台（--target），照改的数到 10 台，达成 66.7%" in said
    assert "月首次接触批次 要 75 批" in said


PLAN = ("plan", "--as-of", "2026-11-01")
HAIMA_B = (
    *PLAN,
    "--book=haima",
    "--set=first_contacts=600",
    "--set=return_visits=300",
    "--set=info_retention_rate=0.91",
    "--set=close_rate=0.21",
)
HANDBOOK = (
    *PLAN,
    "--book=handbook",
    "--set=card_retention_rate=70%",
    "--set=card_close_rate=20%",
    "--consultants=10",
    "--days=18",
)
PDCA = (
    *PLAN,
    "--book=handbook",
    "--set=first_contacts=50",
    "--set=first_contact_close_rate=20%",
    "--target=15",
)


def values(document: Any, column: str) -> dict[str, Any]:
    return {entry["key"]: entry[column] for entry in document["quantities"]}


def quantity(document: Any, key: str) -> Any:
    return next(entry for entry in document["quantities"] if entry["key"] == key)


def row(text: str, label: str, cells: int) -> list[str]:
    """The numbers of the line of a table that has so many cells and begins with a label."""
    split_ = [line.split() for line in text.splitlines() if line.startswith(label)]
    return next(parts[1:] for parts in split_ if len(parts) == cells)


@pytest.fixture
def store_a(tmp_path: Path) -> str:
    """Store A of haima as rows: 600 first contacts, 540 kept, 300 second visits, 168 orders, in September."""
    visits = ["首次,是"] * 540 + ["首次,否"] * 60 + ["再次,否"] * 300
    log = "".join(f"2026-09-{1 + n % 30:02d},{one},来店,张伟\n" for n, one in enumerate(visits))
    (tmp_path / "a.csv").write_text("日期,来店性质,是否留档,接触方式,销售顾问\n" + log, encoding="utf-8")
    cards = "".join(f"K{n},2026-09-03,2026-09-{1 + n % 30:02d},张伟\n" for n in range(168))
    (tmp_path / "b.csv").write_text("客户编号,建档日期,订单日期,销售顾问\n" + cards, encoding="utf-8")
    assert call("ingest", "a.csv", "b.csv", "--store", "a", "--allow-findings").code == 0
    return "a"


def test_a_point_of_retention_and_a_point_of_closing_are_ten_more_orders(store_a: str) -> None:
    words = (*PLAN, "--book=haima", "--store", store_a, "--base=2026-09", "--set=S5=21%", "--set=客户资料留有率=0.91")
    found = call(*words, "--json").document
    assert found["base"] == ["2026-09"]
    assert values(found, "own")["orders"] == found["goal"]["at_own_rates"] == 168
    assert found["what_if"]["goal"] == {"as_is": 168, "set": 177.66, "difference": 9.66}
    assert [(one["key"], one["from"], one["to"], one["goal"]) for one in found["what_if"]["changes"]] == [
        ("close_rate", 0.2, 0.21, 176.4),
        ("info_keep_rate", 0.9, 0.91, 169.2),
    ]
    out = call(*words).out
    assert "订单量：168 → 177.66，差 +9.66，四舍五入 +10 台" in out
    assert row(out, "成交率", 5) == ["20.0%", "21.0%", "176.40", "+8.40"]


# The laws of the tree


numbers = st.integers(0, 900)
rates = st.fractions(0, 1, max_denominator=500)


def drivers(book: str) -> st.SearchStrategy[dict[str, Fraction]]:
    kinds = {one.key: rates if one.unit == "%" else numbers.map(Fraction) for one in tree(book).drivers}
    return st.fixed_dictionaries(kinds)


@pytest.mark.parametrize("book", PLANNED)
@steady
@given(st.data())
def test_the_tree_with_own_drivers_gives_the_own_goal_exactly(book: str, data: st.DataObject) -> None:
    keys = tree(book).measures
    measures = {key: Fraction(data.draw(st.integers(1, 999), label=key)) for key in keys}
    found = planning.evaluate(tree(book), counted(tree(book), measures))
    goal = tree(book).goal
    assert found[goal] == measures[goal]
    for key, entry in tree(book).quantities.items():
        kpi = SHIPPED.books[book].kpis.get(key)
        told = evaluate(kpi.node, measures) if kpi and kpi.node else measures.get(key)  # type: ignore[arg-type]
        if not entry.driver and told is not None:
            assert found[key] == told, key


@pytest.mark.parametrize("book", PLANNED)
@steady
@given(st.data(), st.integers(1, 5000).map(Fraction))
def test_what_is_solved_for_gives_the_target(book: str, data: st.DataObject, target: Fraction) -> None:
    known = data.draw(drivers(book))
    found = solve(tree(book), known, target)
    goal, lever = tree(book).goal, tree(book).lever
    without = planning.evaluate(tree(book), {**known, lever: Fraction()})[goal]
    assert without is not None
    match found.reason:
        case None:
            assert found.lever is not None
            assert found.lever > 0
            assert found.values == planning.evaluate(tree(book), {**known, lever: found.lever})
            assert found.values[goal] == target
            whole = planning.evaluate(tree(book), {**known, lever: up(found.lever)})[goal]
            assert whole is not None
            assert whole >= target
            assert step(tree(book), known) == found.lever / (target - without)
        case "enough":
            assert (found.lever, found.values[goal]) == (0, without)
            assert without >= target
        case _:
            assert found.lever is None
            assert found.values[goal] is None
            assert step(tree(book), known) is None
            assert planning.evaluate(tree(book), {**known, lever: Fraction(10**9)})[goal] == without < target


@pytest.mark.parametrize("rate", ["0", "1e-300"])
def test_no_amount_reaches_a_target_by_a_rate_of_nothing_or_next_to_it(rate: str) -> None:
    known = {"card_retention_rate": Fraction(rate), "card_close_rate": Fraction(rate)}
    assert solve(tree("handbook"), known, Fraction(3)).reason == "no_effect"
    assert step(tree("handbook"), known) is None
    said = call(*PLAN, "--book=handbook", "--target=3", *(f"--set={key}={rate}" for key in known), "--json")
    assert said.document["lever"]["reason"] == "no_effect"


@pytest.mark.parametrize("book", PLANNED)
@steady
@given(st.data(), st.integers(1, 900), st.integers(0, 900))
def test_more_of_a_target_never_needs_less(book: str, data: st.DataObject, target: int, more: int) -> None:
    known = data.draw(drivers(book))
    one, other = (solve(tree(book), known, Fraction(aim)).lever for aim in (target, target + more))
    assert one is None or other is None or one <= other
    assert (one is None) <= (other is None)


@pytest.mark.parametrize("book", PLANNED)
@steady
@given(st.data())
def test_the_goal_is_a_straight_line_of_the_lever(book: str, data: st.DataObject) -> None:
    known, lever, goal = data.draw(drivers(book)), tree(book).lever, tree(book).goal
    zero, one, many = (planning.evaluate(tree(book), {**known, lever: Fraction(n)})[goal] for n in (0, 1, 77))
    assert zero is not None
    assert one is not None
    assert many == zero + 77 * (one - zero)


names = st.sampled_from(["张伟", "李娜", "王磊", "陈静"])


@steady
@given(st.integers(1, 90), st.dictionaries(names, st.integers(0, 40)), st.integers(0, 12))
def test_the_parts_of_a_target_add_up(target: int, own: dict[str, int], heads: int) -> None:
    shares = split(Fraction(target), {name: Fraction(value) for name, value in own.items()}, heads)
    whole = sum(share.target * share.heads for share in shares)
    assert sum(share.heads for share in shares) == max(heads, len(own))
    assert all(share.part == share.target / target and share.target >= 0 for share in shares)
    assert {share.consultant: share.target for share in shares if share.consultant} == own
    if heads > len(own):
        assert whole == max(target, sum(own.values()))
    else:
        assert whole == sum(own.values())


@steady
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 50)), min_size=1, max_size=4))
def test_a_rate_of_several_months_is_the_sum_over_the_sum(months: list[tuple[int, int]]) -> None:
    pooled = mean([{"over": Fraction(over), "under": Fraction(under)} for over, under in months])
    assert pooled["over"] == Fraction(sum(over for over, _ in months), len(months))
    rate = Fraction(sum(over for over, _ in months), sum(under for _, under in months))
    assert (pooled["over"] or 0) / (pooled["under"] or 1) == rate


def test_a_month_that_lacks_a_measure_leaves_it_open() -> None:
    assert mean([{"a": Fraction(1), "b": Fraction(3)}, {"a": None, "b": Fraction(4)}]) == {"a": None, "b": 3.5}
    assert mean([]) == {}


def test_what_a_goal_needs_and_nobody_gives() -> None:
    house = tree("handbook")
    assert [one.key for one in missing(house, {}, solving=True)] == ["card_retention_rate", "card_close_rate"]
    assert missing(house, {}, solving=False)[0].key == "first_contacts"
    assert missing(house, {"first_contact_close_rate": Fraction(1, 5)}, solving=True) == []
    with pytest.raises(ValueError, match="not all drivers"):
        solve(house, {}, Fraction(1))


@pytest.mark.parametrize(
    ("text", "value"), [("1 + 2 * 3", 7), ("abs(1 - 4) / 2", Fraction(3, 2)), ("0.1 + 0.2", Fraction(3, 10))]
)
def test_formulas_are_worked_out_exactly(text: str, value: Fraction) -> None:
    from kpicli.formula import parse

    assert planning.work_out(parse(text), {}) == value
    assert planning.work_out(parse("1 / a"), {"a": Fraction()}) is None
    assert planning.work_out(parse("abs(a) + 1"), {}) is None


def test_rounding_is_up_for_what_is_needed_and_half_up_for_what_would_be() -> None:
    assert [up(Fraction(value)) for value in ("74", "74.01", "0")] == [74, 75, 0]
    assert [up(Fraction(value), 1) for value in ("3.5", "3.41", "0.01")] == [
        Fraction("3.5"),
        Fraction("3.5"),
        Fraction("0.1"),
    ]
    assert [half_up(Fraction(value)) for value in ("177.66", "0.5", "1.5", "2.49", "-9.66")] == [178, 1, 2, 2, -10]


@pytest.mark.parametrize(("done", "light"), [(50, "good"), (49, "near"), (45, "near"), (44, "bad"), (60, "good")])
def test_the_light_holds_what_is_done_against_the_time_that_has_passed(done: int, light: str) -> None:
    assert status(Fraction(done), Fraction(100), Fraction(1, 2), 0.9) == light


# The sample store


@pytest.mark.parametrize("month", MONTHS)
@pytest.mark.parametrize("book", PLANNED)
def test_the_stores_own_numbers_are_the_reports(book: str, month: str, sample: Sample) -> None:
    found = plan(sample[0], month, base=month, book=book, target=1, today=TODAY)
    report, _ = kpicli.report(sample[0], month, book=book, today=TODAY)
    assert found.base == (month,)
    for line in found.lines:
        kpi = report.total.kpis.get(line.quantity.key)
        told = kpi.value if kpi and kpi.value is not None else report.total.measures.get(line.quantity.key)
        if told is not None:
            assert float(line.own or 0) == pytest.approx(float(told), rel=1e-12), line.quantity.key
    assert found.goal.own == report.total.measures[found.tree.goal]  # and exactly there
    assert found.goal.as_is == found.goal.own == found.reported
    assert found.attainment == found.goal.own


@pytest.mark.parametrize("book", PLANNED)
def test_three_months_pooled_are_the_mean_month(book: str, sample: Sample) -> None:
    found = plan(sample[0], "2026-11", book=book, target=60, months=3, today=TODAY)
    reports = [kpicli.report(sample[0], month, book=book, today=TODAY)[0] for month in MONTHS]
    assert found.base == MONTHS
    goals = [Fraction(report.total.measures[found.tree.goal]) for report in reports]  # type: ignore[arg-type]
    assert found.goal.own == sum(goals) / 3
    for line in found.lines:
        parts = [report.total.kpis.get(line.quantity.key) for report in reports]
        if all(part and part.denominator for part in parts):
            above, below = (
                sum(Fraction(getattr(part, side)) for part in parts) for side in ("numerator", "denominator")
            )
            assert line.own == above / below, line.quantity.key


def test_months_without_the_sheets_are_left_out_of_the_pool(sample: Sample) -> None:
    found = plan(sample[0], "2026-11", book="haima", target=60, months=12, today=TODAY)
    assert found.base == MONTHS  # there are intentions of May to July, and nothing else


def test_the_needed_contacts_are_those_of_a_plain_count(sample: Sample) -> None:
    rows = {
        form: json.loads(call("export", form, "--format=json", "--store", sample[0].store).out)
        for form in ("visits", "intentions")
    }
    october = [one for one in rows["visits"] if one["date"].startswith("2026-10")]
    first = [
        one
        for one in october
        if one["contact"] == "来电首次到店" or (one["contact"] == "首次" and one["channel"] in ("来店", "来电"))
    ]
    orders = sum(1 for one in rows["intentions"] if (one["order_date"] or "").startswith("2026-10"))
    people = {one["consultant"] for one in first if one["consultant"]}
    found = call(*PLAN, "--book=handbook", "--target=60", "--store", sample[0].store, "--json").document
    contacts = quantity(found, "first_contacts")
    assert (contacts["own"], found["goal"]["at_own_rates"]) == (len(first), orders)
    assert contacts["needed"] == pytest.approx(60 * len(first) / orders)
    assert found["consultants"] == len(people) == 7
    assert found["days"] == 21  # of November 2026: thirty days less nine of weekends
    assert contacts["per_consultant_day"] == pytest.approx(60 * len(first) / orders / 7 / 21)
    assert (
        f"要 {ceil(60 * len(first) / orders)} 批"
        in call(*PLAN, "--book=handbook", "--target=60", "--store", sample[0].store).out
    )


def test_the_stock_is_that_of_the_month_planned(sample: Sample) -> None:
    found = plan(sample[0], "2026-11", target=60, today=TODAY)
    rows = json.loads(call("export", "intentions", "--format=json", "--store", sample[0].store).out)

    def open_on(day: str) -> int:
        ends = [[one[key] for key in ("won_date", "lost_date") if one[key]] for one in rows]
        return sum(one["created"] < day <= min([*end, "9999"]) for one, end in zip(rows, ends, strict=True))

    line = found.line("open_prospects_prev")
    assert (line.own, line.as_is) == (open_on("2026-10-01"), open_on("2026-11-01"))
    assert line.own != line.as_is
    out = call(*PLAN, "--target=60", "--store", sample[0].store).out
    assert f"按 2026-11 月初的 {line.as_is}（2026-10 月初是 {line.own}）" in out


def test_one_dealers_plan(sample: Sample) -> None:
    with pytest.raises(NothingToReport) as caught:
        plan(sample[0], "2026-11", target=60, dealer="别家", given={"close_rate": 0.1}, today=TODAY)
    assert caught.value.code == "unknown_dealer"
    assert plan(sample[0], "2026-11", target=60, today=TODAY).dealer == "上海示例别克"


# Months, targets and the pace, counted by hand

LOG = (
    "日期,来店性质,接触方式,是否留档,销售顾问\n"
    + "2026-09-03,首次,来店,是,张伟\n" * 6
    + "2026-09-04,首次,来店,否,李娜\n" * 3
    + "2026-09-04,首次,来店,否,\n"  # nobody's
    + "2026-10-09,首次,来店,是,张伟\n" * 5
)
CARDS = "客户编号,建档日期,订单日期,销售顾问\n" + "".join(
    f"K{n},2026-09-03,{day},张伟\n" for n, day in enumerate(["2026-09-05"] * 3 + ["2026-10-12"] * 2 + [""])
)
TARGETS = """月份,销售顾问,指标,目标值
2026-10,,订单量,6
2026-10,张伟,订单量,4
2026-11,张伟,订单量,4
2026-11,李娜,订单量,5
"""


@pytest.fixture(scope="module")
def september(tmp_path_factory: pytest.TempPathFactory, readers: ReaderPool) -> Path:
    """A workspace with these sheets read. Not to be written to."""
    home = tmp_path_factory.mktemp("september") / "shop"
    home.mkdir()
    for name, text in (("客流.csv", LOG), ("意向.csv", CARDS), ("目标.csv", TARGETS)):
        (home / name).write_text(text, encoding="utf-8")
    (home / "kpicli.toml").write_text('book = "haima"\n', encoding="utf-8")
    read = kpicli.ingest(kpicli.open_workspace(home), sorted(home.glob("*.csv")), now=NOW, readers=readers)
    assert (read.total("stored"), read.total("set_aside")) == (25, 0)
    return home


@pytest.fixture
def shop(september: Path, tmp_path: Path) -> Path:
    """September: 10 first visits, 6 kept, 3 orders; October so far: 5 first visits, all kept, 2 orders. Target: 6."""
    return shutil.copytree(september, tmp_path / "shop")


def planned(home: Path, *words: object, today: str = "2026-10-20") -> Any:
    ended = call("plan", "-C", home, "--as-of", today, *words, "--json")
    assert ended.code == 0, ended.err
    return ended.document


def test_a_running_month_by_hand(shop: Path) -> None:
    """6 orders of 6/10 × 3/6 of the contacts take 20 contacts; 18 working days, the 10th being the 20th of October."""
    found = planned(shop)
    assert (found["month"], found["base"], found["goal"]["target"]) == ("2026-10", ["2026-09"], 6)
    assert found["goal"]["target_of"] == "orders"
    assert values(found, "needed") == {
        "first_contacts": 20,
        "info_keep_rate": 0.6,
        "kept": 12,
        "return_visits": 0,
        "received": 12,
        "close_rate": 0.5,
        "orders": 6,
    }
    pace = found["pace"]
    assert (pace["passed"], pace["days"], pace["status"]) == (10, 18, "bad")  # 2 of 6 against 10 of 18
    assert pace["attainment"] == pytest.approx(2 / 6)
    told = {one["key"]: one for one in pace["quantities"]}
    assert list(told) == ["orders", "kept", "first_contacts"]
    assert told["orders"] == {
        "key": "orders",
        "label": "订单量",
        "done": 2,
        "needed": 6,
        "per_day_left": 4 / 8,
        "projected": 2 * 18 / 10,
    }
    assert (told["first_contacts"]["done"], told["first_contacts"]["per_day_left"]) == (5, 15 / 8)
    out = call("plan", "-C", shop, "--as-of", "2026-10-20").out
    assert "到今天：10/18 天（55.6%），达成 33.3%  落后" in out
    assert row(out.partition("到今天")[2], "订单量", 5) == ["2", "6", "0.5", "3.6"]


def test_how_far_a_month_is_goes_by_the_calendar_of_the_workspace(shop: Path) -> None:
    (shop / "kpicli.toml").write_text('book = "haima"\ncalendar = "days"\n', encoding="utf-8")
    pace = planned(shop, "--days", 5)["pace"]
    assert (pace["passed"], pace["days"]) == (20, 31)
    assert planned(shop, "--days", 5)["days"] == 5


@pytest.mark.parametrize(("target", "light"), [(3, "good"), (3.6, "good"), (3.7, "near"), (4, "near"), (4.1, "bad")])
def test_the_light_of_a_running_month(target: float, light: str, shop: Path) -> None:
    assert planned(shop, "--target", target)["pace"]["status"] == light  # due on the 20th: 10/18 of it


def test_before_the_first_working_day_nothing_is_projected(shop: Path) -> None:
    pace = planned(shop, today="2026-10-05")["pace"]  # the national holiday lasts to the 7th
    assert pace["passed"] == 0
    assert {one["projected"] for one in pace["quantities"]} == {None}


def test_a_month_that_is_over_and_one_that_has_not_begun(shop: Path) -> None:
    over = planned(shop, "--month=2026-10", today="2026-11-05")["pace"]
    assert (over["passed"], over["days"]) == (18, 18)
    assert {one["per_day_left"] for one in over["quantities"]} == {None}
    assert over["quantities"][0]["projected"] == 2
    assert "这个月已经过完" in call("plan", "-C", shop, "--as-of=2026-11-05", "--month=2026-10").out
    ahead = planned(shop, "--month=next")
    assert (ahead["month"], ahead["base"], ahead["pace"]) == ("2026-11", ["2026-09"], None)
    assert planned(shop, today="2026-11-05")["pace"] is None
    assert "2026-11 还没有数据，看不出进度" in call("plan", "-C", shop, "--as-of=2026-11-05").out
    assert planned(shop, "--month=last", "--base=2026-09", "--target=5")["month"] == "2026-09"


def test_who_has_a_target_of_his_own_has_his_own_line_and_the_others_equal_parts(shop: Path) -> None:
    shares = planned(shop)["shares"]  # of 6: 4 are one's own, the other consultant of September has the rest
    assert [(one["consultant"], one["heads"], one["target"]) for one in shares] == [("张伟", 1, 4), (None, 1, 2)]
    assert [one["needed"]["first_contacts"] for one in shares] == [pytest.approx(20 * 4 / 6), pytest.approx(20 * 2 / 6)]
    more = planned(shop, "--consultants", 5)["shares"]
    assert [(one["heads"], one["target"]) for one in more] == [(1, 4), (4, 0.5)]
    assert sum(one["needed"]["orders"] * one["heads"] for one in more) == 6
    out = call("plan", "-C", shop, "--as-of", "2026-10-20").out
    assert row(out, "张伟", 4) == ["4", "8", "13.4"]
    assert "其余 1 位，各" in out
    assert "各人的目标合计" not in out


def test_targets_of_consultants_alone_add_up_to_the_stores(shop: Path) -> None:
    found = planned(shop, "--month=next")
    assert found["goal"]["target"] == 9
    assert [one["target"] for one in found["shares"]] == [4, 5]
    out = call("plan", "-C", shop, "--as-of=2026-10-20", "--month=next", "--target=10").out
    assert "各人的目标合计 9，不等于全店的 10" in out


def test_nobody_with_a_target_of_his_own_is_said(shop: Path) -> None:
    (shop / "targets.toml").write_text("[2026-12]\nsales = 6\n", encoding="utf-8")
    ended = call("plan", "-C", shop, "--as-of=2026-10-20", "--month=2026-12")
    assert "没有各人的目标，2 位平分" in ended.out
    assert "目标：订单量 6 台（定的是总销量）" in ended.out
    found = planned(shop, "--month=2026-12")
    assert (found["goal"]["key"], found["goal"]["target_of"]) == ("orders", "sales")  # cars are planned in either


def test_a_target_of_something_else_is_no_part_of_the_stores(shop: Path) -> None:
    text = '[2026-12]\norders = 6\n[2026-12.consultant."张伟"]\nsales = 2\n'
    (shop / "targets.toml").write_text(text, encoding="utf-8")
    assert [one["consultant"] for one in planned(shop, "--month=2026-12")["shares"]] == [None]
    assert [one["target"] for one in planned(shop, "--month=2026-12", "--target=6")["shares"]] == [2, 4]


def test_a_target_that_means_nothing_is_told(shop: Path) -> None:
    (shop / "targets.toml").write_text("[2026-10]\nordres = 6\n", encoding="utf-8")
    assert "ordres" in call("plan", "-C", shop, "--as-of=2026-10-20").err
    assert call("plan", "-C", shop, "--as-of=2026-10-20", "-q").err == ""


def test_a_target_that_is_reached_without_the_lever(shop: Path) -> None:
    words = ("--set=return_visits=100", "--target=6")
    found = planned(shop, *words)
    assert found["lever"] == {"key": "first_contacts", "needed": 0, "reason": "enough", "per_goal": 1 / 0.3}
    assert values(found, "needed")["orders"] == 50
    assert "不靠新的 首次来电来访量，订单量 就到目标了" in call("plan", "-C", shop, "--as-of=2026-10-20", *words).out


def test_a_target_that_nothing_reaches(shop: Path) -> None:
    words = ("--set=close_rate=0", "--target=6")
    found = planned(shop, *words)
    assert found["lever"] == {"key": "first_contacts", "needed": None, "reason": "no_effect", "per_goal": None}
    assert values(found, "needed")["return_visits"] == 0
    out = call("plan", "-C", shop, "--as-of=2026-10-20", *words).out
    assert "首次来电来访量 再多，订单量 也不会增加" in out


def test_without_a_target_what_if_stands_alone(shop: Path) -> None:
    words = ("--month=2026-12", "--set=close_rate=60%")
    found = planned(shop, *words)
    assert (found["goal"]["target"], found["lever"]["needed"], found["shares"]) == (None, None, [])
    assert found["what_if"]["goal"]["set"] == pytest.approx(3.6)
    assert "没有 2026-12 的目标" in call("plan", "-C", shop, "--as-of=2026-10-20", *words).out


# What is refused


@pytest.mark.parametrize(
    ("words", "code", "exit_code", "said"),
    [
        ("--book scorecard --target 3", "no_tree", 2, "buick, haima, handbook"),
        ("--month 2026-12", "no_plan_target", 5, "没有 2026-12 的订单量目标"),
        ("--set close_rat=0.2", "unknown_quantity", 2, "是否想写 close_rate？"),
        ("--set S3=0.2", "not_in_tree", 2, "S3 是 haima 的指标"),
        ("--set kept=20", "set_follows", 2, "首次来电来访量、客户资料留有率"),
        ("--set orders=20", "set_follows", 2, "接待意向客户数、成交率"),
        ("--set info_retention_rate=0.9 --set info_keep_rate=0.91", "set_twice", 2, "客户资料留有率 给了两次"),
        ("--set close_rate=0.9 --set close_rate=0.91", "set_twice", 2, "close_rate 给了两次"),
        ("--set close_rate", "bad_set", 2, "--set close_rate 看不懂"),
        ("--set close_rate=much", "bad_set", 2, "close_rate=much"),
        ("--set =0.3", "bad_set", 2, "--set =0.3 看不懂"),
        ("--set close_rate=21", "bad_set_rate", 2, "成交率 不能是 21"),
        ("--set close_rate=-0.1", "bad_set_rate", 2, "-0.1"),
        ("--set close_rate=101%", "bad_set_rate", 2, "1.01"),
        ("--set close_rate=nan", "bad_set_rate", 2, "nan"),
        ("--set return_visits=-1", "bad_set_count", 2, "二次来店客户 不能是 -1"),
        ("--set return_visits=inf", "bad_set_count", 2, "inf"),
        ("--set return_visits=1e999", "bad_set_count", 2, "inf"),
        ("--target 0", "plan_number", 2, "--target 要大于 0"),
        ("--target nan", "plan_number", 2, "nan"),
        ("--target inf", "plan_number", 2, "inf"),
        ("--target 1e300", "plan_number", 2, "小于十亿"),
        ("--set return_visits=1e30", "bad_set_count", 2, "不大于十亿"),
        ("--base 2026-10", "base_not_over", 2, "2026-10 还没有过完"),
        ("--base 2026-03", "no_data_for_month", 5, "2026-03"),
        ("--month 2026-9", "bad_month_option", 2, "2026-9"),
        ("--month 2026-09", "no_data", 5, "还没有"),
        ("--dealer 别家", "unknown_dealer", 5, "别家"),
        ("--consultants 0", "usage", 2, "consultants"),
    ],
)
def test_what_cannot_be_is_refused_with_its_code(words: str, code: str, exit_code: int, said: str, shop: Path) -> None:
    ended = call("plan", "-C", shop, "--as-of=2026-10-20", *words.split(), "--json")
    assert (ended.code, ended.document["error"]["code"]) == (exit_code, code)
    if code != "no_data":
        assert said in ended.err
    if exit_code == 2 and code != "usage":
        english = call("plan", "-C", shop, "--as-of=2026-10-20", *words.split(), "--lang=en")
        assert english.err.startswith("Error: ")
        assert "{" not in english.err


def test_without_data_the_missing_drivers_are_named() -> None:
    ended = call("plan", "--book=haima", "--set=close_rate=0.2", "--target=60", "--json")
    assert (ended.code, ended.document["error"]["code"]) == (5, "plan_missing")
    assert "客户资料留有率（info_keep_rate）、二次来店客户（return_visits）" in ended.err
    assert "first_contacts" not in ended.err  # that is what is sought
    ended = call("plan", "--book=haima", "--set=close_rate=0.2", "--lang=en")
    assert "First contacts (first_contacts), Customer data kept (info_keep_rate)" in ended.err
    assert call("plan", "--book=haima", "--set=close_rate=0.2", "--base=2026-09", "--json").document["error"][
        "code"
    ] == ("no_data")


def test_without_data_and_without_anything_set_it_is_as_for_every_command() -> None:
    assert call("plan", "--target=60", "--json").document["error"]["code"] == "no_workspace"
    assert call("plan", "--target=60", "--store=nothing", "--json").document["error"]["code"] == "no_data"
    assert list(Path().iterdir()) == []  # and nothing is made


def test_a_base_month_without_a_rate_names_it(shop: Path) -> None:
    with pytest.raises(NothingToReport) as caught:
        plan(kpicli.open_workspace(shop), "2026-11", book="buick", target=60, today=date(2026, 11, 5))
    assert caught.value.code == "plan_missing"
    assert "2026-10 算不出" in str(caught.value)
    assert "展厅以外的销量（other_sales）" in str(caught.value)  # there are no invoices


def test_python_is_refused_what_the_options_refuse(shop: Path) -> None:
    workspace = kpicli.open_workspace(shop)
    for option in ("consultants", "days", "months"):
        with pytest.raises(UsageError, match=f"--{option}"):
            plan(workspace, "2026-10", today=date(2026, 10, 20), **{option: 0})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "number"), [("21%", 0.21), ("21％", 0.21), ("0.21", 0.21), (" .21 ", 0.21), ("57.3%", 0.573), ("1%", 0.01)]
)
def test_a_rate_may_be_written_in_either_way(text: str, number: float, shop: Path) -> None:
    assert values(planned(shop, f"--set=close_rate={text}"), "set")["close_rate"] == number


def test_numbers_may_have_commas(shop: Path) -> None:
    assert values(planned(shop, "--set=first_contacts=1,200"), "set")["first_contacts"] == 1200


# What is said


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("book", PLANNED)
def test_a_plan_fits_into_eighty_columns_and_a_gbk_pipe(book: str, language: str, sample: Sample) -> None:
    tree_ = tree(book)
    rate = next(one.key for one in tree_.drivers if one.unit == "%")
    words = ("--month=2026-10", f"--set={rate}=20%", "--store", sample[0].store, "--lang", language, "--book", book)
    ended = call("plan", "--as-of=2026-10-20", *words, COLUMNS="80")
    assert (ended.code, ended.err) == (0, "")
    assert max(map(cell_len, ended.out.splitlines())) <= 80
    assert ended.out == call("plan", "--as-of=2026-10-20", *words, encoding="gbk", COLUMNS="80").out
    assert "\x1b" not in ended.out
    for quantity_ in tree_.quantities.values():
        assert quantity_.words[language] in ended.out.replace("\n", "")  # type: ignore[index]
    if language == "en":
        people = ("上海示例别克", "张伟", "李娜", "王磊", "陈静", "赵敏", "刘洋", "周强")
        for name in people:
            ended = Ended(0, ended.out.replace(name, ""), "")
        assert not HAN.search(ended.out)


def test_the_document_and_the_tables_say_the_same(sample: Sample) -> None:
    words = (*PLAN, "--book=haima", "--target=60", "--store", sample[0].store)
    found, out = call(*words, "--json").document, call(*words).out
    assert list(found) == [
        "command",
        "month",
        "book",
        "dealer",
        "base",
        "goal",
        "lever",
        "consultants",
        "days",
        "quantities",
        "shares",
        "what_if",
        "pace",
    ]
    for entry in found["quantities"]:
        told = row(out, entry["label"], 3)
        if entry["unit"] == "%":
            assert told == [f"{entry['own']:.1%}", f"{entry['needed']:.1%}"]
        else:
            assert told == [f"{entry['own']:.0f}", str(ceil(round(entry["needed"], 9)))]
    labels = [line.split()[0] for line in out.split("需要")[1].splitlines()[2:] if line and not line.startswith(" ")]
    assert labels[:7] == [entry["label"] for entry in reversed(found["quantities"])], "from the target down"


def test_names_from_outside_cannot_steer_a_terminal(shop: Path) -> None:
    (shop / "targets.toml").write_text('[2026-10.consultant."张\\u001b[31m伟"]\norders = 3\n', encoding="utf-8")
    out = call("plan", "-C", shop, "--as-of=2026-10-20").out
    assert "\x1b" not in out
    assert "[31m伟" in out


# The definition of a tree

QUANTITY = '[[tree.quantities]]\nkey = "{}"\nlabel = "数"\nlabel_en = "Number"\nunit = ""\n'


def own_tree(goal: str, *quantities: tuple[str, str], lever: str = "a", more: str = "") -> str:
    head = f'extends = "haima"\n[tree]\ngoal = "{goal}"\nlever = "{lever}"\n{more}\n'
    return head + "".join(QUANTITY.format(key) + line + "\n" for key, line in quantities)


A = ("a", 'measured = "first_visits"')
B = ("b", 'measured = "orders"')


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        (own_tree("c", A, B, ("c", 'follows = "a * d"')), "tree.quantities.c.follows", "没有 d 这个在前的数量"),
        (own_tree("c", A, ("c", 'follows = "a * "')), "tree.quantities.c.follows", "ends too early"),
        (own_tree("c", A, ("c", 'follows = "a / 2"')), "tree.quantities.c.follows", "不能除"),
        (own_tree("c", A, ("c", 'follows = "a * a"')), "tree.quantities.c", "一次式"),
        (own_tree("c", A, ("c", 'follows = "abs(a)"')), "tree.quantities.c", "一次式"),
        (own_tree("c", A, B, ("c", 'follows = "2 * b"')), "tree.goal", "不随 a 变"),
        (own_tree("x", A), "tree.goal", "没有 x 这个数量"),
        (own_tree("c", A, ("c", 'follows = "a"'), lever="c"), "tree.lever", "没有 c 这个要计数的数量"),
        (own_tree("a", A, A), "tree.quantities.a", "重复"),
        (own_tree("a", A, ("b", 'measured = "orders"\naliases = ["a"]')), "tree.quantities.b", "重复"),
        (own_tree("a", A, ("b", "")), "tree.quantities.b.measured", "要写 measured 或 follows"),
        (own_tree("a", A, ("training_pass_rate", "")), "tree.quantities.training_pass_rate.measured", "有公式"),
        (own_tree("a", A, ("b", 'measured = "order"')), "tree.quantities.b.measured", "没有 order 这个度量"),
        (own_tree("a", A, ("b", 'measured = "planned_sales"')), "tree.quantities.b.measured", "目标不是数出来的"),
        (own_tree("a", A, ("b", 'measured = "orders"\nfollows = "a"')), "tree.quantities.b.follows", "只写一个"),
        (own_tree("a", A, ("b", 'measured = "orders"\ndayly = true')), "tree.quantities.b.dayly", "不认得的键"),
        (own_tree("a", A, more='target = ["sells"]'), "tree.target", "没有 sells 这个指标"),
        (own_tree("a", A, more="levr = 1"), "tree.levr", "不认得的键"),
        ("extends = 'haima'\ntree = 3\n", "tree", "应为 表"),
    ],
)
def test_a_mistake_in_a_tree_is_named(text: str, key: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "own.toml").write_text(text, encoding="utf-8")
    _, mistakes = loading.check(tmp_path)
    assert [(mistake.file, mistake.key) for mistake in mistakes] == [("books/own.toml", key)]
    assert said in mistakes[0].message


@pytest.mark.parametrize("row", ["key = [1]", "", "key = ''"])
def test_a_quantity_without_a_name_is_a_mistake_and_no_crash(row: str, tmp_path: Path) -> None:
    (tmp_path / "books").mkdir()
    text = own_tree("a", A) + f"[[tree.quantities]]\n{row}\n"
    (tmp_path / "books" / "own.toml").write_text(text, encoding="utf-8")
    _, mistakes = loading.check(tmp_path)
    assert {mistake.key for mistake in mistakes} >= {"tree.quantities..label", "tree.quantities..measured"}


def test_a_tree_of_ones_own(shop: Path) -> None:
    text = own_tree("c", A, B, ("c", 'follows = "3 * a - b"'))
    (shop / "books").mkdir()
    (shop / "books" / "own.toml").write_text(text, encoding="utf-8")
    found = planned(shop, "--book=own", "--target=27")
    assert values(found, "own") == {"a": 10, "b": 3, "c": 27}
    assert values(found, "needed") == {"a": 10, "b": 3, "c": 27}
    assert " = 3 × 数 - 数" in call("plan", "-C", shop, "--as-of=2026-10-20", "--book=own", "--target=27").out


def test_a_tree_that_does_not_lead_to_the_reports_number_is_told(shop: Path) -> None:
    (shop / "books").mkdir()
    (shop / "books" / "own.toml").write_text(own_tree("orders", A, ("orders", 'follows = "2 * a"')), encoding="utf-8")
    assert planned(shop, "--book=own")["goal"]["reported"] == 3
    words = ("-C", shop, "--as-of=2026-10-20")
    assert "这棵销量树算出的数是 20，报表里是 3" in call("plan", *words, "--book=own").out
    assert "报表里是" not in call("plan", *words).out
    assert planned(shop, "--book=own")["pace"]["quantities"][0]["done"] == 2  # the report's, not twice the visits


def test_what_a_target_is_of_belongs_to_the_book(tmp_path: Path) -> None:
    (tmp_path / "books").mkdir()
    text = own_tree("a", A, more='target = ["warranty_sales"]')
    (tmp_path / "books" / "own.toml").write_text(text, encoding="utf-8")
    assert loading.load(tmp_path).books["own"].label_of("warranty_sales")


def test_a_book_that_extends_has_the_tree_of_the_other(tmp_path: Path) -> None:
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "own.toml").write_text('extends = "haima"\nlabel = "店内"\n', encoding="utf-8")
    found = loading.load(tmp_path).books["own"].tree
    assert found == TREES["haima"]


@pytest.mark.parametrize("book", PLANNED)
def test_every_quantity_is_found_by_all_its_names(book: str) -> None:
    for one in tree(book).quantities.values():
        for name in (one.key, one.label, one.label_en, *one.aliases, *filter(None, [one.code])):
            assert tree(book).find(name) == one
    assert tree(book).find("") is None
