"""What was moved on the page: the keys of a scenario file that differ from the scenario's."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import yaml

from sim.errors import UserError

if TYPE_CHECKING:
    from sim.analyses.shared.scenario import Scenario
    from sim.explore.controls import Controls, Slider

PARAMETERS: Final = "parameters"
THRESHOLDS: Final = "thresholds"
CHOICE_KEYS: Final = ("population", "setting", "discounting", "horizon_years", "switches")
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""Of a file: no dot and no slash, so that it stays in its folder."""

State = Mapping[str, Any]
"""Changes of a scenario, as `Scenario.with_` takes them; empty for the scenario itself."""


def read_state(content: Any, controls: Controls) -> dict[str, Any]:  # noqa: ANN401 - parsed JSON
    """Return the changes that a page asks for: only what its controls can do.

    A key that could name a file, such as `life_table`, is refused, and so is a value beyond the
    ends of its slider.

    Raises
    ------
    UserError
        When something in it is not allowed.
    """
    if not isinstance(content, dict):
        raise UserError("must be keys with values", key="state", value=str(content))
    known = (PARAMETERS, THRESHOLDS, *CHOICE_KEYS)
    for key in content:
        if key not in known:
            raise UserError("cannot be moved here", key="state", value=key, choices=known)
    state = {key: content[key] for key in CHOICE_KEYS if key in content}
    _check_choices(state, controls)
    numbers = content.get(PARAMETERS, {})
    if not isinstance(numbers, dict):
        raise UserError("must be names with numbers", key=PARAMETERS, value=str(numbers))
    if numbers:
        state[PARAMETERS] = {
            name: _number(value, controls.slider(name)) for name, value in numbers.items()
        }
    if THRESHOLDS in content:
        given = content[THRESHOLDS]
        if not isinstance(given, list) or len(given) != 1:
            raise UserError("must be one number", key=THRESHOLDS, value=str(given))
        state[THRESHOLDS] = [_number(given[0], controls.threshold)]
    return state


def _number(value: Any, slider: Slider) -> float:  # noqa: ANN401 - parsed JSON
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise UserError("must be a number", key=slider.name, value=str(value))
    if not slider.low <= value <= slider.high:
        raise UserError(
            f"must be from {slider.low:g} to {slider.high:g} here", key=slider.name, value=value
        )
    return float(value)


def _check_choices(state: Mapping[str, Any], controls: Controls) -> None:
    """Refuse what no list of the page offers.

    The keys of several options come together in ``switches``, each of which some option must give.
    """
    offered = [
        (key, name, value)
        for choice in controls.choices
        for option in choice.options
        for key, content in option.changes.items()
        for name, value in (content.items() if isinstance(content, Mapping) else ((None, content),))
    ]
    for key, content in state.items():
        parts = content.items() if isinstance(content, dict) else ((None, content),)
        for name, value in parts:
            # True is no 1 here.
            if not any(
                (key, name, value) == each and type(value) is type(each[2]) for each in offered
            ):
                named = key if name is None else f"{key}.{name}"
                raise UserError("is not offered here", key=named, value=str(value))


def changed(scenario: Scenario, state: State) -> Scenario:
    """Return the scenario with the changes.

    Raises
    ------
    UserError
        When they do not go together.
    """
    changes: Any = dict(state)
    return scenario.with_(**changes) if changes else scenario


def key_of(state: State) -> str:
    """Return a text that is the same for the same changes."""
    return json.dumps(state, sort_keys=True)


def in_words(state: State, controls: Controls) -> list[str]:
    """Say what was changed, a line each."""
    lines = []
    for name, value in state.get(PARAMETERS, {}).items():
        slider = controls.slider(name)
        lines.append(f"{slider.label}: {value:,g} instead of {slider.base:,g} {slider.unit}")
    if THRESHOLDS in state:
        lines.append(
            f"{controls.threshold.label}: {state[THRESHOLDS][0]:,g} {controls.threshold.unit}"
        )
    for choice in controls.choices:
        for option in choice.options:
            if option.changes and _is_made(option.changes, state):
                lines.append(f"{choice.label}: {option.label}")
    return lines


def _is_made(changes: Mapping[str, Any], state: State) -> bool:
    return all(
        key in state
        and (
            changes[key].items() <= state[key].items()
            if isinstance(changes[key], Mapping)
            else changes[key] == state[key]
        )
        for key in changes
    )


def as_scenario(path: str, title: str, state: State) -> str:
    """Return the state as a scenario file that extends another.

    Parameters
    ----------
    path
        Of the scenario that it extends, as the new file names it.
    title
        Of the new scenario.
    state
        What differs.
    """
    content = {"extends": path, "title": title, **state}
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def checked_name(name: Any) -> str:  # noqa: ANN401 - parsed JSON
    """Return the name of a file without its suffix.

    Raises
    ------
    UserError
        When it is not letters, digits, - and _.
    """
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise UserError(
            "must be up to 64 letters, digits, - and _", key="name", value=str(name)[:80]
        )
    return name
