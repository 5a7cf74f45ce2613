"""What a diagnosis says, in sentences: the same in the terminal, on the page and in a filled sheet."""

from datetime import date

from kpicli.answers import Value
from kpicli.diagnosis import Finding
from kpicli.messages import Language, Words, catalogue, fill
from kpicli.models import Model
from kpicli.readings import Reading

_RATES = ("rate", "standard", "own")
_COST = Words("；少约 {orders} 台订单", "; some {orders} orders fewer")
_WORTH = 0.5
"""Fewer orders than that are not told."""


def title(found: Finding, language: Language) -> str:
    """A cause, and whose it is."""
    group = found.evidence.group
    colon = "：" if language == "zh" else ": "
    return found.question.cause[language] + (f"{colon}{group}" if group else "")


def sentence(found: Finding, language: Language) -> str:
    """What the records say, with the numbers, and what it cost."""
    evidence, texts = found.evidence, catalogue("diagnosis")
    told = {key: _value(key, value) for key, value in evidence.values.items()}
    values: dict[str, str | Words] = {"label": evidence.test.label, **told}
    said = fill(texts[evidence.test.kind].text, values, language)
    if evidence.standing:
        said += fill(texts["standing"].text, values, language)
    if evidence.orders is not None and evidence.orders >= _WORTH:
        said += fill(_COST, {"orders": amount(evidence.orders)}, language)
    return said


def reading(model: Model, told: Reading, language: Language) -> str:
    """What the chart of a model's KPI shows."""
    texts = catalogue("diagnosis")

    def value(name: str, found: object) -> str:
        if isinstance(found, tuple):
            return "、".join(place(label) for label in found)
        if isinstance(found, str):
            return place(found)
        rate = name in ("rate", "line") or (model.unit == "%" and name not in ("count", "of", "falls"))
        return _rate(float(found)) if rate else amount(float(found))  # type: ignore[arg-type]

    values = {name: value(name, found) for name, found in told.values.items()}
    zeros = told.values.get("zeros")
    if told.rule == "line":
        more = {"count": str(len(zeros)), "zeros": values["zeros"]} if isinstance(zeros, tuple) and zeros else {}
        values["none"] = fill(texts["line_zeros"].text, more, language) if more else ""
    return f"{model.words[language]} {fill(texts[told.rule].text, values, language)}"


def place(label: str) -> str:
    """A day or a week without its year; a car model as it is."""
    if not label[:4].isdigit() or label[4:5] != "-":
        return label
    first, _, last = label.partition("/")
    return f"{first[5:]}~{last[5:]}" if last else first[5:]


def amount(value: float, sign: str = "") -> str:
    """A mean or a part: one decimal, unless it is whole."""
    whole = round(value, 1)
    return f"{whole + 0.0:{sign if whole else ''},.{0 if whole.is_integer() else 1}f}"


def _value(key: str, value: Value) -> str:
    if isinstance(value, date):
        return f"{value:%m-%d}"
    if isinstance(value, str):
        return value
    return _rate(float(value)) if key in _RATES else amount(float(value))


def _rate(value: float) -> str:
    return f"{value * 100:.1f}%"
