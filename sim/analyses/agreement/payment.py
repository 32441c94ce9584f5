"""The payments for a drug under an agreement, patient by patient, each with its date.

With a purchase k of the list price ``a_k`` at time ``t_k`` in cycle ``c_k``, the terms apply in
this order::

    discount     a_k (1 - d)
    cap_cycles   0 where c_k is at or beyond the cap, counted from 0
    cap_spend    min(a_k, what is left of the cap), purchases in the order of time
    instalments  m parts of a_k / m at t_k, t_k + w, ..., a later one only while the condition holds
    refund       - r (sum of the payments up to the event), at the event
    budget_cap   all payments of a group times min(1, limit / their sum)

Every payment is discounted from its own date, as costs are: money back is worth less than it was
when it was paid. A share of a purchase never exceeds 1, so that no cap raises what anyone pays, and
a term of 0 % multiplies by exactly 1.

Purchases and events are those of the lives of any other run: the reference engine simulates them, and
the clerk posts the purchases at a price of 1 for the drugs that are asked for and of 0 for everything
else. What is posted then are units of the drug (vials, or the cells of a patient), so that every price
can be put on the same lives.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final, NamedTuple, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
import simpy

from sim.clinic.events import Event, EventKind
from sim.clinic.patient import Patient
from sim.clinic.units import DAYS_PER_MONTH, NEVER, PERCENT
from sim.economics.clerk import entries
from sim.economics.discounting import Discounting
from sim.economics.estimates import Array
from sim.economics.ledger import Category
from sim.economics.posting import Accounts
from sim.economics.prices import (
    NO_TABLETS,
    CellDrug,
    CourseDrug,
    Drug,
    InfusionDrug,
    InjectedDrug,
    MixPrices,
    Prices,
)
from sim.economics.utilities import Decrements, StateUtilities, Utilities
from sim.engine.model import Strategy
from sim.engine.reference import BLOCK, enrol, lived, new_life
from sim.engine.streams import Streams, blocks
from sim.scenario.agreement import Agreement, BudgetCap, Instalments, Refund, RefundEvent
from sim.simulation.question import Question

Places = npt.NDArray[np.int64]
WHAT: Final = ("purchase", "later instalment", "money back")
PURCHASE, INSTALMENT, REFUND = range(len(WHAT))


class Purchases(NamedTuple):
    """Purchases of a drug at its list price; those of a patient are neighbours, in order of time.

    Attributes
    ----------
    patient
        The place of the patient, from 0.
    cycle
        Of the line, counted from 0.
    days
        Since entry.
    amount, present
        Undiscounted and discounted, in the currency of the perspective.
    """

    patient: Places
    cycle: Places
    days: Array
    amount: Array
    present: Array

    def where(self, chosen: npt.NDArray[np.bool_]) -> Purchases:
        """Return some of the purchases."""
        columns: list[Any] = [column[chosen] for column in self]
        return Purchases(*columns)

    def at(self, price: float) -> Purchases:
        """Return the purchases at so many times the price."""
        return self._replace(amount=price * self.amount, present=price * self.present)


class Courses:
    """The line in which the drug is given, a value per patient; `NEVER` for what did not happen.

    Attributes
    ----------
    start, response, no_response, relapse, death, end
        Days since entry. Without a remission `no_response` is the day of the assessment that said
        so, or of a death before it; `relapse` is that from the remission of this line; `end` is
        death or the horizon.
    """

    def __init__(self, columns: Array, costs: Discounting) -> None:
        self.start, self.response, self.no_response, self.relapse, self.death, self.end = columns
        self.costs = costs
        self.patients = len(self.start)

    @cached_property
    def worth(self) -> dict[str, Array]:
        """Discount factors at each event of `Refund`; 0 where it did not happen."""
        return {
            event: np.array(
                [
                    self.costs.factor(days) if days < NEVER else 0.0
                    for days in self.days_of(event).tolist()
                ]
            )
            for event in get_args(RefundEvent)
        }

    def days_of(self, event: str) -> Array:
        """Return the days of an event of `Refund`."""
        found: Array = getattr(self, event)
        return found


class Payments(NamedTuple):
    """Payments of the payer, a row each; money back is below 0.

    Columns as in `Purchases`; `what` is the place of a word in `WHAT`.
    """

    patient: Places
    days: Array
    amount: Array
    present: Array
    what: npt.NDArray[np.int8]

    def totals(self, patients: int) -> tuple[Array, Array]:
        """Return the sum of each patient, undiscounted and discounted."""
        return (
            summed(self.patient, self.amount, patients),
            summed(self.patient, self.present, patients),
        )


def summed(patient: Places, values: Array, patients: int) -> Array:
    """Return the sum of each patient's values, added in their order."""
    return np.bincount(patient, values, patients).astype(np.float64, copy=False)


def payments(agreement: Agreement | None, bought: Purchases, courses: Courses) -> Payments:
    """Return the payments for purchases under an agreement; without one, at the list price.

    The courses are those of all patients, with a purchase or without.
    """
    if agreement is None:
        return _at_once(bought, np.ones(len(bought.amount)))
    paid = _at_once(bought, shares(agreement, bought))
    if agreement.instalments is not None:
        paid = _in_parts(agreement.instalments, paid, courses)
    if agreement.refund is not None:
        paid = _with_refund(agreement.refund, paid, courses)
    if agreement.budget_cap is not None:
        paid = _within(agreement.budget_cap, paid, courses.patients)
    return paid


def shares(agreement: Agreement, bought: Purchases) -> Array:
    """Return the share of each purchase that is paid after discount and caps, 0 to 1."""
    share = np.ones(len(bought.amount))
    if agreement.discount_percent is not None:
        share *= 1.0 - agreement.discount_percent / PERCENT
    if agreement.cap_cycles is not None:
        share *= bought.cycle < agreement.cap_cycles
    if agreement.cap_spend is not None:
        amount = share * bought.amount
        spent = pd.Series(amount).groupby(bought.patient).cumsum().to_numpy() - amount
        left = np.minimum(amount, np.maximum(agreement.cap_spend - spent, 0.0))
        share *= np.divide(left, amount, out=np.ones_like(amount), where=amount > 0.0)
    return share


def _at_once(bought: Purchases, share: Array) -> Payments:
    return Payments(
        bought.patient,
        bought.days,
        share * bought.amount,
        share * bought.present,
        np.full(len(share), PURCHASE, np.int8),
    )


def _in_parts(terms: Instalments, paid: Payments, courses: Courses) -> Payments:
    number = terms.number
    first = paid._replace(amount=paid.amount / number, present=paid.present / number)
    found = [first]
    since, until = np.zeros(courses.patients), courses.death
    if terms.condition == "in_remission":
        until, since = np.minimum(until, courses.relapse), courses.response
    for part in range(1, number):
        later = part * terms.every_months * DAYS_PER_MONTH
        due = paid.days + later
        holds = (due >= since[paid.patient]) & (due < until[paid.patient])
        holds &= due <= courses.end[paid.patient]
        found.append(
            Payments(
                paid.patient[holds],
                due[holds],
                first.amount[holds],
                first.present[holds] * courses.costs.factor(later),
                np.full(int(holds.sum()), INSTALMENT, np.int8),
            )
        )
    return _joined(found)


def _with_refund(terms: Refund, paid: Payments, courses: Courses) -> Payments:
    event, worth = np.full(courses.patients, NEVER), np.zeros(courses.patients)
    for name in terms.after:
        days = courses.days_of(name)
        worth = np.where(days < event, courses.worth[name], worth)
        event = np.minimum(event, days)
    happened = event < NEVER
    if terms.before_month is not None:
        happened &= event < courses.start + terms.before_month * DAYS_PER_MONTH
    by_then = paid.days <= event[paid.patient]
    sums = summed(paid.patient[by_then], paid.amount[by_then], courses.patients)
    who = np.flatnonzero(happened & (sums > 0.0))
    back: Array = terms.percent / PERCENT * sums[who]
    what = np.full(len(who), REFUND, np.int8)
    return _joined([paid, Payments(who, event[who], -back, -back * worth[who], what)])


def _within(terms: BudgetCap, paid: Payments, patients: int) -> Payments:
    group = groups(terms, patients)
    limits = terms.amount * np.bincount(group) / terms.patients
    sums = summed(group[paid.patient], paid.amount, len(limits))
    factor = np.divide(limits, sums, out=np.ones_like(sums), where=sums > limits)
    each = factor[group[paid.patient]]
    return paid._replace(amount=each * paid.amount, present=each * paid.present)


def groups(terms: BudgetCap | None, patients: int) -> Places:
    """Return the group of each patient; everyone is their own without a budget.

    The last group may be a part of one, and then has that part of the budget.
    """
    return np.arange(patients) // (1 if terms is None else terms.patients)


def _joined(parts: list[Payments]) -> Payments:
    columns: list[Any] = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return Payments(*columns)


Progress = Callable[[int], None]
FREE: Final = 0.0
COLUMNS: Final = 6


def price_parameter(question: Question, regimen: str) -> str | None:
    """Return the name of the price of a regimen's drug; None for a mixture of generic drugs."""
    drug = question.accounts.price_list.regimens[regimen].drug
    name = question.catalogue.regimens[regimen].drug
    if isinstance(drug, InfusionDrug | InjectedDrug):
        return f"cost.{name}.vial"
    return f"cost.{name}.cells" if isinstance(drug, CellDrug) else None


def unit_accounts(question: Question, parameters: Collection[str]) -> Accounts:
    """Return accounts in which these prices are 1, and all others and all utilities 0."""
    accounts = question.accounts
    regimens = {
        name: replace(
            regimen,
            drug=_priced(
                regimen.drug, 1.0 if price_parameter(question, name) in parameters else FREE
            ),
            tablets=NO_TABLETS,
        )
        for name, regimen in accounts.price_list.regimens.items()
    }
    return replace(
        accounts,
        price_list=replace(
            accounts.price_list, prices=Prices(*[FREE] * len(Prices._fields)), regimens=regimens
        ),
        utilities=Utilities(
            StateUtilities(*[0.0] * len(StateUtilities._fields)),
            Decrements(*[0.0] * len(Decrements._fields)),
            None,
        ),
    )


def _priced(drug: Drug, price: float) -> Drug:
    if isinstance(drug, InfusionDrug | InjectedDrug):
        return drug._replace(price_per_vial=price)
    if isinstance(drug, CourseDrug):
        return drug._replace(prices=MixPrices(*[FREE] * len(MixPrices._fields)))
    return drug._replace(
        cells=price,
        lymphodepletion=FREE,
        leukapheresis=FREE,
        bridging=FREE,
        immunoglobulin_per_day=FREE,
    )


def logs(
    question: Question, strategy: Strategy, first: int, count: int
) -> Iterator[tuple[Patient, list[Event]]]:
    """Simulate `count` patients from number `first` on; yield each with the log, in order."""
    model = question.model
    world = model.world(question.seed)
    for start, size in blocks(count, BLOCK):
        streams = Streams(question.seed, first + start, size)
        environment = simpy.Environment()
        lives = [
            new_life(model, strategy, enrol(number, model, streams), streams)
            for number in range(first + start, first + start + size)
        ]
        for life in lives:
            environment.process(lived(environment, world, life))
        environment.run()
        for life in lives:
            yield life.patient, life.log


@dataclass(frozen=True)
class Followed:
    """Patients under one strategy, as far as payments need it.

    Attributes
    ----------
    line
        Of each purchase.
    units
        Purchases of the drugs at a price of 1.
    courses
        By line, of the lines with an agreement.
    """

    line: Places
    units: Purchases
    courses: Mapping[int, Courses]

    @cached_property
    def by_line(self) -> dict[int, Purchases]:
        """The units bought in each line with a purchase."""
        return {line: self.units.where(self.line == line) for line in np.unique(self.line).tolist()}

    def bought(self, line: int) -> Purchases:
        """Return the units bought in a line."""
        return self.by_line.get(line) or self.units.where(self.line == line)


def follow(
    question: Question,
    strategy: Strategy,
    parameters: Collection[str],
    lines: Collection[int],
    *,
    first: int,
    count: int,
    progress: Progress = lambda _: None,
) -> Followed:
    """Simulate `count` patients from number `first` on, and take down what payments depend on.

    These are the purchases of the drugs whose prices are the `parameters`, and the events of the
    `lines`, counted from 0. `progress` is called with the number of patients finished since the last
    call.
    """
    accounts = unit_accounts(question, parameters)
    regimens = tuple(regimen.name for regimen in strategy.regimens)
    rows: list[tuple[int, int, int, float, float, float]] = []
    events: dict[int, list[tuple[float, ...]]] = {line: [] for line in lines}
    for place, (patient, log) in enumerate(logs(question, strategy, first, count)):
        starts = cycle_starts(log)
        for entry in entries(accounts, regimens, patient, log):
            if entry.category == Category.DRUG:
                cycle = max(bisect_right(starts.get(entry.line, ()), entry.start_days) - 1, 0)
                amounts = (entry.start_days, entry.undiscounted, entry.discounted)
                rows.append((place, entry.line, cycle, *amounts))
        for line, known in events.items():
            known.append(course(log, line))
        progress(1)
    table = np.array(rows).reshape(-1, COLUMNS)
    table = table[np.lexsort((table[:, 3], table[:, 0]))]
    patients, of_line, cycles = (table[:, column].astype(np.int64) for column in range(3))
    return Followed(
        of_line,
        Purchases(patients, cycles, table[:, 3], table[:, 4], table[:, 5]),
        {
            line: Courses(np.array(known).reshape(-1, COLUMNS).T, question.accounts.costs)
            for line, known in events.items()
        },
    )


def cycle_starts(log: Sequence[Event]) -> dict[int, list[float]]:
    """Return the days on which the cycles of each line begin."""
    starts: dict[int, list[float]] = {}
    for event in log:
        if event.kind == EventKind.CYCLE_STARTED:
            starts.setdefault(event.line, []).append(event.time_days)
    return starts


def course(log: Sequence[Event], line: int) -> tuple[float, ...]:
    """Return the days of the events of a line, in the order of `Courses`.

    A patient who enters with MRD only is in remission from the first day; no response is then MRD
    that is still there when it is assessed.
    """
    days: dict[EventKind, float] = {}
    not_negative = NEVER
    for event in log:
        if event.line == line and event.kind not in days:
            days[event.kind] = event.time_days
            if event.kind == EventKind.MRD_ASSESSED and event.value == 0.0:
                not_negative = event.time_days
    last = log[-1]
    response = days.get(EventKind.RESPONSE, NEVER)
    if line == 0 and log[0].detail == 1:
        response = 0.0
    no_response = min(days.get(EventKind.NO_RESPONSE, NEVER), not_negative)
    death = last.time_days if last.kind == EventKind.DEATH else NEVER
    started = EventKind.LINE_STARTED in days
    if started and last.line == line and response == NEVER:
        no_response = min(no_response, death)
    return (
        days.get(EventKind.LINE_STARTED, NEVER),
        response,
        no_response,
        days.get(EventKind.RELAPSE, NEVER),
        death,
        last.time_days,
    )
