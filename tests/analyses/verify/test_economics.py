"""Each check of costs and effects passes on shipped scenarios and fails under its fault."""

from dataclasses import replace

import pytest

from sim.analyses.verify.check import checks_of
from sim.economics.ledger import IN_HOSPITAL, Category
from tests.support.faulty_subjects import (
    DISCOUNTED,
    UNDISCOUNTED,
    added,
    amounts,
    check_named,
    faulty,
    ids,
    ledger_with,
    multiplied,
    not_a_number,
    rows,
    small_subject,
    tallied,
)

ECONOMICS = checks_of(["economics"])

N = 200
LOGS = 20


@pytest.fixture(scope="module")
def subject(ask):
    """Infusions, injections and chemotherapy; n = 200, 20 logs."""
    return small_subject(ask("blinatumomab_then_inotuzumab", patients=N), patients=N, logs=LOGS)


def is_a_payment(entry):
    return entry.start_days == entry.end_days


def is_a_late_payment(entry):
    return is_a_payment(entry) and entry.start_days > 0.0


def is_a_stream(entry):
    return not is_a_payment(entry)


def is_a_utility(entry):
    return entry.category == Category.QALY_STATE


def is_a_drug(entry):
    return entry.category == Category.DRUG and is_a_payment(entry)


def always(entry):
    del entry
    return True


def twice_in_bed(trace):
    stays = [entry for entry in trace.ledger if entry.what.startswith(IN_HOSPITAL)]
    return replace(trace, ledger=[*trace.ledger, *stays])


def in_bed_after_death(trace):
    end = trace.log[-1].time_days
    stays = [entry._replace(start_days=end, end_days=end + 1.0) for entry in trace.ledger[:1]]
    return replace(
        trace, ledger=[*trace.ledger, *(e._replace(what=f"{IN_HOSPITAL}ward") for e in stays)]
    )


def unchanged(subject):
    """Return lives under any change that are those of the scenario as it stands."""
    return lambda lives, changes: subject.lives


FAULTS = [
    (
        "full_health_makes_qalys_life_years",
        {"under": amounts(Category.QALY_STATE, multiplied(0.999))},
    ),
    ("no_utility_makes_no_qalys", {"under": amounts(Category.QALY_GVHD, added(-0.1))}),
    ("qalys_never_above_life_years", {"lives": amounts(Category.QALY_STATE, multiplied(3.0))}),
    ("lower_utilities_never_add_qalys", {"under": amounts(Category.QALY_STATE, multiplied(2.0))}),
    (
        "no_utility_above_the_norm",
        {"logs": ledger_with(lambda e: e._replace(undiscounted=2 * e.undiscounted), is_a_utility)},
    ),
    ("no_prices_make_no_costs", {"under": amounts(Category.END_OF_LIFE, added(1.0))}),
    ("doubled_prices_double_costs", {"under": amounts(Category.FOLLOW_UP, multiplied(1.01))}),
    ("doubled_prices_double_costs", {"under": amounts(Category.QALY_STATE, multiplied(2.0))}),
    ("dearer_drugs_move_drug_costs_alone", {"under": rows("horizon_days", added(1.0))}),
    ("dearer_drugs_move_drug_costs_alone", {"under": amounts(Category.TOXICITY, added(1.0))}),
    ("dearer_drugs_move_drug_costs_alone", {"under": amounts(Category.DRUG, multiplied(0.5))}),
    (
        "drugs_are_bought_by_the_vial",
        {"logs": ledger_with(lambda e: e._replace(undiscounted=1.3 * e.undiscounted), is_a_drug)},
    ),
    ("costs_are_not_negative", {"lives": amounts(Category.DRUG, multiplied(-1.0))}),
    ("costs_are_not_negative", {"lives": amounts(Category.TOXICITY, not_a_number)}),
    ("without_toxicity_it_costs_nothing", {"under": amounts(Category.TOXICITY, added(1.0))}),
    ("without_toxicity_it_costs_nothing", {"under": amounts(Category.QALY_TOXICITY, added(-0.1))}),
    ("one_bed_for_each_patient", {"logs": twice_in_bed}),
    ("one_bed_for_each_patient", {"logs": in_bed_after_death}),
    (
        "nothing_is_posted_outside_of_a_life",
        {"logs": ledger_with(lambda e: e._replace(start_days=e.start_days - 1.0), always)},
    ),
    (
        "nothing_is_posted_outside_of_a_life",
        {"logs": ledger_with(lambda e: e._replace(end_days=e.end_days + 1.0), is_a_utility)},
    ),
    ("components_add_up_to_the_totals", {"lives": tallied("sums", "cells", multiplied(1.001))}),
    (
        "payments_are_discounted_by_the_formula",
        {"logs": ledger_with(lambda e: e._replace(discounted=e.undiscounted), is_a_late_payment)},
    ),
    (
        "streams_are_discounted_by_the_integral",
        {"logs": ledger_with(lambda e: e._replace(discounted=e.undiscounted), is_a_stream)},
    ),
    ("no_rate_discounts_nothing", {"under": amounts(None, multiplied(0.99), DISCOUNTED)}),
    ("discounting_never_adds", {"lives": amounts(None, multiplied(2.0), DISCOUNTED)}),
    ("rates_change_present_values_alone", {"under": rows("horizon_days", added(1.0))}),
    (
        "rates_change_present_values_alone",
        {"under": amounts(Category.DRUG, multiplied(1.01), UNDISCOUNTED)},
    ),
    ("shorter_horizons_never_add", {"under": amounts(Category.LIFE, multiplied(100.0))}),
    ("shorter_horizons_never_add", {"under": amounts(Category.END_OF_LIFE, added(1e9))}),
]
WITHOUT_EFFECT = ("dearer_drugs_move_drug_costs_alone", "higher_rates_lower_the_totals")
"""Checks of what must move: they fail where nothing does."""


@pytest.mark.parametrize("check", [*ECONOMICS], ids=lambda check: check.name)
def test_a_sound_scenario_passes(check, subject):
    assert check.examine(subject).passed


@pytest.mark.parametrize(("name", "fault"), FAULTS, ids=ids(FAULTS))
def test_a_fault_is_found(name, fault, subject):
    assert check_named(ECONOMICS, name).examine(faulty(subject, **fault)).passed is False


@pytest.mark.parametrize("name", WITHOUT_EFFECT)
def test_a_change_without_effect_is_found(name, subject):
    planted = faulty(subject, under=unchanged(subject))
    assert check_named(ECONOMICS, name).examine(planted).passed is False


def test_every_check_has_a_fault():
    named = {name for name, _ in FAULTS} | set(WITHOUT_EFFECT)
    assert named == {check.name for check in ECONOMICS}


def test_shared_vials_are_bought_in_parts(ask):
    """Courses of chemotherapy are still whole; without a cap no utility is held to a norm."""
    question = ask(
        "first_salvage", patients=N, switches={"vial_sharing": True, "utility_age_cap": False}
    )
    subject = small_subject(question, patients=N, logs=LOGS)
    assert check_named(ECONOMICS, "drugs_are_bought_by_the_vial").examine(subject).passed
    assert check_named(ECONOMICS, "no_utility_above_the_norm").examine(subject).passed is None


def test_drugs_without_a_price_are_not_examined(ask):
    free = {
        f"cost.salvage_chemotherapy.{each}_cycle": 0.0
        for each in ("flag", "hidac", "methotrexate", "clofarabine")
    }
    question = ask("first_salvage", patients=N, parameters={**free, "cost.blinatumomab.vial": 0.0})
    subject = small_subject(question, patients=N, logs=LOGS)
    for name in ("dearer_drugs_move_drug_costs_alone", "drugs_are_bought_by_the_vial"):
        assert check_named(ECONOMICS, name).examine(subject).passed is None
