"""A scenario is merged from its files, checked, and able to say where each value came from."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sim.cli import commands
from sim.errors import UserError
from sim.files.documents import read_yaml
from sim.scenario.authoring import listing, written
from sim.scenario.binding import Inputs
from sim.scenario.loading import Loaded, load_scenario
from sim.scenario.schema import LARGEST_SEED, MOST_STRATEGIES, Scenario
from tests.support.places import ROOT

SMALLEST = """\
title: The smallest question
population: tower
patients: 10
seed: 0
setting: trial
perspective: us_payer_2022
horizon_years: lifetime
strategies:
  - {name: care, sequence: [], then: supportive_care}
"""


@dataclass(frozen=True)
class AnyProbability:
    """A parameter that takes what is between 0 and 1."""

    currency = None
    value = 0.5

    def check(self, value: float) -> str | None:
        return None if 0 <= value <= 1 else "must be a probability"


class SmallCatalogue(Inputs):
    """Two populations and two regimens, each of which brings one parameter."""

    def __init__(self):
        money = SimpleNamespace(money="USD of 2022")
        self.catalogue = SimpleNamespace(
            populations=dict.fromkeys(["tower", "badar_2020_relapsed_refractory"]),
            regimens=dict.fromkeys(["blinatumomab", "inotuzumab", "usual_care", "supportive_care"]),
            perspectives=dict.fromkeys(["us_payer_2022", "nhs_england"], money),
            life_tables=dict.fromkeys(["us_2019", "uk_2017_2019"]),
        )

    def used(self, scenario):
        names = [scenario.population, *scenario.regimens, scenario.perspective]
        return {f"{name}.probability": AnyProbability() for name in names}

    def joint_problems(self, scenario):
        return []


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(file: str, text: str) -> Path:
    path = Path(file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def load(text: str, file: str = "question.yaml") -> Loaded:
    return load_scenario(write(file, text), SmallCatalogue())


# The schema


def test_what_is_left_out_has_its_documented_default():
    scenario = load(SMALLEST).scenario
    assert scenario.description == ""
    assert scenario.discounting.costs is None
    assert scenario.discounting.effects is None
    assert scenario.thresholds is None
    assert scenario.comparator is None
    assert scenario.comparator_name == "care"
    assert scenario.parameters == {}
    assert scenario.life_table is None
    assert scenario.switches.model_dump() == {
        "background_mortality": True,
        "benefit_after_stopping": True,
        "benefit_fades_from_years": None,
        "benefit_fades_to_years": None,
        "cure_point_years": None,
        "relapse_distribution": "lognormal",
        "toxicity": True,
        "transplant": True,
        "survivor_mortality_ratio": True,
        "utility_age_cap": True,
        "vial_sharing": False,
    }
    (strategy,) = scenario.strategies
    assert strategy.sequence == ()
    assert strategy.shown_name == "care"
    assert not strategy.maintenance


def test_what_is_said_is_kept():
    scenario = load(
        SMALLEST.replace("lifetime", "5").replace("seed: 0", f"seed: {LARGEST_SEED}")
        + "  - {name: b, label: Blin, sequence: [inotuzumab, blinatumomab], then: usual_care}\n"
        + "  - {name: c, sequence: [blinatumomab], then: usual_care, maintenance: true}\n"
        + "comparator: b\n"
        + "thresholds: [20000, 30000.5]\n"
        + "discounting: {effects: 0}\n"
        + "parameters: {blinatumomab.probability: 1}\n"
        + "switches: {background_mortality: false, cure_point_years: 4}\n"
        + "life_table: uk_2017_2019\n"
    ).scenario
    assert scenario.horizon_years == 5.0
    assert scenario.seed == LARGEST_SEED
    assert scenario.comparator_name == "b"
    assert scenario.regimens == ("inotuzumab", "blinatumomab")
    assert [strategy.shown_name for strategy in scenario.strategies] == ["care", "Blin", "c"]
    assert [strategy.maintenance for strategy in scenario.strategies] == [False, False, True]
    assert scenario.thresholds == (20000.0, 30000.5)
    assert scenario.discounting.effects == 0.0
    assert scenario.discounting.costs is None
    assert scenario.numbers == {"blinatumomab.probability": 1.0}
    assert not scenario.switches.background_mortality
    assert scenario.switches.cure_point_years == 4.0
    assert scenario.life_table == "uk_2017_2019"


def test_a_scenario_cannot_be_changed():
    scenario = load(SMALLEST).scenario
    with pytest.raises(ValidationError, match="frozen"):
        scenario.seed = 2


def test_rules_across_fields_hold_for_scenarios_made_in_python_too():
    good = load(SMALLEST).scenario.model_dump()
    with pytest.raises(ValidationError, match="must be the name of a strategy"):
        Scenario.model_validate(good | {"comparator": "cure"})
    with pytest.raises(ValidationError, match="already has this name"):
        Scenario.model_validate(good | {"strategies": good["strategies"] * 2})
    with pytest.raises(ValidationError, match="can only be off when"):
        Scenario.model_validate(good | {"switches": {"background_mortality": False}})


def test_twenty_strategies_are_allowed_and_one_more_is_not():
    def strategies(count):
        extra = [f"  - {{name: s{i}, sequence: [], then: usual_care}}\n" for i in range(1, count)]
        return SMALLEST + "".join(extra)

    assert len(load(strategies(MOST_STRATEGIES)).scenario.strategies) == MOST_STRATEGIES
    with pytest.raises(UserError, match="must hold at most 20, and holds 21"):
        load(strategies(MOST_STRATEGIES + 1))


def test_a_sequence_may_repeat_a_regimen():
    text = SMALLEST.replace("sequence: []", "sequence: [blinatumomab, inotuzumab, blinatumomab]")
    assert load(text).scenario.regimens == ("blinatumomab", "inotuzumab")


# Names of the catalogue


def test_parameters_are_those_of_the_regimens_in_the_strategies():
    override = "parameters: {inotuzumab.probability: 0.5}\n"
    with pytest.raises(UserError, match="this scenario uses no such parameter"):
        load(SMALLEST + override)
    assert load(SMALLEST.replace("[]", "[inotuzumab]") + override).scenario.parameters


def test_an_override_is_checked_against_the_unit_of_its_parameter():
    with pytest.raises(UserError, match=r":10: parameters\.tower\.probability: must be a prob"):
        load(SMALLEST + "parameters: {tower.probability: 1.2}\n")


def test_care_after_the_last_line_is_no_choice_for_a_sequence():
    with pytest.raises(UserError, match="Allowed: blinatumomab, inotuzumab$"):
        load(SMALLEST.replace("[]", "[usual_crae]"))


def test_a_life_table_file_is_found_beside_the_file_that_names_it():
    write("tables/mine.csv", "age\n")
    write("tables/base.yaml", SMALLEST + "life_table: mine.csv\n")
    loaded = load("extends: ../tables/base.yaml\n", "questions/a.yaml")
    assert loaded.life_table_file is not None
    assert loaded.life_table_file.resolve() == Path("tables/mine.csv").resolve()
    assert load(SMALLEST).life_table_file is None
    assert load(SMALLEST + "life_table: us_2019\n").life_table_file is None


def test_a_missing_life_table_file_names_the_nearest_one():
    write("mine.csv", "age\n")
    with pytest.raises(UserError, match=r"did you mean 'mine\.csv'\?"):
        load(SMALLEST + "life_table: mien.csv\n")
    with pytest.raises(UserError, match="life_table: no such file"):
        load(SMALLEST + f"life_table: {'x' * 300}.csv\n")


# Inheritance


BASE = (
    SMALLEST
    + """\
  - {name: blin, sequence: [blinatumomab], then: usual_care}
thresholds: [1, 2, 3]
discounting: {costs: 0.03, effects: 0.03}
parameters:
  tower.probability: 0.25
switches:
  toxicity: false
  vial_sharing: true
"""
)
CHILD = """\
extends: base.yaml
patients: 20

thresholds: [9]
discounting:
  effects: 0.015
parameters:
  us_payer_2022.probability: 0.5
switches: {toxicity: true}
"""


def test_mappings_merge_key_by_key_and_the_rest_replaces():
    write("base.yaml", BASE)
    scenario = load(CHILD).scenario
    assert scenario.title == "The smallest question"
    assert scenario.patients == 20
    assert scenario.thresholds == (9.0,)
    assert scenario.discounting.costs == 0.03
    assert scenario.discounting.effects == 0.015
    assert scenario.numbers == {"tower.probability": 0.25, "us_payer_2022.probability": 0.5}
    assert scenario.switches.toxicity
    assert scenario.switches.vial_sharing


def test_strategies_of_the_child_replace_the_list_as_a_whole():
    write("base.yaml", BASE)
    loaded = load("extends: base.yaml\nstrategies: [{name: x, sequence: [], then: usual_care}]\n")
    assert [strategy.name for strategy in loaded.scenario.strategies] == ["x"]
    assert loaded.origin("strategies", 0, "name") == "question.yaml:2"
    assert loaded.origin("strategies", 1, "name") == "default"


def test_every_value_knows_where_it_was_written():
    write("base.yaml", BASE)
    loaded = load(CHILD)
    assert loaded.file == "question.yaml"
    assert loaded.files == ("question.yaml", "base.yaml")
    assert loaded.origin("patients") == "question.yaml:2"
    assert loaded.origin("seed") == "base.yaml:4"
    assert loaded.origin("thresholds", 0) == "question.yaml:4"
    assert loaded.origin("thresholds", 1) == "default"
    assert loaded.origin("discounting", "costs") == "base.yaml:12"
    assert loaded.origin("discounting", "effects") == "question.yaml:6"
    assert loaded.origin("parameters", "tower.probability") == "base.yaml:14"
    assert loaded.origin("switches", "toxicity") == "question.yaml:9"
    assert loaded.origin("switches", "vial_sharing") == "base.yaml:17"
    assert loaded.origin("switches", "cure_point_years") == "default"
    assert loaded.origin("strategies", 1, "sequence", 0) == "base.yaml:10"
    assert loaded.origin("comparator") == "default"


def test_chains_cross_folders_and_the_nearest_file_wins():
    write("shared/grandparent.yaml", SMALLEST)
    write("shared/parent.yaml", "extends: grandparent.yaml\nseed: 1\npatients: 1\n")
    loaded = load("extends: ../shared/parent.yaml\nseed: 2\n", "mine/child.yaml")
    assert (loaded.scenario.seed, loaded.scenario.patients) == (2, 1)
    assert loaded.origin("seed") == "mine/child.yaml:2"
    assert loaded.origin("patients") == "shared/parent.yaml:3"
    assert loaded.origin("title") == "shared/grandparent.yaml:1"


def test_extending_without_saying_more_asks_the_same_question():
    base = load(BASE, "base.yaml").scenario
    assert load("extends: base.yaml\n").scenario == base


def test_a_parent_alone_need_not_be_complete():
    write("base.yaml", SMALLEST.replace("seed: 0\n", ""))
    assert load("extends: base.yaml\nseed: 7\n").scenario.seed == 7


# The listing


@given(st.text() | st.floats(allow_nan=False, allow_infinity=False) | st.none() | st.booleans())
def test_a_written_scalar_is_read_back(value):
    """A surrogate has no encoding and cannot come from a file."""
    if isinstance(value, str) and any("\ud800" <= char <= "\udfff" for char in value):
        value = "surrogate"
    path = write("scalar.yaml", f"value: {written(value)}\n")
    assert read_yaml(path).data == {"value": value}


def test_text_that_would_be_read_as_something_else_is_quoted():
    assert written("usual_care") == "usual_care"
    assert written("two words") == "two words"
    for text in ("true", "null", "1e5", "0o17", "", " x", "x ", "a: b", "a #b", "[a", "x\ny"):
        assert written(text).startswith('"')


def test_a_listing_asks_the_same_question():
    write("base.yaml", BASE.replace("The smallest question", "'A: #1'"))
    more = """\
comparator: blin
horizon_years: 3
subgroups: {sex: true, age_years: [18, 35]}
budget: {first_year: 2026, years: 2, patients_per_year: [1, 2], uptake: {blin: 0.5}}
"""
    loaded = load(CHILD + more)
    again = load(listing(loaded), "listed.yaml")
    assert again.scenario == loaded.scenario


def test_a_listing_says_where_each_value_came_from():
    write("base.yaml", BASE)
    values = {("life_table",): ("us_2019", "perspective us_payer_2022")}
    lines = [" ".join(line.split()) for line in listing(load(CHILD), values).splitlines()]
    assert lines[0] == "# question.yaml, which extends base.yaml"
    for line in [
        "patients: 20 # question.yaml:2",
        "seed: 0 # base.yaml:4",
        "thresholds: [9] # question.yaml:4",
        "effects: 0.015 # question.yaml:6",
        "costs: 0.03 # base.yaml:12",
        "comparator: care # default",
        "- name: care # base.yaml:9",
        "sequence: [blinatumomab] # base.yaml:10",
        "tower.probability: 0.25 # base.yaml:14",
        "cure_point_years: null # default",
        "life_table: us_2019 # perspective us_payer_2022",
    ]:
        assert line in lines


REAL = SMALLEST.replace("sequence: []", "sequence: [blinatumomab]")


def show(text: str) -> str:
    write("question.yaml", text)
    result = CliRunner().invoke(commands, ["show", "question.yaml"])
    assert result.exit_code == 0, result.output
    return result.stdout


def shown(text: str) -> list[str]:
    return [" ".join(line.split()) for line in show(text).splitlines()]


def test_what_is_left_to_the_perspective_is_shown_as_its_own():
    """The values are the rules of the reference case and of NICE, not read from the catalogue."""
    lines = shown(REAL)
    assert "costs: 0.03 # perspective us_payer_2022" in lines
    assert "effects: 0.03 # perspective us_payer_2022" in lines
    assert "thresholds: [50000, 100000, 150000] # perspective us_payer_2022" in lines
    assert "life_table: us_2019 # perspective us_payer_2022" in lines
    lines = shown(REAL.replace("us_payer_2022", "nhs_england"))
    assert "costs: 0.035 # perspective nhs_england" in lines
    assert "life_table: uk_2017_2019 # perspective nhs_england" in lines


def test_what_replaces_the_perspective_is_shown_with_its_line():
    lines = shown(
        REAL
        + "discounting: {costs: 0.01}\n"
        + "parameters:\n"
        + "  perspective.discount_rate_effects: 0.02\n"
        + "  perspective.threshold_low: 60000\n"
    )
    assert "costs: 0.01 # question.yaml:10" in lines
    assert "effects: 0.02 # question.yaml:12" in lines
    thresholds = "thresholds: [60000, 100000, 150000] # "
    assert thresholds + "question.yaml:13, perspective us_payer_2022" in lines


def test_a_shown_scenario_can_be_checked_and_shown_again():
    write("again.yaml", show(REAL))
    result = CliRunner().invoke(commands, ["check", "again.yaml"])
    assert result.exit_code == 0
    assert result.stdout.startswith("again.yaml: fine — 1 strategy, 10 patients of tower")


# The command line


def test_help_is_fast_because_it_imports_nothing_heavy():
    code = (
        "import sys\n"
        "from sim.cli import commands\n"
        "commands(['--help'], standalone_mode=False)\n"
        "heavy = {'numpy', 'pandas', 'scipy', 'pydantic', 'simpy', 'rich', 'yaml'}\n"
        "print('imported:', sorted(heavy & set(sys.modules)))\n"
    )
    ended = run(["-c", code])
    assert "Usage: " in ended.stdout
    assert ended.stdout.endswith("imported: []\n")


def run(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def test_the_version_is_that_of_the_package():
    from sim import __version__

    assert run(["-m", "sim", "--version"]).stdout == f"blinsim, version {__version__}\n"


def test_an_interrupt_ends_with_130_and_one_line(monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("sim.simulation.question.load_scenario", interrupted)
    result = CliRunner().invoke(commands, ["check", "question.yaml"])
    assert result.exit_code == 130
    assert result.output == "interrupted\n"


def test_a_reader_that_goes_away_is_no_error(monkeypatch):
    def gone(*_):
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr("sim.simulation.question.load_scenario", gone)
    result = CliRunner().invoke(commands, ["check", "question.yaml"])
    assert result.exit_code == 1
    assert result.output == ""


def test_years_of_a_scenario_have_365_and_a_quarter_days(ask):
    switches = {
        "cure_point_years": 3,
        "benefit_fades_from_years": 0.5,
        "benefit_fades_to_years": 4,
    }
    settings = ask("first_salvage", patients=1, horizon_years=2, switches=switches).model.settings
    assert settings.horizon_days == 730.5
    assert settings.cure_point_days == 1095.75
    assert (settings.benefit_fades_from_days, settings.benefit_fades_to_days) == (182.625, 1461.0)
