"""Sensitivity analyses that end before their time go on where they stopped, to the same bytes."""

import random
import signal
import time

import pandas as pd
import pytest
from click.testing import CliRunner

from sim.analyses.shared import paired_runs, store
from sim.analyses.shared import paired_runs as same_patients
from sim.analyses.shared.paired_runs import Sets
from sim.analyses.threshold import analysis as threshold
from sim.cli import commands
from tests.support.places import ROOT
from tests.support.programs import contents, ended, started
from tests.support.unfinished import ending_after

MAIN = ROOT / "scenarios" / "first_salvage.yaml"
FEW = ("--patients", "20", "--seed", "4")
# The vial at a price at which some of these few patients' decisions flip.
COMMANDS = {
    "tornado": (),
    "twoway": ("--x", "cost.blinatumomab.vial", "--y", "relapse.sigma", "--steps", "7"),
    "threshold": ("--parameter", "cost.blinatumomab.vial", "--range", "0,20000"),
    "scenarios": (),
}
every_command = pytest.mark.parametrize("name", COMMANDS)


def command(name, folder, *more):
    given = (name, MAIN, *COMMANDS[name], *FEW, "--out", folder, *more)
    return CliRunner().invoke(commands, [str(each) for each in given])


def done(*arguments):
    result = command(*arguments)
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """By command, the files of an analysis that nothing disturbed."""
    found = {}
    for name in COMMANDS:
        folder = tmp_path_factory.mktemp(name) / "out"
        done(name, folder)
        found[name] = contents(folder)
    return found


def interrupted(name, folder, chunks):
    """Begin an analysis that ends after so many chunks."""
    with ending_after(chunks):
        result = command(name, folder)
    assert len(list((folder / "chunks").glob("*.parquet"))) == chunks
    return result


@pytest.mark.parametrize(
    ("name", "chunks"),
    [("tornado", 0), ("tornado", 3), ("twoway", 1), ("threshold", 0), ("scenarios", 1)],
)
def test_resumed_analysis_ends_with_the_same_bytes(name, chunks, tmp_path, undisturbed):
    """One program keeps the chunks of all; what is simulated for them is each command's own."""
    result = interrupted(name, tmp_path, chunks)
    assert result.exit_code == 130
    assert "continue with --resume" in result.stderr
    done(name, tmp_path, "--resume", "--threads", chunks + 1)
    assert contents(tmp_path) == undisturbed[name]


@every_command
def test_what_is_finished_is_not_simulated_again(name, tmp_path, monkeypatch, undisturbed):
    """All chunks are kept and only the files are missing: nothing but the base is simulated."""

    def full(self, files):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(store.Chunks, "finish", full)
        assert command(name, tmp_path).exit_code == 130
    asked = []

    def none_left(questions, *_, **__):
        asked.extend(questions)
        return iter(())

    monkeypatch.setattr(paired_runs, "each_question", none_left)
    monkeypatch.setattr(threshold.SearchJob, "flips", lambda *_: pytest.fail("searched"))
    done(name, tmp_path, "--resume")
    assert asked == []
    assert contents(tmp_path) == undisturbed[name]


@every_command
def test_unfinished_folder_is_not_used_without_being_told(name, tmp_path):
    interrupted(name, tmp_path, 1)
    before = contents(tmp_path)
    result = command(name, tmp_path)
    assert result.exit_code == 2
    assert "holds an unfinished analysis: 1 of " in result.stderr
    assert f"chunks of first_salvage.yaml, {name}, 20 patients, seed 4; continue it with" in (
        result.stderr
    )
    other = command(name, tmp_path, "--resume", "--seed", "5")
    assert other.exit_code == 2
    assert "holds an unfinished analysis that is not this one" in other.stderr
    assert contents(tmp_path) == before


def test_one_analysis_does_not_continue_another(tmp_path):
    interrupted("tornado", tmp_path, 1)
    result = command("scenarios", tmp_path, "--resume")
    assert result.exit_code == 2
    assert "holds an unfinished analysis that is not this one" in result.stderr


@every_command
def test_resume_needs_a_folder(name):
    given = (name, str(MAIN), *COMMANDS[name], *FEW, "--resume")
    result = CliRunner().invoke(commands, list(given))
    assert result.exit_code == 2
    assert "--resume: needs the folder of the unfinished results" in result.stderr


def program(name, folder, *arguments, **how):
    return started(name, MAIN, *COMMANDS[name], *FEW, "--out", folder, *arguments, **how)


@pytest.mark.slow
@every_command
def test_killed_at_any_moment_the_analysis_resumes_to_the_same_bytes(name, tmp_path):
    """SIGKILL before 3 of the moments of writing and after a length of time; seeds are fixed."""
    began = time.monotonic()
    code, said = ended(program(name, tmp_path / "undisturbed"))
    lasts = time.monotonic() - began
    moments = int(said.split()[-1])
    assert code == 0
    whole = contents(tmp_path / "undisturbed")
    numbers = random.Random(name)
    for number, moment in enumerate(numbers.sample(range(1, moments + 1), 3)):
        folder = tmp_path / f"moment-{number}"
        assert ended(program(name, folder, kill_before=moment))[0] == -signal.SIGKILL
        assert ended(program(name, folder, "--resume"))[0] == 0
        assert contents(folder) == whole, moment
    folder = tmp_path / "time"
    process = program(name, folder, "--resume")
    time.sleep(lasts * numbers.uniform(0.4, 1.0))
    process.kill()
    ended(process)
    assert ended(program(name, folder, "--resume"))[0] == 0
    assert contents(folder) == whole


# Rows of sets


def test_sets_are_counted_by_chunks():
    def sets(count, **more):
        nothing = {"ask": None, "columns": (), "measure": None, "names": ()}
        return Sets(count=count, chunk=16, **nothing, **more)

    assert [sets(count).chunks for count in (0, 1, 16, 17)] == [0, 1, 1, 2]
    assert sets(40).left(set()) == 40
    assert sets(40).left({0, 2}) == 16
    assert sets(40, weight=lambda place: 1 if place < 20 else 2).left({0}) == 4 + 40


class PatientRows:
    """A store in memory."""

    def __init__(self):
        self.tables = {}

    def done(self):
        return set(self.tables)

    def keep(self, chunk, outcomes):
        self.tables[chunk] = outcomes

    def read(self, chunk):
        return self.tables[chunk]


def test_rows_stand_in_the_order_of_their_sets(ask):
    """Prices of 1 to 5: the cost is a straight line, whatever was kept before."""
    question = ask("tower", patients=20)
    base = question.numbers["cost.end_of_life"]
    line = Sets(
        count=5,
        ask=lambda place: same_patients.with_values(
            question, {"cost.end_of_life": base * (1.0 + place)}
        ),
        columns=(),
        measure=lambda found: (float(found.cost[0]), "a"),
        names=("cost", "word"),
        chunk=2,
    )
    plain = line.rows(threads=2)
    assert plain["cost"].is_monotonic_increasing
    assert list(plain["word"]) == ["a"] * 5
    kept = PatientRows()
    kept.keep(1, plain.iloc[2:4].reset_index(drop=True))
    counted = []
    again = line.rows(store=kept, progress=counted.append)
    assert sum(counted) == 3
    assert kept.done() == {0, 1, 2}
    pd.testing.assert_frame_equal(again, plain)
