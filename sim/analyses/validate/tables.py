"""The files of a validation. Their names and columns are part of the interface."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from sim.evidence.prediction import Prediction
from sim.layout.endpoint_words import labelled
from sim.layout.figure_file import figure_files, figure_names

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INDENT: Final = 2
DIGITS: Final = 6
VALIDATION: Final = "validation"
TABLE: Final = f"{VALIDATION}.csv"
SUMMARY: Final = f"{VALIDATION}.json"
FOREST: Final = "validation_forest"
CURVES: Final = "validation_curves"
PROVENANCE: Final = "provenance.json"
NAMES: Final = (
    TABLE,
    SUMMARY,
    *figure_names((FOREST, CURVES)),
    PROVENANCE,
)
"""The columns of validation.csv are `sim.evidence.validation.COLUMNS`; validation.json holds the
summary (`sim.evidence.validation.SUMMARY_COLUMNS`) and the same rows."""
ROLE_WORDS: Final = {"fit": "used in the fit", "held_out": "held out"}


def validation_files(found: Prediction) -> dict[str, str | bytes]:
    """Return the files of a validation by name."""
    return {
        TABLE: found.validation.table.to_csv(
            index=False, float_format=f"%.{DIGITS}g", lineterminator="\n"
        ),
        SUMMARY: validation_json(found),
        **figure_files(drawn_validation(found)),
        PROVENANCE: json.dumps(found.provenance, indent=INDENT) + "\n",
    }


def drawn_validation(found: Prediction) -> dict[str, Figure]:
    """Return the figures by name; that of the curves only where a study has some."""
    from sim.analyses.validate.curves_figure import curves_figure
    from sim.analyses.validate.forest_figure import forest_figure
    from sim.layout.style import styled

    table = labelled(found.validation, found.register)
    with styled():
        figures = {FOREST: forest_figure(table, counts(found.summary))}
        if found.validation.curves:
            figures[CURVES] = curves_figure(found.validation, table)
    return figures


def counts(summary: pd.DataFrame) -> str:
    """Say how many published values are inside, by role."""
    parts = [
        f"{one.inside} of {one.endpoints} {ROLE_WORDS[str(one.group)]}"
        for one in summary.itertuples()
        if one.group in ROLE_WORDS
    ]
    return f"Published value inside the predicted interval:\n{', '.join(parts)}"


def validation_json(found: Prediction) -> str:
    """Return summary and endpoints as JSON; values that are not finite are null."""
    content = {
        "draws": found.validation.draws,
        "summary": _records(found.summary),
        "endpoints": _records(found.validation.table),
    }
    return json.dumps(content, indent=INDENT, allow_nan=False) + "\n"


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {str(name): _plain(value) for name, value in row.items()}
        for row in table.to_dict(orient="records")
    ]


def _plain(value: Any) -> Any:  # noqa: ANN401 - numbers and texts
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    return value
