"""Survival curves and patient flow, read off the counted patients: exact for both engines.

Curves are by whole months; flow counts courses, from treatment through remission and allo-HCT.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from math import floor
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from sim.clinic.units import DAYS_PER_MONTH, DAYS_PER_YEAR
from sim.economics.estimates import Array
from sim.simulation.observables import BINS_PER_MONTH
from sim.simulation.question import Question
from sim.simulation.run import Simulation
from sim.simulation.tally import DEATH, RELAPSE, ROW

LAST_MONTH: Final = 120
LATEST_REMISSION_DAYS: Final = DAYS_PER_YEAR
"""Where single patients were not stored: nobody enters the first remission later than this."""


class Curve(NamedTuple):
    """An endpoint under a strategy: patients free of the event at each whole month from 0 on."""

    strategy: str
    endpoint: str
    patients: int
    at_risk: Array


def curves(simulation: Simulation) -> Iterator[Curve]:
    """Yield OS, EFS and, among responders of the first line, RFS of each strategy.

    A curve ends where the horizon of the scenario does. Month 0 comes before anything happens.
    """
    horizon = simulation.question.model.settings.horizon_days
    counts = simulation.tally.counts
    for s, strategy in enumerate(simulation.question.model.strategies):
        remission = LATEST_REMISSION_DAYS
        if simulation.arms:
            arm = simulation.arms[s]
            responders = arm.outcome("response") > 0.0
            remission = max(arm.outcome("remission_days")[responders], default=0.0)
        for endpoint, times, followed in (
            ("os", counts.deaths[s], horizon),
            ("efs", counts.failures[s], horizon),
            ("rfs", counts.relapses[s], horizon - remission),
        ):
            last = min(LAST_MONTH, max(floor(followed / DAYS_PER_MONTH), 0))
            events = np.concatenate([[0], np.cumsum(times)])
            total = int(events[-1])
            at_risk = total - events[np.arange(last + 1) * BINS_PER_MONTH]
            yield Curve(strategy.name, endpoint, total, at_risk)


LANDMARK_MONTHS: Final = 60
"""Month at which survival and remission are assessed; earlier where the horizon is."""
RESPONSES: Final = ("mrd_negative", "mrd_positive", "none")
TRANSPLANTS: Final = ("in_remission", "later", "none")
COURSES: Final = ("in_remission", "died_in_remission", "relapsed", "no_remission")
STATES: Final = ("alive", "dead")
SHAPE: Final = (len(RESPONSES), len(TRANSPLANTS), len(COURSES), len(STATES))
RESPONSE, MRD_NEGATIVE, HCT_EVER, HCT_IN_REMISSION = (
    ROW.index(name) for name in ("response", "mrd_negative", "hct_ever", "hct_in_remission")
)


class Path(NamedTuple):
    """Patients of one course.

    Attributes
    ----------
    strategy
        Under which they were treated.
    response
        To the first line: remission with or without MRD, or none; one of `RESPONSES`.
    transplant
        In continuous first remission, later, or never; one of `TRANSPLANTS`.
    course
        By `months`; one of `COURSES`.
    state
        Alive or dead at `months`.
    """

    strategy: str
    response: str
    transplant: str
    course: str
    state: str
    months: float
    patients: int


class Flow:
    """Counts the courses of patients, unit by unit, as a `Sink` of a simulation."""

    def __init__(self, question: Question) -> None:
        self.strategies = [strategy.name for strategy in question.model.strategies]
        horizon = question.model.settings.horizon_days
        self.months = min(float(LANDMARK_MONTHS), horizon / DAYS_PER_MONTH)
        self.counts = np.zeros((len(self.strategies), *SHAPE), dtype=np.int64)

    def __call__(self, first: int, rows: Array, amounts: Any) -> None:  # noqa: ANN401, ARG002
        """Count a unit: outcome rows (patient, strategy, column of `ROW`)."""
        for s in range(len(self.strategies)):
            self.counts[s] += counted(rows[:, s], self.months)

    def paths(self) -> list[Path]:
        """Return the courses with any patient, by strategy."""
        return [
            Path(
                strategy,
                RESPONSES[response],
                TRANSPLANTS[transplant],
                COURSES[course],
                STATES[state],
                self.months,
                int(patients),
            )
            for strategy, counts in zip(self.strategies, self.counts, strict=True)
            for (response, transplant, course, state), patients in np.ndenumerate(counts)
            if patients
        ]


def flow_of(simulation: Simulation) -> Flow:
    """Count the courses of a simulation whose single patients were stored."""
    flow = Flow(simulation.question)
    for s, arm in enumerate(simulation.arms):
        flow.counts[s] += counted(arm.rows, flow.months)
    return flow


def counted(rows: Array, months: float) -> npt.NDArray[np.int64]:
    """Count outcome rows (patient, column of `ROW`) by response, transplant, course and state."""
    day = months * DAYS_PER_MONTH
    responded, dead = rows[:, RESPONSE] > 0.0, rows[:, DEATH] <= day
    places = (
        _first(RESPONSES, mrd_negative=rows[:, MRD_NEGATIVE] > 0.0, mrd_positive=responded),
        _first(
            TRANSPLANTS, in_remission=rows[:, HCT_IN_REMISSION] > 0.0, later=rows[:, HCT_EVER] > 0.0
        ),
        _first(
            COURSES,
            no_remission=~responded,
            relapsed=rows[:, RELAPSE] <= day,
            died_in_remission=dead,
            in_remission=responded,
        ),
        _first(STATES, dead=dead, alive=~dead),
    )
    flat = np.ravel_multi_index(places, SHAPE)
    counts = np.bincount(flat, minlength=math.prod(SHAPE)).reshape(SHAPE)
    return counts.astype(np.int64)


def _first(words: tuple[str, ...], **conditions: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """Return the index in `words` of the first condition that is true, else of the last word."""
    return np.select(
        list(conditions.values()), [words.index(word) for word in conditions], len(words) - 1
    )
