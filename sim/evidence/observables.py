r"""Endpoints of publications as observables of simulated cohorts, and their estimates.

Each word of the register is one of these measures of what `sim.simulation.observables` counts:

- a share of the patients;
- an incidence: the share with an event by a time, where another event may come first
  (:math:`F(t) = \sum_{u \le t} d_u / n`, Aalen and Johansen without censoring);
- survival at a time, or its median: Kaplan and Meier's
  :math:`S(t) = \prod_{u \le t} (1 - d_u / n_u)`, those with an ending leaving after the
  events of their bin;
- a hazard ratio: Cox's model with Breslow's ties, of two groups, or of one group before and after
  allo-HCT as a time-dependent covariate;
- an odds ratio of two shares.

A share is estimated on the logit scale, all others on the log scale.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum, auto
from typing import Final

import numpy as np

from sim.clinic.units import DAYS_PER_MONTH, added
from sim.economics.estimates import Array
from sim.evidence.study import SHARES, Endpoint
from sim.simulation.observables import BINS_PER_MONTH, BITS, Moment, Observable
from sim.simulation.tally import Tally

FEWEST: Final = 0.5
"""Patients counted in place of none or all of a cohort, so that the logit is finite."""
LONGEST_MONTHS: Final = 1200.0
WINDOW: Final = 0.2
"""Half-width, as a share of the median, of the window in which its density is counted."""
STEPS: Final = 50
CONVERGED: Final = 1e-10
FOLLOW_UP_MONTHS: Final = 24.0
"""Of a hazard ratio, and of an incidence without a time of its own."""
EARLY_MONTHS: Final = 100.0 / DAYS_PER_MONTH

NOT: Final = "not_"


@dataclass(frozen=True)
class Clock:
    """A time: its origin, the events looked for and those that may come before."""

    origin: Moment
    events: tuple[Moment, ...]
    endings: tuple[Moment, ...] = ()


CURVES: Final = {
    "os": Clock(Moment.START, (Moment.DEATH,)),
    "rfs": Clock(Moment.REMISSION, (Moment.RELAPSE, Moment.DEATH)),
    "dor": Clock(Moment.REMISSION, (Moment.RELAPSE, Moment.DEATH)),
    "efs": Clock(Moment.START, (Moment.EVENT,)),
    "pfs": Clock(Moment.START, (Moment.FAILURE, Moment.DEATH)),
    "time_to_hct": Clock(Moment.REMISSION, (Moment.TRANSPLANT,)),
}
INCIDENCES: Final = {
    "nrm_100_days_percent": Clock(Moment.TRANSPLANT, (Moment.DEATH,), (Moment.RELAPSE,)),
    "nrm_percent": Clock(Moment.TRANSPLANT, (Moment.DEATH,), (Moment.RELAPSE,)),
    "relapse_percent": Clock(Moment.REMISSION, (Moment.RELAPSE,), (Moment.DEATH,)),
    "death_percent": Clock(Moment.START, (Moment.DEATH,)),
}
ORIGINS: Final = {
    None: None,
    "start": Moment.START,
    "randomisation": Moment.START,
    "remission": Moment.REMISSION,
    "mrd_assessment": Moment.MRD_ASSESSMENT,
    "transplant": Moment.TRANSPLANT,
    "failure": Moment.FAILURE,
}
"""The times from which an endpoint may be followed, by the word of the register."""
HCT_HAZARD_RATIO: Final = "hct_hazard_ratio"
ODDS_RATIO: Final = "response_odds_ratio"


class Measure(StrEnum):
    """How an endpoint is estimated from what was counted."""

    SHARE = auto()
    INCIDENCE = auto()
    LANDMARK = auto()
    MEDIAN = auto()
    HAZARD_RATIO = auto()
    HCT_HAZARD_RATIO = auto()
    ODDS_RATIO = auto()


@dataclass(frozen=True)
class Observed:
    """How an endpoint is observed: one observable, or two for a ratio, the reference second.

    `months` is the time of a landmark or incidence, and the follow-up of a hazard ratio.
    """

    measure: Measure
    of: tuple[Observable, ...]
    months: float | None = None


def observed(endpoint: Endpoint) -> Observed | None:
    """Return how an endpoint is observed; None where a simulated cohort does not show it."""
    word = endpoint.endpoint
    if unknown_words(endpoint) or endpoint.time_origin not in ORIGINS:
        return None
    if endpoint.kind == "ratio":
        return _ratio(endpoint)
    if word in SHARES:
        among, hit = SHARES[word]
        return Observed(Measure.SHARE, (_share((*endpoint.among, *among), hit),))
    if word in INCIDENCES:
        months = EARLY_MONTHS if word == "nrm_100_days_percent" else endpoint.at_months
        of = _timed(endpoint, INCIDENCES[word], endpoint.among)
        return Observed(Measure.INCIDENCE, (of,), months or FOLLOW_UP_MONTHS)
    curve = CURVES.get(word.removesuffix("_median_months").removesuffix("_percent"))
    if curve is None:
        return None
    among = (*endpoint.among, *(("hct_in_remission",) if word.startswith("time_to_hct") else ()))
    measure = Measure.MEDIAN if endpoint.kind == "months" else Measure.LANDMARK
    return Observed(measure, (_timed(endpoint, curve, among),), endpoint.at_months)


def is_between_arms(endpoint: Endpoint) -> bool:
    """Whether an endpoint is a ratio of one arm against another, and not of two groups of an arm."""
    within = endpoint.endpoint == HCT_HAZARD_RATIO or bool(endpoint.among)
    return endpoint.kind == "ratio" and not within


def unknown_words(endpoint: Endpoint) -> list[str]:
    """Return the words for groups of patients that are none of `BITS`."""
    words = (*endpoint.among, *endpoint.against_among)
    return [word for word in words if word.removeprefix(NOT) not in BITS]


def _ratio(endpoint: Endpoint) -> Observed | None:
    word = endpoint.endpoint
    others = endpoint.against_among or _all_others(endpoint.among)
    if word == HCT_HAZARD_RATIO:
        death = Clock(Moment.START, (Moment.DEATH,))
        alive = replace(death, endings=(Moment.TRANSPLANT,))
        before = _timed(endpoint, alive, endpoint.among)
        after = _timed(endpoint, death, (*endpoint.among, "hct_ever"))
        return Observed(Measure.HCT_HAZARD_RATIO, (after, before), FOLLOW_UP_MONTHS)
    if word == ODDS_RATIO:
        of = tuple(_share(among, "response") for among in (endpoint.among, others))
        return Observed(Measure.ODDS_RATIO, of)
    curve = CURVES.get(word.removesuffix("_hazard_ratio"))
    if curve is None or len(endpoint.among) > 1 and not endpoint.against_among:
        return None
    pair = tuple(_timed(endpoint, curve, among) for among in (endpoint.among, others))
    return Observed(Measure.HAZARD_RATIO, pair, FOLLOW_UP_MONTHS)


def _all_others(among: Sequence[str]) -> tuple[str, ...]:
    """Return the complement of one word; of none it is all patients, those of another arm."""
    return tuple(
        word.removeprefix(NOT) if word.startswith(NOT) else NOT + word for word in among[:1]
    )


def _bits(words: Sequence[str]) -> tuple[int, int]:
    required, excluded = 0, 0
    for word in words:
        if word.startswith(NOT):
            excluded |= BITS[word.removeprefix(NOT)]
        else:
            required |= BITS[word]
    return required, excluded


def _share(among: Sequence[str], hit: str) -> Observable:
    return Observable(*_bits(among), BITS[hit], Moment.START, 0, 0)


def _timed(endpoint: Endpoint, clock: Clock, among: Sequence[str]) -> Observable:
    origin = ORIGINS[endpoint.time_origin]
    endings = list(clock.endings)
    if endpoint.censored_at == "transplant":
        endings.append(Moment.TRANSPLANT)
    return Observable(
        *_bits(among),
        0,
        clock.origin if origin is None else origin,
        sum(1 << moment for moment in clock.events),
        sum(1 << moment for moment in endings),
    )


@dataclass(frozen=True)
class Counted:
    """Counts of one observable in a cohort, of one strategy or of a mixture of several."""

    patients: float
    hits: float
    events: Array
    endings: Array

    @property
    def at_risk(self) -> Array:
        """Patients without event or ending at the start of each bin."""
        left = np.cumsum(self.events + self.endings)
        risk: Array = self.patients - np.concatenate(([0.0], left[:-1]))
        return risk

    @property
    def survival(self) -> Array:
        """Kaplan and Meier's estimate at the start of each bin and at the end of the last."""
        risk = self.at_risk
        free = 1.0 - np.divide(self.events, risk, out=np.zeros_like(risk), where=risk > 0.0)
        return np.concatenate(([1.0], np.cumprod(free)))


def counted(tally: Tally, weights: Mapping[int, float], place: int) -> Counted:
    """Return the counts of the observable at `place`, strategies mixed by their weights."""
    seen = tally.counts.observed
    total = added(weights.values())
    parts = [
        Counted(
            float(seen.patients[s, place]) * weight / total,
            float(seen.hits[s, place]) * weight / total,
            seen.events[s, place] * (weight / total),
            seen.endings[s, place] * (weight / total),
        )
        for s, weight in weights.items()
    ]
    return Counted(
        added(part.patients for part in parts),
        added(part.hits for part in parts),
        np.sum([part.events for part in parts], axis=0),
        np.sum([part.endings for part in parts], axis=0),
    )


def estimate(observed_as: Observed, of: Sequence[Counted]) -> float:
    """Return the endpoint on its scale: logit of a share, log of a median or ratio."""
    first, months = of[0], observed_as.months or 0.0
    match observed_as.measure:
        case Measure.SHARE:
            return logit_of(first.hits, first.patients)
        case Measure.INCIDENCE:
            return logit_of(float(first.events[: _bin(months)].sum()), first.patients)
        case Measure.LANDMARK:
            share = float(first.survival[min(_bin(months), len(first.events))])
            return logit_of(share * first.patients, first.patients)
        case Measure.MEDIAN:
            return math.log(median_months(first))
        case Measure.ODDS_RATIO:
            return logit_of(first.hits, first.patients) - logit_of(of[1].hits, of[1].patients)
        case Measure.HAZARD_RATIO:
            return log_hazard_ratio(
                (first.events, first.at_risk), (of[1].events, of[1].at_risk), months
            )
        case _:
            after, before = of
            treated = np.concatenate(([0.0], np.cumsum(before.endings - after.events)[:-1]))
            return log_hazard_ratio(
                (after.events, treated), (before.events, before.at_risk), months
            )


def _bin(months: float) -> int:
    return round(months * BINS_PER_MONTH)


def logit_of(hits: float, of: float) -> float:
    """Return the log odds of a share, finite where all or none are hit."""
    inside = min(max(hits, FEWEST), max(of - FEWEST, FEWEST))
    return math.log(inside / max(of - inside, FEWEST))


def median_months(of: Counted) -> float:
    """Return the time at which survival falls to one half, interpolated within its bin.

    Where it does not within the bins, the hazard of the whole time is taken to go on.
    """
    survival = of.survival
    place = int(np.searchsorted(-survival, -0.5))
    last = len(survival) - 2
    if place > last or of.patients <= 0.0:
        left = max(float(survival[last]), FEWEST / max(of.patients, 1.0))
        months = last / BINS_PER_MONTH
        rate = max(-math.log(min(left, 1.0 - CONVERGED)), CONVERGED)
        return min(months * math.log(2.0) / rate, LONGEST_MONTHS)
    above, below = float(survival[place - 1]), float(survival[place])
    within = 1.0 if above == below else (above - 0.5) / (above - below)
    return max((place - 1 + within) / BINS_PER_MONTH, FEWEST / BINS_PER_MONTH)


def log_median_error(of: Counted, n: float) -> float:
    r"""Return the standard error of the log of a median in a cohort of `n`.

    .. math:: \frac{1}{2 \sqrt{n}\, f(m)\, m}

    with the density ``f`` at the median ``m`` counted in a window around it.
    """
    median = median_months(of)
    low, high = median * (1.0 - WINDOW), median * (1.0 + WINDOW)
    survival = of.survival[:-1]
    edges = np.arange(len(survival)) / BINS_PER_MONTH
    if of.patients <= 0.0 or high > edges[-1]:
        return math.inf
    above, below = np.interp([low, high], edges, survival)
    density = float(above - below) / (high - low)
    return 1.0 / (2.0 * math.sqrt(n) * density * median) if density > 0.0 else math.inf


def log_hazard_ratio(
    group: tuple[Array, Array], reference: tuple[Array, Array], follow_up_months: float
) -> float:
    """Return the log hazard ratio of Cox's model for two groups (Breslow's ties).

    Each group is its events and its patients at risk, by bin; both are followed for
    `follow_up_months`. Without an event in one of them, half of one is counted there.
    """
    last = _bin(follow_up_months)
    (mine, n1), (theirs, n0) = (
        (events[:last].astype(float), risk[:last].astype(float))
        for events, risk in (group, reference)
    )
    both = mine + theirs
    if mine.sum() == 0.0 or theirs.sum() == 0.0:
        rates = [
            max(float(events.sum()), FEWEST) / max(float(risk.sum()), FEWEST)
            for events, risk in ((mine, n1), (theirs, n0))
        ]
        return math.log(rates[0] / rates[1])
    effect = 0.0
    for _ in range(STEPS):
        weighted = n1 * math.exp(effect)
        total = weighted + n0
        p = np.divide(weighted, total, out=np.zeros_like(weighted), where=(both > 0) & (total > 0))
        score = float((mine - both * p).sum())
        information = float((both * p * (1.0 - p)).sum())
        step = score / max(information, CONVERGED)
        effect += min(max(step, -1.0), 1.0)
        if abs(step) < CONVERGED:
            break
    return effect
