"""The kinds of values in the files of the catalogue, as pydantic types."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, PlainValidator, StringConstraints

from sim.catalog import arithmetic
from sim.files.schema import broken_rule

PAIR: Final = 2


def sum_behind(value: object) -> str | None:
    """Return the visible arithmetic behind a number as written, or None for a plain number."""
    if not isinstance(value, str) or not value.lstrip().startswith(arithmetic.MARK):
        return None
    return value.strip().removeprefix(arithmetic.MARK).strip()


def number(value: Any) -> float:  # noqa: ANN401
    """Accept a finite number, plain or the result of its visible arithmetic."""
    if isinstance(value, str) and sum_behind(value) is not None:
        try:
            return arithmetic.evaluate(value)
        except ValueError as error:
            raise broken_rule((), str(error), value) from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise broken_rule((), "must be a number, or arithmetic that starts with '='", value)
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
