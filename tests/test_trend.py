"""Months in a row: control limits and signals, each value that of the month's own report, small pictures in a line."""

import random
import re
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

import kpicli
from kpicli.errors import NothingToReport, UsageError
from kpicli.periods import Month
from kpicli.pipeline import trend as trending
from kpicli.pipeline.ingest import Ingested
from kpicli.present import trend as present
from kpicli.present.terminal import render
from kpicli.present.values import bar, sparkline
from kpicli.read import ReaderPool
from kpicli.series import Limits, Point, judged
from kpicli.workspace import Workspace
from tests.conftest import NOW
from tests.test_cli import (
    call,
    shared_readers,  # noqa: F401 - a fixture: it works by being here
)

Sample = tuple[Workspace, Ingested]
AFTER = date(2026, 11, 22)
HAN = re.compile(r"[\u3400-\u9fff]")
KEYS = ("first_visits", "info_retention_rate", "showroom_visits")
"""A count, a rate, and a measure that is no KPI."""
VALUES = st.lists(st.one_of(st.none(), st.integers(0, 60)), min_size=1, max_size=30)


def points(values: Sequence[Any], *, running: bool = False) -> list[Point]:
    """A point for each value; the last may be a month that is not over."""
    last = len(values) - 1
    return [
        Point(
            f"{n:02d}", value, None, None, None if value is not None else "no_rows", None, running=running and n == last
        )
        for n, value in enumerate(values)
    ]


def limits(values: Sequence[Any], ceiling: int | None = None) -> Limits | None:
    return judged(points(values), ceiling)[1]


def signals(*values: Any) -> list[tuple[str, ...]]:
    return [point.signals for point in judged(points(values))[0]]


def fired(rule: str, *values: Any) -> list[int]:
    """The places at which a rule fires."""
    return [place for place, found in enumerate(signals(*values)) if rule in found]


# Limits


def test_the_limits_are_the_mean_and_2_66_mean_moving_ranges() -> None:
    found = limits([10, 12, 11, 13, 12, 14])  # moving ranges 2 1 2 1 2: mean 1.6
    assert found
    assert (found.centre, found.low, found.high) == pytest.approx((12, 12 - 2.66 * 1.6, 12 + 2.66 * 1.6))


def test_the_limits_stay_where_values_can_be_unless_values_are_elsewhere() -> None:
    for values, low in (([1, 9, 1, 9, 1, 9], 0), ([-1, 9, 1, 9, 1, 9], 14 / 3 - 2.66 * 8.4)):
        found = limits(values)
        assert found
        assert found.low == pytest.approx(low)
    rates = [0.9, 0.7, 0.95, 0.7, 0.9, 0.8]
    bounded, free, odd = limits(rates, 1), limits(rates), limits([1.2, *rates], 1)
    assert bounded
    assert free
    assert odd
    assert bounded.high == 1 < free.high
    assert odd.high > 1.2, "what is wrong in itself is not told by a limit"


@given(VALUES)
def test_the_limits_are_those_of_a_plain_reckoning(values: list[int | None]) -> None:
    known = [value for value in values if value is not None]
    ranges = [abs(a - b) for a, b in pairwise(values) if a is not None and b is not None]
    found = limits(values)
    if len(known) < 6 or len(ranges) < 5:
        assert found is None
    else:
        mean, reach = sum(known) / len(known), 2.66 * sum(ranges) / len(ranges)
        assert found
        assert (found.centre, found.low, found.high) == pytest.approx((mean, max(0, mean - reach), mean + reach))


def test_fewer_than_six_values_have_no_limits_and_no_signals() -> None:
    assert limits([1, 2, 3, 4, 5]) is None
    assert limits([1, 2, 3, 4, 5, 6]) is not None
    assert signals(1, 2, 3, 4, 500) == [()] * 5
    assert limits([1, None, 3, None, 5, None, 7, None, 9, None, 11]) is None, "no two months in a row"
    assert limits([1, 2, 3, None, 5, 6, 7]) is None, "four moving ranges"
    assert limits([1, 2, 3, 4, None, 5, 6, 7]) is not None


# Signals


def test_a_month_beyond_a_limit_is_told_and_one_within_it_is_not() -> None:
    """One odd month in the middle: 2.66 · 2d/(n − 1) + d/n is less than d from eight months on."""
    assert fired("outside", 10, 10, 10, 30, 10, 10, 10) == []
    assert fired("outside", 10, 10, 10, 30, 10, 10, 10, 10) == [3]
    assert fired("outside", 40, 40, 40, 20, 40, 40, 40, 40) == [3]
    assert fired("outside", 10, 10, 10, 10, 10, 30) == [5], "the last enters one moving range only"


def test_the_eighth_month_on_one_side_is_told_and_the_seventh_is_not() -> None:
    high, low = [13, 12, 13, 12, 13, 12, 13], [7, 8, 7, 8, 7, 8, 7]
    assert fired("run", *high, *low) == []
    assert fired("run", *high, 12, *low) == [7]
    assert fired("run", *high, 12, 13, *low, 8) == [7, 8, 16]
    assert fired("run", 7, *high, 10, 13, *low) == [], "on the centre is on neither side"
    assert fired("run", *high, None, 13, *low) == [], "and so is a month without a value"


def test_the_sixth_month_that_rises_or_falls_is_told_and_the_fifth_is_not() -> None:
    assert fired("drift", 9, 1, 2, 3, 4, 5, 1) == []
    assert fired("drift", 9, 1, 2, 3, 4, 5, 6, 1) == [6]
    assert fired("drift", 1, 2, 3, 4, 5, 6, 7) == [5, 6]
    assert fired("drift", 7, 6, 5, 4, 3, 2, 1) == [5, 6]
    assert fired("drift", 1, 2, 3, 3, 4, 5, 6) == [], "as much as before is not more"
    assert fired("drift", 1, 2, 3, 4, None, 5, 6, 7) == []


@given(st.floats(-1e9, 1e9), st.integers(1, 40))
def test_a_series_that_stays_has_no_signal(value: float, count: int) -> None:
    assert signals(*[value] * count) == [()] * count


@given(VALUES, st.integers(1, 1000))
def test_a_larger_unit_scales_the_limits_and_changes_no_signal(values: list[int | None], factor: int) -> None:
    scaled = [None if value is None else value * factor for value in values]
    one, other = limits(values), limits(scaled)
    assert (one is None) == (other is None)
    if one and other:
        assert vars(other) == pytest.approx({name: value * factor for name, value in vars(one).items()})
    assert signals(*scaled) == signals(*values)


@given(VALUES)
def test_backwards_the_limits_are_the_same(values: list[int | None]) -> None:
    assert limits(values) == limits(values[::-1])


@given(VALUES, st.integers(0, 10_000))
def test_a_month_that_is_not_over_is_not_judged_and_moves_no_limit(values: list[int | None], value: int) -> None:
    found, bounds = judged(points([*values, value], running=True))
    without, same = judged(points(values))
    assert bounds == same
    assert [point.signals for point in found] == [*(point.signals for point in without), ()]
    assert found[-1].value == value


# Months of a store


def visits() -> Iterator[str]:
    """26 months of visits up to October 2026: more by and by, 王磊 from January 2026 on, none in March 2026."""
    chance = random.Random(5)
    month = Month(2024, 9)
    for number in range(26):
        staff = ["张伟", "李娜", "王磊"] if str(month) >= "2026-01" else ["张伟", "李娜"]
        for visit in range(0 if str(month) == "2026-03" else 8 + number // 2 + chance.randrange(6)):
            day, kept = f"{month}-{1 + visit % 28:02d}", chance.choice(["是", "是", "否"])
            yield f"{day},首次,来店,{kept},{chance.choice(staff)},19{number:03d}{visit:06d}"
        month = month.next


def stored(folder: Path, lines: Sequence[str], readers: ReaderPool) -> Workspace:
    folder.mkdir(exist_ok=True)
    header = "日期,来店性质,接触方式,是否留档,销售顾问,联系电话"
    (folder / "客流.csv").write_text("\n".join([header, *lines]), encoding="utf-8")
    found = kpicli.open_workspace(store=folder / "store")
    kpicli.ingest(found, [folder / "客流.csv"], now=NOW, readers=readers)
    return found


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, readers: ReaderPool) -> Workspace:
    return stored(tmp_path_factory.mktemp("trend"), list(visits()), readers)


def assert_as_reported(found: trending.Trended, workspace: Workspace, today: date) -> int:
    """Every value of a trend is that of the month's own report; give how many there are."""
    by = [found.dimension] if found.dimension else []
    count = 0
    for place, month in enumerate(found.months):
        if month == "2026-03":  # without any row; it has no report
            told = [series.points[place] for series in found.series]
            assert {(point.value, point.numerator, point.reason) for point in told} == {(None, None, "no_rows")}
            continue
        report, _ = kpicli.report(
            workspace, month, book=found.book.key, by=by, dealer=found.dealer, compare=["year"], today=today
        )
        group = report.by[found.dimension].get(found.group) if by else report.total
        for series in found.series:
            point = series.points[place]
            assert point.month == month
            assert point.running == (report.days is not None)
            count += point.value is not None
            if group is None:
                assert (point.value, point.reason) == (None, "no_rows")
            elif series.key in group.kpis:
                value = group.kpis[series.key]
                told = (value.value, value.numerator, value.denominator, value.reason, value.target)
                assert (point.value, point.numerator, point.denominator, point.reason, point.target) == told
                assert point.year_before == value.compared["year_before"]
            else:
                assert point.value == group.measures[series.key]
    return count


def test_twelve_months_are_twelve_reports_in_one_plan(store: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    plans = []
    plain = trending.measure

    def counted(*words: Any, **more: Any) -> Any:
        plans.append(len(words[3]))
        return plain(*words, **more)

    monkeypatch.setattr(trending, "measure", counted)
    found = kpicli.trend(store, KEYS, "2026-10", today=AFTER)
    assert plans == [24]
    assert found.months == tuple(f"{Month.parse('2025-11').year + (n > 1)}-{(n + 10) % 12 + 1:02d}" for n in range(12))
    assert [series.key for series in found.series] == list(KEYS)
    assert found.days is None
    assert assert_as_reported(found, store, AFTER) == 3 * 11


def test_months_before_the_first_data_are_left_out(store: Workspace) -> None:
    found = kpicli.trend(store, ["first_visits"], "2026-10", 60, today=AFTER)
    assert (found.months[0], len(found.months)) == ("2024-09", 26)
    last = found.series[0].points
    assert all(point.year_before == last[place].value for place, point in enumerate(last[12:]))


@pytest.mark.parametrize("name", ["张伟", "王磊"])
def test_a_group_is_followed_from_its_first_month_on(name: str, store: Workspace) -> None:
    found = kpicli.trend(store, KEYS, "2026-10", by="consultant", group=name, today=AFTER)
    assert found.months[0] == ("2026-01" if name == "王磊" else "2025-11")
    assert assert_as_reported(found, store, AFTER) == 3 * (len(found.months) - 1)


def test_a_group_without_rows_of_what_is_asked_has_the_zero_of_its_report(sample: Sample) -> None:
    found = kpicli.trend(sample[0], ["showroom_sales"], "2026-10", by="consultant", group="周强", today=AFTER)
    assert assert_as_reported(found, sample[0], AFTER) == len(found.months)


def test_a_month_that_is_not_over_stands_beside_as_many_days_of_last_year(store: Workspace) -> None:
    today = date(2026, 10, 9)
    found = kpicli.trend(store, KEYS, "this", today=today)
    assert (found.months[-1], found.days) == ("2026-10", 9)
    assert assert_as_reported(found, store, today) == 3 * 11
    over = kpicli.trend(store, KEYS, "2026-09", 11, today=today)
    assert [series.limits for series in found.series] == [series.limits for series in over.series]


@pytest.mark.parametrize("book", ["buick", "practice"])
def test_all_of_a_book_is_as_reported(book: str, sample: Sample) -> None:
    """The sample's intentions reach back to May: a register of what is open does not tell when the data begin."""
    house = sample[0].catalogue.books[book]
    found = kpicli.trend(sample[0], [*house.kpis, *house.measures], "2026-10", book=book, today=AFTER)
    assert found.months == ("2026-08", "2026-09", "2026-10")
    assert assert_as_reported(found, sample[0], AFTER) > 50


def test_the_order_of_the_rows_changes_nothing(store: Workspace, tmp_path: Path, readers: ReaderPool) -> None:
    lines = list(visits())
    random.Random(1).shuffle(lines)
    other = stored(tmp_path / "other", lines, readers)
    one, two = (kpicli.trend(workspace, KEYS, "2026-10", today=AFTER).series for workspace in (store, other))
    assert one == two


def test_a_closed_month_is_what_it_was(tmp_path: Path, readers: ReaderPool) -> None:
    lines = list(visits())
    workspace = stored(tmp_path / "shop", lines, readers)
    for month in ("2025-09", "2026-08", "2026-09"):
        kpicli.close(workspace, month, today=AFTER, now=NOW)
    late = [
        f"{month}-15,首次,来店,是,张伟,1380000{number:04d}"
        for number, month in enumerate(("2025-08", "2025-09", "2026-07", "2026-08", "2026-09", "2026-10"))
    ]
    kpicli.ingest(workspace, [csv(tmp_path / "late.csv", late)], now=NOW.replace(day=9), readers=readers)
    found = kpicli.trend(workspace, KEYS, "2026-10", 13, today=AFTER)
    assert assert_as_reported(found, workspace, AFTER) == 3 * 12
    was = kpicli.trend(workspace, KEYS, "2026-10", 13, known_on=NOW.date(), today=AFTER)
    changed = {
        a.month
        for one, two in zip(found.series, was.series, strict=True)
        for a, b in zip(one.points, two.points, strict=True)
        if a.value != b.value
    }
    assert changed == {"2026-07", "2026-10"}
    assert was.known is not None


def csv(path: Path, lines: Sequence[str]) -> Path:
    path.write_text("\n".join(["日期,来店性质,接触方式,是否留档,销售顾问,联系电话", *lines]), encoding="utf-8")
    return path


def test_what_is_not_there_is_said(store: Workspace) -> None:
    for problem, code, words in (
        (UsageError, "unknown_kpi", {"names": ["first_visitz"]}),
        (UsageError, "unknown_grouping", {"by": "week", "group": "1"}),
        (NothingToReport, "unknown_group", {"by": "consultant", "group": "赵敏"}),
        (NothingToReport, "no_data_for_month", {"month": "2023-01"}),
    ):
        with pytest.raises(problem) as caught:
            kpicli.trend(store, today=AFTER, **words)
        assert caught.value.code == code


def test_names_may_be_labels_and_none_is_the_league(store: Workspace) -> None:
    found = kpicli.trend(store, ["首次到店批次", "first_visits", "Information retention"], today=AFTER)
    assert [series.key for series in found.series] == ["first_visits", "info_retention_rate"]
    assert tuple(series.key for series in kpicli.trend(store, today=AFTER).series) == found.book.league


# On a terminal


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize(
    "words", [(), KEYS, ("first_visits", "--consultant", "张伟"), ("first_visits", "--month", "2024-09")]
)
def test_the_terminal_shows_each_month_within_80_columns(
    words: tuple[str, ...], language: str, store: Workspace
) -> None:
    line = ("trend", *words, "--store", store.store, "--as-of", "2026-11-22", "--lang", language)
    ended = call(*line, COLUMNS="80")
    assert (ended.code, ended.err) == (0, "")
    assert max(map(cell_len, ended.out.splitlines())) <= 80
    ended.out.encode("gbk")
    if language == "en":
        assert not HAN.search(re.sub("张伟|别克 DOSS 销售流程指标", "", ended.out))
    document = call(*line, "--json").document
    for series in document["series"]:
        for point in series["points"]:
            if point["value"] is not None and series["unit"] == "%":
                shares = f"{point['numerator']}/{point['denominator']}"
                assert re.search(rf"^{point['month']} +{point['value']:.1%} +{shares} ", ended.out + " ", re.M)


def test_a_signal_says_its_rule_and_its_side_and_the_limits_stand_beside_it(store: Workspace) -> None:
    def said(*values: Any, direction: Any = "up") -> str:
        found, bounds = judged(points(values))
        one = kpicli.trend(store, ["first_visits"], "2026-10", len(values), today=AFTER)
        series = one.series[0].__class__("k", one.series[0].words, "", direction, found, bounds)
        told = one.__class__(None, one.book, "", "", tuple(point.month for point in found), None, (series,))
        return render(present.trended(told, store.settings.zone, "zh"), width=80, colour=True)

    high = said(10, 10, 10, 10, 10, 30)
    assert "高于上限" in high
    assert "\x1b[32m高于上限" in high
    assert "\x1b[31m高于上限" in said(10, 10, 10, 10, 10, 30, direction="down")
    assert "\x1b[31m低于下限" in said(40, 40, 40, 40, 40, 20)
    assert "平均 13.33，界限 2.69~23.97" in high
    assert "2.66" in high
    assert "连续 6 个月上升" in said(1, 2, 3, 4, 5, 6)
    assert "连续 6 个月下降" in said(6, 5, 4, 3, 2, 1)
    assert "连续 8 个月偏高" in said(*[13, 12] * 4, *[8, 7] * 4)
    assert "连续 8 个月偏低" in said(*[13, 12] * 4, *[8, 7] * 4)
    short = said(1, 2, 3, 4, 50)
    assert "不作界限" in short
    assert "2.66" not in short


def test_a_month_that_is_not_over_is_marked(store: Workspace) -> None:
    out = call("trend", "first_visits", "--month", "this", "--store", store.store, "--as-of", "2026-10-09").out
    assert re.search(r"^2026-10 .* 未满月$", out, re.M)
    assert "2026-10 到第 9 天为止" in out


def test_an_empty_store_says_so() -> None:
    ended = call("trend", "--store", "empty")
    assert ended.code == 5
    assert ended.err == call("report", "--store", "empty").err


# Pictures of one line


def test_a_sparkline_goes_from_the_lowest_to_the_highest() -> None:
    assert sparkline(list(range(8))) == "▁▂▃▄▅▆▇█"
    assert sparkline([0.5, None, 0.7]) == "▁·█"
    assert sparkline([3, 3, 3]) == "▄▄▄"
    assert sparkline([None]) == "·"
    assert sparkline([]) == ""


@given(st.lists(st.one_of(st.none(), st.floats(-1e12, 1e12)), max_size=20))
def test_a_sparkline_has_a_character_of_gbk_for_each_value(values: list[float | None]) -> None:
    line = sparkline(values)
    assert len(line) == len(values) == len(line.encode("gbk")) // 2
    known = [(value, step) for value, step in zip(values, line, strict=True) if value is not None]
    assert all(a[1] <= b[1] for a, b in pairwise(sorted(known)))


def test_a_bar_is_as_long_as_its_share() -> None:
    assert [cell_len(bar(value, 8, 8)) for value in range(9)] == list(range(9))
    assert bar(1, 64, 8) == "▏"
    assert bar(-3, 8, 8) == bar(3, 0, 8) == ""
    bar(5, 7, 8).encode("gbk")


def reported(sample: Sample, *words: str, columns: int) -> str:
    return call("report", "--month", "2026-10", "--store", sample[0].store, *words, COLUMNS=str(columns)).out


def test_the_report_has_its_pictures_where_no_line_breaks_for_them(sample: Sample) -> None:
    wide, narrow = (reported(sample, columns=columns) for columns in (80, 70))
    assert re.search(r"^订单数 .* 达标  [▁-█]{5}$", wide, re.M)
    assert re.search(r"^张伟 .* 98.3%  ████████$", wide, re.M)
    assert not re.search("[▁-▏]", narrow)
    assert [line for line in narrow.splitlines() if line.startswith("张伟")] == [
        re.sub(" +█+$", "", line) for line in wide.splitlines() if line.startswith("张伟")
    ]


def test_a_report_without_weeks_has_no_line_of_them(sample: Sample) -> None:
    assert "各周" in reported(sample, columns=120)
    assert "各周" not in reported(sample, "--by", "consultant", columns=120)


def test_of_a_month_that_is_not_over_only_the_weeks_that_have_begun_are_drawn(sample: Sample) -> None:
    for day, weeks in (("2026-10-11", 2), ("2026-10-12", 3), ("2026-10-04", 0)):
        out = reported(sample, "--as-of", day, columns=120)
        found = re.search("^客流量 .*?([▁-█·]*)$", out, re.M)
        assert found
        assert len(found[1]) == weeks, day
