"""The rows of a file of patients, CSV or Parquet, in batches of bounded size."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np

from sim.errors import UserError
from sim.files.documents import separator_hint
from sim.scenario.patient_columns import Batch, Cells, Column

Batches = Callable[[Mapping[str, Column]], Iterator[Batch]]
PARQUET: Final = ".parquet"
BATCH_ROWS: Final = 1 << 17
BLOCK_BYTES: Final = 1 << 21
EMPTY: Final = ("", "NA", "NaN", "nan", "null")
"""Spreadsheets, R, Python and databases write these for a cell without a value."""
YES: Final = ("1", "yes", "true", "y", "1.0")
NO: Final = ("0", "no", "false", "n", "0.0")
MALE: Final = ("male", "m", "man")
FEMALE: Final = ("female", "f", "woman")
LONGEST_SHOWN: Final = 30


def read_batches(path: Path) -> tuple[list[str], Batches]:
    """Return the names of the columns, and a function that yields the rows of some of them.

    Raises
    ------
    UserError
        When the file cannot be read; the function raises it when a row cannot.
    """
    return _parquet(path) if path.suffix.lower() == PARQUET else _csv(path)


def _parquet(path: Path) -> tuple[list[str], Batches]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path, pre_buffer=False)
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"is not a Parquet file ({_short(error)})", file=path) from None
    names = list(file.schema_arrow.names)
    if "strategy" in names:
        _refuse_strategies(path, file)

    def batches(columns: Mapping[str, Column]) -> Iterator[Batch]:
        for batch in file.iter_batches(BATCH_ROWS, columns=list(columns)):
            yield {
                name: _cells(path, name, column, batch[name]) for name, column in columns.items()
            }

    return names, batches


def _refuse_strategies(path: Path, file: Any) -> None:  # noqa: ANN401 - a Parquet file
    """Refuse the patients of a run under several strategies: each would be counted several times."""
    found: set[object] = set()
    for batch in file.iter_batches(BATCH_ROWS, columns=["strategy"]):
        found |= set(batch["strategy"].unique().to_pylist())
        if len(found) > 1:
            problem = "holds every patient once for each strategy; leave the rows of one"
            raise UserError(problem, file=path, key="strategy")


def _csv(path: Path) -> tuple[list[str], Batches]:
    names = _heading(path)

    def batches(columns: Mapping[str, Column]) -> Iterator[Batch]:
        yield from _csv_batches(path, names, columns)

    return names, batches


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


def _csv_batches(
    path: Path, names: Sequence[str], columns: Mapping[str, Column]
) -> Iterator[Batch]:
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
                include_columns=list(columns),
                column_types=dict.fromkeys(columns, pa.string()),
                strings_can_be_null=False,
            ),
        ) as reader:
            for batch in reader:
                yield {
                    name: _cells(path, name, column, batch[name])
                    for name, column in columns.items()
                }
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
    if pa.types.is_null(kind) or pa.types.is_boolean(kind) or numeric:
        numbers = _floats(cells)
        if column.kind != "sex" and not (column.kind == "amount" and pa.types.is_boolean(kind)):
            return Cells(numbers)
        texts = {int(i): str(cells[i].as_py()) for i in np.flatnonzero(~np.isnan(numbers))}
        return Cells(np.full(len(numbers), np.nan), texts)
    raise UserError(f"holds {kind} and not {column.unit}", file=path, key=name)


def _floats(cells: Any) -> Any:  # noqa: ANN401 - arrow to numpy
    import pyarrow as pa

    # Integers and booleans go to floats by way of Python's own numbers of arrow.
    if pa.types.is_boolean(cells.type):
        cells = cells.cast(pa.int8())
    return np.array(cells.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))


def _of_texts(column: Column, cells: Any) -> Cells:  # noqa: ANN401 - arrow
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.kind in ("amount", "line"):
        try:
            return Cells(_floats(cells))
        except pa.ArrowInvalid:
            return _slowly(cells)
    ones, zeros = (MALE, FEMALE) if column.kind == "sex" else (YES, NO)
    lower = pc.utf8_lower(cells)
    words = pa.array([*ones, *zeros], lower.type)
    codes = pc.index_in(lower, value_set=words)
    places = codes.to_numpy(zero_copy_only=False).astype(np.float64)
    numbers = np.where(np.isnan(places), np.nan, places < len(ones))
    unknown = pc.and_(pc.is_valid(cells), pc.is_null(codes)).to_numpy(zero_copy_only=False)
    if column.kind == "sex" or not unknown.any():
        return Cells(numbers, _texts(cells, np.flatnonzero(unknown)))
    # A share or a percentage is better named as such than as an unknown word.
    slow = _slowly(cells.filter(pa.array(unknown)))
    places_of = np.flatnonzero(unknown)
    numbers[places_of] = slow.numbers
    return Cells(numbers, {int(places_of[i]): text for i, text in slow.texts.items()})


def _slowly(cells: Any) -> Cells:  # noqa: ANN401 - arrow
    """Return the numbers among texts, one by one."""
    found = cells.to_pylist()
    numbers = np.full(len(found), np.nan)
    texts: dict[int, str] = {}
    for place, text in enumerate(found):
        if text is None:
            continue
        try:
            # Python would read 1_8 as 18.
            numbers[place] = float(text.replace("_", "?"))
        except ValueError:
            texts[place] = _shown(text)
    return Cells(numbers, texts)


def _texts(cells: Any, places: Any) -> dict[int, str]:  # noqa: ANN401 - arrow, numpy
    return {int(place): _shown(cells[int(place)].as_py()) for place in places}


def _shown(text: str) -> str:
    return repr(text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…")
