"""What the tally estimates of counted patients is what numpy says of the patients themselves."""

import math

import numpy as np
import pytest

from sim.clinic.events import Cause
from sim.economics.ledger import Account, Category
from sim.engine.outcomes import ALIVE
from sim.simulation.summary import differences, median_months, outcomes
from sim.simulation.tally import (
    ROW,
    Tally,
    count_patient,
    is_impossible,
    new_counts,
    new_sums,
    new_values,
)

PATIENTS = 601
MONTH = 30.4375
BIN_MONTHS = 1.0 / 16.0
CATEGORIES = list(Category)


def column(rows, name):
    return rows[:, :, ROW.index(name)]


@pytest.fixture(scope="module")
def patients():
    """Outcomes and amounts of 601 patients under two strategies; some die at the end of a month."""
    random = np.random.default_rng(11)
    rows = np.zeros((PATIENTS, 2, len(ROW)))
    death = random.exponential(20.0 * MONTH, (PATIENTS, 2))
    death[:40] = MONTH * random.choice([6.0, 12.0, 24.0, 36.0], (40, 2))
    rows[:, :, ROW.index("death_days")] = death
    rows[:, :, ROW.index("horizon_days")] = death
    rows[:, :, ROW.index("efs_days")] = 0.6 * death
    rows[:, :, ROW.index("response")] = random.random((PATIENTS, 2)) < 0.45
    rows[:, :, ROW.index("rfs_days")] = 0.5 * death
    rows[:, :, ROW.index("cause_of_death")] = random.choice([*Cause, ALIVE], (PATIENTS, 2))
    amounts = random.gamma(2.0, 100.0, (PATIENTS, 2, 2, len(CATEGORIES)))
    # The same patients under both: an error that leaves the pairs out would be far larger.
    amounts[:, 1] = 1.2 * amounts[:, 0] + random.gamma(1.0, 10.0, amounts[:, 1].shape)
    return rows, amounts


@pytest.fixture(scope="module")
def tally(patients):
    rows, amounts = patients
    sums, counts, values = new_sums(2), new_counts(2), new_values(2)
    for row, amount in zip(rows, amounts, strict=True):
        count_patient(sums, counts, row, amount, np.zeros(2), values, comparator=0)
    return Tally(PATIENTS, 0, sums, counts)


def total(amounts, account):
    """Return the discounted sums of an account; shape (patients, strategies)."""
    places = [place for place, each in enumerate(CATEGORIES) if each.account == account]
    return amounts[:, :, 1, places].sum(axis=-1)


def standard_error(values):
    return np.std(values, axis=0, ddof=1) / math.sqrt(len(values))


@pytest.mark.parametrize("months", [6, 12, 24, 36, 60])
def test_a_landmark_is_the_share_alive_after_it(patients, tally, months):
    """Who dies on the day of the landmark is dead by then; the error is the binomial one."""
    alive = column(patients[0], "death_days") > months * MONTH
    found = outcomes(tally, math.inf)[f"os_{months}_months_percent"]
    share = alive.mean(axis=0)
    assert found.mean == pytest.approx(100.0 * share, rel=1e-12)
    assert found.se == pytest.approx(100.0 * np.sqrt(share * (1.0 - share) / PATIENTS), rel=1e-12)


def test_a_landmark_beyond_the_horizon_is_not_known(tally):
    assert np.isnan(outcomes(tally, 24.5 * MONTH)["os_36_months_percent"].mean).all()


def test_a_median_is_that_of_the_patients_within_a_bin(patients, tally):
    months = np.sort(column(patients[0], "death_days") / MONTH, axis=0)
    found = outcomes(tally, math.inf)["os_median_months"]
    assert found.mean == pytest.approx(np.median(months, axis=0), abs=BIN_MONTHS)
    # Woodruff's: half the distance of the times one standard deviation of the rank to either side.
    ranks = PATIENTS / 2.0 + np.array([-1.0, 1.0]) * math.sqrt(PATIENTS) / 2.0
    low, high = months[np.ceil(ranks).astype(int) - 1]
    assert found.se == pytest.approx((high - low) / 2.0, abs=BIN_MONTHS)


def test_a_median_is_interpolated_within_its_bin():
    """100 patients in the third bin: half of them by its middle, 5 errors of rank to either side."""
    times = np.zeros((1, 16 * 2 + 1), dtype=np.int32)
    times[0, 2] = 100
    found = median_months(times)
    assert found.mean[0] == pytest.approx(2.5 * BIN_MONTHS, rel=1e-12)
    assert found.se[0] == pytest.approx(0.05 * BIN_MONTHS, rel=1e-9)


@pytest.mark.parametrize("month", [100, 119, 120, 1100])
def test_a_median_may_come_early_or_late(month):
    """100 patients in the first bin of a month, of two groups; nobody of the other has the event."""
    times = np.zeros((2, 16 * 1200 + 1), dtype=np.int32)
    times[0, 16 * month], times[1, -1] = 100, 100
    found = median_months(times, np.array([100, 100]))
    assert found.mean.tolist() == [pytest.approx(month + 0.5 * BIN_MONTHS, rel=1e-12), math.inf]
    assert found.se[0] == pytest.approx(0.05 * BIN_MONTHS, rel=1e-9)
    for ours, theirs in zip(found, median_months(times), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_means_and_their_errors_are_those_of_numpy(patients, tally):
    found = outcomes(tally, math.inf)
    for name, account in (("cost", Account.COST), ("qalys", Account.QALY)):
        values = total(patients[1], account)
        assert found[name].mean == pytest.approx(values.mean(axis=0), rel=1e-12)
        assert found[name].se == pytest.approx(standard_error(values), rel=1e-9)
    drug = patients[1][:, :, 0, CATEGORIES.index(Category.DRUG)]
    assert found["cost_undiscounted.drug"].mean == pytest.approx(drug.mean(axis=0), rel=1e-12)


def test_differences_their_errors_and_covariance_are_those_of_the_pairs(patients, tally):
    cost, qalys = (total(patients[1], account) for account in (Account.COST, Account.QALY))
    more_cost, more_qalys = cost[:, 1] - cost[:, 0], qalys[:, 1] - qalys[:, 0]
    found = differences(tally)
    assert found.cost.at(1) == pytest.approx((more_cost.mean(), standard_error(more_cost)))
    assert found.qalys.at(1) == pytest.approx((more_qalys.mean(), standard_error(more_qalys)))
    expected = np.cov(more_cost, more_qalys, ddof=1)[0, 1] / PATIENTS
    assert found.covariance[1] == pytest.approx(expected, rel=1e-6)
    assert found.cost.at(0) == (0.0, 0.0)


def test_causes_of_death_and_the_living_are_counted_apart(patients, tally):
    found, causes = outcomes(tally, math.inf), column(patients[0], "cause_of_death")
    for cause in Cause:
        name = f"death_{cause.name.lower()}_percent"
        assert found[name].mean == pytest.approx(100.0 * (causes == cause).mean(axis=0))
    living = 100.0 * (causes == ALIVE).mean(axis=0)
    assert found["alive_at_horizon_percent"].mean == pytest.approx(living)


def possible():
    amounts = np.zeros((2, len(CATEGORIES)))
    amounts[:, CATEGORIES.index(Category.LIFE)] = 2.0
    amounts[:, CATEGORIES.index(Category.QALY_STATE)] = 2.0
    return amounts


@pytest.mark.parametrize(
    ("category", "amount"),
    [
        (Category.DRUG, -1e-6),
        (Category.END_OF_LIFE, math.inf),
        (Category.QALY_STATE, 2.0 + 1e-6),
        (Category.LIFE, math.nan),
    ],
)
@pytest.mark.parametrize("kind", [0, 1])
def test_an_impossible_amount_is_noticed(kind, category, amount):
    amounts = possible()
    assert not is_impossible(amounts, 10.0, 10.0)
    assert is_impossible(amounts, 10.1, 10.0)
    amounts[kind, CATEGORIES.index(category)] = amount
    assert is_impossible(amounts, 10.0, 10.0)
