"""What a new workspace begins with: its settings with comments, a sheet for targets, scripts for the month's end."""

import io
import json
import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from kpicli.catalogue import Book, Form, Kpi
from kpicli.errors import StoreError
from kpicli.messages import Language, catalogue
from kpicli.periods import Month
from kpicli.present.rows import write_bytes
from kpicli.present.values import plain
from kpicli.present.words import word
from kpicli.workspace import FILE, Settings, Workspace, keys_of

TARGETS = "targets.xlsx"
SHELL, POWERSHELL = "month-end.sh", "month-end.ps1"


@dataclass(frozen=True)
class Item:
    """A file or folder of a new workspace."""

    name: str
    """From the workspace's folder; that of a folder ends in ``/``."""
    purpose: str
    """A key of the words: what it is for."""
    content: bytes | None
    """None for a folder."""


def items(
    workspace: Workspace, folder: Path, given: Mapping[str, str], month: Month, kpicli: str, language: Language
) -> list[Item]:
    """Everything that a workspace begins with; `given` is what its settings say, `month` that of its targets.

    Raises `UsageError` for an unknown book and `DefinitionError` for definitions with mistakes.
    """
    names, forms = workspace.settings, workspace.catalogue.forms
    book = workspace.catalogue.book(names.book)
    shell, powershell = scripts(folder, kpicli, language)
    return [
        Item(FILE, "starter_settings", settings(given, language).encode()),
        Item(TARGETS, "starter_targets", targets(book, forms["targets"], month, language)),
        Item(f"{names.inbox}/", "starter_inbox", None),
        Item(f"{names.reports}/", "starter_reports", None),
        Item("templates/", "starter_templates", None),
        Item(SHELL, "starter_sh", shell),
        Item(POWERSHELL, "starter_ps1", powershell),
    ]


def lay_out(folder: Path, items: Sequence[Item]) -> list[Item]:
    """Write what is not there yet into a folder, which is made; give what was written. Raises `StoreError`."""
    missing = [item for item in items if not os.path.lexists(folder / item.name)]
    for item in missing:
        path = folder / item.name
        place = path if item.content is None else path.parent
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError("output_failed", out=str(place), why=error.strerror or "?") from error
        if item.content is not None:
            write_bytes(item.content, path)
        if item.name == SHELL:
            mode = path.stat().st_mode
            path.chmod(mode | (mode & 0o444) >> 2)  # who may read it may run it
    return missing


# The settings


def settings(given: Mapping[str, str], language: Language) -> str:
    """A ``kpicli.toml`` with every key, its meaning and its default; only what was `given` is in force."""
    meanings = catalogue("settings")
    lines = [f"# {word('settings_head', language)}"]
    for key, default in keys_of(Settings()):
        table, _, name = key.rpartition(".")
        if table and f"[{table}]" not in lines:
            lines += ["", *_comment(meanings[table].text[language]), f"[{table}]"]
        assignment = f"{name} = {toml(given.get(key, default))}"
        lines += ["", *_comment(meanings[key].text[language]), assignment if key in given else f"# {assignment}"]
    return "\n".join(lines) + "\n"


def _comment(text: str) -> Iterator[str]:
    return (f"# {line}" for line in text.splitlines())


def toml(value: object) -> str:
    """A value of a setting as TOML writes it."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(toml, value))}]"
    return json.dumps(plain(value) if isinstance(value, str) else value, ensure_ascii=False)


# The scripts


class _Script(Template):
    """A script with places to fill in; what a shell calls ``$x`` is its own."""

    delimiter = "@@"


def scripts(folder: Path, kpicli: str, language: Language) -> tuple[bytes, bytes]:
    """What runs the month's end of a workspace, for sh and for PowerShell, with the paths known now."""
    shell = _filled(
        SHELL,
        language,
        folder=shlex.quote(str(folder)),
        kpicli=shlex.quote(kpicli),
        crontab=_on_a_line(shlex.quote(str(folder / SHELL))).replace("%", r"\%"),
    )
    action = f'powershell.exe -NoProfile -NonInteractive -ExecutionPolicy Bypass -File \\"{folder / POWERSHELL}\\"'
    power = _filled(
        POWERSHELL,
        language,
        folder=_in_powershell(str(folder)),
        kpicli=_in_powershell(kpicli),
        task=plain(folder.name).replace('"', ""),
        command=_on_a_line(f'"{action}"'),
    )
    return (
        shell.encode(errors="surrogateescape"),  # a path is bytes
        power.replace("\n", "\r\n").encode("utf-8-sig", errors="surrogateescape"),
    )


def _filled(name: str, language: Language, **places: str) -> str:
    """A script of the starter files with the lines of one language."""
    text = files("kpicli").joinpath("definitions", "starter", name).read_text(encoding="utf-8")
    other = "zh" if language == "en" else "en"
    lines = (line for line in text.splitlines(keepends=True) if not line.startswith(f"@@{other} "))
    return _Script("".join(line.removeprefix(f"@@{language} ") for line in lines)).substitute(places)


def _in_powershell(text: str) -> str:
    """A text in quotes; PowerShell takes the curly ones for quotes as well."""
    return "'" + re.sub("(['‘’‚‛])", r"\1\1", text) + "'"


def _on_a_line(text: str) -> str:
    """A text that cannot leave the comment it stands in."""
    return re.sub(r"[\r\n]", " ", text)


# The sheet for targets

_TOP = 6
"""The first line below the header, counted from 0."""
_ROOM = 60
"""So many lines more than KPIs, for consultants and models."""
_FILLED_IN, _MADE = ("value", "consultant", "model"), ("month", "measure")
"""Columns of the form that people fill, and those that formulas do."""
_COLUMNS = (*_FILLED_IN, *_MADE)
_WIDTHS = (26, 8, 14, 20, 14, 14, 26)


def can_have_a_target(kpi: Kpi) -> bool:
    """Whether a KPI is computed and has a better side."""
    return kpi.node is not None and kpi.direction != "none"


def targets(book: Book, form: Form, month: Month, language: Language) -> bytes:
    """A workbook to write targets into: a line for each KPI of the book, then empty ones for consultants and models.

    The form's own month and KPI are formulas that show once a line has a value. So a line without one is no row of the
    form, and the sheet is read without a finding as it is, empty or filled.
    """
    content = io.BytesIO()
    workbook = Workbook(content, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    sheet = workbook.add_worksheet(form.words[language])
    bold, title = workbook.add_format({"bold": True}), workbook.add_format({"bold": True, "font_size": 14})
    open_ = {"border": 4, "bg_color": "#FFF2CC"}
    text = workbook.add_format(open_ | {"num_format": "@"})
    number, rate = workbook.add_format(open_), workbook.add_format(open_ | {"num_format": "0.0%"})
    made = workbook.add_format({"font_color": "#808080"})
    sheet.write_string(0, 0, word("targets_title", language).format(book=book.words[language]), title)
    sheet.write_string(1, 0, word("month", language), bold)
    sheet.write_string(1, 1, str(month), text)
    sheet.write_string(2, 0, word("targets_fill", language))
    sheet.write_string(3, 0, word("targets_hand_in", language))
    head = {"bold": True, "align": "center", "valign": "vcenter", "bg_color": "#D9E1F2", "border": 1}
    _header(sheet, form, workbook.add_format(head), language)
    kpis = [kpi for kpi in book.kpis.values() if can_have_a_target(kpi)]
    end = _TOP + len(kpis)
    for line, kpi in enumerate(kpis, _TOP):
        sheet.write_string(line, 0, book.label_of(kpi.key, language))
        sheet.write_string(line, 1, kpi.unit)
        sheet.write_blank(line, 2, None, rate if kpi.unit == "%" else number)
    for line in range(end, end + _ROOM):
        sheet.write_blank(line, 0, None, text)
        sheet.write_blank(line, 2, None, number)
    for line in range(_TOP, end + _ROOM):
        for place in range(3, 2 + len(_FILLED_IN)):
            sheet.write_blank(line, place, None, text)
        empty = f'OR($A{line + 1}="",$C{line + 1}="")'
        for place, source in enumerate(("$B$2", f"$A{line + 1}"), 2 + len(_FILLED_IN)):
            sheet.write_formula(line, place, f'=IF({empty},"",{source})', made, "")
    choice = {"validate": "list", "source": f"=$A${_TOP + 1}:$A${end}"}
    sheet.data_validation(_TOP, 0, end + _ROOM - 1, 0, choice)
    sheet.freeze_panes(_TOP, 2)
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    workbook.close()
    return content.getvalue()


def _header(sheet: Worksheet, form: Form, style: Format, language: Language) -> None:
    """Two rows: who fills a column, and the header that the form is known by; what only helps has no header there."""
    for place, key in enumerate(("targets_kpi", "unit")):
        sheet.merge_range(_TOP - 2, place, _TOP - 1, place, word(key, language), style)
    made = 2 + len(_FILLED_IN)
    sheet.merge_range(_TOP - 2, 2, _TOP - 2, made - 1, word("targets_filled_in", language), style)
    sheet.merge_range(_TOP - 2, made, _TOP - 2, made + len(_MADE) - 1, word("targets_made", language), style)
    for place, key in enumerate(_COLUMNS, 2):
        label = form.columns[key].words
        sheet.write_string(_TOP - 1, place, label.zh if language == "zh" else f"{label.zh} {label.en}", style)
    for place, width in enumerate(_WIDTHS):
        sheet.set_column(place, place, width)
