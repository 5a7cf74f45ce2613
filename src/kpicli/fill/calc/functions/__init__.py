"""The functions of spreadsheets, by name."""

from kpicli.fill.calc.calls import Choice, Function
from kpicli.fill.calc.functions import aggregates, arithmetic, choices, criteria, dates, lookups, texts

FUNCTIONS: dict[str, Function] = {
    **arithmetic.FUNCTIONS,
    **aggregates.FUNCTIONS,
    **criteria.FUNCTIONS,
    **lookups.FUNCTIONS,
    **texts.FUNCTIONS,
    **dates.FUNCTIONS,
    **choices.FUNCTIONS,
}

CHOICES: dict[str, Choice] = choices.CHOICES
"""Those that compute only some of their arguments."""
