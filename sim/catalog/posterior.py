"""The joint posterior of the parameters that were fitted to published cohorts.

Its draws are a table of comma-separated values: columns are names of parameters, rows are draws, values
are in the parameter's own unit. Values of one row belong together. Another table says how far the
fit informed each parameter, see `sim.evidence.calibration`.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from sim.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

DRAWS: Final = "posterior/adult_rr.csv"
INFORMED: Final = "posterior/identification.csv"
DATA: Final = Path(__file__).parent / "data"
POSTERIOR: Final = DATA / DRAWS
IDENTIFIED: Final = DATA / INFORMED
STUDY: Final = ".study_"
"""In the name of a parameter that is a study effect."""


class Informed(NamedTuple):
    """How far a fit informed a parameter: the spread left of its prior, and the endpoints."""

    spread_left: float
    by: str


class Fit(NamedTuple):
    """The results of a fit by name of the parameter: draws, and how far it informed the parameter."""

    draws: Mapping[str, tuple[float, ...]] = {}
    informed: Mapping[str, Informed] = {}


NO_FIT: Final = Fit()


def read_fit(root: Path, shown_as: str) -> Fit:
    """Read the fit of the catalogue in the folder `root`; nothing where it has none.

    Raises
    ------
    UserError
        When a file of it is no such table.
    """
    draws = read_draws(root / DRAWS, f"{shown_as}/{DRAWS}")
    path, shown = root / INFORMED, f"{shown_as}/{INFORMED}"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            informed = {
                row["parameter"]: Informed(float(row["spread_left"]), row["informed_by"])
                for row in csv.DictReader(file, strict=True)
            }
    except FileNotFoundError:
        return Fit(draws)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"is not a table of the fit ({error})", file=shown) from None
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise UserError(f"is not a table of the fit ({error!r})", file=shown) from None
    return Fit(draws, informed)


def read_draws(path: Path, shown_as: str | None = None) -> Mapping[str, tuple[float, ...]]:
    """Read the draws by name of the parameter; none when there is no such file.

    Raises
    ------
    UserError
        When the file cannot be read, holds no draws, a column twice, rows of different
        lengths, or a value that is no finite number.
    """
    shown = str(path) if shown_as is None else shown_as
    if not path.exists():
        return {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            names, *rows = list(csv.reader(file)) or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"is not a table of numbers ({error})", file=shown) from None
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise UserError("stands twice among the columns", file=shown, line=1, key=twice[0])
    if not rows:
        raise UserError("holds no draws", file=shown)
    for line, row in enumerate(rows, start=2):
        if len(row) != len(names):
            problem = f"has {len(row)} cells where {len(names)} are named"
            raise UserError(problem, file=shown, line=line)
    columns = zip(names, zip(*rows, strict=True), strict=True)
    return {name: _numbers(column, shown, name) for name, column in columns}


def _numbers(column: tuple[str, ...], file: str, name: str) -> tuple[float, ...]:
    try:
        values = tuple(map(float, column))
    except ValueError:
        values = (math.nan,)
    if not all(map(math.isfinite, values)):
        line, text = next(each for each in enumerate(column, start=2) if not _is_finite(each[1]))
        raise UserError("is not a finite number", file=file, line=line, key=name, value=text)
    return values


def _is_finite(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


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
        When the file is no table of finite numbers; see `read_draws`.
    """
    if not path.exists():
        return None
    state = path.stat()
    return _table(path, state.st_mtime_ns, state.st_size).copy(deep=False)


@cache
def _table(path: Path, *_state: int) -> pd.DataFrame:
    """Read the draws once for each state of the file."""
    import pandas as pd

    return pd.DataFrame(dict(read_draws(path)))


def load_identification() -> pd.DataFrame:
    """Read how far the fit informed its parameters; empty where there is no such file.

    Returns
    -------
    DataFrame
        The columns of `sim.evidence.calibration.identification`, indexed by the parameter.
    """
    import pandas as pd

    if not IDENTIFIED.exists():
        return pd.DataFrame(columns=["scale", "prior_mean", "prior_sd"])
    return pd.read_csv(IDENTIFIED, index_col="parameter", keep_default_na=False)


def of_average_study(posterior: pd.DataFrame) -> pd.DataFrame:
    """Leave out the effects of a study to come: those of the average study are none."""
    return posterior[[name for name in posterior.columns if STUDY not in str(name)]]
