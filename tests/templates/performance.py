"""绩效管理表: the month by consultant, model, source and week, a sheet each, as the Haima form has it."""

from __future__ import annotations

from pathlib import Path

from .style import Design

SHEETS = (("销售顾问", "consultant", 14), ("车型", "model", 14), ("信息来源", "source", 14), ("周", "week", 22))
COLUMNS = (
    ("首次到店", "measure.first_visits", "number"),
    ("首次来电", "measure.first_calls", "number"),
    ("信息留存率", "kpi.info_retention_rate", "rate"),
    ("试乘试驾", "measure.test_drives", "number"),
    ("新增潜客", "measure.new_prospects", "number"),
    ("订单", "measure.orders", "number"),
    ("战败", "measure.lost", "number"),
    ("展厅销量", "measure.showroom_sales", "number"),
    ("成交率", "kpi.close_rate", "rate"),
)


def performance(path: Path) -> None:
    """Write the template."""
    design = Design(path, "绩效管理表")
    for name, dimension, width in SHEETS:
        sheet = design.sheet(name, f"绩效管理表 · {name}", [width, *[11.0] * len(COLUMNS)], landscape=True)
        cells = [("{{ row.name }}", design.text)]
        cells += [(f"{{{{ row.{path} }}}}", getattr(design, form)) for _, path, form in COLUMNS]
        design.table(sheet, 3, [name, *(head for head, _, _ in COLUMNS)], cells, f"repeat: {dimension}")
        sheet.write_string(5, 0, "全店", design.sum)
        for column, (_, path, form) in enumerate(COLUMNS, 1):
            sheet.write_string(5, column, f"{{{{ {path} }}}}", design.sum if form == "number" else design.sum_rate)
    design.close()
