"""Shares of one whole, drawn together so that they never add up to more than it.

Shares that were counted in the same patients, ``a_1, …, a_m`` of ``n`` of them, are a Dirichlet
distribution with those counts, whose single shares are the ``Beta(a_i, n - a_i)`` that the
catalogue gives. It is drawn through independent gamma variables::

    g_i ~ Gamma(a_i, 1),  g_0 ~ Gamma(n - a_1 - … - a_m, 1),  share_i = g_i / (g_0 + … + g_m)

where `g_0` is the rest of the whole, 0 when the shares are all of it.

Source: Briggs AH, Ades AE, Price MJ, Med Decis Making 2003;23:341-50.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from sim.catalog import Parameter
from sim.catalog.distribution import Beta
from sim.economics.estimates import Array

PARTS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"(.+\.mix)\.\w+_share()",
        r"(.+)\.grade_\d_share()",
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
    for name, parameter in parameters.items():
        found = next((match for part in PARTS if (match := part.fullmatch(name))), None)
        if found is not None and isinstance(parameter.distribution, Beta):
            shares["".join(group or "" for group in found.groups())][name] = parameter.distribution
    for whole, betas in shares.items():
        total, *others = [beta.alpha + beta.beta for beta in betas.values()]
        counts = {name: beta.alpha for name, beta in betas.items()}
        rest = total - math.fsum(counts.values())
        if abs(rest) <= SAME_COUNT * total:
            rest = 0.0
        same = all(math.isclose(total, other, rel_tol=SAME_COUNT) for other in others)
        if others and same and rest >= 0.0:
            yield Whole(whole, counts, rest)
