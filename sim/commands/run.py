"""``run``: simulate a scenario and print its answer."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import click

from sim.commands.options import (
    json_option,
    out_option,
    patients_option,
    scenario_argument,
    seed_option,
    threads_option,
)
from sim.errors import UserError

if TYPE_CHECKING:
    from sim.study.question import Question
    from sim.study.simulation import Sink

REPORT: Final = "--report"
Engine = Literal["core", "reference"]


@click.command()
@scenario_argument
@patients_option
@seed_option
@out_option
@json_option
@click.option(
    REPORT,
    metavar="FILE.html",
    type=click.Path(path_type=Path),
    help="Write the results as one HTML file, with the analyses that lie in the folder of --out.",
)
@click.option(
    "--trace",
    metavar="K",
    type=click.IntRange(min=0),
    default=0,
    help="Print log and ledger of the first K patients under each strategy.",
)
@click.option(
    "--patients-out",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write every patient's outcome and amounts into this Parquet file.",
)
@click.option(
    "--engine",
    type=click.Choice(["core", "reference"]),
    default="core",
    show_default=True,
    help="The compiled engine, or the specification that it agrees with.",
)
@threads_option
def run(
    scenario: Path,
    patients: int | None,
    seed: int | None,
    out: Path | None,
    as_json: bool,
    report: Path | None,
    trace: int,
    patients_out: Path | None,
    engine: Engine,
    threads: int | None,
) -> None:
    """Simulate SCENARIO and print its answer.

    Every patient lives under every strategy, with the same luck. Each result has its Monte
    Carlo standard error. The same scenario, seed and version give the same files, byte for byte.
    """
    from sim.commands.report import write_report
    from sim.report import files, text
    from sim.report.progress import patients_progress
    from sim.report.single_file import check_file
    from sim.report.trace import lines
    from sim.study.flow import Flow
    from sim.study.question import ask
    from sim.study.simulation import KEPT_AT_MOST
    from sim.study.simulation import run as simulate
    from sim.study.summary import summarise

    question = ask(scenario, patients=patients, seed=seed)
    if out is not None:
        files.check_output(out)
    if report is not None:
        check_file(report, REPORT)
    flow = Flow(question) if out is not None or report is not None else None
    try:
        with (
            patients_progress(question.patients * len(question.model.strategies)) as advance,
            _patients_sink(patients_out, question) as sink,
        ):
            sinks = [each for each in (sink, flow) if each is not None]
            simulation = simulate(
                question,
                engine=engine,
                trace=trace,
                keep_patients=question.patients <= KEPT_AT_MOST,
                threads=threads,
                progress=advance,
                sink=_together(sinks) if sinks else None,
            )
        summary = summarise(simulation)
    except MemoryError:
        raise UserError(
            "needs more memory than there is", key="patients", value=question.patients
        ) from None
    if out is not None:
        files.write(simulation, summary, out, flow)
    if report is not None:
        with _results_folder(
            out, lambda place: files.write(simulation, summary, place, flow)
        ) as place:
            write_report(question, place, report, None)
    if as_json:
        click.echo(files.summary_json(simulation, summary), nl=False)
        return
    console = text.console_for(sys.stdout.isatty())
    text.print_answer(console, simulation, summary)
    for traced in sorted(simulation.traces, key=lambda each: each.patient.number):
        text.print_lines(console, ["", *lines(traced, question.perspective.currency)])
    if out is not None:
        text.print_lines(console, [f"Files: {out}"])
    if report is not None:
        text.print_lines(console, [f"Report: {report}"])


@contextmanager
def _results_folder(out: Path | None, write: Callable[[Path], None]) -> Iterator[Path]:
    """Yield the folder of the results, or where there is none a temporary one with them."""
    if out is not None:
        yield out
        return
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary) / "results"
        write(place)
        yield place


def _patients_sink(path: Path | None, question: Question) -> AbstractContextManager[Sink | None]:
    if path is None:
        return nullcontext()
    from sim.report.patients import PatientsFile

    return PatientsFile(path, tuple(arm.name for arm in question.model.strategies))


def _together(sinks: Sequence[Sink]) -> Sink:
    """Return one that gives each of the sinks every unit."""

    def take(*unit: Any) -> None:  # noqa: ANN401
        for sink in sinks:
            sink(*unit)

    return take
