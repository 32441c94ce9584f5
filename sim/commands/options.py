"""How the command line reads the value of an option, by the type of the argument.

The options and the help of a command, from the signature and the docstring of its function.

The first argument of the function is an argument of the command, every other one an option.
"""

from __future__ import annotations

import inspect
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal, get_args

import click

from sim import registry
from sim.analyses.shared.arguments import Argument, Positive, Whole, arguments_of
from sim.errors import UserError

# The methods below have click's own signature.
# ruff: noqa: ANN401


class _Amount(click.FloatRange):
    """A number above 0, which also refuses what is not a number."""

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


class Read(click.ParamType[Any]):
    """A value that a function reads from text; a `UserError` says why it cannot."""

    def __init__(self, name: str, read: Callable[[str], Any]) -> None:
        self.name = name
        self.read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read the option."""
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


def value_type(argument: Argument) -> click.ParamType[Any]:
    """Return the type with which click reads an argument, or each item of one that has several."""
    match argument.option.check, argument.option.none:
        case Whole(low, high), None:
            return click.IntRange(low, high)
        case Whole(low, high), str(word):
            return _WholeOrWord(low, high, word)
        case Positive(high), None:
            return _Amount(high)
    check = argument.option.check
    if Path in argument.kinds and check is not None:
        return Read("path", lambda text: Path(check(argument.name, text)))
    if Path in argument.kinds:
        return click.Path(path_type=Path)
    if argument.origin is Literal:
        return click.Choice(get_args(argument.kinds[0]))
    if argument.origin is tuple:
        return Read("lo,hi", _interval)
    if argument.origin is Mapping:
        return Read("name=pattern,...", _group)
    return click.STRING


def metavar(argument: Argument) -> str | None:
    """Return what stands for the value in the help; None for a choice of words."""
    if argument.option.metavar is not None or argument.origin is Literal:
        return argument.option.metavar
    if Path in argument.kinds:
        return "FILE"
    return "LO,HI" if argument.origin is tuple else "NAME"


def value_given(argument: Argument, value: Any) -> Any:
    """Return the value for the function from that of an option, or those of a repeated one.

    Raises
    ------
    UserError
        When two have the same name.
    """
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


Function = Callable[..., Any]

_HEADING: Final = re.compile(r"^(\w+)\n-+\n", re.MULTILINE)
_ENTRY: Final = re.compile(r"^(\S.*)\n((?:    .*\n|\n)*)", re.MULTILINE)
_ELSEWHERE: Final = re.compile(r"As for `(\w+)`\.")
_CODE: Final = re.compile(r"``([^`]+)``")


def options_of(function: Function, *names: str) -> list[click.Parameter]:
    """Return the options of the command of a function; those of some arguments, if any are named."""
    arguments = arguments_of(function)
    told = _told(function)
    return [
        _parameter(argument, _plain(told.get(argument.name, ""), arguments), is_first=i == 0)
        for i, argument in enumerate(arguments)
        if not names or argument.name in names
    ]


def help_of(function: Function) -> str:
    """Return what the docstring says before its sections."""
    return _plain(_sections(function)[""], arguments_of(function))


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
            [argument.name], type=value_type(argument), nargs=nargs, required=needed, **own
        )
    default = argument.option.none or default
    # To click None is a default too, with which nothing would be required.
    given: dict[str, Any] = {} if required else {"default": default}
    return click.Option(
        [f"--{argument.option_name}", argument.name],
        type=value_type(argument),
        metavar=metavar(argument),
        multiple=argument.is_repeated,
        required=required,
        **given,
        show_default=default is not None,
        help=f"{text} May be repeated." if argument.is_repeated else text,
    )


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
        others = _told(_function(elsewhere[1])) if elsewhere else {}
        told |= {name: others.get(name, said) for name in re.findall(r"\w+", names)}
    return told


def _function(name: str) -> Function:
    (command,) = (each for each in registry.COMMANDS if each.function == name)
    found: Function = command.imported()
    return found


def _plain(text: str, arguments: list[Argument]) -> str:
    """Return text for the screen: code in quotation marks, arguments as their options."""
    options = {each.name: f"--{each.option_name}" for each in arguments[1:]}
    return _CODE.sub(lambda code: options.get(code[1], f"'{code[1]}'"), text)
