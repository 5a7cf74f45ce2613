"""The command that leads from a target back to what it takes."""

import sys
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer

from kpicli.cli.options import (
    AsOf,
    BookName,
    Dealer,
    Folder,
    Json,
    Lang,
    Quiet,
    StorePath,
    home,
    language_of,
    today_of,
    workspace_of,
)
from kpicli.cli.output import show, write_json
from kpicli.errors import UsageError

_HERE = "store"
"""Where data may be when there is no workspace: what is set by hand needs none."""


def plan(
    month: Annotated[str, typer.Option("--month", help="计划哪个月：2026-11、this、next 或 last。")] = "this",
    target: Annotated[float | None, typer.Option("--target", help="目标，如 60；默认取目标表与 targets.toml。")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="如果改成这样会怎样，如 close_rate=21% 或 成交率=0.21，可多次。"
        ),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option("--base", help="照哪个月自己的比率，如 2026-10；默认计划的月以前最后一个有数据的整月。"),
    ] = None,
    months: Annotated[int, typer.Option("--months", min=1, help="连同以前的月，几个月合在一起算比率。")] = 1,
    consultants: Annotated[
        int | None, typer.Option("--consultants", min=1, help="几位顾问分；默认那个月接待过首次接触的。")
    ] = None,
    days: Annotated[int | None, typer.Option("--days", min=1, help="摊到几天；默认这个月的法定工作日。")] = None,
    book: BookName = None,
    folder: Folder = None,
    store: StorePath = None,
    dealer: Dealer = None,
    as_of: AsOf = None,
    json_: Json = False,
    lang: Lang = None,
    quiet: Quiet = False,
) -> None:
    """目标倒推：要卖这么多，每月、每位、每天要多少订单、潜客与接触；改一个比率会怎样。"""
    from kpicli.pipeline.plan import plan as compute

    given = _given(set_ or ())
    alone = bool(given) and store is None and home(folder) is None
    workspace = workspace_of(folder, _HERE if alone else store)
    language = language_of(lang, workspace)
    result = compute(
        workspace,
        month,
        book=book,
        target=target,
        given=given,
        base=base,
        months=months,
        consultants=consultants,
        days=days,
        dealer=dealer,
        today=today_of(as_of, workspace),
    )

    from kpicli.present import plan as present

    if json_:
        write_json(present.document(result, language))
    else:
        show(present.drawn(result, language))
    if result.issues and not quiet:
        from kpicli.present import terminal

        show([terminal.problem(issue, language) for issue in result.issues], sys.stderr)


def _given(words: Iterable[str]) -> dict[str, float]:
    """What ``--set`` says, by name; raise `UsageError` for what is no number."""
    given: dict[str, float] = {}
    for text in words:
        name, _, value = (part.strip() for part in text.replace("＝", "=").partition("="))
        bare = value.replace("％", "%").removesuffix("%")
        try:
            number = Decimal(bare.strip().replace(",", "")) / (1 if bare == value else 100)
        except InvalidOperation:
            raise UsageError("bad_set", text=text) from None
        if not name:
            raise UsageError("bad_set", text=text)
        if name in given:
            raise UsageError("set_twice", name=name)
        given[name] = float(number)
    return given
