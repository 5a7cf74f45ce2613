"""The layouts of real sheets: a clerk's habits, each small enough to be read at once, and what is read of them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from kpicli import loading
from kpicli.issues import Issue
from kpicli.read.sheets import Fault, Merge
from kpicli.recognise import Match, NoMatch, recognise
from kpicli.validate import validate

from .workbooks import sheet, steady

FORMS = loading.load().forms
TODAY = date(2026, 11, 1)

VISITS = "日期|来店性质|接触方式|销售顾问"
VISIT = "2026-10-03|首次|来店|王磊"
DRIVES = "试驾日期|试驾车型|联系电话|销售顾问"
DRIVE = "2026-10-03|君越|19900000001|王磊"


class Read:
    """What became of a sheet: its tables, the rows that count, and what was said."""

    def __init__(self, *lines: str, name: str = "表", place: str = "", merges: Sequence[Merge] = ()) -> None:
        raw = replace(sheet(*lines, name=name), merges=tuple(merges))
        self.tables, said = recognise(raw, FORMS.values(), TODAY, place)
        self.matches = [table for table in self.tables if isinstance(table, Match)]
        checked = [validate(match) for match in self.matches]
        self.said: list[Issue] = [*said, *(one for _, issues in checked for one in issues)]
        self.codes = {issue.code for issue in self.said}
        self.kept = [rows.rows for rows, _ in checked]
        self.rows = [frame["row"].to_list() for frame in self.kept]
        self.forms = [match.form.key for match in self.matches]

    def column(self, *keys: str) -> list[str]:
        """The values of some columns, all tables one after the other, a row's values parted by ``|``."""
        return [
            "|".join("" if value is None else str(value) for value in row)
            for frame in self.kept
            for row in frame.select(keys).iter_rows()
        ]

    def kinds(self, place: int = 0) -> dict[str, int]:
        """How many rows are no records, by kind, those of no row left out."""
        return {kind: count for kind, count in self.tables[place].not_data.items() if count}


def defect(reason: str) -> pytest.MarkDecorator:
    return pytest.mark.xfail(strict=True, reason=reason)


# The sheets of known systems


def test_the_ds_store_writes_its_date_in_three_columns() -> None:
    read = Read(
        "某店2026年10月客流明细",
        "登记年|登记月|登记日|到店时间|离开时间|客户姓名|联系电话|客户性质分类|牌照状况|意向车型|是否试驾|目前级别|销售顾问|接待时间|接待人数|需求描述",
        "2026|10|3|9:05|9:40|张先生|13900000001|新增到店|已有牌照|301|是|A|王磊|0:36:50|2|看车",
        "2026.0|10.0|4.0|15;05|15：50|王女士|未留|电销邀约|待拍牌照|3008.0|否|Ａ|李娜|9:00-10:00|1|",
        "2026|13|4|9:05||李先生|13900000003|再次到店||3008|否|H|李娜||1|",
    )
    assert read.column("date", "arrive", "contact", "model", "level", "party") == [
        "2026-10-03|09:05|首次|301|A|2",
        "2026-10-04|15:05|来电首次到店|3008|A|1",
    ]
    assert {"bad_date", "odd_phone"} <= read.codes


def test_system_a_writes_month_and_day_and_repeats_its_title_across() -> None:
    read = Read(
        "12月展厅客流||||||||||||||12月展厅客流",
        "日期|客户姓名|陪同人数|客户电话|意向车型|级别|进店时间|客户来源方式|几次来店|是否试驾|离店时间|销售顾问|是否有效|||日期|客户姓名",
        "12.05|张先生|2|13900000001|301.0|A|8.55|自然|首次|√|9.4|王磊|有效|||",
        "12.15|李女士|1|13900000002|3008.0|H|13.0|介绍|多次|||李娜|||",
        name="2025年12月",
    )
    assert read.column("date", "arrive", "leave", "model", "contact", "test_drive", "retained") == [
        "2025-12-05|08:55|09:40|301|首次|True|True",
        "2025-12-15|13:00||3008|再次|False|False",
    ]
    assert "stray_table" in read.codes


def test_system_c_has_a_footer_of_signatures() -> None:
    read = Read(
        "展厅来店(电)客流量登记表",
        "序号|日期|到访方式|来访时间|离去时间|销售顾问|客户姓名|来访性质|联系电话|意向车型|来店渠道|级别|建卡情况|试乘试驾|订单",
        "1|2026/10/3|来店|9:05|9:50|王磊|张|首次|139 0000 0001|君越|自然|A|已建卡|√|",
        "2|2026/10/3|来电|10:05||李娜|李|首次|0571-88000001|君威||||||",
        "审核人：||单位负责人：|||制表人：王磊",
    )
    assert read.column("date", "channel", "phone", "retained", "test_drive") == [
        "2026-10-03|来店|13900000001|True|True",
        "2026-10-03|来电|057188000001|False|False",
    ]
    assert read.kinds() == {"title": 1, "header": 1, "note": 1}


def test_system_b_writes_invoices_as_text_below_a_preamble() -> None:
    read = Read(
        "大区：华东|省份：浙江",
        "",
        "区域|经销商名称|客户名称|主要联系电话|车系名称|车型名称|VIN|购置方式|销售价格|开票日期",
        "华东|示例|张|13900000001|君越|28T|LATPAB071W1005301|按揭|198,000.00 |2026-10-03",
        "合计||||||||198,000.00 |",
    )
    assert read.column("date", "model", "loan", "amount") == ["2026-10-03|君越|True|198000.00"]
    assert read.kinds() == {"blank": 1, "title": 1, "header": 1, "total": 1}


def test_system_d_breaks_lines_inside_its_headers() -> None:
    read = Read(
        "客户|日期|进店或来\\n电时间|类型|是否首次\\n来店|客户随行\\n人数|接待销售\\n顾问|意向级别\\n及购买周期",
        "张|2026-10-03|09:05|来店|是|2|王磊|H（7天内）",
    )
    values = read.column("date", "arrive", "channel", "contact", "party", "consultant", "level")
    assert values == ["2026-10-03|09:05|来店|首次|2|王磊|H"]


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("类型|是否首次\\n来店|接待销售\\n顾问|进店或来\\n电时间|客户", "来店|是|王磊|2026-10-03 09:05|张"),
        ("到店类型|到店时间|离店时间|销售顾问|手机号", "首次|2026-10-03 09:05:00|2026-10-03 10:00:00|王磊|13900000001"),
    ],
    ids=["system D", "system E"],
)
def test_a_time_of_arrival_may_be_the_date_too(header: str, row: str) -> None:
    assert Read(header, row).column("date", "arrive") == ["2026-10-03|09:05"]


# Headers


@pytest.mark.parametrize(
    ("upper", "lower", "row"),
    [
        ("日期|客户信息||来店性质", "|姓名|电话|", "2026-10-03|张|13900000001|首次"),
        ("客户信息||来店性质|日期", "姓名|电话||", "张|13900000001|首次|2026-10-03"),
    ],
    ids=["group in the middle", "group first"],
)
def test_a_header_on_two_levels_is_one_header(upper: str, lower: str, row: str) -> None:
    read = Read("展厅客流登记表", upper, lower, row, upper, lower, row)
    assert read.column("date", "contact", "customer", "phone") == ["2026-10-03|首次|张|13900000001"] * 2
    assert read.kinds() == {"title": 1, "header": 4}


def test_groups_above_a_whole_header_are_repeated_with_it() -> None:
    header = ("登记||客户|", "日期|来店性质|姓名|电话")
    read = Read(*header, "2026-10-03|首次|张|13900000001", *header, "2026-10-03|首次|张|13900000001")
    assert (read.rows, "missing_required" in read.codes) == ([[3, 6]], False)


def test_year_month_and_day_may_stand_below_one_header() -> None:
    read = Read("登记日期|||客户姓名|客户性质|销售顾问", "年|月|日|||", "2026|10|3|张|首次|王磊")
    assert read.column("date", "contact") == ["2026-10-03|首次"]


@defect("首次|再次 below 来店性质: the ticks are read as the value of the first of them, 来店性质 = √")
def test_a_choice_may_be_ticked_in_a_column_of_its_own() -> None:
    read = Read("日期|来店性质||销售顾问", "|首次|再次|", "2026-10-03|√||王磊", "2026-10-04||√|李娜")
    assert read.column("date", "contact") == ["2026-10-03|首次", "2026-10-04|再次"]


@pytest.mark.parametrize("header", ["日期▼", "★日期", "1.日期", "①日期", "日期↑", "日期 Date", "日期/Date"])
def test_a_header_with_a_mark_is_still_known(header: str) -> None:
    assert Read(f"{header}|来店性质|销售顾问", "2026-10-03|首次|王磊").column("date") == ["2026-10-03"]


@pytest.mark.parametrize("above", [0, 1, 59])
def test_the_header_may_stand_in_any_of_the_first_sixty_rows(above: int) -> None:
    assert Read(*["统计口径说明"] * above, VISITS, VISIT).rows == [[above + 2]]


def test_rows_and_columns_far_beyond_the_data_are_blank() -> None:
    read = Read("", "", f"|||{VISITS}{'|' * 200}", f"|||{VISIT}", *[""] * 300)
    assert (read.rows, read.kinds()) == ([[4]], {"blank": 302, "header": 1})


# Dates


def test_merged_dates_hold_for_all_their_rows() -> None:
    read = Read(
        "日期|来店性质|销售顾问|来店人数",
        "2026-10-03|首次|王磊|2",
        "|再次||",
        "2026-10-04|首次|李娜|1",
        merges=[Merge(2, 3, "A", "A"), Merge(2, 3, "C", "C"), Merge(2, 3, "D", "D")],
    )
    assert read.column("date", "consultant", "party") == ["2026-10-03|王磊|2", "2026-10-03|王磊|", "2026-10-04|李娜|1"]


DAYS = "日期|来店性质|接触方式|销售顾问|客户姓名"
TWO_DAYS = (
    "2026-10-03|首次|来店|王磊|张",
    "|再次|来店|王磊|李",
    "|首次|来店|李娜|王",
    "2026-10-04|首次|来店|王磊|赵",
    "|首次|来店|李娜|钱",
)


def test_a_day_written_once_holds_until_the_next() -> None:
    read = Read(DAYS, *TWO_DAYS, "", "|再次|来店|李娜|孙", "合计|6||")
    assert read.column("date") == ["2026-10-03"] * 3 + ["2026-10-04"] * 3
    assert "date_as_above" in read.codes


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("|制表：王|审核：李|经理：赵|", id="footer"),
        pytest.param("|本日小计|5|2|", id="day total"),
        pytest.param("|王磊|首次3批|再次1批|", id="summary", marks=defect("a summary of words looks like a record")),
    ],
)
def test_a_day_written_once_is_not_the_date_of_what_is_no_record(line: str) -> None:
    assert Read(DAYS, *TWO_DAYS, line).rows == [[2, 3, 4, 5, 6]]


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(
            (*TWO_DAYS, DAYS, "2026-10-04|再次|来店|李娜|孙", "|再次|来店|李娜|周"), id="again on the next page"
        ),
        pytest.param(
            (*TWO_DAYS, "2026-10-05|首次|来店|王磊|吴", "2026-10-06|首次|来店|王磊|郑"),
            id="days of one visit",
            marks=defect("where most days have one visit, a blank date may as well be missing"),
        ),
        pytest.param((*TWO_DAYS, "", DRIVES, DRIVE, DRIVE), id="another table below"),
    ],
)
def test_a_day_written_once_holds_whatever_else_stands_in_the_sheet(lines: tuple[str, ...]) -> None:
    read = Read(DAYS, *lines)
    assert read.column("date")[:5] == ["2026-10-03"] * 3 + ["2026-10-04"] * 2


def test_a_merged_date_does_not_make_a_subtotal_a_sale() -> None:
    read = Read(
        "开票日期|客户姓名|销售顾问|车系|开票金额",
        "2026-10-03|张|王磊|君越|100",
        "|李|王磊|君威|200",
        "||王磊小计|2台|300",
        merges=[Merge(2, 4, "A", "A")],
    )
    assert read.column("amount") == ["100.00", "200.00"]


def test_year_and_month_may_be_merged_downwards() -> None:
    header, rows = "登记年|登记月|登记日|来店性质|销售顾问", ["2026|10|3|首次|王磊", "||4|再次|李娜", "|11|1|首次|李娜"]
    read = Read(header, *rows, merges=[Merge(2, 4, "A", "A"), Merge(2, 3, "B", "B")])
    assert read.column("date") == ["2026-10-03", "2026-10-04", "2026-11-01"]


def test_year_and_month_may_be_written_once() -> None:
    header, rows = "登记年|登记月|登记日|来店性质|销售顾问", ["2026|10|3|首次|王磊", "||4|再次|李娜", "|11|1|首次|李娜"]
    assert Read(header, *rows).column("date") == ["2026-10-03", "2026-10-04", "2026-11-01"]


@pytest.mark.parametrize(
    ("title", "name", "place"),
    [
        ("展厅客流登记表", "10.03", "2026年客流.xlsx"),
        ("展厅客流登记表", "10月3日", "2026年客流.xlsx"),
        ("2026年10月展厅客流", "3日", ""),
        ("2026年10月展厅客流", "3", ""),
        ("日期：2026年10月3日", "表", ""),
        ("日期|2026-10-03 00:00:00", "表", ""),
        pytest.param("展厅客流登记表（10月）", "3日", "2026年客流.xlsx"),
        pytest.param("日期：10月3日", "表", "2026年客流.xlsx"),
        pytest.param("打印日期：2026-11-01", "2026-10-03", ""),
    ],
)
def test_a_sheet_of_one_day_has_the_day_of_its_name_or_title(title: str, name: str, place: str) -> None:
    read = Read(title, "来店时间|来店性质|接触方式|销售顾问", "9:05|首次|来店|王磊", name=name, place=place)
    assert read.column("date", "arrive") == ["2026-10-03|09:05"]


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("统计期间：2026-10-01至2026-10-31", "表"),
        ("2026年10月展厅客流", "Sheet1"),
        pytest.param("打印日期：2026-11-01", "表"),
        pytest.param("导出时间：2026-11-01 08:00", "表"),
        pytest.param("2026年10月1日至31日客流", "表"),
        pytest.param("统计期间：2026-10-01~10-31", "表"),
        pytest.param("2026年10月展厅客流", "1-7"),
    ],
)
def test_a_sheet_of_many_days_has_no_day(title: str, name: str) -> None:
    read = Read(title, "来店时间|来店性质|接触方式|销售顾问", "9:05|首次|来店|王磊", name=name)
    assert "missing_column" in read.codes


def test_days_below_each_other_have_their_own_titles() -> None:
    header = "来店时间|来店性质|接触方式|销售顾问"
    read = Read("2026年10月3日", header, "9:05|首次|来店|王磊", "2026年10月4日", header, "9:10|再次|来店|李娜")
    assert read.column("date") == ["2026-10-03", "2026-10-04"]


@pytest.mark.parametrize(
    ("title", "cell", "expected"),
    [
        ("2025年12月26日至2026年1月25日客流", "12.28", "2025-12-28"),
        ("2026年1月至12月客流", "12.28", "2026-12-28"),
        ("2026年1-12月客流", "12月28日", "2026-12-28"),
        pytest.param("2025年12月26日至2026年1月25日客流", "1.05", "2026-01-05"),
        pytest.param("2026年1月客流", "12月28日", "2025-12-28"),
        pytest.param("表单编号：QR-2019-05|2026年10月", "10.03", "2026-10-03"),
    ],
)
def test_the_year_of_a_day_is_the_one_a_person_would_take(title: str, cell: str, expected: str) -> None:
    assert Read(title, VISITS, f"{cell}|首次|来店|王磊").column("date") == [expected]


def test_a_day_typed_as_a_number_lost_its_zero() -> None:
    days = ["12.05", "12.1", "12.15", "12.2", "12.3"]
    read = Read(VISITS, *(f"{day}|首次|来店|王磊" for day in days), name="2025年12月")
    assert "2025-12-01" not in read.column("date")


# Several tables


def test_a_table_of_another_form_below_is_a_table() -> None:
    read = Read("展厅客流登记表", VISITS, VISIT, "", "试乘试驾登记表", DRIVES, DRIVE, "合计：1次")
    assert (read.forms, read.rows) == (["visits", "test_drives"], [[3], [7]])
    assert [read.kinds(0), read.kinds(1)] == [
        {"blank": 1, "title": 1, "header": 1},
        {"title": 1, "header": 1, "total": 1},
    ]


def test_a_table_of_the_same_form_with_other_columns_is_a_table_of_its_own() -> None:
    read = Read(VISITS, VISIT, "", "二网", "销售顾问|日期|来店性质", "李娜|2026-10-05|再次")
    assert read.column("date", "contact", "consultant") == ["2026-10-03|首次|王磊", "2026-10-05|再次|李娜"]


def test_tables_beside_each_other_are_tables() -> None:
    read = Read("客流登记|||||试驾登记", f"{VISITS}||{DRIVES}", f"{VISIT}||{DRIVE}", f"||||{'|'}{DRIVE}")
    assert (read.forms, read.rows) == (["visits", "test_drives"], [[3], [3, 4]])


def test_a_table_beside_may_begin_further_down() -> None:
    read = Read(f"{VISITS}||||", f"{VISIT}||||", f"{VISIT}||{DRIVES}", f"{VISIT}||{DRIVE}")
    assert (read.forms, read.rows) == (["visits", "test_drives"], [[2, 3, 4], [4]])


def test_an_empty_column_inside_a_table_parts_nothing() -> None:
    read = Read("日期|来店性质|销售顾问||客户姓名|联系电话|意向车型", "2026-10-03|首次|王磊||张|13900000001|君越")
    assert read.column("date", "customer", "phone", "model") == ["2026-10-03|张|13900000001|君越"]


def test_an_empty_column_inside_a_table_parts_nothing_though_one_half_would_do() -> None:
    read = Read("日期|来店性质||销售顾问|客户姓名|联系电话|意向车型", "2026-10-03|首次||王磊|张|13900000001|君越")
    assert read.column("date", "consultant", "phone", "model") == ["2026-10-03|王磊|13900000001|君越"]


def test_an_empty_column_inside_a_table_parts_nothing_though_a_meaning_comes_twice() -> None:
    read = Read("日期|来店性质|联系电话||手机|意向车型|级别", "2026-10-03|首次|13900000001||13900000002|君越|A")
    assert read.column("phone", "model", "level") == ["13900000001|君越|A"]


@pytest.mark.parametrize(
    "lines",
    [
        (f"{VISITS}||顾问汇总|批次", f"{VISIT}||王磊|2", f"{VISIT}||合计|2"),
        (f"{VISITS}||项目|数量", f"{VISIT}||首次|2", f"{VISIT}||合计|2"),
        (f"{VISITS}|||", f"{VISIT}||首次|2", f"{VISIT}||合计|2"),
        (f"{VISITS}|项目|数量", f"{VISIT}|首次|2", f"{VISIT}|合计|2"),
    ],
    ids=["consultants", "items", "no headers", "no gap"],
)
def test_the_total_of_a_summary_beside_leaves_the_record_on_its_row(lines: tuple[str, ...]) -> None:
    assert Read(*lines).rows == [[2, 3]]


def test_a_summary_beside_may_be_longer_than_the_table() -> None:
    read = Read(f"{VISITS}||顾问汇总|批次", f"{VISIT}||王磊|1", "|||||李娜|0", "|||||赵敏|0")
    assert (read.rows, "missing_required" in read.codes) == ([[2]], False)


@pytest.mark.parametrize(
    "summary",
    [
        ("周|批次|留档", "第一周|2|1", "第二周|0|0"),
        ("销售顾问|日期|批次", "王磊|10月|2"),
        pytest.param(
            ("销售顾问|首次|再次|合计", "王磊|2|0|2", "合计|2|0|2"),
            marks=defect("its header has a word that is a value of the records: the rows are set aside, by name"),
        ),
        pytest.param(
            ("首次来店|2", "再次来店|0", "留档率|50%"),
            marks=defect("a summary without a header is set aside, row by row"),
        ),
    ],
    ids=["weeks", "known headers", "with 合计", "no header"],
)
def test_a_summary_below_is_named_and_left_out(summary: tuple[str, ...]) -> None:
    read = Read(VISITS, VISIT, VISIT, "", *summary)
    assert read.rows == [[2, 3]]
    assert "stray_table" in read.codes
    assert not {"bad_date", "missing_required"} & read.codes


BIG = "日期|到访方式|来访时间|离去时间|销售顾问|客户姓名|来访性质|联系电话|意向车型|来店渠道|级别|建卡情况|试乘试驾"
BIG_ROW = "2026-10-03|来店|9:05|9:50|王磊|张|首次|13900000001|君越|自然|A|已建卡|√"


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(("试驾日期|试驾车型|客户姓名", "2026-10-03|君越|张"), id="a quarter of the columns"),
        pytest.param(("试驾日期|试驾车型|客户姓名|联系电话", "2026-10-03|君越|张|1"), id="a third of the columns"),
        pytest.param(("日期|来店时间|客户姓名|销售顾问|来店人数", "2026-10-03|9:05|张|王磊|2"), id="lacks a column"),
    ],
)
def test_a_small_table_above_a_wider_one_is_not_a_title(first: tuple[str, str]) -> None:
    read = Read(*first, "", BIG, BIG_ROW)
    assert read.tables[-1].not_data["title"] == 0
    assert len(read.tables) == 2 or "missing_column" in read.codes


# Pages, notes, and what else is no record


@pytest.mark.parametrize(
    ("page", "kinds"),
    [
        ((VISITS,), {"header": 1}),
        (("2026年10月展厅客流登记表", VISITS), {"header": 1, "note": 1}),
        (("", "2026年10月展厅客流登记表", "", VISITS), {"blank": 2, "header": 1, "note": 1}),
        (("本页合计|2", VISITS), {"header": 1, "total": 1}),
        pytest.param(
            ("展厅客流登记表", VISITS),
            {"header": 1, "note": 1},
        ),
        pytest.param(
            ("第2页 共2页", "2026年10月展厅客流登记表", VISITS),
            {"header": 1, "note": 2},
        ),
        pytest.param(
            ("2026年10月展厅客流登记表", "门店：示例||日期：2026年10月", VISITS),
            {"header": 1, "note": 2},
        ),
    ],
    ids=["header", "title", "title between blanks", "page total", "short title", "page number", "info row"],
)
def test_a_new_page_is_no_record(page: tuple[str, ...], kinds: dict[str, int]) -> None:
    read = Read("展厅客流登记表", "门店：示例||日期：2026年10月", VISITS, VISIT, VISIT, *page, VISIT)
    assert read.rows == [[4, 5, 6 + len(page)]]
    assert read.kinds() == {"title": 2} | kinds | {"header": 2}
    assert not {"bad_date", "missing_required"} & read.codes


@pytest.mark.parametrize(
    "line",
    [
        "审核人：|单位负责人：||制表人：王磊",
        "制表日期：2026-10-31||审核：李",
        "注：1日至7日为国庆假期",
        "备注说明：按批次登记",
        *(
            pytest.param(line)
            for line in (
                "制表|王磊|审核|李娜",
                "制表日期|2026-10-31||审核",
                "审核||李娜|",
                "以下空白",
                "第1页",
                "共2条记录",
            )
        ),
    ],
)
def test_a_footer_is_no_record(line: str) -> None:
    read = Read(VISITS, VISIT, VISIT, "", line)
    assert (read.rows, read.kinds()) == ([[2, 3]], {"blank": 1, "header": 1, "note": 1})


@defect("one cell alone may be a record that lost the others: set aside, by name")
@pytest.mark.parametrize("line", ["10月4日", "2026年10月4日 星期日", "李娜", "二网"])
def test_one_cell_between_records_parts_them(line: str) -> None:
    assert not {"bad_date", "missing_required"} & Read(VISITS, VISIT, line, VISIT, VISIT).codes


def test_rows_numbered_in_advance_are_no_records() -> None:
    read = Read(f"序号|{VISITS}", f"1|{VISIT}", "2||||", "3||||", "4||||")
    assert (read.rows, read.codes & {"missing_required"}) == ([[2]], set())


# Faults


def test_an_error_in_a_cell_is_named_and_not_blank() -> None:
    faults = (Fault(2, "B", "error_cell", "#REF!"), Fault(3, "D", "formula_without_value", ""))
    (match,), _ = recognise(sheet(VISITS, "2026-10-03||来店|王磊", VISIT), FORMS.values(), TODAY)
    assert isinstance(match, Match)
    said = {(issue.code, issue.cell) for issue in validate(match, faults)[1]}
    assert {("error_cell", "B2"), ("formula_without_value", "D3")} <= said


@defect("the year's and the month's columns are no columns of the form: the bad date is named, not its error")
def test_an_error_in_one_of_the_three_columns_of_a_date_is_named() -> None:
    (match,), _ = recognise(sheet("登记年|登记月|登记日|来店性质", "2026||3|首次"), FORMS.values(), TODAY)
    assert isinstance(match, Match)
    said = {issue.code for issue in validate(match, (Fault(2, "B", "error_cell", "#REF!"),))[1]}
    assert "error_cell" in said


# Laws


def visit(number: int) -> str:
    return f"2026-10-{number % 28 + 1:02}|首次|来店|王磊|{13900000000 + number}"


def drive(number: int) -> str:
    return f"2026-10-{number % 28 + 1:02}|君越|{13900000000 + number}|王磊"


TABLES = {"visits": (f"{VISITS}|联系电话", visit), "test_drives": (DRIVES, drive)}
OTHERS = ["", "", "合计|3", "A组小计||3", "制表人：王磊||审核：李娜", "注：含来电", "2026年10月展厅登记表（续）"]


@st.composite
def sheets(draw: st.DrawFn) -> tuple[list[str], list[tuple[str, list[int]]]]:
    """Lines of a sheet with one or more tables below each other, and each table's form and rows of records."""
    lines = draw(st.lists(st.sampled_from(["某店2026年10月展厅登记表", "统计期间：2026年10月", ""]), max_size=3))
    expected: list[tuple[str, list[int]]] = []
    first = draw(st.sampled_from(sorted(TABLES)))
    forms = sorted(TABLES, reverse=first == "visits")[: draw(st.integers(1, 2))]
    for form in forms:
        header, record = TABLES[form]
        lines.append(header)
        expected.append((form, []))
        for other in draw(st.lists(st.one_of(st.none(), st.sampled_from([*OTHERS, header])), min_size=1, max_size=10)):
            if other is None:
                expected[-1][1].append(len(lines) + 1)
            lines.append(record(len(lines)) if other is None else other)
    return lines, expected


@settings(steady, max_examples=15)
@given(sheets())
def test_every_row_of_every_table_is_a_record_or_has_its_kind(
    drawn: tuple[list[str], list[tuple[str, list[int]]]],
) -> None:
    lines, expected = drawn
    read = Read(*lines)
    assert [(form, rows) for form, rows in zip(read.forms, read.rows, strict=True)] == expected
    assert sum(table.rows for table in read.tables) == len(lines)
    for match in read.matches:
        assert match.rows == match.body.height + sum(match.not_data.values())


CELLS = [
    "",
    "2026-10-03",
    "10.03",
    "首次",
    "来店",
    "王磊",
    "合计",
    "小计",
    "3",
    "日期",
    "来店性质",
    "联系电话",
    "制表：王",
]


@settings(steady, max_examples=20)
@given(st.lists(st.lists(st.sampled_from(CELLS), min_size=1, max_size=6).map("|".join), max_size=12))
def test_no_row_of_any_sheet_is_unaccounted_for(lines: list[str]) -> None:
    tables, _ = recognise(sheet(VISITS, VISIT, *lines), FORMS.values(), TODAY)
    for table in tables:
        said = sum(table.not_data.values())
        assert table.rows == said + table.body.height if isinstance(table, Match) else table.rows >= said
    below = [table for table in tables if isinstance(table, Match | NoMatch)]
    assert max(table.rows for table in below) <= 2 + len(lines)


RECORDS = [visit(number) for number in range(6)]


@settings(steady, max_examples=15)
@given(st.lists(st.tuples(st.integers(0, 6), st.sampled_from([*OTHERS, TABLES["visits"][0]])), max_size=6))
def test_rows_that_are_no_records_change_no_record(added: list[tuple[int, str]]) -> None:
    lines = list(RECORDS)
    for place, line in sorted(added, reverse=True):
        lines.insert(place, line)
    header = TABLES["visits"][0]
    columns = ("date", "contact", "phone")
    assert Read(header, *lines).column(*columns) == Read(header, *RECORDS).column(*columns)


@settings(steady, max_examples=20, phases=[Phase.generate])
@given(st.lists(st.integers(0, 5), max_size=4), st.permutations(range(5)))
def test_blank_and_reordered_columns_change_no_record(blanks: list[int], order: list[int]) -> None:
    def moved(line: str) -> str:
        cells = [line.split("|")[place] for place in order]
        for place in sorted(blanks, reverse=True):
            cells.insert(place, "")
        return "|".join(cells)

    lines = [TABLES["visits"][0], *RECORDS]
    columns = ("row", "date", "contact", "phone")
    assert Read(*map(moved, lines)).column(*columns) == Read(*lines).column(*columns)


@settings(steady, max_examples=20)
@given(st.integers(1, 5), st.permutations(range(5)), st.sampled_from([(), ("",), ("", "二网", "")]))
def test_a_table_in_two_parts_has_the_same_records(cut: int, order: list[int], between: tuple[str, ...]) -> None:
    def moved(line: str) -> str:
        return "|".join(line.split("|")[place] for place in order)

    header = TABLES["visits"][0]
    between = between if order != sorted(order) else between[:1]  # a short title above the same header: see above
    parts = [header, *RECORDS[:cut], *between, moved(header), *map(moved, RECORDS[cut:])]
    columns = ("date", "contact", "consultant", "phone")
    assert Read(*parts).column(*columns) == Read(header, *RECORDS).column(*columns)
