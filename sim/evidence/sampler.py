r"""The joint posterior by Hamiltonian Monte Carlo (NUTS; numpyro) on the emulated endpoints.

Prior scores are standard normal; the effect of study s on response, hazard or candidacy is
:math:`\tau e_s` with :math:`e_s \sim N(0, 1)` and :math:`\tau` half-normal. Counts are binomial.
Medians and landmarks are normal on the log or logit scale with the standard error of their
printed interval, which may differ below and above; those read from one curve are correlated as
increments of a cumulative hazard are (`curve_correlation`). The likelihood of a study that shares
patients with another is raised to its weight.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from sim.economics.estimates import Array
from sim.errors import UserError
from sim.evidence.emulator import Surface
from sim.evidence.protocol import Protocol
from sim.evidence.targets import Target

CERTAIN: Final = 0.999
"""No two endpoints of a curve are taken to be more alike than this."""


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
    correlation = np.minimum(np.sqrt(smaller / larger), CERTAIN)
    np.fill_diagonal(correlation, 1.0)
    return correlation


def curves(targets: Sequence[Target]) -> list[list[int]]:
    """Group the endpoints that are no counts by the curve that they are read from."""
    groups: dict[str, list[int]] = {}
    for place, target in enumerate(targets):
        if not target.is_count:
            groups.setdefault(target.curve, []).append(place)
    return list(groups.values())


def sample(protocol: Protocol, evidence: Sequence[Evidence], *, quiet: bool = True) -> Posterior:
    """Draw from the joint posterior.

    Raises
    ------
    UserError
        When numpyro is not installed.
    """
    try:
        import jax
        import numpyro
    except ImportError:
        problem = "needs numpyro; install the program with its extra 'calibration'"
        raise UserError(problem, key="calibrate") from None
    jax.config.update("jax_enable_x64", True)
    numpyro.set_host_device_count(1)
    plan = protocol.sampler
    studies = list(dict.fromkeys(each.study for each in evidence))
    chains = numpyro.infer.MCMC(
        numpyro.infer.NUTS(_model(protocol, evidence, studies), dense_mass=True),
        num_warmup=plan.warmup,
        num_samples=plan.samples,
        num_chains=plan.chains,
        chain_method="sequential",
        progress_bar=not quiet,
    )
    chains.run(jax.random.PRNGKey(protocol.seed))
    drawn = {
        name: np.asarray(value) for name, value in chains.get_samples(group_by_chain=True).items()
    }
    return _posterior(protocol, studies, drawn)


def _model(protocol: Protocol, evidence: Sequence[Evidence], studies: Sequence[str]) -> Any:  # noqa: ANN401 - numpyro's models have no type
    import jax.numpy as jnp
    import numpyro
    from numpyro.distributions import HalfNormal, Normal

    scales = jnp.array([plan.scale for plan in protocol.heterogeneity.values()])

    def model() -> None:
        scores = numpyro.sample("scores", Normal(jnp.zeros(len(protocol.priors)), 1.0))
        spread = numpyro.sample("spread", HalfNormal(scales))
        shape = (len(studies), len(protocol.heterogeneity))
        effects = spread * numpyro.sample("effects", Normal(jnp.zeros(shape), 1.0))
        for each in evidence:
            x = jnp.concatenate([scores, effects[studies.index(each.study)]])
            surface = each.surface
            predicted = (
                surface.constant
                + surface.linear @ x
                + jnp.einsum("kij,i,j->k", surface.square, x, x)
            )
            likelihood = _log_likelihood(each, predicted)
            numpyro.factor(f"{each.targets[0].cohort}", protocol.weight(each.study) * likelihood)

    return model


def _log_likelihood(evidence: Evidence, predicted: Any) -> Any:  # noqa: ANN401 - traced arrays
    import jax.numpy as jnp

    total = 0.0
    for place, target in enumerate(evidence.targets):
        if target.is_count and target.events is not None and target.n is not None:
            x = predicted[place]
            total = total + target.events * x - target.n * jnp.logaddexp(0.0, x)
    for group in curves(evidence.targets):
        chosen = [evidence.targets[place] for place in group]
        missed = evidence.surface.error[group]
        residual = predicted[jnp.array(group)] - jnp.array([t.value for t in chosen])
        below = jnp.sqrt(jnp.array([t.below for t in chosen]) ** 2 + missed**2)
        above = jnp.sqrt(jnp.array([t.above for t in chosen]) ** 2 + missed**2)
        standard = residual / jnp.where(residual > 0.0, above, below)
        inverse = np.linalg.inv(_correlation(chosen))
        total = total - 0.5 * standard @ inverse @ standard
    return total


def _correlation(chosen: Sequence[Target]) -> Array:
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
        table(names),
        table(labels),
        table([f"spread.{kind}" for kind in kinds]),
        diagnostics,
    )


def worst(diagnostics: pd.DataFrame) -> tuple[float, float]:
    """Return the largest R-hat and the smallest effective number of draws."""
    return float(diagnostics["r_hat"].max()), float(diagnostics["effective_draws"].min())


def standard_error_of(target: Target, residual: float) -> float:
    """Return the standard error on the side on which a prediction lies."""
    return target.above if residual > 0.0 else target.below


def is_finite(surface: Surface) -> bool:
    """Whether every endpoint of the surface could be fitted."""
    return all(math.isfinite(value) for value in surface.error)
