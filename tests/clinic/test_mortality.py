"""Background mortality: the life tables, their integrals, and the excess of long-term survivors.

The independent route is numerical integration of a hazard that is written here anew from the
knots of the catalogue's tables.
"""

import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from sim.catalog import load_catalogue
from sim.clinic.draws import RandomDraw
from sim.clinic.mortality import (
    age_at_hazard,
    background_death_days,
    cumulative_hazard,
    gompertz,
    stepwise,
)
from sim.clinic.units import NEVER
from sim.engine.streams import uniforms

YEAR = 365.25
SEXES = [
    (name, sex, table.ages, getattr(table, sex))
    for name, table in load_catalogue().life_tables.items()
    for sex in ("male", "female")
]
every_table = pytest.mark.parametrize(
    ("ages", "hazards"), [row[2:] for row in SEXES], ids=[f"{row[0]}-{row[1]}" for row in SEXES]
)
KNOTS = {(name, sex): (ages, hazards) for name, sex, ages, hazards in SEXES}
US_MEN = gompertz(*KNOTS["us_2019", "male"])
starting_ages = st.floats(18.0, 90.0)
uniform_numbers = st.floats(2.0**-53, 1.0 - 2.0**-53)
ratios = st.floats(1.0, 10.0)
starts_of_excess = st.floats(0.0, 60 * YEAR)


def hazard_at(ages, hazards, age):
    """Log-linear between the knots; the last slope goes on."""
    logs = np.log(hazards)
    if age > ages[-1]:
        slope = (logs[-1] - logs[-2]) / (ages[-1] - ages[-2])
        return math.exp(logs[-1] + slope * (age - ages[-1]))
    return math.exp(np.interp(age, ages, logs))


def integral(ages, hazards, start, end):
    knots = [age for age in ages if start < age < end]
    return quad(partial(hazard_at, ages, hazards), start, end, points=knots or None, epsrel=1e-11)[
        0
    ]


def death_days(table, age, u, ratio=1.0, ratio_from_days=NEVER):
    e = -math.log1p(-u)
    return background_death_days(table, age, e, ratio=ratio, ratio_from_days=ratio_from_days)


# Life tables


@pytest.mark.parametrize(
    ("table", "age", "men", "women"),
    [
        ("us_2019", 48, 0.004154, 0.002534),
        ("us_2019", 60, 0.011445, 0.006891),
        ("us_2019", 80, 0.054931, 0.040043),
        ("uk_2017_2019", 30, 0.000771, 0.000370),
        ("uk_2017_2019", 48, 0.002852, 0.001840),
    ],
)
def test_death_within_a_year_is_that_of_the_published_table(table, age, men, women):
    """Within 12 % of q(x): ten knots for 80 years of age smooth the table that much at most."""
    for sex, published in (("male", men), ("female", women)):
        hazard = cumulative_hazard(gompertz(*KNOTS[table, sex]), age, age + 1)
        assert 1.0 - math.exp(-hazard) == pytest.approx(published, rel=0.12)


@pytest.mark.parametrize(
    ("table", "men", "women"), [("us_2019", 59.05, 63.99), ("uk_2017_2019", 61.85, 65.45)]
)
def test_life_expectancy_at_18_is_what_the_table_says_of_itself(table, men, women):
    """Integral of survival over 110 years; within 0.03, since published tables end near 100."""
    for sex, published in (("male", men), ("female", women)):
        fitted = gompertz(*KNOTS[table, sex])

        def survival(age, fitted=fitted):
            return math.exp(-cumulative_hazard(fitted, 18.0, age))

        expectancy = quad(survival, 18.0, 128.0, limit=200)[0]
        assert expectancy == pytest.approx(published, abs=0.03)


@every_table
@pytest.mark.parametrize(
    ("start", "end"), [(18, 19), (18, 100), (30.5, 30.6), (44, 46), (60, 90), (90, 115), (106, 120)]
)
def test_cumulative_hazard_is_the_integral_of_the_hazard(ages, hazards, start, end):
    """Quadrature to 1e-11 relative."""
    table = gompertz(ages, hazards)
    expected = integral(ages, hazards, start, end)
    assert cumulative_hazard(table, start, end) == pytest.approx(expected, rel=1e-9)


@every_table
def test_hazard_at_every_knot_is_that_of_the_table(ages, hazards):
    """The hazard over the second after the knot; 1e-6 relative."""
    table = gompertz(ages, hazards)
    second = 1.0 / (YEAR * 86400)
    for age, hazard in zip(ages, hazards, strict=True):
        assert cumulative_hazard(table, age, age + second) / second == pytest.approx(
            hazard, rel=1e-6
        )


@given(st.sampled_from(sorted(KNOTS)), starting_ages, st.floats(1e-9, 30.0))
def test_age_at_hazard_undoes_the_cumulative_hazard(key, age, hazard):
    table = gompertz(*KNOTS[key])
    reached = age_at_hazard(table, age, hazard)
    assert reached >= age
    assert cumulative_hazard(table, age, reached) == pytest.approx(hazard, rel=1e-9, abs=1e-13)


@given(starting_ages, st.floats(0.0, 40.0), st.floats(0.0, 40.0))
def test_hazards_of_successive_years_add_up(age, first, second):
    whole = cumulative_hazard(US_MEN, age, age + first + second)
    parts = cumulative_hazard(US_MEN, age, age + first) + cumulative_hazard(
        US_MEN, age + first, age + first + second
    )
    assert parts == pytest.approx(whole, rel=1e-9, abs=1e-12)


# Life tables of one-year probabilities, as a user may bring


def test_yearly_probabilities_are_survived_year_by_year():
    """(1 - 0.01) (1 - 0.02)^9 (1 - 0.05)^1.5 from 49 to 60.5, with rows at 18, 50 and 59."""
    table = stepwise((18.0, 50.0, 59.0), (0.01, 0.02, 0.05))
    survival = math.exp(-cumulative_hazard(table, 49.0, 60.5))
    assert survival == pytest.approx(0.99 * 0.98**9 * 0.95**1.5, rel=1e-12)
    assert age_at_hazard(table, 49.0, -math.log(0.99 * 0.98**9 * 0.95**1.5)) == pytest.approx(60.5)


def test_first_row_holds_for_younger_and_last_row_for_older_ages():
    table = stepwise((30.0, 50.0), (0.01, 0.02))
    assert cumulative_hazard(table, 18.0, 30.0) == pytest.approx(-12 * math.log(0.99), rel=1e-12)
    assert cumulative_hazard(table, 90.0, 110.0) == pytest.approx(-20 * math.log(0.98), rel=1e-12)


def test_nobody_dies_in_a_year_without_deaths():
    table = stepwise((18.0, 30.0, 40.0), (0.01, 0.0, 0.02))
    before = -5 * math.log(0.99)
    assert age_at_hazard(table, 25.0, before + 1e-6) == pytest.approx(40.0, abs=1e-4)
    assert cumulative_hazard(table, 30.0, 40.0) == 0.0


# Death in the background


def test_time_of_death_has_the_survival_of_the_life_table():
    """1 - u = exp(-H) at the drawn time, H by quadrature; men and women of four ages, rtol 1e-9."""
    for ages, hazards in KNOTS.values():
        table = gompertz(ages, hazards)
        for age in (18.0, 39.5, 64.9, 80.0):
            for u in (0.001, 0.1, 0.5, 0.9, 0.999):
                at_death = age + death_days(table, age, u) / YEAR
                survival = math.exp(-integral(ages, hazards, age, at_death))
                assert survival == pytest.approx(1.0 - u, rel=1e-9)


def test_excess_of_survivors_multiplies_the_hazard_from_its_date():
    """H = H(40 to 43) + 4 H(43 on), piecewise; deaths before 43 stay where they are. rtol 1e-9."""
    ages, hazards = KNOTS["us_2019", "male"]
    for u in (0.0001, 0.005, 0.01, 0.1, 0.5, 0.9, 0.999):
        at_death = 40.0 + death_days(US_MEN, 40.0, u, 4.0, 3 * YEAR) / YEAR
        hazard = integral(ages, hazards, 40.0, min(at_death, 43.0))
        if at_death > 43.0:
            hazard += 4.0 * integral(ages, hazards, 43.0, at_death)
        assert math.exp(-hazard) == pytest.approx(1.0 - u, rel=1e-9)


def test_excess_in_closed_form_with_a_constant_hazard():
    """0.02 a year, four times as much after 5 years: H = 0.5 is reached after 5 + 0.4 / 0.08."""
    table = stepwise((18.0,), (1.0 - math.exp(-0.02),))
    u = 1.0 - math.exp(-0.5)
    assert death_days(table, 40.0, u) / YEAR == pytest.approx(25.0, rel=1e-9)
    assert death_days(table, 40.0, u, 4.0, 5 * YEAR) / YEAR == pytest.approx(10.0, rel=1e-9)


@given(starting_ages, uniform_numbers, ratios, starts_of_excess)
def test_no_hazard_is_below_that_of_the_life_table(age, u, ratio, start):
    """Excess mortality never postpones death; 1e-6 days for rounding."""
    plain = death_days(US_MEN, age, u)
    with_excess = death_days(US_MEN, age, u, ratio, start)
    assert with_excess <= plain + 1e-6


@given(starting_ages, uniform_numbers, ratios, starts_of_excess)
def test_death_before_the_excess_begins_stays_where_it_is(age, u, ratio, start):
    plain = death_days(US_MEN, age, u)
    with_excess = death_days(US_MEN, age, u, ratio, start)
    if plain <= start:
        assert with_excess == pytest.approx(plain, rel=1e-12)
    else:
        assert with_excess >= start - 1e-6


@given(starting_ages, uniform_numbers, starts_of_excess)
def test_without_excess_the_date_does_not_matter(age, u, start):
    assert death_days(US_MEN, age, u, 1.0, start) == death_days(US_MEN, age, u)
    assert death_days(US_MEN, age, u, 4.0, NEVER) == death_days(US_MEN, age, u)


def test_as_many_die_as_the_life_table_says():
    """Men of 60, seed 20261120, n = 20,000; within 4 standard errors at 1, 10, 20 and 30 years."""
    n = 20_000
    ages, hazards = KNOTS["us_2019", "male"]
    draws = uniforms(20261120, 0, n, RandomDraw.BACKGROUND_DEATH).tolist()
    deaths = np.array([death_days(US_MEN, 60.0, u) for u in draws]) / YEAR
    for years in (1, 10, 20, 30):
        expected = 1.0 - math.exp(-integral(ages, hazards, 60.0, 60.0 + years))
        z = (np.sum(deaths <= years) - n * expected) / math.sqrt(n * expected * (1.0 - expected))
        assert abs(z) < 4.0
