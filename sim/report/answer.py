"""The answer in sentences made from the results: choice, uncertainty, and its flips."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

from sim.analyses.tornado.analysis import STRUCTURE, Bar, Tornado
from sim.analyses.voi.result import EVERYTHING
from sim.economics.estimates import NORMAL_97_5, Estimate
from sim.layout.cells import (
    INTERVAL,
    listed,
    money_text,
    money_with_error,
    number_text,
    patients_in_words,
    percent,
    with_error,
)
from sim.report.first_screen import beside_thresholds, first_screen
from sim.report.results import Analyses, Results
from sim.report.uncertainty import probability_with_error

DIGITS: Final = 2
MOST_FLIPS: Final = 12
BOUNDS: Final = {"at most": " or less", "at least": " or more", "does not matter": ""}
"""Words after a price that meets a threshold, by the direction in which it is met."""


def answer(results: Results, analyses: Analyses) -> dict[str, Any]:
    """Return the context of the section of the answer."""
    return {
        "first": first_screen(results, analyses),
        "verdicts": [_verdict(results, analyses, t) for t in results.thresholds],
        "gains": [gain_sentence(results, name) for name in results.others],
        "sure": list(sure_sentences(results, analyses)),
        "flips": list(flip_sentences(results, analyses)),
        "has_probability": analyses.probabilistic is not None,
    }


def gain_sentence(results: Results, strategy: str) -> str:
    """Describe the gains and costs of a strategy against the comparator."""
    symbol, labels = results.symbol, results.labels
    qalys, years = (results.gain(strategy, name) for name in ("qalys", "life_years"))
    cost, icer = (results.gain(strategy, name) for name in ("cost", "icer"))
    more, less = _more(qalys, "fewer"), _more(cost, "less")
    start = (
        f"Per patient, {labels[strategy]} gives {_amount(qalys)} QALYs {more} than "
        f"{labels[results.comparator]}, {_amount(years)} life-years {_more(years, 'fewer')}, and costs "
        f"{money_with_error(_size(cost), symbol)} {less}"
    )
    ratio = money_with_error(icer, symbol)
    if qalys.mean > 0.0 and cost.mean > 0.0:
        return f"{start}: {ratio} per QALY gained, {beside_thresholds(results, icer.mean)}."
    if qalys.mean < 0.0 and cost.mean < 0.0:
        return f"{start}: {ratio} saved per QALY given up, {beside_thresholds(results, icer.mean)}."
    if qalys.mean == 0.0 and cost.mean == 0.0:
        return f"{start}: nothing differs."
    word = "dominates" if qalys.mean >= 0.0 else "is dominated by"
    return f"{start}: {labels[strategy]} {word} {labels[results.comparator]}."


def _size(estimate: Estimate) -> Estimate:
    return Estimate(abs(estimate.mean), estimate.se)


def _amount(estimate: Estimate) -> str:
    return with_error(_size(estimate), DIGITS)


def _more(estimate: Estimate, less: str) -> str:
    return less if estimate.mean < 0.0 else "more"


def _verdict(results: Results, analyses: Analyses, threshold: float) -> dict[str, str]:
    """Return the choice at a threshold, its lead over the second best, and its probability."""

    def benefit(strategy: str) -> float:
        return results.benefit(strategy, threshold).mean

    best = max(results.strategies, key=benefit)
    rivals = [name for name in results.strategies if name != best]
    gain = ""
    if rivals:
        second = max(rivals, key=benefit)
        lead = money_text(benefit(best) - benefit(second), results.symbol)
        gain = f"{lead} over {results.labels[second]}"
        if results.comparator in (best, second):
            other = second if best == results.comparator else best
            paired = results.benefit(other, threshold)
            if abs(paired.mean) <= NORMAL_97_5 * paired.se:
                gain += ", within the Monte Carlo error"
    return {
        "threshold": money_text(threshold, results.symbol),
        "best": results.labels[best],
        "gain": gain,
        "probability": _probability(analyses, best, threshold),
    }


def _probability(analyses: Analyses, strategy: str, threshold: float) -> str:
    found = analyses.probabilistic
    for choice in () if found is None else found.content["decision"]:
        if choice["threshold"] == threshold:
            share = next(each for each in choice["strategies"] if each["name"] == strategy)
            return probability_with_error(share["probability"])
    return ""


def sure_sentences(results: Results, analyses: Analyses) -> Iterator[str]:
    """Say how far the uncertainty of the inputs moves the answer."""
    found = analyses.probabilistic
    yield from ratios_sentence(results, analyses)
    if found is None:
        yield (
            "The standard errors above are those of the simulation only. How far the uncertainty of "
            "the inputs reaches has not been worked out."
        )
        return
    if results.others:
        yield (
            "The probabilities in the table are the shares of draws in which the strategy gives the "
            "most net benefit, with the noise of the simulation taken out."
        )


def ratios_sentence(results: Results, analyses: Analyses) -> Iterator[str]:
    """Tell the cost per QALY of the run from those of the analyses of draws, which differ."""
    found, symbol = analyses.probabilistic, results.symbol
    if found is None:
        return
    size = found.content["base_case_patients"]
    same = size == results.summary["patients"]
    also = " and of prices in the base case" if analyses.priced is not None else ""
    for gain in found.content["increments"]:
        ratios = (results.gain(gain["strategy"], "icer").mean, gain["deterministic"]["icer"])
        if gain["icer"] is None or None in ratios:
            continue
        of_run, of_base, of_draws = (money_text(each, symbol) for each in (*ratios, gain["icer"]))
        base = (
            ""
            if same
            else f"{of_base} at the same values in {patients_in_words(size)}, the base of the "
            f"probabilistic analysis{also}; "
        )
        yield (
            f"Cost per QALY of {results.labels[gain['strategy']]}: {of_run} in the base case, which the "
            f"first lines show, {patients_in_words(results.summary['patients'])} with every input at "
            f"its base value; {base}{of_draws} as the ratio of means over the draws. They differ where "
            "the model is not linear in its inputs."
        )


def flip_sentences(results: Results, analyses: Analyses) -> Iterator[str]:
    """Describe changes of the choice: by threshold, prices, single inputs, better knowledge."""
    if not results.others:
        return
    yield from _threshold_flips(results)
    yield from _price_flips(results, analyses)
    if analyses.one_way is None:
        yield ("Which input or assumption alone would change the choice has not been worked out.")
    else:
        yield from _one_way_flips(results, analyses.one_way)
    if analyses.information is not None:
        worth = analyses.information.table
        known = [
            f"{money_text(row['value'], results.symbol)} at {money_text(row['threshold'], results.symbol)}"
            for row in worth[worth["kind"] == EVERYTHING].to_dict("records")
        ]
        yield (
            "Better knowledge: to know every input exactly before choosing would be worth, per "
            f"patient, {listed(known)} per QALY."
        )


def _threshold_flips(results: Results) -> Iterator[str]:
    steps = [row for row in results.summary["frontier"] if row["icer"] is not None]
    if not steps:
        best = results.labels[results.summary["frontier"][0]["name"]]
        yield f"{best} is cheapest and most effective: no threshold changes the choice."
    for row in steps:
        limits = row.get("icer_interval")
        interval = ""
        if limits is not None:
            low, high = (money_text(end, results.symbol) for end in limits)
            interval = f" ({INTERVAL} of the simulation {low} to {high})"
        against = row.get("against")
        instead = "" if against is None else f" instead of {results.labels[against]}"
        yield (
            f"The threshold: from {money_text(row['icer'], results.symbol)} per QALY upwards{interval}, "
            f"{results.labels[row['name']]} gives the most net benefit{instead}."
        )


def _price_flips(results: Results, analyses: Analyses) -> Iterator[str]:
    if analyses.priced is None:
        return
    symbol, price = results.symbol, analyses.priced.price
    regimen = analyses.priced.regimen
    drug = results.question.catalogue.regimens[regimen].label
    for strategy in dict.fromkeys(limit.strategy for limit in analyses.priced.limits):
        parts = []
        for limit in analyses.priced.limits:
            if limit.strategy != strategy:
                continue
            threshold = money_text(limit.threshold, symbol)
            change = f", {percent(limit.base.mean / price - 1.0)}" if price > 0.0 else ""
            parts.append(
                f"{threshold} at {money_text(limit.base.mean, symbol)}{BOUNDS[limit.direction]} "
                f"(SE\u00a0{money_text(limit.base.se, symbol)}{change})"
                if limit.base.mean > 0.0
                else f"{threshold} at no price"
            )
        yield (
            f"The price of {drug}, {money_text(price, symbol)} a vial here: against "
            f"{results.labels[results.comparator]}, {results.labels[strategy]} meets a threshold of "
            f"{listed(parts)}."
        )


def _one_way_flips(results: Results, tornado: Tornado) -> Iterator[str]:
    at = f"at {money_text(tornado.threshold, results.symbol)} per QALY"
    flips = [bar for bar in tornado.bars if tornado.flips(bar)]
    varied = sum(len(bar.ends) > 1 for bar in tornado.bars)
    structural = sum(bar.group == STRUCTURE for bar in tornado.bars)
    if flips:
        names = [_flip(results, tornado, bar) for bar in flips[:MOST_FLIPS]]
        more = f", and {len(flips) - MOST_FLIPS} more" if len(flips) > MOST_FLIPS else ""
        yield f"One thing alone changes the choice {at}: {'; '.join(names)}{more}."
    else:
        yield (
            f"No single one of {varied} inputs, at either end of its range, and none of "
            f"{structural} structural choices changes the choice {at}."
        )
    if tornado.is_constant:
        return
    undefined = [bar for bar in tornado.bars if bar.is_undefined and not tornado.state]
    if undefined:
        first = max(undefined, key=lambda bar: bar.benefit_moved)
        states = dict.fromkeys(end.state for end in first.ends if end.state)
        yield (
            f"{len(undefined)} inputs or choices leave the outcome without a value at an end; of these net "
            f"benefit moves most with {_named(first)}: {results.labels[tornado.strategy]} is then "
            f"{listed(states)}."
        )
    told = [bar for bar in tornado.bars if not math.isnan(bar.swing)]
    if told:
        widest = max(told, key=lambda bar: bar.swing)
        swing = widest.swing
        amount = (
            money_text(swing, results.symbol)
            if tornado.outcome.unit == results.summary["currency"]
            else f"{number_text(swing)} {tornado.outcome.unit}"
        )
        yield f"What moves the answer most is {_named(widest)}: by {amount} over its range."


def _named(bar: Bar) -> str:
    label = bar.label
    ends = [end.value for end in bar.ends if end.value is not None]
    if len(ends) < len(("low", "high")):
        return f"“{label}”"
    unit = "" if bar.unit.lower() in label.lower() else f" {bar.unit}"
    return f"“{label}” ({number_text(ends[0])} to {number_text(ends[1])}{unit})"


def _flip(results: Results, tornado: Tornado, bar: Bar) -> str:
    chosen = dict.fromkeys(end.optimal for end in bar.ends if end.optimal != tornado.optimal)
    return f"{_named(bar)}, towards {listed(results.labels[name] for name in chosen)}"
