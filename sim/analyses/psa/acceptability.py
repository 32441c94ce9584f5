"""The best strategy at each threshold, the probability that it is the best, and expected losses.

Costs and QALYs come as arrays of one row a draw of the parameters and one column a strategy. The
net monetary benefit of a strategy in a draw is ``threshold * QALYs - cost``.

Source: Fenwick E, Claxton K, Sculpher M, Health Econ 2001;10:779-87 (acceptability curves and
their frontier); Alarid-Escudero F et al., Value Health 2019;22:611-8 (expected loss curves);
Efron B, The Jackknife, the Bootstrap and Other Resampling Plans, 1982, chapter 3 (errors of shares
without Monte Carlo noise).

Curves of a probabilistic analysis over thresholds, and its draws on the plane, for figures.

The Monte Carlo noise of each draw is taken out, as in `sim.analyses.psa.noise`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from sim.analyses.psa.draws_run import COVARIANCE, Psa
from sim.analyses.psa.noise import without_noise
from sim.economics.estimates import Array
from sim.economics.incremental import Strategy, frontier
from sim.layout.schema import Schema, flag, number, strategy_name, text

DRAWS_BY_STRATEGIES: Final = 2
"""Dimensions of an array of costs or QALYs."""
Places = npt.NDArray[np.int64]
"""Numbers of draws."""
GROUPS: Final = 20
"""Of draws, each left out in turn; as many as there are draws, where these are fewer."""


class Estimates(NamedTuple):
    """An array of estimates, and their standard errors in the same shape and unit.

    The errors are those of a finite number of draws; they are nan where there is one draw.
    """

    value: Array
    se: Array


class Switch(NamedTuple):
    """A threshold at which the best strategy by expected net benefit changes.

    Attributes
    ----------
    threshold
        In currency per QALY: the ICER of `after` against `before`.
    before, after
        Columns of the best strategies just below and just above the threshold.
    """

    threshold: float
    before: int
    after: int


class AcceptabilityFrontier(NamedTuple):
    """The best strategy by expected net benefit, and the probability that it is the best.

    Attributes
    ----------
    strategy
        Its column at each threshold; shape (thresholds,).
    probability, se
        The share of draws in which it has the most net benefit, and the error of that share;
        shape (thresholds,).
    switches
        Every threshold at which it changes, rising, also those outside the requested grid.
    """

    strategy: npt.NDArray[np.int64]
    probability: Array
    se: Array
    switches: tuple[Switch, ...]


def ceac(costs: npt.ArrayLike, qalys: npt.ArrayLike, thresholds: npt.ArrayLike) -> Array:
    """Return the cost-effectiveness acceptability curves.

    Parameters
    ----------
    costs, qalys
        In currency and in QALYs; shape (draws, strategies).
    thresholds
        In currency per QALY, at least 0; shape (thresholds,).

    Returns
    -------
    Array
        The share of draws in which each strategy has the most net benefit, shape (thresholds,
        strategies). A draw in which several have the most is shared equally among them, so that
        every row sums to 1.

    Raises
    ------
    ValueError
        Where the shapes do not fit, there are no draws, or a number is not finite.
    """
    curves = [_shares(benefits.T) for benefits in net_benefits(costs, qalys, thresholds)]
    return np.array(curves).reshape(len(curves), np.shape(costs)[1])


def _shares(benefits: Sequence[Array] | Array) -> Array:
    """Return the share of draws in which each strategy is the best; shape (strategies, draws)."""
    most = _most(benefits)
    best = [each == most for each in benefits]
    counts = np.array([np.count_nonzero(each) for each in best])
    if counts.sum() != len(most):
        # Equals share their draws.
        together = np.column_stack(best)
        return np.asarray((together / together.sum(axis=1, keepdims=True)).mean(axis=0))
    return counts / len(most)


def _most(benefits: Sequence[Array] | Array) -> Array:
    """Return the most benefit of each draw; shape (strategies, draws)."""
    # Strategies are few: an axis of two or three is slow to reduce.
    return reduce(np.maximum, benefits)


def share_errors(shares: npt.ArrayLike, draws: int) -> Array:
    """Return the binomial standard errors ``sqrt(p (1 - p) / draws)`` of shares of draws.

    Where draws are shared among equals this is an upper bound.
    """
    share = np.asarray(shares, dtype=np.float64)
    return np.sqrt(np.maximum(share * (1.0 - share), 0.0) / draws)


def ceaf(
    costs: npt.ArrayLike, qalys: npt.ArrayLike, thresholds: npt.ArrayLike
) -> AcceptabilityFrontier:
    """Return the cost-effectiveness acceptability frontier.

    The best strategy is that of the most expected net benefit, ``threshold * mean(QALYs) -
    mean(cost)``; of equals the cheaper. It changes where the full incremental analysis of the
    means has its ICERs, which are exact and do not depend on the grid of thresholds.

    Parameters and errors are those of `ceac`.
    """
    cost, effect, grid = _checked(costs, qalys, thresholds)
    strategy, switches = _optimal(cost, effect, grid)
    probability = ceac(cost, effect, grid)[np.arange(len(grid)), strategy]
    return AcceptabilityFrontier(
        strategy, probability, share_errors(probability, len(cost)), switches
    )


def _optimal(cost: Array, effect: Array, grid: Array) -> tuple[Places, tuple[Switch, ...]]:
    """Return the strategy of the most expected net benefit at each threshold, and its switches."""
    means = _means(cost), _means(effect)
    switches = switching_thresholds(*means)
    reached = np.searchsorted([switch.threshold for switch in switches], grid, side="left")
    first = switches[0].before if switches else _full_analysis(*means)[0][0]
    path = np.array([first, *(switch.after for switch in switches)], dtype=np.int64)
    return path[reached], switches


def switching_thresholds(
    mean_costs: npt.ArrayLike, mean_qalys: npt.ArrayLike
) -> tuple[Switch, ...]:
    """Return the thresholds at which the strategy of the most expected net benefit changes, rising.

    Parameters
    ----------
    mean_costs, mean_qalys
        One value a strategy, in currency and in QALYs.
    """
    rows = _full_analysis(np.asarray(mean_costs), np.asarray(mean_qalys))
    return tuple(
        Switch(icer, before, after)
        for (before, _), (after, icer) in pairwise(rows)
        if icer is not None
    )


def expected_loss(
    costs: npt.ArrayLike, qalys: npt.ArrayLike, thresholds: npt.ArrayLike
) -> Estimates:
    """Return the expected loss of choosing each strategy, in currency per patient.

    ``mean(max over strategies of NMB - NMB)``, shape (thresholds, strategies). The least of a
    row belongs to the best strategy by expected net benefit and is the EVPI.

    Parameters and errors are those of `ceac`.
    """
    means, errors = [], []
    for benefits in net_benefits(costs, qalys, thresholds):
        losses = _losses(benefits)
        means.append(_means(losses))
        errors.append(_errors_of_means(losses))
    return Estimates(np.array(means), np.array(errors))


def _losses(benefits: Array) -> Array:
    return _most(benefits.T)[:, np.newaxis] - benefits


def _errors_of_means(values: Array) -> Array:
    draws, width = values.shape
    if draws == 1:
        return np.full(width, math.nan)
    return np.asarray(np.std(values, axis=0, ddof=1) / math.sqrt(draws))


def net_benefits(
    costs: npt.ArrayLike, qalys: npt.ArrayLike, thresholds: npt.ArrayLike
) -> Iterator[Array]:
    """Yield the net monetary benefits (draws, strategies), threshold by threshold.

    Parameters and errors are those of `ceac`.
    """
    cost, effect, grid = _checked(costs, qalys, thresholds)
    for threshold in grid:
        yield threshold * effect - cost


def _full_analysis(costs: Array, qalys: Array) -> list[tuple[int, float | None]]:
    """Return the strategies of the frontier by rising cost: column and ICER, equals once."""
    # Names in the order of the columns, so that the first of equal strategies comes first.
    width = len(str(len(costs)))
    rows = frontier(
        Strategy(f"{column:0{width}d}", float(cost), float(effect))
        for column, (cost, effect) in enumerate(zip(costs, qalys, strict=True))
    )
    once: dict[tuple[float, float], tuple[int, float | None]] = {}
    for row in rows:
        if row.status == "frontier":
            once.setdefault((row.cost, row.effect), (int(row.name), row.icer))
    return list(once.values())


def _means(values: Array) -> Array:
    """Return the exact means over draws, which do not depend on the order of the draws."""
    return np.array([math.fsum(column) / len(values) for column in values.T.tolist()])


def _checked(
    costs: npt.ArrayLike, qalys: npt.ArrayLike, thresholds: npt.ArrayLike
) -> tuple[Array, Array, Array]:
    cost = np.asarray(costs, dtype=np.float64)
    effect = np.asarray(qalys, dtype=np.float64)
    grid = np.asarray(thresholds, dtype=np.float64)
    if cost.ndim != DRAWS_BY_STRATEGIES or cost.shape != effect.shape or not cost.size:
        message = f"costs and QALYs are by draw and strategy: {cost.shape} and {effect.shape}"
        raise ValueError(message)
    if grid.ndim != 1 or not (np.isfinite(grid).all() and (grid >= 0.0).all()):
        message = "thresholds are a list of finite numbers of at least 0"
        raise ValueError(message)
    if not (np.isfinite(cost).all() and np.isfinite(effect).all()):
        message = "costs and QALYs must be finite"
        raise ValueError(message)
    return cost, effect, grid


def quiet(benefits: Array, noise: Array) -> Array:
    """Return benefits without noise; all of the shape (draws, strategies)."""
    columns = (without_noise(*pair) for pair in zip(benefits.T, noise.T, strict=True))
    return np.column_stack(list(columns))


def best_shares(benefits: Array) -> Array:
    """Return the share of draws in which each strategy has the most benefit."""
    return _shares(benefits.T)


def quiet_shares(benefits: Array, noise: Array, silent: Array | None = None) -> Estimates:
    """Return the share of draws in which each strategy is best without noise, and its error.

    Each strategy's benefits are pulled towards their mean (`sim.analyses.psa.noise`) and draws are
    counted. How far they are pulled is itself estimated, so that the binomial error of a share is
    too small; the error here is that of the jackknife over `GROUPS` groups of draws::

        sqrt((G - 1) / G * sum((share without group g - their mean)^2))

    Parameters
    ----------
    benefits, noise
        Net monetary benefits and their Monte Carlo variances; shape (draws, strategies).
    silent
        The benefits without noise, where they are known.

    Both arrays have the shape (strategies,); of a single draw there is no error (``nan``).
    """
    shares = best_shares(quiet(benefits, noise) if silent is None else silent)
    draws = len(benefits)
    groups = min(GROUPS, draws)
    if draws == 1:
        return Estimates(shares, np.full_like(shares, math.nan))
    group = np.arange(draws, dtype=np.int64) % groups
    return _jackknife(shares, _shares_without_each(benefits.T, noise.T, group, groups))


def left_out(shares: Callable[[Places], Array], draws: int) -> Estimates:
    """Return shares of draws with the errors of the jackknife over `GROUPS` groups of draws.

    Parameters
    ----------
    shares
        Returns them for some of the draws, by their numbers.
    draws
        The number of all draws; a single one gives no error.
    """
    every = np.arange(draws, dtype=np.int64)
    found = shares(every)
    if draws == 1:
        return Estimates(found, np.full_like(found, math.nan))
    groups = min(GROUPS, draws)
    without = np.array([shares(every[every % groups != g]) for g in range(groups)])
    return _jackknife(found, without)


def _jackknife(found: Array, without: Array) -> Estimates:
    """Return estimates with their error from those without each group of draws."""
    groups = len(without)
    spread = ((without - without.mean(axis=0)) ** 2).sum(axis=0)
    return Estimates(found, np.sqrt((groups - 1.0) / groups * spread))


def _shares_without_each(
    benefits: Array, noise: Array, group: npt.NDArray[np.int64], groups: int
) -> Array:
    """Return the shares of draws in which each strategy is best, without each group of draws.

    The moments of the draws that are left are those of all less those of the group.

    Parameters
    ----------
    benefits, noise
        Net monetary benefits and their Monte Carlo variances; shape (strategies, draws).
    group, groups
        The group of each draw, and their number.

    Returns
    -------
    Array
        Shape (groups, strategies).
    """
    sizes = np.bincount(group, minlength=groups)
    left = len(group) - sizes
    means, kept = np.empty((2, len(benefits), groups))
    for s, (values, variances) in enumerate(zip(benefits, noise, strict=True)):
        centre = values.mean()
        within, first, second = (
            each.sum() - np.bincount(group, each, minlength=groups)
            for each in (variances, values - centre, (values - centre) ** 2)
        )
        means[s] = centre + first / left
        observed = (second - first**2 / left) / np.maximum(left - 1, 1)
        between = np.maximum(observed - within / left, 0.0)
        share = np.divide(between, observed, out=np.zeros(groups), where=observed > 0.0)
        kept[s] = np.where((within > 0.0) & (left > 1), np.sqrt(share), 1.0)
    rows = np.ascontiguousarray(benefits)
    shares = np.empty((groups, len(rows)))
    for g in range(groups):
        moved = [
            middle + factor * (row - middle) if factor < 1.0 else row
            for row, middle, factor in zip(rows, means[:, g], kept[:, g], strict=True)
        ]
        most = _most(moved)
        best = [each == most for each in moved]
        counts = [(np.count_nonzero(each), np.count_nonzero(each[g::groups])) for each in best]
        if sum(every for every, _ in counts) == len(most):
            shares[g] = [(every - inside) / left[g] for every, inside in counts]
        else:
            # Equals share their draws.
            weights = np.array(best) / np.sum(best, axis=0)
            shares[g] = (weights.sum(axis=1) - weights[:, g::groups].sum(axis=1)) / left[g]
    return shares


CURVE_STEPS: Final = 100
BEYOND: Final = 1.25
"""A curve ends so far beyond the highest threshold, or the last at which the choice changes."""
FARTHEST: Final = 5.0
"""But not farther than so many times the highest threshold."""
CURVES: Final = Schema(
    "acceptability.csv",
    (
        strategy_name(),
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
    ("strategy", "threshold"),
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
    shares, (optimal, _) = ceac(costs, qalys, grid), _optimal(costs, qalys, grid)
    errors = share_errors(shares, psa.draws)
    currency = psa.question.perspective.currency
    rows = []
    for k, threshold in enumerate(grid.tolist()):
        noisy, noise = psa.inmb(threshold), psa.inmb_noise(threshold)
        benefits = quiet(noisy, noise)
        silent, silent_se = quiet_shares(noisy, noise, benefits)
        losses = _most(benefits.T).mean() - benefits.mean(axis=0)
        loss_errors = _errors_of_means(_losses(threshold * qalys - costs))
        rows += [
            (name, threshold, shares[k, s], errors[k, s], silent[s], silent_se[s])
            + (bool(optimal[k] == s), losses[s], loss_errors[s], currency)
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
