"""The simulated patients as a partitioned survival model would value them.

Overall and event-free survival of the patients of each strategy are all that the partition knows.
What the simulation adds, time on treatment, depth of remission, transplant, later lines,
complications and age, is its structure: what each part of it is worth follows from the time in each
state of the ledger, not from the curves. Source: NICE DSU Technical Support Document 19, which asks
for a state-transition model beside a partitioned one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from sim.analyses.verify.check import Lives, Subject, once
from sim.analyses.verify.partitioned_survival import Curves, Tariff, Totals, curves, partitioned
from sim.clinic.units import DAYS_PER_MONTH, DAYS_PER_YEAR
from sim.economics.estimates import Array, Estimate, mean
from sim.economics.ledger import Account, Category, State
from sim.economics.prices import CellDrug
from sim.economics.utilities import StateUtilities
from sim.layout.cells import NOTHING, SYMBOLS, amount, number
from sim.layout.schema import Schema, strategy_name, text
from sim.layout.schema import number as numbers
from sim.layout.table import Cell, Row, Table
from sim.simulation.tally import CATEGORIES, DISCOUNTED

CYCLE_DAYS: Final = 1.0
"""Of the partition, with a half-cycle correction."""
HALF_A_CYCLE_YEARS: Final = CYCLE_DAYS / 2.0 / DAYS_PER_YEAR
"""The most that the partition's cycle moves the time of any life under one curve."""
REMISSION: Final = (State.COMPLETE_REMISSION, State.INCOMPLETE_REMISSION)
TRANSPLANTED: Final = (State.TRANSPLANT_FIRST_YEAR, State.AFTER_TRANSPLANT)
WITHOUT_CAP: Final = {"switches": {"utility_age_cap": False}}
TREATMENT: Final = "time on treatment"
DEPTH: Final = "depth of remission"
TRANSPLANT: Final = "transplant"
LATER_LINES: Final = "later lines"
TOXICITY: Final = "toxicity"
GVHD: Final = "GVHD"
AGE: Final = "age"
STATES_AND_LINES: Final = "states and lines"
"""The parts that are not told apart where no regimen begins a strategy: its lines have one number."""
IN_STATES: Final = (TREATMENT, DEPTH, TRANSPLANT, LATER_LINES, STATES_AND_LINES)
PARTS: Final = (*IN_STATES, TOXICITY, GVHD, AGE)
DIGITS: Final = 3
TITLE: Final = "Partitioned survival of the same patients (standard error)"
LIFE_YEARS: Final = "life_years"
QALYS: Final = "qalys"
QALYS_GAINED: Final = "qalys_gained"
AFTER_FAILURE: Final = "cost_after_failure"
FOLLOW_UP: Final = "cost_follow_up"
STRUCTURE: Final = "structure."
CYCLE: Final = "cycle of the partition"
TABLE: Final = Schema(
    "partitioned_survival.csv",
    (
        strategy_name(),
        text("name", "as shown"),
        text("comparator", f"of `{QALYS_GAINED}`"),
        text("item", f"an outcome, or a part of the difference in QALYs after `{STRUCTURE}`"),
        numbers("simulated", "mean per patient, discounted"),
        numbers("simulated_se"),
        numbers("partitioned", "in a partitioned survival model of the same patients"),
        numbers("difference", "simulated less partitioned"),
        numbers("difference_se", "paired by patient"),
        text("unit"),
    ),
)
"""Several rows for each strategy."""
MEANING: Final = (
    "The partition knows overall and event-free survival of the simulated patients and no more: a "
    "utility before the event, that of remission, and one after it, that of relapsed or refractory "
    "disease. Life-years agree by construction of a sound model; the difference in QALYs is "
    "structure, divided below it."
)
COSTS: Final = (
    "Of the costs, care after failure and follow-up have a price by the month and are charged there "
    "for all time in the state, cured patients after a "
    "later transplant included. Drugs, hospital, toxicity and transplant are paid by vial, day, "
    "episode and package: a price by the month of a state could only be taken from this simulation, "
    "and would agree with it without showing anything."
)


@dataclass(frozen=True)
class Compared:
    """A strategy in both models; costs and effects per patient, discounted.

    Attributes
    ----------
    strategy, name
        Its name, and that which is shown.
    life_years, after_failure, follow_up
        Of the simulation, with Monte Carlo errors; the last two are the costs by the month, after
        failure and in remission.
    qalys, beyond
        Of each simulated patient, and how much more that is than in the partition.
    tariff, partition
        Of the partition, costs at their rate; the effects of `partition` are at theirs.
    first_remission_years
        Of the ledger: before remission of those who respond, and from then on to the event; None
        where no regimen begins the strategy.
    waiting_cost
        Of the care after failure that is paid before a first remission, in the partition.
    structure
        Parts of the difference in QALYs that the curves cannot show: some of `PARTS`.
    grid_qalys
        The largest difference that the cycle of the partition can make.
    """

    strategy: str
    name: str
    life_years: Estimate
    qalys: Array
    beyond: Array
    after_failure: Estimate
    follow_up: Estimate
    tariff: Tariff
    partition: Totals
    first_remission_years: float | None
    waiting_cost: float
    structure: Mapping[str, float]
    grid_qalys: float

    @property
    def unexplained(self) -> float:
        """The difference in QALYs that is not structure."""
        difference = mean(self.qalys).mean - self.partition.qalys
        return difference - math.fsum(self.structure.values())


@once
def compared(subject: Subject) -> tuple[Compared, ...]:
    """Return each strategy in both models."""
    return tuple(_compared(subject, place) for place in range(len(subject.strategies)))


def _compared(subject: Subject, place: int) -> Compared:
    lives, strategy = subject.lives, subject.question.scenario.strategies[place]
    drawn, waiting = _curves(lives, place)
    costs, effects = (_tariff(subject, place, rate) for rate in subject.question.discount_rates)
    priced, valued = partitioned(drawn, costs), partitioned(drawn, effects)
    waited = partitioned(waiting, effects).event_free_years
    # The waiting at the price of care after failure.
    failed = costs._replace(cost_per_month_event_free=costs.cost_per_month_after_event)
    states = subject.question.accounts.utilities.states
    first, later = _years_of_states(lives, place)
    # Without a regimen the lines that follow have no numbers of their own.
    begun = bool(subject.question.model.strategies[place].regimens)
    of_states = sum((first[state] + later[state]) * states.of(state) for state in State)
    whole = {STATES_AND_LINES: of_states - valued.qalys}
    in_states = _in_states(states, effects, waited, first, later) if begun else whole
    in_remission = waited + sum(first[state] for state in (*REMISSION, *TRANSPLANTED))
    qalys = lives.total(Account.QALY)[:, place]
    return Compared(
        strategy=strategy.name,
        name=strategy.shown_name,
        life_years=mean(lives.total(Account.LIFE_YEARS)[:, place]),
        qalys=qalys,
        beyond=qalys - _qalys_of_patients(lives, place, effects),
        after_failure=mean(lives.amount(Category.LATER_LINES)[:, place]),
        follow_up=mean(lives.amount(Category.FOLLOW_UP)[:, place]),
        tariff=costs,
        partition=valued._replace(
            event_free_cost=priced.event_free_cost, after_event_cost=priced.after_event_cost
        ),
        first_remission_years=in_remission if begun else None,
        waiting_cost=partitioned(waiting, failed).event_free_cost,
        structure={**in_states, **_complications_and_age(subject, place)},
        grid_qalys=_grid_qalys(states, effects),
    )


def _curves(lives: Lives, place: int) -> tuple[Curves, Curves]:
    """Return event-free survival of a strategy, and the share that waits for a remission that comes.

    Both with overall survival, up to the end of the last life.
    """
    end = float(lives.outcome("horizon_days").max())
    days = np.append(np.arange(0.0, end, CYCLE_DAYS), end)
    deaths, efs, remission, response = (
        lives.outcome(name)[:, place]
        for name in ("death_days", "efs_days", "remission_days", "response")
    )
    return curves(days, deaths, efs), curves(days, deaths, np.where(response > 0.0, remission, 0.0))


def _tariff(subject: Subject, place: int, rate: float) -> Tariff:
    """Return utilities and prices before the event and after it.

    Utility before it is that of a remission, complete or not as often as patients respond so; the
    price is that of follow-up, and of immunoglobulin after cells.
    """
    accounts, lives = subject.question.accounts, subject.lives
    states, follow_up = accounts.utilities.states, accounts.prices.follow_up_per_month
    complete = lives.outcome("complete_remission")[lives.outcome("response")[:, place] > 0.0, place]
    share = float(complete.mean()) if complete.size else 1.0
    for name in subject.question.scenario.strategies[place].sequence[:1]:
        drug = accounts.price_list.regimens[name].drug
        if isinstance(drug, CellDrug):
            follow_up += drug.immunoglobulin_per_day * DAYS_PER_MONTH
    return Tariff(
        share * states.complete_remission + (1.0 - share) * states.incomplete_remission,
        states.relapsed_refractory,
        cost_per_month_event_free=follow_up,
        cost_per_month_after_event=accounts.prices.after_failure_per_month,
        rate=rate,
    )


def _qalys_of_patients(lives: Lives, place: int, tariff: Tariff) -> Array:
    """Return each patient's QALYs by the partition's states, without a cycle: for its error alone."""
    force = math.log1p(tariff.rate) / DAYS_PER_YEAR
    until = lives.outcome("horizon_days")[:, place]
    event = np.minimum(lives.outcome("efs_days")[:, place], until)
    alive, free = (
        (-np.expm1(-force * days) / force if force else days) / DAYS_PER_YEAR
        for days in (until, event)
    )
    found: Array = tariff.utility_event_free * free + tariff.utility_after_event * (alive - free)
    return found


def _years_of_states(lives: Lives, place: int) -> tuple[dict[State, float], dict[State, float]]:
    """Return the mean discounted years by state in the first line and in later ones, from the ledgers."""
    cells = lives.tally.sums.cells[place, CATEGORIES.index(Category.LIFE), :, :, DISCOUNTED]
    years = cells / lives.tally.patients
    first, later = years[0].tolist(), years[1:].sum(axis=0).tolist()
    return dict(zip(State, first, strict=True)), dict(zip(State, later, strict=True))


def _in_states(
    states: StateUtilities,
    tariff: Tariff,
    waited: float,
    first: Mapping[State, float],
    later: Mapping[State, float],
) -> dict[str, float]:
    """Return the time in states, of the first line and later, times utility less the partition's.

    `waited` is the mean of discounted years on treatment before a remission.
    """
    before, after = tariff.utility_event_free, tariff.utility_after_event
    treated, failing = states.on_treatment, first[State.ON_TREATMENT] - waited
    return {
        TREATMENT: waited * (treated - before) + failing * (treated - after),
        DEPTH: sum(first[state] * (states.of(state) - before) for state in REMISSION),
        TRANSPLANT: sum(first[state] * (states.of(state) - before) for state in TRANSPLANTED),
        LATER_LINES: sum(spent * (states.of(state) - after) for state, spent in later.items()),
    }


def _complications_and_age(subject: Subject, place: int) -> dict[str, float]:
    """Return decrements, and the effect of the general population's utility as the highest.

    The latter against lives simulated without it.
    """
    amounts = subject.lives.amounts[:, place, DISCOUNTED].mean(axis=0)
    capped, uncapped = (
        float(lives.amount(Category.QALY_STATE)[:, place].mean())
        for lives in (subject.under(), subject.under(changes=WITHOUT_CAP))
    )
    return {
        TOXICITY: float(amounts[CATEGORIES.index(Category.QALY_TOXICITY)]),
        GVHD: float(amounts[CATEGORIES.index(Category.QALY_GVHD)]),
        AGE: capped - uncapped,
    }


def _grid_qalys(states: StateUtilities, tariff: Tariff) -> float:
    """Return the most that half a cycle under each curve, and under the waiting, is worth."""
    before, after = tariff.utility_event_free, tariff.utility_after_event
    waiting = abs(states.on_treatment - before) + abs(states.on_treatment - after)
    return HALF_A_CYCLE_YEARS * (abs(after) + 2.0 * abs(before - after) + waiting)


# --------------------------------------------------------------------------- table and words


def table_of(subject: Subject) -> pd.DataFrame:
    """Return the table `TABLE` of a subject."""
    found = compared(subject)
    reference = found[subject.lives.tally.comparator]
    currency = subject.question.perspective.currency
    return TABLE.table(
        (each.strategy, each.name, *row)
        for each in found
        for row in _rows(each, reference, currency)
    )


def _rows(each: Compared, reference: Compared, currency: str) -> Iterator[tuple[Any, ...]]:
    partition = each.partition
    yield _row(LIFE_YEARS, each.life_years, partition.life_years, "years")
    yield _row(QALYS, mean(each.qalys), partition.qalys, "QALYs", mean(each.beyond).se)
    for part, value in {**each.structure, CYCLE: each.unexplained}.items():
        yield "", item_of(part), *(math.nan,) * 3, value, math.nan, "QALYs"
    if each is not reference:
        gained = mean(each.qalys - reference.qalys)
        se = mean(each.beyond - reference.beyond).se
        of_partition = partition.qalys - reference.partition.qalys
        yield _row(QALYS_GAINED, gained, of_partition, "QALYs", se, reference.name)
    yield _row(AFTER_FAILURE, each.after_failure, partition.after_event_cost, currency)
    yield _row(FOLLOW_UP, each.follow_up, partition.event_free_cost, currency)


def _row(
    item: str,
    simulated: Estimate,
    of_partition: float,
    unit: str,
    se: float = math.nan,
    comparator: str = "",
) -> tuple[Any, ...]:
    return comparator, item, *simulated, of_partition, simulated.mean - of_partition, se, unit


def item_of(part: str) -> str:
    """Return the item of a part of the difference in QALYs."""
    return STRUCTURE + part.replace(" ", "_")


def screen_table(found: pd.DataFrame) -> Table:
    """Return the table of a screen: a column for each strategy."""
    by_strategy = [rows.set_index("item") for _, rows in found.groupby("strategy", sort=False)]

    def cells(item: str, column: str, se: str = "") -> list[Cell]:
        return [_cell(rows, item, column, se) for rows in by_strategy]

    def both(item: str, label: str) -> list[Row]:
        return [
            Row(f"{label}, simulated", cells(item, "simulated", "simulated_se")),
            Row(f"{label}, partitioned", cells(item, "partitioned")),
        ]

    parts = [
        Row(f"  {part}", cells(item_of(part), "difference"))
        for part in (*PARTS, CYCLE)
        if item_of(part) in set(found["item"])
    ]
    difference = Row("Difference in QALYs", cells(QALYS, "difference", "difference_se"))
    return Table(
        TITLE,
        [str(rows["name"].iloc[0]) for rows in by_strategy],
        [
            both(LIFE_YEARS, "Life-years"),
            [*both(QALYS, "QALYs"), difference, *parts],
            [*both(AFTER_FAILURE, "Care after failure"), *both(FOLLOW_UP, "Follow-up")],
        ],
    )


def _cell(rows: pd.DataFrame, item: str, column: str, se: str) -> Cell:
    if item not in rows.index:
        return Cell(NOTHING)
    row = rows.loc[item].to_dict()
    value, error = float(row[column]), float(row[se]) if se else math.nan
    symbol = SYMBOLS.get(str(row["unit"]))
    if symbol:
        return amount(Estimate(value, error), symbol)
    # Without the sign of a number that is rounded to 0.
    return number(Estimate(round(value, DIGITS) + 0.0, error), DIGITS)


def sentences(found: pd.DataFrame) -> list[str]:
    """Return the meaning of the table: a sentence for each strategy, then what is compared."""
    gained = found[found["item"] == QALYS_GAINED]
    parts = {str(name): _parts(rows) for name, rows in found.groupby("name", sort=False)}
    return [*(_sentence(row, parts) for row in gained.to_dict("records")), MEANING, COSTS]


def _sentence(row: Mapping[Any, Any], parts: Mapping[str, Mapping[str, float]]) -> str:
    name, reference = str(row["name"]), str(row["comparator"])
    ours, theirs = parts[name], parts[reference]
    if STATES_AND_LINES in {*ours, *theirs}:
        ours, theirs = _in_one(ours), _in_one(theirs)
    gaps = {part: ours[part] - theirs[part] for part in ours}
    structure = math.fsum(gaps.values())
    first, second, *_ = sorted(gaps, key=lambda part: -abs(gaps[part]))
    return (
        f"Against {reference}, {name} gains {row['simulated']:.3f} QALYs (standard error "
        f"{row['simulated_se']:.3f}) in the simulation and {row['partitioned']:.3f} in a partitioned "
        f"survival model of the same patients. Of the difference, {row['difference']:+.3f}, structure "
        f"makes {structure:+.3f}, above all {first} ({gaps[first]:+.3f}) and {second} "
        f"({gaps[second]:+.3f})."
    )


def _parts(rows: pd.DataFrame) -> dict[str, float]:
    """Return the parts of the structure of a strategy."""
    named = rows.set_index("item")["difference"].to_dict()
    return {part: float(named[item_of(part)]) for part in PARTS if item_of(part) in named}


def _in_one(parts: Mapping[str, float]) -> dict[str, float]:
    """Return the parts with those of states and lines in one."""
    apart = {part: value for part, value in parts.items() if part not in IN_STATES}
    return {
        STATES_AND_LINES: math.fsum(parts[part] for part in IN_STATES if part in parts),
        **apart,
    }
