"""The tornado: one input at a time at the ends of its range."""

from __future__ import annotations

import math
from typing import Any, Final

from sim.analyses.tornado.analysis import STRUCTURE, Bar, Tornado, shown_sections
from sim.analyses.tornado.result import NO_PARAMETER, NOTHING_CHANGES, why_undefined
from sim.economics.estimates import NORMAL_97_5
from sim.report.drawing import Drawing, Scale
from sim.report.results import Results
from sim.report.words import fixed, money, plain

TOP: Final = 20
"""Parameters that are shown; tornado.csv holds all."""
DIGITS: Final = 3


def context(results: Results, found: Tornado) -> dict[str, Any]:
    """Return the context of the section of the tornado."""
    if found.is_constant:
        return {"unchanged": NOTHING_CHANGES}
    sections = shown_sections(found, TOP)
    bars = [bar for section in sections for bar in section.bars]
    scale = Scale.over(_reach(found, bars))
    shown = _shown(results, found)
    labels = results.labels
    return {
        "unchanged": "",
        "fixed": NO_PARAMETER if found.is_fixed else "",
        "outcome": found.outcome.label,
        "strategy": labels[found.strategy],
        "comparator": labels[results.comparator],
        "base": found.state or shown(found.base.mean),
        "base_at": None if found.state else scale.at(found.base.mean),
        "undefined": sum(bar.is_undefined for bar in found.bars),
        "why_undefined": why_undefined(found),
        "zero_at": scale.at(0.0) if scale.low < 0.0 < scale.high else None,
        "ticks": scale.ticks(shown),
        "sections": [
            (section.title, [_row(results, found, bar, scale) for bar in section.bars])
            for section in sections
        ],
        "varied": sum(len(bar.ends) > 1 for bar in found.bars),
        "without": sum(bar.swing == 0.0 for bar in found.bars),
        "small": sum(bar.within_error and bar.swing > 0.0 for bar in found.bars),
        "flips": sum(found.flips(bar) for bar in found.bars),
    }


def drawings(results: Results, found: Tornado) -> list[Drawing]:  # noqa: ARG001
    """Return the tornado for print; in the page it is a table of bars."""
    from sim.analyses.tornado.figure import tornado_figure

    return [
        Drawing(
            "tornado",
            "One-way sensitivity analysis",
            found.outcome.label,
            lambda _: tornado_figure(found, top=TOP),
        )
    ]


def _reach(found: Tornado, bars: list[Bar]) -> list[float]:
    ends = [end for bar in bars for end in bar.ends if math.isfinite(end.outcome)]
    errors = [NORMAL_97_5 * end.change.se if end.change.se > 0.0 else 0.0 for end in ends]
    base = [] if found.state else [found.base.mean]
    return [
        *base,
        *(end.outcome - error for end, error in zip(ends, errors, strict=True)),
        *(end.outcome + error for end, error in zip(ends, errors, strict=True)),
    ]


def _row(results: Results, found: Tornado, bar: Bar, scale: Scale) -> dict[str, Any]:
    shown = _shown(results, found)
    unit = "" if not bar.unit or bar.unit.lower() in bar.label.lower() else f" {bar.unit}"
    values = [plain(end.value) for end in bar.ends if end.value is not None]
    marks = []
    for end, kind in zip(bar.ends, ("low", "high"), strict=False):
        if not math.isfinite(end.outcome):
            continue
        error = NORMAL_97_5 * end.change.se if end.change.se > 0.0 else 0.0
        marks.append(
            {
                "kind": "choice" if bar.group == STRUCTURE else kind,
                "bar": scale.bar(end.outcome if found.state else found.base.mean, end.outcome),
                "end": scale.at(end.outcome),
                "error": scale.bar(end.outcome - error, end.outcome + error) if error else None,
                "flips": end.optimal != found.optimal,
            }
        )
    outcomes = [end.state or shown(end.outcome) for end in bar.ends]
    chosen = dict.fromkeys(
        results.labels[end.optimal] for end in bar.ends if end.optimal != found.optimal
    )
    return {
        "label": bar.label,
        "range": f"{' to '.join(values)}{unit}" if values else "",
        "marks": marks,
        "outcomes": outcomes,
        "within_error": bar.within_error,
        "flips": ", ".join(chosen),
    }


def _shown(results: Results, found: Tornado) -> Any:  # noqa: ANN401 - a function
    if found.outcome.unit == results.summary["currency"]:
        return lambda value: money(value, results.symbol)
    return lambda value: fixed(value, DIGITS)
