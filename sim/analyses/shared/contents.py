"""The JSON files of the analyses: the keys and types that are read back from each.

Other keys are for people and other programs, and may be anything. Names of strategies and
parameters are checked against those of the question, which pydantic passes on as its context.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field, ValidationError

from sim.analyses.explain.contents import Explain
from sim.analyses.shared.content_parts import (
    Content,
    Heading,
    Mean,
    Number,
    Parameter,
    Reported,
    Size,
    Strategy,
    strategies_of,
)
from sim.errors import NOT_GIVEN, UserError
from sim.files.documents import dotted
from sim.files.schema import mistakes_in
from sim.simulation.question import Question


class Arm(Content):
    """A strategy of a run."""

    name: Strategy
    label: str
    outcomes: dict[str, Mean]


class Gain(Content):
    """A strategy of a run against the comparator."""

    strategy: Strategy
    comparator: Strategy
    covariance: Number


class Step(Content):
    """A row of the efficiency frontier."""

    name: Strategy
    cost: float
    effect: float
    status: str
    icer: Number
    icer_se: Number
    icer_interval: Annotated[list[float], Field(min_length=2, max_length=2)] | None
    against: Strategy | None


class Run(Heading):
    """summary.json."""

    thresholds: Annotated[list[float], Field(min_length=1)]
    engine: str
    horizon_years: float | str
    discount_rate_costs: float
    discount_rate_effects: float
    strategies: Annotated[list[Arm], Field(min_length=1)]
    increments: list[Gain]
    frontier: Annotated[list[Step], Field(min_length=1)]
    inputs: dict[str, int]


class Needs(Content):
    """The draws and patients with which an interval could be given."""

    draws: int | None
    patients: int | None


class Spread(Mean):
    """A mean over draws, and what its spread is made of."""

    between_sd: Number
    noise_sd: Number
    noise_share: Number
    low: Number
    low_se: Number
    high: Number
    high_se: Number
    interval_needs: Needs | None


class Drawn(Spread):
    """An outcome of a strategy over draws, beside that of the base case."""

    deterministic: Mean


class DrawnArm(Content):
    """A strategy of a probabilistic analysis."""

    name: Strategy
    outcomes: dict[str, Drawn]


class Ratio(Content):
    """The ICER of the base case."""

    icer: Number


class DrawnGain(Content):
    """A strategy of a probabilistic analysis against the comparator."""

    strategy: Strategy
    cost: Spread
    qalys: Spread
    life_years: Spread
    nmb: dict[str, Spread]
    icer: Number
    icer_se: Number
    deterministic: Ratio


class Share(Mean):
    """A share of draws, with and without the Monte Carlo noise of each."""

    mean: float
    without_noise: Number
    without_noise_se: Number


class Chosen(Content):
    """A strategy at a threshold."""

    name: Strategy
    probability: Share
    expected_loss: Mean


class Decision(Content):
    """The strategies at a threshold."""

    threshold: float
    strategies: list[Chosen]


class Pilot(Content):
    """How the numbers of draws and patients were chosen."""

    strategy: Strategy
    threshold: float
    between_draws_sd: float
    between_patients_sd: float
    expected_se: float
    expected_noise_share: float
    customary_draws: int
    customary_expected_se: float


class Psa(Heading):
    """psa.json."""

    thresholds: list[float]
    draws: Size
    base_case_patients: Size
    parameters_drawn: int
    chosen: Pilot | None
    strategies: list[DrawnArm]
    increments: list[DrawnGain]
    decision: list[Decision]


class Chance(Content):
    """A probability at a price."""

    share: float
    se: Number
    without_noise: Number
    without_noise_se: Number


class Chances(Content):
    """The probabilities of a strategy at a threshold."""

    strategy: Strategy
    threshold: float
    at_price_of_scenario: Chance | None
    at_price_of_base_case: Chance | None


class Price(Heading):
    """price.json."""

    regimen: str
    parameter: Parameter
    price: float
    draws: Size
    parameters_drawn: int
    base_case_patients: Size
    probability_most_cost_effective: list[Chances]


class Agreement(Heading):
    """agreement.json."""

    draws: Size
    parameters_drawn: int
    base_case_patients: Size


class Cutoffs(Content):
    """A level of severity."""

    absolute_qalys: float
    proportional: float
    weight: float


class DrawnWeight(Content):
    """The share of draws with a weight."""

    weight: float
    share: Number
    se: Number
    without_noise: Number
    without_noise_se: Number


class Severity(Heading):
    """severity.json."""

    draws: Size
    parameters_drawn: int
    base_case_patients: Size
    levels: Annotated[list[Cutoffs], Field(min_length=1)]
    weights: list[DrawnWeight]


class Impact(Mean):
    """The net budget impact over draws, in a year or in all."""

    between_sd: Number
    noise_sd: Number
    noise_share: Number
    low: Number
    low_se: Number
    high: Number
    high_se: Number
    more_draws: Number
    more_patients: Number


class Budget(Heading):
    """budget.json."""

    draws: Size
    parameters_drawn: int
    base_case_patients: Size
    total: Mean
    net_over_draws: Annotated[list[Impact], Field(min_length=2)]


class Facing(Content):
    """The patients who face the decision."""

    patients_per_year: Annotated[float, Field(gt=0)]
    years: Annotated[float, Field(gt=0)]


class Voi(Heading):
    """voi.json."""

    draws: Size
    thresholds: Annotated[list[float], Field(min_length=1)]
    groups: dict[str, list[Parameter]]
    population: Facing | None


class Ruled(Content):
    """A setting of a trial."""

    name: str
    value: float
    is_given: bool


class Partial(Content):
    """The value of knowing a part, as in a `PartialInformation`."""

    value: float
    se: float
    null: float
    null_se: float


class Known(Content):
    """The value of knowing everything, and its error."""

    mean: float
    se: float


class Bound(Content):
    """What a trial is worth at most, at a threshold."""

    threshold: float
    evpi: Known
    evppi: Partial


class Trial(Heading):
    """trial.json."""

    draws: Size
    arms: Annotated[list[Strategy], Field(min_length=1)]
    outcomes: Annotated[list[Reported], Field(min_length=1)]
    sizes: Annotated[list[Size], Field(min_length=1)]
    settings: list[Ruled]
    informed_parameters: Size
    bounds: Annotated[list[Bound], Field(min_length=1)]


class Target(Heading):
    """An outcome of a strategy against the comparator, of an analysis of one number."""

    outcome: str
    strategy: Strategy
    threshold: float
    base: Mean


class Tornado(Target):
    """tornado.json."""

    optimal: Strategy
    state: str | None


class Interval(Content):
    """A parameter and its interval, as in a `Range`."""

    model_config = ConfigDict(extra="forbid")

    name: Parameter
    label: str
    unit: str
    low: float
    high: float


class TwoWay(Content):
    """twoway.json."""

    outcome: str
    strategy: Strategy
    threshold: float
    x: Interval
    y: Interval


class Choice(Content):
    """The strategies that are optimal at a threshold."""

    threshold: float
    low: Strategy
    base: Strategy
    high: Strategy


class Means(Content):
    """The means of all strategies at a value of a parameter."""

    value: float
    cost: list[float]
    qalys: list[float]


class Threshold(Heading):
    """threshold.json."""

    parameter: Parameter
    label: str
    unit: str
    low: float
    high: float
    linear: bool
    decisions: list[Choice]
    grid: list[Means]


class Capacity(Heading):
    """capacity.json."""

    threshold: float
    replications: Size
    patients_counted: int


class WhatIfs(Heading):
    """scenarios.json."""

    notes: dict[str, list[str]]


class Fitted(Content):
    """The share of a topic of the fitted parameters."""

    topic: str
    share: Number
    share_ci: Number


class Sobol(Target):
    """sobol.json."""

    draws: Size
    mean: float
    sd: float
    checked: bool
    noise_share: Number
    fitted: list[Fitted]


class Morris(Target):
    """morris.json."""

    trajectories: Size
    runs: int


CONTENTS: Final[Mapping[str, type[Content]]] = {
    "summary.json": Run,
    "psa.json": Psa,
    "price.json": Price,
    "agreement.json": Agreement,
    "severity.json": Severity,
    "budget.json": Budget,
    "voi.json": Voi,
    "trial.json": Trial,
    "tornado.json": Tornado,
    "twoway.json": TwoWay,
    "threshold.json": Threshold,
    "capacity.json": Capacity,
    "scenarios.json": WhatIfs,
    "sobol.json": Sobol,
    "morris.json": Morris,
    "explain.json": Explain,
}
"""By the name of the file."""
OF_ALL: Final = {"strategies", "increments"}
"""Lists with one item for each strategy, or for each but the comparator."""


def check_content(path: Path, content: Mapping[str, Any], question: Question) -> None:
    """Refuse the content of a JSON file that is not what an analysis of the question writes.

    Raises
    ------
    UserError
        At the first key that is missing, or whose value is of another type or an unknown name.
    """
    kind = CONTENTS.get(path.name)
    if kind is None:
        return
    try:
        kind.model_validate(dict(content), context=question)
    except ValidationError as error:
        first = mistakes_in(error, kind)[0]
        value = NOT_GIVEN if first.value is None else first.value
        raise UserError(
            first.problem,
            file=path,
            key=dotted(first.path) or None,
            value=value,
            choices=first.choices,
        ) from None
    names = strategies_of(question)
    for key in sorted(OF_ALL & kind.model_fields.keys()):
        found = [each.get("name", each.get("strategy")) for each in content[key]]
        wanted = [
            name
            for name in names
            if key == "strategies" or name != question.scenario.comparator_name
        ]
        if found != wanted:
            problem = f"must be of the strategies {', '.join(wanted)}, in this order"
            raise UserError(problem, file=path, key=key, value=", ".join(found))
