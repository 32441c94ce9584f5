"""A fit as it is printed: sampler diagnostics and the posterior."""

from __future__ import annotations

from typing import Final

import numpy as np
from rich.console import Console

from sim.clinic.units import PERCENT
from sim.evidence.calibration import ENDS, Fit
from sim.evidence.sampler import worst
from sim.layout.table import Cell, Row, Table, print_table
from sim.layout.text import DISCLAIMER, print_lines, print_paragraph

NUMBER: Final = "{:.3g}"
MEANS: Final = (
    "Medians with 95 % intervals, in the parameter's own unit. Spread left is the standard "
    "deviation of the posterior against that of the prior, on the prior's scale: near 100 % the "
    "endpoints say little of a parameter."
)


def print_fit(console: Console, fit: Fit) -> None:
    """Print a summary and the posterior next to the prior."""
    r_hat, effective = worst(fit.posterior.diagnostics)
    studies = {target.study for target in fit.targets}
    lines = [
        fit.protocol.title,
        f"{len(fit.targets)} endpoints of {len(studies)} studies",
        f"{len(fit.protocol.priors)} parameters, {len(fit.posterior.scores):,} draws",
        f"Largest R-hat {r_hat:.3f}, fewest effective draws {effective:,.0f}",
        "",
    ]
    print_lines(console, lines)
    print_table(console, _parameters(fit))
    print_table(console, _spreads(fit))
    print_paragraph(console, MEANS)
    print_paragraph(console, DISCLAIMER)


def _parameters(fit: Fit) -> Table:
    draws = fit.parameters()
    left = fit.posterior.scores.std(ddof=1)
    rows = []
    for name, prior in fit.protocol.priors.items():
        rows.append(
            Row(
                name,
                [
                    *_middle_and_ends(prior.interval),
                    *_middle_and_ends(np.percentile(draws[name], ENDS).tolist()),
                    Cell(f"{PERCENT * left[name]:.0f} %"),
                ],
            )
        )
    headings = ("Prior", "95 % interval", "Posterior", "95 % interval", "Spread left")
    return Table("Parameter", headings, [rows])


def _spreads(fit: Fit) -> Table:
    spread = fit.posterior.spread
    rows = [
        Row(kind, _middle_and_ends(np.percentile(spread[f"spread.{kind}"], ENDS).tolist()))
        for kind in fit.protocol.heterogeneity
    ]
    corner = "Standard deviation between studies"
    return Table(corner, ("Posterior", "95 % interval"), [rows])


def _middle_and_ends(quantiles: list[float]) -> list[Cell]:
    low, middle, high = (NUMBER.format(value) for value in quantiles)
    return [Cell(middle), Cell(f"{low} to {high}")]
