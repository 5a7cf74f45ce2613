"""A whole month's end, from the inbox to the record."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from kpicli.errors import KpicliError, NothingToReport, StoreError, UsageError
from kpicli.formula import Number
from kpicli.kpi import LISTS, Report
from kpicli.loading import fingerprint
from kpicli.messages import Language, catalogue, fill
from kpicli.periods import Month
from kpicli.pipeline.asked import BY
from kpicli.pipeline.followups import Due, followups
from kpicli.pipeline.funnel import Funnelled, checked, of_report
from kpicli.pipeline.ingest import CHECKS, FileAccount, Ingested
from kpicli.pipeline.month_end.gates import Gate, gates
from kpicli.pipeline.month_end.inbox import PROBLEMS, copies_in, put_away, waiting
from kpicli.pipeline.month_end.lock import alone
from kpicli.pipeline.month_end.record import Input, Note, Output, Run, free_id, latest
from kpicli.pipeline.months import find_month
from kpicli.pipeline.page import Paged, paged
from kpicli.pipeline.report import report
from kpicli.pipeline.status import Status, status
from kpicli.pipeline.templates import fill_report, find
from kpicli.store import Store
from kpicli.workspace import Workspace, keys_of

_NAMED = 6
"""So many files are named in a note; the record names all."""
TARGETS = "targets.xlsx"
"""The sheet of targets that `kpicli init` lays into a workspace; read each time, and left where it is."""


@dataclass(frozen=True)
class Results:
    """What a month's end has to show."""

    report: Report
    gates: tuple[Gate, ...]
    funnel: Funnelled | None = None
    """None for a book without one."""
    due: Due | None = None
    """None for a book without levels, or where there are no intentions."""
    page: Paged | None = None
    """None where a gate keeps the reports back."""

    @property
    def stopped(self) -> bool:
        """Whether a gate keeps the reports back; then there is neither funnel nor list."""
        return any(gate.stops and not gate.kept for gate in self.gates)


@dataclass(frozen=True)
class Job:
    """What a run is asked to do, and what only its caller can do for it."""

    workspace: Workspace
    month: str
    """``2026-10``, ``this`` or ``last``."""
    book: str | None
    language: Language
    version: str
    """Of kpicli."""
    now: Callable[[], datetime]
    timer: Callable[[], float]
    """A clock in seconds that never goes back."""
    read: Callable[[Sequence[Path], Path | None], Ingested]
    """Read files into the store, with marked copies in a folder; with None only look at them."""
    write: Callable[[Results, Path], list[Path]]
    """Write what is no template into the folder of the month."""
    tell: Callable[[Run, Results, Path], "Told"]
    """Write and send the summary."""
    warn: Callable[[Sequence[Note]], None]
    """Say at once what was found, where an error ends the run before there is a summary."""


@dataclass(frozen=True)
class Told:
    """What became of the summary."""

    files: tuple[Path, ...]
    arrived: Mapping[str, bool]
    """Where it was sent → whether it arrived."""
    notes: tuple[Note, ...]
    """What went wrong on the way; the reports are none the worse for it."""


@dataclass(frozen=True)
class Done:
    """How a run ended."""

    run: Run
    fresh: bool
    """Whether anything was done: not where there was nothing new since the run that is given."""
    results: Results | None
    """None where there was nothing new."""


@dataclass(frozen=True)
class Plan:
    """What a run would do."""

    month: str | None
    """None where it follows from what is to be read."""
    ingested: Ingested
    others: tuple[Path, ...]
    """Files in the inbox that are no tables."""
    templates: tuple[str, ...]
    folder: Path


def plan(job: Job) -> Plan:
    """Look at the inbox and say what a run would do; nothing is written."""
    workspace = job.workspace
    found = waiting(workspace.inbox)
    month: str | None = None
    try:
        today = job.now().astimezone(workspace.settings.zone).date()
        month = str(find_month(Store(workspace.store), workspace.catalogue, job.month, today))
    except NothingToReport:
        month = None if job.month in ("last", "this") else job.month
    ingested = job.read([*found.files, *_targets(workspace)], None)
    return Plan(month, ingested, found.others, workspace.templates, workspace.reports)


def month_end(job: Job) -> Done:
    """Read the inbox, check, report, write, tell, and leave a record.

    It may be run again at any point: what was read is not read twice, and where nothing changed since the last run
    nothing is done. Raises `StoreError` when another run is under way or something cannot be written,
    `NothingToReport` when there is no data, `DefinitionError` for definitions with mistakes.
    """
    workspace = job.workspace
    assert workspace.folder  # the command asks for a workspace
    with alone(workspace.folder):
        return _Running(job).whole()


class _Running:
    """A run under way."""

    def __init__(self, job: Job) -> None:
        self.job, self.workspace = job, job.workspace
        self.started = job.now().astimezone(job.workspace.settings.zone)
        self.today = self.started.date()
        self.seconds: dict[str, float] = {}
        self.notes: list[Note] = []

    def whole(self) -> Done:
        with self._timed("read"):
            accounts = self._read()
        try:
            return self._after(accounts)
        except KpicliError:
            self.job.warn(self.notes)
            raise

    def _after(self, accounts: Sequence[FileAccount]) -> Done:
        """What follows the reading."""
        month = self._month(bool(accounts))
        folder = self.workspace.reports / str(month)
        run = self._begun(month, accounts)
        before = latest(self.workspace.reports, str(month))
        same = before and before.wrote and before.state == run.state
        if before and same and not accounts and all(output.is_there(folder) for output in before.outputs):
            return Done(before, fresh=False, results=None)
        run.write(folder)
        try:
            return self._reported(run, month, folder)
        except KpicliError as error:
            note = Note(error.code, "error", error.message(self.job.language), error.hint(self.job.language))
            notes = (*run.notes, *self.notes, note)
            replace(run, finished=self.job.now(), exit_code=error.exit_code, notes=notes).write(folder)
            raise

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        begun = self.job.timer()
        yield
        self.seconds[step] = round(self.job.timer() - begun, 3)

    def _note(self, code: str, *, severity: str = "", file: str = "", **values: str) -> None:
        self.notes.append(Note.of(code, values, self.job.language, severity=severity, file=file))

    # Reading

    def _read(self) -> list[FileAccount]:
        """Read what waits in the inbox, put it away, and say what is to be said of it."""
        inbox = self.workspace.inbox
        found = waiting(inbox)
        targets = _targets(self.workspace)
        if found.others:
            self._note("not_a_table", files=", ".join(path.name for path in found.others))
        if not found.files and not targets:
            return []
        there = copies_in(inbox)
        ingested = self.job.read([*found.files, *targets], inbox / PROBLEMS)
        accounts = put_away(ingested.files, inbox, self.today, self.job.language, there)
        self._told(accounts)
        return [account for account in accounts if account.file not in targets or account.status != "unchanged"]

    def _told(self, accounts: Sequence[FileAccount]) -> None:
        """What is to be said of what was read."""
        language = self.job.language
        aside: dict[str, int] = {}
        late: dict[str, dict[str, int]] = {}
        for account in accounts:
            name = account.file.name
            if account.unread:
                places = (f"{issue.sheet}: " if issue.sheet else "" for issue in account.unread)
                why = "; ".join(
                    place + issue.message(language) for place, issue in zip(places, account.unread, strict=True)
                )
                code = "file_refused" if account.status == "refused" else "sheet_refused"
                self._note(code, file=name, name=name, why=why)
            if account.status == "partly":
                aside[name] = sum(sheet.set_aside for sheet in account.sheets)
            for issue in account.issues:
                if issue.code in CHECKS and account.status != "unchanged":
                    told = (issue.code, issue.severity, f"{name}: {issue.message(language)}", issue.hint(language))
                    self.notes.append(Note(*told, file=name))
            for month, count in (entry for change in account.changes for entry in change.late.items()):
                files = late.setdefault(month, {})
                files[name] = files.get(name, 0) + count
        place = f"{self.workspace.settings.inbox}/{PROBLEMS}"
        if sum(aside.values()):
            self._note("rows_set_aside", count=f"{sum(aside.values()):,}", files=_counts(aside), place=place)
        for month, files in sorted(late.items()):
            self._note("late_rows", month=month, count=f"{sum(files.values()):,}", files=_counts(files))

    # Which month, and what it follows from

    def _month(self, read: bool) -> Month:
        workspace = self.workspace
        month = find_month(Store(workspace.store), workspace.catalogue, self.job.month, self.today)
        expected = Month.of(self.today).previous
        if self.job.month == "last" and month < expected:
            before = latest(workspace.reports, str(month))
            names = {"month": str(expected), "inbox": str(workspace.inbox), "last": str(month)}
            if not read and before and before.wrote:
                raise NothingToReport("month_not_in", **names)
            self._note("month_behind", **names)
        return month

    def _begun(self, month: Month, accounts: Sequence[FileAccount]) -> Run:
        workspace = self.workspace
        config = {key: _plain(value) for key, value in keys_of(workspace.settings)}
        definitions = fingerprint(workspace.folder)
        book = self.job.book or workspace.settings.book
        templates = [
            f"{name} {sha256(find(workspace.folder, name).read_bytes()).hexdigest()}"
            for name in workspace.templates
            if _there(workspace, name)
        ]
        events = Store(workspace.store).state.events
        said = [str(month), book, self.job.version, definitions, str(config), str(events["seq"].max()), str(self.today)]
        return Run(
            id=free_id(workspace.reports / str(month), f"{self.started:%Y%m%d-%H%M%S}"),
            month=str(month),
            dealer=None,
            book=book,
            started=self.started,
            kpicli=self.job.version,
            definitions=definitions,
            config=config,
            state=sha256("\n".join([*said, *templates]).encode()).hexdigest(),
            inputs=tuple(_input(account, workspace.inbox) for account in accounts),
        )

    # Reporting

    def _reported(self, run: Run, month: Month, folder: Path) -> Done:
        with self._timed("report"):
            results, told = self._computed(month)
        written: list[Path] = []
        if not results.stopped:
            with self._timed("templates"):
                written += self._filled(results.report, folder)
            with self._timed("files"):
                written += self.job.write(results, folder)
        total = results.report.total
        run = replace(
            run,
            dealer=results.report.dealer,
            notes=tuple(self.notes),
            gates={gate.key: gate.kept for gate in results.gates},
            forms={one.form.key: one.rows for one in told.months if one.month == str(month)},
            measures={key: _number(value) for key, value in total.measures.items()},
            kpis={
                key: {
                    "value": _number(found.value),
                    "numerator": _number(found.numerator),
                    "denominator": _number(found.denominator),
                }
                for key, found in total.kpis.items()
            },
            outputs=tuple(Output.of(path, folder) for path in written),
            exit_code=self._exit_code(results),
        )
        with self._timed("tell"):
            sent = self.job.tell(run, results, folder)
        run = replace(
            run,
            outputs=(*run.outputs, *(Output.of(path, folder) for path in sent.files)),
            sent=sent.arrived,
            notes=(*run.notes, *sent.notes),
            seconds=self.seconds,
            finished=self.job.now(),
        )
        run.write(folder)
        return Done(run, fresh=True, results=results)

    def _computed(self, month: Month) -> tuple[Results, Status]:
        """The report, held against the gates; and with the records held against each other, unless a gate stops it."""
        workspace, today, book = self.workspace, self.today, self.job.book
        by = list(dict.fromkeys([*BY, *LISTS]))
        found, issues = report(workspace, str(month), book=book, by=by, today=today)
        language = self.job.language
        for issue in issues:
            self.notes.append(Note(issue.code, issue.severity, issue.message(language), issue.hint(language)))
        told = status(workspace, today=today)
        held = tuple(gates(workspace, found, told, month))
        for gate in held:
            if not gate.kept:
                severity = "error" if gate.stops else "warning"
                self.notes.append(Note.of(f"gate_{gate.key}", gate.values, language, severity=severity))
        results = Results(found, held)
        if results.stopped:
            return results, told
        house = found.book
        findings = checked(workspace, str(month), book=book, today=today)
        for finding in findings:
            entry = catalogue("findings")[finding.code]
            message, hint = (fill(text, finding.values, language) for text in (entry.text, entry.hint))
            self.notes.append(Note(finding.code, entry.severity, message, hint, count=finding.count))
        funnelled = replace(of_report(found), findings=findings) if house.funnels else None
        due = None
        if house.levels:
            try:
                due = followups(workspace, book=book, today=today)
            except NothingToReport:
                due = None
        page = paged(workspace, found)
        return replace(results, funnel=funnelled, due=due, page=page), told

    def _filled(self, found: Report, folder: Path) -> list[Path]:
        """The templates of the workspace, each by itself: one that is broken does not keep the others back."""
        written: list[Path] = []
        for name in self.workspace.templates:
            try:
                written += fill_report(self.workspace, [found], [name], folder, now=self.started)
            except UsageError as error:
                why = error.message(self.job.language)
                self._note("template_failed", name=Path(name).stem, why=why)
        return written

    def _exit_code(self, results: Results) -> int:
        codes = {note.code for note in self.notes}
        if results.stopped:
            return NothingToReport.exit_code
        if "template_failed" in codes:
            return StoreError.exit_code
        if codes & {"file_refused", "sheet_refused"}:
            return 3
        return 1 if any(note.severity != "info" for note in self.notes) else 0


def _targets(workspace: Workspace) -> list[Path]:
    path = (workspace.folder or Path()) / TARGETS
    return [path] if path.is_file() else []


def _there(workspace: Workspace, name: str) -> bool:
    try:
        return find(workspace.folder, name).is_file()
    except UsageError:
        return False


def _input(account: FileAccount, inbox: Path) -> Input:
    file = account.file.relative_to(inbox) if account.file.is_relative_to(inbox) else Path(account.file.name)
    counts = ("rows", "stored", "unchanged", "set_aside")
    rows = (sum(getattr(sheet, count) for sheet in account.sheets) for count in counts)
    return Input(file.as_posix(), account.sha256, account.status, account.batch, *rows)


def _counts(files: Mapping[str, int]) -> str:
    """Files with their counts, the first few by name."""
    told = [f"{name} {count:,}" for name, count in files.items() if count]
    return " · ".join(told[:_NAMED]) + (f" · … (+{len(told) - _NAMED})" if len(told) > _NAMED else "")


def _number(value: Number | None) -> float | None:
    return None if value is None else float(value)


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
