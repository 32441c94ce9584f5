"""The reference engine: one SimPy process per patient, told as a story.

This file is the specification. It is read from `Life.story` downwards. What can cut a stage
short stands in `Life.clocks`: a time for each cause of death, relapse, transplant and the end
of the study. `Life.until` waits for a planned time and raises `Rang` when a clock rings first;
at equal times the clock wins, and among clocks the one that stands first in `Clock`.

Event times are computed numbers, not readings of the SimPy clock, whose sums of delays differ
in the last bit; the clock only orders the patients.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from enum import IntEnum, unique
from typing import Any, TypeAlias

import simpy

from sim.clinic import disease, mortality, remission, response, toxicity, transplant
from sim.clinic.decisions import Decision, occurrence
from sim.clinic.distributions import hit
from sim.clinic.events import Cause, Event, Happening
from sim.clinic.infusion import segments
from sim.clinic.patient import LATER_SALVAGE, Patient, admit
from sim.clinic.toxicity import Action, Episode, Toxicity
from sim.clinic.units import DAYS_PER_YEAR, NEVER
from sim.engine.model import Care, Model, Regimen, Strategy
from sim.engine.streams import Streams, blocks

BLOCK = 1000
"""Patients simulated in one SimPy environment; results do not depend on it."""

Story: TypeAlias = Generator[simpy.Event, Any, None]
Verdict: TypeAlias = Generator[simpy.Event, Any, bool]


@unique
class Clock(IntEnum):
    """What may end a stage before its planned end, in order of precedence at equal times."""

    BACKGROUND_DEATH = 0
    TOXIC_DEATH = 1
    TRANSPLANT_DEATH = 2
    DEATH_IN_REMISSION = 3
    LEUKAEMIC_DEATH = 4
    RELAPSE = 5
    TRANSPLANT = 6
    HORIZON = 7


CAUSE_OF = {
    Clock.BACKGROUND_DEATH: Cause.BACKGROUND,
    Clock.TOXIC_DEATH: Cause.TOXICITY,
    Clock.TRANSPLANT_DEATH: Cause.TRANSPLANT,
    Clock.DEATH_IN_REMISSION: Cause.IN_REMISSION,
    Clock.LEUKAEMIC_DEATH: Cause.LEUKAEMIA,
}


class Rang(Exception):  # noqa: N818 - an event of the story, not an error
    """A clock rang before the planned time."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        super().__init__(clock.name)


class Life:
    """One virtual patient under one strategy."""

    def __init__(
        self,
        environment: simpy.Environment,
        model: Model,
        strategy: Strategy,
        patient: Patient,
        streams: Streams,
    ) -> None:
        self.environment = environment
        self.model = model
        self.strategy = strategy
        self.patient = patient
        self.streams = streams
        self.log: list[Event] = []
        self.now = 0.0
        self.clocks = [NEVER] * len(Clock)
        self.line = 0
        self.infusing_cycle = -1
        self.seizures = 0
        self.treatment_stopped = False
        self.prior_hct = patient.prior_hct
        self.prior_inotuzumab = False
        self.cd19_lost = False
        self.next_cycle_at = 0.0
        self.survivor_from = NEVER

    # --- the story -------------------------------------------------------------------------

    def story(self) -> Story:
        """Tell the whole path: lines of treatment, then what follows, until the end."""
        self.record(Happening.ENTRY)
        self.clocks[Clock.HORIZON] = self.model.settings.horizon_days
        self.set_background_death()
        try:
            yield from self.treatment()
        except Rang as bell:
            if bell.clock == Clock.HORIZON:
                self.record(Happening.HORIZON)
            else:
                self.record(Happening.DEATH, detail=CAUSE_OF[bell.clock])

    def treatment(self) -> Story:
        """Go through the regimens of the strategy; a remission lasts until relapse."""
        care = self.strategy.then
        if not self.strategy.regimens:
            self.clocks[Clock.LEUKAEMIC_DEATH] = self.refractory_death_from(self.now)
        for self.line, regimen in enumerate(self.strategy.regimens):
            if self.line > 0:
                if not hit(self.draw(Decision.NEXT_LINE), self.model.later.next_line_probability):
                    care = Care.SUPPORTIVE
                    break
                yield from self.until(self.now + self.model.later.next_line_gap_days)
            responded = yield from self.induction(regimen)
            if responded:
                yield from self.remission(regimen)
        yield from self.last_care(care)

    def induction(self, regimen: Regimen) -> Verdict:
        """Give up to the planned induction cycles; return whether remission was reached."""
        self.record(Happening.LINE_STARTED, detail=self.line)
        self.treatment_stopped = False
        self.prior_inotuzumab = self.prior_inotuzumab or regimen.inotuzumab
        probability = response.response_probability(
            self.model.response,
            regimen.response_log_odds_ratio,
            self.patient,
            salvage_line=self.salvage_line,
            prior_hct=self.prior_hct,
            real_world=self.model.real_world,
            target_lost=regimen.targets_cd19 and self.cd19_lost,
        )
        responds_in = response.response_cycle(
            regimen.response,
            probability,
            self.draw(Decision.RESPONSE),
            self.draw(Decision.RESPONSE_CYCLE),
        )
        self.clocks[Clock.LEUKAEMIC_DEATH] = (
            self.refractory_death_from(self.now)
            if responds_in == response.NO_RESPONSE_CYCLE
            else NEVER
        )
        progresses = hit(
            self.draw(Decision.PROGRESSION_AFTER_FIRST_CYCLE),
            regimen.response.progression_after_first_cycle_probability,
        )
        self.next_cycle_at = self.now
        for cycle in range(int(regimen.schedule.induction_cycles)):
            yield from self.until(self.next_cycle_at)
            yield from self.cycle(regimen, cycle)
            if responds_in == cycle:
                self.respond(regimen, cycle)
                return True
            if self.treatment_stopped or (
                responds_in == response.NO_RESPONSE_CYCLE and progresses and cycle == 0
            ):
                break
        if self.clocks[Clock.LEUKAEMIC_DEATH] == NEVER:
            # The cycle that would have brought the remission was not given.
            self.clocks[Clock.LEUKAEMIC_DEATH] = self.refractory_death_from(self.now)
        self.record(Happening.NO_RESPONSE)
        self.maybe_lose_cd19(regimen)
        return False

    def respond(self, regimen: Regimen, cycle: int) -> None:
        """Assess depth of remission and MRD at the end of the cycle."""
        complete = hit(self.draw(Decision.RESPONSE_DEPTH), regimen.response.complete_share)
        negative = hit(self.draw(Decision.MRD), regimen.response.mrd_negative_probability)
        self.record(Happening.RESPONSE, cycle=cycle, detail=int(complete), value=float(negative))

    def remission(self, regimen: Regimen) -> Story:
        """Start the competing clocks of remission; consolidate; return at relapse."""
        model, started = self.model, self.now
        cycles_given = self.log[-1].cycle + 1
        mrd_negative = self.log[-1].value == 1.0
        relapse = remission.relapse_days(
            model.relapse,
            regimen.duration_ratio,
            remission.relapse_hazard_ratio(
                model.relapse, self.patient, salvage_line=self.salvage_line
            ),
            mrd_negative,
            self.draw(Decision.CURE_IN_REMISSION),
            self.draw(Decision.RELAPSE_TIME),
        )
        self.clocks[Clock.RELAPSE] = started + model.relapse_or_cure(relapse)
        candidate = remission.candidate_probability(
            model.candidacy,
            regimen.transplant_log_odds_ratio,
            age_years=self.age_years,
            salvage_line=self.salvage_line,
            prior_hct=self.prior_hct,
            real_world=model.real_world,
        )
        self.clocks[Clock.TRANSPLANT] = started + remission.transplant_days(
            model.candidacy,
            candidate,
            self.draw(Decision.TRANSPLANT_ELIGIBILITY),
            self.draw(Decision.TRANSPLANT_TIME),
        )
        death = remission.death_in_remission_days(
            model.relapse, self.draw(Decision.DEATH_IN_REMISSION)
        )
        if death <= model.survivor_threshold_days:
            self.clocks[Clock.DEATH_IN_REMISSION] = started + death
        try:
            yield from self.consolidation(regimen, cycles_given)
            yield from self.long_remission(started)
        except Rang as bell:
            if bell.clock == Clock.TRANSPLANT:
                yield from self.transplant(mrd_negative=mrd_negative, in_remission=True)
            elif bell.clock == Clock.RELAPSE:
                self.relapse()
            else:
                raise
        self.maybe_lose_cd19(regimen)

    def consolidation(self, regimen: Regimen, cycles_given: int) -> Story:
        """Give the rest of induction, then consolidation and maintenance to those who start it."""
        schedule = regimen.schedule
        planned = int(schedule.induction_cycles)
        if hit(self.draw(Decision.CONSOLIDATION), schedule.consolidation_probability):
            planned += int(schedule.consolidation_cycles)
            if self.strategy.maintenance and hit(
                self.draw(Decision.MAINTENANCE), schedule.maintenance_probability
            ):
                planned += int(schedule.maintenance_cycles)
        for cycle in range(cycles_given, planned):
            if self.treatment_stopped:
                return
            yield from self.until(self.next_cycle_at)
            yield from self.cycle(regimen, cycle)

    def long_remission(self, started: float) -> Story:
        """Wait in remission; a long-term survivor has the mortality of survivors."""
        if self.survivor_from > self.now:
            self.survivor_from = started + self.model.survivor_threshold_days
            self.set_background_death()
            yield from self.until(self.survivor_from)
            self.record(Happening.LONG_TERM_SURVIVOR)
        yield from self.until(NEVER)

    def relapse(self) -> None:
        """Stop the clocks of remission; survival from now on is that of relapsed leukaemia."""
        model = self.model
        self.record(Happening.RELAPSE)
        self.stop_clocks_of_remission()
        if self.now < self.survivor_from:
            self.survivor_from = NEVER
            self.set_background_death()
        self.clocks[Clock.LEUKAEMIC_DEATH] = self.now + disease.relapsed_survival_days(
            model.disease, self.hazard_ratio, self.draw(Decision.SURVIVAL_AFTER_RELAPSE)
        )

    def transplant(self, *, mrd_negative: bool, in_remission: bool) -> Story:
        """Transplant; follow complications; return at relapse."""
        rules, started = self.model.transplant, self.now
        self.stop_clocks_of_remission()
        self.clocks[Clock.LEUKAEMIC_DEATH] = NEVER
        self.record(Happening.TRANSPLANT, detail=int(in_remission))
        has_vod = transplant.vod(
            rules, self.draw(Decision.TRANSPLANT_VOD), prior_inotuzumab=self.prior_inotuzumab
        )
        self.prior_hct = True
        early = transplant.early_death_days(
            rules,
            self.draw(Decision.TRANSPLANT_DEATH),
            self.draw(Decision.TRANSPLANT_DEATH_TIME),
            has_vod=has_vod,
        )
        late = transplant.late_death_days(rules, self.draw(Decision.LATE_TRANSPLANT_DEATH))
        if early < NEVER:
            self.clocks[Clock.TRANSPLANT_DEATH] = started + early
        elif late <= self.model.survivor_threshold_days:
            self.clocks[Clock.TRANSPLANT_DEATH] = started + late
        self.clocks[Clock.RELAPSE] = started + self.model.relapse_or_cure(
            transplant.relapse_after_transplant_days(
                rules,
                mrd_negative,
                self.draw(Decision.CURE_AFTER_TRANSPLANT),
                self.draw(Decision.RELAPSE_AFTER_TRANSPLANT),
            )
        )
        try:
            for day, kind, days in self.complications(has_vod=has_vod):
                yield from self.until(started + day)
                self.record(kind, value=days)
            yield from self.long_remission(started)
        except Rang as bell:
            if bell.clock != Clock.RELAPSE:
                raise
            self.relapse()

    def complications(self, *, has_vod: bool) -> list[tuple[float, Happening, float]]:
        """List complications of the transplant: day, kind, duration in days, in order of time."""
        rules = self.model.transplant
        found = [
            (
                transplant.acute_gvhd_day(
                    rules, self.draw(Decision.ACUTE_GVHD), self.draw(Decision.ACUTE_GVHD_ONSET)
                ),
                Happening.ACUTE_GVHD,
                rules.acute_gvhd_days,
            ),
            (
                transplant.chronic_gvhd_day(
                    rules, self.draw(Decision.CHRONIC_GVHD), self.draw(Decision.CHRONIC_GVHD_ONSET)
                ),
                Happening.CHRONIC_GVHD,
                rules.chronic_gvhd_days,
            ),
        ]
        if has_vod:
            found.append((0.0, Happening.TRANSPLANT_VOD, 0.0))
        if hit(self.draw(Decision.TRANSPLANT_INFECTION), rules.infection_probability):
            found.append((0.0, Happening.TRANSPLANT_INFECTION, rules.infection_days))
        return sorted(item for item in found if item[0] < NEVER)

    def last_care(self, care: Care) -> Story:
        """After the last regimen: usual care may rescue and transplant; else supportive care."""
        self.line = len(self.strategy.regimens)
        if care == Care.USUAL:
            self.record(Happening.USUAL_CARE_STARTED)
            usual = self.model.usual_care
            days = disease.rescue_days(
                usual,
                self.draw(Decision.RESCUE),
                self.draw(Decision.RESCUE_TIME),
                prior_hct=self.prior_hct,
                fit=self.age_years <= self.model.candidacy.maximum_age_years,
            )
            if days < NEVER:
                self.clocks[Clock.LEUKAEMIC_DEATH] = NEVER
                yield from self.until(self.now + days)
                mrd_negative = hit(self.draw(Decision.MRD), usual.rescue_mrd_negative_probability)
                yield from self.transplant(mrd_negative=mrd_negative, in_remission=False)
        self.record(Happening.SUPPORTIVE_CARE_STARTED)
        yield from self.until(NEVER)

    # --- one cycle -------------------------------------------------------------------------

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
        happenings = [event for episode in episodes for event in self.toxic_events(episode, cycle)]
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

    def toxic_events(
        self, episode: Episode, cycle: int
    ) -> Iterator[tuple[float, Happening, int, int, float]]:
        """Yield the log entries of an episode."""
        kind, day = int(episode.kind), episode.onset_day
        yield day, Happening.TOXICITY, kind, episode.grade, episode.duration_days
        if episode.seizure:
            yield day, Happening.SEIZURE, kind, episode.grade, 0.0
        if episode.action == Action.STOP:
            yield day, Happening.TREATMENT_STOPPED, kind, episode.grade, 0.0

    # --- clocks, draws, log ----------------------------------------------------------------

    def until(self, time: float) -> Story:
        """Wait for `time`.

        Raises
        ------
        Rang
            When a clock rings at or before `time`; an infusion under way is stopped first.
        """
        rings = min(self.clocks)
        if rings <= time:
            yield self.environment.timeout(max(rings - self.environment.now, 0.0))
            self.now = max(rings, self.now)
            if self.infusing_cycle >= 0:
                self.record(Happening.INFUSION_STOPPED, cycle=self.infusing_cycle)
                self.infusing_cycle = -1
            raise Rang(Clock(self.clocks.index(rings)))
        if time > self.now:
            yield self.environment.timeout(max(time - self.environment.now, 0.0))
            self.now = time

    def draw(self, decision: Decision, cycle: int = 0) -> float:
        """Return the patient's uniform for a decision of this line (and cycle)."""
        return self.streams.uniform(self.patient.number, decision, occurrence(self.line, cycle))

    def record(
        self,
        kind: Happening,
        *,
        cycle: int = -1,
        detail: int = 0,
        grade: int = 0,
        value: float = 0.0,
    ) -> None:
        """Write one line of the log at the present time."""
        self.log.append(Event(self.now, kind, self.line, cycle, detail, grade, value))

    def set_background_death(self) -> None:
        """Set the clock of background death, given when long-term survivorship begins."""
        if not self.model.settings.background_mortality:
            return
        self.clocks[Clock.BACKGROUND_DEATH] = mortality.background_death_days(
            self.model.life_table(male=self.patient.male),
            self.patient.age_years,
            self.streams.uniform(self.patient.number, Decision.BACKGROUND_DEATH),
            ratio=self.model.mortality_ratio,
            ratio_from_days=self.survivor_from,
        )

    def stop_clocks_of_remission(self) -> None:
        """Relapse and transplant end what ran in remission."""
        for clock in (
            Clock.RELAPSE,
            Clock.TRANSPLANT,
            Clock.DEATH_IN_REMISSION,
            Clock.TRANSPLANT_DEATH,
        ):
            self.clocks[clock] = NEVER

    def maybe_lose_cd19(self, regimen: Regimen) -> None:
        """Draw whether leukaemia that failed a CD19-directed regimen has lost the antigen."""
        if regimen.targets_cd19 and hit(
            self.draw(Decision.CD19_LOSS), self.model.later.cd19_loss_probability
        ):
            self.cd19_lost = True
            self.record(Happening.CD19_LOSS)

    def refractory_death_from(self, start: float) -> float:
        """Return the time of death of leukaemia that does not respond to the line."""
        return start + disease.refractory_survival_days(
            self.model.disease, self.hazard_ratio, self.draw(Decision.REFRACTORY_SURVIVAL)
        )

    @property
    def salvage_line(self) -> int:
        """The salvage line now given: that at entry and those added since."""
        return min(self.patient.salvage_line + self.line, LATER_SALVAGE)

    @property
    def hazard_ratio(self) -> float:
        """Hazard ratio of active leukaemia for this patient in this line."""
        return disease.disease_hazard_ratio(
            self.model.disease, self.patient, salvage_line=self.salvage_line
        )

    @property
    def age_years(self) -> float:
        """Attained age."""
        return self.patient.age_years + self.now / DAYS_PER_YEAR


ORDER_AT_EQUAL_TIMES = {
    Happening.TOXICITY: 0,
    Happening.SEIZURE: 1,
    Happening.TREATMENT_STOPPED: 2,
    Happening.INFUSION_STOPPED: 3,
    Happening.INFUSION_STARTED: 4,
}


def _by_time(happening: tuple[float, Happening, int, int, float]) -> tuple[float, int, int]:
    return happening[0], ORDER_AT_EQUAL_TIMES[happening[1]], happening[2]


def simulate(
    model: Model, strategy: Strategy, *, seed: int, patients: int
) -> Iterator[tuple[Patient, list[Event]]]:
    """Move `patients` patients through `strategy`; yield each with the log of events, in order."""
    for first, count in blocks(patients, BLOCK):
        environment = simpy.Environment()
        streams = Streams(seed, first, count)
        lives = []
        for number in range(first, first + count):
            patient = admit(
                number, model.population, lambda decision, n=number: streams.uniform(n, decision)
            )
            life = Life(environment, model, strategy, patient, streams)
            environment.process(life.story())
            lives.append(life)
        environment.run()
        for life in lives:
            yield life.patient, life.log
