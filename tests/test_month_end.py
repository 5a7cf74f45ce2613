"""The month's end from outside: what lies where after it, run again, killed, stopped, by cron, for years."""

import http.server
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from kpicli.messages import catalogue
from kpicli.periods import Month
from kpicli.pipeline.month_end import alone
from tests.test_cli import (
    Ended,
    call,
    shared_readers,  # noqa: F401 - a fixture: it works by being here
)
from tests.workbooks import book

HEADERS = {
    "visits": "登记编号,日期,几次来店,接触方式,留档,试驾,销售顾问,客户姓名,联系电话",
    "intentions": "客户编号,创建时间,客户姓名,联系电话,意向车型,意向级别,当前状态,订单日期,销售顾问",
    "test_drives": "试驾编号,试驾日期,客户姓名,联系方式,销售顾问,试驾车型",
    "invoices": "发票号码,开票日期,销售顾问,车系,销售渠道,开票类型,开票金额",
}
NAMES = {"visits": "客流", "intentions": "意向", "test_drives": "试驾", "invoices": "开票"}
AS_OF = ("--as-of", "2026-11-01")
KILLS, MONTHS = (int(os.environ.get(name, number)) for name, number in (("KPICLI_KILLS", "3"), ("KPICLI_MONTHS", "3")))
"""How often a run is killed, and how many months are run one after another; 24 by hand."""
QUIET_GATES = "[gates]\nempty_days = 31\n"


def shop(name: str = "shop", settings: str = QUIET_GATES) -> Path:
    """A new workspace, without templates to fill, that speaks Chinese."""
    assert call("init", name).code == 0
    home = Path(name)
    (home / "kpicli.toml").write_text(f'dealer = "东店"\ntemplates = []\n{settings}', encoding="utf-8")
    return home


def lines(month: str, people: Sequence[str] = ("张伟", "李娜"), count: int = 3) -> dict[str, list[str]]:
    """Records of a month for every form, that fit together: each customer comes, drives, orders and buys on one day."""
    found: dict[str, list[str]] = {form: [] for form in HEADERS}
    for number in range(count):
        day, who = f"{month}-{number % 27 + 1:02}", people[number % len(people)]
        key = f"{month.replace('-', '')}{number:03}"
        phone = f"199{month[2:4]}{month[5:]}{number:04}"
        found["visits"].append(f"V{key},{day},首次,来店,是,是,{who},客人{number},{phone}")
        found["intentions"].append(f"Q{key},{day},客人{number},{phone},君威,H,成交,{day},{who}")
        found["test_drives"].append(f"T{key},{day},客人{number},{phone},{who},君威")
        found["invoices"].append(f"F{key},{day},{who},君威,展厅,正常,{100000 + number}")
    return found


def export(home: Path, month: str, records: Mapping[str, Iterable[str]], tag: str = "") -> list[Path]:
    """Write exports into the inbox."""
    written = []
    for form, rows in records.items():
        path = home / "inbox" / f"{month} {NAMES[form]}{tag}.csv"
        path.write_text("\n".join([HEADERS[form], *rows]) + "\n", encoding="utf-8")
        written.append(path)
    return written


def run(home: Path, *words: str, **environment: str) -> Ended:
    ended = call("month-end", "-C", home, *(words if "--as-of" in words else (*AS_OF, *words)), **environment)
    assert "Traceback" not in ended.err
    return ended


def record(home: Path, month: str = "2026-10") -> Any:
    return json.loads((home / "reports" / month / "run.json").read_text(encoding="utf-8"))


def tree(folder: Path) -> dict[str, str]:
    """Every file below a folder but the log, with the hash of its content."""
    return {
        path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "kpicli.log"
    }


def inbox(home: Path) -> list[str]:
    return [name for name in tree(home / "inbox") if not name.startswith(("done/", "problems/"))]


def test_the_reports_lie_in_the_folder_and_the_exports_are_put_away() -> None:
    home = shop()
    export(home, "2026-10", lines("2026-10"))
    ended = run(home)
    assert (ended.code, ended.err) == (0, "")
    assert sorted(tree(home / "reports" / "2026-10")) == [
        "2026-10 东店 KPI.html",
        "2026-10 东店 跟进名单.xlsx",
        "funnel.json",
        "report.json",
        "report.txt",
        "run.json",
        "runs/20261101-120000.json",
        "summary.md",
        "summary.txt",
    ]
    assert sorted(tree(home / "inbox")) == sorted(f"done/2026-11-01/2026-10 {name}.csv" for name in NAMES.values())
    told = record(home)
    assert (told["exit_code"], told["month"], told["dealer"], told["notes"]) == (0, "2026-10", "东店", [])
    assert [(entry["status"], entry["stored"]) for entry in told["inputs"]] == [("stored", 3)] * 4
    assert told["forms"] == {"visits": 3, "intentions": 3, "test_drives": 3, "invoices": 3}
    assert told["kpis"]["info_retention_rate"] == {"value": 1.0, "numerator": 3.0, "denominator": 3.0}
    assert told["gates"] == {"set_aside_percent": True, "forms": True, "empty_days": True}
    report = json.loads((home / "reports/2026-10/report.json").read_text(encoding="utf-8"))
    assert report == call("report", "-C", home, *AS_OF, "--json", *by()).document
    outputs = {entry["file"]: entry["sha256"] for entry in told["outputs"]}
    there = tree(home / "reports/2026-10")
    assert outputs == {name: there[name] for name in there if not name.startswith("run")}
    summary = (home / "reports/2026-10/summary.txt").read_text(encoding="utf-8")
    assert summary.split() == ended.out.split()


def by() -> list[str]:
    return [word for name in ("consultant", "model", "source", "week", "channel", "day") for word in ("--by", name)]


def test_run_again_there_is_nothing_new() -> None:
    home = shop()
    export(home, "2026-10", lines("2026-10"))
    run(home)
    before = tree(home)
    ended = run(home)
    assert (ended.code, ended.out) == (0, "没有新的数据；2026-10 的报表已在 2026-11-01 12:00 写好\n")
    assert run(home, "--json").document["fresh"] is False
    assert tree(home) == before
    (home / "reports/2026-10/report.txt").unlink()
    assert run(home, "--json").document["fresh"] is True  # what is gone is written again
    assert tree(home).keys() - {"reports/2026-10/runs/20261101-120000-2.json"} == before.keys()
    (home / "kpicli.toml").write_text('dealer = "东店"\ntemplates = []\nweeks = "quarters"\n', encoding="utf-8")
    assert run(home, "--json").document["fresh"] is True


def test_what_is_broken_does_not_keep_the_rest_back() -> None:
    home = shop()
    records = lines("2026-10")
    records["visits"].append("V9,2026-02-31,首次,来店,是,是,张伟,客人九,19900009999")
    export(home, "2026-10", records)
    (home / "inbox/坏.xlsx").write_bytes(b"PK\x03\x04" + bytes(60))
    (home / "inbox/没有表头.csv").write_text("甲,乙\n1,2\n", encoding="utf-8")
    (home / "inbox/说明.pdf").write_bytes(b"%PDF-1.4")
    ended = run(home)
    assert ended.code == 3
    assert inbox(home) == ["说明.pdf"]
    problems = sorted(path.name for path in (home / "inbox/problems").iterdir())
    assert problems == [
        "2026-10 客流.xlsx",
        "坏.xlsx",
        "坏.xlsx 为什么没读.md",
        "没有表头 标注.xlsx",
        "没有表头.csv",
        "没有表头.csv 为什么没读.md",
    ]
    assert "→" in (home / "inbox/problems/坏.xlsx 为什么没读.md").read_text(encoding="utf-8")
    codes = {note["code"]: note for note in record(home)["notes"]}
    assert {"file_refused", "rows_set_aside", "not_a_table", "gate_set_aside_percent"} <= set(codes)
    assert "2026-10 客流.csv 1" in codes["rows_set_aside"]["message"]
    assert record(home)["measures"]["first_visits"] == 3
    book = load_workbook(home / "inbox/problems/2026-10 客流.xlsx")
    sheet = book["2026-10 客流"]
    cell = next(cell for row in sheet.iter_rows() for cell in row if cell.value == "2026-02-31")
    cell.value = "2026-10-31"
    book.save(home / "inbox/改好.xlsx")
    ended = run(home, "--json")
    assert ended.document["measures"]["first_visits"] == 4
    assert (home / "inbox/done/2026-11-01/改好.xlsx").is_file()
    told = call("runs", "diff", "-C", home, "20261101-120000", "last", "--json").document
    assert told["measures"]["first_visits"] == {"before": 3.0, "after": 4.0}
    assert [(entry["file"], entry["stored"]) for entry in told["inputs"]] == [("改好.xlsx", 1)]
    assert {note["code"] for note in told["notes"]["gone"]} >= {"file_refused", "rows_set_aside"}


def test_a_sheet_that_is_not_read_is_told_and_its_marked_copy_stays() -> None:
    home = shop()
    export(home, "2026-10", lines("2026-10"))
    read = [line.split(",") for line in (HEADERS["invoices"], *lines("2026-10", count=9)["invoices"][5:])]
    dayless = [[value for place, value in enumerate(row) if place != 1] for row in read]
    book(str(home / "inbox/两张.xlsx"), sheets={"好": read, "坏": dayless})
    ended = run(home)
    assert ended.code == 3
    assert record(home)["forms"]["invoices"] == 7
    (note,) = (note for note in record(home)["notes"] if note["code"] == "sheet_refused")
    assert note["message"].startswith("两张.xlsx 有没读的表：坏: ")
    assert (home / "inbox/problems/两张.xlsx").is_file()
    assert (home / "inbox/done/2026-11-01/两张.xlsx").is_file()


def test_what_was_refused_is_told_also_where_there_is_nothing_to_report() -> None:
    home = shop()
    (home / "inbox/坏.xlsx").write_bytes(b"PK\x03\x04" + bytes(60))
    (home / "inbox/说明.pdf").write_bytes(b"%PDF-1.4")
    ended = run(home, "--json")
    assert (ended.code, ended.document["error"]["code"]) == (5, "no_data")
    assert "坏.xlsx 没有读入" in ended.err
    assert "说明.pdf" in ended.err


def test_a_copy_that_somebody_works_on_is_left_alone() -> None:
    home = shop()
    records = lines("2026-10") | {"invoices": ["F9,2026-02-31,张伟,君威,展厅,正常,1"]}
    export(home, "2026-10", records)
    run(home)
    copy = home / "inbox/problems/2026-10 开票.xlsx"
    copy.write_bytes(copy.read_bytes() + b" ")
    export(home, "2026-10", {"invoices": ["F9,2026-02-31,张伟,君威,展厅,正常,2"]})
    run(home)
    assert copy.read_bytes().endswith(b" ")
    assert (home / "inbox/problems/2026-10 开票 (2).xlsx").is_file()


@pytest.mark.parametrize(
    ("settings", "records", "code", "gate"),
    [
        (QUIET_GATES, {"invoices": []}, 5, "forms"),
        (f"{QUIET_GATES}stop = []\n", {"invoices": []}, 1, "forms"),
        ("[gates]\nempty_days = 3\n", {}, 1, "empty_days"),
        ('[gates]\nempty_days = 3\nstop = ["empty_days"]\n', {}, 5, "empty_days"),
        (f'{QUIET_GATES}forms = ["visits"]\n', {"invoices": []}, 0, ""),
        (
            f'{QUIET_GATES}stop = ["set_aside_percent"]\n',
            {"visits": ["V9,坏,首次,来店,是,是,张伟,客人,19900009999"]},
            5,
            "set_aside_percent",
        ),
    ],
)
def test_gates_stop_or_are_told(settings: str, records: dict[str, list[str]], code: int, gate: str) -> None:
    home = shop(settings=settings)
    every = lines("2026-10")
    bad = {form: [*every[form], *rows] if rows else [] for form, rows in records.items()}
    export(home, "2026-10", {form: rows for form, rows in (every | bad).items() if rows})
    ended = run(home)
    assert ended.code == code
    told = record(home)
    assert {name for name, kept in told["gates"].items() if not kept} == ({gate} if gate else set())
    assert (home / "reports/2026-10/report.json").exists() == (code != 5)
    assert inbox(home) == []  # what was read is in the store, also when a gate stops the report
    if gate:
        note = next(note for note in told["notes"] if note["code"] == f"gate_{gate}")
        assert note["severity"] == ("error" if code == 5 else "warning")
        assert note["message"] in " ".join(ended.out.split()).replace("， ", "，") or note["message"][:10] in ended.out
    if code == 5:
        assert "没有出报表" in ended.out
        assert run(home).code == 5
        export(home, "2026-10", every, tag=" 全")
        (home / "kpicli.toml").write_text(f'dealer = "东店"\ntemplates = []\n{QUIET_GATES}', encoding="utf-8")
        assert run(home).code in (0, 1)
        assert (home / "reports/2026-10/report.json").exists()


def test_a_month_that_is_not_in_yet_is_one_clear_line() -> None:
    home = shop()
    ended = run(home)
    assert (ended.code, ended.out) == (5, "")
    assert len(ended.err.splitlines()) == 2
    export(home, "2026-10", lines("2026-10"))
    ended = run(home, "--as-of", "2026-12-01")
    assert ended.code == 1
    assert [note["code"] for note in record(home)["notes"]] == ["month_behind"]
    ended = run(home, "--as-of", "2026-12-01", "--json")
    assert (ended.code, ended.document["error"]["code"]) == (5, "month_not_in")
    assert "2026-11" in ended.err
    assert run(home, "--as-of", "2026-12-01", "--month", "2026-10").code == 0


def test_a_template_that_is_broken_does_not_keep_the_others_back() -> None:
    home = shop(settings=QUIET_GATES)
    text = f'dealer = "东店"\ntemplates = ["坏.xlsx", "没有的", "绩效管理表"]\n{QUIET_GATES}'
    (home / "kpicli.toml").write_text(text, encoding="utf-8")
    (home / "坏.xlsx").write_bytes(b"PK")
    export(home, "2026-10", lines("2026-10"))
    ended = run(home)
    assert ended.code == 4
    assert (home / "reports/2026-10/2026-10 东店 绩效管理表.xlsx").is_file()
    assert [note["code"] for note in record(home)["notes"]] == ["template_failed", "template_failed"]
    assert run(home).code == 4  # not done until they are mended
    (home / "kpicli.toml").write_text(text.replace('"坏.xlsx", "没有的", ', ""), encoding="utf-8")
    assert run(home).code == 0


def test_what_would_be_done_is_shown_and_nothing_is_written() -> None:
    home = shop()
    export(home, "2026-10", lines("2026-10"))
    before = tree(home)
    ended = run(home, "--dry-run")
    assert ended.code == 0
    assert "2026-10 客流.csv" in ended.out
    told = run(home, "--dry-run", "--month", "2026-10", "--json").document
    assert (told["month"], told["ingest"]["stored"], told["dry_run"]) == ("2026-10", 12, True)
    assert tree(home) == before


def test_one_at_a_time() -> None:
    home = shop()
    with alone(home):
        words = [sys.executable, "-m", "kpicli", "month-end", "-C", str(home), "--json"]
        ended = subprocess.run(words, capture_output=True, text=True)
    assert (ended.returncode, json.loads(ended.stdout)["error"]["code"]) == (4, "month_end_running")
    assert subprocess.run(words, capture_output=True, text=True).returncode == 5


def test_there_is_no_month_end_without_a_workspace() -> None:
    ended = call("month-end", "--json")
    assert (ended.code, ended.document["error"]["code"]) == (2, "no_workspace")


def test_rows_of_a_closed_month_are_told_and_its_report_stays() -> None:
    home = shop()
    export(home, "2026-09", lines("2026-09"))
    run(home, "--as-of", "2026-10-01")
    assert call("close", "2026-09", "-C", home, "--as-of", "2026-10-02").code == 0
    late = ["V99,2026-09-15,首次,来店,是,是,张伟,客人九,19900009999"]
    export(home, "2026-10", lines("2026-10"))
    export(home, "2026-09", {"visits": late}, tag=" 补")
    ended = run(home)
    assert ended.code == 1
    note = next(note for note in record(home)["notes"] if note["code"] == "late_rows")
    assert "2026-09" in note["message"]
    assert run(home, "--month", "2026-09", "--json").document["measures"]["first_visits"] == 3


def test_runs_are_listed_shown_and_compared() -> None:
    home = shop()
    assert call("runs", "-C", home).code == 0
    assert call("runs", "show", "-C", home, "--json").document["error"]["code"] == "no_run"
    export(home, "2026-09", lines("2026-09", count=5))
    run(home, "--as-of", "2026-10-01")
    export(home, "2026-10", lines("2026-10", count=7))
    run(home)
    listed = call("runs", "list", "-C", home, "--json").document["runs"]
    assert [(one["id"], one["month"]) for one in listed] == [
        ("20261001-120000", "2026-09"),
        ("20261101-120000", "2026-10"),
    ]
    assert "20261101-120000" in call("runs", "-C", home).out
    assert call("runs", "show", "2026-09", "-C", home, "--json").document["id"] == "20261001-120000"
    assert call("runs", "show", "202611", "-C", home, "--json").document["id"] == "20261101-120000"
    shown = call("runs", "show", "last", "-C", home).out
    assert all(word in shown for word in ("2026-10 客流.csv", "report.json", "kpicli"))
    told = call("runs", "diff", "2026-09", "2026-10", "-C", home, "--json").document
    assert told["measures"]["first_visits"] == {"before": 5.0, "after": 7.0}
    assert told["forms"]["visits"] == {"before": 5, "after": 7}
    assert (told["definitions"], told["program"], told["config"]) == (False, False, {})
    assert "+2" in call("runs", "diff", "2026-09", "2026-10", "-C", home).out
    (home / "books").mkdir()
    assert call("books", "new", "mine", "-C", home).code == 0
    run(home, "--book", "mine")
    assert call("runs", "diff", "20261101-120000", "last", "-C", home, "--json").document["definitions"] is True


def test_english_is_spoken_throughout() -> None:
    home = shop()
    records = lines("2026-10", people=("Ann", "Bob"))
    records["visits"].append("V9,2026-02-31,首次,来店,是,是,Ann,Guest,19900009999")
    export(home, "2026-10", records)
    (home / "inbox/bad.xlsx").write_bytes(b"PK")
    for words in (("month-end", *AS_OF), ("month-end", *AS_OF, "--dry-run"), ("runs",), ("runs", "show")):
        said = call(*words, "-C", home, "--lang", "en").out
        rest = re.sub("东店|客流|意向|试驾|开票|君威|展厅|2026-10 .*xlsx", "", said)
        assert not re.search("[一-鿿]", rest), (words, rest)


def test_every_text_of_a_months_end_is_in_both_languages() -> None:
    for code, entry in catalogue("month_end").items():
        for text in (entry.text, entry.hint):
            assert text.zh and text.en, code
            assert set(re.findall(r"{\w+}", text.zh)) == set(re.findall(r"{\w+}", text.en)), code


# As a process, as cron starts it


def script(home: Path, *words: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """The workspace's script as cron runs it: hardly any environment, no terminal, another folder."""
    return subprocess.run(
        [home.absolute() / "month-end.sh", *words],
        cwd=cwd or "/",
        env={"PATH": "/usr/bin:/bin", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
    )


@pytest.mark.skipif(os.name != "posix", reason="a shell script")
def test_cron_gives_the_same_bytes_as_a_terminal() -> None:
    home = shop()
    (home / "kpicli.toml").write_text('templates = ["月度KPI报告"]\n', encoding="utf-8")
    export(home, "2026-10", lines("2026-10"))
    assert run(home).code == 1
    here = {name: content for name, content in tree(home / "reports").items() if "run" not in name}
    for name in ("reports", "store", "inbox"):
        shutil.rmtree(home / name)
    (home / "inbox").mkdir()
    export(home, "2026-10", lines("2026-10"))
    ended = script(home, *AS_OF, LC_ALL="C", TZ="Pacific/Honolulu")
    assert (ended.returncode, ended.stderr) == (1, "")
    there = {name: content for name, content in tree(home / "reports").items() if "run" not in name}
    assert there == here
    assert len(here) == 8
    assert "2026-10" in ended.stdout
    again = script(home, *AS_OF, LC_ALL="C")
    assert (again.returncode, len(again.stdout.splitlines())) == (0, 1)


def reports(home: Path) -> dict[str, str]:
    """What is reported; not the summary, which says what this run has read, and not one killed before it."""
    return {name: text for name, text in tree(home / "reports").items() if "run" not in name and "summary" not in name}


@pytest.mark.long
@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_killed_at_any_moment_and_run_again_it_is_complete() -> None:
    whole = shop("whole")
    export(whole, "2026-10", lines("2026-10", count=20))
    run(whole)
    wanted = reports(whole)
    chance = random.Random(8)
    interrupted = 0
    for number in range(KILLS):
        home = shop(f"shop{number}")
        export(home, "2026-10", lines("2026-10", count=20))
        words = [sys.executable, "-m", "kpicli", "month-end", "-C", str(home), *AS_OF]
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        time.sleep(chance.uniform(0.3, 3.5))
        interrupted += process.poll() is None
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert run(home).code == 0
        assert reports(home) == wanted
        assert inbox(home) == []
        assert len([name for name in tree(home / "inbox") if name.startswith("done/")]) == 4
        assert run(home, "--json").document["fresh"] is False
    assert interrupted


@pytest.mark.long
def test_month_by_month_the_totals_are_what_a_plain_count_says(capsys: pytest.CaptureFixture[str]) -> None:
    """Late rows, corrections and a closed month among them; the time and the size of the store are printed."""
    chance = random.Random(24)
    home = shop(settings=QUIET_GATES)
    month = Month.parse("2025-01")
    truth: dict[str, dict[str, str]] = {}
    left: dict[str, list[str]] = {}
    pinned: set[str] = set()
    begun = time.perf_counter()
    for number in range(MONTHS):
        told = str(month)
        records = lines(told, people=("张伟", "李娜", "王磊"), count=chance.randint(30, 60))
        late = {form: [rows.pop() for _ in range(2)] for form, rows in records.items()}
        export(home, told, records)
        for rows in records.values():
            truth.setdefault(told, {}).update({row.split(",")[0]: row for row in rows})
        if number:
            before = str(month.previous)
            corrected = [row.replace(",是,是,", ",否,是,") for row in list(truth[before].values()) if row[0] == "V"][:5]
            export(
                home,
                before,
                {"visits": [*left["visits"], *corrected], **{form: left[form] for form in left if form != "visits"}},
                " 补",
            )
            if before not in pinned:
                rows = [*corrected, *(row for rows in left.values() for row in rows)]
                truth[before].update({row.split(",")[0]: row for row in rows})
        left = late
        as_of = month.next.start.isoformat()
        ended = call(
            "month-end",
            "-C",
            home,
            "--as-of",
            as_of,
            "--json",
            now=datetime.combine(month.next.start, datetime.min.time(), UTC),
        )
        assert ended.code in (0, 1), ended.err
        assert ended.document["month"] == told
        if number in (1, 11):  # closed before what comes late
            assert call("close", told, "-C", home, "--as-of", as_of).code == 0
            pinned.add(told)
        month = month.next
    seconds = time.perf_counter() - begun
    size = sum(path.stat().st_size for path in (home / "store").rglob("*") if path.is_file())
    for told, rows in truth.items():
        found = call("report", "--month", told, "-C", home, "--as-of", "2027-01-01", "--json").document["total"][
            "measures"
        ]
        visits = [row.split(",") for row in rows.values() if row[0] == "V"]
        assert found["first_visits"] == len(visits), told
        assert found["visit_prospects"] == sum(row[4] == "是" for row in visits), told
        assert found["orders"] == sum(row[0] == "Q" for row in rows.values()), told
        assert found["test_drives"] == sum(row[0] == "T" for row in rows.values()), told
        assert found["showroom_sales"] == sum(row[0] == "F" for row in rows.values()), told
        amount = sum(int(row.rsplit(",", 1)[1]) for row in rows.values() if row[0] == "F")
        assert found["sales_amount"] == amount, told
    assert call("store", "check", "-C", home).code == 0
    with capsys.disabled():
        print(f"\n{MONTHS} months: {seconds:.1f} s, store {size / 1e6:.1f} MB")


# Telling people


class Robot(http.server.BaseHTTPRequestHandler):
    """A group robot that keeps what it is told."""

    heard: list[Any]
    answer = b'{"errcode":0}'

    def do_POST(self) -> None:
        self.heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("answer", ['{"errcode":0}', '{"errcode":93000,"errmsg":"no such robot"}'])
def test_the_group_is_told_and_what_is_not_heard_does_not_fail_the_reports(answer: str) -> None:
    robot = type("Local", (Robot,), {"heard": [], "answer": answer.encode()})
    with http.server.HTTPServer(("127.0.0.1", 0), robot) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        home = shop(settings=f'{QUIET_GATES}[delivery]\nwebhook = "wecom"\n')
        export(home, "2026-10", lines("2026-10"))
        url = f"http://127.0.0.1:{server.server_port}/send?key=geheim"
        ended = run(home, KPICLI_WEBHOOK_URL=url)
        assert run(home, KPICLI_WEBHOOK_URL=url).code == 0  # nothing new, so nothing is told
        server.shutdown()
    assert ended.code == 0
    (heard,) = robot.heard
    assert "东店 2026-10 月结完成" in heard["markdown"]["content"]
    assert "客人" not in heard["markdown"]["content"]
    arrived = answer == '{"errcode":0}'
    told = record(home)
    assert told["sent"] == {"webhook": arrived}
    assert bool(told["notes"]) != arrived
    assert bool(ended.err) != arrived
    assert "geheim" not in json.dumps(told) + ended.err + ended.out


# The log


def test_the_log_has_codes_and_counts_and_nothing_of_what_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    home = shop()
    call("month-end", "-C", home, *AS_OF)
    export(home, "2026-10", lines("2026-10"))
    (home / "inbox/坏.xlsx").write_bytes(b"PK\x03\x04" + bytes(60))
    run(home)
    run(home)
    text = (home / "kpicli.log").read_text(encoding="utf-8")
    assert [line.split(" ", 2)[2] for line in text.splitlines()] == [
        "month-end begin",
        "month-end end exit=5 code=no_data",
        "month-end begin",
        "month-end run=20261101-120000 month=2026-10 read=5 written=7 file_refused",
        "month-end end exit=3",
        "month-end begin",
        "month-end run=20261101-120000 month=2026-10 read=5 written=7 nothing_new",
        "month-end end exit=0",
    ]
    assert not re.search("客人|张伟|199|坏", text)
    monkeypatch.setattr("kpicli.cli.log._SIZE", 100)
    for _ in range(4):
        run(home)
    assert {path.name for path in home.glob("kpicli.log*")} == {"kpicli.log", *(f"kpicli.log.{n}" for n in (1, 2, 3))}


@pytest.mark.skipif(os.name != "posix", reason="a folder in the place of a file")
def test_a_log_that_cannot_be_written_keeps_nothing_from_being_done() -> None:
    home = shop()
    (home / "kpicli.log").mkdir()
    export(home, "2026-10", lines("2026-10"))
    assert run(home).code == 0
