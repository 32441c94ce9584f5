"""One virtual patient in the core engine: the compiled counterpart of `sim.engine.life`.

State, clocks and log of the patient stand in arrays that are used again for the next patient.
Function by function this is the reference engine; where that raises `Rang`, a function here
returns the clock that rang, or `QUIET`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from sim.clinic import disease
from sim.clinic.decisions import Decision
from sim.clinic.distributions import hit
from sim.clinic.events import Happening
from sim.clinic.mortality import background_death_of
from sim.clinic.patient import LATER_SALVAGE, Patient
from sim.clinic.units import DAYS_PER_YEAR, NEVER
from sim.engine.core_draws import Ahead, draw, exponential, normal
from sim.engine.data import Data
from sim.engine.life import Clock
from sim.engine.records import Tables

disease_hazard_ratio = disease.disease_hazard_ratio
refractory_survival_of = disease.refractory_survival_of
relapsed_survival_of = disease.relapsed_survival_of

QUIET: Final = -1
NO_CYCLE: Final = -1
BACKGROUND_DEATH: Final = int(Clock.BACKGROUND_DEATH)
TOXIC_DEATH: Final = int(Clock.TOXIC_DEATH)
TRANSPLANT_DEATH: Final = int(Clock.TRANSPLANT_DEATH)
DEATH_IN_REMISSION: Final = int(Clock.DEATH_IN_REMISSION)
LEUKAEMIC_DEATH: Final = int(Clock.LEUKAEMIC_DEATH)
RELAPSE: Final = int(Clock.RELAPSE)
TRANSPLANT: Final = int(Clock.TRANSPLANT)
HORIZON: Final = int(Clock.HORIZON)
CLOCKS: Final = len(Clock)
INFUSION_STOPPED: Final = int(Happening.INFUSION_STOPPED)
RELAPSED: Final = int(Happening.RELAPSE)
LOST_CD19: Final = int(Happening.CD19_LOSS)


class World(NamedTuple):
    """What all patients of a block share."""

    rules: Data
    regimens: Data
    tables: Tables
    ahead: Ahead
    seed: Data


class Body(NamedTuple):
    """Arrays of the patient at hand: state, clocks, log, and room to lay out a cycle."""

    life: Data
    clocks: Data
    log: Data
    episodes: Data
    starts: Data
    ends: Data
    doses: Data
    onsets: Data
    resumes: Data


def reset(body: Body, patient: Patient, column: int) -> None:
    """Make the arrays those of a new patient."""
    life = body.life
    life.now = 0.0
    life.next_cycle_at = 0.0
    life.survivor_from = NEVER
    life.line = 0
    life.column = column
    life.infusing_cycle = NO_CYCLE
    life.seizures = 0
    life.events = 0
    life.treatment_stopped = False
    life.prior_hct = patient.prior_hct
    life.prior_inotuzumab = False
    life.cd19_lost = False
    for clock in range(CLOCKS):
        body.clocks[clock] = NEVER


def until(body: Body, time: float) -> int:
    """Wait for `time`; return the clock that rings at or before it, or `QUIET`."""
    life = body.life
    if life.rings <= time:
        return ring(body)
    life.now = max(time, life.now)
    return QUIET


def ring(body: Body) -> int:
    """Go to the clock that rings first, stop an infusion under way, and return the clock."""
    life, clocks = body.life, body.clocks
    which = 0
    for clock in range(1, CLOCKS):
        if clocks[clock] < clocks[which]:
            which = clock
    life.now = max(clocks[which], life.now)
    if life.infusing_cycle != NO_CYCLE:
        record(body, INFUSION_STOPPED, life.infusing_cycle, 0, 0, 0.0)
        life.infusing_cycle = NO_CYCLE
    return which


def wind(body: Body) -> None:
    """Look up when the first clock rings, after clocks were set."""
    clocks = body.clocks
    # Pairs first: a chain of comparisons would wait for each of them.
    body.life.rings = min(
        min(min(clocks[0], clocks[1]), min(clocks[2], clocks[3])),
        min(min(clocks[4], clocks[5]), min(clocks[6], clocks[7])),
    )


def record(body: Body, kind: int, cycle: int, detail: int, grade: int, value: float) -> None:
    """Write one line of the log at the present time."""
    life = body.life
    event = body.log[life.events]
    event.time_days = life.now
    event.kind = kind
    event.line = life.line
    event.cycle = cycle
    event.detail = detail
    event.grade = grade
    event.value = value
    life.events += 1


def choose(world: World, body: Body, patient: Patient, decision: int, cycle: int) -> float:
    """Return the patient's uniform for a decision of this line (and cycle)."""
    life = body.life
    return draw(world.ahead, world.seed, patient.number, life.column, decision, life.line, cycle)


def choose_exponential(
    world: World, body: Body, patient: Patient, decision: int, cycle: int
) -> float:
    """Return the patient's standard exponential for a decision of this line (and cycle)."""
    life = body.life
    return exponential(
        world.ahead, world.seed, patient.number, life.column, decision, life.line, cycle
    )


def choose_normal(world: World, body: Body, patient: Patient, decision: int, cycle: int) -> float:
    """Return the patient's standard normal for a decision of this line (and cycle)."""
    life = body.life
    return normal(world.ahead, world.seed, patient.number, life.column, decision, life.line, cycle)


def background_death(world: World, patient: Patient, column: int, survivor_from: float) -> float:
    """Return the time of background death, given when long-term survivorship begins."""
    rules = world.rules
    if not rules.background_mortality:
        return NEVER
    e = exponential(
        world.ahead,
        world.seed,
        patient.number,
        column,
        Decision.BACKGROUND_DEATH.value,
        0,
        0,
    )
    table = world.tables.male if patient.male else world.tables.female
    return background_death_of(table, patient.age_years, e, rules.mortality_ratio, survivor_from)


def set_background_death(world: World, body: Body, patient: Patient) -> None:
    """Set the clock of background death anew when long-term survivorship moves."""
    life = body.life
    body.clocks[BACKGROUND_DEATH] = background_death(
        world, patient, life.column, life.survivor_from
    )
    wind(body)


def stop_clocks_of_remission(body: Body) -> None:
    """Relapse and transplant end what ran in remission."""
    body.clocks[RELAPSE] = NEVER
    body.clocks[TRANSPLANT] = NEVER
    body.clocks[DEATH_IN_REMISSION] = NEVER
    body.clocks[TRANSPLANT_DEATH] = NEVER


def salvage_line_now(body: Body, patient: Patient) -> int:
    """Return the salvage line now given."""
    return min(patient.salvage_line + body.life.line, LATER_SALVAGE)


def age_now(body: Body, patient: Patient) -> float:
    """Return the attained age."""
    return patient.age_years + body.life.now / DAYS_PER_YEAR


def hazard_ratio_now(world: World, body: Body, patient: Patient) -> float:
    """Return the hazard ratio of active leukaemia for this patient in this line."""
    return disease_hazard_ratio(
        world.rules.disease, patient, salvage_line=salvage_line_now(body, patient)
    )


def fit_for_another_line(world: World, body: Body, patient: Patient) -> bool:
    """Draw whether the patient can be treated again after a failed line."""
    return hit(
        choose(world, body, patient, Decision.NEXT_LINE.value, 0),
        world.rules.later.next_line_probability,
    )


def refractory_death(world: World, body: Body, patient: Patient) -> float:
    """Return the time of death of leukaemia that does not respond to the line."""
    return body.life.now + refractory_survival_of(
        world.rules.disease,
        hazard_ratio_now(world, body, patient),
        choose_exponential(world, body, patient, Decision.REFRACTORY_SURVIVAL.value, 0),
    )


def relapse(world: World, body: Body, patient: Patient) -> None:
    """Stop the clocks of remission; survival from now on is that of relapsed leukaemia."""
    life = body.life
    record(body, RELAPSED, NO_CYCLE, 0, 0, 0.0)
    stop_clocks_of_remission(body)
    body.clocks[LEUKAEMIC_DEATH] = life.now + relapsed_survival_of(
        world.rules.disease,
        hazard_ratio_now(world, body, patient),
        choose_exponential(world, body, patient, Decision.SURVIVAL_AFTER_RELAPSE.value, 0),
    )
    wind(body)


def maybe_lose_cd19(world: World, body: Body, patient: Patient, targets_cd19: bool) -> None:
    """Draw whether leukaemia that failed a CD19-directed regimen has lost the antigen."""
    if targets_cd19 and hit(
        choose(world, body, patient, Decision.CD19_LOSS.value, 0),
        world.rules.later.cd19_loss_probability,
    ):
        body.life.cd19_lost = True
        record(body, LOST_CD19, NO_CYCLE, 0, 0, 0.0)
