"""The answer: break-even by closed form, risks by direct computation, files and words."""

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import sim
from sim.analyses.agreement.analysis import (
    DISCOUNT,
    LEDGER_PATIENTS,
    Size,
    agreement_analysis,
    discounted,
    drawn_values,
    in_words,
)
from sim.analyses.agreement.sample import (
    Simulator,
    break_even,
    break_even_price,
    deals_of,
    with_term,
)
from sim.cli import commands
from sim.economics.estimates import exact_sum
from sim.errors import UserError
from sim.scenario.agreement import Agreement
from sim.simulation.parameter_draws import draw_parameters
from sim.simulation.question import with_numbers
from tests.support.places import ROOT, SCENARIOS, SMALLER

SMALL = SMALLER / "agreements.yaml"
DRAWS, PATIENTS = 6, 40
NAMES = ["", "discount", "no_response", "two_cycles", "spend", "instalments", "budget"]


@pytest.fixture(scope="module")
def question():
    return sim.Scenario.load(SMALL).with_(seed=3).question


@pytest.fixture(scope="module")
def found(question):
    """6 draws in 40 patients each, 300 in the base case, seed 3."""
    return agreement_analysis(question, Size(DRAWS, PATIENTS, 300), lambda _: None)


@pytest.fixture(scope="module")
def base(question):
    """The base case, n = 300, and its agreements by name."""
    deals = deals_of(question)["blinatumomab"]
    sample = Simulator(question, deals).sample(question, first=0)
    return sample, {deal.name: deal for deal in deals}


# The base case


def test_every_agreement_has_a_row_and_what_is_paid_and_borne_is_the_list_price(found):
    table = found.deals
    assert table["agreement"].tolist() == NAMES
    whole = table["paid"] + table["borne"]
    assert whole.to_numpy() == pytest.approx(whole[0], rel=1e-12)
    assert table.loc[1, "same_cost_discount_percent"] == pytest.approx(30.0, rel=1e-12)
    assert (table["qalys_difference"] == table.loc[0, "qalys_difference"]).all()
    saved = table.loc[0, "cost_difference"] - table["cost_difference"]
    assert saved.to_numpy() == pytest.approx(table["borne"].to_numpy(), rel=1e-9, abs=1e-6)


def test_the_increments_at_the_list_price_are_those_of_run(found, question):
    gain = sim.run(sim.Scenario.load(SMALL).with_(seed=3)).increments.set_index("outcome")
    row = found.deals.iloc[0]
    for ours, theirs in (("cost_difference", "cost"), ("qalys_difference", "qalys")):
        assert row[ours] == pytest.approx(gain.loc[theirs, "mean"], rel=1e-9)
        assert row[f"{ours}_se"] == pytest.approx(gain.loc[theirs, "se"], rel=1e-9)
    assert row["icer"] == pytest.approx(gain.loc["icer", "mean"], rel=1e-9)
    assert question.patients == 300


def test_single_payments_of_the_first_patients_add_up(found, base):
    sample, deals = base
    for name, deal in deals.items():
        rows = found.ledger[found.ledger["agreement"] == name]
        sums = rows.groupby("patient")["paid_discounted"].sum()
        paid = sample.paid(deal)[:LEDGER_PATIENTS]
        assert sums.reindex(range(LEDGER_PATIENTS), fill_value=0.0).to_numpy() == pytest.approx(
            paid, rel=1e-9, abs=1e-6
        )


def test_patients_who_share_a_budget_are_counted_by_group(base):
    """30 groups of 10: within one the payments depend on each other."""
    sample, deals = base
    paid = sample.paid(deals["budget"]).reshape(30, 10).sum(axis=1) / 10.0
    found = sample.moments(deals["budget"])
    assert found.paid_variance == pytest.approx(paid.var(ddof=1) / 30, rel=1e-9)
    alone = sample.paid(deals["spend"])
    assert sample.moments(deals["spend"]).paid_variance == pytest.approx(
        alone.var(ddof=1) / 300, rel=1e-9
    )


# Break-even


def test_the_break_even_discount_is_the_closed_form(base, question):
    """1 - (threshold E - C) / L, with C at price 0 and L what the list price is."""
    sample, deals = base
    listed = sample.moments(deals[""])
    for threshold in question.thresholds:
        free = listed.cost - listed.paid
        share = 1.0 - (threshold * listed.qalys - free) / listed.paid
        value = break_even(sample, deals["discount"], threshold)
        if not 0.0 <= share <= 1.0:
            assert value.met in ("never", "always")
            continue
        assert value.met == "at least"
        assert value.value.mean == pytest.approx(100.0 * share, rel=1e-8)
        error = listed.paid
        changed = replace(deals["discount"], agreement=Agreement(discount_percent=100.0 * share))
        found = sample.moments(changed)
        expected = 100.0 * found.inmb_se(threshold) / error
        assert value.value.se == pytest.approx(expected, rel=1e-5)


def test_the_break_even_price_without_an_agreement_is_that_of_the_command_price(base, question):
    """(threshold E - C) / V, the price that `price` reads off its straight line."""
    sample, deals = base
    free = sample.moments(deals[""], 0.0)
    vials = exact_sum(sample.paid(deals[""], 1.0)) / sample.patients
    for threshold in question.thresholds:
        limit = break_even_price(sample, deals[""], threshold)
        expected = (threshold * free.qalys - free.cost) / vials
        assert limit.met == "at most"
        assert limit.value.mean == pytest.approx(expected, rel=1e-8)


def test_at_its_break_even_an_agreement_has_no_net_benefit(base, question):
    sample, deals = base
    for name, deal in deals.items():
        for threshold in question.thresholds:
            scale = abs(sample.moments(deal).inmb(threshold))
            price = break_even_price(sample, deal, threshold)
            if math.isfinite(price.value.mean):
                at = sample.moments(deal, price.value.mean)
                assert at.inmb(threshold) == pytest.approx(0.0, abs=1e-6 * scale), name
            own = break_even(sample, deal, threshold)
            if name in ("", "instalments"):
                assert own.met == "no such term"
            elif name == "two_cycles":
                counts = [
                    sample.moments(
                        replace(deal, agreement=with_term(deal.agreement, "cap_cycles", n))
                    ).inmb(threshold)
                    for n in (own.value.mean, own.value.mean + 1)
                ]
                assert counts[0] >= 0.0 > counts[1]
            elif math.isfinite(own.value.mean):
                term = {"no_response": "refund.percent", "spend": "cap_spend"}.get(
                    name, "budget_cap.amount" if name == "budget" else "discount_percent"
                )
                changed = replace(deal, agreement=with_term(deal.agreement, term, own.value.mean))
                at = sample.moments(changed)
                assert at.inmb(threshold) == pytest.approx(0.0, abs=1e-6 * scale), name


def test_a_threshold_that_is_met_anyway_or_never_has_no_break_even(base):
    sample, deals = base
    rich, poor = 1e9, 1e-3
    assert break_even(sample, deals["no_response"], rich).met == "always"
    assert break_even(sample, deals["no_response"], poor).met == "never"
    assert break_even(sample, deals["two_cycles"], rich).met == "always"
    assert break_even(sample, deals["discount"], rich).met == "always"


# Risks over draws


def test_a_draw_is_the_question_under_its_parameters_in_its_patients(found, question):
    """Draw 2 of 40 patients: those from number 80 on."""
    asked = replace(question, patients=PATIENTS)
    parameters = draw_parameters(asked, DRAWS, question.seed)
    numbers = dict(zip(parameters.columns, parameters.iloc[2].tolist(), strict=True))
    deals = deals_of(asked)["blinatumomab"]
    sample = Simulator(asked, deals).sample(with_numbers(asked, numbers), first=2 * PATIENTS)
    rows = found.drawn[(found.drawn["draw"] == 2) & (found.drawn["basis"] == "agreement")]
    for deal, row in zip(deals, rows.to_dict("records"), strict=True):
        moments = sample.moments(deal)
        assert row["agreement"] == deal.name
        assert (row["cost_difference"], row["paid"]) == (moments.cost, moments.paid)
        assert row["cost_difference_se"] == math.sqrt(moments.cost_variance)


def test_beside_each_agreement_is_the_discount_under_which_as_much_is_expected(found):
    for name in NAMES[1:]:
        pair = found.risks[found.risks["agreement"] == name].groupby("basis")
        agreed, discount = (pair.get_group(basis) for basis in ("agreement", DISCOUNT))
        for column in ("paid", "inmb"):
            assert agreed[column].to_numpy() == pytest.approx(
                discount[column].to_numpy(), rel=1e-9, abs=1e-4
            )
    # A discount is its own equal.
    plain = found.risks[found.risks["agreement"] == "discount"].groupby("basis")
    same = [plain.get_group(basis) for basis in ("agreement", DISCOUNT)]
    for column in ("inmb_sd", "paid_sd", "expected_loss"):
        ours, theirs = (each[column].to_numpy() for each in same)
        assert ours == pytest.approx(theirs, rel=1e-6, abs=1e-3)


def test_moments_at_a_discount_are_those_of_the_discount_itself(base):
    sample, deals = base

    def at(percent):
        agreement = Agreement(discount_percent=percent)
        return sample.moments(replace(deals[""], agreement=agreement))

    read_off = discounted(at(0.0), at(50.0), at(100.0), 0.37)
    for name, value in at(37.0)._asdict().items():
        assert getattr(read_off, name) == pytest.approx(value, rel=1e-9, abs=1e-9), name


def test_risks_follow_from_the_draws(found, question):
    threshold = max(question.thresholds)
    rows = found.drawn[(found.drawn["agreement"] == "spend") & (found.drawn["basis"] == DISCOUNT)]
    (benefit, _), (paid, _) = drawn_values(rows, threshold)
    (row,) = found.risks[
        (found.risks["agreement"] == "spend")
        & (found.risks["basis"] == DISCOUNT)
        & (found.risks["threshold"] == threshold)
    ].to_dict("records")
    assert row["inmb"] == pytest.approx(benefit.mean(), rel=1e-12)
    assert row["inmb_se"] == pytest.approx(benefit.std(ddof=1) / math.sqrt(DRAWS), rel=1e-12)
    assert row["paid"] == pytest.approx(paid.mean(), rel=1e-12)
    assert row["paid_sd"] <= paid.std(ddof=1)


def test_a_group_may_be_half_of_a_draw_at_most(question):
    with pytest.raises(UserError, match="a group of a budget may be half") as refused:
        agreement_analysis(question, Size(2, 19, 300), lambda _: None)
    assert refused.value.key == "strategies[1].agreement.budget.budget_cap.patients"


# Words, files and mistakes


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        (None, "every purchase at the price of the scenario"),
        ({"discount_percent": 12.5}, "12.5 % off every purchase"),
        (
            {
                "cap_spend": 1e5,
                "refund": {"after": ["relapse", "death"], "percent": 50, "before_month": 12},
            },
            "free beyond £100,000 a patient; 50 % back after relapse or death before month 12",
        ),
        (
            {"instalments": {"number": 3, "every_months": 6, "condition": "alive"}},
            "3 instalments, one every 6 months while alive",
        ),
        (
            {"cap_cycles": 2, "budget_cap": {"amount": 1e6, "patients": 50}},
            "cycles after the first 2 free; at most £1,000,000 for 50 patients together",
        ),
    ],
)
def test_terms_in_words(terms, words):
    assert in_words(Agreement(**terms) if terms else None, "GBP") == words


def command(*arguments):
    return CliRunner().invoke(commands, ["agreement", *map(str, arguments)])


def test_the_command_prints_and_writes_and_the_report_shows_it(tmp_path):
    folder = tmp_path / "results"
    done = command(SMALL, "--draws", DRAWS, "--patients", PATIENTS, "--out", folder)
    assert done.exit_code == 0, done.output
    for part in ("Money back without response", "Break-even", "Paid to the company", "its SD"):
        assert part in done.output
    assert "nan" not in done.output
    told = json.loads((folder / "agreement.json").read_text(encoding="utf-8"))
    assert [each["agreement"] for each in told["agreements"]] == [None, *NAMES[1:]]
    again = sim.AgreementResult.read(SMALL, folder)
    assert str(again) == done.output.rpartition("Files: ")[0]
    sim.run(SMALL, threads=1).write(folder)
    page = tmp_path / "page.html"
    shown = CliRunner().invoke(
        commands, ["report", str(SMALL), "--from", str(folder), "--out", str(page)]
    )
    assert shown.exit_code == 0, shown.output
    text = page.read_text(encoding="utf-8")
    assert "Agreements on the price" in text
    assert "Paid for the drug" in text
    assert "Below each agreement stands the plain discount" in text


def test_other_commands_say_that_agreements_are_not_in_their_results():
    told = str(sim.run(SMALL, patients=3))
    assert "6 under discussion; where none is named, results are at the price" in told
    assert "under discussion" not in str(sim.run(SMALLER / "first_salvage.yaml", patients=3))
    done = CliRunner().invoke(commands, ["run", str(SMALL), "--patients", "3", "--json"])
    assert json.loads(done.stdout)["patients"] == 3
    assert "results are at the price without an agreement" in done.stderr


def scenario(tmp_path, deal):
    path = tmp_path / "mine.yaml"
    path.write_text(
        f"""extends: {SCENARIOS / "agreements.yaml"}
strategies:
  - {{name: a, sequence: [salvage_chemotherapy], then: usual_care}}
  - name: b
    sequence: [blinatumomab]
    then: usual_care
    agreement:
      mine: {deal}
comparator: a
""",
        encoding="utf-8",
    )
    return path


@pytest.mark.parametrize(
    ("deal", "message"),
    [
        ("{}", "agreement.mine: has no terms; give one of them"),
        ("{label: Free}", "agreement.mine: has no terms"),
        ("{discount_percent: 120}", "discount_percent: must be at most 100.0 (got 120)"),
        ("{discont_percent: 20}", "did you mean 'discount_percent'?"),
        ("{refund: {percent: 10}}", "refund.after: is required, and missing"),
        ("{refund: {after: []}}", "refund.after: must hold at least 1"),
        ("{refund: {after: [no_respons]}}", "did you mean 'no_response'?"),
        ("{cap_cycles: 1.5}", "cap_cycles: must be a whole number"),
        ("{cap_spend: -1}", "cap_spend: must be at least 0"),
        ("{cap_cycles: 1, regimen: inotuzumab}", "must be a regimen that the sequence has"),
        ("{instalments: {number: 2, every_months: 0}}", "every_months: must be above 0"),
    ],
)
def test_a_mistake_is_one_message_with_its_place(deal, message, tmp_path):
    path = scenario(tmp_path, deal)
    done = CliRunner().invoke(commands, ["check", str(path)])
    assert done.exit_code != 0
    assert message in " ".join(done.output.split()), done.output
    assert f"{path}:8" in done.output


def test_an_agreement_in_other_money_is_refused_and_left_out_of_what_ifs(tmp_path):
    deal = "{cap_spend: 1000, label: Cap}"
    path = scenario(tmp_path, deal)
    text = path.read_text(encoding="utf-8")
    loaded = sim.Scenario.load(path)
    assert "under discussion" in str(sim.run(loaded, patients=2))
    foreign = tmp_path / "foreign.yaml"
    foreign.write_text(f"extends: {path}\nperspective: nhs_england\n", encoding="utf-8")
    with pytest.raises(UserError, match="is in USD of 2022, .* GBP of 2025: give it anew$"):
        sim.Scenario.load(foreign)
    path.write_text(text + "what_ifs: {uk: {perspective: nhs_england}}\n", encoding="utf-8")
    notes = sim.what_if(path, patients=2).to_dict()["notes"]
    assert any("mine" in note for note in notes["uk"])


def test_show_prints_agreements_as_they_are_read(tmp_path):
    shown = CliRunner().invoke(commands, ["show", str(SMALL)])
    assert shown.exit_code == 0, shown.output
    again = tmp_path / "again.yaml"
    again.write_text(shown.output, encoding="utf-8")
    ours, theirs = (sim.Scenario.load(path).question.scenario for path in (again, SMALL))
    assert ours.strategies == theirs.strategies


def test_a_table_without_a_row_is_refused(tmp_path):
    found = sim.agreement(SMALL, draws=3, patients=20, out=tmp_path)
    for name in ("agreement", "agreement_risk", "agreement_break_even", "agreement_draws"):
        path = tmp_path / f"{name}.csv"
        whole = path.read_text(encoding="utf-8")
        path.write_text("\n".join(whole.splitlines()[:-1]) + "\n", encoding="utf-8")
        with pytest.raises(UserError, match="must have one row for each"):
            sim.AgreementResult.read(SMALL, tmp_path)
        path.write_text(whole, encoding="utf-8")
    again = sim.AgreementResult.read(SMALL, tmp_path)
    for name, table in found.tables.items():
        pd.testing.assert_frame_equal(again.tables[name], table, check_exact=True)
    assert found.agreements.equals(again.agreements)
    assert np.isfinite(found.risks["inmb"]).all()
    assert found.break_evens["met"].isin(["", "at most", "at least", "always", "never"]).all()


def test_the_shipped_example_holds_every_kind_of_term():
    question = sim.Scenario.load(SCENARIOS / "agreements.yaml").question
    (strategy,) = (each for each in question.scenario.strategies if each.agreement)
    terms = {term for each in strategy.agreement.values() for term in each.terms}
    assert terms == {
        *("discount_percent", "cap_cycles", "cap_spend"),
        *("instalments", "refund", "budget_cap"),
    }
    assert Path(question.loaded.file).name == "agreements.yaml"


def test_the_example_of_the_documentation_is_a_scenario(tmp_path):
    text = (ROOT / "docs" / "agreements.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    path = tmp_path / "mine.yaml"
    path.write_text(block.replace("first_salvage", f"{SMALLER}/first_salvage"), encoding="utf-8")
    found = sim.agreement(path, draws=2, patients=10)
    assert found.agreements["label"].tolist()[1:] == [
        "Price cut",
        "Pay for responders only",
        "capped_with_discount",
    ]
    price = found.scenario.question.numbers["cost.blinatumomab.vial"]
    assert f"cost.blinatumomab.vial: {0.7 * price:.2f}" in text
