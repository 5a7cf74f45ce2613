import ast
import operator
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpicli.formula import FormulaError, Name, Operation, evaluate, names, parse

VALUES = {"a": 7, "b": 3, "c": 0, "money": Decimal("0.10"), "gone": None}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a", 7),
        ("a + b * 2", 13),
        ("(a + b) * 2", 20),
        ("a - b - 1", 3),
        ("a / b / 7", 1 / 3),
        ("-a + b", -4),
        ("a * -b", -21),
        ("2.5 * a", 17.5),
        ("money * 3", Decimal("0.30")),
        ("a / c", None),
        ("a + gone", None),
        ("(a + b) / (c + 2)", 5),
    ],
)
def test_a_formula_gives_its_value(text: str, value: object) -> None:
    result = evaluate(parse(text), VALUES)
    assert result == (pytest.approx(value) if isinstance(value, float) else value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a +",
        "a b",
        "2a",
        "(a",
        "a)",
        "a ** 2",
        "a // b",
        "__import__('os')",
        "a.b",
        "a[0]",
        "a, b",
        "f(a)",
        "A",
        "a = b",
        "'x'",
    ],
)
def test_what_is_not_in_the_grammar_is_refused(text: str) -> None:
    with pytest.raises(FormulaError):
        parse(text)


def test_deep_nesting_is_refused_and_not_a_crash() -> None:
    with pytest.raises(FormulaError):
        parse("(" * 5000 + "a" + ")" * 5000)


def test_the_names_come_in_reading_order() -> None:
    assert list(names(parse("(b + a) / (c - b)"))) == ["b", "a", "c", "b"]


formulas = st.recursive(
    st.sampled_from(["a", "b", "1", "2.5"]),
    lambda inner: st.builds(
        lambda left, sign, right: f"({left} {sign} {right})", inner, st.sampled_from("+-*/"), inner
    ),
    max_leaves=12,
)


@given(formulas)
def test_a_formula_means_what_it_means_in_arithmetic(text: str) -> None:
    signs = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}

    def reckon(node: ast.expr) -> float:
        match node:
            case ast.Constant(value):
                return float(value)  # type: ignore[arg-type]
            case ast.Name(key):
                return float(VALUES[key])  # type: ignore[arg-type]
            case ast.BinOp(left, sign, right):
                return signs[type(sign)](reckon(left), reckon(right))  # type: ignore[index]
        raise AssertionError(node)

    try:
        expected: float | None = reckon(ast.parse(text, mode="eval").body)
    except ZeroDivisionError:
        expected = None
    found = evaluate(parse(text), VALUES)
    assert (found is None) == (expected is None)
    if expected is not None:
        assert float(found) == pytest.approx(expected)  # type: ignore[arg-type]


def test_a_quotient_at_the_top_is_a_ratio() -> None:
    assert parse("a / b") == Operation("/", Name("a"), Name("b"))
