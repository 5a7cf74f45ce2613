"""Control totals: a file's own 合计 and 小计 rows are found wherever they stand, and hold or are named."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpicli import loading
from kpicli.control import reconcile
from kpicli.read.sheets import Merge
from kpicli.recognise import Match, recognise
from kpicli.validate import validate

from .workbooks import sheet, steady

FORMS = loading.load().forms
TODAY = date(2026, 11, 1)

INVOICES = "开票日期|客户姓名|销售顾问|开票金额|开票类型"
ONE = "2026-10-03|张|王磊|100|"
TWO = "2026-10-04|李|李娜|200|"
VISITS = "日期|来店性质|销售顾问|来店人数|是否试驾"
GROUP = "2026-10-03|首次|王磊|2|是"
PAIR = "2026-10-04|再次|李娜|1|否"


def tables(*lines: str, merges: Sequence[Merge] = ()) -> list[Match]:
    found, _ = recognise(replace(sheet(*lines), merges=tuple(merges)), FORMS.values(), TODAY)
    return [table for table in found if isinstance(table, Match)]


def totals(*lines: str) -> list[int]:
    """The rows that are totals."""
    return [row for table in tables(*lines) for row in table.totals["row"]]


def alarms(*lines: str, merges: Sequence[Merge] = ()) -> list[str]:
    """Where a total does not hold: cell (or row), what it says and what the rows give."""
    issues = [issue for table in tables(*lines, merges=merges) for issue in reconcile(table, validate(table)[0])]
    return [f"{issue.cell or issue.row}: {issue.values['stated']} ≠ {issue.values['found']}" for issue in issues]


def defect(reason: str) -> pytest.MarkDecorator:
    return pytest.mark.xfail(strict=True, reason=reason)


# What a total is

KNOWN = "合计|合计：|合 计|小 计|总  计|总　计|本页合计|本日合计|10月合计|王磊 小计|一组小计：|合计：2台|以上合计"
UNKNOWN = "合計|總計|小計|Total|Grand Total|Subtotal|TOTAL:|合计(元)|【合计】|共计|总数|汇总|合计金额|小计(王磊)"


@pytest.mark.parametrize(
    "label",
    [
        *KNOWN.split("|"),
        *(pytest.param(label) for label in UNKNOWN.split("|")),
    ],
)
def test_a_row_that_says_total_is_one(label: str) -> None:
    assert totals(INVOICES, ONE, TWO, f"{label}|||300|") == [4]
    assert alarms(INVOICES, ONE, TWO, f"{label}|||350|") == ["D4: 350 ≠ 300"]


@pytest.mark.parametrize(
    "line",
    [
        "合计|||300|",
        "|合计||300|",
        "||合计|300|",
        "||李娜小计|300|",
        "||李娜 小计|300|",
        "|||300|合计",
        "2026-10-04||小计|300|",
        "2|||300|合计",
        pytest.param("2||李娜小计|300|"),
        pytest.param("2|合计||300|"),
        pytest.param("2026-10-04||李娜小计|300|"),
        pytest.param("|||300|", marks=defect("a sum below the table without a word")),
    ],
)
def test_a_total_may_say_so_in_any_column(line: str) -> None:
    assert totals(INVOICES, ONE, TWO, line) == [4]


def test_a_customer_called_like_a_total_is_a_customer() -> None:
    (table,) = tables(INVOICES, "2026-10-03|小计|王磊|100|", "2026-10-03|合计先生|王磊|100|")
    assert table.body["row"].to_list() == [2, 3]


def test_a_total_may_stand_in_the_column_of_the_day() -> None:
    assert totals("登记年|登记月|登记日|来店性质|来店人数", "2026|10|3|首次|2", "||合计||2") == [3]


# What holds

HOLDING = {
    "sum": (INVOICES, ONE, TWO, "合计|||300|"),
    "sum with marks": (INVOICES, ONE, TWO, "合计|||￥300.00元|"),
    "noise of doubles": (INVOICES, "2026-10-03|张|王磊|0.1|", "2026-10-03|张|王磊|0.2|", "合计|||0.30000000000000004|"),
    "empty": (INVOICES, ONE, "合计||||"),
    "dashes": (INVOICES, ONE, "合计|-|-|-|-"),
    "an error": (INVOICES, ONE, "合计|||#REF!|"),
    "twice": (INVOICES, ONE, TWO, "合计|||300|", "总计|||300|"),
    "count": (INVOICES, ONE, TWO, "合计||2|300|"),
    "customers": (VISITS.replace("销售顾问", "客户姓名"), GROUP, GROUP, "合计||1|4|"),
    "ticks": (VISITS, GROUP, PAIR, "合计|2||3|1"),
    "share": (VISITS, GROUP, PAIR, "合计|||3|50%"),
    "text": (VISITS, GROUP, PAIR, "合计：2批||||"),
    "text with persons": (VISITS, GROUP, PAIR, "合计：2批，3人||||"),
    "counts in words": (VISITS, GROUP, PAIR, "合计|首次1 再次1|2人|3人|"),
    "month to date": (INVOICES, ONE, "本日小计|||100|", "本月累计|||5,000|"),
    "above": (INVOICES, "合计|||300|", ONE, TWO),
    "above and below": (INVOICES, "合计|||300|", ONE, TWO, "合计|||300|"),
    "by consultant": (INVOICES, ONE, "||王磊小计|100|", TWO, "||李娜小计|200|", "|||300|合计"),
    "by group and shop": (INVOICES, ONE, "A组小计|||100|", TWO, "B组小计|||200|", "展厅小计|||300|", "总计|||300|"),
    "by day, 合计 each": (INVOICES, ONE, "合计|||100|", "", TWO, "合计|||200|", "", "总计|||300|"),
    "by page": (INVOICES, ONE, "本页合计|||100|", INVOICES, TWO, "本页合计|||200|", "总计|||300|"),
    "by page, running": (INVOICES, ONE, "合计|||100|", INVOICES, TWO, "合计|||300|"),
    "set aside rows too": (INVOICES, ONE, "|李|李娜|200|", "合计|||300|"),
    "red, signed": (INVOICES, ONE, "2026-10-04|李|李娜|-200|红字", "合计|||-100|"),
    "red, unsigned, net": (INVOICES, ONE, "2026-10-04|李|李娜|200|红字", "合计|||-100|"),
    "red, unsigned, gross": (INVOICES, ONE, "2026-10-04|李|李娜|200|红字", "合计|||300|"),
    "万元 in the header": (
        "开票日期|车系|开票金额(万元)",
        "2026-10-03|君越|12.98",
        "2026-10-03|君越|12.985",
        "合计||25.97",
    ),
    "万元 in the title": ("单位：万元", "开票日期|车系|开票金额", "2026-10-03|君越|12.98", "合计||12.98"),
    "万 in the total": (INVOICES, "2026-10-03|张|王磊|129800|", "合计|||12.98万|"),
    "months": (INVOICES, ONE, TWO, "本月合计|||300|", "上月合计|||280|"),
    "target": (INVOICES, ONE, TWO, "合计|||300|", "目标合计|||500|"),
    "above each group": (INVOICES, "王磊小计|||100|", ONE, "李娜小计|||200|", TWO, "合计|||300|"),
    "one group, two levels": (
        INVOICES,
        ONE,
        "A组小计|||100|",
        "展厅小计|||100|",
        TWO,
        "B组小计|||200|",
        "二网小计|||200|",
    ),
    "rounded": (INVOICES, "2026-10-03|张|王磊|100.40|", "2026-10-04|张|王磊|100.40|", "合计|||201|"),
    "rounded 万": (INVOICES, "2026-10-03|张|王磊|129800|", "合计|||13万|"),
    "元 below 万元": ("开票日期|车系|开票金额(万元)", "2026-10-03|君越|12.98", "合计||129800元"),
    "cancelled": (INVOICES, ONE, "2026-10-04|李|李娜|200|作废", "合计|||100|"),
    "what counts": (INVOICES, ONE, "|李|李娜|200|", "合计|||100|"),
    "unreadable": (INVOICES, ONE, "2026-10-04|李|李娜|待定|", "合计|||300|"),
    "count in a sum's column": (INVOICES, ONE, TWO, "合计|||2台|"),
    "groups for persons": (VISITS, GROUP, PAIR, "合计|||2批|"),
    "firsts": (VISITS, *[GROUP] * 3, *[PAIR] * 4, "合计|3|7||"),
    "month to date, numbered": ("序号|开票日期|车系|开票金额", "1|2026-10-03|君越|100", "2||累计|5100"),
    "meter": (
        "试驾日期|试驾车型|出发里程|返回里程",
        "2026-10-03|君越|100|110",
        "2026-10-03|君越|110|125",
        "合计|2||25",
    ),
    "targets": ("月份|指标|目标值", "2026-10|订单数|40", "2026-10|成交率|20%", "合计||40"),
}
FALSE_ALARMS = {
    "summary below": (
        (VISITS, GROUP, PAIR, "", "销售顾问|首次|再次|批次|合计", "王磊|1|0|1|1", "合计|1|0|4|4"),
        "a summary below with a column 合计",
    ),
    "beside": (
        ("开票日期|车系|开票金额||开票日期|车系|开票金额", "2026-10-03|君越|100||2026-10-03|君威|200", "合计||300||||"),
        "one total for both halves of a page",
    ),
    "two tables": (
        (INVOICES, ONE, "", "销售顾问|开票日期|开票金额", "李娜|2026-10-04|200", "总计||300"),
        "one total for both tables",
    ),
}


@pytest.mark.parametrize(
    "lines",
    [
        *(pytest.param(lines, id=name) for name, lines in HOLDING.items()),
        *(pytest.param(lines, id=name, marks=defect(why)) for name, (lines, why) in FALSE_ALARMS.items()),
    ],
)
def test_a_total_that_holds_is_no_alarm(lines: tuple[str, ...]) -> None:
    assert alarms(*lines) == []


def test_a_total_in_a_merged_block_of_its_consultant_holds() -> None:
    lines = ("销售顾问|开票日期|车系|开票金额", "王磊|2026-10-03|君越|100", "|2026-10-04|君越|200", "|小计||300")
    assert alarms(*lines, merges=[Merge(2, 4, "A", "A")]) == []


# What does not


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((INVOICES, ONE, TWO, "合计|||350|"), ["D4: 350 ≠ 300"]),
        ((INVOICES, ONE, TWO, "合计|||0|"), ["D4: 0 ≠ 300"]),
        ((INVOICES, ONE, TWO, "合计|||300.02|"), ["D4: 300.02 ≠ 300"]),
        ((INVOICES, ONE, TWO, "合计||3|300|"), ["C4: 3 ≠ 2"]),
        ((INVOICES, "合计|||100|", ONE, TWO), ["D2: 100 ≠ 300"]),
        ((INVOICES, ONE, "小计|||100|", TWO, "小计|||250|", "合计|||300|"), ["D5: 250 ≠ 200"]),
        ((INVOICES, ONE, "小计|||100|", TWO, "小计|||200|", "合计|||350|"), ["D6: 350 ≠ 300"]),
        ((VISITS, GROUP, PAIR, "合计：3批||||"), ["4: 3 ≠ 2"]),
        ((VISITS, GROUP, PAIR, "合计|||4|0"), ["D4: 4 ≠ 3", "E4: 0 ≠ 2"]),
        (("单位：万元", "开票日期|车系|开票金额", "2026-10-03|君越|12.98", "合计||13.98"), ["C4: 139,800 ≠ 129,800"]),
    ],
)
def test_a_total_that_does_not_hold_says_where_and_by_how_much(lines: tuple[str, ...], expected: list[str]) -> None:
    assert alarms(*lines) == expected


@pytest.mark.parametrize(
    "total",
    ["合计|3批|||", "合计||3台||", "合计3批||||", "合计：3||||", "合计 3 批||||"],
)
def test_a_count_in_words_is_held_against_the_rows(total: str) -> None:
    assert len(alarms(VISITS, GROUP, PAIR, total)) == 1


def test_a_subtotal_is_not_the_grand_total() -> None:
    assert alarms(INVOICES, ONE, "小计|||100|", TWO, "小计|||300|", "合计|||300|") == ["D5: 300 ≠ 200"]


# Laws

GROUPS = st.lists(st.lists(st.integers(1, 500_000), min_size=1, max_size=5), min_size=1, max_size=4)


def grouped(groups: list[list[int]]) -> list[str]:
    """A table of invoices with a subtotal below each group and a total at its end."""
    lines = [INVOICES]
    for group in groups:
        lines += [f"2026-10-03|张|王磊|{amount}|" for amount in group]
        lines.append(f"小计||{len(group)}|{sum(group)}|")
    return [*lines, f"合计||{sum(map(len, groups))}|{sum(map(sum, groups))}|"]


@settings(steady, max_examples=15)
@given(GROUPS)
def test_totals_of_any_groups_hold(groups: list[list[int]]) -> None:
    assert alarms(*grouped(groups)) == []


@settings(steady, max_examples=15)
@given(GROUPS, st.data())
def test_a_lost_row_is_always_told(groups: list[list[int]], data: st.DataObject) -> None:
    """Whatever row is taken away: the subtotal of its group, or else the total, says so."""
    lines = grouped(groups)
    records = [place for place, line in enumerate(lines) if line.startswith("2026")]
    lost = data.draw(st.sampled_from(records))
    (table, *_) = tables(*lines[:lost], *lines[lost + 1 :])
    if len(records) > 1:
        assert list(reconcile(table, validate(table)[0]))


@settings(steady, max_examples=15)
@given(GROUPS, st.data())
def test_a_wrong_total_is_told_with_its_difference(groups: list[list[int]], data: st.DataObject) -> None:
    """Half a yuan off is no sum of whole ones, so no other stretch can make it right."""
    lines = grouped(groups)
    place = data.draw(st.sampled_from([place for place, line in enumerate(lines) if "计" in line]))
    label, _, count, amount, _ = lines[place].split("|")
    lines[place] = f"{label}||{count}|{amount}.5|"
    (table,) = tables(*lines)
    assert [(issue.row, issue.values["difference"]) for issue in reconcile(table, validate(table)[0])] == [
        (place + 1, "-0.50")
    ]
