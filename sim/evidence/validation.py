"""Validation: every endpoint with a role, predicted for a cohort of the published size.

A prediction goes through the posterior: parameters of a draw, the study's own effects where it
was fitted and those of a study to come where it was not, a simulated cohort, and on top the error
of a sample of the published size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd

from sim.economics.estimates import Array
from sim.engine.streams import uniforms
from sim.evidence.cohorts import Cohort, effect_values
from sim.evidence.observables import PERCENT
from sim.evidence.protocol import Protocol
from sim.evidence.targets import NORMAL_97_5, Target
from sim.study.parameter_sets import run_sets
from sim.uncertainty.draws import Draw, stable_hash

COLUMNS: Final = (
    "study",
    "endpoint",
    "role",
    "published",
    "low",
    "high",
    "predicted",
    "predicted_low",
    "predicted_high",
    "z",
    "inside",
    "width_ratio",
)
"""Published value and 95 % interval; median and 95 % interval of the prediction; standardized
difference; whether the published value lies inside; width of the predictive interval against
that from sampling error alone. Per cents, months or ratios."""
ENDS: Final = (2.5, 50.0, 97.5)


def validate(
    protocol: Protocol,
    cohorts: Sequence[Cohort],
    posterior: pd.DataFrame,
    studies: Mapping[str, Array],
    *,
    draws: int,
    threads: int | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> pd.DataFrame:
    """Predict the endpoints of the cohorts; see `COLUMNS`.

    Parameters
    ----------
    protocol, cohorts
        What was fitted, and the cohorts to predict.
    posterior
        Draws by parameter, with the effects of a study to come.
    studies
        Effects of the fitted studies in the same rows, by ``study.kind``.
    draws
        How many rows, spread evenly, to simulate.
    """
    rows = np.linspace(0, len(posterior) - 1, min(draws, len(posterior))).round().astype(int)
    found = []
    for cohort in cohorts:
        sets = [_numbers(protocol, cohort, posterior, studies, int(row)) for row in rows]
        tallies = [s.tally for s in run_sets(cohort.question, sets, threads=threads)]
        shown = np.array([cohort.observed(tally) for tally in tallies])
        errors = np.array([cohort.errors(tally) for tally in tallies])
        for place, target in enumerate(cohort.targets):
            found.append(_row(protocol, target, shown[:, place], errors[:, place]))
        progress(cohort.name)
    return pd.DataFrame(found, columns=list(COLUMNS))


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


def natural(target: Target, values: Array) -> Array:
    """Return values on the target's scale as per cents, months or ratios."""
    if target.word.endswith(("_months", "_ratio")):
        return np.exp(values)
    return PERCENT / (1.0 + np.exp(-values))


def _row(protocol: Protocol, target: Target, shown: Array, errors: Array) -> dict[str, object]:
    from scipy.special import ndtri
    from scipy.stats import binom

    u = uniforms(protocol.seed, 0, len(shown), Draw.SAMPLING, stable_hash(target.name))
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
    return {
        "study": target.study,
        "endpoint": target.endpoint,
        "role": target.role,
        "published": published,
        **dict(zip(("low", "high"), natural(target, ends).tolist(), strict=True)),
        "predicted": predicted,
        "predicted_low": low,
        "predicted_high": high,
        "z": (target.value - float(shown.mean())) / spread,
        "inside": low <= published <= high,
        "width_ratio": (high - low) / float(alone[1] - alone[0]),
    }


def summary(table: pd.DataFrame, fitted: Sequence[str]) -> pd.DataFrame:
    """Count endpoints inside by role; `studies` are those not used in the fit."""
    rows = []
    for role, mine in table.groupby("role", sort=True):
        apart = mine[~mine["study"].isin(fitted)]
        rows.append(
            {
                "role": role,
                "endpoints": len(mine),
                "inside": int(mine["inside"].sum()),
                "inside_percent": PERCENT * float(mine["inside"].mean()),
                "median_width_ratio": float(mine["width_ratio"].median()),
                "from_other_studies": len(apart),
                "other_studies": apart["study"].nunique(),
            }
        )
    return pd.DataFrame(rows)
