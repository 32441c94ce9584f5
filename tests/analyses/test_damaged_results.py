"""Stored analyses that are not as they were written: one message that names file and column or key."""

from __future__ import annotations

import json
import math
import os
import shutil
from functools import cache

import pandas as pd
import pytest

import sim
from sim.errors import UserError
from tests.support.places import SCENARIOS

VOI = pytest.param("voi", marks=pytest.mark.slow)
"""It imports what takes seconds."""


@pytest.fixture(scope="module")
def question():
    return sim.Scenario.load(SCENARIOS / "first_salvage.yaml").with_(patients=20, seed=3)


@pytest.fixture(scope="module")
def written(question, tmp_path_factory):
    """Return a function that writes the smallest possible analysis into a folder, once."""
    drawn = {"draws": 4, "patients": 4, "cached": False, "threads": 1}
    vial, day = "cost.blinatumomab.vial", "cost.inpatient_day"
    analyses = {
        "run": lambda: sim.run(question, trace=2, threads=1),
        "psa": lambda: sim.psa(question, **drawn),
        "voi": lambda: sim.voi(question, thresholds=[250_000], **drawn),
        "trial": lambda: sim.trial(question, n="5,6", thresholds=[250_000], **drawn),
        "price": lambda: sim.price(question, "blinatumomab", **drawn),
        "twoway": lambda: sim.twoway(question, vial, day, steps=2, threads=1),
        "threshold": lambda: sim.threshold(question, vial, threads=1),
    }

    @cache
    def write(name):
        folder = tmp_path_factory.mktemp(name)
        analyses[name]().write(folder)
        return folder

    return write


@pytest.fixture
def folder(written, name, tmp_path):
    """A copy of the folder of the analysis of this name."""
    return shutil.copytree(written(name), tmp_path / "results")


def read(name, question, folder):
    kinds = {
        "run": sim.RunResult,
        "psa": sim.PsaResult,
        "voi": sim.VoiResult,
        "trial": sim.TrialResult,
        "price": sim.PriceResult,
        "twoway": sim.TwowayResult,
        "threshold": sim.ThresholdResult,
    }
    found = kinds[name].read(question, folder)
    return str(found), found.json(), found.tables


@pytest.mark.parametrize("name", ["run", "psa", VOI, "trial", "price", "twoway", "threshold"])
def test_an_undamaged_analysis_is_read(name, question, folder):
    assert "Blinatumomab" in read(name, question, folder)[0]


@pytest.mark.parametrize(
    ("name", "file", "path", "value"),
    [
        ("run", "summary.json", ("increments", 0, "covariance"), "1"),
        ("run", "summary.json", ("frontier", 0, "name"), "blinatumomap"),
        ("run", "summary.json", ("strategies",), []),
        ("psa", "psa.json", ("base_case_patients",), None),
        ("psa", "psa.json", ("strategies", 0, "outcomes", "cost"), [1]),
        pytest.param(
            "voi",
            "voi.json",
            ("groups",),
            {"response": ["no.such.parameter"]},
            marks=pytest.mark.slow,
        ),
        ("trial", "trial.json", ("arms",), ["blinatumomap"]),
        ("trial", "trial.json", ("outcomes",), ["qalys"]),
        ("trial", "trial.json", ("bounds", 0, "evppi"), 1.0),
        ("trial", "trial.json", ("settings",), []),
        ("trial", "trial.json", ("settings", 5, "value"), 0.0),
        ("price", "price.json", ("price",), True),
        (
            "price",
            "price.json",
            ("probability_most_cost_effective", 0, "at_price_of_scenario"),
            {"share": 1.0},
        ),
        ("twoway", "twoway.json", ("x", "unknown"), 1.0),
        ("threshold", "threshold.json", ("decisions", 0), "low"),
    ],
)
def test_a_value_of_another_type_or_name_is_refused_by_its_key(
    name, file, path, value, question, folder
):
    content = json.loads((folder / file).read_text(encoding="utf-8"))
    holder = content
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    (folder / file).write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(UserError) as refused:
        read(name, question, folder)
    assert file in refused.value.file
    assert str(path[0]) in refused.value.key


def in_another_order(table):
    return table.sample(frac=1.0, random_state=1)


def assigned(**column):
    def change(table):
        return table.assign(**column)

    change.__name__ = "_".join(f"{name}_{value}" for name, value in column.items())
    return change


def without(column):
    def change(table):
        return table.drop(columns=column)

    change.__name__ = f"without_{column}"
    return change


def without_a_row(table):
    return table.drop(index=1)


def with_a_row_twice(table):
    return pd.concat([table, table.tail(1)])


def with_a_foreign_strategy(table):
    return table.assign(strategy="chemo")


def with_an_infinite_number(table):
    column = table.select_dtypes("float").columns[0]
    return table.assign(**{column: math.inf})


@pytest.mark.parametrize(
    ("name", "file", "change"),
    [
        ("run", "strategies.csv", without_a_row),
        ("run", "increments.csv", with_a_row_twice),
        ("run", "strategies.csv", with_a_foreign_strategy),
        ("run", "survival.csv", assigned(at_risk=math.inf)),
        ("run", "survival.csv", with_an_infinite_number),
        ("run", "flow.csv", assigned(course="relaps")),
        ("run", "events.csv", assigned(patient=2**40)),
        pytest.param("voi", "voi.csv", assigned(kind="parameter"), marks=pytest.mark.slow),
        pytest.param("voi", "voi.csv", assigned(kind="parameters"), marks=pytest.mark.slow),
        pytest.param("voi", "evpi.csv", assigned(evpi=None), marks=pytest.mark.slow),
        ("price", "price.csv", without_a_row),
        ("price", "price.csv", assigned(basis="base_case")),
        ("twoway", "twoway.csv", without_a_row),
        ("twoway", "twoway.csv", assigned(inmb=-1e300)),
        ("twoway", "twoway.csv", in_another_order),
        ("twoway", "twoway.csv", assigned(nmb=None)),
        ("threshold", "threshold.csv", without("optimal_below")),
    ],
)
def test_a_table_that_is_not_whole_is_refused_by_its_name(name, file, change, question, folder):
    path = folder / file
    change(pd.read_csv(path, keep_default_na=False, na_values=[""])).to_csv(path, index=False)
    with pytest.raises(UserError) as refused:
        read(name, question, folder)
    assert file in refused.value.file


@pytest.mark.parametrize(
    ("file", "change", "key"),
    [
        ("psa.parquet", without_a_row, "strategy"),
        ("psa.parquet", without("draw"), "draw"),
        ("psa.parquet", assigned(draw=0), "draw"),
        ("psa.parquet", without("se:cost"), "se:cost"),
        ("psa.parquet", assigned(qalys="many"), "qalys"),
        ("deterministic.parquet", without("cost"), "cost"),
        ("deterministic.parquet", with_a_row_twice, "strategy"),
        ("psa.parquet", assigned(qalys=1e300), "qalys"),
    ],
)
@pytest.mark.parametrize("name", ["psa"])
def test_draws_that_are_not_whole_are_refused_by_their_column(
    name, file, change, key, question, folder
):
    path = folder / file
    change(pd.read_parquet(path)).to_parquet(path, index=False)
    with pytest.raises(UserError) as refused:
        read(name, question, folder)
    assert (file in refused.value.file, refused.value.key) == (True, key)


@pytest.mark.parametrize("text", ["NaN", "[1e400]", "[" * 100_000, '{"patients": -Infinity}'])
@pytest.mark.parametrize("name", ["twoway"])
def test_text_that_is_no_json_is_refused(name, text, question, folder):
    (folder / "twoway.json").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"twoway\.json"):
        read(name, question, folder)


@pytest.mark.parametrize("name", ["twoway"])
def test_a_pipe_in_place_of_a_file_is_refused_and_not_waited_for(name, question, folder):
    (folder / "twoway.csv").unlink()
    os.mkfifo(folder / "twoway.csv")
    with pytest.raises(UserError, match="is not a file"):
        read(name, question, folder)
