"""Visible arithmetic: a value may be written as the sum that gives it.

``= ln(119/152) - ln(33/101)`` shows the counts of the publication. Allowed are
numbers, ``+ - * / **``, parentheses and the functions ``ln``, ``exp``, ``sqrt`` and
``logit`` (the log odds ``ln(p / (1 - p))``); nothing else is ever evaluated.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from typing import Final

MARK: Final = "="
"""The sign with which arithmetic starts."""

LONGEST: Final = 1000
"""Characters of the longest arithmetic that is read."""

_OPERATORS: Final[dict[type[ast.operator], Callable[[float, float], float]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: math.pow,
}
_SIGNS: Final[dict[type[ast.unaryop], Callable[[float], float]]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
}


def logit(probability: float) -> float:
    """Return the log odds ``ln(p / (1 - p))`` of `probability`."""
    return math.log(probability / (1.0 - probability))


FUNCTIONS: Final[dict[str, Callable[[float], float]]] = {
    "ln": math.log,
    "exp": math.exp,
    "sqrt": math.sqrt,
    "logit": logit,
}


def evaluate(text: str) -> float:
    """Return the value of the arithmetic `text`, written after ``=``.

    Raises
    ------
    ValueError
        With a sentence that names the part not understood, or says why there is no finite result.
    """
    sum_text = text.strip().removeprefix(MARK).strip()
    if len(sum_text) > LONGEST:
        raise ValueError(f"the arithmetic is longer than {LONGEST} characters")
    try:
        value = _value(ast.parse(sum_text, mode="eval").body)
    except (SyntaxError, MemoryError, RecursionError):
        raise ValueError("the arithmetic cannot be read") from None
    except ZeroDivisionError:
        raise ValueError("the arithmetic divides by zero") from None
    except OverflowError:
        raise ValueError("the arithmetic gives a number that is too large") from None
    except _NotUnderstoodError as error:
        raise ValueError(str(error)) from None
    except ValueError:
        raise ValueError("the arithmetic has no real result") from None
    if not math.isfinite(value):
        raise ValueError("the arithmetic does not give a finite number")
    return value


class _NotUnderstoodError(Exception):
    """A piece of arithmetic outside the small language."""


def _value(node: ast.expr) -> float:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return float(number)
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _OPERATORS:
            return _OPERATORS[type(sign)](_value(left), _value(right))
        case ast.UnaryOp(op=sign, operand=operand) if type(sign) in _SIGNS:
            return _SIGNS[type(sign)](_value(operand))
        case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in FUNCTIONS:
            return FUNCTIONS[name](_value(argument))
    allowed = f"numbers, + - * / **, parentheses and {', '.join(FUNCTIONS)}"
    raise _NotUnderstoodError(f"the arithmetic holds '{ast.unparse(node)}'; it may hold {allowed}")
