"""来电(店)量监控表 (S1): contacts of every consultant day by day, and week by week."""

from __future__ import annotations

from pathlib import Path

from .style import Design


def contacts(path: Path) -> None:
    """Write the template."""
    design = Design(path, "来电(店)量监控表")
    daily(design, "每日来电来访", "kpi.traffic")
    weekly(design)
    design.close()


def daily(design: Design, name: str, path: str) -> None:
    """Consultants down, days to the right."""
    sheet = design.sheet(name, f"{design.name} · {name}", [12, 4.5, 8], landscape=True)
    design.head_row(sheet, 3, ["销售顾问", "", "合计"])
    design.days(sheet, 3, 1)
    design.repeated(
        sheet, 4, [("{{ row.name }}", design.text), (f"{{{{ cell.{path} }}}}", design.number)], "repeat: consultant"
    )
    sheet.write_formula(4, 2, "=SUM(B5:B5)", design.sum)
    design.total(sheet, 5, [("全店", design.sum), ("=SUM(B5:B5)", design.sum), ("=SUM(C5:C5)", design.sum)])
    sheet.conditional_format("B5:B5", {"type": "2_color_scale", "min_color": "#FFFFFF", "max_color": "#9DC3E6"})
    sheet.freeze_panes(4, 1)
    chart = design.chart("column", "全店每日", [("全店", f"={name}!$B$4:$B$4", f"={name}!$B$6:$B$6")])
    sheet.insert_chart("A9", chart)


def weekly(design: Design) -> None:
    """Visits and calls of the weeks, with what was kept of them."""
    sheet = design.sheet("每周", "来电(店)量监控表 · 每周", [16, *[11.0] * 7], landscape=True)
    heads = ["周", "来店批次", "来电批次", "来电来访量", "首次到店", "首次来电", "留档", "留档率"]
    cells = [("{{ row.name }}", design.text)]
    cells += [(f"{{{{ row.measure.{key} }}}}", design.number) for key in ("showroom_visits", "calls")]
    cells.append(("=B5+C5", design.number))
    cells += [(f"{{{{ row.measure.{key} }}}}", design.number) for key in ("first_visits", "first_calls")]
    cells += [("{{ row.funnel.retained }}", design.number), ('=IF(E5+F5=0,"",G5/(E5+F5))', design.rate)]
    design.table(sheet, 3, heads, cells, "repeat: week")
    sums = [(f"=SUM({letter}5:{letter}5)", design.sum) for letter in "BCDEFG"]
    design.total(sheet, 5, [("合计", design.sum), *sums, ('=IF(E6+F6=0,"",G6/(E6+F6))', design.sum_rate)])
    series = [("来店", "=每周!$A$5:$A$5", "=每周!$B$5:$B$5"), ("来电", "=每周!$A$5:$A$5", "=每周!$C$5:$C$5")]
    sheet.insert_chart("A9", design.chart("column", "每周来店来电", series, subtype="stacked"))
