"""Records that another record should stand beside, and sums that should agree: what does not hold, with its rows.

The checks are those of reconciliation that people do by hand with two lists on the table. A row without a usable phone
cannot be matched and accuses nobody. Texts of each code are in ``definitions/findings.toml``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal

import polars as pl

from kpicli.catalogue import Catalogue, Form
from kpicli.formula import Number
from kpicli.measure import Rows, identified
from kpicli.periods import Period

_ORIGIN = ("dealer", "consultant", "file", "sheet", "row", "customer", "who", "day")
"""What a finding says of a row."""
SCHEMA = {
    "form": pl.String,
    "dealer": pl.String,
    "consultant": pl.String,
    "file": pl.String,
    "sheet": pl.String,
    "row": pl.Int64,
    "customer": pl.String,
    "who": pl.String,
    "day": pl.Date,
}


@dataclass(frozen=True)
class Finding:
    """Something that does not hold, with the rows that show it."""

    code: str
    """Key in ``definitions/findings.toml``; stable."""
    rows: pl.DataFrame
    """``form``, ``dealer``, ``consultant``, ``file``, ``sheet``, ``row``, ``customer``, ``who``, ``day``."""
    values: Mapping[str, str] = field(default_factory=dict)
    """What fills the braces of the message."""
    effect: Mapping[str, int] = field(default_factory=dict)
    """Measure → how much it would change if the records were put right."""
    moved: Mapping[str, tuple[Number | None, Number | None]] = field(default_factory=dict)
    """KPI → its value now, and if the records were put right."""

    @property
    def count(self) -> int:
        """How many rows show it."""
        return self.rows.height


class _Books:
    """The forms as the checks look at them: rows up to the day, with person and origin; those of the month apart."""

    def __init__(self, catalogue: Catalogue, source: Rows, month: Period, until: date, dealer: str | None) -> None:
        self.catalogue, self.source, self.month, self.until, self.dealer = catalogue, source, month, until, dealer
        self.last = max(until, month.end - timedelta(days=1))

    def form(self, key: str) -> Form:
        return self.catalogue.forms[key]

    def there(self, *keys: str) -> bool:
        """Whether there is anything of some forms at all: what is not kept cannot be missed."""
        return all(self.source.months(self.form(key), self.dealer) for key in keys)

    def all(self, key: str) -> pl.LazyFrame:
        """Every row up to the day."""
        form = self.form(key)
        rows = identified(self.source.rows(form, until=f"{self.last:%Y-%m}", dealer=self.dealer), form)
        return rows.with_columns(day=pl.col(form.date), form=pl.lit(key))

    def inside(self, rows: pl.LazyFrame, column: str = "day") -> pl.LazyFrame:
        """Those with a date in the month."""
        return rows.filter(pl.col(column).is_between(self.month.start, self.month.end - timedelta(days=1)))

    def of_month(self, key: str, column: str = "day") -> pl.LazyFrame:
        """The rows of the month."""
        return self.inside(self.all(key), column)


def _without(rows: pl.LazyFrame, others: pl.LazyFrame, *, same_day: bool = False, up_to: str = "") -> pl.LazyFrame:
    """The rows of known persons who have no row in `others`: none that day, none up to a date of the row, or none."""
    known = rows.filter(pl.col("person").is_not_null())
    persons = ["dealer", "person"]
    if same_day:
        return known.join(others.select(*persons, "day").unique(), on=[*persons, "day"], how="anti")
    if not up_to:
        return known.join(others.select(persons).unique(), on=persons, how="anti")
    first = others.filter(pl.col("person").is_not_null()).group_by(persons).agg(pl.col("day").min().alias("first"))
    beside = known.join(first, on=persons, how="left")
    return beside.filter(~(pl.col("first") <= pl.col(up_to)).fill_null(False))


def _blue(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Invoices that were not taken back."""
    red = rows.filter(pl.col("kind") == "红字").select("dealer", "vin").drop_nulls().unique()
    return rows.filter((pl.col("kind") != "红字").fill_null(True)).join(red, on=["dealer", "vin"], how="anti")


def _invoice_without_intention(books: _Books) -> pl.LazyFrame:
    sold = _blue(books.of_month("invoices")).filter((pl.col("channel") == "展厅").fill_null(True))
    return _without(sold, books.all("intentions"), up_to="day")


def _intention_without_contact(books: _Books) -> pl.LazyFrame:
    met = pl.concat([books.all(key).select("dealer", "person", "day") for key in ("visits", "test_drives")])
    return _without(books.of_month("intentions"), met, up_to="day")


def _drive_without_visit(books: _Books) -> pl.LazyFrame:
    came = books.all("visits").filter((pl.col("channel") != "来电").fill_null(True))
    return _without(books.of_month("test_drives"), came, same_day=True)


def _retained_without_intention(books: _Books) -> pl.LazyFrame:
    return _without(books.of_month("visits").filter(pl.col("retained")), books.all("intentions"))


def _driven_without_drive(books: _Books) -> pl.LazyFrame:
    return _without(books.of_month("visits").filter(pl.col("test_drive")), books.all("test_drives"), same_day=True)


def _drive_not_marked(books: _Books) -> pl.LazyFrame:
    """Test drives of somebody whose every visit of that day says that there was none."""
    visits = books.of_month("visits").filter(pl.col("person").is_not_null())
    said = visits.group_by("dealer", "person", "day").agg(pl.col("test_drive").fill_null(True).any().alias("driven"))
    return books.of_month("test_drives").join(said.filter(~pl.col("driven")), on=["dealer", "person", "day"])


def _won_without_invoice(books: _Books) -> pl.LazyFrame:
    return _without(books.of_month("intentions", "won_date"), books.all("invoices"))


def _won_and_invoiced_apart(books: _Books) -> pl.LazyFrame:
    """Won in the month and invoiced, but in other months: the month's orders in hand and sales do not meet."""
    won, sold = books.of_month("intentions", "won_date"), _blue(books.all("invoices"))
    apart = _without(won, books.inside(sold))
    return apart.join(sold.select("dealer", "person").unique(), on=["dealer", "person"], how="semi")


def _order_level_without_order(books: _Books) -> pl.LazyFrame:
    open_ = pl.all_horizontal(pl.col("won_date", "lost_date").is_null()) & (pl.col("day") < books.month.end)
    return books.all("intentions").filter(open_, pl.col("level") == "O", pl.col("order_date").is_null())


def _lost_with_followup(books: _Books) -> pl.LazyFrame:
    """Lost customers who were called afterwards, unless another intention of theirs is open."""
    rows = books.all("intentions")
    open_ = rows.filter(pl.all_horizontal(pl.col("won_date", "lost_date").is_null()))
    done = books.all("followups").filter(pl.col("person").is_not_null()).group_by("dealer", "person")
    lost = books.inside(rows, "lost_date").join(done.agg(pl.col("done").max().alias("called")), on=["dealer", "person"])
    return _without(lost.filter(pl.col("called") > pl.col("lost_date")), open_)


def _lost_without_reason(books: _Books) -> pl.LazyFrame:
    return books.of_month("intentions", "lost_date").filter(pl.col("lost_reason").is_null())


def _vin_sold_twice(books: _Books) -> pl.LazyFrame:
    """Cars invoiced more often than taken back, at least once in the month."""
    rows = books.all("invoices").filter(pl.col("vin").is_not_null())
    one = pl.when(pl.col("kind") == "红字").then(-1).otherwise(1)
    recent = pl.col("day").max() >= books.month.start
    sold = rows.group_by("dealer", "vin").agg(one.sum().alias("net"), recent.alias("recent"))
    twice = sold.filter(pl.col("net") > 1, pl.col("recent")).select("dealer", "vin")
    return rows.join(twice, on=["dealer", "vin"], how="semi").filter((pl.col("kind") != "红字").fill_null(True))


_WITH_STAFF = ("visits", "intentions", "test_drives", "invoices")


def _of_staff(books: _Books) -> pl.LazyFrame:
    """Rows of the month that name a known customer and a consultant."""
    columns = [*SCHEMA, "person"]
    rows = pl.concat([books.of_month(key).select(columns) for key in _WITH_STAFF if books.there(key)])
    return rows.filter(pl.col("person").is_not_null(), pl.col("consultant").is_not_null())


def _two_consultants(books: _Books) -> pl.LazyFrame:
    rows = _of_staff(books)
    names = rows.group_by("dealer", "person").agg(pl.col("consultant").n_unique().alias("names"))
    return rows.join(names.filter(pl.col("names") > 1), on=["dealer", "person"])


def _spelled_twice(books: _Books) -> pl.LazyFrame:
    """Rows of a consultant's rarer spelling.

    Two names are one person's where they differ in a single character, or one holds the other, and every customer of
    the rarer one is also a customer of the other.
    """
    rows = _of_staff(books).collect()
    people = {
        name: (set(part["person"]), part.height)
        for (name,), part in rows.group_by("consultant")
        if isinstance(name, str)
    }
    rarer = [
        name
        for name, (own, count) in people.items()
        if any(
            other != name and _alike(name, other) and own <= theirs and count < rows_there
            for other, (theirs, rows_there) in people.items()
        )
    ]
    return rows.lazy().filter(pl.col("consultant").is_in(rarer))


def _alike(name: str, other: str) -> bool:
    if name in other or other in name:
        return True
    return len(name) == len(other) and sum(one != two for one, two in zip(name, other, strict=True)) == 1


@dataclass(frozen=True)
class _Check:
    """One check: what finds its rows, of which forms, and what the measures would be without them."""

    find: Callable[[_Books], pl.LazyFrame]
    forms: tuple[str, ...]
    effect: Mapping[str, Literal[1, -1]] = field(default_factory=dict)
    """Measure → how it would change with each row put right."""


CHECKS: Mapping[str, _Check] = {
    "invoice_without_intention": _Check(_invoice_without_intention, ("invoices", "intentions"), {"new_prospects": 1}),
    "intention_without_contact": _Check(
        _intention_without_contact, ("intentions", "visits"), {"first_visits": 1, "visit_prospects": 1}
    ),
    "drive_without_visit": _Check(_drive_without_visit, ("test_drives", "visits"), {"showroom_visits": 1}),
    "retained_without_intention": _Check(_retained_without_intention, ("visits", "intentions"), {"new_prospects": 1}),
    "driven_without_drive": _Check(
        _driven_without_drive, ("visits", "test_drives"), {"test_drives": 1, "test_drive_customers": 1}
    ),
    "drive_not_marked": _Check(_drive_not_marked, ("test_drives", "visits")),
    "won_without_invoice": _Check(_won_without_invoice, ("intentions", "invoices"), {"showroom_sales": 1, "sales": 1}),
    "won_and_invoiced_apart": _Check(_won_and_invoiced_apart, ("intentions", "invoices")),
    "order_level_without_order": _Check(_order_level_without_order, ("intentions",), {"orders": 1}),
    "lost_with_followup": _Check(_lost_with_followup, ("intentions", "followups"), {"lost": -1}),
    "lost_without_reason": _Check(_lost_without_reason, ("intentions",)),
    "vin_sold_twice": _Check(_vin_sold_twice, ("invoices",), {"showroom_sales": -1, "sales": -1}),
    "two_consultants": _Check(_two_consultants, ()),
    "consultant_spelled_twice": _Check(_spelled_twice, ()),
}


def check(catalogue: Catalogue, source: Rows, month: Period, until: date, dealer: str | None = None) -> list[Finding]:
    """Find the records of a month that lack the record they should stand beside, as known up to a day.

    A check whose forms are not kept at all is left out: what nobody records is not missing.
    """
    books = _Books(catalogue, source, month, until, dealer)
    asked = {code: entry for code, entry in CHECKS.items() if books.there(*entry.forms)}
    frames = pl.collect_all(
        [entry.find(books).select(list(SCHEMA)).sort("file", "sheet", "row") for entry in asked.values()]
    )
    spelled = {code: frame for code, frame in zip(asked, frames, strict=True) if not frame.is_empty()}
    return [Finding(code, rows, _values(code, rows), _effect(code, rows)) for code, rows in spelled.items()]


def _values(code: str, rows: pl.DataFrame) -> dict[str, str]:
    if code == "consultant_spelled_twice":
        return {"names": "、".join(sorted(set(rows["consultant"])))}
    return {}


def _effect(code: str, rows: pl.DataFrame) -> dict[str, int]:
    extra = rows.height - rows["who"].n_unique() if code == "vin_sold_twice" else rows.height
    return {key: sign * extra for key, sign in CHECKS[code].effect.items()}


# Identities


def identities(catalogue: Catalogue, source: Rows, month: Period, dealer: str | None = None) -> list[Finding]:
    """Find the intentions that break a month's roll-forward, of prospects and of orders in hand.

    Open before + new = won + lost + open after; in hand before + orders = cancelled + delivered + in hand after. The
    sums of each consultant agree where every row's do, so each row that does not agree is found.
    """
    if "intentions" not in catalogue.forms or not source.months(catalogue.forms["intentions"], dealer):
        return []
    last = month.end - timedelta(days=1)
    rows = _Books(catalogue, source, month, last, dealer).all("intentions")
    won, lost, created, ordered = (pl.col(name) for name in ("won_date", "lost_date", "created", "order_date"))
    closed = pl.min_horizontal(won, lost)

    def inside(day: pl.Expr) -> pl.Expr:
        return day.is_between(month.start, last).fill_null(False).cast(pl.Int8)

    def stock(since: pl.Expr, ended: pl.Expr, moment: date) -> pl.Expr:
        there = (since < moment).fill_null(False) & (ended >= moment).fill_null(True)
        return there.cast(pl.Int8)

    pool = (
        stock(created, closed, month.start)
        + inside(created)
        - inside(won)
        - inside(lost)
        - stock(created, closed, month.end)
    )
    cancelled = pl.when(ordered.is_not_null()).then(lost)
    delivered = pl.when(ordered.is_not_null()).then(won)
    ended = pl.min_horizontal(cancelled, delivered)
    hand = (
        stock(ordered, ended, month.start)
        + inside(ordered)
        - inside(cancelled)
        - inside(delivered)
        - stock(ordered, ended, month.end)
    )
    frames = pl.collect_all(
        [rows.filter(gap != 0).select(list(SCHEMA)).sort("file", "sheet", "row") for gap in (pool, hand)]
    )
    codes = ("prospects_differ", "orders_differ")
    return [Finding(code, frame) for code, frame in zip(codes, frames, strict=True) if not frame.is_empty()]


def parts_differ(stage: str, dimension: str, gap: int) -> Finding:
    """The finding that a stage's groups do not add up to the whole."""
    values = {"stage": stage, "dimension": dimension, "gap": f"{gap:+}"}
    return Finding("parts_differ", pl.DataFrame(schema=SCHEMA), values)
