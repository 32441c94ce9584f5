"""The first mistake of a scenario, in the order of the files that it is made of."""

from __future__ import annotations

from collections.abc import Sequence

from sim.errors import UserError
from sim.files.documents import dotted
from sim.files.schema import Mistake
from sim.scenario.inheritance import Node


class ScenarioError(UserError):
    """The first mistake of a scenario, with the number of `more` that were found."""

    def __init__(self, first: Mistake, file: str, line: int | None, more: int) -> None:
        self.more = more
        super().__init__(
            first.problem,
            file=file,
            line=line,
            key=dotted(first.path) or None,
            value=first.value,
            choices=first.choices,
        )

    def _message(self) -> str:
        return super()._message() + (f"; and {self.more} more" if self.more else "")


def first_of(mistakes: Sequence[Mistake], top: Node) -> ScenarioError:
    """Return the first of `mistakes` in the order of the files, child before parent.

    A missing key comes last, because the key that was meant is often there, misspelt.
    """

    def place(mistake: Mistake) -> tuple[bool, int, int]:
        origin = top.nearest_origin(mistake.path)
        return mistake.is_missing, origin.rank, origin.line

    first = min(mistakes, key=place)
    origin = top.nearest_origin(first.path)
    return ScenarioError(first, origin.file, origin.line or None, len(mistakes) - 1)
