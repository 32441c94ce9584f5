"""The options and the help of a command, from the signature and the docstring of its function.

The first argument of the function is an argument of the command, every other one an option.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from sim import registry
from sim.analyses.shared.arguments import Argument, arguments_of
from sim.commands.values import metavar, value_type

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
        return click.Argument(
            [argument.name], type=value_type(argument), nargs=nargs, required=needed
        )
    default = argument.option.none or default
    return click.Option(
        [f"--{argument.option_name}", argument.name],
        type=value_type(argument),
        metavar=metavar(argument),
        multiple=argument.is_repeated,
        required=required,
        default=default,
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
