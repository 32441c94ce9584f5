"""The summary says what the patients did: by hand for four of them, by pandas for a real run."""

import math
from collections import Counter

import numpy as np
import pandas as pd
import pytest

from sim.catalog.parameter import STATUSES
from sim.clinic.events import Cause
from sim.economics.ledger import COST_CATEGORIES, QALY_CATEGORIES, Account, Category
from sim.engine.outcomes import ALIVE, Outcome
from sim.simulation.question import ask
from sim.simulation.run import Arm, Simulation, run
from sim.simulation.summary import summarise
from sim.simulation.tally import OS_LANDMARKS_MONTHS, ROW, SHARES
from tests.support.places import ROOT

MONTH = 30.4375
NEVER = math.inf
THREE_STRATEGIES = """\
title: Three strategies that only give supportive care
population: topp_2021_first_salvage
setting: trial
perspective: us_payer_2022
horizon_years: lifetime
patients: 4
seed: 1
thresholds: [50, 100]
comparator: second
strategies:
  - {name: first, label: The first, sequence: [], then: supportive_care}
  - {name: second, sequence: [], then: supportive_care}
  - {name: third, sequence: [], then: supportive_care}
"""


# By hand


def hand_made_rows(months_to_death, **changed):
    """Four patients: 0 and 2 respond, from month 1 on, and relapse in month 4 and never."""
    n = len(months_to_death)
    rows = dict.fromkeys(Outcome._fields, [False] * n)
    rows |= {
        "response": [True, False, True, False],
        "complete_remission": [True, False, False, False],
        "cycles_first_line": [1, 2, 2, 4],
        "remission_days": [MONTH, NEVER, MONTH, NEVER],
        "relapse_days": [4 * MONTH, NEVER, NEVER, NEVER],
        "death_days": [month * MONTH for month in months_to_death],
        "cause_of_death": [Cause.LEUKAEMIA, Cause.TOXICITY, ALIVE, Cause.LEUKAEMIA],
        "rfs_days": [3 * MONTH, math.nan, NEVER, math.nan],
        "efs_days": [4 * MONTH, 0.0, NEVER, 0.0],
        **changed,
    }
    return pd.DataFrame(rows)


def hand_made_arm(strategy, rows, amounts):
    """Amounts by category, one a patient; undiscounted ones are twice the discounted."""
    columns = list(Category)
    discounted = np.zeros((len(rows), len(columns)))
    for category, values in amounts.items():
        discounted[:, columns.index(category)] = values
    table = rows.reindex(columns=list(ROW)).to_numpy(dtype=float)
    return Arm(strategy, table, discounted, 2.0 * discounted)


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory):
    path = tmp_path_factory.mktemp("by_hand") / "three.yaml"
    path.write_text(THREE_STRATEGIES, encoding="utf-8")
    question = ask(path)
    first, second, third = question.model.strategies
    rows = hand_made_rows([6.0, 2.0, NEVER, 4.0])
    arms = (
        hand_made_arm(
            first,
            rows,
            {
                Category.DRUG: [30, 20, 50, 60],
                Category.FOLLOW_UP: [1, 1, 1, 1],
                Category.QALY_STATE: [1.5, 1.0, 2.0, 1.5],
                Category.LIFE: [2, 2, 2, 2],
            },
        ),
        hand_made_arm(
            second,
            rows,
            {
                Category.DRUG: [10, 20, 30, 40],
                Category.FOLLOW_UP: [1, 1, 1, 1],
                Category.QALY_STATE: [1.5, 1.0, 1.0, 1.0],
                Category.QALY_TOXICITY: [-0.5, 0, 0, 0],
                Category.LIFE: [1, 2, 1, 2],
            },
        ),
        hand_made_arm(
            third,
            rows,
            {Category.DRUG: [60, 60, 60, 60], Category.QALY_STATE: [1, 1, 1, 1]},
        ),
    )
    return summarise(Simulation(question, arms, traces=(), engine="by hand"))


def approximately(mean, se):
    return pytest.approx((mean, se), rel=1e-12, nan_ok=True)


def test_shares_by_hand(by_hand):
    """2 and 1 of 4: sqrt(0.5 * 0.5 / 4) = 0.25 and sqrt(0.25 * 0.75 / 4) = 0.2165."""
    outcomes = by_hand.arm("first").outcomes
    assert outcomes["response_percent"] == approximately(50.0, 25.0)
    assert outcomes["complete_remission_percent"] == approximately(25.0, 25.0 * math.sqrt(0.75))
    assert outcomes["hct_ever_percent"] == approximately(0.0, 0.0)


def test_cycles_by_hand(by_hand):
    """1, 2, 2, 4: mean 2.25, squares 1.5625 + 2 * 0.0625 + 3.0625 = 4.75 over 3 * 4."""
    outcomes = by_hand.arm("first").outcomes
    assert outcomes["cycles_mean"] == approximately(2.25, math.sqrt(4.75 / 12))
    assert outcomes["cycles_median"].mean == 2.0


def test_survival_by_hand(by_hand):
    """Deaths in months 2, 4 and 6 and one never; half of four have died by month 4."""
    outcomes = by_hand.arm("first").outcomes
    assert outcomes["os_median_months"].mean == pytest.approx(4.0, rel=1e-12)
    # A death at the landmark itself has happened by then.
    assert outcomes["os_6_months_percent"] == approximately(25.0, 25.0 * math.sqrt(0.75))
    assert outcomes["os_120_months_percent"].mean == 25.0
    # Both responders count, the other two failed on day 0: only patient 2 is free of events.
    assert outcomes["efs_6_months_percent"].mean == 25.0
    # Of the two responders the first relapses 3 months after remission.
    assert outcomes["rfs_median_months"].mean == pytest.approx(3.0, rel=1e-12)


def test_causes_of_death_by_hand(by_hand):
    outcomes = by_hand.arm("first").outcomes
    assert outcomes["death_leukaemia_percent"].mean == 50.0
    assert outcomes["death_toxicity_percent"].mean == 25.0
    assert outcomes["death_background_percent"].mean == 0.0
    assert outcomes["alive_at_horizon_percent"].mean == 25.0


def test_totals_and_categories_by_hand(by_hand):
    """Drug costs 30, 20, 50, 60: mean 40, squares 100 + 400 + 100 + 400 = 1000 over 3 * 4."""
    outcomes = by_hand.arm("first").outcomes
    assert outcomes["cost.drug"] == approximately(40.0, math.sqrt(1000 / 12))
    assert outcomes["cost.follow_up"] == approximately(1.0, 0.0)
    assert outcomes["cost"] == approximately(41.0, math.sqrt(1000 / 12))
    assert outcomes["cost_undiscounted"].mean == 82.0
    assert outcomes["life_years"] == approximately(2.0, 0.0)
    assert by_hand.arm("second").outcomes["qalys.toxicity_decrement"].mean == -0.125
    assert by_hand.arm("second").outcomes["qalys"] == approximately(1.0, 0.0)


def test_increment_by_hand(by_hand):
    """First against second.

    Costs 20, 0, 20, 20: mean 15, squares 25 + 225 + 25 + 25 = 300 over 3 * 4 is 25.
    QALYs 0.5, 0, 1, 0.5: mean 0.5, squares 0.25 + 0.25 = 0.5 over 12.
    ICER 15 / 0.5 = 30; costs less 30 times QALYs 5, 0, -10, 5: squares 150 over 12, and its
    root divided by 0.5 is the error.
    Benefit at 50: 5, 0, 30, 5, mean 10, squares 25 + 100 + 400 + 25 = 550 over 12.
    """
    comparison = by_hand.comparisons[0]
    gain = comparison.increment
    assert (gain.strategy, gain.comparator) == ("first", "second")
    assert gain.cost == approximately(15.0, 5.0)
    assert gain.qalys == approximately(0.5, math.sqrt(0.5 / 12))
    assert gain.life_years == approximately(0.5, math.sqrt(1 / 12))
    assert gain.icer == pytest.approx(30.0, rel=1e-12)
    assert gain.icer_se == pytest.approx(math.sqrt(150 / 12) / 0.5, rel=1e-12)
    assert comparison.nmb == {
        50.0: approximately(10.0, math.sqrt(550 / 12)),
        100.0: pytest.approx((35.0, comparison.nmb[100.0].se), rel=1e-12),
    }
    assert comparison.cost_categories["drug"] == approximately(15.0, 5.0)
    assert comparison.cost_categories["follow_up"] == approximately(0.0, 0.0)


def test_every_strategy_but_the_comparator_is_compared_in_the_order_of_the_scenario(by_hand):
    pairs = [(c.increment.strategy, c.increment.comparator) for c in by_hand.comparisons]
    assert pairs == [("first", "second"), ("third", "second")]
    assert [arm.name for arm in by_hand.arms] == ["first", "second", "third"]


def test_label_is_the_name_where_none_is_given(by_hand):
    assert [arm.label for arm in by_hand.arms] == ["The first", "second", "third"]


def test_frontier_by_hand_is_in_the_order_of_cost(by_hand):
    """Costs 26, 41, 60 for 1, 1.5 and 1 QALYs: 15 / 0.5 = 30, and the last is dominated."""
    assert [(row.name, row.status, row.icer) for row in by_hand.frontier] == [
        ("second", "frontier", None),
        ("first", "frontier", pytest.approx(30.0, rel=1e-12)),
        ("third", "dominated", None),
    ]


def test_what_does_not_happen_is_not_reached(tmp_path):
    """Without responders RFS has no median (nan); with three of four alive, OS has none (inf)."""
    path = tmp_path / "three.yaml"
    path.write_text(THREE_STRATEGIES, encoding="utf-8")
    question = ask(path)
    nobody = {"response": [False] * 4, "rfs_days": [math.nan] * 4, "efs_days": [0.0] * 4}
    rows = hand_made_rows([6.0, NEVER, NEVER, NEVER], **nobody)
    arms = tuple(hand_made_arm(strategy, rows, {}) for strategy in question.model.strategies)
    outcomes = summarise(Simulation(question, arms, traces=(), engine="by hand")).arms[0].outcomes
    assert outcomes["os_median_months"].mean == math.inf
    assert math.isnan(outcomes["rfs_median_months"].mean)
    assert outcomes["efs_6_months_percent"].mean == 0.0


def test_survival_beyond_the_horizon_is_not_known(tmp_path):
    """Two years are followed: what is alive at three cannot be said."""
    path = tmp_path / "two_years.yaml"
    path.write_text(THREE_STRATEGIES.replace("lifetime", "2"), encoding="utf-8")
    question = ask(path)
    rows = hand_made_rows([6.0, 2.0, NEVER, 4.0])
    arms = tuple(hand_made_arm(strategy, rows, {}) for strategy in question.model.strategies)
    outcomes = summarise(Simulation(question, arms, traces=(), engine="by hand")).arms[0].outcomes
    assert outcomes["os_24_months_percent"].mean == 25.0
    assert math.isnan(outcomes["os_36_months_percent"].mean)


# By pandas

N = 300


@pytest.fixture(scope="module")
def simulation():
    return run(ask(ROOT / "scenarios" / "first_salvage.yaml", patients=N, seed=3))


@pytest.fixture(scope="module")
def summary(simulation):
    return summarise(simulation)


@pytest.fixture(scope="module", params=["salvage_chemotherapy", "blinatumomab"])
def both(request, simulation, summary):
    return simulation.arm(request.param), summary.arm(request.param).outcomes


def amounts(arm, discounted):
    """The ledger of an arm as a table with a column for each account and category."""
    values = arm.discounted if discounted else arm.undiscounted
    columns = pd.MultiIndex.from_tuples(category.value for category in Category)
    return pd.DataFrame(values, columns=columns)


def assert_mean(estimate, series):
    assert estimate.mean == pytest.approx(series.mean(), rel=1e-9)
    assert estimate.se == pytest.approx(series.sem(), rel=1e-9)


@pytest.mark.parametrize("share", SHARES)
def test_share_is_the_mean_of_the_column(both, share):
    """The binomial error is that of a 0/1 column with n in the place of n - 1."""
    arm, outcomes = both
    column = arm.outcomes[share].astype(float)
    assert outcomes[f"{share}_percent"].mean == pytest.approx(100 * column.mean(), rel=1e-9)
    error = 100 * column.std(ddof=0) / math.sqrt(N)
    assert outcomes[f"{share}_percent"].se == pytest.approx(error, rel=1e-9, abs=1e-12)


def test_medians_are_lower_medians(both):
    """With even n the median is the lower of the two in the middle, as Kaplan and Meier have it."""
    arm, outcomes = both
    rows = arm.outcomes
    medians = {
        "os_median_months": rows["death_days"] / MONTH,
        "rfs_median_months": rows.loc[rows["response"], "rfs_days"] / MONTH,
        "cycles_median": rows["cycles_first_line"],
    }
    for name, times in medians.items():
        lower = times.quantile(0.5, interpolation="lower")
        assert outcomes[name].mean == pytest.approx(lower, rel=1e-12)


def test_error_of_a_median_is_in_months(both):
    """Woodruff's by hand, n = 300: ranks 133 and 167 are 1.96 √300 / 2 = 16.97 around 150."""
    arm, outcomes = both
    ordered = arm.outcomes["death_days"].sort_values().to_numpy() / MONTH
    expected = math.sqrt(N) / 2.0 * (ordered[166] - ordered[132]) / (167 - 133)
    assert outcomes["os_median_months"].se == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("months", OS_LANDMARKS_MONTHS)
def test_landmark_is_the_share_alive(both, months):
    arm, outcomes = both
    alive = arm.outcomes["death_days"].gt(months * MONTH)
    assert outcomes[f"os_{months}_months_percent"].mean == pytest.approx(100 * alive.mean())


def test_event_free_survival_is_that_of_responders_who_neither_relapsed_nor_died(both):
    arm, outcomes = both
    rows = arm.outcomes
    event = rows[["relapse_days", "death_days"]].min(axis=1)
    free = rows["response"] & event.gt(6 * MONTH)
    assert outcomes["efs_6_months_percent"].mean == pytest.approx(100 * free.mean())


def test_everyone_dies_of_one_cause_or_is_alive(both):
    arm, outcomes = both
    counted = arm.outcomes["cause_of_death"].value_counts()
    for cause in Cause:
        share = outcomes[f"death_{cause.name.lower()}_percent"].mean
        assert share == pytest.approx(100 * counted.get(int(cause), 0) / N)
    named = [value for name, value in outcomes.items() if name.startswith("death_")]
    total = sum(value.mean for value in named) + outcomes["alive_at_horizon_percent"].mean
    assert total == pytest.approx(100.0, rel=1e-12)


@pytest.mark.parametrize(("suffix", "discounted"), [("", True), ("_undiscounted", False)])
@pytest.mark.parametrize(
    ("name", "account"),
    [("cost", Account.COST), ("qalys", Account.QALY), ("life_years", Account.LIFE_YEARS)],
)
def test_total_and_categories_are_means_over_patients(both, name, account, suffix, discounted):
    arm, outcomes = both
    table = amounts(arm, discounted)[account]
    assert_mean(outcomes[f"{name}{suffix}"], table.sum(axis=1))
    categories = {"cost": COST_CATEGORIES, "qalys": QALY_CATEGORIES, "life_years": ()}[name]
    for category in categories:
        assert_mean(outcomes[f"{name}{suffix}.{category.label}"], table[category.label])


def test_increment_is_paired(simulation, summary):
    (comparison,) = summary.comparisons
    gain = comparison.increment
    new, old = (amounts(simulation.arm(n), True) for n in (gain.strategy, gain.comparator))
    difference = (new - old).T.groupby(level=0).sum().T
    assert_mean(gain.cost, difference[Account.COST])
    assert_mean(gain.qalys, difference[Account.QALY])
    assert_mean(gain.life_years, difference[Account.LIFE_YEARS])
    assert gain.icer == pytest.approx(
        difference[Account.COST].sum() / difference[Account.QALY].sum(), rel=1e-9
    )
    for threshold in simulation.question.thresholds:
        benefit = threshold * difference[Account.QALY] - difference[Account.COST]
        assert_mean(comparison.nmb[threshold], benefit)
    for category in COST_CATEGORIES:
        column = category.value
        assert_mean(comparison.cost_categories[category.label], new[column] - old[column])


def test_increment_is_the_difference_of_the_means(summary):
    new, old = summary.arm("blinatumomab").outcomes, summary.arm("salvage_chemotherapy").outcomes
    gain = summary.comparisons[0].increment
    for name, estimate in {"cost": gain.cost, "qalys": gain.qalys}.items():
        assert estimate.mean == pytest.approx(new[name].mean - old[name].mean, rel=1e-9)


def test_sums_by_line_and_state_are_those_of_the_patients(both):
    arm, _ = both
    for discounted in (False, True):
        table = amounts(arm, discounted).sum()
        cells = pd.Series({key: value[discounted] for key, value in arm.cells.items()})
        by_category = cells.groupby(level=0, sort=False).sum()
        for category in Category:
            expected = table[category.value]
            assert by_category.get(category, 0.0) == pytest.approx(expected, rel=1e-9, abs=1e-9)


# Inputs


def test_inputs_are_counted_by_status(simulation, summary):
    question = simulation.question
    statuses = Counter(question.parameters[name].status for name in question.used)
    counts = summary.inputs
    assert counts["used"] == len(question.used) == sum(statuses.values())
    for status in STATUSES:
        assert counts[status] == statuses[status]
    assert counts["changed_by_scenario"] == 0


def test_inputs_count_every_number_that_the_scenario_sets(tmp_path):
    """Also one that repeats the catalogue's: it is the scenario's, and no longer varied."""
    catalogue = ask(ROOT / "scenarios" / "first_salvage.yaml").parameters
    same = catalogue["cost.blinatumomab.vial"].value
    other = catalogue["cost.inpatient_day"].value + 1.0
    path = tmp_path / "changed.yaml"
    path.write_text(
        f"extends: {ROOT / 'scenarios' / 'first_salvage.yaml'}\n"
        "title: One changed, one repeated\n"
        f"parameters: {{cost.blinatumomab.vial: {same!r}, cost.inpatient_day: {other!r}}}\n",
        encoding="utf-8",
    )
    assert summarise(run(ask(path, patients=5))).inputs["changed_by_scenario"] == 2
