"""A marked copy through the whole program: marked, corrected, read again, and the numbers are those of a clean file."""

import shutil
import subprocess
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import openpyxl
import pytest

from tests import containers as c
from tests.containers import Layout
from tests.test_cli import (
    GOOD,
    HEADER,
    call,
    everything_below,
    shared_readers,  # noqa: F401 - a fixture: it works by being here
    stored,
    table,
)

LIST = "问题清单"
FILLS = ("FFFFC7CD", "FFFFEB9D")
NUMBERED = f"登记编号,{HEADER}"
BAD = "2026-10-03,首次,赵样一,123,张伟,君威"
"""A row without a natural key: its phone is none."""
MENDED = BAD.replace("123", "19900001111")
OTHER = "2026-10-04,再次,钱样二,19900001112,李娜,君越"
TITLES = HEADER.split(",")


def as_rows(*lines: str, header: str = HEADER) -> list[list[str | None]]:
    return [[cell or None for cell in line.split(",")] for line in (header, *lines)]


def text_file(path: str, rows: list[list[str | None]]) -> Path:
    return c.delimited(path, {"表": rows})


def page(path: str, rows: list[list[str | None]]) -> Path:
    return c.jsp_html(path, {"表": rows})


CONTAINERS: dict[str, tuple[str, Callable[..., Path]]] = {
    "xlsx": ("v.xlsx", lambda path, rows: c.xlsx(path, {"表": rows})),
    "csv": ("v.csv", text_file),
    "HTML": ("v.xls", page),
    "xls": ("v.xls", lambda path, rows: c.xls(path, {"表": rows})),
}


def mark(*files: object, to: str = "back", store: str = "store", code: int | None = None) -> Path:
    """Read files and give the one new copy."""
    before = set(Path(to).glob("*")) if Path(to).exists() else set()
    ended = call("ingest", *files, "--store", store, "--fix", to)
    assert ended.code == code or (code is None and ended.code in (0, 1)), ended.err
    (copy,) = set(Path(to).glob("*")) - before
    return copy


def correct(copy: Path, cells: Mapping[str, Any], sheet: str | None = None) -> Path:
    """Type into the data sheet of a copy and save it, as a clerk does."""
    workbook = openpyxl.load_workbook(copy)
    worksheet = workbook[sheet] if sheet else next(page for page in workbook if page.title != LIST)
    for cell, value in cells.items():
        worksheet[cell] = value
    workbook.save(copy)
    return copy


def read(*files: object, store: str = "store") -> None:
    assert call("ingest", *files, "--store", store, "--allow-findings").code == 0


def people(store: str = "store") -> list[tuple[str, ...]]:
    return sorted((row["date"], row["customer"], row["phone"] or "") for row in stored(store))


def marked_cells(copy: Path) -> dict[str, str]:
    """Cell → its note, of every cell that is filled."""
    workbook = openpyxl.load_workbook(copy)
    return {
        cell.coordinate: cell.comment.text if cell.comment else ""
        for worksheet in workbook
        for row in worksheet
        for cell in row
        if cell.fill.patternType and cell.fill.fgColor.rgb in FILLS
    }


def listed(copy: Path) -> list[tuple[str, str]]:
    """Cell and link of every row of the list."""
    rows = openpyxl.load_workbook(copy)[LIST].iter_rows(min_row=2)
    return [(row[1].value, row[1].hyperlink.location if row[1].hyperlink else "") for row in rows]


def reports(store: str) -> list[str]:
    return [call("report", "--store", store, "--month", month, "--json").out for month in ("2026-09", "2026-10")]


@cache
def clean(lines: tuple[str, ...], header: str) -> tuple[list[tuple[str, ...]], list[str]]:
    """What a clean file of these lines gives, and the reports of it: the same for every test."""
    with TemporaryDirectory() as folder:
        store = f"{folder}/store"
        read(table(f"{folder}/clean.csv", *lines, header=header), store=store)
        return people(store), reports(store)


def assert_clean(*lines: str, header: str = HEADER) -> None:
    """The store holds what a clean file of these lines gives, and reports the same."""
    assert (people(), reports("store")) == clean(lines, header)


# The copy


UNDATED = "2026-02-30,首次,孙样三,19900001113,张伟,君威"
MANY_BAD = (BAD, OTHER, UNDATED, *[BAD.replace("123", f"77{n}") for n in range(5)])


@pytest.mark.parametrize("kind", CONTAINERS)
def test_every_bad_cell_is_filled_noted_and_listed_with_a_link(kind: str) -> None:
    name, write = CONTAINERS[kind]
    copy = mark(write(name, as_rows(*MANY_BAD)), code=1)
    notes = marked_cells(copy)
    sheet = next(page.title for page in openpyxl.load_workbook(copy) if page.title != LIST)
    bad = ["D2", "A4", *(f"D{row}" for row in range(5, 10))]
    assert sorted(notes) == sorted(bad)
    assert all("电话" in notes[cell] for cell in bad if cell != "A4")
    assert "2026-02-30" in notes["A4"]
    assert sorted(listed(copy)) == sorted((cell, f"'{sheet}'!{cell}") for cell in bad)
    assert openpyxl.load_workbook(copy).sheetnames[0] == LIST


def test_each_of_many_different_bad_values_has_the_text_of_its_own() -> None:
    words = [f"性质{number}" for number in range(30)]
    notes = marked_cells(mark(table("v.csv", *[GOOD.replace("首次", word) for word in words])))
    assert [notes[f"B{row}"].count(f"{word}，") for row, word in enumerate(words, 2)] == [1] * 30


@pytest.mark.parametrize("kind", CONTAINERS)
def test_nothing_else_in_the_copy_changes(kind: str) -> None:
    name, write = CONTAINERS[kind]
    rows = as_rows(BAD, "2026-10-05,首次,=1+1,007,'张伟,  ", "合计,,,,,2")
    copy = mark(write(name, rows))
    worksheet = openpyxl.load_workbook(copy).worksheets[1]
    texts = [[str(cell).strip() if cell is not None and str(cell).strip() else None for cell in row] for row in rows]
    said = [[str(v).strip() if v is not None and str(v).strip() else None for v in row] for row in worksheet.values]
    assert said == texts


def test_files_without_problems_give_no_copy_and_no_folder() -> None:
    ended = call(
        "ingest", table("v.csv", GOOD, header=f"{HEADER},没见过"), "--store", "store", "--fix", "back", "--json"
    )
    assert ended.code == 0
    assert "marked" not in ended.document["files"][0]
    assert not Path("back").exists()


def test_the_json_names_the_copy_of_each_file() -> None:
    files = [table("a.csv", BAD), table("b.csv", GOOD)]
    ended = call("ingest", *files, "--store", "store", "--fix", "back", "--json")
    assert [file.get("marked") for file in ended.document["files"]] == ["back/a.xlsx", None]
    assert "again/a.xlsx" in call("ingest", files[0], "--store", "store", "--fix", "again").out


@pytest.mark.parametrize("words", [("ingest", "--dry-run"), ("validate",)])
def test_a_dry_run_marks_and_stores_nothing(words: tuple[str, ...]) -> None:
    call(*words, table("v.csv", BAD), "--store", "store", "--fix", "back")
    assert set(marked_cells(Path("back/v.xlsx"))) == {"D2"}
    assert not Path("store").exists()


def test_no_file_is_overwritten_and_equal_names_of_two_folders_stay_apart() -> None:
    Path("back").mkdir()
    Path("back/v.xlsx").write_text("mine")
    files = [table(f"{folder}/v.csv", BAD.replace("123", number)) for folder, number in (("a", "11"), ("b", "22"))]
    call("ingest", *files, "--store", "store", "--fix", "back")
    assert Path("back/v.xlsx").read_text() == "mine"
    numbers = [openpyxl.load_workbook(f"back/v ({n}).xlsx")["v"]["D2"].value for n in (2, 3)]
    assert numbers == ["11", "22"]


def test_the_source_is_never_touched() -> None:
    Path("in").mkdir()
    file = c.xlsx("in/v.xlsx", {"表": as_rows(BAD)})
    before = everything_below(Path("in"))
    call("ingest", file, "--store", "store", "--fix", "in")
    after = everything_below(Path("in"))
    assert {name: after[name] for name in before} == before
    assert sorted(after) == ["in/v (2).xlsx", "in/v.xlsx"]


def test_a_folder_that_cannot_be_written_ends_with_4_and_says_so() -> None:
    Path("back").write_text("a file")
    ended = call("ingest", table("v.csv", BAD), "--store", "store", "--fix", "back")
    assert ended.code == 4
    assert "back" in ended.err
    assert "Traceback" not in ended.err


def test_a_very_long_name_does_not_stop_the_other_files() -> None:
    files = [table("展" * 82 + ".csv", BAD), table("展厅.csv", OTHER)]
    ended = call("ingest", *files, "--store", "store", "--fix", "back")
    assert ended.code in (0, 1), ended.err
    assert len(people()) == 2


def test_marking_the_same_folder_again_does_not_multiply_the_copies() -> None:
    table("in/v.csv", BAD)
    counts = []
    for _ in range(3):
        call("ingest", "in", "--store", "store", "--fix", "in/back")
        counts.append(len(list(Path("in/back").iterdir())))
    assert counts[2] <= 2, counts


def test_a_refused_sheet_is_listed_and_its_correction_is_read() -> None:
    rows = as_rows(BAD, OTHER, header=HEADER.replace("日期", "没见过"))
    copy = mark(c.xlsx("v.xlsx", {"表": rows}), code=3)
    assert listed(copy)
    read(correct(copy, {"A1": "日期", "D2": "19900001111"}))
    assert_clean(MENDED, OTHER)


def test_an_encrypted_workbook_is_marked_with_its_password() -> None:
    file = c.encrypted_xlsx("v.xlsx", {"表": as_rows(BAD)})
    ended = call("ingest", file, "--store", "store", "--fix", "back", "--password", "秘密")
    assert ended.code == 0, ended.err
    assert set(marked_cells(Path("back/v.xlsx"))) == {"D2"}
    assert Path("back/v.xlsx").stat().st_mode & 0o077 == 0


def test_a_package_named_xls_keeps_its_formats() -> None:
    workbook = openpyxl.Workbook()
    for row in as_rows(BAD):
        workbook.active.append(row)
    workbook.active.column_dimensions["C"].width = 33
    workbook.active["C2"].number_format = '"x"@'
    workbook.save("v.xlsx")
    copy = mark(Path("v.xlsx").rename("v.xls"))
    assert openpyxl.load_workbook(copy).worksheets[1]["C2"].number_format == '"x"@'


def test_merged_dates_of_other_containers_hold_in_the_copy_too() -> None:
    rows = [TITLES, BAD.split(","), [None, *OTHER.split(",")[1:]], [None, "再次", "孙样三", "45", "李娜", "君越"]]
    copy = mark(c.xls("v.xls", {"表": rows}, Layout(merges=("A2:A4",))))
    read(correct(copy, {"D2": "19900001111", "D4": "19900001113"}))
    assert_clean(MENDED, OTHER.replace("10-04", "10-03"), "2026-10-03,再次,孙样三,19900001113,李娜,君越")


# Corrected and read again


@pytest.mark.parametrize("kind", CONTAINERS)
def test_a_corrected_copy_gives_the_numbers_of_a_clean_file(kind: str) -> None:
    name, write = CONTAINERS[kind]
    file = write(name, as_rows(BAD, OTHER, UNDATED))
    copy = correct(mark(file), {"D2": "19900001111", "A4": "2026-10-30"})
    read(copy)
    clean = (MENDED, OTHER, "2026-10-30,首次,孙样三,19900001113,张伟,君威")
    assert_clean(*clean)
    read(copy)
    read(file)
    read(file.rename(f"anders{file.suffix}"))
    assert_clean(*clean)


def test_rows_with_a_natural_key_are_replaced() -> None:
    file = table("v.csv", f"K1,{BAD}", f"K2,{OTHER}", header=NUMBERED)
    read(correct(mark(file), {"E2": "19900001111"}), file)
    assert_clean(f"K1,{MENDED}", f"K2,{OTHER}", header=NUMBERED)


def test_a_date_moved_to_another_month_leaves_the_first() -> None:
    read(correct(mark(table("v.csv", BAD, OTHER)), {"A2": "2026-09-03", "D2": "19900001111"}))
    assert_clean(MENDED.replace("-10-", "-09-"), OTHER)


def test_a_bad_row_deleted_by_the_clerk_is_gone() -> None:
    file = table("v.csv", BAD, OTHER)
    copy = mark(file)
    workbook = openpyxl.load_workbook(copy)
    workbook["v"].delete_rows(2)
    workbook.save(copy)
    read(copy, file)
    assert_clean(OTHER)


def test_a_row_corrected_in_part_still_counts_once() -> None:
    header = f"{HEADER},意向级别"
    copy = mark(table("v.csv", f"{BAD},Z级", f"{OTHER},H", header=header))
    second = mark(correct(copy, {"D2": "19900001111"}), to="back2")
    read(correct(second, {"G2": "A"}))
    assert_clean(f"{MENDED},A", f"{OTHER},H", header=header)


def test_a_copy_checked_and_marked_again_before_it_is_read_still_replaces() -> None:
    header = f"{HEADER},意向级别"
    copy = mark(table("v.csv", f"{BAD},Z级", header=header))
    call("validate", correct(copy, {"D2": "19900001111"}), "--store", "store", "--fix", "back2")
    read(correct(Path("back2/v.xlsx"), {"G2": "A"}))
    assert_clean(f"{MENDED},A", header=header)


@pytest.mark.parametrize("delete", [True, False])
def test_the_list_may_go_and_sheets_be_renamed_where_rows_have_a_natural_key(delete: bool) -> None:
    copy = correct(mark(table("v.csv", f"K1,{BAD}", header=NUMBERED)), {"E2": "19900001111"})
    workbook = openpyxl.load_workbook(copy)
    if delete:
        del workbook[LIST]
    workbook["v"].title = "改过的"
    workbook.save(copy)
    read(copy)
    assert_clean(f"K1,{MENDED}", header=NUMBERED)


def test_a_renamed_sheet_and_a_sorted_list_still_replace_rows_without_a_natural_key() -> None:
    copy = correct(mark(table("v.csv", BAD, BAD.replace("赵样一", "周样四"))), {"D2": "19900001111"})
    workbook = openpyxl.load_workbook(copy)
    workbook["v"].title = "改过的"
    workbook.move_sheet(LIST, 1)
    workbook[LIST].move_range("A2:G2", rows=5)
    workbook.save(copy)
    read(copy)
    assert_clean(MENDED, BAD.replace("赵样一", "周样四"))


def test_the_list_may_be_deleted_where_rows_have_no_natural_key() -> None:
    copy = correct(mark(table("v.csv", BAD)), {"D2": "19900001111"})
    workbook = openpyxl.load_workbook(copy)
    del workbook[LIST]
    workbook.save(copy)
    read(copy)
    assert_clean(MENDED)


ORDERS = ["original first", "copy first", "both in one folder"]


@pytest.mark.parametrize("order", ORDERS)
def test_a_copy_made_by_a_dry_run_and_its_original_count_once_in_any_order(order: str) -> None:
    original = table("in/v.csv", BAD, OTHER)
    call("validate", original, "--store", "store", "--fix", "in/back")
    copy = correct(Path("in/back/v.xlsx"), {"D2": "19900001111"})
    for part in {"original first": (original, copy), "copy first": (copy, original)}.get(order, ("in",)):
        read(part)
    assert_clean(MENDED, OTHER)


def test_a_copy_read_uncorrected_changes_nothing() -> None:
    file = table("v.csv", BAD, OTHER, OTHER.replace("19900001112", ""))
    copy = mark(file)
    before = people()
    read(copy)
    assert people() == before


def test_a_copy_read_into_an_empty_store_is_a_file_like_any_other() -> None:
    copy = correct(mark(table("v.csv", BAD, OTHER), store="elsewhere"), {"D2": "19900001111"})
    read(copy)
    assert_clean(MENDED, OTHER)


@pytest.mark.parametrize(
    "when",
    [
        "before the correction",
        pytest.param(
            "after the correction",
        ),
    ],
)
def test_a_bad_row_that_another_export_holds_as_well_is_corrected_for_both(when: str) -> None:
    first, second = table("a.csv", BAD), table("b.csv", BAD, OTHER)
    copy = mark(first)
    if when.startswith("before"):
        read(second)
    read(correct(copy, {"D2": "19900001111"}))
    read(second)
    assert_clean(MENDED, OTHER)


def test_a_correction_with_a_new_mistake_is_named_and_can_be_corrected_again() -> None:
    copy = correct(mark(table("v.csv", BAD, OTHER)), {"A2": "2026-02-30", "D2": "19900001111"})
    second = mark(copy, to="back2", code=1)
    assert set(marked_cells(second)) == {"A2"}
    read(correct(second, {"A2": "2026-10-03"}))
    assert_clean(MENDED, OTHER)


def test_the_duplicates_of_one_key_are_marked_and_settled_by_deleting_one() -> None:
    file = table("v.csv", f"K1,{OTHER}", f"K1,{MENDED}", header=NUMBERED)
    copy = mark(file, code=1)
    assert set(marked_cells(copy)) == {"A2"}
    read(correct(copy, {"A2": "K2"}))
    assert_clean(f"K2,{OTHER}", f"K1,{MENDED}", header=NUMBERED)


def test_a_row_corrected_because_the_total_is_wrong_counts_once() -> None:
    header = f"{HEADER},来店人数"
    copy = mark(table("v.csv", f"{MENDED},2", f"{OTHER},3", "合计,,,,,,6", header=header), code=1)
    read(correct(copy, {"G2": "3"}))
    assert_clean(f"{MENDED},3", f"{OTHER},3", header=header)


# Several sheets and tables


def test_several_sheets_are_marked_each_in_its_place() -> None:
    sheets = {"十月": as_rows(BAD, OTHER), "十'一": as_rows(BAD.replace("-03", "-05"))}
    copy = mark(c.xlsx("v.xlsx", sheets))
    assert sorted(listed(copy)) == [("D2", "'十''一'!D2"), ("D2", "'十月'!D2")]
    correct(copy, {"D2": "19900001111"}, "十月")
    read(correct(copy, {"D2": "19900001111"}, "十'一"))
    assert_clean(MENDED, OTHER, MENDED.replace("-03", "-05"))


def test_tables_beside_each_other_are_corrected_each_by_its_own_keys() -> None:
    followups = ["应跟踪日期", "实际跟踪日期", "客户姓名", "联系电话", "跟踪结果"]
    told = ["2026-10-03", "2026-10-03", "赵样一", "456", "好"]
    copy = mark(c.xlsx("v.xlsx", {"表": [[*TITLES, None, *followups], [*BAD.split(","), None, *told]]}))
    read(correct(copy, {"D2": "19900001111", "K2": "19900001111"}))
    assert [row["phone"] for row in stored("store", "followups")] == ["19900001111"]
    assert people() == [("2026-10-03", "赵样一", "19900001111")]


def test_tables_below_each_other_are_marked_and_corrected() -> None:
    rows = [*as_rows(BAD), *[[None] * 6] * 2, *as_rows(OTHER.replace("19900001112", "45"))]
    copy = mark(c.xlsx("v.xlsx", {"表": rows}))
    assert set(marked_cells(copy)) == {"D2", "D6"}
    read(correct(copy, {"D2": "19900001111", "D6": "19900001112"}))
    assert_clean(MENDED, OTHER)


# Saved by another program


@pytest.mark.long
@pytest.mark.skipif(not shutil.which("soffice"), reason="LibreOffice is not installed")
@pytest.mark.parametrize("format_", ["xlsx", "xls", "ods"])
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_copy_saved_by_libreoffice_corrects_the_same(kind: str, format_: str, tmp_path: Path) -> None:
    name, write = CONTAINERS[kind]
    copy = mark(write(name, as_rows(BAD, OTHER)))
    correct(copy, {"D2": "19900001111", "A2": "2026-09-03"})
    profile = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    words = ["soffice", profile, "--headless", "--convert-to", format_, "--outdir", "saved", copy]
    subprocess.run(words, check=True, capture_output=True, timeout=120)
    read(Path("saved", f"{copy.stem}.{format_}"))
    assert_clean(MENDED.replace("-10-", "-09-"), OTHER)


# Control totals


def test_a_total_that_does_not_add_up_ends_with_1_once() -> None:
    header = f"{HEADER},来店人数"
    file = table("v.csv", f"{GOOD},2", f"{OTHER},3", "合计,,,,,,6", header=header)
    ended = call("ingest", file, "--store", "store")
    assert ended.code == 1
    assert "G4 [来店人数]" in ended.err
    assert call("ingest", file, "--store", "store").code == 0
    assert call("validate", file, "--store", "store").code == 0
    assert call("ingest", file, "--store", "other", "--allow-findings").code == 0
    table("v.csv", f"{GOOD},2", f"{OTHER},3", "合计,,,,,,5", header=header)
    assert call("ingest", file, "--store", "third").code == 0


def test_copies_do_not_go_into_the_folder_that_is_read() -> None:
    table("in/v.csv", BAD)
    ended = call("ingest", "in", "--store", "store", "--fix", "in")
    assert (ended.code, "--fix" in ended.err, [path.name for path in Path("in").iterdir()]) == (2, True, ["v.csv"])
