"""Who is to be called today: open intentions whose next follow-up is due, by the cadence of their level."""

from dataclasses import dataclass
from datetime import date

import polars as pl

from kpicli.catalogue import Book, Catalogue
from kpicli.errors import NothingToReport, UsageError
from kpicli.masking import masked
from kpicli.measure import UNASSIGNED, UNFILLED, Rows, identified
from kpicli.pipeline.months import store_of
from kpicli.workspace import Workspace

_GONE = ("战败", "失效", "成交")
"""States of an intention that nobody follows up, also where their date was not filled in."""


@dataclass(frozen=True)
class Due:
    """The follow-ups due on a day."""

    day: date
    book: Book
    dealer: str | None
    rows: pl.DataFrame
    """One open intention a row: ``consultant``, ``level``, ``customer``, ``phone``, ``model``, ``created``,
    ``last_contact``, ``due``, ``overdue`` (days, 0 for today), ``expected``, ``file``, ``sheet``, ``row``; by
    consultant, and within by level and days."""
    open: int
    """Intentions that are open at all."""
    without_cadence: int
    """Of these, those of a level that the book has no cadence for; due only where a day was planned."""


def followups(
    workspace: Workspace,
    *,
    book: str | None = None,
    consultant: str | None = None,
    dealer: str | None = None,
    known_on: date | None = None,
    show_pii: bool = False,
    today: date,
) -> Due:
    """List who is due and overdue on a day.

    A customer's next follow-up is due so many days after the last contact as the book says of the level; earlier where
    the intention or an open task of the follow-up log has an earlier day after that contact. A contact is a follow-up
    done, a visit, a call or a test drive, known by phone or customer number. Names and phones are masked unless
    `show_pii`. Raises `UsageError` for a book without levels, `NothingToReport` without intentions or such a person.
    """
    catalogue, store = workspace.catalogue, store_of(workspace, known_on)
    house = catalogue.book(book or workspace.settings.book)
    if not house.levels:
        having = ", ".join(key for key, other in catalogue.books.items() if other.levels)
        raise UsageError("no_levels", book=house.key, known=having)
    form = catalogue.forms["intentions"]
    if not store.months(form, dealer):
        raise NothingToReport("no_intentions", store=store.name)
    with store.reading():
        every = _open(catalogue, store, today, dealer).collect()
    if consultant is not None:
        names = sorted(set(every["consultant"]))
        if consultant not in names:
            raise NothingToReport("unknown_group", name=consultant, by="consultant", known=", ".join(names))
        every = every.filter(pl.col("consultant") == consultant)
    days = {key: level.every_days for key, level in house.levels.items()}
    every = every.with_columns(every_days=pl.col("level").replace_strict(days, default=None, return_dtype=pl.Int64))
    by_level = pl.col("last_contact") + pl.duration(days=pl.col("every_days"))
    every = every.with_columns(due=pl.min_horizontal(by_level, "planned", "task"))
    order = {key: place for place, key in enumerate(house.levels)}
    listed = (
        every.filter(pl.col("due") <= today)
        .with_columns(
            expected=pl.col("expected").str.strip_suffix(" 00:00:00"),  # a day that the sheet had as a moment
            overdue=(pl.lit(today) - pl.col("due")).dt.total_days(),
            place=pl.col("level").replace_strict(order, default=len(order), return_dtype=pl.Int64),
        )
        .sort("consultant", "place", "overdue", "row", descending=[False, False, True, False])
    )
    shown = listed if show_pii else masked(listed, form)
    return Due(today, house, dealer, shown.select(_COLUMNS), every.height, every["every_days"].null_count())


_COLUMNS = (
    "consultant",
    "level",
    "customer",
    "phone",
    "model",
    "created",
    "last_contact",
    "due",
    "overdue",
    "expected",
    "file",
    "sheet",
    "row",
)


def _open(catalogue: Catalogue, source: Rows, today: date, dealer: str | None) -> pl.LazyFrame:
    """Open intentions with the last contact, and the days planned after it."""
    until = f"{today:%Y-%m}"

    def rows(key: str) -> pl.LazyFrame:
        return identified(source.rows(catalogue.forms[key], until=until, dealer=dealer), catalogue.forms[key])

    persons = ["dealer", "person"]
    met = pl.concat(
        rows(key).filter(pl.col("date") <= today).select(*persons, "date").drop_nulls("person")
        for key in ("visits", "test_drives")
    )
    tasks = rows("followups")
    done = tasks.filter(pl.col("done") <= today)
    called = done.select(*persons, pl.col("done").alias("date")).drop_nulls("person")
    contact = pl.concat([met, called]).group_by(persons).agg(pl.col("date").max().alias("met"))
    numbered = (
        done.drop_nulls("customer_no").group_by("dealer", "customer_no").agg(pl.col("done").max().alias("called"))
    )
    waiting = tasks.filter(pl.col("done").is_null()).drop_nulls("person").select(*persons, "due")
    ends = pl.col("won_date", "lost_date") <= today
    gone = pl.any_horizontal(ends.fill_null(False)) | pl.col("status").is_in(_GONE).fill_null(False)
    last = pl.max_horizontal("created", "met", "called", pl.when(pl.col("last_follow") <= today).then("last_follow"))
    open_ = (
        rows("intentions")
        .filter(pl.col("created") <= today, ~gone)
        .join(contact, on=persons, how="left")
        .join(numbered, on=["dealer", "customer_no"], how="left")
        .with_columns(last_contact=last)
    )
    planned = pl.when(pl.col("next_follow") > pl.col("last_contact")).then("next_follow")
    after = (
        waiting.join(open_.select(*persons, "key", "last_contact").drop_nulls("person"), on=persons)
        .filter(pl.col("due") > pl.col("last_contact"))
        .group_by("dealer", "key")
        .agg(pl.col("due").min().alias("task"))
    )
    return open_.join(after, on=["dealer", "key"], how="left").with_columns(
        planned=planned,
        consultant=pl.col("consultant").fill_null(UNASSIGNED["consultant"]),
        level=pl.col("level").fill_null(UNFILLED),
    )


def counts(due: Due) -> dict[str, dict[str, int]]:
    """Consultant → how many are due today and overdue, and overdue by level."""
    told: dict[str, dict[str, int]] = {}
    for name, level, overdue in due.rows.select("consultant", "level", "overdue").iter_rows():
        entry = told.setdefault(name, {"today": 0, "overdue": 0})
        entry["overdue" if overdue else "today"] += 1
        entry[level] = entry.get(level, 0) + 1
    return told
