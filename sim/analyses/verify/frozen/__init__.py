"""Lives that were frozen: of 200 patients of each of eight scenarios, under each strategy.

Both engines run one source of the patient pathway, so that their agreement says nothing about the
pathway itself. `lives.parquet` holds 50,557 events. It was first written by a SimPy engine with a
pathway of its own, which a compiled engine with another had confirmed bit for bit (commit 62a4a13),
and was given to the bit by the pathway that replaced both. When the onset of toxicities and the
restart after raised liver enzymes changed, and when usual care became a line like the others, the
present engine wrote it anew: the 518 of 4,000 lives that both left alone are still witnessed by the
independent engines, the others guard against unintended change only. The second change left 2,647
lives as they were. `models.json` holds the numbers, settings, strategies and life tables that these
lives were made with, so that new inputs of the catalogue leave them as they are.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

import pandas as pd

from sim.clinic.events import Event
from sim.clinic.mortality import LifeTable
from sim.clinic.patient import Patient
from sim.engine.model import Care, Model, RegimenPlan, Settings, StrategyPlan, build

FROZEN: Final = Path(str(resources.files(__package__)))
LIVES: Final = FROZEN / "lives.parquet"
EVENT: Final = ("time_days", "kind", "line", "cycle", "detail", "grade", "value")
COLUMNS: Final = ("strategy", "patient", *EVENT)

Simulate = Callable[..., Iterator[tuple[Patient, list[Event]]]]
"""Of an engine: from a model, a strategy, a seed and a number of patients to their logs."""


@cache
def models() -> Mapping[str, Any]:
    """Return the contents of `models.json`."""
    found: Mapping[str, Any] = json.loads((FROZEN / "models.json").read_text(encoding="utf-8"))
    return found


def scenarios() -> list[str]:
    """Return the names of the scenarios, in alphabetical order."""
    return sorted(models()["models"])


def model_of(scenario: str) -> Model:
    """Build the model of a scenario from the numbers that its frozen lives were made with."""
    made_with = models()["models"][scenario]
    male, female = (
        LifeTable(*(tuple(column) for column in sex))
        for sex in models()["life_tables"][made_with["life_table"]]
    )
    strategies = tuple(_plan(strategy) for strategy in made_with["strategies"])
    return build(
        made_with["numbers"], Settings(**made_with["settings"]), strategies, (male, female)
    )


def _plan(strategy: Mapping[str, Any]) -> StrategyPlan:
    regimens = tuple(
        RegimenPlan(**{**regimen, "reference_chain": tuple(regimen["reference_chain"])})
        for regimen in strategy["regimens"]
    )
    return StrategyPlan(strategy["name"], regimens, Care(strategy["then"]), strategy["maintenance"])


def simulated(simulate: Simulate, scenario: str) -> pd.DataFrame:
    """Return the events that an engine gives, a row each: `COLUMNS`."""
    model = model_of(scenario)
    rows = [
        (strategy.name, patient.number, *map(float, event))
        for strategy in model.strategies
        for patient, log in simulate(
            model, strategy, seed=models()["seed"], patients=models()["patients"]
        )
        for event in log
    ]
    return _typed(pd.DataFrame(rows, columns=list(COLUMNS)))


@cache
def frozen_events() -> Mapping[str, pd.DataFrame]:
    """Return the frozen events by scenario, a row each: `COLUMNS`."""
    whole = pd.read_parquet(LIVES)
    return {
        name: _typed(whole[whole["scenario"] == name].drop(columns="scenario"))
        for name in scenarios()
    }


def _typed(events: pd.DataFrame) -> pd.DataFrame:
    kinds = {"strategy": "str", "patient": "int64"} | dict.fromkeys(EVENT, "float64")
    return events.reset_index(drop=True).astype(kinds)


def first_difference(found: pd.DataFrame, expected: pd.DataFrame) -> tuple[int, str]:
    """Return how many events differ in any value, and where the first is; 0 where none does."""
    both = min(len(found), len(expected))
    ours, theirs = found.head(both), expected.head(both)
    differs = ((ours != theirs) & ~(ours.isna() & theirs.isna())).any(axis=1).to_numpy()
    count = int(differs.sum()) + abs(len(found) - len(expected))
    if not count:
        return 0, ""
    place = int(differs.argmax()) if differs.any() else both
    longer = found if len(found) > both else expected
    row = (expected if place < len(expected) else longer).iloc[place]
    return count, f"patient {row['patient']} under {row['strategy']}, day {row['time_days']:g}"
