"""Numbers in result files: values that cannot be estimated are null in JSON and empty in tables."""

from __future__ import annotations

import math

from sim.economics.estimates import Estimate


def finite(value: float | None) -> float | None:
    """Return the number, or None where there is none."""
    return None if value is None or not math.isfinite(value) else float(value)


def estimate_json(estimate: Estimate) -> dict[str, float | None]:
    """Return a value and its error by name."""
    return {"mean": finite(estimate.mean), "se": finite(estimate.se)}


def estimate_row(estimate: Estimate) -> tuple[float | None, float | None]:
    """Return a value and its error, for two columns."""
    return finite(estimate.mean), finite(estimate.se)
