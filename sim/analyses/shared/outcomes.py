"""Outcomes of sensitivity analyses: an outcome of a strategy minus that of the comparator.

Every outcome is read off the same patients under both strategies, from stored columns of one number
per patient and strategy, whose names are those of the outcomes in summary.json. It comes with the
influence of each patient on it: numbers whose mean is the outcome, up to a constant, and whose
standard deviation divided by ``sqrt(n)`` is its Monte Carlo error. Influences of two parameter sets
are those of the same patients, so the error of a change is that of their paired difference::

    se(change) = sd(influence - base influence) / sqrt(n)

It is exactly 0 where nothing changes for any patient. `is_constant` is the one rule for an outcome
that does not vary, for analyses that compare or divide spreads.

Source: Hampel FR, J Am Stat Assoc 1974;69:383-93 (influence of an observation on an estimate).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from sim.clinic.events import Cause
from sim.clinic.units import DAYS_PER_MONTH, PERCENT
from sim.economics.estimates import Array, Estimate, average_of, mean, median
from sim.economics.ledger import COST_CATEGORIES, QALY_CATEGORIES, Account, Category
from sim.engine.outcomes import ALIVE
from sim.errors import UserError
from sim.simulation.comparison import outcome_unit, per_qaly
from sim.simulation.tally import (
    CATEGORIES,
    CAUSE,
    CYCLES,
    DEATH,
    DISCOUNTED,
    EFS,
    EFS_LANDMARK_MONTHS,
    OS_LANDMARKS_MONTHS,
    RFS,
    ROW,
    SHARES,
    UNDISCOUNTED,
)

ROUNDING: Final = 1e-12
"""Spread of numbers that are the same but for rounding, relative to the largest of them."""
DOES_NOT_VARY: Final = "the outcome does not vary"


def is_constant(values: npt.ArrayLike) -> bool:
    """Whether values differ by no more than rounding: ``max - min <= 1e-12 max |value|``.

    Of such an outcome there are no indices, shares, ranks or correlations: they would be ratios
    of rounding errors. Values that are not all finite are not constant; no values are.
    """
    found = np.asarray(values, dtype=np.float64).ravel()
    if not found.size:
        return True
    if not np.isfinite(found).all():
        return False
    return bool(found.max() - found.min() <= ROUNDING * np.abs(found).max())


class Lives(NamedTuple):
    """The outcome rows and the amounts of simulated patients, as in a tally, and their horizon."""

    rows: Array
    amounts: Array
    horizon_days: float


Column = Callable[[Lives], Array]
"""From simulated patients to a number of each: (patient, strategy)."""
PER_ARM: Final = ("death_days", "rfs_days")
"""Times, whose medians are compared, not their means."""


@cache
def known_columns() -> dict[str, Column]:
    """Return all columns by name."""
    columns: dict[str, Column] = {}
    for suffix, kind in (("", DISCOUNTED), ("_undiscounted", UNDISCOUNTED)):
        for name, account, categories in (
            ("cost", Account.COST, COST_CATEGORIES),
            ("qalys", Account.QALY, QALY_CATEGORIES),
            ("life_years", Account.LIFE_YEARS, ()),
        ):
            members = tuple(c for c in CATEGORIES if c.account == account)
            columns[f"{name}{suffix}"] = partial(_amount, kind, members)
            for category in categories:
                columns[f"{name}{suffix}.{category.label}"] = partial(_amount, kind, (category,))
    for share in SHARES:
        columns[f"{share}_percent"] = partial(_flag, ROW.index(share))
    columns["cycles_mean"] = partial(_value, CYCLES)
    columns[f"efs_{EFS_LANDMARK_MONTHS}_months_percent"] = partial(
        _survival, EFS, EFS_LANDMARK_MONTHS
    )
    for months in OS_LANDMARKS_MONTHS:
        columns[f"os_{months}_months_percent"] = partial(_survival, DEATH, months)
    for cause in Cause:
        columns[f"death_{cause.name.lower()}_percent"] = partial(_cause, int(cause))
    columns["alive_at_horizon_percent"] = partial(_cause, ALIVE)
    columns["death_days"] = partial(_value, DEATH)
    columns["rfs_days"] = partial(_value, RFS)
    return columns


def _amount(kind: int, members: tuple[Category, ...], lives: Lives) -> Array:
    places = [CATEGORIES.index(category) for category in members]
    total: Array = lives.amounts[:, :, kind, places].sum(axis=-1)
    return total


def _value(place: int, lives: Lives) -> Array:
    values: Array = lives.rows[:, :, place].copy()
    return values


def _flag(place: int, lives: Lives) -> Array:
    return _percent(lives.rows[:, :, place] > 0.0)


def _survival(place: int, months: int, lives: Lives) -> Array:
    at = months * DAYS_PER_MONTH
    if at > lives.horizon_days:
        return np.full(lives.rows.shape[:2], np.nan)
    return _percent(lives.rows[:, :, place] > at)


def _cause(cause: int, lives: Lives) -> Array:
    return _percent(lives.rows[:, :, CAUSE] == cause)


def _percent(hits: np.ndarray[Any, np.dtype[np.bool_]]) -> Array:
    return np.where(hits, PERCENT, 0.0)


Pair = Mapping[str, tuple[Array, Array]]
"""By column: the patients under the strategy and under the comparator."""
COST: Final = "cost"
QALYS: Final = "qalys"
NMB: Final = "nmb"
NHB: Final = "nhb"
ICER: Final = "icer"
MEDIANS: Final = {"os_median_months": "death_days", "rfs_median_months": "rfs_days"}
ALIASES: Final = {"qaly": QALYS, "costs": COST, "ly": "life_years"}
HALF: Final = 0.5
WRITTEN: Final = {
    "qalys": "QALYs",
    "os": "OS",
    "rfs": "RFS",
    "efs": "EFS",
    "hct": "allo-HCT",
    "mrd": "MRD",
    "crs": "CRS",
}


class Reading(NamedTuple):
    """An outcome and the influence of each patient on it."""

    value: float
    influence: Array

    @property
    def se(self) -> float:
        """The Monte Carlo standard error; ``nan`` where it cannot be estimated."""
        return _error(self.influence)


def change(reading: Reading, base: Reading) -> Estimate:
    """Return the difference of an outcome between two parameter sets, with its paired error."""
    difference = reading.influence - base.influence
    moved = reading.value - base.value
    # Even with a single patient it is certain that nothing changed.
    return Estimate(moved, _error(difference) if difference.any() else 0.0)


@dataclass(frozen=True)
class Outcome:
    """A named outcome.

    Attributes
    ----------
    name, label, unit
        As in files, as in tables and figures, and its unit.
    columns
        Columns to be stored of each patient.
    """

    name: str
    label: str
    unit: str
    columns: tuple[str, ...]
    reader: Callable[[Pair], Reading]

    @property
    def file_unit(self) -> str:
        """The unit in files: an ICER is in currency per QALY."""
        return per_qaly(self.unit) if self.name == ICER else self.unit

    def read(self, pair: Pair) -> Reading:
        """Return the outcome of strategy minus comparator and each patient's influence."""
        return self.reader(pair)


def outcome_named(name: str, *, threshold: float, currency: str) -> Outcome:
    """Return the outcome of a name; `threshold` is in `currency` per QALY.

    Raises
    ------
    UserError
        When there is no such outcome.
    """
    name = ALIASES.get(name, name)
    if name == NMB:
        label = f"Incremental net monetary benefit at {threshold:,.0f} {currency} per QALY"
        return Outcome(name, label, currency, (COST, QALYS), partial(_net, threshold, 1.0))
    if name == NHB:
        label = f"Incremental net health benefit at {threshold:,.0f} {currency} per QALY"
        reader = partial(_net, threshold, threshold)
        return Outcome(name, label, "QALYs", (COST, QALYS), reader)
    if name == ICER:
        label = "Incremental cost per QALY"
        return Outcome(name, label, currency, (COST, QALYS), _icer)
    if name in MEDIANS:
        column = MEDIANS[name]
        label = f"Difference in {_words(name)}"
        return Outcome(name, label, "months", (column,), partial(_medians, column))
    if name in known_columns() and name not in PER_ARM:
        unit = outcome_unit(name, currency, is_difference=True)
        return Outcome(name, f"Difference in {_words(name)}", unit, (name,), partial(_mean, name))
    raise UserError("no such outcome", key="--outcome", value=name, choices=outcome_names())


def outcome_names() -> tuple[str, ...]:
    """Return the names of all outcomes."""
    plain = tuple(name for name in known_columns() if name not in PER_ARM)
    return (NMB, NHB, ICER, *plain, *MEDIANS)


def _words(name: str) -> str:
    text = name.removesuffix("_percent").removesuffix("_months")
    text = text.replace("_undiscounted", " (undiscounted)").replace(".", ", ")
    return " ".join(WRITTEN.get(word, word) for word in text.replace("_", " ").split())


def _error(influence: Array) -> float:
    if len(influence) <= 1 or not np.isfinite(influence).all():
        return math.nan
    return mean(influence).se


def _mean(column: str, pair: Pair) -> Reading:
    ours, theirs = pair[column]
    difference = ours - theirs
    if not np.isfinite(difference).all():
        return Reading(math.nan, np.full(len(difference), math.nan))
    return Reading(average_of(difference), difference)


def _net(threshold: float, scale: float, pair: Pair) -> Reading:
    (cost, cost_there), (qalys, qalys_there) = pair[COST], pair[QALYS]
    cost_more, qalys_more = cost - cost_there, qalys - qalys_there
    value = threshold * average_of(qalys_more) - average_of(cost_more)
    return Reading(value / scale, (threshold * qalys_more - cost_more) / scale)


def _icer(pair: Pair) -> Reading:
    """Return the ratio where it is the cost of a gain, else ``nan``."""
    (cost, cost_there), (qalys, qalys_there) = pair[COST], pair[QALYS]
    cost_more, qalys_more = cost - cost_there, qalys - qalys_there
    costs, effects = average_of(cost_more), average_of(qalys_more)
    if not (effects > 0.0 and costs > 0.0):
        return Reading(math.nan, np.full(len(cost), math.nan))
    ratio = costs / effects
    return Reading(ratio, (cost_more - ratio * qalys_more) / effects)


def _medians(column: str, pair: Pair) -> Reading:
    ours, theirs = (_median(times) for times in pair[column])
    return Reading(ours.value - theirs.value, ours.influence - theirs.influence)


def _median(times_days: Array) -> Reading:
    """Return a median in months; its influences have the error that `median` estimates.

    ``(1{T > m} - 1/2) / f(m)``, with the density f at the median m from Woodruff's interval;
    patients without a time (``nan``) have no influence.
    """
    counted = ~np.isnan(times_days)
    found = median(times_days[counted])
    n, r = len(times_days), int(np.count_nonzero(counted))
    if r == 0:
        return Reading(math.nan, np.full(n, math.nan))
    scale = found.se * n / (HALF * math.sqrt(r)) / DAYS_PER_MONTH
    influence = np.where(counted, scale * ((times_days > found.mean) - HALF), 0.0)
    return Reading(found.mean / DAYS_PER_MONTH, influence)


def middle_threshold(thresholds: Sequence[float]) -> float:
    """Return the middle threshold, the upper of two."""
    ordered: list[float] = sorted(thresholds)
    return ordered[len(ordered) // 2]
