"""One cycle of treatment in the reference engine: dosing, toxicity, management."""

from __future__ import annotations

from collections.abc import Iterator

from sim.clinic import toxicity
from sim.clinic.decisions import Decision
from sim.clinic.distributions import hit
from sim.clinic.events import Happening
from sim.clinic.infusion import segments
from sim.clinic.toxicity import Action, Episode, Toxicity
from sim.engine.life import Clock, Life, Story
from sim.engine.model import Regimen

ORDER_AT_EQUAL_TIMES = {
    Happening.TOXICITY: 0,
    Happening.SEIZURE: 1,
    Happening.TREATMENT_STOPPED: 2,
    Happening.INFUSION_STOPPED: 3,
    Happening.INFUSION_STARTED: 4,
}


def _by_time(happening: tuple[float, Happening, int, int, float]) -> tuple[float, int, int]:
    return happening[0], ORDER_AT_EQUAL_TIMES[happening[1]], happening[2]


def toxic_events(
    episode: Episode,
) -> Iterator[tuple[float, Happening, int, int, float]]:
    """Yield the log entries of an episode."""
    kind, day = int(episode.kind), episode.onset_day
    yield day, Happening.TOXICITY, kind, episode.grade, episode.duration_days
    if episode.seizure:
        yield day, Happening.SEIZURE, kind, episode.grade, 0.0
    if episode.action == Action.STOP:
        yield day, Happening.TREATMENT_STOPPED, kind, episode.grade, 0.0


class TreatedLife(Life):
    """A patient who can be given a cycle."""

    def cycle(self, regimen: Regimen, cycle: int) -> Story:
        """Give one cycle and live through its toxicity, up to the day of assessment."""
        schedule, started = regimen.schedule, self.now
        self.record(Happening.CYCLE_STARTED, cycle=cycle)
        episodes = self.strike(regimen, cycle)
        maintenance = cycle >= schedule.induction_cycles + schedule.consolidation_cycles
        if maintenance:
            length = schedule.maintenance_cycle_days
        else:
            length = schedule.first_cycle_days if cycle == 0 else schedule.cycle_days
        happenings = [event for episode in episodes for event in toxic_events(episode)]
        if regimen.continuous_infusion:
            laid = segments(schedule, episodes, step_up=cycle == 0)
            complete = not self.treatment_stopped
            assessment = laid[-1].end_day if complete else schedule.infusion_days
            delay = laid[-1].end_day - schedule.infusion_days if complete else 0.0
            for i, segment in enumerate(laid):
                happenings.append(
                    (segment.start_day, Happening.INFUSION_STARTED, 0, 0, segment.dose_mcg_per_day)
                )
                if i + 1 == len(laid) or laid[i + 1].start_day > segment.end_day:
                    happenings.append((segment.end_day, Happening.INFUSION_STOPPED, 0, 0, 0.0))
        else:
            assessment, delay = length, 0.0
        recovered = max((e.onset_day + e.duration_days for e in episodes), default=0.0)
        self.next_cycle_at = started + max(length + delay, recovered)
        for day, kind, detail, grade, value in sorted(happenings, key=_by_time):
            yield from self.until(started + day)
            if kind in (Happening.INFUSION_STARTED, Happening.INFUSION_STOPPED):
                self.infusing_cycle = cycle if kind == Happening.INFUSION_STARTED else -1
            if kind == Happening.TOXICITY and grade == toxicity.FATAL:
                self.clocks[Clock.TOXIC_DEATH] = self.now + value
            self.record(kind, cycle=cycle, detail=detail, grade=grade, value=value)
        yield from self.until(started + assessment)

    def strike(self, regimen: Regimen, cycle: int) -> list[Episode]:
        """Draw the toxicity of a cycle and the action it calls for, ordered by onset."""
        drawn: list[tuple[float, Toxicity, int, float, bool]] = []
        for kind in Toxicity:
            course = self.model.courses[kind]
            severity = toxicity.grade(
                regimen.risks[kind],
                course,
                self.draw(toxicity.GRADE_DECISION[kind], cycle),
                first_cycle=cycle == 0,
            )
            if severity == toxicity.NONE:
                continue
            onset = toxicity.onset_day(course, self.draw(toxicity.ONSET_DECISION[kind], cycle))
            days = toxicity.duration_days(
                course, self.draw(toxicity.DURATION_DECISION[kind], cycle)
            )
            seizure = kind == Toxicity.NEUROTOXICITY and hit(
                self.draw(Decision.SEIZURE, cycle), self.model.seizure_share
            )
            drawn.append((onset, kind, severity, days, seizure))
        episodes: list[Episode] = []
        for onset, kind, severity, days, seizure in sorted(drawn):
            if self.treatment_stopped:
                break
            action = (
                toxicity.infusion_action(
                    kind, severity, days, seizures_before=self.seizures, seizure=seizure
                )
                if regimen.continuous_infusion
                else toxicity.course_action(severity)
            )
            self.seizures += seizure
            self.treatment_stopped = action == Action.STOP
            resume = toxicity.resume_day(kind, onset, days, action)
            episodes.append(Episode(kind, severity, onset, days, seizure, action, resume))
        return episodes
