"""An analysis that stores its finished work in a folder, and goes on with it after an interruption."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Self

from sim.analyses.shared.arguments import TOP, Whole, rename_options
from sim.analyses.shared.layout import Found, LaidOutResult, Layout
from sim.analyses.shared.results import MANIFEST, manifest_text
from sim.analyses.shared.stored import Stored, in_bytes
from sim.analyses.shared.work import Place, finished, kept_chunks, sets_progress, spread
from sim.files.results_folder import beside_others

if TYPE_CHECKING:
    from sim.analyses.shared.scenario import Asked, Scenario
    from sim.simulation.question import Question


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
        name = self.layout.analysis
        with spread(place.cluster), kept_chunks(self.manifest, name, place) as store:
            with self.counter(self.question, self.left(finished(store))) as advance:
                found = self.simulate(progress=advance, store=store)
            if store is not None:
                files = in_bytes(self.layout.files(found, *self.shown))
                store.finish(beside_others(store.folder, name, files))
        return found


class ResumableResult(LaidOutResult[Found]):
    """The results of such an analysis; of those read back from files the analysis is None."""

    def __init__(
        self, scenario: Scenario, analysis: Resumable[Found] | None, found: Found, *shown: int
    ) -> None:
        super().__init__(scenario, found, *shown)
        self._analysis = analysis

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
