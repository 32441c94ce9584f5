"""Long work: its progress, the limit of memory, and its finished chunks, kept for a continuation."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, Protocol, Self, TypeVar

from sim.analyses.shared.arguments import TOP, Whole, rename_options
from sim.analyses.shared.result import Found, LaidOutResult, Layout
from sim.analyses.shared.store import MANIFEST, analysis_manifest, manifest_text, opened
from sim.analyses.shared.stored import Stored, in_bytes, names_of
from sim.errors import UserError
from sim.files.results_folder import beside_others
from sim.spread.order import over

if TYPE_CHECKING:
    from sim.analyses.psa.draws_run import Store
    from sim.analyses.shared.scenario import Asked, Scenario
    from sim.analyses.shared.store import Chunks
    from sim.simulation.question import Question


Results_co = TypeVar("Results_co", covariant=True)
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


@dataclass(frozen=True)
class Resumable(Generic[Found]):
    """An analysis with all its settings, ready to run.

    Attributes
    ----------
    question
        The question.
    layout
        Of its results.
    manifest
        Returns the manifest, which identifies the folder of the results.
    left
        From the numbers of the stored chunks to the parameter sets that are left to simulate.
    simulate
        Runs the analysis; called with ``progress`` and ``store``.
    shown
        The number of rows shown, where the figure shows only the first.
    counter
        Shows the work done, of what is left; by default in the patients of parameter sets.
    """

    question: Question
    layout: Layout[Found]
    manifest: Callable[[], Mapping[str, Any]]
    left: Callable[[set[int]], int]
    simulate: Callable[..., Found]
    shown: tuple[int, ...] = ()
    counter: Callable[[Question, int], AbstractContextManager[Callable[[int], None]]] = (
        sets_progress
    )

    def run(self, place: Place) -> Found:
        """Return the results, with their files in the folder if there is one.

        Raises
        ------
        UserError
            When the folder cannot be used, or the analysis finds a mistake in the question.
        PartDone
            When only a part was to be done, and other parts are not.
        """
        with spread(place.cluster):
            if place.folder is None:
                return self._simulated(None)
            name = self.layout.analysis
            names = (*names_of(name), MANIFEST)
            with opened(
                place.folder, self.manifest(), names, resume=place.resume, part=place.part
            ) as store:
                found = self._simulated(store)
                files = in_bytes(self.layout.files(found, *self.shown))
                store.finish(beside_others(store.folder, name, files))
                return found

    def _simulated(self, store: Chunks | None) -> Found:
        kept = store.done() if store is not None else set()
        with self.counter(self.question, self.left(kept)) as advance:
            return self.simulate(progress=advance, store=store)


class Work(Protocol[Results_co]):
    """The work of an analysis in chunks of parameter sets, as a `PairedRuns`."""

    @property
    def question(self) -> Question:
        """The question."""

    @property
    def chunk(self) -> int:
        """Parameter sets stored together."""

    @property
    def chunks(self) -> int:
        """The number of chunks."""

    def left(self, kept: set[int]) -> int:
        """Return the progress that is left without the stored chunks."""

    def run(
        self, *, threads: int | None, progress: Callable[[int], None], store: Store | None
    ) -> Results_co:
        """Do the work and return the results."""


class ResumableResult(LaidOutResult[Found]):
    """The results of such an analysis; of those read back from files the analysis is None."""

    def __init__(
        self, scenario: Scenario, analysis: Resumable[Found] | None, found: Found, *shown: int
    ) -> None:
        super().__init__(scenario, found, *shown)
        self._analysis = analysis

    @classmethod
    def of(
        cls,
        scenario: Scenario,
        work: Work[Found],
        settings: Mapping[str, object],
        place: Place,
        threads: int | None,
        *shown: int,
    ) -> Self:
        """Do the work at a place and return its results.

        Parameters
        ----------
        scenario
            The question.
        work
            The parameter sets, and the results that follow from them.
        settings
            All that decides the results beside the question, for the manifest.
        place
            Of the work.
        threads
            Sets simulated at the same time; results do not depend on it.
        *shown
            The number of rows shown, where the figure shows only the first.

        Raises
        ------
        UserError, PartDone
            As for `Resumable.run`.
        """
        manifest = partial(
            analysis_manifest,
            *(work.question, cls.LAYOUT.analysis, settings),
            chunks=work.chunks,
            chunk=work.chunk,
        )
        simulate = partial(work.run, threads=threads)
        analysis = Resumable(work.question, cls.LAYOUT, manifest, work.left, simulate, shown)
        return cls(scenario, analysis, analysis.run(place), *shown)

    @classmethod
    def _read(cls, scenario: Scenario, stored: Stored) -> Self:
        return cls(scenario, None, cls.LAYOUT.read(stored))

    def files(self) -> Mapping[str, str | bytes]:
        """Return the contents of the files by name; the manifest only where it was computed here."""
        found = in_bytes(self.LAYOUT.files(self._found, *self._shown))
        if self._analysis is None:
            return found
        return {**found, MANIFEST: manifest_text(self._analysis.manifest(), found)}


class RankedResult(ResumableResult[Found]):
    """The results of an analysis whose words and figure show only the first rows of its table."""

    @classmethod
    @rename_options
    def read(cls, scenario: Asked, folder: str | Path, *, top: int = TOP) -> Self:
        """Return the answer that is in a folder: `StoredResult.read`, with `top` rows shown."""
        found = super().read(scenario, folder)
        found._shown = (Whole(1)("top", top),)
        return found
