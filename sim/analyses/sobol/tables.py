"""Sobol indices as files and as they are printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from rich.console import Console

from sim.analyses.shared.files import analysis_files, names_of, summary_json
from sim.analyses.shared.global_sensitivity import INDICES
from sim.analyses.shared.global_sensitivity_text import fixed, heading, nothing, target_summary
from sim.analyses.shared.groups import FITTED
from sim.analyses.shared.text import (
    SAME_PATIENTS,
    against,
    amount,
    estimate_cell,
    folded,
    print_notes,
)
from sim.analyses.sobol.analysis import Sobol
from sim.clinic.units import PERCENT
from sim.layout.table import Cell, Row, Table, print_table
from sim.layout.values import finite

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ANALYSIS: Final = "sobol"
NAMES: Final = names_of(ANALYSIS)
COLUMNS: Final = (
    "group",
    "parameters",
    *INDICES,
    *(f"{name}_check" for name in INDICES),
)
"""Of sobol.csv, one row per group, the largest total index first.

- `parameters` is the number of coordinates of the group.
- `first_order` and `total` are shares of the variance; columns in ``_ci`` are half-widths of 95 %
  intervals. Those in ``_check`` are from twice the patients, and empty without ``--check``.
"""
NO_INDICES: Final = "no indices"


def sobol_table(result: Sobol) -> pd.DataFrame:
    """Return the indices in the columns `COLUMNS`."""
    table = result.table.rename_axis("group").reset_index()
    table.insert(1, "parameters", [result.members[name] for name in table["group"]])
    for name in INDICES:
        checked = np.nan if result.check is None else result.check.table[name].to_numpy()
        table[f"{name}_check"] = checked
    return table[list(COLUMNS)]


def sobol_summary(result: Sobol) -> dict[str, Any]:
    """Return the content of sobol.json after its heading."""
    summary = {
        **target_summary(result.target),
        "draws": result.draws,
        "runs": result.draws * (len(result.table) + 2),
        "mean": result.mean,
        "sd": result.sd,
        "varies": not result.is_constant,
        "first_order_sum": None if result.is_constant else float(result.table["first_order"].sum()),
        "noise_share": None if result.check is None else finite(result.check.noise_share),
    }
    records = [
        {key: finite(value) if isinstance(value, float) else value for key, value in row.items()}
        for row in sobol_table(result).to_dict(orient="records")
    ]
    fitted = [
        {"topic": str(topic), **row}
        for topic, row in zip(
            result.fitted.index, result.fitted.to_dict(orient="records"), strict=True
        )
    ]
    return {**summary, "groups": records, "fitted": fitted}


def sobol_json(result: Sobol) -> str:
    """Return the whole analysis as JSON text."""
    return summary_json(result.target.question, ANALYSIS, sobol_summary(result))


def sobol_files(result: Sobol) -> dict[str, str | bytes]:
    """Return the files of the analysis by name."""
    table, summary = sobol_table(result), sobol_summary(result)
    return analysis_files(result.target.question, ANALYSIS, table, summary, drawn_sobol(result))


def drawn_sobol(result: Sobol) -> Figure:
    """Return the figure of the analysis."""
    from sim.analyses.shared.figure_words import words_figure
    from sim.analyses.sobol.figure import sobol_figure
    from sim.layout.style import styled

    looked_at = result.target
    with styled():
        if result.is_constant:
            title = against(looked_at.question, looked_at.strategy)
            return words_figure(title, nothing(looked_at, NO_INDICES))
        return sobol_figure(result)


def print_sobol(console: Console, result: Sobol) -> None:
    """Print the indices of every group, or that there are none."""
    heading(console, result.target)
    if result.is_constant:
        print_notes(console, nothing(result.target, NO_INDICES), *fixed(result.target))
        return
    headings = ["First order, % (95 % +/-)", "Total, % (95 % +/-)"]
    if result.check is not None:
        headings += ["First order, twice the patients", "Total, twice the patients"]
    rows = []
    for name in result.table.index.astype(str):
        rows.append(_indices(result, name))
        if name == FITTED:
            rows += [_topic(result, str(topic)) for topic in result.fitted.index]
    print_table(console, Table("Share of the variance", headings, [rows]))
    outcome = result.target.outcome
    spread = [
        Row("With every parameter at its own value", [estimate_cell(outcome, result.target.base)]),
        Row("Mean over the parameters", [amount(outcome, result.mean)]),
        Row("Standard deviation over the parameters", [amount(outcome, result.sd)]),
    ]
    print_table(console, Table("Outcome", [""], [spread]))
    print_notes(console, *_notes(result), *fixed(result.target))


def _indices(result: Sobol, name: str) -> Row:
    tables = [result.table] if result.check is None else [result.table, result.check.table]
    cells = []
    for table in tables:
        first, first_ci, total, total_ci = table.loc[[name], list(INDICES)].to_numpy()[0].tolist()
        cells += [_share(first, first_ci), _share(total, total_ci)]
    rest = " (what was not fitted)" if name in result.fitted.index else ""
    return Row(folded(f"{name}{rest}"), cells)


def _topic(result: Sobol, topic: str) -> Row:
    share, half_width = result.fitted.loc[[topic], ["share", "share_ci"]].to_numpy()[0].tolist()
    blank = [Cell("")] * (1 if result.check is None else 3)
    return Row(f"  of which {topic}", [_share(share, half_width), *blank])


def _share(value: float, half_width: float) -> Cell:
    return Cell(f"{PERCENT * value:.1f}", f" ({PERCENT * half_width:.1f})")


def _notes(result: Sobol) -> list[str]:
    total = float(result.table["first_order"].sum())
    notes = [
        (
            f"First order: what learning the group would take off the variance. Total: what is left "
            f"when all else is known. First-order indices add up to {PERCENT * total:.0f} %; the rest "
            "is interaction between groups and the error of the estimates."
        ),
        (
            f"{result.draws:,} points of a Sobol sequence, {result.draws * (len(result.table) + 2):,} "
            f"runs. {SAME_PATIENTS} Luck common to all runs does not vary and is in no index."
        ),
    ]
    if len(result.fitted):
        notes.append(
            "Fitted parameters depend on each other, so their first-order index is divided among "
            "topics by Shapley effects: what learning a topic takes off, averaged over all orders "
            "of learning, for the linear part of the outcome. The other rows of these topics hold "
            "only what was not fitted."
        )
    elif FITTED in result.table.index:
        notes.append(
            "Too few draws to divide the fitted parameters, which hold most of what is clinical, "
            "among their topics. The other rows hold only what was not fitted."
        )
    if result.check is not None:
        moved = float(
            (result.check.table - result.table)[["first_order", "total"]].abs().max().max()
        )
        notes.append(
            f"With twice the patients no index changes by more than {PERCENT * moved:.1f} points. "
            f"{PERCENT * result.check.noise_share:.1f} % of the variance is Monte Carlo noise."
        )
    return notes
