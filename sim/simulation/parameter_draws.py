"""Draws of the uncertain parameters, and the values that they may take.

The random number behind a value is looked up by the seed, the parameter's name and the number of
the draw, so that draw k is the same however many draws there are and whatever other parameters are
uncertain. A count takes whole numbers only.

Shares that were counted in the same patients, ``a_1, …, a_m`` of ``n`` of them, are drawn together,
so that they never add up to more than the whole: a Dirichlet distribution with those counts, whose
single shares are the ``Beta(a_i, n - a_i)`` that the catalogue gives, through independent gamma
variables::

    g_i ~ Gamma(a_i, 1),  g_0 ~ Gamma(n - a_1 - … - a_m, 1),  share_i = g_i / (g_0 + … + g_m)

where `g_0` is the rest of the whole, 0 when the shares are all of it.

Source: Briggs AH, Ades AE, Price MJ, Med Decis Making 2003;23:341-50.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum, unique
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from sim.catalog import Parameter
from sim.catalog.distribution import Beta, Uniform
from sim.catalog.parameter import SCENARIO
from sim.catalog.posterior import STUDY, load_posterior, of_average_study
from sim.catalog.values import UNITS
from sim.economics.estimates import Array
from sim.engine.streams import uniforms
from sim.errors import UserError
from sim.scenario.domain import settle
from sim.simulation.question import Question

if TYPE_CHECKING:
    import pandas as pd

PARTS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"(.+\.mix)\.\w+_share()",
        r"(.+)\.(?:grade_\d|stop)_share()",
        r"(.+)\.(?:mild|severe)_probability(\.\w+)?",
    )
)
"""Names of shares of one whole: the groups of the pattern name the whole."""
SAME_COUNT: Final = 1e-9
"""How far the counts of two shares may be apart, relative to each other, to be the same."""
REST: Final = "rest"


@dataclass(frozen=True)
class Whole:
    """Shares that were counted in the same patients.

    Attributes
    ----------
    name
        Of the whole, also in the key of the random number of its rest.
    counts
        By the name of the share.
    rest
        The patients counted in none of them.
    """

    name: str
    counts: Mapping[str, float]
    rest: float

    def draw(self, uniforms: Callable[[str], Array]) -> dict[str, Array]:
        """Return the draws of each share; `uniforms` gives the random numbers of a name."""
        from scipy.special import gammaincinv

        parts = {name: gammaincinv(count, uniforms(name)) for name, count in self.counts.items()}
        total = np.sum(list(parts.values()), axis=0)
        if self.rest > 0.0:
            total = total + gammaincinv(self.rest, uniforms(f"{self.name}.{REST}"))
        return {name: part / total for name, part in parts.items()}


def wholes(parameters: Mapping[str, Parameter]) -> Iterator[Whole]:
    """Yield every whole of which there are two shares or more with the same count of patients.

    Shares whose beta distributions do not have the same count come from different sources
    or are assumed; they are left to be drawn one by one.
    """
    shares: dict[str, dict[str, Beta]] = defaultdict(dict)
    drawn_as: dict[str, str] = {}
    for name, parameter in parameters.items():
        whole_of_it = _whole_of(name)
        if whole_of_it is not None and isinstance(parameter.distribution, Beta):
            shares[whole_of_it][name] = parameter.distribution
            drawn_as[whole_of_it] = _whole_of(parameter.key_of_draws) or whole_of_it
    for whole, betas in shares.items():
        total, *others = [beta.alpha + beta.beta for beta in betas.values()]
        counts = {name: beta.alpha for name, beta in betas.items()}
        rest = total - math.fsum(counts.values())
        if abs(rest) <= SAME_COUNT * total:
            rest = 0.0
        same = all(math.isclose(total, other, rel_tol=SAME_COUNT) for other in others)
        if others and same and rest >= 0.0:
            yield Whole(drawn_as[whole], counts, rest)


def _whole_of(name: str) -> str | None:
    """Return the name of the whole of which a parameter is a share, if it is one."""
    found = next((match for part in PARTS if (match := part.fullmatch(name))), None)
    return None if found is None else "".join(group or "" for group in found.groups())


def is_whole(unit: str) -> bool:
    """Whether a parameter in this unit may only have whole values."""
    return UNITS[unit].whole


def nearest(values: Array) -> Array:
    """Return the whole numbers nearest to values, of two the upper."""
    return np.asarray(np.floor(values + 0.5), dtype=np.float64)


def values_between(unit: str, low: float, high: float, count: int) -> list[float]:
    """Return at most `count` values over an interval, ends included, as evenly as possible.

    Parameters
    ----------
    unit
        Of the parameter.
    low, high
        Ends of the interval; whole numbers where the unit is one of counts.
    count
        At least 2. Of a count there are fewer where the interval holds fewer whole numbers.
    """
    if not is_whole(unit):
        return [float(value) for value in np.linspace(low, high, count)]
    steps = np.linspace(low, high, min(count, round(high - low) + 1))
    return [float(value) for value in nearest(steps)]


def within(unit: str, low: float, high: float) -> tuple[float, float]:
    """Return the allowed interval: of a count its first and last whole number.

    An interval between two whole numbers becomes the one that is nearest to its middle.
    """
    if not is_whole(unit):
        return low, high
    first, last = math.ceil(low), math.floor(high)
    if first > last:
        first = last = math.floor(0.5 * (low + high) + 0.5)
    return float(first), float(last)


def quantile(parameter: Parameter) -> Callable[[float], float]:
    """Return the function from a probability to a value of the parameter.

    Of a count it is a whole number: of a uniform distribution each whole number from its low to
    its high end with the same probability, of any other the nearest, so that a whole number has
    the probability of all values that are nearest to it.
    """
    distribution = parameter.distribution
    if not is_whole(parameter.unit):
        return distribution.quantile
    if isinstance(distribution, Uniform):
        low, high = within(parameter.unit, distribution.low, distribution.high)
        numbers = high - low + 1.0
        return lambda probability: low + min(math.floor(numbers * probability), numbers - 1.0)
    least = UNITS[parameter.unit].low
    return lambda probability: max(math.floor(distribution.quantile(probability) + 0.5), least)


def allowed(parameters: Mapping[str, Parameter], values: Mapping[str, Array]) -> dict[str, Array]:
    """Return values by parameter with those of counts moved to the nearest whole numbers."""
    return {
        name: nearest(found) if is_whole(parameters[name].unit) else found
        for name, found in values.items()
    }


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
    question: Question,
    draws: int,
    seed: int,
    *,
    first: int = 0,
    posterior: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Draw the uncertain parameters of a question.

    ``value = F^-1(u)`` with F the parameter's distribution and
    ``u = uniform(seed, draw, PARAMETER, hash of the name)``; shares of one whole are drawn
    together, counts as whole numbers. Parameters of the joint posterior take the values of one of
    its R rows, ``floor(u R)`` with one u per draw, so that their correlation is preserved. A draw
    that breaks a rule between parameters, such as a stay longer than its cycle, is moved to the limit.

    Parameters
    ----------
    question
        The question.
    draws
        Their number, at least 1.
    seed
        Below ``2**64``.
    first
        The number of the first draw.
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

    numbers = partial(_numbers, question, seed, first, draws)
    together = _of_wholes(question, numbers)
    if fitted is not None:
        joint = [n for n in names if n in fitted and _is_fitted(question, n)]
        together |= allowed(question.parameters, _fitted(fitted[joint], seed, first, draws))
    columns = {
        name: together[name]
        if name in together and question.parameters[name].status != SCENARIO
        else _quantiles(question, name, numbers)
        for name in names
    }
    columns = settle(columns, question.rules, question.numbers)
    for name, values in columns.items():
        _check(question, name, values)
    return _table(columns, first, draws)


def _table(columns: Mapping[str, Array], first: int, draws: int) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(columns, index=pd.RangeIndex(first, first + draws, name="draw"))


def _of_wholes(question: Question, numbers: Callable[[str], Array]) -> dict[str, Array]:
    """Draw the shares of wholes; one that the scenario sets leaves the others as they are."""
    known = {name: each.replaces or each for name, each in question.parameters.items()}
    found: dict[str, Array] = {}
    for whole in wholes(known):
        found |= whole.draw(numbers)
    return found


def fitted_draws(question: Question, posterior: pd.DataFrame | None = None) -> pd.DataFrame | None:
    """Return the rows of the joint posterior with the columns that the question uses.

    The effects of a study to come are left out where it is about the average study. By default the
    rows are those of the catalogue, from the calibration; None when there are none.
    """
    fitted = load_posterior() if posterior is None else posterior
    if fitted is None:
        return None
    if question.scenario.study == AVERAGE:
        fitted = of_average_study(fitted)
    again = {
        name: fitted[parameter.drawn_as]
        for name, parameter in question.parameters.items()
        if parameter.drawn_as in fitted
    }
    return fitted.assign(**again) if again else fitted


def uncertain(question: Question, posterior: pd.DataFrame | None) -> list[str]:
    """Name the parameters that are used, not fixed, and not set by the scenario, sorted."""
    fitted = set() if posterior is None else set(posterior.columns)
    return [
        name
        for name in sorted(question.used)
        for parameter in (question.parameters[name],)
        if (
            parameter.distribution.family != FIXED
            or (name in fitted and _is_fitted(question, name))
        )
        and question.numbers[name] == parameter.value
    ]


def _is_fitted(question: Question, name: str) -> bool:
    """Whether the fit gives the draws, and not a distribution of the catalogue or the scenario."""
    parameter = question.parameters[name]
    if parameter.status == SCENARIO:
        return False
    return STUDY in name or parameter.distribution.family == POSTERIOR


def key_of_draws(question: Question, name: str) -> str:
    """Return the name by which the random numbers of a parameter, or of the rest of a whole, are drawn."""
    parameter = question.parameters.get(name)
    return name if parameter is None else parameter.key_of_draws


def stable_hash(name: str) -> int:
    """Return 32 bits of the SHA-256 of a name: the same on every machine and in every run."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:HASH_BYTES], "big")


def _numbers(question: Question, seed: int, first: int, draws: int, name: str) -> Array:
    key = stable_hash(key_of_draws(question, name))
    return uniforms(seed, first, draws, Draw.PARAMETER, key)


def _quantiles(question: Question, name: str, numbers: Callable[[str], Array]) -> Array:
    parameter = question.parameters[name]
    if not is_whole(parameter.unit):
        return parameter.distribution.quantiles(numbers(name))
    value_at = quantile(parameter)
    return np.array([value_at(u) for u in numbers(name).tolist()])


def _fitted(posterior: pd.DataFrame, seed: int, first: int, draws: int) -> dict[str, Array]:
    u = uniforms(seed, first, draws, Draw.POSTERIOR_ROW)
    rows = posterior.iloc[np.floor(u * len(posterior)).astype(np.int64)]
    return {str(name): rows[name].to_numpy() for name in posterior.columns}


def _check(question: Question, name: str, values: Array) -> None:
    for value in (float(values.min()), float(values.max())):
        problem = question.parameters[name].check(value)
        if problem is not None:
            raise UserError(f"a draw is not allowed: {problem}", key=name, value=value)
