"""Endpoints of the register made comparable with simulated cohorts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from sim.evidence.observables import Measure, Observed, is_between_arms, observed
from sim.evidence.protocol import CohortPlan, Protocol
from sim.evidence.study import PERCENT, TOXICITIES, Endpoint, Study, log, logit
from sim.simulation.observables import Moment

NORMAL_97_5: Final = 1.959963984540054
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
"""What endpoints are of, by which predictions are judged for bias."""
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
        """What the endpoint is of, one of `TOPICS`."""
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
    scale = logit if endpoint.kind == "percent" else log
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
        value=scale(best),
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
    scale = logit if endpoint.kind == "percent" else log
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
