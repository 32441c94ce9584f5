"""The figures of a run, each drawn when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from sim.economics.ledger import COST_CATEGORIES, Account
from sim.layout.cells import SYMBOLS
from sim.layout.text import COST_NAMES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from sim.simulation.question import Question
    from sim.simulation.summary import Summary

SURVIVAL: Final = {"survival_os": "os", "survival_rfs": "rfs"}
COSTS: Final = "costs"
FLOW: Final = "flow"
FRONTIER: Final = "frontier"
NOBODY: Final = "Nobody was at risk long enough for a curve."
NAMES: Final = (*SURVIVAL, COSTS, FLOW, FRONTIER)


def drawn_run(
    name: str, question: Question, summary: Summary, tables: Mapping[str, pd.DataFrame]
) -> Figure:
    """Return a figure of `NAMES`.

    Parameters
    ----------
    name
        Of the figure.
    question, summary
        What was asked, and the answer.
    tables
        Of the run by file name, see `sim.layout.run_tables`.
    """
    # The plotting library is slow to load and not needed to print.
    from sim.analyses.run.figure import (
        TICK_MONTHS,
        TITLES,
        costs_figure,
        flows_figure,
        survival_figure,
    )
    from sim.analyses.shared.figure_words import words_figure
    from sim.analyses.shared.frontier_figure import Place, Plane, frontier_figure
    from sim.layout.style import styled

    labels = {arm.name: arm.label for arm in summary.arms}
    money = question.perspective
    symbol = SYMBOLS[money.currency]
    with styled():
        if name == FLOW:
            return flows_figure(tables["flow.csv"], labels)
        if name == FRONTIER:
            places = [
                Place(labels[row.name], row.effect, row.cost, row.status, row.icer)
                for row in summary.frontier
            ]
            return frontier_figure([Plane("Expected cost and QALYs", places, question)])
        if name == COSTS:
            ledger = tables["ledger.csv"]
            return costs_figure(
                ledger[ledger["account"] == Account.COST.value].rename(
                    columns={"discounted": "amount"}
                ),
                labels,
                {
                    each.label: COST_NAMES.get(
                        each.label, each.label.replace("_", " ").capitalize()
                    )
                    for each in COST_CATEGORIES
                },
                symbol=symbol,
                title=f"Cost per patient, discounted, {money.currency} of {money.price_year}",
            )
        survival, endpoint = tables["survival.csv"], SURVIVAL[name]
        curves = survival[survival["endpoint"] == endpoint].dropna(subset="survival_percent")
        if not (curves["months"] >= TICK_MONTHS).any():
            return words_figure(TITLES[endpoint], NOBODY)
        return survival_figure(curves, (), labels, endpoint=endpoint)
