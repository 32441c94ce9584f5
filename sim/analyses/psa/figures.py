"""The figures of a probabilistic analysis, and the table behind one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim.analyses.psa.acceptability import (
    acceptability_curves,
    quiet_increments,
    switching_thresholds,
)
from sim.analyses.psa.draws_run import Psa
from sim.layout.cells import SYMBOLS
from sim.layout.figure_file import figure_files, figure_names
from sim.layout.schema import in_csv

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PLANE: Final = "plane"
CURVES: Final = "acceptability"
LOSSES: Final = "expected_loss"
NAMES: Final = (
    f"{CURVES}.csv",
    *figure_names((PLANE, CURVES, LOSSES)),
)


def psa_figures(psa: Psa) -> dict[str, bytes]:
    """Return the files by name; none where there is nothing to choose."""
    if len(psa.strategies) == 1:
        return {}
    curves = acceptability_curves(psa)
    files = {f"{CURVES}.csv": in_csv(curves).encode()}
    return files | figure_files(drawn_psa(psa))


def drawn_psa(psa: Psa) -> dict[str, Figure]:
    """Return the figures by name; there are two strategies or more."""
    from sim.analyses.psa.figure import (
        Cloud,
        acceptability_figure,
        expected_loss_figure,
        plane_figure,
    )
    from sim.layout.style import styled

    names, question = psa.strategies, psa.question
    comparator = names[psa.comparator]
    labels = {each.name: each.shown_name for each in question.scenario.strategies}
    symbol = SYMBOLS[question.perspective.currency]
    means = [psa.values(column).mean(axis=0) for column in ("cost", "qalys")]
    clouds = [
        Cloud(name, labels[name], *quiet_increments(psa, name).T)
        for name in names
        if name != comparator
    ]
    curves = acceptability_curves(psa)
    with styled():
        return {
            PLANE: plane_figure(
                clouds,
                names,
                labels[comparator],
                question.thresholds,
                symbol=symbol,
                year=question.perspective.price_year,
            ),
            CURVES: acceptability_figure(
                curves,
                names,
                labels,
                question.thresholds,
                [switch.threshold for switch in switching_thresholds(*means)],
                symbol=symbol,
            ),
            LOSSES: expected_loss_figure(curves, names, labels, question.thresholds, symbol=symbol),
        }
