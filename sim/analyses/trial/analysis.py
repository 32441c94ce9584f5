"""The value of a trial: expected value of sample information, and net benefit of sampling.

With the net monetary benefit (NMB) of each strategy in each draw of the parameters, and the numbers x
that a trial simulated under the same draw reports::

    EVSI(n) = E[max over strategies of E[NMB | x]] - max over strategies of E[NMB]
    ENBS(n) = patients informed by a trial of n * EVSI(n) - cost of a trial of n

The inner expectation is the regression of `sim.analyses.voi.information`, on what is reported in
place of the parameters. All sizes have the same draws, and the smaller trials the first patients of
the larger, so that two sizes are told apart by the paired differences of the draws. EVSI is at most the
EVPPI of the parameters of the patients' course, and that at most the EVPI.

Draw k of the parameters has a trial of its own. Patient i of arm a is number
``2^62 + 2^24 k + A i + a``: far beyond the number of any patient of the model, so that the noise of
a trial is independent of that of the costs and QALYs it informs. A smaller trial holds the first
patients of a larger one. Each patient is followed for the same time. What is reported is the share of
patients with an outcome; the median survival ``t`` at which ``1 - d(t) / n`` falls to one half (Kaplan
and Meier's estimate without censoring), or the end of follow-up where it does not; and the log hazard
ratio of Cox's model, the first arm the reference.

Source: Strong M, Oakley JE, Brennan A, Breeze P, Med Decis Making 2015;35:570-83 (regression on
simulated data); Conti S, Claxton K, Med Decis Making 2009;29:643-56; Rothery C et al., Value Health
2020;23:277-86 (ENBS).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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
from sim.analyses.voi.analysis import perfect
from sim.analyses.voi.information import PartialInformation, evppi, evppi_by_draw
from sim.clinic.units import DAYS_PER_MONTH, PERCENT
from sim.economics.estimates import Array, Estimate
from sim.errors import UserError
from sim.evidence.observables import log_hazard_ratio
from sim.layout.schema import Schema, count, flag, number, text
from sim.simulation.observables import BINS_PER_MONTH
from sim.simulation.question import Question

TOLD_APART: Final = 2.0
"""Standard errors from which on a difference is not taken for noise."""
TABLE: Final = Schema(
    "trial.csv",
    (
        count("n", "patients in each arm"),
        number("threshold", "in `currency` per QALY", is_given=True),
        number("evsi", "in `currency` per patient", is_given=True),
        number("se", "its standard error", is_given=True),
        number("null", "the same regression where the true value is 0: its upward bias"),
        number("null_se", "the spread of that"),
        flag("told_from_nothing", "whether `evsi` exceeds `null` by twice its error"),
        count("patients", "of all arms"),
        number("used_from_years", "from now until the results are used"),
        number("informed_patients", "whose choice the results inform, discounted"),
        number("cost", "of the trial, in `currency`"),
        number("enbs", "expected net benefit of sampling, in `currency`", is_given=True),
        number("enbs_se", "its standard error", is_given=True),
        flag("best", "whether this size has the highest ENBS at the threshold"),
        number("below_best", "the ENBS of the best size minus this one"),
        number("below_best_se", "its standard error, from the paired draws"),
        text("currency"),
    ),
    ("n", "threshold"),
)
"""A row per size and threshold."""


@dataclass(frozen=True)
class Trial:
    """The value of a trial at each size.

    Attributes
    ----------
    question, draws
        The question, whose patients are those of one draw, and the number of draws behind it.
    design
        Of the trial.
    evpi, evppi
        By threshold, in currency per patient: of everything, and of the parameters of the patients'
        course, which are all that a trial can inform.
    informed
        The number of these parameters.
    table
        The table `TABLE`.
    """

    question: Question
    draws: int
    design: Design
    evpi: Mapping[float, Estimate]
    evppi: Mapping[float, PartialInformation]
    informed: int
    table: pd.DataFrame

    def best(self, threshold: float) -> pd.Series:
        """Return the row of the size with the highest ENBS."""
        rows = self.table[(self.table["threshold"] == threshold) & self.table["best"]]
        return rows.iloc[0]

    def is_too_much(self, threshold: float) -> bool:
        """Whether the EVSI of a size is above the EVPI by more than their errors, which cannot be."""
        rows = self.table[self.table["threshold"] == threshold]
        everything = self.evpi[threshold]
        errors = np.hypot(rows["se"].to_numpy(), everything.se)
        excess = rows["evsi"].to_numpy() - everything.mean
        return bool((excess > TOLD_APART * errors).any())


def of_the_course(psa: Psa) -> list[str]:
    """Return the uncertain parameters that change a patient's course, and not its value alone."""
    read = psa.question.model.used
    return [str(name) for name in psa.parameters.columns if name in read]


def trial_analysis(
    psa: Psa,
    design: Design,
    reported: Array,
    thresholds: Sequence[float],
    *,
    progress: Callable[[int], None] = lambda _: None,
) -> Trial:
    """Value a trial from draws of two strategies or more, and what it reports under each of them.

    That is from `reports`. Progress is called with 1 after each size, and after
    the parameters.

    Raises
    ------
    UserError
        When the trial can inform no parameter.
    """
    informed = of_the_course(psa)
    if not informed:
        problem = "no parameter of the patients' course is uncertain: a trial has nothing to inform"
        raise UserError(problem, file=psa.question.loaded.file, key="parameters")
    costs, qalys, seed = psa.values("cost"), psa.values("qalys"), psa.question.seed
    known = evppi(psa.parameters[informed].to_numpy(), costs, qalys, thresholds, seed=seed)
    progress(1)
    sizes = []
    for place in range(len(design.sizes)):
        sizes.append(evppi_by_draw(reported[:, place], costs, qalys, thresholds, seed=seed))
        progress(1)
    return Trial(
        question=psa.question,
        draws=psa.draws,
        design=design,
        evpi={threshold: perfect(psa, threshold) for threshold in thresholds},
        evppi=dict(zip(thresholds, known, strict=True)),
        informed=len(informed),
        table=TABLE.table(_rows(design, sizes, thresholds, psa.question.perspective.currency)),
    )


def _rows(
    design: Design,
    sizes: Sequence[Sequence[tuple[PartialInformation, Array]]],
    thresholds: Sequence[float],
    currency: str,
) -> Iterator[tuple[object, ...]]:
    """Yield the rows of `TABLE`, from the value of information of each size by threshold."""
    facing = [design.informed_patients(size) for size in design.sizes]
    enbs = np.array(
        [
            [facing[place] * found.value - design.cost(size) for found, _ in sizes[place]]
            for place, size in enumerate(design.sizes)
        ]
    )
    best = enbs.argmax(axis=0).tolist()
    for place, size in enumerate(design.sizes):
        for t, threshold in enumerate(thresholds):
            found, by_draw = sizes[place][t]
            top = best[t]
            yield (
                size,
                threshold,
                *found,
                found.exceeds_bias,
                design.patients(size),
                design.used_from_years(size),
                facing[place],
                design.cost(size),
                enbs[place, t],
                facing[place] * found.se,
                top == place,
                enbs[top, t] - enbs[place, t],
                _error(facing[top] * sizes[top][t][1] - facing[place] * by_draw),
                currency,
            )


def _error(differences: Array) -> float:
    return float(differences.std(ddof=1)) / math.sqrt(len(differences))


FIRST_PATIENT: Final = 1 << 62
PATIENTS_OF_A_DRAW: Final = 1 << 24
"""At least as many as the arms of the largest trial hold together."""
DEATH: Final = "death_days"


def reports(
    psa: Psa, design: Design, *, threads: int | None = None, progress: Progress = lambda _: None
) -> Array:
    """Simulate a trial under each draw and return what it reports: (draws, sizes, reported numbers).

    The numbers are those of `report_of`. The largest size is simulated. Progress is called with 1 for
    each draw that is finished; results do not depend on threads.
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

    Each share by arm, in percent, in the order of the outcomes; then by arm the percentage alive at the
    end of follow-up, and the median survival in days; then the log hazard ratio of each arm after the
    first. Those that are not reported are left out.

    Parameters
    ----------
    design
        What is reported, and after which follow-up.
    death_days
        Days from the start to death; shape (patients of an arm, arms).
    shares
        For each reported share 100 where a patient has the outcome and else 0, of that shape.
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
