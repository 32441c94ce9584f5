"""Subgroups: the patients divided by a characteristic at entry, an amount in bands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np

from sim.clinic.patient import Given
from sim.scenario.patient_columns import COLUMNS
from sim.scenario.schema import Scenario

Array = np.ndarray[Any, Any]
WORDS: Final = {
    "sex": ("female", "male"),
    "salvage_line": ("MRD only", "first", "second", "third or later"),
}
"""Of the values 0, 1, ... of a characteristic that is no amount; of all others no and yes."""
NO_AND_YES: Final = ("no", "yes")
LINE: Final = Given._fields.index("salvage_line")
MRD_ONLY: Final = Given._fields.index("mrd_only")


@dataclass(frozen=True)
class Partition:
    """The patients divided by one characteristic.

    Attributes
    ----------
    characteristic
        The name of its column in a file of patients.
    labels
        Of the subgroups.
    bounds
        Rising; subgroup i is from bound i − 1 to below bound i.
    """

    characteristic: str
    labels: tuple[str, ...]
    bounds: tuple[float, ...]

    def places(self, baseline: Array) -> Array:
        """Return the subgroup of each patient; the baseline has the columns of `Given`."""
        values = baseline[:, Given._fields.index(COLUMNS[self.characteristic].trait)]
        if self.characteristic == "salvage_line":
            values = np.where(baseline[:, MRD_ONLY] > 0.0, 0.0, baseline[:, LINE])
        return np.digitize(values, self.bounds)


def partitions_of(scenario: Scenario) -> tuple[Partition, ...]:
    """Return the subgroups of a scenario, in its order."""
    return tuple(
        _partition(name, None if bounds is True else tuple(bounds))
        for name, bounds in scenario.subgroups.items()
    )


def _partition(name: str, bounds: Sequence[float] | None) -> Partition:
    if bounds is None:
        labels = WORDS.get(name, NO_AND_YES)
        return Partition(name, labels, tuple(place + 0.5 for place in range(len(labels) - 1)))
    between = [f"{low:g} to below {high:g}" for low, high in pairwise(bounds)]
    labels = (f"below {bounds[0]:g}", *between, f"{bounds[-1]:g} or more")
    return Partition(name, labels, tuple(bounds))
