"""目标进度管理表: what has a target, how far it is, and where it ends; the store and each consultant."""

from __future__ import annotations

from pathlib import Path

from .style import Design


def progress(path: Path) -> None:
    """Write the template."""
    design = Design(path, "目标进度管理表")
    sheet = design.sheet("全店", "目标进度管理表", [24, 6, 12, 12, 12, 12, 14])
    sheet.write_string(2, 0, "工作日进度", design.note)
    sheet.write_string(2, 2, "{{ report.pace }}", design.format(num_format="0%", font_color="#808080", font_size=9))
    marks = ("label", "unit", "value", "target", "attainment", "projected", "status")
    forms = {"label": design.text, "unit": design.text, "status": design.text, "attainment": design.rate}
    cells = [(f"{{{{ row.{mark} }}}}", forms.get(mark, design.number)) for mark in marks]
    heads = ["指标", "单位", "实际", "目标", "达成率", "预计月末", "状态"]
    design.table(sheet, 3, heads, cells, "repeat: kpis\nsort: attainment")
    for column in "CDF":
        rule = {"type": "formula", "criteria": '=$B5="%"', "format": design.as_rate}
        sheet.conditional_format(f"{column}5:{column}5", rule)
    for word, form in (("达标", design.good), ("接近", design.near), ("未达", design.bad)):
        sheet.conditional_format("G5:G5", {"type": "cell", "criteria": "==", "value": f'"{word}"', "format": form})
    sheet.conditional_format(
        "E5:E5", {"type": "data_bar", "bar_color": "#9DC3E6", "bar_solid": True, "max_type": "num", "max_value": 1}
    )
    consultants(design)
    design.close()


def consultants(design: Design) -> None:
    """Each consultant's orders and visits against the targets."""
    sheet = design.sheet("销售顾问", "目标进度管理表 · 销售顾问", [14, *[11.0] * 9], landscape=True)
    heads, cells = ["销售顾问"], [("{{ row.name }}", design.text)]
    for label, key in (("首次到店", "first_visits"), ("订单", "orders"), ("成交率", "close_rate")):
        form = design.rate if key == "close_rate" else design.number
        heads += [label, f"{label}目标", f"{label}达成"]
        cells += [(f"{{{{ row.kpi.{key} }}}}", form), (f"{{{{ row.kpi.{key}.target }}}}", form)]
        cells.append((f"{{{{ row.kpi.{key}.attainment }}}}", design.rate))
    design.table(sheet, 3, heads, cells, "repeat: consultant\nsort: kpi.orders.attainment desc")
    for column in "DGJ":
        bar = {"type": "data_bar", "bar_color": "#9DC3E6", "bar_solid": True}
        sheet.conditional_format(f"{column}5:{column}5", bar)
