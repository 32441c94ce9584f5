"""`report` and `run --report`: what they write, refuse and leave out."""

from __future__ import annotations

import json
import shutil

import pytest
from click.testing import CliRunner

import sim
import sim.report
from sim.cli import commands
from tests.support.report_pages import SCENARIO, asked, page_of, read, section, write_run


def invoke(*arguments):
    return CliRunner().invoke(commands, [str(each) for each in arguments])


@pytest.mark.draws
def test_a_run_writes_its_report_too(tmp_path):
    path = tmp_path / "page.html"
    done = invoke("run", SCENARIO, "--patients", 50, "--report", path)
    assert done.exit_code == 0, done.output
    assert done.stdout.endswith(f"Report: {path}\n")
    assert section(read(path.read_text(encoding="utf-8")), "answer")


@pytest.mark.slow
def test_a_report_without_results_runs_the_scenario_and_says_what_is_left_out(tmp_path):
    path = tmp_path / "page.html"
    done = invoke("report", SCENARIO, "--patients", 50, "--with", "explain", "--out", path)
    assert done.exit_code == 0, done.output
    assert "Left out, and named in the report: psa,tornado,voi,price,what-if,verify." in done.stdout
    tree = read(path.read_text(encoding="utf-8"))
    assert not any(each.has_class("missing") for each in section(tree, "patient"))


@pytest.mark.slow
@pytest.mark.draws
def test_figures_are_written_in_every_format(ran_folder, tmp_path):
    done = invoke(
        *("report", SCENARIO, "--from", ran_folder, "--out", tmp_path / "page.html"),
        *("--figures", tmp_path / "figures"),
    )
    assert done.exit_code == 0, done.output
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    stems = {name.split(".")[0] for name in names}
    assert {"flow_1", "flow_2", "survival_os", "survival_rfs", "costs_discounted"} <= stems
    assert names == {f"{stem}.{ending}" for stem in stems for ending in ("svg", "png", "pdf")}


@pytest.mark.slow
def test_a_report_of_its_own_run_draws_only_what_it_shows(tmp_path, monkeypatch):
    drawn = []
    kept = sim.layout.style.rendered
    monkeypatch.setattr(
        "sim.layout.style.rendered", lambda *asked: drawn.append(asked[1]) or kept(*asked)
    )
    done = invoke(
        *("report", SCENARIO, "--patients", 50, "--with", "tornado,explain,what-if"),
        *("--out", tmp_path / "page.html"),
    )
    assert done.exit_code == 0, done.output
    # The lives of the patient and the what-ifs; the page draws the others under a name of its own.
    assert drawn == ["svg", "svg"]


def test_results_of_another_question_are_refused(ran_folder, tmp_path):
    changed = tmp_path / "other.yaml"
    changed.write_text(
        f"extends: {SCENARIO}\nparameters:\n  cost.blinatumomab.vial: 1.0\n", encoding="utf-8"
    )
    done = invoke("report", changed, "--from", ran_folder, "--out", tmp_path / "page.html")
    assert done.exit_code == 2
    assert "holds other results" in done.stderr
    assert not (tmp_path / "page.html").exists()


@pytest.mark.slow
def test_an_analysis_of_another_question_is_left_out_and_said(ran_folder, tmp_path):
    copy = tmp_path / "results"
    shutil.copytree(ran_folder, copy)
    sim.explain(asked().with_(parameters={"cost.end_of_life": 1.0}), 1).write(copy)
    found = section(read(page_of(copy)), "patient")
    assert "explain.json in the folder of results belongs to another scenario" in found.text


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--with", "psb"), "psb"),
        (("--from", "nowhere"), "is not a folder of results"),
        (("--from", "nowhere", "--with", "psa"), "is not a folder of results"),
        (("--from", "x" * 300), "is not a folder of results"),
        (("--out", "x" * 300), "cannot be written"),
        (("--from", "nowhere", "--seed", "1"), "--seed"),
        (("--out", "."), "--out"),
    ],
)
def test_a_mistake_ends_in_one_message(arguments, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = invoke("report", SCENARIO, *arguments)
    assert done.exit_code == 2
    assert says in done.stderr
    assert done.stderr.count("\n") <= 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["summary.json", "strategies.csv", "inputs.csv", "flow.csv"])
def test_a_missing_or_broken_file_is_named(name, ran_folder, tmp_path):
    copy = tmp_path / "results"
    shutil.copytree(ran_folder, copy)
    (copy / name).write_bytes(b"\x00\xff")
    done = invoke("report", SCENARIO, "--from", copy, "--out", tmp_path / "page.html")
    assert (done.exit_code, name in done.stderr) == (2, True)
    (copy / name).unlink()
    done = invoke("report", SCENARIO, "--from", copy, "--out", tmp_path / "page.html")
    assert (done.exit_code, name in done.stderr) == (2, True)
    assert not (tmp_path / "page.html").exists()


def test_an_analysis_beside_others_leaves_the_provenance_of_the_run(ran_folder, tmp_path):
    copy = tmp_path / "results"
    shutil.copytree(ran_folder, copy)
    before = (copy / "provenance.json").read_bytes()
    sim.explain(asked(), 1).write(copy)
    assert (copy / "provenance.json").read_bytes() == before
    assert json.loads((copy / "provenance_explain.json").read_text())["patient"] == 1
    told = section(read(page_of(copy)), "origin").text
    assert "One patient patient 1" in told
    assert "as the run" in told


def test_a_run_in_a_folder_of_analyses_leaves_the_provenance_of_each(tmp_path):
    """The first of them had the name that belongs to the run; every number keeps its origin."""
    sim.explain(asked(), 1).write(tmp_path)
    first = (tmp_path / "provenance.json").read_bytes()
    sim.price(asked(), "blinatumomab", draws=3, patients=5, cached=False).write(tmp_path)
    assert (tmp_path / "provenance.json").read_bytes() == first
    assert json.loads((tmp_path / "provenance_price.json").read_text())["analysis"] == "price"
    write_run(tmp_path)
    assert "analysis" not in json.loads((tmp_path / "provenance.json").read_text())
    assert (tmp_path / "provenance_explain.json").read_bytes() == first
    sim.explain(asked(), 2).write(tmp_path)
    assert json.loads((tmp_path / "provenance_explain.json").read_text())["patient"] == 2
    told = section(read(page_of(tmp_path)), "origin").text
    assert "One patient patient 2" in told
    assert "Price" in told
