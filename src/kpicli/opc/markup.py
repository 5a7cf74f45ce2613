"""Edit XML as bytes: a parser tells where each element lies, and only what is edited is written anew.

Prefixes, the order of attributes, white space and whatever extensions a part holds stay as its writer left them, which
no load-and-save of a tree can promise.
"""

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from kpicli.opc import PackageError

_TAG = re.compile(rb"<(?:[^<>\"']|\"[^\"]*\"|'[^']*')*>")
_ATTRIBUTE = re.compile(rb"\s+([^\s=/>]+)\s*=\s*(?:\"[^\"]*\"|'[^']*')")
_DECLARATION = re.compile(rb"\s*<\?xml[^>]*?\bencoding\s*=\s*[\"']([\w.-]+)[\"'][^>]*\?>")


_MOST_ELEMENTS = 1_000_000
"""Of one tree, which takes about a kilobyte for each."""


@dataclass(eq=False)
class Element:
    """An element and where it lies in its part, in bytes."""

    prefix: str
    """With its colon, or empty."""
    name: str
    """Without prefix."""
    attributes: Mapping[str, str]
    """Names as written, values unescaped."""
    start: int
    inner: int
    """End of the start tag."""
    close: int = 0
    """Start of the end tag; the same as `inner` and `end` for an empty-element tag."""
    end: int = 0
    children: list["Element"] = field(default_factory=list)

    def child(self, name: str) -> "Element | None":
        """The first child of a name that has the prefix of its parent, so is of its namespace."""
        return next((child for child in self.children if child.name == name and child.prefix == self.prefix), None)

    def named(self, name: str) -> list["Element"]:
        """All children of a name and of the parent's prefix."""
        return [child for child in self.children if child.name == name and child.prefix == self.prefix]

    def linked(self) -> str:
        """The value of its ``r:id``, under whatever prefix; empty when it has none."""
        return next((value for name, value in self.attributes.items() if name.endswith(":id")), "")

    def says(self, attribute: str) -> bool:
        """Whether a boolean attribute is set."""
        return self.attributes.get(attribute) in ("1", "true")


def utf8(content: bytes) -> bytes:
    """A part in UTF-8, whatever encoding it declares; raises `PackageError` for one that is unknown or untrue."""
    declared = _DECLARATION.match(content)
    encoding = declared.group(1).decode().lower() if declared else "utf-8"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    if encoding in ("utf-8", "us-ascii"):
        return content
    try:
        text = content.decode(encoding)
    except (LookupError, UnicodeDecodeError) as error:
        raise PackageError(str(error)) from error
    return re.sub(r"^\s*<\?xml[^>]*\?>", '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>', text).encode()


def parse(content: bytes) -> Element:
    """The tree of a part in UTF-8; raises `PackageError` when it is malformed or has a DOCTYPE.

    Prefixes need not be declared, so that a row cut out of a sheet can be parsed by itself.
    """
    top = Element("", "", {}, 0, 0)
    open_elements = [top]
    parser = expat.ParserCreate("utf-8")

    count = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if count > _MOST_ELEMENTS:
            raise PackageError("too many elements")
        prefix, colon, local = name.rpartition(":")
        tag = _TAG.match(content, parser.CurrentByteIndex)
        assert tag  # the parser has just accepted it
        element = Element(prefix + colon, local, attributes, tag.start(), tag.end())
        open_elements[-1].children.append(element)
        open_elements.append(element)

    def end(_: str) -> None:
        element = open_elements.pop()
        element.close = element.end = element.inner
        if not content.endswith(b"/>", element.start, element.inner):
            element.close = parser.CurrentByteIndex
            element.end = content.index(b">", element.close) + 1

    def doctype(*_: object) -> None:
        raise PackageError("DOCTYPE")  # no part of a workbook has one, and entities are a way to do harm

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise PackageError(str(error)) from error
    return top.children[0]


def retagged(tag: bytes, changes: Mapping[str, str | None]) -> bytes:
    """A start tag, or markup that begins with one, with attributes set, or left out where the value is None."""
    first = _TAG.match(tag)
    assert first
    rest = tag[first.end() :]
    tag = first.group()
    for name, value in changes.items():
        wanted = b"" if value is None else f" {name}={quoteattr(value)}".encode()
        found = next((match for match in _ATTRIBUTE.finditer(tag) if match.group(1) == name.encode()), None)
        if found:
            tag = tag[: found.start()] + wanted + tag[found.end() :]
        elif wanted:
            cut = len(tag) - (2 if tag.endswith(b"/>") else 1)
            tag = tag[:cut].rstrip() + wanted + tag[cut:]
    return tag + rest


class Draft:
    """A part being edited. The tree is that of the part as it was: edits show in `content` alone.

    An element that is replaced or removed may have no edits inside it.
    """

    def __init__(self, content: bytes) -> None:
        self.source = utf8(content)
        self.root = parse(self.source)
        self._attributes: dict[Element, dict[str, str | None]] = {}
        self._appended: dict[Element, list[bytes]] = {}
        self._splices: list[tuple[int, int, bytes]] = []

    def markup(self, element: Element) -> bytes:
        """An element as the part has it."""
        return self.source[element.start : element.end]

    def text(self, element: Element) -> bytes:
        """What is between its tags, as written."""
        return self.source[element.inner : element.close]

    def set(self, element: Element, **attributes: str | None) -> None:
        """Set attributes, or take away those of value None."""
        self._attributes.setdefault(element, {}).update(attributes)

    def append(self, element: Element, markup: bytes) -> None:
        """Add inside an element, after what it has."""
        self._appended.setdefault(element, []).append(markup)

    def insert_before(self, element: Element, markup: bytes) -> None:
        """Add before an element."""
        self._splices.append((element.start, element.start, markup))

    def insert_after(self, element: Element, markup: bytes) -> None:
        """Add after an element."""
        self._splices.append((element.end, element.end, markup))

    def insert_ordered(self, markup: bytes, before: tuple[str, ...]) -> None:
        """Add to the root after the last of the children that the schema has before it; else as its first child."""
        known = [child for name in before for child in self.root.named(name)]
        if known:
            self.insert_after(max(known, key=lambda child: child.end), markup)
        elif self.root.children:
            self.insert_before(self.root.children[0], markup)
        else:
            self.append(self.root, markup)

    def replace(self, element: Element, markup: bytes) -> None:
        """Put something in an element's place."""
        self._splices.append((element.start, element.end, markup))

    def remove(self, element: Element) -> None:
        """Take an element away."""
        self.replace(element, b"")

    def content(self) -> bytes:
        """The part with its edits; the very bytes it was made of when there are none."""
        splices = list(self._splices)
        for element in {**self._attributes, **self._appended}:
            tag = retagged(self.source[element.start : element.inner], self._attributes.get(element, {}))
            added = b"".join(self._appended.get(element, ()))
            if added and element.end == element.inner:
                closing = f"</{element.prefix}{element.name}>".encode()
                splices.append((element.start, element.end, tag[:-2].rstrip() + b">" + added + closing))
                continue
            splices.append((element.start, element.inner, tag))
            if added:
                splices.append((element.close, element.close, added))
        pieces: list[bytes] = []
        done = 0
        for start, end, markup in sorted(splices, key=lambda splice: splice[:2]):
            pieces += (self.source[done:start], markup)
            done = end
        return b"".join((*pieces, self.source[done:]))
