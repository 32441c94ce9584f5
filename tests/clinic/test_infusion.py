"""The pump of one cycle: dose steps, interruptions, restarts, and the end for good."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.clinic.toxicity import Action, Toxicity, infusion_action, resume_day
from tests.support.infusion_layout import BLINATUMOMAB, Episode, Segment, segments


def episode(kind, severity, onset, days, *, seizures_before=0, seizure=False):
    """An episode managed as the label says."""
    action = infusion_action(kind, severity, days, seizures_before=seizures_before, seizure=seizure)
    resumes = resume_day(kind, onset, days, action)
    return Episode(kind, severity, onset, days, seizure, action, resumes)


def crs(onset, days, severity=3):
    return episode(Toxicity.CRS, severity, onset, days)


def neurotoxicity(onset, days, severity=3, **seizure):
    return episode(Toxicity.NEUROTOXICITY, severity, onset, days, **seizure)


def hepatotoxicity(onset, days, severity=3):
    return episode(Toxicity.HEPATOTOXICITY, severity, onset, days)


def infused_mcg(laid):
    return sum((s.end_day - s.start_day) * s.dose_mcg_per_day for s in laid)


# Without interruption


def test_first_cycle_gives_651_micrograms():
    """9 x 7 + 28 x 21."""
    laid = segments(BLINATUMOMAB, [], step_up=True)
    assert laid == (Segment(0.0, 7.0, 9.0), Segment(7.0, 28.0, 28.0))
    assert infused_mcg(laid) == 651.0


def test_later_cycle_gives_784_micrograms():
    """28 x 28."""
    laid = segments(BLINATUMOMAB, [], step_up=False)
    assert laid == (Segment(0.0, 28.0, 28.0),)
    assert infused_mcg(laid) == 784.0


# Interruptions


@pytest.mark.parametrize(
    ("step_up", "episodes", "expected"),
    [
        pytest.param(
            True, [crs(3.0, 5.0)], [(0, 3, 9), (8, 15, 9), (15, 33, 28)], id="CRS in the first week"
        ),
        pytest.param(
            True,
            [crs(10.0, 4.0)],
            [(0, 7, 9), (7, 10, 28), (14, 21, 9), (21, 32, 28)],
            id="CRS at the full dose",
        ),
        pytest.param(
            False,
            [crs(10.0, 4.0)],
            [(0, 10, 28), (14, 21, 9), (21, 32, 28)],
            id="CRS in a later cycle",
        ),
        pytest.param(
            True,
            [hepatotoxicity(10.0, 4.0)],
            [(0, 7, 9), (7, 10, 28), (17, 24, 9), (24, 35, 28)],
            id="hepatotoxicity and three days of recovery",
        ),
        pytest.param(
            True,
            [neurotoxicity(10.0, 4.0)],
            [(0, 7, 9), (7, 10, 28), (17, 24, 9), (24, 35, 28)],
            id="neurotoxicity and three days of recovery",
        ),
        pytest.param(
            False,
            [crs(24.0, 2.0)],
            [(0, 24, 28), (26, 30, 9)],
            id="four days left, all of them at the step dose",
        ),
        pytest.param(
            True,
            [crs(3.0, 5.0), hepatotoxicity(5.0, 7.0)],
            [(0, 3, 9), (15, 22, 9), (22, 40, 28)],
            id="the second outlasts the first",
        ),
        pytest.param(
            True,
            [crs(3.0, 9.0), hepatotoxicity(5.0, 2.0)],
            [(0, 3, 9), (12, 19, 9), (19, 37, 28)],
            id="the second is over before the first",
        ),
        pytest.param(
            True,
            [crs(3.0, 5.0), hepatotoxicity(10.0, 2.0)],
            [(0, 3, 9), (8, 10, 9), (15, 22, 9), (22, 38, 28)],
            id="again within the week at the step dose, which starts anew",
        ),
        pytest.param(
            True,
            [crs(3.0, 5.0), hepatotoxicity(8.0, 2.0)],
            [(0, 3, 9), (13, 20, 9), (20, 38, 28)],
            id="at the moment of the restart",
        ),
        pytest.param(
            False,
            [crs(5.0, 1.0), neurotoxicity(12.0, 1.0), hepatotoxicity(20.0, 1.0)],
            [(0, 5, 28), (6, 12, 9), (16, 20, 9), (24, 31, 9), (31, 37, 28)],
            id="three in one cycle",
        ),
    ],
)
def test_infusion_is_laid_out_around_interruptions(step_up, episodes, expected):
    """28 days are given in all, however often the pump stops."""
    laid = segments(BLINATUMOMAB, episodes, step_up=step_up)
    assert [tuple(segment) for segment in laid] == expected
    assert sum(end - start for start, end, _ in expected) == 28


@pytest.mark.parametrize(
    ("episodes", "expected"),
    [
        pytest.param([crs(3.0, 5.0, severity=4)], [(0, 3, 9)], id="CRS of grade 4"),
        pytest.param([crs(3.0, 5.0, severity=5)], [(0, 3, 9)], id="CRS of grade 5"),
        pytest.param(
            [neurotoxicity(10.0, 7.5)], [(0, 7, 9), (7, 10, 28)], id="neurotoxicity over 7 days"
        ),
        pytest.param(
            [neurotoxicity(10.0, 2.0, severity=2, seizure=True, seizures_before=1)],
            [(0, 7, 9), (7, 10, 28)],
            id="second seizure",
        ),
        pytest.param(
            [crs(3.0, 5.0), neurotoxicity(10.0, 5.0, severity=4)],
            [(0, 3, 9), (8, 10, 9)],
            id="after a restart",
        ),
        pytest.param(
            [crs(3.0, 5.0), neurotoxicity(6.0, 5.0, severity=4)],
            [(0, 3, 9)],
            id="during an interruption",
        ),
    ],
)
def test_infusion_ends_for_good(episodes, expected):
    laid = segments(BLINATUMOMAB, episodes, step_up=True)
    assert [tuple(segment) for segment in laid] == expected


@pytest.mark.parametrize(
    "episodes",
    [
        pytest.param([crs(28.0, 5.0)], id="as the infusion ends"),
        pytest.param([crs(28.5, 5.0)], id="half a day after the infusion"),
        pytest.param([crs(30.0, 5.0, severity=4)], id="after the infusion"),
        pytest.param([crs(3.0, 5.0, severity=2)], id="CRS of grade 2"),
        pytest.param([neurotoxicity(3.0, 9.0, severity=2)], id="neurotoxicity of grade 2"),
        pytest.param(
            [neurotoxicity(3.0, 2.0, severity=2, seizure=True)], id="first seizure of grade 2"
        ),
        pytest.param([episode(Toxicity.INFECTION, 3, 12.0, 9.0)], id="infection"),
        pytest.param(
            [episode(Toxicity.FEBRILE_NEUTROPENIA, 3, 12.0, 9.0)], id="febrile neutropenia"
        ),
    ],
)
def test_infusion_goes_on(episodes):
    laid = segments(BLINATUMOMAB, episodes, step_up=True)
    assert laid == segments(BLINATUMOMAB, [], step_up=True)


def test_what_strikes_after_a_prolonged_infusion_has_ended_does_nothing():
    """Interrupted for 5 days, the infusion ends on day 33: day 32 still counts, day 33 does not."""
    once = segments(BLINATUMOMAB, [crs(3.0, 5.0)], step_up=True)
    assert segments(BLINATUMOMAB, [crs(3.0, 5.0), hepatotoxicity(33.0, 2.0)], step_up=True) == once
    late = segments(BLINATUMOMAB, [crs(3.0, 5.0), hepatotoxicity(32.0, 2.0)], step_up=True)
    assert [tuple(segment) for segment in late[-2:]] == [(15, 32, 28), (37, 38, 9)]


# Properties

any_episode = st.builds(
    episode,
    st.sampled_from(Toxicity),
    st.sampled_from([2, 3, 3, 3, 4, 5]),
    st.floats(0.001, 40.0),
    st.floats(0.01, 60.0),
    seizures_before=st.integers(0, 1),
    seizure=st.booleans(),
)
episodes_of_a_cycle = st.lists(any_episode, max_size=5).map(
    lambda found: sorted(found, key=lambda each: each.onset_day)
)


@given(episodes_of_a_cycle, st.booleans())
def test_twenty_eight_days_are_infused_unless_treatment_is_stopped(episodes, step_up):
    laid = segments(BLINATUMOMAB, episodes, step_up=step_up)
    days = sum(segment.end_day - segment.start_day for segment in laid)
    stop = next((i for i, each in enumerate(episodes) if each.action == Action.STOP), None)
    complete_on = segments(BLINATUMOMAB, episodes[:stop], step_up=step_up)[-1].end_day
    if stop is None or episodes[stop].onset_day >= complete_on:
        assert days == pytest.approx(28.0, abs=1e-9)
    else:
        assert laid[-1].end_day <= episodes[stop].onset_day
        assert days < 28.0


@given(episodes_of_a_cycle, st.booleans())
def test_segments_are_ordered_and_do_not_overlap(episodes, step_up):
    laid = segments(BLINATUMOMAB, episodes, step_up=step_up)
    assert all(segment.start_day < segment.end_day for segment in laid)
    assert all(a.end_day <= b.start_day for a, b in pairwise(laid))


@given(episodes_of_a_cycle, st.booleans())
def test_nothing_is_infused_during_an_interruption(episodes, step_up):
    laid = segments(BLINATUMOMAB, episodes, step_up=step_up)
    for each in episodes:
        if each.action == Action.INTERRUPT and each.onset_day < laid[-1].end_day:
            for segment in laid:
                assert segment.end_day <= each.onset_day or segment.start_day >= each.resume_day


@given(episodes_of_a_cycle, st.booleans())
def test_only_the_two_doses_are_given_and_never_more_than_at_full_dose(episodes, step_up):
    laid = segments(BLINATUMOMAB, episodes, step_up=step_up)
    assert {segment.dose_mcg_per_day for segment in laid} <= {9.0, 28.0}
    assert infused_mcg(laid) <= (651.0 if step_up else 784.0) + 1e-9


@given(episodes_of_a_cycle, st.booleans())
def test_every_restart_is_at_the_step_dose_for_a_week_unless_cut_short(episodes, step_up):
    laid = segments(BLINATUMOMAB, episodes, step_up=step_up)
    for before, after in pairwise(laid):
        if after.start_day > before.end_day:
            assert after.dose_mcg_per_day == 9.0
            assert after.end_day - after.start_day <= 7.0 + 1e-9
        elif after.dose_mcg_per_day == 28.0:
            assert before.end_day - before.start_day == pytest.approx(7.0, abs=1e-9)
