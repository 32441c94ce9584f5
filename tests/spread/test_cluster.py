"""On a Dask cluster of two processes: the bytes of threads, whatever is lost on the way."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from click.testing import CliRunner

from sim.cli import commands
from tests.support.places import ROOT
from tests.support.programs import contents, ended, started

Client = pytest.importorskip("distributed").Client
pytestmark = pytest.mark.slow

MAIN = ROOT / "scenarios" / "first_salvage.yaml"
SEED = ("--seed", "4")
COMMANDS = {
    "psa": ("--draws", "60", "--patients", "40", "--no-cache", *SEED),
    "tornado": ("--patients", "40", *SEED),
    "sobol": ("--draws", "4", "--patients", "20", "--check", *SEED),
    "threshold": (
        *("--parameter", "cost.blinatumomab.vial", "--range", "0,20000", "--patients", "40"),
        *SEED,
    ),
    "scenarios": ("--patients", "200", *SEED),
    "run": ("--patients", "140000", *SEED),
}
LONG = ("--draws", "600", "--patients", "1500", "--no-cache", *SEED)
"""Some 25 s of work on two processors."""
SECONDS = 240


def server(*arguments, folder=ROOT):
    """Start a program of Dask."""
    return subprocess.Popen(
        [sys.executable, "-m", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def worker(address, place, folder=ROOT):
    return server(
        *("distributed.cli.dask_worker", address, "--nthreads", 1, "--no-nanny"),
        *("--no-dashboard", "--local-directory", place),
        folder=folder,
    )


def waited_for(what):
    """Return what a function returns, once that is not nothing."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        found = what()
        if found:
            return found
        time.sleep(0.05)
    return pytest.fail("waited in vain")


@contextmanager
def cluster(place, workers=2):
    """A scheduler and its workers: the address, the scheduler, the workers."""
    told = place / "scheduler.json"
    options = ("--port", 0, "--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", told)
    scheduler = server("distributed.cli.dask_scheduler", *options)
    programs = [scheduler]
    try:
        import json

        waited_for(told.exists)
        address = waited_for(lambda: json.loads(told.read_text() or "{}").get("address"))
        programs += [worker(address, place / str(number)) for number in range(workers)]
        yield address, scheduler, programs[1:]
    finally:
        for program in programs:
            program.kill()
            program.wait()


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    with cluster(tmp_path_factory.mktemp("cluster")) as (address, *_):
        yield address


def done(name, folder, *more):
    given = (name, MAIN, *COMMANDS[name], "--out", folder, *more)
    result = CliRunner().invoke(commands, [str(each) for each in given])
    assert result.exit_code == 0, result.output
    return result


def chunks(folder):
    return sorted((folder / "chunks").glob("*.parquet"))


def begun(folder, *more, chunks_stored=2):
    """Start a long analysis; return it when the first chunks are stored."""
    program = started("psa", MAIN, *LONG, "--out", folder, *more)
    waited_for(lambda: len(chunks(folder)) >= chunks_stored or program.poll() is not None)
    assert program.poll() is None
    return program


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The files of the long analysis in threads."""
    folder = tmp_path_factory.mktemp("undisturbed") / "out"
    code, said = ended(started("psa", MAIN, *LONG, "--out", folder))
    assert code == 0, said
    return contents(folder)


@pytest.mark.parametrize("name", COMMANDS)
def test_files_are_those_of_threads(name, two, tmp_path):
    done(name, tmp_path / "threads")
    done(name, tmp_path / "cluster", "--cluster", two)
    assert contents(tmp_path / "cluster") == contents(tmp_path / "threads")


def test_the_tasks_of_a_killed_worker_are_done_again(tmp_path, undisturbed):
    with cluster(tmp_path) as (address, _, workers):
        program = begun(tmp_path / "out", "--cluster", address)
        workers[0].send_signal(signal.SIGKILL)
        code, said = ended(program)
    assert code == 0, said
    assert contents(tmp_path / "out") == undisturbed


def test_work_goes_on_with_a_worker_that_comes_after_all_were_lost(tmp_path, undisturbed):
    with cluster(tmp_path, workers=1) as (address, _, workers):
        program = begun(tmp_path / "out", "--cluster", address)
        workers[0].send_signal(signal.SIGKILL)
        later = worker(address, tmp_path / "later")
        try:
            code, said = ended(program)
        finally:
            later.kill()
            later.wait()
    assert code == 0, said
    assert contents(tmp_path / "out") == undisturbed


def test_a_scheduler_that_dies_is_one_line_within_10_seconds_and_nothing_is_lost(
    tmp_path, undisturbed
):
    with cluster(tmp_path) as (address, scheduler, _):
        program = begun(tmp_path / "out", "--cluster", address)
        scheduler.send_signal(signal.SIGKILL)
        since = time.monotonic()
        code, said = ended(program)
        lasted = time.monotonic() - since
    assert code == 2
    (line,) = [line for line in said.splitlines() if "--cluster" in line]
    assert "lost the scheduler" in line
    assert "continue with --resume" in line
    assert "Traceback" not in said
    # The promise is 10 s; the machine of the tests may be busy.
    assert lasted < 30
    assert chunks(tmp_path / "out")
    code, said = ended(started("psa", MAIN, *LONG, "--out", tmp_path / "out", "--resume"))
    assert code == 0, said
    assert contents(tmp_path / "out") == undisturbed


def interrupted(program):
    """Interrupt a program, and again where it did not notice: Python drops what reaches a finaliser."""
    for _ in range(3):
        program.send_signal(signal.SIGINT)
        try:
            program.wait(8)
        except subprocess.TimeoutExpired:
            continue
        return


def test_interrupted_on_a_cluster_the_analysis_resumes_on_it(tmp_path, undisturbed):
    with cluster(tmp_path) as (address, *_):
        program = begun(tmp_path / "out", "--cluster", address)
        interrupted(program)
        code, said = ended(program)
        assert code == 130, said
        assert "continue with --resume" in said
        assert "Traceback" not in said
        again = started(
            "psa", MAIN, *LONG, "--out", tmp_path / "out", "--resume", "--cluster", address
        )
        code, said = ended(again)
    assert code == 0, said
    assert contents(tmp_path / "out") == undisturbed


def test_a_worker_with_another_version_is_named_and_not_used(tmp_path):
    """Its source has one comment more."""
    other = tmp_path / "other"
    shutil.copytree(ROOT / "sim", other / "sim", ignore=shutil.ignore_patterns("__pycache__"))
    for folder in ("scenarios", "calibration"):
        (other / folder).symlink_to(ROOT / folder)
    with (other / "sim" / "limits.py").open("a") as file:
        file.write("# another version\n")
    with cluster(tmp_path, workers=1) as (address, *_):
        wrong = worker(address, tmp_path / "wrong", folder=other)
        try:
            with Client(address) as client:
                client.wait_for_workers(2, timeout=SECONDS)
            done("tornado", tmp_path / "threads")
            found = done("tornado", tmp_path / "cluster", "--cluster", address)
        finally:
            wrong.kill()
            wrong.wait()
    (line,) = found.stderr.splitlines()[:1]
    assert line.startswith("worker tcp://127.0.0.1:")
    assert "is not used: it has another version of the program" in line
    assert contents(tmp_path / "cluster") == contents(tmp_path / "threads")


def test_without_a_scheduler_there_is_one_line(tmp_path):
    given = ("tornado", MAIN, *COMMANDS["tornado"], "--cluster", "tcp://127.0.0.1:9")
    since = time.monotonic()
    result = CliRunner().invoke(commands, [str(each) for each in given])
    assert time.monotonic() - since < 30
    assert result.exit_code == 2
    assert "there is no Dask scheduler at this address (got 'tcp://127.0.0.1:9')" in result.stderr
