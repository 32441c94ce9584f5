"""All checks, in the order in which they are examined and reported."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sim.analyses.verify.calibration import CALIBRATION
from sim.analyses.verify.check import Check, Group
from sim.analyses.verify.decisions import DECISIONS
from sim.analyses.verify.economics import ECONOMICS
from sim.analyses.verify.engines import ENGINES
from sim.analyses.verify.flow import FLOW
from sim.analyses.verify.independent import INDEPENDENT
from sim.analyses.verify.inputs import INPUTS
from sim.analyses.verify.randomness import RANDOMNESS
from sim.analyses.verify.survival import SURVIVAL
from sim.analyses.verify.uncertainty import UNCERTAINTY
from sim.errors import UserError

GROUPS: Final[tuple[Group, ...]] = (
    INPUTS,
    SURVIVAL,
    FLOW,
    RANDOMNESS,
    ECONOMICS,
    DECISIONS,
    UNCERTAINTY,
    ENGINES,
    INDEPENDENT,
    CALIBRATION,
)
CHECKS: Final[tuple[Check, ...]] = tuple(check for group in GROUPS for check in group)


def checks_of(names: Iterable[str] | None) -> tuple[Check, ...]:
    """Return the checks of some groups, or all.

    Raises
    ------
    UserError
        When there is no group of such a name.
    """
    wanted = None if names is None else list(names)
    known = [group.name for group in GROUPS]
    for name in wanted or ():
        if name not in known:
            raise UserError("is no group of checks", key="--group", value=name, choices=known)
    return tuple(check for check in CHECKS if wanted is None or check.group in wanted)
