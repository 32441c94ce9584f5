"""The simulated patients of one strategy: their outcomes and amounts."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.economics.estimates import Array
from sim.economics.ledger import Account, Category, State
from sim.engine.model import Strategy
from sim.engine.outcomes import FLAGS
from sim.simulation.question import Question
from sim.simulation.tally import CATEGORIES, DISCOUNTED, ROW, UNDISCOUNTED

if TYPE_CHECKING:
    import pandas as pd

Cell = tuple[Category, int, State]


@dataclass
class Arm:
    """All patients under one strategy.

    Attributes
    ----------
    rows
        Outcomes, one row per patient with the columns of `ROW`.
    discounted, undiscounted
        One row per patient, one column per category of the ledger, in the order of `Category`.
    cells
        Sums over patients by category, line and state: (undiscounted, discounted).
    """

    strategy: Strategy
    rows: Array
    discounted: Array
    undiscounted: Array
    cells: dict[Cell, tuple[float, float]] = field(default_factory=dict)

    @cached_property
    def outcomes(self) -> pd.DataFrame:
        """The rows as a table, marks as booleans."""
        import pandas as pd

        table = pd.DataFrame(self.rows, columns=list(ROW))
        kinds = dict.fromkeys(ROW[:FLAGS], bool)
        return table.astype(kinds | {"cycles_first_line": int, "cause_of_death": int})

    def outcome(self, name: str) -> Array:
        """Return a column of the rows, patient by patient."""
        column: Array = self.rows[:, ROW.index(name)]
        return column

    def total(self, account: Account, *, discounted: bool = True) -> Array:
        """Sum the categories of an account, patient by patient."""
        amounts = self.discounted if discounted else self.undiscounted
        columns = [i for i, category in enumerate(Category) if category.account == account]
        totals: Array = amounts[:, columns].sum(axis=1)
        return totals

    def category(self, category: Category, *, discounted: bool = True) -> Array:
        """Return a category of the ledger, patient by patient."""
        amounts = self.discounted if discounted else self.undiscounted
        column: Array = amounts[:, list(Category).index(category)]
        return column


def comparator_place(question: Question) -> int:
    """Return the place of the comparator among the strategies."""
    names = [strategy.name for strategy in question.model.strategies]
    return names.index(question.scenario.comparator_name)


def make_arm(
    strategy: Strategy,
    rows: np.ndarray[Any, Any],
    amounts: np.ndarray[Any, Any],
    cells: Any,  # noqa: ANN401
) -> Arm:
    """Build an arm from outcome rows, amounts (patient, kind, category) and the sums of cells."""
    filled = {
        (category, line, state): (float(cell[0]), float(cell[1]))
        for category, by_line in zip(CATEGORIES, cells, strict=True)
        for line, by_state in enumerate(by_line)
        for state, cell in zip(State, by_state, strict=True)
        if cell.any()
    }
    return Arm(strategy, rows, amounts[:, DISCOUNTED], amounts[:, UNDISCOUNTED], filled)
