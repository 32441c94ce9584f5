"""The file of the single patients: characteristics beside outcomes, words, and its dictionary."""

import csv

import numpy as np
import pandas as pd
import pytest

from sim import Scenario, run
from sim.analyses.run.patients import columns
from sim.engine.reference import enrol
from sim.engine.streams import Streams
from sim.scenario.patient_columns import COLUMNS
from tests.support.places import SCENARIOS

N = 300
MAIN = SCENARIOS / "first_salvage.yaml"
FORMER = (
    *("strategy", "patient", "response", "complete_remission", "mrd_negative", "hct_ever"),
    *("hct_in_remission", "severe_crs", "severe_neurotoxicity", "severe_hepatotoxicity"),
    *("severe_infection", "cycles_first_line", "remission_days", "relapse_days", "death_days"),
    *("cause_of_death", "horizon_days", "rfs_days", "efs_days", "cost.drug", "cost.toxicity"),
    *("qaly.health_state", "life_years.life", "cost_undiscounted.end_of_life"),
    *("qaly_undiscounted.gvhd_decrement", "life_years_undiscounted.life"),
)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The result of a run, and its file of patients."""
    path = tmp_path_factory.mktemp("patients") / "patients.parquet"
    found = run(MAIN, patients=N, patients_out=path)
    return found, path


def test_no_column_of_an_earlier_file_is_lost(written):
    _, path = written
    assert set(FORMER) <= set(pd.read_parquet(path).columns)


def test_the_dictionary_beside_the_file_explains_every_column(written):
    _, path = written
    with (path.parent / "patients_columns.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["column"] for row in rows] == list(pd.read_parquet(path).columns)
    assert all(row["unit"] and row["meaning"] for row in rows)
    assert next(row for row in rows if row["column"] == "cost.drug")["unit"] == "USD"


def test_every_patient_has_the_characteristics_with_which_it_entered(written):
    found, path = written
    table = pd.read_parquet(path)
    question = found.scenario.question
    luck = Streams(question.seed, 0, N)
    for number, (_, rows) in enumerate(table.groupby("patient")):
        patient = enrol(number, question.model, luck)
        assert len(rows) == len(question.model.strategies)
        for name, column in COLUMNS.items():
            expected = getattr(patient, column.trait)
            if name == "sex":
                expected = "male" if patient.male else "female"
            assert set(rows[name]) == {expected}
    assert table["row"].isna().all()


def test_causes_of_death_are_words_that_agree_with_the_shares(written):
    found, path = written
    table = pd.read_parquet(path)
    outcomes = found.strategies.set_index(["strategy", "outcome"])["mean"]
    for strategy, rows in table.groupby("strategy", observed=True):
        for cause in ("leukaemia", "toxicity", "transplant", "in_remission", "background"):
            share = 100.0 * (rows["cause_of_death"] == cause).mean()
            assert share == pytest.approx(outcomes[strategy, f"death_{cause}_percent"])
        alive = 100.0 * (rows["cause_of_death"] == "alive").mean()
        assert alive == pytest.approx(outcomes[strategy, "alive_at_horizon_percent"])


def test_both_engines_write_the_same_characteristics(written, tmp_path):
    _, path = written
    run(MAIN, patients=N, engine="reference", patients_out=tmp_path / "patients.parquet")
    names = ["strategy", "patient", *COLUMNS, "cause_of_death", "death_days"]
    ours, theirs = (pd.read_parquet(each)[names] for each in (path, tmp_path / "patients.parquet"))
    pd.testing.assert_frame_equal(ours, theirs)


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_the_rows_of_a_strategy_can_be_read_back_as_patients(written, tmp_path, suffix):
    found, path = written
    table = pd.read_parquet(path)
    one = table[table["strategy"] == "blinatumomab"]
    cohort = tmp_path / f"cohort{suffix}"
    one.to_csv(cohort, index=False) if suffix == ".csv" else one.to_parquet(cohort)
    (tmp_path / "question.yaml").write_text(f"extends: {MAIN}\npatients: {{file: {cohort.name}}}\n")
    again = run(tmp_path / "question.yaml", patients_out=tmp_path / "again.parquet")
    assert again.scenario.patients == N
    for name in ("strategies", "increments", "survival", "ledger"):
        assert again.tables[name].equals(found.tables[name])
    columns_but_rows = [name for name in table.columns if name != "row"]
    assert pd.read_parquet(tmp_path / "again.parquet")[columns_but_rows].equals(
        table[columns_but_rows]
    )


def test_the_row_of_the_file_is_kept(tmp_path):
    (tmp_path / "cohort.csv").write_text("age_years,sex\n30,m\n50,f\n70,m\n")
    (tmp_path / "question.yaml").write_text(
        f"extends: {MAIN}\npatients: {{file: cohort.csv, number: 7}}\n"
    )
    found = run(tmp_path / "question.yaml").patients
    one = found[found["strategy"] == "blinatumomab"]
    assert one["row"].tolist() == [1, 2, 3, 1, 2, 3, 1]
    assert one["age_years"].tolist() == [30.0, 50.0, 70.0, 30.0, 50.0, 70.0, 30.0]
    assert one["sex"].tolist() == ["male", "female", "male", "male", "female", "male", "male"]
    assert np.unique(one["weight_kg"]).size == 7


def test_the_file_names_its_origin(tmp_path):
    (tmp_path / "cohort.csv").write_text("age_years\n30\n")
    (tmp_path / "question.yaml").write_text(f"extends: {MAIN}\npatients: {{file: cohort.csv}}\n")
    found = run(tmp_path / "question.yaml", out=tmp_path / "out")
    said = found.to_dict()["own_patients"]
    assert said["file"] == "cohort.csv"
    assert said["given"] == ["age_years"]
    assert len(said["sha256"]) == 64
    assert said["sha256"] in (tmp_path / "out" / "provenance.json").read_text()


def test_names_of_columns_are_unique():
    names = [column.name for column in columns()]
    assert len(set(names)) == len(names)
    assert Scenario.load(MAIN).question.own_patients is None
