"""Survival curves with numbers at risk, and published results of the same patients."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, Final

from sim.economics.estimates import NOT_ESTIMABLE, Estimate
from sim.evidence.register import Published
from sim.layout.cells import number
from sim.layout.table import Cell, Row
from sim.report.analyses import Analyses
from sim.report.drawing import Drawing
from sim.report.results import Results
from sim.report.words import NOT_REACHED, plain

ENDPOINTS: Final = ("os", "rfs")
NAMES: Final = {"os": "Overall survival", "rfs": "Relapse-free survival of responders"}
ROLES: Final = {
    "fit": "fitted",
    "held_out": "held out",
    "described": "not used",
}
_LANDMARK: Final = re.compile(r"os_(\d+)_months_percent")
MEDIANS: Final = {"os": "os_median_months", "rfs": "rfs_median_months"}


def context(results: Results, analyses: Analyses) -> dict[str, Any]:
    """Return the context of the section of survival."""
    return {
        "headings": list(results.labels.values()),
        "rows": _rows(results),
        "published": [_beside(results, each) for each in analyses.published],
        "sources": list(dict.fromkeys(each.source for each in analyses.published)),
        "drawings": [drawing.name for drawing in drawings(results, analyses)],
    }


def drawings(results: Results, analyses: Analyses) -> list[Drawing]:
    """Return the curves of OS and of RFS."""
    from sim.analyses.run.figure import survival_figure

    table = results.tables["survival.csv"]
    drawn = _drawn(analyses.published)
    found = []
    for endpoint in ENDPOINTS:
        curves = table[table["endpoint"] == endpoint].dropna(subset="survival_percent")
        if not len(curves):
            continue

        def make(width: float, curves: Any = curves, endpoint: str = endpoint) -> Any:  # noqa: ANN401
            points = [each for each in drawn if each.curve == endpoint]
            return survival_figure(
                curves, points, results.labels, endpoint=endpoint, width_mm=width
            )

        told = [
            f"{label}: median {_median(results, name, endpoint).value} months"
            for name, label in results.labels.items()
        ]
        found.append(Drawing(f"survival_{endpoint}", NAMES[endpoint], "; ".join(told), make))
    return found


def _drawn(known: Sequence[Published]) -> list[Published]:
    """Leave out described results where the same endpoint was fitted or held out."""
    used = {(p.strategy, p.endpoint, p.months) for p in known if p.role != "described"}
    return [
        p for p in known if p.role != "described" or (p.strategy, p.endpoint, p.months) not in used
    ]


def _rows(results: Results) -> list[Row]:
    names = results.tables["strategies.csv"]["outcome"].unique()
    landmarks = sorted(
        (int(found[1]), name) for name in names if (found := _LANDMARK.fullmatch(name))
    )
    rows = [
        Row(
            f"{NAMES[endpoint]}, median, months",
            [_median(results, s, endpoint) for s in results.strategies],
        )
        for endpoint in ENDPOINTS
    ]
    rows += [
        Row(
            f"OS at {months} months, %",
            [number(results.outcome(s, name), 1) for s in results.strategies],
        )
        for months, name in landmarks
    ]
    return rows


def _median(results: Results, strategy: str, endpoint: str) -> Cell:
    estimate = results.outcome(strategy, MEDIANS[endpoint])
    return number(estimate, 1) if math.isfinite(estimate.mean) else Cell(NOT_REACHED)


def _beside(results: Results, each: Published) -> dict[str, str]:
    what = "median" if each.months is None else f"at {each.months:g} months"
    unit = "months" if each.months is None else "%"
    word = "duration of remission" if each.endpoint.startswith("dor") else NAMES[each.curve]
    model = _model(results, each)
    return {
        "strategy": results.labels[each.strategy],
        "endpoint": f"{word}, {what}, {unit}",
        "model": f"{plain(model.mean)}" if math.isfinite(model.mean) else NOT_REACHED,
        "published": NOT_REACHED if each.value is None else plain(each.value),
        "interval": _interval(each),
        "place": each.place,
        "n": "" if each.n is None else f"{each.n:,}",
        "role": ROLES[each.role],
        "definition": each.definition or "",
        "study": f"{each.study.split(': ')[0]}; {each.arm}",
    }


def _interval(each: Published) -> str:
    if each.low is None and each.high is None:
        return ""
    low, high = (NOT_REACHED if end is None else plain(end) for end in (each.low, each.high))
    return f"{low} to {high}"


def _model(results: Results, each: Published) -> Estimate:
    """Return the model's estimate of a published value."""
    if each.months is None:
        return results.outcome(each.strategy, MEDIANS[each.curve])
    table = results.tables["survival.csv"]
    chosen = (table["strategy"] == each.strategy) & (table["endpoint"] == each.curve)
    at = table[chosen & (table["months"] == round(each.months))]
    if not len(at):
        return NOT_ESTIMABLE
    return Estimate(float(at["survival_percent"].iloc[0]), math.nan)
