"""Each check of uncertainty passes on the main scenario and fails under a fault made for it."""

from dataclasses import replace

import numpy as np
import pytest

from sim.analyses.verify import uncertainty
from sim.analyses.verify.check import Subject, checks_of
from sim.analyses.verify.uncertainty import drawn, drawn_names, psa
from sim.catalog.distribution import Fixed, Lognormal, Normal
from sim.economics.estimates import Estimate
from sim.simulation.question import ask, with_numbers
from tests.support.faulty_lives import examined, names_of
from tests.support.places import SCENARIOS

UNCERTAINTY = checks_of(["uncertainty"])

SHARE = "blinatumomab.response.complete_share"
COST = "cost.inpatient_day"


def with_draws(**changes):
    """Return a fault in the draws of inputs, by name with two underscores for a dot."""

    def fault(patch, subject):
        table = drawn(subject).copy()
        for name, change in changes.items():
            column = name.replace("__", ".")
            table[column] = change(table[column].to_numpy())
        patch.setattr(uncertainty, "drawn", lambda _: table)

    return fault


def an_input_is_left_out(patch, subject):
    table = drawn(subject).drop(columns=COST)
    patch.setattr(uncertainty, "drawn", lambda _: table)


def with_distribution(name, distribution):
    """Return a fault in the catalogue entry of an input."""

    def fault(patch, subject):
        question = subject.question
        wrong = replace(question.parameters[name], distribution=distribution)
        patch.setattr(
            subject,
            "question",
            replace(question, parameters={**question.parameters, name: wrong}),
        )

    return fault


def base_values_keep_what_came_before(patch, subject):
    right = uncertainty.run_sets
    patch.setattr(
        uncertainty,
        "run_sets",
        lambda question, sets, **named: right(question, [*sets[:-1], sets[-2]], **named),
    )


def acceptability_of_the_best_alone(patch, subject):
    right = uncertainty.ceac
    patch.setattr(uncertainty, "ceac", lambda *given: 0.9 * right(*given))


def information_of_the_worst(patch, subject):
    right = uncertainty.evpi

    def evpi(*given):
        return Estimate(-right(*given).mean, 0.0)

    patch.setattr(uncertainty, "evpi", evpi)


def frontier_of_the_first_strategy(patch, subject):
    right = uncertainty.ceaf
    patch.setattr(
        uncertainty,
        "ceaf",
        lambda *given: right(*given)._replace(strategy=np.zeros(len(given[2]), np.int64)),
    )


def more_than_all_information(patch, subject):
    right = uncertainty.evppi
    patch.setattr(
        uncertainty,
        "evppi",
        lambda *given: [each._replace(value=each.value + 1e6) for each in right(*given)],
    )


def qalys_in_one_draw_too_many(patch, subject):
    found = psa(subject)
    outcomes = found.outcomes.copy()
    outcomes.loc[7, "qalys"] = outcomes.loc[7, "life_years"] + 0.01
    wrong = replace(found, outcomes=outcomes)
    patch.setattr(uncertainty, "psa", lambda _: wrong)


def errors_do_not_fall(patch, subject):
    right = uncertainty.outcomes
    patch.setattr(
        uncertainty,
        "outcomes",
        lambda tally, horizon: {
            name: each._replace(se=each.se * tally.patients**0.25)
            for name, each in right(tally, horizon).items()
        },
    )


def base_is_not_the_value(patch, subject):
    right = uncertainty.with_values

    def with_values(question, values):
        off = {name: value * (1.001 if name == COST else 1.0) for name, value in values.items()}
        return right(question, off)

    patch.setattr(uncertainty, "with_values", with_values)


FAULTS = {
    "right_inputs_are_drawn": an_input_is_left_out,
    "draws_within_limits": with_draws(cost__inpatient_day=lambda values: values - 5_000.0),
    "moments_of_draws": with_draws(cost__inpatient_day=lambda values: 1.1 * values),
    "families_fit": with_distribution(SHARE, Normal(0.8, 0.1)),
    "shares_of_a_whole": with_draws(
        toxicity__crs__stop_share=lambda values: values + 0.5,
        toxicity__crs__grade_5_share=lambda values: values + 0.6,
    ),
    "correlations_are_kept": with_draws(relapse__sigma=lambda values: values[::-1]),
    "no_variance": base_values_keep_what_came_before,
    "acceptability_is_a_share": acceptability_of_the_best_alone,
    "information_is_worth_something": information_of_the_worst,
    "frontier_has_the_most_expected_benefit": frontier_of_the_first_strategy,
    "some_information_is_worth_less": more_than_all_information,
    "possible_in_every_draw": qalys_in_one_draw_too_many,
    "errors_fall": errors_do_not_fall,
    "base_value_changes_nothing": base_is_not_the_value,
    "spread_is_uncertain": with_distribution("relapse.sigma", Fixed(1.05, "as published")),
}


def test_the_main_scenario_passes(subject):
    assert [c.identifier for c in UNCERTAINTY if c.examine(subject).passed is not True] == []


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_by_the_check_that_it_was_made_for(name, subject, monkeypatch):
    FAULTS[name](monkeypatch, subject)
    assert examined(UNCERTAINTY, name, subject).passed is False


def test_every_check_has_a_fault():
    assert set(FAULTS) == names_of(UNCERTAINTY)


@pytest.mark.parametrize(
    ("change", "passes"),
    [
        (lambda values: values, True),
        (lambda values: values.mean() + 1.4 * (values - values.mean()), False),
        (lambda values: np.full_like(values, values.mean()), False),
    ],
    ids=["as it is", "two fifths wider", "none"],
)
def test_a_wrong_spread_is_found(change, passes, subject, monkeypatch):
    """The mean stays where it is."""
    with_draws(cost__inpatient_day=change)(monkeypatch, subject)
    assert examined(UNCERTAINTY, "moments_of_draws", subject).passed is passes


@pytest.mark.parametrize(
    ("name", "distribution", "passes"),
    [
        (SHARE, Lognormal(0.8, 0.1), False),
        (COST, Lognormal(5_000.0, 0.1), True),
        (COST, Normal(5_000.0, 2_000.0), False),
        (COST, Normal(5_000.0, 500.0), True),
    ],
)
def test_a_family_fits_where_its_values_are_possible(
    name, distribution, passes, subject, monkeypatch
):
    with_distribution(name, distribution)(monkeypatch, subject)
    assert examined(UNCERTAINTY, "families_fit", subject).passed is passes


def test_a_rule_between_inputs_that_a_draw_breaks_is_found(subject, monkeypatch):
    """Two shares of one whole, each of 99 % of it."""
    most = {"toxicity__crs__stop_share": 0.99, "toxicity__crs__grade_5_share": 0.99}
    fault = with_draws(
        **{name: lambda values, to=to: np.full_like(values, to) for name, to in most.items()}
    )
    fault(monkeypatch, subject)
    assert examined(UNCERTAINTY, "draws_within_limits", subject).passed is False


def test_more_numbers_may_be_farther_off_by_chance():
    assert uncertainty.most_standard_errors(1) == pytest.approx(4.0)
    assert 5.0 < uncertainty.most_standard_errors(340) < 5.4


def test_a_scenario_whose_every_input_is_its_own_has_nothing_to_draw():
    """Each uncertain input a hair from its catalogue value, as a scenario's own would be."""
    question = ask(SCENARIOS / "first_salvage.yaml")
    own = {name: question.numbers[name] + 1e-7 for name in drawn_names(question)}
    certain = Subject(with_numbers(question, own))
    found = {check.name: check.examine(certain).passed for check in UNCERTAINTY}
    assert drawn_names(certain.question) == set()
    assert False not in found.values()
    assert {name for name, passed in found.items() if passed is None} >= {
        "draws_within_limits",
        "moments_of_draws",
        "correlations_are_kept",
        "acceptability_is_a_share",
        "information_is_worth_something",
        "frontier_has_the_most_expected_benefit",
        "some_information_is_worth_less",
        "possible_in_every_draw",
    }
