"""What a fit leaves behind: draws for the catalogue, effects of studies, diagnostics, provenance."""

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

import sim
from sim.engine.streams import uniforms
from sim.evidence.calibration import Fit
from sim.evidence.cohorts import effect_values
from sim.evidence.posterior import POSTERIOR
from sim.evidence.protocol import COHORTS
from sim.evidence.register import find_folder
from sim.evidence.sampler import worst
from sim.uncertainty.draws import Draw, stable_hash

DIGITS: Final = 6
STUDIES: Final = "studies.csv"
DIAGNOSTICS: Final = "diagnostics.csv"
SURFACES: Final = "surfaces.csv"
PROVENANCE: Final = "provenance.json"
DRAWS: Final = POSTERIOR.name
NAMES: Final = (DRAWS, STUDIES, DIAGNOSTICS, SURFACES, PROVENANCE)
PACKAGES: Final = ("numpy", "numba", "scipy", "scikit-learn", "numpyro", "jax", "jaxlib")


def result_texts(fit: Fit, protocol: Path) -> dict[str, str]:
    """Return the files of a fit by name.

    - ``adult_rr.csv``: a row per draw, a column per parameter, in the parameter's unit; the
      columns of study effects are those of a study to come.
    - ``studies.csv``: in the same rows, the effects of the fitted studies and their spread.
    - ``diagnostics.csv``: quantity, mean, sd, r_hat, effective_draws.
    - ``surfaces.csv``: endpoint, error of the surface and of the published number.
    """
    draws = pd.concat([fit.parameters(), to_come(fit)], axis=1)
    studies = pd.concat([fit.posterior.effects, fit.posterior.spread], axis=1)
    return {
        DRAWS: _csv(draws),
        STUDIES: _csv(studies),
        DIAGNOSTICS: _csv(fit.posterior.diagnostics),
        SURFACES: _csv(fit.surfaces),
        PROVENANCE: json.dumps(_provenance(fit, protocol), indent=2) + "\n",
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


def _provenance(fit: Fit, protocol: Path) -> dict[str, Any]:
    r_hat, effective = worst(fit.posterior.diagnostics)
    return {
        "program": "blinsim",
        "version": sim.__version__,
        "protocol": protocol.name,
        "evidence": evidence_hash(protocol),
        "seed": fit.protocol.seed,
        "endpoints": len(fit.targets),
        "draws": len(fit.posterior.scores),
        "largest_r_hat": float(np.round(r_hat, 4)),
        "fewest_effective_draws": round(effective),
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
    }


def evidence_hash(protocol: Path) -> str:
    """Hash protocol, cohorts and register: what was fitted to what."""
    digest = hashlib.sha256()
    files = [protocol, *sorted((protocol.parent / COHORTS).glob("*.yaml"))]
    for path in [*files, *sorted(find_folder().glob("*.yaml"))]:
        digest.update(path.name.encode() + b"\n" + path.read_bytes())
    return digest.hexdigest()


def read_studies(folder: Path) -> Mapping[str, np.ndarray[Any, Any]]:
    """Return the effects of the fitted studies by ``study.kind``, one value a draw."""
    table = pd.read_csv(folder / STUDIES)
    return {str(name): table[name].to_numpy() for name in table.columns}
