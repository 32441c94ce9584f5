"""Who enters: the baseline of a virtual patient.

The marginals are a cohort's baseline table. Published cohorts give no joint table, so the
characteristics are independent, except where one implies another: a primary refractory
patient has no first remission, and prior allo-HCT implies that there was one.
"""

from collections.abc import Callable
from math import sqrt
from typing import Final, NamedTuple, TypeAlias

from sim.clinic.decisions import Decision
from sim.clinic.distributions import (
    hit,
    lognormal_quantile,
    normal_quantile_of,
    piecewise_uniform_quantile,
)

FIRST_SALVAGE: Final = 1
SECOND_SALVAGE: Final = 2
LATER_SALVAGE: Final = 3
EARLY_RELAPSE_MONTHS: Final = 12.0
"""A first remission shorter than this is an early relapse (Badar 2020, Table 1: < 1 year)."""
MOSTELLER_DIVISOR: Final = 3600.0

Uniform: TypeAlias = Callable[[Decision], float]


class Population(NamedTuple):
    """Baseline of a cohort: parameters ``population.*``."""

    age_minimum_years: float
    age_median_years: float
    age_maximum_years: float
    male_probability: float
    weight_male_mean_kg: float
    weight_male_sd_kg: float
    weight_female_mean_kg: float
    weight_female_sd_kg: float
    weight_minimum_kg: float
    height_male_mean_cm: float
    height_male_sd_cm: float
    height_female_mean_cm: float
    height_female_sd_cm: float
    first_salvage_probability: float
    second_salvage_probability: float
    prior_hct_probability: float
    ph_positive_probability: float
    kmt2a_probability: float
    high_blasts_probability: float
    cns_probability: float
    extramedullary_probability: float
    primary_refractory_probability: float
    first_remission_median_months: float
    first_remission_sigma: float


class Patient(NamedTuple):
    """A patient on the day of the first dose."""

    number: int
    age_years: float
    male: bool
    weight_kg: float
    height_cm: float
    salvage_line: int
    prior_hct: bool
    ph_positive: bool
    kmt2a: bool
    high_blasts: bool
    cns: bool
    extramedullary: bool
    primary_refractory: bool
    first_remission_months: float

    @property
    def bsa_m2(self) -> float:
        """Body surface area, √(height × weight / 3600), m² (Mosteller 1987)."""
        return sqrt(self.height_cm * self.weight_kg / MOSTELLER_DIVISOR)

    @property
    def early_relapse(self) -> bool:
        """Relapse within a year of first remission."""
        return not self.primary_refractory and self.first_remission_months < EARLY_RELAPSE_MONTHS


def salvage_line(population: Population, u: float) -> int:
    """Draw the salvage line at entry: first, second, or third and beyond."""
    if u < population.first_salvage_probability:
        return FIRST_SALVAGE
    if u < population.first_salvage_probability + population.second_salvage_probability:
        return SECOND_SALVAGE
    return LATER_SALVAGE


def admit(number: int, population: Population, uniform: Uniform) -> Patient:
    """Draw the baseline of patient `number`; `uniform` gives the number of a decision.

    Age follows a piecewise uniform distribution through the published minimum, median and
    maximum. Weight is normal by sex and not below the weight from which dosing is fixed.
    """
    male = hit(uniform(Decision.SEX), population.male_probability)
    weight_mean, weight_sd, height_mean, height_sd = (
        (
            population.weight_male_mean_kg,
            population.weight_male_sd_kg,
            population.height_male_mean_cm,
            population.height_male_sd_cm,
        )
        if male
        else (
            population.weight_female_mean_kg,
            population.weight_female_sd_kg,
            population.height_female_mean_cm,
            population.height_female_sd_cm,
        )
    )
    weight = normal_quantile_of(uniform(Decision.WEIGHT), weight_mean, weight_sd)
    prior_hct = hit(uniform(Decision.PRIOR_HCT), population.prior_hct_probability)
    primary_refractory = not prior_hct and hit(
        uniform(Decision.PRIMARY_REFRACTORY),
        population.primary_refractory_probability / (1.0 - population.prior_hct_probability),
    )
    first_remission = (
        0.0
        if primary_refractory
        else lognormal_quantile(
            uniform(Decision.FIRST_REMISSION),
            population.first_remission_median_months,
            population.first_remission_sigma,
        )
    )
    return Patient(
        number=number,
        age_years=piecewise_uniform_quantile(
            uniform(Decision.AGE),
            population.age_minimum_years,
            population.age_median_years,
            population.age_maximum_years,
        ),
        male=male,
        weight_kg=max(weight, population.weight_minimum_kg),
        height_cm=normal_quantile_of(uniform(Decision.HEIGHT), height_mean, height_sd),
        salvage_line=salvage_line(population, uniform(Decision.SALVAGE_LINE)),
        prior_hct=prior_hct,
        ph_positive=hit(uniform(Decision.PHILADELPHIA), population.ph_positive_probability),
        kmt2a=hit(uniform(Decision.KMT2A), population.kmt2a_probability),
        high_blasts=hit(uniform(Decision.HIGH_BLASTS), population.high_blasts_probability),
        cns=hit(uniform(Decision.CNS_DISEASE), population.cns_probability),
        extramedullary=hit(uniform(Decision.EXTRAMEDULLARY), population.extramedullary_probability),
        primary_refractory=primary_refractory,
        first_remission_months=first_remission,
    )
