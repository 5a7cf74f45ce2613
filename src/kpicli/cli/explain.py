"""The command that tells more: where a number comes from, what a code means and what to do about it."""

from pathlib import Path
from typing import Annotated

import typer

from kpicli.cli.options import (
    AsOf,
    BookName,
    Dealer,
    Folder,
    Json,
    KnownOn,
    Lang,
    StorePath,
    Verbose,
    day_of,
    definitions_of,
    language_of,
    today_of,
    workspace_of,
)
from kpicli.cli.output import show, write_json
from kpicli.errors import UsageError


def explain(
    name: Annotated[
        str | None,
        typer.Argument(help="指标或度量（代码或名称），或问题、错误的代码，如 bad_date。", show_default=False),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="全部问题与错误的代码。")] = False,
    month: Annotated[str, typer.Option("--month", help="2026-10、this 或 last。")] = "last",
    consultant: Annotated[str | None, typer.Option("--consultant", help="只看这位销售顾问。")] = None,
    model: Annotated[str | None, typer.Option("--model", help="只看这个车型。")] = None,
    book: BookName = None,
    folder: Folder = None,
    store: StorePath = None,
    dealer: Dealer = None,
    known_on: KnownOn = None,
    as_of: AsOf = None,
    xlsx: Annotated[Path | None, typer.Option("--xlsx", help="把每一行写到这个工作簿。")] = None,
    show_pii: Annotated[bool, typer.Option("--show-pii", help="姓名不打码。")] = False,
    json_: Json = False,
    lang: Lang = None,
    verbose: Verbose = False,
) -> None:
    """一个指标的数从哪些行来；一个代码是什么意思，该怎么办。"""
    from kpicli.messages import catalogue
    from kpicli.present import definitions, json

    known = {**catalogue("issues"), **catalogue("findings"), **catalogue("errors")}
    if name is None and not all_:
        raise UsageError("explain_what")
    if name is None or name in known:
        _, _, language = definitions_of(folder, lang)
        chosen = {name: known[name]} if name is not None else known
        if json_:
            codes = [json.code(key, entry, language) for key, entry in chosen.items()]
            write_json({"command": "explain", "codes": codes})
        else:
            show(part for key, entry in chosen.items() for part in definitions.code(key, entry, language))
        return
    _check_name(name, known, folder, lang, book)

    from kpicli.pipeline.explain import explain as taken_apart
    from kpicli.present import explained

    workspace = workspace_of(folder, store)
    language = language_of(lang, workspace)
    by, group = ("consultant", consultant) if consultant else ("model", model) if model else ("", "")
    result = taken_apart(
        workspace,
        name,
        month,
        book=book,
        by=by,
        group=group or "",
        dealer=dealer,
        known_on=day_of(known_on),
        show_pii=show_pii,
        today=today_of(as_of, workspace),
    )
    if xlsx is not None:
        from kpicli.present.rows import write_bytes

        write_bytes(explained.workbook(result, language), xlsx)
    if json_:
        write_json(json.explained(result))
    else:
        show(explained.explained(result, language, all_rows=verbose))


def _check_name(name: str, codes: object, folder: Path | None, lang: str | None, book: str | None) -> None:
    """Refuse a word that is neither a KPI nor a code, before any data is looked for."""
    from kpicli.catalogue import near

    definitions, settings, _ = definitions_of(folder, lang)
    house = definitions.book(book or settings.book)
    if house.find(name) is None:
        raise UsageError("unknown_code", name=name, near=near(name, [*house.kpis, *house.measures, *codes]))  # type: ignore[misc]
