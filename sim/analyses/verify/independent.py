"""Checks against routes that share no code with the engines: frozen lives, hand, another kind of model.

`frozen/README.md` says what was frozen, and of how many lives two other engines are the witness.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

import pandas as pd

from sim.analyses.verify.by_hand import PATIENTS, wrong_entries, wrong_events
from sim.analyses.verify.check import Finding, Subject, none_of_these, only_where
from sim.analyses.verify.partition import HALF_A_CYCLE_YEARS, compared
from sim.clinic.events import Event
from sim.clinic.mortality import LifeTable
from sim.clinic.patient import Patient
from sim.clinic.units import MONTHS_PER_YEAR
from sim.economics.ledger import Category
from sim.engine import reference
from sim.engine.compiled import core
from sim.engine.model import Care, Model, RegimenPlan, Settings, StrategyPlan, build
from sim.simulation.tally import CATEGORIES, DISCOUNTED

Simulate = Callable[..., Iterator[tuple[Patient, list[Event]]]]
"""Of an engine: from a model, a strategy, a seed and a number of patients to their logs."""
ENGINES: Final[Mapping[str, Simulate]] = {"reference": reference.simulate, "core": core.simulate}
FROZEN: Final = Path(str(resources.files(__package__) / "frozen"))
LIVES: Final = FROZEN / "lives.parquet"
EVENT: Final = ("time_days", "kind", "line", "cycle", "detail", "grade", "value")
COLUMNS: Final = ("strategy", "patient", *EVENT)
NO_REGIMEN: Final = "no strategy begins with a regimen, after which lines are counted"
NO_PRICE: Final = "no care has a price by the month"


# ------------------------------------------------------------------------------ frozen lives


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
        LifeTable(*map(tuple, sex)) for sex in models()["life_tables"][made_with["life_table"]]
    )
    plans = [
        StrategyPlan(
            plan["name"],
            tuple(
                RegimenPlan(**{**regimen, "reference_chain": tuple(regimen["reference_chain"])})
                for regimen in plan["regimens"]
            ),
            Care(plan["then"]),
            plan["maintenance"],
        )
        for plan in made_with["strategies"]
    ]
    settings = Settings(**made_with["settings"])
    return build(made_with["numbers"], settings, tuple(plans), (male, female))


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


def lives_are_those_frozen(_: Subject) -> Finding:
    """Simulate the frozen patients again under the numbers that they were frozen with."""
    wrong, differing, events = [], 0, 0
    for scenario in scenarios():
        expected = frozen_events()[scenario]
        for name, simulate in ENGINES.items():
            count, where = first_difference(simulated(simulate, scenario), expected)
            events += len(expected)
            differing += count
            wrong += [f"{scenario}, {name} engine: {where}"] * (count > 0)
    found = none_of_these(wrong, events, "events")
    return replace(found, observed=f"{differing:,} of {events:,} events")


# ------------------------------------------------------------------------------------ by hand


def histories_are_those_by_hand(_: Subject) -> Finding:
    """Compare the logs of the reference engine with those written by hand."""
    wrong = [
        f"{patient.name}: {text}"
        for patient in PATIENTS
        for text in wrong_events(patient.live().log, patient.log)
    ]
    return none_of_these(wrong, sum(len(patient.log) for patient in PATIENTS), "events")


def amounts_are_those_by_hand(_: Subject) -> Finding:
    """Compare every entry of the ledgers with those written by hand."""
    wrong = [
        f"{by_hand.name}: {text}"
        for by_hand in PATIENTS
        for text in wrong_entries(
            by_hand.live().ledger, by_hand.ledger, costs=by_hand.costs, effects=by_hand.effects
        )
    ]
    return none_of_these(wrong, sum(len(patient.ledger) for patient in PATIENTS), "entries")


# ---------------------------------------------------------------------- partitioned survival


def _within(apart: Sequence[float], most: float, what: str, unit: str) -> Finding:
    """Return a finding that passes where no difference of a strategy is larger than `most`."""
    largest = max(map(abs, apart))
    text = f"largest difference of {len(apart)} {what}: {largest:.2g} {unit}"
    return Finding(text, f"at most {most:.2g} {unit}", largest <= most)


def life_years_are_the_area_under_survival(subject: Subject) -> Finding:
    """Compare discounted life-years of the ledgers with the area under the curve of each strategy."""
    apart = [each.life_years.mean - each.partition.life_years for each in compared(subject)]
    return _within(apart, HALF_A_CYCLE_YEARS, "strategies", "years")


def first_remission_is_the_area_under_event_free_survival(subject: Subject) -> Finding:
    """Compare the time in the states before an event with the area under the curve."""
    apart = [
        each.first_remission_years - each.partition.event_free_years
        for each in compared(subject)
        if each.first_remission_years is not None
    ]
    only_where(apart, NO_REGIMEN)
    return _within(apart, 2.0 * HALF_A_CYCLE_YEARS, "strategies", "years")


def qalys_differ_by_structure_alone(subject: Subject) -> Finding:
    """Compare the difference in QALYs with the sum of its parts."""
    found = compared(subject)
    most = max(each.grid_qalys for each in found)
    return _within([each.unexplained for each in found], most, "strategies", "QALYs")


def care_by_the_month_is_within_its_state(subject: Subject) -> Finding:
    """Compare costs by the month with the price times the area."""
    prices = subject.question.accounts.prices
    only_where(prices.after_failure_per_month > 0.0 or prices.follow_up_per_month > 0.0, NO_PRICE)
    half, tally = HALF_A_CYCLE_YEARS * MONTHS_PER_YEAR, subject.lives.tally
    follow_up = tally.sums.cells[:, CATEGORIES.index(Category.FOLLOW_UP), 0, :, DISCOUNTED]
    excess = []
    for place, each in enumerate(compared(subject)):
        charged = each.partition.after_event_cost + each.waiting_cost
        charged += 3.0 * half * each.tariff.cost_per_month_after_event
        excess.append(each.after_failure.mean - charged)
        if each.first_remission_years is not None:
            charged = each.partition.event_free_cost
            charged += half * each.tariff.cost_per_month_event_free
            excess.append(float(follow_up[place].sum()) / tally.patients - charged)
    largest, currency = max(excess), subject.question.perspective.currency
    text = f"largest excess of {len(excess)} costs: {largest:,.0f} {currency}"
    return Finding(text, "at most 0", largest <= 0.0)
