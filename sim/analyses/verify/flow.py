"""Checks of the patients' flow: every life is a possible one, and responds to what changes it."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import Any, Final

import numpy as np

from sim.analyses.verify.changes import times, used
from sim.analyses.verify.check import (
    Finding,
    Group,
    does_not_apply,
    equal,
    near,
    never_above,
    none_of,
)
from sim.analyses.verify.subject import Lives, Subject
from sim.clinic.events import Cause, EventKind
from sim.clinic.patient import Given, Patient
from sim.economics.ledger import Account, Category
from sim.engine.model import Care
from sim.engine.outcomes import ALIVE
from sim.engine.reference import enrol
from sim.engine.streams import Streams
from sim.scenario.schema import LIFETIME
from sim.simulation.question import life_expectancy
from sim.simulation.run import Trace

FLOW: Final = Group("flow")
ENDS: Final = (EventKind.DEATH, EventKind.HORIZON)
STARTS: Final = (EventKind.LINE_STARTED, EventKind.USUAL_CARE_STARTED)
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
DOSES: Final = (EventKind.CYCLE_STARTED, EventKind.INFUSION_STARTED)
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
NO_TRANSPLANT: Final = {"switches": {"transplant": False}}
CERTAINTY: Final = {"horizon_years": YEARS, **NO_TOXICITY}
IMMORTAL: Final = {
    "horizon_years": YEARS,
    "switches": {"toxicity": False, "background_mortality": False},
}
AS_THE_POPULATION: Final = {
    "horizon_years": LIFETIME,
    "switches": {"toxicity": False, "transplant": False, "survivor_mortality_ratio": False},
}
RESPONSE_LOGIT: Final = "response.baseline_logit"
FIRST_CYCLE_SHARE: Final = ".response.first_cycle_share"
NOT_INFUSED: Final = (".cells.manufacturing_failure_probability", ".cells.not_fit_probability")
CANDIDACY_LOGIT: Final = "candidacy.baseline_logit"


def _logs(subject: Subject, wrong: Any) -> Finding:  # noqa: ANN401 - a function of a life
    """Count the lives for which `wrong` is true."""
    return none_of(sum(map(wrong, subject.logs)), len(subject.logs), "lives")


def _none_are(lives: Lives, wrong: Any) -> Finding:  # noqa: ANN401 - an array of yes and no
    """Count the lives that are wrong, of all."""
    return none_of(int(np.count_nonzero(wrong)), lives.rows[:, :, 0].size, "lives")


@FLOW.check(
    "Each life has one end, death or the horizon, and nothing after it.",
    standard="TECH-VER; ISPOR-SMDM 4",
    advice="Look at the event log: python -m sim explain SCENARIO --patient N.",
)
def one_end(subject: Subject) -> Finding:
    """Count lives whose only terminal event is not their last."""

    def wrong(life: Trace) -> bool:
        ends = [place for place, event in enumerate(life.log) if event.kind in ENDS]
        return ends != [len(life.log) - 1]

    return _logs(subject, wrong)


@FLOW.check(
    "Each life begins with its entry on day 0, and its times never fall.",
    standard="TECH-VER; ISPOR-SMDM 4",
    advice="A clock was set before the present; see sim/engine/patient_pathway.py.",
)
def times_never_fall(subject: Subject) -> Finding:
    """Count lives with an event before an earlier one, or another beginning."""

    def wrong(life: Trace) -> bool:
        first, days = life.log[0], [event.time_days for event in life.log]
        return (first.kind, first.time_days) != (EventKind.ENTRY, 0.0) or days != sorted(days)

    return _logs(subject, wrong)


@FLOW.check(
    "Remission, transplant and relapse follow on each other as they can.",
    standard="TECH-VER; Philips S7; ISPOR-SMDM 7",
    advice="A clock was not stopped when its state ended; see stop_clocks_of_remission in "
    "sim/engine/patient_pathway.py.",
)
def transitions_are_possible(subject: Subject) -> Finding:
    """Count lives with an event that needs another state of the leukaemia."""

    def wrong(life: Trace) -> bool:
        state = REMISSION if life.patient.mrd_only else ACTIVE
        for event in life.log:
            if event.kind in COURSE:
                before, after = COURSE[event.kind]
                if state not in before:
                    return True
                state = after
        return False

    return _logs(subject, wrong)


@FLOW.check(
    "Lines of treatment are counted in their order, and none is left out.",
    standard="TECH-VER",
    advice="Look at leave_line and start_line in sim/engine/patient_pathway.py.",
)
def lines_come_in_order(subject: Subject) -> Finding:
    """Count lives whose lines do not begin one after the other."""

    def wrong(life: Trace) -> bool:
        lines = [event.line for event in life.log if event.kind in STARTS]
        # Who has MRD only and no regimen is untreated in the first line.
        first = int(life.patient.mrd_only and not life.regimens)
        return lines != list(range(first, first + len(lines)))

    return _logs(subject, wrong)


@FLOW.check(
    "No dose of a line is given after its failure, its stop, a relapse or a transplant.",
    standard="TECH-VER; AdViSHE C3",
    advice="A planned cycle was not cancelled; see sim/engine/cycle.py.",
)
def nothing_is_given_after_the_end_of_treatment(subject: Subject) -> Finding:
    """Count lives with a dose after the end of treatment in the same line."""

    def wrong(life: Trace) -> bool:
        over: set[int] = set()
        for event in life.log:
            if event.kind in DOSES and event.line in over:
                return True
            if event.kind in ENDS_OF_TREATMENT:
                over.add(event.line)
        return False

    return _logs(subject, wrong)


@FLOW.check(
    "Each day of a life is spent in exactly one health state, so that the states add up to the "
    "cohort.",
    standard="TECH-VER; ISPOR-SMDM 4",
    advice="Look at enter and close in sim/economics/clerk.py.",
)
def states_add_up_to_the_cohort(subject: Subject) -> Finding:
    """Count lives whose stays leave a gap, overlap, or do not reach from entry to the end."""

    def wrong(life: Trace) -> bool:
        stays = sorted(
            (entry.start_days, entry.end_days)
            for entry in life.ledger
            if entry.category == Category.LIFE
        )
        marks = [(0.0, 0.0), *stays, (life.log[-1].time_days, 0.0)]
        return any(before[1] != after[0] for before, after in pairwise(marks))

    return _logs(subject, wrong)


@FLOW.check(
    "Deaths by their cause and patients alive at the horizon add up to the cohort.",
    standard="TECH-VER; ISPOR-SMDM 4",
    advice="Look at count_patient in sim/simulation/tally.py.",
)
def causes_add_up_to_the_deaths(subject: Subject) -> Finding:
    """Compare the counts by cause with the deaths and with the number of patients."""
    lives = subject.lives
    causes = lives.tally.counts.causes
    died = np.isfinite(lives.outcome("death_days")).sum(axis=0)
    patients = lives.rows.shape[0]
    return equal(
        np.concatenate([causes[:, :-1].sum(axis=1), causes.sum(axis=1)]),
        np.concatenate([died, np.full(len(died), patients)]),
        "counts of strategies",
    )


@FLOW.check(
    "The number of dead never falls, and ends at all who die.",
    standard="TECH-VER; ISPOR-SMDM 4",
    advice="Look at bin_of in sim/simulation/tally.py.",
)
def the_dead_stay_dead(subject: Subject) -> Finding:
    """Compare the dead by month, as tallied for the survival curves, with the days of death."""
    lives = subject.lives
    tallied = np.cumsum(lives.tally.counts.deaths[:, :-1], axis=1)
    died = np.isfinite(lives.outcome("death_days")).sum(axis=0)
    falls = np.count_nonzero(np.diff(tallied, axis=1) < 0)
    short = np.count_nonzero(tallied[:, -1] != died)
    return none_of(int(falls + short), tallied.size, "counts of the dead")


@FLOW.check(
    "A lifetime is long enough: of 1,000 patients at most one is alive at its end.",
    standard="TECH-VER; NICE PMG36 4.2.22",
    advice="Lengthen the horizon, or look at the hazards of the oldest.",
)
def a_lifetime_is_long_enough(subject: Subject) -> Finding:
    """Count the patients alive at the end of the horizon."""
    alive = float((subject.lives.outcome("cause_of_death") == ALIVE).mean())
    horizon = subject.question.scenario.horizon_years
    if horizon != LIFETIME:
        return does_not_apply(f"the horizon is {horizon:g} years, with {alive:.1%} alive then")
    return Finding(f"{alive:.2%} alive", f"at most {MOST_ALIVE:.1%}", alive <= MOST_ALIVE)


@FLOW.check(
    "Where nothing kills, everybody lives to the horizon.",
    standard="TECH-VER; Philips C1",
    advice="A death is not controlled by its parameter; see the causes of death in runs.",
)
def without_mortality_everybody_lives(subject: Subject) -> Finding:
    """Compare life-years without any mortality with the horizon."""
    numbers = used(subject, HARMLESS_DISEASE | HARMLESS_TRANSPLANT)
    years = subject.under(numbers, IMMORTAL).total(Account.LIFE_YEARS, discounted=False)
    return equal(years, YEARS, "life-years")


@FLOW.check(
    "Where leukaemia, remission and transplant kill at once, nobody lives for a year.",
    standard="TECH-VER; Philips C1",
    advice="A hazard of death does not reach some of the patients.",
)
def with_certain_death_nobody_lives(subject: Subject) -> Finding:
    """Look for patients who live on under mortality as high as it can be."""
    years = subject.under(used(subject, DEADLY)).total(Account.LIFE_YEARS, discounted=False)
    return never_above(years, SHORT_LIFE_YEARS, "lives")


@FLOW.check(
    "Survivors who die more often never live longer, patient by patient.",
    standard="TECH-VER",
    advice="A hazard ratio is applied the wrong way round, or a random number is not the patient's.",
)
def more_deaths_never_lengthen_a_life(subject: Subject) -> Finding:
    """Compare lives under a higher mortality ratio of survivors with those of the scenario."""
    name = "survivor.mortality_ratio"
    switches = subject.question.scenario.switches
    if not (switches.background_mortality and switches.survivor_mortality_ratio):
        return does_not_apply("the mortality of survivors is that of others, or none")
    worse = subject.under(times(subject, [name], LATER_DEATH))
    return never_above(
        worse.outcome("horizon_days"), subject.lives.outcome("horizon_days"), "lives"
    )


@FLOW.check(
    "Where leukaemia and its treatment kill nobody, patients live as long as the life table says.",
    standard="Dasbach and Elbasha; TECH-VER",
    advice="Background mortality does not reach everybody, or at another age; see "
    "sim/clinic/mortality.py.",
)
def a_harmless_disease_leaves_the_life_table(subject: Subject) -> Finding:
    """Compare life-years with the life expectancy of each patient's age and sex."""
    if not subject.question.scenario.switches.background_mortality:
        return does_not_apply("the scenario has no background mortality")
    lives = subject.under(used(subject, HARMLESS_DISEASE), AS_THE_POPULATION)
    men, women = lives.question.life_tables
    expected = [
        life_expectancy(men if patient.male else women, patient.age_years)
        for patient in _patients(subject, lives.rows.shape[0])
    ]
    # The strategies differ in nothing that kills: one of them is enough.
    years = lives.total(Account.LIFE_YEARS, discounted=False)[:, 0]
    apart = years - np.array(expected)
    se = float(apart.std(ddof=1) / np.sqrt(len(apart)))
    return near(float(years.mean()), float(np.mean(expected)), se, "life-years")


def _patients(subject: Subject, count: int) -> list[Patient]:
    """Return the first patients as they enter."""
    question = subject.question
    luck = Streams(question.seed, 0, count)
    return [enrol(number, question.model, luck) for number in range(count)]


def _some_enter_in_remission(subject: Subject) -> bool:
    if subject.question.own_patients is None:
        return subject.question.numbers.get("population.mrd_only_probability", 0.0) > 0.0
    return bool(subject.baseline[:, Given._fields.index("mrd_only")].any())


@FLOW.check(
    "Where nobody can respond, nobody is transplanted in the first remission.",
    standard="AdViSHE C2; TECH-VER",
    advice="Look at draw_response and begin_remission in sim/engine/patient_pathway.py.",
)
def without_response_there_is_no_transplant(subject: Subject) -> Finding:
    """Look for responses and transplants where the probability of response is 0."""
    if _some_enter_in_remission(subject):
        return does_not_apply("patients with MRD only enter in remission")
    lives = subject.under(used(subject, {RESPONSE_LOGIT: -CERTAIN_LOGIT}))
    wrong = (lives.outcome("response") > 0.0) | (lives.outcome("hct_in_remission") > 0.0)
    return _none_are(lives, wrong)


@FLOW.check(
    "Where response is certain, nobody who is spared by other causes goes without.",
    standard="AdViSHE C2; TECH-VER",
    advice="Look at draw_response and assess in sim/engine/patient_pathway.py.",
)
def with_certain_response_everybody_responds(subject: Subject) -> Finding:
    """Look for patients without a response where its probability is 1, in the first cycle."""
    plans = subject.question.scenario.strategies
    treated = [bool(plan.sequence) or Care(plan.then) == Care.USUAL for plan in plans]
    if not any(treated):
        return does_not_apply("nobody is treated")
    # A regimen of one cycle would leave those without a response who need a second.
    early = {name: 1.0 for name in subject.question.used if name.endswith(FIRST_CYCLE_SHARE)}
    early |= {name: 0.0 for name in subject.question.used if name.endswith(NOT_INFUSED)}
    lives = subject.under(used(subject, {RESPONSE_LOGIT: CERTAIN_LOGIT}) | early, CERTAINTY)
    missed = lives.outcome("response")[:, treated] == 0.0
    spared = lives.outcome("cause_of_death")[:, treated] != Cause.BACKGROUND
    return none_of(int(np.count_nonzero(missed & spared)), missed.size, "lives")


@FLOW.check(
    "Without transplant there is none, and no cost, GVHD or death of it.",
    standard="AdViSHE C2; TECH-VER",
    advice="Something of the transplant does not follow the transplant itself.",
)
def without_transplant_nothing_of_it_is_left(subject: Subject) -> Finding:
    """Look for traces of transplants where they are switched off."""
    lives = subject.under({}, NO_TRANSPLANT)
    wrong = (
        (lives.outcome("hct_ever") > 0.0)
        | (lives.outcome("cause_of_death") == Cause.TRANSPLANT)
        | (lives.amount(Category.TRANSPLANT) != 0.0)
        | (lives.amount(Category.QALY_GVHD) != 0.0)
    )
    return _none_are(lives, wrong)


@FLOW.check(
    "With fewer candidates nobody is transplanted who was not before.",
    standard="TECH-VER",
    advice="Candidacy is not decided by the patient's own random number; see sim/clinic/transplant.py.",
)
def fewer_candidates_never_more_transplants(subject: Subject) -> Finding:
    """Compare transplants in the first remission with those under lower odds of candidacy."""
    if not subject.uses(CANDIDACY_LOGIT):
        return does_not_apply("the scenario has no transplants")
    logit = subject.question.numbers[CANDIDACY_LOGIT] - FEWER
    fewer, before = subject.under({CANDIDACY_LOGIT: logit}), subject.lives
    name = "hct_in_remission"
    return never_above(fewer.outcome(name), before.outcome(name), "transplants added")


@FLOW.check(
    "Without toxicity nobody has a severe one or dies of it.",
    standard="AdViSHE C2; TECH-VER",
    advice="A toxicity is drawn outside of draw_toxicities in sim/engine/cycle.py.",
)
def without_toxicity_nobody_suffers_it(subject: Subject) -> Finding:
    """Look for toxicity where it is switched off."""
    lives = subject.under({}, NO_TOXICITY)
    wrong = lives.outcome("cause_of_death") == Cause.TOXICITY
    for kind in ("crs", "neurotoxicity", "hepatotoxicity", "infection"):
        wrong = wrong | (lives.outcome(f"severe_{kind}") > 0.0)
    return _none_are(lives, wrong)


@FLOW.check(
    "A patient is the same under each strategy.",
    standard="TECH-VER; STRESS-DES 5.2",
    advice="The baseline is drawn from a stream that depends on the strategy.",
)
def patients_are_the_same_under_each_strategy(subject: Subject) -> Finding:
    """Compare the patients of the strategies by their numbers."""
    known: dict[int, set[Patient]] = defaultdict(set)
    for life in subject.logs:
        known[life.patient.number].add(life.patient)
    return none_of(sum(len(each) > 1 for each in known.values()), len(known), "patients")
