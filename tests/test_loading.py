import re
from pathlib import Path

import pytest

from kpicli import catalogue, loading
from kpicli.errors import DefinitionError, UsageError
from kpicli.words import header_key

SHIPPED = loading.load()
FORMS = ("visits", "intentions", "test_drives", "invoices", "followups", "targets", "service_month")
MEASURES = [
    "first_visits",
    "call_first_arrivals",
    "first_calls",
    "visit_prospects",
    "call_prospects",
    "return_customers",
    "return_undriven",
    "test_drives",
    "test_drive_customers",
    "new_prospects",
    "open_prospects_prev",
    "orders",
    "lost",
    "showroom_sales",
    "distribution_sales",
    "sales",
    "sales_amount",
    "followup_customers_due",
    "followup_customers_done",
]
RATIOS = [
    "info_retention_rate",
    "call_arrival_rate",
    "return_rate",
    "test_drive_rate",
    "followup_timely_rate",
    "close_rate",
]

BOOK = """
label = "店内"
label_en = "Own"
[measures.visits]
label = "批次"
label_en = "Visits"
form = "visits"
count = "rows"
where = { channel = "来店" }
[kpis.share]
label = "占比"
label_en = "Share"
formula = "visits / visits"
unit = "%"
direction = "up"
numerator = "批次"
denominator = "批次"
"""

KPI = """
label = "单"
label_en = "Order"
formula = "orders"
unit = "台"
direction = "up"
"""


def test_the_six_forms_and_the_book_are_there_without_a_mistake() -> None:
    assert loading.check() == (SHIPPED, ())
    assert set(FORMS) <= set(SHIPPED.forms)
    assert set(MEASURES) <= set(SHIPPED.books["buick"].measures)
    assert set(RATIOS) <= set(SHIPPED.books["buick"].kpis)


@pytest.mark.parametrize("form", SHIPPED.forms.values(), ids=lambda form: form.key)
def test_no_header_is_the_label_of_one_column_and_an_alias_of_another(form: catalogue.Form) -> None:
    labels = {header_key(column.label): column.key for column in form.columns.values()}
    assert len(labels) == len(form.columns)
    clashes = [
        (column.key, alias)
        for column in form.columns.values()
        for alias in column.aliases
        if labels.get(header_key(alias), column.key) != column.key
    ]
    assert clashes == []


def write(folder: Path, kind: str, name: str, text: str) -> None:
    (folder / kind).mkdir(exist_ok=True)
    (folder / kind / f"{name}.toml").write_text(text, encoding="utf-8")


def test_a_workspace_adds_a_book(tmp_path: Path) -> None:
    write(tmp_path, "books", "own", BOOK)
    loaded = loading.load(tmp_path)
    assert loaded.book("own").kpis["share"].is_ratio
    assert loaded.book("buick") == SHIPPED.book("buick")


def test_a_workspace_file_of_the_same_name_replaces_the_shipped_one_as_a_whole(tmp_path: Path) -> None:
    write(tmp_path, "books", "buick", BOOK)
    assert set(loading.load(tmp_path).book("buick").measures) == {"visits"}


def test_a_book_that_extends_another_replaces_only_what_it_names(tmp_path: Path) -> None:
    write(tmp_path, "books", "own", 'extends = "buick"\n' + BOOK)
    write(tmp_path, "books", "buick", 'extends = "buick"\nnear = 0.8\n[kpis.orders]\n' + KPI)
    loaded = loading.load(tmp_path)
    shipped, changed, own = SHIPPED.book("buick"), loaded.book("buick"), loaded.book("own")
    assert changed.kpis["orders"].label == "单"
    assert {key for key, kpi in changed.kpis.items() if kpi.near == 0.8} == set(changed.kpis)
    assert list(changed.kpis) == list(shipped.kpis)
    assert {key: kpi.formula for key, kpi in changed.kpis.items()} == {
        k: kpi.formula for k, kpi in shipped.kpis.items()
    }
    assert own.label == "店内"
    assert [*own.kpis] == [*changed.kpis, "share"]
    assert own.kpis["orders"] == changed.kpis["orders"]
    assert own.measures["visits"].where == ({"channel": ("来店",)},)


def test_books_that_extend_each_other_are_a_mistake(tmp_path: Path) -> None:
    write(tmp_path, "books", "a", 'extends = "b"\n' + BOOK)
    write(tmp_path, "books", "b", 'extends = "a"\n' + BOOK)
    _, mistakes = loading.check(tmp_path)
    assert {(mistake.file, mistake.key) for mistake in mistakes} == {
        ("books/a.toml", "extends"),
        ("books/b.toml", "extends"),
    }


def test_a_workspace_adds_a_measure_for_all_books(tmp_path: Path) -> None:
    (tmp_path / "measures.toml").write_text(
        '[groups]\nlabel = "团体"\nlabel_en = "Groups"\nform = "visits"\ncount = "sum"\ncolumn = "party"\n',
        encoding="utf-8",
    )
    write(tmp_path, "books", "own", BOOK.replace('"visits / visits"', '"groups / visits"'))
    assert set(loading.load(tmp_path).book("own").measures) == {"visits", "groups"}
    (tmp_path / "measures.toml").write_text('[groups]\nlabel = "团体"\nform = "visit"\n', encoding="utf-8")
    _, mistakes = loading.check(tmp_path)
    assert {mistake.key for mistake in mistakes} == {"groups.form", "groups.count"}


@pytest.mark.parametrize(
    ("change", "place", "says"),
    [
        (('form = "visits"', 'form = "visit"'), "measures.visits.form", "visits"),
        (('channel = "来店"', 'chanel = "来店"'), "measures.visits.where", "channel"),
        (('channel = "来店"', 'channel = "来店铺"'), "measures.visits.where", "来店"),
        (('channel = "来店"', "channel = true"), "measures.visits.where", "文字"),
        (('channel = "来店"', 'retained = "是"'), "measures.visits.where", "true"),
        (('"visits / visits"', '"visits / visit"'), "kpis.share.formula", "visits"),
        (('"visits / visits"', '"visits //"'), "kpis.share.formula", "visits //"),
        (('count = "rows"', 'count = "row"'), "measures.visits.count", "rows"),
        (('unit = "%"', 'unti = "%"'), "kpis.share.unti", "unit"),
        (('unit = "%"', "unit = 1"), "kpis.share.unit", "文字"),
        (('direction = "up"', 'direction = "upp"'), "kpis.share.direction", "up"),
        (('numerator = "批次"\n', ""), "kpis.share.numerator", "分子"),
        (('unit = "%"', 'unit = "%"\naim = { lo = 1 }'), "kpis.share.aim.lo", "low"),
        (('count = "rows"', 'count = "sum"'), "measures.visits.column", "列"),
        (('count = "rows"', 'count = "distinct"'), "measures.visits.column", "列"),
        (('count = "rows"', 'count = "target"'), "measures.visits.of", "度量"),
        (('count = "rows"', 'count = "rows"\nfilled = ["phon"]'), "measures.visits.filled", "phone"),
        (('label_en = "Own"', 'label_en = "Own"\nextends = "buik"'), "extends", "buick"),
        (('label_en = "Own"', 'label_en = "Own"\nshow = ["visit"]'), "show", "visits"),
        (('label_en = "Own"', 'label_en = "Own"\nscoring = { reward = 1 }'), "scoring.penalty", "缺少"),
        (("[kpis.share]", '[levels.H]\nhorizon = "7天内"\nevery_days = 0\n[kpis.share]'), "levels.H.every_days", "1"),
        (('label_en = "Own"', 'label_en = "Own"\nleague = ["shore"]'), "league", "share"),
    ],
)
def test_a_mistake_is_named_with_file_key_and_what_was_meant(
    change: tuple[str, str], place: str, says: str, tmp_path: Path
) -> None:
    write(tmp_path, "books", "own", BOOK.replace(*change))
    _, mistakes = loading.check(tmp_path)
    assert any(m.file == "books/own.toml" and m.key == place and says in m.message for m in mistakes), mistakes


def test_all_mistakes_of_all_files_are_reported_together(tmp_path: Path) -> None:
    write(tmp_path, "books", "own", BOOK.replace('form = "visits"', 'form = "visit"'))
    write(
        tmp_path,
        "forms",
        "stock",
        'label = "库存"\nlabel_en = "Stock"\ndate = "day"\nkeys = [["vim"]]\n'
        '[columns.vin]\nlabel = "车架号"\ntype = "vni"\n',
    )
    write(tmp_path, "forms", "broken", "label = ")
    with pytest.raises(DefinitionError) as caught:
        loading.load(tmp_path)
    files = {mistake.file for mistake in caught.value.mistakes}
    assert files == {"books/own.toml", "forms/stock.toml", "forms/broken.toml"}
    keys = {mistake.key for mistake in caught.value.mistakes if mistake.file == "forms/stock.toml"}
    assert {"columns.vin.type", "columns.vin.label_en", "date", "keys"} <= keys


def test_an_unknown_name_comes_with_a_suggestion() -> None:
    with pytest.raises(UsageError) as form:
        SHIPPED.form("visit")
    assert "visits" in form.value.hint()
    with pytest.raises(UsageError) as book:
        SHIPPED.book("buik")
    assert "did you mean buick" in book.value.hint("en")


def test_every_issue_code_used_in_the_package_is_in_the_catalogue() -> None:
    from kpicli.issues import Issue, codes

    package = Path(catalogue.__file__).parent
    source = "\n".join(path.read_text(encoding="utf-8") for path in package.rglob("*.py"))
    used = set(re.findall(r'(?:Issue|Refusal)\(\s*"(\w+)"', source))
    assert used
    assert used <= set(codes())
    for code in codes():
        issue = Issue(code)
        assert issue.message("zh")
        assert issue.message("en").isascii() or "…" in issue.message("en") or "未分配" in issue.message("en")
