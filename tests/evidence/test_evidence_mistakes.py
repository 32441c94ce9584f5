"""A mistake in the register is named with file, line, key and value; the command shows what is there."""

import csv
import io
import os
import re
import sys

import pytest
from click.testing import CliRunner

from sim.cli import commands
from sim.commands import listings
from sim.errors import UserError
from sim.evidence.register import load_register
from sim.layout.listings import ENDPOINT_CSV_COLUMNS, show_evidence

GOOD = """\
study: "Trial: antibody or chemotherapy"
design: "randomised phase 3"
patients: "adults with refractory ALL"
sources: [sponsor_2020, topp_2021]
overlaps:
  pooled: "all of the antibody arm"
arms:
  antibody:
    label: "Antibody"
    n: 100
    treatment: "28 mcg/day"
    baseline:
      age_median_years: 41
      male_percent: 55.5
      other_frail_percent: 10
  chemotherapy:
    label: "Chemotherapy"
    n: 50
    treatment: "FLAG"
endpoints:
  antibody.response:
    arm: antibody
    endpoint: response
    definition: "CR, CRh or CRi"
    n: 100
    events: 44
    value: 44
    interval: [34.1, 54.3]
    level: 95
    source: sponsor_2020
    place: "Table 2"
    role: fit
    why: "primary endpoint"
  antibody.os_median_months:
    arm: antibody
    endpoint: os_median_months
    n: 100
    value: null
    interval: [7.5, null]
    level: 95
    source: sponsor_2020
    place: "page 3"
    quote: "median 7.5, not reached in Figure 1"
    contradiction: "The text prints a median that the figure does not reach."
    chosen: "not reached, as in the figure"
    role: described
    why: ""
  antibody.os_hazard_ratio:
    arm: antibody
    endpoint: os_hazard_ratio
    against: chemotherapy
    value: 0.71
    interval: [0.55, 0.93]
    level: 97.5
    source: topp_2021
    place: "page 3"
    role: held_out
    why: "predicted"
  chemotherapy.os_percent.12:
    arm: chemotherapy
    endpoint: os_percent
    subset: "responders"
    from: "remission"
    at_months: 12
    n: 20
    events: 5
    value: 20
    printed_exception: "5/20 is 25"
    source: sponsor_2020
    place: "page 3"
    role: described
    why: ""
  chemotherapy.other.pain:
    arm: chemotherapy
    endpoint: other.pain
    definition: "any grade"
    n: 50
    events: 3
    source: sponsor_2020
    place: "page 4"
    role: described
    why: ""
"""
POOLED = """\
study: "Pooled"
design: "pooled analysis"
patients: "adults"
sources: [topp_2021]
arms:
  all: {label: "All", n: 500, treatment: "28 mcg/day"}
endpoints:
  all.response:
    {arm: all, endpoint: response, definition: "CR", value: 40.5, n: 500, source: topp_2021,
     place: "Table 1", role: described, why: ""}
"""
SOURCES = """\
sponsor_2020: {citation: "The Sponsor. Clinical study report. 2020.", address: "NCT00000001"}
"""


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Return a function that loads the good register with one text of trial.yaml changed."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "calibration" / "evidence"
    folder.mkdir(parents=True)

    def loaded(old="", new="", file="trial.yaml"):
        texts = {"trial.yaml": GOOD, "pooled.yaml": POOLED, "sources.yaml": SOURCES}
        assert old in texts[file]
        texts[file] = texts[file].replace(old, new, 1)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
        return load_register()

    return loaded


def line_of(text, written):
    lines = written.splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def test_good_register_loads(load):
    register = load()
    trial = register["trial"]
    assert list(register) == ["pooled", "trial"]
    assert [arm.n for arm in trial.arms.values()] == [100, 50]
    assert trial.arms["antibody"].baseline["other_frail_percent"] == 10
    assert trial.endpoints["antibody.os_median_months"].interval == (7.5, None)
    assert trial.endpoints["chemotherapy.os_percent.12"].time_origin == "remission"
    assert trial.endpoints["chemotherapy.other.pain"].best == 6.0
    assert register.sources["sponsor_2020"].address == "NCT00000001"
    assert register.sources["topp_2021"].citation.startswith("Topp MS")
    assert register.overlaps("trial") == {"pooled": "all of the antibody arm"}
    assert register.overlaps("pooled") == {"trial": "all of the antibody arm"}


RESPONSE = "endpoints.antibody.response"
MISTAKES = {
    "unknown_key_of_arm": (
        "    label:",
        "    lable:",
        "arms.antibody.lable: unknown key",
        "did you mean 'label'?",
    ),
    "unknown_key_of_endpoint": (
        '    place: "Table 2"',
        '    palce: "Table 2"',
        "unknown key (got 'palce'); did you mean 'place'?",
    ),
    "unknown_key_on_top": ("design:", "desing:", "desing: unknown key", "did you mean 'design'?"),
    "missing_key": ('    treatment: "FLAG"\n', "", "arms.chemotherapy.treatment: is required"),
    "wrong_word": (
        "endpoint: response",
        "endpoint: responce",
        f"{RESPONSE}.endpoint: is no endpoint, and does not start with 'other.'",
        "(got 'responce'); did you mean 'response'?",
    ),
    "wrong_role": (
        "role: fit",
        "role: fitted",
        f"{RESPONSE}.role: is not one of the allowed words (got 'fitted'); did you mean 'fit'?",
    ),
    "wrong_baseline": (
        "male_percent",
        "males_percent",
        "arms.antibody.baseline.males_percent: unknown key",
        "did you mean 'male_percent'?",
    ),
    "baseline_above_100": ("male_percent: 55.5", "male_percent: 155.5", "from 0 to 100"),
    "value_as_text": (
        "value: 44\n",
        'value: "44"\n',
        f"{RESPONSE}.value: must be a number (got '44')",
    ),
    "value_without_its_point": (
        "value: 44\n",
        "value: 440\n",
        f"{RESPONSE}.value: must be from 0 to 100 in 'response' (got 440.0)",
    ),
    "share_for_a_per_cent": (
        "value: 44\n",
        "value: 0.44\n",
        f"{RESPONSE}.value: must be in per cent, from 0 to 100; this looks like a share",
    ),
    "share_for_a_per_cent_of_unknown_events": (
        "    events: 44\n    value: 44\n",
        "    value: 0.44\n",
        f"{RESPONSE}.value: must be in per cent, from 0 to 100; this looks like a share",
    ),
    "share_in_the_baseline": (
        "male_percent: 55.5",
        "male_percent: 0.44",
        "arms.antibody.baseline.male_percent: must be in per cent",
    ),
    "value_left_out": (
        "    value: 0.71\n",
        "",
        "antibody.os_hazard_ratio.value: is required: a number, or null when not reached",
    ),
    "ratio_of_nothing": ("value: 0.71", "value: null", "os_hazard_ratio.value: is needed"),
    "n_as_fraction": (
        "    n: 50\n",
        "    n: 50.5\n",
        "arms.chemotherapy.n: must be a whole number",
    ),
    "events_above_n": (
        "events: 44",
        "events: 144",
        f"{RESPONSE}.events: needs an 'n' that is at least as large (got 144)",
    ),
    "interval_reversed": (
        "[34.1, 54.3]",
        "[54.3, 34.1]",
        f"{RESPONSE}.interval: must be [low, high] with low not above high (got [54.3, 34.1])",
    ),
    "interval_of_one": ("[34.1, 54.3]", "[34.1]", "must be [low, high], null where not reached"),
    "interval_of_text": ("[7.5, null]", '[7.5, "NR"]', "must hold numbers, null where not reached"),
    "interval_without_level": (
        "    level: 97.5\n",
        "",
        "antibody.os_hazard_ratio.level: goes with 'interval', in per cent",
    ),
    "level_as_share": ("level: 97.5", "level: 0.975", "level: must be above 50 (got 0.975)"),
    "level_of_certainty": ("level: 97.5", "level: 100", "level: must be below 100"),
    "landmark_without_time": (
        "    at_months: 12\n",
        "",
        "endpoints.chemotherapy.os_percent.12.at_months: is required by 'os_percent'",
    ),
    "median_at_a_time": (
        "    value: null\n",
        "    value: null\n    at_months: 12\n",
        "at_months: is only for per cents at a time (got 12.0)",
    ),
    "ratio_without_reference": (
        "    against: chemotherapy\n",
        "",
        "antibody.os_hazard_ratio.against: names the reference of a ratio",
    ),
    "other_without_definition": (
        '    definition: "any grade"\n',
        "",
        "chemotherapy.other.pain.definition: is required by 'other.pain'",
    ),
    "contradiction_without_choice": (
        '    chosen: "not reached, as in the figure"\n',
        "",
        "os_median_months.chosen: is missing: 'quote', 'contradiction' and 'chosen' go together",
    ),
    "quote_of_two_lines": ("median 7.5, not", "median 7.5,\\nnot", "quote: must be one line"),
    "fit_without_reason": (
        'why: "primary endpoint"',
        'why: " "',
        f"{RESPONSE}.why: must say the reason of the role 'fit'",
    ),
    "fit_of_a_median_not_reached": (
        '    chosen: "not reached, as in the figure"\n    role: described\n    why: ""\n',
        '    chosen: "not reached, as in the figure"\n    role: fit\n    why: "survival"\n',
        "os_median_months.role: must not be 'fit' for a median that was not reached",
    ),
    "held_out_without_weight": (
        "    interval: [0.55, 0.93]\n    level: 97.5\n",
        "",
        "os_hazard_ratio.role: needs an 'n' or an 'interval' to be weighed (got 'held_out')",
    ),
    "no_such_arm": (
        "    arm: antibody\n    endpoint: response",
        "    arm: antibodies\n    endpoint: response",
        f"{RESPONSE}.arm: no such arm (got 'antibodies'); did you mean 'antibody'?",
    ),
    "name_of_another_arm": (
        "antibody.response:",
        "chemotherapy.response:",
        "endpoints.chemotherapy.response: must be 'antibody.response', or start with it",
    ),
    "name_of_another_endpoint": ("antibody.response:", "antibody.responses:", "must be 'antibody"),
    "name_in_capitals": ("antibody.response:", "antibody.response.CR:", "of a-z, 0-9, _ and dots"),
    "arm_in_capitals": ("  chemotherapy:\n    label", "  Chemo:\n    label", "must be of a-z"),
    "source_not_of_the_study": (
        "source: topp_2021",
        "source: badar_2020",
        "source: is not among the sources of the study (got 'badar_2020')",
        "Allowed: sponsor_2020, topp_2021",
    ),
    "source_not_declared": (
        "[sponsor_2020, topp_2021]",
        "[sponsor_2020, topp_2021, sponsor_2021]",
        "sources[2]: is neither in sources.yaml nor in the catalogue",
        "did you mean 'sponsor_2020'?",
    ),
    "overlap_with_nothing": (
        "  pooled:",
        "  poled:",
        "overlaps.poled: is no other study of the register",
        "did you mean 'pooled'?",
    ),
    "overlap_with_itself": ("  pooled:", "  trial:", "overlaps.trial: is no other study"),
    "no_arms": ("arms:", "arms: {}\nother:", "arms: must hold at least 1"),
}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [pytest.param(old, new, expected, id=name) for name, (old, new, *expected) in MISTAKES.items()],
)
def test_mistake_is_named_with_its_place(load, old, new, expected):
    with pytest.raises(UserError) as caught:
        load(old, new)
    message = str(caught.value)
    assert message.startswith("calibration/evidence/trial.yaml:")
    for text in expected:
        assert text in message


@pytest.mark.parametrize(
    ("old", "new"),
    [("value: 44\n", 'value: "44"\n'), ("[34.1, 54.3]", "[54.3, 34.1]"), ("role: fit", "role: x")],
)
def test_line_of_a_mistake_is_where_it_stands(load, old, new):
    with pytest.raises(UserError) as caught:
        load(old, new)
    assert caught.value.line == line_of(new.strip(), GOOD.replace(old, new, 1))


def test_the_misspelt_key_is_named_before_the_key_that_is_missing(load):
    with pytest.raises(UserError, match="unknown key") as caught:
        load("    treatment:", "    treatmnt:")
    assert "did you mean 'treatment'?" in str(caught.value)


def test_source_of_the_catalogue_is_not_declared_again(load):
    with pytest.raises(UserError, match=r"sources\.yaml:1: badar_2020: is in the catalogue"):
        load("sponsor_2020:", "badar_2020:", "sources.yaml")


def test_source_needs_a_citation(load):
    with pytest.raises(UserError, match=r"sponsor_2020\.citation: is required"):
        load('citation: "The Sponsor. Clinical study report. 2020.", ', "", "sources.yaml")
    with pytest.raises(
        UserError, match=r"sponsor_2020\.adress: unknown key .*did you mean 'address'"
    ):
        load("address:", "adress:", "sources.yaml")


def test_register_of_the_current_folder_wins(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "calibration" / "evidence").mkdir(parents=True)
    with pytest.raises(UserError, match="calibration/evidence: holds no study"):
        load_register()


def test_register_is_found_beside_the_package_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(load_register()) > 0


# The command


def asked(*arguments):
    return CliRunner().invoke(commands, ["evidence", *arguments])


def test_command_lists_the_studies(load):
    load()
    result = asked()
    assert result.exit_code == 0
    rows = [line.split("  ") for line in result.stdout.splitlines()]
    trial = next(row for row in rows if row[0].strip() == "trial")
    assert [cell.strip() for cell in trial if cell][2:] == ["100 + 50", "1", "1", "3"]
    assert rows[-1] == ["2 studies, 6 endpoints: 1 fit, 1 held_out, 4 described"]


def test_arm_whose_number_was_not_printed_is_shown_with_a_question_mark(load):
    load("    n: 50\n    treatment", "    treatment")
    assert "100 + ?" in asked().stdout
    assert "chemotherapy: Chemotherapy  ?         FLAG" in asked("trial").stdout


def test_command_shows_a_study_with_its_contradictions(load):
    load()
    text = asked("trial").stdout
    assert "shares patients with pooled: all of the antibody arm" in text
    assert "age_median_years 41, male_percent 55.5" in text
    assert "0.71 against chemotherapy" in text
    assert "0.55 to 0.93 (97.5 %)" in text
    assert "20 % at 12 months from remission" in text
    assert "not reached" in text
    assert "1.255 to 16.55 *" in text  # scipy.stats.binomtest(3, 50), exact
    assert "chosen: not reached, as in the figure" in text
    assert "the printed numbers disagree: 5/20 is 25" in text
    assert "sponsor_2020: The Sponsor. Clinical study report. 2020. NCT00000001" in text


def test_command_shows_only_a_role(load):
    load()
    assert "antibody.os_hazard_ratio" in asked("trial", "--role", "held_out").stdout
    assert "antibody.response" not in asked("trial", "--role", "held_out").stdout
    assert "pooled" not in asked("--role", "fit").stdout


def test_csv_holds_every_endpoint_as_printed(load):
    register = load()
    rows = list(csv.DictReader(io.StringIO(asked("--csv").stdout)))
    assert tuple(rows[0]) == ENDPOINT_CSV_COLUMNS
    assert [(row["study"], row["endpoint_id"]) for row in rows] == [
        (name, key) for name, study in register.items() for key in study.endpoints
    ]
    row = {r["endpoint_id"]: r for r in rows}["antibody.os_median_months"]
    assert (row["value"], row["interval_low"], row["interval_high"]) == ("", "7.5", "")
    assert row["kind"] == "months"
    assert len(list(csv.DictReader(io.StringIO(asked("--csv", "--role", "fit").stdout)))) == 1


def test_unknown_study_is_answered_with_the_nearest(load):
    load()
    result = asked("trail")
    assert result.exit_code == 2
    assert "there is no such study (got 'trail'); did you mean 'trial'?" in result.stderr


def test_tables_fit_a_terminal(load, monkeypatch, capsys):
    load()
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setitem(os.environ, "COLUMNS", "100")
    show_evidence("trial", None, as_csv=False)
    show_evidence(None, None, as_csv=False)
    shown = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)
    assert max(map(len, shown.splitlines())) <= 100
    assert "Antibody" in shown


def test_roles_of_the_command_are_those_of_the_schema():
    from typing import get_args

    from sim.evidence.study import Role

    assert get_args(Role) == get_args(listings.Role)
