"""An amount belongs to the money of the perspective under which it was written.

Nobody converts it and nobody reads it as other money: under another perspective it is refused, or
in a what-if left to that perspective's own value.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim import Scenario
from sim.catalog import load_catalogue
from sim.errors import UserError
from sim.scenario.binding import Inputs
from sim.scenario.loading import load_scenario, what_if
from sim.simulation.question import ask as read_question
from sim.simulation.question import prepare
from sim.simulation.run import run
from sim.simulation.summary import summarise

CATALOGUE = load_catalogue()
INPUTS = Inputs(CATALOGUE)
US, NHS = "us_payer_2022", "nhs_england"
NHS_VIAL = 2017.0
AMOUNTS = sorted(
    name
    for name, parameter in CATALOGUE.perspectives[US].parameters.items()
    if parameter.currency is not None and not name.startswith("perspective.")
)


@pytest.fixture
def scenario(tmp_path):
    """Write a scenario beside first_salvage; return its path."""

    def write(text, name="child.yaml", extends="first_salvage.yaml"):
        path = tmp_path / name
        if extends == "first_salvage.yaml":
            base = tmp_path / extends
            base.write_text(FIRST_SALVAGE, encoding="utf-8")
        path.write_text(f"title: {name}\nextends: {extends}\n{text}", encoding="utf-8")
        return path

    return write


FIRST_SALVAGE = """\
title: Base
population: topp_2021_first_salvage
setting: trial
perspective: us_payer_2022
horizon_years: lifetime
patients: 400
seed: 1
strategies:
  - {name: chemo, sequence: [salvage_chemotherapy], then: usual_care}
  - {name: blina, sequence: [blinatumomab], then: usual_care}
what_ifs:
  english: {perspective: nhs_england}
  half: {factors: {cost.blinatumomab.vial: 0.5}}
  dearer: {shifts: {cost.blinatumomab.vial: 1000}}
  by_hand: {parameters: {cost.blinatumomab.vial: 3000}}
"""
HALF = "parameters: {cost.blinatumomab.vial: 2584.50}\n"


def loaded(path):
    return load_scenario(path, INPUTS)


def numbers(path, name):
    return prepare(what_if(loaded(path), name, INPUTS)).numbers


def increment(question):
    (found,) = summarise(run(question)).comparisons
    return found


def test_an_inherited_price_is_refused_under_another_currency_with_its_line(scenario):
    scenario(HALF)
    child = scenario(f"perspective: {NHS}\n", "english.yaml", "child.yaml")
    with pytest.raises(
        UserError, match=r"child\.yaml:3: parameters\.cost\.blinatumomab\.vial"
    ) as e:
        loaded(child)
    for word in ("USD of 2022", "GBP", US, NHS, "null", "2584.5"):
        assert word in str(e.value)


def test_null_leaves_an_inherited_price_to_the_perspective(scenario):
    scenario(HALF)
    text = f"perspective: {NHS}\nparameters: {{cost.blinatumomab.vial: null}}\n"
    child = scenario(text, "english.yaml", "child.yaml")
    assert read_question(child).numbers["cost.blinatumomab.vial"] == NHS_VIAL


def test_a_price_given_beside_the_perspective_is_in_its_money(scenario):
    text = f"perspective: {NHS}\nparameters: {{cost.blinatumomab.vial: 1000}}\n"
    assert read_question(scenario(text)).numbers["cost.blinatumomab.vial"] == 1000.0


def test_an_inherited_threshold_is_refused_under_another_currency(scenario):
    scenario("thresholds: [50000]\n")
    child = scenario(f"perspective: {NHS}\n", "english.yaml", "child.yaml")
    with pytest.raises(UserError, match=r"child\.yaml:3: thresholds: is in USD of 2022"):
        loaded(child)


def test_a_what_if_of_another_perspective_goes_without_prices_and_thresholds(scenario):
    child = scenario(HALF + "thresholds: [50000]\n")
    english = what_if(loaded(child), "english", INPUTS)
    assert english.scenario.parameters == {}
    assert english.scenario.thresholds is None
    assert len(english.left_out) == 2
    assert all("USD of 2022" in each for each in english.left_out)


def test_the_half_price_asked_for_england_has_the_english_price(scenario):
    """The same answer, to the last bit, as the English perspective without the half price."""
    child = scenario(HALF)
    ours = prepare(what_if(loaded(child), "english", INPUTS))
    theirs = read_question(scenario(f"perspective: {NHS}\n", "english.yaml"))
    ours, theirs = increment(ours), increment(theirs)
    assert ours.increment == theirs.increment


@pytest.mark.parametrize(
    ("name", "vial"), [("half", NHS_VIAL / 2), ("dearer", NHS_VIAL), ("by_hand", NHS_VIAL)]
)
def test_an_inherited_factor_has_no_unit_and_inherited_amounts_have(scenario, name, vial):
    child = scenario(f"perspective: {NHS}\n")
    assert numbers(child, name)["cost.blinatumomab.vial"] == vial


def test_an_amount_in_a_what_if_with_a_perspective_is_in_that_money(scenario):
    text = (
        f"what_ifs:\n  deal: {{perspective: {NHS}, parameters: {{cost.blinatumomab.vial: 500}}}}\n"
    )
    assert numbers(scenario(text), "deal")["cost.blinatumomab.vial"] == 500.0


def test_a_part_of_a_what_if_is_in_the_money_that_the_whole_has(scenario):
    """The child adds a price to an inherited what-if that has a perspective of its own."""
    text = "what_ifs:\n  english: {parameters: {cost.blinatumomab.vial: 700}}\n"
    assert numbers(scenario(text), "english")["cost.blinatumomab.vial"] == 700.0


def test_with_refuses_a_price_in_other_money_and_takes_one_given_anew(scenario):
    ours = Scenario.load(scenario(HALF))
    with pytest.raises(UserError, match="USD of 2022"):
        ours.with_(perspective=NHS)
    other = ours.with_(perspective=NHS, parameters={"cost.blinatumomab.vial": 1000.0})
    assert other.question.numbers["cost.blinatumomab.vial"] == 1000.0


@settings(max_examples=60)
@given(st.sampled_from(AMOUNTS), st.floats(0.0, 1e6))
def test_no_amount_is_read_as_other_money(tmp_path_factory, name, amount):
    folder = tmp_path_factory.mktemp("money")
    base = folder / "base.yaml"
    base.write_text(
        FIRST_SALVAGE.replace("what_ifs:", f"parameters: {{{name}: {amount!r}}}\nwhat_ifs:"),
        encoding="utf-8",
    )
    try:
        asked = loaded(base)
    except UserError as error:
        assert "uses no such parameter" in str(error)  # noqa: PT017
        return
    english = prepare(what_if(asked, "english", INPUTS))
    assert english.numbers[name] == CATALOGUE.perspectives[NHS].parameters[name].value
    child = folder / "child.yaml"
    child.write_text(f"title: c\nextends: base.yaml\nperspective: {NHS}\n", encoding="utf-8")
    with pytest.raises(UserError, match="USD of 2022"):
        loaded(child)
