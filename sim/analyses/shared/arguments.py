"""The arguments of the analyses: what each may be, and how the command line shows it.

The functions have these types in their signatures. `checked` holds the arguments of a call to them,
and the options of the command of the same name follow from them, so that a range stands once.

The errors of a function that is called from Python name its arguments instead (`rename_options`).
"""

from __future__ import annotations

import inspect
import operator
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, wraps
from pathlib import Path
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    NamedTuple,
    ParamSpec,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from sim.errors import UserError
from sim.limits import (
    FEWEST_DRAWS,
    LARGEST_AMOUNT,
    LARGEST_SEED,
    MOST_DRAWS,
    MOST_PARTS,
    MOST_PATIENTS,
    MOST_THREADS,
)

_Given = ParamSpec("_Given")
_Returned = TypeVar("_Returned")

_OPTION: Final = re.compile(r"--([a-z][a-z-]*)")


def rename_options(function: Callable[_Given, _Returned]) -> Callable[_Given, _Returned]:
    """Let the errors of a function name its arguments, not the options of a command.

    The command line, which calls the same function, shows the original message.
    """

    @wraps(function)
    def renamed(*args: _Given.args, **kwargs: _Given.kwargs) -> _Returned:
        try:
            return function(*args, **kwargs)
        except UserError as error:
            if _OPTION.search(f"{error.key} {error.problem}"):
                raise _renamed(error) from None
            raise

    return renamed


def _renamed(error: UserError) -> UserError:
    found = UserError(
        _argument(error.problem),
        file=error.file,
        line=error.line,
        key=None if error.key is None else _argument(error.key),
        value=error.value,
        choices=error.choices,
    )
    found.original = error.original
    return found


def _argument(text: str) -> str:
    return _OPTION.sub(lambda found: found[1].replace("-", "_"), text)


TOP: Final = 20
"""Inputs that are shown by default."""
BARS: Final = 10
"""Bars, and structural choices, that a tornado shows by default."""


@dataclass(frozen=True)
class Whole:
    """A whole number of at least `low` and, where it is given, at most `high`."""

    low: int
    high: int | None = None

    def __call__(self, name: str, value: Any) -> int:  # noqa: ANN401
        """Return the number, or raise `UserError`."""
        low, high = self.low, self.high
        try:
            number = operator.index(value)
        except TypeError:
            number = low - 1
        if isinstance(value, bool) or number < low or (high is not None and number > high):
            allowed = f"of at least {low:,}" if high is None else f"from {low:,} to {high:,}"
            raise UserError(f"must be a whole number {allowed}", key=name, value=value)
        return number


@dataclass(frozen=True)
class Positive:
    """A number above 0 and at most `high`."""

    high: float

    def __call__(self, name: str, value: Any) -> float:  # noqa: ANN401
        """Return the number, or raise `UserError`."""
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = 0.0
        if isinstance(value, bool | str) or not 0.0 < number <= self.high:
            is_too_much = self.high < number <= sys.float_info.max
            problem = (
                f"must be at most {self.high:,.0f}" if is_too_much else "must be a number above 0"
            )
            raise UserError(problem, key=name, value=value)
        return number


def named(name: str, value: Any) -> Any:  # noqa: ANN401
    """Return the path of a folder; an empty one would be the current folder."""
    if not str(value).strip():
        raise UserError("is empty; name a folder", key=name)
    return value


def address(name: str, value: Any) -> str:  # noqa: ANN401
    """Return the address of a scheduler."""
    if not re.fullmatch(r"\w+://\S+:\d+", str(value)):
        raise UserError("must be an address such as tcp://host:8786", key=name, value=value)
    return str(value)


def part_of_work(name: str, value: Any) -> str:  # noqa: ANN401
    """Return the part of the work that a job does, ``K/N``."""
    number, _, of = str(value).partition("/")
    if not (number.isdecimal() and of.isdecimal() and 0 < int(number) <= int(of) <= MOST_PARTS):
        raise UserError("must be K/N, part K of N, such as 2/8", key=name, value=value)
    return str(value)


def _two_numbers(name: str, value: Any) -> tuple[float, float]:  # noqa: ANN401
    try:
        low, high = (float(each) for each in value)
    except (TypeError, ValueError):
        raise UserError("must be two numbers", key=name, value=value) from None
    return low, high


@dataclass(frozen=True)
class Option:
    """How the command line shows an argument, and what it may be.

    Attributes
    ----------
    metavar
        Stands for the value in the help, by default one that follows from the type.
    check
        Returns the value of the argument of this name; raises `UserError` where it is not allowed.
    name
        Of the option, where it is not that of the argument.
    none
        The word for None, which is then the default.
    """

    metavar: str | None = None
    check: Callable[[str, Any], Any] | None = None
    name: str | None = None
    none: str | None = None


class PartDone(Exception):
    """A part of an analysis is done, and its results wait for the other parts."""


Groups = Literal["default", "none"]
Patients = Annotated[int | None, Option("N", Whole(1, MOST_PATIENTS))]
PatientsPerDraw = Annotated[
    int | None, Option("auto|N", Whole(FEWEST_DRAWS, MOST_PATIENTS), none="auto")
]
Draws = Annotated[int | None, Option("N", Whole(FEWEST_DRAWS, MOST_DRAWS))]
Seed = Annotated[int | None, Option("S", Whole(0, LARGEST_SEED))]
Threads = Annotated[int | None, Option("T", Whole(1, MOST_THREADS))]
Threshold = Annotated[float | None, Option("V", Positive(LARGEST_AMOUNT))]
Top = Annotated[int, Option("K", Whole(1))]
Out = Annotated[str | Path | None, Option("DIR", named)]
Cached = Annotated[bool, Option(name="cache")]
Cluster = Annotated[str | None, Option("tcp://HOST:PORT", address)]
Part = Annotated[str | None, Option("K/N", part_of_work)]


class Argument(NamedTuple):
    """An argument of a function.

    Attributes
    ----------
    name, option
        The option says nothing where the annotation has none.
    kinds
        The types that a value may have, apart from None.
    is_optional
        Whether it may be None.
    default
        ``inspect.Parameter.empty`` where it must be given.
    takes_all
        Whether it takes all values that are left, as ``*scenarios`` does.
    """

    name: str
    option: Option
    kinds: tuple[Any, ...]
    is_optional: bool
    default: Any
    takes_all: bool

    @property
    def origin(self) -> Any:  # noqa: ANN401
        """The type without its parameters, such as ``tuple`` or ``Literal``."""
        return get_origin(self.kinds[0]) or self.kinds[0]

    @property
    def option_name(self) -> str:
        """The name of the option: in the singular where each value has its own."""
        name = self.option.name or self.name.replace("_", "-")
        return name.removesuffix("s") if self.is_repeated else name

    @property
    def is_repeated(self) -> bool:
        """Whether it holds several values, each of which is an option of its own."""
        return self.origin in (Mapping, Sequence)

    def checked(self, value: Any) -> Any:  # noqa: ANN401
        """Return an allowed value, or raise `UserError`."""
        check = self.option.check
        if (value is None and self.is_optional) or self.takes_all:
            return value
        if self.origin is Literal and value not in get_args(self.kinds[0]):
            raise UserError(
                "is not one of the allowed words",
                key=self.name,
                value=value,
                choices=get_args(self.kinds[0]),
            )
        if self.origin is tuple:
            return _two_numbers(self.name, value)
        if check is not None and self.origin is Sequence:
            return [check(self.name, each) for each in value]
        return value if check is None else check(self.name, value)


def arguments_of(function: Callable[..., Any]) -> list[Argument]:
    """Return the arguments of a function, in their order."""
    hints = get_type_hints(function, include_extras=True)
    found = []
    for name, parameter in inspect.signature(function).parameters.items():
        hint, option = hints[name], Option()
        if get_origin(hint) is Annotated:
            hint, option = get_args(hint)
        types = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
        found.append(
            Argument(
                name,
                option,
                tuple(each for each in types if each is not NoneType),
                is_optional=NoneType in types,
                default=parameter.default,
                takes_all=parameter.kind is parameter.VAR_POSITIONAL,
            )
        )
    return found


def checked(function: Callable[_Given, _Returned]) -> Callable[_Given, _Returned]:
    """Let a function refuse arguments that its annotations do not allow, before any work.

    Its errors name arguments, not the options of a command.
    """
    signature = inspect.signature(function)

    @cache
    def arguments() -> Mapping[str, Argument]:
        return {each.name: each for each in arguments_of(function)}

    @rename_options
    @wraps(function)
    def called(*args: _Given.args, **kwargs: _Given.kwargs) -> _Returned:
        try:
            given = signature.bind(*args, **kwargs)
        except TypeError:
            # Python says itself, and better, what is wrong with the call.
            return function(*args, **kwargs)
        for name, value in given.arguments.items():
            given.arguments[name] = arguments()[name].checked(value)
        return function(*given.args, **given.kwargs)

    return called
