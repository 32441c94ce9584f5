"""The controls of the page: the inputs that matter most as sliders, the structural choices as lists."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sim.analyses.shared.ranges import alternatives, uncertain_ranges
from sim.errors import UserError
from sim.report.results import middle_of
from sim.scenario.domain import allowed_interval
from sim.simulation.parameter_draws import fitted_draws, is_whole

if TYPE_CHECKING:
    from sim.analyses.shared.ranges import Range
    from sim.analyses.shared.scenario import Scenario
    from sim.simulation.question import Question

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

    Attributes
    ----------
    name, label, unit
        Of the parameter.
    base
        Its value in the scenario.
    low, high
        The ends of the slider: all values that the page accepts.
    plausible
        The range of the one-way analysis, within these ends.
    step
        Between two places of the slider.
    status, source
        Of the value in the scenario.
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
        """Return the slider of a parameter.

        Raises
        ------
        UserError
            When there is none.
        """
        found = {each.name: each for each in self.sliders}
        if name not in found:
            raise UserError(
                "cannot be moved here", key="parameters", value=name, choices=tuple(found)
            )
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
    ends = tuple(float(f"{each:.{DIGITS}g}") for each in (found.low, found.high))
    return Slider(
        found.name,
        found.label,
        found.unit,
        base,
        low,
        high,
        (ends[0], ends[1]),
        step,
        str(row["status"]),
        source,
    )


def _threshold(scenario: Scenario) -> Slider:
    base, most = middle_of(scenario.thresholds), max(scenario.thresholds)
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
    populations = {
        name: each.label for name, each in sorted(question.catalogue.populations.items())
    }
    own = question.scenario
    if own.own_patients is None:
        yield from _allowed(scenario, "population", populations, own.population)
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
