"""The files of a fit: draws for the catalogue and their installation there, effects, diagnostics."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
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
from sim.evidence.calibration import Fit
from sim.evidence.cohorts import effect_values
from sim.evidence.protocol import COHORTS, Prior, Protocol
from sim.evidence.register import find_folder
from sim.evidence.sampler import worst
from sim.evidence.targets import NORMAL_97_5
from sim.files.results_folder import check_folder, write_folder
from sim.simulation.parameter_draws import Draw, stable_hash
from sim.version import __version__

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


def prior_interval(prior: Prior) -> list[float]:
    """Return the 2.5 %, 50 % and 97.5 % quantiles of a prior, in the parameter's own unit."""
    return [prior.value(z) for z in (-NORMAL_97_5, 0.0, NORMAL_97_5)]


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
