"""Each check of the inputs passes on shipped scenarios and fails under the fault it is there for."""

from dataclasses import replace

import pytest

from sim.analyses.verify import inputs
from sim.analyses.verify.check import checks_of
from sim.catalog.distribution import Normal
from sim.catalog.values import UNITS
from sim.economics.ledger import Category
from tests.support.faulty_subjects import (
    added,
    amounts,
    check_named,
    entry_with,
    faulty,
    ids,
    multiplied,
    numbers,
    rows,
    small_subject,
    sources_with,
)

INPUTS = checks_of(["inputs"])

N = 200
LOGS = 5


@pytest.fixture(scope="module")
def subject(ask):
    """Both antibodies, one of them dosed by body surface; n = 200."""
    return small_subject(ask("blinatumomab_then_inotuzumab", patients=N), patients=N, logs=LOGS)


def is_assumed(entry):
    return entry.status == "assumption"


def is_uncertain(entry):
    return entry.distribution.family != "fixed"


def is_a_probability(entry):
    return entry.unit == "probability"


def is_converted(entry):
    return entry.currency is not None and entry.value != entry.amount


def lost(sources, question):
    """Lose year and address of a published source of a number."""
    key = next(
        key
        for name in sorted(question.used)
        for key in question.parameters[name].sources
        if sources[key].kind == "article"
    )
    return sources | {key: sources[key].model_copy(update={"year": None, "doi": None})}


def idle(sources, question):
    del question
    return sources | {"idle_2020": next(iter(sources.values()))}


def dearer_when_shared(lives, changes):
    shared = changes.get("switches", {}).get("vial_sharing", False)
    return amounts(Category.DRUG, multiplied(3.0 if shared else 1.0))(lives)


def accepted(*_):
    return None


FAULTS = [
    ("numbers_have_an_origin", {"question": entry_with(lambda _: True, place=" ")}),
    ("numbers_have_an_origin", {"question": entry_with(lambda _: True, sources=())}),
    ("numbers_have_an_origin", {"question": entry_with(lambda _: True, unit="stone")}),
    (
        "numbers_have_an_origin",
        {"question": entry_with(is_assumed, derivation=None, note=None)},
    ),
    ("sources_can_be_found", {"question": sources_with(lost)}),
    ("no_source_is_idle", {"question": sources_with(idle)}),
    (
        "numbers_are_within_their_units",
        {"question": numbers(utility__complete_remission=1.2)},
    ),
    ("numbers_are_within_their_units", {"question": numbers(cost__end_of_life=-1.0)}),
    (
        "shares_of_one_whole_fit_in_it",
        {"question": numbers(toxicity__crs__stop_share=0.9, toxicity__crs__grade_5_share=0.2)},
    ),
    (
        "shares_of_one_whole_fit_in_it",
        {
            "question": numbers(
                inotuzumab__infection__severe_probability=1.0,
                inotuzumab__infection__mild_probability=0.1,
            )
        },
    ),
    (
        "numbers_fit_together",
        {"question": numbers(population__age_minimum_years=60.0)},
    ),
    (
        "values_lie_in_their_ranges",
        {"question": entry_with(is_uncertain, stated_range=(-9.0, -8.0))},
    ),
    (
        "values_are_near_their_centres",
        {"question": entry_with(is_uncertain, value=lambda e: e.distribution.quantile(0.9))},
    ),
    (
        "distributions_stay_within_their_units",
        {"question": entry_with(is_a_probability, distribution=Normal(0.5, 0.5))},
    ),
    (
        "money_follows_the_price_index",
        {"question": entry_with(is_converted, value=lambda e: 1.01 * e.value)},
    ),
    ("misspelt_keys_are_refused", {"asked": accepted}),
    ("impossible_numbers_are_refused", {"asked": accepted}),
    ("heavier_patients_need_no_less", {"under": amounts(Category.DRUG, multiplied(0.9))}),
    ("shared_vials_are_never_dearer", {"under": dearer_when_shared}),
    ("higher_odds_keep_every_response", {"under": rows("response", 0.0)}),
    ("higher_hazards_lengthen_no_life", {"under": rows("horizon_days", added(1.0))}),
]


@pytest.mark.parametrize("check", [*INPUTS], ids=lambda check: check.name)
def test_a_sound_scenario_passes(check, subject):
    assert check.examine(subject).passed


@pytest.mark.parametrize(("name", "fault"), FAULTS, ids=ids(FAULTS))
def test_a_fault_is_found(name, fault, subject):
    assert check_named(INPUTS, name).examine(faulty(subject, **fault)).passed is False


def test_a_wrong_calendar_is_found(subject, monkeypatch):
    monkeypatch.setattr(inputs, "DAYS_PER_MONTH", 30.0)
    assert check_named(INPUTS, "calendars_agree").examine(subject).passed is False


def test_every_check_has_a_fault():
    named = {name for name, _ in FAULTS}
    named |= {"calendars_agree", "extreme_values_give_possible_results"}
    assert named == {check.name for check in INPUTS}


def test_a_number_outside_of_its_unit_is_named(subject):
    planted = faulty(subject, question=numbers(utility__complete_remission=1.2))
    why = check_named(INPUTS, "numbers_are_within_their_units").examine(planted).why
    assert why == "utility.complete_remission is 1.2"


def test_at_most_three_faults_are_named(subject):
    planted = faulty(
        subject,
        question=numbers(
            cost__end_of_life=-1.0,
            cost__transplant=-1.0,
            cost__acute_gvhd=-1.0,
            cost__inpatient_day=-1.0,
        ),
    )
    found = check_named(INPUTS, "numbers_are_within_their_units").examine(planted)
    assert found.observed.startswith("4 of ")
    assert found.why == "cost.acute_gvhd is -1, cost.end_of_life is -1, cost.inpatient_day is -1, …"


def test_what_a_scenario_has_not_does_not_apply(ask):
    """Chemotherapy alone: nothing is dosed by body surface, and nothing comes in vials; n = 200."""
    alone = [{"name": "chemotherapy", "sequence": ["salvage_chemotherapy"], "then": "usual_care"}]
    question = ask("nhs_first_salvage", patients=N, strategies=alone)
    subject = small_subject(question, patients=N, logs=LOGS)
    for name in (
        "heavier_patients_need_no_less",
        "shared_vials_are_never_dearer",
        "money_follows_the_price_index",
    ):
        found = check_named(INPUTS, name).examine(subject)
        assert found.passed is None
        assert found.why


def test_extreme_values_that_cannot_be_are_named(ask, monkeypatch):
    """A unit whose limits are too wide: utilities up to 2, not capped by norms; n = 200."""
    question = ask("tower", patients=N, switches={"utility_age_cap": False})
    subject = small_subject(question, patients=N, logs=1)
    monkeypatch.setitem(UNITS, "utility", replace(UNITS["utility"], high=2.0))
    found = check_named(INPUTS, "extreme_values_give_possible_results").examine(subject)
    assert found.observed.startswith("6 of ")
    assert found.why.startswith("utility.after_transplant = 2, utility.complete_remission = 2, ")
    assert found.passed is False
