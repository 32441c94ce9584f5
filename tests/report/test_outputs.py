"""The files of a run: complete, equal to the summary, and the same bytes every time."""

import csv
import getpass
import json
import math
import os
import re
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

import sim
from sim.analyses.run.result import RunResult
from sim.analyses.run.tables import NAMES, summary_json
from sim.layout.citations import PROGRAM, citations, published_sources, sources_used
from sim.layout.figure_file import figure_names
from sim.layout.run_columns import OPTIONAL, TABLES
from sim.simulation.provenance import commit, fingerprint, provenance
from sim.simulation.question import ask
from sim.simulation.run import run
from sim.simulation.summary import summarise
from tests.support.figures import drawn
from tests.support.places import ROOT
from tests.support.programs import contents
from tests.support.run_folder import write

MAIN = ROOT / "scenarios" / "first_salvage.yaml"
SEVERAL = ROOT / "scenarios" / "blinatumomab_then_inotuzumab.yaml"
N = 200
WITHOUT_TRACES = sorted(set(TABLES) - {schema.file for schema in OPTIONAL})
SUBGROUPS = {"subgroups.csv", "subgroup_values.csv"}
FIGURES = set(figure_names(RunResult.FIGURES))
FOLDER_OF_A_RUN = {*WITHOUT_TRACES, *FIGURES, "summary.json", "provenance.json", "citations.txt"}


class Answer:
    """A simulation with its summary and the folder of its files."""

    def __init__(self, path, folder, *, patients=N, seed=2, trace=0):
        question = ask(path, patients=patients, seed=seed)
        self.simulation = run(question, trace=trace)
        self.question = question
        self.summary = summarise(self.simulation)
        self.folder = folder
        write(self.simulation, self.summary, folder)

    def table(self, name):
        return pd.read_csv(self.folder / name)

    def json(self, name):
        text = (self.folder / name).read_text(encoding="utf-8")
        return json.loads(text, parse_constant=lambda word: pytest.fail(f"{name} holds {word}"))


def scenario(folder, text, parent=MAIN):
    path = folder / "question.yaml"
    path.write_text(f"extends: {os.path.relpath(parent, folder)}\n{text}", encoding="utf-8")
    return path


@pytest.fixture(scope="module", params=[MAIN, SEVERAL], ids=["two strategies", "five strategies"])
def answer(request, tmp_path_factory):
    return Answer(request.param, tmp_path_factory.mktemp("run") / "out", trace=2)


# What is written


def test_every_file_of_a_run_is_written_and_nothing_else(answer):
    assert {path.name for path in answer.folder.iterdir()} == {
        *FOLDER_OF_A_RUN,
        "events.csv",
    }
    assert set(NAMES) == {*FOLDER_OF_A_RUN, *SUBGROUPS, "events.csv"}


@pytest.mark.parametrize("name", sorted(set(TABLES) - SUBGROUPS))
def test_columns_are_the_documented_ones(answer, name):
    with (answer.folder / name).open(encoding="utf-8", newline="") as stream:
        header, *rows = csv.reader(stream)
    assert tuple(header) == TABLES[name].names
    assert rows
    assert {len(row) for row in rows} == {len(header)}


def texts(folder):
    return [path for path in folder.iterdir() if path.suffix in {".csv", ".json", ".txt"}]


@pytest.fixture(scope="module")
def drawn_folder(tmp_path_factory):
    """A run of few patients with seed 0, its figures drawn."""
    folder = tmp_path_factory.mktemp("drawn") / "out"
    with drawn():
        return Answer(MAIN, folder, patients=60, seed=0, trace=1).folder


@pytest.fixture(scope="module")
def drawn_folder_of_several(tmp_path_factory):
    with drawn():
        return Answer(SEVERAL, tmp_path_factory.mktemp("several") / "out", patients=60).folder


@pytest.mark.parametrize(
    "folder",
    ["drawn_folder", pytest.param("drawn_folder_of_several", marks=pytest.mark.slow)],
)
def test_every_figure_is_there_in_every_format(folder, request):
    folder = request.getfixturevalue(folder)
    starts = {".svg": b"<?xml", ".png": b"\x89PNG", ".pdf": b"%PDF"}
    assert len(FIGURES) == 3 * len(RunResult.FIGURES) == 15
    for name in FIGURES:
        path = folder / name
        assert path.read_bytes().startswith(starts[path.suffix])


def test_files_end_with_one_newline_and_hold_no_carriage_return(answer):
    for path in texts(answer.folder):
        content = path.read_bytes()
        assert content.endswith(b"\n")
        assert not content.endswith(b"\n\n")
        assert b"\r" not in content


def test_summary_has_the_frame_that_other_programs_read(answer):
    """The keys that are promised; more may stand beside them."""
    summary = answer.json("summary.json")
    assert set(summary) >= {"scenario", "patients", "seed", "engine", "strategies", "increments"}
    assert summary["patients"] == N
    assert summary["seed"] == 2
    outcomes = {
        *("life_years", "life_years_undiscounted", "qalys", "cost", "cost.drug"),
        *("response_percent", "mrd_negative_percent", "hct_ever_percent"),
        *("hct_in_remission_percent", "os_median_months", "rfs_median_months"),
        *(f"os_{months}_months_percent" for months in (12, 24, 36, 60)),
    }
    for strategy in summary["strategies"]:
        assert set(strategy["outcomes"]) >= outcomes
        for estimate in strategy["outcomes"].values():
            assert set(estimate) == {"mean", "se"}
    assert len(summary["increments"]) == len(summary["strategies"]) - 1
    for increment in summary["increments"]:
        assert {"strategy", "comparator", "cost", "qalys", "life_years", "icer"} <= set(increment)
        for name in ("cost", "qalys", "life_years"):
            assert set(increment[name]) == {"mean", "se"}
        assert increment["icer"] == pytest.approx(
            increment["cost"]["mean"] / increment["qalys"]["mean"], rel=1e-12
        )


def test_strategies_are_in_the_order_of_the_scenario(answer):
    names = [strategy.name for strategy in answer.question.scenario.strategies]
    assert [strategy["name"] for strategy in answer.json("summary.json")["strategies"]] == names
    for name in ("strategies.csv", "survival.csv", "ledger.csv", "events.csv"):
        assert list(answer.table(name)["strategy"].unique()) == names


# Files against each other


def same(value, cell):
    """Null in JSON is an empty cell; everything else is equal to the last bit."""
    return pd.isna(cell) if value is None else value == cell


def test_strategies_table_is_the_summary(answer):
    table = answer.table("strategies.csv").set_index(["strategy", "outcome"])
    expected = {
        (strategy["name"], outcome): (estimate["mean"], estimate["se"])
        for strategy in answer.json("summary.json")["strategies"]
        for outcome, estimate in strategy["outcomes"].items()
    }
    assert set(table.index) == set(expected)
    assert len(table) == len(expected)
    for key, (mean, se) in expected.items():
        assert same(mean, table.loc[key, "mean"])
        assert same(se, table.loc[key, "se"])


def test_increments_table_is_the_summary(answer):
    table = answer.table("increments.csv").set_index(["strategy", "comparator", "outcome"])
    expected = {}
    for increment in answer.json("summary.json")["increments"]:
        pair = (increment["strategy"], increment["comparator"])
        expected[*pair, "icer"] = (increment["icer"], increment["icer_se"])
        for threshold, benefit in increment["nmb"].items():
            expected[*pair, f"nmb_at_{threshold}"] = (benefit["mean"], benefit["se"])
        for outcome, estimate in increment.items():
            if isinstance(estimate, dict) and set(estimate) == {"mean", "se"}:
                expected[*pair, outcome] = (estimate["mean"], estimate["se"])
    assert set(table.index) == set(expected)
    for key, (mean, se) in expected.items():
        assert same(mean, table.loc[key, "mean"])
        assert same(se, table.loc[key, "se"])


@pytest.mark.parametrize(
    ("account", "outcome"), [("cost", "cost"), ("qaly", "qalys"), ("life_years", "life_years")]
)
def test_ledger_adds_up_to_the_summary(answer, account, outcome):
    """Relative tolerance 1e-9: the order of the sums is another one."""
    ledger = answer.table("ledger.csv")
    ledger = ledger[ledger["account"] == account]
    for strategy in answer.json("summary.json")["strategies"]:
        rows = ledger[ledger["strategy"] == strategy["name"]]
        for suffix, column in (("", "discounted"), ("_undiscounted", "undiscounted")):
            total = strategy["outcomes"][f"{outcome}{suffix}"]["mean"]
            assert rows[column].sum() == pytest.approx(total, rel=1e-9)
            for category, part in rows.groupby("category")[column].sum().items():
                if account != "life_years":
                    mean = strategy["outcomes"][f"{outcome}{suffix}.{category}"]["mean"]
                    assert part == pytest.approx(mean, rel=1e-9, abs=1e-12)


def test_ledger_has_one_row_for_each_place(answer):
    ledger = answer.table("ledger.csv")
    places = ["strategy", "account", "category", "line", "state"]
    assert not ledger.duplicated(places).any()
    assert ledger["line"].min() == 1


# Survival


def curves(answer):
    table = answer.table("survival.csv")
    found = dict(iter(table.groupby(["strategy", "endpoint"])))
    assert len(found) == 3 * len(answer.simulation.arms)
    return found


def test_survival_starts_at_100_and_never_rises(answer):
    for curve in curves(answer).values():
        assert curve["months"].tolist() == list(range(121))
        assert curve["survival_percent"].iloc[0] == 100.0
        assert curve["survival_percent"].is_monotonic_decreasing
        assert curve["survival_percent"].between(0.0, 100.0).all()
        assert curve["at_risk"].is_monotonic_decreasing


def test_patients_at_risk_are_all_at_first_and_then_the_survivors(answer):
    for (strategy, endpoint), curve in curves(answer).items():
        rows = answer.simulation.arm(strategy).outcomes
        entered = rows["response"].sum() if endpoint == "rfs" else N
        assert curve["at_risk"].iloc[0] == entered
        assert (curve["at_risk"] <= entered).all()
        share = 100 * curve["at_risk"] / entered
        np.testing.assert_allclose(curve["survival_percent"], share, rtol=1e-12)


def test_survival_counts_patients(answer):
    """By another route: patients are counted month by month."""
    month = 30.4375
    for arm in answer.simulation.arms:
        rows = arm.outcomes
        first = rows[["relapse_days", "death_days"]].min(axis=1)
        responders = rows["response"]
        times = {
            "os": rows["death_days"],
            "efs": first.where(responders, 0.0),
            "rfs": (first - rows["remission_days"])[responders],
        }
        for endpoint, days in times.items():
            curve = curves(answer)[arm.strategy.name, endpoint].set_index("months")["at_risk"]
            for months in (1, 6, 24, 120):
                assert curve[months] == (days > months * month).sum()


def test_survival_of_the_summary_is_that_of_the_curve(answer):
    for strategy in answer.json("summary.json")["strategies"]:
        curve = curves(answer)[strategy["name"], "os"].set_index("months")["survival_percent"]
        for months in (12, 24, 36, 60):
            mean = strategy["outcomes"][f"os_{months}_months_percent"]["mean"]
            assert curve[months] == pytest.approx(mean, rel=1e-12)


def test_event_free_survival_is_below_overall_survival(answer):
    for arm in answer.simulation.arms:
        os_, efs = (
            curves(answer)[arm.strategy.name, endpoint]["at_risk"].to_numpy()
            for endpoint in ("os", "efs")
        )
        assert (efs <= os_).all()


def test_curves_end_where_nobody_was_followed_any_longer(tmp_path):
    """Horizon 2 years: OS and EFS to month 24, RFS less the time to the last remission."""
    path = scenario(tmp_path, "horizon_years: 2\n")
    answer = Answer(path, tmp_path / "out")
    found = curves(answer)
    for (strategy, endpoint), curve in found.items():
        rows = answer.simulation.arm(strategy).outcomes
        last = rows.loc[rows["response"], "remission_days"].max()
        expected = math.floor((730.5 - last) / 30.4375) if endpoint == "rfs" else 24
        assert curve["months"].tolist() == list(range(expected + 1))


# Inputs


def test_inputs_are_what_the_run_used(answer):
    table = answer.table("inputs.csv")
    question = answer.question
    assert table["name"].tolist() == sorted(question.used)
    assert table["value"].tolist() == [question.numbers[name] for name in sorted(question.used)]
    assert not table["changed"].any()
    counts = Counter(table["status"])
    inputs = answer.json("summary.json")["inputs"]
    assert inputs["used"] == len(table)
    assert {status: inputs[status] for status in counts} == dict(counts)


def test_inputs_say_what_the_scenario_changed(tmp_path):
    path = scenario(tmp_path, "parameters: {cost.inpatient_day: 1234.5}\n")
    answer = Answer(path, tmp_path / "out", patients=5)
    table = answer.table("inputs.csv").set_index("name")
    assert table.index[table["changed"]].tolist() == ["cost.inpatient_day"]
    assert table.loc["cost.inpatient_day", "value"] == 1234.5
    assert answer.json("summary.json")["inputs"]["changed_by_scenario"] == 1


# Events


def test_events_are_those_of_the_first_patients(answer):
    table = answer.table("events.csv")
    assert sorted(table["patient"].unique()) == [0, 1]
    for (strategy, patient), events in table.groupby(["strategy", "patient"]):
        assert events["day"].is_monotonic_increasing
        assert events["event"].iloc[0] == "entry"
        assert events["event"].iloc[-1] in {"death", "horizon"}
        rows = answer.simulation.arm(strategy).outcomes
        if events["event"].iloc[-1] == "death":
            assert events["day"].iloc[-1] == rows.loc[patient, "death_days"]
        cycles = events[(events["event"] == "cycle_started") & (events["line"] == 1)]
        assert cycles["cycle"].tolist() == list(
            range(1, rows.loc[patient, "cycles_first_line"] + 1)
        )


# Few patients, and what cannot be estimated


@pytest.mark.parametrize("patients", [1, 2])
@pytest.mark.parametrize("seed", range(4))
def test_one_or_two_patients_give_null_and_empty_cells_instead_of_nan(tmp_path, patients, seed):
    """Warnings are errors here; `Answer.json` refuses NaN and Infinity."""
    answer = Answer(MAIN, tmp_path / "out", patients=patients, seed=seed)
    for strategy in answer.json("summary.json")["strategies"]:
        assert (strategy["outcomes"]["cost"]["se"] is None) == (patients == 1)
        assert strategy["outcomes"]["cost"]["mean"] > 0
    for name in ("strategies.csv", "increments.csv", "survival.csv", "ledger.csv"):
        text = (answer.folder / name).read_text(encoding="utf-8")
        assert not re.search(r"\b(nan|inf)\b", text, re.IGNORECASE)
    test_strategies_table_is_the_summary(answer)
    test_increments_table_is_the_summary(answer)


def test_median_that_is_not_reached_is_null_and_empty(tmp_path):
    """Within a month most of 50 patients live, and few have relapsed."""
    answer = Answer(scenario(tmp_path, "horizon_years: 0.08\n"), tmp_path / "out", patients=50)
    for strategy in answer.json("summary.json")["strategies"]:
        assert strategy["outcomes"]["os_median_months"] == {"mean": None, "se": None}
    test_strategies_table_is_the_summary(answer)
    for curve in curves(answer).values():
        assert curve["months"].tolist() == [0]


def test_strategy_without_a_regimen_has_files_too(tmp_path):
    """Nobody responds: RFS has nobody at risk, and no survival."""
    text = (
        "comparator: nothing\nstrategies: [{name: nothing, sequence: [], then: supportive_care}]\n"
    )
    answer = Answer(scenario(tmp_path, text), tmp_path / "out", patients=20)
    curve = answer.table("survival.csv").query("endpoint == 'rfs'")
    assert (curve["at_risk"] == 0).all()
    assert curve["survival_percent"].isna().all()
    assert answer.table("increments.csv").empty
    assert answer.json("summary.json")["increments"] == []


# The same bytes


def test_two_runs_write_the_same_bytes_wherever_they_are_started(drawn_folder, tmp_path):
    """Other folder, working directory, hash seed, locale and time zone; seed 0 is a seed."""
    asked = f"run {MAIN} --out {tmp_path / 'out'} --patients 60 --seed 0 --trace 1"
    there = {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "2", "LC_ALL": "C", "TZ": "Asia/Tokyo"}
    done = subprocess.run(
        [sys.executable, "-m", "sim", *asked.split()],
        cwd=tmp_path,
        env={**os.environ, **there},
        capture_output=True,
        check=False,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert contents(tmp_path / "out").keys() == {*FOLDER_OF_A_RUN, "events.csv"}
    assert contents(tmp_path / "out") == contents(drawn_folder)


def test_another_seed_writes_other_results(tmp_path):
    one, other = (Answer(MAIN, tmp_path / str(seed), patients=20, seed=seed) for seed in (2, 3))
    assert contents(other.folder)["strategies.csv"] != contents(one.folder)["strategies.csv"]


# Provenance


def test_provenance_is_enough_to_make_the_run_again(answer):
    said = answer.json("provenance.json")
    assert said["program"] == "blinsim"
    assert said["version"] == sim.__version__
    assert (said["seed"], said["patients"]) == (2, N)
    assert said["scenario"] == Path(answer.question.loaded.file).name
    assert re.fullmatch(r"[0-9a-f]{64}", said["scenario_sha256"])
    assert said["commit"] is None or re.fullmatch(r"[0-9a-f]{40}(\+changed)?", said["commit"])
    assert {"numpy", "pandas", "scipy", "simpy"} <= set(said["packages"])


def test_no_file_tells_of_the_machine_or_its_user(answer):
    written = [*texts(answer.folder), *answer.folder.glob("*.svg")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in written)
    for secret in {str(ROOT), str(answer.folder.parent), str(Path.home()), socket.gethostname()}:
        assert secret not in text
    said = json.dumps(answer.json("provenance.json"))
    assert "/" not in said
    assert not re.search(rf"\b{re.escape(getpass.getuser())}\b", said)


def fingerprint_of(folder, text, **asked):
    return fingerprint(ask(scenario(folder, text), **asked))


def test_fingerprint_tells_questions_apart_and_not_their_words(tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("age,mx_male,mx_female\n18,0.01,0.01\n85,0.01,0.01\n", encoding="utf-8")
    same_question = {
        fingerprint_of(tmp_path, ""),
        fingerprint_of(tmp_path, "title: Other words\n"),
        fingerprint_of(tmp_path, "life_table: us_2019\n"),
        fingerprint_of(tmp_path, "patients: 1000000\nseed: 1\n"),
        fingerprint_of(tmp_path, "patients: 7\n", patients=1_000_000),
    }
    assert len(same_question) == 1
    own_table = fingerprint_of(tmp_path, "life_table: table.csv\n")
    table.write_text("age,mx_male,mx_female\n18,0.01,0.01\n85,0.01,0.02\n", encoding="utf-8")
    others = [
        own_table,
        fingerprint_of(tmp_path, "life_table: table.csv\n"),
        fingerprint_of(tmp_path, "seed: 2\n"),
        fingerprint_of(tmp_path, "patients: 9\n"),
        fingerprint_of(tmp_path, "horizon_years: 5\n"),
        fingerprint_of(tmp_path, "parameters: {cost.inpatient_day: 1}\n"),
        fingerprint_of(tmp_path, "discounting: {costs: 0.01}\n"),
        fingerprint_of(tmp_path, "switches: {toxicity: false}\n"),
    ]
    assert len({*others, *same_question}) == len(others) + 1


def test_commit_is_that_of_the_program_whatever_a_hook_says(monkeypatch, tmp_path):
    expected = commit()
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / ".git"))
    monkeypatch.chdir(tmp_path)
    assert commit() == expected


def test_program_without_a_repository_or_git_has_no_commit(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert commit() is None


# Citations


def cited(text):
    """Join each paragraph to one line again."""
    return [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]


def test_citations_are_the_sources_of_what_was_used_and_no_other(answer):
    question = answer.question
    catalogue = question.catalogue
    wanted = {key for name in question.used for key in question.parameters[name].sources}
    wanted |= set(catalogue.life_tables[question.perspective.life_table].sources)
    wanted |= set(catalogue.indices[question.perspective.price_index].sources)
    paragraphs = cited((answer.folder / "citations.txt").read_text(encoding="utf-8"))
    for key, source in catalogue.sources.items():
        found = [p for p in paragraphs if p.startswith(source.citation)]
        assert len(found) == (key in wanted and source.kind != "internal")
        if found and source.doi:
            assert source.doi in found[0]
    assert any(p.startswith(PROGRAM) for p in paragraphs)
    # Two more: what is asked, and the program.
    assert len(paragraphs) - 2 == len(published_sources(question))


def test_each_source_names_the_numbers_that_rest_on_it(answer):
    question = answer.question
    for key, names in sources_used(question).items():
        for name in names:
            if not name.startswith(("life table ", "price index ")):
                assert key in question.parameters[name].sources
    paragraphs = cited((answer.folder / "citations.txt").read_text(encoding="utf-8"))
    marks = next(p for p in paragraphs if p.startswith("Marks"))
    assert "hospital.salvage_chemotherapy.first_cycle_days" in marks


def test_number_of_the_scenario_rests_on_no_source(tmp_path):
    """The two prices of the vial are the only numbers from their two sources."""
    before = citations(ask(MAIN))
    text = "parameters: {cost.blinatumomab.vial: 4000}\n"
    after = citations(ask(scenario(tmp_path, text)))
    assert "TechTimes" in before
    assert "TechTimes" not in after
    assert "Set by the scenario" in cited(after)[-1]
    assert "cost.blinatumomab.vial" in cited(after)[-1]


def test_life_table_is_cited_only_where_it_is_used(tmp_path):
    assert "Arias" in citations(ask(MAIN))
    off = scenario(tmp_path, "horizon_years: 5\nswitches: {background_mortality: false}\n")
    assert "Arias" not in citations(ask(off))
    (tmp_path / "own.csv").write_text(
        "age,mx_male,mx_female\n18,0.1,0.1\n85,0.1,0.1\n", encoding="utf-8"
    )
    assert "Arias" not in citations(ask(scenario(tmp_path, "life_table: own.csv\n")))


def test_program_is_cited_as_in_the_citation_file():
    said = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert said["title"] in PROGRAM
    assert f"version {said['version']}. {said['date-released'].year}." in PROGRAM
    assert said["authors"][0]["name"] in PROGRAM


# The files and what is asked for elsewhere


def test_json_text_is_the_file(answer):
    text = summary_json(answer.simulation, answer.summary)
    assert text == (answer.folder / "summary.json").read_text(encoding="utf-8")


def test_provenance_is_the_file(answer):
    assert answer.json("provenance.json") == provenance(answer.simulation.question)
