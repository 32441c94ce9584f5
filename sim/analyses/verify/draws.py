"""Draws of the inputs and a small probabilistic analysis, made once for a subject."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Final, TypeVar
from weakref import WeakKeyDictionary

import pandas as pd

from sim.analyses.psa.draws_run import Psa, run_psa
from sim.analyses.verify.subject import Subject
from sim.simulation.parameter_draws import draw_parameters, fitted_draws, uncertain
from sim.simulation.question import Question

DRAWS: Final = 1_000
"""Of the inputs alone."""
PSA_DRAWS: Final = 200
PSA_PATIENTS: Final = 100
NOTHING_UNCERTAIN: Final = "no input that the scenario uses is uncertain"

Made = TypeVar("Made")


def once(make: Callable[[Subject], Made]) -> Callable[[Subject], Made]:
    """Call `make` once for each subject, when a check first asks for the result."""
    kept: WeakKeyDictionary[Subject, Made] = WeakKeyDictionary()

    @wraps(make)
    def found(subject: Subject) -> Made:
        if subject not in kept:
            kept[subject] = make(subject)
        return kept[subject]

    return found


def is_uncertain(question: Question) -> bool:
    """Whether any input of the question is drawn."""
    return bool(uncertain(question, fitted_draws(question)))


@once
def drawn(subject: Subject) -> pd.DataFrame:
    """Draw the inputs: a row a draw, a column an input; no columns where nothing is uncertain."""
    question = subject.question
    if not is_uncertain(question):
        return pd.DataFrame(index=range(DRAWS))
    return draw_parameters(question, DRAWS, question.seed)


@once
def psa(subject: Subject) -> Psa | None:
    """Run a small probabilistic analysis; None where nothing is uncertain."""
    question = replace(subject.question, patients=PSA_PATIENTS)
    if not is_uncertain(question):
        return None
    return run_psa(question, PSA_DRAWS, patients=PSA_PATIENTS)
