"""EVPPI and EVSI beside those of mgcv, the R package behind SAVI and BCEA, from the same draws.

R reads the files of draws, fits its own generalised additive models to the incremental net benefit,
and answers with ``mean(max(0, fit)) - max(0, mean(fit))`` (Strong M et al., Med Decis Making
2014;34:311-26 and 2015;35:570-83).
"""

import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest

from sim import Scenario
from sim.analyses.export.draws import draw_tables
from sim.analyses.export.result import ExportResult
from sim.analyses.psa.analysis import answer
from sim.analyses.psa.draws_run import run_psa
from sim.analyses.trial.analysis import reports
from sim.analyses.trial.design import design_of, sizes_of
from sim.analyses.voi.analysis import perfect
from sim.analyses.voi.information import evppi
from tests.support.places import SCENARIOS

MAIN = SCENARIOS / "first_salvage.yaml"
THRESHOLD = 380_000.0
DRAWS = 2000
SCRIPT = """
suppressPackageStartupMessages(library(mgcv))
given <- commandArgs(trailingOnly = TRUE)
costs <- read.csv("costs.csv", check.names = FALSE)
effects <- read.csv("effects.csv", check.names = FALSE)
inputs <- read.csv(given[1], check.names = FALSE)
names(inputs) <- paste0("x", seq_along(inputs))
benefit <- as.numeric(given[2]) * (effects[[2]] - effects[[1]]) - (costs[[2]] - costs[[1]])
terms <- sprintf("s(%s, k = 6)", names(inputs))
if (length(inputs) > 1) {
  pairs <- combn(names(inputs), 2)
  terms <- c(terms, sprintf("ti(%s, %s, k = c(4, 4))", pairs[1, ], pairs[2, ]))
}
model <- gam(as.formula(paste("benefit ~", paste(terms, collapse = " + "))),
             data = inputs, method = "REML")
fit <- fitted(model)
cat(sprintf("%.6f", mean(pmax(0, fit)) - max(0, mean(fit))))
"""


def has_mgcv():
    if shutil.which("Rscript") is None:
        return False
    asked = ["Rscript", "-e", "library(mgcv)"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="module")
def drawn():
    if not has_mgcv():
        pytest.skip("no Rscript with the package mgcv: install r-cran-mgcv")
    question = Scenario.load(MAIN).with_(patients=100, seed=5).question
    return run_psa(question, DRAWS, patients=400, base_patients=2)


@pytest.fixture(scope="module")
def folder(drawn, tmp_path_factory):
    """The draws as they are exported: costs.csv and effects.csv, a row a draw."""
    folder = tmp_path_factory.mktemp("draws")
    scenario = Scenario.load(MAIN).with_(patients=100, seed=drawn.question.seed)
    ExportResult(scenario, "voi", draw_tables(answer(drawn))).write(folder)
    (folder / "voi.R").write_text(SCRIPT, encoding="utf-8")
    return folder


def by_mgcv(folder, numbers):
    """Return the value of knowing the columns of an array, from R."""
    pd.DataFrame(numbers).to_csv(folder / "inputs.csv", index=False)
    asked = ["Rscript", "voi.R", "inputs.csv", str(THRESHOLD)]
    done = subprocess.run(
        asked, cwd=folder, capture_output=True, check=False, encoding="utf-8", timeout=300
    )
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


def ours(drawn, numbers):
    (found,) = evppi(
        numbers, drawn.values("cost"), drawn.values("qalys"), [THRESHOLD], seed=drawn.question.seed
    )
    return found


def strongest(drawn, number):
    """Return the names of the parameters that correlate most with the net benefit."""
    gain = drawn.inmb(THRESHOLD)[:, 1]
    strength = drawn.parameters.corrwith(pd.Series(gain), method="spearman").abs()
    return strength.sort_values(ascending=False).index[:number].tolist()


@pytest.mark.slow
@pytest.mark.parametrize("members", [1, 2, 3])
def test_value_of_the_parameters_that_matter_most_is_that_of_mgcv(drawn, folder, members):
    """2,000 draws; within two standard errors, without the error of the draws that both share."""
    numbers = drawn.parameters[strongest(drawn, members)].to_numpy()
    found, theirs = ours(drawn, numbers), by_mgcv(folder, numbers)
    assert theirs > 500.0
    assert abs(found.value - theirs) <= 2.0 * found.se


@pytest.mark.slow
@pytest.mark.parametrize("size", [50, 400])
def test_value_of_a_trial_is_that_of_mgcv(drawn, folder, size):
    """Response and hazard ratio, 2,000 trials; within two standard errors."""
    outcomes = ["response", "os_hazard_ratio"]
    design = design_of(drawn.question, sizes_of([size]), None, outcomes, {})
    reported = reports(drawn, design)[:, 0]
    found, theirs = ours(drawn, reported), by_mgcv(folder, reported)
    assert abs(found.value - theirs) <= 2.0 * found.se
    if size == 400:
        assert theirs > 500.0


@pytest.mark.slow
def test_mgcv_finds_as_little_in_noise(drawn, folder):
    """Three columns of noise: both values are below 2 % of the value of knowing everything."""
    numbers = np.random.default_rng(1).standard_normal((DRAWS, 3))
    found, theirs = ours(drawn, numbers), by_mgcv(folder, numbers)
    assert not found.exceeds_bias
    assert max(found.value, theirs) <= 0.02 * perfect(drawn, THRESHOLD).mean
