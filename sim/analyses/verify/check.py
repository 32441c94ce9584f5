"""A check: a claim about the model, the standard that asks for it, and what was found.

A check examines a `Subject`, the scenario with its simulated lives, and returns a `Finding`. It is a
few lines; what several need belongs to the subject. Checks stand in a file per group.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from sim.analyses.verify.subject import Subject

MOST_STANDARD_ERRORS: Final = 4.0
"""A random number is off where it is further away: once in 16,000 checks by chance."""
ROUNDING: Final = 1e-9
"""Relative difference of numbers that are equal but for rounding."""


@dataclass(frozen=True)
class Finding:
    """The observation of a check, the limit it is held to, and the verdict.

    Attributes
    ----------
    observed, allowed
        In words, with their numbers and units.
    passed
        None where the check does not apply to the scenario; `why` then says so.
    """

    observed: str
    allowed: str
    passed: bool | None
    why: str = ""


@dataclass(frozen=True)
class Check:
    """A check of the registry.

    Attributes
    ----------
    identifier
        Group and number, such as ``flow.3``; it never changes.
    claim
        A sentence that is true of a correct model.
    standard
        The checklist items that ask for it, such as ``TECH-VER; ISPOR-SMDM 7``.
    advice
        What to look at when it fails.
    examine
        Returns the finding.
    """

    identifier: str
    claim: str
    standard: str
    advice: str
    examine: Callable[[Subject], Finding]

    @property
    def group(self) -> str:
        """The group of the check."""
        return self.identifier.partition(".")[0]


class Group:
    """The checks of a file, registered in their order by a decorator."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._checks: list[Check] = []

    def check(
        self, claim: str, *, standard: str, advice: str
    ) -> Callable[[Callable[[Subject], Finding]], Callable[[Subject], Finding]]:
        """Register the decorated function as the next check of the group."""

        def register(examine: Callable[[Subject], Finding]) -> Callable[[Subject], Finding]:
            identifier = f"{self.name}.{len(self._checks) + 1}"
            self._checks.append(Check(identifier, claim, standard, advice, examine))
            return examine

        return register

    def __iter__(self) -> Iterator[Check]:
        return iter(self._checks)

    def __len__(self) -> int:
        return len(self._checks)


def does_not_apply(why: str) -> Finding:
    """Return the finding of a check that has nothing to examine here."""
    return Finding("–", "–", None, why)


def none_of(wrong: int, looked_at: int, what: str) -> Finding:
    """Return a finding that passes where none of what was looked at is wrong, of at least one."""
    if looked_at == 0:
        return does_not_apply(f"there are no {what}")
    return Finding(f"{wrong:,} of {looked_at:,} {what}", "0", wrong == 0)


def equal(observed: npt.ArrayLike, expected: npt.ArrayLike, what: str) -> Finding:
    """Return a finding that passes where all numbers are equal but for rounding."""
    found, wanted = np.broadcast_arrays(
        np.asarray(observed, np.float64), np.asarray(expected, np.float64)
    )
    if not found.size:
        return does_not_apply(f"there are no {what}")
    scale = np.maximum(np.maximum(np.abs(found), np.abs(wanted)), 1.0)
    apart = np.where(found == wanted, 0.0, np.abs(found - wanted) / scale)
    largest = float(apart.max())
    text = f"largest relative difference of {found.size:,} {what}: {largest:.1e}"
    return Finding(text, f"at most {ROUNDING:.0e}", largest <= ROUNDING)


def never_above(lower: npt.ArrayLike, upper: npt.ArrayLike, what: str) -> Finding:
    """Return a finding that passes where no number is above its counterpart, but for rounding."""
    low, high = np.broadcast_arrays(np.asarray(lower, np.float64), np.asarray(upper, np.float64))
    slack = ROUNDING * np.maximum(np.maximum(np.abs(low), np.abs(high)), 1.0)
    return none_of(int(np.count_nonzero(low > high + slack)), low.size, what)


def near(observed: float, expected: float, se: float, what: str) -> Finding:
    """Return a finding that passes within `MOST_STANDARD_ERRORS` of a value expected."""
    off = math.inf if not se > 0.0 else (observed - expected) / se
    if observed == expected:
        off = 0.0
    text = f"{what} {observed:.5g}, expected {expected:.5g}: {off:+.1f} standard errors"
    allowed = f"within {MOST_STANDARD_ERRORS:g} standard errors"
    return Finding(text, allowed, abs(off) <= MOST_STANDARD_ERRORS)
