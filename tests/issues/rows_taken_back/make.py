"""A marked copy, corrected: the row without a phone gives way to the row with one."""

import hashlib
import json
from pathlib import Path

from tests.workbooks import book

RUNS = [["input.csv"], ["corrected.xlsx"]]
HEADER = ["日期", "来店性质", "客户姓名", "联系电话"]


def make(folder: Path) -> list[Path]:
    wrong = folder / "input.csv"
    wrong.write_text(f"{','.join(HEADER)}\n2026-10-03,首次,赵样一,1990000000\n", "utf-8")
    key = json.dumps([[hashlib.sha256(wrong.read_bytes()).hexdigest(), "", ""]])
    listed = [["工作表", "单元格", "kpicli:key"], ["input", "D2", key]]
    right = [HEADER, ["2026-10-03", "首次", "赵样一", "19900000001"]]
    return [wrong, book(f"{folder}/corrected.xlsx", sheets={"问题清单": listed, "input": right})]
