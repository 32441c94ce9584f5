"""A scenario that is nothing but a queue: everybody needs a bed upon entry, and nobody leaves the list."""

from __future__ import annotations

import math

from sim.clinic.units import DAYS_PER_YEAR

SCENARIO = "mrd_positive"
CHANGES = {
    "horizon_years": 100,
    "strategies": [{"name": "observation", "sequence": [], "then": "supportive_care"}],
    "switches": {"background_mortality": False},
    "capacity": {"transplant_beds": 3, "warm_up_years": 1, "window_years": 4},
    "parameters": {
        "population.mrd_only_probability": 1,
        "candidacy.maximum_age_years": 150,
        "candidacy.baseline_logit": 40,
        "candidacy.mrd_only_log_odds_ratio": 0,
        "candidacy.prior_hct_log_odds_ratio": 0,
        "candidacy.later_salvage_log_odds_ratio": 0,
        "candidacy.waiting_median_months": 1,
        "candidacy.waiting_sigma": 1e-6,
        "relapse.cured_probability_mrd_positive": 1,
        "relapse.death_rate_per_month": 0,
        "transplant.early_mortality": 0,
        "transplant.late_mortality_per_month": 0,
        "transplant.cured_probability_mrd_positive": 1,
    },
}
"""In remission with MRD, a candidate with certainty, ready after a month, cured with and without."""
READY_DAYS = 30.4375


def a_queue(ask, **changes):
    """Return the question."""
    merged = {**CHANGES, **changes}
    if "parameters" in changes:
        merged["parameters"] = CHANGES["parameters"] | changes["parameters"]
    return ask(SCENARIO, patients=1, **merged)


def rate_per_year(beds, utilisation, mean_days):
    """Return the arrivals a year with which so many beds have this utilisation."""
    return utilisation * beds * DAYS_PER_YEAR / mean_days


def weibull_median(mean_days, shape):
    """Return the median of the Weibull distribution of this mean."""
    return mean_days * math.log(2.0) ** (1.0 / shape) / math.gamma(1.0 + 1.0 / shape)
