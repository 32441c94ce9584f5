"""Checks of the patients' flow: every life is a possible one, and responds to what changes it."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Final

import numpy as np

from sim.analyses.verify.check import (
    MOST_STANDARD_ERRORS,
    DoesNotApply,
    Finding,
    Subject,
    equal,
    never_above,
    none_of,
    of_each_life,
    only_where,
)
from sim.clinic.events import Cause, EventKind
from sim.economics.ledger import Account, Category
from sim.engine.model import Care
from sim.engine.outcomes import ALIVE
from sim.scenario.schema import LIFETIME
from sim.simulation.question import life_expectancy
from sim.simulation.run import Trace

LATER_DEATH: Final = 1.5
ACTIVE: Final = "active"
REMISSION: Final = "remission"
TRANSPLANTED: Final = "transplanted"
COURSE: Final = {
    EventKind.RESPONSE: ((ACTIVE,), REMISSION),
    EventKind.NO_RESPONSE: ((ACTIVE,), ACTIVE),
    EventKind.TRANSPLANT: ((REMISSION,), TRANSPLANTED),
    EventKind.TRANSPLANT_VOD: ((TRANSPLANTED,), TRANSPLANTED),
    EventKind.TRANSPLANT_INFECTION: ((TRANSPLANTED,), TRANSPLANTED),
    EventKind.ACUTE_GVHD: ((TRANSPLANTED,), TRANSPLANTED),
    EventKind.CHRONIC_GVHD: ((TRANSPLANTED,), TRANSPLANTED),
    EventKind.RELAPSE: ((REMISSION, TRANSPLANTED), ACTIVE),
    EventKind.USUAL_CARE_STARTED: ((ACTIVE,), ACTIVE),
}
"""States of the leukaemia allowed before an event, and its state afterwards."""
ENDS_OF_TREATMENT: Final = (
    EventKind.NO_RESPONSE,
    EventKind.TREATMENT_STOPPED,
    EventKind.RELAPSE,
    EventKind.TRANSPLANT,
)
MOST_ALIVE: Final = 0.001
"""Share of the patients that a lifetime may leave alive."""
CERTAIN_LOGIT: Final = 50.0
"""A log odds of a probability of 1; its negative of 0."""
FEWER: Final = 1.0
"""Taken from the log odds of candidacy."""
YEARS: Final = 2.0
"""The horizon where everybody lives to it, or responds before it."""
SHORT_LIFE_YEARS: Final = 1.0
HARMLESS_DISEASE: Final = {
    "disease.study_hazard_ratio": 1e-6,
    "disease.refractory_median_months": 1200.0,
    "disease.relapsed_median_months": 1200.0,
    "relapse.death_rate_per_month": 0.0,
}
"""Values at which leukaemia kills nobody in a lifetime."""
HARMLESS_TRANSPLANT: Final = {
    "transplant.early_mortality": 0.0,
    "transplant.late_mortality_per_month": 0.0,
}
DEADLY: Final = {
    "disease.study_hazard_ratio": 1e6,
    "relapse.death_rate_per_month": 1000.0,
    "transplant.early_mortality": 1.0,
    "transplant.vod_mortality_ratio": 1.0,
    "transplant.late_mortality_per_month": 1000.0,
}
"""Values at which leukaemia, remission and transplant all kill at once."""
NO_TOXICITY: Final = {"switches": {"toxicity": False}}
AS_THE_POPULATION: Final = {
    "horizon_years": LIFETIME,
    "switches": {"toxicity": False, "transplant": False, "survivor_mortality_ratio": False},
}
RESPONSE_LOGIT: Final = "response.baseline_logit"
FIRST_CYCLE_SHARE: Final = ".response.first_cycle_share"
NOT_INFUSED: Final = (".cells.manufacturing_failure_probability", ".cells.not_fit_probability")
CANDIDACY_LOGIT: Final = "candidacy.baseline_logit"


@of_each_life
def one_end(life: Trace) -> bool:
    """Look for lives whose only terminal event is not their last."""
    ends = [event.kind in (EventKind.DEATH, EventKind.HORIZON) for event in life.log]
    return sum(ends) != 1 or not ends[-1]


@of_each_life
def times_never_fall(life: Trace) -> bool:
    """Look for lives with an event before an earlier one, or another beginning."""
    first, days = life.log[0], [event.time_days for event in life.log]
    return (first.kind, first.time_days) != (EventKind.ENTRY, 0.0) or days != sorted(days)


@of_each_life
def transitions_are_possible(life: Trace) -> bool:
    """Look for lives with an event that needs another state of the leukaemia."""
    state = REMISSION if life.patient.mrd_only else ACTIVE
    for event in life.log:
        if event.kind in COURSE:
            before, after = COURSE[event.kind]
            if state not in before:
                return True
            state = after
    return False


@of_each_life
def lines_come_in_order(life: Trace) -> bool:
    """Look for lives whose lines do not begin one after the other."""
    starts = (EventKind.LINE_STARTED, EventKind.USUAL_CARE_STARTED)
    lines = [event.line for event in life.log if event.kind in starts]
    # Who has MRD only and no regimen is untreated in the first line.
    first = int(life.patient.mrd_only and not life.regimens)
    return lines != list(range(first, first + len(lines)))


@of_each_life
def nothing_is_given_after_the_end_of_treatment(life: Trace) -> bool:
    """Look for lives with a dose after the end of treatment in the same line."""
    over: set[int] = set()
    for event in life.log:
        dose = event.kind in (EventKind.CYCLE_STARTED, EventKind.INFUSION_STARTED)
        if dose and event.line in over:
            return True
        if event.kind in ENDS_OF_TREATMENT:
            over.add(event.line)
    return False


@of_each_life
def states_add_up_to_the_cohort(life: Trace) -> bool:
    """Look for lives whose stays leave a gap, overlap, or do not reach from entry to the end."""
    entries = [entry for entry in life.ledger if entry.category == Category.LIFE]
    stays = sorted((entry.start_days, entry.end_days) for entry in entries)
    marks = [(0.0, 0.0), *stays, (life.log[-1].time_days, 0.0)]
    return any(before[1] != after[0] for before, after in pairwise(marks))


def causes_add_up_to_the_deaths(subject: Subject) -> Finding:
    """Compare the counts by cause with the deaths and with the number of patients."""
    lives = subject.lives
    causes = lives.tally.counts.causes
    died = np.isfinite(lives.outcome("death_days")).sum(axis=0)
    counts = [causes[:, :-1].sum(axis=1), causes.sum(axis=1)]
    return equal(counts, [died, np.full(len(died), len(lives.rows))], "counts of strategies")


def the_dead_stay_dead(subject: Subject) -> Finding:
    """Compare the dead by month, as tallied for the survival curves, with the days of death."""
    lives = subject.lives
    tallied = np.cumsum(lives.tally.counts.deaths[:, :-1], axis=1)
    died = np.isfinite(lives.outcome("death_days")).sum(axis=0)
    falls, short = np.sum(np.diff(tallied, axis=1) < 0), np.sum(tallied[:, -1] != died)
    return none_of(falls + short, "counts of the dead", tallied.size)


def a_lifetime_is_long_enough(subject: Subject) -> Finding:
    """Count the patients alive at the end of the horizon."""
    alive = float((subject.lives.outcome("cause_of_death") == ALIVE).mean())
    horizon = subject.question.scenario.horizon_years
    if horizon != LIFETIME:
        raise DoesNotApply(f"the horizon is {horizon:g} years, with {alive:.1%} alive then")
    return Finding(f"{alive:.2%} alive", f"at most {MOST_ALIVE:.1%}", alive <= MOST_ALIVE)


def without_mortality_everybody_lives(subject: Subject) -> Finding:
    """Compare life-years without any mortality with the horizon."""
    numbers = subject.used(HARMLESS_DISEASE | HARMLESS_TRANSPLANT)
    switches = {"toxicity": False, "background_mortality": False}
    lives = subject.under(numbers, {"horizon_years": YEARS, "switches": switches})
    return equal(lives.total(Account.LIFE_YEARS, discounted=False), YEARS, "life-years")


def with_certain_death_nobody_lives(subject: Subject) -> Finding:
    """Look for patients who live on under mortality as high as it can be."""
    years = subject.under(subject.used(DEADLY)).total(Account.LIFE_YEARS, discounted=False)
    return never_above(years, SHORT_LIFE_YEARS, "lives")


def more_deaths_never_lengthen_a_life(subject: Subject) -> Finding:
    """Compare lives under a higher mortality ratio of survivors with those of the scenario."""
    switches = subject.question.scenario.switches
    on = switches.background_mortality and switches.survivor_mortality_ratio
    only_where(on, "the mortality of survivors is that of others, or none")
    worse = subject.under(subject.times(["survivor.mortality_ratio"], LATER_DEATH))
    ends = "horizon_days"
    return never_above(worse.outcome(ends), subject.lives.outcome(ends), "lives")


def a_harmless_disease_leaves_the_life_table(subject: Subject) -> Finding:
    """Compare life-years with the life expectancy of each patient's age and sex."""
    mortality = subject.question.scenario.switches.background_mortality
    only_where(mortality, "the scenario has no background mortality")
    lives = subject.under(subject.used(HARMLESS_DISEASE), AS_THE_POPULATION)
    men, women = lives.question.life_tables
    expected = [
        life_expectancy(men if patient.male else women, patient.age_years)
        for patient in subject.patients
    ]
    # The strategies differ in nothing that kills: one of them is enough.
    years = lives.total(Account.LIFE_YEARS, discounted=False)[:, 0]
    apart = years - np.array(expected)
    off = float(apart.mean() / (apart.std(ddof=1) / np.sqrt(len(apart))))
    return Finding(
        f"life-years {years.mean():.5g}, expected {np.mean(expected):.5g}: {off:+.1f} standard errors",
        f"within {MOST_STANDARD_ERRORS:g} standard errors",
        abs(off) <= MOST_STANDARD_ERRORS,
    )


def without_response_there_is_no_transplant(subject: Subject) -> Finding:
    """Look for responses and transplants where the probability of response is 0."""
    if subject.question.own_patients is None:
        in_remission = subject.question.numbers.get("population.mrd_only_probability", 0.0) > 0.0
    else:
        in_remission = any(patient.mrd_only for patient in subject.patients)
    only_where(not in_remission, "patients with MRD only enter in remission")
    lives = subject.under(subject.used({RESPONSE_LOGIT: -CERTAIN_LOGIT}))
    wrong = (lives.outcome("response") > 0.0) | (lives.outcome("hct_in_remission") > 0.0)
    return none_of(wrong, "lives")


def with_certain_response_everybody_responds(subject: Subject) -> Finding:
    """Look for patients without a response where its probability is 1, in the first cycle."""
    plans = subject.question.scenario.strategies
    treated = [bool(plan.sequence) or Care(plan.then) == Care.USUAL for plan in plans]
    only_where(any(treated), "nobody is treated")
    # A regimen of one cycle would leave those without a response who need a second.
    early = {name: 1.0 for name in subject.question.used if name.endswith(FIRST_CYCLE_SHARE)}
    early |= {name: 0.0 for name in subject.question.used if name.endswith(NOT_INFUSED)}
    numbers = subject.used({RESPONSE_LOGIT: CERTAIN_LOGIT}) | early
    lives = subject.under(numbers, {"horizon_years": YEARS, **NO_TOXICITY})
    missed = lives.outcome("response")[:, treated] == 0.0
    spared = lives.outcome("cause_of_death")[:, treated] != Cause.BACKGROUND
    return none_of(missed & spared, "lives")


def without_transplant_nothing_of_it_is_left(subject: Subject) -> Finding:
    """Look for traces of transplants where they are switched off."""
    lives = subject.under(changes={"switches": {"transplant": False}})
    wrong = (
        (lives.outcome("hct_ever") > 0.0)
        | (lives.outcome("cause_of_death") == Cause.TRANSPLANT)
        | (lives.amount(Category.TRANSPLANT) != 0.0)
        | (lives.amount(Category.QALY_GVHD) != 0.0)
    )
    return none_of(wrong, "lives")


def fewer_candidates_never_more_transplants(subject: Subject) -> Finding:
    """Compare transplants in the first remission with those under lower odds of candidacy."""
    only_where(CANDIDACY_LOGIT in subject.question.used, "the scenario has no transplants")
    logit = subject.question.numbers[CANDIDACY_LOGIT] - FEWER
    fewer, before = subject.under({CANDIDACY_LOGIT: logit}), subject.lives
    name = "hct_in_remission"
    return never_above(fewer.outcome(name), before.outcome(name), "transplants added")


def without_toxicity_nobody_suffers_it(subject: Subject) -> Finding:
    """Look for toxicity where it is switched off."""
    lives = subject.under(changes=NO_TOXICITY)
    wrong = lives.outcome("cause_of_death") == Cause.TOXICITY
    for kind in ("crs", "neurotoxicity", "hepatotoxicity", "infection"):
        wrong = wrong | (lives.outcome(f"severe_{kind}") > 0.0)
    return none_of(wrong, "lives")


def patients_are_the_same_under_each_strategy(subject: Subject) -> Finding:
    """Compare the patients of the strategies by their numbers."""
    different = Counter(patient.number for patient in {life.patient for life in subject.logs})
    return none_of([count > 1 for count in different.values()], "patients")
