"""Checks of the decision rules: increments, ICERs, net benefit, dominance and the frontier."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np

from sim.analyses.verify.check import Finding, Group, does_not_apply, equal, none_of
from sim.analyses.verify.subject import Lives, Subject
from sim.economics.estimates import Array
from sim.economics.incremental import Strategy, frontier
from sim.economics.ledger import Account
from sim.simulation.run import Simulation
from sim.simulation.summary import Comparison, estimates

DECISIONS: Final = Group("decisions")
ONE_STRATEGY: Final = "there is a single strategy, and nothing to compare it with"
GRID_STEPS: Final = 400
BEYOND: Final = 2.0
"""The grid of thresholds ends so far beyond the highest threshold or ICER."""
TIED: Final = 1e-9
"""Relative difference of net benefits that are equal but for rounding."""
TEXTBOOK: Final = (
    # Cheapest, on the frontier, extendedly dominated, on the frontier, dominated.
    Strategy("a", 1_000.0, 1.0),
    Strategy("b", 2_000.0, 2.0),
    Strategy("c", 7_000.0, 2.5),
    Strategy("d", 8_000.0, 4.0),
    Strategy("e", 9_000.0, 3.5),
)
ANSWER: Final = {
    "a": ("frontier", None),
    "b": ("frontier", 1_000.0),
    "c": ("extendedly dominated", None),
    "d": ("frontier", 3_000.0),
    "e": ("dominated", None),
}


class Gain(NamedTuple):
    """Mean increments of a strategy over the comparator, from the single patients."""

    cost: float
    qalys: float
    life_years: float


def comparisons(lives: Lives) -> tuple[Comparison, ...]:
    """Return the comparisons that the program reports."""
    _, found = estimates(Simulation(lives.question, (), (), "core", lives.tally))
    return found


def gains(subject: Subject) -> dict[str, Gain]:
    """Return the increments of each strategy but the comparator, computed anew."""
    comparator = subject.strategies.index(subject.question.scenario.comparator_name)
    means = [
        _means(subject.lives, account)
        for account in (Account.COST, Account.QALY, Account.LIFE_YEARS)
    ]
    return {
        name: Gain(*(float(each[s] - each[comparator]) for each in means))
        for s, name in enumerate(subject.strategies)
        if s != comparator
    }


def _means(lives: Lives, account: Account) -> Array:
    found: Array = lives.total(account).mean(axis=0)
    return found


def points(subject: Subject) -> list[Strategy]:
    """Return mean cost and QALYs of each strategy."""
    costs, qalys = (_means(subject.lives, each) for each in (Account.COST, Account.QALY))
    return [
        Strategy(name, float(cost), float(qaly))
        for name, cost, qaly in zip(subject.strategies, costs, qalys, strict=True)
    ]


@DECISIONS.check(
    "Increments are the strategy minus the comparator, in costs, QALYs and life-years.",
    standard="TECH-VER; Drummond 9",
    advice="Look for the comparator subtracted the wrong way round, or another comparator.",
)
def increments_are_differences(subject: Subject) -> Finding:
    """Compare the reported increments with differences of means over the patients."""
    own = gains(subject)
    if not own:
        return does_not_apply(ONE_STRATEGY)
    pairs = [(each.increment, own[each.increment.strategy]) for each in comparisons(subject.lives)]
    reported = [(gain.cost.mean, gain.qalys.mean, gain.life_years.mean) for gain, _ in pairs]
    return equal(reported, [theirs for _, theirs in pairs], "mean increments")


@DECISIONS.check(
    "The ICER is the ratio of the mean increments.",
    standard="TECH-VER; NICE PMG36 4.10",
    advice="Look for a mean of the patients' own ratios, or of undiscounted amounts.",
)
def icer_is_a_ratio_of_means(subject: Subject) -> Finding:
    """Compare the reported ICERs with ratios of mean differences."""
    own = gains(subject)
    if not own:
        return does_not_apply(ONE_STRATEGY)
    found = [
        (each.increment.icer, own[each.increment.strategy]) for each in comparisons(subject.lives)
    ]
    with_ratio = [(icer, gain) for icer, gain in found if gain.qalys != 0.0]
    if not with_ratio:
        return does_not_apply("no strategy differs from the comparator in QALYs")
    reported = [np.nan if icer is None else icer for icer, _ in with_ratio]
    finding = equal(reported, [gain.cost / gain.qalys for _, gain in with_ratio], "ICERs")
    missing = any(icer is None for icer, _ in with_ratio)
    return Finding("an ICER is missing", finding.allowed, False) if missing else finding


@DECISIONS.check(
    "Net monetary benefit is the threshold times the QALYs gained less the cost added, and net "
    "health benefit is that in QALYs.",
    standard="TECH-VER; NICE PMG36 4.10",
    advice="Look for a threshold in another currency, or a cost added instead of taken off.",
)
def net_benefits_add_up(subject: Subject) -> Finding:
    """Compute both benefits from the increments, at every threshold."""
    own, thresholds = gains(subject), subject.question.thresholds
    if not own:
        return does_not_apply(ONE_STRATEGY)
    reported, expected = [], []
    for each in comparisons(subject.lives):
        gain = own[each.increment.strategy]
        for threshold in thresholds:
            money = threshold * gain.qalys - gain.cost
            nmb, nhb = each.nmb[threshold].mean, each.increment.nhb(threshold).mean
            reported += [nmb / threshold, nhb]
            expected += [money / threshold, gain.qalys - gain.cost / threshold]
    return equal(reported, expected, "net benefits")


@DECISIONS.check(
    "A strategy has more net benefit than the comparator where its ICER is below the threshold, or "
    "its savings per QALY lost are above it.",
    standard="TECH-VER; NICE PMG36 4.10",
    advice="Read a negative ICER with its quadrant; look for a sign that is reversed.",
)
def net_benefit_and_icer_agree(subject: Subject) -> Finding:
    """Compare the sign of the net benefit with the place of the ICER, quadrant by quadrant."""
    looked_at = wrong = 0
    for each in comparisons(subject.lives):
        gain = each.increment
        for threshold, benefit in each.nmb.items():
            if gain.icer is None or gain.icer == threshold:
                continue
            looked_at += 1
            wrong += (benefit.mean > 0.0) != _is_worth_it(gain.icer, gain.quadrant, threshold)
    return none_of(wrong, looked_at, "signs of net benefits")


def _is_worth_it(icer: float, quadrant: str, threshold: float) -> bool:
    if quadrant == "more effective and costlier":
        return icer < threshold
    if quadrant == "less effective and cheaper":
        return icer > threshold
    return quadrant == "dominant"


@DECISIONS.check(
    "The frontier does not depend on the order of the strategies, and its costs, effects and ICERs "
    "rise.",
    standard="NICE PMG36 4.10; Drummond 9",
    advice="Look at sim.economics.incremental.frontier.",
)
def frontier_rises_in_any_order(subject: Subject) -> Finding:
    """Turn and rotate the strategies; compare neighbours on the frontier."""
    given = points(subject)
    first = frontier(given)
    orders = [given[::-1], *(given[k:] + given[:k] for k in range(1, len(given)))]
    wrong = sum(frontier(order) != first for order in orders)
    steps = list(_steps(given))
    for (cost, effect, icer), (later_cost, later_effect, later_icer) in pairwise(steps):
        wrong += not (cost < later_cost and effect < later_effect and icer <= later_icer)
    return none_of(wrong, len(orders) + max(len(steps) - 1, 0), "orders and steps")


def _steps(given: list[Strategy]) -> Iterator[tuple[float, float, float]]:
    """Return cost, effect and ICER along the frontier, equals once."""
    rows = [row for row in frontier(given) if row.status == "frontier"]
    once = dict.fromkeys((row.cost, row.effect, row.icer) for row in rows)
    for cost, effect, icer in once:
        yield cost, effect, -np.inf if icer is None else icer


@DECISIONS.check(
    "At every threshold the strategy that the frontier names has the most net benefit.",
    standard="NICE PMG36 4.10; TECH-VER",
    advice="Look at sim.economics.incremental.frontier, for extended dominance most of all.",
)
def frontier_has_the_most_benefit(subject: Subject) -> Finding:
    """Compare it with the largest net benefit over a grid of thresholds."""
    given = points(subject)
    icers = [icer for _, _, icer in _steps(given) if icer > 0.0]
    highest = BEYOND * max([*subject.question.thresholds, *icers])
    wrong = 0
    grid = np.linspace(0.0, highest, GRID_STEPS + 1)
    for threshold in grid.tolist():
        affordable = [step for step in _steps(given) if step[2] <= threshold]
        cost, effect, _ = affordable[-1]
        scale = max(threshold * abs(s.effect) + abs(s.cost) for s in given)
        most = max(threshold * s.effect - s.cost for s in given)
        wrong += threshold * effect - cost < most - TIED * scale
    return none_of(wrong, len(grid), "thresholds")


@DECISIONS.check(
    "Dominance and extended dominance are found in a textbook example of five strategies.",
    standard="NICE PMG36 4.10; Drummond 9",
    advice="Look at sim.economics.incremental.frontier.",
)
def textbook_example(subject: Subject) -> Finding:
    """Compare status and ICER of each strategy with those worked out by hand."""
    del subject
    found = {row.name: (row.status, row.icer) for row in frontier(TEXTBOOK)}
    wrong = sum(found.get(name) != answer for name, answer in ANSWER.items())
    return none_of(wrong, len(ANSWER), "strategies of the example")


@DECISIONS.check(
    "All money is in the currency of the perspective, and so are the thresholds.",
    standard="CHEERS 15; NICE PMG36 4.2",
    advice="Look at the perspective of the scenario and at the thresholds that it sets itself.",
)
def one_currency(subject: Subject) -> Finding:
    """Look at the currency of each amount used, and where each threshold comes from."""
    question = subject.question
    currency = question.perspective.currency
    used = [question.parameters[name] for name in question.used]
    amounts = [parameter for parameter in used if parameter.currency is not None]
    known = set(question.scenario.thresholds or ())
    known |= {question.numbers[each.name] for each in amounts if "threshold" in each.name}
    wrong = sum(parameter.currency != currency for parameter in amounts)
    wrong += sum(not (threshold in known and threshold > 0.0) for threshold in question.thresholds)
    return none_of(wrong, len(amounts) + len(question.thresholds), "amounts and thresholds")
