"""A month beside others: the one before, last year, the years so far; and a month that is not over."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest

import kpicli
from kpicli.errors import UsageError
from kpicli.kpi import KpiValue, Report
from kpicli.periods import Month
from kpicli.read import ReaderPool
from kpicli.workspace import Workspace

from .conftest import NOW
from .test_cli import (
    call,
    shared_readers,  # noqa: F401 - a fixture: it works by being here
    workspace,
)

MONTHS = {"2025-09": 4, "2025-10": 6, "2026-01": 3, "2026-09": 8, "2026-10": 10}
"""Visits of each month: on the odd days, one each."""
AFTER = date(2026, 11, 22)
OCTOBER = Month(2026, 10)


def visits() -> Iterator[tuple[date, bool]]:
    """Day and whether the visitor is retained: every second one is."""
    for month, count in MONTHS.items():
        first = date.fromisoformat(f"{month}-01")
        yield from ((first + timedelta(days=2 * number), number % 2 == 0) for number in range(count))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, readers: ReaderPool) -> Workspace:
    folder = tmp_path_factory.mktemp("compare")
    lines = [f"{day},首次,来店,{'是' if retained else '否'}" for day, retained in visits()]
    (folder / "客流.csv").write_text("\n".join(["日期,来店性质,接触方式,是否留档", *lines]), encoding="utf-8")
    found = kpicli.open_workspace(store=folder / "store")
    kpicli.ingest(found, [folder / "客流.csv"], now=NOW, readers=readers)
    return found


def between(start: date, end: date) -> list[bool]:
    return [retained for day, retained in visits() if start <= day <= end]


def october(store: Workspace, *compare: str, today: date = AFTER) -> Report:
    return kpicli.report(store, "2026-10", by=(), compare=compare, today=today)[0]


def value(report: Report, key: str) -> KpiValue:
    return report.total.kpis[key]


def test_a_month_stands_beside_the_one_before_last_year_and_the_years_so_far(store: Workspace) -> None:
    report = october(store, "year", "ytd")
    assert value(report, "first_visits").compared == {
        "previous": 8,
        "year_before": 6,
        "year_to_date": 3 + 8 + 10,
        "year_to_date_before": 4 + 6,
    }
    assert (report.days, report.pace) == (None, None)


def test_a_rate_of_several_months_is_one_of_their_sums(store: Workspace) -> None:
    compared = value(october(store, "ytd"), "info_retention_rate").compared
    for name, year in (("year_to_date", 2026), ("year_to_date_before", 2025)):
        retained = between(date(year, 1, 1), date(year, 10, 31))
        assert compared[name] == sum(retained) / len(retained)


def test_a_period_without_data_is_not_zero(store: Workspace) -> None:
    september = kpicli.report(store, "2026-09", by=(), compare=["year"], today=AFTER)[0]
    assert value(september, "first_visits").compared == {"previous": None, "year_before": 4}


@pytest.mark.parametrize("day", [1, 2, 15, 31])
def test_a_month_that_is_not_over_is_compared_with_as_many_days(day: int, store: Workspace) -> None:
    report = october(store, "year", today=date(2026, 10, day))
    counts = {
        "value": between(date(2026, 10, 1), date(2026, 10, day)),
        "previous": between(date(2026, 9, 1), date(2026, 9, min(day, 30))),
        "year_before": between(date(2025, 10, 1), date(2025, 10, day)),
    }
    told = value(report, "first_visits")
    assert {"value": told.value, **told.compared} == {name: len(found) for name, found in counts.items()}
    assert report.days == day


def test_a_running_month_is_projected_by_its_working_days(store: Workspace) -> None:
    # October 2026: the holiday is 1 to 7, Saturday the 10th is worked; of 18 working days 7 lie before the 16th
    report = october(store, today=date(2026, 10, 15))
    assert report.pace == pytest.approx(7 / 18)
    assert value(report, "first_visits").projected == pytest.approx(8 / (7 / 18))
    assert value(report, "info_retention_rate").projected is None
    assert value(october(store), "first_visits").projected is None


@pytest.mark.parametrize(
    ("day", "calendar", "share"),
    [(31, "workdays", 1), (31, "days", 1), (15, "days", 15 / 31), (7, "workdays", 0), (10, "workdays", 3 / 18)],
)
def test_how_far_a_month_is(day: int, calendar: str, share: float) -> None:
    assert OCTOBER.share_passed(day, calendar) == pytest.approx(share)  # type: ignore[arg-type]


def test_a_year_whose_holidays_nobody_knows_yet_has_weekdays() -> None:
    assert Month(2040, 1).share_passed(31, "workdays") == 1
    assert Month(2040, 1).share_passed(8, "workdays") == pytest.approx(5 / 22)  # the 1st is a Sunday


def test_parts_of_the_years_so_far_are_as_long_as_the_running_month() -> None:
    assert Month(2026, 2).year_to(10).end == date(2026, 2, 11)
    assert Month(2026, 2).year_to(None).end == date(2026, 3, 1)
    assert Month(2024, 2).first(30).end == date(2024, 3, 1)
    assert OCTOBER.days_by(date(2026, 10, 3)) == 3
    assert OCTOBER.days_by(date(2026, 11, 3)) is None


@pytest.mark.parametrize("day", [1, 15, 31])
def test_a_running_month_is_taken_apart_as_it_is_reported(day: int, store: Workspace) -> None:
    today = date(2026, 10, day)
    told = kpicli.explain(store, "info_retention_rate", "2026-10", today=today)
    reported = value(october(store, today=today), "info_retention_rate")
    assert (told.value.value, told.value.numerator) == (reported.value, reported.numerator)
    assert told.numerator.rows["value"].sum() == reported.numerator
    assert told.numerator.left_out.height == 2 * len(between(date(2026, 10, 1), today)) - (reported.numerator or 0)


def test_an_unknown_comparison_is_told(store: Workspace) -> None:
    with pytest.raises(UsageError) as caught:
        october(store, "week")
    assert caught.value.code == "unknown_comparison"


@pytest.mark.parametrize(
    ("language", "words"), [("zh", ["去年同月", "今年累计"]), ("en", ["Last year", "Year before"])]
)
def test_comparisons_are_columns(language: str, words: Sequence[str], store: Workspace) -> None:
    line = ("report", "--month", "2026-10", "--store", store.store, "--compare", "year", "--compare", "ytd")
    assert all(word in call(*line, "--lang", language, COLUMNS="160").out for word in words)
    document = call(*line, "--json").document["total"]["kpis"]["first_visits"]
    assert (document["previous"], document["year_before"], document["year_to_date_before"]) == (8, 6, 10)


def test_a_running_month_says_so(store: Workspace) -> None:
    line = ("report", "--month", "this", "--as-of", "2026-10-15", "--store", store.store)
    assert "到今天 15 天" in call(*line).out
    document = call(*line, "--json").document
    assert (document["days"], document["pace"]) == (15, pytest.approx(7 / 18))
    home = workspace('calendar = "days"')
    assert call(*line, "-C", home, "--json").document["pace"] == pytest.approx(15 / 31)


def test_a_draft_of_a_book_is_written_once_and_holds() -> None:
    home = Path(workspace(""))
    assert call("books", "new", "mine", "-C", home).code == 0
    assert call("books", "check", "-C", home).code == 0
    assert "traffic_per_order" in call("kpis", "--book", "mine", "-C", home, "--json").out
    before = (home / "books" / "mine.toml").read_bytes()
    for name, code in (("mine", "book_exists"), ("Mine", "bad_book_key"), ("../mine", "bad_book_key")):
        assert call("books", "new", name, "-C", home).code == 2, code
    assert call("books", "new", "other", "--from", "nobody", "-C", home).code == 2
    assert (home / "books" / "mine.toml").read_bytes() == before
