"""Progress of long work: a bar with rate and remaining time on a terminal, silence in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

STEP = 500
"""Patients between two updates of the bar."""


@contextmanager
def patients_progress(total: int) -> Iterator[Callable[[int], None]]:
    """Show patients finished out of `total`; yields what is called with each batch."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    bar = Progress(
        TextColumn("simulating"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.speed:,.0f} patients/s", justify="right"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task("simulating", total=total)
        pending = 0

        def advance(count: int) -> None:
            nonlocal pending
            pending += count
            if pending >= STEP:
                bar.update(task, advance=pending)
                pending = 0

        yield advance
