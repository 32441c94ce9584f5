"""Published economic evaluations stand beside this model as they were printed, divided by steps."""

import json

import pytest
import yaml

from sim import UserError, evaluations
from sim.analyses.evaluations.result import load_evaluations
from sim.analyses.what_if.analysis import scenario_matrix
from sim.simulation.question import ask
from tests.support.places import ROOT

FOLDER = ROOT / "calibration" / "evaluations"
N = 400


@pytest.fixture(scope="module")
def found():
    return evaluations(patients=N)


def test_published_rows_are_those_of_the_files(found):
    table = found.evaluations
    for name in load_evaluations():
        told = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
        row = table[(table["evaluation"] == name) & (table["row"] == "published")].iloc[0]
        for key, value in told["published"].items():
            assert row[key] == value


def test_rows_of_this_model_are_the_what_ifs_of_the_scenario(found):
    """The scenario and each step alike, to the last digit; 400 patients."""
    table = found.evaluations
    for name, (evaluation, path) in load_evaluations().items():
        columns = {each.name: each for each in scenario_matrix(ask(path, patients=N)).run().columns}
        mine = table[(table["evaluation"] == name) & (table["row"] != "published")]
        assert mine["row"].tolist() == ["base", *evaluation.steps]
        for row in mine.itertuples():
            (gain,) = (
                each.increment
                for each in columns[row.row].gains
                if each.increment.strategy == evaluation.strategy
            )
            assert (row.life_years, row.qalys, row.cost) == (
                gain.life_years.mean,
                gain.qalys.mean,
                gain.cost.mean,
            )


def test_a_published_ratio_is_that_of_the_published_increments():
    """Within the rounding of QALYs to two digits."""
    for evaluation, _ in load_evaluations().values():
        printed = evaluation.published
        ends = [printed.cost / (printed.qalys + half) for half in (0.005, -0.005)]
        assert ends[0] <= printed.icer <= ends[1]


def test_each_step_holds_those_before_it():
    for evaluation, path in load_evaluations().values():
        what_ifs = ask(path, patients=1).scenario.what_ifs
        before = {}
        for step in evaluation.steps:
            now = what_ifs[step]
            said = {
                **{f"switches.{key}": value for key, value in (now.switches or {}).items()},
                **{f"parameters.{key}": value for key, value in (now.parameters or {}).items()},
            }
            assert before.items() <= said.items()
            before = said


def test_the_answer_is_written_with_its_sources(found, tmp_path):
    found.write(tmp_path)
    told = json.loads((tmp_path / "evaluations.json").read_text(encoding="utf-8"))
    assert told["sources"].keys() == load_evaluations().keys()
    assert all(each["citation"] and each["place"] for each in told["sources"].values())
    assert (tmp_path / "evaluations.csv").read_text(encoding="utf-8").count("\n") == 1 + len(
        found.evaluations
    )


def test_an_unknown_publication_is_refused_with_the_nearest_name():
    with pytest.raises(UserError, match="no such publication") as refused:
        evaluations("delea_2107")
    assert "delea_2017" in str(refused.value)
