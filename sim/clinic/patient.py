"""The baseline of a virtual patient.

The marginals are a cohort's baseline table. Published cohorts give no joint table, so the
characteristics are independent, except where one implies another: a primary refractory
patient has no first remission, and prior allo-HCT implies that there was one. A patient with MRD
only is in haematological remission; everybody else has overt leukaemia.

A user may give characteristics of patients. They replace the drawn ones, and those that depend
on them follow: weight and height are drawn for the given sex.
"""

from collections.abc import Callable
from math import isnan, nan, sqrt
from typing import Final, NamedTuple, TypeAlias

from sim.clinic.distributions import (
    hit,
    lognormal_of,
    normal_of,
    piecewise_uniform_quantile,
)
from sim.clinic.draws import DRAWS, Form, RandomDraw

MRD_TREATMENT: Final = 0
"""In place of the salvage line: a patient in remission is treated for MRD, before any salvage."""
FIRST_SALVAGE: Final = 1
SECOND_SALVAGE: Final = 2
LATER_SALVAGE: Final = 3
EARLY_RELAPSE_MONTHS: Final = 12.0
"""A first remission shorter than this is an early relapse (Badar 2020, Table 1: < 1 year)."""
MOSTELLER_DIVISOR: Final = 3600.0

Draw: TypeAlias = Callable[[RandomDraw], float]


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
    mrd_only_probability: float


class EntryDraws(NamedTuple):
    """The draws behind a patient's baseline: uniforms, and the standard normals of `NORMAL`."""

    age: float
    sex: float
    weight: float
    height: float
    salvage_line: float
    prior_hct: float
    philadelphia: float
    kmt2a: float
    high_blasts: float
    cns_disease: float
    extramedullary: float
    primary_refractory: float
    first_remission: float
    mrd_only: float


class Given(NamedTuple):
    """The characteristics of a patient that are given, not drawn: NaN where drawn.

    Yes is 1 and no is 0. The fields are those of a `Patient`, in the order of `EntryDraws`.
    """

    age_years: float
    male: float
    weight_kg: float
    height_cm: float
    salvage_line: float
    prior_hct: float
    ph_positive: float
    kmt2a: float
    high_blasts: float
    cns: float
    extramedullary: float
    primary_refractory: float
    first_remission_months: float
    mrd_only: float


ALL_DRAWN: Final = Given(*[nan] * len(Given._fields))
"""Nothing is given."""

ENTRY_DECISIONS: Final = tuple(RandomDraw[name.upper()] for name in EntryDraws._fields)
NORMAL: Final = frozenset(each for each in ENTRY_DECISIONS if DRAWS[each].form == Form.NORMAL)


READ_FOR: Final = {
    "age_years": ("age_minimum_years", "age_median_years", "age_maximum_years"),
    "male": ("male_probability",),
    "weight_kg": (
        "weight_male_mean_kg",
        "weight_male_sd_kg",
        "weight_female_mean_kg",
        "weight_female_sd_kg",
        "weight_minimum_kg",
    ),
    "height_cm": (
        "height_male_mean_cm",
        "height_male_sd_cm",
        "height_female_mean_cm",
        "height_female_sd_cm",
    ),
    "salvage_line": ("first_salvage_probability", "second_salvage_probability"),
    "prior_hct": ("prior_hct_probability", "primary_refractory_probability"),
    "ph_positive": ("ph_positive_probability",),
    "kmt2a": ("kmt2a_probability",),
    "high_blasts": ("high_blasts_probability",),
    "cns": ("cns_probability",),
    "extramedullary": ("extramedullary_probability",),
    "primary_refractory": ("primary_refractory_probability", "prior_hct_probability"),
    "first_remission_months": ("first_remission_median_months", "first_remission_sigma"),
    "mrd_only": ("mrd_only_probability",),
}
"""The numbers of a `Population` that are read when a characteristic is drawn."""


def bsa_m2(height_cm: float, weight_kg: float) -> float:
    """Return body surface area, √(height × weight / 3600), m² (Mosteller 1987)."""
    return sqrt(height_cm * weight_kg / MOSTELLER_DIVISOR)


def early_relapse(primary_refractory: bool, first_remission_months: float) -> bool:
    """Return whether a first remission was reached and lasted less than a year."""
    return not primary_refractory and first_remission_months < EARLY_RELAPSE_MONTHS


class Patient(NamedTuple):
    """A patient on the day of the first dose.

    The salvage line of a patient with MRD only is the one in which a relapse would be treated:
    first salvage in first remission, second in second remission.
    """

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
    mrd_only: bool

    @property
    def bsa_m2(self) -> float:
        """Body surface area, √(height × weight / 3600), m² (Mosteller 1987)."""
        return bsa_m2(self.height_cm, self.weight_kg)

    @property
    def early_relapse(self) -> bool:
        """Relapse within a year of first remission."""
        return early_relapse(self.primary_refractory, self.first_remission_months)


def given_or(given: float, drawn: float) -> float:
    """Return the value that is given for a characteristic, or else the drawn one."""
    return drawn if isnan(given) else given


def given_or_hit(given: float, drawn: bool) -> bool:
    """Return whether a characteristic is given as present, or else whether it was drawn so."""
    return drawn if isnan(given) else given > 0.0


def salvage_line(population: Population, u: float) -> int:
    """Draw the salvage line at entry: first, second, or third and beyond."""
    if u < population.first_salvage_probability:
        return FIRST_SALVAGE
    if u < population.first_salvage_probability + population.second_salvage_probability:
        return SECOND_SALVAGE
    return LATER_SALVAGE


def age_at_entry(population: Population, u: float) -> float:
    """Draw the age: piecewise uniform through the published minimum, median and maximum."""
    return piecewise_uniform_quantile(
        u,
        population.age_minimum_years,
        population.age_median_years,
        population.age_maximum_years,
    )


def weight_at_entry(population: Population, z: float, male: bool) -> float:
    """Draw the weight: normal by sex, and not below the weight from which dosing is fixed."""
    if male:
        mean, sd = population.weight_male_mean_kg, population.weight_male_sd_kg
    else:
        mean, sd = population.weight_female_mean_kg, population.weight_female_sd_kg
    return max(normal_of(z, mean, sd), population.weight_minimum_kg)


def height_at_entry(population: Population, z: float, male: bool) -> float:
    """Draw the height: normal by sex."""
    if male:
        mean, sd = population.height_male_mean_cm, population.height_male_sd_cm
    else:
        mean, sd = population.height_female_mean_cm, population.height_female_sd_cm
    return normal_of(z, mean, sd)


def prior_hct_at_entry(population: Population, u: float, given_refractory: float) -> bool:
    """Draw prior allo-HCT, which a patient who is given as primary refractory cannot have had.

    Among those given as not refractory it is the more frequent, ``p / (1 − r)``, as in the population.
    """
    if isnan(given_refractory):
        return hit(u, population.prior_hct_probability)
    if given_refractory > 0.0 or population.primary_refractory_probability >= 1.0:
        return False
    remitting = 1.0 - population.primary_refractory_probability
    return hit(u, population.prior_hct_probability / remitting)


def refractory_at_entry(population: Population, u: float, prior_hct: bool) -> bool:
    """Draw whether the first treatment failed; a patient with prior allo-HCT had a remission."""
    return not prior_hct and hit(
        u, population.primary_refractory_probability / (1.0 - population.prior_hct_probability)
    )


def remission_before_entry(population: Population, z: float, primary_refractory: bool) -> float:
    """Draw the length of the first remission: lognormal; 0 where there was none."""
    if primary_refractory:
        return 0.0
    return lognormal_of(
        z, population.first_remission_median_months, population.first_remission_sigma
    )


def baseline(
    number: int, population: Population, drawn: EntryDraws, given: Given = ALL_DRAWN
) -> Patient:
    """Return the baseline of patient `number`: the characteristics given, and the others drawn."""
    male = given_or_hit(given.male, hit(drawn.sex, population.male_probability))
    prior_hct = given_or_hit(
        given.prior_hct, prior_hct_at_entry(population, drawn.prior_hct, given.primary_refractory)
    )
    primary_refractory = given_or_hit(
        given.primary_refractory,
        refractory_at_entry(population, drawn.primary_refractory, prior_hct),
    )
    return Patient(
        number,
        given_or(given.age_years, age_at_entry(population, drawn.age)),
        male,
        given_or(given.weight_kg, weight_at_entry(population, drawn.weight, male)),
        given_or(given.height_cm, height_at_entry(population, drawn.height, male)),
        int(given_or(given.salvage_line, salvage_line(population, drawn.salvage_line))),
        prior_hct,
        given_or_hit(
            given.ph_positive, hit(drawn.philadelphia, population.ph_positive_probability)
        ),
        given_or_hit(given.kmt2a, hit(drawn.kmt2a, population.kmt2a_probability)),
        given_or_hit(given.high_blasts, hit(drawn.high_blasts, population.high_blasts_probability)),
        given_or_hit(given.cns, hit(drawn.cns_disease, population.cns_probability)),
        given_or_hit(
            given.extramedullary, hit(drawn.extramedullary, population.extramedullary_probability)
        ),
        primary_refractory,
        given_or(
            given.first_remission_months,
            remission_before_entry(population, drawn.first_remission, primary_refractory),
        ),
        given_or_hit(given.mrd_only, hit(drawn.mrd_only, population.mrd_only_probability)),
    )


def admit(
    number: int, population: Population, uniform: Draw, normal: Draw, given: Given = ALL_DRAWN
) -> Patient:
    """Return the baseline of patient `number`; nothing is drawn for a characteristic that is given.

    `uniform` and `normal` return the number of a draw.
    """
    drawn = (
        nan if not isnan(known) else normal(each) if each in NORMAL else uniform(each)
        for each, known in zip(ENTRY_DECISIONS, given, strict=True)
    )
    return baseline(number, population, EntryDraws(*drawn), given)


def salvage_lines_failed(patient: Patient, line: int) -> int:
    """Return how many salvage lines failed before the strategy's `line`; treatment of MRD is none."""
    return max(line - patient.mrd_only, 0)


def salvage_line_at(patient: Patient, line: int) -> int:
    """Return the salvage line of the strategy's `line` (from 0): that at entry and those since.

    `MRD_TREATMENT` as long as a patient who entered with MRD only has the first line.
    """
    if patient.mrd_only and line == 0:
        return MRD_TREATMENT
    return min(patient.salvage_line + salvage_lines_failed(patient, line), LATER_SALVAGE)
