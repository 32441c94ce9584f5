"""Long work: its progress, its store of finished chunks, and the limit of memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.errors import UserError

if TYPE_CHECKING:
    from sim.analyses.shared.store import Chunks
    from sim.simulation.question import Question


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


def check_store(names: tuple[str, ...], out: str | Path | None, *, resume: bool) -> Path | None:
    """Return the folder of the results, if there is one.

    Raises
    ------
    UserError
        When it cannot take files of these names, or there is none to be continued.
    """
    from sim.files.results_folder import check_folder

    if out is not None:
        check_folder(Path(out), names)
        return Path(out)
    if resume:
        raise UserError("needs the folder of the unfinished results: give --out", key="--resume")
    return None


@contextmanager
def kept_chunks(
    asked: Callable[[], Mapping[str, Any]], analysis: str, out: Path | None, *, resume: bool
) -> Iterator[Chunks | None]:
    """Open the store of finished work in the folder `out`; None where there is none.

    Parameters
    ----------
    asked
        Returns the manifest that identifies the folder, if there is one.
    analysis
        The name of the analysis, also that of its files.
    out
        The folder, or None.
    resume
        Go on with unfinished work there.

    Raises
    ------
    UserError
        When the folder cannot be used.
    """
    if out is None:
        yield None
        return
    from sim.analyses.shared.results import MANIFEST
    from sim.analyses.shared.store import opened
    from sim.analyses.shared.stored import names_of

    with opened(out, asked(), (*names_of(analysis), MANIFEST), resume=resume) as store:
        yield store


def finished(store: Chunks | None) -> set[int]:
    """Return the numbers of the chunks that are already stored."""
    return store.done() if store is not None else set()
