"""The state of a patient between events, and the few functions that differ in compiled code.

`Life` is the one list of state variables: from its fields come both the Python object and the
record of compiled code, and a new life starts from its defaults in both. The functions below it
differ between Python and compiled code: drawing a number, writing an event, finding the clock that
is due. `sim.engine.compiled.life` holds their compiled forms.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, unique
from typing import TYPE_CHECKING, Final

from sim.clinic.disease import (
    disease_hazard_ratio,
    refractory_survival_days,
    relapsed_survival_days,
)
from sim.clinic.distributions import hit
from sim.clinic.draws import RandomDraw, occurrence
from sim.clinic.events import Cause, Event, EventKind
from sim.clinic.infusion import MOST_SEGMENTS
from sim.clinic.mortality import LifeTable, background_death_days
from sim.clinic.patient import Patient, salvage_line_at, salvage_lines_failed
from sim.clinic.remission import (
    cured_log_odds_ratio,
    mrd_treatment_ratio,
    relapse_days,
    relapse_hazard_ratio,
    waiting_days,
)
from sim.clinic.response import response_probability
from sim.clinic.toxicity import Course, Toxicity, duration_days
from sim.clinic.transplant import Complication, relapse_after_transplant_days
from sim.clinic.units import DAYS_PER_YEAR, NEVER
from sim.engine.streams import Luck

if TYPE_CHECKING:
    from sim.engine.model import Regimen, World

NO_CYCLE: Final = -1
ALL_KINDS: Final = (1 << len(Toxicity)) - 1
"""A bit for each kind of toxicity."""
ROOM: Final = len(Toxicity) + 1
"""Places for the toxicities of a cycle; the last one is never filled."""


@unique
class Clock(IntEnum):
    """The future events of a life, in order of precedence at equal times."""

    BACKGROUND_DEATH = 0
    TOXIC_DEATH = 1
    TRANSPLANT_DEATH = 2
    DEATH_IN_REMISSION = 3
    LEUKAEMIC_DEATH = 4
    RELAPSE = 5
    TRANSPLANT = 6
    HORIZON = 7
    PLANNED = 8


CAUSES: Final = (
    Cause.BACKGROUND,
    Cause.TOXICITY,
    Cause.TRANSPLANT,
    Cause.IN_REMISSION,
    Cause.LEUKAEMIA,
)
"""The cause of death when one of the first clocks is due, by its place in `Clock`."""


@unique
class Stage(IntEnum):
    """The next step of treatment, when `Clock.PLANNED` is due."""

    GIVE_CYCLE = 0
    TOXICITY = 1
    INFUSION = 2
    ASSESS = 3
    START_LINE = 4
    SURVIVORSHIP = 5
    COMPLICATION = 6
    CELLS = 7


@unique
class Phase(IntEnum):
    """The purpose of treatment."""

    MRD = 0
    INDUCTION = 1
    CONSOLIDATION = 2


def _days_of_toxicities() -> list[float]:
    return [0.0] * ROOM


def _codes_of_toxicities() -> list[int]:
    return [0] * ROOM


def _segments() -> list[float]:
    return [0.0] * MOST_SEGMENTS


@dataclass(slots=True)
class Life:
    """The state of one patient. Times are days since entry, unless said otherwise.

    Attributes
    ----------
    clocks
        When each event of `Clock` is due: the future event list.
    stage, phase
        The step that is due at `Clock.PLANNED`, and the purpose of treatment.
    regimen
        Row of the regimen given, in the world's table of regimens.
    cycle, planned_cycles
        Number of the cycle that is given or comes next, and how many are planned.
    remission_from
        Start of the remission or of the transplant, from which survivorship counts.
    relapse_days
        Days from remission to relapse while the regimen's benefit lasts.
    onset_day, duration_days, resume_day, start_day, end_day
        Of the toxicities and of the stretches of infusion of a cycle, since it began.
    cells
        Of `Cells`, in the present line of cell therapy.
    leukaemia_hazard_ratio
        Of relapse and of death of leukaemia, under a drug that is given on after its line.
    complication_day
        Day after the transplant of each `Complication`, until it has happened.
    """

    now: float = 0.0
    clocks: list[float] = field(default_factory=lambda: [NEVER] * len(Clock))
    over: bool = False
    stage: int = 0
    phase: int = 0
    strategy: int = 0
    line: int = 0
    regimen: int = 0
    cycle: int = 0
    planned_cycles: int = 0
    treatment_stopped: bool = False
    seizures: int = 0
    prior_hct: bool = False
    prior_inotuzumab: bool = False
    prior_blinatumomab: bool = False
    cd19_lost: bool = False
    responds_in: int = 0
    progresses: bool = False
    mrd_negative: bool = False
    remission_from: float = 0.0
    relapse_days: float = 0.0
    survivor_from: float = NEVER
    cells: int = 0
    leukaemia_hazard_ratio: float = 1.0
    complication_day: list[float] = field(default_factory=lambda: [NEVER] * len(Complication))

    next_cycle_at: float = 0.0
    cycle_from: float = 0.0
    assessed_day: float = 0.0
    infusing_cycle: int = NO_CYCLE
    toxicities: int = 0
    toxicity: int = 0
    segments: int = 0
    segment: int = 0

    # Rows of `FILLED_FIRST`.
    kind: list[int] = field(default_factory=_codes_of_toxicities)
    grade: list[int] = field(default_factory=_codes_of_toxicities)
    onset_day: list[float] = field(default_factory=_days_of_toxicities)
    duration_days: list[float] = field(default_factory=_days_of_toxicities)
    seizure: list[int] = field(default_factory=_codes_of_toxicities)
    action: list[int] = field(default_factory=_codes_of_toxicities)
    resume_day: list[float] = field(default_factory=_days_of_toxicities)
    start_day: list[float] = field(default_factory=_segments)
    end_day: list[float] = field(default_factory=_segments)
    dose: list[float] = field(default_factory=_segments)
    interruption_day: list[float] = field(default_factory=_days_of_toxicities)
    resumption_day: list[float] = field(default_factory=_days_of_toxicities)


FILLED_FIRST: Final = "kind"
"""From this field on, each cycle fills a place before it reads it: compiled code need not reset it."""


@dataclass(slots=True)
class PatientLife(Life):
    """A life in the reference engine: with its patient, its random numbers and its log."""

    patient: Patient = field(kw_only=True)
    luck: Luck = field(kw_only=True)
    log: list[Event] = field(default_factory=list)


def draw(world: World, life: Life, decision: int, cycle: int = 0) -> float:  # noqa: ARG001
    """Return the patient's uniform for a random draw of this line (and cycle)."""
    here = _of_a_patient(life)
    return here.luck.uniform(here.patient.number, decision, occurrence(life.line, cycle))


def happens(world: World, life: Life, decision: int, probability: float, cycle: int = 0) -> bool:
    """Draw whether something of this probability happens; certainty needs no draw."""
    if probability <= 0.0:
        return False
    if probability >= 1.0:
        return True
    return hit(draw(world, life, decision, cycle), probability)


def draw_exponential(world: World, life: Life, decision: int) -> float:  # noqa: ARG001
    """Return the patient's standard exponential, ``-log(1 - u)``, for a draw of this line."""
    here = _of_a_patient(life)
    return here.luck.exponential(here.patient.number, decision, occurrence(life.line))


def draw_normal(world: World, life: Life, decision: int, cycle: int = 0) -> float:  # noqa: ARG001
    """Return the patient's standard normal, ``z(u)``, for a draw of this line (and cycle)."""
    here = _of_a_patient(life)
    return here.luck.normal(here.patient.number, decision, occurrence(life.line, cycle))


def draw_at_entry(world: World, life: Life, decision: int) -> float:  # noqa: ARG001
    """Return the patient's standard exponential for a random draw that is made once, at entry."""
    here = _of_a_patient(life)
    return here.luck.exponential(here.patient.number, decision)


def write(
    life: Life,
    kind: int,
    cycle: int = NO_CYCLE,
    detail: int = 0,
    grade: int = 0,
    value: float = 0.0,
) -> None:
    """Append an event of the present time and line to the log."""
    event = Event(life.now, EventKind(kind), life.line, cycle, int(detail), int(grade), value)
    _of_a_patient(life).log.append(event)


def person(life: Life) -> Patient:
    """Return the baseline of the patient."""
    return _of_a_patient(life).patient


def next_clock(clocks: list[float]) -> int:
    """Return the clock that is due first; at equal times the first in `Clock`."""
    return clocks.index(min(clocks))


def plan(life: Life, stage: int, time: float) -> None:
    """Plan the next step of treatment; another clock may be due before."""
    life.stage = stage
    life.clocks[Clock.PLANNED] = time


def _of_a_patient(life: Life) -> PatientLife:
    assert isinstance(life, PatientLife)
    return life


# Values that compiled code precomputes for the first lines of a whole block of patients.


def refractory_days(world: World, life: Life) -> float:
    """Return days from now to death of leukaemia that does not respond to this line."""
    return refractory_survival_days(
        world.rules.disease,
        hazard_ratio_now(world, life),
        draw_exponential(world, life, RandomDraw.REFRACTORY_SURVIVAL),
    )


def relapsed_days(world: World, life: Life) -> float:
    """Return days from now to death of leukaemia that has just relapsed in this line."""
    return relapsed_survival_days(
        world.rules.disease,
        hazard_ratio_now(world, life),
        draw_exponential(world, life, RandomDraw.SURVIVAL_AFTER_RELAPSE),
    )


def relapse_days_now(world: World, life: Life, regimen: Regimen, mrd_negative: bool) -> float:
    """Return days from a remission that begins now to relapse while its benefit lasts."""
    rules, patient, line = world.rules.relapse, person(life), salvage_line_now(life)
    return relapse_days(
        rules,
        regimen.duration_ratio,
        relapse_hazard_ratio(rules, patient, salvage_line=line) * life.leukaemia_hazard_ratio,
        mrd_negative,
        draw(world, life, RandomDraw.CURE_IN_REMISSION),
        draw_relapse(world, life),
        cured_log_odds_ratio(rules, patient, salvage_line=line),
    )


def draw_relapse(world: World, life: Life) -> float:
    """Draw the time to relapse in the form that `relapse_days` takes."""
    if world.rules.relapse.weibull:
        return draw_exponential(world, life, RandomDraw.RELAPSE_TIME)
    return draw(world, life, RandomDraw.RELAPSE_TIME)


def relapse_days_after_transplant(world: World, life: Life) -> float:
    """Return days from a transplant now to relapse."""
    rules, remission, line = world.rules.transplant, world.rules.relapse, salvage_line_now(life)
    return relapse_after_transplant_days(
        rules,
        rules.study_hazard_ratio
        * mrd_treatment_ratio(remission, line)
        * life.leukaemia_hazard_ratio,
        life.mrd_negative,
        draw(world, life, RandomDraw.CURE_AFTER_TRANSPLANT),
        draw(world, life, RandomDraw.RELAPSE_AFTER_TRANSPLANT),
        cured_log_odds_ratio(remission, person(life), salvage_line=line),
    )


def transplant_wait_days(world: World, life: Life) -> float:
    """Return a candidate's days from remission to allo-HCT."""
    return waiting_days(world.rules.candidacy, draw_normal(world, life, RandomDraw.TRANSPLANT_TIME))


def response_chance(world: World, life: Life, regimen: Regimen) -> float:
    """Return the probability that this line's induction brings a remission."""
    earlier = regimen.cells.after_blinatumomab_log_odds_ratio if life.prior_blinatumomab else 0.0
    return response_probability(
        world.rules.response,
        regimen.response_log_odds_ratio + earlier,
        person(life),
        salvage_line=salvage_line_now(life),
        prior_hct=life.prior_hct,
        real_world=world.rules.real_world,
        target_lost=regimen.targets_cd19 and life.cd19_lost,
    )


def possible_toxicities(world: World, life: Life) -> int:  # noqa: ARG001
    """Return the kinds of toxicity that may be drawn in this cycle, a bit each."""
    return ALL_KINDS


def toxicity_days(world: World, life: Life, course: Course, kind: int, decision: int) -> float:  # noqa: ARG001
    """Return how long a toxicity of this cycle lasts, in days."""
    return duration_days(course, draw_normal(world, life, decision, life.cycle))


def background_death_at_entry(world: World, life: Life) -> float:
    """Return days from entry to background death, before any survivorship."""
    return background_death(world, life) if world.rules.background_mortality else NEVER


# Rules of the clinic, for the patient as of now.


def background_death(world: World, life: Life) -> float:
    """Return days from entry to background death; see `mortality.background_death_days`."""
    patient = person(life)
    return background_death_days(
        knots_of(world.life_table, patient.male),
        patient.age_years,
        draw_at_entry(world, life, RandomDraw.BACKGROUND_DEATH),
        world.rules.mortality_ratio,
        life.survivor_from,
    )


def knots_of(table: LifeTable, male: bool) -> LifeTable:
    """Return the life table of one sex from that of both; they have as many knots."""
    knots = len(table.ages) // 2
    first = 0 if male else knots
    return LifeTable(
        table.ages[first : first + knots],
        table.hazards[first : first + knots],
        table.slopes[first : first + knots],
        table.cumulative[first : first + knots],
    )


def age_now(life: Life) -> float:
    """Return the attained age in years."""
    return person(life).age_years + life.now / DAYS_PER_YEAR


def salvage_line_now(life: Life) -> int:
    """Return the salvage line now given: that at entry and those added since."""
    return salvage_line_at(person(life), life.line)


def hazard_ratio_now(world: World, life: Life) -> float:
    """Return the hazard ratio of active leukaemia for this patient in this line."""
    return disease_hazard_ratio(
        world.rules.disease, person(life), salvage_line=salvage_line_now(life)
    )


def fit_for_another_line(world: World, life: Life) -> bool:
    """Draw whether the patient can be treated again after a failed line of salvage.

    A relapse after treatment of MRD alone leaves a patient as fit as one who enters with a relapse.
    """
    return salvage_lines_failed(person(life), life.line) == 0 or happens(
        world, life, RandomDraw.NEXT_LINE, world.rules.later.next_line_probability
    )
