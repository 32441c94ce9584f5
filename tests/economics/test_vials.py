"""Bags and vials: how blinatumomab is made up, what is wasted, and what sharing saves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.clinic.draws import RandomDraw
from sim.economics.posting import bags, vials
from sim.economics.prices import InfusionDrug
from tests.support.hand_ledger import live, somebody
from tests.support.infusion_layout import BLINATUMOMAB, segments

VIAL_MCG = 35.0

# Bag interval in hours; the content in mcg of every bag, and the whole vials of 35 mcg for
# it, at the step dose and at the full dose of the first cycle, and of a later cycle.
BAGS = {
    24: {
        "step": (7 * [9], 7 * [1]),
        "full": (21 * [28], 21 * [1]),
        "later": (28 * [28], 28 * [1]),
    },
    48: {
        "step": ([18, 18, 18, 9], [1, 1, 1, 1]),
        "full": (10 * [56] + [28], 10 * [2] + [1]),
        "later": (14 * [56], 14 * [2]),
    },
    72: {
        "step": ([27, 27, 9], [1, 1, 1]),
        "full": (7 * [84], 7 * [3]),
        "later": (9 * [84] + [28], 9 * [3] + [1]),
    },
    96: {
        "step": ([36, 27], [2, 1]),
        "full": (5 * [112] + [28], 5 * [4] + [1]),
        "later": (7 * [112], 7 * [4]),
    },
    168: {
        "step": ([63], [2]),
        "full": (3 * [196], 3 * [6]),
        "later": (4 * [196], 4 * [6]),
    },
}
STRETCHES = {"step": (9.0, 7.0), "full": (28.0, 21.0), "later": (28.0, 28.0)}

# Hours, vials and wasted mcg of the first cycle (651 mcg), and of a later cycle (784 mcg).
VIALS_OF_A_CYCLE = [
    (24, 28, 28 * 35 - 651, 28, 28 * 35 - 784),
    (48, 25, 25 * 35 - 651, 28, 28 * 35 - 784),
    (72, 24, 24 * 35 - 651, 28, 28 * 35 - 784),
    (96, 24, 24 * 35 - 651, 28, 28 * 35 - 784),
    (168, 20, 20 * 35 - 651, 24, 24 * 35 - 784),
]


def drug(hours):
    return InfusionDrug(1000.0, VIAL_MCG, hours / 24.0, BLINATUMOMAB)


def hung(hours, laid):
    """The content of every bag of a cycle without interruption."""
    return [
        content
        for segment in laid
        for _, content in bags(
            segment.dose_mcg_per_day,
            segment.end_day - segment.start_day,
            segment.end_day - segment.start_day,
            drug(hours),
        )
    ]


@pytest.mark.parametrize("stretch", STRETCHES)
@pytest.mark.parametrize("hours", BAGS)
def test_every_bag_and_its_vials_are_those_written_by_hand(hours, stretch):
    dose, days = STRETCHES[stretch]
    contents, whole_vials = BAGS[hours][stretch]
    made_up = bags(dose, days, days, drug(hours))
    assert [day for day, _ in made_up] == [k * hours / 24 for k in range(len(contents))]
    assert [content for _, content in made_up] == contents
    assert [vials(content, VIAL_MCG, sharing=False) for content in contents] == whole_vials


@pytest.mark.parametrize(
    ("hours", "first", "first_waste", "later", "later_waste"), VIALS_OF_A_CYCLE
)
def test_vials_and_waste_of_a_cycle(hours, first, first_waste, later, later_waste):
    for step_up, count, waste in ((True, first, first_waste), (False, later, later_waste)):
        contents = hung(hours, segments(BLINATUMOMAB, [], step_up=step_up))
        opened = sum(vials(content, VIAL_MCG, sharing=False) for content in contents)
        assert opened == count
        assert opened * VIAL_MCG - sum(contents) == waste


@pytest.mark.parametrize("hours", BAGS)
def test_shared_vials_are_the_micrograms_over_35(hours):
    """651 / 35 = 18.6 and 784 / 35 = 22.4, for every bag interval."""
    for step_up, shared in ((True, 18.6), (False, 22.4)):
        contents = hung(hours, segments(BLINATUMOMAB, [], step_up=step_up))
        opened = sum(vials(content, VIAL_MCG, sharing=True) for content in contents)
        assert opened == pytest.approx(shared, rel=1e-12)


def test_a_vial_is_not_opened_for_a_rounding_error():
    assert vials(3 * 35.0 * (1 + 1e-13), VIAL_MCG, sharing=False) == 3.0
    assert vials(3 * 35.0 + 0.01, VIAL_MCG, sharing=False) == 4.0


def test_an_interruption_loses_what_is_left_in_the_bag():
    """Of two bags of 4 x 9 and 3 x 9 mcg, planned for a week, day 3 needs one and day 5 both."""
    assert bags(9.0, 7.0, 3.0, drug(96)) == [(0.0, 36.0)]
    assert bags(9.0, 7.0, 5.0, drug(96)) == [(0.0, 36.0), (4.0, 27.0)]


def test_an_interruption_at_a_bag_change_hangs_no_further_bag():
    assert bags(9.0, 7.0, 4.0, drug(96)) == [(0.0, 36.0)]


def test_a_bag_for_the_last_days_of_a_cycle_holds_no_more_than_these():
    """CRS on day 26 of 28 leaves two days: 18 mcg in one vial instead of 63 mcg in two."""
    script = {
        (RandomDraw.CRS, 0): 0.05,
        (RandomDraw.CRS_ONSET, 0): 0.5 + 0.5 * (26 - 4) / (28 - 4),
        (RandomDraw.CRS_DURATION, 0): 0.5,
        (RandomDraw.PROGRESSION_AFTER_FIRST_CYCLE, 0): 0.1,
    }
    ledger = live(somebody(), script, {"toxicity.crs.latest_onset_days": 28.0}).ledger
    drugs = [(e.start_days, e.undiscounted) for e in ledger if e.category.label == "drug"]
    assert [amount for _, amount in drugs] == [2000, 6000, 6000, 6000, 1000]
    assert [day for day, _ in drugs] == pytest.approx([0, 7, 14, 21, 36], rel=1e-12)


@given(st.floats(0.5, 8.0), st.floats(0.01, 28.0), st.floats(0.0, 1.0))
def test_bags_hold_at_least_what_was_infused_and_at_most_the_plan(bag_days, planned, share):
    actual = planned * share
    made_up = bags(28.0, planned, actual, InfusionDrug(1000.0, VIAL_MCG, bag_days, BLINATUMOMAB))
    contents = sum(content for _, content in made_up)
    assert contents >= 28.0 * actual - 1e-6
    assert contents <= 28.0 * planned + 1e-6
    assert contents - 28.0 * actual <= 28.0 * bag_days + 1e-6
