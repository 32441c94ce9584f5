"""The joint posterior of the parameters that were fitted to published cohorts."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

import sim.catalog
from sim.errors import UserError

POSTERIOR: Final = Path(sim.catalog.__file__).parent / "data" / "posterior" / "adult_rr.csv"
"""Columns are names of parameters, rows are draws from their joint posterior distribution."""


def load_posterior(path: Path = POSTERIOR) -> pd.DataFrame | None:
    """Read the posterior draws; None when there is no such file.

    Returns
    -------
    DataFrame
        One row per draw, one column per parameter, in the parameter's own unit.

    Raises
    ------
    UserError
        When the file cannot be read, holds no draws, a column twice, or a value that is no
        finite number.
    """
    if not path.exists():
        return None
    try:
        # Without its own names pandas renames a column that stands twice.
        rows = pd.read_csv(path, header=None, dtype=str, encoding="utf-8")
        names = rows.iloc[0].tolist()
        values = rows.iloc[1:].to_numpy(dtype=np.float64)
    except (OSError, ValueError) as error:
        raise UserError(f"is not a table of numbers ({error})", file=path) from None
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise UserError("stands twice among the columns", file=path, line=1, key=twice[0])
    if not len(values):
        raise UserError("holds no draws", file=path)
    wrong = np.argwhere(~np.isfinite(values))
    if len(wrong):
        row, column = wrong[0].tolist()
        raise UserError("is not a finite number", file=path, line=row + 2, key=names[column])
    return pd.DataFrame(values, columns=names)
