"""The command about report templates: which there are, what is wrong with one, which cell gets what."""

from pathlib import Path
from typing import Annotated

import typer

from kpicli.cli.options import (
    AsOf,
    BookName,
    Folder,
    Json,
    Lang,
    StorePath,
    language_of,
    place_of,
    today_of,
    workspace_of,
)
from kpicli.cli.output import show, write_json

templates_app = typer.Typer(help="Excel 报表模板：列出、检查、说明。", no_args_is_help=False)
Template = Annotated[str, typer.Argument(help="模板：名称，或 xlsx 文件。", show_default=False)]


@templates_app.callback(invoke_without_command=True)
def templates(context: typer.Context, folder: Folder = None, json_: Json = False, lang: Lang = None) -> None:
    """有哪些模板：随 kpicli 来的，和工作区 templates/ 里的。"""
    if context.invoked_subcommand is None:
        list_(folder, json_, lang)


@templates_app.command("list")
def list_(folder: Folder = None, json_: Json = False, lang: Lang = None) -> None:
    """有哪些模板：随 kpicli 来的，和工作区 templates/ 里的；不写 list 也一样。"""
    from kpicli.pipeline.templates import every
    from kpicli.present import templates as present

    place, language = place_of(folder, lang)
    found = every(place)
    if json_:
        write_json({"command": "templates", "templates": [{"name": name, "file": str(p)} for name, p in found.items()]})
    else:
        show(present.listed(found, language))


@templates_app.command("check")
def check(
    template: Template,
    month: Annotated[str, typer.Option("--month", help="2026-10、this 或 last。")] = "last",
    book: BookName = None,
    folder: Folder = None,
    store: StorePath = None,
    as_of: AsOf = None,
    json_: Json = False,
    lang: Lang = None,
) -> None:
    """检查一个模板：写错的路径和标记，不会变长的区域，不合适的数字格式，连同所在的格。"""
    from kpicli.pipeline.templates import checked
    from kpicli.present import templates as present

    workspace = workspace_of(folder, store)
    mistakes = checked(workspace, template, month, book=book, today=today_of(as_of, workspace))
    if json_:
        write_json({"command": "templates check", "mistakes": [vars(mistake) for mistake in mistakes]})
    else:
        show(present.mistakes(mistakes, language_of(lang, workspace)))
    if mistakes:
        raise typer.Exit(2 if any(mistake.stops for mistake in mistakes) else 1)


@templates_app.command("explain")
def explain(
    template: Template,
    folder: Folder = None,
    json_: Json = False,
    lang: Lang = None,
) -> None:
    """一个模板的哪一格填什么。"""
    from kpicli.pipeline.templates import marks_of
    from kpicli.present import templates as present

    place, language = place_of(folder, lang)
    found = marks_of(place, template)
    if json_:
        names = ("sheet", "cell", "mark")
        write_json({"command": "templates explain", "marks": [dict(zip(names, mark, strict=True)) for mark in found]})
    else:
        show(present.marks(found, language))


@templates_app.command("new")
def new(
    name: Annotated[Path, typer.Argument(help="写到哪个 xlsx 文件。", show_default=False)], lang: Lang = None
) -> None:
    """写一个模板的开头，在 Excel 里接着设计。"""
    from kpicli.pipeline.templates import begin

    begin(name)
    show([f"→ {name}"])
