"""A file or folder is written whole or not at all, and no draft is left of one that is not."""

import os
import stat

import pytest

from sim.errors import UserError
from sim.files import atomic, cache_folder
from sim.files.results_folder import write_file
from sim.spread.order import workers


class Interrupted(BaseException):
    """Neither an error nor an exit of the program, as Ctrl-C."""


def everything_in(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} | {
        path.name: everything_in(path) for path in folder.iterdir() if path.is_dir()
    }


def failing(monkeypatch, name, at, error):
    """Let the `at`-th call of a function of `os` fail."""
    original, calls = getattr(os, name), []

    def call(*arguments, **options):
        calls.append(arguments)
        if len(calls) == at:
            raise error
        return original(*arguments, **options)

    monkeypatch.setattr(os, name, call)
    return calls


@pytest.mark.parametrize("error", [OSError("full"), KeyboardInterrupt(), Interrupted()])
def test_file_that_fails_on_the_way_leaves_the_previous_one(tmp_path, error):
    (tmp_path / "a").write_bytes(b"before")

    def interrupted():
        with atomic.writing(tmp_path / "a") as stream:
            stream.write(b"half")
            raise error

    with pytest.raises(type(error)):
        interrupted()
    assert everything_in(tmp_path) == {"a": b"before"}


@pytest.mark.parametrize("error", [OSError("full"), KeyboardInterrupt()])
def test_no_file_comes_into_place_before_all_are_complete(tmp_path, monkeypatch, error):
    failing(monkeypatch, "fsync", 2, error)
    with pytest.raises(type(error)):
        atomic.write_files(tmp_path, {"a": b"1", "b": b"2"}, lasting=True)
    assert everything_in(tmp_path) == {}


def test_files_come_into_place_in_their_order(tmp_path, monkeypatch):
    failing(monkeypatch, "replace", 2, OSError("full"))
    with pytest.raises(OSError, match="full"):
        atomic.write_files(tmp_path, {"z": b"1", "a": b"2"})
    assert everything_in(tmp_path) == {"z": b"1"}


def test_lasting_files_are_flushed_and_their_folder_after_them(tmp_path, monkeypatch):
    flushed = failing(monkeypatch, "fsync", 0, None)
    atomic.write_files(tmp_path, {"a": "text", "b": b"2"}, lasting=True)
    assert len(flushed) == 3
    atomic.write_file(tmp_path / "c", "ä")
    assert len(flushed) == 3
    assert everything_in(tmp_path) == {"a": b"text", "b": b"2", "c": "ä".encode()}


@pytest.mark.parametrize(("private", "file_mode", "folder_mode"), [(True, 0o600, 0o700), (False, 0o664, 0o775)])  # fmt: skip
def test_private_files_are_for_the_user_alone(tmp_path, private, file_mode, folder_mode):
    before = os.umask(0o002)
    try:
        atomic.write_new_folder(tmp_path / "new", {"a": b"1"}, private=private)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == folder_mode
    assert stat.S_IMODE((tmp_path / "new" / "a").stat().st_mode) == file_mode


def test_folder_that_is_there_by_now_is_left_as_it_is(tmp_path):
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "mine").write_bytes(b"mine")
    with pytest.raises(OSError, match="not empty"):
        atomic.write_new_folder(tmp_path / "new", {"a": b"1"})
    assert everything_in(tmp_path) == {"new": {"mine": b"mine"}}


def test_file_of_the_longest_name_can_be_written(tmp_path):
    write_file(tmp_path / "deep" / ("n" * 250 + ".svg"), "text", "--figure")
    assert everything_in(tmp_path / "deep") == {"n" * 250 + ".svg": b"text"}


@pytest.mark.parametrize("path", ["folder", "file/below", "nul\0"])
def test_file_that_cannot_be_written_is_one_message(tmp_path, path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"file")
    with pytest.raises(UserError, match=r"^--figure: "):
        write_file(tmp_path / path, "text", "--figure")
    assert everything_in(tmp_path) == {"folder": {}, "file": b"file"}


# What differs between systems


def test_cache_is_where_the_user_or_the_system_says(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    assert cache_folder.cache_folder() == tmp_path / "elsewhere" / "blinsim"
    for unset in ("", None):
        monkeypatch.setenv("HOME", str(tmp_path))
        if unset is None:
            monkeypatch.delenv("XDG_CACHE_HOME")
        else:
            monkeypatch.setenv("XDG_CACHE_HOME", unset)
        assert cache_folder.cache_folder() == tmp_path / ".cache" / "blinsim"


def test_threads_are_those_asked_for_or_one_for_each_processor(monkeypatch):
    assert workers(3) == 3
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 5}, raising=False)
    assert workers(None) == 2
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert workers(None) == 7
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert workers(None) == 1
