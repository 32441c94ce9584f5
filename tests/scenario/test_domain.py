"""The domain of the model: what its parameters may be together, checked wherever a value comes from."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.analyses.shared.ranges import range_of
from sim.analyses.tornado.analysis import tornado
from sim.catalog import load_catalogue
from sim.catalog.posterior import load_posterior
from sim.catalog.values import UNITS
from sim.cli import commands
from sim.errors import UserError
from sim.scenario.domain import AtMost, SomeShare, allowed_interval, settle
from sim.simulation.parameter_draws import draw_parameters
from sim.simulation.parameter_sets import run_sets
from sim.simulation.question import ask as read_question
from sim.simulation.question import with_numbers
from sim.simulation.run import run
from sim.simulation.tally import CATEGORIES, CATEGORY_COLUMNS, is_impossible
from tests.conftest import BASES, SCENARIOS

STAY = "hospital.salvage_chemotherapy.first_cycle_days"
CATALOGUE = load_catalogue()


def broken(question):
    """The rules that the question's numbers break."""
    return [
        rule.problem(question.numbers) for rule in question.rules if rule.problem(question.numbers)
    ]


@pytest.mark.parametrize("name", sorted(path.stem for path in SCENARIOS.glob("*.yaml")))
def test_every_shipped_scenario_keeps_every_rule(name):
    question = read_question(SCENARIOS / f"{name}.yaml")
    assert len(question.rules) > 40
    assert broken(question) == []


def test_every_draw_of_the_posterior_is_within_its_unit():
    posterior = load_posterior()
    known = {parameter.name: parameter for parameter in CATALOGUE.parameters()}
    checked = 0
    for name in posterior.columns:
        if name in known:
            checked += 1
            for value in (float(posterior[name].min()), float(posterior[name].max())):
                assert known[name].check(value) is None, name
    assert checked > 30


REFUSED = {
    "an_empty_vial": ({"blinatumomab.vial_mcg": 0}, "blinatumomab.vial_mcg"),
    "an_empty_vial_of_another_drug": ({"cost.inotuzumab.vial_mg": 0}, "vial_mg"),
    "a_bag_of_no_time": ({"hospital.blinatumomab.bag_hours": 1e-9}, "bag_hours"),
    "fatal_and_life_threatening_beyond_all": (
        {"toxicity.crs.stop_share": 0.9, "toxicity.crs.grade_5_share": 0.9},
        "toxicity.crs.stop_share + toxicity.crs.grade_5_share must be at most 1",
    ),
    "mild_and_severe_beyond_all": (
        {
            "blinatumomab.infection.mild_probability": 0.9,
            "blinatumomab.infection.severe_probability": 0.2,
        },
        "must be at most 1",
    ),
    "a_later_cycle_beyond_all": (
        {"salvage_chemotherapy.infection.later_cycle_ratio": 5},
        "times salvage_chemotherapy.infection.later_cycle_ratio, must be at most 1",
    ),
    "a_median_below_the_minimum": ({"population.age_median_years": 17}, "age_minimum_years"),
    "a_child": ({"population.age_minimum_years": 12}, "the model is of adults"),
    "a_patient_dosed_by_surface": ({"population.weight_minimum_kg": 40}, "dosed by body surface"),
    "a_stay_beyond_its_cycle": ({STAY: 29}, f"{STAY} must be at most"),
    "an_infusion_beyond_its_cycle": (
        {"blinatumomab.schedule.infusion_days": 60},
        "blinatumomab.schedule.infusion_days must be at most",
    ),
    "an_infusion_of_no_time": (
        {"blinatumomab.schedule.infusion_days": 0, "blinatumomab.schedule.step_days": 0},
        "blinatumomab.schedule.infusion_days of a continuous infusion must be at least 0.04",
    ),
    "doses_beyond_their_cycle": ({"inotuzumab.dose.days_between": 20}, "2 times"),
    "no_share_of_the_mix": (
        {
            f"salvage_chemotherapy.mix.{share}_share": 0
            for share in ("flag", "hidac", "methotrexate", "clofarabine")
        },
        "must be above 0",
    ),
    "heights_below_zero": ({"population.height_male_sd_cm": 60}, "9 times"),
    "gvhd_that_ends_before_it_begins": ({"transplant.chronic_gvhd_last_day": 50}, "early_days"),
    "a_state_worse_than_the_worst": (
        {"utility.relapsed_refractory": -0.9, "decrement.acute_gvhd": 0.5},
        "must be at least -1",
    ),
    "norms_that_are_no_utilities": ({"norm.age_75": -1.0}, "a utility of -1"),
    "prior_transplant_and_refractory": (
        {
            "population.prior_hct_probability": 0.8,
            "population.primary_refractory_probability": 0.5,
        },
        "must be at most 1",
    ),
    "more_cycles_than_keys": (
        {
            "blinatumomab.schedule.induction_cycles": 20,
            "blinatumomab.schedule.consolidation_cycles": 20,
            "blinatumomab.schedule.maintenance_cycles": 25,
        },
        "maintenance_cycles",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("command", ["check", "run"])
def test_values_outside_the_domain_are_refused_by_check_and_run_alike(case, command, tmp_path):
    given_values, words = REFUSED[case]
    base = "blinatumomab_then_inotuzumab"
    lines = "".join(f"  {name}: {value}\n" for name, value in given_values.items())
    path = tmp_path / "question.yaml"
    text = f"title: t\nextends: {SCENARIOS}/{base}.yaml\npatients: 20\nparameters:\n{lines}"
    path.write_text(text, encoding="utf-8")
    result = CliRunner().invoke(commands, [command, str(path)])
    assert result.exit_code == 2, result.output
    assert words in result.output
    assert str(path) in result.output


def test_a_what_if_that_leaves_the_domain_is_refused(tmp_path):
    path = tmp_path / "question.yaml"
    text = (
        f"extends: {SCENARIOS}/first_salvage.yaml\nwhat_ifs:\n  long: {{shifts: {{{STAY}: 19}}}}\n"
    )
    path.write_text(f"title: t\n{text}", encoding="utf-8")
    with pytest.raises(UserError, match=r"what_ifs\.long\.shifts.*must be at most"):
        read_question(path)


@pytest.mark.parametrize("name", BASES)
def test_the_interval_of_every_parameter_lies_in_the_domain(name):
    question = read_question(SCENARIOS / f"{name}.yaml", patients=10)
    for parameter in sorted(question.used):
        try:
            found = range_of(question, parameter)
        except UserError as error:
            assert "has no range" in str(error)  # noqa: PT017
            continue
        for value in (found.low, found.high):
            assert question.parameters[parameter].check(value) is None, parameter
            assert broken(with_numbers(question, {parameter: value})) == [], parameter


@cache
def main_question():
    return read_question(SCENARIOS / "first_salvage.yaml", patients=10)


@settings(max_examples=200)
@given(st.data())
def test_inside_the_allowed_interval_no_rule_breaks_and_outside_one_does(data):
    question = main_question()
    names = sorted({name for rule in question.rules for name in rule.names})
    name = data.draw(st.sampled_from(names))
    parameter = question.parameters[name]
    low, high = allowed_interval(parameter, question.rules, question.numbers)
    unit = UNITS[parameter.unit]
    assert unit.low <= low <= question.numbers[name] <= high <= unit.high
    linear = [r for r in question.rules if name in r.names and not isinstance(r, SomeShare)]
    for share in (0.0, data.draw(st.floats(0.0, 1.0)), 1.0):
        numbers = {**question.numbers, name: low + share * (high - low)}
        assert all(rule.problem(numbers) is None for rule in linear)
    for outside, limit in (
        (low - 1e-3 * (1 + abs(low)), unit.low),
        (high * 1.001 + 1e-3, unit.high),
    ):
        numbers = {**question.numbers, name: outside}
        beyond_unit = outside < limit if limit == unit.low else outside > limit
        assert beyond_unit or any(rule.problem(numbers) for rule in linear)


@settings(max_examples=200)
@given(
    st.lists(st.tuples(*[st.floats(0.0, 1.0)] * 3), min_size=1, max_size=5),
    st.floats(0.0, 1.0),
)
def test_settled_draws_keep_every_rule_and_others_stay_as_they_are(rows, fixed):
    shares = AtMost({"a": 1.0, "b": 1.0, "fixed": 1.0}, 1.0, "shares")
    order = AtMost({"c": 1.0, "a": -1.0}, 0.0, "order")
    columns = {
        name: np.array(each) for name, each in zip("abc", zip(*rows, strict=True), strict=True)
    }
    settled = settle(columns, (shares, order), {"fixed": fixed})
    for place, before in enumerate(rows):
        after = {name: float(values[place]) for name, values in settled.items()}
        after["fixed"] = fixed
        assert shares.problem(after) is None
        assert order.problem(after) is None
        kept = {**dict(zip("abc", before, strict=True)), "fixed": fixed}
        if shares.problem(kept) is None and order.problem(kept) is None:
            for name, value in zip("abc", before, strict=True):
                assert after[name] == pytest.approx(value, rel=1e-8, abs=1e-9)


def test_draws_of_a_question_keep_every_rule():
    question = read_question(SCENARIOS / "first_salvage.yaml", patients=10)
    drawn = draw_parameters(question, 300, 1)
    for row in drawn.to_dict("records"):
        numbers = {**question.numbers, **row}
        assert [rule.problem(numbers) for rule in question.rules if rule.problem(numbers)] == []


def test_the_bar_of_the_first_stay_is_at_most_what_can_be_charged():
    """So many days more at the price of a day, discounted by nothing yet, and no more than that."""
    question = read_question(SCENARIOS / "first_salvage.yaml", patients=300)
    highest = range_of(question, STAY).high
    assert highest < 28.0
    found = tornado(question, outcome="cost", strategy="blinatumomab").run()
    (bar,) = [bar for bar in found.bars if bar.name == STAY]
    day = question.numbers["cost.inpatient_day"]
    planned = question.numbers[STAY]
    longest = (highest - planned) * day
    assert -longest <= bar.ends[1].change.mean < 0.0
    assert 0.0 < bar.ends[0].change.mean <= (planned - bar.ends[0].value) * day


def test_a_run_with_an_impossible_amount_names_patient_strategy_and_category(ask):
    question = ask("first_salvage", patients=50)
    wrong = replace(question, numbers={**question.numbers, "cost.end_of_life": -1e9})
    for engine in ("core", "reference"):
        with pytest.raises(UserError) as error:
            run(wrong, engine=engine)
        text = str(error.value)
        assert "patient 2 under 'salvage_chemotherapy' has cost.end_of_life -1e+09" in text


def test_a_run_with_more_qalys_than_life_years_is_refused(ask):
    question = ask("first_salvage", patients=20, switches={"utility_age_cap": False})
    utilities = {name: 1.5 for name in question.numbers if name.startswith("utility.")}
    wrong = replace(question, numbers={**question.numbers, **utilities})
    for engine in ("core", "reference"):
        with pytest.raises(UserError, match=r"QALYs in .* life-years"):
            run(wrong, engine=engine)


def test_parameter_sets_outside_a_unit_are_refused(ask):
    question = ask("first_salvage", patients=20)
    for value in (0.0, math.nan, math.inf, -5.0):
        with pytest.raises(UserError, match=r"blinatumomab\.vial_mcg"):
            list(run_sets(question, [{"blinatumomab.vial_mcg": value}]))


AMOUNTS = np.zeros((2, CATEGORY_COLUMNS))
AMOUNTS[:, -1] = 1.0


@pytest.mark.parametrize("value", [-1e-9, math.nan, math.inf])
@pytest.mark.parametrize("kind", [0, 1])
def test_no_cost_is_negative_or_not_a_number(value, kind):
    wrong = AMOUNTS.copy()
    wrong[kind, 0] = value
    assert is_impossible(wrong, 0.0, 10.0)
    assert not is_impossible(AMOUNTS, 0.0, 10.0)


def test_no_patient_has_more_days_in_hospital_than_days_alive():
    assert not is_impossible(AMOUNTS, 10.0, 10.0)
    assert is_impossible(AMOUNTS, 10.1, 10.0)
    assert is_impossible(AMOUNTS, math.nan, 10.0)


def test_no_patient_has_more_qalys_than_life_years():
    wrong = AMOUNTS.copy()
    wrong[1, [category.name for category in CATEGORIES].index("QALY_STATE")] = 1.01
    assert is_impossible(wrong, 0.0, 10.0)
