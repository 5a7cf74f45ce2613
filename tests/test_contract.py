"""The JSON documents are a contract: every key and every kind of value, as the specification has them."""

import hashlib
import json
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kpicli.pipeline.ingest import Ingested
from kpicli.workspace import Workspace
from tests.conftest import SAMPLES
from tests.test_cli import (
    BAD_INPUTS,
    GOOD,
    HEADER,
    IMPOSSIBLE,
    Ended,
    call,
    holding,
    shared_readers,  # noqa: F401 - a fixture: it works by being here
    table,
    workspace,
)
from tests.workbooks import book

Sample = tuple[Workspace, Ingested]
EXPECTED = json.loads((Path(__file__).parent / "sample" / "expected.json").read_text(encoding="utf-8"))


# A small language for shapes: a dict has exactly these keys, a list any number of such elements, Each any keys,
# a set one of these values, a tuple one of these shapes.


@dataclass(frozen=True)
class Each:
    """An object with names of its own, each of which has this shape."""

    shape: Any


TEXT, WHOLE, NOTHING = str, int, None
NUMBER = (int, float)

NOT_DATA = dict.fromkeys(("blank", "title", "header", "total", "note"), WHOLE)
ISSUE = {
    "code": TEXT,
    "severity": {"error", "warning", "info"},
    "sheet": (TEXT, NOTHING),
    "row": (WHOLE, NOTHING),
    "column": (TEXT, NOTHING),
    "message": TEXT,
    "hint": TEXT,
    "count": WHOLE,
}
SHEET = {
    "sheet": TEXT,
    "form": (TEXT, NOTHING),
    "header_row": (WHOLE, NOTHING),
    "rows": WHOLE,
    "stored": WHOLE,
    "unchanged": WHOLE,
    "set_aside": WHOLE,
    "not_data": NOT_DATA,
}
CHANGE = {
    "form": TEXT,
    "new": WHOLE,
    "changed": WHOLE,
    "columns": Each(WHOLE),
    "removed": WHOLE,
    "older": WHOLE,
    "late": Each(WHOLE),
}
FILE = {
    "file": TEXT,
    "sha256": TEXT,
    "status": {"stored", "unchanged", "partly", "refused", "skipped"},
    "batch": (TEXT, NOTHING),
    "sheets": [SHEET],
    "changes": [CHANGE],
    "issues": [ISSUE],
}
INGEST = {
    "command": {"ingest"},
    "stored": WHOLE,
    "unchanged": WHOLE,
    "set_aside": WHOLE,
    "not_data": WHOLE,
    "files": [FILE],
}
KPI_VALUE = {
    "value": (*NUMBER, NOTHING),
    "numerator": (*NUMBER, NOTHING),
    "denominator": (*NUMBER, NOTHING),
    "reason": ({"no_rows", "zero_denominator", "source_missing", "history_missing"}, NOTHING),
    "target": (*NUMBER, NOTHING),
    "attainment": (*NUMBER, NOTHING),
    "status": ({"good", "near", "bad"}, NOTHING),
    "previous": (*NUMBER, NOTHING),
}
GROUP = {"measures": Each((*NUMBER, NOTHING)), "kpis": Each(KPI_VALUE)}
REPORT = {
    "command": {"report"},
    "dealer": (TEXT, NOTHING),
    "month": TEXT,
    "book": TEXT,
    "total": GROUP,
    "by": Each(Each(GROUP)),
}
GROWING = {"measures": Each((*NUMBER, NOTHING)), "kpis": Each((KPI_VALUE, KPI_VALUE | {"projected": NUMBER}))}
RUNNING = REPORT | {"days": WHOLE, "pace": NUMBER, "total": GROWING}
RATE = (*NUMBER, NOTHING)
STAGE = {
    "stage": TEXT,
    "label": TEXT,
    "count": (WHOLE, NOTHING),
    "from_previous": RATE,
    "from_top": RATE,
    "drop_off": (int, NOTHING),
    "interval": ([NUMBER], NOTHING),
    "previous": (WHOLE, NOTHING),
    "previous_rate": RATE,
    "team": RATE,
    "target": RATE,
    "median_days": RATE,
    "reason": KPI_VALUE["reason"],
}
LEAK = ({"stage": TEXT, "standard": {"team", "previous"}, "rate": NUMBER, "gain": NUMBER}, NOTHING)
BRANCH = {"stages": [STAGE], "rank": (WHOLE, NOTHING), "enough": bool, "leak": LEAK}
FOUND = {
    "code": TEXT,
    "severity": {"error", "warning", "info"},
    "message": TEXT,
    "hint": TEXT,
    "count": WHOLE,
    "kpis": Each({"value": RATE, "if_right": RATE}),
    "rows": [dict],
}
FUNNEL = {
    "command": {"funnel"},
    "dealer": (TEXT, NOTHING),
    "month": TEXT,
    "book": TEXT,
    "funnel": TEXT,
    "view": {"period", "cohort"},
    "stages": [STAGE],
    "leak": LEAK,
    "by": Each(Each(BRANCH)),
    "findings": [FOUND],
}
LOST = {"count": WHOLE, "with_reason": WHOLE, "clear_rate": RATE, "median_days": RATE}
DUE = {
    "command": {"followups"},
    "dealer": (TEXT, NOTHING),
    "day": TEXT,
    "book": TEXT,
    "open": WHOLE,
    "without_cadence": WHOLE,
    "due": WHOLE,
    "by": {"consultant": Each(Each(WHOLE))},
    "rows": [dict],
}
ROW = {"measure": TEXT, "file": TEXT, "sheet": TEXT, "row": WHOLE}
WHO = {"customer": (str, NOTHING), "consultant": (TEXT, NOTHING)}
PART = {
    "value": (*NUMBER, NOTHING),
    "rows": [ROW | WHO | {"value": NUMBER}],
    "left_out": [ROW | WHO | {"why": TEXT}],
}
EXPLAINED = KPI_VALUE | {
    "command": {"explain"},
    "kpi": TEXT,
    "book": TEXT,
    "month": TEXT,
    "dealer": (TEXT, NOTHING),
    "group": (Each(TEXT), NOTHING),
    "formula": TEXT,
    "measures": Each((*NUMBER, NOTHING)),
    "numerator": PART,
    "denominator": (PART, NOTHING),
}
POINT = {
    "month": TEXT,
    "value": (*NUMBER, NOTHING),
    "numerator": (*NUMBER, NOTHING),
    "denominator": (*NUMBER, NOTHING),
    "reason": ({"no_rows", "zero_denominator", "source_missing", "history_missing"}, NOTHING),
    "target": (*NUMBER, NOTHING),
    "year_before": (*NUMBER, NOTHING),
    "running": bool,
    "signals": [{"outside", "run", "drift"}],
}
TREND = {
    "command": {"trend"},
    "dealer": (TEXT, NOTHING),
    "book": TEXT,
    "group": (Each(TEXT), NOTHING),
    "months": [TEXT],
    "days": (WHOLE, NOTHING),
    "series": [
        {
            "key": TEXT,
            "label": TEXT,
            "unit": str,
            "direction": {"up", "down", "none"},
            "centre": (*NUMBER, NOTHING),
            "low": (*NUMBER, NOTHING),
            "high": (*NUMBER, NOTHING),
            "points": [POINT],
        }
    ],
}
BOTH = {"closed": (*NUMBER, NOTHING), "now": (*NUMBER, NOTHING)}
COMPARISON = {
    "command": {"report"},
    "dealer": (TEXT, NOTHING),
    "month": TEXT,
    "book": TEXT,
    "closed": TEXT,
    "kpis": Each(BOTH),
    "measures": Each(BOTH),
    "rows": [{"form": TEXT, "new": WHOLE, "changed": WHOLE, "removed": WHOLE}],
}
CLOSED = {
    "command": {"close", "reopen"},
    "month": TEXT,
    "dealer": (TEXT, NOTHING),
    "changed": bool,
    "closed": (TEXT, NOTHING),
}
BATCH = {
    "batch": TEXT,
    "dealer": TEXT,
    "file": TEXT,
    "sha256": TEXT,
    "time": TEXT,
    "saved": (TEXT, NOTHING),
    "stored": WHOLE,
    "unchanged": WHOLE,
    "set_aside": WHOLE,
    "not_data": WHOLE,
    "undone": bool,
}
STATUS = {
    "command": {"status"},
    "store": TEXT,
    "months": [
        {
            "form": TEXT,
            "month": TEXT,
            "rows": WHOLE,
            "days": WHOLE,
            "missing": [TEXT],
            "set_aside": WHOLE,
            "last_read": (TEXT, NOTHING),
            "last_saved": (TEXT, NOTHING),
        }
    ],
    "closed": [{"month": TEXT, "dealer": (TEXT, NOTHING), "time": TEXT}],
    "batches": [BATCH],
}
TURNED = {"command": {"undo", "redo"}, "changed": bool, "batch": BATCH, "closed": [str]}
HEALTH = {
    "command": {"check"},
    "sound": bool,
    "files": WHOLE,
    "rows": WHOLE,
    "batches": WHOLE,
    "issues": [ISSUE],
}
COMPACTED = {"command": {"compact"}, "before": WHOLE, "after": WHOLE, "freed": WHOLE}
ERROR = {"error": {"code": TEXT, "message": TEXT, "hint": TEXT}}


def misfits(value: Any, shape: Any, place: str = "$") -> Iterator[str]:
    """Every place at which a document departs from a shape."""
    if isinstance(shape, tuple):
        if all(any(misfits(value, one, place)) for one in shape):
            yield f"{place}: {value!r}"
    elif isinstance(shape, dict) and isinstance(value, dict):
        yield from (f"{place}.{key}: missing" for key in shape.keys() - value.keys())
        yield from (f"{place}.{key}: extra" for key in value.keys() - shape.keys())
        for key in shape.keys() & value.keys():
            yield from misfits(value[key], shape[key], f"{place}.{key}")
    elif isinstance(shape, list) and isinstance(value, list):
        for number, element in enumerate(value):
            yield from misfits(element, shape[0], f"{place}[{number}]")
    elif isinstance(shape, Each) and isinstance(value, dict):
        for key, element in value.items():
            yield from misfits(element, shape.shape, f"{place}.{key}")
    elif isinstance(shape, set):
        if not isinstance(value, str) or value not in shape:
            yield f"{place}: {value!r}"
    elif shape is not (None if value is None else type(value)):  # exactly: true is no number
        yield f"{place}: {value!r}"


def fits(document: Any, shape: Any) -> bool:
    wrong = list(misfits(document, shape))
    assert wrong == []
    return True


@pytest.mark.parametrize(
    ("value", "shape", "wrong"),
    [
        ({"a": 1}, {"a": int}, []),
        ({}, {"a": int}, ["$.a: missing"]),
        ({"a": 1, "b": 2}, {"a": int}, ["$.b: extra"]),
        ({"a": True}, {"a": int}, ["$.a: True"]),
        ({"a": 1.0}, {"a": int}, ["$.a: 1.0"]),
        ({"a": "1"}, {"a": NUMBER}, ["$.a: '1'"]),
        ({"a": None}, {"a": (int, None)}, []),
        ({"a": None}, {"a": int}, ["$.a: None"]),
        ([1, "x"], [int], ["$[1]: 'x'"]),
        ({}, [int], ["$: {}"]),
        ([], {"a": int}, ["$: []"]),
        ({"x": {"a": 1}}, Each({"a": str}), ["$.x.a: 1"]),
        ("x", {"y"}, ["$: 'x'"]),
    ],
)
def test_the_shapes_tell_right_from_wrong(value: Any, shape: Any, wrong: list[str]) -> None:
    assert list(misfits(value, shape)) == wrong


# What became of the files


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A store with all sample files, named in no order in one call, and the document of that call."""
    store = tmp_path_factory.mktemp("contract") / "store"
    files = random.Random(5).sample(sorted(SAMPLES.iterdir()), 16)
    return store, call("ingest", *files, "--store", store, "--json").document


@pytest.fixture(scope="module")
def read_in(mixed: tuple[Path, Any]) -> Any:
    return mixed[1]


def adds_up(document: Any) -> None:
    """Rows account for themselves in every sheet, sheets in the totals, and what is stored is new or changed."""
    sheets = [sheet for file in document["files"] for sheet in file["sheets"]]
    for sheet in sheets:
        kinds = sum(sheet["not_data"].values())
        assert sheet["rows"] == sheet["stored"] + sheet["unchanged"] + sheet["set_aside"] + kinds, sheet
    for file in document["files"]:
        changes = sum(change["new"] + change["changed"] for change in file["changes"])
        assert changes == sum(sheet["stored"] for sheet in file["sheets"]), file["file"]
    for key in ("stored", "unchanged", "set_aside"):
        assert document[key] == sum(sheet[key] for sheet in sheets), key
    assert document["not_data"] == sum(sum(sheet["not_data"].values()) for sheet in sheets)


def test_the_account_of_the_sample_files_has_the_shape_and_adds_up(read_in: Any) -> None:
    assert fits(read_in, INGEST)
    adds_up(read_in)
    assert len(read_in["files"]) == len(list(SAMPLES.iterdir()))


def test_the_account_of_every_sample_file_is_the_one_it_was_written_with(read_in: Any) -> None:
    for file in read_in["files"]:
        written = EXPECTED["files"][Path(file["file"]).name]
        (sheet,) = file["sheets"]
        assert sheet["form"] == written["form"]
        assert (sheet["rows"], sheet["set_aside"]) == (written["rows"], written["set_aside"]), file["file"]
        assert sheet["stored"] + sheet["unchanged"] == written["data"]
        assert sheet["not_data"] == written["not_data"]
        places = {issue["row"] for issue in file["issues"] if issue["severity"] == "error"}
        assert places <= {int(row) for row in written["set_aside_rows"]}


def test_a_file_is_known_by_the_hash_of_its_bytes_and_has_a_batch_of_its_own(read_in: Any) -> None:
    for file in read_in["files"]:
        content = (SAMPLES / Path(file["file"]).name).read_bytes()
        assert file["sha256"] == hashlib.sha256(content).hexdigest()
    batches = [file["batch"] for file in read_in["files"]]
    assert None not in batches
    assert len(set(batches)) == len(batches)


def test_the_sample_files_named_in_any_order_give_the_same_report(mixed: tuple[Path, Any], sample: Sample) -> None:
    words = ("report", "--month", "2026-10", "--json", "--store")
    assert call(*words, mixed[0]).out == call(*words, sample[0].store).out


def test_files_refused_skipped_unchanged_and_partly_read_have_the_same_shape() -> None:
    call("ingest", table("known.csv", GOOD), "--store", "store")
    table("partly.csv", GOOD.replace("1111", "1112"), IMPOSSIBLE)
    table("new.csv", GOOD.replace("1111", "1113"))
    holding("~$lock.xlsx", b"lock")
    bad = [make() for make, *_ in BAD_INPUTS.values()]
    ended = call("ingest", "known.csv", "partly.csv", "new.csv", "~$lock.xlsx", *bad, "--store", "store", "--json")
    assert ended.code == 3
    assert fits(ended.document, INGEST)
    adds_up(ended.document)
    status = {Path(file["file"]).name: file["status"] for file in ended.document["files"]}
    assert status == {
        "known.csv": "unchanged",
        "partly.csv": "partly",
        "new.csv": "stored",
        "~$lock.xlsx": "skipped",
        **{path.name: "refused" for path in bad},
    }
    for file in ended.document["files"]:
        assert file["batch"] or file["status"] not in ("stored", "partly"), file["file"]
        assert file["sheets"] or file["batch"] is None, file["file"]
        assert all(issue["count"] >= 1 and issue["message"] for issue in file["issues"])


def test_the_column_of_a_problem_is_the_header_as_the_sheet_has_it() -> None:
    file = table("odd.csv", f"{IMPOSSIBLE},Z", header=f"{HEADER.replace('日期', '来店日期')},客户等级")
    issues = call("validate", file, "--store", "store", "--json").document["files"][0]["issues"]
    found = {issue["code"]: (issue["row"], issue["column"]) for issue in issues}
    assert found["bad_date"] == (2, "来店日期")
    assert found["unknown_value"] == (2, "客户等级")


def test_so_is_the_column_of_a_number_that_stands_twice() -> None:
    file = table("twice.csv", f"{GOOD},K7", f"{GOOD.replace('君威', '君越')},K7", header=f"{HEADER},流量编号")
    issues = call("validate", file, "--store", "store", "--json").document["files"][0]["issues"]
    twice = next(issue for issue in issues if issue["code"] == "duplicate_key")
    assert (twice["sheet"], twice["row"], twice["column"]) == ("twice", 2, "流量编号")
    assert "twice.csv" in call("validate", file, "--store", "store").err
    assert "G2 [流量编号]" in call("validate", file, "--store", "store").err


def test_values_in_messages_are_masked() -> None:
    odd = "2026-10-03,首次,孙样三,1990000111222,张伟,君威"
    text = call("validate", table("odd.csv", GOOD, odd), "--store", "store", "--json").out
    assert "odd_phone" in text
    assert "1990000111222" not in text
    assert "孙样三" not in text


def test_a_key_that_is_a_phone_is_masked_in_messages() -> None:
    form = """
label = "愿望单"
label_en = "Wishes"
date = "day"
keys = [["phone"]]
columns.day = { label = "许愿日期", label_en = "Day", type = "date", required = true }
columns.phone = { label = "许愿电话", label_en = "Phone", type = "phone", required = true }
columns.wish = { label = "愿望", label_en = "Wish", type = "text" }
"""
    lines = ("2026-10-03,19900001111,长", "2026-10-03,19900001111,短")
    file = table("wishes.csv", *lines, header="许愿日期,许愿电话,愿望")
    text = call("validate", file, "-C", workspace("", forms_wishes=form), "--json").out
    assert "duplicate_key" in text
    assert "19900001111" not in text


def test_a_trial_gives_the_document_of_the_reading_without_batches() -> None:
    file = table("visits.csv", GOOD, IMPOSSIBLE)
    trial = call("ingest", file, "--store", "store", "--dry-run", "--json").document
    validated = call("validate", file, "--store", "store", "--json").document
    real = call("ingest", file, "--store", "store", "--json").document
    assert trial == validated
    real["files"][0]["batch"] = None
    assert {**trial, "command": "ingest"} == real


# The report


BY = ("consultant", "model", "source", "week", "day", "channel", "dealer")
MEASURES = {
    *("first_visits", "call_first_arrivals", "first_calls", "visit_prospects", "call_prospects", "return_customers"),
    *("return_undriven", "test_drives", "test_drive_customers", "new_prospects", "open_prospects_prev", "orders"),
    *("lost", "showroom_sales", "distribution_sales", "sales", "sales_amount"),
    *("followup_customers_due", "followup_customers_done"),
}
RATES = (
    *("info_retention_rate", "call_arrival_rate", "return_rate", "test_drive_rate"),
    *("followup_timely_rate", "close_rate"),
)


@pytest.fixture(scope="module")
def reported(sample: Sample) -> Any:
    """The report of the last sample month by everything there is."""
    by = [word for dimension in BY for word in ("--by", dimension)]
    return call("report", "--store", sample[0].store, "--month", "2026-10", "--json", *by).document


def groups(document: Any) -> Iterator[tuple[str, Any]]:
    yield "total", document["total"]
    for dimension, entries in document["by"].items():
        for name, group in entries.items():
            yield f"{dimension} {name}", group


def test_the_report_has_the_shape(reported: Any) -> None:
    assert fits(reported, REPORT)
    assert (reported["dealer"], reported["month"], reported["book"]) == ("上海示例别克", "2026-10", "buick")
    assert tuple(reported["by"]) == BY
    assert all(reported["by"].values())


def test_the_report_of_the_first_month_has_the_shape_too(sample: Sample) -> None:
    document = call("report", "--store", sample[0].store, "--month", "2026-08", "--json").document
    assert fits(document, REPORT)
    assert tuple(document["by"]) == BY[:4]


def test_every_group_has_every_measure_and_every_kpi_of_the_book(reported: Any) -> None:
    book = call("books", "show", "buick", "--json").document["books"][0]
    measures, kpis = ({entry["key"] for entry in book[key]} for key in ("measures", "kpis"))
    assert measures >= MEASURES
    assert kpis >= {*RATES, "traffic"}
    for name, group in groups(reported):
        assert (set(group["measures"]), set(group["kpis"])) == (measures, kpis), name


def test_rates_are_fractions_of_their_own_numerator_and_denominator_and_not_rounded(reported: Any) -> None:
    ratios = [
        (name, key, value)
        for name, group in groups(reported)
        for key, value in group["kpis"].items()
        if value["denominator"] is not None and value["value"] is not None
    ]
    assert {key for name, key, _ in ratios if name == "total"} >= set(RATES)
    for name, key, value in ratios:
        assert value["value"] == value["numerator"] / value["denominator"], (name, key)
    rate = reported["total"]["kpis"]["close_rate"]["value"]
    assert 0 < rate < 1
    assert rate != round(rate, 6)


def test_a_value_is_missing_if_and_only_if_there_is_a_reason(reported: Any) -> None:
    seen = set()
    for name, group in groups(reported):
        for key, value in group["kpis"].items():
            assert (value["value"] is None) == (value["reason"] is not None), (name, key)
            seen.add(value["reason"])
    assert seen >= {None, "source_missing", "zero_denominator"}


def test_attainment_and_status_stand_where_a_target_does(reported: Any) -> None:
    kpis = reported["total"]["kpis"]
    assert {key for key, value in kpis.items() if value["target"] is not None} == {
        *("first_visits", "orders", "vp_sales", "info_retention_rate", "test_drive_rate", "close_rate")
    }
    for value in kpis.values():
        known = value["target"] is not None and value["value"] is not None
        assert (value["status"] is not None) == known
        assert value["attainment"] == (pytest.approx(value["value"] / value["target"]) if known else None)
    assert {value["status"] for value in kpis.values()} == {"good", "near", "bad", None}


def test_the_month_before_is_the_value_of_that_month(reported: Any, sample: Sample) -> None:
    before = call("report", "--store", sample[0].store, "--month", "2026-09", "--by", "consultant", "--json").document
    for now, then in ((reported["total"], before["total"]), *pairs(reported, before, "consultant")):
        assert {key: value["previous"] for key, value in now["kpis"].items()} == {
            key: value["value"] for key, value in then["kpis"].items()
        }


def pairs(now: Any, then: Any, dimension: str) -> Iterator[tuple[Any, Any]]:
    for name in now["by"][dimension].keys() & then["by"][dimension].keys():
        yield now["by"][dimension][name], then["by"][dimension][name]


def test_what_adds_up_adds_up_over_every_breakdown(reported: Any) -> None:
    total = reported["total"]["measures"]
    for dimension in ("consultant", "model", "week", "day", "dealer"):
        for key in ("first_visits", "showroom_visits", "sales", "sales_amount", "test_drives", "orders"):
            parts = [group["measures"][key] for group in reported["by"][dimension].values()]
            assert math.fsum(parts) == pytest.approx(total[key], abs=0.001), (dimension, key)


# The store


STEPS: Sequence[tuple[str, Any]] = (
    ("close 2026-10", CLOSED),
    ("close 2026-10", CLOSED),
    ("close 2026-09 --dealer default", CLOSED),
    ("ingest late.csv truth.csv --replace", INGEST),
    ("report --month 2026-10 --by week", REPORT | {"closed": TEXT}),
    ("report --month 2026-10 --compare-close", COMPARISON),
    ("report --month 2026-10 --by week --as-known-on 2026-11-01", REPORT | {"as_known_on": TEXT}),
    ("report --month 2026-11 --by week", RUNNING),
    ("undo last", TURNED),
    ("redo last", TURNED),
    ("status", STATUS),
    ("status --dealer default", STATUS),
    ("reopen 2026-10", CLOSED),
    ("reopen 2026-10", CLOSED),
    ("status", STATUS),
    ("store check", HEALTH),
    ("store compact", COMPACTED),
)


def test_what_is_done_with_the_store_and_what_it_says_of_itself_has_the_shape() -> None:
    saved = book("saved.xlsx", HEADER.split(","), GOOD.replace("2026-10", "2026-08").split(","))
    call("ingest", saved, table("first.csv", GOOD, GOOD.replace("2026-10", "2026-09")), "--store", "store")
    table("late.csv", GOOD.replace("1111", "1112"), GOOD.replace("2026-10", "2026-11"))
    table("truth.csv", GOOD.replace("君威", "君越"), GOOD.replace("1111", "1113"))
    documents = []
    for words, shape in STEPS:
        ended = call(*words.split(), "--store", "store", "--json")
        assert ended.code == 0, (words, ended.err[-300:])
        documents.append(one_document(ended))
        assert fits(documents[-1], shape), words
    assert [document["changed"] for document in documents if "changed" in document] == [
        *(True, False, True),
        *(True, True),
        *(True, False),
    ]
    before, _, after = (document for document in documents if document["command"] == "status")
    assert [(entry["month"], entry["dealer"]) for entry in before["closed"]] == [
        ("2026-09", "default"),
        ("2026-10", None),
    ]
    assert [(entry["month"], entry["dealer"]) for entry in after["closed"]] == [("2026-09", "default")]
    assert {entry["month"]: entry["last_saved"] is None for entry in after["months"]} == {
        "2026-08": False,
        "2026-09": True,
        "2026-10": True,
        "2026-11": True,
    }


def test_an_unsound_store_has_the_same_shape() -> None:
    call("ingest", table("good.csv", GOOD), "--store", "store")
    next(Path("store").glob("visits/*/*.parquet")).unlink()
    ended = call("store", "check", "--store", "store", "--json")
    assert ended.code == 1
    assert fits(one_document(ended), HEALTH)
    assert [issue["code"] for issue in ended.document["issues"]] == ["file_gone"]
    assert ended.document["sound"] is False


# One document and nothing else


ANSWERS: dict[str, Mapping[str, Any]] = {
    "ingest good.csv --store store": INGEST,
    "ingest good.csv --store store -v": INGEST,
    "ingest bad.csv gone.xlsx --store store": INGEST,
    "validate bad.csv --store store": INGEST | {"command": TEXT},
    "report --store SAMPLE --by week": REPORT,
    "report --store SAMPLE --by channel --lang en": REPORT,
    "status --store SAMPLE": STATUS,
    "status --store store": STATUS,
    "store check --store SAMPLE": HEALTH,
    "store check --store SAMPLE --lang en": HEALTH,
    "report --store SAMPLE --by week --as-known-on 2026-11-01": REPORT | {"as_known_on": TEXT},
    "forms": {"command": {"forms"}, "forms": [Each((str, list))]},
    "forms show visits": {"command": {"forms"}, "forms": [Each((str, list))]},
    "forms check": {"command": {"forms check"}, "mistakes": [Each(str)]},
    "books": {"command": {"books"}, "books": [dict]},
    "books show buick": {"command": {"books"}, "books": [dict]},
    "books check": {"command": {"books check"}, "mistakes": [Each(str)]},
    "explain close_rate --month 2026-10 --store SAMPLE": EXPLAINED,
    "explain sales --month 2026-10 --consultant 张伟 --store SAMPLE": EXPLAINED,
    "trend close_rate orders --month 2026-10 --store SAMPLE": TREND,
    "trend --month this --as-of 2026-10-15 --store SAMPLE --model 君威 --lang en": TREND,
    "trend --as-known-on 2026-11-01 --store SAMPLE --month 2026-10": TREND | {"as_known_on": TEXT},
    "funnel --month 2026-10 --store SAMPLE": FUNNEL,
    "funnel --consultant --store SAMPLE --lang en": FUNNEL,
    "funnel --lost --by channel --store SAMPLE": FUNNEL
    | {"lost": LOST | {"days": Each(WHOLE), "by": Each(Each(LOST))}},
    "funnel --cohort --store SAMPLE": FUNNEL | {"cohort": dict},
    "funnel --check --allow-findings --store SAMPLE": FUNNEL,
    "followups --as-of 2026-11-01 --store SAMPLE": DUE,
    "kpis": {"command": {"kpis"}, "book": TEXT, "kpis": [dict]},
    "kpis close_rate": {"command": {"kpis"}, "book": TEXT, "kpis": [dict]},
    # stopped
    "report --store store": ERROR,
    "report": ERROR,
    "report --store SAMPLE --month 2026-1": ERROR,
    "report --store SAMPLE --month 2026-01": ERROR,
    "report --store SAMPLE --by colour": ERROR,
    "report --store SAMPLE --compare-close": ERROR,
    "report --store SAMPLE --as-known-on 2026-10-31": ERROR,
    "report --store SAMPLE --as-known-on yesterday": ERROR,
    "close 2026-10 --store store": ERROR,
    "close 2020-01 --store SAMPLE": ERROR,
    "reopen 2026-1 --store SAMPLE": ERROR,
    "undo last --store store": ERROR,
    "store check --store store": ERROR,
    "store compact --store store": ERROR,
    "ingest good.csv --store good.csv": ERROR,
    "ingest good.csv --store store --as visitz": ERROR,
    "ingest good.csv -C broken": ERROR,
    "forms show visitz": ERROR,
    "books show bulck": ERROR,
    "kpis klose_rate": ERROR,
    "trend klose_rate --store SAMPLE": ERROR,
    "trend --store SAMPLE --consultant 没有": ERROR,
    "trend --store SAMPLE --months 0": ERROR,
    "kpis --lang fr": ERROR,
    # stopped before the command began
    "report --speed 9": ERROR,
    "report --as-of tomorrow": ERROR,
    "ingest": ERROR,
    "conquer": ERROR,
}


@pytest.mark.parametrize("words", ANSWERS)
def test_with_json_there_is_one_document_on_stdout_and_nothing_else(words: str, sample: Sample) -> None:
    table("good.csv", GOOD)
    table("bad.csv", IMPOSSIBLE)
    workspace("language = 3", "broken")
    ended = call(*(str(sample[0].store) if word == "SAMPLE" else word for word in words.split()), "--json")
    document = one_document(ended)
    assert fits(document, ANSWERS[words])
    assert ("error" in document) == (ANSWERS[words] is ERROR)
    assert (ended.code >= 2) == (ANSWERS[words] is ERROR or "gone" in words)
    if ANSWERS[words] is not ERROR:
        assert ended.err == ""


def one_document(ended: Ended) -> Any:
    """Parse strictly: no NaN, no key twice, text in UTF-8, one line end at the end."""

    def unique(entries: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(dict(entries)) == len(entries)
        return dict(entries)

    def refuse(word: str) -> None:
        raise AssertionError(word)

    assert ended.out.endswith("}\n"), ended.out[-80:]
    return json.loads(ended.out, parse_constant=refuse, object_pairs_hook=unique)


def test_a_warning_of_the_report_is_told_beside_the_document() -> None:
    targets = table("targets.csv", "2026-10,没有的指标,5", header="月份,指标,目标值")
    call("ingest", table("good.csv", GOOD), targets, "--store", "store")
    ended = call("report", "--store", "store", "--month", "2026-10", "--by", "week", "--json")
    assert fits(one_document(ended), REPORT)
    assert "没有的指标" in ended.err


def test_a_bug_of_ours_is_one_document_too(monkeypatch: pytest.MonkeyPatch, sample: Sample) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("kpicli.pipeline.report.reports", fail)
    ended = call("report", "--store", sample[0].store, "--json")
    assert ended.code == 70
    assert fits(one_document(ended), ERROR)


def test_the_code_of_an_error_is_stable_and_its_text_is_on_stderr_too(sample: Sample) -> None:
    codes = {}
    for words in ("--month 2026-1", "--month 2026-01", "--by colour", "--book bulck"):
        ended = call("report", "--store", sample[0].store, "--json", *words.split())
        error = ended.document["error"]
        assert error["message"] in ended.err
        assert error["hint"] in ended.err
        codes[words] = error["code"]
    assert codes == {
        "--month 2026-1": "bad_month_option",
        "--month 2026-01": "no_data_for_month",
        "--by colour": "unknown_grouping",
        "--book bulck": "unknown_book",
    }


@pytest.mark.parametrize("encoding", ["gbk", "ascii"])
def test_the_document_is_the_same_in_every_encoding(encoding: str, reported: Any, sample: Sample) -> None:
    words = ("report", "--store", sample[0].store, "--month", "2026-10", "--by", "channel", "--json")
    document = call(*words, encoding=encoding).document
    assert document["by"] == {"channel": reported["by"]["channel"]}


def test_a_minus_sign_survives_a_pipe_that_has_none(sample: Sample) -> None:
    words = ("funnel", "--store", sample[0].store, "--month", "2026-10", "--as-of", "2026-11-01")
    told = call(*words).out
    assert "−61" in told
    assert call(*words, encoding="gbk").out == told.replace("−", "-")


def test_control_characters_in_a_document_are_escaped() -> None:
    hostile = GOOD.replace("君威", "君\x1b[31m\x9b2J\x7f威")
    file = table("hostile.csv", hostile, header=HEADER)
    texts = [call("ingest", file, "--store", "store", "--json", "-v").out]
    texts.append(call("report", "--store", "store", "--month", "2026-10", "--by", "model", "--json").out)
    for text in texts:
        assert not [char for char in text if char != "\n" and (ord(char) < 32 or 127 <= ord(char) < 160)]


# Definitions


def test_forms_are_described_with_their_columns_headers_and_values() -> None:
    column = {
        "key": TEXT,
        "label": TEXT,
        "label_en": TEXT,
        "type": TEXT,
        "required": bool,
        "headers": [TEXT],
        "values": [TEXT],
    }
    shape = {"key": TEXT, "label": TEXT, "label_en": TEXT, "description": TEXT, "columns": [column]}
    document = call("forms", "--json").document
    assert fits(document, {"command": {"forms"}, "forms": [shape]})
    forms = {form["key"]: form for form in document["forms"]}
    assert set(forms) == {"visits", "intentions", "test_drives", "invoices", "followups", "targets", "service_month"}
    contact = next(column for column in forms["visits"]["columns"] if column["key"] == "contact")
    assert contact["values"] == ["首次", "再次", "来电首次到店", "其他"]
    assert contact["required"]
    assert "接触类型" in contact["headers"]
    assert call("forms", "show", "visits", "--json").document["forms"] == [forms["visits"]]


def test_books_are_described_with_their_measures_and_kpis() -> None:
    measure = {"key": TEXT, "label": TEXT, "label_en": TEXT, "form": TEXT, "unit": TEXT}
    maybe = ("formula", "definition", "numerator", "denominator", "note", "needs", "code", "cadence", "owner", "data")
    maybe = (*maybe, "over_one")
    kpi = {
        "key": TEXT,
        "label": TEXT,
        "label_en": TEXT,
        "unit": str,
        "direction": {"up", "down", "none"},
        "weight": NUMBER,
        "aims": Each({"low": (*NUMBER, NOTHING), "high": (*NUMBER, NOTHING)}),
        "benchmarks": [{"value": NUMBER, "source": TEXT, "date": str}],
        "examples": [Each((*NUMBER, TEXT, NOTHING))],
        **dict.fromkeys(maybe, (TEXT, NOTHING)),
    }
    level = {"key": TEXT, "horizon": TEXT, "purpose": TEXT, "every_days": int, "signs": str}
    bound = (*NUMBER, NOTHING)
    scoring = {"base": NUMBER, "reward": NUMBER, "penalty": NUMBER, "cap": bound, "floor": bound}
    shape = {
        "key": TEXT,
        "label": TEXT,
        "label_en": TEXT,
        "source": TEXT,
        "measures": [measure],
        "kpis": [kpi],
        "levels": [level],
        "scoring": (scoring, NOTHING),
        "funnels": [
            {
                "key": TEXT,
                "label": TEXT,
                "label_en": TEXT,
                "stages": [dict],
                "goal": TEXT,
                "minimum": WHOLE,
                "lost": str,
            }
        ],
    }
    document = call("books", "--json").document
    assert fits(document, {"command": {"books"}, "books": [shape]})
    buick = next(book for book in document["books"] if book["key"] == "buick")
    assert {entry["key"] for entry in buick["measures"]} >= MEASURES
    assert call("kpis", "--json").document["kpis"] == buick["kpis"]
    assert call("kpis", "close_rate", "--json").document["kpis"] == [
        entry for entry in buick["kpis"] if entry["key"] == "close_rate"
    ]
