"""The draws of a probabilistic analysis as files, and back."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import IO, Final

import pandas as pd
from pyarrow import ArrowException

from sim.analyses.psa.draws_run import COVARIANCE, INCREMENT_SE, PARAMETER, SE, Psa
from sim.analyses.shared.large_table import Table, fits, parquet, parquet_on_disk, parts, read_table
from sim.analyses.shared.store import MANIFEST, content_key, digest_of
from sim.analyses.shared.stored import Stored
from sim.errors import UserError
from sim.files.atomic import Content, blocks_in
from sim.layout.schema import LARGEST
from sim.simulation.question import Question

TABLE: Final = "psa.parquet"
DETERMINISTIC: Final = "deterministic.parquet"


def result_files(psa: Psa) -> dict[str, Content]:
    """Return the tables of the results by file name."""
    return {TABLE: _draws_file(psa), DETERMINISTIC: parquet(psa.deterministic)}


def _draws_file(psa: Psa) -> Content:
    """Return the table of the draws as a Parquet file; of many in row groups, from the disk."""
    if fits(len(psa.outcomes)):
        return parquet(draws_table(psa))

    def tables() -> Iterator[pd.DataFrame]:
        for part in parts(len(psa.outcomes), len(psa.strategies)):
            yield draws_table(psa, part)
            psa.forget()

    return parquet_on_disk(tables())


def read_results(
    opened: Callable[[str], IO[bytes]],
    question: Question,
    draws: int,
    base_patients: int,
) -> Psa | None:
    """Read the results of this question from files, by a function that opens the file of a name.

    None where there are none, where they are those of another question, or where a file is not
    as it was written.
    """
    try:
        with ExitStack() as files:

            def content_of(name: str) -> IO[bytes]:
                return files.enter_context(opened(name))

            found = json.loads(content_of(MANIFEST).read())
            if found["key"] != content_key(question, draws, base_patients):
                return None
            content = {name: content_of(name) for name in found["files"]}
            for name, file in content.items():
                if digest_of(blocks_in(file)) != found["files"][name]:
                    return None
            table, deterministic = (read_table(content[name]) for name in (TABLE, DETERMINISTIC))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, ArrowException):
        return None
    return psa_of(question, table, deterministic.frame, base_patients)


def psa_of(
    question: Question, table: Table, deterministic: pd.DataFrame, base_patients: int
) -> Psa:
    """Return the results of the tables of `result_files`."""
    drawn = [name for name in table.frame.columns if name.startswith(PARAMETER)]
    parameters = table.frame.iloc[:: len(question.scenario.strategies)][drawn]
    parameters.columns = parameters.columns.str.removeprefix(PARAMETER)
    parameters.index = pd.RangeIndex(len(parameters), name="draw")
    outcomes = table.frame.drop(columns=drawn)
    return Psa(question, parameters, outcomes, deterministic, base_patients, table.on_disk)


def draws_table(psa: Psa, rows: slice = slice(None)) -> pd.DataFrame:
    """Return outcomes with the drawn parameters, the columns of psa.parquet."""
    outcomes = psa.outcomes.iloc[rows].reset_index(drop=True)
    drawn = psa.parameters.add_prefix(PARAMETER)
    beside = drawn.loc[outcomes["draw"]].reset_index(drop=True)
    return pd.concat([outcomes, beside], axis=1)


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
    names, draws = stored.question.strategy_names, range(stored.summary["draws"])
    rows = {TABLE: names * len(draws), DETERMINISTIC: names}
    for file, found in ((TABLE, table), (DETERMINISTIC, deterministic)):
        if "strategy" not in found or list(found["strategy"]) != rows[file]:
            problem = f"must be {', '.join(names)} in this order, for each draw"
            raise UserError(problem, file=stored.folder / file, key="strategy")
    wanted = [draw for draw in draws for _ in names]
    if "draw" not in table or list(table["draw"]) != wanted:
        problem = "must be the numbers of the draws, from 0"
        raise UserError(problem, file=stored.folder / TABLE, key="draw")
