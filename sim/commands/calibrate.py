"""``calibrate``: fit the model to published cohorts."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from sim.analyses.shared.arguments import Cluster, Out, Threads
from sim.commands.derived import told_when_interrupted
from sim.errors import UserError

if TYPE_CHECKING:
    from sim.evidence.calibration import Fit

RESULTS: Final = "results"


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
    from sim.evidence.calibration import calibrate as fit_protocol
    from sim.evidence.protocol import load_protocol
    from sim.evidence.register import load_register
    from sim.evidence.results import NAMES, check_installation, result_texts
    from sim.evidence.results import install as install_fit
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
    say = partial(click.echo, err=True)
    again = "finished simulations are cached; start again to go on"
    with told_when_interrupted(again), spread(cluster):
        fit = fit_protocol(
            plan, register, protocol.parent, quick=quick, threads=threads, say=say, bar=bar
        )
    texts = result_texts(fit, protocol)
    write_folder(folder, texts, NAMES)
    if install:
        install_fit(texts)
    _show(fit, [f"Files: {folder}", *(["Installed in the catalogue"] if install else [])])


def _show(fit: Fit, more: list[str]) -> None:
    from sim.layout.calibration_text import print_fit
    from sim.layout.text import console_for, print_lines

    console = console_for(sys.stdout.isatty())
    print_fit(console, fit)
    print_lines(console, more)
