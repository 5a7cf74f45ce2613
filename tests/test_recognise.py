"""Recognising: the form, its header and its columns are found, what is unclear is said, and every row has a kind."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kpicli import loading
from kpicli.catalogue import Column, Form
from kpicli.issues import Issue
from kpicli.messages import Words
from kpicli.recognise import Match, NoMatch, recognise
from kpicli.words import header_key

from .workbooks import sheet, steady

FORMS = loading.load().forms
TODAY = date(2026, 11, 1)

Found = tuple[Match | NoMatch, list[Issue]]


def zh(said: Issue, key: str) -> str:
    value = said.values[key]
    return value if isinstance(value, str) else value.zh


def look(*lines: str, forms: Iterable[Form] = FORMS.values(), name: str = "表", place: str = "") -> Found:
    (table,), issues = recognise(sheet(*lines, name=name), forms, TODAY, place)
    return table, issues


def matched(*lines: str, name: str = "表", place: str = "") -> Match:
    match, _ = look(*lines, name=name, place=place)
    assert isinstance(match, Match)
    return match


def codes(found: Found) -> list[str]:
    return [issue.code for issue in found[1]]


def issue(found: Found, code: str) -> Issue:
    (said,) = [one for one in found[1] if one.code == code]
    return said


VISITS = "日期|来店性质|接触方式|销售顾问"
VISIT = "2026-10-03|首次|来店|王磊"


# The header


def test_the_header_is_found_below_title_rows() -> None:
    match = matched("某店展厅客流登记表", "统计期间：2026年10月", "", VISITS, VISIT)
    assert (match.form.key, match.header_row, match.body["row"].to_list()) == ("visits", 4, [5])
    assert match.not_data == {"blank": 1, "title": 2, "header": 1, "total": 0, "note": 0}


def test_the_header_is_found_below_a_long_preamble() -> None:
    match = matched(*["条件：全部"] * 50, VISITS, VISIT)
    assert (match.header_row, match.not_data["title"]) == (51, 50)


def test_leading_columns_without_a_header_are_left_alone() -> None:
    match = matched("||日期|来店性质", "||2026-10-03|首次")
    assert match.letters == {"date": "C", "contact": "D"}


@settings(steady, max_examples=12)
@given(st.permutations(["日期|2026-10-03", "来店性质|首次", "接触方式|来店", "销售顾问|王磊", "备注|好", "序号|1"]))
def test_columns_may_stand_in_any_order(columns: list[str]) -> None:
    header, row = zip(*(column.split("|") for column in columns), strict=True)
    match = matched("|".join(header), "|".join(row))
    values = match.body.row(0, named=True)
    assert values == {
        "row": 2,
        "date": "2026-10-03",
        "contact": "首次",
        "channel": "来店",
        "consultant": "王磊",
        "note": "好",
    }
    assert {key: header["ABCDEF".index(letter)] for key, letter in match.letters.items()} == match.headers


@pytest.mark.parametrize(
    "header",
    [
        "开票\\n金额",
        "开票金额(元)",
        "开票金额（元）",
        "*开票金额",
        "开票金额 *",
        " 开 票 金 额 ",
        "开票金额：",
        "开票金额【必填】",
    ],
)
def test_marks_and_units_in_a_header_do_not_matter(header: str) -> None:
    match = matched(f"开票日期|车架号|{header}", "2026-10-03|LATPAB071W1005301|129800")
    assert match.letters["amount"] == "C"
    assert match.headers["amount"] == header.replace("\\n", "\n").strip()


def test_full_width_letters_in_a_header_do_not_matter() -> None:
    assert matched("开票日期|ｖｉｎ码|开票金额", "2026-10-03|LATPAB071W1005301|1").letters["vin"] == "B"


def test_looking_alike_is_not_being_the_same() -> None:
    """One letter off is another word: similarity may suggest, never decide."""
    found = look("开票日期|车架号|开票金颔", "2026-10-03|LATPAB071W1005301|1")
    assert isinstance(found[0], Match)
    assert "amount" not in found[0].letters
    assert issue(found, "unknown_column").values == {"columns": "开票金颔"}


# The form

EXAMPLES = {
    "text": "K-7",
    "name": "张先生",
    "staff": "王磊",
    "phone": "19900000001",
    "date": "2026-10-03",
    "month": "2026-10",
    "time": "14:05",
    "integer": "3",
    "number": "120",
    "money": "129800.00",
    "choice": "君越",
    "level": "H",
    "flag": "是",
    "vin": "LATPAB071W1005301",
}


def example_of(column: Column) -> str:
    return column.canonical[0] if column.values else EXAMPLES[column.type]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("reverse", [False, True], ids=["in order", "reversed"])
def test_a_form_is_told_by_its_labels(form: Form, reverse: bool) -> None:
    columns = list(form.columns.values())[:: -1 if reverse else 1]
    match = matched("|".join(column.label for column in columns), "|".join(example_of(column) for column in columns))
    assert match.form.key == form.key
    assert match.headers == {column.key: column.label for column in form.columns.values()}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_form_is_told_by_its_labels_alone_without_a_row_below(form: Form) -> None:
    match = matched("|".join(column.label for column in form.columns.values()))
    assert (match.form.key, match.body.height, match.rows) == (form.key, 0, 1)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@settings(steady, max_examples=10)
@given(data=st.data())
def test_a_form_is_told_by_any_of_its_aliases(form: Form, data: st.DataObject) -> None:
    """Any spelling of any column, in any order; where one means two columns, the values tell."""
    columns = data.draw(st.permutations(list(form.columns.values())))
    headers = [data.draw(st.sampled_from(column.headers)) for column in columns]
    assume(len({header_key(header) for header in headers}) == len(headers))
    match = matched("|".join(headers), "|".join(example_of(column) for column in columns))
    assert match.form.key == form.key
    assert match.headers == dict(zip([column.key for column in columns], headers, strict=True))


@pytest.mark.parametrize(
    ("form", "header", "row"),
    [
        ("visits", "日期|来店性质", "2026-10-03|首次"),
        ("intentions", "建档日期|客户姓名|联系电话|意向车型", "2026-10-03|张先生|19900000001|君越"),
        ("test_drives", "试驾日期|试驾车型|联系电话", "2026-10-03|君越|19900000001"),
        ("invoices", "开票日期|车架号|车系", "2026-10-03|LATPAB071W1005301|君越"),
        ("followups", "应跟踪日期|实际跟踪日期|销售顾问", "2026-10-03|2026-10-03|王磊"),
        ("targets", "月份|指标|目标值", "2026-10|订单数|40"),
    ],
)
def test_few_columns_are_enough_when_they_tell(form: str, header: str, row: str) -> None:
    assert matched(header, row).form.key == form


SPEC_ALIASES = {
    "接待顾问": "consultant",
    "顾问姓名": "consultant",
    "来访性质": "contact",
    "创建时间": "created",
    "录入日期": "created",
    "计划跟踪日期": "due",
    "计划回访日期": "due",
    "跟踪日期": "done",
    "回访日期": "done",
    "交易日期": "won_date",
    "失败日期": "lost_date",
    "失败原因": "lost_reason",
    "采购成本": "cost",
    "进价": "cost",
}


@pytest.mark.parametrize(("alias", "key"), SPEC_ALIASES.items())
def test_the_aliases_of_the_specification_are_known(alias: str, key: str) -> None:
    columns = [form.columns[key] for form in FORMS.values() if key in form.columns]
    assert any(header_key(alias) == header_key(header) for column in columns for header in column.headers)


def test_a_sheet_that_fits_two_forms_names_both() -> None:
    one = FORMS["followups"]
    found = look("应跟踪日期|销售顾问", "2026-10-03|王磊", forms=[one, replace(one, key="other", label="另一张表")])
    assert isinstance(found[0], NoMatch)
    assert codes(found) == ["two_forms"]
    message = issue(found, "two_forms").message()
    assert one.label in message and "另一张表" in message


def test_the_form_that_takes_more_columns_is_no_tie() -> None:
    one = FORMS["followups"]
    fewer = replace(one, key="other", columns={"due": one.columns["due"]}, keys=(("due",),))
    found = look("应跟踪日期|销售顾问", "2026-10-03|王磊", forms=[fewer, one])
    assert isinstance(found[0], Match)
    assert found[0].form is one


@pytest.mark.parametrize(
    "lines",
    [
        ("车型|颜色|库存天数", "君越|白|12"),
        ("本月会议纪要", "一、安全", "二、卫生"),
        ("日期|天气", "2026-10-03|晴"),
        ("", ""),
    ],
    ids=["stock", "minutes", "diary", "blank"],
)
def test_a_sheet_of_something_else_is_no_form(lines: tuple[str, ...]) -> None:
    found = look(*lines)
    assert codes(found) == ["no_form"]
    assert isinstance(found[0], NoMatch)
    assert (found[0].rows, found[0].not_data["blank"]) == (len(lines), lines.count(""))


def test_a_missing_required_column_is_named_with_headers_that_would_do() -> None:
    found = look("日期|来店时间|客户姓名|销售顾问|来店人数", "2026-10-03|9:05|张先生|王磊|2")
    assert isinstance(found[0], NoMatch)
    said = issue(found, "missing_column")
    assert codes(found) == ["missing_column"]
    assert (said.row, said.severity) == (1, "error")
    assert "来店性质" in said.message() and FORMS["visits"].label in said.message()
    assert "几次来店" in said.hint() and "是否首次来店" in said.hint()


def test_several_missing_columns_are_named_together() -> None:
    said = issue(look("销售顾问|车型|指标|目标", "王磊|君越|订单数|3", forms=[FORMS["targets"]]), "missing_column")
    assert zh(said, "columns") == "月份"
    said = issue(look("销售顾问|车型|指标", "王磊|君越|订单数", forms=[FORMS["targets"]]), "missing_column")
    assert zh(said, "columns") == "月份、目标值"


# What is said about columns


def test_columns_nobody_knows_are_named_once() -> None:
    found = look(f"{VISITS}|星座|购车\\n预算", f"{VISIT}|白羊|十万")
    said = issue(found, "unknown_column")
    assert (said.values["columns"], said.severity) == ("星座、购车 预算", "info")


def test_two_columns_of_one_meaning_are_told_and_the_label_wins() -> None:
    found = look(f"客户电话|{VISITS}|联系电话", f"1|{VISIT}|19900000001")
    assert isinstance(found[0], Match)
    assert found[0].letters["phone"] == "F"
    said = issue(found, "duplicate_column")
    assert (said.column, said.values) == ("客户电话", {"label": Words("联系电话", "Phone"), "taken": "F"})


def test_a_repeated_header_takes_the_first() -> None:
    match = matched(f"{VISITS}|{VISITS}", f"{VISIT}|2026-10-04|再次|来电|李娜")
    assert match.letters == {"date": "A", "contact": "B", "channel": "C", "consultant": "D"}


def test_a_column_with_a_default_that_is_not_there_is_told() -> None:
    said = issue(look("日期|来店性质", "2026-10-03|首次"), "column_assumed")
    assert said.values == {"label": Words("接触方式", "Channel"), "value": "来店"}
    invoices = look("开票日期|车架号", "2026-10-03|LATPAB071W1005301")
    assumed = [one.values["value"] for one in invoices[1] if one.code == "column_assumed"]
    assert assumed == ["展厅", "蓝字"]


def test_a_hidden_sheet_is_read_and_said_to_be_hidden() -> None:
    (match,), found = recognise(sheet(VISITS, VISIT, hidden=True), FORMS.values(), TODAY)
    assert isinstance(match, Match)
    assert [one.code for one in found] == ["hidden_sheet"]
    assert found[0].sheet == "表"


# Values that decide


@pytest.mark.parametrize(
    ("header", "cells", "column"),
    [
        ("日期|类型|销售顾问|几次来店", ["来店", "来电"], "channel"),
        ("日期|类型|销售顾问|到访方式", ["首次", "再次"], "contact"),
        ("日期|接触类型|销售顾问|到访方式", ["初次", "再次来店"], "contact"),
        ("日期|接触类型|销售顾问|几次来店", ["展厅", "电话"], "channel"),
        ("应跟踪日期|联系方式|销售顾问|跟踪结果", ["19900000001", "021-55500011"], "phone"),
        ("应跟踪日期|联系方式|销售顾问|跟踪结果", ["电话", "微信"], "way"),
        ("应跟踪日期|联系方式|销售顾问|跟踪结果", ["电话", "微信", "传真"], "way"),
    ],
)
def test_an_ambiguous_header_is_decided_by_its_values_and_said(header: str, cells: list[str], column: str) -> None:
    other = {"几次来店": "首次", "到访方式": "来店", "跟踪结果": "好"}[header.rsplit("|", 1)[1]]
    found = look(header, *(f"2026-10-03|{cell}|王磊|{other}" for cell in cells))
    assert isinstance(found[0], Match)
    assert found[0].letters[column] == "B"
    label = found[0].form.columns[column].label
    assert [zh(one, "label") for one in found[1] if one.code == "decided_by_values"] == [label]


@pytest.mark.parametrize("cells", [["", ""], ["传真", "信件"]], ids=["empty", "foreign words"])
def test_an_ambiguous_header_whose_values_do_not_tell_is_left_out_and_said(cells: list[str]) -> None:
    found = look("应跟踪日期|销售顾问|联系方式", *(f"2026-10-03|王磊|{cell}" for cell in cells))
    assert isinstance(found[0], Match)
    assert set(found[0].letters) == {"due", "consultant"}
    said = issue(found, "undecided_header")
    assert (said.column, zh(said, "labels")) == ("联系方式", "联系电话、跟踪方式")
    assert "unknown_column" not in codes(found)


@pytest.mark.parametrize(
    "header",
    ["情况", "来店情形（必填）", "备注", "来店渠道"],
    ids=["unknown", "unknown, bracketed", "known as text", "known as open choice"],
)
def test_a_column_of_first_and_again_is_the_contact_whatever_its_header(header: str) -> None:
    found = look(f"日期|{header}|销售顾问|来店时间", "2026-10-03|首次|王磊|9:05", "2026-10-04|再次|李娜|9:10")
    assert isinstance(found[0], Match)
    assert found[0].letters["contact"] == "B"
    said = issue(found, "decided_by_values")
    assert (said.column, zh(said, "label")) == (header, "来店性质")


@pytest.mark.parametrize("words", [("是", "否"), ("1", "2"), ("有", "无")])
def test_words_that_fit_everything_decide_nothing(words: tuple[str, str]) -> None:
    found = look("日期|情况|销售顾问|来店时间", *(f"2026-10-03|{word}|王磊|9:05" for word in words))
    assert codes(found) == ["missing_column"]


def test_a_contact_column_that_holds_channels_is_the_channel() -> None:
    found = look("日期|来店性质|情况", "2026-10-03|来店|首次", "2026-10-03|来电|再次")
    assert isinstance(found[0], Match)
    assert found[0].letters == {"date": "A", "channel": "B", "contact": "C"}


def test_a_contact_column_of_channels_stays_where_the_channel_has_a_column_of_its_own() -> None:
    """A column filled in wrongly is to be named cell by cell; it does not make its own header disappear."""
    match = matched(VISITS, "2026-10-03|来店|来店|王磊")
    assert match.letters == {"date": "A", "contact": "B", "channel": "C", "consultant": "D"}


# The year


@pytest.mark.parametrize(
    ("lines", "name", "place", "year"),
    [
        (("2026年11月1日至2026年11月30日客流",), "表", "", 2026),
        (("统计期间||2025-10",), "2026年", "2024.xlsx", 2025),
        ((), "2026年10月", "2025-10.xlsx", 2026),
        ((), "表", "2026-10 展厅客流登记表.xlsx", 2026),
        ((), "表", "客流_202610.xlsx", 2026),
        ((), "表", "客流20261031.xlsx", 2026),
        ((), "202610", "", 2026),
        ((), "表", "客流2026.xlsx", 2026),
        ((), "表", "十月客流.xlsx", None),
        ((), "表", "批号12026123456.xlsx", None),
    ],
)
def test_the_year_comes_from_the_title_then_the_sheet_then_the_file(
    lines: tuple[str, ...], name: str, place: str, year: int | None
) -> None:
    assert matched(*lines, VISITS, VISIT, name=name, place=place).clues.year == year


# Rows

OTHERS = {
    "blank": ["", "|||", "　| |\u00a0"],
    "header": [VISITS, "日期|来店性质|接触方式|"],
    "total": ["合计|12", "|合计|12", "小计", "A组小计||3", "总计：||||9", "合 计|||2", "||累计|4"],
    "note": [
        "制表人：王磊||审核：李娜",
        "备注说明：按来店批次登记",
        "每天发送：a@example.com",
        "打印日期：今日",
        "注：含来电",
    ],
}
AGAIN = [(kind, line) for kind, lines in OTHERS.items() for line in lines]


@pytest.mark.parametrize(("kind", "line"), AGAIN)
def test_a_row_that_is_no_record_is_counted_by_its_kind(kind: str, line: str) -> None:
    match = matched(VISITS, VISIT, line, VISIT)
    assert match.body["row"].to_list() == [2, 4]
    assert dict(match.not_data) == dict.fromkeys(OTHERS, 0) | {"title": 0, "header": 1} | {
        kind: 2 if kind == "header" else 1
    }


@settings(steady, max_examples=25)
@given(
    st.lists(st.sampled_from(["某店客流表", "单位：批", ""]), max_size=3),
    st.lists(st.one_of(st.just(("data", VISIT)), st.sampled_from(AGAIN)), max_size=15),
)
def test_every_row_is_a_record_or_has_its_kind(titles: list[str], lines: list[tuple[str, str]]) -> None:
    match = matched(*titles, VISITS, *(line for _, line in lines))
    kinds = [kind for kind, _ in lines]
    first = len(titles) + 2
    assert match.body["row"].to_list() == [first + place for place, kind in enumerate(kinds) if kind == "data"]
    assert match.not_data == {
        "blank": kinds.count("blank") + titles.count(""),
        "title": len(titles) - titles.count(""),
        "header": kinds.count("header") + 1,
        "total": kinds.count("total"),
        "note": kinds.count("note"),
    }
    assert match.rows == match.body.height + sum(match.not_data.values())


CELLS = st.sampled_from(
    ["", "2026-10-03", "首次", "来店", "王磊", "合计", "日期", "制表：", "12", "十月客流登记表一览"]
)


@settings(steady, max_examples=25)
@given(st.lists(st.lists(CELLS, min_size=1, max_size=5).map("|".join), max_size=12))
def test_no_row_is_ever_lost(lines: list[str]) -> None:
    match = matched(VISITS, VISIT, *lines)
    assert match.rows == 2 + len(lines) == match.body.height + sum(match.not_data.values())


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("total", "10月合计||||12"),
        ("total", "销售1组小计||||12"),
        ("total", "2026-10-03小计||||12"),
        ("total", "合　计||||12"),
        ("total", "合    计||||12"),
        ("total", "合计：12批"),
        ("note", "打印日期：2026-11-01"),
        ("note", "制表人：王磊 2026-11-01||||"),
        ("note", "注：10月1日至8日不含来电"),
        ("note", "2026年10月展厅客流登记表（续）"),
    ],
    ids=["month", "group", "day", "wide", "spaced", "counted", "printed", "signed", "remark", "title of the next page"],
)
def test_a_total_or_note_is_no_record_however_it_is_written(kind: str, line: str) -> None:
    match = matched(VISITS, VISIT, line)
    assert (match.body.height, match.not_data[kind]) == (1, 1)


@pytest.mark.parametrize(
    "row",
    ["2026-10-03||来店|王磊", "|首次|来店|王磊", "明天|首次|来店|王磊", "2026-10-03|首次|来店|合计先生", "|首次||"],
    ids=["no contact", "no date", "a word for a date", "a name like a total", "one cell"],
)
def test_a_record_with_something_wrong_is_a_record(row: str) -> None:
    assert matched(VISITS, row).body.height == 1


def test_the_body_keeps_the_row_numbers_of_the_sheet_in_order() -> None:
    match = matched("表", "", VISITS, VISIT, "合计|2", "|首次|来店|王磊", "", VISIT)
    assert match.body["row"].to_list() == [4, 6, 8]


def test_spaces_around_a_cell_are_no_part_of_it() -> None:
    match = matched(" 日期 |来店性质\u3000", " 2026-10-03\u00a0|　首次 ")
    assert match.body.row(0) == (2, "2026-10-03", "首次")
