"""Simulated patients with what they cost without the drug, and what is paid for it.

Per patient, the cost of a strategy is ``cost at a drug price of 0 + payments for the drug``. The
first comes from the core engine, the second from the same patients in the reference engine, which
has the same events; at the list price both together are the cost of any other run.

Costs are monotone in every term of an agreement and in the price, so the value at which a threshold
is met is unique; it is found in the same patients, without simulating again, to a relative precision
of `PRECISION`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final, Literal, NamedTuple

import numpy as np

from sim.analyses.agreement.payment import (
    Followed,
    Payments,
    Places,
    Progress,
    follow,
    groups,
    payments,
    price_parameter,
)
from sim.clinic.units import PERCENT
from sim.economics.estimates import NOT_ESTIMABLE, Array, Estimate, exact_sum
from sim.economics.ledger import Account
from sim.errors import UserError
from sim.limits import LARGEST_AMOUNT
from sim.scenario.agreement import Agreement
from sim.simulation.question import Question, with_numbers
from sim.simulation.tally import ACCOUNT_OF, ACCOUNTS, DISCOUNTED

LIST_PRICE: Final = ""
"""The name of no agreement."""


@dataclass(frozen=True)
class Deal:
    """An agreement on the drug of a line of a strategy; without terms at the list price.

    Attributes
    ----------
    strategy, name
        Of the scenario.
    line
        Counted from 0.
    parameter
        The price of the drug.
    """

    strategy: str
    name: str
    agreement: Agreement | None
    line: int
    parameter: str


class Moments(NamedTuple):
    """Means over patients and the variances of their Monte Carlo errors.

    `cost` and `qalys` are differences from the comparator, `paid` is what is paid for the drug in
    the line; all discounted. Numbers of one draw, or arrays over draws.
    """

    cost: Any
    qalys: Any
    paid: Any
    cost_variance: Any
    qalys_variance: Any
    covariance: Any
    paid_variance: Any

    def estimate(self, name: str) -> Estimate:
        """Return a mean of one draw with its error."""
        return Estimate(getattr(self, name), math.sqrt(getattr(self, f"{name}_variance")))

    def inmb(self, threshold: float) -> Any:  # noqa: ANN401
        """Return the incremental net monetary benefit."""
        return threshold * self.qalys - self.cost

    def inmb_variance(self, threshold: float) -> Any:  # noqa: ANN401
        """Return the variance of its Monte Carlo error."""
        both = threshold**2 * self.qalys_variance + self.cost_variance
        return np.maximum(both - 2.0 * threshold * self.covariance, 0.0)

    def inmb_se(self, threshold: float) -> float:
        """Return the Monte Carlo error of one draw."""
        return math.sqrt(self.inmb_variance(threshold))


@dataclass(frozen=True)
class Sample:
    """Patients under every strategy.

    Attributes
    ----------
    question
        With its own prices.
    free
        Discounted cost with every agreed drug at a price of 0; shape (patients, strategies).
    qalys
        Of the same shape.
    followed
        By the name of the strategy, where an agreed drug is given.
    """

    question: Question
    free: Array
    qalys: Array
    followed: Mapping[str, Followed]

    @property
    def patients(self) -> int:
        """The number of patients."""
        return len(self.free)

    @cached_property
    def places(self) -> dict[str, int]:
        """The place of each strategy."""
        return {each.name: s for s, each in enumerate(self.question.model.strategies)}

    def payments(self, deal: Deal, price: float | None = None) -> Payments:
        """Return the payments for the drug in the line of an agreement, at a price of a unit."""
        followed = self.followed[deal.strategy]
        at = self.question.numbers[deal.parameter] if price is None else price
        bought = followed.bought(deal.line).at(at)
        return payments(deal.agreement, bought, followed.courses[deal.line])

    def paid(self, deal: Deal, price: float | None = None) -> Array:
        """Return what is paid for each patient in the line, discounted."""
        return self.payments(deal, price).totals(self.patients)[1]

    def others(self, deal: Deal, price: float | None = None) -> Array:
        """Return all other costs of each patient, discounted.

        The same drug in another line has the list price.
        """
        free = self.free[:, self.places[deal.strategy]]
        return free + self._at_list(deal.strategy, deal.line, {deal.parameter: price})

    def cost(self, deal: Deal, price: float | None = None) -> Array:
        """Return the cost of each patient under the strategy with an agreement, discounted."""
        return self.others(deal, price) + self.paid(deal, price)

    def comparator(self, deal: Deal, price: float | None = None) -> Array:
        """Return the cost of each patient under the comparator, at the list price."""
        name = self.question.scenario.comparator_name
        return self.free[:, self.places[name]] + self._at_list(name, None, {deal.parameter: price})

    def _at_list(
        self, strategy: str, line: int | None, prices: Mapping[str, float | None]
    ) -> Array:
        """Return the agreed drugs at their list price in all lines but one."""
        total = np.zeros(self.patients)
        if strategy not in self.followed:
            return total
        regimens = self.question.model.strategies[self.places[strategy]].regimens
        for other, bought in self.followed[strategy].by_line.items():
            parameter = price_parameter(self.question, regimens[other].name)
            if other != line and parameter is not None:
                price = prices.get(parameter)
                at = self.question.numbers[parameter] if price is None else price
                total += np.bincount(bought.patient, at * bought.present, self.patients)
        return total

    def moments(self, deal: Deal, price: float | None = None) -> Moments:
        """Return means and variances of a strategy with an agreement against the comparator."""
        paid = self.paid(deal, price)
        cost = self.others(deal, price) + paid - self.comparator(deal, price)
        comparator = self.places[self.question.scenario.comparator_name]
        qalys = self.qalys[:, self.places[deal.strategy]] - self.qalys[:, comparator]
        return moments(cost, qalys, paid, self._groups(deal))

    def mean(self, deal: Deal, values: Array) -> Estimate:
        """Return the mean of an amount per patient, with its error under an agreement."""
        return moments(values, values, values, self._groups(deal)).estimate("paid")

    def _groups(self, deal: Deal) -> Places:
        terms = None if deal.agreement is None else deal.agreement.budget_cap
        return groups(terms, self.patients)


def moments(cost: Array, qalys: Array, paid: Array, group: Places) -> Moments:
    """Return means over patients, and the variances of groups of them that depend on each other.

    With the sum ``s_g`` of a group of ``n_g`` patients, of n in G groups, the variance of a mean m
    is ``G / (G - 1) sum((s_g - n_g m)^2) / n^2``, which is that of independent patients where each
    is a group of their own.

    Source: Cochran WG, Sampling Techniques, 3rd edition, 1977, section 9.
    """
    sizes, columns = np.bincount(group), (cost, qalys, paid)
    means = [exact_sum(values) / len(values) for values in columns]
    around = [
        np.bincount(group, values) - sizes * mean
        for values, mean in zip(columns, means, strict=True)
    ]
    scale = len(sizes) / (len(sizes) - 1.0) / len(cost) ** 2 if len(sizes) > 1 else math.nan

    def shared(one: int, other: int) -> float:
        return scale * exact_sum(around[one] * around[other])

    variances = (shared(0, 0), shared(1, 1), shared(0, 1), shared(2, 2))
    return Moments._make((*means, *variances))


def deals_of(question: Question) -> dict[str, list[Deal]]:
    """Return the agreements of each strategy that has any, the list price first.

    Raises
    ------
    UserError
        When there is none, nothing to compare with, or a drug has no price of its own.
    """
    scenario, asked = question.scenario, question.loaded
    if len(scenario.strategies) == 1:
        raise UserError("needs a strategy to compare with", file=asked.file, key="strategies")
    found: dict[str, list[Deal]] = {}
    for s, strategy in enumerate(scenario.strategies):
        for name, agreement in strategy.agreement.items():
            file, line = asked.place("strategies", s, "agreement", name)
            key = f"strategies[{s}].agreement.{name}"
            where: dict[str, Any] = {"file": file, "line": line or None, "key": key}
            if strategy.name == scenario.comparator_name:
                problem = "is of the comparator, which all others are compared with"
                raise UserError(f"{problem}; make another strategy the comparator", **where)
            regimen = strategy.agreed_regimen(name)
            parameter = price_parameter(question, regimen)
            if parameter is None:
                problem = "is on a mixture of generic drugs, which has no company and no price"
                raise UserError(problem, **where, value=regimen)
            at = strategy.sequence.index(regimen)
            listed = Deal(strategy.name, LIST_PRICE, None, at, parameter)
            known = found.setdefault(strategy.name, [listed])
            known.append(replace(listed, name=name, agreement=agreement, line=at))
            if known[0].line != at:
                problem = "must be on the same regimen as the strategy's other agreements"
                raise UserError(problem, **where, value=regimen)
    if not found:
        problem = "no strategy has an agreement; see docs/agreements.md"
        raise UserError(problem, file=asked.file, key="strategies")
    return found


def followed_strategies(question: Question, parameters: Collection[str]) -> tuple[str, ...]:
    """Name the strategies in which a drug with one of these prices is given."""
    return tuple(
        strategy.name
        for strategy in question.scenario.strategies
        if any(price_parameter(question, regimen) in parameters for regimen in strategy.sequence)
    )


class Simulator:
    """Samples of a question and of draws of its parameters."""

    def __init__(self, question: Question, deals: Iterable[Deal]) -> None:
        from sim.simulation.core_run import bind, ready
        from sim.simulation.parameter_sets import Desk

        self.question = question
        self.parameters = sorted({deal.parameter for deal in deals})
        self.lines = {deal.strategy: deal.line for deal in deals}
        self.followed = followed_strategies(question, self.parameters)
        free = self._free(question)
        bound = bind(free)
        ready(bound)
        self._desk = Desk(free, bound, 1)

    def _free(self, question: Question) -> Question:
        return with_numbers(question, dict.fromkeys(self.parameters, 0.0))

    def sample(
        self, question: Question, *, first: int, progress: Progress = lambda _: None
    ) -> Sample:
        """Simulate the patients of a question from number `first` on."""
        amounts: list[Array] = []
        self._desk.question = replace(self._desk.question, patients=question.patients)
        self._desk.simulate(
            [self._free(question)], [first], lambda _, __, given: amounts.append(given.copy())
        )
        found = np.concatenate(amounts)[:, :, DISCOUNTED]
        cost, qaly = (
            found[:, :, ACCOUNT_OF == ACCOUNTS.index(account)].sum(axis=2)
            for account in (Account.COST, Account.QALY)
        )
        followed = {
            strategy.name: follow(
                question,
                strategy,
                self.parameters,
                [self.lines[strategy.name]] if strategy.name in self.lines else [],
                first=first,
                count=question.patients,
                progress=progress,
            )
            for strategy in question.model.strategies
            if strategy.name in self.followed
        }
        return Sample(question, cost, qaly, followed)

    def samples(
        self, sets: Iterable[Mapping[str, float]], progress: Progress = lambda _: None
    ) -> Iterator[Sample]:
        """Simulate the question under draws of its parameters, each in patients of its own."""
        for k, numbers in enumerate(sets):
            asked = with_numbers(self.question, numbers)
            yield self.sample(asked, first=k * self.question.patients, progress=progress)


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
