"""Surfaces are those the endpoints lie on; the posterior is that of closed forms and quadrature."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import expit, logit
from scipy.stats import halfnorm, norm

from sim.evidence.sampler import (
    INFLUENTIAL,
    Chains,
    Evidence,
    Surface,
    _log_likelihood,
    _model,
    _posterior,
    curve_correlation,
    fit_surface,
    sample,
    worst,
)
from tests.support.toy_fit import toy_protocol, toy_target

WEIGHT = 0.4
SPREAD_SCALE = 0.5
MISSED = 0.3
NAMES = ("normal", "split", "count", "weighted", "pair", "flat", "missed", "blurred", "grouped")


def protocol(chains=4, warmup=500, samples=1000):
    weights, sampler = {"half": WEIGHT}, (chains, warmup, samples)
    return toy_protocol(NAMES, weights=weights, scale=SPREAD_SCALE, sampler=sampler)


def target(value, below=0.5, above=None, *, events=None, n=None, study="s", **changes):
    name = f"{study}{changes.get('curve', '')}{value}{events}"
    above = below if above is None else above
    return toy_target(
        study=study,
        endpoint=name,
        value=value,
        below=below,
        above=above,
        **{"events": events, "n": n, **changes},
    )


def evidence(name, *targets, missed=0.0, effect=0.0):
    """Return endpoints that are the parameter itself, plus the study's effect where wanted."""
    linear = np.zeros((len(targets), len(NAMES) + 1))
    linear[:, NAMES.index(name)] = 1.0
    linear[:, -1] = effect
    size = linear.shape[1]
    surface = Surface(
        np.zeros(len(targets)),
        linear,
        np.zeros((len(targets), size, size)),
        np.full(len(targets), missed),
    )
    return Evidence(targets[0].study, targets, surface)


PAIR = (target(0.8, 0.4, curve="os", survival=0.5), target(1.4, 0.6, curve="os", survival=0.2))
EVIDENCE = [
    evidence("normal", target(1.2, 0.5)),
    evidence("split", target(1.0, 0.2, 0.9)),
    evidence("count", target(logit(0.7), events=14.0, n=20)),
    evidence("weighted", target(1.2, 0.5, study="half")),
    evidence("pair", *PAIR),
    evidence("missed", target(1.2, 0.5, curve="m"), missed=MISSED),
    evidence("blurred", target(logit(0.7), 0.488, events=70.0, n=100, curve="b"), missed=MISSED),
]


@pytest.fixture(scope="module")
def posterior():
    """Draw once: nine parameters, each with evidence of its own, in 4 chains of 1000."""
    return sample(protocol(), EVIDENCE)


def density(name):
    """Return the density of a parameter's posterior but for a factor."""

    def unscaled(x):
        if name == "split":
            residual = x - 1.0
            return norm.pdf(x) * np.exp(-0.5 * (residual / (0.9 if residual > 0 else 0.2)) ** 2)
        if name == "count":
            return norm.pdf(x) * expit(x) ** 14 * expit(-x) ** 6
        # A count whose surface misses something is worth as much less as its variance grows.
        power = 0.488**2 / (0.488**2 + MISSED**2)
        return norm.pdf(x) * (expit(x) ** 70 * expit(-x) ** 30) ** power

    return unscaled


def moments(name):
    weight = density(name)
    total, first, second = (
        quad(lambda x, k=k: x**k * weight(x), -6, 6, points=[0.0, 1.0])[0] for k in (0, 1, 2)
    )
    mean = first / total
    return mean, np.sqrt(second / total - mean**2)


def normal(value, error):
    """Return mean and sd of N(0, 1) given one normal value."""
    return value / (1 + error**2), np.sqrt(error**2 / (1 + error**2))


def pair():
    """Return mean and sd of N(0, 1) given two correlated values of it, by generalised least squares."""
    errors = np.array([each.below for each in PAIR])
    # Increments of a cumulative hazard: variances (1 - S) / S of 1 and 4, correlation √(1/4).
    covariance = np.outer(errors, errors) * np.array([[1.0, 0.5], [0.5, 1.0]])
    inverse = np.linalg.inv(covariance)
    precision = 1.0 + inverse.sum()
    values = np.array([each.value for each in PAIR])
    return (inverse @ values).sum() / precision, precision**-0.5


EXPECTED = {
    "normal": normal(1.2, 0.5),
    "weighted": normal(1.2, 0.5 / np.sqrt(WEIGHT)),
    "missed": normal(1.2, np.hypot(0.5, MISSED)),
    "split": moments("split"),
    "count": moments("count"),
    "blurred": moments("blurred"),
    "pair": pair(),
    "flat": (0.0, 1.0),
}


# 4000 draws, of which at least 1500 effective: the standard error of a mean is 2.6 % of an sd,
# that of an sd 1.8 %; allowed are 4 of them.
@pytest.mark.slow
@pytest.mark.parametrize("name", EXPECTED)
def test_posterior_of_a_parameter_is_the_exact_one(posterior, name):
    mean, sd = EXPECTED[name]
    assert posterior.scores[name].mean() == pytest.approx(mean, abs=0.11 * sd)
    assert posterior.scores[name].std() == pytest.approx(sd, rel=0.08)


@pytest.mark.slow
def test_spread_that_nothing_speaks_of_keeps_its_prior(posterior):
    spread = posterior.spread["spread.kind"]
    assert spread.mean() == pytest.approx(halfnorm(scale=SPREAD_SCALE).mean(), rel=0.1)
    assert (spread >= 0).all()
    effects = posterior.effects["s.kind"]
    assert effects.std() == pytest.approx(SPREAD_SCALE, rel=0.12)


@pytest.mark.slow
def test_chains_agree_and_draws_are_many(posterior):
    r_hat, effective = worst(posterior.diagnostics)
    assert r_hat < 1.01
    assert effective > 1000
    assert len(posterior.scores) == len(posterior.effects) == len(posterior.spread) == 4000


# Effects of two studies on one parameter: given x, values x + effect + noise.
@pytest.mark.slow
def test_effects_of_studies_share_out_their_difference():
    values, error = (1.0, -1.0), 0.1
    both = [
        evidence("grouped", target(value, error, study=study, curve=study), effect=1.0)
        for study, value in zip(("s", "t"), values, strict=True)
    ]
    drawn = sample(protocol(), both)
    difference = drawn.effects["s.kind"] - drawn.effects["t.kind"]
    # By symmetry the parameter stays at 0; the difference is 2 but for a shrinkage of a few per cent.
    assert drawn.scores["grouped"].mean() == pytest.approx(0.0, abs=0.1)
    assert difference.mean() == pytest.approx(2.0, abs=0.1)
    assert drawn.spread["spread.kind"].mean() > halfnorm(scale=SPREAD_SCALE).mean()


@pytest.mark.slow
def test_chains_run_again_for_other_values_as_fresh_ones_would():
    few = protocol(chains=2, warmup=100, samples=100)
    first = [evidence("normal", target(0.0, 0.5)), EVIDENCE[2]]
    second = [evidence("normal", target(1.0, 0.5)), EVIDENCE[2]]
    chains = Chains(few, first)
    before = chains.run(first).scores
    again = chains.run(second).scores
    assert again.equals(Chains(few, second).run(second).scores)
    assert chains.run(first).scores.equals(before)
    assert again["normal"].mean() > before["normal"].mean() + 0.5


# 4000 samples of 200 exponential times: the error of a correlation is at most 1.6 %.
@pytest.mark.parametrize(("early", "late"), [(0.5, 0.25), (0.5, 0.1), (0.8, 0.5)])
def test_correlation_of_a_curve_is_that_of_sampled_curves(early, late):
    times = np.random.default_rng(1).exponential(size=(4000, 200))
    shares = [(times > -np.log(s)).mean(axis=1) for s in (early, late)]
    hazards = [np.log(-np.log(share)) for share in shares]
    found = np.corrcoef(hazards)[0, 1]
    assert curve_correlation([early, late])[0, 1] == pytest.approx(found, abs=0.05)


# A median and a landmark of the same sampled times, on the scales of the fit.
def test_correlation_holds_between_a_median_and_a_landmark():
    times = np.random.default_rng(2).exponential(size=(4000, 201))
    medians = np.log(np.median(times, axis=1))
    landmark = logit((times > -np.log(0.25)).mean(axis=1))
    found = np.corrcoef(medians, landmark)[0, 1]
    assert curve_correlation([0.5, 0.25])[0, 1] == pytest.approx(found, abs=0.05)


def test_correlation_can_be_inverted_where_endpoints_are_the_same():
    correlation = curve_correlation([0.5, 0.5, 0.1])
    assert np.linalg.eigvalsh(correlation).min() > 0
    assert (np.diag(correlation) == 1.0).all()


@pytest.mark.parametrize(
    ("predicted", "expected"), [(1.0, 0.0), (1.9, -0.5), (2.8, -2.0), (0.8, -0.5), (0.6, -2.0)]
)
def test_a_prediction_is_measured_by_the_error_of_its_side(predicted, expected):
    """The value 1 with errors of 0.2 below and 0.9 above; without the constant of the density."""
    told = [evidence("split", target(1.0, 0.2, 0.9))]
    found = _log_likelihood(protocol(), told)(np.array([predicted]), np.zeros(1), np.array([1.0]))
    assert float(found) == pytest.approx(expected, abs=1e-6)


def test_a_count_whose_surface_errs_counts_for_less():
    """Its power is the share of its own variance, 0.488² / (0.488² + 0.3²)."""
    told = [evidence("blurred", target(logit(0.7), 0.488, events=70.0, n=100), missed=MISSED)]
    found = _log_likelihood(protocol(), told)(np.array([0.4]), np.array([70.0]), np.zeros(1))
    whole = 70.0 * np.log(expit(0.4)) + 30.0 * np.log(expit(-0.4))
    power = 0.488**2 / (0.488**2 + MISSED**2)
    assert float(found) == pytest.approx(power * whole, rel=1e-5)


def test_an_effect_of_a_study_is_its_standard_score_times_the_spread():
    """The joint density at a point: score 0.3, spread 0.6, standard score of the effect -1.5."""
    from numpyro.infer.util import log_density

    told = [evidence("grouped", target(1.0, 0.5), effect=1.0)]
    scores = np.zeros(len(NAMES))
    scores[NAMES.index("grouped")] = 0.3
    point = {"scores": scores, "spread": np.array([0.6]), "effects": np.array([[-1.5]])}
    model = _model(protocol(), told, ["s"])
    found, _ = log_density(model, (np.zeros(1), np.array([1.0])), {}, point)
    expected = norm.logpdf(scores).sum() + norm.logpdf(-1.5)
    expected += halfnorm.logpdf(0.6, scale=SPREAD_SCALE)
    expected += -0.5 * ((0.3 - 0.6 * 1.5 - 1.0) / 0.5) ** 2
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_an_effect_that_is_reported_is_its_standard_score_times_the_spread():
    random = np.random.default_rng(2)
    drawn = {
        "scores": random.normal(size=(2, 10, len(NAMES))),
        "spread": random.uniform(0.1, 0.9, (2, 10, 1)),
        "effects": random.normal(size=(2, 10, 2, 1)),
    }
    found = _posterior(protocol(), ["s", "t"], drawn).effects
    expected = drawn["spread"][:, :, 0] * drawn["effects"][:, :, 1, 0]
    np.testing.assert_allclose(found["t.kind"], expected.ravel(), rtol=1e-12)


# Surfaces through simulated endpoints


def quadratic(d, seed):
    rng = np.random.default_rng(seed)
    square = rng.normal(0.0, 0.1, (d, d))
    return rng.normal(), rng.normal(0.0, 1.0, d), (square + square.T) / 2.0


def values(x, constant, linear, square):
    return constant + x @ linear + np.einsum("ni,ij,nj->n", x, square, x)


# 400 points without noise in 8 inputs: 45 coefficients, met to 1 % of the spread of the values.
@pytest.mark.parametrize("centre", [0.0, 2.0])
def test_known_quadratic_is_found(centre):
    points = np.random.default_rng(5).normal(centre, 0.7, (400, 8))
    true = [quadratic(8, seed) for seed in (1, 2)]
    shown = np.column_stack([values(points, *each) for each in true])
    surface = fit_surface(points, shown)
    fresh = np.random.default_rng(6).normal(centre, 0.7, (50, 8))
    for place, each in enumerate(true):
        found = np.array([surface(x)[place] for x in fresh])
        assert np.abs(found - values(fresh, *each)).max() < 0.01 * shown[:, place].std()
    assert surface.linear[0] == pytest.approx(true[0][1], abs=0.02)
    assert surface.square[0] == pytest.approx(true[0][2], abs=0.02)
    assert surface.constant[0] == pytest.approx(true[0][0], abs=0.05)


# n = 1000, 28 coefficients: the error of a root mean square is some 2 %, and fitting adds 3 %.
def test_error_is_that_of_the_noise_around_the_surface():
    rng = np.random.default_rng(8)
    points = rng.normal(size=(1000, 6))
    shown = values(points, *quadratic(6, 3)) + rng.normal(0.0, 0.3, 1000)
    assert fit_surface(points, shown[:, None]).error[0] == pytest.approx(0.3, rel=0.08)


def test_curvature_is_kept_for_the_inputs_that_move_an_endpoint_most():
    d = INFLUENTIAL + 4
    points = np.random.default_rng(2).normal(size=(600, d))
    weights = np.linspace(2.0, 0.1, d)
    surface = fit_surface(points, (points @ weights)[:, None])
    assert not surface.square[0][INFLUENTIAL:].any()
    assert surface.linear[0] == pytest.approx(weights, abs=0.01)


def test_input_that_does_not_vary_does_nothing():
    points = np.random.default_rng(4).normal(size=(100, 3))
    points[:, 1] = 0.5
    surface = fit_surface(points, points[:, :1] * 2.0)
    assert np.isfinite(surface.linear).all()
    assert surface(np.array([1.0, 0.5, 0.0]))[0] == pytest.approx(2.0, abs=0.02)
