"""Endpoints of the register and the simulated cohorts that represent them, a scenario each."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np

from sim.clinic.units import PERCENT
from sim.economics.estimates import NORMAL_97_5, Array
from sim.evidence.observables import (
    Counted,
    Measure,
    Observed,
    counted,
    estimate,
    is_between_arms,
    log_median_error,
    observed,
)
from sim.evidence.protocol import CohortPlan, Heterogeneity, Protocol
from sim.evidence.study import SCALES, TOXICITIES, Endpoint, Study
from sim.simulation.observables import Moment, Observable
from sim.simulation.question import Question, ask
from sim.simulation.tally import Tally

if TYPE_CHECKING:
    from sim.simulation.parameter_sets import Batch

OF_SOME: Final = ("rfs", "dor", "time_to_hct")
OF_RESPONDERS: Final = (
    "mrd_negative_of_responders",
    "hct_of_responders",
    "response_in_first_cycle",
    "cd19_negative",
)
MEASURED: Final = {Measure.MEDIAN: "median", Measure.LANDMARK: "landmark"}
TOPICS: Final = (
    "response",
    "median",
    "landmark",
    "after allo-HCT",
    "after failure",
    "toxicity",
    "other",
)
"""Topics of endpoints, by which predictions are judged for bias."""
EXPONENTIAL_MEDIAN: Final = 1.0 / math.log(2.0)
"""Standard error of the log of a median, times √n, of exponential times without censoring:
used for a median without an interval."""


@dataclass(frozen=True)
class Target:
    """A published endpoint and the cohort that represents it.

    Attributes
    ----------
    cohort, arm, against
        Scenario of the cohort and the weights of its strategies; those of the other arm of a ratio.
    observed
        How it is counted in the cohort.
    value
        Logit of a share, log of a median or ratio.
    beyond
        Whether the value is a time that the median exceeded.
    below, above
        Standard errors on that scale, towards lower and higher values: a printed interval need
        not be symmetric.
    events, n
        Counts, for a share.
    curve
        The curve that several endpoints are read from, so that their errors are correlated.
    survival
        Of the landmark or median on that curve, a probability.
    """

    study: str
    endpoint: str
    word: str
    cohort: str
    arm: Mapping[str, float]
    against: Mapping[str, float] | None
    observed: Observed
    at_months: float | None
    role: str
    value: float
    below: float
    above: float
    events: float | None
    n: int | None
    curve: str
    survival: float | None
    beyond: bool = False
    after_failure: bool = False

    @property
    def topic(self) -> str:
        """The topic of the endpoint, one of `TOPICS`."""
        origin = self.observed.of[0].origin
        if self.word in TOXICITIES:
            return "toxicity"
        if self.after_failure or origin == Moment.FAILURE:
            return "after failure"
        if origin == Moment.TRANSPLANT:
            return "after allo-HCT"
        if self.word == "response":
            return "response"
        return MEASURED.get(self.observed.measure, "other")

    @property
    def name(self) -> str:
        """Study and endpoint."""
        return f"{self.study}/{self.endpoint}"

    @property
    def is_count(self) -> bool:
        """Whether the likelihood is binomial."""
        return self.events is not None and self.survival is None

    @property
    def treatment(self) -> str:
        """The strategy of the arm, or the one with the largest weight."""
        return max(self.arm, key=lambda name: self.arm[name])


def targets(protocol: Protocol, register: Mapping[str, Study]) -> tuple[Target, ...]:
    """Return every endpoint with a role that a cohort of the protocol represents."""
    claimed = {(plan.study, name) for plan in protocol.cohorts for name in plan.endpoints or ()}
    found: dict[str, Target] = {}
    for plan in protocol.cohorts:
        for target in _of_cohort(plan, register[plan.study], claimed):
            found.setdefault(target.name, target)
    return tuple(found.values())


def _of_cohort(plan: CohortPlan, study: Study, claimed: set[tuple[str, str]]) -> Iterator[Target]:
    for name, endpoint in study.endpoints.items():
        if plan.endpoints is None and (plan.study, name) in claimed:
            continue
        if plan.endpoints is not None and name not in plan.endpoints:
            continue
        if endpoint.role == "described" or endpoint.arm not in plan.arms:
            continue
        shown = observed(endpoint)
        best = endpoint.beyond_months if endpoint.best is None else endpoint.best
        if shown is not None and best is not None:
            yield _target(plan, study, name, endpoint, shown, best)


def _target(
    plan: CohortPlan, study: Study, name: str, endpoint: Endpoint, shown: Observed, best: float
) -> Target:
    n = endpoint.n or (None if _of_some(endpoint) else study.arms[endpoint.arm].n)
    below, above = _errors(endpoint, best, n)
    survival = None
    if shown.measure in (Measure.LANDMARK, Measure.MEDIAN):
        survival = best / PERCENT if endpoint.kind == "percent" else 0.5
    events = None
    if endpoint.kind == "percent" and survival is None and n is not None:
        events = (
            float(endpoint.events) if endpoint.events is not None else round(best * n / PERCENT)
        )
    of = shown.of[0]
    return Target(
        study=plan.study,
        endpoint=name,
        word=endpoint.endpoint,
        cohort=plan.scenario,
        arm=plan.weights(endpoint.arm),
        against=plan.weights(str(endpoint.against)) if is_between_arms(endpoint) else None,
        observed=shown,
        at_months=shown.months,
        role=endpoint.role,
        value=SCALES[endpoint.kind](best),
        below=below,
        above=above,
        events=events,
        n=n,
        curve="/".join([plan.study, endpoint.arm, *(f"{part:x}" for part in of)]),
        survival=survival,
        beyond=endpoint.best is None,
        after_failure=plan.after_failure,
    )


def _of_some(endpoint: Endpoint) -> bool:
    """Whether an endpoint is of a part of the arm, so that its number is not that of the arm."""
    word = endpoint.endpoint
    part = bool(endpoint.among) or endpoint.time_origin in ("remission", "transplant", "failure")
    return part or word.startswith(OF_SOME) or word in OF_RESPONDERS


def _errors(endpoint: Endpoint, best: float, n: int | None) -> tuple[float, float]:
    """Return the standard errors below and above the value, from the interval where printed."""
    scale = SCALES[endpoint.kind]
    low, high = endpoint.interval or (None, None)
    value = scale(best)
    below = None if low is None or low <= 0 else (value - scale(low)) / NORMAL_97_5
    above = None if high is None else (scale(high) - value) / NORMAL_97_5
    known_error = endpoint.standard_error
    if known_error is None:
        known_error = EXPONENTIAL_MEDIAN / math.sqrt(n or 1)
    below = below or above or known_error
    # An end that was not reached is further off than the other.
    above = above or max(below, known_error)
    return below, above


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
