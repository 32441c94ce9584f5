"""Strategies of two scenarios are alternatives only where nothing else differs but prices."""

from dataclasses import replace

import pytest

from sim.scenario.schema import Scenario, Switches
from sim.simulation.comparison import MAY_DIFFER, input_differences, not_poolable
from tests.support.places import SUPPORT

OTHER = {
    "title": "Other words",
    "description": "Other words",
    "population": "tower",
    "patients": 11,
    "seed": 12,
    "setting": "real_world",
    "study": "new",
    "perspective": "nhs_england",
    "horizon_years": 5,
    "discounting": {"costs": 0.01, "effects": 0.01},
    "thresholds": [12_345.0],
    "comparator": "blinatumomab",
    "strategies": [{"name": "i", "sequence": ["inotuzumab"], "then": "supportive_care"}],
    "parameters": {"utility.on_treatment": 0.4},
    "life_table": "uk_2017_2019",
    "subgroups": {"sex": True},
    "catalogue": [str(SUPPORT / "own_catalogue.yaml")],
    "budget": {"first_year": 2026, "patients_per_year": 10, "uptake": {"blinatumomab": 0.5}},
    "capacity": {"transplant_beds": 7},
    "what_ifs": {"whole_life": {"horizon_years": 20}},
}
"""Another value of every key but the switches."""
OTHER_SWITCHES = {
    "background_mortality": False,
    "benefit_after_stopping": False,
    "benefit_fades_from_years": 2.0,
    "benefit_fades_to_years": 5.0,
    "cure_point_years": 3.0,
    "relapse_distribution": "weibull",
    "toxicity": False,
    "transplant": False,
    "survivor_mortality_ratio": False,
    "utility_age_cap": False,
    "vial_sharing": True,
}


def asked(ask, **changes):
    """Ask the main question with a horizon, without which background mortality cannot be off."""
    return ask("first_salvage", **{"patients": 10, "horizon_years": 20, **changes})


@pytest.mark.parametrize("key", sorted(set(Scenario.model_fields) - {"switches"}))
def test_no_key_of_a_scenario_may_differ_unless_it_is_said(ask, key):
    """Every key of the schema: a new one fails here until it has another value above."""
    changes = {key: OTHER[key]}
    found = not_poolable([asked(ask), asked(ask, **changes)])
    if key in MAY_DIFFER:
        assert found == ()
    else:
        expected = "utility.on_treatment" if key == "parameters" else key
        assert any(name == expected or name.startswith(f"{expected}.") for name in found), found


@pytest.mark.parametrize("switch", sorted(Switches.model_fields))
def test_no_switch_may_differ(ask, switch):
    changes = {"switches": {switch: OTHER_SWITCHES[switch]}}
    if switch == "benefit_fades_to_years":
        changes["switches"]["benefit_fades_from_years"] = 2.0
    found = not_poolable([asked(ask), asked(ask, **changes)])
    assert f"switches.{switch}" in found


class _Grown(Scenario):
    """A scenario as it may become one day."""

    bed_days_are_shared: bool = False


def test_a_key_that_nobody_has_thought_of_may_not_differ(ask):
    question = asked(ask)
    dumped = question.scenario.model_dump(exclude={"what_ifs"})
    questions = [
        replace(
            question,
            loaded=replace(
                question.loaded, scenario=_Grown(**dumped, bed_days_are_shared=is_shared)
            ),
        )
        for is_shared in (False, True)
    ]
    assert not_poolable(questions[:1] * 2) == ()
    assert not_poolable(questions) == ("bed_days_are_shared",)


def test_every_number_that_both_use_must_be_the_same_but_prices(ask):
    """Each of the numbers in turn is 1 % higher in one of the two questions."""
    question = asked(ask)
    for name in sorted(question.used):
        moved = replace(
            question, numbers={**question.numbers, name: 1.01 * question.numbers[name] + 1e-6}
        )
        found = not_poolable([question, moved])
        if name.startswith("cost."):
            assert found == (), name
        else:
            assert name in found, name


def test_numbers_that_only_one_of_them_uses_do_not_matter(ask):
    strategies = [
        {
            "name": "salvage_chemotherapy",
            "sequence": ["salvage_chemotherapy"],
            "then": "usual_care",
        },
        {"name": "ino", "sequence": ["inotuzumab"], "then": "usual_care"},
    ]
    parameters = {"inotuzumab.response.complete_share": 0.5}
    with_inotuzumab = asked(ask, strategies=strategies, parameters=parameters)
    assert "inotuzumab.response.complete_share" in with_inotuzumab.used
    assert not_poolable([asked(ask), with_inotuzumab]) == ()


def test_comparator_counts_where_the_benefit_of_the_others_is_measured_by_it(ask):
    """Off, what is left of a remission when a regimen ends lasts as under the comparator."""
    off = {"switches": {"benefit_after_stopping": False}}
    one, other = asked(ask, **off), asked(ask, **off, comparator="blinatumomab")
    assert not_poolable([one, other]) == ("comparator",)


def test_life_tables_are_compared_by_what_they_hold(ask, tmp_path):
    """Two files of one name are two tables, and the same table in two files is one."""
    paths = []
    for folder, rate in (("a", 0.01), ("b", 0.01), ("c", 0.02)):
        (tmp_path / folder).mkdir()
        paths.append(tmp_path / folder / "table.csv")
        paths[-1].write_text(f"age,mx_male,mx_female\n18,{rate},{rate}\n85,0.2,0.2\n")
    same, again, another = (asked(ask, life_table=str(path)) for path in paths)
    assert not_poolable([same, again]) == ()
    assert not_poolable([same, another]) == ("life_table",)
    (difference,) = input_differences([same, another])
    assert all(str(value).startswith("table.csv (sha256 ") for value in difference.values)
    assert len(set(difference.values)) == 2
    assert not_poolable([asked(ask), asked(ask, life_table="us_2019")]) == ()


def test_order_of_the_scenarios_does_not_matter(ask):
    questions = [
        asked(ask),
        asked(ask, life_table="uk_2017_2019"),
        asked(ask, setting="real_world"),
    ]
    assert set(not_poolable(questions)) == set(not_poolable(questions[::-1]))
    assert {"life_table", "setting"} <= set(not_poolable(questions))
