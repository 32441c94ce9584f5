"""Every input with its value, range, source and status."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import pandas as pd

from sim.catalog.parameter import SCENARIO, SHOWN_ROOT, STATUSES
from sim.report.analyses import Analyses
from sim.report.references import References
from sim.report.results import Results
from sim.report.words import plain

MEANINGS: Final = {
    "evidence": "read from a source",
    "calibrated": "fitted to published cohorts, which inform it",
    "prior": "fitted, but the cohorts say little of it: it is as assumed before",
    "assumption": "decided by the authors of the model",
    "provisional": "standing in until it is calibrated",
    SCENARIO: "given by the scenario's author",
    "definition": "true by the model's own words: a reference, the edge of a window",
}
UNSAID: Final = "fixed"
"""A distribution that needs no words."""


def context(results: Results, analyses: Analyses) -> dict[str, Any]:  # noqa: ARG001
    """Return the context of the section of inputs."""
    table = results.tables["inputs.csv"]
    references = References(results)
    counts = Counter(table["status"])
    return {
        "total": f"{len(table)}",
        "statuses": [
            {"name": status, "meaning": MEANINGS[status], "count": counts[status]}
            for status in (*STATUSES, SCENARIO)
            if counts[status]
        ],
        "rows": [_row(row, references) for row in table.to_dict("records")],
    }


def is_shipped(file: str) -> bool:
    """Whether an entry is of the program's own catalogue."""
    return file.startswith(f"{SHOWN_ROOT}/")


def _row(row: dict[Any, Any], references: References) -> dict[str, Any]:
    low, high = row["low"], row["high"]
    has_range = not (pd.isna(low) or pd.isna(high)) and low < high
    changed = bool(row["changed"])
    details = [
        ("Distribution", row["distribution"]),
        ("Place in the source", row["place"]),
        ("Arithmetic", row["arithmetic"]),
        ("Derivation", row["derivation"]),
        ("Note", row["note"]),
        ("Written in", "" if is_shipped(row["file"]) else row["file"]),
    ]
    said = [(name, str(text)) for name, text in details if text]
    return {
        "label": row["label"],
        "name": row["name"],
        "details": said,
        "hover": " · ".join(f"{name}: {text}" for name, text in said),
        "value": plain(float(row["value"])),
        "number": float(row["value"]),
        "unit": row["unit"],
        "range": f"{plain(float(low))} to {plain(float(high))}" if has_range else "",
        "status": row["status"],
        "changed": changed,
        "own": not changed and not is_shipped(row["file"]),
        "sources": references.of(str(row["source"])),
    }
