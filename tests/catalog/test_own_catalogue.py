"""A catalogue beside the scenario: own entries take part like shipped ones, and none hides one of them."""

import re

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from scipy import stats

from sim import run
from sim.catalog import load_catalogue
from sim.catalog.distribution import FORMS
from sim.catalog.parameter import KINDS
from sim.cli import commands
from sim.engine import reference
from sim.engine.compiled import core
from sim.errors import UserError
from sim.simulation.parameter_draws import draw_parameters
from sim.simulation.provenance import fingerprint
from sim.simulation.question import ask, own_life_table
from tests.support.places import ROOT

LEDGER = "source: ledger, place: Ward 3, status: evidence"
FIXED = "distribution: {family: fixed, why: ours}"
OWN = f"""\
sources:
  ledger: {{citation: "St Example Hospital. Unit costs.", year: 2025, kind: price_list}}
life_tables:
  examplia: {{label: Examplia, file: examplia.csv, {LEDGER}}}
populations:
  ours:
    label: Our patients
    description: Treated at St Example.
    extends: topp_2021_first_salvage
    parameters:
      population.age_median_years: {{label: Age, value: 50, unit: years, {FIXED}, {LEDGER}}}
regimens:
  weekend:
    label: Weekend start
    description: As blinatumomab.
    extends: blinatumomab
perspectives:
  our_hospital:
    label: St Example
    description: Our costs.
    extends: us_payer_2022
    life_table: examplia
    parameters:
      cost.inpatient_day:
        {{label: Day, value: 1850, unit: USD, distribution: {{family: gamma, cv: 0.1}}, {LEDGER}}}
"""
QUESTION = f"""\
extends: {ROOT / "scenarios/tower.yaml"}
catalogue: [own.yaml]
population: ours
perspective: our_hospital
patients: 300
comparator: chemotherapy
strategies:
  - {{name: chemotherapy, sequence: [salvage_chemotherapy], then: usual_care}}
  - {{name: blinatumomab, sequence: [blinatumomab], then: usual_care}}
  - {{name: weekend, sequence: [weekend], then: usual_care}}
"""


@pytest.fixture
def own(tmp_path):
    """Return a function that writes the catalogue and the question, each with a text replaced."""

    def write(old="", new="", question=""):
        assert old in OWN
        ages = "".join(f"{age},{0.0001 * 1.09**age},{0.00007 * 1.09**age}\n" for age in range(101))
        (tmp_path / "examplia.csv").write_text(f"age,mx_male,mx_female\n{ages}", encoding="utf-8")
        (tmp_path / "own.yaml").write_text(
            OWN.replace(old, new, 1) if old else OWN, encoding="utf-8"
        )
        path = tmp_path / "question.yaml"
        path.write_text(QUESTION + question, encoding="utf-8")
        return path

    return write


def refusal(path):
    with pytest.raises(UserError) as error:
        ask(path)
    return str(error.value.original)


def test_own_entries_take_part_and_say_where_they_come_from(own):
    asked = ask(own())
    day = asked.parameters["cost.inpatient_day"]
    assert (day.value, day.sources, day.is_own) == (1850.0, ("ledger",), True)
    assert re.fullmatch(r".*own\.yaml:\d+", f"{day.file}:{day.line}")
    assert asked.catalogue.sources["ledger"].citation.startswith("St Example")
    # 0.0001 * 1.09^40 deaths a year at 40, from the file.
    assert asked.life_tables[0].hazards[40] == pytest.approx(0.0001 * 1.09**40)
    assert [each.name for each in asked.catalogue.own] == ["ours", "weekend", "our_hospital"]
    assert "weekend" not in load_catalogue().regimens


def test_a_regimen_that_changes_nothing_has_the_lives_and_the_draws_of_the_one_it_extends(own):
    asked = ask(own())
    _, base, again = asked.model.strategies
    lives = [list(core.simulate(asked.model, s, seed=3, patients=300)) for s in (base, again)]
    assert lives[0] == lives[1]
    assert len(lives[0]) == 300
    draws = draw_parameters(asked, 40, 1)
    names = [name for name in draws if name.startswith("weekend.")]
    assert len(names) > 10
    for name in names:
        assert draws[name].equals(draws[name.replace("weekend", "blinatumomab")].rename(name)), name


def test_both_engines_give_own_entries_the_same_lives(own):
    asked = ask(own(old="extends: blinatumomab\n", new=FASTER))
    for strategy in asked.model.strategies:
        ours = list(core.simulate(asked.model, strategy, seed=5, patients=100))
        assert ours == list(reference.simulate(asked.model, strategy, seed=5, patients=100))
        assert len(ours) == 100


FASTER = f"""extends: blinatumomab
    parameters:
      weekend.schedule.cycle_days: {{label: Cycle, value: 35, unit: days, {FIXED}, {LEDGER}}}
"""


def test_a_perspective_in_a_third_currency_is_complete_and_counts_in_it(own, tmp_path):
    shipped = ROOT / "sim/catalog/data/perspectives/nhs_england.yaml"
    text = shipped.read_text(encoding="utf-8").replace("GBP", "EUR")
    text = text.replace("name: nhs_england", "name: examplia_payer").replace(
        "25000\n", "26000\n", 1
    )
    folder = tmp_path / "third"
    (folder / "perspectives").mkdir(parents=True)
    (folder / "perspectives/examplia_payer.yaml").write_text(text, encoding="utf-8")
    path = own(question="")
    path.write_text(
        path.read_text(encoding="utf-8")
        .replace("[own.yaml]", "[own.yaml, third/]")
        .replace("our_hospital", "examplia_payer"),
        encoding="utf-8",
    )
    asked = ask(path)
    assert asked.perspective.money == "EUR of 2025"
    assert asked.thresholds[0] == 26000.0
    assert run(path, patients=50).tables["strategies"]["unit"].isin(["EUR"]).any()


def test_entries_in_a_folder_are_those_in_one_file(own, tmp_path):
    path = own()
    parts = yaml.safe_load((tmp_path / "own.yaml").read_text(encoding="utf-8"))
    folder = tmp_path / "own"
    for kind, entries in parts.items():
        if kind == "sources":
            folder.mkdir()
            (folder / "sources.yaml").write_text(yaml.safe_dump({kind: entries}), encoding="utf-8")
            continue
        (folder / kind).mkdir(parents=True)
        for name, entry in entries.items():
            file = folder / kind / f"{name}.yaml"
            file.write_text(yaml.safe_dump({"name": name, **entry}), encoding="utf-8")
    (tmp_path / "examplia.csv").rename(folder / "life_tables/examplia.csv")
    moved = tmp_path / "moved.yaml"
    moved.write_text(path.read_text(encoding="utf-8").replace("own.yaml", "own"), encoding="utf-8")
    (tmp_path / "own.yaml").rename(tmp_path / "unused.yaml")
    there = ask(moved)
    (tmp_path / "unused.yaml").rename(tmp_path / "own.yaml")
    (folder / "life_tables/examplia.csv").rename(tmp_path / "examplia.csv")
    assert fingerprint(there) == fingerprint(ask(path))


@pytest.mark.parametrize(
    ("old", "new"),
    [("cv: 0.1", "cv: 0.2"), ("file: examplia.csv", "file: other.csv"), ("1850", "1851")],
)
def test_what_the_own_catalogue_says_is_part_of_the_questions_identity(own, tmp_path, old, new):
    path = own()
    first = fingerprint(ask(path))
    (tmp_path / "other.csv").write_text(
        (tmp_path / "examplia.csv").read_text(encoding="utf-8").replace("\n40,", "\n40.5,"),
        encoding="utf-8",
    )
    assert fingerprint(ask(own(old, new))) != first


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "  weekend:",
            "  blinatumomab:",
            r"own.yaml:\d+: name: the catalogue that comes .*extends",
        ),
        ("extends: blinatumomab", "extends: blinatumomap", "did you mean 'blinatumomab'"),
        (
            "  ledger:",
            "  badar_2020:",
            r"sources.badar_2020: is the name of an entry that there is",
        ),
        ("regimens:", "regimen:", r"regimen: is no part of a catalogue.*did you mean 'regimens'"),
        ("file: examplia.csv", "file: exampla.csv", "no such file; did you mean 'examplia.csv'"),
        ("cost.inpatient_day:", "costs.inpatient_day:", "a name must be lower-case words"),
        ("unit: USD", "unit: GBP", "has no place here: this perspective is in USD"),
        (
            "    extends: us_payer_2022",
            "    extends: nhs_england\n    currency: USD",
            "are missing",
        ),
        ("    extends: us_payer_2022\n", "", r"country: is required"),
        ("value: 1850", "value: -5", "must be a finite number at least 0"),
        ("label: Examplia", "unit: per person-year, label: Examplia", "has no place beside 'file'"),
        ("cv: 0.1", "cvv: 0.1", "did you mean 'cv'"),
        ("source: ledger", "source: ledgr", "did you mean 'ledger'"),
        (
            "extends: blinatumomab\n",
            "kind: chemotherapy\n    target: none\n    parameters: {}\n",
            r"weekend\.[\w.]+: is not in the catalogue, and .*'weekend'.* needs it",
        ),
    ],
)
def test_a_mistake_in_an_own_catalogue_is_named(own, old, new, message):
    assert re.search(message, refusal(own(old, new)), re.DOTALL), refusal(own(old, new))


def test_a_catalogue_that_is_not_there_is_named_with_the_nearest(own):
    path = own()
    path.write_text(path.read_text(encoding="utf-8").replace("own.yaml]", "owm.yaml]"))
    assert "catalogue[0]: no such file; did you mean 'own.yaml'?" in refusal(path)


NUMBER = "parameters: {{cost.blinatumomab.vial: {}}}\n"


def test_a_number_of_the_scenario_has_nothing_of_the_catalogues(own):
    asked = ask(own(question=NUMBER.format(3000)))
    vial = asked.parameters["cost.blinatumomab.vial"]
    assert (vial.status, vial.sources, vial.derivation) == ("scenario", (), None)
    assert vial.place.endswith("question.yaml:11")
    assert (vial.low, vial.high) == (3000.0, 3000.0)
    assert "cost.blinatumomab.vial" not in draw_parameters(asked, 2, 1)


def test_a_number_with_a_distribution_is_drawn_from_it_and_named_with_its_source(own):
    given = (
        "{value: 3000, distribution: {family: normal, sd: 10}, source: Our contract, place: p. 4}"
    )
    asked = ask(own(question=NUMBER.format(given)))
    vial = asked.parameters["cost.blinatumomab.vial"]
    assert vial.place.startswith("Our contract; p. 4; ")
    drawn = draw_parameters(asked, 400, 1)["cost.blinatumomab.vial"]
    # 400 draws: the standard errors are 0.5 and 0.35; within 4 of them.
    assert drawn.mean() == pytest.approx(3000.0, abs=2.0)
    assert drawn.std() == pytest.approx(10.0, abs=1.4)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("{value: 3000, distribution: {family: normal}}", "takes 'sd' or 'ci'"),
        ("{value: 3000, distribution: {family: posterior}}", "comes from the fit alone"),
        ("{value: 3000, range: [1, 2]}", "does not hold the value 3000"),
        ("{value: 3000, sauce: x}", "did you mean 'source'"),
        ("{source: x}", "value: is required"),
        ("many", "cost.blinatumomab.vial: must be a number"),
        ("[1]", "cost.blinatumomab.vial: must be a number"),
        ("{value: -1}", "must be a finite number at least 0"),
    ],
)
def test_a_number_that_is_wrong_is_named(own, given, message):
    assert message in refusal(own(question=NUMBER.format(given)))


# What an analyst sees of their own inputs


def check(path):
    done = CliRunner().invoke(commands, ["check", str(path)])
    assert done.exit_code == 0, done.output
    return done.output


def test_check_prints_each_own_input_with_its_interval_and_its_place(own):
    said = check(own())
    # The 2.5 % and 97.5 % quantiles of a gamma of mean 1,850 and sd 185.
    low, high = stats.gamma(100.0, scale=18.5).ppf([0.025, 0.975])
    assert f"cost.inpatient_day: 1,850 USD ({low:,.0f} to {high:,.0f}), " in said
    assert re.search(r"population\.age_median_years: 50 years \(fixed\), .*own\.yaml:\d+\n", said)


def test_a_number_of_the_scenario_is_printed_with_its_place(own):
    said = check(own(question="parameters: {cost.blinatumomab.vial: 3000}\n"))
    assert re.search(r"cost\.blinatumomab\.vial: 3,000 USD \(fixed\), .*question\.yaml:\d+\n", said)


OFF = "horizon_years: 5\nswitches: {background_mortality: false}\n"


def test_a_life_table_of_an_own_catalogue_stands_beside_the_nearest_of_the_program(own):
    asked = ask(own())
    found = own_life_table(asked)
    assert (found.file, found.is_of_perspective) == ("examplia", False)
    assert found.beside in load_catalogue().life_tables
    # The mean of survival past 50 under the hazard 0.0001 * 1.09^age, constant within a year of age.
    hazards = 0.0001 * 1.09 ** np.minimum(np.arange(50, 400), 100.0)
    survival = np.concatenate([[1.0], np.exp(-np.cumsum(hazards))])
    assert found.own[0] == pytest.approx(np.sum(-np.diff(survival) / hazards), rel=1e-6)
    assert "Life table: examplia; life expectancy at 50: men" in check(own())
    assert own_life_table(ask(own(question=OFF))) is None
    assert own_life_table(ask(own(question="life_table: us_2019\n"))) is None


@pytest.mark.parametrize(
    ("old", "new", "name", "meant"),
    [
        ("cost.inpatient_day", "cost.bed_day", "cost.bed_day", "cost.inpatient_day"),
        (
            "population.age_median_years",
            "population.median_age_years",
            "population.median_age_years",
            "population.age_median_years",
        ),
        (
            "extends: blinatumomab\n",
            FASTER.replace("cycle_days", "cycle_length"),
            "weekend.schedule.cycle_length",
            "weekend.schedule.cycle_days",
        ),
        (
            "cost.inpatient_day",
            "cost.weekend.vail",
            "cost.weekend.vail",
            "cost.weekend.vial",
        ),
    ],
    ids=lambda text: text.strip().splitlines()[0],
)
def test_a_number_that_the_model_does_not_read_is_named(old, new, name, meant, own):
    said = refusal(own(old=old, new=new))
    assert re.search(r"own\.yaml:\d+: ", said)
    assert f"{name}: the model reads no number of this name; did you mean '{meant}'?" in said


def test_a_price_of_an_own_regimen_is_read(own):
    new = (
        "cost.weekend.vial: {label: Vial, value: 9, unit: USD, distribution: {family: gamma, cv: 0.1}, "
        f"{LEDGER}}}\n      cost.inpatient_day"
    )
    with_drug = own(old="cost.inpatient_day", new=new)
    text = (with_drug.parent / "own.yaml").read_text(encoding="utf-8")
    (with_drug.parent / "own.yaml").write_text(
        text.replace("extends: blinatumomab\n", "extends: blinatumomab\n    drug: weekend\n"),
        encoding="utf-8",
    )
    # Its own drug needs days in hospital too, which are the next to be missing.
    assert "cost.weekend.vial" not in refusal(with_drug)


def test_a_catalogue_is_not_taken_for_a_scenario(own):
    place = own().parent / "own.yaml"
    assert refusal(place) == (
        f"{place}: is a catalogue and not a scenario: a scenario names it, as in "
        "'catalogue: [own.yaml]'"
    )


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("1,900", ": write 1900, or 1.900 (got"),
        ("1.900,00", ": write 1900.00 (got"),
        ("£1900", ": write 1900 (got"),
        ("1900 USD", ": write 1900 (got"),
        ("1 900", ": write 1900 (got"),
        ("1,234,567", ": write 1234567 (got"),
        ("0,05", ": write 0.05 (got"),
        ("5 %", "starts with '=' (got"),
        ("'1900'", "starts with '=' (got"),
        ("2025-03-01", "starts with '=' (got"),
    ],
)
def test_a_number_with_separators_or_a_unit_is_told_how_it_is_written(written, hint, own):
    assert hint in refusal(own(old="value: 1850", new=f"value: '{written.strip(chr(39))}'"))


def test_a_comma_between_the_thousands_of_a_number_in_braces_is_named(own):
    said = refusal(own(question="subgroups: {age_years: 12,000}\n"))
    assert "000 is not; put it in quotes; a number has no comma between its thousands" in said


def test_the_page_names_every_form_of_a_distribution_and_every_kind_of_source():
    page = (ROOT / "docs/own_catalogue.md").read_text(encoding="utf-8")
    rows = {row.split("|")[1].strip(): row for row in page.splitlines() if row.startswith("| `")}
    assert {name.strip("`") for name in rows} == set(FORMS) - {"posterior"}
    for family in set(FORMS) - {"posterior"}:
        for key in (key for form in FORMS[family] for key in form):
            assert re.search(rf"`{key}[`:]", rows[f"`{family}`"]), (family, key)
    for kind in KINDS:
        assert f"`{kind}`" in page


def test_parameters_are_listed_with_their_labels(own):
    done = CliRunner().invoke(commands, ["parameters", "vial", "--scenario", str(own())])
    assert done.exit_code == 0
    heading, *rows = (line.split("  ") for line in done.stdout.splitlines())
    assert [each.strip() for each in heading if each.strip()][:4] == [
        "from",
        "name",
        "label",
        "value",
    ]
    row = next(row for row in rows if "cost.blinatumomab.vial" in " ".join(row))
    assert "Blinatumomab, vial" in [each.strip() for each in row]


def test_no_far_name_is_offered_for_a_word_that_is_not_there():
    done = CliRunner().invoke(commands, ["parameters", "hotel"])
    assert done.exit_code == 2
    assert "cost.end_of_life" not in done.output
    assert "relapse" in CliRunner().invoke(commands, ["parameters", "relpase"]).output


def test_names_of_a_comparison_are_counted_in_words(own):
    path = str(own())
    done = CliRunner().invoke(commands, ["compare", path, path, "--name", "ours"])
    assert done.exit_code == 2
    assert "names: must be as many as the scenarios, all different (got 'ours')" in done.output
