"""销售日报: what happened on each day of the month, with totals and targets."""

from __future__ import annotations

from pathlib import Path

from .style import Design

ITEMS = (
    ("首次到店", "first_visits", "first_visits"),
    ("首次来电", "first_calls", ""),
    ("到店留档", "visit_prospects", ""),
    ("来电留档", "call_prospects", ""),
    ("试乘试驾", "test_drives", ""),
    ("新增潜客", "new_prospects", "new_prospects"),
    ("订单", "orders", "orders"),
    ("战败", "lost", ""),
    ("展厅零售", "showroom_sales", "showroom_retail"),
    ("分销", "distribution_sales", ""),
    ("总销量", "sales", "vp_sales"),
)


def daily(path: Path) -> None:
    """Write the template."""
    design = Design(path, "销售日报")
    sheet = design.sheet("日报", "销售日报", [14, 4.5, 8, 8, 9], landscape=True)
    design.head_row(sheet, 3, ["项目", "", "合计", "目标", "完成率"])
    design.days(sheet, 3, 1)
    for row, (label, measure, kpi) in enumerate(ITEMS, 4):
        sheet.write_string(row, 0, label, design.text)
        sheet.write_string(row, 1, f"{{{{ column.measure.{measure} }}}}", design.number)
        sheet.write_formula(row, 2, f"=SUM(B{row + 1}:B{row + 1})", design.sum)
        sheet.write_string(row, 3, f"{{{{ kpi.{kpi}.target }}}}" if kpi else "", design.number)
        sheet.write_formula(row, 4, f'=IF(N(D{row + 1})=0,"",C{row + 1}/D{row + 1})', design.rate)
    sheet.add_sparkline(
        "F5",
        {
            "location": [f"F{row + 5}" for row in range(len(ITEMS))],
            "range": [f"日报!B{row + 5}:B{row + 5}" for row in range(len(ITEMS))],
        },
    )
    sheet.set_column("F:F", 16)
    sheet.write_string("F4", "走势", design.head)
    sheet.freeze_panes(4, 1)
    sheet.repeat_rows(3)
    chart = design.chart(
        "column",
        "每日到店与订单",
        [("首次到店", "=日报!$B$4:$B$4", "=日报!$B$5:$B$5"), ("订单", "=日报!$B$4:$B$4", "=日报!$B$11:$B$11")],
    )
    sheet.insert_chart("A17", chart)
    design.close()
