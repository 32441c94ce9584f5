"""``export``: the draws and results of a scenario in the files that other programs read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache, partial
from importlib import import_module
from importlib.resources import files as package_files
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, get_args

from sim.analyses.export.document import Material, document_of
from sim.analyses.export.draws import (
    LONG,
    DrawTables,
    draw_tables,
    noise_note,
    print_export,
    readme,
)
from sim.analyses.export.unit_costs import cost_parts
from sim.analyses.export.workbook import workbook
from sim.analyses.psa.analysis import Answer, Work, answer, results
from sim.analyses.psa.result import SUMMARY, PsaResult, chosen_size, psa, read_answer
from sim.analyses.run.result import RunResult, run
from sim.analyses.shared.arguments import (
    Cached,
    Draws,
    Option,
    Out,
    PatientsPerDraw,
    Seed,
    Threads,
    checked,
    named,
    rename_options,
)
from sim.analyses.shared.result import Result, ScenarioResult, StoredResult, written
from sim.analyses.shared.scenario import Asked, Scenario, asked
from sim.analyses.shared.stored import SHARED, Stored, analysis_files, summary_json
from sim.errors import UserError
from sim.files.documents import exists
from sim.files.results_folder import OF_A_RUN, check_folder, write_analysis
from sim.layout.progress import patients_progress
from sim.layout.schema import in_csv, records
from sim.registry import COMMANDS

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console


To = Literal["savi", "bcea", "dampack", "voi", "hesim", "excel", "r", "word"]
ANALYSIS: Final = "export"
FROM: Final = "--from"
UNWRITTEN: Final = "nothing is written yet; give a folder with --out"
README: Final = "README.txt"
DRAWS: Final = ("parameters.csv", "costs.csv", "effects.csv", "columns.csv", "settings.csv")
COMMON: Final = (f"{ANALYSIS}.json", "noise.csv", README, *SHARED)
SCRIPTS: Final[Mapping[str, tuple[str, ...]]] = {
    "savi": ("draws.R", "r.R"),
    **{to: ("draws.R", f"{to}.R") for to in ("bcea", "dampack", "voi", "hesim", "r")},
}
"""The scripts in R of the exports that are draws."""
OFFICE: Final = {"excel": f"{ANALYSIS}.xlsx", "word": f"{ANALYSIS}.docx"}
"""The file of the exports that are one document."""
PACKAGES: Final = {"excel": ("xlsxwriter", "XlsxWriter"), "word": ("docx", "python-docx")}
"""The module and the package that writes each document."""


def names_of(to: str) -> tuple[str, ...]:
    """Return the names of the files of an export."""
    if to in OFFICE:
        return (OFFICE[to], *COMMON)
    long = (LONG.file,) if to == "hesim" else ()
    return (*DRAWS, *long, *SCRIPTS[to], *COMMON)


class ExportResult(ScenarioResult):
    """The draws of the uncertain parameters as other programs read them.

    Tables are ``parameters``, ``costs`` and ``effects``, one row a draw, ``columns``, which explains
    them, ``settings`` and ``noise``: `sim.analyses.export.draws`.
    """

    COMMAND = "export"
    FILES = tuple(dict.fromkeys(name for to in get_args(To) for name in names_of(to)))

    def __init__(
        self,
        scenario: Scenario,
        to: str,
        draws: DrawTables,
        document: Callable[[], bytes] | None = None,
    ) -> None:
        super().__init__(scenario)
        self._to = to
        self._draws = draws
        # Made when it is written: it may take as long as some analyses.
        self._document = document if document is None else cache(document)
        self._is_written = False

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """The tables by the name of their file, without its suffix."""
        found = dict(self._draws.tables())
        if self._to == "hesim":
            found["hesim"] = self._draws.long
        return found

    @property
    def notes(self) -> tuple[str, ...]:
        """Warnings: of much Monte Carlo noise in the draws, and of files that were not written."""
        said = noise_note(self._draws, self._to)
        noisy = () if said is None else (said,)
        return noisy if self._is_written else (*noisy, UNWRITTEN)

    def files(self) -> Mapping[str, str | bytes]:
        """Return the contents of the files by name."""
        question = self._draws.psa.question
        found = analysis_files(question, ANALYSIS, self._draws.noise, self._summary())
        found["noise.csv"] = found.pop(f"{ANALYSIS}.csv")
        found[README] = readme(self._draws, self._to)
        if self._document is not None:
            return {OFFICE[self._to]: self._document(), **found}
        scripts = package_files("sim.analyses.export") / "scripts"
        return {
            **{f"{name}.csv": in_csv(table) for name, table in self.tables.items()},
            **{name: (scripts / name).read_text("utf-8") for name in SCRIPTS[self._to]},
            **found,
        }

    @rename_options
    def write(self, folder: str | Path) -> None:
        """Write the files; those of an export for another program in the folder stay.

        Parameters and errors as for the other results.
        """
        write_analysis(Path(folder), ANALYSIS, self.files(), names_of(self._to))
        self._is_written = True

    def json(self) -> str:
        """Return the summary as JSON text."""
        return summary_json(self._draws.psa.question, ANALYSIS, self._summary())

    def _summary(self) -> dict[str, Any]:
        draws = self._draws
        return {
            "to": self._to,
            "draws": draws.psa.draws,
            "patients_of": "one draw",
            "parameters": len(draws.parameters.columns),
            "left_out": [each._asdict() for each in draws.left_out],
            "patients_for_little_noise": draws.quiet_patients,
            "noise": records(draws.noise),
            "files": sorted(names_of(self._to)),
        }

    def _print(self, console: Console) -> None:
        print_export(console, self._draws, self._to)


@checked
def export(
    scenario: Asked,
    *,
    to: To,
    from_: Annotated[str | Path | None, Option("DIR", named, "from")] = None,
    draws: Draws = None,
    patients: PatientsPerDraw = None,
    seed: Seed = None,
    out: Out = None,
    cached: Cached = True,
    threads: Threads = None,
) -> ExportResult:
    """Write the draws and results of a scenario in the files that other programs read.

    For SAVI, BCEA, dampack, voi, hesim and plain R they are the draws of the uncertain parameters
    with costs and effects, and a script; for Excel a workbook with live formulas; for Word a
    document in the order of CHEERS 2022. How much of the draws is Monte Carlo noise is stated.

    Parameters
    ----------
    scenario
        The question, or the path of its file.
    to
        The program that reads the files.
    from_
        Folder of results, as run and psa write them with ``out``. What it lacks is run and written
        into it. Without it everything is run.
    draws, patients, seed, cached, threads
        As for `psa`.
    out
        Write the files into this folder.

    Raises
    ------
    UserError
        When an argument is not allowed, a package is missing, the folder of results holds those of
        another question, or there is nothing to compare.

    Examples
    --------
    >>> from sim import Scenario, export
    >>> scenario = Scenario.load("scenarios/first_salvage.yaml").with_(patients=1000)
    >>> found = export(scenario, to="bcea", draws=5, patients=50, cached=False)
    >>> found.tables["costs"].columns.tolist()
    ['salvage_chemotherapy', 'blinatumomab']
    """
    check_package(to)
    if out is not None:
        check_folder(Path(out), names_of(to))
    chosen = asked(scenario, seed=seed)
    work = Work(threads, cached=cached, bar=patients_progress)
    folder = None if from_ is None else Path(from_)
    if folder is None:
        found = _new(chosen, work, draws, patients)
    else:
        found = _stored(chosen, folder, work, (draws, patients, seed))
    tables = draw_tables(found)
    document = partial(office_file, to, chosen, tables, folder, work) if to in OFFICE else None
    exported = ExportResult(chosen, to, tables, document)
    return written(exported, None if out is None else Path(out))


def check_package(to: str) -> None:
    """Refuse to start work for which the extra of the program is not installed.

    Raises
    ------
    UserError
        When it is not, with the command that installs it.
    """
    module, package = PACKAGES.get(to, ("sim", ""))
    if find_spec(module) is None:
        problem = f"needs {package}: python -m pip install 'blinsim[office]'"
        raise UserError(problem, key="--to", value=to)


def _new(scenario: Scenario, work: Work, draws: Draws, patients: PatientsPerDraw) -> Answer:
    question = scenario.question
    size = chosen_size(question, work, draws=draws, patients=patients)
    sized = replace(question, patients=size.patients)
    return answer(results(sized, size.draws, work), size.planned)


def _stored(scenario: Scenario, folder: Path, work: Work, options: tuple[object, ...]) -> Answer:
    """Return the analysis in a folder of results; where there is none, run it into the folder."""
    if any(option is not None for option in options):
        problem = (
            "reads results that are there; --draws, --patients and --seed are for a new analysis"
        )
        raise UserError(problem, key=FROM, value=str(folder))
    if not exists(folder) or not folder.is_dir():
        raise UserError("is not a folder of results", key=FROM, value=str(folder))
    if not exists(folder / SUMMARY):
        psa(scenario, out=folder, cached=work.cached, threads=work.threads)
    stored = Stored(folder, SUMMARY, scenario.question)
    stored.check()
    return read_answer(stored)


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
    """Return the bytes of the document of an export to ``excel`` or ``word``.

    A run that the folder of results lacks, if there is one, is written into it.

    Raises
    ------
    UserError
        When the run in the folder is of other patients than the base case of the draws, or a file is
        broken.
    """
    ran = _run(scenario, draws, folder, work.threads)
    if to == "word":
        more = [] if folder is None else list(_others(scenario, folder))
        return document_of(Material(draws, ran, PsaResult(scenario, draws.answer), more))
    psa = draws.psa
    again = partial(results, draws=psa.draws, work=work, base_patients=psa.base_patients)
    return workbook(draws, cost_parts(scenario, psa, again), ran.tables)


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
