"""Workbooks back with their bad cells marked, and what a corrected one says of the rows it replaces."""

import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import polars as pl

from kpicli.errors import StoreError
from kpicli.issues import Issue
from kpicli.mark import KEY_HEADING, LIST_SHEET, Finding, Headings, mark_package, mark_plain
from kpicli.messages import Language
from kpicli.opc import PackageError
from kpicli.read import RawSheet, Workbook
from kpicli.words import readable

_PACKAGES = (".xlsx", ".xlsm")
_EARLIER: Mapping[Language, str] = {"zh": "上一份副本的更正记录，请保留", "en": "kept from an earlier copy"}
_MOST_LISTED = 50_000
_HEADINGS: Mapping[Language, Headings] = {
    "zh": Headings("工作表", "单元格", "列", "级别", "问题", "应怎样", "错误", "警告", "提示"),
    "en": Headings("Sheet", "Cell", "Column", "Severity", "What is wrong", "What to do", "error", "warning", "note"),
}


@dataclass(frozen=True)
class Corrections:
    """What a marked copy says of itself."""

    entries: tuple[tuple[str, str, str], ...] = ()
    """Hash of the content it is a copy of; form and key of a row whose cell was marked, or empty."""

    @property
    def replaced(self) -> frozenset[str]:
        """Hashes of the contents it is a copy of."""
        return frozenset(sha256 for sha256, _, _ in self.entries)

    def keys(self, form: str) -> list[str]:
        """Keys of the rows of a form whose cells were marked."""
        return [key for _, named, key in self.entries if named == form and key]


@dataclass(frozen=True)
class Fix:
    """Where marked copies go, and in which language."""

    folder: Path
    language: Language

    def write(
        self,
        workbook: Workbook,
        issues: Iterable[Issue],
        keys: Mapping[str, pl.DataFrame],
        earlier: Corrections,
    ) -> Path | None:
        """Write a marked copy of a workbook with problems; give its path, or None where there are none.

        `keys` are the rows by form (``sheet``, ``row``, ``key``): a bad cell of a row that counts carries its key, by
        which the corrected row replaces it; what the workbook corrects itself (`earlier`) goes on. No file is
        overwritten, and a copy of the same content that is there already is left alone. Raises `StoreError`.
        """
        findings = list(islice(self._findings(issues, _keys_at(keys), workbook.sha256), _MOST_LISTED))
        if not workbook.sheets or all(finding.severity == "info" for finding in findings):
            return None
        findings += [
            Finding("", None, None, "", "info", _EARLIER[self.language], "", json.dumps([entry], ensure_ascii=False))
            for entry in earlier.entries
        ]
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            return self._copy(workbook, findings, _origin(workbook.sha256, earlier))
        except OSError as error:
            raise StoreError("fix_unwritable", place=str(self.folder), why=error.strerror or "?") from error

    def _copy(self, workbook: Workbook, findings: Sequence[Finding], origin: str) -> Path | None:
        headings = _HEADINGS[self.language]
        name = Path(readable(workbook.path.name))
        name = name.with_name(_short(name.stem) + name.suffix)
        try:
            if zipfile.is_zipfile(workbook.path):  # whatever its name says
                same = name if name.suffix.lower() in _PACKAGES else name.with_suffix(".xlsx")
                target, there = self._free(same, workbook.sha256)
                if not there:
                    mark_package(workbook.path, target, findings, headings, origin)
                return target
        except PackageError:
            pass  # another kind of package: its text is written anew
        try:
            target, there = self._free(name.with_suffix(".xlsx"), workbook.sha256)
            if not there:
                mark_plain(workbook.sheets, target, findings, headings, origin)
        except PackageError:
            return None
        return target

    def _free(self, name: Path, sha256: str) -> tuple[Path, bool]:
        """A name nobody has (the copy of an earlier run may hold corrections), or the copy of this content."""
        target, number = self.folder / name.name, 1
        while target.exists():
            if _tells(target, sha256):
                return target, True
            number += 1
            target = self.folder / f"{name.stem} ({number}){name.suffix}"
        return target, False

    def _findings(
        self, issues: Iterable[Issue], keys: Mapping[tuple[str, int], list[tuple[str, str]]], sha256: str
    ) -> Iterator[Finding]:
        for issue in issues:
            if issue.severity == "info" and issue.cell is None:
                continue
            column = (issue.cell or "").rstrip("0123456789") or None
            for row in issue.rows or (issue.row,):
                here = keys.get((issue.sheet or "", row or 0)) or [("", "")]
                yield Finding(
                    sheet=issue.sheet or "",
                    row=row,
                    column=column,
                    header=issue.column or "",
                    severity=issue.severity,
                    text=issue.message(self.language),
                    hint=issue.hint(self.language),
                    key=json.dumps([[sha256, form, key] for form, key in here], ensure_ascii=False),
                )


def _origin(sha256: str, earlier: Corrections) -> str:
    """The hashes of the contents that a copy is of, the latest first; as many as a defined name holds."""
    return " ".join(list(dict.fromkeys([sha256, *sorted(earlier.replaced)]))[:3])


def _short(stem: str) -> str:
    """A stem that leaves room in a file name of 255 bytes."""
    return stem.encode()[:180].decode(errors="ignore")


def _tells(path: Path, sha256: str) -> bool:
    """Whether a file is a marked copy of this content: its hidden name says so."""
    try:
        with zipfile.ZipFile(path) as archive:
            return sha256.encode() in archive.read("xl/workbook.xml")
    except (zipfile.BadZipFile, KeyError, OSError, RuntimeError):
        return False


def _keys_at(keys: Mapping[str, pl.DataFrame]) -> dict[tuple[str, int], list[tuple[str, str]]]:
    """(Sheet, row) → the forms that have a record there, with its key."""
    found: dict[tuple[str, int], list[tuple[str, str]]] = {}
    for form, rows in keys.items():
        for sheet, row, key in rows.select("sheet", "row", "key").iter_rows():
            found.setdefault((sheet, row), []).append((form, key))
    return found


def corrections(workbook: Workbook) -> Corrections:
    """What a workbook says it corrects: its list of problems, or what it is a copy of where that was deleted."""
    entries: dict[tuple[str, str, str], None] = {(sha256, "", ""): None for sha256 in workbook.origin.split()}
    for sheet in filter(is_list, workbook.sheets):
        letter = next(name for name in sheet.cells.columns if KEY_HEADING in sheet.cells[name].head(10))
        for text in sheet.cells[letter].drop_nulls().unique(maintain_order=True):
            try:
                for sha256, form, key in json.loads(text):
                    entries[str(sha256), str(form), str(key)] = None
            except (ValueError, TypeError):
                continue  # the heading, or what somebody wrote there
    return Corrections(tuple(entries))


def is_list(sheet: RawSheet) -> bool:
    """Whether a sheet is the list of problems of a marked copy."""
    return sheet.name == LIST_SHEET and any(KEY_HEADING in sheet.cells[name].head(10) for name in sheet.cells.columns)
