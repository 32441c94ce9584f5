"""Endpoints in words: the names of rows in tables and figures of published numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from sim.evidence.study import Endpoint, Study

if TYPE_CHECKING:
    import pandas as pd

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
    import pandas as pd

    known = [register[each.study].endpoints[each.endpoint] for each in validation.targets]
    arms = _arms((each.study for each in validation.targets), known)
    rows = []
    for target, endpoint in zip(validation.targets, known, strict=True):
        parts = [_study_name(register[target.study])]
        if len(arms[target.study]) > 1:
            parts.append(_arm_words(endpoint.arm))
        if target.treatment != USUAL_STRATEGY and target.treatment not in parts:
            parts.append(target.treatment.replace("_", " "))
        words = _named(endpoint, target.at_months, target.treatment)
        rows.append((", ".join(parts), words, target.n, endpoint.kind))
    table = _with_labels(validation.table, rows)
    by_arm = table.groupby(["study", "heading"], sort=False).ngroup()
    by_study = table.groupby("study", sort=False).ngroup()
    places = pd.DataFrame({"study": by_study, "arm": by_arm})
    return table.loc[places.sort_values(["study", "arm"], kind="stable").index]


def labelled_rows(table: pd.DataFrame, register: Mapping[str, Study]) -> pd.DataFrame:
    """Return rows of validation.csv with the columns `LABELS`, in their order.

    An endpoint that is not in the register is shown by its name.
    """
    known = [
        register[study].endpoints.get(endpoint) if study in register else None
        for study, endpoint in zip(table["study"], table["endpoint"], strict=True)
    ]
    arms = _arms(table["study"], known)
    rows: list[tuple[str, str, int | None, str]] = []
    for study, name, endpoint in zip(table["study"], table["endpoint"], known, strict=True):
        if endpoint is None:
            words = name.split(".")
            ends = tuple(end for end in KINDS if any(word.endswith(end) for word in words))
            kind = KINDS[ends[0]] if ends else "percent"
            rows.append((study.replace("_", " "), ", ".join(words).replace("_", " "), None, kind))
            continue
        parts = [_study_name(register[study])]
        if len(arms[study]) > 1 or endpoint.arm in NAMED_ARMS:
            parts.append(_arm_words(endpoint.arm))
        words = _named(endpoint, endpoint.at_months)
        rows.append((", ".join(parts), words, endpoint.n, endpoint.kind))
    return _with_labels(table, rows)


def _arms(studies: Iterable[str], known: Sequence[Endpoint | None]) -> dict[str, set[str]]:
    """Return the arms of each study that have an endpoint here."""
    arms: dict[str, set[str]] = {}
    for study, endpoint in zip(studies, known, strict=True):
        if endpoint is not None:
            arms.setdefault(study, set()).add(endpoint.arm)
    return arms


def _with_labels(
    table: pd.DataFrame, rows: Sequence[tuple[str, str, int | None, str]]
) -> pd.DataFrame:
    import pandas as pd

    beside = pd.DataFrame(rows, columns=list(LABELS), index=table.index).astype({"n": "Int64"})
    return pd.concat([table, beside], axis=1)


def _study_name(study: Study) -> str:
    """Return the beginning of a study's title, such as ``Topp 2021``."""
    return study.study[: next(TITLE_END.finditer(study.study)).start()]


def _named(endpoint: Endpoint, at_months: float | None, treatment: str = "") -> str:
    """Name the endpoint and its patients, where not the whole arm."""
    text = WORDS[endpoint.endpoint].format(months=f"{at_months or 0.0:g}")
    if endpoint.subset is None:
        return text
    return f"{text}, {endpoint.subset.removeprefix(f'{treatment} as ')}"


def _arm_words(arm: str) -> str:
    text = arm.replace("_", " ").removeprefix("adult ")
    for words in PHILADELPHIA:
        text = text.replace(words, words.replace("ph ", "Ph-"))
    return text
