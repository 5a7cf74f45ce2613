"""A closed month stays what it was: what comes later is stored, told and shown beside it.

And what was known at the end of any day can be shown again.
"""

import re
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import kpicli
from kpicli.errors import UsageError
from kpicli.pipeline.asked import ALL_BY
from kpicli.present import json
from kpicli.read import ReaderPool
from kpicli.workspace import Workspace

from .conftest import NOW, TODAY
from .test_cli import (
    Ended,
    call,
    everything_below,
    shared_readers,  # noqa: F401 - a fixture: it works by being here
    table,
    workspace,
)
from .workbooks import book

HEADER = "登记编号,日期,来店性质,接触方式,是否留档,销售顾问"
INVOICES = "发票号码,开票日期,销售顾问,车系,销售渠道,发票类型,开票金额"
INVOICE = "F1,2026-10-09,张伟,君威,展厅,正常,100000"
EVERY_BY = [word for name in ALL_BY for word in ("--by", name)]

CLOSED = (
    "S1,2026-09-30,首次,来店,是,张伟",
    "O1,2026-10-03,首次,来店,是,张伟",
    "O2,2026-10-04,首次,来店,否,李娜",
    "O3,2026-10-05,再次,来店,是,李娜",
    "O4,2026-10-06,首次,来电,是,李娜",
    "N1,2026-11-01,首次,来店,是,张伟",
)
"""What is known when October is closed: 4 in October, 2 of them first visits, 2 of 3 first contacts retained."""

LATE = {
    "a new row": ("O9,2026-10-31,首次,来店,是,张伟",),
    "a changed row": ("O1,2026-10-03,再次,来店,是,李娜",),
    "a row that moves out": ("O1,2026-11-02,首次,来店,是,张伟",),
    "a row that moves in": ("N1,2026-10-31,首次,来店,是,张伟",),
    "one of each": (
        *("O9,2026-10-31,首次,来店,是,张伟", "O1,2026-10-03,再次,来店,是,李娜"),
        *("O2,2026-11-02,首次,来店,否,李娜", "N1,2026-10-31,首次,来店,是,张伟"),
    ),
}
"""What comes later, and changes October."""


def stored_at(place: Path | str) -> Workspace:
    return kpicli.open_workspace(store=place)


def log(name: str, *rows: str, header: str = HEADER) -> Path:
    return table(name, *rows, header=header)


def ingest(*words: object, **more: Any) -> Any:
    """Read files into the store; give the document."""
    ended = call("ingest", *words, "--store", "store", "--json", **more)
    assert ended.code == 0, ended.err[-300:]
    return ended.document


def done(*words: object, **more: Any) -> Any:
    """A command of the store; give the document."""
    ended = call(*words, "--store", "store", "--json", **more)
    assert ended.code == 0, (words, ended.err[-300:])
    return ended.document


def reported(*words: object, month: str = "2026-10", by: Sequence[str] = EVERY_BY) -> Ended:
    return call("report", "--month", month, "--store", "store", *by, *words)


def traffic(*words: object, month: str = "2026-10") -> int | None:
    """How many came or called, as the report has it; None when it has nothing to report."""
    ended = reported("--json", *words, month=month, by=("--by", "week"))
    assert ended.code in (0, 5), ended.err[-300:]
    return ended.document["total"]["kpis"]["traffic"]["value"] if ended.code == 0 else None


def before(*words: object, month: str) -> int:
    """The same of the month before, as the report of a month shows it."""
    document = reported("--json", *words, month=month, by=("--by", "week")).document
    return document["total"]["kpis"]["traffic"]["previous"]


def without_closing(ended: Ended) -> str:
    """A report but for the line that says that it is of a closed month."""
    assert ended.code == 0, ended.err[-300:]
    return re.sub(r',\n "closed": "[^"]+"|已结账（.*\n', "", ended.out)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, readers: ReaderPool) -> Path:
    """A folder with two stores, one whose October is open and one where it is closed. Not to be written to."""
    folder = tmp_path_factory.mktemp("made")
    kpicli.ingest(stored_at(folder / "open"), [log(f"{folder}/first.csv", *CLOSED)], now=NOW, readers=readers)
    shutil.copytree(folder / "open", folder / "closed")
    assert kpicli.close(stored_at(folder / "closed"), "2026-10", today=TODAY, now=NOW).changed
    return folder


@pytest.fixture
def opened(made: Path) -> Path:
    """A store whose October is open."""
    return Path(shutil.copytree(made / "open", "store"))


@pytest.fixture
def october(made: Path) -> str:
    """A store whose October was closed; gives its report as it was before."""
    shutil.copytree(made / "closed", "store")
    report, _ = kpicli.report(stored_at(made / "open"), "2026-10", by=ALL_BY, today=TODAY)
    return json.text(json.report(report)) + "\n"


# A closed month


def test_the_report_of_a_closed_month_stays_the_same_whatever_comes_later(october: str) -> None:
    ingest(log("late.csv", *LATE["one of each"]))
    assert without_closing(reported("--json")) == october
    assert reported("--json").document["closed"] == NOW.isoformat()
    done("reopen", "2026-10")
    assert reported("--json").out != october


def test_so_it_does_on_the_terminal(opened: Path) -> None:
    before = reported().out
    done("close", "2026-10")
    ingest(log("late.csv", *LATE["one of each"]))
    assert without_closing(reported()) == before


def test_so_it_does_when_a_later_file_is_the_whole_truth(october: str) -> None:
    ingest(log("truth.csv", CLOSED[1], CLOSED[4]), "--replace")
    assert without_closing(reported("--json")) == october
    done("reopen", "2026-10")
    assert traffic() == 2


def test_so_it_does_when_a_workbook_is_undone_and_redone(october: str) -> None:
    ingest(log("late.csv", *LATE["one of each"]))
    for word, value in (("undo", 4), ("redo", 5), ("undo", 4)):
        done(word, "last")
        assert without_closing(reported("--json")) == october
        assert traffic("--as-known-on", "2026-11-01") == value


def test_so_it_does_when_all_its_workbooks_are_undone(october: str) -> None:
    done("undo", "last")
    assert without_closing(reported("--json")) == october
    assert done("reopen", "2026-10")["changed"]
    assert traffic() is None


def test_so_it_does_when_another_dealer_comes_into_the_store() -> None:
    ingest(log("first.csv", *CLOSED), "--dealer", "东")
    before = reported("--json").out
    done("close", "2026-10")
    ingest(log("other.csv", *LATE["a new row"]), "--dealer", "西")
    assert without_closing(reported("--json")) == before


def test_so_it_does_when_the_store_is_compacted(october: str) -> None:
    ingest(log("late.csv", *LATE["one of each"]), log("more.csv", *LATE["a row that moves out"]))
    compacted = done("store", "compact")
    assert compacted["after"] < compacted["before"]
    assert without_closing(reported("--json")) == october
    assert done("store", "check")["sound"]


def test_its_targets_stay_too(october: str) -> None:
    ingest(log("targets.csv", "2026-10,客流量,8", header="月份,指标,目标值"))
    assert without_closing(reported("--json")) == october
    done("reopen", "2026-10")
    assert reported("--json").document["total"]["kpis"]["traffic"]["attainment"] == 0.5


@pytest.mark.usefixtures("october")
def test_the_month_after_shows_the_value_at_closing_as_that_of_the_month_before() -> None:
    ingest(log("late.csv", *LATE["a new row"]))
    over = ("--as-of", "2026-12-01")  # a month that is not over is compared with as many days
    assert (traffic(), before(*over, month="2026-11")) == (4, 4)
    done("reopen", "2026-10")
    assert (traffic(), before(*over, month="2026-11")) == (5, 5)


@pytest.mark.usefixtures("october")
def test_a_closed_month_shows_the_month_before_as_it_was_then_or_as_that_was_closed() -> None:
    ingest(log("late.csv", "S2,2026-09-29,首次,来店,是,张伟"))
    assert before(month="2026-10") == 1
    done("close", "2026-09")
    ingest(log("later.csv", "S3,2026-09-28,首次,来店,是,张伟"))
    assert (before(month="2026-10"), traffic(month="2026-09")) == (2, 2)
    done("reopen", "2026-09")
    assert (before(month="2026-10"), traffic(month="2026-09")) == (1, 3)


@pytest.mark.usefixtures("october")
def test_a_month_reopened_and_closed_again_shows_what_is_known_by_then() -> None:
    ingest(log("late.csv", *LATE["a new row"]))
    again = done("close", "2026-10", now=NOW + timedelta(hours=1))
    assert (again["changed"], again["closed"], traffic()) == (False, NOW.isoformat(), 4)
    assert done("reopen", "2026-10") | {"command": "close"} == again | {"changed": True, "closed": None}
    assert done("reopen", "2026-10")["changed"] is False
    assert "closed" not in reported("--json").document
    later = NOW + timedelta(hours=2)
    assert done("close", "2026-10", now=later)["closed"] == later.isoformat()
    ingest(log("latest.csv", *LATE["a row that moves out"]))
    assert (traffic(), reported("--json").document["closed"]) == (5, later.isoformat())


# Dealers


def test_a_month_is_closed_for_one_dealer_or_for_all(readers: ReaderPool) -> None:
    place = stored_at("store")

    def read(dealer: str, *rows: str) -> None:
        file = log(f"{dealer} {rows[0][:2]}.csv", *rows)
        kpicli.ingest(place, [file], dealer=dealer, now=NOW, readers=readers)

    def close(dealer: str | None = None, *, reopen: bool = False) -> bool:
        return kpicli.close(place, "2026-10", dealer=dealer, reopen=reopen, today=TODAY, now=NOW).changed

    def rows() -> list[int]:
        reports = [kpicli.report(place, "2026-10", dealer=dealer, today=TODAY)[0] for dealer in ("东", "西", None)]
        return [int(report.total.kpis["traffic"].value or 0) for report in reports]

    read("东", *CLOSED[1:3])
    read("西", CLOSED[3])
    assert close("东")
    read("东", CLOSED[4])
    assert rows() == [2, 1, 4]
    assert close()
    read("东", *LATE["a new row"])
    read("西", *LATE["a new row"])
    assert rows() == [2, 1, 4], "what was closed for one dealer stays as it was then"
    assert not close("东")
    assert close("东", reopen=True)
    assert rows() == [3, 1, 4], "for all it is closed still"
    assert close(reopen=True)
    assert rows() == [4, 2, 6]


def test_only_rows_of_the_dealer_whose_month_is_closed_are_late() -> None:
    ingest(log("east.csv", *CLOSED), "--dealer", "东")
    ingest(log("west.csv", *CLOSED), "--dealer", "西")
    done("close", "2026-10", "--dealer", "东")
    late = log("late.csv", *LATE["a new row"])
    assert told(ingest(late, "--dealer", "西")) == {}
    assert told(ingest(late, "--dealer", "东")) == {"2026-10": 1}


@pytest.mark.usefixtures("october")
def test_a_dealer_that_is_named_later_keeps_its_closed_months() -> None:
    done("close", "2026-09", "--dealer", "default")
    ingest(log("late.csv", *LATE["a new row"], "S2,2026-09-29,首次,来店,是,张伟"), "--dealer", "东")
    assert (traffic(), traffic("--dealer", "东")) == (4, 4)
    assert compared("--json", "--dealer", "东").document["rows"] == [
        {"form": "visits", "new": 1, "changed": 0, "removed": 0}
    ]
    assert traffic("--dealer", "东", month="2026-09") == 1


@pytest.mark.usefixtures("opened")
def test_a_month_or_dealer_that_has_no_data_cannot_be_closed() -> None:
    for words in (("close", "2026-08"), ("close", "2026-10", "--dealer", "谁"), ("reopen", "2026-08")):
        assert call(*words, "--store", "store").code == 5, words
    assert done("status")["closed"] == []


@pytest.mark.usefixtures("opened")
def test_the_words_for_a_month_are_those_of_the_report() -> None:
    assert done("close", "last", "--as-of", "2026-11-03")["month"] == "2026-10"
    assert done("close", "this", "--as-of", "2026-11-03")["month"] == "2026-11"
    assert call("close", "2026-1", "--store", "store").code == 2


# What is told when rows are read


def told(document: Any) -> dict[str, int]:
    """The late rows of the one form of a file: its changes and its warnings say the same."""
    (file,) = document["files"]
    (change,) = file["changes"]
    issues = [issue for issue in file["issues"] if issue["code"] == "late_rows"]
    assert [issue["count"] for issue in issues] == list(change["late"].values())
    for issue, month in zip(issues, change["late"], strict=True):
        assert issue["severity"] == "warning"
        assert month in issue["message"]
        assert month in issue["hint"]
    return dict(change["late"])


@pytest.mark.parametrize(
    ("rows", "late"),
    [
        (LATE["a new row"], {"2026-10": 1}),
        (LATE["a changed row"], {"2026-10": 1}),
        (LATE["a row that moves out"], {"2026-10": 1}),
        (LATE["a row that moves in"], {"2026-10": 1}),
        (LATE["one of each"], {"2026-10": 4}),
        (("O1,2026-09-03,首次,来店,是,张伟", "S1,2026-08-31,首次,来店,是,张伟"), {"2026-09": 2, "2026-10": 1}),
        (("N1,2026-11-02,再次,来店,是,张伟", "N2,2026-11-03,首次,来店,是,张伟"), {}),
        ((CLOSED[1],), {}),
    ],
)
@pytest.mark.usefixtures("october")
def test_rows_that_change_a_closed_month_are_told_also_when_only_tried(rows: Sequence[str], late: Any) -> None:
    done("close", "2026-09")
    file = log("late.csv", *rows)
    before = everything_below(Path("store"))
    assert told(ingest(file, "--dry-run")) == late
    assert everything_below(Path("store")) == before
    assert told(ingest(file)) == late


@pytest.mark.usefixtures("october")
def test_rows_that_a_whole_truth_removes_from_a_closed_month_are_late() -> None:
    truth = log("truth.csv", CLOSED[1], "O4,2026-10-06,再次,来电,是,李娜", CLOSED[5])
    assert told(ingest(truth, "--replace", "--dry-run")) == {"2026-10": 3}
    assert told(ingest(truth, "--replace")) == {"2026-10": 3}


@pytest.mark.usefixtures("october")
def test_rows_that_the_store_has_already_or_has_newer_are_not_late() -> None:
    document = ingest(log("old.csv", *LATE["a changed row"]), now=NOW - timedelta(days=1))
    assert told(document) == {}
    again = log("again.csv", *LATE["a new row"])
    assert (told(ingest(again)), told(ingest(again))) == ({"2026-10": 1}, {})
    assert document["files"][0]["changes"][0]["older"] == 1


@pytest.mark.parametrize("replace", [(), ("--replace",)])
def test_the_rows_that_are_new_changed_and_removed_are_counted_with_the_columns_that_changed(
    replace: tuple[str, ...], opened: Path
) -> None:
    rows = (
        CLOSED[1],
        *("O3,2026-10-05,首次,来店,否,李娜", "O4,2026-10-07,再次,来电,是,李娜", "O5,2026-10-08,首次,来店,是,张伟"),
    )
    file = log("later.csv", *rows)
    before = everything_below(opened)
    words = ("ingest", file, "--store", "store", *replace, "--dry-run")
    shown = next(line for line in call(*words).out.splitlines() if "later.csv  " in line and "变更" in line)
    tried = ingest(file, *replace, "--dry-run")
    assert everything_below(opened) == before
    assert tried["files"][0]["changes"] == [
        {
            "form": "visits",
            "new": 1,
            "changed": 2,
            "columns": {"date": 1, "contact": 2, "retained": 1},
            "removed": 1 if replace else 0,
            "older": 0,
            "late": {},
        }
    ]
    changed = "变更 2（来店性质 2、日期 1、是否留档 1）"
    assert shown == (f"later.csv  新增 1 · {changed} · 去掉 1" if replace else f"later.csv  {changed}")
    assert ingest(file, *replace)["files"][0]["changes"] == tried["files"][0]["changes"]
    assert traffic() == (4 if replace else 5)


def two_forms() -> Path:
    """A workbook of two forms that changes a row of each in the store."""

    def both(name: str, visit: str, invoice: str) -> Path:
        sheets = {"客流": (HEADER, visit), "开票": (INVOICES, invoice)}
        return book(name, sheets={sheet: [line.split(",") for line in lines] for sheet, lines in sheets.items()})

    ingest(both("first.xlsx", CLOSED[1], INVOICE))
    return both("later.xlsx", *LATE["a changed row"], INVOICE.replace("张伟", "李娜").replace("君威", "君越"))


def test_a_workbook_of_several_forms_tells_the_changes_of_each() -> None:
    file = two_forms()
    assert [(change["form"], change["columns"]) for change in ingest(file, "--dry-run")["files"][0]["changes"]] == [
        ("visits", {"contact": 1, "consultant": 1}),
        ("invoices", {"consultant": 1, "model": 1}),
    ]
    shown = call("ingest", file, "--store", "store", COLUMNS="200").out
    assert "展厅客流登记表：变更 1（来店性质 1、销售顾问 1）；开票明细：变更 1（销售顾问 1、车系 1）" in shown


def test_so_it_does_in_english_with_english_punctuation() -> None:
    shown = call("ingest", two_forms(), "--store", "store", "--lang", "en", COLUMNS="200").out
    assert "Changed 1 (Contact 1, Consultant 1)" in shown
    assert not set("：；，、（）") & set(shown)


# Compared


def compared(*words: object) -> Ended:
    return call("report", "--month", "2026-10", "--compare-close", "--store", "store", *words)


def differing(values: Any) -> dict[str, tuple[float, float]]:
    return {key: (both["closed"], both["now"]) for key, both in values.items() if both["closed"] != both["now"]}


@pytest.mark.usefixtures("opened")
def test_what_came_since_closing_is_shown_with_both_values_of_the_kpis_that_differ() -> None:
    """In the end O1, O3 and O5 came for the first time, O4 and O6 called; O1, O3 and O4 left a name. O2 is gone."""
    ingest(log("invoices.csv", INVOICE, header=INVOICES))
    done("close", "2026-10")
    nothing = compared("--json").document
    assert (nothing["rows"], differing(nothing["kpis"]), differing(nothing["measures"])) == ([], {}, {})
    assert "结账以后没有变化" in compared().out
    rows = (
        *("O1,2026-10-03,首次,来店,是,李娜", "O2,2026-11-01,首次,来店,否,李娜", "O3,2026-10-05,首次,来店,是,李娜"),
        *("O5,2026-10-08,首次,来店,否,李娜", "O6,2026-10-08,首次,来电,否,李娜"),
    )
    ingest(log("late.csv", *rows), log("more.csv", INVOICE.replace("F1", "F2"), header=INVOICES))
    document = compared("--json").document
    assert document["closed"] == NOW.isoformat()
    assert {entry.pop("form"): entry for entry in document["rows"]} == {
        "visits": {"new": 2, "changed": 2, "removed": 1},
        "invoices": {"new": 1, "changed": 0, "removed": 0},
    }
    assert differing(document["kpis"]) == {
        "traffic": (4, 5),
        "first_visits": (2, 3),
        "info_retention_rate": (2 / 3, 3 / 5),
        "vp_sales": (1, 2),
        "showroom_retail": (1, 2),
    }
    assert differing(document["measures"]).items() >= {"return_customers": (1, 0), "first_calls": (1, 2)}.items()
    text = compared().out
    for line in ("客流量 +4 +5 +1", "信息留存率 +66.7% +60.0% +-6.7", "展厅客流登记表 +2 +2 +1", "开票明细 +1 +0 +0"):
        assert re.search(f"^{line}", text, re.M)
    assert "来电潜客到店率" not in text, "it does not differ"


@pytest.mark.usefixtures("october")
def test_rows_that_change_no_kpi_are_shown_all_the_same() -> None:
    ingest(log("late.csv", CLOSED[1].replace("张伟", "王磊")))
    document = compared("--json").document
    assert (differing(document["kpis"]), document["rows"]) == (
        {},
        [{"form": "visits", "new": 0, "changed": 1, "removed": 0}],
    )
    assert "没有指标因此改变" in compared().out
    done("undo", "last")
    assert "结账以后没有变化" in compared().out


def test_an_order_noted_late_on_a_customer_of_an_earlier_month_is_shown() -> None:
    header = "客户编号,建档日期,意向车型,销售顾问,订单日期"
    customers = ("C1,2026-09-03,君威,张伟,", "C2,2026-10-04,君威,李娜,2026-10-09")
    ingest(log("customers.csv", *customers, header=header))
    done("close", "2026-10")
    ingest(log("later.csv", "C1,2026-09-03,君威,张伟,2026-10-30", header=header))
    assert differing(compared("--json").document["kpis"]) == {"orders": (1, 2)}
    assert re.search("^订单数 +1 +2 +1$", compared().out, re.M)


def test_a_month_that_is_not_closed_cannot_be_compared() -> None:
    ingest(log("first.csv", *CLOSED), "--dealer", "东")
    done("close", "2026-09")
    done("close", "2026-10", "--dealer", "东")
    ended = compared("--json")
    assert (ended.code, ended.document["error"]["code"]) == (2, "not_closed")
    assert compared("--dealer", "东").code == 0
    with pytest.raises(UsageError) as caught:
        kpicli.compare_close(stored_at("store"), "2026-10", today=TODAY)
    assert caught.value.code == "not_closed"
    done("reopen", "2026-10", "--dealer", "东")
    assert compared("--dealer", "东").code == 2


@pytest.mark.parametrize("option", [("--by", "model"), ("--as-known-on", "2026-11-02")], ids=lambda option: option[0])
def test_a_comparison_has_no_groups_and_no_other_moment(option: tuple[str, str]) -> None:
    ingest(log("first.csv", *CLOSED))
    done("close", "2026-10")
    ended = compared("--json", *option)
    assert (ended.code, ended.document["error"]["code"]) == (2, "compare_alone")


# Looking back


MINUTE_TO_MIDNIGHT = datetime(2026, 11, 2, 15, 59, tzinfo=UTC)
"""In China; two minutes later it is the third of November there."""


@pytest.fixture
def midnight() -> None:
    """A row read in the last minute of the second of November, and one in the first minute of the third."""
    ingest(log("late.csv", CLOSED[1]), now=MINUTE_TO_MIDNIGHT)
    ingest(log("early.csv", CLOSED[2]), now=MINUTE_TO_MIDNIGHT + timedelta(minutes=2))


@pytest.mark.usefixtures("midnight")
def test_a_day_that_is_looked_back_to_ends_at_midnight_where_the_store_is() -> None:
    assert traffic("--as-known-on", "2026-11-01") is None
    assert traffic("--as-known-on", "2026-11-02") == 1
    assert traffic("--as-known-on", "2026-11-03") == 2
    elsewhere = workspace('timezone = "+00:00"')
    assert traffic("--as-known-on", "2026-11-01", "-C", elsewhere) is None
    assert traffic("--as-known-on", "2026-11-02", "-C", elsewhere) == 2


@pytest.mark.usefixtures("midnight")
def test_before_anything_was_known_there_is_nothing_to_report_or_export() -> None:
    for words in (("report", "--month", "2026-10"), ("export", "visits")):
        assert call(*words, "--store", "store", "--as-known-on", "2026-11-01").code == 5
    ended = call("report", "--store", "store", "--as-known-on", "2026-11-01", "--json")
    assert ended.document["error"]["code"] == "not_known_yet"
    assert "2026-11-02" in ended.document["error"]["hint"]
    assert call("report", "--as-known-on", "1. November", "--store", "store").code == 2


@pytest.mark.usefixtures("midnight")
def test_rows_can_be_exported_as_they_were_known_on_a_day() -> None:
    ingest(log("again.csv", CLOSED[1].replace("张伟", "王磊")), now=MINUTE_TO_MIDNIGHT + timedelta(days=1))
    done("undo", "last", now=MINUTE_TO_MIDNIGHT + timedelta(days=2))

    def known(*words: str) -> dict[str, str]:
        rows = call("export", "visits", "--store", "store", "--format", "json", *words).document
        return {row["visit_no"]: row["consultant"] for row in rows}

    assert known("--as-known-on", "2026-11-02") == {"O1": "张伟"}
    assert known("--as-known-on", "2026-11-03") == {"O1": "王磊", "O2": "李娜"}
    assert known("--as-known-on", "2026-11-04") == known() == {"O1": "张伟", "O2": "李娜"}
    assert known("--as-known-on", "2026-11-03", "--month", "2026-09") == {}


@pytest.mark.usefixtures("october")
def test_looking_back_shows_what_was_known_and_not_what_was_closed() -> None:
    ingest(log("late.csv", *LATE["a new row"]), now=NOW + timedelta(days=2))
    assert (traffic(), traffic("--as-known-on", "2026-11-02"), traffic("--as-known-on", "2026-11-03")) == (4, 4, 5)
    document = reported("--json", "--as-known-on", "2026-11-03").document
    assert "closed" not in document
    assert document["as_known_on"].startswith("2026-11-03T23:59:59")
    shown = reported("--as-known-on", "2026-11-03").out
    assert "按 2026-11-03 23:59 所知" in shown
    assert "已结账" not in shown


def test_what_is_done_as_of_a_day_is_known_from_that_day_on() -> None:
    day = "2026-11-0{}".format
    ingest(log("first.csv", *CLOSED), "--as-of", day(3))
    ingest(log("late.csv", *LATE["a new row"]), "--as-of", day(4))
    done("undo", "last", "--as-of", day(5))
    done("redo", "last", "--as-of", day(6))
    known = [traffic("--as-known-on", day(number)) for number in (2, 3, 4, 5, 6)]
    assert known == [None, 4, 5, 4, 5]
    assert done("close", "2026-10", "--as-of", day(7))["closed"].startswith(day(7))
    status = done("status")
    assert [batch["time"][:10] for batch in status["batches"]] == [day(3), day(4)]
    assert status["closed"][0]["time"].startswith(day(7))


def test_a_day_that_is_taken_for_today_is_that_day_where_the_store_is() -> None:
    home = workspace('timezone = "-05:00"')
    ingest(log("first.csv", *CLOSED), "-C", home, "--as-of", "2026-11-03")
    known = [traffic("-C", home, "--as-known-on", f"2026-11-0{number}") for number in (2, 3)]
    assert known == [None, 4]
