"""Shared beds: what waiting for them costs in life-years, QALYs and money, and what one more is worth.

Patients enter over calendar time (a Poisson process) and are treated under one strategy each time.
Who needs a transplant and finds no free bed waits (`sim.engine.waiting`). Arrivals begin
`warm_up_years` before the window and end as long after it, so that the patients of the window neither
meet an empty hospital nor leave one behind. Those who enter in the window are counted, each to the
end of the life.

A replication is one such calendar with patients of its own. Every number of beds has the same
patients, arrivals and stays, and so has the hospital without limit: differences between numbers of beds
are paired replication by replication, and all errors are those of the mean of replications::

    se = sd(replications) / sqrt(R)

A patient who never needs a bed has the same life under any number of them, and so has one who never
waits: they are simulated once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from sim.analyses.psa.draws_run import Store
from sim.analyses.shared.outcomes import COST, NMB, QALYS
from sim.analyses.shared.paired_runs import Progress
from sim.analyses.shared.work import Work
from sim.clinic.units import DAYS_PER_MONTH, DAYS_PER_YEAR, NEVER, PERCENT
from sim.economics.clerk import entries
from sim.economics.estimates import NOT_ESTIMABLE, Estimate, mean
from sim.economics.ledger import Account
from sim.engine.model import Strategy
from sim.engine.waiting import (
    NO_LIMIT,
    PER_REPLICATION,
    End,
    Hospital,
    Limit,
    Order,
    Place,
    Visitor,
    Wait,
    arrivals,
    simulate_hospital,
)
from sim.errors import UserError
from sim.layout.cells import estimate_row, row_estimate
from sim.layout.progress import steps_progress
from sim.layout.schema import Schema, estimated, some, strategy_name, text
from sim.scenario.binding import ARRIVALS, BEDS, BRIDGING_COST, BRIDGING_RATIO, SLOTS
from sim.scenario.schema import Capacity
from sim.simulation.question import Question

LIFE_YEARS: Final = "life_years"
AMOUNTS: Final = (COST, QALYS, LIFE_YEARS)
FEWEST_REPLICATIONS: Final = 4
"""The spread of fewer says little."""
MOST_LEVELS: Final = 100
NINE_TENTHS: Final = 0.9
UNLIMITED: Final = 0
"""The number of beds of the hospital without limit, in the rows of a replication."""
LEFT: Final[Mapping[str, End]] = {
    "left_by_relapse": End.RELAPSE,
    "left_by_death": End.DEATH,
    "left_after_longest_wait": End.WAITED_TOO_LONG,
}


class Counted(NamedTuple):
    """What is counted in a replication under a strategy and a number of beds.

    Attributes
    ----------
    strategy, beds
        The place of the strategy, and the beds; `UNLIMITED` without limit.
    patients
        Who entered in the window: all that follows but the utilisation is theirs.
    needed, waited, transplants, left_by_relapse, left_by_death, left_after_longest_wait
        Transplants for which a bed was needed, for which it was not free at once, those given, and
        those for which a wait ended without.
    wait_days, wait_days_90
        Mean and nine tenths of the waits of those transplanted; ``nan`` without any.
    bed_days, slot_days
        Days of the calendar in the window in which a bed was taken, over all beds, and a slot.
    cell_therapies, slot_wait_days
        Lines of cell therapy that began, and their mean wait.
    cost, qalys, life_years, bridging
        Sums, discounted to each patient's entry. `cost` holds that of `bridging`.
    """

    strategy: int
    beds: int
    patients: int
    needed: float
    waited: float
    transplants: float
    left_by_relapse: float
    left_by_death: float
    left_after_longest_wait: float
    wait_days: float
    wait_days_90: float
    bed_days: float
    slot_days: float
    cell_therapies: float
    slot_wait_days: float
    cost: float
    qalys: float
    life_years: float
    bridging: float


class Level(NamedTuple):
    """The estimates under a number of beds, by the names of `MEANINGS`; `beds` is None without limit."""

    beds: int | None
    estimates: Mapping[str, Estimate]


PER_YEAR: Final = ("needed", "transplants", *LEFT, "cell_therapies")
LOST: Final = ("transplants", "cell_therapies", QALYS, LIFE_YEARS)
MEANINGS: Final = {
    "wait_days": "days from the planned transplant to the bed, mean of those transplanted",
    "wait_days_90": "nine of ten of those transplanted waited no longer, days",
    "waited_percent": "of the transplants for which a bed was needed, those for which none was free",
    "beds_in_use": "beds in use, mean over the window; without limit the offered load",
    "utilisation_percent": "`beds_in_use` in per cent of the beds",
    "needed_per_year": "transplants for which a bed was needed, a year",
    "transplants_per_year": "transplants given, a year",
    "left_by_relapse_per_year": "waits that ended in relapse, a year",
    "left_by_death_per_year": "waits that ended in death, a year",
    "left_after_longest_wait_per_year": "waits that ended after `longest_wait_days`, a year",
    "cell_therapies_per_year": "lines of cell therapy begun, a year",
    "slot_wait_days": "days from the planned line of cell therapy to the slot, mean of those begun",
    "slots_in_use": "slots for cell therapy in use, mean over the window",
    "transplants_lost_per_year": "transplants fewer than without limit, a year",
    "cell_therapies_lost_per_year": "lines of cell therapy fewer than without limit, a year",
    "qalys_lost_per_year": "QALYs fewer than without limit, of the patients of a year",
    "life_years_lost_per_year": "life-years fewer than without limit, of the patients of a year",
    "extra_cost_per_year": "cost beyond that without limit, of the patients of a year",
    "bridging_cost_per_year": "bridging therapy, which is part of the cost, of the patients of a year",
    "cost_per_patient": "cost, mean per patient",
    "qalys_per_patient": "QALYs, mean per patient",
    "life_years_per_patient": "life-years, mean per patient",
    "next_bed_qalys_per_year": "QALYs more with one more bed, of the patients of a year",
    "next_bed_life_years_per_year": "life-years more with one more bed, of the patients of a year",
    "next_bed_cost_per_year": "cost more with one more bed, of the patients of a year",
    "next_bed_nmb_per_year": "net monetary benefit of one more bed, of the patients of a year",
}
"""Estimates under a strategy and a number of beds, and their meanings."""
TABLE: Final = Schema(
    "capacity.csv",
    (
        strategy_name(),
        some("beds", "beds for allo-HCT; empty without limit"),
        *(column for each in MEANINGS.items() for column in estimated(*each)),
        text("currency", "of all amounts"),
    ),
)
"""One row per strategy and number of beds, and one without limit; `_se` is the error over replications.

Amounts are discounted to the entry of each patient. Under the last number of beds, and without limit,
there is no next bed.
"""


@dataclass(frozen=True)
class CapacityAnalysis:
    """The outcomes of each strategy under each number of beds, and without limit.

    Attributes
    ----------
    threshold
        In currency per QALY, of net benefits.
    replications, patients
        Calendars, each with patients of its own, and the patients counted in all of them.
    table
        The table `TABLE`, by strategy in their order, then by beds, rising; no limit is last.
    """

    question: Question
    threshold: float
    replications: int
    patients: int
    table: pd.DataFrame

    @property
    def strategies(self) -> list[str]:
        """The names of the strategies."""
        return [str(name) for name in self.table["strategy"].unique()]

    @property
    def beds(self) -> list[int]:
        """The numbers of beds, rising."""
        return [int(number) for number in self.table["beds"].dropna().unique()]

    def of(self, strategy: str) -> list[Level]:
        """Return the levels of a strategy; the last one is without limit."""
        rows = self.table[self.table["strategy"] == strategy].to_dict("records")
        return [
            Level(
                None if pd.isna(row["beds"]) else int(row["beds"]),
                {name: row_estimate(row, name) for name in MEANINGS},
            )
            for row in rows
        ]


def limits_of(question: Question) -> Capacity:
    """Return the limits of the scenario.

    Raises
    ------
    UserError
        When it has none.
    """
    found = question.scenario.capacity
    if found is None:
        problem = "is missing: say there how many beds there are, 'capacity: {transplant_beds: 12}'"
        raise UserError(problem, file=question.loaded.file, key="capacity")
    if not question.scenario.switches.transplant:
        file, line = question.loaded.file, question.loaded.place("switches", "transplant")[1]
        problem = "must be true: without transplants nobody needs a bed"
        raise UserError(problem, file=file, line=line, key="switches.transplant", value=False)
    return found


def hospital_of(question: Question, beds: int) -> Hospital:
    """Return the hospital of a scenario with this number of beds, or `UNLIMITED`."""
    asked, values = limits_of(question), question.values()
    slots = asked.cell_therapy_slots if beds != UNLIMITED else None
    kinds = (BEDS, BEDS if asked.cell_therapy_slots is None else SLOTS)
    bed, slot = ((values[f"{kind}.median_days"], values[f"{kind}.shape"]) for kind in kinds)
    return Hospital(
        limits=(Limit(beds or NO_LIMIT, *bed), Limit(slots or NO_LIMIT, *slot)),
        order=Order(asked.queue),
        longest_wait_days=asked.longest_wait_days or NEVER,
        relapse_time_ratio=values[BRIDGING_RATIO],
    )


def replications(question: Question) -> int:
    """Return how many replications count about the number of patients of the question."""
    limits, most = limits_of(question), PER_REPLICATION / 2
    years = limits.window_years + 2.0 * limits.warm_up_years
    if question.numbers[ARRIVALS] * years > most:
        problem = f"times {years:g} years is more than {most:,.0f} patients of a replication"
        raise UserError(problem, key=ARRIVALS, value=question.numbers[ARRIVALS])
    each = question.numbers[ARRIVALS] * limits.window_years
    return max(FEWEST_REPLICATIONS, round(question.patients / each))


@dataclass(frozen=True)
class Replications(Work[CapacityAnalysis]):
    """Every strategy under each number of beds, in the same patients; a chunk is a replication.

    Attributes
    ----------
    question
        The question, with limits.
    beds
        Numbers of beds, rising.
    threshold
        In currency per QALY.
    """

    question: Question
    beds: Sequence[int]
    threshold: float
    chunk: int = 1

    @property
    def chunks(self) -> int:
        """The number of replications."""
        return replications(self.question)

    def left(self, kept: set[int]) -> int:
        """Return the steps left: each number of beds, and no limit, under each strategy."""
        steps = (len(self.beds) + 1) * len(self.question.model.strategies)
        return steps * (self.chunks - len(kept))

    def counter(self, left: int) -> AbstractContextManager[Progress]:
        """Show the steps done."""
        return steps_progress(left, "numbers of beds")

    def run(
        self,
        *,
        threads: int | None = None,  # noqa: ARG002 - replications follow one another
        progress: Progress = lambda _: None,
        store: Store | None = None,
    ) -> CapacityAnalysis:
        """Simulate the replications; parameters as for `Work.run`.

        Raises
        ------
        UserError
            When the scenario has no limits.
        """
        kept = store.done() if store is not None else set()
        tables = []
        for replication in range(self.chunks):
            if store is not None and replication in kept:
                tables.append(store.read(replication))
                continue
            rows = []
            for counted in replicate(self.question, self.beds, replication):
                rows.append(counted)
                progress(1)
            tables.append(pd.DataFrame(rows, columns=list(Counted._fields)))
            if store is not None:
                store.keep(replication, tables[-1])
        return over_replications(self.question, self.beds, self.threshold, tables)


def replicate(question: Question, beds: Sequence[int], replication: int) -> Iterator[Counted]:
    """Simulate one calendar under every strategy and number of beds."""
    asked = limits_of(question)
    first = replication * PER_REPLICATION
    warm, years = asked.warm_up_years, asked.window_years + 2.0 * asked.warm_up_years
    entered = arrivals(question.seed, first, question.numbers[ARRIVALS], years * DAYS_PER_YEAR)
    window = (warm * DAYS_PER_YEAR, (warm + asked.window_years) * DAYS_PER_YEAR)
    for place, strategy in enumerate(question.model.strategies):
        ward = _Ward(question, place, strategy, first, entered, window)
        for number in (UNLIMITED, *beds):
            yield ward.counted(number)


class _Ward:
    """The patients of one calendar under one strategy; what does not depend on the beds is kept."""

    def __init__(
        self,
        question: Question,
        place: int,
        strategy: Strategy,
        first: int,
        entered: Sequence[float],
        window: tuple[float, float],
    ) -> None:
        self.question, self.place, self.strategy = question, place, strategy
        self.first, self.entered, self.window = first, entered, window
        self.regimens = tuple(regimen.name for regimen in strategy.regimens)
        self.in_need: frozenset[int] | None = None
        self.amounts: dict[int, dict[str, float]] = {}

    def counted(self, beds: int) -> Counted:
        """Simulate the patients under a number of beds."""
        visitors = simulate_hospital(
            self.question.model,
            self.strategy,
            hospital_of(self.question, beds),
            seed=self.question.seed,
            first=self.first,
            entries=self.entered,
            only=self.in_need,
        )
        amounts = dict(self.amounts)
        bridging = 0.0
        seen = [visitor for visitor in visitors if self.is_seen(visitor)]
        for visitor in seen:
            if visitor.has_waited or beds == UNLIMITED:
                amounts[visitor.patient.number], paid = self.valued(visitor)
                bridging += paid
        if beds == UNLIMITED:
            self.amounts = amounts
            self.in_need = frozenset(each.patient.number for each in visitors if each.waits)
        taken = [wait for visitor in visitors for wait in visitor.waits]
        return Counted(
            self.place,
            beds,
            len(amounts),
            **_waits_counted(seen),
            bed_days=self.days_taken(taken, Place.TRANSPLANT_BED),
            slot_days=self.days_taken(taken, Place.CELL_THERAPY_SLOT),
            **{name: sum(each[name] for each in amounts.values()) for name in AMOUNTS},
            bridging=bridging,
        )

    def is_seen(self, visitor: Visitor) -> bool:
        """Whether a patient is counted."""
        return self.window[0] <= visitor.entered_days < self.window[1]

    def days_taken(self, waits: Sequence[Wait], place: Place) -> float:
        """Return the days of the window in which places of a kind were taken."""
        start, stop = self.window
        return sum(
            max(min(wait.taken_until_days, stop) - max(wait.taken_from_days, start), 0.0)
            for wait in waits
            if wait.place == place and wait.end == End.TREATED
        )

    def valued(self, visitor: Visitor) -> tuple[dict[str, float], float]:
        """Return the discounted amounts of a life, and the cost of bridging that is in them."""
        accounts = self.question.accounts
        sums = dict.fromkeys(Account, 0.0)
        for entry in entries(accounts, self.regimens, visitor.patient, visitor.log):
            sums[entry.category.account] += entry.discounted
        per_day = self.question.values()[BRIDGING_COST] / DAYS_PER_MONTH
        bridging = per_day * sum(
            accounts.costs.days(wait.since_days, wait.until_days)
            for wait in visitor.waits
            if wait.days > 0.0
        )
        return {
            COST: sums[Account.COST] + bridging,
            QALYS: sums[Account.QALY],
            LIFE_YEARS: sums[Account.LIFE_YEARS],
        }, bridging


def _waits_counted(seen: Sequence[Visitor]) -> dict[str, float]:
    """Count the waits of the patients who are counted, those for beds and those for slots."""
    beds, slots = (
        [wait for visitor in seen for wait in visitor.waits if wait.place == place]
        for place in (Place.TRANSPLANT_BED, Place.CELL_THERAPY_SLOT)
    )
    treated, begun = (
        [wait.days for wait in waits if wait.end == End.TREATED] for waits in (beds, slots)
    )
    return {
        "needed": len(beds),
        "waited": sum(wait.days > 0.0 for wait in beds),
        "transplants": len(treated),
        **{name: sum(wait.end == end for wait in beds) for name, end in LEFT.items()},
        "wait_days": _mean(treated),
        "wait_days_90": float(np.quantile(treated, NINE_TENTHS)) if treated else math.nan,
        "cell_therapies": len(begun),
        "slot_wait_days": _mean(begun),
    }


def _mean(days: Sequence[float]) -> float:
    return float(np.mean(days)) if days else math.nan


def over_replications(
    question: Question, beds: Sequence[int], threshold: float, tables: Sequence[pd.DataFrame]
) -> CapacityAnalysis:
    """Return the estimates over the replications."""
    rows: list[tuple[object, ...]] = []
    for place, strategy in enumerate(question.strategy_names):
        counted = {number: _column_wise(tables, place, number) for number in (UNLIMITED, *beds)}
        for number in (*beds, UNLIMITED):
            above = counted.get(number + 1) if number != UNLIMITED else None
            here = _measures(question, counted[number], counted[UNLIMITED], number)
            here |= _next_bed(question, counted[number], above, threshold)
            estimates = estimate_row(*(_estimate(here[name]) for name in MEANINGS))
            currency = question.perspective.currency
            rows.append((strategy, number or None, *estimates, currency))
    patients = sum(int(table["patients"].iloc[0]) for table in tables)
    return CapacityAnalysis(question, threshold, len(tables), patients, TABLE.table(rows))


def _column_wise(tables: Sequence[pd.DataFrame], place: int, beds: int) -> pd.DataFrame:
    """Return a row for each replication."""
    rows = [table[(table["strategy"] == place) & (table["beds"] == beds)] for table in tables]
    return pd.concat(rows, ignore_index=True)


def _measures(
    question: Question, here: pd.DataFrame, free: pd.DataFrame, beds: int
) -> dict[str, pd.Series]:
    """Return the measures of each replication, against those without limit."""
    years = limits_of(question).window_years
    found = {name: here[name] for name in ("wait_days", "wait_days_90", "slot_wait_days")}
    found["waited_percent"] = PERCENT * here["waited"] / here["needed"]
    found["slots_in_use"] = here["slot_days"] / (years * DAYS_PER_YEAR)
    found["beds_in_use"] = here["bed_days"] / (years * DAYS_PER_YEAR)
    found["utilisation_percent"] = PERCENT * found["beds_in_use"] / (beds or math.nan)
    found |= {f"{name}_per_year": here[name] / years for name in PER_YEAR}
    found |= {f"{name}_lost_per_year": (free[name] - here[name]) / years for name in LOST}
    found["extra_cost_per_year"] = (here[COST] - free[COST]) / years
    found["bridging_cost_per_year"] = here["bridging"] / years
    found |= {f"{name}_per_patient": here[name] / here["patients"] for name in AMOUNTS}
    return found


def _next_bed(
    question: Question, here: pd.DataFrame, above: pd.DataFrame | None, threshold: float
) -> dict[str, pd.Series]:
    """Return what one more bed changes in each replication, a year."""
    years = limits_of(question).window_years
    more = here if above is None else above
    gains = {name: (more[name] - here[name]) / years for name in AMOUNTS}
    gains[NMB] = threshold * gains[QALYS] - gains[COST]
    unknown = math.nan if above is None else 1.0
    return {f"next_bed_{name}_per_year": unknown * gain for name, gain in gains.items()}


def _estimate(values: pd.Series) -> Estimate:
    """Return the mean of the replications that have a value."""
    known = values[np.isfinite(values)]
    return mean(known) if len(known) else NOT_ESTIMABLE
