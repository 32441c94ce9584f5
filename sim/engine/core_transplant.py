"""Transplant and long remission in the core engine, as `sim.engine.reference` tells them."""

from __future__ import annotations

from typing import Final

import numpy as np

from sim.clinic import remission, transplant
from sim.clinic.decisions import Decision
from sim.clinic.distributions import hit
from sim.clinic.events import Happening
from sim.clinic.units import NEVER
from sim.engine.core_body import World
from sim.engine.core_draws import draw_rare
from sim.engine.core_life import (
    LEUKAEMIC_DEATH,
    QUIET,
    RELAPSE,
    TRANSPLANT_DEATH,
    choose,
    relapse,
    salvage_line_now,
    set_background_death,
    stop_clocks_of_remission,
    until,
    wind,
)
from sim.engine.core_log import NO_CYCLE, record
from sim.engine.data import Data
from sim.engine.outcomes import Outcome

mrd_treatment_ratio = remission.mrd_treatment_ratio
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
# Typed: numba would compile all that is called with a literal once more, for that literal alone.
CONTINUOUS: Final[Data] = np.int64(1)
AFTER_RESCUE: Final[Data] = np.int64(0)
HCT_FLAG: Final = 1 << Outcome._fields.index("hct_ever")
HCT_IN_REMISSION_FLAG: Final = 1 << Outcome._fields.index("hct_in_remission")


def relapse_or_cure(world: World, days: float) -> float:
    """Return `days`, or never when they lie beyond the cure point."""
    return NEVER if days > world.rules.cure_point_days else days


def long_remission(world: World, body: Data, started: float) -> int:
    """Wait in remission; a long-term survivor has the mortality of survivors."""
    threshold = started + world.rules.survivor_threshold_days
    rang = until(body, threshold)
    if rang != QUIET:
        return rang
    if body.survivor_from == NEVER:
        body.survivor_from = threshold
        set_background_death(world, body)
    record(body, LONG_TERM_SURVIVOR, NO_CYCLE, 0, 0, 0.0)
    return until(body, NEVER)


def transplanted(world: World, body: Data, mrd_negative: bool, continuous: int) -> int:
    """Transplant and follow complications; return `RELAPSE` or what ended it all."""
    clocks, rules = body.clocks, world.rules.transplant
    started = body.now
    stop_clocks_of_remission(body)
    clocks[LEUKAEMIC_DEATH] = NEVER
    record(body, TRANSPLANTED, NO_CYCLE, continuous, 0, 0.0)
    body.outcome.marks |= HCT_FLAG
    if body.line == 0 and continuous == 1:
        body.outcome.marks |= HCT_IN_REMISSION_FLAG
    has_vod = draw_vod(
        rules,
        choose(world, body, Decision.TRANSPLANT_VOD, 0),
        prior_inotuzumab=body.prior_inotuzumab,
    )
    body.prior_hct = True
    early = early_death_days(
        rules,
        choose(world, body, Decision.TRANSPLANT_DEATH, 0),
        draw_rare(body, world.seed, Decision.TRANSPLANT_DEATH_TIME, body.line, 0),
        has_vod=has_vod,
    )
    late = late_death_days(rules, choose(world, body, Decision.LATE_TRANSPLANT_DEATH, 0))
    if early < NEVER:
        clocks[TRANSPLANT_DEATH] = started + early
    elif late <= world.rules.survivor_threshold_days:
        clocks[TRANSPLANT_DEATH] = started + late
    ratio = 1.0
    if continuous:
        ratio = mrd_treatment_ratio(world.rules.relapse, salvage_line_now(body))
    clocks[RELAPSE] = started + relapse_or_cure(
        world,
        relapse_after_transplant_days(
            rules,
            ratio,
            mrd_negative,
            choose(world, body, Decision.CURE_AFTER_TRANSPLANT, 0),
            choose(world, body, Decision.RELAPSE_AFTER_TRANSPLANT, 0),
        ),
    )
    wind(body)
    rang = complications(world, body, started, has_vod)
    if rang == QUIET:
        rang = long_remission(world, body, started)
    if rang == RELAPSE:
        relapse(world, body)
    return rang


def complications(world: World, body: Data, started: float, has_vod: bool) -> int:
    """Live through the complications of a transplant in order of time."""
    rules = world.rules.transplant
    acute = acute_gvhd_day(
        rules,
        choose(world, body, Decision.ACUTE_GVHD, 0),
        choose(world, body, Decision.ACUTE_GVHD_ONSET, 0),
    )
    chronic = chronic_gvhd_day(
        rules,
        choose(world, body, Decision.CHRONIC_GVHD, 0),
        choose(world, body, Decision.CHRONIC_GVHD_ONSET, 0),
    )
    infected = hit(
        choose(world, body, Decision.TRANSPLANT_INFECTION, 0),
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
