"""A parameter is used by a scenario when its model or its prices read it: one notion everywhere."""

from __future__ import annotations

import csv
import io

import pytest
from click.testing import CliRunner

from sim.analyses.what_if.analysis import scenario_matrix
from sim.catalog import load_catalogue
from sim.cli import commands
from sim.errors import UserError
from sim.scenario.binding import TRIAL, Inputs
from sim.scenario.loading import load_scenario
from sim.simulation.question import ask as read_question
from tests.conftest import SCENARIOS

CATALOGUE = load_catalogue()
INPUTS = Inputs(CATALOGUE)
VIAL = "cost.blinatumomab.vial"
OTHERS = """\
strategies:
  - {name: salvage_chemotherapy, sequence: [salvage_chemotherapy], then: usual_care}
  - {name: inotuzumab, sequence: [inotuzumab], then: usual_care}
"""


@pytest.fixture
def write(tmp_path):
    def path_of(text, name="question"):
        path = tmp_path / f"{name}.yaml"
        path.write_text(
            f"title: t\nextends: {SCENARIOS}/first_salvage.yaml\npatients: 60\n{text}",
            encoding="utf-8",
        )
        return path

    return path_of


def invoke(*arguments):
    return CliRunner().invoke(commands, [str(each) for each in arguments])


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_price_of_a_drug_that_nobody_is_given_is_refused(command, write):
    result = invoke(command, write(f"{OTHERS}parameters: {{{VIAL}: 1}}\n"))
    assert result.exit_code == 2
    assert f"parameters.{VIAL}: this scenario uses no such parameter" in result.output


def test_an_analysis_refuses_it_in_the_same_words(write):
    path = write(OTHERS)
    for arguments in (
        ("threshold", path, "--parameter", VIAL),
        ("twoway", path, "--x", VIAL, "--y", "cost.inpatient_day"),
    ):
        result = invoke(*arguments)
        assert result.exit_code == 2
        assert "this scenario uses no such parameter" in result.output


@pytest.mark.parametrize("name", ["first_salvage", "mrd_positive", "nhs_first_salvage"])
def test_what_is_not_used_is_refused_and_what_is_used_is_not(name, tmp_path):
    question = read_question(SCENARIOS / f"{name}.yaml", patients=1)
    path = tmp_path / "question.yaml"
    settings = {name for name in question.parameters if name.startswith(TRIAL)}
    unused = sorted(set(question.parameters) - question.used - settings)
    assert len(unused) > 5
    assert len(settings) == 7
    assert not settings & question.used
    for parameter in [*unused, *sorted(settings), *sorted(question.used)[::10]]:
        value = question.parameters[parameter].value
        text = (
            f"title: t\nextends: {SCENARIOS}/{name}.yaml\nparameters: {{{parameter}: {value!r}}}\n"
        )
        path.write_text(text, encoding="utf-8")
        if parameter in question.used | settings:
            load_scenario(path, INPUTS)
        else:
            with pytest.raises(UserError, match="uses no such parameter"):
                load_scenario(path, INPUTS)


def test_a_switch_that_is_off_leaves_its_parameters_unused(write):
    text = "switches: {toxicity: false}\nparameters: {blinatumomab.crs.severe_probability.trial: 0.1}\n"
    with pytest.raises(UserError, match="uses no such parameter"):
        load_scenario(write(text), INPUTS)


def test_the_list_of_parameters_is_as_long_as_the_count_of_a_run(write):
    path = write("")
    rows = list(
        csv.DictReader(io.StringIO(invoke("parameters", "--scenario", path, "--csv").output))
    )
    assert {row["name"] for row in rows} == set(read_question(path).used)
    assert f"Inputs: {len(rows)} used" in invoke("run", path).output


def test_an_inherited_what_if_that_touches_nothing_says_so(write):
    """Both prices of the vial: $0 (0) of change, for the reason that stands beside it."""
    found = scenario_matrix(read_question(write(OTHERS))).run()
    columns = {column.name: column for column in found.columns}
    for name in ("vial_price_50_less", "outpatient_start", "no_benefit_after_stopping"):
        assert columns[name].notes[-1] == "changes nothing in this scenario"
    assert any(VIAL in note for note in columns["vial_price_50_less"].notes)
    assert columns["cure_at_2_years"].notes == ()


def test_a_what_if_of_the_scenarios_own_file_that_touches_nothing_is_refused(write):
    text = f"{OTHERS}what_ifs:\n  cheap: {{factors: {{{VIAL}: 0.5}}}}\n"
    with pytest.raises(UserError, match=r"what_ifs\.cheap\.factors.*uses no such parameter"):
        load_scenario(write(text), INPUTS)
