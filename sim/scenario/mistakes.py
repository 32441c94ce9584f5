"""The mistakes of a scenario, in the user's words and in the order of the files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sim.errors import NOT_GIVEN, UserError
from sim.files.documents import Steps, dotted
from sim.scenario.inheritance import EXTENDS, Node
from sim.scenario.schema import (
    BROKEN_RULE,
    WHAT_IFS,
    Discounting,
    Scenario,
    Strategy,
    Switches,
    WhatIf,
)

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

_MISSING: Final = "missing"
_UNKNOWN_KEY: Final = "extra_forbidden"
_NOT_AMONG: Final = "literal_error"
_SENTENCES: Final = {
    _MISSING: "is required, and missing",
    _UNKNOWN_KEY: "unknown key",
    _NOT_AMONG: "is not one of the allowed words",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "dict_type": "must hold keys and values",
    "model_type": "must hold keys and values",
    "greater_than": "must be above {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than": "must be below {lt:g}",
    "less_than_equal": "must be at most {le}",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must hold at least {min_length}",
    "too_long": "must hold at most {max_length}, and holds {actual_length}",
}
_PARTS: Final[Mapping[str, type[BaseModel]]] = {
    "strategies": Strategy,
    "switches": Switches,
    "discounting": Discounting,
}


@dataclass(frozen=True)
class Mistake:
    """One mistake in the value at `path`."""

    path: Steps
    problem: str
    value: object = NOT_GIVEN
    choices: Iterable[str] | None = None
    is_missing: bool = False
    belongs_elsewhere: bool = False
    """The value has no meaning here and one where it was written: a parameter that this scenario does
    not use, or an amount in other money."""


class ScenarioError(UserError):
    """The first mistake of a scenario, with the number of `more` that were found."""

    def __init__(self, first: Mistake, file: str, line: int | None, more: int) -> None:
        self.more = more
        super().__init__(
            first.problem,
            file=file,
            line=line,
            key=dotted(first.path) or None,
            value=first.value,
            choices=first.choices,
        )

    def _message(self) -> str:
        return super()._message() + (f"; and {self.more} more" if self.more else "")


def first_of(mistakes: Sequence[Mistake], top: Node) -> ScenarioError:
    """Return the first of `mistakes` in the order of the files, child before parent.

    A missing key comes last, because the key that was meant is often there, misspelt.
    """

    def place(mistake: Mistake) -> tuple[bool, int, int]:
        origin = top.nearest_origin(mistake.path)
        return mistake.is_missing, origin.rank, origin.line

    first = min(mistakes, key=place)
    origin = top.nearest_origin(first.path)
    return ScenarioError(first, origin.file, origin.line or None, len(mistakes) - 1)


def keys_of(model: type[BaseModel]) -> list[str]:
    """Return the keys of a part as they are written in a file."""
    return [field.alias or name for name, field in model.model_fields.items()]


def _known_keys(path: Steps) -> list[str]:
    """Return the keys allowed in place of the unknown key of `path`."""
    if len(path) == 1:
        return [*keys_of(Scenario), EXTENDS]
    if path[0] == WHAT_IFS:
        return keys_of(WhatIf)
    return keys_of(_PARTS[str(path[0])])


def mistakes_in(
    error: ValidationError, known_keys: Callable[[Steps], list[str]] = _known_keys
) -> list[Mistake]:
    """Put every error of the schema into words.

    `known_keys` returns the keys allowed in place of an unknown key, given its path.
    """
    details = error.errors(include_url=False)
    # A list with a wrong item is also reported as too short: only the item matters.
    blamed = {detail["loc"][:depth] for detail in details for depth in range(len(detail["loc"]))}
    return [
        _mistake(detail, known_keys)
        for detail in details
        if detail["type"] == BROKEN_RULE or detail["loc"] not in blamed
    ]


def _mistake(detail: ErrorDetails, known_keys: Callable[[Steps], list[str]]) -> Mistake:
    kind, path, value = detail["type"], detail["loc"], detail["input"]
    context: dict[str, Any] = detail.get("ctx", {})
    if kind == BROKEN_RULE:
        choices = context["choices"] or None
        return Mistake((*path, *context["path"]), context["problem"], context["value"], choices)
    problem = _SENTENCES[kind].format_map(context) if kind in _SENTENCES else detail["msg"]
    if kind == _MISSING:
        return Mistake(path, problem, is_missing=True)
    if kind == _UNKNOWN_KEY:
        return Mistake(path, problem, path[-1], known_keys(path))
    if value is None:
        return Mistake(path, f"has no value; {problem}")
    if kind == _NOT_AMONG:
        return Mistake(path, problem, value, re.findall(r"'([^']*)'", context["expected"]))
    return Mistake(path, problem, value)
