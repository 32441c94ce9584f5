"""The patient pathway: every event of the protocol, and the events that follow it.

::

    enter ──► START_LINE ──► GIVE_CYCLE ──► toxicity, infusion ──► ASSESS ─┐
                ▲   │            ▲                                   ▲     │
                │   │            └───── next cycle, while one is planned ◄─┤
                │   └── usual care ──────────────────────────────────┘     │
                │          no remission                                    ▼
   another line └──────────────────────────── leave_line ◄──── relapse  remission
                                                  │               ▲     │   │
              no line is left, or not fit for one │               │     │   │ TRANSPLANT
                     SUPPORTIVE CARE ◄────────────┘               ├─ transplant
                                                                  │     │
                                                                SURVIVORSHIP
    At any time: death (BACKGROUND, TOXIC, TRANSPLANT, IN REMISSION, LEUKAEMIC) or HORIZON.

Each function is one event or part of one. It acts at ``life.now`` and sets the clocks of what may
come next; ``life.clocks`` is the future event list, and the clock that is due first is the next
event, at equal times the first in `Clock`. ``Clock.PLANNED`` is the next step of treatment, whose
`Stage` says which. SimPy takes one event at a time (`sim.engine.reference`); numba compiles the
same source for the core engine (`sim.engine.compiled.life`). One cycle of treatment is in
`sim.engine.cycle`.

Usual care is a line like the named ones, as often as a patient fails and is fit for another, but
for its cycles, of which only the assessment is simulated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim.clinic.cells import Cells
from sim.clinic.disease import under_hazard_ratio
from sim.clinic.draws import RandomDraw
from sim.clinic.events import EventKind
from sim.clinic.remission import (
    candidate_probability,
    death_in_remission_days,
    with_fading_benefit,
    without_further_benefit,
)
from sim.clinic.response import NO_RESPONSE_CYCLE, mrd_conversion_probability, response_cycle
from sim.clinic.transplant import (
    Complication,
    acute_gvhd_day,
    chronic_gvhd_day,
    early_death_days,
    late_death_days,
    vod,
)
from sim.clinic.units import NEVER
from sim.engine.cycle import begin_toxicity, change_infusion, give_cycle
from sim.engine.life import (
    CAUSES,
    NO_CYCLE,
    Clock,
    Life,
    Phase,
    Stage,
    age_now,
    background_death,
    background_death_at_entry,
    draw,
    draw_exponential,
    fit_for_another_line,
    happens,
    next_clock,
    person,
    plan,
    refractory_days,
    relapse_days_after_transplant,
    relapse_days_now,
    relapsed_days,
    response_chance,
    salvage_line_now,
    transplant_wait_days,
    write,
)

if TYPE_CHECKING:
    from sim.engine.model import Regimen, World

CAUSE: Final = tuple(int(cause) for cause in CAUSES)

# The future event list


def step(world: World, life: Life) -> None:
    """Advance to the event that is due first and execute it."""
    clock = next_clock(life.clocks)
    life.now = max(life.clocks[clock], life.now)
    if clock == Clock.PLANNED:
        take_stage(world, life)
        return
    if life.infusing_cycle != NO_CYCLE:
        write(life, EventKind.INFUSION_STOPPED, life.infusing_cycle)
        life.infusing_cycle = NO_CYCLE
    if clock == Clock.RELAPSE:
        relapse(world, life)
    elif clock == Clock.TRANSPLANT:
        undergo_transplant(world, life)
    elif clock == Clock.HORIZON:
        write(life, EventKind.HORIZON)
        life.over = True
    else:
        write(life, EventKind.DEATH, NO_CYCLE, CAUSE[clock])
        life.over = True


def take_stage(world: World, life: Life) -> None:
    """Take the step of treatment that was planned."""
    stage = life.stage
    if stage == Stage.TOXICITY:
        begin_toxicity(life)
    elif stage == Stage.INFUSION:
        change_infusion(life)
    elif stage == Stage.ASSESS:
        assess(world, life)
    elif stage == Stage.GIVE_CYCLE:
        give_cycle(world, life)
    elif stage == Stage.START_LINE:
        start_line(world, life)
    elif stage == Stage.SURVIVORSHIP:
        become_survivor(world, life)
    elif stage == Stage.COMPLICATION:
        complicate(world, life)
    else:
        infuse_cells(world, life)


# Lines of treatment


def enter(world: World, life: Life) -> None:
    """Begin with the first line, or with care where there is none."""
    admit(world, life)
    mrd_only = person(life).mrd_only
    strategy = world.plans[life.strategy]
    if strategy.lines == 0 and mrd_only:
        life.regimen = len(world.regimens) - 1
        begin_remission(world, life, False)
    elif strategy.lines > 0 or strategy.usual_care:
        start_line(world, life)
    else:
        life.clocks[Clock.LEUKAEMIC_DEATH] = life.now + days_refractory(world, life)
        support(life)


def admit(world: World, life: Life) -> None:
    """Write down the entry, and set the clocks that do not depend on treatment."""
    write(life, EventKind.ENTRY, NO_CYCLE, 1 if person(life).mrd_only else 0)
    life.prior_hct = person(life).prior_hct
    life.clocks[Clock.HORIZON] = world.rules.horizon_days
    life.clocks[Clock.BACKGROUND_DEATH] = background_death_at_entry(world, life)


def start_line(world: World, life: Life) -> None:
    """Begin a line of treatment; whether and when it will bring a remission is drawn at once."""
    strategy = world.plans[life.strategy]
    life.regimen = strategy.regimens[min(life.line, strategy.lines)]
    regimen = world.regimens[life.regimen]
    if life.line < strategy.lines:
        write(life, EventKind.LINE_STARTED, NO_CYCLE, life.line)
    else:
        write(life, EventKind.USUAL_CARE_STARTED)
    life.treatment_stopped = False
    if person(life).ph_positive and regimen.continued_hazard_ratio != 1.0:
        life.leukaemia_hazard_ratio = regimen.continued_hazard_ratio
    life.prior_inotuzumab = life.prior_inotuzumab or regimen.inotuzumab
    # A CD19-directed drug in continuous infusion is blinatumomab, in any of its regimens.
    life.prior_blinatumomab = life.prior_blinatumomab or (
        regimen.continuous_infusion and regimen.targets_cd19
    )
    life.cycle = 0
    life.next_cycle_at = life.now
    life.planned_cycles = int(regimen.schedule.induction_cycles)
    if life.line == 0 and person(life).mrd_only:
        # Relapse, transplant and death in remission during the one cycle before MRD is assessed
        # are neglected: their clocks start with the assessment, as after a response.
        life.phase = Phase.MRD
    else:
        life.phase = Phase.INDUCTION
        if not regimen.cell_therapy:
            draw_response(world, life, regimen)
    if regimen.cell_therapy:
        collect_cells(world, life, regimen)
    elif life.line < strategy.lines:
        plan_cycle(world, life)
    else:
        plan(life, Stage.ASSESS, life.now + regimen.schedule.first_cycle_days)


def days_refractory(world: World, life: Life) -> float:
    """Return days from now to death of leukaemia that does not respond to this line."""
    return under_hazard_ratio(
        refractory_days(world, life),
        world.rules.disease.refractory_shape,
        life.leukaemia_hazard_ratio,
    )


def days_after_relapse(world: World, life: Life) -> float:
    """Return days from now to death of leukaemia that has just relapsed in this line."""
    return under_hazard_ratio(
        relapsed_days(world, life),
        world.rules.disease.relapsed_shape,
        life.leukaemia_hazard_ratio,
    )


def draw_response(world: World, life: Life, regimen: Regimen) -> None:
    """Draw the cycle of response, or leukaemic death and progression without one."""
    life.progresses = False
    if happens(world, life, RandomDraw.RESPONSE, response_chance(world, life, regimen)):
        life.clocks[Clock.LEUKAEMIC_DEATH] = NEVER
        life.responds_in = response_cycle(
            regimen.response, draw(world, life, RandomDraw.RESPONSE_CYCLE)
        )
        return
    life.responds_in = NO_RESPONSE_CYCLE
    life.clocks[Clock.LEUKAEMIC_DEATH] = life.now + days_refractory(world, life)
    life.progresses = happens(
        world,
        life,
        RandomDraw.PROGRESSION_AFTER_FIRST_CYCLE,
        regimen.response.progression_after_first_cycle_probability,
    )


def plan_cycle(world: World, life: Life) -> None:
    """Plan the next cycle, or go on without one."""
    if life.cycle < life.planned_cycles and not life.treatment_stopped:
        plan(life, Stage.GIVE_CYCLE, life.next_cycle_at)
    elif life.phase == Phase.CONSOLIDATION:
        wait_in_remission(world, life)
    else:
        fail_induction(world, life)


def assess(world: World, life: Life) -> None:
    """Assess response and MRD at the end of a cycle."""
    regimen, given = world.regimens[life.regimen], life.cycle
    life.cycle = given + 1
    if life.phase == Phase.MRD:
        converts = mrd_conversion_probability(world.rules.response, regimen.response_log_odds_ratio)
        negative = happens(world, life, RandomDraw.MRD, converts)
        write(life, EventKind.MRD_ASSESSED, given, 0, 0, 1.0 if negative else 0.0)
        begin_remission(world, life, negative)
    elif life.phase == Phase.INDUCTION and life.responds_in == given:
        response = regimen.response
        complete = happens(world, life, RandomDraw.RESPONSE_DEPTH, response.complete_share)
        negative = happens(world, life, RandomDraw.MRD, response.mrd_negative_probability)
        write(life, EventKind.RESPONSE, given, 1 if complete else 0, 0, 1.0 if negative else 0.0)
        begin_remission(world, life, negative)
    elif life.phase == Phase.INDUCTION and life.progresses and given == 0:
        fail_induction(world, life)
    else:
        plan_cycle(world, life)


def fail_induction(world: World, life: Life) -> None:
    """End a line that brought no remission."""
    if life.clocks[Clock.LEUKAEMIC_DEATH] == NEVER:
        # The cycle that would have brought the remission was not given.
        life.clocks[Clock.LEUKAEMIC_DEATH] = life.now + days_refractory(world, life)
    write(life, EventKind.NO_RESPONSE)
    leave_line(world, life)


def leave_line(world: World, life: Life) -> None:
    """After failure or relapse: antigen loss, then the next line for a patient fit for it.

    After the last regimen the next line is usual care, where the strategy has it.
    """
    if happens(world, life, RandomDraw.CD19_LOSS, cd19_loss_probability(world, life)):
        life.cd19_lost = True
        write(life, EventKind.CD19_LOSS)
    strategy = world.plans[life.strategy]
    life.line += 1
    another = life.line < strategy.lines or strategy.usual_care
    if another and fit_for_another_line(world, life):
        plan(life, Stage.START_LINE, life.now + world.rules.later.next_line_gap_days)
    else:
        support(life)


def cd19_loss_probability(world: World, life: Life) -> float:
    """Return the probability that the leukaemia has lost CD19 where a line has failed."""
    regimen = world.regimens[life.regimen]
    if not regimen.targets_cd19:
        return 0.0
    if regimen.cell_therapy:
        if life.cells != Cells.INFUSED:
            return 0.0
        if life.phase == Phase.CONSOLIDATION:
            return regimen.cells.cd19_loss_at_relapse_probability
    return world.rules.later.cd19_loss_probability


def support(life: Life) -> None:
    """Give supportive care until the end."""
    write(life, EventKind.SUPPORTIVE_CARE_STARTED)
    life.clocks[Clock.PLANNED] = NEVER


# Cell therapy


def collect_cells(world: World, life: Life, regimen: Regimen) -> None:
    """Collect cells and wait for them; whether they will be infused is drawn at once.

    The published shares of patients not infused hold those who died before. So only patients who
    will not be infused can die of leukaemia while they wait.
    """
    cells, wait_days = regimen.cells, regimen.cells.days_to_infusion
    life.cells = Cells.INFUSED
    life.clocks[Clock.LEUKAEMIC_DEATH] = NEVER
    if regimen.targets_cd19 and life.cd19_lost:
        life.cells, wait_days = Cells.NO_TARGET, 0.0
    else:
        write(life, EventKind.LEUKAPHERESIS)
        failure = cells.manufacturing_failure_probability
        if happens(world, life, RandomDraw.CELL_MANUFACTURE, failure):
            life.cells = Cells.NOT_MADE
        elif happens(world, life, RandomDraw.FIT_FOR_CELLS, cells.not_fit_probability):
            life.cells = Cells.NOT_FIT
    if life.cells != Cells.INFUSED and life.phase == Phase.INDUCTION:
        life.clocks[Clock.LEUKAEMIC_DEATH] = life.now + days_refractory(world, life)
    plan(life, Stage.CELLS, life.now + wait_days)


def infuse_cells(world: World, life: Life) -> None:
    """Infuse the cells; a patient without them goes on as one whose line failed."""
    if life.cells == Cells.INFUSED:
        write(life, EventKind.CELLS_INFUSED, life.cycle)
        if life.phase == Phase.INDUCTION:
            draw_response(world, life, world.regimens[life.regimen])
        give_cycle(world, life)
        return
    write(life, EventKind.CELLS_NOT_GIVEN, NO_CYCLE, life.cells)
    if life.phase == Phase.MRD:
        life.regimen = len(world.regimens) - 1
        begin_remission(world, life, False)
    else:
        fail_induction(world, life)


# Remission


def begin_remission(world: World, life: Life, mrd_negative: bool) -> None:
    """Start the competing clocks of remission, and consolidate."""
    rules, regimen = world.rules, world.regimens[life.regimen]
    life.phase = Phase.CONSOLIDATION
    life.mrd_negative = mrd_negative
    life.remission_from = life.now
    life.relapse_days = relapse_days_now(world, life, regimen, mrd_negative)
    if regimen.remaining_ratio < 1.0 and rules.benefit_fades_from_days < NEVER:
        life.relapse_days = with_fading_benefit(
            life.relapse_days,
            rules.benefit_fades_from_days,
            rules.benefit_fades_to_days,
            regimen.remaining_ratio,
        )
    life.clocks[Clock.RELAPSE] = life.now + relapse_or_cure(world, life.relapse_days)
    if rules.transplant_allowed:
        life.clocks[Clock.TRANSPLANT] = life.now + days_to_transplant(world, life, regimen)
    death = death_in_remission_days(
        rules.relapse, draw_exponential(world, life, RandomDraw.DEATH_IN_REMISSION)
    )
    if death <= rules.survivor_threshold_days:
        life.clocks[Clock.DEATH_IN_REMISSION] = life.now + death
    life.planned_cycles = cycles_in_remission(world, life, regimen)
    plan_cycle(world, life)


def days_to_transplant(world: World, life: Life, regimen: Regimen) -> float:
    """Draw days from remission to allo-HCT; never for a patient who is no candidate."""
    rules = world.rules
    candidate = candidate_probability(
        rules.candidacy,
        regimen.transplant_log_odds_ratio,
        age_years=age_now(life),
        salvage_line=salvage_line_now(life),
        prior_hct=life.prior_hct,
        real_world=rules.real_world,
    )
    if not happens(world, life, RandomDraw.TRANSPLANT_ELIGIBILITY, candidate):
        return NEVER
    return transplant_wait_days(world, life)


def cycles_in_remission(world: World, life: Life, regimen: Regimen) -> int:
    """Draw consolidation and maintenance; return all cycles planned, those of induction included."""
    schedule = regimen.schedule
    planned = int(schedule.induction_cycles)
    if happens(world, life, RandomDraw.CONSOLIDATION, schedule.consolidation_probability):
        planned += int(schedule.consolidation_cycles)
        if world.plans[life.strategy].maintenance and happens(
            world, life, RandomDraw.MAINTENANCE, schedule.maintenance_probability
        ):
            planned += int(schedule.maintenance_cycles)
    return planned


def wait_in_remission(world: World, life: Life) -> None:
    """End treatment: its benefit may end with it, and a long remission makes a survivor."""
    ratio = world.regimens[life.regimen].remaining_ratio
    if ratio < 1.0 and world.rules.benefit_fades_from_days == NEVER:
        sooner = without_further_benefit(life.relapse_days, life.now - life.remission_from, ratio)
        life.clocks[Clock.RELAPSE] = life.remission_from + relapse_or_cure(world, sooner)
    plan_survivorship(world, life)


def relapse_or_cure(world: World, days: float) -> float:
    """Return `days`, or never when they are beyond the cure point."""
    return NEVER if days > world.rules.cure_point_days else days


def plan_survivorship(world: World, life: Life) -> None:
    """Plan long-term survivorship, for a remission that lasts."""
    plan(life, Stage.SURVIVORSHIP, life.remission_from + world.rules.survivor_threshold_days)


def become_survivor(world: World, life: Life) -> None:
    """Begin long-term survivorship, with the background mortality of survivors."""
    if life.survivor_from == NEVER:
        life.survivor_from = life.remission_from + world.rules.survivor_threshold_days
        if world.rules.background_mortality:
            life.clocks[Clock.BACKGROUND_DEATH] = background_death(world, life)
    write(life, EventKind.LONG_TERM_SURVIVOR)
    life.clocks[Clock.PLANNED] = NEVER


def relapse(world: World, life: Life) -> None:
    """Survive as relapsed leukaemia does from now on; begin the next line, usual or supportive care."""
    write(life, EventKind.RELAPSE)
    stop_clocks_of_remission(life)
    life.clocks[Clock.LEUKAEMIC_DEATH] = life.now + days_after_relapse(world, life)
    leave_line(world, life)


def stop_clocks_of_remission(life: Life) -> None:
    """Relapse and transplant end the clocks of remission."""
    life.clocks[Clock.RELAPSE] = NEVER
    life.clocks[Clock.TRANSPLANT] = NEVER
    life.clocks[Clock.DEATH_IN_REMISSION] = NEVER
    life.clocks[Clock.TRANSPLANT_DEATH] = NEVER


# Transplant


def undergo_transplant(world: World, life: Life) -> None:
    """Transplant in the remission of a line; draw complications and outcome."""
    rules = world.rules.transplant
    stop_clocks_of_remission(life)
    life.clocks[Clock.LEUKAEMIC_DEATH] = NEVER
    write(life, EventKind.TRANSPLANT, NO_CYCLE, 1 if life.line == 0 else 0)
    has_vod = vod(
        rules,
        draw(world, life, RandomDraw.TRANSPLANT_VOD),
        prior_inotuzumab=life.prior_inotuzumab,
    )
    life.prior_hct = True
    life.remission_from = life.now
    early = early_death_days(
        rules,
        draw(world, life, RandomDraw.TRANSPLANT_DEATH),
        draw(world, life, RandomDraw.TRANSPLANT_DEATH_TIME),
        has_vod=has_vod,
        prior_inotuzumab=life.prior_inotuzumab,
    )
    late = late_death_days(rules, draw_exponential(world, life, RandomDraw.LATE_TRANSPLANT_DEATH))
    if early < NEVER:
        life.clocks[Clock.TRANSPLANT_DEATH] = life.now + early
    elif late <= world.rules.survivor_threshold_days:
        life.clocks[Clock.TRANSPLANT_DEATH] = life.now + late
    life.clocks[Clock.RELAPSE] = life.now + relapse_or_cure(
        world, relapse_days_after_transplant(world, life)
    )
    draw_complications(world, life, has_vod)
    plan_complication(world, life)


def draw_complications(world: World, life: Life, has_vod: bool) -> None:
    """Draw the day of each complication of the transplant; never for those that do not come."""
    rules = world.rules.transplant
    day = life.complication_day
    day[Complication.ACUTE_GVHD] = acute_gvhd_day(
        rules,
        draw(world, life, RandomDraw.ACUTE_GVHD),
        draw(world, life, RandomDraw.ACUTE_GVHD_ONSET),
    )
    day[Complication.CHRONIC_GVHD] = chronic_gvhd_day(
        rules,
        draw(world, life, RandomDraw.CHRONIC_GVHD),
        draw(world, life, RandomDraw.CHRONIC_GVHD_ONSET),
    )
    infected = happens(world, life, RandomDraw.TRANSPLANT_INFECTION, rules.infection_probability)
    day[Complication.VOD] = 0.0 if has_vod else NEVER
    day[Complication.INFECTION] = 0.0 if infected else NEVER


def plan_complication(world: World, life: Life) -> None:
    """Plan the next complication of the transplant, or long-term survivorship."""
    day = life.complication_day[next_complication(life)]
    if day < NEVER:
        plan(life, Stage.COMPLICATION, life.remission_from + day)
    else:
        plan_survivorship(world, life)


def next_complication(life: Life) -> int:
    """Return the complication that comes first; on one day the first in `Complication`."""
    first = 0
    for each in range(1, len(life.complication_day)):
        if life.complication_day[each] < life.complication_day[first]:
            first = each
    return first


def complicate(world: World, life: Life) -> None:
    """Begin a complication of the transplant."""
    rules = world.rules.transplant
    complication = next_complication(life)
    if complication == Complication.VOD:
        write(life, EventKind.TRANSPLANT_VOD)
    elif complication == Complication.INFECTION:
        write(life, EventKind.TRANSPLANT_INFECTION, NO_CYCLE, 0, 0, rules.infection_days)
    elif complication == Complication.ACUTE_GVHD:
        write(life, EventKind.ACUTE_GVHD, NO_CYCLE, 0, 0, rules.acute_gvhd_days)
    elif complication == Complication.CHRONIC_GVHD:
        write(life, EventKind.CHRONIC_GVHD, NO_CYCLE, 0, 0, rules.chronic_gvhd_days)
    life.complication_day[complication] = NEVER
    plan_complication(world, life)
