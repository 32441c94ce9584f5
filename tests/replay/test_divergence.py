"""Where two lives of one patient part: the first difference, and the decision behind it."""

import math

import pytest

from sim.analyses.explain.divergences import sentences
from sim.clinic.draws import RandomDraw
from sim.clinic.events import CAUSES, Cause, EventKind
from sim.clinic.toxicity import Toxicity
from sim.replay.divergence import (
    COURSE,
    DELIVERY,
    Reason,
    behind,
    first_change_of_course,
    first_difference,
    first_drawn_difference,
)
from sim.replay.replay import replay, replay_life
from sim.simulation.question import with_numbers
from tests.support.hand_ledger import NOTHING_HAPPENS, ScriptedStreams, somebody

N = 120


@pytest.fixture(scope="module")
def pairs(ask):
    """Return the lives of 120 patients under both strategies of the main scenario."""
    question = ask("first_salvage", patients=N, seed=8)
    return [replay(question, number).lives for number in range(N)]


def luck(**numbers):
    """Return a script in which nothing happens but what is named."""
    return ScriptedStreams({(RandomDraw[name], 0): number for name, number in numbers.items()})


@pytest.fixture
def both(ask):
    """Return a function that lives a plain patient under both strategies with scripted luck."""

    def lived(**numbers):
        question = ask("first_salvage", patients=1, seed=0)
        chemotherapy, blinatumomab = (
            replay_life(question, strategy, somebody(), luck(**numbers))
            for strategy in question.model.strategies
        )
        return blinatumomab, chemotherapy

    return lived


def test_lives_under_the_same_strategy_do_not_part(ask):
    question = ask(
        "first_salvage",
        patients=1,
        seed=1,
        strategies=[
            {"name": name, "sequence": ["blinatumomab"], "then": "usual_care"}
            for name in ("one", "other")
        ],
    )
    for number in range(30):
        one, other = replay(question, number).lives
        assert first_difference(one, other) is None
        assert first_change_of_course(one, other) is None
        assert [name for name, _ in sentences(one, other)] == ["Nowhere"]


def test_the_treatment_itself_parts_two_strategies_on_the_first_day(pairs):
    for chemotherapy, blinatumomab in pairs:
        divergence = first_difference(blinatumomab, chemotherapy)
        assert divergence.reason == Reason.PLAN
        assert divergence.event.kind == EventKind.LINE_STARTED
        assert divergence.event.time_days == 0.0


def test_a_second_regimen_parts_lives_where_the_first_has_failed(ask):
    strategies = [
        {"name": "alone", "sequence": ["blinatumomab"], "then": "usual_care"},
        {"name": "both", "sequence": ["blinatumomab", "inotuzumab"], "then": "usual_care"},
    ]
    question = ask("first_salvage", patients=1, seed=1, strategies=strategies)
    parted = 0
    for number in range(60):
        alone, both = replay(question, number).lives
        divergence = first_difference(both, alone)
        if divergence is not None:
            parted += 1
            assert divergence.reason == Reason.PLAN
            assert divergence.event.line == 1
            before = [e for e in both.log if e.time_days < divergence.event.time_days]
            assert before == alone.log[: len(before)]
    assert 10 < parted < 60


@pytest.mark.parametrize("find", [first_difference, first_drawn_difference])
def test_nothing_differs_before_the_first_difference(pairs, find):
    """Up to its day both lives hold the same events, apart from how treatment is given."""
    skipped = DELIVERY | {EventKind.LINE_STARTED}
    for chemotherapy, blinatumomab in pairs:
        divergence = find(blinatumomab, chemotherapy)
        day = math.inf if divergence is None else divergence.event.time_days
        one, other = (
            [e[:1] + e[3:] for e in life.log if e.time_days < day and e.kind not in skipped]
            for life in (blinatumomab, chemotherapy)
        )
        assert one == other


def test_a_chance_parts_lives_only_between_the_two_chances(pairs):
    found = 0
    for chemotherapy, blinatumomab in pairs:
        for divergence in (
            first_drawn_difference(blinatumomab, chemotherapy),
            first_change_of_course(blinatumomab, chemotherapy),
        ):
            if divergence is not None and divergence.reason in (Reason.CHANCE, Reason.EARLIER):
                draw, other = divergence.draw, divergence.other_draw
                if other is None:
                    continue
                found += 1
                assert draw.uniform == other.uniform
                assert draw.verdict != other.verdict
                one, another = (
                    {each.limit for each in each_draw.comparisons} for each_draw in (draw, other)
                )
                assert one != another
    assert found > N // 2


def test_a_time_parts_lives_of_one_number_by_two_distributions(pairs):
    found = 0
    for chemotherapy, blinatumomab in pairs:
        divergence = first_change_of_course(blinatumomab, chemotherapy)
        if divergence is not None and divergence.reason == Reason.TIME:
            found += 1
            draw, other = divergence.draw, divergence.other_draw
            assert draw.uniform == other.uniform
            assert draw.verdict == other.verdict
            assert draw.distribution.value != other.distribution.value
    assert found > 3


def test_response_is_told_where_only_one_regimen_brings_it(both):
    """Response in first salvage: 0.34 under chemotherapy with no risk factor, 0.5 and more else."""
    blinatumomab, chemotherapy = both(RESPONSE=0.53, RESPONSE_CYCLE=0.1)
    divergence = first_change_of_course(blinatumomab, chemotherapy)
    assert (divergence.reason, divergence.draw.decision) == (Reason.CHANCE, RandomDraw.RESPONSE)
    assert {divergence.event.kind, divergence.instead.kind} == {
        EventKind.RESPONSE,
        EventKind.NO_RESPONSE,
    }
    (limit,) = [each.limit for each in divergence.draw.comparisons]
    (other,) = [each.limit for each in divergence.other_draw.comparisons]
    assert min(limit, other) < 0.53 < max(limit, other)


def test_crs_is_told_as_a_chance_that_chemotherapy_does_not_have(both):
    blinatumomab, chemotherapy = both(CRS=0.1, CRS_ONSET=0.2, CRS_DURATION=0.5)
    divergence = first_drawn_difference(blinatumomab, chemotherapy)
    assert divergence.life is blinatumomab
    assert (divergence.event.kind, divergence.event.detail) == (EventKind.TOXICITY, Toxicity.CRS)
    assert (divergence.reason, divergence.draw.decision) == (Reason.CHANCE, RandomDraw.CRS)
    assert [each.limit for each in divergence.other_draw.comparisons] == [0.0]


def test_a_longer_remission_is_told_as_two_distributions(both):
    """Response to both regimens; the same random numbers makes an earlier relapse after chemotherapy."""
    blinatumomab, chemotherapy = both(
        RESPONSE=0.01, RESPONSE_CYCLE=0.1, RESPONSE_DEPTH=0.01, MRD=0.01, RELAPSE_TIME=0.5
    )
    divergence = first_change_of_course(blinatumomab, chemotherapy)
    assert divergence.life is chemotherapy
    assert divergence.event.kind == EventKind.RELAPSE
    assert (divergence.reason, divergence.draw.decision) == (Reason.TIME, RandomDraw.RELAPSE_TIME)
    told = dict(sentences(blinatumomab, chemotherapy))
    assert "One number, two distributions: relapse time, line 1" in told["First event"]


def test_a_transplant_that_only_one_life_reaches_follows_from_response(both):
    blinatumomab, chemotherapy = both(
        RESPONSE=0.53,
        RESPONSE_CYCLE=0.1,
        TRANSPLANT_ELIGIBILITY=0.01,
        TRANSPLANT_TIME=0.1,
        REFRACTORY_SURVIVAL=0.9,
    )
    event = next(e for e in blinatumomab.log if e.kind == EventKind.TRANSPLANT)
    assert [draw.decision for draw in behind(blinatumomab, event)] == [
        RandomDraw.TRANSPLANT_ELIGIBILITY,
        RandomDraw.TRANSPLANT_TIME,
    ]
    assert not any(e.kind == EventKind.TRANSPLANT for e in chemotherapy.log)


def test_a_fatal_toxicity_stands_behind_the_death(both):
    blinatumomab, _ = both(CRS=1e-6, CRS_ONSET=0.2, CRS_DURATION=0.5)
    death = blinatumomab.log[-1]
    assert [draw.decision for draw in behind(blinatumomab, death)] == [
        RandomDraw.CRS,
        RandomDraw.CRS_ONSET,
        RandomDraw.CRS_DURATION,
    ]


def test_every_event_of_the_course_has_a_decision_behind_it(pairs):
    """All but the horizon, which is nobody's decision, and care that was never in question."""
    for lives in pairs:
        for life in lives:
            for event in life.log:
                if event.kind in COURSE - {EventKind.HORIZON, EventKind.LONG_TERM_SURVIVOR}:
                    drawn = behind(life, event)
                    assert drawn, event
                    assert all(draw.day <= event.time_days for draw in drawn)


def test_a_death_of_leukaemia_under_a_tki_has_its_time_behind_it(ask):
    """60 Ph-positive patients, whose hazard the TKI changes after the time was drawn."""
    question = ask("ph_positive_tki", patients=1, seed=3)
    died = 0
    for number in range(60):
        life = replay(question, number).life("blinatumomab_tki")
        death = life.log[-1]
        if death.kind == EventKind.DEATH and death.detail == Cause.LEUKAEMIA:
            died += 1
            (drawn,) = behind(life, death)
            assert drawn.decision in CAUSES[Cause.LEUKAEMIA].drawn_by
            assert life.due_day(drawn) == death.time_days
    assert died > 10


def test_a_better_regimen_is_blamed_for_nothing_else(ask):
    """Two strategies that differ in one parameter alone part by the decision that it enters."""
    strategies = [{"name": "one", "sequence": ["blinatumomab"], "then": "usual_care"}]
    question = ask("first_salvage", patients=1, seed=4, strategies=strategies)
    better = with_numbers(question, {"blinatumomab.response.mrd_negative_probability": 0.95})
    parted = 0
    for number in range(60):
        one, other = (replay(each, number).lives[0] for each in (question, better))
        divergence = first_difference(other, one)
        if divergence is not None:
            parted += 1
            assert (divergence.reason, divergence.draw.decision) == (Reason.CHANCE, RandomDraw.MRD)
    assert parted > 1


def test_what_mrd_came_to_is_told_of_those_with_mrd_only(ask):
    """60 patients treated for MRD alone, against observation."""
    question = ask("mrd_positive", patients=1, seed=1)
    assessed = 0
    for number in range(60):
        comparator, *others = replay(question, number).lives
        for life in others:
            for event in life.log:
                if event.kind == EventKind.MRD_ASSESSED:
                    assessed += 1
                    assert [draw.decision for draw in behind(life, event)] == [RandomDraw.MRD]
            assert all(text.endswith(".") for _, text in sentences(life, comparator))
    assert assessed > 30


def test_every_parting_can_be_told(pairs):
    for chemotherapy, blinatumomab in pairs:
        told = list(sentences(blinatumomab, chemotherapy))
        assert told[0][0] == "Treatment"
        assert told[-1][0] == "The end"
        assert all(text.endswith(".") for _, text in told)


def test_the_script_of_these_tests_leaves_nothing_to_chance():
    assert luck().uniform(0, RandomDraw.CRS) == NOTHING_HAPPENS
