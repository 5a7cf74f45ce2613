"""Mark an xlsx or xlsm: edit the parts concerned, copy all others as they are."""

import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from xml.sax.saxutils import quoteattr

from kpicli.mark import notes
from kpicli.mark.cells import SheetPart
from kpicli.mark.findings import LIST_SHEET, Finding, Headings, Mark, marks
from kpicli.mark.listing import list_range, sheet_xml
from kpicli.mark.styles import Styles, empty
from kpicli.opc import PackageError, boxes
from kpicli.opc.markup import Draft, Element, utf8
from kpicli.opc.parts import Parts, Relation, relations_part
from kpicli.read.sheets import ORIGIN_NAME

_TYPES = "application/vnd.openxmlformats-officedocument."
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_STRICT_OFFICE = "http://purl.oclc.org/ooxml/officeDocument/relationships"
_BEFORE_NAMES = (
    "fileVersion",
    "fileSharing",
    "workbookPr",
    "workbookProtection",
    "bookViews",
    "sheets",
    "functionGroups",
    "externalReferences",
)
"""What the schema has before ``definedNames``."""

_FORMULA = re.compile(rb"<(?:\w+:)?f[\s>]")


def mark_package(source: Path, target: Path, findings: Sequence[Finding], headings: Headings, origin: str = "") -> None:
    """Write a copy of an xlsx or xlsm that `kpicli.read` has accepted, with its bad cells marked.

    A cell with an error (light red) or a warning (light yellow) gets a fill and a note by the author ``kpicli``; every
    finding gets a row in `LIST_SHEET`, the first and active sheet. At most `MOST_MARKS` cells are marked, the rest is
    in the list alone. A cell with a note of its own keeps that and gets the fill alone. Marks that are already there,
    and any sheet named like the list, are replaced. `origin` (letters, digits and spaces, at most 255) says what it is
    a copy of, in a hidden defined name. Digital signatures are dropped: the copy is not what was signed.

    The target is written whole or not at all, for its owner alone to read. Raises `PackageError` when the source
    cannot be edited, OSError when it cannot be read or the target not written.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            mark_archive(archive, target, findings, headings, origin)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, KeyError, ValueError) as error:
        raise PackageError(str(error)) from error


def mark_archive(
    archive: zipfile.ZipFile, target: Path, findings: Sequence[Finding], headings: Headings, origin: str = ""
) -> None:
    """The same for an archive that is already open."""
    book = _Book(Parts(archive))
    book.drop_signatures()
    styles = Styles(book.stylesheet())
    wanted = marks(findings)
    for sheet in book.sheets:
        if sheet.name != LIST_SHEET:
            book.mark_sheet(sheet, wanted.get(sheet.name, {}), styles)
    linkable = {sheet.name for sheet in book.sheets if sheet.cells and sheet.name != LIST_SHEET}
    listed = sheet_xml(findings, headings, styles.listed(), linkable, book.main)
    book.put_list(listed, f"'{LIST_SHEET}'!{list_range(findings)}", origin)
    book.save(styles, target)


@dataclass(frozen=True)
class _Sheet:
    """A sheet as the workbook lists it."""

    name: str
    part: str
    cells: bool
    """Whether it is a worksheet: charts and dialogs have no cells."""
    element: Element


class _Book:
    """The workbook part, and what is found through it."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._part = next(
            (link.target for link in parts.relations("") if link.kind == "officeDocument"), "xl/workbook.xml"
        )
        self._draft = Draft(parts.read(self._part))
        root = self._draft.root
        self.main = root.attributes.get(f"xmlns:{root.prefix[:-1]}" if root.prefix else "xmlns", MAIN)
        self._office = _STRICT_OFFICE if "purl.oclc.org" in self.main else OFFICE
        self._links = {link.id: link for link in parts.relations(self._part)}
        listed = root.child("sheets")
        if not listed:
            raise PackageError("no sheets")
        self._listed = listed
        self.sheets = tuple(self._sheets(listed))
        drawings = (name for name in parts.names() if name.lower().endswith(".vml"))
        self._next_block = max((block for name in drawings for block in notes.blocks(parts.read(name))), default=0) + 1

    def _sheets(self, listed: Element) -> Iterable[_Sheet]:
        for element in listed.named("sheet"):
            link = self._links.get(element.linked())
            if link and self._parts.has(link.target):
                yield _Sheet(element.attributes.get("name", ""), link.target, link.kind == "worksheet", element)

    def drop_signatures(self) -> None:
        """Take away the digital signatures of the package (those of its macros stay: they sign the macros alone)."""
        signatures = [name for name in self._parts.names() if name.lower().startswith("_xmlsignatures/")]
        for name in signatures:
            self._parts.drop(name)
        if signatures:
            self._parts.unrelate("", signatures)

    def stylesheet(self) -> bytes:
        """The stylesheet, an empty one where there is none."""
        part = self._stylesheet_part()
        return self._parts.read(part) if part else empty(self.main)

    def mark_sheet(self, sheet: _Sheet, wanted: Mapping[tuple[int, int], Mark], styles: Styles) -> None:
        """Mark the cells of a sheet, take back earlier notes, and make it one that is not selected."""
        links = self._parts.relations(sheet.part)
        content = utf8(self._parts.read(sheet.part))
        if not sheet.cells:
            if b"tabSelected" in content:
                draft = Draft(content)
                for view in (view for views in draft.root.named("sheetViews") for view in views.named("sheetView")):
                    draft.set(view, tabSelected=None)
                self._parts.write(sheet.part, draft.content())
            return
        selected = b"tabSelected" in content[: content.find(b"sheetData")]
        noted = next((link for link in links if link.kind == "comments"), None)
        if not wanted and not selected and not noted:
            return
        part = SheetPart(content)
        part.deselect()
        part.restyle({place: partial(styles.marked, mark=mark) for place, mark in wanted.items()})
        self._note(sheet, part, links, noted, {place: mark.note for place, mark in wanted.items()})
        self._parts.write(sheet.part, part.content())

    def _note(
        self,
        sheet: _Sheet,
        part: SheetPart,
        links: Sequence[Relation],
        noted: Relation | None,
        wanted: Mapping[tuple[int, int], str],
    ) -> None:
        comments = notes.Comments(self._parts.read(noted.target) if noted else notes.no_comments(self.main))
        fresh = {place: text for place, text in wanted.items() if place not in comments.taken}
        if not fresh and not comments.forgotten:
            return
        element = part.frame.root.child("legacyDrawing")
        drawn = next((link for link in links if element and link.id == element.linked()), None)
        if drawn and not self._parts.has(drawn.target):
            drawn = None
        drawing = self._parts.read(drawn.target) if drawn else notes.no_drawing()
        drawing = boxes.without_boxes(drawing, comments.forgotten)
        if fresh:
            comments.add(fresh)
            drawing = notes.with_boxes(drawing, fresh, part.grid, self._next_block)
            self._next_block += notes.blocks_for(fresh)
        if noted and not fresh and not comments.taken:
            self._detach(sheet.part, noted.target)
        elif noted:
            self._parts.write(noted.target, comments.content())
        else:
            self._attach(sheet.part, "comments", "xl/comments{}.xml", comments.content(), "spreadsheetml.comments+xml")
        if element and drawn and not boxes.has_boxes(drawing):
            self._detach(sheet.part, drawn.target)
            part.frame.remove(element)
        elif drawn:
            self._parts.write(drawn.target, drawing)
        elif fresh:
            link = self._attach(sheet.part, "vmlDrawing", "xl/drawings/vmlDrawing{}.vml", drawing, "vmlDrawing")
            part.add_notes(link, self._office)

    def put_list(self, content: bytes, area: str, origin: str) -> None:
        """Make the list the first and only active sheet, in the place of one that is there already."""
        draft, prefix = self._draft, self._draft.root.prefix
        old = next((sheet for sheet in self.sheets if sheet.name == LIST_SHEET), None)
        elements = self._listed.named("sheet")
        if old:
            part, link = old.part, old.element.linked()
            number = old.element.attributes.get("sheetId", "1")
            self._forget_contents(part)
            draft.remove(old.element)
        else:
            part = self._parts.free(posixpath.join(posixpath.dirname(self._part), "worksheets", "sheet{}.xml"))
            link = self._parts.relate(self._part, f"{self._office}/worksheet", part)
            taken = [element.attributes.get("sheetId", "0") for element in elements]
            number = str(max((int(known) for known in taken if known.isdecimal()), default=0) + 1)
        self._parts.write(part, content, f"{_TYPES}spreadsheetml.worksheet+xml")
        identity = f'sheetId="{number}" xmlns:r="{self._office}" r:id="{link}"'
        entry = f"<{prefix}sheet name={quoteattr(LIST_SHEET)} {identity}/>"
        if elements:
            draft.insert_before(elements[0], entry.encode())
        else:
            draft.append(self._listed, entry.encode())
        kept = [place for place, element in enumerate(elements) if not old or element is not old.element]
        self._move_names({old_place: place for place, old_place in enumerate(kept, 1)}, area, origin)
        self._activate_first()

    def save(self, styles: Styles, target: Path) -> None:
        """Write the copy."""
        part = self._stylesheet_part()
        if part:
            self._parts.write(part, styles.content())
        else:
            self._parts.write("xl/styles.xml", styles.content(), f"{_TYPES}spreadsheetml.styles+xml")
            self._parts.relate(self._part, f"{self._office}/styles", "xl/styles.xml")
        self._parts.write(self._part, self._draft.content())
        self._parts.save(target)

    def _stylesheet_part(self) -> str | None:
        links = (link.target for link in self._links.values() if link.kind == "styles")
        return next((target for target in links if self._parts.has(target)), None)

    def _attach(self, part: str, kind: str, pattern: str, content: bytes, content_type: str) -> str:
        name = self._parts.free(pattern)
        self._parts.write(name, content, _TYPES + content_type)
        return self._parts.relate(part, f"{self._office}/{kind}", name)

    def _detach(self, part: str, target: str) -> None:
        self._parts.unrelate(part, [target])
        self._parts.drop(target)

    def _forget_contents(self, part: str) -> None:
        """Let go of what an old list referred to, and of the order of calculation when it had formulas in it."""
        self._parts.drop(relations_part(part))
        chain = [link.target for link in self._links.values() if link.kind == "calcChain"]
        if chain and _FORMULA.search(self._parts.read(part)):
            self._parts.unrelate(self._part, chain)
            for name in chain:
                self._parts.drop(name)

    def _move_names(self, places: Mapping[int, int], area: str, origin: str) -> None:
        """Let names that belong to one sheet follow it to its new place; name the list's area and the copy's origin."""
        prefix = self._draft.root.prefix
        own = self._name('name="_xlnm._FilterDatabase" localSheetId="0" hidden="1"', area)
        own += self._name(f'name="{ORIGIN_NAME}" hidden="1"', f'"{origin}"') if origin else b""
        names = self._draft.root.child("definedNames")
        if not names:
            whole = f"<{prefix}definedNames>".encode() + own + f"</{prefix}definedNames>".encode()
            self._draft.insert_ordered(whole, _BEFORE_NAMES)
            return
        for name in names.named("definedName"):
            if name.attributes.get("name") == ORIGIN_NAME:
                self._draft.remove(name)
            local = name.attributes.get("localSheetId", "")
            if not local.isdecimal():
                continue
            if int(local) in places:
                self._draft.set(name, localSheetId=str(places[int(local)]))
            else:
                self._draft.remove(name)
        self._draft.append(names, own)

    def _name(self, attributes: str, content: str) -> bytes:
        prefix = self._draft.root.prefix
        return f"<{prefix}definedName {attributes}>{content}</{prefix}definedName>".encode()

    def _activate_first(self) -> None:
        prefix = self._draft.root.prefix
        views = self._draft.root.child("bookViews")
        if not views:
            self._draft.insert_before(
                self._listed, f"<{prefix}bookViews><{prefix}workbookView/></{prefix}bookViews>".encode()
            )
            return
        for view in views.named("workbookView"):
            self._draft.set(view, activeTab=None, firstSheet=None)
