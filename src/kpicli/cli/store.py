"""The commands of the store's own health."""

from datetime import UTC, datetime

import typer

from kpicli.cli.options import Folder, Json, Lang, StorePath, language_of, workspace_of
from kpicli.cli.output import show, write_json

store_app = typer.Typer(help="数据的存放：检查、整理。", no_args_is_help=True)


@store_app.command()
def check(folder: Folder = None, store: StorePath = None, json_: Json = False, lang: Lang = None) -> None:
    """检查每个文件的校验和、每批的行数和权限，有问题的说明怎么办。"""
    from kpicli.pipeline.upkeep import check as check_store
    from kpicli.present import json, terminal

    workspace = workspace_of(folder, store)
    language = language_of(lang, workspace)
    health = check_store(workspace)
    if json_:
        write_json(json.health(health, language))
    else:
        show(terminal.health(health, language))
    raise typer.Exit(0 if health.sound else 1)


@store_app.command()
def compact(folder: Folder = None, store: StorePath = None, json_: Json = False, lang: Lang = None) -> None:
    """把零碎的小文件并成大的，删去没有人用的；数据和历史都不变。"""
    from kpicli.pipeline.upkeep import compact as compact_store
    from kpicli.present import json, terminal

    workspace = workspace_of(folder, store)
    result = compact_store(workspace, now=datetime.now(UTC))
    if json_:
        write_json(json.compacted(result))
    else:
        show(terminal.compacted(result, language_of(lang, workspace)))
