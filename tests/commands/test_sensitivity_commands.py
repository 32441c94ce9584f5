"""The commands of sensitivity analysis: what they print and write, what they refuse, how they end."""

import csv
import io
import json
import os
import subprocess
import sys
import time
from functools import cache

import pandas as pd
import pytest
from click.testing import CliRunner

from sim import Scenario
from sim.analyses.morris import result as morris
from sim.analyses.sobol import result as sobol
from sim.analyses.threshold import result as threshold
from sim.analyses.tornado import result as one_way
from sim.analyses.twoway import result as two_way
from sim.analyses.what_if import result as what_ifs
from sim.cli import commands
from sim.layout.text import DISCLAIMER
from tests.support.places import ROOT
from tests.support.programs import contents

MAIN = ROOT / "scenarios" / "first_salvage.yaml"
GRID = ("--x", "cost.blinatumomab.vial", "--y", "cost.inpatient_day", "--steps", 3)
VIAL = ("--parameter", "cost.blinatumomab.vial", "--range", "0,20000")
SHIPPED = sorted((ROOT / "scenarios").glob("*.yaml"))
COMMANDS = {
    "tornado": ((), one_way.NAMES, one_way.TABLE.names),
    "twoway": (GRID, two_way.NAMES, two_way.TABLE.names),
    "threshold": (VIAL, threshold.NAMES, threshold.TABLE.names),
    "sobol": (("--draws", 2), sobol.NAMES, sobol.TABLE.names),
    "morris": (
        ("--trajectories", 2, "--groups", "default"),
        morris.NAMES,
        morris.TABLE.names,
    ),
    "scenarios": ((), what_ifs.NAMES, what_ifs.TABLE.names),
}


def invoke(command, *arguments, patients=30, scenario=MAIN):
    given = (command, scenario, *COMMANDS[command][0], "--patients", patients, *arguments)
    return CliRunner().invoke(commands, [str(each) for each in given])


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """Return a function that runs a command as it is, once: what it printed, and its folder."""
    folder = tmp_path_factory.mktemp("plain")

    @cache
    def ran(command):
        return invoke(command, "--out", folder / command, "--threads", 1), folder / command

    return ran


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_prints_its_answer_and_says_what_it_is_not(command, plain):
    result, folder = plain(command)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    assert f"{DISCLAIMER}\n" in result.stdout
    *_, before, last = result.stdout.splitlines()
    assert last == f"Files: {folder}"
    assert before.startswith((DISCLAIMER, "Next: python -m sim "))
    assert "Standard errors are Monte Carlo errors" in " ".join(result.stdout.split())
    assert " nan" not in result.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_json_is_the_only_output(command):
    result = invoke(command, "--json", "--seed", 0)
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    assert content["analysis"] == command
    assert content["scenario"] == "first_salvage"
    assert (content["patients"], content["seed"]) == (30, 0)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_folder_holds_the_documented_files(command, plain):
    _, folder = plain(command)
    _, names, columns = COMMANDS[command]
    assert {path.name for path in folder.iterdir()} - {"manifest.json"} == set(names)
    table = (folder / f"{command}.csv").read_text()
    assert tuple(next(csv.reader(io.StringIO(table)))) == columns
    origin = json.loads((folder / "provenance.json").read_text())
    assert origin["analysis"] == command
    assert origin["patients"] == 30
    assert json.loads((folder / f"{command}.json").read_text())["analysis"] == command


@pytest.mark.parametrize("command", ["threshold", "scenarios", "sobol"])
def test_the_same_bytes_come_out_again(command, plain, tmp_path):
    assert invoke(command, "--out", tmp_path, "--threads", 2).exit_code == 0
    assert contents(tmp_path) == contents(plain(command)[1])


def test_one_patient_is_enough_for_every_command():
    for command in COMMANDS:
        result = invoke(command, patients=1)
        assert result.exit_code == 0, (command, result.output)


def test_a_column_of_the_tornado_is_the_number_that_is_printed(tmp_path):
    result = invoke("tornado", "--out", tmp_path, "--top", 3, "--outcome", "cost")
    table = pd.read_csv(tmp_path / "tornado.csv")
    widest = table[table["group"] == "parameter"].nlargest(1, "swing").iloc[0]
    (line,) = [
        row for row in result.stdout.splitlines() if row.startswith(f"E {widest['label']}:")
    ][:1]
    assert f"${abs(widest['outcome_low']):,.0f}" in line
    assert "Widest 3 of" in result.stdout


@pytest.mark.parametrize(
    ("command", "arguments", "says"),
    [
        ("tornado", ["--outcome", "qalies"], "did you mean 'qalys'?"),
        ("tornado", ["--strategy", "chemo"], "--strategy: no such strategy (got 'chemo')"),
        ("tornado", ["--threshold", "0"], "--threshold"),
        ("tornado", ["--top", "0"], "--top"),
        *(
            (command, ["--threshold", worth], says)
            for command in ("tornado", "twoway", "morris", "sobol", "scenarios")
            for worth, says in (
                ("nan", "--threshold: 'nan' is not a number"),
                ("inf", "--threshold: inf is not in the range 0.0<x<=1000000000000.0"),
                ("-5", "--threshold: -5.0 is not in the range 0.0<x<=1000000000000.0"),
                ("1e+308", "--threshold: 1e+308 is not in the range 0.0<x<=1000000000000.0"),
            )
        ),
        ("twoway", ["--x", "cost.vial"], "--x: this scenario uses no such parameter"),
        ("twoway", ["--y", "cost.blinatumomab.vial"], "--y: must be another parameter than --x"),
        ("twoway", ["--x-range", "1"], "is not two numbers with a comma between them"),
        ("twoway", ["--x-range", "1,x"], "is not two numbers with a comma between them"),
        ("twoway", ["--x-range=-1,2"], "--x-range: cost.blinatumomab.vial: a value in 'USD'"),
        ("twoway", ["--steps", "1"], "--steps"),
        ("twoway", ["--y-range", "0,1e300"], "at most 1e+12 (got 1e+300)"),
        ("twoway", ["--y-range", "nan,1"], "must be a finite number"),
        ("threshold", ["--range", "0,1e300"], "at most 1e+12 (got 1e+300)"),
        ("threshold", ["--range", "5,5"], "--range: the second number must be above the first"),
        ("threshold", ["--parameter", "relapse.sigmas"], "did you mean 'relapse.sigma'?"),
        ("threshold", ["--parameter", "price"], "did you mean 'cost.blinatumomab.vial'?"),
        ("twoway", ["--y", "vial"], "'blinatumomab.vial_mcg' or 'cost.blinatumomab.vial'?"),
        ("threshold", ["--parameter", "xyzzy"], "no such parameter ('blinsim parameters' lists"),
        ("sobol", ["--draws", "3"], "--draws: must be a power of 2, at least 2 (got 3)"),
        ("sobol", ["--resume"], "--resume: needs the folder of the unfinished results"),
        ("sobol", ["--groups", "some"], "--groups"),
        ("morris", ["--trajectories", "1"], "--trajectories"),
        # Few patients, so that at some points the drug gains nothing.
        (
            "sobol",
            ["--outcome", "icer", "--draws", "16", "--patients", "20", "--seed", "5"],
            "--outcome: is not defined at",
        ),
    ],
)
def test_a_mistake_ends_with_code_2_and_one_message(command, arguments, says):
    result = invoke(command, *arguments, patients=3)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert says in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr


def test_inputs_are_printed_with_their_whole_label():
    """Three parameters have labels that begin with the same 40 signs."""
    shown = " ".join(invoke("tornado", "--top", "200").stdout.split())
    assert "Days in hospital, salvage chemotherapy, " in shown
    assert " first cycle: 9.4 to 17 days " in shown
    assert "..." not in shown


def test_a_threshold_at_which_nothing_flips_says_where_to_look():
    result = invoke("threshold", "--range", "4000,5000")
    assert "no flip" in result.stdout
    shown = " ".join(result.stdout.split())
    assert "Nothing flips from 4,000 to 5,000 at $50,000, $100,000, $150,000 per QALY" in shown


def test_an_outcome_that_no_end_has_is_said_to_be_missing():
    result = invoke("tornado", "--outcome", "rfs_median_months", patients=1)
    shown = " ".join(result.stdout.split())
    assert (
        "have no outcome at an end, and come first: it cannot be told from these patients" in shown
    )


@pytest.mark.slow
def test_an_end_without_a_ratio_is_said_to_have_none(tmp_path):
    """At 50 dollars a vial blinatumomab costs little more, and less where hospital days are dear."""
    cheap = tmp_path / "cheap.yaml"
    cheap.write_text(f"extends: {MAIN}\nparameters: {{cost.blinatumomab.vial: 50}}\n")
    printed = invoke("tornado", "--outcome", "icer", patients=500, scenario=cheap).stdout
    ratio = " ".join(printed.split())
    assert "an ICER exists only for a strategy that is more effective and costlier" in ratio


@pytest.mark.parametrize("command", ["sobol", "morris"])
def test_what_is_not_drawn_is_said_to_be_left_out(command, plain):
    shown = " ".join(plain(command)[0].stdout.split())
    assert "Blinatumomab, vial is fixed and has a stated range: varied by tornado" in shown


# who_the_patients_are asks about nothing but its patients.
WITH_WHAT_IFS = [each for each in SHIPPED if each.stem != "who_the_patients_are"]


def what_ifs_of_appraisals(path):
    """Return what a shipped question must ask, since appraisals turned on it."""
    england = path.stem.startswith("nhs")
    return (
        "Vial price 25 % lower",
        "started as an outpatient",
        "Odds of candidacy for allo-HCT doubled",
        *(f"Cured when in remission for {years} years" for years in (2, 3, 5)),
        "No benefit after treatment stops",
        "Horizon of 10 years",
        # Of a scenario that is itself in the one perspective, the other.
        "Perspective of a United States payer" if england else "Perspective of NHS England",
    )


@pytest.mark.parametrize("path", WITH_WHAT_IFS, ids=lambda p: p.stem)
def test_every_shipped_question_has_the_what_ifs_that_appraisals_turn_on(path):
    scenario = Scenario.load(path).question.scenario
    labels = "; ".join(each.label for each in scenario.what_ifs.values())
    for what_if in what_ifs_of_appraisals(path):
        assert what_if in labels


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=() if path == MAIN else pytest.mark.slow, id=path.stem)
        for path in WITH_WHAT_IFS
    ],
)
def test_the_what_ifs_of_every_shipped_question_are_answered(path):
    result = invoke("scenarios", scenario=path, patients=5)
    assert result.exit_code == 0, result.output
    for what_if in what_ifs_of_appraisals(path):
        assert what_if in result.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_that_cannot_be_written_is_refused_before_the_work(command, tmp_path):
    file = tmp_path / "file"
    file.write_text("mine")
    result = invoke(command, "--out", file, patients=10**9 if command == "tornado" else 10)
    assert result.exit_code == 2
    assert "--out: is a file, not a folder" in result.stderr
    assert file.read_text() == "mine"


@pytest.mark.slow
def test_a_killed_run_continues_with_the_same_bytes(tmp_path):
    """The process is killed once three chunks of 64 runs are there; then --resume."""

    def given(folder, *more):
        options = ("--draws", "32", "--patients", "2000", "--out", str(folder), *more)
        return [sys.executable, "-m", "sim", "sobol", str(MAIN), *options]

    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    running = subprocess.Popen(given(tmp_path / "a"), env=environment, stdout=subprocess.DEVNULL)
    chunks = tmp_path / "a" / "chunks"
    while running.poll() is None and len(list(chunks.glob("[0-9]*.parquet"))) < 3:
        time.sleep(0.05)
    running.kill()
    running.wait()
    assert not (tmp_path / "a" / "sobol.csv").exists()
    again = subprocess.run(given(tmp_path / "a"), env=environment, capture_output=True, check=False)
    assert again.returncode == 2
    assert b"holds an unfinished analysis" in again.stderr
    for folder, more in (("a", ("--resume",)), ("b", ())):
        subprocess.run(
            given(tmp_path / folder, *more), env=environment, capture_output=True, check=True
        )
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


@pytest.mark.parametrize(
    ("arguments", "missing"),
    [
        (("threshold", MAIN), "--parameter"),
        (("twoway", MAIN, "--x", "cost.inpatient_day"), "--y"),
    ],
)
def test_an_option_that_is_needed_and_missing_is_named(arguments, missing):
    done = CliRunner().invoke(commands, [str(each) for each in arguments])
    assert done.exit_code == 2
    assert done.stderr.startswith(f"error: Missing option '{missing}'")
