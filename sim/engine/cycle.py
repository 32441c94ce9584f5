"""One cycle of treatment: dosing, toxicity, and its management by the label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim.clinic.draws import RandomDraw
from sim.clinic.events import EventKind
from sim.clinic.infusion import lay_segments
from sim.clinic.toxicity import (
    DURATION_DECISION,
    FATAL,
    GRADE_DECISION,
    NONE,
    ONSET_DECISION,
    Action,
    Toxicity,
    course_action,
    infusion_action,
    onset_day,
    resume_day,
)
from sim.clinic.toxicity import grade as toxic_grade
from sim.clinic.units import NEVER
from sim.engine.life import (
    NO_CYCLE,
    Clock,
    Life,
    Stage,
    draw,
    happens,
    plan,
    possible_toxicities,
    toxicity_days,
    write,
)

if TYPE_CHECKING:
    from sim.clinic.infusion import Schedule
    from sim.engine.model import Regimen, World

KINDS: Final = len(Toxicity)
GRADE: Final = tuple(int(GRADE_DECISION[kind]) for kind in Toxicity)
ONSET: Final = tuple(int(ONSET_DECISION[kind]) for kind in Toxicity)
DURATION: Final = tuple(int(DURATION_DECISION[kind]) for kind in Toxicity)


def give_cycle(world: World, life: Life) -> None:
    """Lay out one cycle with its toxicity, from its first day to the day of assessment."""
    regimen = world.regimens[life.regimen]
    schedule = regimen.schedule
    life.cycle_from = life.now
    write(life, EventKind.CYCLE_STARTED, life.cycle)
    life.toxicities = draw_toxicities(world, life, regimen) if world.rules.toxicity else 0
    if life.cycle >= schedule.induction_cycles + schedule.consolidation_cycles:
        length = schedule.maintenance_cycle_days
    elif life.cycle == 0:
        length = schedule.first_cycle_days
    else:
        length = schedule.cycle_days
    recovered = 0.0
    for i in range(life.toxicities):
        recovered = max(recovered, life.onset_day[i] + life.duration_days[i])
    life.segments = 0
    life.assessed_day = length
    delay = 0.0
    if regimen.continuous_infusion:
        life.segments = lay_infusion(life, schedule)
        life.assessed_day = schedule.infusion_days
        if not life.treatment_stopped:
            life.assessed_day = life.end_day[life.segments - 1]
            delay = life.assessed_day - schedule.infusion_days
    life.next_cycle_at = life.now + max(length + delay, recovered)
    life.toxicity = 0
    life.segment = 0
    plan_within_cycle(life)


def draw_toxicities(world: World, life: Life, regimen: Regimen) -> int:
    """Draw the toxicities of a cycle, in order of onset; return how many until treatment stops."""
    possible = possible_toxicities(world, life)
    if possible == 0:
        return 0
    count = 0
    for kind in range(KINDS):
        if (possible >> kind) & 1:
            count = draw_toxicity(world, life, regimen, kind, count)
    for i in range(count):
        if life.treatment_stopped:
            return i
        decide_action(life, regimen, i)
    return count


def draw_toxicity(world: World, life: Life, regimen: Regimen, kind: int, count: int) -> int:
    """Draw one kind of toxicity and insert it among those drawn; return how many."""
    course = world.rules.courses[kind]
    grade = toxic_grade(
        regimen.risks[kind],
        course,
        draw(world, life, GRADE[kind], life.cycle),
        first_cycle=life.cycle == 0,
        fatal_ratio=regimen.cells.fatal_ratio,
    )
    if grade == NONE:
        return count
    onset = onset_day(course, draw(world, life, ONSET[kind], life.cycle))
    days = toxicity_days(world, life, course, kind, DURATION[kind])
    seizure = kind == Toxicity.NEUROTOXICITY and happens(
        world, life, RandomDraw.SEIZURE, world.rules.seizure_share, life.cycle
    )
    i = count
    while i > 0 and life.onset_day[i - 1] > onset:
        life.kind[i] = life.kind[i - 1]
        life.grade[i] = life.grade[i - 1]
        life.onset_day[i] = life.onset_day[i - 1]
        life.duration_days[i] = life.duration_days[i - 1]
        life.seizure[i] = life.seizure[i - 1]
        i -= 1
    life.kind[i] = kind
    life.grade[i] = grade
    life.onset_day[i] = onset
    life.duration_days[i] = days
    life.seizure[i] = 1 if seizure else 0
    return count + 1


def decide_action(life: Life, regimen: Regimen, i: int) -> None:
    """Decide how a toxicity of the cycle changes treatment, by the label's rules."""
    if regimen.continuous_infusion:
        action = infusion_action(
            life.kind[i],
            life.grade[i],
            life.duration_days[i],
            seizures_before=life.seizures,
            seizure=life.seizure[i] == 1,
        )
    elif regimen.cell_therapy:
        # Once the cells are infused there is nothing left to stop.
        action = Action.CONTINUE
    else:
        action = course_action(life.grade[i])
    life.seizures += life.seizure[i]
    life.treatment_stopped = action == Action.STOP
    life.action[i] = action
    life.resume_day[i] = resume_day(life.kind[i], life.onset_day[i], life.duration_days[i], action)


def lay_infusion(life: Life, schedule: Schedule) -> int:
    """Lay out the infusion of the cycle around its interruptions; return its segments."""
    interruptions = 0
    for i in range(life.toxicities):
        if life.action[i] != Action.CONTINUE:
            life.interruption_day[interruptions] = life.onset_day[i]
            life.resumption_day[interruptions] = life.resume_day[i]
            interruptions += 1
    return lay_segments(
        schedule,
        life.interruption_day,
        life.resumption_day,
        interruptions,
        life.cycle == 0,
        life.start_day,
        life.end_day,
        life.dose,
    )


def plan_within_cycle(life: Life) -> None:
    """Plan the next event of the cycle; on one day a toxicity comes before the infusion."""
    day = NEVER
    if life.segment < life.segments:
        running = life.infusing_cycle != NO_CYCLE
        day = life.end_day[life.segment] if running else life.start_day[life.segment]
    if life.toxicity < life.toxicities and life.onset_day[life.toxicity] <= day:
        plan(life, Stage.TOXICITY, life.cycle_from + life.onset_day[life.toxicity])
    elif life.segment < life.segments:
        plan(life, Stage.INFUSION, life.cycle_from + day)
    else:
        plan(life, Stage.ASSESS, life.cycle_from + life.assessed_day)


def begin_toxicity(life: Life) -> None:
    """Begin a toxicity; a fatal one sets its clock."""
    i = life.toxicity
    kind, grade, days = life.kind[i], life.grade[i], life.duration_days[i]
    if grade == FATAL:
        life.clocks[Clock.TOXIC_DEATH] = life.now + days
    write(life, EventKind.TOXICITY, life.cycle, kind, grade, days)
    if life.seizure[i] == 1:
        write(life, EventKind.SEIZURE, life.cycle, kind, grade)
    if life.action[i] == Action.STOP:
        write(life, EventKind.TREATMENT_STOPPED, life.cycle, kind, grade)
    life.toxicity += 1
    plan_within_cycle(life)


def change_infusion(life: Life) -> None:
    """Start the infusion, change its dose, or stop it."""
    stops = False
    if life.infusing_cycle != NO_CYCLE:
        ended = life.end_day[life.segment]
        life.segment += 1
        stops = life.segment == life.segments or life.start_day[life.segment] > ended
    if stops:
        life.infusing_cycle = NO_CYCLE
        write(life, EventKind.INFUSION_STOPPED, life.cycle)
    else:
        life.infusing_cycle = life.cycle
        write(life, EventKind.INFUSION_STARTED, life.cycle, 0, 0, life.dose[life.segment])
    plan_within_cycle(life)
