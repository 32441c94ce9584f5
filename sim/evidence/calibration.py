"""The fit: waves of simulated designs, a surface through each cohort, the joint posterior.

The first wave spreads over the prior. Each further wave spreads around the posterior of the one
before, where the surfaces have to be good. Simulated endpoints are stored in the user's cache, so
that an interrupted fit goes on where it stopped; the result does not depend on it.

Recovery is whether the fit finds known parameters from simulated evidence: a truth is drawn from the
prior, the cohorts are simulated with it, and their publications are sampled with the error of the
published sizes. The share of intervals that contain the truth should be their level.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from sim.economics.estimates import Array
from sim.engine.streams import uniforms
from sim.errors import UserError
from sim.evidence.cohorts import Bar, Cohort, cohorts, no_bar, simulate
from sim.evidence.identification import identification
from sim.evidence.observables import logit_of
from sim.evidence.protocol import COHORTS, Protocol
from sim.evidence.sampler import (
    Evidence,
    Posterior,
    correlation,
    curves,
    fit_surface,
    keep,
    one_thread,
    place_of,
    read_kept,
    sample,
)
from sim.evidence.study import Study
from sim.evidence.targets import Target, targets
from sim.simulation.parameter_draws import Draw, stable_hash

QUICK_PATIENTS: Final = 1000
FLOOR: Final = 1e-6
"""Smallest variance of a score around which the next wave spreads."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Fit:
    """A finished fit: the posterior, how well the surfaces fit, and what informed each parameter."""

    protocol: Protocol
    targets: tuple[Target, ...]
    posterior: Posterior
    surfaces: pd.DataFrame
    identification: pd.DataFrame

    def parameters(self) -> pd.DataFrame:
        """Return the draws in the parameters' own units, and the effects of a study to come."""
        columns = {
            name: [prior.value(z) for z in self.posterior.scores[name]]
            for name, prior in self.protocol.priors.items()
        }
        return pd.DataFrame(columns)


def calibrate(
    protocol: Protocol,
    register: Mapping[str, Study],
    folder: Path,
    *,
    quick: bool = False,
    threads: int | None = None,
    say: Say = lambda _: None,
    bar: Bar = no_bar,
    observed: Mapping[str, float] | None = None,
) -> Fit:
    """Fit the protocol to the endpoints of role ``fit``.

    Parameters
    ----------
    protocol, register
        The protocol of the fit, and its evidence.
    folder
        Of the protocol; its cohorts are the scenarios in the folder ``cohorts`` next to it.
    quick
        One wave of smaller cohorts and shorter chains: for trying out.
    threads
        Of the simulation; results do not depend on it.
    say
        Called with a line on finished work.
    bar
        Shows the progress of a number of patients; yields a function to call with each batch.
    observed
        Values on the scales of the targets to fit instead of the published ones, by name.
    """
    plan, fitted = prepared(protocol, register, folder, quick=quick)
    posterior: Posterior | None = None
    evidence: list[Evidence] = []
    for wave in range(len(plan.design.waves)):
        evidence = surfaces(plan, fitted, wave, posterior, threads=threads, say=say, bar=bar)
        if observed is not None:
            evidence = with_values(evidence, observed)
        sampler = plan.sampler
        say(f"wave {wave + 1}: drawing {sampler.chains * sampler.samples:,} times")
        posterior = sample(plan, evidence)
    if posterior is None:
        message = "a design has at least one wave"
        raise ValueError(message)
    wanted = tuple(target for each in evidence for target in each.targets)
    informed = identification(plan, evidence, posterior)
    return Fit(plan, wanted, posterior, _quality(evidence), informed)


def prepared(
    protocol: Protocol, register: Mapping[str, Study], folder: Path, *, quick: bool = False
) -> tuple[Protocol, tuple[Cohort, ...]]:
    """Return the protocol, shortened for a quick fit, and the cohorts that it is fitted to.

    Raises
    ------
    UserError
        When no endpoint of the protocol's cohorts has the role ``fit``.
    """
    plan = _quick(protocol) if quick else protocol
    wanted = tuple(t for t in targets(plan, register) if t.role == "fit")
    if not wanted:
        raise UserError("no endpoint of its cohorts has the role 'fit'", key="cohorts")
    return plan, cohorts(plan, wanted, folder / COHORTS, QUICK_PATIENTS if quick else None)


def surfaces(
    plan: Protocol,
    fitted: Sequence[Cohort],
    wave: int,
    posterior: Posterior | None,
    *,
    threads: int | None = None,
    say: Say = lambda _: None,
    bar: Bar = no_bar,
) -> list[Evidence]:
    """Simulate the cohorts at the points of a wave and fit a surface through each.

    Nothing in it depends on the published values but the posterior of the wave before.
    """
    points = plan.design.waves[wave]
    z, effects = _design(plan, wave, points, posterior)
    x = np.hstack([z, effects])
    evidence = []
    with bar(sum(points * cohort.simulated for cohort in fitted)) as advance:
        for cohort in fitted:
            shown = _observed(plan, cohort, z, effects, wave, threads, advance)
            evidence.append(Evidence(cohort.study, cohort.targets, fit_surface(x, shown)))
            size = f"{points:,} points of {cohort.question.patients:,} patients"
            say(f"wave {wave + 1}: {cohort.name}, {size}")
    return evidence


def with_values(evidence: Sequence[Evidence], observed: Mapping[str, float]) -> list[Evidence]:
    """Return the same surfaces with other values of the endpoints, by name."""
    return [
        replace(each, targets=tuple(replaced(t, observed[t.name]) for t in each.targets))
        for each in evidence
    ]


def replaced(target: Target, value: float) -> Target:
    """Return the target with another value, and counts to match it."""
    events = None
    if target.is_count and target.n is not None:
        events = target.n / (1.0 + math.exp(-value))
    return replace(target, value=value, events=events)


def _quick(protocol: Protocol) -> Protocol:
    design = protocol.design.model_copy(update={"waves": (400,)})
    sampler = protocol.sampler.model_copy(update={"chains": 2, "warmup": 300, "samples": 250})
    return protocol.model_copy(update={"design": design, "sampler": sampler})


@one_thread()
def _design(
    protocol: Protocol, wave: int, points: int, posterior: Posterior | None
) -> tuple[Array, Array]:
    """Return prior scores and study effects of a wave: scrambled Sobol points, made normal."""
    from scipy.special import ndtri
    from scipy.stats import qmc

    kinds = [plan.scale for plan in protocol.heterogeneity.values()]
    width = len(protocol.priors)
    sequence = qmc.Sobol(width + len(kinds), rng=np.random.default_rng([protocol.seed, wave]))
    exponent = int(np.ceil(np.log2(points)))
    normal = ndtri(sequence.random_base2(exponent)[:points])
    z, effects = normal[:, :width], normal[:, width:] * np.array(kinds)
    if posterior is not None:
        scores = posterior.scores.to_numpy()
        covariance = np.cov(scores, rowvar=False) + FLOOR * np.eye(width)
        root = np.linalg.cholesky(covariance)
        z = scores.mean(axis=0) + protocol.design.spread * z @ root.T
    return z, effects * protocol.design.spread


def _observed(
    protocol: Protocol,
    cohort: Cohort,
    z: Array,
    effects: Array,
    wave: int,
    threads: int | None,
    advance: Callable[[int], None],
) -> Array:
    """Simulate a cohort at every point, or read the results of an interrupted fit."""
    place = place_of(cohort, z, effects, wave)
    kept = read_kept(place, (len(z), len(cohort.targets)))
    if kept is not None:
        advance(len(z) * cohort.simulated)
        return kept
    simulated = simulate(protocol, cohort, z, effects, threads, advance)
    shown = np.array(list(simulated))
    keep(place, shown)
    return shown


def _quality(evidence: Sequence[Evidence]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "endpoint": target.name,
                "surface_error": float(error),
                "published_error": (target.below + target.above) / 2.0,
            }
            for each in evidence
            for target, error in zip(each.targets, each.surface.error, strict=True)
        ]
    )


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
        (exact,) = simulate(protocol, fresh, truth.scores[None], effects[None])
        for target, value in zip(
            cohort.targets, _with_error(exact, cohort, seed, number), strict=True
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
