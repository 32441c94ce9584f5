"""The endpoints of a simulated cohort, by the words of the register: read from its tally."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from sim.economics.estimates import Array
from sim.simulation.tally import BINS_PER_MONTH, ROW, Tally, median_months

PERCENT: Final = 100.0
FEWEST: Final = 0.5
"""Patients counted in place of none or all of a cohort, so that the logit is finite."""
LONGEST_MONTHS: Final = 1200.0
WINDOW: Final = 0.2
"""Half-width, as a share of the median, of the window in which its density is counted."""
STEPS: Final = 50
CONVERGED: Final = 1e-10

SHARES: Final = {
    "response": ("response", None),
    "complete_remission": ("complete_remission", None),
    "mrd_negative_of_all": ("mrd_negative", None),
    "mrd_negative_of_responders": ("mrd_negative", "response"),
    "hct_ever": ("hct_ever", None),
    "hct_in_remission": ("hct_in_remission", None),
    "hct_of_responders": ("hct_in_remission", "response"),
    "crs_severe": ("severe_crs", None),
    "neurotoxicity_severe": ("severe_neurotoxicity", None),
}
"""Flag of the outcome, and the flag of its denominator."""
CURVES: Final = {"os": "deaths", "rfs": "relapses", "dor": "relapses", "efs": "failures"}


def known(word: str) -> bool:
    """Whether a cohort has an endpoint of this word."""
    return (
        word in SHARES
        or word == "os_hazard_ratio"
        or word.removesuffix("_median_months") in CURVES
        or word.removesuffix("_percent") in CURVES
    )


def times(tally: Tally, s: int, word: str) -> Array:
    """Return the counted times of the curve that a word such as ``os_median_months`` refers to."""
    counted: Array = getattr(tally.counts, CURVES[word.split("_", maxsplit=1)[0]])[s]
    return counted


def observe(
    tally: Tally, s: int, word: str, at_months: float | None = None, against: int | None = None
) -> float:
    """Return the endpoint on its own scale: logit of a share, log of a median or ratio."""
    if word in SHARES:
        flag, among = SHARES[word]
        hits = int(tally.counts.flags[s, ROW.index(flag)])
        of = tally.patients if among is None else int(tally.counts.flags[s, ROW.index(among)])
        return logit_of(hits, of)
    if word == "os_hazard_ratio":
        if against is None:
            message = "a hazard ratio needs the arm that it is against"
            raise ValueError(message)
        return log_hazard_ratio(tally.counts.deaths[s], tally.counts.deaths[against], at_months)
    counted = times(tally, s, word)
    if word.endswith("_median_months"):
        return math.log(min(max(median_months(counted).mean, 1.0 / BINS_PER_MONTH), LONGEST_MONTHS))
    if at_months is None:
        message = "survival needs the time that it is of"
        raise ValueError(message)
    first = round(at_months * BINS_PER_MONTH)
    return logit_of(int(counted[first:].sum()), int(counted.sum()))


def logit_of(hits: int, of: int) -> float:
    """Return the log odds of a share, finite where all or none are hit."""
    inside = min(max(float(hits), FEWEST), max(of - FEWEST, FEWEST))
    return math.log(inside / max(of - inside, FEWEST))


def log_median_error(counted: Array, n: float) -> float:
    r"""Return the standard error of the log of a median in a cohort of `n`.

    .. math:: \frac{1}{2 \sqrt{n}\, f(m)\, m}

    with the density ``f`` at the median ``m`` counted in a window around it.
    """
    total = float(counted.sum())
    median = median_months(counted).mean
    if total == 0.0 or not math.isfinite(median):
        return math.inf
    low, high = median * (1.0 - WINDOW), median * (1.0 + WINDOW)
    edges = np.arange(len(counted) + 1) / BINS_PER_MONTH
    below = np.interp([low, high], edges, np.concatenate(([0.0], np.cumsum(counted))))
    density = float(below[1] - below[0]) / total / (high - low)
    return 1.0 / (2.0 * math.sqrt(n) * density * median) if density > 0.0 else math.inf


def log_hazard_ratio(deaths: Array, against: Array, follow_up_months: float | None) -> float:
    """Return the log hazard ratio of Cox's model for two arms with counted times (Breslow's ties).

    Both arms are followed for `follow_up_months`, by default to the end.
    """
    last = len(deaths) - 1 if follow_up_months is None else round(follow_up_months * BINS_PER_MONTH)
    at_risk = [
        float(a.sum()) - np.concatenate(([0.0], np.cumsum(a)[:-1])) for a in (deaths, against)
    ]
    mine, theirs = deaths[:last].astype(float), against[:last].astype(float)
    n1, n0 = at_risk[0][:last], at_risk[1][:last]
    both = mine + theirs
    effect = 0.0
    for _ in range(STEPS):
        weighted = n1 * math.exp(effect)
        p = np.divide(weighted, weighted + n0, out=np.zeros_like(weighted), where=both > 0)
        score = float((mine - both * p).sum())
        information = float((both * p * (1.0 - p)).sum())
        step = score / information
        effect += step
        if abs(step) < CONVERGED:
            break
    return effect
