"""The protocol of a fit: priors, heterogeneity, cohorts, design and sampler, as its file says.

An arm of a study is represented by a strategy of a cohort's scenario, or by a mixture of several.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field

from sim.catalog import Parameter, load_catalogue
from sim.economics.estimates import NORMAL_97_5
from sim.evidence.observables import is_between_arms, observed
from sim.evidence.study import Endpoint, Study
from sim.files.documents import Steps, exists, read_yaml
from sim.files.schema import Mistake, Part, first_of, validated
from sim.scenario.loading import load_scenario

COHORTS: Final = "cohorts"
FARTHEST: Final = 8.0
"""Prior standard deviations from the mean that no point of a design exceeds."""
Scale = Literal["identity", "log", "logit"]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Reason = Annotated[str, Field(min_length=1)]


class Prior(Part):
    """Normal on `scale`, around `mean` (natural scale) with `sd` (on the scale)."""

    scale: Scale
    mean: float
    sd: Positive
    why: Reason

    def to_scale(self, value: float) -> float:
        """Return a natural value on the scale of the prior."""
        if self.scale == "log":
            return math.log(value)
        return math.log(value / (1.0 - value)) if self.scale == "logit" else value

    def value(self, z: float) -> float:
        """Return the natural value at `z` prior standard deviations from the mean."""
        x = self.to_scale(self.mean) + self.sd * z
        if self.scale == "log":
            return math.exp(x)
        return 1.0 / (1.0 + math.exp(-x)) if self.scale == "logit" else x

    @property
    def interval(self) -> list[float]:
        """The 2.5 %, 50 % and 97.5 % quantiles, in the parameter's own unit."""
        return [self.value(z) for z in (-NORMAL_97_5, 0.0, NORMAL_97_5)]


class Heterogeneity(Part):
    """Heterogeneity between studies: its parameters, and the scale of its prior.

    An effect is added to a log odds ratio and multiplies a hazard ratio by its exponential; its
    standard deviation between studies has a half-normal prior.
    """

    parameters: Annotated[tuple[str, ...], Field(min_length=1, strict=False)]
    scale: Positive
    why: Reason


class Weight(Part):
    """The power of a study's likelihood."""

    weight: Annotated[float, Field(gt=0, le=1)]
    why: Reason


class Toxicity(Part):
    """Heterogeneity of toxicity between studies, on the logit scale; it is in predictions alone."""

    sd: Positive
    why: Reason


class CohortPlan(Part):
    """The scenario of a cohort and the arms of a study; `endpoints` when not for all of them.

    An arm is represented by a strategy, or by several in the proportions of their weights. The
    patients of several studies may be those of one `trial`, a study whose effects they share.
    `after_failure` says that they enter after the failure of an antibody.
    """

    scenario: str
    study: str
    trial: str | None = None
    arms: Mapping[str, str | Mapping[str, Positive]]
    endpoints: Annotated[tuple[str, ...], Field(strict=False)] | None = None
    after_failure: bool = False

    def weights(self, arm: str) -> Mapping[str, float]:
        """Return the weights of the strategies that represent an arm."""
        strategies = self.arms[arm]
        return {strategies: 1.0} if isinstance(strategies, str) else strategies


class Design(Part):
    """Points per wave, and their spread around the posterior of the wave before."""

    waves: Annotated[tuple[Count, ...], Field(min_length=1, strict=False)]
    spread: Positive


class SamplerPlan(Part):
    """Chains of the sampler, with steps of warm-up and draws each."""

    chains: Count
    warmup: Count
    samples: Count


class Protocol(Part):
    """All inputs of a fit but the evidence itself."""

    title: str
    decision: str | None = None
    """The scenario whose uncertainty `validate` divides by what informed it, from this file."""
    seed: Annotated[int, Field(ge=1)]
    design: Design
    sampler: SamplerPlan
    weights: Mapping[str, Weight] = Field(default_factory=dict)
    heterogeneity: Mapping[str, Heterogeneity]
    toxicity: Toxicity
    cohorts: Annotated[tuple[CohortPlan, ...], Field(min_length=1, strict=False)]
    priors: Annotated[Mapping[str, Prior], Field(min_length=1)]

    def weight(self, study: str) -> float:
        """Return the power of a study's likelihood, 1 unless said."""
        return self.weights[study].weight if study in self.weights else 1.0


def load_protocol(path: Path, register: Mapping[str, Study] | None = None) -> Protocol:
    """Read the protocol at `path`; its cohorts are in the folder `COHORTS` next to it.

    Raises
    ------
    UserError
        With file, line, key and value, at the first mistake: in the protocol itself or, where
        there is a `register`, in its names from register, catalogue and cohorts.
    """
    document = read_yaml(path)
    protocol = validated(Protocol, document.data, document)
    if register is not None:
        wrong = list(wrong_names(protocol, register, path.parent / COHORTS))
        if wrong:
            raise first_of(wrong, document)
    return protocol


def wrong_names(
    protocol: Protocol, register: Mapping[str, Study], cohorts: Path
) -> Iterator[Mistake]:
    """Find the mistakes in the names and the priors of a protocol.

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
        for arm in plan.arms:
            for strategy in plan.weights(arm):
                problem = f"the scenario '{plan.scenario}' has no such strategy"
                yield from _absent((*path, "arms", arm), strategy, named, problem)
    if plan.trial is not None:
        problem = "no such study in the register"
        yield from _absent((*path, "trial"), plan.trial, register, problem)
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
    """Return why a cohort cannot represent an endpoint that it names."""
    if endpoint.role == "described":
        return "is neither fitted nor held out: its role is 'described'"
    if endpoint.arm not in plan.arms:
        return f"is of the arm '{endpoint.arm}', which the cohort does not stand for"
    return None if observed(endpoint) else "is nothing that a simulated cohort shows"


def _without_reference(path: Steps, plan: CohortPlan, study: Study) -> Iterator[Mistake]:
    """Find ratios between arms whose other arm the cohort does not represent."""
    for name, endpoint in study.endpoints.items():
        used = endpoint.role != "described" and (plan.endpoints is None or name in plan.endpoints)
        shown = observed(endpoint)
        if not used or endpoint.arm not in plan.arms or shown is None:
            continue
        if is_between_arms(endpoint) and endpoint.against not in plan.arms:
            problem = f"'{name}' is against the arm '{endpoint.against}', which is not among them"
            yield Mistake((*path, "arms"), problem)
