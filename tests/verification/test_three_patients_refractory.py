"""A non-responder who goes on to usual care and dies of leukaemia, computed by hand.

The history and the books are written by hand in `sim.analyses.verify.by_hand`.
"""

import pytest

from sim.analyses.verify.by_hand import REFRACTORY
from sim.clinic.draws import RandomDraw
from sim.clinic.events import EventKind
from tests.support.hand_ledger import assert_ledger, assert_log, live


@pytest.fixture(scope="module")
def lived():
    return REFRACTORY.live()


def test_the_log_is_the_history_written_by_hand(lived):
    assert_log(lived.log, REFRACTORY.log)


def test_the_ledger_holds_every_entry_written_by_hand_and_no_other(lived):
    assert_ledger(
        lived.ledger, REFRACTORY.ledger, costs=REFRACTORY.costs, effects=REFRACTORY.effects
    )


def test_without_discounting_every_entry_is_worth_what_it_is(lived):
    assert all(entry.discounted == entry.undiscounted for entry in lived.ledger)


def test_he_is_given_twenty_six_vials(lived):
    """2 + 3 x 6 in cycle 1, 6 in cycle 2."""
    drugs = [e.undiscounted for e in lived.ledger if e.category.label == "drug"]
    assert sum(drugs) == 1000 * (2 + 18 + 6)


def test_with_the_same_luck_in_first_salvage_he_would_have_responded():
    lived = live(
        REFRACTORY.patient._replace(salvage_line=1),
        {(RandomDraw.RESPONSE, 0): REFRACTORY.luck[RandomDraw.RESPONSE, 0]},
    )
    assert EventKind.RESPONSE in {event.kind for event in lived.log}
    assert EventKind.NO_RESPONSE not in {event.kind for event in lived.log}
