"""`python -m sim validate`: what it prints, writes and refuses."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from sim.analyses.validate import result as validation_files
from sim.analyses.validate.figure import MISSED, PANELS, curves_figure, forest_figure
from sim.catalog.posterior import POSTERIOR, load_posterior
from sim.cli import commands
from sim.evidence import calibration, validation
from sim.evidence.validation import LAST_MONTH, SUMMARY_COLUMNS, predict
from sim.layout.endpoint_words import labelled
from sim.layout.style import styled
from tests.support.places import ROOT

CALIBRATION = ROOT / "calibration"
FEW = ("--draws", "50")


def validated(*arguments):
    return CliRunner().invoke(commands, ["validate", *map(str, arguments)])


@pytest.fixture(scope="module")
def found():
    """A randomised trial with fitted and held out endpoints, and a cohort held out; 50 draws."""
    return predict(("tower", "zhou"), draws=50)


# What is predicted


def test_every_endpoint_with_a_role_is_predicted(found):
    assert set(found.validation.table["study"]) == {"tower", "zhou"}
    assert list(found.validation.table.columns) == list(validation_files.TABLE.names)
    roles = {
        (study, name): endpoint.role
        for study in ("tower", "zhou")
        for name, endpoint in found.register[study].endpoints.items()
        if endpoint.role != "described"
    }
    table = found.validation.table
    shown = zip(zip(table["study"], table["endpoint"], strict=True), table["role"], strict=True)
    assert dict(shown) == roles
    assert set(roles.values()) == {"fit", "held_out"}
    assert np.isfinite(found.validation.table[["predicted", "z", "width_ratio"]]).all(axis=None)


def test_predictions_do_not_depend_on_threads_or_on_other_studies(found):
    alone = predict(("zhou",), draws=50, threads=1).validation.table
    together = found.validation.table
    pd.testing.assert_frame_equal(
        alone, together[together["study"] == "zhou"].reset_index(drop=True)
    )


def test_curves_fall_from_one_hundred_per_cent(found):
    assert {(c.target.treatment, c.endpoint) for c in found.validation.curves} == {
        ("blinatumomab", "os"),
        ("blinatumomab", "rfs"),
        ("chemotherapy", "os"),
        ("chemotherapy", "rfs"),
    }
    for curve in found.validation.curves:
        assert len(curve.middle) == LAST_MONTH + 1
        assert curve.low[0] == curve.middle[0] == curve.high[0] == 100.0
        assert (np.diff(curve.middle) <= 0).all()
        assert ((curve.low <= curve.middle) & (curve.middle <= curve.high)).all()


def test_curve_and_predicted_median_are_of_the_same_patients(found):
    table = found.validation.table
    for curve in found.validation.curves:
        if curve.target.study != "tower" or curve.endpoint != "os":
            continue
        row = table[table["endpoint"] == f"{curve.target.treatment}.os_median_months"].iloc[0]
        crossing = np.interp(-50.0, -curve.middle, np.arange(LAST_MONTH + 1))
        assert crossing == pytest.approx(row.predicted, rel=0.08)


# What is printed and written


def test_table_and_summary_are_printed_by_study():
    result = validated("tower", *FEW)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    for said in (
        "TOWER, blinatumomab",
        "TOWER, chemotherapy",
        "Duration of remission, months, median",
        "OS, hazard ratio",
        "held out",
        "95 % predictive intervals",
        "Used in the fit",
        "50 draws of the posterior",
        "not medical advice",
    ):
        assert said in result.stdout
    assert "nan" not in result.stdout


def test_json_is_the_only_output():
    result = validated("zhou", "--json", *FEW)
    content = json.loads(result.stdout)
    assert result.stderr == ""
    assert content["draws"] == 50
    assert {tuple(row) for row in content["summary"]} == {SUMMARY_COLUMNS}
    assert {tuple(row) for row in content["endpoints"]} == {validation_files.TABLE.names}
    assert isinstance(content["endpoints"][0]["inside"], bool)


def test_files_are_written_whole_and_are_the_same_each_time(tmp_path):
    for place in ("one", "two"):
        result = validated("zhou", "--out", tmp_path / place, *FEW)
        assert result.exit_code == 0, result.output
    written = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert written == sorted(validation_files.NAMES)
    for name in written:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    table = pd.read_csv(tmp_path / "one" / "validation.csv")
    assert list(table.columns) == list(validation_files.TABLE.names)
    origin = json.loads((tmp_path / "one" / "provenance.json").read_text())
    assert origin["studies"] == ["zhou"]
    assert origin["draws"] == 50
    assert str(ROOT) not in (tmp_path / "one" / "provenance.json").read_text()


# Figures


def lines_of(axes):
    return [line for line in axes.get_lines() if line.get_linestyle() == "None"]


def test_forest_shows_every_published_and_predicted_value(found):
    table = labelled(found.validation, found.register)
    with styled():
        figure = forest_figure(table, "counts")
    for panel, axes in zip(PANELS, figure.axes, strict=True):
        mine = table[table["kind"] == panel.kind]
        drawn = [float(line.get_xdata()[0]) for line in lines_of(axes)]
        for value in [*mine["published"], *mine["predicted"]]:
            assert any(np.isclose(value, each) for each in drawn)
        missed = sum(
            patch.get_facecolor()[:3] == tuple(int(MISSED[i : i + 2], 16) / 255 for i in (1, 3, 5))
            for patch in axes.patches
        )
        assert missed == (~mine["inside"]).sum()
        words = {text.get_text() for text in axes.texts}
        assert set(mine["label"]) | set(mine["heading"]) <= words


def test_forest_of_one_kind_has_one_panel(found):
    table = labelled(found.validation, found.register)
    with styled():
        figure = forest_figure(table[table["kind"] == "months"])
    assert len(figure.axes) == 1


def test_curves_have_a_panel_for_each_arm(found):
    with styled():
        figure = curves_figure(found.validation, labelled(found.validation, found.register))
    titles = [axes.get_title(loc="left") for axes in figure.axes if axes.get_visible()]
    assert titles == ["TOWER, blinatumomab", "TOWER, chemotherapy", "Zhou 2020 and 2022"]


# What is refused


def refused(*arguments):
    result = validated(*arguments)
    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit)
    assert len(result.stderr.splitlines()) == 1
    return result.stderr


def test_unknown_study_is_named_with_the_nearest():
    message = refused("towr", *FEW)
    assert "the protocol has no cohort of it (got 'towr'); did you mean 'tower'?" in message


def test_protocol_that_is_not_there_is_named(tmp_path):
    assert "no such file" in refused("--protocol", tmp_path / "adult.yaml")


@pytest.fixture
def elsewhere(tmp_path):
    """The protocol with its cohorts and results, in a folder of its own."""
    for name in ("adult_rr.yaml", "cohorts", "results"):
        source = CALIBRATION / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name)
        else:
            shutil.copy(source, tmp_path / name)
    return tmp_path / "adult_rr.yaml"


def test_results_that_are_not_there_are_asked_for(elsewhere):
    shutil.rmtree(elsewhere.parent / "results")
    message = refused("--protocol", elsewhere)
    assert "studies.csv" in message
    assert "calibrate --install" in message


def test_effects_and_draws_of_different_lengths_are_refused(elsewhere):
    path = elsewhere.parent / "results" / "studies.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-5]))
    rows = len(load_posterior())
    assert f"has {rows - 5} draws, and 'adult_rr.csv' of the catalogue {rows}" in refused(
        "--protocol", elsewhere
    )


def test_effects_of_another_fit_are_refused(elsewhere):
    path = elsewhere.parent / "results" / "provenance.json"
    content = json.loads(path.read_text()) | {calibration.DRAWS_HASH: "0" * 64}
    path.write_text(json.dumps(content))
    assert "is of another fit than 'adult_rr.csv'" in refused("--protocol", elsewhere)


def test_posterior_that_is_not_there_is_asked_for(monkeypatch, tmp_path):
    monkeypatch.setattr(
        validation, "read_fit", lambda folder: calibration.read_fit(folder, tmp_path / "no.csv")
    )
    assert "calibrate --install" in refused("zhou", *FEW)


def test_posterior_without_a_fitted_parameter_is_refused(monkeypatch):
    posterior = load_posterior().drop(columns="relapse.sigma")
    monkeypatch.setattr(validation, "read_fit", lambda _: (posterior, {}))
    assert "no draws of 'relapse.sigma'" in refused("zhou", *FEW)


def test_change_since_the_fit_is_said(elsewhere):
    elsewhere.write_text(elsewhere.read_text().replace("Adults with", "Adults who have"))
    result = validated("zhou", "--protocol", elsewhere, *FEW)
    assert result.exit_code == 0, result.output
    assert "have changed since the fit" in result.stderr


def test_folder_that_cannot_be_written_is_refused_before_the_work(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    assert "is a file, not a folder" in refused("--out", file)


def test_installed_posterior_and_results_are_of_one_fit():
    posterior, studies = calibration.read_fit(CALIBRATION / "results")
    assert POSTERIOR.is_file()
    assert {len(column) for column in studies.values()} == {len(posterior)}
