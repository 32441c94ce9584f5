"""The command: tables, files, exit code; whatever a check meets is its finding."""

import json
from itertools import groupby

import pandas as pd
import pytest
from click.testing import CliRunner

from sim import Scenario, UserError, verify
from sim.analyses.verify import result
from sim.analyses.verify.check import Check, DoesNotApply, Finding, checks_of
from sim.analyses.verify.partition import TABLE
from sim.cli import commands
from sim.simulation.question import with_numbers
from tests.support.places import SCENARIOS

CHECKS = checks_of()
MAIN = SCENARIOS / "first_salvage.yaml"
GROUP_NAMES = [
    "inputs",
    "survival",
    "flow",
    "randomness",
    "economics",
    "decisions",
    "uncertainty",
    "engines",
    "independent",
    "calibration",
]
OURS = ["inputs", "flow", "economics"]


def planted(**numbers):
    """Return the main scenario with numbers that no file may hold."""
    scenario = Scenario.load(MAIN)
    values = {name.replace("__", "."): value for name, value in numbers.items()}
    vars(scenario)["question"] = with_numbers(scenario.question, values)
    return scenario


def made_up(*findings):
    """Return checks with these findings; an error is raised."""

    def made_up_check(number, finding):
        def examine(subject):
            if isinstance(finding, Exception):
                raise finding
            return finding

        words = {"claim": f"Claim {number}.", "standard": "TECH-VER", "advice": f"Advice {number}."}
        return Check(f"inputs.{number + 1}", examine, **words)

    return tuple(made_up_check(number, finding) for number, finding in enumerate(findings))


@pytest.fixture
def one_of_each(monkeypatch):
    checks = made_up(
        Finding("1", "1", passed=True),
        Finding("2 apples", "1 apple", passed=False),
        DoesNotApply("there are no pears"),
        ZeroDivisionError("too small"),
    )
    monkeypatch.setattr(result, "checks_of", lambda names: checks)


def invoked(*arguments):
    return CliRunner().invoke(commands, ["verify", str(MAIN), *map(str, arguments)])


# The registry


def test_groups_come_in_the_order_of_the_report():
    assert [name for name, _ in groupby(CHECKS, key=lambda check: check.group)] == GROUP_NAMES


def test_every_check_says_what_it_claims_who_asks_for_it_and_what_to_look_at():
    assert len({check.identifier for check in CHECKS}) == len(CHECKS)
    assert len({check.claim for check in CHECKS}) == len(CHECKS)
    for check in CHECKS:
        assert check.claim.endswith(".")
        assert check.claim[0].isupper()
        assert check.standard.strip()
        assert check.advice.strip().endswith(".")
        assert check.function.__doc__


def test_groups_can_be_chosen():
    assert {check.group for check in checks_of(["flow", "inputs"])} == {"flow", "inputs"}
    assert checks_of(None) == CHECKS


def test_an_unknown_group_is_refused_with_the_known_ones():
    with pytest.raises(
        UserError, match=r"is no group of checks \(got 'flows'\); did you mean 'flow'"
    ):
        checks_of(["flows"])
    assert invoked("--group", "flows").exit_code == 2


# Verdicts


def test_findings_are_counted_and_shown(one_of_each):
    found = verify(MAIN)
    assert found.counts == {"passed": 1, "does not apply": 1, "failed": 2}
    assert found.failed
    lines = str(found).splitlines()
    assert lines[-1] == "4 checks: 1 passed, 1 does not apply, 2 failed"
    (claim,) = (line for line in lines if "Claim 1." in line)
    assert claim.startswith("inputs.2")
    assert claim.endswith("failed")
    assert any("2 apples (allowed: 1 apple)" in line for line in lines)
    assert any("there are no pears" in line for line in lines)
    text = " ".join(" ".join(lines).split())
    assert "inputs.2: Advice 1." in text
    assert "inputs.4: ZeroDivisionError: too small. Advice 3." in text
    assert "Advice 0." not in text


def test_a_row_for_each_check(one_of_each):
    table = verify(MAIN).verify.set_index("identifier")
    assert list(table["verdict"]) == ["passed", "failed", "does not apply", "failed"]
    assert table.loc["inputs.2", "observed"] == "2 apples"
    assert table.loc["inputs.2", "allowed"] == "1 apple"
    assert table.loc["inputs.4", "why"] == "ZeroDivisionError: too small"


def test_the_command_ends_with_1_where_a_check_failed(one_of_each, tmp_path):
    ended = invoked("--out", tmp_path / "out")
    assert ended.exit_code == 1
    assert "2 failed" in ended.stdout
    assert (tmp_path / "out" / "verify.csv").is_file()
    assert invoked("--json").exit_code == 1


def test_the_command_ends_with_0_where_none_failed(monkeypatch):
    monkeypatch.setattr(result, "checks_of", lambda names: made_up(Finding("1", "1", passed=True)))
    ended = invoked()
    assert ended.exit_code == 0
    assert ended.stdout.splitlines()[-1] == "1 checks: 1 passed, 0 do not apply, 0 failed"


def test_a_scenario_that_cannot_be_read_is_refused_in_one_line(tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text(f"extends: {MAIN}\nparameters: {{utility.complete_remission: 1.5}}\n")
    ended = CliRunner().invoke(commands, ["verify", str(path)])
    assert ended.exit_code == 2
    (line,) = ended.stderr.splitlines()
    assert "utility.complete_remission" in line


# Files


def test_the_files_hold_what_is_printed(one_of_each, tmp_path):
    found = verify(MAIN, out=tmp_path, seed=7)
    assert {path.name for path in tmp_path.iterdir()} == {"verify.csv", "verify.json"}
    table = pd.read_csv(tmp_path / "verify.csv", keep_default_na=False)
    assert table.equals(found.verify)
    told = json.loads((tmp_path / "verify.json").read_text(encoding="utf-8"))
    assert (told["scenario"], told["seed"]) == ("first_salvage", 7)
    assert (told["passed"], told["does_not_apply"], told["failed"]) == (1, 1, 2)
    assert [each["identifier"] for each in told["checks"]] == list(table["identifier"])
    assert told["checks"][0]["why"] is None


# Planted faults


@pytest.mark.parametrize(
    ("numbers", "group", "word"),
    [
        ({"utility__complete_remission": 1.5}, "inputs", "utility.complete_remission is 1.5"),
        ({"cost__end_of_life": -1e6}, "inputs", "cost.end_of_life is -1e+06"),
        ({"cost__end_of_life": -1e6}, "economics", "cost.end_of_life -1"),
    ],
)
def test_a_planted_fault_is_found_by_name_and_ends_no_run(numbers, group, word):
    found = verify(planted(**numbers), groups=[group])
    failed = found.verify[found.verify["verdict"] == "failed"]
    assert len(failed)
    assert failed["why"].str.contains(word, regex=False).any()


def test_mortality_below_that_of_the_population_is_found():
    found = verify(planted(survivor__mortality_ratio=0.01), groups=["survival"]).verify
    claims = found.loc[found["verdict"] == "failed", "claim"]
    assert claims.str.contains("general population").any()


FAULTY_FILES = {
    "utility above 1": (
        "utility.complete_remission: 1.5",
        "utility.complete_remission",
        "at most 1",
    ),
    "negative cost": ("cost.blinatumomab.vial: -5", "cost.blinatumomab.vial", "at least 0"),
}


@pytest.mark.parametrize("name", FAULTY_FILES)
def test_an_impossible_number_of_a_file_is_named_and_nothing_is_written(name, tmp_path):
    line, key, limit = FAULTY_FILES[name]
    path, out = tmp_path / "wrong.yaml", tmp_path / "out"
    path.write_text(f"extends: {MAIN}\nparameters:\n  {line}\n")
    ended = CliRunner().invoke(commands, ["verify", str(path), "--out", str(out)])
    assert ended.exit_code == 2
    (said,) = ended.stderr.splitlines()
    assert said.startswith("error: ")
    assert f"wrong.yaml:3: parameters.{key}: " in said
    assert limit in said
    assert not out.exists()


def test_a_hazard_of_a_file_below_the_background_is_named_and_ends_with_1(tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text(f"extends: {MAIN}\nparameters:\n  survivor.mortality_ratio: 0.5\n")
    ended = CliRunner().invoke(commands, ["verify", str(path), "--group", "survival"])
    assert ended.exit_code == 1
    said = " ".join(ended.stdout.split())
    assert "survival.8: survivor.mortality_ratio is 0.5. Look for" in said
    assert "1 failed" in said


# Partitioned survival


def test_partitioned_survival_is_shown_and_written(tmp_path):
    found = verify(MAIN, groups=["independent"], out=tmp_path, threads=1)
    assert not found.failed
    text = " ".join(str(found).split())
    assert "Against Salvage chemotherapy, Blinatumomab gains" in text
    assert "Life-years, partitioned" in text
    table = TABLE.read(tmp_path)
    assert table.equals(found.tables["partitioned_survival"])
    (gained,) = table[table["item"] == "qalys_gained"].to_dict("records")
    assert (gained["strategy"], gained["comparator"]) == ("blinatumomab", "Salvage chemotherapy")
    told = json.loads((tmp_path / "verify.json").read_text(encoding="utf-8"))
    assert len(told["partitioned_survival"]) == len(table)


def test_without_its_checks_partitioned_survival_is_not_there(one_of_each):
    found = verify(MAIN)
    assert list(found.tables) == ["verify"]
    assert set(found.files()) == {"verify.csv", "verify.json"}
    assert "partitioned" not in str(found)


# Shipped scenarios


@pytest.mark.parametrize("name", ["first_salvage", "mrd_positive"])
def test_a_shipped_scenario_passes(name):
    """Inputs, flow and economics; n = 2000 per strategy."""
    found = verify(SCENARIOS / f"{name}.yaml", groups=OURS, threads=1)
    assert found.verify.loc[found.verify["verdict"] == "failed", "identifier"].tolist() == []
    assert found.counts["passed"] > 50


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_scenario_passes(path):
    found = verify(path, threads=1)
    assert found.verify.loc[found.verify["verdict"] == "failed", "identifier"].tolist() == []
