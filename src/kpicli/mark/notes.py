"""The notes of a sheet: a part with the texts, and a drawing (VML) with the box of each.

Excel writes VML that is no well-formed XML (``<br>`` without end), so a drawing is edited by searching its text.
"""

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from kpicli.mark.cells import Grid
from kpicli.mark.findings import LAST_COLUMN, LAST_ROW, content
from kpicli.opc.boxes import Place
from kpicli.opc.markup import Draft, Element, utf8
from kpicli.read.sheets import column_index, column_letters

AUTHOR = "kpicli"

_BLOCKS = re.compile(rb"(<\w+:idmap\b[^>]*\bdata\s*=\s*[\"'])([\d,\s]*)")
BLOCK = 1024
"""Shape ids come in blocks of so many; a block belongs to one drawing of the workbook."""

_SPACES = {
    "v": "urn:schemas-microsoft-com:vml",
    "o": "urn:schemas-microsoft-com:office:office",
    "x": "urn:schemas-microsoft-com:office:excel",
}
_BOX = (
    '<v:shapetype id="_x0000_t202" coordsize="21600,21600" o:spt="202" path="m,l,21600r21600,l21600,xe">'
    '<v:stroke joinstyle="miter"/><v:path gradientshapeok="t" o:connecttype="rect"/></v:shapetype>'
)

_WIDTH = 280
_MARGIN = 16
_LINE = 17
_TALLEST = 460
_WIDE, _NARROW = 12, 7
"""Pixels of a Chinese and of a Latin character at 9 points."""


class Comments:
    """The part with the texts, without those of earlier marks."""

    def __init__(self, content: bytes) -> None:
        self._draft = Draft(content)
        root = self._draft.root
        self._authors, self._list = root.child("authors"), root.child("commentList")
        names = [self._draft.text(author).strip().decode() for author in self._named(self._authors, "author")]
        self._own = names.index(AUTHOR) if AUTHOR in names else len(names)
        self._new_author = AUTHOR not in names
        self.taken: set[Place] = set()
        """Cells that have a note of someone else."""
        self.forgotten: set[Place] = set()
        """Cells that had a note of an earlier mark."""
        for comment in self._named(self._list, "comment"):
            place = _place(comment.attributes.get("ref", ""))
            if comment.attributes.get("authorId") == str(self._own):
                self._draft.remove(comment)
                self.forgotten.add(place)
            else:
                self.taken.add(place)

    def add(self, notes: Mapping[Place, str]) -> None:
        """Add notes."""
        root, prefix = self._draft.root, self._draft.root.prefix
        texts = b"".join(self._comment(prefix, place, text) for place, text in sorted(notes.items()))
        author = f"<{prefix}author>{AUTHOR}</{prefix}author>".encode() if self._new_author else b""
        if self._authors and author:
            self._draft.append(self._authors, author)
        elif author:
            self._draft.insert_ordered(f"<{prefix}authors>".encode() + author + f"</{prefix}authors>".encode(), ())
        if self._list:
            self._draft.append(self._list, texts)
        else:
            self._draft.append(root, f"<{prefix}commentList>".encode() + texts + f"</{prefix}commentList>".encode())

    def content(self) -> bytes:
        """The part with its edits."""
        return self._draft.content()

    def _named(self, parent: Element | None, name: str) -> Sequence[Element]:
        return parent.named(name) if parent else ()

    def _comment(self, p: str, place: Place, text: str) -> bytes:
        font = (
            f'<{p}sz val="9"/><{p}color indexed="81"/><{p}rFont val="宋体"/><{p}family val="3"/><{p}charset val="134"/>'
        )
        run = f'<{p}r><{p}rPr>{font}</{p}rPr><{p}t xml:space="preserve">{content(text)}</{p}t></{p}r>'
        ref = f"{column_letters(place[1])}{place[0]}"
        return f'<{p}comment ref="{ref}" authorId="{self._own}"><{p}text>{run}</{p}text></{p}comment>'.encode()


def no_comments(namespace: str) -> bytes:
    """A part for a sheet that has none."""
    return (
        f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<comments xmlns="{namespace}">'
        "<authors/><commentList/></comments>"
    ).encode()


def no_drawing() -> bytes:
    """A drawing for a sheet that has none."""
    spaces = " ".join(f'xmlns:{prefix}="{space}"' for prefix, space in _SPACES.items())
    layout = '<o:shapelayout v:ext="edit"><o:idmap v:ext="edit" data=""/></o:shapelayout>'
    return f"<xml {spaces}>{layout}{_BOX}</xml>".encode()


def blocks(drawing: bytes) -> set[int]:
    """The blocks of shape ids that a drawing has."""
    return {int(block) for _, data in _BLOCKS.findall(drawing) for block in data.split(b",") if block.strip()}


def blocks_for(notes: Collection[Place]) -> int:
    """How many blocks the boxes of some notes take."""
    return len(notes) // BLOCK + 1


def with_boxes(drawing: bytes, notes: Mapping[Place, str], grid: Grid, first_block: int) -> bytes:
    """A drawing with a hidden box for each note, large enough for its text; ids are taken from unused blocks."""
    drawing = utf8(drawing)
    end = drawing.rindex(b"</xml")
    blocks_needed = range(first_block, first_block + blocks_for(notes))
    head = drawing[: drawing.index(b">", drawing.index(b"<xml")) + 1]
    spaces = "".join(
        f' xmlns:{prefix}="{space}"' for prefix, space in _SPACES.items() if f"xmlns:{prefix}=".encode() not in head
    )
    boxes = "".join(
        _box(number, place, text, grid, spaces)
        for number, (place, text) in enumerate(sorted(notes.items()), first_block * BLOCK + 1)
    )
    kind = "" if b"_x0000_t202" in drawing[:end] else _BOX.replace("<v:shapetype", f"<v:shapetype{spaces}", 1)
    drawing = drawing[:end] + (kind + boxes).encode() + drawing[end:]

    def claimed(known: re.Match[bytes]) -> bytes:
        return known.group(1) + b",".join(filter(None, (known.group(2), *(b"%d" % block for block in blocks_needed))))

    return _BLOCKS.sub(claimed, drawing, count=1)


@dataclass(frozen=True)
class _Span:
    """From where to where a box lies in one direction: cell and pixels into it."""

    first: int
    offset: int
    last: int
    rest: int


def _box(number: int, place: Place, text: str, grid: Grid, spaces: str) -> str:
    row, column = place[0] - 1, place[1]
    height = _height(text)
    left = column + 1 if column + 8 <= LAST_COLUMN else column - 8  # at the right edge there is no room beside it
    across = _span(left, 15, _WIDTH, grid.width, LAST_COLUMN)
    down = _span(max(row - 1, 0), 10 if row else 2, height, grid.height, LAST_ROW - 1)
    anchor = (
        f"{across.first}, {across.offset}, {down.first}, {down.offset}, "
        f"{across.last}, {across.rest}, {down.last}, {down.rest}"
    )
    size = f"width:{_WIDTH * 0.75:g}pt;height:{height * 0.75:g}pt"
    return (
        f'<v:shape{spaces} id="_x0000_s{number}" type="#_x0000_t202" style="position:absolute;{size};'
        'z-index:1;visibility:hidden" fillcolor="#ffffe1" o:insetmode="auto"><v:fill color2="#ffffe1"/>'
        '<v:shadow on="t" color="black" obscured="t"/><v:path o:connecttype="none"/>'
        '<v:textbox style="mso-direction-alt:auto"><div style="text-align:left"></div></v:textbox>'
        '<x:ClientData ObjectType="Note"><x:MoveWithCells/><x:SizeWithCells/>'
        f"<x:Anchor>{anchor}</x:Anchor><x:AutoFill>False</x:AutoFill>"
        f"<x:Row>{row}</x:Row><x:Column>{column}</x:Column></x:ClientData></v:shape>"
    )


def _span(first: int, offset: int, length: int, size: Callable[[int], int], last: int) -> _Span:
    offset = min(offset, size(first))
    place, rest = first, offset + length
    for _ in range(200):  # hidden rows have no height: a filtered sheet may have thousands
        if rest < size(place) or place == last:
            break
        rest -= size(place)
        place += 1
    return _Span(first, offset, place, max(min(rest, size(place)), 0))


def _height(text: str) -> int:
    lines = sum(max(1, -(-_length(line) // (_WIDTH - _MARGIN))) for line in text.split("\n"))
    return min(lines * _LINE + _MARGIN, _TALLEST)


def _length(line: Iterable[str]) -> int:
    return sum(_WIDE if unicodedata.east_asian_width(character) in "WFA" else _NARROW for character in line)


def _place(reference: str) -> Place:
    found = re.fullmatch(r"\$?([A-Z]{1,3})\$?(\d+)", reference.partition(":")[0])
    return (int(found.group(2)), column_index(found.group(1))) if found else (0, 0)
