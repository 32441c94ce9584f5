"""Patients made one by one, counted by the observables of an endpoint of the register.

Times are whole sixteenths of a month, the bins of the counts, so that counting loses nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from sim.clinic.units import DAYS_PER_MONTH, NEVER
from sim.engine.outcomes import Noted
from sim.evidence.observables import Counted, counted, estimate, observed
from sim.evidence.study import Endpoint
from sim.simulation.observables import (
    BINS_PER_MONTH,
    BITS,
    OBSERVED_BINS,
    count_observables,
    new_observed,
    observed_bin,
    records_of,
)


@dataclass
class Person:
    """A patient: what he or she has, and when it happened, in months since entry."""

    has: tuple[str, ...] = ()
    remission: float = math.inf
    assessed: float = math.inf
    hct: float = math.inf
    failure: float = math.inf
    relapse: float = math.inf
    relapse_after_hct: float = math.inf
    death: float = math.inf

    @property
    def bits(self):
        """Everything by its bit; whoever has a time has what it is the time of."""
        implied = {"response": self.remission, "hct_ever": self.hct, "failed": self.failure}
        names = {*self.has, *(name for name, time in implied.items() if time < math.inf)}
        return sum(BITS[name] for name in names)

    def noted(self):
        return Noted(
            remission_days=days(self.remission),
            assessed_days=days(self.assessed),
            transplant_days=days(self.hct),
            failure_days=days(self.failure),
            relapse_days=days(self.relapse),
            relapse_after_transplant_days=days(self.relapse_after_hct),
            death_days=days(self.death),
            marks=self.bits,
        )


def days(months):
    return months * DAYS_PER_MONTH if months < math.inf else NEVER


def endpoint(word, **written):
    """Return an endpoint of the register: the word, and what its patients have in common."""
    kind = "months" if word.endswith("months") else "ratio" if word.endswith("ratio") else "percent"
    usual = {
        "arm": "a",
        "endpoint": word,
        "definition": "d",
        "value": {"percent": 50.0, "months": 6.0, "ratio": 0.7}[kind],
        "n": 100,
        "source": "s",
        "place": "p",
        "role": "fit",
        "why": "w",
    }
    if kind == "ratio":
        usual["against"] = "b"
    return Endpoint.model_validate({**usual, **written})


def tally_of(observables, *arms):
    """Count the patients of each arm, one by one, in the observables."""
    seen = new_observed(len(observables), 1, len(arms))
    for s, people in enumerate(arms):
        for person in people:
            count_observables(records_of(observables), seen, 0, s, person.noted(), 0)
    return SimpleNamespace(counts=SimpleNamespace(observed=type(seen)(*(part[0] for part in seen))))


def estimated(one, people, others=None):
    """Return the estimate of an endpoint from patients; of a ratio between arms from both."""
    shown = observed(one)
    tally = tally_of(shown.of, people, people if others is None else others)
    arms = [0] * len(shown.of)
    if others is not None:
        arms[-1] = 1
    return estimate(shown, [counted(tally, {arm: 1.0}, place) for place, arm in enumerate(arms)])


def of_times(events, endings=None):
    """Count times to an event, or to an ending before it, in months."""
    bins = [np.zeros(OBSERVED_BINS), np.zeros(OBSERVED_BINS)]
    endings = [math.inf] * len(events) if endings is None else endings
    for event, ending in zip(events, endings, strict=True):
        bins[int(event > ending)][observed_bin(days(min(event, ending)))] += 1.0
    return Counted(float(len(events)), 0.0, *bins)


def expected(median, patients=1e9):
    """Return the expected counts of exponential times."""
    edges = np.append(np.arange(OBSERVED_BINS) / BINS_PER_MONTH, math.inf)
    return Counted(
        patients, 0.0, patients * -np.diff(0.5 ** (edges / median)), np.zeros(OBSERVED_BINS)
    )


def columns(people, *names):
    return [np.array([getattr(person, name) for person in people]) for name in names]


def arm(rng, median, size, has=()):
    """Return patients with times of death and of transplant in whole months: many are equal."""
    death = np.ceil(rng.exponential(median / math.log(2.0), size))
    hct = np.where(rng.random(size) < 0.4, np.ceil(rng.exponential(6.0, size)), math.inf)
    return [
        Person(has, hct=t if t < d else math.inf, death=d) for d, t in zip(death, hct, strict=True)
    ]
