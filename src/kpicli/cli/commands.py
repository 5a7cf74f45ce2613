"""The commands of the month. Each loads what it needs when it runs, so that --help answers at once."""

import os
import sys
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kpicli.cli.definitions import books_app, forms_app, kpis
from kpicli.cli.diagnose import diagnose
from kpicli.cli.explain import explain
from kpicli.cli.funnel import NameMayLack, followups, funnel
from kpicli.cli.mapping import map_
from kpicli.cli.month_end import month_end, runs_app
from kpicli.cli.options import (
    Allow,
    AsOf,
    BatchName,
    BookName,
    Dealer,
    Fix,
    Folder,
    FormName,
    Json,
    KnownOn,
    Lang,
    Password,
    Paths,
    Quiet,
    StorePath,
    Verbose,
    day_of,
    language_of,
    now_of,
    today_of,
    workspace_of,
)
from kpicli.cli.output import show, write_json
from kpicli.cli.plan import plan
from kpicli.cli.reading import exit_code, read_in
from kpicli.cli.store import store_app
from kpicli.cli.templates import templates_app
from kpicli.cli.trend import trend
from kpicli.cli.workspace import config, doctor, init
from kpicli.errors import UsageError

if TYPE_CHECKING:
    from kpicli.kpi import Report
    from kpicli.messages import Language
    from kpicli.workspace import Workspace

_SAMPLES_READ = datetime(2026, 11, 1, tzinfo=UTC)
"""The demo plays on the day after the last sample month, whatever the date is."""

app = typer.Typer(
    name="kpicli",
    help="把展厅导出的表格变成大家都信得过的数字。",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="显示版本。", is_eager=True, callback=lambda v: _version(v))
    ] = False,
) -> None:
    pass


def _version(wanted: bool) -> None:
    if wanted:
        from kpicli import __version__

        typer.echo(f"kpicli {__version__}")
        raise typer.Exit


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="放到哪里。")] = Path("kpicli-demo"),
    lang: Lang = None,
) -> None:
    """用自带的示例数据走一遍：读入三个月的导出，显示最后一个月的报表，填好 Excel 模板。"""
    from kpicli.cli.samples import lay_out

    sources = lay_out(folder)
    workspace = workspace_of(folder, None)
    language = language_of(lang, workspace)
    result = read_in(workspace, [sources], now=_SAMPLES_READ)
    from kpicli.kpi import LISTS
    from kpicli.pipeline.asked import BY
    from kpicli.pipeline.report import report as compute
    from kpicli.pipeline.templates import fill_report
    from kpicli.present import json, terminal

    show(terminal.ingested(result, workspace.catalogue, language))
    computed, _ = compute(workspace, "2026-10", by=LISTS, today=_SAMPLES_READ.date())
    out = folder / "reports" / f"{computed.month}.json"
    out.parent.mkdir(exist_ok=True)
    shown = replace(computed, by={dimension: computed.by[dimension] for dimension in BY})
    out.write_text(json.text(json.report(shown)) + "\n", encoding="utf-8")
    show(terminal.report(computed, workspace.settings.zone, language))
    written = fill_report(workspace, [computed], ["月度KPI报告"], out.parent, now=_SAMPLES_READ)
    show([f"→ {path}" for path in written])
    show([f"→ {folder}/  kpicli report -C {folder} --month 2026-09"])


app.command()(init)


@app.command()
def ingest(
    context: typer.Context,
    paths: Paths,
    folder: Folder = None,
    store: StorePath = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只读只查，不写入。")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="以文件为准：它那种表、那些天里别的行不再计入。")] = False,
    form: FormName = None,
    dealer: Dealer = None,
    password: Password = None,
    fix: Fix = None,
    as_of: AsOf = None,
    allow_findings: Allow = False,
    json_: Json = False,
    lang: Lang = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """读入文件和文件夹：逐行交代去向，逐格指出问题，有效的行入库。"""
    workspace = workspace_of(folder, store)
    language = language_of(lang, workspace)
    result = read_in(
        workspace,
        paths,
        dry_run=dry_run or context.info_name == "validate",
        replace=replace,
        form=form,
        dealer=dealer,
        password=password,
        fix=fix,
        language=language,
        now=now_of(as_of, workspace),
    )
    if json_:
        from kpicli.present import json

        write_json(json.ingested(result, "ingest", language))
    else:
        from kpicli.present import terminal

        show(terminal.ingested(result, workspace.catalogue, language))
        if not quiet:
            show(terminal.problems(result.files, language, all_of_them=verbose), sys.stderr)
    _warn(workspace, language)
    raise typer.Exit(exit_code(result, allow_findings))


app.command("validate", help="只查不写，同 ingest --dry-run。")(ingest)


@app.command()
def report(
    month: Annotated[str, typer.Option("--month", help="2026-10、this 或 last（最后一个有数据的整月）。")] = "last",
    by: Annotated[
        list[str] | None,
        typer.Option("--by", help="分组：consultant · model · source · channel · dealer · week · day，可多次。"),
    ] = None,
    book: BookName = None,
    folder: Folder = None,
    store: StorePath = None,
    dealer: Dealer = None,
    known_on: KnownOn = None,
    compare: Annotated[
        list[str] | None, typer.Option("--compare", help="另与什么比：year 去年同月、ytd 今年累计，可多次。")
    ] = None,
    compare_close: Annotated[bool, typer.Option("--compare-close", help="已结账的月：结账时的数与现在的数。")] = False,
    template: Annotated[
        list[str] | None, typer.Option("--template", help="填这个 Excel 模板：名称或文件，可多次；写到 --out。")
    ] = None,
    format_: Annotated[
        str | None, typer.Option("--format", help="html：另写一页，手机、电脑、打印都能看；写到 --out。")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="写到哪个文件夹；网页也可以是 .html 文件。")] = Path("reports"),
    open_: Annotated[bool, typer.Option("--open", help="模板和网页写好后打开。")] = False,
    as_of: AsOf = None,
    json_: Json = False,
    lang: Lang = None,
    quiet: Quiet = False,
) -> None:
    """一个月的指标：全店与各组，连同分子分母、目标、上月。"""
    from kpicli.kpi import LISTS
    from kpicli.pipeline.asked import BY
    from kpicli.pipeline.report import compare_close as held_against
    from kpicli.pipeline.report import reports as compute
    from kpicli.present import json

    workspace = workspace_of(folder, store)
    language = language_of(lang, workspace)
    today = today_of(as_of, workspace)
    if format_ not in (None, "html"):
        raise UsageError("unknown_format", name=format_ or "", known="html")
    if compare_close:
        alone = (("--by", by), ("--compare", compare), ("--as-known-on", known_on), ("--format", format_))
        for option, given in alone:
            if given:
                raise UsageError("compare_alone", option=option)
        comparison = held_against(workspace, month, book=book, dealer=dealer, today=today)
        if json_:
            write_json(json.comparison(comparison))
        else:
            from kpicli.present import terminal

            show(terminal.comparison(comparison, workspace.settings.zone, language))
        return
    books = None if book == "all" else [book or workspace.settings.book]
    found, issues = compute(
        workspace,
        month,
        books=books,
        by=list(dict.fromkeys([*(by or BY), *(LISTS if template else ()), *(BY if format_ else ())])),
        dealer=dealer,
        compare=compare or (),
        known_on=day_of(known_on),
        today=today,
    )
    written = _filled(workspace, found, template, out, now_of(as_of, workspace)) if template else []
    if format_:
        written += _pages(workspace, found, out, language)
    if json_:
        told = {"written": [str(path) for path in written]} if template or format_ else {}
        documents = [json.report(one) | told for one in found]
        write_json(documents[0] if books else {"command": "report", "reports": documents})
    else:
        from kpicli.present import terminal

        for number, one in enumerate(found):
            show([""] * bool(number))
            show(terminal.report(one, workspace.settings.zone, language, leagues=by or ("consultant",)))
        show([f"→ {path}" for path in written])
    if issues and not quiet:
        from kpicli.present import terminal

        show([terminal.problem(issue, language) for issue in issues], sys.stderr)
    _warn(workspace, language)
    if open_:
        _open(written, language)


def _filled(
    workspace: "Workspace", found: "list[Report]", templates: list[str], out: Path, now: datetime
) -> list[Path]:
    """Fill templates with reports, beside a page that is named outright."""
    from kpicli.pipeline.templates import fill_report

    return fill_report(workspace, found, templates, out.parent if out.suffix == ".html" else out, now=now)


def _pages(workspace: "Workspace", found: "list[Report]", out: Path, language: "Language") -> list[Path]:
    """Write the page of each report."""
    from kpicli.pipeline.page import paged
    from kpicli.present import page

    return page.write([paged(workspace, one) for one in found], out, workspace.settings.zone, language)


def _open(paths: Iterable[Path], language: "Language") -> None:
    """Open files with the programs of the desktop; say so where there is none."""
    from kpicli.present.words import word

    if sys.platform in ("win32", "darwin") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        for path in paths:
            typer.launch(str(path))
    else:
        show([word("no_desktop", language)], sys.stderr)


@app.command()
def status(
    folder: Folder = None,
    store: StorePath = None,
    dealer: Dealer = None,
    as_of: AsOf = None,
    json_: Json = False,
    lang: Lang = None,
    verbose: Verbose = False,
) -> None:
    """库里有什么：各月的行数、缺的日子、读过的文件。"""
    from kpicli.pipeline.status import status as state_of

    workspace = workspace_of(folder, store)
    language = language_of(lang, workspace)
    result = state_of(workspace, dealer=dealer, today=today_of(as_of, workspace))
    if json_:
        from kpicli.present import json

        write_json(json.status(result))
    else:
        from kpicli.present import terminal

        show(terminal.status(result, workspace.settings.zone, language, all_batches=verbose))
    _warn(workspace, language)


def turn(
    context: typer.Context,
    batch: BatchName,
    folder: Folder = None,
    store: StorePath = None,
    as_of: AsOf = None,
    json_: Json = False,
    lang: Lang = None,
) -> None:
    """Undo or redo one batch, by the name of the command."""
    from kpicli.pipeline.turns import undo
    from kpicli.present import json, terminal

    workspace = workspace_of(folder, store)
    result = undo(workspace, batch, redo=context.info_name == "redo", now=now_of(as_of, workspace))
    if json_:
        write_json(json.turned(result, context.info_name or ""))
    else:
        show(terminal.turned(result, language_of(lang, workspace)))


app.command("undo", help="撤销一次读入：那个文件的行不再计入。")(turn)
app.command("redo", help="恢复撤销了的一次读入。")(turn)


def close(
    context: typer.Context,
    month: Annotated[str, typer.Argument(help="2026-10、this 或 last。", show_default=False)],
    dealer: Dealer = None,
    folder: Folder = None,
    store: StorePath = None,
    as_of: AsOf = None,
    json_: Json = False,
    lang: Lang = None,
) -> None:
    """Close or reopen a month, by the name of the command."""
    from kpicli.pipeline.turns import close as turn_month
    from kpicli.present import json, terminal

    workspace = workspace_of(folder, store)
    reopen = context.info_name == "reopen"
    result = turn_month(
        workspace, month, dealer=dealer, reopen=reopen, today=today_of(as_of, workspace), now=now_of(as_of, workspace)
    )
    if json_:
        write_json(json.closed(result, context.info_name or ""))
    else:
        show(terminal.closed(result, workspace.settings.zone, language_of(lang, workspace)))


app.command("close", help="结账：这个月的报表从此停在现在的样子，后到的行另外指出。")(close)
app.command("reopen", help="重开已结账的月。")(close)


@app.command()
def export(
    form: Annotated[str, typer.Argument(help="哪种表，如 visits。")],
    format_: Annotated[str, typer.Option("--format", help="csv、json、parquet 或 xlsx。")] = "csv",
    out: Annotated[Path | None, typer.Option("--out", help="写到哪个文件；csv 与 json 默认写到标准输出。")] = None,
    month: Annotated[str | None, typer.Option("--month", help="只要这个月：2026-10、this 或 last。")] = None,
    known_on: KnownOn = None,
    as_of: AsOf = None,
    folder: Folder = None,
    store: StorePath = None,
    dealer: Dealer = None,
    show_pii: Annotated[bool, typer.Option("--show-pii", help="姓名与电话不打码。")] = False,
) -> None:
    """把已入库的行原样取出来。"""
    from kpicli.pipeline.export import export as rows_of
    from kpicli.present.rows import FORMATS, write

    if format_ not in FORMATS:
        raise UsageError("unknown_format", name=format_, known=", ".join(FORMATS))
    if out is None and format_ in ("parquet", "xlsx"):
        raise UsageError("out_needed", name=format_)
    workspace = workspace_of(folder, store)
    frame = rows_of(
        workspace,
        form,
        month=month,
        dealer=dealer,
        known_on=day_of(known_on),
        show_pii=show_pii,
        today=today_of(as_of, workspace),
    )
    write(frame, format_, out)


app.command("map")(map_)
app.command(cls=NameMayLack)(funnel)
app.command()(followups)
app.command()(plan)
app.command()(trend)
app.command()(explain)
app.command()(diagnose)
app.command()(kpis)
app.add_typer(forms_app, name="forms")
app.add_typer(books_app, name="books")
app.add_typer(store_app, name="store")
app.add_typer(templates_app, name="templates")
app.command("month-end")(month_end)
app.add_typer(runs_app, name="runs")
app.command()(config)
app.command()(doctor)


def _warn(workspace: "Workspace", language: "Language") -> None:
    """Say on stderr when others on this machine can read the store."""
    from kpicli.store import Store

    if Store(workspace.store).place.is_open:
        from kpicli.issues import Issue
        from kpicli.present import terminal

        issue = Issue("store_open", values={"store": str(workspace.store)})
        show([terminal.problem(issue, language)], sys.stderr)
