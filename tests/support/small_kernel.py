"""Two small functions, compiled as the program's entry points are.

Run as a program it prints what they return and how many of them had to be compiled.
"""

import sys

import numpy as np

from sim.clinic.arithmetic import normal_quantile, power
from sim.engine.compiled.compiler import kernel


def total(values):
    """Return the sum of squares."""
    found = 0.0
    for value in values:
        found += value * value
    return found


def nearest(values, wanted):
    """Return the place of the value that is nearest to another."""
    best = 0
    for place in range(len(values)):
        if abs(values[place] - wanted) < abs(values[best] - wanted):
            best = place
    return best


def quantiles(values):
    """Put normal quantiles and powers, which other functions compute, in place of the values."""
    for place in range(len(values)):
        values[place] = normal_quantile(values[place]) + power(values[place], 0.3)
    return values


ANSWERS = (285.0, 3)


def answers():
    """Return what both give, and how many were not in the cache."""
    functions = kernel(total), kernel(nearest)
    values = np.arange(10.0)
    given = functions[0](values), functions[1](values, 3.2)
    return *given, sum(sum(function.stats.cache_misses.values()) for function in functions)


if __name__ == "__main__":
    sys.stdout.write(f"{answers()}\n")
