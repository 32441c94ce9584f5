"""The uncertain parameters as a map from the unit cube, for global sensitivity analysis.

Each coordinate is a uniform number between 0 and 1, independent of the others:

- a parameter takes the quantile of its distribution;
- shares of one whole take a coordinate each, and one for the rest, as gamma variables that are
  divided by their sum (`sim.simulation.parameter_draws`), and stay in one group;
- parameters that were fitted together take one coordinate, which picks a draw of their joint
  posterior. The draws are ordered by their score on the first principal component, so that the
  map is as smooth as one coordinate allows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd

from sim.analyses.shared.groups import FITTED, group_of
from sim.analyses.shared.principal import components
from sim.economics.estimates import Array
from sim.errors import UserError
from sim.scenario.domain import Rule, settle
from sim.simulation.parameter_draws import REST, allowed, quantile, uncertain, wholes
from sim.simulation.question import Question

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
