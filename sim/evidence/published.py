"""Published results of the patients that a scenario simulates, to be shown with its curves.

A cohort of the calibration matches a scenario when population, setting and values of the
population's parameters are the same; an arm of it matches a strategy of the same regimens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from sim.errors import UserError
from sim.evidence.protocol import CohortPlan, Protocol, load_protocol
from sim.evidence.register import Register, find_folder, load_register
from sim.evidence.study import Endpoint
from sim.scenario.loading import load_scenario
from sim.scenario.schema import Scenario, Strategy
from sim.simulation.question import Question

COHORTS: Final = "cohorts"
POPULATION: Final = "population."
CURVES: Final = {
    "os_median_months": "os",
    "os_percent": "os",
    "rfs_median_months": "rfs",
    "rfs_percent": "rfs",
    "dor_median_months": "rfs",
}
"""Curve of the model that an endpoint is read from."""
ORIGINS: Final = {"os": (None, "randomisation"), "rfs": (None, "remission")}
"""The time from which an endpoint is counted on each curve."""


class Published(NamedTuple):
    """A median or a landmark of a curve as it was published.

    Attributes
    ----------
    strategy
        Of the scenario, whose patients were treated alike.
    curve
        ``os`` or ``rfs``.
    endpoint
        In the words of the register.
    study, arm
        The study that published it, and its arm.
    months
        Of a landmark; None for a median.
    value
        Months of a median, per cent of a landmark; None for a median that was not reached.
    low, high, level
        Printed interval, None where an end is not known, and its level in per cent.
    n
        Patients, where it is printed.
    role
        Whether the model was fitted to it (``fit``), is judged by it, or neither.
    definition
        The exact definition, where the word does not give it.
    source
        The citation.
    place
        Its place in the source.
    """

    strategy: str
    curve: str
    endpoint: str
    study: str
    arm: str
    months: float | None
    value: float | None
    low: float | None
    high: float | None
    level: float | None
    n: int | None
    role: str
    definition: str | None
    source: str
    place: str


def published(question: Question) -> list[Published]:
    """Return the register's results for the patients of the question.

    Empty where there is no such cohort, or where the register is not there, as in an installed
    package.
    """
    try:
        folder = find_folder().parent
    except UserError:
        return []
    found: list[Published] = []
    register = load_register(folder / "evidence")
    for path in sorted(folder.glob("*.yaml")):
        protocol = load_protocol(path, register)
        for plan, cohort in _cohorts(protocol, folder, question):
            found += _endpoints(plan, cohort, register, question.scenario)
    return list(dict.fromkeys(found))


def _cohorts(
    protocol: Protocol, folder: Path, question: Question
) -> Iterator[tuple[CohortPlan, Scenario]]:
    asked = question.scenario
    for plan in protocol.cohorts:
        cohort = load_scenario(
            folder / COHORTS / f"{plan.scenario}.yaml", question.catalogue
        ).scenario
        same = (cohort.population, cohort.setting) == (asked.population, asked.setting)
        if same and _people(cohort) == _people(asked):
            yield plan, cohort


def _people(scenario: Scenario) -> dict[str, float]:
    """Return the values of a scenario that override its population's."""
    return {k: v for k, v in scenario.parameters.items() if k.startswith(POPULATION)}


def _endpoints(
    plan: CohortPlan, cohort: Scenario, register: Register, asked: Scenario
) -> Iterator[Published]:
    study = register[plan.study]
    for name, endpoint in study.endpoints.items():
        if endpoint.endpoint not in CURVES or endpoint.arm not in plan.arms:
            continue
        curve = CURVES[endpoint.endpoint]
        chosen = plan.endpoints is None or name in plan.endpoints
        if not chosen or endpoint.subset is not None or endpoint.time_origin not in ORIGINS[curve]:
            continue
        treated = next(s for s in cohort.strategies if s.name == plan.arms[endpoint.arm])
        for strategy in _alike(treated, asked.strategies):
            yield _published(strategy, curve, endpoint, plan.study, register)


def _alike(treated: Strategy, strategies: Sequence[Strategy]) -> Iterator[str]:
    for strategy in strategies:
        if all(
            getattr(strategy, key) == getattr(treated, key)
            for key in ("sequence", "then", "maintenance")
        ):
            yield strategy.name


def _published(
    strategy: str, curve: str, endpoint: Endpoint, study: str, register: Register
) -> Published:
    low, high = endpoint.interval or (None, None)
    arm = register[study].arms[endpoint.arm]
    return Published(
        strategy=strategy,
        curve=curve,
        endpoint=endpoint.endpoint,
        study=register[study].study,
        arm=arm.label,
        months=endpoint.at_months,
        value=endpoint.best,
        low=low,
        high=high,
        level=endpoint.level,
        n=endpoint.n or arm.n,
        role=endpoint.role,
        definition=endpoint.definition,
        source=register.sources[endpoint.source].citation,
        place=endpoint.place,
    )
