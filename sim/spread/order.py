"""One way to spread work: pure functions of what is shared and of a few items, results in order.

What tasks share is a job (`sim.spread.job`). Results come in the order of the items, and do not depend
on where, or with how many others, an item was worked on.

Work is spread over threads, or, inside `over`, over the workers of a Dask cluster
(`sim.spread.cluster`).
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from sim.spread.job import AHEAD, Item, Job, Pool, Result

if TYPE_CHECKING:
    from sim.spread.cluster import Cluster, Proof

_cluster: ContextVar[Cluster | None] = ContextVar("cluster", default=None)


@contextmanager
def one_thread() -> Iterator[None]:
    """Do linear algebra in one thread, so that its last digits do not depend on the machine's."""
    with _libraries().limit(limits=1, user_api="blas"):
        yield


@cache
def _libraries() -> Any:  # noqa: ANN401 - it brings no types
    """Return the controller of linear-algebra threads; finding it takes time."""
    import scipy.linalg  # noqa: F401 - only a loaded library can be limited
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@contextmanager
def over(address: str | None, prove: Callable[[], Proof]) -> Iterator[None]:
    """Spread all work inside over the cluster at an address; over threads where there is none.

    Parameters
    ----------
    address
        Of the scheduler, such as ``tcp://host:8786``.
    prove
        Returns what identifies the program, by name. Workers where it is not the same as here are
        named and not used.

    Raises
    ------
    UserError
        When there is no scheduler at the address, or no worker that runs the same program.
    """
    if address is None:
        yield
        return
    # Imported here: Dask is no part of the usual installation.
    from sim.spread.cluster import connected

    with connected(address, prove) as cluster:
        token = _cluster.set(cluster)
        try:
            yield
        finally:
            _cluster.reset(token)


def in_order(
    job: Job[Item, Result],
    items: Iterable[Item],
    *,
    size: int,
    threads: int | None = None,
    ahead: int = AHEAD,
) -> Iterator[Result]:
    """Yield the results of tasks in their order; those not begun are cancelled when it is left.

    Parameters
    ----------
    job
        Returns a worker; on a cluster it is sent to each process once.
    items
        Taken as workers become free.
    size
        Items of a task, or less where that leaves no thread without one. On a cluster they become
        more until a task takes long enough to be worth its way.
    threads
        Their number, by default one for each processor; without effect on a cluster.
    ahead
        Tasks in work or waiting to be taken, per thread: this bounds the memory.
    """
    cluster = _cluster.get()
    if cluster is not None:
        return cluster.in_order(job, iter(items), size=size)
    number = workers(threads)
    return _in_threads(job, tasks(iter(items), size, number), number, ahead * number)


def workers(threads: int | None) -> int:
    """Return the number of threads to use."""
    if threads:
        return threads
    # The processors that this program may use, where the system says so.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def tasks(items: Iterator[Item], size: int, threads: int) -> Iterator[list[Item]]:
    """Divide items into tasks of `size`, or less where that leaves no thread without one."""
    while ahead := list(islice(items, size * threads)):
        each = -(-len(ahead) // threads)
        for first in range(0, len(ahead), each):
            yield ahead[first : first + each]


def _in_threads(
    job: Job[Item, Result], tasks: Iterator[list[Item]], threads: int, most: int
) -> Iterator[Result]:
    work = Pool(job)
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for task in tasks:
                waiting.append(pool.submit(work, task))
                if len(waiting) >= most:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
