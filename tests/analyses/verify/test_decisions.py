"""Each check of the decision rules passes on the main scenario and fails under a fault made for it."""

from dataclasses import replace

import numpy as np
import pytest

from sim.analyses.verify import economics
from sim.analyses.verify.check import Subject, checks_of
from sim.economics.estimates import Estimate
from sim.economics.incremental import Increment
from sim.simulation.question import ask
from tests.support.faulty_lives import examined, names_of
from tests.support.places import SCENARIOS

DECISIONS = checks_of(["decisions"])


def comparator_minus_strategy(patch, subject):
    right = economics.comparisons

    def turned(lives):
        found = []
        for each in right(lives):
            cost = Estimate(-each.increment.cost.mean, each.increment.cost.se)
            found.append(replace(each, increment=replace(each.increment, cost=cost)))
        return found

    patch.setattr(economics, "comparisons", turned)


def cost_per_life_year(patch, subject):
    patch.setattr(Increment, "icer", property(lambda gain: gain.cost.mean / gain.life_years.mean))


def cost_added_to_benefit(patch, subject):
    patch.setattr(
        Increment,
        "nmb",
        lambda gain, threshold: Estimate(threshold * gain.qalys.mean + gain.cost.mean, 0.0),
    )


def benefit_of_the_comparator(patch, subject):
    patch.setattr(
        Increment,
        "nmb",
        lambda gain, threshold: Estimate(gain.cost.mean - threshold * gain.qalys.mean, 0.0),
    )


def frontier_in_the_order_given(patch, subject):
    right = economics.frontier

    def frontier(strategies):
        names = [strategy.name for strategy in strategies]
        return sorted(right(strategies), key=lambda row: names.index(row.name))

    patch.setattr(economics, "frontier", frontier)


def with_rows(change):
    """Return a fault in the rows of the frontier."""

    def fault(patch, subject):
        right = economics.frontier
        patch.setattr(
            economics, "frontier", lambda strategies: [change(row) for row in right(strategies)]
        )

    return fault


def icer_against_the_cheapest(row):
    return row if row.icer is None else row._replace(icer=0.5 * row.icer)


def extended_dominance_is_missed(row):
    return row._replace(status="frontier") if "extendedly" in row.status else row


def a_threshold_of_another_perspective(patch, subject):
    patch.setitem(subject.question.__dict__, "thresholds", (20_000.0,))


FAULTS = {
    "increments_are_differences": comparator_minus_strategy,
    "icer_is_a_ratio_of_means": cost_per_life_year,
    "net_benefits_add_up": cost_added_to_benefit,
    "net_benefit_and_icer_agree": benefit_of_the_comparator,
    "frontier_rises_in_any_order": frontier_in_the_order_given,
    "frontier_has_the_most_benefit": with_rows(icer_against_the_cheapest),
    "textbook_example": with_rows(extended_dominance_is_missed),
    "one_currency": a_threshold_of_another_perspective,
}


def test_the_main_scenario_passes(subject):
    assert [c.identifier for c in DECISIONS if c.examine(subject).passed is not True] == []


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_by_the_check_that_it_was_made_for(name, subject, monkeypatch):
    FAULTS[name](monkeypatch, subject)
    assert examined(DECISIONS, name, subject).passed is False


def test_every_check_has_a_fault():
    assert set(FAULTS) == names_of(DECISIONS)


def test_an_amount_in_another_currency_is_found(subject, monkeypatch):
    question = subject.question
    pounds = replace(question.parameters["cost.inpatient_day"], unit="GBP")
    other = replace(question, parameters={**question.parameters, "cost.inpatient_day": pounds})
    monkeypatch.setattr(subject, "question", other)
    assert examined(DECISIONS, "one_currency", subject).passed is False


def test_an_icer_that_is_left_out_is_found(subject, monkeypatch):
    monkeypatch.setattr(Increment, "icer", None)
    assert examined(DECISIONS, "icer_is_a_ratio_of_means", subject).passed is False


@pytest.mark.parametrize(
    ("icer", "quadrant", "worth_it"),
    [
        (30.0, "more effective and costlier", True),
        (60.0, "more effective and costlier", False),
        (60.0, "less effective and cheaper", True),
        (30.0, "less effective and cheaper", False),
        (-60.0, "dominant", True),
        (-60.0, "dominated", False),
    ],
)
def test_a_strategy_is_worth_it_by_its_quadrant(icer, quadrant, worth_it):
    """At 50 a QALY; 2 units of money and of QALYs stand for those behind the ratio."""
    assert economics.is_worth_it(icer, quadrant, 50.0) == worth_it


def test_several_strategies_pass_in_any_order():
    several = Subject(ask(SCENARIOS / "blinatumomab_then_inotuzumab.yaml"))
    found = {check.name: check.examine(several) for check in DECISIONS}
    assert all(finding.passed for finding in found.values())
    assert "4 ICERs" in found["icer_is_a_ratio_of_means"].observed
    assert np.isfinite([point.cost for point in economics.points(several)]).all()
