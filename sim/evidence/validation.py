"""Validation: every endpoint with a role, predicted for a cohort of the published size.

A prediction goes through the posterior: parameters of a draw, the study's own effects where it
was fitted and those of a study to come where it was not, a simulated cohort, and on top the error
of a sample of the published size.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from sim.catalog.posterior import POSTERIOR
from sim.clinic.units import PERCENT
from sim.economics.estimates import NORMAL_97_5, Array
from sim.engine.streams import uniforms
from sim.errors import UserError
from sim.evidence.calibration import ENDS, evidence_hash, read_fit, read_provenance
from sim.evidence.cohorts import (
    TOPICS,
    Bar,
    Cohort,
    Target,
    cohorts,
    effect_values,
    no_bar,
    readings,
    targets,
)
from sim.evidence.observables import logit_of
from sim.evidence.protocol import COHORTS, Protocol, load_protocol
from sim.evidence.register import Register, find_folder, load_register
from sim.evidence.study import TOXICITIES, Study
from sim.simulation.observables import BINS_PER_MONTH, Moment
from sim.simulation.parameter_draws import Draw, stable_hash
from sim.simulation.provenance import commit
from sim.simulation.tally import Tally
from sim.version import __version__

SUMMARY_COLUMNS: Final = (
    "group",
    "studies",
    "endpoints",
    "inside",
    "inside_percent",
    "median_width_ratio",
)
BIAS_COLUMNS: Final = ("topic", "endpoints", "mean_z", "mean_z_fit", "mean_z_held_out")
SHARE_UNIT: Final = "%"
SAMPLES: Final = 20
"""Cohorts of the published size that are drawn from each simulated one."""
DRAWN_CURVES: Final = ("os", "rfs")
LAST_MONTH: Final = 60
"""Curves end here."""


@dataclass(frozen=True)
class PredictedCurve:
    """Survival of an arm by whole months from 0, in per cent: median and 95 % interval."""

    target: Target
    endpoint: str
    low: Array
    middle: Array
    high: Array


@dataclass(frozen=True)
class Validation:
    """The endpoints in the order of the table's rows, and the curves behind them."""

    targets: tuple[Target, ...]
    table: pd.DataFrame
    curves: tuple[PredictedCurve, ...]
    draws: int


def validate(
    protocol: Protocol,
    cohorts: Sequence[Cohort],
    posterior: pd.DataFrame,
    studies: Mapping[str, Array],
    *,
    draws: int,
    threads: int | None = None,
    bar: Bar = no_bar,
) -> Validation:
    """Predict the endpoints of the cohorts.

    Parameters
    ----------
    protocol, cohorts
        The protocol of the fit, and the cohorts to predict.
    posterior
        Draws by parameter, with the effects of a study to come.
    studies
        Effects of the fitted studies in the same rows, by ``study.kind``.
    draws
        How many rows, spread evenly, to simulate.
    threads
        Of the simulation; results do not depend on it.
    bar
        Shows the progress of a number of patients; yields a function to call with each batch.
    """
    rows = np.linspace(0, len(posterior) - 1, min(draws, len(posterior))).round().astype(int)
    found, drawn = [], []
    with bar(sum(len(rows) * cohort.simulated for cohort in cohorts)) as advance:
        for cohort in cohorts:
            sets = [_numbers(protocol, cohort, posterior, studies, int(row)) for row in rows]
            wanted = _curves_of(cohort)
            read = partial(_read, cohort, wanted)
            each = readings(cohort.asked, sets, read, threads=threads, progress=advance)
            shown, errors, survival = map(np.array, zip(*each, strict=True))
            for target, own, error in zip(cohort.targets, shown.T, errors.T, strict=True):
                found.append(_row(protocol, target, own, error))
            bands = np.percentile(survival, ENDS, axis=0)
            for place, target in enumerate(wanted):
                drawn.append(PredictedCurve(target, _curve_name(target), *bands[:, place]))
    return Validation(
        tuple(target for cohort in cohorts for target in cohort.targets),
        pd.DataFrame(found),
        tuple(drawn),
        len(rows),
    )


def _read(
    cohort: Cohort, wanted: Sequence[Target], tally: Tally
) -> tuple[Array, Array, list[Array]]:
    """Return the endpoints of a cohort under one draw, their errors, and its curves."""
    survival = [_survival(tally, cohort, target) for target in wanted]
    return cohort.observed(tally), cohort.errors(tally), survival


def _curves_of(cohort: Cohort) -> list[Target]:
    """Return one target for each arm and curve, OS or RFS of all, that has a published number."""
    first: dict[tuple[str, str], Target] = {}
    for target in cohort.targets:
        of = target.observed.of[0]
        whole = of.required == 0 and of.excluded == 0 and of.endings == 0
        whole = whole and of.origin in (Moment.START, Moment.REMISSION)
        if target.survival is not None and whole and _curve_name(target) in DRAWN_CURVES:
            first.setdefault((target.treatment, _curve_name(target)), target)
    return list(first.values())


def _curve_name(target: Target) -> str:
    curve = target.word.split("_", maxsplit=1)[0]
    return "rfs" if curve == "dor" else curve


def _survival(tally: Tally, cohort: Cohort, target: Target) -> Array:
    """Return the per cent free of the event at each whole month from 0."""
    (counted,) = cohort.counts(tally, target)
    free: Array = PERCENT * counted.survival[np.arange(LAST_MONTH + 1) * BINS_PER_MONTH]
    return free


def _numbers(
    protocol: Protocol,
    cohort: Cohort,
    posterior: pd.DataFrame,
    studies: Mapping[str, Array],
    row: int,
) -> dict[str, float]:
    known = cohort.question.parameters
    values = {str(n): float(v) for n, v in posterior.iloc[row].items() if n in known}
    for kind, plan in protocol.heterogeneity.items():
        own = studies.get(f"{cohort.study}.{kind}")
        if own is not None:
            values |= effect_values(plan, float(own[row]))
    return values


def unit_of(word: str) -> str:
    """Return the unit of the natural values of an endpoint."""
    if word.endswith("_months"):
        return "months"
    return "ratio" if word.endswith("_ratio") else SHARE_UNIT


def natural(target: Target, values: Array) -> Array:
    """Return values on the target's scale as per cents, months or ratios."""
    if unit_of(target.word) != SHARE_UNIT:
        return np.exp(values)
    return PERCENT / (1.0 + np.exp(-values))


def _row(protocol: Protocol, target: Target, shown: Array, errors: Array) -> dict[str, object]:
    from scipy.special import ndtri
    from scipy.stats import binom

    u = uniforms(
        protocol.seed, 0, SAMPLES * len(shown), Draw.SAMPLING, stable_hash(target.name)
    ).reshape(SAMPLES, -1)
    if target.word in TOXICITIES:
        between = uniforms(protocol.seed, 1, len(shown), Draw.SAMPLING, stable_hash(target.name))
        shown = shown + protocol.toxicity.sd * ndtri(between)
    middle, error = float(np.median(shown)), float(np.median(errors))
    alone: Array
    if target.is_count and target.n is not None:
        share = 1.0 / (1.0 + np.exp(-shown))
        sampled = PERCENT * binom.ppf(u, target.n, share) / target.n
        ends = binom.ppf([0.025, 0.975], target.n, 1.0 / (1.0 + math.exp(-middle)))
        alone = PERCENT * ends / target.n
    else:
        sampled = natural(target, shown + errors * ndtri(u))
        alone = natural(target, middle + error * np.array([-NORMAL_97_5, NORMAL_97_5]))
    low, predicted, high = (float(q) for q in np.percentile(sampled, ENDS))
    published = float(natural(target, np.array([target.value]))[0])
    ends = target.value + NORMAL_97_5 * np.array([-target.below, target.above])
    spread = math.hypot(float(shown.std(ddof=1)), error)
    least = float(alone[1] - alone[0])
    return {
        "study": target.study,
        "endpoint": target.endpoint,
        "role": target.role,
        "topic": target.topic,
        "published": published,
        **dict(zip(("low", "high"), natural(target, ends).tolist(), strict=True)),
        "predicted": predicted,
        "predicted_low": low,
        "predicted_high": high,
        "z": _z(target, shown, spread),
        "inside": low <= published <= high or (target.beyond and published <= high),
        "width_ratio": (high - low) / least if least > 0.0 else math.inf,
        "unit": unit_of(target.word),
    }


def _z(target: Target, shown: Array, spread: float) -> float:
    """Return the distance from the prediction in standard deviations; none where it has no end."""
    if target.beyond:
        return math.nan
    value = target.value
    if not math.isfinite(value) and target.n is not None:
        value = logit_of(float(target.events or 0.0), float(target.n))
    return (value - float(shown.mean())) / spread


def summary(table: pd.DataFrame, register: Register) -> pd.DataFrame:
    """Count the endpoints inside: by role, and held out of studies without a fitted endpoint.

    Returns
    -------
    DataFrame
        Columns `SUMMARY_COLUMNS`; rows ``fit``, ``held_out``, ``held_out_other_studies`` (no
        endpoint of the study is fitted) and ``held_out_other_patients`` (nor does it share
        patients with a fitted study, by the register). A row without endpoints is left out.
    """
    held_out = table[table["role"] == "held_out"]
    fitted = fitted_studies(register)
    other = held_out[~held_out["study"].isin(fitted)]
    shared = [name for name in other["study"].unique() if fitted & set(register.overlaps(name))]
    groups = {
        "fit": table[table["role"] == "fit"],
        "held_out": held_out,
        "held_out_other_studies": other,
        "held_out_other_patients": other[~other["study"].isin(shared)],
    }
    rows = [
        {
            "group": group,
            "studies": mine["study"].nunique(),
            "endpoints": len(mine),
            "inside": int(mine["inside"].sum()),
            "inside_percent": PERCENT * float(mine["inside"].mean()),
            "median_width_ratio": float(mine["width_ratio"].median()),
        }
        for group, mine in groups.items()
        if len(mine)
    ]
    return pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS))


def bias(table: pd.DataFrame) -> pd.DataFrame:
    """Return the mean standardized difference of each topic: near 0 without bias.

    Returns
    -------
    DataFrame
        Columns topic, endpoints, mean_z, and mean_z_fit, mean_z_held_out by role; above 0 more was
        published than is predicted. Medians that were not reached are not counted.
    """
    rows = []
    for topic in TOPICS:
        mine = table[(table["topic"] == topic) & table["z"].notna()]
        if len(mine):
            rows.append(
                {
                    "topic": topic,
                    "endpoints": len(mine),
                    "mean_z": float(mine["z"].mean()),
                    **{
                        f"mean_z_{role}": float(mine.loc[mine["role"] == role, "z"].mean())
                        for role in ("fit", "held_out")
                    },
                }
            )
    return pd.DataFrame(rows, columns=list(BIAS_COLUMNS))


def fitted_studies(register: Mapping[str, Study]) -> frozenset[str]:
    """Return the studies that have an endpoint of role ``fit``."""
    return frozenset(
        name
        for name, study in register.items()
        if any(endpoint.role == "fit" for endpoint in study.endpoints.values())
    )


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
