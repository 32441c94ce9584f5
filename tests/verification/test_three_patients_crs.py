"""Grade 3 CRS on day 3, rechallenge, remission and relapse, computed by hand.

The history and the books are written by hand in `sim.analyses.verify.by_hand`.
"""

import pytest

from sim.analyses.verify.by_hand import CRS
from tests.support.hand_ledger import assert_ledger, assert_log


@pytest.fixture(scope="module")
def lived():
    return CRS.live()


def test_the_log_is_the_history_written_by_hand(lived):
    assert_log(lived.log, CRS.log)


def test_the_ledger_holds_every_entry_written_by_hand_and_no_other(lived):
    assert_ledger(lived.ledger, CRS.ledger, costs=CRS.costs, effects=CRS.effects)


def test_she_is_given_fifty_one_vials(lived):
    """2 before the CRS; 2 + 1 at the step dose and 4 x 4 + 2 at the full dose; 7 x 4 in cycle 2."""
    drugs = [e.undiscounted for e in lived.ledger if e.category.label == "drug"]
    assert sum(drugs) == 1000 * (2 + 3 + 18 + 28)
