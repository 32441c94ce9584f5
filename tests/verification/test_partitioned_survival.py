"""A partitioned-survival model on the curves of the simulated lives.

`sim.analyses.verify.partitioned_survival` shares no code with the rest of the program. The curves are shares of the
same 200,000 patients, so no Monte Carlo error enters: life-years differ by the grid alone, QALYs and
costs by what two curves cannot see.
"""

from __future__ import annotations

import numpy as np
import pytest

from sim.analyses.verify.partitioned_survival import Curves, Tariff, curves, partitioned
from sim.economics.ledger import Account, Category, State
from sim.simulation.run import run
from tests.support.one_kind_of_patient import HORIZON_DAYS, SIMPLE, SURVIVOR_DAYS

PATIENTS = 200_000
SEED = 20261130
WEEK = 7.0
MONTH, YEAR = 30.4375, 365.25
REGIMEN = "blinatumomab"
GRID_DAYS = 0.03
"""Error of a week's grid: 49/12 times the first slope, and four times the chance of 7 / sqrt(12 n)."""


@pytest.fixture(scope="module")
def simple(ask):
    question = ask("first_salvage", patients=PATIENTS, seed=SEED, **SIMPLE)
    return question, run(question).arm(REGIMEN)


def weekly(arm, every=WEEK):
    days = np.arange(0.0, HORIZON_DAYS + every / 2.0, every)
    return curves(days, arm.outcome("death_days"), arm.outcome("efs_days"))


def tariff(numbers, **changes):
    """Utility of a remission as the mean of complete and incomplete ones."""
    share = numbers[f"{REGIMEN}.response.complete_share"]
    utility = share * numbers["utility.complete_remission"]
    utility += (1.0 - share) * numbers["utility.incomplete_remission"]
    plain = Tariff(
        utility_event_free=utility,
        utility_after_event=numbers["utility.relapsed_refractory"],
        cost_per_month_event_free=numbers["cost.follow_up_per_month"],
        event_free_cost_ends_days=SURVIVOR_DAYS,
        cost_per_month_after_event=numbers["cost.after_failure_per_month"],
        rate=0.03,
    )
    return plain._replace(**changes)


def years_in(arm, *states):
    """Mean discounted life-years of the patients in the states."""
    cells = arm.cells.items()
    total = sum(
        amounts[1]
        for (what, _, state), amounts in cells
        if what == Category.LIFE and state in states
    )
    return total / PATIENTS


def before_remission(arm, rate=0.03):
    """Mean discounted years of the responders before their remission, from its day."""
    force = np.log1p(rate) / YEAR
    until = np.minimum(arm.outcome("remission_days"), arm.outcome("death_days"))
    responded = arm.outcome("response") == 1.0
    return float(np.where(responded, -np.expm1(-force * until) / force, 0.0).mean() / YEAR)


def test_area_under_overall_survival_is_the_life_years_of_the_patients(simple):
    question, arm = simple
    totals = partitioned(weekly(arm), tariff(question.numbers))
    lived = arm.total(Account.LIFE_YEARS).mean()
    undiscounted = arm.total(Account.LIFE_YEARS, discounted=False).mean()
    assert abs(totals.life_years - lived) < GRID_DAYS / YEAR
    assert abs(totals.undiscounted_life_years - undiscounted) < GRID_DAYS / YEAR


def test_event_free_time_is_that_of_the_responders_until_relapse_or_death(simple):
    question, arm = simple
    totals = partitioned(weekly(arm), tariff(question.numbers))
    remission = years_in(arm, State.COMPLETE_REMISSION, State.INCOMPLETE_REMISSION)
    event_free = remission + before_remission(arm)
    assert abs(totals.event_free_years - event_free) < GRID_DAYS / YEAR


def unseen_qalys(numbers, arm, plain):
    """QALYs that the partition adds: treatment before a remission as remission, before failure as failure."""
    waiting = before_remission(arm)
    failing = years_in(arm, State.ON_TREATMENT) - waiting
    complete = years_in(arm, State.COMPLETE_REMISSION)
    incomplete = years_in(arm, State.INCOMPLETE_REMISSION)
    depth = plain.utility_event_free * (complete + incomplete)
    depth -= numbers["utility.complete_remission"] * complete
    depth -= numbers["utility.incomplete_remission"] * incomplete
    on_treatment = numbers["utility.on_treatment"]
    return (
        waiting * (plain.utility_event_free - on_treatment)
        + failing * (plain.utility_after_event - on_treatment)
        + depth
    )


def test_qalys_differ_by_the_time_on_treatment_that_the_partition_cannot_see(simple):
    """It counts weeks before a remission as remission and those before a failure as failure."""
    question, arm = simple
    plain = tariff(question.numbers)
    totals = partitioned(weekly(arm), plain)
    unseen = unseen_qalys(question.numbers, arm, plain)
    difference = totals.qalys - arm.total(Account.QALY).mean()
    assert abs(difference - unseen) < GRID_DAYS / YEAR
    assert 0.005 < unseen < 0.1


def test_nothing_is_unseen_where_all_respond_and_live_on_treatment_as_in_remission(ask):
    """One utility before an event, and one state after it: only the grid is left."""
    alike = {
        "response.baseline_logit": 50.0,
        "utility.on_treatment": 0.8,
        "utility.complete_remission": 0.8,
        "utility.incomplete_remission": 0.8,
    }
    changes = SIMPLE | {"parameters": SIMPLE["parameters"] | alike}
    question = ask("first_salvage", patients=PATIENTS, seed=SEED, **changes)
    arm = run(question).arm(REGIMEN)
    plain = tariff(question.numbers)
    totals = partitioned(weekly(arm), plain)
    assert arm.outcome("response").all()
    assert abs(totals.qalys - arm.total(Account.QALY).mean()) < GRID_DAYS / YEAR
    price = plain.cost_per_month_after_event * YEAR / MONTH
    cost = arm.category(Category.LATER_LINES).mean()
    assert abs(totals.after_event_cost - cost) < GRID_DAYS / YEAR * price


def test_care_after_failure_begins_with_treatment_in_the_partition(simple):
    """Months on treatment of those who will fail are priced as if it had failed."""
    question, arm = simple
    plain = tariff(question.numbers)
    totals = partitioned(weekly(arm), plain)
    failing = years_in(arm, State.ON_TREATMENT) - before_remission(arm)
    price = plain.cost_per_month_after_event * YEAR / MONTH
    expected = arm.category(Category.LATER_LINES).mean() + failing * price
    assert abs(totals.after_event_cost - expected) < GRID_DAYS / YEAR * price


@pytest.mark.parametrize("which", ["overall", "event_free"])
def test_a_curve_of_one_week_later_is_noticed(simple, which):
    question, arm = simple
    right = weekly(arm)
    late = np.concatenate(([1.0], getattr(right, which)[:-1]))
    wrong = Curves(*right)._replace(**{which: late})
    plain = tariff(question.numbers)
    totals = partitioned(wrong, plain)
    lived = arm.total(Account.LIFE_YEARS).mean()
    unseen = unseen_qalys(question.numbers, arm, plain)
    assert abs(totals.qalys - arm.total(Account.QALY).mean() - unseen) > GRID_DAYS / YEAR
    assert (abs(totals.life_years - lived) > GRID_DAYS / YEAR) == (which == "overall")
