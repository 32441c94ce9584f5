"""Survival curves by whole months, read off the counted times: exact for both engines."""

from __future__ import annotations

from collections.abc import Iterator
from math import floor
from typing import Final, NamedTuple

import numpy as np

from sim.clinic.units import DAYS_PER_MONTH, DAYS_PER_YEAR
from sim.economics.estimates import Array
from sim.simulation.run import Simulation
from sim.simulation.tally import BINS_PER_MONTH

LAST_MONTH: Final = 120
LATEST_REMISSION_DAYS: Final = DAYS_PER_YEAR
"""Where single patients were not stored: nobody enters the first remission later than this."""


class Curve(NamedTuple):
    """An endpoint under a strategy: patients free of the event at each whole month from 0 on."""

    strategy: str
    endpoint: str
    patients: int
    at_risk: Array


def curves(simulation: Simulation) -> Iterator[Curve]:
    """Yield OS, EFS and, among responders of the first line, RFS of each strategy.

    A curve ends where the horizon of the scenario does. Month 0 comes before anything happens.
    """
    horizon = simulation.question.model.settings.horizon_days
    counts = simulation.tally.counts
    for s, strategy in enumerate(simulation.question.model.strategies):
        remission = LATEST_REMISSION_DAYS
        if simulation.arms:
            rows = simulation.arms[s].outcomes
            remission = max(rows[rows["response"]]["remission_days"], default=0.0)
        for endpoint, times, followed in (
            ("os", counts.deaths[s], horizon),
            ("efs", counts.failures[s], horizon),
            ("rfs", counts.relapses[s], horizon - remission),
        ):
            last = min(LAST_MONTH, max(floor(followed / DAYS_PER_MONTH), 0))
            events = np.concatenate([[0], np.cumsum(times)])
            total = int(events[-1])
            at_risk = total - events[np.arange(last + 1) * BINS_PER_MONTH]
            yield Curve(strategy.name, endpoint, total, at_risk)
