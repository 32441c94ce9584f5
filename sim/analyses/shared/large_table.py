"""Tables as Parquet files; those of too many rows for memory lie in a temporary file.

That file holds one column after the other and is mapped into memory: the system reads the pages that
are used, and `Table.forget` gives them back. The table is a data frame like any other.
"""

from __future__ import annotations

import io
import mmap
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from sim.errors import UserError
from sim.files.atomic import Blocks

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

MOST_ROWS: Final = 20_000
"""Of a table in memory; also of those that are worked on at a time."""
NUMBER: Final = np.dtype(np.float64)


class Table(NamedTuple):
    """A data frame, and the map of its numbers where they lie in a file."""

    frame: pd.DataFrame
    pages: mmap.mmap | None = None

    @property
    def on_disk(self) -> tuple[Table, ...]:
        """Itself, where its numbers are on the disk."""
        return () if self.pages is None else (self,)

    def forget(self) -> None:
        """Give back the memory of what was read; the numbers stay where they are."""
        if self.pages is not None and hasattr(mmap, "MADV_DONTNEED"):
            self.pages.madvise(mmap.MADV_DONTNEED)


def fits(rows: int) -> bool:
    """Whether a table of so many rows is in memory."""
    return rows <= MOST_ROWS


def joined(tables: Iterable[pd.DataFrame], rows: int) -> Table:
    """Return tables of the same columns one below the other, on the disk where they are large.

    Parameters
    ----------
    tables
        Taken one after the other.
    rows
        Of all tables together.

    Raises
    ------
    UserError
        When there is no room for the temporary file.
    """
    import pandas as pd

    if fits(rows):
        return Table(pd.concat(list(tables), ignore_index=True))
    with tempfile.TemporaryFile() as file:
        row, words = 0, []
        for table in tables:
            numbers = table.select_dtypes(NUMBER)
            _write(file, numbers, row, rows)
            words.append(table.drop(columns=numbers.columns))
            row += len(table)
        pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    values = np.frombuffer(pages, NUMBER).reshape(len(numbers.columns), rows)
    frame = pd.DataFrame(values.T, columns=numbers.columns, copy=False)
    others = pd.concat(words, ignore_index=True)
    for place, name in enumerate(table.columns):
        if name in others:
            frame.insert(place, name, others[name])
    return Table(frame, pages)


def _write(file: IO[bytes], numbers: pd.DataFrame, row: int, rows: int) -> None:
    """Write some rows of a table of so many."""
    with _filling():
        for place, name in enumerate(numbers):
            file.seek((place * rows + row) * NUMBER.itemsize)
            file.write(numbers[name].to_numpy().tobytes())
        file.flush()


@contextmanager
def _filling() -> Iterator[None]:
    """Report that there is no room for a temporary file that is filled inside."""
    try:
        yield
    except OSError as error:
        problem = f"cannot hold the draws: {error.strerror}; TMPDIR names another folder"
        raise UserError(problem, file=tempfile.gettempdir()) from None


def parts(rows: int, together: int = 1) -> Iterator[slice]:
    """Yield the rows of a table in parts that fit into memory, `together` of them never divided."""
    step = max(MOST_ROWS // together, 1) * together
    for first in range(0, rows, step):
        yield slice(first, min(first + step, rows))


FORMAT: Final[Any] = {"compression": "zstd", "write_page_checksum": True}


def parquet(table: pd.DataFrame) -> bytes:
    """Return a table as the bytes of a Parquet file: the same table, the same bytes."""
    import pyarrow.parquet as pq

    stream = io.BytesIO()
    pq.write_table(_plain(table), stream, **FORMAT)
    return stream.getvalue()


def _plain(table: pd.DataFrame) -> pa.Table:
    import pyarrow as pa

    return pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)


def parquet_on_disk(tables: Iterable[pd.DataFrame]) -> Blocks:
    """Return tables one below the other as a Parquet file on the disk, a row group each.

    Raises
    ------
    UserError
        When there is no room for the temporary file.
    """
    import pyarrow.parquet as pq

    file = tempfile.TemporaryFile()  # noqa: SIM115 - its blocks close it
    with _filling(), ExitStack() as closing:
        writer: pq.ParquetWriter | None = None
        for table in map(_plain, tables):
            if writer is None:
                writer = closing.enter_context(pq.ParquetWriter(file, table.schema, **FORMAT))
            writer.write_table(table, row_group_size=len(table))
    return Blocks(file)


def read_parquet(content: bytes | memoryview) -> pd.DataFrame:
    """Return the table of a Parquet file whose bytes have been verified."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    found: pd.DataFrame = pq.read_table(pa.BufferReader(content)).to_pandas()
    return found


def read_table(file: IO[bytes]) -> Table:
    """Return the table of an open Parquet file."""
    import pyarrow.parquet as pq

    found = pq.ParquetFile(file)
    rows = found.metadata.num_rows
    return joined((each.to_pandas() for each in found.iter_batches(MOST_ROWS)), rows)
