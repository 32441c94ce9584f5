"""Long work: its progress, its store of finished chunks, and the limit of memory."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sim.errors import UserError
from sim.spread.order import over

if TYPE_CHECKING:
    from sim.analyses.shared.store import Chunks
    from sim.simulation.question import Question


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
    import numba
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
        "numba": numba.__version__,
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


@contextmanager
def kept_chunks(
    asked: Callable[[], Mapping[str, Any]], analysis: str, place: Place
) -> Iterator[Chunks | None]:
    """Open the store of finished work in the folder of a place; None where there is none.

    Parameters
    ----------
    asked
        Returns the manifest that identifies the folder, if there is one.
    analysis
        The name of the analysis, also that of its files.
    place
        Where the work is stored.

    Raises
    ------
    UserError
        When the folder cannot be used.
    """
    out, resume, part, _ = place
    if out is None:
        yield None
        return
    from sim.analyses.shared.results import MANIFEST
    from sim.analyses.shared.store import opened
    from sim.analyses.shared.stored import names_of

    names = (*names_of(analysis), MANIFEST)
    with opened(out, asked(), names, resume=resume, part=part) as store:
        yield store


def finished(store: Chunks | None) -> set[int]:
    """Return the numbers of the chunks that are already stored."""
    return store.done() if store is not None else set()
