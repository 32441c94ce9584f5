"""Allogeneic transplantation: complications, death without relapse, relapse."""

from enum import IntEnum, unique
from typing import NamedTuple

from sim.clinic.distributions import (
    exponential_of,
    hit,
    lognormal_quantile,
    proportional_hazards,
    uniform_quantile,
)
from sim.clinic.remission import shifted
from sim.clinic.units import DAYS_PER_MONTH, NEVER


class Transplant(NamedTuple):
    """Course after allo-HCT: parameters ``transplant.*``."""

    early_days: float
    early_mortality: float
    early_mortality_after_inotuzumab_ratio: float
    vod_probability: float
    vod_after_inotuzumab_probability: float
    vod_mortality_ratio: float
    acute_gvhd_probability: float
    acute_gvhd_first_day: float
    acute_gvhd_days: float
    chronic_gvhd_probability: float
    chronic_gvhd_last_day: float
    chronic_gvhd_days: float
    infection_probability: float
    infection_days: float
    late_mortality_per_month: float
    cured_probability_mrd_negative: float
    cured_probability_mrd_positive: float
    relapse_median_months: float
    relapse_sigma: float
    study_hazard_ratio: float


@unique
class Complication(IntEnum):
    """Complications of a transplant, in their order on one day."""

    VOD = 0
    INFECTION = 1
    ACUTE_GVHD = 2
    CHRONIC_GVHD = 3


def vod(transplant: Transplant, u: float, *, prior_inotuzumab: bool) -> bool:
    """Draw veno-occlusive disease; inotuzumab before the transplant raises its risk."""
    return hit(
        u,
        transplant.vod_after_inotuzumab_probability
        if prior_inotuzumab
        else transplant.vod_probability,
    )


def early_death_days(
    transplant: Transplant, u_death: float, u_time: float, *, has_vod: bool, prior_inotuzumab: bool
) -> float:
    """Return days to transplant-related death within the first 100 days; never otherwise.

    VOD raises the risk, and inotuzumab before the transplant does so with and without it.
    """
    ratio = transplant.vod_mortality_ratio if has_vod else 1.0
    if prior_inotuzumab:
        ratio *= transplant.early_mortality_after_inotuzumab_ratio
    if not hit(u_death, min(transplant.early_mortality * ratio, 1.0)):
        return NEVER
    return uniform_quantile(u_time, 0.0, transplant.early_days)


def late_death_days(transplant: Transplant, e: float) -> float:
    """Return days to non-relapse death after the first 100 days: exponential from then on."""
    rate_per_day = transplant.late_mortality_per_month / DAYS_PER_MONTH
    return transplant.early_days + exponential_of(e, rate_per_day)


def acute_gvhd_day(transplant: Transplant, u: float, u_onset: float) -> float:
    """Return the day of acute GVHD, uniform until day 100; never without."""
    if not hit(u, transplant.acute_gvhd_probability):
        return NEVER
    return uniform_quantile(u_onset, transplant.acute_gvhd_first_day, transplant.early_days)


def chronic_gvhd_day(transplant: Transplant, u: float, u_onset: float) -> float:
    """Return the day of chronic GVHD, uniform after day 100; never without."""
    if not hit(u, transplant.chronic_gvhd_probability):
        return NEVER
    return uniform_quantile(u_onset, transplant.early_days, transplant.chronic_gvhd_last_day)


def relapse_after_transplant_days(
    transplant: Transplant,
    hazard_ratio: float,
    mrd_negative: bool,
    u_cure: float,
    u_time: float,
    cured_log_odds_ratio: float = 0.0,
) -> float:
    """Return days from allo-HCT to relapse; never when cured.

    Mixture cure: ``S(t) = π + (1 − π) S_u(t)^HR``, π by MRD before transplant and with the log odds
    ratio, S_u lognormal.
    """
    if is_cured_by_transplant(transplant, mrd_negative, u_cure, cured_log_odds_ratio):
        return NEVER
    return uncured_days_after_transplant(transplant, hazard_ratio, u_time)


def is_cured_by_transplant(
    transplant: Transplant, mrd_negative: bool, u_cure: float, cured_log_odds_ratio: float
) -> bool:
    """Return whether the transplant is a cure, π by MRD before it and with the log odds ratio."""
    cured = (
        transplant.cured_probability_mrd_negative
        if mrd_negative
        else transplant.cured_probability_mrd_positive
    )
    return hit(u_cure, shifted(cured, cured_log_odds_ratio))


def uncured_days_after_transplant(
    transplant: Transplant, hazard_ratio: float, u_time: float
) -> float:
    """Return days from allo-HCT to relapse of the uncured."""
    return lognormal_quantile(
        proportional_hazards(u_time, hazard_ratio),
        transplant.relapse_median_months * DAYS_PER_MONTH,
        transplant.relapse_sigma,
    )
