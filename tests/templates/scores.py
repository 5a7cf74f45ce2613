"""KPI评分表: points for each KPI by the book's rule, of the store and of each consultant."""

from __future__ import annotations

from pathlib import Path

from .style import Design

HEADS = ["指标", "单位", "权重", "目标", "实际", "达成率", "得分", "状态"]
MARKS = ("label", "unit", "weight", "target", "value", "attainment", "score", "status")


def scores(path: Path) -> None:
    """Write the template."""
    design = Design(path, "KPI评分表")
    cells = [
        (
            f"{{{{ row.{mark} }}}}",
            design.rate if mark == "attainment" else design.decimal if mark == "score" else design.number,
        )
        for mark in MARKS
    ]
    cells[0], cells[1], cells[-1] = ((cells[place][0], design.text) for place in (0, 1, -1))
    sheet = design.sheet("全店", "KPI评分表", [28, 6, 8, 12, 12, 10, 10, 10])
    sheet.write_string(2, 0, "评分规则：{{ report.scoring }}", design.note)
    design.table(sheet, 3, HEADS, cells, "repeat: kpis")
    rates(design, sheet, 5)
    blank = [("", design.sum)] * 5
    design.total(
        sheet, 5, [("总分（按权重）", design.sum), *blank, ("{{ report.score }}", design.sum_decimal), ("", design.sum)]
    )
    sheet = design.sheet("销售顾问", "KPI评分表 · 销售顾问", [28, 6, 8, 12, 12, 10, 10, 10])
    sheet.write_string(2, 0, "评分规则：{{ report.scoring }}", design.note)
    design.head_row(sheet, 3, HEADS)
    heading = [("{{ row.name }}", design.sum), *blank, ("{{ row.score }}", design.sum_decimal), ("", design.sum)]
    design.repeated(sheet, 4, heading, "repeat: consultant\nrows: 3\nsort: score desc")
    design.repeated(sheet, 5, cells, "repeat: kpis")
    sheet.set_row(6, 8)
    rates(design, sheet, 6)
    sheet.freeze_panes(4, 1)
    sheet.repeat_rows(3)
    design.close()


def rates(design: Design, sheet: object, row: int) -> None:
    """Values in percent are shown so, and the status has its colour."""
    for column in "DE":
        rule = {"type": "formula", "criteria": f'=$B{row}="%"', "format": design.as_rate}
        sheet.conditional_format(f"{column}{row}:{column}{row}", rule)
    for word, form in (("达标", design.good), ("接近", design.near), ("未达", design.bad)):
        rule = {"type": "cell", "criteria": "==", "value": f'"{word}"', "format": form}
        sheet.conditional_format(f"H{row}:H{row}", rule)
