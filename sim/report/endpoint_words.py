"""Endpoints in words: what a row of a table or figure of published numbers is called."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import pandas as pd

from sim.evidence.study import Endpoint, Study
from sim.evidence.targets import Target
from sim.evidence.validation import Validation

WORDS: Final = {
    "response": "Response",
    "complete_remission": "Complete remission",
    "mrd_negative_of_all": "MRD-negative response",
    "mrd_negative_of_responders": "MRD-negative, of responders",
    "hct_ever": "Allo-HCT ever",
    "hct_in_remission": "Allo-HCT in remission",
    "hct_of_responders": "Allo-HCT, of responders",
    "crs_severe": "CRS grade ≥3",
    "neurotoxicity_severe": "Neurotoxicity grade ≥3",
    "os_percent": "OS at {months} months",
    "rfs_percent": "RFS at {months} months",
    "efs_percent": "EFS at {months} months",
    "os_median_months": "OS",
    "rfs_median_months": "RFS",
    "efs_median_months": "EFS",
    "dor_median_months": "Duration of remission",
    "os_hazard_ratio": "OS",
}
"""What is shown; medians and hazard ratios are called so where they stand."""
USUAL_STRATEGY: Final = "blinatumomab"
TITLE_END: Final = re.compile(r"\s*(:|\(|$)")
PHILADELPHIA: Final = ("ph positive", "ph negative")
LABELS: Final = ("heading", "label", "n", "kind")
"""Columns that `labelled` adds: study and arm, endpoint in words, patients, kind of number."""


def labelled(validation: Validation, register: Mapping[str, Study]) -> pd.DataFrame:
    """Return the table of a validation with the columns `LABELS`, in the order of studies."""
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
    return table.sort_values("study", key=lambda names: names.map(order), kind="stable")


def heading(target: Target, register: Mapping[str, Study], *, several: bool) -> str:
    """Name the study and, where it has `several`, the arm."""
    study = register[target.study]
    parts = [study_name(study)]
    if several:
        parts.append(_arm_words(_endpoint(register, target).arm))
    if target.arm != USUAL_STRATEGY and target.arm not in parts:
        parts.append(target.arm.replace("_", " "))
    return ", ".join(parts)


def study_name(study: Study) -> str:
    """Return the beginning of a study's title, such as ``Topp 2021``."""
    return study.study[: next(TITLE_END.finditer(study.study)).start()]


def label(target: Target, endpoint: Endpoint) -> str:
    """Name the endpoint and of whom it is, where not of the whole arm."""
    months = 0.0 if target.at_months is None else target.at_months
    text = WORDS[target.word].format(months=f"{months:g}")
    if endpoint.subset is None:
        return text
    return f"{text}, {endpoint.subset.removeprefix(f'{target.arm} as ')}"


def _endpoint(register: Mapping[str, Study], target: Target) -> Endpoint:
    return register[target.study].endpoints[target.endpoint]


def _arm_words(arm: str) -> str:
    text = arm.replace("_", " ").removeprefix("adult ")
    for words in PHILADELPHIA:
        text = text.replace(words, words.replace("ph ", "Ph-"))
    return text
