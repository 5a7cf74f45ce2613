"""What the template of a page shows, as records: numbers, charts, and the words around them."""

from dataclasses import dataclass

from kpicli.messages import Language
from kpicli.present.charts import Drawing


@dataclass(frozen=True)
class Shown:
    """A number of the document as it is read."""

    text: str
    value: str
    """As JSON has it, not rounded."""
    path: str
    """Where it stands in the document: a JSON pointer (RFC 6901)."""


Piece = str | Shown
Told = tuple[Piece, ...]
"""A line of text with numbers in it."""


@dataclass(frozen=True)
class Term:
    """A measure with where its rows come from."""

    label: str
    value: Piece
    places: tuple[tuple[str, str, Shown], ...]
    """File, sheet, and how many of its rows count."""


@dataclass(frozen=True)
class Proof:
    """What stands behind a number."""

    label: str
    definition: str
    """In one line."""
    notes: tuple[str, ...]
    """What else a reader must know."""
    formula: Told
    terms: tuple[Term, ...]
    commands: tuple[str, ...]


@dataclass(frozen=True)
class Tile:
    """One KPI."""

    key: str
    label: str
    value: Piece
    reason: str
    status: str
    """``good``, ``near``, ``bad``, or nothing."""
    target: Shown | None
    attainment: Shown | None
    others: tuple[tuple[str, Shown, str], ...]
    """Other periods: what they are called, the value, and ``up``, ``down`` or ``same`` since then."""
    note: str
    meter: Drawing | None
    line: Drawing | None
    """The months before."""
    proof: Proof


@dataclass(frozen=True)
class StageRow:
    """A stage of the funnel."""

    label: str
    aside: bool
    count: Piece
    reason: str
    drawing: Drawing | None
    rate: Shown | None
    interval: tuple[Shown, Shown] | None
    previous: Shown | None
    target: Shown | None
    leak: bool


@dataclass(frozen=True)
class FunnelPart:
    """The funnel of the whole."""

    rows: tuple[StageRow, ...]
    targets: bool
    """Whether any stage has one."""
    before: bool
    """Whether there is a month before."""
    leak: Told
    proofs: tuple[Proof, ...]


@dataclass(frozen=True)
class Cell:
    """A number of a league, with the one below it."""

    value: Piece
    below: Told = ()
    style: str = ""


@dataclass(frozen=True)
class LeagueRow:
    """One group of a league."""

    name: str
    rank: Piece
    note: str
    """Why it has none."""
    rate: Piece
    interval: tuple[Shown, Shown] | None
    drawing: Drawing | None
    parts: Told
    cells: tuple[Cell, ...]
    leak: Told


@dataclass(frozen=True)
class League:
    """The groups of a dimension by their way from the top of the funnel to its goal."""

    label: str
    rows: tuple[LeagueRow, ...]
    heads: tuple[str, ...]
    """Of the cells."""
    goal: str
    reference: Told
    """What the charts are beside."""
    note: str


@dataclass(frozen=True)
class Grid:
    """The groups of a dimension with the measures and KPIs of the book's league."""

    label: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]


@dataclass(frozen=True)
class Month:
    """A KPI in one month."""

    month: str
    value: Piece
    parts: Told
    before: Piece
    """The same month of last year."""
    note: str


@dataclass(frozen=True)
class Line:
    """A KPI month by month."""

    label: str
    value: Piece
    first: str
    last: str
    drawing: Drawing
    signals: tuple[str, ...]
    """Of the last months."""
    limits: Told
    months: tuple[Month, ...]
    """The last one first."""
    before: bool
    """Whether any month has one of last year beside it."""


@dataclass(frozen=True)
class Step:
    """A part of a difference, or a level that it begins or ends at."""

    label: str
    amount: Shown
    drawing: Drawing
    kind: str
    """``level``, ``gain`` or ``loss``."""
    factor: Told
    """What the step was and is."""


@dataclass(frozen=True)
class Difference:
    """What the goal of the funnel changed by, step by step."""

    title: Told
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Cause:
    """What the records say of why."""

    title: str
    key: str
    proxy: bool
    """Whether the records only point to it."""
    evidence: str
    path: str
    """Where the evidence stands in the document."""
    action: str
    owner: str


@dataclass(frozen=True)
class Ask:
    """What only people can answer."""

    key: str
    ask: str
    action: str
    owner: str


@dataclass(frozen=True)
class Causes:
    """The findings of a month."""

    new: tuple[Cause, ...]
    standing: tuple[Cause, ...]
    """What was so in the months before as well."""
    asks: tuple[Ask, ...]


@dataclass(frozen=True)
class Page:
    """All that the template shows."""

    language: Language
    title: str
    month: str
    dealer: str
    book: str
    state: tuple[Told, ...]
    counts: tuple[tuple[str, Shown], ...]
    """Status → how many KPIs."""
    counts_drawing: Drawing | None
    score: Shown | None
    tiles: tuple[Tile, ...]
    others: tuple[Tile, ...]
    lacking: tuple[Tile, ...]
    differences: tuple[Difference, ...]
    causes: Causes | None
    funnel: FunnelPart | None
    leagues: tuple[League, ...]
    grids: tuple[Grid, ...]
    lines: tuple[Line, ...]
    line_notes: tuple[str, ...]
    account: Told
    account_drawing: Drawing
    version: str
