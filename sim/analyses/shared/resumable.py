"""An analysis that stores its finished work in a folder, and goes on with it after an interruption."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sim.analyses.shared.files import in_bytes
from sim.analyses.shared.result import StoredResult
from sim.analyses.shared.results import MANIFEST, manifest_text
from sim.analyses.shared.work import finished, kept_chunks, sets_progress
from sim.files.results_folder import beside_others

if TYPE_CHECKING:
    from sim.analyses.shared.scenario import Scenario
    from sim.simulation.question import Question

Found = TypeVar("Found")


@dataclass(frozen=True)
class Resumable(Generic[Found]):
    """An analysis with all its settings, ready to run.

    Attributes
    ----------
    question
        The question.
    analysis
        The name of the analysis, also that of its files.
    manifest
        Returns the manifest, which identifies the folder of the results.
    left
        From the numbers of the stored chunks to the parameter sets that are left to simulate.
    simulate
        Runs the analysis; called with ``progress`` and ``store``.
    files
        From the results to their files by name, without the manifest.
    """

    question: Question
    analysis: str
    manifest: Callable[[], Mapping[str, Any]]
    left: Callable[[set[int]], int]
    simulate: Callable[..., Found]
    files: Callable[[Found], Mapping[str, str | bytes]]

    def run(self, folder: Path | None, *, resume: bool) -> Found:
        """Return the results, with their files in the folder if there is one.

        Raises
        ------
        UserError
            When the folder cannot be used, or the analysis finds a mistake in the question.
        """
        with kept_chunks(self.manifest, self.analysis, folder, resume=resume) as store:
            with sets_progress(self.question, self.left(finished(store))) as advance:
                found = self.simulate(progress=advance, store=store)
            if store is not None:
                files = in_bytes(self.files(found))
                store.finish(beside_others(store.folder, self.analysis, files))
        return found


class ResumableResult(StoredResult, Generic[Found]):
    """The results of such an analysis; of those read back from files the analysis is None."""

    def __init__(self, scenario: Scenario, analysis: Resumable[Found] | None, found: Found) -> None:
        super().__init__(scenario)
        self._analysis = analysis
        self._found = found

    @abstractmethod
    def _files(self) -> Mapping[str, str | bytes]:
        """Return the contents of the files by name, without the manifest."""

    def files(self) -> Mapping[str, str | bytes]:
        """Return the contents of the files by name; the manifest only where it was computed here."""
        found = in_bytes(self._files())
        if self._analysis is None:
            return found
        return {**found, MANIFEST: manifest_text(self._analysis.manifest(), found)}
