"""Which functions take which form in compiled code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import numpy as np

from sim.engine.values import Data

HALF: Final = 0.5
SPACING: Final = 2.0**-52
Function = TypeVar("Function", bound=Callable[..., Any])
COMPILED_FORMS: Final[dict[Callable[..., Any], Callable[..., Data]]] = {}
"""The compiled form of each Python function that has one; also where numba is switched off."""
CALLED: Final[set[Callable[..., Any]]] = set()
"""Functions that stay functions in compiled code: rare or large ones, which it calls."""


def called(function: Function) -> Function:
    """Let compiled code call a function instead of inlining it at each of its places.

    A rare call costs nothing, while many copies of a large function take long to compile and crowd
    what runs often out of the fastest memory.
    """
    CALLED.add(function)
    return function


def compiled_form_of(function: Callable[..., Any]) -> Callable[[Function], Function]:
    """Register the decorated function as the form of `function` in compiled code."""

    def register(form: Function) -> Function:
        COMPILED_FORMS[function] = form
        return form

    return register


def unit_number(grid: Data) -> float:
    """Return ``(grid + 1/2) / 2**52`` of a whole number below ``2**52``.

    The form for compiled code vectorizes and gives the same bits.
    """
    return (np.float64(np.int64(grid)) + HALF) * SPACING
