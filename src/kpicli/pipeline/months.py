"""Find the month that is meant, 2026-10, this, or last, and the moment that is looked back to."""

from datetime import date, datetime, time

from kpicli.catalogue import Catalogue
from kpicli.errors import NothingToReport
from kpicli.periods import Month
from kpicli.store import Known, Store
from kpicli.workspace import Workspace


def store_of(workspace: Workspace, known_on: date | None = None) -> Store:
    """The workspace's store, or what was known of it at the end of a day where the workspace is."""
    store = Store(workspace.store)
    if known_on is None:
        return store
    return store.at(Known(time=datetime.combine(known_on, time.max, workspace.settings.zone)))


def seen(store: Store, month: Month, dealer: str | None, *, pinned: bool) -> Store:
    """The store as a month's numbers show it: a closed month's as it was known at its closing, where `pinned`."""
    closing = store.state.closing(str(month), dealer) if pinned else None
    return store.at(Known(seq=closing.seq)) if closing else store


def shown_dealer(store: Store, asked: str | None) -> str | None:
    """The dealer that a result names: who was asked for, else the only one there is."""
    dealers = store.dealers()
    return asked or (dealers[0] if len(dealers) == 1 else None)


def find_month(store: Store, catalogue: Catalogue, text: str, today: date, dealer: str | None = None) -> Month:
    """The month meant, which has data; raise `NothingToReport` when there are none."""
    wanted = named_month(text, today)
    months = _months(store, catalogue, dealer)
    if wanted is None:
        return last_month(store, catalogue, today, dealer)
    if not months:
        raise _nothing(store)
    if str(wanted) not in months:
        raise NothingToReport("no_data_for_month", month=str(wanted), known=", ".join(months[-12:]))
    return wanted


def named_month(text: str, today: date) -> Month | None:
    """The month a text names, None for ``last``; raise `UsageError` when it is no month."""
    return None if text == "last" else Month.of(today) if text == "this" else Month.parse(text)


def last_month(store: Store, catalogue: Catalogue, today: date, dealer: str | None = None) -> Month:
    """The last full month that has data; raise `NothingToReport` when there is none."""
    full = [month for month in _months(store, catalogue, dealer) if month < str(Month.of(today))]
    if not full:
        raise _nothing(store)
    return Month.parse(full[-1])


def _nothing(store: Store) -> NothingToReport:
    if store.known is None or store.known.time is None or store.whole.history.is_empty():
        return NothingToReport("no_data", store=store.name)
    zone = store.known.time.tzinfo
    first = store.whole.history["time"][0].astimezone(zone)
    return NothingToReport(
        "not_known_yet", store=store.name, day=f"{store.known.time:%Y-%m-%d}", first=f"{first:%Y-%m-%d}"
    )


def _months(store: Store, catalogue: Catalogue, dealer: str | None) -> list[str]:
    if dealer is not None and dealer not in store.dealers():
        raise NothingToReport("unknown_dealer", name=dealer, known=", ".join(store.dealers()))
    forms = [form for form in catalogue.forms.values() if form.key != "targets"]
    closed = {month for month, whose in store.state.closings if whose in (None, dealer)}  # also with all of it undone
    return sorted(closed.union(*(store.months(form, dealer) for form in forms)))
