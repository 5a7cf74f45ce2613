"""Results as text for a terminal: readable at 80 columns, aligned with Chinese text, right without colour."""

import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, tzinfo
from functools import partial

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from kpicli.catalogue import Book, Catalogue
from kpicli.issues import Issue
from kpicli.kpi import Group as KpiGroup
from kpicli.kpi import KpiValue, Report
from kpicli.masking import shown
from kpicli.measure import NOBODY
from kpicli.messages import Language
from kpicli.pipeline.ingest import FileAccount, Ingested, SheetAccount
from kpicli.pipeline.mapping import Question
from kpicli.pipeline.report import Comparison
from kpicli.pipeline.status import Status
from kpicli.pipeline.turns import Closed, Turned
from kpicli.present.values import NOTHING, bar, number, plain, sparkline
from kpicli.present.words import word
from kpicli.store import Compacted, Health

STATUS_STYLE = {"good": "green", "near": "yellow", "bad": "red"}
SEVERITY_STYLE = {"error": "red", "warning": "yellow", "info": "cyan"}
SEVERITY_MARK = {"error": "×", "warning": "!", "info": "·"}
_FILE_STYLE = {"stored": "green", "unchanged": "", "partly": "yellow", "refused": "red", "skipped": "cyan"}


def render(parts: Iterable[RenderableType], *, width: int, colour: bool) -> str:
    """Lay renderables out as text."""
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=width,
        force_terminal=colour,
        color_system="standard" if colour else None,
        no_color=not colour,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    for part in parts:
        console.print(part)
    return "\n".join(_TAIL.sub(_unspaced, line) for line in stream.getvalue().splitlines()) + "\n"


_TAIL = re.compile(r"(?:\s|\x1b\[[0-9;]*m)+$")
"""How a line ends: spaces, and the ends of colours."""


def _unspaced(tail: re.Match[str]) -> str:
    return "".join(tail.group().split())


class Fitting:
    """A table with small pictures where no line breaks for them, else without."""

    def __init__(self, made: Callable[[bool], Table]) -> None:
        """Take what makes the table, with pictures or without."""
        self.made = made

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Give the table that is shown."""
        drawn = self.made(True)
        wanted = Measurement.get(console, options.update(width=_WIDE), drawn).maximum
        yield drawn if wanted <= options.max_width else self.made(False)


_WIDE = 1000
"""Columns in which any table has the room that it wants."""

# The report


def report(
    result: Report, zone: tzinfo, language: Language, *, leagues: Sequence[str] = ("consultant",)
) -> list[RenderableType]:
    """The KPI table of a month and the league of each dimension asked for."""
    parts = heading(result, zone, language)
    parts.append(Fitting(partial(_kpi_table, result, language)))
    parts += _over_one(result, language)
    if result.total.score is not None:
        parts.append(Text(f"{word('score', language)} {number(result.total.score)}", style="bold"))
    for dimension in leagues:
        parts += [Text(), Fitting(partial(_league, result.book, dimension, result.by[dimension], language))]
    parts += [Text(), Text(word("account", language).format(**vars(result.account)), style="dim")]
    return parts


def heading(result: Report, zone: tzinfo, language: Language) -> list[RenderableType]:
    """Which month, store and book, and as known when."""
    parts: list[RenderableType] = [_heading(result, language)]
    if result.closed:
        parts.append(Text(word("as_closed", language).format(time=moment(result.closed, zone)), style="dim"))
    if result.known:
        parts.append(Text(word("as_known", language).format(time=moment(result.known, zone)), style="dim"))
    if result.days:
        passed = number(result.pace, "%")
        parts.append(Text(word("running", language).format(days=result.days, pace=passed), style="dim"))
    return parts


def _heading(result: Report, language: Language) -> Text:
    label = result.book.label if language == "zh" else result.book.label_en
    dealer = result.dealer or word("all_dealers", language)
    return Text(f"{result.month}  {plain(dealer)}  {label} ({result.book.key})", style="bold")


def moment(time: datetime, zone: tzinfo) -> str:
    """A time as the store has it on its clock."""
    return f"{time.astimezone(zone):%Y-%m-%d %H:%M}"


def comparison(result: Comparison, zone: tzinfo, language: Language) -> list[RenderableType]:
    """A closed month beside what it would be now: the KPIs that differ, and the rows that make the difference."""
    closed, now = result.closed, result.now
    parts: list[RenderableType] = [_heading(closed, language)]
    if closed.closed:
        parts.append(Text(word("as_closed", language).format(time=moment(closed.closed, zone)), style="dim"))
    table = table_of(
        (word("kpi", language), "left"),
        *((word(key, language), "right") for key in ("at_closing", "now", "difference")),
    )
    for key, was in closed.total.kpis.items():
        new, kpi = now.total.kpis[key], closed.book.kpis[key]
        if was.value != new.value:
            both = was.value is not None and new.value is not None
            gap = number(float(new.value) - float(was.value), kpi.unit) if both else NOTHING  # type: ignore[arg-type]
            if gap.endswith("%"):
                gap = gap.removesuffix("%") + word("points", language)
            label = kpi.label if language == "zh" else kpi.label_en
            table.add_row(label, number(was.value, kpi.unit), number(new.value, kpi.unit), gap)
    rows = table_of(
        (word("form", language), "left"), *((word(key, language), "right") for key in ("new", "changed", "removed"))
    )
    for entry in result.since:
        rows.add_row(entry.form.words[language], *(f"{n:,}" for n in (entry.new, entry.changed, entry.removed)))
    if not (table.row_count or rows.row_count):
        return [*parts, Text(word("as_when_closed", language))]
    parts.append(table if table.row_count else Text(word("no_kpi_differs", language)))
    return [*parts, Text(), rows if rows.row_count else Text(word("earlier_rows_differ", language))]


def _kpi_table(result: Report, language: Language, drawn: bool) -> Table:
    values = result.total.kpis.values()
    others = list(dict.fromkeys(name for value in values for name in value.compared))
    more = [name for name in ("projected", "score") if any(getattr(value, name) is not None for value in values)]
    table = table_of(
        (word("kpi", language), "left"),
        *((word(key, language), "right") for key in ("value", "parts", *others, *more, "target", "gap", "attainment")),
        (word("status", language), "left"),
    )
    weeks = _weeks(result) if drawn else {}
    if weeks:
        table.add_column(word("weeks", language), no_wrap=True)
    for key, value in result.total.kpis.items():
        kpi = result.book.kpis[key]
        numbers = [*(value.compared.get(name) for name in others)]
        numbers += [getattr(value, name) for name in more]
        if value.projected is not None:
            numbers[len(others)] = round(value.projected)
        units = [kpi.unit if name != "score" else "" for name in (*others, *more)]
        table.add_row(
            kpi.label if language == "zh" else kpi.label_en,
            Text(number(value.value, kpi.unit), style=_style(value)),
            _parts(value, language),
            *(number(told, unit) if told is not None else "" for told, unit in zip(numbers, units, strict=True)),
            number(value.target, kpi.unit) if value.target is not None else "",
            _gap(value.gap, kpi.unit, language),
            number(value.attainment, "%") if value.attainment is not None else "",
            Text(word(value.status, language), style=_style(value)) if value.status else "",
            *([Text(weeks.get(key, ""), style="blue")] if weeks else []),
        )
    return table


def _weeks(result: Report) -> dict[str, str]:
    """KPI → its weeks as a line; of a month that is not over, the weeks that have begun."""
    begun = [
        group
        for label, group in result.by.get("week", {}).items()
        if result.days is None or int(label[8:10]) <= result.days
    ]
    told = {key: [group.kpis[key].value for group in begun] for key in result.total.kpis}
    enough = {key: values for key, values in told.items() if sum(value is not None for value in values) > 1}
    return {key: sparkline(values) for key, values in enough.items()}


def _gap(gap: float | None, unit: str, language: Language) -> str:
    """What is lacking to the target, or beyond it: of rates in percentage points."""
    if gap is None:
        return ""
    if unit == "%":
        return f"{gap * 100:+.1f}{word('point', language)}".replace("-", "−")
    return ("+" * (gap > 0) + number(gap, unit)).replace("-", "−")


def _over_one(result: Report, language: Language) -> list[RenderableType]:
    """Why a rate is over 100 %, or that it should not be."""
    told = []
    for key, value in result.total.kpis.items():
        kpi = result.book.kpis[key]
        if kpi.is_ratio and kpi.unit == "%" and value.value is not None and value.value > 1:
            why = kpi.over_one or word("over_one_odd", language)
            told.append(Text(f"{result.book.label_of(key, language)} {number(value.value, '%')}  {why}", style="dim"))
    return [*told]


def _parts(value: KpiValue, language: Language) -> Text:
    if value.reason:
        return Text(word(value.reason, language), style="dim")
    if value.denominator is None:
        return Text("")
    return Text(f"{number(value.numerator)}/{number(value.denominator)}", style="dim")


def _style(value: KpiValue) -> str:
    return STATUS_STYLE[value.status] if value.status else ""


def _league(book: Book, dimension: str, groups: Mapping[str, KpiGroup], language: Language, drawn: bool) -> Table:
    """Groups by their rank; weeks and days by date; who has no name comes last."""
    headers = [_two_lines(book.label_of(key, language)) for key in book.league]
    table = table_of((word(dimension, language), "left"), *((header, "right") for header in headers))
    table.columns[0].no_wrap = True
    most = max((_rank_value(group, book.league_by) for group in groups.values()), default=0.0) if drawn else 0.0
    if most > 0:
        table.add_column(_two_lines(book.label_of(book.league_by, language)), no_wrap=True)

    def rank(entry: tuple[str, KpiGroup]) -> tuple[bool, float, str]:
        name, group = entry
        return name in NOBODY, 0.0 if dimension in ("week", "day") else -_rank_value(group, book.league_by), name

    for name, group in sorted(groups.items(), key=rank):
        cells = [_league_cell(book, group, key) for key in book.league]
        if most > 0:
            cells.append(Text(bar(_rank_value(group, book.league_by), most, _BAR), style="blue"))
        table.add_row(Text(group_name(dimension, name)), *cells)
    return table


_BAR = 8
"""Cells of the longest bar."""


def _two_lines(header: str) -> str:
    """A long header on two lines: between words, and Chinese words mostly have two characters."""
    if cell_len(header) <= 8:
        return header
    cuts = [place for place, letter in enumerate(header) if letter == " "] or list(range(2, len(header), 2))
    cut = min(cuts, key=lambda place: (abs(2 * place - len(header)), -place))
    return f"{header[:cut]}\n{header[cut:].lstrip()}"


def _rank_value(group: KpiGroup, key: str) -> float:
    value = group.kpis[key].value if key in group.kpis else group.measures.get(key)
    return float(value) if value is not None else 0.0


def group_name(dimension: str, name: str) -> str:
    """A group as it is shown: weeks without their year."""
    if dimension == "week":
        first, _, last = name.partition("/")
        return f"{first[5:]}~{last[5:]}"
    return plain(name)


def _league_cell(book: Book, group: KpiGroup, key: str) -> Text:
    if key not in group.kpis:
        return Text(number(group.measures[key], book.measures[key].unit))
    value, kpi = group.kpis[key], book.kpis[key]
    text = Text(number(value.value, kpi.unit), style=_style(value))
    if value.value is not None and value.denominator is not None:
        text.append(f"\n{number(value.numerator)}/{number(value.denominator)}", style="dim")
    return text


# The account of reading


def ingested(result: Ingested, catalogue: Catalogue, language: Language) -> list[RenderableType]:
    """What became of every row of every sheet."""
    counts = ("rows", "stored", "unchanged", "set_aside", "not_data")
    table = table_of(
        (word("file", language), "left"),
        (word("form", language), "left"),
        *((word(key, language), "right") for key in counts),
        (word("state", language), "left"),
    )
    for file in result.files:
        state = Text(word(f"state_{file.status}", language), style=_FILE_STYLE[file.status])
        for number_, sheet in enumerate(file.sheets):
            name = plain(file.file.name) if number_ == 0 else ""
            table.add_row(_place(name, file, sheet), _form_label(catalogue, sheet, language), *_counts(sheet), state)
        if not file.sheets:
            table.add_row(plain(file.file.name), "", *[""] * len(counts), state)
    totals = [result.total(key) for key in ("rows", "stored", "unchanged", "set_aside")]
    table.add_section()
    table.add_row(
        word("total", language), "", *(f"{count:,}" for count in (*totals, result.not_data)), "", style="bold"
    )
    parts: list[RenderableType] = [table]
    if result.dry_run:
        parts.append(Text(word("dry_run", language)))
    elif result.total("unchanged") and not result.total("stored"):
        parts.append(Text(word("nothing_new", language)))
    parts += [line for file in result.files if (line := _changes(file, language, replacing=result.replace))]
    copies = [file.marked for file in result.files if file.marked]
    parts += [Text(word("marked", language).format(path=plain(str(path)))) for path in copies]
    return parts


def _changes(file: FileAccount, language: Language, *, replacing: bool) -> Text | None:
    """What a file changes in rows that were there already; all it changes where it is the whole truth."""
    told = []
    for change in file.changes:
        counts = [(key, getattr(change, key)) for key in ("new", "changed", "removed", "older")]
        counts = [(key, count) for key, count in counts if count and (key != "new" or replacing)]
        words = [f"{word(key, language)} {count:,}" for key, count in counts]
        if change.columns:
            columns = sorted(change.columns.items(), key=lambda entry: -entry[1])
            named = [f"{change.form.columns[key].words[language]} {count:,}" for key, count in columns[:_COLUMNS_NAMED]]
            place = [key for key, _ in counts].index("changed")
            more = " …" if len(columns) > _COLUMNS_NAMED else ""
            words[place] += f"（{'、'.join(named)}{more}）" if language == "zh" else f" ({', '.join(named)}{more})"
        if late := sum(change.late.values()):
            words.append(f"{word('late', language)} {late:,}")
        if words:
            form = change.form.words[language] + ("：" if language == "zh" else ": ")
            told.append(form * (len(file.changes) > 1) + " · ".join(words))
    return Text(f"{plain(file.file.name)}  {('；' if language == 'zh' else '; ').join(told)}") if told else None


_COLUMNS_NAMED = 4


def _place(name: str, file: FileAccount, sheet: SheetAccount) -> str:
    return name if len(file.sheets) == 1 else f"{name} · {plain(sheet.sheet)}".removeprefix(" · ")


def _form_label(catalogue: Catalogue, sheet: SheetAccount, language: Language) -> str:
    if sheet.form is None:
        return NOTHING
    form = catalogue.forms[sheet.form]
    return form.label if language == "zh" else form.label_en


def _counts(sheet: SheetAccount) -> list[str]:
    counts = (sheet.rows, sheet.stored, sheet.unchanged, sheet.set_aside, sum(sheet.not_data.values()))
    return [f"{count:,}" for count in counts]


def problems(files: Iterable[FileAccount], language: Language, *, all_of_them: bool) -> list[RenderableType]:
    """The problems of each file, worst first; notes of little weight only when all are asked for."""
    parts: list[RenderableType] = []
    for file in files:
        shown = [issue for issue in file.issues if all_of_them or issue.severity != "info" or file.status == "skipped"]
        if shown:
            shown.sort(key=lambda issue: list(SEVERITY_MARK).index(issue.severity))
            parts.append(Text(plain(file.file.name), style="bold"))
            parts += [
                Padding(problem(issue, language, one_sheet=len(file.sheets) == 1), (0, 0, 0, 1)) for issue in shown
            ]
    return parts


def problem(issue: Issue, language: Language, *, one_sheet: bool = False) -> Table:
    """What, where, what to do."""
    sheet = f"{plain(issue.sheet)}!" if issue.sheet and not one_sheet else ""
    place = f"{sheet}{issue.cell or issue.row or ''}".rstrip("!")
    column = f"[{plain(issue.column)}]" if issue.column else ""
    where = " ".join(part for part in (place, column) if part)
    text = Text(f"{where}：" if where else "")
    text.append(plain(issue.message(language)))
    if issue.count > 1:
        text.append(f" ×{issue.count}", style="bold")
    if hint := issue.hint(language):
        text.append(f" → {plain(hint)}", style="dim")
    text.append(f" ({issue.code})", style="dim")
    grid = Table.grid(padding=(0, 1))
    grid.add_column()
    grid.add_column(overflow="fold")
    grid.add_row(Text(SEVERITY_MARK[issue.severity], style=SEVERITY_STYLE[issue.severity]), text)
    return grid


# The store


def status(result: Status, zone: tzinfo, language: Language, *, all_batches: bool) -> list[RenderableType]:
    """What is in the store by form and month, and the workbooks it came from."""
    if not result.batches:
        return [Text(word("empty_store", language).format(store=plain(result.store)))]
    months = table_of(
        (word("form", language), "left"),
        (word("month", language), "left"),
        *((word(key, language), "right") for key in ("rows", "days", "set_aside")),
        (word("missing_days", language), "left"),
        (word("last_read", language), "left"),
    )
    for place, entry in enumerate(result.months):
        again = place and result.months[place - 1].form.key == entry.form.key
        months.add_row(
            "" if again else entry.form.words[language],
            entry.month,
            f"{entry.rows:,}",
            str(entry.days or ""),
            Text(f"{entry.set_aside:,}" if entry.set_aside else "", style="yellow"),
            Text(_ranges([day.day for day in entry.missing]), style="yellow"),
            moment(entry.last_read, zone) if entry.last_read else "",
        )
    shown = result.batches if all_batches else result.batches[-_BATCHES_SHOWN:]
    batches = table_of(
        (word("batch", language), "left"),
        (word("file", language), "left"),
        *((word(key, language), "right") for key in ("stored", "unchanged", "set_aside")),
        ("", "left"),
    )
    batches.columns[0].no_wrap = True  # so that it can be copied
    for batch in shown:
        counts = (batch.stored, batch.unchanged, batch.set_aside)
        state = word("undone", language) if batch.undone else ""
        style = "dim" if batch.undone else ""
        batches.add_row(batch.name, plain(batch.file), *(f"{count:,}" for count in counts), state, style=style)
    parts: list[RenderableType] = [months, Text(), batches]
    for closing in result.closings:
        whose = f" {plain(closing.dealer)}" if closing.dealer else ""
        parts.append(
            Text(word("closed_month", language).format(month=closing.month + whose, time=moment(closing.time, zone)))
        )
    if len(shown) < len(result.batches):
        parts.append(Text(word("more_batches", language).format(count=len(result.batches) - len(shown)), style="dim"))
    return parts


def turned(result: Turned, language: Language) -> list[RenderableType]:
    """A workbook taken back or brought back."""
    batch = result.batch
    key = ("batch_undone" if batch.undone else "batch_redone") if result.changed else "batch_as_it_was"
    parts = [Text(word(key, language).format(batch=batch.name, file=plain(batch.file), rows=batch.stored))]
    if result.closed and result.changed:
        parts.append(Text(word("closed_stays", language).format(months=", ".join(result.closed)), style="yellow"))
    return [*parts]


def closed(result: Closed, zone: tzinfo, language: Language) -> list[RenderableType]:
    """A month closed or opened again."""
    key = "closed_month" if result.closing else "open_month" if result.changed else "not_closed_month"
    time = moment(result.closing.time, zone) if result.closing else ""
    whose = f" {plain(result.dealer)}" if result.dealer else ""
    return [Text(word(key, language).format(month=result.month + whose, time=time))]


def health(result: Health, language: Language) -> list[RenderableType]:
    """What a check of the store found."""
    key = "store_sound" if result.sound else "store_unsound"
    line = word(key, language).format(files=result.files, rows=result.rows, batches=result.batches)
    return [
        *(problem(issue, language) for issue in result.issues),
        Text(line, style="green" if result.sound else "red"),
    ]


def compacted(result: Compacted, language: Language) -> list[RenderableType]:
    """What putting files together came to."""
    return [Text(word("compacted", language).format(**vars(result)))]


_BATCHES_SHOWN = 20


def _ranges(days: Sequence[int]) -> str:
    """Days of a month, runs of them joined: 3–5, 12."""
    runs: list[list[int]] = []
    for day in days:
        if runs and day == runs[-1][-1] + 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ", ".join(f"{run[0]}–{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


# What nobody knows


def questions(asked: Sequence[Question], language: Language) -> list[RenderableType]:
    """Every question in a table."""
    if not asked:
        return [word("nothing_unknown", language)]
    headers = ("question", "found_in", "samples", "suggestions")
    table = table_of(*((word(key, language), "left") for key in headers))
    for question in asked:
        table.add_row(
            _asked(question, language),
            Text(plain(f"{question.file} · {question.sheet}")),
            Text(_samples(question)),
            Text("\n".join(_suggested(question, language))),
        )
    return [table]


def question(question: Question, number: str, language: Language) -> list[RenderableType]:
    """One question with its numbered suggestions, to be answered."""
    head = Text(f"{number}  ", style="dim") + _asked(question, language)
    head.append(f"  {plain(question.file)} · {plain(question.sheet)}", style="dim")
    lines = [f"  {place}. {line}" for place, line in enumerate(_suggested(question, language), 1)]
    samples = _samples(question)
    return [Text(), head, *([Text(f"  {word('samples', language)}: {samples}")] if samples else []), *map(Text, lines)]


def _asked(question: Question, language: Language) -> Text:
    where = question.form.words[language]
    if question.column is not None and question.kind == "value":
        where += f" · {question.column.words[language]}"
    text = Text(f"{word('kind_' + question.kind, language)} ", style="dim")
    text.append(plain(shown("text", question.word)), style="bold")
    text.append(f"（{where}）" if language == "zh" else f" ({where})", style="dim")
    return text


def _samples(question: Question) -> str:
    return "、".join(plain(sample) for sample in question.samples) or f"×{question.count}"


def _suggested(question: Question, language: Language) -> list[str]:
    return [
        f"{plain(entry.label[language])}（{plain(entry.evidence[language])}）"
        if language == "zh"
        else f"{plain(entry.label[language])} ({plain(entry.evidence[language])})"
        for entry in question.suggestions
    ]


def table_of(*columns: tuple[str, str]) -> Table:
    """An empty table with headers, each left or right."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1), collapse_padding=True, show_edge=False)
    for header, justify in columns:
        table.add_column(header, justify="right" if justify == "right" else "left", overflow="fold")
    return table
