"""No output of any command names a customer: each one of the sample is looked for in all that is said and written."""

import json
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kpicli.pipeline.ingest import Ingested
from kpicli.workspace import Workspace
from tests.conftest import SAMPLES
from tests.test_cli import (
    call,
    shared_readers,  # noqa: F401 - a fixture: it works by being here
)
from tests.test_docs import commands

Sample = tuple[Workspace, Ingested]
AS_OF = ("--as-of", "2026-11-01")
MONTH = ("--month", "2026-10")
SAID = [
    ("status", "-v"),
    ("report", *MONTH),
    ("report", *MONTH, "--compare", "year", "--by", "source", "--by", "day"),
    ("funnel", *MONTH, "--check", "-v", "--allow-findings"),
    ("funnel", *MONTH, "--check", "--json", "--allow-findings"),
    ("funnel", *MONTH, "--cohort", "--json"),
    ("funnel", *MONTH, "--lost"),
    ("plan", "--month", "next", "--target", "60", "--set", "close_rate=12%"),
    ("plan", *MONTH, "--json"),
    ("followups", "-v"),
    ("followups", "--json"),
    ("explain", "close_rate", *MONTH, "-v"),
    ("explain", "orders", *MONTH, "--json"),
    ("diagnose", *MONTH, "--by", "source", "--consultant", "张伟"),
    ("diagnose", *MONTH, "--json"),
    ("trend", *MONTH),
    ("trend", "orders", *MONTH, "--consultant", "张伟", "--json"),
    *(("export", form, "--format", kind) for form in ("visits", "intentions") for kind in ("csv", "json")),
    ("store", "check"),
    ("runs",),
    ("runs", "show", "--json"),
    ("runs", "diff", "last", "last"),
    ("doctor",),
    ("config",),
]
"""What a command says of the sample; those that say nothing of rows are not among them."""
SILENT = {
    "books",
    "close",
    "demo",
    "forms",
    "ingest",
    "init",
    "kpis",
    "map",
    "month-end",
    "redo",
    "reopen",
    "templates",
    "undo",
    "validate",
}
"""Commands that stand elsewhere in this module, or know no rows."""


@pytest.fixture(scope="module")
def people(sample: Sample) -> tuple[frozenset[str], frozenset[str]]:
    """The full names and the phones of every customer in the sample."""
    store = sample[0].store
    names: set[str] = set()
    phones: set[str] = set()
    for form in ("visits", "intentions", "test_drives", "invoices", "followups"):
        for row in json.loads(call("export", form, "--format", "json", "--show-pii", "--store", store).out):
            for key, value in row.items():
                if value and "phone" in key:
                    phones.add(str(value))
                if value and key in ("customer", "customer_name", "name"):
                    names.add(str(value))
    assert len(names) > 200
    assert len(phones) > 300
    return frozenset(name for name in names if len(name) > 2), frozenset(phones)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace after its month's end."""
    home = tmp_path_factory.mktemp("shop") / "shop"
    assert call("init", home).code == 0
    templates = '["月度KPI报告", "销售漏斗与顾问排名", "意向客户跟进汇总表", "PDCA改善表"]'
    (home / "kpicli.toml").write_text(f"templates = {templates}\n", encoding="utf-8")
    for path in SAMPLES.iterdir():
        shutil.copy(path, home / "inbox")
    (home / "inbox/坏.xlsx").write_bytes(b"PK\x03\x04" + bytes(40))
    assert call("month-end", "-C", home, *AS_OF).code == 3
    return home


def found(text: str, people: tuple[frozenset[str], frozenset[str]]) -> set[str]:
    """The customers that a text names."""
    names, phones = people
    digits = set(re.findall(r"\d{11}", re.sub(r"(?<=\d)[ -](?=\d)", "", text)))
    return {name for name in names if name in text} | (digits & phones)


@pytest.mark.parametrize("words", SAID, ids=" ".join)
def test_no_command_names_a_customer(
    words: tuple[str, ...], shop: Path, people: tuple[frozenset[str], frozenset[str]]
) -> None:
    on = ("status", "report", "funnel", "diagnose", "plan", "followups", "explain", "export", "trend")
    dated = AS_OF if words[0] in on else ()
    ended = call(*words, *dated, "-C", shop)
    assert ended.out
    assert found(ended.out + ended.err, people) == set()


def test_neither_reading_nor_the_months_end_names_a_customer(people: tuple[frozenset[str], frozenset[str]]) -> None:
    assert call("init", "shop").code == 0
    for path in SAMPLES.iterdir():
        shutil.copy(path, "shop/inbox")
    for words in (("validate", SAMPLES, "-v"), ("month-end", "--json", *AS_OF)):
        ended = call(*words, "-C", "shop")
        assert found(ended.out + ended.err, people) == set(), words


def test_no_file_that_is_written_names_a_customer(shop: Path, people: tuple[frozenset[str], frozenset[str]]) -> None:
    seen = 0
    for path, text in texts(shop):
        assert found(text, people) == set(), path
        seen += 1
    assert seen > 30


def texts(home: Path) -> Iterator[tuple[str, str]]:
    """What is written about the exports; not the copies of the exports themselves, which are the exports."""
    for path in (*home.glob("reports/**/*"), *home.glob("inbox/problems/*.md"), *home.glob("kpicli.log*")):
        if path.suffix == ".xlsx":
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    yield f"{path.name}!{name}", archive.read(name).decode("utf-8", "replace")
        elif path.is_file():
            yield path.name, path.read_text(encoding="utf-8")


def test_every_command_is_looked_at() -> None:
    assert {words[0] for words in SAID} | SILENT == {line.split()[2].strip("`") for line in commands("zh")}
