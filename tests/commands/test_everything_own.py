"""Patients, regimen, perspective in a third currency and life table of the user's own, in every command."""

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from sim.cli import commands
from tests.catalog.test_own_catalogue import FASTER, OWN, QUESTION
from tests.support.places import ROOT

pytestmark = pytest.mark.slow
PATIENTS = 500


@pytest.fixture(scope="module")
def question(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    ages = "".join(f"{age},{0.0001 * 1.09**age},{0.00007 * 1.09**age}\n" for age in range(101))
    (folder / "examplia.csv").write_text(f"age,mx_male,mx_female\n{ages}", encoding="utf-8")
    own = OWN.partition("perspectives:")[0].replace("extends: blinatumomab\n", FASTER)
    (folder / "own.yaml").write_text(own, encoding="utf-8")
    shipped = ROOT / "sim/catalog/data/perspectives/nhs_england.yaml"
    text = shipped.read_text(encoding="utf-8").replace("GBP", "EUR")
    text = text.replace("name: nhs_england", "name: our_hospital")
    text = text.replace("life_table: uk_2017_2019", "life_table: examplia")
    (folder / "payer/perspectives").mkdir(parents=True)
    (folder / "payer/perspectives/our_hospital.yaml").write_text(text, encoding="utf-8")
    generator = np.random.default_rng(1)
    pd.DataFrame(
        {
            "age_years": generator.uniform(20.0, 75.0, PATIENTS).round(1),
            "sex": generator.choice(["male", "female"], PATIENTS),
            "salvage_line": 1,
        }
    ).to_csv(folder / "cohort.csv", index=False)
    path = folder / "question.yaml"
    asked = QUESTION.replace("[own.yaml]", "[own.yaml, payer/]")
    path.write_text(
        asked.replace("patients: 300", "patients: {file: cohort.csv}"), encoding="utf-8"
    )
    return path


def printed(*arguments):
    done = CliRunner().invoke(commands, [*map(str, arguments)])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_run_is_the_same_on_both_engines(question):
    found = [json.loads(printed("run", question, "--json", "--engine", e)) for e in ENGINES]
    for each in found:
        each["provenance"] = None
    ours, theirs = (pd.json_normalize(each).iloc[0] for each in found)
    assert ours["perspective.currency" if "perspective.currency" in ours else "currency"] == "EUR"
    for key, value in ours.items():
        if isinstance(value, float):
            assert value == pytest.approx(theirs[key], rel=1e-9, nan_ok=True), key


ENGINES = ("core", "reference")


def test_explained_lives_are_the_same_on_both_engines(question):
    ours, theirs = (
        printed("explain", question, "--patient", 17, "--json", "--engine", e) for e in ENGINES
    )
    assert json.loads(ours)["strategies"] == json.loads(theirs)["strategies"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("compare", "{q}", "{q}", "--name", "a", "--name", "b"),
        ("psa", "{q}", "--draws", "20", "--patients", "100"),
        ("tornado", "{q}", "--patients", "100", "--top", "5"),
        ("price", "{q}", "--draws", "20", "--patients", "100"),
        ("verify", "{q}", "--group", "inputs"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_command_answers_in_the_third_currency(question, tmp_path, arguments):
    asked = [each.format(q=question) for each in arguments]
    printed(*asked, "--out", tmp_path / "out")
    text = "".join(p.read_text(encoding="utf-8") for p in (tmp_path / "out").rglob("*.csv"))
    assert "GBP" not in text


def test_report_names_the_own_inputs(question, tmp_path):
    page = tmp_path / "report.html"
    printed("report", question, "--out", page)
    text = page.read_text(encoding="utf-8")
    assert "€" in text
    for own in ("St Example", "Our patients", "cohort.csv", "our_hospital.yaml"):
        assert own in text, own
