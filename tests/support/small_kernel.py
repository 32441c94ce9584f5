"""Two small functions, compiled as the program's entry points are.

Run as a program it prints what they return and how many of them had to be compiled.
"""

import sys

import numpy as np

from sim.clinic.arithmetic import normal_quantile, power
from sim.engine.compiled.compiler import kernel


def total(values, found):
    """Write the sum of squares."""
    for value in values:
        found[0] += value * value


def nearest(values, wanted, found):
    """Write the place of the value that is nearest to another."""
    best = 0
    for place in range(len(values)):
        if abs(values[place] - wanted) < abs(values[best] - wanted):
            best = place
    found[0] = best


def quantiles(values):
    """Put normal quantiles and powers, which other functions compute, in place of the values."""
    for place in range(len(values)):
        values[place] = normal_quantile(values[place]) + power(values[place], 0.3)


ANSWERS = (285.0, 3)


def answers():
    """Return what both give, and how many were not in the cache."""
    functions = kernel(total), kernel(nearest)
    values, squares, place = np.arange(10.0), np.zeros(1), np.zeros(1, dtype=np.int64)
    functions[0](values, squares)
    functions[1](values, 3, place)
    return squares[0].item(), place[0].item(), sum(each.compilations for each in functions)


if __name__ == "__main__":
    sys.stdout.write(f"{answers()}\n")
