"""The store against an independent opinion: a plain model of its rules, and laws that hold whatever is read.

The model keeps everything that happened in a list and looks at all of it for every question: it knows no files, no
tombstones and no month apart. 5 random lives of a store are held against it by default, as many more as `KPICLI_LAWS`
says (12) in the long test. The same ones in every run: a life is known by its number.
"""

import os
import random
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from itertools import permutations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
import xlsxwriter

import kpicli
from kpicli import loading, store
from kpicli.catalogue import Form
from kpicli.errors import NothingToReport
from kpicli.identify import CONTENT, identify
from kpicli.pipeline.ingest import FileAccount
from kpicli.read import ReaderPool
from kpicli.store import UNNAMED, Known, Plan, Source, Store, schema

from .conftest import NOW, TODAY

LIVES = 5
MORE_LIVES = int(os.environ.get("KPICLI_LAWS", "12"))
FORMS = {form: loading.load().forms[form] for form in ("visits", "test_drives")}
START = datetime(2026, 11, 1, 8, tzinfo=UTC)


# The model


@dataclass(frozen=True)
class Key:
    """What makes two rows the same record."""

    form: str
    dealer: str
    text: str

    def under(self, alias: Mapping[str, str]) -> "Key":
        return replace(self, dealer=alias.get(self.dealer, self.dealer))


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
    gone: frozenset[Key]
    """What it corrects away."""
    replaces: frozenset[str]
    complete: frozenset[str]
    """The forms in which it stands in for what it corrects."""
    truth: bool

    @property
    def source(self) -> tuple[str, str]:
        return self.dealer, self.content

    def days(self, like: Key, alias: Mapping[str, str]) -> list[date]:
        """The days that it holds of the form and dealer of a row."""
        of = {key.under(alias): row for key, row in self.rows.items()}
        return [row.day for key, row in of.items() if (key.form, key.dealer) == (like.form, like.dealer)]


@dataclass(frozen=True)
class Turn:
    """A reading is undone or redone; it is known by the number of its event."""

    read: int
    undone: bool


@dataclass(frozen=True)
class Close:
    """A month is closed or reopened, for one dealer or for all."""

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
    """The readings that count, each with the forms in which it does not; of two versions the later one's wins.

    Of one content the last reading counts, at the place of the first. A corrected copy comes right after what it
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

    def place(read: Read) -> tuple[datetime, int, datetime, int]:
        corrected = [one for one in living if read in copies[one] and not one.replaces and not read.truth]
        when = max(map(dated, corrected), default=dated(read))
        return when, len(read.replaces), dated(read), first[read.source][1]

    return [(read, frozenset[str]().union(*(c.complete for c in copies[read]))) for read in sorted(living, key=place)]


def aliases(events: Sequence[Event], now: Mapping[str, str] | None = None) -> Mapping[str, str]:
    """Rows that name no dealer belong to the only one that is named; to that of now, where nobody was named yet."""
    named = {key.dealer for read in not_undone(events) for key in read.rows} - {UNNAMED}
    return {UNNAMED: named.pop()} if len(named) == 1 else {} if named else now or {}


def standing(events: Sequence[Event], alias: Mapping[str, str]) -> Standing:
    """The rows that count, each with the reading that it is from."""
    reads = in_order(events)
    best: dict[Key, tuple[tuple[bool, int], Row | None, Read]] = {}
    for rank, (read, void) in enumerate(reads):
        for said, row in [*dict.fromkeys(read.gone).items(), *read.rows.items()]:
            key = said.under(alias)
            weight = (bool(read.replaces) and key.text.startswith(CONTENT), rank)
            if key.form not in void and (key not in best or weight >= best[key][0]):
                best[key] = weight, row, read
    truths = [(rank, read, void) for rank, (read, void) in enumerate(reads) if read.truth]

    def hidden(key: Key, row: Row, weight: tuple[bool, int]) -> bool:
        later = [read for rank, read, void in truths if weight < (False, rank) and key.form not in void]
        spans = [days for read in later if (days := read.days(key, alias))]
        return any(min(days) <= row.day <= max(days) for days in spans)

    return {key: (row, read) for key, (weight, row, read) in best.items() if row and not hidden(key, row, weight)}


def closed(events: Sequence[Event], alias: Mapping[str, str]) -> set[tuple[str, str | None]]:
    closes = [event for event in events if isinstance(event, Close)]
    turns = {(one.month, alias.get(one.dealer or "", one.dealer)): one.closed for one in closes}
    return {month for month, is_closed in turns.items() if is_closed}


def change(form: str, before: Sequence[Event], read: Read) -> dict[str, Any]:
    """What a reading changes in a form: what counts before and after, by the names that dealers have then."""
    alias = aliases([*before, read])
    was, now = (
        {key: entry for key, entry in standing(events, alias).items() if key.form == form}
        for events in (before, [*before, read])
    )
    new, removed = now.keys() - was.keys(), was.keys() - now.keys()
    changed = {key for key in now.keys() & was.keys() if now[key][0] != was[key][0]}
    pairs = [(was[key][0].cells, now[key][0].cells) for key in changed]
    touched = {(key, rows[key][0].month) for keys, rows in ((new, now), (removed, was)) for key in keys}
    touched |= {(key, rows[key][0].month) for key in changed for rows in (was, now)}
    months = closed(before, alias)
    own = {key.under(alias): row for key, row in read.rows.items() if key.form == form}
    return {
        "new": len(new),
        "changed": len(changed),
        "columns": counted(name for old, cells in pairs for name in cells if cells[name] != old[name]),
        "removed": len(removed),
        "older": sum(key not in now or now[key][0] != row for key, row in own.items()),
        "late": counted(month for key, month in touched if months & {(month, key.dealer), (month, None)}),
        "stored": sum(now[key][1] is read for key in new | changed),
    }


def counted(values: Iterator[str]) -> dict[str, int]:
    listed = list(values)
    return {value: listed.count(value) for value in listed}


def says_nothing_new(form: str, before: Sequence[Event], read: Read) -> bool:
    """Whether its content was read before and said the same of this form."""
    earlier = [other for other in not_undone(before) if other.source == read.source]
    if not earlier or (read.truth and not earlier[-1].truth):
        return False
    mine, theirs = (
        [(key, row, row.place) for key, row in one.rows.items() if key.form == form] for one in (read, earlier[-1])
    )
    return mine == theirs


# A life of a store


@dataclass(frozen=True)
class Content:
    """What the hash of a workbook stands for."""

    saved: datetime | None = None
    replaces: frozenset[str] = frozenset()


CONTENTS = {
    "csv": Content(),
    "older": Content(START - timedelta(days=2)),
    "newer": Content(START - timedelta(days=1)),
    "as new": Content(START - timedelta(days=1)),
    "csv corrected": Content(None, frozenset({"csv"})),
    "newer corrected": Content(START - timedelta(days=3), frozenset({"newer"})),
    "newer corrected twice": Content(START + timedelta(days=9), frozenset({"newer", "newer corrected"})),
}
DAYS = [date(2026, 9, 30), date(2026, 10, 3), date(2026, 10, 31), date(2026, 11, 1)]
MONTHS = ["2026-09", "2026-10", "2026-11"]
DEALERS = ["甲", "乙", UNNAMED]
NUMBERS = {"visits": "visit_no", "test_drives": "drive_no"}


@dataclass(frozen=True)
class Line:
    """A row of a workbook; without a number it is known by its content."""

    number: str | None
    day: date
    consultant: str | None = None
    dealer: str | None = None
    form: str = "visits"


@dataclass(frozen=True)
class Reading:
    """A workbook is read; without lines it says what it said the last time."""

    content: str
    lines: tuple[Line, ...] | None
    dealer: str = "甲"
    truth: bool = False
    complete: bool = False
    corrected: tuple[Line, ...] = ()
    """Lines of what it corrects that had a bad cell."""
    at_once: bool = False
    """Whether it is read at the time of the event before."""


@dataclass(frozen=True)
class Turning:
    """One of the readings so far is undone, or redone."""

    number: int
    undone: bool = True


@dataclass(frozen=True)
class Compacting:
    """The files are put together."""


Step = Reading | Turning | Close | Compacting


class Life:
    """A store and the model's events, living through the same."""

    def __init__(self, folder: str) -> None:
        self.store = Store(folder)
        self.events: list[Event] = []
        self.times: list[datetime] = []
        self.batches: dict[int, str] = {}
        """Event → the batch that it made."""
        self.lines: dict[str, tuple[Line, ...]] = {}
        """Content → what it said the last time."""
        self.corrected: dict[str, tuple[Line, ...]] = {}
        """Content → what it says it corrects."""

    def live(self, step: Step) -> None:
        time = START + timedelta(minutes=len(self.times))
        match step:
            case Reading():
                self.read(step, self.times[-1] if step.at_once and self.times else time)
            case Turning(number, undone) if self.batches:
                event, batch = list(self.batches.items())[number % len(self.batches)]
                self.store.write(lambda: self.store.turn_batch(batch, time, undone=undone))
                self.happened(Turn(event, undone), time)
            case Close(month, dealer, is_closed):
                self.store.write(lambda: self.store.turn_month(month, dealer, time, closed=is_closed))
                self.happened(step, time)
            case Compacting():
                store.compact(self.store, FORMS.values(), time)
                self.store.forget()
                if self.store.state.events.height > len(self.events):
                    self.happened(None, time)

    def happened(self, event: Event, time: datetime) -> None:
        self.events.append(event)
        self.times.append(time)

    def read(self, step: Reading, time: datetime) -> None:
        """Hold the plan of a reading against the change that it is, and store it."""
        content = CONTENTS[step.content]
        lines = self.lines.setdefault(step.content, ()) if step.lines is None else step.lines
        self.lines[step.content] = lines
        forms = [FORMS[name] for name in dict.fromkeys(line.form for line in lines)] or [FORMS["visits"]]
        frames = {form.key: identified(form, lines, step.dealer) for form in forms}
        bad = self.corrected.setdefault(step.content, step.corrected if content.replaces else ())
        corrected = {form.key: identified(form, bad, step.dealer)["key"].to_list() for form in forms}
        rows = {key: row for form in forms for key, row in rows_of(form, frames[form.key]).items()}
        gone = {
            Key(form.key, dealer, key)
            for form in forms
            for dealer in frames[form.key]["dealer"].unique().to_list() or [step.dealer]
            for key in corrected[form.key]
        }
        complete = frozenset(frames) if step.complete and content.replaces else frozenset[str]()
        replaced = frozenset(map(hashed, content.replaces))
        source = Source(step.dealer, "a.xlsx", hashed(step.content), content.saved, time, replaced, step.truth)
        read = Read(
            dealer=step.dealer,
            content=step.content,
            time=time,
            saved=content.saved,
            rows=rows,
            gone=frozenset(gone - rows.keys()),
            replaces=content.replaces,
            complete=complete,
            truth=step.truth,
        )

        def attempt() -> tuple[list[Plan], bool]:
            plans = [
                self.store.plan(form, frames[form.key], source, corrected[form.key], complete=form.key in complete)
                for form in forms
            ]
            known = all(plan.known for plan in plans) and self.store.forms_of(source) == {key.form for key in rows}
            if not known:
                self.store.commit(source, plans, [])
            return plans, known

        plans, known = self.store.write(attempt)
        for plan in plans:
            expected = change(plan.form.key, self.events, read)
            assert plan.known == says_nothing_new(plan.form.key, self.events, read)
            if not plan.known:
                told = {name: getattr(plan, name) for name in expected} | {"stored": sum(plan.stored.values())}
                assert told == expected
        if not known:
            self.batches[len(self.events)] = source.batch
            self.happened(read, time)

    def answers(self, month: str, dealer: str) -> None:
        """The store answers as the model does."""
        alias = aliases(self.events)
        rows = {key: row for key, (row, _) in standing(self.events, alias).items()}
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
        named = {key.under(alias).dealer for read in not_undone(self.events) for key in read.rows}
        assert self.store.dealers() == sorted(named)

    def remembers(self) -> None:
        """Every earlier moment is as it was."""
        for number, time in enumerate(self.times, 1):
            up_to = sum(other <= time for other in self.times)
            for known, count in ((Known(seq=number), number), (Known(time=time), up_to)):
                alias = aliases(self.events[:count], aliases(self.events))
                rows = standing(self.events[:count], alias)
                was = {key: row for key, (row, _) in rows.items() if key.form == "visits"}
                assert found(self.store.at(known), FORMS["visits"]) == was


def identified(form: Form, lines: Sequence[Line], dealer: str) -> pl.DataFrame:
    """The lines of a form with their keys."""
    own = [line for line in lines if line.form == form.key]
    columns = {name: dtype for name, dtype in schema(form).items() if name in form.content}
    cells = [{NUMBERS[form.key]: line.number, "date": line.day, "consultant": line.consultant} for line in own]
    frame = pl.DataFrame([{name: row.get(name) for name in columns} for row in cells], schema=columns)
    places = {
        "dealer": pl.Series([line.dealer or dealer for line in own], dtype=pl.String),
        "table": pl.Series([0] * len(own), dtype=pl.Int64),
        "sheet": pl.Series(["表"] * len(own), dtype=pl.String),
        "row": pl.Series(range(2, len(own) + 2), dtype=pl.Int64),
    }
    return identify(form, frame.with_columns(**places))[0].rows


def hashed(content: str) -> str:
    return sha256(content.encode()).hexdigest()


def rows_of(form: Form, frame: pl.DataFrame) -> dict[Key, Row]:
    rows = {}
    for row in frame.iter_rows(named=True):
        cells = {name: row[name] for name in form.content}
        rows[Key(form.key, row["dealer"], row["key"])] = Row(row["date"], cells, row["row"])
    assert len(rows) == frame.height, "no row counts twice"
    return rows


def found(store: Store, form: Form, **span: str) -> dict[Key, Row]:
    return rows_of(form, store.rows(form, **span).collect())


EXPORT = (["visits"] * 8 + ["test_drives"], [None])
GROUP_EXPORT = (["visits"], ["甲", "乙", None])


def some_lines(chance: random.Random, forms: Sequence[str], dealers: Sequence[str | None]) -> tuple[Line, ...]:
    count = chance.choice([0, 1, 1, 2, 2, 3])
    return tuple(
        Line(
            chance.choice(["1", "2", None, None]),
            chance.choice(DAYS),
            chance.choice([None, "张伟"]),
            dealers[number % len(dealers)],
            chance.choice(forms),
        )
        for number in range(count)
    )


def some_step(chance: random.Random) -> Step:
    match chance.choices(["read", "turn", "close", "compact"], [72, 13, 8, 7])[0]:
        case "read":
            # a group's export names several dealers in its rows, and none in some
            kinds = [GROUP_EXPORT, *[EXPORT] * 6]
            return Reading(
                chance.choice(list(CONTENTS)),
                some_lines(chance, *chance.choice(kinds)) if chance.random() < 0.8 else None,
                chance.choice(["甲", "甲", "甲", "乙", UNNAMED, UNNAMED]),
                truth=chance.random() < 0.25,
                complete=chance.random() < 0.6,
                corrected=some_lines(chance, *EXPORT),
                at_once=chance.random() < 0.2,
            )
        case "turn":
            return Turning(chance.randrange(8), chance.random() < 0.7)
        case "close":
            return Close(chance.choice(MONTHS), chance.choice([None, *DEALERS]), chance.random() < 0.8)
        case _:
            return Compacting()


def some_life(number: int) -> list[Step]:
    chance = random.Random(number)
    return [some_step(chance) for _ in range(chance.randrange(3, 9))]


def wrong(steps: Sequence[Step]) -> AssertionError | None:
    """Live through it; what the store said that the model does not say."""
    with TemporaryDirectory() as folder:
        life = Life(folder)
        try:
            for number, step in enumerate(steps):
                life.live(step)
                life.answers(MONTHS[number % len(MONTHS)], DEALERS[number % len(DEALERS)])
            life.remembers()
            assert store.check(life.store, FORMS.values()).sound
        except AssertionError as error:
            return error
    return None


def hold(steps: list[Step]) -> None:
    """Hold a life against the model; of one that goes wrong, tell the steps that it takes."""
    error = wrong(steps)
    if error is None:
        return
    for number in reversed(range(len(steps))):
        fewer = steps[:number] + steps[number + 1 :]
        if less := wrong(fewer):
            steps, error = fewer, less
    raise AssertionError("\n".join(["", *map(repr, steps), str(error)])) from error


@pytest.mark.parametrize("number", range(LIVES))
def test_a_store_says_what_the_model_says(number: int) -> None:
    hold(some_life(number))


@pytest.mark.long
@pytest.mark.parametrize("number", range(LIVES, LIVES + MORE_LIVES))
def test_many_stores_say_what_the_model_says(number: int) -> None:
    hold(some_life(number))


ONE, OTHER, LATER = DAYS[1], DAYS[2], DAYS[3]


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param(
            [Reading("older", (Line(None, ONE),)), Reading("older", (Line(None, LATER),))],
            id="the same content gives its rows to another month",
        ),
        pytest.param(
            [
                Reading("csv", (Line(None, ONE),)),
                Reading("csv corrected", (Line(None, LATER),), corrected=(Line(None, ONE),)),
            ],
            id="a row known by its content is corrected into another month",
        ),
        pytest.param(
            [
                Reading("csv", (Line(None, ONE),)),
                Reading("older", (Line(None, DAYS[0]), Line(None, LATER)), truth=True),
            ],
            id="a whole truth says nothing of the month between",
        ),
        pytest.param(
            [Reading("csv", ()), Reading("csv", ())],
            id="nothing is read twice",
        ),
        pytest.param(
            [Reading("csv", (Line("1", ONE), Line("2", OTHER)), truth=True), Reading("older", (Line("3", OTHER),))],
            id="an older export has rows that the whole truth leaves out",
        ),
        pytest.param(
            [
                Reading("csv", (Line("1", ONE),)),
                Reading("older", (Line("2", ONE),), truth=True),
                Reading("older", (Line("3", ONE),)),
            ],
            id="what was the whole truth is read again and is it no more",
        ),
        pytest.param(
            [
                Reading("older", (Line("1", ONE),)),
                Reading("csv", (Line("2", ONE),), truth=True),
                Reading("csv corrected", (Line("2", ONE),), complete=True),
            ],
            id="a copy corrects what was the whole truth",
        ),
        pytest.param(
            [
                Reading("newer", (Line("1", ONE),)),
                Reading("as new", (Line("1", ONE, "张伟"),)),
                Reading("newer", (Line("1", OTHER),)),
            ],
            id="of two exports saved at once the first is read again",
        ),
        pytest.param(
            [
                Reading("older", (Line("1", ONE),)),
                Reading("newer", (Line("1", ONE, "张伟"), Line("2", ONE))),
                Reading("newer corrected", (Line("2", OTHER),)),
            ],
            id="a copy says it was saved before what it corrects",
        ),
        pytest.param(
            [
                Reading("older", (Line("9", ONE),), "乙"),
                Reading("newer", (Line("1", ONE),)),
                Reading("as new", (Line("1", LATER),), UNNAMED),
                Turning(0),
            ],
            id="rows without a dealer become those of the only one left",
        ),
        pytest.param(
            [
                Reading("newer", (Line("1", ONE),), UNNAMED),
                Reading("as new", (Line("2", ONE),)),
                Compacting(),
                Reading("older", (Line("9", ONE),), "乙"),
            ],
            id="rows without a dealer are nobody's again after their files were merged",
        ),
        pytest.param(
            [
                Reading("newer", (Line("1", ONE),)),
                Reading("as new", (Line("1", ONE, "张伟"),), UNNAMED),
                Compacting(),
            ],
            id="versions of one row under two names are merged",
        ),
        pytest.param(
            [
                Reading("newer", (Line("1", ONE),)),
                Reading("older", (Line("1", OTHER),), UNNAMED),
                Reading("as new", (Line("9", ONE),), "乙"),
            ],
            id="a second dealer is named",
        ),
        pytest.param(
            [
                Reading("older", (Line("1", ONE),), UNNAMED),
                Reading("csv", (Line("2", ONE),), UNNAMED, truth=True),
                Reading("as new", (Line("1", LATER),)),
            ],
            id="the first dealer is named beside a whole truth",
        ),
    ],
)
def test_a_store_says_what_the_model_says_when(steps: list[Step]) -> None:
    hold(steps)


# Laws of reading files


VISITS = ["登记编号", "日期", "来店性质", "接触方式", "销售顾问"]
DRIVES = ["试驾编号", "试驾日期", "销售顾问"]
FIRST, SECOND, LAST = date(2026, 10, 3), date(2026, 10, 8), date(2026, 11, 2)


def export(name: str, saved: int | None, visits: Sequence[Sequence[Any]], drives: Sequence[Sequence[Any]] = ()) -> Path:
    """A workbook of the dealer system, which says on which day of November it was saved, or does not."""
    with xlsxwriter.Workbook(name, {"default_date_format": "yyyy-mm-dd"}) as workbook:
        if saved:
            workbook.set_properties({"created": datetime(2026, 11, saved, 7, tzinfo=UTC)})
        for title, header, rows in (("来店", VISITS, visits), ("试驾", DRIVES, drives)):
            sheet = workbook.add_worksheet(title)
            for number, cells in enumerate([header, *rows] if rows else []):
                sheet.write_row(number, 0, cells)
    return Path(name)


def four_exports() -> list[Path]:
    """Three that overlap and disagree, with rows that change and move, and a csv of other days."""
    nobody = ["", SECOND, "首次", "来店", "王磊"]
    first = [[1, FIRST, "首次", "来店", "张伟"], [2, FIRST, "首次", "来店", "张伟"], nobody]
    second = [[2, FIRST, "再次", "来店", "李娜"], [3, SECOND, "首次", "来店", "李娜"], nobody]
    third = [[1, LAST, "再次", "来店", "张伟"], [3, SECOND, "再次", "来店", ""]]
    Path("电话.csv").write_text(
        "登记编号,日期,来店性质,接触方式\n8,2026-09-09,首次,来电\n,2026-09-09,首次,来电\n", encoding="utf-8"
    )
    return [
        export("1.xlsx", 1, first, [["T1", FIRST, "张伟"]]),
        export("2.xlsx", 2, second, [["T1", FIRST, "李娜"], ["T2", SECOND, "李娜"]]),
        export("3.xlsx", 3, third, [["T2", LAST, "王磊"]]),
        Path("电话.csv"),
    ]


class Desk:
    """A store that files are read into, each an hour after the one before."""

    def __init__(self, readers: ReaderPool, place: str = "store", hours: int = 0) -> None:
        self.readers = readers
        self.workspace = kpicli.open_workspace(store=place)
        self.hours = hours

    @property
    def now(self) -> datetime:
        self.hours += 1
        return NOW + timedelta(days=4, hours=self.hours)

    def read(self, *files: Path, **options: Any) -> list[FileAccount]:
        return list(kpicli.ingest(self.workspace, files, now=self.now, readers=self.readers, **options).files)

    def turn(self, batch: str, *, redo: bool = False) -> None:
        assert kpicli.undo(self.workspace, batch, redo=redo, now=self.now).changed

    @property
    def batches(self) -> list[str]:
        return [batch.name for batch in kpicli.status(self.workspace, today=TODAY).batches]

    def rows(self, form: str = "visits") -> pl.DataFrame:
        try:
            return kpicli.export(self.workspace, form, show_pii=True, today=TODAY)
        except NothingToReport:
            return pl.DataFrame()

    @property
    def exports(self) -> dict[str, str]:
        """What is exported of every form that has rows."""
        frames = {form: self.rows(form) for form in self.workspace.catalogue.forms}
        return {form: frame.write_csv() for form, frame in frames.items() if frame.height}

    @property
    def files(self) -> dict[Path, bytes]:
        """Every byte of the store."""
        return {path: path.read_bytes() for path in Path(self.workspace.store).rglob("*") if path.is_file()}


def test_exports_read_in_any_order_or_all_at_once_give_the_same_rows(readers: ReaderPool) -> None:
    *three, other = four_exports()
    whole = Desk(readers, "whole")
    whole.read(*three, other)
    for number, order in enumerate(permutations(three)):
        desk = Desk(readers, str(number))
        for file in [*order[: number % 4], other, *order[number % 4 :]]:
            desk.read(file)
        assert desk.exports == whole.exports
    assert whole.rows().select("visit_no", "date", "contact", "consultant").rows() == [
        ("8", date(2026, 9, 9), "首次", None),
        (None, date(2026, 9, 9), "首次", None),
        ("2", FIRST, "再次", "李娜"),
        ("3", SECOND, "再次", None),
        (None, SECOND, "首次", "王磊"),
        ("1", LAST, "再次", "张伟"),
    ]
    assert whole.rows("test_drives").select("drive_no", "date", "consultant").rows() == [
        ("T1", FIRST, "李娜"),
        ("T2", LAST, "王磊"),
    ]


def test_reading_again_under_any_name_changes_no_byte(readers: ReaderPool) -> None:
    files = [*four_exports(), export("全错.xlsx", 4, [[1, "2026-13-01", "首次", "来店", ""]])]
    desk = Desk(readers)
    desk.read(*files)
    before = desk.files
    renamed = [Path(shutil.copy(file, f"又一份 {file.name}")) for file in files]
    assert [account.batch for account in desk.read(*reversed(renamed))] == [None] * 5
    assert desk.files == before


def test_all_undone_in_any_order_is_nothing_and_redone_the_same(readers: ReaderPool) -> None:
    desk = Desk(readers)
    desk.read(*four_exports())
    whole, batches = desk.exports, desk.batches
    orders = [batches, [batches[number] for number in (2, 0, 3, 1)]]
    for undone, redone in zip(orders, orders[1:] + orders[:1], strict=True):
        for batch in undone:
            desk.turn(batch)
        assert desk.exports == {}
        for batch in redone:
            desk.turn(batch, redo=True)
        assert desk.exports == whole


def test_a_store_goes_on_wherever_it_lies_and_is_moved_to(readers: ReaderPool) -> None:
    files = four_exports()
    desk = Desk(readers, "库/一号 店🚗 100%")
    desk.read(*files[:2])
    before = desk.exports
    moved = Desk(readers, shutil.move("库", "搬走 了🚚") + "/一号 店🚗 100%", desk.hours)
    assert moved.exports == before
    assert [account.batch for account in moved.read(*files[:2])] == [None, None]
    moved.read(*files[2:])
    assert moved.exports.keys() == {"visits", "test_drives"} and moved.exports != before
    for batch in moved.batches[2:]:
        moved.turn(batch)
    assert moved.exports == before
    assert kpicli.check(moved.workspace).sound


def test_a_whole_truth_leaves_other_days_dealers_and_forms_alone(readers: ReaderPool) -> None:
    desk = Desk(readers)
    days = [date(2026, 9, 30), *(date(2026, 10, day) for day in (1, 15, 31)), date(2026, 11, 1)]
    visits = [[number, day, "首次", "来店", "张伟"] for number, day in enumerate(days)]
    desk.read(export("甲.xlsx", 1, visits, [["T1", days[2], "张伟"]]), dealer="甲")
    desk.read(export("乙.xlsx", 1, visits), dealer="乙")
    truth = export("为准.xlsx", 2, [[1, days[1], "首次", "来店", "张伟"], [9, days[3], "首次", "来店", "李娜"]])
    ((change,),) = [account.changes for account in desk.read(truth, dealer="甲", replace=True)]
    assert (change.new, change.changed, change.removed) == (1, 0, 2)
    held = desk.rows().group_by("dealer").agg(pl.col("visit_no").sort())
    assert dict(held.rows()) == {"甲": ["0", "1", "4", "9"], "乙": ["0", "1", "2", "3", "4"]}
    assert desk.rows("test_drives")["drive_no"].to_list() == ["T1"]


def test_a_dry_run_tells_what_the_real_run_does_and_changes_no_byte(readers: ReaderPool) -> None:
    desk = Desk(readers)
    first, second, third, calls = four_exports()
    truth = export("为准.xlsx", 4, [[1, FIRST, "首次", "来店", ""], [7, date(2026, 10, 31), "首次", "来店", ""]])
    late = export("早.xlsx", 1, [[2, FIRST, "首次", "来店", "王磊"], [5, date(2026, 10, 9), "首次", "来店", ""]])
    for file, whole_truth in [(third, 0), (first, 0), (calls, 0), (truth, 1), (late, 0), (second, 0), (first, 0)]:
        before, rows = desk.files, desk.rows().height + desk.rows("test_drives").height
        (told,) = desk.read(file, replace=bool(whole_truth), dry_run=True)
        assert desk.files == before
        (done,) = desk.read(file, replace=bool(whole_truth))
        assert replace(done, batch=None) == told
        more = sum(change.new - change.removed for change in done.changes)
        assert desk.rows().height + desk.rows("test_drives").height == rows + more, file


def test_a_dry_run_makes_no_store(readers: ReaderPool) -> None:
    desk = Desk(readers)
    desk.read(*four_exports(), dry_run=True)
    assert not Path(desk.workspace.store).exists()
