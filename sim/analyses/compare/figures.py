"""The figures of a comparison, each drawn when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd

from sim.layout.run_tables import survival_table
from sim.simulation.comparison import ALL, SCENARIO_SEPARATOR, Analysis, Comparison

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sim.analyses.shared.frontier_figure import Plane

FRONTIER: Final = "frontier"
SURVIVAL: Final = {"survival_os": "os", "survival_rfs": "rfs"}
NAMES: Final = (FRONTIER, *SURVIVAL)


def drawn_comparison(name: str, comparison: Comparison) -> Figure:
    """Return a figure of `NAMES`."""
    # The plotting library is slow to load and not needed to print.
    from sim.analyses.run.figure import survival_figure
    from sim.analyses.shared.frontier_figure import frontier_figure
    from sim.layout.style import styled

    with styled():
        if name == FRONTIER:
            return frontier_figure([_plane(each) for each in comparison.analyses])
        endpoint = SURVIVAL[name]
        curves, labels = _survival(comparison, endpoint)
        return survival_figure(curves, (), labels, endpoint=endpoint)


def _plane(analysis: Analysis) -> Plane:
    from sim.analyses.shared.frontier_figure import Place, Plane

    places = [
        Place(
            analysis.labels[each.name],
            each.qalys.mean,
            each.cost.mean,
            each.status,
            None if each.step is None else each.step.icer,
        )
        for each in analysis.strategies
    ]
    of = "" if analysis.scenario == ALL else f", {analysis.scenario.replace('_', ' ')}"
    return Plane(f"Expected cost and QALYs{of}", places, analysis.side.question)


def _survival(comparison: Comparison, endpoint: str) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the curves and their labels; of curves that are the same, the first alone."""
    labels: dict[str, str] = {}
    kept: dict[bytes, pd.DataFrame] = {}
    for side in comparison.sides:
        for curve in side.curves:
            if curve.endpoint != endpoint or curve.at_risk.tobytes() in kept:
                continue
            name = f"{side.name}{SCENARIO_SEPARATOR}{curve.strategy}"
            labels[name] = f"{side.label(curve.strategy)} ({side.name})"
            kept[curve.at_risk.tobytes()] = survival_table([curve]).assign(strategy=name)
    return pd.concat(kept.values()).dropna(subset="survival_percent"), labels
