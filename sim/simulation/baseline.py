"""The baseline of the patients of a question, as the engine that simulates them has it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sim.economics.estimates import Array
from sim.engine.reference import enrol
from sim.engine.streams import Streams
from sim.simulation.question import Question

Baselines = Callable[[int, int], Array]
"""Returns the baseline of the `count` patients from `first` on.

Its shape is (count, characteristics), the fields of `sim.clinic.patient.Given`.
"""


def baselines_of(question: Question, engine: str = "core") -> Baselines:
    """Return the baseline of the question's patients by their numbers."""
    model, seed = question.model, question.seed

    def by_reference(first: int, count: int) -> Array:
        luck = Streams(seed, first, count)
        return np.array(
            [enrol(i, model, luck)[1:] for i in range(first, first + count)], dtype=float
        )

    def by_core(first: int, count: int) -> Array:
        # Loads the compiler, which the other engine does not need.
        from sim.engine.compiled.baseline import baselines

        found: Array = baselines(model, seed, first, count)
        return found

    return by_reference if engine == "reference" else by_core
