"""The probabilistic analysis: means and intervals, the plane, acceptability."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from sim.analyses.psa.text import CONSTANT, LOSS, MEANS, NO_INTERVAL, OUTCOMES, SHOWN, WHY
from sim.analyses.psa.variance import variance_words
from sim.clinic.units import PERCENT
from sim.layout.cells import NOTHING
from sim.report.analyses import Probabilistic
from sim.report.drawing import LEAST_MM, Drawing
from sim.report.results import Results
from sim.report.words import (
    INTERVAL,
    JOINED,
    MINUS,
    NARROW,
    fixed,
    money,
    percent,
    probability,
)

PLANE_MM: Final = 100.0
"""The least width of the plane, whose axes name two strategies."""
VALUES: Final = (("life_years", "Life-years", 3), ("qalys", "QALYs", 3))


class Interval(NamedTuple):
    """A mean as it is shown: with its standard error and its interval, where there are any."""

    value: str
    error: str = ""
    interval: str = ""


def context(results: Results, found: Probabilistic) -> dict[str, Any]:
    """Return the context of the section of the probabilistic analysis."""
    content = found.content
    return {
        "content": content,
        "interval": INTERVAL,
        "headings": list(results.labels.values()),
        "outcomes": _outcomes(results, found),
        "others": [results.labels[gain["strategy"]] for gain in content["increments"]],
        "comparator": results.labels[results.comparator],
        "increments": _increments(results, found),
        "decision": _decision(results, found),
        "notes": [MEANS, LOSS, *_variance(results, found)] if results.others else [MEANS],
        "missing": NO_INTERVAL if _is_missing(content) else "",
        "why": WHY,
        "noise": _noise(results, found),
        "drawings": [drawing.name for drawing in drawings(results, found)],
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
        shown += [gain["life_years"], gain["qalys"], gain["cost"], *gain["nmb"].values()]
    return any(split["low"] is None and split["mean"] is not None for split in shown)


def drawings(results: Results, found: Probabilistic) -> list[Drawing]:
    """Return the plane, the acceptability curves and the expected losses, where there is a choice."""
    from sim.analyses.psa.figure import (
        Cloud,
        acceptability_figure,
        expected_loss_figure,
        plane_figure,
    )

    if not results.others:
        return []
    labels, symbol = results.labels, results.symbol

    def plane(width: float) -> Any:  # noqa: ANN401
        clouds = [Cloud(name, labels[name], *found.increments(name).T) for name in results.others]
        return plane_figure(
            clouds,
            results.strategies,
            labels[results.comparator],
            results.thresholds,
            symbol=symbol,
            width_mm=width,
        )

    def acceptability(width: float) -> Any:  # noqa: ANN401
        return acceptability_figure(
            found.curves,
            results.strategies,
            labels,
            results.thresholds,
            [switch.threshold for switch in found.switches],
            symbol=symbol,
            width_mm=width,
        )

    def losses(width: float) -> Any:  # noqa: ANN401
        return expected_loss_figure(
            found.curves,
            results.strategies,
            labels,
            results.thresholds,
            symbol=symbol,
            width_mm=width,
        )

    told, chances, forgone = _in_words(results, found)
    return [
        Drawing("plane", "Cost-effectiveness plane", told, plane, PLANE_MM),
        Drawing(
            "acceptability",
            "Cost-effectiveness acceptability curves and their frontier",
            chances,
            acceptability,
            LEAST_MM,
        ),
        Drawing("expected_loss", "Expected loss of each choice", forgone, losses),
    ]


def _in_words(results: Results, found: Probabilistic) -> tuple[str, str, str]:
    """Return the texts of the three figures: mean increments, probabilities, expected losses."""
    labels, symbol = results.labels, results.symbol
    told = [
        f"{labels[gain['strategy']]}: {gain['qalys']['mean']:.2f} QALYs and "
        f"{money(gain['cost']['mean'], symbol)} on average"
        for gain in found.content["increments"]
    ]
    chances, forgone = [], []
    for row in found.content["decision"]:
        at = f"at {money(row['threshold'], symbol)} per QALY "
        chances.append(
            at + _each(row, labels, lambda e: probability(e["probability"]["without_noise"]))
        )
        forgone.append(at + _each(row, labels, lambda e: money(e["expected_loss"]["mean"], symbol)))
    return "; ".join(told), "; ".join(chances), "; ".join(forgone)


def _each(
    row: dict[str, Any], labels: Mapping[str, str], said: Callable[[dict[str, Any]], str]
) -> str:
    """Describe the results of each strategy at a threshold."""
    return ", ".join(f"{labels[each['name']]} {said(each)}" for each in row["strategies"])


def _outcomes(results: Results, found: Probabilistic) -> list[tuple[str, list[Interval]]]:
    arms = [each["outcomes"] for each in found.content["strategies"]]
    rows = [
        (label, [_interval(arm[name], digits, "") for arm in arms])
        for name, label, digits in OUTCOMES
    ]
    cost = [_interval(arm["cost"], None, results.symbol) for arm in arms]
    return [*rows, ("Cost", cost)]


def _increments(results: Results, found: Probabilistic) -> list[tuple[str, list[Interval]]]:
    gains, symbol = found.content["increments"], results.symbol
    rows = [
        (label, [_interval(gain[name], digits, "") for gain in gains])
        for name, label, digits in VALUES
    ]
    rows.append(("Cost", [_interval(gain["cost"], None, symbol) for gain in gains]))
    rows.append(("Cost per QALY, ratio of the means", [_ratio(gain, symbol) for gain in gains]))
    rows += [
        (
            f"Net monetary benefit at {money(threshold, symbol)} per QALY",
            [_interval(gain["nmb"][f"{threshold:g}"], None, symbol) for gain in gains],
        )
        for threshold in results.thresholds
    ]
    rows.append(
        (
            f"Cost per QALY at the base values of the inputs, in {_patients(found)} patients",
            [_ratio(g["deterministic"], symbol) for g in gains],
        )
    )
    return rows


def _noise(results: Results, found: Probabilistic) -> list[tuple[str, list[str]]]:
    """Return the share of each variance between draws that is noise of the simulation."""
    gains = found.content["increments"]
    rows = [(label, [gain[name] for gain in gains]) for name, label, _ in VALUES]
    rows.append(("Cost", [gain["cost"] for gain in gains]))
    rows += [
        (
            f"Net monetary benefit at {money(threshold, results.symbol)} per QALY",
            [gain["nmb"][f"{threshold:g}"] for gain in gains],
        )
        for threshold in results.thresholds
    ]
    return [(label, [_share(split["noise_share"]) for split in splits]) for label, splits in rows]


def _share(share: float | None) -> str:
    return NOTHING if share is None else percent(share, 1)


def _patients(found: Probabilistic) -> str:
    """Return the number of patients of the run at the base values."""
    return f"{found.content['base_case_patients']:,}"


def _decision(results: Results, found: Probabilistic) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return by threshold, for each strategy, its probability and its expected loss."""
    return [
        (
            money(choice["threshold"], results.symbol),
            [
                (
                    probability_with_error(each["probability"]),
                    money(each["expected_loss"]["mean"], results.symbol),
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


def _interval(split: dict[str, Any], digits: int | None, symbol: str) -> Interval:
    def shown(value: float | None) -> str:
        number = math.nan if value is None else value
        return money(number, symbol) if digits is None else fixed(number, digits)

    if split["mean"] is None:
        return Interval(shown(None))
    error = f"(SE{NARROW}{shown(split['se'])})" if split["se"] is not None else ""
    interval = with_errors(split, shown).replace(MINUS, JOINED)
    return Interval(shown(split["mean"]), error, interval)


def with_errors(split: Mapping[str, Any], shown: Callable[[float], str]) -> str:
    """Return an interval with the errors of its ends, or why there is none."""
    if split["low"] is None or split["high"] is None:
        return NO_INTERVAL
    if split["low_se"] == split["high_se"] == 0.0:
        return CONSTANT
    return " to ".join(
        f"{shown(split[end])} (SE{NARROW}{shown(split[f'{end}_se'])})" for end in ("low", "high")
    )


def _ratio(gain: dict[str, Any], symbol: str) -> Interval:
    if gain["icer"] is None or gain["quadrant"] in ("dominant", "dominated", "equal"):
        return Interval(str(gain["quadrant"]))
    error = f"(SE{NARROW}{money(gain['icer_se'], symbol)})" if gain["icer_se"] is not None else ""
    given_up = "saved per QALY given up" if gain["quadrant"].startswith("less") else ""
    return Interval(money(gain["icer"], symbol), error, given_up)
