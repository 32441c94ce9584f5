"""Sums have the same bits in every Python."""

import ast
import math
from fractions import Fraction
from functools import reduce
from operator import add

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.clinic.units import added
from sim.economics.prices import CourseDrug, Mix, MixPrices
from tests.support.places import ROOT

NUMBERS = st.lists(st.floats(-1e9, 1e9), min_size=1)
# What compiled code calls and computes in Python, too.
PARTS = ("clinic", "engine", "economics")


def test_ten_tenths_are_added_from_left_to_right():
    # By hand, each sum rounded; `sum` gives 1.0 from Python 3.12 on.
    assert added([0.1] * 10) == 0.9999999999999999
    assert added([]) == 0.0


@given(NUMBERS)
def test_each_sum_is_rounded_once(numbers):
    assert added(numbers) == reduce(add, numbers)
    exact = sum(map(Fraction, numbers))
    bound = len(numbers) * 2.0**-53 * sum(map(abs, map(Fraction, numbers)))
    assert abs(Fraction(added(numbers)) - exact) <= bound


def test_the_price_of_a_course_is_that_of_sums_from_left_to_right():
    # With these, `sum` of Python 3.12 gives another last bit.
    shares, prices = (0.1, 0.7, 0.3, 0.2), (1000.0, 3000.0, 700.0, 23.0)
    total, weight = 0.0, 0.0
    for share, price in zip(shares, prices, strict=True):
        total, weight = total + share * price, weight + share
    found = CourseDrug(Mix(*shares), MixPrices(*prices)).price_per_cycle
    assert found == total / weight
    products = (share * price for share, price in zip(shares, prices, strict=True))
    assert found == pytest.approx(math.fsum(products) / math.fsum(shares), rel=1e-14)


@pytest.mark.parametrize("part", PARTS)
def test_nothing_that_gives_results_adds_with_sum(part):
    found = [
        f"{path.name}:{node.lineno}"
        for path in sorted((ROOT / "sim" / part).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "sum"
        # A sum of bits is one of whole numbers, which every Python adds alike.
        and not any(isinstance(each, ast.LShift) for each in ast.walk(node))
    ]
    assert found == []
