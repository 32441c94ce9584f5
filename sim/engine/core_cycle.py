"""One cycle of treatment in the core engine: the counterpart of `sim.engine.cycle`."""

from __future__ import annotations

from typing import Final

from sim.clinic import toxicity
from sim.clinic.decisions import Decision
from sim.clinic.distributions import hit
from sim.clinic.events import Happening
from sim.clinic.infusion import lay_segments
from sim.clinic.toxicity import SEVERE, Action, Toxicity
from sim.clinic.units import NEVER
from sim.engine.core_body import World
from sim.engine.core_draws import draw_rare
from sim.engine.core_keys import CYCLES_AHEAD
from sim.engine.core_life import (
    QUIET,
    TOXIC_DEATH,
    choose,
    choose_normal,
    until,
    wind,
)
from sim.engine.core_log import NO_CYCLE, record
from sim.engine.data import Data
from sim.engine.outcomes import Outcome

grade_of = toxicity.grade
onset_day = toxicity.onset_day
duration_of = toxicity.duration_of
infusion_action = toxicity.infusion_action
course_action = toxicity.course_action
resume_day = toxicity.resume_day

FIRST_TOXIC_FLAG: Final = Outcome._fields.index("severe_crs")
FEBRILE_NEUTROPENIA: Final = int(Toxicity.FEBRILE_NEUTROPENIA)
KINDS: Final = len(Toxicity)
NEUROTOXICITY: Final = int(Toxicity.NEUROTOXICITY)
STOP: Final = int(Action.STOP)
CONTINUE: Final = int(Action.CONTINUE)
FATAL: Final = toxicity.FATAL
NO_GRADE: Final = toxicity.NONE
ALL_KINDS: Final = (1 << KINDS) - 1

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


def give_cycle(world: World, body: Data, row: int, cycle: int) -> int:
    """Give one cycle up to the day of assessment; return the clock that rang, or `QUIET`."""
    regimen = world.regimens[row]
    schedule = regimen.schedule
    started = body.now
    record(body, CYCLE_STARTED, cycle, 0, 0, 0.0)
    if body.line == 0:
        body.outcome.cycles += 1
    episodes = strike(world, body, row, cycle) if world.rules.toxicity else 0
    if cycle >= schedule.induction_cycles + schedule.consolidation_cycles:
        length = schedule.maintenance_cycle_days
    elif cycle == 0:
        length = schedule.first_cycle_days
    else:
        length = schedule.cycle_days
    recovered = 0.0
    for i in range(episodes):
        recovered = max(recovered, body.episodes[i].onset + body.episodes[i].duration)
    laid = 0
    assessment = length
    delay = 0.0
    if regimen.continuous_infusion:
        laid = lay_infusion(body, schedule, episodes, cycle == 0)
        assessment = schedule.infusion_days
        if not body.treatment_stopped:
            assessment = body.ends[laid - 1]
            delay = assessment - schedule.infusion_days
    body.next_cycle_at = started + max(length + delay, recovered)
    rang = live_through(body, started, cycle, episodes, laid)
    if rang != QUIET:
        return rang
    return until(body, started + assessment)


def live_through(body: Data, started: float, cycle: int, episodes: int, laid: int) -> int:
    """Go through episodes and segments of infusion in order of time.

    On one day, a toxicity comes before the pump stops, and that before it starts.
    """
    next_episode = 0
    segment = 0
    running = False
    while True:
        day = NEVER
        if segment < laid:
            day = body.ends[segment] if running else body.starts[segment]
        if next_episode < episodes and body.episodes[next_episode].onset <= day:
            rang = until(body, started + body.episodes[next_episode].onset)
            if rang != QUIET:
                return rang
            suffer(body, cycle, next_episode)
            next_episode += 1
        elif segment >= laid:
            return QUIET
        elif not running:
            rang = until(body, started + day)
            if rang != QUIET:
                return rang
            body.infusing_cycle = cycle
            record(body, INFUSION_STARTED, cycle, 0, 0, body.doses[segment])
            running = True
        else:
            running = False
            segment += 1
            if segment == laid or body.starts[segment] > day:
                rang = until(body, started + day)
                if rang != QUIET:
                    return rang
                body.infusing_cycle = NO_CYCLE
                record(body, INFUSION_STOPPED, cycle, 0, 0, 0.0)


def suffer(body: Data, cycle: int, place: int) -> None:
    """Write an episode into the log; set the clock of a fatal one."""
    episode = body.episodes[place]
    if episode.grade == FATAL:
        body.clocks[TOXIC_DEATH] = body.now + episode.duration
        wind(body)
    record(body, TOXICITY, cycle, episode.kind, episode.grade, episode.duration)
    if episode.grade >= SEVERE and episode.kind < FEBRILE_NEUTROPENIA:
        body.outcome.marks |= 1 << (FIRST_TOXIC_FLAG + episode.kind)
    if episode.seizure:
        record(body, SEIZURE, cycle, episode.kind, episode.grade, 0.0)
    if episode.action == STOP:
        record(body, TREATMENT_STOPPED, cycle, episode.kind, episode.grade, 0.0)


def lay_infusion(body: Data, schedule: Data, episodes: int, step_up: bool) -> int:
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


def strike(world: World, body: Data, row: int, cycle: int) -> int:
    """Draw the toxicity of a cycle, ordered by onset; return the number of episodes."""
    count = 0
    struck = ALL_KINDS
    if body.line == 0 and cycle < CYCLES_AHEAD:
        struck = body.struck[body.strategy * CYCLES_AHEAD + cycle, body.column]
        if struck == 0:
            return 0
    regimen = world.regimens[row]
    for kind in range(KINDS):
        if (struck >> kind) & 1 == 0:
            continue
        course = world.rules.courses[kind]
        severity = grade_of(
            regimen.risks[kind],
            course,
            choose(world, body, GRADE[kind], cycle),
            first_cycle=cycle == 0,
        )
        if severity == NO_GRADE:
            continue
        onset = onset_day(course, choose(world, body, ONSET[kind], cycle))
        if body.line == 0 and cycle == 0:
            days = body.durations[kind, body.column]
        else:
            days = duration_of(course, choose_normal(world, body, DURATION[kind], cycle))
        seizure = kind == NEUROTOXICITY and hit(
            draw_rare(body, world.seed, Decision.SEIZURE, body.line, cycle),
            world.rules.seizure_share,
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
    continuous = regimen.continuous_infusion
    for i in range(count):
        if body.treatment_stopped:
            return i
        episode = body.episodes[i]
        if continuous:
            action = infusion_action(
                episode.kind,
                episode.grade,
                episode.duration,
                seizures_before=body.seizures,
                seizure=episode.seizure,
            )
        else:
            action = course_action(episode.grade)
        if episode.seizure:
            body.seizures += 1
        body.treatment_stopped = action == STOP
        episode.action = action
        episode.resume = resume_day(episode.kind, episode.onset, episode.duration, action)
    return count
