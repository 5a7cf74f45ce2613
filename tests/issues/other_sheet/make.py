from pathlib import Path

from tests.workbooks import book


def make(folder: Path) -> list[Path]:
    cover = [["十月展厅数据"], ["由前台整理"]]
    visits = [["日期", "来店性质"], ["2026-10-03", "首次"]]
    return [book(f"{folder}/input.xlsx", sheets={"封面": cover, "客流": visits})]
