"""Sobol indices and Morris screening as files and as they are printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from rich.console import Console

from sim.analyses.morris.analysis import EFFECTS, Screening
from sim.analyses.shared.constant import DOES_NOT_VARY
from sim.analyses.shared.files import (
    analysis_files,
    names_of,
    summary_json,
)
from sim.analyses.shared.global_sensitivity import INDICES
from sim.analyses.shared.points import Target
from sim.analyses.shared.ranges import decided, shown_label
from sim.analyses.shared.text import (
    SAME_PATIENTS,
    amount,
    estimate_cell,
    folded,
    print_heading,
    print_notes,
    strategy_label,
)
from sim.analyses.sobol.analysis import Sobol
from sim.clinic.units import PERCENT
from sim.layout.table import Cell, Row, Table, print_table
from sim.layout.values import estimate_json, finite
from sim.simulation.shares import REST, wholes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SOBOL: Final = "sobol"
SOBOL_NAMES: Final = names_of(SOBOL)
SOBOL_COLUMNS: Final = (
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
NO_EFFECTS: Final = "no effects and no ranks"
MORRIS: Final = "morris"
MORRIS_NAMES: Final = names_of(MORRIS)
MORRIS_COLUMNS: Final = ("input", "label", *EFFECTS, "unit")
"""Of morris.csv, one row per input, the largest `mu_star` first, in the `unit` of the outcome."""


def sobol_table(result: Sobol) -> pd.DataFrame:
    """Return the indices in the columns `SOBOL_COLUMNS`."""
    table = result.table.rename_axis("group").reset_index()
    table.insert(1, "parameters", [result.members[name] for name in table["group"]])
    for name in INDICES:
        checked = np.nan if result.check is None else result.check.table[name].to_numpy()
        table[f"{name}_check"] = checked
    return table[list(SOBOL_COLUMNS)]


def sobol_summary(result: Sobol) -> dict[str, Any]:
    """Return the content of sobol.json after its heading."""
    summary = {
        **_target(result.target),
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
    return {**summary, "groups": records}


def sobol_json(result: Sobol) -> str:
    """Return the whole analysis as JSON text."""
    return summary_json(result.target.question, SOBOL, sobol_summary(result))


def sobol_files(result: Sobol) -> dict[str, str | bytes]:
    """Return the files of the analysis by name."""
    table, summary = sobol_table(result), sobol_summary(result)
    return analysis_files(result.target.question, SOBOL, table, summary, drawn_sobol(result))


def drawn_sobol(result: Sobol) -> Figure:
    """Return the figure of the analysis."""
    from sim.analyses.shared.figure_words import against, words_figure
    from sim.analyses.sobol.figure import sobol_figure
    from sim.layout.style import styled

    looked_at = result.target
    with styled():
        if result.is_constant:
            title = against(looked_at.question, looked_at.strategy)
            return words_figure(title, _nothing(looked_at, NO_INDICES))
        return sobol_figure(result)


def print_sobol(console: Console, result: Sobol) -> None:
    """Print the indices of every group, or that there are none."""
    _heading(console, result.target)
    if result.is_constant:
        print_notes(console, _nothing(result.target, NO_INDICES), *_fixed(result.target))
        return
    headings = ["First order, % (95 % +/-)", "Total, % (95 % +/-)"]
    if result.check is not None:
        headings += ["First order, twice the patients", "Total, twice the patients"]
    rows = [_indices(result, str(name)) for name in result.table.index]
    print_table(console, Table("Share of the variance", headings, [rows]))
    outcome = result.target.outcome
    spread = [
        Row("With every parameter at its own value", [estimate_cell(outcome, result.target.base)]),
        Row("Mean over the parameters", [amount(outcome, result.mean)]),
        Row("Standard deviation over the parameters", [amount(outcome, result.sd)]),
    ]
    print_table(console, Table("Outcome", [""], [spread]))
    print_notes(console, *_sobol_notes(result), *_fixed(result.target))


def _indices(result: Sobol, name: str) -> Row:
    tables = [result.table] if result.check is None else [result.table, result.check.table]
    cells = []
    for table in tables:
        first, first_ci, total, total_ci = table.loc[[name], list(INDICES)].to_numpy()[0].tolist()
        cells += [_share(first, first_ci), _share(total, total_ci)]
    return Row(folded(name), cells)


def _share(value: float, half_width: float) -> Cell:
    return Cell(f"{PERCENT * value:.1f}", f" ({PERCENT * half_width:.1f})")


def _sobol_notes(result: Sobol) -> list[str]:
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
    if result.check is not None:
        moved = float(
            (result.check.table - result.table)[["first_order", "total"]].abs().max().max()
        )
        notes.append(
            f"With twice the patients no index changes by more than {PERCENT * moved:.1f} points. "
            f"{PERCENT * result.check.noise_share:.1f} % of the variance is Monte Carlo noise."
        )
    return notes


def morris_table(result: Screening) -> pd.DataFrame:
    """Return the effects in the columns `MORRIS_COLUMNS`."""
    table = result.table.rename_axis("input").reset_index()
    table.insert(1, "label", [_label(result.target, str(name)) for name in table["input"]])
    table["unit"] = result.target.outcome.file_unit
    return table[list(MORRIS_COLUMNS)]


def morris_summary(result: Screening) -> dict[str, Any]:
    """Return the content of morris.json after its heading."""
    records = [
        {key: finite(value) if isinstance(value, float) else value for key, value in row.items()}
        for row in morris_table(result).to_dict(orient="records")
    ]
    return {
        **_target(result.target),
        "varies": not result.is_constant,
        "trajectories": result.trajectories,
        "runs": result.runs,
        "inputs": records,
    }


def morris_json(result: Screening) -> str:
    """Return the whole analysis as JSON text."""
    return summary_json(result.target.question, MORRIS, morris_summary(result))


def morris_files(result: Screening, top: int) -> dict[str, str | bytes]:
    """Return the files of the analysis by name; the figure names the `top` inputs."""
    table, summary = morris_table(result), morris_summary(result)
    figure = drawn_morris(result, top)
    return analysis_files(result.target.question, MORRIS, table, summary, figure)


def drawn_morris(result: Screening, top: int) -> Figure:
    """Return the figure of the analysis; it names the `top` inputs."""
    from sim.analyses.morris.figure import morris_figure
    from sim.analyses.shared.figure_words import against, words_figure
    from sim.layout.style import styled

    looked_at = result.target
    with styled():
        if result.is_constant:
            title = against(looked_at.question, looked_at.strategy)
            return words_figure(title, _nothing(looked_at, NO_EFFECTS))
        return morris_figure(morris_table(result), looked_at, top=top)


def print_morris(console: Console, result: Screening, top: int) -> None:
    """Print the inputs with the largest effects, or that there are none."""
    _heading(console, result.target)
    if result.is_constant:
        print_notes(console, _nothing(result.target, NO_EFFECTS), *_fixed(result.target))
        return
    outcome = result.target.outcome
    rows = [
        Row(
            folded(_label(result.target, str(name))),
            [
                amount(outcome, row["mu_star"], row["mu_star_ci"]),
                amount(outcome, row["mu"]),
                amount(outcome, row["sigma"]),
            ],
        )
        for name, row in result.table.head(top).iterrows()
    ]
    headings = ["mu* (95 % +/-)", "mu", "sigma"]
    print_table(console, Table(f"First {len(rows)} of {len(result.table)}", headings, [rows]))
    without = int((result.table["mu_star"] == 0.0).sum())
    print_notes(
        console,
        "mu* is the mean size of the change of the outcome over the range of an input, from its "
        "2.5 % to its 97.5 % quantile; mu is its mean with its sign; sigma shows curvature and "
        "interaction.",
        f"{result.trajectories} trajectories, {result.runs:,} runs. {SAME_PATIENTS} {without} "
        "inputs change nothing for any patient.",
        *_fixed(result.target),
    )


def _nothing(target: Target, without: str) -> str:
    """Say that the outcome is the same at all points, and which results it therefore lacks."""
    value = "".join(estimate_cell(target.outcome, target.base))
    return f"{DOES_NOT_VARY.capitalize()}: {without}. It is {value} at every point."


def _fixed(target: Target) -> list[str]:
    """Say which inputs of a tornado are not among these."""
    labels = [shown_label(target.question, name) for name in decided(target.question)]
    if not labels:
        return []
    said = "is fixed and has" if len(labels) == 1 else "are fixed and have"
    return [f"{'; '.join(labels)} {said} a stated range: varied by tornado, not here."]


def _heading(console: Console, target: Target) -> None:
    question = target.question
    against = strategy_label(question, question.scenario.comparator_name)
    ours = strategy_label(question, target.strategy)
    print_heading(console, question, f"{target.outcome.label}: {ours} against {against}")


def _target(target: Target) -> dict[str, Any]:
    return {
        "outcome": target.outcome.name,
        "strategy": target.strategy,
        "comparator": target.question.scenario.comparator_name,
        "threshold": target.threshold,
        "base": estimate_json(target.base),
    }


def _label(target: Target, name: str) -> str:
    if name in target.question.parameters:
        return shown_label(target.question, name)
    for whole in wholes(target.question.parameters):
        if name == f"{whole.name}.{REST}":
            members = (shown_label(target.question, member) for member in whole.counts)
            return f"Rest beside: {'; '.join(members)}"
    return name
