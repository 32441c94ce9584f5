"""The same patient by the core engine: its events and its row of the results, compared."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from math import isclose
from typing import Any, Final

import numpy as np

from sim.economics.ledger import Category
from sim.engine import core
from sim.study.replay import Retelling, RetoldLife
from sim.study.simulation import run
from sim.study.tally import DISCOUNTED, UNDISCOUNTED

CLOSE: Final = 1e-9
"""Largest relative difference of an amount; events and times have none."""
ROUNDING: Final = 1e-12
"""Difference that is no difference, of an amount that is all but nothing."""


def check_core(retelling: Retelling) -> Retelling:
    """Compare a retelling with what the core engine makes of the patient.

    The core engine starts from patient 0, so the time that this takes grows with the number.

    Returns
    -------
    Retelling
        The same, with the core engine as its engine.

    Raises
    ------
    ArithmeticError
        When an event differs in anything, or an amount by more than `CLOSE`.
    """
    amounts = _core_amounts(retelling)
    for place, life in enumerate(retelling.lives):
        _compare_logs(retelling, life)
        _compare_amounts(life, amounts[place])
    return replace(retelling, engine="core")


def _core_amounts(retelling: Retelling) -> Any:  # noqa: ANN401 - (strategy, kind, category)
    rows: list[Any] = []

    def keep_last(_: int, __: object, amounts: Any) -> None:  # noqa: ANN401
        rows[:] = [np.array(amounts[-1])]

    number = retelling.patient.number
    run(replace(retelling.question, patients=number + 1), keep_patients=False, sink=keep_last)
    return rows[0]


def _compare_logs(retelling: Retelling, life: RetoldLife) -> None:
    number = life.patient.number
    simulated = core.simulate(
        retelling.question.model,
        life.strategy,
        seed=retelling.question.seed,
        patients=number + 1,
    )
    ((patient, log),) = deque(simulated, maxlen=1)
    if patient != life.patient or log != list(life.log):
        raise _differs(life, "events")


def _compare_amounts(life: RetoldLife, amounts: Any) -> None:  # noqa: ANN401
    for column, category in enumerate(Category):
        total = life.categories[category]
        for kind, amount in ((UNDISCOUNTED, total.undiscounted), (DISCOUNTED, total.discounted)):
            found = float(amounts[kind, column])
            if not isclose(found, amount, rel_tol=CLOSE, abs_tol=ROUNDING):
                raise _differs(life, category.label)


def _differs(life: RetoldLife, what: str) -> ArithmeticError:
    return ArithmeticError(
        f"the engines differ in the {what} of patient {life.patient.number} "
        f"under {life.strategy.name}"
    )
