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

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar, Final, TypeVar

import numpy as np
import pandas as pd

from sim.analyses.shared.outcomes import DOES_NOT_VARY, Outcome
from sim.analyses.shared.paired_runs import PairedRuns, Sample, with_values
from sim.analyses.shared.ranges import components, decided, shown_label
from sim.analyses.shared.target import Target
from sim.analyses.shared.text import estimate_cell
from sim.clinic.toxicity import Toxicity
from sim.economics.estimates import Array
from sim.errors import UserError
from sim.scenario.domain import Rule, settle
from sim.simulation.parameter_draws import REST, allowed, quantile, uncertain, wholes
from sim.simulation.question import Question

Found = TypeVar("Found")
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
class Design:
    """The points of the cube at which an outcome is computed, for its inputs one by one or in groups.

    Attributes
    ----------
    groups
        The group of each coordinate; None where each is an input of its own.
    points
        Shape (points, coordinates).
    """

    target: Target
    cube: Cube
    groups: list[str] | None
    points: Array

    @property
    def inputs(self) -> dict[str, int]:
        """The number of coordinates of each input, in order of first mention."""
        return dict(Counter(self.cube.coordinates if self.groups is None else self.groups))

    def runs(
        self,
        points: Array,
        answer: Callable[[Array], Found],
        *,
        check: bool = False,
    ) -> PairedRuns[Found]:
        """Return the runs of the model.

        Parameters
        ----------
        points
            As `self.points`, as probabilities.
        answer
            From the outcome at each point to the results. With `check` the outcomes
            in twice as many patients, the first half of them the same, come after these.
        check
            Whether to run the model also in twice the patients, which is twice the work.
        """
        question, outcome = self.target.question, self.target.outcome
        values = self.cube.values(points)
        names, rows = [str(name) for name in values.columns], values.to_numpy()
        twice = replace(question, patients=2 * question.patients)

        def ask(place: int) -> Question:
            numbers = dict(zip(names, rows[place % len(rows)].tolist(), strict=True))
            return with_values(question if place < len(rows) else twice, numbers)

        def answered(found: pd.DataFrame) -> Found:
            undefined = int(found[VALUE].iloc[: len(rows)].isna().sum())
            if undefined:
                raise UserError(
                    f"is not defined at {undefined:,} of {len(rows):,} points; net benefit (nmb) "
                    "always is",
                    key="--outcome",
                    value=outcome.name,
                )
            return answer(found[VALUE].to_numpy())

        return PairedRuns(
            question=question,
            count=len(points) * (2 if check else 1),
            ask=ask,
            columns=outcome.columns,
            measure=partial(_measured, outcome, self.target.strategy),
            names=(VALUE, SE),
            chunk=CHUNK_POINTS,
            weight=lambda place: 1 if place < len(rows) else 2,
            answer=answered,
        )

    def settings(self, draws: int, **more: object) -> dict[str, object]:
        """Return all that decides the results beside the question, for the manifest."""
        target = self.target
        return {
            "outcome": target.outcome.name,
            "strategy": target.strategy,
            "threshold": target.threshold,
            "draws": draws,
            **more,
        }


def _measured(outcome: Outcome, strategy: str, found: Sample) -> tuple[float, float]:
    reading = outcome.read(found.pair(strategy))
    return reading.value, reading.se


RESAMPLES: Final = 1000
"""Bootstrap samples of an interval."""


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


@dataclass(frozen=True)
class Ranking(Target):
    """The results of an analysis over the cube.

    Attributes
    ----------
    table
        One row per input, the first of which matters most; of an outcome that does not vary
        all numbers are ``nan``.
    """

    LACKS: ClassVar[str]
    """The results that there are not of an outcome that does not vary."""

    table: pd.DataFrame

    @property
    def is_constant(self) -> bool:
        """Whether the outcome is the same at all points."""
        return bool(self.table.iloc[:, 0].isna().all())

    @property
    def lacking(self) -> str:
        """The sentence that the outcome is the same at all points, and therefore lacks results."""
        value = "".join(estimate_cell(self.outcome, self.base))
        return f"{DOES_NOT_VARY.capitalize()}: {self.LACKS}. It is {value} at every point."

    def fixed(self) -> list[str]:
        """Say which inputs of a tornado are not among these."""
        labels = [shown_label(self.question, name) for name in decided(self.question)]
        if not labels:
            return []
        said = "is fixed and has" if len(labels) == 1 else "are fixed and have"
        return [f"{'; '.join(labels)} {said} a stated range: varied by tornado, not here."]
