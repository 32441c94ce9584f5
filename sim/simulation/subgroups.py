"""Results by subgroup, counted as the patients are finished.

A subgroup holds sums of the patients' outcomes, and of products of their differences from the
comparator, from which follow increments with their errors, and the value of choosing the strategy
by subgroup instead of one for all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import sqrt
from typing import Any, Final, NamedTuple

import numpy as np

from sim.economics.estimates import Estimate
from sim.economics.incremental import Increment
from sim.engine.streams import blocks
from sim.scenario.subgroups import Partition, partitions_of
from sim.simulation.question import Question
from sim.simulation.run import Simulation, baselines_of
from sim.simulation.summary import mean_of, share
from sim.simulation.tally import ACCOUNT_OF, ACCOUNTS, DISCOUNTED, ROW, SHARES, UNDISCOUNTED, UNIT

Array = np.ndarray[Any, Any]
SHARE_COLUMNS: Final = tuple(ROW.index(name) for name in SHARES)
OUTCOMES: Final = ("life_years", "qalys", "cost")
"""Of the accounts, by their names in the results."""
ACCOUNT: Final = {"cost": 0, "qalys": 1, "life_years": 2}
"""The places of the accounts in the values of a patient."""


class Count:
    """The sums over the patients of a subgroup.

    Attributes
    ----------
    hits
        Patients with each outcome of `SHARES`: (strategy, outcome).
    sums, squares
        Of the discounted accounts: (strategy, account).
    differences
        From the comparator in the same patient, of each strategy and account in one row.
    products
        Of each pair of differences.
    """

    def __init__(self, strategies: int) -> None:
        accounts = len(ACCOUNTS)
        self.patients = 0
        self.hits = np.zeros((strategies, len(SHARES)), dtype=np.int64)
        self.sums, self.squares = np.zeros((2, strategies, accounts))
        self.differences = np.zeros(strategies * accounts)
        self.products = np.zeros((strategies * accounts, strategies * accounts))

    def add(self, rows: Array, totals: Array, comparator: int) -> None:
        """Add patients: outcome rows, and amounts by strategy and account."""
        if not len(rows):
            return
        self.patients += len(rows)
        self.hits += (rows[:, :, SHARE_COLUMNS] > 0.0).sum(axis=0)
        self.sums += totals.sum(axis=0)
        self.squares += (totals * totals).sum(axis=0)
        apart = (totals - totals[:, comparator : comparator + 1]).reshape(len(rows), -1)
        self.differences += apart.sum(axis=0)
        # Not a product of matrices, whose order of summation depends on the machine's threads.
        self.products += np.einsum("ni,nj->ij", apart, apart)


class Subgroup(NamedTuple):
    """The results of a subgroup: outcomes by strategy, and increments over the comparator."""

    characteristic: str
    label: str
    patients: int
    outcomes: Mapping[str, Mapping[str, Estimate]]
    increments: tuple[Increment, ...]


class SubgroupValue(NamedTuple):
    """The value of choosing the strategy by subgroup, per patient of all.

    Attributes
    ----------
    best
        The strategy of the highest expected net benefit by subgroup.
    best_for_all
        The one for everybody.
    value
        Expected net benefit of the former minus that of the latter. The error is that of the
        paired difference for the choices made.
    """

    characteristic: str
    threshold: float
    best: Mapping[str, str]
    best_for_all: str
    value: Estimate


class Subgroups:
    """Counts the patients of a run by subgroup; called with units of them, in their order."""

    def __init__(self, question: Question, engine: str = "core") -> None:
        self._question = question
        self._baselines = baselines_of(question, engine)
        self._names = [strategy.name for strategy in question.model.strategies]
        self._comparator = question.comparator_place
        self._counts: dict[Partition, list[Count]] = {
            each: [Count(len(self._names)) for _ in each.labels]
            for each in partitions_of(question.scenario)
        }

    def __call__(self, first: int, rows: Array, amounts: Array) -> None:
        """Add the patients from `first` on: outcome rows and amounts, see `sim.simulation.run.run`."""
        baseline = self._baselines(first, len(rows))
        discounted = amounts[:, :, DISCOUNTED]
        totals = np.stack(
            [discounted[:, :, ACCOUNT_OF == k].sum(axis=2) for k in range(len(ACCOUNTS))], axis=2
        )
        for partition, counts in self._counts.items():
            places = partition.places(baseline)
            for place, count in enumerate(counts):
                here = places == place
                count.add(rows[here], totals[here], self._comparator)

    def groups(self) -> Iterator[Subgroup]:
        """Yield the results of the subgroups with patients, by characteristic."""
        for partition, counts in self._counts.items():
            for label, count in zip(partition.labels, counts, strict=True):
                if count.patients:
                    yield Subgroup(
                        partition.characteristic,
                        label,
                        count.patients,
                        dict(self._outcomes(count)),
                        tuple(self._increments(count)),
                    )

    def _outcomes(self, count: Count) -> Iterator[tuple[str, dict[str, Estimate]]]:
        shares = share(count.hits, count.patients)
        totals = mean_of(count.sums, count.squares, count.patients)
        for s, name in enumerate(self._names):
            found = {f"{what}_percent": shares.at((s, k)) for k, what in enumerate(SHARES)}
            yield name, found | {what: totals.at((s, ACCOUNT[what])) for what in OUTCOMES}

    def _increments(self, count: Count) -> Iterator[Increment]:
        n, accounts = count.patients, len(ACCOUNTS)
        apart = mean_of(count.differences, np.diag(count.products), n)
        for s, name in enumerate(self._names):
            if s == self._comparator:
                continue
            cost, qalys, years = (
                apart.at(s * accounts + ACCOUNT[what]) for what in ("cost", "qalys", "life_years")
            )
            both = count.products[s * accounts + ACCOUNT["cost"], s * accounts + ACCOUNT["qalys"]]
            covariance = np.nan
            if n > 1:
                covariance = float((both - n * cost.mean * qalys.mean) / (n - 1) / n)
            comparator = self._names[self._comparator]
            yield Increment(name, comparator, cost, qalys, years, covariance)

    def values(self) -> Iterator[SubgroupValue]:
        """Yield the value of choosing by each characteristic, at each threshold."""
        for partition, counts in self._counts.items():
            for threshold in self._question.thresholds:
                yield self._value(partition, counts, threshold)

    def _value(self, partition: Partition, counts: list[Count], threshold: float) -> SubgroupValue:
        weights = _weights(len(self._names), threshold)
        # Net benefit over the comparator, summed over the patients of each subgroup.
        benefits = np.array([weights @ count.differences for count in counts])
        everybody = int(np.argmax(benefits.sum(axis=0)))
        chosen = benefits.argmax(axis=1)
        n, total, square = 0, 0.0, 0.0
        for best, count in zip(chosen.tolist(), counts, strict=True):
            apart = weights[best] - weights[everybody]
            n += count.patients
            total += float(apart @ count.differences)
            square += float(apart @ count.products @ apart)
        mean = total / n
        error = sqrt(max(square - n * mean * mean, 0.0) / (n - 1) / n) if n > 1 else np.nan
        pairs = zip(partition.labels, chosen.tolist(), counts, strict=True)
        best_by_label = {label: self._names[s] for label, s, count in pairs if count.patients}
        return SubgroupValue(
            partition.characteristic,
            threshold,
            best_by_label,
            self._names[everybody],
            Estimate(mean, error),
        )


def _weights(strategies: int, threshold: float) -> Array:
    """Return, a row a strategy, the weights of the differences in its net monetary benefit."""
    accounts = len(ACCOUNTS)
    weights = np.zeros((strategies, strategies * accounts))
    for s in range(strategies):
        weights[s, s * accounts + ACCOUNT["qalys"]] = threshold
        weights[s, s * accounts + ACCOUNT["cost"]] = -1.0
    return weights


def subgroups_of(simulation: Simulation) -> Subgroups:
    """Count the patients that a simulation stored, in the same units as they were simulated."""
    found = Subgroups(simulation.question, simulation.engine)
    rows = np.stack([arm.rows for arm in simulation.arms], axis=1)
    pairs = [(arm.undiscounted, arm.discounted) for arm in simulation.arms]
    assert (UNDISCOUNTED, DISCOUNTED) == (0, 1)
    amounts = np.stack([np.stack(pair, axis=1) for pair in pairs], axis=1)
    for first, count in blocks(len(rows), UNIT):
        found(first, rows[first : first + count], amounts[first : first + count])
    return found
