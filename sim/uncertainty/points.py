"""The outcome of a question at points of the unit cube of its uncertain parameters.

All points are put to the same patients. Their luck is part of every outcome alike and does not
vary between points, but for how it acts together with the parameters; that rest is the noise
that more patients take away.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np
import pandas as pd

from sim.economics.estimates import Array, Estimate
from sim.errors import UserError
from sim.study.question import Question
from sim.uncertainty.cube import Cube, cube
from sim.uncertainty.one_way import chosen_strategy, middle_threshold
from sim.uncertainty.outcomes import Outcome, outcome_named
from sim.uncertainty.psa import Store
from sim.uncertainty.results import manifest as psa_manifest
from sim.uncertainty.same_patients import Progress, Sample, each_question, sample, with_values

CHUNK_POINTS: Final = 64
"""Points that are kept together, where what is finished is kept on disk."""
VALUE, SE = "value", "se"


@dataclass(frozen=True)
class Target:
    """What is looked at, and over which uncertain parameters.

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
    cube: Cube


def target(
    question: Question,
    *,
    outcome: str,
    threshold: float | None,
    strategy: str | None,
    posterior: pd.DataFrame | None,
) -> Target:
    """Return what the analysis of a question looks at.

    Parameters
    ----------
    question
        What is asked.
    outcome, threshold, strategy
        As for `sim.uncertainty.one_way.tornado`.
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
    return Target(question, chosen, name, worth, found, cube(question, posterior))


def with_twice_the_patients(looked_at: Target) -> Target:
    """Return the same target in twice as many patients, the first half of them the same."""
    question = looked_at.question
    return replace(looked_at, question=replace(question, patients=2 * question.patients))


def outcomes_at(
    looked_at: Target,
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
        Keeps chunks of points as they are finished; those that it has are not simulated again.
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
    chunks = [
        range(i, min(i + CHUNK_POINTS, len(points))) for i in range(0, len(points), CHUNK_POINTS)
    ]
    kept = store.done() if store is not None else set()
    missing = [i for i in range(len(chunks)) if first_chunk + i not in kept]
    rows = np.array([row for i in missing for row in chunks[i]], dtype=np.int64)
    found = _simulated(looked_at, points[rows], threads, progress)
    tables: dict[int, pd.DataFrame] = {}
    for i in missing:
        table = pd.DataFrame([next(found) for _ in chunks[i]], columns=[VALUE, SE])
        if store is None:
            tables[i] = table
        else:
            store.keep(first_chunk + i, table)
    if store is not None:
        tables = {i: store.read(first_chunk + i) for i in range(len(chunks))}
    everything = pd.concat([tables[i] for i in range(len(chunks))], ignore_index=True)
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
    starts = range(0, points, CHUNK_POINTS)
    return sum(
        min(CHUNK_POINTS, points - start)
        for i, start in enumerate(starts)
        if first_chunk + i not in kept
    )


def chunks_of(points: int) -> int:
    """Return the number of chunks of so many points."""
    return -(-points // CHUNK_POINTS)


def manifest(
    looked_at: Target, analysis: str, draws: int, chunks: int, settings: Mapping[str, object]
) -> dict[str, Any]:
    """Say what was asked: what a folder of finished chunks is recognised by.

    The key hashes everything that the results depend on: the question, the program, the analysis
    and its settings.
    """
    question = looked_at.question
    found = psa_manifest(question, draws)
    asked = {
        "analysis": analysis,
        "outcome": looked_at.outcome.name,
        "strategy": looked_at.strategy,
        "threshold": looked_at.threshold,
        **settings,
    }
    text = json.dumps({"asked": asked, "key": found["key"]}, sort_keys=True)
    found |= {
        "key": hashlib.sha256(text.encode()).hexdigest(),
        "chunk_draws": CHUNK_POINTS,
        "chunks": chunks,
    }
    return {**found, "asked": {**found["asked"], **asked}}


def _simulated(
    looked_at: Target, points: Array, threads: int | None, progress: Progress
) -> Iterator[tuple[float, float]]:
    if not len(points):
        return iter(())
    values = looked_at.cube.values(points)
    names = [str(name) for name in values.columns]
    asked = (
        partial(with_values, looked_at.question, dict(zip(names, row, strict=True)))
        for row in values.to_numpy().tolist()
    )
    measure = partial(_measured, looked_at.outcome, looked_at.strategy)
    columns = looked_at.outcome.columns
    return each_question(asked, columns, measure, threads=threads, progress=progress)


def _measured(outcome: Outcome, strategy: str, found: Sample) -> tuple[float, float]:
    reading = outcome.read(found.pair(strategy))
    return reading.value, reading.se
