"""The clocks that run in remission: relapse, transplant, death without either.

What happens when one of them is due is in `sim.engine.patient_pathway`.
"""

from typing import NamedTuple

from sim.clinic.arithmetic import logistic, logit
from sim.clinic.distributions import (
    exponential_of,
    hit,
    lognormal_of,
    lognormal_quantile,
    proportional_hazards,
    weibull_hazard_of,
)
from sim.clinic.patient import FIRST_SALVAGE, MRD_TREATMENT, Patient
from sim.clinic.units import DAYS_PER_MONTH, NEVER


class Relapse(NamedTuple):
    """Relapse from a remission without transplant: parameters ``relapse.*``.

    Time to relapse of the uncured is lognormal with `sigma`, or Weibull with `shape` where the
    scenario says so (`weibull`).
    """

    cured_probability_mrd_negative: float
    cured_probability_mrd_positive: float
    median_months_mrd_negative: float
    median_months_mrd_positive: float
    sigma: float
    shape: float
    later_salvage_hazard_ratio: float
    ph_positive_hazard_ratio: float
    kmt2a_hazard_ratio: float
    cns_hazard_ratio: float
    mrd_only_hazard_ratio: float
    mrd_only_cured_log_odds_ratio: float
    mrd_only_later_remission_cured_log_odds_ratio: float
    study_hazard_ratio: float
    death_rate_per_month: float
    weibull: bool


class Candidacy(NamedTuple):
    """Candidacy for and timing of transplants in remission: parameters ``candidacy.*``."""

    baseline_logit: float
    later_salvage_log_odds_ratio: float
    prior_hct_log_odds_ratio: float
    mrd_only_log_odds_ratio: float
    real_world_log_odds_ratio: float
    study_log_odds_ratio: float
    maximum_age_years: float
    waiting_median_months: float
    waiting_sigma: float


def mrd_treatment_ratio(relapse: Relapse, salvage_line: int) -> float:
    """Return the hazard ratio of a remission in which only MRD is treated, also after allo-HCT."""
    return relapse.mrd_only_hazard_ratio if salvage_line == MRD_TREATMENT else 1.0


def cured_log_odds_ratio(relapse: Relapse, patient: Patient, *, salvage_line: int) -> float:
    """Return the log odds ratio of cure in a remission in which only MRD is treated, else 0.

    The reference is a remission after overt relapse. A remission at entry that is not the first has
    a further ratio. Both hold without and after allo-HCT.
    """
    if salvage_line != MRD_TREATMENT:
        return 0.0
    ratio = relapse.mrd_only_cured_log_odds_ratio
    if patient.salvage_line > FIRST_SALVAGE:
        ratio += relapse.mrd_only_later_remission_cured_log_odds_ratio
    return ratio


def shifted(probability: float, log_odds_ratio: float) -> float:
    """Return a probability moved by a log odds ratio."""
    if log_odds_ratio == 0.0:
        return probability
    return logistic(logit(probability) + log_odds_ratio)


def relapse_hazard_ratio(relapse: Relapse, patient: Patient, *, salvage_line: int) -> float:
    """Multiply the study's hazard ratio by those of the characteristics that are present.

    Where only MRD is treated, the remission at entry was reached without blinatumomab, in the
    first line or, with the ratio of later salvage, after a relapse.
    """
    ratio = relapse.study_hazard_ratio * mrd_treatment_ratio(relapse, salvage_line)
    if max(salvage_line, patient.salvage_line) > FIRST_SALVAGE:
        ratio *= relapse.later_salvage_hazard_ratio
    if patient.ph_positive:
        ratio *= relapse.ph_positive_hazard_ratio
    if patient.kmt2a:
        ratio *= relapse.kmt2a_hazard_ratio
    if patient.cns:
        ratio *= relapse.cns_hazard_ratio
    return ratio


def relapse_days(
    relapse: Relapse,
    duration_ratio: float,
    hazard_ratio: float,
    mrd_negative: bool,
    u_cure: float,
    time: float,
    cured_log_odds_ratio: float = 0.0,
) -> float:
    """Return days from remission to relapse without transplant; never when cured.

    Mixture cure: ``S(t) = π + (1 − π) S_u(t)^HR``, π by MRD and with the log odds ratio, S_u
    lognormal or Weibull with a median by MRD times the regimen's duration ratio. `time` is the uniform where S_u is lognormal, the
    standard exponential where it is Weibull.
    """
    if is_cured(relapse, mrd_negative, u_cure, cured_log_odds_ratio):
        return NEVER
    median = uncured_median_days(relapse, duration_ratio, mrd_negative)
    return uncured_days(relapse, median, hazard_ratio, time)


def is_cured(
    relapse: Relapse, mrd_negative: bool, u_cure: float, cured_log_odds_ratio: float
) -> bool:
    """Return whether a remission is a cure, π by MRD and with the log odds ratio."""
    cured = (
        relapse.cured_probability_mrd_negative
        if mrd_negative
        else relapse.cured_probability_mrd_positive
    )
    return hit(u_cure, shifted(cured, cured_log_odds_ratio))


def uncured_median_days(relapse: Relapse, duration_ratio: float, mrd_negative: bool) -> float:
    """Return the median time to relapse of the uncured, by MRD, under a hazard ratio of 1."""
    months = (
        relapse.median_months_mrd_negative if mrd_negative else relapse.median_months_mrd_positive
    )
    return months * duration_ratio * DAYS_PER_MONTH


def uncured_days(relapse: Relapse, median_days: float, hazard_ratio: float, time: float) -> float:
    """Return days to relapse of the uncured: the median times a number that does not depend on it.

    `time` as in `relapse_days`.
    """
    if relapse.weibull:
        return weibull_hazard_of(time, median_days, relapse.shape, hazard_ratio)
    return lognormal_quantile(proportional_hazards(time, hazard_ratio), median_days, relapse.sigma)


def without_further_benefit(
    relapse_days: float, stopped_days: float, remaining_ratio: float
) -> float:
    """Return days from remission to relapse when the regimen's benefit ends with the regimen.

    ``T + (t − T) r`` for a relapse that was to come at t, after the stop at T: from the stop on, time
    runs as under the comparator, whose remissions last r times as long. It is the accelerated failure
    time model with a factor that changes at T (Cox and Oakes, Analysis of Survival Data, 1984).
    """
    if relapse_days <= stopped_days:
        return relapse_days
    return stopped_days + (relapse_days - stopped_days) * remaining_ratio


def with_fading_benefit(
    relapse_days: float, from_days: float, to_days: float, remaining_ratio: float
) -> float:
    """Return days from remission to relapse when the regimen's benefit fades between two days.

    For a relapse that was to come at t, with r the duration of remissions under the comparator
    against the regimen's own::

        t                                        t ≤ F, where fading begins
        t − (1 − r) (t − F)² / (2 (U − F))       F < t ≤ U, where it has ended
        F + (U − F)(1 + r) / 2 + (t − U) r       t > U

    Time runs as under the regimen until F and as under the comparator from U on; between them its
    speed changes evenly. With U = F it is `without_further_benefit`.
    """
    if relapse_days <= from_days:
        return relapse_days
    span = to_days - from_days
    if relapse_days <= to_days:
        faded = relapse_days - from_days
        return relapse_days - (1.0 - remaining_ratio) * faded * faded / (2.0 * span)
    return (
        from_days
        + span * (1.0 + remaining_ratio) / 2.0
        + (relapse_days - to_days) * remaining_ratio
    )


def death_in_remission_days(relapse: Relapse, e: float) -> float:
    """Return days from remission to death without relapse or transplant: exponential."""
    return exponential_of(e, relapse.death_rate_per_month / DAYS_PER_MONTH)


def candidate_probability(
    candidacy: Candidacy,
    regimen_log_odds_ratio: float,
    *,
    age_years: float,
    salvage_line: int,
    prior_hct: bool,
    real_world: bool,
) -> float:
    """Return the probability that a patient in remission is a candidate for allo-HCT.

    Logistic in line, earlier transplant, setting and regimen, with a ratio of its own where only
    MRD is treated; zero above the age limit.
    """
    if age_years > candidacy.maximum_age_years:
        return 0.0
    return logistic(
        candidacy.baseline_logit
        + regimen_log_odds_ratio
        + candidacy.later_salvage_log_odds_ratio * (salvage_line > FIRST_SALVAGE)
        + candidacy.mrd_only_log_odds_ratio * (salvage_line == MRD_TREATMENT)
        + candidacy.prior_hct_log_odds_ratio * prior_hct
        + candidacy.real_world_log_odds_ratio * real_world
        + candidacy.study_log_odds_ratio
    )


def waiting_days(candidacy: Candidacy, z_time: float) -> float:
    """Return a candidate's days from remission to allo-HCT, lognormal."""
    return lognormal_of(
        z_time, candidacy.waiting_median_months * DAYS_PER_MONTH, candidacy.waiting_sigma
    )
