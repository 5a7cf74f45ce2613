"""月份销售业绩分析表 (S4, S5, S7): orders and sales week by week, by model and by consultant, against their targets."""

from __future__ import annotations

from pathlib import Path

from .style import BAR, Design


def sales(path: Path) -> None:
    """Write the template."""
    design = Design(path, "月份销售业绩分析表")
    weeks(design)
    groups(design, "车型", "model")
    groups(design, "销售顾问", "consultant")
    design.close()


def weeks(design: Design) -> None:
    """Running totals against the month's target."""
    sheet = design.sheet("周进度", "月份销售业绩分析表 · 周进度", [16, *[11.0] * 6], landscape=True)
    heads = ["周", "订单", "累计订单", "累计完成率", "销量", "累计销量", "累计完成率"]
    sheet.write_row(2, 0, ["月目标"], design.note)
    sheet.write_string(2, 1, "{{ kpi.orders.target }}", design.number)
    sheet.write_string(2, 4, "{{ kpi.vp_sales.target }}", design.number)
    cells = [("{{ row.name }}", design.text)]
    for key, column, running in (("orders", "B", "C"), ("sales", "E", "F")):
        cells += [
            (f"{{{{ row.measure.{key} }}}}", design.number),
            (f"=SUM({column}$5:{column}5)", design.number),
            (f'=IF(N({column}$3)=0,"",{running}5/{column}$3)', design.rate),
        ]
    design.table(sheet, 3, heads, cells, "repeat: week")
    design.total(sheet, 5, [("合计", design.sum), ("=SUM(B5:B5)", design.sum), ("", design.sum), ("", design.sum)])
    sheet.write_formula(5, 4, "=SUM(E5:E5)", design.sum)
    for column in (5, 6):
        sheet.write_string(5, column, "", design.sum)
    names = "=周进度!$A$5:$A$5"
    chart = design.chart(
        "column", "订单与销量", [("订单", names, "=周进度!$B$5:$B$5"), ("销量", names, "=周进度!$E$5:$E$5")]
    )
    chart.combine(design.chart("line", "", [("累计订单", names, "=周进度!$C$5:$C$5")]))
    sheet.insert_chart("A9", chart)


def groups(design: Design, name: str, dimension: str) -> None:
    """Orders and sales of each, with targets where there are any."""
    sheet = design.sheet(name, f"月份销售业绩分析表 · {name}", [16, *[11.0] * 7], landscape=True)
    heads = [name, "订单", "订单目标", "订单达成率", "展厅销量", "分销销量", "总销量", "占总销量"]
    cells = [
        ("{{ row.name }}", design.text),
        ("{{ row.measure.orders }}", design.number),
        ("{{ row.kpi.orders.target }}", design.number),
        ("{{ row.kpi.orders.attainment }}", design.rate),
        ("{{ row.measure.showroom_sales }}", design.number),
        ("{{ row.measure.distribution_sales }}", design.number),
        ("{{ row.measure.sales }}", design.number),
        ('=IF(G$6=0,"",G5/G$6)', design.rate),
    ]
    design.table(sheet, 3, heads, cells, f"repeat: {dimension}\nsort: measure.orders desc")
    totals = [("全店", design.sum), ("=SUM(B5:B5)", design.sum), ("{{ kpi.orders.target }}", design.sum)]
    totals.append(("{{ kpi.orders.attainment }}", design.sum_rate))
    totals += [(f"=SUM({letter}5:{letter}5)", design.sum) for letter in "EFG"]
    design.total(sheet, 5, [*totals, ('=IF(G6=0,"",SUM(H5:H5))', design.sum_rate)])
    sheet.conditional_format("D5:D5", BAR | {"max_type": "num", "max_value": 1})
    series = [
        ("订单", f"={name}!$A$5:$A$5", f"={name}!$B$5:$B$5"),
        ("总销量", f"={name}!$A$5:$A$5", f"={name}!$G$5:$G$5"),
    ]
    sheet.insert_chart("A9", design.chart("bar" if dimension == "model" else "column", "订单与销量", series))
