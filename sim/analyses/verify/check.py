"""A check: a claim about the model, the standard that asks for it, and its finding.

The words of all checks are in `checks.yaml`. The function of a check's name, in the module of its
group, examines a `Subject`, the scenario with its simulated lives, and returns a `Finding`. It is a
few lines; what several need belongs to the subject.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from importlib import import_module, resources
from pathlib import Path
from types import ModuleType
from typing import Final

import numpy as np
import numpy.typing as npt

from sim.analyses.verify.subject import Subject
from sim.economics.estimates import Array
from sim.errors import UserError
from sim.files.documents import read_yaml

CHECKS: Final = Path(str(resources.files(__package__) / "checks.yaml"))
MODULES: Final = {"randomness": "engines", "decisions": "economics", "calibration": "inputs"}
"""The modules of the groups that are not in one of their own name."""
MOST_STANDARD_ERRORS: Final = 4.0
"""A random number is off where it is further away: once in 16,000 checks by chance."""
ROUNDING: Final = 1e-9
"""Relative difference of numbers that are equal but for rounding."""
NAMED_AT_MOST: Final = 3
"""Of what is wrong, in a finding."""


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


class DoesNotApply(Exception):
    """A check has nothing to examine in this scenario."""


@dataclass(frozen=True)
class Check:
    """A check as `checks.yaml` words it.

    Attributes
    ----------
    identifier
        Group and number, such as ``flow.3``; it never changes.
    function
        Returns the finding, or raises `DoesNotApply`.
    claim, standard, advice
        A sentence that is true of a correct model, the checklist items that ask for it, and what to
        look at when it fails.
    """

    identifier: str
    function: Callable[[Subject], Finding]
    claim: str
    standard: str
    advice: str

    @property
    def group(self) -> str:
        """The group of the check."""
        return self.identifier.partition(".")[0]

    @property
    def name(self) -> str:
        """The name of its function."""
        return self.function.__name__

    def examine(self, subject: Subject) -> Finding:
        """Return what the check finds."""
        try:
            return self.function(subject)
        except DoesNotApply as reason:
            return Finding("–", "–", None, str(reason))


def checks_of(groups: Collection[str] | None = None) -> tuple[Check, ...]:
    """Return the checks of some groups, or all, in the order in which they are reported.

    Raises
    ------
    UserError
        When there is no group of such a name.
    """
    words = read_yaml(CHECKS).data
    for name in groups or ():
        if name not in words:
            raise UserError("is no group of checks", key="--group", value=name, choices=[*words])
    return tuple(
        Check(f"{group}.{number}", getattr(_module_of(group), name), **of_check)
        for group in words
        if groups is None or group in groups
        for number, (name, of_check) in enumerate(words[group].items(), start=1)
    )


def _module_of(group: str) -> ModuleType:
    return import_module(f"{__package__}.{MODULES.get(group, group)}")


def only_where(applies: object, why: str) -> None:
    """Raise `DoesNotApply` where there is nothing to examine."""
    if not applies:
        raise DoesNotApply(why)


def none_of(wrong: npt.ArrayLike, what: str, of: int | None = None) -> Finding:
    """Return a finding that passes where nothing is wrong, of at least one that was looked at.

    Parameters
    ----------
    wrong
        Yes or no for each that was looked at, or their number.
    what
        The things looked at, in the plural.
    of
        Their number, where `wrong` does not hold each.
    """
    count, looked_at = int(np.sum(wrong)), np.size(wrong) if of is None else of
    only_where(looked_at, f"there are no {what}")
    return Finding(f"{count:,} of {looked_at:,} {what}", "0", count == 0)


def none_of_these(wrong: Iterable[str], of: int, what: str) -> Finding:
    """Return a finding that passes where nothing is wrong, and names the first that are."""
    names = list(wrong)
    why = ", ".join(names[:NAMED_AT_MOST]) + ", …" * (len(names) > NAMED_AT_MOST)
    return replace(none_of(len(names), what, of), why=why)


def equal(
    observed: npt.ArrayLike, expected: npt.ArrayLike, what: str, rounding: float = ROUNDING
) -> Finding:
    """Return a finding that passes where all numbers are equal but for rounding."""
    found, wanted, scale = _with_scale(observed, expected)
    only_where(found.size, f"there are no {what}")
    largest = float(np.where(found == wanted, 0.0, np.abs(found - wanted) / scale).max())
    text = f"largest relative difference of {found.size:,} {what}: {largest:.1e}"
    return Finding(text, f"at most {rounding:.0e}", largest <= rounding)


def never_above(lower: npt.ArrayLike, upper: npt.ArrayLike, what: str) -> Finding:
    """Return a finding that passes where no number is above its counterpart, but for rounding."""
    low, high, scale = _with_scale(lower, upper)
    return none_of(low > high + ROUNDING * scale, what)


def _with_scale(ours: npt.ArrayLike, theirs: npt.ArrayLike) -> tuple[Array, Array, Array]:
    """Return numbers of one shape, and their size, of at least 1."""
    mine, other = np.broadcast_arrays(np.asarray(ours, float), np.asarray(theirs, float))
    return mine, other, np.maximum(np.maximum(np.abs(mine), np.abs(other)), 1.0)
