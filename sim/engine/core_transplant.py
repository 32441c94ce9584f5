"""Transplant and long remission in the core engine, as `sim.engine.reference` tells them."""

from __future__ import annotations

from typing import Final

from sim.clinic import transplant
from sim.clinic.decisions import Decision
from sim.clinic.distributions import hit
from sim.clinic.events import Happening
from sim.clinic.patient import Patient
from sim.clinic.units import NEVER
from sim.engine.core_life import (
    LEUKAEMIC_DEATH,
    NO_CYCLE,
    QUIET,
    RELAPSE,
    TRANSPLANT_DEATH,
    Body,
    World,
    choose,
    record,
    relapse,
    set_background_death,
    stop_clocks_of_remission,
    until,
    wind,
)

draw_vod = transplant.vod
early_death_days = transplant.early_death_days
late_death_days = transplant.late_death_days
acute_gvhd_day = transplant.acute_gvhd_day
chronic_gvhd_day = transplant.chronic_gvhd_day
relapse_after_transplant_days = transplant.relapse_after_transplant_days

TRANSPLANTED: Final = int(Happening.TRANSPLANT)
VOD: Final = int(Happening.TRANSPLANT_VOD)
INFECTION: Final = int(Happening.TRANSPLANT_INFECTION)
ACUTE_GVHD: Final = int(Happening.ACUTE_GVHD)
CHRONIC_GVHD: Final = int(Happening.CHRONIC_GVHD)
LONG_TERM_SURVIVOR: Final = int(Happening.LONG_TERM_SURVIVOR)


def relapse_or_cure(world: World, days: float) -> float:
    """Return `days`, or never when they lie beyond the cure point."""
    return NEVER if days > world.rules.cure_point_days else days


def long_remission(world: World, body: Body, patient: Patient, started: float) -> int:
    """Wait in remission; a long-term survivor has the mortality of survivors."""
    life = body.life
    threshold = started + world.rules.survivor_threshold_days
    rang = until(body, threshold)
    if rang != QUIET:
        return rang
    if life.survivor_from == NEVER:
        life.survivor_from = threshold
        set_background_death(world, body, patient)
    record(body, LONG_TERM_SURVIVOR, NO_CYCLE, 0, 0, 0.0)
    return until(body, NEVER)


def transplanted(
    world: World, body: Body, patient: Patient, mrd_negative: bool, continuous: int
) -> int:
    """Transplant and follow complications; return `RELAPSE` or what ended it all."""
    life, clocks, rules = body.life, body.clocks, world.rules.transplant
    started = life.now
    stop_clocks_of_remission(body)
    clocks[LEUKAEMIC_DEATH] = NEVER
    record(body, TRANSPLANTED, NO_CYCLE, continuous, 0, 0.0)
    has_vod = draw_vod(
        rules,
        choose(world, body, patient, Decision.TRANSPLANT_VOD.value, 0),
        prior_inotuzumab=life.prior_inotuzumab,
    )
    life.prior_hct = True
    early = early_death_days(
        rules,
        choose(world, body, patient, Decision.TRANSPLANT_DEATH.value, 0),
        choose(world, body, patient, Decision.TRANSPLANT_DEATH_TIME.value, 0),
        has_vod=has_vod,
    )
    late = late_death_days(
        rules, choose(world, body, patient, Decision.LATE_TRANSPLANT_DEATH.value, 0)
    )
    if early < NEVER:
        clocks[TRANSPLANT_DEATH] = started + early
    elif late <= world.rules.survivor_threshold_days:
        clocks[TRANSPLANT_DEATH] = started + late
    clocks[RELAPSE] = started + relapse_or_cure(
        world,
        relapse_after_transplant_days(
            rules,
            mrd_negative,
            choose(world, body, patient, Decision.CURE_AFTER_TRANSPLANT.value, 0),
            choose(world, body, patient, Decision.RELAPSE_AFTER_TRANSPLANT.value, 0),
        ),
    )
    wind(body)
    rang = complications(world, body, patient, started, has_vod)
    if rang == QUIET:
        rang = long_remission(world, body, patient, started)
    if rang == RELAPSE:
        relapse(world, body, patient)
    return rang


def complications(world: World, body: Body, patient: Patient, started: float, has_vod: bool) -> int:
    """Live through the complications of a transplant in order of time."""
    rules = world.rules.transplant
    acute = acute_gvhd_day(
        rules,
        choose(world, body, patient, Decision.ACUTE_GVHD.value, 0),
        choose(world, body, patient, Decision.ACUTE_GVHD_ONSET.value, 0),
    )
    chronic = chronic_gvhd_day(
        rules,
        choose(world, body, patient, Decision.CHRONIC_GVHD.value, 0),
        choose(world, body, patient, Decision.CHRONIC_GVHD_ONSET.value, 0),
    )
    infected = hit(
        choose(world, body, patient, Decision.TRANSPLANT_INFECTION.value, 0),
        rules.infection_probability,
    )
    if has_vod or infected:
        # Both stand on the day of the transplant, where a clock may ring as well.
        rang = until(body, started)
        if rang != QUIET:
            return rang
        if has_vod:
            record(body, VOD, NO_CYCLE, 0, 0, 0.0)
        if infected:
            record(body, INFECTION, NO_CYCLE, 0, 0, rules.infection_days)
    first, second = acute, chronic
    first_kind, second_kind = ACUTE_GVHD, CHRONIC_GVHD
    first_days, second_days = rules.acute_gvhd_days, rules.chronic_gvhd_days
    if chronic < acute:
        first, second = chronic, acute
        first_kind, second_kind = CHRONIC_GVHD, ACUTE_GVHD
        first_days, second_days = second_days, first_days
    if first < NEVER:
        rang = until(body, started + first)
        if rang != QUIET:
            return rang
        record(body, first_kind, NO_CYCLE, 0, 0, first_days)
    if second < NEVER:
        rang = until(body, started + second)
        if rang != QUIET:
            return rang
        record(body, second_kind, NO_CYCLE, 0, 0, second_days)
    return QUIET
