"""``calibrate``: fit the model to published cohorts."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from sim.analyses.shared.arguments import Cluster, Out, Threads
from sim.clinic.units import PERCENT
from sim.commands.derived import told_when_interrupted
from sim.errors import UserError

if TYPE_CHECKING:
    from sim.evidence.calibration import Fit

RESULTS: Final = "results"
NUMBER: Final = "{:.3g}"
MEANS: Final = (
    "Medians with 95 % intervals, in the parameter's own unit. Spread left is the standard "
    "deviation of the posterior against that of the prior, on the prior's scale: near 100 % the "
    "endpoints say little of a parameter."
)


def calibrate(
    protocol: Path,
    *,
    quick: bool = False,
    out: Out = None,
    install: bool = False,
    threads: Threads = None,
    cluster: Cluster = None,
) -> None:
    """Fit the model to published endpoints as PROTOCOL says: a file, or adult_rr, which is shipped.

    Cohorts are simulated at points of a design, a surface is put through their endpoints, and
    the joint posterior is drawn from. Simulations are cached: an interrupted fit goes on where it
    stopped when it is started again.

    Parameters
    ----------
    quick
        Fewer points, patients and draws: for trying out.
    out
        Write draws, diagnostics and provenance into this folder, by default ``results`` beside the
        path that was given for the protocol.
    install
        Copy the draws into the catalogue.
    threads, cluster
        As for `run`.
    """
    from sim.analyses.shared.work import spread
    from sim.evidence.calibration import NAMES, check_installation, result_texts
    from sim.evidence.calibration import calibrate as fit_protocol
    from sim.evidence.calibration import install as install_fit
    from sim.evidence.protocol import load_protocol
    from sim.evidence.register import load_register
    from sim.evidence.sampler import check_sampler
    from sim.files.results_folder import check_folder, write_folder
    from sim.files.shipped import PROTOCOLS, find_file
    from sim.layout.progress import patients_progress as bar

    check_sampler()
    folder = protocol.parent / RESULTS if out is None else Path(out)
    protocol, _ = find_file(protocol, PROTOCOLS)
    if install and quick:
        raise UserError("is for a whole fit, not for a quick one", key="--install")
    register = load_register()
    plan = load_protocol(protocol, register)
    check_folder(folder, NAMES)
    if install:
        check_installation(plan)
    again = "finished simulations are cached; start again to go on"
    say, place = partial(click.echo, err=True), protocol.parent
    with told_when_interrupted(again), spread(cluster):
        fit = fit_protocol(plan, register, place, quick=quick, threads=threads, say=say, bar=bar)
    texts = result_texts(fit, protocol)
    write_folder(folder, texts, NAMES)
    if install:
        install_fit(texts)
    _show(fit, [f"Files: {folder}", *(["Installed in the catalogue"] if install else [])])


def _show(fit: Fit, more: list[str]) -> None:
    """Print a summary, and the posterior next to the prior."""
    import numpy as np

    from sim.evidence.calibration import ENDS
    from sim.evidence.sampler import worst
    from sim.layout.table import Cell, Row, Table, print_table
    from sim.layout.text import DISCLAIMER, console_for, print_lines, print_paragraph

    def spread(quantiles: list[float]) -> list[Cell]:
        low, middle, high = (NUMBER.format(value) for value in quantiles)
        return [Cell(middle), Cell(f"{low} to {high}")]

    r_hat, effective = worst(fit.posterior.diagnostics)
    summary = [
        fit.protocol.title,
        f"{len(fit.targets)} endpoints of {len({target.study for target in fit.targets})} studies",
        f"{len(fit.protocol.priors)} parameters, {len(fit.posterior.scores):,} draws",
        f"Largest R-hat {r_hat:.3f}, fewest effective draws {effective:,.0f}",
        "",
    ]
    draws, left = fit.parameters(), fit.posterior.scores.std(ddof=1)
    parameters = [
        Row(
            name,
            [
                *spread(prior.interval),
                *spread(np.percentile(draws[name], ENDS).tolist()),
                Cell(f"{PERCENT * left[name]:.0f} %"),
            ],
        )
        for name, prior in fit.protocol.priors.items()
    ]
    between = fit.posterior.spread
    spreads = [
        Row(kind, spread(np.percentile(between[f"spread.{kind}"], ENDS).tolist()))
        for kind in fit.protocol.heterogeneity
    ]
    console = console_for(sys.stdout.isatty())
    print_lines(console, summary)
    headings = ("Prior", "95 % interval", "Posterior", "95 % interval", "Spread left")
    print_table(console, Table("Parameter", headings, [parameters]))
    corner = "Standard deviation between studies"
    print_table(console, Table(corner, headings[2:4], [spreads]))
    for text in (MEANS, DISCLAIMER):
        print_paragraph(console, text)
    print_lines(console, more)
