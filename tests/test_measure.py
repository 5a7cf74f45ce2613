"""Measures and KPIs on small random stores against the independent count, and the laws they obey."""

from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kpicli import kpi, loading
from kpicli.catalogue import Form
from kpicli.identify import identify
from kpicli.measure import Table, measure, trace
from kpicli.periods import Month
from kpicli.store import schema
from tests.sample import count

CATALOGUE = loading.load()
BOOK = CATALOGUE.books["buick"]
MONTH = Month(2026, 10)
DIMENSIONS = ("consultant", "model", "source")
Row = dict[str, Any]


class Held:
    """Rows in memory where a measure expects a store."""

    def __init__(self, rows: dict[str, list[Row]]) -> None:
        self.frames = {key: self.frame(CATALOGUE.forms[key], rows.get(key, [])) for key in CATALOGUE.forms}

    @staticmethod
    def frame(form: Form, rows: list[Row]) -> pl.DataFrame:
        wanted = schema(form)
        if not rows:
            return pl.DataFrame(schema=wanted)
        full = [{name: row.get(name) for name in form.content} for row in rows]
        frame = pl.DataFrame(full, schema={name: wanted[name] for name in form.content})
        places = pl.DataFrame({"dealer": ["d"] * len(rows), "sheet": ["S"] * len(rows), "row": range(len(rows))})
        identified, _ = identify(form, pl.concat([places, frame], how="horizontal"))
        lacking = {name: dtype for name, dtype in wanted.items() if name not in identified.rows.columns}
        return identified.rows.with_columns(pl.lit(None, dtype).alias(name) for name, dtype in lacking.items())

    def rows(
        self, form: Form, *, since: str | None = None, until: str | None = None, dealer: str | None = None
    ) -> pl.LazyFrame:
        frame = self.frames[form.key].lazy()
        if since is not None:
            frame = frame.filter(pl.col("month") >= since)
        return frame if until is None else frame.filter(pl.col("month") <= until)

    def months(self, form: Form, dealer: str | None = None) -> list[str]:
        return sorted(self.frames[form.key]["month"].unique().to_list())


days = st.dates(date(2026, 9, 24), date(2026, 10, 31))
phones = st.sampled_from([None, "19900000001", "19900000002", "19900000003", "未留", "1990"])
people = {
    "phone": phones,
    "consultant": st.sampled_from(["张伟", "李娜", None]),
    "model": st.sampled_from(["君越", "GL8", None]),
    "source": st.sampled_from(["网络", None]),
}
visits = st.fixed_dictionaries(
    {
        "date": days,
        "channel": st.sampled_from(["来店", "来店", "来电", "活动"]),
        "contact": st.sampled_from(["首次", "再次", "来电首次到店", "其他"]),
        "retained": st.booleans(),
        **people,
    }
)
later = st.one_of(st.none(), st.dates(date(2026, 9, 24), date(2026, 11, 5)))
intentions = st.fixed_dictionaries(
    {"created": days, "order_date": later, "won_date": later, "lost_date": later, **people}
)
drives = st.fixed_dictionaries({"date": days, "invited": st.booleans(), "satisfied": st.booleans(), **people})
invoices = st.fixed_dictionaries(
    {
        "date": days,
        "channel": st.sampled_from(["展厅", "二级网点", "集团"]),
        "kind": st.sampled_from(["蓝字", "蓝字", "红字"]),
        "amount": st.integers(1, 20_000_000).map(lambda fen: Decimal(fen) / 100),
        **people,
    }
)
followups = st.fixed_dictionaries({"due": days, "done": later, **people})
NUMBERS = {
    "visits": "visit_no",
    "intentions": "customer_no",
    "test_drives": "drive_no",
    "invoices": "invoice_no",
    "followups": "task_no",
}


def numbered(rows: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """Every row with its own number, so that no two are one, and one more in each month, so that none is empty."""
    anchors = {"visits": "date", "intentions": "created", "test_drives": "date", "invoices": "date", "followups": "due"}
    made = {}
    for key, entries in rows.items():
        extra = [{anchors[key]: day} for day in (date(2026, 9, 1), date(2026, 10, 1))]
        defaults = {
            "channel": "其他",
            "contact": "其他",
            "kind": "蓝字",
            "invited": False,
            "satisfied": False,
            "retained": False,
        }
        full = [dict.fromkeys(CATALOGUE.forms[key].columns) | defaults | row for row in [*extra, *entries]]
        made[key] = [row | {NUMBERS[key]: str(number)} for number, row in enumerate(full)]
        for row in made[key]:
            if key == "invoices":
                row["amount"] = (
                    -row["amount"] if row["kind"] == "红字" and row["amount"] else row["amount"] or Decimal(0)
                )
    return made


stores = st.fixed_dictionaries(
    {
        "visits": st.lists(visits, max_size=14),
        "intentions": st.lists(intentions, max_size=10),
        "test_drives": st.lists(drives, max_size=8),
        "invoices": st.lists(invoices, max_size=8),
        "followups": st.lists(followups, max_size=8),
    }
).map(numbered)
COUNTED = [
    (book.key, key)
    for book in CATALOGUE.books.values()
    for key, entry in book.measures.items()
    if entry.count != "target" and entry.form in NUMBERS
]
"""Every measure of every book that is counted over the rows of these stores."""
slow = settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def plain(values: dict[str, Any]) -> dict[str, float | None]:
    return {key: None if value is None else float(value) for key, value in values.items()}


def table(rows: dict[str, list[Row]], *dimensions: str) -> Table:
    return measure(CATALOGUE, BOOK, Held(rows), [MONTH.previous.period, MONTH.period], dimensions)


@slow
@given(stores)
def test_any_store_is_counted_as_the_independent_count_does(rows: dict[str, list[Row]]) -> None:
    opinion = count.count(rows, str(MONTH))
    found = table(rows, *DIMENSIONS)
    assert plain(found.values[str(MONTH), "", ""]) == plain(opinion["total"])
    for dimension in DIMENSIONS:
        groups = {
            name: plain(found.values[str(MONTH), dimension, name])
            for name in found.groups(str(MONTH), dimension, BOOK.measures)
        }
        groups = {name: values for name, values in groups.items() if any(values.values())}
        assert groups == {name: plain(values) for name, values in opinion[dimension].items()}


@slow
@given(stores)
def test_a_week_is_counted_as_a_period_of_its_own(rows: dict[str, list[Row]]) -> None:
    opinion = count.count(rows, str(MONTH))["week"]
    weeks = MONTH.weeks()
    found = measure(CATALOGUE, BOOK, Held(rows), weeks)
    assert [week.label for week in weeks] == list(opinion)
    for week in weeks:
        values = plain(found.values[week.label, "", ""])
        assert {key: value or 0 for key, value in values.items()} == plain(opinion[week.label])


@slow
@given(stores)
def test_additive_measures_of_the_groups_add_up_to_the_total(rows: dict[str, list[Row]]) -> None:
    found = table(rows, *DIMENSIONS)
    total = found.values[str(MONTH), "", ""]
    for dimension in DIMENSIONS:
        for key, entry in BOOK.measures.items():
            if entry.additive and key not in found.lacking[dimension]:
                parts = [
                    found.values[str(MONTH), dimension, name][key]
                    for name in found.groups(str(MONTH), dimension, BOOK.measures)
                ]
                assert sum(part or 0 for part in parts) == total[key], (dimension, key)


@slow
@given(stores, st.sampled_from(sorted(CATALOGUE.books)))
def test_a_rate_of_the_whole_is_the_sum_of_numerators_over_the_sum_of_denominators(
    rows: dict[str, list[Row]], name: str
) -> None:
    """Of what adds up, in every book and by every dimension: never the mean of the groups' rates."""
    book = CATALOGUE.books[name]
    found = measure(CATALOGUE, book, Held(rows), [MONTH.period], DIMENSIONS)
    whole = kpi.groups(book, found, str(MONTH), {}, "", {}, {})[""]
    for dimension in DIMENSIONS:
        groups = kpi.groups(book, found, str(MONTH), {}, dimension, {}, {}).values()
        for key, entry in book.kpis.items():
            parts = [book.measures[part] for part in entry.measures]
            adding = all(part.additive and part.key not in found.lacking[dimension] for part in parts)
            value = whole.kpis[key]
            if entry.is_ratio and adding and value.value is not None and "abs" not in entry.formula:
                above = sum(group.kpis[key].numerator or 0 for group in groups)
                below = sum(group.kpis[key].denominator or 0 for group in groups)
                assert (above, below) == (value.numerator, value.denominator), (dimension, key)


@slow
@given(stores, st.sampled_from(COUNTED), st.sampled_from(["", *DIMENSIONS]))
def test_the_rows_behind_a_measure_add_up_to_it_and_none_is_both_counted_and_left_out(
    rows: dict[str, list[Row]], measured: tuple[str, str], dimension: str
) -> None:
    book, key, held = CATALOGUE.books[measured[0]], measured[1], Held(rows)
    found = measure(CATALOGUE, book, held, [MONTH.period], [dimension] if dimension else [])
    for group in found.groups(str(MONTH), dimension, [key]):
        value = found.values[str(MONTH), dimension, group][key]
        told = trace(CATALOGUE, book, held, MONTH.period, key, dimension=dimension, group=group)
        if value is not None:
            assert sum(told.rows["value"]) == value, key
        counted, left = (set(frame["row"]) for frame in (told.rows, told.left_out))
        assert not counted & left


@pytest.mark.parametrize(
    ("mode", "labels"),
    [
        ("monday", ["10-01/04", "10-05/11", "10-12/18", "10-19/25", "10-26/31"]),
        ("quarters", ["10-01/07", "10-08/14", "10-15/21", "10-22/31"]),
    ],
)
def test_weeks_are_cut_at_the_month_or_are_its_four_parts(mode: Any, labels: list[str]) -> None:
    short = [f"{week.start:%m-%d}/{week.label[-2:]}" for week in MONTH.weeks(mode)]
    assert short == labels
    assert sum((week.end - week.start).days for week in MONTH.weeks(mode)) == 31


def test_a_form_never_read_is_a_missing_source_and_not_zero() -> None:
    rows = numbered({"visits": []})
    found = table(rows)
    assert found.values[str(MONTH), "", ""]["sales"] is None
    assert found.reasons[str(MONTH), "sales"] == "source_missing"
    assert found.values[str(MONTH), "", ""]["first_visits"] == 0


def test_a_month_without_rows_is_not_zero() -> None:
    rows = numbered({"invoices": []})
    rows["invoices"] = [row for row in rows["invoices"] if row["date"].month == 9]
    found = table(rows)
    assert found.values["2026-09", "", ""]["sales"] == 1
    assert found.values["2026-10", "", ""]["sales"] is None
    assert found.reasons["2026-10", "sales"] == "no_rows"


def test_the_pool_at_the_start_needs_history() -> None:
    rows = numbered({"intentions": []})
    found = table(rows)
    assert found.reasons["2026-09", "open_prospects_prev"] == "history_missing"
    assert found.values["2026-10", "", ""]["open_prospects_prev"] == 1


def test_a_flag_nobody_recorded_is_a_missing_source() -> None:
    rows = numbered({"test_drives": []})
    for row in rows["test_drives"]:
        row["invited"] = None
    found = table(rows)
    assert found.reasons["2026-10", "test_drive_invited"] == "source_missing"
    assert found.values["2026-10", "", ""]["test_drive_satisfied"] == 0


def test_grace_lets_a_follow_up_be_late() -> None:
    rows = numbered({"followups": [{"due": date(2026, 10, 5), "done": date(2026, 10, 7), "phone": "19900000001"}]})
    for grace, done in ((0, 0), (1, 0), (2, 1)):
        found = measure(CATALOGUE, BOOK, Held(rows), [MONTH.period], grace_days=grace)
        assert found.values[str(MONTH), "", ""]["followup_customers_done"] == done
