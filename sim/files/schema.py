"""What the pydantic models of all YAML files share: their rules, and their mistakes in plain words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from sim.errors import NOT_GIVEN, UserError
from sim.files.documents import Document, Steps, dotted

_MISSING: Final = "missing"
_UNKNOWN_KEY: Final = "extra_forbidden"
_NOT_AMONG: Final = "literal_error"
_BROKEN_RULE: Final = "broken_rule"
_OF_A_KEY: Final = "[key]"
"""The last step to a mistake in a key itself, as pydantic spells it."""
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
    "mapping_type": "must hold keys and values",
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
_NUMBERS: Final = ("int_type", "float_type")
_Model = TypeVar("_Model", bound=BaseModel)


class Part(BaseModel):
    """The rules of every part of a file: no unknown key, no conversion, no change.

    ``"10"`` is not a number, ``true`` is not 1; a whole number is accepted where a fraction is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Described(Part):
    """A part whose keys are described in the JSON schema by the texts below them."""

    model_config = ConfigDict(use_attribute_docstrings=True)


_NUMBER_IN_WORDS: Final = re.compile(
    r"[^\d.,'+%-]{0,4}(?P<number>[+-]?\d[\d.,' \u00a0\u202f]*)[^\d.,'%]{0,12}"
)
_ONE_COMMA: Final = re.compile(r"([+-]?\d{1,3}),(\d{3})")
_GROUPS: Final = re.compile(r"[+-]?\d{1,3}([.,])\d{3}(\1\d{3})+")


def number_hint(value: object) -> str:
    """Say how a number is written that has separators, a currency or a unit; "" for other texts."""
    found = _NUMBER_IN_WORDS.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        return ""
    digits = re.sub(r"[' \u00a0\u202f]", "", found["number"]).rstrip(".,")
    either = _ONE_COMMA.fullmatch(digits)
    if either is not None:
        return f": write {either[1]}{either[2]}, or {either[1]}.{either[2]}"
    if _GROUPS.fullmatch(digits):
        return f": write {re.sub('[.,]', '', digits)}"
    *whole, decimals = re.split("[.,]", digits)
    plain = f"{''.join(whole)}.{decimals}" if whole else decimals
    # A number in quotes is a text.
    return "" if plain == str(value).strip() else f": write {plain}"


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


def broken_rule(
    path: Steps, problem: str, value: object = NOT_GIVEN, choices: Iterable[str] = ()
) -> PydanticCustomError:
    """Say that the `value` at `path`, seen from the part that is checked, breaks a rule, and how."""
    context: dict[str, Any] = {"path": path, "value": value, "choices": tuple(choices)}
    return PydanticCustomError(_BROKEN_RULE, "{problem}", {"problem": problem, **context})


def validated(
    model: type[_Model], data: object, document: Document, top: Steps = (), context: object = None
) -> _Model:
    """Return the part of a document at `top` as a model.

    Raises
    ------
    UserError
        At the first mistake; see `first_of`.
    """
    with reported(model, document, lambda path: (*top, *path)):
        return model.model_validate(data, context=context)


@contextmanager
def reported(
    model: type[BaseModel], document: Document, place: Callable[[Steps], Steps] = lambda path: path
) -> Iterator[None]:
    """Raise the first mistake that is found inside as a `UserError`.

    `place` returns the path of a value in the document, given its path in the `model`.
    """
    try:
        yield
        return
    except ValidationError as error:
        mistakes = mistakes_in(error, model)
    except PydanticCustomError as error:
        mistakes = [_of_rule((), error.context or {})]
    placed = [replace(each, path=place(each.path)) for each in mistakes]
    raise first_of(placed, document) from None


def first_of(mistakes: Sequence[Mistake], document: Document) -> UserError:
    """Return the first mistake of a document, with its file, line, key, value and the nearest name.

    A missing key comes last, because the key that was meant is often there, misspelt.
    """
    first = min(mistakes, key=lambda each: (each.is_missing, document.line(*each.path)))
    return UserError(
        first.problem,
        file=document.file,
        line=document.line(*first.path),
        key=dotted(first.path) or None,
        value=NOT_GIVEN if first.value is None else first.value,
        choices=first.choices,
    )


def mistakes_in(
    error: ValidationError, model: type[BaseModel], more_keys: Sequence[str] = ()
) -> list[Mistake]:
    """Put every error of a model into words; `more_keys` are allowed at its top, too."""
    details = error.errors(include_url=False)
    # A list with a wrong item is also reported as too short: only the item matters.
    blamed = {detail["loc"][:depth] for detail in details for depth in range(len(detail["loc"]))}
    return [
        _mistake(detail, model, more_keys)
        for detail in details
        if detail["type"] == _BROKEN_RULE or detail["loc"] not in blamed
    ]


def _mistake(detail: ErrorDetails, model: type[BaseModel], more_keys: Sequence[str]) -> Mistake:
    kind, path, value = detail["type"], detail["loc"], detail["input"]
    context: dict[str, Any] = detail.get("ctx", {})
    if path and path[-1] == _OF_A_KEY:
        path = path[:-1]
    if kind == _BROKEN_RULE:
        return _of_rule(path, context)
    problem = _SENTENCES[kind].format_map(context) if kind in _SENTENCES else detail["msg"]
    if kind == _MISSING:
        return Mistake(path, problem, is_missing=True)
    if kind == _UNKNOWN_KEY:
        choices = [*_keys_at(model, path), *(more_keys if len(path) == 1 else ())]
        return Mistake(path, problem, path[-1], choices)
    if value is None:
        return Mistake(path, f"has no value; {problem}")
    if kind in _NUMBERS:
        problem += number_hint(value)
    if kind == _NOT_AMONG:
        return Mistake(path, problem, value, re.findall(r"'([^']*)'", context["expected"]))
    return Mistake(path, problem, value)


def _of_rule(path: Steps, rule: dict[str, Any]) -> Mistake:
    return Mistake((*path, *rule["path"]), rule["problem"], rule["value"], rule["choices"] or None)


def _keys_at(model: type[BaseModel], path: Steps) -> list[str]:
    """Return the keys allowed in place of the last one of `path`, as they are written in a file."""
    for step in path[:-1]:
        field = model.model_fields.get(str(step))
        # A place in a list, or a key of a mapping, leads to no other model.
        model = (_model_in(field.annotation) if field else None) or model
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_in(annotation: object) -> type[BaseModel] | None:
    """Return the model that a type is, or is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for each in get_args(annotation) if (found := _model_in(each))), None)
