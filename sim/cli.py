"""The command line: commands that import their modules when they run."""

from __future__ import annotations

import gc
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Any, Final

import click

from sim import registry
from sim.errors import UserError, nearest
from sim.version import __version__

PROGRAM: Final = "blinsim"
EXIT_USER_ERROR: Final = 2
EXIT_INTERRUPTED: Final = 130
QUOTE: Final = "'"
COLLECT_EVERY: Final = 200_000
"""Objects made between two searches for unreachable ones; Python's own 700 are for less memory."""
COMMANDS: Final = {command.name: command for command in registry.COMMANDS}
ALIASES: Final = {"scenarios": "what-if"}
"""Former names of commands, which still work."""


class _Mistake(click.ClickException):
    """A user's mistake, as click reports it: one line on standard error, exit code 2."""

    exit_code = EXIT_USER_ERROR

    def show(self, file: Any = None) -> None:  # noqa: ANN401 - click's own signature
        """Print the message on one line, whatever a file name may hold."""
        message = " ".join(self.format_message().splitlines())
        click.echo(f"error: {message}", file=file, err=True)


def _of_usage(error: click.UsageError) -> _Mistake:
    """Return a mistake in the command line as one line that names the option and the help."""
    message = error.format_message()
    if isinstance(error, click.BadParameter) and error.param is not None and error.message:
        # click's message about a value that it cannot read names its own types.
        said = re.sub("a valid integer( range)?", "a whole number", error.message)
        said = re.sub("a valid float( range)?", "a number", said)
        message = f"{error.param.get_error_hint(error.ctx).replace(QUOTE, '')}: {said}"
    asked = error.ctx.command_path if error.ctx else PROGRAM
    return _Mistake(f"{message.rstrip('.')}; see {asked} --help")


@contextmanager
def _usage_in_one_line() -> Iterator[None]:
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        raise _of_usage(error) from None


class _Commands(click.Group):
    """The commands, with the handling of their errors.

    A command's module is imported when the command runs, so that help is quick.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order of `COMMANDS`."""
        return list(COMMANDS)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; for an unknown one, name the nearest."""
        if args[0] not in {*COMMANDS, *ALIASES} and not args[0].startswith("-"):
            close = nearest(args[0], COMMANDS)
            meant = "" if close is None else f"; did you mean '{close}'?"
            ctx.fail(f"No such command '{args[0]}'{meant}")
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return a command, or None when there is none of this name."""
        name = ALIASES.get(cmd_name, cmd_name)
        if name not in COMMANDS:
            return None
        # Imported here, so that help is quick.
        from sim.commands.derived import derived

        return derived(COMMANDS[name])

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(command.name, command.help) for command in COMMANDS.values()])

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,  # noqa: ANN401 - click's own signature
    ) -> click.Context:
        """Read the options before the command; report mistakes in them on one line."""
        with _usage_in_one_line():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own signature
        """Run the command; turn a `UserError` into its message and an interrupt into 130."""
        try:
            with _usage_in_one_line():
                result = super().invoke(ctx)
            # A closed pipe is noticed here, not while Python shuts down.
            sys.stdout.flush()
            return result
        except UserError as error:
            raise _Mistake(str(error.original)) from None
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            ctx.exit(EXIT_INTERRUPTED)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name=PROGRAM)
def commands() -> None:
    """Simulate adults with relapsed or refractory B-cell ALL, patient by patient.

    A SCENARIO is a YAML file that says which patients, which strategies and whose costs.
    """


def main() -> None:
    """Run the command of the command line, and exit with its code."""
    # The start of a run makes a million objects that all stay: searching them takes a tenth of it.
    gc.set_threshold(COLLECT_EVERY)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A terminal or pipe in an old encoding must not end a run.
            stream.reconfigure(errors="backslashreplace")
    try:
        commands(prog_name=PROGRAM)
    finally:
        # The process ends: no remaining object needs to be searched once more.
        gc.freeze()
