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
    Lives,
    Subject,
    equal,
    never_above,
    none_of,
    once,
    only_where,
)
from sim.clinic import disease, distributions, mortality, remission, transplant
from sim.clinic.cells import infused_probability
from sim.clinic.draws import RandomDraw
from sim.clinic.mortality import LifeTable
from sim.clinic.patient import Patient, salvage_line_at
from sim.clinic.response import mrd_conversion_probability, response_probability
from sim.clinic.units import DAYS_PER_MONTH, DAYS_PER_YEAR, NEVER
from sim.economics.estimates import Array
from sim.economics.ledger import Account
from sim.engine.model import Model, Plan, Regimen, Rules
from sim.engine.streams import uniforms
from sim.simulation.question import life_expectancy
from sim.simulation.summary import survival

GRID: Final = np.linspace(0.0, 1.0, 202)[1:-1]
"""Probabilities at which quantile functions are compared."""
TIMES: Final[tuple[float, ...]] = tuple(GRID.tolist())
EXPONENTIALS: Final = tuple(-math.log1p(-u) for u in TIMES)
"""Standard exponentials of the grid, by the library of Python."""
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


def _weibull(median_days: float, shape: float, hazard_ratio: float) -> Array:
    """Return scipy's Weibull times of the grid: S(t) = 2^-(ratio (t / median)^shape)."""
    from scipy.stats import weibull_min

    scale = median_days * (math.log(2.0) * hazard_ratio) ** (-1.0 / shape)
    found: Array = weibull_min.ppf(GRID, shape, scale=scale)
    return found


def _lognormal(median_days: float, sigma: float, hazard_ratio: float) -> Array:
    """Return scipy's lognormal times of the grid: S(t)^ratio = 1 - u."""
    from scipy.stats import lognorm

    left = np.power(1.0 - GRID, 1.0 / hazard_ratio)
    found: Array = lognorm.isf(left, sigma, scale=median_days)
    return found


def leukaemic_survival(subject: Subject) -> Finding:
    """Compare the quantile functions with scipy's."""
    of = subject.question.model.rules.disease
    refractory, relapsed = disease.refractory_survival_days, disease.relapsed_survival_days
    found, expected = [], []
    for days, median_months, shape in (
        (refractory, of.refractory_median_months, of.refractory_shape),
        (relapsed, of.relapsed_median_months, of.relapsed_shape),
    ):
        for ratio in HAZARD_RATIOS:
            found.append([days(of, ratio, e) for e in EXPONENTIALS])
            expected.append(_weibull(median_months * DAYS_PER_MONTH, shape, ratio))
    return equal(found, expected, "times to death of leukaemia")


def time_to_relapse(subject: Subject) -> Finding:
    """Compare the quantile function with scipy's lognormal or Weibull."""
    model = subject.question.model
    of = model.rules.relapse
    medians = ((True, of.median_months_mrd_negative), (False, of.median_months_mrd_positive))
    found, expected = [], []
    for duration in sorted({each.duration_ratio for each in model.regimens}):
        for negative, months in medians:
            for ratio in HAZARD_RATIOS:
                median = months * duration * DAYS_PER_MONTH
                expected.append(
                    _weibull(median, of.shape, ratio)
                    if of.weibull
                    else _lognormal(median, of.sigma, ratio)
                )
                found.append(_relapse_days(model.rules, negative, duration, ratio))
    return equal(found, expected, "times to relapse")


def _relapse_days(
    rules: Rules, negative: bool, duration: float = 1.0, ratio: float = 1.0
) -> list[float]:
    """Return the times to relapse of the grid, of those who are not cured."""
    # A log odds ratio below every share of the cured: nobody is.
    return [
        remission.relapse_days(
            rules.relapse, duration, ratio, negative, UNCURED, each, cured_log_odds_ratio=-math.inf
        )
        for each in (EXPONENTIALS if rules.relapse.weibull else TIMES)
    ]


def times_after_transplant(subject: Subject) -> Finding:
    """Compare the quantile functions with scipy's."""
    from scipy.stats import expon

    rules = subject.question.model.rules
    only_where(rules.transplant_allowed, NO_TRANSPLANT)
    of = rules.transplant
    median = of.relapse_median_months * DAYS_PER_MONTH
    found = [
        [
            transplant.relapse_after_transplant_days(
                of, ratio, True, UNCURED, u, cured_log_odds_ratio=-math.inf
            )
            for u in TIMES
        ]
        for ratio in HAZARD_RATIOS
    ]
    expected = [_lognormal(median, of.relapse_sigma, ratio) for ratio in HAZARD_RATIOS]
    if of.late_mortality_per_month > 0.0:
        scale = DAYS_PER_MONTH / of.late_mortality_per_month
        found.append([transplant.late_death_days(of, e) for e in EXPONENTIALS])
        expected.append(expon.ppf(GRID, loc=of.early_days, scale=scale))
    return equal(found, expected, "times after allo-HCT")


def plateaus(subject: Subject) -> Finding:
    """Count those of evenly spread random numbers that never relapse."""
    rules, middling = subject.question.model.rules, distributions.MEDIAN
    relapse, after = rules.relapse, rules.transplant
    draws = [(k + 0.5) / CURE_STEPS for k in range(CURE_STEPS)]
    apart = []
    for negative in (True, False):
        by_mrd = "cured_probability_mrd_" + ("negative" if negative else "positive")
        times = [remission.relapse_days(relapse, 1.0, 1.0, negative, u, middling) for u in draws]
        apart.append(times.count(NEVER) / CURE_STEPS - getattr(relapse, by_mrd))
        if rules.transplant_allowed:
            times = [
                transplant.relapse_after_transplant_days(after, 1.0, negative, u, middling)
                for u in draws
            ]
            apart.append(times.count(NEVER) / CURE_STEPS - getattr(after, by_mrd))
    off = max(map(abs, apart))
    text = f"largest difference of {len(apart)} shares: {off:.1e}"
    return Finding(text, f"at most {1.0 / CURE_STEPS:.0e}", off <= 1.0 / CURE_STEPS)


def special_cases(subject: Subject) -> Finding:
    """Compare with the exponential of the same median, and with times under no hazard ratio."""
    of = subject.question.model.rules.disease
    flat = of._replace(refractory_shape=1.0)
    median = of.refractory_median_months * DAYS_PER_MONTH
    found = [disease.refractory_survival_days(flat, 1.0, e) for e in EXPONENTIALS]
    expected = [median / math.log(2.0) * e for e in EXPONENTIALS]
    unchanged = [
        disease.under_hazard_ratio(days, shape, 1.0)
        for shape in (of.refractory_shape, of.relapsed_shape)
        for days in expected
    ]
    same = [distributions.proportional_hazards(u, 1.0) for u in TIMES]
    wanted = [*expected, *expected, *expected, *TIMES]
    return equal([*found, *unchanged, *same], wanted, "times")


def curves(subject: Subject) -> Iterator[list[float]]:
    """Yield the times of the grid of each event that has a quantile function."""
    rules = subject.question.model.rules
    yield [disease.refractory_survival_days(rules.disease, 1.0, e) for e in EXPONENTIALS]
    yield [disease.relapsed_survival_days(rules.disease, 1.0, e) for e in EXPONENTIALS]
    yield _relapse_days(rules, negative=True)
    yield _relapse_days(rules, negative=False)
    if rules.relapse.death_rate_per_month > 0.0:
        yield [remission.death_in_remission_days(rules.relapse, e) for e in EXPONENTIALS]
    if rules.background_mortality:
        for table, age in _ages(subject):
            yield [_background(rules, table, age, e, NEVER) for e in EXPONENTIALS]


def _background(rules: Rules, table: LifeTable, age: float, e: float, from_days: float) -> float:
    return mortality.background_death_days(table, age, e, rules.mortality_ratio, from_days)


def _ages(subject: Subject) -> list[tuple[LifeTable, float]]:
    """Return the life table of each sex with the youngest, the median and the oldest age."""
    of = subject.question.model.rules.population
    ages = (of.age_minimum_years, of.age_median_years, of.age_maximum_years)
    if subject.question.own_patients is not None:
        years = [patient.age_years for patient in subject.patients]
        ages = (min(years), float(np.median(years)), max(years))
    return [(table, age) for table in subject.question.life_tables for age in ages]


def survival_falls(subject: Subject) -> Finding:
    """Look at the quantile functions of all times to an event."""
    days = np.array(list(curves(subject)))
    wrong = np.count_nonzero(days < 0.0) + np.count_nonzero(days[:, 1:] < days[:, :-1])
    return none_of(wrong, "times", days.size)


def hazard_between(table: LifeTable, age: float, years: float) -> float:
    """Integrate the hazard of a life table from an age on, numerically between its knots."""
    from scipy.integrate import quad

    def hazard(at: float) -> float:
        place = max(int(np.searchsorted(table.ages, at, side="right")) - 1, 0)
        return table.hazards[place] * math.exp(table.slopes[place] * (at - table.ages[place]))

    ends = [age, *(knot for knot in table.ages if age < knot < age + years), age + years]
    return math.fsum(
        quad(hazard, start, end, epsabs=0.0, epsrel=1e-11)[0]
        for start, end in pairwise(ends)
        if end > start
    )


def background_death(subject: Subject) -> Finding:
    """Integrate the hazard numerically up to the time of death."""
    rules = subject.question.model.rules
    only_where(rules.background_mortality, NO_MORTALITY)
    found, expected = [], []
    for table, age in _ages(subject):
        for e in EXPONENTIALS[::SPARSE]:
            for from_days in (NEVER, rules.survivor_threshold_days):
                years = _background(rules, table, age, e, from_days) / DAYS_PER_YEAR
                if math.isfinite(years):
                    before = min(years, from_days / DAYS_PER_YEAR)
                    hazard = hazard_between(table, age, before)
                    later = hazard_between(table, age + before, years - before)
                    found.append(hazard + rules.mortality_ratio * later)
                    expected.append(e)
    return equal(found, expected, "cumulative hazards at death")


def no_hazard_below_the_population(subject: Subject) -> Finding:
    """Compare the population's cumulative hazard at the end of each life with the random number."""
    question = subject.question
    only_where(question.model.rules.background_mortality, NO_MORTALITY)
    u = uniforms(question.seed, 0, question.patients, RandomDraw.BACKGROUND_DEATH)
    drawn = -np.log1p(-u)[:, None]
    years = subject.lives.outcome("horizon_days") / DAYS_PER_YEAR
    reached = [
        [
            mortality.cumulative_hazard(_table(subject, patient), patient.age_years, to)
            for to in (patient.age_years + lived).tolist()
        ]
        for patient, lived in zip(subject.patients, years, strict=True)
    ]
    found, ratio = never_above(reached, drawn, "lives"), question.model.rules.mortality_ratio
    if found.passed is False and ratio < 1.0:
        return replace(found, why=f"{SURVIVOR_RATIO} is {ratio:g}")
    return found


def _table(subject: Subject, patient: Patient) -> LifeTable:
    men, women = subject.question.life_tables
    return men if patient.male else women


def life_expectancy_of_the_cohort(subject: Subject) -> Finding:
    """Compare mean undiscounted life-years with the mean life expectancy at entry."""
    only_where(subject.question.model.rules.background_mortality, NO_MORTALITY)
    people = subject.patients
    expected = np.mean([life_expectancy(_table(subject, each), each.age_years) for each in people])
    years = subject.lives.total(Account.LIFE_YEARS, discounted=False)
    means, errors = years.mean(axis=0), years.std(axis=0, ddof=1) / math.sqrt(len(years))
    text = f"at most {means.max():.2f} years; the life table says {expected:.2f}"
    allowed = f"not above it by more than {MOST_STANDARD_ERRORS:g} standard errors"
    return Finding(text, allowed, bool(np.all(means <= expected + MOST_STANDARD_ERRORS * errors)))


def event_free_is_alive(subject: Subject) -> Finding:
    """Compare times patient by patient, then counts at landmarks."""
    lives, counts = subject.lives, subject.lives.tally.counts
    deaths, failures, rfs = (lives.outcome(name) for name in ("death_days", "efs_days", "rfs_days"))
    # RFS is no number without a remission, and compares as false.
    wrong = [((failures > deaths) | (rfs > deaths)).ravel()]
    patients, responders = lives.tally.patients, counts.flags[:, 0]
    for months in LANDMARKS_MONTHS:
        alive = survival(counts.deaths, months, patients)
        wrong.append(survival(counts.failures, months, 0) + patients > alive)
        wrong.append(survival(counts.relapses, months, 0) + responders > alive)
    return none_of(np.concatenate(wrong), "patients and landmarks")


class Shares(NamedTuple):
    """Each patient's own probabilities in the first line."""

    response: Array
    mrd_negative: Array
    most_transplanted: Array
    """Of a response and of being a candidate for allo-HCT, which may come too late."""


def _own_shares(model: Model, plan: Plan, patient: Patient) -> tuple[float, float, float]:
    """Return the `Shares` of a patient under a strategy, by the formulas of the clinic."""
    treated = bool(plan.lines or plan.usual_care)
    untreated = model.regimens[-1]
    regimen = model.regimens[plan.regimens[0]] if treated else untreated
    infused = infused_probability(regimen.cells)
    if patient.mrd_only:
        # In remission from entry on, and cleared of MRD by a first line where there is one.
        effect = regimen.response_log_odds_ratio
        clears = mrd_conversion_probability(model.rules.response, effect) if plan.lines else 0.0
        with_cells = infused * _candidate(model, regimen, patient)
        without = (1.0 - infused) * _candidate(model, untreated, patient)
        return 1.0, clears * infused, with_cells + without
    if not treated:
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
    model = lives.question.model
    own = [
        np.array([_own_shares(model, plan, patient) for patient in subject.patients])
        for plan in model.plans
    ]
    return lives, [Shares(*of_patients.T) for of_patients in own]


def _off(hits: Array, p: Array) -> float:
    """Return how far a share is above the mean of its probabilities, in standard errors."""
    # Of certainties there is no error but that of rounding.
    se = max(float(np.sqrt(np.sum(p * (1.0 - p)))) / len(p), ROUNDING)
    return float(hits.mean() - p.mean()) / se


def shares_of_responders(subject: Subject) -> Finding:
    """Compare simulated shares with closed-form means, where nobody dies before the assessment."""
    lives, own = without_deaths(subject)
    off = [
        abs(_off(lives.outcome(name)[:, s], getattr(shares, name)))
        for s, shares in enumerate(own)
        for name in ("response", "mrd_negative")
    ]
    text = f"largest difference of {len(off)} shares: {max(off):.1f} standard errors"
    return Finding(text, f"within {MOST_STANDARD_ERRORS:g}", max(off) <= MOST_STANDARD_ERRORS)


def shares_transplanted(subject: Subject) -> Finding:
    """Compare simulated shares with closed-form means, which relapse and age make smaller."""
    lives, own = without_deaths(subject)
    only_where(lives.question.model.rules.transplant_allowed, NO_TRANSPLANT)
    transplanted = lives.outcome("hct_in_remission")
    off = [_off(transplanted[:, s], each.most_transplanted) for s, each in enumerate(own)]
    text = f"largest excess of {len(own)} shares: {max(off):.1f} standard errors"
    return Finding(text, f"at most {MOST_STANDARD_ERRORS:g}", max(off) <= MOST_STANDARD_ERRORS)
