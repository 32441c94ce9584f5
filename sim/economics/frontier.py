"""The full incremental analysis: which of several strategies are worth considering.

Strategies are ordered by cost. One that costs no less and does no more than another, and is
worse in one of the two, is dominated. One whose ICER exceeds that of the next more effective
strategy is extendedly dominated: a mixture of its neighbours gives as much for less. The rest
are the frontier, whose ICERs rise; the best strategy at any threshold is on it.

Source: Karlsson G, Johannesson M, PharmacoEconomics 1996;9:113-20; Drummond MF et al.,
Methods for the Economic Evaluation of Health Care Programmes, 4th edition, 2015.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise
from typing import Literal, NamedTuple

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
