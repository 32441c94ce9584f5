"""Curves of a probabilistic analysis over thresholds, and its draws on the plane, for figures.

The Monte Carlo noise of each draw is taken out, as in `sim.analyses.psa.noise`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from sim.analyses.psa.acceptability import (
    ceac,
    ceaf,
    expected_loss,
    quiet,
    quiet_shares,
    share_errors,
    switching_thresholds,
)
from sim.analyses.psa.draws_run import COVARIANCE, Psa
from sim.economics.estimates import Array
from sim.layout.schema import Schema, flag, number, text

CURVE_STEPS: Final = 100
BEYOND: Final = 1.25
"""A curve ends so far beyond the highest threshold, or the last at which the choice changes."""
FARTHEST: Final = 5.0
"""But not farther than so many times the highest threshold."""
CURVES: Final = Schema(
    "acceptability.csv",
    (
        text("strategy"),
        number("threshold", "in `currency` per QALY"),
        number("probability", "share of draws in which it has the most net benefit"),
        number("se", "its binomial error"),
        number("without_noise", "the share without the Monte Carlo noise of each draw"),
        number("without_noise_se", "its error"),
        flag("optimal", "whether it has the most expected net benefit"),
        number("expected_loss", "without noise, in `currency` per patient"),
        number("expected_loss_se", "that of the draws as they are"),
        text("currency"),
    ),
)
"""Acceptability curves and expected losses over `threshold_grid`."""


def threshold_grid(psa: Psa, thresholds: Sequence[float]) -> Array:
    """Return thresholds from 0 to beyond those given, as far as the choice changes."""
    changes = switching_thresholds(
        psa.values("cost").mean(axis=0), psa.values("qalys").mean(axis=0)
    )
    highest = max(thresholds)
    last = max([highest, *(switch.threshold for switch in changes)])
    return np.linspace(0.0, min(BEYOND * last, FARTHEST * highest), CURVE_STEPS + 1)


def quiet_benefits(psa: Psa, threshold: float) -> Array:
    """Return incremental net monetary benefits without noise; shape (draws, strategies)."""
    return quiet(psa.inmb(threshold), psa.inmb_noise(threshold))


def acceptability_curves(psa: Psa) -> pd.DataFrame:
    """Return the table `CURVES`."""
    grid = threshold_grid(psa, psa.question.thresholds)
    costs, qalys = psa.values("cost"), psa.values("qalys")
    shares, frontier = ceac(costs, qalys, grid), ceaf(costs, qalys, grid)
    errors = share_errors(shares, psa.draws)
    loss_errors = expected_loss(costs, qalys, grid).se
    currency = psa.question.perspective.currency
    rows = []
    for k, threshold in enumerate(grid.tolist()):
        benefits = quiet_benefits(psa, threshold)
        silent, silent_se = quiet_shares(psa.inmb(threshold), psa.inmb_noise(threshold))
        losses = benefits.max(axis=1).mean() - benefits.mean(axis=0)
        rows += [
            (name, threshold, shares[k, s], errors[k, s], silent[s], silent_se[s])
            + (bool(frontier.strategy[k] == s), losses[s], loss_errors[k, s], currency)
            for s, name in enumerate(psa.strategies)
        ]
    table = CURVES.table(rows)
    order = pd.Categorical(table["strategy"], psa.strategies)
    return table.iloc[np.argsort(order.codes, kind="stable")].reset_index(drop=True)


def quiet_increments(psa: Psa, strategy: str) -> Array:
    """Return a strategy's increments of QALYs and cost without noise; shape (draws, 2).

    With S the covariance of the draws and W that of their noise, the draws are moved towards
    their mean by the symmetric matrix that turns the covariance S into S - W and moves them least::

        S^-1/2 (S^1/2 (S - W) S^1/2)^1/2 S^-1/2

    in units of the standard deviations of the draws.
    """
    s = psa.strategies.index(strategy)
    draws = np.column_stack([psa.increments("qalys")[:, s], psa.increments("cost")[:, s]])
    centre, scale = draws.mean(axis=0), draws.std(axis=0, ddof=1)
    if not (len(draws) > 1 and (scale > 0.0).all()):
        return draws
    shared = float(np.mean(psa.values(COVARIANCE)[:, s]))
    noise = np.diag([float(psa.increment_noise(name)[:, s].mean()) for name in ("qalys", "cost")])
    noise[0, 1] = noise[1, 0] = shared
    standard = (draws - centre) / scale
    observed = np.cov(standard, rowvar=False)
    between = _power(observed - noise / np.outer(scale, scale), 1.0)
    root, inverse = _power(observed, 0.5), _power(observed, -0.5)
    move = inverse @ _power(root @ between @ root, 0.5) @ inverse
    return np.asarray(centre + (standard @ move) * scale, dtype=np.float64)


def _power(matrix: Array, exponent: float) -> Array:
    """Return a power of a symmetric matrix, with negative eigenvalues set to 0."""
    sizes, directions = np.linalg.eigh(matrix)
    kept = np.where(sizes > 0.0, np.maximum(sizes, 0.0), 0.0)
    raised = np.power(kept, exponent, out=np.zeros_like(kept), where=kept > 0.0)
    found: Array = (directions * raised) @ directions.T
    return found
