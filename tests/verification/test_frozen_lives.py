"""Both engines give the lives that were frozen.

Both engines run one source of the patient pathway, so that their agreement says nothing about the
pathway itself. `frozen/lives.parquet` holds 200 patients of each of eight scenarios under each
strategy, 50,557 events. It was first written by a SimPy engine with a pathway of its own, which a
compiled engine with another had confirmed bit for bit (commit 62a4a13), and was given to the bit by
the pathway that replaced both. When the onset of toxicities and the restart after raised liver enzymes
changed, and when usual care became a line like the others, the present engine wrote it anew: the
518 of 4,000 lives that both left alone are still witnessed by the independent engines, the others
guard against unintended change only. The second change left 2,647 lives as they were.
`frozen/models.json` holds the numbers, settings, strategies and life tables that these lives were
made with, so that new inputs of the catalogue leave them as they are.

A change of the clinical model moves these lives, as it should. Then the file is written anew by
`python -m tests.verification.test_frozen_lives`, and the change is explained where results change.
"""

import json
from functools import cache

import pandas as pd
import pytest

from sim.clinic.mortality import LifeTable
from sim.engine import reference
from sim.engine.compiled import core
from sim.engine.model import Care, RegimenPlan, Settings, StrategyPlan, build
from tests.support.places import TESTS

FROZEN = TESTS / "verification" / "frozen"
MODELS = json.loads((FROZEN / "models.json").read_text(encoding="utf-8"))
EVENT = ["time_days", "kind", "line", "cycle", "detail", "grade", "value"]
ENGINES = {"reference": reference, "core": core}


@cache
def frozen_lives():
    return pd.read_parquet(FROZEN / "lives.parquet")


def plan(strategy):
    regimens = tuple(
        RegimenPlan(**{**regimen, "reference_chain": tuple(regimen["reference_chain"])})
        for regimen in strategy["regimens"]
    )
    return StrategyPlan(strategy["name"], regimens, Care(strategy["then"]), strategy["maintenance"])


def model_of(scenario):
    """Build the model of a scenario from the numbers that its frozen lives were made with."""
    frozen = MODELS["models"][scenario]
    male, female = (
        LifeTable(*(tuple(column) for column in sex))
        for sex in MODELS["life_tables"][frozen["life_table"]]
    )
    strategies = tuple(plan(strategy) for strategy in frozen["strategies"])
    return build(frozen["numbers"], Settings(**frozen["settings"]), strategies, (male, female))


def lives(engine, scenario):
    """Return the events of all patients under all strategies, one a row."""
    model = model_of(scenario)
    rows = [
        (strategy.name, patient.number, *map(float, event))
        for strategy in model.strategies
        for patient, log in ENGINES[engine].simulate(
            model, strategy, seed=MODELS["seed"], patients=MODELS["patients"]
        )
        for event in log
    ]
    return pd.DataFrame(rows, columns=["strategy", "patient", *EVENT])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("scenario", sorted(MODELS["models"]))
def test_the_lives_are_those_that_were_frozen(scenario, engine):
    """200 patients a strategy; every time, kind, line, cycle, detail, grade and value to the bit."""
    expected = frozen_lives().query("scenario == @scenario").drop(columns="scenario")
    expected = expected.astype(
        {"strategy": "str", "patient": "int64"} | dict.fromkeys(EVENT, float)
    )
    found = lives(engine, scenario).astype({"strategy": "str"})
    pd.testing.assert_frame_equal(
        found, expected.reset_index(drop=True), check_exact=True, obj=f"lives of {scenario}"
    )


def test_a_life_that_ends_a_second_later_is_noticed():
    scenario = min(MODELS["models"])
    found = lives("reference", scenario)
    found.loc[len(found) - 1, "time_days"] += 1 / 86_400
    expected = frozen_lives().query("scenario == @scenario")["time_days"].to_numpy()
    assert (found["time_days"].to_numpy() != expected).sum() == 1


def write():
    """Write the lives of the present reference engine."""
    parts = [lives("reference", name).assign(scenario=name) for name in sorted(MODELS["models"])]
    table = pd.concat(parts, ignore_index=True)[["scenario", "strategy", "patient", *EVENT]]
    whole = dict.fromkeys(["kind", "line", "cycle", "detail", "grade"], "int8")
    kinds = {"scenario": "category", "strategy": "category", "patient": "int16"} | whole
    table.astype(kinds).to_parquet(FROZEN / "lives.parquet", compression="zstd", index=False)


if __name__ == "__main__":
    write()
