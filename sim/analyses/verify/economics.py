"""Checks of costs and effects: valued as written, added up, discounted by the formula."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from sim.analyses.verify.changes import named, times, unit_costs
from sim.analyses.verify.check import (
    ROUNDING,
    Finding,
    Group,
    does_not_apply,
    equal,
    never_above,
    none_of,
)
from sim.analyses.verify.subject import Lives, Subject
from sim.clinic.units import DAYS_PER_YEAR
from sim.economics.estimates import Array
from sim.economics.ledger import (
    COST_CATEGORIES,
    IN_HOSPITAL,
    QALY_CATEGORIES,
    Account,
    Category,
    Entry,
)
from sim.economics.prices import CellDrug, CourseDrug
from sim.simulation.run import Trace
from sim.simulation.tally import ACCOUNT_OF, ACCOUNTS, CATEGORIES, CATEGORY_COLUMNS, DISCOUNTED

ECONOMICS: Final = Group("economics")
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
WITHOUT_CAP: Final = {"switches": {"utility_age_cap": False}}
UNDISCOUNTED_RATES: Final = {"discounting": {"costs": 0.0, "effects": 0.0}}
NO_TOXICITY: Final = {"switches": {"toxicity": False}}


# ------------------------------------------------------------------ what several checks read


def _entries(subject: Subject) -> Iterator[tuple[Trace, Entry]]:
    """Yield each entry of the ledgers with the life that it belongs to."""
    return ((life, entry) for life in subject.logs for entry in life.ledger)


def _both(lives: Lives, account: Account) -> Array:
    """Return undiscounted and discounted totals of each patient."""
    return np.stack([lives.total(account, discounted=discounted) for discounted in (False, True)])


def _moved(lives: Lives, others: Lives, *except_for: Category) -> int:
    """Count outcomes and amounts that differ between two sets of lives."""
    kept = [i for i, category in enumerate(CATEGORIES) if category not in except_for]
    same = np.array_equal(lives.rows, others.rows, equal_nan=True)
    return int(np.count_nonzero(lives.amounts[..., kept] != others.amounts[..., kept])) + (not same)


def _no_rates(subject: Subject) -> Lives:
    """Return the lives without discounting."""
    return subject.under({}, UNDISCOUNTED_RATES)


def _higher_rates(subject: Subject) -> Lives:
    """Return the lives under higher discount rates."""
    costs, effects = (
        min(rate + HIGHER_RATE, HIGHEST_RATE) for rate in subject.question.discount_rates
    )
    return subject.under({}, {"discounting": {"costs": costs, "effects": effects}})


def _rates(subject: Subject, entries: Sequence[Entry]) -> Array:
    """Return the annual discount rate of each entry."""
    costs, effects = subject.question.discount_rates
    return np.array([costs if e.category.account == Account.COST else effects for e in entries])


# --------------------------------------------------------------------------------- utilities


@ECONOMICS.check(
    "With every utility at 1 and no decrement, QALYs are life-years.",
    standard="TECH-VER; Dasbach and Elbasha",
    advice="A stay has no utility, or a decrement is not a parameter; see stay in "
    "sim/economics/clerk.py.",
)
def full_health_makes_qalys_life_years(subject: Subject) -> Finding:
    """Compare QALYs and life-years of each patient in full health."""
    ones = dict.fromkeys(named(subject, "utility."), 1.0)
    nothing_lost = dict.fromkeys(named(subject, "decrement."), 0.0)
    lives = subject.under(ones | nothing_lost, WITHOUT_CAP)
    return equal(_both(lives, Account.QALY), _both(lives, Account.LIFE_YEARS), "QALYs")


@ECONOMICS.check(
    "With every utility and decrement at 0 there are no QALYs.",
    standard="TECH-VER",
    advice="QALYs come from elsewhere than the utilities; see sim/economics/clerk.py.",
)
def no_utility_makes_no_qalys(subject: Subject) -> Finding:
    """Count QALYs where nothing has any utility."""
    lives = subject.under(dict.fromkeys(named(subject, "utility.", "decrement."), 0.0))
    wrong = [np.count_nonzero(lives.amount(category)) for category in QALY_CATEGORIES]
    return none_of(int(sum(wrong)), lives.rows[:, :, 0].size, "patients' QALYs")


@ECONOMICS.check(
    "No patient has more QALYs than life-years.",
    standard="TECH-VER; Philips C1",
    advice="A utility is above 1, or time is counted twice.",
)
def qalys_never_above_life_years(subject: Subject) -> Finding:
    """Compare QALYs and life-years of each patient, undiscounted and discounted."""
    lives = subject.lives
    return never_above(
        _both(lives, Account.QALY), _both(lives, Account.LIFE_YEARS), "patients' QALYs"
    )


@ECONOMICS.check(
    "Lower utilities never add QALYs.",
    standard="TECH-VER",
    advice="A utility is applied with the wrong sign; see sim/economics/utilities.py.",
)
def lower_utilities_never_add_qalys(subject: Subject) -> Finding:
    """Compare QALYs with those under lower utilities of all states."""
    numbers = subject.question.numbers
    lower = {
        name: max(numbers[name] - LESS_UTILITY, WORST_UTILITY)
        for name in named(subject, "utility.")
    }
    less = subject.under(lower)
    return never_above(
        _both(less, Account.QALY), _both(subject.lives, Account.QALY), "patients' QALYs"
    )


@ECONOMICS.check(
    "No utility of a patient is above that of the general population at the attained age.",
    standard="TECH-VER; NICE PMG36 4.3",
    advice="Look at enjoy_capped in sim/economics/clerk.py.",
)
def no_utility_above_the_norm(subject: Subject) -> Finding:
    """Compare the utility of each stay with the norm at its first and its last day."""
    norms = subject.question.accounts.utilities.norms
    if norms is None:
        return does_not_apply("the scenario does not cap utilities")
    found, limits = [], []
    for life, entry in _entries(subject):
        if entry.category == Category.QALY_STATE:
            days = entry.end_days - entry.start_days
            ages = [
                int(life.patient.age_years + day / DAYS_PER_YEAR)
                for day in (entry.start_days + LAST_DAY, entry.end_days - LAST_DAY)
            ]
            found.append(entry.undiscounted / days * DAYS_PER_YEAR)
            limits.append(min(norms.at(age, male=life.patient.male) for age in ages))
    return never_above(found, limits, "utilities of stays")


# ------------------------------------------------------------------------------------- costs


@ECONOMICS.check(
    "With every unit cost at 0 there are no costs.",
    standard="TECH-VER; Dasbach and Elbasha",
    advice="A cost is no parameter; see sim/economics/clerk.py.",
)
def no_prices_make_no_costs(subject: Subject) -> Finding:
    """Count costs where nothing has a price."""
    lives = subject.under(dict.fromkeys(unit_costs(subject), 0.0))
    wrong = [np.count_nonzero(lives.amount(category)) for category in COST_CATEGORIES]
    return none_of(int(sum(wrong)), lives.rows[:, :, 0].size, "patients' costs")


@ECONOMICS.check(
    "Doubled unit costs double every cost, and change nothing else.",
    standard="TECH-VER; Dasbach and Elbasha",
    advice="A cost is not proportional to its unit cost; see sim/economics/prices.py.",
)
def doubled_prices_double_costs(subject: Subject) -> Finding:
    """Compare all amounts with those under doubled unit costs."""
    dearer, before = subject.under(times(subject, unit_costs(subject), TWICE)), subject.lives
    is_cost = ACCOUNT_OF == ACCOUNTS.index(Account.COST)
    return equal(dearer.amounts, before.amounts * np.where(is_cost, TWICE, 1.0), "amounts")


@ECONOMICS.check(
    "Dearer drugs raise the cost of drugs alone, and change no life.",
    standard="TECH-VER; Dasbach and Elbasha",
    advice="The price of a drug is used where it does not belong, or the course depends on costs.",
)
def dearer_drugs_move_drug_costs_alone(subject: Subject) -> Finding:
    """Compare all amounts and outcomes with those under higher prices of the drugs."""
    drugs = {name for each in subject.question.deliveries for name in (each.name, each.drug)}
    of_drugs = tuple(f"cost.{name}." for name in drugs)
    prices = [name for name in unit_costs(subject) if name.startswith(of_drugs)]
    if not any(subject.question.numbers[name] for name in prices):
        return does_not_apply("no drug of the strategies has a price")
    dearer, before = subject.under(times(subject, prices, DEARER)), subject.lives
    if not np.any(dearer.amount(Category.DRUG) > before.amount(Category.DRUG)):
        return Finding("no cost of drugs rose", "higher costs of drugs", passed=False)
    fallen = np.count_nonzero(dearer.amount(Category.DRUG) < before.amount(Category.DRUG))
    wrong = int(fallen) + _moved(dearer, before, Category.DRUG)
    return none_of(wrong, before.amounts.size, "outcomes and other amounts")


@ECONOMICS.check(
    "The cost of drugs is that of whole vials, unless they are shared, and of whole courses.",
    standard="TECH-VER; Drummond 5; Dasbach and Elbasha",
    advice="Look at inject, hang and open_cycle in sim/economics/clerk.py.",
)
def drugs_are_bought_by_the_vial(subject: Subject) -> Finding:
    """Divide each cost of a drug at one time by the price of a vial or of a course."""
    regimens = subject.question.accounts.price_list.regimens
    numbers = []
    for life, entry in _entries(subject):
        if entry.category == Category.DRUG and entry.start_days == entry.end_days:
            drug = regimens[life.regimens[entry.line]].drug
            if isinstance(drug, CourseDrug):
                numbers.append(entry.undiscounted / drug.price_per_cycle)
            elif isinstance(drug, CellDrug):
                courses = (drug.cells, drug.lymphodepletion, drug.bridging)
                numbers.append(_of_the_nearest(courses, entry.undiscounted))
            elif not subject.question.scenario.switches.vial_sharing:
                numbers.append(entry.undiscounted / drug.price_per_vial)
    return equal(numbers, np.maximum(np.round(numbers), 1.0), "vials and courses")


def _of_the_nearest(prices: tuple[float, ...], amount: float) -> float:
    """Return an amount divided by the price that is nearest to it."""
    return amount / min(prices, key=lambda price: abs(price - amount))


@ECONOMICS.check(
    "Every cost is a finite amount that is not negative.",
    standard="TECH-VER; Philips C1",
    advice="A unit cost is negative, or a stream ends before it begins.",
)
def costs_are_not_negative(subject: Subject) -> Finding:
    """Look for costs below 0 or without limit."""
    costs = subject.lives.amounts[..., ACCOUNT_OF == ACCOUNTS.index(Account.COST)]
    return none_of(int(np.count_nonzero(~((costs >= 0.0) & (costs < np.inf)))), costs.size, "costs")


@ECONOMICS.check(
    "Without toxicity it costs nothing, in money and in QALYs.",
    standard="AdViSHE C2; TECH-VER",
    advice="Look at treat_toxicity in sim/economics/clerk.py.",
)
def without_toxicity_it_costs_nothing(subject: Subject) -> Finding:
    """Look for costs and decrements of toxicity where it is switched off."""
    lives = subject.under({}, NO_TOXICITY)
    wrong = (lives.amount(Category.TOXICITY) != 0.0) | (lives.amount(Category.QALY_TOXICITY) != 0.0)
    return none_of(int(np.count_nonzero(wrong)), wrong.size, "patients")


@ECONOMICS.check(
    "Nobody is in hospital twice at a time, nor for longer than alive.",
    standard="TECH-VER",
    advice="Look at planned_stay and home_from in sim/economics/clerk.py.",
)
def one_bed_for_each_patient(subject: Subject) -> Finding:
    """Count lives whose paid days in hospital overlap, or go on after the end."""

    def wrong(life: Trace) -> bool:
        stays = sorted(
            (each.start_days, each.end_days)
            for each in life.ledger
            if each.what.startswith(IN_HOSPITAL)
        )
        overlap = any(after[0] < before[1] - ROUNDING for before, after in pairwise(stays))
        return overlap or any(stop > life.log[-1].time_days for _, stop in stays)

    return none_of(sum(map(wrong, subject.logs)), len(subject.logs), "lives")


@ECONOMICS.check(
    "Nothing is paid or lived before entry, after the end, or backwards in time.",
    standard="TECH-VER; ISPOR-SMDM 4",
    advice="Look at post_point and post_stream in sim/economics/posting.py.",
)
def nothing_is_posted_outside_of_a_life(subject: Subject) -> Finding:
    """Count entries of the ledgers outside of the lives that they belong to."""
    wrong = [
        not 0.0 <= entry.start_days <= entry.end_days <= life.log[-1].time_days
        for life, entry in _entries(subject)
    ]
    return none_of(sum(wrong), len(wrong), "entries of the ledgers")


# -------------------------------------------------------------------------------------- sums


@ECONOMICS.check(
    "Amounts by category, line of treatment and health state add up to the totals.",
    standard="TECH-VER; NICE PMG36 4.10.4",
    advice="Look at sim/simulation/tally.py and at the cells of sim/simulation/core_run.py.",
)
def components_add_up_to_the_totals(subject: Subject) -> Finding:
    """Add up the cells of each account, and compare with its total."""
    sums = subject.lives.tally.sums
    cells = sums.cells.sum(axis=(2, 3))
    accounts = range(len(ACCOUNTS))
    totals = [cells[:, ACCOUNT_OF == account].sum(axis=1) for account in accounts]
    expected = [sums.values[:, :, CATEGORY_COLUMNS + account] for account in accounts]
    return equal(totals, expected, "totals")


# ------------------------------------------------------------------------------- discounting


@ECONOMICS.check(
    "A single payment is discounted by (1 + rate) to the power of its years.",
    standard="TECH-VER; Drummond 7; NICE PMG36 4.5",
    advice="Look at factor_at in sim/economics/discounting.py.",
)
def payments_are_discounted_by_the_formula(subject: Subject) -> Finding:
    """Discount the payments at one time again."""
    paid = [entry for _, entry in _entries(subject) if entry.start_days == entry.end_days]
    years = np.array([entry.start_days for entry in paid]) / DAYS_PER_YEAR
    amounts = np.array([entry.undiscounted for entry in paid])
    expected = amounts * (1.0 + _rates(subject, paid)) ** -years
    return equal([entry.discounted for entry in paid], expected, "payments")


@ECONOMICS.check(
    "A stream is discounted by the integral of the discount factor over its time.",
    standard="TECH-VER; Drummond 7; NICE PMG36 4.5",
    advice="Look at days_between in sim/economics/discounting.py.",
)
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


@ECONOMICS.check(
    "At discount rates of 0, discounted and undiscounted amounts are equal.",
    standard="TECH-VER; Drummond 7",
    advice="Look at sim/economics/discounting.py.",
)
def no_rate_discounts_nothing(subject: Subject) -> Finding:
    """Compare discounted and undiscounted amounts at rates of 0."""
    amounts = _no_rates(subject).amounts
    return equal(amounts[:, :, DISCOUNTED], amounts[:, :, 1 - DISCOUNTED], "amounts")


@ECONOMICS.check(
    "No discounted amount is above the undiscounted one.",
    standard="TECH-VER; Drummond 7",
    advice="A discount rate is negative, or is applied the wrong way round.",
)
def discounting_never_adds(subject: Subject) -> Finding:
    """Compare discounted and undiscounted amounts, decrements by their size."""
    numbers = subject.question.numbers
    # Sums of utilities of both signs may fall less than their parts.
    mixed = min(numbers[name] for name in named(subject, "utility.")) < 0.0
    kept = [category != Category.QALY_STATE or not mixed for category in CATEGORIES]
    amounts = np.abs(subject.lives.amounts[..., kept])
    return never_above(amounts[:, :, DISCOUNTED], amounts[:, :, 1 - DISCOUNTED], "amounts")


@ECONOMICS.check(
    "Higher discount rates lower every patient's life-years, and raise nobody's costs.",
    standard="TECH-VER; Drummond 7; NICE PMG36 4.5",
    advice="Look at sim/economics/discounting.py, and whether costs and effects have their own rate.",
)
def higher_rates_lower_the_totals(subject: Subject) -> Finding:
    """Compare discounted totals with those at higher rates."""
    higher, before = _higher_rates(subject), subject.lives
    # All costs of a patient may be on the first day.
    risen = higher.total(Account.COST) > before.total(Account.COST)
    kept = higher.total(Account.LIFE_YEARS) >= before.total(Account.LIFE_YEARS)
    return none_of(int(np.count_nonzero(risen | kept)), kept.size, "patients")


@ECONOMICS.check(
    "The discount rates change neither lives nor undiscounted amounts.",
    standard="TECH-VER; Drummond 7; Second Panel",
    advice="A rate is read by something else than sim/economics/discounting.py.",
)
def rates_change_present_values_alone(subject: Subject) -> Finding:
    """Compare outcomes and undiscounted amounts with those at higher rates."""
    higher, before = _higher_rates(subject), subject.lives
    undiscounted = 1 - DISCOUNTED
    changed = higher.amounts[:, :, undiscounted] != before.amounts[:, :, undiscounted]
    moved = not np.array_equal(higher.rows, before.rows, equal_nan=True)
    return none_of(int(np.count_nonzero(changed)) + moved, changed.size, "undiscounted amounts")


@ECONOMICS.check(
    "A shorter horizon never adds life-years or costs, patient by patient.",
    standard="TECH-VER; NICE PMG36 4.2.22",
    advice="Something is posted beyond the horizon; see sim/economics/posting.py.",
)
def shorter_horizons_never_add(subject: Subject) -> Finding:
    """Compare life-years and each category of costs with those of a shorter horizon."""
    horizon = subject.question.settings.horizon_days / DAYS_PER_YEAR
    shorter = subject.under({}, {"horizon_years": min(SHORT_YEARS, horizon / 2.0)})
    columns = [CATEGORIES.index(each) for each in (*COST_CATEGORIES, Category.LIFE)]
    return never_above(
        shorter.amounts[..., columns], subject.lives.amounts[..., columns], "amounts"
    )
