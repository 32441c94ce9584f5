"""The first screen: one sentence, three numbers, the probability curve, and how far to trust them."""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

import numpy as np

from sim.analyses.shared.outcomes import middle_threshold
from sim.economics.estimates import NORMAL_97_5, Estimate
from sim.economics.incremental import Strategy, frontier, quadrant
from sim.layout.cells import (
    GAINING,
    INTERVAL,
    SAVING,
    capital,
    fixed_text,
    listed,
    money_text,
    patients_in_words,
    percent,
    probability,
    rounded_money,
    small,
)
from sim.layout.style import colour_of
from sim.report.drawing import PERCENT, Scale
from sim.report.results import Analyses, Probabilistic, Results

DIGITS: Final = 2
TAIL: Final = 0.025
"""Of the draws, at each end of an interval."""
HEALTH: Final = "years of life in full health"
YEAR: Final = "year of life in full health"


class Amount(NamedTuple):
    """A difference with its Monte Carlo error and its interval, which may be an approximation."""

    mean: float
    se: float
    low: float
    high: float
    is_about: bool = False

    @property
    def is_clear(self) -> bool:
        """Whether its sign can be told from the noise of the simulation."""
        return not abs(self.mean) <= NORMAL_97_5 * self.se


class Gains(NamedTuple):
    """The differences of a strategy from the comparator."""

    strategy: str
    qalys: Amount
    cost: Amount
    ratio: Amount
    benefit: Amount

    @property
    def quadrant(self) -> str:
        """Where the means are on the cost-effectiveness plane."""
        return quadrant(self.cost.mean, self.qalys.mean)


def first_screen(results: Results, analyses: Analyses) -> dict[str, Any]:
    """Return the context of the first screen."""
    found = analyses.probabilistic
    gains = compared(results, analyses)
    return {
        "sentence": sentence(results, analyses, gains),
        "numbers": [] if gains is None else _numbers(results, gains),
        "against": ""
        if gains is None
        else f"{results.labels[gains.strategy]} against {small(results.labels[results.comparator])}, "
        "per patient",
        "rests_on": _rests_on(results, analyses, gains),
        "curve": _curve(results, found) if found is not None and results.others else None,
        "trust": list(_trust(results, analyses)),
    }


def compared(results: Results, analyses: Analyses) -> Gains | None:
    """Return the differences of the best strategy but the comparator, at the middle threshold.

    One that is best at no threshold is taken only where all others are such. The differences are
    those of the run, the base case, with intervals over the draws where there are any.
    """
    if not results.others:
        return None
    middle = middle_threshold(results.thresholds)
    steps = {row["name"] for row in results.summary["frontier"] if row["status"] == "frontier"}
    candidates = [name for name in results.others if name in steps] or results.others
    best = max(candidates, key=lambda name: results.benefit(name, middle).mean)
    base = results.gains(best)
    of_run = [_of_run(base[name]) for name in ("qalys", "cost", "icer", f"nmb_at_{middle:g}")]
    if analyses.probabilistic is None:
        return Gains(best, *of_run)
    drawn = _of_draws(analyses.probabilistic, best, middle)
    return Gains(
        best,
        *(each._replace(mean=own.mean, se=own.se) for own, each in zip(of_run, drawn, strict=True)),
    )


def _of_run(found: Estimate) -> Amount:
    half = NORMAL_97_5 * found.se
    return Amount(found.mean, found.se, found.mean - half, found.mean + half)


def _of_draws(found: Probabilistic, strategy: str, threshold: float) -> tuple[Amount, ...]:
    """Return the differences over draws: QALYs, cost, their ratio, net benefit."""
    gain = next(each for each in found.content["increments"] if each["strategy"] == strategy)
    qalys, cost, benefit = (
        _of_split(each) for each in (gain["qalys"], gain["cost"], gain["nmb"][f"{threshold:g}"])
    )
    return qalys, cost, _ratio(found, gain), benefit


def _of_split(split: dict[str, Any]) -> Amount:
    """Return a mean over draws; its interval is from the spread where the quantiles are too noisy."""
    mean, error = (math.nan if split[key] is None else split[key] for key in ("mean", "se"))
    if split["low"] is not None:
        return Amount(mean, error, split["low"], split["high"])
    spread = math.nan if split["between_sd"] is None else NORMAL_97_5 * split["between_sd"]
    return Amount(mean, error, mean - spread, mean + spread, is_about=True)


def _ratio(found: Probabilistic, gain: dict[str, Any]) -> Amount:
    """Return the ratio of the means; it has an interval where hardly a draw is without a gain."""
    mean, error = (math.nan if gain[key] is None else gain[key] for key in ("icer", "icer_se"))
    qalys, costs = np.asarray(found.increments(gain["strategy"]), dtype=float).T
    ends = (math.nan, math.nan)
    if (qalys > 0.0).mean() > 1.0 - TAIL and mean > 0.0:
        ratios = np.where(qalys > 0.0, costs / np.where(qalys > 0.0, qalys, 1.0), math.inf)
        ends = tuple(np.quantile(ratios, (TAIL, 1.0 - TAIL), method="higher").tolist())
    return Amount(mean, error, *ends, is_about=gain["qalys"]["low"] is None)


def sentence(results: Results, analyses: Analyses, gains: Gains | None) -> str:
    """Return the answer for a reader who knows no term of the field."""
    if gains is None:
        only = results.labels[results.strategies[0]]
        return f"{only} is the only strategy; there is nothing to choose."
    if not (gains.qalys.is_clear or gains.cost.is_clear) and gains.quadrant != "equal":
        return (
            f"The simulation is too small to tell {_label(results, gains.strategy)} from "
            f"{_label(results, results.comparator)}: the differences in cost and in health are "
            "within its noise."
        )
    if len(results.others) > 1:
        return _of_several(results, analyses)
    return _of_two(results, analyses, gains)


def _label(results: Results, strategy: str) -> str:
    return small(results.labels[strategy])


def _of_two(results: Results, analyses: Analyses, gains: Gains) -> str:
    new, old = (_label(results, name) for name in (gains.strategy, results.comparator))
    more, cost = (
        fixed_text(abs(gains.qalys.mean), DIGITS),
        rounded_money(abs(gains.cost.mean), results.symbol),
    )
    dearer = "more" if gains.cost.mean > 0.0 else "less"
    better = "more" if gains.qalys.mean > 0.0 else "fewer"
    is_same = gains.qalys.mean == gains.qalys.se == 0.0
    if gains.quadrant == "equal":
        return f"{capital(new)} and {old} do not differ: the same costs and the same health."
    if is_same:
        return (
            f"{capital(new)} gives the same health as {old} and costs {cost} {dearer} per patient."
        )
    if not gains.qalys.is_clear:
        return (
            f"{capital(new)} costs {cost} {dearer} per patient than {old}; whether it gives more or "
            f"fewer {HEALTH} is within the noise of the simulation."
        )
    if not gains.cost.is_clear:
        return (
            f"{capital(new)} gives {more} {better} {HEALTH} per patient than {old}; whether it costs "
            "more or less is within the noise of the simulation."
        )
    if gains.quadrant == SAVING:
        ratio = rounded_money(gains.ratio.mean, results.symbol)
        return f"{capital(new)} saves {ratio} for each {YEAR} given up, compared with {old}."
    if gains.quadrant != GAINING:
        word = "better and cheaper" if gains.quadrant == "dominant" else "worse and dearer"
        return (
            f"{capital(new)} is {word} than {old}: it gives {more} {better} {HEALTH} and costs "
            f"{cost} {dearer} per patient."
        )
    ratio = rounded_money(gains.ratio.mean, results.symbol)
    fair = _fair_price(results, analyses, gains) or (
        f", compared with {old}: {beside_thresholds(results, gains.ratio.mean)}"
    )
    return f"{_at_price(results, gains, new)} costs {ratio} for each {YEAR} gained{fair}."


def beside_thresholds(results: Results, ratio: float) -> str:
    """Say between which thresholds a cost per QALY is."""
    below = [t for t in results.thresholds if t < ratio]
    above = [t for t in results.thresholds if t >= ratio]
    if not below:
        return f"below the lowest threshold, {money_text(above[0], results.symbol)}"
    if not above:
        return f"above the highest threshold, {money_text(below[-1], results.symbol)}"
    low, high = (money_text(amount, results.symbol) for amount in (below[-1], above[0]))
    return f"between the thresholds {low} and {high}"


def _at_price(results: Results, gains: Gains, new: str) -> str:
    """Say whether the price of the strategy's own drug is the list price."""
    plans = {each.name: each.sequence for each in results.question.scenario.strategies}
    added = [name for name in plans[gains.strategy] if name not in plans[results.comparator]]
    prices = [price for name in added if (price := f"cost.{name}.vial") in results.question.used]
    if not prices:
        return capital(new)
    inputs = results.tables["inputs.csv"]
    changed = inputs[inputs["changed"].astype(bool)]["name"]
    own = any(results.question.parameters[price].is_own for price in prices)
    is_list = not own and not changed.isin(prices).any()
    return f"At {'list price' if is_list else 'the price of this scenario'} {new}"


def _fair_price(results: Results, analyses: Analyses, gains: Gains) -> str:
    """Say which price meets the highest threshold that is not met, else the lowest."""
    if analyses.priced is None:
        return ""
    missed = [t for t in results.thresholds if t < gains.ratio.mean]
    threshold = missed[-1] if missed else results.thresholds[0]
    price = analyses.priced.price
    for limit in analyses.priced.limits:
        if (limit.strategy, limit.threshold) != (gains.strategy, threshold) or price <= 0.0:
            continue
        fair = limit.base.mean
        at = f"at {money_text(threshold, results.symbol)}"
        if fair < 0.0:
            return f"; {at} no price of its drug would be low enough"
        change = fair / price - 1.0
        word = "less" if change < 0.0 else "more"
        return (
            f"; a fair price {at} would be {money_text(fair, results.symbol)} a vial, "
            f"{percent(abs(change))} {word}"
        )
    return ""


def _of_several(results: Results, analyses: Analyses) -> str:
    """Name the best strategy by threshold, and those that are best at none."""
    rows = frontier(
        Strategy(name, *(_mean(results, analyses, name, each) for each in ("cost", "qalys")))
        for name in results.strategies
    )
    steps = [row for row in rows if row.status == "frontier"]
    labels = [_label(results, row.name) for row in steps]
    turns = [rounded_money(row.icer, results.symbol) for row in steps if row.icer is not None]
    never = [_label(results, row.name) for row in rows if row.status != "frontier"]
    if not turns:
        best = f"{capital(labels[0])} is the best value whatever a {YEAR} is worth"
    else:
        ranges = [f"{labels[0]} where a {YEAR} is worth less than {turns[0]}"]
        ranges += [
            f"{label} from {low} to {high}"
            for label, low, high in zip(labels[1:-1], turns, turns[1:], strict=False)
        ]
        best = f"The best value is {', '.join(ranges)}, and {labels[-1]} above {turns[-1]}"
    if not never:
        return f"{best}."
    return f"{best}; {listed(never)} {'is' if len(never) == 1 else 'are'} never the best value."


def _mean(results: Results, analyses: Analyses, strategy: str, outcome: str) -> float:
    if analyses.probabilistic is None:
        return results.outcome(strategy, outcome).mean
    arms = analyses.probabilistic.content["strategies"]
    of = next(arm["outcomes"] for arm in arms if arm["name"] == strategy)
    return float(of[outcome]["mean"])


def _numbers(results: Results, gains: Gains) -> list[dict[str, str]]:
    """Return the three numbers: their names, values and intervals."""
    symbol = results.symbol

    def in_money(value: float) -> str:
        return rounded_money(value, symbol)

    def in_years(value: float) -> str:
        return fixed_text(value, DIGITS)

    third = (
        f"Net benefit at {in_money(middle_threshold(results.thresholds))} per QALY",
        gains.benefit,
    )
    if gains.quadrant == GAINING and math.isfinite(gains.ratio.high):
        third = ("Cost per QALY gained", gains.ratio)
    return [
        _number("Extra cost", gains.cost, in_money),
        _number("QALYs gained", gains.qalys, in_years),
        _number(*third, in_money),
    ]


def _number(name: str, found: Amount, shown: Any) -> dict[str, str]:  # noqa: ANN401
    interval = "no interval"
    if math.isfinite(found.low) and math.isfinite(found.high):
        interval = f"{'about ' if found.is_about else ''}{shown(found.low)} to {shown(found.high)}"
    return {"name": name, "value": shown(found.mean), "interval": interval}


def _rests_on(results: Results, analyses: Analyses, gains: Gains | None) -> str:
    """Say which intervals the numbers have."""
    if gains is None:
        return ""
    if analyses.probabilistic is None:
        return (
            f"With the {INTERVAL}s of the simulation alone, of "
            f"{patients_in_words(results.summary['patients'])}; the uncertainty of the inputs comes "
            "on top and was not worked out."
        )
    content = analyses.probabilistic.content
    about = " “About”: from their spread, as the simulation's noise hides the ends."
    return (
        f"The base case, with {INTERVAL}s over {content['draws']:,} draws of "
        f"{content['parameters_drawn']} uncertain inputs.{about if gains.qalys.is_about or gains.cost.is_about else ''}"
    )


def _curve(results: Results, found: Probabilistic) -> dict[str, Any]:
    """Return the acceptability curves as points in per cent of a frame."""
    curves, colours = found.curves, colour_of(results.strategies)
    scale = Scale(0.0, float(curves["threshold"].max()))
    return {
        "told": "; ".join(
            f"{money_text(choice['threshold'], results.symbol)} per QALY: "
            + ", ".join(
                f"{results.labels[each['name']]} "
                f"{probability(each['probability']['without_noise'])}"
                for each in choice["strategies"]
            )
            for choice in found.content["decision"]
        ),
        "lines": [
            {
                "label": results.labels[name],
                "colour": colours[name],
                "points": " ".join(
                    f"{scale.at(x):g},{PERCENT * (1.0 - y):z.2f}"
                    for x, y in zip(rows["threshold"], rows["without_noise"], strict=True)
                ),
            }
            for name in results.strategies
            for rows in (curves[curves["strategy"] == name],)
        ],
        "thresholds": [scale.at(threshold) for threshold in results.thresholds],
        "ticks": scale.ticks(lambda value: rounded_money(value, results.symbol)),
        "levels": [(PERCENT * (1.0 - share), percent(share)) for share in (0.0, 0.5, 1.0)],
    }


def _trust(results: Results, analyses: Analyses) -> list[str]:
    """Say what the answer rests on, in counts."""
    statuses = results.tables["inputs.csv"]["status"]
    assumed = int(statuses.isin(["assumption", "provisional"]).sum())
    prior = int((statuses == "prior").sum())
    said = [
        f"{assumed} of {len(statuses)} inputs are assumptions, and {prior} fitted ones keep their prior"
    ]
    table = analyses.validation
    if table is not None:
        inside = int(table["inside"].sum())
        said.append(f"{inside} of {len(table)} published endpoints are predicted by the model")
    return said
