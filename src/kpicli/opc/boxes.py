"""The boxes of notes: a drawing in VML, of which Excel makes no well-formed XML, so it is edited by searching it."""

import re
from collections.abc import Collection

from kpicli.opc import PackageError
from kpicli.opc.markup import utf8

Place = tuple[int, int]
"""Row as shown and zero-based column."""

_SHAPE = re.compile(rb"<(\w+):shape[\s>].*?</\1:shape>\s*", re.S)
_OPENING = re.compile(rb"<\w+:shape[\s>]")
_MOST = 20_000
_ROW = re.compile(rb"<\w+:Row>\s*(\d+)\s*<")
_COLUMN = re.compile(rb"<\w+:Column>\s*(\d+)\s*<")


def has_boxes(drawing: bytes) -> bool:
    """Whether anything is drawn: a note or a control."""
    return b"ClientData" in drawing


def without_boxes(drawing: bytes, places: Collection[Place]) -> bytes:
    """A drawing without the boxes of the notes of some cells."""

    if len(_OPENING.findall(drawing)) > _MOST:
        raise PackageError("too many shapes")

    def keep(shape: re.Match[bytes]) -> bytes:
        row, column = _ROW.search(shape.group()), _COLUMN.search(shape.group())
        if not row or not column or b'ObjectType="Note"' not in shape.group():
            return shape.group()
        return b"" if (int(row.group(1)) + 1, int(column.group(1))) in places else shape.group()

    return _SHAPE.sub(keep, utf8(drawing)) if places else drawing
