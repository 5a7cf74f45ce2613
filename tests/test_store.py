"""The store's promises: whole or not at all, the latest version counts, nothing twice, history of a move."""

import itertools
import shutil
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

import kpicli
from kpicli import loading
from kpicli.errors import StoreError
from kpicli.identify import identify
from kpicli.store import FORMAT, OvertakenError, Source, Store, schema

from .conftest import NOW

VISITS = loading.load().forms["visits"]
START = datetime(2026, 11, 1, 8, tzinfo=UTC)
Row = dict[str, Any]


def visit(number: str, day: date = date(2026, 10, 3), **more: Any) -> Row:
    return {"visit_no": number, "date": day, "channel": "来店", "contact": "首次", **more}


def frame(rows: Sequence[Row]) -> pl.DataFrame:
    columns = {name: dtype for name, dtype in schema(VISITS).items() if name in VISITS.columns}
    full = [{name: row.get(name) for name in columns} for row in rows]
    places = pl.DataFrame({"table": [0] * len(rows), "sheet": ["S"] * len(rows), "row": range(2, len(rows) + 2)})
    return pl.concat([places, pl.DataFrame(full, schema=columns)], how="horizontal")


def put(
    store: Store, rows: Sequence[Row], name: str = "", saved: datetime | None = None, *, dealer: str = "d", **more: Any
) -> int:
    """Store rows as one workbook; give how many were new or changed. The name stands for the content's hash."""
    identified, _ = identify(VISITS, frame(rows).with_columns(dealer=pl.lit(dealer)))
    moment = START + timedelta(minutes=store.history.height)
    source = Source(dealer, "a.xlsx", name or f"{store.history.height:08d}", saved, moment, **more)

    def step() -> int:
        plan = store.plan(VISITS, identified.rows, source)
        if not plan.known:
            store.commit(source, [plan], [])
        return 0 if plan.known else sum(plan.stored.values())

    return store.write(step)


def held(store: Store, month: str | None = None) -> list[tuple[str, date, str | None]]:
    rows = store.rows(VISITS, since=month, until=month).collect()
    return sorted(rows.select("visit_no", "date", "consultant").rows())


def test_an_empty_store_has_nothing_and_is_no_error(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    assert held(store) == []
    assert store.months(VISITS) == []
    assert not (tmp_path / "store").exists()


def test_a_row_read_twice_is_stored_once(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert put(store, [visit("1"), visit("2")]) == 2
    assert put(store, [visit("2"), visit("3")]) == 1
    assert [number for number, *_ in held(store)] == ["1", "2", "3"]


def test_a_correction_replaces_the_row(tmp_path: Path) -> None:
    store = Store(tmp_path)
    put(store, [visit("1", consultant="张伟"), visit("2")])
    assert put(store, [visit("1", consultant="李娜"), visit("2")]) == 1
    assert held(store) == [("1", date(2026, 10, 3), "李娜"), ("2", date(2026, 10, 3), None)]


def test_a_row_that_moves_to_another_month_leaves_the_old_one(tmp_path: Path) -> None:
    store = Store(tmp_path)
    put(store, [visit("1", date(2026, 10, 31)), visit("2")])
    put(store, [visit("1", date(2026, 11, 1))])
    assert [number for number, *_ in held(store, "2026-10")] == ["2"]
    assert [number for number, *_ in held(store, "2026-11")] == ["1"]
    put(store, [visit("1", date(2026, 10, 31))])
    assert [number for number, *_ in held(store, "2026-10")] == ["1", "2"]
    assert held(store, "2026-11") == []


def test_the_version_of_the_workbook_saved_later_counts_whatever_the_order_of_reading(tmp_path: Path) -> None:
    exports = [
        ([visit("1", consultant=None), visit("2", consultant="张伟")], START - timedelta(days=60)),
        ([visit("2", consultant="李娜"), visit("3", date(2026, 10, 31))], START - timedelta(days=30)),
        ([visit("1", consultant="王磊"), visit("3", date(2026, 11, 1))], START - timedelta(days=1)),
    ]
    results = set()
    for number, order in enumerate(itertools.permutations(exports)):
        store = Store(tmp_path / str(number))
        for rows, saved in order:
            put(store, rows, saved=saved)
        results.add(tuple(held(store)))
    assert results == {
        (("1", date(2026, 10, 3), "王磊"), ("2", date(2026, 10, 3), "李娜"), ("3", date(2026, 11, 1), None))
    }


def test_an_inbox_read_again_does_not_undo_a_correction(tmp_path: Path) -> None:
    """Neither file says when it was saved, as csv does not: what was read later counts, once."""
    store = Store(tmp_path)
    first, corrected = [visit("1", consultant="张伟"), visit("2")], [visit("1", consultant="李娜"), visit("2")]
    assert put(store, first, "export__") == 2
    assert put(store, corrected, "corrected") == 1
    for _ in range(2):
        assert put(store, first, "export__") == 0
        assert put(store, corrected, "corrected") == 0
    assert held(store)[0] == ("1", date(2026, 10, 3), "李娜")


@pytest.mark.parametrize(("saved", "counts"), [(-9, "张伟"), (9, "李娜")])
def test_a_file_that_does_not_say_when_it_was_saved_counts_from_its_first_reading(
    saved: int, counts: str, tmp_path: Path
) -> None:
    store = Store(tmp_path)
    put(store, [visit("1", consultant="张伟")], "csv-----")
    put(store, [visit("1", consultant="李娜")], "xlsx----", saved=START + timedelta(days=saved))
    assert put(store, [visit("1", consultant="张伟")], "csv-----") == 0
    assert held(store) == [("1", date(2026, 10, 3), counts)]


def test_a_batch_that_was_not_committed_is_not_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    put(store, [visit("1")])

    def dies(self: Store, event: Row) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Store, "record", dies)
        put(store, [visit("1", consultant="李娜"), visit("2")])
    after = Store(tmp_path)
    assert held(after) == [("1", date(2026, 10, 3), None)]
    assert len(list(tmp_path.glob("visits/*/*.parquet"))) == 2
    assert put(after, [visit("1", consultant="李娜"), visit("2")]) == 2
    assert held(Store(tmp_path)) == [("1", date(2026, 10, 3), "李娜"), ("2", date(2026, 10, 3), None)]
    assert len(list(tmp_path.glob("visits/*/*.parquet"))) == 2, "what the dead run left is cleared by the next"


def test_who_commits_second_is_told(tmp_path: Path) -> None:
    """As behind a URL, where there are no turns."""
    source = Source("d", "a.xlsx", "a" * 64, None, START)
    identified, _ = identify(VISITS, frame([visit("1"), visit("2")]).with_columns(dealer=pl.lit("d")))
    beside = [Store(tmp_path), Store(tmp_path)]
    plans = [store.plan(VISITS, identified.rows, source) for store in beside]
    beside[0].commit(source, [plans[0]], [])
    with pytest.raises(OvertakenError):
        beside[1].commit(source, [plans[1]], [])
    assert [number for number, *_ in held(Store(tmp_path))] == ["1", "2"]
    assert beside[1].write(lambda: beside[1].plan(VISITS, identified.rows, source)).known


def test_a_table_that_somebody_else_makes_in_the_same_moment_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library tells of it by an error of its own, depending on how far the other one is."""
    create = DeltaTable.create

    def beaten(*arguments: Any, **options: Any) -> None:
        create(*arguments, **options)
        raise CommitFailedError("Failed to commit transaction: Protocol changed since last commit")

    monkeypatch.setattr(DeltaTable, "create", beaten)
    store = Store(tmp_path / "store")
    put(store, [visit("K1")])
    assert len(held(store)) == 1

    def failing(*_: Any, **__: Any) -> None:
        raise CommitFailedError("no space left")

    monkeypatch.setattr(DeltaTable, "create", failing)
    with pytest.raises(StoreError, match="no space left"):
        put(Store(tmp_path / "other"), [visit("K1")])


def test_dealers_do_not_touch_each_others_rows(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert put(store, [visit("1", consultant="张伟")], dealer="A") == 1
    assert put(store, [visit("1", consultant="李娜")], dealer="B") == 1
    assert {consultant for _, _, consultant in held(store)} == {"张伟", "李娜"}
    assert store.dealers() == ["A", "B"]


@pytest.mark.parametrize("name", ["商店 一号", "100% a", "店🚗", "[2026] 店", "a*{b}"])
def test_any_folder_name_will_do_and_a_store_can_be_moved(name: str, tmp_path: Path) -> None:
    put(Store(tmp_path / name / "store"), [visit("1"), visit("2", date(2026, 9, 1))])
    assert [number for number, *_ in held(Store(tmp_path / name / "store"))] == ["1", "2"]
    shutil.move(tmp_path / name / "store", tmp_path / "elsewhere")
    store = Store(tmp_path / "elsewhere")
    assert [number for number, *_ in held(store)] == ["1", "2"]
    assert put(store, [visit("1"), visit("3")]) == 1


@pytest.mark.parametrize("name", ["a%20b", "x=y"])
def test_a_folder_name_that_reads_as_another_one_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        Store(tmp_path / name / "store")
    assert caught.value.code == "store_path"


def test_a_store_of_a_newer_format_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("kpicli.store.tables.FORMAT", FORMAT + 1)
        put(Store(tmp_path), [visit("1")])
    with pytest.raises(StoreError) as caught:
        held(Store(tmp_path))
    assert caught.value.code == "newer_store"


def test_the_store_is_private(tmp_path: Path) -> None:
    put(Store(tmp_path / "store"), [visit("1")])
    modes = {path.stat().st_mode & 0o077 for path in [tmp_path / "store", *(tmp_path / "store").rglob("*")]}
    assert modes == {0}


def test_many_batches_stay_readable_after_the_log_is_checkpointed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number in range(23):
        put(store, [visit(str(number))])
    assert list((tmp_path / "batches" / "_delta_log").glob("*.checkpoint.parquet"))
    assert len(held(Store(tmp_path))) == 23


def test_other_programs_read_the_tables_as_they_are(tmp_path: Path) -> None:
    from deltalake import DeltaTable

    put(Store(tmp_path), [visit("1"), visit("2", date(2026, 9, 1))])
    table = DeltaTable(tmp_path / "visits")
    assert table.metadata().partition_columns == ["month"]
    assert sorted(pl.scan_parquet(table.file_uris()).collect()["visit_no"]) == ["1", "2"]


def test_a_form_with_a_month_of_its_own_is_corrected(tmp_path: Path) -> None:
    table = "月份,指标,目标值\n2026-10,订单数,{}\n"
    for number, target in enumerate((40, 45)):
        file = tmp_path / f"{number}.csv"
        file.write_text(table.format(target), encoding="utf-8")
        (told,) = kpicli.ingest(kpicli.open_workspace(store=tmp_path / "store"), [file], now=NOW).files
    assert (told.status, [(change.changed, dict(change.columns)) for change in told.changes]) == (
        "stored",
        [(1, {"value": 1})],
    )
