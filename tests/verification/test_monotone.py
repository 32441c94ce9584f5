"""What should have effects of one sign has none of the other, patient by patient.

The numbers are common, so a parameter that acts on one clock moves every patient the same way or
not at all. Only effects that hold for each patient are claimed: a better response, say, may
lead to a transplant and an earlier death. n = 1000 per strategy, with 400 logs.
"""

from __future__ import annotations

import numpy as np
import pytest

from sim.clinic.events import EventKind
from sim.clinic.toxicity import SEVERE, Toxicity
from sim.economics.ledger import Account, Category
from sim.simulation.question import with_numbers
from sim.simulation.run import run

OTHER_SEED = 2**64 - 1
CASES = [("tower", 0), ("real_world", OTHER_SEED)]
both_cases = pytest.mark.parametrize(("name", "seed"), CASES)


def before_the_end(trace, end):
    """Return what happened before the day."""
    return [event for event in trace.log if event.time_days < end]


# Clocks that nothing but death follows: an earlier one cuts the story short, no more.


@pytest.mark.parametrize(
    ("name", "seed", "parameter", "factor"),
    [
        ("tower", 0, "relapse.death_rate_per_month", 3.0),
        ("real_world", OTHER_SEED, "transplant.early_mortality", 3.0),
        ("tower", 0, "transplant.late_mortality_per_month", 3.0),
        ("real_world", OTHER_SEED, "transplant.vod_mortality_ratio", 2.0),
        (
            "blinatumomab_then_inotuzumab",
            0,
            "transplant.early_mortality_after_inotuzumab_ratio",
            2.0,
        ),
        ("tower", 0, "survivor.mortality_ratio", 2.0),
        ("real_world", OTHER_SEED, "disease.refractory_median_months", 0.7),
        ("tower", 0, "disease.relapsed_median_months", 0.7),
    ],
)
def test_a_deadlier_course_only_cuts_lives_short(ask, simulated, name, seed, parameter, factor):
    """Up to the earlier death everything happens as before."""
    question = ask(name, patients=1000, seed=seed)
    deadlier = run(
        with_numbers(question, {parameter: factor * question.numbers[parameter]}), trace=400
    )
    shorter = 0
    for trace, before in zip(deadlier.traces, simulated(name, seed).traces, strict=True):
        end = trace.log[-1].time_days
        assert end <= before.log[-1].time_days
        assert before_the_end(trace, end) == before_the_end(before, end)
        shorter += end < before.log[-1].time_days
    assert shorter > 0


@both_cases
def test_a_shorter_horizon_only_cuts_stories_short(ask, simulated, name, seed):
    """Two years: no more life, no higher cost in any category, no QALY more in any state.

    Decrements cost QALYs, so a shorter horizon leaves less of them too.
    """
    horizon = 2.0
    shorter = run(ask(name, patients=1000, seed=seed, horizon_years=horizon), trace=400)
    lifelong = simulated(name, seed)
    cut = 0
    for trace, before in zip(shorter.traces, lifelong.traces, strict=True):
        end = min(horizon * 365.25, before.log[-1].time_days)
        assert trace.log[-1].time_days == end
        assert before_the_end(trace, end) == before_the_end(before, end)
        cut += trace.log[-1].kind == EventKind.HORIZON
    assert cut > 0
    for arm in shorter.arms:
        longer = lifelong.arm(arm.strategy.name)
        assert (np.abs(arm.discounted) <= np.abs(longer.discounted)).all()
        assert (np.abs(arm.undiscounted) <= np.abs(longer.undiscounted)).all()
        years = arm.total(Account.LIFE_YEARS, discounted=False)
        assert (years <= horizon * (1.0 + 1e-15)).all()


# Chances that decide by a threshold: who had it before still has it.


@both_cases
def test_a_better_chance_of_response_costs_nobody_the_response(ask, simulated, name, seed):
    """Who responded responds in the same cycle, and as deeply."""
    original = simulated(name, seed)
    logit = original.question.numbers["response.baseline_logit"] + 0.8
    question = ask(name, patients=1000, seed=seed, parameters={"response.baseline_logit": logit})
    for arm in run(question).arms:
        before, after = original.arm(arm.strategy.name).outcomes, arm.outcomes
        responded = before["response"]
        assert after["response"].sum() > responded.sum()
        kept = ["response", "complete_remission", "mrd_negative", "remission_days"]
        assert after[responded][kept].equals(before[responded][kept])


@both_cases
def test_more_candidates_for_transplant_cost_nobody_the_transplant(ask, simulated, name, seed):
    """Transplant in the first remission; survival may well be shorter."""
    original = simulated(name, seed)
    logit = original.question.numbers["candidacy.baseline_logit"] + 1.0
    question = ask(name, patients=1000, seed=seed, parameters={"candidacy.baseline_logit": logit})
    for arm in run(question).arms:
        before = original.arm(arm.strategy.name).outcomes["hct_in_remission"]
        after = arm.outcomes["hct_in_remission"]
        assert after[before].all()
        assert after.sum() > before.sum()


@pytest.mark.parametrize(
    ("name", "seed", "kind"),
    [
        ("tower", 0, Toxicity.CRS),
        ("real_world", OTHER_SEED, Toxicity.NEUROTOXICITY),
        ("tower", 0, Toxicity.HEPATOTOXICITY),
        ("real_world", OTHER_SEED, Toxicity.INFECTION),
    ],
)
def test_a_riskier_first_cycle_spares_nobody_the_toxicity(ask, simulated, name, seed, kind):
    """Grade by grade in the first cycle of blinatumomab, for the toxicity whose risk is doubled.

    A toxicity that ends treatment hides what would have come later in the cycle, so only
    patients who meet no other severe toxicity in that cycle are compared.
    """
    original = simulated(name, seed)
    doubled = {
        parameter: 2.0 * value
        for parameter, value in original.question.numbers.items()
        if parameter.startswith(f"blinatumomab.{kind.name.lower()}.severe_probability")
        and parameter in original.question.used
    }
    riskier = run(ask(name, patients=1000, seed=seed, parameters=doubled), trace=400)
    worse = 0
    for trace, before in zip(riskier.traces, original.traces, strict=True):
        if trace.strategy != "blinatumomab":
            assert trace.log == before.log
            continue
        grades, others = [], []
        for log in (before.log, trace.log):
            struck = [
                event
                for event in log
                if event.kind == EventKind.TOXICITY and (event.line, event.cycle) == (0, 0)
            ]
            grades.append(max((e.grade for e in struck if e.detail == kind), default=0))
            others.append(max((e.grade for e in struck if e.detail != kind), default=0))
        if max(others) < SEVERE:
            assert grades[0] <= grades[1]
            worse += grades[0] < grades[1]
    assert worse > 0


# Costs.


@both_cases
def test_longer_planned_stays_save_days_in_hospital_for_toxicity(ask, simulated, name, seed):
    """Planned days of the first cycle doubled: lives and all but these two costs stay.

    Toxicity is charged for the days in hospital beyond the planned ones.
    """
    original = simulated(name, seed)
    stays = [
        parameter
        for parameter in original.question.used
        if parameter.startswith("hospital.") and parameter.endswith(".first_cycle_days")
    ]
    # A stay may be no longer than its cycle, 28 days of chemotherapy.
    doubled = {stay: min(2.0 * original.question.numbers[stay], 28.0) for stay in stays}
    answer = run(ask(name, patients=1000, seed=seed, parameters=doubled))
    ward, toxicity = (
        list(Category).index(category) for category in (Category.ADMINISTRATION, Category.TOXICITY)
    )
    for arm in answer.arms:
        before = original.arm(arm.strategy.name)
        assert arm.outcomes.equals(before.outcomes)
        difference = arm.undiscounted - before.undiscounted
        assert (difference[:, ward] > 0.0).any()
        assert (difference[:, toxicity] <= 0.0).all()
        assert (difference[:, toxicity] < 0.0).any()
        assert not np.delete(difference, [ward, toxicity], axis=1).any()
