"""``sobol``: divide the uncertainty of an outcome among groups of parameters.

The indices as files and as they are printed, and the function that answers with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import numpy as np
import pandas as pd
from rich.console import Console

from sim.analyses.shared.arguments import (
    Cluster,
    Groups,
    Option,
    Out,
    Part,
    Patients,
    Seed,
    Threads,
    Threshold,
    Whole,
    checked,
)
from sim.analyses.shared.cube import FITTED, cube
from sim.analyses.shared.result import Layout, ResumableResult
from sim.analyses.shared.scenario import Asked, asked
from sim.analyses.shared.store import MANIFEST
from sim.analyses.shared.stored import Stored, names_of
from sim.analyses.shared.target import aimed, stored_target
from sim.analyses.shared.text import (
    SAME_PATIENTS,
    amount,
    estimate_cell,
    folded,
    print_notes,
)
from sim.analyses.shared.work import place_of_work
from sim.analyses.sobol import analysis
from sim.analyses.sobol.analysis import COLUMNS, INDICES, Check, Sobol
from sim.clinic.units import PERCENT
from sim.layout.cells import finite, known
from sim.layout.schema import Schema, count, number, records, text
from sim.layout.table import Cell, Row, Table, print_table
from sim.limits import FEWEST_DRAWS, MOST_SOBOL_DRAWS
from sim.simulation.parameter_draws import fitted_draws

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ANALYSIS: Final = "sobol"
NAMES: Final = names_of(ANALYSIS)
POINT_PATIENTS: Final = 2_000
"""Of each point by default: the error of an index comes from the number of points, not of patients."""
TABLE: Final = Schema(
    f"{ANALYSIS}.csv",
    (
        text("group"),
        count("parameters", "coordinates of the group"),
        *(
            number(f"{name}{suffix}", meaning)
            for suffix, meaning in (
                ("", "share of the variance; ``_ci`` is the half-width of its 95 % interval"),
                ("_check", "the same from twice the patients; empty without ``--check``"),
            )
            for name in INDICES
        ),
    ),
)
"""One row per group, the largest total index first."""


def sobol_table(result: Sobol) -> pd.DataFrame:
    """Return the indices as `TABLE`."""
    table = result.table.rename_axis("group").reset_index()
    table.insert(1, "parameters", [result.members[name] for name in table["group"]])
    for name in INDICES:
        checked = np.nan if result.check is None else result.check.table[name].to_numpy()
        table[f"{name}_check"] = checked
    return table[list(TABLE.names)]


def sobol_summary(result: Sobol) -> dict[str, Any]:
    """Return the content of sobol.json after its heading."""
    return {
        **result.summary(),
        "draws": result.draws,
        "runs": result.runs,
        "mean": result.mean,
        "sd": result.sd,
        "varies": not result.is_constant,
        "first_order_sum": None if result.is_constant else float(result.table["first_order"].sum()),
        "checked": result.check is not None,
        "noise_share": None if result.check is None else finite(result.check.noise_share),
        "groups": records(sobol_table(result)),
        "fitted": records(result.fitted.rename_axis("topic").reset_index()),
    }


def read_sobol(stored: Stored) -> Sobol:
    """Return the indices that are stored in a folder; raise `UserError` where a file is broken."""
    told, everything = stored.summary, stored.table(TABLE).set_index("group")
    checked = everything[[f"{name}_check" for name in INDICES]].set_axis(INDICES, axis=1)
    return Sobol(
        **stored_target(stored),
        draws=told["draws"],
        members={str(name): count for name, count in everything["parameters"].items()},
        table=everything[list(INDICES)],
        mean=told["mean"],
        sd=told["sd"],
        check=Check(checked, known(told["noise_share"])) if told["checked"] else None,
        fitted=pd.DataFrame(told["fitted"], columns=["topic", *COLUMNS]).set_index("topic"),
    )


def _figure(result: Sobol) -> Figure:
    from sim.analyses.sobol.figure import sobol_figure

    return sobol_figure(result)


def print_sobol(console: Console, result: Sobol) -> None:
    """Print the indices of every group, or that there are none."""
    result.print_heading(console)
    if result.is_constant:
        print_notes(console, result.lacking, *result.fixed())
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
    outcome = result.outcome
    spread = [
        Row("With every parameter at its own value", [estimate_cell(outcome, result.base)]),
        Row("Mean over the parameters", [amount(outcome, result.mean)]),
        Row("Standard deviation over the parameters", [amount(outcome, result.sd)]),
    ]
    print_table(console, Table("Outcome", [""], [spread]))
    print_notes(console, *_notes(result), *result.fixed())


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
            f"{result.draws:,} points of a Sobol sequence, {result.runs:,} "
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


FILE_LAYOUT: Final = Layout(ANALYSIS, sobol_table, sobol_summary, _figure, print_sobol, read_sobol)


class SobolResult(ResumableResult[Sobol]):
    """Shares of the variance of an outcome that are due to groups of parameters."""

    COMMAND = "sobol"
    FILES = (*NAMES, MANIFEST)
    FIGURES = (ANALYSIS,)
    LAYOUT = FILE_LAYOUT

    @property
    def indices(self) -> pd.DataFrame:
        """A row per group, as in sobol.csv: `sim.analyses.sobol.result.TABLE`."""
        return sobol_table(self._found)

    @property
    def fitted(self) -> pd.DataFrame:
        """Shares of the variance explained by the fitted parameters, by ``topic``, as in sobol.json.

        Columns ``parameters``, their number, ``share`` of the variance of the outcome and the
        half-width of its 95 % interval, ``share_ci``. Empty where there are too few draws.
        """
        return self._found.fitted


@checked
def sobol(
    scenario: Asked,
    *,
    outcome: str = "nmb",
    threshold: Threshold = None,
    strategy: str | None = None,
    groups: Groups = "default",
    draws: Annotated[int, Option("N", Whole(FEWEST_DRAWS, MOST_SOBOL_DRAWS))] = 512,
    check: bool = False,
    patients: Patients = None,
    seed: Seed = None,
    out: Out = None,
    resume: bool = False,
    threads: Threads = None,
    cluster: Cluster = None,
    part: Part = None,
) -> SobolResult:
    """Run a variance-based sensitivity analysis: Sobol indices of groups of parameters.

    All uncertain parameters vary together. The first-order index of a group is the share of the
    variance that learning it would remove, the total index the share left when all else is known.

    Parameters
    ----------
    scenario
        The question, or the path of its file.
    outcome, threshold, strategy
        As for `tornado`.
    groups
        With ``default`` the indices of groups of related parameters, with ``none`` of each.
    draws
        Points of the Sobol sequence, a power of 2; each takes two runs more than there are groups.
    check
        Repeat with twice the patients: do the indices change?
    patients
        Of each point; by default the scenario's number, at most 2,000.
    seed, out, resume, threads, cluster, part
        As for `tornado`.

    Raises
    ------
    UserError
        When an argument is not allowed, the outcome is undefined at a point, or the folder is unfit.

    Examples
    --------
    >>> from sim import Scenario, sobol
    >>> scenario = Scenario.load("scenarios/first_salvage.yaml").with_(patients=20)
    >>> sobol(scenario, draws=2).indices.columns[:2].to_list()
    ['group', 'parameters']
    """
    chosen = asked(scenario, patients=patients, seed=seed, at_most=POINT_PATIENTS)
    place = place_of_work(NAMES, out, resume=resume, part=part, cluster=cluster)
    target, _ = aimed(chosen.question, outcome, threshold, strategy)
    space = cube(chosen.question, fitted_draws(chosen.question))
    planned = analysis.design(target, space, grouped=groups == "default", draws=draws)
    settings = planned.settings(draws, groups=groups, check=check)
    return SobolResult.of(chosen, analysis.sobol(planned, check=check), settings, place, threads)
