"""What the documentation of the public functions shows, runs; and scripts that use them have types."""

import doctest
import inspect
import subprocess
import sys

import pytest

import sim
from tests.support.places import ROOT

FINDER = doctest.DocTestFinder(exclude_empty=True, recurse=True)
FUNCTIONS = [name for name in sim.__all__ if inspect.isfunction(getattr(sim, name))]
EXAMPLES = {
    test.name: test
    for name in sim.__all__
    for test in FINDER.find(getattr(sim, name), name, globs={})
    if test.examples
}
SCRIPT = """
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from sim import PsaResult, Scenario, UserError, compare, explain, psa, run, sobol, tornado, voi, price
from sim import morris, threshold, twoway, validate, what_if


def analyse(path: Path) -> pd.DataFrame:
    scenario = Scenario.load(path)
    cheap = scenario.with_(
        patients=100,
        parameters={"cost.blinatumomab.vial": 2000.0},
        switches={"toxicity": False, "cure_point_years": None},
        horizon_years="lifetime",
    )
    answer = run(cheap, engine="reference", trace=1)
    answer.write(path.parent / "out")
    figure: Figure = answer.figure("os")
    figure.savefig("os.png")
    drawn: PsaResult = psa(cheap, draws=10, patients=10)
    drawn.plot("acceptability")
    try:
        tornado(cheap, outcome="qalys")
        sobol(cheap, groups="none", draws=4)
        price(cheap, "blinatumomab")
        voi(cheap, groups={"prices": ["cost.*"]})
        vial = "cost.blinatumomab.vial"
        twoway(cheap, vial, "relapse.sigma", steps=2, x_range=(0.0, 1.0)).grid.head()
        threshold(path, vial, range=(0.0, 1.0)).flips.head()
        morris(cheap, groups="default", trajectories=2).effects.head()
        what_if(str(path), patients=10).what_ifs.head()
        validate("tower", draws=50).to_dict()["draws"]
        print(explain(cheap, find="transplanted").patient + 1)
    except UserError as error:
        print(error.key, error.problem)
    return compare(scenario, cheap, names=["list", "cheap"]).differences
"""
MISTAKES = """
from sim import Scenario, run

scenario = Scenario.load("x.yaml")
scenario.with_(patiens=3)
scenario.with_(patients="3")
run(scenario, engine="fast")
run(scenario).increment
"""


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_an_example_shows_what_comes_out(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    told = []
    runner = doctest.DocTestRunner(optionflags=doctest.FAIL_FAST)
    runner.run(EXAMPLES[name], out=told.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(told)


def test_every_public_function_shows_an_example():
    assert set(FUNCTIONS) <= set(EXAMPLES)
    assert {"Scenario.load", "Scenario.with_", "Scenario.parameters"} <= set(EXAMPLES)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_argument_of_a_public_function_is_told(name):
    function = getattr(sim, name)
    told = inspect.getdoc(function)
    for section in ("Parameters\n", "Raises\n", "Examples\n"):
        assert section in told
    for argument in inspect.signature(function).parameters:
        assert f"{argument}\n" in told or f"{argument}," in told or f", {argument}" in told


def checked(folder, text):
    script = folder / "script.py"
    script.write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", str(script)],
        cwd=ROOT,
        capture_output=True,
        check=False,
        encoding="utf-8",
    )
    return done.stdout


@pytest.mark.slow
def test_a_script_that_uses_the_package_has_types(tmp_path):
    assert checked(tmp_path, SCRIPT).startswith("Success: no issues found")


@pytest.mark.slow
def test_types_tell_a_wrong_name_before_anything_runs(tmp_path):
    told = checked(tmp_path, MISTAKES)
    assert 'Unexpected keyword argument "patiens"' in told
    assert 'Argument "patients"' in told
    assert 'Argument "engine" to "run"' in told
    assert '"RunResult" has no attribute "increment"' in told
