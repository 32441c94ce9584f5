"""Checks of the patients' flow: every life is a possible one, and responds to what changes it."""

from __future__ import annotations

from typing import Final

from sim.analyses.verify.check import Finding, Group, does_not_apply, never_above, none_of
from sim.analyses.verify.subject import Subject
from sim.clinic.events import EventKind

FLOW: Final = Group("flow")
ENDS: Final = (EventKind.DEATH, EventKind.HORIZON)
LATER_DEATH: Final = 1.5


@FLOW.check(
    "Each life has one end, death or the horizon, and nothing after it.",
    standard="TECH-VER; ISPOR-SMDM 4",
    advice="Look at the event log: python -m sim explain SCENARIO --patient N.",
)
def one_end(subject: Subject) -> Finding:
    """Count lives whose only terminal event is not their last."""
    wrong = sum(
        [place for place, event in enumerate(life.log) if event.kind in ENDS] != [len(life.log) - 1]
        for life in subject.logs
    )
    return none_of(wrong, len(subject.logs), "lives")


@FLOW.check(
    "Survivors who die more often never live longer, patient by patient.",
    standard="TECH-VER",
    advice="A hazard ratio is applied the wrong way round, or a random number is not the patient's.",
)
def more_deaths_never_lengthen_a_life(subject: Subject) -> Finding:
    """Compare lives under a higher mortality ratio of survivors with those of the scenario."""
    name = "survivor.mortality_ratio"
    if not subject.uses(name):
        return does_not_apply("the scenario has no mortality of survivors")
    value = subject.question.numbers[name]
    worse = subject.under({name: LATER_DEATH * value})
    return never_above(
        worse.outcome("horizon_days"), subject.lives.outcome("horizon_days"), "lives"
    )
