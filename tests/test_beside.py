"""Two at once: what several processes do to one store beside each other comes to what they would have done in turn.

Four processes by default; `long` has as many as ``KPICLI_BESIDE`` says, else 6.
"""

import contextlib
import hashlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

import kpicli
from kpicli.errors import NothingToReport
from kpicli.present import json as documents
from kpicli.read import Limits, ReaderPool, Workbook
from kpicli.store import Store

from .conftest import NOW, TODAY

HEADER = "登记编号,日期,来店性质,接触方式,销售顾问"
FORMS = ("visits", "test_drives", "followups")
VIEWS = ("report", *FORMS, "status")
PATIENCE = 300
"""Seconds after which what should have happened never will."""
EMPTY = "no_data"

LOADED = ("pipeline.ingest", "pipeline.report", "pipeline.status", "pipeline.upkeep", "present.json")
"""Of kpicli, what takes long to load."""

HOLDER = """
import os, signal
from kpicli import cli
from kpicli.store import Store
record = Store.record
def stop_first(store, event):
    print("has its turn", flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)
    record(store, event)
Store.record = stop_first
cli.run()
"""
"""The command line, stopped at the last step of a batch: its rows are written, and the journal does not name it yet."""


def log(name: str, *rows: str) -> Path:
    Path(name).write_text("\n".join([HEADER, *rows]), encoding="utf-8")
    return Path(name).absolute()


def visits(name: str, numbers: Sequence[int], consultant: str = "") -> Path:
    return log(name, *(f"{number},2026-10-{number % 28 + 1:02},首次,来店,{consultant}" for number in numbers))


def of_three_sheets(number: int) -> Path:
    """A workbook that adds rows to three forms."""
    from .workbooks import book  # not above: the processes of a crew load this module too, and have no use for it

    day = f"2026-10-{number + 1:02}"
    sheets = {
        "来店": [HEADER.split(","), *([f"V{number}-{n}", day, "首次", "来店", "张伟"] for n in range(3))],
        "试驾": [["试驾编号", "试驾日期", "试驾车型", "销售顾问"], [f"D{number}", day, "君威", "张伟"]],
        "跟踪": [["跟踪编号", "应跟踪日期", "实际跟踪日期", "销售顾问"], [f"F{number}", day, day, "张伟"]],
    }
    return book(f"w{number}.xlsx", sheets=sheets).absolute()


def contradicting(count: int) -> list[list[Path]]:
    """Pairs of exports: rows that several have, each with another consultant; and a row that every other one moves."""
    return [
        [
            visits(f"{n}.csv", range(n, n + 8), f"顾问{n}"),
            log(f"m{n}.csv", f"M,2026-{9 + n % 2:02}-30,首次,来店,顾问{n}", f"N{n},2026-10-01,再次,来店,顾问{n}"),
        ]
        for n in range(count)
    ]


# What the processes of a crew do


class Direct(ReaderPool):
    """Reads in the process itself: reading processes take longer to start than all that is tested here."""

    def __init__(self) -> None:
        pass

    def read(self, path: Path, password: str | None = None) -> Workbook:
        from kpicli.read import worker

        content = worker.read(path, Limits(), password)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        return Workbook(path, sha256, tuple(content.sheets), content.saved, content.origin)


def read_in(store: Path | str, files: Sequence[Path], times: Sequence[datetime]) -> list[tuple[str, str | None]]:
    """Read files one after the other, each at its time; give status and batch of each."""
    workspace = kpicli.open_workspace(store=store)
    done = [
        kpicli.ingest(workspace, [file], now=now, readers=Direct()).files
        for file, now in zip(files, times, strict=True)
    ]
    return [(account.status, account.batch) for (account,) in done]


def look(store: Path | str, view: str) -> str:
    """A report, an export or the status as a text that is equal where the stores say the same."""
    workspace = kpicli.open_workspace(store=store)
    try:
        if view == "report":
            report, _ = kpicli.report(workspace, "2026-10", today=TODAY)
            return f"{report.account} {documents.text(documents.report(report))}"
        if view == "status":
            status = kpicli.status(workspace, today=TODAY)
            months = [(entry.form.key, entry.month, entry.rows, entry.days, entry.set_aside) for entry in status.months]
            return str((months, [(batch.file, batch.stored, batch.undone) for batch in status.batches]))
        return kpicli.export(workspace, view, today=TODAY).write_csv()
    except NothingToReport as nothing:
        return nothing.code


def watch(store: Path | str, last: Sequence[str]) -> list[list[str]]:
    """Look at everything again and again until it is as it will be at last."""
    end = time.monotonic() + PATIENCE
    rounds = [[look(store, view) for view in VIEWS]]
    while rounds[-1] != list(last):
        assert time.monotonic() < end, "what was read never shows"
        rounds.append([look(store, view) for view in VIEWS])
    return rounds


def compact_until(store: Path | str, batches: int) -> int:
    """Compact again and again until the store has so many batches, and once more; give how many files that merged."""
    workspace = kpicli.open_workspace(store=store)
    end = time.monotonic() + PATIENCE
    merged, held = 0, 0
    while held < batches:
        assert time.monotonic() < end, "what was read never shows"
        held = Store(store).history.height
        with contextlib.suppress(NothingToReport):
            done = kpicli.compact(workspace, now=datetime.now(UTC))
            merged += done.before - done.after
    return merged


def make_stores(folder: Path, begin: float, count: int) -> None:
    """Have a turn in one new store after the other, a millisecond apart."""
    for number in range(count):
        while time.time() < begin + number / 1000:
            pass
        with Store(folder / str(number)).turn():
            pass


def as_it_is(step: Callable[[], Any]) -> Any:
    return step()


def without_locks(step: Callable[[], Any]) -> Any:
    """Take a step as on Windows and on network folders, where nobody can have a turn."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kpicli.store.place.fcntl", None)
        return step()


def turn_over(store: Path, file: Path, now: datetime, times: int) -> bool:
    """Read a file, then undo and redo it in turn; give whether it is undone at last."""
    ((_, batch),) = read_in(store, [file], [now])
    assert batch
    for number in range(times):
        turned = kpicli.undo(kpicli.open_workspace(store=store), batch, redo=number % 2 == 1, now=now)
        assert turned.changed
    return times % 2 == 1


def open_and_close(store: Path, now: datetime, times: int) -> bool:
    """Close October and reopen it in turn; give whether it is closed at last."""
    workspace = kpicli.open_workspace(store=store)
    for number in range(times):
        assert kpicli.close(workspace, "2026-10", reopen=number % 2 == 1, today=TODAY, now=now).changed
    return times % 2 == 1


class Crew:
    """Processes that start a step each at the same moment."""

    def __init__(self, size: int) -> None:
        context = _starting()
        self.size = size
        joining = (context.Barrier(size), dict(os.environ))
        self._pool = ProcessPoolExecutor(size, mp_context=context, initializer=_join, initargs=joining)

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def together(self, *steps: Callable[[], Any]) -> list[Any]:
        """Take a step in each process beside the others; give what each came to."""
        idle = [_nothing] * (self.size - len(steps))
        futures = [self._pool.submit(_with_the_others, step) for step in (*steps, *idle)]
        return [future.result() for future in futures][: len(steps)]


@cache
def _starting() -> Any:
    """How the processes of a crew start: as forks of one that has loaded everything and done nothing, where it can."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pytest", *(f"kpicli.{module}" for module in LOADED)])
    return context


_ready: Any = None


def _join(barrier: Any, environment: Mapping[str, str]) -> None:
    """Begin as a new process would: a fork has the environment of when the first crew was made."""
    global _ready
    _ready = barrier
    os.environ.clear()
    os.environ.update(environment)


def _nothing() -> None:
    pass


def _with_the_others(step: Callable[[], Any]) -> Any:
    _ready.wait(PATIENCE)
    try:
        return step()
    except Exception:  # told as text: not every error can travel between processes
        raise AssertionError(traceback.format_exc()) from None


Step = Callable[[Callable[[], Any]], Any]
locks = pytest.mark.parametrize("locked", [as_it_is, without_locks], ids=["", "without locks"])
MANY = int(os.environ.get("KPICLI_BESIDE", "6"))


@pytest.fixture(scope="module", params=[4, pytest.param(MANY, marks=pytest.mark.long)])
def crew(request: pytest.FixtureRequest) -> Iterator[Crew]:
    with Crew(request.param) as crew:
        yield crew


def minutes(count: int) -> list[datetime]:
    return [NOW + timedelta(minutes=number) for number in range(count)]


def held(store: Path | str) -> list[str]:
    """The numbers of the visits that count, in order."""
    return sorted(Store(store).rows(kpicli.open_workspace(store=store).catalogue.forms["visits"]).collect()["visit_no"])


def files_read(store: Path | str) -> list[str]:
    return sorted(Store(store).history["file"])


def is_sound(store: Path | str) -> bool:
    return kpicli.check(kpicli.open_workspace(store=store)).sound


# Reading, also where nobody can have a turn


def test_a_store_that_several_make_in_the_same_moment_is_made(crew: Crew) -> None:
    begin = time.time() + 0.3
    crew.together(*[partial(make_stores, Path("stores").absolute(), begin, 100)] * crew.size)


@locks
def test_files_read_beside_each_other_give_the_sum_of_their_rows(locked: Step, crew: Crew) -> None:
    store = Path("store").absolute()
    files = [visits(f"{n}.csv", range(n * 5, n * 5 + 5)) for n in range(crew.size)]
    done = crew.together(*(partial(locked, partial(read_in, store, [file], [NOW])) for file in files))
    assert [status for ((status, _),) in done] == ["stored"] * crew.size
    assert held(store) == sorted(map(str, range(crew.size * 5)))
    assert files_read(store) == sorted(file.name for file in files)
    assert is_sound(store)


@locks
def test_one_file_read_beside_itself_is_stored_once(locked: Step, crew: Crew) -> None:
    store, file = Path("store").absolute(), visits("a.csv", range(5))
    done = crew.together(*(partial(locked, partial(read_in, store, [file], [now])) for now in minutes(crew.size)))
    assert sorted(status for ((status, _),) in done) == ["stored", *["unchanged"] * (crew.size - 1)]
    assert held(store) == list("01234")
    assert files_read(store) == ["a.csv"]
    assert is_sound(store)


@locks
def test_exports_that_contradict_each_other_come_to_the_same_in_any_order(locked: Step, crew: Crew) -> None:
    times = minutes(crew.size)
    one, other = Path("in turn").absolute(), Path("beside").absolute()
    pairs = contradicting(crew.size)
    for pair, now in zip(pairs, times, strict=True):
        read_in(one, pair, [now, now])
    crew.together(
        *(partial(locked, partial(read_in, other, pair, [now, now])) for pair, now in zip(pairs, times, strict=True))
    )
    assert [look(other, view) for view in VIEWS[:-1]] == [look(one, view) for view in VIEWS[:-1]]
    assert files_read(other) == files_read(one)
    assert is_sound(other)


# Readers beside


def test_readers_beside_a_writer_and_compacting_see_whole_workbooks(crew: Crew) -> None:
    files = [of_three_sheets(number) for number in range(crew.size // 2 + 1)]
    times = minutes(len(files))
    one, other = Path("in turn").absolute(), Path("beside").absolute()
    states = [[*[EMPTY] * 4, look(one, "status")]]
    for file, now in zip(files, times, strict=True):
        read_in(one, [file], [now])
        states.append([look(one, view) for view in VIEWS])
    watching = partial(watch, other, states[-1])
    _, merged, *watched = crew.together(
        partial(read_in, other, files, times), partial(compact_until, other, len(files)), watching, watching
    )
    assert merged > 0
    for rounds in watched:
        seen = [
            [view.index(text) for view, text in zip(zip(*states, strict=True), texts, strict=True)] for texts in rounds
        ]
        in_turn = [state for round in seen for state in round]
        assert in_turn == sorted(in_turn), "what was seen once is not unseen"
    assert is_sound(other)


@locks
def test_compacting_beside_readings_loses_nothing(locked: Step, crew: Crew) -> None:
    store = Path("store").absolute()
    half = crew.size // 2
    files = [visits(f"{n}.csv", [n]) for n in range(half * 4)]
    parts = [files[n::half] for n in range(half)]
    now = datetime.now(UTC)
    crew.together(
        *(partial(locked, partial(read_in, store, part, [now] * len(part))) for part in parts),
        *[partial(locked, partial(compact_until, store, len(files)))] * 2,
    )
    assert held(store) == sorted(map(str, range(len(files))))
    assert files_read(store) == sorted(file.name for file in files)
    assert is_sound(store)


# Decisions beside


def test_what_is_undone_redone_and_closed_beside_readings_is_as_each_left_it(crew: Crew) -> None:
    store = Path("store").absolute()
    read_in(store, [visits("first.csv", [0])], [NOW])
    files = [visits(f"{n}.csv", [n]) for n in range(1, crew.size)]
    turns = [number % 4 for number in range(1, crew.size)]
    closed, *undone = crew.together(
        partial(open_and_close, store, NOW, 5),
        *(partial(turn_over, store, file, NOW, times) for file, times in zip(files, turns, strict=True)),
    )
    events = Store(store).state.events
    assert events["seq"].to_list() == list(range(1, 1 + crew.size + sum(turns) + 5 + 1))[: events.height]
    assert events.height == crew.size + sum(turns) + 5
    assert held(store) == sorted(["0", *(str(n) for n, away in enumerate(undone, 1) if not away)])
    assert bool(Store(store).state.closings) is closed
    assert is_sound(store)


# One that hangs, or dies


@contextlib.contextmanager
def hanging(*words: object) -> Iterator[subprocess.Popen[str]]:
    """A command that hangs in its turn to write."""
    command = [sys.executable, "-c", HOLDER, *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "has its turn\n"
            yield process
        finally:
            process.kill()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no turns")
def test_who_is_killed_in_its_turn_leaves_it_to_the_next_at_once(readers: ReaderPool) -> None:
    workspace = kpicli.open_workspace(store="store")
    kpicli.ingest(workspace, [visits("first.csv", [1])], now=NOW, readers=readers)
    with hanging("ingest", visits("killed.csv", [2, 3]), "--store", "store"):
        pass
    assert held(Path("store")) == ["1"]
    began = time.monotonic()
    kpicli.ingest(workspace, [visits("next.csv", [4])], now=NOW, readers=readers)
    assert time.monotonic() - began < 10
    assert held(Path("store")) == ["1", "4"]
    assert is_sound(Path("store"))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no turns")
def test_others_wait_for_one_that_hangs_and_readers_do_not(readers: ReaderPool) -> None:
    workspace = kpicli.open_workspace(store="store")
    kpicli.ingest(workspace, [visits("first.csv", [1])], now=NOW, readers=readers)
    with (
        hanging("ingest", visits("hangs.csv", [2]), "--store", "store") as process,
        ThreadPoolExecutor() as threads,
    ):
        waiting = threads.submit(kpicli.ingest, workspace, [visits("waits.csv", [3])], now=NOW, readers=readers)
        time.sleep(0.5)
        assert not waiting.done()
        assert held(Path("store")) == ["1"]
        process.send_signal(signal.SIGCONT)
        assert process.wait(PATIENCE) == 0
        assert waiting.result(PATIENCE).files[0].status == "stored"
    assert held(Path("store")) == ["1", "2", "3"]
    assert is_sound(Path("store"))


# The command line itself


@pytest.mark.long
def test_command_lines_beside_each_other(tmp_path: Path) -> None:
    """So many of different files, as many of one file, and reports beside them."""

    def command(*words: object) -> subprocess.Popen[str]:
        line = [sys.executable, "-m", "kpicli", *map(str, words), "--store", "store", "--json"]
        return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    numbers = range(MANY)
    same = visits("same.csv", [MANY])
    running = [command("ingest", file) for file in [*(visits(f"{n}.csv", [n]) for n in numbers), *[same] * MANY]]
    counts = []
    while any(process.poll() is None for process in running):
        report = command("report", "--month", "2026-10")
        out, err = report.communicate()
        assert report.returncode in (0, 5), err
        counts.append(json.loads(out)["total"]["kpis"]["traffic"]["value"] if report.returncode == 0 else 0)
    told = [(process.communicate()[0], process.returncode) for process in running]
    assert {code for _, code in told} == {0}
    assert [json.loads(out)["stored"] for out, _ in told[:MANY]] == [1] * MANY
    assert sum(json.loads(out)["stored"] for out, _ in told[MANY:]) == 1
    assert counts == sorted(counts)
    assert held(tmp_path / "store") == sorted(map(str, range(MANY + 1)))
    assert files_read(tmp_path / "store") == sorted([*(f"{n}.csv" for n in numbers), "same.csv"])
    assert is_sound(tmp_path / "store")
