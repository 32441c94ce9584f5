"""Every number of the report is read from the result files: a changed file changes the page."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest

from sim.analyses.explain.result import typical_patient
from sim.economics.ledger import Account
from sim.layout.cells import MINUS
from sim.report.first_screen import compared, sentence
from sim.report.results import Analyses, read_results
from sim.simulation.run import run as simulated
from tests.support import figures
from tests.support.report_pages import asked, page_of, read, section


def changed_table(file, column, value, /, **where):
    """Return a change of one cell of a table: the row is the first that fits `where`."""

    def change(folder):
        table = pd.read_csv(folder / file)
        fits = pd.Series(data=True, index=table.index)
        for key, wanted in where.items():
            fits &= table[key] == wanted
        assert fits.any()
        table[column] = table[column].astype(object)
        table.loc[fits.idxmax(), column] = value
        table.to_csv(folder / file, index=False)

    return change


def all_of(*changes):
    """Return several changes as one."""

    def change(folder):
        for each in changes:
            each(folder)

    return change


def changed_json(name, *path, value):
    """Return a change of one value of a JSON file."""

    def change(folder):
        content = json.loads((folder / name).read_text())
        place = content
        for key in path[:-1]:
            place = place[key]
        assert path[-1] in place or isinstance(path[-1], int)
        place[path[-1]] = value
        (folder / name).write_text(json.dumps(content))

    return change


def changed_text(name, old, new):
    """Return a change of words in a text file."""

    def change(folder):
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))

    return change


DRUG = "blinatumomab"
OF_A_RUN = {
    "outcome": (
        changed_table("strategies.csv", "mean", 0.8765, strategy=DRUG, outcome="qalys"),
        ("results", "0.876"),
    ),
    "error": (
        changed_table("strategies.csv", "se", 98.76, strategy=DRUG, outcome="response_percent"),
        ("results", "98.8"),
    ),
    "category of cost": (
        changed_table("strategies.csv", "mean", 77_123.0, strategy=DRUG, outcome="cost.drug"),
        ("results", "$77,123"),
    ),
    "category of cost undiscounted": (
        changed_table(
            *("strategies.csv", "mean", 77_124.0),
            strategy=DRUG,
            outcome="cost_undiscounted.transplant",
        ),
        ("results", "$77,124"),
    ),
    "median": (
        changed_table("strategies.csv", "mean", 33.44, strategy=DRUG, outcome="os_median_months"),
        ("survival", "33.4"),
    ),
    "increment": (
        changed_table("increments.csv", "mean", 7.8945, strategy=DRUG, outcome="qalys"),
        ("answer", "7.89"),
    ),
    "cost-effectiveness": (
        changed_table("increments.csv", "mean", 31_415.0, strategy=DRUG, outcome="icer"),
        ("answer", "$31,415"),
    ),
    "net benefit": (
        changed_table("increments.csv", "mean", 27_182.0, strategy=DRUG, outcome="nmb_at_100000"),
        ("answer", "$27,182"),
    ),
    "patients at risk": (
        changed_table("survival.csv", "at_risk", 987, strategy=DRUG, endpoint="os", months=24),
        ("survival", "987"),
    ),
    "amount in the figure of costs": (
        changed_table("ledger.csv", "discounted", 8e6, strategy=DRUG, category="drug"),
        ("results", "$8,"),
    ),
    "patients of a way": (
        changed_table("flow.csv", "patients", 54_321, strategy=DRUG, state="dead"),
        ("flow", "54,"),
    ),
    "input": (
        changed_table("inputs.csv", "value", 0.2468, name="cost.end_of_life"),
        ("inputs", "0.247"),
    ),
    "end of a range": (
        changed_table("inputs.csv", "high", 9.753e5, name="cost.end_of_life"),
        ("inputs", "975,300"),
    ),
    "status of an input": (
        changed_table("inputs.csv", "status", "provisional", name="cost.end_of_life"),
        ("inputs", "1 provisional"),
    ),
    "threshold at which the choice turns": (
        changed_json("summary.json", "frontier", 1, "icer", value=16_180.0),
        ("answer", "$16,180"),
    ),
    "version": (changed_json("provenance.json", "version", value="9.8.7"), ("origin", "9.8.7")),
    "citation": (
        changed_text("citations.txt", "Arias E", "Nightingale F"),
        ("origin", "Nightingale F"),
    ),
}
AN_INTERVAL = {
    **dict.fromkeys(("between_sd", "noise_sd", "noise_share", "interval_needs")),
    "mean": 0.8,
    "se": 0.1,
    "low": -3.21,
    "high": 4.1,
    "low_se": 0.1,
    "high_se": 0.1,
    "noise_share": 0.1,
}
OF_ANALYSES = {
    "interval": (
        changed_json("psa.json", "increments", 0, "qalys", value=AN_INTERVAL),
        ("answer", f"{MINUS}3.21"),
    ),
    "probability": (
        changed_json(
            *("psa.json", "decision", 0, "strategies", 1, "probability", "without_noise"),
            value=0.6543,
        ),
        ("probabilistic", "65.4"),
    ),
    "expected loss": (
        changed_json(
            "psa.json", "decision", 0, "strategies", 1, "expected_loss", "mean", value=4_242.0
        ),
        ("probabilistic", "$4,242"),
    ),
    "end of a bar": (
        changed_table("tornado.csv", "outcome_low", 123_321.0, parameter="cost.inpatient_day"),
        ("one_way", "$123,321"),
    ),
    "end of an input": (
        changed_table("tornado.csv", "high", 7.654e6, parameter="cost.inpatient_day"),
        ("one_way", "7,654,000"),
    ),
    "worth of knowing everything": (
        changed_table("voi.csv", "value", 5_151.0, kind="everything"),
        ("information", "$5,151"),
    ),
    "worth of knowing a part": (
        all_of(
            changed_table("voi.csv", "value", 6_161.0, kind="group"),
            changed_table("voi.csv", "se", 1.0, kind="group"),
            changed_table("voi.csv", "null", 0.0, kind="group"),
        ),
        ("information", "$6,161"),
    ),
    "price": (
        changed_table("price.csv", "price_per_vial", 1_414.0, basis="mean_over_draws"),
        ("price", "$1,414"),
    ),
    "price in the answer": (
        changed_table("price.csv", "price_per_vial", 1_515.0, basis="base_case"),
        ("answer", "$1,515"),
    ),
    "published value": (
        changed_table("validation.csv", "published", 4711.3, study="tower"),
        ("validation", "4,711"),
    ),
    "predicted value": (
        changed_table("validation.csv", "predicted", 8153.2, study="tower"),
        ("validation", "8,153"),
    ),
    "total of a patient": (
        changed_json(
            *("explain.json", "strategies", 0, "totals", "qaly", "discounted"), value=7.7777
        ),
        ("patient", "7.778"),
    ),
    "day of a patient": (
        changed_json("explain.json", "strategies", 0, "events", 1, "day", value=12_345.6),
        ("patient", "12,345.6"),
    ),
    "figure of a patient": (
        changed_text("explain.svg", "Research model", "Model no. 4711"),
        ("patient", "Model no. 4711"),
    ),
    "size of an analysis": (
        changed_json("provenance_psa.json", "draws", value=1_234_567),
        ("origin", "1,234,567 draws"),
    ),
}


def after(changes, folder, copy):
    """Return the report on a copy of a folder with all of the changes."""
    shutil.copytree(folder, copy)
    for change, _ in changes.values():
        change(copy)
    return read(page_of(copy))


@pytest.fixture(scope="module")
def changed_run(ran_folder, tmp_path_factory):
    """The report on a run with every change."""
    with figures.drawn():
        return after(OF_A_RUN, ran_folder, tmp_path_factory.mktemp("changed") / "results")


@pytest.fixture(scope="module")
def changed_analyses(full_folder, tmp_path_factory):
    """The report on analyses with every change."""
    with figures.drawn():
        return after(OF_ANALYSES, full_folder, tmp_path_factory.mktemp("changed") / "results")


@pytest.mark.parametrize("what", OF_A_RUN)
def test_a_number_changed_in_a_file_of_the_run_changes_in_the_report(what, ran_page, changed_run):
    name, shown = OF_A_RUN[what][1]
    assert shown not in section(ran_page, name).text
    assert shown in section(changed_run, name).text


@pytest.mark.slow
@pytest.mark.parametrize("what", OF_ANALYSES)
def test_a_number_changed_in_a_file_of_an_analysis_changes_in_the_report(
    what, full_page, changed_analyses
):
    name, shown = OF_ANALYSES[what][1]
    assert shown not in section(full_page, name).text
    assert shown in section(changed_analyses, name).text


@pytest.mark.slow
@pytest.mark.draws
def test_the_points_of_curves_are_those_of_the_files(full_folder, tmp_path):
    """Figures hold no text for them: their drawings must differ."""
    changes = {
        "acceptability": changed_table("acceptability.csv", "without_noise", 0.99, strategy=DRUG),
        "expected_loss": changed_table(
            "acceptability.csv", "expected_loss", 99_999.0, strategy=DRUG
        ),
        "evpi": changed_table("evpi.csv", "evpi", 99_999.0),
        "price_curve": changed_table("price_curve.csv", "without_noise", 0.11),
        "survival_os": changed_table("survival.csv", "survival_percent", 1.0, months=12),
    }
    before = read(page_of(full_folder))
    for number, (name, change) in enumerate(changes.items()):
        copy = tmp_path / str(number)
        shutil.copytree(full_folder, copy)
        change(copy)
        assert drawn(read(page_of(copy)), name) != drawn(before, name)


def drawn(tree, name):
    """Return the paths of a figure."""
    (figure,) = (
        svg
        for svg in tree.all("svg")
        if svg.attributes.get("aria-labelledby", "").startswith(f"{name}-title")
    )
    return [path.attributes["d"] for path in figure.all("path")]


# The answer in one sentence

QALYS, COST, RATIO, MINUS_COST = 0.5, 60_000.0, 120_000.0, -60_000.0
VERDICTS = {
    "more for more": (
        QALYS,
        COST,
        RATIO,
        0.01,
        "costs $120,000 for each year of life in full health",
    ),
    "better and cheaper": (QALYS, MINUS_COST, -RATIO, 0.01, "is better and cheaper than"),
    "worse and dearer": (-QALYS, COST, -RATIO, 0.01, "is worse and dearer than"),
    "less for less": (-QALYS, MINUS_COST, RATIO, 0.01, "saves $120,000 for each year of life"),
    "the same health": (0.0, COST, None, 0.0, "gives the same health as"),
    "nothing": (0.0, 0.0, None, 0.0, "do not differ"),
    "noise in health": (0.01, COST, RATIO, 0.1, "whether it gives more or fewer"),
    "noise in cost": (QALYS, 10.0, RATIO, 0.1, "whether it costs more or less"),
    "noise in both": (0.01, 10.0, RATIO, 0.1, "too small to tell"),
}


@pytest.mark.parametrize("case", VERDICTS)
def test_the_answer_is_one_sentence_whatever_the_differences(case, ran_folder, tmp_path):
    qalys, cost, ratio, error, said = VERDICTS[case]
    copy = tmp_path / "results"
    shutil.copytree(ran_folder, copy)
    for outcome, mean, se in (
        ("qalys", qalys, error),
        ("cost", cost, 10_000.0 * error),
        ("icer", ratio, 10.0),
    ):
        changed_table("increments.csv", "mean", mean, strategy=DRUG, outcome=outcome)(copy)
        changed_table("increments.csv", "se", se, strategy=DRUG, outcome=outcome)(copy)
    results = read_results(copy, asked().question)
    found = compared(results, Analyses())
    text = sentence(results, Analyses(), found)
    assert said in text
    assert re.fullmatch(r"(\d\.\d|[^.])+\.", text)


@pytest.mark.slow
def test_the_noise_of_each_outcome_is_shown(full_folder, full_page):
    gain = json.loads((full_folder / "psa.json").read_text())["increments"][0]
    told = section(full_page, "probabilistic").text
    for split in (gain["qalys"], gain["life_years"], gain["cost"], *gain["nmb"].values()):
        assert f"{100.0 * split['noise_share']:.1f}" in told


@pytest.mark.slow
def test_the_three_ratios_are_told_apart(full_folder, full_page):
    gain = json.loads((full_folder / "psa.json").read_text())["increments"][0]
    run = pd.read_csv(full_folder / "increments.csv").query("outcome == 'icer'")["mean"].item()
    (told,) = (
        each.text
        for each in section(full_page, "answer").all("li")
        if "Cost per QALY of" in each.text
    )
    for ratio in (gain["icer"], gain["deterministic"]["icer"], run):
        assert f"${ratio:,.0f}" in told


def test_the_typical_patient_is_the_nearest_to_the_mean_differences():
    run = simulated(asked(40).question)
    number = typical_patient(run.arms, "salvage_chemotherapy")
    pairs = [
        np.column_stack([arm.total(Account.COST), arm.total(Account.QALY)]) for arm in run.arms
    ]
    differences = pairs[1] - pairs[0]
    far = np.abs((differences - differences.mean(axis=0)) / differences.std(axis=0))
    assert (far**2).sum(axis=1)[number] == (far**2).sum(axis=1).min()
