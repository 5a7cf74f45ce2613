"""The command that tells more: what a code means, and what to do about it."""

from typing import Annotated

import typer

from kpicli.cli.options import Folder, Json, Lang, definitions_of
from kpicli.cli.output import show, write_json
from kpicli.errors import UsageError


def explain(
    code: Annotated[str | None, typer.Argument(help="问题或错误的代码，如 bad_date。", show_default=False)] = None,
    all_: Annotated[bool, typer.Option("--all", help="全部代码。")] = False,
    folder: Folder = None,
    json_: Json = False,
    lang: Lang = None,
) -> None:
    """一个代码是什么意思，该怎么办。"""
    from kpicli.catalogue import near
    from kpicli.messages import catalogue
    from kpicli.present import json, terminal

    _, _, language = definitions_of(folder, lang)
    known = {**catalogue("issues"), **catalogue("errors")}
    if code is None and not all_:
        raise UsageError("explain_what")
    if code is not None and code not in known:
        raise UsageError("unknown_code", name=code, near=near(code, known))
    chosen = {code: known[code]} if code is not None else known
    if json_:
        write_json({"command": "explain", "codes": [json.code(key, entry, language) for key, entry in chosen.items()]})
    else:
        show(part for key, entry in chosen.items() for part in terminal.code(key, entry, language))
