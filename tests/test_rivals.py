"""What other programs that fill Excel templates keep, measured where they can be installed; the README shows the table.

Each of them fills the same form with three rows in the way that its documentation tells, and this module reads back
what came out. `python -m tests.test_rivals` writes the table into the README.
"""

import copy
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import get_args

import pytest
import xlrd
import xlwt
from lxml import etree
from openpyxl import load_workbook
from openpyxl.cell import MergedCell
from openpyxl.formula.translate import Translator
from openpyxl.utils.exceptions import InvalidFileException
from xlsxwriter import Workbook

from kpicli.fill import Value, check, fill
from kpicli.opc import PackageError
from tests.test_docs import README
from tests.test_fill import PIXEL, Said, parts

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*extension is not supported"),  # openpyxl, of what it loses
    pytest.mark.filterwarnings("ignore:.*invalid escape sequence"),  # xltpl, where it is compiled anew
]

YES, PARTLY, NO, CODE, UNSAID = "✓", "partly", "✗", "code", "–"

PRODUCTS = ("kpicli", "openpyxl", "xltpl", "excelize", "xlsx-template", "jxls", "EasyExcel")
TABLE = {
    "Charts stay and move with the rows": "✓ partly ✗ ✓ – partly partly",
    "Their series grow and hold the new values": "✓ ✗ ✗ ✗ – partly ✗",
    "Conditional formats grow": "✓ ✗ ✗ partly ✗ ✓ –",
    "Data bars of 2010, sparklines stay and grow": "✓ ✗ ✗ partly – – –",
    "Text boxes stay and move": "✓ ✗ ✗ ✓ – – –",
    "Pictures stay and move, also in headers": "✓ partly partly ✓ partly – partly",
    "Data validation grows": "✓ ✗ ✓ ✓ ✗ partly –",
    "Defined names follow": "✓ ✗ ✗ partly partly – –",
    "Tables grow": "✓ partly ✗ partly ✓ ✓ –",
    "Print area, titles, page breaks follow": "✓ partly partly partly partly – –",
    "Merges in and below the rows": "✓ ✗ ✓ ✓ ✓ ✓ ✗",
    "Hyperlinks and notes follow": "✓ partly partly partly partly – –",
    "Formulas in the rows are each row's own": "✓ partly ✗ partly ✗ ✓ ✗",
    "Formulas below and in other sheets follow": "✓ ✗ ✗ partly – ✓ –",
    "Formulas carry their value": "✓ ✗ ✗ ✗ ✗ ✓ ✗",
    "Text that begins with `=` stays text": "✓ ✗ ✗ ✓ ✗ – –",
    "Protection, panes, footer, row heights": "✓ partly ✓ ✓ – – –",
    "Parts not touched are the same to the byte": "✓ partly partly partly – – –",
    "Lists to the right": "✓ code ✓ code ✓ ✓ ✓",
    "Conditions and expressions in a template": "✗ code ✓ code – ✓ ✗",
    "Pictures from data": "✗ code ✓ code ✓ ✓ ✓",
    "Very long lists, streamed": "✗ ✗ – partly – ✓ ✓",
    "Templates in .xls": "✗ ✗ ✓ ✗ ✗ ✓ ✓",
}

OPENPYXL = "https://openpyxl.readthedocs.io/en/stable/"
EXCELIZE = "https://xuri.me/excelize/en/"
XLSX_TEMPLATE = "https://github.com/optilude/xlsx-template"
JXLS, JXLS_ISSUES = "https://jxls.sourceforge.net/", "https://github.com/jxlsteam/jxls/issues/"
JXLS_FORMULAS = "https://github.com/jxlsteam/jxls/blob/master/jxls-site/src/site/markdown/reference/formulas.md"
EASYEXCEL, FESOD = "https://github.com/alibaba/easyexcel/issues/", "https://github.com/apache/fesod/"

# Where the programs that no test runs, or a row that no test measures, say so. Nothing is said of "–".
SOURCES = {
    "openpyxl": {"Very long lists, streamed": OPENPYXL + "optimised.html"},  # write-only books are new ones
    "excelize": {"Very long lists, streamed": EXCELIZE + "stream.html"},  # into a sheet that is empty
    "xlsx-template": {
        "Conditional formats grow": XLSX_TEMPLATE + "/issues/228",
        "Pictures stay and move, also in headers": XLSX_TEMPLATE + "#api-reference",  # moveImages; of headers nothing
        "Data validation grows": XLSX_TEMPLATE + "/issues/230",
        "Defined names follow": XLSX_TEMPLATE + "/pull/195",  # those of cells, not those of formulas
        "Tables grow": XLSX_TEMPLATE + "#merged-cells--named-ranges",
        "Print area, titles, page breaks follow": XLSX_TEMPLATE + "/pull/124",  # breaks, when asked
        "Merges in and below the rows": XLSX_TEMPLATE + "#merged-cells--named-ranges",
        "Hyperlinks and notes follow": XLSX_TEMPLATE + "/pull/184",  # of notes nothing
        "Formulas in the rows are each row's own": XLSX_TEMPLATE + "/issues/171",
        "Formulas carry their value": XLSX_TEMPLATE + "/issues/192",
        "Text that begins with `=` stays text": XLSX_TEMPLATE + "/issues/229",
        "Lists to the right": XLSX_TEMPLATE + "#readme",
        "Pictures from data": XLSX_TEMPLATE + "#5-images",
        "Templates in .xls": XLSX_TEMPLATE + "#file-format",
    },
    "jxls": {
        "Charts stay and move with the rows": JXLS_ISSUES + "196",  # they stay, without streaming
        "Their series grow and hold the new values": JXLS_ISSUES + "196",  # over names that the author makes dynamic
        "Conditional formats grow": JXLS + "changes.html",  # 2.8.0
        "Data validation grows": JXLS + "each.html",  # drop-down lists
        "Tables grow": JXLS + "each.html",
        "Merges in and below the rows": JXLS + "changes.html",  # 3.1.0, issue 259
        "Formulas in the rows are each row's own": JXLS_FORMULAS,
        "Formulas below and in other sheets follow": JXLS_FORMULAS,  # "all the template formulas"
        "Formulas carry their value": JXLS + "builder.html",  # Apache POI computes them
        "Lists to the right": JXLS + "each.html",
        "Conditions and expressions in a template": JXLS + "expressions.html",
        "Pictures from data": JXLS + "image.html",
        "Very long lists, streamed": JXLS + "streaming.html",
        "Templates in .xls": JXLS + "template.html",
    },
    "EasyExcel": {
        "Charts stay and move with the rows": EASYEXCEL + "2323",  # they do not move
        "Their series grow and hold the new values": EASYEXCEL + "152",
        "Pictures stay and move, also in headers": EASYEXCEL + "2323",  # they do not move
        "Merges in and below the rows": EASYEXCEL + "2669",
        "Formulas in the rows are each row's own": FESOD + "issues/199",
        "Formulas carry their value": EASYEXCEL + "2287",
        "Conditions and expressions in a template": EASYEXCEL + "1356",
        "Lists to the right": FESOD + "blob/main/website/docs/fill/fill.md",
        "Pictures from data": EASYEXCEL + "1437",
        "Very long lists, streamed": FESOD + "blob/main/website/docs/fill/fill.md",  # a list at the sheet's end
        "Templates in .xls": FESOD + "blob/main/website/docs/help/parameter.md",
    },
}


# The form


@dataclass(frozen=True)
class Dialect:
    """How the template of a program says that a row is repeated; where it says nothing, code writes the rows."""

    cell: str = ""
    before: str = ""
    after: str = ""
    note: str = ""

    def mark(self, path: str) -> str:
        return self.cell.replace("PATH", path)


MARKS = Dialect("{{ PATH }}", note="repeat: people")
JINJA = Dialect("{% xv PATH %}", "{% for row in people %}", "{% endfor %}")
PLAIN = Dialect()
KEYS = ("row.name", "row.visits", "row.orders", "row.rate")
SHEETS = ("报表", "另 一页", "名单", "别动")
PEOPLE: Sequence[tuple[str, int, int, float]] = (("=李雷", 4, 1, 0.25), ("韩梅", 2, 1, 0.5), ("王强", 6, 3, 0.125))


def form(dialect: Dialect) -> Path:
    """A form whose row 5 is to be three rows, and with it everything that hangs on the row or stands below it."""
    path = Path("模板.xlsx")
    book = Workbook(path)
    book.set_properties({"title": "报表", "author": "总部"})
    sheet, other, third, last = (book.add_worksheet(name) for name in SHEETS)
    rate, head = book.add_format({"num_format": "0.0%", "border": 1}), book.add_format({"bold": True})
    sheet.merge_range("A1:F1", "展厅报表", head)
    sheet.write_row("A4", ["姓名", "到店", "订单", "比率", "份额", "累计", "线", "备注", "", "单次"], head)
    for place, key in enumerate(KEYS):
        sheet.write(4, place, ("" if place else dialect.before) + dialect.mark(key), rate if place == 3 else head)
    sheet.write_formula("E5", "=B5/SUM(B$5:B$5)", rate)
    sheet.write_formula("F5", "=SUM(C$5:C5)")
    sheet.add_sparkline("G5", {"range": "报表!B5:C5"})
    sheet.merge_range("H5:I5", "无", head)
    sheet.write_formula("J5", "=C5/B5")
    sheet.write("A6", dialect.after + "合计", head)
    sheet.write_formula("B6", "=SUM(B5:B5)")
    sheet.write_formula("C6", "=SUM(C5:C5)")
    sheet.write_formula("D6", '=IF(B6=0,"",C6/B6)', rate)
    sheet.write_formula("B7", "=SUM(B4:B6)/2")
    sheet.write("A8", "说明", head)
    sheet.write_comment("A8", "这一条是给人看的", {"author": "总部"})
    sheet.write_url("A9", "https://example.com/", string="手册")
    sheet.write_url("B9", "internal:'另 一页'!A1", string="另一页")
    sheet.merge_range("A10:C10", "签字", head)
    sheet.conditional_format("B5:B5", {"type": "data_bar", "data_bar_2010": True})
    sheet.conditional_format("C5:C5", {"type": "data_bar"})
    sheet.conditional_format("D5:D5", {"type": "3_color_scale"})
    sheet.conditional_format("E5:E5", {"type": "icon_set", "icon_style": "3_arrows"})
    sheet.conditional_format("A5:D5", {"type": "formula", "criteria": "=$C5>5", "format": head})
    sheet.data_validation("C5:C5", {"validate": "integer", "criteria": "between", "minimum": 0, "maximum": 99})
    sheet.freeze_panes(4, 1)
    sheet.repeat_rows(3)
    sheet.print_area("A1:J10")
    sheet.set_h_pagebreaks([6])
    sheet.set_header("&C&G", {"image_center": "logo.png", "image_data_center": io.BytesIO(PIXEL)})
    sheet.set_footer("&L页脚&R&P")
    sheet.protect("", {"format_cells": True})
    sheet.set_row(8, 30, None, {"level": 1})
    combo, line, doughnut = (book.add_chart({"type": kind}) for kind in ("column", "line", "doughnut"))
    for chart, column in ((combo, "B"), (line, "C"), (doughnut, "B")):
        chart.add_series({"categories": "=报表!$A$5:$A$5", "values": f"=报表!${column}$5:${column}$5"})
    combo.combine(line)
    sheet.insert_chart("L3", combo)
    sheet.insert_chart("A12", doughnut)
    sheet.insert_image("F12", "logo.png", {"image_data": io.BytesIO(PIXEL)})
    sheet.insert_textbox("H12", "文本框一")
    sheet.insert_textbox("H16", "文本框二")
    for row, formula in enumerate(("=SUM(报表!B5:B5)", "=报表!B6*2", "=SUM(到店)+1")):
        other.write_formula(row, 0, formula)
    third.add_table("A1:B2", {"columns": [{"header": "姓名"}, {"header": "到店"}]})
    for place, key in enumerate(KEYS[:2]):
        third.write(1, place, ("" if place else dialect.before) + dialect.mark(key), head)
    third.write("A3", dialect.after + "完", head)
    last.write("A1", "这一页没有人动")
    if dialect.note:
        sheet.write_comment("A5", dialect.note)
        third.write_comment("A2", dialect.note)
    book.define_name("到店", "=报表!$B$5:$B$5")
    book.define_name("合计", "=报表!$B$6")
    book.close()
    return path


# How each fills it


def by_kpicli(target: Path) -> Path:
    people = [Said(dict(zip(KEYS, one, strict=True))) for one in PEOPLE]
    template = form(MARKS)
    fill(template, target, Said({}, {"people": people}))
    return template


def by_openpyxl(target: Path) -> Path:
    """Rows inserted, styles and formulas copied down, values written."""
    pytest.importorskip("PIL")  # openpyxl keeps pictures only beside pillow
    template = form(PLAIN)
    book = load_workbook(template)
    for sheet, row, width in ((book["报表"], 5, 10), (book["名单"], 2, 2)):
        sheet.insert_rows(row + 1, len(PEOPLE) - 1)
        first = [(cell._style, cell.value, cell.coordinate) for cell in sheet[row][:width]]
        for place, one in enumerate(PEOPLE):
            for column, (style, formula, origin) in enumerate(first):
                cell = sheet.cell(row + place, column + 1)
                if isinstance(cell, MergedCell):
                    continue
                cell._style = copy.copy(style)
                if column < len(one):
                    cell.value = one[column]
                elif isinstance(formula, str) and formula.startswith("="):
                    cell.value = Translator(formula, origin).translate_formula(cell.coordinate)
    book.save(target)
    return template


def by_xltpl(target: Path) -> Path:
    pytest.importorskip("PIL")
    writer = pytest.importorskip("xltpl.writerx")
    template = form(JINJA)
    names = [key.removeprefix("row.") for key in KEYS]
    book = writer.BookWriter(str(template))
    people = [dict(zip(names, one, strict=True)) for one in PEOPLE]
    book.render_book([{"tpl_name": name, "sheet_name": name, "people": people} for name in SHEETS])
    book.save(str(target))
    return template


def by_excelize(target: Path) -> Path:
    """Rows duplicated and values written, with the build of the Go library for Python."""
    excelize = pytest.importorskip("excelize")
    template = form(PLAIN)
    book = excelize.open_file(str(template))
    for sheet, row, width in (("报表", 5, 4), ("名单", 2, 2)):
        for _ in PEOPLE[1:]:
            book.duplicate_row(sheet, row)
        for place, one in enumerate(PEOPLE):
            for letter, value in zip("ABCD"[:width], one, strict=False):
                book.set_cell_value(sheet, f"{letter}{row + place}", value)
    book.save_as(str(target))
    book.close()
    return template


FILLERS = {"kpicli": by_kpicli, "openpyxl": by_openpyxl, "xltpl": by_xltpl, "excelize": by_excelize}


# What is looked at


class Filled:
    """A workbook's parts, read without any of the programs that are compared."""

    def __init__(self, path: Path) -> None:
        self.parts = parts(path)

    def tree(self, name: str) -> etree._Element:
        return etree.fromstring(self.parts[name])

    def trees(self, pattern: str) -> list[etree._Element]:
        return [self.tree(name) for name in self.parts if re.fullmatch(pattern, name)]

    def related(self, name: str) -> dict[str, str]:
        """What a part's relations lead to."""
        place = PurePosixPath(name)
        links = f"{place.parent}/_rels/{place.name}.rels"
        found = self.tree(links) if links in self.parts else []
        return {one.get("Id"): resolved(place.parent, one.get("Target")) for one in found}

    @cached_property
    def sheets(self) -> dict[str, etree._Element]:
        links = self.related("xl/workbook.xml")
        listed = self.tree("xl/workbook.xml").iterfind(".//{*}sheet")
        return {one.get("name"): self.tree(links[relation(one)]) for one in listed}

    @cached_property
    def strings(self) -> list[str]:
        return ["".join(one.itertext("{*}t")) for one in self.tree("xl/sharedStrings.xml")]

    def formulas(self, sheet: str) -> dict[str, str]:
        cells = self.sheets[sheet].iterfind(".//{*}c")
        return {cell.get("r"): cell.findtext("{*}f") for cell in cells if cell.find("{*}f") is not None}

    def value(self, sheet: str, place: str) -> str | float | None:
        for cell in self.sheets[sheet].iterfind(".//{*}c"):
            if cell.get("r") == place:
                kind, said = cell.get("t"), cell.findtext("{*}v")
                if kind == "inlineStr":
                    return "".join(cell.itertext("{*}t"))
                if not said or kind == "str":
                    return said
                return self.strings[int(said)] if kind == "s" else float(said)
        return None

    def names(self) -> dict[str, str]:
        found = self.tree("xl/workbook.xml").iterfind(".//{*}definedName")
        return {one.get("name"): (one.text or "").replace("'", "") for one in found}

    def anchored(self, what: str) -> list[tuple[int, etree._Element]]:
        """Charts, pictures or shapes, with the row that they begin in."""
        found = []
        for drawing in self.trees(r"xl/drawings/drawing\d+\.xml"):
            for anchor in drawing:
                row = anchor.findtext("{*}from/{*}row")
                found += [(int(row or -1) + 1, one) for one in anchor.iterfind("{*}" + what)]
        return found


def relation(node: etree._Element) -> str:
    return next(value for key, value in node.attrib.items() if etree.QName(key).localname == "id" and key != "id")


def resolved(folder: PurePosixPath, link: str) -> str:
    return link.lstrip("/") if link.startswith("/") else str(folder / link)


def cells(area: str) -> set[tuple[str, int]]:
    found = set()
    for part in area.replace("$", "").split():
        first, _, last = part.partition(":")
        (left, top), (right, bottom) = (re.findall(r"([A-Z]+)(\d+)", one)[0] for one in (first, last or first))
        found |= {(chr(c), r) for c in range(ord(left), ord(right) + 1) for r in range(int(top), int(bottom) + 1)}
    return found


def covers(areas: Sequence[str], area: str) -> bool:
    return cells(area) <= {cell for one in areas for cell in cells(one)}


def charts(out: Filled, _: Filled) -> list[bool]:
    drawn = {
        etree.QName(node).localname for tree in out.trees(r"xl/charts/chart\d+\.xml") for node in tree.iter("{*}*")
    }
    there = [kind in drawn for kind in ("barChart", "lineChart", "doughnutChart")]
    return [*there, {3, 14} <= {row for row, _ in out.anchored("graphicFrame")}]


def series(out: Filled, _: Filled) -> list[bool]:
    trees = out.trees(r"xl/charts/chart\d+\.xml")
    refs = [node.text.replace("'", "") for tree in trees for node in tree.iterfind(".//{*}f")]
    held = [
        [float(v.text) for v in node.iterfind(".//{*}v")] for tree in trees for node in tree.iterfind(".//{*}numCache")
    ]
    visits, orders = ([float(one[at]) for one in PEOPLE] for at in (1, 2))
    grown = sorted(refs) == sorted(f"报表!${column}$5:${column}$7" for column in "AAABBC")
    return [grown, sorted(held) == sorted([visits, visits, orders])]


def conditions(out: Filled, _: Filled) -> list[bool]:
    """Each is over all rows; a scale compares only what is in one rule, a formula is that of its area's first cell."""
    found: dict[str, list[tuple[str, str | None]]] = {}
    for node in out.sheets["报表"].iterfind("{*}conditionalFormatting"):
        for rule in node.iterfind("{*}cfRule"):
            found.setdefault(rule.get("type"), []).append((node.get("sqref"), rule.findtext("{*}formula")))
    scales = {"dataBar": "C5:C7", "colorScale": "D5:D7", "iconSet": "E5:E7"}
    right = [
        area for area, formula in found.get("expression", ()) if formula == f"$C{area.split(':')[0].lstrip('A')}>5"
    ]
    return [
        all(covers([area for area, _ in found.get(kind, ())], area) for kind, area in scales.items()),
        *(any(covers([one], area) for one, _ in found.get(kind, ())) for kind, area in scales.items()),
        covers(right, "A5:D7"),
    ]


def of_2010(out: Filled, _: Filled) -> list[bool]:
    sheet = out.sheets["报表"]
    bars = [node.findtext("{*}sqref") for node in sheet.iterfind(".//{*}ext//{*}conditionalFormatting")]
    lines = [(node.findtext("{*}f"), node.findtext("{*}sqref")) for node in sheet.iterfind(".//{*}sparkline")]
    wanted = [(f"报表!B{row}:C{row}", f"G{row}") for row in (5, 6, 7)]
    return [bool(bars), bool(lines), covers(bars, "B5:B7"), sorted(lines) == wanted]


def boxes(out: Filled, _: Filled) -> list[bool]:
    found = {"".join(node.itertext("{*}t")): row for row, node in out.anchored("sp")}
    return [name in found for name in ("文本框一", "文本框二")] + [sorted(found.values()) == [14, 18]]


def pictures(out: Filled, _: Filled) -> list[bool]:
    rows = [row for row, _ in out.anchored("pic")]
    header = out.sheets["报表"].find("{*}legacyDrawingHF")
    return [bool(rows), 14 in rows, header is not None and any(b"imagedata" in one for one in out.parts.values())]


def validation(out: Filled, _: Filled) -> list[bool]:
    return [covers([one.get("sqref") for one in out.sheets["报表"].iterfind(".//{*}dataValidation")], "C5:C7")]


def names(out: Filled, _: Filled) -> list[bool]:
    found = out.names()
    return [found.get("到店") == "报表!$B$5:$B$7", found.get("合计") == "报表!$B$8"]


def tables(out: Filled, _: Filled) -> list[bool]:
    found = out.trees(r"xl/tables/table\d+\.xml")
    return [bool(found), [one.get("ref") for one in found] == ["A1:B4"]]


def printing(out: Filled, _: Filled) -> list[bool]:
    found = out.names()
    breaks = [one.get("id") for one in out.sheets["报表"].iterfind("{*}rowBreaks/{*}brk")]
    area, titles = found.get("_xlnm.Print_Area"), found.get("_xlnm.Print_Titles")
    return [area == "报表!$A$1:$J$12", titles == "报表!$4:$4", breaks == ["8"]]


def merges(out: Filled, _: Filled) -> list[bool]:
    found = {one.get("ref") for one in out.sheets["报表"].iterfind(".//{*}mergeCell")}
    return [{"H6:I6", "H7:I7"} <= found, "A12:C12" in found]


def links_and_notes(out: Filled, _: Filled) -> list[bool]:
    links = {one.get("ref") for one in out.sheets["报表"].iterfind(".//{*}hyperlink")}
    notes = {
        one.get("ref")
        for tree in out.trees(r"xl/comments.*\.xml")
        for one in tree.iterfind(".//{*}comment")
        if "这一条是给人看的" in "".join(one.itertext("{*}t"))
    }
    return [links == {"A11", "B11"}, notes == {"A10"}]


def formulas_of_rows(out: Filled, _: Filled) -> list[bool]:
    found = out.formulas("报表")
    return [
        [found.get(f"E{row}") for row in (5, 6, 7)] == [f"B{row}/SUM(B$5:B$7)" for row in (5, 6, 7)],
        [found.get(f"J{row}") for row in (5, 6, 7)] == [f"C{row}/B{row}" for row in (5, 6, 7)],
        [found.get(f"F{row}") for row in (5, 6, 7)] == [f"SUM(C$5:C{row})" for row in (5, 6, 7)],
    ]


def formulas_elsewhere(out: Filled, _: Filled) -> list[bool]:
    here, there = out.formulas("报表"), out.formulas("另 一页")
    wanted = {"B8": "SUM(B5:B7)", "C8": "SUM(C5:C7)", "D8": 'IF(B8=0,"",C8/B8)', "B9": "SUM(B4:B8)/2"}
    other = {"A1": "SUM(报表!B5:B7)", "A2": "报表!B8*2", "A3": "SUM(到店)+1"}
    followed = [here.get(place) == formula for place, formula in wanted.items()]
    return followed + [there.get(place) == formula for place, formula in list(other.items())[:2]]


def values_of_formulas(out: Filled, _: Filled) -> list[bool]:
    wanted = {
        "E5": 4 / 12,
        "E6": 2 / 12,
        "E7": 6 / 12,
        "F5": 1,
        "F6": 2,
        "F7": 5,
        "J6": 0.5,
        "B8": 12,
        "C8": 5,
        "D8": 5 / 12,
        "B9": 12,
    }
    other = {"A1": 12, "A2": 24, "A3": 13}
    return [
        place in out.formulas(sheet) and out.value(sheet, place) == pytest.approx(value)
        for sheet, values in (("报表", wanted), ("另 一页", other))
        for place, value in values.items()
    ]


def text(out: Filled, _: Filled) -> list[bool]:
    return ["A5" not in out.formulas("报表") and out.value("报表", "A5") == "=李雷"]


def settings(out: Filled, _: Filled) -> list[bool]:
    sheet = out.sheets["报表"]
    row = sheet.find(".//{*}row[@r='11']")
    return [
        sheet.find("{*}sheetProtection") is not None,
        sheet.find(".//{*}pane") is not None,
        "页脚" in (sheet.findtext(".//{*}oddFooter") or ""),
        row is not None and float(row.get("ht", 0)) == 30 and row.get("outlineLevel") == "1",
    ]


def bytes_of_parts(out: Filled, before: Filled) -> list[bool]:
    kept = (
        "xl/styles.xml",
        "xl/theme/theme1.xml",
        "docProps/core.xml",
        "xl/media/image1.png",
        "xl/worksheets/sheet4.xml",
    )
    return [out.parts.get(name) == before.parts[name] for name in kept]


MEASURES: Mapping[str, Callable[[Filled, Filled], list[bool]]] = dict(
    zip(
        TABLE,
        (
            charts, series, conditions, of_2010, boxes, pictures, validation, names, tables, printing, merges,
            links_and_notes, formulas_of_rows, formulas_elsewhere, values_of_formulas, text, settings, bytes_of_parts,
        ),
        strict=False,
    )
)  # fmt: skip


def said(product: str) -> dict[str, str]:
    return {feature: marks.split()[PRODUCTS.index(product)] for feature, marks in TABLE.items()}


@pytest.mark.parametrize("product", FILLERS)
def test_what_was_measured_is_what_the_table_says(product: str) -> None:
    target = Path("结果.xlsx")
    template = FILLERS[product](target)
    out, before = Filled(target), Filled(template)
    checks = {feature: measure(out, before) for feature, measure in MEASURES.items()}
    found = {feature: YES if all(one) else PARTLY if any(one) else NO for feature, one in checks.items()}
    assert found == {feature: mark for feature, mark in said(product).items() if feature in MEASURES}, checks


# What others can and kpicli cannot


def little(suffix: str, text: str) -> Path:
    path = Path(f"小{suffix}")
    if suffix == ".xls":
        old = xlwt.Workbook()
        old.add_sheet("页").write(0, 0, text)
        old.save(str(path))
    else:
        book = Workbook(path)
        sheet = book.add_worksheet("页")
        sheet.write("A1", text)
        if "img" in text:
            sheet.insert_image("A1", "logo.png", {"image_data": io.BytesIO(PIXEL)})
        book.close()
    return path


def rendered(module: str, path: Path, **data: object) -> Path:
    target = path.with_stem("结果")
    book = pytest.importorskip(module).BookWriter(str(path))
    book.render_book([{"sheet_name": "页", **data}])
    book.save(str(target))
    return target


def test_kpicli_has_values_only() -> None:
    wanted = Said({"kpi.rate": 0.5})
    assert said("kpicli")["Conditions and expressions in a template"] == NO
    assert check(little(".xlsx", "{{ '多' if kpi.rate > 0.3 else '少' }}"), wanted)
    assert said("kpicli")["Pictures from data"] == NO
    assert bytes not in get_args(Value)
    assert said("kpicli")["Templates in .xls"] == NO
    with pytest.raises(PackageError):
        fill(little(".xls", "{{ kpi.rate }}"), Path("结果.xlsx"), wanted)


def test_xltpl_has_conditions_pictures_and_xls() -> None:
    image = pytest.importorskip("PIL.Image")
    features = ("Conditions and expressions in a template", "Pictures from data", "Templates in .xls")
    assert [said("xltpl")[feature] for feature in features] == [YES, YES, YES]
    rule = "{{ '多' if rate > 0.3 else '少' }}"
    out = Filled(rendered("xltpl.writerx", little(".xlsx", rule), rate=0.5))
    assert out.value("页", "A1") == "多"
    image.new("RGB", (3, 3)).save("新.png")
    out = Filled(rendered("xltpl.writerx", little(".xlsx", "{% img picture %}"), picture="新.png"))
    assert [image.open(io.BytesIO(out.parts[name])).size for name in out.parts if "media" in name] == [(3, 3)]
    old = xlrd.open_workbook(rendered("xltpl.writer", little(".xls", rule), rate=0.2))
    assert old.sheet_by_index(0).cell_value(0, 0) == "少"


def test_openpyxl_and_excelize_read_no_xls() -> None:
    assert said("openpyxl")["Templates in .xls"] == said("excelize")["Templates in .xls"] == NO
    path = little(".xls", "x")
    with pytest.raises(InvalidFileException):
        load_workbook(path)
    excelize = pytest.importorskip("excelize")
    with pytest.raises(RuntimeError):
        excelize.open_file(str(path))


# What the README shows


def test_every_claim_about_what_is_not_run_has_an_address() -> None:
    assert all(len(marks.split()) == len(PRODUCTS) for marks in TABLE.values())
    for product in PRODUCTS[len(FILLERS) :]:
        claimed = {feature for feature, mark in said(product).items() if mark != UNSAID}
        assert claimed == set(SOURCES[product]), product
    assert all(feature in TABLE for sources in SOURCES.values() for feature in sources)
    assert {mark for marks in TABLE.values() for mark in marks.split()} == {YES, PARTLY, NO, CODE, UNSAID}


def fresh(readme: str) -> str:
    head, end = re.search(r"<!-- rivals: [^\n]*-->\n", readme), "<!-- end -->"
    assert head, "README has no table of rivals"
    rows = [("", *PRODUCTS), ("---", *(":-:" for _ in PRODUCTS)), *((one, *TABLE[one].split()) for one in TABLE)]
    lines = "".join(f"| {' | '.join(row)} |\n".replace("|  |", "| |") for row in rows)
    return readme[: head.end()] + lines + readme[readme.index(end, head.end()) :]


def test_the_readme_shows_the_table() -> None:
    readme = README.read_text(encoding="utf-8")
    assert readme == fresh(readme), "run python -m tests.test_rivals"


if __name__ == "__main__":
    README.write_text(fresh(README.read_text(encoding="utf-8")), encoding="utf-8")
