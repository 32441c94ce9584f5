"""Endpoints in words: the names of rows in tables and figures of published numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import pandas as pd

from sim.evidence.study import Endpoint, Study

if TYPE_CHECKING:
    from sim.evidence.targets import Target
    from sim.evidence.validation import Validation

TRIAL_OUTCOMES: Final = {
    "response": "response",
    "complete_remission": "complete remission",
    "mrd_negative": "MRD negativity",
    "hct": "allo-HCT in first remission",
    "os_percent": "alive at the end of follow-up",
    "os_median": "median OS",
    "os_hazard_ratio": "hazard ratio of OS",
}
"""Outcomes that a trial may report."""
WORDS: Final = {
    "response": "Response",
    "complete_remission": "Complete remission",
    "mrd_negative_of_all": "MRD-negative response",
    "mrd_negative_of_responders": "MRD-negative, of responders",
    "hct_ever": "Allo-HCT ever",
    "hct_in_remission": "Allo-HCT in remission",
    "hct_of_responders": "Allo-HCT, of responders",
    "response_in_first_cycle": "Response in cycle 1, of responders",
    "third_cycle": "Third cycle begun",
    "sixth_cycle": "Sixth cycle begun",
    "mrd_response": "MRD-negative, treated for MRD",
    "crs_any": "CRS",
    "crs_severe": "CRS grade ≥3",
    "neurotoxicity_any": "Neurotoxicity",
    "neurotoxicity_severe": "Neurotoxicity grade ≥3",
    "hepatotoxicity_severe": "Hepatotoxicity grade ≥3",
    "infection_severe": "Infection grade ≥3",
    "febrile_neutropenia_severe": "Febrile neutropenia",
    "discontinued_for_toxicity": "Stopped for toxicity",
    "interrupted_for_toxicity": "Interrupted for toxicity",
    "vod": "VOD",
    "acute_gvhd": "Acute GVHD",
    "chronic_gvhd": "Chronic GVHD",
    "cd19_negative": "CD19-negative at failure",
    "next_line_percent": "Another line",
    "nrm_100_days_percent": "NRM at 100 days",
    "nrm_percent": "NRM at {months} months",
    "relapse_percent": "Relapse by {months} months",
    "death_percent": "Dead by {months} months",
    "os_percent": "OS at {months} months",
    "rfs_percent": "RFS at {months} months",
    "efs_percent": "EFS at {months} months",
    "pfs_percent": "PFS at {months} months",
    "os_median_months": "OS",
    "rfs_median_months": "RFS",
    "efs_median_months": "EFS",
    "pfs_median_months": "PFS",
    "time_to_hct_median_months": "Time to allo-HCT",
    "dor_median_months": "Duration of remission",
    "os_hazard_ratio": "OS",
    "rfs_hazard_ratio": "RFS",
    "efs_hazard_ratio": "EFS",
    "hct_hazard_ratio": "OS, allo-HCT as it happens",
    "response_odds_ratio": "Response, odds ratio",
}
"""Names of endpoints; medians and hazard ratios are named as such in their tables."""
USUAL_STRATEGY: Final = "blinatumomab"
TITLE_END: Final = re.compile(r"\s*(:|\(|$)")
PHILADELPHIA: Final = ("ph positive", "ph negative")
NAMED_ARMS: Final = ("inotuzumab", "chemotherapy")
"""Arms that are named even where a study has one: the others are of blinatumomab."""
KINDS: Final = {"_median_months": "months", "_ratio": "ratio"}
"""Kinds of numbers by the end of an endpoint's word; the rest are per cent."""
LABELS: Final = ("heading", "label", "n", "kind")
"""Columns that `labelled` adds: study and arm, endpoint in words, patients, kind of number."""


def labelled(validation: Validation, register: Mapping[str, Study]) -> pd.DataFrame:
    """Return the table of a validation with the columns `LABELS`, by study and arm."""
    arms: dict[str, set[str]] = {}
    for target in validation.targets:
        arms.setdefault(target.study, set()).add(_endpoint(register, target).arm)
    words = [
        (
            heading(target, register, several=len(arms[target.study]) > 1),
            label(target, _endpoint(register, target)),
            target.n,
            _endpoint(register, target).kind,
        )
        for target in validation.targets
    ]
    beside = pd.DataFrame(words, columns=list(LABELS)).astype({"n": "Int64"})
    table = pd.concat([validation.table, beside], axis=1)
    order = {name: place for place, name in enumerate(dict.fromkeys(table["study"]))}
    arms_of = {name: place for place, name in enumerate(dict.fromkeys(table["heading"]))}
    places = pd.DataFrame(
        {"study": table["study"].map(order), "arm": table["heading"].map(arms_of)}
    ).sort_values(["study", "arm"], kind="stable")
    return table.loc[places.index]


def labelled_rows(table: pd.DataFrame, register: Mapping[str, Study]) -> pd.DataFrame:
    """Return rows of validation.csv with the columns `LABELS`, in their order.

    An endpoint that is not in the register is shown by its name.
    """
    known = [
        register[study].endpoints.get(endpoint) if study in register else None
        for study, endpoint in zip(table["study"], table["endpoint"], strict=True)
    ]
    arms: dict[str, set[str]] = {}
    for study, endpoint in zip(table["study"], known, strict=True):
        if endpoint is not None:
            arms.setdefault(study, set()).add(endpoint.arm)
    rows = [
        _unknown(study, name)
        if endpoint is None
        else (
            _of_arm(register[study], endpoint, several=len(arms[study]) > 1),
            _named(endpoint),
            endpoint.n,
            endpoint.kind,
        )
        for study, name, endpoint in zip(table["study"], table["endpoint"], known, strict=True)
    ]
    beside = pd.DataFrame(rows, columns=list(LABELS), index=table.index).astype({"n": "Int64"})
    return pd.concat([table, beside], axis=1)


def _unknown(study: str, name: str) -> tuple[str, str, None, str]:
    words = name.split(".")
    kind = next(
        (kind for end, kind in KINDS.items() if any(word.endswith(end) for word in words)),
        "percent",
    )
    return study.replace("_", " "), ", ".join(words).replace("_", " "), None, kind


def _of_arm(study: Study, endpoint: Endpoint, *, several: bool) -> str:
    arm = _arm_words(endpoint.arm)
    named = several or endpoint.arm in NAMED_ARMS
    return ", ".join([study_name(study), *([arm] if named else [])])


def _named(endpoint: Endpoint) -> str:
    months = 0.0 if endpoint.at_months is None else endpoint.at_months
    text = WORDS[endpoint.endpoint].format(months=f"{months:g}")
    return text if endpoint.subset is None else f"{text}, {endpoint.subset}"


def heading(target: Target, register: Mapping[str, Study], *, several: bool) -> str:
    """Name the study and, where it has `several`, the arm."""
    study = register[target.study]
    parts = [study_name(study)]
    if several:
        parts.append(_arm_words(_endpoint(register, target).arm))
    if target.treatment != USUAL_STRATEGY and target.treatment not in parts:
        parts.append(target.treatment.replace("_", " "))
    return ", ".join(parts)


def study_name(study: Study) -> str:
    """Return the beginning of a study's title, such as ``Topp 2021``."""
    return study.study[: next(TITLE_END.finditer(study.study)).start()]


def label(target: Target, endpoint: Endpoint) -> str:
    """Name the endpoint and its patients, where not the whole arm."""
    months = 0.0 if target.at_months is None else target.at_months
    text = WORDS[target.word].format(months=f"{months:g}")
    if endpoint.subset is None:
        return text
    return f"{text}, {endpoint.subset.removeprefix(f'{target.treatment} as ')}"


def _endpoint(register: Mapping[str, Study], target: Target) -> Endpoint:
    return register[target.study].endpoints[target.endpoint]


def _arm_words(arm: str) -> str:
    text = arm.replace("_", " ").removeprefix("adult ")
    for words in PHILADELPHIA:
        text = text.replace(words, words.replace("ph ", "Ph-"))
    return text
