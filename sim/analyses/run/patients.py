"""The single patients of a run as a Parquet file, written unit by unit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sim.engine.outcomes import FLAGS
from sim.files.atomic import writing
from sim.files.results_folder import check_file, refused_as
from sim.simulation.run import Sink
from sim.simulation.tally import CATEGORIES, DISCOUNTED, ROW, UNDISCOUNTED

OPTION: Final = "--patients-out"
WHOLE: Final = frozenset({"cycles_first_line", "cause_of_death"})
KINDS: Final = (("", DISCOUNTED), ("_undiscounted", UNDISCOUNTED))


def columns() -> list[tuple[str, pa.DataType]]:
    """Return names and types: strategy, patient, the outcomes, each category of the ledger.

    Categories are named ``account.category``, with ``_undiscounted`` after the account where it
    is. Days are since entry, infinite where the event did not happen.
    """
    outcomes = [
        (name, pa.bool_() if i < FLAGS else pa.int32() if name in WHOLE else pa.float64())
        for i, name in enumerate(ROW)
    ]
    amounts = [
        (f"{category.account.value}{suffix}.{category.label}", pa.float64())
        for suffix, _ in KINDS
        for category in CATEGORIES
    ]
    strategy = pa.dictionary(pa.int32(), pa.string())
    return [("strategy", strategy), ("patient", pa.int64()), *outcomes, *amounts]


def patients_table(
    first: int,
    rows: np.ndarray[Any, Any],
    amounts: np.ndarray[Any, Any],
    strategies: Sequence[str],
) -> pa.Table:
    """Return patients, numbered from `first`, in the columns of `columns`.

    Parameters
    ----------
    first
        Number of the first patient.
    rows
        Outcomes; shape (patients, strategies, column of `ROW`).
    amounts
        Shape (patients, strategies, undiscounted or discounted, category).
    strategies
        Their names.
    """
    count = len(rows)
    places = np.tile(np.arange(len(strategies), dtype=np.int32), count)
    data: dict[str, Any] = {
        "strategy": pa.DictionaryArray.from_arrays(pa.array(places), pa.array(strategies)),
        "patient": np.repeat(np.arange(first, first + count), len(strategies)),
    }
    for i, name in enumerate(ROW):
        column = rows[:, :, i].ravel()
        data[name] = (
            column.astype(bool)
            if i < FLAGS
            else column.astype(np.int32)
            if name in WHOLE
            else column
        )
    for suffix, kind in KINDS:
        for i, category in enumerate(CATEGORIES):
            name = f"{category.account.value}{suffix}.{category.label}"
            data[name] = amounts[:, :, kind, i].ravel()
    return pa.table(data, schema=pa.schema(columns()))


@contextmanager
def patients_file(path: Path, strategies: tuple[str, ...]) -> Iterator[Sink]:
    """Open the file of the patients, which comes into place when all of them are written.

    Yields a function that writes a unit: number of the first patient, outcomes (patient, strategy,
    outcome) and amounts (patient, strategy, kind, category).

    Raises
    ------
    UserError
        When it cannot be written there; a previous file stays.
    """
    with ExitStack() as opened:
        with refused_as(OPTION, path):
            check_file(path, OPTION)
            path.parent.mkdir(parents=True, exist_ok=True)
            stream = opened.enter_context(writing(path))
            writer = pq.ParquetWriter(stream, pa.schema(columns()), compression="zstd")

        def write(first: int, rows: np.ndarray[Any, Any], amounts: np.ndarray[Any, Any]) -> None:
            table = patients_table(first, rows, amounts, strategies)
            with refused_as(OPTION, path):
                writer.write_table(table)

        try:
            yield write
        except BaseException:
            with suppress(OSError):
                writer.close()
            raise
        with refused_as(OPTION, path):
            writer.close()
            opened.close()
