"""Long work in chunks: its progress, where it is done, and the limit of memory."""

from __future__ import annotations

import hashlib
import platform
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

from sim.errors import UserError
from sim.spread.order import over

if TYPE_CHECKING:
    from sim.analyses.psa.draws_run import Store
    from sim.analyses.shared.store import Chunks
    from sim.simulation.question import Question


Results = TypeVar("Results")
PROVEN_SCENARIO: Final = "first_salvage"
"""The scenario of the patients by whom a worker proves that it runs the same program."""


@contextmanager
def enough_memory(question: Question) -> Iterator[None]:
    """Raise a clear error when the patients do not fit into memory."""
    try:
        yield
    except MemoryError:
        raise UserError(
            "needs more memory than there is", key="patients", value=question.patients
        ) from None


@contextmanager
def sets_progress(question: Question, sets: int) -> Iterator[Callable[[int], None]]:
    """Show the patients of so many parameter sets; yields a function to call with finished sets."""
    from sim.layout.progress import patients_progress

    each = question.patients * len(question.model.strategies)
    with enough_memory(question), patients_progress(sets * each) as advance:
        yield lambda finished: advance(finished * each)


@contextmanager
def spread(cluster: str | None) -> Iterator[None]:
    """Spread the work inside over the cluster at an address; over threads where there is none.

    Raises
    ------
    UserError
        When there is no scheduler at the address, or no worker that runs the same program.
    """
    with over(cluster, program):
        yield


@cache
def program() -> dict[str, str]:
    """Return what must be the same wherever work is done: the program, and some of its patients."""
    from importlib.metadata import version

    import numpy as np

    from sim.files.shipped import SCENARIOS, shipped_files
    from sim.simulation.provenance import source_hash
    from sim.simulation.question import ask
    from sim.simulation.run import run
    from sim.simulation.tally import UNIT

    question = ask(shipped_files(SCENARIOS)[PROVEN_SCENARIO], patients=UNIT, seed=0)
    tally = run(question, keep_patients=False, threads=1).tally
    digest = hashlib.sha256()
    for array in (*tally.sums, *tally.counts):
        digest.update(array.tobytes())
    return {
        "version of the program": source_hash(),
        "Python": platform.python_version(),
        "numba": version("numba"),
        "numpy": np.__version__,
        "result for the same patients": digest.hexdigest(),
    }


class Place(NamedTuple):
    """Where the work of an analysis is done and stored.

    Attributes
    ----------
    folder
        Of the results and of finished work; None where nothing is stored.
    resume
        Whether to go on with unfinished work there.
    part
        ``K/N`` where only part K of N is done.
    cluster
        Address of a scheduler; None for threads.
    """

    folder: Path | None
    resume: bool
    part: str | None = None
    cluster: str | None = None


def place_of_work(
    names: tuple[str, ...],
    out: str | Path | None,
    *,
    resume: bool,
    part: str | None = None,
    cluster: str | None = None,
) -> Place:
    """Return where the work is done, and its results are stored under these names.

    Raises
    ------
    UserError
        When it cannot take files of these names, or there is none to be continued.
    """
    from sim.files.results_folder import check_folder

    if out is not None:
        check_folder(Path(out), names)
        return Place(Path(out), resume, part, cluster)
    if resume:
        raise UserError("needs the folder of the unfinished results: give --out", key="--resume")
    if part is not None:
        raise UserError("needs the folder that all parts share: give --out", key="--part")
    return Place(None, resume, part, cluster)


class Work(ABC, Generic[Results]):
    """The work of an analysis in chunks, each of which can be stored when it is finished."""

    question: Question
    """The question."""
    chunk: int
    """Parameter sets stored together."""

    @property
    @abstractmethod
    def chunks(self) -> int:
        """The number of chunks."""

    @abstractmethod
    def left(self, kept: set[int]) -> int:
        """Return the progress that is left without the stored chunks."""

    @abstractmethod
    def run(
        self,
        *,
        threads: int | None = None,
        progress: Callable[[int], None] = lambda _: None,
        store: Store | None = None,
    ) -> Results:
        """Do the work and return the results.

        Parameters
        ----------
        threads
            Sets simulated at the same time; results do not depend on it.
        progress
            Called with the work that is finished.
        store
            Stores chunks as they are finished; those that it has are not simulated again.
        """

    def counter(self, left: int) -> AbstractContextManager[Callable[[int], None]]:
        """Show the work done, of what is left: here in the patients of parameter sets."""
        return sets_progress(self.question, left)

    def run_with_progress(self, threads: int | None, store: Chunks | None) -> Results:
        """Do the work that is not stored yet, shown on the terminal."""
        left = self.left(set() if store is None else store.done())
        with self.counter(left) as advance:
            return self.run(threads=threads, progress=advance, store=store)
