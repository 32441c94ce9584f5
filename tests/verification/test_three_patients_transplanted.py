"""A responder who is bridged to allo-HCT and dies in old age, computed by hand.

The history and the books are written by hand in `sim.analyses.verify.by_hand`.
"""

import pytest

from sim.analyses.verify.by_hand import TRANSPLANTED
from tests.support.hand_ledger import assert_ledger, assert_log, live


@pytest.fixture(scope="module")
def lived():
    return TRANSPLANTED.live()


def test_the_log_is_the_history_written_by_hand(lived):
    assert_log(lived.log, TRANSPLANTED.log)


def test_the_ledger_holds_every_entry_written_by_hand_and_no_other(lived):
    assert_ledger(
        lived.ledger, TRANSPLANTED.ledger, costs=TRANSPLANTED.costs, effects=TRANSPLANTED.effects
    )


def test_she_is_given_fifty_vials(lived):
    """2 + 3 x 6 in cycle 1, 4 x 6 in cycle 2, 6 in cycle 3."""
    drugs = [e.undiscounted for e in lived.ledger if e.category.label == "drug"]
    assert sum(drugs) == 1000 * (2 + 18 + 24 + 6)


def test_she_lives_sixteen_and_a_half_years(lived):
    years = [e.undiscounted for e in lived.ledger if e.category.label == "life"]
    assert sum(years) == pytest.approx(60 - 43.5, rel=1e-9)


def test_death_in_the_background_has_no_cost_of_the_end_of_life(lived):
    assert not [e for e in lived.ledger if e.category.label == "end_of_life"]


def test_beyond_45_the_cap_holds_from_the_first_day_of_a_remission():
    """At 50, complete remission is worth the norm of 0.80 and not 0.90."""
    older = live(TRANSPLANTED.patient._replace(age_years=50.0), TRANSPLANTED.luck)
    (row,) = [
        e
        for e in older.ledger
        if (e.category.label, e.state.value) == ("health_state", "complete_remission")
    ]
    assert row.undiscounted == pytest.approx(0.80 * 60.875 / 365.25, rel=1e-9)
