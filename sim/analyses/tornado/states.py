"""The state where an outcome has no value, in words, and the net benefit there."""

from __future__ import annotations

import math
from typing import Final

from sim.analyses.shared.outcomes import ICER, Outcome
from sim.analyses.shared.paired_runs import Sample, strategy_names
from sim.economics.estimates import NOT_ESTIMABLE, Estimate
from sim.economics.incremental import Increment

NO_VALUE: Final = "not reached"
"""Of a median or a share that cannot be estimated."""


def benefit_of(found: Sample, strategy: str, threshold: float) -> float:
    """Return the incremental net monetary benefit of a strategy, in currency."""
    benefits = dict(
        zip(strategy_names(found.question), found.net_benefits(threshold).tolist(), strict=True)
    )
    return float(benefits[strategy] - benefits[found.question.scenario.comparator_name])


def state_of(outcome: Outcome, found: Sample, strategy: str, value: float) -> str:
    """Describe a state in which an outcome has no value: of an ICER, its quadrant of the plane."""
    if math.isfinite(value):
        return ""
    if outcome.name != ICER:
        return NO_VALUE
    names = strategy_names(found.question)
    ours, theirs = (
        names.index(name) for name in (strategy, found.question.scenario.comparator_name)
    )
    cost, qalys = (
        Estimate(float(amounts[ours] - amounts[theirs]), math.nan)
        for amounts in (found.cost, found.qalys)
    )
    comparator = names[theirs]
    return Increment(strategy, comparator, cost, qalys, NOT_ESTIMABLE, math.nan).quadrant
