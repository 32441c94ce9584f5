"""`python -m sim explain`: what it prints and writes, and what it refuses."""

import csv
import functools
import io
import itertools
import json
import math
import re
from collections import Counter, defaultdict

import pytest
from click.testing import CliRunner
from rich.cells import cell_len
from rich.console import Console

from sim.analyses.explain import result as explain_files
from sim.analyses.explain.divergences import ENTRY, held, shape, words
from sim.analyses.explain.text import print_explanation
from sim.cli import commands
from sim.clinic.events import Cause, EventKind
from sim.engine.reference import simulate as simulate_plainly
from sim.layout import text
from sim.layout.trace import describe
from sim.replay.recorder import Comparison, Draw
from sim.replay.replay import replay
from sim.replay.search import Found
from sim.simulation.question import ask
from sim.simulation.run import run as simulate
from tests.support.places import ROOT
from tests.support.remarks import remarks_on

MAIN = ROOT / "scenarios" / "first_salvage.yaml"
SEVERAL = ROOT / "scenarios" / "blinatumomab_then_inotuzumab.yaml"
SCENARIOS = sorted((ROOT / "scenarios").glob("*.yaml"))


def explain(*arguments):
    return CliRunner().invoke(commands, ["explain", *map(str, arguments)])


@functools.cache
def replayed_patient(path, number, seed=None):
    return replay(ask(path, seed=seed), number)


def printed(path, number, *, width=100, encoding="utf-8", every_entry=False):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = Console(file=stream, width=width, highlight=False, markup=False, emoji=False)
    print_explanation(console, replayed_patient(path, number), None, every_entry=every_entry)
    stream.flush()
    return stream.buffer.getvalue().decode(encoding)


# What it prints


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_a_patient_of_every_shipped_scenario_is_explained(path):
    result = explain(path, "--patient", 17)
    assert result.exit_code == 0, result.output
    assert result.stderr == remarks_on(path)
    for part in (
        "The patient at entry",
        "Where the lives part",
        "What it came to",
        "Ledger under",
        "not medical advice",
    ):
        assert part in result.stdout
    assert not re.search(r"\b(nan|inf|None|True|False)\b", result.stdout)


@pytest.mark.parametrize("width", [80, 100, 140])
@pytest.mark.parametrize("number", [7, 17, 33])
def test_no_line_is_wider_than_the_terminal(width, number):
    for line in printed(SEVERAL, number, width=width).splitlines():
        assert cell_len(line) <= width, line


def test_every_event_stands_in_the_column_of_its_strategy():
    shown = printed(MAIN, 17, width=140)
    replayed = replayed_patient(MAIN, 17)
    for life in replayed.lives:
        for event in life.log:
            assert f"{event.time_days:,.1f}" in shown
    heading = next(line for line in shown.splitlines() if line.strip().startswith("day   "))
    assert heading.split("   ")[-1].strip() == "Blinatumomab"
    left = heading.index("Blinatumomab")
    for event in replayed.life("blinatumomab").log:
        if event.time_days > 0.0 and event.kind == EventKind.CYCLE_STARTED:
            said = describe(event, ("blinatumomab",))
            lines = [line for line in shown.splitlines() if line[left:].startswith(said)]
            assert lines, said


def test_every_number_that_decided_anything_is_shown_with_its_limits():
    shown = printed(MAIN, 17, width=140)
    for life in replayed_patient(MAIN, 17).lives:
        for draw in life.draws:
            if draw.used:
                assert held(draw) in shown
                assert words(draw, life) in shown
                assert shape(draw) in shown


def test_entries_add_up_to_the_total_that_is_printed():
    """Amounts as printed, to a cent for each of the entries; the last total is exact."""
    replayed = replayed_patient(MAIN, 33)
    shown = printed(MAIN, 33, width=120, every_entry=True)
    for life in replayed.lives:
        sheet = shown.split(f"Ledger under {life.label}: USD")[1].split("Ledger under")[0]
        rows = [line.split() for line in sheet.splitlines() if re.search(r"\d\.\d\d$", line)]
        *entries, total = [[float(cell.replace(",", "")) for cell in row[-3:]] for row in rows]
        costs = [each for each in life.postings if each.entry.category.account.value == "cost"]
        assert len(entries) == len(costs)
        for column in (0, 1):
            added = math.fsum(entry[column] for entry in entries)
            assert added == pytest.approx(total[column], abs=0.005 * len(entries))
        assert entries[-1][2] == total[1] == total[2]


def test_entries_that_are_alike_are_put_together_unless_each_is_asked_for():
    folded, each = (printed(MAIN, 17, every_entry=choice) for choice in (False, True))
    assert "14 × 2 vials, 56 mcg" in folded
    assert "×" not in each.split("Ledger under")[-3]
    assert len(each.splitlines()) > len(folded.splitlines()) + 50
    assert each.split("Total")[-1] == folded.split("Total")[-1]


def test_whole_amounts_and_their_differences_add_up_as_printed():
    shown = printed(MAIN, 17).split("Costs in USD")[1].split("\n\n")[0]
    rows = [line.split()[-3:] for line in shown.splitlines()[1:]]
    *parts, total = [[int(cell.replace(",", "")) for cell in row] for row in rows]
    for column in range(3):
        assert sum(part[column] for part in parts) == total[column]
    assert total[1] - total[0] == total[2]


def test_an_encoding_without_the_signs_is_no_obstacle():
    shown = printed(MAIN, 17, encoding="ascii")
    assert ">=" in shown
    assert "sigma" in shown
    assert "?" not in shown


def test_lives_that_do_not_fit_beside_each_other_follow_one_another():
    shown = printed(MAIN, 17, width=80)
    assert shown.count("enters the model") == 2
    assert not any(line.count("enters the model") > 1 for line in shown.splitlines())


def test_limits_that_are_close_are_shown_with_enough_digits():
    draw = Draw.__new__(Draw)
    draw.uniform = 0.43210001
    draw.comparisons = [Comparison(0.4321, False)]
    assert held(draw) == "0.43210001 ≥ 0.43210000"
    draw.comparisons = [Comparison(0.5, True), Comparison(0.4, False)]
    assert held(draw, "u ") == "0.4000 ≤ u 0.4321 < 0.5000"
    draw.comparisons = []
    assert held(draw) == "0.4321"


# What it finds


def test_the_first_patient_found_is_explained():
    result = explain(MAIN, "--find", "bridged to HCT and relapsed after under blinatumomab")
    assert result.exit_code == 0, result.output
    first = re.search(r"Patient (\d+), who is explained here", result.stdout).group(1)
    assert f"Patient      {first}: " in result.stdout
    assert "allo-HCT in continuous remission" in result.stdout
    assert "relapsed after transplant under blinatumomab; it is also true of" in " ".join(
        result.stdout.split()
    )
    log = replayed_patient(MAIN, int(first)).life("blinatumomab").log
    kinds = [event.kind.name for event in log]
    assert kinds.index("TRANSPLANT") < kinds.index("RELAPSE")


def test_a_search_that_finds_nobody_says_so():
    result = explain(MAIN, "--find", "treated again", "--among", 30)
    assert result.exit_code == 2
    assert "is true of none of the 30 patients; --among N looks through more" in result.stderr
    assert result.stdout == ""


# What it writes


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Return a folder of an explanation with a search and a figure, and what was printed."""
    folder = tmp_path_factory.mktemp("explain")
    result = explain(
        MAIN,
        "--find",
        "crs under blinatumomab",
        "--out",
        folder / "out",
        "--figure",
        folder / "deep" / "figure.png",
    )
    assert result.exit_code == 0, result.output
    return folder, result.stdout


def table(folder, name):
    with (folder / "out" / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_folder_holds_the_files_and_nothing_else(written):
    folder, shown = written
    assert {path.name for path in (folder / "out").iterdir()} == set(explain_files.NAMES)
    assert (folder / "deep" / "figure.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in (folder / "deep").iterdir()] == ["figure.png"]
    assert shown.rstrip().endswith(f"Files: {folder / 'out'}")


def test_columns_are_those_documented(written):
    for name, columns in explain_files.COLUMNS.items():
        assert tuple(table(written[0], name)[0]) == columns


def test_the_ledger_adds_up_to_the_results_of_a_run(written):
    """The totals so far end in the patient's row of a run, digit for digit."""
    folder, _ = written
    number = json.loads((folder / "out" / "explain.json").read_text())["patient"]["number"]
    question = ask(MAIN, patients=number + 1)
    for arm in simulate(question, engine="reference").arms:
        ends = {}
        for row in table(folder, "explain_ledger.csv"):
            if row["strategy"] == arm.strategy.name:
                ends[row["account"]] = float(row["discounted_so_far"])
        from sim.economics.ledger import Account

        assert ends == {each.value: arm.total(each)[number] for each in Account}


def test_json_holds_what_the_tables_hold(written):
    folder, _ = written
    content = json.loads((folder / "out" / "explain.json").read_text())
    rows = defaultdict(list)
    for name in explain_files.COLUMNS:
        for row in table(folder, name):
            rows[name, row["strategy"]].append(row)
    assert len(rows["explain_draws.csv", ""]) == len(content["entry"]) == len(ENTRY)
    for strategy in content["strategies"]:
        for name, key in (
            ("explain_events.csv", "events"),
            ("explain_draws.csv", "draws"),
            ("explain_ledger.csv", "ledger"),
        ):
            found = rows[name, strategy["name"]]
            assert len(found) == len(strategy[key])
            for row, values in zip(found, strategy[key], strict=True):
                assert row["words"] == (values["words"] or "")
        last = strategy["ledger"][-1]
        account = strategy["totals"][last["account"]]
        assert last["discounted_so_far"] == account["discounted"]
    assert content["found"]["search"] == "crs under blinatumomab"
    assert content["found"]["patients"][0] == content["patient"]["number"]


def test_json_is_the_only_output():
    result = explain(MAIN, "--patient", 5, "--json")
    assert result.exit_code == 0
    assert result.stderr == ""
    assert json.loads(result.stdout)["patient"]["number"] == 5


def test_the_same_question_gives_the_same_bytes(written, tmp_path):
    folder, _ = written
    explain(MAIN, "--find", "crs under blinatumomab", "--out", tmp_path / "again")
    for path in (folder / "out").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


def test_provenance_names_the_patient_and_no_machine(written):
    folder, _ = written
    origin = json.loads((folder / "out" / "provenance.json").read_text())
    assert origin["analysis"] == "explain"
    assert (
        origin["patient"]
        == json.loads((folder / "out" / "explain.json").read_text())["patient"]["number"]
    )
    assert str(ROOT) not in (folder / "out" / "provenance.json").read_text()


def test_both_engines_give_the_same_files():
    """Apart from the name of the engine."""
    one, other = (
        json.loads(explain(MAIN, "--patient", 26, "--json", "--engine", engine).stdout)
        for engine in ("core", "reference")
    )
    assert (one.pop("engine"), other.pop("engine")) == ("core", "reference")
    assert one == other


@pytest.mark.draws
@pytest.mark.parametrize("ending", ["svg", "pdf", "PNG"])
def test_a_figure_has_the_format_of_its_name(tmp_path, ending):
    path = tmp_path / f"lives.{ending}"
    assert explain(MAIN, "--patient", 2, "--figure", path).exit_code == 0
    first = {"svg": b"<?xml", "pdf": b"%PDF", "PNG": b"\x89PNG"}[ending]
    assert path.read_bytes().startswith(first)


def transplanted_once_and_dead_of_leukaemia_in_both_lives():
    """Return the first such patient of whom a line brought no response."""
    question = ask(MAIN)
    lives = (
        simulate_plainly(question.model, strategy, seed=question.seed, patients=1000)
        for strategy in question.model.strategies
    )
    for both in zip(*lives, strict=True):
        happened = Counter((each.kind, each.detail) for _, log in both for each in log)
        kinds = Counter(each.kind for _, log in both for each in log)
        if (
            kinds[EventKind.TRANSPLANT] == 1
            and happened[EventKind.DEATH, Cause.LEUKAEMIA] == 2
            and kinds[EventKind.NO_RESPONSE] > 0
        ):
            return both[0][0].number
    raise AssertionError


def test_the_figure_shows_what_the_log_holds():
    """Every mark and label of a patient transplanted and relapsed, and the totals of the ledger."""
    from sim.analyses.explain.figure import timelines_figure
    from sim.layout.style import styled

    replayed = replayed_patient(MAIN, transplanted_once_and_dead_of_leukaemia_in_both_lives())
    with styled():
        figure = timelines_figure(replayed)
    lives, money = figure.axes
    shown = [each.get_text() for each in lives.texts]
    assert shown.count("allo-HCT") == 1
    assert shown.count("dies of leukaemia") == 2
    assert "no response" in shown
    legend = [each.get_text() for each in money.get_legend().get_texts()]
    for life, line in zip(replayed.lives, legend, strict=True):
        from sim.economics.ledger import Account

        assert line == f"{life.total(Account.COST).discounted:,.0f}  {life.label}"


@pytest.mark.parametrize("number", [0, 7, 13, 26, 92])
def test_cost_over_time_ends_in_the_total(number):
    from sim.economics.ledger import Account
    from sim.replay.replay import timeline

    for life in replayed_patient(SEVERAL, number).lives:
        lane = timeline(life)
        assert lane.paid[-1] == pytest.approx(life.total(Account.COST).discounted, rel=1e-12)
        steps = [b - a for a, b in itertools.pairwise(lane.paid)]
        assert min(steps) > -1e-9 * lane.paid[-1]
        assert list(lane.paid_days) == sorted(lane.paid_days)
        assert lane.paid_days[-1] == lane.end_days
        for course in lane.courses:
            assert 0.0 <= course.start_days < course.end_days <= lane.end_days


# What it refuses


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--patient", "-1"], "-1 is not in the range"),
        (["--patient", "seventeen"], "'seventeen' is not a whole number"),
        (["--patient", 3, "--find", "cured"], "--patient and --find exclude each other"),
        (["--among", 3], "give --find"),
        (["--find", "transplantd"], "did you mean 'transplanted'"),
        (["--find", "cured under imatinib"], "no strategy of the scenario"),
        (["--figure", "lives.jpg"], "the name must end in one of .svg, .png, .pdf"),
        (["--figure", "lives"], "the name must end in one of .svg, .png, .pdf"),
        (["--engine", "fast"], "'fast' is not one of 'core', 'reference'"),
    ],
)
def test_a_mistake_ends_in_one_message(arguments, problem):
    result = explain(MAIN, *arguments)
    assert result.exit_code == 2
    assert problem in " ".join(result.stderr.split())
    assert "Traceback" not in result.output
    assert result.stdout == ""


def test_a_figure_that_cannot_be_written_is_refused_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "sim.analyses.explain.result.replay", lambda *_: pytest.fail("a patient was followed")
    )
    (tmp_path / "file").write_text("here before")
    result = explain(MAIN, "--figure", tmp_path / "file" / "lives.svg", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "--figure: lies below 'file', which is not a folder" in result.stderr
    (tmp_path / "lives.svg").mkdir()
    assert explain(MAIN, "--figure", tmp_path / "lives.svg").exit_code == 2
    assert {path.name for path in tmp_path.iterdir()} == {"file", "lives.svg"}


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "out").write_text("a file")
    result = explain(MAIN, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "is a file, not a folder" in result.stderr


def test_a_scenario_that_is_not_there_is_refused():
    result = explain(ROOT / "scenarios" / "none.yaml")
    assert result.exit_code == 2
    assert "none.yaml" in result.stderr


def test_a_patient_far_beyond_the_scenario_is_explained():
    result = explain(MAIN, "--patient", 999_999_999)
    assert result.exit_code == 0, result.output
    assert "999999999: " in result.stdout


def test_what_was_found_is_named_in_the_printed_file():
    console = Console(file=io.StringIO(), width=text.WIDTH_IN_A_PIPE, markup=False)
    found = Found("cured", (17,), 18)
    print_explanation(console, replayed_patient(MAIN, 17), found, every_entry=False)
    assert console.file.getvalue().startswith(
        "Found        Patient 17, who is explained here, is the first of whom this is true: cured."
    )
