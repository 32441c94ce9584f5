"""Agreements compared with the list price and with a plain discount of the same expected cost.

Payments change no patient's course: QALYs are the same under every agreement, so that two deals of
the same expected cost have the same expected net benefit at every threshold. They differ in who
bears the risk. Over draws of the uncertain parameters, the payer's result is the incremental net
benefit and the company's is what it is paid; each is set beside that under the discount ::

    d = 1 - mean over draws of what is paid / mean over draws of what the list price would be

under which both expect the same as under the agreement.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from sim.analyses.agreement.payment import WHAT, Progress
from sim.analyses.agreement.sample import (
    Deal,
    Moments,
    Sample,
    Simulator,
    break_even,
    break_even_price,
    deals_of,
    followed_strategies,
    varied_term,
)
from sim.analyses.price.analysis import parabola
from sim.analyses.psa.acceptability import quiet_shares
from sim.analyses.psa.noise import split, without_noise
from sim.analyses.shared.result import OverDraws
from sim.clinic.units import PERCENT
from sim.economics.estimates import NOT_ESTIMABLE, Array, Estimate
from sim.errors import UserError
from sim.layout.cells import SYMBOLS, estimate_row, finite, money_text
from sim.layout.schema import Schema, count, estimated, number, strategy_name, text
from sim.scenario.agreement import Agreement
from sim.simulation.parameter_draws import draw_parameters
from sim.simulation.question import Question

AGREED: Final = "agreement"
DISCOUNT: Final = "same_cost_discount"
BASES: Final = (AGREED, DISCOUNT)
HALF: Final = 0.5
NAME: Final = text("agreement", "empty at the prices of the scenario")
BASIS: Final = text(
    "basis", "the agreement itself, or the discount of the same expected cost", BASES
)

DEALS: Final = Schema(
    "agreement.csv",
    (
        strategy_name(),
        strategy_name("comparator"),
        NAME,
        text("label"),
        text("terms", "in words"),
        *estimated(
            "paid",
            "for the drug in the line of the agreement, per patient, discounted",
            "this and all others: Monte Carlo errors",
        ),
        *estimated("borne", "by the company: the list price less what is paid"),
        number("same_cost_discount_percent", "the plain discount under which as much is paid"),
        *estimated("cost_difference", "from the comparator, per patient, discounted"),
        *estimated("qalys_difference", "the same under all agreements"),
        *estimated("icer", "in `currency` per QALY, empty unless QALYs are gained at a cost"),
        text("currency"),
    ),
)
"""The base case, a row per strategy and agreement."""
RISKS: Final = Schema(
    "agreement_risk.csv",
    (
        strategy_name(),
        NAME,
        BASIS,
        number("threshold", "in `currency` per QALY"),
        number("discount_percent", "of the basis `same_cost_discount`"),
        *estimated(
            "inmb",
            "incremental net monetary benefit of the payer, mean over draws",
            "error of draws and patients",
        ),
        number("inmb_sd", "between draws, the Monte Carlo noise taken out"),
        number("inmb_low", "2.5 % quantile over draws, noise taken out; empty if too uncertain"),
        number("inmb_high", "97.5 % quantile"),
        number("probability", "that the net benefit is above 0, noise taken out", is_given=True),
        number("probability_se"),
        number("expected_loss", "of the payer where it is below 0, mean over draws"),
        *estimated("paid", "to the company for the drug, mean over draws"),
        number("paid_sd", "as `inmb_sd`"),
        number("paid_low", "as `inmb_low`"),
        number("paid_high"),
        text("currency"),
    ),
)
"""Over draws, a row per strategy, agreement, basis and threshold."""
BREAK_EVENS: Final = Schema(
    "agreement_break_even.csv",
    (
        strategy_name(),
        NAME,
        number("threshold", "in `currency` per QALY"),
        text("term", "the term of the agreement that is varied; empty where it has none"),
        text("met", "whether the threshold is met at most or at least at `value`, always or never"),
        number("value", "of the term, in `unit`"),
        number("se", "its Monte Carlo error; a number of cycles has none"),
        text("unit"),
        text("price_met"),
        *estimated("price", "of a unit of the drug, under the agreement as it is"),
        text("currency"),
    ),
)
"""In the base case, a row per strategy, agreement and threshold."""
DRAWS: Final = Schema(
    "agreement_draws.csv",
    (
        strategy_name(),
        NAME,
        BASIS,
        count("draw"),
        *estimated("cost_difference", "from the comparator, mean of the draw's patients"),
        *estimated("qalys_difference"),
        number("covariance", "of the Monte Carlo errors of cost and QALYs"),
        *estimated("paid"),
        text("currency"),
    ),
)
"""A row per strategy, agreement, basis and draw."""
LEDGER_PATIENTS: Final = 10
LEDGER: Final = Schema(
    "agreement_payments.csv",
    (
        strategy_name(),
        NAME,
        count("patient", f"the first {LEDGER_PATIENTS} of the base case"),
        number("day", "since entry"),
        text("what", "a purchase, a later instalment or money back"),
        number("paid", "undiscounted; below 0 where the payer is paid"),
        number("paid_discounted"),
        text("currency"),
    ),
)
"""Single payments: those of a patient add up to what is paid for the drug in the line."""


@dataclass(frozen=True)
class AgreementAnalysis(OverDraws):
    """The agreements of a scenario: the tables `DEALS`, `RISKS`, `BREAK_EVENS`, `DRAWS` and `LEDGER`."""

    deals: pd.DataFrame
    risks: pd.DataFrame
    break_evens: pd.DataFrame
    drawn: pd.DataFrame
    ledger: pd.DataFrame


class Size(NamedTuple):
    """Numbers of draws, of patients of each, and of patients of the base case."""

    draws: int
    patients: int
    base_patients: int


def lives_to_simulate(question: Question, size: Size) -> int:
    """Return how many lives are simulated under strategies with an agreed drug."""
    parameters = {deal.parameter for each in deals_of(question).values() for deal in each}
    lives = size.draws * size.patients + size.base_patients
    return lives * len(followed_strategies(question, parameters))


def agreement_analysis(question: Question, size: Size, progress: Progress) -> AgreementAnalysis:
    """Compare the agreements of a question.

    Raises
    ------
    UserError
        When there is none, or a group of a budget has more patients than half a draw.
    """
    deals = deals_of(question)
    every = [deal for each in deals.values() for deal in each]
    _check_groups(question, every, size)
    simulator = Simulator(replace(question, patients=size.patients), every)
    whole = replace(question, patients=size.base_patients)
    base = simulator.sample(whole, first=0, progress=progress)
    parameters = draw_parameters(simulator.question, size.draws, question.seed)
    rows = parameters.to_numpy().tolist()
    sets = (dict(zip(parameters.columns, row, strict=True)) for row in rows)
    found = [_of_draw(sample, every) for sample in simulator.samples(sets, progress)]
    drawn = [row for each in deals.values() for row in _series(each, found)]
    currency = question.perspective.currency
    return AgreementAnalysis(
        question=simulator.question,
        draws=size.draws,
        parameters_drawn=len(parameters.columns),
        base_patients=size.base_patients,
        deals=DEALS.table(row for each in deals.values() for row in _deals(base, each)),
        risks=RISKS.table(
            row for each in drawn for row in _risks(each, question.thresholds, currency)
        ),
        break_evens=BREAK_EVENS.table(_break_evens(base, every)),
        drawn=DRAWS.table(row for each in drawn for row in each.rows(currency)),
        ledger=LEDGER.table(_ledger(base, every)),
    )


def _check_groups(question: Question, deals: Sequence[Deal], size: Size) -> None:
    most = min(size.patients, size.base_patients) // 2
    for deal in deals:
        budget = deal.agreement.budget_cap if deal.agreement is not None else None
        if budget is not None and budget.patients > most:
            s = [each.name for each in question.scenario.strategies].index(deal.strategy)
            file, line = question.loaded.place("strategies", s, "agreement", deal.name)
            problem = (
                f"a group of a budget may be half of the patients of a draw, {most:,}, at most"
            )
            raise UserError(
                f"{problem}; --patients gives more to each",
                file=file,
                line=line or None,
                key=f"strategies[{s}].agreement.{deal.name}.budget_cap.patients",
                value=budget.patients,
            )


# ------------------------------------------------------------------------------ the base case


def _deals(sample: Sample, deals: Sequence[Deal]) -> Iterator[tuple[Any, ...]]:
    question = sample.question
    listed = sample.paid(deals[0])
    for deal in deals:
        found = sample.moments(deal)
        borne = sample.mean(deal, listed - sample.paid(deal))
        is_gain = found.qalys > 0.0 and found.cost > 0.0
        yield (
            deal.strategy,
            question.scenario.comparator_name,
            deal.name,
            label_of(question, deal.strategy, deal.name),
            in_words(deal.agreement, question.perspective.currency),
            *estimate_row(found.estimate("paid"), borne),
            finite(_discount(found.paid, found.paid + borne.mean)),
            *estimate_row(found.estimate("cost"), found.estimate("qalys")),
            *estimate_row(_icer(found) if is_gain else NOT_ESTIMABLE),
            question.perspective.currency,
        )


def label_of(question: Question, strategy: str, name: str) -> str:
    """Return how an agreement is shown."""
    if not name:
        return "Price of the scenario"
    asked = next(each for each in question.scenario.strategies if each.name == strategy)
    return asked.agreement[name].label or name


def _discount(paid: float, listed: float) -> float:
    return PERCENT * (1.0 - paid / listed) if listed > 0.0 else math.nan


def _icer(found: Moments) -> Estimate:
    """Return the ICER, with its error by the delta method."""
    ratio = found.cost / found.qalys
    return Estimate(ratio, found.inmb_se(ratio) / found.qalys)


def _break_evens(sample: Sample, deals: Sequence[Deal]) -> Iterator[tuple[Any, ...]]:
    currency = sample.question.perspective.currency
    for deal in deals:
        term = varied_term(deal.agreement)
        for threshold in sample.question.thresholds:
            own, price = (each(sample, deal, threshold) for each in (break_even, break_even_price))
            yield (
                deal.strategy,
                deal.name,
                threshold,
                *(("", "") if term is None else (term, own.met)),
                *estimate_row(own.value),
                "" if term is None else unit_of(term, currency),
                price.met,
                *estimate_row(price.value),
                currency,
            )


def unit_of(term: str, currency: str) -> str:
    """Return the unit of a term."""
    if term.endswith("percent"):
        return "%"
    return "cycles" if term == "cap_cycles" else currency


def _ledger(sample: Sample, deals: Sequence[Deal]) -> Iterator[tuple[Any, ...]]:
    for deal in deals:
        found = sample.payments(deal)
        rows = zip(*(column.tolist() for column in found), strict=True)
        of_few = [row for row in rows if row[0] < LEDGER_PATIENTS]
        for patient, day, paid, present, what in sorted(of_few, key=lambda row: row[:2]):
            money = (paid, present, sample.question.perspective.currency)
            yield (deal.strategy, deal.name, patient, day, WHAT[what], *money)


# ------------------------------------------------------------------------------ the draws


class Series(NamedTuple):
    """An agreement, or the discount of the same expected cost, over draws; shape (draws,)."""

    deal: Deal
    basis: str
    discount_percent: float
    found: Moments

    def rows(self, currency: str) -> Iterator[tuple[Any, ...]]:
        """Return the rows of `DRAWS`."""
        for draw, each in enumerate(zip(*self.found, strict=True)):
            cost, qalys, paid, cost_variance, qalys_variance, covariance, paid_variance = each
            yield (
                *(self.deal.strategy, self.deal.name, self.basis, draw),
                *(cost, math.sqrt(cost_variance), qalys, math.sqrt(qalys_variance), covariance),
                *(paid, math.sqrt(paid_variance), currency),
            )


def _of_draw(sample: Sample, deals: Sequence[Deal]) -> dict[tuple[str, str | float], Moments]:
    """Return the moments of all agreements in one draw, and of three discounts by strategy."""
    found: dict[tuple[str, str | float], Moments] = {
        (deal.strategy, deal.name): sample.moments(deal) for deal in deals
    }
    for deal in deals:
        if deal.agreement is None:
            for percent in (0.0, HALF * PERCENT, PERCENT):
                plain = replace(deal, agreement=Agreement(discount_percent=percent))
                found[deal.strategy, percent] = sample.moments(plain)
    return found


def _series(
    deals: Sequence[Deal], found: Sequence[Mapping[tuple[str, str | float], Moments]]
) -> Iterator[Series]:
    strategy = deals[0].strategy

    def over_draws(key: str | float) -> Moments:
        columns = zip(*(each[strategy, key] for each in found), strict=True)
        return Moments(*(np.array(column) for column in columns))

    none, half, free = (over_draws(share * PERCENT) for share in (0.0, HALF, 1.0))
    for deal in deals:
        moments = over_draws(deal.name)
        yield Series(deal, AGREED, math.nan, moments)
        if deal.agreement is not None:
            percent = _discount(float(moments.paid.mean()), float(none.paid.mean()))
            same = discounted(none, half, free, percent / PERCENT)
            yield Series(deal, DISCOUNT, percent, same)


def discounted(none: Moments, half: Moments, free: Moments, share: float) -> Moments:
    """Return the moments at a discount from those at 0, 50 and 100 %.

    Means and the covariance with QALYs are straight lines of it, variances of costs parabolas.
    """

    def line(name: str) -> Any:  # noqa: ANN401 - as in `Moments`
        return (1.0 - share) * getattr(none, name) + share * getattr(free, name)

    def square(name: str) -> Array:
        return parabola(2.0 * share, *(getattr(each, name) for each in (none, half, free)))

    return Moments(
        cost=line("cost"),
        qalys=none.qalys,
        paid=line("paid"),
        cost_variance=square("cost_variance"),
        qalys_variance=none.qalys_variance,
        covariance=line("covariance"),
        paid_variance=square("paid_variance"),
    )


def _risks(series: Series, thresholds: Sequence[float], currency: str) -> Iterator[tuple[Any, ...]]:
    found = series.found
    paid = split(found.paid, found.paid_variance)
    for threshold in thresholds:
        benefit, noise = found.inmb(threshold), found.inmb_variance(threshold)
        spread = split(benefit, noise)
        quiet = without_noise(benefit, noise)
        chance = quiet_shares(*(np.column_stack([each, 0.0 * each]) for each in (benefit, noise)))
        yield (
            *(series.deal.strategy, series.deal.name, series.basis, threshold),
            finite(series.discount_percent),
            *map(finite, (spread.mean, spread.se, spread.between_sd, spread.low, spread.high)),
            *map(finite, (float(chance.value[0]), float(chance.se[0]))),
            finite(float(np.maximum(-quiet, 0.0).mean())),
            *map(finite, (paid.mean, paid.se, paid.between_sd, paid.low, paid.high)),
            currency,
        )


def drawn_values(
    rows: pd.DataFrame, threshold: float
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Return net benefits and payments with the variances of their noise, from rows of `DRAWS`."""
    names = ("cost_difference", "qalys_difference", "paid")
    means = [rows[name].to_numpy() for name in names]
    cost, qalys, paid = (rows[f"{name}_se"].to_numpy() ** 2 for name in names)
    found = Moments._make((*means, cost, qalys, rows["covariance"].to_numpy(), paid))
    return (found.inmb(threshold), found.inmb_variance(threshold)), (found.paid, paid)


EVENTS: Final = {"no_response": "no response", "relapse": "relapse", "death": "death"}
CONDITIONS: Final = {"in_remission": "in remission", "alive": "alive"}


def in_words(agreement: Agreement | None, currency: str) -> str:
    """Return the terms of an agreement, in their order."""
    if agreement is None:
        return "every purchase at the price of the scenario"
    symbol, words = SYMBOLS[currency], []
    if agreement.discount_percent is not None:
        words.append(f"{agreement.discount_percent:g} % off every purchase")
    if agreement.cap_cycles is not None:
        words.append(f"cycles after the first {agreement.cap_cycles} free")
    if agreement.cap_spend is not None:
        words.append(f"free beyond {money_text(agreement.cap_spend, symbol)} a patient")
    if (parts := agreement.instalments) is not None:
        words.append(
            f"{parts.number} instalments, one every {parts.every_months:g} months while "
            f"{CONDITIONS[parts.condition]}"
        )
    if (refund := agreement.refund) is not None:
        after = " or ".join(EVENTS[event] for event in refund.after)
        before = "" if refund.before_month is None else f" before month {refund.before_month:g}"
        words.append(f"{refund.percent:g} % back after {after}{before}")
    if (budget := agreement.budget_cap) is not None:
        limit = money_text(budget.amount, symbol)
        words.append(f"at most {limit} for {budget.patients:,} patients together")
    return "; ".join(words)
