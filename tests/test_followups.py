"""The follow-up list against a plain walk over the exported rows, and as a clerk and a sales manager see it."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

import kpicli
from kpicli.masking import mask
from kpicli.pipeline.followups import Due, followups
from kpicli.pipeline.ingest import Ingested
from kpicli.read import ReaderPool
from kpicli.workspace import Workspace
from tests.conftest import NOW, TODAY
from tests.sample.count import PHONE
from tests.test_cli import call

Sample = tuple[Workspace, Ingested]
EVERY = {"O": 7, "H": 1, "A": 7, "B": 15, "C": 30}


def walk(workspace: Workspace, today: date) -> list[tuple[str, date, int]]:
    """Customer, due day and days overdue, by plain loops over what the store gives out."""
    rows = {
        form: kpicli.export(workspace, form, show_pii=True, today=today).to_dicts()
        for form in ("visits", "test_drives", "followups", "intentions")
    }

    def known(row: dict[str, Any]) -> str | None:
        return row["phone"] if row["phone"] and PHONE.fullmatch(row["phone"]) else None

    due = []
    for row in rows["intentions"]:
        ended = any(row[key] is not None and row[key] <= today for key in ("won_date", "lost_date"))
        if row["created"] > today or ended or row["status"] in ("战败", "失效", "成交"):
            continue
        own = known(row)
        days = [row["created"]]
        days += [
            other["date"] for form in ("visits", "test_drives") for other in rows[form] if own and known(other) == own
        ]
        days += [
            other["done"]
            for other in rows["followups"]
            if other["done"]
            and ((own and known(other) == own) or (row["customer_no"] and other["customer_no"] == row["customer_no"]))
        ]
        days += [row["last_follow"]] if row["last_follow"] else []
        last = max(day for day in days if day <= today)
        wanted = [last + timedelta(days=EVERY[row["level"]])] if row["level"] in EVERY else []
        wanted += [row["next_follow"]] if row["next_follow"] and row["next_follow"] > last else []
        wanted += [
            other["due"]
            for other in rows["followups"]
            if own and known(other) == own and other["done"] is None and other["due"] > last
        ]
        if wanted and min(wanted) <= today:
            due.append((row["customer"], min(wanted), (today - min(wanted)).days))
    return due


@pytest.mark.parametrize("today", [date(2026, 9, 15), date(2026, 10, 31), TODAY, date(2026, 11, 20)])
def test_who_is_due_is_who_a_plain_walk_finds(today: date, sample: Sample) -> None:
    found = followups(sample[0], show_pii=True, today=today)
    told = sorted((row["customer"], row["due"], row["overdue"]) for row in found.rows.to_dicts())
    assert told
    assert told == sorted(walk(sample[0], today))


def small(readers: ReaderPool, *rows: str) -> Workspace:
    """A store with some intentions: number, day created, level, and what else of the last three columns."""
    header = "客户编号,建档日期,客户姓名,联系电话,销售顾问,意向级别,成交日期,战败日期,下次跟进日期,最近跟进日期\n"
    Path("意向.csv").write_text(header + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    workspace = kpicli.open_workspace(store="store")
    kpicli.ingest(workspace, [Path("意向.csv")], now=NOW, readers=readers)
    return workspace


def due_days(found: Due) -> dict[str, str]:
    return {row["customer"]: f"{row['due']:%m-%d}" for row in found.rows.to_dicts()}


def test_the_cadence_is_that_of_the_level(readers: ReaderPool) -> None:
    workspace = small(
        readers,
        *(f"{n},2026-10-01,客{level},1990000000{n},张伟,{level},,,," for n, level in enumerate("OHABC")),
        "8,2026-10-01,客无,19900000008,张伟,无级,,,,",
        "9,2026-10-01,客终,19900000009,张伟,A,2026-10-02,,,",
    )
    found = followups(workspace, show_pii=True, today=date(2026, 10, 31))
    assert due_days(found) == {"客O": "10-08", "客H": "10-02", "客A": "10-08", "客B": "10-16", "客C": "10-31"}
    assert list(due_days(found)) == ["客O", "客H", "客A", "客B", "客C"]
    assert (found.open, found.without_cadence) == (6, 1)
    assert found.rows["overdue"].to_list()[-1] == 0
    assert followups(workspace, today=date(2026, 10, 30)).rows.height == 4


def test_a_planned_day_goes_before_the_cadence_unless_it_was_met(readers: ReaderPool) -> None:
    workspace = small(
        readers,
        "1,2026-10-01,客甲,19900000001,张伟,C,,,2026-10-05,",
        "2,2026-10-01,客乙,19900000002,张伟,C,,,2026-10-05,2026-10-06",
        "3,2026-10-01,客丙,19900000003,张伟,无级,,,2026-10-07,",
    )
    assert due_days(followups(workspace, show_pii=True, today=date(2026, 11, 30))) == {
        "客甲": "10-05",
        "客乙": "11-05",
        "客丙": "10-07",
    }


def test_names_and_phones_are_masked_unless_asked_for(sample: Sample) -> None:
    words = ("followups", "--as-of", "2026-11-01", "--store", sample[0].store, "-v")
    open_ = followups(sample[0], show_pii=True, today=TODAY).rows
    masked, shown = call(*words).out, call(*words, "--show-pii", COLUMNS="200").out
    for row in open_.to_dicts():
        assert row["phone"] in shown
        assert row["phone"] not in masked
        assert mask("name", row["customer"]) in masked


def test_the_list_of_one_consultant(sample: Sample) -> None:
    words = ("followups", "--as-of", "2026-11-01", "--store", sample[0].store, "--json")
    document, everybody = call(*words, "--consultant", "李娜").document, call(*words).document
    assert {row["consultant"] for row in document["rows"]} == {"李娜"}
    assert document["due"] == sum(everybody["by"]["consultant"]["李娜"][key] for key in ("today", "overdue"))
    assert (
        everybody["due"]
        == len(everybody["rows"])
        == sum(entry["today"] + entry["overdue"] for entry in everybody["by"]["consultant"].values())
    )
    ended = call(*words, "--consultant", "李明")
    assert (ended.code, ended.document["error"]["code"]) == (5, "unknown_group")


def test_the_workbook_has_a_sheet_for_each_consultant_and_no_formula(sample: Sample) -> None:
    found = followups(sample[0], today=TODAY)
    call("followups", "--as-of", "2026-11-01", "--store", sample[0].store, "--xlsx", "名单.xlsx")
    book = load_workbook("名单.xlsx")
    assert book.sheetnames == list(dict.fromkeys(found.rows["consultant"]))
    for name in book.sheetnames:
        rows = [row for row in found.rows.to_dicts() if row["consultant"] == name]
        lines = list(book[name].iter_rows(min_row=4, max_col=8, values_only=True))
        assert [line[1] for line in lines] == [row["customer"] for row in rows]
        assert [line[5] for line in lines] == [datetime.combine(row["due"], datetime.min.time()) for row in rows]
        assert [line[6] for line in lines] == [row["overdue"] for row in rows]
        assert book[name].print_title_rows == "$3:$3"


def test_a_name_that_would_be_a_formula_stays_text(readers: ReaderPool) -> None:
    workspace = small(readers, '1,2026-10-01,=1+1,19900000001,"=cmd|[a]:b",A,,,,')
    call("followups", "--as-of", "2026-10-31", "--store", workspace.store, "--xlsx", "名单.xlsx", "--show-pii")
    sheet = load_workbook("名单.xlsx").worksheets[0]
    assert (sheet["B4"].value, sheet["B4"].data_type) == ("=1+1", "s")
    assert not set("[]:*?/\\") & set(sheet.title)


def test_a_day_on_which_nobody_is_due(readers: ReaderPool) -> None:
    workspace = small(readers, "1,2026-10-01,客甲,19900000001,张伟,C,,,,")
    ended = call("followups", "--as-of", "2026-10-02", "--store", workspace.store, "--xlsx", "名单.xlsx")
    assert ended.code == 0
    assert "到期 0 位" in ended.out
    assert load_workbook("名单.xlsx").worksheets[0]["A1"].value == "今天没有到期的跟进"


def test_a_book_without_levels_and_a_store_without_intentions_are_told(sample: Sample) -> None:
    ended = call("followups", "--book", "zhengtong", "--store", sample[0].store, "--json")
    assert (ended.code, ended.document["error"]["code"]) == (2, "no_levels")
    ended = call("followups", "--store", "empty", "--json")
    assert (ended.code, ended.document["error"]["code"]) == (5, "no_intentions")
