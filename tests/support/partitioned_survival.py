"""A partitioned-survival model: overall and event-free survival cut each life in three.

With OS(t) and EFS(t) on a grid, ``EFS`` of the patients are event-free, ``OS - EFS`` live after an
event, and ``1 - OS`` are dead. Amounts are areas under these curves by the trapezium rule, times a
utility or a price, discounted in the middle of each interval. The curves say nothing about what
happens inside a state.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

DAYS_PER_MONTH = 30.4375
DAYS_PER_YEAR = 365.25


class Curves(NamedTuple):
    """Shares alive, and alive without an event, on days that rise from 0 to the horizon."""

    days: np.ndarray
    overall: np.ndarray
    event_free: np.ndarray


class Tariff(NamedTuple):
    """Utility and cost by state, the cost of a death, and the annual rate of discounting."""

    utility_event_free: float
    utility_after_event: float
    cost_per_month_event_free: float
    event_free_cost_ends_days: float
    cost_per_month_after_event: float
    rate: float


class Totals(NamedTuple):
    """Per patient, discounted unless said."""

    life_years: float
    undiscounted_life_years: float
    event_free_years: float
    after_event_years: float
    qalys: float
    event_free_cost: float
    after_event_cost: float


def curves(days: np.ndarray, death_days: np.ndarray, event_days: np.ndarray) -> Curves:
    """Shares of single patients alive and event-free on each day; an event is no later than death."""

    def share_beyond(times: np.ndarray) -> np.ndarray:
        return 1.0 - np.searchsorted(np.sort(times), days, side="right") / len(times)

    overall = share_beyond(death_days)
    event_free = share_beyond(np.minimum(event_days, death_days))
    return Curves(days, overall, event_free)


def areas(days: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Years under a curve in each interval, by the trapezium rule."""
    return np.diff(days) * (share[1:] + share[:-1]) / 2.0 / DAYS_PER_YEAR


def partitioned(curves: Curves, tariff: Tariff) -> Totals:
    """Return what the curves are worth."""
    days = curves.days
    middles = (days[1:] + days[:-1]) / 2.0
    present = (1.0 + tariff.rate) ** (-middles / DAYS_PER_YEAR)
    alive = areas(days, curves.overall)
    event_free = areas(days, curves.event_free)
    after_event = alive - event_free
    paid = event_free * (middles < tariff.event_free_cost_ends_days)
    months = DAYS_PER_YEAR / DAYS_PER_MONTH
    return Totals(
        life_years=float((alive * present).sum()),
        undiscounted_life_years=float(alive.sum()),
        event_free_years=float((event_free * present).sum()),
        after_event_years=float((after_event * present).sum()),
        qalys=float(
            (event_free * present).sum() * tariff.utility_event_free
            + (after_event * present).sum() * tariff.utility_after_event
        ),
        event_free_cost=float((paid * present).sum() * months * tariff.cost_per_month_event_free),
        after_event_cost=float(
            (after_event * present).sum() * months * tariff.cost_per_month_after_event
        ),
    )
