"""The full incremental analysis of strategies in the same patients, with its errors.

Source: as `sim.economics.frontier` and `sim.economics.incremental`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sim.economics.estimates import Estimate, mean
from sim.economics.frontier import Status, Strategy, frontier, previous_on_frontier
from sim.economics.incremental import Increment, PatientTotals, increment


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
