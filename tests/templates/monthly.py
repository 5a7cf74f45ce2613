"""月度KPI报告: the KPIs of the month with target and status, consultants, weeks, and what each KPI means."""

from __future__ import annotations

from pathlib import Path

from .style import ACCENT, Design


def monthly(path: Path) -> None:
    """Write the template."""
    design = Design(path, "月度KPI报告")
    kpis(design)
    consultants(design)
    weeks(design)
    design.close()


def kpis(design: Design) -> None:
    """One KPI a row; rates are shown as such by their unit."""
    sheet = design.sheet("月度KPI", "月度KPI报告", [24, 6, 12, 12, 10, 12, 10, 12, 14])
    heads = ["指标", "单位", "本月", "目标", "达成率", "上月", "状态", "分子", "分母"]
    marks = ["label", "unit", "value", "target", "attainment", "previous", "status", "numerator", "denominator"]
    forms = {"label": design.text, "unit": design.text, "status": design.text, "attainment": design.rate}
    cells = [(f"{{{{ row.{mark} }}}}", forms.get(mark, design.number)) for mark in marks]
    design.table(sheet, 3, heads, cells, "repeat: kpis")
    for column in "CDF":
        area = f"{column}5:{column}5"
        sheet.conditional_format(area, {"type": "formula", "criteria": '=$B5="%"', "format": design.as_rate})
    for word, form in (("达标", design.good), ("接近", design.near), ("未达", design.bad)):
        sheet.conditional_format("G5:G5", {"type": "cell", "criteria": "==", "value": f'"{word}"', "format": form})


def consultants(design: Design) -> None:
    """The league with totals, a data bar on orders, and a chart."""
    sheet = design.sheet("销售顾问", "销售顾问排名", [6, 14, 10, 12, 12, 10, 10, 12, 12], landscape=True)
    heads = ["名次", "销售顾问", "首次到店", "信息留存率", "试乘试驾率", "订单", "展厅销量", "成交率", "及时跟踪率"]
    marks = [
        ("row.rank", design.number),
        ("row.name", design.text),
        ("row.measure.first_visits", design.number),
        ("row.kpi.info_retention_rate", design.rate),
        ("row.kpi.test_drive_rate", design.rate),
        ("row.measure.orders", design.number),
        ("row.measure.showroom_sales", design.number),
        ("row.kpi.close_rate", design.rate),
        ("row.kpi.followup_timely_rate", design.rate),
    ]
    design.table(sheet, 3, heads, [(f"{{{{ {mark} }}}}", form) for mark, form in marks], "repeat: consultant")
    sheet.write_string(5, 0, "", design.sum)
    sheet.write_string(5, 1, "合计", design.sum)
    for column in (2, 5, 6):
        letter = "ABCDEFGHI"[column]
        sheet.write_formula(5, column, f"=SUM({letter}5:{letter}5)", design.sum)
    for column, key in (
        (3, "info_retention_rate"),
        (4, "test_drive_rate"),
        (7, "close_rate"),
        (8, "followup_timely_rate"),
    ):
        sheet.write_string(5, column, f"{{{{ kpi.{key} }}}}", design.sum_rate)
    sheet.conditional_format("F5:F5", {"type": "data_bar", "bar_color": "#9DC3E6", "bar_solid": True})
    chart = design.book.add_chart({"type": "column"})
    for name, column in (("订单", "F"), ("展厅销量", "G")):
        chart.add_series(
            {
                "name": name,
                "categories": "=销售顾问!$B$5:$B$5",
                "values": f"=销售顾问!${column}$5:${column}$5",
                "fill": {"color": ACCENT if name == "订单" else "#9DC3E6"},
                "data_labels": {"value": True},
            }
        )
    chart.set_title({"name": "订单与销量", "name_font": {"size": 12, "color": ACCENT}})
    chart.set_legend({"position": "bottom"})
    chart.set_y_axis({"major_gridlines": {"visible": True, "line": {"color": "#E0E0E0"}}, "line": {"none": True}})
    chart.set_size({"width": 760, "height": 280})
    sheet.insert_chart("B8", chart)


def weeks(design: Design) -> None:
    """The weeks of the month, with a line for orders beside visits."""
    sheet = design.sheet("周", "各周", [22, 12, 12, 12, 12, 12], landscape=True)
    heads = ["周", "首次到店", "首次来电", "试乘试驾", "订单", "展厅销量"]
    keys = ["first_visits", "first_calls", "test_drives", "orders", "showroom_sales"]
    cells = [("{{ row.name }}", design.text), *((f"{{{{ row.measure.{key} }}}}", design.number) for key in keys)]
    design.table(sheet, 3, heads, cells, "repeat: week")
    sheet.write_string(5, 0, "合计", design.sum)
    for column in range(1, 6):
        letter = "ABCDEF"[column]
        sheet.write_formula(5, column, f"=SUM({letter}5:{letter}5)", design.sum)
    chart = design.book.add_chart({"type": "column"})
    chart.add_series(
        {"name": "首次到店", "categories": "=周!$A$5:$A$5", "values": "=周!$B$5:$B$5", "fill": {"color": "#9DC3E6"}}
    )
    line = design.book.add_chart({"type": "line"})
    line.add_series(
        {
            "name": "订单",
            "categories": "=周!$A$5:$A$5",
            "values": "=周!$E$5:$E$5",
            "y2_axis": True,
            "line": {"color": ACCENT, "width": 2.25},
            "marker": {"type": "circle", "fill": {"color": ACCENT}},
        }
    )
    chart.combine(line)
    chart.set_title({"name": "到店与订单", "name_font": {"size": 12, "color": ACCENT}})
    chart.set_legend({"position": "bottom"})
    chart.set_size({"width": 700, "height": 280})
    sheet.insert_chart("A8", chart)
