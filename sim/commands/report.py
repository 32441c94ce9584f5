"""``report``: a scenario's results as one HTML file."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import click

from sim.analyses.shared.arguments import Option, Patients, Seed, Threads, named
from sim.errors import UserError

if TYPE_CHECKING:
    from sim.analyses.shared.scenario import Scenario

ALL: Final = "all"
USUAL: Final = ("psa", "tornado", "voi", "price", "explain", "what-if", "verify")
"""Analyses that ``all`` stands for."""
KINDS: Final = (
    *(*USUAL, "agreement", "severity", "budget", "threshold", "twoway"),
    *("trial", "sobol", "morris", "capacity"),
)
DRAWN_ANEW: Final = ("psa", "tornado", "voi", "price")
"""Analyses whose figures the report draws itself, from their tables."""
OUT: Final = "--out"
TYPICAL: Final = (
    "no other patient's differences in cost and QALYs are nearer to the mean differences"
)
"""What is true of the patient whose lives are told."""


def report(
    scenario: Path,
    *,
    folder: Annotated[Path | None, Option("DIR", named, "from")] = None,
    out: Annotated[Path | None, Option("FILE.html")] = None,
    figures: Annotated[Path | None, Option("DIR")] = None,
    kinds: Annotated[str | None, Option("A,B", name="with")] = None,
    patients: Patients = None,
    seed: Seed = None,
    threads: Threads = None,
) -> None:
    """Write the results of SCENARIO as one HTML file that needs nothing else.

    The answer first: a sentence, three numbers and how far to trust them; then question, results,
    uncertainty and the changes that would flip it, with every input and its source. An analysis that
    was not run is named with the command that runs it; --with all runs the usual ones, in about two
    minutes.

    Parameters
    ----------
    folder
        Folder of results, as run and the analyses write them with --out, all into the same one.
        Without it the scenario is run.
    out
        The report; by default the scenario's name with .html, in this folder.
    figures
        Write every figure as SVG, PNG and PDF into this folder.
    kinds
        Analyses to run too: any of psa, tornado, voi, price, explain, what-if, verify, agreement,
        severity, budget, threshold, twoway, trial, sobol, morris, capacity, or all for the first 7.
        threshold varies the price of a vial, twoway the two inputs at the top of tornado. With
        --from those that the folder lacks are run and written into it.
    patients, seed, threads
        As for `run`.
    """
    from sim.analyses.shared.scenario import asked
    from sim.files.results_folder import check_file, check_folder

    path = Path(f"{scenario.stem}.html") if out is None else out
    if folder is not None and (patients is not None or seed is not None):
        raise UserError(
            "reads results that are there; --patients and --seed are for a new run",
            key="--from",
            value=str(folder),
        )
    check_file(path, OUT)
    if figures is not None:
        check_folder(figures, ())
    wanted = _wanted(kinds or "")
    question = asked(scenario, patients=patients, seed=seed)
    _check_kinds(question, wanted)
    options = _options({"--from": folder, OUT: out, "--patients": patients, "--seed": seed})
    with _results(question, folder, wanted, threads, printed=figures is not None) as place:
        write_report(question.question, place, path, figures, options)
    click.echo(f"Report: {path}")
    if figures is not None:
        click.echo(f"Figures: {figures}")
    left = [kind for kind in USUAL if kind not in wanted]
    if folder is None and left:
        click.echo(f"Left out, and named in the report: {','.join(left)}. Everything: --with {ALL}")


def _wanted(kinds: str) -> tuple[str, ...]:
    """Return the analyses of a list with commas, in the order of `KINDS`."""
    asked = [part.strip() for part in kinds.split(",") if part.strip()]
    for kind in asked:
        if kind not in (*KINDS, ALL):
            raise UserError("no such analysis", key="--with", value=kind, choices=(*KINDS, ALL))
    wanted = {*asked, *(USUAL if ALL in asked else ())}
    return tuple(kind for kind in KINDS if kind in wanted)


def _check_kinds(scenario: Scenario, kinds: Sequence[str]) -> None:
    """Refuse analyses that the scenario or its perspective has no numbers for, before any work."""
    if "severity" in kinds:
        from sim.analyses.severity.analysis import levels_for

        levels_for(scenario.question)
    if "budget" in kinds:
        from sim.analyses.budget.analysis import plan_of

        plan_of(scenario.question)
    if "capacity" in kinds:
        from sim.analyses.capacity.result import beds_asked

        beds_asked(scenario.question, None)


def _options(given: dict[str, Path | int | None]) -> tuple[str, ...]:
    """Return the options that were given, for the command lines in the report."""
    from sim.report.results import place

    return tuple(
        part
        for name, value in given.items()
        if value is not None
        for part in (name, place(value) if isinstance(value, Path) else str(value))
    )


@contextmanager
def _results(
    scenario: Scenario,
    folder: Path | None,
    kinds: Sequence[str],
    threads: int | None,
    *,
    printed: bool,
) -> Iterator[Path]:
    """Yield a folder of results with these analyses: the given one, or one for the time being.

    Of the latter nobody sees the figures but those in the report and, `printed`, those beside it.
    """
    import sim
    from sim.layout.figure_file import FORMATS, only_formats
    from sim.report.results import read_results

    if folder is not None:
        if kinds:
            results = read_results(folder, scenario.question)
            # In the patients of its run.
            same = scenario.with_(patients=results.question.patients, seed=results.question.seed)
            lacked = [kind for kind in kinds if not _is_there(results, kind)]
            _write_analyses(same, folder, lacked, threads)
        yield folder
        return
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary) / "results"
        base = sim.run(scenario, threads=threads)
        base.write_for_report(place)
        taken = FORMATS if printed else ("svg",)
        for kind in kinds:
            formats = () if kind in DRAWN_ANEW else taken
            with base.counts_known(), only_formats(*formats):
                _write_analyses(scenario, place, [kind], threads)
        yield place


def _is_there(results: Any, kind: str) -> bool:  # noqa: ANN401
    from sim.analyses.what_if.analysis import FILES_OF
    from sim.layout.schema import read_json

    path = results.folder / f"{FILES_OF if kind == 'what-if' else kind}.json"
    return path.exists() and bool(results.belongs(read_json(path)))


def _write_analyses(
    scenario: Scenario, folder: Path, kinds: Sequence[str], threads: int | None
) -> None:
    """Run analyses into a folder, those that make no sense for the scenario left out.

    Numbers of draws and patients are chosen by a pilot; analyses of draws share them.
    """
    import sim
    from sim.report.prices import regimens_with_vials

    question = scenario.question
    drugs = regimens_with_vials(question)[:1]
    for kind in kinds:
        if kind == "explain":
            _write_patient(scenario, folder, threads)
        elif kind == "price":
            for drug in drugs:
                sim.price(scenario, drug, threads=threads).write(folder)
        elif kind == "threshold":
            for drug in drugs:
                sim.threshold(scenario, f"cost.{drug}.vial", threads=threads).write(folder)
        elif kind == "twoway":
            for x, y in _widest(scenario, folder, threads):
                sim.twoway(scenario, x, y, threads=threads).write(folder)
        elif kind == "agreement":
            if scenario.agreements:
                sim.agreement(scenario).write(folder)
        elif kind == "capacity":
            # Its patients share one calendar, which is simulated in one thread.
            sim.capacity(scenario).write(folder)
        elif kind != "what-if" or question.loaded.scenario.what_ifs:
            analysis = getattr(sim, kind.replace("-", "_"))
            analysis(scenario, threads=threads).write(folder)


def _widest(scenario: Scenario, folder: Path, threads: int | None) -> Iterator[tuple[str, str]]:
    """Yield the two inputs that move the answer most, where there are two."""
    import sim

    path = folder / "tornado.json"
    summary = (
        json.loads(path.read_text(encoding="utf-8"))
        if path.exists()
        else sim.tornado(scenario, threads=threads).summary
    )
    names = [bar["parameter"] for bar in summary["bars"] if bar["group"] == "parameter"]
    if len(names) > 1:
        yield names[0], names[1]


def _write_patient(scenario: Scenario, folder: Path, threads: int | None) -> None:
    """Write the lives of the patient whose differences are nearest to the mean ones."""
    from sim import ExplainResult
    from sim.analyses.explain.result import typical_patient
    from sim.replay.replay import replay
    from sim.replay.search import Found
    from sim.simulation.run import KEPT_AT_MOST, run

    question = scenario.with_(patients=min(scenario.patients, KEPT_AT_MOST)).question
    simulation = run(question, threads=threads)
    number = typical_patient(simulation.arms, scenario.comparator)
    chosen = Found(TYPICAL, (number,), question.patients)
    lives = replay(scenario.question, number)
    ExplainResult(scenario, lives, chosen, entries=False).write(folder)


def write_report(
    question: Any,  # noqa: ANN401
    folder: Path,
    path: Path,
    figures: Path | None,
    options: Sequence[str] = (),
) -> None:
    """Write the report on a folder of results, and its figures on request.

    `options` are for the command lines in it, as for `sim.report.page.page`.
    """
    from sim.files.results_folder import write_file, write_folder
    from sim.report.page import figure_files, page
    from sim.report.results import read_analyses, read_results

    results = read_results(folder, question)
    analyses = read_analyses(results)
    if figures is not None:
        files = dict(figure_files(results, analyses))
        write_folder(figures, files, tuple(files))
    write_file(path, page(results, analyses, options), OUT)
