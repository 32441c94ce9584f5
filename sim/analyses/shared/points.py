"""The outcome of a question at points of the unit cube of its uncertain parameters.

All points are simulated in the same patients. Their random numbers are part of every outcome alike
and do not vary between points, but for their interaction with the parameters; that rest is noise
that more patients reduce.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import pandas as pd

from sim.analyses.psa.draws_run import Store
from sim.analyses.shared import sets
from sim.analyses.shared.cube import Cube, cube
from sim.analyses.shared.outcomes import Outcome, outcome_named
from sim.analyses.shared.paired_runs import Progress, Sample, sample, with_values
from sim.analyses.shared.results import analysis_manifest
from sim.analyses.shared.sets import Sets, rows_of, sets_to_simulate
from sim.analyses.shared.work import enough_memory
from sim.analyses.tornado.analysis import chosen_strategy, middle_threshold
from sim.economics.estimates import Array, Estimate
from sim.errors import UserError
from sim.simulation.parameter_draws import fitted_draws
from sim.simulation.question import Question

CHUNK_POINTS: Final = 64
"""Points stored together, where finished work is stored on disk."""
VALUE, SE = "value", "se"


@dataclass(frozen=True)
class Target:
    """The outcome analysed.

    Attributes
    ----------
    base
        The outcome with every parameter at its own value.
    """

    question: Question
    outcome: Outcome
    strategy: str
    threshold: float
    base: Estimate


@dataclass(frozen=True)
class CubeTarget(Target):
    """The outcome analysed, over the cube of the uncertain parameters."""

    cube: Cube


def target(
    question: Question,
    *,
    outcome: str,
    threshold: float | None,
    strategy: str | None,
    posterior: pd.DataFrame | None,
) -> CubeTarget:
    """Return the target of the analysis of a question.

    Parameters
    ----------
    question
        The question.
    outcome, threshold, strategy
        As for `sim.analyses.tornado.analysis.tornado`.
    posterior
        Draws of the parameters that were fitted together.

    Raises
    ------
    UserError
        When there is no such outcome or strategy, or nothing is uncertain.
    """
    worth = middle_threshold(question) if threshold is None else threshold
    chosen = outcome_named(outcome, threshold=worth, currency=question.perspective.currency)
    base = sample(question, chosen.columns)
    name = chosen_strategy(base, worth, strategy)
    reading = chosen.read(base.pair(name))
    found = Estimate(reading.value, reading.se)
    return CubeTarget(question, chosen, name, worth, found, cube(question, posterior))


def fitted_target(
    question: Question, *, outcome: str, threshold: float | None, strategy: str | None
) -> CubeTarget:
    """Return the target of a question with the posterior of the catalogue; see `target`.

    Raises
    ------
    UserError
        As for `target`, and when the patients do not fit into memory.
    """
    with enough_memory(question):
        return target(
            question,
            outcome=outcome,
            threshold=threshold,
            strategy=strategy,
            posterior=fitted_draws(question),
        )


def with_twice_the_patients(looked_at: CubeTarget) -> CubeTarget:
    """Return the same target in twice as many patients, the first half of them the same."""
    question = looked_at.question
    return replace(looked_at, question=replace(question, patients=2 * question.patients))


def outcomes_at(
    looked_at: CubeTarget,
    points: Array,
    *,
    threads: int | None = None,
    progress: Progress = lambda _: None,
    store: Store | None = None,
    first_chunk: int = 0,
) -> pd.DataFrame:
    """Simulate the question at each point.

    Parameters
    ----------
    looked_at
        The question, its outcome and its cube.
    points
        Shape (points, coordinates).
    threads
        Points simulated at the same time; results do not depend on it.
    progress
        Called with 1 for each point that is finished.
    store
        Stores chunks of points as they are finished; those that it has are not simulated again.
    first_chunk
        The number in the store of the first chunk of these points.

    Returns
    -------
    DataFrame
        One row per point: the outcome, ``value``, and its Monte Carlo error, ``se``.

    Raises
    ------
    UserError
        When the outcome is not defined at a point.
    """
    everything = rows_of(
        _sets(looked_at, points),
        threads=threads,
        progress=progress,
        store=store,
        first_chunk=first_chunk,
    )
    undefined = int(everything[VALUE].isna().sum())
    if undefined:
        raise UserError(
            f"is not defined at {undefined:,} of {len(points):,} points; net benefit (nmb) always is",
            key="--outcome",
            value=looked_at.outcome.name,
        )
    return everything


def points_to_simulate(points: int, kept: set[int], first_chunk: int = 0) -> int:
    """Return how many of the points `outcomes_at` would simulate."""
    return sets_to_simulate(points, kept, chunk=CHUNK_POINTS, first_chunk=first_chunk)


def chunks_of(points: int) -> int:
    """Return the number of chunks of so many points."""
    return sets.chunks_of(points, CHUNK_POINTS)


def manifest(
    looked_at: Target, analysis: str, draws: int, chunks: int, settings: Mapping[str, object]
) -> dict[str, Any]:
    """Return the manifest that identifies a folder of finished chunks.

    The key hashes all inputs of the results: the question, the program, the analysis
    and its settings.
    """
    asked = {
        "outcome": looked_at.outcome.name,
        "strategy": looked_at.strategy,
        "threshold": looked_at.threshold,
        "draws": draws,
        **settings,
    }
    return analysis_manifest(looked_at.question, analysis, asked, chunks=chunks, chunk=CHUNK_POINTS)


def _sets(looked_at: CubeTarget, points: Array) -> Sets:
    values = looked_at.cube.values(points)
    names, rows = [str(name) for name in values.columns], values.to_numpy()

    def ask(place: int) -> Question:
        numbers = dict(zip(names, rows[place].tolist(), strict=True))
        return with_values(looked_at.question, numbers)

    return Sets(
        count=len(points),
        ask=ask,
        columns=looked_at.outcome.columns,
        measure=partial(_measured, looked_at.outcome, looked_at.strategy),
        names=(VALUE, SE),
        chunk=CHUNK_POINTS,
    )


def _measured(outcome: Outcome, strategy: str, found: Sample) -> tuple[float, float]:
    reading = outcome.read(found.pair(strategy))
    return reading.value, reading.se
