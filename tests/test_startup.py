"""Where the process matters: what a start loads, other encodings, a reader that goes away, an interrupt."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kpicli.pipeline.ingest import Ingested
from kpicli.workspace import Workspace
from tests.conftest import SAMPLES
from tests.test_cli import GOOD, call, table

Sample = tuple[Workspace, Ingested]

HEAVY = {"polars", "deltalake", "fastexcel", "openpyxl", "arro3", "jinja2"}
PIPED = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}


def environment(**more: str) -> dict[str, str]:
    """The environment of these tests, without what would decide encodings."""
    quiet = ("LC_ALL", "LC_CTYPE", "LANG", "PYTHONIOENCODING", "PYTHONUTF8", "TZ")
    return {key: value for key, value in os.environ.items() if key not in quiet} | more


def run(*words: object, **more: str) -> "subprocess.CompletedProcess[bytes]":
    command = [sys.executable, "-m", "kpicli", *map(str, words)]
    return subprocess.run(command, capture_output=True, timeout=60, check=False, env=environment(**more))


# What a start loads


def loaded(*words: str, python: tuple[str, ...] = ("-m", "kpicli"), **more: str) -> tuple[set[str], str]:
    """The top-level packages that a process imports, and its output."""
    command = [sys.executable, "-X", "importtime", *python, *words]
    ended = subprocess.run(command, capture_output=True, timeout=60, check=False, env=environment(**more))
    names = re.findall(r"^import time:.*\| +(\S+)$", ended.stderr.decode(errors="replace"), re.M)
    return {name.split(".")[0] for name in names}, ended.stdout.decode(errors="replace")


HELP_OF_ALL = """
import sys
from kpicli.__main__ import main
from kpicli.cli import app
import typer

def walk(command, words):
    yield words
    for name, inner in getattr(command, "commands", {}).items():
        yield from walk(inner, [*words, name])

for words in walk(typer.main.get_command(app), []):
    sys.argv = ["kpicli", *words, "--help"]
    try:
        main()
    except SystemExit as end:
        assert not end.code, words
"""


def test_the_help_of_no_command_loads_a_library_of_data() -> None:
    packages, out = loaded(python=("-c", HELP_OF_ALL))
    assert packages >= {"kpicli", "typer"}
    assert not packages & HEAVY
    for words in ("", "ingest", "validate", "report", "export", "demo", "kpis", "forms show", "books check"):
        assert f"Usage: kpicli {words}".strip() + " [OPTIONS]" in out, words


def test_the_version_loads_neither_typer_nor_rich() -> None:
    packages, out = loaded("--version")
    assert "kpicli" in packages
    assert not packages & {*HEAVY, "typer", "rich"}
    assert re.fullmatch(r"kpicli \d+\.\d+\.\d+\S*\n", out)


def test_importing_the_package_loads_nothing_else() -> None:
    packages, _ = loaded(python=("-c", "import kpicli"))
    assert "kpicli" in packages
    assert not packages & {*HEAVY, "typer", "rich"}


def test_completion_loads_no_library_of_data() -> None:
    packages, out = loaded(
        python=("-c", "import sys; sys.argv = ['kpicli']; from kpicli.__main__ import main; main()"),
        _KPICLI_COMPLETE="complete_bash",
        COMP_WORDS="kpicli rep",
        COMP_CWORD="1",
    )
    assert out.split() == ["report"]
    assert not packages & HEAVY


# Encodings and places


@pytest.fixture
def rare() -> str:
    """A store with a name that GBK does not have."""
    call("ingest", table("rare.csv", GOOD.replace("张伟", "张𠮷")), "--store", "store")
    return "store"


def test_a_gbk_pipe_gets_all_that_gbk_can_say(rare: str) -> None:
    ended = run("report", "--store", rare, "--month", "2026-10", "--by", "consultant", PYTHONIOENCODING="gbk")
    assert ended.returncode == 0, ended.stderr[-300:]
    text = ended.stdout.decode("gbk")
    assert "首次到店批次" in text
    assert "张?" in text


def test_the_c_locale_and_another_time_zone_change_no_result(rare: str) -> None:
    words = ("report", "--store", rare, "--month", "2026-10", "--by", "consultant", "--json")
    ended = run(*words, LC_ALL="C", TZ="America/New_York", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert ended.returncode == 0, ended.stderr[-300:]
    assert ended.stdout.isascii()
    assert json.loads(ended.stdout) == call(*words).document


def test_the_help_survives_the_c_locale() -> None:
    ended = run("--help", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert b"ingest" in ended.stdout


# A reader that goes away


@pytest.mark.skipif(os.name == "nt", reason="Windows ends pipes otherwise")
@pytest.mark.parametrize("lines", [0, 1])
def test_a_reader_that_goes_away_is_no_error(lines: int, sample: Sample) -> None:
    command = [sys.executable, "-m", "kpicli", "export", "followups", "--store", str(sample[0].store)]
    with subprocess.Popen(command, **PIPED, env=environment()) as process:
        assert process.stdout
        assert process.stderr
        assert len([process.stdout.readline() for _ in range(lines)]) == lines
        process.stdout.close()
        assert (process.wait(60), process.stderr.read()) == (0, b"")


# An interrupt


def interruptible() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # also where these tests run in the background


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send")
def test_an_interrupt_ends_with_130_and_leaves_a_store_that_can_be_read_and_filled() -> None:
    Path("tmp").mkdir()
    command = [sys.executable, "-m", "kpicli", "ingest", str(SAMPLES), "--store", "store"]
    options = {"env": environment(TMPDIR=str(Path("tmp").resolve())), "preexec_fn": interruptible}
    with subprocess.Popen(command, **PIPED, **options) as process:
        deadline = time.monotonic() + 30
        while not Path(f"store/batches/_delta_log/{1:020}.json").is_file() and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in err
    assert list(Path("tmp").iterdir()) == []
    visits = call("export", "visits", "--store", "store", "--format", "json").document
    some = call("ingest", SAMPLES / "2026-08 开票明细.xlsx", "--store", "store", "--json")
    assert some.code in (0, 1)
    assert some.document["stored"] + some.document["unchanged"] == 37
    assert call("export", "visits", "--store", "store", "--format", "json").document == visits
