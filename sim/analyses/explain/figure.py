"""The lives of one patient as bars over time, with their costs below."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from math import log1p
from typing import Any, Final, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter

from sim.clinic.events import CAUSES, EVENTS, Cause, Event, EventKind
from sim.clinic.toxicity import Toxicity
from sim.clinic.units import DAYS_PER_MONTH, MONTHS_PER_YEAR
from sim.economics.ledger import State
from sim.layout.own_inputs import row_of
from sim.layout.style import COLOURS, GREY, MM_PER_INCH, colour_of
from sim.layout.trace import describe_patient
from sim.replay.replay import Course, Replay, Timeline, timeline

WIDTH_MM: Final = 180.0
LEVEL_MM: Final = 4.2
MONEY_MM: Final = 44.0
FRAME_MM: Final = 40.0
LETTERS: Final = 104
"""Letters of the title in one line."""
BAR_TOP, BAR_BOTTOM = 4.0, -4.0
DRUG_TOP, DRUG_BOTTOM = -5.2, -8.2
LANE_BOTTOM: Final = -11.0
"""Heights in a lane, in millimetres from the middle of its bar."""
LABELS_FROM: Final = 5.4
SMALL: Final = 6.5
TINY: Final = 5.0
LETTER: Final = 0.0105
"""Width of a letter of a label, as a share of the axes."""
MOST_LEVELS: Final = 6
ROOM_FOR_A_NUMBER: Final = 0.012
END: Final = 1.04
"""Time shown, as a multiple of the longest life."""
THOUSAND: Final = 1000.0
MONTHS_FROM: Final = 3.0
"""A shorter time, in months, is shown in days."""
DAY_STEPS: Final = (1, 2, 7)
MOST_DAYS: Final = 14
LINEAR_UP_TO: Final = 30.0
"""A longer life, in months, is drawn on a scale that narrows with time."""
NARROWS_AFTER: Final = 3.0
"""The scale of a long life is log(1 + months / 3)."""
TICKS: Final = {
    **{months: f"{months} mo" for months in (1, 3, 6)},
    **{MONTHS_PER_YEAR * years: f"{years} y" for years in (1, 2, 3, 5, 10, 20, 40, 60, 80)},
}

STATES: Final = {
    State.ON_TREATMENT: ("on treatment", "#9CC9E6"),
    State.COMPLETE_REMISSION: ("CR", "#4DB89A"),
    State.INCOMPLETE_REMISSION: ("CRh/CRi", "#A8DCCB"),
    State.TRANSPLANT_FIRST_YEAR: ("first year after allo-HCT", "#D493B6"),
    State.AFTER_TRANSPLANT: ("later after allo-HCT", "#EBCBDD"),
    State.RELAPSED_REFRACTORY: ("active disease, off treatment", "#CFCAC4"),
}
DRUG_COLOUR: Final = "#555555"
MARKERS: Final[dict[EventKind, dict[str, Any]]] = {
    EventKind.RESPONSE: {"marker": "o", "markerfacecolor": "white"},
    EventKind.NO_RESPONSE: {"marker": "o", "markerfacecolor": "black"},
    EventKind.MRD_ASSESSED: {"marker": "p", "markerfacecolor": "white"},
    EventKind.TOXICITY: {"marker": "s", "markerfacecolor": COLOURS[4], "markersize": 4.5},
    EventKind.TRANSPLANT: {"marker": "D", "markerfacecolor": COLOURS[0]},
    EventKind.RELAPSE: {"marker": "v", "markerfacecolor": COLOURS[1], "markersize": 6.5},
    EventKind.LONG_TERM_SURVIVOR: {"marker": "*", "markerfacecolor": COLOURS[7], "markersize": 8.5},
    EventKind.DEATH: {"marker": "X", "markerfacecolor": "black", "markersize": 7.0},
    EventKind.HORIZON: {"marker": ">", "markerfacecolor": "white"},
}
POINT: Final[dict[str, Any]] = {
    "markersize": 5.5,
    "markeredgecolor": "black",
    "markeredgewidth": 0.8,
    "linestyle": "",
    "clip_on": False,
    "zorder": 4,
}
GROUND: Final = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
TOXICITIES: Final = {
    Toxicity.CRS: "CRS",
    Toxicity.NEUROTOXICITY: "neurotox.",
    Toxicity.HEPATOTOXICITY: "hepatotox.",
    Toxicity.INFECTION: "infection",
    Toxicity.FEBRILE_NEUTROPENIA: "neutropenia",
}


class Scale(NamedTuple):
    """The axis of time: months from 0 to `end`."""

    end: float

    @property
    def is_linear(self) -> bool:
        """Whether every month is as wide as any other."""
        return self.end <= LINEAR_UP_TO * END

    def share(self, months: float) -> float:
        """Return the place of a time, as a share of the axis."""
        if self.is_linear:
            return months / self.end
        return log1p(months / NARROWS_AFTER) / log1p(self.end / NARROWS_AFTER)


class Label(NamedTuple):
    """Text above a bar: its time, its middle as a share of the axis, and its level."""

    text: str
    month: float
    middle: float
    level: int


def timelines_figure(replayed: Replay) -> Figure:
    """Draw a lane for each life, and below them the discounted cost up to each day.

    Call it within `sim.layout.style.styled`.
    """
    lanes = [timeline(life) for life in replayed.lives]
    scale = Scale(END * max(lane.end_days for lane in lanes) / DAYS_PER_MONTH)
    labels = [_labels(lane, scale) for lane in lanes]
    tops = [LABELS_FROM + LEVEL_MM * (1 + max(each.level for each in found)) for found in labels]
    lives_mm = sum(tops) - LANE_BOTTOM * len(lanes)
    height = FRAME_MM + lives_mm + MONEY_MM
    figure = Figure(figsize=(WIDTH_MM / MM_PER_INCH, height / MM_PER_INCH))
    lives, money = figure.subplots(2, 1, sharex=True, height_ratios=[lives_mm, MONEY_MM])
    colours = colour_of([lane.life.strategy.name for lane in lanes])
    _time_axis(money, scale)
    top, middles = lives_mm, []
    for lane, found, above in zip(lanes, labels, tops, strict=True):
        middles.append(top - above)
        _lane(lives, lane, middles[-1], scale)
        for label in found:
            _write(lives, label, middles[-1])
        top = middles[-1] + LANE_BOTTOM
    _frame_lives(lives, lanes, middles, colours)
    lives.set_ylim(0.0, lives_mm)
    _money(money, lanes, colours, replayed.question.perspective.currency)
    _titles(figure, replayed, lanes)
    return figure


def _time_axis(axes: Axes, scale: Scale) -> None:
    if not scale.is_linear:
        axes.set_xscale(
            "function",
            functions=(
                lambda months: np.log1p(np.maximum(months, 0.0) / NARROWS_AFTER),
                lambda places: NARROWS_AFTER * np.expm1(places),
            ),
        )
        shown = {months: text for months, text in TICKS.items() if months < scale.end}
        axes.set_xticks([0, *shown], ["0", *shown.values()])
        axes.set_xlabel("Time since the first dose, on a scale that narrows with time")
    elif scale.end < MONTHS_FROM:
        last = int(scale.end * DAYS_PER_MONTH)
        shown_days = range(
            0, last + 1, next(each for each in DAY_STEPS if last <= each * MOST_DAYS)
        )
        axes.set_xticks(
            [day / DAYS_PER_MONTH for day in shown_days], [str(day) for day in shown_days]
        )
        axes.set_xlabel("Days since the first dose")
    else:
        axes.set_xlabel("Months since the first dose")
    axes.set_xlim(0.0, scale.end)


def _lane(axes: Axes, lane: Timeline, y: float, scale: Scale) -> None:
    """Draw states, drug given and marks."""
    for stay in lane.stays:
        start, end = stay.start_days / DAYS_PER_MONTH, stay.end_days / DAYS_PER_MONTH
        corners = y + BAR_BOTTOM, y + BAR_TOP
        axes.fill_between([start, end], *corners, color=STATES[stay.state][1], linewidth=0)
    for course in lane.courses:
        _drug(axes, course, y, scale)
    for event in lane.marks:
        axes.plot(event.time_days / DAYS_PER_MONTH, y, **{**POINT, **MARKERS[event.kind]})


def _drug(axes: Axes, course: Course, y: float, scale: Scale) -> None:
    start, end = course.start_days / DAYS_PER_MONTH, course.end_days / DAYS_PER_MONTH
    axes.fill_between(
        [start, end],
        y + DRUG_BOTTOM,
        y + DRUG_TOP,
        facecolor=DRUG_COLOUR,
        edgecolor="white",
        linewidth=0.8,
    )
    if scale.share(end) - scale.share(start) > ROOM_FOR_A_NUMBER:
        axes.annotate(
            str(course.cycle + 1),
            ((start + end) / 2, y + (DRUG_BOTTOM + DRUG_TOP) / 2),
            ha="center",
            va="center_baseline",
            fontsize=TINY,
            color="white",
        )


def _labels(lane: Timeline, scale: Scale) -> list[Label]:
    """Place the labels above a bar, none over another: first the course, then toxicity.

    Toxicity for which there is no room has its mark and no label.
    """
    placed: list[Label] = []
    taken: list[list[tuple[float, float]]] = [[] for _ in range(MOST_LEVELS)]
    toxic = [event for event in lane.marks if event.kind == EventKind.TOXICITY]
    for event in [*(event for event in lane.marks if event not in toxic), *toxic]:
        month, text = event.time_days / DAYS_PER_MONTH, _text(event)
        half = LETTER * len(text) / 2
        middle = min(max(scale.share(month), half), 1.0 - half)
        free = [
            level
            for level, spans in enumerate(taken)
            if all(middle + half < left or middle - half > right for left, right in spans)
        ]
        if free or event not in toxic:
            level = free[0] if free else MOST_LEVELS - 1
            taken[level].append((middle - half, middle + half))
            placed.append(Label(text, month, middle, level))
    return placed


def _text(event: Event) -> str:
    match event.kind:
        case EventKind.RESPONSE:
            depth = "CR" if event.detail else "CRh/CRi"
            return f"{depth}, MRD{'−' if event.value else '+'}"
        case EventKind.MRD_ASSESSED:
            return "MRD−" if event.value else "MRD+"
        case EventKind.TOXICITY:
            return f"{TOXICITIES[Toxicity(event.detail)]} {event.grade}"
        case EventKind.DEATH:
            return f"{EVENTS[event.kind].word} {CAUSES[Cause(event.detail)].word}"
        case _:
            return EVENTS[event.kind].mark


def _write(axes: Axes, label: Label, y: float) -> None:
    height = y + LABELS_FROM + LEVEL_MM * label.level
    axes.plot([label.month] * 2, [y + BAR_TOP, height], color=GREY, linewidth=0.5, zorder=1)
    axes.annotate(
        label.text,
        (label.middle, height),
        xycoords=("axes fraction", "data"),
        ha="center",
        va="bottom",
        fontsize=SMALL,
        bbox=GROUND,
    )


def _frame_lives(
    axes: Axes, lanes: Sequence[Timeline], middles: Sequence[float], colours: dict[str, str]
) -> None:
    axes.set_yticks(middles, [lane.life.label for lane in lanes], fontweight="bold")
    for label, lane in zip(axes.get_yticklabels(), lanes, strict=True):
        label.set_color(colours[lane.life.strategy.name])
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(axis="both", length=0)
    axes.tick_params(axis="x", labelbottom=False)


def _money(axes: Axes, lanes: Sequence[Timeline], colours: dict[str, str], currency: str) -> None:
    for lane in lanes:
        colour = colours[lane.life.strategy.name]
        months = [day / DAYS_PER_MONTH for day in lane.paid_days]
        axes.plot(months, lane.paid, color=colour, linewidth=1.4)
        axes.plot(
            months[-1],
            lane.paid[-1],
            "o",
            color=colour,
            markersize=3.5,
            clip_on=False,
            label=f"{lane.paid[-1]:,.0f}  {lane.life.label}",
        )
    axes.yaxis.set_major_formatter(FuncFormatter(lambda amount, _: f"{amount / THOUSAND:,.0f}"))
    axes.set_ylabel(f"Discounted cost so far,\nthousand {currency}")
    axes.set_ylim(bottom=0.0)
    axes.grid(axis="y")
    axes.legend(
        loc="best",
        fontsize=SMALL,
        handlelength=0.8,
        title=f"In all, {currency}",
        alignment="left",
        title_fontsize=SMALL,
    )


def _titles(figure: Figure, replayed: Replay, lanes: Sequence[Timeline]) -> None:
    patient, question = replayed.patient, replayed.question
    title = (
        f"Patient {patient.number}: {describe_patient(patient)}{row_of(question, patient.number)}"
    )
    figure.suptitle(
        textwrap.fill(title, LETTERS), x=0.01, ha="left", fontsize=9.0, fontweight="bold"
    )
    figure.legend(
        handles=_legend(lanes),
        loc="outside lower left",
        ncols=4,
        fontsize=SMALL,
        title=f"{question.scenario.title}; seed {question.seed}. "
        "Research model, not medical advice.",
        title_fontsize=SMALL,
        alignment="left",
        columnspacing=1.4,
        handletextpad=0.5,
    )


def _legend(lanes: Sequence[Timeline]) -> list[Any]:
    """Return the legend of the elements drawn, and of no others."""
    states = {stay.state for lane in lanes for stay in lane.stays}
    marks = {event.kind for lane in lanes for event in lane.marks}
    keys: list[Any] = [
        Patch(facecolor=colour, label=name)
        for state, (name, colour) in STATES.items()
        if state in states
    ]
    keys.append(Patch(facecolor=DRUG_COLOUR, label="drug given, in cycle 1, 2, …"))
    keys += [
        Line2D([], [], **{**POINT, **look}, label=EVENTS[kind].mark)
        for kind, look in MARKERS.items()
        if kind in marks
    ]
    return keys
