"""A store behind a URL is the same store: every command says of it what it says of a folder.

The object store is moto's server on this machine. Nobody can have a turn there: the commit that comes second plans
anew. Six processes are beside each other, or as many as ``KPICLI_BESIDE`` says.
"""

import importlib.util
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from urllib.parse import quote

import pytest

import kpicli
from kpicli.read import ReaderPool
from kpicli.store import Store
from kpicli.store.place import place_of

from .conftest import NOW, SAMPLES
from .test_beside import (
    EMPTY,
    VIEWS,
    Crew,
    compact_until,
    contradicting,
    files_read,
    held,
    is_sound,
    look,
    minutes,
    of_three_sheets,
    read_in,
    visits,
    watch,
)
from .test_cli import (
    Ended,
    call,
    shared_readers,  # noqa: F401 - a fixture: it works by being here
    workspace,
)

pytestmark = pytest.mark.skipif(importlib.util.find_spec("moto") is None, reason="moto is not installed")
MANY = int(os.environ.get("KPICLI_BESIDE", "6"))
BATCH = re.compile(r"(\d{8}T\d{6}-[0-9a-f]{6})-[0-9a-f]{6}")

SERVER = """
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server
server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app))
print(server.port, flush=True)
server.serve_forever()
"""
"""One request after the other: moto looks whether an object is there and then puts it, and that is to be one step.

A process of its own: while deltalake uploads, no other thread of its process runs.
"""


def address(port: int) -> dict[str, str]:
    """The environment by which an object store of this machine is found."""
    return {
        "AWS_ACCESS_KEY_ID": "someone",
        "AWS_SECRET_ACCESS_KEY": "something",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ALLOW_HTTP": "true",
    }


@pytest.fixture(scope="session")
def port() -> Iterator[int]:
    """The port of the object store."""
    command = [sys.executable, "-c", SERVER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout
            yield int(server.stdout.readline())
        finally:
            server.kill()


_numbers = count()


@pytest.fixture
def bucket(port: int, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an empty bucket."""
    for name, value in address(port).items():
        monkeypatch.setenv(name, value)
    name = f"bucket{next(_numbers)}"
    send("PUT", f"s3://{name}")
    return f"s3://{name}"


@pytest.fixture
def url(bucket: str) -> str:
    """The URL of a store that is not there yet."""
    return f"{bucket}/商店 一号 🚗/店"


@pytest.fixture(scope="module")
def crew(port: int) -> Iterator[Crew]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in address(port).items():
            patch.setenv(name, value)
        with Crew(MANY) as crew:
            yield crew


def send(method: str, url: str, content: bytes | None = None) -> None:
    """One plain request to the object store."""
    place = f"{os.environ['AWS_ENDPOINT_URL']}/{quote(url.removeprefix('s3://'))}"
    urllib.request.urlopen(urllib.request.Request(place, content, method=method)).close()


def command(*words: object, **environment: str) -> tuple[Ended, float]:
    """Run the command line in a process of its own, which has met no object store yet; and how long it took."""
    began = time.monotonic()
    line = [sys.executable, "-m", "kpicli", *map(str, words)]
    ended = subprocess.run(line, capture_output=True, encoding="utf-8", env=os.environ | environment)
    return Ended(ended.returncode, ended.stdout, ended.stderr), time.monotonic() - began


def told(store: object, words: Sequence[object], now: datetime) -> tuple[int, str]:
    """How a command ends and what it says, without what differs between two stores."""
    ended = call(*words, "--store", store, now=now)
    return ended.code, BATCH.sub(r"\1", (ended.out + ended.err).replace(str(store), "the store"))


# The same store


def test_a_file_is_stored_in_a_bucket_and_read_from_it(url: str, readers: ReaderPool) -> None:
    kpicli.ingest(kpicli.open_workspace(store=url), [visits("a.csv", range(3))], now=NOW, readers=readers)
    assert held(url) == ["0", "1", "2"]


@pytest.mark.long
def test_every_command_says_of_a_bucket_what_it_says_of_a_folder(url: str) -> None:
    def look_at(*more: str) -> list[list[object]]:
        return [["report", "--json", "--month", "2026-10", *more], ["export", "visits", "--show-pii", *more]]

    files = sorted({*SAMPLES.glob("*10*"), *SAMPLES.glob("*意向客户明细*")})  # one of each form, and some that overlap
    header, *rows = (SAMPLES / "2026-10 展厅客流登记表.csv").read_text(encoding="gb18030").splitlines()[:40]
    late = visits("late.csv", range(8))
    truth = Path("truth.csv")
    truth.write_text("\n".join([header, *rows[::2]]), encoding="utf-8")
    check = [["status", "--json"], ["store", "check", "--json"]]
    steps: list[list[object]] = [
        *look_at(),
        ["ingest", *files, "--json"],
        *look_at(),
        ["ingest", *files, "--json"],
        *check,
        ["undo", "last", "--json"],
        *look_at(),
        ["redo", "last", "--json"],
        ["close", "2026-10", "--json"],
        ["ingest", late, "--json"],
        *look_at(),
        ["report", "--month", "2026-10", "--compare-close", "--json"],
        *look_at("--as-known-on", "2026-11-01"),
        ["reopen", "2026-10", "--json"],
        ["ingest", truth, "--replace", "--dry-run", "--json"],
        ["ingest", truth, "--replace", "--json"],
        *look_at(),
        ["store", "compact", "--json"],
        *look_at(),
        *check,
        ["ingest", "nothing.csv", "--json"],
        ["undo", "nothing"],
    ]
    for number, step in enumerate(steps):
        now = NOW + timedelta(hours=number)
        assert told(url, step, now) == told("folder", step, now), step


@pytest.mark.long
@pytest.mark.parametrize("name", ["商店 100%🚗", "[2026] a*{b}"])
def test_any_prefix_will_do(name: str, bucket: str) -> None:
    pairs = contradicting(2)
    for store in (f"{bucket}/{name}/", "folder"):
        for pair, now in zip(pairs, minutes(2), strict=True):
            read_in(store, pair, [now, now])
    assert [look(f"{bucket}/{name}", view) for view in VIEWS] == [look("folder", view) for view in VIEWS]
    assert is_sound(f"{bucket}/{name}")


@pytest.mark.parametrize("name", ["x=y", "month=2026-10", "a?b", "a#b"])
def test_a_prefix_that_means_something_else_to_a_library_is_refused(name: str) -> None:
    ended = call("status", "--store", f"s3://bucket/{name}")
    assert (ended.code, name in ended.err) == (4, True)


@pytest.mark.long
def test_a_workspace_names_its_bucket(url: str) -> None:
    home = workspace(f'store = "{url}"')
    assert call("ingest", visits("a.csv", range(3)), "-C", home).code == 0
    assert call("report", "--month", "2026-10", "-C", home, "--json").document["total"]["kpis"]["traffic"]["value"] == 3
    assert held(url) == ["0", "1", "2"]
    assert not (home / "store").exists()


# Two at once, where nobody has a turn


@pytest.mark.long
def test_files_read_beside_each_other_give_the_sum_of_their_rows(url: str, crew: Crew) -> None:
    files = [visits(f"{n}.csv", range(n * 5, n * 5 + 5)) for n in range(MANY)]
    done = crew.together(*(partial(read_in, url, [file], [datetime.now(UTC)]) for file in files))
    assert [status for ((status, _),) in done] == ["stored"] * MANY
    assert held(url) == sorted(map(str, range(MANY * 5)))
    assert files_read(url) == sorted(file.name for file in files)
    assert is_sound(url)


@pytest.mark.long
def test_one_file_read_beside_itself_is_stored_once(url: str, crew: Crew) -> None:
    file = visits("a.csv", range(5))
    done = crew.together(*(partial(read_in, url, [file], [datetime.now(UTC)]) for _ in range(MANY)))
    assert sorted(status for ((status, _),) in done) == ["stored", *["unchanged"] * (MANY - 1)]
    assert held(url) == list("01234")
    assert files_read(url) == ["a.csv"]
    assert is_sound(url)


@pytest.mark.long
def test_exports_that_contradict_each_other_come_to_the_same_in_any_order(url: str, crew: Crew) -> None:
    pairs, times = contradicting(4), minutes(4)
    for pair, now in zip(pairs, times, strict=True):
        read_in("folder", pair, [now, now])
    crew.together(*(partial(read_in, url, pair, [now, now]) for pair, now in zip(pairs, times, strict=True)))
    assert [look(url, view) for view in VIEWS[:-1]] == [look("folder", view) for view in VIEWS[:-1]]
    assert files_read(url) == files_read("folder")
    assert is_sound(url)


@pytest.mark.long
def test_readers_beside_a_writer_and_compacting_see_whole_workbooks(url: str, crew: Crew) -> None:
    files, times = [of_three_sheets(number) for number in range(3)], [datetime.now(UTC)] * 3
    states = [[*[EMPTY] * 4, look("folder", "status")]]
    for file, now in zip(files, times, strict=True):
        read_in("folder", [file], [now])
        states.append([look("folder", view) for view in VIEWS])
    _, _, _, seen = crew.together(
        partial(read_in, url, files, times),
        *[partial(compact_until, url, len(files))] * 2,
        partial(watch, url, states[-1]),
    )
    in_turn = [view.index(text) for texts in seen for view, text in zip(zip(*states, strict=True), texts, strict=True)]
    assert in_turn == sorted(in_turn)
    assert is_sound(url)


# What is wrong with it


@pytest.mark.long
@pytest.mark.parametrize(("method", "code"), [("PUT", "file_damaged"), ("DELETE", "file_gone")])
def test_an_object_that_is_damaged_or_gone_is_found(method: str, code: str, url: str, readers: ReaderPool) -> None:
    kpicli.ingest(kpicli.open_workspace(store=url), [visits("a.csv", range(3))], now=NOW, readers=readers)
    assert call("store", "check", "--store", url).code == 0
    (path,) = Store(url).files("visits")["path"]
    send(method, f"{url}/{path}", b"something else" if method == "PUT" else None)
    ended = call("store", "check", "--store", url, "--json")
    assert ended.code == 1
    assert [issue["code"] for issue in ended.document["issues"]] == [code]
    assert call("report", "--month", "2026-10", "--store", url).code == 4


@pytest.mark.long
def test_an_object_that_cannot_be_reached_is_not_told_to_be_gone(
    url: str, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", address(closed_port)["AWS_ENDPOINT_URL"])
    with pytest.raises(OSError):
        place_of(url).tell("visits/month=2026-10/a.parquet")


@pytest.fixture
def closed_port() -> int:
    """A port at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.mark.long
@pytest.mark.parametrize("words", [("ingest", "a.csv"), ("report",), ("status",), ("store", "check")], ids=" ".join)
def test_a_bucket_that_is_not_there_is_told(words: tuple[str, ...], bucket: str) -> None:
    visits("a.csv", range(3))
    ended, _ = command(*words, "--store", f"{bucket}-not/商店")
    assert (ended.code, "Traceback" in ended.err) == (1 if "check" in words else 4, False)
    assert "NoSuchBucket" in ended.out + ended.err


@pytest.mark.long
@pytest.mark.parametrize("words", [("ingest", "a.csv"), ("status",)], ids=" ".join)
def test_an_object_store_that_does_not_answer_is_told_within_a_minute(
    words: tuple[str, ...], url: str, closed_port: int
) -> None:
    visits("a.csv", range(3))
    ended, seconds = command(*words, "--store", url, **address(closed_port))
    assert (ended.code, "Traceback" in ended.err) == (4, False)
    assert "refused" in ended.err
    assert seconds < 60
