"""Identifying: what makes two rows one record, in a file, in overlapping exports, and never by a word for a phone."""

from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpicli import loading
from kpicli.identify import Identified, identify
from kpicli.issues import Issue
from kpicli.recognise import Match, recognise
from kpicli.validate import validate

from .workbooks import sheet, steady

FORMS = loading.load().forms

VISITS = "登记编号|日期|来店时间|来店性质|销售顾问|客户姓名|联系电话"
INVOICES = "发票号码|开票日期|车架号|开票类型|开票金额"
DRIVES = "试驾编号|试驾日期|开始时间|试驾车型|联系电话|客户姓名|销售顾问"
FORM_OF = {VISITS: "visits", INVOICES: "invoices", DRIVES: "test_drives"}


def rows_of(header: str, *lines: str, name: str = "表") -> pl.DataFrame:
    (match,), _ = recognise(sheet(header, *lines, name=name), FORMS.values(), date(2026, 11, 1))
    assert isinstance(match, Match)
    checked, _ = validate(match)
    assert checked.set_aside == 0
    assert checked.rows.height == len(lines)
    return checked.rows.with_columns(dealer=pl.lit("d"), sheet=pl.lit(name), table=pl.lit(name))


def settled(header: str, *lines: str) -> tuple[Identified, tuple[Issue, ...]]:
    return identify(FORMS[FORM_OF[header]], rows_of(header, *lines))


def keys(header: str, *lines: str) -> list[str]:
    return settled(header, *lines)[0].rows["key"].to_list()


def kept(header: str, *lines: str) -> list[int]:
    return settled(header, *lines)[0].rows["row"].to_list()


# The natural key


def test_rows_of_different_keys_all_stay() -> None:
    identified, issues = settled(VISITS, "1|2026-10-03||首次|王磊||", "2|2026-10-03||首次|王磊||")
    assert (identified.rows["row"].to_list(), identified.superseded, issues) == ([2, 3], {}, ())


def test_the_number_goes_before_everything_else() -> None:
    same = ["7|2026-10-03|9:05|首次|王磊|张先生|19900000001", "7|2026-10-04|10:10|再次|李娜||"]
    other = "8|2026-10-03|9:05|首次|王磊|张先生|19900000001"
    first, second = (keys(VISITS, line)[0] for line in same)
    assert first == second != keys(VISITS, other)[0]


def test_without_a_number_day_time_consultant_and_phone_make_the_key() -> None:
    visit = "|2026-10-03|9:05|首次|王磊|张先生|19900000001"
    assert keys(VISITS, visit) == keys(VISITS, "|2026/10/3|09:05|再次|王磊|张先生太太|199-0000-0001")
    for other in (
        visit.replace("-03", "-04"),
        visit.replace("9:05", "9:06"),
        visit.replace("王磊", "李娜"),
        visit.replace("0001", "0002"),
    ):
        assert keys(VISITS, visit) != keys(VISITS, other)


def test_a_red_invoice_and_the_one_it_takes_back_share_a_number_and_stay_two() -> None:
    blue = "12345678|2026-09-03|LATPAB071W1005301|蓝字|129800"
    red = "12345678|2026-10-03|LATPAB071W1005301|红字|129800"
    identified, issues = settled(INVOICES, blue, red)
    assert (identified.rows.height, issues) == (2, ())
    assert identified.rows["month"].to_list() == ["2026-09", "2026-10"]


def test_without_an_invoice_number_the_car_the_day_and_the_kind_make_the_key() -> None:
    car = "|2026-10-03|LATPAB071W1005301|蓝字|129800"
    assert keys(INVOICES, car) == keys(INVOICES, car.replace("129800", "1"))
    assert keys(INVOICES, car) != keys(INVOICES, car.replace("蓝字", "红字"))


def test_targets_of_the_store_and_of_a_consultant_are_two() -> None:
    rows = rows_of(
        "月份|销售顾问|车型|指标|目标值", "2026-10|||订单数|40", "2026-10|王磊||订单数|8", "2026-10|||订单数|45"
    )
    identified, issues = identify(FORMS["targets"], rows)
    assert identified.rows.select("consultant", "value", "month").rows() == [
        ("王磊", 8.0, "2026-10"),
        (None, 45.0, "2026-10"),
    ]
    assert [issue.code for issue in issues] == ["duplicate_key"]


# Who is the same person


@pytest.mark.parametrize("word", ["未留", "保养客户", "199****0001", "1990000001", "不详"])
def test_a_word_for_a_phone_joins_nobody(word: str) -> None:
    lines = [f"|2026-10-03|9:05|君越|{word}|{name}|王磊" for name in ("张先生", "李女士")]
    assert kept(DRIVES, *lines) == [2, 3]
    assert len(set(keys(DRIVES, *lines))) == 2
    visits = [f"|2026-10-03|9:05|首次|王磊|{name}|{word}" for name in ("张先生", "李女士")]
    assert kept(VISITS, *visits) == [2, 3]


def test_equal_rows_that_name_a_person_are_one() -> None:
    identified, issues = settled(VISITS, *["|2026-10-03||首次|王磊|张先生|"] * 3)
    assert (identified.rows.height, identified.superseded, issues) == (1, {}, ())


def test_equal_rows_with_a_valid_phone_are_one() -> None:
    assert len(kept(VISITS, *["|2026-10-03||首次|王磊||19900000001"] * 2)) == 1


@pytest.mark.parametrize("phone", ["", "未留"])
def test_equal_rows_of_nobody_stay_apart(phone: str) -> None:
    line = f"|2026-10-03|9:05|首次|王磊||{phone}"
    identified, issues = settled(VISITS, line, line, line)
    assert (identified.rows.height, identified.superseded, issues) == (3, {}, ())
    assert identified.rows["key"].n_unique() == 3


def test_rows_that_differ_in_any_cell_stay_apart() -> None:
    line = "|2026-10-03||首次|王磊|张先生|"
    assert (
        len(set(keys(VISITS, line, line.replace("首次", "再次"), line.replace("-03", "-04"), line[:-1] + "|未留"))) == 4
    )


def test_an_empty_cell_and_its_neighbour_are_not_confused() -> None:
    """王 in one column is another row than 王 in the next."""
    first, second = keys(VISITS, "|2026-10-03||首次|王|张|", "|2026-10-03||首次|王张||")
    assert first != second


# Overlapping exports

LINES = st.sampled_from(
    [
        "|2026-10-03||首次|王磊||",
        "|2026-10-03||再次|王磊||",
        "|2026-10-04||首次|李娜||未留",
        "|2026-10-04||首次|李娜|张先生|未留",
        "|2026-10-04|9:05|首次|李娜||19900000001",
        "7|2026-10-04||首次|李娜||",
    ]
)


@settings(steady, max_examples=6)
@given(st.lists(LINES, min_size=1, max_size=6), st.lists(LINES, max_size=4))
def test_a_longer_export_has_the_keys_of_the_shorter_and_adds_what_is_new(early: list[str], late: list[str]) -> None:
    before, after = set(keys(VISITS, *early)), set(keys(VISITS, *early, *late))
    assert before <= after
    anonymous = [line for line in early + late if line in {"|2026-10-03||首次|王磊||", "|2026-10-03||再次|王磊||"}]
    assert len(after) >= len(anonymous)


@settings(steady, max_examples=6)
@given(st.lists(LINES, min_size=1, max_size=6).flatmap(lambda lines: st.tuples(st.just(lines), st.permutations(lines))))
def test_the_order_of_the_rows_changes_no_key(orders: tuple[list[str], list[str]]) -> None:
    one, other = orders
    assert sorted(keys(VISITS, *one)) == sorted(keys(VISITS, *other))


def test_one_form_on_two_sheets_is_one_list() -> None:
    sheets = [
        rows_of(VISITS, "7|2026-10-03||首次|王磊||", name="上旬"),
        rows_of(VISITS, "7|2026-10-03||再次|王磊||", name="下旬"),
    ]
    identified, (issue,) = identify(FORMS["visits"], pl.concat(sheets))
    assert identified.rows.select("sheet", "contact").rows() == [("下旬", "再次")]
    assert identified.superseded == {"上旬": 1}
    assert (issue.sheet, issue.row) == ("上旬", 2)


# One key, different content


def test_of_rows_with_one_key_the_last_counts_and_the_others_are_set_aside_and_named() -> None:
    lines = [f"7|2026-10-03||{contact}|王磊||" for contact in ("首次", "再次", "其他")]
    identified, issues = settled(VISITS, *lines, "8|2026-10-03||首次|王磊||")
    assert identified.rows.select("row", "contact").rows() == [(4, "其他"), (5, "首次")]
    assert identified.superseded == {"表": 2}
    assert [(issue.code, issue.row, issue.severity) for issue in issues] == [
        ("duplicate_key", 2, "error"),
        ("duplicate_key", 3, "error"),
    ]
    assert "登记编号 7 " in issues[0].message()


def test_equal_rows_with_one_key_are_no_fault_also_where_cells_are_empty() -> None:
    identified, issues = settled(VISITS, *["7|2026-10-03||首次|王磊||"] * 2)
    assert (identified.rows["row"].to_list(), identified.superseded, issues) == ([3], {}, ())


@pytest.mark.parametrize(("first", "last"), [("张先生", ""), ("", "张先生")])
def test_a_cell_filled_in_one_and_empty_in_the_other_is_a_difference(first: str, last: str) -> None:
    identified, issues = settled(VISITS, *(f"7|2026-10-03||首次|王磊|{name}|" for name in (first, last)))
    assert (identified.superseded, len(issues)) == ({"表": 1}, 1)


def test_nothing_personal_is_told_of_a_key() -> None:
    phone = "19900000001"
    for header, line in (
        (VISITS, "|2026-10-03|9:05|{}|王磊|张三丰|" + phone),
        (VISITS, phone + "|2026-10-03|9:05|{}|王磊|张三丰|"),
    ):
        _, issues = settled(header, line.format("首次"), line.format("再次"))
        (issue,) = issues
        assert phone not in issue.message() and "张三丰" not in issue.message()


# Months


def test_a_row_belongs_to_the_month_of_its_date() -> None:
    identified, _ = settled(VISITS, "1|2026-09-30||首次|王磊||", "2|2026-10-01||首次|王磊||")
    assert identified.rows["month"].to_list() == ["2026-09", "2026-10"]
