"""Costs and risks of payer and company under each agreement, over draws of the uncertain parameters."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from sim.analyses.agreement.analysis import AGREED, BASES, DISCOUNT, AgreementAnalysis, drawn_values
from sim.analyses.psa.noise import without_noise
from sim.analyses.shared.figure import balanced
from sim.analyses.shared.text import against
from sim.economics.estimates import Array
from sim.layout.cells import SYMBOLS, money_text
from sim.layout.style import COLOURS, GREY, in_currency, new_figure

WIDTH_MM: Final = 190.0
ROW_MM: Final = 11.0
FRAME_MM: Final = 34.0
LABEL_WIDTH: Final = 30
APART: Final = 0.17
"""Between an agreement and its discount, in rows."""
OUTER, INNER = (0.025, 0.975), (0.25, 0.75)
MARKERS: Final = {AGREED: "o", DISCOUNT: "D"}
TICKS: Final = 4
ENDS_OF_ROWS: Final = 0.6


def agreement_figure(found: AgreementAnalysis) -> Figure:
    """Draw the payer's net benefit and the company's revenue, an interval for each agreement.

    At the highest threshold. Below each agreement is the discount of the same expected cost. Thin
    lines hold 95 % of the draws, thick ones half of them, with the Monte Carlo noise taken out.
    """
    question = found.question
    strategies = list(dict.fromkeys(found.deals["strategy"]))
    rows = found.deals["strategy"].value_counts()
    symbol = SYMBOLS[question.perspective.currency]
    threshold = max(question.thresholds)
    height = sum(FRAME_MM + ROW_MM * rows[strategy] for strategy in strategies)
    figure, panels = new_figure(WIDTH_MM, height, rows=len(strategies), columns=2)
    for number, strategy in enumerate(strategies):
        payer, company = panels[2 * number : 2 * number + 2]
        deals = found.deals[found.deals["strategy"] == strategy]
        for row, name in enumerate(deals["agreement"]):
            for basis in BASES:
                chosen = _chosen(found.drawn, strategy, name, basis)
                if len(chosen):
                    benefit, paid = drawn_values(chosen, threshold)
                    at = row + (APART if basis != AGREED else -APART if name else 0.0)
                    _interval(payer, without_noise(*benefit), at, basis)
                    _interval(company, without_noise(*paid), at, basis)
        wrapped = [balanced(label, LABEL_WIDTH) for label in deals["label"]]
        payer.set_yticks(range(len(deals)), wrapped)
        company.set_yticks(range(len(deals)), [""] * len(deals))
        worth = f"Net benefit at {money_text(threshold, symbol)} per QALY, per patient"
        _frame(payer, "Payer", worth, len(deals), symbol)
        _frame(company, "Company", "Paid for the drug, per patient", len(deals), symbol)
        payer.axvline(0.0, color=GREY, linestyle="--", linewidth=1.0)
        if len(strategies) > 1:
            payer.set_ylabel(balanced(against(question, strategy), LABEL_WIDTH))
    figure.legend(handles=_legend(), loc="outside lower center", ncols=3)
    return figure


def _chosen(drawn: pd.DataFrame, strategy: str, name: str, basis: str) -> pd.DataFrame:
    is_it = (drawn["strategy"] == strategy) & (drawn["agreement"] == name)
    return drawn[is_it & (drawn["basis"] == basis)]


def _colour(basis: str) -> str:
    return COLOURS[0 if basis == AGREED else 1]


def _interval(axes: Axes, values: Array, row: float, basis: str) -> None:
    colour = _colour(basis)
    for ends, width in ((OUTER, 1.0), (INNER, 3.2)):
        axes.plot(np.quantile(values, ends), [row, row], color=colour, linewidth=width)
    marks: dict[str, Any] = {
        "marker": MARKERS[basis],
        "markersize": 4.0,
        "markeredgecolor": "white",
    }
    axes.plot(values.mean(), row, color=colour, **marks)


def _frame(axes: Axes, title: str, label: str, rows: int, symbol: str) -> None:
    axes.set_title(title)
    axes.set_ylim(rows - 1 + ENDS_OF_ROWS, -ENDS_OF_ROWS)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    in_currency(axes.xaxis, symbol)
    axes.xaxis.set_major_locator(MaxNLocator(TICKS))
    axes.set_xlabel(label)


def _legend() -> list[Line2D]:
    marks: dict[str, Any] = {"markeredgecolor": "white", "markersize": 5.0, "linewidth": 1.6}
    words = {AGREED: "agreement", DISCOUNT: "discount of the same expected cost"}
    return [
        *(
            Line2D([], [], color=_colour(basis), marker=MARKERS[basis], label=label, **marks)
            for basis, label in words.items()
        ),
        Line2D([], [], color=GREY, linewidth=1.0, label="95 % of draws; thick: half of them"),
    ]
