"""The commands about customers on their way: the funnel, and who is to be called today."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from kpicli.cli.options import (
    Allow,
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
    language_of,
    today_of,
    workspace_of,
)
from kpicli.cli.output import show, write_json
from kpicli.errors import NothingToReport, UsageError


class NameMayLack(TyperCommand):
    """A command whose ``--consultant`` may stand without a name, which means everybody."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Give a bare ``--consultant`` an empty name before the words are taken apart."""
        ends = [*args[1:], "-"]
        bare = "--consultant"
        named = [
            f"{bare}=" if word == bare and after.startswith("-") else word
            for word, after in zip(args, ends, strict=True)
        ]
        return super().parse_args(ctx, named)


def funnel(
    month: Annotated[str, typer.Option("--month", help="2026-10、this 或 last（最后一个有数据的整月）。")] = "last",
    consultant: Annotated[
        str | None,
        typer.Option("--consultant", help="一位销售顾问与团队逐步对比；不写名字：全体顾问的排名。"),
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option("--by", help="分组：consultant · model · source · channel · dealer · week · day，可多次。"),
    ] = None,
    cohort: Annotated[bool, typer.Option("--cohort", help="追踪这个月首次接触的客户后来走到哪一步。")] = False,
    within: Annotated[int | None, typer.Option("--within", min=1, help="--cohort 只看首次接触后这么多天之内。")] = None,
    check: Annotated[bool, typer.Option("--check", help="各表互相核对：哪些记录缺了该有的另一条。")] = False,
    lost: Annotated[bool, typer.Option("--lost", help="战败分析：原因、级别、顾问、天数。")] = False,
    chain: Annotated[str | None, typer.Option("--chain", help="指标集里的哪一个漏斗，默认第一个。")] = None,
    book: BookName = None,
    folder: Folder = None,
    store: StorePath = None,
    dealer: Dealer = None,
    known_on: KnownOn = None,
    as_of: AsOf = None,
    allow_findings: Allow = False,
    show_pii: Annotated[bool, typer.Option("--show-pii", help="姓名不打码。")] = False,
    json_: Json = False,
    lang: Lang = None,
    verbose: Verbose = False,
) -> None:
    """漏斗：客流 → 留档 → 试驾 → 订单 → 成交，全店、各顾问与各组，哪一步流失最多。"""
    from kpicli.pipeline.asked import BY
    from kpicli.pipeline.funnel import funnel as compute
    from kpicli.pipeline.losses import losses as taken_apart

    if within is not None and not cohort:
        raise UsageError("within_alone")
    workspace = workspace_of(folder, store)
    language = language_of(lang, workspace)
    named = ["consultant"] if consultant is not None else []
    wanted = list(dict.fromkeys([*named, *(by or ([] if named else BY))]))
    when: dict[str, Any] = {"dealer": dealer, "known_on": day_of(known_on), "today": today_of(as_of, workspace)}
    result = compute(
        workspace, month, book=book, chain=chain, by=wanted, cohort=cohort, within=within, check=check, **when
    )
    if consultant and consultant not in result.by["consultant"]:
        known = ", ".join(result.by["consultant"])
        raise NothingToReport("unknown_group", name=consultant, by="consultant", known=known)
    gone = taken_apart(workspace, month, **when) if lost else None

    from kpicli.present import funnel as present

    if json_:
        write_json(present.document(result, gone, language, show_pii=show_pii))
    else:
        show(present.heading(result, workspace.settings.zone, language))
        if consultant:
            show(present.person(result, consultant, language))
        elif consultant is None and not (check or lost):
            show(present.drawn(result, language))
        leagues = by or ([] if consultant or check or lost else ["consultant"])
        show(part for dimension in leagues for part in [*present.league(result, dimension, language)])
        if gone:
            show(present.lost(gone, language))
        if check:
            show(present.findings(result, language, all_rows=verbose, show_pii=show_pii))
        elif result.findings:
            show(present.findings(result, language, all_rows=verbose, show_pii=show_pii), sys.stderr)
    if check and not allow_findings and present.grave(result.findings):
        raise typer.Exit(1)


def followups(
    consultant: Annotated[str | None, typer.Option("--consultant", help="只看这位销售顾问。")] = None,
    book: BookName = None,
    folder: Folder = None,
    store: StorePath = None,
    dealer: Dealer = None,
    known_on: KnownOn = None,
    as_of: AsOf = None,
    xlsx: Annotated[Path | None, typer.Option("--xlsx", help="写成工作簿，每位顾问一张，可打印分发。")] = None,
    show_pii: Annotated[bool, typer.Option("--show-pii", help="姓名与电话不打码。")] = False,
    json_: Json = False,
    lang: Lang = None,
    verbose: Verbose = False,
) -> None:
    """今天该跟进谁：按级别的跟进频次，到期与逾期的意向客户。"""
    from kpicli.pipeline.followups import followups as due_on
    from kpicli.present import followups as present

    workspace = workspace_of(folder, store)
    language = language_of(lang, workspace)
    result = due_on(
        workspace,
        book=book,
        consultant=consultant,
        dealer=dealer,
        known_on=day_of(known_on),
        show_pii=show_pii,
        today=today_of(as_of, workspace),
    )
    if xlsx is not None:
        from kpicli.present.rows import write_bytes

        write_bytes(present.workbook(result, language), xlsx)
    if json_:
        write_json(present.document(result))
    else:
        show(present.listed(result, language, all_rows=verbose))
