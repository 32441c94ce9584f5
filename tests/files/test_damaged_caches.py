"""Whatever lies in the user's caches: results are right, and it is said once what was wrong."""

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from sim.analyses.psa import analysis
from sim.analyses.shared.store import content_key
from sim.cli import commands
from sim.engine.compiled import compiler
from sim.engine.compiled import compiler as compiled
from sim.evidence import sampler as kept
from sim.files import cache_folder
from sim.files.cache_folder import Damaged, verified, with_checksum
from tests.support import damage
from tests.support.cache_reader import hashed, some_results
from tests.support.places import ROOT, SUPPORT, TESTS
from tests.support.small_kernel import ANSWERS, answers

ANOTHER_USER = 54321
ONLY_ROOT = pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
KINDS = pytest.mark.parametrize("kind", damage.MORE_KINDS, ids=lambda kind: kind.__name__)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The program's folder in a cache folder of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    forget()
    yield tmp_path / "cache" / "blinsim"
    forget()


def forget():
    compiled.use_cache_folder.cache_clear()
    cache_folder.say_once.cache_clear()


def is_right(misses):
    """Whether the compiled functions give what they should, so many of them compiled anew."""
    forget()
    return answers() == (*ANSWERS, misses)


def ran(function, number):
    """Return what the compiled function makes of a number in an array."""
    numbers = np.array([number])
    compiled.kernel(function)(numbers)
    return numbers[0]


def code_files(place):
    return sorted(place.rglob("*.nbc"))


def program(*arguments, hindrance=None, **environment):
    hindered = (SUPPORT / "hindered.py", hindrance, sys.executable) if hindrance else ()
    return subprocess.Popen(
        [sys.executable, *map(str, (*hindered, *arguments))],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


# The checksum


@given(st.text(max_size=20), st.binary(max_size=200))
def test_content_comes_back_under_its_name(name, content):
    assert verified(name, with_checksum(name, content)) == content


@given(st.text(max_size=20), st.binary(max_size=60), st.data())
def test_no_other_bytes_are_taken_for_it(name, content, data):
    """A flipped bit, a shorter file, a longer one, another name."""
    written = with_checksum(name, content)
    bit = data.draw(st.integers(0, 8 * len(written) - 1))
    flipped = bytearray(written)
    flipped[bit // 8] ^= 1 << bit % 8
    end = data.draw(st.integers(0, len(written) - 1))
    for wrong in (bytes(flipped), written[:end], written + b"\0", content):
        with pytest.raises(Damaged):
            verified(name, wrong)
    other = data.draw(st.text(max_size=20).filter(lambda text: text != name))
    with pytest.raises(Damaged):
        verified(other, written)


def test_name_and_content_are_not_run_together():
    written = with_checksum("ab", b"c")
    with pytest.raises(Damaged):
        verified("a", written.removesuffix(b"c") + b"bc")


# Machine code


def test_machine_code_is_found_again_and_for_the_user_alone(place, capsys):
    assert is_right(misses=2)
    assert is_right(misses=0)
    assert len(code_files(place)) == 2
    assert [path.stat().st_mode & 0o077 for path in (place, *code_files(place))] == [0, 0, 0]
    assert capsys.readouterr().err == ""


@KINDS
@pytest.mark.parametrize("number", [0, 1])
def test_damaged_machine_code_is_compiled_again(place, capsys, kind, number):
    assert is_right(misses=2)
    kind(code_files(place)[number], random.Random(number))
    assert is_right(misses=2 if kind is damage.swap else 1)
    assert capsys.readouterr().err == f"{compiler.DAMAGED}\n"
    assert is_right(misses=0)
    assert capsys.readouterr().err == ""


def test_machine_code_of_another_version_is_not_taken(place, capsys):
    """Whole files, but under the name of a folder that they were not written for."""
    assert is_right(misses=2)
    (folder,) = {path.parent for path in code_files(place)}
    shutil.copytree(folder, place / "another")
    shutil.rmtree(folder)
    (place / "another").rename(folder)
    assert is_right(misses=0)
    folder.rename(place / "another")
    assert not compiler.read_or_remove(code_files(place)[0], compiler.DAMAGED)
    assert capsys.readouterr().err == f"{compiler.DAMAGED}\n"


def test_machine_code_that_cannot_be_loaded_is_compiled_again(place, capsys):
    """Its checksum is right, and what it holds is none or that of something else."""
    assert is_right(misses=2)
    one, other = code_files(place)
    cache_folder.write(one, b"not object code")
    cache_folder.write(other, bytes(cache_folder.read(other))[:-20])
    assert is_right(misses=2)
    assert capsys.readouterr().err == f"{compiler.DAMAGED}\n"


def test_functions_of_one_name_have_files_of_their_own(place):
    def made(factor):
        if factor == 2:

            def times(values):
                values[0] *= 2

            return times

        def times(values):
            values[0] *= 3

        return times

    for _ in range(2):
        forget()
        assert [ran(made(factor), 7) for factor in (2, 3)] == [14, 21]
    assert len(code_files(place)) == 2


def test_values_in_a_closure_are_never_taken_from_the_cache(place):
    def plus(step):
        def add(values):
            values[0] += step

        return add

    assert [ran(plus(step), 1) for step in (1, 2)] == [2, 3]
    assert code_files(place) == []


def test_unreadable_file_is_made_again(place, capsys, monkeypatch):
    assert is_right(misses=2)
    closed, _ = code_files(place)
    read_bytes = Path.read_bytes

    def refused(path):
        if path == closed:
            raise PermissionError(13, "Permission denied")
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", refused)
    assert is_right(misses=1)
    assert capsys.readouterr().err == f"{compiler.DAMAGED}\n"


# Whom the cache belongs to


@ONLY_ROOT
def test_file_of_another_user_is_made_again(place, capsys):
    assert is_right(misses=2)
    os.chown(code_files(place)[0], ANOTHER_USER, -1)
    assert is_right(misses=1)
    assert capsys.readouterr().err == f"{compiler.DAMAGED}\n"
    assert code_files(place)[0].stat().st_uid == os.getuid()


def test_file_that_others_can_write_is_made_again(place, capsys):
    assert is_right(misses=2)
    code_files(place)[0].chmod(0o662)
    assert is_right(misses=1)
    assert capsys.readouterr().err == f"{compiler.DAMAGED}\n"


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("wrong", ["owner", "mode"])
def test_folder_of_others_is_not_used(place, capsys, monkeypatch, level, wrong):
    assert is_right(misses=2)
    folder = (place, code_files(place)[0].parent)[level]
    if wrong == "mode":
        folder.chmod(0o770)
        said = "can be written by other users (chmod go-w ends that)"
    elif os.getuid() == 0:
        os.chown(folder, ANOTHER_USER, -1)
        said = "belongs to another user"
    else:
        folder = place
        monkeypatch.setattr(os, "getuid", lambda: ANOTHER_USER)
        said = "belongs to another user"
    before = {path: path.read_bytes() for path in code_files(place)}
    assert is_right(misses=2)
    assert capsys.readouterr().err == f"nothing is cached: {folder}: {said}\n"
    assert {path: path.read_bytes() for path in code_files(place)} == before


@pytest.mark.parametrize("level", [0, 1])
def test_file_where_a_folder_should_be_gives_way_to_it(place, capsys, level):
    assert is_right(misses=2)
    folder = (place, code_files(place)[0].parent)[level]
    shutil.rmtree(folder)
    folder.write_bytes(b"a file")
    assert is_right(misses=2)
    assert capsys.readouterr().err.count("\n") == 1
    assert is_right(misses=0)


def test_link_to_a_folder_elsewhere_is_the_users_choice(place, tmp_path, capsys):
    (tmp_path / "large").mkdir(mode=0o700)
    place.parent.mkdir()
    place.symlink_to(tmp_path / "large")
    assert is_right(misses=2)
    assert is_right(misses=0)
    assert capsys.readouterr().err == ""
    assert CliRunner().invoke(commands, ["cache", "--clear"]).exit_code == 0
    assert list((tmp_path / "large").iterdir()) == []


@pytest.mark.parametrize("where", ["no home", "a file", "a dangling link"])
def test_without_a_place_nothing_is_cached(place, tmp_path, monkeypatch, capsys, where):
    if where == "no home":
        monkeypatch.delenv("XDG_CACHE_HOME")
        monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    elif where == "a file":
        place.parent.write_bytes(b"a file")
    else:
        place.parent.mkdir()
        place.symlink_to(tmp_path / "nowhere")
    assert is_right(misses=2)
    assert is_right(misses=2)
    said = capsys.readouterr().err
    assert said == "" if where == "no home" else "nothing is cached" in said
    assert not list(TESTS.rglob("*.nbc"))
    assert CliRunner().invoke(commands, ["cache"]).exit_code == 0


@pytest.mark.slow
def test_read_only_folder_is_read_and_done_without(place):
    """Permissions bind the program even where it belongs to root."""
    small = SUPPORT / "small_kernel.py"
    for misses in (2, 0):
        assert ended(program(small)) == (0, f"{(*ANSWERS, misses)}\n", "")
    folder = code_files(place)[0].parent
    code_files(place)[0].unlink()
    folder.chmod(0o500)
    try:
        for _ in range(2):
            answer = ended(program(small, hindrance="permissions"))
            assert answer == (0, f"{(*ANSWERS, 1)}\n", "")
        code_files(place)[0].write_bytes(b"damaged")
        answer = ended(program(small, hindrance="permissions"))
        assert answer == (0, f"{(*ANSWERS, 2)}\n", f"{compiler.DAMAGED}\n")
    finally:
        folder.chmod(0o700)


@pytest.mark.slow
def test_programs_at_the_same_time_do_not_hurt_each_other(place):
    """Twice six of them: on an empty cache, then on a damaged one."""
    for _ in range(2):
        running = [program(SUPPORT / "small_kernel.py") for _ in range(6)]
        for process in running:
            status, printed, said = ended(process)
            assert (status, printed[: len(f"{ANSWERS}") - 1]) == (0, f"{ANSWERS}"[:-1])
            assert said in ("", f"{compiler.DAMAGED}\n")
        last = program(SUPPORT / "small_kernel.py")
        assert ended(last) == (0, f"{(*ANSWERS, 0)}\n", "")
        for path in code_files(place):
            damage.flip(path, random.Random(1))


def ended(process):
    printed, said = process.communicate(timeout=240)
    return process.returncode, printed, said


# Results and simulated cohorts


def found(psa):
    cache_folder.say_once.cache_clear()
    return analysis.find(psa.question, psa.draws, psa.base_patients)


@pytest.fixture
def results(place):
    """Results that are cached, and the folder that they are in."""
    psa = some_results()
    analysis.keep(psa)
    return psa, place / "results" / content_key(psa.question, psa.draws, psa.base_patients)


@KINDS
@pytest.mark.parametrize("name", ["manifest.json", "psa.parquet", "deterministic.parquet"])
def test_damaged_results_are_not_used(results, capsys, kind, name):
    psa, folder = results
    assert hashed(found(psa)) == hashed(psa)
    kind(folder / name, random.Random(2))
    assert found(psa) is None
    assert capsys.readouterr().err == f"{analysis.DAMAGED}\n"
    assert found(psa) is None
    analysis.keep(psa)
    assert hashed(found(psa)) == hashed(psa)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("level", [0, 1, 2])
def test_file_in_place_of_the_folder_of_results_is_replaced(results, capsys, level):
    psa, folder = results
    wrong = (folder, folder.parent, folder.parent.parent)[level]
    shutil.rmtree(wrong)
    wrong.write_bytes(b"a file")
    assert found(psa) is None
    assert capsys.readouterr().err.count("\n") == 1
    analysis.keep(psa)
    assert hashed(found(psa)) == hashed(psa)


def test_results_of_another_question_are_not_taken(results, capsys):
    psa, folder = results
    folder.rename(folder.with_name(content_key(psa.question, psa.draws + 1, psa.base_patients)))
    assert analysis.find(psa.question, psa.draws + 1, psa.base_patients) is None
    assert capsys.readouterr().err == f"{analysis.DAMAGED}\n"


def test_results_that_another_program_has_just_put_there_stay(results):
    psa, folder = results
    before = folder.stat().st_ino
    analysis.keep(psa)
    assert folder.stat().st_ino == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


@KINDS
def test_damaged_cohorts_are_not_used(place, capsys, kind):
    shown = np.random.default_rng(3).random((4, 2))
    paths = [cache_folder.usable_folder(kept.FOLDER) / name for name in ("a.npy", "b.npy")]
    for path in paths:
        kept.keep(path, shown)
    np.testing.assert_array_equal(kept.read_kept(paths[0], (4, 2)), shown)
    kind(paths[0], random.Random(4))
    assert kept.read_kept(paths[0], (4, 2)) is None
    assert capsys.readouterr().err == f"{kept.DAMAGED}\n"
    kept.keep(paths[0], shown)
    np.testing.assert_array_equal(kept.read_kept(paths[0], (4, 2)), shown)


def test_cohorts_of_another_shape_are_not_used(place, capsys):
    path = cache_folder.usable_folder(kept.FOLDER) / "a.npy"
    kept.keep(path, np.zeros((3, 2)))
    assert kept.read_kept(path, (4, 2)) is None
    assert capsys.readouterr().err == f"{kept.DAMAGED}\n"


# The command


def test_cache_is_listed_and_emptied_whatever_lies_there(results):
    psa, folder = results
    place = folder.parent.parent
    for number, kind in enumerate(damage.MORE_KINDS):
        analysis.keep(psa)
        name = ("manifest.json", "psa.parquet")[number % 2]
        kind(folder / name, random.Random(number))
        folder.rename(folder.with_name(kind.__name__))
    analysis.keep(psa)
    (place / "dangling").symlink_to("nowhere")
    (place / "file").write_bytes(b"content")
    os.mkfifo(place / "results" / "pipe")
    listed = CliRunner().invoke(commands, ["cache"])
    assert listed.exit_code == 0, listed.output
    assert "1 results" in listed.stdout
    emptied = CliRunner().invoke(commands, ["cache", "--clear"])
    assert emptied.exit_code == 0, emptied.output
    assert not place.exists()


@pytest.mark.parametrize("mode", ["file", "of others"])
def test_cache_that_is_not_used_is_listed_and_emptied(results, mode):
    _, folder = results
    place = folder.parent.parent
    if mode == "file":
        shutil.rmtree(place)
        place.write_bytes(b"a file")
    else:
        place.chmod(0o777)
    assert CliRunner().invoke(commands, ["cache"]).exit_code == 0
    assert CliRunner().invoke(commands, ["cache", "--clear"]).exit_code == 0
    assert not place.exists()


# Many of them


@pytest.mark.slow
def test_none_of_198_damages_hurts(place, tmp_path):
    """n = 198 (seed 5), in turn to a file of machine code or of results, by the kinds in turn.

    Each is read by a process of its own, which must end well, print what is right and say one
    line; every fifth time the next one, too, which finds nothing wrong any more.
    """
    numbers = random.Random(5)
    reader = program(SUPPORT / "cache_reader.py")
    right = asked(reader)["printed"]
    assert right.startswith(" ".join(map(str, ANSWERS)))
    whole = tmp_path / "whole"
    shutil.copytree(place, whole)
    for number in range(198):
        files = code_files(place) if number % 2 else sorted(place.glob("results/*/*"))
        kind = damage.KINDS[number // 2 % len(damage.KINDS)]
        kind(numbers.choice(files), numbers)
        answer = asked(reader)
        lines = [f"{compiler.DAMAGED}\n" if number % 2 else f"{analysis.DAMAGED}\n"]
        assert answer["status"] == 0, (number, kind, answer)
        assert answer["printed"] == right, (number, kind, answer)
        assert answer["said"] in lines, (number, kind, answer)
        if number % 10 < 2:
            assert asked(reader) == {"status": 0, "printed": right, "said": ""}
        shutil.rmtree(place)
        shutil.copytree(whole, place)
    assert ended(reader)[0] == 0


def asked(reader):
    reader.stdin.write("read\n")
    reader.stdin.flush()
    return json.loads(reader.stdout.readline())


@pytest.mark.slow
def test_program_itself_survives_damaged_code_and_results(tmp_path):
    """On a copy of the machine code that it would use: bytes of it flipped, then of its results."""
    scenario = ROOT / "scenarios" / "first_salvage.yaml"
    ask = ("-m", "sim", "psa", scenario, "--draws", 5, "--patients", 20, "--json")
    ready = compiled.use_cache_folder()
    place = tmp_path / "blinsim"
    place.mkdir(mode=0o700)
    if ready is not None:
        shutil.copytree(ready, place / ready.name)
    there = {"XDG_CACHE_HOME": str(tmp_path)}
    status, right, _ = ended(program(*ask, **there))
    assert status == 0
    shutil.rmtree(place / "results")
    for path in place.glob("*/sim.simulation.core_run.*"):
        damage.flip(path, random.Random(6))
    assert ended(program(*ask, **there)) == (0, right, f"{compiler.DAMAGED}\n")
    for path in place.glob("results/*/psa.parquet"):
        damage.flip(path, random.Random(7))
    assert ended(program(*ask, **there)) == (0, right, f"{analysis.DAMAGED}\n")
    assert ended(program(*ask, **there)) == (0, right, "")
