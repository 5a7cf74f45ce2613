"""分销渠道销售进度监控表 (S8): what the channels sold of the store's sales, week by week and by model."""

from __future__ import annotations

from pathlib import Path

from .style import Design


def distribution(path: Path) -> None:
    """Write the template."""
    design = Design(path, "分销渠道销售进度监控表")
    sheet = design.sheet("每周", "分销渠道销售进度监控表", [16, *[11.0] * 7], landscape=True)
    heads = ["周", "总销量", "展厅零售", "分销", "分销贡献率", "累计总销量", "累计分销", "累计贡献率"]
    cells = [
        ("{{ row.name }}", design.text),
        ("{{ row.measure.sales }}", design.number),
        ("{{ row.measure.showroom_sales }}", design.number),
        ("{{ row.measure.distribution_sales }}", design.number),
        ("{{ row.kpi.distribution_share }}", design.rate),
        ("=SUM(B$5:B5)", design.number),
        ("=SUM(D$5:D5)", design.number),
        ('=IF(F5=0,"",G5/F5)', design.rate),
    ]
    design.table(sheet, 3, heads, cells, "repeat: week")
    totals = [("合计", design.sum), *((f"=SUM({letter}5:{letter}5)", design.sum) for letter in "BCD")]
    design.total(sheet, 5, [*totals, ("{{ kpi.distribution_share }}", design.sum_rate)])
    names = "=每周!$A$5:$A$5"
    chart = design.chart(
        "column",
        "展厅与分销",
        [("展厅零售", names, "=每周!$C$5:$C$5"), ("分销", names, "=每周!$D$5:$D$5")],
        subtype="stacked",
    )
    chart.combine(design.chart("line", "", [("累计贡献率", names, "=每周!$H$5:$H$5")], rate=True))
    sheet.insert_chart("A9", chart)
    for name, dimension in (("渠道", "channel"), ("车型", "model")):
        sheet = design.sheet(name, f"分销渠道销售进度监控表 · {name}", [16, *[11.0] * 5])
        cells = [("{{ row.name }}", design.text)]
        cells += [
            (f"{{{{ row.measure.{key} }}}}", design.number) for key in ("sales", "showroom_sales", "distribution_sales")
        ]
        cells += [("{{ row.kpi.distribution_share }}", design.rate), ('=IF(B$6=0,"",B5/B$6)', design.rate)]
        heads = [name, "总销量", "展厅零售", "分销", "分销占比", "占总销量"]
        design.table(sheet, 3, heads, cells, f"repeat: {dimension}\nsort: measure.sales desc")
        totals = [("合计", design.sum), *((f"=SUM({letter}5:{letter}5)", design.sum) for letter in "BCD")]
        design.total(sheet, 5, [*totals, ("{{ kpi.distribution_share }}", design.sum_rate), ("", design.sum)])
    design.close()
