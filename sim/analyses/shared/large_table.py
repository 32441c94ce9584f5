"""Tables of too many rows for memory: their numbers lie in a temporary file.

The file holds one column after the other and is mapped into memory: the system reads the pages that
are used, and `Table.forget` gives them back. The table is a data frame like any other.
"""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Final, NamedTuple

import numpy as np
import pandas as pd

from sim.errors import UserError

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
    with filling():
        for place, name in enumerate(numbers):
            file.seek((place * rows + row) * NUMBER.itemsize)
            file.write(numbers[name].to_numpy().tobytes())
        file.flush()


@contextmanager
def filling() -> Iterator[None]:
    """Report that there is no room for a temporary file that is filled inside.

    Raises
    ------
    UserError
        When it cannot be written.
    """
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
