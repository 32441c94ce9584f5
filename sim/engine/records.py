"""The bound model as numpy records, the form in which compiled code reads it.

Every named tuple of numbers becomes a record with the same field names, so that the clinic's
functions read either. All strategies share one table of regimens.
"""

from __future__ import annotations

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
from sim.engine.model import Care, Model

Records = np.recarray[Any, Any]


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
        ("seizure_share", np.float64),
        ("horizon_days", np.float64),
        ("cure_point_days", np.float64),
        ("survivor_threshold_days", np.float64),
        ("mortality_ratio", np.float64),
        ("background_mortality", np.bool_),
        ("transplant_allowed", np.bool_),
        ("real_world", np.bool_),
    ]
)
REGIMEN: Final = np.dtype(
    [
        ("schedule", fields(Schedule)),
        ("response", fields(RegimenResponse)),
        ("response_log_odds_ratio", np.float64),
        ("duration_ratio", np.float64),
        ("transplant_log_odds_ratio", np.float64),
        ("continuous_infusion", np.bool_),
        ("targets_cd19", np.bool_),
        ("inotuzumab", np.bool_),
    ]
)
EVENT: Final = np.dtype(
    [
        ("time_days", np.float64),
        ("kind", np.int64),
        ("line", np.int64),
        ("cycle", np.int64),
        ("detail", np.int64),
        ("grade", np.int64),
        ("value", np.float64),
    ]
)
LIFE: Final = np.dtype(
    [
        ("now", np.float64),
        ("rings", np.float64),
        ("next_cycle_at", np.float64),
        ("survivor_from", np.float64),
        ("line", np.int64),
        ("column", np.int64),
        ("infusing_cycle", np.int64),
        ("seizures", np.int64),
        ("events", np.int64),
        ("treatment_stopped", np.bool_),
        ("prior_hct", np.bool_),
        ("prior_inotuzumab", np.bool_),
        ("cd19_lost", np.bool_),
    ]
)


class Tables(NamedTuple):
    """Model parts that are arrays."""

    courses: Records
    risks: Records
    male: LifeTable
    female: LifeTable


class Plan(NamedTuple):
    """A strategy: rows of the table of regimens, then usual care or not, maintenance or not."""

    regimens: np.ndarray[Any, np.dtype[np.int64]]
    usual_care: bool
    maintenance: bool


class Compiled(NamedTuple):
    """A model in records."""

    rules: Any
    regimens: Records
    tables: Tables
    plans: tuple[Plan, ...]


def _life_table(table: LifeTable) -> LifeTable:
    return LifeTable(*(np.array(column, dtype=np.float64) for column in table))  # type: ignore[arg-type]


def records(model: Model) -> Compiled:
    """Write the model into records."""
    rules = np.zeros(1, RULES).view(np.recarray)
    row = rules[0]
    for part in (
        "population",
        "response",
        "relapse",
        "candidacy",
        "transplant",
        "disease",
        "later",
        "usual_care",
    ):
        row[part] = tuple(getattr(model, part))
    row["seizure_share"] = model.seizure_share
    row["horizon_days"] = model.settings.horizon_days
    row["cure_point_days"] = model.settings.cure_point_days
    row["survivor_threshold_days"] = model.survivor_threshold_days
    row["mortality_ratio"] = model.mortality_ratio
    row["background_mortality"] = model.settings.background_mortality
    row["transplant_allowed"] = model.settings.transplant
    row["real_world"] = model.real_world
    named = {regimen.name: regimen for arm in model.strategies for regimen in arm.regimens}
    regimens = np.zeros(max(len(named), 1), REGIMEN).view(np.recarray)
    risks = np.zeros((max(len(named), 1), len(Toxicity)), fields(Risk)).view(np.recarray)
    for place, regimen in enumerate(named.values()):
        entry = regimens[place]
        entry["schedule"] = tuple(regimen.schedule)
        entry["response"] = tuple(regimen.response)
        for name in REGIMEN.names[2:]:  # type: ignore[index]
            entry[name] = getattr(regimen, name)
        for kind in Toxicity:
            risks[place, kind] = tuple(regimen.risks[kind])
    courses = np.zeros(len(Toxicity), fields(Course)).view(np.recarray)
    for kind in Toxicity:
        courses[kind] = tuple(model.courses[kind])
    order = list(named)
    plans = tuple(
        Plan(
            np.array([order.index(regimen.name) for regimen in arm.regimens], dtype=np.int64),
            arm.then == Care.USUAL,
            arm.maintenance,
        )
        for arm in model.strategies
    )
    tables = Tables(
        courses, risks, _life_table(model.life_table_male), _life_table(model.life_table_female)
    )
    return Compiled(row, regimens, tables, plans)
