"""Tablets beside blinatumomab, by hand: 20 a day for at most 100 days; see ``three_patients.yaml``."""

import pytest

from sim.clinic.draws import RandomDraw
from sim.economics.prices import NO_TABLETS, Tablets
from sim.simulation.question import ask
from tests.support.hand_ledger import SCENARIO, live, present_value, somebody

ON_TREATMENT, REMISSION, LESS = "on_treatment", "complete_remission", "incomplete_remission"
RESPONDS = {
    (RandomDraw.RESPONSE, 0): 0.4,
    (RandomDraw.RESPONSE_CYCLE, 0): 0.5,  # in cycle 1, on day 28
    (RandomDraw.RESPONSE_DEPTH, 0): 0.5,
    (RandomDraw.CURE_IN_REMISSION, 0): 0.01,
}
FAILS = {(RandomDraw.RESPONSE, 0): 0.6}  # on day 70, after two cycles
BRIDGED = RESPONDS | {
    (RandomDraw.TRANSPLANT_ELIGIBILITY, 0): 0.4,
    (RandomDraw.TRANSPLANT_TIME, 0): 0.5,  # 60.875 days after day 28
}


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (RESPONDS, [(ON_TREATMENT, 0, 28), (REMISSION, 28, 100)]),
        (
            RESPONDS | {(RandomDraw.RESPONSE_DEPTH, 0): 0.9},
            [(ON_TREATMENT, 0, 28), (LESS, 28, 100)],
        ),
        (FAILS, [(ON_TREATMENT, 0, 70)]),
        (BRIDGED, [(ON_TREATMENT, 0, 28), (REMISSION, 28, 88.875)]),
    ],
    ids=["CR", "CRh", "no response", "allo-HCT"],
)
def test_tablets_are_taken_until_failure_transplant_or_the_longest_time(script, expected):
    ledger = live(somebody(), script, strategy="blinatumomab_tki").ledger
    booked = [entry for entry in ledger if entry.what == "tablets"]
    for entry, (state, start, end) in zip(booked, expected, strict=True):
        assert (entry.category.label, entry.state, entry.line) == ("drug", state, 0)
        assert (entry.start_days, entry.end_days) == pytest.approx((start, end), rel=1e-12)
        assert entry.undiscounted == pytest.approx(20 * (end - start), rel=1e-12)
        row = ("drug", state, 0, start, end, 20 * (end - start))
        assert entry.discounted == pytest.approx(present_value(row, 0.03), rel=1e-9)


def test_with_mrd_only_they_are_taken_in_remission():
    script = {(RandomDraw.CURE_IN_REMISSION, 0): 0.01}
    ledger = live(somebody(mrd_only=True), script, strategy="blinatumomab_tki").ledger
    (booked,) = [entry for entry in ledger if entry.what == "tablets"]
    assert (booked.state, booked.start_days, booked.end_days) == (REMISSION, 0.0, 100.0)


def test_a_regimen_with_the_same_drug_has_its_vial_bags_and_stay_but_tablets_of_its_own():
    regimens = ask(SCENARIO).accounts.price_list.regimens
    alone, mrd, tki = (regimens[f"blinatumomab{suffix}"] for suffix in ("", "_mrd", "_tki"))
    for other in (mrd, tki):
        assert other.drug.price_per_vial == alone.drug.price_per_vial == 1000
        assert other.drug.vial_mcg == alone.drug.vial_mcg
        assert other.drug.bag_days == alone.drug.bag_days == 7
    assert tki.stay == alone.stay == (9, 2, 0)
    assert mrd.stay == (3, 2, 0)
    assert (alone.tablets, mrd.tablets, tki.tablets) == (NO_TABLETS, NO_TABLETS, Tablets(20, 100))
