"""The QALY shortfall of the patients, the weight that follows from it, and the weighted results.

With Q the expected QALYs under the comparator, which is standard care, and P those of the general
population of the same ages and sexes, patient by patient, both discounted and up to the horizon::

    absolute shortfall      mean(P) - mean(Q)
    proportional shortfall  1 - mean(Q) / mean(P)

The weight is that of the highest level of which either reaches the cut-off. It multiplies the QALYs
gained, so that a weight w divides the ICER by w, and the net benefit ``w threshold E - C`` is that at
w times the threshold.

For a person of age a with the hazard h of the life table and the utility norm u at the attained age,
which changes at birthdays, P over T years at a discount rate r is::

    P(a) = integral from 0 to T of exp(-H(a, a + t)) u(floor(a + t)) (1 + r)^-t dt

with H the integral of h. Between birthdays and ages of the life table the integrand is smooth, and
Gauss-Legendre quadrature is exact to rounding.

Source: NICE health technology evaluations: the manual (PMG36), section 6.2; McNamara S et al., Value
Health 2023;26:163-9 (life table and population norms).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import nan, sqrt
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from sim.analyses.psa.acceptability import Places, left_out, quiet_shares, share_errors
from sim.analyses.psa.analysis import deterministic_increment
from sim.analyses.psa.draws_run import SE, Psa
from sim.analyses.psa.noise import split, without_noise
from sim.analyses.shared.result import OverDraws
from sim.clinic.mortality import FLAT_SLOPE, LifeTable
from sim.clinic.patient import Given
from sim.clinic.units import DAYS_PER_YEAR
from sim.economics.discounting import Discounting
from sim.economics.estimates import Array, Estimate
from sim.economics.incremental import Increment
from sim.economics.ledger import Account
from sim.economics.utilities import population_norms
from sim.errors import UserError
from sim.layout.cells import estimate_row, finite
from sim.layout.schema import Schema, count, estimated, number, strategy_name, text
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
BASE_COLUMNS: Final = 11
"""Of `RESULTS`, which hold the base case."""
SAMPLE: Final = 500
"""Patients in whom the effect of such a parameter's draw is found."""
WEIGHTINGS: Final = ("none", "base_case", "each_draw")
SHORTFALLS: Final = Schema(
    "severity.csv",
    (
        text("characteristic", "that divides the patients; empty for all"),
        text("subgroup"),
        count("patients"),
        *estimated(
            "population_qalys", "discounted, of the general population of the same patients"
        ),
        *estimated("qalys", "discounted, under the comparator"),
        *estimated("absolute", "shortfall, QALYs"),
        *estimated("proportional", "shortfall, 0 to 1"),
        number("weight", "of the QALYs gained by such patients"),
    ),
)
"""The base case, all patients first."""
RESULTS: Final = Schema(
    "severity_results.csv",
    (
        strategy_name(),
        strategy_name("comparator"),
        number("threshold", "in `currency` per QALY"),
        text(
            "weighting",
            "``none``, by the weight of the ``base_case``, or by that of ``each_draw``",
            WEIGHTINGS,
        ),
        number("weight", "of the QALYs gained; of each draw, the mean over draws"),
        *estimated("cost", "base case, strategy minus comparator, in `currency`"),
        *estimated("qalys", "base case, weighted"),
        *estimated("life_years", "base case, never weighted"),
        number("covariance", "of the errors of `cost` and `qalys`"),
        *estimated("icer", "base case, per weighted QALY"),
        *estimated("nmb", "base case, incremental net monetary benefit in `currency`"),
        *estimated("mean_nmb", "over draws", "that of draws and patients"),
        *estimated("probability", "of being the most cost-effective, without Monte Carlo noise"),
        text("currency"),
    ),
    ("strategy", "threshold", "weighting"),
)
"""The base case has no results with the weight of each draw."""
DRAWS: Final = Schema(
    "severity_draws.csv",
    (
        count("draw"),
        number("population_qalys", "expected by the general population of the same ages and sexes"),
        *estimated("qalys", "under the comparator, discounted", "its Monte Carlo error"),
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


@dataclass(frozen=True)
class Severity(OverDraws):
    """The severity of the condition and what it changes.

    Attributes
    ----------
    levels, shares
        Of the perspective, and how often each weight was drawn.
    shortfalls, results, drawn
        The tables `SHORTFALLS`, `RESULTS` and `DRAWS`.
    """

    levels: tuple[Level, ...]
    shares: tuple[Share, ...]
    shortfalls: pd.DataFrame
    results: pd.DataFrame
    drawn: pd.DataFrame

    @property
    def weight(self) -> float:
        """That of all patients in the base case."""
        return float(self.shortfalls["weight"].iloc[0])


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
    return General(
        *(
            Expected(table, norm, question.accounts.effects, horizon_years)
            for table, norm in zip(question.life_tables, norms, strict=True)
        )
    )


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

    Of the groups all patients of the base case are the first.
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
        draws=psa.draws,
        parameters_drawn=len(psa.parameters.columns),
        base_patients=psa.base_patients,
        levels=levels,
        shares=tuple(
            Share(*(float(value) for value in row)) for row in zip(known, *rows, strict=True)
        ),
        shortfalls=SHORTFALLS.table(
            (*each[:-1], *estimate_row(*each.shortfall[:-1]), each.shortfall.weight)
            for each in groups
        ),
        results=RESULTS.table(_results(psa, (UNWEIGHTED, base.weight, quiet))),
        drawn=DRAWS.table(zip(*columns, strict=True)),
    )


def _results(psa: Psa, given: Sequence[float | Array]) -> list[tuple[Any, ...]]:
    """Return the rows of `RESULTS`, with the weights of each of `WEIGHTINGS`."""
    question, comparator = psa.question, psa.strategies[psa.comparator]
    others = [s for s in range(len(psa.strategies)) if s != psa.comparator]
    rows: list[tuple[Any, ...]] = []
    for threshold in sorted(question.thresholds) if others else ():
        for weighting, weight in zip(WEIGHTINGS, given, strict=True):
            at = threshold * np.reshape(weight, (-1, 1))
            benefit, noise = psa.inmb(at), psa.inmb_noise(at)
            chance = quiet_shares(benefit, noise)
            for s in others:
                drawn = split(benefit[:, s], noise[:, s])
                base: tuple[float | None, ...] = (None,) * BASE_COLUMNS
                if isinstance(weight, float):
                    base = _base_case(weighted(deterministic_increment(psa, s), weight), threshold)
                over_draws = (
                    Estimate(drawn.mean, drawn.se),
                    Estimate(float(chance.value[s]), float(chance.se[s])),
                )
                rows.append(
                    (
                        *(psa.strategies[s], comparator, threshold, weighting),
                        *(float(np.mean(weight)), *base, *estimate_row(*over_draws)),
                        question.perspective.currency,
                    )
                )
    return sorted(rows, key=lambda row: psa.strategies.index(row[0]))


def _base_case(gain: Increment, threshold: float) -> tuple[float | None, ...]:
    """Return the columns of `RESULTS` from `cost` to `nmb_se`."""
    amounts = estimate_row(gain.cost, gain.qalys, gain.life_years)
    return (*amounts, finite(gain.covariance), *estimate_row(gain.ratio, gain.nmb(threshold)))


def weighted(increment: Increment, weight: float) -> Increment:
    """Return an increment with its QALYs weighted."""
    qalys = Estimate(weight * increment.qalys.mean, weight * increment.qalys.se)
    return replace(increment, qalys=qalys, covariance=weight * increment.covariance)


NODES, WEIGHTS = np.polynomial.legendre.leggauss(8)
OLDEST: Final = 250.0
"""An age beyond which nobody is alive, whatever the horizon."""


class Expected:
    """The expected QALYs of one sex by age.

    Parameters
    ----------
    table
        The hazard per person-year.
    norm
        Utility by attained age in whole years; the last applies beyond.
    discounting
        Of effects.
    horizon_years
        T.
    """

    def __init__(
        self,
        table: LifeTable,
        norm: tuple[float, ...],
        discounting: Discounting,
        horizon_years: float,
    ) -> None:
        ages, hazards, slopes, cumulative = (np.asarray(each, dtype=np.float64) for each in table)
        self._ages, self._hazards = ages, hazards
        self._slopes, self._cumulative = slopes, cumulative
        self._norm = np.asarray(norm, dtype=np.float64)
        self._force_per_year = discounting.force_per_day * DAYS_PER_YEAR
        self._horizon_years = horizon_years
        whole = np.arange(0.0, OLDEST + 1.0)
        self._edges = np.union1d(whole, ages[(ages > 0.0) & (ages < OLDEST)])
        parts = self._between(self._edges[:-1], self._edges[1:])
        self._beyond = np.append(np.cumsum(parts[::-1])[::-1], 0.0)

    def __call__(self, ages: Array) -> Array:
        """Return the expected QALYs at these ages in years, 0 to 150; of their shape."""
        alive = np.exp(-self._log_loss(ages))
        later = np.minimum(ages + self._horizon_years, OLDEST)
        return np.asarray((self._after(ages) - self._after(later)) / alive, dtype=np.float64)

    def _after(self, ages: Array) -> Array:
        """Return the integral from these ages on, in QALYs at birth of those alive then."""
        place = np.minimum(np.searchsorted(self._edges, ages, side="right"), len(self._edges) - 1)
        found: Array = self._between(ages, self._edges[place]) + self._beyond[place]
        return found

    def _between(self, low: Array, high: Array) -> Array:
        """Integrate from `low` to `high`, within a year of age and an interval of the table."""
        half = 0.5 * (high - low)
        at = (low + half)[..., None] + half[..., None] * NODES
        year = np.minimum(np.floor(low), len(self._norm) - 1).astype(np.int64)
        alive = np.exp(-self._log_loss(at)) @ WEIGHTS
        return np.asarray(half * self._norm[year] * alive, dtype=np.float64)

    def _log_loss(self, ages: Array) -> Array:
        """Return the cumulative hazard and discounting from age 0, or from the table's first, on."""
        i = np.maximum(np.searchsorted(self._ages, ages, side="right") - 1, 0)
        years, slope = ages - self._ages[i], self._slopes[i]
        flat = np.abs(slope) < FLAT_SLOPE
        steep = np.where(flat, 1.0, slope)
        lived = np.where(flat, years, np.expm1(steep * years) / steep)
        hazard: Array = self._cumulative[i] + self._hazards[i] * lived
        return hazard + self._force_per_year * ages


class General(NamedTuple):
    """The expected QALYs of the general population, of men and of women."""

    men: Expected
    women: Expected

    def qalys(self, ages: Array, male: Array) -> Array:
        """Return the expected QALYs of persons of these ages and sexes; all of one shape."""
        return np.where(male > 0.0, self.men(ages), self.women(ages))
