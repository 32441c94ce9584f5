"""Error messages for Python, which name arguments instead of options of the command line."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from sim.errors import UserError

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
