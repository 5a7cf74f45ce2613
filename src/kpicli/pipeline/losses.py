"""Who left without buying (战败分析): why, from which level, with whom, after how many days."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from kpicli.measure import UNASSIGNED, UNFILLED
from kpicli.pipeline.asked import Asked
from kpicli.workspace import Workspace

BY = ("reason", "level", "consultant", "model")
_COLUMNS = {"reason": "lost_reason"}
SPANS = ((0, 7), (8, 30), (31, 90), (91, None))
"""Days in the pipeline, from the day the intention was created to the day it was lost."""


@dataclass(frozen=True)
class Lost:
    """Intentions lost, of all or of one group."""

    count: int
    clear: int
    """Of these, those with a reason."""
    median_days: float | None
    """Days in the pipeline."""

    @property
    def clear_rate(self) -> float | None:
        """战败明确率: the share with a reason; None without a loss."""
        return self.clear / self.count if self.count else None


@dataclass(frozen=True)
class Losses:
    """The intentions lost in one month."""

    month: str
    total: Lost
    by: Mapping[str, Mapping[str, Lost]]
    """``reason``, ``level``, ``consultant`` or ``model`` → group, the largest first."""
    spans: Mapping[str, int]
    """Days in the pipeline (``8–30``) → intentions; those lost before they were created are in none."""


def losses(
    workspace: Workspace, month: str = "last", *, dealer: str | None = None, known_on: date | None = None, today: date
) -> Losses:
    """Take the intentions lost in a month apart; raise `NothingToReport` where there is no data for it."""
    asked = Asked.of(workspace, month, (), dealer=dealer, known_on=known_on, today=today)
    period = asked.month.first(asked.days)
    form = workspace.catalogue.forms["intentions"]
    with asked.store.reading():
        rows = asked.view.rows(form, until=str(asked.month), dealer=dealer)
        inside = pl.col("lost_date").is_between(period.start, period.end - timedelta(days=1))
        days = (pl.col("lost_date") - pl.col("created")).dt.total_days()
        groups = [_named(name) for name in BY]
        lost = rows.filter(inside).select(*groups, clear=pl.col("lost_reason").is_not_null(), days=days).collect()
    by = {name: {str(group): _lost(part) for (group,), part in lost.group_by(name, maintain_order=True)} for name in BY}
    return Losses(
        month=str(asked.month),
        total=_lost(lost),
        by={
            name: dict(sorted(found.items(), key=lambda entry: (-entry[1].count, entry[0])))
            for name, found in by.items()
        },
        spans={
            f"{low}–{high}" if high is not None else f">{low - 1}": lost.filter(
                pl.col("days") >= low, pl.lit(True) if high is None else pl.col("days") <= high
            ).height
            for low, high in SPANS
        },
    )


def _named(name: str) -> pl.Expr:
    return pl.col(_COLUMNS.get(name, name)).fill_null(UNASSIGNED.get(name, UNFILLED)).alias(name)


def _lost(part: pl.DataFrame) -> Lost:
    middle = part["days"].median()
    days = float(middle) if isinstance(middle, int | float) else None
    return Lost(part.height, int(part["clear"].sum()), days)
