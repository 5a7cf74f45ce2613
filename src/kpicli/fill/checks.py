"""What is wrong with a template: marks that stand for nothing, and what cannot follow when blocks are repeated."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from kpicli.fill import frame
from kpicli.fill.book import Book, Mistake
from kpicli.fill.marks import Blank, PathError, Scope
from kpicli.fill.references import span
from kpicli.fill.sheets import Bound, Mark, Sheet, cells_of
from kpicli.opc.markup import Draft
from kpicli.read.sheets import column_letters


def mistakes(book: Book, scope: Scope) -> list[Mistake]:
    """What keeps a template from being filled."""
    wrong = list(book.wrong)
    for sheet in book.sheets:
        wrong += _overlaps(book, sheet)
        wrong += _edges(book, sheet)
        firsts: dict[Mark, Scope] = {}
        for mark in sorted(sheet.marks, key=lambda mark: -mark.repeat.size):  # outer blocks before those inside
            said = mark.repeat.name
            within = next((firsts[other] for other in firsts if _holds(other, mark)), scope)
            firsts[mark] = Blank()
            try:
                rows = within.rows(said)
                if rows:
                    firsts[mark] = rows[0]
                    if mark.repeat.sort:
                        said = f"row.{mark.repeat.sort}"
                        rows[0].value(said)
            except PathError as error:
                wrong.append(Mistake(sheet.name, mark.cell, "unknown_path", said, str(error)))
        wrong += _unknown(sheet, firsts, scope)
    return wrong


def _holds(outer: Mark, mark: Mark) -> bool:
    return outer.repeat.axis == mark.repeat.axis and outer.holds(mark)


def _unknown(sheet: Sheet, firsts: Mapping[Mark, Scope], scope: Scope) -> Iterator[Mistake]:
    """Paths of cells that stand for nothing, seen with the first of each list."""
    rows, columns = sheet.along("row"), sheet.along("column")
    for row, cell in sheet.marked():
        assert cell.text
        seen = Bound(column=_innermost(columns, cell.column, firsts)).scope(_innermost(rows, row, firsts) or scope)
        for path in cell.text.paths:
            try:
                seen.value(path)
            except PathError as error:
                place = f"{column_letters(cell.column - 1)}{row}"
                yield Mistake(sheet.name, place, "unknown_path", path, str(error))


def _innermost(marks: Sequence[Mark], place: int, firsts: Mapping[Mark, Scope]) -> Scope | None:
    around = [mark for mark in marks if mark.first <= place <= mark.last]
    return firsts[min(around, key=lambda mark: mark.repeat.size)] if around else None


def _overlaps(book: Book, sheet: Sheet) -> Iterator[Mistake]:
    """Blocks that cross each other, or lie more than one level deep; and notes that another program keeps."""
    for axis in ("row", "column"):
        marks = sheet.along(axis)
        for mark, other in combinations(marks, 2):
            apart = mark.last < other.first or other.last < mark.first
            nested = axis == "row" and mark.holds(other) != other.holds(mark)
            if not apart and not nested:
                yield Mistake(sheet.name, other.cell, "repeats_overlap", mark.cell)
        for mark in marks:
            if sum(other.holds(mark) for other in marks) > 1:
                yield Mistake(sheet.name, mark.cell, "repeats_overlap", f"repeat: {mark.repeat.name}")
    if book.linked(sheet, "threadedComment"):
        for mark in sheet.marks:
            yield Mistake(sheet.name, mark.cell, "threaded_mark", f"repeat: {mark.repeat.name}")


def _edges(book: Book, sheet: Sheet) -> Iterator[Mistake]:
    """Merges that reach over the edge of a block, and tables whose header is filled or repeated."""
    marked = {(row, cell.column) for row, cell in sheet.marked()}
    areas = [("merge_over_edge", area) for area in frame.merged(sheet.draft)]
    for link in book.parts.relations(sheet.part):
        if link.kind == "table":
            areas.append(("table_header", Draft(book.parts.read(link.target)).root.attributes.get("ref", "")))
    for code, area in areas:
        rows, columns = span(area, "row"), span(area, "column")
        if rows is None or columns is None:
            continue
        ends = {"row": rows, "column": columns}
        if code == "merge_over_edge":
            wrong = any(
                (ends[mark.repeat.axis][0] in mark.block(1)) != (ends[mark.repeat.axis][1] in mark.block(1))
                for mark in sheet.marks
            )
        else:
            header = [cell for cell in cells_of(area) if cell[0] == rows[0]]
            wrong = not marked.isdisjoint(header) or any(
                rows[0] in mark.block(1)
                if mark.repeat.axis == "row"
                else columns[0] <= mark.last and mark.first <= columns[1]
                for mark in sheet.marks
            )
        if wrong:
            yield Mistake(sheet.name, area.partition(":")[0], code, area)
