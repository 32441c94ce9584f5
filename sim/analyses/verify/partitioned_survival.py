"""A partitioned-survival model: overall and event-free survival cut each life in three.

With OS(t) and EFS(t) on a grid, ``EFS`` of the patients are event-free, ``OS - EFS`` live after an
event, and ``1 - OS`` are dead. Amounts are areas under these curves by the trapezium rule, times a
utility or a price, discounted in the middle of each interval. The curves say nothing about what
happens inside a state. Nothing is imported from the program.

Source of the method: Woods B, Sideris E, Palmer S, Latimer N, Soares M, NICE DSU Technical Support
Document 19, 2017, "Partitioned survival analysis for decision modelling in health care: a
critical review".
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
DAYS_PER_MONTH: Final = 30.4375
DAYS_PER_YEAR: Final = 365.25


class Curves(NamedTuple):
    """Shares alive, and alive without an event, on days that rise from 0 to the horizon."""

    days: Array
    overall: Array
    event_free: Array


class Tariff(NamedTuple):
    """Utility and cost by state, the cost of a death, and the annual rate of discounting."""

    utility_event_free: float
    utility_after_event: float
    cost_per_month_event_free: float
    cost_per_month_after_event: float
    rate: float
    event_free_cost_ends_days: float = np.inf


class Totals(NamedTuple):
    """Per patient, discounted unless said."""

    life_years: float
    undiscounted_life_years: float
    event_free_years: float
    qalys: float
    event_free_cost: float
    after_event_cost: float


def curves(days: Array, death_days: Array, event_days: Array) -> Curves:
    """Return the shares alive and event-free on each day; an event is no later than death."""

    def share_beyond(times: Array) -> Array:
        found: Array = 1.0 - np.searchsorted(np.sort(times), days, side="right") / len(times)
        return found

    overall = share_beyond(death_days)
    event_free = share_beyond(np.minimum(event_days, death_days))
    return Curves(days, overall, event_free)


def partitioned(curves: Curves, tariff: Tariff) -> Totals:
    """Return what the curves are worth."""
    days = curves.days
    middles = (days[1:] + days[:-1]) / 2.0
    present = (1.0 + tariff.rate) ** (-middles / DAYS_PER_YEAR)
    # Years under a curve in each interval, by the trapezium rule.
    alive, event_free = (
        np.diff(days) * (share[1:] + share[:-1]) / 2.0 / DAYS_PER_YEAR
        for share in (curves.overall, curves.event_free)
    )
    free, after = (event_free * present).sum(), ((alive - event_free) * present).sum()
    paid = event_free * (middles < tariff.event_free_cost_ends_days)
    months = DAYS_PER_YEAR / DAYS_PER_MONTH
    return Totals(
        life_years=float((alive * present).sum()),
        undiscounted_life_years=float(alive.sum()),
        event_free_years=float(free),
        qalys=float(free * tariff.utility_event_free + after * tariff.utility_after_event),
        event_free_cost=float((paid * present).sum() * months * tariff.cost_per_month_event_free),
        after_event_cost=float(after * months * tariff.cost_per_month_after_event),
    )
