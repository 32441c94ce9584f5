"""The bound model as numpy records, the form in which compiled code reads it.

Every named tuple of numbers becomes a record with the same field names, so that the clinic's
functions read either. All strategies share one table of regimens. A record has room for one
parameter set; an array of records holds many.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from sim.clinic.disease import Disease, LaterLines, UsualCare
from sim.clinic.infusion import Schedule
from sim.clinic.mortality import LifeTable
from sim.clinic.patient import Population
from sim.clinic.remission import Candidacy, Relapse
from sim.clinic.response import RegimenResponse, Response
from sim.clinic.toxicity import Course, Risk, Toxicity
from sim.clinic.transplant import Transplant
from sim.engine.data import Data
from sim.engine.model import (
    MODEL_PARTS,
    REGIMEN_PARTS,
    UNTREATED,
    Care,
    Model,
    Regimen,
    Settings,
)

Records = np.recarray[Any, Any]
MOST_LINES: Final = 6
LINES: Final = MOST_LINES + 1
"""Six regimens at most, and the care after them."""


def fields(kind: type[Any]) -> list[tuple[str, type[float]]]:
    """Return the record fields of a named tuple of numbers."""
    return [(name, np.float64) for name in kind._fields]


RULES: Final = np.dtype(
    [
        ("population", fields(Population)),
        ("response", fields(Response)),
        ("relapse", fields(Relapse)),
        ("candidacy", fields(Candidacy)),
        ("transplant", fields(Transplant)),
        ("disease", fields(Disease)),
        ("later", fields(LaterLines)),
        ("usual_care", fields(UsualCare)),
        ("courses", fields(Course), (len(Toxicity),)),
        ("seizure_share", np.float64),
        ("horizon_days", np.float64),
        ("cure_point_days", np.float64),
        ("survivor_threshold_days", np.float64),
        ("mortality_ratio", np.float64),
        ("background_mortality", np.bool_),
        ("toxicity", np.bool_),
        ("transplant_allowed", np.bool_),
        ("real_world", np.bool_),
    ],
    align=True,
)
REGIMEN: Final = np.dtype(
    [
        ("schedule", fields(Schedule)),
        ("response", fields(RegimenResponse)),
        ("risks", fields(Risk), (len(Toxicity),)),
        ("response_log_odds_ratio", np.float64),
        ("duration_ratio", np.float64),
        ("remaining_ratio", np.float64),
        ("transplant_log_odds_ratio", np.float64),
        ("continuous_infusion", np.bool_),
        ("targets_cd19", np.bool_),
        ("inotuzumab", np.bool_),
    ],
    align=True,
)
PLAN: Final = np.dtype(
    [
        ("regimens", np.int64, (MOST_LINES,)),
        ("lines", np.int64),
        ("usual_care", np.bool_),
        ("maintenance", np.bool_),
    ],
    align=True,
)
"""A strategy: rows of the table of regimens, how many of them, what follows."""


class Compiled(NamedTuple):
    """A model in records: rules and regimens by parameter set, and what no set changes.

    Attributes
    ----------
    rules
        One record a set.
    regimens
        By set and regimen, in the order of their first mention; the absence of treatment is last.
    plans
        One record a strategy.
    life_table
        Both sexes' knots in one array each, those of men first; see `knots_of`.
    """

    rules: Data
    regimens: Records
    plans: Records
    life_table: LifeTable


def named_regimens(model: Model) -> dict[str, Regimen]:
    """Return every regimen once, in the order of first mention."""
    return {regimen.name: regimen for arm in model.strategies for regimen in arm.regimens}


def new_records(dtype: Data, *shape: int) -> Records:
    """Make empty records; at least one along each axis, so that compiled code has one to type."""
    return np.zeros(tuple(max(size, 1) for size in shape), dtype).view(np.recarray)


def records(model: Model) -> Compiled:
    """Write the model into records."""
    named = named_regimens(model)
    rules = new_records(RULES, 1)
    rows = (*named.values(), UNTREATED)
    regimens = new_records(REGIMEN, 1, len(rows))
    fill_rules(rules[0], model)
    for place, regimen in enumerate(rows):
        fill_regimen(regimens[0, place], regimen, model.settings)
    return Compiled(
        rules,
        regimens,
        _plans(model, list(named)),
        _both_sexes(model.life_table_male, model.life_table_female),
    )


def fill_rules(row: Data, model: Model) -> None:
    """Write what is not a regimen's into a record."""
    for part in MODEL_PARTS:
        fill_part(row, part, getattr(model, part), model.settings)
    row["horizon_days"] = model.settings.horizon_days
    row["cure_point_days"] = model.settings.cure_point_days
    row["background_mortality"] = model.settings.background_mortality
    row["toxicity"] = model.settings.toxicity
    row["transplant_allowed"] = model.settings.transplant
    row["real_world"] = model.real_world


def fill_part(row: Data, part: str, numbers: Any, settings: Settings) -> None:  # noqa: ANN401
    """Write one of the `MODEL_PARTS` or of the `REGIMEN_PARTS` into its record."""
    if part == "survivors":
        row["survivor_threshold_days"] = numbers.threshold_days
        row["mortality_ratio"] = settings.mortality_ratio(numbers)
    elif part in ("courses", "risks"):
        for place, each in enumerate(numbers):
            row[part][place] = tuple(each)
    else:
        row[part] = tuple(numbers) if isinstance(numbers, tuple) else numbers


def fill_regimen(row: Data, regimen: Regimen, settings: Settings) -> None:
    """Write a regimen into a record."""
    for part in REGIMEN_PARTS:
        fill_part(row, part, getattr(regimen, part), settings)
    for name in ("continuous_infusion", "targets_cd19", "inotuzumab"):
        row[name] = getattr(regimen, name)


def _plans(model: Model, order: Sequence[str]) -> Records:
    plans = np.zeros(len(model.strategies), PLAN).view(np.recarray)
    for row, arm in zip(plans, model.strategies, strict=True):
        for line, regimen in enumerate(arm.regimens):
            row["regimens"][line] = order.index(regimen.name)
        row["lines"] = len(arm.regimens)
        row["usual_care"] = arm.then == Care.USUAL
        row["maintenance"] = arm.maintenance
    return plans


def _both_sexes(male: LifeTable, female: LifeTable) -> LifeTable:
    columns = zip(male, female, strict=True)
    return LifeTable(*(np.array([*one, *other], dtype=np.float64) for one, other in columns))  # type: ignore[arg-type]


def knots_of(table: LifeTable, male: bool) -> LifeTable:
    """Return the life table of one sex from that of both; they have as many knots."""
    knots = len(table.ages) // 2
    first = 0 if male else knots
    return LifeTable(
        table.ages[first : first + knots],
        table.hazards[first : first + knots],
        table.slopes[first : first + knots],
        table.cumulative[first : first + knots],
    )
