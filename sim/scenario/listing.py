"""A resolved scenario written out, each value with its origin."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from sim.files.documents import Steps, plain_scalar
from sim.scenario.loading import DEFAULT, Loaded

if TYPE_CHECKING:
    from sim.catalog import Perspective

Row = tuple[str, str]
"""A line of YAML and the origin of its value, or nothing."""

WIDEST_VALUE: Final = 56
_LONGEST_WHOLE: Final = 1e15
_INDENT: Final = "  "
_DISCOUNT_RATE_COSTS: Final = "perspective.discount_rate_costs"
_DISCOUNT_RATE_EFFECTS: Final = "perspective.discount_rate_effects"
_THRESHOLDS: Final = "perspective.threshold_"
_PLAIN_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9_+.%/,-]*( [A-Za-z0-9_+.%/,-]+)*")


def listing(loaded: Loaded, inherited: Mapping[Steps, Row] | None = None) -> str:
    """Write the scenario as YAML, with the origin of every value in a comment.

    `inherited` gives the values that the scenario leaves to others (as YAML) and their origins. The
    text is itself a scenario of the same question.
    """
    scenario = loaded.scenario
    left_open: dict[Steps, Row] = {("comparator",): (written(scenario.comparator_name), DEFAULT)}
    left_open.update(inherited or {})
    rows: list[Row] = []
    for key, value in scenario.model_dump(mode="json").items():
        rows += _entry(loaded, left_open, (key,), value)
    width = min(WIDEST_VALUE, max(len(text) for text, _ in rows))
    lines = [f"{text:<{width}}  # {origin}" if origin else text for text, origin in rows]
    return "\n".join([*_heading(loaded), *lines]) + "\n"


def perspective_values(loaded: Loaded, perspective: Perspective) -> dict[Steps, Row]:
    """Return the values that the scenario leaves to its perspective, in the form for `listing`.

    An override of the perspective's parameter has the scenario as its origin.
    """
    whose = f"perspective {perspective.name}"
    overrides = loaded.scenario.numbers

    def row(name: str) -> Row:
        if name in overrides:
            return written(overrides[name]), loaded.origin("parameters", name)
        return written(perspective.parameters[name].value), whose

    thresholds = [row(name) for name in perspective.parameters if name.startswith(_THRESHOLDS)]
    origins = dict.fromkeys(origin for _, origin in thresholds)
    values = sorted((value for value, _ in thresholds), key=float)
    return {
        ("discounting", "costs"): row(_DISCOUNT_RATE_COSTS),
        ("discounting", "effects"): row(_DISCOUNT_RATE_EFFECTS),
        ("thresholds",): (f"[{', '.join(values)}]", ", ".join(origins)),
        ("life_table",): (written(perspective.life_table), whose),
    }


def written(value: object) -> str:
    """Write a scalar, or a list of scalars, as YAML on one line."""
    if isinstance(value, str):
        plain = _PLAIN_TEXT.fullmatch(value) and plain_scalar(value) == value
        return value if plain else _quoted(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(written(item) for item in value)}]"
    if isinstance(value, float) and value.is_integer() and abs(value) < _LONGEST_WHOLE:
        return str(int(value))
    return json.dumps(value)


def _quoted(text: str) -> str:
    # JSON leaves some separators and controls as they are that YAML would fold or refuse.
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in quoted)


def _heading(loaded: Loaded) -> Iterator[str]:
    own, *ancestors = loaded.lineage.files
    yield f"# {own}" + "".join(f", which extends {file}" for file in ancestors)


def _entry(
    loaded: Loaded, left_open: Mapping[Steps, Row], path: Steps, value: object
) -> Iterator[Row]:
    indent = _INDENT * (len(path) - 1)
    if value is None and path in left_open:
        text, origin = left_open[path]
        yield f"{indent}{path[-1]}: {text}", origin
    elif isinstance(value, dict) and value:
        yield f"{indent}{path[-1]}:", ""
        for key, below in value.items():
            yield from _entry(loaded, left_open, (*path, key), below)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        yield f"{indent}{path[-1]}:", ""
        for position, item in enumerate(value):
            yield from _item(loaded, left_open, (*path, position), item)
    else:
        yield f"{indent}{path[-1]}: {written(value)}", loaded.origin(*path)


def _item(
    loaded: Loaded, left_open: Mapping[Steps, Row], path: Steps, item: Mapping[str, Any]
) -> Iterator[Row]:
    dash, indent = _INDENT * (len(path) - 1) + "- ", _INDENT * len(path)
    for key, value in item.items():
        for text, origin in _entry(loaded, left_open, (*path, key), value):
            yield dash + text.removeprefix(indent), origin
            dash = " " * len(dash)
