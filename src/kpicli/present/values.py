"""Write values as people read them."""

import unicodedata
from collections.abc import Sequence

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


_STEPS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[Number | float | None]) -> str:
    """A character for each value, from the lowest to the highest of them; a dot where there is none.

    Equal values are a line in the middle. All of it is in GBK.
    """
    known = [float(value) for value in values if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)

    def step(value: float) -> str:
        return _STEPS[round((value - low) / (high - low) * (len(_STEPS) - 1))] if high > low else _STEPS[3]

    return "".join("·" if value is None else step(float(value)) for value in values)


def bar(value: Number | float, most: Number | float, width: int) -> str:
    """A bar in eighths of a cell, `width` cells long for `most`; nothing for nothing or less."""
    eighths = round(float(value) * width * 8 / float(most)) if most > 0 and value > 0 else 0
    whole, part = divmod(eighths, 8)
    return "█" * whole + ("" if not part else "▏▎▍▌▋▊▉"[part - 1])


def plain(text: str) -> str:
    """Text from outside without what could steer a terminal: control and direction characters become spaces."""
    text = readable(text)
    return " ".join("".join(" " if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") else c for c in text).split())
