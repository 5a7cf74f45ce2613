"""Write values as people read them."""

import unicodedata

from kpicli.formula import Number
from kpicli.words import readable

NOTHING = "—"


def number(value: Number | float | None, unit: str = "") -> str:
    """A value in its unit: ``71.9%`` for a rate, ``9,329,019.86`` for money, ``1,204`` for a count."""
    if value is None:
        return NOTHING
    if unit == "%":
        return f"{float(value) * 100:.1f}%"
    if unit == "元":
        return f"{value:,.2f}"
    return f"{value:,.0f}" if float(value).is_integer() else f"{float(value):,.2f}"


def plain(text: str) -> str:
    """Text from outside without what could steer a terminal: control and direction characters become spaces."""
    text = readable(text)
    return " ".join("".join(" " if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") else c for c in text).split())
