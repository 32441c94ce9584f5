"""Published endpoints beside what the calibrated model predicts for cohorts of their size."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

from sim.errors import UserError
from sim.evidence.register import load_register
from sim.report.html.analyses import Analyses
from sim.report.html.results import Results
from sim.report.html.scale import Scale
from sim.report.html.words import percent, plain, spaced

ROLES: Final = {"held_out": "Held out: predicted, not fitted", "fit": "Fitted"}
MEDIAN, RATIO = "_median_months", "_ratio"
ENDS: Final = ("published", "low", "high", "predicted", "predicted_low", "predicted_high")


def context(results: Results, analyses: Analyses) -> dict[str, Any]:  # noqa: ARG001
    """Return what the section of validation says."""
    table = analyses.validation
    if table is None:
        return {
            "found": False,
            "commands": ["python -m sim validate"],
            "refused": None,
        }
    names = _study_names()
    kinds = table["endpoint"].map(_kind)
    return {
        "found": True,
        "counts": [_count(table[table["role"] == role], title) for role, title in ROLES.items()],
        "panels": [
            _panel(table[kinds == kind], title, names, is_log=kind != "percent")
            for kind, title in (
                ("percent", "Shares and survival, %"),
                ("months", "Medians, months (logarithmic)"),
                ("ratio", "Ratios (logarithmic)"),
            )
            if (kinds == kind).any()
        ],
        "drawings": [],
    }


def _study_names() -> dict[str, str]:
    """Return the title of each study of the register, as far as its colon."""
    try:
        register = load_register()
    except UserError:
        return {}
    return {name: study.study.split(":")[0] for name, study in register.items()}


def _kind(endpoint: str) -> str:
    words = endpoint.split(".")
    if any(word.endswith(MEDIAN) for word in words):
        return "months"
    return "ratio" if any(word.endswith(RATIO) for word in words) else "percent"


def _count(rows: pd.DataFrame, title: str) -> dict[str, str]:
    inside = int(rows["inside"].sum())
    return {
        "title": title,
        "endpoints": f"{len(rows)}",
        "studies": f"{rows['study'].nunique()}",
        "inside": f"{inside}",
        "share": percent(inside / len(rows)) if len(rows) else "",
    }


def _panel(
    rows: pd.DataFrame, title: str, names: dict[str, str], *, is_log: bool
) -> dict[str, Any]:
    scale = Scale.over(rows[list(ENDS)].to_numpy().ravel().tolist(), is_log=is_log)
    ordered = rows.assign(place=rows["role"].map({"held_out": 0, "fit": 1})).sort_values(
        ["place", "study", "endpoint"], kind="stable"
    )
    return {
        "title": title,
        "ticks": scale.ticks(plain),
        "rows": [_row(row, scale, names) for row in ordered.to_dict("records")],
    }


def _row(row: dict[Any, Any], scale: Scale, names: dict[str, str]) -> dict[str, Any]:
    def interval(low: str, high: str) -> tuple[float, float] | None:
        if pd.isna(row[low]) or pd.isna(row[high]):
            return None
        return scale.bar(row[low], row[high])

    return {
        "study": names.get(row["study"], row["study"]),
        "endpoint": spaced(row["endpoint"]).replace(".", ", "),
        "role": ROLES.get(row["role"], row["role"]),
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
