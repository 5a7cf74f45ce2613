"""The commands of the month's end: run it, and see what earlier runs read, found and wrote."""

import os
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kpicli.cli.options import (
    Allow,
    AsOf,
    Folder,
    Json,
    Lang,
    Password,
    Quiet,
    language_of,
    now_of,
    workspace_of,
)
from kpicli.cli.output import show, write_json
from kpicli.cli.reading import read_in
from kpicli.errors import UsageError

if TYPE_CHECKING:
    from kpicli.messages import Language
    from kpicli.pipeline.ingest import Ingested
    from kpicli.pipeline.month_end import Job, Results, Run, Told
    from kpicli.workspace import Workspace

RunName = Annotated[str, typer.Argument(help="运行的编号、它的开头、月份（最近一次）或 last。")]


def month_end(
    month: Annotated[str, typer.Option("--month", help="2026-10、this 或 last（最后一个有数据的整月）。")] = "last",
    book: Annotated[str | None, typer.Option("--book", help="指标集，默认按工作区。")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只看会做什么，不写入。")] = False,
    password: Password = None,
    folder: Folder = None,
    as_of: AsOf = None,
    allow_findings: Allow = False,
    json_: Json = False,
    lang: Lang = None,
    quiet: Quiet = False,
) -> None:
    """月结：读入 inbox，检查，写报表和模板，留下运行记录；可以随时再运行。"""
    from kpicli.cli.log import logged
    from kpicli.pipeline import month_end as pipeline
    from kpicli.present import month_end as present

    workspace = workspace_of(folder, None)
    language = language_of(lang, workspace)
    job = _job(workspace, month, book, password, as_of, language)
    if dry_run:
        found = pipeline.plan(job)
        if json_:
            write_json(present.plan_document(found, language))
        else:
            show(present.planned(found, workspace.catalogue, language))
        return
    with logged(workspace.folder or Path(), workspace.settings.zone, "month-end") as log:
        done = pipeline.month_end(job)
        run, code = done.run, (done.run.exit_code or 0) if done.fresh else 0
        codes = ",".join(dict.fromkeys(note.code for note in run.notes)) if done.fresh else "nothing_new"
        log.info("run=%s month=%s read=%d written=%d %s", run.id, run.month, len(run.inputs), len(run.outputs), codes)
        if json_:
            write_json({"command": "month-end", "fresh": done.fresh, **run.document()})
        elif done.results is None:
            show(present.nothing_new(run, workspace.settings.zone, language))
        elif not quiet or code:
            show([present.subject(run, language), "", present.summary(run, done.results, language).rstrip()])
        raise typer.Exit(0 if code == 1 and allow_findings else code)


def _job(
    workspace: "Workspace",
    month: str,
    book: str | None,
    password: str | None,
    as_of: datetime | None,
    language: "Language",
) -> "Job":
    from kpicli import __version__
    from kpicli.pipeline.month_end import Job
    from kpicli.present import month_end as present

    if workspace.folder is None:
        raise UsageError("no_workspace", place="kpicli.toml")

    def read(paths: Sequence[Path], fix: Path | None) -> "Ingested":
        now = now_of(as_of, workspace)
        return read_in(workspace, paths, now=now, fix=fix, dry_run=fix is None, password=password, language=language)

    def write(results: "Results", place: Path) -> list[Path]:
        return present.write(results, place, workspace.settings.zone, language)

    def tell(run: "Run", results: "Results", place: Path) -> "Told":
        return _told(workspace, run, results, place, language)

    return Job(
        workspace=workspace,
        month=month,
        book=book,
        language=language,
        version=__version__,
        now=lambda: now_of(as_of, workspace),
        timer=time.perf_counter,
        read=read,
        write=write,
        tell=tell,
        warn=lambda notes: show(present.told(notes), sys.stderr),
    )


def _told(workspace: "Workspace", run: "Run", results: "Results", place: Path, language: "Language") -> "Told":
    """Write the summary, and send it where the settings say."""
    from kpicli.deliver import Letter, Secrets, deliver
    from kpicli.pipeline.month_end import Note, Told
    from kpicli.present import month_end as present

    files = present.write_summary(run, results, place, language)
    settings = workspace.settings.delivery
    attached = [place / output.file for output in run.outputs if output.file.endswith((".xlsx", ".xlsm", ".html"))]
    letter = Letter(
        present.subject(run, language),
        present.summary(run, results, language),
        present.summary_markdown(run, results, language),
        tuple(attached) if settings.attach else (),
        language,
    )
    secrets = Secrets(
        os.environ.get("KPICLI_SMTP_PASSWORD", ""),
        os.environ.get("KPICLI_WEBHOOK_URL", ""),
        os.environ.get("KPICLI_WEBHOOK_SECRET", ""),
    )
    sent = deliver(letter, settings, secrets, now=now_of())  # signed with the true time, whatever day it is taken for
    wrong = [one for one in sent if not one.ok]
    notes = tuple(Note(one.code, "warning", one.message(language), one.hint(language)) for one in wrong)
    show(present.told(notes), sys.stderr)
    return Told(tuple(files), {one.channel: one.ok for one in sent}, notes)


runs_app = typer.Typer(help="月结的运行记录：列出、查看、比较。", no_args_is_help=False)


@runs_app.callback(invoke_without_command=True)
def runs(context: typer.Context, folder: Folder = None, json_: Json = False, lang: Lang = None) -> None:
    """历次月结读了什么、查出什么、写了什么。"""
    if context.invoked_subcommand is None:
        list_(folder, json_, lang)


@runs_app.command("list")
def list_(folder: Folder = None, json_: Json = False, lang: Lang = None) -> None:
    """历次月结，从早到晚；不写 list 也一样。"""
    from kpicli.pipeline.month_end import runs as every
    from kpicli.present import month_end as present

    workspace = workspace_of(folder, None)
    found = every(workspace.reports)
    if json_:
        write_json({"command": "runs", "runs": [run.document() for run in found]})
    else:
        show(present.listed(found, workspace.settings.zone, language_of(lang, workspace)))


@runs_app.command("show")
def show_(run: RunName = "last", folder: Folder = None, json_: Json = False, lang: Lang = None) -> None:
    """一次月结的全部：读了哪些文件，查出什么，写了哪些文件。"""
    from kpicli.pipeline.month_end import find_run
    from kpicli.present import month_end as present

    workspace = workspace_of(folder, None)
    found = find_run(workspace.reports, run)
    if json_:
        write_json({"command": "runs show", **found.document()})
    else:
        show(present.run(found, workspace.settings.zone, language_of(lang, workspace)))


@runs_app.command("diff")
def diff(
    before: RunName,
    after: RunName,
    folder: Folder = None,
    json_: Json = False,
    lang: Lang = None,
) -> None:
    """两次月结（或两个月）之间，数变了什么，为什么。"""
    from kpicli.pipeline.month_end import difference, find_run
    from kpicli.pipeline.month_end import runs as every
    from kpicli.present import month_end as present

    workspace = workspace_of(folder, None)
    one, other = find_run(workspace.reports, before), find_run(workspace.reports, after)
    found = difference(one, other, every(workspace.reports))
    if json_:
        write_json(present.difference_document(found))
    else:
        show(present.difference(found, workspace.catalogue, language_of(lang, workspace)))
