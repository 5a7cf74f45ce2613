"""The commands and their options. Each loads what it needs when it runs, so that --help answers at once."""

import sys
from contextlib import ExitStack
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kpicli.errors import UsageError

if TYPE_CHECKING:
    from kpicli.catalogue import Catalogue
    from kpicli.issues import Language
    from kpicli.pipeline.ingest import Ingested
    from kpicli.workspace import Workspace

app = typer.Typer(
    name="kpicli",
    help="把展厅导出的表格变成大家都信得过的数字。",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
forms_app = typer.Typer(help="认得哪些表：列出、查看、检查定义。", invoke_without_command=True)
books_app = typer.Typer(help="有哪些指标集：列出、查看、检查定义。", invoke_without_command=True)
app.add_typer(forms_app, name="forms")
app.add_typer(books_app, name="books")

Folder = Annotated[
    Path | None,
    typer.Option(
        "-C", "--workspace", envvar="KPICLI_WORKSPACE", help="工作区（kpicli.toml 所在的文件夹），默认当前文件夹。"
    ),
]
StorePath = Annotated[Path | None, typer.Option("--store", help="数据存放的文件夹；没有工作区时只需给出它。")]
Json = Annotated[bool, typer.Option("--json", help="在标准输出给出一份 JSON，别无其他。")]
Lang = Annotated[str | None, typer.Option("--lang", help="zh 或 en；默认按工作区，否则 zh。")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="只给结果，不列问题。")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="连提示也一并列出。")]
Dealer = Annotated[str | None, typer.Option("--dealer", help="经销商代码。")]
AsOf = Annotated[datetime | None, typer.Option("--as-of", formats=["%Y-%m-%d"], help="把哪一天当作今天。")]
Allow = Annotated[bool, typer.Option("--allow-findings", help="有搁置的行时退出码也为 0。")]
FormName = Annotated[str | None, typer.Option("--as", help="指定是哪种表（如 visits），不由表头判断。")]
Paths = Annotated[list[Path], typer.Argument(help="文件或文件夹。", show_default=False)]
BookName = Annotated[str | None, typer.Option("--book", help="指标集，默认按工作区，否则 buick。")]


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
    """用自带的示例数据走一遍：读入三个月的导出，显示最后一个月的报表。"""
    from kpicli.cli.output import show
    from kpicli.cli.samples import lay_out

    with ExitStack() as stack:
        readers = _start_readers(stack)
        sources = lay_out(folder)
        from kpicli.pipeline.ingest import ingest as ingest_files
        from kpicli.pipeline.report import report as compute
        from kpicli.present import json, terminal

        workspace = _workspace(folder, None)
        language = _language(lang, workspace)
        result = ingest_files(workspace, [sources], now=datetime.now(UTC), readers=readers)
    show(terminal.ingested(result, workspace.catalogue, language))
    computed, _ = compute(workspace, "2026-10", today=date(2026, 11, 1))
    out = folder / "reports" / f"{computed.month}.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.text(json.report(computed)) + "\n", encoding="utf-8")
    show(terminal.report(computed, language))
    show([f"→ {folder}/  kpicli report -C {folder} --month 2026-09"])


@app.command()
def ingest(
    paths: Paths,
    folder: Folder = None,
    store: StorePath = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只读只查，不写入。")] = False,
    form: FormName = None,
    dealer: Dealer = None,
    allow_findings: Allow = False,
    json_: Json = False,
    lang: Lang = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """读入文件和文件夹：逐行交代去向，逐格指出问题，有效的行入库。"""
    with ExitStack() as stack:
        readers = _start_readers(stack)
        from kpicli.pipeline.ingest import ingest as ingest_files

        workspace = _workspace(folder, store)
        result = ingest_files(
            workspace, paths, dry_run=dry_run, form=form, dealer=dealer, now=datetime.now(UTC), readers=readers
        )
    command = "validate" if dry_run else "ingest"
    _show_ingested(result, command, workspace, _language(lang, workspace), as_json=json_, quiet=quiet, verbose=verbose)
    raise typer.Exit(_ingest_code(result, allow_findings))


@app.command()
def validate(
    paths: Paths,
    folder: Folder = None,
    store: StorePath = None,
    form: FormName = None,
    dealer: Dealer = None,
    allow_findings: Allow = False,
    json_: Json = False,
    lang: Lang = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """只查不写，同 ingest --dry-run。"""
    ingest(paths, folder, store, True, form, dealer, allow_findings, json_, lang, quiet, verbose)


@app.command()
def report(
    month: Annotated[str, typer.Option("--month", help="2026-10、this 或 last（最后一个有数据的整月）。")] = "last",
    by: Annotated[
        list[str] | None,
        typer.Option("--by", help="按 consultant、model、source、channel、dealer、week 或 day 分组，可多次。"),
    ] = None,
    book: BookName = None,
    folder: Folder = None,
    store: StorePath = None,
    dealer: Dealer = None,
    as_of: AsOf = None,
    json_: Json = False,
    lang: Lang = None,
    quiet: Quiet = False,
) -> None:
    """一个月的指标：全店与各组，连同分子分母、目标、上月。"""
    from kpicli.cli.output import show, write_json
    from kpicli.pipeline.report import BY
    from kpicli.pipeline.report import report as compute
    from kpicli.present import json

    workspace = _workspace(folder, store)
    language = _language(lang, workspace)
    today = as_of.date() if as_of else datetime.now().date()
    computed, issues = compute(workspace, month, book=book, by=by or BY, dealer=dealer, today=today)
    if json_:
        write_json(json.report(computed))
        return
    from kpicli.present import terminal

    show(terminal.report(computed, language, leagues=by or ("consultant",)))
    if not quiet:
        show([terminal.problem(issue, language) for issue in issues], sys.stderr)


@app.command()
def export(
    form: Annotated[str, typer.Argument(help="哪种表，如 visits。")],
    format_: Annotated[str, typer.Option("--format", help="csv、json、parquet 或 xlsx。")] = "csv",
    out: Annotated[Path | None, typer.Option("--out", help="写到哪个文件；csv 与 json 默认写到标准输出。")] = None,
    month: Annotated[str | None, typer.Option("--month", help="只要这个月，如 2026-10。")] = None,
    folder: Folder = None,
    store: StorePath = None,
    dealer: Dealer = None,
    show_pii: Annotated[bool, typer.Option("--show-pii", help="姓名与电话不打码。")] = False,
) -> None:
    """把已入库的行原样取出来。"""
    from kpicli.pipeline.export import export as rows_of
    from kpicli.present.rows import FORMATS, write

    if format_ not in FORMATS:
        raise UsageError("unknown_format", f"没有 {format_} 这种格式", f"可用：{'、'.join(FORMATS)}")
    if out is None and format_ in ("parquet", "xlsx"):
        raise UsageError("out_needed", f"{format_} 要写到文件", "用 --out 指明文件")
    frame = rows_of(_workspace(folder, store), form, month=month, dealer=dealer, show_pii=show_pii)
    write(frame, format_, out)


@app.command()
def kpis(
    key: Annotated[str | None, typer.Argument(help="一个指标的代码或名称；不给则列出全部。")] = None,
    book: BookName = None,
    folder: Folder = None,
    json_: Json = False,
    lang: Lang = None,
) -> None:
    """列出指标，或说明其中一个。"""
    from kpicli.cli.output import show, write_json
    from kpicli.present import json

    catalogue, language = _definitions(folder, lang)
    house = catalogue.book(book or "buick")
    found = house.find(key) if key else None
    if found in house.kpis:
        chosen = [house.kpis[found or ""]]
    elif key is None:
        chosen = list(house.kpis.values())
    else:
        from kpicli.catalogue import suggest

        raise UsageError(
            "unknown_kpi", f"{house.key} 里没有 {key} 这个指标{suggest(key, house.kpis)}", "kpicli kpis 列出全部"
        )
    if json_:
        write_json({"command": "kpis", "book": house.key, "kpis": [json.kpi(entry) for entry in chosen]})
        return
    from kpicli.present import terminal

    show(terminal.kpi(chosen[0], language) if key else terminal.kpis(house, language))


@forms_app.callback()
def forms(context: typer.Context, folder: Folder = None, json_: Json = False, lang: Lang = None) -> None:
    """认得哪些表。"""
    if context.invoked_subcommand:
        return
    from kpicli.cli.output import show, write_json
    from kpicli.present import json, terminal

    catalogue, language = _definitions(folder, lang)
    if json_:
        write_json({"command": "forms", "forms": [json.form(entry) for entry in catalogue.forms.values()]})
    else:
        show(terminal.forms(catalogue, language))


@forms_app.command("show")
def forms_show(
    key: Annotated[str, typer.Argument(help="哪种表，如 visits。")],
    folder: Folder = None,
    json_: Json = False,
    lang: Lang = None,
) -> None:
    """一种表的列，和认得的表头。"""
    from kpicli.cli.output import show, write_json
    from kpicli.present import json, terminal

    catalogue, language = _definitions(folder, lang)
    entry = catalogue.form(key)
    if json_:
        write_json({"command": "forms", "forms": [json.form(entry)]})
    else:
        show(terminal.form(entry, language))


@forms_app.command("check")
def forms_check(folder: Folder = None, json_: Json = False, lang: Lang = None) -> None:
    """检查表的定义，一次列出全部错误。"""
    _check("forms", folder, json_, lang)


@books_app.callback()
def books(context: typer.Context, folder: Folder = None, json_: Json = False, lang: Lang = None) -> None:
    """有哪些指标集。"""
    if context.invoked_subcommand:
        return
    from kpicli.cli.output import show, write_json
    from kpicli.present import json, terminal

    catalogue, language = _definitions(folder, lang)
    if json_:
        write_json({"command": "books", "books": [json.book(entry) for entry in catalogue.books.values()]})
    else:
        show(terminal.books(catalogue, language))


@books_app.command("show")
def books_show(
    key: Annotated[str, typer.Argument(help="哪个指标集，如 buick。")],
    folder: Folder = None,
    json_: Json = False,
    lang: Lang = None,
) -> None:
    """一个指标集的度量与指标。"""
    from kpicli.cli.output import show, write_json
    from kpicli.present import json, terminal

    catalogue, language = _definitions(folder, lang)
    entry = catalogue.book(key)
    if json_:
        write_json({"command": "books", "books": [json.book(entry)]})
    else:
        show(terminal.book(entry, language))


@books_app.command("check")
def books_check(folder: Folder = None, json_: Json = False, lang: Lang = None) -> None:
    """检查指标集的定义，一次列出全部错误。"""
    _check("books", folder, json_, lang)


def _check(kind: str, folder: Path | None, as_json: bool, lang: str | None) -> None:
    from kpicli.catalogue import check
    from kpicli.cli.output import show, write_json
    from kpicli.present.words import word

    _, mistakes = check(_home(folder))
    mine = [mistake for mistake in mistakes if mistake.file.startswith(f"{kind}/")]
    if as_json:
        write_json({"command": f"{kind} check", "mistakes": [vars(mistake) for mistake in mine]})
    else:
        show([str(mistake) for mistake in mine] or [word("no_mistakes", _known_language(lang) or "zh")])
    raise typer.Exit(1 if mine else 0)


# What the commands share


def _start_readers(stack: ExitStack) -> Any:
    """Start the reading processes before this one loads polars: their start then costs no time of its own."""
    from kpicli.read import Limits, ReaderPool

    return stack.enter_context(ReaderPool(2, Limits()))


def _home(folder: Path | None) -> Path | None:
    """The workspace folder meant: the one named, or the current one when it is a workspace."""
    return folder if folder is not None else Path() if Path("kpicli.toml").is_file() else None


def _workspace(folder: Path | None, store: Path | None) -> "Workspace":
    from kpicli.workspace import open_workspace

    return open_workspace(_home(folder), store=store)


def _definitions(folder: Path | None, lang: str | None) -> tuple["Catalogue", "Language"]:
    """The definitions in force, with or without a workspace."""
    from kpicli.catalogue import load

    return load(_home(folder)), _known_language(lang) or "zh"


def _language(lang: str | None, workspace: "Workspace") -> "Language":
    return _known_language(lang) or workspace.settings.language


def _known_language(lang: str | None) -> "Language | None":
    if lang not in (None, "zh", "en"):
        raise UsageError("unknown_language", f"没有 {lang} 这种语言", "可用：zh、en")
    return lang  # type: ignore[return-value]


def _show_ingested(
    result: "Ingested",
    command: str,
    workspace: "Workspace",
    language: "Language",
    *,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    from kpicli.cli.output import show, write_json
    from kpicli.present import json

    if as_json:
        write_json(json.ingested(result, command, language))
        return
    from kpicli.present import terminal

    show(terminal.ingested(result, workspace.catalogue, language))
    if not quiet:
        show(terminal.problems(result.files, language, all_of_them=verbose), sys.stderr)


def _ingest_code(result: "Ingested", allow_findings: bool) -> int:
    """3 when an input could not be read, 1 when rows were set aside, else 0."""
    from kpicli.pipeline.ingest import REFUSALS

    refused = [file for file in result.files if file.status == "refused"]
    sheets = [issue for file in result.files for issue in file.issues if issue.code in REFUSALS]
    if refused or sheets:
        return 3
    findings = any(file.status == "partly" for file in result.files)
    return 1 if findings and not allow_findings else 0
