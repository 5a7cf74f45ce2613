"""Workbooks back with their bad cells marked, and what a corrected one says of the rows it replaces."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import polars as pl

from kpicli.errors import StoreError
from kpicli.issues import Issue
from kpicli.mark import KEY_HEADING, LIST_SHEET, Finding, Headings, UnmarkableError, mark_package, mark_plain
from kpicli.messages import Language
from kpicli.read import RawSheet, Workbook
from kpicli.words import readable

_PACKAGES = (".xlsx", ".xlsm")
_MOST_LISTED = 50_000
_HEADINGS: Mapping[Language, Headings] = {
    "zh": Headings("工作表", "单元格", "列", "级别", "问题", "应怎样", "错误", "警告", "提示"),
    "en": Headings("Sheet", "Cell", "Column", "Severity", "What is wrong", "What to do", "error", "warning", "note"),
}


@dataclass(frozen=True)
class Fix:
    """Where marked copies go, and in which language."""

    folder: Path
    language: Language

    def write(self, workbook: Workbook, issues: Iterable[Issue], keys: Mapping[str, pl.DataFrame]) -> Path | None:
        """Write a marked copy of a workbook with problems; give its path, or None where there are none.

        `keys` are the rows by form (``sheet``, ``row``, ``key``): a bad cell of a row that counts carries its key, by
        which the corrected row replaces it. No file is overwritten. Raises `StoreError`.
        """
        findings = list(islice(self._findings(issues, _key_of(keys), workbook.sha256), _MOST_LISTED))
        if not workbook.sheets or all(finding.severity == "info" for finding in findings):
            return None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            return self._copy(workbook, findings)
        except OSError as error:
            raise StoreError("fix_unwritable", place=str(self.folder), why=error.strerror or "?") from error

    def _copy(self, workbook: Workbook, findings: Sequence[Finding]) -> Path:
        headings = _HEADINGS[self.language]
        name = Path(readable(workbook.path.name))
        if name.suffix.lower() in _PACKAGES:
            target = self._free(name)
            try:
                mark_package(workbook.path, target, findings, headings)
                return target
            except UnmarkableError:
                pass  # the name says xlsx and the content is something else: its text is written anew
        target = self._free(name.with_suffix(".xlsx"))
        mark_plain(workbook.sheets, target, findings, headings)
        return target

    def _free(self, name: Path) -> Path:
        """A name nobody has: the copy of an earlier run may hold corrections."""
        target, number = self.folder / name.name, 1
        while target.exists():
            number += 1
            target = self.folder / f"{name.stem} ({number}){name.suffix}"
        return target

    def _findings(
        self, issues: Iterable[Issue], keys: Mapping[tuple[str, int], tuple[str, str]], sha256: str
    ) -> Iterator[Finding]:
        for issue in issues:
            if issue.severity == "info" and issue.cell is None:
                continue
            column = (issue.cell or "").rstrip("0123456789") or None
            for row in issue.rows or (issue.row,):
                form, key = keys.get((issue.sheet or "", row or 0), ("", ""))
                yield Finding(
                    sheet=issue.sheet or "",
                    row=row,
                    column=column,
                    header=issue.column or "",
                    severity=issue.severity,
                    text=issue.message(self.language),
                    hint=issue.hint(self.language),
                    key=json.dumps([sha256, form, key], ensure_ascii=False),
                )


def _key_of(keys: Mapping[str, pl.DataFrame]) -> dict[tuple[str, int], tuple[str, str]]:
    """(Sheet, row) → form and key."""
    return {
        (sheet, row): (form, key)
        for form, rows in keys.items()
        for sheet, row, key in rows.select("sheet", "row", "key").iter_rows()
    }


@dataclass(frozen=True)
class Corrections:
    """What a marked copy says of itself."""

    keys: Mapping[str, list[str]]
    """Form → keys of the rows whose cells were marked."""
    replaced: frozenset[str]
    """Hash of the content it is a copy of."""


def corrections(sheet: RawSheet) -> Corrections | None:
    """Read the hidden column of a list of problems; None where the sheet is none."""
    if sheet.name != LIST_SHEET:
        return None
    letter = next((name for name in sheet.cells.columns if KEY_HEADING in sheet.cells[name].head(10)), None)
    keys: dict[str, list[str]] = {}
    replaced = set()
    for text in sheet.cells[letter].drop_nulls().unique(maintain_order=True) if letter else ():
        try:
            sha256, form, key = map(str, json.loads(text))
        except (ValueError, TypeError):
            continue  # the heading, or what somebody wrote there
        replaced.add(sha256)
        keys.setdefault(form, []).append(key)
    return Corrections(keys, frozenset(replaced))
