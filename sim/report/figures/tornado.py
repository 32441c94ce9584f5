"""The tornado diagram of a one-way analysis."""

from __future__ import annotations

import math
import textwrap
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from sim.report.figures.style import COLOURS, GREY, new_figure
from sim.uncertainty.one_way import STRUCTURE, Bar, Found, Section, Tornado, shown_sections
from sim.uncertainty.principal import NORMAL_97_5

WIDTH_MM: Final = 190.0
ROW_MM: Final = 5.6
FRAME_MM: Final = 36.0
LOW_COLOUR, HIGH_COLOUR, OTHER_COLOUR = COLOURS[5], COLOURS[1], COLOURS[2]
LABEL_WIDTH: Final = 46
SMALL: Final = 6.5
TINY: Final = 6.0
HALF_BAR: Final = 0.34
GAP_ROWS: Final = 1.4
LABEL_END: Final = -0.01
TITLE_PAD: Final = 16.0
POINTS_FROM_BAR: Final = 3.0
ROOM: Final = 0.16
"""Of the width of the bars, to either side of them, for the values at their ends."""
THOUSAND: Final = 1000.0
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
    sections = shown_sections(result, top)
    bars = [bar for section in sections for bar in section.bars]
    titles, places, rows = _places(sections)
    figure, (axes,) = new_figure(WIDTH_MM, FRAME_MM + ROW_MM * rows)
    _room(axes, result, bars)
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
        handles=_legend(result, bars),
        loc="outside lower center",
        ncols=3,
        fontsize=SMALL,
    )
    return figure


def _places(sections: list[Section]) -> tuple[dict[str, float], list[float], float]:
    """Return where titles and bars stand, in rows from the top, and the number of rows."""
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
    ends = [end.outcome for bar in bars for end in bar.ends if math.isfinite(end.outcome)]
    low, high = min([result.base.mean, *ends]), max([result.base.mean, *ends])
    margin = ROOM * (high - low) or abs(result.base.mean) or 1.0
    axes.set_xlim(low - margin, high + margin)


def _draw(axes: Axes, result: Tornado, bar: Bar, place: float) -> None:
    base = result.base.mean
    for end, colour in zip(bar.ends, _colours(bar), strict=True):
        if not math.isfinite(end.outcome):
            continue
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
    for end, text in _end_texts(bar, base):
        _write(axes, bar, end, text, base, place)


def _colours(bar: Bar) -> tuple[str, ...]:
    return (OTHER_COLOUR,) if bar.group == STRUCTURE else (LOW_COLOUR, HIGH_COLOUR)


def _end_texts(bar: Bar, base: float) -> list[tuple[Found, str]]:
    """Return what is written outside each end; two ends on one side share a text."""
    ends = [end for end in bar.ends if end.value is not None and math.isfinite(end.outcome)]
    sides = {end.outcome < base for end in ends if end.outcome != base}
    if len(ends) > 1 and len(sides) == 1 and all(end.outcome != base for end in ends):
        outer = max(ends, key=lambda end: abs(end.outcome - base))
        text = " | ".join(number(end.value) for end in bar.ends)
        return [(outer, text)]
    return [(end, number(end.value)) for end in ends]


def _write(axes: Axes, bar: Bar, end: Found, text: str, base: float, place: float) -> None:
    # An end without effect is written opposite to the other.
    other = max((each.outcome for each in bar.ends), default=base)
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


def _frame(axes: Axes, result: Tornado, rows: float) -> None:
    axes.set_ylim(rows - 0.3, -0.7)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    axes.set_title(f"{_strategy(result)} against {_comparator(result)}", pad=TITLE_PAD)
    axes.set_xlabel(f"{result.outcome.label}, {result.outcome.unit}")
    axes.xaxis.set_major_formatter(lambda value, _: number(value))
    axes.annotate(
        f"base {number(result.base.mean)}",
        (result.base.mean, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(0.0, 1.5),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=SMALL,
    )
    low, high = axes.get_xlim()
    if low < 0.0 < high and result.outcome.name.startswith("n"):
        axes.axvline(0.0, color=GREY, linewidth=0.9, linestyle="--", zorder=1)


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
        handles.append(Line2D([], [], **FLIP_MARK, label="another strategy is optimal"))
    return handles


def _label(bar: Bar) -> str:
    said = bar.group == STRUCTURE or bar.unit.lower() in bar.label.lower()
    unit = "" if said else f", {bar.unit}"
    lines = textwrap.wrap(f"{bar.label}{unit}", LABEL_WIDTH, max_lines=2, placeholder=" …")
    return "\n".join(lines)


def _strategy(result: Tornado) -> str:
    return _shown(result, result.strategy)


def _comparator(result: Tornado) -> str:
    return _shown(result, result.question.scenario.comparator_name)


def _shown(result: Tornado, name: str) -> str:
    return next(s.shown_name for s in result.question.scenario.strategies if s.name == name)


def number(value: float | None) -> str:
    """Return a number as it stands in a figure; nothing for none."""
    if value is None:
        return ""
    text = f"{value:,.0f}" if abs(value) >= THOUSAND else f"{value:.3g}"
    return text.replace("-", "−")
