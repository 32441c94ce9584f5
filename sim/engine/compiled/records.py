"""The bound model as numpy records, the form in which compiled code reads it.

Every named tuple of numbers becomes a record with the same field names, so that the clinic's
functions read either. All strategies share one table of regimens. A record has room for one
parameter set; an array of records holds many.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, get_args, get_type_hints

import numpy as np

from sim.clinic.mortality import LifeTable
from sim.clinic.toxicity import Toxicity
from sim.engine.model import Model, Plan, Regimen, Rules
from sim.engine.values import Data

Records = np.recarray[Any, Any]
MOST_LINES: Final = 6
LINES: Final = MOST_LINES + 1
"""Six regimens at most, and the care after them."""
NUMBERS: Final = {float: np.float64, int: np.int64, bool: np.bool_}
NOT_A_NUMBER: Final = str
LENGTHS: Final = {
    (Rules, "courses"): len(Toxicity),
    (Regimen, "risks"): len(Toxicity),
    (Plan, "regimens"): LINES,
}
"""Places of the fields that hold several of a kind."""


def record_type(kind: type[Any]) -> np.dtype[Any]:
    """Return the record type of a named tuple: its numbers, records and rows, without its texts."""
    fields: list[Any] = []
    for name, hint in get_type_hints(kind).items():
        if (kind, name) in LENGTHS:
            fields.append((name, _item_type(get_args(hint)[0]), (LENGTHS[kind, name],)))
        elif hint is not NOT_A_NUMBER:
            fields.append((name, _item_type(hint)))
    return np.dtype(fields, align=True)


def _item_type(hint: Any) -> Any:  # noqa: ANN401 - a type of numbers or of records
    return NUMBERS[hint] if hint in NUMBERS else record_type(hint)


RULES: Final = record_type(Rules)
REGIMEN: Final = record_type(Regimen)
PLAN: Final = record_type(Plan)


class Compiled(NamedTuple):
    """A model in records: rules and regimens by parameter set, and the parts that no set changes.

    Attributes
    ----------
    rules
        One record a set.
    regimens
        By set and regimen, as in `Model.regimens`.
    plans
        One record a strategy.
    life_table
        See `sim.engine.life.knots_of`.
    """

    rules: Data
    regimens: Records
    plans: Records
    life_table: LifeTable


def new_records(dtype: Data, *shape: int) -> Records:
    """Make empty records; at least one along each axis, so that compiled code has one to type."""
    return np.zeros(tuple(max(size, 1) for size in shape), dtype).view(np.recarray)


def records(model: Model) -> Compiled:
    """Write the model into records."""
    rules = new_records(RULES, 1)
    regimens = new_records(REGIMEN, 1, len(model.regimens))
    plans = new_records(PLAN, len(model.plans))
    fill(rules[0], model.rules)
    for row, regimen in zip(regimens[0], model.regimens, strict=True):
        fill(row, regimen)
    for row, plan in zip(plans, model.plans, strict=True):
        fill(row, plan)
    table = LifeTable(*(np.array(column, dtype=np.float64) for column in model.life_table))  # type: ignore[arg-type]
    return Compiled(rules, regimens, plans, table)


def fill(row: Data, values: Any) -> None:  # noqa: ANN401 - a named tuple
    """Write a named tuple into a record of its type."""
    for name in row.dtype.names:
        fill_field(row, name, getattr(values, name))


def fill_field(row: Data, name: str, value: Any) -> None:  # noqa: ANN401 - number, record or rows
    """Write one field of a named tuple into its record."""
    if not isinstance(value, tuple):
        row[name] = value
    elif hasattr(value, "_fields"):
        row[name] = tuple(value)
    else:
        for place, each in enumerate(value):
            row[name][place] = tuple(each) if isinstance(each, tuple) else each
