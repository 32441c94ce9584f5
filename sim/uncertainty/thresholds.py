"""The decision against the threshold: how likely each strategy is the best, what it would forgo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from sim.uncertainty.acceptability import Switch, ceaf, switching_thresholds
from sim.uncertainty.answer import choice
from sim.uncertainty.psa import Psa

STEPS: Final = 100
BEYOND: Final = 1.25
"""A curve ends so far beyond the highest threshold, or the last at which the choice changes."""
FARTHEST: Final = 5.0
"""But not farther than so many times the highest threshold."""
COLUMNS: Final = (
    "strategy",
    "threshold",
    "probability",
    "se",
    "without_noise",
    "loss",
    "loss_se",
    "optimal",
)
"""Of ceac.csv.

- `probability` is the share of draws in which the strategy has the most net benefit at
  `threshold`, in currency per QALY, `se` its binomial error, `without_noise` that share once the
  Monte Carlo noise of each draw is taken out.
- `loss` is what the strategy is expected to forgo, in currency per patient, without the noise;
  that of the best strategy is the expected value of perfect information.
- `optimal` says whether it has the most expected net benefit: there the curve is the frontier.
"""


def switches(psa: Psa) -> tuple[Switch, ...]:
    """Return where the strategy of the most expected net benefit changes."""
    return switching_thresholds(psa.values("cost").mean(axis=0), psa.values("qalys").mean(axis=0))


def grid(psa: Psa, thresholds: Sequence[float]) -> list[float]:
    """Return thresholds from 0 to beyond those given, as far as the choice changes."""
    highest = max(thresholds)
    last = max([highest, *(switch.threshold for switch in switches(psa))])
    end = min(BEYOND * last, FARTHEST * highest)
    return [float(value) for value in np.linspace(0.0, end, STEPS + 1)]


def acceptability(psa: Psa) -> pd.DataFrame:
    """Return the acceptability curves and the expected losses, in the columns `COLUMNS`."""
    values = grid(psa, psa.question.thresholds)
    best = ceaf(psa.values("cost"), psa.values("qalys"), values).strategy
    tables = []
    for threshold, optimal in zip(values, best, strict=True):
        found = choice(psa, threshold)
        columns = (
            psa.strategies,
            threshold,
            found.probability,
            found.probability_se,
            found.probability_without_noise,
            found.loss,
            found.loss_se,
            np.arange(len(psa.strategies)) == optimal,
        )
        tables.append(pd.DataFrame(dict(zip(COLUMNS, columns, strict=True))))
    return pd.concat(tables, ignore_index=True)
