"""Why to trust the model: published endpoints beside its predictions, and checks of the program."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

import pandas as pd

from sim.analyses.verify.partition import screen_table, sentences
from sim.analyses.verify.result import FAILED, NOT_APPLICABLE, PASSED
from sim.errors import UserError
from sim.evidence.register import load_register
from sim.evidence.study import Study
from sim.layout.cells import number_text, percent
from sim.layout.endpoint_words import labelled_rows
from sim.report.drawing import Drawing, Scale
from sim.report.results import Results, Verified, command

ROLES: Final = {"held_out": "Held out: predicted, not fitted", "fit": "Fitted"}
SHARES: Final = "percent"
PANELS: Final = {
    SHARES: "Shares and survival, %",
    "months": "Medians, months (logarithmic)",
    "ratio": "Hazard ratios of death (logarithmic)",
}
"""A panel for each kind of number."""
ENDS: Final = ("published", "low", "high", "predicted", "predicted_low", "predicted_high")


def validation(results: Results, table: pd.DataFrame) -> dict[str, Any]:  # noqa: ARG001
    """Return the context of the section of validation."""
    told = _labelled(table)
    return {
        "counts": list(_counts(table)),
        "panels": [
            _panel(told[told["kind"] == kind], title, is_log=kind != SHARES)
            for kind, title in PANELS.items()
            if (told["kind"] == kind).any()
        ],
    }


def validation_drawings(results: Results, table: pd.DataFrame) -> Iterator[Drawing]:  # noqa: ARG001
    """Yield the forest for print; in the page it is a table of bars."""
    from sim.analyses.validate.figure import forest_figure

    counts = [
        f"{row['title']}: {row['inside']} of {row['endpoints']} inside" for row in _counts(table)
    ]
    yield Drawing(
        "validation_forest",
        "Published endpoints and their predictions",
        "; ".join(counts),
        lambda **_: forest_figure(_labelled(table), "\n".join(counts)),
    )


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


def _counts(table: pd.DataFrame) -> Iterator[dict[str, str]]:
    """Yield how many published values are inside the predictive interval, by role."""
    for role, title in ROLES.items():
        rows = table[table["role"] == role]
        inside = int(rows["inside"].sum())
        yield {
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
        "ticks": scale.ticks(number_text),
        "groups": [
            (
                name,
                [_prediction(row, scale) for row in rows[rows["role"] == role].to_dict("records")],
            )
            for role, name in ROLES.items()
            if (rows["role"] == role).any()
        ],
    }


def _prediction(row: dict[Any, Any], scale: Scale) -> dict[str, Any]:
    def interval(low: str, high: str) -> tuple[float, float] | None:
        if pd.isna(row[low]) or pd.isna(row[high]):
            return None
        return scale.bar(row[low], row[high])

    return {
        "study": row["heading"],
        "endpoint": row["label"],
        "is_held_out": row["role"] == "held_out",
        "published": number_text(row["published"]),
        "published_at": scale.at(row["published"]),
        "published_bar": interval("low", "high"),
        "predicted": number_text(row["predicted"]),
        "predicted_interval": f"{number_text(row['predicted_low'])} to {number_text(row['predicted_high'])}",
        "predicted_at": scale.at(row["predicted"]),
        "predicted_bar": interval("predicted_low", "predicted_high"),
        "inside": bool(row["inside"]),
    }


COLUMNS: Final = (PASSED, NOT_APPLICABLE, FAILED)


def verification(results: Results, verified: Verified) -> dict[str, Any]:
    """Return the context of the section of verification."""
    rows = _texts(verified.checks)
    counts = Counter(row["verdict"] for row in rows)
    return {
        "number": len(rows),
        "counts": {verdict: counts[verdict] for verdict in COLUMNS},
        "failed": [row for row in rows if row["verdict"] == FAILED],
        "groups": [
            _group(name, list(members)) for name, members in groupby(rows, lambda row: row["group"])
        ],
        "columns": COLUMNS,
        "command": command(results.question, "verify"),
        "partition": None if verified.partition is None else screen_table(verified.partition),
        "partition_words": [] if verified.partition is None else sentences(verified.partition),
    }


def _texts(table: pd.DataFrame) -> list[dict[str, str]]:
    """Return the rows as texts, empty where there is nothing."""
    rows = table.fillna("").astype(str).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]


def _group(name: str, rows: Sequence[dict[str, str]]) -> dict[str, Any]:
    counts = Counter(row["verdict"] for row in rows)
    return {"name": name.capitalize(), "rows": rows, "counts": [counts[each] for each in COLUMNS]}
