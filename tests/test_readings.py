"""The charts of the Haima store (S-004, figures 1–8) are read as its text reads them; deviations from the mean."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpicli.deviations import CONCLUDED, deviated
from kpicli.measure import measure
from kpicli.models import Chart
from kpicli.pipeline.sentences import reading
from kpicli.readings import Reading, decline, drop, falling, line, of_model, read, spread, target
from tests.test_measure import BOOK, CATALOGUE, MONTH, Held, numbered

MODELS = CATALOGUE.books["haima"].models
WEEKDAYS = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")
DAYS = ("03-26", "03-27", "03-28", "03-29", "03-30", "03-31", "04-01")
WEEKS = ("第一周", "第二周", "第三周", "第四周")
PERCENT = st.lists(st.integers(0, 40), min_size=1, max_size=12)


def series(labels: tuple[str, ...], *values: float) -> dict[str, float | None]:
    return dict(zip(labels, values, strict=True))


def said(model: str, found: Reading | None) -> str:
    assert found is not None
    return reading(MODELS[model], found, "zh")


def test_figure_1_three_steady_days_a_sudden_drop_on_thursday_and_no_recovery_at_the_weekend() -> None:
    found = drop(series(WEEKDAYS, 9, 10, 9, 5, 3, 5, 5))
    assert found is not None
    assert (found.values["at"], found.values["value"], found.values["low"]) == ("周四", 5, "周五")
    assert found.values["level"] == pytest.approx((9 + 10 + 9) / 3)
    assert not drop(series(WEEKDAYS, 9, 10, 9, 5, 3, 9, 10))  # the weekend brought it back
    assert not drop(series(WEEKDAYS, 9, 10, 9, 8, 9, 10, 9))
    assert not drop(series(WEEKDAYS, 9, 10, 9, 9, 9, 5, 5))  # two days are no week


def test_figure_2_the_stock_of_prospects_declines_from_the_28th() -> None:
    found = decline(series(DAYS, 215, 218, 200, 195, 198, 191, 187))
    assert found is not None
    assert (found.values["at"], found.values["most"], found.values["last"]) == ("03-28", 218, 187)
    assert said(
        "S2", decline(dict(zip((f"2026-{day}" for day in DAYS), (215, 218, 200, 195, 198, 191, 187), strict=True)))
    ) == ("意向客户量 累计应持平或上升，03-28 起下降 4 次：218 → 187")
    assert not decline(series(DAYS, 215, 218, 218, 220, 221, 225, 225))
    assert not decline(series(DAYS, 215, 218, 200, 205, 210, 215, 219))  # it came back


def test_figure_3_one_day_without_a_test_drive_and_five_more_below_half() -> None:
    found = line(series(DAYS, 1 / 3, 1 / 5, 1 / 6, 1 / 3, 0, 1 / 3, 1 / 2), 0.5)
    assert found is not None
    assert found.values["zeros"] == ("03-30",)
    assert found.values["count"] == 6
    dated = {f"2026-{day}": value for day, value in series(DAYS, 1 / 3, 1 / 5, 1 / 6, 1 / 3, 0, 1 / 3, 1 / 2).items()}
    assert said("S3", line(dated, 0.5)) == "试乘试驾率 7 个里 6 个不到 50.0%，其中 1 个为 0（03-30）"
    assert not line(series(DAYS, *[0.5] * 7), 0.5)


def test_figure_4_the_third_week_has_7_orders_of_17_and_the_month_54_of_69() -> None:
    targets = dict(zip(WEEKS, spread(69, [1, 1, 1, 1]), strict=True))
    assert list(targets.values()) == [17, 17, 17, 18]
    found = target(series(WEEKS, 19, 18, 7, 10), targets)
    assert found is not None
    assert found.values["below"] == ("第三周", "第四周")
    assert (found.values["sum"], found.values["target"]) == (54, 69)
    assert found.values["rate"] == pytest.approx(0.783, abs=5e-4)


def test_figure_5_the_closing_rate_falls_week_by_week() -> None:
    found = falling(series(WEEKS, 0.20, 0.19, 0.18, 0.16))
    assert found is not None
    assert said("S5", found) == "成交率 4 周逐周下降：20.0% → 16.0%"
    assert not falling(series(WEEKS, 0.20, 0.19, 0.19, 0.16))


def test_figure_6_three_of_four_trainings_are_not_up_to_standard() -> None:
    found = line(series(WEEKS, 2 / 3, 2 / 3, 1.0, 2 / 3), 1.0)
    assert found is not None
    assert (found.values["count"], found.values["of"]) == (3, 4)


def test_figure_7_the_plan_is_met_to_84_percent_and_the_main_model_to_83() -> None:
    models = ("海福星", "福美来", "普力马", "海马3", "欢动")
    targets = dict(zip(models, (18, 18, 9, 9, 15), strict=True))
    found = target(series(models, 20, 15, 4, 9, 10), targets)
    assert found is not None
    assert found.values["below"] == ("福美来", "普力马", "欢动")
    assert (found.values["sum"], found.values["target"]) == (58, 69)
    assert found.values["rate"] == pytest.approx(0.84, abs=5e-3)
    main = target({"福美来": 15}, targets)
    assert main is not None
    assert main.values["rate"] == pytest.approx(0.83, abs=5e-3)


def test_figure_8_distribution_fell_short_in_the_third_and_fourth_week() -> None:
    found = target(series(WEEKS, 0.19, 0.17, 0.13, 0.09), dict.fromkeys(WEEKS, 0.16))
    assert found is not None
    assert found.values["below"] == ("第三周", "第四周")
    assert falling(series(WEEKS, 0.19, 0.17, 0.13, 0.09))


def test_the_chart_of_the_plan_is_read_by_car_model_where_the_models_have_targets() -> None:
    sold = {"channel": "展厅", "kind": "蓝字", "amount": Decimal(1)}
    rows = [row("invoices", day, "李", model=name, **sold) for day, name in ((1, "福美来"), (2, "福美来"), (3, "欢动"))]
    places = {name: (str(MONTH), "model", name) for name in ("福美来", "欢动", "普力马")}
    found = of_model(MODELS["S7"], table(rows), str(MONTH), places, {"福美来": 3, "欢动": 1, "普力马": 1})
    assert found is not None
    assert found.values["below"] == ("福美来", "普力马")
    assert (found.values["sum"], found.values["target"]) == (3, 5)
    assert said("S7", found) == "计划达成率 3 个里 2 个不到目标（福美来、普力马）；累计 3，目标 5，60.0%"


@given(PERCENT)
def test_a_chart_is_read_the_same_whatever_is_missing_in_it(values: list[int]) -> None:
    """A day without a value is no zero."""
    full: dict[str, float | None] = {f"d{place:02}": float(value) for place, value in enumerate(values)}
    gappy = {f"{label}{part}": (value if part else None) for label, value in full.items() for part in (0, 1)}
    for rule in ("drop", "decline", "falling", "line"):
        one, other = (read(Chart(rule, "day", 20), told, {}) for told in (full, gappy))
        assert (one is None) == (other is None)


@given(st.integers(0, 500), st.lists(st.integers(0, 7), min_size=1, max_size=6))
def test_a_target_spread_on_weeks_adds_up(total: int, days: list[int]) -> None:
    parts = spread(total, days)
    assert sum(parts) == (total if sum(days) else 0)
    assert all(part.is_integer() for part in parts)


# The mean of all


def row(form: str, day: int, who: str, **cells: Any) -> tuple[str, dict[str, Any]]:
    moment = MONTH.start.replace(day=day)
    return form, {"date": moment, "consultant": who, "phone": None, **cells}


def table(rows: list[tuple[str, dict[str, Any]]]) -> Any:
    forms: dict[str, list[dict[str, Any]]] = {
        key: [] for key in ("visits", "intentions", "test_drives", "invoices", "followups")
    }
    for form, cells in rows:
        forms[form].append(cells)
    book = CATALOGUE.books["practice"]
    every = type(book)(**{**vars(book), "measures": book.asked})
    return measure(CATALOGUE, every, Held(numbered(forms)), [MONTH.period], ["consultant", "model"])


def test_a_consultant_is_held_against_the_mean_of_all_and_three_factors_make_a_conclusion() -> None:
    """Plain counts: 李 10 first visits, 8 retained, 6 driven; 王 4, 1, 0; the mean is 7, rates are of all together."""
    visit = {"channel": "来店", "contact": "首次"}
    rows = [row("visits", 5, "李", **visit, retained=n < 8, test_drive=n < 6) for n in range(10)]
    rows += [row("visits", 6, "王", **visit, retained=n < 1, test_drive=False) for n in range(4)]
    found = {one.deviation.key: one for one in deviated(BOOK.deviations, table(rows), str(MONTH), "王")}
    first, kept, driven = found["first_visits"], found["retained_rate"], found["first_driven"]
    assert (first.value, first.mean, first.tells) == (4, 7, True)
    assert (kept.value, kept.mean, kept.tells) == (1 / 4, 9 / 14, True)
    assert (driven.value, driven.mean, driven.tells) == (0, 6 / 14, True)
    assert found["returns"].value == 0
    assert found["invited"].value is None and not found["invited"].tells  # nobody drove: nothing to divide by
    assert sum(one.tells for one in found.values()) >= CONCLUDED
    better = {one.deviation.key: one for one in deviated(BOOK.deviations, table(rows), str(MONTH), "李")}
    assert not any(one.tells for one in better.values())


def test_the_thresholds_are_those_of_the_source() -> None:
    below = {rule.key: rule.below for rule in BOOK.deviations}
    assert below == {
        "first_visits": 0.15,
        "retained_rate": 0.08,
        "first_stay": 0.2,
        "return_stay": 0.2,
        "first_driven": 0.05,
        "return_driven": 0.05,
        "returns": 0.05,
        "invited": 0.05,
    }


# The models themselves


def test_the_models_ask_what_the_figures_ask() -> None:
    """Every node of S1–S8 once; the first questions lead on as the dependency graph has it."""
    questions = {key: [question.key for question in model.questions] for key, model in MODELS.items()}
    assert {key: len(asked) for key, asked in questions.items()} == {
        "S1": 4,
        "S2": 6,
        "S3": 3,
        "S4": 4,
        "S5": 3,
        "S6": 4,
        "S7": 3,
        "S8": 7,
    }
    leads = {(key, lead) for key, model in MODELS.items() for lead in model.leads}
    assert leads == {("S2", "S1"), ("S3", "S1"), ("S4", "S2"), ("S4", "S6"), ("S5", "S4"), ("S7", "S4")}


def test_every_adverse_answer_has_an_action_and_who_does_it() -> None:
    for model in MODELS.values():
        for question in model.questions:
            assert question.action.zh or question.leads, question.key
            assert bool(question.action.zh) == bool(question.action.en) == bool(question.cause.zh), question.key
            assert question.owner in ("市场经理", "销售主管", "销售内训师")


@pytest.mark.parametrize(
    ("key", "answered"),
    [
        ("S1.1", False),
        ("S1.2", True),
        ("S1.4", True),
        ("S3.2", False),
        ("S4.2", False),
        ("S5.2", True),
        ("S6.1", False),
    ],
)
def test_what_the_records_can_answer_is_answered_and_the_rest_is_for_people(key: str, answered: bool) -> None:
    question = next(q for model in MODELS.values() for q in model.questions if q.key == key)
    assert bool(question.tests) is answered
