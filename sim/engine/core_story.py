"""The path of a patient in the core engine: the counterpart of `sim.engine.reference`."""

from __future__ import annotations

from typing import Final

import numpy as np

from sim.clinic import disease, response
from sim.clinic.decisions import Decision
from sim.clinic.distributions import hit
from sim.clinic.events import Happening
from sim.clinic.units import NEVER
from sim.engine.core_body import BACKGROUND_DEATH_DAYS, MRD_ONLY, World, person
from sim.engine.core_cycle import give_cycle
from sim.engine.core_life import (
    BACKGROUND_DEATH,
    HORIZON,
    LEUKAEMIC_DEATH,
    QUIET,
    RELAPSE,
    age_now,
    choose,
    fit_for_another_line,
    maybe_lose_cd19,
    refractory_death,
    reset,
    salvage_line_now,
    until,
    wind,
)
from sim.engine.core_log import NO_CYCLE, record
from sim.engine.core_remission import in_remission
from sim.engine.core_transplant import AFTER_RESCUE, transplanted
from sim.engine.data import Data
from sim.engine.life import CAUSE_OF, Clock
from sim.engine.outcomes import Outcome

response_probability = response.response_probability
response_cycle = response.response_cycle
rescue_days_of = disease.rescue_days_of
mrd_conversion_probability = response.mrd_conversion_probability

NO_RESPONSE_CYCLE: Final = response.NO_RESPONSE_CYCLE
RESPONDED: Final = -2
FAILED: Final = -3
# Typed: numba would compile all that is called with a literal once more, for that literal alone.
FIRST_CYCLE: Final[Data] = np.int64(0)
CAUSES: Final = tuple(int(CAUSE_OF[clock]) for clock in Clock if clock in CAUSE_OF)

RESPONSE_FLAG: Final = 1 << Outcome._fields.index("response")
COMPLETE_FLAG: Final = 1 << Outcome._fields.index("complete_remission")
NEGATIVE_FLAG: Final = 1 << Outcome._fields.index("mrd_negative")

ENTRY: Final = int(Happening.ENTRY)
LINE_STARTED: Final = int(Happening.LINE_STARTED)
RESPONSE: Final = int(Happening.RESPONSE)
NO_RESPONSE: Final = int(Happening.NO_RESPONSE)
MRD_ASSESSED: Final = int(Happening.MRD_ASSESSED)
USUAL_CARE: Final = int(Happening.USUAL_CARE_STARTED)
SUPPORTIVE_CARE: Final = int(Happening.SUPPORTIVE_CARE_STARTED)
DIED: Final = int(Happening.DEATH)
ENDED: Final = int(Happening.HORIZON)


def begin(world: World, body: Data, strategy: int) -> None:
    """Begin the path of the patient at hand under a strategy; see ``body.log``."""
    reset(body, strategy)
    enter(body)
    body.clocks[HORIZON] = world.rules.horizon_days
    body.clocks[BACKGROUND_DEATH] = body.people[BACKGROUND_DEATH_DAYS, body.column]
    wind(body)


def finish(body: Data, rang: int) -> None:
    """End the path with the clock that rang."""
    outcome = body.outcome
    outcome.end_days = body.now
    if rang == HORIZON:
        record(body, ENDED, NO_CYCLE, 0, 0, 0.0)
    else:
        record(body, DIED, NO_CYCLE, CAUSES[rang], 0, 0.0)
        outcome.death_days = body.now
        outcome.cause = CAUSES[rang]


def mrd_only(body: Data) -> bool:
    """Return whether the patient entered in remission, with MRD only."""
    return body.people[MRD_ONLY, body.column] > 0.0


def enter(body: Data) -> None:
    """Record the entry, with MRD only in a remission that counts from then on."""
    in_complete_remission = mrd_only(body)
    record(body, ENTRY, NO_CYCLE, 1 if in_complete_remission else 0, 0, 0.0)
    if in_complete_remission:
        body.outcome.remission_days = body.now
        body.outcome.marks |= RESPONSE_FLAG | COMPLETE_FLAG


def treatment(world: World, body: Data) -> int:
    """Tell the path between `begin` and `finish`, through the regimens; return what ended it all."""
    plan = world.plans[body.strategy]
    lines = plan.lines
    care = plan.usual_care
    if lines == 0 and mrd_only(body):
        untreated = world.regimens.shape[0] - 1
        rang = in_remission(world, body, untreated, plan.maintenance)
        if rang != RELAPSE:
            return rang
    elif lines == 0:
        body.clocks[LEUKAEMIC_DEATH] = refractory_death(world, body)
        wind(body)
    for line in range(lines):
        body.line = line
        if line > 0:
            if not fit_for_another_line(world, body):
                care = False
                break
            rang = until(body, body.now + world.rules.later.next_line_gap_days)
            if rang != QUIET:
                return rang
        row = plan.regimens[line]
        if line == 0 and mrd_only(body):
            rang = mrd_treatment(world, body, row)
        else:
            rang = induction(world, body, row)
        if rang == RESPONDED:
            rang = in_remission(world, body, row, plan.maintenance)
            if rang != RELAPSE:
                return rang
        elif rang != FAILED:
            return rang
    return last_care(world, body, lines, care)


def start_line(body: Data, inotuzumab: bool) -> None:
    """Begin a line of treatment."""
    record(body, LINE_STARTED, NO_CYCLE, body.line, 0, 0.0)
    body.treatment_stopped = False
    body.prior_inotuzumab = body.prior_inotuzumab or inotuzumab


def mrd_treatment(world: World, body: Data, row: int) -> int:
    """Give the first cycle for MRD only and assess MRD; return `RESPONDED` or the clock that rang."""
    regimen = world.regimens[row]
    start_line(body, regimen.inotuzumab)
    rang = give_cycle(world, body, row, FIRST_CYCLE)
    if rang != QUIET:
        return rang
    converts = mrd_conversion_probability(world.rules.response, regimen.response_log_odds_ratio)
    negative = hit(choose(world, body, Decision.MRD, 0), converts)
    record(body, MRD_ASSESSED, 0, 0, 0, 1.0 if negative else 0.0)
    if negative:
        body.outcome.marks |= NEGATIVE_FLAG
    return RESPONDED


def induction(world: World, body: Data, row: int) -> int:
    """Give induction; return `RESPONDED`, `FAILED` or the clock that rang."""
    rules = world.rules
    regimen = world.regimens[row]
    start_line(body, regimen.inotuzumab)
    if body.line == 0:
        probability = body.chances[body.strategy, body.column]
    else:
        probability = response_probability(
            rules.response,
            regimen.response_log_odds_ratio,
            person(body),
            salvage_line=salvage_line_now(body),
            prior_hct=body.prior_hct,
            real_world=rules.real_world,
            target_lost=regimen.targets_cd19 and body.cd19_lost,
        )
    responds_in = response_cycle(
        regimen.response,
        probability,
        choose(world, body, Decision.RESPONSE, 0),
        choose(world, body, Decision.RESPONSE_CYCLE, 0),
    )
    no_response = responds_in == NO_RESPONSE_CYCLE
    body.clocks[LEUKAEMIC_DEATH] = refractory_death(world, body) if no_response else NEVER
    wind(body)
    progresses = hit(
        choose(world, body, Decision.PROGRESSION_AFTER_FIRST_CYCLE, 0),
        regimen.response.progression_after_first_cycle_probability,
    )
    body.next_cycle_at = body.now
    for cycle in range(int(regimen.schedule.induction_cycles)):
        rang = until(body, body.next_cycle_at)
        if rang == QUIET:
            rang = give_cycle(world, body, row, cycle)
        if rang != QUIET:
            return rang
        if responds_in == cycle:
            complete = hit(
                choose(world, body, Decision.RESPONSE_DEPTH, 0),
                regimen.response.complete_share,
            )
            negative = hit(
                choose(world, body, Decision.MRD, 0),
                regimen.response.mrd_negative_probability,
            )
            record(body, RESPONSE, cycle, 1 if complete else 0, 0, 1.0 if negative else 0.0)
            if body.line == 0:
                body.outcome.remission_days = body.now
                body.outcome.marks |= (
                    RESPONSE_FLAG
                    | (COMPLETE_FLAG if complete else 0)
                    | (NEGATIVE_FLAG if negative else 0)
                )
            return RESPONDED
        if body.treatment_stopped or (no_response and progresses and cycle == 0):
            break
    if body.clocks[LEUKAEMIC_DEATH] == NEVER:
        body.clocks[LEUKAEMIC_DEATH] = refractory_death(world, body)
        wind(body)
    record(body, NO_RESPONSE, NO_CYCLE, 0, 0, 0.0)
    maybe_lose_cd19(world, body, regimen.targets_cd19)
    return FAILED


def last_care(world: World, body: Data, lines: int, usual_care: bool) -> int:
    """After the last regimen: usual care may rescue and transplant; else supportive care."""
    rules = world.rules
    body.line = lines
    if usual_care and (lines == 0 or fit_for_another_line(world, body)):
        record(body, USUAL_CARE, NO_CYCLE, 0, 0, 0.0)
        if not rules.transplant_allowed:
            return until(body, NEVER)
        days = rescue_days_of(
            rules.usual_care,
            body.rescue_chances[1 if body.prior_hct else 0],
            choose(world, body, Decision.RESCUE, 0),
            choose(world, body, Decision.RESCUE_TIME, 0),
            fit=age_now(body) <= rules.candidacy.maximum_age_years,
        )
        if days == NEVER:
            return until(body, NEVER)
        body.clocks[LEUKAEMIC_DEATH] = NEVER
        wind(body)
        rang = until(body, body.now + days)
        if rang != QUIET:
            return rang
        mrd_negative = hit(
            choose(world, body, Decision.MRD, 0),
            rules.usual_care.rescue_mrd_negative_probability,
        )
        rang = transplanted(world, body, mrd_negative, AFTER_RESCUE)
        if rang != RELAPSE:
            return rang
    record(body, SUPPORTIVE_CARE, NO_CYCLE, 0, 0, 0.0)
    return until(body, NEVER)
