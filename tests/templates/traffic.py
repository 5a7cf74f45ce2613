"""展厅客流统计分析表: visits, calls and test drives day by day, and by source."""

from __future__ import annotations

from pathlib import Path

from .style import ACCENT, Design

COLUMNS = (
    ("首次到店", "first_visits"),
    ("来电首次到店", "call_first_arrivals"),
    ("首次来电", "first_calls"),
    ("到店留档", "visit_prospects"),
    ("来电留档", "call_prospects"),
    ("试乘试驾", "test_drives"),
)


def traffic(path: Path) -> None:
    """Write the template."""
    design = Design(path, "展厅客流统计分析表")
    for name, dimension, width in (("每日", "day", 14), ("信息来源", "source", 16)):
        sheet = design.sheet(name, f"展厅客流统计分析表 · {name}", [width, *[11.0] * 8], landscape=dimension != "day")
        columns = COLUMNS if dimension == "day" else COLUMNS[:-1]  # the register of test drives has no source
        cells = [("{{ row.name }}", design.text)]
        cells += [(f"{{{{ row.measure.{key} }}}}", design.number) for _, key in columns]
        cells.append(('=IF(B5+D5=0,"",(E5+F5)/(B5+D5))', design.rate))
        heads = [name, *(head for head, _ in columns), "留档率"]
        design.table(sheet, 3, heads, cells, f"repeat: {dimension}")
        sheet.write_string(5, 0, "合计", design.sum)
        for column in range(1, len(columns) + 1):
            letter = "ABCDEFGHI"[column]
            sheet.write_formula(5, column, f"=SUM({letter}5:{letter}5)", design.sum)
        last = len(columns) + 1
        sheet.write_formula(5, last, '=IF(B6+D6=0,"",(E6+F6)/(B6+D6))', design.sum_rate)
        sheet.conditional_format("B5:B5", {"type": "data_bar", "bar_color": "#9DC3E6", "bar_solid": True})
        chart = design.book.add_chart({"type": "column", "subtype": "stacked"})
        for head, column, colour in (("首次到店", "B", ACCENT), ("首次来电", "D", "#9DC3E6")):
            chart.add_series(
                {
                    "name": head,
                    "categories": f"={name}!$A$5:$A$5",
                    "values": f"={name}!${column}$5:${column}$5",
                    "fill": {"color": colour},
                    "gap": 40,
                }
            )
        chart.set_title({"name": f"{name}客流", "name_font": {"size": 12, "color": ACCENT}})
        chart.set_legend({"position": "bottom"})
        chart.set_size({"width": 660, "height": 280})
        sheet.insert_chart("A8", chart)
    design.close()
