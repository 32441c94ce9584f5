"""Strategies against one another in the same simulated patients: increments, ICER, frontier.

The patients of two strategies are the same people with common random numbers, so an increment is
the mean of the differences within patients, and its error is the error of that paired difference.
Differences flip their sign exactly when the strategies are exchanged, and two identical strategies
differ by exactly 0.

In the full incremental analysis strategies are ordered by cost. One that costs no less and does no
more than another, and is worse in one of the two, is dominated. One whose ICER exceeds that of the
next more effective strategy is extendedly dominated: a mixture of its neighbours gives as much for
less. The rest are the frontier, whose ICERs rise; the best strategy at any threshold is on it.

Source: Drummond MF et al., Methods for the Economic Evaluation of Health Care Programmes,
4th edition, 2015; Stinnett AA, Mullahy J, Med Decis Making 1998;18 Suppl 2:S68-80 (net
benefit); Karlsson G, Johannesson M, PharmacoEconomics 1996;9:113-20 (frontier).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from sim.economics.estimates import NORMAL_97_5, NOT_ESTIMABLE, Array, Estimate, exact_sum, mean

Quadrant = Literal[
    "more effective and costlier",
    "dominant",
    "dominated",
    "less effective and cheaper",
    "equal",
]


class PatientTotals(NamedTuple):
    """Each patient's cost, QALYs and life-years under one strategy, in the same patient order.

    Attributes
    ----------
    name
        Of the strategy.
    cost
        In the currency of the perspective.
    qalys
        Quality-adjusted life-years.
    life_years
        Years of life.
    """

    name: str
    cost: npt.ArrayLike
    qalys: npt.ArrayLike
    life_years: npt.ArrayLike


@dataclass(frozen=True)
class Increment:
    """The increments of a strategy over its comparator, as means over the same patients.

    Attributes
    ----------
    strategy, comparator
        Their names; every increment is strategy minus comparator.
    cost
        In the currency of the perspective.
    qalys
        Quality-adjusted life-years.
    life_years
        Years of life.
    covariance
        Of the errors of cost and QALYs: ``cov(c, e) / n`` of the patients' differences.
    """

    strategy: str
    comparator: str
    cost: Estimate
    qalys: Estimate
    life_years: Estimate
    covariance: float

    @property
    def icer(self) -> float | None:
        """Return the incremental cost per QALY, the ratio of the mean increments.

        None where the QALYs are equal. A ratio is a price of a QALY only for a strategy that
        is more effective and costlier, and a saving per QALY given up for one that is less
        effective and cheaper; a negative ratio has no such meaning: read `quadrant` with it.
        """
        if self.qalys.mean == 0.0:
            return None
        ratio = self.cost.mean / self.qalys.mean
        return ratio if math.isfinite(ratio) else None

    @property
    def icer_se(self) -> float | None:
        """Return the Monte Carlo standard error of the ICER by the delta method.

        With R the ratio, c and e the differences of the patients and E the mean of e::

            sqrt(var(c) + R^2 var(e) - 2 R cov(c, e)) / (|E| sqrt(n))

        It holds where E is several times its own error; None where the ICER is.
        """
        ratio = self.icer
        if ratio is None:
            return None
        return self._error(ratio) / abs(self.qalys.mean)

    @property
    def ratio(self) -> Estimate:
        """Return the ICER with its error; not estimable where there is none."""
        if self.icer is None or self.icer_se is None:
            return NOT_ESTIMABLE
        return Estimate(self.icer, self.icer_se)

    @property
    def icer_interval(self) -> tuple[float, float] | None:
        """Return the 95 % confidence limits of the ICER by Fieller's theorem.

        All R for which ``(C - R E)^2 <= 1.96^2 var(C - R E)``, with the means C and E of costs
        and QALYs. None where the error of the QALYs leaves their sign open, and every ratio or
        all but a middle piece is inside.

        Source: Willan AR, O'Brien BJ, Health Econ 1996;5:297-305.
        """
        square = NORMAL_97_5**2
        quadratic = self.qalys.mean**2 - square * self.qalys.se**2
        linear = self.cost.mean * self.qalys.mean - square * self.covariance
        constant = self.cost.mean**2 - square * self.cost.se**2
        if self.icer is None or not quadratic > 0.0:
            return None
        # Never negative where the quadratic term is above 0, but by rounding.
        root = math.sqrt(max(linear**2 - quadratic * constant, 0.0))
        return (linear - root) / quadratic, (linear + root) / quadratic

    @property
    def quadrant(self) -> Quadrant:
        """Return the quadrant of the cost-effectiveness plane."""
        return quadrant(self.cost.mean, self.qalys.mean)

    def nmb(self, threshold: float) -> Estimate:
        """Return the incremental net monetary benefit, ``threshold * QALYs - cost``.

        In currency, at a threshold in currency per QALY; the error is that of the patients'
        own net benefits.
        """
        return Estimate(threshold * self.qalys.mean - self.cost.mean, self._error(threshold))

    def nhb(self, threshold: float) -> Estimate:
        """Return the incremental net health benefit, ``QALYs - cost / threshold``.

        In QALYs, at a threshold in currency per QALY.

        Raises
        ------
        ValueError
            Where the threshold is not above 0.
        """
        if not threshold > 0.0:
            message = f"net health benefit needs a threshold above 0: {threshold}"
            raise ValueError(message)
        benefit = self.nmb(threshold)
        return Estimate(benefit.mean / threshold, benefit.se / threshold)

    def _error(self, weight: float) -> float:
        """Return the standard error of ``weight E - C``, from the paired covariance."""
        variance = (weight * self.qalys.se) ** 2 + self.cost.se**2 - 2.0 * weight * self.covariance
        return math.sqrt(max(variance, 0.0)) if not math.isnan(variance) else math.nan


def quadrant(cost: float, qalys: float) -> Quadrant:
    """Return the quadrant of the cost-effectiveness plane in which two increments are.

    A strategy is dominant when it is at least as good in both costs and QALYs and better in one,
    so the axes belong to dominance; "equal" is the origin.
    """
    costlier, cheaper = cost > 0.0, cost < 0.0
    better, worse = qalys > 0.0, qalys < 0.0
    if better and costlier:
        return "more effective and costlier"
    if worse and cheaper:
        return "less effective and cheaper"
    if better or cheaper:
        return "dominant"
    if worse or costlier:
        return "dominated"
    return "equal"


def paired_difference(strategy_values: npt.ArrayLike, comparator_values: npt.ArrayLike) -> Estimate:
    """Estimate the mean of the differences within patients, strategy minus comparator.

    With ``d = x - y`` patient by patient: ``mean(d)``, with error ``sd(d) / sqrt(n)``.

    Raises
    ------
    ValueError
        Where the two do not hold the same number of patients, or a value is not finite.
    """
    return mean(_differences(strategy_values, comparator_values))


def increment(strategy: PatientTotals, comparator: PatientTotals) -> Increment:
    """Compare a strategy with a comparator in the same patients.

    Raises
    ------
    ValueError
        Where the two do not hold the same number of patients, or a value is not finite.
    """
    costs = _differences(strategy.cost, comparator.cost)
    qalys = _differences(strategy.qalys, comparator.qalys)
    return Increment(
        strategy=strategy.name,
        comparator=comparator.name,
        cost=mean(costs),
        qalys=mean(qalys),
        life_years=paired_difference(strategy.life_years, comparator.life_years),
        covariance=_covariance_of_means(costs, qalys),
    )


def _covariance_of_means(first: Array, second: Array) -> float:
    """Return the covariance of two means over the same patients, ``cov / n``."""
    n = len(first)
    if n <= 1:
        return math.nan
    products = (first - mean(first).mean) * (second - mean(second).mean)
    return exact_sum(products) / (n - 1) / n


def _differences(strategy_values: npt.ArrayLike, comparator_values: npt.ArrayLike) -> Array:
    ours = np.asarray(strategy_values, dtype=np.float64)
    theirs = np.asarray(comparator_values, dtype=np.float64)
    if ours.shape != theirs.shape:
        message = f"paired values must be of the same patients: {ours.shape} and {theirs.shape}"
        raise ValueError(message)
    return ours - theirs


Status = Literal["frontier", "dominated", "extendedly dominated"]


class Strategy(NamedTuple):
    """A strategy with its mean cost (currency) and mean effect (QALYs or life-years)."""

    name: str
    cost: float
    effect: float


class FrontierRow(NamedTuple):
    """One line of the full incremental analysis.

    Attributes
    ----------
    name, cost, effect
        As given.
    status
        "frontier", "dominated" or "extendedly dominated".
    icer
        Cost per unit of effect against the previous strategy on the frontier; None for the
        cheapest of them and off the frontier.
    """

    name: str
    cost: float
    effect: float
    status: Status
    icer: float | None


def frontier(strategies: Iterable[Strategy]) -> list[FrontierRow]:
    """Return the full incremental analysis, by rising cost, whatever the order given.

    Ties: of equal cost, the more effective comes first and dominates the other; of equal
    effect, the cheaper dominates. Strategies equal in both share their status and their ICER
    and come in the order of their names. Where two successive ICERs are equal, the strategy
    between them stays on the frontier: at that threshold it is as good as its neighbours.

    Raises
    ------
    ValueError
        Where two strategies have one name, or a cost or an effect is not finite.
    """
    ordered = _by_cost(strategies)
    undominated: list[tuple[float, float]] = []
    for point in map(_point, ordered):
        if not undominated or point[1] > undominated[-1][1]:
            undominated.append(point)
    hull: list[tuple[float, float]] = []
    for point in undominated:
        while len(hull) > 1 and _icer(hull[-2], hull[-1]) > _icer(hull[-1], point):
            hull.pop()
        hull.append(point)
    icers: dict[tuple[float, float], float | None] = dict.fromkeys(hull)
    icers |= {point: _icer(previous, point) for previous, point in pairwise(hull)}

    def status(point: tuple[float, float]) -> Status:
        if point in icers:
            return "frontier"
        return "extendedly dominated" if point in undominated else "dominated"

    return [
        FrontierRow(*strategy, status(_point(strategy)), icers.get(_point(strategy)))
        for strategy in ordered
    ]


def previous_on_frontier(rows: Iterable[FrontierRow]) -> dict[str, str]:
    """Return, by the name of each strategy on the frontier, the next cheaper one on it.

    The cheapest has none. Of several that are equal in cost and effect it is the first.
    """
    previous: dict[str, str] = {}
    steps: list[FrontierRow] = []
    for row in rows:
        if row.status != "frontier":
            continue
        if not steps or (row.cost, row.effect) != (steps[-1].cost, steps[-1].effect):
            steps.append(row)
        if len(steps) > 1:
            previous[row.name] = steps[-2].name
    return previous


def optimal(strategies: Iterable[Strategy], threshold: float) -> str:
    """Return the name of the strategy with the most net monetary benefit.

    The benefit is ``threshold * effect - cost``, at a threshold in currency per unit of
    effect. Of equal benefits the cheaper strategy wins, then the more effective, then the
    first by name, so that a dominated strategy is never chosen.

    Raises
    ------
    ValueError
        Where there is no strategy, two have one name, or a number is not finite.
    """
    ordered = _by_cost(strategies)
    if not ordered:
        message = "no strategy to choose from"
        raise ValueError(message)
    if not (math.isfinite(threshold) and threshold >= 0.0):
        message = f"a threshold is a finite number of at least 0: {threshold}"
        raise ValueError(message)
    # max returns the first of equals, and the order is that of the ties.
    return max(ordered, key=lambda s: threshold * s.effect - s.cost).name


def _by_cost(strategies: Iterable[Strategy]) -> list[Strategy]:
    """Return the strategies by rising cost, then falling effect, then name, once checked."""
    ordered = sorted(strategies, key=lambda s: (s.cost, -s.effect, s.name))
    names = {strategy.name for strategy in ordered}
    if len(names) < len(ordered):
        message = "two strategies have the same name"
        raise ValueError(message)
    for strategy in ordered:
        if not (math.isfinite(strategy.cost) and math.isfinite(strategy.effect)):
            message = f"the cost and the effect of {strategy.name} must be finite"
            raise ValueError(message)
    return ordered


def _point(strategy: Strategy) -> tuple[float, float]:
    return strategy.cost, strategy.effect


def _icer(cheaper: tuple[float, float], costlier: tuple[float, float]) -> float:
    return (costlier[0] - cheaper[0]) / (costlier[1] - cheaper[1])


@dataclass(frozen=True)
class AnalysedStrategy:
    """A strategy of the full incremental analysis.

    Attributes
    ----------
    name, cost, qalys
        With the errors of the means.
    status
        Its place: on the frontier, dominated or extendedly dominated.
    step
        Against the next cheaper strategy of the frontier, for those on it but the cheapest;
        its ICER, with its error, is that of the analysis.
    gain
        Against the reference, for its net benefits; nothing of the reference itself is gained.
    """

    name: str
    cost: Estimate
    qalys: Estimate
    status: Status
    step: Increment | None
    gain: Increment


def analyse(strategies: Sequence[PatientTotals], reference: str) -> list[AnalysedStrategy]:
    """Return the full incremental analysis, by rising cost, whatever the order given.

    Parameters
    ----------
    strategies
        The same patients in the same order under each.
    reference
        Name of the one that net benefits are counted from.

    Raises
    ------
    ValueError
        Where two strategies have one name, none has the reference's, or the patients differ.
    """
    totals = {strategy.name: strategy for strategy in strategies}
    if reference not in totals:
        message = f"no strategy is called {reference}"
        raise ValueError(message)
    found = {name: (mean(each.cost), mean(each.qalys)) for name, each in totals.items()}
    rows = frontier(
        Strategy(strategy.name, *(each.mean for each in found[strategy.name]))
        for strategy in strategies
    )
    previous = previous_on_frontier(rows)
    return [
        AnalysedStrategy(
            row.name,
            *found[row.name],
            row.status,
            increment(totals[row.name], totals[previous[row.name]])
            if row.name in previous
            else None,
            increment(totals[row.name], totals[reference]),
        )
        for row in rows
    ]
