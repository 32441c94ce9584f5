"""The files of a run are written whole or not at all, and nothing of others is lost."""

import errno
import json
from pathlib import Path
from typing import NamedTuple

import pytest

from sim.analyses.run.tables import NAMES
from sim.errors import UserError
from sim.files.results_folder import check_folder, write_folder
from sim.simulation.question import ask
from sim.simulation.run import Simulation, run
from sim.simulation.summary import Summary, summarise
from tests.support.places import SCENARIOS
from tests.support.programs import contents
from tests.support.run_folder import write


class Small(NamedTuple):
    """A run of twenty patients, and the folder of its files."""

    simulation: Simulation
    summary: Summary
    folder: Path

    def write(self, folder):
        write(self.simulation, self.summary, folder)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    simulation = run(ask(SCENARIOS / "first_salvage.yaml", patients=20, seed=2))
    found = Small(simulation, summarise(simulation), tmp_path_factory.mktemp("small") / "out")
    found.write(found.folder)
    return found


def entries(folder):
    """Everything below a folder, hidden or not, with the content of the files."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def test_earlier_results_are_replaced_and_files_of_others_kept(tmp_path, small):
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine", encoding="utf-8")
    (out / "figures").mkdir()
    (out / "summary.json").write_text("old", encoding="utf-8")
    (out / "events.csv").write_text("of an earlier run with a trace", encoding="utf-8")
    small.write(out)
    assert {path.name for path in out.iterdir()} == {
        *contents(small.folder),
        "notes.txt",
        "figures",
    }
    assert (out / "notes.txt").read_text(encoding="utf-8") == "mine"
    assert json.loads((out / "summary.json").read_text(encoding="utf-8"))["patients"] == 20


def test_missing_parents_are_made_and_the_folder_is_open_to_others(tmp_path, small):
    out = tmp_path / "a" / "b" / "c"
    small.write(out)
    assert contents(out) == contents(small.folder)
    (tmp_path / "plain").mkdir()
    assert out.stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert [path.name for path in out.parent.iterdir()] == ["c"]


def test_folder_behind_a_link_is_filled(tmp_path, small):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    small.write(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert contents(tmp_path / "real") == contents(small.folder)


def failing_once(monkeypatch, method, calls, error):
    """Let a method of `Path` fail at one call, after so many good ones; of `open` for a new file."""
    original = getattr(Path, method)
    made = []

    def failing(path, *arguments, **options):
        if method == "open" and arguments[:1] != ("xb",):
            return original(path, *arguments, **options)
        made.append(path)
        if len(made) == calls + 1:
            raise error
        return original(path, *arguments, **options)

    monkeypatch.setattr(Path, method, failing)


FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("method", "calls"),
    [("open", 0), ("open", 3), ("rename", 0), ("rename", 2), ("rename", 9)],
)
@pytest.mark.parametrize(
    ("error", "raised"), [(FULL, UserError), (KeyboardInterrupt(), KeyboardInterrupt)]
)
def test_failure_leaves_what_was_there_before(
    tmp_path, small, monkeypatch, method, calls, error, raised
):
    """Eight files go out and eight come in: a move fails at the start, early and in between."""
    out = tmp_path / "out"
    out.mkdir()
    for name in contents(small.folder):
        (out / name).write_text(f"old {name}", encoding="utf-8")
    (out / "notes.txt").write_text("mine", encoding="utf-8")
    before = entries(tmp_path)
    with monkeypatch.context() as patched:
        failing_once(patched, method, calls, error)
        with pytest.raises(raised):
            small.write(out)
    assert entries(tmp_path) == before


@pytest.mark.parametrize("error", [FULL, KeyboardInterrupt()])
@pytest.mark.parametrize(("method", "calls"), [("open", 4), ("rename", 0)])
def test_failure_leaves_no_new_folder(tmp_path, small, monkeypatch, method, calls, error):
    failing_once(monkeypatch, method, calls, error)
    with pytest.raises((UserError, KeyboardInterrupt)):
        small.write(tmp_path / "out")
    assert entries(tmp_path) == {}


def test_full_disk_is_said_in_one_line(tmp_path, small, monkeypatch):
    failing_once(monkeypatch, "open", 1, FULL)
    with pytest.raises(UserError, match="--out: cannot be written: No space left on device"):
        small.write(tmp_path / "out")


def test_text_that_cannot_be_written_leaves_nothing(tmp_path):
    """A lone surrogate has no UTF-8: the second of two texts fails while it is written."""
    with pytest.raises(UserError, match="--out"):
        write_folder(tmp_path / "out", {"a": "fine", "b": "\udcff"}, ["a", "b"])
    assert entries(tmp_path) == {}


@pytest.mark.parametrize(
    ("make", "out", "says"),
    [
        (lambda folder: (folder / "file").touch(), "file", "is a file, not a folder"),
        (lambda folder: (folder / "file").touch(), "file/below", "lies below 'file'"),
        (lambda folder: (folder / "file").touch(), "file/a/b", "lies below 'file'"),
        (
            lambda folder: (folder / "summary.json").mkdir(),
            ".",
            "a folder of the name 'summary.json'",
        ),
        (lambda folder: (folder / "loop").symlink_to("loop"), "loop", "cannot be written"),
        (lambda folder: None, "x" * 300, "cannot be written"),
        (lambda folder: None, "/proc/nowhere/out", "cannot be written"),
        (lambda folder: None, "zero\0byte", "cannot be written"),
    ],
)
def test_folder_that_cannot_be_written_is_refused_before_the_simulation(tmp_path, make, out, says):
    make(tmp_path)
    before = entries(tmp_path)
    with pytest.raises(UserError) as caught:
        check_folder(tmp_path / out, NAMES)
    assert str(caught.value).startswith("--out: ")
    assert says in str(caught.value)
    assert entries(tmp_path) == before


def test_check_of_a_good_folder_leaves_no_trace(tmp_path):
    check_folder(tmp_path / "new" / "folder", NAMES)
    check_folder(tmp_path, NAMES)
    assert entries(tmp_path) == {}
