"""PDCA改善表: the causes that the records show and what to do about each, what to ask people, where the orders went.

What the records know is filled in; dates, results and what becomes the rule are left empty, to be filled by hand.
"""

from __future__ import annotations

from pathlib import Path

from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from .style import ACCENT, PALE, Design

WIDTHS = [4, 21, 40, 13, 7, 24, 11, 11, 13, 13, 18]
TALL, TWO = 48, 32
"""Heights for three lines, with room to write, and for two: not every program fits rows to wrapped text."""
BANDS = (("P 计划", 0, 4), ("D 执行", 5, 7), ("C 检查", 8, 9), ("A 处理", 10, 10))
HEADS = (
    "序",
    "问题 / 原因",
    "现状与证据",
    "涉及 KPI",
    "依据",
    "改善措施",
    "责任人",
    "完成时间",
    "检查指标",
    "检查结果",
)
FINDING = ("rank", "name", "evidence", "kpi", "proxy", "action", "owner", "", "label", "", "")
ASKING = ("序", "分析项", "要问的", "回答", "该改的", "改善措施", "责任人", "完成时间", "核实人", "核实结果", "备注")
CHECK = ("rank", "element", "name", "", "answer", "action", "owner", "", "", "", "")
SHORT = ("rank", "proxy", "answer", "owner")
STEP = ("rank", "name", "value", "before", "after")


def pdca(path: Path) -> None:
    """Write the template."""
    design = Design(path, "PDCA改善表")
    sheet = design.sheet("PDCA", "PDCA改善表 · {{ report.dealer }} · {{ report.month }}", WIDTHS, landscape=True)
    findings(design, sheet)
    checklist(design, sheet)
    steps(design, sheet)
    design.close()


def findings(design: Design, sheet: Worksheet) -> None:
    """What the month came to, and a row for every cause: P and D from the records, C and A to be written in."""
    strong = design.format(bold=True, font_color=ACCENT, font_size=11)
    change = 'IF(C17="","；没有上月可比","；上月 "&D17&"，比上月 "&IF(C17>0,"+","")&C17&" 台")'
    target = 'IF(E18="","；没有目标","；目标 "&E18&"，达成 "&TEXT(E19,"0.0%"))'
    sheet.set_row(2, 20)
    sheet.write_formula(2, 0, f'=B17&" "&E17&" 台"&{target}&{change}', strong)
    none = '"没有看出原因：各项与平时、与目标的差别不大，或偶然也会如此"'
    told = '"记录说明的原因 "&COUNTA(B7:B7)&" 条：新出现的在前，越不像偶然的越前；依据写“旁证”的是间接说明，先核实"'
    sheet.write_formula(3, 0, f"=IF(COUNTA(B7:B7)=0,{none},{told})", design.note)
    band = design.format(bold=True, font_size=11, font_color=ACCENT, bg_color=PALE, align="center", border=1)
    for text, first, last in BANDS:
        if first == last:
            sheet.write_string(4, first, text, band)
        else:
            sheet.merge_range(4, first, 4, last, text, band)
    heads(design, sheet, 5, [*HEADS, "标准化 / 下一步"])
    sheet.set_row(6, TALL)
    design.repeated(sheet, 6, row(design, FINDING), "repeat: findings")


def checklist(design: Design, sheet: Worksheet) -> None:
    """What only people can answer, with boxes to tick."""
    title = '"要问人的"&IF(COUNTA(C11:C11)=0,"：没有","：记录里没有，逐条问，在方框里打勾")'
    sheet.write_formula(8, 0, f"={title}", section(design))
    heads(design, sheet, 9, list(ASKING))
    cells = row(design, CHECK)
    cells[3] = ('=IF(C11="","","□ 是　□ 否")', cells[0][1])
    sheet.set_row(10, TWO)
    design.repeated(sheet, 10, cells, "repeat: checklist")


def steps(design: Design, sheet: Worksheet) -> None:
    """The change of the goal against the month before, step by step; the steps add up to it."""
    sheet.write_string(13, 0, "差在哪一步：与上月比（月中与上月同样多的天数比），各步之和就是增减", section(design))
    heads(design, sheet, 14, ["序", "步骤", "增减（台）", "上月", "本月"])
    signed = "+0.0;-0.0;0.0"
    cars = design.format(border=1, border_color="#BFBFBF", num_format=signed, align="center")
    forms = {
        "rank": design.format(border=1, border_color="#BFBFBF", align="center"),
        "name": design.text,
        "value": cars,
    }
    design.repeated(sheet, 15, [(mark(key), forms.get(key, design.number)) for key in STEP], "repeat: steps")
    rates = {"type": "formula", "criteria": "=N($A16)>1", "format": design.as_rate}  # a number at the top, then rates
    sheet.conditional_format("D16:E16", rates)
    fallen = {"type": "cell", "criteria": "<", "value": 0, "format": design.bad}
    sheet.conditional_format("C16:C16", fallen)
    sheet.conditional_format("C17:C17", fallen)
    total = design.format(bold=True, bg_color=PALE, top=2, num_format=signed, align="center")
    marks = ("", "goal", "difference", "before", "after")
    totals = [(f"{{{{ change.{key} }}}}" if key else "", total if key == "difference" else design.sum) for key in marks]
    design.total(sheet, 16, totals)
    plain = [("", design.text)] * 2
    design.total(sheet, 17, [plain[0], ("目标", design.text), *plain, ("{{ change.target }}", design.number)])
    design.total(sheet, 18, [plain[0], ("达成率", design.text), *plain, ("{{ change.attainment }}", design.rate)])
    chart = design.book.add_chart({"type": "bar"})
    chart.add_series(
        {
            "name": "增减（台）",
            "categories": "=PDCA!$B$16:$B$16",
            "values": "=PDCA!$C$16:$C$16",
            "fill": {"color": ACCENT},
            "invert_if_negative": True,
            "invert_if_negative_color": "#C00000",
            "gap": 60,
            "data_labels": {"value": True, "num_format": signed},
        }
    )
    chart.set_title({"name": "比上月增减（台）", "name_font": {"size": 12, "color": ACCENT}})
    chart.set_legend({"none": True})
    chart.set_x_axis({"visible": False, "major_gridlines": {"visible": False}})
    chart.set_y_axis({"reverse": True, "label_position": "low"})
    chart.set_size({"width": 610, "height": 220})
    sheet.insert_chart("F14", chart, {"x_offset": 25})


def heads(design: Design, sheet: Worksheet, row: int, texts: list[str]) -> None:
    """A header of one of the sheet's tables; none of them stays in sight, as there are several."""
    sheet.set_row(row, 24)
    sheet.write_row(row, 0, texts, design.head)


def section(design: Design) -> Format:
    """The heading of a table."""
    return design.format(bold=True, font_size=12, font_color=ACCENT)


def row(design: Design, keys: tuple[str, ...]) -> list[tuple[str, Format]]:
    """The cells of a row that is repeated; those without a key are left to be filled by hand."""
    text, short = (
        design.format(border=1, border_color="#BFBFBF", text_wrap=True, align=align) for align in ("left", "center")
    )
    return [(mark(key), short if key in SHORT else text) for key in keys]


def mark(key: str) -> str:
    """A mark of the row; nothing without a key."""
    return f"{{{{ row.{key} }}}}" if key else ""
