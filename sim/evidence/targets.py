"""Endpoints of the register made comparable with simulated cohorts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from sim.evidence.protocol import CohortPlan, Protocol, known
from sim.evidence.study import PERCENT, Endpoint, Study, log, logit

NORMAL_97_5: Final = 1.959963984540054
FOLLOW_UP_MONTHS: Final = 24.0
"""Both arms of a trial whose hazard ratio is predicted are followed for so long."""
OF_RESPONDERS: Final = ("mrd_negative_of_responders", "hct_of_responders")
EXPONENTIAL_MEDIAN: Final = 1.0 / math.log(2.0)
"""Standard error of the log of a median, times √n, of exponential times without censoring:
used for a median without an interval."""


@dataclass(frozen=True)
class Target:
    """A published endpoint and the cohort that represents it.

    Attributes
    ----------
    cohort, arm
        Scenario of the cohort and strategy in it.
    value
        Logit of a share, log of a median or ratio.
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
    arm: str
    against: str | None
    at_months: float | None
    role: str
    value: float
    below: float
    above: float
    events: float | None
    n: int | None
    curve: str
    survival: float | None

    @property
    def name(self) -> str:
        """Study and endpoint."""
        return f"{self.study}/{self.endpoint}"

    @property
    def is_count(self) -> bool:
        """Whether the likelihood is binomial."""
        return self.events is not None and self.survival is None


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
        if known(endpoint.endpoint) and endpoint.best is not None:
            yield _target(plan, study, name, endpoint)


def _target(plan: CohortPlan, study: Study, name: str, endpoint: Endpoint) -> Target:
    best = endpoint.best
    if best is None:
        message = f"{plan.study}/{name} has no value"
        raise ValueError(message)
    scale = logit if endpoint.kind == "percent" else log
    n = endpoint.n or (None if _of_some(endpoint) else study.arms[endpoint.arm].n)
    below, above = _errors(endpoint, best, n)
    curve = endpoint.endpoint.split("_", maxsplit=1)[0]
    on_curve = curve in ("os", "efs", "rfs", "dor") and endpoint.kind in ("percent", "months")
    survival = None
    if on_curve:
        survival = best / PERCENT if endpoint.kind == "percent" else 0.5
    events = None
    if endpoint.kind == "percent" and survival is None and n is not None:
        events = (
            float(endpoint.events) if endpoint.events is not None else round(best * n / PERCENT)
        )
    strategy = plan.arms[endpoint.arm]
    return Target(
        study=plan.study,
        endpoint=name,
        word=endpoint.endpoint,
        cohort=plan.scenario,
        arm=strategy,
        against=None if endpoint.against is None else plan.arms.get(endpoint.against),
        at_months=FOLLOW_UP_MONTHS if endpoint.kind == "ratio" else endpoint.at_months,
        role=endpoint.role,
        value=scale(best),
        below=below,
        above=above,
        events=events,
        n=n,
        curve=f"{plan.study}/{endpoint.arm}/{'rfs' if curve == 'dor' else curve}",
        survival=survival,
    )


def _of_some(endpoint: Endpoint) -> bool:
    """Whether an endpoint is of the responders, whose number is not that of the arm."""
    return endpoint.endpoint.startswith(("rfs", "dor")) or endpoint.endpoint in OF_RESPONDERS


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
