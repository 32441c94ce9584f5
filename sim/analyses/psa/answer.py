"""The answer of a probabilistic analysis: means, intervals, probabilities, expected losses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sim.analyses.psa.acceptability import ceac, expected_loss, quiet, quiet_shares, share_errors
from sim.analyses.psa.allocation import Allocation, Variances
from sim.analyses.psa.draws_run import COVARIANCE, INCREMENT_SE, INCREMENTS, SE, Psa
from sim.analyses.psa.noise import Split, split
from sim.economics.estimates import Array, Estimate
from sim.economics.incremental import Increment


@dataclass(frozen=True)
class Gain:
    """A strategy against the comparator.

    Attributes
    ----------
    increment
        Means over draws with their standard errors; its ICER is the ratio of the means.
    deterministic
        The same of the deterministic run.
    splits
        By cost, qalys and life_years.
    nmb
        Incremental net monetary benefit by threshold.
    """

    increment: Increment
    deterministic: Increment
    splits: Mapping[str, Split]
    nmb: Mapping[float, Split]


@dataclass(frozen=True)
class Choice:
    """The decision at one threshold; arrays hold one value per strategy.

    Attributes
    ----------
    threshold
        In currency per QALY.
    probability, probability_se
        Of being the most cost-effective: the share of draws, with its binomial error.
    probability_without_noise, probability_without_noise_se
        The same with the Monte Carlo noise of each draw taken out, and its error.
    loss, loss_se
        The expected loss of choosing the strategy, in currency per patient; that of the best
        strategy is the expected value of perfect information. The noise is taken out, but the error
        is that of the draws as they are.
    """

    threshold: float
    probability: Array
    probability_se: Array
    probability_without_noise: Array
    probability_without_noise_se: Array
    loss: Array
    loss_se: Array


@dataclass(frozen=True)
class Planned:
    """How the numbers of draws and patients were chosen."""

    variances: Variances
    allocation: Allocation


@dataclass(frozen=True)
class Answer:
    """The whole answer of a probabilistic analysis.

    `outcomes` holds the result for each outcome of summary.json, by strategy and name.
    """

    psa: Psa
    planned: Planned | None
    outcomes: Mapping[str, Mapping[str, Split]]
    gains: tuple[Gain, ...]
    choices: tuple[Choice, ...]


def answer(psa: Psa, planned: Planned | None = None) -> Answer:
    """Analyse the draws.

    Parameters
    ----------
    psa
        At least two draws.
    planned
        How the numbers were chosen, if they were.
    """
    found = {name: _outcomes(psa, s) for s, name in enumerate(psa.strategies)}
    others = [s for s in range(len(psa.strategies)) if s != psa.comparator]
    return Answer(
        psa=psa,
        planned=planned,
        outcomes=found,
        gains=tuple(_gain(psa, s) for s in others),
        choices=tuple(_choice(psa, t) for t in psa.question.thresholds) if others else (),
    )


def outcome_names(psa: Psa) -> list[str]:
    """Return the names of the outcomes, as in summary.json."""
    return [name.removeprefix(SE) for name in psa.outcomes.columns if name.startswith(SE)]


def _outcomes(psa: Psa, s: int) -> dict[str, Split]:
    return {
        name: split(psa.values(name)[:, s], psa.values(f"{SE}{name}")[:, s] ** 2)
        for name in outcome_names(psa)
    }


def _gain(psa: Psa, s: int) -> Gain:
    splits = {
        name: split(psa.increments(name)[:, s], psa.increment_noise(name)[:, s])
        for name in INCREMENTS
    }
    covariance = np.cov(psa.increments("cost")[:, s], psa.increments("qalys")[:, s])[0, 1]
    base = psa.deterministic
    differences = {
        name: Estimate(
            float(base[name].iloc[s] - base[name].iloc[psa.comparator]),
            float(base[f"{INCREMENT_SE}{name}"].iloc[s]),
        )
        for name in INCREMENTS
    }
    return Gain(
        increment=_increment(
            psa,
            s,
            {name: Estimate(found.mean, found.se) for name, found in splits.items()},
            float(covariance) / psa.draws,
        ),
        deterministic=_increment(psa, s, differences, float(base[COVARIANCE].iloc[s])),
        splits=splits,
        nmb={
            threshold: split(psa.inmb(threshold)[:, s], psa.inmb_noise(threshold)[:, s])
            for threshold in psa.question.thresholds
        },
    )


def _increment(psa: Psa, s: int, found: Mapping[str, Estimate], covariance: float) -> Increment:
    return Increment(
        strategy=psa.strategies[s],
        comparator=psa.strategies[psa.comparator],
        cost=found["cost"],
        qalys=found["qalys"],
        life_years=found["life_years"],
        covariance=covariance,
    )


def _choice(psa: Psa, threshold: float) -> Choice:
    costs, qalys = psa.values("cost"), psa.values("qalys")
    probability = ceac(costs, qalys, [threshold])[0]
    benefit, noise = psa.inmb(threshold), psa.inmb_noise(threshold)
    silent, silent_se = quiet_shares(benefit, noise)
    # With equal QALYs the benefit is the saving in cost, at any threshold.
    benefits = quiet(benefit, noise)
    saved = (-benefits, np.zeros_like(benefits), [0.0])
    return Choice(
        threshold=threshold,
        probability=probability,
        probability_se=share_errors(probability, psa.draws),
        probability_without_noise=silent,
        probability_without_noise_se=silent_se,
        loss=expected_loss(*saved).value[0],
        loss_se=expected_loss(costs, qalys, [threshold]).se[0],
    )
