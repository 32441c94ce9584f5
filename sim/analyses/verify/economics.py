"""Checks of costs and effects, valued and discounted as written, and of the decision rules on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np

from sim.analyses.verify.check import (
    ROUNDING,
    DoesNotApply,
    Finding,
    Lives,
    Subject,
    equal,
    never_above,
    none_of,
    of_each_life,
    only_where,
)
from sim.clinic.units import DAYS_PER_YEAR
from sim.economics.estimates import Array
from sim.economics.incremental import Strategy, frontier
from sim.economics.ledger import (
    COST_CATEGORIES,
    IN_HOSPITAL,
    QALY_CATEGORIES,
    Account,
    Category,
    Entry,
)
from sim.economics.prices import CellDrug, CourseDrug
from sim.simulation.run import Simulation, Trace
from sim.simulation.summary import Comparison, estimates
from sim.simulation.tally import (
    ACCOUNT_OF,
    ACCOUNTS,
    CATEGORIES,
    CATEGORY_COLUMNS,
    DISCOUNTED,
    UNDISCOUNTED,
)

TWICE: Final = 2.0
DEARER: Final = 1.25
LESS_UTILITY: Final = 0.05
WORST_UTILITY: Final = -1.0
HIGHER_RATE: Final = 0.03
"""Added to the annual rates."""
HIGHEST_RATE: Final = 0.99
SHORT_YEARS: Final = 2.0
NODES: Final = 40
"""Of the Gauss-Legendre quadrature of a stream: exact to rounding over a lifetime."""
LAST_DAY: Final = 1e-6
"""A stay is in a year of age up to a moment before its end."""
ONE_STRATEGY: Final = "there is a single strategy, and nothing to compare it with"
GRID_STEPS: Final = 400
BEYOND: Final = 2.0
"""The grid of thresholds ends so far beyond the highest threshold or ICER."""
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


# ------------------------------------------------------------------ what several checks read


def _entries(subject: Subject) -> Iterator[tuple[Trace, Entry]]:
    """Yield each entry of the ledgers with the life that it belongs to."""
    return ((life, entry) for life in subject.logs for entry in life.ledger)


def _unit_costs(subject: Subject) -> list[str]:
    """Return the names of the unit costs, without the contents of vials."""
    parameters = subject.question.parameters
    return [name for name in subject.named("cost.") if parameters[name].currency is not None]


def _both(lives: Lives, account: Account) -> Array:
    """Return undiscounted and discounted totals of each patient."""
    return np.stack([lives.total(account, discounted=discounted) for discounted in (False, True)])


def _moved(lives: Lives, others: Lives) -> int:
    """Count outcomes, and amounts that are not the cost of drugs, that differ."""
    kept = [category != Category.DRUG for category in CATEGORIES]
    same = np.array_equal(lives.rows, others.rows, equal_nan=True)
    return int(np.count_nonzero(lives.amounts[..., kept] != others.amounts[..., kept])) + (not same)


def _higher_rates(subject: Subject) -> Lives:
    """Return the lives under higher discount rates."""
    costs, effects = (
        min(rate + HIGHER_RATE, HIGHEST_RATE) for rate in subject.question.discount_rates
    )
    return subject.under(changes={"discounting": {"costs": costs, "effects": effects}})


def _rates(subject: Subject, entries: Sequence[Entry]) -> Array:
    """Return the annual discount rate of each entry."""
    costs, effects = subject.question.discount_rates
    return np.array([costs if e.category.account == Account.COST else effects for e in entries])


def _none_without(lives: Lives, categories: Sequence[Category], what: str) -> Finding:
    """Return a finding that passes where no patient has any of the amounts."""
    amounts = np.stack([lives.amount(category) for category in categories])
    return none_of(np.count_nonzero(amounts), what, amounts[0].size)


# --------------------------------------------------------------------------------- utilities


def full_health_makes_qalys_life_years(subject: Subject) -> Finding:
    """Compare QALYs and life-years of each patient in full health."""
    ones = dict.fromkeys(subject.named("utility."), 1.0)
    nothing_lost = dict.fromkeys(subject.named("decrement."), 0.0)
    lives = subject.under(ones | nothing_lost, {"switches": {"utility_age_cap": False}})
    return equal(_both(lives, Account.QALY), _both(lives, Account.LIFE_YEARS), "QALYs")


def no_utility_makes_no_qalys(subject: Subject) -> Finding:
    """Count QALYs where nothing has any utility."""
    lives = subject.under(dict.fromkeys(subject.named("utility.", "decrement."), 0.0))
    return _none_without(lives, QALY_CATEGORIES, "patients' QALYs")


def qalys_never_above_life_years(subject: Subject) -> Finding:
    """Compare QALYs and life-years of each patient, undiscounted and discounted."""
    qalys, years = (_both(subject.lives, each) for each in (Account.QALY, Account.LIFE_YEARS))
    return never_above(qalys, years, "patients' QALYs")


def lower_utilities_never_add_qalys(subject: Subject) -> Finding:
    """Compare QALYs with those under lower utilities of all states."""
    numbers, names = subject.question.numbers, subject.named("utility.")
    less = subject.under({name: max(numbers[name] - LESS_UTILITY, WORST_UTILITY) for name in names})
    fewer, before = (_both(lives, Account.QALY) for lives in (less, subject.lives))
    return never_above(fewer, before, "patients' QALYs")


def no_utility_above_the_norm(subject: Subject) -> Finding:
    """Compare the utility of each stay with the norm at its first and its last day."""
    norms = subject.question.accounts.utilities.norms
    if norms is None:
        raise DoesNotApply("the scenario does not cap utilities")
    found, limits = [], []
    for life, entry in _entries(subject):
        if entry.category == Category.QALY_STATE:
            ages = [
                int(life.patient.age_years + day / DAYS_PER_YEAR)
                for day in (entry.start_days + LAST_DAY, entry.end_days - LAST_DAY)
            ]
            days = entry.end_days - entry.start_days
            found.append(entry.undiscounted / days * DAYS_PER_YEAR)
            limits.append(min(norms.at(age, male=life.patient.male) for age in ages))
    return never_above(found, limits, "utilities of stays")


# ------------------------------------------------------------------------------------- costs


def no_prices_make_no_costs(subject: Subject) -> Finding:
    """Count costs where nothing has a price."""
    lives = subject.under(dict.fromkeys(_unit_costs(subject), 0.0))
    return _none_without(lives, COST_CATEGORIES, "patients' costs")


def doubled_prices_double_costs(subject: Subject) -> Finding:
    """Compare all amounts with those under doubled unit costs."""
    dearer = subject.under(subject.times(_unit_costs(subject), TWICE))
    factors = np.where(ACCOUNT_OF == ACCOUNTS.index(Account.COST), TWICE, 1.0)
    return equal(dearer.amounts, subject.lives.amounts * factors, "amounts")


def dearer_drugs_move_drug_costs_alone(subject: Subject) -> Finding:
    """Compare all amounts and outcomes with those under higher prices of the drugs."""
    drugs = {name for each in subject.question.deliveries for name in (each.name, each.drug)}
    of_drugs = tuple(f"cost.{name}." for name in drugs)
    prices = [name for name in _unit_costs(subject) if name.startswith(of_drugs)]
    priced = any(subject.question.numbers[name] for name in prices)
    only_where(priced, "no drug of the strategies has a price")
    dearer, before = subject.under(subject.times(prices, DEARER)), subject.lives
    rise = dearer.amount(Category.DRUG) - before.amount(Category.DRUG)
    if not np.any(rise > 0.0):
        return Finding("no cost of drugs rose", "higher costs of drugs", passed=False)
    wrong = np.count_nonzero(rise < 0.0) + _moved(dearer, before)
    return none_of(wrong, "outcomes and other amounts", before.amounts.size)


def drugs_are_bought_by_the_vial(subject: Subject) -> Finding:
    """Divide each cost of a drug at one time by the price of a vial or of a course."""
    regimens = subject.question.accounts.price_list.regimens
    numbers = []
    for life, entry in _entries(subject):
        if entry.category == Category.DRUG and entry.start_days == entry.end_days:
            drug, amount = regimens[life.regimens[entry.line]].drug, entry.undiscounted
            if isinstance(drug, CourseDrug):
                numbers.append(amount / drug.price_per_cycle)
            elif isinstance(drug, CellDrug):
                courses = np.array([drug.cells, drug.lymphodepletion, drug.bridging])
                numbers.append(amount / float(courses[np.argmin(np.abs(courses - amount))]))
            elif not subject.question.scenario.switches.vial_sharing:
                numbers.append(amount / drug.price_per_vial)
    return equal(numbers, np.maximum(np.round(numbers), 1.0), "vials and courses")


def costs_are_not_negative(subject: Subject) -> Finding:
    """Look for costs below 0 or without limit."""
    costs = subject.lives.amounts[..., ACCOUNT_OF == ACCOUNTS.index(Account.COST)]
    return none_of(~((costs >= 0.0) & (costs < np.inf)), "costs")


def without_toxicity_it_costs_nothing(subject: Subject) -> Finding:
    """Look for costs and decrements of toxicity where it is switched off."""
    lives = subject.under(changes={"switches": {"toxicity": False}})
    costs, decrements = (
        lives.amount(category) for category in (Category.TOXICITY, Category.QALY_TOXICITY)
    )
    return none_of((costs != 0.0) | (decrements != 0.0), "patients")


@of_each_life
def one_bed_for_each_patient(life: Trace) -> bool:
    """Look for lives whose paid days in hospital overlap, or go on after the end."""
    paid = [entry for entry in life.ledger if entry.what.startswith(IN_HOSPITAL)]
    stays = sorted((entry.start_days, entry.end_days) for entry in paid)
    overlap = any(after[0] < before[1] - ROUNDING for before, after in pairwise(stays))
    return overlap or any(stop > life.log[-1].time_days for _, stop in stays)


def nothing_is_posted_outside_of_a_life(subject: Subject) -> Finding:
    """Look for entries of the ledgers outside of the lives that they belong to."""
    wrong = [
        not 0.0 <= entry.start_days <= entry.end_days <= life.log[-1].time_days
        for life, entry in _entries(subject)
    ]
    return none_of(wrong, "entries of the ledgers")


# -------------------------------------------------------------------------------------- sums


def components_add_up_to_the_totals(subject: Subject) -> Finding:
    """Add up the cells of each account, and compare with its total."""
    sums = subject.lives.tally.sums
    cells = sums.cells.sum(axis=(2, 3))
    accounts = range(len(ACCOUNTS))
    totals = [cells[:, ACCOUNT_OF == account].sum(axis=1) for account in accounts]
    expected = [sums.values[:, :, CATEGORY_COLUMNS + account] for account in accounts]
    return equal(totals, expected, "totals")


# ------------------------------------------------------------------------------- discounting


def payments_are_discounted_by_the_formula(subject: Subject) -> Finding:
    """Discount the payments at one time again."""
    paid = [entry for _, entry in _entries(subject) if entry.start_days == entry.end_days]
    years = np.array([entry.start_days for entry in paid]) / DAYS_PER_YEAR
    amounts = np.array([entry.undiscounted for entry in paid])
    expected = amounts * (1.0 + _rates(subject, paid)) ** -years
    return equal([entry.discounted for entry in paid], expected, "payments")


def streams_are_discounted_by_the_integral(subject: Subject) -> Finding:
    """Integrate the discount factor over each stream by quadrature."""
    streams = [entry for _, entry in _entries(subject) if entry.start_days < entry.end_days]
    starts = np.array([[entry.start_days] for entry in streams])
    lengths = np.array([[entry.end_days] for entry in streams]) - starts
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    years = (starts + lengths * (nodes + 1.0) / 2.0) / DAYS_PER_YEAR
    mean_factors = ((1.0 + _rates(subject, streams)[:, None]) ** -years) @ weights / 2.0
    expected = np.array([entry.undiscounted for entry in streams]) * mean_factors
    return equal([entry.discounted for entry in streams], expected, "streams")


def no_rate_discounts_nothing(subject: Subject) -> Finding:
    """Compare discounted and undiscounted amounts at rates of 0."""
    amounts = subject.under(changes={"discounting": {"costs": 0.0, "effects": 0.0}}).amounts
    return equal(amounts[:, :, DISCOUNTED], amounts[:, :, UNDISCOUNTED], "amounts")


def discounting_never_adds(subject: Subject) -> Finding:
    """Compare discounted and undiscounted amounts, decrements by their size."""
    numbers = subject.question.numbers
    # Sums of utilities of both signs may fall less than their parts.
    mixed = min(numbers[name] for name in subject.named("utility.")) < 0.0
    kept = [category != Category.QALY_STATE or not mixed for category in CATEGORIES]
    amounts = np.abs(subject.lives.amounts[..., kept])
    return never_above(amounts[:, :, DISCOUNTED], amounts[:, :, UNDISCOUNTED], "amounts")


def higher_rates_lower_the_totals(subject: Subject) -> Finding:
    """Compare discounted totals with those at higher rates."""
    higher, before = _higher_rates(subject), subject.lives
    # All costs of a patient may be on the first day.
    risen = higher.total(Account.COST) > before.total(Account.COST)
    kept = higher.total(Account.LIFE_YEARS) >= before.total(Account.LIFE_YEARS)
    return none_of(risen | kept, "patients")


def rates_change_present_values_alone(subject: Subject) -> Finding:
    """Compare outcomes and undiscounted amounts with those at higher rates."""
    higher, before = _higher_rates(subject), subject.lives
    changed = higher.amounts[:, :, UNDISCOUNTED] != before.amounts[:, :, UNDISCOUNTED]
    moved = not np.array_equal(higher.rows, before.rows, equal_nan=True)
    return none_of(np.count_nonzero(changed) + moved, "undiscounted amounts", changed.size)


def shorter_horizons_never_add(subject: Subject) -> Finding:
    """Compare life-years and each category of costs with those of a shorter horizon."""
    horizon = subject.question.settings.horizon_days / DAYS_PER_YEAR
    shorter = subject.under(changes={"horizon_years": min(SHORT_YEARS, horizon / 2.0)})
    columns = [CATEGORIES.index(each) for each in (*COST_CATEGORIES, Category.LIFE)]
    fewer, before = (lives.amounts[..., columns] for lives in (shorter, subject.lives))
    return never_above(fewer, before, "amounts")


# --------------------------------------------------------------------------------- decisions


class Gain(NamedTuple):
    """Mean increments of a strategy over the comparator, from the single patients."""

    cost: float
    qalys: float
    life_years: float


def comparisons(lives: Lives) -> tuple[Comparison, ...]:
    """Return the comparisons that the program reports."""
    _, found = estimates(Simulation(lives.question, (), (), "core", lives.tally))
    return found


def _compared(subject: Subject) -> list[tuple[Comparison, Gain]]:
    """Return each comparison reported, with the increments computed anew."""
    only_where(len(subject.strategies) > 1, ONE_STRATEGY)
    accounts = (Account.COST, Account.QALY, Account.LIFE_YEARS)
    means = np.stack([subject.lives.total(each).mean(axis=0) for each in accounts], axis=1)
    gained = (means - means[subject.comparator]).tolist()
    by_name = dict(zip(subject.strategies, gained, strict=True))
    return [(each, Gain(*by_name[each.increment.strategy])) for each in comparisons(subject.lives)]


def points(subject: Subject) -> list[Strategy]:
    """Return mean cost and QALYs of each strategy."""
    costs, qalys = (
        subject.lives.total(each).mean(axis=0).tolist() for each in (Account.COST, Account.QALY)
    )
    return list(map(Strategy, subject.strategies, costs, qalys))


def increments_are_differences(subject: Subject) -> Finding:
    """Compare the reported increments with differences of means over the patients."""
    found = [(each.increment, gain) for each, gain in _compared(subject)]
    reported = [(own.cost.mean, own.qalys.mean, own.life_years.mean) for own, _ in found]
    return equal(reported, [gain for _, gain in found], "mean increments")


def icer_is_a_ratio_of_means(subject: Subject) -> Finding:
    """Compare the reported ICERs with ratios of mean differences."""
    found = [(each.increment.icer, gain) for each, gain in _compared(subject) if gain.qalys != 0.0]
    only_where(found, "no strategy differs from the comparator in QALYs")
    reported = [np.nan if icer is None else icer for icer, _ in found]
    finding = equal(reported, [gain.cost / gain.qalys for _, gain in found], "ICERs")
    missing = any(icer is None for icer, _ in found)
    return Finding("an ICER is missing", finding.allowed, False) if missing else finding


def net_benefits_add_up(subject: Subject) -> Finding:
    """Compute both benefits from the increments, at every threshold."""
    reported, expected = [], []
    for each, gain in _compared(subject):
        for threshold in subject.question.thresholds:
            money = threshold * gain.qalys - gain.cost
            reported += [each.nmb[threshold].mean / threshold, each.increment.nhb(threshold).mean]
            expected += [money / threshold, gain.qalys - gain.cost / threshold]
    return equal(reported, expected, "net benefits")


def net_benefit_and_icer_agree(subject: Subject) -> Finding:
    """Compare the sign of the net benefit with the place of the ICER, quadrant by quadrant."""
    wrong = [
        (benefit.mean > 0.0) != is_worth_it(gain.icer, gain.quadrant, threshold)
        for each in comparisons(subject.lives)
        for gain in (each.increment,)
        for threshold, benefit in each.nmb.items()
        if gain.icer is not None and gain.icer != threshold
    ]
    return none_of(wrong, "signs of net benefits")


def is_worth_it(icer: float, quadrant: str, threshold: float) -> bool:
    """Whether an ICER is on the side of the threshold that is worth its cost, by its quadrant."""
    if quadrant == "more effective and costlier":
        return icer < threshold
    if quadrant == "less effective and cheaper":
        return icer > threshold
    return quadrant == "dominant"


def frontier_rises_in_any_order(subject: Subject) -> Finding:
    """Turn and rotate the strategies; compare neighbours on the frontier."""
    given = points(subject)
    first = frontier(given)
    orders = [given[::-1], *(given[k:] + given[:k] for k in range(1, len(given)))]
    wrong = [frontier(order) != first for order in orders]
    wrong += [
        not (cost < later_cost and effect < later_effect and icer <= later_icer)
        for (cost, effect, icer), (later_cost, later_effect, later_icer) in pairwise(_steps(given))
    ]
    return none_of(wrong, "orders and steps")


def _steps(given: list[Strategy]) -> list[tuple[float, float, float]]:
    """Return cost, effect and ICER along the frontier, equals once."""
    rows = [row for row in frontier(given) if row.status == "frontier"]
    once = dict.fromkeys((row.cost, row.effect, row.icer) for row in rows)
    return [(cost, effect, -np.inf if icer is None else icer) for cost, effect, icer in once]


def frontier_has_the_most_benefit(subject: Subject) -> Finding:
    """Compare it with the largest net benefit over a grid of thresholds."""
    given = points(subject)
    steps = _steps(given)
    highest = max([*subject.question.thresholds, *(icer for *_, icer in steps)])
    wrong = []
    for threshold in np.linspace(0.0, BEYOND * highest, GRID_STEPS + 1).tolist():
        cost, effect, _ = [step for step in steps if step[2] <= threshold][-1]
        scale = max(threshold * abs(s.effect) + abs(s.cost) for s in given)
        most = max(threshold * s.effect - s.cost for s in given)
        wrong.append(threshold * effect - cost < most - ROUNDING * scale)
    return none_of(wrong, "thresholds")


def textbook_example(_: Subject) -> Finding:
    """Compare status and ICER of each strategy with those worked out by hand."""
    found = {row.name: (row.status, row.icer) for row in frontier(TEXTBOOK)}
    return none_of(
        [found.get(name) != answer for name, answer in ANSWER.items()], "strategies of the example"
    )


def one_currency(subject: Subject) -> Finding:
    """Look at the currency of each amount used, and where each threshold comes from."""
    question = subject.question
    used = [question.parameters[name] for name in question.used]
    amounts = [parameter for parameter in used if parameter.currency is not None]
    known = set(question.scenario.thresholds or ())
    known |= {question.numbers[each.name] for each in amounts if "threshold" in each.name}
    wrong = [parameter.currency != question.perspective.currency for parameter in amounts]
    wrong += [not (each in known and each > 0.0) for each in question.thresholds]
    return none_of(wrong, "amounts and thresholds")
