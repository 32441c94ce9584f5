"""No impossible result: the costs and effects of each patient are checked in every run.

The checks are in `sim.simulation.tally.is_impossible`. They take one comparison per number while
patients are counted; only when one fails are patients simulated again, to name the first.
"""

from __future__ import annotations

from math import isfinite
from typing import Any, Final

import numpy as np

from sim.economics.ledger import Account
from sim.engine.streams import blocks
from sim.errors import UserError
from sim.simulation.question import Question
from sim.simulation.tally import (
    ACCOUNT_OF,
    ACCOUNTS,
    CATEGORIES,
    DISCOUNTED,
    END,
    UNDISCOUNTED,
    UNIT,
    Tally,
    is_impossible,
    new_counts,
)

Array = np.ndarray[Any, Any]
_KINDS: Final = ((UNDISCOUNTED, "undiscounted"), (DISCOUNTED, "discounted"))


def refuse_impossible(question: Question, tally: Tally, first_patient: int = 0) -> None:
    """Refuse results in which the costs, QALYs or days in hospital of a patient are impossible.

    Parameters
    ----------
    question, tally
        The question and its counts.
    first_patient
        Number of the first patient who was counted.

    Raises
    ------
    UserError
        Naming the first such patient, the strategy, and the category with its amount.
    """
    found = int(tally.counts.impossible.sum())
    if not found:
        return
    raise UserError(
        f"{_first(question, tally, first_patient)}, which cannot be; so it is for {found:,} of "
        f"{tally.counts.impossible.size * tally.patients:,} lives, and there are no results",
        file=question.loaded.file,
    )


def _first(question: Question, tally: Tally, first_patient: int) -> str:
    # Loads the compiler, which is not needed while nothing is wrong.
    from sim.simulation.core_run import bind, new_room, run_unit_in

    bound = bind(question)
    room, counts = new_room(bound.keys), new_counts(bound.strategies, 1)
    for start, count in blocks(tally.patients, UNIT):
        first = first_patient + start
        unit = run_unit_in(room, counts, bound, question.seed, first, count, keep=True)
        for patient, (rows, amounts) in enumerate(zip(unit.rows, unit.amounts, strict=True)):
            for s, strategy in enumerate(question.scenario.strategies):
                if is_impossible(amounts[s], 0.0, rows[s, END]):
                    who = f"patient {first + patient} under '{strategy.name}'"
                    return f"{who} has {_problem(amounts[s])}"
    return "a patient has more days in hospital than days alive"


def _problem(amounts: Array) -> str:
    """Describe the impossible amount of a patient."""
    for kind, word in _KINDS:
        for category, amount in zip(CATEGORIES, amounts[kind].tolist(), strict=True):
            negative = category.account == Account.COST and amount < 0.0
            if negative or not isfinite(amount):
                return f"{category.account}.{category.label} {amount:g} ({word})"
        qalys, years = (
            float(amounts[kind, ACCOUNT_OF == ACCOUNTS.index(account)].sum())
            for account in (Account.QALY, Account.LIFE_YEARS)
        )
        if qalys > years:
            return f"{qalys:g} QALYs in {years:g} life-years ({word})"
    return "amounts"
