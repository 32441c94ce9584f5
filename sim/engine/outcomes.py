"""What a patient's log says in the vocabulary of trials: one row per patient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sim.clinic.events import Event, Happening
from sim.clinic.toxicity import SEVERE, Toxicity
from sim.clinic.units import NEVER


class Outcome(NamedTuple):
    """Clinical outcome of one patient; days since entry, never where it did not happen.

    Response, MRD and allo-HCT in continuous remission are those of the first line, as trials
    report them; toxicity counts any cycle of any line. A patient who enters with MRD only is in
    complete remission from day 0.
    """

    response: bool
    complete_remission: bool
    mrd_negative: bool
    hct_ever: bool
    hct_in_remission: bool
    severe_crs: bool
    severe_neurotoxicity: bool
    severe_hepatotoxicity: bool
    severe_infection: bool
    cycles_first_line: int
    remission_days: float
    relapse_days: float
    death_days: float
    cause_of_death: int
    horizon_days: float

    @property
    def rfs_days(self) -> float:
        """Time from first remission to relapse or death; NaN without remission."""
        if not self.response:
            return float("nan")
        return min(self.relapse_days, self.death_days) - self.remission_days

    @property
    def efs_days(self) -> float:
        """Time from entry to relapse or death; 0 without remission, as TOWER counted it."""
        return min(self.relapse_days, self.death_days) if self.response else 0.0


ALIVE = -1


def outcome(log: Sequence[Event]) -> Outcome:
    """Read the outcome of a patient from the log."""
    response = complete = negative = hct = hct_cr = False
    severe = dict.fromkeys(Toxicity, False)
    cycles = 0
    remission = relapse = death = NEVER
    cause = ALIVE
    for event in log:
        kind = event.kind
        if kind == Happening.TOXICITY:
            severe[Toxicity(event.detail)] |= event.grade >= SEVERE
        elif kind == Happening.CYCLE_STARTED:
            cycles += event.line == 0
        elif kind == Happening.RESPONSE and event.line == 0:
            response, remission = True, event.time_days
            complete, negative = event.detail == 1, event.value == 1.0
        elif kind == Happening.ENTRY and event.detail == 1:
            response = complete = True
            remission = event.time_days
        elif kind == Happening.MRD_ASSESSED:
            negative = event.value == 1.0
        elif kind == Happening.TRANSPLANT:
            hct = True
            hct_cr |= event.line == 0 and event.detail == 1
        elif kind == Happening.RELAPSE:
            relapse = min(relapse, event.time_days)
        elif kind == Happening.DEATH:
            death, cause = event.time_days, event.detail
    return Outcome(
        response=response,
        complete_remission=complete,
        mrd_negative=negative,
        hct_ever=hct,
        hct_in_remission=hct_cr,
        severe_crs=severe[Toxicity.CRS],
        severe_neurotoxicity=severe[Toxicity.NEUROTOXICITY],
        severe_hepatotoxicity=severe[Toxicity.HEPATOTOXICITY],
        severe_infection=severe[Toxicity.INFECTION],
        cycles_first_line=cycles,
        remission_days=remission,
        relapse_days=relapse,
        death_days=death,
        cause_of_death=cause,
        horizon_days=log[-1].time_days,
    )
