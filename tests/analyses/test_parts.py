"""Parts of an analysis, each a job of its own, are joined to the bytes of the whole."""

import pytest
from click.testing import CliRunner
from filelock import FileLock

from sim import psa
from sim.analyses.shared.arguments import PartDone
from sim.cli import commands
from tests.support.places import SMALLER
from tests.support.programs import contents, ended, started

MAIN = SMALLER / "first_salvage.yaml"
COMMANDS = {
    "psa": ("--draws", "60", "--patients", "20", "--no-cache"),
    "tornado": ("--patients", "20"),
    "sobol": ("--draws", "2", "--patients", "20", "--check", "--groups", "default"),
    "threshold": (
        *("--parameter", "cost.blinatumomab.vial", "--range", "0,20000"),
        *("--patients", "20"),
    ),
    "scenarios": ("--patients", "20"),
}


def command(name, folder, *more):
    given = (name, MAIN, *COMMANDS[name], "--seed", "4", "--out", folder, *more)
    return CliRunner().invoke(commands, [str(each) for each in given])


def stored(folder):
    return {int(path.stem) for path in (folder / "chunks").glob("*.parquet")}


@pytest.mark.parametrize("name", COMMANDS)
def test_parts_in_any_order_are_joined_to_the_bytes_of_the_whole(name, tmp_path):
    whole, shared = tmp_path / "whole", tmp_path / "shared"
    assert command(name, whole).exit_code == 0
    for part in (2, 1):
        result = command(name, shared, "--part", f"{part}/2")
        assert result.exit_code == 0, result.output
        if part == 2:
            assert result.stdout == ""
            assert f"part 2 of 2 is done; {shared} holds " in result.stderr
            assert all(chunk % 2 == 1 for chunk in stored(shared))
            assert stored(shared)
    result = command(name, shared, "--resume")
    assert result.exit_code == 0, result.output
    assert contents(shared) == contents(whole)
    again = command(name, shared, "--part", "1/2")
    assert again.exit_code == 0
    assert f"{shared} holds the results of all parts" in again.stderr


def test_a_part_that_is_repeated_simulates_nothing_again(tmp_path, monkeypatch):
    command("tornado", tmp_path, "--part", "1/2")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "chunks").glob("*.parquet")}
    assert command("tornado", tmp_path, "--part", "1/2").exit_code == 0
    assert before == {path: path.stat().st_mtime_ns for path in before}
    assert stored(tmp_path) == {int(path.stem) for path in before}


def test_parts_are_not_joined_while_one_is_at_work(tmp_path):
    command("tornado", tmp_path, "--part", "1/2")
    with FileLock(tmp_path / "chunks" / ".lock-2"):
        result = command("tornado", tmp_path, "--resume")
        assert command("tornado", tmp_path, "--part", "1/2").exit_code == 0
        twice = command("tornado", tmp_path, "--part", "2/2")
    for each in (result, twice):
        assert each.exit_code == 2
        assert "is in use: another analysis is writing into it" in each.stderr


def test_parts_of_another_question_are_refused(tmp_path):
    command("tornado", tmp_path, "--part", "1/2")
    result = command("tornado", tmp_path, "--part", "2/2", "--top", "3")
    assert result.exit_code == 2
    assert "holds an unfinished analysis that is not this one" in result.stderr


@pytest.mark.parametrize("part", ["0/2", "3/2", "1", "1/2/3", "a/b", "1/99999"])
def test_what_is_no_part_is_refused(part, tmp_path):
    result = command("tornado", tmp_path, "--part", part)
    assert result.exit_code == 2
    assert "part: must be K/N, part K of N, such as 2/8" in result.stderr
    assert not (tmp_path / "chunks").exists()


def test_a_part_needs_the_folder_of_all():
    result = CliRunner().invoke(commands, ["tornado", str(MAIN), "--part", "1/2"])
    assert result.exit_code == 2
    assert "--part: needs the folder that all parts share: give --out" in result.stderr


def test_from_python_a_part_that_is_done_is_said_by_an_exception(tmp_path):
    with pytest.raises(PartDone, match="part 1 of 2 is done"):
        psa(str(MAIN), draws=60, patients=20, out=tmp_path, part="1/2", cached=False)


@pytest.mark.slow
def test_parts_at_the_same_time_are_joined_to_the_bytes_of_the_whole(tmp_path):
    """Four programs into one folder."""
    given = ("tornado", MAIN, "--patients", "200", "--seed", "4", "--out")
    programs = [started(*given, tmp_path / "shared", "--part", f"{k}/4") for k in range(1, 5)]
    for code, said in [ended(each) for each in programs]:
        assert code == 0, said
        assert "is done" in said or "holds the results" in said
    assert ended(started(*given, tmp_path / "shared", "--resume"))[0] == 0
    assert ended(started(*given, tmp_path / "whole"))[0] == 0
    assert contents(tmp_path / "shared") == contents(tmp_path / "whole")
