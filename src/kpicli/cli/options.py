"""The options that commands share, and what they mean."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kpicli.errors import UsageError

if TYPE_CHECKING:
    from kpicli.catalogue import Catalogue
    from kpicli.messages import Language
    from kpicli.workspace import Settings, Workspace

Folder = Annotated[
    Path | None,
    typer.Option(
        "-C", "--workspace", envvar="KPICLI_WORKSPACE", help="工作区（kpicli.toml 所在的文件夹），默认当前文件夹。"
    ),
]
StorePath = Annotated[str | None, typer.Option("--store", help="数据存放的文件夹，或对象存储的 URL，可代替工作区。")]
KnownOn = Annotated[
    datetime | None, typer.Option("--as-known-on", formats=["%Y-%m-%d"], help="按那一天结束时所知的数据。")
]
Json = Annotated[bool, typer.Option("--json", help="在标准输出给出一份 JSON，别无其他。")]
Lang = Annotated[str | None, typer.Option("--lang", help="zh 或 en；默认按工作区，否则 zh。")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="只给结果，不列问题。")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="连提示也一并列出。")]
Dealer = Annotated[str | None, typer.Option("--dealer", help="经销商代码。")]
AsOf = Annotated[datetime | None, typer.Option("--as-of", formats=["%Y-%m-%d"], help="把哪一天当作今天。")]
Allow = Annotated[bool, typer.Option("--allow-findings", help="有搁置的行、合计不符时退出码也为 0。")]
FormName = Annotated[str | None, typer.Option("--as", help="指定是哪种表（如 visits），不由表头判断。")]
Password = Annotated[
    str | None, typer.Option("--password", envvar="KPICLI_PASSWORD", help="加密工作簿的打开密码。", show_envvar=True)
]
Fix = Annotated[Path | None, typer.Option("--fix", help="坏格标好的副本写到这个文件夹。")]
Paths = Annotated[list[Path], typer.Argument(help="文件或文件夹。", show_default=False)]
BatchName = Annotated[str, typer.Argument(help="批次：status 列出的名称、它的开头，或 last。", show_default=False)]
BookName = Annotated[str | None, typer.Option("--book", help="指标集，默认按工作区，否则 buick；report 可用 all。")]


def home(folder: Path | None) -> Path | None:
    """The workspace folder meant: the one named, or the current one when it is a workspace."""
    if folder is not None and not folder.is_dir():
        raise UsageError("no_workspace", place=str(folder))
    return folder if folder is not None else Path() if Path("kpicli.toml").is_file() else None


def workspace_of(folder: Path | None, store: str | None) -> "Workspace":
    """Open the workspace the options mean."""
    from kpicli.workspace import open_workspace

    return open_workspace(home(folder), store=store)


def place_of(folder: Path | None, lang: str | None) -> "tuple[Path | None, Language]":
    """The workspace folder meant, if any, and the language in force there."""
    from kpicli.workspace import FILE, open_workspace

    place = home(folder)
    there = place is not None and (place / FILE).is_file()
    return place, language_of(lang, open_workspace(place) if there else None)


def definitions_of(folder: Path | None, lang: str | None) -> "tuple[Catalogue, Settings, Language]":
    """The definitions, settings and language in force, with or without a workspace."""
    from kpicli.workspace import FILE, Settings, open_workspace

    place = home(folder)
    if place is not None and (place / FILE).is_file():
        workspace = open_workspace(place)
        return workspace.catalogue, workspace.settings, language_of(lang, workspace)
    from kpicli.loading import load

    return load(place), Settings(), language_of(lang)


def language_of(lang: str | None, workspace: "Workspace | None" = None) -> "Language":
    """The language asked for, else the workspace's."""
    if lang == "zh":
        return "zh"
    if lang == "en":
        return "en"
    if lang is not None:
        raise UsageError("unknown_language", name=lang)
    return workspace.settings.language if workspace else "zh"


def today_of(as_of: datetime | None, workspace: "Workspace") -> date:
    """Today where the store is, or the day that is taken for it."""
    return as_of.date() if as_of else datetime.now(workspace.settings.zone).date()


def now_of(as_of: datetime | None = None, workspace: "Workspace | None" = None) -> datetime:
    """Now, or noon of the day that is taken for today."""
    return as_of.replace(hour=12, tzinfo=workspace.settings.zone) if as_of and workspace else datetime.now(UTC)


def day_of(moment: datetime | None) -> date | None:
    """The day that an option names."""
    return moment.date() if moment else None
