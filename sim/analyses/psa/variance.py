"""What the uncertainty of the gain rests on: its variance by the status of the inputs.

For each status the gain is regressed on all inputs of that status (ordinary least squares, after
`DRAWS_PER_INPUT`), and the adjusted R², ``1 - (1 - R²)(N - 1) / (N - p - 1)``, is its share. Inputs
of different status are drawn independently, so that shares add up to what is linear; they are given
as parts of their sum. Interactions and Monte Carlo noise are in none of them.

What the answer owes to a prior is found from the same draws. Moving the mean of a normal prior by δ
of its standard deviations weighs each draw with ``exp(δ z - δ²/2)``, z its prior score, so that the
expected gain moves by ``δ cov(z, gain)`` to the first order: where the data decide, z varies little
and the gain does not move.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import logit

from sim.analyses.psa.draws_run import Psa
from sim.analyses.shared.large_table import fits, parts
from sim.catalog.parameter import PRIOR, SCENARIO, STATUSES
from sim.catalog.posterior import load_identification
from sim.clinic.units import PERCENT, added
from sim.economics.estimates import Array, Estimate

DRAWS_PER_INPUT: Final = 4
"""With fewer draws for each input the shares are not estimated."""
WORDS: Final = {
    "calibrated": "inputs that the published cohorts inform",
    PRIOR: "fitted inputs of which they say little, so that the prior decides",
    "evidence": "inputs read from a source",
    "assumption": "assumptions",
    "provisional": "provisional inputs",
    "definition": "definitions",
}


def variance_by_status(psa: Psa, s: int) -> dict[str, float]:
    """Return the shares of the variance of the gain in QALYs of strategy `s`, by status.

    Empty where there are too few draws or nothing varies.
    """
    gain = psa.increments("qalys")[:, s]
    groups: dict[str, list[str]] = {status: [] for status in (*STATUSES, SCENARIO)}
    for name in map(str, psa.parameters):
        if np.ptp(psa.drawn(name)) > 0.0:
            groups[psa.question.parameters[name].status].append(name)
    most = max(len(names) for names in groups.values())
    if psa.draws < DRAWS_PER_INPUT * max(most, 1) or not np.ptp(gain) > 0.0:
        return {}
    shares = {
        status: max(adjusted_share(*_standard(psa, names, gain), psa.draws), 0.0)
        for status, names in groups.items()
        if names
    }
    total = added(shares.values())
    return {status: share / total for status, share in shares.items()} if total > 0.0 else {}


def _standard(psa: Psa, names: Sequence[str], gain: Array) -> tuple[Array, Array]:
    """Return inputs, in standard deviations, and gain around their means.

    Of many draws they are turned into the few rows of the R of a QR decomposition, which have the same
    least squares.
    """
    y = gain - gain.mean()
    if fits(psa.draws):
        inputs = psa.parameters[list(names)].to_numpy(dtype=np.float64)
        return (inputs - inputs.mean(axis=0)) / inputs.std(axis=0), y
    moments = [(each.mean(), each.std()) for each in map(psa.drawn, names)]
    rows = np.empty((0, len(names) + 1))
    for part in parts(psa.draws):
        pairs = zip(names, moments, strict=True)
        x = [(psa.parameters[name].iloc[part].to_numpy() - mean) / sd for name, (mean, sd) in pairs]
        rows = np.asarray(np.linalg.qr(np.vstack([rows, np.column_stack([*x, y[part]])]), mode="r"))
        psa.forget()
    return rows[:, :-1], rows[:, -1]


def adjusted_share(x: Array, y: Array, draws: int) -> float:
    """Return the adjusted R² of the regression of a gain on inputs, both around their means."""
    fitted = x @ np.linalg.lstsq(x, y, rcond=None)[0]
    unexplained = float(((y - fitted) ** 2).sum()) / float((y**2).sum())
    return 1.0 - unexplained * float(draws - 1) / float(draws - x.shape[1] - 1)


@dataclass(frozen=True)
class PriorEffect:
    """The change of the expected gain in QALYs for a prior mean one standard deviation higher."""

    parameter: str
    qalys: Estimate


def prior_effects(psa: Psa, s: int) -> list[PriorEffect]:
    """Return the effect of every prior on the gain of strategy `s`, the largest first."""
    gain = psa.increments("qalys")[:, s]
    found = []
    for name, prior in load_identification().iterrows():
        if name in psa.parameters:
            z = _scores(psa.drawn(str(name)), str(prior["scale"]), float(prior["prior_mean"]))
            products = (z - z.mean()) * (gain - gain.mean()) / float(prior["prior_sd"])
            error = float(products.std(ddof=1)) / math.sqrt(len(products))
            found.append(PriorEffect(str(name), Estimate(float(products.mean()), error)))
    return sorted(found, key=lambda each: -abs(each.qalys.mean))


def _scores(values: Array, scale: str, mean: float) -> Array:
    """Return values on the scale of a prior, from its mean."""
    if scale == "log":
        return np.asarray(np.log(values / mean))
    if scale == "logit":
        return np.asarray(logit(values) - logit(mean))
    return values - mean


def variance_words(shares: Mapping[str, float]) -> str:
    """Say what the variance of a gain in QALYs rests on; empty where it is not known."""
    if not shares:
        return ""
    parts = [
        f"{PERCENT * share:.0f} % {WORDS[status]}"
        for status, share in sorted(shares.items(), key=lambda item: -item[1])
        if share > 0.0
    ]
    return f"The variance of the gain in QALYs rests on: {'; '.join(parts)}."
