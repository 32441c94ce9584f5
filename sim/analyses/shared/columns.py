"""The stored columns of each patient: one number per patient and strategy, by name.

Names are those of the outcomes in summary.json, so that a column's mean is the outcome there.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any, Final

import numpy as np

from sim.clinic.events import Cause
from sim.clinic.units import DAYS_PER_MONTH, PERCENT
from sim.economics.estimates import Array
from sim.economics.ledger import COST_CATEGORIES, QALY_CATEGORIES, Account, Category
from sim.engine.outcomes import ALIVE
from sim.simulation.summary import EFS_LANDMARK_MONTHS, OS_LANDMARKS_MONTHS, SHARES
from sim.simulation.tally import (
    CATEGORIES,
    CAUSE,
    CYCLES,
    DEATH,
    DISCOUNTED,
    EFS,
    RFS,
    ROW,
    UNDISCOUNTED,
)

Column = Callable[[Array, Array, float], Array]
"""From outcome rows, amounts and the horizon in days to (patient, strategy)."""
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


def _amount(
    kind: int, members: tuple[Category, ...], rows: Array, amounts: Array, horizon_days: float
) -> Array:
    del rows, horizon_days
    places = [CATEGORIES.index(category) for category in members]
    total: Array = amounts[:, :, kind, places].sum(axis=-1)
    return total


def _value(place: int, rows: Array, amounts: Array, horizon_days: float) -> Array:
    del amounts, horizon_days
    values: Array = rows[:, :, place].copy()
    return values


def _flag(place: int, rows: Array, amounts: Array, horizon_days: float) -> Array:
    del amounts, horizon_days
    return _percent(rows[:, :, place] > 0.0)


def _survival(place: int, months: int, rows: Array, amounts: Array, horizon_days: float) -> Array:
    del amounts
    at = months * DAYS_PER_MONTH
    if at > horizon_days:
        return np.full(rows.shape[:2], np.nan)
    return _percent(rows[:, :, place] > at)


def _cause(cause: int, rows: Array, amounts: Array, horizon_days: float) -> Array:
    del amounts, horizon_days
    return _percent(rows[:, :, CAUSE] == cause)


def _percent(hits: np.ndarray[Any, np.dtype[np.bool_]]) -> Array:
    return np.where(hits, PERCENT, 0.0)
