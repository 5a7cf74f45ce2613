"""What is defined, as text for a terminal: forms, books, KPIs, and what a code means."""

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from kpicli.catalogue import Aim, Benchmark, Book, Catalogue, Example, Form, Funnel, Kpi
from kpicli.messages import Language, Message
from kpicli.present.terminal import SEVERITY_MARK, SEVERITY_STYLE, table_of
from kpicli.present.values import number
from kpicli.present.words import word

# Codes


def code(key: str, entry: Message, language: Language) -> list[RenderableType]:
    """What a code means and what to do about it."""
    head = Text(f"{SEVERITY_MARK[entry.severity]} ", style=SEVERITY_STYLE[entry.severity])
    head.append(key, style="bold").append(f"  {entry.label[language]}")
    lines = [entry.why[language], f"→ {entry.remedy[language]}"]
    return [
        head,
        Text(f"  {entry.text[language]}", style="dim"),
        *(Padding(Text(line), (0, 0, 0, 2)) for line in lines),
        Text(),
    ]


# The catalogue


def forms(catalogue: Catalogue, language: Language) -> list[RenderableType]:
    """All forms."""
    table = table_of(*((word(key, language), "left") for key in ("key", "label", "columns")))
    for form in catalogue.forms.values():
        columns = "、".join(c.label + ("*" if c.required else "") for c in form.columns.values())
        table.add_row(form.key, form.label if language == "zh" else form.label_en, columns)
    return [table]


def form(entry: Form, language: Language) -> list[RenderableType]:
    """One form with its columns and the headers they are recognised by."""
    table = table_of(*((word(key, language), "left") for key in ("column", "label", "type", "required", "headers")))
    for column in entry.columns.values():
        label = column.label if language == "zh" else column.label_en
        required = "*" if column.required else ""
        table.add_row(column.key, label, column.type, required, " · ".join(column.headers))
    return [Text(f"{entry.label} ({entry.key})", style="bold"), Text(entry.description), table]


def books(catalogue: Catalogue, language: Language) -> list[RenderableType]:
    """All books."""
    table = table_of(*((word(key, language), "left") for key in ("key", "label", "measures", "kpis")))
    for book in catalogue.books.values():
        label = book.label if language == "zh" else book.label_en
        table.add_row(book.key, label, str(len(book.measures)), str(len(book.kpis)))
    return [table]


def book(entry: Book, language: Language) -> list[RenderableType]:
    """One book: its measures and KPIs."""
    measures = table_of(*((word(key, language), "left") for key in ("measure", "label", "form", "counts")))
    for measure in entry.measures.values():
        measures.add_row(
            measure.key, measure.label if language == "zh" else measure.label_en, measure.form, measure.count
        )
    return [
        Text(f"{entry.label} ({entry.key})", style="bold"),
        Text(entry.description),
        measures,
        *kpis(entry, language),
        *([_levels(entry, language)] if entry.levels else []),
        *(_funnel(funnel, language) for funnel in entry.funnels.values()),
    ]


def _funnel(funnel: Funnel, language: Language) -> Text:
    """A funnel on a line: its stages with what they count."""
    stages = " → ".join(
        f"{stage.words[language]}{'*' * stage.aside} ({stage.formula or stage.needs})" for stage in funnel.stages
    )
    return Text(f"{funnel.words[language]} ({funnel.key}): {stages}")


def _levels(entry: Book, language: Language) -> Table:
    table = table_of(*((word(key, language), "left") for key in ("level", "horizon", "purpose", "every_days")))
    for level in entry.levels.values():
        table.add_row(level.key, level.horizon, level.purpose, str(level.every_days))
    return table


def kpis(entry: Book, language: Language) -> list[RenderableType]:
    """The KPIs of a book."""
    table = table_of(*((word(key, language), "left") for key in ("key", "kpi", "formula", "unit")))
    for kpi in entry.kpis.values():
        label = kpi.label if language == "zh" else kpi.label_en
        table.add_row(kpi.key, label, _formula(kpi, language), kpi.unit)
    return [table]


def kpi(entry: Kpi, language: Language) -> list[RenderableType]:
    """One KPI with all that is known of it."""
    colon = ": " if language == "en" else "："
    said = (
        ("formula", _formula(entry, language)),
        ("definition", entry.definition),
        ("parts", in_words(entry)),
        ("aim", " · ".join(_aim(tier, aim, entry.unit) for tier, aim in entry.aims.items())),
        ("cadence", entry.cadence),
        ("owner", entry.owner),
        ("data", entry.data),
        (
            "benchmark",
            "；".join(f"{number(one.value, entry.unit)} {one.source} {one.date}".strip() for one in entry.benchmarks),
        ),
        ("example", "；".join(_example(one, entry.unit) for one in entry.examples)),
    )
    code = f" {entry.code}" if entry.code else ""
    lines = [Text(f"{entry.label_en if language == 'en' else entry.label} ({entry.key}){code}", style="bold")]
    lines += [Text(f"{word(key, language)}{colon}{text}") for key, text in said if text]
    if entry.over_one:
        lines.append(Text(f"{word('over_one', language)}{colon}{entry.over_one}"))
    if entry.note:
        lines.append(Text(entry.note, style="dim"))
    return [Group(*lines)]


def in_words(entry: Kpi) -> str:
    """Numerator and denominator of a ratio."""
    return " ÷ ".join(f"({part})" if " + " in part else part for part in (entry.numerator, entry.denominator) if part)


def _aim(tier: str, aim: Aim, unit: str) -> str:
    low, high = (number(bound, unit) if bound is not None else "" for bound in (aim.low, aim.high))
    said = f"{low}–{high}" if low and high else f"≥ {low}" if low else f"≤ {high}"
    return f"{tier} {said}".strip()


def _benchmark(benchmark: Benchmark, unit: str) -> str:
    return f"{number(benchmark.value, unit)} {benchmark.source} {benchmark.date}".strip()


def _example(example: Example, unit: str) -> str:
    given = "，".join(f"{key} {value:g}" for key, value in example.measures.items())
    return f"{given} → {example.printed or number(example.value, unit)}"


def _formula(kpi: Kpi, language: Language) -> str:
    return kpi.formula or f"{word('source_missing', language)}: {kpi.needs}"
