r"""The joint posterior by Hamiltonian Monte Carlo (NUTS; numpyro) on the emulated endpoints.

Prior scores are standard normal; the effect of study s on response, hazard or candidacy is
:math:`\tau e_s` with :math:`e_s \sim N(0, 1)` and :math:`\tau` half-normal. Counts are binomial.
Medians and landmarks are normal on the log or logit scale with the standard error of their
printed interval, which may differ below and above; those read from one curve are correlated as
increments of a cumulative hazard are (`curve_correlation`). The likelihood of a study that shares
patients with another is raised to its weight.
"""

from __future__ import annotations

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


def sample(protocol: Protocol, evidence: Sequence[Evidence]) -> Posterior:
    """Draw from the joint posterior; see `Chains`."""
    return Chains(protocol, evidence).run(evidence)


class Chains:
    """Chains of the sampler through the surfaces of one fit.

    They are compiled once and can then be run for other values of the same endpoints.

    Raises
    ------
    UserError
        When numpyro is not installed.
    """

    def __init__(self, protocol: Protocol, evidence: Sequence[Evidence]) -> None:
        try:
            import numpyro
        except ImportError:
            problem = "needs numpyro; install the program with its extra 'calibration'"
            raise UserError(problem, key="calibrate") from None
        numpyro.enable_x64()
        plan = protocol.sampler
        self._protocol = protocol
        self._studies = list(dict.fromkeys(each.study for each in evidence))
        self._chains = numpyro.infer.MCMC(
            numpyro.infer.NUTS(_model(protocol, evidence, self._studies), dense_mass=True),
            num_warmup=plan.warmup,
            num_samples=plan.samples,
            num_chains=plan.chains,
            chain_method="sequential",
            progress_bar=False,
            jit_model_args=True,
        )

    def run(self, evidence: Sequence[Evidence]) -> Posterior:
        """Draw from the posterior given the values that the targets of `evidence` have."""
        import jax

        shown = [_shown(each.targets) for each in evidence]
        self._chains.run(jax.random.PRNGKey(self._protocol.seed), shown)
        drawn = self._chains.get_samples(group_by_chain=True)
        arrays = {name: np.asarray(value) for name, value in drawn.items()}
        return _posterior(self._protocol, self._studies, arrays)


def _shown(targets: Sequence[Target]) -> tuple[Array, Array]:
    """Return the counts and the values of the targets; what is no count has none."""
    events = [0.0 if target.events is None else target.events for target in targets]
    return np.array(events), np.array([target.value for target in targets])


def _model(protocol: Protocol, evidence: Sequence[Evidence], studies: Sequence[str]) -> Any:  # noqa: ANN401 - numpyro's models have no type
    import jax.numpy as jnp
    import numpyro
    from numpyro.distributions import HalfNormal, Normal

    scales = jnp.array([plan.scale for plan in protocol.heterogeneity.values()])

    def model(shown: Sequence[tuple[Any, Any]]) -> None:
        scores = numpyro.sample("scores", Normal(jnp.zeros(len(protocol.priors)), 1.0))
        spread = numpyro.sample("spread", HalfNormal(scales))
        shape = (len(studies), len(protocol.heterogeneity))
        effects = spread * numpyro.sample("effects", Normal(jnp.zeros(shape), 1.0))
        for each, (events, values) in zip(evidence, shown, strict=True):
            x = jnp.concatenate([scores, effects[studies.index(each.study)]])
            surface = each.surface
            predicted = (
                surface.constant
                + surface.linear @ x
                + jnp.einsum("kij,i,j->k", surface.square, x, x)
            )
            likelihood = _log_likelihood(each, predicted, events, values)
            numpyro.factor(f"{each.targets[0].cohort}", protocol.weight(each.study) * likelihood)

    return model


def _log_likelihood(evidence: Evidence, predicted: Any, events: Any, values: Any) -> Any:  # noqa: ANN401 - traced arrays
    import jax.numpy as jnp

    total = 0.0
    for place, target in enumerate(evidence.targets):
        if target.is_count and target.n is not None:
            x = predicted[place]
            total = total + events[place] * x - target.n * jnp.logaddexp(0.0, x)
    for group in curves(evidence.targets):
        chosen = [evidence.targets[place] for place in group]
        missed = evidence.surface.error[group]
        residual = predicted[jnp.array(group)] - values[jnp.array(group)]
        below = jnp.sqrt(jnp.array([t.below for t in chosen]) ** 2 + missed**2)
        above = jnp.sqrt(jnp.array([t.above for t in chosen]) ** 2 + missed**2)
        standard = residual / jnp.where(residual > 0.0, above, below)
        inverse = np.linalg.inv(correlation(chosen))
        total = total - 0.5 * standard @ inverse @ standard
    return total


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
        table(names),
        table(labels),
        table([f"spread.{kind}" for kind in kinds]),
        diagnostics,
    )


def worst(diagnostics: pd.DataFrame) -> tuple[float, float]:
    """Return the largest R-hat and the smallest effective number of draws."""
    return float(diagnostics["r_hat"].max()), float(diagnostics["effective_draws"].min())
