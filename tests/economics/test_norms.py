"""Population norms: the published formula and table by age and sex, and what they take off QALYs."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from sim.economics.clerk import open_book, stay
from sim.economics.discounting import Discounting
from sim.economics.ledger import Category, State
from sim.economics.posting import Book
from sim.simulation.question import ask
from tests.support.hand_ledger import somebody
from tests.support.places import SCENARIOS

YEAR = 365.25
YEARS = 40.0
STEP_DAYS = 0.25


def accounts_of(scenario):
    return ask(SCENARIOS / f"{scenario}.yaml").accounts


def by_ara_and_brazier(age, male):
    """Return EQ-5D of the general population: Ara and Brazier, Value Health 2010;13:509-18."""
    return 0.9508566 + 0.0212126 * male - 0.0002587 * age - 0.0000332 * age**2


@pytest.mark.parametrize("male", [True, False])
@pytest.mark.parametrize("age", [18, 40, 65, 90])
def test_norms_of_england_are_the_published_regression(age, male):
    norms = accounts_of("nhs_first_salvage").utilities.norms
    assert norms.at(age, male=male) == pytest.approx(by_ara_and_brazier(age, male), rel=1e-12)


@pytest.mark.parametrize(
    ("age", "norm"),
    [
        (18, (54 * 0.906 + 53 * 0.931) / 107),
        (24, (54 * 0.906 + 53 * 0.931) / 107),
        (25, (118 * 0.907 + 130 * 0.916) / 248),
        (44, (86 * 0.841 + 95 * 0.845) / 181),
        (45, 0.816),
        (74, 0.824),
        (75, 0.811),
        (129, 0.811),
    ],
)
def test_norms_of_the_united_states_change_on_the_first_birthday_of_a_band(age, norm):
    norms = accounts_of("first_salvage").utilities.norms
    assert [norms.at(age, male=male) for male in (True, False)] == pytest.approx([norm, norm])


@pytest.mark.parametrize("male", [True, False])
def test_capped_qalys_are_the_integral_of_the_lower_of_utility_and_norm(male):
    """40 years from age 40.4, a year after entry, by midpoints of a quarter of a day."""
    accounts = accounts_of("nhs_first_salvage")
    high = accounts.utilities.states._replace(after_transplant=0.85)
    utilities = accounts.utilities._replace(states=high)
    book = Book(replace(accounts, utilities=utilities, effects=Discounting(0.0)), ())
    start, stop = YEAR, (1.0 + YEARS) * YEAR
    open_book(book, [SimpleNamespace(time_days=stop)])
    stay(book, somebody(male=male, age_years=39.4, number=0), State.AFTER_TRANSPLANT, start, stop)
    steps = int(YEARS * YEAR / STEP_DAYS)
    ages = (39.4 + (start + (k + 0.5) * STEP_DAYS) / YEAR for k in range(steps))
    expected = sum(min(0.85, by_ara_and_brazier(int(age), male)) for age in ages)
    expected *= STEP_DAYS / YEAR
    found = sum(e.undiscounted for e in book.entries if e.category == Category.QALY_STATE)
    # Each of 40 birthdays falls within a step, on which the norm moves by 0.006 at most.
    assert found == pytest.approx(expected, abs=40 * 0.006 * STEP_DAYS / YEAR)
    assert found < 0.85 * YEARS - 1.0
