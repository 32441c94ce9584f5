"""Progress of long work: a bar with rate and remaining time on a terminal, silence in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

STEP: Final = 500
"""Patients between two updates of the bar."""


class _Rate(ProgressColumn):
    """Patients per second, once there is a rate."""

    def render(self, task: Task) -> Text:
        """Show the rate of the last seconds, or of the whole when it is done."""
        rate = task.finished_speed or task.speed
        return Text("" if rate is None else f"{rate:,.0f} patients/s")


@contextmanager
def patients_progress(total: int) -> Iterator[Callable[[int], None]]:
    """Show patients finished out of `total`; yields a function to call with each batch."""
    with _progress(total, "simulating", STEP, _Rate()) as advance:
        yield advance


@contextmanager
def steps_progress(total: int, what: str) -> Iterator[Callable[[int], None]]:
    """Show steps of work finished out of `total`; yields a function to call with each batch."""
    with _progress(total, what, 1) as advance:
        yield advance


@contextmanager
def _progress(
    total: int, what: str, step: int, *rate: ProgressColumn
) -> Iterator[Callable[[int], None]]:
    """Show a bar that moves by `step` or more at a time."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), *rate, TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        pending = 0

        def advance(count: int) -> None:
            nonlocal pending
            pending += count
            if pending >= step:
                bar.update(task, advance=pending)
                pending = 0

        yield advance
        bar.update(task, advance=pending)
