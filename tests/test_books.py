"""The books of the documents: worked numbers, every measure against a plain count, and where a number comes from."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest

import kpicli
from kpicli import loading
from kpicli.catalogue import Example, Kpi, Scoring
from kpicli.errors import NothingToReport, UsageError
from kpicli.formula import evaluate
from kpicli.kpi import Report, performance_pay, score
from kpicli.measure import UNASSIGNED
from kpicli.pipeline.explain import Explained, Part
from kpicli.pipeline.ingest import Ingested
from kpicli.read import ReaderPool
from kpicli.workspace import Workspace

from .conftest import NOW, TODAY
from .test_cli import call

SHIPPED = loading.load()
BOOKS = sorted(SHIPPED.books)
KPIS = [(book, kpi) for book in BOOKS for kpi in SHIPPED.books[book].kpis.values()]
EXAMPLES = [
    pytest.param(kpi, example, id=f"{book}-{kpi.key}-{number}")
    for book, kpi in KPIS
    for number, example in enumerate(kpi.examples)
]
OCTOBER = "2026-10"


# Worked numbers


@pytest.mark.parametrize(("book", "kpi"), KPIS, ids=lambda value: getattr(value, "key", value))
def test_a_kpi_says_what_it_is(book: str, kpi: Kpi) -> None:
    assert kpi.label
    assert kpi.label_en.isascii()
    assert kpi.formula or kpi.needs
    assert kpi.definition or (kpi.numerator and kpi.denominator) or (kpi.node and not kpi.is_ratio)
    assert kpi.examples or not kpi.is_ratio


@pytest.mark.parametrize(("kpi", "example"), EXAMPLES)
def test_the_worked_examples_of_a_kpi_hold(kpi: Kpi, example: Example) -> None:
    assert kpi.node
    value = evaluate(kpi.node, example.measures)
    assert value == pytest.approx(example.value, abs=0.00005)
    if example.printed:
        assert as_printed(value, example) == example.printed


def as_printed(value: Any, example: Example) -> str:
    """A value with the digits of what a document prints, rounded or cut off as the document did it."""
    digits, percent, _ = example.printed.partition(" %")
    exact = Decimal(str(value)) * (100 if percent else 1)
    places = Decimal(1).scaleb(-len(digits.partition(".")[2]))
    rounding = ROUND_DOWN if example.rounding == "down" else ROUND_HALF_UP
    return f"{exact.quantize(places, rounding)}{percent}"


def test_the_document_cuts_off_here_and_rounds_there() -> None:
    haima = SHIPPED.books["haima"].kpis
    cut = [
        one.printed for key in ("test_drive_rate", "plan_rate") for one in haima[key].examples if one.rounding == "down"
    ]
    assert cut == ["16 %", "66 %"]


@pytest.mark.parametrize(("kept", "close", "orders"), [("0.90", "0.20", 168), ("0.91", "0.21", 178)])
def test_the_two_stores_of_the_case(kept: str, close: str, orders: int) -> None:
    # 600 first contacts and 300 second visits (S-004); rounded half up, and only at the end
    prospects = Decimal(600) * Decimal(kept)
    measures = {"visit_prospects": prospects, "call_prospects": 0, "return_visits": 300}
    sold = (prospects + 300) * Decimal(close)
    close_rate = SHIPPED.books["haima"].kpis["close_rate"].node
    assert close_rate
    assert evaluate(close_rate, {**measures, "orders": sold}) == Decimal(close)
    assert sold.quantize(Decimal(1), ROUND_HALF_UP) == orders


@pytest.mark.parametrize(
    ("above", "points"), [(0.0, 100.0), (0.05, 106.5), (-0.05, 98.5), (0.005, 100.65)], ids=["0", "+5", "-5", "+0.5"]
)
def test_points_as_the_document_gives_them(above: float, points: float) -> None:
    scorecard = SHIPPED.books["scorecard"]
    assert scorecard.scoring
    assert score(scorecard.scoring, scorecard.kpis["plan_rate"], 0.8 + above, 0.8) == pytest.approx(points)


def test_points_by_direction_unit_cap_and_floor() -> None:
    kpis = SHIPPED.books["scorecard"].kpis
    rule = Scoring(100, 1.3, 0.3)
    assert score(rule, kpis["plan_error"], 0.05, 0.10) == pytest.approx(106.5)  # less is better
    assert score(rule, kpis["plan_error"], 0.15, 0.10) == pytest.approx(98.5)
    assert score(rule, kpis["sales"], 63, 60) == pytest.approx(106.5)  # 5 % of the target
    assert score(rule, kpis["sales"], 63, 0) is None
    assert score(Scoring(100, 1.3, 0.3, cap=100), kpis["sales"], 63, 60) == 100
    assert score(Scoring(100, 1.3, 0.3, floor=90), kpis["sales"], 0, 60) == 90


def test_pay_by_own_and_by_team_attainment() -> None:
    assert performance_pay(8000, 0.9, 1.1) == pytest.approx(7920)


def test_the_32_indicators_are_all_there_in_their_order() -> None:
    codes = [kpi.code for kpi in SHIPPED.books["zhengtong"].kpis.values() if kpi.code]
    assert codes == [str(number) for number in range(1, 33)]


def test_a_target_of_the_book_depends_on_the_tier_of_the_brand() -> None:
    book = SHIPPED.books["zhengtong"]
    assert [book.aims(tier)["care_per_car"].low for tier in ("中端", "高端")] == [50, 200]
    assert book.aims("中端")["gross_margin"] == book.aims("高端")["gross_margin"]
    band = book.aims("中端")["workshop_efficiency"]
    assert [band.met(value) for value in (0.79, 0.8, 1.1, 1.11)] == [False, True, True, False]


# Against a plain count over the sample


@pytest.fixture(scope="module")
def store(sample: tuple[Workspace, Ingested]) -> Workspace:
    return sample[0]


@pytest.fixture(scope="module")
def reports(store: Workspace) -> Mapping[str, Report]:
    return {book: kpicli.report(store, OCTOBER, book=book, today=TODAY)[0] for book in BOOKS}


@pytest.fixture(scope="module")
def rows(store: Workspace) -> Callable[[str], list[dict[str, Any]]]:
    forms = {form: kpicli.export(store, form, show_pii=True, today=TODAY).to_dicts() for form in SHIPPED.forms}
    return lambda form: forms[form]


def minutes(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:5])


def counted(rows: Callable[[str], list[dict[str, Any]]]) -> Iterator[tuple[str, Any]]:
    """Each of the measures that other houses count, as a person would count it."""
    start, end = date(2026, 10, 1), date(2026, 10, 31)
    visits = [row for row in rows("visits") if start <= row["date"] <= end]
    shown = [row for row in visits if row["channel"] == "来店"]
    first = [row for row in shown if row["contact"] in ("首次", "来电首次到店")]
    stays = [
        minutes(row["leave"]) - minutes(row["arrive"])
        for row in first
        if row["arrive"] and row["leave"] and row["leave"] >= row["arrive"]
    ]
    yield "return_visits", sum(row["contact"] == "再次" for row in shown)
    yield (
        "cards",
        sum(
            bool(row["retained"] and row["customer"] and row["phone"] and row["model"])
            for row in visits
            if row["contact"] in ("首次", "来电首次到店")
        ),
    )
    yield "advisers", len({row["consultant"] for row in shown} - {None})
    yield "first_stay_minutes", sum(stays)
    yield "first_stays", len(stays)
    intentions = rows("intentions")
    closed = [min(filter(None, (row["won_date"], row["lost_date"])), default=None) for row in intentions]
    yield (
        "open_abc",
        sum(
            row["created"] <= end and (day is None or day > end) and row["level"] in ("A", "B", "C")
            for row, day in zip(intentions, closed, strict=True)
        ),
    )
    new = [row for row in intentions if start <= row["created"] <= end]
    yield "complete_prospects", sum(bool(row["customer"] and row["phone"] and row["model"]) for row in new)
    yield (
        "lost_with_reason",
        sum(bool(row["lost_date"] and start <= row["lost_date"] <= end and row["lost_reason"]) for row in intentions),
    )
    fair = [row for row in visits if row["channel"] == "活动"]
    yield "event_visits", len(fair)
    yield "event_prospects", sum(bool(row["retained"]) for row in fair)
    yield "event_intentions", sum(row["channel"] == "活动" for row in new)
    ordered = [row for row in intentions if row["order_date"] and start <= row["order_date"] <= end]
    yield "event_orders", sum(row["channel"] == "活动" for row in ordered)
    yield "planned_sales", 55
    sold = [
        row | {"one": -1 if row["kind"] == "红字" else 1} for row in rows("invoices") if start <= row["date"] <= end
    ]
    yield "loan_sales", sum(row["one"] for row in sold if row["loan"])
    yield "trade_in_sales", sum(row["one"] for row in sold if row["trade_in"])
    for key, column in (("insured", "insurance"), ("warranty", "warranty"), ("accessory", "accessories")):
        yield f"{key}_sales", sum(row["one"] for row in sold if row[column])
    yield "accessory_amount", sum(row["one"] * abs(row["accessories"] or 0) for row in sold)
    costed = [row for row in sold if row["amount"] and row["cost"]]
    yield "costed_sales", sum(row["one"] for row in costed)
    yield "costed_amount", sum(row["amount"] for row in costed)
    yield "cost_amount", sum(row["one"] * abs(row["cost"]) for row in costed)


def test_every_measure_is_what_a_person_counts(
    reports: Mapping[str, Report], rows: Callable[[str], list[dict[str, Any]]]
) -> None:
    told = {key: value for report in reports.values() for key, value in report.total.measures.items()}
    expected = dict(counted(rows))
    assert {key: told[key] for key in expected} == expected
    monthly = {key for book in SHIPPED.books.values() for key, m in book.measures.items() if m.form == "service_month"}
    assert set(told) == {*expected, *SHIPPED.books["buick"].measures, *monthly}


@pytest.mark.parametrize("book", BOOKS)
def test_the_groups_of_what_adds_up_add_up(book: str, reports: Mapping[str, Report]) -> None:
    measures = {key for key, one in SHIPPED.books[book].measures.items() if one.additive and one.count != "target"}
    forms = {"visits": ("consultant", "model", "source"), "intentions": ("consultant", "model", "source")}
    for key in measures:
        form = SHIPPED.books[book].measures[key].form
        for dimension in forms.get(form, ("consultant",)) if form != "service_month" else ():
            parts = [group.measures[key] for group in reports[book].by[dimension].values()]
            assert sum(part for part in parts if part) == (reports[book].total.measures[key] or 0), (key, dimension)


def test_a_rate_of_all_is_the_sum_of_numerators_over_the_sum_of_denominators(reports: Mapping[str, Report]) -> None:
    report = reports["handbook"]
    for key in ("card_rate", "test_drive_rate", "close_rate"):
        groups = [group.kpis[key] for group in report.by["consultant"].values()]
        above, below = (sum(getattr(group, name) for group in groups) for name in ("numerator", "denominator"))
        assert report.total.kpis[key].value == above / below


def test_after_sales_come_from_a_sheet_of_items(tmp_path: Path, readers: ReaderPool) -> None:
    file = tmp_path / "售后月度数据.csv"
    items = {"维修收入": 900_000, "维修直接成本": 420_000, "维修台次": 600, "入厂台次": 800, "养护收入": 30_000}
    lines = [f"2026-10,{item},{value}" for item, value in items.items()]
    file.write_text("\n".join(["月份,项目,本月数", *lines, "2026-10,不认得的项目,1"]), encoding="utf-8")
    workspace = kpicli.open_workspace(store=tmp_path / "store")
    (told,) = kpicli.ingest(workspace, [file], now=NOW, readers=readers).files
    assert [sheet.form for sheet in told.sheets] == ["service_month"]
    total = kpicli.report(workspace, OCTOBER, book="zhengtong", today=TODAY)[0].total.kpis
    assert float(total["gross_margin"].value or 0) == pytest.approx(480 / 900)
    assert (total["gross_margin"].target, total["gross_margin"].status) == (0.5, "good")
    assert total["revenue_per_car"].value == 1500
    assert (total["care_per_car"].value, total["care_per_car"].status) == (37.5, "bad")
    assert total["renewal_rate"].value is None
    assert total["renewal_rate"].reason == "no_rows"


# Where a number comes from


def parts(told: Explained) -> list[Part]:
    return [told.numerator, *([told.denominator] if told.denominator else [])]


@pytest.mark.parametrize(
    "book",
    [
        *("buick", "haima", "scorecard"),
        *(pytest.param(book, marks=pytest.mark.long) for book in ("handbook", "practice")),
    ],
)
def test_the_rows_behind_a_number_add_up_to_it(book: str, store: Workspace, reports: Mapping[str, Report]) -> None:
    busy = max(reports[book].by["consultant"].items(), key=lambda entry: entry[1].measures.get("orders") or 0)
    for by, name, group in [("", "", reports[book].total), ("consultant", *busy)]:
        for key, kpi in SHIPPED.books[book].kpis.items():
            if not kpi.formula or (by and key not in SHIPPED.books[book].league):
                continue
            told = kpicli.explain(store, key, OCTOBER, book=book, by=by, group=name, today=TODAY)
            assert told.value.value == group.kpis[key].value, key
            for part in parts(told):
                for measure, value in part.measures.items():
                    if SHIPPED.books[book].measures[measure].count == "target":
                        continue
                    behind = part.rows.filter(pl.col("measure") == measure)["value"].sum()
                    assert behind == (value or 0), (key, measure, name)


def test_every_row_of_the_month_counts_or_has_a_reason(
    store: Workspace, rows: Callable[[str], list[dict[str, Any]]]
) -> None:
    month = [row for row in rows("visits") if row["date"].month == 10]
    for key in ("first_visits", "return_customers", "return_undriven", "call_first_arrivals", "visit_prospects"):
        part = kpicli.explain(store, key, OCTOBER, today=TODAY).numerator
        places = [*part.rows.select("file", "row").rows(), *part.left_out.select("file", "row").rows()]
        assert len(places) == len(set(places)) == len(month), key
        assert part.left_out["why"].null_count() == 0


def test_why_a_row_does_not_count_is_told_by_the_first_thing_it_lacks(tmp_path: Path, readers: ReaderPool) -> None:
    file = tmp_path / "客流.csv"
    file.write_text(
        "日期,来店性质,接触方式,客户姓名,联系电话\n"
        "2026-10-03,首次,来店,王一,19900000001\n2026-10-04,再次,来店,王一,19900000001\n"
        "2026-10-05,再次,来店,王一,19900000001\n2026-10-06,首次,来电,李二,19900000002\n",
        encoding="utf-8",
    )
    workspace = kpicli.open_workspace(store=tmp_path / "store")
    kpicli.ingest(workspace, [file], now=NOW, readers=readers)
    told = kpicli.explain(workspace, "再回展厅客户数", OCTOBER, today=TODAY).numerator
    assert told.rows.select("row", "customer", "value").rows() == [(3, "王*", 1)]
    assert dict(told.left_out.select("row", "why").rows()) == {
        2: "来店性质 不是 再次",
        4: "同一客户已计一次",
        5: "接触方式 不是 来店",
    }


def test_a_rate_over_one_says_why(store: Workspace) -> None:
    line = ("--month", OCTOBER, "--store", store.store)
    assert "计划可以超额" in call("explain", "plan_rate", "--book", "haima", *line).out
    assert "计划可以超额" not in call("explain", "order_plan_rate", "--book", "haima", *line).out  # 87 %
    assert "可以超过 100%：计划可以超额" in call("kpis", "S7", "--book", "haima").out


def test_names_are_masked_unless_they_are_asked_for(store: Workspace) -> None:
    masked, shown = (
        kpicli.explain(store, "orders", OCTOBER, show_pii=pii, today=TODAY).numerator.rows["customer"].drop_nulls()
        for pii in (False, True)
    )
    assert masked.str.ends_with("*").all()
    assert Counter(masked.str.slice(0, 1)) == Counter(shown.str.slice(0, 1))
    assert not shown.str.contains("*", literal=True).any()


def test_what_cannot_be_explained_is_told(store: Workspace) -> None:
    with pytest.raises(UsageError) as unknown:
        kpicli.explain(store, "close_rat", OCTOBER, today=TODAY)
    assert "close_rate" in unknown.value.hint()
    with pytest.raises(NothingToReport) as nobody:
        kpicli.explain(store, "close_rate", OCTOBER, by="consultant", group="张三丰", today=TODAY)
    assert "张伟" in nobody.value.hint()
    with pytest.raises(UsageError):
        kpicli.explain(store, "close_rate", OCTOBER, by="colour", group="red", today=TODAY)
    needs = kpicli.explain(store, "ssi", OCTOBER, today=TODAY)
    assert (needs.value.value, needs.value.reason, needs.numerator.rows.height) == (None, "source_missing", 0)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_number_is_taken_apart_on_the_terminal(language: str, store: Workspace) -> None:
    ended = call("explain", "close_rate", "--month", OCTOBER, "--store", store.store, "--lang", language)
    assert ended.code == 0
    assert "43 ÷ (" in ended.out
    assert "= 9.5%" in ended.out
    assert "2026-10 开票明细.xlsx · Sheet1 · 21" in ended.out
    longer = call("explain", "close_rate", "--month", OCTOBER, "--store", store.store, "-v")
    assert longer.out.count("2026-10 意向客户明细.xlsx") > ended.out.count("2026-10 意向客户明细.xlsx") == 20


def test_a_number_is_taken_apart_in_a_workbook(store: Workspace, tmp_path: Path) -> None:
    out = tmp_path / "成交率.xlsx"
    words = ("explain", "成交率", "--consultant", "张伟", "--month", OCTOBER, "--store", store.store, "--xlsx", out)
    document = call(*words, "--json").document
    book = openpyxl.load_workbook(out)
    assert book.sheetnames == ["定义", "分子", "分子 –", "分母", "分母 –"]
    counted = list(book["分母"].values)
    assert len(counted) == 1 + len(document["denominator"]["rows"])
    assert sum(row[-1] for row in counted[1:]) == document["denominator"]["value"]
    assert document["group"] == {"consultant": "张伟"}


def test_unassigned_rows_are_a_group_to_be_asked_for(store: Workspace) -> None:
    nobody = UNASSIGNED["consultant"]
    told = kpicli.explain(store, "first_visits", OCTOBER, by="consultant", group=nobody, today=TODAY)
    assert told.numerator.rows["consultant"].unique().to_list() == [nobody]


# All books at once


def test_all_books_at_once_are_each_of_them_alone(store: Workspace, reports: Mapping[str, Report]) -> None:
    every, _ = kpicli.reports(store, OCTOBER, today=TODAY)
    assert {report.book.key: report for report in every} == dict(reports)


def test_books_that_mean_different_things_by_one_name_are_measured_apart(tmp_path: Path, readers: ReaderPool) -> None:
    (tmp_path / "kpicli.toml").write_text("", encoding="utf-8")
    (tmp_path / "books").mkdir()
    own = (
        'extends = "buick"\n[measures.calls]\nlabel = "来电"\nlabel_en = "Calls"\n'
        'form = "visits"\ncount = "customers"\nwhere = { channel = "来电" }\n'
    )
    (tmp_path / "books" / "own.toml").write_text(own, encoding="utf-8")
    file = tmp_path / "客流.csv"
    calls = "2026-10-03,首次,来电,19900000001\n" * 2 + "2026-10-04,再次,来电,19900000001\n"
    file.write_text(f"日期,来店性质,接触方式,联系电话\n{calls}", encoding="utf-8")
    workspace = kpicli.open_workspace(tmp_path)
    kpicli.ingest(workspace, [file], now=NOW, readers=readers)
    every, _ = kpicli.reports(workspace, OCTOBER, books=["own", "buick"], today=TODAY)
    alone = [kpicli.report(workspace, OCTOBER, book=book, today=TODAY)[0] for book in ("own", "buick")]
    assert every == alone
    assert [report.total.measures["calls"] for report in every] == [1, 2]


def test_all_books_are_one_document_and_one_table_each(store: Workspace) -> None:
    line = ("report", "--book", "all", "--month", OCTOBER, "--store", store.store)
    assert [document["book"] for document in call(*line, "--json").document["reports"]] == BOOKS
    said = call(*line).out
    assert all(f"({book})" in said for book in BOOKS)


def test_a_rate_over_one_says_why_below_the_table(store: Workspace) -> None:
    ended = call("report", "--month", OCTOBER, "--book", "scorecard", "--store", store.store)
    assert "销售计划达成率 103.6%  计划可以超额" in ended.out
