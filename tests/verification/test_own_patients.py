"""The user's own patients: what a file gives replaces what is drawn, in both engines alike.

Patients who equal the drawn baseline of the shipped population, written to a file and read back,
have the same results, byte for byte.
"""

import itertools

import numpy as np
import pandas as pd
import pytest
import yaml

from sim.clinic.patient import Given
from sim.engine import reference
from sim.engine.compiled import core
from sim.engine.compiled.baseline import baselines
from sim.layout.run_tables import run_tables
from sim.layout.schema import in_csv
from sim.scenario.patient_columns import COLUMNS
from sim.simulation.parameter_sets import run_sets
from sim.simulation.question import ask
from sim.simulation.run import run
from sim.simulation.summary import summarise
from tests.support.places import SCENARIOS

N = 400
TRAIT = {column.trait: name for name, column in COLUMNS.items()}
RESULTS = ("strategies.csv", "increments.csv", "survival.csv", "ledger.csv", "flow.csv")


def table_of(question, count):
    """Return the drawn baseline of the question's first patients as the columns of a file."""
    rows = baselines(question.model, question.seed, 0, count)
    table = pd.DataFrame(rows, columns=list(Given._fields)).rename(columns=TRAIT)
    table["sex"] = np.where(table["sex"] > 0.0, "male", "female")
    return table


def own(folder, table, scenario="first_salvage", name="cohort.csv", **changes):
    """Return the question of a shipped scenario for the patients of a table."""
    path = folder / name
    if path.suffix == ".csv":
        table.to_csv(path, index=False)
    else:
        table.to_parquet(path)
    number = changes.pop("number", None)
    patients = {"file": name} | ({} if number is None else {"number": number})
    text = yaml.safe_dump(
        {"extends": str(SCENARIOS / f"{scenario}.yaml"), "patients": patients, **changes}
    )
    (folder / "question.yaml").write_text(text)
    return ask(folder / "question.yaml")


def results(question, **options):
    simulation = run(question, **options)
    tables = run_tables(simulation, summarise(simulation), None)
    return {name: in_csv(tables[name]) for name in RESULTS}


def assert_engines_agree(question, count):
    for strategy in question.model.strategies:
        ours = core.simulate(question.model, strategy, seed=question.seed, patients=count)
        theirs = reference.simulate(question.model, strategy, seed=question.seed, patients=count)
        for (patient, log), (expected_patient, expected) in zip(ours, theirs, strict=True):
            assert patient == expected_patient
            assert log == expected


@pytest.mark.parametrize("scenario", ["first_salvage", "mrd_positive", "real_world"])
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_patients_equal_to_the_drawn_ones_have_the_same_results_byte_for_byte(
    tmp_path, scenario, suffix
):
    shipped = ask(SCENARIOS / f"{scenario}.yaml", patients=N)
    question = own(tmp_path, table_of(shipped, N), scenario, f"cohort{suffix}")
    assert question.patients == N
    assert results(question) == results(shipped)
    assert not any(name.startswith("population.") for name in question.used)


def test_the_order_of_columns_does_not_matter(tmp_path):
    shipped = ask(SCENARIOS / "first_salvage.yaml", patients=N)
    table = table_of(shipped, N)
    turned = own(tmp_path, table[table.columns[::-1]])
    assert results(turned) == results(shipped)


@pytest.mark.parametrize("left_out", [name for name in COLUMNS if name != "prior_hct"])
def test_a_missing_column_is_drawn_as_it_would_be_without_a_file(tmp_path, left_out):
    shipped = ask(SCENARIOS / "first_salvage.yaml", patients=100)
    table = table_of(shipped, 100).drop(columns=left_out)
    question = own(tmp_path, table)
    assert np.array_equal(
        baselines(question.model, question.seed, 0, 100),
        baselines(shipped.model, shipped.seed, 0, 100),
    )


@pytest.mark.parametrize(
    "columns",
    [
        ("age_years",),
        ("sex", "salvage_line"),
        ("primary_refractory",),
        ("first_remission_months", "ph_positive"),
        ("weight_kg", "height_cm", "prior_hct"),
    ],
    ids=" ".join,
)
def test_both_engines_agree_on_patients_of_a_file_that_is_shorter_than_the_run(tmp_path, columns):
    other = ask(SCENARIOS / "real_world.yaml", patients=37, seed=99)
    question = own(tmp_path, table_of(other, 37)[list(columns)], number=100)
    assert_engines_agree(question, 100)
    core_run, specification = run(question), run(question, engine="reference")
    for ours, theirs in zip(core_run.arms, specification.arms, strict=True):
        assert ours.outcomes.equals(theirs.outcomes)
        assert ours.discounted == pytest.approx(theirs.discounted, rel=1e-8, abs=1e-6)


def test_the_baseline_of_many_is_that_of_each(tmp_path):
    table = table_of(ask(SCENARIOS / "tower.yaml", patients=30), 30)[["age_years", "cns"]]
    question = own(tmp_path, table, number=700)
    (strategy, *_) = question.model.strategies
    rows = baselines(question.model, question.seed, 250, 450)
    lives = reference.simulate(question.model, strategy, seed=question.seed, patients=700)
    for row, (patient, _) in zip(rows, itertools.islice(lives, 250, None), strict=True):
        assert tuple(row) == patient[1:]
        assert patient.age_years == table["age_years"][patient.number % 30]


def test_patients_after_the_first_unit_are_those_of_their_rows(tmp_path):
    table = table_of(ask(SCENARIOS / "first_salvage.yaml", patients=1000), 1000)
    question = own(tmp_path, table, number=2500)
    whole = question.own_patients.rows(0, 2500)
    for first, count in ((0, 10), (990, 20), (1995, 505), (1000, 1000), (2499, 1)):
        assert np.array_equal(
            question.own_patients.rows(first, count), whole[first : first + count]
        )
    assert question.own_patients.row_numbers(999, 3).tolist() == [1000, 1, 2]


def test_parameter_sets_give_the_patients_of_the_file_to_every_set(tmp_path):
    table = table_of(ask(SCENARIOS / "real_world.yaml", patients=50, seed=5), 50)
    question = own(tmp_path, table.drop(columns=["cns", "height_cm"]), number=300)
    sets = [{}, {"population.cns_probability": 0.5}]
    together = list(run_sets(question, sets, threads=1))
    alone = run(question)
    assert together[0].tally.sums.values.tobytes() == alone.tally.sums.values.tobytes()
    assert together[1].tally.sums.values.tobytes() != alone.tally.sums.values.tobytes()
    later = list(run_sets(question, [{}], first_patients=[300], threads=1))
    twice = run(own(tmp_path, table.drop(columns=["cns", "height_cm"]), number=600))
    assert later[0].tally.sums.values != pytest.approx(alone.tally.sums.values)
    assert later[0].tally.sums.values + alone.tally.sums.values == pytest.approx(
        twice.tally.sums.values
    )


def test_results_do_not_depend_on_threads(tmp_path):
    table = table_of(ask(SCENARIOS / "tower.yaml", patients=77), 77)
    question = own(tmp_path, table, number=70_000)
    assert results(question, threads=1) == results(question, threads=3)


def test_a_prior_transplant_is_as_frequent_among_the_not_refractory_as_in_the_population(tmp_path):
    table = pd.DataFrame({"primary_refractory": ["no"] * 3})
    question = own(tmp_path, table, number=40_000)
    numbers = question.numbers
    transplanted = baselines(question.model, question.seed, 0, 40_000)[:, 5]
    expected = numbers["population.prior_hct_probability"] / (
        1.0 - numbers["population.primary_refractory_probability"]
    )
    error = np.sqrt(expected * (1.0 - expected) / 40_000)
    assert abs(transplanted.mean() - expected) < 4.0 * error
