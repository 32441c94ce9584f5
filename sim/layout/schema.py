"""Files of results: the columns of each table, said once, to write its file and to read it back.

Values that cannot be estimated are empty in a file and ``nan`` in Python; a text that is not there
is empty in both.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from sim.errors import UserError
from sim.files.documents import exists
from sim.layout.cells import finite

if TYPE_CHECKING:
    import pandas as pd

TEXT: Final = "str"
NUMBER: Final = "float64"
COUNT: Final = "int64"
SOME: Final = "Int64"
FLAG: Final = "bool"
LARGEST: Final = 1e100
"""Squares and sums of larger numbers could overflow; no result comes near."""


class Column(NamedTuple):
    """A column of a table.

    Attributes
    ----------
    name, dtype, meaning
        Its name, the type that it is read in, and the meaning and unit of its values.
    words
        The words that it may hold; any, where there are none.
    is_given
        Whether no number, or no strategy, is missing.
    is_strategy
        Whether it names strategies.
    """

    name: str
    dtype: str
    meaning: str
    words: tuple[str, ...] = ()
    is_given: bool = False
    is_strategy: bool = False


def text(name: str, meaning: str = "", words: Iterable[str] = ()) -> Column:
    """Return a column of text, or of some words only."""
    return Column(name, TEXT, meaning, tuple(words))


def strategy_name(name: str = "strategy", meaning: str = "", *, is_given: bool = True) -> Column:
    """Return a column of names of strategies; empty where there is none, unless they are given."""
    return Column(name, TEXT, meaning, is_given=is_given, is_strategy=True)


def number(name: str, meaning: str = "", *, is_given: bool = False) -> Column:
    """Return a column of numbers, which may be missing unless they are given."""
    return Column(name, NUMBER, meaning, is_given=is_given)


def estimated(name: str, meaning: str = "", of_error: str = "") -> tuple[Column, Column]:
    """Return a column of numbers and that of their standard errors."""
    return number(name, meaning), number(f"{name}_se", of_error)


def count(name: str, meaning: str = "") -> Column:
    """Return a column of whole numbers, all of them given."""
    return Column(name, COUNT, meaning)


def some(name: str, meaning: str = "") -> Column:
    """Return a column of whole numbers, which may be missing."""
    return Column(name, SOME, meaning)


def flag(name: str, meaning: str = "") -> Column:
    """Return a column of ``True`` and ``False``."""
    return Column(name, FLAG, meaning)


@dataclass(frozen=True)
class Schema:
    """A table of results.

    Attributes
    ----------
    file
        The name of its CSV file.
    columns
        In the order of the file; they are part of the interface.
    crossed
        Columns of which every combination of values has one row, in the order of the first, then
        of the second, and so on; none where rows may be missing.
    """

    file: str
    columns: tuple[Column, ...]
    crossed: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the columns with their meanings, a line for each."""
        return "\n".join(f"{name}: {meaning}".rstrip(": ") for name, _, meaning, *_ in self.columns)

    @property
    def stem(self) -> str:
        """The name of the file without its suffix."""
        return self.file.removesuffix(".csv")

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.name for column in self.columns)

    def table(self, rows: Iterable[Any]) -> pd.DataFrame:
        """Return rows, each in the order of the columns, as a table."""
        import pandas as pd

        table = pd.DataFrame(list(rows), columns=list(self.names), dtype=object)
        return self._typed(table)

    def read(self, folder: Path) -> pd.DataFrame:
        """Read the table from its file in a folder, every number as it was written.

        Raises
        ------
        UserError
            When the file is not there, is no CSV file, or lacks a column or a row.
        """
        import pandas as pd

        path = folder / self.file
        _check_there(path)
        try:
            # An infinite number of whole ones is an error, not some other number.
            with np.errstate(invalid="raise"):
                table = pd.read_csv(
                    path,
                    dtype={column.name: column.dtype for column in self.columns},
                    keep_default_na=False,
                    na_values=[""],
                )
        except (ValueError, ArithmeticError, OSError) as error:
            raise UserError(f"is not a table ({error})", file=path) from None
        for name in self.names:
            if name not in table:
                problem = "has no such column; run the scenario again"
                raise UserError(problem, file=path, key=name)
        for column in self.columns:
            _check_values(column, table[column.name], path)
        if self.crossed and not _is_crossed(table, self.crossed):
            problem = f"must have one row for each {', '.join(self.crossed)}, in their order"
            raise UserError(f"{problem}; run the scenario again", file=path)
        return self._typed(table[list(self.names)])

    def _typed(self, table: pd.DataFrame) -> pd.DataFrame:
        texts = [column.name for column in self.columns if column.dtype == TEXT]
        return table.fillna(dict.fromkeys(texts, "")).astype(
            {column.name: column.dtype for column in self.columns}
        )


def _check_values(column: Column, values: pd.Series, path: Path) -> None:
    import pandas as pd

    if column.dtype == NUMBER:
        if (values.abs() > LARGEST).any() or (column.is_given and values.isna().any()):
            problem = f"must hold numbers of at most {LARGEST:g}"
            raise UserError(problem, file=path, key=column.name)
    elif column.words:
        for word in values.unique():
            if word not in column.words:
                problem = "is not one of the allowed words"
                shown = "" if pd.isna(word) else word
                raise UserError(
                    problem, file=path, key=column.name, value=shown, choices=column.words
                )


def _is_crossed(table: pd.DataFrame, columns: Sequence[str]) -> bool:
    """Whether every combination of the values of columns has one row, in the order of the first."""
    import pandas as pd

    codes = [pd.factorize(table[name])[0] for name in columns]
    sizes = [int(each.max(initial=-1)) + 1 for each in codes]
    if any((each < 0).any() for each in codes) or math.prod(sizes) != len(table):
        return False
    return not len(table) or bool(
        (np.ravel_multi_index(codes, sizes) == np.arange(len(table))).all()
    )


def in_csv(table: pd.DataFrame) -> str:
    """Return a table as the text of a CSV file."""
    return table.to_csv(index=False, lineterminator="\n")


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table for JSON; what cannot be estimated or is not there is null."""
    return [
        {str(key): _plain(value) for key, value in row.items()}
        for row in table.to_dict(orient="records")
    ]


def _plain(value: Any) -> Any:  # noqa: ANN401
    return finite(value) if isinstance(value, float) else None if value == "" else value


class Entries(dict[Any, Any]):
    """Entries of a file of results by their key; one that is missing is an error of the file."""

    def __init__(self, entries: Iterable[tuple[Any, Any]], file: Path) -> None:
        super().__init__(entries)
        self.file = file

    def __missing__(self, key: Any) -> Any:  # noqa: ANN401 - it only raises
        shown = ", ".join(map(str, key)) if isinstance(key, tuple) else str(key)
        raise UserError("has no such entry; run the scenario again", file=self.file, key=shown)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds keys and values.

    Reading a key that is not there raises a `UserError`, as for a file of an older version.

    Raises
    ------
    UserError
        When it is not there or is no such file.
    """

    def number(text: str) -> float:
        value = float(text)
        if not math.isfinite(value):
            raise ValueError(f"{text} is no number")
        return value

    try:
        content = json.loads(
            read_text(path),
            object_pairs_hook=lambda pairs: Entries(pairs, path),
            parse_float=number,
            parse_constant=number,
        )
    except ValueError as error:
        raise UserError(f"is not JSON ({error})", file=path) from None
    except RecursionError:
        raise UserError("is nested too deeply", file=path) from None
    if not isinstance(content, dict):
        raise UserError("does not hold keys and values", file=path)
    return content


def read_text(path: Path) -> str:
    """Read a text file.

    Raises
    ------
    UserError
        When it is not there or is not UTF-8.
    """
    _check_there(path)
    try:
        return path.read_text(encoding="utf-8")
    except (UnicodeDecodeError, OSError) as error:
        raise UserError(f"cannot be read ({error})", file=path) from None


def _check_there(path: Path) -> None:
    if not exists(path):
        raise UserError(
            "is missing; write it with: python -m sim run SCENARIO --out DIR", file=path
        )
    if not path.is_file():
        # To read a pipe would be to wait for ever.
        raise UserError("is not a file", file=path)
