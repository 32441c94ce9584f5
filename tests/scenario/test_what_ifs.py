"""A what-if is the scenario with some keys changed, and its mistakes are named where they stand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sim.analyses.what_if.analysis import AS_IT_STANDS, scenario_matrix
from sim.catalog import load_catalogue
from sim.errors import UserError
from sim.scenario.authoring import listing
from sim.scenario.loading import changed_scenario, load_scenario, what_if
from sim.scenario.schema import Scenario, WhatIf
from sim.simulation.provenance import fingerprint
from sim.simulation.question import ask, prepare
from sim.simulation.run import run
from sim.simulation.summary import summarise
from tests.support.places import SCENARIOS

CATALOGUE = load_catalogue()
GOOD = """\
extends: {base}
parameters: {{cost.inpatient_day: 2500}}
what_ifs:
  cheaper:
    label: Vial at half its price
    factors: {{cost.blinatumomab.vial: 0.5, cost.inpatient_day: 2}}
  more_candidates:
    shifts: {{candidacy.baseline_logit: 0.5}}
    parameters: {{cost.follow_up_per_month: 7}}
  short_and_cured:
    horizon_years: 10
    switches: {{cure_point_years: 3}}
"""


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def load(text=GOOD, old="", new=""):
    assert not old or text.count(old) == 1
    path = Path("question.yaml")
    path.write_text(text.replace(old, new).format(base=SCENARIOS / "tower.yaml"))
    return load_scenario(path, CATALOGUE)


def complaint(old, new):
    with pytest.raises(UserError) as caught:
        load(old=old, new=new)
    return str(caught.value)


def test_a_what_if_changes_what_it_says_and_nothing_else():
    loaded = load()
    base = loaded.scenario
    changed = what_if(loaded, "short_and_cured", CATALOGUE).scenario
    assert changed.horizon_years == 10.0
    assert changed.switches.cure_point_years == 3.0
    assert changed.switches.toxicity is base.switches.toxicity
    same = {"horizon_years", "switches", "what_ifs"}
    assert changed.model_dump(exclude=same) == base.model_dump(exclude=same)


def test_factors_multiply_the_scenarios_own_value_and_shifts_are_added():
    loaded = load()
    cheaper = what_if(loaded, "cheaper", CATALOGUE).scenario.numbers
    vial = CATALOGUE.perspectives["us_payer_2022"].parameters["cost.blinatumomab.vial"].value
    assert cheaper == {"cost.blinatumomab.vial": 0.5 * vial, "cost.inpatient_day": 5000.0}
    more = what_if(loaded, "more_candidates", CATALOGUE).scenario.numbers
    assert more["candidacy.baseline_logit"] == (
        CATALOGUE.clinical["candidacy.baseline_logit"].value + 0.5
    )
    assert more["cost.follow_up_per_month"] == 7.0


def test_a_what_if_may_change_every_key_that_leaves_the_patients_the_same():
    kept = {
        *("title", "catalogue", "patients", "seed", "comparator", "subgroups", "what_ifs"),
        # They do not change what happens to a patient alone.
        *("budget", "capacity"),
    }
    own = {"label", "factors", "shifts"}
    assert set(WhatIf.model_fields) - own == set(Scenario.model_fields) - kept


def test_what_ifs_are_inherited_and_can_be_added_to():
    loaded = load()
    inherited = load_scenario(SCENARIOS / "tower.yaml", CATALOGUE).scenario.what_ifs
    assert list(loaded.scenario.what_ifs) == [
        *inherited,
        "cheaper",
        "more_candidates",
        "short_and_cured",
    ]


def test_an_inherited_what_if_is_taken_out_by_null():
    text = GOOD + "  nhs_england: null\n  unheard_of: {{}}\n"
    kept = load(text=text).scenario.what_ifs
    assert "nhs_england" not in kept
    assert {"cheaper", "unheard_of", "no_toxicity"} <= set(kept)


def test_null_takes_out_nothing_that_is_not_there():
    with pytest.raises(UserError, match="what_ifs.nhs_ingland"):
        load(text=GOOD + "  nhs_ingland: null\n")


def test_a_parameter_that_another_perspective_has_not_is_left_out_of_its_what_if():
    """``norm.age_35`` and the dollars are of the United States; the what-if asks for England."""
    loaded = load(
        old="parameters: {{cost.inpatient_day: 2500}}",
        new="parameters: {{cost.inpatient_day: 2500, norm.age_35: 0.9}}",
    )
    assert loaded.scenario.numbers["norm.age_35"] == 0.9
    english = what_if(loaded, "nhs_england", CATALOGUE).scenario
    assert english.parameters == {}
    assert what_if(loaded, "cheaper", CATALOGUE).scenario.numbers["norm.age_35"] == 0.9


def test_a_parameter_that_a_what_if_itself_sets_must_be_one_that_it_uses():
    text = GOOD + "  english:\n    perspective: nhs_england\n    parameters: {{norm.age_35: 0.9}}\n"
    with pytest.raises(UserError, match=r"what_ifs\.english\.parameters\.norm\.age_35"):
        load(text=text)


def test_what_ifs_do_not_change_the_identity_of_the_answer():
    loaded = load()
    without = load(text=GOOD[: GOOD.index("what_ifs:")])
    prints = [fingerprint(prepare(one, patients=10, seed=1)) for one in (loaded, without)]
    assert prints[0] == prints[1]


def test_what_is_shown_asks_the_same_what_ifs():
    loaded = load()
    Path("shown.yaml").write_text(listing(loaded))
    shown = load_scenario(Path("shown.yaml"), CATALOGUE)
    assert shown.scenario.what_ifs == loaded.scenario.what_ifs


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        (
            "horizon_years: 10",
            "horizon: 10",
            11,
            ("short_and_cured.horizon: unknown key", "horizon_years"),
        ),
        ("horizon_years: 10", "patients: 10", 11, ("short_and_cured.patients: unknown key",)),
        (
            "horizon_years: 10",
            "horizon_years: -1",
            11,
            ("short_and_cured.horizon_years", "(got -1)"),
        ),
        (
            "cure_point_years: 3",
            "background_mortality: false}}\n    switches_: {{x: 1",
            13,
            ("short_and_cured.switches_: unknown key",),
        ),
        (
            "cost.blinatumomab.vial: 0.5",
            "cost.blinatumomab.phial: 0.5",
            6,
            ("factors.cost.blinatumomab.phial", "did you mean 'cost.blinatumomab.vial'?"),
        ),
        (
            "cost.blinatumomab.vial: 0.5",
            "cost.blinatumomab.vial: 0",
            6,
            ("factors.cost.blinatumomab.vial: must be above 0 (got 0)",),
        ),
        (
            "candidacy.baseline_logit: 0.5",
            "utility.on_treatment: 2",
            8,
            ("more_candidates.shifts.utility.on_treatment", "at most 1"),
        ),
        (
            "cost.follow_up_per_month: 7",
            "cost.follow_up: 7",
            9,
            ("more_candidates.parameters.cost.follow_up", "did you mean"),
        ),
        ("label: Vial at half its price", "label: 3", 5, ("cheaper.label: must be text (got 3)",)),
        (
            "    horizon_years: 10",
            "    perspective: nhs",
            11,
            ("short_and_cured.perspective: no such perspective (got 'nhs')",),
        ),
        (
            "    horizon_years: 10",
            "    life_table: none.csv",
            11,
            ("short_and_cured.life_table", "no such file"),
        ),
    ],
)
def test_a_mistake_is_named_with_its_place(old, new, line, says):
    message = complaint(old, new)
    assert message.startswith(f"question.yaml:{line}: what_ifs.")
    for text in says:
        assert text in message


def test_a_rule_across_keys_holds_for_a_what_if():
    message = complaint(
        "horizon_years: 10\n",
        "switches: {{background_mortality: false}}\n    thresholds: [1]\n  other:\n",
    )
    assert "what_ifs.short_and_cured.switches.background_mortality: can only be off" in message


def test_other_strategies_must_keep_their_names():
    message = complaint(
        "horizon_years: 10",
        "strategies:\n"
        "      - {{name: blinatumomab, sequence: [blinatumomab], then: usual_care}}\n"
        "      - {{name: salvage_chemotherapy, sequence: [salvage_chemotherapy], then: usual_care}}",
    )
    assert "short_and_cured.strategies: must keep the names and the order" in message


def test_a_changed_scenario_that_cannot_be_is_refused():
    loaded = load()
    with pytest.raises(UserError, match="can only be off when horizon_years"):
        changed_scenario(loaded, {"switches": {"background_mortality": False}}, CATALOGUE)


# The matrix: n = 400 patients, seed 1.


@pytest.fixture(scope="module")
def matrix():
    return scenario_matrix(ask(SCENARIOS / "first_salvage.yaml", patients=400)).run()


def test_every_what_if_is_answered_after_the_scenario_as_it_stands(matrix):
    names = [column.name for column in matrix.columns]
    assert names == [AS_IT_STANDS, *matrix.question.scenario.what_ifs]
    assert matrix.base.gains[0].changes == {}


def test_an_answer_is_that_of_a_run_of_its_own(matrix):
    question = matrix.question
    for name in ("nhs_england", "vial_price_50_less", "real_world"):
        (column,) = [column for column in matrix.columns if column.name == name]
        asked = prepare(what_if(question.loaded, name, CATALOGUE))
        asked = replace(asked, patients=400, seed=question.seed)
        (comparison,) = summarise(run(asked)).comparisons
        (gain,) = column.gains
        assert gain.increment == comparison.increment
        assert gain.nmb == comparison.nmb[column.threshold]


def test_a_change_is_the_difference_of_the_two_answers(matrix):
    # Sums in another order: 1e-9 relative.
    base = matrix.base.gains[0]
    for column in matrix.columns[1:]:
        (gain,) = column.gains
        for name, change in gain.changes.items():
            there, here = (
                (each.nmb if name == "nmb" else getattr(each.increment, name)).mean
                for each in (base, gain)
            )
            assert change.mean == pytest.approx(here - there, rel=1e-9, abs=1e-9)


def test_money_of_another_country_is_not_compared(matrix):
    (column,) = [column for column in matrix.columns if column.name == "nhs_england"]
    assert column.currency == "GBP"
    assert set(column.gains[0].changes) == {"qalys", "life_years"}


def test_a_what_if_that_changes_prices_alone_changes_no_life(matrix):
    (column,) = [column for column in matrix.columns if column.name == "vial_price_25_less"]
    (gain,) = column.gains
    assert gain.changes["qalys"] == gain.changes["life_years"] == (0.0, 0.0)
    assert gain.changes["cost"].mean < 0.0


def test_a_scenario_without_what_ifs_is_refused():
    Path("alone.yaml").write_text(
        (SCENARIOS / "first_salvage.yaml").read_text().partition("what_ifs:")[0]
    )
    with pytest.raises(UserError, match=r"alone.yaml: what_ifs: has no what-ifs"):
        scenario_matrix(ask(Path("alone.yaml"), patients=10))
