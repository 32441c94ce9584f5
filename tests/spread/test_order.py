"""Work is spread in order: the same results for any number of threads, and no more than is needed."""

import os
import subprocess
import sys
import threading
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import UserError
from sim.spread.order import in_order, over, tasks
from tests.support.places import ROOT


def squares(opened, worked):
    """A job that notes in which thread a worker was opened, and what it was given."""

    def work(items):
        worked.append(len(items))
        return [item * item for item in items]

    opened.append(threading.get_ident())
    return work


@given(
    items=st.lists(st.integers(), max_size=50),
    size=st.integers(1, 7),
    threads=st.integers(1, 5),
)
def test_results_are_those_of_the_items_in_their_order(items, size, threads):
    opened, worked = [], []
    job = partial(squares, opened, worked)
    found = [each for done in in_order(job, items, size=size, threads=threads) for each in done]
    assert found == [item * item for item in items]
    assert sum(worked) == len(items)
    assert max(worked, default=0) <= size
    assert 1 <= len(opened) <= threads


@given(count=st.integers(0, 60), size=st.integers(1, 7), threads=st.integers(1, 5))
def test_no_thread_is_without_a_task_while_another_has_a_large_one(count, size, threads):
    found = list(tasks(iter(range(count)), size, threads))
    assert [item for task in found for item in task] == list(range(count))
    assert all(0 < len(task) <= size for task in found)
    # 8 items, 2 threads and size 16 are two tasks of 4.
    last = found[-threads:]
    assert max(map(len, last), default=0) - min(map(len, last), default=0) < size


def test_an_error_of_a_task_ends_the_work():
    def fails():
        def work(items):
            if 3 in items:
                raise ArithmeticError(3)
            return items

        return work

    found = in_order(fails, range(100), size=1, threads=2)
    with pytest.raises(ArithmeticError, match="3"):
        list(found)


def test_no_more_items_are_taken_than_are_in_work_or_waiting():
    taken = []

    def items():
        for item in range(1000):
            taken.append(item)
            yield item

    found = in_order(lambda: sum, items(), size=2, threads=2, ahead=3)
    next(found)
    # Three tasks of two items a thread, and the next of each thread.
    assert len(taken) <= 2 * 2 * (3 + 1)
    found.close()


def test_dask_is_imported_only_when_it_is_asked_for():
    code = (
        "import sys, sim.analyses.psa.result, sim.simulation.core_run\n"
        "assert 'distributed' not in set(sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def test_without_dask_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "sim.spread.cluster", raising=False)
    with (
        pytest.raises(UserError, match=r"--cluster: needs Dask: install blinsim\[cluster\]"),
        over("tcp://127.0.0.1:9", dict),
    ):
        pass
