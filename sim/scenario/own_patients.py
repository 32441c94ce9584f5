"""The user's own patients: a file with one row a patient, CSV or Parquet.

A column gives a characteristic; the characteristics without a column, and those of empty cells, are
drawn from the scenario's population. The rows are converted once to numbers, which a large file
keeps on the disk, so that memory does not grow with them.
"""

from __future__ import annotations

import csv
import hashlib
import math
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import IO, Any, Final

import numpy as np

from sim.clinic.patient import Given
from sim.errors import UserError
from sim.files.documents import separator_hint
from sim.scenario.patient_columns import (
    COLUMNS,
    Cells,
    Column,
    Columns,
    Mistakes,
    columns_of,
    numbers_of,
)

Array = np.ndarray[Any, np.dtype[np.float64]]
CSV, PARQUET = ".csv", ".parquet"
SUFFIXES: Final = (CSV, PARQUET)
TRAITS: Final = Given._fields
IN_MEMORY_BYTES: Final = 1 << 26
"""The numbers of a larger file are on the disk."""
FILES_AT_ONCE: Final = 4
MRD_ONLY: Final = "mrd_only"
WEIGHT: Final = "weight_kg"
BATCH_ROWS: Final = 1 << 17
BLOCK_BYTES: Final = 1 << 21
EMPTY: Final = ("", "NA", "NaN", "nan", "null")
"""Spreadsheets, R, Python and databases write these for a cell without a value."""
YES: Final = ("1", "yes", "true", "y", "1.0")
NO: Final = ("0", "no", "false", "n", "0.0")
MALE: Final = ("male", "m", "man")
FEMALE: Final = ("female", "f", "woman")
LONGEST_SHOWN: Final = 30


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
    file = _parquet_file(path) if path.suffix.lower() == PARQUET else None
    names = _heading(path) if file is None else list(file.schema_arrow.names)
    columns = columns_of(path, names)
    asked = list(columns.given)
    batches = (
        _csv_batches(path, names, asked)
        if file is None
        else file.iter_batches(BATCH_ROWS, columns=asked)
    )
    store, empty, sums = _stored(path, columns, batches)
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    traits = columns.traits
    weighed = store.rows - empty.get(WEIGHT, store.rows)
    return OwnPatients(
        file=path.name,
        sha256=digest,
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
    path: Path, columns: Columns, batches: Iterator[Any]
) -> tuple[Store, dict[str, int], dict[str, float]]:
    """Convert and check the rows; return them, and the empty cells and the sum of each trait."""
    store, mistakes = Store(len(columns.traits)), Mistakes(path)
    empty = dict.fromkeys(columns.traits, 0)
    sums = dict.fromkeys(columns.traits, 0.0)
    for batch in batches:
        cells = {
            name: _cells(path, name, column, batch[name]) for name, column in columns.given.items()
        }
        numbers = numbers_of(columns, cells, store.rows, mistakes)
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


def _parquet_file(path: Path) -> Any:  # noqa: ANN401 - of pyarrow
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path, pre_buffer=False)
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"is not a Parquet file ({_short(error)})", file=path) from None
    if "strategy" in file.schema_arrow.names:
        _refuse_strategies(path, file)
    return file


def _refuse_strategies(path: Path, file: Any) -> None:  # noqa: ANN401 - a Parquet file
    """Refuse the patients of a run under several strategies: each would be counted several times."""
    found: set[object] = set()
    for batch in file.iter_batches(BATCH_ROWS, columns=["strategy"]):
        found |= set(batch["strategy"].unique().to_pylist())
        if len(found) > 1:
            problem = "holds every patient once for each strategy; leave the rows of one"
            raise UserError(problem, file=path, key="strategy")


def _heading(path: Path) -> list[str]:
    try:
        # A spreadsheet may put a byte order mark in front.
        with path.open(encoding="utf-8-sig", newline="") as stream:
            names = next(islice(csv.reader(stream), 1), [])
    except UnicodeDecodeError:
        raise UserError("is not UTF-8 text", file=path, line=1) from None
    except OSError as error:
        raise UserError(f"cannot be read ({error.strerror})", file=path) from None
    except csv.Error as error:
        raise UserError(f"is not CSV ({error})", file=path, line=1) from None
    if not names:
        raise UserError("is empty; the first line names the columns", file=path, line=1)
    problem = separator_hint(names)
    if problem is not None:
        raise UserError(problem, file=path, line=1)
    return names


def _csv_batches(path: Path, names: Sequence[str], columns: Sequence[str]) -> Iterator[Any]:
    """Yield the rows of some of the columns in batches of bounded size, as pyarrow has them."""
    import pyarrow as pa
    from pyarrow import csv as table

    ragged: list[tuple[int, int]] = []

    def refuse(row: Any) -> str:  # noqa: ANN401 - pyarrow's description of a row
        ragged.append((row.number, row.actual_columns))
        return "error"

    try:
        with table.open_csv(
            path,
            # One thread counts the rows.
            table.ReadOptions(
                use_threads=False, block_size=BLOCK_BYTES, column_names=_unique(names), skip_rows=1
            ),
            table.ParseOptions(invalid_row_handler=refuse),
            table.ConvertOptions(
                include_columns=columns,
                column_types=dict.fromkeys(columns, pa.string()),
                strings_can_be_null=False,
            ),
        ) as reader:
            yield from reader
    except pa.ArrowInvalid as error:
        if ragged:
            line, cells = ragged[0]
            problem = f"has {cells} cells where there are {len(names)} columns"
            raise UserError(problem, file=path, line=line) from None
        if "Empty CSV" in str(error):
            return
        wrong = "is not UTF-8 text" if "UTF8" in str(error) else f"is not CSV ({_short(error)})"
        raise UserError(wrong, file=path) from None
    except OSError as error:
        raise UserError(f"cannot be read ({_short(error)})", file=path) from None


def _unique(names: Sequence[str]) -> list[str]:
    """Return the names, a number behind each that repeats another: of those, none is read."""
    return [
        f"{name}.{place}" if name in names[:place] else name for place, name in enumerate(names)
    ]


def _short(error: Exception) -> str:
    return str(error).splitlines()[0][:120] if str(error) else type(error).__name__


def _cells(path: Path, name: str, column: Column, cells: Any) -> Cells:  # noqa: ANN401 - arrow
    """Return the cells of a column as numbers, and those that are none as texts."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = cells.type
    if pa.types.is_dictionary(kind):
        cells = cells.cast(kind.value_type)
        kind = cells.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        trimmed = pc.utf8_trim_whitespace(cells)
        empty = pc.is_in(trimmed, value_set=pa.array(EMPTY, kind))
        return _of_texts(column, pc.if_else(empty, pa.scalar(None, kind), trimmed))
    numeric = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if not (pa.types.is_null(kind) or pa.types.is_boolean(kind) or numeric):
        raise UserError(f"holds {kind} and not {column.unit}", file=path, key=name)
    # Booleans go to floats by way of integers.
    numbers = _floats(cells.cast(pa.int8()) if pa.types.is_boolean(kind) else cells)
    if column.kind != "sex" and not (column.kind == "amount" and pa.types.is_boolean(kind)):
        return Cells(numbers)
    texts = {int(i): str(cells[i].as_py()) for i in np.flatnonzero(~np.isnan(numbers))}
    return Cells(np.full(len(numbers), np.nan), texts)


def _floats(cells: Any) -> Any:  # noqa: ANN401 - arrow to numpy
    import pyarrow as pa

    return np.array(cells.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))


def _of_texts(column: Column, cells: Any) -> Cells:  # noqa: ANN401 - arrow
    """Read all texts together if they are numbers, else each different one by itself."""
    import pyarrow as pa

    if column.kind in ("amount", "line"):
        with suppress(pa.ArrowInvalid):
            return Cells(_floats(cells))
    encoded = cells.dictionary_encode()
    texts = encoded.dictionary.to_pylist()
    read = np.array([*(_number_of(column, text) for text in texts), np.nan])
    codes = encoded.indices.fill_null(len(texts)).to_numpy(zero_copy_only=False)
    unknown = np.flatnonzero(np.isnan(read[codes]) & (codes < len(texts)))
    return Cells(read[codes], {int(place): _shown(texts[codes[place]]) for place in unknown})


def _number_of(column: Column, text: str) -> float:
    """Return the number that a text stands for; NaN where it stands for none."""
    ones, zeros = (MALE, FEMALE) if column.kind == "sex" else (YES, NO)
    if column.kind in ("sex", "yes or no") and text.lower() in (*ones, *zeros):
        return float(text.lower() in ones)
    try:
        # Python would read 1_8 as 18. A share or a percentage is better named as such.
        return math.nan if column.kind == "sex" else float(text.replace("_", "?"))
    except ValueError:
        return math.nan


def _shown(text: str) -> str:
    return repr(text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…")
