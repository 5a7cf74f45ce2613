"""The product against an independent opinion: plain Python counts of the rows the sample exports were written from."""

import json
from pathlib import Path

import pytest

import kpicli
from kpicli.kpi import Group
from kpicli.pipeline.ingest import Ingested
from kpicli.workspace import Workspace
from tests.conftest import SAMPLES, TODAY
from tests.sample import count, exports

EXPECTED = json.loads((Path(__file__).parent / "sample" / "expected.json").read_text(encoding="utf-8"))
MONTHS = ("2026-08", "2026-09", "2026-10")
DIMENSIONS = ("consultant", "model", "source", "week")


def plain(measures: object) -> dict[str, float | None]:
    return {key: None if value is None else float(value) for key, value in measures.items()}  # type: ignore[attr-defined]


@pytest.mark.parametrize("month", MONTHS)
def test_every_measure_equals_the_independent_count_in_total_and_in_every_group(
    month: str, sample: tuple[Workspace, Ingested]
) -> None:
    report, _ = kpicli.report(sample[0], month, today=TODAY)
    expected = EXPECTED["months"][month]
    assert plain(report.total.measures) == plain(expected["total"])
    for dimension in DIMENSIONS:
        groups = {name: plain(group.measures) for name, group in report.by[dimension].items()}
        assert groups == {name: plain(measures) for name, measures in expected[dimension].items()}, dimension


@pytest.mark.parametrize("month", MONTHS)
def test_every_ratio_equals_the_independent_ratio_in_total_and_in_every_group(
    month: str, sample: tuple[Workspace, Ingested]
) -> None:
    report, _ = kpicli.report(sample[0], month, today=TODAY)
    expected = EXPECTED["months"][month]
    ratios_equal(report.total, expected["total"])
    for dimension in DIMENSIONS:
        for name, group in report.by[dimension].items():
            ratios_equal(group, expected[dimension][name])


def ratios_equal(group: Group, measures: dict[str, int | float | None]) -> None:
    opinion = count.kpis(measures)
    for key, rate in opinion.items():
        if isinstance(rate, tuple | list):
            value, numerator, denominator = rate
            found = group.kpis[key]
            assert found.value == (None if value is None else pytest.approx(value)), key
            if value is not None:
                assert (found.numerator, found.denominator) == (numerator, denominator), key


def test_the_account_of_every_file_is_the_one_it_was_written_with(sample: tuple[Workspace, Ingested]) -> None:
    found = {file.file.name: file for file in sample[1].files}
    assert set(found) == set(EXPECTED["files"])
    for name, expected in EXPECTED["files"].items():
        (sheet,) = found[name].sheets
        assert sheet.form == expected["form"]
        assert sheet.rows == expected["rows"]
        assert sheet.set_aside == expected["set_aside"]
        assert sheet.not_data == expected["not_data"]
        assert sheet.stored + sheet.unchanged == expected["data"]


def test_control_totals_hold_on_every_file_that_has_them(sample: tuple[Workspace, Ingested]) -> None:
    totals = [sheet.not_data["total"] for file in sample[1].files for sheet in file.sheets]
    assert sum(totals) > 10
    assert not [issue for file in sample[1].files for issue in file.issues if issue.code == "control_total"]


def test_every_planted_fault_is_found_at_its_row(sample: tuple[Workspace, Ingested]) -> None:
    for file in sample[1].files:
        rows = {issue.row for issue in file.issues if issue.severity == "error"}
        assert rows == {int(row) for row in EXPECTED["files"][file.file.name]["set_aside_rows"]}, file.file.name


def test_the_targets_of_the_month_reach_the_store_the_consultants_and_the_models(
    sample: tuple[Workspace, Ingested],
) -> None:
    report, issues = kpicli.report(sample[0], "2026-10", today=TODAY)
    assert not issues
    assert report.total.kpis["vp_sales"].target == 55
    assert report.total.kpis["vp_sales"].attainment == pytest.approx(57 / 55)
    assert report.total.kpis["vp_sales"].status == "good"
    assert report.total.kpis["close_rate"].status == "bad"
    assert any(kpi.target for kpi in report.by["consultant"]["张伟"].kpis.values())
    assert any(kpi.target for group in report.by["model"].values() for kpi in group.kpis.values())


def test_the_month_before_stands_beside_each_value(sample: tuple[Workspace, Ingested]) -> None:
    before, _ = kpicli.report(sample[0], "2026-09", today=TODAY)
    report, _ = kpicli.report(sample[0], "2026-10", today=TODAY)
    for key, kpi in report.total.kpis.items():
        assert kpi.previous == before.total.kpis[key].value
    for name, group in report.by["consultant"].items():
        for key, kpi in group.kpis.items():
            assert kpi.previous == before.by["consultant"][name].kpis[key].value


def test_the_shipped_exports_are_fresh(tmp_path: Path) -> None:
    exports.write(tmp_path)
    written = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.suffix in (".xlsx", ".csv")}
    assert written == {path.name: path.read_bytes() for path in SAMPLES.iterdir()}
