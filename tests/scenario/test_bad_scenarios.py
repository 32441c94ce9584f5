"""Every mistake in a scenario ends with exit code 2 and one line that says where and why."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from sim.cli import commands
from sim.files.documents import DEEPEST_NESTING, LARGEST_FILE_BYTES
from tests.support.places import ROOT

FILE = "question.yaml"
GOOD = """\
title: Blinatumomab or chemotherapy in first salvage
population: topp_2021_first_salvage
patients: 1000
seed: 1
setting: trial
perspective: us_payer_2022
horizon_years: lifetime
discounting: {costs: 0.03, effects: 0.03}
thresholds: [50000, 150000]
comparator: chemotherapy
strategies:
  - name: chemotherapy
    sequence: [salvage_chemotherapy]
    then: usual_care
  - name: blinatumomab
    sequence: [blinatumomab, inotuzumab]
    then: usual_care
    maintenance: true
parameters:
  cost.inpatient_day: 2500
switches:
  background_mortality: true
  cure_point_years: null
life_table: us_2019
"""


@dataclass(frozen=True)
class Bad:
    """The good scenario with `old` replaced by `new`.

    The message must name the line on which `at` (by default the first line of `new`)
    stands, and contain every text of `says`.
    """

    name: str
    old: str
    new: str
    says: tuple[str, ...]
    at: str | None = None

    def text(self) -> str:
        assert GOOD.count(self.old) == 1, f"'{self.old}' must occur once in the good scenario"
        return GOOD.replace(self.old, self.new)

    def line(self) -> int:
        marker = (self.at or self.new).split("\n")[0]
        return 1 + [marker in line for line in self.text().split("\n")].index(True)


BAD = [
    # Keys.
    Bad(
        "unknown_key", "seed: 1", "seed: 1\nsede: 2", ("sede: unknown key", "mean 'seed'?"), "sede"
    ),
    Bad(
        "unknown_key_of_a_strategy",
        "    maintenance: true",
        "    maintainance: true",
        ("strategies[1].maintainance: unknown key", "did you mean 'maintenance'?"),
    ),
    Bad(
        "misspelt_switch",
        "  background_mortality: true",
        "  backround_mortality: true",
        ("switches.backround_mortality: unknown key", "did you mean 'background_mortality'?"),
    ),
    Bad(
        "unknown_kind_of_discounting",
        "{costs: 0.03, effects: 0.03}",
        "{cost: 0.03}",
        ("discounting.cost: unknown key", "did you mean 'costs'?"),
    ),
    Bad(
        "misspelt_required_key",
        "population: topp",
        "populaton: topp",
        ("populaton: unknown key", "did you mean 'population'?", "and 1 more"),
    ),
    Bad(
        "duplicate_key",
        "setting: trial",
        "setting: trial\nseed: 2",
        ("seed: the key is written twice, first on line 4",),
        at="seed: 2",
    ),
    Bad(
        "duplicate_key_deep_inside",
        "    then: usual_care\n    maintenance: true",
        "    then: usual_care\n    maintenance: true\n    sequence: []",
        ("strategies[1].sequence: the key is written twice, first on line 16",),
        at="    sequence: []",
    ),
    Bad("number_as_key", "seed: 1", "seed: 1\n2022: x", ("keys must be text", "2022"), "2022: x"),
    Bad("list_as_key", "seed: 1", "seed: 1\n? [a, b]\n: x", ("keys must be text",), "? [a"),
    Bad("missing_title", GOOD.split("\n")[0], "", ("title: is required",), at="population"),
    Bad(
        "missing_then",
        "    then: usual_care\n    maintenance",
        "    maintenance",
        ("strategies[1].then: is required",),
        at="  - name: blinatumomab",
    ),
    # Names.
    Bad(
        "misspelt_population",
        "topp_2021_first_salvage",
        "topp_2021_frist_salvage",
        (
            "population: no such population (got 'topp_2021_frist_salvage')",
            "did you mean 'topp_2021_first_salvage'?",
            "badar_2020_first_salvage",
        ),
    ),
    Bad(
        "misspelt_perspective",
        "us_payer_2022",
        "us_payer_2002",
        ("(got 'us_payer_2002')", "did you mean 'us_payer_2022'?", "nhs_england"),
    ),
    Bad(
        "misspelt_regimen",
        "[blinatumomab, inotuzumab]",
        "[blinatumomab, inotuzumb]",
        ("strategies[1].sequence[1]: no such regimen (got 'inotuzumb')", "mean 'inotuzumab'?"),
    ),
    Bad(
        "usual_care_in_a_sequence",
        "[salvage_chemotherapy]",
        "[salvage_chemotherapy, usual_care]",
        ("strategies[0].sequence[1]", "not a regimen", "'then: usual_care'"),
    ),
    Bad(
        "supportive_care_in_a_sequence",
        "[salvage_chemotherapy]",
        "[supportive_care]",
        ("strategies[0].sequence[0]", "not a regimen", "'then: supportive_care'"),
    ),
    Bad(
        "regimen_after_the_last",
        "    then: usual_care\n    maintenance",
        "    then: inotuzumab\n    maintenance",
        ("strategies[1].then", "(got 'inotuzumab')", "Allowed: supportive_care, usual_care"),
    ),
    Bad(
        "misspelt_comparator",
        "comparator: chemotherapy",
        "comparator: chemoterapy",
        ("comparator: must be the name of a strategy", "did you mean 'chemotherapy'?"),
    ),
    Bad(
        "misspelt_parameter",
        "cost.inpatient_day",
        "cost.inpatient_dya",
        ("uses no such parameter", "did you mean 'cost.inpatient_day'?"),
    ),
    Bad(
        "misspelt_setting",
        "setting: trial",
        "setting: real-world",
        ("(got 'real-world')", "did you mean 'real_world'?", "Allowed: real_world, trial"),
    ),
    Bad(
        "misspelt_life_table",
        "us_2019",
        "us_2091",
        ("life_table: no such life table", "did you mean 'us_2019'?", "uk_2017_2019"),
    ),
    Bad(
        "missing_life_table_file",
        "us_2019",
        "tables/mine.csv",
        ("life_table: no such file (got 'tables/mine.csv')",),
    ),
    Bad(
        "two_strategies_with_one_name",
        "  - name: blinatumomab",
        "  - name: chemotherapy # again",
        ("strategies[1].name: strategies[0] already has this name (got 'chemotherapy')",),
    ),
    # Numbers.
    Bad(
        "probability_above_one",
        "cost.inpatient_day: 2500",
        "toxicity.crs.stop_share: 1.2",
        ("parameters.toxicity.crs.stop_share", "(got 1.2)", "at most 1"),
    ),
    Bad("no_patients", "patients: 1000", "patients: 0", ("must be at least 1 (got 0)",)),
    Bad("negative_patients", "patients: 1000", "patients: -5", ("must be at least 1 (got -5)",)),
    Bad("too_many_patients", "patients: 1000", "patients: 1000000001", ("at most 1000000000",)),
    Bad("fractional_patients", "patients: 1000", "patients: 10.5", ("whole number (got 10.5)",)),
    Bad("patients_as_text", "patients: 1000", "patients: '10'", ("whole number (got '10')",)),
    Bad("patients_as_boolean", "patients: 1000", "patients: true", ("whole number (got True)",)),
    Bad("patients_left_empty", "patients: 1000", "patients:", ("patients: has no value",)),
    Bad("negative_seed", "seed: 1", "seed: -1", ("seed: must be at least 0 (got -1)",)),
    Bad("seed_too_large", "seed: 1", f"seed: {2**64}", (f"must be at most {2**64 - 1}",)),
    Bad("number_too_long", "seed: 1", f"seed: {'9' * 5000}", ("longer than 400 digits",)),
    Bad("horizon_zero", "horizon_years: lifetime", "horizon_years: 0", ("above 0", "(got 0)")),
    Bad("horizon_not_a_number", "horizon_years: lifetime", "horizon_years: .nan", ("(got nan)",)),
    Bad("horizon_misspelt", "years: lifetime", "years: liftime", ("'lifetime' or a number",)),
    Bad("horizon_of_a_tortoise", "years: lifetime", "years: 150", ("at most 100 (got 150)",)),
    Bad(
        "negative_discount_rate",
        "{costs: 0.03, effects: 0.03}",
        "{costs: -0.03}",
        ("discounting.costs: must be at least 0 (got -0.03)",),
    ),
    Bad(
        "discount_rate_in_percent",
        "{costs: 0.03, effects: 0.03}",
        "{costs: 3}",
        ("discounting.costs: must be below 1 (got 3)",),
    ),
    Bad(
        "infinite_threshold",
        "[50000, 150000]",
        "[50000, .inf]",
        ("thresholds[1]: must be a finite number (got inf)",),
    ),
    Bad(
        "threshold_beyond_all_money",
        "[50000, 150000]",
        "[50000, 1.0e+300]",
        ("thresholds[1]: must be at most 1000000000000.0 (got 1e+300)",),
    ),
    Bad(
        "two_strategies_shown_alike",
        "  - name: blinatumomab\n",
        "  - name: blinatumomab\n    label: chemotherapy\n",
        ("strategies[1].label: strategies[0] is shown as this too (got 'chemotherapy')",),
        at="label: chemotherapy",
    ),
    Bad(
        "threshold_twice",
        "[50000, 150000]",
        "[50000, 50000.0]",
        ("thresholds[1]: thresholds[0] is the same (got 50000.0)",),
    ),
    Bad(
        "parameter_beyond_all_sense",
        "cost.inpatient_day: 2500",
        "cost.inpatient_day: 1.0e+308",
        ("parameters.cost.inpatient_day: a value in 'USD' must be", "at most 1e+12 (got 1e+308)"),
    ),
    Bad(
        "parameter_not_a_number",
        "cost.inpatient_day: 2500",
        "cost.inpatient_day: .nan",
        ("parameters.cost.inpatient_day: must be a finite number (got nan)",),
    ),
    Bad(
        "parameter_as_boolean",
        "cost.inpatient_day: 2500",
        "cost.inpatient_day: true",
        ("parameters.cost.inpatient_day: must be a number (got True)",),
    ),
    Bad(
        "no_cure_point", "years: null", "years: 0", ("switches.cure_point_years: must be above 0",)
    ),
    # Kinds of values.
    Bad("title_as_number", GOOD.split("\n")[0], "title: 12", ("title: must be text (got 12)",)),
    Bad(
        "switch_as_word",
        "background_mortality: true",
        "background_mortality: yes",
        ("switches.background_mortality: must be true or false (got 'yes')",),
    ),
    Bad(
        "sequence_as_text",
        "[salvage_chemotherapy]",
        "salvage_chemotherapy",
        ("strategies[0].sequence: must be a list (got 'salvage_chemotherapy')",),
        at="sequence: salvage_chemotherapy",
    ),
    Bad(
        "strategies_as_text",
        GOOD[GOOD.index("strategies:") : GOOD.index("parameters:")],
        "strategies: blinatumomab\n",
        ("strategies: must be a list (got 'blinatumomab')",),
    ),
    Bad(
        "no_strategies",
        GOOD[GOOD.index("strategies:") : GOOD.index("parameters:")],
        "strategies: []\n",
        ("strategies: must hold at least 1 (got [])",),
    ),
    Bad(
        "too_many_lines_of_treatment",
        "[salvage_chemotherapy]",
        f"[{', '.join(['salvage_chemotherapy'] * 7)}]",
        ("strategies[0].sequence: must hold at most 6, and holds 7",),
    ),
    Bad(
        "parameters_as_list",
        "parameters:\n  cost.inpatient_day: 2500",
        "parameters: [1, 2]",
        ("parameters: must hold keys and values (got [1, 2])",),
    ),
    Bad(
        "nobody_dies_for_a_lifetime",
        "background_mortality: true",
        "background_mortality: false",
        ("switches.background_mortality", "horizon_years", "(got False)"),
    ),
    # YAML.
    Bad("syntax_error", "[50000, 150000]", "[50000, 150000", ("not valid YAML",), "comparator"),
    Bad("tab", "    then: usual_care\n    main", "\tthen: usual_care\n    main", ("with a tab",)),
    Bad("python_tag", "seed: 1", "seed: !!python/object/apply:os.getpid []", ("!!python/object",)),
    Bad("custom_tag", "seed: 1", "seed: !secret 1", ("seed: tags are not supported", "!secret")),
    Bad("anchor", "seed: 1", "seed: &one 1", ("aliases are not supported", "&one")),
    Bad("alias", "seed: 1", "seed: *one", ("aliases are not supported", "*one")),
    Bad("second_document", "seed: 1", "seed: 1\n---\nseed: 2", ("second YAML document",), "---"),
    Bad("control_character", "seed: 1", "seed: 1 # \x07", ("U+0007",)),
    Bad("deep_nesting", "seed: 1", f"seed: {'[' * 9999}", (f"{DEEPEST_NESTING} levels",)),
    # Inheritance.
    Bad(
        "missing_parent",
        "seed: 1",
        "extends: base.yaml",
        ("extends: no such file (got 'base.yaml')",),
    ),
    Bad(
        "misspelt_parent",
        "seed: 1",
        "extends: questoin.yaml",
        ("extends: no such file; did you mean 'question.yaml'? (got 'questoin.yaml')",),
    ),
    Bad("parent_is_a_folder", "seed: 1", "extends: .", ("extends: is a directory",)),
    Bad("parent_is_a_list", "seed: 1", "extends: [a, b]", ("extends: must be the name of a",)),
    Bad("parent_with_a_nul", "seed: 1", 'extends: "a\\0b"', ("extends: no such file",)),
    Bad(
        "own_parent",
        "seed: 1",
        "extends: question.yaml",
        ("extends: extends itself: question.yaml -> question.yaml",),
    ),
]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def complaint(file: str = FILE) -> str:
    """Read `file` as a user would, and return what stands after ``error:``.

    ``check`` gives a line to each mistake, the same one first; any other command the first alone.
    """
    checked = CliRunner().invoke(commands, ["check", file])
    result = CliRunner().invoke(commands, ["run", file, "--patients", "1"])
    for each in (checked, result):
        assert each.exit_code == 2, each.output
        assert each.stdout == ""
    message = one_line(result.stderr)
    first = checked.stderr.splitlines()[0].removeprefix("error: ")
    assert message.startswith(first)
    return message


def one_line(stderr: str) -> str:
    assert "Traceback" not in stderr
    assert stderr.startswith("error: ")
    assert stderr.endswith("\n")
    assert stderr.count("\n") == 1
    return stderr.removeprefix("error: ").rstrip("\n")


def test_the_scenario_that_the_mistakes_are_put_into_is_good():
    Path(FILE).write_text(GOOD)
    result = CliRunner().invoke(commands, ["check", FILE])
    assert result.exit_code == 0
    assert result.stdout == (
        "question.yaml: fine — 2 strategies, 1,000 patients of topp_2021_first_salvage, "
        "us_payer_2022\n"
        f"cost.inpatient_day: 2,500 USD (fixed), {FILE}:20\n"
    )


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_a_mistake_is_named_with_its_file_and_line(bad):
    Path(FILE).write_text(bad.text())
    message = complaint()
    assert message.startswith(f"{FILE}:{bad.line()}: ")
    for text in bad.says:
        assert text in message
    assert len(message) < 700


def test_the_cases_are_distinct():
    assert len({bad.name for bad in BAD}) == len(BAD)
    assert len({bad.text() for bad in BAD}) == len(BAD)


def test_a_missing_file_is_named_with_the_nearest_one():
    Path(FILE).write_text(GOOD)
    assert complaint("quesiton.yaml") == (
        "quesiton.yaml: no such file; did you mean 'question.yaml'?"
    )


def test_a_directory_is_not_a_scenario():
    Path("folder").mkdir()
    assert complaint("folder") == "folder: is a directory, not a YAML file"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(bytes(range(128, 256)), ":1: is not UTF-8 text", id="binary"),
        pytest.param(b"PK\x03\x04\x00", ":1: is not a text file", id="spreadsheet"),
        pytest.param(GOOD.encode("utf-16"), ":1: is not UTF-8 text", id="utf_16"),
        pytest.param(b"title: caf\xe9\n", ":1: is not UTF-8 text", id="latin_1"),
        pytest.param(b"", ": is empty", id="empty"),
        pytest.param(b"# nothing\n\n# yet\n", ": is empty", id="only_comments"),
        pytest.param(b"---\n", ": is empty", id="only_a_marker"),
        pytest.param(b"- a\n- b\n", ":1: must hold keys and values", id="list"),
        pytest.param(b"blinatumomab\n", ":1: must hold keys and values", id="word"),
        pytest.param(b"#" * (LARGEST_FILE_BYTES + 1), ": is larger than 1 MiB", id="huge"),
    ],
)
def test_a_file_that_is_no_mapping_is_refused(content, problem):
    Path(FILE).write_bytes(content)
    assert complaint().startswith(FILE + problem)


def test_an_alias_bomb_is_refused_at_its_first_anchor():
    layers = [f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 9)}]" for i in range(1, 30)]
    Path(FILE).write_text("\n".join(["l0: &l0 boom", *layers]))
    assert complaint() == (f"{FILE}:1: l0: anchors and aliases are not supported: remove &l0")


def test_a_circle_of_extensions_is_named_in_full():
    Path("a.yaml").write_text("title: A\nextends: sub/b.yaml\n")
    Path("sub").mkdir()
    Path("sub/b.yaml").write_text("extends: ../c.yaml\n")
    Path("c.yaml").write_text("# c\nseed: 1\nextends: a.yaml\n")
    assert complaint("a.yaml") == (
        "c.yaml:3: extends: extends itself: a.yaml -> sub/b.yaml -> c.yaml -> a.yaml (got 'a.yaml')"
    )


def test_a_mistake_in_a_parent_is_named_in_the_parent():
    Path("base.yaml").write_text(GOOD.replace("seed: 1", "seed: one"))
    Path(FILE).write_text("extends: base.yaml\ntitle: Child\n")
    assert complaint() == "base.yaml:4: seed: must be a whole number (got 'one')"


def test_a_mistake_in_the_child_comes_before_one_in_its_parent():
    Path("base.yaml").write_text(GOOD.replace("seed: 1", "seed: one"))
    Path(FILE).write_text("extends: base.yaml\n\nsetting: 3\n")
    message = complaint()
    assert message.startswith("question.yaml:3: setting: is not one of the allowed words (got 3)")
    assert message.endswith("; and 1 more")


def test_the_first_of_several_mistakes_is_named_and_the_others_counted():
    text = GOOD.replace("seed: 1", "seed: -1").replace("patients: 1000", "patients: 0")
    Path(FILE).write_text(text.replace("us_2019", "3"))
    assert complaint() == f"{FILE}:3: patients: must be at least 1 (got 0); and 2 more"


def test_unknown_names_are_counted_too():
    text = GOOD.replace("[salvage_chemotherapy]", "[chemo]").replace("us_2019", "mars_2019")
    Path(FILE).write_text(text.replace("inotuzumab", "inotuzumb"))
    message = complaint()
    assert message.startswith(f"{FILE}:13: strategies[0].sequence[0]: no such regimen")
    assert message.endswith("; and 2 more")


def test_a_key_with_a_line_break_stays_on_one_line():
    Path(FILE).write_text(GOOD + '"a\\nb": 1\n')
    assert complaint().startswith(rf"{FILE}:25: 'a\nb': unknown key")


@pytest.mark.parametrize("command", ["check", "show", "parameters"])
def test_the_program_itself_ends_with_code_2_and_no_traceback(command):
    Path(FILE).write_text(GOOD.replace("inotuzumab", "inotuzumb"))
    scenario = ["--scenario", FILE] if command == "parameters" else [FILE]
    ended = subprocess.run(
        [sys.executable, "-m", "sim", command, *scenario],
        capture_output=True,
        check=False,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert "did you mean 'inotuzumab'?" in one_line(ended.stderr)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["chekc", FILE], "No such command 'chekc'; did you mean 'check'?"),
        (["check"], "Missing argument 'SCENARIO'"),
        (["check", FILE, "--fast"], "No such option '--fast'"),
        (["--fast"], "No such option '--fast'"),
        (["run", FILE, "--patients", "few"], "--patients: 'few' is not a whole number"),
        (["run", FILE, "--seed", "-1"], "--seed: -1 is not in the range"),
        (["tornado", FILE, "--threshold", "low"], "--threshold: 'low' is not a number"),
    ],
)
def test_a_misspelt_command_line_ends_with_one_line_and_code_2(arguments, says):
    result = CliRunner().invoke(commands, arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    line = one_line(result.stderr)
    assert line.startswith(says)
    assert line.endswith("--help")
