"""Numbers in result files: values that cannot be estimated are null in JSON and empty in tables."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from sim.economics.estimates import Estimate


def finite(value: float | None) -> float | None:
    """Return the number, or None where there is none."""
    return None if value is None or not math.isfinite(value) else float(value)


def estimate_json(estimate: Estimate) -> dict[str, float | None]:
    """Return a value and its error by name."""
    return {"mean": finite(estimate.mean), "se": finite(estimate.se)}


def known(value: float | None) -> float:
    """Return a number of a JSON file: null is ``nan``."""
    return math.nan if value is None else float(value)


def estimate_of(found: Mapping[str, Any]) -> Estimate:
    """Return the estimate of `estimate_json`."""
    return Estimate(known(found["mean"]), known(found["se"]))


def estimate_row(estimate: Estimate) -> tuple[float | None, float | None]:
    """Return a value and its error, for two columns."""
    return finite(estimate.mean), finite(estimate.se)
