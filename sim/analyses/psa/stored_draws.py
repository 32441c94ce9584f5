"""The draws of a probabilistic analysis, read back from its folder and checked."""

from __future__ import annotations

import math

import pandas as pd
from pyarrow import ArrowException

from sim.analyses.psa.draws_run import COVARIANCE, INCREMENT_SE, PARAMETER, SE, Psa
from sim.analyses.shared.contents import strategies_of
from sim.analyses.shared.large_table import Table
from sim.analyses.shared.store import DETERMINISTIC, TABLE, psa_of, read_table
from sim.analyses.shared.stored import Stored
from sim.errors import UserError
from sim.layout.schema import LARGEST


def read_psa(stored: Stored) -> Psa:
    """Return the draws that are stored in a folder.

    Raises
    ------
    UserError
        When a file is missing or broken.
    """
    found = []
    for name in (TABLE, DETERMINISTIC):
        path = stored.folder / name
        try:
            with path.open("rb") as file:
                found.append(read_table(file))
        except (OSError, ValueError, ArrowException) as error:
            raise UserError(f"cannot be read ({error})", file=path) from None
    table, deterministic = found
    _check_strategies(stored, table.frame, deterministic.frame)
    _check_columns(stored, table, deterministic)
    patients = stored.summary["base_case_patients"]
    return psa_of(stored.question, table, deterministic.frame, patients)


def _check_columns(stored: Stored, table: Table, deterministic: Table) -> None:
    """Refuse draws that lack a column of numbers, or hold unknown parameters."""
    outcomes = list(stored.summary["strategies"][0]["outcomes"])
    gains = [*(f"{INCREMENT_SE}{name}" for name in ("cost", "qalys", "life_years")), COVARIANCE]
    wanted = [*outcomes, *(f"{SE}{name}" for name in outcomes), *gains]
    drawn = [name for name in table.frame.columns if name.startswith(PARAMETER)]
    for name_of_file, each, names in (
        (TABLE, table, [*wanted, *drawn]),
        (DETERMINISTIC, deterministic, wanted),
    ):
        for name in names:
            frame = each.frame
            if name not in frame or not pd.api.types.is_numeric_dtype(frame[name]):
                problem = "is no column of numbers; run the analysis again"
                raise UserError(problem, file=stored.folder / name_of_file, key=name)
            values = frame[name].abs()
            each.forget()
            # A median that is not reached is infinite.
            if ((values > LARGEST) & (values < math.inf)).any():
                problem = f"must hold numbers of at most {LARGEST:g}"
                raise UserError(problem, file=stored.folder / name_of_file, key=name)
    file = stored.folder / TABLE
    if len(drawn) != stored.summary["parameters_drawn"]:
        problem = f"holds {len(drawn)} parameters, and {stored.file} says another number"
        raise UserError(problem, file=file, key=PARAMETER)
    for name in drawn:
        if name.removeprefix(PARAMETER) not in stored.question.numbers:
            raise UserError("no such parameter in this scenario", file=file, key=name)


def _check_strategies(stored: Stored, table: pd.DataFrame, deterministic: pd.DataFrame) -> None:
    """Refuse tables whose rows are not those of all strategies, draw by draw."""
    names, draws = list(strategies_of(stored.question)), range(stored.summary["draws"])
    rows = {TABLE: names * len(draws), DETERMINISTIC: names}
    for file, found in ((TABLE, table), (DETERMINISTIC, deterministic)):
        if "strategy" not in found or list(found["strategy"]) != rows[file]:
            problem = f"must be {', '.join(names)} in this order, for each draw"
            raise UserError(problem, file=stored.folder / file, key="strategy")
    wanted = [draw for draw in draws for _ in names]
    if "draw" not in table or list(table["draw"]) != wanted:
        problem = "must be the numbers of the draws, from 0"
        raise UserError(problem, file=stored.folder / TABLE, key="draw")
