"""What payments depend on is read from lives like any other, and costs are those of any other run."""

import math
from dataclasses import replace

import numpy as np
import pytest

from sim.analyses.agreement.payment import course, follow, price_parameter, unit_accounts
from sim.analyses.agreement.sample import Deal, Simulator, deals_of, moments
from sim.clinic.events import Event, EventKind
from sim.economics.estimates import mean
from sim.economics.ledger import Account, Category
from sim.engine.outcomes import outcome
from sim.errors import UserError
from sim.scenario.agreement import Agreement
from sim.simulation.question import with_numbers
from sim.simulation.run import run

NEVER = math.inf
PATIENTS = 150
TERMS = {
    "nothing": {"refund": {"after": ["no_response", "relapse", "death"], "percent": 0}},
    "free": {"discount_percent": 100},
    "half": {"discount_percent": 50},
    "cycles": {"cap_cycles": 1},
    "spend": {"cap_spend": 60000},
    "back": {"refund": {"after": ["no_response"]}},
    "budget": {"budget_cap": {"amount": 500000, "patients": 10}},
}
# A first line of vials, a second line of vials, the same drug in both, and cells.
CASES = {
    "first_salvage": ("blinatumomab", ["blinatumomab"], "cost.blinatumomab.vial"),
    "later": ("inotuzumab", ["blinatumomab", "inotuzumab"], "cost.inotuzumab.vial"),
    "both": ("blinatumomab_mrd", ["blinatumomab_mrd", "blinatumomab"], "cost.blinatumomab.vial"),
    "cells": ("brexucabtagene", ["brexucabtagene"], "cost.brexucabtagene.cells"),
}


@pytest.fixture(scope="module")
def question(ask):
    """Return a function that asks the main question with agreements on a regimen of a sequence."""

    def asked(name, patients=PATIENTS):
        regimen, sequence, _ = CASES[name]
        deals = {key: {**terms, "regimen": regimen} for key, terms in TERMS.items()}
        return ask(
            "first_salvage",
            patients=patients,
            seed=5,
            what_ifs={},
            strategies=[
                {
                    "name": "chemotherapy",
                    "sequence": ["salvage_chemotherapy"],
                    "then": "usual_care",
                },
                {"name": "new", "sequence": sequence, "then": "usual_care", "agreement": deals},
            ],
        )

    return asked


@pytest.fixture(scope="module")
def sampled(question):
    """The question and its patients, n = 150, seed 5."""
    known = {}

    def sample(name):
        if name not in known:
            asked = question(name)
            deals = deals_of(asked)["new"]
            known[name] = (
                {deal.name: deal for deal in deals},
                Simulator(asked, deals).sample(asked, first=0),
            )
        return known[name]

    return sample


EACH = pytest.mark.parametrize("name", CASES)


@EACH
def test_the_price_is_that_of_the_drug(name, question):
    regimen, _, parameter = CASES[name]
    asked = question(name, 1)
    assert price_parameter(asked, regimen) == parameter
    assert price_parameter(asked, "salvage_chemotherapy") is None
    assert {deal.parameter for deal in deals_of(asked)["new"]} == {parameter}


@EACH
def test_at_the_list_price_a_cost_is_that_of_any_other_run(name, sampled):
    """Both engines together are one of them to 1e-9, as elsewhere."""
    deals, sample = sampled(name)
    arms = run(sample.question)
    assert sample.cost(deals[""]) == pytest.approx(arms.arm("new").total(Account.COST), rel=1e-9)
    other = arms.arm("chemotherapy").total(Account.COST)
    assert np.array_equal(sample.comparator(deals[""]), other)
    assert np.array_equal(sample.qalys[:, 1], arms.arm("new").total(Account.QALY))


@EACH
def test_all_off_is_the_cost_at_a_price_of_0_exactly(name, sampled):
    """Where the same drug is given in another line too, that stays at its price."""
    deals, sample = sampled(name)
    free = run(with_numbers(sample.question, {deals["free"].parameter: 0.0})).arm("new")
    assert np.count_nonzero(sample.paid(deals["free"])) == 0
    if name != "both":
        assert np.array_equal(sample.cost(deals["free"]), free.total(Account.COST))
    else:
        elsewhere = sample.cost(deals["free"]) - free.total(Account.COST)
        assert (elsewhere >= 0.0).all()
        assert elsewhere.max() > 0.0


@EACH
def test_money_back_of_0_percent_changes_nothing_exactly(name, sampled):
    deals, sample = sampled(name)
    assert np.array_equal(sample.cost(deals["nothing"]), sample.cost(deals[""]))
    assert sample.moments(deals["nothing"]) == sample.moments(deals[""])


@EACH
def test_no_cap_raises_the_cost_of_anyone(name, sampled):
    deals, sample = sampled(name)
    for key in ("free", "half", "cycles", "spend", "budget"):
        saved = sample.cost(deals[""]) - sample.cost(deals[key])
        assert (saved >= 0.0).all(), key
        # Cells are given once, in the first cycle.
        assert saved.max() > 0.0 or (name, key) == ("cells", "cycles"), key


@EACH
def test_a_discount_of_half_is_the_cost_at_half_the_price(name, sampled):
    deals, sample = sampled(name)
    if name == "both":
        return
    parameter = deals["half"].parameter
    half = with_numbers(sample.question, {parameter: 0.5 * sample.question.numbers[parameter]})
    expected = run(half).arm("new").total(Account.COST)
    assert sample.cost(deals["half"]) == pytest.approx(expected, rel=1e-9)
    at_half = sample.cost(deals[""], 0.5 * sample.question.numbers[parameter])
    assert sample.cost(deals["half"]) == pytest.approx(at_half, rel=1e-12)


def test_drug_costs_of_the_ledger_are_the_purchases(sampled):
    """Of blinatumomab alone: units at the price of a vial are its drug costs, discounted or not."""
    deals, sample = sampled("first_salvage")
    arm = run(sample.question).arm("new")
    plain, present = sample.payments(deals[""]).totals(PATIENTS)
    assert present == pytest.approx(arm.category(Category.DRUG), rel=1e-9)
    assert plain == pytest.approx(arm.category(Category.DRUG, discounted=False), rel=1e-9)
    units = sample.followed["new"].bought(0).amount
    assert np.array_equal(units, np.round(units))


def test_payments_of_a_line_begin_with_its_cycles(sampled):
    deals, sample = sampled("later")
    assert deals["back"].line == 1
    lines = sample.followed["new"]
    assert set(np.unique(lines.line)) == {1}
    bought, known = lines.bought(1), lines.courses[1]
    assert (bought.days >= known.start[bought.patient]).all()
    assert (bought.days <= known.end[bought.patient]).all()
    assert (bought.cycle >= 0).all()
    # Each cycle that is given begins with a dose.
    assert set(np.unique(bought.cycle)) == set(range(bought.cycle.max() + 1))


def test_patients_from_any_number_on_are_the_same(question):
    asked = question("first_salvage", 12)
    strategy = asked.model.strategies[1]
    parameters = ["cost.blinatumomab.vial"]
    all_of_them = follow(asked, strategy, parameters, [0], first=0, count=12)
    few = follow(asked, strategy, parameters, [0], first=7, count=5)
    mine = all_of_them.units.patient >= 7
    assert np.array_equal(all_of_them.units.amount[mine], few.units.amount)
    assert np.array_equal(all_of_them.courses[0].end[7:], few.courses[0].end)


def test_everything_else_costs_nothing(question):
    asked = question("cells", 1)
    accounts = unit_accounts(asked, ["cost.brexucabtagene.cells"])
    assert set(accounts.prices) == {0.0}
    drug = accounts.price_list.regimens["brexucabtagene"].cell
    assert (drug.cells, drug.lymphodepletion, drug.bridging, drug.leukapheresis) == (1, 0, 0, 0)


# The events of a line


def test_events_of_the_first_line_are_those_of_the_outcome(question):
    """n = 60, seed 5."""
    found = run(question("first_salvage", 60), trace=60)
    for trace in found.traces:
        if trace.strategy != "new":
            continue
        ours, theirs = course(trace.log, 0), outcome(trace.log)
        start, response, no_response, relapse, death, end = ours
        assert (start, response) == (0.0, theirs.remission_days)
        assert (death, end) == (theirs.death_days, theirs.horizon_days)
        assert (no_response < NEVER) == (not theirs.response)
        if theirs.response:
            assert relapse == theirs.relapse_days


def log(*rows, last=(EventKind.DEATH, 400.0)):
    kind, day = last
    entry = Event(0.0, EventKind.ENTRY)
    return [entry, *(Event(t, kind, line, 0) for t, kind, line in rows), Event(day, kind, 1)]


LINES = ((0.0, EventKind.LINE_STARTED, 0), (42.0, EventKind.NO_RESPONSE, 0))


def test_a_patient_written_by_hand_who_fails_two_lines():
    """Day 42 without response; the second line begins on day 56, responds on day 90, relapses."""
    second = (
        (56.0, EventKind.LINE_STARTED, 1),
        (90.0, EventKind.RESPONSE, 1),
        (200.0, EventKind.RELAPSE, 1),
    )
    story = log(*LINES, *second)
    assert course(story, 0) == (0.0, NEVER, 42.0, NEVER, 400.0, 400.0)
    assert course(story, 1) == (56.0, 90.0, NEVER, 200.0, 400.0, 400.0)


def test_a_death_before_the_assessment_is_no_response():
    story = log((0.0, EventKind.LINE_STARTED, 0), (56.0, EventKind.LINE_STARTED, 1))
    assert course(story, 1) == (56.0, NEVER, 400.0, NEVER, 400.0, 400.0)
    assert course(story, 0)[2] == NEVER


def test_the_end_of_the_horizon_is_no_response_and_no_death():
    story = log(LINES[0], last=(EventKind.HORIZON, 30.0))
    assert course(story, 0) == (0.0, NEVER, NEVER, NEVER, NEVER, 30.0)


def test_mrd_that_is_still_there_is_no_response_to_its_treatment():
    entry = Event(0.0, EventKind.ENTRY, detail=1)
    rows = [
        entry,
        Event(0.0, EventKind.LINE_STARTED, 0),
        Event(42.0, EventKind.MRD_ASSESSED, 0, value=0.0),
        Event(300.0, EventKind.DEATH, 0),
    ]
    assert course(rows, 0) == (0.0, 0.0, 42.0, NEVER, 300.0, 300.0)
    rows[2] = rows[2]._replace(value=1.0)
    assert course(rows, 0)[2] == NEVER


# Errors of means


def test_each_patient_alone_has_the_error_of_a_mean():
    values = np.random.default_rng(1).normal(3.0, 2.0, (3, 500))
    found = moments(*values, np.arange(500))
    for column, average, variance in zip(values, found[:3], found[3:5], strict=False):
        assert average == pytest.approx(column.mean(), rel=1e-12)
        assert math.sqrt(variance) == pytest.approx(mean(column).se, rel=1e-12)
    assert found.covariance == pytest.approx(np.cov(values[0], values[1])[0, 1] / 500, rel=1e-12)
    assert math.sqrt(found.paid_variance) == pytest.approx(mean(values[2]).se, rel=1e-12)


def test_groups_that_share_a_budget_have_the_error_of_their_means():
    """40 groups of 5 equal patients: the error is that of 40 means, not of 200 patients."""
    values = np.repeat(np.random.default_rng(2).normal(size=40), 5)
    found = moments(values, values, values, np.repeat(np.arange(40), 5))
    assert math.sqrt(found.cost_variance) == pytest.approx(mean(values[::5]).se, rel=1e-12)


# Scenarios that have no comparison to make


def test_what_cannot_be_compared_is_refused(ask):
    def strategies(comparator=None, new=None, sequence=("blinatumomab",)):
        return [
            {"name": "a", "sequence": ["salvage_chemotherapy"], "then": "usual_care"}
            | ({"agreement": comparator} if comparator else {}),
            {"name": "b", "sequence": list(sequence), "then": "usual_care"}
            | ({"agreement": new} if new else {}),
        ]

    free = {"free": {"discount_percent": 100}}
    cases = (
        (strategies(), "no strategy has an agreement"),
        (strategies(new=free)[1:], "needs a strategy to compare with"),
        (strategies(comparator={"one": {"cap_cycles": 1}}, new=free), "is of the comparator"),
        (
            strategies(new=free, sequence=["salvage_chemotherapy"]),
            "a mixture of generic drugs",
        ),
        (
            strategies(
                new={
                    "one": {"regimen": "blinatumomab", "cap_cycles": 1},
                    "two": {"regimen": "inotuzumab", "cap_cycles": 1},
                },
                sequence=["blinatumomab", "inotuzumab"],
            ),
            "must be on the same regimen",
        ),
    )
    for given, message in cases:
        asked = ask("first_salvage", patients=2, what_ifs={}, strategies=given)
        with pytest.raises(UserError, match=message):
            deals_of(asked)


def test_a_deal_without_terms_is_the_list_price(sampled):
    deals, sample = sampled("first_salvage")
    none = replace(deals["half"], agreement=Agreement(discount_percent=0))
    assert isinstance(none, Deal)
    assert np.array_equal(sample.cost(none), sample.cost(deals[""]))
