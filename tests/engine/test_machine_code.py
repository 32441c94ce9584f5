"""Compiled code takes its arguments from words at an address, as numba would take them itself."""

from typing import NamedTuple

import numpy as np
import pytest

from sim.engine.compiled import compiler, translation
from sim.engine.compiled.compiler import kernel
from sim.engine.compiled.machine_code import (
    ObjectCode,
    address_of,
    joined,
    parted,
    taken_apart,
)
from tests.support.small_kernel import ANSWERS, answers

RECORD = np.dtype([("small", np.int8), ("wide", np.float64, (3,))], align=True)


class Pair(NamedTuple):
    rows: np.ndarray
    inner: tuple


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    compiler.use_cache_folder.cache_clear()
    yield
    compiler.use_cache_folder.cache_clear()


def summed(pair, record, records, whole, large, yes, fraction, found):
    """Write one number from each argument, and from each of the axes of an array."""
    rows = pair.rows
    for i in range(rows.shape[0]):
        for j in range(rows.shape[1]):
            found[0] += (i + 1) * (j + 2) * rows[i, j]
    found[1] = pair.inner[0] + pair.inner[1][0]
    found[2] = record.wide[1] + record.small
    found[3] = records[1].wide[2]
    found[4] = whole
    found[5] = large >> np.uint64(1)
    found[6] = rows.size if yes else -1
    found[7] = fraction


def arguments(rows):
    records = np.zeros(2, RECORD).view(np.recarray)
    records[0].wide[1], records[0].small, records[1].wide[2] = 0.25, -3, 7.5
    inner = (-4, np.array([0.5]))
    large = np.uint64(2**64 - 2)
    return Pair(rows, inner), records[0], records, -(2**40), large, rows.size > 5, -0.1


GRID = np.arange(24.0).reshape(4, 6)
ARRAYS = {
    "rows": GRID,
    "columns": np.asfortranarray(GRID),
    "every other": GRID[::2, 1::2],
    "backwards": GRID[::-1],
    "one row": GRID[:1],
    "empty": GRID[:0],
}


@pytest.mark.parametrize("name", ARRAYS)
def test_every_argument_arrives(name):
    given = arguments(ARRAYS[name])
    run, found, expected = kernel(summed), np.zeros(8), np.zeros(8)
    run(*given, found)
    summed(*given, expected)
    assert found.tolist() == expected.tolist()
    assert run.compilations == 1


def test_code_is_compiled_once_for_each_form_of_the_arguments():
    run = kernel(summed)
    for name in ("rows", "one row", "empty", "columns", "every other", "backwards"):
        run(*arguments(ARRAYS[name]), np.zeros(8))
    # By rows, by columns, and neither.
    assert run.compilations == 3


@pytest.mark.parametrize("name", ARRAYS)
def test_address_is_that_of_the_data(name):
    values = ARRAYS[name]
    assert address_of(values) == values.ctypes.data


def test_address_of_records_and_of_single_numbers():
    record = np.zeros(2, RECORD).view(np.recarray)
    assert address_of(record) == record.ctypes.data
    number = np.array(3.0)
    assert address_of(number) == number.ctypes.data


@pytest.mark.parametrize("wrong", [np.float32(0.5), "text", None, np.void(b"bytes")])
def test_other_arguments_are_refused(wrong):
    with pytest.raises(TypeError, match="takes no"):
        taken_apart((wrong,))


def test_an_exception_in_compiled_code_is_one_in_python():
    def refuse(values):
        for each in range(1, 3, values[0]):
            values[1] = each

    run = kernel(refuse)
    run(np.array([1, 0]))
    with pytest.raises(RuntimeError, match="status"):
        run(np.array([0, 0]))


def test_numba_calls_the_code_where_arguments_are_taken_apart_in_another_way(tmp_path, monkeypatch):
    monkeypatch.setattr(translation, "_from_words", lambda *_: None)
    given = arguments(GRID)
    found, expected = np.zeros(8), np.zeros(8)
    kernel(summed)(*given, found)
    summed(*given, expected)
    assert found.tolist() == expected.tolist()
    assert not list(tmp_path.rglob("*.nbc"))


def test_numba_calls_code_that_needs_more_than_itself(tmp_path, monkeypatch):
    monkeypatch.setattr(translation, "INSTRUCTIONS", ("nothing",))
    assert answers() == (*ANSWERS, 2)
    assert not list(tmp_path.rglob("*.nbc"))


@pytest.mark.parametrize("name", ["", "entry", "é" * 300])
def test_object_code_is_read_as_it_was_written(name):
    made = ObjectCode(name, b"\x7fcode")
    assert parted(joined(made)) == made
    for wrong in (joined(made)[:-1], joined(made) + b"\0", b"", b"text that is longer"):
        with pytest.raises(ValueError, match="no object code"):
            parted(wrong)
