"""销售漏斗与顾问排名: the stages of the month, the league of consultants, and each consultant's own funnel."""

from __future__ import annotations

from pathlib import Path

from .style import BAR, Design


def funnel(path: Path) -> None:
    """Write the template."""
    design = Design(path, "销售漏斗与顾问排名")
    stages(design)
    league(design)
    each(design)
    design.close()


def stages(design: Design) -> None:
    """The stages of the whole store, with the intervals of their rates."""
    sheet = design.sheet("漏斗", "销售漏斗", [14, 10, 12, 10, 10, 12, 10, 12, 10])
    heads = ["步骤", "本月", "转化率", "95% 低", "95% 高", "累计转化", "上月", "上月转化率", "目标"]
    columns = ("label", "count", "from_previous", "low", "high", "from_top", "previous", "previous_rate", "target")
    plain = {"label": design.text, "count": design.number, "previous": design.number, "target": design.number}
    cells = [(f"{{{{ row.{key} }}}}", plain.get(key, design.rate)) for key in columns]
    design.table(sheet, 3, heads, cells, "repeat: stages")
    sheet.conditional_format("B5:B5", BAR)
    chart = design.chart("bar", "漏斗", [("本月", "=漏斗!$A$5:$A$5", "=漏斗!$B$5:$B$5")])
    chart.set_y_axis({"reverse": True})
    sheet.insert_chart("A8", chart)


def league(design: Design) -> None:
    """Consultants by their rate from the top of the funnel to its end."""
    sheet = design.sheet("顾问排名", "顾问排名", [6, 12, 8, 8, 9, 8, 9, 8, 9, 8, 10, 12, 10], landscape=True)
    heads = ["名次", "销售顾问", "客流", "留档", "留档率", "试驾", "试驾率", "订单", "订单率", "成交", "客流成交率"]
    paths = ["funnel.traffic"]
    for stage in ("retained", "test_drives", "orders"):
        paths += [f"funnel.{stage}", f"funnel.{stage}.from_previous"]
    paths += ["funnel.sales", "funnel.sales.from_top"]
    forms = [design.rate if ".from" in path else design.number for path in paths]
    cells = [("{{ row.funnel.rank }}", design.number), ("{{ row.name }}", design.text)]
    cells += [(f"{{{{ row.{path} }}}}", form) for path, form in zip(paths, forms, strict=True)]
    cells += [("{{ row.leak.stage }}", design.text), ("{{ row.leak.gain }}", design.decimal)]
    repeat = "repeat: consultant\nsort: funnel.rank"
    design.table(sheet, 3, [*heads, "流失最多", "按全店可多成交"], cells, repeat)
    totals = [("", design.sum), ("全店", design.sum)]
    totals += [(f"{{{{ {path} }}}}", design.sum_rate if ".from" in path else design.sum) for path in paths]
    design.total(sheet, 5, totals)
    sheet.conditional_format("K5:K5", BAR)
    series = [("客流成交率", "=顾问排名!$B$5:$B$5", "=顾问排名!$K$5:$K$5")]
    sheet.insert_chart("B9", design.chart("column", "客流成交率", series, rate=True))


def each(design: Design) -> None:
    """A block for each consultant, with the stages in it."""
    sheet = design.sheet("各顾问", "各顾问的漏斗", [16, 10, 12, 10, 10, 12, 12])
    heads = ["步骤", "本月", "转化率", "95% 低", "95% 高", "全店转化率", "上月"]
    design.head_row(sheet, 3, heads)
    sheet.write_string(4, 0, "{{ row.name }}", design.sum)
    for column in range(1, 7):
        sheet.write_string(4, column, "", design.sum)
    sheet.write_comment(4, 0, "repeat: consultant\nrows: 3\nsort: funnel.rank", {"author": "kpicli", "visible": False})
    columns = ("label", "count", "from_previous", "low", "high", "team", "previous")
    plain = {"label": design.text, "count": design.number, "previous": design.number}
    for column, key in enumerate(columns):
        sheet.write_string(5, column, f"{{{{ row.{key} }}}}", plain.get(key, design.rate))
    sheet.write_comment(5, 0, "repeat: stages", {"author": "kpicli", "visible": False})
    sheet.set_row(6, 8)
    rule = {"type": "formula", "criteria": "=AND(ISNUMBER($C6),ISNUMBER($F6),$C6<$F6)", "format": design.bad}
    sheet.conditional_format("C6:C6", rule)
