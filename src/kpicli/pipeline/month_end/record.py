"""What a run leaves behind: what it read, found and wrote, by which program and definitions; and how two runs differ.

Each run is a file ``reports/2026-10/runs/{id}.json``, and the latest of a month also ``reports/2026-10/run.json``.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from kpicli.errors import NothingToReport, StoreError
from kpicli.messages import Language, Values, catalogue, fill

LATEST, FOLDER = "run.json", "runs"
WROTE = (0, 1, 3)
"""Exit codes of a run that wrote its reports."""


@dataclass(frozen=True)
class Note:
    """Something that a run has to say."""

    code: str
    """A key of ``definitions/month_end.toml``, ``issues.toml`` or ``findings.toml``."""
    severity: str
    """``error``, ``warning`` or ``info``."""
    message: str
    hint: str = ""
    file: str = ""
    count: int = 1

    @classmethod
    def of(cls, code: str, values: Values, language: Language, *, severity: str = "", file: str = "") -> "Note":
        """A note of a month's end in a language; as grave as the catalogue says unless told."""
        entry = catalogue("month_end")[code]
        message, hint = fill(entry.text, values, language), fill(entry.hint, values, language)
        return cls(code, severity or entry.severity, message, hint, file)


@dataclass(frozen=True)
class Input:
    """A file that was read."""

    file: str
    """Its path in the inbox."""
    sha256: str
    status: str
    batch: str | None
    rows: int
    stored: int
    unchanged: int
    set_aside: int


@dataclass(frozen=True)
class Output:
    """A file that was written."""

    file: str
    """Its path in the folder of the month."""
    sha256: str

    @classmethod
    def of(cls, path: Path, folder: Path) -> "Output":
        """A file in a month's folder as it is."""
        return cls(path.relative_to(folder).as_posix(), sha256(path.read_bytes()).hexdigest())

    def is_there(self, folder: Path) -> bool:
        """Whether it still is as it was written."""
        path = folder / self.file
        return path.is_file() and Output.of(path, folder) == self


@dataclass(frozen=True)
class Run:
    """One run of a month's end."""

    id: str
    """When it began, by the workspace's clock: ``20261101-060000``."""
    month: str
    dealer: str | None
    book: str
    started: datetime
    kpicli: str
    definitions: str
    """Hash of every definition in force."""
    config: Mapping[str, Any]
    """The settings in force, by key."""
    state: str
    """Hash of what the reports follow from: store, definitions, settings, templates, program, day."""
    finished: datetime | None = None
    """None while it runs, and of one that was killed."""
    exit_code: int | None = None
    inputs: tuple[Input, ...] = ()
    notes: tuple[Note, ...] = ()
    gates: Mapping[str, bool] = field(default_factory=dict)
    """Gate → whether it was kept."""
    outputs: tuple[Output, ...] = ()
    sent: Mapping[str, bool] = field(default_factory=dict)
    """Where the summary was sent → whether it arrived."""
    forms: Mapping[str, int] = field(default_factory=dict)
    """Form → its rows in the month."""
    measures: Mapping[str, float | None] = field(default_factory=dict)
    kpis: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    """KPI → ``value``, ``numerator``, ``denominator``, of the whole."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Step → how long it took."""

    @property
    def wrote(self) -> bool:
        """Whether it came to its end with reports."""
        return self.finished is not None and self.exit_code in WROTE

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        moments = {"started": self.started.isoformat(), "finished": self.finished and self.finished.isoformat()}
        return {**asdict(self), **moments}

    def write(self, folder: Path) -> None:
        """Write the record into the folder of its month; raise `StoreError` when it cannot be written."""
        content = json.dumps(self.document(), ensure_ascii=False, indent=1) + "\n"
        for path in (folder / FOLDER / f"{self.id}.json", folder / LATEST):
            draft = path.with_name(f".{path.name}.part")
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                draft.write_text(content, encoding="utf-8")
                draft.replace(path)
            except OSError as error:
                raise StoreError("output_failed", out=str(path), why=error.strerror or "?") from error

    @classmethod
    def read(cls, path: Path) -> "Run | None":
        """The run of a record; None for what is no record."""
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            known = {key: told[key] for key in (entry.name for entry in fields(cls)) if key in told}
            known["started"] = _moment(told["started"])
            known["finished"] = _moment(told["finished"]) if told.get("finished") else None
            for key, kind in (("inputs", Input), ("notes", Note), ("outputs", Output)):
                known[key] = tuple(kind(**entry) for entry in told.get(key, ()))
            return cls(**known)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment


def runs(reports: Path) -> list[Run]:
    """Every run of a workspace, the oldest first."""
    found = (Run.read(path) for path in reports.glob(f"*/{FOLDER}/*.json"))
    return sorted((run for run in found if run), key=lambda run: (run.started, len(run.id), run.id))


def free_id(folder: Path, wanted: str) -> str:
    """An id that no run of a month has yet."""
    number, free = 1, wanted
    while (folder / FOLDER / f"{free}.json").exists():
        number += 1
        free = f"{wanted}-{number}"
    return free


def latest(reports: Path, month: str) -> Run | None:
    """The last run of a month that was begun."""
    return Run.read(reports / month / LATEST)


def find_run(reports: Path, name: str) -> Run:
    """A run by its id or the beginning of it, the latest of a month, or ``last``; raise `NothingToReport`."""
    every = runs(reports)
    found = [run for run in every if name in (run.id, run.month, "last")]
    found = found or [run for run in every if run.id.startswith(name)]
    if not found:
        known = ", ".join(dict.fromkeys(run.month for run in every))
        raise NothingToReport("no_run", name=name, known=known or "—")
    return found[-1]


@dataclass(frozen=True)
class Difference:
    """What one run has otherwise than another."""

    before: Run
    after: Run
    kpis: Mapping[str, tuple[float | None, float | None]]
    """KPI → its values."""
    measures: Mapping[str, tuple[float | None, float | None]]
    forms: Mapping[str, tuple[int, int]]
    """Form → its rows."""
    inputs: tuple[Input, ...]
    """What was read since the first run, by any run up to the second."""
    definitions: bool
    """Whether the definitions are others."""
    program: bool
    """Whether kpicli is another one."""
    config: Mapping[str, tuple[Any, Any]]
    notes: tuple[tuple[Note, ...], tuple[Note, ...]]
    """Those that went, and those that came."""


def difference(before: Run, after: Run, every: Sequence[Run]) -> Difference:
    """What changed from one run to another, and what was read between them."""
    places = [(run.month, run.id) for run in every]
    first, last = (places.index((run.month, run.id)) for run in (before, after))
    between = every[first + 1 : last + 1]
    read = [entry for run in between for entry in run.inputs if entry.status in ("stored", "partly")]
    gone, come = set(before.notes) - set(after.notes), set(after.notes) - set(before.notes)
    return Difference(
        before,
        after,
        kpis=dict(_changed(_values(before.kpis), _values(after.kpis))),
        measures=dict(_changed(before.measures, after.measures)),
        forms={key: (one or 0, other or 0) for key, (one, other) in _changed(before.forms, after.forms)},
        inputs=tuple(read),
        definitions=before.definitions != after.definitions,
        program=before.kpicli != after.kpicli,
        config=dict(_changed(before.config, after.config)),
        notes=(
            tuple(note for note in before.notes if note in gone),
            tuple(note for note in after.notes if note in come),
        ),
    )


def _values(kpis: Mapping[str, Mapping[str, float | None]]) -> dict[str, float | None]:
    return {key: parts.get("value") for key, parts in kpis.items()}


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, tuple[Any, Any]]]:
    for key in dict.fromkeys([*before, *after]):
        if before.get(key) != after.get(key):
            yield key, (before.get(key), after.get(key))
