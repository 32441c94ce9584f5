"""Partitioned survival beside the simulation, as a table and in a sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from sim.economics.estimates import Estimate
from sim.layout.cells import NOTHING, SYMBOLS, amount, number
from sim.layout.schema import Schema, strategy_name, text
from sim.layout.schema import number as numbers
from sim.layout.table import Cell, Row, Table

TREATMENT: Final = "time on treatment"
DEPTH: Final = "depth of remission"
TRANSPLANT: Final = "transplant"
LATER_LINES: Final = "later lines"
TOXICITY: Final = "toxicity"
GVHD: Final = "GVHD"
AGE: Final = "age"
STATES_AND_LINES: Final = "states and lines"
"""The parts that are not told apart where no regimen begins a strategy: its lines have one number."""
IN_STATES: Final = (TREATMENT, DEPTH, TRANSPLANT, LATER_LINES, STATES_AND_LINES)
PARTS: Final = (*IN_STATES, TOXICITY, GVHD, AGE)
DIGITS: Final = 3
TITLE: Final = "Partitioned survival of the same patients (standard error)"
LIFE_YEARS: Final = "life_years"
QALYS: Final = "qalys"
QALYS_GAINED: Final = "qalys_gained"
AFTER_FAILURE: Final = "cost_after_failure"
FOLLOW_UP: Final = "cost_follow_up"
STRUCTURE: Final = "structure."
CYCLE: Final = "cycle of the partition"
TABLE: Final = Schema(
    "partitioned_survival.csv",
    (
        strategy_name(),
        text("name", "as shown"),
        text("comparator", f"of `{QALYS_GAINED}`"),
        text("item", f"an outcome, or a part of the difference in QALYs after `{STRUCTURE}`"),
        numbers("simulated", "mean per patient, discounted"),
        numbers("simulated_se"),
        numbers("partitioned", "in a partitioned survival model of the same patients"),
        numbers("difference", "simulated less partitioned"),
        numbers("difference_se", "paired by patient"),
        text("unit"),
    ),
)
"""Several rows for each strategy."""
MEANING: Final = (
    "The partition knows overall and event-free survival of the simulated patients and no more: a "
    "utility before the event, that of remission, and one after it, that of relapsed or refractory "
    "disease. Life-years agree by construction of a sound model; the difference in QALYs is "
    "structure, divided below it."
)
COSTS: Final = (
    "Of the costs, care after failure and follow-up have a price by the month and are charged there "
    "for all time in the state, cured patients after a "
    "later transplant included. Drugs, hospital, toxicity and transplant are paid by vial, day, "
    "episode and package: a price by the month of a state could only be taken from this simulation, "
    "and would agree with it without showing anything."
)


def item_of(part: str) -> str:
    """Return the item of a part of the difference in QALYs."""
    return STRUCTURE + part.replace(" ", "_")


def screen_table(found: pd.DataFrame) -> Table:
    """Return the table of a screen: a column for each strategy."""
    by_strategy = [rows.set_index("item") for _, rows in found.groupby("strategy", sort=False)]

    def cells(item: str, column: str, se: str = "") -> list[Cell]:
        return [_cell(rows, item, column, se) for rows in by_strategy]

    def both(item: str, label: str) -> list[Row]:
        return [
            Row(f"{label}, simulated", cells(item, "simulated", "simulated_se")),
            Row(f"{label}, partitioned", cells(item, "partitioned")),
        ]

    parts = [
        Row(f"  {part}", cells(item_of(part), "difference"))
        for part in (*PARTS, CYCLE)
        if item_of(part) in set(found["item"])
    ]
    difference = Row("Difference in QALYs", cells(QALYS, "difference", "difference_se"))
    return Table(
        TITLE,
        [str(rows["name"].iloc[0]) for rows in by_strategy],
        [
            both(LIFE_YEARS, "Life-years"),
            [*both(QALYS, "QALYs"), difference, *parts],
            [*both(AFTER_FAILURE, "Care after failure"), *both(FOLLOW_UP, "Follow-up")],
        ],
    )


def _cell(rows: pd.DataFrame, item: str, column: str, se: str) -> Cell:
    if item not in rows.index:
        return Cell(NOTHING)
    row = rows.loc[item].to_dict()
    value, error = float(row[column]), float(row[se]) if se else math.nan
    symbol = SYMBOLS.get(str(row["unit"]))
    if symbol:
        return amount(Estimate(value, error), symbol)
    # Without the sign of a number that is rounded to 0.
    return number(Estimate(round(value, DIGITS) + 0.0, error), DIGITS)


def sentences(found: pd.DataFrame) -> list[str]:
    """Return the meaning of the table: a sentence for each strategy, then what is compared."""
    gained = found[found["item"] == QALYS_GAINED]
    parts = {str(name): _parts(rows) for name, rows in found.groupby("name", sort=False)}
    return [*(_sentence(row, parts) for row in gained.to_dict("records")), MEANING, COSTS]


def _sentence(row: Mapping[Any, Any], parts: Mapping[str, Mapping[str, float]]) -> str:
    name, reference = str(row["name"]), str(row["comparator"])
    ours, theirs = parts[name], parts[reference]
    if STATES_AND_LINES in {*ours, *theirs}:
        ours, theirs = _in_one(ours), _in_one(theirs)
    gaps = {part: ours[part] - theirs[part] for part in ours}
    structure = math.fsum(gaps.values())
    first, second, *_ = sorted(gaps, key=lambda part: -abs(gaps[part]))
    return (
        f"Against {reference}, {name} gains {row['simulated']:.3f} QALYs (standard error "
        f"{row['simulated_se']:.3f}) in the simulation and {row['partitioned']:.3f} in a partitioned "
        f"survival model of the same patients. Of the difference, {row['difference']:+.3f}, structure "
        f"makes {structure:+.3f}, above all {first} ({gaps[first]:+.3f}) and {second} "
        f"({gaps[second]:+.3f})."
    )


def _parts(rows: pd.DataFrame) -> dict[str, float]:
    """Return the parts of the structure of a strategy."""
    named = rows.set_index("item")["difference"].to_dict()
    return {part: float(named[item_of(part)]) for part in PARTS if item_of(part) in named}


def _in_one(parts: Mapping[str, float]) -> dict[str, float]:
    """Return the parts with those of states and lines in one."""
    apart = {part: value for part, value in parts.items() if part not in IN_STATES}
    return {
        STATES_AND_LINES: math.fsum(parts[part] for part in IN_STATES if part in parts),
        **apart,
    }
