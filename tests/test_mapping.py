"""What nobody knows: asked with evidence, answered at a prompt or from a file, remembered in a file for people."""

import contextlib
import os
import pty
import select
import subprocess
import sys
import time
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import tomlkit

from tests.test_cli import (
    GOOD,
    HEADER,
    Ended,
    call,
    everything_below,
    shared_readers,  # noqa: F401 - a fixture: it works by being here
    table,
    workspace,
)

WIDER = f"{HEADER},客户类别,介绍人"
UNKNOWN = (
    "2026-10-03,首次,赵样一,19900001111,小王,君威,A,欧阳样",
    "2026-10-03,初次哦,钱样二,19900001112,王磊,君越,H,周样四",
)
ANSWERS: dict[str, Any] = {
    "headers": {"visits": {"客户类别": "level", "介绍人": "ignore"}},
    "values": {"visits": {"contact": {"初次哦": "首次"}}},
    "consultants": {"小王": "王磊"},
}


@pytest.fixture
def home() -> Path:
    return workspace()


def unknown(name: str = "v.csv") -> Path:
    return table(name, *UNKNOWN, header=WIDER)


def answered(file: object, answers: Mapping[str, Any] | str, *more: str) -> Ended:
    text = answers if isinstance(answers, str) else tomlkit.dumps(answers)
    Path("answers.toml").write_text(text, encoding="utf-8")
    return call("map", file, "-C", "ws", "--answers", "answers.toml", *more)


def asked(*files: object, more: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    ended = call("map", *files, "-C", "ws", "--json", *more)
    assert ended.code == 0, ended.err
    return ended.document["questions"]


def kept() -> dict[str, Any]:
    path = Path("ws/mapping.toml")
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def visits() -> list[dict[str, Any]]:
    return call("export", "visits", "-C", "ws", "--format", "json", "--show-pii").document


# The questions


def test_headers_values_and_names_are_asked_once_with_suggestions_and_evidence(home: Path) -> None:
    questions = asked(unknown(), unknown("w.csv"))
    assert [(entry["kind"], entry["form"], entry["column"], entry["word"]) for entry in questions] == [
        ("header", "visits", None, "客户类别"),
        ("header", "visits", None, "介绍人"),
        ("value", "visits", "contact", "初次哦"),
        ("consultant", "visits", "consultant", "小王"),
    ]
    first, stranger, value, person = (entry["suggestions"] for entry in questions)
    assert first[0] == {"target": "level", "label": "意向级别", "evidence": "100% 的值符合，名称相近"}
    assert stranger == []
    assert [entry["target"] for entry in value] == ["首次", "再次", "来电首次到店", "其他"]
    assert person == [{"target": "王磊", "label": "王磊", "evidence": "同姓"}]
    assert (questions[0]["count"], questions[0]["samples"], questions[0]["file"]) == (2, ["A", "H"], "v.csv")


def test_asking_writes_nothing(home: Path) -> None:
    file = unknown()
    before = everything_below(Path())
    document = call("map", file, "-C", home, "--json").document
    assert (document["command"], document["remembered"], document["issues"]) == ("map", None, [])
    assert call("map", file, "-C", home).code == 0
    assert everything_below(Path()) == before


def test_a_header_with_several_meanings_is_asked_for(home: Path) -> None:
    file = table("v.csv", GOOD + ",", header=f"{HEADER},类型")
    (question,) = asked(file)
    assert (question["kind"], question["word"]) == ("header", "类型")
    assert answered(file, {"headers": {"visits": {"类型": "channel"}}}).code == 0
    assert asked(file) == []


@pytest.mark.parametrize("variant", ["王磊1", "王磊(展厅)", "王磊-网销", "小王", "王经理", "王磊【离职】"])
def test_variants_of_a_consultant_are_asked_for(home: Path, variant: str) -> None:
    file = table("v.csv", GOOD.replace("张伟", "王磊"), GOOD.replace("张伟", variant).replace("1111", "1112"))
    (question,) = asked(file)
    assert (question["word"], question["suggestions"][0]["target"]) == (variant, "王磊")


def test_nothing_is_mapped_because_it_looks_alike(home: Path) -> None:
    assert call("ingest", unknown(), "-C", home).code == 0
    assert [(row["level"], row["contact"], row["consultant"]) for row in visits()] == [
        (None, "首次", "小王"),
        (None, "初次哦", "王磊"),
    ]
    shown = call("validate", unknown(), "-C", home, "-v").err
    assert shown.count("客户类别") == shown.count("介绍人") == 1


def test_what_is_known_raises_no_question(home: Path) -> None:
    file = table("v.csv", GOOD)
    assert asked(file) == []
    assert "没有不认得" in call("map", file, "-C", home).out
    assert "nothing unknown" in call("map", file, "-C", home, "--lang", "en").out


def test_files_that_cannot_be_read_are_told_beside_the_questions(home: Path) -> None:
    Path("bad.xlsx").write_bytes(b"%PDF-1.4 no table")
    ended = call("map", unknown(), "bad.xlsx", "gone.csv", "-C", home, "--json")
    assert [(entry["file"], entry["code"]) for entry in ended.document["issues"]] == [
        ("bad.xlsx", "not_a_table"),
        ("gone.csv", "file_missing"),
    ]
    assert len(ended.document["questions"]) == 4
    assert "bad.xlsx" in call("map", unknown(), "bad.xlsx", "-C", home).err


@pytest.mark.parametrize("words", [("map", "v.csv"), ("map", "v.csv", "-C", "nowhere"), ("map", "-C", "ws")])
def test_without_a_workspace_or_a_file_it_is_wrong_use(home: Path, words: tuple[str, ...]) -> None:
    unknown()
    ended = call(*words)
    assert ended.code == 2
    assert "Traceback" not in ended.err


SECRETS = [
    "13812345678",
    "330102199001011234",
    "0571-87654321",
    "62345678",
    "王伟",
    "王 伟",
    "王伟(本人)",
    "买买提·艾力",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_personal_data_below_unknown_headers_is_masked(home: Path, secret: str) -> None:
    file = table("v.csv", f"{GOOD},{secret}", header=f"{HEADER},没见过")
    assert secret not in call("map", file, "-C", home).out + call("map", file, "-C", home, "--json").out


def test_a_phone_that_stands_in_a_column_of_values_is_masked(home: Path) -> None:
    file = table("v.csv", GOOD.replace("首次", "13812345678"))
    assert "13812345678" not in call("map", file, "-C", home).out


# Answers from a file


def test_answers_are_remembered_with_a_comment_and_applied_by_the_next_reading(home: Path) -> None:
    ended = answered(unknown(), ANSWERS, "--as-of", "2026-11-01")
    assert ended.code == 0
    assert "mapping.toml" in ended.out
    assert kept() == ANSWERS
    text = Path("ws/mapping.toml").read_text(encoding="utf-8")
    assert text.startswith("# kpicli map")
    assert text.count("# 2026-11-01") == 4
    assert asked(unknown()) == []
    ended = call("ingest", unknown(), "-C", home, "-v")
    assert "介绍人" not in ended.err
    assert [(row["level"], row["contact"], row["consultant"]) for row in visits()] == [
        ("A", "首次", "王磊"),
        ("H", "首次", "王磊"),
    ]


def test_answering_in_part_leaves_the_rest_to_be_asked(home: Path) -> None:
    ended = answered(unknown(), {"consultants": {"小王": "王磊"}})
    assert "客户类别" in ended.out
    assert "小王" not in ended.out
    document = answered(unknown(), {"headers": {"visits": {"客户类别": "level"}}}, "--json").document
    assert document["remembered"] == "ws/mapping.toml"
    assert {entry["word"] for entry in asked(unknown())} == {"介绍人", "初次哦"}


def test_a_sheet_refused_for_a_missing_column_is_read_once_that_is_mapped(home: Path) -> None:
    file = table("v.csv", GOOD, header=HEADER.replace("日期", "哪一天"))
    assert call("ingest", file, "-C", home).code == 3
    (question,) = asked(file)
    assert (question["word"], question["suggestions"][0]["target"]) == ("哪一天", "date")
    assert answered(file, {"headers": {"visits": {"哪一天": "date"}}}).code == 0
    assert call("ingest", file, "-C", home).code == 0
    assert [row["date"] for row in visits()] == ["2026-10-03"]


WRONG = """
[headers.visits]
"客户类别" = "levle"
[headers.visitz]
"a" = "level"
[values.visits.contact]
"初次哦" = "首次到"
[values.visits.contakt]
"a" = "b"
[people]
"小王" = "王磊"
"""


def test_all_mistakes_in_answers_are_told_at_once_and_nothing_is_written(home: Path) -> None:
    before = everything_below(home)
    ended = answered(unknown(), WRONG)
    assert ended.code == 2
    for key, meant in {
        "headers.visits.客户类别": "level",
        "headers.visitz": "visits",
        "values.visits.contact.初次哦": "首次",
        "values.visits.contakt": "contact",
        "people": "",
    }.items():
        line = next(line for line in ended.err.splitlines() if f" {key}:" in line)
        assert meant in line
    assert everything_below(home) == before


KINDS = ["= 3", 'headers = "x"', "[headers]\nvisits = 3", '[headers.visits]\n"客户类别" = 3', "consultants = []"]
COERCED = ['[consultants]\n"小王" = true', '[consultants]\n"小王" = ""', '[values.visits.source]\n"直播" = 3']


@pytest.mark.parametrize("text", [*KINDS, *COERCED])
def test_answers_of_the_wrong_kind_are_refused(home: Path, text: str) -> None:
    ended = answered(unknown(), text)
    assert (ended.code, kept()) == (2, {})


def test_mistakes_in_answers_name_the_file_of_the_answers(home: Path) -> None:
    assert "answers.toml" in answered(unknown(), '[headers.visits]\n"客户类别" = "levle"\n').err


def test_answers_saved_by_notepad_with_a_mark_are_read(home: Path) -> None:
    assert answered(unknown(), "\ufeff" + tomlkit.dumps(ANSWERS)).code == 0


# Conflicts


def test_a_confirmed_header_goes_before_another_columns_alias(home: Path) -> None:
    file = table("v.csv", GOOD + ",H", header=f"{HEADER},级别")
    answered(file, {"headers": {"visits": {"级别": "note"}}})
    call("ingest", file, "-C", home)
    assert [(row["note"], row["level"]) for row in visits()] == [("H", None)]


def test_a_columns_own_label_cannot_mean_another(home: Path) -> None:
    ended = answered(unknown(), {"headers": {"visits": {"备 注": "level"}}})
    assert (ended.code, kept()) == (2, {})
    assert "备注" in ended.err


def test_two_headers_of_one_column_are_told_and_one_is_taken(home: Path) -> None:
    file = table("v.csv", f"{GOOD},H,A", header=f"{HEADER},甲,乙")
    assert answered(file, {"headers": {"visits": {"甲": "level", "乙": "level"}}}).code == 0
    assert "乙" in call("ingest", file, "-C", home, "-v").err
    assert [row["level"] for row in visits()] == ["H"]


# The file, edited by hand

BY_HAND = {
    "comments": '# 我\n\n[headers.visits]   # 客流\n"甲"  =  "level"\t# 王\n\n\n[consultants]\n"李" = "李娜"\n# 完\n',
    "out of order": '[headers.visits]\n"甲" = "note"\n[consultants]\n"李" = "娜"\n[headers.invoices]\n"乙" = "vin"\n',
    "dotted": 'headers.visits."甲" = "note" # a\n',
    "no last line end": '[headers.visits]\n"甲" = "note"',
    "comment alone": "# nothing yet\n",
    "lines of Windows": '# 一\r\n[headers.visits]\r\n"甲" = "note"\r\n',
    "a mark of Notepad": '\ufeff[headers.visits]\n"甲" = "note"\n',
    "inline": '[headers]\nvisits = { "甲" = "note" } # a\n',
    "empty inline": "headers = {}\n",
}


@pytest.mark.parametrize("kind", BY_HAND)
def test_what_was_written_by_hand_stays_byte_for_byte(home: Path, kind: str) -> None:
    before = BY_HAND[kind].encode()
    (home / "mapping.toml").write_bytes(before)
    ended = answered(unknown(), ANSWERS)
    assert ended.code == 0, ended.err
    after = (home / "mapping.toml").read_bytes()
    rest = iter(after.split(b"\n"))
    if "inline" not in kind:  # an addition stands within its line
        assert all(line in rest for line in before.removesuffix(b"\n").split(b"\n"))
    assert asked(unknown()) == []


def test_the_same_answers_again_change_nothing(home: Path) -> None:
    answered(unknown(), ANSWERS)
    before = (home / "mapping.toml").read_bytes()
    answered(unknown(), ANSWERS, "--as-of", "2026-12-01")
    assert (home / "mapping.toml").read_bytes() == before


@pytest.mark.parametrize("words", ["ingest v.csv", "validate v.csv", "map v.csv", "report", "forms", "kpis", "books"])
@pytest.mark.parametrize("content", [b"[headers.visits", b'"\xb1\xed" = 1', b'[headers.visits]\n"x" = "levle"\n'])
def test_a_broken_file_stops_every_command_with_its_name(home: Path, words: str, content: bytes) -> None:
    (home / "mapping.toml").write_bytes(content)
    table("v.csv", GOOD)
    ended = call(*words.split(), "-C", home)
    assert ended.code == 2
    assert "mapping.toml" in ended.err
    assert "headers.visits.x" in ended.err or b"levle" not in content
    assert not (home / "store").exists()
    assert call("forms", "check", "-C", home).code == 1


ODD = [
    '引"号',
    "点.点",
    "方[括]号",
    "换\n行",
    "😀表情",
    "长" * 300,
    "ＡＢＣ",
    "反\\斜",
    "#井",
    'a = "b"',
    "true",
    "1",
    "'单'",
]


def test_odd_headers_can_be_remembered_and_are_not_asked_again(home: Path) -> None:
    workbook = openpyxl.Workbook()
    workbook.active.append([*HEADER.split(","), *ODD])
    workbook.active.append([*GOOD.split(","), *[f"x{number}" for number in range(len(ODD))]])
    workbook.save("v.xlsx")
    assert [entry["word"] for entry in asked("v.xlsx")] == ODD
    targets = dict.fromkeys(ODD, "ignore") | {'引"号': "note", "换\n行": "event"}
    assert answered("v.xlsx", {"headers": {"visits": targets}}).code == 0
    assert asked("v.xlsx") == []
    call("ingest", "v.xlsx", "-C", home)
    assert [(row["note"], row["event"]) for row in visits()] == [("x0", "x3")]


# Mapped after a first reading


PLAIN = "2026-10-03,首次,赵样一,19900001111,小王,君威,A,欧阳样"


@pytest.mark.parametrize("answers", [{"headers": ANSWERS["headers"]}, {"consultants": {"小王": "王磊"}}])
def test_a_file_read_before_it_was_mapped_counts_once_when_read_again(home: Path, answers: dict[str, Any]) -> None:
    file = unknown()
    call("ingest", file, "-C", home)
    answered(file, answers)
    call("ingest", file, "-C", home)
    assert len(visits()) == 2


def test_values_mapped_after_a_first_reading_replace_the_rows_with_a_natural_key(home: Path) -> None:
    lines = [f"K{number},{line}" for number, line in enumerate(UNKNOWN)]
    file = table("v.csv", *lines, header=f"登记编号,{WIDER}")
    call("ingest", file, "-C", home)
    answered(file, ANSWERS)
    call("ingest", file, "-C", home)
    assert [(row["level"], row["contact"], row["consultant"]) for row in visits()] == [
        ("A", "首次", "王磊"),
        ("H", "首次", "王磊"),
    ]


# At the prompt

_AT_A_TERMINAL = """
import fcntl, os, runpy, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.argv[0] = "kpicli"
runpy.run_module("kpicli", run_name="__main__")
"""


def talk(*replies: str, more: tuple[str, ...] = (), prompt: str = "跳过:") -> Ended:
    """Run `kpicli map` at a terminal and type each reply when it asks."""
    ours, theirs = pty.openpty()
    words = [sys.executable, "-c", _AT_A_TERMINAL, "map", "v.csv", "-C", "ws", *more]
    environment = {**os.environ, "TERM": "dumb", "COLUMNS": "100"}
    with subprocess.Popen(
        words, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, env=environment
    ) as process:
        os.close(theirs)
        said, waiting, end = b"", list(replies), time.monotonic() + 60
        with contextlib.suppress(OSError):  # how Linux says that the other side is gone
            while time.monotonic() < end:
                if select.select([ours], [], [], 0.2)[0]:
                    said += os.read(ours, 65536)
                if waiting and said.decode(errors="ignore").count(prompt) > len(replies) - len(waiting):
                    reply = waiting.pop(0)
                    time.sleep(0.5 if reply == "\x03" else 0)  # a signal between the prompt and its read would wait
                    os.write(ours, reply.encode())
        os.close(ours)
        if time.monotonic() >= end:
            process.kill()
    return Ended(process.returncode, said.decode(), "")


@pytest.mark.parametrize(
    ("replies", "remembered"),
    [
        pytest.param(
            ("1\n", "i\n", "1\n", "1\n"),
            ANSWERS,
        ),
        (("意向级别\n", "i\n", "首次\n", "王磊\n"), ANSWERS),
        (("level\n", "\n", "\n", "\n"), {"headers": {"visits": {"客户类别": "level"}}}),
        (("9\n", "x\n", "1\n", "\n", "没有\n", "2\n", "\n"), None),
        (("\n", "\n", "\n", "\n"), {}),
        (("1\n", "\x04"), {"headers": {"visits": {"客户类别": "level"}}}),
        (("\x04",), {}),
    ],
)
def test_answers_at_the_prompt(home: Path, replies: tuple[str, ...], remembered: dict[str, Any] | None) -> None:
    unknown()
    ended = talk(*replies)
    assert ended.code == 0, ended.out
    wrong = {"headers": {"visits": {"客户类别": "level"}}, "values": {"visits": {"contact": {"初次哦": "再次"}}}}
    assert kept() == (wrong if remembered is None else remembered)
    assert ended.out.count("没有这个选项") == (3 if remembered is None else 0)


def test_an_interruption_ends_with_130_and_remembers_nothing(home: Path) -> None:
    unknown()
    ended = talk("1\n", "\x03")
    assert ended.code == 130, ended.out
    assert kept() == {}


@pytest.mark.parametrize("reply", ["i", "9"])
def test_a_slip_at_a_consultants_name_is_no_name(home: Path, reply: str) -> None:
    table("v.csv", PLAIN.rpartition(",")[0].rpartition(",")[0], GOOD.replace("张伟", "王磊"))
    talk(f"{reply}\n", "\n")
    assert kept() == {}


def test_the_prompt_speaks_english(home: Path) -> None:
    unknown()
    ended = talk("7\n", "1\n", "\n", "\n", "\n", more=("--lang", "en"), prompt="skip:")
    assert "not one of the answers" in ended.out
    assert "100% of the values fit" in ended.out
    assert kept()["headers"]["visits"] == {"客户类别": "level"}


# A sheet of which nothing is known


def test_a_sheet_without_a_known_header_is_named_and_asked_about_once_the_form_is(home: Path) -> None:
    file = table("q.csv", "2026-10-03,首次,19900000001", "2026-10-04,再次,19900000002", header="甲,乙,丙")
    bare = call("map", file, "-C", home, "--json").document
    assert (bare["questions"], [issue["code"] for issue in bare["issues"]]) == ([], ["no_form"])
    asked = call("map", file, "-C", home, "--as", "visits", "--json").document["questions"]
    assert [(q["word"], q["suggestions"][0]["target"]) for q in asked] == [
        ("甲", "date"),
        ("乙", "contact"),
        ("丙", "phone"),
    ]
    Path("answers.toml").write_text('[headers.visits]\n"甲" = "date"\n"乙" = "contact"\n', encoding="utf-8")
    assert call("map", file, "-C", home, "--as", "visits", "--answers", "answers.toml").code == 0
    assert call("ingest", file, "-C", home, "--json").document["stored"] == 2
