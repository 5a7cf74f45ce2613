"""Find the month that is meant: 2026-10, this, or last."""

from datetime import date

from kpicli.catalogue import Catalogue
from kpicli.errors import NothingToReport
from kpicli.periods import Month
from kpicli.store import Store


def find_month(store: Store, catalogue: Catalogue, text: str, today: date, dealer: str | None = None) -> Month:
    """The month meant (``last`` is the last full month that has data); raise `NothingToReport` when it has none."""
    forms = [form for form in catalogue.forms.values() if form.columns[form.date].type == "date"]
    if dealer is not None and dealer not in store.dealers():
        raise NothingToReport("unknown_dealer", name=dealer, known=", ".join(store.dealers()))
    months = sorted({month for form in forms for month in store.months(form, dealer)})
    this = Month.of(today)
    wanted = None if text == "last" else this if text == "this" else Month.parse(text)
    full = [month for month in months if month < str(this)]
    if not months or (wanted is None and not full):
        raise NothingToReport("no_data", store=str(store.root))
    if wanted is None:
        return Month.parse(full[-1])
    if str(wanted) not in months:
        raise NothingToReport("no_data_for_month", month=str(wanted), known=", ".join(months[-12:]))
    return wanted
