"""The command that shows KPIs month by month."""

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
    day_of,
    language_of,
    today_of,
    workspace_of,
)
from kpicli.cli.output import show, write_json


def trend(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KPI",
            help="指标或度量（代码、名称或编号），可多个；不写则看顾问排名表里的。",
            show_default=False,
        ),
    ] = None,
    month: Annotated[str, typer.Option("--month", help="到哪个月为止：2026-10、this 或 last。")] = "last",
    months: Annotated[int, typer.Option("--months", min=1, max=60, help="连这个月共几个月。")] = 12,
    consultant: Annotated[str | None, typer.Option("--consultant", help="只看这位销售顾问。")] = None,
    model: Annotated[str | None, typer.Option("--model", help="只看这个车型。")] = None,
    book: BookName = None,
    folder: Folder = None,
    store: StorePath = None,
    dealer: Dealer = None,
    known_on: KnownOn = None,
    as_of: AsOf = None,
    json_: Json = False,
    lang: Lang = None,
) -> None:
    """指标逐月的走势：目标、去年同月、控制界限，以及偶然解释不了的月份。"""
    from kpicli.pipeline.trend import trend as followed
    from kpicli.present import trend as present

    workspace = workspace_of(folder, store)
    by, group = ("consultant", consultant) if consultant else ("model", model) if model else ("", "")
    result = followed(
        workspace,
        names or (),
        month,
        months,
        book=book,
        by=by,
        group=group or "",
        dealer=dealer,
        known_on=day_of(known_on),
        today=today_of(as_of, workspace),
    )
    if json_:
        write_json(present.document(result))
    else:
        show(present.trended(result, workspace.settings.zone, language_of(lang, workspace)))
