"""The weight that a perspective gives to QALYs by the severity of the condition.

Source: NICE health technology evaluations: the manual (PMG36), section 6.2.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from sim.engine.values import Values

PREFIX: Final = "perspective.severity_"
"""Before the number of a level, in the names of its parameters."""
UNWEIGHTED: Final = 1.0


class Level(NamedTuple):
    """A level of severity, reached when either shortfall is at least its cut-off.

    Attributes
    ----------
    absolute_qalys
        Cut-off of the absolute shortfall, in discounted QALYs.
    proportional
        Cut-off of the proportional shortfall, 0 to 1.
    weight
        Of the QALYs gained.
    """

    absolute_qalys: float
    proportional: float
    weight: float


def levels_of(names: Collection[str], values: Values) -> tuple[Level, ...]:
    """Return the levels among the `names` in the order of their numbers; none without a rule."""
    prefixes = {name.rpartition(".")[0] for name in names if name.startswith(PREFIX)}
    complete = [each for each in sorted(prefixes) if names_of(each) <= set(names)]
    return tuple(values.record(Level, prefix) for prefix in complete)


def names_of(prefix: str) -> set[str]:
    """Return the names of the parameters of a level."""
    return {f"{prefix}.{field}" for field in Level._fields}


def weights(
    levels: Sequence[Level], absolute: npt.ArrayLike, proportional: npt.ArrayLike
) -> npt.NDArray[np.float64]:
    """Return the highest weight among the levels that are reached, and 1 where none is.

    Parameters
    ----------
    levels
        Of the perspective.
    absolute, proportional
        Shortfalls of the same shape, which is that of the result.
    """
    found = np.full(np.shape(absolute), UNWEIGHTED)
    for level in levels:
        reached = np.asarray(absolute) >= level.absolute_qalys
        reached |= np.asarray(proportional) >= level.proportional
        found = np.where(reached, np.maximum(found, level.weight), found)
    return found
