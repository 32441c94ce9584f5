"""The command line: thin commands that import what they need when they run."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import click

from sim import __version__
from sim.errors import UserError

if TYPE_CHECKING:
    from sim.study.question import Question
    from sim.study.simulation import Sink

PROGRAM: Final = "blinsim"
EXIT_USER_ERROR: Final = 2
EXIT_INTERRUPTED: Final = 130
MOST_THREADS: Final = 1024
Engine = Literal["core", "reference"]
MOST_PATIENTS: Final = 10**9
LARGEST_SEED: Final = 2**64 - 1
"""As in a scenario, whose schema would be slow to import here."""


class _Mistake(click.ClickException):
    """A user's mistake, as click reports it: one line on standard error, exit code 2."""

    exit_code = EXIT_USER_ERROR

    def show(self, file: Any = None) -> None:  # noqa: ANN401 - click's own signature
        """Print the message on one line, whatever a file name may hold."""
        message = " ".join(self.format_message().splitlines())
        click.echo(f"error: {message}", file=file, err=True)


class _Commands(click.Group):
    """The commands, with the end of every one of them that does not end well."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own signature
        """Run the command; turn a `UserError` into its message and an interrupt into 130."""
        try:
            result = super().invoke(ctx)
            # A reader that has gone away is noticed here, not while Python shuts down.
            sys.stdout.flush()
            return result
        except UserError as error:
            raise _Mistake(str(error)) from None
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            ctx.exit(EXIT_INTERRUPTED)


_scenario_argument = click.argument("scenario", type=click.Path(path_type=Path))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name=PROGRAM)
def commands() -> None:
    """Simulate adults with relapsed or refractory B-cell ALL, patient by patient.

    A SCENARIO is a YAML file that says which patients, which strategies and whose costs.
    """


@commands.command()
@_scenario_argument
@click.option(
    "--patients",
    metavar="N",
    type=click.IntRange(1, MOST_PATIENTS),
    help="Patients under each strategy, instead of the scenario's number.",
)
@click.option(
    "--seed",
    metavar="S",
    type=click.IntRange(0, LARGEST_SEED),
    help="Seed of the random numbers, instead of the scenario's.",
)
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Write tables, summary, provenance and citations into this folder.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON and nothing else.")
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
@click.option(
    "--threads",
    metavar="T",
    type=click.IntRange(1, MOST_THREADS),
    help="Threads of the core engine; results do not depend on it.",
)
def run(
    scenario: Path,
    patients: int | None,
    seed: int | None,
    out: Path | None,
    as_json: bool,
    trace: int,
    patients_out: Path | None,
    engine: Engine,
    threads: int | None,
) -> None:
    """Simulate SCENARIO and print its answer.

    Every patient lives under every strategy, with the same luck. Each result has its Monte
    Carlo standard error. The same scenario, seed and version give the same files, byte for byte.
    """
    from sim.report import files, text
    from sim.report.progress import patients_progress
    from sim.report.trace import lines
    from sim.study.question import ask
    from sim.study.simulation import KEPT_AT_MOST
    from sim.study.simulation import run as simulate
    from sim.study.summary import summarise

    question = ask(scenario, patients=patients, seed=seed)
    if out is not None:
        files.check_output(out)
    try:
        with (
            patients_progress(question.patients * len(question.model.strategies)) as advance,
            _patients_sink(patients_out, question) as sink,
        ):
            simulation = simulate(
                question,
                engine=engine,
                trace=trace,
                keep_patients=question.patients <= KEPT_AT_MOST,
                threads=threads,
                progress=advance,
                sink=sink,
            )
        summary = summarise(simulation)
    except MemoryError:
        raise UserError(
            "needs more memory than there is", key="patients", value=question.patients
        ) from None
    if out is not None:
        files.write(simulation, summary, out)
    if as_json:
        click.echo(files.summary_json(simulation, summary), nl=False)
        return
    console = text.console_for(sys.stdout.isatty())
    text.print_answer(console, simulation, summary)
    for traced in sorted(simulation.traces, key=lambda each: each.patient.number):
        text.print_lines(console, ["", *lines(traced, question.perspective.currency)])
    if out is not None:
        text.print_lines(console, [f"Files: {out}"])


def _patients_sink(path: Path | None, question: Question) -> AbstractContextManager[Sink | None]:
    if path is None:
        return nullcontext()
    from sim.report.patients import PatientsFile

    return PatientsFile(path, tuple(arm.name for arm in question.model.strategies))


@commands.command()
@_scenario_argument
def check(scenario: Path) -> None:
    """Say whether SCENARIO is valid, and if not, where and why."""
    from sim.scenario.loading import load_scenario

    question = load_scenario(scenario).scenario
    count = len(question.strategies)
    click.echo(
        f"{scenario}: fine — {count} {'strategy' if count == 1 else 'strategies'}, "
        f"{question.patients:,} patients of {question.population}, {question.perspective}"
    )


@commands.command()
@_scenario_argument
def show(scenario: Path) -> None:
    """Print SCENARIO with every default filled in and the origin of every value."""
    from sim.catalog import load_catalogue
    from sim.scenario.listing import listing, perspective_values
    from sim.scenario.loading import load_scenario

    catalogue = load_catalogue()
    loaded = load_scenario(scenario, catalogue)
    perspective = catalogue.perspectives[loaded.scenario.perspective]
    click.echo(listing(loaded, perspective_values(loaded, perspective)), nl=False)


@commands.command()
@click.argument("filter_text", metavar="[FILTER]", required=False)
@click.option(
    "--scenario",
    type=click.Path(path_type=Path),
    help="Only the parameters that this scenario uses, with its own values.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values.")
def parameters(filter_text: str | None, scenario: Path | None, as_csv: bool) -> None:
    """List the numbers of the model with their sources.

    FILTER keeps those that have this text in their name, label, source or status.
    """
    from sim.report.parameter_table import show_parameters

    show_parameters(filter_text, scenario, as_csv)


def main() -> None:
    """Run the command that the command line asks for, and leave with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A terminal or pipe in an old encoding must not end a run.
            stream.reconfigure(errors="backslashreplace")
    commands(prog_name=PROGRAM)
