"""Life expectancy: quadrature, published tables, closed forms."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from sim.catalog import load_catalogue
from sim.clinic.mortality import constant_between, cumulative_hazard, gompertz
from sim.simulation.question import life_expectancy

TABLES = load_catalogue().life_tables
FAR = 400.0
"""Years after which nobody is alive at the hazards used here."""


def by_quadrature(table, age):
    """Integrate exp(-H) between the knots, where it is smooth."""
    knots = [knot for knot in table.ages if knot > age]
    ends = [age, *knots, max(knots[-1] if knots else age, age) + 30.0, age + FAR]

    def survival(later):
        return math.exp(-cumulative_hazard(table, age, later))

    return sum(
        quad(survival, start, end, epsabs=1e-13, epsrel=1e-12, limit=400)[0]
        for start, end in pairwise(ends)
    )


@pytest.mark.parametrize("name", sorted(TABLES))
@pytest.mark.parametrize("sex", ["male", "female"])
@pytest.mark.parametrize("age", [0.0, 10.0, 18.0, 48.3, 75.0, 95.0, 110.0])
def test_life_expectancy_is_the_integral_of_survival(name, sex, age):
    """Quadrature to 1e-12; 1e-11 years are a third of a millisecond."""
    table = gompertz(TABLES[name].ages, getattr(TABLES[name], sex))
    assert life_expectancy(table, age) == pytest.approx(by_quadrature(table, age), abs=1e-11)


@pytest.mark.parametrize(
    ("name", "men", "women"), [("us_2019", 59.05, 63.99), ("uk_2017_2019", 61.85, 65.45)]
)
def test_life_expectancy_at_18_is_the_published_one(name, men, women):
    """US life table 2019 and UK 2017-2019; the fit to their q(x) is within 0.03 years."""
    table = TABLES[name]
    for hazards, published in ((table.male, men), (table.female, women)):
        found = life_expectancy(gompertz(table.ages, hazards), 18.0)
        assert found == pytest.approx(published, abs=0.03)


hazards_of_people = st.floats(1e-5, 1.0)


@given(st.lists(hazards_of_people, min_size=3, max_size=8), st.booleans(), st.floats(0.0, 120.0))
def test_life_expectancy_is_the_integral_of_survival_of_any_table(hazards, is_constant, age):
    """Rising and falling hazards, steps and slopes; 1e-7 relative. The last slope rises."""
    if is_constant:
        table = constant_between([10.0 * i for i in range(len(hazards))], [*hazards[:-1], 0.3])
    else:
        last = max(hazards[-1], 0.05)
        hazards = [*hazards, last, 2.0 * last]
        table = gompertz([10.0 * i for i in range(len(hazards))], hazards)
    expected = by_quadrature(table, age)
    assert life_expectancy(table, age) == pytest.approx(expected, rel=1e-7)


def test_life_expectancy_under_a_constant_hazard_is_its_inverse():
    table = constant_between((18.0, 50.0), (0.02, 0.02))
    assert life_expectancy(table, 30.0) == pytest.approx(50.0, rel=1e-14)
    assert life_expectancy(table, 0.0) == pytest.approx(50.0, rel=1e-14)
    assert life_expectancy(table, 80.0) == pytest.approx(50.0, rel=1e-14)


def test_nobody_dies_in_an_interval_without_deaths():
    table = constant_between((0.0, 10.0, 20.0), (0.1, 0.0, 0.1))
    alive = math.exp(-1.0)
    expected = (1.0 - alive) / 0.1 + alive * 10.0 + alive / 0.1
    assert life_expectancy(table, 0.0) == pytest.approx(expected, rel=1e-14)


def test_almost_flat_slopes_are_no_worse_than_flat_ones():
    """A slope of 1e-8 to 1e-5 a year against none; the series of the exponential integral."""
    flat = life_expectancy(constant_between((0.0, 50.0), (0.02, 0.02)), 0.0)
    for slope in (1e-8, 1e-7, 1e-6, 1e-5):
        table = gompertz((0.0, 50.0), (0.02, 0.02 * math.exp(50.0 * slope)))
        assert life_expectancy(table, 0.0) == pytest.approx(flat, rel=200.0 * slope)
