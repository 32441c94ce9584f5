"""What is switched off or made impossible leaves no trace: no event, no cost, no decrement.

Exact for every patient, n = 1000 per strategy, of whom the logs of 400 are looked at,
unless said otherwise.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from sim.clinic.events import Cause, EventKind
from sim.clinic.remission import with_fading_benefit, without_further_benefit
from sim.clinic.units import NEVER
from sim.economics.ledger import Category
from sim.simulation.question import with_numbers
from sim.simulation.run import run

OTHER_SEED = 2**64 - 1
CASES = [("tower", 0), ("real_world", OTHER_SEED), ("nhs_first_salvage", OTHER_SEED)]
WITH_SEQUENCES = [*CASES[1:], ("blinatumomab_then_inotuzumab", 0)]
every_case = pytest.mark.parametrize(("name", "seed"), CASES)
two_cases = pytest.mark.parametrize(("name", "seed"), CASES[:2])
with_sequences = pytest.mark.parametrize(("name", "seed"), WITH_SEQUENCES)


def happened(answer):
    return {event.kind for trace in answer.traces for event in trace.log}


def causes(answer):
    return {Cause(trace.log[-1].detail) for trace in answer.traces}


def nothing_in(answer, *categories):
    return not any(
        arm.category(category, discounted=discounted).any()
        for arm in answer.arms
        for category in categories
        for discounted in (True, False)
    )


def assert_same(answer, other):
    """Assert that two answers to differently worded questions are the same to the last bit."""
    assert len(answer.arms) == len(other.arms)
    for arm, twin in zip(answer.arms, other.arms, strict=True):
        assert arm.outcomes.equals(twin.outcomes)
        assert np.array_equal(arm.discounted, twin.discounted)
        assert np.array_equal(arm.undiscounted, twin.undiscounted)
    for trace, twin in zip(answer.traces, other.traces, strict=True):
        assert (trace.log, trace.ledger) == (twin.log, twin.ledger)


# Toxicity.

TOXIC_EVENTS = {EventKind.TOXICITY, EventKind.SEIZURE, EventKind.TREATMENT_STOPPED}


@with_sequences
def test_without_toxicity_nothing_toxic_happens(ask, simulated, name, seed):
    question = ask(name, patients=1000, seed=seed, switches={"toxicity": False})
    answer = run(question, trace=400)
    with_it = simulated(name, seed)
    assert happened(with_it) >= TOXIC_EVENTS
    assert not happened(answer) & TOXIC_EVENTS
    assert Cause.TOXICITY in causes(with_it)
    assert Cause.TOXICITY not in causes(answer)
    assert not nothing_in(with_it, Category.TOXICITY)
    assert nothing_in(answer, Category.TOXICITY, Category.QALY_TOXICITY)
    for arm in answer.arms:
        assert not arm.outcomes.filter(like="severe_").to_numpy().any()


@every_case
def test_without_toxicity_the_infusion_runs_through(ask, name, seed):
    """28 days in a piece, unless death, relapse or transplant comes first; n = 200."""
    answer = run(ask(name, patients=200, seed=seed, switches={"toxicity": False}), trace=200)
    complete = 0
    for trace in answer.traces:
        runs = {}
        for event in trace.log:
            if event.kind in (EventKind.INFUSION_STARTED, EventKind.INFUSION_STOPPED):
                runs.setdefault((event.line, event.cycle), []).append(event)
        for events in runs.values():
            *starts, stop = events
            assert stop.kind == EventKind.INFUSION_STOPPED
            assert {event.kind for event in starts} == {EventKind.INFUSION_STARTED}
            lasted = stop.time_days - starts[0].time_days
            # The day of a later cycle is a sum, so 28 days are so to the last digits.
            if abs(lasted - 28.0) < 1e-9:
                complete += 1
                assert len(starts) == (2 if events[0].cycle == 0 else 1)
            else:
                assert lasted < 28.0
                at_stop = {e.kind for e in trace.log if e.time_days == stop.time_days}
                assert at_stop & {
                    EventKind.DEATH,
                    EventKind.RELAPSE,
                    EventKind.TRANSPLANT,
                }
    assert complete > 100


@every_case
def test_switching_toxicity_off_is_setting_its_probabilities_to_zero(ask, name, seed):
    """n = 200."""
    question = ask(name, patients=200, seed=seed)
    kinds = ("crs", "neurotoxicity", "hepatotoxicity", "infection", "febrile_neutropenia")
    none = {
        parameter: 0.0
        for parameter in question.numbers
        if any(
            f".{kind}.{grade}_probability" in parameter
            for kind in kinds
            for grade in ("mild", "severe")
        )
    }
    assert len(none) >= 20
    switched = run(ask(name, patients=200, seed=seed, switches={"toxicity": False}), trace=200)
    assert_same(switched, run(with_numbers(question, none), trace=200))


# Transplant.


@with_sequences
@pytest.mark.parametrize("how", ["age limit", "switch"])
def test_where_nobody_may_be_transplanted_nobody_is(ask, simulated, name, seed, how):
    """The age limit holds in the remission of every line, those of usual care among them."""
    change = {
        "age limit": {"parameters": {"candidacy.maximum_age_years": 0.0}},
        "switch": {"switches": {"transplant": False}},
    }[how]
    answer = run(ask(name, patients=1000, seed=seed, **change), trace=400)
    events = {
        EventKind.TRANSPLANT,
        EventKind.TRANSPLANT_VOD,
        EventKind.TRANSPLANT_INFECTION,
        EventKind.ACUTE_GVHD,
        EventKind.CHRONIC_GVHD,
    }
    assert happened(simulated(name, seed)) >= events
    assert not happened(answer) & events
    assert Cause.TRANSPLANT in causes(simulated(name, seed))
    assert Cause.TRANSPLANT not in causes(answer)
    assert nothing_in(answer, Category.TRANSPLANT, Category.QALY_GVHD)
    for arm in answer.arms:
        assert not arm.outcomes[["hct_ever", "hct_in_remission"]].to_numpy().any()


@with_sequences
def test_switching_transplant_off_is_an_age_limit_below_everyone(ask, name, seed):
    """n = 200; and no number of transplant or of its candidates is then an input."""
    question = ask(name, patients=200, seed=seed, switches={"transplant": False})
    limited = ask(name, patients=200, seed=seed, parameters={"candidacy.maximum_age_years": 0.0})
    assert_same(run(question, trace=200), run(limited, trace=200))
    gone = limited.used - question.used
    assert all(
        used.startswith(("transplant.", "candidacy.", "usual_care."))
        or used.endswith("transplant_log_odds_ratio")
        for used in gone
    )
    assert not any(used.startswith(("transplant.", "candidacy.")) for used in question.used)


# Response and relapse.


@two_cases
def test_weibull_relapse_reads_its_shape_and_no_sigma(ask, simulated, name, seed):
    """n = 200: relapses move, and all else of the first line up to remission stays."""
    question = ask(name, patients=200, seed=seed, switches={"relapse_distribution": "weibull"})
    lognormal = simulated(name, seed)
    assert question.used ^ lognormal.question.used == {"relapse.shape", "relapse.sigma"}
    assert_same(
        run(question, trace=50), run(with_numbers(question, {"relapse.sigma": 9.0}), trace=50)
    )
    answer = run(question)
    moved = run(with_numbers(question, {"relapse.shape": 2.0}))
    for arm, other, before in zip(answer.arms, moved.arms, lognormal.arms, strict=True):
        days = arm.outcomes["remission_days"]
        assert np.array_equal(days, before.outcomes["remission_days"][:200])
        for another in (other, before):
            assert (arm.outcomes["relapse_days"] != another.outcomes["relapse_days"][:200]).any()


@every_case
def test_where_response_is_impossible_nobody_responds(ask, name, seed):
    """To any line, usual care among them; and nobody is transplanted."""
    question = ask(name, patients=1000, seed=seed, parameters={"response.baseline_logit": -50.0})
    answer = run(question, trace=400)
    assert EventKind.USUAL_CARE_STARTED in happened(answer)
    assert not happened(answer) & {EventKind.RESPONSE, EventKind.TRANSPLANT}
    for arm in answer.arms:
        columns = arm.outcomes[["response", "complete_remission", "mrd_negative", "hct_ever"]]
        assert not columns.to_numpy().any()
        assert not arm.outcomes["hct_in_remission"].any()
        assert arm.outcomes["rfs_days"].isna().all()
        assert not arm.outcomes["efs_days"].any()
        assert np.isinf(arm.outcomes["remission_days"]).all()
    assert nothing_in(answer, Category.FOLLOW_UP, Category.TRANSPLANT)


@every_case
def test_where_response_is_certain_only_a_stop_prevents_it(ask, name, seed):
    """In the first line; nobody whose leukaemia responds dies of it before."""
    question = ask(name, patients=1000, seed=seed, parameters={"response.baseline_logit": 50.0})
    answer = run(question, trace=400)
    responded = failed = 0
    for trace in answer.traces:
        first = [event for event in trace.log if event.line == 0]
        kinds = {event.kind for event in first}
        responded += EventKind.RESPONSE in kinds
        if EventKind.NO_RESPONSE in kinds:
            failed += 1
            assert EventKind.TREATMENT_STOPPED in kinds
        if EventKind.RESPONSE not in kinds and first[-1].kind == EventKind.DEATH:
            assert (
                first[-1].detail in (Cause.TOXICITY, Cause.BACKGROUND)
                or EventKind.TREATMENT_STOPPED in kinds
            )
    assert failed > 0
    assert responded > 0.8 * len(answer.traces)


@two_cases
def test_beyond_the_cure_point_nobody_relapses(ask, simulated, name, seed):
    """Six months from remission or transplant on; earlier relapses come as they came."""
    limit_days = 0.5 * 365.25
    question = ask(name, patients=1000, seed=seed, switches={"cure_point_years": 0.5})
    answer = run(question, trace=400)
    prevented = 0
    for trace, before in zip(answer.traces, simulated(name, seed).traces, strict=True):
        since = 0.0
        for event in trace.log:
            if event.kind in (EventKind.RESPONSE, EventKind.TRANSPLANT):
                since = event.time_days
            if event.kind == EventKind.RELAPSE:
                assert event.time_days - since <= limit_days + 1e-9
        prevented += trace.log != before.log
    assert prevented > 0


# What follows the named lines.


@two_cases
def test_who_is_fit_for_no_further_line_gets_supportive_care(ask, name, seed):
    """Then usual care and supportive care are the same; n = 300."""
    question = ask(name, patients=300, seed=seed)
    strategies = [strategy.model_dump(mode="json") for strategy in question.scenario.strategies]
    for strategy in strategies:
        strategy["then"] = "supportive_care"
    usual, supportive = (
        run(
            ask(
                name,
                patients=300,
                seed=seed,
                strategies=chosen,
                parameters={"later.next_line_probability": 0.0},
            ),
            trace=300,
        )
        for chosen in (
            [strategy.model_dump(mode="json") for strategy in question.scenario.strategies],
            strategies,
        )
    )
    assert EventKind.USUAL_CARE_STARTED not in happened(usual)
    assert_same(usual, supportive)


def test_leukaemia_that_has_lost_cd19_does_not_respond_again(ask):
    """Blinatumomab twice, with loss certain; inotuzumab between them still works; n = 400."""
    question = ask(
        "first_salvage",
        patients=1000,
        strategies=[
            {
                "name": "twice",
                "sequence": ["blinatumomab", "inotuzumab", "blinatumomab"],
                "then": "supportive_care",
            }
        ],
        parameters={"later.cd19_loss_probability": 1.0, "later.next_line_probability": 1.0},
    )
    answer = run(question, trace=400)
    responded = {
        event.line
        for trace in answer.traces
        for event in trace.log
        if event.kind == EventKind.RESPONSE
    }
    started = {
        event.line
        for trace in answer.traces
        for event in trace.log
        if event.kind == EventKind.LINE_STARTED
    }
    assert started == {0, 1, 2}
    assert responded == {0, 1}


# Survivors.


@two_cases
def test_switching_the_mortality_ratio_off_is_a_ratio_of_one(ask, simulated, name, seed):
    switched = run(
        ask(name, patients=1000, seed=seed, switches={"survivor_mortality_ratio": False}),
        trace=400,
    )
    ratio_of_one = {"survivor.mortality_ratio": 1.0}
    one = run(ask(name, patients=1000, seed=seed, parameters=ratio_of_one), trace=400)
    assert_same(switched, one)
    longer = 0
    for trace, before in zip(switched.traces, simulated(name, seed).traces, strict=True):
        end = before.log[-1].time_days
        assert trace.log[-1].time_days >= end
        longer += trace.log[-1].time_days > end
        until_then = [event for event in before.log if event.time_days < end]
        assert [event for event in trace.log if event.time_days < end] == until_then
    assert longer > 0


# Benefit after stopping.


def remission_of_the_first_line(trace):
    """Return the end of its treatment and the relapse, in days from remission.

    None for a patient without both, or with a transplant or a toxicity that ended treatment between.
    """
    remission = next((e for e in trace.log if e.kind == EventKind.RESPONSE and e.line == 0), None)
    relapse = next((e for e in trace.log if e.kind == EventKind.RELAPSE), None)
    if remission is None or relapse is None:
        return None
    before = {e.kind for e in trace.log if e.time_days <= relapse.time_days}
    if before & {EventKind.TRANSPLANT, EventKind.TREATMENT_STOPPED}:
        return None
    stops = [
        e.time_days
        for e in trace.log
        if e.kind in (EventKind.INFUSION_STOPPED, EventKind.RESPONSE) and e.line == 0
    ]
    last = max(time for time in stops if time <= relapse.time_days)
    return last - remission.time_days, relapse.time_days - remission.time_days


def test_without_benefit_after_stopping_only_what_is_left_of_a_remission_is_shorter(ask):
    """first_salvage, 2,000 patients: from the last infusion on by the ratio of the remissions.

    Written out here from the two logs of each patient: relapse at T + (t - T) r.
    """
    short = {
        "blinatumomab.schedule.consolidation_probability": 0.3,
        "blinatumomab.schedule.maintenance_probability": 0.0,
    }
    kept = run(ask("first_salvage", patients=2000, parameters=short), trace=2000)
    ended_question = ask(
        "first_salvage",
        patients=2000,
        parameters=short,
        switches={"benefit_after_stopping": False},
    )
    ended = run(ended_question, trace=2000)
    ratio = ended_question.numbers["salvage_chemotherapy.remission_duration_ratio"]
    assert 0.5 < ratio < 0.9
    compared = between_cycles = 0
    for before, after in zip(kept.traces, ended.traces, strict=True):
        if before.strategy == "salvage_chemotherapy":
            assert after.log == before.log
            continue
        first, second = map(remission_of_the_first_line, (before, after))
        if first is None or second is None:
            continue
        stopped, relapsed = first
        if second[0] != stopped or relapsed == stopped:
            assert second[1] <= relapsed
        elif second[1] == relapsed:
            # Relapse in the pause before a cycle that was still to come.
            between_cycles += 1
        else:
            assert second[1] == pytest.approx(stopped + (relapsed - stopped) * ratio, rel=1e-12)
            compared += 1
    assert compared > 200
    assert between_cycles < compared / 3


def test_without_benefit_after_stopping_the_gain_is_smaller_and_not_below_that_of_response(ask):
    """Paired, 2,000 patients: each life under blinatumomab is as long or shorter, or has other lines."""
    kept = run(ask("first_salvage", patients=2000))
    ended = run(ask("first_salvage", patients=2000, switches={"benefit_after_stopping": False}))
    both = [simulation.arm("blinatumomab").outcomes for simulation in (kept, ended)]
    assert (both[1].rfs_days.dropna() <= both[0].rfs_days.dropna() + 1e-9).all()
    assert both[1].rfs_days.mean() < both[0].rfs_days.mean()
    for name in ("response", "mrd_negative", "cycles_first_line"):
        assert both[1][name].equals(both[0][name])


@pytest.mark.parametrize("days", [0.0, 100.0, 365.0, 500.0, 730.0, 5000.0, NEVER])
def test_a_benefit_that_fades_at_once_is_one_that_ends(days):
    ends = without_further_benefit(days, 365.0, 0.6)
    assert with_fading_benefit(days, 365.0, 365.0, 0.6) == pytest.approx(ends, abs=1e-9)


@pytest.mark.parametrize("days", [0.0, 100.0, 400.0, 700.0, 730.0, 5000.0])
def test_a_fading_benefit_is_the_integral_of_its_speed(days):
    """From 1 to 0.6 between days 200 and 700, by the midpoint rule in 100,000 steps: within 1e-6."""
    middles = (np.arange(100_000) + 0.5) * days / 100_000
    speed = 1.0 - 0.4 * np.clip((middles - 200.0) / 500.0, 0.0, 1.0)
    expected = speed.mean() * days if days else 0.0
    assert with_fading_benefit(days, 200.0, 700.0, 0.6) == pytest.approx(expected, rel=1e-6)


def test_a_benefit_that_fades_from_the_start_leaves_the_remissions_of_the_comparator(ask):
    """first_salvage, 2,000 patients: relapse at t r from remission on, nothing else in between."""
    lasting = run(ask("first_salvage", patients=2000)).arm("blinatumomab").outcomes
    question = ask("first_salvage", patients=2000, switches={"benefit_fades_from_years": 0.0})
    faded = run(question).arm("blinatumomab").outcomes
    ratio = question.numbers["salvage_chemotherapy.remission_duration_ratio"]
    before, after = (each.relapse_days - each.remission_days for each in (lasting, faded))
    relapsed = np.isfinite(before) & np.isfinite(after)
    relapsed &= ~lasting.hct_in_remission & ~faded.hct_in_remission
    assert relapsed.sum() > 300
    np.testing.assert_allclose(after[relapsed], before[relapsed] * ratio, rtol=1e-9)
    assert faded.death_days.mean() < lasting.death_days.mean()


def test_the_later_a_benefit_fades_the_longer_are_remissions(ask):
    """Paired, 2,000 patients: free of relapse at least as long, for each of them."""
    spans = [(0.0, 0.0), (0.5, 1.0), (0.5, 3.0), (2.0, 5.0)]
    free = [
        run(
            ask(
                "first_salvage",
                patients=2000,
                switches={"benefit_fades_from_years": start, "benefit_fades_to_years": end},
            )
        )
        .arm("blinatumomab")
        .outcomes.rfs_days.dropna()
        for start, end in spans
    ]
    for sooner, later in pairwise(free):
        assert (later >= sooner - 1e-9).all()
    assert free[0].mean() < free[-1].mean()


def test_a_regimen_without_longer_remissions_has_no_benefit_to_end(ask):
    """Inotuzumab's remissions are shorter than the comparator's: nothing is made longer."""
    changes = {
        "strategies": [
            {"name": "chemo", "sequence": ["salvage_chemotherapy"], "then": "usual_care"},
            {"name": "ino", "sequence": ["inotuzumab"], "then": "usual_care"},
        ],
        "comparator": "chemo",
        "what_ifs": {},
        "parameters": {
            "inotuzumab.remission_duration_ratio": 0.4,
            "salvage_chemotherapy.remission_duration_ratio": 0.6,
        },
    }
    kept = run(ask("first_salvage", patients=500, **changes))
    ended = run(
        ask("first_salvage", patients=500, switches={"benefit_after_stopping": False}, **changes)
    )
    for arm in ("chemo", "ino"):
        assert ended.arm(arm).outcomes.equals(kept.arm(arm).outcomes)
