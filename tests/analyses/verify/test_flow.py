"""Each check of the flow passes on shipped scenarios and fails under the fault it is there for."""

from dataclasses import replace
from math import inf

import pytest

from sim.analyses.verify.check import checks_of
from sim.clinic.events import Cause, Event, EventKind
from sim.economics.ledger import Category
from sim.engine.outcomes import ALIVE
from tests.support.faulty_subjects import (
    added,
    amounts,
    check_named,
    faulty,
    ids,
    ledger_with,
    log_with,
    multiplied,
    one_more_in_the_first_bin,
    risen_and_fallen,
    rows,
    small_subject,
    tallied,
)

FLOW = checks_of(["flow"])

N = 200
LOGS = 20


@pytest.fixture(scope="module")
def subject(ask):
    """Sequences of two antibodies; n = 200, 20 logs."""
    return small_subject(ask("blinatumomab_then_inotuzumab", patients=N), patients=N, logs=LOGS)


def inserted(*events):
    """Return a change of logs: events right after the entry."""
    return log_with(lambda log: [log[0], *events, *log[1:]])


def is_life(entry):
    return entry.category == Category.LIFE


def other_lines(log):
    return [e._replace(line=e.line + 1) if e.kind == EventKind.LINE_STARTED else e for e in log]


def another_patient(trace):
    """Give the patients of one strategy another age."""
    if trace.strategy != "blinatumomab":
        return trace
    return replace(trace, patient=trace.patient._replace(age_years=99.0))


FAULTS = [
    ("one_end", {"logs": log_with(lambda log: [*log, log[-1]])}),
    ("one_end", {"logs": log_with(lambda log: log[:-1])}),
    ("times_never_fall", {"logs": inserted(Event(5000.0, EventKind.CD19_LOSS))}),
    ("times_never_fall", {"logs": log_with(lambda log: log[1:])}),
    ("transitions_are_possible", {"logs": inserted(Event(0.0, EventKind.RELAPSE))}),
    ("transitions_are_possible", {"logs": inserted(Event(0.0, EventKind.CHRONIC_GVHD))}),
    (
        "transitions_are_possible",
        {"logs": inserted(Event(0.0, EventKind.RESPONSE), Event(0.0, EventKind.RESPONSE))},
    ),
    ("lines_come_in_order", {"logs": log_with(other_lines)}),
    (
        "nothing_is_given_after_the_end_of_treatment",
        {"logs": inserted(Event(0.0, EventKind.TREATMENT_STOPPED, line=0))},
    ),
    (
        "states_add_up_to_the_cohort",
        {"logs": ledger_with(lambda e: e._replace(end_days=e.end_days - 1.0), is_life)},
    ),
    (
        "states_add_up_to_the_cohort",
        {"logs": ledger_with(lambda e: e._replace(category=Category.DRUG), is_life)},
    ),
    ("causes_add_up_to_the_deaths", {"lives": rows("death_days", inf)}),
    ("causes_add_up_to_the_deaths", {"lives": tallied("counts", "causes", added(1))}),
    ("the_dead_stay_dead", {"lives": tallied("counts", "deaths", one_more_in_the_first_bin)}),
    ("the_dead_stay_dead", {"lives": tallied("counts", "deaths", risen_and_fallen)}),
    ("a_lifetime_is_long_enough", {"lives": rows("cause_of_death", ALIVE)}),
    ("without_mortality_everybody_lives", {"under": amounts(Category.LIFE, multiplied(0.99))}),
    ("with_certain_death_nobody_lives", {"under": amounts(Category.LIFE, added(2.0))}),
    ("more_deaths_never_lengthen_a_life", {"under": rows("horizon_days", added(1.0))}),
    (
        "a_harmless_disease_leaves_the_life_table",
        {"under": amounts(Category.LIFE, multiplied(1.5))},
    ),
    ("without_response_there_is_no_transplant", {"under": rows("response", 1.0)}),
    ("without_response_there_is_no_transplant", {"under": rows("hct_in_remission", 1.0)}),
    ("with_certain_response_everybody_responds", {"under": rows("response", 0.0)}),
    ("without_transplant_nothing_of_it_is_left", {"under": rows("hct_ever", 1.0)}),
    (
        "without_transplant_nothing_of_it_is_left",
        {"under": rows("cause_of_death", float(Cause.TRANSPLANT))},
    ),
    (
        "without_transplant_nothing_of_it_is_left",
        {"under": amounts(Category.TRANSPLANT, added(1.0))},
    ),
    (
        "without_transplant_nothing_of_it_is_left",
        {"under": amounts(Category.QALY_GVHD, added(-0.1))},
    ),
    ("fewer_candidates_never_more_transplants", {"under": rows("hct_in_remission", 1.0)}),
    ("without_toxicity_nobody_suffers_it", {"under": rows("severe_infection", 1.0)}),
    (
        "without_toxicity_nobody_suffers_it",
        {"under": rows("cause_of_death", float(Cause.TOXICITY))},
    ),
    ("patients_are_the_same_under_each_strategy", {"logs": another_patient}),
]


@pytest.mark.parametrize("check", [*FLOW], ids=lambda check: check.name)
def test_a_sound_scenario_passes(check, subject):
    assert check.examine(subject).passed


@pytest.mark.parametrize(("name", "fault"), FAULTS, ids=ids(FAULTS))
def test_a_fault_is_found(name, fault, subject):
    assert check_named(FLOW, name).examine(faulty(subject, **fault)).passed is False


def test_every_check_has_a_fault():
    assert {name for name, _ in FAULTS} == {check.name for check in FLOW}


def test_a_horizon_of_some_years_says_how_many_are_alive_then(ask):
    subject = small_subject(ask("tower", patients=N, horizon_years=1), patients=N, logs=1)
    found = check_named(FLOW, "a_lifetime_is_long_enough").examine(subject)
    assert found.passed is None
    assert found.why.startswith("the horizon is 1 years, with ")


def test_checks_of_responses_do_not_apply_to_patients_who_enter_in_remission(ask):
    subject = small_subject(ask("mrd_positive", patients=N), patients=N, logs=1)
    assert (
        check_named(FLOW, "without_response_there_is_no_transplant").examine(subject).passed is None
    )
    assert check_named(FLOW, "transitions_are_possible").examine(subject).passed
    assert check_named(FLOW, "lines_come_in_order").examine(subject).passed


def test_what_is_switched_off_is_not_examined(ask):
    """No background mortality, no survivors' mortality, no transplant; n = 200."""
    question = ask(
        "tower",
        patients=N,
        horizon_years=5,
        switches={
            "background_mortality": False,
            "survivor_mortality_ratio": False,
            "transplant": False,
        },
    )
    subject = small_subject(question, patients=N, logs=LOGS)
    found = {check.name: check.examine(subject).passed for check in FLOW}
    assert {name for name, passed in found.items() if passed is None} == {
        "a_lifetime_is_long_enough",
        "more_deaths_never_lengthen_a_life",
        "a_harmless_disease_leaves_the_life_table",
        "fewer_candidates_never_more_transplants",
    }
    assert False not in found.values()
