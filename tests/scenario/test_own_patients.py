"""A file of patients: what it may hold, and one clear message for each that is wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from sim import Scenario, explain
from sim.cli import commands
from sim.clinic.patient import Given, Patient
from sim.errors import UserError
from sim.scenario.own_patients import read_own_patients
from sim.scenario.patient_columns import COLUMNS
from tests.support.places import ROOT, SCENARIOS

FILE = "cohort.csv"
GOOD = """\
age_years,sex,salvage_line,prior_hct,first_remission_months,weight_kg,height_cm
45,male,1,no,14,80,180
23.5,F,2,yes,7,61,165
67,m,3,0,20,77,171
"""


@dataclass(frozen=True)
class Bad:
    """A file that is wrong in one way, and what the message says about it."""

    name: str
    content: str | bytes
    says: tuple[str, ...]


def changed(old: str, new: str) -> str:
    assert GOOD.count(old) >= 1
    return GOOD.replace(old, new, 1)


BAD = (
    Bad("empty", "", ("is empty",)),
    Bad("no_rows", GOOD.splitlines()[0] + "\n", ("holds no patients",)),
    Bad("no_known_column", "id,ward\n1,A\n", ("no column of patients", "age_years")),
    Bad("semicolons", GOOD.replace(",", ";"), ("separated by semicolons",)),
    Bad("tabs", GOOD.replace(",", "\t"), ("separated by tabs",)),
    Bad("column_twice", changed("sex", "age_years"), ("age_years is there twice",)),
    Bad("misspelt_column", changed("weight_kg", "wieght_kg"), ("did you mean 'weight_kg' (kg)",)),
    Bad("other_name", changed("age_years", "age"), ("age: no such column", "'age_years' (years)")),
    Bad("other_unit", changed("height_cm", "height_m"), ("did you mean 'height_cm' (cm)",)),
    Bad("capitals", changed("sex", "Sex"), ("Sex: no such column; did you mean 'sex'",)),
    Bad(
        "earlier_lines",
        changed("salvage_line", "earlier_salvage_lines"),
        ("did you mean 'salvage_line'", "not the number of earlier ones: 1 first, 2 second"),
    ),
    Bad(
        "blasts_in_per_cent",
        changed("prior_hct", "blasts_pct"),
        ("blasts_pct: no such column; did you mean 'high_blasts' (yes or no)", "50 % or more"),
    ),
    Bad(
        "several_other_names",
        changed("age_years,sex,", "age,gender,"),
        ("age: no such column; did you mean 'age_years'", "gender: no such column; did you mean"),
    ),
    Bad(
        "blasts_in_remission",
        "salvage_line,high_blasts\n1,yes\n0,yes\n0,no\n",
        ("salvage_line cannot be 0, in first remission, with high_blasts", "(row 2: 0)"),
    ),
    Bad("other_word", changed("sex", "gender"), ("did you mean 'sex' (male or female)",)),
    Bad("short_row", GOOD + "50,male\n", (":5: has 2 cells where there are 7 columns",)),
    Bad("long_row", changed("165\n", "165,9\n"), (":3: has 8 cells where there are 7 columns",)),
    Bad("not_utf_8", GOOD.replace("male", "m\xe4le").encode("latin-1"), ("is not UTF-8 text",)),
    Bad(
        "word_for_a_number",
        changed("45,", "old,"),
        ("age_years is not a number of years", "row 1: 'old'"),
    ),
    Bad("underscore", changed("45,", "4_5,"), ("is not a number of years (row 1: '4_5')",)),
    Bad(
        "decimal_comma", changed("23.5,", '"23,5",'), ("age_years is not a number", "row 2: '23,5'")
    ),
    Bad(
        "child",
        changed("45,", "12,"),
        ("must be 18 to 120 years: the model is of adults (row 1: 12)",),
    ),
    Bad("age_in_months", changed("45,", "540,"), ("looks like months: divide by 12 (row 1: 540)",)),
    Bad(
        "age_in_days",
        changed("67,", "24472,"),
        ("looks like days: divide by 365.25 (row 3: 24472)",),
    ),
    Bad("infinite_age", changed("45,", "inf,"), ("must be 18 to 120 years (row 1: inf)",)),
    Bad(
        "height_in_metres",
        changed("180", "1.80"),
        ("looks like metres: multiply by 100 (row 1: 1.8)",),
    ),
    Bad(
        "height_in_inches",
        changed("165", "65"),
        ("looks like inches: multiply by 2.54 (row 2: 65)",),
    ),
    Bad("height_in_millimetres", changed("165", "1650"), ("looks like millimetres",)),
    Bad("weight_in_grams", changed("80,", "80000,"), ("weight_kg must be 45 to 300 kg", "grams")),
    Bad("too_light", changed("61,", "41,"), ("dosed by body surface", "row 2: 41")),
    Bad("negative_weight", changed("61,", "-61,"), ("must be 45 to 300 kg", "row 2: -61")),
    Bad(
        "remission_in_days",
        changed(",14,", ",1426,"),
        ("first_remission_months", "looks like days"),
    ),
    Bad(
        "unknown_sex", changed("male", "divers"), ("sex must be male or female (row 1: 'divers')",)
    ),
    Bad("sex_as_a_number", changed("male", "1"), ("sex must be male or female (row 1: '1')",)),
    Bad("fourth_line", changed(",3,", ",4,"), ("salvage_line must be 0, 1, 2 or 3", "row 3: 4")),
    Bad("half_a_line", changed(",2,", ",1.5,"), ("must be 0, 1, 2 or 3", "row 2: 1.5")),
    Bad(
        "share",
        changed(",no,", ",0.35,"),
        ("prior_hct must be yes or no", "a share of many", "row 1: 0.35"),
    ),
    Bad("share_above_1", changed(",no,", ",35,"), ("a percentage or a count", "row 1: 35")),
    Bad("neither_yes_nor_no", changed("yes", "maybe"), ("must be yes or no (row 2: 'maybe')",)),
    Bad(
        "transplant_without_remission",
        changed(",yes,7,", ",yes,0,"),
        ("prior_hct cannot be yes in a primary refractory patient", "row 2: 1"),
    ),
    Bad(
        "refractory_with_remission",
        "primary_refractory,first_remission_months\nno,9\nyes,12\n",
        ("first_remission_months cannot be above 0 in a primary refractory", "row 2: 12"),
    ),
    Bad(
        "no_remission_and_not_refractory",
        "primary_refractory,first_remission_months\nno,0\n",
        ("cannot be 0 unless the patient is primary refractory (row 1: 0)",),
    ),
    Bad(
        "refractory_with_transplant",
        "primary_refractory,prior_hct\nyes,yes\n",
        ("allo-HCT follows a remission (row 1: 1)",),
    ),
    Bad(
        "in_remission_and_not",
        "salvage_line,mrd_only\n0,no\n",
        ("mrd_only cannot be no where salvage_line is 0", "row 1"),
    ),
    Bad(
        "first_remission_of_a_refractory",
        "salvage_line,primary_refractory\n0,yes\n",
        ("salvage_line cannot be 0, in first remission, in a primary refractory", "row 1"),
    ),
)


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(content=GOOD, name=FILE):
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    Path("question.yaml").write_text(
        f"extends: {SCENARIOS}/first_salvage.yaml\npatients: {{file: {name}}}\n"
    )


def complaint(command="check"):
    result = CliRunner().invoke(commands, [command, "question.yaml"])
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_a_bad_file_of_patients_gives_one_clear_message(bad):
    write(bad.content)
    message = complaint()
    assert FILE in message
    for text in bad.says:
        assert text in message
    assert len(message) < 500


def test_there_are_thirty_kinds_of_bad_files():
    assert len({bad.name for bad in BAD}) == len(BAD) >= 30


def test_the_first_ten_bad_cells_are_named_by_row_and_column_and_the_others_counted():
    rows = "".join(
        f"{age},male,1,no,14,80,{height}\n" for age, height in [(540, 180), (45, 1.8)] * 9
    )
    write(GOOD.splitlines()[0] + "\n" + rows)
    message = complaint()
    assert [int(row) for row in re.findall(r"row (\d+):", message)] == [
        *range(1, 11, 2),
        *range(2, 11, 2),
    ]
    assert "; and 8 more wrong cells" in message
    assert message.count("looks like months") == message.count("looks like metres") == 1


def test_a_missing_file_names_the_nearest_one():
    write()
    Path("question.yaml").write_text(
        f"extends: {SCENARIOS}/first_salvage.yaml\npatients: {{file: cohrt.csv}}\n"
    )
    message = complaint()
    assert "question.yaml:2: patients.file: no such file; did you mean 'cohort.csv'?" in message


@pytest.mark.parametrize(
    ("patients", "says"),
    [
        ("{file: cohort.xlsx}", "patients.file: must be a file that ends in .csv or .parquet"),
        ("{file: cohort.csv, nmber: 3}", "did you mean 'number'?"),
        ("{file: cohort.csv, number: 0}", "patients.number: must be at least 1 (got 0)"),
        ("{number: 3}", "patients.file: is required, and missing"),
        ("[1, 2]", "patients: must be a whole number"),
    ],
)
def test_a_mistake_in_the_key_is_named(patients, says):
    write()
    text = f"extends: {SCENARIOS}/first_salvage.yaml\npatients: {patients}\n"
    Path("question.yaml").write_text(text)
    assert says in complaint()


def test_a_parquet_file_of_another_kind_is_refused():
    write(b"PAR1 and not more", "cohort.parquet")
    assert "is not a Parquet file" in complaint()
    pd.DataFrame({"age_years": pd.to_datetime(["2020-01-01"])}).to_parquet("cohort.parquet")
    assert "age_years: holds timestamp" in complaint()


def test_patients_under_several_strategies_are_refused():
    write(b"", "cohort.parquet")
    table = pd.DataFrame({"strategy": ["a", "b"], "age_years": [50.0, 50.0]})
    table.to_parquet("cohort.parquet")
    assert "holds every patient once for each strategy" in complaint()
    table.iloc[:1].to_parquet("cohort.parquet")
    assert CliRunner().invoke(commands, ["check", "question.yaml"]).exit_code == 0


def test_a_good_file_says_what_is_given_and_what_is_drawn():
    write(GOOD.replace("\n", ",7\n").replace("cm,7", "cm,ward").replace("61,", ","))
    own = read_own_patients(Path(FILE))
    assert own.number == 3
    assert own.described() == {
        "file": FILE,
        "sha256": own.sha256,
        "rows": 3,
        "given": [
            *("age_years", "sex", "weight_kg", "height_cm"),
            *("salvage_line", "prior_hct", "first_remission_months"),
        ],
        "derived": {
            "mrd_only": "salvage_line",
            "primary_refractory": "first_remission_months",
        },
        "drawn": ["ph_positive", "kmt2a", "high_blasts", "cns", "extramedullary"],
        "empty_cells_drawn": {"weight_kg": 1},
        "not_read": ["ward"],
    }
    rows = pd.DataFrame(own.rows(0, 4), columns=list(Given._fields))
    assert rows["age_years"].tolist() == [45.0, 23.5, 67.0, 45.0]
    assert rows["male"].tolist() == [1.0, 0.0, 1.0, 1.0]
    assert rows["weight_kg"].tolist()[:3] == pytest.approx([80.0, np.nan, 77.0], nan_ok=True)
    assert rows["cns"].isna().all()
    result = CliRunner().invoke(commands, ["run", "question.yaml", "--patients", "20"])
    assert result.exit_code == 0
    said = " ".join(result.output.split())
    assert "Own patients cohort.csv, 3 rows, used in order and repeated; given: age_years" in said
    assert "drawn from the population: ph_positive, kmt2a" in said
    assert "not read: ward" in said


def lines_of_check(name: str) -> str:
    done = CliRunner().invoke(commands, ["check", "question.yaml"])
    assert done.exit_code == 0, done.output
    return next(line for line in done.output.splitlines() if line.startswith(name))


def test_rows_of_patients_treated_for_mrd_only_are_counted():
    write("salvage_line\n0\n2\n0\n")
    assert "; in remission, treated for MRD only: 2 of 3;" in lines_of_check("Own patients")
    write("salvage_line\n1\n2\n3\n")
    assert "in remission" not in lines_of_check("Own patients")


@pytest.mark.parametrize(("unit", "warns"), [(1.0, False), (2.2046, True)], ids=["kg", "pounds"])
def test_weights_that_look_like_pounds_are_named(unit, warns):
    weights = [62.0, 81.5, 70.0, np.nan]
    rows = "".join(
        "\n" + ("" if np.isnan(each) else f"{unit * each:.1f}") + ",m" for each in weights
    )
    write("weight_kg,sex" + rows + "\n")
    # The mean of those given: 71.2 kg, 156.9 pounds.
    said = lines_of_check("Own patients")
    assert ("Warning: the mean weight is 157 kg; this looks like pounds" in said) == warns


def test_explain_names_the_row_of_the_file():
    write()
    done = CliRunner().invoke(commands, ["explain", "question.yaml", "--patient", "4"])
    assert done.exit_code == 0, done.output
    # Patients from 0, rows from 1, three rows that are repeated: patient 4 is row 2.
    said = " ".join(done.output.split())
    assert re.search(r"Patient 4: woman of 2[34], 61 kg, .*, row 2 of cohort\.csv", said)


def test_a_line_of_0_is_treatment_for_mrd_before_a_first_relapse():
    write("salvage_line\n0\n2\n")
    rows = read_own_patients(Path(FILE)).rows(0, 2)
    line, mrd = Given._fields.index("salvage_line"), Given._fields.index("mrd_only")
    assert rows[:, line].tolist() == [1.0, 2.0]
    assert rows[:, mrd].tolist() == [1.0, 0.0]


@pytest.mark.parametrize("start", ["", "\ufeff"], ids=["plain", "byte_order_mark"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["unix", "windows"])
def test_files_of_spreadsheets_are_read(start, end):
    write(start + GOOD.replace("\n", end))
    own = read_own_patients(Path(FILE))
    assert own.number == 3
    assert own.rows(0, 3)[:, 0].tolist() == [45.0, 23.5, 67.0]


def test_the_number_is_that_of_the_rows_unless_it_is_given():
    write()
    assert Scenario.load("question.yaml").patients == 3
    assert Scenario.load("question.yaml").with_(patients=50).question.patients == 50
    assert Scenario.load("question.yaml").with_(patients=50).question.own_patients.number == 3
    text = Path("question.yaml").read_text().replace(FILE, f"{FILE}, number: 10")
    Path("question.yaml").write_text(text)
    assert Scenario.load("question.yaml").patients == 10
    text = "extends: question.yaml\npatients: {number: 7}\n"
    Path("child.yaml").write_text(text)
    child = Scenario.load("child.yaml")
    assert (child.patients, child.question.own_patients.number) == (7, 3)
    Path("child.yaml").write_text("extends: question.yaml\npatients: 8\n")
    assert Scenario.load("child.yaml").question.own_patients is None


def test_a_scenario_in_python_may_be_given_other_patients():
    write()
    shipped = Scenario.load(SCENARIOS / "first_salvage.yaml")
    own = shipped.with_(patients={"file": FILE, "number": 5})
    assert (own.patients, own.question.own_patients.number) == (5, 3)
    assert shipped.with_(patients={"file": Path(FILE)}).patients == 3
    assert own.with_(seed=4, patients=9).question.own_patients is own.question.own_patients


def test_every_wrong_cell_of_a_long_file_is_counted():
    rows = "45,m\n1.8,m\n" * 70_000
    write("age_years,sex\n" + rows)
    message = complaint()
    assert message.count("row ") == 10
    assert "row 20: 1.8" in message
    assert "; and 69,990 more wrong cells" in message


def test_a_file_is_found_beside_the_scenario_that_names_it():
    Path("data").mkdir()
    Path("data/cohort.csv").write_text(GOOD)
    Path("data/base.yaml").write_text(
        f"extends: {SCENARIOS}/first_salvage.yaml\npatients: {{file: cohort.csv}}\n"
    )
    Path("question.yaml").write_text("extends: data/base.yaml\ntitle: Other\n")
    assert Scenario.load("question.yaml").patients == 3


def test_a_parameter_of_a_characteristic_that_is_given_is_not_used():
    write()
    shipped = Scenario.load(SCENARIOS / "first_salvage.yaml").question
    own = Scenario.load("question.yaml").question
    gone = {name for name in shipped.used if name not in own.used}
    assert own.used <= shipped.used
    assert gone == {
        f"population.{name}"
        for name in (
            *("age_minimum_years", "age_median_years", "age_maximum_years", "male_probability"),
            *("weight_male_mean_kg", "weight_male_sd_kg", "weight_minimum_kg"),
            *("weight_female_mean_kg", "weight_female_sd_kg", "height_male_mean_cm"),
            *("height_male_sd_cm", "height_female_mean_cm", "height_female_sd_cm"),
            *("first_salvage_probability", "second_salvage_probability"),
            *("prior_hct_probability", "primary_refractory_probability", "mrd_only_probability"),
            *("first_remission_median_months", "first_remission_sigma"),
        )
    }
    text = Path("question.yaml").read_text()
    Path("question.yaml").write_text(text + "parameters: {population.male_probability: 0.4}\n")
    assert "this scenario uses no such parameter" in complaint()
    write(GOOD.replace("F", ""))
    Path("question.yaml").write_text(text + "parameters: {population.male_probability: 0.4}\n")
    assert "population.male_probability" in Scenario.load("question.yaml").question.used


def test_a_file_that_changed_is_another_question():
    from sim.simulation.provenance import fingerprint

    write()
    first = Scenario.load("question.yaml").question
    write(GOOD.replace("45,", "46,"))
    second = Scenario.load("question.yaml").question
    assert first.own_patients.sha256 != second.own_patients.sha256
    assert fingerprint(first) != fingerprint(second)


def test_check_and_show_say_where_the_patients_come_from():
    write()
    checked = CliRunner().invoke(commands, ["check", "question.yaml"])
    assert "Own patients: cohort.csv, 3 rows" in checked.output
    shown = CliRunner().invoke(commands, ["show", "question.yaml"])
    assert "  file: cohort.csv" in shown.output
    Path("shown.yaml").write_text(shown.output)
    assert Scenario.load("shown.yaml").question.own_patients.number == 3


def test_a_replayed_patient_shows_no_draw_of_what_is_given():
    write()
    found = explain("question.yaml", patient=1)
    said = str(found)
    assert "woman of 24, 61 kg, 165 cm, second salvage, earlier allo-HCT" in " ".join(said.split())
    entry = said.split("what it was drawn from")[1].split("Where the lives part")[0]
    drawn = re.findall(r"^  ([A-Za-z0-9 -]+?)  +(?:yes|no) ", entry, re.MULTILINE)
    assert drawn == [
        *("Ph-positive", "KMT2A-rearranged", "high blast burden"),
        *("CNS disease", "extramedullary disease"),
    ]
    assert "nan" not in entry


def test_every_characteristic_has_one_column():
    assert (
        tuple(column.trait for column in COLUMNS.values()) == Given._fields == Patient._fields[1:]
    )


def test_the_documented_columns_are_those_that_are_read():
    page = (ROOT / "docs" / "own_patients.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1:-1] for line in page.splitlines() if line.startswith("| `")]
    documented = [tuple(cell.strip().strip("`") for cell in row) for row in rows]
    assert documented == [(name, column.unit, column.meaning) for name, column in COLUMNS.items()]


def test_a_reader_refuses_a_folder(tmp_path):
    (tmp_path / "cohort.csv").mkdir()
    with pytest.raises(UserError, match="is a folder"):
        read_own_patients(tmp_path / "cohort.csv")
