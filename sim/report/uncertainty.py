"""How sure the answer is: the probabilistic analysis, single inputs one by one, the value of knowing."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

import pandas as pd

from sim.analyses.psa.text import CONSTANT, LOSS, MEANS, NO_INTERVAL, OUTCOMES, SHOWN, WHY
from sim.analyses.psa.variance import variance_words
from sim.analyses.tornado.analysis import STRUCTURE, Bar, Tornado, shown_sections
from sim.analyses.tornado.result import NO_PARAMETER, NOTHING_CHANGES, why_undefined
from sim.analyses.voi.result import EVERYTHING, EXPLAINED
from sim.clinic.units import PERCENT
from sim.economics.estimates import NORMAL_97_5
from sim.layout.cells import (
    INTERVAL,
    MINUS,
    NARROW,
    NOTHING,
    fixed_text,
    money_text,
    number_text,
    percent,
    probability,
    typeset,
)
from sim.report.drawing import LEAST_MM, Drawing, Scale
from sim.report.results import Information, Probabilistic, Results

JOINED: Final = f"{MINUS}\u2060"
"""A minus sign after which a line does not break."""
PLANE_MM: Final = 100.0
"""The least width of the plane, whose axes name two strategies."""
DIGITS: Final = 3
VALUES: Final[Sequence[tuple[str, str, int | None]]] = (
    ("life_years", "Life-years", DIGITS),
    ("qalys", "QALYs", DIGITS),
    ("cost", "Cost", None),
)
"""Names, labels and digits of outcomes; amounts of money have none."""
MOST_BARS: Final = 20
"""Parameters of the tornado that are shown; tornado.csv holds all."""
MOST_WORTH: Final = 15
"""Single parameters that are shown with their value; voi.csv holds all."""


class Interval(NamedTuple):
    """A mean as it is shown: with its standard error and its interval, where there are any."""

    value: str
    error: str = ""
    interval: str = ""


Intervals = list[tuple[str, list[Interval]]]


def probabilistic(results: Results, found: Probabilistic) -> dict[str, Any]:
    """Return the context of the section of the probabilistic analysis."""
    content = found.content
    return {
        "content": content,
        "interval": INTERVAL,
        "headings": list(results.labels.values()),
        "outcomes": _outcomes(results, found),
        "others": [results.labels[gain["strategy"]] for gain in content["increments"]],
        "comparator": results.labels[results.comparator],
        "increments": list(_increments(results, found)),
        "decision": _decision(results, found),
        "notes": [MEANS, LOSS, *_variance(results, found)] if results.others else [MEANS],
        "missing": NO_INTERVAL if _is_missing(content) else "",
        "why": WHY,
        "noise": [
            (label, [NOTHING if share is None else percent(share, 1) for share in shares])
            for label, _, splits in _differences(results, found)
            for shares in ([split["noise_share"] for split in splits],)
        ],
    }


def _variance(results: Results, found: Probabilistic) -> list[str]:
    """Say what the uncertainty of the gain of each strategy rests on."""
    gains = [
        (results.labels[gain["strategy"]], variance_words(gain.get("variance_of_qalys", {})))
        for gain in found.content["increments"]
    ]
    several = len(gains) > 1
    return [f"{label}: {words}" if several else words for label, words in gains if words]


def _is_missing(content: Mapping[str, Any]) -> bool:
    """Whether an interval of the tables is not given."""
    shown = [arm["outcomes"][name] for arm in content["strategies"] for name in SHOWN]
    for gain in content["increments"]:
        shown += [*(gain[name] for name, *_ in VALUES), *gain["nmb"].values()]
    return any(split["low"] is None and split["mean"] is not None for split in shown)


def probabilistic_drawings(results: Results, found: Probabilistic) -> Iterator[Drawing]:
    """Yield the plane, the acceptability curves and the expected losses, where there is a choice."""
    from sim.analyses.psa.figure import (
        Cloud,
        acceptability_figure,
        expected_loss_figure,
        plane_figure,
    )

    if not results.others:
        return
    labels, symbol, thresholds = results.labels, results.symbol, results.thresholds
    clouds = [Cloud(name, labels[name], *found.increments(name).T) for name in results.others]
    shown = (clouds, results.strategies, labels[results.comparator], thresholds)
    told = [
        f"{labels[gain['strategy']]}: {gain['qalys']['mean']:.2f} QALYs and "
        f"{money_text(gain['cost']['mean'], symbol)} on average"
        for gain in found.content["increments"]
    ]
    plane = partial(plane_figure, *shown, symbol=symbol)
    yield Drawing("plane", "Cost-effectiveness plane", "; ".join(told), plane, PLANE_MM)
    curves = (found.curves, results.strategies, labels, thresholds)
    switches = [switch.threshold for switch in found.switches]
    yield Drawing(
        "acceptability",
        "Cost-effectiveness acceptability curves and their frontier",
        _each(results, found, lambda e: probability(e["probability"]["without_noise"])),
        partial(acceptability_figure, *curves, switches, symbol=symbol),
        LEAST_MM,
    )
    yield Drawing(
        "expected_loss",
        "Expected loss of each choice",
        _each(results, found, lambda e: money_text(e["expected_loss"]["mean"], symbol)),
        partial(expected_loss_figure, *curves, symbol=symbol),
    )


def _each(results: Results, found: Probabilistic, said: Callable[[dict[str, Any]], str]) -> str:
    """Describe the results of each strategy at each threshold."""
    return "; ".join(
        f"at {money_text(row['threshold'], results.symbol)} per QALY "
        + ", ".join(f"{results.labels[each['name']]} {said(each)}" for each in row["strategies"])
        for row in found.content["decision"]
    )


def _outcomes(results: Results, found: Probabilistic) -> Intervals:
    arms = [each["outcomes"] for each in found.content["strategies"]]
    return [
        (label, [_interval(arm[name], digits, results.symbol) for arm in arms])
        for name, label, digits in (*OUTCOMES, ("cost", "Cost", None))
    ]


def _differences(
    results: Results, found: Probabilistic
) -> Iterator[tuple[str, int | None, list[dict[str, Any]]]]:
    """Yield the label, the digits and the differences of each outcome and of net benefits."""
    gains = found.content["increments"]
    for name, label, digits in VALUES:
        yield label, digits, [gain[name] for gain in gains]
    for threshold in results.thresholds:
        label = f"Net monetary benefit at {money_text(threshold, results.symbol)} per QALY"
        yield label, None, [gain["nmb"][f"{threshold:g}"] for gain in gains]


def _increments(results: Results, found: Probabilistic) -> Iterator[tuple[str, list[Interval]]]:
    gains, symbol = found.content["increments"], results.symbol
    for label, digits, splits in _differences(results, found):
        yield label, [_interval(split, digits, symbol) for split in splits]
        if label == "Cost":
            yield "Cost per QALY, ratio of the means", [_ratio(gain, symbol) for gain in gains]
    patients = f"{found.content['base_case_patients']:,} patients"
    base = [_ratio(gain["deterministic"], symbol) for gain in gains]
    yield f"Cost per QALY at the base values of the inputs, in {patients}", base


def _decision(results: Results, found: Probabilistic) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return by threshold, for each strategy, its probability and its expected loss."""
    return [
        (
            money_text(choice["threshold"], results.symbol),
            [
                (
                    probability_with_error(each["probability"]),
                    money_text(each["expected_loss"]["mean"], results.symbol),
                )
                for each in choice["strategies"]
            ],
        )
        for choice in found.content["decision"]
    ]


def probability_with_error(found: Mapping[str, Any]) -> str:
    """Return the probability without noise and its error, in percentage points."""
    error = found["without_noise_se"]
    said = "" if error is None else f" (SE{NARROW}{PERCENT * error:.1f})"
    return f"{probability(found['without_noise'])}{said}"


def _interval(split: Mapping[str, Any], digits: int | None, symbol: str) -> Interval:
    def shown(value: float | None) -> str:
        number = math.nan if value is None else value
        return money_text(number, symbol) if digits is None else fixed_text(number, digits)

    if split["mean"] is None:
        return Interval(shown(None))
    error = f"(SE{NARROW}{shown(split['se'])})" if split["se"] is not None else ""
    return Interval(shown(split["mean"]), error, _ends(split, shown))


def _ends(split: Mapping[str, Any], shown: Callable[[float], str]) -> str:
    """Return an interval with the errors of its ends, or why there is none."""
    if split["low"] is None or split["high"] is None:
        return NO_INTERVAL
    if split["low_se"] == split["high_se"] == 0.0:
        return CONSTANT
    ends = " to ".join(
        f"{shown(split[end])} (SE{NARROW}{shown(split[f'{end}_se'])})" for end in ("low", "high")
    )
    return typeset(ends).replace(MINUS, JOINED)


def _ratio(gain: Mapping[str, Any], symbol: str) -> Interval:
    if gain["icer"] is None or gain["quadrant"] in ("dominant", "dominated", "equal"):
        return Interval(str(gain["quadrant"]))
    error = (
        f"(SE{NARROW}{money_text(gain['icer_se'], symbol)})" if gain["icer_se"] is not None else ""
    )
    given_up = "saved per QALY given up" if gain["quadrant"].startswith("less") else ""
    return Interval(money_text(gain["icer"], symbol), error, given_up)


def one_way(results: Results, found: Tornado) -> dict[str, Any]:
    """Return the context of the section of the tornado."""
    if found.is_constant:
        return {"unchanged": NOTHING_CHANGES}
    sections = shown_sections(found, MOST_BARS)
    bars = [bar for section in sections for bar in section.bars]
    scale = Scale.over(_reach(found, bars))
    shown = _shown(results, found)
    return {
        "unchanged": "",
        "fixed": NO_PARAMETER if found.is_fixed else "",
        "outcome": found.outcome.label,
        "strategy": results.labels[found.strategy],
        "comparator": results.labels[results.comparator],
        "base": found.state or shown(found.base.mean),
        "base_at": None if found.state else scale.at(found.base.mean),
        "undefined": sum(bar.is_undefined for bar in found.bars),
        "why_undefined": why_undefined(found),
        "zero_at": scale.at(0.0) if scale.low < 0.0 < scale.high else None,
        "ticks": scale.ticks(shown),
        "sections": [
            (section.title, [_bar(results, found, bar, scale) for bar in section.bars])
            for section in sections
        ],
        "varied": sum(len(bar.ends) > 1 for bar in found.bars),
        "without": sum(bar.swing == 0.0 for bar in found.bars),
        "small": sum(bar.within_error and bar.swing > 0.0 for bar in found.bars),
        "flips": sum(found.flips(bar) for bar in found.bars),
    }


def one_way_drawings(results: Results, found: Tornado) -> Iterator[Drawing]:  # noqa: ARG001
    """Yield the tornado for print; in the page it is a table of bars."""
    from sim.analyses.tornado.figure import tornado_figure

    yield Drawing(
        "tornado",
        "One-way sensitivity analysis",
        found.outcome.label,
        lambda **_: tornado_figure(found, top=MOST_BARS),
    )


def _reach(found: Tornado, bars: Sequence[Bar]) -> list[float]:
    """Return all values that the scale has to show."""
    ends = [end for bar in bars for end in bar.ends if math.isfinite(end.outcome)]
    errors = [NORMAL_97_5 * end.change.se if end.change.se > 0.0 else 0.0 for end in ends]
    return [
        *([] if found.state else [found.base.mean]),
        *(end.outcome - error for end, error in zip(ends, errors, strict=True)),
        *(end.outcome + error for end, error in zip(ends, errors, strict=True)),
    ]


def _bar(results: Results, found: Tornado, bar: Bar, scale: Scale) -> dict[str, Any]:
    shown = _shown(results, found)
    unit = "" if not bar.unit or bar.unit.lower() in bar.label.lower() else f" {bar.unit}"
    values = [number_text(end.value) for end in bar.ends if end.value is not None]
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
    chosen = dict.fromkeys(
        results.labels[end.optimal] for end in bar.ends if end.optimal != found.optimal
    )
    return {
        "label": bar.label,
        "range": f"{' to '.join(values)}{unit}" if values else "",
        "marks": marks,
        "outcomes": [end.state or shown(end.outcome) for end in bar.ends],
        "within_error": bar.within_error,
        "flips": ", ".join(chosen),
    }


def _shown(results: Results, found: Tornado) -> Callable[[float], str]:
    if found.outcome.unit == results.summary["currency"]:
        return partial(money_text, symbol=results.symbol)
    return partial(fixed_text, digits=DIGITS)


def information(results: Results, found: Information) -> dict[str, Any]:
    """Return the context of the section of the value of information."""
    threshold = _leading(found)
    rows = found.table[found.table["threshold"] == threshold]
    groups, single = (
        rows[rows["kind"] == kind].sort_values("value", ascending=False, kind="stable")
        for kind in ("group", "parameter")
    )
    # A list of parameters without value is uninformative.
    single = single[single["value"] > 0.0][:MOST_WORTH]
    shown = pd.concat([groups, single])
    scale = Scale.over([0.0, *(shown["value"] + NORMAL_97_5 * shown["se"].fillna(0.0))])
    sections = (("Groups of inputs", groups), ("Single inputs worth most", single))
    return {
        "threshold": money_text(threshold, results.symbol),
        "evpi": _evpi(results, found),
        "is_nothing": not shown["told_from_nothing"].astype(bool).any(),
        "ticks": scale.ticks(partial(money_text, symbol=results.symbol)),
        "sections": [
            (title, [_worth(row, scale, results.symbol) for row in part.to_dict("records")])
            for title, part in sections
            if len(part)
        ],
        "explained": EXPLAINED,
    }


def information_drawings(results: Results, found: Information) -> Iterator[Drawing]:
    """Yield the EVPI against the threshold, and for print the EVPPI."""
    from sim.analyses.voi.figure import Worth, evpi_figure, evppi_figure

    symbol, threshold = results.symbol, _leading(found)
    told = "; ".join(f"at {t} per QALY {value}" for t, value, _ in _evpi(results, found))
    evpi = partial(evpi_figure, found.curve, results.thresholds, symbol=symbol)
    yield Drawing("evpi", "Expected value of perfect information", told, evpi, LEAST_MM)
    rows = found.table[found.table["threshold"] == threshold]
    bars = [
        Worth(row["label"], name, row["value"], row["se"], row["told_from_nothing"])
        for kind, part in (("group", ""), ("parameter", "name"))
        for row in rows[rows["kind"] == kind].head(MOST_WORTH).to_dict("records")
        for name in (row[part] if part else "",)
    ]
    worth = float(rows[rows["kind"] == EVERYTHING]["value"].iloc[0])
    yield Drawing(
        "evppi",
        "Expected value of partial perfect information",
        told,
        lambda **_: evppi_figure(bars, symbol=symbol, threshold=threshold, evpi=worth),
    )


def _everything(found: Information) -> list[dict[Any, Any]]:
    """Return the rows of what knowing every input is worth, one for each threshold."""
    return found.table[found.table["kind"] == EVERYTHING].to_dict("records")


def _leading(found: Information) -> float:
    """Return the threshold shown, at which the value of information is highest."""
    return float(max(_everything(found), key=lambda row: row["value"])["threshold"])


def _evpi(results: Results, found: Information) -> list[tuple[str, str, str]]:
    """Return the texts of thresholds, values and errors, where there are any."""
    return [
        (
            money_text(row["threshold"], results.symbol),
            money_text(row["value"], results.symbol),
            "" if pd.isna(row["se"]) else money_text(row["se"], results.symbol),
        )
        for row in _everything(found)
    ]


def _worth(row: dict[Any, Any], scale: Scale, symbol: str) -> dict[str, Any]:
    error = 0.0 if math.isnan(row["se"]) else row["se"]
    low = max(row["value"] - NORMAL_97_5 * error, 0.0)
    return {
        "label": row["label"],
        "members": int(row["members"]),
        "value": money_text(row["value"], symbol),
        "se": money_text(error, symbol),
        "bar": scale.bar(0.0, row["value"]),
        "error": scale.bar(low, row["value"] + NORMAL_97_5 * error) if error else None,
        "told": bool(row["told_from_nothing"]),
        "is_group": row["kind"] == "group",
    }
