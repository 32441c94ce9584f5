"""The JSON schema accepts what the program accepts, describes every key, and makes the reference."""

import json
import sys

import jsonschema
import pytest
import yaml
from click.testing import CliRunner

from sim.catalog import load_catalogue
from sim.cli import commands
from sim.errors import UserError
from sim.scenario.authoring import KINDS, json_schema
from sim.scenario.loading import load_scenario
from tests.catalog.test_own_catalogue import OWN
from tests.support.places import ROOT, SCENARIOS

SCHEMA = json_schema("scenario", load_catalogue())
PAGE = ROOT / "docs/scenario_reference.md"
AGREEMENTS = ("Agreement", "Instalments", "Refund", "BudgetCap")
SHIPPED = SCENARIOS / "schema.json"
DATA = ROOT / "sim/catalog/data"


def mistakes(content, schema=SCHEMA):
    return [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(content)]


def described(name, part):
    """Return lines of the reference about a part and its keys."""
    lines = [f"## {name}", "", part.get("description", "").split("\n\n")[0], ""]
    lines += ["| Key | Meaning | Default |", "|---|---|---|"]
    for key, value in part["properties"].items():
        if not value.get("description"):
            continue
        default = json.dumps(value["default"]) if value.get("default") is not None else ""
        lines.append(f"| `{key}` | {value['description']} | {f'`{default}`' if default else ''} |")
    return [*lines, ""]


def names_in_the_catalogue():
    """Return lines of the reference with every name that a scenario may give, and its label."""
    catalogue = load_catalogue()
    lines = ["## Names in the catalogue", ""]
    for kind in ("populations", "regimens", "perspectives", "life_tables"):
        lines += [f"| {kind.replace('_', ' ').capitalize()} | |", "|---|---|"]
        lines += [f"| `{name}` | {each.label} |" for name, each in getattr(catalogue, kind).items()]
        lines.append("")
    return lines


def reference():
    parts = (
        *("Strategy", *AGREEMENTS),
        *("PatientsFile", "Discounting", "Switches", "Capacity", "Budget", "WhatIf", "OwnNumber"),
    )
    lines = [
        "# The keys of a scenario",
        "",
        "Made from the JSON schema (`python -m sim schema`), which editors use to complete and check",
        "a scenario; `python -m sim new NAME` writes one to begin with.",
        "",
        *described("Scenario", SCHEMA),
    ]
    for name in parts:
        lines += described(name, SCHEMA["$defs"][name])
    lines += [*names_in_the_catalogue()]
    return "\n".join(lines).replace("``", "`").rstrip() + "\n"


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_scenarios_satisfy_the_schema_and_name_it(path):
    text = path.read_text(encoding="utf-8")
    assert mistakes(yaml.safe_load(text)) == []
    assert text.startswith("# yaml-language-server: $schema=schema.json\n")


def test_schema_beside_the_shipped_scenarios_is_that_of_the_program():
    assert json.loads(SHIPPED.read_text(encoding="utf-8")) == SCHEMA


def test_reference_is_made_from_the_schema():
    assert PAGE.read_text(encoding="utf-8") == reference()


def test_every_key_has_a_description():
    for name in (
        *("Strategy", *AGREEMENTS),
        *("PatientsFile", "Discounting", "Switches", "Capacity", "Budget"),
        "OwnNumber",
    ):
        for key, value in SCHEMA["$defs"][name]["properties"].items():
            assert value.get("description"), f"{name}.{key}"
    for key, value in SCHEMA["properties"].items():
        assert value.get("description"), key


@pytest.mark.parametrize(
    "changed",
    [
        {"setting": "trail"},
        {"patients": 0},
        {"patients": "many"},
        {"horizon_years": -1},
        {"tittle": "x"},
        {"strategies": []},
        {"discounting": {"costs": 1.5}},
        {"switches": {"toxicity": "yes"}},
        {"parameters": {"cost.inpatient_day": {"distribution": {"family": "gamma"}}}},
    ],
    ids=str,
)
def test_what_the_schema_refuses_the_program_refuses(changed, tmp_path):
    good = yaml.safe_load((SCENARIOS / "first_salvage.yaml").read_text(encoding="utf-8"))
    good.pop("what_ifs")
    assert mistakes(good) == []
    assert mistakes({**good, **changed})
    path = tmp_path / "bad.yaml"
    path.write_text(yaml.safe_dump({**good, **changed}), encoding="utf-8")
    with pytest.raises(UserError):
        load_scenario(path)


def test_files_of_a_catalogue_satisfy_their_schemas():
    catalogue = load_catalogue()
    assert mistakes(yaml.safe_load(OWN), json_schema("catalogue", catalogue)) == []
    for kind, folder in (
        *(("regimen", "regimens"), ("population", "populations"), ("clinical", "clinical")),
        *(("perspective", "perspectives"), ("life_table", "life_tables")),
    ):
        schema = json_schema(kind, catalogue)
        for path in (DATA / folder).glob("*.yaml"):
            assert mistakes(yaml.safe_load(path.read_text(encoding="utf-8")), schema) == [], path


@pytest.mark.parametrize("kind", KINDS)
def test_command_prints_the_schema_of_each_kind(kind):
    # A scenario is what is meant where nothing is said.
    done = CliRunner().invoke(commands, ["schema", *([] if kind == "scenario" else [kind])])
    assert done.exit_code == 0
    jsonschema.Draft202012Validator.check_schema(json.loads(done.stdout))


def test_a_new_scenario_is_fine_and_satisfies_the_schema(tmp_path):
    path = tmp_path / "mine.yaml"
    asked = ["new", str(path.with_suffix("")), "--population", "tower"]
    lines = ["--sequence", "inotuzumab", "--sequence", "blinatumomab, inotuzumab"]
    done = CliRunner().invoke(commands, [*asked, *lines])
    assert done.exit_code == 0, done.output
    scenario = load_scenario(path).scenario
    assert scenario.population == "tower"
    assert [each.sequence for each in scenario.strategies] == [
        ("inotuzumab",),
        ("blinatumomab", "inotuzumab"),
    ]
    text = path.read_text(encoding="utf-8")
    assert mistakes(yaml.safe_load(text)) == []
    for name in ("badar_2020_first_salvage", "nhs_england", "brexucabtagene"):
        assert name in text
    assert "usual_care," not in text
    # Every key that it leaves out stands there with an example that is allowed.
    examples = [line[2:] for line in text.splitlines() if line.startswith("# ") and ": " in line]
    keys = {line.partition(":")[0]: line for line in examples if " " not in line.partition(":")[0]}
    assert set(keys) >= {"switches", "subgroups", "what_ifs", "parameters", "thresholds"}
    for key in ("switches", "subgroups", "what_ifs", "parameters", "thresholds", "discounting"):
        again = tmp_path / f"{key}.yaml"
        again.write_text(f"{text}\n{keys[key]}\n", encoding="utf-8")
        load_scenario(again)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--population", "towr"],
            "--population: no such entry (got 'towr'); did you mean 'tower'?",
        ),
        (["--sequence", "blinatumomap"], "did you mean 'blinatumomab'?"),
        (["--sequence", "usual_care"], "take it out of the sequence"),
    ],
)
def test_a_new_scenario_with_a_mistake_is_not_written(options, message, tmp_path):
    done = CliRunner().invoke(commands, ["new", str(tmp_path / "mine"), *options])
    assert done.exit_code == 2
    assert message in done.output
    assert list(tmp_path.iterdir()) == []


def test_a_new_scenario_overwrites_nothing(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("mine", encoding="utf-8")
    done = CliRunner().invoke(commands, ["new", str(path)])
    assert (done.exit_code, path.read_text(encoding="utf-8")) == (2, "mine")


def test_check_lists_every_mistake(tmp_path):
    path = tmp_path / "bad.yaml"
    base = SCENARIOS / "tower.yaml"
    path.write_text(
        f"extends: {base}\npopulation: towr\nperspective: us\nlife_table: none.csv\n",
        encoding="utf-8",
    )
    done = CliRunner().invoke(commands, ["check", str(path)])
    assert done.exit_code == 2
    lines = done.output.strip().splitlines()
    assert [line.partition(": ")[2].split(": ")[1] for line in lines] == [
        *("population", "perspective", "life_table"),
    ]
    assert all(line.startswith(f"error: {path}:") for line in lines)


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
    SHIPPED.write_text(json.dumps(SCHEMA, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    sys.stdout.write(f"written: {PAGE.name}, {SHIPPED.name}\n")
