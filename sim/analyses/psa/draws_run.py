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
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import numpy as np

from sim.analyses.shared.large_table import Table, joined, parts
from sim.economics.estimates import Array, Estimate
from sim.simulation.parameter_draws import draw_parameters
from sim.simulation.question import Question
from sim.simulation.run import Progress, run
from sim.simulation.summary import differences, outcomes
from sim.simulation.tally import Tally

if TYPE_CHECKING:
    import pandas as pd

    from sim.simulation.parameter_sets import Batch

SE: Final = "se:"
"""Before the name of an outcome: the Monte Carlo standard error of the draw's mean."""
INCREMENT_SE: Final = "increment_se:"
"""Before cost, qalys or life_years: that of the difference from the comparator."""
COVARIANCE: Final = "increment_covariance:cost,qalys"
"""Covariance of the Monte Carlo errors of the differences in cost and in QALYs."""
PARAMETER: Final = "parameter:"
INCREMENTS: Final = ("cost", "qalys", "life_years")
CHUNK_DRAWS: Final = 25
"""Draws stored together, where finished work is stored on disk, and the most of many draws."""
LARGEST_CHUNK: Final = 250
FEWEST_CHUNKS: Final = 40


class Store(Protocol):
    """A store of finished chunks of draws, so that an interrupted analysis can go on."""

    def done(self) -> set[int]:
        """Return the numbers of the chunks that are not to be simulated: those that are stored."""

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
    on_disk
        The tables of parameters and outcomes, where they are too large for memory.
    """

    question: Question
    parameters: pd.DataFrame
    outcomes: pd.DataFrame
    deterministic: pd.DataFrame
    base_patients: int
    on_disk: tuple[Table, ...] = ()

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
        found = self.outcomes[column].to_numpy(dtype=np.float64, copy=True)
        self.forget()
        return found.reshape(-1, len(self.strategies))

    def drawn(self, name: str) -> Array:
        """Return a drawn parameter; shape (draws,)."""
        found = self.parameters[name].to_numpy(dtype=np.float64, copy=True)
        self.forget()
        return found

    def forget(self) -> None:
        """Give back the memory of what was read of tables that are on the disk."""
        for table in self.on_disk:
            table.forget()

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
    parameters = drawn(asked, draws)
    outcomes = _outcomes(asked, parameters, store, threads, progress)
    base_patients = base_patients or draws * patients
    whole = replace(asked, patients=base_patients)
    base = run(whole, keep_patients=False, threads=threads, progress=progress)
    return Psa(
        question=asked,
        parameters=parameters.frame,
        outcomes=outcomes.frame,
        deterministic=_table(asked, [_rows(base.tally, asked.settings.horizon_days)]),
        base_patients=base_patients,
        on_disk=(*parameters.on_disk, *outcomes.on_disk),
    )


def _outcomes(
    question: Question,
    parameters: Table,
    store: Store | None,
    threads: int | None,
    progress: Progress,
) -> Table:
    """Return the outcomes of every draw; where there is a store, simulate what it lacks."""
    draws = len(parameters.frame)
    chunks = range(chunks_of(draws))
    kept = store.done() if store is not None else set()
    missing = [chunk for chunk in chunks if chunk not in kept]
    simulated = _simulated(question, parameters, missing, threads, progress)
    tables = (table for _, table in simulated)
    if store is not None:
        for chunk, table in simulated:
            store.keep(chunk, table)
        tables = (store.read(chunk) for chunk in chunks)
    return joined(tables, draws * len(question.scenario.strategies))


def drawn(question: Question, draws: int) -> Table:
    """Draw the uncertain parameters, of many draws on the disk."""
    import pandas as pd

    tables = (
        draw_parameters(question, part.stop - part.start, question.seed, first=part.start)
        for part in parts(draws)
    )
    found = joined(tables, draws)
    found.frame.index = pd.RangeIndex(draws, name="draw")
    return found


def patients_to_simulate(
    question: Question, draws: int, patients: int, base_patients: int, kept: set[int]
) -> int:
    """Return how many patients `run_psa` simulates, strategies counted."""
    waiting = sum(len(_draws_of(c, draws)) for c in range(chunks_of(draws)) if c not in kept)
    return (waiting * patients + base_patients) * len(question.model.strategies)


def chunk_draws(draws: int) -> int:
    """Return how many of so many draws are stored together.

    Storing a chunk takes as long as simulating some 15 draws, so that many draws have larger chunks.
    """
    return min(max(draws // FEWEST_CHUNKS, CHUNK_DRAWS), LARGEST_CHUNK)


def chunks_of(draws: int) -> int:
    """Return the number of chunks of so many draws."""
    return -(-draws // chunk_draws(draws))


def _draws_of(chunk: int, draws: int) -> range:
    size = chunk_draws(draws)
    return range(chunk * size, min((chunk + 1) * size, draws))


def _simulated(
    question: Question,
    inputs: Table,
    chunks: Sequence[int],
    threads: int | None,
    progress: Progress,
) -> Iterator[tuple[int, pd.DataFrame]]:
    """Yield the outcomes of each chunk."""
    # Imported here: reading results does not need the compiler.
    from sim.simulation.parameter_sets import SetsJob, read_sets

    parameters, patients = inputs.frame, question.patients
    names, values = list(parameters.columns), parameters.to_numpy()
    waiting = (k for chunk in chunks for k in _draws_of(chunk, len(parameters)))
    job = SetsJob(question, partial(_numbers, names), partial(_rows_of_batch, question))
    sets = ((values[k], k * patients) for k in waiting)
    batches = read_sets(job, sets, threads=threads, progress=progress)
    strategies = len(question.scenario.strategies)
    for chunk, rows in _together(batches, {c: len(_draws_of(c, len(parameters))) for c in chunks}):
        table = _table(question, rows)
        table.insert(0, "draw", np.repeat(_draws_of(chunk, len(parameters)), strategies))
        inputs.forget()
        yield chunk, table


def _together(
    batches: Iterator[Rows], draws: Mapping[int, int]
) -> Iterator[tuple[int, list[Rows]]]:
    """Yield the rows of each chunk, which has so many draws."""
    left = Rows((), np.empty((0, 0, 0)))
    for chunk, number in draws.items():
        found: list[Rows] = []
        missing = number
        while missing:
            batch = left if len(left.values) else next(batches)
            found.append(Rows(batch.names, batch.values[:missing]))
            left = Rows(batch.names, batch.values[missing:])
            missing -= len(found[-1].values)
        yield chunk, found


class Rows(NamedTuple):
    """Outcomes and Monte Carlo errors: their names, and values by set, strategy and name."""

    names: tuple[str, ...]
    values: Array


def _numbers(names: Sequence[str], values: Array) -> Mapping[str, float]:
    return dict(zip(names, values.tolist(), strict=True))


def _rows_of_batch(question: Question, batch: Batch) -> Rows:
    return _rows(batch.tally, question.settings.horizon_days)


def _rows(tally: Tally, horizon_days: float) -> Rows:
    """Return the outcomes of each set and strategy of a tally."""
    found = outcomes(tally, horizon_days)
    gains = differences(tally)
    columns = {name: each.mean for name, each in found.items()}
    columns |= {f"{SE}{name}": each.se for name, each in found.items()}
    errors = {f"{INCREMENT_SE}{name}": getattr(gains, name).se for name in INCREMENTS}
    for name, values in {**errors, COVARIANCE: gains.covariance}.items():
        columns[name] = values.copy()
        columns[name][..., tally.comparator] = np.nan
    values = np.stack(list(columns.values()), axis=-1)
    return Rows(tuple(columns), values.reshape(-1, *values.shape[-2:]))


def _table(question: Question, rows: Sequence[Rows]) -> pd.DataFrame:
    """Return a row for each set and strategy."""
    import pandas as pd

    values = np.concatenate([each.values for each in rows])
    names = [strategy.name for strategy in question.scenario.strategies]
    table = pd.DataFrame(values.reshape(-1, values.shape[-1]), columns=list(rows[0].names))
    table.insert(0, "strategy", names * len(values))
    return table
