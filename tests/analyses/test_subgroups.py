"""Results by subgroup are those of its patients, and choosing by subgroup is worth what they gain.

Everything is computed again by pandas from the file of the single patients.
"""

import math

import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner

from sim import Scenario, UserError, run
from sim.analyses.run import result
from sim.cli import commands
from sim.layout.run_columns import SUBGROUP_VALUES
from sim.layout.run_columns import SUBGROUPS as SUBGROUPS_TABLE
from tests.support.places import SCENARIOS

N = 1500
COMPARATOR = "salvage_chemotherapy"
SUBGROUPS = {
    "age_years": [35, 55],
    "sex": True,
    "salvage_line": True,
    "ph_positive": True,
    "first_remission_months": [12],
}


def question(folder, scenario="who_the_patients_are", **changes):
    path = folder / "question.yaml"
    text = {"extends": str(SCENARIOS / f"{scenario}.yaml"), "patients": N} | changes
    path.write_text(yaml.safe_dump(text, sort_keys=False))
    return path


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """The result of a run with subgroups, and a table of its patients with their subgroups."""
    folder = tmp_path_factory.mktemp("subgroups")
    # A low price, so that the best strategy is not the same in every subgroup.
    answer = run(
        question(
            folder,
            "later_salvage",
            subgroups=SUBGROUPS,
            thresholds=[100_000, 300_000],
            parameters={"cost.blinatumomab.vial": 2500},
        )
    )
    patients = answer.patients
    for name, words in (("cost", "cost."), ("qalys", "qaly."), ("life_years", "life_years.")):
        patients[name] = patients.filter(regex=f"^{words.replace('.', '[.]')}").sum(axis=1)
    patients["group age_years"] = pd.cut(
        patients["age_years"],
        [-math.inf, 35, 55, math.inf],
        right=False,
        labels=["below 35", "35 to below 55", "55 or more"],
    ).astype(str)
    patients["group sex"] = patients["sex"].astype(str)
    patients["group salvage_line"] = patients["salvage_line"].map(
        {1: "first", 2: "second", 3: "third or later"}
    )
    patients["group ph_positive"] = np.where(patients["ph_positive"], "yes", "no")
    patients["group first_remission_months"] = np.where(
        patients["first_remission_months"] < 12, "below 12", "12 or more"
    )
    return answer, patients


def by_strategy(patients, column):
    return patients.pivot(index="patient", columns="strategy", values=column)


def test_every_patient_is_in_one_subgroup_of_each_characteristic(found):
    answer, patients = found
    table = answer.subgroups.drop_duplicates(["characteristic", "subgroup"])
    assert (table.groupby("characteristic")["patients"].sum() == N).all()
    for row in table.itertuples():
        expected = (patients[f"group {row.characteristic}"] == row.subgroup).sum()
        assert row.patients * len(answer.scenario.strategies) == expected
    assert list(table["characteristic"].unique()) == list(SUBGROUPS)


def test_outcomes_are_those_of_the_patients_of_the_subgroup(found):
    answer, patients = found
    table = answer.subgroups[answer.subgroups["comparator"] == ""]
    assert len(table) > 100
    for row in table.itertuples():
        here = patients[
            (patients[f"group {row.characteristic}"] == row.subgroup)
            & (patients["strategy"] == row.strategy)
        ]
        if row.outcome.endswith("_percent"):
            hits = here[row.outcome.removesuffix("_percent")]
            assert row.mean == pytest.approx(100.0 * hits.mean())
            continue
        assert row.mean == pytest.approx(here[row.outcome].mean(), rel=1e-9)
        if len(here) > 1:
            assert row.se == pytest.approx(here[row.outcome].sem(), rel=1e-6, abs=1e-9)


def test_increments_are_paired_differences_within_the_subgroup(found):
    answer, patients = found
    table = answer.subgroups[answer.subgroups["comparator"] != ""]
    wide = {name: by_strategy(patients, name) for name in ("cost", "qalys", "life_years")}
    compared = 0
    for (characteristic, subgroup, strategy, comparator), rows in table.groupby(
        ["characteristic", "subgroup", "strategy", "comparator"]
    ):
        group = patients[f"group {characteristic}"] == subgroup
        here = patients[group]["patient"].unique()
        gain = {n: (w[strategy] - w[comparator]).loc[here] for n, w in wide.items()}
        shown = rows.set_index("outcome")
        for name, values in gain.items():
            assert shown.loc[name, "mean"] == pytest.approx(values.mean(), rel=1e-8, abs=1e-9)
            assert shown.loc[name, "se"] == pytest.approx(values.sem(), rel=1e-6, abs=1e-9)
        ratio = gain["cost"].mean() / gain["qalys"].mean()
        assert shown.loc["icer", "mean"] == pytest.approx(ratio, rel=1e-8)
        for threshold in answer.scenario.thresholds:
            benefit = threshold * gain["qalys"] - gain["cost"]
            row = shown.loc[f"nmb_at_{threshold:g}"]
            assert row["mean"] == pytest.approx(benefit.mean(), rel=1e-8)
            assert row["se"] == pytest.approx(benefit.sem(), rel=1e-6)
        compared += 1
    assert compared >= 10


def test_the_value_of_choosing_is_the_gain_of_each_patients_subgroup(found):
    answer, patients = found
    cost, qalys = by_strategy(patients, "cost"), by_strategy(patients, "qalys")
    one = patients.drop_duplicates("patient").set_index("patient").sort_index()
    gained = 0
    for row in answer.subgroup_values.itertuples():
        benefit = row.threshold * qalys - cost
        groups = one[f"group {row.characteristic}"]
        best = benefit.groupby(groups).mean().idxmax(axis=1)
        for_all = benefit.mean().idxmax()
        said = dict(each.split(": ") for each in row.best_by_subgroup.split("; "))
        assert row.best_for_all == for_all
        assert said == best.to_dict()
        places = benefit.columns.get_indexer(groups.map(best))
        chosen = pd.Series(benefit.to_numpy()[np.arange(N), places], index=benefit.index)
        apart = chosen - benefit[for_all]
        assert row.mean == pytest.approx(apart.mean(), rel=1e-7, abs=1e-6)
        assert row.se == pytest.approx(apart.sem(), rel=1e-5, abs=1e-6)
        assert row.mean >= 0.0
        gained += row.mean > 0.0
    assert gained >= 1


def test_a_subgroup_of_everybody_has_the_results_of_all(tmp_path):
    answer = run(question(tmp_path, "first_salvage", subgroups={"salvage_line": True}))
    group = answer.subgroups[answer.subgroups["comparator"] != ""].set_index("outcome")
    whole = answer.increments.set_index("outcome")
    for name in ("cost", "qalys", "life_years", "icer", "nmb_at_100000"):
        assert group.loc[name, "mean"] == pytest.approx(whole.loc[name, "mean"], rel=1e-9)
        assert group.loc[name, "se"] == pytest.approx(whole.loc[name, "se"], rel=1e-6)
    assert (answer.subgroup_values["mean"] == 0.0).all()


def test_streamed_and_stored_patients_give_the_same_bytes_for_any_threads(tmp_path, monkeypatch):
    path = question(tmp_path, "first_salvage", subgroups=SUBGROUPS, patients=70_000)
    stored = run(path, threads=1)
    monkeypatch.setattr(result, "KEPT_AT_MOST", 10)
    for threads in (1, 3):
        streamed = run(path, threads=threads)
        assert streamed.subgroups.to_csv() == stored.subgroups.to_csv()
        assert streamed.subgroup_values.to_csv() == stored.subgroup_values.to_csv()


def test_both_engines_give_the_same_subgroups(tmp_path):
    path = question(tmp_path, "first_salvage", subgroups=SUBGROUPS, patients=200)
    core, reference = run(path), run(path, engine="reference")
    assert core.subgroups["patients"].equals(reference.subgroups["patients"])
    assert core.subgroups["mean"].tolist() == pytest.approx(
        reference.subgroups["mean"].tolist(), rel=1e-8, abs=1e-8, nan_ok=True
    )


def test_subgroups_are_printed_written_and_read_back(tmp_path):
    path = question(tmp_path, "first_salvage", subgroups={"age_years": [40]})
    answer = run(path, out=tmp_path / "out")
    said = str(answer)
    assert "below 40" in said
    assert "40 or more" in said
    assert "Choosing by age years gains" in said
    for schema in (SUBGROUPS_TABLE, SUBGROUP_VALUES):
        header, *rows = (tmp_path / "out" / schema.file).read_text().splitlines()
        assert header == ",".join(schema.names)
        assert rows
    again = type(answer).read(path, tmp_path / "out")
    assert str(again) == said
    assert again.subgroups.equals(answer.subgroups)


def test_the_report_shows_the_subgroups(tmp_path):
    path = question(tmp_path, subgroups={"age_years": [40], "sex": True})
    run(path, out=tmp_path / "out")
    page = tmp_path / "report.html"
    done = CliRunner().invoke(
        commands, ["report", str(path), "--from", str(tmp_path / "out"), "--out", str(page)]
    )
    assert done.exit_code == 0, done.output
    shown = page.read_text(encoding="utf-8")
    for words in ("By subgroup", "age years: below 40", "sex: female", "Choosing by sex gains"):
        assert words in shown


def test_a_scenario_with_subgroups_is_shown_as_it_is_written(tmp_path):
    path = question(tmp_path, subgroups={"age_years": [40], "sex": True})
    shown = str(Scenario.load(path))
    assert "  age_years: [40]" in shown
    assert "  sex: true" in shown
    (tmp_path / "shown.yaml").write_text(shown)
    again = Scenario.load(tmp_path / "shown.yaml").question.scenario
    assert again.subgroups == {"age_years": (40.0,), "sex": True}


def test_without_subgroups_there_are_no_files_of_them(tmp_path):
    answer = run(question(tmp_path, "first_salvage", patients=20), out=tmp_path / "out")
    assert not list((tmp_path / "out").glob("subgroup*"))
    assert answer.subgroups.empty
    assert answer.subgroup_values.empty


def test_subgroups_change_no_result_and_no_fingerprint(tmp_path):
    plain = run(SCENARIOS / "first_salvage.yaml", patients=50)
    divided = run(question(tmp_path, "first_salvage", patients=50, subgroups=SUBGROUPS))
    assert plain.increments.equals(divided.increments)
    assert plain.to_dict()["scenario_sha256"] == divided.to_dict()["scenario_sha256"]


@pytest.mark.parametrize(
    ("subgroups", "says"),
    [
        ({"agee_years": [40]}, "subgroups.agee_years: no such characteristic"),
        ({"age_years": True}, "subgroups.age_years: must be a list of bounds"),
        ({"age_years": [55, 35]}, "subgroups.age_years: must be bounds that rise"),
        ({"age_years": []}, "subgroups.age_years: must hold at least 1"),
        ({"age_years": ["old"]}, "subgroups.age_years[0]: must be a number"),
        ({"sex": [1]}, "subgroups.sex: must be true"),
        ({"sex": False}, "subgroups.sex: must be"),
        (["sex"], "subgroups: must hold keys and values"),
    ],
    ids=str,
)
def test_a_mistake_in_subgroups_is_named(tmp_path, subgroups, says):
    path = question(tmp_path, "first_salvage", subgroups=subgroups)
    with pytest.raises(UserError, match=says.replace("[", r"\[").replace("]", r"\]")):
        Scenario.load(path)
