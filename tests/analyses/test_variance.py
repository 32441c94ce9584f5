"""The shares of a variance are those of a model whose shares are known."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from sim.analyses.psa import variance
from sim.analyses.psa.variance import (
    adjusted_share,
    prior_effects,
    variance_by_status,
    variance_words,
)
from sim.analyses.shared import large_table

DRAWS = 4000
STATUS = {"a": "calibrated", "b": "calibrated", "c": "prior", "d": "evidence", "e": "assumption"}
SLOPES = {"a": 3.0, "b": 1.0, "c": 2.0, "d": 1.0, "e": 0.0}


@dataclass
class Draws:
    """What `variance_by_status` reads of the draws of an analysis."""

    parameters: pd.DataFrame
    gain: np.ndarray

    @property
    def draws(self):
        return len(self.parameters)

    @property
    def question(self):
        known = {name: SimpleNamespace(status=status) for name, status in STATUS.items()}
        return SimpleNamespace(parameters=known)

    def drawn(self, name):
        return self.parameters[name].to_numpy()

    def forget(self):
        """Everything is in memory."""

    def increments(self, column):
        assert column == "qalys"
        return np.column_stack([np.zeros(self.draws), self.gain])


def drawn(draws, noise):
    rng = np.random.default_rng(17)
    table = pd.DataFrame({name: rng.normal(5.0, 1.0, draws) for name in STATUS})
    gain = sum(SLOPES[name] * table[name] for name in STATUS) + rng.normal(0.0, noise, draws)
    return Draws(table, gain.to_numpy())


# Variances 9 + 1, 4, 1 and 0 of 15: the error of a share in 4,000 draws is below 0.02.
@pytest.mark.parametrize("noise", [0.0, 4.0])
def test_shares_are_those_of_a_linear_model_whatever_the_noise(noise):
    shares = variance_by_status(drawn(DRAWS, noise), 1)
    expected = {"calibrated": 10 / 15, "prior": 4 / 15, "evidence": 1 / 15, "assumption": 0.0}
    assert shares == pytest.approx(expected, abs=0.03)
    assert sum(shares.values()) == pytest.approx(1.0)


def test_inputs_without_effect_have_no_share_on_average():
    """The unadjusted share of 50 inputs in 200 draws would be 0.25; 100 repetitions, 4 errors."""
    rng = np.random.default_rng(23)
    found = []
    for _ in range(100):
        inputs, gain = rng.normal(size=(200, 50)), rng.normal(size=200)
        found.append(adjusted_share(inputs - inputs.mean(axis=0), gain - gain.mean(), 200))
    assert abs(np.mean(found)) < 4.0 * np.std(found) / 10.0


def test_shares_of_many_draws_are_the_same_part_by_part(monkeypatch):
    whole = variance_by_status(drawn(DRAWS, 4.0), 1)
    monkeypatch.setattr(large_table, "MOST_ROWS", 300)
    assert variance_by_status(drawn(DRAWS, 4.0), 1) == pytest.approx(whole, rel=1e-12)


def test_nothing_is_said_of_too_few_draws_or_of_a_constant_gain():
    assert variance_by_status(drawn(5, 0.0), 1) == {}
    constant = drawn(DRAWS, 0.0)
    constant.gain = np.ones(DRAWS)
    assert variance_by_status(constant, 1) == {}
    assert variance_words({}) == ""


def test_words_begin_with_the_largest_share():
    words = variance_words({"evidence": 0.25, "prior": 0.75, "assumption": 0.0})
    assert words.index("75 %") < words.index("25 %")
    assert "assumptions" not in words


@pytest.mark.parametrize("scale", ["identity", "log", "logit"])
def test_the_effect_of_a_prior_is_what_the_gain_moves_when_its_mean_does(monkeypatch, scale):
    """Where nothing informs it: its slope times its standard deviation, within 4 errors."""
    sd, slope, centre = 0.5, 3.0, 0.4
    z = np.random.default_rng(31).normal(0.0, 1.0, DRAWS)
    from_scale = {"identity": lambda x: x, "log": np.exp, "logit": lambda x: 1 / (1 + np.exp(-x))}
    to_scale = {"identity": centre, "log": np.log(centre), "logit": np.log(centre / (1 - centre))}
    values = from_scale[scale](to_scale[scale] + sd * z)
    priors = pd.DataFrame({"scale": [scale], "prior_mean": [centre], "prior_sd": [sd]}, index=["c"])
    monkeypatch.setattr(variance, "load_identification", lambda: priors)
    (found,) = prior_effects(Draws(pd.DataFrame({"c": values}), slope * sd * z), 1)
    assert found.parameter == "c"
    # The variance of a product of a standard normal with itself is 2.
    assert found.qalys.se == pytest.approx(slope * sd * np.sqrt(2.0 / DRAWS), rel=0.1)
    assert found.qalys.mean == pytest.approx(slope * sd, abs=4.0 * found.qalys.se)
