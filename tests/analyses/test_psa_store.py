"""Results on disk: whole whatever happens, continued where they stopped, kept to be found again."""

import errno
import json
import os
import random
import signal
import time

import pandas as pd
import pytest
from click.testing import CliRunner
from filelock import FileLock

from sim.analyses.psa import acceptability, analysis
from sim.analyses.psa.result import DRAWN, NAMES, SUMMARY
from sim.analyses.shared import store
from sim.cli import commands
from sim.engine.compiled.compiler import use_cache_folder
from sim.files.atomic import DRAFT
from sim.simulation import parameter_sets
from sim.simulation.provenance import source_hash
from tests.support.places import SMALLER
from tests.support.programs import contents, ended, started, written
from tests.support.unfinished import ending_after

MAIN = SMALLER / "first_salvage.yaml"
SMALL = ("--draws", "60", "--patients", "20", "--seed", "4")
"""Three chunks of draws."""


def command(*arguments, path=MAIN, cached=False):
    more = () if cached else ("--no-cache",)
    return CliRunner().invoke(commands, ["psa", str(path), *SMALL, *map(str, arguments), *more])


def done(*arguments, **options):
    result = command(*arguments, **options)
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(scope="module", autouse=True)
def few_thresholds():
    """Curves over 11 thresholds, not 101: they are half of the work of so small an analysis.

    Programs of their own have them all, and the slow tests hold those to each other.
    """
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(acceptability, "CURVE_STEPS", 10)
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The files of an analysis that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole") / "out"
    done("--out", folder)
    return contents(folder)


@pytest.fixture
def fresh_cache(tmp_path, monkeypatch):
    """A cache folder of its own for results; machine code stays where it is."""
    use_cache_folder()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "blinsim"


def failing(monkeypatch, after, error, name="fsync"):
    """Let flushing fail from one call on."""
    calls = []
    original = getattr(os, name)

    def call(*arguments):
        calls.append(arguments)
        if len(calls) > after:
            raise error
        return original(*arguments)

    monkeypatch.setattr(os, name, call)


FULL = OSError(errno.ENOSPC, "No space left on device")


# What is written


def test_every_file_is_written_and_nothing_else(whole):
    assert set(whole) == set(NAMES)


def test_table_has_a_row_per_draw_and_strategy_and_the_parameters_beside(finished):
    table = pd.read_parquet(finished / "psa.parquet")
    assert list(table["draw"]) == [k for k in range(60) for _ in range(2)]
    assert list(table["strategy"].unique()) == ["salvage_chemotherapy", "blinatumomab"]
    summary = json.loads((finished / SUMMARY).read_text(encoding="utf-8"))
    outcomes = list(summary["strategies"][0]["outcomes"])
    assert list(table.columns[2 : 2 + len(outcomes)]) == outcomes
    drawn = [name for name in table.columns if name.startswith("parameter:")]
    assert len(drawn) == summary["parameters_drawn"]
    assert (table.groupby("draw")[drawn].nunique() == 1).all().all()
    inputs = pd.read_csv(finished / "psa_inputs.csv")
    assert tuple(inputs.columns) == DRAWN.names
    assert set(inputs["name"]) == {name.removeprefix("parameter:") for name in drawn}
    first = table.drop_duplicates("draw")
    for row in inputs.itertuples():
        assert row.mean == pytest.approx(first[f"parameter:{row.name}"].mean(), rel=1e-9)


def test_summary_says_what_the_table_does(finished):
    table = pd.read_parquet(finished / "psa.parquet")
    summary = json.loads((finished / SUMMARY).read_text(encoding="utf-8"))
    for strategy in summary["strategies"]:
        rows = table[table["strategy"] == strategy["name"]]
        for name in ("cost", "qalys", "response_percent", "cost.drug"):
            found = strategy["outcomes"][name]
            assert found["mean"] == pytest.approx(rows[name].mean(), rel=1e-12)
            assert found["se"] == pytest.approx(rows[name].std() / 60**0.5, rel=1e-9)
            # Of 60 draws there is no interval.
            assert found["low"] is found["high"] is None
            assert (
                found["interval_needs"]["draws"] is None or found["interval_needs"]["draws"] >= 100
            )
    for choice in summary["decision"]:
        shares = [strategy["probability"]["mean"] for strategy in choice["strategies"]]
        assert sum(shares) == pytest.approx(1.0)
        cost = table["cost"].to_numpy().reshape(60, 2)
        benefit = choice["threshold"] * table["qalys"].to_numpy().reshape(60, 2) - cost
        assert shares[1] == pytest.approx((benefit[:, 1] > benefit[:, 0]).mean())


def test_manifest_names_the_question_and_every_file(whole):
    manifest = json.loads(whole["manifest.json"])
    assert manifest["asked"] == {
        "scenario": "first_salvage.yaml",
        "draws": 60,
        "patients": 20,
        "seed": 4,
    }
    assert manifest["chunks"] == 3
    assert set(manifest["files"]) == set(NAMES) - {"manifest.json"}
    assert json.loads(whole["provenance.json"])["draws"] == 60


@pytest.mark.parametrize("threads", [1, 2])
def test_files_are_the_same_bytes_at_any_number_of_threads(tmp_path, whole, threads):
    done("--out", tmp_path, "--threads", threads)
    assert contents(tmp_path) == whole


def test_other_files_of_the_folder_are_left_alone(tmp_path, whole):
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    (tmp_path / "psa.json").write_text("an earlier one", encoding="utf-8")
    done("--out", tmp_path)
    assert contents(tmp_path) == {**whole, "notes.txt": b"mine"}


# After an interruption


def interrupted(folder, chunks):
    """Begin an analysis that ends after so many chunks."""
    with ending_after(chunks):
        result = command("--out", folder)
    assert len(list((folder / "chunks").glob("*.parquet"))) == chunks
    return result


@pytest.fixture(scope="module")
def first_chunk(tmp_path_factory):
    """The files of an analysis that was interrupted after its first chunk."""
    folder = tmp_path_factory.mktemp("first")
    interrupted(folder, 1)
    return contents(folder)


@pytest.fixture
def unfinished(first_chunk, tmp_path):
    """The test's folder, with the first chunk of the analysis."""
    written(first_chunk, tmp_path)
    return tmp_path


@pytest.fixture
def finished(whole, tmp_path):
    """The test's folder, with the finished analysis."""
    written(whole, tmp_path)
    return tmp_path


@pytest.mark.parametrize("chunks", [0, 1, 2])
def test_resumed_analysis_ends_with_the_same_bytes(tmp_path, whole, chunks):
    result = interrupted(tmp_path, chunks)
    assert result.exit_code == 130
    assert "continue with --resume" in result.stderr
    done("--out", tmp_path, "--resume")
    assert contents(tmp_path) == whole


def test_finished_draws_are_not_simulated_again(tmp_path, monkeypatch):
    interrupted(tmp_path, 2)
    asked = []
    original = parameter_sets.read_sets

    def read_sets(job, sets, **options):
        sets = list(sets)
        asked.append(len(sets))
        return original(job, sets, **options)

    monkeypatch.setattr(parameter_sets, "read_sets", read_sets)
    done("--out", tmp_path, "--resume")
    assert asked == [10]


def test_unfinished_folder_is_not_used_without_being_told(unfinished):
    before = contents(unfinished)
    result = command("--out", unfinished)
    assert result.exit_code == 2
    assert (
        "holds an unfinished analysis: 1 of 3 chunks of first_salvage.yaml, 60 draws of 20 "
        "patients, seed 4; continue it with --resume, or remove its folder 'chunks'"
    ) in result.stderr
    assert contents(unfinished) == before


def test_unfinished_analysis_of_another_question_is_not_continued(unfinished):
    before = contents(unfinished)
    result = command("--out", unfinished, "--resume", "--seed", 5)
    assert result.exit_code == 2
    assert "holds an unfinished analysis that is not this one" in result.stderr
    assert contents(unfinished) == before


def test_resume_begins_where_there_is_nothing(tmp_path, whole):
    done("--out", tmp_path / "new", "--resume")
    assert contents(tmp_path / "new") == whole


def test_resume_of_finished_results_simulates_nothing(finished, monkeypatch, whole):
    monkeypatch.setattr(analysis, "run_psa", lambda *_, **__: pytest.fail("simulated"))
    done("--out", finished, "--resume")
    assert contents(finished) == whole


def test_damaged_results_are_made_again(finished, whole):
    (finished / "psa.parquet").write_bytes(b"PAR1 but no more")
    done("--out", finished, "--resume")
    assert contents(finished) == whole


def test_damaged_chunk_is_named(unfinished, whole):
    (unfinished / "chunks" / "00000.parquet").write_bytes(b"PAR1 but no more")
    result = command("--out", unfinished, "--resume")
    assert result.exit_code == 2
    assert "00000.parquet: is damaged; remove it" in result.stderr
    (unfinished / "chunks" / "00000.parquet").unlink()
    done("--out", unfinished, "--resume")
    assert contents(unfinished) == whole


def test_chunk_with_one_wrong_byte_is_damaged(unfinished):
    """In the middle of the file, where it is a number and not a name."""
    chunk = unfinished / "chunks" / "00000.parquet"
    content = bytearray(chunk.read_bytes())
    content[len(content) // 4] ^= 1
    chunk.write_bytes(bytes(content))
    result = command("--out", unfinished, "--resume")
    assert result.exit_code == 2
    assert "00000.parquet: is damaged; remove it" in result.stderr


@pytest.mark.parametrize("resume", [(), ("--resume",)])
@pytest.mark.parametrize("content", ["", "[]", '{"key": 1, "asked": 3, "chunks": {}}'])
def test_manifest_of_chunks_that_is_none_is_told_in_one_message(unfinished, content, resume):
    (unfinished / "chunks" / "manifest.json").write_text(content, encoding="utf-8")
    before = contents(unfinished)
    result = command("--out", unfinished, *resume)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "is in the way of unfinished results" in result.stderr
    assert contents(unfinished) == before


@pytest.mark.parametrize("content", ["", '{"key": 1}'])
def test_manifest_of_results_that_is_none_is_written_anew(finished, whole, content):
    (finished / "manifest.json").write_text(content, encoding="utf-8")
    done("--out", finished, "--resume")
    assert contents(finished) == whole


def test_chunks_that_outlived_their_results_are_swept_up(tmp_path, monkeypatch, whole):
    """As after a power cut between the last file and the removal of the chunks."""
    monkeypatch.setattr(store.Chunks, "drop", lambda self: None)
    done("--out", tmp_path)
    monkeypatch.undo()
    assert (tmp_path / "chunks").is_dir()
    done("--out", tmp_path, "--patients", 30)
    assert not (tmp_path / "chunks").exists()
    assert json.loads((tmp_path / "manifest.json").read_text())["asked"]["patients"] == 30


def test_folder_of_the_users_own_is_not_touched(tmp_path):
    (tmp_path / "chunks").mkdir()
    (tmp_path / "chunks" / "notes.txt").write_text("mine", encoding="utf-8")
    result = command("--out", tmp_path)
    assert result.exit_code == 2
    assert "is in the way of unfinished results" in result.stderr
    assert contents(tmp_path) == {"chunks/notes.txt": b"mine"}


def test_two_analyses_do_not_write_into_one_folder(unfinished):
    with FileLock(unfinished / "chunks" / ".lock"):
        result = command("--out", unfinished, "--resume")
    assert result.exit_code == 2
    assert "is in use" in result.stderr


# Disks


@pytest.mark.parametrize("after", [0, 3, 12])
def test_full_disk_is_said_once_and_costs_nothing_that_was_there(
    tmp_path, monkeypatch, whole, after
):
    """Flushing fails at the manifest, at the first and second chunk, and at final files."""
    done("--out", tmp_path, "--patients", 30)
    before = contents(tmp_path)
    with monkeypatch.context() as patched:
        failing(patched, after, FULL)
        result = command("--out", tmp_path)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "--out: cannot be written: No space left on device" in result.stderr
    left = contents(tmp_path)
    assert {name: left[name] for name in before} == before
    assert not [name for name in left if DRAFT in name]
    done("--out", tmp_path, "--resume")
    assert contents(tmp_path) == whole


def test_read_only_folder_is_refused_before_the_simulation(tmp_path, monkeypatch):
    monkeypatch.setattr(analysis, "run_psa", lambda *_, **__: pytest.fail("simulated"))

    def refused(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("sim.files.results_folder.tempfile.TemporaryDirectory", refused)
    result = command("--out", tmp_path)
    assert result.exit_code == 2
    assert "cannot be written: Read-only file system" in result.stderr
    assert contents(tmp_path) == {}


@pytest.mark.slow
def test_disk_that_takes_no_larger_file_leaves_earlier_results_intact(tmp_path, whole):
    """The system itself refuses: chunks of 68 kB fit below 100 kB, psa.parquet of 260 kB does not."""
    done("--out", tmp_path, "--patients", 30)
    before = contents(tmp_path)
    code, said = ended(program(tmp_path, hindrance="small_files"))
    assert code == 2
    message, _ = said.splitlines()
    assert message.startswith(
        "error: --out: cannot be written: File too large; finished work is stored: continue with "
        "--resume (got '"
    )
    left = contents(tmp_path)
    assert {name: left[name] for name in before} == before
    done("--out", tmp_path, "--resume")
    assert is_as(tmp_path, whole)


@pytest.mark.slow
def test_folder_without_permission_is_refused_and_stays_as_it_is(tmp_path):
    done("--out", tmp_path, "--patients", 30)
    before = contents(tmp_path)
    tmp_path.chmod(0o555)
    try:
        code, said = ended(program(tmp_path, hindrance="permissions"))
    finally:
        tmp_path.chmod(0o755)
    assert code == 2
    message, _ = said.splitlines()
    assert message.startswith("error: --out: cannot be written: Permission denied (got '")
    assert contents(tmp_path) == before


def test_probe_of_a_killed_program_is_swept_up(tmp_path, whole):
    (tmp_path / ".blinsim-probe-abc").mkdir()
    done("--out", tmp_path)
    assert is_as(tmp_path, whole)


def test_folder_that_cannot_be_made_is_refused():
    result = command("--out", "/proc/nowhere/out")
    assert result.exit_code == 2
    assert "--out: cannot be written" in result.stderr


# Killed


def program(folder, *arguments, asked=SMALL, **how):
    return started("psa", MAIN, *asked, "--no-cache", "--out", folder, *arguments, **how)


def is_as(folder, expected):
    """Whether a folder holds these files and nothing else, hidden or empty folders neither."""
    return contents(folder) == expected and {path.name for path in folder.iterdir()} == set(
        expected
    )


@pytest.mark.slow
def test_killed_at_any_write_the_analysis_resumes_to_the_same_bytes(tmp_path):
    """SIGKILL before 12 writes, one drawn (seed 1) from each twelfth of all of them.

    The first of them is killed again, at another write, while it resumes.
    """
    code, said = ended(program(tmp_path / "undisturbed"))
    moments = int(said.split()[-1])
    assert code == 0
    expected = contents(tmp_path / "undisturbed")
    assert set(expected) == set(NAMES)
    numbers = random.Random(1)
    for part in range(12):
        first, last = (moments * edge // 12 for edge in (part, part + 1))
        moment = numbers.randint(first + 1, last)
        folder = tmp_path / f"write-{part}"
        assert ended(program(folder, "--resume", kill_before=moment))[0] == -signal.SIGKILL
        if part == 0:
            assert ended(program(folder, "--resume", kill_before=4))[0] == -signal.SIGKILL
        assert ended(program(folder, "--resume"))[0] == 0
        assert is_as(folder, expected), moment


@pytest.mark.slow
def test_killed_at_any_time_the_analysis_resumes_to_the_same_bytes(tmp_path):
    """SIGKILL after 10 lengths of time, one drawn (seed 2) from each tenth of an undisturbed run.

    Of 200 draws of 400 patients, 8 chunks; some are killed while they simulate, with some of the
    chunks kept, and some before or after. Every folder ends the same whenever that was.
    """
    asked = ("--draws", "200", "--patients", "400", "--seed", "4")
    began = time.monotonic()
    assert ended(program(tmp_path / "undisturbed", asked=asked))[0] == 0
    lasts = time.monotonic() - began
    expected = contents(tmp_path / "undisturbed")
    assert set(expected) == set(NAMES)
    numbers = random.Random(2)
    for part in range(10):
        folder = tmp_path / f"time-{part}"
        process = program(folder, "--resume", asked=asked)
        time.sleep(lasts * (part + numbers.random()) / 10)
        process.kill()
        ended(process)
        assert ended(program(folder, "--resume", asked=asked))[0] == 0
        assert is_as(folder, expected), part


# PatientRows results


def test_same_question_is_answered_without_simulating(tmp_path, monkeypatch, fresh_cache, whole):
    first = done("--json", cached=True)
    monkeypatch.setattr(analysis, "run_psa", lambda *_, **__: pytest.fail("simulated"))
    assert done("--json", cached=True).stdout == first.stdout
    assert first.stdout.encode() == whole[SUMMARY]
    done("--out", tmp_path / "out", cached=True)
    assert contents(tmp_path / "out") == whole


def test_chosen_numbers_and_their_reason_come_from_the_cache_too(monkeypatch, fresh_cache):
    monkeypatch.setattr(analysis, "PILOT_DRAWS", 30)
    monkeypatch.setattr(analysis, "PILOT_PATIENTS", 40)

    def asked():
        return CliRunner().invoke(commands, ["psa", str(MAIN), "--draws", "10"])

    first = asked()
    assert first.exit_code == 0, first.output
    assert "Chosen" in first.stdout
    monkeypatch.setattr(analysis, "run_psa", lambda *_, **__: pytest.fail("simulated"))
    assert asked().stdout == first.stdout


def test_another_question_is_another_key(ask, monkeypatch):
    def key(name="first_salvage", draws=10, patients=10, seed=1, base=100, **changes):
        question = ask(name, patients=patients, seed=seed, **changes)
        return store.content_key(question, draws, base)

    keys = [
        key(),
        key(draws=11),
        key(base=101),
        key(patients=11),
        key(seed=2),
        key("later_salvage"),
        key(parameters={"relapse.sigma": 1.0}),
        key(thresholds=[1.0]),
        key(switches={"toxicity": False}),
    ]
    assert len(set(keys)) == len(keys)
    assert key() == key(title="Other words")
    monkeypatch.setattr(store, "__version__", "another")
    assert key() != keys[0]
    monkeypatch.undo()
    monkeypatch.setattr(store, "source_hash", lambda: "another")
    assert key() != keys[0]


def test_source_hash_covers_code_and_catalogue(monkeypatch, tmp_path):
    (tmp_path / "numbers.yaml").write_text("a: 1", encoding="utf-8")
    monkeypatch.setattr("sim.simulation.provenance.PACKAGE", tmp_path)
    fresh = source_hash.__wrapped__
    before = fresh()
    (tmp_path / "numbers.yaml").write_text("a: 2", encoding="utf-8")
    assert fresh() != before


def test_damaged_cache_is_simulated_again(fresh_cache):
    first = done("--json", cached=True)
    (table,) = fresh_cache.glob("results/*/psa.parquet")
    intact = table.read_bytes()
    table.write_bytes(intact[:-9])
    assert done("--json", cached=True).stdout == first.stdout
    assert table.read_bytes() == intact


def test_no_cache_neither_reads_nor_keeps(fresh_cache):
    done("--json")
    assert not (fresh_cache / "results").exists()


@pytest.mark.parametrize("broken", ["no home", "cannot be written"])
def test_program_works_without_a_cache_folder(monkeypatch, fresh_cache, broken):
    if broken == "no home":
        monkeypatch.delenv("XDG_CACHE_HOME")
        monkeypatch.setattr(os.path, "expanduser", lambda path: path)
        assert analysis.cache_folder() is None
    else:
        fresh_cache.parent.touch()
    done("--json", cached=True)
    listed = CliRunner().invoke(commands, ["cache"])
    assert listed.exit_code == 0
    assert ("no home folder" in listed.stdout) == (broken == "no home")


def test_cache_is_listed_and_emptied(fresh_cache):
    done(cached=True)
    (fresh_cache / "code").mkdir()
    (fresh_cache / "code" / "unit.nbc").write_bytes(bytes(200_000))
    (fresh_cache / "results" / "foreign").mkdir()
    (fresh_cache / "results" / "foreign" / "manifest.json").write_text("[]", encoding="utf-8")
    listed = CliRunner().invoke(commands, ["cache"]).stdout
    assert "first_salvage.yaml: 60 draws of 20 patients, seed 4, version" in listed
    assert "1 results (" in listed
    assert "compiled code (0.2 MB)" in listed
    cleared = CliRunner().invoke(commands, ["cache", "--clear"])
    assert cleared.stdout.splitlines()[-1].startswith("Removed 1 results")
    assert not fresh_cache.exists()
    assert "0 results" in CliRunner().invoke(commands, ["cache"]).stdout
