"""Files to store: read, recognise, normalise, validate, identify, store, with an account of every row."""

import dataclasses
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

import polars as pl

from kpicli.catalogue import DEALER, Form
from kpicli.control import reconcile
from kpicli.errors import KpicliError, place_of
from kpicli.identify import identify
from kpicli.issues import Issue, gather
from kpicli.layout import NOT_DATA
from kpicli.messages import Language
from kpicli.pipeline.files import find_files
from kpicli.pipeline.fix import Corrections, Fix, corrections, is_list
from kpicli.read import ReaderPool, Workbook
from kpicli.recognise import Match, NoMatch, recognise
from kpicli.store import UNNAMED, Plan, Source, Store
from kpicli.validate import Checked, validate
from kpicli.words import readable
from kpicli.workspace import Workspace

READERS = 2
"""Files read side by side."""

REFUSALS = ("no_form", "two_forms", "missing_column")
"""Why a sheet of a file that was opened is not read."""

CHECKS = ("control_total",)
"""What a file says of itself and does not keep."""

_WIDE = 4
"""So many rows with so many cells are a table rather than a cover."""

Status = Literal["stored", "unchanged", "partly", "refused", "skipped"]


Result = TypeVar("Result")


@dataclass(frozen=True)
class SheetAccount:
    """What became of every row of a sheet, or of one table of several on it.

    rows = stored + unchanged + set_aside + Σ not_data.
    """

    sheet: str
    form: str | None
    header_row: int | None
    rows: int
    stored: int
    unchanged: int
    set_aside: int
    not_data: dict[str, int]


@dataclass(frozen=True)
class Change:
    """What the rows of one form in a file change in the store, or would."""

    form: Form
    new: int
    changed: int
    columns: Mapping[str, int]
    """Column → in how many of the changed rows it differs."""
    removed: int
    """Rows that were in the store and are no more."""
    older: int
    """Rows that do not count: what the store holds is newer."""
    late: Mapping[str, int]
    """Closed month → rows that are new, changed or removed in it."""

    @classmethod
    def of(cls, plan: Plan) -> "Change":
        """What a plan changes; a content that was read before changes nothing."""
        if plan.known:
            return cls(plan.form, 0, 0, {}, 0, 0, {})
        return cls(plan.form, plan.new, plan.changed, plan.columns, plan.removed, plan.older, plan.late)


@dataclass(frozen=True)
class FileAccount:
    """What became of one file."""

    file: Path
    sha256: str
    status: Status
    batch: str | None
    """The batch that records it; None when nothing was written."""
    sheets: tuple[SheetAccount, ...]
    issues: tuple[Issue, ...]
    changes: tuple[Change, ...] = ()
    """By form."""
    marked: Path | None = None
    """The copy with its bad cells marked, where one was asked for."""

    @property
    def unread(self) -> tuple[Issue, ...]:
        """Why it, or some sheet of it, was not read; empty when all of it was."""
        if self.status == "refused":
            return self.issues
        return tuple(issue for issue in self.issues if issue.code in REFUSALS)


@dataclass(frozen=True)
class Ingested:
    """What became of every file of a call."""

    files: tuple[FileAccount, ...]
    dry_run: bool
    replace: bool
    """Whether each file was to be the whole truth."""

    def total(self, count: Literal["rows", "stored", "unchanged", "set_aside"]) -> int:
        """One count over all sheets."""
        return sum(getattr(sheet, count) for file in self.files for sheet in file.sheets)

    @property
    def not_data(self) -> int:
        """Rows that are no records, over all sheets."""
        return sum(sum(sheet.not_data.values()) for file in self.files for sheet in file.sheets)


@dataclass(frozen=True)
class _Prepared:
    """A file that went through every step before the store."""

    workbook: Workbook
    checked: tuple[Checked, ...]
    unread: tuple[SheetAccount, ...]
    """Sheets of which no row can be used."""
    issues: tuple[Issue, ...]
    corrections: Corrections
    """What a marked copy says it corrects."""

    @property
    def whole(self) -> bool:
        """Whether every row that is one could be read."""
        return not sum(table.set_aside for table in self.checked) + sum(sheet.set_aside for sheet in self.unread)


@dataclass(frozen=True)
class _Compared:
    """A file held against the store."""

    plans: tuple[Plan, ...]
    keys: Mapping[str, pl.DataFrame]
    """Form → its rows with their keys."""
    issues: tuple[Issue, ...]
    accounts: tuple[SheetAccount, ...]
    months: Mapping[int, Mapping[str, int]]
    """Table of the workbook → month → rows."""
    known: bool
    """Whether this content was read before and says the same."""


def ingest(
    workspace: Workspace,
    paths: Iterable[str | Path],
    *,
    dry_run: bool = False,
    replace: bool = False,
    form: str | None = None,
    dealer: str | None = None,
    password: str | None = None,
    fix: str | Path | None = None,
    language: Language | None = None,
    now: datetime | None = None,
    readers: ReaderPool | None = None,
    progress: Callable[[FileAccount], None] = lambda account: None,
) -> Ingested:
    """Read files and folders and store their rows; each file is one batch, there as a whole or not at all.

    With `replace` each file is the whole truth for its forms, dealers and days: what else the store holds there goes.
    `dealer` is whose rows they are; without one (and none in the settings) it is what the files say.
    `form` names the form where headers cannot tell it; `password` opens encrypted workbooks; `fix` is the folder for
    copies of workbooks with problems, their bad cells marked, with words in `language`; `now` dates the batches.
    Problems of the data are part of the result. Raises `StoreError` when the store or a copy fails, `UsageError` for an
    unknown form.
    """
    catalogue = workspace.catalogue
    named = catalogue.form(form).key if form else None
    forms = list(catalogue.forms.values())
    named_dealer = dealer or workspace.settings.dealer
    time = now or datetime.now(UTC)
    store = Store(workspace.store)
    copies = Fix(Path(fix), language or workspace.settings.language) if fix is not None else None
    files = find_files(paths, without=copies.folder if copies else None)

    def finish(entry: _Prepared | FileAccount) -> FileAccount:
        if isinstance(entry, _Prepared):
            workbook = entry.workbook
            if replace and not entry.whole:
                entry = dataclasses.replace(entry, issues=(*entry.issues, Issue("not_whole")))
            source = Source(
                named_dealer or UNNAMED,
                readable(workbook.path.name),
                workbook.sha256,
                min(workbook.saved, time) if workbook.saved else None,  # a clock that ran ahead wins nothing
                time,
                entry.corrections.replaced,
                replace and entry.whole,
            )
            entry = _kept_apart(workbook.path, partial(_store, store, entry, source, copies, dry_run=dry_run))
        progress(entry)
        return entry

    accounts: dict[int, FileAccount] = {}
    later: dict[int, _Prepared] = {}
    with ExitStack() as stack:
        pool = readers or stack.enter_context(ReaderPool(READERS, workspace.settings.limits))
        today = time.astimezone(workspace.settings.zone).date()
        prepare = partial(_prepare, pool, forms, named, password, today, named_dealer, copies is not None)
        for number, entry in enumerate(_side_by_side(files, prepare)):
            if isinstance(entry, _Prepared) and entry.corrections.entries:
                later[number] = entry  # a corrected copy comes after what it corrects
            else:
                accounts[number] = finish(entry)
    accounts |= {number: finish(entry) for number, entry in later.items()}
    return Ingested(tuple(accounts[number] for number in sorted(accounts)), dry_run, replace)


def _side_by_side(
    files: Sequence[tuple[Path, Issue | None]], prepare: Callable[[Path], _Prepared]
) -> Iterator[_Prepared | FileAccount]:
    """Prepare files on several threads, a few ahead of the store, and yield them in order."""
    waiting: deque[tuple[Path, Future[_Prepared] | FileAccount]] = deque()
    with ThreadPoolExecutor(READERS) as threads:
        for path, issue in files:
            if issue:
                status: Status = "skipped" if issue.severity == "info" else "refused"
                waiting.append((path, FileAccount(path, "", status, None, (), (issue,))))
            else:
                waiting.append((path, threads.submit(prepare, path)))
            if len(waiting) > READERS:
                yield _done(*waiting.popleft())
        while waiting:
            yield _done(*waiting.popleft())


def _done(path: Path, entry: Future[_Prepared] | FileAccount) -> _Prepared | FileAccount:
    """What came of a file."""
    return entry if isinstance(entry, FileAccount) else _kept_apart(path, entry.result)


def _kept_apart(path: Path, step: Callable[[], Result]) -> Result | FileAccount:
    """What a step gives; a bug of ours that a file brings out refuses this file and does not stop the others."""
    try:
        return step()
    except KpicliError:
        raise
    except Exception as error:
        return FileAccount(path, "", "refused", None, (), (Issue("kpicli_bug", values={"why": place_of(error)}),))


def _prepare(
    readers: ReaderPool,
    forms: Sequence[Form],
    named: str | None,
    password: str | None,
    today: date,
    dealer: str,
    keep_cells: bool,
    path: Path,
) -> _Prepared:
    """Take one file through every step before the store; its raw cells are kept for a copy of it alone.

    All its rows are those of a `dealer` that was named.
    """
    workbook = readers.read(path, password)
    checked: list[Checked] = []
    unread: list[SheetAccount] = []
    issues = list(workbook.issues)
    for sheet in workbook.sheets:
        if sheet.cells.is_empty():
            continue  # the Sheet2 and Sheet3 that every new workbook has
        if is_list(sheet):
            unread.append(_unread(NoMatch(sheet.name, sheet.cells.height, dict.fromkeys(NOT_DATA, 0)), ()))
            continue
        tables, found = recognise(sheet, forms, today, path.name, named)
        issues += found
        for table in tables:
            if isinstance(table, Match):
                rows, bad = validate(table, sheet.faults)
                issues += [*bad, *reconcile(table, rows)]
                if dealer:
                    issues += _told_dealers(rows)
                    rows = dataclasses.replace(rows, rows=rows.rows.with_columns(pl.lit(dealer).alias(DEALER)))
                checked.append(rows)
            elif table.rows:
                unread.append(_unread(table, found))
    if checked:  # beside a table that was read, a cover or a note is no problem
        issues = [_beside(issue, workbook) if issue.code == "no_form" else issue for issue in issues]
    corrected = corrections(workbook)
    if not keep_cells:
        workbook = dataclasses.replace(workbook, sheets=())
    return _Prepared(workbook, tuple(checked), tuple(unread), tuple(issues), corrected)


def _told_dealers(table: Checked) -> Iterator[Issue]:
    """What is to be said of a table with several dealers that is read as the one that was named."""
    dealers = table.rows[DEALER].drop_nulls().unique(maintain_order=True).to_list()
    if len(dealers) > 1:
        values = {"dealers": "、".join(dealers[:4]) + (" …" if len(dealers) > 4 else "")}
        yield Issue("several_dealers", sheet=table.sheet, column=table.headers.get(DEALER), values=values)


def _beside(issue: Issue, workbook: Workbook) -> Issue:
    """A sheet without a form beside one that has one: a cover or a note, unless rows as wide as a table stand in it."""
    cells = next(sheet.cells for sheet in workbook.sheets if sheet.name == issue.sheet)
    wide = cells.filter(pl.sum_horizontal(pl.all().is_not_null().cast(pl.Int32)) >= _WIDE)
    return dataclasses.replace(issue, code="unknown_sheet" if wide.height >= _WIDE else "other_sheet")


def _unread(sheet: NoMatch, found: Sequence[Issue]) -> SheetAccount:
    """Account for a sheet without a usable form: its rows are set aside, or notes when it is no table at all."""
    left = sheet.rows - sum(sheet.not_data.values())
    if all(issue.code == "no_form" for issue in found):
        not_data = dict(sheet.not_data) | {"note": left}
        return SheetAccount(sheet.sheet, None, None, sheet.rows, 0, 0, 0, not_data)
    return SheetAccount(sheet.sheet, None, sheet.header_row, sheet.rows, 0, 0, left, dict(sheet.not_data))


def _store(store: Store, prepared: _Prepared, source: Source, copies: Fix | None, *, dry_run: bool) -> FileAccount:
    """Compare a file with the store, append what is new, and account for its rows."""
    compared, batch = (
        (_compare(store, prepared, source), None) if dry_run else store.write(lambda: _commit(store, prepared, source))
    )
    issues = [*prepared.issues, *compared.issues]
    status = "unchanged" if compared.known else _status(compared, issues)
    copy = copies.write(prepared.workbook, issues, compared.keys, prepared.corrections) if copies else None
    return FileAccount(
        prepared.workbook.path,
        source.sha256,
        status,
        batch,
        compared.accounts,
        gather(issues),
        tuple(Change.of(plan) for plan in compared.plans),
        copy,
    )


def _commit(store: Store, prepared: _Prepared, source: Source) -> tuple[_Compared, str | None]:
    """Store what is new in a file, in a turn of our own."""
    compared = _compare(store, prepared, source)
    if not prepared.checked or compared.known:
        return compared, None
    entries = [
        asdict(account) | {"months": compared.months.get(place, {})} for place, account in enumerate(compared.accounts)
    ]
    return compared, store.commit(source, compared.plans, entries)


def _compare(store: Store, prepared: _Prepared, source: Source) -> _Compared:
    """Hold a file against the store: what it would change, and what becomes of each of its rows."""
    keys: dict[str, pl.DataFrame] = {}
    plans: list[Plan] = []
    issues: list[Issue] = []
    superseded: dict[int, int] = {}
    months: dict[int, dict[str, int]] = {}
    for form, tables in _by_form(prepared.checked):
        rows = pl.concat(
            [table.rows.with_columns(sheet=pl.lit(table.sheet), table=pl.lit(place)) for place, table in tables.items()]
        )
        identified, found = identify(form, rows.with_columns(pl.col(DEALER).fill_null(source.dealer)))
        # a copy that is only half corrected is not yet the whole truth of its content
        complete = bool(source.replaces) and not any(table.set_aside for table in tables.values())
        corrected = prepared.corrections.keys(form.key)
        plan = store.plan(form, identified.rows, source, corrected, complete=complete)
        plans.append(plan)
        keys[form.key] = identified.rows
        issues += [_placed(issue, tables.values()) for issue in found]
        issues += _of_plan(plan, source)
        superseded |= identified.superseded
        for place, month, count in identified.rows.group_by("table", "month").len().iter_rows():
            months.setdefault(place, {})[month] = count
    stored = {place: count for plan in plans for place, count in plan.stored.items()}
    read = [
        _account(table, stored.get(place, 0), superseded.get(place, 0)) for place, table in enumerate(prepared.checked)
    ]
    told = {plan.form.key for plan in plans if plan.covers}
    known = bool(plans) and all(plan.known for plan in plans) and store.forms_of(source) == told
    return _Compared(tuple(plans), keys, tuple(issues), (*read, *prepared.unread), months, known)


def _of_plan(plan: Plan, source: Source) -> Iterator[Issue]:
    """What is to be said of the rows that others hold too."""
    words = plan.form.words
    if plan.older:
        yield Issue("older_rows", count=plan.older, values={"form": words})
    if plan.known:
        return
    if plan.removed:
        code = "rows_replaced" if source.truth else "rows_taken_back"
        yield Issue(code, count=plan.removed, values={"form": words})
    for month, count in plan.late.items():
        yield Issue("late_rows", count=count, values={"form": words, "month": month})


def _placed(issue: Issue, tables: Iterable[Checked]) -> Issue:
    """Give an issue that names a column by its key the header and the cell of its sheet."""
    table = next(table for table in tables if table.sheet == issue.sheet)
    key = issue.column or ""
    if key not in table.letters:
        return dataclasses.replace(issue, column=None)
    return dataclasses.replace(issue, column=table.headers[key], cell=f"{table.letters[key]}{issue.row}")


def _by_form(checked: Sequence[Checked]) -> Iterator[tuple[Form, dict[int, Checked]]]:
    """Each form with its tables by their place in the workbook."""
    for form in {table.form.key: table.form for table in checked}.values():
        yield form, {place: table for place, table in enumerate(checked) if table.form.key == form.key}


def _account(table: Checked, stored: int, superseded: int) -> SheetAccount:
    return SheetAccount(
        sheet=table.sheet,
        form=table.form.key,
        header_row=table.header_row,
        rows=table.total,
        stored=stored,
        unchanged=table.rows.height - stored - superseded,
        set_aside=table.set_aside + superseded,
        not_data=dict(table.not_data),
    )


def _status(compared: _Compared, issues: Sequence[Issue]) -> Status:
    if not any(account.form for account in compared.accounts):
        return "refused"
    if any(account.set_aside for account in compared.accounts) or any(issue.code in REFUSALS for issue in issues):
        return "partly"
    return "stored" if any(plan.new or plan.changed or plan.removed for plan in compared.plans) else "unchanged"
