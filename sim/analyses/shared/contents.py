"""The JSON files of the analyses: the keys and types that are read back from each.

Other keys are for people and other programs, and may be anything. Names of strategies and
parameters are checked against those of the question, which pydantic passes on as its context.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Final, cast

from pydantic import AfterValidator, ConfigDict, Field, ValidationInfo

from sim.files.schema import Part, broken_rule
from sim.layout.endpoint_words import TRIAL_OUTCOMES
from sim.simulation.question import Question


def _known(kind: str, value: str, info: ValidationInfo) -> str:
    question = cast("Question", info.context)
    names = question.strategy_names if kind == "strategy" else tuple(question.numbers)
    if value not in names:
        raise broken_rule((), f"no such {kind} in this scenario", value, names)
    return value


def _reported(value: str) -> str:
    if value not in TRIAL_OUTCOMES:
        problem = "no such outcome of a trial in this scenario"
        raise broken_rule((), problem, value, tuple(TRIAL_OUTCOMES))
    return value


Strategy = Annotated[str, AfterValidator(partial(_known, "strategy"))]
Parameter = Annotated[str, AfterValidator(partial(_known, "parameter"))]
Reported = Annotated[str, AfterValidator(_reported)]
Number = float | None
"""A number; null where it cannot be estimated."""
Size = Annotated[int, Field(ge=1)]


class Content(Part):
    """A part of a file, in which further keys are allowed."""

    model_config = ConfigDict(extra="ignore")


class Mean(Content):
    """A value and its error."""

    mean: Number
    se: Number


class Amounts(Content):
    """An amount of a life."""

    undiscounted: float
    discounted: float


class Heading(Content):
    """The beginning of every file."""

    title: str
    currency: str
    price_year: int
    patients: Size
    seed: int


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


class DrawsHeading(Heading):
    """The beginning of a file of an analysis over draws of the parameters."""

    draws: Size
    parameters_drawn: int
    base_case_patients: Size


class Needs(Content):
    """The draws and patients with which an interval could be given."""

    draws: int | None
    patients: int | None


class Interval(Mean):
    """A mean over draws, its interval, and what its spread is made of."""

    between_sd: Number
    noise_sd: Number
    noise_share: Number
    low: Number
    low_se: Number
    high: Number
    high_se: Number


class Spread(Interval):
    """The same, and what an interval needs where there is none."""

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


class Psa(DrawsHeading):
    """psa.json."""

    thresholds: list[float]
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


class Price(DrawsHeading):
    """price.json."""

    regimen: str
    parameter: Parameter
    price: float
    probability_most_cost_effective: list[Chances]


class Agreement(DrawsHeading):
    """agreement.json."""


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


class Severity(DrawsHeading):
    """severity.json."""

    levels: Annotated[list[Cutoffs], Field(min_length=1)]
    weights: list[DrawnWeight]


class Impact(Interval):
    """The net budget impact over draws, in a year or in all."""

    more_draws: Number
    more_patients: Number


class Budget(DrawsHeading):
    """budget.json."""

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


class Varied(Content):
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
    x: Varied
    y: Varied


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


class Search(Content):
    """How the patient was found."""

    search: str


class Person(Content):
    """The patient at entry, as in a `Patient`."""

    model_config = ConfigDict(extra="forbid")

    number: Annotated[int, Field(ge=0)]
    age_years: float
    male: bool
    weight_kg: float
    height_cm: float
    salvage_line: int
    prior_hct: bool
    ph_positive: bool
    kmt2a: bool
    high_blasts: bool
    cns: bool
    extramedullary: bool
    primary_refractory: bool
    first_remission_months: Number
    mrd_only: bool


class Reason(Content):
    """Why two lives part."""

    about: str
    text: str


class Parting(Content):
    """Where the life of a strategy parts from that of the comparator."""

    strategy: Strategy
    comparator: Strategy
    told: list[Reason]


class Event(Content):
    """An event of a life."""

    day: float
    words: str


class Totals(Content):
    """The amounts of a life by account."""

    cost: Amounts
    qaly: Amounts
    life_years: Amounts


class Life(Content):
    """A patient's life under a strategy."""

    name: Strategy
    label: str
    totals: Totals
    categories: dict[str, Amounts]
    events: Annotated[list[Event], Field(min_length=1)]


class Explain(Content):
    """explain.json."""

    patients: Size
    seed: int
    found: Search | None
    patient: Person
    partings: list[Parting]
    strategies: list[Life]


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
