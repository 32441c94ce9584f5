"""The general population's expected QALYs against closed forms, quadrature and a published table."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from sim.analyses.severity.analysis import Expected, General, general_population
from sim.clinic.mortality import constant_between, cumulative_hazard, gompertz, stepwise
from sim.economics.discounting import Discounting
from sim.simulation.question import life_expectancy

# McNamara S, Schneider PP, Love-Koh J, Doran T, Gutacker N, Value Health 2023;26:163-9, and the files
# published with it: norms of the Health Survey for England 2017 and 2018 by band of five years (EQ-5D,
# mapped by van Hout), and q(x) of the national life tables of England, 2017-2019, from 65 to 100 years.
WOMEN_DIE = (
    *(0.007668, 0.008244, 0.009012, 0.010032, 0.010821, 0.011958, 0.012887, 0.014774, 0.016891),
    *(0.018495, 0.020696, 0.023336, 0.026453, 0.029934, 0.033615, 0.03765, 0.042359, 0.047884),
    *(0.05525, 0.062504, 0.071406, 0.081605, 0.092016, 0.105094, 0.117181, 0.131622, 0.14793),
    *(0.165179, 0.182699, 0.203273, 0.226544, 0.25042, 0.26714, 0.293389, 0.314678, 0.350306),
)
MEN_DIE = (
    *(0.011802, 0.012901, 0.01406, 0.015371, 0.016844, 0.017796, 0.019812, 0.021632, 0.024995),
    *(0.027226, 0.030421, 0.034348, 0.037937, 0.042587, 0.046928, 0.052892, 0.058881, 0.065106),
    *(0.073435, 0.083471, 0.093214, 0.105286, 0.117324, 0.131771, 0.148173, 0.157788, 0.176893),
    *(0.1943, 0.214033, 0.237018, 0.261745, 0.290462, 0.305138, 0.326401, 0.368665, 0.38807),
)
WOMEN_FEEL = (0.782236, 0.786971, 0.740582, 0.717231, 0.665353, 0.665059)
MEN_FEEL = (0.798472, 0.802387, 0.790894, 0.772772, 0.717648, 0.662801)
# By sex and age: undiscounted, at 1.5 % and at 3.5 %.
PUBLISHED = {
    ("women", 65): (15.77, 13.42, 11.08),
    ("women", 70): (12.50, 10.94, 9.32),
    ("women", 80): (6.76, 6.21, 5.61),
    ("women", 90): (3.05, 2.92, 2.77),
    ("men", 65): (14.71, 12.66, 10.58),
    ("men", 70): (11.65, 10.31, 8.89),
    ("men", 80): (6.27, 5.82, 5.31),
    ("men", 90): (2.69, 2.59, 2.47),
}
FIRST, LAST = 65, 101
ALIKE = (1.0,)


@pytest.mark.parametrize(("sex", "age"), PUBLISHED)
def test_published_quality_adjusted_life_expectancies_are_met_within_rounding(sex, age):
    """The table ends at 100, counts deaths at mid-year and discounts from the start of each year.

    A year at constant survival is worth ``(1 - v) / ln(1 + r)`` with ``v = 1 / (1 + r)`` where it
    is discounted continuously. Tolerance: 0.005 of rounding, and 0.4 % for deaths within the year.
    """
    deaths, feel = (WOMEN_DIE, WOMEN_FEEL) if sex == "women" else (MEN_DIE, MEN_FEEL)
    table = stepwise(tuple(map(float, range(FIRST, LAST))), deaths)
    norm = (0.0,) * FIRST + tuple(
        feel[min((x - FIRST) // 5, len(feel) - 1)] for x in range(FIRST, LAST)
    )
    for rate, published in zip((0.0, 0.015, 0.035), PUBLISHED[sex, age], strict=True):
        expected = Expected(table, norm, Discounting(rate), float(LAST - age))
        year = (1.0 - 1.0 / (1.0 + rate)) / math.log1p(rate) if rate else 1.0
        found = float(expected(np.array([float(age)]))[0]) / year
        assert found == pytest.approx(published, abs=0.005 + 0.004 * published)


@given(
    hazard=st.floats(1e-4, 0.5),
    rate=st.floats(0.0, 0.1),
    utility=st.floats(0.1, 1.0),
    age=st.floats(18.0, 100.0),
    years=st.floats(0.1, 100.0),
)
def test_a_constant_hazard_and_norm_have_the_closed_form(hazard, rate, utility, age, years):
    """``u (1 - exp(-(h + d) T)) / (h + d)`` with force of interest ``d = ln(1 + r)``."""
    expected = Expected(constant_between((18.0,), (hazard,)), (utility,), Discounting(rate), years)
    total = hazard + math.log1p(rate)
    closed = utility * -math.expm1(-total * years) / total
    assert float(expected(np.array([age]))[0]) == pytest.approx(closed, rel=1e-9)


@given(age=st.floats(18.0, 99.0), slope=st.floats(0.0, 0.12))
def test_without_discounting_and_in_full_health_it_is_the_life_expectancy(age, slope):
    """The closed form with exponential integrals, of a hazard that rises with age."""
    hazards = [0.002 * math.exp(slope * years) for years in (0.0, 32.5)]
    table = gompertz((18.0, 50.5, 80.0), (*hazards, 3.0 * hazards[1]))
    expected = Expected(table, ALIKE, Discounting(0.0), 200.0)
    assert float(expected(np.array([age]))[0]) == pytest.approx(
        life_expectancy(table, age), rel=1e-9
    )


@pytest.mark.parametrize("age", [18.0, 44.37, 45.0, 79.99, 93.2])
@pytest.mark.parametrize("male", [True, False])
def test_england_is_met_by_adaptive_quadrature_year_by_year(ask, age, male):
    """Of the catalogue's life table and norms, at 3.5 % a year, over 30 years; relative 1e-9."""
    question = ask("nhs_first_salvage", patients=1, horizon_years=30)
    table = question.life_tables[0 if male else 1]
    constant, sex = 0.9508566, 0.0212126 if male else 0.0
    total = 0.0
    for year in range(int(age), int(age) + 31):
        low, high = max(float(year), age), min(year + 1.0, age + 30.0)
        if low >= high:
            continue
        norm = constant + sex - 0.0002587 * year - 3.32e-05 * year**2
        knots = [knot for knot in table.ages if low < knot < high]
        lived = quad(
            lambda at: math.exp(-cumulative_hazard(table, age, at)) * 1.035 ** (age - at),
            *(low, high),
            points=knots or None,
            epsabs=1e-13,
        )[0]
        total += norm * lived
    found = general_population(question).qalys(np.array([age]), np.array([float(male)]))
    assert float(found[0]) == pytest.approx(total, rel=1e-9)


def test_men_and_women_have_their_own_table_and_norm():
    tables = tuple(constant_between((18.0,), (hazard,)) for hazard in (0.1, 0.05))
    general = General(
        *(
            Expected(table, norm, Discounting(0.0), 1000.0)
            for table, norm in zip(tables, ((0.8,), (0.6,)), strict=True)
        )
    )
    found = general.qalys(np.array([40.0, 40.0]), np.array([1.0, 0.0]))
    # Beyond age 250 nobody is counted: e^-21 of the men and e^-10.5 of the women would be left.
    assert found == pytest.approx([0.8 / 0.1, 0.6 / 0.05], rel=1e-4)
