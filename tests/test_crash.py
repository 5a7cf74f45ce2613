"""What a killed or failing run leaves: the state before it or the state after, never a mixture, and nothing for good.

A run is killed, and made to fail as on a full or broken disk, before every step that it takes: those of kpicli by
stepping in between, those of the library that writes the logs by strace. Besides it is killed at random moments, the
same ones in every run. `KPICLI_KILLS` says how often (3 by default), and so how many of all steps the long tests try:
with 120 it is every one.
"""

import errno
import itertools
import json
import os
import pickle
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any, NoReturn

import pytest
import typer
from deltalake import DeltaTable

import kpicli
from kpicli import cli
from kpicli.loading import load
from kpicli.read import ReaderPool, Workbook
from kpicli.store import Store
from kpicli.store.place import Folder, Turn
from kpicli.store.tables import Table

from .test_cli import Ended, call
from .test_store import put, visit
from .workbooks import book

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows knows neither kill -9 nor folders that are synced")

KILLS = int(os.environ.get("KPICLI_KILLS", "3"))
STRIDE = max(1, 120 // KILLS)
"""From one step to the next that is tried, where a run takes about a hundred."""
FORMS = ("visits", "intentions", "test_drives", "invoices", "followups")
LATER = ("ingest", "later.xlsx")
LOG_ENTRY = re.compile(r"\d{20}\.(json|checkpoint\.parquet)|_last_checkpoint")
STEPS: Mapping[str, Sequence[tuple[Any, str]]] = {
    "commits": [(Table, "commit"), (Folder, "settle")],
    "settles": [(Folder, "settle")],
    "all": [
        (Turn, "begins"),
        (Turn, "ends"),
        (Table, "commit"),
        (Folder, "settle"),
        (Store, "record"),
        (Store, "merge_journal"),
        (DeltaTable, "create"),
        (DeltaTable, "create_write_transaction"),
        (DeltaTable, "update_incremental"),
        (Path, "mkdir"),
        (Path, "chmod"),
        (os, "fdopen"),
        (os, "fsync"),
        (os, "ftruncate"),
        (os, "pwrite"),
    ],
}
SYNCING = ("settle", "update_incremental", "chmod", "fsync")
"""Where these fail after the last commit, the run has failed though its batch counts: a power cut could lose it."""


# Workbooks


def record(form: str, number: int, day: date, consultant: str) -> dict[str, Any]:
    """A row of one form by its headers."""
    person = {"客户姓名": f"客户{number}", "联系电话": 19_900_000_000 + number, "销售顾问": consultant}
    return {
        "visits": {"登记编号": f"V{number}", "日期": day, "接触方式": "来店", "来店性质": "首次"},
        "intentions": {"客户编号": f"K{number}", "建档日期": day, "意向车型": "君威"},
        "test_drives": {"试驾编号": f"S{number}", "试驾日期": day, "试驾车型": "君威"},
        "invoices": {"发票号码": f"{number:08}", "开票日期": day, "车系": "君威"},
        "followups": {"跟踪编号": f"G{number}", "应跟踪日期": day, "实际跟踪日期": day},
    }[form] | person


def workbook(path: str, forms: Sequence[str], rows: int, months: int, *, later: bool = False) -> Path:
    """A sheet for each form; in the later workbook rows are new, changed, and moved to another month."""
    sheets = {}
    for form in forms:
        records = []
        for number in range(rows + (rows // 4 if later else 0)):
            moved = later and number % 7 == 0
            day = date(2026, 10 - (number + moved) % months, number % 28 + 1)
            records.append(record(form, number, day, "李娜" if later and number % 5 == 0 else "张伟"))
        sheets[form] = [list(records[0]), *(list(entry.values()) for entry in records)]
    return book(path, sheets=sheets)


class Kept:
    """Gives workbooks that were read before, without a process that reads."""

    def read(self, path: Path, password: str | None = None) -> Workbook:
        workbook: Workbook = pickle.loads(path.with_suffix(".pickle").read_bytes())
        return workbook


@pytest.fixture(autouse=True)
def _prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(monkeypatch)


def prepare(patch: pytest.MonkeyPatch) -> None:
    """Let workbooks come as they were kept, every commit write a checkpoint, and the second run merge the journal.

    What hundreds of commands have in common is made once.
    """
    patch.setattr("kpicli.read.ReaderPool", lambda size, limits: nullcontext(Kept()))
    patch.setattr("kpicli.store.tables._CHECKPOINT", 1)
    patch.setattr("kpicli.store.store._JOURNAL_FILES", 2)
    patch.setattr("kpicli.workspace.load", cache(load))
    patch.setattr("typer.main.get_command", cache(typer.main.get_command))


# What is seen of a store, and what lies in it


@dataclass(frozen=True)
class Scene:
    """A store before a later workbook is read, as ``before``, and after it, as ``after``."""

    folder: Path
    questions: Sequence[Sequence[str]]
    """The commands whose answers tell one state from another."""
    before: Sequence[str]
    after: Sequence[str]

    def counts(self, store: Path) -> bool:
        """Whether what a run left is the state after it, else the one before; either is sound."""
        seen = answers(store, self.questions)
        assert seen in (self.before, self.after), store
        assert {*issues(store)} <= {"leavings"}, store
        return seen == self.after

    def completed(self, store: Path, again: Callable[[], int]) -> None:
        """Run once more: now it is done, and nothing is left of the run before."""
        assert again() == 0, store
        assert answers(store, self.questions) == self.after, store
        assert issues(store) == [], store
        assert foreign(store) == [], store
        assert open_to_others(store) == [], store


def answers(store: str | Path, questions: Sequence[Sequence[str]]) -> list[str]:
    """What a store answers; nothing where it holds nothing."""
    ends = [call(*words, "--store", store) for words in questions]
    assert {end.code for end in ends} <= {0, 5}
    return [end.out if end.code == 0 else "" for end in ends]


def issues(store: Path) -> list[str]:
    """What the check of a store finds."""
    ended = call("store", "check", "--store", store, "--json")
    if ended.code == 5:
        return []
    codes = [issue["code"] for issue in ended.document["issues"]]
    assert ended.code == (0 if {*codes} <= {"leavings"} else 1)
    return codes


def added(entry: Path) -> list[Path]:
    """The files that an entry of a log adds to its table."""
    actions = map(json.loads, entry.read_text("utf-8").splitlines())
    return [entry.parents[1] / action["add"]["path"] for action in actions if "add" in action]


def foreign(store: Path) -> list[Path]:
    """What lies in a store and belongs to no state of it, and what belongs to it now and is not there."""
    turn = store / ".writing"
    known, lost = {turn}, []
    for log in store.glob("*/_delta_log"):
        entries = [path for path in log.iterdir() if LOG_ENTRY.fullmatch(path.name)]
        known |= {*entries, *(path for entry in entries if entry.suffix == ".json" for path in added(entry))}
        lost += [path for path in map(Path, DeltaTable(log.parent).file_uris()) if not path.is_file()]
    unfinished = [turn] if turn.stat().st_size else []
    return [*(path for path in store.rglob("*") if path.is_file() and path not in known), *lost, *unfinished]


def open_to_others(store: Path) -> list[str]:
    """Folders that are not 0700 and files that are not 0600."""
    paths = [store, *store.rglob("*")]
    modes = {path: f"{path.stat().st_mode & 0o777:o}" for path in paths}
    return [f"{path} {mode}" for path, mode in modes.items() if mode != ("700" if path.is_dir() else "600")]


def ingest(store: str | Path) -> int:
    return call(*LATER, "--store", store).code


def staged(folder: Path, readers: ReaderPool, first: Sequence[str], later: Sequence[str], **size: int) -> Scene:
    """Make the workbooks and the stores in a folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        prepare(patch)
        for path in (workbook("first.xlsx", first, **size), workbook("later.xlsx", later, **size, later=True)):
            path.with_suffix(".pickle").write_bytes(pickle.dumps(readers.read(path)))
        assert call("ingest", "first.xlsx", "--store", "before").code == 0
        shutil.copytree("before", "after")
        assert ingest("after") == 0
        questions = [("export", form, "--format", "json", "--show-pii") for form in later]
        if later == FORMS:
            questions.append(("report", "--month", "2026-10", "--json"))
        return Scene(folder, questions, answers("before", questions), answers("after", questions))


@pytest.fixture(scope="module")
def small_scene(tmp_path_factory: pytest.TempPathFactory, readers: ReaderPool) -> Scene:
    folder = tmp_path_factory.mktemp("small")
    return staged(folder, readers, ["visits"], ["visits", "followups"], rows=8, months=2)


@pytest.fixture
def small(small_scene: Scene, tmp_path: Path) -> Scene:
    """One form that was there before, and one that is new."""
    shutil.copytree(small_scene.folder, tmp_path, dirs_exist_ok=True)
    return small_scene


@pytest.fixture
def large(tmp_path: Path, readers: ReaderPool) -> Scene:
    """Five sheets, in three months."""
    return staged(tmp_path, readers, FORMS, FORMS, rows=200, months=3)


# A run, and what comes between its steps


def at_step(
    number: int, act: Callable[[str], None], steps: str, patch: pytest.MonkeyPatch, *, on: bool = False
) -> None:
    """Act before the n-th step that is taken, and before all that come after it where it goes `on`."""
    taken = itertools.count(1)

    def watched(name: str, step: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **options: Any) -> Any:
            place = next(taken)
            if place == number or (on and place > number):
                act(name)
            return step(*args, **options)

        return wrapped

    for owner, name in STEPS[steps]:
        patch.setattr(owner, name, watched(name, getattr(owner, name)))


def kill(step: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def run(*words: str) -> NoReturn:
    """The command line as these tests have it."""
    prepare(pytest.MonkeyPatch())
    sys.argv = ["kpicli", *words]
    cli.run()


def die_at_every_step(steps: str, stride: str, start: str, *words: str) -> None:
    """Run a command again and again, each time on a new copy of a store, and die before a later step.

    Every run is a fork of this process, which has loaded everything and done nothing yet.
    """
    import kpicli.pipeline.ingest
    import kpicli.present.terminal  # noqa: F401

    for number in itertools.count(1, int(stride)):
        store = f"killed-{number:03}"
        if Path(start).is_dir():
            shutil.copytree(start, store)
        if os.fork() == 0:
            at_step(number, kill, steps, pytest.MonkeyPatch())
            run(*words, "--store", store)
        _, status = os.wait()
        if not os.WIFSIGNALED(status):
            sys.exit(os.waitstatus_to_exitcode(status))


def python(function: Callable[..., Any], *words: object, under: Sequence[object] = ()) -> Ended:
    """Run a function of this file in a process of its own, under a command that changes its lot."""
    script = f"import sys; from {__name__} import {function.__name__} as f; f(*sys.argv[1:])"
    folders = [str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    command = [*map(str, under), sys.executable, "-c", script, *map(str, words)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(folders)}
    ended = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, env=environment)
    return Ended(ended.returncode, ended.stdout, ended.stderr)


# Killed


@pytest.mark.parametrize(("steps", "stride"), [("commits", 4), pytest.param("all", STRIDE, marks=pytest.mark.long)])
def test_a_run_killed_before_any_step_leaves_the_state_before_or_after_and_the_next_completes_it(
    steps: str, stride: int, small: Scene
) -> None:
    ended = python(die_at_every_step, steps, stride, "before", *LATER)
    assert ended.code == 0, ended.err
    counted = []
    for store in sorted(Path().glob("killed-*")):
        counted.append(small.counts(store))
        small.completed(store, partial(ingest, store))
    assert counted == sorted(counted)
    assert {*counted} == {False, True}


@pytest.mark.long
def test_the_first_run_killed_before_any_step_leaves_nothing_or_everything(small: Scene) -> None:
    nothing = replace(small, before=["" for _ in small.before])
    ended = python(die_at_every_step, "all", STRIDE, "no store yet", *LATER)
    assert ended.code == 0, ended.err
    for store in sorted(Path().glob("killed-*")):
        nothing.counts(store)
        nothing.completed(store, partial(ingest, store))


@pytest.mark.long
@pytest.mark.parametrize("command", ["undo", "close"])
def test_a_turn_killed_before_any_step_is_taken_or_not_and_the_next_completes_it(command: str, small: Scene) -> None:
    words = (command, Store("after").batches["batch"][-1] if command == "undo" else "2026-10")
    shutil.copytree("after", "turned")
    assert call(*words, "--store", "turned").code == 0
    turned = replace(small, before=small.after, after=answers("turned", small.questions))
    ended = python(die_at_every_step, "all", STRIDE, "after", *words)
    assert ended.code == 0, ended.err
    for store in sorted(Path().glob("killed-*")):
        turned.counts(store)
        turned.completed(store, lambda store=store: call(*words, "--store", store).code)


@pytest.mark.long
def test_compacting_killed_before_any_step_changes_nothing_that_is_seen(small: Scene) -> None:
    """What it leaves may be read by others for an hour, and is deleted by a later one."""
    ended = python(die_at_every_step, "all", STRIDE, "after", "store", "compact")
    assert ended.code == 0, ended.err
    for store in sorted(Path().glob("killed-*")):
        assert small.counts(store)
        assert call("store", "compact", "--store", store).code == 0
        assert small.counts(store)


@pytest.mark.long
def test_runs_killed_at_random_moments_leave_the_state_before_or_after_and_the_next_completes_them(
    large: Scene, tmp_path: Path
) -> None:
    chance = random.Random(KILLS)
    took = max(read_in(shutil.copytree("before", f"timed-{number}"), tmp_path / "timed")[1] for number in range(2))
    ends = {"before": 0, "after": 0, "done": 0}
    for number in range(KILLS):
        store, temporary = Path(f"killed-{number:03}"), tmp_path / f"temporary-{number:03}"
        shutil.copytree("before", store)
        code, _ = read_in(store, temporary, seconds=chance.uniform(0, took))
        counts = large.counts(store)
        ends["done" if code == 0 else "after" if counts else "before"] += 1
        assert readers_of(temporary) == [], store
        large.completed(store, lambda store=store, temporary=temporary: read_in(store, temporary)[0])
        assert list(temporary.iterdir()) == [], "what the dead run had unpacked is deleted by the next"
        shutil.rmtree(store)
    print(f"{KILLS} kills within {took:.2f} s: {ends}")
    assert ends["before"]


def read_in(store: Path, temporary: Path, *, seconds: float = 60) -> tuple[int, float]:
    """Read the workbook in by a process of its own, killed with its group after some time; how it ended, and when."""
    temporary.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "kpicli", *LATER, "--store", str(store)]
    start = time.monotonic()
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, env=os.environ | {"TMPDIR": str(temporary)}, start_new_session=True
    ) as process:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
    return process.returncode, time.monotonic() - start


def readers_of(temporary: Path) -> list[str]:
    """The processes that still work for a dead run, after they had some seconds to end."""
    for _ in range(100):
        alive = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                if f"TMPDIR={temporary}".encode() in path.read_bytes().split(b"\0"):
                    alive.append(path.parent.name)
        if not alive:
            break
        time.sleep(0.1)
    return alive


# Failing


def told(ended: Ended, code: int) -> None:
    """A run that failed says so, and why, and what to do."""
    assert ended.code == 4, ended.err
    assert ended.err.startswith("错误：")
    assert "\n→ " in ended.err
    assert "Traceback" not in ended.err
    assert os.strerror(code) in ended.err


FULL, MOMENT = (errno.ENOSPC, True), (errno.EIO, False)


@pytest.mark.parametrize(
    ("failure", "steps", "stride"),
    [
        pytest.param(FULL, "commits", 4, id="full disk"),
        pytest.param(FULL, "all", STRIDE, id="full disk at any step", marks=pytest.mark.long),
        pytest.param(MOMENT, "all", STRIDE, id="a bad moment at any step", marks=pytest.mark.long),
    ],
)
def test_a_run_that_fails_at_any_step_says_so_and_leaves_the_state_before(
    failure: tuple[int, bool], steps: str, stride: int, small: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, lasting = failure
    for number in itertools.count(1, stride):
        store = Path(shutil.copytree("before", f"failed-{number:03}"))
        failed: list[str] = []

        def fail(step: str, failed: list[str] = failed) -> None:
            failed.append(step)
            raise OSError(code, os.strerror(code))

        with monkeypatch.context() as patch:
            at_step(number, fail, steps, patch, on=lasting)
            ended = call(*LATER, "--store", store)
        counts = small.counts(store)
        if ended.code == 0:
            assert counts, (number, failed)
        else:
            told(ended, code)
            assert not counts or failed[0] in SYNCING, (number, failed)
        small.completed(store, partial(ingest, store))
        if not failed:
            break
    assert number > 6


def read_only(store: Path) -> None:
    """Take away from everybody, the owner too, what is needed to change a store."""
    for path in [*store.rglob("*"), store]:
        path.chmod(path.stat().st_mode & 0o555)


def looked_at(store: str) -> None:
    """Ask all there is to ask of a store."""
    lines = [("status",), ("store", "check"), ("report", "--month", "2026-10"), ("export", "visits")]
    sys.stdout.write(json.dumps([call(*words, "--store", store).code for words in lines]))


def test_a_store_that_cannot_be_written_refuses_to_be_and_can_be_read(small: Scene) -> None:
    root = os.geteuid() == 0
    if root and not shutil.which("setpriv"):
        pytest.skip("root may write anything")
    under = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if root else []
    read_only(Path("before"))
    told(python(run, *LATER, "--store", "before", under=under), errno.EACCES)
    assert json.loads(python(looked_at, "before", under=under).out) == [0, 0, 0, 0]
    assert answers("before", small.questions) == small.before


def mounted(*words: object) -> None:
    """Mount something, where this system and account may."""
    ended = subprocess.run(["mount", *map(str, words)], capture_output=True, text=True, check=False)
    if ended.returncode:
        pytest.skip(ended.stderr.strip() or "cannot mount")


@pytest.fixture
def disk() -> Iterator[Path]:
    """A disk of its own, of a few megabytes."""
    folder = Path("disk").resolve()
    folder.mkdir()
    if not shutil.which("mount"):
        pytest.skip("cannot mount")
    mounted("-t", "tmpfs", "-o", "size=4m", "tmpfs", folder)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.long
def test_a_store_on_a_read_only_disk_refuses_to_be_written_and_can_be_read(small: Scene, disk: Path) -> None:
    store = shutil.copytree("before", disk / "store")
    mounted("-o", "remount,ro", disk)
    told(call(*LATER, "--store", store), errno.EROFS)
    assert call("status", "--store", store).code == 0
    assert issues(store) == []
    assert answers(store, small.questions) == small.before


@pytest.mark.long
def test_a_disk_that_is_full_after_some_pages_leaves_the_state_before(small: Scene, disk: Path) -> None:
    """Page by page at first, where a run begins, then in steps that grow; each run in a process of its own."""
    page = os.sysconf("SC_PAGE_SIZE")
    pages, tried = 0, 0
    while True:
        store = Path(shutil.copytree("before", disk / f"store-{pages}"))
        room = os.statvfs(disk).f_bavail * page
        (disk / "ballast").write_bytes(bytes(max(room - pages * page, 0)))
        ended = python(run, *LATER, "--store", store)
        (disk / "ballast").unlink()
        if ended.code == 0:
            break
        told(ended, errno.ENOSPC)
        assert not small.counts(store), pages
        small.completed(store, partial(ingest, store))
        shutil.rmtree(store)
        pages, tried = pages + 1 + pages // 4, tried + 1
    assert tried > 8
    assert small.counts(store)


# Killed and failing inside the library that writes the logs

LOG_CALLS = ("openat", "write,pwrite64,writev", "?link,linkat,?rename,renameat,?renameat2", "?unlink,unlinkat")
"""What writing an entry of a log takes: a file beside it, its content, the name it is to have, and the file's end."""


@pytest.fixture
def tracing() -> None:
    """Where strace is there and may trace."""
    if not shutil.which("strace") or subprocess.run(["strace", "-o", "trace", "true"], check=False).returncode:
        pytest.skip("nothing can be traced")


@pytest.mark.long
@pytest.mark.parametrize("effect", ["signal=SIGKILL", "error=ENOSPC", "error=EIO"])
def test_a_log_entry_cut_short_at_any_system_call_leaves_the_state_before_or_after_and_nothing_for_good(
    effect: str, small: Scene, tracing: None
) -> None:
    logs = [
        {str(path.relative_to(store)) for path in Path(store).glob("*/_delta_log/*")} for store in ("before", "after")
    ]
    killed = effect == "signal=SIGKILL"
    calls_of = LOG_CALLS if killed else LOG_CALLS[:-1]  # a file beside that cannot be deleted is no failure
    cases = list(itertools.product(sorted(logs[1] - logs[0]), calls_of))
    hits = 0
    for entry, calls in random.Random(effect).sample(cases, min(KILLS, len(cases))):
        store = Path(shutil.copytree("before", "cut"))
        words = ("-f", "-qq", "-o", "trace", "-P", store.resolve() / f"{entry}#1", "-e", f"trace={calls}")
        ended = python(run, *LATER, "--store", store, under=["strace", *words, "-e", f"inject={calls}:{effect}:when=1"])
        hits += bool(Path("trace").stat().st_size)
        counts = small.counts(store)
        if ended.code == 0:
            assert counts, (entry, calls)
        elif not killed:
            told(ended, getattr(errno, effect.removeprefix("error=")))
            assert not counts, (entry, calls)
        small.completed(store, partial(ingest, store))
        shutil.rmtree(store)
    print(f"{effect}: {hits} of {len(cases)}")
    assert hits


# Synced

needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="the system does not tell what is synced")


@dataclass(frozen=True)
class Sync:
    """A file or folder that was synced, as it was then, and the log entries that were there."""

    path: Path
    content: object
    entries: frozenset[Path]


def content(path: Path) -> object:
    """What a file or folder holds, as far as it tells whether anything was written since."""
    status = path.stat()
    return {entry.name for entry in path.iterdir()} if path.is_dir() else (status.st_size, status.st_mtime_ns)


def everything(store: Path) -> dict[Path, object]:
    """A store with all that is in it, and the folder it lies in; not the file that is locked."""
    paths = [store.parent, store, *store.rglob("*")]
    return {path: content(path) for path in paths if path.exists() and path.name != ".writing"}


def watch_syncs(store: Path, patch: pytest.MonkeyPatch) -> list[Sync]:
    """The list that will hold what is synced."""
    syncs: list[Sync] = []
    sync = os.fsync

    def watched(descriptor: int) -> None:
        sync(descriptor)
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        syncs.append(Sync(path, content(path), frozenset(store.glob("*/_delta_log/*.json"))))

    patch.setattr(os, "fsync", watched)
    return syncs


def unsynced(now: Mapping[Path, object], was: Mapping[Path, object], syncs: Sequence[Sync]) -> list[Path]:
    """What changed and was not synced since."""
    synced = [(sync.path, sync.content) for sync in syncs]
    return [path for path, found in now.items() if was.get(path) != found and (path, found) not in synced]


@needs_proc
@pytest.mark.parametrize("start", ["before", "no store yet"])
def test_what_a_run_writes_is_synced_each_thing_before_what_names_it_and_the_journal_last(
    start: str, small: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "home" / "store"
    if start == "before":
        shutil.copytree(start, store)
    was = everything(store) if store.exists() else {}
    syncs = watch_syncs(store, monkeypatch)
    assert ingest(store) == 0
    now = everything(store)
    assert unsynced(now, was, syncs) == []
    entries = [path for path in now if path.suffix == ".json" and path not in was]
    for entry in entries:
        early = [sync for sync in syncs if entry not in sync.entries]
        assert [path for path in added(entry) if unsynced({path: now[path]}, {}, early)] == []
    counting = min(entry for entry in entries if entry.parts[-3] == "batches" and added(entry))
    early = [sync for sync in syncs if counting not in sync.entries]
    others = {path: now[path] for path in now if store / "batches" not in (path, *path.parents)}
    assert unsynced(others, was, early) == []


@needs_proc
@pytest.mark.parametrize("stride", [3, pytest.param(1, marks=pytest.mark.long)])
def test_what_a_dead_run_committed_and_did_not_sync_is_synced_by_the_next(
    stride: int, small: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in itertools.count(1, stride):
        store = Path(shutil.copytree("before", tmp_path / f"{number}" / "store"))
        was = everything(store)
        failed: list[str] = []

        def fail(step: str, failed: list[str] = failed) -> None:
            failed.append(step)
            raise OSError

        with monkeypatch.context() as patch:
            syncs = watch_syncs(store, patch)
            at_step(number, fail, "settles", patch, on=True)
            call(*LATER, "--store", store)
        with monkeypatch.context() as patch:
            later = watch_syncs(store, patch)
            assert ingest(store) == 0
        assert unsynced(everything(store), was, [*syncs, *later]) == [], number
        if not failed:
            break


@pytest.mark.long
def test_the_system_is_told_to_sync_after_the_last_write_and_before_the_entry_that_names_a_file(
    small: Scene, tracing: None
) -> None:
    calls = "write,pwrite64,writev,fsync,fdatasync,?link,linkat,?rename,renameat,?renameat2,?mkdir,mkdirat"
    store = Path(shutil.copytree("before", "traced")).resolve()
    was = {*store.rglob("*")}
    under = ["strace", "-f", "-y", "-qq", "-s", "0", "-o", "trace", "-e", f"trace={calls}"]
    assert python(run, *LATER, "--store", store, under=under).code == 0
    changed: dict[Path, int] = {}
    synced: dict[Path, int] = {}
    for moment, line in enumerate(Path("trace").read_text("utf-8").splitlines()):
        paths = [Path(path.removesuffix("#1")) for path in re.findall(r'[<"](/[^<>"]+)[>"]', line)]
        inside = [path for path in paths if (store in path.parents and path.name != ".writing") or path == store]
        if inside and "sync(" in line:
            synced[inside[0]] = moment
        elif inside:
            path = inside[-1]
            changed[path] = moment
            if path not in was:
                changed[path.parent] = moment
    entries = [path for path in changed if path.suffix == ".json"]
    assert len(entries) == 5
    assert [path for path, moment in changed.items() if synced.get(path, 0) < moment] == []
    assert [path for entry in entries for path in added(entry) if synced[path] > changed[entry]] == []
    counting = min(path for path in entries if path.parts[-3] == "batches")
    others = [path for path in changed if path != store and store / "batches" not in (path, *path.parents)]
    assert [path for path in others if synced[path] > changed[counting]] == []


# Closed to others


@pytest.fixture(params=[0o000, 0o022, 0o077], ids="{:03o}".format)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def test_all_folders_and_files_are_closed_to_others_whatever_the_umask(umask: None) -> None:
    store, log = Path("home/store"), "visits/_delta_log"
    for number in range(3):
        put(Store(store), [visit(f"{number}"), visit("again")])
    assert open_to_others(store) == []
    assert [*store.glob(f"{log}/*.checkpoint.parquet"), *store.glob("batches/merged-*")]
    for words in (("undo", "last"), ("redo", "last"), ("close", "2026-10"), ("reopen", "2026-10")):
        assert call(*words, "--store", store).code == 0
        assert open_to_others(store) == [], words
    workspace = kpicli.open_workspace(store=store)
    entries = len([*store.glob(f"{log}/*.json")])
    freed = kpicli.compact(workspace, now=datetime.now(UTC) - timedelta(hours=2)).freed
    assert (freed, len([*store.glob(f"{log}/*.json")]) > entries + 1) == (3, True)
    assert open_to_others(store) == []


def test_a_store_that_somebody_opened_is_told_of(small: Scene) -> None:
    commands = [LATER, ("report", "--month", "2026-10"), ("status",)]
    assert [words for words in commands if "(store_open)" in call(*words, "--store", "before").err] == []
    Path("before").chmod(0o755)
    assert [words for words in commands if "(store_open)" not in call(*words, "--store", "before").err] == []
    assert issues(Path("before")) == ["store_open"]


def test_a_store_whose_journal_lost_a_file_is_told_of(small: Scene) -> None:
    shutil.copytree("before", "broken")
    next(Path("broken", "batches").glob("*.parquet")).unlink()
    ended = call("store", "check", "--store", "broken", "--json")
    assert (ended.code, [issue["code"] for issue in ended.document["issues"]]) == (1, ["table_unreadable"])
