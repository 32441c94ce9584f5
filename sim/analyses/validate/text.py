"""A validation as it is printed: every endpoint by study, then how many are inside."""

from __future__ import annotations

import math
from typing import Any, Final

import pandas as pd
from rich.console import Console

from sim.evidence.validation import Prediction
from sim.layout.cells import NOTHING
from sim.layout.endpoint_words import labelled
from sim.layout.table import Cell, Row, Table, print_table
from sim.layout.text import DISCLAIMER, print_paragraph

DIGITS: Final = {"percent": 1, "months": 1, "ratio": 2}
UNITS: Final = {"percent": "%", "months": "months, median", "ratio": "hazard ratio"}
ROLES: Final = {"fit": "fit", "held_out": "held out"}
GROUPS: Final = {
    "fit": "Used in the fit",
    "held_out": "Held out",
    "held_out_other_studies": "… of studies with nothing in the fit",
    "held_out_other_patients": "… and no patients in common with it",
}
LARGEST: Final = 1000.0
"""Months: a median beyond is not reached."""
MEANS: Final = (
    "Published values with 95 % intervals; medians of the prediction with intervals that hold the "
    "uncertainty of the parameters, the differences between studies and the sampling error of a "
    "cohort of the published size. Width is the interval's against that of sampling error alone. "
    "Inside says whether the published value lies in the predicted interval."
)


def print_validation(console: Console, found: Prediction) -> None:
    """Print the table by study and the summary."""
    table = labelled(found.validation, found.register)
    headings = (
        "n",
        "Role",
        "Published",
        "95 % interval",
        "Predicted",
        "95 % interval",
        "Width",
        "Inside",
    )
    print_table(console, Table("Study and endpoint", headings, [_rows(table)]))
    print_table(console, _summary(found.summary))
    print_paragraph(console, f"{found.validation.draws:,} draws of the posterior. {MEANS}")
    print_paragraph(console, DISCLAIMER)


def _rows(table: pd.DataFrame) -> list[Row]:
    rows: list[Row] = []
    last = ""
    for one in table.itertuples():
        heading = str(one.heading)
        if heading != last:
            rows.append(Row(heading, strong=True))
            last = heading
        rows.append(_endpoint(one))
    return rows


def _endpoint(one: Any) -> Row:  # noqa: ANN401 - a row of mixed types
    kind = str(one.kind)
    cells = [
        NOTHING if pd.isna(one.n) else str(one.n),
        ROLES[one.role],
        _number(one.published, kind),
        f"{_number(one.low, kind)} to {_number(one.high, kind)}",
        _number(one.predicted, kind),
        f"{_number(one.predicted_low, kind)} to {_number(one.predicted_high, kind)}",
        f"{one.width_ratio:.2f}",
        "yes" if one.inside else "no *",
    ]
    return Row(f"  {one.label}, {UNITS[kind]}", [Cell(text) for text in cells])


def _number(value: float, kind: str) -> str:
    if kind == "months" and not value < LARGEST:
        return "not reached"
    return NOTHING if math.isnan(value) else f"{value:.{DIGITS[kind]}f}"


def _summary(summary: pd.DataFrame) -> Table:
    rows = [
        Row(
            GROUPS[str(one.group)],
            [
                Cell(str(one.studies)),
                Cell(str(one.endpoints)),
                Cell(str(one.inside)),
                Cell(f"{one.inside_percent:.0f} %"),
                Cell(f"{one.median_width_ratio:.2f}"),
            ],
        )
        for one in summary.itertuples()
    ]
    headings = ("Studies", "Endpoints", "Inside", "Inside, %", "Median width")
    return Table("95 % predictive intervals", headings, [rows])
