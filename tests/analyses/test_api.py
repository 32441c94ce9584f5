"""From Python come the same answers and the same files as from the command line."""

import io
import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import sim
from sim import (
    Result,
    Scenario,
    UserError,
    agreement,
    budget,
    capacity,
    compare,
    explain,
    morris,
    price,
    psa,
    run,
    severity,
    sobol,
    threshold,
    tornado,
    trial,
    twoway,
    validate,
    voi,
    what_if,
)
from sim.analyses.shared.result import SYNONYMS
from sim.cli import commands
from sim.layout.text import DISCLAIMER
from tests.support.figures import drawn, sketched
from tests.support.places import ROOT, SMALLER
from tests.support.programs import contents

MAIN = ROOT / "scenarios" / "first_salvage.yaml"
LATER = ROOT / "scenarios" / "later_salvage.yaml"
BASE = SMALLER / "first_salvage.yaml"
AGREED = SMALLER / "agreements.yaml"
BEDS = SMALLER / "transplant_beds.yaml"
ENGLAND = SMALLER / "nhs_first_salvage.yaml"
SPENT = SMALLER / "nhs_budget_impact.yaml"
FEW = ("--patients", "30", "--seed", "3")
DRAWN = ("--draws", "4", "--patients", "30", "--seed", "3", "--no-cache")
VIAL, DAY = "cost.blinatumomab.vial", "cost.inpatient_day"
HEAVY = {"numpy", "pandas", "numba", "pydantic", "click", "rich", "scipy", "matplotlib", "yaml"}


@cache
def asked(path=MAIN):
    return Scenario.load(path).with_(patients=30, seed=3)


def whole(path=BASE):
    """The question with its own number of patients, those of the base case of `psa`."""
    return Scenario.load(path).with_(seed=3)


# Each question as a command and from Python.
QUESTIONS = {
    "run": (("run", MAIN, *FEW, "--trace", "1"), lambda: run(asked(), trace=1)),
    "psa": (
        ("psa", BASE, *DRAWN),
        lambda: psa(whole(), draws=4, patients=30, cached=False),
    ),
    "tornado": (
        ("tornado", MAIN, *FEW, "--outcome", "cost", "--top", "7"),
        lambda: tornado(asked(), outcome="cost", top=7),
    ),
    "sobol": (("sobol", MAIN, *FEW, "--draws", "2"), lambda: sobol(asked(), draws=2)),
    "compare": (("compare", MAIN, LATER, *FEW), lambda: compare(asked(), asked(LATER))),
    "price": (
        ("price", BASE, *DRAWN, "--regimen", "blinatumomab"),
        lambda: price(whole(), "blinatumomab", draws=4, patients=30, cached=False),
    ),
    "agreement": (
        ("agreement", AGREED, "--draws", "4", "--patients", "20", "--seed", "3"),
        lambda: agreement(AGREED, draws=4, patients=20, seed=3),
    ),
    "budget": (
        ("budget", SPENT, *DRAWN),
        lambda: budget(whole(SPENT), draws=4, patients=30, cached=False),
    ),
    "severity": (
        ("severity", ENGLAND, *DRAWN),
        lambda: severity(whole(ENGLAND), draws=4, patients=30, cached=False),
    ),
    "voi": (
        (
            *("voi", BASE, "--draws", "40", *DRAWN[2:], "--group", "prices=cost.*"),
            *("--threshold", "90000", "--incidence", "100", "--years", "5"),
        ),
        lambda: voi(
            whole(),
            draws=40,
            patients=30,
            groups={"prices": ["cost.*"]},
            thresholds=[90_000],
            incidence=100,
            years=5,
            cached=False,
        ),
    ),
    "trial": (
        (
            *("trial", BASE, "--draws", "40", *DRAWN[2:], "--n", "10,20", "--follow-up", "12"),
            *("--threshold", "90000", "--incidence", "100", "--years", "5", "--outcome", "hct"),
        ),
        lambda: trial(
            whole(),
            n=(10, 20),
            outcomes=["hct"],
            draws=40,
            patients=30,
            follow_up=12,
            thresholds=[90_000],
            incidence=100,
            years=5,
            cached=False,
        ),
    ),
    "twoway": (
        ("twoway", MAIN, *FEW, "--x", VIAL, "--y", DAY, "--steps", "2", "--y-range", "100,3000"),
        lambda: twoway(asked(), VIAL, DAY, steps=2, y_range=(100.0, 3000.0)),
    ),
    "threshold": (
        ("threshold", MAIN, *FEW, "--parameter", VIAL, "--range", "0,20000"),
        lambda: threshold(asked(), VIAL, range=(0.0, 20_000.0)),
    ),
    "morris": (
        ("morris", MAIN, *FEW, "--trajectories", "2", "--groups", "default", "--top", "5"),
        lambda: morris(asked(), trajectories=2, groups="default", top=5),
    ),
    "what-if": (
        ("what-if", MAIN, *FEW, "--threshold", "70000"),
        lambda: what_if(asked(), threshold=70_000.0),
    ),
    "capacity": (
        ("capacity", BEDS, *FEW, "--beds", "1:2", "--threshold", "70000"),
        lambda: capacity(BEDS, beds="1:2", threshold=70_000, patients=30, seed=3),
    ),
    "validate": (
        ("validate", "tower", "--draws", "50"),
        lambda: validate("tower", draws=50),
    ),
    "explain": (
        ("explain", MAIN, "--seed", "3", "--find", "transplanted", "--among", "200"),
        lambda: explain(asked(), find="transplanted", among=200),
    ),
}


EVERY = [
    pytest.param(name, marks=pytest.mark.slow) if name in {"price", "voi"} else name
    for name in QUESTIONS
]


READABLE = [each for each in EVERY if each not in ("compare", "explain")]


@pytest.fixture(scope="session")
def found():
    """Return a function that answers one of the questions from Python, once."""
    return cache(lambda name: QUESTIONS[name][1]())


@pytest.fixture(scope="session")
def written(found, tmp_path_factory):
    """Return a function that gives the files of an answer, which it writes once."""

    @cache
    def files(name):
        folder = tmp_path_factory.mktemp("python") / name
        with sketched():
            found(name).write(folder)
        return contents(folder)

    return files


def invoke(*arguments):
    result = CliRunner().invoke(commands, [str(each) for each in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


# The same as the commands


@pytest.mark.parametrize("name", EVERY)
def test_files_and_words_are_those_of_the_command_byte_for_byte(name, found, written, tmp_path):
    """Commands that can be interrupted write as they go; from Python the same is written later."""
    arguments, _ = QUESTIONS[name]
    printed = invoke(*arguments, "--out", tmp_path)
    assert written(name) == contents(tmp_path)
    words, _, folder = printed.rpartition("Files: ")
    assert folder == f"{tmp_path}\n"
    assert str(found(name)) == words
    assert found(name).json().encode() in written(name).values()


@pytest.mark.parametrize("name", READABLE)
def test_an_answer_read_back_from_its_files_is_the_one_that_was_computed(name, found, tmp_path):
    """To the last bit: its tables, its words and every file that it would write, figures too."""
    computed = found(name)
    computed.write(tmp_path)
    if name == "validate":
        again = type(computed).read(tmp_path)
    else:
        top = {"tornado": {"top": 7}, "morris": {"top": 5}}
        paths = {**dict.fromkeys(("psa", "price", "voi", "trial"), BASE), "severity": ENGLAND}
        paths |= {"budget": SPENT, "agreement": AGREED, "capacity": BEDS}
        path = paths.get(name, MAIN)
        again = type(computed).read(path, tmp_path, **top.get(name, {}))
    assert again.tables.keys() == computed.tables.keys()
    for stem, table in computed.tables.items():
        pd.testing.assert_frame_equal(again.tables[stem], table, check_exact=True)
    assert str(again) == str(computed)
    assert again.json() == computed.json()
    files, read = computed.files(), again.files()
    assert [key for key in files if key != "manifest.json" and read[key] != files[key]] == []


def test_an_answer_to_another_question_is_not_read(found, tmp_path):
    found("what-if").write(tmp_path)
    with pytest.raises(UserError, match="holds other results than .* gives now") as refused:
        type(found("what-if")).read(LATER, tmp_path)
    assert refused.value.key == "scenario_sha256"


@pytest.mark.parametrize("name", EVERY)
def test_tables_are_those_of_the_files(name, found, written):
    files = written(name)
    for stem, table in found(name).tables.items():
        if f"{stem}.csv" in files:
            assert files[f"{stem}.csv"] == table.to_csv(index=False, lineterminator="\n").encode()
        else:
            read = pd.read_parquet(io.BytesIO(files[f"{stem}.parquet"]))
            pd.testing.assert_frame_equal(read, table)
    kept = {Path(file).stem for file in files if file.endswith((".csv", ".parquet"))}
    assert kept == set(found(name).tables)


def test_patients_are_those_of_the_parquet_file(tmp_path):
    answer = run(asked(), patients_out=tmp_path / "patients.parquet")
    pd.testing.assert_frame_equal(answer.patients, pd.read_parquet(tmp_path / "patients.parquet"))


def test_parameters_are_those_of_the_command():
    changed = asked().with_(parameters={"utility.on_treatment": 0.5})
    text = changed.parameters.to_csv(index=False, lineterminator="\n")
    plain = asked().parameters.to_csv(index=False, lineterminator="\n")
    assert plain == invoke("parameters", "--scenario", MAIN, "--csv")
    (row,) = (line for line in text.splitlines() if ",utility.on_treatment," in line)
    assert ",0.5," in row
    assert text != plain


def test_a_scenario_prints_as_show_does(monkeypatch):
    monkeypatch.chdir(ROOT)
    path = "scenarios/nhs_first_salvage.yaml"
    assert str(Scenario.load(path)) == invoke("show", path)


@pytest.mark.parametrize("name", ["run", "tornado", "what-if"])
def test_files_are_written_into_the_folder_that_is_named(name, written, tmp_path):
    asks = {
        "run": lambda: run(MAIN, patients=30, seed=3, trace=1, out=tmp_path),
        "tornado": lambda: tornado(MAIN, patients=30, seed=3, outcome="cost", top=7, out=tmp_path),
        "what-if": lambda: what_if(MAIN, patients=30, seed=3, threshold=70_000, out=tmp_path),
    }
    asks[name]()
    assert contents(tmp_path) == written(name)


def test_a_scenario_may_be_given_by_the_path_of_its_file(found, monkeypatch):
    monkeypatch.chdir(ROOT)
    relative = "scenarios/first_salvage.yaml"
    assert run(relative, patients=30, seed=3, trace=1).json() == found("run").json()
    assert compare(MAIN, str(LATER), patients=30, seed=3).json() == found("compare").json()
    assert threshold(MAIN, VIAL, range=(0, 20_000), patients=30, seed=3).json() == (
        found("threshold").json()
    )


def test_a_former_name_of_a_command_still_works(found):
    printed = invoke("scenarios", MAIN, *FEW, "--threshold", "70000")
    assert printed == invoke("what-if", MAIN, *FEW, "--threshold", "70000")
    assert printed == str(found("what-if"))


# In a notebook


@pytest.mark.parametrize("name", EVERY)
def test_a_notebook_shows_the_answer_and_that_it_is_no_advice(name, found):
    shown = found(name)._repr_html_()
    assert "<table" in shown
    assert DISCLAIMER in shown
    assert "<script" not in shown
    assert DISCLAIMER in asked()._repr_html_()


def test_html_holds_every_number_that_is_printed(found):
    shown, printed = found("run")._repr_html_(), str(found("run"))
    line = next(line for line in printed.splitlines() if line.startswith("QALYs  "))
    for value, error in zip(line.split()[1::2], line.split()[2::2], strict=True):
        assert f">{value}<span" in shown
        assert f"{error}</span>" in shown


def test_html_escapes_what_a_scenario_says():
    title = "<b>bold</b> & more"
    shown = asked().with_(title=title)._repr_html_()
    assert "&lt;b&gt;bold&lt;/b&gt; &amp; more" in shown
    assert title not in shown


@pytest.mark.parametrize("first", [sketched, pytest.param(drawn, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", EVERY)
def test_every_figure_is_shown_as_wide_as_in_print(name, first, found):
    answer = found(name)
    for number, figure in enumerate(answer.FIGURES):
        picture = answer.plot(figure)
        with first() if number == 0 else sketched():
            data, sizes = picture._repr_mimebundle_()
        assert data["image/png"].startswith(b"\x89PNG")
        inches = picture.figure.get_size_inches()
        assert sizes["image/png"]["width"] == round(96 * inches[0])
        assert type(answer.figure(figure)) is type(picture.figure)


def test_a_figure_that_is_not_there_is_refused(found):
    with pytest.raises(UserError, match="did you mean 'flow'"):
        found("run").plot("floww")
    names = "costs, flow, frontier, survival_os, survival_rfs"
    with pytest.raises(UserError, match=f"has no such figure .* Allowed: {names}"):
        found("run").plot("nothing")
    with pytest.raises(UserError, match="has no such figure"):
        found("compare").plot("costs")


@pytest.mark.parametrize(
    ("name", "usual", "figure"),
    [
        ("run", "survival", "survival_os"),
        ("run", "rfs", "survival_rfs"),
        ("psa", "CEAC", "acceptability"),
        ("compare", "os", "survival_os"),
    ],
)
def test_a_figure_has_its_usual_name_as_well(name, usual, figure, found):
    assert repr(found(name).plot(usual)) == repr(found(name).plot(figure))


def test_every_usual_name_is_of_a_figure():
    kinds = [getattr(sim, name) for name in sim.__all__ if name.endswith("Result")]
    drawn = {figure for kind in kinds for figure in kind.FIGURES}
    assert set(SYNONYMS.values()) <= drawn
    assert not set(SYNONYMS) & drawn


# Changes


def test_changes_leave_the_scenario_as_it_is():
    before = Scenario.load(MAIN)
    text, question = str(before), before.question
    after = before.with_(
        patients=np.int64(50),
        parameters={"cost.blinatumomab.vial": np.float64(2000.0)},
        switches={"toxicity": False},
        thresholds=(1000, 2000.0),
    )
    assert str(before) == text
    assert before.question is question
    assert before.patients == 1_000_000
    assert question.numbers["cost.blinatumomab.vial"] != 2000.0
    assert (after.patients, after.thresholds) == (50, (1000, 2000.0))
    assert after.question.numbers["cost.blinatumomab.vial"] == 2000.0
    assert after.question.model.settings.toxicity is False


def test_what_ifs_stay_where_only_patients_and_seed_change():
    scenario = Scenario.load(MAIN)
    assert asked().question.scenario.what_ifs == scenario.question.scenario.what_ifs != {}
    assert scenario.with_(patients=30, horizon_years=5).question.scenario.what_ifs == {}


def test_changes_add_up():
    vial, day = "cost.blinatumomab.vial", "cost.inpatient_day"
    once = Scenario.load(MAIN).with_(parameters={vial: 1.0}).with_(parameters={day: 2.0})
    assert (once.question.numbers[vial], once.question.numbers[day]) == (1.0, 2.0)
    assert "  # with_" in str(once)


def test_a_result_does_not_change_with_its_tables(found):
    table = found("run").strategies
    table["mean"] = 0.0
    assert found("run").strategies["mean"].abs().sum() > 0.0


def test_strategies_are_given_as_in_a_file():
    both = Scenario.load(MAIN).with_(
        comparator="ino",
        strategies=[
            {"name": "ino", "sequence": ["inotuzumab"], "then": "usual_care"},
            {"name": "blin", "sequence": ("blinatumomab",), "then": "supportive_care"},
        ],
    )
    assert both.strategies == ("ino", "blin")
    assert both.comparator == "ino"


def test_a_life_table_is_found_from_the_working_folder(tmp_path, monkeypatch):
    rows = "\n".join(f"{age},0.5,0.5" for age in (0, 100))
    (tmp_path / "table.csv").write_text(f"age,mx_male,mx_female\n{rows}\n")
    monkeypatch.chdir(tmp_path)
    own = asked().with_(life_table=Path("table.csv"))
    assert own.question.model.life_table_male != asked().question.model.life_table_male


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"patiens": 3}, "with_: patiens: unknown key (got 'patiens'); did you mean 'patients'?"),
        (
            {"parameters": {"cost.blinatumomab.vail": 1.0}},
            "this scenario uses no such parameter; did you mean 'cost.blinatumomab.vial'?",
        ),
        ({"parameters": {"utility.on_treatment": 1.5}}, "parameters.utility.on_treatment: "),
        ({"switches": {"toxicty": True}}, "did you mean 'toxicity'?"),
        ({"switches": {"toxicity": 1}}, "switches.toxicity: must be true or false (got 1)"),
        ({"patients": 0}, "with_: patients: must be at least 1 (got 0)"),
        ({"patients": 10.5}, "patients: must be a whole number"),
        ({"comparator": "blina"}, "did you mean 'blinatumomab'?"),
        ({"perspective": "nhs"}, "no such perspective (got 'nhs')"),
        (
            {"strategies": [{"name": "x", "sequence": ["blina"], "then": "usual_care"}]},
            "comparator: must be the name of a strategy",
        ),
        ({"life_table": "nowhere.csv"}, "life_table: no such file"),
        ({"parameters": {1: 2.0}}, "must be text (got 1)"),
        ({"seed": None}, "seed: has no value"),
    ],
)
def test_a_wrong_change_is_a_user_error_with_key_and_nearest_name(changes, says):
    with pytest.raises(UserError) as error:
        Scenario.load(MAIN).with_(**changes)
    assert says in str(error.value)


# Mistakes in the words of Python


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda s: Scenario.load("nowhere.yaml"), "nowhere.yaml"),
        (lambda s: run("nowhere.yaml"), "nowhere.yaml: "),
        (lambda s: run(7), "scenario: must be a scenario or the path of one (got 'int')"),
        (lambda s: run(s, patients=0), "patients: must be a whole number from 1 to 1,000,000,000"),
        (lambda s: run(s, out=MAIN), "out: is a file, not a folder (got"),
        (lambda s: run(s, engine="cor"), "engine: is not one of the allowed words (got 'cor')"),
        (lambda s: run(s, threads=0), "threads: must be a whole number from 1 to 1,024 (got 0)"),
        (lambda s: run(s, trace=-1), "trace: must be a whole number of at least 0 (got -1)"),
        (lambda s: run(s, patients_out=ROOT), "patients_out: is a folder, not a file"),
        (lambda s: psa(s, draws=1), "draws: must be a whole number from 2 to 1,000,000 (got 1)"),
        (lambda s: psa(s, draws=2.5), "draws: must be a whole number"),
        (lambda s: psa(s, se=0.0), "se: must be a number above 0 (got 0.0)"),
        (lambda s: psa(s, se=1.0, draws=5, patients=5), "se: chooses numbers, and both are given"),
        (lambda s: psa(s, resume=True), "resume: needs the folder of the unfinished results"),
        (lambda s: psa(s, draws=2, patients=2, out=MAIN), "out: is a file, not a folder"),
        (lambda s: tornado(s, strategy="chemo"), "strategy: no such strategy (got 'chemo')"),
        (lambda s: tornado(s, outcome="qalies"), "did you mean 'qalys'?"),
        (lambda s: tornado(s, threshold=-1), "threshold: must be a number above 0"),
        (lambda s: tornado(s, top=0), "top: must be a whole number of at least 1"),
        (lambda s: sobol(s, draws=3), "draws: must be a power of 2, at least 2 (got 3)"),
        (lambda s: sobol(s, groups="some"), "groups: is not one of the allowed words"),
        (
            lambda s: compare([s, s]),
            "scenarios: must be scenarios, one after the other (got 'list')",
        ),
        (lambda s: twoway(s, "cost.vial", DAY), "x: this scenario uses no such parameter"),
        (lambda s: twoway(s, DAY, DAY), "y: must be another parameter than x"),
        (lambda s: twoway(s, VIAL, DAY, steps=1), "steps: must be a whole number from 2 to 201"),
        (lambda s: twoway(s, VIAL, DAY, x_range=(-1.0, 2.0)), "x_range: cost.blinatumomab.vial: "),
        (lambda s: twoway(s, VIAL, DAY, y_range=(1, 2, 3)), "y_range: must be two numbers (got"),
        (lambda s: threshold(s, VIAL, range=("1", "b")), "range: must be two numbers"),
        (lambda s: threshold(s, VIAL, range=(5, 5)), "range: the second number must be above"),
        (lambda s: threshold(s, "relapse.sigmas"), "parameter: this scenario uses no such param"),
        (lambda s: morris(s, trajectories=1), "trajectories: must be a whole number from 2 to"),
        (lambda s: what_if(s.with_(horizon_years=5)), "what_ifs: has no what-ifs"),
        (lambda s: what_if(s, threshold=0), "threshold: must be a number above 0 (got 0)"),
        (lambda s: validate(draws=49), "draws: must be a whole number from 50 to 100,000"),
        (lambda s: validate("towr"), "study: the protocol has no cohort of it (got 'towr')"),
        (lambda s: compare(s), "scenarios: needs two scenarios or more to compare"),
        (lambda s: compare(s, s, names=["a", "a"]), "names: must be as many as the scenarios"),
        (lambda s: price(s, "blina"), "did you mean 'blinatumomab'?"),
        (lambda s: voi(s, incidence=5.0), "years: the value to the population needs both incid"),
        (lambda s: voi(s, thresholds=[0.0]), "thresholds: must be a number above 0"),
        (lambda s: explain(s, 1, find="crs"), "patient: patient and find exclude each other"),
        (lambda s: explain(s, -1), "patient: must be a whole number from 0 to"),
        (lambda s: explain(s, among=5), "among: says how many find looks through"),
        (lambda s: run(s).write(MAIN), f"out: is a file, not a folder (got '{MAIN}')"),
    ],
)
def test_a_mistake_names_the_argument_and_no_option(ask, says):
    with pytest.raises(UserError) as error:
        ask(asked().with_(patients=2))
    assert says in str(error.value)
    assert "--" not in str(error.value)


def test_the_command_line_tells_the_same_mistake_with_its_options():
    arguments = ("tornado", MAIN, "--patients", "2", "--strategy", "chemo")
    result = CliRunner().invoke(commands, [str(each) for each in arguments])
    assert result.exit_code == 2
    assert result.stderr.startswith("error: --strategy: no such strategy (got 'chemo')")


# The package


def test_importing_the_package_imports_nothing_heavy():
    code = "import sim, sys; print(' '.join(sorted({n.partition('.')[0] for n in sys.modules})))"
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True, encoding="utf-8"
    )
    assert HEAVY.isdisjoint(shown.stdout.split())


def test_every_public_name_is_there():
    assert {"run", "RunResult", "Scenario", "what_if"} < set(sim.__all__) <= set(dir(sim))
    for name in sim.__all__:
        assert getattr(sim, name).__module__ == sim._MODULES[name]
    with pytest.raises(AttributeError, match="has no attribute 'simulate'"):
        _ = sim.simulate


@pytest.mark.parametrize("name", EVERY)
def test_every_result_has_a_short_name_and_a_summary(name, found):
    assert isinstance(found(name), Result)
    named = {"validate": "tower", "severity": ENGLAND.stem, "budget": SPENT.stem}
    named["agreement"] = AGREED.stem
    named["capacity"] = BEDS.stem
    of = named.get(name, "first_salvage")
    assert repr(found(name)) == f"<{type(found(name)).__name__} of {of}>"
    assert json.loads(found(name).json()) == found(name).summary == found(name).to_dict()
