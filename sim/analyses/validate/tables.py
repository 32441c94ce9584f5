"""The files of a validation. Their names and columns are part of the interface.

A validation as it is printed: every endpoint by study, then how many are inside.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
from rich.console import Console

from sim.errors import UserError
from sim.evidence.validation import Prediction
from sim.layout.cells import NOTHING
from sim.layout.endpoint_words import labelled
from sim.layout.figure_file import figure_files, figure_names
from sim.layout.schema import (
    Schema,
    count,
    flag,
    in_csv,
    number,
    read_json,
    records,
    text,
)
from sim.layout.table import Cell, Row, Table, print_table
from sim.layout.text import DISCLAIMER, print_paragraph

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sim.evidence.validation import Prediction

INDENT: Final = 2
VALIDATION: Final = "validation"
TABLE: Final = Schema(
    f"{VALIDATION}.csv",
    (
        text("study"),
        text("endpoint"),
        text("role", "``fit`` or ``held_out``"),
        number("published", "in `unit`"),
        number("low", "ends of its 95 % interval"),
        number("high"),
        number("predicted", "the median of the prediction"),
        number("predicted_low", "ends of its 95 % interval"),
        number("predicted_high"),
        number("z", "the standardized difference"),
        flag("inside", "whether the published value is in the predicted interval"),
        number("width_ratio", "width of that interval against that from sampling error alone"),
        text("unit", "%, months or ratio"),
    ),
)
"""One row per endpoint."""
SURVIVAL: Final = Schema(
    f"{VALIDATION}_curves.csv",
    (
        text("study"),
        text("endpoint", "the first that is read from the curve"),
        text("curve", "``os`` or ``rfs``"),
        count("months", "from 0"),
        number("low", "ends of the 95 % interval of the predicted survival, in per cent"),
        number("middle", "its median"),
        number("high"),
    ),
)
"""The predicted curves."""
SUMMARY: Final = f"{VALIDATION}.json"
FOREST: Final = "validation_forest"
CURVES: Final = "validation_curves"
PROVENANCE: Final = "provenance.json"
NAMES: Final = (
    TABLE.file,
    SURVIVAL.file,
    SUMMARY,
    *figure_names((FOREST, CURVES)),
    PROVENANCE,
)
ROLE_WORDS: Final = {"fit": "used in the fit", "held_out": "held out"}


def validation_files(found: Prediction) -> dict[str, str | bytes]:
    """Return the files of a validation by name."""
    return {
        TABLE.file: in_csv(found.validation.table),
        SURVIVAL.file: in_csv(survival_table(found)),
        SUMMARY: validation_json(found),
        **figure_files(drawn_validation(found)),
        PROVENANCE: json.dumps(found.provenance, indent=INDENT) + "\n",
    }


def drawn_validation(found: Prediction) -> dict[str, Figure]:
    """Return the figures by name; that of the curves only where a study has some."""
    from sim.analyses.validate.figure import curves_figure, forest_figure
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


def survival_table(found: Prediction) -> pd.DataFrame:
    """Return the predicted curves as `SURVIVAL`."""
    return SURVIVAL.table(
        (curve.target.study, curve.target.endpoint, curve.endpoint, months, *band)
        for curve in found.validation.curves
        for months, band in enumerate(zip(curve.low, curve.middle, curve.high, strict=True))
    )


def validation_json(found: Prediction) -> str:
    """Return summary and endpoints as JSON; values that are not finite are null."""
    content = {
        "draws": found.validation.draws,
        "provenance": found.provenance,
        "summary": records(found.summary),
        "endpoints": records(found.validation.table),
    }
    return json.dumps(content, indent=INDENT, allow_nan=False) + "\n"


def read_prediction(folder: Path, protocol: Path | None) -> Prediction:
    """Return the prediction that is stored in a folder.

    Raises
    ------
    UserError
        When a file is missing or broken, or protocol, cohorts or register are not those of the
        prediction.
    """
    # Imported here: the table alone, as in a report, is read without the compiler.
    from sim.evidence.protocol import load_protocol
    from sim.evidence.register import load_register
    from sim.evidence.results import evidence_hash
    from sim.evidence.targets import targets
    from sim.evidence.validation import (
        PredictedCurve,
        Prediction,
        Validation,
        is_stale,
        summary,
        usual_protocol,
    )

    told = read_json(folder / SUMMARY)
    path = usual_protocol() if protocol is None else protocol
    evidence = evidence_hash(path)
    if told["provenance"]["evidence"] != evidence:
        problem = f"holds other predictions than {path.name} gives now; run it again"
        raise UserError(problem, file=folder / SUMMARY, key="evidence")
    register = load_register()
    known = {target.name: target for target in targets(load_protocol(path, register), register)}
    table, survival = TABLE.read(folder), SURVIVAL.read(folder)
    validation = Validation(
        targets=tuple(known[name] for name in _names(table)),
        table=table,
        curves=tuple(
            PredictedCurve(
                known[str(name)], str(curve), *band[["low", "middle", "high"]].to_numpy().T
            )
            for (name, curve), band in survival.groupby([_names(survival), "curve"], sort=False)
        ),
        draws=told["draws"],
    )
    return Prediction(
        register,
        validation,
        summary(table, register),
        is_stale(path, evidence),
        told["provenance"],
    )


def _names(table: pd.DataFrame) -> pd.Series[str]:
    """Return the names of the targets in rows of a table."""
    return table["study"] + "/" + table["endpoint"]


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
