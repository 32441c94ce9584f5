"""The bars of a one-way analysis: parameters over intervals, the posterior, structural choices.

A parameter that was fitted to no other is varied alone. Parameters that were fitted together are
correlated, so that moving one alone to the end of its interval can leave the region that the data
allow. The first principal components of the standardised draws move all of them together, along the
directions in which they vary most.

A structural choice is the scenario with some of its keys changed. A choice that the scenario makes
already is left out; another switch of the scenario becomes a choice by a line in `CHOICES`.

Source: Jolliffe IT, Principal Component Analysis, 2nd edition, 2002, chapter 3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from sim.analyses.shared.paired_runs import with_values
from sim.catalog import Parameter
from sim.catalog.distribution import LOWER_TAIL, UPPER_TAIL
from sim.catalog.parameter import SCENARIO
from sim.catalog.values import UNITS
from sim.economics.estimates import Array
from sim.errors import UserError
from sim.scenario.domain import allowed_interval, broken_rule
from sim.scenario.loading import changed_scenario, unused
from sim.scenario.schema import LIFETIME
from sim.simulation import parameter_draws
from sim.simulation.question import Question
from sim.spread.order import one_thread

FIXED = "fixed"
MOST_MEANT: Final = 3
"""Parameters that are suggested for one that does not exist."""


class Range(NamedTuple):
    """A parameter and the ends of its interval, in its own unit."""

    name: str
    label: str
    unit: str
    low: float
    high: float

    @property
    def is_whole(self) -> bool:
        """Whether the parameter may only have whole values."""
        return parameter_draws.is_whole(self.unit)

    def values(self, count: int) -> list[float]:
        """Return at most `count` allowed values, ends included, evenly spread."""
        return parameter_draws.values_between(self.unit, self.low, self.high, count)


def uncertain_ranges(question: Question, posterior: pd.DataFrame | None) -> list[Range]:
    """Return the intervals of the uncertain parameters that the question uses, by name.

    An interval is the range that the catalogue states, else from the 2.5 % to the 97.5 % quantile,
    of the draws where a parameter was fitted. A value set by the scenario is its own choice and is
    not varied, unless the scenario gives it a distribution or a range.
    """
    fitted = set() if posterior is None else set(posterior.columns)
    return [
        range_of(question, parameter.name, posterior)
        for parameter in _used(question)
        if (parameter.name in fitted and parameter.status != SCENARIO) or is_uncertain(parameter)
    ]


def decided(question: Question) -> list[str]:
    """Name the parameters that are varied alone but not drawn: fixed, with a stated range.

    Such as a list price, which is not uncertain but might be another.
    """
    return [
        parameter.name
        for parameter in _used(question)
        if parameter.distribution.family == FIXED and parameter.stated_range is not None
    ]


def _used(question: Question) -> list[Parameter]:
    return [question.parameters[name] for name in sorted(question.used)]


def is_uncertain(parameter: Parameter) -> bool:
    """Whether the catalogue gives the parameter an interval."""
    return parameter.distribution.family != FIXED or parameter.stated_range is not None


def range_of(question: Question, name: str, posterior: pd.DataFrame | None = None) -> Range:
    """Return the interval of a parameter; of one that is fixed, from 0 to twice its value.

    It is limited to the values allowed while all others are as they are.

    Raises
    ------
    UserError
        When it is fixed at 0.
    """
    parameter = question.parameters[name]
    if posterior is not None and name in posterior.columns:
        low, high = (float(posterior[name].quantile(tail)) for tail in (LOWER_TAIL, UPPER_TAIL))
    elif is_uncertain(parameter):
        low, high = parameter.low, parameter.high
    else:
        low, high = _around(question.numbers[name], parameter)
    least, most = allowed_interval(parameter, question.rules, question.numbers)
    ends = min(max(low, least), most), min(max(high, least), most)
    low, high = parameter_draws.within(parameter.unit, *ends)
    return Range(name, shown_label(question, name), parameter.unit, low, high)


def shown_label(question: Question, name: str) -> str:
    """Return the label of a parameter, after that of its regimen where it is a regimen's own."""
    label = question.parameters[name].label
    regimen = question.catalogue.regimens.get(name.partition(".")[0])
    return label if regimen is None else f"{regimen.label}: {label}"


def asked_range(
    question: Question,
    name: str,
    ends: tuple[float, float] | None,
    posterior: pd.DataFrame | None,
    option: str,
) -> Range:
    """Return the interval that the user gave for the parameter of an option, else its own.

    Raises
    ------
    UserError
        When the question uses no such parameter, an end is not a value that it may have, or the
        ends do not rise.
    """
    if name not in question.used:
        raise UserError(
            unused(name, question.used, _speaking_of(question, name.lower())),
            key=option,
            value=name,
        )
    if ends is None:
        return range_of(question, name, posterior)
    key = "--range" if option == "--parameter" else f"{option}-range"
    parameter = question.parameters[name]
    low, high = ends
    for value in ends:
        problem = parameter.check(value)
        if problem is None:
            problem = broken_rule(question.rules, {**question.numbers, name: value}, name)
        if problem is not None:
            raise UserError(f"{name}: {problem}", key=key, value=value)
    if not low < high:
        raise UserError("the second number must be above the first", key=key, value=(low, high))
    return Range(name, shown_label(question, name), parameter.unit, low, high)


def _speaking_of(question: Question, words: str) -> list[str]:
    """Name a few parameters with these words in the name, else the label, else why it is fixed."""
    texts: list[Callable[[Parameter], str]] = [
        lambda each: each.name,
        lambda each: each.label,
        lambda each: getattr(each.distribution, "why", ""),
    ]
    found = (
        [each.name for each in _used(question) if words in text(each).lower()] for text in texts
    )
    return next(filter(None, found), [])[:MOST_MEANT]


def _around(value: float, parameter: Parameter) -> tuple[float, float]:
    unit = UNITS[parameter.unit]
    low, high = sorted((0.0, 2.0 * value))
    if unit.low_open and low <= unit.low:
        low = value / 2.0
    high = min(high, unit.high)
    if not low < high:
        raise UserError("is fixed and has no range; give one with --range", key=parameter.name)
    return low, high


ENOUGH_VARIANCE: Final = 0.95


@dataclass(frozen=True)
class Component:
    """A principal component of the standardised draws.

    Attributes
    ----------
    variance_share
        Of the sum of variances of the standardised columns.
    steps
        By parameter, its change over one standard deviation of the component, in its own unit.
    bounds
        By parameter, the smallest and the largest of the draws.
    scores
        Of each draw, in standard deviations of the component.
    strongest
        The parameter that moves most with it, in its own standard deviations.
    """

    variance_share: float
    steps: dict[str, float]
    bounds: dict[str, tuple[float, float]]
    scores: Array
    strongest: str


@one_thread()
def components(posterior: pd.DataFrame) -> list[Component]:
    """Return the first principal components, those with the most variance first.

    With Z the standardised draws and ``Z'Z/(n - 1) = V L V'``: component k moves parameter j by
    ``sd_j sqrt(L_k) V_jk`` per standard deviation. As many as hold 95 % of the variance; the largest
    entry of each is positive. Columns that do not vary are left out.
    """
    varying = posterior.loc[:, posterior.std(ddof=1) > 0.0]
    if varying.shape[1] == 0:
        return []
    sd = varying.std(ddof=1).to_numpy()
    standardised = (varying.to_numpy() - varying.mean().to_numpy()) / sd
    variances, vectors = np.linalg.eigh(standardised.T @ standardised / (len(varying) - 1))
    ends = zip(varying.min().tolist(), varying.max().tolist(), strict=True)
    bounds = dict(zip(varying.columns, ends, strict=True))
    order = np.argsort(-variances, kind="stable")
    shares = variances[order] / variances.sum()
    needed = int(np.searchsorted(np.cumsum(shares), ENOUGH_VARIANCE)) + 1
    found = []
    for place in order[:needed]:
        vector = vectors[:, place]
        vector = vector * np.sign(vector[np.argmax(np.abs(vector))])
        spread = float(np.sqrt(variances[place]))
        found.append(
            Component(
                variance_share=float(variances[place] / variances.sum()),
                steps=dict(zip(varying.columns, (sd * spread * vector).tolist(), strict=True)),
                bounds=bounds,
                scores=standardised @ vector / spread,
                strongest=str(varying.columns[int(np.argmax(vector))]),
            )
        )
    return found


def moved_along(component: Component, base: dict[str, float], sds: float) -> dict[str, float]:
    """Move the base values along a component, never beyond the range of the draws.

    Parameters
    ----------
    component
        The direction; its bounds limit each parameter, or the base value where that is outside.
    base
        Values by parameter.
    sds
        How far, in standard deviations of the component.
    """
    moved = {}
    for name, step in component.steps.items():
        low, high = component.bounds[name]
        value = base[name] + sds * step
        moved[name] = min(max(value, min(low, base[name])), max(high, base[name]))
    return moved


FINITE_HORIZON_YEARS: Final = 10
NO_BACKGROUND_MORTALITY: Final = {"switches": {"background_mortality": False}}


class Choice(NamedTuple):
    """A structural assumption instead of the scenario's."""

    name: str
    label: str
    changes: Mapping[str, Any]


def _switch(name: str, value: object, label: str) -> Choice:
    return Choice(f"switches.{name}", label, {"switches": {name: value}})


def _rate(rate: float) -> Choice:
    label = f"Discount rate {100 * rate:g} %" if rate else "No discounting"
    return Choice("discounting", label, {"discounting": {"costs": rate, "effects": rate}})


CHOICES: Final = (
    _switch("cure_point_years", None, "No point of cure"),
    *(_switch("cure_point_years", n, f"Cured after {n} years in remission") for n in (2, 3, 5)),
    _switch("benefit_after_stopping", False, "No benefit after treatment stops"),
    _switch("benefit_after_stopping", True, "Benefit lasts after treatment stops"),
    Choice(
        "switches.benefit_fades_from_years",
        "Benefit fades from 2 to 5 years",
        {"switches": {"benefit_fades_from_years": 2, "benefit_fades_to_years": 5}},
    ),
    _switch("survivor_mortality_ratio", False, "Survivors die as the general population"),
    _switch("survivor_mortality_ratio", True, "Survivors die more often than the population"),
    _switch("relapse_distribution", "weibull", "Weibull time to relapse"),
    _switch("relapse_distribution", "lognormal", "Lognormal time to relapse"),
    _switch("transplant", False, "No allo-HCT"),
    _switch("transplant", True, "Allo-HCT"),
    _switch("toxicity", False, "No toxicity of the regimens"),
    _switch("toxicity", True, "Toxicity of the regimens"),
    _switch("background_mortality", False, "No background mortality"),
    _switch("background_mortality", True, "Background mortality"),
    _switch("utility_age_cap", False, "Utility may exceed that of the age"),
    _switch("utility_age_cap", True, "Utility capped by that of the age"),
    _switch("vial_sharing", True, "Vials shared"),
    _switch("vial_sharing", False, "Vials not shared"),
    *(Choice("horizon_years", f"Horizon {n} years", {"horizon_years": n}) for n in (5, 10)),
    Choice("horizon_years", "Lifetime horizon", {"horizon_years": LIFETIME}),
    *(_rate(rate) for rate in (0.0, 0.015, 0.05)),
)


def alternatives(question: Question) -> Iterator[tuple[Choice, Question]]:
    """Yield the choices that the scenario has not made, and the question under each.

    Without background mortality a cured patient never dies, so where the horizon is a lifetime
    that choice is put together with a horizon of ten years, and says so.
    """
    for choice in CHOICES:
        needed = _with_a_horizon(choice) if _needs_a_horizon(choice, question) else choice
        try:
            loaded = changed_scenario(
                question.loaded, needed.changes, question.catalogue, leave_out=True
            )
        except UserError:
            # The scenario's other choices rule this one out.
            continue
        asked = with_values(question, given_values(question), loaded)
        if _bound(asked) != _bound(question):
            yield needed, asked


def given_values(question: Question) -> dict[str, float]:
    """Return the values that override the scenario's."""
    return {
        name: value
        for name, value in question.numbers.items()
        if value != question.parameters[name].value
    }


def _bound(question: Question) -> tuple[object, ...]:
    """Return all inputs of the answer, but for the patients and their random numbers."""
    books = question.accounts
    return (
        question.model,
        books.price_list,
        books.utilities,
        books.vial_sharing,
        question.discount_rates,
    )


def _needs_a_horizon(choice: Choice, question: Question) -> bool:
    lifelong = question.scenario.horizon_years == LIFETIME
    return lifelong and choice.changes == NO_BACKGROUND_MORTALITY


def _with_a_horizon(choice: Choice) -> Choice:
    return Choice(
        choice.name,
        f"{choice.label}, horizon {FINITE_HORIZON_YEARS} years",
        {**choice.changes, "horizon_years": FINITE_HORIZON_YEARS},
    )
