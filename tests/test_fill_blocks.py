"""Blocks that are repeated to the right, where rows meet columns, and blocks inside blocks."""

import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import pytest
from openpyxl import load_workbook
from xlsxwriter import Workbook

from kpicli.fill import PathError, Rate, Scope, Value, check, fill, marks
from kpicli.opc import PackageError

from .test_fill import parts, recalculated

pytestmark = pytest.mark.filterwarnings("ignore:.*extension is not supported")  # openpyxl, of what it would lose
SIZES = [(0, 0), (1, 1), (3, 4), (2, 31), (4, 0)]


@dataclass(frozen=True)
class Shop:
    """People with visits by day, in teams: the scope of a template, of a row of it, or where it meets a day."""

    people: Mapping[str, Sequence[int]]
    days: Sequence[str]
    person: str = ""
    day: int | None = None
    team: str = ""
    outer: "Shop | None" = field(default=None, repr=False)
    shop: str = "店"

    def value(self, path: str) -> Value:
        if path == "row.name":
            return self.person or self.team or self.days[self.day or 0]
        if path == "row.visits" and self.person:
            return sum(self.people[self.person])
        if path == "column.name" and self.day is not None:
            return self.days[self.day]
        if path == "cell.visits" and self.day is not None:
            return self.people[self.person][self.day] if self.person else self.total(self.day)
        if path.startswith("outer.") and self.outer:
            return self.outer.value(path.replace("outer.", "row."))
        if path == "report.name":
            return self.shop
        raise PathError("")

    def total(self, day: int) -> int:
        return sum(visits[day] for visits in self.people.values())

    def rows(self, name: str) -> Sequence[Scope]:
        if name == "people":
            return [replace(self, person=person, outer=self) for person in self.people if person.startswith(self.team)]
        if name == "days":
            return [replace(self, day=day) for day in range(len(self.days))]
        if name == "teams":
            return [replace(self, team=team) for team in sorted({person[0] for person in self.people})]
        raise PathError("")

    def across(self, column: Scope) -> Scope:
        assert isinstance(column, Shop)
        return replace(self, day=column.day)


def shop(people: int, days: int) -> Shop:
    """Visits that differ for everyone and every day; the first two of three are of team 甲."""
    names = [f"{'甲甲乙'[n % 3]}{n}" for n in range(people)]
    return Shop(
        {name: [n * 100 + day for day in range(days)] for n, name in enumerate(names)},
        [f"{d + 1}日" for d in range(days)],
    )


def matrix() -> Path:
    """People down, days to the right, with everything that has to follow."""
    book = Workbook("矩阵.xlsx")
    sheet, other = book.add_worksheet("表"), book.add_worksheet("另")
    bold = book.add_format({"bold": True})
    sheet.set_column("A:A", 12)
    sheet.set_column("B:C", 5, bold)
    sheet.set_column("D:D", 9)
    sheet.merge_range("A1:D1", "{{ report.name }}", bold)
    sheet.write_string("A4", "姓名")
    sheet.write_string("B4", "{{ column.name }}", bold)
    sheet.write_comment("B4", "repeat: days\ndirection: right")
    sheet.write_string("C4", "合计")
    sheet.write_string("A5", "{{ row.name }}")
    sheet.write_comment("A5", "repeat: people")
    sheet.write_string("B5", "{{ cell.visits }}")
    sheet.write_formula("C5", "=SUM(B5:B5)")
    sheet.write_formula("D5", "=IF(C$6=0,0,C5/C$6)")
    sheet.write_string("A6", "合计")
    sheet.write_formula("B6", "=SUM(B5:B5)")
    sheet.write_formula("C6", "=SUM(B6:B6)")
    sheet.write_string("A7", "累计")
    sheet.write_formula("B7", "=SUM($B6:B6)")
    sheet.write_string("A8", "全店当日")
    sheet.write_string("B8", "{{ cell.visits }}")
    sheet.write_comment("C6", "给人看的")
    sheet.conditional_format("B5:B5", {"type": "2_color_scale"})
    sheet.conditional_format("B5:B5", {"type": "formula", "criteria": "=B5>$C5/2", "format": bold})
    sheet.data_validation("B5:B5", {"validate": "whole", "criteria": ">=", "value": 0})
    sheet.add_sparkline("E5", {"range": "表!B5:B5"})
    sheet.set_v_pagebreaks([3])
    sheet.print_area("A1:D8")
    sheet.repeat_columns("A:B")
    sheet.freeze_panes(4, 1)
    chart = book.add_chart({"type": "column"})
    chart.add_series({"categories": "=表!$B$4:$B$4", "values": "=表!$B$6:$B$6"})
    sheet.insert_chart("F10", chart)
    other.write_formula("A1", "=SUM(表!B5:B5)")
    other.write_formula("A2", "=表!C6")
    book.define_name("每日", "=表!$B$6:$B$6")
    book.close()
    return Path("矩阵.xlsx")


@pytest.mark.parametrize(("people", "days"), SIZES)
def test_days_go_to_the_right_and_people_down(people: int, days: int) -> None:
    scope = shop(people, days)
    fill(matrix(), Path("结果.xlsx"), scope)
    book = load_workbook("结果.xlsx", data_only=True)
    sheet = book["表"]
    down, right = max(people, 1), max(days, 1)
    total = 4 + down + 1
    names = [sheet.cell(row, 1).value for row in range(5, total + 1)]
    assert names == [*(scope.people or [None]), "合计"]
    heads = [sheet.cell(4, column).value for column in range(2, right + 3)]
    assert heads == [*(scope.days or [None]), "合计"]
    for row, visits in enumerate(scope.people.values(), 5):
        assert [sheet.cell(row, column).value for column in range(2, days + 2)] == visits
        assert sheet.cell(row, right + 2).value == sum(visits)
    assert [sheet.cell(total, 2 + day).value for day in range(days)] == [scope.total(day) for day in range(days)]
    assert [sheet.cell(total + 2, 2 + day).value for day in range(days)] == [scope.total(day) for day in range(days)]
    running = [sum(scope.total(day) for day in range(last + 1)) for last in range(days)]
    assert [sheet.cell(total + 1, 2 + day).value for day in range(days)] == running
    everything = sum(map(sum, scope.people.values()))
    assert [book["另"]["A1"].value, book["另"]["A2"].value] == [everything, everything]


def test_everything_follows_the_columns() -> None:
    fill(matrix(), Path("结果.xlsx"), shop(3, 4))
    book = load_workbook("结果.xlsx")
    sheet = book["表"]
    assert [str(area) for area in sheet.merged_cells.ranges] == ["A1:G1"]
    assert sheet["F7"].value == "=SUM(B7:E7)"
    assert sheet["G6"].value == "=IF(F$8=0,0,F6/F$8)"
    assert sheet["E9"].value == "=SUM($B8:E8)"
    assert {str(area.sqref) for area in sheet.conditional_formatting} == {"B5:E7"}
    told = [rule.formula for area in sheet.conditional_formatting for rule in area.rules if rule.type == "expression"]
    assert told == [["B5>$F5/2"]]
    assert str(sheet.data_validations.dataValidation[0].sqref) == "B5:E7"
    assert sheet.print_area == "'表'!$A$1:$G$10"
    assert sheet.print_title_cols == "$A:$E"
    assert [found.id for found in sheet.col_breaks.brk] == [6]
    assert sheet["F8"].comment is not None
    assert sheet["B4"].comment is None
    assert book.defined_names["每日"].value == "表!$B$8:$E$8"
    files = parts(Path("结果.xlsx"))
    chart = files["xl/charts/chart1.xml"].decode()
    assert re.findall("<c:f>(.*?)</c:f>", chart) == ["表!$B$4:$E$4", "表!$B$8:$E$8"]
    assert re.findall("<c:v>(.*?)</c:v>", chart)[:4] == ["1日", "2日", "3日", "4日"]
    text = files["xl/worksheets/sheet1.xml"].decode()
    assert re.findall(r'<col min="(\d+)" max="(\d+)" width="([\d.]+)"', text) == [
        ("1", "1", "12.7109375"),
        *((str(column), str(column), "5.7109375") for column in range(2, 7)),
        ("7", "7", "9.7109375"),
    ]
    assert re.findall("<xm:f>(.*?)</xm:f><xm:sqref>(.*?)</xm:sqref>", text) == [
        (f"表!B{row}:E{row}", f"H{row}") for row in (5, 6, 7)
    ]
    assert "spans=" not in text
    anchor = re.search(
        "<xdr:from><xdr:col>(.*?)</xdr:col>.*?<xdr:row>(.*?)</xdr:row>", files["xl/drawings/drawing1.xml"].decode()
    )
    assert anchor
    assert anchor.groups() == ("8", "11")


def nested() -> Path:
    """Teams, and in each team its people."""
    book = Workbook("分组.xlsx")
    sheet, bold = book.add_worksheet("表"), book.add_format({"bold": True})
    sheet.write_string("A3", "{{ row.name }} 组", bold)
    sheet.write_comment("A3", "repeat: teams\nrows: 3")
    sheet.write_formula("C3", "=SUM(B4:B4)")
    sheet.write_string("A4", "{{ row.name }}")
    sheet.write_comment("A4", "repeat: people\nsort: visits desc")
    sheet.write_string("B4", "{{ row.visits }}")
    sheet.write_string("C4", "{{ outer.name }}")
    sheet.write_formula("D4", "=B4/SUM(B$4:B$4)")
    sheet.write_formula("E4", "=B4/C$5")
    sheet.write_formula("F4", "=B4/C$3")
    sheet.write_formula("G4", '=COUNTIF(A$3:A$5,"小计")')
    sheet.merge_range("A5:B5", "小计", bold)
    sheet.write_formula("D5", "=SUM(B$4:B$4)")
    sheet.write_formula("C5", "=SUM(B4:B4)")
    sheet.write_string("A6", "总计")
    sheet.write_formula("B6", "=SUM(B3:B5)")
    sheet.write_formula("C6", '=SUMIF(A3:A5,"小计",C3:C5)')
    book.close()
    return Path("分组.xlsx")


@pytest.mark.parametrize("people", [0, 1, 2, 3, 10])
def test_each_team_has_its_people_and_its_total(people: int) -> None:
    scope = shop(people, 3)
    fill(nested(), Path("结果.xlsx"), scope)
    sheet = load_workbook("结果.xlsx", data_only=True)["表"]
    expected: list[list[object]] = []
    for team in sorted({name[0] for name in scope.people}):
        members = {name: sum(visits) for name, visits in scope.people.items() if name[0] == team}
        whole = sum(members.values())
        expected.append([f"{team} 组", None, whole, *[None] * 4])
        teams = len({name[0] for name in scope.people})
        for name, visits in sorted(members.items(), key=lambda entry: -entry[1]):
            expected.append([name, visits, team, *[pytest.approx(visits / whole)] * 3, teams])
        expected.append(["小计", None, whole, whole, *[None] * 3])
    everything = sum(map(sum, scope.people.values()))
    expected.append(["总计", everything, everything, *[None] * 4])
    if people:
        assert [[cell.value for cell in row] for row in sheet.iter_rows(min_row=3)] == expected
        merges = sorted(str(area) for area in sheet.merged_cells.ranges)
        assert merges == sorted(f"A{row}:B{row}" for row, line in enumerate(expected, 3) if line[0] == "小计")
    else:
        assert [sheet.cell(row, 1).value for row in range(3, 7)] == [" 组", None, "小计", "总计"]


def test_nested_blocks_of_the_same_lists_on_two_sheets_go_together() -> None:
    book = Workbook("两页.xlsx")
    for name, other in (("前", "后"), ("后", "前")):
        sheet = book.add_worksheet(name)
        sheet.write_string("A3", "{{ row.name }}")
        sheet.write_comment("A3", "repeat: teams\nrows: 2")
        sheet.write_string("A4", "{{ row.name }}")
        sheet.write_comment("A4", "repeat: people")
        sheet.write_formula("B4", f"={other}!A4")
        sheet.write_formula("B3", f"={other}!A3")
    book.close()
    fill(Path("两页.xlsx"), Path("结果.xlsx"), shop(10, 1))
    for sheet in load_workbook("结果.xlsx", data_only=True):
        told = [(row[0].value, row[1].value) for row in sheet.iter_rows(min_row=3)]
        assert len(told) == 12
        assert all(one == other for one, other in told)


def test_what_is_too_wide_or_too_large_is_refused_at_once() -> None:
    with pytest.raises(PackageError, match="too many columns"):
        fill(matrix(), Path("结果.xlsx"), shop(1, 16_384))
    book = Workbook("大.xlsx")
    sheet = book.add_worksheet("表")
    sheet.write_string("A5", "{{ row.name }}")
    sheet.write_comment("A5", "repeat: people")
    sheet.conditional_format("A1:XFD1048576", {"type": "formula", "criteria": "=MOD(ROW(),2)=0"})
    book.close()
    assert check(Path("大.xlsx"), shop(2, 1)) == ()
    book = Workbook("组.xlsx")
    sheet = book.add_worksheet("表")
    sheet.write_string("A5", "{{ row.name }}")
    sheet.write_comment("A5", "repeat: people")
    sheet.write_array_formula("C9:C9", "{=A5}")
    sheet.write_array_formula("B5:B8", "{=A5:A8*2}")
    book.close()
    package = parts(Path("组.xlsx"))
    with zipfile.ZipFile("组.xlsx", "w") as archive:
        for name, content in package.items():
            archive.writestr(
                name,
                content.replace(b'ref="C9:C9"', b'ref="C1:XFD1048576"').replace(b'ref="C9"', b'ref="C1:XFD1048576"'),
            )
    found = check(Path("组.xlsx"), shop(2, 1))
    assert [(one.cell, one.code) for one in found if one.stops] == [("B5", "array_over_edge")]


def test_ranges_that_take_in_the_other_columns_of_a_block_are_doubted() -> None:
    book = Workbook("对.xlsx")
    sheet = book.add_worksheet("表")
    sheet.write_string("B4", "{{ column.name }}")
    sheet.write_comment("B4", "repeat: days\ndirection: right\ncolumns: 2")
    sheet.write_formula("E6", "=SUM(B6:B6)+SUM(B6:C6)+SUM(A6:D6)")
    sheet.write_formula("E7", "=SUBTOTAL(9,B7)+COUNTIF(B7,C7)+MAX(0,B7)")
    sheet.write_string("A9", "提示:完成!")
    sheet.write_formula("A10", '=IF(A1=1,"提示:完成!","")')
    book.close()
    found = check(Path("对.xlsx"), shop(2, 2))
    assert [(one.cell, one.code, one.text) for one in found] == [
        ("E6", "reference_mixes", "B6:B6"),
        ("E7", "reference_stays", "SUBTOTAL(B7)"),
        ("E7", "reference_stays", "COUNTIF(B7)"),
        ("E7", "reference_stays", "MAX(B7)"),
    ]


@pytest.mark.long
def test_libreoffice_computes_what_the_cells_of_blocks_say() -> None:
    targets = []
    for place, (people, days) in enumerate(SIZES):
        for name, template in (("矩阵", matrix()), ("分组", nested())):
            fill(template, Path(f"{name}{place}.xlsx"), shop(people, days))
            targets.append(Path(f"{name}{place}.xlsx"))
    for target, again in recalculated(targets).items():
        ours, theirs = (load_workbook(path, data_only=True) for path in (target, again))
        for sheet in load_workbook(target):
            for cell in (cell for row in sheet.iter_rows() for cell in row if cell.data_type == "f"):
                one, other = (book[sheet.title][cell.coordinate].value for book in (ours, theirs))
                assert one == other or (one or 0) == pytest.approx(other or 0), (target, sheet.title, cell.coordinate)


def test_nothing_from_data_is_read_as_a_mark() -> None:
    scope = shop(2, 2)
    hostile = "甲{{ report.name }}"
    fill(matrix(), Path("结果.xlsx"), replace(scope, people={hostile: [1, 2]}, days=["{{ row.name }}", "=1+1"]))
    sheet = load_workbook("结果.xlsx")["表"]
    assert [sheet["A5"].value, sheet["B4"].value, sheet["C4"].value] == [hostile, "{{ row.name }}", "=1+1"]
    assert sheet["C4"].data_type != "f"
    fill(nested(), Path("结果.xlsx"), replace(scope, people={hostile: [1, 2]}))
    assert load_workbook("结果.xlsx")["表"]["A4"].value == hostile


def small(notes: Mapping[str, str], cells: Mapping[str, str] | None = None) -> Path:
    book = Workbook("小.xlsx")
    sheet = book.add_worksheet("表")
    for place, text in {"A9": "末", **(cells or {})}.items():
        sheet.write_string(place, text)
    for place, text in notes.items():
        sheet.write_comment(place, text)
    book.close()
    return Path("小.xlsx")


@pytest.mark.parametrize(
    ("notes", "codes"),
    [
        ({"A3": "repeat: teams\nrows: 3", "A4": "repeat: people"}, []),
        ({"A3": "repeat: teams\nrows: 3", "B3": "repeat: people"}, []),
        (
            {"A3": "repeat: teams\nrows: 4", "A4": "repeat: people\nrows: 2", "A5": "repeat: people"},
            ["repeats_overlap"],
        ),
        ({"A3": "repeat: teams\nrows: 2", "A4": "repeat: people\nrows: 2"}, ["repeats_overlap"]),
        ({"A3": "repeat: teams", "B3": "repeat: people"}, ["repeats_overlap"]),
        (
            {"B3": "repeat: days\ndirection: right\ncolumns: 2", "C4": "repeat: days\ndirection: right"},
            ["repeats_overlap"],
        ),
        ({"B3": "repeat: days\ndirection: right", "A3": "repeat: people"}, []),
    ],
)
def test_blocks_may_lie_in_each_other_once(notes: Mapping[str, str], codes: list[str]) -> None:
    assert [found.code for found in check(small(notes), shop(3, 3))] == codes


def test_paths_are_checked_where_they_stand() -> None:
    cells = {"B2": "{{ column.nam }}", "B3": "{{ cell.visits }}", "A3": "{{ cell.visits }}", "B9": "{{ cell.visit }}"}
    found = check(small({"B2": "repeat: days\ndirection: right", "A3": "repeat: people"}, cells), shop(3, 3))
    assert [(one.cell, one.text) for one in found] == [
        ("B2", "column.nam"),
        ("A3", "cell.visits"),
        ("B9", "cell.visit"),
    ]


def test_a_table_cannot_be_widened() -> None:
    book = Workbook("表格.xlsx")
    sheet = book.add_worksheet("表")
    sheet.add_table("A1:C3", {"columns": [{"header": "甲"}, {"header": "乙"}, {"header": "丙"}]})
    sheet.write_comment("B5", "repeat: days\ndirection: right")
    book.close()
    assert [(one.cell, one.code) for one in check(Path("表格.xlsx"), shop(1, 1))] == [("A1", "table_header")]


# Marks outside of cells


def spoken() -> Path:
    book = Workbook("话.xlsx")
    book.set_properties({"title": "{{ report.name }} 报表", "author": "总部"})
    sheet = book.add_worksheet("表")
    sheet.write_string("A1", "{{ report.name }}")
    sheet.set_header("&L&9{{ report.name }}&C{{ report.name }} & 总部")
    sheet.set_footer("&R&P / &N")
    sheet.insert_textbox("C3", "{{ report.name }}")
    chart = book.add_chart({"type": "column"})
    chart.add_series({"values": "=表!$A$1:$A$2"})
    chart.set_title({"name": "{{ report.name }} 图"})
    sheet.insert_chart("C9", chart)
    book.close()
    return Path("话.xlsx")


def test_headers_shapes_titles_and_properties_have_marks_too() -> None:
    fill(spoken(), Path("结果.xlsx"), replace(shop(1, 1), shop="9&A店"))
    files = {name: content.decode() for name, content in parts(Path("结果.xlsx")).items() if name.endswith(".xml")}
    sheet = files["xl/worksheets/sheet1.xml"]
    assert "<oddHeader>&amp;L&amp;9 9&amp;&amp;A店&amp;C9&amp;&amp;A店 &amp; 总部</oddHeader>" in sheet
    assert "<oddFooter>&amp;R&amp;P / &amp;N</oddFooter>" in sheet
    assert "<a:t>9&amp;A店</a:t>" in files["xl/drawings/drawing1.xml"]
    assert "<a:t>9&amp;A店 图</a:t>" in files["xl/charts/chart1.xml"]
    assert "<dc:title>9&amp;A店 报表</dc:title>" in files["docProps/core.xml"]
    load_workbook("结果.xlsx")


def test_marks_outside_of_cells_are_listed_and_checked() -> None:
    template = spoken()
    assert [(place, path) for _, place, path in marks(template)] == [
        ("A1", "report.name"),
        ("oddHeader", "report.name"),
        ("oddHeader", "report.name"),
        ("title", "report.name"),
        ("TextBox 2", "report.name"),
        ("chart", "report.name"),
    ]
    found = check(template, Nobody())
    assert [(one.sheet, one.cell) for one in found] == [
        ("表", "A1"),
        ("表", "oddHeader"),
        ("表", "oddHeader"),
        ("", "title"),
        ("表", "TextBox 2"),
        ("表", "chart"),
    ]


def test_what_will_not_follow_or_does_not_fit_is_doubted() -> None:
    book = Workbook("疑.xlsx")
    sheet, other = book.add_worksheet("表"), book.add_worksheet("另")
    sheet.write_string("A5", "{{ row.name }}")
    sheet.write_comment("A5", "repeat: people")
    sheet.write_formula("B5", "=SUM(A5)")
    sheet.write_formula("B6", "=SUM(A5)+A5+SUM(A5:A5)+SUM(A4)")
    sheet.write_string("D4", "{{ column.name }}")
    sheet.write_comment("D4", "repeat: days\ndirection: right")
    sheet.write_formula("F4", "=MAX(D4)")
    other.write_formula("A1", "=AVERAGE(表!A5)+AVERAGE(A5)")
    other.write_formula("A9", "=SUM(表:另!A5)")
    for place, form in enumerate(("General", "0.0%", "yyyy-mm-dd", '0"年"', "[Red]0.00%;-0%"), 1):
        for column, path in enumerate(("rate", "day", "number")):
            other.write_string(place, column, f"{{{{ {path} }}}}", book.add_format({"num_format": form}))
    book.close()
    found = check(Path("疑.xlsx"), Rated({"甲": [1]}, ["1日"]))
    assert not any(one.stops for one in found)
    assert [(one.sheet, one.cell, one.text) for one in found if one.code == "reference_stays"] == [
        ("表", "F4", "MAX(D4)"),
        ("表", "B6", "SUM(A5)"),
        ("另", "A1", "AVERAGE(表!A5)"),
        ("另", "A9", "表:另!A5"),
    ]
    assert [one.cell for one in found if one.code == "format_unfit"] == [
        "A2",
        "B2",
        "B3",
        "C3",
        "A4",
        "C4",
        "A5",
        "B5",
        "B6",
        "C6",
    ]


class Rated(Shop):
    """With a rate, a day and a number."""

    def value(self, path: str) -> Value:
        told: dict[str, Value] = {"rate": Rate(0.5), "day": date(2026, 10, 1), "number": 7}
        return told[path] if path in told else super().value(path)


class Nobody:
    """A report that knows no path."""

    def value(self, path: str) -> Value:
        raise PathError("")

    def rows(self, name: str) -> Sequence[Scope]:
        raise PathError("")

    def across(self, column: Scope) -> Scope:
        return self
