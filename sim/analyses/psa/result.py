"""``psa``: answer a scenario under the uncertainty of its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

import pandas as pd

from sim.analyses.psa import tables as psa_figures
from sim.analyses.psa import tables as psa_files
from sim.analyses.psa import text as psa_text
from sim.analyses.psa.acceptability import acceptability_curves
from sim.analyses.psa.analysis import Answer, Size, Work, answer, choose_size, results
from sim.analyses.shared.arguments import (
    Cached,
    Draws,
    Option,
    Out,
    PatientsPerDraw,
    Positive,
    Seed,
    Threads,
    checked,
)
from sim.analyses.shared.result import StoredResult
from sim.analyses.shared.results import MANIFEST, draws_table, manifest, manifest_text
from sim.analyses.shared.scenario import Asked, Scenario, asked
from sim.analyses.shared.store import Chunks, check_unfinished, opened
from sim.analyses.shared.stored import Stored
from sim.errors import UserError
from sim.files.results_folder import beside_others
from sim.layout.progress import patients_progress
from sim.layout.run_tables import inputs_table
from sim.limits import LARGEST_AMOUNT
from sim.simulation.question import Question

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.console import Console


class PsaResult(StoredResult):
    """Outcomes under draws of the uncertain parameters, and the decision under them.

    Figures are ``acceptability``, the curves with their frontier, ``plane``, the
    cost-effectiveness plane, and ``expected_loss``.
    """

    COMMAND = "psa"
    FILES = psa_files.NAMES
    FIGURES = (psa_figures.CURVES, psa_figures.PLANE, psa_figures.LOSSES)

    def __init__(self, scenario: Scenario, found: Answer) -> None:
        super().__init__(scenario)
        self._answer = found

    @classmethod
    def _read(cls, scenario: Scenario, stored: Stored) -> Self:
        return cls(scenario, psa_files.read_answer(stored))

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """The tables by the name of their file, without its suffix."""
        psa = self._answer.psa
        return {
            "psa": draws_table(psa),
            "deterministic": psa.deterministic,
            "psa_inputs": psa_files.drawn_table(psa),
            psa_figures.CURVES: acceptability_curves(psa),
            "inputs": inputs_table(psa.question),
        }

    @property
    def draws(self) -> pd.DataFrame:
        """Outcomes of every strategy in every draw, as in psa.parquet.

        Columns ``draw``, ``strategy``, a column per outcome of summary.json, its Monte Carlo error
        in ``se:OUTCOME``, and the drawn value of each parameter in ``parameter:NAME``.
        """
        return draws_table(self._answer.psa)

    @property
    def parameters(self) -> pd.DataFrame:
        """How each uncertain parameter was drawn, as in psa_inputs.csv: `sim.analyses.psa.tables.DRAWN`."""
        return psa_files.drawn_table(self._answer.psa)

    @property
    def ceac(self) -> pd.DataFrame:
        """Acceptability curves and expected losses over thresholds: `sim.analyses.psa.acceptability.CURVES`."""
        return acceptability_curves(self._answer.psa)

    def files(self) -> Mapping[str, str | bytes]:
        """Return the contents of the files by name."""
        psa = self._answer.psa
        asked = manifest(psa.question, psa.draws, psa.base_patients)
        found = psa_files.psa_files(self._answer)
        return {**found, MANIFEST: manifest_text(asked, found)}

    def json(self) -> str:
        """Return the summary as JSON text."""
        return psa_files.psa_json(self._answer)

    def _print(self, console: Console) -> None:
        """Print the answer."""
        psa_text.print_psa(console, self._answer)

    def _draw(self, name: str) -> Figure:
        if len(self.scenario.strategies) == 1:
            raise UserError("needs a strategy beside the comparator", key="strategies")
        return psa_figures.drawn_psa(self._answer.psa)[name]


@checked
def psa(
    scenario: Asked,
    *,
    draws: Draws = None,
    patients: PatientsPerDraw = None,
    se: Annotated[float | None, Option("S", Positive(LARGEST_AMOUNT))] = None,
    seed: Seed = None,
    out: Out = None,
    resume: bool = False,
    cached: Cached = True,
    threads: Threads = None,
) -> PsaResult:
    """Run a probabilistic sensitivity analysis: the answer under the uncertainty of the inputs.

    Each draw gives every uncertain parameter a value from its distribution and simulates patients
    of its own, the same under each strategy. The variance between draws is split into uncertainty
    and Monte Carlo noise, and intervals are given without the noise.

    Parameters
    ----------
    scenario
        The question, or the path of its file; its own number of patients does not matter.
    draws
        Draws of the uncertain parameters; chosen by a small pilot unless given.
    patients
        Patients of each draw under each strategy. Unless they are given, a small pilot chooses the
        number that takes least work or, with ``draws``, leaves 5 % Monte Carlo noise.
    se
        Wanted standard error of the mean net monetary benefit at the middle threshold, in
        currency; by default 2.5 % of its standard deviation between draws.
    seed, out, resume, threads
        As for `tornado`.
    cached
        Use cached results, and cache these.

    Raises
    ------
    UserError
        When an argument is not allowed, or the folder cannot be used.

    Examples
    --------
    >>> from sim import Scenario, psa
    >>> scenario = Scenario.load("scenarios/first_salvage.yaml")
    >>> found = psa(scenario, draws=10, patients=50, cached=False)
    >>> found.draws.groupby("strategy", sort=False).size().to_dict()
    {'salvage_chemotherapy': 10, 'blinatumomab': 10}
    """
    chosen = asked(scenario, seed=seed)
    folder = None if out is None else Path(out)
    question = chosen.question
    _check_folder(folder, resume=resume)
    work = Work(threads, cached=cached, bar=patients_progress)
    size = chosen_size(question, work, draws=draws, patients=patients, se=se)
    return PsaResult(chosen, _answered(question, size, work, folder, resume=resume))


def _answered(
    question: Question, size: Size, work: Work, folder: Path | None, *, resume: bool
) -> Answer:
    """Return the answer, with its files in the folder if there is one."""
    asked = replace(question, patients=size.patients)
    with _chunks(asked, size.draws, folder, resume=resume) as chunks:
        found = answer(results(asked, size.draws, work, chunks=chunks), size.planned)
        if chunks is not None:
            chunks.finish(
                beside_others(chunks.folder, PsaResult.COMMAND, psa_files.psa_files(found))
            )
    return found


def _check_folder(folder: Path | None, *, resume: bool) -> None:
    """Refuse a folder that cannot take the results, or none where one is to be continued."""
    if folder is not None:
        check_unfinished(folder, psa_files.NAMES, resume=resume)
    elif resume:
        raise UserError("needs the folder of the unfinished results: give --out", key="--resume")


def chosen_size(
    question: Question,
    work: Work,
    *,
    draws: int | None,
    patients: int | None,
    se: float | None = None,
) -> Size:
    """Return the numbers of draws and patients, chosen where they are None.

    Raises
    ------
    UserError
        When a standard error is wanted although both are given, or it cannot be reached.
    """
    return choose_size(question, work, draws=draws, patients=patients, se=se)


def _chunks(
    question: Question, draws: int, folder: Path | None, *, resume: bool
) -> AbstractContextManager[Chunks | None]:
    if folder is None:
        return nullcontext()
    asked = manifest(question, draws, question.scenario.patients)
    return opened(folder, asked, psa_files.NAMES, resume=resume)
