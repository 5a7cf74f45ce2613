"""Targets: from the sheet, from the workspace's file, from the book; the nearer goes before the farther."""

from datetime import date
from pathlib import Path

import pytest

import kpicli
from kpicli.errors import DefinitionError
from kpicli.kpi import Report
from kpicli.read import ReaderPool

from .conftest import NOW

LOG = (
    "日期,来店性质,接触方式,是否留档,销售顾问\n"
    + "2026-10-03,首次,来店,是,张伟\n" * 6
    + "2026-10-04,首次,来店,否,李娜\n" * 4
)
SHEET = """月份,销售顾问,指标,目标值
2026-10,,客流量,20
2026-10,,来电来访量,25
2026-10,张伟,信息留存率,90%
2026-09,,客流量,5
"""
FILE = """
[2026-09]
traffic = 7

[2026-10]
first_visits = 8
"客流量" = 12

[2026-10.consultant."李娜"]
info_retention_rate = 0.5
"""


@pytest.fixture
def folder(tmp_path: Path, readers: ReaderPool) -> Path:
    for name, text in (("客流.csv", LOG), ("目标.csv", SHEET), ("kpicli.toml", "")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    workspace = kpicli.open_workspace(tmp_path)
    kpicli.ingest(workspace, [tmp_path / "客流.csv", tmp_path / "目标.csv"], now=NOW, readers=readers)
    return tmp_path


def october(folder: Path, book: str = "buick") -> Report:
    return kpicli.report(
        kpicli.open_workspace(folder), "2026-10", book=book, by=["consultant"], today=date(2026, 11, 22)
    )[0]


def told(report: Report, key: str, consultant: str = "") -> tuple[float | None, float | None, str | None]:
    value = (report.by["consultant"][consultant] if consultant else report.total).kpis[key]
    return value.target, value.attainment and round(value.attainment, 4), value.status


def test_targets_of_the_sheet_by_store_and_consultant(folder: Path) -> None:
    report = october(folder)
    assert told(report, "traffic") == (
        25,
        0.4,
        "bad",
    )  # 来电来访量 is the same measure in another house, and comes later
    assert told(report, "info_retention_rate", "张伟") == (0.9, 1.1111, "good")
    assert told(report, "info_retention_rate", "李娜") == (None, None, None)
    assert told(october(folder, "haima"), "contacts_total") == (25, 0.4, "bad")


def test_the_file_of_the_workspace_goes_before_the_sheet(folder: Path) -> None:
    (folder / "targets.toml").write_text(FILE, encoding="utf-8")
    report = october(folder)
    assert told(report, "traffic") == (12, 0.8333, "bad")
    assert told(report, "first_visits") == (8, 1.25, "good")
    assert told(report, "info_retention_rate", "李娜") == (0.5, 0.0, "bad")
    assert told(report, "info_retention_rate", "张伟") == (0.9, 1.1111, "good")


def test_a_target_of_the_book_is_the_last(folder: Path) -> None:
    report = october(folder, "handbook")
    assert told(report, "first_visit_groups") == (900, 0.0111, "bad")
    assert (
        report.by["consultant"]["张伟"].kpis["first_visit_groups"].target is None
    )  # the store's number is nobody's own
    assert report.by["consultant"]["张伟"].kpis["card_retention_rate"].target == 0.7
    (folder / "targets.toml").write_text("[2026-10]\nfirst_visit_groups = 10\n", encoding="utf-8")
    assert told(october(folder, "handbook"), "first_visit_groups") == (10, 1.0, "good")


def test_all_mistakes_of_the_file_are_told_at_once(folder: Path) -> None:
    bad = '2026-11 = 3\n[2026-10]\ntraffic = "12"\n[2026-10.consultant]\n"张伟" = 3\n[2026-09]\norders = true\n'
    (folder / "targets.toml").write_text(bad, encoding="utf-8")
    with pytest.raises(DefinitionError) as caught:
        october(folder)
    places = {mistake.key for mistake in caught.value.mistakes}
    assert places == {"2026-11", "2026-10.traffic", "2026-10.consultant.张伟", "2026-09.orders"}
    (folder / "targets.toml").write_text("[2026-10", encoding="utf-8")
    with pytest.raises(DefinitionError):
        october(folder)


def test_a_name_that_no_book_knows_is_told(folder: Path) -> None:
    (folder / "targets.toml").write_text("[2026-10]\ntrafic = 12\n", encoding="utf-8")
    _, issues = kpicli.report(kpicli.open_workspace(folder), "2026-10", today=date(2026, 11, 22))
    assert [(issue.code, issue.values["value"]) for issue in issues] == [("unknown_target", "trafic")]
