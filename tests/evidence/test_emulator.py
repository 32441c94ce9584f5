"""The surface through simulated endpoints is the one they lie on."""

import numpy as np
import pytest

from sim.evidence.sampler import INFLUENTIAL, fit_surface


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
