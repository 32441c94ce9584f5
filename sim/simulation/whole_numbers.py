"""The allowed values of a parameter: of a count, whole numbers only."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from sim.catalog import Parameter
from sim.catalog.distribution import Uniform
from sim.catalog.units import UNITS
from sim.economics.estimates import Array


def is_whole(unit: str) -> bool:
    """Whether a parameter in this unit may only have whole values."""
    return UNITS[unit].whole


def nearest(values: Array) -> Array:
    """Return the whole numbers nearest to values, of two the upper."""
    return np.asarray(np.floor(values + 0.5), dtype=np.float64)


def values_between(unit: str, low: float, high: float, count: int) -> list[float]:
    """Return at most `count` values over an interval, ends included, as evenly as possible.

    Parameters
    ----------
    unit
        Of the parameter.
    low, high
        Ends of the interval; whole numbers where the unit is one of counts.
    count
        At least 2. Of a count there are fewer where the interval holds fewer whole numbers.
    """
    if not is_whole(unit):
        return [float(value) for value in np.linspace(low, high, count)]
    steps = np.linspace(low, high, min(count, round(high - low) + 1))
    return [float(value) for value in nearest(steps)]


def within(unit: str, low: float, high: float) -> tuple[float, float]:
    """Return the allowed interval: of a count its first and last whole number.

    An interval between two whole numbers becomes the one that is nearest to its middle.
    """
    if not is_whole(unit):
        return low, high
    first, last = math.ceil(low), math.floor(high)
    if first > last:
        first = last = math.floor(0.5 * (low + high) + 0.5)
    return float(first), float(last)


def quantile(parameter: Parameter) -> Callable[[float], float]:
    """Return the function from a probability to a value of the parameter.

    Of a count it is a whole number: of a uniform distribution each whole number from its low to
    its high end with the same probability, of any other the nearest, so that a whole number has
    the probability of all values that are nearest to it.
    """
    distribution = parameter.distribution
    if not is_whole(parameter.unit):
        return distribution.quantile
    if isinstance(distribution, Uniform):
        low, high = within(parameter.unit, distribution.low, distribution.high)
        numbers = high - low + 1.0
        return lambda probability: low + min(math.floor(numbers * probability), numbers - 1.0)
    least = UNITS[parameter.unit].low
    return lambda probability: max(math.floor(distribution.quantile(probability) + 0.5), least)


def allowed(parameters: Mapping[str, Parameter], values: Mapping[str, Array]) -> dict[str, Array]:
    """Return values by parameter with those of counts moved to the nearest whole numbers."""
    return {
        name: nearest(found) if is_whole(parameters[name].unit) else found
        for name, found in values.items()
    }
