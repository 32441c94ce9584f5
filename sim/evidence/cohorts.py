"""The simulated cohorts of a fit: a scenario each, run under many parameter sets."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sim.economics.estimates import Array
from sim.evidence.protocol import Heterogeneity, Protocol, log_median_error, observe, times
from sim.evidence.targets import Target
from sim.simulation.question import Question, ask
from sim.simulation.tally import Tally

Bar = Callable[[int], AbstractContextManager[Callable[[int], None]]]
"""Shows the progress of a number of patients; yields a function to call with each batch."""


@contextmanager
def no_bar(_total: int) -> Iterator[Callable[[int], None]]:
    """Show nothing."""
    yield lambda _: None


@dataclass(frozen=True)
class Cohort:
    """A scenario and the endpoints that it represents."""

    name: str
    study: str
    question: Question
    targets: tuple[Target, ...]

    @property
    def simulated(self) -> int:
        """Patients simulated under one parameter set, strategies counted."""
        return self.question.patients * len(self.question.model.strategies)

    def place(self, strategy: str) -> int:
        """Return the place of a strategy."""
        return [arm.name for arm in self.question.model.strategies].index(strategy)

    def observed(self, tally: Tally) -> Array:
        """Return every endpoint of the cohort, on the scales of the targets."""
        return np.array(
            [
                observe(
                    tally,
                    self.place(t.arm),
                    t.word,
                    t.at_months,
                    None if t.against is None else self.place(t.against),
                )
                for t in self.targets
            ]
        )

    def errors(self, tally: Tally) -> Array:
        """Return the sampling error of each endpoint in a cohort of the published size."""
        return np.array([self._error(tally, target) for target in self.targets])

    def _error(self, tally: Tally, target: Target) -> float:
        if target.n is None or target.word.endswith("_ratio"):
            return (target.below + target.above) / 2.0
        if target.word.endswith("_median_months"):
            counted = times(tally, self.place(target.arm), target.word)
            return log_median_error(counted, float(target.n))
        x = observe(tally, self.place(target.arm), target.word, target.at_months)
        p = 1.0 / (1.0 + math.exp(-x))
        return 1.0 / math.sqrt(target.n * p * (1.0 - p))


def cohorts(
    protocol: Protocol, wanted: Sequence[Target], folder: Path, patients: int | None = None
) -> tuple[Cohort, ...]:
    """Read the scenarios in `folder` that represent at least one of the targets."""
    made = []
    for plan in protocol.cohorts:
        mine = tuple(t for t in wanted if t.cohort == plan.scenario)
        if mine:
            question = ask(folder / f"{plan.scenario}.yaml", patients=patients)
            made.append(Cohort(plan.scenario, plan.study, question, mine))
    return tuple(made)


def numbers(
    protocol: Protocol,
    cohort: Cohort,
    z: Array,
    effects: Array,
) -> dict[str, float]:
    """Return the parameter values of a point: prior scores `z`, study effects in their order."""
    values = {
        name: prior.value(float(score))
        for (name, prior), score in zip(protocol.priors.items(), z, strict=True)
        if name in cohort.question.parameters
    }
    for plan, effect in zip(protocol.heterogeneity.values(), effects, strict=True):
        values |= effect_values(plan, float(effect))
    return values


def effect_values(plan: Heterogeneity, effect: float) -> Mapping[str, float]:
    """Return the parameters of a study effect: a log odds ratio as it is, a ratio by exp."""
    return {
        name: math.exp(effect) if name.endswith("hazard_ratio") else effect
        for name in plan.parameters
    }


def simulate(
    protocol: Protocol,
    cohort: Cohort,
    z: Array,
    effects: Array,
    threads: int | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Iterator[Tally]:
    """Simulate the cohort at each row of `z` (prior scores) and of `effects`."""
    from sim.simulation.parameter_sets import run_sets

    sets = (numbers(protocol, cohort, row, own) for row, own in zip(z, effects, strict=True))
    for simulation in run_sets(cohort.question, sets, threads=threads, progress=progress):
        yield simulation.tally
