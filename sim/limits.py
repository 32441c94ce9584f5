"""The smallest and largest numbers allowed, from Python or on the command line."""

from __future__ import annotations

from typing import Final

MOST_PATIENTS: Final = 10**9
LARGEST_SEED: Final = 2**64 - 1
MOST_THREADS: Final = 1024
MOST_PARTS: Final = 10_000
"""Of an analysis that is divided among jobs."""
LARGEST_AMOUNT: Final = 1e12
"""Of money, a threshold or a standard error: far below the overflow of sums."""
LONGEST_DECISION_YEARS: Final = 1000.0
FEWEST_DRAWS: Final = 2
"""Of draws and of patients per draw: one has no spread."""
MOST_DRAWS: Final = 10**6
MOST_SOBOL_DRAWS: Final = 2**14
FEWEST_STEPS: Final = 2
MOST_STEPS: Final = 201
"""Of a two-way analysis: the values of each parameter, the ends included."""
FEWEST_TRAJECTORIES: Final = 2
MOST_TRAJECTORIES: Final = 10_000
FEWEST_PREDICTIONS: Final = 50
"""Of draws with which a cohort is predicted: fewer give no 95 % intervals."""
MOST_PREDICTIONS: Final = 10**5
