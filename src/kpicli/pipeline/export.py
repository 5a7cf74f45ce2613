"""Store to rows: the current rows of one form, for people and other programs."""

from datetime import date

import polars as pl

from kpicli.errors import NothingToReport
from kpicli.masking import masked
from kpicli.pipeline.months import last_month, named_month, store_of
from kpicli.workspace import Workspace


def export(
    workspace: Workspace,
    form: str,
    *,
    month: str | None = None,
    dealer: str | None = None,
    known_on: date | None = None,
    show_pii: bool = False,
    today: date,
) -> pl.DataFrame:
    """Give the stored rows of a form, ordered by date and key: dealer and the form's columns.

    `month` is ``2026-10``, ``this`` or ``last``, None for all; with `known_on` as known at the end of that day. Names
    and phones are masked unless `show_pii`. Raises `UsageError` for an unknown form, `NothingToReport` when the store
    holds nothing.
    """
    catalogue, store = workspace.catalogue, store_of(workspace, known_on)
    definition = catalogue.form(form)
    chosen = named_month(month, today) if month else None
    if store.batches.is_empty():
        raise NothingToReport("no_data", store=store.name)
    if month and chosen is None:
        chosen = last_month(store, catalogue, today, dealer)
    span = str(chosen) if chosen else None
    rows = store.rows(definition, since=span, until=span, dealer=dealer)
    with store.reading():
        frame = rows.sort(definition.date, "dealer", "key").select("dealer", *definition.content).collect()
    return frame if show_pii else masked(frame, definition)
