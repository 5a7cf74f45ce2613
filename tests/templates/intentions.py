"""意向客户跟进汇总表 (S2): prospects and their follow-up by consultant, and the new ones day by day."""

from __future__ import annotations

from pathlib import Path

from .contacts import daily
from .style import BAR, Design

COLUMNS = (
    ("上月末留存", "open_prospects_prev"),
    ("本月新增", "new_prospects"),
    ("订单", "orders"),
    ("战败", "lost"),
    ("待跟踪客户", "followup_customers_due"),
    ("及时跟踪", "followup_customers_done"),
)


def intentions(path: Path) -> None:
    """Write the template."""
    design = Design(path, "意向客户跟进汇总表")
    sheet = design.sheet("销售顾问", "意向客户跟进汇总表", [14, *[11.0] * 8], landscape=True)
    cells = [("{{ row.name }}", design.text)]
    cells += [(f"{{{{ row.measure.{key} }}}}", design.number) for _, key in COLUMNS]
    cells += [("{{ row.kpi.followup_timely_rate }}", design.rate), ("=B5+C5-D5-E5", design.number)]
    heads = ["销售顾问", *(head for head, _ in COLUMNS), "跟踪及时率", "月末仍在跟进"]
    design.table(sheet, 3, heads, cells, "repeat: consultant")
    totals = [("全店", design.sum), *((f"{{{{ measure.{key} }}}}", design.sum) for _, key in COLUMNS)]
    totals += [("{{ kpi.followup_timely_rate }}", design.sum_rate), ("=B6+C6-D6-E6", design.sum)]
    design.total(sheet, 5, totals)
    sheet.conditional_format("H5:H5", BAR | {"max_type": "num", "max_value": 1})
    series = [("及时率", "=销售顾问!$A$5:$A$5", "=销售顾问!$H$5:$H$5")]
    sheet.insert_chart("A9", design.chart("column", "跟踪及时率", series, rate=True))
    daily(design, "每日新增", "measure.new_prospects")
    design.close()
