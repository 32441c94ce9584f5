"""The words of the register: endpoints and baseline characteristics that a study may state."""

from __future__ import annotations

from typing import Final, Literal

Kind = Literal["percent", "months", "ratio", "difference", "amount"]
"""An amount is a number in a unit of its own, such as a number of cycles or a dose."""

OTHER_ENDPOINT: Final = "other."
"""Start of the name of an endpoint that has no word of its own; it needs a definition."""

OTHER_BASELINE: Final = "other_"
"""Start of the name of a baseline characteristic that has no word of its own."""

LANDMARKS: Final = ("os_percent", "rfs_percent", "efs_percent")
"""Survival at a time: estimated from a curve with censoring, not a share of the patients."""

_PERCENTS: Final = (
    "response",
    "complete_remission",
    "mrd_negative_of_responders",
    "mrd_negative_of_all",
    "mrd_response",
    "hct_ever",
    "hct_in_remission",
    "hct_of_responders",
    *LANDMARKS,
    "nrm_100_days_percent",
    "nrm_percent",
    "relapse_percent",
    "death_percent",
    "crs_any",
    "crs_severe",
    "neurotoxicity_any",
    "neurotoxicity_severe",
    "hepatotoxicity_severe",
    "infection_severe",
    "febrile_neutropenia_severe",
    "vod",
    "acute_gvhd",
    "chronic_gvhd",
    "cytopenia_severe",
    "discontinued_for_toxicity",
    "interrupted_for_toxicity",
    "cd19_negative",
    "next_line_percent",
)
_MONTHS: Final = (
    "os_median_months",
    "rfs_median_months",
    "efs_median_months",
    "dor_median_months",
    "time_to_hct_median_months",
)
_RATIOS: Final = ("os_hazard_ratio", "efs_hazard_ratio", "response_odds_ratio")
_AMOUNTS: Final = ("cycles_median",)

ENDPOINTS: Final[dict[str, Kind]] = {
    **dict.fromkeys(_PERCENTS, "percent"),
    **dict.fromkeys(_MONTHS, "months"),
    **dict.fromkeys(_RATIOS, "ratio"),
    **dict.fromkeys(_AMOUNTS, "amount"),
}
"""Every endpoint that has a word of its own, and the kind of number that it is."""

_OTHER_KINDS: Final[dict[str, Kind]] = {
    "_median_months": "months",
    "_ratio": "ratio",
    "_difference": "difference",
    "_median": "amount",
    "_median_days": "amount",
    "_years": "amount",
    "_per_day": "amount",
    "_per_year": "amount",
    "_per_stay": "amount",
    "_per_patient": "amount",
}

BASELINE: Final = (
    "age_median_years",
    "age_low_years",
    "age_high_years",
    "male_percent",
    "ph_positive_percent",
    "prior_hct_percent",
    "first_salvage_percent",
    "second_salvage_percent",
    "later_salvage_percent",
    "primary_refractory_percent",
    "high_blasts_percent",
    "extramedullary_percent",
    "cns_percent",
    "kmt2a_percent",
    "mrd_only_percent",
    "prior_blinatumomab_percent",
    "prior_inotuzumab_percent",
    "tki_percent",
    "follow_up_median_months",
    "first_remission_short_percent",
)
"""Baseline characteristics that have a word of their own."""


def kind_of(endpoint: str) -> Kind:
    """Return the kind of number of `endpoint`.

    For `OTHER_ENDPOINT` the name's end decides, such as ``_ratio``; else it is a per cent.
    """
    if endpoint in ENDPOINTS:
        return ENDPOINTS[endpoint]
    for end, kind in _OTHER_KINDS.items():
        if endpoint.endswith(end):
            return kind
    return "percent"
