"""The commands about a workspace itself: begin one, what is in force in it, is all well."""

import locale
import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kpicli.cli.options import AsOf, Folder, Json, Lang, StorePath, home, language_of, now_of, today_of, workspace_of
from kpicli.cli.output import show, write_json

if TYPE_CHECKING:
    from kpicli.pipeline.doctor import Environment
    from kpicli.present.workspace import InForce, Origin
    from kpicli.workspace import Workspace

_VARIABLES = {
    "KPICLI_WORKSPACE": False,
    "KPICLI_PASSWORD": True,
    "KPICLI_SMTP_PASSWORD": True,
    "KPICLI_WEBHOOK_URL": True,  # whoever knows it can write to the group
    "KPICLI_WEBHOOK_SECRET": True,
    "KPICLI_LANG": False,
    "KPICLI": False,
}
"""What kpicli and its scripts look at in the environment, and whether it is a secret."""


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="建在哪个文件夹，默认当前文件夹。")] = Path(),
    dealer: Annotated[str | None, typer.Option("--dealer", help="经销商代码，写进 kpicli.toml。")] = None,
    book: Annotated[str | None, typer.Option("--book", help="指标集，写进 kpicli.toml。")] = None,
    month: Annotated[str, typer.Option("--month", help="目标表是哪个月的：2026-10、this 或 last。")] = "this",
    as_of: AsOf = None,
    json_: Json = False,
    lang: Lang = None,
) -> None:
    """建一个工作区：设置、目标表、放导出和报表的文件夹、月底自动运行的脚本；已有的文件不动。"""
    from kpicli.periods import Month
    from kpicli.pipeline.months import named_month
    from kpicli.present import starter
    from kpicli.present import workspace as present
    from kpicli.present.values import plain
    from kpicli.present.words import word
    from kpicli.store import Store

    folder = folder.absolute()
    given = {key: value for key, value in (("dealer", dealer), ("book", book)) if value is not None}
    there, workspace = _begun(folder, given)
    language = language_of(lang, workspace)
    today = today_of(as_of, workspace)
    chosen = named_month(month, today) or Month.of(today).previous
    items = starter.items(workspace, folder, given, chosen, _executable(), language)
    Store(workspace.store)  # where no store can be, that is said before anything is written
    written = starter.lay_out(folder, items)
    if json_:
        write_json(present.laid_document(folder, items, written))
        return
    show(present.laid_out(folder, items, written, language))
    unheard = [key for key, value in given.items() if there and getattr(workspace.settings, key) != value]
    if unheard:
        show([word("starter_not_set", language).format(keys=", ".join(unheard))], sys.stderr)
    script = starter.SHELL if os.name == "posix" else starter.POWERSHELL
    places = {"inbox": plain(str(workspace.inbox)), "script": plain(str(folder / script))}
    show([word(key, language).format(**places) for key in ("starter_put", "starter_run")])


def _begun(folder: Path, given: dict[str, str]) -> "tuple[bool, Workspace]":
    """Whether a folder is a workspace already; and the workspace that it is, or will be."""
    from kpicli.workspace import FILE, Settings, Workspace, open_workspace

    if (folder / FILE).is_file():
        return True, open_workspace(folder)
    settings = replace(Settings(), **given)  # type: ignore[arg-type]  # only texts can be given
    return False, Workspace(folder, folder / settings.store, settings)


def _executable() -> str:
    """The command that runs this kpicli."""
    import sysconfig

    found = shutil.which("kpicli", path=sysconfig.get_path("scripts")) or shutil.which("kpicli")
    return str(Path(found).absolute()) if found else "kpicli"


def config(
    context: typer.Context,
    folder: Folder = None,
    store: StorePath = None,
    json_: Json = False,
    lang: Lang = None,
) -> None:
    """现在用的是什么设置，各从哪里来：默认、文件、环境、选项。"""
    from kpicli.present import workspace as present
    from kpicli.workspace import FILE, Settings, Workspace

    place = home(folder)
    workspace = Workspace(None, "", Settings()) if place is None and store is None else workspace_of(folder, store)
    language = language_of(lang, workspace)
    values = list(_in_force(workspace, context, store, lang))
    file = (workspace.folder / FILE).absolute() if workspace.folder else None
    if json_:
        write_json(present.config_document(values, file))
    else:
        show(present.config(values, file, language))


def _in_force(
    workspace: "Workspace", context: typer.Context, store: str | None, lang: str | None
) -> "Iterator[InForce]":
    from kpicli.present.workspace import InForce
    from kpicli.workspace import keys_of

    named = context.get_parameter_source("folder")
    origins: dict[str, Origin] = {"COMMANDLINE": "option", "ENVIRONMENT": "environment"}
    folder = str(workspace.folder.absolute()) if workspace.folder else None
    yield InForce("workspace", folder, origins.get(named.name if named else "", "default") if folder else "none")
    options = {"store": store, "language": lang}
    for key, value in keys_of(workspace.settings):
        origin: Origin = "option" if options.get(key) else "file" if key in workspace.given else "default"
        if key == "store":
            value = _absolute(workspace.store)
        yield InForce(key, lang or value if key == "language" else value, origin if value is not None else "none")
    for name, secret in _VARIABLES.items():
        there = os.environ.get(name)
        yield InForce(name, there or None, "environment" if there else "none", secret)


def _absolute(store: Path | str) -> str | None:
    """A store as one can find it from anywhere; None where there is none."""
    return str(store.absolute()) if isinstance(store, Path) else store or None


def doctor(folder: Folder = None, store: StorePath = None, json_: Json = False, lang: Lang = None) -> None:
    """检查一切是否就绪：程序、编码、工作区、定义、数据、权限、磁盘、模板、上次运行，有问题的说明怎么办。"""
    from kpicli.pipeline.doctor import examine
    from kpicli.present import workspace as present
    from kpicli.workspace import FILE

    place = folder or (Path() if Path(FILE).is_file() else None)
    workspace, checks = examine(place and place.absolute(), store, _environment())
    language = language_of(lang, workspace)
    if json_:
        write_json(present.doctor_document(checks, language))
    else:
        unsaid = lang is None and any(check.code == "output_without_chinese" for check in checks)
        show(present.doctor(checks, "en" if unsaid else language))  # question marks would not say what to do
    raise typer.Exit(1 if any(check.state == "bad" for check in checks) else 0)


def _environment() -> "Environment":
    """What the checks have to know of this process."""
    import platform

    from kpicli import __version__
    from kpicli.pipeline.doctor import Environment

    return Environment(
        now=now_of(),
        kpicli=__version__,
        python=f"{platform.python_version()} ({platform.system()} {platform.machine()})",
        libraries=_libraries(),
        locale=locale.setlocale(locale.LC_CTYPE),
        output=sys.stdout.encoding or "?",
        names=sys.getfilesystemencoding(),
    )


def _libraries() -> dict[str, str | None]:
    """The libraries that kpicli is installed with, each with its version, None for one that is not there."""
    from importlib import metadata

    try:
        needed = metadata.requires("kpicli") or []
    except metadata.PackageNotFoundError:  # run from its source
        return {}
    found: dict[str, str | None] = {}
    for entry in needed:
        name = re.split(r"[^\w.-]", entry, maxsplit=1)[0]
        if "extra ==" not in entry:
            try:
                found[name] = metadata.version(name)
            except metadata.PackageNotFoundError:
                found[name] = None
    return found
