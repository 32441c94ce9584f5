"""The kinds of values in the files of the catalogue, as pydantic types, with units and arithmetic.

A unit says which numbers it allows. A value may be written as the sum that gives it:
``= ln(119/152) - ln(33/101)`` shows the counts of the publication. Allowed are numbers,
``+ - * / **``, parentheses and the functions ``ln``, ``exp``, ``sqrt`` and ``logit`` (the log odds
``ln(p / (1 - p))``); nothing else is ever evaluated.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, PlainValidator, StringConstraints

from sim.files.schema import broken_rule, number_hint
from sim.limits import LARGEST_AMOUNT

CURRENCIES: Final = (
    *("AED", "ARS", "AUD", "BGN", "BRL", "CAD", "CHF", "CLP", "CNY", "COP", "CZK", "DKK"),
    *("EGP", "EUR", "GBP", "HKD", "HUF", "IDR", "ILS", "INR", "ISK", "JPY", "KRW", "MAD"),
    *("MXN", "MYR", "NGN", "NOK", "NZD", "PEN", "PHP", "PKR", "PLN", "RON", "RSD", "RUB"),
    *("SAR", "SEK", "SGD", "THB", "TRY", "TWD", "UAH", "USD", "UYU", "VND", "ZAR"),
)
"""Codes of ISO 4217."""
_MONEY_PER: Final = ("day", "month", "year", "cycle", "QALY")


@dataclass(frozen=True)
class Unit:
    """A unit and the interval of numbers that make sense in it.

    `currency` is the currency of an amount of money, None for every other unit.
    """

    name: str
    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    high_open: bool = False
    whole: bool = False
    currency: str | None = None

    @property
    def allowed(self) -> str:
        """Describe in words the numbers that the unit allows."""
        number = "a whole number" if self.whole else "a finite number"
        bounds = []
        if self.low > -math.inf:
            bounds.append(f"{'above' if self.low_open else 'at least'} {self.low:g}")
        if self.high < math.inf:
            bounds.append(f"{'below' if self.high_open else 'at most'} {self.high:g}")
        return " ".join([number, " and ".join(bounds)]).strip()

    def check(self, value: float) -> str | None:
        """Return a sentence that says why `value` is not allowed, or None when it is."""
        if self.low < value < self.high and not self.whole:
            return None
        within = (
            math.isfinite(value)
            and (value > self.low if self.low_open else value >= self.low)
            and (value < self.high if self.high_open else value <= self.high)
            and (not self.whole or float(value).is_integer())
        )
        return None if within else f"a value in '{self.name}' must be {self.allowed}"


def _not_negative(name: str, high: float) -> Unit:
    return Unit(name, low=0.0, high=high)


UNITS: Final[dict[str, Unit]] = {
    unit.name: unit
    for unit in [
        Unit("probability", low=0.0, high=1.0),
        Unit("utility", low=-1.0, high=1.0),
        Unit("decrement", low=0.0, high=1.0),
        _not_negative("QALYs", 150.0),
        Unit("annual rate", low=0.0, high=1.0, high_open=True),
        Unit("log odds ratio", low=-50.0, high=50.0),
        Unit("logit", low=-50.0, high=50.0),
        Unit("hazard ratio", low=1e-6, high=1e6),
        Unit("ratio", low=1e-6, high=1e6),
        Unit("shape", low=0.05, high=50.0),
        Unit("sigma", low=1e-6, high=10.0),
        Unit("months", low=1e-3, high=1200.0),
        Unit("hours", low=1.0, high=8766.0),
        _not_negative("days", 36525.0),
        _not_negative("years", 150.0),
        _not_negative("per month", 1000.0),
        _not_negative("per patient-year", 1000.0),
        Unit("patients per year", low=0.0, high=1e9, low_open=True),
        Unit("arrivals per year", low=0.01, high=1e5),
        Unit("mcg", low=1e-3, high=1e6),
        _not_negative("mcg per day", 1e6),
        _not_negative("mcg per m2 per day", 1e6),
        Unit("mg", low=1e-3, high=1e6),
        _not_negative("mg per m2", 1e6),
        Unit("kg", low=1e-3, high=1000.0),
        Unit("cm", low=1e-3, high=1000.0),
        Unit("count", low=0.0, high=20.0, whole=True),
        *(
            Unit(f"{code}{per}", low=0.0, high=LARGEST_AMOUNT, currency=code)
            for code in CURRENCIES
            for per in ("", *(f" per {basis}" for basis in _MONEY_PER))
        ),
    ]
}
"""Every unit by its name; a catalogue entry in any other unit is an error.

Limits are far outside any clinical range, and inside the range that can be computed: contents,
heights and intervals are above 0, and no sum of a life overflows. Masses are the contents of vials,
hours the time that a bag lasts.
"""


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


PAIR: Final = 2


def sum_behind(value: object) -> str | None:
    """Return the visible arithmetic behind a number as written, or None for a plain number."""
    if not isinstance(value, str) or not value.lstrip().startswith(MARK):
        return None
    return value.strip().removeprefix(MARK).strip()


def number(value: Any) -> float:  # noqa: ANN401
    """Accept a finite number, plain or the result of its visible arithmetic."""
    if isinstance(value, str) and sum_behind(value) is not None:
        try:
            return evaluate(value)
        except ValueError as error:
            raise broken_rule((), str(error), value) from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        problem = "must be a number, or arithmetic that starts with '='" + number_hint(value)
        raise broken_rule((), problem, value)
    if not math.isfinite(value):
        raise broken_rule((), "must be a finite number", value)
    return float(value)


def _pair(ends: Any) -> tuple[float, float]:  # noqa: ANN401
    if isinstance(ends, list) and len(ends) == PAIR:
        low, high = map(number, ends)
        if low < high:
            return low, high
    raise broken_rule((), "must be [low, high] with low below high", ends)


def one_of(names: Collection[str]) -> AfterValidator:
    """Accept only these names."""

    def check(name: str) -> str:
        if name not in names:
            raise broken_rule((), "is not known", name, names)
        return name

    return AfterValidator(check)


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Number = Annotated[float, PlainValidator(number)]
Numbers = Annotated[tuple[Number, ...], Field(strict=False)]
Positive = Annotated[Number, Field(gt=0)]
Pair = Annotated[tuple[float, float], PlainValidator(_pair)]
