"""Store to rows: the current rows of one form, for people and other programs."""

import polars as pl

from kpicli.masking import masked
from kpicli.periods import Month
from kpicli.store import Store
from kpicli.workspace import Workspace


def export(
    workspace: Workspace,
    form: str,
    *,
    month: str | None = None,
    dealer: str | None = None,
    show_pii: bool = False,
) -> pl.DataFrame:
    """Give the stored rows of a form, ordered by date and key: dealer and the form's columns.

    Names and phones are masked unless `show_pii`. Raises `UsageError` for an unknown form.
    """
    definition = workspace.catalogue.form(form)
    span = str(Month.parse(month)) if month else None
    rows = Store(workspace.store).rows(definition, since=span, until=span, dealer=dealer)
    frame = rows.sort(definition.date, "dealer", "key").select("dealer", *definition.columns).collect()
    return frame if show_pii else masked(frame, definition)
