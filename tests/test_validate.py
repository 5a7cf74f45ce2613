"""Validating: which rows count, which are set aside and why, and what is said of each cell."""

from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from kpicli import loading
from kpicli.issues import Issue, gather
from kpicli.normalise import DTYPES
from kpicli.read import Fault
from kpicli.recognise import Match, recognise
from kpicli.validate import Checked, validate

from .workbooks import sheet

FORMS = loading.load().forms
TODAY = date(2026, 11, 1)

VISITS = "日期|来店性质|接触方式|销售顾问|客户姓名|联系电话"
VISIT = "2026-10-03|首次|来店|王磊|张三丰|19900000001"
INVOICES = "开票日期|发票号码|车架号|开票类型|开票金额"

Judged = tuple[Checked, tuple[Issue, ...]]


def judge(*lines: str, faults: tuple[Fault, ...] = ()) -> Judged:
    """Take lines through recognising and validating; the issues are those of validating alone."""
    (match,), _ = recognise(sheet(*lines), FORMS.values(), TODAY)
    assert isinstance(match, Match)
    checked, issues = validate(match, faults)
    return checked, gather(issues)


def of(judged: Judged, code: str) -> Issue:
    (said,) = [issue for issue in judged[1] if issue.code == code]
    return said


def column(judged: Judged, key: str) -> list[Any]:
    return judged[0].rows[key].to_list()


# Rows that count and rows set aside


def test_a_good_sheet_counts_whole_and_nothing_is_said() -> None:
    checked, issues = judge("某店客流", VISITS, VISIT, "", VISIT, "合计|2")
    assert issues == ()
    assert (checked.form.key, checked.header_row, checked.total, checked.set_aside) == ("visits", 2, 6, 0)
    assert checked.rows["row"].to_list() == [3, 5]
    assert checked.total == checked.rows.height + checked.set_aside + sum(checked.not_data.values())


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_rows_have_every_column_of_the_form_in_its_type(form: Any) -> None:
    columns = [*form.required, *(column for column in form.columns.values() if not column.required)][:4]
    (match,), _ = recognise(sheet("|".join(column.label for column in columns), "a|b|c|d"), [form], TODAY)
    assert isinstance(match, Match)
    rows = validate(match)[0].rows
    assert dict(rows.schema) == {"row": pl.UInt32(), **{c.key: DTYPES[c.type] for c in form.columns.values()}}


def test_a_row_without_a_required_value_is_set_aside_with_its_cell() -> None:
    judged = judge(VISITS, VISIT, "2026-10-04||来店|王磊|李四光|19900000002")
    assert (judged[0].set_aside, judged[0].rows["row"].to_list()) == (1, [2])
    said = of(judged, "missing_required")
    assert (said.cell, said.row, said.column, said.severity, said.count) == ("B3", 3, "来店性质", "error", 1)
    assert "来店性质" in said.message()


def test_a_required_cell_that_cannot_be_read_is_grave_and_sets_its_row_aside() -> None:
    judged = judge(VISITS, VISIT, "2026-02-30|首次|来店|王磊||")
    assert judged[0].set_aside == 1
    said = of(judged, "bad_date")
    assert (said.cell, said.severity, said.grave) == ("A3", "error", True)
    assert [issue.code for issue in judged[1]] == ["bad_date"]  # and is not called empty as well


def test_an_implausible_required_date_sets_its_row_aside() -> None:
    judged = judge(VISITS, VISIT, "2206-10-03|首次|来店|王磊||")
    assert judged[0].set_aside == 1
    assert of(judged, "implausible_date").severity == "error"


def test_a_bad_cell_elsewhere_is_left_empty_and_named_and_the_row_counts() -> None:
    judged = judge(f"{VISITS}|来店时间|来店人数", f"{VISIT}|25:10|两人")
    assert judged[0].set_aside == 0
    assert (column(judged, "arrive"), column(judged, "party")) == ([None], [None])
    for code, cell, label in (("bad_time", "G2", "来店时间"), ("bad_number", "H2", "来店人数")):
        said = of(judged, code)
        assert (said.cell, said.column, said.severity, said.grave) == (cell, label, "warning", False)


def test_an_unknown_word_in_a_required_choice_is_kept_and_named_and_the_row_counts() -> None:
    judged = judge(VISITS, VISIT, "2026-10-03|三顾|来店|王磊||")
    assert (judged[0].set_aside, column(judged, "contact")) == (0, ["首次", "三顾"])
    said = of(judged, "unknown_value")
    assert (said.cell, said.severity) == ("B3", "warning")
    assert "三顾" in said.message()
    assert "首次 · 再次 · 来电首次到店 · 其他" in said.hint()


def test_an_odd_phone_is_kept_and_named() -> None:
    judged = judge(VISITS, "2026-10-03|首次|来店|王磊||未留")
    assert column(judged, "phone") == ["未留"]
    assert (of(judged, "odd_phone").cell, of(judged, "odd_phone").severity) == ("F2", "warning")
    assert "未留" in of(judged, "odd_phone").message()


def test_a_vin_that_fails_its_check_digit_is_kept_and_named() -> None:
    judged = judge(INVOICES, "2026-10-03|1|LATPAB072W1005301|蓝字|1")
    assert (judged[0].set_aside, column(judged, "vin")) == (0, ["LATPAB072W1005301"])
    assert of(judged, "odd_vin").cell == "C2"


# Places and counts


def test_the_address_is_the_cell_of_the_sheet_wherever_the_table_stands() -> None:
    judged = judge("", "|某店客流", "", "||日期|来店性质|联系电话", "", "||2026-10-03|首次|无号")
    said = of(judged, "odd_phone")
    assert (said.sheet, said.cell, said.row) == ("表", "E6", 6)


def test_equal_bad_cells_of_a_column_are_one_issue_with_a_count() -> None:
    judged = judge(VISITS, *["2026-10-03|首次|来店|王磊||未留"] * 5, VISIT, "2026-10-03|首次|来店|王磊||不详")
    odd = [(issue.cell, issue.count, issue.values["value"]) for issue in judged[1] if issue.code == "odd_phone"]
    assert odd == [("F2", 5, "未留"), ("F8", 1, "不详")]


def test_many_different_bad_cells_of_a_column_are_one_issue_with_a_count() -> None:
    judged = judge(f"{VISITS}|来店时间", *[f"{VISIT}|{word}" for word in ("早", "中", "晚", "夜", "早")])
    said = of(judged, "bad_time")
    assert (said.cell, said.count) == ("G2", 5)
    assert all(word in said.message() for word in ("早", "中", "晚"))


def test_equal_issues_of_one_column_are_gathered_and_others_are_not() -> None:
    first = Issue("bad_date", "表", 2, "日期", "A2", {"value": "x"})
    again = Issue("bad_date", "表", 9, "日期", "A9", {"value": "x"}, count=3)
    others = [
        Issue("bad_date", "表", 3, "日期", "A3", {"value": "y"}),
        Issue("bad_date", "表", 4, "成交日期", "B4", {"value": "x"}),
        Issue("bad_date", "另", 5, "日期", "A5", {"value": "x"}),
        Issue("bad_date", "表", 6, "日期", "A6", {"value": "x"}, grave=True),
    ]
    gathered = gather([first, others[0], again, *others[1:]])
    assert [(issue.cell, issue.count) for issue in gathered] == [("A2", 4), ("A3", 1), ("B4", 1), ("A5", 1), ("A6", 1)]


def test_required_cells_left_empty_are_one_issue_with_a_count() -> None:
    said = of(judge(VISITS, VISIT, *["2026-10-03||来店|王磊||"] * 4), "missing_required")
    assert (said.cell, said.count) == ("B3", 4)


def test_a_row_that_lacks_two_things_is_set_aside_once_and_both_are_named() -> None:
    judged = judge(VISITS, VISIT, "|||王磊||19900000001")
    assert judged[0].set_aside == 1
    cells = {issue.cell: issue.code for issue in judged[1]}
    assert cells == {"A3": "missing_required", "B3": "missing_required", "C3": "missing_required"}


# Faults of the reader


def test_an_error_cell_and_a_formula_without_value_are_named_where_the_form_has_a_column() -> None:
    faults = (
        Fault(2, "D", "error_cell", "#N/A"),
        Fault(3, "F", "formula_without_value", ""),
        Fault(3, "G", "error_cell", "#REF!"),  # a column nobody reads
        Fault(4, "D", "error_cell", "#DIV/0!"),  # a total
    )
    lines = [
        f"{VISITS}|某列",
        "2026-10-03|首次|来店||张三丰|19900000001",
        "2026-10-03|首次|来店|王磊|张三丰|",
        "合计|2",
    ]
    judged = judge(*lines, faults=faults)
    named = {issue.cell: issue.code for issue in judged[1] if issue.code != "no_consultant"}
    assert named == {"D2": "error_cell", "F3": "formula_without_value"}
    assert "#N/A" in of(judged, "error_cell").message()
    assert judged[0].set_aside == 0


def test_an_error_in_a_required_cell_sets_the_row_aside() -> None:
    fault = Fault(3, "A", "error_cell", "#VALUE!")
    judged = judge(VISITS, VISIT, "|首次|来店|王磊||", faults=(fault,))
    assert judged[0].set_aside == 1
    assert {issue.code for issue in judged[1]} == {"error_cell", "missing_required"}


# Nothing personal in what is said

PRIVATE = "张三丰"
PHONE = "19900000001"


def everything_said(judged: Judged) -> str:
    words = [f"{issue.message('zh')} {issue.hint('zh')} {issue.message('en')} {issue.values}" for issue in judged[1]]
    assert words
    return " ".join(words)


@pytest.mark.parametrize(
    "cell",
    [
        "199000000012",
        f"{PHONE}/19900000002",
        f"{PHONE}转分机",
        f"张三丰{PHONE}",
        "１９９０００００００１２",
        "1 9 9 0 0 0 0 0 0 0 1 2",
    ],
    ids=["a digit too many", "two phones", "with words", "with a name", "full width", "spaced"],
)
def test_an_odd_phone_is_named_without_being_told(cell: str) -> None:
    said = everything_said(judge(VISITS, f"2026-10-03|首次|来店|王磊||{cell}"))
    assert "****" in said
    assert cell not in said and PHONE not in said and PRIVATE not in said


def test_a_name_in_the_phone_column_is_not_told() -> None:
    assert PRIVATE not in everything_said(judge(VISITS, f"2026-10-03|首次|来店|王磊|{PRIVATE}|{PRIVATE}"))


@pytest.mark.parametrize(
    ("header", "cell"),
    [
        ("来店时间", PHONE),
        ("来店人数", f"{PHONE}号"),
        ("意向级别", PHONE),
        ("是否试驾", f"致电{PHONE}"),
        ("离店时间", f"{PHONE} 9:05"),
        ("离店时间", "199-0000-0001"),
        ("来店人数", "199 0000 0001 转 1"),
        ("意向级别", "１９９０００００００１"),
    ],
)
def test_a_phone_in_a_column_it_does_not_belong_to_is_not_told(header: str, cell: str) -> None:
    """One comma too many shifts a whole row, and every column complains about its neighbour's value."""
    said = everything_said(judge(f"{VISITS}|{header}", f"{VISIT}|{cell}"))
    assert PHONE not in said and cell not in said


def test_a_phone_for_a_date_is_not_told() -> None:
    assert PHONE not in everything_said(judge(VISITS, VISIT, f"{PHONE}|首次|来店|王磊||"))


# Rules of the forms


@pytest.mark.parametrize(
    ("row", "kind", "amount"),
    [
        ("蓝字|129800", "蓝字", "129800.00"),
        ("|129800", "蓝字", "129800.00"),
        ("红字|129800", "红字", "-129800.00"),
        ("红字|-129800", "红字", "-129800.00"),
        ("退票|129,800.50", "红字", "-129800.50"),
        ("蓝字|-129800", "红字", "-129800.00"),
        ("|(129800)", "红字", "-129800.00"),
        ("红字|", "红字", None),
        ("蓝字|0", "蓝字", "0.00"),
    ],
)
def test_red_letters_and_negative_amounts_are_the_same(row: str, kind: str, amount: str | None) -> None:
    judged = judge(INVOICES, f"2026-10-03|1|LATPAB071W1005301|{row}")
    assert column(judged, "kind") == [kind]
    assert column(judged, "amount") == [None if amount is None else Decimal(amount)]
    assert judged[0].rows.schema["amount"] == DTYPES["money"]


def test_a_negative_amount_is_red_also_where_there_is_no_kind_column() -> None:
    judged = judge("开票日期|车架号|开票金额", *(f"2026-10-03|LATPAB071W1005301|{amount}" for amount in (5, -5)))
    assert column(judged, "kind") == ["蓝字", "红字"]


def test_amounts_under_a_header_in_ten_thousands_are_not_taken_for_yuan_in_silence() -> None:
    lines = sheet("开票日期|车架号|开票金额（万元）", "2026-10-03|LATPAB071W1005301|12.98")
    (match,), said = recognise(lines, FORMS.values(), TODAY)
    assert isinstance(match, Match)
    checked, issues = validate(match)
    told = [issue for issue in (*said, *issues) if issue.code != "column_assumed"]
    assert checked.rows["amount"].to_list() == [Decimal("129800.00")] or told


@pytest.mark.parametrize(
    ("customer", "phone", "retained"),
    [
        ("张三丰", "19900000001", True),
        ("张三丰", "", False),
        ("", "19900000001", False),
        ("", "", False),
        ("张三丰", "-", False),
        ("张三丰", "未留", False),
    ],
)
def test_without_a_column_who_left_name_and_phone_is_retained(customer: str, phone: str, retained: bool) -> None:
    assert column(judge(VISITS, f"2026-10-03|首次|来店|王磊|{customer}|{phone}"), "retained") == [retained]


def test_a_retained_column_goes_before_name_and_phone() -> None:
    judged = judge(f"{VISITS}|是否留档", f"{VISIT}|否", f"{VISIT}|", "2026-10-03|首次|来店|王磊|||√")
    assert column(judged, "retained") == [False, False, True]


def test_without_a_phone_column_nobody_is_retained() -> None:
    assert column(judge("日期|来店性质|客户姓名", "2026-10-03|首次|张三丰"), "retained") == [False]


def test_a_log_without_a_channel_holds_showroom_visits() -> None:
    assert column(judge("日期|来店性质|销售顾问", "2026-10-03|首次|王磊"), "channel") == ["来店"]


def test_an_empty_channel_is_no_default_but_missing() -> None:
    judged = judge(VISITS, VISIT, "2026-10-03|首次||王磊||")
    assert judged[0].set_aside == 1
    assert of(judged, "missing_required").cell == "C3"


@pytest.mark.parametrize(
    ("header", "row", "cell"),
    [
        ("日期|来店性质|销售顾问|来店时间|离店时间", "2026-10-03|首次|王磊|10:05|9:50", "E2"),
        ("建档日期|客户编号|客户姓名|销售顾问|订单日期", "2026-10-03|1|张三丰|王磊|2026-10-02", "E2"),
        ("试驾日期|试驾车型|销售顾问|出发里程|返回里程", "2026-10-03|君越|王磊|120|100", "E2"),
    ],
)
def test_what_ends_before_it_begins_is_named_and_the_row_counts(header: str, row: str, cell: str) -> None:
    judged = judge(header, row)
    said = of(judged, "out_of_order")
    first, second = header.split("|")[-2:] if "订单" not in header else ("建档日期", "订单日期")
    assert (said.cell, said.severity, judged[0].set_aside) == (cell, "warning", 0)
    assert said.message() == f"{second}早于{first}"


def test_equal_ends_are_in_order_and_several_faults_are_counted() -> None:
    header = "日期|来店性质|销售顾问|来店时间|离店时间"
    times = ["10:00|10:00", "10:00|", "|9:00", "10:00|9:00", "10:00|11:00", "12:00|8:00"]
    said = of(judge(header, *(f"2026-10-03|首次|王磊|{time}" for time in times)), "out_of_order")
    assert (said.cell, said.count) == ("E5", 2)


def test_rows_of_nobody_count_and_are_told() -> None:
    judged = judge(VISITS, VISIT, *["2026-10-03|首次|来店|||"] * 3)
    said = of(judged, "no_consultant")
    assert (said.cell, said.count, said.severity) == ("D3", 3, "info")
    assert (judged[0].set_aside, column(judged, "consultant")) == (0, ["王磊", None, None, None])
    assert "未分配" in said.message()


def test_a_row_set_aside_is_not_said_to_be_counted_under_nobody() -> None:
    judged = judge(VISITS, VISIT, "2026-10-03||来店|||")
    assert [issue.code for issue in judged[1]] == ["missing_required"]


def test_a_target_without_a_consultant_is_the_whole_stores_and_needs_no_word() -> None:
    checked, issues = judge("月份|销售顾问|车型|指标|目标值", "2026-10|||订单数|40", "2026年10月|王磊||订单数|8")
    assert issues == ()
    assert checked.rows.select("month", "consultant", "value").rows() == [
        ("2026-10", None, 40.0),
        ("2026-10", "王磊", 8.0),
    ]
