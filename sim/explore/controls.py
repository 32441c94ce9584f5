"""The controls of the page: the inputs that matter most as sliders, the structural choices as lists.

The state of the page is what was moved: the keys of a scenario file that differ from the scenario's.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import yaml

from sim.analyses.shared.outcomes import middle_threshold
from sim.analyses.shared.ranges import alternatives, uncertain_ranges
from sim.errors import UserError
from sim.scenario.domain import allowed_interval
from sim.simulation.parameter_draws import fitted_draws, is_whole

if TYPE_CHECKING:
    from sim.analyses.shared.ranges import Range
    from sim.analyses.shared.scenario import Scenario
    from sim.simulation.question import Question

PARAMETERS: Final = "parameters"
THRESHOLDS: Final = "thresholds"
CHOICE_KEYS: Final = ("population", "setting", "discounting", "horizon_years", "switches")
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""Of a file: no dot and no slash, so that it stays in its folder."""

State = Mapping[str, Any]
"""Changes of a scenario, as `Scenario.with_` takes them; empty for the scenario itself."""
SCREENING_PATIENTS: Final = 2_000
"""All bars are of the same patients, so that few show which inputs matter most."""
SHOWN_FIRST: Final = 10
STEPS: Final = 200
"""Of a slider, from end to end."""
DIGITS: Final = 6
MONEY: Final = "cost."
BASE: Final = "As in the scenario"
SETTINGS: Final = {"trial": "As in trials", "real_world": "Routine practice"}


class Slider(NamedTuple):
    """A parameter that can be moved.

    `base`, `status` and `source` are those of its value in the scenario; the page accepts all values
    from `low` to `high`, within which `plausible` is the range of the one-way analysis.
    """

    name: str
    label: str
    unit: str
    base: float
    low: float
    high: float
    plausible: tuple[float, float]
    step: float
    status: str
    source: str


class Option(NamedTuple):
    """A structural choice: its label, and the keys of a scenario that make it."""

    label: str
    changes: Mapping[str, Any]


class Choice(NamedTuple):
    """Structural choices of which one is made; the first is the scenario's."""

    name: str
    label: str
    options: tuple[Option, ...]


class Controls(NamedTuple):
    """Everything that can be moved on the page, parameters by how much they matter."""

    sliders: tuple[Slider, ...]
    choices: tuple[Choice, ...]
    threshold: Slider

    def slider(self, name: str) -> Slider:
        """Return the slider of a parameter; a `UserError` where there is none."""
        found = {each.name: each for each in self.sliders}
        if name not in found:
            raise UserError("cannot be moved here", key=PARAMETERS, value=name, choices=found)
        return found[name]


TITLES: Final = {
    "population": "Patients",
    "setting": "Setting",
    "discounting": "Discounting",
    "horizon_years": "Time horizon",
    "switches.cure_point_years": "Cure",
    "switches.benefit_after_stopping": "After treatment stops",
    "switches.benefit_fades_from_years": "Fading of the benefit",
    "switches.survivor_mortality_ratio": "Mortality of survivors",
    "switches.relapse_distribution": "Time to relapse",
    "switches.transplant": "Transplant",
    "switches.toxicity": "Toxicity",
    "switches.background_mortality": "Background mortality",
    "switches.utility_age_cap": "Utility",
    "switches.vial_sharing": "Vials",
}


def controls(scenario: Scenario, order: Mapping[str, float]) -> Controls:
    """Return the controls of a scenario.

    `order` holds how far each parameter moves the answer; the largest come first.
    """
    question = scenario.question
    ranges = uncertain_ranges(question, fitted_draws(question))
    known = {each.name for each in ranges}
    rows = {
        row["name"]: row for row in scenario.parameters.to_dict("records") if row["name"] in known
    }
    sliders = [_slider(question, each, rows[each.name]) for each in ranges if each.low < each.high]
    sliders.sort(key=lambda each: (-order.get(each.name, 0.0), each.label))
    return Controls(tuple(sliders), tuple(_choices(scenario)), _threshold(scenario))


def _slider(question: Question, found: Range, row: Mapping[Any, Any]) -> Slider:
    parameter, base = question.parameters[found.name], question.numbers[found.name]
    beyond = (found.high - found.low) / 2.0
    low, high = min(found.low, base) - beyond, max(found.high, base) + beyond
    if found.name.startswith(MONEY):
        # What is asked most is "and if it were cheaper?", down to nothing.
        low, high = 0.0, max(2.0 * base, high)
    least, most = allowed_interval(parameter, question.rules, question.numbers)
    low, high = max(low, least), min(high, most)
    whole = is_whole(found.unit)
    step = 1.0 if whole else float(f"{(high - low) / STEPS:.1g}")
    source = "; ".join(
        str(row[key]) for key in ("citation", "place") if isinstance(row[key], str) and row[key]
    )
    plausible = (float(f"{found.low:.{DIGITS}g}"), float(f"{found.high:.{DIGITS}g}"))
    named = (found.name, found.label, found.unit)
    return Slider(*named, base, low, high, plausible, step, str(row["status"]), source)


def _threshold(scenario: Scenario) -> Slider:
    base, most = middle_threshold(scenario.thresholds), max(scenario.thresholds)
    perspective = scenario.question.perspective
    return Slider(
        "threshold",
        "Worth of a QALY",
        f"{perspective.currency} per QALY",
        base,
        0.0,
        2.0 * most,
        (min(scenario.thresholds), most),
        most / STEPS,
        "threshold",
        "Thresholds of the scenario or its perspective",
    )


def _choices(scenario: Scenario) -> Iterator[Choice]:
    """Yield the choices that the scenario allows."""
    question = scenario.question
    known, own = question.catalogue.populations, question.scenario
    if own.own_patients is None:
        labels = {name: known[name].label for name in sorted(known)}
        yield from _allowed(scenario, "population", labels, own.population)
    yield from _allowed(scenario, "setting", SETTINGS, own.setting)
    grouped: dict[str, list[Option]] = {}
    for choice, _ in alternatives(question):
        grouped.setdefault(choice.name, []).append(Option(choice.label, choice.changes))
    for name, options in grouped.items():
        yield Choice(name, TITLES[name], (Option(BASE, {}), *options))


def _allowed(
    scenario: Scenario, key: str, labels: Mapping[str, str], chosen: str
) -> Iterator[Choice]:
    """Yield the choice among the values of a key with which the scenario can be simulated."""
    options = []
    for name, label in labels.items():
        if name == chosen:
            continue
        changes: Any = {key: name}
        try:
            scenario.with_(**changes).question  # noqa: B018 - binds it, which may be refused
        except UserError:
            continue
        options.append(Option(label, changes))
    if options:
        yield Choice(key, TITLES[key], (Option(f"{BASE}: {labels[chosen]}", {}), *options))


def screened(scenario: Scenario) -> dict[str, float]:
    """Return how far each parameter moves the net benefit over its range, in few patients."""
    from sim.analyses.tornado.result import tornado

    bars = tornado(scenario, patients=min(SCREENING_PATIENTS, scenario.patients)).tables["tornado"]
    of = bars[bars["group"] == "parameter"]
    moved = of[["benefit_low", "benefit_high"]].abs().max(axis=1)
    return dict(zip(of["parameter"], moved.fillna(0.0), strict=True))


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
        problem = f"must be from {slider.low:g} to {slider.high:g} here"
        raise UserError(problem, key=slider.name, value=value)
    return float(value)


def _check_choices(state: State, controls: Controls) -> None:
    """Refuse what no list of the page offers."""
    offered = [
        each
        for choice in controls.choices
        for option in choice.options
        for each in _flat(option.changes).items()
    ]
    for key, value in _flat(state).items():
        # True is no 1 here.
        if not any((key, value) == each and type(value) is type(each[1]) for each in offered):
            raise UserError("is not offered here", key=key, value=str(value))


def _flat(state: State) -> dict[str, Any]:
    """Return the values by their keys: several options have each a key of its own in ``switches``."""
    found: dict[str, Any] = {}
    for key, content in state.items():
        if isinstance(content, Mapping):
            found |= {f"{key}.{name}": value for name, value in content.items()}
        else:
            found[key] = content
    return found


def changed(scenario: Scenario, state: State) -> Scenario:
    """Return the scenario with the changes; a `UserError` where they do not go together."""
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
    made = _flat(state).items()
    return lines + [
        f"{choice.label}: {option.label}"
        for choice in controls.choices
        for option in choice.options
        if option.changes and _flat(option.changes).items() <= made
    ]


def as_scenario(path: str, title: str, state: State) -> str:
    """Return the state as a scenario file of this title that extends the one at `path`."""
    content = {"extends": path, "title": title, **state}
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def checked_name(name: Any) -> str:  # noqa: ANN401 - parsed JSON
    """Return the name of a file without its suffix; a `UserError` where it is not plain."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        problem = "must be up to 64 letters, digits, - and _"
        raise UserError(problem, key="name", value=str(name)[:80])
    return name
