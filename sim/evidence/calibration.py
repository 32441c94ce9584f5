r"""The fit: waves of simulated designs, a surface through each cohort, the joint posterior; its files.

The first wave spreads over the prior. Each further wave spreads around the posterior of the one
before, where the surfaces have to be good. Simulated endpoints are stored in the user's cache, so
that an interrupted fit goes on where it stopped; the result does not depend on it.

How far the endpoints inform each parameter, and which of them do: the spread left of a parameter is
the standard deviation of its posterior against that of its prior, on the scale of the prior. Near 1
the posterior is the prior: the endpoints say nothing of it. What informed a parameter is found
around the posterior mean, where the endpoints are nearly linear. With the precision

.. math:: \Lambda = I + \sum_k w_k\, g_k g_k^\top / s_k^2

of prior scores and study effects (in units of their spread), :math:`g_k` the slope of endpoint k,
:math:`s_k` its published error with that of its surface and :math:`w_k` its weight, leaving the
endpoint out raises the variance of parameter j by

.. math:: (\Sigma g_k)_j^2 / (s_k^2 / w_k - g_k^\top \Sigma g_k), \quad \Sigma = \Lambda^{-1}

(Sherman and Morrison). Correlation between the endpoints of one curve is neglected here.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from sim.catalog import load_catalogue
from sim.catalog.posterior import IDENTIFIED, POSTERIOR, load_posterior, read_draws
from sim.economics.estimates import Array
from sim.engine.streams import uniforms
from sim.errors import UserError
from sim.evidence.cohorts import (
    Bar,
    Cohort,
    Target,
    cohorts,
    effect_values,
    no_bar,
    simulate,
    targets,
)
from sim.evidence.protocol import COHORTS, Protocol
from sim.evidence.register import find_folder
from sim.evidence.sampler import (
    Evidence,
    Posterior,
    fit_surface,
    keep,
    place_of,
    read_kept,
    sample,
    worst,
)
from sim.evidence.study import Study
from sim.files.results_folder import check_folder, write_folder
from sim.simulation.parameter_draws import Draw, stable_hash
from sim.spread.order import one_thread
from sim.version import __version__

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
    """
    plan, fitted = prepared(protocol, register, folder, quick=quick)
    posterior: Posterior | None = None
    evidence: list[Evidence] = []
    for wave in range(len(plan.design.waves)):
        evidence = surfaces(plan, fitted, wave, posterior, threads=threads, say=say, bar=bar)
        sampler = plan.sampler
        say(f"wave {wave + 1}: drawing {sampler.chains * sampler.samples:,} times")
        posterior = sample(plan, evidence)
    assert posterior is not None
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


NAMED: Final = 3
"""Endpoints named for each parameter."""
LEAST: Final = 0.02
"""An endpoint that raises the variance by less than this share, when left out, is not named."""
SEPARATOR: Final = "; "


def identification(
    protocol: Protocol, evidence: Sequence[Evidence], posterior: Posterior
) -> pd.DataFrame:
    """Return how far each parameter is informed, and by what.

    Returns
    -------
    DataFrame
        Columns parameter, scale, prior_mean and posterior_mean (natural scale), prior_sd and
        posterior_sd (on the scale of the prior), spread_left, informed_by (endpoints whose absence
        would raise the variance most).
    """
    names = [target.name for each in evidence for target in each.targets]
    gains = _gains(protocol, evidence, posterior)
    rows = []
    for place, (name, prior) in enumerate(protocol.priors.items()):
        scores = posterior.scores[name]
        order = np.argsort(-gains[:, place], kind="stable")[:NAMED]
        left = float(scores.std(ddof=1))
        rows.append(
            {
                "parameter": name,
                "scale": prior.scale,
                "prior_mean": prior.mean,
                "prior_sd": prior.sd,
                "posterior_mean": prior.value(float(scores.mean())),
                "posterior_sd": prior.sd * left,
                "spread_left": left,
                "informed_by": SEPARATOR.join(names[k] for k in order if gains[k, place] >= LEAST),
            }
        )
    return pd.DataFrame(rows)


def _gains(protocol: Protocol, evidence: Sequence[Evidence], posterior: Posterior) -> Array:
    """Return by endpoint and parameter the relative rise of its variance without the endpoint."""
    kinds = len(protocol.heterogeneity)
    studies = list(dict.fromkeys(each.study for each in evidence))
    scores = posterior.scores.to_numpy().mean(axis=0)
    spread = posterior.spread.to_numpy().mean(axis=0)
    width = len(scores) + kinds * len(studies)
    slopes, variances = [], []
    for each in evidence:
        first = len(scores) + kinds * studies.index(each.study)
        at = np.concatenate([scores, np.zeros(kinds)])
        slope = each.surface.linear + 2.0 * np.einsum("kij,j->ki", each.surface.square, at)
        for k, target in enumerate(each.targets):
            row = np.zeros(width)
            row[: len(scores)] = slope[k, : len(scores)]
            row[first : first + kinds] = slope[k, len(scores) :] * spread
            slopes.append(row)
            error = (target.below + target.above) / 2.0
            weight = protocol.weight(target.study)
            variances.append((error**2 + float(each.surface.error[k]) ** 2) / weight)
    g, s2 = np.array(slopes), np.array(variances)
    covariance = np.linalg.inv(np.eye(width) + g.T @ (g / s2[:, None]))
    moved = g @ covariance
    left_out = s2 - np.einsum("ki,ki->k", moved, g)
    rise = moved**2 / left_out[:, None]
    relative: Array = (rise / np.diag(covariance))[:, : len(scores)]
    return relative


DIGITS: Final = 6
ENDS: Final = (2.5, 50.0, 97.5)
"""Quantiles reported, in per cent."""
STUDIES: Final = "studies.csv"
DIAGNOSTICS: Final = "diagnostics.csv"
SURFACES: Final = "surfaces.csv"
PROVENANCE: Final = "provenance.json"
DRAWS: Final = POSTERIOR.name
IDENTIFICATION: Final = IDENTIFIED.name
DRAWS_HASH: Final = "draws_sha256"
NAMES: Final = (DRAWS, STUDIES, DIAGNOSTICS, SURFACES, IDENTIFICATION, PROVENANCE)
REMEDY: Final = "fit the model and install the draws: calibrate --install"
OPTION: Final = "--install"
CALIBRATED: Final = "calibrated"
PACKAGES: Final = ("numpy", "numba", "scipy", "scikit-learn", "numpyro", "jax", "jaxlib")


def result_texts(fit: Fit, protocol: Path) -> dict[str, str]:
    """Return the files of a fit by name.

    - ``adult_rr.csv``: a row per draw, a column per parameter, in the parameter's unit; the
      columns of study effects are those of a study to come.
    - ``studies.csv``: in the same rows, the effects of the fitted studies and their spread.
    - ``diagnostics.csv``: quantity, mean, sd, r_hat, effective_draws; of parameters in standard
      deviations from the mean of their prior.
    - ``surfaces.csv``: endpoint, error of the surface and of the published number.
    - ``identification.csv``: how far each parameter is informed, see `identification`.
    """
    draws = _csv(pd.concat([fit.parameters(), to_come(fit)], axis=1))
    studies = pd.concat([fit.posterior.effects, fit.posterior.spread], axis=1)
    return {
        DRAWS: draws,
        STUDIES: _csv(studies),
        DIAGNOSTICS: _csv(fit.posterior.diagnostics),
        SURFACES: _csv(fit.surfaces),
        IDENTIFICATION: _csv(fit.identification),
        PROVENANCE: json.dumps(_provenance(fit, protocol, draws), indent=2) + "\n",
    }


def to_come(fit: Fit) -> pd.DataFrame:
    """Draw the effects of a study to come, N(0, spread), one a posterior draw, as parameters."""
    from scipy.special import ndtri

    columns: dict[str, list[float]] = {}
    rows = len(fit.posterior.spread)
    for kind, plan in fit.protocol.heterogeneity.items():
        u = uniforms(fit.protocol.seed, 0, rows, Draw.STUDY_TO_COME, stable_hash(kind))
        effects = fit.posterior.spread[f"spread.{kind}"].to_numpy() * ndtri(u)
        values = [effect_values(plan, float(effect)) for effect in effects]
        for name in plan.parameters:
            columns[name] = [each[name] for each in values]
    return pd.DataFrame(columns)


def _csv(table: pd.DataFrame) -> str:
    return table.to_csv(index=False, float_format=f"%.{DIGITS}g", lineterminator="\n")


def _provenance(fit: Fit, protocol: Path, draws: str) -> dict[str, Any]:
    r_hat, effective = worst(fit.posterior.diagnostics)
    return {
        "program": "blinsim",
        "version": __version__,
        "protocol": protocol.name,
        "evidence": evidence_hash(protocol),
        "seed": fit.protocol.seed,
        "endpoints": len(fit.targets),
        "draws": len(fit.posterior.scores),
        DRAWS_HASH: hashlib.sha256(draws.encode()).hexdigest(),
        "largest_r_hat": float(np.round(r_hat, 4)),
        "fewest_effective_draws": round(effective),
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
    }


def evidence_hash(protocol: Path) -> str:
    """Hash protocol, cohorts and register: the inputs of a fit."""
    digest = hashlib.sha256()
    files = [protocol, *sorted((protocol.parent / COHORTS).glob("*.yaml"))]
    for path in [*files, *sorted(find_folder().glob("*.yaml"))]:
        content = path.read_bytes().replace(b"\r\n", b"\n")
        digest.update(path.name.encode() + b"\n" + content)
    return digest.hexdigest()


def read_fit(folder: Path, draws: Path = POSTERIOR) -> tuple[pd.DataFrame, Mapping[str, Array]]:
    """Return the installed posterior and the effects of the fitted studies, in the same rows.

    The effects are in the `folder` of the fit's results, by ``study.kind``.

    Raises
    ------
    UserError
        When there are none, or they are not of the same fit.
    """
    posterior = load_posterior(draws)
    if posterior is None:
        raise UserError(f"no such file; {REMEDY}", file=draws)
    effects = read_draws(folder / STUDIES)
    if not effects:
        raise UserError(f"no such file; {REMEDY}", file=folder / STUDIES)
    studies = {name: np.array(column) for name, column in effects.items()}
    rows = len(next(iter(studies.values())))
    if rows != len(posterior):
        problem = (
            f"has {rows} draws, and '{draws.name}' of the catalogue {len(posterior)}; {REMEDY}"
        )
        raise UserError(problem, file=folder / STUDIES)
    hashed = read_provenance(folder).get(DRAWS_HASH)
    if hashed is not None and hashed != hashlib.sha256(draws.read_bytes()).hexdigest():
        problem = f"is of another fit than '{draws.name}' of the catalogue; {REMEDY}"
        raise UserError(problem, file=folder / STUDIES)
    return posterior, studies


def read_provenance(folder: Path) -> Mapping[str, Any]:
    """Return the provenance of the fit in a folder; empty where there is none."""
    try:
        found = json.loads((folder / PROVENANCE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def check_installation(protocol: Protocol) -> None:
    """Refuse a protocol whose draws would not serve the catalogue, or cannot be written there.

    Raises
    ------
    UserError
        When a calibrated parameter of the catalogue is not fitted, or the folder is read-only.
    """
    fitted = {name for plan in protocol.heterogeneity.values() for name in plan.parameters}
    fitted |= set(protocol.priors)
    for parameter in load_catalogue().parameters():
        if parameter.status == CALIBRATED and parameter.name not in fitted:
            problem = "is calibrated in the catalogue, and the protocol has no prior on it"
            raise UserError(problem, key=OPTION, value=parameter.name)
    try:
        check_folder(POSTERIOR.parent, [DRAWS, IDENTIFICATION])
    except UserError as error:
        raise UserError(error.problem, key=OPTION, value=str(POSTERIOR.parent)) from None


def install(texts: Mapping[str, str]) -> None:
    """Write draws and identification of a fit into the catalogue, whole or not at all."""
    names = [DRAWS, IDENTIFICATION]
    write_folder(POSTERIOR.parent, {name: texts[name] for name in names}, names)
