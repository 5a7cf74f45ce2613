"""The store against an independent opinion: a plain model of its rules, and laws that hold whatever is read.

The model keeps everything that was read in a list and looks at all of it, for every question: it knows no files, no
months apart, no tombstones. 15 random lives of a store are held against it by default, as many as `KPICLI_LAWS` says
(60) in the long test. The same ones in every run.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpicli import loading, store
from kpicli.catalogue import Form
from kpicli.identify import CONTENT, identify
from kpicli.store import Known, Plan, Source, Store, schema

from .workbooks import steady

CATALOGUE = loading.load()
FORMS = {name: CATALOGUE.forms[name] for name in ("visits", "test_drives")}
START = datetime(2026, 11, 1, 8, tzinfo=UTC)
DAY = timedelta(days=1)


# The model


@dataclass(frozen=True)
class Key:
    """What makes two rows the same record."""

    form: str
    dealer: str
    text: str


@dataclass(frozen=True)
class Row:
    """What a reading says of a record."""

    day: date
    cells: Mapping[str, Any]
    place: int = field(compare=False)

    @property
    def month(self) -> str:
        return f"{self.day:%Y-%m}"


@dataclass(frozen=True, eq=False)
class Read:
    """A workbook that was read."""

    dealer: str
    content: str
    time: datetime
    saved: datetime | None
    rows: Mapping[Key, Row]
    replaces: frozenset[str]
    complete: frozenset[str]
    """The forms in which it stands in for what it corrects."""
    gone: frozenset[Key]
    """What it corrects away."""
    truth: bool

    @property
    def source(self) -> tuple[str, str]:
        return self.dealer, self.content

    def days(self, form: str, dealer: str) -> list[date]:
        return [row.day for key, row in self.rows.items() if (key.form, key.dealer) == (form, dealer)]


@dataclass(frozen=True)
class Turn:
    """A reading that is undone or redone, by the number of its event."""

    read: int
    undone: bool


@dataclass(frozen=True)
class Close:
    """A month that is closed or reopened, for one dealer or for all."""

    month: str
    dealer: str | None
    closed: bool


Event = Read | Turn | Close | None
"""What is in the journal; None for what says nothing of the rows."""
Standing = Mapping[Key, tuple[Row, Read]]


def not_undone(events: Sequence[Event]) -> list[Read]:
    turns = {event.read: event.undone for event in events if isinstance(event, Turn)}
    return [event for number, event in enumerate(events) if isinstance(event, Read) and not turns.get(number)]


def in_order(events: Sequence[Event]) -> list[tuple[Read, frozenset[str]]]:
    """The readings that count, the one that goes before all others last, with the forms in which they do not.

    Of one content the last reading counts, at the place of the first. A corrected copy never comes before what it
    corrects.
    """
    first: dict[tuple[str, str], tuple[datetime, int]] = {}
    for number, event in enumerate(events):
        if isinstance(event, Read):
            first.setdefault(event.source, (event.time, number))
    living = {read.source: read for read in not_undone(events)}.values()
    copies = {one: [c for c in living if c.dealer == one.dealer and one.content in c.replaces] for one in living}

    def dated(read: Read) -> datetime:
        return read.time if read.truth else read.saved or first[read.source][0]

    def place(read: Read) -> tuple[datetime, bool, int]:
        return min(map(dated, [read, *copies[read]])), not copies[read], first[read.source][1]

    return [(read, frozenset[str]().union(*(c.complete for c in copies[read]))) for read in sorted(living, key=place)]


def standing(events: Sequence[Event]) -> Standing:
    """The rows that count, each with the reading that it is from."""
    reads = in_order(events)
    best: dict[Key, tuple[tuple[bool, int], Row | None, Read]] = {}
    for rank, (read, void) in enumerate(reads):
        for key, row in [*dict.fromkeys(read.gone).items(), *read.rows.items()]:
            weight = (bool(read.replaces) and key.text.startswith(CONTENT), rank)
            if key.form not in void and (key not in best or weight > best[key][0]):
                best[key] = weight, row, read
    truths = [(rank, read, void) for rank, (read, void) in enumerate(reads) if read.truth]

    def hidden(key: Key, row: Row, weight: tuple[bool, int]) -> bool:
        later = [read for rank, read, void in truths if weight < (False, rank) and key.form not in void]
        spans = [days for read in later if (days := read.days(key.form, key.dealer))]
        return any(min(days) <= row.day <= max(days) for days in spans)

    return {key: (row, read) for key, (weight, row, read) in best.items() if row and not hidden(key, row, weight)}


def closed(events: Sequence[Event]) -> set[tuple[str, str | None]]:
    turns = {(event.month, event.dealer): event.closed for event in events if isinstance(event, Close)}
    return {month for month, is_closed in turns.items() if is_closed}


def change(form: str, before: Sequence[Event], read: Read) -> dict[str, Any]:
    """What a reading changes in a form: the rows that count before and after."""
    was, now = (
        {key: entry for key, entry in standing(events).items() if key.form == form}
        for events in (before, [*before, read])
    )
    new, removed = now.keys() - was.keys(), was.keys() - now.keys()
    changed = {key for key in now.keys() & was.keys() if now[key][0] != was[key][0]}
    differing = [name for key in changed for name, cell in now[key][0].cells.items() if cell != was[key][0].cells[name]]
    own = {key: row for key, row in read.rows.items() if key.form == form}
    touched = {(key, rows[key][0].month) for keys, rows in ((new, now), (removed, was)) for key in keys}
    touched |= {(key, rows[key][0].month) for key in changed for rows in (was, now)}
    late = [month for key, month in touched if closed(before) & {(month, key.dealer), (month, None)}]
    return {
        "new": len(new),
        "changed": len(changed),
        "columns": counted(differing),
        "removed": len(removed),
        "older": sum(key not in now or now[key][0] != row for key, row in own.items()),
        "late": counted(late),
        "stored": sum(now[key][1] is read for key in new | changed),
    }


def counted(values: Sequence[str]) -> dict[str, int]:
    return {value: values.count(value) for value in values}


def says_nothing_new(form: str, before: Sequence[Event], read: Read) -> bool:
    """Whether its content was read before, for this form with the same rows."""
    earlier = [other for other in not_undone(before) if other.source == read.source]
    if not earlier or (read.truth and not earlier[-1].truth):
        return False
    mine, theirs = (
        [(key, row, row.place) for key, row in one.rows.items() if key.form == form] for one in (read, earlier[-1])
    )
    return mine == theirs


# What happens to a store


@dataclass(frozen=True)
class Content:
    """A workbook as its hash knows it."""

    saved: datetime | None = None
    replaces: frozenset[str] = frozenset()


CONTENTS = {
    "csv": Content(),
    "text": Content(),
    "older": Content(START - 2 * DAY),
    "newer": Content(START - DAY),
    "as new": Content(START - DAY),
    "ahead": Content(START + 9 * DAY),
    "csv corrected": Content(None, frozenset({"csv"})),
    "newer corrected": Content(START - 3 * DAY, frozenset({"newer"})),
    "newer corrected twice": Content(START, frozenset({"newer", "newer corrected"})),
}
DAYS = [date(2026, 10, 3), date(2026, 10, 31), date(2026, 11, 1), date(2026, 12, 24), date(2026, 9, 30)]
MONTHS = ["2026-09", "2026-10", "2026-11", "2026-12"]
DEALERS = ["甲", "乙"]


@dataclass(frozen=True)
class Line:
    """A row of a workbook; known by its content without a number."""

    number: str | None
    day: date
    consultant: str | None = None
    dealer: str | None = None
    form: str = "visits"


@dataclass(frozen=True)
class Reads:
    """A workbook is read; without lines it says what it said the last time."""

    content: str
    lines: tuple[Line, ...] | None
    dealer: str = "甲"
    truth: bool = False
    complete: bool = True
    corrected: tuple[Line, ...] = ()
    later: bool = True
    """Whether time went on since the last event."""


@dataclass(frozen=True)
class Turns:
    """One of the readings so far is undone, or redone."""

    number: int
    undone: bool


@dataclass(frozen=True)
class Compacts:
    """The files are put together."""


Step = Reads | Turns | Close | Compacts
NUMBERS = {"visits": "visit_no", "test_drives": "drive_no"}


def hashed(content: str) -> str:
    return sha256(content.encode()).hexdigest()


def identified(form: Form, lines: Sequence[Line], dealer: str) -> pl.DataFrame:
    """The lines of a form with their keys."""
    own = [line for line in lines if line.form == form.key]
    columns = {name: dtype for name, dtype in schema(form).items() if name in form.columns} | {"dealer": pl.String()}
    cells = [
        {
            NUMBERS[form.key]: line.number,
            "date": line.day,
            "consultant": line.consultant,
            "dealer": line.dealer or dealer,
        }
        for line in own
    ]
    full = pl.DataFrame([{name: row.get(name) for name in columns} for row in cells], schema=columns)
    places = {"table": pl.lit(0), "sheet": pl.lit("表"), "row": pl.int_range(2, len(own) + 2)}
    return identify(form, full.with_columns(**places))[0].rows


class Life:
    """A store and its model, living through the same."""

    def __init__(self, folder: str) -> None:
        self.store = Store(folder)
        self.events: list[Event] = []
        self.times: list[datetime] = []
        self.batches: dict[int, str] = {}
        """Event → the batch that it made."""
        self.last: dict[str, tuple[Line, ...]] = {}

    def live(self, step: Step) -> None:
        time = START + timedelta(minutes=len(self.times))
        match step:
            case Reads():
                self.read(step, time if step.later or not self.times else self.times[-1])
            case Turns(number, undone) if self.batches:
                event = list(self.batches)[number % len(self.batches)]
                self.store.write(lambda: self.store.turn_batch(self.batches[event], time, undone=undone))
                self.happened(Turn(event, undone), time)
            case Close(month, dealer, is_closed):
                self.store.write(lambda: self.store.turn_month(month, dealer, time, closed=is_closed))
                self.happened(step, time)
            case Compacts():
                store.compact(self.store, FORMS.values(), time)
                self.store.forget()
                for _ in range(self.store.state.next - 1 - len(self.events)):
                    self.happened(None, time)

    def read(self, step: Reads, time: datetime) -> None:
        content = CONTENTS[step.content]
        lines = self.last.get(step.content, ()) if step.lines is None else step.lines
        self.last[step.content] = lines
        forms = [FORMS[name] for name in dict.fromkeys(line.form for line in lines)] or [FORMS["visits"]]
        rows = {form.key: identified(form, lines, step.dealer) for form in forms}
        corrected = {name: identified(FORMS[name], step.corrected, step.dealer)["key"].to_list() for name in rows}
        if not content.replaces:
            corrected = {name: [] for name in rows}
        complete = frozenset(rows if step.complete and content.replaces else ())
        held = {
            Key(name, row["dealer"], row["key"]): row_of(FORMS[name], row)
            for name, frame in rows.items()
            for row in frame.iter_rows(named=True)
        }
        gone = {
            Key(name, dealer, key)
            for name, keys in corrected.items()
            for dealer in rows[name]["dealer"].unique().to_list() or [step.dealer]
            for key in keys
        }
        read = Read(
            step.dealer,
            step.content,
            time,
            content.saved,
            held,
            content.replaces,
            complete,
            frozenset(gone - held.keys()),
            step.truth,
        )
        source = Source(
            step.dealer,
            "a.xlsx",
            hashed(step.content),
            content.saved,
            time,
            frozenset(map(hashed, content.replaces)),
            step.truth,
        )

        def attempt() -> list[Plan]:
            plans = [
                self.store.plan(form, rows[form.key], source, corrected[form.key], complete=form.key in complete)
                for form in forms
            ]
            if not all(plan.known for plan in plans):
                self.store.commit(source, plans, [])
            return plans

        plans = self.store.write(attempt)
        for plan in plans:
            expected = change(plan.form.key, self.events, read)
            assert plan.known == says_nothing_new(plan.form.key, self.events, read)
            if not plan.known:
                told = {name: getattr(plan, name) for name in expected}
                assert told | {"stored": sum(plan.stored.values())} == expected, plan.form.key
        if not all(plan.known for plan in plans):
            self.batches[len(self.events)] = source.batch
            self.happened(read, time)

    def happened(self, event: Event, time: datetime) -> None:
        self.events.append(event)
        self.times.append(time)

    def answers(self, month: str, dealer: str) -> None:
        """The store answers as the model does."""
        rows = {key: row for key, (row, _) in standing(self.events).items()}
        visits = {key: row for key, row in rows.items() if key.form == "visits"}
        form = FORMS["visits"]
        assert found(self.store, form) == visits
        assert found(self.store, FORMS["test_drives"]) == {key: rows[key] for key in rows.keys() - visits.keys()}
        in_month = {key: row for key, row in visits.items() if row.month == month}
        assert found(self.store, form, since=month, until=month) == in_month
        own = {key: row for key, row in visits.items() if key.dealer == dealer}
        assert found(self.store, form, dealer=dealer) == own
        assert set(self.store.months(form)) >= {row.month for row in visits.values()}
        assert set(self.store.months(form, dealer)) >= {row.month for row in own.values()}
        assert set(self.store.dealers()) == {key.dealer for read in not_undone(self.events) for key in read.rows}

    def remembers(self) -> None:
        """Every earlier moment is as it was."""
        for number, time in enumerate(self.times, 1):
            up_to = sum(other <= time for other in self.times)
            for known, count in ((Known(seq=number), number), (Known(time=time), up_to)):
                was = {key: row for key, (row, _) in standing(self.events[:count]).items() if key.form == "visits"}
                assert found(self.store.at(known), FORMS["visits"]) == was


def row_of(form: Form, row: Mapping[str, Any]) -> Row:
    return Row(row["date"], {column: row[column] for column in form.content}, row["row"])


def found(store: Store, form: Form, **span: str) -> dict[Key, Row]:
    rows = store.rows(form, **span).collect().to_dicts()
    held = {Key(form.key, row["dealer"], row["key"]): row_of(form, row) for row in rows}
    assert len(held) == len(rows), "no row counts twice"
    return held


LINES = st.lists(
    st.builds(
        Line,
        st.sampled_from(["1", "2", None]),
        st.sampled_from(DAYS),
        st.sampled_from([None, "张伟", "李娜"]),
        st.sampled_from([None, None, None, None, "乙"]),
        st.sampled_from(["visits", "visits", "visits", "visits", "test_drives"]),
    ),
    max_size=4,
).map(tuple)
STEPS = st.one_of(
    st.builds(
        Reads,
        st.sampled_from(list(CONTENTS)),
        st.one_of(LINES, LINES, st.none()),
        st.sampled_from(["甲", "甲", "乙"]),
        st.sampled_from([False, False, True]),
        st.booleans(),
        LINES,
        st.booleans(),
    ),
    st.builds(Turns, st.integers(0, 7), st.booleans()),
    st.builds(Close, st.sampled_from(MONTHS), st.sampled_from([None, *DEALERS]), st.booleans()),
    st.builds(Compacts),
)
LIVES = st.lists(st.tuples(STEPS, st.sampled_from(MONTHS), st.sampled_from(DEALERS)), min_size=1, max_size=8)


def lives(steps: Sequence[tuple[Step, str, str]]) -> None:
    with TemporaryDirectory() as folder:
        life = Life(folder)
        for step, month, dealer in steps:
            life.live(step)
            life.answers(month, dealer)
        life.remembers()
        assert store.check(life.store, FORMS.values()).sound


@settings(steady, max_examples=15)
@given(LIVES)
def test_a_store_says_what_the_model_says(steps: list[tuple[Step, str, str]]) -> None:
    lives(steps)


@pytest.mark.long
@settings(steady, max_examples=int(os.environ.get("KPICLI_LAWS", "60")))
@given(LIVES)
def test_many_stores_say_what_the_model_says(steps: list[tuple[Step, str, str]]) -> None:
    lives(steps)
