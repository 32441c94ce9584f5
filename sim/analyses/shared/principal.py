"""Principal components of a joint posterior: the directions in which it is widest.

Parameters that were fitted together are correlated, so that moving one alone to the end of its
interval can leave the region that the data allow. The first principal components of the
standardised draws move all of them together, along the directions in which they vary most.

Source: Jolliffe IT, Principal Component Analysis, 2nd edition, 2002, chapter 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from sim.economics.estimates import Array

ENOUGH_VARIANCE: Final = 0.95
NORMAL_97_5: Final = 1.959963984540054


@dataclass(frozen=True)
class Component:
    """A principal component of the standardised draws.

    Attributes
    ----------
    variance_share
        Of the sum of variances of the standardised columns.
    steps
        By parameter, its change over one standard deviation of the component, in its own unit.
    bounds
        By parameter, the smallest and the largest of the draws.
    scores
        Of each draw, in standard deviations of the component.
    strongest
        The parameter that moves most with it, in its own standard deviations.
    """

    variance_share: float
    steps: dict[str, float]
    bounds: dict[str, tuple[float, float]]
    scores: Array
    strongest: str


def components(posterior: pd.DataFrame) -> list[Component]:
    """Return the first principal components, those with the most variance first.

    With Z the standardised draws and ``Z'Z/(n - 1) = V L V'``: component k moves parameter j by
    ``sd_j sqrt(L_k) V_jk`` per standard deviation. As many as hold 95 % of the variance; the largest
    entry of each is positive. Columns that do not vary are left out.
    """
    varying = posterior.loc[:, posterior.std(ddof=1) > 0.0]
    if varying.shape[1] == 0:
        return []
    sd = varying.std(ddof=1).to_numpy()
    standardised = (varying.to_numpy() - varying.mean().to_numpy()) / sd
    variances, vectors = np.linalg.eigh(standardised.T @ standardised / (len(varying) - 1))
    bounds = dict(
        zip(
            varying.columns,
            zip(varying.min().tolist(), varying.max().tolist(), strict=True),
            strict=True,
        )
    )
    order = np.argsort(-variances, kind="stable")
    shares = variances[order] / variances.sum()
    needed = int(np.searchsorted(np.cumsum(shares), ENOUGH_VARIANCE)) + 1
    found = []
    for place in order[:needed]:
        vector = vectors[:, place]
        vector = vector * np.sign(vector[np.argmax(np.abs(vector))])
        spread = float(np.sqrt(variances[place]))
        found.append(
            Component(
                variance_share=float(variances[place] / variances.sum()),
                steps=dict(zip(varying.columns, (sd * spread * vector).tolist(), strict=True)),
                bounds=bounds,
                scores=standardised @ vector / spread,
                strongest=str(varying.columns[int(np.argmax(vector))]),
            )
        )
    return found


def moved_along(component: Component, base: dict[str, float], sds: float) -> dict[str, float]:
    """Move the base values along a component, never beyond the range of the draws.

    Parameters
    ----------
    component
        The direction; its bounds limit each parameter, or the base value where that is outside.
    base
        Values by parameter.
    sds
        How far, in standard deviations of the component.
    """
    moved = {}
    for name, step in component.steps.items():
        low, high = component.bounds[name]
        value = base[name] + sds * step
        moved[name] = min(max(value, min(low, base[name])), max(high, base[name]))
    return moved
