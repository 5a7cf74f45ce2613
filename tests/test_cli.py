"""The command line from outside: what each command does with files, settings and mistakes, and how it ends."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from kpicli import cli
from kpicli.loading import load
from kpicli.pipeline.ingest import Ingested
from kpicli.read import Limits, ReaderPool
from kpicli.workspace import Workspace
from tests.conftest import NOW, SAMPLES
from tests.workbooks import book

Sample = tuple[Workspace, Ingested]

HEADER = "日期,来店性质,客户姓名,联系电话,销售顾问,意向车型"
OCTOBER = ("--month", "2026-10", "--by", "channel")
MONTHS = ("2026-08", "2026-09", "2026-10")
GOOD = "2026-10-03,首次,赵样一,19900001111,张伟,君威"
DATELESS = "来店时间,来店人数,来店性质,客户姓名,销售顾问"
IMPOSSIBLE = "2026-02-30,首次,钱样二,19900001112,李娜,君越"


@dataclass(frozen=True)
class Ended:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout; anything beside it is an error here."""
        return json.loads(self.out)


def call(*words: object, now: datetime = NOW, encoding: str = "utf-8", **environment: str) -> Ended:
    """Run a command line in this process as a new process would, at a fixed time."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return now.astimezone(tz) if tz else now.replace(tzinfo=None)

    out, err = (io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="") for _ in range(2))
    code = 0
    with (
        patch.object(sys, "argv", ["kpicli", *map(str, words)]),
        patch.dict(os.environ, {"COLUMNS": "100", **environment}),
        patch("kpicli.cli.options.datetime", Clock),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            cli.run()
        except SystemExit as end:
            code = int(end.code or 0)
    return Ended(code, *(said(stream) for stream in (out, err)))


def said(stream: io.TextIOWrapper) -> str:
    stream.flush()
    return stream.buffer.getvalue().decode(stream.encoding)  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def shared_readers(monkeypatch: pytest.MonkeyPatch, readers: ReaderPool) -> None:
    """Commands take the reading processes that all tests share, unless they want other limits."""

    def pool(size: int, limits: Limits) -> Any:
        return nullcontext(readers) if limits == Limits() else ReaderPool(size, limits)

    monkeypatch.setattr("kpicli.read.ReaderPool", pool)


def table(name: str, *lines: str, header: str = HEADER) -> Path:
    """A small csv file in the test's folder."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
    return path


def workspace(settings: str = "", folder: str = "ws", **definitions: str) -> Path:
    """A workspace with these settings and definition files (``forms_mine`` is forms/mine.toml)."""
    home = Path(folder)
    home.mkdir(exist_ok=True)
    (home / "kpicli.toml").write_text(settings, encoding="utf-8")
    for name, text in definitions.items():
        kind, _, key = name.partition("_")
        (home / kind).mkdir(exist_ok=True)
        (home / kind / f"{key}.toml").write_text(text, encoding="utf-8")
    return home


def stored(store: object, form: str = "visits", *more: str) -> list[dict[str, Any]]:
    return call("export", form, "--store", store, "--format", "json", "--show-pii", *more).document


def everything_below(folder: Path) -> dict[str, bytes | None]:
    return {str(path): path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small store: a visit in each of three months, and a follow-up three days late. Not to be written to."""
    folder = tmp_path_factory.mktemp("shop")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        visits = [GOOD.replace("2026-10", month).replace("1111", f"111{month[-1]}") for month in MONTHS]
        late = table("late.csv", "GZ1,2026-10-03,2026-10-06,张伟", header="跟踪编号,应跟踪日期,实际跟踪日期,销售顾问")
        assert call("ingest", table("visits.csv", *visits), late, "--store", "store").code == 0
    return folder / "store"


# Done, and done with findings


def test_a_clean_file_is_stored_and_the_command_ends_with_0() -> None:
    ended = call("ingest", table("good.csv", GOOD), "--store", "store")
    assert ended.code == 0, ended.err[-300:]
    assert [(row["date"], row["phone"], row["consultant"]) for row in stored("store")] == [
        ("2026-10-03", "19900001111", "张伟")
    ]


def test_rows_set_aside_end_with_1_and_the_rows_that_count_are_stored() -> None:
    ended = call("ingest", table("visits.csv", GOOD, IMPOSSIBLE), "--store", "store", "--json")
    assert ended.code == 1
    assert (ended.document["stored"], ended.document["set_aside"]) == (1, 1)
    assert [row["customer"] for row in stored("store")] == ["赵样一"]


def test_findings_can_be_allowed() -> None:
    file = table("visits.csv", GOOD, IMPOSSIBLE)
    assert call("ingest", file, "--store", "store", "--allow-findings").code == 0
    assert call("validate", file, "--store", "other", "--allow-findings").code == 0
    assert call("validate", file, "--store", "other").code == 1


def test_allowing_findings_does_not_allow_a_file_that_cannot_be_read() -> None:
    assert call("ingest", "gone.xlsx", "--store", "store", "--allow-findings").code == 3


@pytest.mark.parametrize("word", ["2026-02-30", "2026/13/5", "20261345", "2026年9月31日", "1026-10-03", "2199-01-01"])
def test_a_row_with_an_impossible_date_is_set_aside_with_its_place(word: str) -> None:
    file = table("visits.csv", GOOD, GOOD.replace("2026-10-03", word).replace("1111", "1112"))
    ended = call("validate", file, "--store", "store", "--json")
    issue = next(issue for issue in ended.document["files"][0]["issues"] if issue["severity"] == "error")
    assert ended.code == 1
    assert issue["code"] in ("bad_date", "implausible_date")
    assert (issue["sheet"], issue["row"], issue["column"]) == ("visits", 3, "日期")
    assert word in issue["message"]
    assert issue["hint"]
    assert (ended.document["stored"], ended.document["set_aside"]) == (1, 1)


def test_equal_problems_are_gathered_with_a_count_and_the_first_place() -> None:
    rows = [IMPOSSIBLE.replace("1112", f"111{digit}") for digit in range(5)]
    file = table("visits.csv", GOOD, *rows)
    issues = call("validate", file, "--store", "store", "--json").document["files"][0]["issues"]
    assert [(issue["row"], issue["count"]) for issue in issues if issue["code"] == "bad_date"] == [(3, 5)]
    assert re.search(r"A3 .*2026-02-30.* ×5 ", call("validate", file, "--store", "store").err)


def test_a_problem_on_the_terminal_says_file_sheet_and_cell_and_what_to_do() -> None:
    rows = [line.split(",") for line in (HEADER, GOOD)]
    file = book("two.xlsx", sheets={"一店": rows, "二店": [*rows, IMPOSSIBLE.split(",")]})
    ended = call("ingest", file, "--store", "store")
    assert re.search(r"two\.xlsx\n.*二店!A3 \[日期\].*2026-02-30.* → ", ended.err), ended.err


# Wrong use


@pytest.mark.parametrize(
    "words",
    [
        "",
        "conquer",
        "ingest",
        "ingest good.csv",
        "ingest good.csv --store store --speed 9",
        "ingest good.csv --store store --as visitz",
        "ingest good.csv --store store --lang fr",
        "ingest good.csv -C nowhere",
        "validate good.csv",
        "report",
        "report -C nowhere",
        "report --store store --month 2026-13",
        "report --store store --month oktober",
        "report --store store --by colour",
        "report --store store --book bulck",
        "report --store store --as-of 2026-02-30",
        "report --store store --lang fr",
        "export",
        "export visitz --store store",
        "export visits --store store --format exe",
        "export visits --store store --format parquet",
        "export visits --store store --month 2026-1",
        "forms show visitz",
        "forms sho visits",
        "forms -C nowhere",
        "books show bulck",
        "kpis -C nowhere",
        "kpis klose_rate",
        "kpis --book bulck",
    ],
)
def test_wrong_use_ends_with_2_says_so_and_writes_nothing(words: str) -> None:
    table("good.csv", GOOD)
    before = everything_below(Path())
    ended = call(*words.split())
    assert ended.code == 2
    assert ended.err.strip() or not words
    assert "Traceback" not in ended.err
    assert everything_below(Path()) == before


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("forms show visitz", "visits"),
        ("books show bulck", "buick"),
        ("kpis klose_rate", "close_rate"),
        ("export invoice --store store", "invoices"),
        ("ingest good.csv --store store --as followup", "followups"),
        ("report --store store --by consultent", "consultant"),
        ("report --store store --month 2026-13", "2026-10"),
        ("export visits --store store --format exel", "xlsx"),
        ("report", "--store"),
    ],
)
def test_a_mistaken_word_is_answered_with_the_one_that_was_meant(words: str, meant: str) -> None:
    assert meant in call(*words.split()).err


# Inputs that cannot be read


def truncated() -> Path:
    whole = (SAMPLES / "2026-08 开票明细.xlsx").read_bytes()
    Path("cut.xlsx").write_bytes(whole[: len(whole) // 2])
    return Path("cut.xlsx")


def holding(name: str, content: bytes) -> Path:
    Path(name).write_bytes(content)
    return Path(name)


def folder_without_workbooks() -> Path:
    Path("empty").mkdir()
    holding("empty/readme.md", b"nothing here")
    return Path("empty")


def pipe() -> Path:
    os.mkfifo("pipe.csv")
    return Path("pipe.csv")


def link_to_itself() -> Path:
    Path("loop.csv").symlink_to("loop.csv")
    return Path("loop.csv")


BAD_INPUTS: dict[str, tuple[Callable[[], Path], str, str | None, int | None]] = {
    "a missing file": (lambda: Path("gone.xlsx"), "file_missing", None, None),
    "a folder without workbooks": (folder_without_workbooks, "no_workbooks", None, None),
    "a truncated xlsx": (truncated, "truncated", None, None),
    "a sheet that is no form": (lambda: table("fruit.csv", "1,2", header="苹果,梨"), "no_form", "fruit", None),
    "a sheet without a required column": (
        lambda: table("dateless.csv", "09:00,2,首次,赵样一,张伟", header=DATELESS),
        "missing_column",
        "dateless",
        1,
    ),
    "an empty file": (lambda: holding("nothing.xlsx", b""), "empty_file", None, None),
    "a picture": (lambda: holding("photo.xlsx", b"\x89PNG\r\n\x1a\n" + bytes(99)), "not_a_table", None, None),
    "a container of another program": (
        lambda: holding("old.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512)),
        "not_a_table",
        None,
        None,
    ),
    "a pipe": (pipe, "not_a_file", None, None),
    "a link to itself": (link_to_itself, "file_unreadable", None, None),
}


def test_inputs_that_cannot_be_read_are_refused_with_code_place_and_hint_and_the_others_are_stored() -> None:
    bad = [make() for make, *_ in BAD_INPUTS.values()]
    good = table("zz.csv", GOOD)
    shown = call("validate", *bad, good, "--store", "store", COLUMNS="300")
    ended = call("ingest", *bad, good, "--store", "store", "--json")
    assert (shown.code, ended.code) == (3, 3)
    assert "Traceback" not in shown.err + ended.err
    files = {Path(file["file"]).name: file for file in ended.document["files"]}
    for path, (_, code, sheet, row) in zip(bad, BAD_INPUTS.values(), strict=True):
        refused = files.pop(path.name)
        assert refused["status"] == "refused", path
        (error,) = [issue for issue in refused["issues"] if issue["severity"] == "error"]
        assert (error["code"], error["sheet"], error["row"]) == (code, sheet, row)
        assert error["message"]
        assert error["hint"]
        told = shown.err[shown.err.index(f"{path.name}\n") :].split("\n")[1]
        assert f"{error['message']} → {error['hint']}" in told
    assert {name: file["status"] for name, file in files.items()} == {good.name: "stored"}
    assert len(stored("store")) == 1


@pytest.mark.parametrize("case", BAD_INPUTS)
def test_an_input_that_cannot_be_read_ends_with_3_when_it_is_alone_too(case: str) -> None:
    ended = call("validate", BAD_INPUTS[case][0](), "--store", "store")
    assert ended.code == 3
    assert "→" in ended.err
    assert "Traceback" not in ended.err


def test_a_missing_column_is_named_with_the_headers_it_may_have() -> None:
    file = BAD_INPUTS["a sheet without a required column"][0]()
    issue = call("ingest", file, "--store", "store", "--json").document["files"][0]["issues"][0]
    assert "展厅客流登记表" in issue["message"]
    assert "日期" in issue["message"]
    assert "登记日期" in issue["hint"]


@pytest.mark.parametrize("case", ["a truncated xlsx", "a sheet that is no form", "a sheet without a required column"])
def test_a_file_that_was_refused_is_refused_again(case: str) -> None:
    file = BAD_INPUTS[case][0]()
    first, second = (call("ingest", file, "--store", "store", "--json") for _ in range(2))
    assert (first.code, second.code) == (3, 3)
    was, now = (ended.document["files"][0] for ended in (first, second))
    assert (now["status"], now["issues"], now["sheets"]) == ("refused", was["issues"], was["sheets"])


def test_a_workbook_with_one_sheet_that_cannot_be_used_keeps_the_other() -> None:
    good = [line.split(",") for line in (HEADER, GOOD)]
    lacking = [line.split(",") for line in (DATELESS, "09:00,2,首次,赵样一,张伟")]
    ended = call("ingest", book("two.xlsx", sheets={"好": good, "坏": lacking}), "--store", "store", "--json")
    assert ended.code == 3
    assert ended.document["files"][0]["status"] == "partly"
    assert len(stored("store")) == 1


def test_a_lock_file_of_excel_is_passed_over() -> None:
    folder = table("in/visits.csv", GOOD).parent
    holding("in/~$visits.xlsx", b"lock")
    ended = call("ingest", folder, "--store", "store", "--json")
    assert ended.code == 0
    assert {Path(file["file"]).name: file["status"] for file in ended.document["files"]} == {
        "visits.csv": "stored",
        "~$visits.xlsx": "skipped",
    }


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has such names")
def test_a_file_name_in_another_encoding_is_read_like_any_other() -> None:
    shutil.copyfile(table("good.csv", GOOD), os.fsdecode("客流.csv".encode("gbk")))
    Path("good.csv").unlink()
    ended = call("ingest", ".", "--store", "store", "--json")
    assert ended.code == 0, ended.err[-300:]
    assert ended.document["stored"] == 1
    assert call("report", "--store", "store", *OCTOBER).code == 0


def test_cells_with_unusual_characters_are_stored_as_they_are() -> None:
    models = [f"君{mark}威" for mark in "\x0b\x1c\x85\u2028\u2029%\\"]
    rows = [GOOD.replace("君威", model).replace("1111", f"111{place}") for place, model in enumerate(models)]
    file = table("odd.csv", *rows)
    ended = call("ingest", file, "--store", "store")
    assert ended.code == 0, ended.err[-300:]
    assert [row["model"] for row in stored("store")] == models
    assert call("ingest", file, "--store", "store", "--json").document["unchanged"] == len(models)


# Store and outputs that fail


def test_a_file_where_the_store_should_be_ends_with_4() -> None:
    Path("store").write_text("mine", encoding="utf-8")
    ended = call("ingest", table("good.csv", GOOD), "--store", "store")
    assert ended.code == 4
    assert "store" in ended.err
    assert "→" in ended.err
    assert "Traceback" not in ended.err
    assert Path("store").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("words", ["report --month 2026-10", "export visits"])
def test_a_file_cannot_be_read_as_a_store(words: str) -> None:
    Path("rows").write_text("mine", encoding="utf-8")
    ended = call(*words.split(), "--store", "rows")
    assert (ended.code, ended.out) == (4, "")
    assert "rows" in ended.err


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_ends_with_4() -> None:
    Path("locked").mkdir(mode=0o500)
    assert call("ingest", table("good.csv", GOOD), "--store", "locked/store").code == 4


def confined(most: int, *words: object) -> Ended:
    """The command where no file can grow beyond `most` bytes; in a process of its own, whose limit that is."""
    pytest.importorskip("resource")
    limit = f"import resource as r; r.setrlimit(r.RLIMIT_FSIZE, ({most}, r.getrlimit(r.RLIMIT_FSIZE)[1]))"
    start = f"{limit}; from kpicli.__main__ import main; main()"
    command = [sys.executable, "-c", start, *map(str, words)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", env={**os.environ, "PYTHONUTF8": "1"})
    return Ended(done.returncode, done.stdout, done.stderr)


def test_a_full_disk_ends_with_4_and_leaves_the_store_as_it_was() -> None:
    call("ingest", table("good.csv", GOOD), "--store", "store")
    before = call("report", "--store", "store", *OCTOBER, "--json").out
    ended = confined(5_000, "ingest", table("more.csv", GOOD.replace("1111", "1113")), "--store", "store")
    assert ended.code == 4, ended.err[-300:]
    assert "Traceback" not in ended.err
    assert call("report", "--store", "store", *OCTOBER, "--json").out == before


@pytest.mark.parametrize("form", ["csv", "json", "parquet", "xlsx"])
def test_an_export_is_written_whole_or_not_at_all(form: str, sample: Sample) -> None:
    out = Path(f"visits.{form}")
    out.write_text("the one of yesterday", encoding="utf-8")
    ended = confined(512, "export", "visits", "--store", sample[0].store, "--format", form, "--out", out)
    assert ended.code == 4, ended.err[-300:]
    assert "Traceback" not in ended.err
    assert list(everything_below(Path()).items()) == [(out.name, b"the one of yesterday")]


@pytest.mark.parametrize("out", ["nowhere/visits.csv", "folder"])
def test_an_export_to_where_no_file_can_be_ends_with_4(out: str, sample: Sample) -> None:
    Path("folder").mkdir()
    ended = call("export", "visits", "--store", sample[0].store, "--out", out)
    assert ended.code == 4, ended.err[-300:]
    assert out in ended.err
    assert "Traceback" not in ended.err


# Nothing to report


@pytest.mark.parametrize(
    "words", ["--month 2026-01", "--month 2026-10 --dealer nobody", "--month this --as-of 2027-06-01"]
)
def test_a_report_without_data_ends_with_5(words: str, shop: Path) -> None:
    ended = call("report", "--store", shop, *words.split())
    assert ended.code == 5
    assert ended.out == ""
    assert ended.err


def test_a_report_on_an_empty_store_ends_with_5_and_makes_none() -> None:
    ended = call("report", "--store", "store")
    assert ended.code == 5
    assert "ingest" in ended.err
    assert not Path("store").exists()


# Bugs and interrupts


def test_a_bug_of_ours_ends_with_70(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kpicli.pipeline.report.reports", fails(RuntimeError("a bug")))
    ended = call("report", "--store", "store")
    assert (ended.code, ended.out) == (70, "")
    assert "a bug" in ended.err


def test_an_interrupt_ends_with_130_and_without_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kpicli.pipeline.report.reports", fails(KeyboardInterrupt()))
    ended = call("report", "--store", "store")
    assert ended.code == 130
    assert "Traceback" not in ended.err


def fails(error: BaseException) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


# Again, in any order, without writing


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended]:
    """The folder in which the demo was run once, years before the sample was made, and how it ended."""
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        return folder, call("demo", now=datetime(2024, 3, 1, tzinfo=UTC), COLUMNS="80")


def reports(store: object) -> list[str]:
    words = ("report", "--store", store, "--by", "consultant", "--by", "week", "--json", "--month")
    return [call(*words, month).out for month in ("2026-09", "2026-10")]


def test_a_second_reading_stores_nothing_says_so_and_ends_with_0() -> None:
    files = [table("a.csv", GOOD, IMPOSSIBLE), table("b.csv", GOOD.replace("1111", "1113"))]
    first = call("ingest", *files, "--store", "store", "--json")
    before = call("report", "--store", "store", *OCTOBER, "--json").out
    again = call("ingest", *files, "--store", "store", "--json")
    shown = call("ingest", *files, "--store", "store")
    assert first.code == 1
    assert again.code == shown.code == 0
    assert again.document["stored"] == 0
    assert again.document["unchanged"] == first.document["stored"]
    assert {file["status"] for file in again.document["files"]} == {"unchanged"}
    assert "没有新内容" in shown.out
    assert call("report", "--store", "store", *OCTOBER, "--json").out == before


def test_the_same_content_under_another_name_is_known() -> None:
    call("ingest", table("a.csv", GOOD), "--store", "store")
    shutil.copyfile("a.csv", "b.csv")
    ended = call("ingest", "b.csv", "--store", "store", "--json")
    assert ended.code == 0
    assert (ended.document["stored"], ended.document["unchanged"]) == (0, 1)
    assert len(stored("store")) == 1


def test_files_that_overlap_read_one_by_one_in_any_order_give_the_same_rows_and_report(sample: Sample) -> None:
    files = sorted(SAMPLES.glob("*意向客户明细.xlsx"))
    texts = set()
    for number, order in enumerate(((2, 0, 1), (1, 2, 0))):
        for place in order:
            assert call("ingest", files[place], "--store", f"store{number}").code == 1
        texts.add("".join(reports(f"store{number}")))
    assert len(texts) == 1
    assert stored("store0", "intentions") == stored("store1", "intentions")
    whole = [row | {"dealer": "default"} for row in stored(sample[0].store, "intentions")]  # another form names one
    assert stored("store1", "intentions") == whole


def test_a_file_named_twice_and_by_its_folder_is_read_once() -> None:
    file = table("in/visits.csv", GOOD)
    files = call("validate", file, "in", "in/../in/visits.csv", "--store", "store", "--json").document["files"]
    assert len(files) == 1


@pytest.mark.parametrize("words", [("validate",), ("ingest", "--dry-run")])
def test_a_trial_writes_nothing_and_says_what_would_happen(words: Sequence[str]) -> None:
    call("ingest", table("first.csv", GOOD), "--store", "store")
    before = everything_below(Path())
    more = table("more.csv", GOOD.replace("1111", "1113"), IMPOSSIBLE)
    before |= everything_below(more)
    before[more.name] = more.read_bytes()
    known = call(*words, "first.csv", "more.csv", "--store", "store", "--json")
    fresh = call(*words, "first.csv", "more.csv", "--store", "elsewhere", "--json")
    assert everything_below(Path()) == before
    assert [ended.code for ended in (known, fresh)] == [1, 1]
    assert (known.document["stored"], known.document["unchanged"]) == (1, 1)
    assert (fresh.document["stored"], fresh.document["unchanged"]) == (2, 0)
    assert {file["batch"] for file in fresh.document["files"]} == {None}


def test_inputs_are_never_changed() -> None:
    folder = table("in/visits.csv", GOOD, IMPOSSIBLE).parent
    shutil.copyfile(SAMPLES / "2026-08 开票明细.xlsx", folder / "开票.xlsx")
    before = everything_below(folder)
    call("ingest", folder, "--store", "store")
    assert everything_below(folder) == before


# Options


@pytest.mark.parametrize("header", ["登记日期,客户姓名,联系电话,销售顾问", "日期,客户姓名,联系电话,销售顾问"])
def test_a_sheet_that_could_be_several_forms_is_read_as_the_one_named(header: str) -> None:
    file = table("drives.csv", "2026-10-03,赵样一,19900001111,张伟", header=header)
    assert call("ingest", file, "--store", "store").code == 3
    ended = call("ingest", file, "--store", "store", "--as", "test_drives", "--json")
    assert ended.document["files"][0]["sheets"][0]["form"] == "test_drives", ended.document["files"][0]["issues"]
    assert ended.code == 0
    assert len(stored("store", "test_drives")) == 1


def test_a_form_named_against_the_headers_is_refused() -> None:
    ended = call("ingest", table("good.csv", GOOD), "--store", "store", "--as", "invoices", "--json")
    assert ended.code == 3
    assert ended.document["stored"] == 0


def test_dealers_are_kept_apart_and_reported_alone_or_together() -> None:
    other = GOOD.replace("1111", "2222")
    call("ingest", table("a.csv", GOOD), "--store", "store", "--dealer", "东店")
    call("ingest", table("b.csv", GOOD, other), "--store", "store", "--dealer", "西店")

    def visits(*words: str) -> tuple[str | None, int]:
        document = call("report", "--store", "store", *OCTOBER, "--json", *words).document
        return document["dealer"], document["total"]["measures"]["first_visits"]

    assert visits("--dealer", "东店") == ("东店", 1)
    assert visits("--dealer", "西店") == ("西店", 2)
    assert visits() == (None, 3)
    ended = call("report", "--store", "store", "--month", "2026-10", "--by", "dealer", "--json")
    groups = ended.document["by"]["dealer"]
    assert {name: group["measures"]["first_visits"] for name, group in groups.items()} == {"东店": 1, "西店": 2}


def test_the_same_file_of_another_dealer_is_not_known() -> None:
    file = table("a.csv", GOOD)
    call("ingest", file, "--store", "store", "--dealer", "东店")
    assert call("ingest", file, "--store", "store", "--dealer", "西店", "--json").document["stored"] == 1


@pytest.mark.parametrize(
    ("words", "month"),
    [
        ("", "2026-10"),
        ("--month 2026-08", "2026-08"),
        ("--month last --as-of 2026-11-01", "2026-10"),
        ("--month last --as-of 2026-10-31", "2026-09"),
        ("--month last --as-of 2030-01-01", "2026-10"),
        ("--month this --as-of 2026-10-01", "2026-10"),
    ],
)
def test_the_month_is_the_one_named_or_the_last_full_one_with_data(words: str, month: str, shop: Path) -> None:
    ended = call("report", "--store", shop, "--by", "channel", "--json", *words.split())
    assert ended.document["month"] == month


def test_the_groups_are_those_asked_for(shop: Path) -> None:
    words = ("report", "--store", shop, "--month", "2026-10", "--json")
    assert list(call(*words).document["by"]) == ["consultant", "model", "source", "week"]
    ended = call(*words, "--by", "day", "--by", "channel")
    assert list(ended.document["by"]) == ["day", "channel"]
    assert len(ended.document["by"]["day"]) == 31


# Workspaces and settings


def test_the_workspace_of_the_current_folder_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    home = workspace('dealer = "东店"\nstore = "rows"')
    monkeypatch.chdir(home)
    assert call("ingest", table("good.csv", GOOD)).code == 0
    assert call("report", *OCTOBER, "--json").document["dealer"] == "东店"
    assert (Path() / "rows" / "visits").is_dir()


def test_a_workspace_can_be_named_by_option_or_environment_and_the_option_wins() -> None:
    east, west = (workspace(f'dealer = "{name}"', name) for name in ("east", "west"))
    for home in (east, west):
        assert call("ingest", table("good.csv", GOOD), "-C", home).code == 0

    def dealer(*words: object, **environment: str) -> str:
        return call("report", *OCTOBER, "--json", *words, **environment).document["dealer"]

    assert dealer("-C", east) == "east"
    assert dealer(KPICLI_WORKSPACE="west") == "west"
    assert dealer("-C", east, KPICLI_WORKSPACE="west") == "east"
    assert (west / "store" / "visits").is_dir()


def test_a_named_store_stands_above_the_one_of_the_workspace() -> None:
    home = workspace('store = "rows"')
    assert call("ingest", table("good.csv", GOOD), "-C", home, "--store", "elsewhere").code == 0
    assert Path("elsewhere/visits").is_dir()
    assert not (home / "rows").exists()


def test_the_settings_of_weeks_and_grace_are_in_force(shop: Path) -> None:
    plain = workspace(f"store = '{shop}'", "plain")
    other = workspace(f"store = '{shop}'\nweeks = 'quarters'\nfollowup_grace_days = 3", "other")
    words = ("report", "--month", "2026-10", "--by", "week", "--json", "-C")
    before, after = (call(*words, home).document for home in (plain, other))
    assert list(after["by"]["week"]) == [
        "2026-10-01/2026-10-07",
        "2026-10-08/2026-10-14",
        "2026-10-15/2026-10-21",
        "2026-10-22/2026-10-31",
    ]
    assert list(before["by"]["week"])[:2] == ["2026-10-01/2026-10-04", "2026-10-05/2026-10-11"]
    timely = [document["total"]["measures"]["followup_customers_done"] for document in (before, after)]
    assert timely == [0, 1]


def test_the_language_of_the_workspace_is_in_force_and_the_option_wins(shop: Path) -> None:
    home = workspace(f"store = '{shop}'\nlanguage = 'en'")
    words = ("report", "-C", home, *OCTOBER)
    assert "Closing rate" in call(*words).out
    assert "成交率" in call(*words, "--lang", "zh").out


def test_the_language_of_the_workspace_holds_for_the_lists_too() -> None:
    home = workspace('language = "en"')
    assert "Closing rate" in call("kpis", "-C", home).out
    assert "Showroom visits" in call("forms", "-C", home).out
    assert "Invoices" not in call("forms", "-C", home, "--lang", "zh").out


MINE = """
label = "我的指标"
label_en = "Mine"
league = ["mine"]
league_by = "mine"
[measures.mine]
label = "我的"
label_en = "Mine"
{measure}
[kpis.mine]
label = "我的"
label_en = "Mine"
formula = "mine"
unit = "批"
direction = "up"
"""
VISITORS = MINE.format(measure='form = "visits"\ncount = "rows"')


@pytest.mark.parametrize(
    ("measure", "value"),
    [
        ('form = "visits"\ncount = "rows"', 2),
        ('form = "visits"\ncount = "customers"', 1),
        ('form = "visits"\ncount = "sum"\ncolumn = "party"', 5),
        ('form = "visits"\ncount = "open"\nclosed = ["date"]', None),
    ],
)
def test_a_book_of_the_workspace_is_the_one_reported_whatever_it_counts(measure: str, value: int) -> None:
    home = workspace('book = "mine"', books_mine=MINE.format(measure=measure))
    file = table("visits.csv", f"{GOOD},2", f"{GOOD},3".replace("-03", "-04"), header=f"{HEADER},来店人数")
    assert call("ingest", file, "-C", home).code == 0
    ended = call("report", "-C", home, *OCTOBER, "--json")
    assert ended.code == 0, ended.err[-300:]
    assert ended.document["book"] == "mine"
    assert ended.document["total"]["measures"] == {"mine": value}
    assert ended.document["total"]["kpis"]["mine"]["value"] == value
    assert "我的指标 (mine)" in call("report", "-C", home, *OCTOBER).out


def test_a_book_of_the_workspace_is_listed_and_its_kpis_are_those_in_force() -> None:
    home = workspace('book = "mine"', books_mine=VISITORS)
    listed = {book["key"] for book in call("books", "-C", home, "--json").document["books"]}
    assert listed == {*load().books, "mine"}
    assert call("kpis", "-C", home, "--json").document["book"] == "mine"
    assert call("kpis", "-C", home, "--book", "buick", "--json").document["book"] == "buick"


def test_the_limits_of_the_workspace_are_in_force() -> None:
    home = workspace("[limits]\nparts = 1")
    ended = call("ingest", SAMPLES / "2026-08 开票明细.xlsx", "-C", home, "--json")
    assert ended.code == 3
    assert ended.document["files"][0]["issues"][0]["code"] == "unsafe_workbook"


def test_all_mistakes_of_the_settings_are_told_at_once() -> None:
    home = workspace(
        'dealr = "东店"\nlanguage = "fr"\nbook = 3\nweeks = "mondays"\n[limits]\nsecond = 9\nparts = "many"'
    )
    ended = call("report", "-C", home)
    assert ended.code == 2
    for key, meant in (
        ("dealr", "dealer"),
        ("language", "en"),
        ("book", ""),
        ("weeks", "monday"),
        ("limits.second", "seconds"),
        ("limits.parts", ""),
    ):
        line = next(line for line in ended.err.splitlines() if f"kpicli.toml · {key}:" in line)
        assert meant in line


@pytest.mark.parametrize("content", [b"dealer = ", b"dealer = '\xff'", b"limits = 3", b"[dealer]"])
def test_settings_that_are_no_settings_are_named_with_their_file(content: bytes) -> None:
    (workspace() / "kpicli.toml").write_bytes(content)
    ended = call("report", "-C", "ws")
    assert ended.code == 2
    assert "kpicli.toml" in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("settings", ['dealer = "别家"', "this is no toml"])
def test_settings_and_definitions_beside_an_input_are_not_obeyed(settings: str) -> None:
    folder = workspace(settings, "in", forms_visits="label = 3", books_buick="label = 3")
    table("in/good.csv", GOOD)
    assert call("ingest", folder, "in/good.csv", "--store", "store").code == 0
    assert call("report", "--store", "store", *OCTOBER, "--json").document["dealer"] != "别家"


# Definitions


def test_forms_books_and_kpis_can_be_listed_and_shown() -> None:
    forms, books, kpis = (call(word).out for word in ("forms", "books", "kpis"))
    assert all(key in forms for key in ("visits", "intentions", "test_drives", "invoices", "followups", "targets"))
    assert "buick" in books
    assert "close_rate" in kpis
    shown = call("forms", "show", "visits").out
    assert "来店性质" in shown
    assert "是否首次来店" in shown
    assert "first_visits" in call("books", "show", "buick").out
    rate = call("kpis", "成交率").out
    assert "showroom_sales / (open_prospects_prev + new_prospects)" in rate
    assert "月度展厅零售销量" in rate
    assert call("kpis", "close_rate").out == rate


def test_the_shipped_definitions_have_no_mistakes() -> None:
    assert call("forms", "check").code == 0
    assert call("books", "check").code == 0
    assert call("forms", "check", "--json").document["mistakes"] == []


BROKEN_FORM = """
label = "愿望单"
label_en = "Wishes"
date = "dya"
keys = [["day", "phon"]]
colour = "red"
[columns.day]
label = "许愿日期"
label_en = 5
type = "dates"
requird = true
[columns.phone]
label = "许愿电话"
label_en = "Phone"
type = "phone"
"""
BROKEN_BOOK = """
label = "我的"
label_en = "Mine"
near = "high"
leage = ["orders"]
[measures.orders]
label = "订单数"
label_en = "Orders"
form = "intentions"
count = "rows"
where = { chanel = "来店" }
[measures.wishes]
label = "愿望"
label_en = "Wishes"
form = "intentionz"
count = "rows"
[kpis.unclosed]
label = "a"
label_en = "a"
formula = "orders / (2"
unit = "%"
direction = "up"
[kpis.unknown]
label = "b"
label_en = "b"
formula = "ordes + 1"
unit = "台"
direction = "upp"
[kpis.code]
label = "c"
label_en = "c"
formula = "__import__('os')"
unit = "台"
direction = "up"
"""


def test_all_mistakes_of_all_definitions_are_told_at_once_with_file_key_and_suggestion() -> None:
    home = workspace("", forms_wishes=BROKEN_FORM, forms_torn='label = "x', books_mine=BROKEN_BOOK, books_torn="= 3")
    expected = {
        "forms": [
            ("forms/torn.toml", "", "TOML"),
            ("forms/wishes.toml", "date", "day"),
            ("forms/wishes.toml", "keys", "phone"),
            ("forms/wishes.toml", "colour", ""),
            ("forms/wishes.toml", "columns.day.label_en", ""),
            ("forms/wishes.toml", "columns.day.type", "date"),
            ("forms/wishes.toml", "columns.day.requird", "required"),
        ],
        "books": [
            ("books/torn.toml", "", "TOML"),
            ("books/mine.toml", "near", ""),
            ("books/mine.toml", "leage", "league"),
            ("books/mine.toml", "measures.orders.where", "channel"),
            ("books/mine.toml", "measures.wishes.form", "intentions"),
            ("books/mine.toml", "kpis.unclosed.formula", "orders / (2"),
            ("books/mine.toml", "kpis.unknown.formula", "orders"),
            ("books/mine.toml", "kpis.unknown.direction", "up"),
            ("books/mine.toml", "kpis.code.formula", ""),
        ],
    }
    for kind, places in expected.items():
        ended = call(kind, "check", "-C", home, "--json")
        shown = call(kind, "check", "-C", home, COLUMNS="300")
        assert (ended.code, shown.code) == (1, 1)
        found = {(entry["file"], entry["key"]): entry["message"] for entry in ended.document["mistakes"]}
        assert set(found) == {(file, key) for file, key, _ in places}
        for file, key, meant in places:
            assert meant in found[file, key]
            assert file in shown.out
            assert found[file, key] in shown.out
    stopped = call("report", "-C", home)
    assert stopped.code == 2
    for file, key, _ in (*expected["forms"], *expected["books"]):
        assert f"{file} · {key}" in stopped.err


WRONG_KINDS = {
    "forms": [
        ("label", "label = 3"),
        ("columns", "columns = 3"),
        ("columns.a", "columns.a = 3"),
        ("columns.a.aliases", "columns.a.aliases = [3]"),
        ("columns.a.values", "columns.a.values = { x = 3 }"),
        ("columns.a.values", "columns.a.values = { x = [3] }"),
        ("columns.a.when_absent", "columns.a.when_absent = 3"),
        ("keys", "keys = 3"),
        ("keys", "keys = [3]"),
        ("keys", "keys = [[3]]"),
        ("order", "order = [3]"),
        ("order", 'order = [["a"]]'),
        ("facts", "facts = 3"),
        ("facts.a", "facts.a = 3"),
        ("negative", "negative = 3"),
    ],
    "books": [
        ("near", "near = true"),
        ("league", "league = [3]"),
        ("measures", "measures = 3"),
        ("measures.a", "measures.a = 3"),
        ("measures.a.where", 'measures.a = { form = "visits", where = 3 }'),
        ("measures.a.where", 'measures.a = { form = "visits", where = [3] }'),
        ("measures.a.where", 'measures.a = { form = "visits", where = { channel = 3 } }'),
        ("measures.a.minus", 'measures.a = { form = "visits", minus = 3 }'),
        ("measures.a.date", 'measures.a = { form = "visits", date = "phone" }'),
        ("measures.a.column", 'measures.a = { form = "visits", count = "sum", column = "phone" }'),
        ("kpis", "kpis = 3"),
        ("kpis.a", "kpis.a = 3"),
        ("kpis.a.formula", "kpis.a.formula = 3"),
        ("kpis.a.formula", 'kpis.a.formula = "first_visits ** 2"'),
        ("kpis.a.examples", "kpis.a.examples = [3]"),
    ],
}


@pytest.mark.parametrize("kind", WRONG_KINDS)
def test_values_of_the_wrong_kind_are_named_mistakes(kind: str) -> None:
    texts = {f"{kind}_n{number}": text for number, (_, text) in enumerate(WRONG_KINDS[kind])}
    ended = call(kind, "check", "-C", workspace("", **texts), "--json")
    assert ended.code == 1, ended.err[-300:]
    for number, (key, text) in enumerate(WRONG_KINDS[kind]):
        mistakes = ended.document["mistakes"]
        keys = [entry["key"] for entry in mistakes if entry["file"] == f"{kind}/n{number}.toml"]
        assert any(found.startswith(key) for found in keys), (text, keys)


def test_mistakes_of_a_form_are_not_told_as_mistakes_of_the_shipped_book() -> None:
    home = workspace(
        "", forms_visits='label = "客流"\nlabel_en = "Visits"\ndate = "dat"\n[columns.date]\nlabel = "日期"'
    )
    mistakes = call("books", "check", "-C", home, "--json").document["mistakes"]
    assert "measures.first_visits.date" not in {entry["key"] for entry in mistakes}


def test_a_form_of_the_workspace_is_read_stored_and_exported() -> None:
    fixed = BROKEN_FORM.replace("dya", "day").replace('"phon"', '"phone"').replace('colour = "red"\n', "")
    fixed = fixed.replace("= 5", '= "Day"').replace("dates", "date").replace("requird", "required")
    home = workspace("", forms_wishes=fixed)
    file = table("wishes.csv", "2026-10-03,19900001111", header="许愿日期,许愿电话")
    assert call("forms", "check", "-C", home).code == 0
    assert call("ingest", file, "-C", home).code == 0
    assert call("export", "wishes", "-C", home, "--format", "json").document == [
        {"dealer": "default", "day": "2026-10-03", "phone": "199****1111"}
    ]


# The demo


def test_the_demo_shows_the_last_sample_month_whatever_the_date_and_leaves_files(demo: tuple[Path, Ended]) -> None:
    folder, ended = demo
    assert ended.code == 0, ended.err[-300:]
    assert "2026-10  示例别克" in ended.out
    assert re.search(r"成交率 +\d+\.\d% +\d+/\d+", ended.out)
    assert "张伟" in ended.out
    home = folder / "kpicli-demo"
    assert {path.name for path in folder.iterdir()} == {"kpicli-demo"}
    assert {path.name for path in (home / "inbox").iterdir()} == {path.name for path in SAMPLES.iterdir()}
    assert (home / "kpicli.toml").is_file()
    month = json.loads((home / "reports" / "2026-10.json").read_text(encoding="utf-8"))
    assert month["total"]["measures"]["first_visits"] == 168
    assert call("report", "-C", home, "--month", "2026-10", "--json").document == month


def test_the_demo_can_be_run_again_and_keeps_what_was_changed(
    demo: tuple[Path, Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(demo[0] / "kpicli-demo", "kpicli-demo")
    settings = Path("kpicli-demo/kpicli.toml")
    settings.write_text(settings.read_text(encoding="utf-8") + "# mine\n", encoding="utf-8")
    report = Path("kpicli-demo/reports/2026-10.json").read_bytes()
    again = call("demo", COLUMNS="80")
    assert again.code == 0, again.err
    shown = demo[1].out[demo[1].out.index("2026-10  示例别克") :]
    assert again.out[again.out.index("2026-10  示例别克") :] == shown
    assert "没有新内容" in again.out
    assert settings.read_text(encoding="utf-8").endswith("# mine\n")
    assert Path("kpicli-demo/reports/2026-10.json").read_bytes() == report
