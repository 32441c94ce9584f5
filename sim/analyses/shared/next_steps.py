"""The commands that go on where an answer ends."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Final

from rich.console import Console

from sim.layout.table import Sheet, encodable

COMMANDS: Final = {
    "run": ("psa SCENARIO", "tornado SCENARIO"),
    "psa": ("voi SCENARIO",),
    "voi": ("tornado SCENARIO", "trial SCENARIO"),
    "price": ("report SCENARIO --with all",),
    "severity": ("price SCENARIO",),
    "tornado": ("threshold SCENARIO --parameter WIDEST",),
    "morris": ("sobol SCENARIO",),
    "sobol": ("voi SCENARIO",),
}
"""By command. Words in capitals stand for what the answer is of."""


def print_next(console: Console, command: str, words: Mapping[str, str]) -> None:
    """Print the commands that follow a command, where there are any; none on a page.

    Parameters
    ----------
    console
        The screen.
    command
        That gave the answer.
    words
        In place of those in capitals; a command with others is left out.
    """
    steps = [step.split() for step in COMMANDS.get(command, ())]
    known = [step for step in steps if all(not word.isupper() or word in words for word in step)]
    if known and not isinstance(console, Sheet):
        lines = [["python", "-m", "sim", *(words.get(w, w) for w in step)] for step in known]
        # In one line, however long: it is to be copied.
        text = f"Next: {'; '.join(map(shlex.join, lines))}"
        console.print(encodable(text, console.encoding), soft_wrap=True)
