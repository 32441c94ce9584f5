r"""Identification: how far the endpoints of a fit inform each parameter, and which of them do.

The spread left of a parameter is the standard deviation of its posterior against that of its prior,
on the scale of the prior. Near 1 the posterior is the prior: the endpoints say nothing of it.

What informed a parameter is found around the posterior mean, where the endpoints are nearly linear.
With the precision

.. math:: \Lambda = I + \sum_k w_k\, g_k g_k^\top / s_k^2

of prior scores and study effects (in units of their spread), :math:`g_k` the slope of endpoint k,
:math:`s_k` its published error with that of its surface and :math:`w_k` its weight, leaving the
endpoint out raises the variance of parameter j by

.. math:: (\Sigma g_k)_j^2 / (s_k^2 / w_k - g_k^\top \Sigma g_k), \quad \Sigma = \Lambda^{-1}

(Sherman and Morrison). Correlation between the endpoints of one curve is neglected here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from sim.economics.estimates import Array

if TYPE_CHECKING:
    from sim.evidence.protocol import Protocol
    from sim.evidence.sampler import Evidence, Posterior

NAMED: Final = 3
"""Endpoints named for each parameter."""
LEAST: Final = 0.02
"""An endpoint that raises the variance by less than this share, when left out, is not named."""
SEPARATOR: Final = "; "


def identification(
    protocol: Protocol, evidence: Sequence[Evidence], posterior: Posterior
) -> pd.DataFrame:
    """Return how far each parameter is informed, and by what.

    Returns
    -------
    DataFrame
        Columns parameter, scale, prior_mean and posterior_mean (natural scale), prior_sd and
        posterior_sd (on the scale of the prior), spread_left, informed_by (endpoints whose absence
        would raise the variance most).
    """
    names = [target.name for each in evidence for target in each.targets]
    gains = _gains(protocol, evidence, posterior)
    rows = []
    for place, (name, prior) in enumerate(protocol.priors.items()):
        scores = posterior.scores[name]
        order = np.argsort(-gains[:, place], kind="stable")[:NAMED]
        left = float(scores.std(ddof=1))
        rows.append(
            {
                "parameter": name,
                "scale": prior.scale,
                "prior_mean": prior.mean,
                "prior_sd": prior.sd,
                "posterior_mean": prior.value(float(scores.mean())),
                "posterior_sd": prior.sd * left,
                "spread_left": left,
                "informed_by": SEPARATOR.join(names[k] for k in order if gains[k, place] >= LEAST),
            }
        )
    return pd.DataFrame(rows)


def _gains(protocol: Protocol, evidence: Sequence[Evidence], posterior: Posterior) -> Array:
    """Return by endpoint and parameter the relative rise of its variance without the endpoint."""
    kinds = len(protocol.heterogeneity)
    studies = list(dict.fromkeys(each.study for each in evidence))
    scores = posterior.scores.to_numpy().mean(axis=0)
    spread = posterior.spread.to_numpy().mean(axis=0)
    width = len(scores) + kinds * len(studies)
    slopes, variances = [], []
    for each in evidence:
        first = len(scores) + kinds * studies.index(each.study)
        at = np.concatenate([scores, np.zeros(kinds)])
        slope = each.surface.linear + 2.0 * np.einsum("kij,j->ki", each.surface.square, at)
        for k, target in enumerate(each.targets):
            row = np.zeros(width)
            row[: len(scores)] = slope[k, : len(scores)]
            row[first : first + kinds] = slope[k, len(scores) :] * spread
            slopes.append(row)
            error = (target.below + target.above) / 2.0
            weight = protocol.weight(target.study)
            variances.append((error**2 + float(each.surface.error[k]) ** 2) / weight)
    g, s2 = np.array(slopes), np.array(variances)
    covariance = np.linalg.inv(np.eye(width) + g.T @ (g / s2[:, None]))
    moved = g @ covariance
    left_out = s2 - np.einsum("ki,ki->k", moved, g)
    rise = moved**2 / left_out[:, None]
    relative: Array = (rise / np.diag(covariance))[:, : len(scores)]
    return relative
