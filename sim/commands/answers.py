"""From a scenario file to an answer on the screen and in a folder, shared by the commands."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sim.analyses.shared.result import Result
    from sim.analyses.shared.scenario import Changes, Scenario


def asked(path: Path, *, patients: int | None = None, seed: int | None = None) -> Scenario:
    """Read a scenario; `patients` and `seed` replace its own."""
    from sim.analyses.shared.scenario import Scenario

    changes: Changes = {}
    if patients is not None:
        changes["patients"] = patients
    if seed is not None:
        changes["seed"] = seed
    scenario = Scenario.load(path)
    return scenario.with_(**changes) if changes else scenario


def check_out(out: Path | None, kind: type[Result]) -> None:
    """Refuse a folder that cannot take the files of a result, before hours go into it."""
    from sim.files.results_folder import check_folder

    if out is not None:
        check_folder(out, kind.FILES)


def show(
    found: Result,
    out: Path | None,
    *,
    as_json: bool,
    is_written: bool = False,
    also: Sequence[str] = (),
) -> None:
    """Write the files, unless they are written already, then print the answer and `also` lines."""
    from sim.layout.text import console_for, print_lines

    if out is not None and not is_written:
        found.write(out)
    if as_json:
        click.echo(found.json(), nl=False)
        return
    console = console_for(sys.stdout.isatty())
    found.print_to(console)
    print_lines(console, [*also, *([f"Files: {out}"] if out is not None else [])])


@contextmanager
def resumable(out: Path | None) -> Iterator[None]:
    """Tell a user who interrupts the work that finished chunks are stored."""
    try:
        yield
    except KeyboardInterrupt:
        if out is not None:
            click.echo("what is finished is kept; continue with --resume", err=True)
        raise
