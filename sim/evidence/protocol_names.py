"""Names and values of a protocol that register, catalogue or cohorts do not have or allow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from sim.catalog import Parameter, load_catalogue
from sim.evidence.observables import known
from sim.evidence.protocol import CohortPlan, Protocol
from sim.evidence.study import Endpoint, Study
from sim.files.documents import Steps, exists
from sim.scenario.loading import load_scenario
from sim.scenario.mistakes import Mistake

FARTHEST: Final = 8.0
"""Prior standard deviations from the mean that no point of a design lies beyond."""


def wrong_names(
    protocol: Protocol, register: Mapping[str, Study], cohorts: Path
) -> Iterator[Mistake]:
    """Find what is wrong with the names and the priors of a protocol.

    `cohorts` is the folder of the scenarios that its cohorts name.
    """
    catalogue = {each.name: each for each in load_catalogue().parameters()}
    yield from _wrong_priors(protocol, catalogue)
    for kind, plan in protocol.heterogeneity.items():
        for place, name in enumerate(plan.parameters):
            yield from _absent(("heterogeneity", kind, "parameters", place), name, catalogue)
            if name in protocol.priors:
                problem = "has a prior of its own as well"
                yield Mistake(("heterogeneity", kind, "parameters", place), problem, name)
    fitted = {plan.study for plan in protocol.cohorts}
    for study in protocol.weights:
        yield from _absent(("weights", study), study, fitted, "no cohort is of this study")
    for place, cohort in enumerate(protocol.cohorts):
        yield from _wrong_cohort(("cohorts", place), cohort, register, cohorts)


def _absent(
    path: Steps, name: str, known_names: Iterable[str], problem: str = "no such parameter"
) -> Iterator[Mistake]:
    if name not in known_names:
        yield Mistake(path, problem, name, known_names)


def _wrong_priors(protocol: Protocol, catalogue: Mapping[str, Parameter]) -> Iterator[Mistake]:
    for name, prior in protocol.priors.items():
        path = ("priors", name)
        if name not in catalogue:
            yield from _absent(path, name, catalogue)
        elif prior.scale == "log" and prior.mean <= 0.0:
            yield Mistake((*path, "mean"), "must be above 0 on the scale 'log'", prior.mean)
        elif prior.scale == "logit" and not 0.0 < prior.mean < 1.0:
            problem = "must be between 0 and 1 on the scale 'logit'"
            yield Mistake((*path, "mean"), problem, prior.mean)
        else:
            for z in (0.0, -FARTHEST, FARTHEST):
                problem_there = catalogue[name].check(prior.value(z))
                if problem_there is not None:
                    problem = f"allows values that the parameter may not have: {problem_there}"
                    yield Mistake((*path, "scale"), problem, prior.scale)
                    break


def _wrong_cohort(
    path: Steps, plan: CohortPlan, register: Mapping[str, Study], cohorts: Path
) -> Iterator[Mistake]:
    file = cohorts / f"{plan.scenario}.yaml"
    if not exists(file):
        there = sorted(found.stem for found in cohorts.glob("*.yaml"))
        problem = f"no such scenario in the folder '{cohorts.name}' beside the protocol"
        yield Mistake((*path, "scenario"), problem, plan.scenario, there)
    else:
        named = [strategy.name for strategy in load_scenario(file).scenario.strategies]
        for arm, strategy in plan.arms.items():
            problem = f"the scenario '{plan.scenario}' has no such strategy"
            yield from _absent((*path, "arms", arm), strategy, named, problem)
    if plan.study not in register:
        yield from _absent((*path, "study"), plan.study, register, "no such study in the register")
        return
    study = register[plan.study]
    for arm in plan.arms:
        yield from _absent((*path, "arms", arm), arm, study.arms, "the study has no such arm")
    for place, name in enumerate(plan.endpoints or ()):
        here = (*path, "endpoints", place)
        if name not in study.endpoints:
            yield from _absent(here, name, study.endpoints, "the study has no such endpoint")
        elif (reason := _unused(study.endpoints[name], plan)) is not None:
            yield Mistake(here, reason, name)
    yield from _without_reference(path, plan, study)


def _unused(endpoint: Endpoint, plan: CohortPlan) -> str | None:
    """Say why a cohort cannot stand for an endpoint that it names."""
    if endpoint.role == "described":
        return "is neither fitted nor held out: its role is 'described'"
    if endpoint.arm not in plan.arms:
        return f"is of the arm '{endpoint.arm}', which the cohort does not stand for"
    return None if known(endpoint.endpoint) else "is nothing that a simulated cohort shows"


def _without_reference(path: Steps, plan: CohortPlan, study: Study) -> Iterator[Mistake]:
    """Find ratios whose other arm the cohort does not stand for."""
    for name, endpoint in study.endpoints.items():
        used = endpoint.role != "described" and (plan.endpoints is None or name in plan.endpoints)
        if not used or endpoint.arm not in plan.arms or not known(endpoint.endpoint):
            continue
        if endpoint.against is not None and endpoint.against not in plan.arms:
            problem = f"'{name}' is against the arm '{endpoint.against}', which is not among them"
            yield Mistake((*path, "arms"), problem)
