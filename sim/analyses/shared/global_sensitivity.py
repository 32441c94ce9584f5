"""Sobol indices: the share of the variance of an outcome that groups of inputs explain.

The first-order index is the variance removed by learning the group, ``V(E(Y | X_g)) / V(Y)``; the
total index is the variance left when everything else is known, ``E(V(Y | X_~g)) / V(Y)``. With
independent inputs the first-order indices of all groups add up to at most 1, and the rest is due to
interactions between groups.

Source: Saltelli A et al., Comput Phys Commun 2010;181:259-70; computed by SALib (Herman J,
Usher W, J Open Source Softw 2017;2:97).

The text that Sobol indices and a screening have in common: the heading, notes, the target.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import pandas as pd
from rich.console import Console

from sim.analyses.shared.outcomes import DOES_NOT_VARY, is_constant, outcome_named
from sim.analyses.shared.points import Target
from sim.analyses.shared.ranges import decided, shown_label
from sim.analyses.shared.stored import Stored
from sim.analyses.shared.text import against, estimate_cell, print_heading
from sim.economics.estimates import Array
from sim.errors import UserError
from sim.layout.cells import estimate_json, estimate_of

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
