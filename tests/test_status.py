"""What the store says of itself agrees with what is in it."""

from datetime import date, timedelta
from pathlib import Path

import kpicli
from kpicli.pipeline.ingest import Ingested
from kpicli.read import ReaderPool
from kpicli.store import Store
from kpicli.workspace import Workspace

from .conftest import NOW, TODAY
from .test_cli import (
    call,
    shared_readers,  # noqa: F401 - a fixture: it works by being here
)

HEADER = "登记编号,日期,来店性质,接触方式"


def log(name: str, *rows: str) -> Path:
    Path(name).write_text("\n".join([HEADER, *rows]), encoding="utf-8")
    return Path(name)


def test_rows_and_days_of_every_month_are_those_stored(sample: tuple[Workspace, Ingested]) -> None:
    workspace, _ = sample
    found = kpicli.status(workspace, today=TODAY)
    for entry in found.months:
        rows = Store(workspace.store).rows(entry.form, since=entry.month, until=entry.month).collect()
        assert entry.rows == rows.height
        if entry.days:
            days = {day for day in rows[entry.form.date] if day.strftime("%Y-%m") == entry.month}
            assert (entry.days, days & set(entry.missing)) == (len(days), set())
            year, month = map(int, entry.month.split("-"))
            assert len(days) + len(entry.missing) == (date(year + month // 12, month % 12 + 1, 1) - timedelta(1)).day


def test_every_workbook_is_a_batch_with_its_counts(sample: tuple[Workspace, Ingested]) -> None:
    workspace, result = sample
    batches = {batch.file: batch for batch in kpicli.status(workspace, today=TODAY).batches}
    for file in result.files:
        batch = batches[file.file.name]
        assert (batch.name, batch.sha256) == (file.batch, file.sha256)
        assert batch.stored == sum(sheet.stored for sheet in file.sheets)
        assert batch.set_aside == sum(sheet.set_aside for sheet in file.sheets)


def test_days_without_rows_are_missing_up_to_today_and_not_beyond(readers: ReaderPool) -> None:
    workspace = kpicli.open_workspace(store="store")
    file = log("v.csv", "1,2026-10-01,首次,来店", "2,2026-10-03,首次,来店", "3,2026-10-03,再次,来店", "4,,再次,来店")
    kpicli.ingest(workspace, [file], now=NOW, readers=readers)
    (entry,) = kpicli.status(workspace, today=date(2026, 10, 5)).months
    assert (entry.form.key, entry.month, entry.rows, entry.days, entry.set_aside) == ("visits", "2026-10", 3, 2, 1)
    assert [day.day for day in entry.missing] == [2, 4, 5]


def test_the_command_shows_forms_months_gaps_and_batches() -> None:
    assert "还没有数据" in call("status", "--store", "store").out
    call("ingest", log("v.csv", *(f"{n},2026-10-{n:02},首次,来店" for n in (1, 2, 3, 7, 31))), "--store", "store")
    shown = call("status", "--store", "store", "--as-of", "2026-11-01").out
    assert "4–6, 8–30" in shown
    assert "v.csv" in shown
    document = call("status", "--store", "store", "--as-of", "2026-11-01", "--json").document
    assert (document["command"], document["months"][0]["rows"], len(document["months"][0]["missing"])) == (
        "status",
        5,
        26,
    )
    assert document["batches"][0]["stored"] == 5
    assert call("status", "--store", "store", "--dealer", "nobody").code == 5


# Undone and redone


def report() -> str:
    return call("report", "--month", "2026-10", "--store", "store", "--json").out


def test_an_undone_workbook_counts_no_more_and_what_it_replaced_counts_again() -> None:
    call("ingest", log("a.csv", "1,2026-10-01,首次,来店", "2,2026-10-02,首次,来店"), "--store", "store")
    before = report()
    call("ingest", log("b.csv", "2,2026-10-02,再次,来店", "3,2026-11-03,首次,来店"), "--store", "store")
    after = report()
    assert before != after
    turned = call("undo", "last", "--store", "store", "--json").document
    assert (turned["changed"], turned["batch"]["file"], turned["batch"]["undone"]) == (True, "b.csv", True)
    assert report() == before
    assert call("undo", turned["batch"]["batch"], "--store", "store", "--json").document["changed"] is False
    assert "已撤销" in call("status", "--store", "store").out
    assert call("redo", "last", "--store", "store").code == 0
    assert report() == after


def test_a_workbook_that_was_undone_can_be_read_again() -> None:
    file = log("a.csv", "1,2026-10-01,首次,来店")
    call("ingest", file, "--store", "store")
    before = report()
    call("undo", "last", "--store", "store")
    assert call("report", "--month", "2026-10", "--store", "store").code == 5
    assert call("ingest", file, "--store", "store", "--json").document["stored"] == 1
    assert report() == before


def test_rows_that_another_workbook_holds_as_well_go_on_counting() -> None:
    call("ingest", log("a.csv", "1,2026-10-01,首次,来店"), "--store", "store")
    alone = report()
    later = log("b.csv", "1,2026-10-01,首次,来店", "2,2026-10-02,首次,来店")
    call("ingest", later, "--store", "store")
    both = report()
    first, second = (batch["batch"] for batch in call("status", "--store", "store", "--json").document["batches"])
    call("undo", first, "--store", "store")
    assert report() == both
    call("undo", second, "--store", "store")
    assert call("report", "--month", "2026-10", "--store", "store").code == 5
    call("redo", first, "--store", "store")
    assert report() == alone


def test_a_batch_that_is_not_there_is_a_mistake() -> None:
    call("ingest", log("a.csv", "1,2026-10-01,首次,来店"), "--store", "store")
    ended = call("undo", "nothing", "--store", "store")
    assert (ended.code, "kpicli status" in ended.err) == (2, True)
