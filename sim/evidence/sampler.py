r"""The joint posterior: surfaces through simulated endpoints, and the sampler that follows them.

Each endpoint, on the logit or log scale, is regressed on the prior scores and study effects x of
the points at which its cohort was simulated,

.. math:: y(x) = b_0 + b^\top x + x^\top Q x ,

by ridge regression whose penalty is chosen by leave-one-out error (scikit-learn's ``RidgeCV``).
Common random numbers make the endpoint a smooth function of x. The error of the surface is
estimated by cross-validation and added as an error of its own. Simulated endpoints are cached in
the folder ``calibration`` of `sim.files.cache_folder.cache_folder`, one file per cohort and wave,
named by the hash of all their inputs, so that an interrupted fit need not begin again.

The sampler is Hamiltonian Monte Carlo (NUTS; numpyro). Prior scores are standard normal; the effect
of study s on response, hazard or candidacy is :math:`\tau e_s` with :math:`e_s \sim N(0, 1)` and
:math:`\tau` half-normal. Counts are binomial. Medians and landmarks are normal on the log or logit
scale with the standard error of their printed interval, which may differ below and above; those
read from one curve are correlated as increments of a cumulative hazard are (`curve_correlation`).
The error of a surface widens every likelihood. The likelihood of a study that shares patients with
another is raised to its weight.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from sim.economics.estimates import Array
from sim.errors import UserError
from sim.evidence.cohorts import Cohort, Target
from sim.evidence.protocol import Protocol
from sim.files.cache_folder import read_or_remove, remove, usable_folder, write
from sim.simulation.provenance import fingerprint, source_hash
from sim.spread.order import one_thread

PENALTIES: Final = (0.01, 0.1, 1.0, 10.0, 100.0)
FOLDS: Final = 5
INFLUENTIAL: Final = 16
"""Inputs with curvature and interactions, per endpoint; the others act linearly."""


@dataclass(frozen=True)
class Surface:
    """Surfaces of several endpoints: `constant` (k), `linear` (k, d), `square` (k, d, d).

    `error` is the root mean square of their residuals, endpoint by endpoint.
    """

    constant: Array
    linear: Array
    square: Array
    error: Array

    def __call__(self, x: Array) -> Array:
        """Return the endpoints (k) at the point x (d)."""
        values: Array = self.constant + self.linear @ x + np.einsum("kij,i,j->k", self.square, x, x)
        return values


@one_thread()
def fit_surface(points: Array, observed: Array) -> Surface:
    """Fit surfaces to endpoints (n, k) simulated at points (n, d)."""
    fits = [_fit(points, column) for column in observed.T]
    constant, linear, square, error = zip(*fits, strict=True)
    return Surface(np.array(constant), np.array(linear), np.array(square), np.array(error))


def _fit(points: Array, observed: Array) -> tuple[float, Array, Array, float]:
    """Fit one endpoint: linear in all inputs, quadratic in the most influential."""
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import cross_val_predict

    d = points.shape[1]
    centre = points.mean(axis=0)
    spread = np.where(points.std(axis=0) > 0.0, points.std(axis=0), 1.0)
    x = (points - centre) / spread
    slopes = RidgeCV(PENALTIES).fit(x, observed).coef_
    strongest = np.sort(np.argsort(-np.abs(slopes), kind="stable")[:INFLUENTIAL])
    rows, columns = (strongest[places] for places in np.triu_indices(len(strongest)))
    features = np.hstack([x, x[:, rows] * x[:, columns]])
    model = RidgeCV(PENALTIES).fit(features, observed)
    missed = observed - cross_val_predict(RidgeCV(PENALTIES), features, observed, cv=FOLDS)
    # Back from centred and scaled coordinates to those of the points.
    square = np.zeros((d, d))
    square[rows, columns] = model.coef_[d:] / (spread[rows] * spread[columns])
    square = (square + square.T) / 2.0
    linear = model.coef_[:d] / spread
    constant = float(model.intercept_ - linear @ centre + centre @ square @ centre)
    return constant, linear - 2.0 * square @ centre, square, float(np.sqrt((missed**2).mean()))


FOLDER: Final = "calibration"
KEY_LENGTH: Final = 24
PACKAGES: Final = ("numpy", "numba")
DAMAGED: Final = "cached endpoints of the calibration were damaged; simulating again"


def place_of(cohort: Cohort, z: Array, effects: Array, wave: int) -> Path | None:
    """Return the file of the endpoints of a wave's points; None where none can be cached."""
    folder = usable_folder(FOLDER)
    if folder is None:
        return None
    content = {
        "source": source_hash(),
        "scenario": fingerprint(cohort.question),
        "targets": [
            (t.name, dict(t.arm), dict(t.against or {}), t.observed.measure, t.observed.of)
            for t in cohort.targets
        ],
        "months": [t.observed.months for t in cohort.targets],
        "packages": {name: metadata.version(name) for name in PACKAGES},
    }
    digest = hashlib.sha256(json.dumps(content).encode())
    digest.update(np.ascontiguousarray(z).tobytes() + np.ascontiguousarray(effects).tobytes())
    return folder / f"{cohort.name}-{wave + 1}-{digest.hexdigest()[:KEY_LENGTH]}.npy"


def read_kept(place: Path | None, shape: tuple[int, int]) -> Array | None:
    """Return the cached endpoints; None when there are none that are whole."""
    if place is None:
        return None
    content = read_or_remove(place, DAMAGED)
    if content is None:
        return None
    try:
        kept: Array = np.load(io.BytesIO(content))
    except (ValueError, EOFError):
        kept = np.empty(0)
    if kept.shape != shape:
        remove(place, DAMAGED)
        return None
    return kept


def keep(place: Path | None, shown: Array) -> None:
    """Write the endpoints whole or not at all; a cache that cannot be written is no mistake."""
    if place is None:
        return
    stream = io.BytesIO()
    np.save(stream, shown)
    with suppress(OSError):
        write(place, stream.getvalue())


CERTAIN: Final = 0.999
"""The largest correlation assumed between two endpoints of a curve."""


@dataclass(frozen=True)
class Evidence:
    """The fitted endpoints of one cohort and the surface that predicts them."""

    study: str
    targets: tuple[Target, ...]
    surface: Surface


@dataclass(frozen=True)
class Posterior:
    """Draws: prior scores, study effects (by ``effect:study``), their spread, and diagnostics."""

    scores: pd.DataFrame
    effects: pd.DataFrame
    spread: pd.DataFrame
    diagnostics: pd.DataFrame


def curve_correlation(survival: Sequence[float]) -> Array:
    r"""Return the correlation of estimates read from one survival curve.

    Without censoring the cumulative hazard at a survival S has variance :math:`(1 - S)/(n S)` and
    independent increments, so that for :math:`S_1 \ge S_2` the correlation is
    :math:`\sqrt{V_1 / V_2}` (Greenwood).
    """
    variance = np.array([(1.0 - s) / s for s in survival])
    smaller, larger = np.minimum.outer(variance, variance), np.maximum.outer(variance, variance)
    alike: Array = np.minimum(np.sqrt(smaller / larger), CERTAIN)
    np.fill_diagonal(alike, 1.0)
    return alike


def curves(targets: Sequence[Target]) -> list[list[int]]:
    """Group the endpoints that are no counts by the curve that they are read from."""
    groups: dict[str, list[int]] = {}
    for place, target in enumerate(targets):
        if not target.is_count:
            groups.setdefault(target.curve, []).append(place)
    return list(groups.values())


def check_sampler() -> None:
    """Refuse to start work for which the extra of the program is not installed.

    Raises
    ------
    UserError
        When numpyro is not installed, with the command that installs it.
    """
    if find_spec("numpyro") is None:
        problem = "needs numpyro: python -m pip install 'numpyro>=0.19'"
        raise UserError(problem, key="calibrate")


def sample(protocol: Protocol, evidence: Sequence[Evidence]) -> Posterior:
    """Draw from the joint posterior; see `Chains`."""
    return Chains(protocol, evidence).run(evidence)


class Chains:
    """Chains of the sampler through the surfaces of one fit.

    They are compiled once, and can then be run for other values of the same endpoints.

    Raises
    ------
    UserError
        When numpyro is not installed.
    """

    def __init__(self, protocol: Protocol, evidence: Sequence[Evidence]) -> None:
        check_sampler()
        import numpyro

        numpyro.enable_x64()
        plan = protocol.sampler
        self._protocol = protocol
        self._studies = list(dict.fromkeys(each.study for each in evidence))
        self._chains = numpyro.infer.MCMC(
            numpyro.infer.NUTS(_model(protocol, evidence, self._studies), dense_mass=[("scores",)]),
            num_warmup=plan.warmup,
            num_samples=plan.samples,
            num_chains=plan.chains,
            chain_method="sequential",
            progress_bar=False,
            jit_model_args=True,
        )

    def run(self, evidence: Sequence[Evidence]) -> Posterior:
        """Draw given the values that the targets of `evidence` have; its surfaces are not read."""
        import jax

        wanted = [target for each in evidence for target in each.targets]
        events = np.array([target.events or 0.0 for target in wanted])
        values = np.array([target.value for target in wanted])
        with one_thread():
            self._chains.run(jax.random.PRNGKey(self._protocol.seed), events, values)
        drawn = self._chains.get_samples(group_by_chain=True)
        arrays = {name: np.asarray(value) for name, value in drawn.items()}
        return _posterior(self._protocol, self._studies, arrays)


def _model(protocol: Protocol, evidence: Sequence[Evidence], studies: Sequence[str]) -> Any:  # noqa: ANN401 - numpyro's models have no type
    import jax.numpy as jnp
    import numpyro
    from numpyro.distributions import HalfNormal, Normal

    kinds = list(protocol.heterogeneity.values())
    scales = jnp.array([plan.scale for plan in kinds])
    study_of = np.array([studies.index(each.study) for each in evidence for _ in each.targets])
    constant, linear, square = (
        jnp.concatenate([getattr(each.surface, part) for each in evidence])
        for part in ("constant", "linear", "square")
    )
    log_likelihood = _log_likelihood(protocol, evidence)

    def model(events: Any, values: Any) -> None:  # noqa: ANN401 - traced arrays
        scores = numpyro.sample("scores", Normal(jnp.zeros(len(protocol.priors)), 1.0))
        spread = numpyro.sample("spread", HalfNormal(scales))
        shape = (len(studies), len(kinds))
        effects = spread * numpyro.sample("effects", Normal(jnp.zeros(shape), 1.0))
        everyone = jnp.broadcast_to(scores, (len(study_of), len(protocol.priors)))
        x = jnp.concatenate([everyone, effects[study_of]], axis=1)
        predicted = (
            constant + jnp.einsum("ki,ki->k", linear, x) + jnp.einsum("kij,ki,kj->k", square, x, x)
        )
        numpyro.factor("likelihood", log_likelihood(predicted, events, values))

    return model


def _log_likelihood(
    protocol: Protocol, evidence: Sequence[Evidence]
) -> Callable[[Any, Any, Any], Any]:
    """Return the log likelihood as a function of predicted endpoints, counts and values."""
    import jax.numpy as jnp

    wanted = [target for each in evidence for target in each.targets]
    missed = np.concatenate([each.surface.error for each in evidence])
    weight = np.array([protocol.weight(target.study) for target in wanted])
    counts = np.array([i for i, target in enumerate(wanted) if target.is_count], dtype=int)
    n = np.array([wanted[i].n for i in counts], dtype=float)
    error = np.array([wanted[i].below + wanted[i].above for i in counts]) / 2.0
    # A binomial likelihood of this power is as wide as one with the error of the surface.
    power = weight[counts] * error**2 / (error**2 + missed[counts] ** 2)
    others = np.array([i for i, target in enumerate(wanted) if not target.is_count], dtype=int)
    below = np.hypot([wanted[i].below for i in others], missed[others])
    above = np.hypot([wanted[i].above for i in others], missed[others])
    precision = _precision(evidence)[np.ix_(others, others)] * weight[others]

    def log_likelihood(predicted: Any, events: Any, values: Any) -> Any:  # noqa: ANN401 - traced arrays
        x = predicted[counts]
        binomial = jnp.sum(power * (events[counts] * x - n * jnp.logaddexp(0.0, x)))
        residual = predicted[others] - values[others]
        standard = residual / jnp.where(residual > 0.0, above, below)
        return binomial - 0.5 * standard @ precision @ standard

    return log_likelihood


def _precision(evidence: Sequence[Evidence]) -> Array:
    """Return the inverse correlation of all endpoints: those of one curve are correlated."""
    wanted = [target for each in evidence for target in each.targets]
    precision = np.eye(len(wanted))
    first = 0
    for each in evidence:
        for group in curves(each.targets):
            places = np.array(group) + first
            chosen = [wanted[place] for place in places]
            precision[np.ix_(places, places)] = np.linalg.inv(correlation(chosen))
        first += len(each.targets)
    return precision


def correlation(chosen: Sequence[Target]) -> Array:
    """Return the correlation of the endpoints of one curve; none where it is not known."""
    survival = [target.survival for target in chosen]
    if len(chosen) == 1 or any(s is None for s in survival):
        return np.eye(len(chosen))
    return curve_correlation([s for s in survival if s is not None])


def _posterior(protocol: Protocol, studies: Sequence[str], drawn: Mapping[str, Array]) -> Posterior:
    from numpyro.diagnostics import effective_sample_size, split_gelman_rubin

    names = list(protocol.priors)
    kinds = list(protocol.heterogeneity)
    effects = drawn["effects"] * drawn["spread"][:, :, None, :]
    labels = [f"{study}.{kind}" for study in studies for kind in kinds]
    columns = {
        **{name: drawn["scores"][:, :, i] for i, name in enumerate(names)},
        **{f"spread.{kind}": drawn["spread"][:, :, i] for i, kind in enumerate(kinds)},
        **{label: effects[:, :, i // len(kinds), i % len(kinds)] for i, label in enumerate(labels)},
    }
    diagnostics = pd.DataFrame(
        [
            {
                "quantity": name,
                "mean": float(values.mean()),
                "sd": float(values.std(ddof=1)),
                "r_hat": float(split_gelman_rubin(values)),
                "effective_draws": float(effective_sample_size(values)),
            }
            for name, values in columns.items()
        ]
    )

    def table(chosen: Sequence[str]) -> pd.DataFrame:
        return pd.DataFrame({name: columns[name].reshape(-1) for name in chosen})

    return Posterior(
        table(names), table(labels), table([f"spread.{kind}" for kind in kinds]), diagnostics
    )


def worst(diagnostics: pd.DataFrame) -> tuple[float, float]:
    """Return the largest R-hat and the smallest effective number of draws."""
    return float(diagnostics["r_hat"].max()), float(diagnostics["effective_draws"].min())
