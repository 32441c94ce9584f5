"""The command of a function: its options and help follow from the function's signature and docstring.

The first argument of the function is an argument of the command, every other one an option. The
answer of an analysis is printed, or written as JSON.
"""

from __future__ import annotations

import inspect
import math
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, get_args

import click

from sim import registry
from sim.analyses.shared.arguments import Argument, PartDone, Positive, Whole, arguments_of
from sim.errors import UserError
from sim.files.results_folder import check_file

if TYPE_CHECKING:
    from sim.analyses.explain.result import ExplainResult
    from sim.analyses.run.result import RunResult
    from sim.analyses.shared.result import Result

# The values of options are of any type, and so say click's own signatures.
# ruff: noqa: ANN401

EXIT_FAILED: Final = 1
RESUMABLE: Final = "finished work is stored; continue with --resume"
Function = Callable[..., Any]


def derived(command: registry.Command) -> click.Command:
    """Return the command of a function."""
    function = command.imported()
    params, text = options_of(function), _plain(_sections(function)[""], arguments_of(function))
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
        path = click.Path(path_type=Path)
        params.append(
            click.Option([f"--{also.name}"], type=path, metavar=also.metavar, help=also.help)
        )
    said = "Print the summary as JSON and nothing else."
    params.append(click.Option(["--json", "as_json"], is_flag=True, help=said))

    def answer(as_json: bool, **given: Any) -> None:
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


def _called(function: Function, **given: Any) -> Any:
    """Call a function with the values of its options."""
    arguments = arguments_of(function)
    several = [value for each in arguments if each.takes_all for value in given[each.name]]
    named = {
        each.name: value_given(each, given[each.name]) for each in arguments if not each.takes_all
    }
    return function(*several, **named)


def value_given(argument: Argument, value: Any) -> Any:
    """Return the value for the function from that of an option, or those of a repeated one."""
    if not argument.is_repeated:
        return value
    if not value:
        return argument.default
    if argument.origin is not Mapping:
        return value
    for name, number in Counter(name for name, _ in value).items():
        if number > 1:
            raise UserError(
                f"is the name of two {argument.name}", key=f"--{argument.option_name}", value=name
            )
    return dict(value)


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


class FileOption(NamedTuple):
    """An option with the path of one more file into which an analysis writes its answer.

    Attributes
    ----------
    name, metavar, help
        Of the option.
    check
        Refuses a path into which no file can be written, before the work.
    write
        Writes the file; called with its path, the answer, and the folder of ``--out`` or None.
    """

    name: str
    metavar: str
    help: str
    check: Callable[[Path], None]
    write: Callable[..., None]


def _check_figure(path: Path) -> None:
    from sim.layout.figure_file import OPTION, format_of

    format_of(path)
    check_file(path, OPTION)


def _write_figure(path: Path, found: ExplainResult, out: Path | None) -> None:  # noqa: ARG001
    from sim.layout.figure_file import write_figure

    write_figure(path, found.figure())


def _write_report(path: Path, found: RunResult, out: Path | None) -> None:
    from sim.commands.report import write_report

    with tempfile.TemporaryDirectory() as temporary:
        place = out or Path(temporary) / "results"
        if out is None:
            found.write_for_report(place)
        write_report(found.scenario.question, place, path, None)


ALSO: Final = {
    "run": FileOption(
        "report",
        "FILE.html",
        "Write the results as one HTML file, with the analyses that lie in the folder of --out.",
        partial(check_file, option="--report"),
        _write_report,
    ),
    "explain": FileOption(
        "figure",
        "FILE",
        "Draw the lives into this .svg, .png or .pdf file.",
        _check_figure,
        _write_figure,
    ),
}
"""By the name of the command."""

_HEADING: Final = re.compile(r"^(\w+)\n-+\n", re.MULTILINE)
_ENTRY: Final = re.compile(r"^(\S.*)\n((?:    .*\n|\n)*)", re.MULTILINE)
_ELSEWHERE: Final = re.compile(r"As for `(\w+)`\.")
_CODE: Final = re.compile(r"``([^`]+)``")


def options_of(function: Function) -> list[click.Parameter]:
    """Return the options of the command of a function."""
    arguments, told = arguments_of(function), _told(function)
    return [
        _parameter(argument, _plain(told.get(argument.name, ""), arguments), is_first=i == 0)
        for i, argument in enumerate(arguments)
    ]


def _parameter(argument: Argument, text: str, *, is_first: bool) -> click.Parameter:
    required = argument.default is inspect.Parameter.empty
    default = None if required else argument.default
    if bool in argument.kinds:
        off = f"/--no-{argument.option_name}" if default else ""
        declared = [f"--{argument.option_name}{off}", argument.name]
        return click.Option(
            declared, is_flag=True, default=default, show_default=bool(default), help=text
        )
    if is_first:
        # Names of files must be given; other names choose, and without them all are taken.
        needed = Path in argument.kinds if argument.takes_all else required
        nargs = -1 if argument.takes_all else 1
        own = {} if required or argument.takes_all else {"default": default}
        return click.Argument(
            [argument.name], type=_type_of(argument), nargs=nargs, required=needed, **own
        )
    default = argument.option.none or default
    # To click None is a default too, with which nothing would be required.
    given: dict[str, Any] = {} if required else {"default": default}
    return click.Option(
        [f"--{argument.option_name}", argument.name],
        type=_type_of(argument),
        metavar=_metavar(argument),
        multiple=argument.is_repeated,
        required=required,
        **given,
        show_default=default is not None,
        help=f"{text} May be repeated." if argument.is_repeated else text,
    )


def _type_of(argument: Argument) -> click.ParamType[Any]:
    """Return the type with which click reads an argument, or each item of one that has several."""
    check = argument.option.check
    match check, argument.option.none:
        case Whole(low, high), None:
            return click.IntRange(low, high)
        case Whole(low, high), str(word):
            return _WholeOrWord(low, high, word)
        case Positive(high), None:
            return _Amount(high)
    if Path in argument.kinds:
        if check is None:
            return click.Path(path_type=Path)
        return _Read("path", lambda text: Path(check(argument.name, text)))
    if argument.origin is Literal:
        return click.Choice(get_args(argument.kinds[0]))
    if argument.origin is tuple:
        return _Read("lo,hi", _interval)
    return _Read("name=pattern,...", _group) if argument.origin is Mapping else click.STRING


def _metavar(argument: Argument) -> str | None:
    """Return what stands for the value in the help; None for a choice of words."""
    if argument.option.metavar is not None or argument.origin is Literal:
        return argument.option.metavar
    if Path in argument.kinds:
        return "FILE"
    return "LO,HI" if argument.origin is tuple else "NAME"


class _Amount(click.FloatRange):
    """A number above 0; `nan` is refused too."""

    def __init__(self, high: float) -> None:
        super().__init__(0.0, high, min_open=True)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a number", param, ctx)
        return number


class _WholeOrWord(click.IntRange):
    """A whole number, or None for a word."""

    def __init__(self, low: int, high: int | None, word: str) -> None:
        super().__init__(low, high)
        self.word = word

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return None if value == self.word else super().convert(value, param, ctx)


class _Read(click.ParamType[Any]):
    """A value that a function reads from text; a `UserError` says why it cannot."""

    def __init__(self, name: str, read: Callable[[str], Any]) -> None:
        self.name = name
        self.read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return self.read(value)
        except UserError as error:
            self.fail(error.problem, param, ctx)


def _interval(text: str) -> tuple[float, float]:
    """Read two numbers with a comma between them."""
    try:
        # Python would read 1_000, which is a slip of the keyboard here.
        low, high = (float(part.replace("_", "?")) for part in text.split(","))
    except ValueError:
        problem = f"{text!r} is not two numbers with a comma between them"
        raise UserError(problem) from None
    return low, high


def _group(text: str) -> tuple[str, tuple[str, ...]]:
    """Read a name and patterns: ``NAME=PATTERN,PATTERN``."""
    name, _, patterns = text.partition("=")
    parts = tuple(part.strip() for part in patterns.split(",") if part.strip())
    if not name.strip() or not parts:
        raise UserError(f"{text!r} is not NAME=pattern,pattern")
    return name.strip(), parts


def _sections(function: Function) -> dict[str, str]:
    """Return the sections of a docstring by their headings; the text above them has none."""
    parts = _HEADING.split(f"{inspect.getdoc(function)}\n")
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def _told(function: Function) -> dict[str, str]:
    """Return what a docstring says of each argument, itself or where it refers to."""
    told: dict[str, str] = {}
    for names, text in _ENTRY.findall(_sections(function).get("Parameters", "")):
        said = " ".join(text.split())
        elsewhere = _ELSEWHERE.fullmatch(said)
        others: dict[str, str] = {}
        if elsewhere:
            (command,) = (each for each in registry.COMMANDS if each.function == elsewhere[1])
            others = _told(command.imported())
        told |= {name: others.get(name, said) for name in re.findall(r"\w+", names)}
    return told


def _plain(text: str, arguments: list[Argument]) -> str:
    """Return text for the screen: code in quotation marks, arguments as their options."""
    options = {each.name: f"--{each.option_name}" for each in arguments[1:]}
    return _CODE.sub(lambda code: options.get(code[1], f"'{code[1]}'"), text)
