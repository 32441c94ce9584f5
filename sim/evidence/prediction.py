"""The installed posterior compared with the register, for ``validate``."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from sim.catalog.posterior import POSTERIOR
from sim.errors import UserError
from sim.evidence.cohorts import Bar, cohorts, no_bar
from sim.evidence.protocol import COHORTS, load_protocol
from sim.evidence.register import Register, find_folder, load_register
from sim.evidence.results import evidence_hash, read_fit, read_provenance
from sim.evidence.targets import targets
from sim.evidence.validation import Validation, summary, validate
from sim.files.provenance import commit
from sim.version import __version__

PROTOCOL: Final = "adult_rr.yaml"
RESULTS: Final = "results"


@dataclass(frozen=True)
class Prediction:
    """A prediction, its summary, and its provenance.

    `is_stale` says that protocol, cohorts or register have changed since the fit.
    """

    register: Register
    validation: Validation
    summary: pd.DataFrame
    is_stale: bool
    provenance: dict[str, Any]


def predict(
    studies: Sequence[str],
    protocol: Path | None = None,
    *,
    draws: int,
    threads: int | None = None,
    bar: Bar = no_bar,
) -> Prediction:
    """Predict the endpoints of some studies, or of all that the protocol names.

    Raises
    ------
    UserError
        When the protocol has no cohort of a study, or there is no fit, or not one whole fit.
    """
    path = usual_protocol() if protocol is None else protocol
    register = load_register()
    plan = load_protocol(path, register)
    there = {each.study for each in plan.cohorts}
    for name in studies:
        if name not in there:
            raise UserError(
                "the protocol has no cohort of it", key="study", value=name, choices=there
            )
    posterior, effects = read_fit(path.parent / RESULTS)
    missing = [name for name in plan.priors if name not in posterior]
    if missing:
        problem = f"has no draws of '{missing[0]}', which the protocol '{path.name}' fits"
        raise UserError(problem, file=POSTERIOR)
    wanted = [t for t in targets(plan, register) if not studies or t.study in studies]
    made = cohorts(plan, wanted, path.parent / COHORTS)
    found = validate(plan, made, posterior, effects, draws=draws, threads=threads, bar=bar)
    evidence = evidence_hash(path)
    provenance = {
        "program": "blinsim",
        "version": __version__,
        "commit": commit(),
        "protocol": path.name,
        "evidence": evidence,
        "posterior_sha256": hashlib.sha256(POSTERIOR.read_bytes()).hexdigest(),
        "studies": sorted(studies),
        "draws": found.draws,
        "seed": plan.seed,
    }
    return Prediction(
        register, found, summary(found.table, register), is_stale(path, evidence), provenance
    )


def usual_protocol() -> Path:
    """Return the file of the protocol of the installed fit."""
    return find_folder().parent / PROTOCOL


def is_stale(protocol: Path, evidence: str) -> bool:
    """Whether the evidence, by its hash, is other than that of the fit."""
    return read_provenance(protocol.parent / RESULTS).get("evidence") not in (None, evidence)
