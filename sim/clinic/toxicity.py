"""Toxicity of a cycle, and its management by the label.

Sources of the rules: US prescribing information of blinatumomab of 2014 to 2020, as reported by
Sigmund 2020 (section "Adverse Drug Reactions and Management") and, for the restart after raised
liver enzymes, by its table of dose adjustments; the practice in Badar 2020 ("Adverse events of
interest"). Later versions also end treatment for good at grade 3 neurotoxicity on the step dose.
"""

from enum import IntEnum, unique
from typing import Final, NamedTuple

from sim.clinic.distributions import lognormal_of, piecewise_uniform_quantile
from sim.clinic.draws import RandomDraw
from sim.clinic.units import NEVER

MILD: Final = 2
SEVERE: Final = 3
LIFE_THREATENING: Final = 4
FATAL: Final = 5
NONE: Final = 0
NEUROTOXICITY_LIMIT_DAYS: Final = 7.0
"""Grade 3 neurotoxicity that lasts longer ends blinatumomab for good."""
RECOVERY_DAYS: Final = 3.0
"""Days at grade 1 or less before blinatumomab restarts after neurotoxicity or hepatotoxicity."""


@unique
class Toxicity(IntEnum):
    """The five toxicities that the model follows."""

    CRS = 0
    NEUROTOXICITY = 1
    HEPATOTOXICITY = 2
    INFECTION = 3
    FEBRILE_NEUTROPENIA = 4


GRADE_DECISION: Final = {kind: RandomDraw[kind.name] for kind in Toxicity}
ONSET_DECISION: Final = {kind: RandomDraw[f"{kind.name}_ONSET"] for kind in Toxicity}
DURATION_DECISION: Final = {kind: RandomDraw[f"{kind.name}_DURATION"] for kind in Toxicity}


class Risk(NamedTuple):
    """How often a regimen causes a toxicity: parameters ``<regimen>.<toxicity>.*``."""

    mild_probability: float
    severe_probability: float
    later_cycle_ratio: float


class Course(NamedTuple):
    """How a toxicity runs, whatever caused it: parameters ``toxicity.<toxicity>.*``."""

    stop_share: float
    grade_5_share: float
    onset_median_days: float
    latest_onset_days: float
    duration_median_days: float
    duration_sigma: float


@unique
class Action(IntEnum):
    """The change of treatment at the onset of a toxicity."""

    CONTINUE = 0
    INTERRUPT = 1
    STOP = 2


def toxicity_occurs(risk: Risk, u: float, *, first_cycle: bool) -> bool:
    """Return whether a toxicity of any grade occurs at `u`."""
    ratio = 1.0 if first_cycle else risk.later_cycle_ratio
    return u < risk.severe_probability * ratio + risk.mild_probability * ratio


def grade(
    risk: Risk, course: Course, u: float, *, first_cycle: bool, fatal_ratio: float = 1.0
) -> int:
    """Return the grade at `u`: 0 (none), 2 (grade 1-2), 3, 4 or 5.

    The worst grades take the lowest numbers, so that a higher risk never makes the same
    patient better. `fatal_ratio` multiplies the share of severe toxicity that kills; the others
    of grade 4 and 5 have grade 4.
    """
    if not toxicity_occurs(risk, u, first_cycle=first_cycle):
        return NONE
    severe = risk.severe_probability * (1.0 if first_cycle else risk.later_cycle_ratio)
    if u < severe * course.grade_5_share * fatal_ratio:
        return FATAL
    if u < severe * (course.grade_5_share + course.stop_share):
        return LIFE_THREATENING
    if u < severe:
        return SEVERE
    return MILD


def onset_day(course: Course, u: float) -> float:
    """Return the day of onset: half by the median day, evenly, and half from then to the latest."""
    return piecewise_uniform_quantile(u, 0.0, course.onset_median_days, course.latest_onset_days)


def duration_days(course: Course, z: float) -> float:
    """Return days from onset to resolution, or to death for grade 5: lognormal."""
    return lognormal_of(z, course.duration_median_days, course.duration_sigma)


def infusion_action(
    kind: int, severity: int, duration: float, *, seizures_before: int, seizure: bool
) -> Action:
    """Return the action by the label when a continuous infusion causes the toxicity.

    Grade 4 and 5, a second seizure, and grade 3 neurotoxicity of more than 7 days end it for
    good. Other grade 3 CRS, neurotoxicity and hepatotoxicity interrupt it. Infection and febrile
    neutropenia are treated under the infusion. The label also ends treatment when liver enzymes stay
    high for more than 14 days: those are among the published stops, which grade 4 stands for.
    """
    if severity >= LIFE_THREATENING:
        return Action.STOP
    if seizure and seizures_before > 0:
        return Action.STOP
    if severity < SEVERE:
        return Action.CONTINUE
    if kind == Toxicity.NEUROTOXICITY:
        return Action.STOP if duration > NEUROTOXICITY_LIMIT_DAYS else Action.INTERRUPT
    if kind in (Toxicity.CRS, Toxicity.HEPATOTOXICITY):
        return Action.INTERRUPT
    return Action.CONTINUE


def course_action(severity: int) -> Action:
    """Return the action on a regimen given in doses: only grade 4 and 5 end it."""
    return Action.STOP if severity >= LIFE_THREATENING else Action.CONTINUE


def resume_day(kind: int, onset: float, duration: float, action: int) -> float:
    """Return the day on which treatment goes on; never after a stop."""
    if action == Action.STOP:
        return NEVER
    if action == Action.CONTINUE:
        return onset
    recovery = 0.0 if kind == Toxicity.CRS else RECOVERY_DAYS
    return onset + duration + recovery
