"""Remission in the core engine: its clocks, consolidation, the wait for a transplant."""

from __future__ import annotations

from sim.clinic import remission
from sim.clinic.decisions import Decision
from sim.clinic.distributions import hit
from sim.engine.core_body import World, person
from sim.engine.core_cycle import give_cycle
from sim.engine.core_draws import draw_rare
from sim.engine.core_life import (
    DEATH_IN_REMISSION,
    QUIET,
    RELAPSE,
    TRANSPLANT,
    age_now,
    choose,
    choose_exponential,
    choose_normal,
    maybe_lose_cd19,
    relapse,
    salvage_line_now,
    until,
    wind,
)
from sim.engine.core_transplant import CONTINUOUS, long_remission, relapse_or_cure, transplanted
from sim.engine.data import Data

relapse_days_of = remission.relapse_days_of
relapse_hazard_ratio = remission.relapse_hazard_ratio
without_further_benefit = remission.without_further_benefit
candidate_probability = remission.candidate_probability
waiting_of = remission.waiting_of
death_in_remission_of = remission.death_in_remission_of


def in_remission(world: World, body: Data, row: int, maintenance: bool) -> int:
    """Run the clocks of remission and consolidate; return `RELAPSE` or what ended it all."""
    rules, clocks = world.rules, body.clocks
    regimen = world.regimens[row]
    started = body.now
    assessed = body.log[body.events - 1]
    cycles_given = assessed.cycle + 1
    mrd_negative = assessed.value == 1.0
    salvage = salvage_line_now(body)
    if rules.relapse.weibull:
        time = choose_exponential(world, body, Decision.RELAPSE_TIME, 0)
    else:
        time = choose(world, body, Decision.RELAPSE_TIME, 0)
    relapses_after = relapse_days_of(
        rules.relapse,
        regimen.duration_ratio,
        relapse_hazard_ratio(rules.relapse, person(body), salvage_line=salvage),
        mrd_negative,
        choose(world, body, Decision.CURE_IN_REMISSION, 0),
        time,
    )
    clocks[RELAPSE] = started + relapse_or_cure(world, relapses_after)
    if rules.transplant_allowed:
        maybe_wait_for_transplant(world, body, regimen)
    death = death_in_remission_of(
        rules.relapse,
        choose_exponential(world, body, Decision.DEATH_IN_REMISSION, 0),
    )
    if death <= rules.survivor_threshold_days:
        clocks[DEATH_IN_REMISSION] = started + death
    wind(body)
    rang = consolidation(world, body, row, cycles_given, maintenance)
    if rang == QUIET:
        if regimen.remaining_ratio < 1.0:
            sooner = without_further_benefit(
                relapses_after, body.now - started, regimen.remaining_ratio
            )
            clocks[RELAPSE] = started + relapse_or_cure(world, sooner)
            wind(body)
        rang = long_remission(world, body, started)
    if rang == TRANSPLANT:
        rang = transplanted(world, body, mrd_negative, CONTINUOUS)
    elif rang == RELAPSE:
        relapse(world, body)
    if rang == RELAPSE:
        maybe_lose_cd19(world, body, regimen.targets_cd19)
    return rang


def maybe_wait_for_transplant(world: World, body: Data, regimen: Data) -> None:
    """Set the clock of transplant for a candidate."""
    rules = world.rules
    candidate = candidate_probability(
        rules.candidacy,
        regimen.transplant_log_odds_ratio,
        age_years=age_now(body),
        salvage_line=salvage_line_now(body),
        prior_hct=body.prior_hct,
        real_world=rules.real_world,
    )
    if hit(choose(world, body, Decision.TRANSPLANT_ELIGIBILITY, 0), candidate):
        z = choose_normal(world, body, Decision.TRANSPLANT_TIME, 0)
        body.clocks[TRANSPLANT] = body.now + waiting_of(rules.candidacy, z)


def consolidation(world: World, body: Data, row: int, cycles_given: int, maintenance: bool) -> int:
    """Give the rest of induction, then consolidation and maintenance to those who start it."""
    schedule = world.regimens[row].schedule
    planned = int(schedule.induction_cycles)
    if hit(
        choose(world, body, Decision.CONSOLIDATION, 0),
        schedule.consolidation_probability,
    ):
        planned += int(schedule.consolidation_cycles)
        if maintenance and hit(
            draw_rare(body, world.seed, Decision.MAINTENANCE, body.line, 0),
            schedule.maintenance_probability,
        ):
            planned += int(schedule.maintenance_cycles)
    for cycle in range(cycles_given, planned):
        if body.treatment_stopped:
            return QUIET
        rang = until(body, body.next_cycle_at)
        if rang == QUIET:
            rang = give_cycle(world, body, row, cycle)
        if rang != QUIET:
            return rang
    return QUIET
