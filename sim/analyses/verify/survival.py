"""Checks of survival: times against independent formulas, and lives against the life table.

The functions of the clinic turn a random number into a time. Their counterparts here are those of
scipy, or hazards that are integrated anew.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np

from sim.analyses.verify.check import (
    MOST_STANDARD_ERRORS,
    ROUNDING,
    Finding,
    Group,
    does_not_apply,
    equal,
    never_above,
    none_of,
)
from sim.analyses.verify.draws import once
from sim.analyses.verify.subject import PATIENTS, Lives, Subject
from sim.clinic import disease, distributions, mortality, remission, transplant
from sim.clinic.cells import infused_probability
from sim.clinic.draws import RandomDraw
from sim.clinic.mortality import LifeTable
from sim.clinic.patient import Given, Patient, salvage_line_at
from sim.clinic.response import mrd_conversion_probability, response_probability
from sim.clinic.units import DAYS_PER_MONTH, DAYS_PER_YEAR, NEVER
from sim.economics.estimates import Array
from sim.economics.ledger import Account
from sim.engine.model import Model, Plan, Regimen, Rules
from sim.engine.reference import enrol
from sim.engine.streams import Streams, uniforms
from sim.simulation.question import life_expectancy
from sim.simulation.summary import survival

SURVIVAL: Final = Group("survival")
GRID: Final = np.linspace(0.0, 1.0, 202)[1:-1]
"""Probabilities at which quantile functions are compared."""
TIMES: Final[tuple[float, ...]] = tuple(GRID.tolist())
HAZARD_RATIOS: Final = (0.5, 1.0, 2.0)
SPARSE: Final = 20
"""Of so many probabilities of the grid one, where hazards are integrated numerically."""
CURE_STEPS: Final = 10_000
"""Random numbers, evenly spread, that are cured or not."""
UNCURED: Final = 1.0 - 1e-9
"""A random number that is cured only where everybody is."""
LANDMARKS_MONTHS: Final = (1, 3, 6, 12, 24, 60, 120, 240)
WITHOUT_DEATHS: Final = {
    "switches": {"toxicity": False, "background_mortality": False},
    "horizon_years": 10,
}
"""Nobody dies before response is assessed but of leukaemia that does not respond."""
SURVIVOR_RATIO: Final = "survivor.mortality_ratio"
NO_MORTALITY: Final = "background mortality is off"
NO_TRANSPLANT: Final = "allo-HCT is off"


def exponentials() -> list[float]:
    """Return the standard exponentials of the grid, by the library of Python."""
    return [-math.log1p(-u) for u in TIMES]


def model_of(subject: Subject) -> Model:
    """Return the model under the scenario's own numbers."""
    return subject.question.model


@once
def patients(subject: Subject) -> list[Patient]:
    """Return the patients of the subject's lives."""
    streams = Streams(subject.question.seed, 0, PATIENTS)
    return [enrol(number, model_of(subject), streams) for number in range(PATIENTS)]


@SURVIVAL.check(
    "Survival without response and after relapse is the Weibull of its median and shape, under any "
    "hazard ratio.",
    standard="TECH-VER; NICE TSD 14",
    advice="Look at sim.clinic.disease and weibull_hazard_of.",
)
def leukaemic_survival(subject: Subject) -> Finding:
    """Compare the quantile functions with scipy's."""
    from scipy.stats import weibull_min

    numbers = model_of(subject).rules.disease
    found, expected = [], []
    for days, median, shape in (
        (
            disease.refractory_survival_days,
            numbers.refractory_median_months,
            numbers.refractory_shape,
        ),
        (disease.relapsed_survival_days, numbers.relapsed_median_months, numbers.relapsed_shape),
    ):
        for ratio in HAZARD_RATIOS:
            scale = median * DAYS_PER_MONTH * (math.log(2.0) * ratio) ** (-1.0 / shape)
            found.append([days(numbers, ratio, e) for e in exponentials()])
            expected.append(weibull_min.ppf(GRID, shape, scale=scale))
    return equal(found, expected, "times to death of leukaemia")


@SURVIVAL.check(
    "Time to relapse of those not cured is the scenario's distribution, for each regimen and MRD.",
    standard="TECH-VER; NICE TSD 14; NICE TSD 21",
    advice="Look at relapse_days and proportional_hazards.",
)
def time_to_relapse(subject: Subject) -> Finding:
    """Compare the quantile function with scipy's lognormal or Weibull."""
    from scipy.stats import lognorm, weibull_min

    model = model_of(subject)
    numbers = model.rules.relapse
    found, expected = [], []
    for duration in sorted({each.duration_ratio for each in model.regimens}):
        for negative, months in (
            (True, numbers.median_months_mrd_negative),
            (False, numbers.median_months_mrd_positive),
        ):
            for ratio in HAZARD_RATIOS:
                days = months * duration * DAYS_PER_MONTH
                if numbers.weibull:
                    scale = days * (math.log(2.0) * ratio) ** (-1.0 / numbers.shape)
                    expected.append(weibull_min.ppf(GRID, numbers.shape, scale=scale))
                else:
                    # S(t) ** ratio = 1 - u.
                    left = np.power(1.0 - GRID, 1.0 / ratio)
                    expected.append(lognorm.isf(left, numbers.sigma, scale=days))
                drawn = exponentials() if numbers.weibull else TIMES
                found.append(
                    [_relapse(model.rules, duration, ratio, negative, each) for each in drawn]
                )
    return equal(found, expected, "times to relapse")


def _relapse(rules: Rules, duration: float, ratio: float, negative: bool, time: float) -> float:
    # A log odds ratio below every share of the cured: nobody is.
    return remission.relapse_days(
        rules.relapse, duration, ratio, negative, UNCURED, time, cured_log_odds_ratio=-math.inf
    )


@SURVIVAL.check(
    "Relapse and death after allo-HCT are lognormal and, from the end of its first days on, "
    "exponential.",
    standard="TECH-VER; NICE TSD 14",
    advice="Look at sim.clinic.transplant.",
)
def times_after_transplant(subject: Subject) -> Finding:
    """Compare the quantile functions with scipy's."""
    from scipy.stats import expon, lognorm

    rules = model_of(subject).rules
    if not rules.transplant_allowed:
        return does_not_apply(NO_TRANSPLANT)
    numbers = rules.transplant
    median = numbers.relapse_median_months * DAYS_PER_MONTH
    found, expected = [], []
    for ratio in HAZARD_RATIOS:
        left = np.power(1.0 - GRID, 1.0 / ratio)
        expected.append(lognorm.isf(left, numbers.relapse_sigma, scale=median))
        found.append(
            [
                transplant.relapse_after_transplant_days(
                    numbers, ratio, True, UNCURED, u, cured_log_odds_ratio=-math.inf
                )
                for u in TIMES
            ]
        )
    if numbers.late_mortality_per_month > 0.0:
        scale = DAYS_PER_MONTH / numbers.late_mortality_per_month
        found.append([transplant.late_death_days(numbers, e) for e in exponentials()])
        expected.append(expon.ppf(GRID, loc=numbers.early_days, scale=scale))
    return equal(found, expected, "times after allo-HCT")


@SURVIVAL.check(
    "The share that never relapses is the share cured: survival levels off there.",
    standard="NICE TSD 21; TECH-VER",
    advice="Look at hit and at the shares of the cured by MRD.",
)
def plateaus(subject: Subject) -> Finding:
    """Count those of evenly spread random numbers that never relapse."""
    rules = model_of(subject).rules
    numbers, after = rules.relapse, rules.transplant
    wanted = [
        (numbers.cured_probability_mrd_negative, True, False),
        (numbers.cured_probability_mrd_positive, False, False),
    ]
    if rules.transplant_allowed:
        wanted += [
            (after.cured_probability_mrd_negative, True, True),
            (after.cured_probability_mrd_positive, False, True),
        ]
    draws = [(k + 0.5) / CURE_STEPS for k in range(CURE_STEPS)]
    found = [
        sum(_relapse_of(rules, negative, transplanted, u) == NEVER for u in draws) / CURE_STEPS
        for _, negative, transplanted in wanted
    ]
    off = max(abs(share - each) for (share, *_), each in zip(wanted, found, strict=True))
    text = f"largest difference of {len(wanted)} shares: {off:.1e}"
    return Finding(text, f"at most {1.0 / CURE_STEPS:.0e}", off <= 1.0 / CURE_STEPS)


def _relapse_of(rules: Rules, negative: bool, transplanted: bool, u_cure: float) -> float:
    """Return the time to relapse with a middling random number of the time."""
    if transplanted:
        return transplant.relapse_after_transplant_days(
            rules.transplant, 1.0, negative, u_cure, distributions.MEDIAN
        )
    return remission.relapse_days(rules.relapse, 1.0, 1.0, negative, u_cure, distributions.MEDIAN)


@SURVIVAL.check(
    "A Weibull of shape 1 is exponential, and a hazard ratio of 1 changes no time.",
    standard="TECH-VER",
    advice="Look at weibull_hazard_of, proportional_hazards and under_hazard_ratio.",
)
def special_cases(subject: Subject) -> Finding:
    """Compare with the exponential of the same median, and with times under no hazard ratio."""
    numbers = model_of(subject).rules.disease
    flat = numbers._replace(refractory_shape=1.0)
    median = numbers.refractory_median_months * DAYS_PER_MONTH
    found = [disease.refractory_survival_days(flat, 1.0, e) for e in exponentials()]
    expected = [median / math.log(2.0) * e for e in exponentials()]
    unchanged = [
        disease.under_hazard_ratio(days, shape, 1.0)
        for shape in (numbers.refractory_shape, numbers.relapsed_shape)
        for days in expected
    ]
    same = [distributions.proportional_hazards(u, 1.0) for u in TIMES]
    wanted = [*expected, *expected, *expected, *TIMES]
    return equal([*found, *unchanged, *same], wanted, "times")


class Curve(NamedTuple):
    """Times at the probabilities of the grid."""

    name: str
    days: list[float]


def curves(subject: Subject) -> Iterator[Curve]:
    """Yield the quantile function of each time to an event."""
    rules = model_of(subject).rules
    es = exponentials()
    yield Curve("refractory", [disease.refractory_survival_days(rules.disease, 1.0, e) for e in es])
    yield Curve("relapsed", [disease.relapsed_survival_days(rules.disease, 1.0, e) for e in es])
    drawn = es if rules.relapse.weibull else TIMES
    for negative in (True, False):
        yield Curve("relapse", [_relapse(rules, 1.0, 1.0, negative, each) for each in drawn])
    if rules.relapse.death_rate_per_month > 0.0:
        yield Curve(
            "in remission", [remission.death_in_remission_days(rules.relapse, e) for e in es]
        )
    if rules.background_mortality:
        for table, age in _ages(subject):
            yield Curve("background", [_background(rules, table, age, e, NEVER) for e in es])


def _background(rules: Rules, table: LifeTable, age: float, e: float, from_days: float) -> float:
    return mortality.background_death_days(table, age, e, rules.mortality_ratio, from_days)


def _ages(subject: Subject) -> list[tuple[LifeTable, float]]:
    """Return the life table of each sex with the youngest, the median and the oldest age."""
    population = model_of(subject).rules.population
    ages = (
        population.age_minimum_years,
        population.age_median_years,
        population.age_maximum_years,
    )
    if subject.question.own_patients is not None:
        years = subject.baseline[:, Given._fields.index("age_years")]
        ages = (float(years.min()), float(np.median(years)), float(years.max()))
    return [(table, age) for table in subject.question.life_tables for age in ages]


@SURVIVAL.check(
    "Survival starts at 1 and never rises: no time is below 0, and times rise with probability.",
    standard="NICE TSD 14; TECH-VER",
    advice="Look at the quantile functions of sim.clinic.distributions.",
)
def survival_falls(subject: Subject) -> Finding:
    """Look at the quantile functions of all times to an event."""
    wrong = looked_at = 0
    for curve in curves(subject):
        days = np.array(curve.days)
        wrong += int(np.count_nonzero(days < 0.0) + np.count_nonzero(days[1:] < days[:-1]))
        looked_at += len(days)
    return none_of(wrong, looked_at, "times")


def hazard_between(table: LifeTable, age: float, years: float) -> float:
    """Integrate the hazard of a life table from an age on, numerically between its knots."""
    from scipy.integrate import quad

    def hazard(at: float) -> float:
        place = max(int(np.searchsorted(table.ages, at, side="right")) - 1, 0)
        return float(
            table.hazards[place] * math.exp(table.slopes[place] * (at - table.ages[place]))
        )

    inside = [knot for knot in table.ages if age < knot < age + years]
    ends = [age, *inside, age + years]
    return math.fsum(
        quad(hazard, start, end, epsabs=0.0, epsrel=1e-11)[0]
        for start, end in pairwise(ends)
        if end > start
    )


@SURVIVAL.check(
    "Death of other causes comes when the integrated hazard of the life table reaches the patient's "
    "random number, before and after long-term survivorship.",
    standard="TECH-VER; NICE TSD 21",
    advice="Look at sim.clinic.mortality and at the file of the life table.",
)
def background_death(subject: Subject) -> Finding:
    """Integrate the hazard numerically up to the time of death."""
    rules = model_of(subject).rules
    if not rules.background_mortality:
        return does_not_apply(NO_MORTALITY)
    found, expected = [], []
    for table, age in _ages(subject):
        for e in exponentials()[::SPARSE]:
            for from_days in (NEVER, rules.survivor_threshold_days):
                years = _background(rules, table, age, e, from_days) / DAYS_PER_YEAR
                if not math.isfinite(years):
                    continue
                before = min(years, from_days / DAYS_PER_YEAR)
                hazard = hazard_between(table, age, before)
                later = hazard_between(table, age + before, years - before)
                found.append(hazard + rules.mortality_ratio * later)
                expected.append(e)
    return equal(found, expected, "cumulative hazards at death")


@SURVIVAL.check(
    "At no attained age is the hazard of death below that of the general population: nobody outlives "
    "a person of the same age, sex and random number.",
    standard="NICE TSD 21; TECH-VER",
    advice="Look for a cause of death that replaces background mortality instead of adding to it, or a "
    "mortality ratio below 1.",
)
def no_hazard_below_the_population(subject: Subject) -> Finding:
    """Compare the population's cumulative hazard at the end of each life with the random number."""
    if not model_of(subject).rules.background_mortality:
        return does_not_apply(NO_MORTALITY)
    u = uniforms(subject.question.seed, 0, PATIENTS, RandomDraw.BACKGROUND_DEATH)
    drawn = -np.log1p(-u)[:, None]
    years = subject.lives.outcome("horizon_days") / DAYS_PER_YEAR
    reached = [
        [
            mortality.cumulative_hazard(_table(subject, patient), patient.age_years, to)
            for to in (patient.age_years + lived).tolist()
        ]
        for patient, lived in zip(patients(subject), years, strict=True)
    ]
    found = never_above(reached, drawn, "lives")
    ratio = model_of(subject).rules.mortality_ratio
    if found.passed is False and ratio < 1.0:
        return replace(found, why=f"{SURVIVOR_RATIO} is {ratio:g}")
    return found


def _table(subject: Subject, patient: Patient) -> LifeTable:
    men, women = subject.question.life_tables
    return men if patient.male else women


@SURVIVAL.check(
    "The cohort never lives longer than the life table says of people of its ages and sexes.",
    standard="TECH-VER; NICE TSD 21; Dasbach and Elbasha",
    advice="Look at the switches of mortality, at the life table, and at the mortality of survivors.",
)
def life_expectancy_of_the_cohort(subject: Subject) -> Finding:
    """Compare mean undiscounted life-years with the mean life expectancy at entry."""
    if not model_of(subject).rules.background_mortality:
        return does_not_apply(NO_MORTALITY)
    ages = patients(subject)
    expected = np.mean([life_expectancy(_table(subject, each), each.age_years) for each in ages])
    years = subject.lives.total(Account.LIFE_YEARS, discounted=False)
    means, errors = years.mean(axis=0), years.std(axis=0, ddof=1) / math.sqrt(len(years))
    text = f"at most {means.max():.2f} years; the life table says {expected:.2f}"
    allowed = f"not above it by more than {MOST_STANDARD_ERRORS:g} standard errors"
    return Finding(text, allowed, bool(np.all(means <= expected + MOST_STANDARD_ERRORS * errors)))


@SURVIVAL.check(
    "Nobody is free of an event who is not alive: RFS and EFS never exceed OS, for each patient and "
    "at each landmark.",
    standard="TECH-VER; NICE TSD 19",
    advice="Look at sim.engine.outcomes and at the counts of sim.simulation.tally.",
)
def event_free_is_alive(subject: Subject) -> Finding:
    """Compare times patient by patient, then counts at landmarks."""
    lives, counts = subject.lives, subject.lives.tally.counts
    deaths, failures, rfs = (lives.outcome(name) for name in ("death_days", "efs_days", "rfs_days"))
    later = failures > deaths
    # RFS is no number without a remission, and compares as false.
    later |= rfs > deaths
    wrong, looked_at = int(np.count_nonzero(later)), later.size
    for months in LANDMARKS_MONTHS:
        alive = survival(counts.deaths, months, lives.tally.patients)
        responders = counts.flags[:, 0]
        for times, of in ((counts.failures, lives.tally.patients), (counts.relapses, responders)):
            free = survival(times, months, 0) + of
            wrong += int(np.count_nonzero(free > alive))
            looked_at += alive.size
    return none_of(wrong, looked_at, "patients and landmarks")


class Shares(NamedTuple):
    """Each patient's own probabilities in the first line."""

    response: Array
    mrd_negative: Array
    most_transplanted: Array
    """Of a response and of being a candidate for allo-HCT, which may come too late."""


def own_shares(model: Model, plan: Plan, people: list[Patient]) -> Shares:
    """Return the probabilities of each patient under a strategy, by the formulas of the clinic."""
    found = np.array([_own_shares(model, plan, patient) for patient in people])
    return Shares(*found.T)


def _own_shares(model: Model, plan: Plan, patient: Patient) -> tuple[float, float, float]:
    regimen = _first_regimen(model, plan)
    infused = infused_probability(regimen.cells)
    if patient.mrd_only:
        # In remission from entry on, and cleared of MRD by a first line where there is one.
        effect = regimen.response_log_odds_ratio
        clears = mrd_conversion_probability(model.rules.response, effect) if plan.lines else 0.0
        with_cells = infused * _candidate(model, regimen, patient)
        without = (1.0 - infused) * _candidate(model, model.regimens[-1], patient)
        return 1.0, clears * infused, with_cells + without
    if not (plan.lines or plan.usual_care):
        return 0.0, 0.0, 0.0
    responds = response_probability(
        model.rules.response,
        regimen.response_log_odds_ratio,
        patient,
        salvage_line=salvage_line_at(patient, 0),
        prior_hct=patient.prior_hct,
        real_world=model.rules.real_world,
        target_lost=False,
    )
    # A response due after a second cycle needs one.
    first = regimen.response.first_cycle_share
    responds *= infused if regimen.schedule.induction_cycles > 1.0 else infused * first
    clears = responds * regimen.response.mrd_negative_probability
    return responds, clears, responds * _candidate(model, regimen, patient)


def _first_regimen(model: Model, plan: Plan) -> Regimen:
    """Return the regimen of the first line; that of no treatment where there is none."""
    if plan.lines or plan.usual_care:
        return model.regimens[plan.regimens[0]]
    return model.regimens[-1]


def _candidate(model: Model, regimen: Regimen, patient: Patient) -> float:
    if not model.rules.transplant_allowed:
        return 0.0
    return remission.candidate_probability(
        model.rules.candidacy,
        regimen.transplant_log_odds_ratio,
        age_years=patient.age_years,
        salvage_line=salvage_line_at(patient, 0),
        prior_hct=patient.prior_hct,
        real_world=model.rules.real_world,
    )


@once
def without_deaths(subject: Subject) -> tuple[Lives, list[Shares]]:
    """Return lives in which every response shows, and each patient's own probabilities of it."""
    lives = subject.under(changes=WITHOUT_DEATHS)
    model, people = lives.question.model, patients(subject)
    return lives, [own_shares(model, plan, people) for plan in model.plans]


@SURVIVAL.check(
    "The share that responds, and that is MRD-negative, is the mean of the patients' own "
    "probabilities.",
    standard="TECH-VER; ISPOR-SMDM 7",
    advice="Look at sim.clinic.response and at draw_response in the patient pathway.",
)
def shares_of_responders(subject: Subject) -> Finding:
    """Compare simulated shares with closed-form means, where nobody dies before the assessment."""
    lives, own = without_deaths(subject)
    largest = 0.0
    for s, shares in enumerate(own):
        for name, p in (("response", shares.response), ("mrd_negative", shares.mrd_negative)):
            hits = lives.outcome(name)[:, s]
            # Of certainties there is no error but that of rounding.
            se = max(float(np.sqrt(np.sum(p * (1.0 - p)))) / len(p), ROUNDING)
            largest = max(largest, abs(float(hits.mean() - p.mean())) / se)
    text = f"largest difference of {2 * len(own)} shares: {largest:.1f} standard errors"
    return Finding(text, f"within {MOST_STANDARD_ERRORS:g}", largest <= MOST_STANDARD_ERRORS)


@SURVIVAL.check(
    "No more patients have allo-HCT in the first remission than respond and are candidates.",
    standard="TECH-VER; ISPOR-SMDM 7",
    advice="Look at candidate_probability and days_to_transplant.",
)
def shares_transplanted(subject: Subject) -> Finding:
    """Compare simulated shares with closed-form means, which relapse and age make smaller."""
    lives, own = without_deaths(subject)
    if not lives.question.model.rules.transplant_allowed:
        return does_not_apply(NO_TRANSPLANT)
    largest = -math.inf
    for s, shares in enumerate(own):
        p = shares.most_transplanted
        se = max(float(np.sqrt(np.sum(p * (1.0 - p)))) / len(p), ROUNDING)
        above = float(lives.outcome("hct_in_remission")[:, s].mean() - p.mean())
        largest = max(largest, above / se)
    text = f"largest excess of {len(own)} shares: {largest:.1f} standard errors"
    return Finding(text, f"at most {MOST_STANDARD_ERRORS:g}", largest <= MOST_STANDARD_ERRORS)
