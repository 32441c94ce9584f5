"""The command of a function: its answer is printed, or written as JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from sim import registry
from sim.analyses.shared.arguments import PartDone, arguments_of
from sim.commands.file_options import ALSO, FileOption
from sim.commands.options import Function, help_of, options_of, value_given

if TYPE_CHECKING:
    from sim.analyses.shared.result import Result

EXIT_FAILED: Final = 1
RESUMABLE: Final = "finished work is stored; continue with --resume"


def derived(command: registry.Command) -> click.Command:
    """Return the command of a function, or the one that was made by hand."""
    function = command.imported()
    if isinstance(function, click.Command):
        return function
    params, text = options_of(function), help_of(function)
    if command.result is not None:
        return _analysis(command.name, function, params, text)
    return click.Command(
        command.name, callback=partial(_called, function), params=params, help=text
    )


def _analysis(
    name: str, function: Function, params: list[click.Parameter], text: str
) -> click.Command:
    """Return the command of a function that returns a `Result`."""
    also = ALSO.get(name)
    if also is not None:
        params.append(also.option)
    said = "Print the summary as JSON and nothing else."
    params.append(click.Option(["--json", "as_json"], is_flag=True, help=said))

    def answer(as_json: bool, **given: Any) -> None:  # noqa: ANN401
        file = None if also is None else given.pop(also.name)
        if also is not None and file is not None:
            also.check(file)
        is_stored = "resume" in given and given["out"] is not None
        with told_when_interrupted(RESUMABLE if is_stored else ""):
            try:
                found = _called(function, **given)
            except PartDone as done:
                click.echo(str(done), err=True)
                return
        _show(found, given["out"], also, file, as_json=as_json)
        if found.failed:
            click.get_current_context().exit(EXIT_FAILED)

    return click.Command(name, callback=answer, params=params, help=text)


def _called(function: Function, **given: Any) -> Any:  # noqa: ANN401
    """Call a function with the values of its options."""
    arguments = arguments_of(function)
    several = [value for each in arguments if each.takes_all for value in given[each.name]]
    named = {
        each.name: value_given(each, given[each.name]) for each in arguments if not each.takes_all
    }
    return function(*several, **named)


@contextmanager
def told_when_interrupted(message: str) -> Iterator[None]:
    """Tell a user who interrupts the work that what is finished is not lost."""
    try:
        yield
    except KeyboardInterrupt:
        if message:
            click.echo(message, err=True)
        raise


def _show(
    found: Result, out: Path | None, also: FileOption | None, file: Path | None, *, as_json: bool
) -> None:
    """Print the answer, and where its files are."""
    from sim.layout.text import console_for, print_lines

    for note in found.notes:
        click.echo(f"note: {note}", err=True)
    console = console_for(sys.stdout.isatty())
    if as_json:
        click.echo(found.json(), nl=False)
    else:
        found.print_to(console)
    places = {} if out is None else {"Files": out}
    if also is not None and file is not None:
        also.write(file, found, out)
        places = {also.name.capitalize(): file, **places}
    if not as_json:
        print_lines(console, [f"{what}: {path}" for what, path in places.items()])
