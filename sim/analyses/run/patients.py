"""The single patients of a run as a Parquet file, written unit by unit."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sim.engine.outcomes import FLAGS
from sim.errors import UserError
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


class PatientsFile:
    """Writes patients as they come; the file appears under its name when all are written."""

    def __init__(self, path: Path, strategies: tuple[str, ...]) -> None:
        self.path = path
        self.strategies = strategies
        self.schema = pa.schema(columns())

    def __enter__(self) -> Sink:
        """Open a temporary file in the same folder; return a function to which patients are passed.

        Raises
        ------
        UserError
            When it cannot be written there.
        """
        try:
            if self.path.is_dir():
                raise IsADirectoryError(21, "is a folder, not a file")
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._draft = self.path.with_name(f".{self.path.name}-{os.getpid()}")
            self._stream = self._draft.open("xb")
        except OSError as error:
            raise self._refused(error) from None
        self._writer = pq.ParquetWriter(self._stream, self.schema, compression="zstd")
        return self.write

    def write(self, first: int, rows: np.ndarray[Any, Any], amounts: np.ndarray[Any, Any]) -> None:
        """Write a unit: (patient, strategy, outcome) and (patient, strategy, kind, category)."""
        try:
            self._writer.write_table(patients_table(first, rows, amounts, self.strategies))
        except OSError as error:
            raise self._refused(error) from None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Move the complete file into place; after an error remove it."""
        try:
            self._writer.close()
            self._stream.close()
            if kind is None:
                self._draft.replace(self.path)
        except OSError as problem:
            if kind is None:
                raise self._refused(problem) from None
        finally:
            self._draft.unlink(missing_ok=True)

    def _refused(self, error: OSError) -> UserError:
        reason = error.strerror or str(error)
        return UserError(f"cannot be written: {reason}", key=OPTION, value=str(self.path))
