"""The fit: waves of simulated designs, a surface through each cohort, the joint posterior.

The first wave spreads over the prior. Each further wave spreads around the posterior of the one
before, where the surfaces have to be good. Simulated endpoints are kept in the user's cache, so
that an interrupted fit goes on where it stopped; the result does not depend on it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from sim.economics.estimates import Array
from sim.evidence.cohorts import Cohort, cohorts, simulate
from sim.evidence.emulator import fit_surface
from sim.evidence.protocol import Protocol
from sim.evidence.sampler import Evidence, Posterior, sample
from sim.evidence.study import Study
from sim.evidence.targets import Target, targets
from sim.uncertainty.cache import cache_folder
from sim.uncertainty.results import source_hash

KEPT: Final = "calibration"
COHORTS: Final = "cohorts"
KEY_LENGTH: Final = 24
QUICK_PATIENTS: Final = 1000
FLOOR: Final = 1e-6
"""Smallest variance of a score around which the next wave spreads."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Fit:
    """A finished fit: the posterior and how well the surfaces of the last wave fit."""

    protocol: Protocol
    targets: tuple[Target, ...]
    posterior: Posterior
    surfaces: pd.DataFrame

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
    observed: Mapping[str, float] | None = None,
) -> Fit:
    """Fit the protocol to the endpoints of role ``fit``.

    Parameters
    ----------
    protocol, register
        What is fitted, and to what.
    folder
        Of the protocol; its cohorts are the scenarios in the folder ``cohorts`` beside it.
    quick
        One wave of smaller cohorts and shorter chains: for trying out.
    threads
        Of the simulation; results do not depend on it.
    say
        Called with a line on what has been done.
    observed
        Values on the scales of the targets to fit instead of the published ones, by name.
    """
    plan = _quick(protocol) if quick else protocol
    wanted = tuple(t for t in targets(plan, register) if t.role == "fit")
    if observed is not None:
        wanted = tuple(replaced(target, observed[target.name]) for target in wanted)
    fitted = cohorts(plan, wanted, folder / COHORTS, QUICK_PATIENTS if quick else None)
    posterior: Posterior | None = None
    evidence: list[Evidence] = []
    for wave, points in enumerate(plan.design.waves):
        z, effects = _design(plan, wave, points, posterior)
        evidence = []
        for cohort in fitted:
            shown = _observed(plan, cohort, z, effects, wave, threads)
            surface = fit_surface(np.hstack([z, effects]), shown)
            evidence.append(Evidence(cohort.study, cohort.targets, surface))
            say(
                f"wave {wave + 1}: {cohort.name}, {points} points of {cohort.question.patients} patients"
            )
        posterior = sample(plan, evidence)
        say(f"wave {wave + 1}: {len(posterior.scores)} draws")
    if posterior is None:
        message = "a design has at least one wave"
        raise ValueError(message)
    return Fit(plan, wanted, posterior, _quality(evidence))


def replaced(target: Target, value: float) -> Target:
    """Return the target with another value, and counts to match it."""
    events = None
    if target.is_count and target.n is not None:
        events = target.n / (1.0 + float(np.exp(-value)))
    return Target(**{**vars(target), "value": value, "events": events})


def _quick(protocol: Protocol) -> Protocol:
    design = protocol.design.model_copy(update={"waves": (400,)})
    sampler = protocol.sampler.model_copy(update={"chains": 2, "warmup": 300, "samples": 250})
    return protocol.model_copy(update={"design": design, "sampler": sampler})


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
) -> Array:
    """Simulate a cohort at every point, or read what an interrupted fit has left."""
    place = _kept(cohort, z, effects, wave)
    if place is not None and place.exists():
        kept: Array = np.load(place)
        return kept
    shown = np.array([cohort.observed(t) for t in simulate(protocol, cohort, z, effects, threads)])
    if place is not None:
        _keep(place, shown)
    return shown


def _kept(cohort: Cohort, z: Array, effects: Array, wave: int) -> Path | None:
    root = cache_folder()
    if root is None:
        return None
    digest = hashlib.sha256(source_hash().encode())
    digest.update(Path(cohort.question.loaded.file).read_bytes())
    content = {
        "cohort": cohort.name,
        "patients": cohort.question.patients,
        "seed": cohort.question.seed,
        "targets": [(t.name, t.word, t.arm, t.against, t.at_months) for t in cohort.targets],
    }
    digest.update(json.dumps(content).encode())
    digest.update(np.ascontiguousarray(z).tobytes() + np.ascontiguousarray(effects).tobytes())
    return root / KEPT / f"{cohort.name}-{wave + 1}-{digest.hexdigest()[:KEY_LENGTH]}.npy"


def _keep(place: Path, shown: Array) -> None:
    """Write the endpoints whole or not at all; a cache that cannot be written is no mistake."""
    draft = place.with_suffix(f".{os.getpid()}.draft")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as file:
            np.save(file, shown)
        draft.replace(place)
    except OSError:
        draft.unlink(missing_ok=True)


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
