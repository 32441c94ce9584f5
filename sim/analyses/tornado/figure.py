"""The tornado diagram of a one-way analysis."""

from __future__ import annotations

import math
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from sim.analyses.shared.constant import DOES_NOT_VARY
from sim.analyses.shared.figure_words import (
    against,
    amount,
    axis_label,
    balanced,
    in_unit,
    number,
    shown_name,
    words_figure,
)
from sim.analyses.shared.outcomes import ICER, NHB, NMB
from sim.analyses.shared.principal import NORMAL_97_5
from sim.analyses.tornado.analysis import STRUCTURE, Bar, Found, Section, Tornado, shown_sections
from sim.layout.cells import SYMBOLS
from sim.layout.style import COLOURS, GREY, new_figure

WIDTH_MM: Final = 190.0
ROW_MM: Final = 6.3
FRAME_MM: Final = 42.0
LOW_COLOUR, HIGH_COLOUR, OTHER_COLOUR = COLOURS[5], COLOURS[1], COLOURS[2]
LABEL_WIDTH: Final = 46
SMALL: Final = 6.5
TINY: Final = 6.0
TICKS: Final = 6
HALF_BAR: Final = 0.34
GAP_ROWS: Final = 1.4
LABEL_END: Final = -0.01
TITLE_PAD: Final = 28.0
SUBTITLE_PAD: Final = 16.0
POINTS_FROM_BAR: Final = 3.0
ROOM: Final = 0.16
ROOM_FOR_NAMES: Final = 0.3
"""Of the width of the bars, to either side of them, for the texts at their ends."""
FLIP_MARK: Final[dict[str, Any]] = {
    "marker": "D",
    "markersize": 4.0,
    "markerfacecolor": "white",
    "markeredgecolor": "black",
    "markeredgewidth": 0.9,
    "linestyle": "",
}
WHITE_GROUND: Final = {"facecolor": "white", "edgecolor": "none", "pad": 0.4, "alpha": 0.8}


def tornado_figure(result: Tornado, *, top: int) -> Figure:
    """Draw the `top` widest bars, and below them the other groups under their titles.

    Error ticks are 95 % intervals of the Monte Carlo error of the change from the base.
    """
    title = against(result.question, result.strategy)
    if result.is_constant:
        return words_figure(title, f"{DOES_NOT_VARY.capitalize()}: {result.outcome.label}.")
    if result.state:
        said = f"{result.outcome.label} has no value at the base ({result.state}): no bars."
        return words_figure(title, said)
    sections = shown_sections(result, top)
    bars = [bar for section in sections for bar in section.bars]
    titles, places, rows = _places(sections)
    figure, (axes,) = new_figure(WIDTH_MM, FRAME_MM + ROW_MM * rows)
    _room(axes, result, bars)
    reference = _reference(axes, result)
    for place, bar in zip(places, bars, strict=True):
        _draw(axes, result, bar, place)
    axes.axvline(result.base.mean, color="black", linewidth=0.9, zorder=3)
    _frame(axes, result, rows)
    axes.set_yticks(places, [_label(bar) for bar in bars], fontsize=SMALL)
    for title, place in titles.items():
        axes.text(
            *(LABEL_END, place),
            title,
            transform=axes.get_yaxis_transform(),
            ha="right",
            va="center",
            fontsize=SMALL,
            fontweight="bold",
        )
    figure.legend(
        handles=[*_legend(result, bars), *reference],
        loc="outside lower center",
        ncols=3,
        fontsize=SMALL,
    )
    return figure


def _places(sections: list[Section]) -> tuple[dict[str, float], list[float], float]:
    """Return the places of titles and bars, in rows from the top, and the number of rows."""
    titles: dict[str, float] = {}
    places: list[float] = []
    row = 0.0
    for title, bars in sections:
        if title:
            row += GAP_ROWS if places else 1.0
            titles[title] = row - 1.0
        places += [row + i for i in range(len(bars))]
        row += len(bars)
    return titles, places, max(row, 1.0)


def _room(axes: Axes, result: Tornado, bars: list[Bar]) -> None:
    base = result.base.mean
    reached = [base]
    for end in (end for bar in bars for end in bar.ends if math.isfinite(end.outcome)):
        error = NORMAL_97_5 * end.change.se if end.change.se > 0.0 else 0.0
        reached += [end.outcome - error, end.outcome + error]
    low, high = min(reached), max(reached)
    named = _named_flips(result) and any(map(result.flips, bars))
    room = ROOM_FOR_NAMES if named or any(bar.is_undefined for bar in bars) else ROOM
    margin = room * (high - low) or abs(base) or 1.0
    axes.set_xlim(low - margin, high + margin)


def _draw(axes: Axes, result: Tornado, bar: Bar, place: float) -> None:
    base = result.base.mean
    drawn = [
        (end, colour)
        for end, colour in zip(bar.ends, _colours(bar), strict=True)
        if math.isfinite(end.outcome)
    ]
    # Of two ends on one side the nearer is in front of the farther.
    for end, colour in sorted(drawn, key=lambda each: -abs(each[0].outcome - base)):
        axes.barh(
            place,
            end.outcome - base,
            left=base,
            height=2.0 * HALF_BAR,
            color="white" if bar.within_error else colour,
            edgecolor=colour,
            linewidth=0.8,
            zorder=2,
        )
        if end.change.se > 0.0:
            error = NORMAL_97_5 * end.change.se
            axes.errorbar(
                end.outcome,
                place,
                xerr=error,
                color="black",
                linewidth=0.7,
                capsize=1.5,
                capthick=0.7,
                zorder=4,
            )
        if end.optimal != result.optimal:
            axes.plot(end.outcome, place, **FLIP_MARK, zorder=5)
    for end, text in _end_texts(result, bar):
        _write(axes, bar, end, text, base, place)
    _undefined(axes, result, bar, place)


def _colours(bar: Bar) -> tuple[str, ...]:
    return (OTHER_COLOUR,) if bar.group == STRUCTURE else (LOW_COLOUR, HIGH_COLOUR)


def _end_texts(result: Tornado, bar: Bar) -> list[tuple[Found, str]]:
    """Return the text outside each end; two ends on one side share a text."""
    base = result.base.mean
    ends = [end for end in bar.ends if math.isfinite(end.outcome)]
    sides = {end.outcome < base for end in ends if end.outcome != base}
    if len(ends) > 1 and len(sides) == 1 and all(end.outcome != base for end in ends):
        outer = max(ends, key=lambda end: abs(end.outcome - base))
        return [(outer, " | ".join(_said(result, end) for end in bar.ends))]
    return [(end, text) for end in ends if (text := _said(result, end))]


def _said(result: Tornado, end: Found) -> str:
    """Return the value of an end, and its optimal strategy where the mark does not show it."""
    flipped = _named_flips(result) and end.optimal != result.optimal
    name = shown_name(result.question, end.optimal) if flipped else ""
    return ", ".join(text for text in (number(end.value), name) if text)


def _named_flips(result: Tornado) -> bool:
    """Whether there are more strategies than a mark can distinguish."""
    return len(result.question.scenario.strategies) > 2  # noqa: PLR2004 - one and another


def _write(axes: Axes, bar: Bar, end: Found, text: str, base: float, place: float) -> None:
    # An end without effect is written opposite to the other.
    other = max((each.outcome for each in bar.ends if not each.state), default=base)
    left = end.outcome < base if end.outcome != base else other > base
    reach = end.outcome + (-1.0 if left else 1.0) * NORMAL_97_5 * (end.change.se or 0.0)
    axes.annotate(
        text,
        (reach, place),
        xytext=(-POINTS_FROM_BAR if left else POINTS_FROM_BAR, 0.0),
        textcoords="offset points",
        ha="right" if left else "left",
        va="center",
        fontsize=TINY,
        color="black",
        bbox=WHITE_GROUND,
    )


def _undefined(axes: Axes, result: Tornado, bar: Bar, place: float) -> None:
    """Write at the base the state of ends without an outcome, on the free side."""
    texts = [
        ", ".join(filter(None, (_said(result, end), end.state))) for end in bar.ends if end.state
    ]
    if not texts:
        return
    base = result.base.mean
    left = not any(end.outcome < base for end in bar.ends)
    flips = any(end.optimal != result.optimal for end in bar.ends if end.state)
    if flips:
        axes.plot(base, place, **FLIP_MARK, zorder=5)
    axes.annotate(
        " | ".join(texts),
        (base, place),
        xytext=((-1.0 if left else 1.0) * (POINTS_FROM_BAR + 3.0), 0.0),
        textcoords="offset points",
        ha="right" if left else "left",
        va="center",
        fontsize=TINY,
        bbox=WHITE_GROUND,
    )


def _frame(axes: Axes, result: Tornado, rows: float) -> None:
    axes.set_ylim(rows - 0.3, -0.7)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    axes.set_title(against(result.question, result.strategy), pad=TITLE_PAD)
    optimal = shown_name(result.question, result.optimal)
    symbol = SYMBOLS[result.question.perspective.currency]
    axes.annotate(
        f"Optimal at the base, at {symbol}{result.threshold:,.0f} per QALY: {optimal}",
        (0.0, 1.0),
        xycoords="axes fraction",
        xytext=(0.0, SUBTITLE_PAD),
        textcoords="offset points",
        fontsize=SMALL,
    )
    axes.set_xlabel(axis_label(result.outcome, result.question))
    in_unit(axes.xaxis, result.outcome)
    axes.xaxis.set_major_locator(MaxNLocator(TICKS))
    axes.annotate(
        f"base {amount(result.outcome, result.base.mean)}",
        (result.base.mean, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(0.0, 1.5),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=SMALL,
    )


def _reference(axes: Axes, result: Tornado) -> list[Line2D]:
    """Draw where the two strategies have equal net benefit, when that is within the axis."""
    name = result.outcome.name
    if name in (NMB, NHB):
        at, label = 0.0, "equal net benefit"
    elif name == ICER:
        at, label = result.threshold, "threshold per QALY"
    else:
        return []
    low, high = axes.get_xlim()
    if not low < at < high:
        return []
    look: dict[str, Any] = {"color": GREY, "linewidth": 0.9, "linestyle": "--"}
    axes.axvline(at, zorder=1, **look)
    return [Line2D([], [], label=label, **look)]


def _legend(result: Tornado, bars: list[Bar]) -> list[Patch | Line2D]:
    handles: list[Patch | Line2D] = []
    if any(bar.group != STRUCTURE for bar in bars):
        handles += [
            Patch(facecolor=LOW_COLOUR, edgecolor=LOW_COLOUR, label="low end of the interval"),
            Patch(facecolor=HIGH_COLOUR, edgecolor=HIGH_COLOUR, label="high end of the interval"),
        ]
    if any(bar.group == STRUCTURE for bar in bars):
        handles.append(
            Patch(facecolor=OTHER_COLOUR, edgecolor=OTHER_COLOUR, label="structural choice")
        )
    if any(bar.within_error for bar in bars):
        handles.append(Patch(facecolor="white", edgecolor=GREY, label="smaller than its error"))
    handles.append(
        Line2D([], [], color="black", marker="|", linewidth=0.7, label="95 % Monte Carlo interval")
    )
    if any(result.flips(bar) for bar in bars):
        other = "another strategy"
        if not _named_flips(result):
            names = (s.name for s in result.question.scenario.strategies)
            flipped = next(name for name in names if name != result.optimal)
            other = shown_name(result.question, flipped)
        handles.append(Line2D([], [], **FLIP_MARK, label=f"{other} is optimal"))
    return handles


def _label(bar: Bar) -> str:
    said = bar.group == STRUCTURE or bar.unit.lower() in bar.label.lower()
    unit = "" if said else f", {bar.unit}"
    return balanced(f"{bar.label}{unit}", LABEL_WIDTH)
