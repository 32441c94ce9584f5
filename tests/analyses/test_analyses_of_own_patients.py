"""Analyses of the user's own patients: given characteristics vary nowhere, and are said everywhere."""

import pytest

from sim import compare, psa, run, tornado, verify, what_if
from sim.simulation.comparison import input_differences, not_poolable, same_people
from sim.simulation.question import ask
from tests.support.places import SCENARIOS

MAIN = SCENARIOS / "who_the_patients_are.yaml"
COHORT = "age_years,sex,salvage_line\n30,m,1\n52,f,2\n71,m,1\n"


@pytest.fixture
def own(tmp_path):
    """The path of a question about own patients."""
    (tmp_path / "cohort.csv").write_text(COHORT)
    path = tmp_path / "own.yaml"
    path.write_text(
        f"extends: {MAIN}\npatients: {{file: cohort.csv, number: 30}}\nwhat_ifs: {{}}\n"
    )
    return path


def test_a_given_characteristic_takes_part_in_no_uncertainty(own):
    used = ask(own).used
    assert "population.primary_refractory_probability" in used
    for name in ("age_median_years", "male_probability", "first_salvage_probability"):
        assert f"population.{name}" in ask(MAIN).used - used
    bars = set(tornado(own, top=1000).bars["parameter"])
    assert "population.primary_refractory_probability" in bars
    assert not bars & {"population.age_median_years", "population.male_probability"}


def test_parameter_sets_are_drawn_for_own_patients(own):
    found = psa(own, draws=20)
    assert found.scenario.question.own_patients.number == 3
    assert "population.age_median_years" not in found.parameters.columns


def test_a_comparison_says_that_the_patients_differ_and_pools_nothing(own, tmp_path):
    drawn = tmp_path / "drawn.yaml"
    drawn.write_text(f"extends: {MAIN}\npatients: 30\nwhat_ifs: {{}}\n")
    questions = [ask(own), ask(drawn)]
    differences = {each.name: each.values for each in input_differences(questions)}
    file, nothing = differences["patients.file"]
    assert file.startswith("cohort.csv (sha256 ")
    assert nothing is None
    assert "patients.file" in not_poolable(questions)
    assert not same_people(*questions)
    assert same_people(ask(own), ask(own))
    assert "cohort.csv" in str(compare(own, drawn))


def test_a_what_if_has_the_same_patients(own):
    text = own.read_text().replace(
        "what_ifs: {}", "what_ifs: {cheap: {factors: {cost.blinatumomab.vial: 0.5}}}"
    )
    own.write_text(text)
    found = what_if(own, patients=30)
    assert found.scenario.question.patients == 30
    assert "cheap" in str(found)


def test_checks_are_of_the_patients_of_the_file(own):
    own.with_name("cohort.csv").write_text(COHORT + "44,f,0\n")
    checks = verify(own, groups=["flow", "survival"]).tables["verify"].set_index("identifier")
    for name in ("flow.14", "survival.1"):
        assert checks.loc[name, "verdict"] != "failed", name
        assert "nan" not in checks.loc[name, "observed"], name


def test_the_report_says_which_patients_they_are(own, tmp_path):
    from sim.analyses.shared.stored import Stored
    from sim.layout.text import question_lines

    answer = run(own, out=tmp_path / "out")
    lines = dict(question_lines(answer.scenario.question))
    assert lines["Own patients"].startswith(
        "cohort.csv, 3 rows, used in order and repeated; given:"
    )
    stored = Stored(tmp_path / "out", "summary.json", ask(own)).summary
    assert stored["own_patients"]["rows"] == 3
