"""A report on patients, prices and a life table of the user's own says that they are theirs."""

import pytest

import sim
from sim.analyses.run.figure import unit_of
from sim.report.page import page
from sim.report.results import read_analyses, read_results
from tests.support.places import SCENARIOS
from tests.support.report_pages import read, section

LEDGER = "source: ledger, place: Annex 2, status: evidence"
CATALOGUE = f"""\
sources:
  ledger: {{citation: "St Example Hospital. Prices.", year: 2025, kind: price_list}}
life_tables:
  examplia: {{label: Examplia, file: examplia.csv, {LEDGER}}}
perspectives:
  our_hospital:
    label: St Example
    description: Our prices.
    extends: us_payer_2022
    life_table: examplia
    parameters:
      cost.blinatumomab.vial:
        {{label: Vial, value: 4000, unit: USD, distribution: {{family: fixed, why: contract}}, {LEDGER}}}
"""
PATIENTS = "age_years,sex,salvage_line\n45,male,1\n61,female,2\n33,female,1\n"


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Return the page of the main question, of 2,000 patients: shipped, and with own inputs."""
    folder = tmp_path_factory.mktemp("own")
    ages = "".join(f"{age},{0.0001 * 1.09**age},{0.00007 * 1.09**age}\n" for age in range(101))
    (folder / "examplia.csv").write_text(f"age,mx_male,mx_female\n{ages}", encoding="utf-8")
    (folder / "own.yaml").write_text(CATALOGUE, encoding="utf-8")
    (folder / "cohort.csv").write_text(PATIENTS, encoding="utf-8")
    text = f"extends: {SCENARIOS / 'first_salvage.yaml'}\ncatalogue: [own.yaml]\n"
    own = folder / "question.yaml"
    own.write_text(
        f"{text}perspective: our_hospital\npatients: {{file: cohort.csv, number: 2000}}\n",
        encoding="utf-8",
    )
    return {
        name: _page(sim.Scenario.load(path).with_(patients=2000), folder / name)
        for name, path in (("shipped", SCENARIOS / "first_salvage.yaml"), ("own", own))
    }


def _page(scenario, folder):
    sim.run(scenario, threads=1).write(folder)
    results = read_results(folder, scenario.question)
    return read(page(results, read_analyses(results)))


def test_only_the_price_of_the_program_is_called_the_list_price(pages):
    assert "At list price blinatumomab" in section(pages["shipped"], "answer").text
    answer = section(pages["own"], "answer").text
    assert "list price" not in answer
    assert "At the price of this scenario blinatumomab" in answer


def test_no_published_cohort_stands_beside_patients_of_the_users_own(pages):
    assert (
        "Beside what was published of these patients" in section(pages["shipped"], "survival").text
    )
    own = section(pages["own"], "survival").text
    assert "published of these patients" not in own
    assert "No published curve is of exactly these patients" in own


def test_the_question_says_which_patients_numbers_and_life_table_are_the_users(pages):
    question = section(pages["own"], "question").text
    assert "Own patients cohort.csv, 3 rows, used in order and repeated" in question
    assert "For what the file lacks Pooled trials, first salvage (Topp 2021)" in question
    assert "Life table examplia; life expectancy at" in question
    assert "Own inputs 1 from" in question
    shipped = section(pages["shipped"], "question").text
    assert "Patients Pooled trials, first salvage (Topp 2021)" in shipped
    assert "Own inputs" not in shipped


@pytest.mark.parametrize(
    ("largest", "late", "shown"),
    [
        (300, 40, (1, "", 0)),
        (9_999, 999, (1, "", 0)),
        (6_425, 1_594, (1_000, ", thousands", 1)),
        (10_000, 900, (1_000, ", thousands", 1)),
        (99_999, 20_000, (1_000, ", thousands", 1)),
        (1_000_000, 200_000, (1_000, ", thousands", 0)),
        (10_000_000, 2_000_000, (1_000_000, ", millions", 1)),
    ],
)
def test_numbers_at_risk_have_four_digits_at_most_and_three_where_they_stand_close(
    largest, late, shown
):
    assert unit_of(largest, late) == shown
    unit, _, digits = shown
    for count, most in ((largest, 4), (late, 3)):
        assert sum(each.isdigit() for each in f"{count / unit:.{digits}f}") <= most
