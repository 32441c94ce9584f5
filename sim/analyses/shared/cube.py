"""The uncertain parameters as a map from the unit cube, and the outcome at points of it.

Each coordinate is a uniform number between 0 and 1, independent of the others:

- a parameter takes the quantile of its distribution;
- shares of one whole take a coordinate each, and one for the rest, as gamma variables that are
  divided by their sum (`sim.simulation.parameter_draws`), and stay in one group;
- parameters that were fitted together take one coordinate, which picks a draw of their joint
  posterior. The draws are ordered by their score on the first principal component, so that the
  map is as smooth as one coordinate allows.

All points are simulated in the same patients. Their random numbers are part of every outcome alike
and do not vary between points, but for their interaction with the parameters; that rest is noise
that more patients reduce.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

import numpy as np
import pandas as pd
from rich.console import Console

from sim.analyses.psa.draws_run import Store
from sim.analyses.shared import paired_runs
from sim.analyses.shared.outcomes import DOES_NOT_VARY, Outcome, is_constant, outcome_named
from sim.analyses.shared.paired_runs import (
    Progress,
    Sample,
    Sets,
    chosen_strategy,
    middle_threshold,
    rows_of,
    sample,
    sets_to_simulate,
    with_values,
)
from sim.analyses.shared.ranges import components, decided, shown_label
from sim.analyses.shared.store import analysis_manifest
from sim.analyses.shared.stored import Stored
from sim.analyses.shared.text import against, estimate_cell, print_heading
from sim.analyses.shared.work import enough_memory
from sim.clinic.toxicity import Toxicity
from sim.economics.estimates import Array, Estimate
from sim.errors import UserError
from sim.layout.cells import estimate_json, estimate_of
from sim.scenario.domain import Rule, settle
from sim.simulation.parameter_draws import REST, allowed, fitted_draws, quantile, uncertain, wholes
from sim.simulation.question import Question

TOXICITIES: Final = "|".join(kind.name.lower() for kind in Toxicity)
GROUPS: Final = tuple(
    (re.compile(pattern), group)
    for pattern, group in (
        (r"cost\.(transplant|acute_gvhd|chronic_gvhd)\w*", "costs of allo-HCT"),
        (r"cost\.(mild|severe)_\w+", "costs of toxicity"),
        (r"cost\.(\w+)\..*", r"prices of \1"),
        (r"cost\.(usual_care|supportive_care|end_of_life)\w*", "costs of later care"),
        (r"cost\..*", "costs of hospital and visits"),
        (r"hospital\..*", "days in hospital"),
        (r"utility\..*", "utilities"),
        (r"decrement\..*", "utility decrements"),
        (r"norm\..*", "utilities of the population"),
        (r"response\..*", "response"),
        (r"candidacy\..*|.*\.transplant_log_odds_ratio", "candidacy for allo-HCT"),
        (r"transplant\.(cured|relapse)\w*", "relapse after allo-HCT"),
        (r"transplant\..*", "death and complications after allo-HCT"),
        (r"relapse\..*", "relapse"),
        (r"survivor\..*", "mortality of survivors"),
        (r"disease\..*", "survival after failure"),
        (r"(later|usual_care|supportive_care)\..*", "later lines"),
        (r"toxicity\..*", "course of toxicity"),
        (rf"(\w+)\.({TOXICITIES})\..*", r"toxicity of \1"),
        (r"(\w+)\.mix\..*", r"prices of \1"),
        (r"(\w+)\..*", r"effect of \1"),
    )
)
"""Pattern of a whole name and its group, the first that fits."""
FITTED: Final = "fitted parameters"


def group_of(name: str) -> str:
    """Return the group of a parameter; a name that fits no pattern is a group of its own."""
    for pattern, group in GROUPS:
        match = pattern.fullmatch(name)
        if match is not None:
            return match.expand(group).replace("_", " ")
    return name


SMALLEST: Final = 2.0**-33
"""Coordinates stay this far from 0 and 1, where some quantiles are infinite."""
Map = Callable[[Array], dict[str, Array]]
"""From the coordinates of one part, (rows, coordinates), to values by parameter."""


@dataclass(frozen=True)
class Part:
    """Coordinates that belong together, and the parameters that they give."""

    coordinates: tuple[str, ...]
    group: str
    values: Map


@dataclass(frozen=True)
class Cube:
    """All uncertain parameters of a question, and the rules between its parameters."""

    parts: tuple[Part, ...]
    rules: tuple[Rule, ...] = ()
    numbers: Mapping[str, float] = field(default_factory=dict)

    @property
    def coordinates(self) -> list[str]:
        """Names of the coordinates: parameters, and names for several together."""
        return [name for part in self.parts for name in part.coordinates]

    @property
    def groups(self) -> list[str]:
        """The group of each coordinate."""
        return [part.group for part in self.parts for _ in part.coordinates]

    def values(self, points: Array) -> pd.DataFrame:
        """Return the parameter values at points of the cube.

        Parameters
        ----------
        points
            Shape (points, coordinates).

        Returns
        -------
        DataFrame
            One row per point, one column per parameter.
        """
        inside = np.clip(points, SMALLEST, 1.0 - SMALLEST)
        columns: dict[str, Array] = {}
        start = 0
        for part in self.parts:
            end = start + len(part.coordinates)
            columns |= part.values(inside[:, start:end])
            start = end
        return pd.DataFrame(settle(columns, self.rules, self.numbers))


def cube(question: Question, posterior: pd.DataFrame | None) -> Cube:
    """Return the cube of the uncertain parameters that the question uses.

    Raises
    ------
    UserError
        When nothing is uncertain.
    """
    names = uncertain(question, posterior)
    if not names:
        raise UserError("no parameter that this scenario uses is uncertain")
    fitted = [name for name in names if posterior is not None and name in posterior.columns]
    parts: list[Part] = []
    if posterior is not None and fitted:
        parts.append(Part((FITTED,), FITTED, _rows(question, posterior[fitted])))
    taken = set(fitted)
    for whole in wholes(question.parameters):
        members = [name for name in whole.counts if name in names and name not in taken]
        if len(members) == len(whole.counts):
            rest = (f"{whole.name}.{REST}",) if whole.rest > 0.0 else ()
            coordinates = (*members, *rest)
            parts.append(Part(coordinates, group_of(members[0]), _shares(whole.draw, coordinates)))
            taken |= set(members)
    parts += [
        Part((name,), group_of(name), _quantiles(question, name))
        for name in names
        if name not in taken
    ]
    return Cube(tuple(parts), question.rules, question.numbers)


def _quantiles(question: Question, name: str) -> Map:
    value_at = quantile(question.parameters[name])

    def values(points: Array) -> dict[str, Array]:
        # A design repeats its coordinates many times.
        different, places = np.unique(points[:, 0], return_inverse=True)
        return {name: np.array([value_at(u) for u in different.tolist()])[places]}

    return values


def _shares(
    draw: Callable[[Callable[[str], Array]], dict[str, Array]], names: tuple[str, ...]
) -> Map:
    return lambda points: draw(lambda name: points[:, names.index(name)])


def _rows(question: Question, posterior: pd.DataFrame) -> Map:
    found = components(posterior)
    order = np.argsort(found[0].scores, kind="stable") if found else np.arange(len(posterior))
    ordered = posterior.iloc[order].reset_index(drop=True)

    def picked(points: Array) -> dict[str, Array]:
        rows = ordered.iloc[np.floor(points[:, 0] * len(ordered)).astype(np.int64)]
        columns = {str(name): rows[name].to_numpy() for name in ordered.columns}
        return allowed(question.parameters, columns)

    return picked


CHUNK_POINTS: Final = 64
"""Points stored together, where finished work is stored on disk."""
VALUE, SE = "value", "se"


@dataclass(frozen=True)
class Target:
    """The outcome analysed.

    Attributes
    ----------
    base
        The outcome with every parameter at its own value.
    """

    question: Question
    outcome: Outcome
    strategy: str
    threshold: float
    base: Estimate


@dataclass(frozen=True)
class CubeTarget(Target):
    """The outcome analysed, over the cube of the uncertain parameters."""

    cube: Cube


def target(
    question: Question,
    *,
    outcome: str,
    threshold: float | None,
    strategy: str | None,
    posterior: pd.DataFrame | None,
) -> CubeTarget:
    """Return the target of the analysis of a question.

    Parameters
    ----------
    question
        The question.
    outcome, threshold, strategy
        As for `sim.analyses.tornado.analysis.tornado`.
    posterior
        Draws of the parameters that were fitted together.

    Raises
    ------
    UserError
        When there is no such outcome or strategy, or nothing is uncertain.
    """
    worth = middle_threshold(question) if threshold is None else threshold
    chosen = outcome_named(outcome, threshold=worth, currency=question.perspective.currency)
    base = sample(question, chosen.columns)
    name = chosen_strategy(base, worth, strategy)
    reading = chosen.read(base.pair(name))
    found = Estimate(reading.value, reading.se)
    return CubeTarget(question, chosen, name, worth, found, cube(question, posterior))


def fitted_target(
    question: Question, *, outcome: str, threshold: float | None, strategy: str | None
) -> CubeTarget:
    """Return the target of a question with the posterior of the catalogue; see `target`.

    Raises
    ------
    UserError
        As for `target`, and when the patients do not fit into memory.
    """
    with enough_memory(question):
        return target(
            question,
            outcome=outcome,
            threshold=threshold,
            strategy=strategy,
            posterior=fitted_draws(question),
        )


def with_twice_the_patients(looked_at: CubeTarget) -> CubeTarget:
    """Return the same target in twice as many patients, the first half of them the same."""
    question = looked_at.question
    return replace(looked_at, question=replace(question, patients=2 * question.patients))


def outcomes_at(
    looked_at: CubeTarget,
    points: Array,
    *,
    threads: int | None = None,
    progress: Progress = lambda _: None,
    store: Store | None = None,
    first_chunk: int = 0,
) -> pd.DataFrame:
    """Simulate the question at each point.

    Parameters
    ----------
    looked_at
        The question, its outcome and its cube.
    points
        Shape (points, coordinates).
    threads
        Points simulated at the same time; results do not depend on it.
    progress
        Called with 1 for each point that is finished.
    store
        Stores chunks of points as they are finished; those that it has are not simulated again.
    first_chunk
        The number in the store of the first chunk of these points.

    Returns
    -------
    DataFrame
        One row per point: the outcome, ``value``, and its Monte Carlo error, ``se``.

    Raises
    ------
    UserError
        When the outcome is not defined at a point.
    """
    everything = rows_of(
        _sets(looked_at, points),
        threads=threads,
        progress=progress,
        store=store,
        first_chunk=first_chunk,
    )
    undefined = int(everything[VALUE].isna().sum())
    if undefined:
        raise UserError(
            f"is not defined at {undefined:,} of {len(points):,} points; net benefit (nmb) always is",
            key="--outcome",
            value=looked_at.outcome.name,
        )
    return everything


def points_to_simulate(points: int, kept: set[int], first_chunk: int = 0) -> int:
    """Return how many of the points `outcomes_at` would simulate."""
    return sets_to_simulate(points, kept, chunk=CHUNK_POINTS, first_chunk=first_chunk)


def chunks_of(points: int) -> int:
    """Return the number of chunks of so many points."""
    return paired_runs.chunks_of(points, CHUNK_POINTS)


def manifest(
    looked_at: Target, analysis: str, draws: int, chunks: int, settings: Mapping[str, object]
) -> dict[str, Any]:
    """Return the manifest that identifies a folder of finished chunks.

    The key hashes all inputs of the results: the question, the program, the analysis
    and its settings.
    """
    asked = {
        "outcome": looked_at.outcome.name,
        "strategy": looked_at.strategy,
        "threshold": looked_at.threshold,
        "draws": draws,
        **settings,
    }
    return analysis_manifest(looked_at.question, analysis, asked, chunks=chunks, chunk=CHUNK_POINTS)


def _sets(looked_at: CubeTarget, points: Array) -> Sets:
    values = looked_at.cube.values(points)
    names, rows = [str(name) for name in values.columns], values.to_numpy()

    def ask(place: int) -> Question:
        numbers = dict(zip(names, rows[place].tolist(), strict=True))
        return with_values(looked_at.question, numbers)

    return Sets(
        count=len(points),
        ask=ask,
        columns=looked_at.outcome.columns,
        measure=partial(_measured, looked_at.outcome, looked_at.strategy),
        names=(VALUE, SE),
        chunk=CHUNK_POINTS,
    )


def _measured(outcome: Outcome, strategy: str, found: Sample) -> tuple[float, float]:
    reading = outcome.read(found.pair(strategy))
    return reading.value, reading.se


Model = Callable[[Array], Array]
"""From points of the unit cube, (points, coordinates), to the outcome at each."""
INDICES: Final = ("first_order", "first_order_ci", "total", "total_ci")
RESAMPLES: Final = 1000


def salib_seed(seed: int) -> int:
    """Return a seed that SALib accepts: it reads 0 as no seed."""
    return seed % (2**32 - 1) + 1


def problem(coordinates: Sequence[str], groups: Sequence[str] | None) -> dict[str, Any]:
    """Describe the unit cube to SALib."""
    described: dict[str, Any] = {
        "num_vars": len(coordinates),
        "names": list(coordinates),
        "bounds": [[0.0, 1.0]] * len(coordinates),
    }
    if groups is not None:
        described["groups"] = list(groups)
    return described


def sobol_points(
    coordinates: Sequence[str], groups: Sequence[str] | None, *, draws: int, seed: int
) -> Array:
    """Return Saltelli's design over a scrambled Sobol sequence.

    Parameters
    ----------
    coordinates
        Their names.
    groups
        The group of each; None for an index of each coordinate.
    draws
        Points of the sequence, a power of 2.
    seed
        Of the scrambling.

    Returns
    -------
    Array
        Shape (draws (groups + 2), coordinates).

    Raises
    ------
    UserError
        When `draws` is not a power of 2.
    """
    from SALib.sample import sobol  # type: ignore[import-untyped]

    if draws <= 1 or draws & (draws - 1):
        raise UserError("must be a power of 2, at least 2", key="--draws", value=draws)
    points: Array = sobol.sample(
        problem(coordinates, groups), draws, calc_second_order=False, seed=salib_seed(seed)
    )
    return points


def sobol_indices(
    coordinates: Sequence[str], groups: Sequence[str] | None, outcomes: Array, *, seed: int
) -> pd.DataFrame:
    """Return the indices of each group from the outcomes at `sobol_points`.

    Confidence intervals are 95 % intervals, given as their half-width, from 1,000 bootstrap
    samples of the points. An outcome that does not vary has no indices: all are ``nan``.

    Returns
    -------
    DataFrame
        One row per group in order of first mention, with the columns of `INDICES`.
    """
    from SALib.analyze import sobol  # type: ignore[import-untyped]

    names = list(dict.fromkeys(coordinates if groups is None else groups))
    if is_constant(outcomes):
        return pd.DataFrame(math.nan, index=names, columns=list(INDICES))
    found = sobol.analyze(
        problem(coordinates, groups),
        outcomes,
        calc_second_order=False,
        num_resamples=RESAMPLES,
        seed=salib_seed(seed),
    )
    columns = [found[key] for key in ("S1", "S1_conf", "ST", "ST_conf")]
    return pd.DataFrame(dict(zip(INDICES, columns, strict=True)), index=names)


def sobol_of(
    model: Model,
    coordinates: Sequence[str],
    groups: Sequence[str] | None = None,
    *,
    draws: int,
    seed: int,
) -> pd.DataFrame:
    """Return the Sobol indices of a model over the unit cube; see `sobol_indices`."""
    points = sobol_points(coordinates, groups, draws=draws, seed=seed)
    return sobol_indices(coordinates, groups, model(points), seed=seed)


def nothing(target: Target, without: str) -> str:
    """Say that the outcome is the same at all points, and which results it therefore lacks."""
    value = "".join(estimate_cell(target.outcome, target.base))
    return f"{DOES_NOT_VARY.capitalize()}: {without}. It is {value} at every point."


def fixed(target: Target) -> list[str]:
    """Say which inputs of a tornado are not among these."""
    labels = [shown_label(target.question, name) for name in decided(target.question)]
    if not labels:
        return []
    said = "is fixed and has" if len(labels) == 1 else "are fixed and have"
    return [f"{'; '.join(labels)} {said} a stated range: varied by tornado, not here."]


def heading(console: Console, target: Target) -> None:
    """Print the question, the outcome and the strategies compared."""
    question = target.question
    text = f"{target.outcome.label}: {against(question, target.strategy)}"
    print_heading(console, question, text)


def target_summary(target: Target) -> dict[str, Any]:
    """Return outcome, strategies, threshold and base, as in the JSON files."""
    return {
        "outcome": target.outcome.name,
        "strategy": target.strategy,
        "comparator": target.question.scenario.comparator_name,
        "threshold": target.threshold,
        "base": estimate_json(target.base),
    }


def read_target(stored: Stored) -> Target:
    """Return the target of `target_summary`, of an analysis in a folder."""
    told, question = stored.summary, stored.question
    currency = question.perspective.currency
    outcome = outcome_named(told["outcome"], threshold=told["threshold"], currency=currency)
    return Target(question, outcome, told["strategy"], told["threshold"], estimate_of(told["base"]))
