"""The joint posterior of the parameters that were fitted to published cohorts."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

import pandas as pd

from sim.catalog.distribution import read_draws
from sim.catalog.reading import IDENTIFIED as INFORMED
from sim.catalog.reading import POSTERIOR as PLACE

POSTERIOR: Final = Path(__file__).parent / "data" / PLACE
"""Columns are names of parameters, rows are draws from their joint posterior distribution."""
IDENTIFIED: Final = Path(__file__).parent / "data" / INFORMED
"""How far the fit informed each parameter, see `sim.evidence.calibration`."""
STUDY: Final = ".study_"
"""In the name of a parameter that is a study effect."""


def load_posterior(path: Path = POSTERIOR) -> pd.DataFrame | None:
    """Read the posterior draws; None when there is no such file.

    Returns
    -------
    DataFrame
        One row per draw, one column per parameter, in the parameter's own unit; study effects
        are those of a study to come.

    Raises
    ------
    UserError
        When the file is no table of finite numbers; see `sim.catalog.distribution.read_draws`.
    """
    if not path.exists():
        return None
    state = path.stat()
    return _table(path, state.st_mtime_ns, state.st_size).copy(deep=False)


@cache
def _table(path: Path, *_state: int) -> pd.DataFrame:
    """Read the draws once for each state of the file."""
    return pd.DataFrame(dict(read_draws(path)))


def load_identification(path: Path = IDENTIFIED) -> pd.DataFrame:
    """Read how far the fit informed its parameters; empty where there is no such file.

    Returns
    -------
    DataFrame
        The columns of `sim.evidence.calibration.identification`, indexed by the parameter.
    """
    if not path.exists():
        return pd.DataFrame(columns=["scale", "prior_mean", "prior_sd"])
    return pd.read_csv(path, index_col="parameter", keep_default_na=False)


def of_average_study(posterior: pd.DataFrame) -> pd.DataFrame:
    """Leave out the effects of a study to come: those of the average study are none."""
    return posterior[[name for name in posterior.columns if STUDY not in str(name)]]
