"""The QALY shortfall of the patients, the weight that follows from it, and the weighted results.

With Q the expected QALYs under the comparator, which is standard care, and P those of the general
population of the same ages and sexes, patient by patient, both discounted and up to the horizon::

    absolute shortfall      mean(P) - mean(Q)
    proportional shortfall  1 - mean(Q) / mean(P)

The weight is that of the highest level of which either reaches the cut-off. It multiplies the QALYs
gained, so that a weight w divides the ICER by w, and the net benefit ``w threshold E - C`` is that at
w times the threshold.

Source: NICE health technology evaluations: the manual (PMG36), section 6.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import nan, sqrt
from typing import Final, Literal, NamedTuple

import numpy as np
import pandas as pd

from sim.analyses.psa.acceptability import Places, left_out, quiet_shares, share_errors
from sim.analyses.psa.analysis import deterministic_increment
from sim.analyses.psa.draws_run import SE, Psa
from sim.analyses.psa.noise import Split, split, without_noise
from sim.analyses.severity.population import General
from sim.clinic.patient import Given
from sim.clinic.units import DAYS_PER_YEAR
from sim.economics.estimates import Array, Estimate
from sim.economics.incremental import Increment
from sim.economics.ledger import Account
from sim.economics.utilities import population_norms
from sim.errors import UserError
from sim.layout.schema import Schema, count, number
from sim.scenario.severity import PREFIX, UNWEIGHTED, Level, levels_of, names_of, weights
from sim.scenario.subgroups import Partition, partitions_of
from sim.simulation.question import Question, with_numbers
from sim.simulation.run import Progress, baselines_of, run
from sim.simulation.tally import ACCOUNT_OF, ACCOUNTS, DISCOUNTED

AGE: Final = Given._fields.index("age_years")
MALE: Final = Given._fields.index("male")
IS_QALY: Final = ACCOUNTS.index(Account.QALY) == ACCOUNT_OF
POPULATION: Final = ("population.", "norm.", "perspective.discount_rate_effects")
"""Beginnings of the names of parameters that change what the general population may expect."""
SAMPLE: Final = 500
"""Patients in whom the effect of such a parameter's draw is found."""
Weighting = Literal["none", "base_case", "each_draw"]
WEIGHTINGS: Final[tuple[Weighting, ...]] = ("none", "base_case", "each_draw")
DRAWS: Final = Schema(
    "severity_draws.csv",
    (
        count("draw"),
        number("population_qalys", "expected by the general population of the same ages and sexes"),
        number("qalys", "under the comparator, discounted"),
        number("qalys_se", "its Monte Carlo error"),
        number("absolute", "shortfall, QALYs, without the Monte Carlo noise of the draw"),
        number("proportional", "shortfall, 0 to 1, likewise"),
        number("weight", "of these shortfalls"),
        number("weight_with_noise", "of the shortfalls of the draw as simulated"),
    ),
)
"""One row per draw of the parameters."""


class Shortfall(NamedTuple):
    """The QALYs that patients lose.

    Attributes
    ----------
    population, care
        Discounted QALYs of the general population and of the patients under the comparator.
    absolute, proportional
        The shortfall in QALYs, and as a share of the general population's. The errors are Monte
        Carlo errors of the paired differences.
    weight
        Of the QALYs gained by such patients.
    """

    population: Estimate
    care: Estimate
    absolute: Estimate
    proportional: Estimate
    weight: float


class Group(NamedTuple):
    """The shortfall of all patients, or of a subgroup by a characteristic at entry."""

    characteristic: str
    label: str
    patients: int
    shortfall: Shortfall


class Share(NamedTuple):
    """The share of draws with a weight, with its error, as it is and without Monte Carlo noise."""

    weight: float
    share: float
    se: float
    without_noise: float
    without_noise_se: float


class Weighted(NamedTuple):
    """A strategy against the comparator at a threshold, with QALYs weighted in one way.

    Attributes
    ----------
    increment
        Of the base case, its QALYs weighted; with the weight of each draw there is none.
    weight
        That of the base case, or the mean over draws; 1 without weighting.
    nmb
        Incremental net monetary benefit over draws.
    probability
        That the strategy is the most cost-effective, without Monte Carlo noise.
    """

    strategy: str
    threshold: float
    weighting: Weighting
    weight: float
    increment: Increment | None
    nmb: Estimate
    probability: Estimate


@dataclass(frozen=True)
class Severity:
    """The severity of the condition and what it changes.

    Attributes
    ----------
    question
        Its patients are those of one draw.
    levels
        Of the perspective.
    groups
        All patients of the base case, then the subgroups of the scenario.
    drawn
        The table `DRAWS`.
    shares, results
        By weight, and by strategy, threshold and weighting.
    draws, parameters_drawn, base_patients
        Numbers of draws, of uncertain parameters, and of patients of the base case.
    """

    question: Question
    levels: tuple[Level, ...]
    groups: tuple[Group, ...]
    drawn: pd.DataFrame
    shares: tuple[Share, ...]
    results: tuple[Weighted, ...]
    parameters_drawn: int
    base_patients: int

    @property
    def draws(self) -> int:
        """The number of draws."""
        return len(self.drawn)

    @property
    def shortfall(self) -> Shortfall:
        """Of all patients in the base case."""
        return self.groups[0].shortfall


def levels_for(question: Question) -> tuple[Level, ...]:
    """Return the levels of severity of the perspective.

    Raises
    ------
    UserError
        When the perspective has no rule of severity.
    """
    found = levels_of(question.numbers, question.values())
    if not found:
        having = [
            name
            for name, each in question.catalogue.perspectives.items()
            if any(parameter.startswith(PREFIX) for parameter in each.parameters)
        ]
        raise UserError(
            f"weights no QALYs by severity: it has no parameters '{PREFIX}…'; perspectives that do: "
            f"{', '.join(having)}",
            file=question.loaded.file,
            key="perspective",
            value=question.scenario.perspective,
        )
    written = {name.rpartition(".")[0] for name in question.numbers if name.startswith(PREFIX)}
    for name in sorted(set().union(*map(names_of, written)) - question.numbers.keys()):
        raise UserError("is missing: a level of severity has all three numbers", key=name)
    return found


def general_population(question: Question) -> General:
    """Return the general population of a question: its life table, norms, rate and horizon."""
    norms = population_norms(question.values(), capped=True)
    assert norms is not None
    horizon_years = question.settings.horizon_days / DAYS_PER_YEAR
    return General(question.life_tables, norms, question.accounts.effects, horizon_years)


class Sums:
    """Sums over patients: of their number, P, Q, P - Q, and the squares and products of P and Q."""

    def __init__(self) -> None:
        self.values = np.zeros(7)

    def add(self, population: Array, care: Array) -> None:
        """Add patients: expected QALYs of their like, and their own under the comparator."""
        products = (population**2, care**2, population * care)
        columns = (population, care, population - care, *products)
        self.values += [len(care), *(float(column.sum()) for column in columns)]

    @property
    def patients(self) -> int:
        """How many there are."""
        return int(self.values[0])

    def shortfall(self, levels: Sequence[Level]) -> Shortfall:
        """Return the shortfall, its weight and its errors, that of the ratio by the delta method."""
        n, p, q, lost, pp, qq, pq = (float(value) for value in self.values)
        population, care, absolute = p / n, q / n, lost / n
        proportional = absolute / population
        kept = 1.0 - proportional

        def error(of_population: float, of_care: float) -> float:
            """Return that of the mean of a weighted sum of P and Q."""
            mean = of_population * population + of_care * care
            square = of_population**2 * pp + of_care**2 * qq + 2.0 * of_population * of_care * pq
            return sqrt(max(square - n * mean**2, 0.0) / (n - 1.0) / n) if n > 1.0 else nan

        return Shortfall(
            Estimate(population, error(1.0, 0.0)),
            Estimate(care, error(0.0, 1.0)),
            Estimate(absolute, error(1.0, -1.0)),
            Estimate(proportional, error(kept, -1.0) / population),
            float(weights(levels, absolute, proportional)),
        )


def groups_of(
    question: Question,
    levels: Sequence[Level],
    *,
    threads: int | None = None,
    progress: Progress = lambda _: None,
) -> tuple[Group, ...]:
    """Simulate the patients of a question, and return the shortfall of all and of each subgroup."""
    general, baselines = general_population(question), baselines_of(question)
    comparator = question.comparator_place
    everyone = Partition("", ("all",), ())
    parts = (everyone, *partitions_of(question.scenario))
    sums = {part: [Sums() for _ in part.labels] for part in parts}

    def sink(first: int, rows: Array, amounts: Array) -> None:
        baseline = baselines(first, len(rows))
        population = general.qalys(baseline[:, AGE], baseline[:, MALE])
        care = amounts[:, comparator, DISCOUNTED][:, IS_QALY].sum(axis=1)
        for part, counted in sums.items():
            places = part.places(baseline) if part is not everyone else np.zeros(len(rows))
            for place, each in enumerate(counted):
                each.add(population[places == place], care[places == place])

    run(question, keep_patients=False, threads=threads, progress=progress, sink=sink)
    return tuple(
        Group(part.characteristic, label, each.patients, each.shortfall(levels))
        for part, counted in sums.items()
        for label, each in zip(part.labels, counted, strict=True)
        if each.patients
    )


def drawn_population(question: Question, parameters: pd.DataFrame, base: float) -> Array:
    """Return what the general population may expect in each draw; shape (draws,).

    It is that of the base case, changed by as much as the draw changes it in the same patients.
    """
    names = [name for name in parameters if str(name).startswith(POPULATION)]
    if not names:
        return np.full(len(parameters), base)

    def mean(asked: Question) -> float:
        baseline = baselines_of(asked)(0, SAMPLE)
        return float(general_population(asked).qalys(baseline[:, AGE], baseline[:, MALE]).mean())

    rows = parameters[names].to_dict("records")
    found = [mean(with_numbers(question, {str(k): v for k, v in row.items()})) for row in rows]
    return base + np.array(found) - mean(question)


def severity_analysis(psa: Psa, groups: tuple[Group, ...], levels: tuple[Level, ...]) -> Severity:
    """Return the severity of the condition, from the draws of a probabilistic analysis.

    Parameters
    ----------
    psa
        The draws.
    groups
        All patients of the base case first.
    levels
        Of the perspective.
    """
    base = groups[0].shortfall
    population = drawn_population(psa.question, psa.parameters, base.population.mean)
    care = psa.values("qalys")[:, psa.comparator]
    errors = psa.values(f"{SE}qalys")[:, psa.comparator]

    def weight_of(qalys: Array, drawn: Places) -> Array:
        lost = population[drawn] - qalys
        return weights(levels, lost, lost / population[drawn])

    every = np.arange(psa.draws, dtype=np.int64)
    silent = without_noise(care, errors**2)
    as_simulated, quiet = weight_of(care, every), weight_of(silent, every)
    known = sorted({UNWEIGHTED, *(level.weight for level in levels)})

    def shares(drawn: Places) -> Array:
        found = weight_of(without_noise(care[drawn], errors[drawn] ** 2), drawn)
        return np.array([float((found == weight).mean()) for weight in known])

    counted = np.array([float((as_simulated == weight).mean()) for weight in known])
    rows = (counted, share_errors(counted, psa.draws), *left_out(shares, psa.draws))
    lost = population - silent
    columns = (every, population, care, errors, lost, lost / population, quiet, as_simulated)
    return Severity(
        question=psa.question,
        levels=levels,
        groups=groups,
        drawn=DRAWS.table(zip(*columns, strict=True)),
        shares=tuple(
            Share(*(float(value) for value in row)) for row in zip(known, *rows, strict=True)
        ),
        results=tuple(
            _results(psa, {"none": UNWEIGHTED, "base_case": base.weight, "each_draw": quiet})
        ),
        parameters_drawn=len(psa.parameters.columns),
        base_patients=psa.base_patients,
    )


def _results(psa: Psa, weightings: Mapping[Weighting, float | Array]) -> Iterator[Weighted]:
    """Yield the results of each strategy but the comparator, by threshold and weighting."""
    names = [name for name in psa.strategies if name != psa.strategies[psa.comparator]]
    for threshold in psa.question.thresholds if names else ():
        for weighting, weight in weightings.items():
            at = threshold * np.reshape(weight, (-1, 1))
            benefit, noise = psa.inmb(at), psa.inmb_noise(at)
            chance = quiet_shares(benefit, noise)
            for name in names:
                s = psa.strategies.index(name)
                fixed = isinstance(weight, float)
                found: Split = split(benefit[:, s], noise[:, s])
                yield Weighted(
                    name,
                    threshold,
                    weighting,
                    float(np.mean(weight)),
                    weighted(deterministic_increment(psa, s), float(weight)) if fixed else None,
                    Estimate(found.mean, found.se),
                    Estimate(float(chance.value[s]), float(chance.se[s])),
                )


def weighted(increment: Increment, weight: float) -> Increment:
    """Return an increment with its QALYs weighted."""
    qalys = Estimate(weight * increment.qalys.mean, weight * increment.qalys.se)
    return replace(increment, qalys=qalys, covariance=weight * increment.covariance)
