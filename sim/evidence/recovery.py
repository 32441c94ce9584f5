"""Recovery: whether the fit finds known parameters from simulated evidence.

A truth is drawn from the prior, the cohorts are simulated with it, and their publications are
sampled with the error of the published sizes. The share of intervals that contain the truth should
be their level.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from sim.economics.estimates import Array
from sim.engine.streams import uniforms
from sim.evidence.cohorts import Cohort, simulate
from sim.evidence.observables import logit_of
from sim.evidence.protocol import Protocol
from sim.evidence.sampler import Posterior, correlation, curves
from sim.evidence.targets import Target
from sim.simulation.parameter_draws import Draw, stable_hash

LEVEL: Final = 0.9
PATIENTS: Final = 20_000
"""Of a simulated cohort, so that its own Monte Carlo error is small next to the sampling error."""
MOST_TRIES: Final = 10_000


@dataclass(frozen=True)
class Truth:
    """Prior scores, spread of the study effects, and the effects of each study."""

    scores: Array
    spread: Array
    effects: Mapping[str, Array]


def draw_truth(protocol: Protocol, studies: Sequence[str], seed: int, number: int) -> Truth:
    """Draw truth `number` from the prior."""
    from scipy.special import ndtri

    def normal(name: str) -> float:
        key = stable_hash(f"truth {name}")
        return float(ndtri(uniforms(seed, number, 1, Draw.PARAMETER, key)[0]))

    kinds = protocol.heterogeneity
    spread = np.array([plan.scale * abs(normal(f"spread.{kind}")) for kind, plan in kinds.items()])
    effects = {
        study: spread * np.array([normal(f"{study}.{kind}") for kind in kinds])
        for study in dict.fromkeys(studies)
    }
    return Truth(np.array([normal(name) for name in protocol.priors]), spread, effects)


def publish(
    protocol: Protocol, cohorts: Sequence[Cohort], truth: Truth, seed: int, number: int
) -> dict[str, float]:
    """Return simulated publications of the cohorts, on the scales of the targets, by name.

    Counts are binomial at their published size. Endpoints of a curve are as in the likelihood:
    normal with the published standard errors, correlated within a curve. The patients differ from
    those of the fit.
    """
    published = {}
    for cohort in cohorts:
        asked = replace(cohort.question, patients=PATIENTS, seed=seed + number)
        fresh = replace(cohort, question=asked)
        effects = truth.effects[cohort.study]
        (tally,) = simulate(protocol, fresh, truth.scores[None], effects[None])
        for target, value in zip(
            cohort.targets, _with_error(fresh.observed(tally), cohort, seed, number), strict=True
        ):
            published[target.name] = float(value)
    return published


def _with_error(exact: Array, cohort: Cohort, seed: int, number: int) -> Array:
    from scipy.stats import binom

    shown = exact.copy()
    for place, target in enumerate(cohort.targets):
        if target.is_count and target.n is not None:
            u = uniforms(seed, number, 1, Draw.SAMPLING, stable_hash(target.name))[0]
            share = 1.0 / (1.0 + np.exp(-exact[place]))
            shown[place] = logit_of(int(binom.ppf(u, target.n, share)), target.n)
    for group in curves(cohort.targets):
        chosen = [cohort.targets[place] for place in group]
        shown[group] = exact[group] - _residuals(chosen, seed, number)
    return shown


def _residuals(chosen: Sequence[Target], seed: int, number: int) -> Array:
    """Draw prediction minus value of the endpoints of a curve.

    Their density is normal in units of the standard errors below and above. A normal draw is
    stretched to that and accepted with the ratio of the volumes.
    """
    from scipy.special import ndtri

    root = np.linalg.cholesky(correlation(chosen))
    below = np.array([target.below for target in chosen])
    above = np.array([target.above for target in chosen])
    for attempt in range(MOST_TRIES):
        key = stable_hash(f"{chosen[0].name} {attempt}")
        u = uniforms(seed, number * (len(chosen) + 1), len(chosen) + 1, Draw.SAMPLING, key)
        standard = root @ ndtri(u[1:])
        error = np.where(standard > 0.0, above, below)
        if u[0] < float(np.prod(error / np.maximum(below, above))):
            return np.asarray(standard * error)
    message = f"no draw was accepted for {chosen[0].name}"
    raise ValueError(message)


def coverage(
    protocol: Protocol, posterior: Posterior, truth: Truth, level: float = LEVEL
) -> pd.DataFrame:
    """Return for each parameter whether its interval contains the truth.

    Returns
    -------
    DataFrame
        Columns quantity, truth, low, high, inside: prior scores, and the spreads of the effects.
    """
    names = [*protocol.priors, *posterior.spread.columns]
    draws = pd.concat([posterior.scores, posterior.spread], axis=1)[names].to_numpy()
    low, high = np.quantile(draws, [(1.0 - level) / 2.0, (1.0 + level) / 2.0], axis=0)
    true = np.concatenate([truth.scores, truth.spread])
    return pd.DataFrame(
        {
            "quantity": names,
            "truth": true,
            "low": low,
            "high": high,
            "inside": (low <= true) & (true <= high),
        }
    )
