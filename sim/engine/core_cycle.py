"""One cycle of treatment in the core engine: the counterpart of `sim.engine.cycle`."""

from __future__ import annotations

from typing import Any, Final

from sim.clinic import toxicity
from sim.clinic.decisions import Decision
from sim.clinic.distributions import hit
from sim.clinic.events import Happening
from sim.clinic.infusion import lay_segments
from sim.clinic.patient import Patient
from sim.clinic.toxicity import Action, Toxicity
from sim.engine.core_life import (
    NO_CYCLE,
    QUIET,
    TOXIC_DEATH,
    Body,
    World,
    choose,
    record,
    until,
)

grade_of = toxicity.grade
onset_day = toxicity.onset_day
duration_days = toxicity.duration_days
infusion_action = toxicity.infusion_action
course_action = toxicity.course_action
resume_day = toxicity.resume_day

KINDS: Final = len(Toxicity)
NEUROTOXICITY: Final = int(Toxicity.NEUROTOXICITY)
STOP: Final = int(Action.STOP)
CONTINUE: Final = int(Action.CONTINUE)
FATAL: Final = toxicity.FATAL
NO_GRADE: Final = toxicity.NONE
DRAWS_OF_A_TOXICITY: Final = Decision.NEUROTOXICITY.value - Decision.CRS.value

# The decisions of a toxicity follow each other: grade, onset, duration; neurotoxicity has one
# more, the seizure.
GRADE: Final = tuple(int(toxicity.GRADE_DECISION[kind]) for kind in Toxicity)
ONSET: Final = tuple(int(toxicity.ONSET_DECISION[kind]) for kind in Toxicity)
DURATION: Final = tuple(int(toxicity.DURATION_DECISION[kind]) for kind in Toxicity)

CYCLE_STARTED: Final = int(Happening.CYCLE_STARTED)
INFUSION_STARTED: Final = int(Happening.INFUSION_STARTED)
INFUSION_STOPPED: Final = int(Happening.INFUSION_STOPPED)
TOXICITY: Final = int(Happening.TOXICITY)
SEIZURE: Final = int(Happening.SEIZURE)
TREATMENT_STOPPED: Final = int(Happening.TREATMENT_STOPPED)


def give_cycle(world: World, body: Body, patient: Patient, row: int, cycle: int) -> int:
    """Give one cycle up to the day of assessment; return the clock that rang, or `QUIET`."""
    life = body.life
    regimen = world.regimens[row]
    schedule = regimen.schedule
    started = life.now
    record(body, CYCLE_STARTED, cycle, 0, 0, 0.0)
    episodes = strike(world, body, patient, row, cycle)
    if cycle >= schedule.induction_cycles + schedule.consolidation_cycles:
        length = schedule.maintenance_cycle_days
    elif cycle == 0:
        length = schedule.first_cycle_days
    else:
        length = schedule.cycle_days
    count = 0
    recovered = 0.0
    for i in range(episodes):
        episode = body.episodes[i]
        count = plan_event(body, count, episode.onset, 0, TOXICITY, i, 0.0)
        if episode.seizure:
            count = plan_event(body, count, episode.onset, 1, SEIZURE, i, 0.0)
        if episode.action == STOP:
            count = plan_event(body, count, episode.onset, 2, TREATMENT_STOPPED, i, 0.0)
        recovered = max(recovered, episode.onset + episode.duration)
    assessment = length
    delay = 0.0
    if regimen.continuous_infusion:
        laid = lay_infusion(body, schedule, episodes, cycle == 0)
        assessment = schedule.infusion_days
        if not life.treatment_stopped:
            assessment = body.ends[laid - 1]
            delay = assessment - schedule.infusion_days
        for i in range(laid):
            count = plan_event(
                body, count, body.starts[i], 4, INFUSION_STARTED, NO_CYCLE, body.doses[i]
            )
            if i + 1 == laid or body.starts[i + 1] > body.ends[i]:
                count = plan_event(body, count, body.ends[i], 3, INFUSION_STOPPED, NO_CYCLE, 0.0)
    life.next_cycle_at = started + max(length + delay, recovered)
    for i in range(count):
        planned = body.happenings[i]
        rang = until(body, started + planned.day)
        if rang != QUIET:
            return rang
        happen(body, planned, cycle)
    return until(body, started + assessment)


def happen(body: Body, planned: Any, cycle: int) -> None:  # noqa: ANN401 - a record
    """Write a planned happening into the log, and do what it does."""
    life = body.life
    kind = planned.kind
    if kind == INFUSION_STARTED:
        life.infusing_cycle = cycle
        record(body, kind, cycle, 0, 0, planned.dose)
    elif kind == INFUSION_STOPPED:
        life.infusing_cycle = NO_CYCLE
        record(body, kind, cycle, 0, 0, 0.0)
    else:
        episode = body.episodes[planned.episode]
        days = episode.duration if kind == TOXICITY else 0.0
        if kind == TOXICITY and episode.grade == FATAL:
            body.clocks[TOXIC_DEATH] = life.now + episode.duration
        record(body, kind, cycle, episode.kind, episode.grade, days)


def plan_event(
    body: Body, count: int, day: float, order: int, kind: int, episode: int, dose: float
) -> int:
    """Insert a happening in order of day, order and kind of toxicity; return the new count."""
    happenings = body.happenings
    rank = body.episodes[episode].kind if episode != NO_CYCLE else 0
    i = count
    while i > 0 and (
        happenings[i - 1].day > day
        or (
            happenings[i - 1].day == day
            and (
                happenings[i - 1].order > order
                or (happenings[i - 1].order == order and happenings[i - 1].rank > rank)
            )
        )
    ):
        happenings[i] = happenings[i - 1]
        i -= 1
    planned = happenings[i]
    planned.day = day
    planned.order = order
    planned.rank = rank
    planned.kind = kind
    planned.episode = episode
    planned.dose = dose
    return count + 1


def lay_infusion(body: Body, schedule: Any, episodes: int, step_up: bool) -> int:  # noqa: ANN401
    """Lay out the infusion of the cycle around its interruptions; return the segments."""
    interruptions = 0
    for i in range(episodes):
        episode = body.episodes[i]
        if episode.action != CONTINUE:
            body.onsets[interruptions] = episode.onset
            body.resumes[interruptions] = episode.resume
            interruptions += 1
    return lay_segments(
        schedule,
        body.onsets,
        body.resumes,
        interruptions,
        step_up,
        body.starts,
        body.ends,
        body.doses,
    )


def strike(world: World, body: Body, patient: Patient, row: int, cycle: int) -> int:
    """Draw the toxicity of a cycle, ordered by onset; return the number of episodes."""
    life = body.life
    count = 0
    for kind in range(KINDS):
        course = world.tables.courses[kind]
        severity = grade_of(
            world.tables.risks[row, kind],
            course,
            choose(world, body, patient, GRADE[kind], cycle),
            first_cycle=cycle == 0,
        )
        if severity == NO_GRADE:
            continue
        onset = onset_day(course, choose(world, body, patient, ONSET[kind], cycle))
        days = duration_days(course, choose(world, body, patient, DURATION[kind], cycle))
        seizure = kind == NEUROTOXICITY and hit(
            choose(world, body, patient, Decision.SEIZURE.value, cycle), world.rules.seizure_share
        )
        i = count
        while i > 0 and body.episodes[i - 1].onset > onset:
            body.episodes[i] = body.episodes[i - 1]
            i -= 1
        episode = body.episodes[i]
        episode.kind = kind
        episode.grade = severity
        episode.onset = onset
        episode.duration = days
        episode.seizure = seizure
        count += 1
    continuous = world.regimens[row].continuous_infusion
    for i in range(count):
        if life.treatment_stopped:
            return i
        episode = body.episodes[i]
        if continuous:
            action = infusion_action(
                episode.kind,
                episode.grade,
                episode.duration,
                seizures_before=life.seizures,
                seizure=episode.seizure,
            )
        else:
            action = course_action(episode.grade)
        if episode.seizure:
            life.seizures += 1
        life.treatment_stopped = action == STOP
        episode.action = action
        episode.resume = resume_day(episode.kind, episode.onset, episode.duration, action)
    return count
