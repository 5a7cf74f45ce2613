"""A month's end for people: its summary, the files beside the templates, runs and how they differ."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import tzinfo
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from kpicli.catalogue import Book, Catalogue
from kpicli.kpi import Report
from kpicli.messages import Language
from kpicli.pipeline.month_end import Difference, Plan, Results, Run
from kpicli.pipeline.month_end.record import Note
from kpicli.present import followups, json, terminal
from kpicli.present import funnel as funnels
from kpicli.present import page as pages
from kpicli.present.rows import write_bytes
from kpicli.present.terminal import SEVERITY_STYLE, moment, table_of
from kpicli.present.values import number, plain
from kpicli.present.words import word

SUMMARY = ("summary.txt", "summary.md")
_WIDTH = 120
"""Of the tables in text files."""


def write(results: Results, folder: Path, zone: tzinfo, language: Language) -> list[Path]:
    """Write the report as JSON, text and page, the funnel as JSON, and the follow-up list; raise `StoreError`."""
    report = results.report
    files = {
        "report.json": _json(json.report(report)),
        "report.txt": _text(terminal.report(report, zone, language, leagues=tuple(report.by))),
    }
    if results.funnel:
        files["funnel.json"] = _json(funnels.document(results.funnel, None, language, show_pii=False))
    if results.due:
        name = " ".join(filter(None, (report.month, report.dealer, word("followup_list", language))))
        files[f"{name}.xlsx"] = followups.workbook(results.due, language)
    written = [folder / name for name in files]
    for path, content in zip(written, files.values(), strict=True):
        write_bytes(content, path)
    return written + (pages.write([results.page], folder, zone, language) if results.page else [])


def _json(document: Mapping[str, Any]) -> bytes:
    return (json.text(document) + "\n").encode()


def _text(parts: Iterable[RenderableType]) -> bytes:
    return terminal.render(parts, width=_WIDTH, colour=False).encode()


# The summary


def subject(run: Run, language: Language) -> str:
    """One line that says how it ended."""
    state = (
        "stopped" if run.exit_code == 5 else "failed" if run.exit_code == 4 else "with_notes" if run.notes else "done"
    )
    parts = (run.dealer, run.month, word(f"month_end_{state}", language))
    return " ".join(filter(None, parts))


def summary(run: Run, results: Results, language: Language) -> str:
    """What a run came to, below its subject, as plain text; no customer is named in it."""
    blocks = [[title, *(f"  {line}" for line in lines)] for title, lines in _blocks(run, results, language)]
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def summary_markdown(run: Run, results: Results, language: Language) -> str:
    """The same as Markdown: bold titles and lists, which group robots show or leave readable."""
    pieces = []
    for title, lines in _blocks(run, results, language):
        pieces.append(f"**{_markdown(title)}**\n" + "\n".join(f"- {_markdown(line)}" for line in lines))
    return "\n\n".join(pieces) + "\n"


def _blocks(run: Run, results: Results, language: Language) -> Iterator[tuple[str, list[str]]]:
    """The parts of a summary: title and lines."""
    if not results.stopped:
        yield word("summary_numbers", language), list(_numbers(results.report, language))
    if results.funnel:
        steps = [
            f"{step.stage.words[language]} {step.count}"
            + (f" ({step.from_previous:.1%})" if step.from_previous is not None else "")
            for step in results.funnel.whole.chain
        ]
        yield word("summary_funnel", language), [" → ".join(steps)]
    told = [note for note in run.notes if note.severity != "info"]
    if told:
        yield word("summary_notes", language), [_note(note) for note in sorted(told, key=_gravity)]
    account = results.report.account
    counts = {"files": len(run.inputs), "stored": f"{sum(entry.stored for entry in run.inputs):,}"}
    counts |= {"all": account.files, "data": f"{account.data:,}", "aside": f"{account.set_aside:,}"}
    yield word("summary_data", language), [word("summary_counts", language).format(**counts)]
    files = [output.file for output in run.outputs if output.file not in SUMMARY]
    if files:
        yield word("summary_files", language), files


def _numbers(report: Report, language: Language) -> Iterator[str]:
    """The KPIs that the book ranks by, and those with a target."""
    book, total = report.book, report.total
    wanted = [key for key in book.kpis if key in book.league or total.kpis[key].target is not None]
    for key in wanted:
        kpi, found = book.kpis[key], total.kpis[key]
        line = f"{book.label_of(key, language)} {number(found.value, kpi.unit)}"
        if found.target is not None:
            line += f"  {word('target', language)} {number(found.target, kpi.unit)}"
        if found.status:
            line += f"  {word(found.status, language)}"
        if found.previous is not None:
            line += f"  {word('previous', language)} {number(found.previous, kpi.unit)}"
        yield line


def _note(note: Note) -> str:
    count = f" ×{note.count}" if note.count > 1 else ""
    return f"{note.message}{count}" + (f" → {note.hint}" if note.hint else "")


def _gravity(note: Note) -> int:
    return ("error", "warning", "info").index(note.severity)


def _markdown(text: str) -> str:
    """Text that Markdown shows as it is."""
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>#|" else letter for letter in text)


def write_summary(run: Run, results: Results, folder: Path, language: Language) -> list[Path]:
    """Write the summary as text and as Markdown; raise `StoreError`."""
    title = subject(run, language)
    texts = (
        f"{title}\n\n{summary(run, results, language)}",
        f"## {_markdown(title)}\n\n{summary_markdown(run, results, language)}",
    )
    written = [folder / name for name in SUMMARY]
    for path, text in zip(written, texts, strict=True):
        write_bytes(text.encode(), path)
    return written


def nothing_new(run: Run, zone: tzinfo, language: Language) -> list[RenderableType]:
    """That there is nothing to do, and where the reports are."""
    told = word("month_unchanged", language).format(month=run.month, time=moment(run.finished or run.started, zone))
    return [Text(told)]


# Plans and runs


def planned(found: Plan, catalogue: Catalogue, language: Language) -> list[RenderableType]:
    """What a run would do."""
    parts: list[RenderableType] = [*terminal.ingested(found.ingested, catalogue, language)]
    parts.append(Text(f"{word('month', language)}: {found.month or word('by_what_is_read', language)}"))
    parts.append(Text(f"→ {plain(str(found.folder))}/{found.month or '…'}/"))
    parts += [Text(f"  {plain(Path(name).stem)}") for name in found.templates]
    if found.others:
        names = ", ".join(plain(path.name) for path in found.others)
        parts.append(Text(f"{word('not_tables', language)} {names}", style="yellow"))
    return parts


def plan_document(found: Plan, language: Language) -> dict[str, Any]:
    """The same as JSON."""
    return {
        "command": "month-end",
        "dry_run": True,
        "month": found.month,
        "ingest": json.ingested(found.ingested, "ingest", language),
        "others": [path.name for path in found.others],
        "templates": list(found.templates),
        "reports": str(found.folder),
    }


def listed(found: Iterable[Run], zone: tzinfo, language: Language) -> list[RenderableType]:
    """Every run, the oldest first."""
    heads = ("run", "month", "ended", "exit_code", "files_read", "set_aside", "notes", "files_written")
    table = table_of(*((word(head, language), "left" if place < 3 else "right") for place, head in enumerate(heads)))
    for run in found:
        table.add_row(
            run.id,
            run.month,
            moment(run.finished, zone) if run.finished else word("unfinished", language),
            "—" if run.exit_code is None else str(run.exit_code),
            str(len(run.inputs)),
            str(sum(entry.set_aside for entry in run.inputs)),
            str(sum(note.severity != "info" for note in run.notes)),
            str(len(run.outputs)),
        )
    return [table]


def told(notes: Iterable[Note]) -> list[RenderableType]:
    """Notes, the gravest first."""
    return [
        Text(f"• {plain(_note(note))}", style=SEVERITY_STYLE[note.severity]) for note in sorted(notes, key=_gravity)
    ]


def run(found: Run, zone: tzinfo, language: Language) -> list[RenderableType]:
    """One run with everything that it read, found and wrote."""
    ended = moment(found.finished, zone) if found.finished else word("unfinished", language)
    head = f"{found.id}  {found.dealer or ''}  {found.month}  {found.book}"
    parts: list[RenderableType] = [Text(" ".join(head.split()), style="bold")]
    times = " · ".join(f"{step} {seconds:.1f} s" for step, seconds in found.seconds.items())
    parts.append(Text(f"{moment(found.started, zone)} – {ended}  {times}", style="dim"))
    parts.append(Text(f"kpicli {found.kpicli}  {word('definitions', language)} {found.definitions[:12]}", style="dim"))
    if found.inputs:
        heads = ("file", "read_as", "rows", "stored", "unchanged", "set_aside")
        table = table_of(
            *((word(head, language), "left" if head in ("file", "read_as") else "right") for head in heads)
        )
        for entry in found.inputs:
            counts = (entry.rows, entry.stored, entry.unchanged, entry.set_aside)
            table.add_row(plain(entry.file), word(f"state_{entry.status}", language), *map(str, counts))
        parts.append(table)
    parts += told(found.notes)
    parts += [Text(f"→ {plain(output.file)}") for output in found.outputs]
    parts += [
        Text(f"→ {channel}: {word('sent' if ok else 'not_sent', language)}") for channel, ok in found.sent.items()
    ]
    return parts


def difference(found: Difference, catalogue: Catalogue, language: Language) -> list[RenderableType]:
    """What changed between two runs, and what may be why."""
    parts: list[RenderableType] = [
        Text(f"{found.before.id} {found.before.month}  →  {found.after.id} {found.after.month}", style="bold")
    ]
    book = catalogue.books.get(found.after.book)
    heads = (("what", "left"), ("before", "right"), ("after", "right"), ("change", "right"))
    table = table_of(*((word(head, language), side) for head, side in heads))
    for key, (before, after) in {**found.kpis, **found.measures}.items():
        unit = book.kpis[key].unit if book and key in book.kpis else ""
        change = after - before if after is not None and before is not None else None
        table.add_row(_label(book, key, language), number(before, unit), number(after, unit), _signed(change, unit))
    parts.append(table if table.row_count else Text(word("same_numbers", language), style="dim"))
    for key, (one, other) in found.forms.items():
        form = catalogue.forms.get(key)
        label = form.words[language] if form else key
        parts.append(Text(f"{plain(label)}: {one:,} → {other:,} {word('rows', language)}"))
    if found.inputs:
        names = ", ".join(f"{plain(entry.file)} (+{entry.stored:,})" for entry in found.inputs)
        parts.append(Text(f"{word('read_between', language)} {names}"))
    if found.definitions:
        parts.append(Text(word("other_definitions", language), style="yellow"))
    if found.program:
        parts.append(Text(f"kpicli {found.before.kpicli} → {found.after.kpicli}", style="yellow"))
    parts += [
        Text(f"kpicli.toml {key}: {plain(str(one))} → {plain(str(other))}", style="yellow")
        for key, (one, other) in found.config.items()
    ]
    gone, come = found.notes
    parts += [Text(f"− {plain(_note(note))}", style="dim") for note in gone]
    parts += [Text(f"+ {plain(_note(note))}", style=SEVERITY_STYLE[note.severity]) for note in come]
    return parts


def difference_document(found: Difference) -> dict[str, Any]:
    """The same as JSON."""

    def pairs(changes: Mapping[str, tuple[Any, Any]]) -> dict[str, Any]:
        return {key: {"before": before, "after": after} for key, (before, after) in changes.items()}

    gone, come = found.notes
    return {
        "command": "runs diff",
        "before": {"id": found.before.id, "month": found.before.month},
        "after": {"id": found.after.id, "month": found.after.month},
        "kpis": pairs(found.kpis),
        "measures": pairs(found.measures),
        "forms": pairs(found.forms),
        "inputs": [vars(entry) for entry in found.inputs],
        "definitions": found.definitions,
        "program": found.program,
        "config": pairs(found.config),
        "notes": {"gone": [vars(note) for note in gone], "new": [vars(note) for note in come]},
    }


def _label(book: Book | None, key: str, language: Language) -> str:
    known = book is not None and (key in book.kpis or key in book.measures)
    return book.label_of(key, language) if book and known else key


def _signed(change: float | None, unit: str) -> str:
    if change is None:
        return "—"
    if unit == "%":
        return f"{100 * change:+.1f}"
    return f"{change:+,.10g}"
