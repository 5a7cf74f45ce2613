"""The stylesheet: a filled twin for every cell format that a bad cell has, and the formats of the list.

A mark is known by its exact colour, a shade beside those of Excel's own "bad" and "neutral" that nobody picks by hand.
The colour which the cell had before waits as the background colour of the mark, which a solid fill does not show and
spreadsheets keep; so marks can be taken back wherever their cells have moved. Of a patterned or gradient fill nothing
is kept: taken back, such a cell has no fill.
"""

from collections.abc import Iterable
from typing import Literal
from xml.sax.saxutils import quoteattr

from kpicli.mark.findings import Mark
from kpicli.opc.markup import Draft, Element, retagged

_COLOURS = {"error": "FFFFC7CD", "warning": "FFFFEB9D"}
_NO_COLOUR = ' indexed="64"'
_ORDER = ("numFmts", "fonts", "fills", "borders", "cellStyleXfs", "cellXfs")
_ENTRIES = {"fonts": "font", "fills": "fill", "cellXfs": "xf"}

Listed = Literal["heading", "text", "link"]

_LISTED: dict[Listed, str] = {
    "heading": '<{p}alignment vertical="center" wrapText="1"/>',
    "text": '<{p}alignment vertical="top" wrapText="1"/>',
    "link": '<{p}alignment vertical="top"/>',
}


def empty(namespace: str) -> bytes:
    """A stylesheet for a package that has none."""
    return (
        f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<styleSheet xmlns="{namespace}">'
        '<fonts count="1"><font><sz val="11"/><name val="宋体"/><family val="3"/><charset val="134"/></font></fonts>'
        '<fills count="2"><fill><patternFill patternType="none"/></fill>'
        '<fill><patternFill patternType="gray125"/></fill></fills>'
        '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
        '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
        '<cellXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/></cellXfs>'
        '<cellStyles count="1"><cellStyle name="常规" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
    ).encode()


class Styles:
    """A stylesheet being edited; marks that were in it are taken back first."""

    def __init__(self, content: bytes) -> None:
        self._draft = Draft(_unmarked(content))
        self._prefix = self._draft.root.prefix
        self._sections = {name: self._draft.root.child(name) for name in _ENTRIES}
        self._entries = {
            name: section.named(_ENTRIES[name]) if section else [] for name, section in self._sections.items()
        }
        self._added: dict[str, list[bytes]] = {name: [] for name in _ENTRIES}
        self._known = {
            (name, self._draft.markup(entry)): place
            for name, entries in self._entries.items()
            for place, entry in reversed(list(enumerate(entries)))
        }
        if not self._entries["fills"]:  # the first two of every stylesheet are these
            self._add("fills", _fill(self._prefix, "none"))
            self._add("fills", _fill(self._prefix, "gray125"))
        if not self._entries["fonts"]:
            self._add("fonts", f'<{self._prefix}font><{self._prefix}sz val="11"/></{self._prefix}font>'.encode())
        if not self._entries["cellXfs"]:
            self._add("cellXfs", f'<{self._prefix}xf numFmtId="0" fontId="0" fillId="0" borderId="0"/>'.encode())
        self._twins: dict[tuple[int, str], int] = {}

    def marked(self, style: int, mark: Mark) -> int:
        """Index of the twin of a cell format that differs in its fill alone; an unknown index counts as the first."""
        formats = self._entries["cellXfs"]
        style = style if 0 <= style < len(formats) else 0
        if (style, mark.severity) not in self._twins:
            if formats:
                twin, fill = self._draft.markup(formats[style]), _index(formats[style], "fillId")
            else:
                twin, fill = self._added["cellXfs"][0], 0
            changes = {"fillId": str(self._mark_fill(fill, mark.severity)), "applyFill": "1"}
            self._twins[style, mark.severity] = self._add("cellXfs", retagged(twin, changes))
        return self._twins[style, mark.severity]

    def listed(self) -> dict[Listed, int]:
        """Indices of the formats of the list."""
        prefix, font = self._prefix, self._font()
        fonts: dict[Listed, int] = {
            "heading": self._add("fonts", self._wrapped("font", [f"<{prefix}b/>".encode(), *font.values()])),
            "text": 0,
            "link": self._add(
                "fonts",
                self._wrapped(
                    "font",
                    (
                        f"<{prefix}u/>".encode(),
                        font.pop("sz", b""),
                        f'<{prefix}color rgb="FF0563C1"/>'.encode(),
                        *(part for name, part in font.items() if name != "color"),
                    ),
                ),
            ),
        }
        parent = ' xfId="0"' if self._draft.root.child("cellStyleXfs") else ""
        made: dict[Listed, int] = {}
        for name, alignment in _LISTED.items():
            attributes = f'numFmtId="0" fontId="{fonts[name]}" fillId="0" borderId="0"{parent}'
            content = alignment.format(p=prefix)
            made[name] = self._add(
                "cellXfs",
                f'<{prefix}xf {attributes} applyFont="1" applyAlignment="1">{content}</{prefix}xf>'.encode(),
            )
        return made

    def text(self) -> int:
        """Index of a format that takes what is typed as it is: a phone keeps its zeros, a long number its digits."""
        attributes = 'numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"'
        return self._add("cellXfs", f"<{self._prefix}xf {attributes}/>".encode())

    def content(self) -> bytes:
        """The stylesheet with what was added."""
        for name, added in self._added.items():
            section, count = self._sections[name], len(self._entries[name]) + len(added)
            if section:
                self._draft.set(section, count=str(count))
                self._draft.append(section, b"".join(added))
            else:
                whole = retagged(self._wrapped(name, added), {"count": str(count)})
                self._draft.insert_ordered(whole, _ORDER[: _ORDER.index(name)])
        return self._draft.content()

    def _add(self, section: str, entry: bytes) -> int:
        """The index of an entry: of one just like it, so that marking again and again does not fill the stylesheet."""
        if (section, entry) not in self._known:
            self._known[section, entry] = len(self._entries[section]) + len(self._added[section])
            self._added[section].append(entry)
        return self._known[section, entry]

    def _wrapped(self, name: str, content: Iterable[bytes]) -> bytes:
        return b"".join((f"<{self._prefix}{name}>".encode(), *content, f"</{self._prefix}{name}>".encode()))

    def _font(self) -> dict[str, bytes]:
        """What the workbook's first font consists of, without what the list's fonts set themselves."""
        font = next(iter(self._entries["fonts"]), None)
        children = font.children if font else []
        return {child.name: self._draft.markup(child) for child in children if child.name not in ("b", "i", "u")}

    def _mark_fill(self, fill: int, severity: str) -> int:
        fills = self._entries["fills"]
        before = _NO_COLOUR
        pattern = fills[fill].child("patternFill") if 0 <= fill < len(fills) else None
        colour = pattern.child("fgColor") if pattern and pattern.attributes.get("patternType") == "solid" else None
        if colour:
            before = _attributes(colour)
        return self._add("fills", _fill(self._prefix, "solid", f' rgb="{_COLOURS[severity]}"', before))


def _unmarked(content: bytes) -> bytes:
    """A stylesheet whose marks are what they were before: no cell needs to be touched for it."""
    draft = Draft(content)
    fills = draft.root.child("fills")
    for fill in fills.named("fill") if fills else ():
        pattern = fill.child("patternFill")
        colour = pattern.child("fgColor") if pattern else None
        if not pattern or not colour or colour.attributes.get("rgb", "").upper() not in _COLOURS.values():
            continue
        before = pattern.child("bgColor")
        if before and _attributes(before) != _NO_COLOUR:
            draft.replace(fill, _fill(fill.prefix, "solid", _attributes(before), _NO_COLOUR))
        else:
            draft.replace(fill, _fill(fill.prefix, "none"))
    return draft.content()


def _fill(prefix: str, pattern: str, foreground: str = "", background: str = "") -> bytes:
    colours = f"<{prefix}fgColor{foreground}/><{prefix}bgColor{background}/>" if foreground else ""
    whole = f'<{prefix}patternFill patternType="{pattern}">{colours}</{prefix}patternFill>'
    return f"<{prefix}fill>{whole}</{prefix}fill>".encode()


def _attributes(element: Element) -> str:
    return "".join(f" {name}={quoteattr(value)}" for name, value in element.attributes.items())


def _index(element: Element, attribute: str) -> int:
    value = element.attributes.get(attribute, "0")
    return int(value) if value.isdecimal() else 0
