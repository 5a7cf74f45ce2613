"""The parts of a package: read when asked for, replaced, added or dropped, and written in the order they had."""

import os
import posixpath
import shutil
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

from kpicli.opc.markup import Draft, Element

_TYPES = "[Content_Types].xml"
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"


@dataclass(frozen=True)
class Relation:
    """A link from one part to another."""

    id: str
    kind: str
    """Last segment of its type, such as ``worksheet``: the rest says transitional or strict."""
    target: str
    """Name of the part, without leading slash; whatever the target says when it is external."""


class Parts:
    """A package opened for editing. Names are found whatever their case, as the format demands."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._names = {name.lower(): name for name in archive.namelist()}
        self._changed: dict[str, bytes] = {}
        self._types: dict[str, str] = {}
        self._dropped: set[str] = set()

    def names(self) -> list[str]:
        """Every part there is now."""
        return [name for name in self._names.values() if name not in self._dropped]

    def has(self, name: str) -> bool:
        """Whether there is such a part."""
        return self._names.get(name.lower(), name) in self.names()

    def read(self, name: str) -> bytes:
        """The content of a part; raises KeyError when there is none."""
        name = self._names[name.lower()]
        return self._changed[name] if name in self._changed else self._archive.read(name)

    def write(self, name: str, content: bytes, content_type: str | None = None) -> None:
        """Replace a part, or add one with its content type."""
        name = self._names.setdefault(name.lower(), name)
        self._changed[name] = content
        self._dropped.discard(name)
        if content_type:
            self._types[name] = content_type

    def drop(self, name: str) -> None:
        """Take a part away; the links to it stay."""
        self._dropped.add(self._names.get(name.lower(), name))

    def free(self, pattern: str) -> str:
        """The first unused name: ``xl/comments{}.xml`` → ``xl/comments1.xml``."""
        number = 1
        while pattern.format(number).lower() in self._names:
            number += 1
        return pattern.format(number)

    def relations(self, part: str) -> list[Relation]:
        """The links of a part, or of the package for the empty name."""
        name = relations_part(part)
        if not self.has(name):
            return []
        return [
            Relation(
                element.attributes.get("Id", ""),
                element.attributes.get("Type", "").rpartition("/")[2],
                _resolved(part, element),
            )
            for element in Draft(self.read(name)).root.children
        ]

    def relate(self, part: str, kind: str, target: str) -> str:
        """Link a part to another by a type (whole URI), and give the id of the link."""
        name = relations_part(part)
        draft = Draft(self.read(name) if self.has(name) else f'<Relationships xmlns="{_RELATIONS}"/>'.encode())
        taken = {element.attributes.get("Id") for element in draft.root.children}
        number = len(taken) + 1
        while f"rId{number}" in taken:
            number += 1
        relative = posixpath.relpath(target, posixpath.dirname(part) or ".")
        link = f'Id="rId{number}" Type={quoteattr(kind)} Target={quoteattr(relative)}'
        draft.append(draft.root, f"<{draft.root.prefix}Relationship {link}/>".encode())
        self.write(name, draft.content())
        return f"rId{number}"

    def unrelate(self, part: str, targets: Sequence[str]) -> None:
        """Take away the links of a part to others."""
        draft = Draft(self.read(relations_part(part)))
        for element in draft.root.children:
            if _resolved(part, element) in targets:
                draft.remove(element)
        self.write(relations_part(part), draft.content())

    def save(self, target: Path) -> None:
        """Write the package whole or not at all, readable by its owner alone; OSError when it cannot be written."""
        self._declare()
        handle, draft = tempfile.mkstemp(".part", f".{target.name}.", target.parent)
        try:
            with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w") as archive:
                for name in self.names():
                    self._copy(name, archive)
            Path(draft).replace(target)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise

    def _copy(self, name: str, archive: zipfile.ZipFile) -> None:
        entry = zipfile.ZipInfo(name)
        entry.compress_type = zipfile.ZIP_DEFLATED
        if name in self._archive.NameToInfo:
            was = self._archive.getinfo(name)
            entry.date_time, entry.external_attr, entry.create_system = (
                was.date_time,
                was.external_attr,
                was.create_system,
            )
            if was.compress_type == zipfile.ZIP_STORED:
                entry.compress_type = zipfile.ZIP_STORED
        if name in self._changed:
            archive.writestr(entry, self._changed[name])
            return
        entry.file_size = self._archive.getinfo(name).file_size  # tells the writer whether 32 bits will do
        with self._archive.open(name) as source, archive.open(entry, "w") as copy:
            shutil.copyfileobj(source, copy, 1 << 20)

    def _declare(self) -> None:
        """Bring the list of content types up to date."""
        draft = Draft(self.read(_TYPES))
        gone = self._dropped | set(self._types)
        for element in draft.root.named("Override"):
            if self._names.get(element.attributes.get("PartName", "").lstrip("/").lower()) in gone:
                draft.remove(element)
        for name, content_type in self._types.items():
            declared = f"PartName={quoteattr('/' + name)} ContentType={quoteattr(content_type)}"
            draft.append(draft.root, f"<{draft.root.prefix}Override {declared}/>".encode())
        self.write(_TYPES, draft.content())


def relations_part(part: str) -> str:
    """Name of the part that holds the links of a part."""
    folder, name = posixpath.split(part)
    return posixpath.join(folder, "_rels", f"{name}.rels")


def _resolved(part: str, relation: Element) -> str:
    target = relation.attributes.get("Target", "")
    if relation.attributes.get("TargetMode") == "External":
        return target
    return posixpath.normpath(posixpath.join("/", posixpath.dirname(part), target)).lstrip("/")
