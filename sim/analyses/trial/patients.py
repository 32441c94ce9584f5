"""The patients of simulated trials, and what each trial reports.

Draw k of the parameters has a trial of its own. Patient i of arm a is number
``2^62 + 2^24 k + A i + a``: far beyond the number of any patient of the model, so that the noise of
a trial is independent of that of the costs and QALYs it informs. A smaller trial holds the first
patients of a larger one.

Each patient is followed for the same time. What is reported is the share of patients with an outcome;
the median survival ``t`` at which ``1 - d(t) / n`` falls to one half (Kaplan and Meier's estimate
without censoring), or the end of follow-up where it does not; and the log hazard ratio of Cox's
model, the first arm the reference.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np
import pandas as pd

from sim.analyses.psa.draws_run import Psa
from sim.analyses.shared.paired_runs import (
    Progress,
    QuestionsJob,
    Sample,
    each_question,
    with_values,
)
from sim.analyses.trial.design import OS_HAZARD_RATIO, OS_MEDIAN, OS_PERCENT, SHARES, Design
from sim.clinic.units import DAYS_PER_MONTH, PERCENT
from sim.economics.estimates import Array
from sim.evidence.observables import log_hazard_ratio
from sim.simulation.observables import BINS_PER_MONTH
from sim.simulation.question import Question

FIRST_PATIENT: Final = 1 << 62
PATIENTS_OF_A_DRAW: Final = 1 << 24
"""At least as many as the arms of the largest trial hold together."""
DEATH: Final = "death_days"


def reports(
    psa: Psa, design: Design, *, threads: int | None = None, progress: Progress = lambda _: None
) -> Array:
    """Simulate a trial under each draw and return what it reports.

    Parameters
    ----------
    psa
        The draws.
    design
        The trial; its largest size is simulated.
    threads
        Draws simulated at the same time; results do not depend on it.
    progress
        Called with 1 for each draw that is finished.

    Returns
    -------
    array of shape (draws, sizes, reported numbers)
        The columns are those of `report_of`.
    """
    question = question_of(psa.question, design)
    columns = (DEATH, *(SHARES[name] for name in design.outcomes if name in SHARES))
    ask = partial(_asked, question, psa.parameters)
    job = QuestionsJob(ask, columns, partial(_reported, design), first_patient)
    found = each_question(range(psa.draws), job, threads=threads, progress=progress)
    return np.array(list(found))


def question_of(question: Question, design: Design) -> Question:
    """Return the question with the patients of the largest trial."""
    return replace(question, patients=design.patients(design.sizes[-1]))


def first_patient(draw: int) -> int:
    """Return the number of the first patient of the trial under a draw."""
    return FIRST_PATIENT + draw * PATIENTS_OF_A_DRAW


def _asked(question: Question, parameters: pd.DataFrame, draw: int) -> Question:
    names = [str(name) for name in parameters.columns]
    return with_values(
        question, dict(zip(names, parameters.to_numpy()[draw].tolist(), strict=True))
    )


def _reported(design: Design, found: Sample) -> Array:
    names = [strategy.name for strategy in found.question.scenario.strategies]
    places = [names.index(arm) for arm in design.arms]
    arms = np.arange(len(places))

    def of_arms(column: str) -> Array:
        everyone = found.columns[column].reshape(-1, len(places), len(names))
        return everyone[:, arms, places]

    shares = [of_arms(SHARES[name]) for name in design.outcomes if name in SHARES]
    return np.array(
        [
            report_of(design, of_arms(DEATH)[:size], [share[:size] for share in shares])
            for size in design.sizes
        ]
    )


def report_of(design: Design, death_days: Array, shares: list[Array]) -> Array:
    """Return the numbers that a trial reports.

    Parameters
    ----------
    design
        What is reported, and after which follow-up.
    death_days
        Days from the start to death; shape (patients of an arm, arms).
    shares
        For each reported share 100 where a patient has the outcome and else 0, of that shape.

    Returns
    -------
    array
        Each share by arm, in percent, in the order of the outcomes; then by arm the percentage
        alive at the end of follow-up, and the median survival in days; then the log hazard ratio of
        each arm after the first. Those that are not reported are left out.
    """
    end = design.follow_up_days
    found = [share.mean(axis=0) for share in shares]
    if OS_PERCENT in design.outcomes:
        found.append(PERCENT * (death_days > end).mean(axis=0))
    if OS_MEDIAN in design.outcomes:
        middle = (len(death_days) + 1) // 2 - 1
        found.append(np.minimum(np.partition(death_days, middle, axis=0)[middle], end))
    if OS_HAZARD_RATIO in design.outcomes:
        found.append(_log_hazard_ratios(death_days, design["follow_up_months"]))
    return np.concatenate(found)


def _log_hazard_ratios(death_days: Array, months: float) -> Array:
    """Return Cox's log hazard ratio of each arm against the first, times in bins of 1/16 month."""
    bins = round(months * BINS_PER_MONTH)
    places = np.ceil(death_days / (DAYS_PER_MONTH / BINS_PER_MONTH)) - 1.0
    places = np.clip(places, 0.0, float(bins)).astype(np.int64)
    counted = []
    for arm in places.T:
        deaths = np.bincount(arm, minlength=bins + 1)[:bins].astype(np.float64)
        at_risk = len(arm) - np.concatenate(([0.0], np.cumsum(deaths)[:-1]))
        counted.append((deaths, at_risk))
    return np.array([log_hazard_ratio(each, counted[0], months) for each in counted[1:]])
