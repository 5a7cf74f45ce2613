"""Write every shipped template."""

from pathlib import Path

from .monthly import monthly
from .performance import performance
from .progress import progress
from .traffic import traffic

FOLDER = Path(__file__).parents[2] / "templates"
TEMPLATES = {
    "月度KPI报告": monthly,
    "绩效管理表": performance,
    "展厅客流统计分析表": traffic,
    "目标进度管理表": progress,
}


def main() -> None:
    """Write them all, over those that are there."""
    for name, make in TEMPLATES.items():
        make(FOLDER / f"{name}.xlsx")


if __name__ == "__main__":
    main()
