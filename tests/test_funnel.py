"""The funnel: its counts are the measures', its cohort a plain walk's, its bridge closes, small numbers stay small."""

import json
import shutil
from collections import defaultdict
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kpicli
from kpicli.catalogue import Funnel, Stage
from kpicli.cohort import Cohort, cohort
from kpicli.measure import measure
from kpicli.pipeline.funnel import funnel
from kpicli.pipeline.ingest import Ingested
from kpicli.read import ReaderPool
from kpicli.stages import Branch, beside, branch, differences, leak, ranked, wilson
from kpicli.workspace import Workspace
from tests.conftest import NOW, TODAY
from tests.sample.count import PHONE
from tests.test_cli import call
from tests.test_measure import BOOK, CATALOGUE, MONTH, Held, Row, slow, stores

Sample = tuple[Workspace, Ingested]
SALES = BOOK.funnels["sales"]
MONTHS = ("2026-08", "2026-09", "2026-10")
GROUPS = ("consultant", "model", "source", "channel", "week", "day")


# As the month counts it


@pytest.mark.parametrize("month", MONTHS)
@pytest.mark.parametrize("book", ["buick", "haima", "handbook"])
def test_every_stage_is_the_sum_of_the_reports_measures_in_total_and_in_every_group(
    book: str, month: str, sample: Sample
) -> None:
    house = CATALOGUE.books[book]
    report, _ = kpicli.report(sample[0], month, book=book, by=GROUPS, today=TODAY)
    for key in house.funnels:
        found = funnel(sample[0], month, book=book, chain=key, by=GROUPS, today=TODAY)
        equals(found.whole, report.total.measures)
        for dimension in GROUPS:
            for name, one in found.by[dimension].items():
                equals(one, report.by[dimension][name].measures)
            missing = report.by[dimension].keys() - found.by[dimension].keys()
            used = house.funnels[key].measures
            assert not any(report.by[dimension][name].measures[key] for name in missing for key in used)


def equals(one: Branch, measures: Any) -> None:
    for step in one.steps:
        parts = [measures[key] for key in step.stage.measures]
        assert step.count == (None if not parts or None in parts else sum(parts)), step.stage.key
        assert (step.count is None) == (step.reason is not None)


@pytest.mark.parametrize("month", MONTHS[1:])
def test_the_month_before_is_that_months_funnel(month: str, sample: Sample) -> None:
    before = funnel(sample[0], MONTHS[MONTHS.index(month) - 1], today=TODAY)
    found = funnel(sample[0], month, today=TODAY)
    assert [step.previous for step in found.whole.steps] == [step.count for step in before.whole.steps]
    assert [step.previous_rate for step in found.whole.steps] == [step.from_previous for step in before.whole.steps]


def test_the_parts_add_up_where_rows_are_counted(sample: Sample) -> None:
    found = funnel(sample[0], "2026-10", by=GROUPS, today=TODAY)
    assert not found.findings
    traffic = found.whole.step("traffic").count
    for dimension in ("consultant", "model", "source", "channel", "week", "day"):
        assert sum(one.step("traffic").count or 0 for one in found.by[dimension].values()) == traffic, dimension


def test_parts_that_do_not_add_up_are_told() -> None:
    whole, part = told(orders=9), told(orders=4)
    assert differences(whole, [part, part], {"orders"}) == {"orders": -1}
    assert not differences(whole, [part, part], set())


# The customers first met


def walk(rows: dict[str, list[Row]], until: date, within: int | None) -> tuple[dict[str, int], dict[str, Any]]:
    """The cohort by plain loops: how many came to each stage, and the days each needed."""
    records: dict[str, list[tuple[str, date, int]]] = defaultdict(list)
    first: dict[str, date] = {}

    def note(phone: Any, stage: str, day: date | None, value: int = 1) -> None:
        if phone and PHONE.fullmatch(phone) and day is not None and day <= until:
            records[phone].append((stage, day, value))

    def seen(phone: Any, day: date) -> None:
        if phone and PHONE.fullmatch(phone):
            first[phone] = min(day, first.get(phone, day))

    visits = sorted(rows["visits"], key=lambda row: row["date"])
    for row in visits:
        seen(row["phone"], row["date"])
        called = row["channel"] == "来电" and row["contact"] == "首次"
        earlier = [other for other in visits if other["phone"] == row["phone"] and other["date"] < row["date"]]
        after_call = (
            bool(row["phone"] and PHONE.fullmatch(row["phone"]))
            and any(other["channel"] == "来电" for other in earlier)
            and not any(other["channel"] == "来店" for other in earlier)
        )
        came = row["channel"] == "来店" and row["contact"] == "首次" and not after_call
        if called or came:
            note(row["phone"], "traffic", row["date"])
            if row["retained"]:
                note(row["phone"], "retained", row["date"])
    for row in rows["test_drives"]:
        seen(row["phone"], row["date"])
        note(row["phone"], "test_drives", row["date"])
    for row in rows["intentions"]:
        seen(row["phone"], row["created"])
        note(row["phone"], "orders", row["order_date"])
    for row in rows["invoices"]:
        seen(row["phone"], row["date"])
        if row["channel"] == "展厅":
            note(row["phone"], "sales", row["date"], -1 if row["kind"] == "红字" else 1)
    start, end = MONTH.period.start, MONTH.period.end
    cohort_of = [
        phone
        for phone, notes in records.items()
        if start <= first[phone] and any(stage == "traffic" and start <= day < end for stage, day, _ in notes)
    ]
    keys = [stage.key for stage in SALES.stages]
    counts, steps = dict.fromkeys(keys, 0), defaultdict(list)
    for phone in cohort_of:
        last = until if within is None else first[phone] + timedelta(days=within)
        own = [entry for entry in records[phone] if start <= entry[1] <= last]
        reached = {
            key: min(day for stage, day, _ in own if stage == key)
            for key in keys
            if sum(value for stage, _, value in own if stage == key) > 0
        }
        for key in reached:
            counts[key] += 1
        for before, after in pairwise(keys):
            if before in reached and after in reached and reached[after] >= reached[before]:
                steps[after].append((reached[after] - reached[before]).days)
    return counts, {key: median(days) for key, days in steps.items()}


@slow
@given(
    stores, st.sampled_from([date(2026, 10, 31), date(2026, 11, 5), date(2026, 12, 1)]), st.sampled_from([None, 0, 7])
)
def test_any_cohort_is_the_one_of_a_plain_walk(rows: dict[str, list[Row]], until: date, within: int | None) -> None:
    found = cohort(CATALOGUE, BOOK, SALES, Held(rows), MONTH.period, until, by=["consultant"], within=within)
    counts, medians = walk(rows, until, within)
    assert found.whole.counts == counts
    assert {key: days for key, days in found.whole.median_days.items() if days is not None} == medians
    assert found.whole.size == counts["traffic"]
    assert sum(part.size for part in found.by["consultant"].values()) == found.whole.size
    for key in counts:
        assert sum(part.counts[key] or 0 for part in found.by["consultant"].values()) == counts[key]


@slow
@given(stores, st.sampled_from([date(2026, 10, 31), date(2026, 11, 5)]), st.sampled_from([None, 3]))
def test_the_bridge_leads_from_the_months_count_to_the_cohorts(
    rows: dict[str, list[Row]], until: date, within: int | None
) -> None:
    held = Held(rows)
    found = cohort(CATALOGUE, BOOK, SALES, held, MONTH.period, until, within=within)
    values = measure(CATALOGUE, BOOK, held, [MONTH.period]).values[str(MONTH), "", ""]
    for stage in SALES.stages:
        bridge = found.bridges[stage.key]
        assert bridge.period == sum(values[key] or 0 for key in stage.measures), stage.key
        assert bridge.period + sum(bridge.lines.values()) == bridge.cohort == found.whole.counts[stage.key]


def test_every_customer_of_a_cohort_has_bought_is_lost_or_still_runs(sample: Sample) -> None:
    for month in MONTHS:
        whole = followed(sample, month).whole
        assert (whole.counts["sales"] or 0) + whole.lost + whole.running == whole.size


def test_the_longer_a_cohort_is_followed_the_further_it_came(sample: Sample) -> None:
    short, long, all_of_it = (followed(sample, "2026-08", within=days).whole for days in (7, 40, None))
    for key in ("orders", "sales"):
        assert (short.counts[key] or 0) < (long.counts[key] or 0) <= (all_of_it.counts[key] or 0)
    assert short.running == 0  # the week of everybody is over
    assert all_of_it.running > 0


def followed(sample: Sample, month: str, within: int | None = None) -> Cohort:
    found = funnel(sample[0], month, cohort=True, within=within, today=TODAY).cohort
    assert found is not None
    return found


# Small numbers


def test_the_interval_is_wilsons() -> None:
    """5 of 10 and 0 of 10 as they are printed in textbooks."""
    assert wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=5e-5)
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=5e-5)
    assert wilson(0, 0) is None
    assert wilson(11, 10) is None


@given(st.integers(1, 500), st.data())
def test_the_interval_holds_the_share_and_narrows_with_more(of: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, of))
    low, high = wilson(count, of) or (1, 0)
    assert 0 <= low < high <= 1
    assert low - 1e-12 <= count / of <= high + 1e-12
    wide, ten_times = high - low, wilson(10 * count, 10 * of) or (0, 1)
    assert ten_times[1] - ten_times[0] < wide


def chain(minimum: int = 10) -> Funnel:
    stages = tuple(Stage(key, key, key, key, (key,)) for key in ("traffic", "retained", "orders", "sales"))
    return Funnel("sales", "", "", stages, goal="orders", minimum=minimum)


def told(**counts: int) -> Branch:
    return branch(chain(), dict.fromkeys(("traffic", "retained", "orders", "sales")) | counts, {})


def test_the_leak_is_where_the_stores_rate_would_bring_most() -> None:
    """40 × (0.75 − 0.5) × 12/20 = 6 at retention, 20 × (0.8 − 0.6) = 4 at orders; what comes after is no leak to it."""
    whole = told(traffic=400, retained=300, orders=240, sales=240)
    own = beside(chain(), told(traffic=40, retained=20, orders=12, sales=1), whole)
    assert own.leak is not None
    assert (own.leak.step.stage.key, own.leak.rate, own.leak.gain) == ("retained", 0.75, pytest.approx(6))


def test_no_leak_is_named_from_too_few_or_where_nothing_is_below() -> None:
    whole = told(traffic=400, retained=300, orders=240, sales=240)
    assert beside(chain(), told(traffic=9, retained=1, orders=0, sales=0), whole).leak is None
    assert beside(chain(), told(traffic=40, retained=30, orders=24, sales=0), whole).leak is None


def test_a_group_without_a_stage_is_held_against_the_same_step_of_the_store() -> None:
    """Sources have no test drives: their orders are of the retained, and so is the rate beside them."""
    whole = told(traffic=100, retained=50, orders=10, sales=10)
    own = beside(chain(), told(traffic=100, orders=5, sales=5), whole)
    assert own.step("orders").base == "traffic"
    assert own.step("orders").team == pytest.approx(0.1)


def test_a_leak_against_last_month() -> None:
    stages = ("traffic", "retained", "orders", "sales")
    now, before = (dict(zip(stages, counts, strict=True)) for counts in ((100, 50, 10, 8), (100, 60, 30, 30)))
    found = leak(chain(), branch(chain(), now, {}, previous=before), "previous")
    assert found is not None
    assert (found.step.stage.key, found.gain) == ("orders", pytest.approx(15))


def test_equals_share_a_rank_and_too_few_have_none() -> None:
    branches = {
        "甲": told(traffic=20, retained=20, orders=10, sales=0),
        "乙": told(traffic=40, retained=20, orders=20, sales=0),
        "丙": told(traffic=50, retained=20, orders=5, sales=0),
        "丁": told(traffic=9, retained=9, orders=9, sales=0),
        "未分配": told(traffic=99, retained=99, orders=99, sales=0),
    }
    found = ranked(chain(), branches, {"未分配"})
    assert {name: (one.rank, one.enough) for name, one in found.items()} == {
        "甲": (1, True),
        "乙": (1, True),
        "丙": (3, True),
        "丁": (None, False),
        "未分配": (None, True),
    }


def test_a_rate_is_marked_only_where_chance_does_not_explain_it() -> None:
    whole = told(traffic=1000, retained=700, orders=100, sales=100)
    few = beside(chain(), told(traffic=10, retained=5, orders=1, sales=1), whole)
    many = beside(chain(), told(traffic=100, retained=50, orders=90, sales=1), whole)
    assert [step.differs for step in few.steps[1:3]] == [0, 0]
    assert [step.differs for step in many.steps[1:3]] == [-1, 0]  # 90 of 50 is no share


# As a user runs it


def run(sample: Sample, *words: object) -> Any:
    return call("funnel", "--month", "2026-10", "--store", sample[0].store, *words)


def test_the_funnel_and_the_league_fit_into_80_columns(sample: Sample) -> None:
    for words in ((), ("--consultant",), ("--consultant", "赵敏"), ("--cohort",), ("--by", "week"), ("--lost",)):
        ended = call("funnel", "--month", "2026-10", "--store", sample[0].store, *words, COLUMNS="80")
        assert ended.code == 0, ended.err
        lines = ended.out.splitlines()
        assert max(sum(2 if "\u2e80" <= letter <= "\uffef" else 1 for letter in line) for line in lines) <= 80
        assert "▏" in ended.out or "█" in ended.out or words in (("--consultant",), ("--by", "week"), ("--lost",))


def test_one_consultant_stands_beside_the_team_with_the_largest_leak(sample: Sample) -> None:
    found = funnel(sample[0], "2026-10", by=["consultant"], today=TODAY).by["consultant"]["赵敏"]
    assert found.leak is not None
    ended = run(sample, "--consultant", "赵敏")
    assert "第 5 名，共 7 名" in ended.out
    assert f"最大流失在试驾：17.6%，全店 55.1%；按全店的转化率 订单 +{found.leak.gain:.1f}" in ended.out


def test_consultant_without_a_name_is_everybody_wherever_it_stands(sample: Sample) -> None:
    store = sample[0].store
    first = call("funnel", "--consultant", "--month", "2026-10", "--store", store)
    last = call("funnel", "--month", "2026-10", "--store", store, "--consultant")
    assert first.out == last.out
    assert "名次" in first.out
    assert "客流  █" not in first.out
    assert call("funnel", "--consultant", "赵敏", "--store", store).out == run(sample, "--consultant=赵敏").out


def test_a_name_that_is_not_there_is_told_with_those_that_are(sample: Sample) -> None:
    ended = run(sample, "--consultant", "赵明", "--json")
    assert ended.code == 5
    assert "赵敏" in ended.err


def test_the_document_has_the_shape_of_the_contract(sample: Sample) -> None:
    document = run(sample, "--json").document
    assert {"command", "month", "view", "stages", "by", "findings"} <= document.keys()
    assert (document["command"], document["view"]) == ("funnel", "period")
    assert [stage["label"] for stage in document["stages"]] == ["客流", "留档", "试驾", "订单", "成交"]
    for stage in document["stages"]:
        assert {"stage", "label", "count", "from_previous", "from_top"} <= stage.keys()
    assert document["by"].keys() == {"consultant", "model", "source", "week"}
    assert len(document["by"]["consultant"]["张伟"]["stages"]) == 5
    cohort_document = run(sample, "--cohort", "--within", "30", "--json").document
    assert cohort_document["view"] == "cohort"
    for bridge in cohort_document["cohort"]["bridge"].values():
        assert bridge["cohort"] == sum(value for key, value in bridge.items() if key != "cohort")


def test_what_a_book_does_not_have_is_refused(sample: Sample) -> None:
    for words, code in (
        (("--book", "zhengtong"), "no_funnel"),
        (("--chain", "nine"), "unknown_funnel"),
        (("--within", "3"), "within_alone"),
        (("--by", "colour"), "unknown_grouping"),
    ):
        ended = run(sample, *words, "--json")
        assert (ended.code, ended.document["error"]["code"]) == (2, code)


def test_no_customer_is_named_in_full(sample: Sample) -> None:
    names = set(kpicli.export(sample[0], "intentions", show_pii=True, today=TODAY)["customer"].drop_nulls())
    masked = run(sample, "--check", "-v").out + json.dumps(
        run(sample, "--check", "--json").document, ensure_ascii=False
    )
    assert not [name for name in names if len(name) > 2 and name in masked]
    open_ = run(sample, "--check", "-v", "--show-pii").out
    assert [name for name in names if name in open_]


def test_losses_add_up_by_every_grouping(sample: Sample) -> None:
    report, _ = kpicli.report(sample[0], "2026-10", today=TODAY)
    told = run(sample, "--lost", "--json").document["lost"]
    assert told["count"] == report.total.measures["lost"] == 103
    for groups in told["by"].values():
        assert sum(one["count"] for one in groups.values()) == told["count"]
    rows = kpicli.export(sample[0], "intentions", show_pii=True, today=TODAY).to_dicts()
    days = [(row["lost_date"] - row["created"]).days for row in rows if str(row["lost_date"] or "")[:7] == "2026-10"]
    assert told["median_days"] == median(days)
    assert told["days"] == {
        "0–7": sum(day <= 7 for day in days),
        "8–30": sum(8 <= day <= 30 for day in days),
        "31–90": sum(31 <= day <= 90 for day in days),
        ">90": sum(day > 90 for day in days),
    }


def test_a_closed_months_funnel_stays_and_its_cohort_goes_on(sample: Sample, readers: ReaderPool) -> None:
    workspace = kpicli.open_workspace(store=shutil.copytree(sample[0].store, "store"))
    kpicli.close(workspace, "2026-10", today=TODAY, now=NOW)
    Path("后到.csv").write_text(
        "登记编号,日期,到店时间,客户姓名,联系电话,来访方式,接触类型,销售顾问,是否留档\n"
        "K1,2026-10-30,10:00,王五,19911112222,来店,首次,张伟,是\n",
        encoding="utf-8",
    )
    kpicli.ingest(workspace, [Path("后到.csv")], now=NOW + timedelta(days=1), readers=readers)
    before = funnel(sample[0], "2026-10", today=TODAY)
    after = funnel(workspace, "2026-10", today=TODAY)
    assert after.closed is not None
    assert [step.count for step in after.whole.steps] == [step.count for step in before.whole.steps]
    assert followed((workspace, sample[1]), "2026-10").whole.size == followed(sample, "2026-10").whole.size + 1
    then = funnel(workspace, "2026-10", known_on=NOW.date(), today=TODAY)
    assert then.known is not None
    assert [step.count for step in then.whole.steps] == [step.count for step in before.whole.steps]
