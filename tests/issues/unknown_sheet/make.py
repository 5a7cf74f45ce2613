from pathlib import Path

from tests.workbooks import book


def make(folder: Path) -> list[Path]:
    stock = [["甲", "乙", "丙", "丁"], *([n, n, n, n] for n in range(4))]
    visits = [["日期", "来店性质"], ["2026-10-03", "首次"]]
    return [book(f"{folder}/input.xlsx", sheets={"库存": stock, "客流": visits})]
