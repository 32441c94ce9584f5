"""Each check of the fit passes on the installed one and fails under a fault made for it."""

import json
import shutil

import pandas as pd
import pytest

from sim.analyses.verify import inputs
from sim.analyses.verify.check import checks_of
from tests.support.faulty_lives import examined, names_of
from tests.support.places import ROOT

CALIBRATION = checks_of(["calibration"])

RESULTS = ROOT / "calibration" / "results"


def with_table(name, change):
    """Return a fault in a table of the stored results."""

    def fault(patch, folder):
        shutil.copytree(RESULTS, folder, dirs_exist_ok=True)
        table = pd.read_csv(folder / name)
        change(table)
        table.to_csv(folder / name, index=False)
        patch.setattr(inputs, "results", lambda: folder)

    return fault


def chains_apart(table):
    table.loc[3, "r_hat"] = 1.02


def few_draws(table):
    table.loc[3, "effective_draws"] = 399.0


def misses(role, count):
    """Return a change that puts so many endpoints of a role outside their interval."""

    def change(table):
        mine = table.index[(table["role"] == role) & table["inside"]]
        table.loc[mine[:count], "inside"] = False

    return change


def other_evidence(patch, folder):
    patch.setattr(inputs, "evidence_hash", lambda _: "0" * 64)


def other_draws(patch, folder):
    right = inputs.load_posterior
    patch.setattr(inputs, "load_posterior", lambda: right() * 1.001)


def little_informed(patch, folder):
    table = inputs.load_identification()
    table.loc["response.baseline_logit", "spread_left"] = 0.85
    patch.setattr(inputs, "load_identification", lambda: table)


FAULTS = {
    "fit_belongs_to_its_evidence": other_evidence,
    "chains_converged": with_table("diagnostics.csv", chains_apart),
    "base_values_are_medians": other_draws,
    "named_by_what_informs_them": little_informed,
    "fitted_endpoints": with_table("validation.csv", misses("fit", 15)),
    "held_out_endpoints": with_table("validation.csv", misses("held_out", 15)),
}


def test_the_main_scenario_passes(subject):
    assert [c.identifier for c in CALIBRATION if c.examine(subject).passed is not True] == []


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_by_the_check_that_it_was_made_for(name, subject, monkeypatch, tmp_path):
    FAULTS[name](monkeypatch, tmp_path)
    assert examined(CALIBRATION, name, subject).passed is False


def test_every_check_has_a_fault():
    assert set(FAULTS) == names_of(CALIBRATION)


def test_too_few_independent_draws_are_found(subject, monkeypatch, tmp_path):
    with_table("diagnostics.csv", few_draws)(monkeypatch, tmp_path)
    assert examined(CALIBRATION, "chains_converged", subject).passed is False


def test_draws_of_another_fit_are_found(subject, monkeypatch, tmp_path):
    shutil.copytree(RESULTS, tmp_path, dirs_exist_ok=True)
    provenance = json.loads((tmp_path / "provenance.json").read_text(encoding="utf-8"))
    provenance["draws_sha256"] = "0" * 64
    (tmp_path / "provenance.json").write_text(json.dumps(provenance), encoding="utf-8")
    monkeypatch.setattr(inputs, "results", lambda: tmp_path)
    finding = examined(CALIBRATION, "fit_belongs_to_its_evidence", subject)
    assert finding.passed is False
    assert "another fit" in finding.observed


def test_where_there_are_no_results_of_a_fit_they_are_not_examined(subject, monkeypatch, tmp_path):
    monkeypatch.setattr(inputs, "usual_protocol", lambda: tmp_path / "adult_rr.yaml")
    found = {check.name: check.examine(subject) for check in CALIBRATION}
    idle = {name for name, finding in found.items() if finding.passed is None}
    assert idle == {
        "fit_belongs_to_its_evidence",
        "chains_converged",
        "fitted_endpoints",
        "held_out_endpoints",
    }
    assert all("protocol" in found[name].why for name in idle)
