"""How many draws, and how many patients in each: the least work for a wanted precision.

The mean over N draws of n patients has the variance ``(b + w / n) / N``, with `b` the variance
between draws and `w` that between patients of a draw. A draw costs ``c0 + c1 n``. For a wanted
standard error S the work ``N (c0 + c1 n)`` is least at::

    n = sqrt(w / b * c0 / c1),  N = (b + w / n) / S^2

but no less than leaves a noise share of `LARGEST_NOISE_SHARE`.

Where the draws are given, n makes Monte Carlo noise a wanted share q of the variance observed
between draws: ``w / n = q (b + w / n)``, so ``n = w / b * (1 - q) / q``.

`b` and `w` come from a pilot. Work is counted in patients, not timed, so that the choice is the
same on every machine.

Source: O'Hagan A, Stevenson M, Madan J, Health Econ 2007;16:1009-23.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np

from sim.analyses.psa.draws_run import SE, Psa
from sim.analyses.shared.outcomes import middle_threshold
from sim.economics.estimates import Array
from sim.errors import UserError

PILOT_DRAWS: Final = 100
PILOT_PATIENTS: Final = 1000
DRAW_WORK: Final = 250.0
"""c0: a draw costs as much before its first patient as this many patients (c1 = 1).

Measured as processor time by ``python -m bench.scale``: 0.6 to 1.1 ms for a draw, from its parameters
to its place in the results, and 2.8 to 4.2 µs for a patient of two strategies."""
LARGEST_NOISE_SHARE: Final = 0.28
"""Of Monte Carlo noise in the variance of draws, where patients are chosen for the least work: with more
there would be no intervals (`sim.analyses.psa.noise.MOST_NOISE`)."""
NOISE_SHARE: Final = 0.05
RELATIVE_SE: Final = 0.025
"""Wanted error of the mean in standard deviations between draws, where none is given."""
NAIVE_PATIENTS: Final = 10_000
"""The customary round number, with which the choice is compared."""
FEWEST_PATIENTS: Final = 100
FEWEST_DRAWS: Final = 100
MOST_DRAWS: Final = 10**6
MOST_PATIENTS: Final = 10**8
DIGITS: Final = 2
"""Numbers are rounded up to so many digits."""


class Variances(NamedTuple):
    """Of the incremental net monetary benefit, in squared currency.

    Attributes
    ----------
    strategy
        The strategy with the most benefit at this threshold, apart from the comparator; the only
        one where there is no other.
    threshold
        In currency per QALY.
    between
        Between draws, of the expectation.
    within
        Between patients of one draw.
    """

    strategy: str
    threshold: float
    between: float
    within: float


class Allocation(NamedTuple):
    """The chosen numbers.

    Attributes
    ----------
    draws, patients
        Patients are those of one draw.
    se
        Expected standard error of the mean benefit, in currency.
    noise_share
        Expected share of Monte Carlo noise in the variance between draws.
    naive_draws
        How many draws of 10,000 patients would have been run instead: as many as the same error
        needs or, where draws were given, the same.
    naive_se
        The expected standard error of those.
    """

    draws: int
    patients: int
    se: float
    noise_share: float
    naive_draws: int
    naive_se: float

    @property
    def saved(self) -> float:
        """The share of that work saved, 0 to 1; below 0 where this is more work."""
        return 1.0 - work(self.draws, self.patients) / work(self.naive_draws, NAIVE_PATIENTS)


def work(draws: int, patients: int) -> float:
    """Return the work of draws of so many patients each, in patients."""
    return draws * (DRAW_WORK + patients)


def variances(psa: Psa) -> Variances:
    """Estimate both variances of the incremental net monetary benefit from a pilot.

    The variance between draws is not taken to be below its own standard error,
    ``S^2 sqrt(2 / (N - 1))``, where the pilot could not distinguish it from 0.
    """
    threshold = middle_threshold(psa.question.thresholds)
    benefit, errors = psa.inmb(threshold), psa.inmb_noise(threshold)
    means = benefit.mean(axis=0)
    means[psa.comparator] = -math.inf
    best = int(means.argmax())
    values, noise = benefit[:, best], errors[:, best]
    if len(means) == 1:
        values, noise = _benefit_alone(psa, threshold)
    observed, within = float(np.var(values, ddof=1)), float(noise.mean())
    between = max(observed - within, observed * math.sqrt(2.0 / (psa.draws - 1)))
    return Variances(psa.strategies[best], threshold, between, within * psa.question.patients)


def _benefit_alone(psa: Psa, threshold: float) -> tuple[Array, Array]:
    """Return the net monetary benefit of a single strategy, and an upper bound of its noise.

    The covariance of costs and QALYs, which is positive, is left out.
    """
    values = threshold * psa.values("qalys") - psa.values("cost")
    noise = threshold**2 * psa.values(f"{SE}qalys") ** 2 + psa.values(f"{SE}cost") ** 2
    return values[:, 0], noise[:, 0]


def allocate(
    variance: Variances,
    *,
    draws: int | None = None,
    patients: int | None = None,
    se: float | None = None,
) -> Allocation:
    """Choose the number of draws or patients where it is None.

    Parameters
    ----------
    variance
        The variances from the pilot.
    draws, patients
        Given numbers.
    se
        Wanted standard error of the mean benefit, in currency; by default 2.5 % of the standard
        deviation between draws, or, where the draws are given, noise of 5 % of the variance.

    Raises
    ------
    UserError
        When no such number can reach the error.
    """
    between, within = variance.between, variance.within
    wanted = RELATIVE_SE * math.sqrt(between) if se is None else se
    if draws is not None and patients is None:
        patients = _patients_for(variance, draws, se)
    elif patients is None:
        patients = max(rounded_up(_patients_of_least_work(variance)), FEWEST_PATIENTS)
    if draws is None:
        draws = _draws_for(variance, patients, wanted)
        naive_draws = _draws_for(variance, NAIVE_PATIENTS, wanted)
    else:
        naive_draws = draws
    observed = between + within / patients
    return Allocation(
        draws=draws,
        patients=patients,
        se=math.sqrt(observed / draws),
        noise_share=within / patients / observed if observed > 0.0 else 0.0,
        naive_draws=naive_draws,
        naive_se=math.sqrt((between + within / NAIVE_PATIENTS) / naive_draws),
    )


def _patients_of_least_work(variance: Variances) -> float:
    """Return the patients of a draw that take least work, or that leave little enough noise."""
    if not variance.between > 0.0:
        return 0.0
    ratio = variance.within / variance.between
    quiet = ratio * (1.0 - LARGEST_NOISE_SHARE) / LARGEST_NOISE_SHARE
    return max(math.sqrt(ratio * DRAW_WORK), quiet)


def _patients_for(variance: Variances, draws: int, se: float | None) -> int:
    between, within = variance.between, variance.within
    if se is None:
        left = between * NOISE_SHARE / (1.0 - NOISE_SHARE)
    else:
        left = draws * se**2 - between
        if left <= 0.0:
            least = math.sqrt(between / draws)
            raise UserError(
                f"{draws:,} draws leave an error of {least:,.0f} however many patients they have; "
                "ask for more draws or leave --draws out",
                key="--se",
                value=se,
            )
    wanted = within / left if left > 0.0 else 0.0
    if wanted > MOST_PATIENTS:
        raise UserError(f"needs more than {MOST_PATIENTS:,} patients per draw", key="--patients")
    return max(rounded_up(wanted), FEWEST_PATIENTS)


def _draws_for(variance: Variances, patients: int, se: float) -> int:
    observed = variance.between + variance.within / patients
    root = math.sqrt(observed) / se if se > 0.0 else 0.0
    # Roots are compared, since a square may overflow.
    wanted = min(root, MOST_DRAWS) ** 2
    if wanted > MOST_DRAWS:
        raise UserError(f"needs more than {MOST_DRAWS:,} draws", key="--se", value=se)
    return max(rounded_up(wanted), FEWEST_DRAWS)


def rounded_up(number: float) -> int:
    """Round up to two digits: nobody needs 3,571 patients rather than 3,600."""
    step = 10 ** max(math.floor(math.log10(number)) - DIGITS + 1, 0) if number >= 1.0 else 1
    return math.ceil(number / step) * step
