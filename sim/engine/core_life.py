"""One virtual patient in the core engine: the compiled counterpart of `sim.engine.life`.

Function by function this is the reference engine; where that raises `Rang`, a function here
returns the clock that rang, or `QUIET`.
"""

from __future__ import annotations

from typing import Final

from sim.clinic import disease
from sim.clinic.decisions import Decision
from sim.clinic.distributions import hit
from sim.clinic.events import Happening
from sim.clinic.mortality import background_death_of
from sim.clinic.patient import salvage_line_at, salvage_lines_failed
from sim.clinic.units import DAYS_PER_YEAR, NEVER
from sim.engine.core_body import (
    AGE,
    CLOCKS,
    MALE,
    PRIOR_HCT,
    REFRACTORY_DAYS,
    RELAPSED_DAYS,
    World,
    person,
)
from sim.engine.core_draws import draw, exponential, normal
from sim.engine.core_log import NO_CYCLE, record
from sim.engine.data import Data
from sim.engine.life import Clock
from sim.engine.outcomes import ALIVE
from sim.engine.records import knots_of

disease_hazard_ratio = disease.disease_hazard_ratio
refractory_survival_of = disease.refractory_survival_of
relapsed_survival_of = disease.relapsed_survival_of

QUIET: Final = -1
BACKGROUND_DEATH: Final = int(Clock.BACKGROUND_DEATH)
TOXIC_DEATH: Final = int(Clock.TOXIC_DEATH)
TRANSPLANT_DEATH: Final = int(Clock.TRANSPLANT_DEATH)
DEATH_IN_REMISSION: Final = int(Clock.DEATH_IN_REMISSION)
LEUKAEMIC_DEATH: Final = int(Clock.LEUKAEMIC_DEATH)
RELAPSE: Final = int(Clock.RELAPSE)
TRANSPLANT: Final = int(Clock.TRANSPLANT)
HORIZON: Final = int(Clock.HORIZON)
INFUSION_STOPPED: Final = int(Happening.INFUSION_STOPPED)
RELAPSED: Final = int(Happening.RELAPSE)
LOST_CD19: Final = int(Happening.CD19_LOSS)


def reset(body: Data, strategy: int) -> None:
    """Begin the patient's life under a strategy."""
    body.now = 0.0
    body.next_cycle_at = 0.0
    body.survivor_from = NEVER
    body.strategy = strategy
    body.line = 0
    body.infusing_cycle = NO_CYCLE
    body.seizures = 0
    body.events = 0
    body.treatment_stopped = False
    body.prior_hct = body.people[PRIOR_HCT, body.column] > 0.0
    body.prior_inotuzumab = False
    body.cd19_lost = False
    for clock in range(CLOCKS):
        body.clocks[clock] = NEVER
    outcome = body.outcome
    outcome.marks = 0
    outcome.cycles = 0
    outcome.cause = ALIVE
    outcome.remission_days = NEVER
    outcome.relapse_days = NEVER
    outcome.death_days = NEVER


def until(body: Data, time: float) -> int:
    """Wait for `time`; return the clock that rings at or before it, or `QUIET`."""
    if body.rings <= time:
        return ring(body)
    body.now = max(time, body.now)
    return QUIET


def ring(body: Data) -> int:
    """Go to the clock that rings first, stop an infusion under way, and return the clock."""
    clocks, rings = body.clocks, body.rings
    # Backwards and without a branch, since which clock rings cannot be foreseen.
    which = CLOCKS - 1
    for i in range(1, CLOCKS):
        clock = CLOCKS - 1 - i
        which = clock if clocks[clock] == rings else which
    body.now = max(rings, body.now)
    if body.infusing_cycle != NO_CYCLE:
        record(body, INFUSION_STOPPED, body.infusing_cycle, 0, 0, 0.0)
        body.infusing_cycle = NO_CYCLE
    return which


def wind(body: Data) -> None:
    """Look up when the first clock rings, after clocks were set."""
    clocks = body.clocks
    # Pairs first: a chain of comparisons would wait for each of them.
    body.rings = min(
        min(min(clocks[0], clocks[1]), min(clocks[2], clocks[3])),
        min(min(clocks[4], clocks[5]), min(clocks[6], clocks[7])),
    )


def choose(world: World, body: Data, decision: int, cycle: int) -> float:
    """Return the patient's uniform for a decision of this line (and cycle)."""
    return draw(body, world.seed, decision, body.line, cycle)


def choose_exponential(world: World, body: Data, decision: int, cycle: int) -> float:
    """Return the patient's standard exponential for a decision of this line (and cycle)."""
    return exponential(body, world.seed, decision, body.line, cycle)


def choose_normal(world: World, body: Data, decision: int, cycle: int) -> float:
    """Return the patient's standard normal for a decision of this line (and cycle)."""
    return normal(body, world.seed, decision, body.line, cycle)


def set_background_death(world: World, body: Data) -> None:
    """Set the clock of background death anew when long-term survivorship begins."""
    rules = world.rules
    if not rules.background_mortality:
        return
    column = body.column
    body.clocks[BACKGROUND_DEATH] = background_death_of(
        knots_of(world.life_table, body.people[MALE, column] > 0.0),
        body.people[AGE, column],
        exponential(body, world.seed, Decision.BACKGROUND_DEATH, 0, 0),
        rules.mortality_ratio,
        body.survivor_from,
    )
    wind(body)


def stop_clocks_of_remission(body: Data) -> None:
    """Relapse and transplant end what ran in remission."""
    body.clocks[RELAPSE] = NEVER
    body.clocks[TRANSPLANT] = NEVER
    body.clocks[DEATH_IN_REMISSION] = NEVER
    body.clocks[TRANSPLANT_DEATH] = NEVER


def salvage_line_now(body: Data) -> int:
    """Return the salvage line now given."""
    return salvage_line_at(person(body), body.line)


def age_now(body: Data) -> float:
    """Return the attained age."""
    return body.people[AGE, body.column] + body.now / DAYS_PER_YEAR


def hazard_ratio_now(world: World, body: Data) -> float:
    """Return the hazard ratio of active leukaemia for this patient in this line."""
    return disease_hazard_ratio(
        world.rules.disease, person(body), salvage_line=salvage_line_now(body)
    )


def fit_for_another_line(world: World, body: Data) -> bool:
    """Draw whether the patient can be treated again after a failed line of salvage."""
    return salvage_lines_failed(person(body), body.line) == 0 or hit(
        choose(world, body, Decision.NEXT_LINE, 0),
        world.rules.later.next_line_probability,
    )


def refractory_death(world: World, body: Data) -> float:
    """Return the time of death of leukaemia that does not respond to the line."""
    if body.line == 0:
        return body.now + body.people[REFRACTORY_DAYS, body.column]
    return body.now + refractory_survival_of(
        world.rules.disease,
        hazard_ratio_now(world, body),
        choose_exponential(world, body, Decision.REFRACTORY_SURVIVAL, 0),
    )


def relapsed_death(world: World, body: Data) -> float:
    """Return the time of death of leukaemia that has just relapsed."""
    if body.line == 0:
        return body.now + body.people[RELAPSED_DAYS, body.column]
    return body.now + relapsed_survival_of(
        world.rules.disease,
        hazard_ratio_now(world, body),
        choose_exponential(world, body, Decision.SURVIVAL_AFTER_RELAPSE, 0),
    )


def relapse(world: World, body: Data) -> None:
    """Stop the clocks of remission; survival from now on is that of relapsed leukaemia."""
    record(body, RELAPSED, NO_CYCLE, 0, 0, 0.0)
    body.outcome.relapse_days = min(body.outcome.relapse_days, body.now)
    stop_clocks_of_remission(body)
    body.clocks[LEUKAEMIC_DEATH] = relapsed_death(world, body)
    wind(body)


def maybe_lose_cd19(world: World, body: Data, targets_cd19: bool) -> None:
    """Draw whether leukaemia that failed a CD19-directed regimen has lost the antigen."""
    if targets_cd19 and hit(
        choose(world, body, Decision.CD19_LOSS, 0),
        world.rules.later.cd19_loss_probability,
    ):
        body.cd19_lost = True
        record(body, LOST_CD19, NO_CYCLE, 0, 0, 0.0)
