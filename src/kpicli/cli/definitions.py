"""The commands about definitions: forms, books, kpis."""

import re
from pathlib import Path
from typing import Annotated

import typer

from kpicli.cli.options import BookName, Folder, Json, Lang, definitions_of, home, language_of
from kpicli.cli.output import show, write_json
from kpicli.errors import UsageError

forms_app = typer.Typer(help="认得哪些表：列出、查看、检查定义。", invoke_without_command=True)
books_app = typer.Typer(help="有哪些指标集：列出、查看、检查定义。", invoke_without_command=True)


@forms_app.callback()
def forms(context: typer.Context, folder: Folder = None, json_: Json = False, lang: Lang = None) -> None:
    """认得哪些表：列出、查看、检查定义。"""
    if context.invoked_subcommand:
        return
    from kpicli.present import definitions, json

    catalogue, _, language = definitions_of(folder, lang)
    if json_:
        write_json({"command": "forms", "forms": [json.form(entry) for entry in catalogue.forms.values()]})
    else:
        show(definitions.forms(catalogue, language))


@forms_app.command("show")
def forms_show(
    key: Annotated[str, typer.Argument(help="哪种表，如 visits。")],
    folder: Folder = None,
    json_: Json = False,
    lang: Lang = None,
) -> None:
    """一种表的列，和认得的表头。"""
    from kpicli.present import definitions, json

    catalogue, _, language = definitions_of(folder, lang)
    entry = catalogue.form(key)
    if json_:
        write_json({"command": "forms", "forms": [json.form(entry)]})
    else:
        show(definitions.form(entry, language))


@forms_app.command("check")
def forms_check(folder: Folder = None, json_: Json = False, lang: Lang = None) -> None:
    """检查表的定义和 mapping.toml，一次列出全部错误。"""
    _check("forms", folder, json_, lang)


@books_app.callback()
def books(context: typer.Context, folder: Folder = None, json_: Json = False, lang: Lang = None) -> None:
    """有哪些指标集：列出、查看、检查定义。"""
    if context.invoked_subcommand:
        return
    from kpicli.present import definitions, json

    catalogue, _, language = definitions_of(folder, lang)
    if json_:
        write_json({"command": "books", "books": [json.book(entry) for entry in catalogue.books.values()]})
    else:
        show(definitions.books(catalogue, language))


@books_app.command("show")
def books_show(
    key: Annotated[str, typer.Argument(help="哪个指标集，如 buick。")],
    folder: Folder = None,
    json_: Json = False,
    lang: Lang = None,
) -> None:
    """一个指标集的度量与指标。"""
    from kpicli.present import definitions, json

    catalogue, _, language = definitions_of(folder, lang)
    entry = catalogue.book(key)
    if json_:
        write_json({"command": "books", "books": [json.book(entry)]})
    else:
        show(definitions.book(entry, language))


@books_app.command("check")
def books_check(folder: Folder = None, json_: Json = False, lang: Lang = None) -> None:
    """检查指标集的定义，一次列出全部错误。"""
    _check("books", folder, json_, lang)


@books_app.command("new")
def books_new(
    key: Annotated[str, typer.Argument(help="新指标集的代码，小写字母、数字、下划线。")],
    base: Annotated[str, typer.Option("--from", help="在哪个指标集上加。")] = "buick",
    folder: Folder = None,
    lang: Lang = None,
) -> None:
    """在工作区写一个新指标集的草稿：在现有的上面加或改指标，不用写程序。"""
    from kpicli.present.rows import write_bytes
    from kpicli.present.words import word

    catalogue, _, language = definitions_of(folder, lang)
    under = catalogue.book(base)
    place = home(folder)
    if place is None:
        raise UsageError("no_workspace", place="kpicli.toml")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", key):
        raise UsageError("bad_book_key", name=key)
    target = place / "books" / f"{key}.toml"
    if target.exists():
        raise UsageError("book_exists", file=str(target))
    target.parent.mkdir(exist_ok=True)
    write_bytes(_DRAFT.format(key=key, base=under.key, label=under.label).encode(), target)
    show([word("book_written", language).format(file=target, key=key)])


_DRAFT = """\
# kpicli books check 检查；kpicli report --book {key} 使用；kpicli.toml 里写 book = "{key}" 后默认使用。
extends = "{base}" # 下面没有写的，都照它
label = "{label}（本店）"
label_en = "{base}, own"

# 一个指标：度量之间的加减乘除。kpicli books show {base} 列出可用的度量。
[kpis.traffic_per_order]
label = "每单客流"
label_en = "Traffic per order"
formula = "(showroom_visits + calls) / orders"
unit = "批"
direction = "down" # up、down 或 none：哪边好
numerator = "客流量"
denominator = "订单数"
examples = [{{ showroom_visits = 90, calls = 10, orders = 10, value = 10 }}]

# 一个度量：一种表里满足条件的行（rows）、客户（customers）、不同取值（distinct）、合计（sum）。
# [measures.event_visits]
# label = "活动到店批次"
# label_en = "Visits to events"
# form = "visits"
# count = "rows"
# where = {{ channel = "活动" }}
"""


def kpis(
    key: Annotated[str | None, typer.Argument(help="一个指标的代码或名称；不给则列出全部。")] = None,
    book: BookName = None,
    folder: Folder = None,
    json_: Json = False,
    lang: Lang = None,
) -> None:
    """列出指标，或说明其中一个。"""
    from kpicli.catalogue import near
    from kpicli.present import definitions, json

    catalogue, settings, language = definitions_of(folder, lang)
    house = catalogue.book(book or settings.book)
    found = house.find(key) if key else None
    if key and found not in house.kpis:
        raise UsageError("unknown_kpi", book=house.key, name=key, near=near(key, house.kpis))
    chosen = [house.kpis[found]] if found else list(house.kpis.values())
    if json_:
        write_json({"command": "kpis", "book": house.key, "kpis": [json.kpi(entry) for entry in chosen]})
    else:
        show(definitions.kpi(chosen[0], language) if found else definitions.kpis(house, language))


def _check(kind: str, folder: Path | None, as_json: bool, lang: str | None) -> None:
    from kpicli.loading import check
    from kpicli.mapping import FILE
    from kpicli.present.values import plain
    from kpicli.present.words import word

    _, mistakes = check(home(folder))
    places = (f"{kind}/", FILE) if kind == "forms" else (f"{kind}/",)
    mine = [mistake for mistake in mistakes if mistake.file.startswith(places)]
    if as_json:
        write_json({"command": f"{kind} check", "mistakes": [vars(mistake) for mistake in mine]})
    else:
        show([plain(str(mistake)) for mistake in mine] or [word("no_mistakes", language_of(lang))])
    raise typer.Exit(1 if mine else 0)
