"""All that a page shows, section by section."""

from collections.abc import Iterator
from datetime import tzinfo

from kpicli import __version__
from kpicli.kpi import Report
from kpicli.messages import Language
from kpicli.pipeline.diagnose import Diagnosed
from kpicli.pipeline.page import Paged, shown
from kpicli.present import charts
from kpicli.present.page import causes, figures, groups, months
from kpicli.present.page.document import Numbers, document
from kpicli.present.page.parts import Page, Told
from kpicli.present.terminal import moment
from kpicli.present.values import plain
from kpicli.present.words import word

_ROWS = ("data", "set_aside", "not_data")


def sections(paged: Paged, zone: tzinfo, language: Language) -> Page:
    """Make what the template shows of a page."""
    report = paged.report
    numbers = Numbers(document(paged, language), language)
    first, tiles = shown(report), [*figures.tiles(paged, numbers)]
    statuses, account = numbers.value(("statuses",)), numbers.value(("account",))
    dealer = plain(report.dealer or word("all_dealers", language))
    year, _, number = report.month.partition("-")
    return Page(
        language=language,
        title=f"{report.month} {dealer} {word('page_title', language)}",
        month=word("page_month", language).format(year=year, month=int(number), iso=report.month),
        dealer=dealer,
        book=report.book.words[language],
        state=tuple(_state(report, zone, numbers)),
        counts=tuple((status, numbers.of(("statuses", status))) for status in statuses),
        counts_drawing=charts.parts([*statuses.items()]) if any(statuses.values()) else None,
        score=numbers.of(("total", "score")) if report.total.score is not None else None,
        tiles=tuple(tile for tile in tiles if tile.key in first),
        others=tuple(tile for tile in tiles if tile.key not in first and not tile.reason),
        lacking=tuple(tile for tile in tiles if tile.reason),
        differences=tuple(causes.differences(paged.causes, numbers)) if paged.causes else (),
        causes=causes.causes(paged.causes, numbers) if paged.causes and _compared(paged.causes) else None,
        funnel=groups.funnel(paged, paged.funnel, numbers) if paged.funnel else None,
        leagues=tuple(groups.leagues(paged.funnel, numbers)) if paged.funnel else (),
        grids=tuple(groups.grids(paged, numbers)),
        lines=tuple(months.lines(paged.history, numbers)) if paged.history else (),
        line_notes=tuple(months.notes(paged.history, language)) if paged.history else (),
        account=numbers.said("page_rows_are", **{key: numbers.of(("account", key)) for key in account}),
        account_drawing=charts.parts([(key, account[key]) for key in _ROWS]),
        version=__version__,
    )


def _compared(found: Diagnosed) -> bool:
    """Whether there was anything to compare, or something was found without."""
    return bool(found.changes or found.diagnosis.months or found.diagnosis.findings)


def _state(report: Report, zone: tzinfo, numbers: Numbers) -> Iterator[Told]:
    """What the numbers are: of which moment, how much of the month, and without which rows."""
    if report.closed:
        yield numbers.said("as_closed", time=moment(report.closed, zone))
    if report.known:
        yield numbers.said("as_known", time=moment(report.known, zone))
    if report.days:
        yield numbers.said("page_running", days=numbers.of(("days",)), pace=numbers.of(("pace",), "%"))
    elif not report.closed:
        yield (word("page_whole", numbers.language),)
    if report.account.set_aside:
        yield numbers.said("page_aside", count=numbers.of(("account", "set_aside")))
