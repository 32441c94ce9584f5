"""A job: what all tasks share, and the workers that do them.

Called, a job returns a worker: a function from a list of items to their result, which does one task
at a time and keeps what it needs, such as a bound model.
"""

from __future__ import annotations

from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Final, Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Worker = Callable[[list[Item]], Result]
Job = Callable[[], Callable[[list[Item]], Result]]

AHEAD: Final = 3
"""Tasks in work or waiting to be taken, per thread: this bounds the memory."""


class Pool(Generic[Item, Result]):
    """The workers of a job in one process: as many as there are tasks in work at once."""

    def __init__(self, job: Job[Item, Result]) -> None:
        self._job = job
        self._free: SimpleQueue[Worker[Item, Result]] = SimpleQueue()
        # The first worker loads the compiled code, which the others would wait for.
        self._free.put(job())

    def __call__(self, items: list[Item]) -> Result:
        """Do a task with a worker that is free, or with a new one."""
        try:
            worker = self._free.get_nowait()
        except Empty:
            worker = self._job()
        try:
            return worker(items)
        finally:
            self._free.put(worker)
