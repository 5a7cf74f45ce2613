"""Write every shipped template."""

from pathlib import Path

from .contacts import contacts
from .daily import daily
from .distribution import distribution
from .funnel import funnel
from .intentions import intentions
from .monthly import monthly
from .pdca import pdca
from .performance import performance
from .progress import progress
from .sales import sales
from .scores import scores
from .traffic import traffic

FOLDER = Path(__file__).parents[2] / "templates"
TEMPLATES = {
    "月度KPI报告": monthly,
    "绩效管理表": performance,
    "展厅客流统计分析表": traffic,
    "销售漏斗与顾问排名": funnel,
    "来电(店)量监控表": contacts,
    "意向客户跟进汇总表": intentions,
    "月份销售业绩分析表": sales,
    "分销渠道销售进度监控表": distribution,
    "目标进度管理表": progress,
    "销售日报": daily,
    "KPI评分表": scores,
    "PDCA改善表": pdca,
}


def main() -> None:
    """Write them all, over those that are there."""
    for name, make in TEMPLATES.items():
        make(FOLDER / f"{name}.xlsx")


if __name__ == "__main__":
    main()
