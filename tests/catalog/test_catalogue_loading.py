"""A small catalogue loads as written; every mistake in one is named with its file and line."""

import csv
import io
import math

import pytest
from scipy import stats

from sim.catalog import load_catalogue, read_catalogue
from sim.catalog import reading as catalogue_loading
from sim.catalog.distribution import Gamma, Normal
from sim.errors import UserError
from sim.layout import listings
from tests.support.places import ROOT

FILES = {
    "sources.yaml": """\
sources:
  topp_2021:
    citation: "Topp MS, Stein A, Zugmaier G. Blinatumomab in first and later salvage. 2021."
    year: 2021
    doi: "10.1000/example"
    kind: article
  price_list:
    citation: Average sales prices
    year: 2004
    doi: null
    kind: price_list
  us_cpi:
    citation: Consumer price index
    year: 2025
    doi: https://example.org/cpi
    kind: statistics
""",
    "price_indices.yaml": """\
indices:
  us_medical_care_cpi:
    label: Medical care
    unit: index
    source: us_cpi
    place: annual averages
    values: {"2004": 200.0, "2024": 500.0}
""",
    "life_tables/us.yaml": """\
name: us
label: United States
source: us_cpi
place: table 2
status: evidence
unit: per person-year
ages: [18, 55, 105]
male: [0.001, 0.007, 0.7]
female: [0.0005, 0.004, 0.6]
""",
    "clinical/response.yaml": """\
topic: response
defaults:
  unit: logit
  source: topp_2021
  status: evidence
  distribution: {family: normal, sd: 0.2}
parameters:
  response.base:
    label: Log odds of response
    value: "= ln(119/152)"
    place: table 2
    derivation: from the counts
  response.age_effect:
    label: Effect of age
    value: -0.1
    unit: log odds ratio
    distribution: {family: normal, ci: [-0.3, 0.1]}
    range: [-0.5, 0.5]
    source: [topp_2021, us_cpi]
    place: figure 3
    status: assumption
    note: read off
""",
    "populations/first.yaml": """\
name: first
label: First salvage
description: Adults
defaults: {source: topp_2021, place: table 1, status: evidence}
parameters:
  population.female:
    label: Women
    value: "= 119/271"
    unit: probability
    distribution: {family: beta, alpha: 119, beta: 152}
""",
    "populations/later.yaml": """\
name: later
label: Later salvage
description: Adults
parameters:
  population.female:
    label: Women
    value: 0.5
    unit: probability
    distribution: {family: beta, sd: 0.05}
    source: topp_2021
    place: table 1
    status: evidence
""",
    "perspectives/us_payer.yaml": """\
name: us_payer
label: US payer
country: United States
currency: USD
price_year: 2024
price_index: us_medical_care_cpi
life_table: us
description: A payer
defaults: {source: price_list, place: row 1, status: evidence, unit: USD, price_year: 2004}
parameters:
  cost.visit:
    label: Visit
    value: 100
    inflate: true
    range: [80, 150]
    distribution: {family: gamma, sd: 20}
  cost.scan:
    label: Scan
    value: 300
    distribution: {family: gamma, cv: 0.2}
""",
}
REGIMEN = """\
name: {name}
label: {name}
kind: care
target: none
response_reference: {reference}
description: Something given
defaults: {{source: topp_2021, place: p. 1, status: evidence}}
parameters:
  {name}.cycle_days:
    label: Length of a cycle
    value: 42
    unit: days
    distribution: {{family: fixed, why: by the label}}
"""
for name, reference in {
    "usual_care": "null",
    "supportive_care": "null",
    "chemotherapy": "null",
    "blinatumomab": "chemotherapy",
    "blinatumomab_tki": "blinatumomab",
}.items():
    FILES[f"regimens/{name}.yaml"] = REGIMEN.format(name=name, reference=reference)


@pytest.fixture
def load(tmp_path):
    """Write the small catalogue with pieces of text exchanged, and read it."""

    def load(exchanges=(), extra=None):
        files = {**FILES, **(extra or {})}
        for file, old, new in exchanges:
            assert files[file].count(old) >= 1, f"{old} is not in {file}"
            files[file] = files[file].replace(old, new, 1)
        for file, text in files.items():
            path = tmp_path / file
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return read_catalogue(tmp_path, "data")

    return load


# What is read


def test_entry_takes_missing_keys_from_the_defaults(load):
    base = load().clinical["response.base"]
    assert base.value == base.amount == math.log(119 / 152)
    assert base.arithmetic == "ln(119/152)"
    assert (base.unit, base.status, base.sources) == ("logit", "evidence", ("topp_2021",))
    assert base.distribution == Normal(base.value, 0.2)
    assert (base.file, base.line) == ("data/clinical/response.yaml", 8)
    assert base.place == "table 2"
    assert base.derivation == "from the counts"
    assert base.price_year is None


def test_entry_overrides_the_defaults(load):
    effect = load().clinical["response.age_effect"]
    assert effect.unit == "log odds ratio"
    assert effect.sources == ("topp_2021", "us_cpi")
    assert (effect.status, effect.note, effect.arithmetic) == ("assumption", "read off", None)
    assert effect.distribution.sd == pytest.approx(0.4 / 3.919928)
    assert (effect.low, effect.high) == (-0.5, 0.5)


def test_interval_stands_in_for_a_range_that_is_not_stated(load):
    base = load().clinical["response.base"]
    assert base.low == pytest.approx(base.value - 1.959964 * 0.2, abs=1e-6)
    assert base.high == pytest.approx(base.value + 1.959964 * 0.2, abs=1e-6)


def test_money_and_its_spread_are_brought_to_the_prices_of_the_perspective(load):
    """200 to 500 is a factor of 2.5."""
    prices = load().perspectives["us_payer"].parameters
    visit, scan = prices["cost.visit"], prices["cost.scan"]
    assert (visit.amount, visit.value, visit.price_year) == (100.0, 250.0, 2004)
    assert visit.distribution == Gamma.from_mean(250.0, 50.0)
    assert (visit.low, visit.high) == (200.0, 375.0)
    assert scan.amount == scan.value == 300.0


def test_parts_keep_what_their_files_say(load):
    catalogue = load()
    perspective = catalogue.perspectives["us_payer"]
    assert (perspective.currency, perspective.price_year) == ("USD", 2024)
    assert (perspective.life_table, perspective.price_index) == ("us", "us_medical_care_cpi")
    assert catalogue.regimens["blinatumomab"].response_reference == "chemotherapy"
    assert catalogue.regimens["usual_care"].response_reference is None
    assert catalogue.life_tables["us"].female == (0.0005, 0.004, 0.6)
    assert catalogue.indices["us_medical_care_cpi"].factor(2004, 2024) == 2.5
    assert catalogue.sources["topp_2021"].short == "Topp 2021"
    assert catalogue.sources["price_list"].doi is None


def test_selection_is_sorted_and_follows_references(load):
    selected = load().select("later", ["blinatumomab_tki"], "us_payer")
    assert list(selected) == [
        "blinatumomab.cycle_days",
        "blinatumomab_tki.cycle_days",
        "chemotherapy.cycle_days",
        "cost.scan",
        "cost.visit",
        "population.female",
        "response.age_effect",
        "response.base",
        "supportive_care.cycle_days",
        "usual_care.cycle_days",
    ]
    assert selected["population.female"].value == 0.5


def test_a_regimen_can_give_the_drug_of_another(load):
    """Its own by default; the other regimen's numbers are then selected too."""
    catalogue = load()
    assert catalogue.regimens["chemotherapy"].drug == "chemotherapy"
    assert "blinatumomab" not in catalogue.reachable_regimens(["chemotherapy"])
    same = ("regimens/chemotherapy.yaml", "kind: care", "kind: care\ndrug: blinatumomab")
    catalogue = load([same])
    assert catalogue.regimens["chemotherapy"].drug == "blinatumomab"
    assert "blinatumomab" in catalogue.reachable_regimens(["chemotherapy"])


def test_selection_ends_when_references_go_in_a_circle(load):
    circle = (
        "regimens/chemotherapy.yaml",
        "response_reference: null",
        "response_reference: blinatumomab",
    )
    reached = load([circle]).reachable_regimens(["blinatumomab"])
    assert sorted(reached) == ["blinatumomab", "chemotherapy", "supportive_care", "usual_care"]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (("frist", [], "us_payer"), "population: there is no such population (got 'frist')"),
        (("first", ["blina"], "us_payer"), "did you mean 'blinatumomab'?"),
        (("first", [], "us_player"), "did you mean 'us_payer'?"),
    ],
)
def test_selection_names_the_nearest(load, question, expected):
    with pytest.raises(UserError) as error:
        load().select(*question)
    assert expected in str(error.value)


def test_shipped_catalogue_is_read_once():
    assert catalogue_loading.load_catalogue() is catalogue_loading.load_catalogue()


# What is refused

RESPONSE = "clinical/response.yaml"
FIRST = "populations/first.yaml"
PAYER = "perspectives/us_payer.yaml"
CHEMO = "regimens/chemotherapy.yaml"
TABLE = "life_tables/us.yaml"
INDICES = "price_indices.yaml"
MISTAKES = [
    # Entries
    (RESPONSE, "derivation:", "derivaton:", 12, "unknown key (got 'derivaton'); did you mean 'derivation'?"),
    (RESPONSE, "    label: Log odds of response\n", "", 8, "parameters.response.base.label: is required, and missing"),
    (RESPONSE, "    place: table 2\n", "", 8, "place: is required, and missing"),
    (RESPONSE, "unit: logit", "unit: logits", 3, "defaults.unit: is not known (got 'logits'); did you mean 'logit'?"),
    (RESPONSE, "topp_2021, us_cpi", "topp_2020, us_cpi", 19, "is not a known source; list your own under 'sources' (got 'topp_2020'); did you mean 'topp_2021'?"),
    (RESPONSE, "[topp_2021, us_cpi]", "[]", 19, "source: must hold at least 1"),
    (RESPONSE, "source: [topp_2021, us_cpi]", "source: null", 19, "source: has no value"),
    (RESPONSE, "[topp_2021, us_cpi]", "{a: b}", 19, "source[0]: must be text (got {'a': 'b'})"),
    (RESPONSE, "status: assumption", "status: asumption", 21, "did you mean 'assumption'?"),
    (RESPONSE, "value: -0.1", "value: minus", 15, "must be a number, or arithmetic that starts with '='"),
    (RESPONSE, "value: -0.1", "value: true", 15, "must be a number"),
    (RESPONSE, "value: -0.1", "value: .nan", 15, "must be a finite number"),
    (RESPONSE, "value: -0.1", "value: [1]", 15, "must be a number"),
    (RESPONSE, "= ln(119/152)", "= ln(119/0)", 10, "the arithmetic divides by zero"),
    (RESPONSE, "= ln(119/152)", "= log(119/152)", 10, "the arithmetic holds 'log(119 / 152)'"),
    (RESPONSE, "label: Effect of age", "label: 7", 14, "label: must be text (got 7)"),
    (RESPONSE, "label: Effect of age", "label: ' '", 14, "label: must not be empty"),
    (RESPONSE, "range: [-0.5, 0.5]", "range: [0.5, -0.5]", 18, "must be [low, high]"),
    (RESPONSE, "range: [-0.5, 0.5]", "range: 0.5", 18, "must be [low, high] with low below high (got 0.5)"),
    (RESPONSE, "range: [-0.5, 0.5]", "range: [0.0, 0.5]", 18, "does not hold the value -0.1"),
    (RESPONSE, "  response.age_effect:", "  Response.Age:", 13, "a name must be lower-case words"),
    (RESPONSE, "  response.age_effect:", "  response.base:", 13, "the key is written twice"),
    (RESPONSE, "{family: normal, sd: 0.2}", "none", 6, "defaults.distribution: must hold keys and values"),
    (RESPONSE, "topic: response", "subject: response", 1, "unknown key (got 'subject')"),
    (RESPONSE, "topic: response\n", "", 1, "topic: is required, and missing"),
    (FIRST, "= 119/271", "= 319/271", 8, "a value in 'probability' must be a finite number at least 0 and at most 1"),
    (FIRST, "population.female", "cost.female", 6, "start with 'population.'"),
    (FIRST, "name: first", "name: frist", 1, "must be the name of the file (got 'frist'); did you mean 'first'?"),
    (FIRST, "unit: probability", "unit: USD", 9, "has no place here: this file is no perspective"),
    (FIRST, "unit: probability", "unit: probability\n    price_year: 2004", 10, "is only for amounts of money"),
    (FIRST, "defaults:", "default:", 4, "unknown key (got 'default'); did you mean 'defaults'?"),
    (FIRST, "parameters:", "params:", 5, "unknown key (got 'params'); did you mean 'parameters'?"),
    (FIRST, "defaults: {", "defaults: {lable: x, ", 4, "defaults.lable: unknown key (got 'lable'); did you mean 'label'?"),
    # Distributions
    (RESPONSE, "family: normal, sd", "family: norml, sd", 6, "distribution.family: is not known (got 'norml'); did you mean 'normal'?"),
    (RESPONSE, "normal, sd: 0.2", "normal, sigma: 0.2", 6, "defaults.distribution: a normal distribution takes 'sd' or 'ci'"),
    (RESPONSE, "normal, sd: 0.2", "normal, std: 0.2", 6, "distribution.std: unknown key (got 'std'); did you mean 'sd'?"),
    (RESPONSE, "normal, sd: 0.2", "normal", 6, "a normal distribution takes 'sd' or 'ci'"),
    (RESPONSE, "normal, sd: 0.2", "normal, sd: 0", 6, "'sd' of the distribution must be above 0"),
    (RESPONSE, "normal, sd: 0.2", "lognormal, cv: 0.2", 6, "a lognormal distribution needs a value above 0"),
    (RESPONSE, "normal, sd: 0.2", "gamma, cv: 0.2", 6, "a gamma distribution needs a value above 0"),
    (RESPONSE, "normal, sd: 0.2", "beta, sd: 0.2", 6, "a beta distribution needs a value between 0 and 1"),
    (RESPONSE, "normal, sd: 0.2", "uniform, low: 0, high: 1", 6, "the value is not between low and high"),
    (RESPONSE, "ci: [-0.3, 0.1]", "ci: [-0.3, -0.2]", 17, "the value is not inside the confidence interval"),
    (RESPONSE, "ci: [-0.3, 0.1]", "ci: [-3.0, 0.1]", 17, "more than one standard error from the interval's centre"),
    (RESPONSE, "ci: [-0.3, 0.1]", "ci: [-0.3]", 17, "must be [low, high]"),
    (FIRST, "alpha: 119", "alpha: 129", 10, "the mean of the beta distribution, 0.4591, is not the value"),
    (FIRST, "alpha: 119, beta: 152", "alpha: 119", 10, "a beta distribution takes 'alpha' and 'beta' or 'sd'"),
    (FIRST, "alpha: 119, beta: 152", "sd: 0.9", 10, "must be below 0.4963"),
    (CHEMO, "fixed, why: by the label", "fixed", 13, "a fixed distribution takes 'why'"),
    (CHEMO, "why: by the label", "why: ''", 13, "distribution.why: must not be empty"),
    # Regimens
    (CHEMO, "kind: care", "kind: cure", 3, "kind: is not known (got 'cure'); did you mean 'care'?"),
    (CHEMO, "target: none", "target: cd20", 4, "did you mean 'cd22'?"),
    (CHEMO, "response_reference: null", "response_reference: blina", 5, "did you mean 'blinatumomab'?"),
    (CHEMO, "chemotherapy.cycle_days", "chemo.cycle_days", 9, "start with 'chemotherapy.'"),
    # Perspectives and prices
    (PAYER, "currency: USD", "currency: USB", 4, "did you mean 'USD'?"),
    (PAYER, "currency: USD", "currency: GBP", 9, "has no place here: this perspective is in GBP"),
    (PAYER, "life_table: us", "life_table: usa", 7, "did you mean 'us'?"),
    (PAYER, "price_index: us_medical", "price_index: uk_medical", 6, "did you mean 'us_medical_care_cpi'?"),
    (PAYER, "price_index: us_medical_care_cpi\n", "", 13, "needs a 'price_index' in the perspective"),
    (PAYER, "price_year: 2004", "price_year: 2003", 9, "defaults.price_year: is not in the index 'Medical care' (got '2003')"),
    (PAYER, ", price_year: 2004", "", 14, "needs the 'price_year' of an amount of money"),
    (PAYER, "price_year: 2024", "price_year: 2023", 14, "inflate: is not in the index 'Medical care' (got '2023')"),
    (PAYER, "price_year: 2024", "price_year: '2024'", 5, "must be a whole number"),
    (PAYER, "price_year: 2024\n", "", 1, "price_year: is required, and missing"),
    (PAYER, "inflate: true", "inflate: yes", 14, "must be true or false (got 'yes')"),
    (INDICES, '"2024": 500.0', '"2024": 0', 7, "must be above 0"),
    (INDICES, '"2024"', '"next"', 7, "must be a year such as 2020"),
    (INDICES, "source: us_cpi", "source: uk_cpi", 5, "did you mean 'us_cpi'?"),
    # Life tables and sources
    (TABLE, "[18, 55, 105]", "[18, 18, 105]", 7, "each above the one before"),
    (TABLE, "[0.001, 0.007, 0.7]", "[0.001, 0.007]", 8, "must hold one hazard for each of the 3 ages"),
    (TABLE, "0.0005", "0.0", 9, "female[0]: must be above 0"),
    (TABLE, "unit: per person-year", "unit: per month", 6, "unit: is not known"),
    ("sources.yaml", "kind: statistics", "kind: statistic", 16, "did you mean 'statistics'?"),
    ("sources.yaml", "    citation: Average sales prices\n", "", 7, "citation: is required, and missing"),
    ("sources.yaml", "year: 2004", "years: 2004", 9, "did you mean 'year'?"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("file", "old", "new", "line", "expected"),
    [
        pytest.param(*mistake, id=f"{number}-{mistake[2][:30]}".replace("\n", ""))
        for number, mistake in enumerate(MISTAKES)
    ],
)
def test_mistake_is_named_with_its_file_and_line(load, file, old, new, line, expected):
    with pytest.raises(UserError) as error:
        load([(file, old, new)])
    assert str(error.value).startswith(f"data/{file}:{line}: ")
    assert expected in str(error.value)


@pytest.mark.parametrize("missing", ["sources.yaml", "price_indices.yaml"])
def test_missing_file_is_named(load, tmp_path, missing):
    load()
    (tmp_path / missing).unlink()
    with pytest.raises(UserError, match=f"data/{missing}: no such file"):
        read_catalogue(tmp_path, "data")


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("clinical/second.yaml", "response.base"),
        ("clinical/second.yaml", "chemotherapy.cycle_days"),
        ("clinical/second.yaml", "population.female"),
        ("clinical/second.yaml", "cost.visit"),
    ],
)
def test_name_written_in_two_files_is_refused(load, file, name):
    text = FILES["populations/later.yaml"].partition("parameters:")[2]
    text = "topic: more\nparameters:" + text.replace("population.female", name)
    with pytest.raises(UserError) as error:
        load(extra={file: text})
    assert f"{name}: the parameter is written twice, first in data/" in str(error.value)


def test_two_populations_may_define_the_same_name(load):
    populations = load().populations
    assert {name: p.parameters["population.female"].value for name, p in populations.items()} == {
        "first": 119 / 271,
        "later": 0.5,
    }


# The table


@pytest.fixture
def show(load, monkeypatch, capsys):
    monkeypatch.setattr(listings, "load_catalogue", load)

    def show(filter_text=None, as_csv=False, scenario=None):
        listings.show_parameters(filter_text, scenario, as_csv)
        return capsys.readouterr().out

    return show


def test_table_shows_every_parameter_and_counts_them_by_status(show):
    lines = show().splitlines()
    assert len(lines) == 1 + 11 + 1
    assert lines[-1] == "11 parameters: 10 evidence, 1 assumption"
    (women,) = [line for line in lines if line.startswith("first ")]
    for piece in (
        "population.female",
        "0.4391 probability",
        "beta(alpha 119, beta 152), 0.3806 to 0.4985",
        "evidence",
        "Topp 2021",
        "table 1",
    ):
        assert piece in women


@pytest.mark.parametrize(
    ("text", "count"),
    [("WOMEN", 2), ("sales prices", 2), ("assumption", 1), ("us_cpi", 1), ("later", 9)],
)
def test_filter_looks_at_label_source_status_and_file_whatever_the_case(show, text, count):
    """`later` is in the citation of the source that all but the two prices have."""
    assert len(show(text).splitlines()) == 1 + count + 1


def test_filter_without_a_match_names_the_nearest(show):
    with pytest.raises(UserError) as error:
        show("respnse")
    assert "no parameter has 'respnse'" in str(error.value)
    assert "response.base" in str(error.value)


def test_csv_holds_all_fields(show):
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(show("cost.", as_csv=True)))}
    visit = rows["cost.visit"]
    assert (visit["value"], visit["amount"], visit["price_year"]) == ("250.0", "100.0", "2004")
    assert (visit["range_low"], visit["range_high"]) == ("200.0", "375.0")
    assert (visit["file"], visit["line"]) == ("data/perspectives/us_payer.yaml", "11")
    assert visit["source"] == "price_list"
    assert visit["citation"] == "Average sales prices"
    assert float(visit["interval_low"]) == pytest.approx(stats.gamma(25, scale=10).ppf(0.025))


def test_scenario_shows_what_it_uses_and_what_it_sets(show, tmp_path):
    scenario = tmp_path / "question.yaml"
    text = f"extends: {ROOT / 'scenarios/tower.yaml'}\nparameters: {{cost.inpatient_day: 2500}}\n"
    scenario.write_text(text, encoding="utf-8")
    lines = show(scenario=scenario).splitlines()
    assert not any(line.startswith("inotuzumab") for line in lines)
    (day,) = [line for line in lines if "cost.inpatient_day " in line]
    assert day.startswith("question ")
    shipped = load_catalogue().perspectives["us_payer_2022"].parameters["cost.inpatient_day"].value
    assert f"2,500 (catalogue: {shipped:,.0f} USD)" in day
    assert "question.yaml:2" in day
    assert lines[-1].endswith(", 1 scenario")
    (row,) = csv.DictReader(io.StringIO(show("cost.inpatient_day", as_csv=True, scenario=scenario)))
    assert (float(row["value"]), row["scenario_value"]) == (shipped, "2500.0")
    assert (row["status"], row["source"], row["citation"]) == ("scenario", "", "")
    assert (row["interval_low"], row["interval_high"]) == ("2500.0", "2500.0")


def test_sources_with_the_same_author_and_year_are_told_apart(load):
    other = ("sources.yaml", "Consumer price index", "Topp MS. Another. 2021.")
    names = listings._short_names(load([other, ("sources.yaml", "2025", "2021")]))
    assert names["topp_2021"] == "Topp 2021 (topp_2021)"
    assert names["us_cpi"] == "Topp 2021 (us_cpi)"
    assert names["price_list"] == "Average sales prices 2004"


def test_terminal_gets_the_same_names(show, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "200")
    shown = show()
    for name in ("response.age_effect", "cost.scan", "blinatumomab_tki.cycle_days"):
        assert name in shown
    assert "11 parameters: 10 evidence, 1 assumption" in shown
