"""Fill a template: an xlsx designed in Excel, its marks replaced and its blocks repeated, given back whole."""

import lzma
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from kpicli.fill.book import Book, Mistake
from kpicli.fill.checks import doubts, mistakes
from kpicli.fill.marks import PathError, Scope
from kpicli.opc import PackageError
from kpicli.opc.parts import Parts

_DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError)
_LARGEST = 256 << 20
"""Bytes of all parts of a template together."""


class TemplateError(ValueError):
    """A template with mistakes; all of them."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__(f"{len(mistakes)} mistakes")
        self.mistakes = tuple(mistakes)


def fill(template: Path, target: Path, scope: Scope) -> None:
    """Write a copy of a template with its marks filled; whole or not at all, for its owner alone to read.

    Raises `TemplateError` for marks that stand for nothing, `PackageError` for what is no workbook that can be edited,
    OSError when it cannot be read or the target not written.
    """
    with _opened(template) as archive:
        book = Book(Parts(archive))
        found = mistakes(book, scope)
        if found:
            raise TemplateError(found)
        try:
            book.filled(scope).save(target)
        except PathError as error:  # a path that the first row of a list has and another one lacks
            raise TemplateError([Mistake("", "", "unknown_path", "", str(error))]) from error


def refused(template: Path, scope: Scope) -> tuple[Mistake, ...]:
    """What keeps a template from being filled; raises `PackageError` and OSError as `fill` does."""
    with _opened(template) as archive:
        return tuple(mistakes(Book(Parts(archive)), scope))


def check(template: Path, scope: Scope) -> tuple[Mistake, ...]:
    """What keeps a template from being filled, and then what may not be meant so; raises as `fill` does."""
    with _opened(template) as archive:
        book = Book(Parts(archive))
        return *mistakes(book, scope), *doubts(book, scope)


def marks(template: Path) -> list[tuple[str, str, str]]:
    """Every mark of a template: sheet, cell, and what it says."""
    with _opened(template) as archive:
        return Book(Parts(archive)).said()


class _opened:
    """A template's archive; what is wrong with it is a `PackageError`."""

    def __init__(self, template: Path) -> None:
        self.template = template

    def __enter__(self) -> zipfile.ZipFile:
        try:
            self.archive = zipfile.ZipFile(self.template)
            if sum(entry.file_size for entry in self.archive.infolist()) > _LARGEST:
                raise PackageError("too large")
        except _DAMAGED as error:
            raise PackageError(str(error)) from error
        return self.archive

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        self.archive.close()
        wrong = (*_DAMAGED, RuntimeError, KeyError, IndexError, UnicodeDecodeError)
        if kind and (issubclass(kind, wrong) or kind is ValueError):
            raise PackageError(str(error)) from error
