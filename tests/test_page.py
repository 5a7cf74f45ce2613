"""The page: every number is that of the JSON, whatever the names; one file that needs and fetches nothing."""

import csv
import json
import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kpicli
from kpicli.measure import trace
from kpicli.periods import Month
from kpicli.pipeline.ingest import Ingested
from kpicli.pipeline.page import paged, shown
from kpicli.pipeline.report import report
from kpicli.present import charts
from kpicli.stages import wilson
from kpicli.store import Store
from kpicli.workspace import Workspace
from tests.conftest import SAMPLES, TODAY
from tests.test_cli import (
    GOOD,
    call,
    shared_readers,  # noqa: F401 - a fixture: it works by being here
    table,
)

Sample = tuple[Workspace, Ingested]
ASKED = ("--month", "2026-10", "--as-of", "2026-11-01")
HAN = re.compile(r"[\u3400-\u9fff\uff00-\uffef]")
VOID = {"meta", "path"}
TAGS = {
    *("html", "head", "meta", "title", "style", "body", "header", "nav", "main", "section", "article", "footer"),
    *("svg", "symbol", "path", "use", "desc", "figure", "figcaption", "details", "summary", "div", "p", "span"),
    *("h1", "h2", "h3", "h4", "ul", "ol", "li", "dl", "dt", "dd", "a", "b", "i", "bdi", "small", "code", "data"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}


# Reading a page


@dataclass
class Number:
    """A ``data`` element."""

    value: Any
    path: str
    text: str = ""


@dataclass
class Read(HTMLParser):
    """A page taken apart."""

    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    numbers: list[Number] = field(default_factory=list)
    quoted: list[Number] = field(default_factory=list)
    """Sentences of the document."""
    texts: list[tuple[str, str]] = field(default_factory=list)
    """Text, and of what it is: ``num`` beside a number, ``zh``, ``name``, or nothing."""

    def __post_init__(self) -> None:
        super().__init__()
        self.open: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        self.tags.append((tag, told))
        if tag == "data":
            self.numbers.append(Number(json.loads(told["value"]), told["data-path"]))
        elif "data-path" in told:
            self.quoted.append(Number(None, told["data-path"]))
        if tag not in VOID and not self.get_starttag_text().endswith("/>"):  # type: ignore[union-attr]
            self.open.append((tag, told))

    def handle_startendtag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1][0] == "style":
            return
        if self.open[-1][0] == "data":
            self.numbers[-1].text += data
        elif "data-path" in self.open[-1][1]:
            self.quoted[-1].text += data
        classes = {name for _, told in self.open for name in told.get("class", "").split()}
        kinds = {
            "data": any(tag == "data" for tag, _ in self.open),
            "name": any(tag in ("bdi", "code") for tag, _ in self.open),
            "zh": any(told.get("lang") == "zh-CN" for tag, told in self.open if tag != "html"),
            "num": "num" in classes,
        }
        self.texts.append((data, next((kind for kind, there in kinds.items() if there), "")))


def read(page: str) -> Read:
    found = Read()
    found.feed(page)
    found.close()
    assert found.open == []
    return found


def made(store: Path | str, *words: object, out: str = "page.html") -> str:
    """The page that the command writes."""
    ended = call("report", *words, "--store", store, "--format", "html", "--out", out)
    assert ended.code == 0, ended.err
    assert f"→ {out}" in ended.out
    return Path(out).read_text(encoding="utf-8")


def documents(store: Path | str, *words: object) -> dict[str, Any]:
    """What the commands say of the same in JSON, put together as a page has it."""

    def told(command: str, *more: str) -> Any:
        ended = call(command, *more, *words, "--store", store, "--json")
        return json.loads(ended.out) if ended.code == 0 else None

    found = told("report")
    first = [key for key, value in found["total"]["kpis"].items() if value["value"] is not None]
    book = kpicli.open_workspace(store=store).catalogue.book(found["book"])
    first = [key for key in first if key in book.league or found["total"]["kpis"][key]["target"] is not None]
    statuses = [value["status"] for value in found["total"]["kpis"].values()]
    found["statuses"] = {status: statuses.count(status) for status in ("good", "near", "bad")}
    found["trend"] = told("trend", *first)
    found["diagnosis"] = told("diagnose")
    found["funnel"] = told("funnel")
    if found["funnel"]:
        goal = book.funnels[found["funnel"]["funnel"]].goal
        found["way"] = way(found["funnel"]["stages"], goal)
        found["ways"] = {
            name: {group: way(one["stages"], goal) for group, one in groups.items()}
            for name, groups in found["funnel"]["by"].items()
        }
    return dict(found)


def way(stages: Sequence[Any], goal: str) -> Any:
    """From the top of a funnel to its goal, by the counts of its stages."""
    count = next(stage["count"] for stage in stages if stage["stage"] == goal)
    if count is None:
        return {"count": None, "of": None, "rate": None, "interval": None}
    of = next((stage["count"] for stage in stages if stage["from_previous"] is None), 0)
    bounds = wilson(count, of)
    rate = count / of if of else None
    return {"count": count, "of": of, "rate": rate, "interval": list(bounds) if bounds else None}


def at(document: Any, path: str) -> Any:
    """What a JSON pointer points to."""
    for name in path.split("/")[1:]:
        name = unquote(name).replace("~1", "/").replace("~0", "~")
        document = document[int(name)] if isinstance(document, list) else document[name]
    return document


def agree(page: str, truth: Any) -> int:
    """Hold every number against the JSON and its own text; give how many there are."""
    found = read(page)
    for number in found.numbers:
        if number.path.split("/")[1] not in ("account", "evidence"):
            assert number.value == pytest.approx(at(truth, number.path), rel=1e-12), number
        said = number.text.replace(",", "").replace("−", "-")
        digits = len(said.rstrip("%").partition(".")[2])
        value = number.value * (100 if said.endswith("%") else 1)
        slack = 1 if "/parts/" in number.path else 0.5  # parts are rounded so that they add up
        assert abs(float(said.rstrip("%")) - value) <= slack * 10**-digits * (1 + 1e-9), number
    for sentence in found.quoted:
        assert sentence.text == at(truth, sentence.path)
    return len(found.numbers)


@pytest.fixture(scope="module")
def october(sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of the sample's last month."""
    return made(sample[0].store, *ASKED, out=str(tmp_path_factory.mktemp("page") / "page.html"))


# What it says


def test_every_number_is_that_of_the_json(sample: Sample, october: str) -> None:
    assert agree(october, documents(sample[0].store, *ASKED)) > 500
    assert {number.path.split("/")[1] for number in read(october).numbers} == {
        *("total", "by", "funnel", "way", "ways", "trend", "diagnosis", "statuses", "account", "evidence")
    }


def test_no_number_stands_beside_the_numbers(october: str) -> None:
    beside = [text for text, kind in read(october).texts if kind == "num"]
    assert len(beside) > 100
    assert [text for text in beside if re.search(r"\d", text)] == []


def test_the_evidence_is_the_rows_that_are_traced(sample: Sample) -> None:
    workspace = sample[0]
    found, _ = report(workspace, "2026-10", today=TODAY)
    evidence = paged(workspace, found).evidence
    store, month = Store(workspace.store), Month(2026, 10).period
    with store.reading():
        for key, places in evidence.items():
            rows = trace(workspace.catalogue, found.book, store, month, key).rows
            traced = rows.group_by("file", "sheet").len().rows()
            assert {(place.file, place.sheet, place.rows) for place in places} == set(traced), key
    assert sum(1 for places in evidence.values() if places) > 15


def test_the_account_is_that_of_the_report(sample: Sample, october: str) -> None:
    found, _ = report(sample[0], "2026-10", today=TODAY)
    numbers = read(october).numbers
    told = {number.path.removeprefix("/account/"): number.value for number in numbers if "/account/" in number.path}
    assert told == vars(found.account)


def test_the_command_under_a_number_lists_its_rows(sample: Sample, october: str) -> None:
    commands = [text for text, kind in read(october).texts if kind == "name" and text.startswith("kpicli explain ")]
    assert "kpicli explain close_rate --month 2026-10" in commands
    ended = call(*commands[0].split()[1:], "--store", sample[0].store, "--as-of", "2026-11-01")
    assert ended.code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--as-of", "2026-10-15"), "进行中：到今天"),
        (("--as-of", "2026-11-01", "--book", "haima"), "--book haima</code>"),
        (("--as-of", "2026-11-22", "--as-known-on", "2026-11-01"), "--as-known-on 2026-11-01</code>"),
    ],
    ids=["running", "book", "known"],
)
def test_other_months_books_and_moments_agree_with_the_json(sample: Sample, words: tuple[str, ...], said: str) -> None:
    asked = ("--month", "2026-10", *words)
    page = made(sample[0].store, *asked)
    assert agree(page, documents(sample[0].store, *asked)) > 300
    assert said in page


@pytest.fixture
def rows() -> str:
    """A store with a few rows of one month: no targets, no month before, hardly a form."""
    call("ingest", table("visits.csv", GOOD), "--store", "small")
    return "small"


def test_a_store_of_one_month_without_targets(rows: str) -> None:
    page = made(rows, *ASKED)
    assert agree(page, documents(rows, *ASKED)) > 5
    for section in ('id="trends"', 'id="causes"', "达标", ">上月<"):
        assert section not in re.sub(r"<style>.*?</style>|<symbol.*?</symbol>", "", page, flags=re.S), section
    assert page.count("缺数据表") > 5


def test_a_closed_month_says_so_and_keeps_its_numbers(rows: str) -> None:
    call("close", "2026-10", "--store", rows, "--as-of", "2026-11-01")
    call("ingest", table("more.csv", GOOD.replace("1111", "2222")), "--store", rows)
    page = made(rows, *ASKED)
    assert agree(page, documents(rows, *ASKED)) > 5
    assert "已结账（2026-11-01" in page
    assert [number.value for number in read(page).numbers if number.path.startswith("/evidence/showroom_visits")] == [1]


def test_an_empty_month_writes_nothing(rows: str) -> None:
    ended = call("report", "--month", "2026-08", "--store", rows, "--format", "html", "--out", "page.html")
    assert ended.code == 5
    assert not Path("page.html").exists()


# In both languages


def test_it_is_in_english_but_for_names_and_definitions(sample: Sample) -> None:
    page = made(sample[0].store, *ASKED, "--lang", "en")
    found = read(page)
    assert found.tags[0] == ("html", {"lang": "en"})
    assert agree(page, documents(sample[0].store, *ASKED, "--lang", "en")) > 500
    names = "|".join(report(sample[0], "2026-10", today=TODAY)[0].by["consultant"])
    other = [re.sub(names, "", text) for text, kind in found.texts if kind not in ("name", "zh")]
    assert [text for text in other if HAN.search(text) and "上海示例别克" not in text] == []
    assert any(HAN.search(text) for text, kind in found.texts if kind == "zh")


# One file, whatever is in it


HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "]]></style><b>",
    "\u202e\u2066gnp.exe",
    "{{ 7*7 }}{% raw %}",
    "&lt;a~b/c%d",
    "' onload='x",
)


@pytest.fixture
def hostile() -> str:
    header = "日期,来店性质,客户姓名,联系电话,销售顾问,意向车型,信息来源,经销商代码"
    lines = []
    for number, name in enumerate(HOSTILE):
        cell = '"' + name.replace('"', '""') + '"'
        lines += [
            f"2026-{month}-03,首次,客{number},1990000{number}{extra:03d},{cell},{cell},{cell},{cell}"
            for month in ("09", "10")
            for extra in range(12)
        ]
    name = "<img onerror=x>\u202e & 'a'.csv"
    call("ingest", table(name, *lines, header=header), "--store", "hostile")
    return "hostile"


def test_hostile_names_stay_text(hostile: str) -> None:
    page = made(hostile, *ASKED)
    found = read(page)
    said = "".join(text for text, _ in found.texts)
    for name in (HOSTILE[0], HOSTILE[1], HOSTILE[4], HOSTILE[5], "<img onerror=x> & 'a'.csv"):
        assert name in said, name
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", page)
    assert agree(page, documents(hostile, *ASKED)) > 100
    sound(page)


def test_a_hostile_dealer_stays_text(hostile: str) -> None:
    page = made(hostile, *ASKED, "--dealer", HOSTILE[1])
    sound(page)
    assert "&#34;&gt;&lt;img src=x onerror=alert(1)&gt; 经营月报</title>" in page


def sound(page: str) -> None:
    """A page that runs nothing, fetches nothing and is allowed to do neither."""
    found = read(page)
    assert page.startswith("<!DOCTYPE html>\n")
    assert {tag for tag, _ in found.tags} <= TAGS
    names = {name for _, told in found.tags for name in told}
    assert not names & {"style", "src", "srcset", "action", "xlink:href", "background"}
    assert not [name for name in names if name.startswith("on")]
    assert all(told["href"].startswith("#") for _, told in found.tags if "href" in told)
    assert not re.search(r"url\(|@import|image-set|expression\(|javascript:", page)
    style = re.search(r"<style>(.*?)</style>", page, re.S)
    policy = next(told["content"] for _, told in found.tags if told.get("http-equiv") == "Content-Security-Policy")
    assert style
    digest = b64encode(sha256(style[1].encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    ids = [told["id"] for _, told in found.tags if "id" in told]
    assert len(ids) == len(set(ids))
    linked = {told["href"][1:] for _, told in found.tags if "href" in told}
    assert linked <= set(ids)
    for tag, told in found.tags:
        if tag == "svg" and "aria-hidden" not in told:
            assert told["role"] == "img"


def test_the_page_of_the_sample_is_sound(october: str) -> None:
    sound(october)
    titled = re.findall(r'role="img"><title>([^<]+)</title><desc>([^<]+)</desc>', october)
    assert len(titled) == len(re.findall(r'role="img"', october)) > 5


def test_the_same_twice_is_the_same_bytes(sample: Sample, october: str) -> None:
    assert october == made(sample[0].store, *ASKED, "--by", "day", out="other.html")


def visitors(consultants: int, months: int) -> Iterator[tuple[list[str], list[str]]]:
    """Visits and intentions of a big showroom, without chance."""
    first, number = date(2025, 11, 1), 0
    for day in range(30 * months):
        for each in range(consultants):
            number += 1
            when = (first + timedelta(days=day)).isoformat()
            who = [f"样{number}", f"199{number:08d}", f"顾问第{each:02d}号", f"车型{number % 12}", f"来源{number % 9}"]
            yield (
                [when, "到店", "首次", *who, "是" if number % 3 else "否"],
                [when, f"C{number}", *who, when if number % 7 == each % 3 else ""],
            )


def test_the_page_of_a_big_store_is_small() -> None:
    who = ["客户姓名", "联系电话", "销售顾问", "意向车型", "信息来源"]
    visits, cards = zip(*visitors(30, 12), strict=True)
    for name, header, rows in (
        ("visits.csv", ["日期", "接触方式", "来店性质", *who, "是否留档"], visits),
        ("cards.csv", ["建档日期", "客户编号", *who, "订单日期"], cards),
    ):
        with Path(name).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([header, *rows])
    assert call("ingest", "visits.csv", "cards.csv", "--store", "big").code in (0, 1)
    page = made("big", *ASKED)
    assert read(page).texts.count(("顾问第07号", "name")) >= 3
    assert len(page.encode()) < 300_000


# Where it is written


def test_a_folder_gets_a_file_named_after_month_and_dealer(sample: Sample) -> None:
    ended = call("report", *ASKED, "--store", sample[0].store, "--format", "html", "--out", "a/b", "--json")
    (path,) = (Path(name) for name in json.loads(ended.out)["written"])
    assert path == Path("a/b/2026-10 上海示例别克 KPI.html")
    assert path.is_file()
    assert sorted(path.parent.iterdir()) == [path], "nothing else is left behind"


def test_several_books_are_a_file_each_and_not_one_named_file(sample: Sample) -> None:
    ended = call("report", *ASKED, "--store", sample[0].store, "--format", "html", "--out", "o", "--book", "all")
    assert ended.code == 0
    books = sample[0].catalogue.books.values()
    assert sorted(path.name for path in Path("o").iterdir()) == sorted(
        f"2026-10 上海示例别克 {book.label} KPI.html" for book in books
    )
    for path in Path("o").iterdir():
        sound(path.read_text(encoding="utf-8"))
    ended = call("report", *ASKED, "--store", sample[0].store, "--format", "html", "--out", "o.html", "--book", "all")
    assert (ended.code, "o.html" in ended.err) == (2, True)
    assert not Path("o.html").exists()


def test_templates_go_beside_a_page_that_is_named(sample: Sample) -> None:
    words = ("--store", sample[0].store, "--format", "html", "--out", "o/x.html", "--template", "绩效管理表")
    assert call("report", *ASKED, *words).code == 0
    assert sorted(path.name for path in Path("o").iterdir()) == ["2026-10 上海示例别克 绩效管理表.xlsx", "x.html"]


def test_other_formats_and_comparisons_are_refused(sample: Sample) -> None:
    refused = {("--format", "pdf"): "unknown_format", ("--format", "html", "--compare-close"): "compare_alone"}
    for words, code in refused.items():
        ended = call("report", *ASKED, "--store", sample[0].store, *words, "--json")
        assert (ended.code, json.loads(ended.out)["error"]["code"]) == (2, code)


def test_a_page_that_cannot_be_written_is_one_clear_error(sample: Sample) -> None:
    Path("taken.html").mkdir()
    ended = call("report", *ASKED, "--store", sample[0].store, "--format", "html", "--out", "taken.html")
    assert ended.code == 4
    assert list(Path().iterdir()) == [Path("taken.html")]


def test_the_months_end_writes_the_same_page() -> None:
    assert call("init", "shop").code == 0
    for path in [*SAMPLES.glob("2026-10*"), *SAMPLES.glob("*目标*")]:
        (Path("shop/inbox") / path.name).write_bytes(path.read_bytes())
    run = json.loads(call("month-end", "-C", "shop", "--as-of", "2026-11-01", "--json").out)
    name = "2026-10 上海示例别克 KPI.html"
    written = (Path("shop/reports/2026-10") / name).read_bytes()
    assert {"file": name, "sha256": sha256(written).hexdigest()} in run["outputs"]
    ended = call("report", *ASKED, "-C", "shop", "--format", "html", "--out", "again.html")
    assert ended.code == 0
    assert Path("again.html").read_bytes() == written


def test_what_comes_first_is_the_league_and_what_has_targets(sample: Sample) -> None:
    found, _ = report(sample[0], "2026-10", today=TODAY)
    told = set(shown(found))
    assert {key for key in found.book.league if key in found.total.kpis and found.total.kpis[key].value} <= told
    assert {key for key, value in found.total.kpis.items() if value.target} - told == set()
    assert 4 <= len(told) < len(found.total.kpis)


# Charts


SIZES = st.floats(0, 1e9, allow_nan=False)
MONTHS = st.lists(st.one_of(st.none(), SIZES), min_size=1, max_size=24)


def places(drawing: charts.Drawing) -> Iterator[float]:
    for mark in drawing.marks:
        for number in re.findall(r"-?\d[\d.e+-]*", mark.path.replace("h0.01", "")):
            yield float(number)


@given(value=SIZES, widest=SIZES, months=MONTHS, low=SIZES, high=SIZES)
def test_all_marks_lie_in_their_plane(
    value: float, widest: float, months: list[float | None], low: float, high: float
) -> None:
    low, high = sorted((low, high))
    drawn = [
        charts.bar(value, widest, low),
        charts.meter(value),
        charts.interval(value, low, high, low, widest),
        charts.step(low, high, min(low, value), max(high, value)),
        charts.level(value, min(low, value), max(high, value)),
        charts.parts([("data", value), ("set_aside", low)]),
        charts.line(months, before=months[::-1], limits=(low, value, high), signals=[0]),
        charts.line(months, running=True, small=True),
    ]
    for drawing in drawn:
        assert all(0 <= place <= 100 for place in places(drawing)), drawing


def test_a_bar_is_as_long_as_its_share_and_a_meter_has_its_target_at_four_fifths() -> None:
    assert charts.bar(25, 100).marks[-1].path == "M0 0H25V100H0z"
    assert charts.meter(1.0).marks[1].path == "M0 0H80V100H0z"
    assert charts.meter(9.0).marks[1].path == "M0 0H100V100H0z"
    assert charts.meter(1.0).marks[2].path == "M80 0V100"


def test_a_waterfall_goes_on_where_the_step_before_ended() -> None:
    up, down = charts.step(10, 30, 0, 50), charts.step(30, 5, 0, 50)
    assert (up.marks[1].style, up.marks[1].path, up.marks[2].path) == ("gain", "M20 0H60V100H20z", "M60 0V100")
    assert (down.marks[1].style, down.marks[1].path, down.marks[2].path) == ("loss", "M10 0H60V100H10z", "M10 0V100")


def test_a_missing_month_parts_the_line_and_more_is_higher() -> None:
    drawing = charts.line([1.0, 2.0, None, 4.0])
    lines = [mark.path for mark in drawing.marks if mark.style == "series"]
    assert len(lines) == 2
    running = charts.line([1.0, 2.0, 4.0], running=True)
    assert [mark.path.count("L") for mark in running.marks if mark.style == "series"] == [1], "it is not over"
    assert [mark.style for mark in running.marks][-1] == "open"
    heights = [float(point.split(" ")[1].removesuffix("h0.01")) for point in lines[0][1:].split("L")]
    assert heights[0] > heights[1], "up is less in SVG"
