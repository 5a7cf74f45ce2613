"""What people see: tables that fit, align and lose nothing, masked persons, text that cannot do harm, exported rows."""

import csv
import io
import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest
from rich.cells import cell_len
from rich.console import RenderableType

from kpicli.pipeline.ingest import Ingested
from kpicli.present import terminal
from kpicli.workspace import Workspace
from tests.conftest import SAMPLES
from tests.sample import showroom
from tests.test_cli import (
    GOOD,
    HEADER,
    IMPOSSIBLE,
    OCTOBER,
    call,
    shared_readers,  # noqa: F401 - a fixture: it works by being here
    table,
    workspace,
)
from tests.workbooks import book

Sample = tuple[Workspace, Ingested]

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
HAN = re.compile(r"[\u3400-\u9fff]+")
EVERY_BY = [word for key in ("consultant", "model", "source", "channel", "week", "day") for word in ("--by", key)]


def report(sample: Sample, *words: str, **environment: str) -> str:
    ended = call("report", "--store", sample[0].store, "--month", "2026-10", *words, **environment)
    assert ended.code == 0, ended.err[-300:]
    return ended.out


@pytest.fixture(scope="module")
def shown(sample: Sample) -> str:
    """The report of the last sample month on a terminal of 100 columns."""
    return report(sample)


@pytest.fixture(scope="module")
def document(sample: Sample) -> Any:
    """The same report as JSON, by consultant."""
    return call("report", "--store", sample[0].store, "--month", "2026-10", "--by", "consultant", "--json").document


def drawn(parts: Iterable[RenderableType], width: int) -> str:
    return terminal.render(parts, width=width, colour=False)


def widest(text: str) -> int:
    return max(cell_len(line) for line in text.splitlines())


def squeezed(text: str) -> str:
    return "".join(text.split())


# Width and alignment


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_report_by_everything_fits_80_columns(language: str, sample: Sample) -> None:
    assert widest(report(sample, *EVERY_BY, "--lang", language, COLUMNS="80")) <= 80


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("width", [60, 80, 81, 100])
def test_the_account_of_reading_fits_and_no_word_of_a_problem_is_lost(
    width: int, language: Any, sample: Sample
) -> None:
    catalogue, result = sample[0].catalogue, sample[1]
    assert widest(drawn(terminal.ingested(result, catalogue, language), max(80, width))) <= max(80, width)
    text = drawn(terminal.problems(result.files, language, all_of_them=True), width)
    assert widest(text) <= width
    for issue in (issue for file in result.files for issue in file.issues):
        assert squeezed(issue.message(language)) in squeezed(text), issue.code
        assert squeezed(issue.hint(language)) in squeezed(text), issue.code


@pytest.mark.parametrize(
    "words",
    [
        "forms",
        "forms show visits",
        "forms show intentions --lang en",
        "books",
        "books show buick",
        "kpis",
        "kpis close_rate",
    ],
)
def test_the_lists_fit_80_columns(words: str) -> None:
    ended = call(*words.split(), COLUMNS="80")
    assert ended.code == 0
    assert 20 < widest(ended.out) <= 80


def test_every_header_of_a_form_is_shown_whole() -> None:
    (form,) = call("forms", "show", "visits", "--json").document["forms"]
    for width in ("80", "100"):
        lines = call("forms", "show", "visits", COLUMNS=width).out.splitlines()
        top = next(line for line in lines if "认得的表头" in line)
        last = squeezed("".join(beyond(line, cell_len(top[: top.index("认得的表头")])) for line in lines))
        for column in form["columns"]:
            for header in column["headers"]:
                assert squeezed(header) in last, (width, header)


def beyond(line: str, cells: int) -> str:
    """What stands in a line from this cell on."""
    taken = 0
    while taken < len(line) and cell_len(line[:taken]) < cells:
        taken += 1
    return line[taken:]


def test_the_values_of_the_table_end_in_one_column_whatever_the_labels(shown: str, document: Any) -> None:
    lines = shown.splitlines()
    header = next(line for line in lines if "本月" in line)
    edge = cell_len(header[: header.index("本月") + 2])
    kpis = call("kpis", "--json").document["kpis"]
    for kpi in kpis:
        line = next(line for line in lines if line.startswith(f"{kpi['label']} "))
        value = document["total"]["kpis"][kpi["key"]]["value"]
        text = "—" if value is None else f"{value:.1%}" if kpi["unit"] == "%" else f"{value:,.0f}"
        start = line.index(text, len(kpi["label"]))
        assert cell_len(line[: start + len(text)]) == edge, line


# What the report says


def test_each_rate_stands_beside_its_numerator_and_denominator(shown: str, document: Any) -> None:
    labels = {kpi["key"]: kpi["label"] for kpi in call("kpis", "--json").document["kpis"]}
    for key, value in document["total"]["kpis"].items():
        if value["denominator"] is not None and value["value"] is not None:
            parts = f"{value['numerator']:,}/{value['denominator']:,}"
            assert re.search(rf"^{labels[key]} +{value['value']:.1%} +{parts} ", shown, re.M), key
    zhang = document["by"]["consultant"]["张伟"]["kpis"]["close_rate"]
    assert f"{zhang['numerator']}/{zhang['denominator']}" in shown


def test_status_and_reasons_are_words_so_that_no_colour_is_needed(shown: str) -> None:
    assert re.search(r"^VP销量 .* 达标  \S+$", shown, re.M)
    assert re.search(r"^信息留存率 .* 接近  \S+$", shown, re.M)
    assert re.search(r"^成交率 .* 未达  \S+$", shown, re.M)
    assert re.search(r"^市场占有率 +— +缺数据表", shown, re.M)


def test_an_empty_value_is_never_shown_as_0() -> None:
    call("ingest", table("visits.csv", GOOD), "--store", "store")
    text = call("report", "--store", "store", *OCTOBER).out
    for label in ("订单数", "VP销量", "成交率", "新增潜客数", "跟踪及时率"):
        line = next(line for line in text.splitlines() if line.startswith(f"{label} "))
        assert "—" in line
        assert not re.search(r"\d", line), line


def test_the_report_names_month_dealer_and_book_and_accounts_for_the_rows(shown: str) -> None:
    lines = shown.splitlines()
    assert lines[0] == "2026-10  上海示例别克  别克 DOSS 销售流程指标 (buick)"
    counts = [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", lines[-1])]
    files, rows, data, aside, rest = counts
    assert files == 6
    assert rows == data + aside + rest
    assert rows > 1000


def test_the_league_is_ranked_and_those_without_a_name_come_last(shown: str, document: Any) -> None:
    names = re.findall(r"^([\u4e00-\u9fff]{2,3}) +\d", shown[shown.index("销售顾问") :], re.M)
    groups = document["by"]["consultant"]
    assert set(names) == set(groups)
    assert names[-1] == "未分配"
    orders = [groups[name]["measures"]["orders"] for name in names[:-1]]
    assert orders == sorted(orders, reverse=True)


def test_weeks_are_listed_by_date(sample: Sample) -> None:
    weeks = re.findall(r"^(\d\d-\d\d~\d\d-\d\d) ", report(sample, "--by", "week"), re.M)
    assert weeks == ["10-01~10-04", "10-05~10-11", "10-12~10-18", "10-19~10-25", "10-26~10-31"]


def test_the_ingest_accounts_for_every_row_on_the_terminal() -> None:
    out = call("ingest", table("visits.csv", GOOD, IMPOSSIBLE), "--store", "store").out
    line = next(line for line in out.splitlines() if line.startswith("visits.csv"))
    assert re.findall(r"\d+", line) == ["3", "1", "0", "1", "1"]
    total = next(line for line in out.splitlines() if line.startswith("合计"))
    assert re.findall(r"\d+", total) == ["3", "1", "0", "1", "1"]


# Languages


def test_the_english_report_has_no_chinese_of_ours(sample: Sample) -> None:
    text = report(sample, "--by", "week", "--lang", "en").replace("上海示例别克", "")
    assert re.search(r"^Closing rate +\d+\.\d% +\d+/\d+ .* bad$", text, re.M)
    assert HAN.findall(text) == []


def test_the_english_lists_have_english_labels() -> None:
    assert "Closing rate" in call("kpis", "--lang", "en").out
    assert "Showroom visits and calls" in call("forms", "--lang", "en").out
    assert "Required" in call("forms", "show", "visits", "--lang", "en").out
    assert HAN.findall(call("forms", "check", "--lang", "en").out) == []


def test_english_problems_name_forms_and_columns_in_english() -> None:
    no_contact = GOOD.replace("首次", "").replace("张伟", "")
    file = table("visits.csv", GOOD, no_contact)
    issues = call("validate", file, "--store", "store", "--lang", "en", "--json").document["files"][0]["issues"]
    messages = {issue["code"]: issue["message"] for issue in issues}
    assert HAN.findall(messages["missing_required"]) == []
    assert "ontact" in messages["missing_required"]


@pytest.mark.parametrize(
    "words",
    [
        "report --store store --month 2026-10",
        "report --store store --month 2026-13",
        "report --store store --by colour",
        "forms show visitz",
        "kpis klose_rate",
        "ingest good.csv --store good.csv",
    ],
)
def test_english_errors_are_english(words: str) -> None:
    table("good.csv", GOOD)
    ended = call(*words.split(), "--lang", "en")
    assert ended.code > 1
    assert ended.err.strip()
    assert HAN.findall(ended.err) == []


# Colour


def test_colour_only_where_it_is_wanted(shown: str, sample: Sample) -> None:
    coloured = report(sample, FORCE_COLOR="1")
    assert "\x1b" not in shown
    assert "\x1b[32m" in coloured
    assert ESCAPE.sub("", coloured) == shown
    assert report(sample, FORCE_COLOR="1", NO_COLOR="1") == shown


def test_problems_follow_the_same_rule() -> None:
    file = table("visits.csv", GOOD, IMPOSSIBLE)
    coloured = call("validate", file, "--store", "store", FORCE_COLOR="1").err
    plain = call("validate", file, "--store", "store", NO_COLOR="1").err
    assert "\x1b[31m" in coloured
    assert ESCAPE.sub("", coloured) == plain
    assert "\x1b" not in plain


# Encodings


@pytest.mark.parametrize("encoding", ["gbk", "ascii"])
def test_no_command_breaks_on_an_encoding(encoding: str) -> None:
    file = table("客流.csv", GOOD.replace("张伟", "张𠮷"), IMPOSSIBLE)
    outputs = [
        call("ingest", file, "gone.csv", "--store", "store", "-v", encoding=encoding),
        call("report", "--store", "store", "--month", "2026-10", "--by", "consultant", encoding=encoding),
        call("export", "visits", "--store", "store", encoding=encoding),
        call("forms", "show", "visits", encoding=encoding),
        call("report", "--store", "store", "--month", "2026-1", encoding=encoding),
    ]
    assert [ended.code for ended in outputs] == [3, 0, 0, 0, 2]
    assert "2026-02-30" in outputs[0].err
    assert ("张?" if encoding == "gbk" else "??") in outputs[1].out
    assert "199****1111" in outputs[2].out


# Text from outside


EVIL = "\x1b[31m\x9b2J\x07\u202e[bold]"


def harmful(text: str) -> set[str]:
    controls = {char for char in text if char != "\n" and (ord(char) < 32 or 127 <= ord(char) < 160)}
    return controls | (set(text) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029"))


def hostile() -> Path:
    """A workbook with steering characters in sheet name, headers and cells that are shown somewhere."""
    rows = [
        [*HEADER.split(","), f"怪{EVIL}列", "意向级别", "信息来源"],
        [
            "2026-10-03",
            "首次",
            f"赵{EVIL}样一",
            "19900001111",
            f"张{EVIL}伟",
            f"君{EVIL}威",
            "x",
            f"Z{EVIL}",
            f"抖{EVIL}音",
        ],
        [f"2026-02-30{EVIL}", "首次", "钱样二", f"1990{EVIL}", "李娜", "君越", "x", "A", "抖音"],
        ["2026-10-04", f"第{EVIL}次", "孙样三", "19900001113", "李娜", "君越", "x", "A", "抖音"],
    ]
    other = [["苹果", "梨"], ["1", "2"]]
    return book("hostile.xlsx", sheets={"表\u202e\x9b2J": rows, "别\u202e表": other})


def test_nothing_from_a_workbook_can_steer_a_terminal() -> None:
    file = hostile()
    ended = call("ingest", file, "--store", "store", "-v", "--dealer", f"东{EVIL}店")
    assert ended.code == 1, ended.err[-300:]
    assert "怪" in ended.err
    assert "J2 " not in ended.out
    text = ended.out + ended.err
    by = ("--by", "consultant", "--by", "model", "--by", "source", "--by", "dealer")
    text += call("report", "--store", "store", "--month", "2026-10", *by).out
    text += call("report", "--store", "store", "--month", "2026-10", *by, "--lang", "en").out
    assert harmful(text) == set()
    assert "[bold]" in text


def test_nothing_from_a_file_name_can_steer_a_terminal() -> None:
    for name in ("a\x1b[31m\x9b2J\u202e.csv", "b\x1b]0;x\x07.csv"):
        Path(name).write_text(f"{HEADER}\n{GOOD}\n{IMPOSSIBLE}\n", encoding="utf-8")
    ended = call("ingest", ".", "gone\x1b[31m.csv", "--store", "store", "-v")
    assert ended.code == 3
    assert harmful(ended.out + ended.err) == set()


def test_nothing_from_a_definition_or_a_setting_can_steer_a_terminal() -> None:
    home = workspace("", forms_mine='label = "x"\n"\\u001b[31mkey" = 3', books_mine='"\\u009b2J" = 3')
    other = workspace('"\\u001b[31mkey" = 3\nlanguage = "\\u001b[32m"', "other")
    outputs = [call(*words.split()) for words in ("forms check -C ws", "books check -C ws", "report -C ws")]
    outputs.append(call("report", "-C", other))
    assert [ended.code for ended in outputs] == [1, 1, 2, 2]
    assert home.is_dir()
    assert harmful("".join(ended.out + ended.err for ended in outputs)) == set()


def test_nothing_from_the_command_line_itself_can_steer_a_terminal() -> None:
    for words in (("forms", "show", EVIL), ("report", "--store", EVIL), ("ingest", EVIL, "--store", "store")):
        ended = call(*words)
        assert ended.code > 1
        assert harmful(ended.out + ended.err) == set(), words


# Persons


@cache
def persons() -> tuple[set[str], set[str]]:
    """Every full name and every phone that stands in a sample file."""
    rows = [row for story in (showroom.simulate(), showroom.truth()) for form in story.values() for row in form]
    names = {row.get("customer") or "" for row in rows}
    phones = {row.get("phone") or "" for row in rows}
    return {name for name in names if len(name) > 1}, {phone for phone in phones if re.fullmatch(r"\d{8,}", phone)}


def leaks(text: str) -> set[str]:
    """Persons of the sample that a text names, also those of rows set aside; phones also when written in parts."""
    names, phones = persons()
    words = set(re.findall(r"[\u4e00-\u9fff]{2,}", text))
    pieces = {
        word[start:end] for word in words for start in range(len(word)) for end in range(start + 2, len(word) + 1)
    }
    joined = re.sub(r"(?<=\d)[- ](?=\d)", "", text)
    numbers = {number for form in (text, joined) for number in re.findall(r"\d{8,}", form)}
    found = {number for number in numbers if number in phones or re.fullmatch(r"(86)?1990\d{7}", number)}
    return found | (names & pieces) | set(re.findall(r"[\u4e00-\u9fff]样[零一二三四五六七八九十]+", text))


def test_the_search_for_persons_finds_them(sample: Sample) -> None:
    open_rows = call("export", "visits", "--store", sample[0].store, "--show-pii").out
    names, phones = persons()
    assert len(names) > 500
    assert len(phones) > 500
    assert len(leaks(open_rows)) > 500
    assert leaks("199-0000-1234 李样十二") == {"19900001234", "李样十二"}
    assert leaks("199****1234 李*") == set()


def test_no_person_of_the_sample_is_in_any_output(sample: Sample) -> None:
    store = sample[0].store
    forms = ("visits", "intentions", "test_drives", "invoices", "followups", "targets")
    calls = [
        *(("export", form, "--store", store) for form in forms),
        *(("export", form, "--store", store, "--format", "json") for form in forms[:2]),
        ("report", "--store", store, "--month", "2026-10", *EVERY_BY),
        ("report", "--store", store, "--month", "2026-10", "--json"),
    ]
    for words in calls:
        ended = call(*words)
        assert ended.code == 0
        assert len(ended.out) > 200
        assert leaks(ended.out + ended.err) == set(), words


def test_no_person_of_the_sample_is_in_what_the_reading_says(sample: Sample) -> None:
    catalogue, result = sample[0].catalogue, sample[1]
    for language in ("zh", "en"):
        text = drawn(terminal.ingested(result, catalogue, language), 120)
        text += drawn(terminal.problems(result.files, language, all_of_them=True), 120)
        assert leaks(text) == set()
    drives = SAMPLES / "2026-09 试乘试驾登记表.xlsx"
    for words in ((), ("--json",)):
        ended = call("ingest", drives, "--store", "store", "-v", *words)
        assert "试乘试驾登记表" in ended.out
        assert leaks(ended.out + ended.err) == set()


@pytest.mark.parametrize("form", ["parquet", "xlsx"])
def test_no_person_is_in_an_exported_file_unless_asked_for(form: str, sample: Sample) -> None:
    for words, masked in (((), True), (("--show-pii",), False)):
        ended = call("export", "invoices", "--store", sample[0].store, "--format", form, "--out", f"i.{form}", *words)
        assert ended.code == 0
        text = "\n".join(str(cell) for row in content(Path(f"i.{form}")) for cell in row)
        assert (leaks(text) == set()) == masked


# Exported rows


def content(path: Path) -> list[list[Any]]:
    if path.suffix == ".parquet":
        return [list(row) for row in pl.read_parquet(path).iter_rows()]
    sheet = openpyxl.load_workbook(path).active
    assert sheet is not None
    return [[cell.value for cell in row] for row in sheet.iter_rows()][1:]


def test_persons_are_masked_unless_asked_for_and_staff_are_not() -> None:
    call("ingest", table("visits.csv", GOOD), "--store", "store")
    (masked,) = call("export", "visits", "--store", "store", "--format", "json").document
    (full,) = call("export", "visits", "--store", "store", "--format", "json", "--show-pii").document
    assert (masked["customer"], masked["phone"], masked["consultant"]) == ("赵*", "199****1111", "张伟")
    assert (full["customer"], full["phone"], full["consultant"]) == ("赵样一", "19900001111", "张伟")
    assert {**masked, "customer": 0, "phone": 0} == {**full, "customer": 0, "phone": 0}


def test_all_formats_hold_the_same_rows(sample: Sample) -> None:
    words = ("export", "invoices", "--store", sample[0].store, "--show-pii")
    for form in ("csv", "json", "parquet", "xlsx"):
        ended = call(*words, "--format", form, "--out", f"rows.{form}")
        assert (ended.code, ended.out) == (0, ""), ended.err[-300:]
    frame = pl.read_parquet("rows.parquet")
    keys = frame["invoice_no"].to_list()
    amounts = [float(amount) for amount in frame["amount"]]
    assert len(keys) == len(set(keys)) > 150
    assert frame["date"].to_list() == sorted(frame["date"])
    assert call(*words, "--format", "json").out == Path("rows.json").read_text(encoding="utf-8")
    rows = call(*words, "--format", "json").document
    assert [(row["invoice_no"], row["amount"]) for row in rows] == list(zip(keys, amounts, strict=True))
    text = Path("rows.csv").read_text(encoding="utf-8")
    assert text.startswith("\ufeffdealer,invoice_no,")
    assert text.removeprefix("\ufeff") == call(*words).out
    lines = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    assert [(line["invoice_no"], float(line["amount"])) for line in lines] == list(zip(keys, amounts, strict=True))
    sheet = content(Path("rows.xlsx"))
    place = frame.columns.index
    assert [(row[place("invoice_no")], float(row[place("amount")])) for row in sheet] == list(
        zip(keys, amounts, strict=True)
    )
    assert all(isinstance(row[place("date")], date) for row in sheet)
    assert min(amounts) < 0
    assert isinstance(frame["amount"][0], Decimal)


def test_a_month_can_be_exported_alone(sample: Sample) -> None:
    words = ("export", "visits", "--store", sample[0].store, "--format", "json")
    everything = call(*words).document
    october = [row for row in everything if row["date"].startswith("2026-10")]
    assert 0 < len(october) < len(everything)
    assert call(*words, "--month", "2026-10").document == october
    assert call(*words, "--month", "2025-01").document == []


@pytest.mark.parametrize("month", ["last", "this"])
def test_an_export_takes_the_same_words_for_a_month_as_a_report(month: str, sample: Sample) -> None:
    words = ("export", "visits", "--store", sample[0].store, "--format", "json", "--month")
    assert call(*words, month).code == 0
    found = {row["date"][:7] for row in call(*words, month).document}
    assert found == ({"2026-10"} if month == "last" else set())


FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)")


def test_text_that_looks_like_a_formula_stays_text() -> None:
    rows = [f"2026-10-03,首次,客人,1990000111{n},{formula}王,{formula},{formula}" for n, formula in enumerate(FORMULAS)]
    call("ingest", table("visits.csv", *rows, header=f"{HEADER},备注"), "--store", "store")
    words = ("export", "visits", "--store", "store", "--show-pii")
    for form in ("xlsx", "csv", "json"):
        assert call(*words, "--format", form, "--out", f"rows.{form}").code == 0
    sheet = openpyxl.load_workbook("rows.xlsx").active
    assert sheet is not None
    cells = [cell for row in sheet.iter_rows() for cell in row if str(cell.value).startswith(tuple("=+-@"))]
    assert {cell.value for cell in cells} >= {formula for formula in FORMULAS if formula != "-1"}
    assert {cell.data_type for cell in cells} == {"s"}
    for text in (Path("rows.csv").read_text(encoding="utf-8"), call(*words).out):
        cells = [cell for line in csv.reader(io.StringIO(text)) for cell in line]
        assert [cell for cell in cells if cell.startswith(tuple("=+-@"))] == []
        assert "'=1+1" in cells
    notes = {row["note"] for row in call(*words, "--format", "json").document}
    assert notes >= {"=1+1", "+1", "@SUM(A1)"}


@pytest.mark.parametrize("form", ["csv", "json", "parquet", "xlsx"])
def test_rows_with_steering_characters_can_be_exported(form: str) -> None:
    call("ingest", hostile(), "--store", "store")
    ended = call("export", "visits", "--store", "store", "--format", form, "--out", f"rows.{form}")
    assert ended.code == 0, ended.err[-300:]
    assert Path(f"rows.{form}").stat().st_size > 100
