"""The reference engine: one SimPy process per patient, told as a story.

This file is the specification. It is read from `PatientStory.story` downwards; how a cycle is
lived through stands in `sim.engine.cycle`, what a patient carries along in `sim.engine.life`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import simpy

from sim.clinic import disease, remission, response, transplant
from sim.clinic.decisions import Decision
from sim.clinic.distributions import hit
from sim.clinic.events import Event, Happening
from sim.clinic.patient import Patient, admit
from sim.clinic.units import NEVER
from sim.engine.cycle import TreatedLife
from sim.engine.life import CAUSE_OF, Clock, Rang, Story, Verdict
from sim.engine.model import UNTREATED, Care, Model, Regimen, Strategy
from sim.engine.streams import Streams, blocks

BLOCK = 1000
"""Patients simulated in one SimPy environment; results do not depend on it."""


class PatientStory(TreatedLife):
    """One virtual patient under one strategy, from entry to death or the horizon."""

    def story(self) -> Story:
        """Tell the whole path: lines of treatment, then what follows, until the end."""
        self.record(Happening.ENTRY, detail=int(self.patient.mrd_only))
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
        if not self.strategy.regimens and self.patient.mrd_only:
            yield from self.remission(UNTREATED)
        elif not self.strategy.regimens:
            self.clocks[Clock.LEUKAEMIC_DEATH] = self.refractory_death_from(self.now)
        for line, regimen in enumerate(self.strategy.regimens):
            self.line = line
            if line > 0:
                if not self.fit_for_another_line():
                    care = Care.SUPPORTIVE
                    break
                yield from self.until(self.now + self.model.later.next_line_gap_days)
            if line == 0 and self.patient.mrd_only:
                in_remission = yield from self.mrd_treatment(regimen)
            else:
                in_remission = yield from self.induction(regimen)
            if in_remission:
                yield from self.remission(regimen)
        yield from self.last_care(care)

    def start_line(self, regimen: Regimen) -> None:
        """Begin a line of treatment."""
        self.record(Happening.LINE_STARTED, detail=self.line)
        self.treatment_stopped = False
        self.prior_inotuzumab = self.prior_inotuzumab or regimen.inotuzumab

    def mrd_treatment(self, regimen: Regimen) -> Verdict:
        """Give the first cycle for MRD only and assess MRD; the patient is and stays in remission.

        Relapse, transplant and death in remission during this one cycle are neglected: their
        clocks start with the assessment, as after a response. Toxicity and other causes may kill.
        """
        self.start_line(regimen)
        yield from self.cycle(regimen, 0)
        converts = response.mrd_conversion_probability(
            self.model.response, regimen.response_log_odds_ratio
        )
        negative = hit(self.draw(Decision.MRD), converts)
        self.record(Happening.MRD_ASSESSED, cycle=0, value=float(negative))
        return True

    def induction(self, regimen: Regimen) -> Verdict:
        """Give up to the planned induction cycles; return whether remission was reached."""
        self.start_line(regimen)
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
        """Start the competing clocks of remission; consolidate; return at relapse.

        The last entry of the log holds the cycle given and MRD: a response, an assessment of MRD
        only or, untreated, the entry, after which MRD stays positive.
        """
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
        if model.settings.transplant:
            self.clocks[Clock.TRANSPLANT] = started + self.days_to_transplant(regimen)
        death = remission.death_in_remission_days(
            model.relapse, self.draw(Decision.DEATH_IN_REMISSION)
        )
        if death <= model.survivor_threshold_days:
            self.clocks[Clock.DEATH_IN_REMISSION] = started + death
        try:
            yield from self.consolidation(regimen, cycles_given)
            if regimen.remaining_ratio < 1.0:
                sooner = remission.without_further_benefit(
                    relapse, self.now - started, regimen.remaining_ratio
                )
                self.clocks[Clock.RELAPSE] = started + model.relapse_or_cure(sooner)
            yield from self.long_remission(started)
        except Rang as bell:
            if bell.clock == Clock.TRANSPLANT:
                yield from self.transplant(mrd_negative=mrd_negative, in_remission=True)
            elif bell.clock == Clock.RELAPSE:
                self.relapse()
            else:
                raise
        self.maybe_lose_cd19(regimen)

    def days_to_transplant(self, regimen: Regimen) -> float:
        """Return days from remission to allo-HCT; never for those who are no candidates."""
        model = self.model
        candidate = remission.candidate_probability(
            model.candidacy,
            regimen.transplant_log_odds_ratio,
            age_years=self.age_years,
            salvage_line=self.salvage_line,
            prior_hct=self.prior_hct,
            real_world=model.real_world,
        )
        return remission.transplant_days(
            model.candidacy,
            candidate,
            self.draw(Decision.TRANSPLANT_ELIGIBILITY),
            self.draw(Decision.TRANSPLANT_TIME),
        )

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
        threshold = started + self.model.survivor_threshold_days
        yield from self.until(threshold)
        if self.survivor_from == NEVER:
            self.survivor_from = threshold
            self.set_background_death()
        self.record(Happening.LONG_TERM_SURVIVOR)
        yield from self.until(NEVER)

    def relapse(self) -> None:
        """Stop the clocks of remission; survival from now on is that of relapsed leukaemia."""
        model = self.model
        self.record(Happening.RELAPSE)
        self.stop_clocks_of_remission()
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
                remission.mrd_treatment_ratio(self.model.relapse, self.salvage_line)
                if in_remission
                else 1.0,
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
        """After the last regimen: usual care may rescue and transplant; else supportive care.

        Usual care is another line of treatment, for which a patient must be as fit as for a
        named regimen.
        """
        self.line = len(self.strategy.regimens)
        if care == Care.USUAL and (self.line == 0 or self.fit_for_another_line()):
            self.record(Happening.USUAL_CARE_STARTED)
            if not self.model.settings.transplant:
                yield from self.until(NEVER)
            usual = self.model.usual_care
            days = disease.rescue_days(
                usual,
                self.draw(Decision.RESCUE),
                self.draw(Decision.RESCUE_TIME),
                prior_hct=self.prior_hct,
                fit=self.age_years <= self.model.candidacy.maximum_age_years,
            )
            if days == NEVER:
                yield from self.until(NEVER)
            self.clocks[Clock.LEUKAEMIC_DEATH] = NEVER
            yield from self.until(self.now + days)
            mrd_negative = hit(self.draw(Decision.MRD), usual.rescue_mrd_negative_probability)
            yield from self.transplant(mrd_negative=mrd_negative, in_remission=False)
        self.record(Happening.SUPPORTIVE_CARE_STARTED)
        yield from self.until(NEVER)


def simulate(
    model: Model, strategy: Strategy, *, seed: int, patients: int
) -> Iterator[tuple[Patient, list[Event]]]:
    """Move `patients` patients through `strategy`; yield each with the log of events, in order."""
    for first, count in blocks(patients, BLOCK):
        environment = simpy.Environment()
        streams = Streams(seed, first, count)
        lives = []
        for number in range(first, first + count):
            patient = admit(number, model.population, partial(streams.uniform, number))
            life = PatientStory(environment, model, strategy, patient, streams)
            environment.process(life.story())
            lives.append(life)
        environment.run()
        for life in lives:
            yield life.patient, life.log
