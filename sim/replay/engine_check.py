"""The same patient by the core engine: its events and its row of the results, compared."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from math import isclose
from typing import Any, Final

import numpy as np

from sim.economics.ledger import Category
from sim.engine.compiled import core
from sim.replay.replay import Replay, ReplayedLife
from sim.simulation.run import run
from sim.simulation.tally import DISCOUNTED, UNDISCOUNTED

CLOSE: Final = 1e-9
"""Largest relative difference of an amount; events and times have none."""
ROUNDING: Final = 1e-12
"""Tolerance for an amount that is almost 0."""


def check_core(replayed: Replay) -> Replay:
    """Compare a replayed patient with the same patient of the core engine.

    The core engine starts from patient 0, so the time that this takes grows with the number.

    Returns
    -------
    Replay
        The same, with the core engine as its engine.

    Raises
    ------
    ArithmeticError
        When an event differs in anything, or an amount by more than `CLOSE`.
    """
    amounts = _core_amounts(replayed)
    for place, life in enumerate(replayed.lives):
        _compare_logs(replayed, life)
        _compare_amounts(life, amounts[place])
    return replace(replayed, engine="core")


def _core_amounts(replayed: Replay) -> Any:  # noqa: ANN401 - (strategy, kind, category)
    rows: list[Any] = []

    def keep_last(_: int, __: object, amounts: Any) -> None:  # noqa: ANN401
        rows[:] = [np.array(amounts[-1])]

    number = replayed.patient.number
    run(replace(replayed.question, patients=number + 1), keep_patients=False, sink=keep_last)
    return rows[0]


def _compare_logs(replayed: Replay, life: ReplayedLife) -> None:
    number = life.patient.number
    simulated = core.simulate(
        replayed.question.model, life.strategy, seed=replayed.question.seed, patients=number + 1
    )
    ((patient, log),) = deque(simulated, maxlen=1)
    if patient != life.patient or log != list(life.log):
        raise _differs(life, "events")


def _compare_amounts(life: ReplayedLife, amounts: Any) -> None:  # noqa: ANN401
    for column, category in enumerate(Category):
        total = life.categories[category]
        for kind, amount in ((UNDISCOUNTED, total.undiscounted), (DISCOUNTED, total.discounted)):
            found = float(amounts[kind, column])
            if not isclose(found, amount, rel_tol=CLOSE, abs_tol=ROUNDING):
                raise _differs(life, category.label)


def _differs(life: ReplayedLife, what: str) -> ArithmeticError:
    return ArithmeticError(
        f"the engines differ in the {what} of patient {life.patient.number} "
        f"under {life.strategy.name}"
    )
