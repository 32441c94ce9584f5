"""Rounding that keeps sums: printed parts add up to the printed total."""

from __future__ import annotations

import math
from collections.abc import Sequence


def add_up(parts: Sequence[float]) -> list[int]:
    """Round parts to whole numbers that add up to the rounded total.

    Largest remainder: each part is rounded down, and the units still missing go to the parts
    that lost most. No part moves by a whole unit or more.
    """
    total = round(math.fsum(parts))
    floors = [math.floor(part) for part in parts]
    missing = total - sum(floors)
    by_loss = sorted(range(len(parts)), key=lambda i: (floors[i] - parts[i], i))
    for i in by_loss[:missing]:
        floors[i] += 1
    return floors
