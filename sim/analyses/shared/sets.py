"""Parameter sets simulated in chunks, so that finished work need not be simulated again.

Each set leaves one row of plain values. Finished chunks of rows are written to a store, where there
is one (`sim.analyses.shared.store`); an interrupted analysis goes on with those that are missing and
ends with the same rows, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import pandas as pd

from sim.analyses.psa.draws_run import Store
from sim.analyses.shared.paired_runs import Progress, Sample, each_question
from sim.simulation.question import Question

CHUNK_SETS: Final = 16
"""Sets stored together unless an analysis says otherwise."""
Row = Sequence[float | str | None]


@dataclass(frozen=True)
class Sets:
    """The sets to simulate, and the values read off each sample.

    Attributes
    ----------
    count
        The number of sets.
    ask
        From the place of a set, the first is 0, to its question.
    columns
        Columns that `measure` needs of each patient.
    measure
        From the sample of a set to its row; called in the thread that simulated.
    names
        Of the values of a row.
    chunk
        Sets stored together.
    """

    count: int
    ask: Callable[[int], Question]
    columns: tuple[str, ...]
    measure: Callable[[Sample], Row]
    names: tuple[str, ...]
    chunk: int = CHUNK_SETS

    @property
    def chunks(self) -> int:
        """The number of chunks of the sets."""
        return chunks_of(self.count, self.chunk)

    def members(self, chunk: int) -> range:
        """Return the places of the sets of a chunk."""
        return range(chunk * self.chunk, min((chunk + 1) * self.chunk, self.count))


def chunks_of(count: int, chunk: int = CHUNK_SETS) -> int:
    """Return the number of chunks of so many sets."""
    return -(-count // chunk)


def sets_to_simulate(
    count: int, kept: set[int], *, chunk: int = CHUNK_SETS, first_chunk: int = 0
) -> int:
    """Return how many of so many sets `rows_of` would simulate."""
    missing = (i for i in range(chunks_of(count, chunk)) if first_chunk + i not in kept)
    return sum(min(chunk, count - i * chunk) for i in missing)


def rows_of(
    sets: Sets,
    *,
    threads: int | None = None,
    progress: Progress = lambda _: None,
    store: Store | None = None,
    first_chunk: int = 0,
) -> pd.DataFrame:
    """Simulate the sets and return a row for each, in their order.

    Parameters
    ----------
    sets
        The sets to simulate.
    threads
        Sets simulated at the same time; results do not depend on it.
    progress
        Called with 1 for each set that is finished.
    store
        Stores chunks as they are finished; those that it has are not simulated again.
    first_chunk
        The number in the store of the first chunk of these sets.

    Returns
    -------
    DataFrame
        One row per set, with the columns of `Sets.names`.
    """
    kept = store.done() if store is not None else set()
    missing = [i for i in range(sets.chunks) if first_chunk + i not in kept]
    asked = (partial(sets.ask, place) for i in missing for place in sets.members(i))
    found = each_question(asked, sets.columns, sets.measure, threads=threads, progress=progress)
    tables: dict[int, pd.DataFrame] = {}
    for i in missing:
        table = pd.DataFrame([next(found) for _ in sets.members(i)], columns=list(sets.names))
        if store is None:
            tables[i] = table
        else:
            store.keep(first_chunk + i, table)
    if store is not None:
        tables = {i: store.read(first_chunk + i) for i in range(sets.chunks)}
    if not tables:
        return pd.DataFrame(columns=list(sets.names))
    return pd.concat([tables[i] for i in range(sets.chunks)], ignore_index=True)
