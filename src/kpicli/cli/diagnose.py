"""The command that leads from a number to its cause."""

from pathlib import Path
from typing import Annotated, Any

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
    now_of,
    today_of,
    workspace_of,
)
from kpicli.cli.output import show, write_json
from kpicli.errors import NothingToReport, UsageError


def diagnose(
    month: Annotated[str, typer.Option("--month", help="2026-10、this 或 last（最后一个有数据的整月）。")] = "last",
    consultant: Annotated[str | None, typer.Option("--consultant", help="只看这位销售顾问。")] = None,
    by: Annotated[
        list[str] | None,
        typer.Option("--by", help="订单增减另按什么拆：consultant · model · source，可多次。"),
    ] = None,
    of: Annotated[
        str | None, typer.Option("--of", help="拆漏斗里哪一段的增减，如 orders、sales；默认漏斗的目标。")
    ] = None,
    compare: Annotated[list[str] | None, typer.Option("--compare", help="year：增减另与去年同月比。")] = None,
    book: BookName = None,
    folder: Folder = None,
    store: StorePath = None,
    dealer: Dealer = None,
    known_on: KnownOn = None,
    template: Annotated[
        list[str] | None, typer.Option("--template", help="填这个 Excel 模板，如 PDCA改善表，可多次；写到 --out。")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="模板填好后放在哪个文件夹。")] = Path("reports"),
    as_of: AsOf = None,
    json_: Json = False,
    lang: Lang = None,
) -> None:
    """从数到因：订单差在哪一步，哪条记录说明为什么，谁该做什么，还要问人什么。"""
    from kpicli.pipeline.diagnose import BY
    from kpicli.pipeline.diagnose import diagnose as compute
    from kpicli.present import diagnose as present

    for name in by or ():
        if name not in BY:
            raise UsageError("unknown_grouping", name=name, known=", ".join(BY))
    if template and consultant is not None:
        raise UsageError("template_alone", option="--consultant")
    workspace = workspace_of(folder, store)
    language = language_of(lang, workspace)
    told: dict[str, Any] = {
        "book": book,
        "dealer": dealer,
        "known_on": day_of(known_on),
        "today": today_of(as_of, workspace),
    }
    result = compute(workspace, month, of=of, compare=compare or (), **told)
    known = result.report.by["consultant"]
    if consultant is not None and consultant not in known:
        raise NothingToReport("unknown_group", name=consultant, by="consultant", known=", ".join(known))
    written = []
    if template:
        from kpicli.kpi import LISTS
        from kpicli.pipeline.report import report
        from kpicli.pipeline.templates import fill_report

        whole, _ = report(workspace, month, by=LISTS, **told)  # a template may show weeks and days as well
        written = fill_report(workspace, [whole], template, out, now=now_of(as_of, workspace), found=result)
    if json_:
        more = {"written": [str(path) for path in written]} if template else {}
        write_json(present.document(result, language, consultant) | more)
    else:
        show(present.diagnosed(result, workspace.settings.zone, language, by=by or (), consultant=consultant))
        show([f"→ {path}" for path in written])
