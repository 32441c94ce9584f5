"""The one rule for an outcome that does not vary, for analyses that compare or divide spreads."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

ROUNDING: Final = 1e-12
"""Spread of numbers that are the same but for rounding, relative to the largest of them."""
DOES_NOT_VARY: Final = "the outcome does not vary"


def is_constant(values: npt.ArrayLike) -> bool:
    """Whether values differ by no more than rounding: ``max - min <= 1e-12 max |value|``.

    Of such an outcome there are no indices, shares, ranks or correlations: they would be ratios
    of rounding errors. Values that are not all finite are not constant; no values are.
    """
    found = np.asarray(values, dtype=np.float64).ravel()
    if not found.size:
        return True
    if not np.isfinite(found).all():
        return False
    return bool(found.max() - found.min() <= ROUNDING * np.abs(found).max())
