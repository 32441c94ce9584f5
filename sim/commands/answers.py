"""An answer on the screen, shared by the commands."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sim.analyses.shared.result import Result


def show(
    found: Result,
    out: Path | None,
    *,
    as_json: bool,
    also: Sequence[str] = (),
) -> None:
    """Print the answer, the lines of `also` and the folder into which the files were written."""
    from sim.layout.text import console_for, print_lines

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
