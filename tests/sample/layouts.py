"""What each sample file looks like, as records: August nearly clean, September a printed report, October a mix.

The headers come from the form dictionary and its aliases; the quirks are those of real exports.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time
from typing import Any

from .cells import (
    Cell,
    Show,
    accounting,
    as_is,
    as_number,
    blank_as,
    clock,
    dashed_phone,
    digits_date,
    dotted_date,
    flag,
    hanzi_date,
    iso_date,
    level_grade,
    level_horizon,
    level_wide,
    number_phone,
    padded,
    rarely,
    short_date,
    slash_date,
    spaced_phone,
    stamp,
    text,
    turns,
    wide,
    wide_clock,
    words,
)

STORE = "上海示例别克"
SERIAL = "#"  # key of a running-number column, which belongs to no form


@dataclass(frozen=True)
class Column:
    header: str
    key: str
    show: Show = as_is
    number_format: str | None = None


@dataclass(frozen=True)
class BadRow:
    """An extra row that no tool may count: a neighbour's with another name, phone and number, and with these cells."""

    at: float
    cells: dict[str, Cell]
    why: str


@dataclass(frozen=True)
class BadCell:
    """One unusable cell in a row that counts all the same; `at` is the place in the file, 0 to 1."""

    at: float
    key: str
    cell: Cell
    why: str


@dataclass(frozen=True)
class Layout:
    form: str
    month: str
    columns: tuple[Column, ...]
    file: str
    exported: date
    sheet: str = "Sheet1"
    top: tuple[tuple[str, ...], ...] = ()  # rows above the header; () is a blank row
    merge_title: bool = False
    left: int = 0  # empty columns before the table
    group: str | None = None  # sort by this key, with a subtotal row after each group
    separate: str | None = None  # a blank row where the week of this date changes
    repeat_header: bool = False
    total: bool = False
    sums: tuple[str, ...] = ()  # keys summed in the total row; without any it says how many rows there are
    notes: tuple[str, ...] = ()
    encoding: str | None = None  # set: a CSV file
    bad_rows: tuple[BadRow, ...] = ()
    bad_cells: tuple[BadCell, ...] = ()


LABELS = {
    "visits": "展厅客流登记表",
    "intentions": "意向客户明细",
    "test_drives": "试乘试驾登记表",
    "invoices": "开票明细",
    "followups": "意向客户跟踪记录",
}


def columns(*fields: tuple[Any, ...]) -> tuple[Column, ...]:
    return tuple(Column(*field) for field in fields)


# August: header in row 1, true dates and times, phones as text

YES = flag("是", "否")


def august(form: str, *fields: tuple[Any, ...], **quirks: Any) -> Layout:
    label = LABELS[form]
    return Layout(form, "2026-08", columns(*fields), f"2026-08 {label}.xlsx", date(2026, 9, 1), label, **quirks)


AUGUST = (
    august(
        "visits",
        ("登记编号", "visit_no"),
        ("日期", "date"),
        ("来店时间", "arrive"),
        ("离店时间", "leave"),
        ("来店人数", "party"),
        ("客户姓名", "customer"),
        ("联系电话", "phone"),
        ("接触方式", "channel"),
        ("来店性质", "contact"),
        ("销售顾问", "consultant"),
        ("意向车型", "model"),
        ("信息来源", "source"),
        ("市场活动", "event"),
        ("是否留档", "retained", YES),
        ("意向级别", "level"),
        ("是否试驾", "test_drive", YES),
        ("备注", "note"),
        bad_rows=(
            BadRow(0.21, {"date": "2026-02-30"}, "日期不存在"),
            BadRow(0.48, {"contact": None}, "缺来店性质"),
            BadRow(0.77, {"date": None}, "缺日期"),
        ),
        bad_cells=(
            BadCell(0.15, "leave", time(8, 1), "离店早于来店"),
            BadCell(0.40, "level", "Z", "未知级别"),
            BadCell(0.83, "leave", time(8, 30), "离店早于来店"),
        ),
    ),
    august(
        "intentions",
        ("客户编号", "customer_no"),
        ("建档日期", "created"),
        ("客户姓名", "customer"),
        ("联系电话", "phone"),
        ("销售顾问", "consultant"),
        ("意向车型", "model"),
        ("信息来源", "source"),
        ("接触方式", "channel"),
        ("意向级别", "level"),
        ("当前状态", "status"),
        ("订单日期", "order_date"),
        ("成交日期", "won_date"),
        ("战败日期", "lost_date"),
        ("战败原因", "lost_reason"),
        ("最近跟进日期", "last_follow"),
        ("下次跟进日期", "next_follow"),
        ("预计购车时间", "expected"),
        bad_rows=(
            BadRow(0.33, {"created": None}, "缺建档日期"),
            BadRow(0.72, {"created": "2026/13/5"}, "日期不存在"),
        ),
        bad_cells=(
            BadCell(0.25, "level", "X", "未知级别"),
            BadCell(0.60, "next_follow", "2026-09-31", "日期不存在"),
        ),
    ),
    august(
        "test_drives",
        ("试驾编号", "drive_no"),
        ("试驾日期", "date"),
        ("开始时间", "start"),
        ("结束时间", "end"),
        ("客户姓名", "customer"),
        ("联系电话", "phone"),
        ("销售顾问", "consultant"),
        ("试驾车型", "model"),
        ("试驾车牌号", "plate"),
        ("出发里程", "km_out"),
        ("返回里程", "km_in"),
        ("试乘/试驾", "kind"),
        ("是否邀约", "invited", YES),
        ("是否满意", "satisfied", YES),
        ("路线", "route"),
        ("是否签协议", "agreement", YES),
        bad_rows=(BadRow(0.55, {"date": None}, "缺试驾日期"),),
    ),
    august(
        "invoices",
        ("发票号码", "invoice_no"),
        ("开票日期", "date"),
        ("客户姓名", "customer"),
        ("联系电话", "phone"),
        ("销售顾问", "consultant"),
        ("车系", "model"),
        ("车架号", "vin"),
        ("销售渠道", "channel"),
        ("开票金额", "amount", as_is, "#,##0.00"),
        ("成本价", "cost", as_is, "#,##0"),
        ("精品金额", "accessories"),
        ("保险金额", "insurance", as_is, "#,##0.00"),
        ("是否按揭", "loan", YES),
        ("延保金额", "warranty"),
        ("是否置换", "trade_in", YES),
        ("开票类型", "kind"),
        bad_rows=(BadRow(0.5, {"date": "2026-02-30"}, "日期不存在"),),
    ),
    august(
        "followups",
        ("跟踪编号", "task_no"),
        ("客户编号", "customer_no"),
        ("客户姓名", "customer"),
        ("联系电话", "phone"),
        ("销售顾问", "consultant"),
        ("意向级别", "level"),
        ("应跟踪日期", "due"),
        ("实际跟踪日期", "done"),
        ("跟踪方式", "way"),
        ("跟踪结果", "result"),
        ("下次跟踪日期", "next"),
        bad_rows=(BadRow(0.3, {"due": None}, "缺应跟踪日期"), BadRow(0.8, {"due": "2026-08-32"}, "日期不存在")),
        bad_cells=(BadCell(0.5, "level", "Z", "未知级别"),),
    ),
)


# September: a printed report with title, info line, running number, total, notes; everything text but the phones

DATE = turns(slash_date, hanzi_date, dotted_date)
TICK = flag("√", None)


def september(form: str, *fields: tuple[Any, ...], **quirks: Any) -> Layout:
    label = LABELS[form]
    return Layout(
        form,
        "2026-09",
        columns(("序号", SERIAL), *fields),
        f"2026-09 {label}.xlsx",
        date(2026, 10, 1),
        top=(
            (f"{STORE} 2026年9月 {label}",),
            ("导出时间：2026-10-01 08:12", "统计起止日期：2026-09-01 至 2026-09-30"),
        ),
        merge_title=True,
        total=True,
        notes=("制表人：信息员", "备注说明：以上数据由系统导出，未经许可不得外传。"),
        **quirks,
    )


SEPTEMBER = (
    september(
        "visits",
        ("到店日期", "date", DATE),
        ("进店时间", "arrive", clock),
        ("离开时间", "leave", clock),
        ("接待顾问", "consultant"),
        ("顾客姓名", "customer"),
        ("手机号码", "phone", number_phone),
        ("接待人数", "party"),
        ("到访方式", "channel"),
        ("来访性质", "contact"),
        ("拟购车型", "model"),
        ("客户来源", "source"),
        ("活动名称", "event"),
        ("客户级别", "level", level_grade),
        ("是否建卡", "retained", YES),
        ("试乘试驾", "test_drive", TICK),
        ("备注", "note"),
        sums=("party",),
        bad_rows=(
            BadRow(0.18, {"date": "2026/13/5"}, "日期不存在"),
            BadRow(0.52, {"contact": None}, "缺来访性质"),
            BadRow(0.90, {"date": None}, "缺到店日期"),
        ),
        bad_cells=(
            BadCell(0.30, "leave", "8:15", "离店早于来店"),
            BadCell(0.66, "level", "Z级", "未知级别"),
        ),
    ),
    september(
        "intentions",
        ("客户编号", "customer_no"),
        ("录入日期", "created", DATE),
        ("顾问姓名", "consultant"),
        ("顾客姓名", "customer"),
        ("手机号码", "phone", number_phone),
        ("拟购车型", "model"),
        ("客户来源", "source"),
        ("到访方式", "channel"),
        ("客户级别", "level", level_grade),
        ("意向状态", "status", words({"成交": "交车", "跟进中": "潜客"})),
        ("订车日期", "order_date", DATE),
        ("成交日期", "won_date", DATE),
        ("失败日期", "lost_date", DATE),
        ("失败原因", "lost_reason"),
        ("最近跟进日期", "last_follow", DATE),
        ("下次跟踪日期", "next_follow", DATE),
        ("预计订车时间", "expected", DATE),
        bad_rows=(
            BadRow(0.41, {"created": "2026.02.30"}, "日期不存在"),
            BadRow(0.69, {"created": None}, "缺录入日期"),
        ),
        bad_cells=(
            BadCell(0.20, "level", "Z级", "未知级别"),
            BadCell(0.75, "last_follow", "2026年9月31日", "日期不存在"),
        ),
    ),
    september(
        "test_drives",
        ("试驾编号", "drive_no"),
        ("试驾车型", "model"),
        ("车牌号", "plate"),
        ("试驾日期", "date", DATE),
        ("开始时间", "start", clock),
        ("结束时间", "end", clock),
        ("顾客姓名", "customer"),
        ("手机", "phone", number_phone),
        ("接待顾问", "consultant"),
        ("起始里程", "km_out"),
        ("结束里程", "km_in"),
        ("试驾路线", "route"),
        ("是否邀约", "invited", TICK),
        ("是否满意", "satisfied", TICK),
        bad_rows=(BadRow(0.4, {"date": "2026年2月30日"}, "日期不存在"),),
        bad_cells=(BadCell(0.7, "end", "8:05", "结束早于开始"),),
    ),
    september(
        "invoices",
        ("发票编号", "invoice_no"),
        ("发票日期", "date", DATE),
        ("销售员", "consultant"),
        ("客户名称", "customer"),
        ("客户电话", "phone", number_phone),
        ("车系名称", "model"),
        ("VIN码", "vin"),
        ("渠道", "channel", words({"二级网点": "二网", "集团": "集团销售"})),
        ("开票类型", "kind"),
        ("开票金额", "amount", rarely(9, text("￥{:,.2f}"), accounting)),
        ("进价", "cost", accounting),
        ("精品金额", "accessories", rarely(5, text("{}元"))),
        ("保险金额", "insurance", accounting),
        ("按揭", "loan", YES),
        ("延保金额", "warranty"),
        ("置换", "trade_in", TICK),
        sums=("amount",),
        bad_rows=(BadRow(0.62, {"date": None}, "缺发票日期"),),
        bad_cells=(BadCell(0.3, "vin", "LSGXX0001TS000000", "车架号校验位不符"),),
    ),
    september(
        "followups",
        ("跟踪编号", "task_no"),
        ("计划跟踪日期", "due", DATE),
        ("跟踪日期", "done", DATE),
        ("接待顾问", "consultant"),
        ("顾客姓名", "customer"),
        ("手机号码", "phone", number_phone),
        ("客户编号", "customer_no"),
        ("客户级别", "level", level_grade),
        ("跟进方式", "way"),
        ("跟踪结果", "result"),
        ("下次跟踪日期", "next", DATE),
        bad_rows=(BadRow(0.25, {"due": "2026/9/31"}, "日期不存在"), BadRow(0.6, {"due": None}, "缺计划跟踪日期")),
        bad_cells=(BadCell(0.45, "next", "待定", "不是日期"),),
    ),
)


# October: every file from somewhere else

MIXED_DATE = turns(iso_date, slash_date, as_is, digits_date)
MIXED_PHONE = turns(as_is, spaced_phone, wide, dashed_phone, number_phone)
MIXED_LEVEL = turns(as_is, level_wide, level_horizon, level_grade)


def october(form: str, *fields: tuple[Any, ...], **quirks: Any) -> Layout:
    file = f"2026-10 {LABELS[form]}." + ("csv" if "encoding" in quirks else "xlsx")
    return Layout(form, "2026-10", columns(*fields), file, date(2026, 11, 1), **quirks)


OCTOBER = (
    october(
        "visits",
        ("登记编号", "visit_no"),
        ("来访日期", "date", turns(iso_date, slash_date)),
        ("来访时间", "arrive", clock),
        ("离去时间", "leave", clock),
        ("来店人数", "party"),
        ("接触方式", "channel"),
        ("几次来店", "contact", words({"再次": "二次"})),
        ("客户姓名", "customer"),
        ("联系电话", "phone", turns(as_is, spaced_phone, dashed_phone)),
        ("意向车型", "model", rarely(3, wide)),
        ("信息渠道", "source", blank_as("/")),
        ("市场活动", "event"),
        ("留档", "retained", flag("1", "0")),
        ("意向等级", "level", MIXED_LEVEL),
        ("试驾", "test_drive", flag("Y", "N")),
        ("销售顾问", "consultant"),
        ("备注", "note"),
        top=((f"门店：{STORE}", "报表：展厅客流登记表", "统计起止日期：2026-10-01 至 2026-10-31"), ()),
        encoding="gb18030",
        bad_rows=(
            BadRow(0.11, {"date": None}, "缺来访日期"),
            BadRow(0.44, {"date": "2026-02-30"}, "日期不存在"),
            BadRow(0.86, {"contact": None}, "缺几次来店"),
        ),
        bad_cells=(
            BadCell(0.25, "level", "Q", "未知级别"),
            BadCell(0.70, "leave", "8:20", "离店早于来店"),
        ),
    ),
    october(
        "intentions",
        ("客户\n编号", "customer_no"),
        ("创建\n时间", "created", stamp),
        ("客户姓名", "customer"),
        ("联系电话", "phone", MIXED_PHONE),
        ("意向车型", "model", rarely(3, wide)),
        ("信息来源", "source", blank_as("/")),
        ("意向级别", "level", MIXED_LEVEL),
        ("当前状态", "status"),
        ("订单日期", "order_date", MIXED_DATE),
        ("交易日期", "won_date", MIXED_DATE),
        ("战败日期", "lost_date", MIXED_DATE),
        ("战败原因", "lost_reason"),
        ("最近跟进\n日期", "last_follow", MIXED_DATE),
        ("下次跟进\n日期", "next_follow", MIXED_DATE),
        ("预计购车时间", "expected", MIXED_DATE),
        ("销售顾问", "consultant", turns(as_is, padded)),
        top=((),),
        left=1,
        repeat_header=True,
        bad_rows=(
            BadRow(0.29, {"created": "2026-02-30 10:15:00"}, "日期不存在"),
            BadRow(0.81, {"created": None}, "缺创建时间"),
        ),
        bad_cells=(BadCell(0.5, "level", "Ｚ级", "未知级别"),),
    ),
    october(
        "test_drives",
        ("试驾编号", "drive_no"),
        ("试驾日期", "date", short_date),
        ("开始\n时间", "start", wide_clock),
        ("结束\n时间", "end", wide_clock),
        ("客户姓名", "customer", turns(as_is, padded)),
        ("联系方式", "phone", MIXED_PHONE),
        ("销售顾问", "consultant"),
        ("试驾车型", "model", rarely(3, wide)),
        ("试驾车牌号", "plate"),
        ("出发里程\n(公里)", "km_out"),
        ("返回里程\n(公里)", "km_in"),
        ("是否邀约", "invited", flag("Y", "N")),
        ("是否满意", "satisfied", flag(1, 0)),
        ("是否签协议", "agreement", TICK),
        top=((), (f"{STORE} 2026年10月 试乘试驾登记表",)),
        left=1,
        separate="date",
        bad_rows=(BadRow(0.6, {"date": "10月32日"}, "日期不存在"),),
    ),
    october(
        "invoices",
        ("销售渠道", "channel", words({"二级网点": "二级网络", "集团": "集团销售"})),
        ("发票号码", "invoice_no", as_number),
        ("开票日期", "date", MIXED_DATE),
        ("客户姓名", "customer"),
        ("联系电话", "phone", MIXED_PHONE),
        ("销售顾问", "consultant", turns(padded, as_is)),
        ("车系", "model"),
        ("车架号", "vin"),
        ("开票金额\n(元)", "amount"),
        ("成本价\n(元)", "cost"),
        ("精品金额\n(元)", "accessories"),
        ("保险金额\n(元)", "insurance"),
        ("是否按揭", "loan", flag("Y", "N")),
        ("延保金额\n(元)", "warranty"),
        ("是否置换", "trade_in", flag(1, 0)),
        ("开票类型", "kind", words({"红字": "退票"})),
        top=((),),
        left=1,
        group="channel",
        bad_rows=(BadRow(0.35, {"date": "2026/13/5"}, "日期不存在"),),
        bad_cells=(BadCell(0.2, "phone", "见合同", "电话不是号码"),),
    ),
    october(
        "followups",
        ("接待顾问", "consultant", turns(as_is, padded)),
        ("跟踪编号", "task_no"),
        ("客户编号", "customer_no"),
        ("客户姓名", "customer"),
        ("联系电话", "phone", MIXED_PHONE),
        ("意向级别", "level", MIXED_LEVEL),
        ("计划回访\n日期", "due", MIXED_DATE),
        ("回访\n日期", "done", MIXED_DATE),
        ("访问方式", "way"),
        ("跟踪结果", "result"),
        ("下次跟踪\n日期", "next", MIXED_DATE),
        top=((), (f"{STORE} 2026年10月 意向客户跟踪记录",)),
        group="consultant",
        bad_rows=(BadRow(0.15, {"due": None}, "缺计划回访日期"), BadRow(0.7, {"due": "2026-10-32"}, "日期不存在")),
        bad_cells=(BadCell(0.4, "level", "Q", "未知级别"),),
    ),
)


# Targets: one workbook for all months, typed by a person

MONTH_WORDS = {"2026-08": "2026-08", "2026-09": "2026年9月", "2026-10": date(2026, 10, 1)}
MEASURE_WORDS = {
    "first_visits": "首次到店批次",
    "orders": "订单数",
    "sales": "总销量",
    "info_retention_rate": "信息留存率",
    "test_drive_rate": "试乘试驾率",
    "close_rate": "成交率",
}


def target_month(value: str, row: int) -> Cell:
    return MONTH_WORDS[value]


def target_value(value: Any, row: int) -> Cell:
    """Rates as 70% in text or as 0.7, in turns."""
    return f"{value * 100:.0f}%" if value < 1 and row % 2 else value


TARGETS = Layout(
    "targets",
    "",
    columns(
        ("月份", "month", target_month, "yyyy-mm"),
        ("销售顾问", "consultant"),
        ("车型", "model"),
        ("指标", "measure", rarely(10, as_is, words(MEASURE_WORDS))),
        ("目标值", "value", target_value),
    ),
    "2026年8-10月 销售目标.xlsx",
    date(2026, 8, 1),
    sheet="目标",
    top=((f"{STORE} 2026年8-10月 销售目标",),),
    merge_title=True,
    notes=("制表人：销售经理",),
    bad_rows=(BadRow(0.5, {"value": None}, "缺目标值"),),
)

LAYOUTS = (*AUGUST, *SEPTEMBER, *OCTOBER, TARGETS)
