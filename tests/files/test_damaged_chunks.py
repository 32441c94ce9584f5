"""Finished chunks of an unfinished analysis: no byte, number or origin may be another one."""

import json
import random
import shutil

import numpy as np
import pandas as pd
import pytest

from sim.analyses.shared import store
from sim.analyses.shared.large_table import parquet
from sim.errors import UserError
from tests.support import damage

ASKED = {
    "key": "a" * 64,
    "asked": {"scenario": "first.yaml", "draws": 50, "patients": 20, "seed": 1},
    "chunks": 2,
}
TABLES = [
    pd.DataFrame({"draw": np.arange(25) + first, "cost": np.random.default_rng(first).random(25)})
    for first in (0, 25)
]


def opened(folder, asked=ASKED, *, resume=True):
    return store.opened(folder, asked, (), resume=resume)


@pytest.fixture
def begun(tmp_path):
    """A folder with two finished chunks."""
    with opened(tmp_path, resume=False) as chunks:
        for number, table in enumerate(TABLES):
            chunks.keep(number, table)
    return tmp_path


def path_of(folder, number):
    return folder / "chunks" / f"{number:05d}.parquet"


def is_damaged(folder, number, asked=ASKED):
    with opened(folder, asked) as chunks, pytest.raises(UserError) as wrong:
        chunks.read(number)
    return f"{number:05d}.parquet: is damaged; remove it and continue" in str(wrong.value)


def test_chunks_come_back_as_they_were(begun):
    with opened(begun) as chunks:
        assert chunks.done() == {0, 1}
        for number, table in enumerate(TABLES):
            pd.testing.assert_frame_equal(chunks.read(number), table)


def test_no_flipped_byte_of_a_chunk_goes_unseen(begun):
    """One bit of every byte of the file in turn, names and numbers of Parquet's own included."""
    path = path_of(begun, 0)
    content = path.read_bytes()
    numbers = random.Random(1)
    with opened(begun) as chunks:
        for place in range(len(content)):
            flipped = bytearray(content)
            flipped[place] ^= 1 << numbers.randrange(8)
            path.write_bytes(flipped)
            with pytest.raises(UserError, match="is damaged"):
                chunks.read(0)


@pytest.mark.parametrize("kind", damage.KINDS, ids=lambda kind: kind.__name__)
def test_damaged_chunk_is_named(begun, kind):
    shutil.move(begun / "chunks" / "manifest.json", begun / "manifest")
    (begun / "chunks" / ".lock").unlink()
    kind(path_of(begun, 1), random.Random(2))
    shutil.move(begun / "manifest", begun / "chunks" / "manifest.json")
    assert is_damaged(begun, 1)
    assert kind is not damage.swap or is_damaged(begun, 0)


def test_chunk_of_another_analysis_is_damaged(begun, tmp_path_factory):
    """Of the same number, from the folder of an analysis that differs in its key alone."""
    other = tmp_path_factory.mktemp("other")
    asked = {**ASKED, "key": "b" * 64}
    with opened(other, asked, resume=False) as chunks:
        chunks.keep(0, TABLES[0])
    shutil.copy(path_of(begun, 0), path_of(other, 0))
    assert is_damaged(other, 0, asked)


def test_plain_parquet_is_no_chunk(begun):
    path_of(begun, 0).write_bytes(parquet(TABLES[0]))
    assert is_damaged(begun, 0)


def test_copies_under_other_names_are_no_chunks(begun):
    shutil.copy(path_of(begun, 0), begun / "chunks" / "00000 (copy).parquet")
    shutil.copy(path_of(begun, 0), begun / "chunks" / "copy of 00000.parquet")
    with opened(begun) as chunks:
        assert chunks.done() == {0, 1}


@pytest.mark.parametrize("name", ["draws", "patients", "seed"])
def test_manifest_with_a_text_for_a_number_is_none(begun, name):
    wrong = {**ASKED, "asked": {**ASKED["asked"], name: "many"}}
    (begun / "chunks" / "manifest.json").write_text(json.dumps(wrong), encoding="utf-8")
    with pytest.raises(UserError, match="is in the way of unfinished results"):
        store.check_unfinished(begun, (), resume=False)
