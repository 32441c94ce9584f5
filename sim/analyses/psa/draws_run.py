"""Probabilistic sensitivity analysis: the question under many draws of its parameters.

Draw k is simulated in patients of its own, those numbered ``k n`` to ``k n + n - 1``, the same
under each strategy. With common patients in every draw, their random numbers would be part of every
result, and no number of draws would average them out; with patients of their own the draws are
independent, and Monte Carlo noise can be separated from uncertainty (`sim.analyses.psa.noise`).

Source: O'Hagan A, Stevenson M, Madan J, Health Econ 2007;16:1009-23.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

import numpy as np
import pandas as pd

from sim.economics.estimates import Array, Estimate
from sim.simulation.parameter_draws import draw_parameters
from sim.simulation.question import Question
from sim.simulation.run import Progress, run
from sim.simulation.tally import Tally
from sim.simulation.tally_estimates import differences, outcomes

SE: Final = "se:"
"""Before the name of an outcome: the Monte Carlo standard error of the draw's mean."""
INCREMENT_SE: Final = "increment_se:"
"""Before cost, qalys or life_years: that of the difference from the comparator."""
COVARIANCE: Final = "increment_covariance:cost,qalys"
"""Covariance of the Monte Carlo errors of the differences in cost and in QALYs."""
PARAMETER: Final = "parameter:"
INCREMENTS: Final = ("cost", "qalys", "life_years")
CHUNK_DRAWS: Final = 25
"""Draws stored together, where finished work is stored on disk."""


class Store(Protocol):
    """A store of finished chunks of draws, so that an interrupted analysis can go on."""

    def done(self) -> set[int]:
        """Return the numbers of the stored chunks."""

    def keep(self, chunk: int, outcomes: pd.DataFrame) -> None:
        """Store the outcomes of a chunk."""

    def read(self, chunk: int) -> pd.DataFrame:
        """Return the outcomes of a chunk."""


@dataclass(frozen=True)
class Psa:
    """Outcomes of every strategy under every draw.

    Attributes
    ----------
    question
        The question; its patients are those of one draw.
    parameters
        One row per draw, one column per uncertain parameter.
    outcomes
        One row per draw and strategy, in this order: ``draw``, ``strategy``, a column per
        outcome of summary.json, then the columns named by `SE`, `INCREMENT_SE` and `COVARIANCE`;
        increments are empty in the rows of the comparator.
    deterministic
        The same columns but ``draw`` for a run with the parameters' own values: one row per
        strategy.
    base_patients
        Of the deterministic run.
    """

    question: Question
    parameters: pd.DataFrame
    outcomes: pd.DataFrame
    deterministic: pd.DataFrame
    base_patients: int

    @property
    def draws(self) -> int:
        """The number of draws."""
        return len(self.parameters)

    @property
    def strategies(self) -> list[str]:
        """Names of the strategies, in the order of the scenario."""
        return [strategy.name for strategy in self.question.model.strategies]

    @property
    def comparator(self) -> int:
        """The place of the comparator among the strategies."""
        return self.strategies.index(self.question.scenario.comparator_name)

    def values(self, column: str) -> Array:
        """Return a column of the outcomes; shape (draws, strategies)."""
        return self._wide(self.outcomes, column)

    def increments(self, column: str) -> Array:
        """Return differences of an outcome from the comparator; shape (draws, strategies)."""
        values = self.values(column)
        return values - values[:, [self.comparator]]

    def inmb(self, threshold: float | Array) -> Array:
        """Return incremental net monetary benefits; shape (draws, strategies).

        ``threshold * QALYs - cost`` of a strategy minus that of the comparator, whose own is 0. The
        threshold may differ between draws, shape (draws, 1).
        """
        return threshold * self.increments("qalys") - self.increments("cost")

    def increment_noise(self, column: str) -> Array:
        """Return Monte Carlo variances of the increments; shape (draws, strategies)."""
        noise = self.values(f"{INCREMENT_SE}{column}") ** 2
        noise[:, self.comparator] = 0.0
        return noise

    def inmb_noise(self, threshold: float | Array) -> Array:
        """Return Monte Carlo variances of the incremental net monetary benefits.

        ``threshold^2 var(QALYs) + var(cost) - 2 threshold cov(cost, QALYs)`` of the paired
        differences; shape (draws, strategies).
        """
        covariance = self.values(COVARIANCE)
        covariance[:, self.comparator] = 0.0
        effect, cost = self.increment_noise("qalys"), self.increment_noise("cost")
        return np.maximum(threshold**2 * effect + cost - 2.0 * threshold * covariance, 0.0)

    def expected(self, column: str) -> list[Estimate]:
        """Return an outcome of the deterministic run, strategy by strategy."""
        means, errors = self.deterministic[column], self.deterministic[f"{SE}{column}"]
        return [Estimate(*pair) for pair in zip(means, errors, strict=True)]

    def _wide(self, table: pd.DataFrame, column: str) -> Array:
        values = table[column].to_numpy(dtype=np.float64, copy=True)
        return values.reshape(-1, len(self.strategies))


def run_psa(
    question: Question,
    draws: int,
    *,
    patients: int,
    base_patients: int | None = None,
    seed: int | None = None,
    threads: int | None = None,
    progress: Progress = lambda _: None,
    store: Store | None = None,
) -> Psa:
    """Simulate the question under draws of its uncertain parameters.

    Parameters
    ----------
    question
        The question; its own number of patients does not matter.
    draws
        At least 1; draw k is the same for any number of them.
    patients
        Of each draw, at least 2 for a Monte Carlo error.
    base_patients
        Of the deterministic run; by default those of all draws together.
    seed
        Of patients and parameters; by default the question's.
    threads
        Draws simulated at the same time; results do not depend on it.
    progress
        Called with the number of patients finished since the last call, strategies counted.
    store
        Stores chunks of draws as they are finished; those that it has are not simulated again.

    Raises
    ------
    UserError
        When nothing is uncertain, or a chunk cannot be stored.
    """
    asked = replace(question, patients=patients, seed=question.seed if seed is None else seed)
    parameters = draw_parameters(asked, draws, asked.seed)
    kept = store.done() if store is not None else set()
    tables: dict[int, pd.DataFrame] = {}
    missing = [c for c in range(-(-draws // CHUNK_DRAWS)) if c not in kept]
    for chunk, table in _simulated(asked, parameters, missing, threads, progress):
        if store is None:
            tables[chunk] = table
        else:
            store.keep(chunk, table)
    base_patients = base_patients or draws * patients
    whole = replace(asked, patients=base_patients)
    base = run(whole, keep_patients=False, threads=threads, progress=progress)
    if store is not None:
        tables = {chunk: store.read(chunk) for chunk in sorted(store.done())}
    return Psa(
        question=asked,
        parameters=parameters,
        outcomes=pd.concat([tables[c] for c in sorted(tables)], ignore_index=True),
        deterministic=_rows(base.question, base.tally),
        base_patients=base_patients,
    )


def patients_to_simulate(
    question: Question, draws: int, patients: int, base_patients: int, kept: set[int]
) -> int:
    """Return how many patients `run_psa` simulates, strategies counted."""
    waiting = sum(
        len(_draws_of(c, draws)) for c in range(-(-draws // CHUNK_DRAWS)) if c not in kept
    )
    return (waiting * patients + base_patients) * len(question.model.strategies)


def _draws_of(chunk: int, draws: int) -> range:
    return range(chunk * CHUNK_DRAWS, min((chunk + 1) * CHUNK_DRAWS, draws))


def _simulated(
    question: Question,
    parameters: pd.DataFrame,
    chunks: Sequence[int],
    threads: int | None,
    progress: Progress,
) -> Iterator[tuple[int, pd.DataFrame]]:
    """Yield the outcomes of each chunk."""
    # Imported here: reading results does not need the compiler.
    from sim.simulation.parameter_sets import run_batches

    waiting = [k for chunk in chunks for k in _draws_of(chunk, len(parameters))]
    batches = run_batches(
        question,
        _sets(question, parameters, waiting),
        first_patients=(k * question.patients for k in waiting),
        threads=threads,
        progress=progress,
    )
    strategies = len(question.scenario.strategies)
    done = pd.DataFrame()
    for chunk in chunks:
        draws = _draws_of(chunk, len(parameters))
        rows = len(draws) * strategies
        while len(done) < rows:
            found = _rows(question, next(batches).tally)
            done = pd.concat([done, found], ignore_index=True) if len(done) else found
        table, done = done.iloc[:rows].copy(), done.iloc[rows:].reset_index(drop=True)
        table.insert(0, "draw", np.repeat(draws, strategies))
        yield chunk, table


def _sets(
    question: Question, parameters: pd.DataFrame, draws: Sequence[int]
) -> Iterator[Mapping[str, float]]:
    names, values = list(parameters.columns), parameters.to_numpy()
    for k in draws:
        yield {**question.numbers, **dict(zip(names, values[k].tolist(), strict=True))}


def _rows(question: Question, tally: Tally) -> pd.DataFrame:
    """Return a row of outcomes and Monte Carlo errors for each set and strategy."""
    found = outcomes(tally, question.settings.horizon_days)
    gains = differences(tally)
    columns = {name: each.mean for name, each in found.items()}
    columns |= {f"{SE}{name}": each.se for name, each in found.items()}
    errors = {f"{INCREMENT_SE}{name}": getattr(gains, name).se for name in INCREMENTS}
    for name, values in {**errors, COVARIANCE: gains.covariance}.items():
        columns[name] = values.copy()
        columns[name][..., tally.comparator] = np.nan
    names = [strategy.name for strategy in question.scenario.strategies]
    sets = tally.sums.products.size // len(names)
    return pd.DataFrame(
        {"strategy": names * sets, **{name: each.ravel() for name, each in columns.items()}}
    )
