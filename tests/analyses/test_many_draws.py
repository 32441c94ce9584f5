"""Draws too many for memory: their tables are on the disk, and every result is the same."""

import io
import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from sim import Scenario, psa
from sim.analyses.psa import acceptability, analysis, draws_run
from sim.analyses.psa.result import PsaResult
from sim.analyses.shared import large_table
from sim.analyses.shared.large_table import joined, parts
from sim.engine.compiled.compiler import use_cache_folder
from sim.errors import UserError
from sim.simulation.parameter_draws import draw_parameters
from tests.support.places import SMALLER

MAIN = SMALLER / "first_salvage.yaml"
DRAWS, ROWS = 60, 45
"""Rows in memory: those of 22 draws of two strategies."""


@pytest.fixture
def many(monkeypatch):
    """Return a function from which on there is no memory for the draws."""
    monkeypatch.setattr(acceptability, "CURVE_STEPS", 10)
    return lambda: monkeypatch.setattr(large_table, "MOST_ROWS", ROWS)


@pytest.fixture
def fresh_cache(tmp_path, monkeypatch):
    """A cache folder of its own for results; machine code stays where it is."""
    use_cache_folder()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def asked(**more):
    return psa(Scenario.load(MAIN), draws=DRAWS, patients=20, seed=4, **more)


def table(rows):
    numbers = np.random.default_rng(1).random((rows, 3))
    found = pd.DataFrame(numbers, columns=["a", "b", "c"])
    found.insert(0, "strategy", ["x", "y"] * (rows // 2))
    found.insert(2, "draw", np.repeat(range(rows // 2), 2))
    return found


def test_a_table_on_the_disk_is_the_table_that_was_put_there(many):
    many()
    whole = table(100)
    found = joined((whole.iloc[part] for part in parts(100, 2)), 100)
    assert found.pages is not None
    for _ in range(2):
        pd.testing.assert_frame_equal(found.frame, whole)
        found.forget()
    assert [part.stop for part in parts(100, 2)] == [44, 88, 100]


def test_no_room_for_the_draws_is_said(many, monkeypatch):
    many()

    class Full(io.BytesIO):
        def write(self, _content):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(large_table.tempfile, "TemporaryFile", Full)
    with pytest.raises(UserError, match="cannot hold the draws: No space left on device; TMPDIR"):
        joined([table(100)], 100)


def test_draws_are_the_same_wherever_they_begin():
    question = Scenario.load(MAIN).question
    whole = draw_parameters(question, 50, 1)
    pd.testing.assert_frame_equal(draw_parameters(question, 20, 1, first=30), whole.iloc[30:])


@pytest.mark.parametrize("in_folder", [True, False])
def test_files_are_the_same_but_for_the_row_groups(tmp_path, many, in_folder):
    expected = {**asked(cached=False).files()}
    many()
    found = asked(cached=False, out=tmp_path / "out" if in_folder else None)
    files = {**found.files()}
    if in_folder:
        written = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
        assert written == files
    tables = [pq.ParquetFile(io.BytesIO(each.pop("psa.parquet"))) for each in (expected, files)]
    assert [each.num_row_groups for each in tables] == [1, 3]
    assert tables[0].read().equals(tables[1].read())
    manifests = [json.loads(each.pop("manifest.json")) for each in (expected, files)]
    hashes = [each["files"].pop("psa.parquet") for each in manifests]
    assert hashes[0] != hashes[1]
    assert manifests[0] == manifests[1]
    assert files == expected
    pd.testing.assert_frame_equal(found.tables["psa"], tables[0].read().to_pandas())


@pytest.mark.usefixtures("fresh_cache")
def test_cached_and_stored_draws_are_read_back(tmp_path, many, monkeypatch):
    many()
    made = asked(out=tmp_path / "out")
    monkeypatch.setattr(analysis, "run_psa", None)
    for again in (asked(), PsaResult.read(Scenario.load(MAIN), tmp_path / "out")):
        assert again._answer.psa.on_disk
        assert {**again.files()} == {**made.files()}


def test_damaged_draws_in_the_cache_are_simulated_again(fresh_cache, many, monkeypatch):
    many()
    asked()
    (path,) = fresh_cache.rglob("psa.parquet")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    calls = []
    original = draws_run.run_psa
    monkeypatch.setattr(analysis, "run_psa", lambda *a, **k: calls.append(a) or original(*a, **k))
    asked()
    assert len(calls) == 1
