"""The exports that are one document: what they need beside the draws, and their bytes."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Final

from sim.analyses.export.chapters import Material, written
from sim.analyses.export.draws import DrawTables
from sim.analyses.export.unit_costs import cost_parts
from sim.analyses.export.workbook import workbook
from sim.analyses.psa.analysis import Work, results
from sim.analyses.psa.result import SUMMARY, PsaResult
from sim.analyses.run.result import RunResult, run
from sim.analyses.shared.result import Result, StoredResult
from sim.analyses.shared.scenario import Scenario
from sim.analyses.shared.stored import Stored
from sim.errors import UserError
from sim.files.documents import exists
from sim.files.results_folder import OF_A_RUN
from sim.registry import COMMANDS

TITLES: Final = {
    "price": "Price that meets each threshold",
    "agreement": "Managed entry agreements",
    "trial": "Value of a trial",
    "severity": "Severity of the condition",
    "budget": "Budget impact",
    "voi": "Value of information",
    "tornado": "One-way sensitivity analysis",
    "twoway": "Two-way sensitivity analysis",
    "threshold": "Threshold analysis",
    "sobol": "Variance-based sensitivity analysis",
    "morris": "Screening of the inputs",
    "what-if": "What if",
}
"""Titles of the analyses that the document shows where they lie in the folder of results."""


def office_file(
    to: str, scenario: Scenario, draws: DrawTables, folder: Path | None, work: Work
) -> bytes:
    """Return the bytes of the document of an export.

    Parameters
    ----------
    to
        ``excel`` or ``word``.
    scenario, draws
        The question and its draws.
    folder
        Of results, if there is one; a run that it lacks is written into it.
    work
        How to work.

    Raises
    ------
    UserError
        When the run in the folder is of other patients than the base case of the draws, or a file is
        broken.
    """
    ran = _run(scenario, draws, folder, work.threads)
    if to == "word":
        more = [] if folder is None else list(_others(scenario, folder))
        return written(Material(draws, ran, PsaResult(scenario, draws.answer), more))
    psa = draws.psa
    parts = cost_parts(
        scenario,
        psa,
        lambda each: results(each, psa.draws, work, base_patients=psa.base_patients),
    )
    return workbook(draws, parts, ran.tables)


def _run(
    scenario: Scenario, draws: DrawTables, folder: Path | None, threads: int | None
) -> RunResult:
    """Return the run in a folder of results, or run the patients of the base case."""
    patients, seed = draws.psa.base_patients, draws.psa.question.seed
    same = scenario.with_(patients=patients, seed=seed)
    if folder is None:
        return run(same, threads=threads)
    if not exists(folder / OF_A_RUN):
        return run(same, out=folder, threads=threads)
    found = RunResult.read(same, folder)
    if (found.summary["patients"], found.summary["seed"]) != (patients, seed):
        raise UserError(
            f"is a run of other patients than the base case of {SUMMARY}, {patients:,} with seed "
            f"{seed}; write one of them again",
            file=folder / OF_A_RUN,
        )
    return found


def _others(scenario: Scenario, folder: Path) -> Iterator[tuple[str, Result]]:
    """Yield the other analyses of the question in a folder of results, each with its title."""
    for command in COMMANDS:
        if command.name not in TITLES:
            continue
        kind: type[StoredResult] = getattr(
            import_module(f"sim.{command.module}"), str(command.result)
        )
        file = kind.STORED or f"{kind.ANALYSIS or kind.COMMAND}.json"
        if exists(folder / file) and Stored(folder, file, scenario.question).is_current:
            yield TITLES[command.name], kind.read(scenario, folder)
