"""The user's own patients: a file with one row a patient, CSV or Parquet.

A column gives a characteristic; the characteristics without a column, and those of empty cells, are
drawn from the scenario's population. The rows are converted once to numbers, which a large file
keeps on the disk, so that memory does not grow with them.
"""

from __future__ import annotations

import hashlib
import math
import tempfile
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import IO, Any, Final

import numpy as np

from sim.clinic.patient import Given
from sim.errors import UserError
from sim.scenario.patient_columns import COLUMNS, Batch, Columns, Mistakes, columns_of, numbers_of
from sim.scenario.patient_rows import read_batches

Array = np.ndarray[Any, np.dtype[np.float64]]
SUFFIXES: Final = (".csv", ".parquet")
TRAITS: Final = Given._fields
IN_MEMORY_BYTES: Final = 1 << 26
"""The numbers of a larger file are on the disk."""
FILES_AT_ONCE: Final = 4
MRD_ONLY: Final = "mrd_only"
WEIGHT: Final = "weight_kg"


class Store:
    """Rows of numbers, from which any slice can be read by any thread."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES)  # noqa: SIM115
        self._lock = Lock()
        weakref.finalize(self, self._file.close)
        self.rows = 0

    def append(self, rows: Array) -> None:
        """Write rows behind those that are there."""
        self._file.write(np.ascontiguousarray(rows).tobytes())
        self.rows += len(rows)

    def read(self, first: int, count: int) -> Array:
        """Return `count` rows from `first` on."""
        bytes_of_a_row = 8 * self._width
        with self._lock:
            self._file.seek(first * bytes_of_a_row)
            found = self._file.read(count * bytes_of_a_row)
        return np.frombuffer(found).reshape(count, self._width)


@dataclass(frozen=True, eq=False)
class OwnPatients:
    """Patients from a file.

    Attributes
    ----------
    file
        Its name, without the folder.
    sha256
        The digest of its content.
    given
        The columns, with the number of cells that are empty, whose values are drawn.
    derived
        Characteristics that follow from a column, and which.
    not_read
        Columns that are no characteristic.
    complete
        The fields of `sim.clinic.patient.Given` that every row gives.
    mrd_only
        The number of rows of patients in remission, treated for MRD only.
    mean_weight_kg
        Of the rows that give it; NaN where none does.
    """

    file: str
    sha256: str
    given: Mapping[str, int]
    derived: Mapping[str, str]
    not_read: tuple[str, ...]
    complete: frozenset[str]
    mrd_only: int
    mean_weight_kg: float
    _traits: tuple[int, ...]
    _store: Store

    @property
    def number(self) -> int:
        """The rows of the file."""
        return self._store.rows

    @property
    def drawn(self) -> tuple[str, ...]:
        """The columns that the file lacks: these characteristics are drawn for everyone."""
        return tuple(
            each for each in COLUMNS if each not in self.given and each not in self.derived
        )

    def gives(self, column: str) -> bool:
        """Whether the file has this column."""
        return column in self.given

    def rows(self, first: int, count: int) -> Array:
        """Return what is given of the patients `first` to ``first + count - 1``.

        The rows are used in order and repeated.

        Returns
        -------
        array of shape (count, characteristics)
            The fields of `sim.clinic.patient.Given`, NaN where drawn.
        """
        found = np.full((count, len(TRAITS)), np.nan)
        if self.number <= count:
            places = np.arange(first, first + count) % self.number
            found[:, self._traits] = self._store.read(0, self.number)[places]
            return found
        start = first % self.number
        before_the_end = min(count, self.number - start)
        found[:before_the_end, self._traits] = self._store.read(start, before_the_end)
        found[before_the_end:, self._traits] = self._store.read(0, count - before_the_end)
        return found

    def row_numbers(self, first: int, count: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return the row, from 1, of each of the patients."""
        return np.arange(first, first + count, dtype=np.int64) % self.number + 1

    def described(self) -> dict[str, Any]:
        """Return what a result has to say about the file, for JSON."""
        return {
            "file": self.file,
            "sha256": self.sha256,
            "rows": self.number,
            "given": list(self.given),
            "derived": dict(self.derived),
            "drawn": list(self.drawn),
            "empty_cells_drawn": {name: n for name, n in self.given.items() if n},
            "not_read": list(self.not_read),
        }


def read_own_patients(path: Path) -> OwnPatients:
    """Read the patients of a file; the same file is read only once.

    Raises
    ------
    UserError
        When it cannot be read or a cell is wrong: the first ten by row and column, and how many
        there are.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise UserError(f"cannot be read ({error.strerror})", file=path) from None
    if path.is_dir():
        raise UserError("is a folder, not a file of patients", file=path)
    return _read(path, path.resolve(), status.st_mtime_ns, status.st_size)


@lru_cache(FILES_AT_ONCE)
def _read(path: Path, _where: Path, _modified: int, _size: int) -> OwnPatients:
    names, batches = read_batches(path)
    columns = columns_of(path, names)
    store, empty, sums = _stored(path, columns, batches(columns.given))
    traits = columns.traits
    weighed = store.rows - empty.get(WEIGHT, store.rows)
    return OwnPatients(
        file=path.name,
        sha256=_digest(path),
        given={name: empty[column.trait] for name, column in columns.given.items()},
        derived=columns.derived,
        not_read=columns.not_read,
        complete=frozenset(trait for trait in traits if not empty[trait]),
        mrd_only=int(sums.get(MRD_ONLY, 0.0)),
        mean_weight_kg=sums[WEIGHT] / weighed if weighed else math.nan,
        _traits=tuple(TRAITS.index(trait) for trait in traits),
        _store=store,
    )


def _stored(
    path: Path, columns: Columns, batches: Iterator[Batch]
) -> tuple[Store, dict[str, int], dict[str, float]]:
    """Convert and check the rows; return them, and the empty cells and the sum of each trait."""
    store, mistakes = Store(len(columns.traits)), Mistakes(path)
    empty = dict.fromkeys(columns.traits, 0)
    sums = dict.fromkeys(columns.traits, 0.0)
    for batch in batches:
        numbers = numbers_of(columns, batch, store.rows, mistakes)
        for trait in columns.traits:
            empty[trait] += int(np.isnan(numbers[trait]).sum())
            sums[trait] += float(np.nansum(numbers[trait]))
        store.append(np.column_stack([numbers[trait] for trait in columns.traits]))
    mistakes.refuse()
    if not store.rows:
        raise UserError(
            "holds no patients: there is no row below the names of the columns", file=path
        )
    return store, empty, sums


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
