"""Scenarios side by side: what differs, paired differences, one analysis over all strategies."""

import csv
import io
import json
import math

import numpy as np
import pytest
from click.testing import CliRunner
from rich.console import Console

from sim.analyses.compare import result as comparison_files
from sim.analyses.compare.text import print_comparison
from sim.cli import commands
from sim.economics.estimates import Estimate
from sim.economics.incremental import Strategy, frontier
from sim.simulation.comparison import compare, scenario_names
from sim.simulation.run import run
from sim.simulation.summary import summarise
from tests.support.places import ROOT

MAIN = ROOT / "scenarios" / "first_salvage.yaml"
HALF = {"cost.blinatumomab.vial": 2584.5}
N = 300


def written(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content)
    return path


@pytest.fixture(scope="module")
def half(ask):
    """The main question, and the same with blinatumomab at half the list price; n = 300."""
    asked = [ask("first_salvage", patients=N), ask("first_salvage", patients=N, parameters=HALF)]
    return compare(asked)


@pytest.fixture
def files(tmp_path):
    """A scenario and another that extends it by one price."""
    base = written(tmp_path, "list.yaml", "extends: " + str(MAIN) + "\n")
    other = "title: Half\nextends: list.yaml\nparameters:\n  cost.blinatumomab.vial: 2584.5\n"
    return base, written(tmp_path, "half.yaml", other)


def invoked(*arguments):
    given = ["compare", *map(str, arguments), "--patients", "60"]
    return CliRunner().invoke(commands, given)


def test_a_scenario_differs_from_itself_by_exactly_nothing(ask):
    question = ask("blinatumomab_then_inotuzumab", patients=200)
    found = compare([question, question])
    assert found.inputs == ()
    assert found.separate_because == ()
    assert len(found.differences) > 100
    assert {each.estimate for each in found.differences} == {Estimate(0.0, 0.0)}
    # Equal strategies stand in the analysis once.
    assert len(found.pooled) == len(question.model.strategies)


def test_a_price_changed_through_extends_is_the_only_difference(files):
    result = invoked(*files, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert [each["name"] for each in found["changes"]] == ["cost.blinatumomab.vial"]
    assert found["changes"][0]["values"] == {"list": 5169.0, "half": 2584.5}


def test_half_the_price_halves_the_drug_and_changes_nothing_else(half):
    first, second = half.sides
    change = {
        (e.strategy, e.outcome): e.estimate.mean for e in half.differences if not e.comparator
    }
    drug = first.summary.arm("blinatumomab").outcomes["cost.drug"].mean
    assert change["blinatumomab", "cost.drug"] == pytest.approx(-drug / 2.0, rel=1e-12)
    assert change["blinatumomab", "cost"] == pytest.approx(-drug / 2.0, rel=1e-12)
    moved = {("blinatumomab", "cost.drug"), ("blinatumomab", "cost")}
    assert {value for key, value in change.items() if key not in moved} == {0.0}
    assert second.summary.arm("blinatumomab").outcomes["qalys"].mean > 0.0


def test_differences_and_their_errors_are_those_of_the_patients(ask):
    questions = [
        ask("first_salvage", patients=N),
        ask("first_salvage", patients=N, parameters={"transplant.early_mortality": 0.2}),
    ]
    found = compare(questions)
    arms = [run(question).arm("blinatumomab") for question in questions]
    qalys = [arm.discounted[:, [7, 8, 9]].sum(axis=1) for arm in arms]
    deaths = [arm.outcomes["hct_ever"].to_numpy(dtype=float) for arm in arms]
    expected = {
        "qalys": qalys[1] - qalys[0],
        "cost.transplant": arms[1].discounted[:, 3] - arms[0].discounted[:, 3],
        "hct_ever_percent": 100.0 * (deaths[1] - deaths[0]),
    }
    for outcome, differences in expected.items():
        estimate = next(
            e.estimate
            for e in found.differences
            if (e.strategy, e.comparator, e.outcome) == ("blinatumomab", None, outcome)
        )
        assert estimate.mean == pytest.approx(differences.mean(), rel=1e-9, abs=1e-12)
        assert estimate.se == pytest.approx(differences.std(ddof=1) / math.sqrt(N), rel=1e-9)
    # Shared luck: far less than the error of independent samples.
    paired = np.std(expected["qalys"], ddof=1)
    assert 0.0 < paired < 0.5 * math.hypot(*(np.std(each, ddof=1) for each in qalys))


def test_the_change_of_a_gain_is_the_difference_of_the_gains(half):
    found = {
        e.outcome: e.estimate
        for e in half.differences
        if (e.strategy, e.comparator) == ("blinatumomab", "salvage_chemotherapy")
    }
    gains = [side.summary.comparisons[0] for side in half.sides]
    for threshold in half.sides[0].question.thresholds:
        change = gains[1].nmb[threshold].mean - gains[0].nmb[threshold].mean
        assert found[f"nmb_at_{threshold:g}"].mean == pytest.approx(change, rel=1e-9)
    assert found["qalys"] == Estimate(0.0, 0.0)


def test_all_strategies_of_all_scenarios_stand_in_one_analysis(half):
    assert half.separate_because == ()
    assert len(half.pooled) == 3
    (analysis,) = half.analyses
    assert set(analysis.labels.values()) == {
        "Salvage chemotherapy",
        *(f"Blinatumomab ({side.name})" for side in half.sides),
    }
    expected = frontier(Strategy(e.name, e.cost.mean, e.qalys.mean) for e in half.pooled)
    assert [(e.name, e.status) for e in half.pooled] == [(r.name, r.status) for r in expected]
    for each, row in zip(half.pooled, expected, strict=True):
        assert (each.step and each.step.icer) == (row.icer and pytest.approx(row.icer, rel=1e-9))
    # The same QALYs for more money.
    assert half.pooled[-1].status == "dominated"
    assert half.pooled[1].step.icer_se > 0.0
    threshold = half.sides[0].question.thresholds[0]
    assert half.pooled[0].gain.nhb(threshold) == Estimate(0.0, 0.0)


def test_the_order_of_scenarios_does_not_change_the_frontier(ask):
    questions = [
        ask("blinatumomab_then_inotuzumab", patients=N),
        ask("blinatumomab_then_inotuzumab", patients=N, parameters=HALF),
    ]
    there, back = compare(questions), compare(questions[::-1])
    assert [(e.cost, e.qalys, e.status) for e in there.pooled] == [
        (e.cost, e.qalys, e.status) for e in back.pooled
    ]
    assert [e.step and (e.step.icer, e.step.icer_se) for e in there.pooled] == [
        e.step and (e.step.icer, e.step.icer_se) for e in back.pooled
    ]
    forward = {(e.strategy, e.comparator, e.outcome): e.estimate for e in there.differences}
    for each in back.differences:
        other = forward[each.strategy, each.comparator, each.outcome]
        assert each.estimate == Estimate(-other.mean, other.se)


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({"parameters": {"population.male_probability": 0.4}}, ("population.male_probability",)),
        ({"horizon_years": 5}, ("horizon_years",)),
        ({"discounting": {"costs": 0.01}}, ("discounting.costs",)),
        ({"switches": {"toxicity": False}}, ("switches.toxicity",)),
        ({"life_table": "uk_2017_2019"}, ("life_table",)),
        ({"parameters": {**HALF, "utility.on_treatment": 0.4}}, ("utility.on_treatment",)),
        ({"parameters": HALF}, ()),
    ],
)
def test_what_is_not_an_alternative_stays_out_of_the_analysis(ask, changes, reasons):
    found = compare(
        [ask("first_salvage", patients=20), ask("first_salvage", patients=20, **changes)]
    )
    assert found.separate_because == reasons
    assert bool(found.pooled) == (not reasons)
    assert len(found.analyses) == (2 if reasons else 1)


def test_scenarios_that_are_no_alternatives_have_an_analysis_each(ask):
    """Each is the analysis that its own run prints."""
    asked = [ask(name, patients=N) for name in ("blinatumomab_then_inotuzumab", "later_salvage")]
    found = compare(asked)
    assert found.pooled == ()
    for question, analysis, side in zip(asked, found.analyses, found.sides, strict=True):
        assert analysis.scenario == side.name
        alone = summarise(run(question))
        assert [each.name.removeprefix(f"{side.name}: ") for each in analysis.strategies] == [
            row.name for row in alone.frontier
        ]
        for each, row in zip(analysis.strategies, alone.frontier, strict=True):
            assert (each.status, each.cost.mean) == (row.status, pytest.approx(row.cost, rel=1e-9))
            assert (each.step and each.step.icer) == (row.icer and pytest.approx(row.icer))
            for threshold in question.thresholds:
                benefit = each.gain.nhb(threshold)
                gains = {gain.increment.strategy: gain.nmb[threshold] for gain in alone.comparisons}
                name = each.name.removeprefix(f"{side.name}: ")
                expected = gains.get(name, Estimate(0.0, 0.0))
                assert benefit.mean * threshold == pytest.approx(expected.mean, abs=1e-6)
                assert benefit.se * threshold == pytest.approx(expected.se, abs=1e-6)


def test_costs_in_different_money_are_not_subtracted(ask):
    found = compare([ask(name, patients=20) for name in ("first_salvage", "nhs_first_salvage")])
    outcomes = {each.outcome for each in found.differences}
    assert "qalys" in outcomes
    assert not {name for name in outcomes if name.startswith(("cost", "nmb"))}


def test_all_scenarios_have_the_patients_of_the_first(ask):
    found = compare([ask("first_salvage", patients=30, seed=7), ask("tower", patients=90, seed=8)])
    assert [(s.question.patients, s.question.seed) for s in found.sides] == [(30, 7), (30, 7)]


def test_inputs_that_differ_are_told_by_kind(ask):
    strategies = [
        {
            "name": name,
            "label": label,
            "sequence": [name],
            "then": "usual_care",
            "maintenance": False,
        }
        for name, label in (
            ("salvage_chemotherapy", "Salvage chemotherapy"),
            ("blinatumomab", "Blinatumomab"),
        )
    ]
    found = compare(
        [
            ask("first_salvage", patients=20, strategies=strategies),
            ask("tower", patients=20, horizon_years=5, parameters={"utility.on_treatment": 0.4}),
        ]
    )
    told = {(each.kind, each.name): each.values for each in found.inputs}
    assert told["scenario", "horizon_years"] == ("lifetime", 5.0)
    assert told["scenario", "population"] == ("topp_2021_first_salvage", "tower")
    assert told["strategy", "blinatumomab"] == (
        "blinatumomab, then usual_care",
        "blinatumomab, then usual_care (maintenance)",
    )
    assert told["parameter", "utility.on_treatment"] == (0.5, 0.4)
    assert ("scenario", "title") not in told
    assert ("scenario", "setting") not in told


def test_names_are_the_files_and_numbered_where_alike():
    names = scenario_names(["a/x.yaml", "y.yaml", "b/x.yaml"])
    assert names == ["x", "y", "x (2)"]


# The command


def test_files_have_their_columns_and_hold_what_json_holds(files, tmp_path):
    out = tmp_path / "out"
    assert invoked(*files, "--out", out).exit_code == 0
    assert sorted(path.name for path in out.iterdir()) == sorted(comparison_files.NAMES)
    rows = {}
    for name, columns in comparison_files.COLUMNS.items():
        header, *rows[name] = csv.reader((out / name).read_text().splitlines())
        assert tuple(header) == columns
        assert rows[name]
    told = json.loads((out / "comparison.json").read_text())
    assert told == json.loads(invoked(*files, "--json").stdout)
    assert {row[0] for row in rows["frontier.csv"]} == {"all"}
    assert len(rows["differences.csv"]) == len(told["differences"])
    assert [row[1] for row in rows["frontier.csv"]] == [row["strategy"] for row in told["frontier"]]
    origins = json.loads((out / "provenance.json").read_text())["scenarios"]
    assert [each["name"] for each in origins] == ["list", "half"]


def test_the_same_bytes_come_out_at_any_number_of_threads(files, tmp_path):
    for threads in ("1", "2"):
        assert invoked(*files, "--threads", threads, "--out", tmp_path / threads).exit_code == 0
    for name in comparison_files.NAMES:
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_the_answer_is_printed_with_its_disclaimer(files):
    result = invoked(*files)
    assert result.exit_code == 0, result.output
    for text in (
        "Perspective  United States health-care payer, 2022 USD",
        "cost.blinatumomab.vial, USD",
        "Change from list",
        "Net monetary benefit at $50,000 per QALY",
        "Full incremental analysis of all strategies",
        "Net health benefit over Salvage chemotherapy",
        "at $150,000 per QALY",
        "medical",
    ):
        assert text in result.stdout
    alone = invoked(files[0], files[0])
    assert "Nothing is asked differently." in alone.stdout


@pytest.mark.parametrize("width", [80, 120])
def test_nothing_is_cut_off_and_every_scenario_has_its_own_money(ask, width):
    found = compare(
        [ask(name, patients=20) for name in ("nhs_first_salvage", "blinatumomab_then_inotuzumab")],
        names=["england", "america"],
    )
    stream = io.StringIO()
    console = Console(file=stream, width=width, highlight=False, markup=False, emoji=False)
    print_comparison(console, found)
    lines = stream.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    shown = {line.strip() for line in lines}
    for text in ("In england", "In america"):
        assert text in shown
    words = " ".join(stream.getvalue().split())
    for text in (
        "Perspective england: NHS England and personal social services, GBP",
        "Perspective america: United States health-care payer, 2022 USD",
        "Net monetary benefit at £35,000 per QALY",
        "Net monetary benefit at $150,000 per QALY",
        "at £25,000 per QALY",
        "they differ in perspective, discounting.costs, discounting.effects, thresholds",
    ):
        assert text in words


def test_mistakes_end_with_one_message(files, tmp_path):
    (tmp_path / "taken").write_text("")
    for arguments in (
        (files[0],),
        (files[0], tmp_path / "no.yaml"),
        (*files, "--out", tmp_path / "taken"),
    ):
        result = invoked(*arguments)
        assert result.exit_code == 2
        assert result.stderr.count("\n") == 1
        assert result.stdout == ""
