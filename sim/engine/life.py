"""One virtual patient in the reference engine: clocks, random draws and the log.

What can cut a stage short stands in `Life.clocks`: a time for each cause of death, relapse,
transplant and the end of the study. `Life.until` waits for a planned time and raises `Rang`
when a clock rings first; at equal times the clock wins, and among clocks the one that stands
first in `Clock`.

Event times are computed numbers, not readings of the SimPy clock, whose sums of delays differ
in the last bit; the clock only orders the patients.
"""

from __future__ import annotations

from collections.abc import Generator
from enum import IntEnum, unique
from typing import Any, Protocol, TypeAlias

import simpy

from sim.clinic import disease, mortality
from sim.clinic.decisions import Decision, occurrence
from sim.clinic.distributions import hit
from sim.clinic.events import Cause, Event, Happening
from sim.clinic.patient import Patient, salvage_line_at, salvage_lines_failed
from sim.clinic.units import DAYS_PER_YEAR, NEVER
from sim.engine.model import Model, Regimen, Strategy

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


class Luck(Protocol):
    """Where a life takes its random numbers from: `sim.engine.streams.Streams`, or a script."""

    def uniform(self, patient: int, decision: int, occurrence: int = 0) -> float:
        """Return the uniform number in (0, 1) of one patient's one decision."""
        ...  # pragma: no cover


class Rang(Exception):
    """A clock rang before the planned time."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        super().__init__(clock.name)


class Life:
    """What one patient carries along, and the ways to wait, to draw and to write it down."""

    def __init__(
        self,
        environment: simpy.Environment,
        model: Model,
        strategy: Strategy,
        patient: Patient,
        streams: Luck,
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
            self.model.mortality_ratio,
            self.survivor_from,
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

    def fit_for_another_line(self) -> bool:
        """Draw whether the patient can be treated again after a failed line of salvage.

        Who relapses after treatment of MRD alone is as fit as those who enter with a relapse.
        """
        return salvage_lines_failed(self.patient, self.line) == 0 or hit(
            self.draw(Decision.NEXT_LINE), self.model.later.next_line_probability
        )

    def refractory_death_from(self, start: float) -> float:
        """Return the time of death of leukaemia that does not respond to the line."""
        return start + disease.refractory_survival_days(
            self.model.disease, self.hazard_ratio, self.draw(Decision.REFRACTORY_SURVIVAL)
        )

    @property
    def salvage_line(self) -> int:
        """The salvage line now given: that at entry and those added since."""
        return salvage_line_at(self.patient, self.line)

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
