"""The tornado diagram of a one-way analysis."""

from __future__ import annotations

import math
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from sim.analyses.shared.figure import amount, axis_label, balanced, in_unit, words_figure
from sim.analyses.shared.outcomes import DOES_NOT_VARY, ICER, NHB, NMB
from sim.analyses.shared.text import against, money, strategy_label
from sim.analyses.tornado.analysis import (
    MARKS,
    STRUCTURE,
    Bar,
    Found,
    Section,
    Tornado,
    shown_sections,
)
from sim.economics.estimates import NORMAL_97_5
from sim.layout.cells import typeset
from sim.layout.style import COLOURS, GREY, WHITE_GROUND, new_figure

WIDTH_MM: Final = 190.0
ROW_MM: Final = 6.8
FRAME_MM: Final = 46.0
LOW_COLOUR, HIGH_COLOUR, OTHER_COLOUR = COLOURS[5], COLOURS[1], COLOURS[2]
LABEL_WIDTH: Final = 52
SUBTITLE_WIDTH: Final = 84
SMALL: Final = 6.5
TINY: Final = 6.0
TICKS: Final = 5
HALF_BAR: Final = 0.34
GAP_ROWS: Final = 1.4
MARK_AT: Final = -0.025
LABEL_PAD: Final = 13.0
"""Between the axis and the labels, in points, for the mark of the status."""
COLUMN_AT: Final = 1.04
TITLE_PAD: Final = 14.0
POINTS_FROM_BAR: Final = 3.0
ROOM: Final = 0.05
ROOM_FOR_NAMES: Final = 0.3
"""Of the width of the bars, to either side of them, without and with texts at their ends."""
FLIP_MARK: Final[dict[str, Any]] = {
    "marker": "D",
    "markersize": 4.0,
    "markerfacecolor": "white",
    "markeredgecolor": "black",
    "markeredgewidth": 0.9,
    "linestyle": "",
}
BOX: Final = {"edgecolor": GREY, "linewidth": 0.5, "pad": 1.2}


def tornado_figure(result: Tornado, *, top: int, components: bool = False) -> Figure:
    """Draw the `top` widest bars, and below them the other groups under their titles.

    Error ticks are 95 % intervals of the Monte Carlo error of the change from the base. A letter
    before each bar is the status of its parameter. Of net benefit, a column gives the ICERs.
    """
    title = f"{result.outcome.label}, one input at a time"
    if result.is_constant:
        return words_figure(title, f"{DOES_NOT_VARY.capitalize()}: {result.outcome.label}.")
    if result.state:
        said = f"{result.outcome.label} has no value at the base ({result.state}): no bars."
        return words_figure(title, said)
    sections = shown_sections(result, top, components=components)
    bars = [bar for section in sections for bar in section.bars]
    titles, places, rows = _places(sections)
    figure, (axes,) = new_figure(WIDTH_MM, FRAME_MM + ROW_MM * rows)
    figure.suptitle(title, x=0.01, ha="left", fontsize=9.0, weight="bold")
    _room(axes, result, bars)
    reference = _reference(axes, result)
    for place, bar in zip(places, bars, strict=True):
        _draw(axes, result, bar, place)
        _beside(axes, result, bar, place)
    axes.axvline(result.base.mean, color="black", linewidth=0.9, zorder=3)
    _frame(axes, result, rows)
    axes.set_yticks(
        places, [balanced(typeset(bar.described), LABEL_WIDTH) for bar in bars], fontsize=SMALL
    )
    for heading, place in titles.items():
        _text(axes, MARK_AT, place, heading, ha="right", fontweight="bold")
    marks = sorted({result.mark(bar) for bar in bars} - {""})
    handles = [*_legend(result, bars), *reference]
    figure.legend(
        handles=handles,
        title=", ".join(f"{mark} {MARKS[mark]}" for mark in marks),
        loc="outside lower center",
        ncols=3,
        fontsize=SMALL,
        title_fontsize=SMALL,
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
    flips = _named_flips(result) and any(map(result.flips, bars))
    room = ROOM_FOR_NAMES if flips or any(bar.is_undefined for bar in bars) else ROOM
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
            if _named_flips(result):
                error = NORMAL_97_5 * (end.change.se or 0.0)
                _write(axes, _name(result, end), end.outcome, place, error, left=end.outcome < base)
    _undefined(axes, result, bar, place)


def _colours(bar: Bar) -> tuple[str, ...]:
    return (OTHER_COLOUR,) if bar.group == STRUCTURE else (LOW_COLOUR, HIGH_COLOUR)


def _beside(axes: Axes, result: Tornado, bar: Bar, place: float) -> None:
    """Write the status of the parameter before its bar, and the ICERs behind it."""
    mark = result.mark(bar)
    if mark:
        # What is assumed stands out, also without colour.
        ground, ink = (GREY, "white") if mark == "A" else ("white", "black")
        _text(axes, MARK_AT, place, mark, ha="center", color=ink, bbox={**BOX, "facecolor": ground})
    if result.has_icers:
        _text(axes, COLUMN_AT, place, bar.icers)


def _text(axes: Axes, x: float, place: float, text: str, **look: Any) -> None:  # noqa: ANN401
    """Write outside the axes, level with a bar."""
    transform = axes.get_yaxis_transform()
    axes.text(x, place, text, transform=transform, va="center", fontsize=SMALL, **look)


def _name(result: Tornado, end: Found) -> str:
    """Return the optimal strategy of an end where the mark alone does not show it."""
    flipped = _named_flips(result) and end.optimal != result.optimal
    return strategy_label(result.question, end.optimal) if flipped else ""


def _named_flips(result: Tornado) -> bool:
    """Whether there are more strategies than a mark can distinguish."""
    return len(result.question.scenario.strategies) > 2  # noqa: PLR2004 - one and another


def _write(axes: Axes, text: str, at: float, place: float, error: float, *, left: bool) -> None:
    axes.annotate(
        text,
        (at - error if left else at + error, place),
        xytext=(-POINTS_FROM_BAR if left else POINTS_FROM_BAR, 0.0),
        textcoords="offset points",
        ha="right" if left else "left",
        va="center",
        fontsize=TINY,
        bbox=WHITE_GROUND,
    )


def _undefined(axes: Axes, result: Tornado, bar: Bar, place: float) -> None:
    """Write at the base the state of ends without an outcome, on the free side."""
    ends = [end for end in bar.ends if end.state]
    if not ends:
        return
    base = result.base.mean
    if any(end.optimal != result.optimal for end in ends):
        axes.plot(base, place, **FLIP_MARK, zorder=5)
    texts = [", ".join(filter(None, (_name(result, end), end.state))) for end in ends]
    left = not any(end.outcome < base for end in bar.ends)
    _write(axes, f" {' | '.join(texts)} ", base, place, 0.0, left=left)


def _frame(axes: Axes, result: Tornado, rows: float) -> None:
    axes.set_ylim(rows - 0.3, -0.7)
    axes.tick_params(axis="y", length=0, pad=LABEL_PAD)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    optimal = strategy_label(result.question, result.optimal)
    worth = money(result.question, result.threshold)
    said = (
        f"{against(result.question, result.strategy)}. "
        f"Optimal at the base, at {worth} per QALY: {optimal}"
    )
    text = balanced(said, SUBTITLE_WIDTH)
    axes.set_title(text, pad=TITLE_PAD, fontsize=SMALL, fontweight="normal")
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
    if result.has_icers:
        heading = f"ICER, 1,000 {result.question.perspective.currency},\nat low | high end"
        _text(axes, COLUMN_AT, -1.3, heading)


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
            other = strategy_label(result.question, flipped)
        handles.append(Line2D([], [], **FLIP_MARK, label=f"{other} is optimal"))
    return handles
