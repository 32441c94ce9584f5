"""Draws of the uncertain parameters.

The random number behind a value is looked up by the seed, the parameter's name and the number
of the draw, so that draw k is the same however many draws there are and whatever other
parameters are uncertain.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from enum import IntEnum, unique
from functools import partial
from typing import Final

import numpy as np
import pandas as pd

from sim.catalog.posterior import STUDY, load_posterior, of_average_study
from sim.economics.estimates import Array
from sim.engine.streams import uniforms
from sim.errors import UserError
from sim.scenario.domain import settle
from sim.simulation.question import Question
from sim.simulation.shares import wholes
from sim.simulation.whole_numbers import allowed, quantile

FIXED: Final = "fixed"
POSTERIOR: Final = "posterior"
AVERAGE: Final = "average"
HASH_BYTES: Final = 4
"""A name takes the place of the occurrence in the key of a random number, of 32 bits."""


@unique
class Draw(IntEnum):
    """A random draw for a parameter set; the value is its number in the key.

    The numbers differ from those of `sim.clinic.draws.RandomDraw`, which are for patients, and the
    number of the draw replaces that of the patient. The last two are of the regressions that read
    draws: simulated fits, and draws shuffled among each other.
    """

    PARAMETER = 0x10000
    POSTERIOR_ROW = 0x10001
    STUDY_TO_COME = 0x10002
    SAMPLING = 0x10003
    REGRESSION = 0x10010
    SHUFFLE = 0x10011


def draw_parameters(
    question: Question, draws: int, seed: int, *, posterior: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Draw the uncertain parameters of a question.

    ``value = F^-1(u)`` with F the parameter's distribution and
    ``u = uniform(seed, draw, PARAMETER, hash of the name)``; shares of one whole are drawn
    together (`sim.simulation.shares`). Parameters of the joint posterior take the values of
    one of its R rows, ``floor(u R)`` with one u per draw, so that their correlation is preserved.
    A draw that breaks a rule between parameters, such as a stay longer than its cycle, is moved to
    the limit (`sim.scenario.domain`).
    Counts are drawn as whole numbers (`sim.simulation.whole_numbers`).

    Parameters
    ----------
    question
        The question.
    draws
        Their number, at least 1.
    seed
        Below ``2**64``.
    posterior
        Rows of the joint posterior; by default those of the catalogue, from the calibration.

    Returns
    -------
    DataFrame
        One row per draw, with the index ``draw``; one column per uncertain parameter, by name.

    Raises
    ------
    UserError
        When nothing is uncertain, or a draw is not a value that the parameter may have.
    """
    fitted = fitted_draws(question, posterior)
    names = uncertain(question, fitted)
    if not names:
        raise UserError("no parameter that this scenario uses is uncertain", key="psa")
    numbers = partial(_numbers, seed, draws)
    together: dict[str, Array] = {}
    for whole in wholes(question.parameters):
        together |= whole.draw(numbers)
    if fitted is not None:
        joint = [n for n in names if n in fitted and (STUDY in n or _is_fitted(question, n))]
        together |= allowed(question.parameters, _fitted(fitted[joint], draws, seed))
    columns = {
        name: together[name] if name in together else _quantiles(question, name, numbers)
        for name in names
    }
    columns = settle(columns, question.rules, question.numbers)
    for name, values in columns.items():
        _check(question, name, values)
    return pd.DataFrame(columns, index=pd.RangeIndex(draws, name="draw"))


def fitted_draws(question: Question, posterior: pd.DataFrame | None = None) -> pd.DataFrame | None:
    """Return the rows of the joint posterior with the columns that the question uses.

    The effects of a study to come are left out where it is about the average study. By default the
    rows are those of the catalogue, from the calibration; None when there are none.
    """
    fitted = load_posterior() if posterior is None else posterior
    if fitted is not None and question.scenario.study == AVERAGE:
        fitted = of_average_study(fitted)
    return fitted


def uncertain(question: Question, posterior: pd.DataFrame | None) -> list[str]:
    """Name the parameters that are used, not fixed, and not set by the scenario, sorted."""
    fitted = set() if posterior is None else set(posterior.columns)
    return [
        name
        for name in sorted(question.used - set(question.scenario.parameters))
        for parameter in (question.parameters[name],)
        if (parameter.distribution.family != FIXED or (STUDY in name and name in fitted))
        and question.numbers[name] == parameter.value
    ]


def _is_fitted(question: Question, name: str) -> bool:
    return question.parameters[name].distribution.family == POSTERIOR


def stable_hash(name: str) -> int:
    """Return 32 bits of the SHA-256 of a name: the same on every machine and in every run."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:HASH_BYTES], "big")


def _numbers(seed: int, draws: int, name: str) -> Array:
    return uniforms(seed, 0, draws, Draw.PARAMETER, stable_hash(name))


def _quantiles(question: Question, name: str, numbers: Callable[[str], Array]) -> Array:
    value_at = quantile(question.parameters[name])
    return np.array([value_at(u) for u in numbers(name).tolist()])


def _fitted(posterior: pd.DataFrame, draws: int, seed: int) -> dict[str, Array]:
    u = uniforms(seed, 0, draws, Draw.POSTERIOR_ROW)
    rows = posterior.iloc[np.floor(u * len(posterior)).astype(np.int64)]
    return {str(name): rows[name].to_numpy() for name in posterior.columns}


def _check(question: Question, name: str, values: Array) -> None:
    for value in (float(values.min()), float(values.max())):
        problem = question.parameters[name].check(value)
        if problem is not None:
            raise UserError(f"a draw is not allowed: {problem}", key=name, value=value)
