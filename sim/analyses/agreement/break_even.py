"""Where an agreement meets a threshold: the value of its own term, and the price of the drug.

Costs are monotone in every term and in the price, so the value is unique; it is found in the same
patients, without simulating again, to a relative precision of `PRECISION`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Literal, NamedTuple

import numpy as np

from sim.analyses.agreement.sample import Deal, Sample
from sim.clinic.units import PERCENT
from sim.economics.estimates import NOT_ESTIMABLE, Estimate
from sim.limits import LARGEST_AMOUNT
from sim.scenario.agreement import Agreement

PRECISION: Final = 1e-10
STEP: Final = 1e-3
"""Of the value, for the slope by which an error of net benefit becomes one of the value."""
DEAREST: Final = 1e3
"""A price is looked for up to so many times that of the scenario."""

Met = Literal["at most", "at least", "always", "never", "no such term"]
TERM_WORDS: Final = {
    "refund.percent": "money back, %",
    "cap_spend": "cap on spend per patient",
    "cap_cycles": "cap on cycles",
    "budget_cap.amount": "budget of a group",
    "discount_percent": "discount, %",
}
"""The terms that are varied, in the order in which one is chosen where several are given."""
PERCENTS: Final = frozenset({"refund.percent", "discount_percent"})


class BreakEven(NamedTuple):
    """A value at which the net benefit over the comparator is 0, or why there is none.

    Attributes
    ----------
    met
        Whether the threshold is met at most or at least at the value, or at every value, or none.
    value
        With its Monte Carlo error; a whole number of cycles has none.
    """

    met: Met
    value: Estimate


def varied_term(agreement: Agreement | None) -> str | None:
    """Return the term of an agreement that is varied; None where it has none of `TERM_WORDS`."""
    given = () if agreement is None else agreement.terms
    return next((term for term in TERM_WORDS if term.partition(".")[0] in given), None)


def with_term(agreement: Agreement, term: str, value: float) -> Agreement:
    """Return the agreement with another value of a term."""
    name, _, inner = term.partition(".")
    content: object = int(value) if term == "cap_cycles" else value
    if inner:
        content = getattr(agreement, name).model_copy(update={inner: value})
    return agreement.model_copy(update={name: content})


def break_even(sample: Sample, deal: Deal, threshold: float) -> BreakEven:
    """Return the value of the agreement's own term at which it meets the threshold."""
    agreement = deal.agreement
    term = varied_term(agreement)
    if agreement is None or term is None:
        return BreakEven("no such term", NOT_ESTIMABLE)

    def benefit(value: float) -> Estimate:
        changed = replace(deal, agreement=with_term(agreement, term, value))
        found = sample.moments(changed)
        return Estimate(found.inmb(threshold), found.inmb_se(threshold))

    if term == "cap_cycles":
        return _cycles(sample, deal, benefit)
    return _root(benefit, 0.0, _most(sample, deal, term))


def break_even_price(sample: Sample, deal: Deal, threshold: float) -> BreakEven:
    """Return the price of a unit of the drug at which the agreement meets the threshold."""
    price = sample.question.numbers[deal.parameter]

    def benefit(at: float) -> Estimate:
        found = sample.moments(deal, at)
        return Estimate(found.inmb(threshold), found.inmb_se(threshold))

    most, limit = (price, DEAREST * price) if price > 0.0 else (1.0, LARGEST_AMOUNT)
    free = benefit(0.0).mean
    while benefit(most).mean * free > 0.0 and most < limit:
        most *= 2.0
    return _root(benefit, 0.0, most)


def _most(sample: Sample, deal: Deal, term: str) -> float:
    """Return a value of the term beyond which a larger one changes nothing."""
    if term in PERCENTS:
        return PERCENT
    bought = sample.payments(replace(deal, agreement=None))
    total = bought.totals(sample.patients)[0]
    if term == "cap_spend":
        return float(total.max(initial=0.0))
    budget = deal.agreement.budget_cap if deal.agreement else None
    assert budget is not None
    group = np.arange(sample.patients) // budget.patients
    # The last group may be a part, with a part of the budget.
    return float((np.bincount(group, total) / np.bincount(group)).max()) * budget.patients


def _root(benefit: Callable[[float], Estimate], low: float, high: float) -> BreakEven:
    from scipy.optimize import brentq

    met = [benefit(end).mean >= 0.0 for end in (low, high)]
    if met[0] == met[1]:
        return BreakEven("always" if met[0] else "never", NOT_ESTIMABLE)
    value = float(
        brentq(lambda at: benefit(at).mean, low, high, xtol=PRECISION * high, rtol=PRECISION)
    )
    step = STEP * max(abs(value), PRECISION * high)
    ends = (max(value - step, low), min(value + step, high))
    slope = (benefit(ends[1]).mean - benefit(ends[0]).mean) / (ends[1] - ends[0])
    error = benefit(value).se / abs(slope) if slope else math.nan
    return BreakEven("at most" if met[0] else "at least", Estimate(value, error))


def _cycles(sample: Sample, deal: Deal, benefit: Callable[[float], Estimate]) -> BreakEven:
    """Return the most cycles that can be paid for."""
    cycles = sample.followed[deal.strategy].bought(deal.line).cycle
    most = int(cycles.max(initial=-1)) + 1
    met = [number for number in range(most + 1) if benefit(number).mean >= 0.0]
    if not met:
        return BreakEven("never", NOT_ESTIMABLE)
    if met[-1] == most:
        return BreakEven("always", NOT_ESTIMABLE)
    return BreakEven("at most", Estimate(float(met[-1]), math.nan))
