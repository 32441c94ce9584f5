"""Published endpoints with the predictions of the calibrated model for cohorts of their size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from sim.errors import UserError
from sim.evidence.register import load_register
from sim.evidence.study import Study
from sim.layout.endpoint_words import labelled_rows
from sim.report.drawing import Drawing, Scale
from sim.report.results import Results
from sim.report.words import percent, plain

ROLES: Final = {"held_out": "Held out: predicted, not fitted", "fit": "Fitted"}
PERCENT: Final = "percent"
PANELS: Final = {
    PERCENT: "Shares and survival, %",
    "months": "Medians, months (logarithmic)",
    "ratio": "Hazard ratios of death (logarithmic)",
}
"""A panel for each kind of number."""
ENDS: Final = ("published", "low", "high", "predicted", "predicted_low", "predicted_high")


def context(results: Results, table: pd.DataFrame) -> dict[str, Any]:  # noqa: ARG001
    """Return the context of the section of validation."""
    told = _labelled(table)
    return {
        "counts": [_count(table[table["role"] == role], title) for role, title in ROLES.items()],
        "panels": [
            _panel(told[told["kind"] == kind], title, is_log=kind != PERCENT)
            for kind, title in PANELS.items()
            if (told["kind"] == kind).any()
        ],
    }


def drawings(results: Results, table: pd.DataFrame) -> list[Drawing]:  # noqa: ARG001
    """Return the forest for print; in the page it is a table of bars."""
    counts = [
        f"{row['title']}: {row['inside']} of {row['endpoints']} inside"
        for row in (_count(table[table["role"] == role], title) for role, title in ROLES.items())
    ]

    def make(_: float) -> Any:  # noqa: ANN401
        from sim.analyses.validate.figure import forest_figure

        return forest_figure(_labelled(table), "\n".join(counts))

    return [
        Drawing(
            "validation_forest",
            "Published endpoints and their predictions",
            "; ".join(counts),
            make,
        )
    ]


def _labelled(table: pd.DataFrame) -> pd.DataFrame:
    """Add the words and the kind of each endpoint, and put those that were held out first."""
    try:
        register: Mapping[str, Study] = load_register()
    except UserError:
        # An installed package comes without the register.
        register = {}
    order = table["role"].map({role: place for place, role in enumerate(ROLES)})
    told = labelled_rows(table, register)
    return told.assign(place=order).sort_values(["place", "study", "heading"], kind="stable")


def _count(rows: pd.DataFrame, title: str) -> dict[str, str]:
    inside = int(rows["inside"].sum())
    return {
        "title": title,
        "endpoints": f"{len(rows)}",
        "studies": f"{rows['study'].nunique()}",
        "inside": f"{inside}",
        "share": percent(inside / len(rows)) if len(rows) else "",
    }


def _panel(rows: pd.DataFrame, title: str, *, is_log: bool) -> dict[str, Any]:
    scale = Scale.over(rows[list(ENDS)].to_numpy().ravel().tolist(), is_log=is_log)
    return {
        "title": title,
        "ticks": scale.ticks(plain),
        "groups": [
            (name, [_row(row, scale) for row in rows[rows["role"] == role].to_dict("records")])
            for role, name in ROLES.items()
            if (rows["role"] == role).any()
        ],
    }


def _row(row: dict[Any, Any], scale: Scale) -> dict[str, Any]:
    def interval(low: str, high: str) -> tuple[float, float] | None:
        if pd.isna(row[low]) or pd.isna(row[high]):
            return None
        return scale.bar(row[low], row[high])

    return {
        "study": row["heading"],
        "endpoint": row["label"],
        "is_held_out": row["role"] == "held_out",
        "published": plain(row["published"]),
        "published_at": scale.at(row["published"]),
        "published_bar": interval("low", "high"),
        "predicted": plain(row["predicted"]),
        "predicted_interval": f"{plain(row['predicted_low'])} to {plain(row['predicted_high'])}",
        "predicted_at": scale.at(row["predicted"]),
        "predicted_bar": interval("predicted_low", "predicted_high"),
        "inside": bool(row["inside"]),
    }
