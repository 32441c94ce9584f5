"""The single patients of a run as a Parquet file, written unit by unit."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sim.clinic.events import Cause
from sim.economics.ledger import Account, Category
from sim.engine.outcomes import ALIVE, FLAGS
from sim.files.atomic import writing
from sim.files.results_folder import check_file, refused_as, write_file
from sim.scenario.patient_columns import COLUMNS
from sim.scenario.patient_columns import Column as PatientColumn
from sim.simulation.question import Question
from sim.simulation.run import Baselines, Engine, Sink, baselines_of
from sim.simulation.tally import CATEGORIES, CAUSE, DISCOUNTED, ROW, UNDISCOUNTED

OPTION: Final = "--patients-out"
WHOLE: Final = frozenset({"cycles_first_line"})
KINDS: Final = (("", DISCOUNTED, "discounted"), ("_undiscounted", UNDISCOUNTED, "undiscounted"))
CAUSE_WORDS: Final = ("alive", *(cause.name.lower() for cause in Cause))
"""By the number of a cause plus one: `ALIVE` is -1."""
SEXES: Final = ("female", "male")
WORDS: Final = pa.dictionary(pa.int32(), pa.string())
DAYS: Final = "days since entry"
YES_OR_NO: Final = "yes or no"
MONEY: Final = "currency of the perspective"
UNITS: Final = {Account.COST: MONEY, Account.QALY: "QALYs", Account.LIFE_YEARS: "years"}
NAMES: Final = {Account.COST: "Cost", Account.QALY: "QALYs", Account.LIFE_YEARS: "Life-years"}
OUTCOMES: Final[Mapping[str, tuple[str, str]]] = {
    "response": (YES_OR_NO, "Response to the first line: CR, CRh or CRi"),
    "complete_remission": (YES_OR_NO, "CR in the first line"),
    "mrd_negative": (YES_OR_NO, "MRD-negative response to the first line"),
    "hct_ever": (YES_OR_NO, "Allo-HCT at any time after entry"),
    "hct_in_remission": (YES_OR_NO, "Allo-HCT in the continuous remission of the first line"),
    "severe_crs": (YES_OR_NO, "CRS of grade 3 or more in any cycle of any line"),
    "severe_neurotoxicity": (YES_OR_NO, "Neurotoxicity of grade 3 or more, likewise"),
    "severe_hepatotoxicity": (YES_OR_NO, "Hepatotoxicity of grade 3 or more, likewise"),
    "severe_infection": (YES_OR_NO, "Infection of grade 3 or more, likewise"),
    "cycles_first_line": ("cycles", "Cycles given in the first line"),
    "remission_days": (DAYS, "First remission; infinite where there was none"),
    "relapse_days": (DAYS, "Relapse from the first remission; infinite where there was none"),
    "death_days": (DAYS, "Death; infinite where the patient is alive at the horizon"),
    "cause_of_death": ("word", f"Cause of death: {', '.join(CAUSE_WORDS)}"),
    "horizon_days": (DAYS, "End of follow-up: death or the horizon"),
    "rfs_days": ("days", "From first remission to relapse or death; empty without remission"),
    "efs_days": ("days", "From entry to relapse or death; 0 without remission"),
}
"""Units and meanings of the columns of `ROW`."""


class Column(NamedTuple):
    """A column of the file: name, type, unit and meaning."""

    name: str
    kind: pa.DataType
    unit: str
    meaning: str


def columns() -> list[Column]:
    """Return the columns: strategy, patient, characteristics, outcomes, categories of the ledger.

    Categories are named ``account.category``, with ``_undiscounted`` after the account where it
    is. Characteristics are named as in a file of the user's own patients.
    """
    keys = [
        Column("strategy", WORDS, "name", "The strategy under which the patient is treated"),
        Column("patient", pa.int64(), "number", "The patient, from 0; the same in every strategy"),
        Column("row", pa.int64(), "number", "Row of the user's own patients, from 1; else empty"),
    ]
    characteristics = [
        Column(name, _type_of(column), column.unit, column.meaning)
        for name, column in COLUMNS.items()
    ]
    outcomes = [
        Column(name, _type_of_outcome(place, name), *OUTCOMES[name])
        for place, name in enumerate(ROW)
    ]
    amounts = [
        Column(
            _amount_name(category, suffix),
            pa.float64(),
            UNITS[category.account],
            f"{NAMES[category.account]}, {word}: {category.label.replace('_', ' ')}",
        )
        for suffix, _, word in KINDS
        for category in CATEGORIES
    ]
    return [*keys, *characteristics, *outcomes, *amounts]


def _amount_name(category: Category, suffix: str) -> str:
    return f"{category.account.value}{suffix}.{category.label}"


def _type_of(column: PatientColumn) -> pa.DataType:
    kinds = {"amount": pa.float64(), "line": pa.int32(), "sex": WORDS, "yes or no": pa.bool_()}
    return kinds[column.kind]


def _type_of_outcome(place: int, name: str) -> pa.DataType:
    if place < FLAGS:
        return pa.bool_()
    if place == CAUSE:
        return WORDS
    return pa.int32() if name in WHOLE else pa.float64()


def dictionary_csv(currency: str) -> str:
    """Return the data dictionary of the file: column, unit, meaning."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("column", "unit", "meaning"))
    for column in columns():
        unit = currency if column.unit == MONEY else column.unit
        writer.writerow((column.name, unit, column.meaning))
    return text.getvalue()


def patients_table(
    question: Question,
    baselines: Baselines,
    first: int,
    rows: np.ndarray[Any, Any],
    amounts: np.ndarray[Any, Any],
) -> pa.Table:
    """Return patients, numbered from `first`, in the columns of `columns`.

    Parameters
    ----------
    question, baselines
        What was asked, and the characteristics of its patients.
    first
        Number of the first patient.
    rows
        Outcomes; shape (patients, strategies, column of `ROW`).
    amounts
        Shape (patients, strategies, undiscounted or discounted, category).
    """
    count, strategies = len(rows), [each.name for each in question.scenario.strategies]
    places = np.tile(np.arange(len(strategies), dtype=np.int32), count)
    own = question.own_patients
    file_rows = (
        pa.nulls(count, pa.int64()) if own is None else pa.array(own.row_numbers(first, count))
    )
    again = np.repeat(np.arange(count), len(strategies))
    data: dict[str, Any] = {
        "strategy": _typed(WORDS, places, strategies),
        "patient": first + again,
        "row": file_rows.take(pa.array(again)),
    }
    baseline = baselines(first, count)[again]
    for place, (name, column) in enumerate(COLUMNS.items()):
        data[name] = _typed(_type_of(column), baseline[:, place], SEXES)
    for place, name in enumerate(ROW):
        values = rows[:, :, place].ravel()
        # Places of words begin at 0.
        values = values - ALIVE if place == CAUSE else values
        data[name] = _typed(_type_of_outcome(place, name), values, CAUSE_WORDS)
    for suffix, kind, _ in KINDS:
        for place, category in enumerate(CATEGORIES):
            data[_amount_name(category, suffix)] = amounts[:, :, kind, place].ravel()
    return pa.table(data, schema=schema())


def schema() -> pa.Schema:
    """Return names and types of the columns."""
    return pa.schema([(column.name, column.kind) for column in columns()])


def _typed(kind: pa.DataType, values: np.ndarray[Any, Any], words: Sequence[str]) -> Any:  # noqa: ANN401
    """Return a column of a type; of words, where the values are their places."""
    if kind == WORDS:
        return pa.DictionaryArray.from_arrays(pa.array(values.astype(np.int32)), pa.array(words))
    if kind == pa.bool_():
        return values > 0.0
    return values.astype(np.int32) if kind == pa.int32() else values


def dictionary_of(path: Path) -> Path:
    """Return the path of the data dictionary beside a file of patients."""
    return path.with_name(f"{path.stem}_columns.csv")


@contextmanager
def patients_file(path: Path, question: Question, engine: Engine) -> Iterator[Sink]:
    """Open the file of the patients, which comes into place when all of them are written.

    Its data dictionary follows, beside it.

    Yields a function that writes a unit: number of the first patient, outcomes (patient, strategy,
    outcome) and amounts (patient, strategy, kind, category).

    Raises
    ------
    UserError
        When it cannot be written there; a previous file stays.
    """
    baselines = baselines_of(question, engine)
    with ExitStack() as opened:
        with refused_as(OPTION, path):
            check_file(path, OPTION)
            path.parent.mkdir(parents=True, exist_ok=True)
            stream = opened.enter_context(writing(path))
            writer = pq.ParquetWriter(stream, schema(), compression="zstd")

        def write(first: int, rows: np.ndarray[Any, Any], amounts: np.ndarray[Any, Any]) -> None:
            table = patients_table(question, baselines, first, rows, amounts)
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
        write_file(dictionary_of(path), dictionary_csv(question.perspective.currency), OPTION)
