"""A one-way analysis as files and as it is printed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
from rich.console import Console

from sim.analyses.shared.constant import DOES_NOT_VARY
from sim.analyses.shared.files import (
    analysis_files,
    names_of,
    summary_json,
)
from sim.analyses.shared.outcomes import ICER, NHB, NMB
from sim.analyses.shared.text import (
    SAME_PATIENTS,
    against,
    amount,
    estimate_cell,
    folded,
    money,
    print_heading,
    print_notes,
    strategy_label,
)
from sim.analyses.tornado.analysis import (
    COMPONENT,
    FITTED,
    PARAMETER,
    STATUSES,
    STRUCTURE,
    Bar,
    Found,
    Tornado,
    shown_sections,
)
from sim.layout.cells import number_text
from sim.layout.table import Cell, Row, Table, print_table
from sim.layout.values import estimate_json, finite

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ANALYSIS: Final = "tornado"
NAMES: Final = names_of(ANALYSIS)
COLUMNS: Final = (
    "group",
    "parameter",
    "label",
    "unit",
    "low",
    "high",
    "base",
    "outcome_low",
    "outcome_high",
    "se_low",
    "se_high",
    "optimal_low",
    "optimal_high",
    "state_low",
    "state_high",
    "benefit_low",
    "benefit_high",
    "swing",
    "within_error",
    "flips",
    "outcome_unit",
    "status",
    "icer_low",
    "icer_high",
)
"""Of tornado.csv, one row per bar.

- `group` is one of ``parameter``, ``fitted parameter`` (varied between quantiles of the joint
  posterior), ``fitted together`` (moved along a principal component of it, whose `low` and `high`
  are in standard deviations) and ``structure``, which has one alternative only: its columns end
  in ``_low``.
- `unit` is that of `low` and `high`, `outcome_unit` that of outcomes, their errors and `swing`.
- `base` and `outcome_*` are the outcome of the strategy minus that of the comparator; `se_*` is
  the Monte Carlo error of the change from the base, in the same patients.
- `optimal_*` is the strategy with the most net benefit there; `flips` says that it is another
  one than at the base.
- `state_*` describes an end at which the outcome has no value, such as ``dominant`` for an ICER;
  `benefit_*` is how far the net benefit of the strategy moves from the base, in currency. Bars with
  such an end come first, by that.
- `swing` is how far the ends and the base are apart; `within_error` says that no end differs from
  the base by more than 1.96 errors.
- `status` of the parameter in the catalogue; empty for components and structures.
- `icer_*` is the incremental cost per QALY there, empty where it is not the cost of a gain.
"""
NOTHING_CHANGES: Final = f"{DOES_NOT_VARY.capitalize()}: no parameter and no structural choice changes it for any patient."
NO_PARAMETER: Final = (
    f"{DOES_NOT_VARY.capitalize()} with any parameter: structural choices alone change it."
)
WITHIN: Final = "~"
FLIPPED: Final = "*"
BLOCK: Final = "█"
BLOCKS: Final = 8
"""Of the widest bar."""


def tornado_table(result: Tornado) -> pd.DataFrame:
    """Return the bars in the columns `COLUMNS`."""
    unit = result.outcome.file_unit
    rows = [
        (
            bar.group,
            bar.name,
            bar.label,
            bar.unit,
            *_pair(bar, lambda end: end.value),
            result.base.mean,
            *_pair(bar, lambda end: finite(end.outcome)),
            *_pair(bar, lambda end: finite(end.change.se)),
            *_pair(bar, lambda end: end.optimal),
            *_pair(bar, lambda end: end.state or None),
            *_pair(bar, lambda end: finite(end.benefit)),
            finite(bar.swing),
            bar.within_error,
            result.flips(bar),
            unit,
            STATUSES.get(result.mark(bar)),
            *_pair(bar, lambda end: finite(end.icer)),
        )
        for bar in result.bars
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _pair(bar: Bar, read: Any) -> tuple[Any, Any]:  # noqa: ANN401
    found = [read(end) for end in bar.ends]
    return found[0], found[1] if len(found) > 1 else None


def tornado_summary(result: Tornado) -> dict[str, Any]:
    """Return the content of tornado.json after its heading."""
    return {
        "outcome": result.outcome.name,
        "strategy": result.strategy,
        "comparator": result.question.scenario.comparator_name,
        "threshold": result.threshold,
        "optimal": result.optimal,
        "base": estimate_json(result.base),
        "state": result.state or None,
        "bars": [
            {
                "group": bar.group,
                "parameter": bar.name,
                "label": bar.label,
                "unit": bar.unit,
                "swing": finite(bar.swing),
                "within_error": bar.within_error,
                "flips": result.flips(bar),
                "status": STATUSES.get(result.mark(bar)),
                "ends": [
                    {
                        "value": end.value,
                        "outcome": finite(end.outcome),
                        "change": estimate_json(end.change),
                        "optimal": end.optimal,
                        "state": end.state or None,
                        "benefit_change": finite(end.benefit),
                        "icer": finite(end.icer),
                    }
                    for end in bar.ends
                ],
            }
            for bar in result.bars
        ],
    }


def tornado_json(result: Tornado) -> str:
    """Return the whole analysis as JSON text."""
    return summary_json(result.question, ANALYSIS, tornado_summary(result))


def tornado_files(result: Tornado, top: int, *, components: bool) -> dict[str, str | bytes]:
    """Return the files of the analysis by name; the figure shows the `top` widest bars."""
    table, summary = tornado_table(result), tornado_summary(result)
    figure = drawn_tornado(result, top, components=components)
    return analysis_files(result.question, ANALYSIS, table, summary, figure)


def drawn_tornado(result: Tornado, top: int, *, components: bool) -> Figure:
    """Return the figure of the analysis."""
    from sim.analyses.tornado.figure import tornado_figure
    from sim.layout.style import styled

    with styled():
        return tornado_figure(result, top=top, components=components)


def print_tornado(console: Console, result: Tornado, top: int, *, components: bool) -> None:
    """Print the `top` widest bars and structural choices."""
    question = result.question
    print_heading(
        console,
        question,
        f"{result.outcome.label}: {against(question, result.strategy)}; "
        f"optimal at {money(question, result.threshold)} per QALY: "
        f"{strategy_label(question, result.optimal)}",
        ("Base", result.state or "".join(estimate_cell(result.outcome, result.base))),
    )
    if result.is_constant:
        print_notes(console, f"{NOTHING_CHANGES} {SAME_PATIENTS}")
        return
    for title, bars in shown_sections(result, top, components=components):
        if bars[0].group == STRUCTURE:
            rows = [_choice(result, bar) for bar in bars]
            headings = ["Outcome", "Change (its error)", "Optimal"]
        else:
            most = max((bar.swing for bar in bars if not bar.is_undefined), default=0.0)
            rows = [_bar(result, bar, most) for bar in bars]
            headings = ["Outcome at low", "Outcome at high", "Swing"]
            if _has_icers(result):
                headings.insert(2, f"ICER, 1,000 {result.question.perspective.currency}")
        first = "First" if any(bar.is_undefined for bar in bars) else "Widest"
        widest = f"{first} {len(bars)} of {_varied(result)} (error of the change)"
        print_table(console, Table(title or widest, headings, [rows]))
    print_notes(console, *_notes(result, components=components))


def _varied(result: Tornado) -> int:
    return sum(1 for bar in result.bars if bar.group in (PARAMETER, FITTED))


def _has_icers(result: Tornado) -> bool:
    return result.outcome.name in (NMB, NHB)


def _bar(result: Tornado, bar: Bar, widest: float) -> Row:
    mark = WITHIN if bar.within_error else ""
    swing = amount(result.outcome, bar.swing, mark=mark)
    length = 0 if bar.is_undefined or not widest else math.ceil(BLOCKS * bar.swing / widest)
    cells = [*(_end(result, end) for end in bar.ends)]
    cells += [Cell(bar.icers)] if _has_icers(result) else []
    cells.append(swing._replace(error=f" {BLOCK * length}"))
    return Row(folded(f"{result.mark(bar):1} {bar.described}"), cells)


def _end(result: Tornado, end: Found) -> Cell:
    mark = FLIPPED if end.optimal != result.optimal else ""
    if end.state:
        return Cell(f"{mark}{end.state}")
    return amount(result.outcome, end.outcome, end.change.se, mark=mark)


def _choice(result: Tornado, bar: Bar) -> Row:
    (end,) = bar.ends
    mark = FLIPPED if end.optimal != result.optimal else ""
    change = amount(
        result.outcome, end.change.mean, end.change.se, mark=WITHIN if bar.within_error else ""
    )
    optimal = Cell(strategy_label(result.question, end.optimal))
    outcome = (
        Cell(f"{mark}{end.state}") if end.state else amount(result.outcome, end.outcome, mark=mark)
    )
    return Row(folded(bar.label), [outcome, change, optimal])


def _notes(result: Tornado, *, components: bool) -> list[str]:
    without = sum(bar.swing == 0.0 for bar in result.bars)
    small = sum(bar.within_error and bar.swing > 0.0 for bar in result.bars)
    flips = [_flip(result, bar) for bar in result.bars if result.flips(bar)]
    notes = [NO_PARAMETER] if result.is_fixed else []
    marks = ", ".join(f"{mark} {status}" for mark, status in STATUSES.items())
    notes += [
        f"Status of the inputs: {marks}.",
        f"{SAME_PATIENTS} Errors are those of the change from the base, patient by patient.",
        (
            f"{without} of {len(result.bars)} bars are exactly 0: the parameter changes nothing for "
            f"any patient here. {small} more are smaller than 1.96 of their errors ({WITHIN})."
        ),
        f"Another strategy is optimal ({FLIPPED}) at an end of {len(flips)} bars"
        + (f": {'; '.join(flips)}." if flips else "."),
    ]
    together = sum(bar.group == COMPONENT for bar in result.bars)
    if together:
        shown = "the widest are shown" if components else "the files hold them (--components)"
        notes.append(
            f"{together} components, directions of the joint posterior that hold 95 % of its "
            f"variance, were varied over 1.96 standard deviations (sd): {shown}."
        )
    undefined = sum(bar.is_undefined for bar in result.bars)
    if undefined:
        notes.append(
            f"{undefined} bars have no outcome at an end, and come first: {why_undefined(result)}. "
            "They are in the order of how far net benefit moves."
        )
    return notes


def why_undefined(result: Tornado) -> str:
    """Say why an outcome may have no value."""
    if result.outcome.name == ICER:
        return "an ICER exists only for a strategy that is more effective and costlier"
    return "it cannot be told from these patients"


def _flip(result: Tornado, bar: Bar) -> str:
    """Say which strategy is optimal instead, and at which end."""
    ends = [
        f"{strategy_label(result.question, end.optimal)}"
        + ("" if end.value is None else f" at {number_text(end.value)}")
        for end in bar.ends
        if end.optimal != result.optimal
    ]
    return f"{bar.label} ({', '.join(ends)})"
