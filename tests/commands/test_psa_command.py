"""`python -m sim psa`: what it prints and what it refuses."""

import io
import json
import re

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from rich.console import Console

from sim import Scenario
from sim.analyses.psa import text as psa_text
from sim.analyses.psa.allocation import DRAW_WORK
from sim.analyses.psa.analysis import answer
from sim.analyses.psa.draws_run import run_psa
from sim.cli import commands
from sim.layout import text
from tests.support.places import ROOT, SMALLER
from tests.support.remarks import remarks_on

SCENARIOS = sorted((ROOT / "scenarios").glob("*.yaml"))
BASE = SMALLER / "first_salvage.yaml"


def psa(*arguments, path=BASE):
    asked = ["psa", str(path), "--no-cache", *map(str, arguments)]
    return CliRunner().invoke(commands, asked)


def in_patients(path, patients, folder):
    """Return the path of a scenario with another number of patients in its deterministic run."""
    smaller = folder / path.name
    changes = {"extends": str(path), "patients": patients}
    smaller.write_text(yaml.safe_dump(changes), encoding="utf-8")
    return smaller


def printed(found, width=text.WIDTH_IN_A_PIPE):
    stream = io.StringIO()
    console = Console(file=stream, width=width, highlight=False, markup=False, emoji=False)
    psa_text.print_psa(console, found)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("path", "patients"),
    [
        *(pytest.param(path, 2000, id=f"{path.stem} in fewer patients") for path in SCENARIOS),
        *(
            pytest.param(path, 1_000_000, id=path.stem, marks=pytest.mark.slow)
            for path in SCENARIOS
        ),
    ],
)
def test_every_shipped_scenario_is_analysed(path, patients, tmp_path):
    if patients != 1_000_000:
        path = in_patients(path, patients, tmp_path)
    result = psa("--draws", 4, "--patients", 20, path=path)
    assert result.exit_code == 0, result.output
    assert result.stderr == remarks_on(path)
    for said in (
        "4 draws of",
        "95 %",
        f"Deterministic run, {Scenario.load(path).patients:,} patients",
        "Net monetary benefit at",
        "Which strategy is the most cost-effective",
        "Monte Carlo noise in the variance",
        "not medical advice",
    ):
        assert said in result.stdout
    assert not re.search(r"\b(nan|inf)\b", result.stdout)


def test_fewest_draws_and_patients_are_enough():
    result = psa("--draws", 2, "--patients", 2)
    assert result.exit_code == 0, result.output
    assert not re.search(r"\b(nan|inf)\b", result.stdout)


def test_json_is_the_only_output(tmp_path):
    result = psa("--draws", 5, "--patients", 20, "--json", "--seed", 0, "--out", tmp_path / "out")
    assert result.exit_code == 0
    assert result.stderr == ""
    summary = json.loads(result.stdout)
    assert (summary["seed"], summary["draws"], summary["patients"]) == (0, 5, 20)
    assert summary["chosen"] is None
    assert result.stdout == (tmp_path / "out" / "psa.json").read_text(encoding="utf-8")


def test_answer_says_where_the_files_are(tmp_path):
    result = psa("--draws", 3, "--patients", 10, "--out", tmp_path / "out")
    assert result.stdout.endswith(f"Files: {tmp_path / 'out'}\n")


def test_numbers_are_chosen_and_the_choice_explained():
    result = psa("--draws", 40)
    assert result.exit_code == 0, result.output
    words = " ".join(result.stdout.split())
    found = re.search(r"Chosen 40 draws of ([\d,]+) patients", words)
    chosen = int(found[1].replace(",", ""))
    assert 1000 < chosen < 10_000
    assert f"each draw in {chosen:,} patients of its own" in words
    assert (
        "In a pilot of 100 draws of 1,000 patients, the incremental net monetary benefit" in words
    )
    assert "make 5% of the variance between draws Monte Carlo noise" in words
    saving = (
        r"with the customary 10,000 patients each would leave it \$[\d,]+: this takes \d\d% less"
    )
    assert re.search(saving, words)


def test_error_in_currency_decides_both_numbers():
    result = psa("--se", 3000, "--json")
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    chosen = summary["chosen"]
    assert chosen["expected_se"] <= 3000
    assert chosen["customary_expected_se"] <= 3000
    customary = chosen["customary_draws"] * (DRAW_WORK + chosen["customary_patients"])
    taken = summary["draws"] * (DRAW_WORK + summary["patients"])
    assert chosen["work_saved"] == pytest.approx(1 - taken / customary)
    told = " ".join(psa("--se", 3000).stdout.split())
    assert (
        f"With the customary 10,000 patients in each, the same error needs "
        f"{chosen['customary_draws']:,} draws: this takes {chosen['work_saved']:.0%} less work"
    ) in told
    (gain,) = summary["increments"]
    assert gain["nmb"]["100000"]["se"] == pytest.approx(3000, rel=0.25)


def test_printed_numbers_are_those_of_the_answer(ask):
    found = answer(run_psa(ask("first_salvage", patients=1, seed=2), 120, patients=600))
    words = printed(found, width=200)
    (gain,) = found.gains
    qalys = gain.splits["qalys"]
    assert f"{qalys.mean:.3f} ({qalys.se:.3f}), " in words
    share = found.outcomes["blinatumomab"]["response_percent"]
    ends = f"{share.low:.1f} ({share.low_se:.1f}) to {share.high:.1f} ({share.high_se:.1f})"
    assert share.has_interval
    assert f"{share.mean:.1f} ({share.se:.1f}), {ends}" in words
    base = gain.deterministic.cost
    assert f"${base.mean:,.0f} ({base.se:,.0f})" in words
    for choice in found.choices:
        assert f"{100 * choice.probability[1]:.1f} ({100 * choice.probability_se[1]:.1f})" in words


def test_loss_of_the_best_strategy_is_what_perfect_information_is_worth(ask):
    """By hand from the net benefits, which have no noise where there are no errors."""
    psa_found = run_psa(ask("blinatumomab_then_inotuzumab", patients=1), 30, patients=50)
    for choice in answer(psa_found).choices:
        benefit = psa_found.inmb(choice.threshold)
        noisy = benefit.max(axis=1).mean() - benefit.mean(axis=0).max()
        assert 0.0 <= choice.loss.min() <= noisy + 1e-6
        assert choice.probability.sum() == pytest.approx(1.0)
        assert choice.probability_without_noise.sum() == pytest.approx(1.0)
        gap = choice.loss - choice.loss.min()
        expected = benefit.mean(axis=0).max() - benefit.mean(axis=0)
        np.testing.assert_allclose(gap, expected, rtol=1e-9, atol=1e-6)


def test_reader_is_told_of_much_noise_and_not_of_little(ask):
    question = ask("first_salvage", patients=1)
    assert "lie nearer to the middle" in printed(answer(run_psa(question, 20, patients=20)))
    assert "lie nearer" not in printed(answer(run_psa(question, 40, patients=5000)))


def test_single_strategy_is_analysed_without_a_comparison(tmp_path):
    path = tmp_path / "alone.yaml"
    alone = {"name": "alone", "sequence": ["blinatumomab"], "then": "usual_care"}
    changes = {"extends": str(BASE), "strategies": [alone], "comparator": "alone"}
    path.write_text(yaml.safe_dump(changes), encoding="utf-8")
    result = psa("--draws", 3, "--patients", 10, path=path)
    assert result.exit_code == 0, result.output
    assert "Difference" not in result.stdout
    assert "Expected loss" not in result.stdout


@pytest.mark.parametrize("width", [60, 80, 200])
def test_answer_fits_the_terminal(ask, width):
    question = ask("blinatumomab_then_inotuzumab", patients=1)
    lines = printed(answer(run_psa(question, 5, patients=20)), width).splitlines()
    assert max(map(len, lines)) <= max(width, 100)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--draws", "1"], "--draws: 1 is not in the range"),
        (["--draws", "many"], "--draws"),
        (["--patients", "1"], "--patients: 1 is not in the range"),
        (["--patients", "few"], "--patients: 'few' is not a whole number"),
        (["--se", "0"], "--se"),
        (["--se", "nan"], "--se: 'nan' is not a number"),
        (["--se", "1e300"], "--se"),
        (["--draws", "5", "--patients", "5", "--out", ""], "--out: is empty; name a folder"),
        (["--se", "100", "--draws", "5", "--patients", "5"], "--se: chooses numbers, and both"),
        (["--resume"], "--resume: needs the folder of the unfinished results: give --out"),
        (["--seed", "-1"], "--seed"),
        (["--threads", "0"], "--threads"),
        (["--draw", "5"], "No such option"),
    ],
)
def test_bad_options_are_refused_in_one_message(arguments, says):
    result = psa(*arguments)
    assert result.exit_code == 2
    assert says in result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


def test_scenario_that_is_not_there_is_refused(tmp_path):
    result = psa("--draws", 2, path=tmp_path / "none.yaml")
    assert result.exit_code == 2
    assert "none.yaml" in result.stderr


def test_more_precision_than_draws_can_give_is_refused():
    result = psa("--draws", 50, "--se", 1)
    assert result.exit_code == 2
    assert "--se: 50 draws leave an error of" in result.stderr
