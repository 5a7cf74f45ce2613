"""What people see of the store at 80 columns: what a file changes, closed months, gaps, health; no word is lost."""

import re
import shutil
from pathlib import Path

import pytest

import kpicli
from kpicli.read import ReaderPool

from .conftest import NOW, TODAY
from .test_cli import (
    Ended,
    call,
    shared_readers,  # noqa: F401 - a fixture: it works by being here
    table,
)
from .test_present import EVIL, HAN, harmful, squeezed, widest

HEADER = "登记编号,日期,来店时间,来店人数,来店性质,接触方式,是否留档,销售顾问,意向级别"
ROWS = (
    "A1,2026-08-03,10:00,2,首次,来店,是,Zhang,A",
    "O1,2026-10-03,10:00,2,首次,来店,是,Zhang,A",
    "O2,2026-10-04,11:00,1,首次,来店,是,Li,B",
    "O3,2026-10-05,12:00,1,首次,来电,否,Li,B",
)
LONG = "export of the showroom in October, second and final revision (checked by the manager).csv"
DEALER = "DealerOfALongName"
LANGUAGES = pytest.mark.parametrize("language", ["zh", "en"])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, readers: ReaderPool) -> Path:
    """A folder with a store of two months, a month apart, the later one closed for its dealer. Not to be written to."""
    folder = tmp_path_factory.mktemp("made")
    place = kpicli.open_workspace(store=folder / "store")
    file = table(f"{folder}/{LONG}", *ROWS, header=HEADER)
    kpicli.ingest(place, [file], dealer=DEALER, now=NOW, readers=readers)
    kpicli.close(place, "2026-10", dealer=DEALER, today=TODAY, now=NOW)
    kpicli.close(place, "2026-08", today=TODAY, now=NOW)
    return folder


@pytest.fixture(autouse=True)
def _store(made: Path) -> None:
    shutil.copytree(made / "store", "store")


def later() -> Path:
    """A file that changes six columns of a row, adds a row and leaves one out."""
    rows = ("O1,2026-10-04,10:30,3,再次,来店,否,Li,A", ROWS[2], "O4,2026-10-05,09:00,1,首次,来店,是,Zhang,C")
    return table(LONG, *rows, header=HEADER)


def shown(*words: object, language: str = "zh", code: int = 0) -> str:
    """What a command says on a terminal of 80 columns, all of which fits; in English without Chinese of ours."""
    ended = call(*words, "--store", "store", "--lang", language, COLUMNS="80")
    assert ended.code == code, ended.err[-300:]
    text = ended.out + ended.err
    assert widest(text) <= 80, text
    assert language == "zh" or HAN.findall(text) == []
    return text


# What a file changes


@LANGUAGES
def test_what_a_file_changes_is_told_with_its_columns_the_most_frequent_first(language: str) -> None:
    text = squeezed(shown("ingest", later(), "--dealer", DEALER, language=language))
    name = squeezed(LONG)
    expected = {
        "zh": f"{name}变更1（日期1、来店时间1、来店人数1、来店性质1…）·结账后到2",
        "en": f"{name}Changed1(Date1,Arrived1,Party1,Contact1…)·Late2",
    }
    assert expected[language] in text
    assert "late_rows" in text


@LANGUAGES
def test_what_a_whole_truth_would_add_change_and_remove_is_shown_first(language: str) -> None:
    ended = shown("ingest", later(), "--dealer", DEALER, "--replace", "--dry-run", "-v", language=language)
    expected = {
        "zh": ("新增1·变更1（", "）·去掉1·结账后到3", "试读，未写入任何数据"),
        "en": ("New1·Changed1(", ")·Removed1·Late3", "dryrun,nothingwaswritten"),
    }
    for words in (*expected[language], "rows_replaced", "late_rows"):
        assert words in squeezed(ended)


def test_a_file_that_only_adds_rows_says_nothing_of_changes() -> None:
    text = shown("ingest", table("new.csv", "A2,2026-09-03,10:00,2,首次,来店,是,Zhang,A", header=HEADER))
    assert len(re.findall(r"new\.csv", text)) == 1


# Closed months


@LANGUAGES
def test_the_report_of_a_closed_month_says_so_above_its_numbers(language: str) -> None:
    lines = shown("report", "--month", "2026-10", "--dealer", DEALER, language=language).splitlines()
    expected = {
        "zh": "已结账（2026-11-01 16:00），按结账时所知",
        "en": "closed on 2026-11-01 16:00; as it was known then",
    }
    assert lines[0].startswith(f"2026-10  {DEALER}")
    assert lines[1] == expected[language]
    assert lines[1] not in shown("report", "--month", "2026-10", language=language), "it is closed for the dealer alone"


@LANGUAGES
def test_what_came_since_closing_stands_in_two_tables(language: str) -> None:
    words = ("report", "--month", "2026-10", "--dealer", DEALER, "--compare-close")
    nothing = {"zh": "结账以后没有变化", "en": "nothing has changed since"}
    assert nothing[language] in shown(*words, language=language).splitlines()
    shown("ingest", later(), "--dealer", DEALER, "--replace")
    lines = [re.split(r" {2,}", line)[:4] for line in shown(*words, language=language).splitlines()]
    expected = {
        "zh": (
            ["指标", "结账时", "现在", "差"],
            ["信息留存率", "66.7%", "100.0%", "33.3 个百分点"],
            ["表", "新增", "变更", "去掉"],
            ["展厅客流登记表", "1", "1", "1"],
        ),
        "en": (
            ["KPI", "At closing", "Now", "Difference"],
            ["Information retention", "66.7%", "100.0%", "33.3 pp"],
            ["Form", "New", "Changed", "Removed"],
            ["Showroom visits and calls", "1", "1", "1"],
        ),
    }
    for line in expected[language]:
        assert line in lines


@LANGUAGES
def test_closing_and_reopening_are_confirmed_with_month_dealer_and_time(language: str) -> None:
    reopened = shown("reopen", "2026-10", "--dealer", DEALER, language=language)
    closed = shown("close", "2026-10", "--dealer", DEALER, language=language)
    assert f"2026-10 {DEALER}" in reopened
    assert f"2026-10 {DEALER}" in closed
    assert "2026-11-01 16:00" in closed
    assert f"2026-10 {DEALER}" in shown("close", "2026-10", "--dealer", DEALER, language=language)
    assert DEALER not in shown("close", "2026-10", language=language)


# What is in it


@LANGUAGES
def test_status_shows_the_months_between_that_have_no_rows_and_those_that_are_closed(language: str) -> None:
    text = shown("status", language=language)
    assert re.search(r"2026-08 +1 +1 +1–2, 4–31 +2026-11-01 16:00$", text, re.M)
    assert re.search(r"2026-09 +0 +1–30$", text, re.M)
    assert re.search(r"2026-10 +3 +3 +1–2, 6–31 +2026-11-01 16:00$", text, re.M)
    closed = {"zh": "{} 已结账（2026-11-01 16:00）", "en": "{} was closed on 2026-11-01 16:00"}
    assert text.splitlines()[-2:] == [closed[language].format(whose) for whose in ("2026-08", f"2026-10 {DEALER}")]


@LANGUAGES
def test_the_name_of_a_batch_stands_whole_on_its_line_so_that_it_can_be_copied(language: str) -> None:
    (batch,) = call("status", "--store", "store", "--json").document["batches"]
    assert any(line.startswith(batch["batch"]) for line in shown("status", language=language).splitlines())


# Its health


@LANGUAGES
def test_a_sound_store_says_so_in_a_line(language: str) -> None:
    expected = {"zh": "完好：2 个文件，4 行，1 个批次\n", "en": "sound: 2 files, 4 rows, 1 batches\n"}
    assert shown("store", "check", language=language) == expected[language]


@LANGUAGES
def test_what_is_wrong_with_a_store_is_told_whole_with_what_to_do(language: str) -> None:
    files = sorted(Path("store").glob("visits/*/*.parquet"))
    files[0].unlink()
    files[1].write_bytes(files[1].read_bytes()[:50])
    Path("store").chmod(0o755)
    text = shown("store", "check", language=language, code=1)
    issues = call("store", "check", "--store", "store", "--lang", language, "--json").document["issues"]
    assert [issue["code"] for issue in issues] == ["file_gone", "file_damaged", "store_open"]
    for issue in issues:
        for part in (issue["message"], issue["hint"], issue["code"]):
            assert squeezed(part) in squeezed(text)
    assert LONG.replace(" ", "") in squeezed(text)
    expected = {"zh": "有问题，见上：", "en": "not sound, see above: "}
    assert text.splitlines()[-1].startswith(expected[language])


@LANGUAGES
def test_compacting_says_how_many_files_became_how_many(language: str) -> None:
    for day in (1, 2):
        more = table(f"{day}.csv", f"M{day},2026-10-0{day},10:00,2,首次,来店,是,Zhang,A", header=HEADER)
        call("ingest", more, "--store", "store", "--dealer", DEALER)
    expected = {
        "zh": "4 个文件并成 2 个，另删去不再用的 0 个\n",
        "en": "4 files became 2; 0 that nobody needs were deleted\n",
    }
    assert shown("store", "compact", language=language) == expected[language]


# Text from outside


def test_nothing_from_a_file_or_a_dealer_can_steer_a_terminal() -> None:
    hostile = Path(f"{EVIL}.csv")
    hostile.write_text("\n".join((HEADER, *ROWS)), encoding="utf-8")
    late = table("late.csv", ROWS[1].replace("Zhang", f"Zhang{EVIL}"), header=HEADER)

    def ended(*words: str) -> Ended:
        return call(*words, "--store", "store")

    outputs = [ended("ingest", str(hostile), "--dealer", EVIL), ended("close", "2026-10", "--dealer", EVIL)]
    outputs += [ended("ingest", str(late), "--dealer", EVIL), ended("status")]
    outputs += [ended("report", "--month", "2026-10", "--dealer", EVIL, *more) for more in ((), ("--compare-close",))]
    assert [output.code for output in outputs] == [0] * 6
    outputs += [ended("reopen", "2026-10", "--dealer", EVIL), ended("undo", "last")]
    for path in Path("store").glob("visits/*/*.parquet"):
        path.unlink()
    outputs.append(ended("store", "check"))
    text = "".join(output.out + output.err for output in outputs)
    assert "[bold].csv" in text
    assert harmful(text) == set()
