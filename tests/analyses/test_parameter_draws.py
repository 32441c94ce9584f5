"""Draws of the parameters: their distributions, their keys, and what is drawn together."""

import math
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import sim.catalog
from sim.catalog import load_catalogue, read_catalogue
from sim.catalog.distribution import Beta, Gamma, Lognormal, Normal, Posterior, Uniform
from sim.catalog.posterior import DRAWS, load_posterior
from sim.clinic.draws import RandomDraw
from sim.engine.streams import uniform
from sim.errors import UserError
from sim.simulation import parameter_draws as module
from sim.simulation.parameter_draws import Draw, draw_parameters, stable_hash, wholes

N = 4000
STAY = re.compile(r"hospital\.salvage_chemotherapy\.\w+_cycle_days")
CYCLE_DAYS = 28.0
MIX = "salvage_chemotherapy.mix."
FITTED = ["relapse.sigma", "transplant.relapse_sigma", "response.baseline_logit"]


@pytest.fixture(scope="module")
def question(ask):
    return ask("blinatumomab_then_inotuzumab", patients=10)


@pytest.fixture(scope="module")
def drawn(question):
    return draw_parameters(question, N, 1)


def calibrated(question):
    return [n for n, p in question.parameters.items() if p.distribution.family == "posterior"]


def ks_below(values, wanted, limit):
    """p of the values against a distribution given that it is below a limit."""
    return stats.kstest(values, lambda x: wanted.cdf(x) / wanted.cdf(limit)).pvalue


def reference(distribution):
    """The same distribution, as scipy writes it."""
    match distribution:
        case Beta(alpha, beta):
            return stats.beta(alpha, beta)
        case Gamma(shape, scale):
            return stats.gamma(shape, scale=scale)
        case Lognormal(median, sigma):
            return stats.lognorm(sigma, scale=median)
        case Normal(mean, sd):
            return stats.norm(mean, sd)
        case Uniform(low, high):
            return stats.uniform(low, high - low)
    raise AssertionError(distribution)


def test_every_parameter_is_drawn_from_its_distribution(question, drawn):
    """n = 4000 per parameter; Kolmogorov-Smirnov, 171 tests at p = 1e-5; |z| < 5 of the mean."""
    assert len(drawn.columns) > 150
    for name, values in drawn.items():
        distribution = question.parameters[name].distribution
        if isinstance(distribution, Posterior):
            assert set(values) <= set(distribution.draws)
            continue
        wanted = reference(distribution)
        if STAY.fullmatch(name):
            # A stay is no longer than its cycle: draws beyond it are moved to its end.
            shorter = values[values < CYCLE_DAYS]
            assert (values[values >= CYCLE_DAYS] == CYCLE_DAYS).all()
            beyond = stats.binomtest(N - len(shorter), N, wanted.sf(CYCLE_DAYS))
            assert beyond.pvalue > 1e-5, name
            assert ks_below(shorter, wanted, CYCLE_DAYS) > 1e-5, name
            continue
        assert stats.kstest(values, wanted.cdf).pvalue > 1e-5, name
        assert abs(values.mean() - wanted.mean()) < 5 * wanted.std() / math.sqrt(N), name


def test_parameters_are_drawn_independently_but_for_shares_of_one_whole(question, drawn):
    """n = 4000: |r| < 5.5 / sqrt(n) for each of the 14,000 pairs."""
    related = np.abs(np.corrcoef(drawn.to_numpy().T)) > 5.5 / math.sqrt(N)
    np.fill_diagonal(related, val=False)
    together = [set(whole.counts) for whole in wholes(question.parameters)]
    together.append(set(calibrated(question)))
    names = list(drawn.columns)
    for i, j in np.argwhere(related):
        assert any({names[i], names[j]} <= whole for whole in together), (names[i], names[j])


def test_fixed_parameters_and_those_of_the_scenario_are_not_drawn(ask, drawn):
    assert "population.weight_minimum_kg" not in drawn
    assert "cost.inpatient_day" in drawn
    own = ask("blinatumomab_then_inotuzumab", patients=1, parameters={"cost.inpatient_day": 1.0})
    assert set(drawn) - set(draw_parameters(own, 1, 1)) == {"cost.inpatient_day"}


def test_only_parameters_that_are_used_are_drawn(ask):
    question = ask("first_salvage", patients=1)
    drawn = draw_parameters(question, 1, 1)
    assert set(drawn) <= question.used
    assert not any(name.endswith(".real_world") for name in drawn)


def test_draw_does_not_change_with_the_number_of_draws(question, drawn):
    pd.testing.assert_frame_equal(draw_parameters(question, 17, 1), drawn.iloc[:17])


def test_draw_does_not_change_with_other_parameters(ask, drawn):
    """Another comparison and two values of the scenario's own, one of them a share of a mix."""
    other = ask(
        "first_salvage",
        patients=1,
        parameters={"relapse.sigma": 1.0, f"{MIX}flag_share": 0.5},
    )
    found = draw_parameters(other, 20, 1)
    assert len(found.columns) > 100
    pd.testing.assert_frame_equal(found, drawn.iloc[:20][found.columns])


def test_draw_is_the_quantile_of_its_keyed_number(question, drawn):
    for name in ("relapse.kmt2a_hazard_ratio", "cost.transplant", "utility.on_treatment"):
        for k in (0, 3, 99):
            u = uniform(1, k, Draw.PARAMETER, stable_hash(name))
            assert drawn[name][k] == question.parameters[name].distribution.quantile(u)


def test_another_seed_draws_other_values_and_seed_0_is_a_seed(question):
    values = [draw_parameters(question, 3, seed)["relapse.sigma"][0] for seed in (0, 1, 2)]
    assert len(set(values)) == 3


def test_no_two_names_share_a_key_and_none_is_a_patients():
    names = {parameter.name for parameter in load_catalogue().parameters()}
    assert len({stable_hash(name) for name in names}) == len(names)
    assert not {int(kind) for kind in Draw} & {int(decision) for decision in RandomDraw}


# Shares of one whole


def test_shares_of_a_mix_add_up_to_1_in_every_draw(drawn):
    shares = drawn.filter(like=MIX)
    assert len(shares.columns) == 4
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, rtol=1e-14)


def test_shares_of_one_whole_have_the_covariance_of_their_dirichlet(drawn):
    """n = 4000. Of TOWER's 109 patients: cov = -a_i a_j / (n^2 (n + 1)), within 5 errors."""
    flag, clofarabine = drawn[f"{MIX}flag_share"], drawn[f"{MIX}clofarabine_share"]
    wanted = stats.dirichlet([49, 19, 22, 19]).cov()[0, 1]
    error = flag.std() * clofarabine.std() / math.sqrt(N)
    assert abs(flag.cov(clofarabine) - wanted) < 5 * error
    assert wanted == pytest.approx(-49 * 19 / (109**2 * 110))


def test_shares_of_the_same_patients_never_exceed_the_whole(question, drawn):
    found = {whole.name: whole for whole in wholes(question.parameters)}
    assert {"toxicity.crs", "toxicity.hepatotoxicity", "salvage_chemotherapy.mix"} <= set(found)
    assert found["toxicity.crs"].rest == pytest.approx(5.0)
    for whole in found.values():
        names = [name for name in whole.counts if name in drawn]
        if names:
            assert (drawn[names].sum(axis=1) <= 1.0 + 1e-12).all()


def test_shares_from_different_sources_are_drawn_one_by_one(question):
    together = {name for whole in wholes(question.parameters) for name in whole.counts}
    assert "toxicity.neurotoxicity.stop_share" not in together


def test_every_mix_of_the_catalogue_is_drawn_as_a_whole():
    catalogue = load_catalogue()
    for regimen in catalogue.regimens.values():
        mix = {name for name in regimen.parameters if ".mix." in name}
        found = [set(whole.counts) for whole in wholes(regimen.parameters)]
        assert not mix or mix in found


# Joint posterior


@pytest.fixture(scope="module")
def posterior():
    """Seven rows in which each column tells the others."""
    rows = np.arange(7.0)
    return pd.DataFrame(dict(zip(FITTED, (1 + rows / 10, 2 - rows / 10, rows), strict=True)))


def test_posterior_rows_stay_together_and_are_equally_frequent(question, posterior):
    """n = 4000 draws of 7 rows; chi-square of the frequencies at p = 1e-4."""
    drawn = draw_parameters(question, N, 1, posterior=posterior)[FITTED]
    rows = drawn["response.baseline_logit"].astype(int)
    expected = posterior.iloc[rows].reset_index(drop=True)
    pd.testing.assert_frame_equal(drawn.reset_index(drop=True), expected)
    assert stats.chisquare(np.bincount(rows, minlength=7)).pvalue > 1e-4


def test_posterior_leaves_the_other_parameters_as_they_were(question, posterior, drawn):
    fitted = draw_parameters(question, 10, 1, posterior=posterior)
    others = [name for name in drawn if name not in calibrated(question)]
    assert len(others) > 100
    pd.testing.assert_frame_equal(fitted[others], drawn.iloc[:10][others])


def test_effect_of_a_study_is_drawn_only_where_a_new_study_is_predicted(ask, question):
    name = "response.study_log_odds_ratio"
    rows = load_posterior()
    assert name not in draw_parameters(question, 5, 1)
    new = draw_parameters(ask("first_salvage", patients=1, study="new"), 5, 1)
    assert set(new[name]) <= set(rows[name])
    assert len(set(new[name])) > 1


def test_scenario_overrules_the_posterior(ask, posterior):
    own = ask("first_salvage", patients=1, parameters={"relapse.sigma": 1.0})
    assert "relapse.sigma" not in draw_parameters(own, 2, 1, posterior=posterior)


def test_posterior_that_is_there_is_read(tmp_path, monkeypatch, question, posterior):
    path = tmp_path / "adult_rr.csv"
    posterior.to_csv(path, index=False)
    pd.testing.assert_frame_equal(load_posterior(path), posterior)
    monkeypatch.setattr(module, "load_posterior", lambda: load_posterior(path))
    assert set(draw_parameters(question, 9, 1)["relapse.sigma"]) <= set(posterior["relapse.sigma"])


def test_no_posterior_is_none(tmp_path):
    assert load_posterior(tmp_path / "none.csv") is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("relapse.sigma,relapse.sigma\n1,2\n", "relapse.sigma: stands twice"),
        ("relapse.sigma\n", "holds no draws"),
        ("relapse.sigma\n1\nnan\n", ":3: relapse.sigma: is not a finite number"),
        ("relapse.sigma\nmuch\n", "relapse.sigma: is not a finite number (got 'much')"),
        ("", "holds no draws"),
    ],
)
def test_broken_posterior_is_refused(tmp_path, text, says):
    path = tmp_path / "posterior.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match="posterior.csv") as caught:
        load_posterior(path)
    assert says in str(caught.value)


def test_impossible_draw_is_refused(question):
    wrong = pd.DataFrame({"relapse.cured_probability_mrd_negative": [0.1, 1.2]})
    with pytest.raises(UserError, match="relapse.cured_probability_mrd_negative: a draw is not"):
        draw_parameters(question, 20, 1, posterior=wrong)


def test_question_without_uncertainty_is_refused(question):
    certain = {
        name: replace(parameter, distribution=question.parameters["norm.age_18"].distribution)
        for name, parameter in question.parameters.items()
    }
    with pytest.raises(UserError, match="no parameter that this scenario uses is uncertain"):
        draw_parameters(replace(question, parameters=certain), 2, 1)


def test_a_draw_that_does_not_fit_the_unit_of_its_parameter_is_refused(tmp_path):
    """A share in per cent in one row of 2,000, which leaves the median where it is."""
    root = tmp_path / "data"
    shutil.copytree(Path(sim.catalog.__file__).parent / "data", root)
    path = root / DRAWS
    table = pd.read_csv(path)
    table.loc[7, "blinatumomab.response.first_cycle_share"] = 82.0
    table.to_csv(path, index=False)
    with pytest.raises(UserError, match=r"a draw that does not fit: .* at most 1 \(got 82.0\)"):
        read_catalogue(root)
