"""The patient flow, per strategy."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

from sim.report.analyses import Analyses
from sim.report.drawing import Drawing
from sim.report.results import Results
from sim.report.words import percent

ROWS: Final[tuple[tuple[str, dict[str, tuple[str, ...]]], ...]] = (
    ("Remission (CR/CRh/CRi) to the first line", {"response": ("mrd_negative", "mrd_positive")}),
    ("… MRD-negative", {"response": ("mrd_negative",)}),
    ("Allo-HCT in continuous first remission", {"transplant": ("in_remission",)}),
    ("Allo-HCT later", {"transplant": ("later",)}),
    ("Relapsed from first remission by month {months}", {"course": ("relapsed",)}),
    ("Died in first remission by month {months}", {"course": ("died_in_remission",)}),
    ("In first remission at month {months}", {"course": ("in_remission",)}),
    ("Alive at month {months}", {"state": ("alive",)}),
)

NARROWEST_MM: Final = 108.0
"""The ribbons hold words."""


def context(results: Results, analyses: Analyses) -> dict[str, Any]:
    """Return the context of the section of the flow."""
    table = results.tables["flow.csv"]
    paths = {name: table[table["strategy"] == name] for name in results.strategies}
    months = f"{table['months'].max():.0f}" if len(table) else ""
    return {
        "months": months,
        "headings": list(results.labels.values()),
        "rows": [
            (label.format(months=months), [_cell(paths[name], chosen) for name in paths])
            for label, chosen in ROWS
        ],
        "drawings": [drawing.name for drawing in drawings(results, analyses)],
    }


def drawings(results: Results, analyses: Analyses) -> list[Drawing]:  # noqa: ARG001
    """Return a flow diagram of each strategy that has patients."""
    from sim.analyses.run.figure import flow_figure

    table = results.tables["flow.csv"]
    found = []
    for place, (name, label) in enumerate(results.labels.items(), start=1):
        paths = table[table["strategy"] == name]
        if not len(paths):
            continue

        def make(width: float, paths: pd.DataFrame = paths, label: str = label) -> Any:  # noqa: ANN401
            return flow_figure(paths, title=label, width_mm=width)

        found.append(
            Drawing(
                f"flow_{place}",
                f"Flow of patients, {label}",
                _alternative_text(paths, label),
                make,
                NARROWEST_MM,
            )
        )
    return found


def _cell(paths: pd.DataFrame, chosen: dict[str, tuple[str, ...]]) -> tuple[str, str]:
    """Return the share of patients and their number."""
    total = int(paths["patients"].sum())
    kept = paths
    for column, words in chosen.items():
        kept = kept[kept[column].isin(words)]
    patients = int(kept["patients"].sum())
    return (percent(patients / total, 1) if total else "", f"{patients:,}")


def _alternative_text(paths: pd.DataFrame, label: str) -> str:
    months = f"{paths['months'].max():.0f}"
    parts = [f"{text.format(months=months)}: {_cell(paths, chosen)[0]}" for text, chosen in ROWS]
    return f"Of the patients under {label}: {'; '.join(parts)}."
