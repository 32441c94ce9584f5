"""The price of a drug at which a threshold is met, and its uncertainty.

The price of a vial changes no patient's course, so the cost of a strategy is linear in it, ``cost
at price 0 + price * vials``, with vials discounted like their cost. Results at two prices therefore
give those at every other price exactly; a third gives the Monte Carlo noise, which is quadratic in
the price. All three have the same draws and the same patients.

With the increments over the comparator of QALYs E, of costs at price 0 C and of vials V, the net
benefit ``threshold * E - C - price * V`` is 0, and the ICER the threshold, at the price::

    (threshold * E - C) / V
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Literal, NamedTuple

import numpy as np
import pandas as pd

from sim.analyses.psa.acceptability import best_shares, quiet_shares, share_errors
from sim.analyses.psa.draws_run import COVARIANCE, INCREMENT_SE, Psa
from sim.analyses.psa.noise import split
from sim.analyses.shared.result import OverDraws
from sim.clinic.units import PERCENT
from sim.economics.estimates import NOT_ESTIMABLE, Array, Estimate
from sim.economics.incremental import Increment
from sim.economics.prices import InfusionDrug, InjectedDrug
from sim.errors import UserError
from sim.layout.schema import Schema, estimated, number, strategy_name, text
from sim.simulation.question import Question, with_numbers

PRICES: Final = 101
"""Of the curve, from 0 on, equally far apart."""
BEYOND: Final = 1.2
"""The curve ends so far beyond the price of the scenario or the highest price found."""
DRUG: Final = "cost.drug"
DRUG_UNDISCOUNTED: Final = "cost_undiscounted.drug"
CYCLES: Final = "cycles_mean"
ERROR: Final = "its Monte Carlo error"

Direction = Literal["at most", "at least", "does not matter"]


class PriceLimit(NamedTuple):
    """The price of a vial at which a strategy's net benefit over the comparator is 0.

    Attributes
    ----------
    strategy, threshold
        The threshold in currency per QALY.
    base, mean
        Of the deterministic run with its Monte Carlo error, and of the means over draws with the
        error of draws and patients; in currency per vial. Below 0 where even a free drug would be
        too expensive.
    direction
        Whether the threshold is met at this price and below it, or above it.
    """

    strategy: str
    threshold: float
    base: Estimate
    mean: Estimate
    direction: Direction


class Chance(NamedTuple):
    """The probability that a strategy is the most cost-effective at a price.

    `share` of draws with its binomial error `se`, and the share without the Monte Carlo noise of
    each draw, with its error; 0 to 1.
    """

    share: float
    se: float
    without_noise: float
    without_noise_se: float


CURVE: Final = Schema(
    "price_curve.csv",
    (
        strategy_name("strategy", "with the drug"),
        number("threshold", "in `currency` per QALY"),
        number("price", "in `currency` per vial"),
        number("probability", "share of draws in which it is the most cost-effective"),
        number("se", "its binomial error"),
        number("without_noise", "the share without the Monte Carlo noise of each draw"),
        number("without_noise_se", "its error"),
        text("currency"),
    ),
    ("strategy", "threshold", "price"),
)
"""By price how likely each strategy with the drug is the most cost-effective."""
LINE: Final = Schema(
    "price_line.csv",
    (
        strategy_name("strategy", "with the drug, or without it where the comparator has it"),
        number("price", "in `currency` per vial: none, that of the scenario, twice that"),
        *estimated(
            "cost", "of the strategy minus that of the comparator, discounted, in `currency`", ERROR
        ),
        *estimated("qalys", "of the strategy minus those of the comparator, discounted", ERROR),
        number("covariance", "of the errors of the two, in `currency` times QALYs"),
        text("currency"),
    ),
    ("strategy", "price"),
)
"""The base case at three prices: costs and covariance are lines through them, squared errors parabolas."""


@dataclass(frozen=True)
class PriceAnalysis(OverDraws):
    """The prices at which strategies meet each threshold.

    Attributes
    ----------
    regimen, parameter, price
        As in `PricedResults`.
    limits
        Of every strategy at every threshold.
    vials_per_cycle
        By strategy, the mean vials of a cycle that is started.
    chances
        By strategy and threshold, how likely the strategy is the best of all at the price of the
        scenario and at that of the base case; None at a price that cannot be.
    curve, line
        The tables `CURVE` and `LINE`.
    """

    regimen: str
    parameter: str
    price: float
    limits: tuple[PriceLimit, ...]
    vials_per_cycle: Mapping[str, float]
    chances: Mapping[tuple[str, float], tuple[Chance | None, ...]]
    curve: pd.DataFrame
    line: pd.DataFrame

    def change_percent(self, price: float) -> float:
        """Return how far a price is from that of the scenario; nan below a price of 0."""
        if not (self.price > 0.0 and price >= 0.0):
            return math.nan
        return PERCENT * (price / self.price - 1.0)


@dataclass(frozen=True)
class PricedResults:
    """Results of the same draws and patients at three prices of a vial.

    Attributes
    ----------
    regimen, parameter
        The regimen of the drug, and the name of its price, which all regimens of the drug share.
    price
        That of the scenario, in currency per vial.
    step
        The prices are 0, one step and two steps.
    results
        At each of them.
    """

    regimen: str
    parameter: str
    price: float
    step: float
    results: tuple[Psa, Psa, Psa]

    @property
    def psa(self) -> Psa:
        """The results at one step: the price of the scenario, where that is not 0."""
        return self.results[1]

    @property
    def regimens(self) -> list[str]:
        """Names of the regimens of the scenario that give the drug."""
        question = self.psa.question
        return [
            name
            for name in question.scenario.regimens
            if drug_of(question, name) == drug_of(question, self.regimen)
        ]

    @property
    def holding(self) -> list[str]:
        """Names of the strategies that contain a regimen of the drug."""
        drug = set(self.regimens)
        return [
            strategy.name
            for strategy in self.psa.question.scenario.strategies
            if not drug.isdisjoint(strategy.sequence)
        ]

    @property
    def compared(self) -> list[str]:
        """Names of the strategies that contain the drug where the comparator does not.

        Where the comparator does, all other strategies.
        """
        comparator = self.psa.question.scenario.comparator_name
        names = self.psa.strategies if comparator in self.holding else self.holding
        return [name for name in names if name != comparator]

    @cached_property
    def vials(self) -> Array:
        """Discounted vials more than the comparator's, per patient; shape (draws, strategies)."""
        none, one, _ = self.results
        return (one.increments(DRUG) - none.increments(DRUG)) / self.step

    def inmb(self, threshold: float, price: float) -> Array:
        """Return incremental net monetary benefits at a price; shape (draws, strategies)."""
        return self.results[0].inmb(threshold) - price * self.vials

    def inmb_noise(self, threshold: float, price: float) -> Array:
        """Return their Monte Carlo variances; shape (draws, strategies)."""
        noise = (psa.inmb_noise(threshold) for psa in self.results)
        return parabola(price / self.step, *noise)

    def base(self, strategy: str, price: float) -> Increment:
        """Return the strategy against the comparator at a price, in the deterministic run."""
        s = self.psa.strategies.index(strategy)
        comparator = self.psa.comparator
        none, one, two = (psa.deterministic for psa in self.results)

        def gain(table: pd.DataFrame, name: str) -> float:
            return float(table[name].iloc[s] - table[name].iloc[comparator])

        def error(table: pd.DataFrame, name: str) -> float:
            return float(table[f"{INCREMENT_SE}{name}"].iloc[s])

        squares = (np.array(error(each, "cost") ** 2) for each in (none, one, two))
        cost_error = math.sqrt(float(parabola(price / self.step, *squares)))
        covariances = [float(each[COVARIANCE].iloc[s]) for each in (none, one)]
        return Increment(
            strategy=strategy,
            comparator=self.psa.strategies[comparator],
            cost=Estimate(gain(none, "cost") + price * self.base_vials(strategy), cost_error),
            qalys=Estimate(gain(none, "qalys"), error(none, "qalys")),
            life_years=Estimate(gain(none, "life_years"), error(none, "life_years")),
            covariance=covariances[0] + price / self.step * (covariances[1] - covariances[0]),
        )

    def base_vials(self, strategy: str) -> float:
        """Return the discounted vials more than the comparator's, in the deterministic run."""
        s = self.psa.strategies.index(strategy)
        none, one = (psa.deterministic[DRUG].to_numpy() for psa in self.results[:2])
        vials = (one - none) / self.step
        return float(vials[s] - vials[self.psa.comparator])

    def vials_per_cycle(self, strategy: str) -> float:
        """Return the mean vials of a cycle that is started, interrupted ones included.

        nan unless the drug is the strategy's first and returns in no later line: cycles of
        later lines are not counted.
        """
        (sequence,) = (
            each.sequence for each in self.psa.question.scenario.strategies if each.name == strategy
        )
        if [name in self.regimens for name in sequence] != [True] + [False] * (len(sequence) - 1):
            return math.nan
        s = self.psa.strategies.index(strategy)
        none, one = (
            float(psa.deterministic[DRUG_UNDISCOUNTED].iloc[s]) for psa in self.results[:2]
        )
        cycles = float(self.psa.deterministic[CYCLES].iloc[s])
        return (one - none) / self.step / cycles if cycles > 0.0 else math.nan

    def limit(self, strategy: str, threshold: float) -> PriceLimit:
        """Return the price at which the threshold is met; not estimable where there is none."""
        s = self.psa.strategies.index(strategy)
        vials = self.base_vials(strategy)
        if vials == 0.0:
            nothing: Direction = "does not matter"
            return PriceLimit(strategy, threshold, NOT_ESTIMABLE, NOT_ESTIMABLE, nothing)
        price = self.base(strategy, 0.0).nmb(threshold).mean / vials
        error = self.base(strategy, price).nmb(threshold).se / abs(vials)
        drawn = float(self.vials[:, s].mean())
        average = float(self.inmb(threshold, 0.0)[:, s].mean()) / drawn
        spread = split(
            self.inmb(threshold, average)[:, s], self.inmb_noise(threshold, average)[:, s]
        )
        return PriceLimit(
            strategy,
            threshold,
            Estimate(price, error),
            Estimate(average, spread.se / abs(drawn)),
            "at most" if vials > 0.0 else "at least",
        )

    @cached_property
    def limits(self) -> tuple[PriceLimit, ...]:
        """The limits of every strategy at every threshold."""
        thresholds = self.psa.question.thresholds
        return tuple(self.limit(each, at) for each in self.compared for at in thresholds)

    def chances(self, threshold: float, price: float) -> dict[str, Chance]:
        """Return the probability that each strategy has the most net benefit at a price."""
        names = self.psa.strategies
        benefit, noise = self.inmb(threshold, price), self.inmb_noise(threshold, price)
        shares, silent = best_shares(benefit), quiet_shares(benefit, noise)
        errors = share_errors(shares, len(benefit))
        found = np.column_stack([shares, errors, silent.value, silent.se]).tolist()
        return {name: Chance(*each) for name, each in zip(names, found, strict=True)}

    def curve(self) -> pd.DataFrame:
        """Return the table `CURVE`."""
        currency = self.psa.question.perspective.currency
        rows = [
            (name, threshold, price, *chance, currency)
            for threshold in self.psa.question.thresholds
            for price in self._grid()
            for name, chance in self.chances(threshold, price).items()
            if name in self.holding
        ]
        return CURVE.table(rows).sort_values(["strategy", "threshold", "price"], ignore_index=True)

    def line(self) -> pd.DataFrame:
        """Return the table `LINE`."""
        currency = self.psa.question.perspective.currency
        return LINE.table(
            (name, price, *gain.cost, *gain.qalys, gain.covariance, currency)
            for name in self.compared
            for price in (0.0, self.step, 2.0 * self.step)
            for gain in (self.base(name, price),)
        )

    def analysis(self) -> PriceAnalysis:
        """Return the answer for every strategy at every threshold."""
        return PriceAnalysis(
            question=self.psa.question,
            regimen=self.regimen,
            parameter=self.parameter,
            price=self.price,
            draws=self.psa.draws,
            parameters_drawn=len(self.psa.parameters.columns),
            base_patients=self.psa.base_patients,
            limits=self.limits,
            vials_per_cycle={name: self.vials_per_cycle(name) for name in self.compared},
            chances={
                (each.strategy, each.threshold): (
                    self._chance(each, self.price),
                    self._chance(each, each.base.mean),
                )
                for each in self.limits
            },
            curve=self.curve(),
            line=self.line(),
        )

    def _chance(self, limit: PriceLimit, price: float) -> Chance | None:
        if not (math.isfinite(price) and price >= 0.0):
            return None
        return self.chances(limit.threshold, price)[limit.strategy]

    def _grid(self) -> list[float]:
        found = (each.mean for limit in self.limits for each in (limit.base, limit.mean))
        top = BEYOND * max(self.price, *filter(math.isfinite, found), self.step)
        grid: list[float] = np.linspace(0.0, top, PRICES).tolist()
        return grid


def parabola(t: float, none: Array, one: Array, two: Array) -> Array:
    """Return the square at t of those known at 0, 1 and 2; at least 0, whatever the rounding."""
    found = (1 - t) * (2 - t) / 2.0 * none + t * (2 - t) * one + t * (t - 1) / 2.0 * two
    return np.asarray(np.maximum(found, 0.0), dtype=np.float64)


def priced_results(
    question: Question, regimen: str, results: Callable[[Question], Psa]
) -> PricedResults:
    """Simulate the question at three prices of a regimen's vial.

    `results` simulates draws of a question, always the same draws in the same patients.

    Raises
    ------
    UserError
        When the drug does not come in vials, or its price is itself uncertain.
    """
    parameter = price_parameter(question, regimen)
    price = question.numbers[parameter]
    step = price if price > 0.0 else 1.0
    none, one, two = (
        results(_at(question, parameter, at) if at != price else question)
        for at in (0.0, step, 2.0 * step)
    )
    if parameter in one.parameters:
        raise UserError("is uncertain itself; set it in the scenario", key=parameter)
    return PricedResults(regimen, parameter, price, step, (none, one, two))


def _at(question: Question, parameter: str, price: float) -> Question:
    asked = with_numbers(question, {**question.numbers, parameter: price})
    return replace(asked, patients=question.patients, seed=question.seed)


def price_parameter(question: Question, regimen: str) -> str:
    """Return the name of the price of a regimen's vial, which all regimens of its drug share.

    Raises
    ------
    UserError
        When no strategy holds the regimen, its drug does not come in vials, or there is nothing
        to compare it with.
    """
    file, regimens = question.loaded.file, question.scenario.regimens
    if len(question.scenario.strategies) == 1:
        raise UserError("needs a strategy to compare with", file=file, key="strategies")
    if regimen not in regimens:
        problem = "no strategy of the scenario holds this regimen"
        raise UserError(problem, file=file, key="--regimen", value=regimen, choices=regimens)
    drug = question.accounts.price_list.regimens[regimen].drug
    if not isinstance(drug, InfusionDrug | InjectedDrug):
        problem = "is a mixture of generic drugs, priced by the cycle and not by the vial"
        raise UserError(problem, key="--regimen", value=regimen)
    return f"cost.{drug_of(question, regimen)}.vial"


def only_regimen(question: Question) -> str:
    """Return the first regimen whose drug comes in vials, where all have the same drug.

    Raises
    ------
    UserError
        When there is none, or they have different drugs.
    """
    prices = question.accounts.price_list.regimens
    found = {
        drug_of(question, name): name
        for name in reversed(question.scenario.regimens)
        if isinstance(prices[name].drug, InfusionDrug | InjectedDrug)
    }
    if len(found) != 1:
        problem = (
            "must be given: several drugs come in vials."
            if found
            else "is for a drug that comes in vials, and there is none"
        )
        raise UserError(
            problem, file=question.loaded.file, key="--regimen", choices=sorted(found.values())
        )
    return next(iter(found.values()))


def drug_of(question: Question, regimen: str) -> str:
    """Return the regimen that names the vial of the drug."""
    return question.catalogue.regimens[regimen].drug
