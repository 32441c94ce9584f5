"""The simulated cohorts of a fit: a scenario each, run under many parameter sets."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from sim.economics.estimates import Array
from sim.evidence.observables import Counted, Measure, counted, estimate, log_median_error
from sim.evidence.protocol import Heterogeneity, Protocol
from sim.evidence.targets import Target
from sim.simulation.observables import Observable
from sim.simulation.question import Question, ask
from sim.simulation.tally import Tally

if TYPE_CHECKING:
    from sim.simulation.parameter_sets import Batch

Reading = TypeVar("Reading")

Bar = Callable[[int], AbstractContextManager[Callable[[int], None]]]
"""Shows the progress of a number of patients; yields a function to call with each batch."""


@contextmanager
def no_bar(_total: int) -> Iterator[Callable[[int], None]]:
    """Show nothing."""
    yield lambda _: None


@dataclass(frozen=True)
class Cohort:
    """A scenario and the endpoints that it represents; `study` is the one whose effects it has."""

    name: str
    study: str
    question: Question
    targets: tuple[Target, ...]

    @property
    def simulated(self) -> int:
        """Patients simulated under one parameter set, strategies counted."""
        return self.question.patients * len(self.question.model.strategies)

    @cached_property
    def observables(self) -> tuple[Observable, ...]:
        """What has to be counted for the endpoints, each once."""
        return tuple(dict.fromkeys(each for t in self.targets for each in t.observed.of))

    @cached_property
    def asked(self) -> Question:
        """The scenario, with the observables."""
        return replace(self.question, observables=self.observables)

    def counts(self, tally: Tally, target: Target) -> list[Counted]:
        """Return what was counted for an endpoint; of a ratio, the group and its reference."""
        names = [arm.name for arm in self.question.model.strategies]
        arms = [target.arm] * len(target.observed.of)
        if target.against is not None:
            arms[-1] = target.against
        return [
            counted(
                tally,
                {names.index(name): weight for name, weight in arm.items()},
                self.observables.index(each),
            )
            for arm, each in zip(arms, target.observed.of, strict=True)
        ]

    def observed(self, tally: Tally) -> Array:
        """Return every endpoint of the cohort, on the scales of the targets."""
        return np.array([estimate(t.observed, self.counts(tally, t)) for t in self.targets])

    def errors(self, tally: Tally) -> Array:
        """Return the sampling error of each endpoint in a cohort of the published size."""
        return np.array([self._error(tally, target) for target in self.targets])

    def _error(self, tally: Tally, target: Target) -> float:
        measure, published = target.observed.measure, (target.below + target.above) / 2.0
        of = self.counts(tally, target)
        if measure == Measure.MEDIAN and target.n is not None:
            error = log_median_error(of[0], float(target.n))
            return error if math.isfinite(error) else published
        if measure in (Measure.SHARE, Measure.INCIDENCE, Measure.LANDMARK) and target.n is not None:
            p = 1.0 / (1.0 + math.exp(-estimate(target.observed, of)))
            return 1.0 / math.sqrt(target.n * p * (1.0 - p))
        return published


def cohorts(
    protocol: Protocol, wanted: Sequence[Target], folder: Path, patients: int | None = None
) -> tuple[Cohort, ...]:
    """Read the scenarios in `folder` that represent at least one of the targets."""
    made = []
    for plan in protocol.cohorts:
        mine = tuple(t for t in wanted if (t.cohort, t.study) == (plan.scenario, plan.study))
        if mine:
            question = ask(folder / f"{plan.scenario}.yaml", patients=patients)
            made.append(Cohort(plan.scenario, plan.trial or plan.study, question, mine))
    return tuple(made)


def numbers(protocol: Protocol, cohort: Cohort, z: Array, effects: Array) -> dict[str, float]:
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
) -> Iterator[Array]:
    """Simulate the cohort at each row of `z` (prior scores) and of `effects`; yield what is observed."""
    sets = (numbers(protocol, cohort, row, own) for row, own in zip(z, effects, strict=True))
    yield from readings(cohort.asked, sets, cohort.observed, threads=threads, progress=progress)


def readings(
    question: Question,
    sets: Iterable[Mapping[str, float]],
    read: Callable[[Tally], Reading],
    *,
    threads: int | None,
    progress: Callable[[int], None],
) -> Iterator[Reading]:
    """Simulate the question under each set of values; yield what is read of its tally."""
    from sim.simulation.parameter_sets import SetsJob, read_sets

    job: SetsJob[Mapping[str, float], list[Reading]] = SetsJob(
        question, dict, partial(_read_each, read)
    )
    items = zip(sets, repeat(0), strict=False)
    for batch in read_sets(job, items, threads=threads, progress=progress):
        yield from batch


def _read_each(read: Callable[[Tally], Reading], batch: Batch) -> list[Reading]:
    return [read(simulation.tally) for simulation in batch.simulations()]
