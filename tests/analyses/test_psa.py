"""Probabilistic analysis: what it has to agree with, and what it must not depend on."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest

from sim.analyses.psa.analysis import answer
from sim.analyses.psa.draws_run import (
    CHUNK_DRAWS,
    COVARIANCE,
    INCREMENT_SE,
    SE,
    patients_to_simulate,
    run_psa,
)
from sim.catalog.distribution import Distribution
from sim.economics.ledger import Account
from sim.simulation.parameter_sets import run_sets
from sim.simulation.question import with_numbers
from sim.simulation.run import counts_known, run
from sim.simulation.summary import median_months, summarise

DRAWS = 30
PATIENTS = 60


@dataclass(frozen=True)
class Sure(Distribution):
    """No variance at all."""

    family = "sure"
    value: float

    def quantile(self, probability):
        return self.value


@pytest.fixture(scope="module")
def question(ask):
    return ask("blinatumomab_then_inotuzumab", patients=10_000, seed=3)


@pytest.fixture(scope="module")
def psa(question):
    return run_psa(question, DRAWS, patients=PATIENTS)


@pytest.fixture(scope="module")
def certain(question):
    """The analysis of a question all of whose distributions have no variance."""
    sure = {
        name: replace(parameter, distribution=Sure(parameter.value))
        for name, parameter in question.parameters.items()
    }
    return run_psa(replace(question, parameters=sure), DRAWS, patients=PATIENTS)


def test_without_variance_the_analysis_is_the_deterministic_run(question, certain):
    """Means over draws are those of all 30 x 60 patients, to 1e-12: the order of sums differs."""
    whole = run(replace(question, patients=DRAWS * PATIENTS), keep_patients=False)
    found = answer(certain)
    for arm in summarise(whole).arms:
        for name in arm.outcomes:
            if "median" not in name:
                mean = found.outcomes[arm.name][name].mean
                assert mean == pytest.approx(arm.outcomes[name].mean, rel=1e-12, abs=1e-12), name
    for gain in found.gains:
        for name in ("cost", "qalys", "life_years"):
            exact = getattr(gain.deterministic, name).mean
            assert gain.splits[name].mean == pytest.approx(exact, rel=1e-11, abs=1e-11)


def test_without_variance_every_draw_is_the_deterministic_run_to_the_last_bit(certain, question):
    """Draw k is the run of patients 60 k to 60 k + 59 with the parameters' own values."""
    asked = replace(question, patients=PATIENTS)
    starts = [k * PATIENTS for k in range(DRAWS)]
    runs = run_sets(asked, [question.numbers] * DRAWS, first_patients=starts)
    for k, simulation in enumerate([run(asked, keep_patients=False), *list(runs)[1:]]):
        drawn = certain.outcomes[certain.outcomes["draw"] == k].set_index("strategy")
        for arm in summarise(simulation).arms:
            for name, estimate in arm.outcomes.items():
                np.testing.assert_equal(drawn[name][arm.name], estimate.mean)
                np.testing.assert_equal(drawn[f"{SE}{name}"][arm.name], estimate.se)
    assert (certain.parameters.nunique() == 1).all()
    for name, values in certain.parameters.items():
        assert values[0] == question.numbers[name]


def test_without_variance_one_draw_is_the_whole_answer(question):
    """With as many patients its table is the deterministic table beside it, bit for bit."""
    sure = {
        name: replace(parameter, distribution=Sure(parameter.value))
        for name, parameter in question.parameters.items()
    }
    found = run_psa(replace(question, parameters=sure), 1, patients=DRAWS * PATIENTS)
    drawn = found.outcomes.drop(columns="draw")
    pd.testing.assert_frame_equal(drawn, found.deterministic[drawn.columns], check_exact=True)


def test_without_variance_what_is_between_draws_is_noise(certain):
    """30 draws: the share of noise lies near 1, and what is left is less than chance leaves."""
    for gain in answer(certain).gains:
        found = gain.splits["cost"]
        assert found.noise_share > 0.6
        assert found.between_sd < found.noise_sd


def test_draw_is_a_run_of_its_own_with_its_parameters_and_patients(question, psa):
    """The first patients of draw 7 are patient 420 and those after; here in one run with others."""
    k = 7
    drawn = psa.parameters.iloc[k].to_dict()
    asked = replace(with_numbers(question, drawn), patients=(k + 1) * PATIENTS, seed=question.seed)
    simulation = run(asked)
    for s, arm in enumerate(simulation.arms):
        mine = slice(k * PATIENTS, None)
        for column, account in (("cost", Account.COST), ("qalys", Account.QALY)):
            wanted = arm.total(account)[mine].mean()
            assert psa.values(column)[k, s] == pytest.approx(wanted, rel=1e-12)
        assert psa.values("response_percent")[k, s] == pytest.approx(
            100 * arm.outcomes["response"][mine].mean()
        )


def test_paired_errors_are_those_of_the_differences_within_patients(question, psa):
    """By hand from the single patients of draw 0."""
    drawn = psa.parameters.iloc[0].to_dict()
    asked = replace(with_numbers(question, drawn), patients=PATIENTS, seed=question.seed)
    arms = run(asked).arms
    cost, qaly = (
        np.array([arm.total(account) for arm in arms]) for account in (Account.COST, Account.QALY)
    )
    for s in range(len(arms)):
        if s == psa.comparator:
            assert psa.inmb_noise(50_000.0)[0, s] == 0.0
            continue
        pair = np.array([cost[s] - cost[psa.comparator], qaly[s] - qaly[psa.comparator]])
        matrix = np.cov(pair) / PATIENTS
        errors = [psa.values(f"{INCREMENT_SE}{name}")[0, s] for name in ("cost", "qalys")]
        np.testing.assert_allclose(np.square(errors), matrix.diagonal(), rtol=1e-9)
        np.testing.assert_allclose(psa.values(COVARIANCE)[0, s], matrix[0, 1], rtol=1e-7)
        benefit = 50_000.0 * pair[1] - pair[0]
        wanted = benefit.var(ddof=1) / PATIENTS
        assert psa.inmb_noise(50_000.0)[0, s] == pytest.approx(wanted, rel=1e-7)
        assert psa.inmb(50_000.0)[0, s] == pytest.approx(benefit.mean(), rel=1e-9)


def test_draw_does_not_change_with_the_number_of_draws(question, psa):
    few = run_psa(question, 4, patients=PATIENTS)
    pd.testing.assert_frame_equal(few.outcomes, psa.outcomes[psa.outcomes["draw"] < 4])


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_do_not_depend_on_threads(question, psa, threads):
    again = run_psa(question, DRAWS, patients=PATIENTS, threads=threads)
    pd.testing.assert_frame_equal(again.outcomes, psa.outcomes, check_exact=True)
    pd.testing.assert_frame_equal(again.deterministic, psa.deterministic, check_exact=True)


def test_seed_of_the_analysis_is_that_of_patients_and_parameters(question):
    one, two = (run_psa(question, 2, patients=5, seed=seed) for seed in (0, 1))
    assert one.question.seed == 0
    assert not one.parameters.equals(two.parameters)
    assert not one.outcomes.equals(two.outcomes)


def test_outcomes_have_the_names_of_a_run(question, psa):
    summary = summarise(run(replace(question, patients=20), keep_patients=False))
    names = list(summary.arms[0].outcomes)
    assert list(psa.outcomes.columns[: 2 + len(names)]) == ["draw", "strategy", *names]
    assert len(psa.outcomes) == DRAWS * len(psa.strategies)
    assert (psa.values("cost.drug") <= psa.values("cost")).all()


def test_remission_ends_before_life_does_in_every_draw(psa):
    """EFS at 6 months is not above OS at 6 months."""
    efs, os = psa.values("efs_6_months_percent"), psa.values("os_6_months_percent")
    assert (efs <= os).all()


def test_progress_counts_every_patient(question):
    seen = []
    draws = CHUNK_DRAWS + 2
    run_psa(question, draws, patients=3, progress=seen.append)
    assert sum(seen) == patients_to_simulate(question, draws, 3, 3 * draws, set())
    waiting = patients_to_simulate(question, draws, 3, 3 * draws, {0})
    assert waiting == (2 * 3 + draws * 3) * len(question.model.strategies)


def test_the_base_case_is_taken_from_a_run_of_the_same_question_alone(question):
    """Patients who count half show whether the counts were taken."""
    ran = run(replace(question, patients=40))
    halved = replace(ran, tally=replace(ran.tally, patients=80))
    found = []
    with counts_known(halved):
        for base in (40, 41):
            seen = []
            psa = run_psa(question, 2, patients=3, base_patients=base, progress=seen.append)
            assert sum(seen) == patients_to_simulate(question, 2, 3, base, set())
            found.append(psa.deterministic["life_years"])
    honest = [run_psa(question, 2, patients=3, base_patients=base) for base in (40, 41)]
    first, second = (each.deterministic["life_years"] for each in honest)
    assert found[0].tolist() == pytest.approx((0.5 * first).tolist())
    assert found[1].tolist() == second.tolist()


def test_one_responder_has_a_median_without_a_warning():
    """The rank of the lower limit is 0 there, before the first event."""
    times = np.zeros(6 * 16 + 1, dtype=np.int64)
    times[40] = 1
    found = median_months(times)
    assert found.mean == pytest.approx(40.5 / 16)
    assert found.se == pytest.approx((41 - 0) / 16 / 2)


@pytest.mark.slow
def test_standard_error_of_a_mean_over_draws_is_honest(ask):
    """60 analyses of 40 draws x 40 patients with other seeds: their spread is the error they state.

    The ratio of variances is chi-square with 59 degrees of freedom over 59: 0.5 to 1.7 at 0.1 %.
    """
    question = ask("first_salvage", patients=1)
    found = [
        answer(run_psa(question, 40, patients=40, seed=seed)).gains[0].nmb[100_000.0]
        for seed in range(60)
    ]
    spread = np.var([each.mean for each in found], ddof=1)
    assert 0.5 < spread / np.mean([each.se**2 for each in found]) < 1.7
