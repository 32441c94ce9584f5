"""The value of information before a choice."""

from __future__ import annotations

import math
from typing import Any, Final

import pandas as pd

from sim.analyses.voi.result import EVERYTHING, EXPLAINED
from sim.economics.estimates import NORMAL_97_5
from sim.report.analyses import Information
from sim.report.drawing import LEAST_MM, Drawing, Scale
from sim.report.results import Results
from sim.report.words import money

TOP: Final = 15
"""Single parameters that are shown; voi.csv holds all."""


def context(results: Results, found: Information) -> dict[str, Any]:
    """Return the context of the section of the value of information."""
    threshold = leading(found)
    rows = found.table[found.table["threshold"] == threshold]
    groups = rows[rows["kind"] == "group"].sort_values("value", ascending=False, kind="stable")
    single = rows[rows["kind"] == "parameter"]
    single = single.sort_values("value", ascending=False, kind="stable")
    # A list of parameters without value is uninformative.
    single = single[single["value"] > 0.0][:TOP]
    shown = pd.concat([groups, single])
    scale = Scale.over([0.0, *(shown["value"] + NORMAL_97_5 * shown["se"].fillna(0.0))])
    sections = (("Groups of inputs", groups), ("Single inputs worth most", single))
    return {
        "threshold": money(threshold, results.symbol),
        "evpi": [_everything(row, results.symbol) for row in _all(found)],
        "is_nothing": not shown["told_from_nothing"].astype(bool).any(),
        "ticks": scale.ticks(lambda value: money(value, results.symbol)),
        "sections": [
            (title, [_row(row, scale, results.symbol) for row in part.to_dict("records")])
            for title, part in sections
            if len(part)
        ],
        "explained": EXPLAINED,
        "drawings": ["evpi"],
    }


def drawings(results: Results, found: Information) -> list[Drawing]:
    """Return the EVPI against the threshold, and for print the EVPPI."""
    from sim.analyses.voi.figure import Worth, evpi_figure, evppi_figure

    symbol, threshold = results.symbol, leading(found)

    def evpi(width: float) -> Any:  # noqa: ANN401
        return evpi_figure(found.curve, results.thresholds, symbol=symbol, width_mm=width)

    def evppi(_: float) -> Any:  # noqa: ANN401
        rows = found.table[found.table["threshold"] == threshold]
        bars = [
            Worth(row["label"], name, row["value"], row["se"], row["told_from_nothing"])
            for kind, part in (("group", ""), ("parameter", "name"))
            for row in rows[rows["kind"] == kind].head(TOP).to_dict("records")
            for name in (row[part] if part else "",)
        ]
        worth = float(rows[rows["kind"] == EVERYTHING]["value"].iloc[0])
        return evppi_figure(bars, symbol=symbol, threshold=threshold, evpi=worth)

    told = "; ".join(f"at {t} per QALY {value}" for t, value, _ in _texts(results, found))
    return [
        Drawing("evpi", "Expected value of perfect information", told, evpi, LEAST_MM),
        Drawing("evppi", "Expected value of partial perfect information", told, evppi),
    ]


def leading(found: Information) -> float:
    """Return the threshold shown, at which the value of information is highest."""
    rows = _all(found)
    return float(max(rows, key=lambda row: row["value"])["threshold"])


def _all(found: Information) -> list[dict[Any, Any]]:
    return found.table[found.table["kind"] == EVERYTHING].to_dict("records")


def _texts(results: Results, found: Information) -> list[tuple[str, str, str]]:
    return [_everything(row, results.symbol) for row in _all(found)]


def _everything(row: dict[Any, Any], symbol: str) -> tuple[str, str, str]:
    error = "" if pd.isna(row["se"]) else money(row["se"], symbol)
    return money(row["threshold"], symbol), money(row["value"], symbol), error


def _row(row: dict[Any, Any], scale: Scale, symbol: str) -> dict[str, Any]:
    error = 0.0 if math.isnan(row["se"]) else row["se"]
    low = max(row["value"] - NORMAL_97_5 * error, 0.0)
    return {
        "label": row["label"],
        "name": row["name"] if row["kind"] == "parameter" else "",
        "members": int(row["members"]),
        "value": money(row["value"], symbol),
        "se": money(error, symbol),
        "bar": scale.bar(0.0, row["value"]),
        "error": scale.bar(low, row["value"] + NORMAL_97_5 * error) if error else None,
        "told": bool(row["told_from_nothing"]),
        "is_group": row["kind"] == "group",
    }
