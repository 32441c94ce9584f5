"""The workers of a Dask cluster: proven to run the same program, and replaced when they are lost.

A job is sent to each process once and opened there once, so that bound models stay. Tasks grow until
one takes `TASK_SECONDS`, so that the way to a worker and back costs little. The tasks of a worker
that is lost are done again by others; workers that join later are used as soon as they have proven
that they run the same program.
"""

from __future__ import annotations

import hashlib
import logging
import pickle
import sys
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count, islice
from threading import Lock
from typing import Any, Final
from uuid import uuid4

from sim.errors import UserError
from sim.spread.job import AHEAD, Item, Job, Pool, Result

try:
    import cloudpickle
    from distributed import Client, Future, wait
    from distributed.comm import CommClosedError
    from distributed.scheduler import KilledWorker
except ImportError:
    problem = "needs Dask: install blinsim[cluster]"
    raise UserError(problem, key="--cluster") from None

Proof = Mapping[str, str]

OPTION: Final = "--cluster"
TASK_SECONDS: Final = 0.5
"""A task takes a few milliseconds on its way: it should take a hundred times as long in work."""
GROWTH: Final = 4
"""The most by which tasks grow at once: the first of a worker also loads the compiled code."""
LARGEST: Final = 256
"""The most by which tasks grow in all; a lost worker loses no more."""
ANSWER_SECONDS: Final = 8.0
"""A scheduler that does not answer for so long is lost."""
LOOK_SECONDS: Final = 1.0
POLL_SECONDS: Final = 0.2
JOBS_KEPT: Final = 2
SHOWN: Final = 12
"""Characters of a difference that are shown: of a digest the first are enough."""
LOST: Final = (
    "lost the scheduler; what is stored in the folder of --out is kept: continue with --resume, "
    "on a cluster or without"
)
NO_WORKERS: Final = "has no worker that can be used"

_pools: dict[str, Pool[Any, Any]] = {}
_opening = Lock()


def do(name: str, job: bytes, items: list[Any]) -> tuple[float, Any]:
    """Do a task in a worker; return its seconds and its result."""
    with _opening:
        pool = _pools.get(name)
        if pool is None:
            while len(_pools) >= JOBS_KEPT:
                del _pools[next(iter(_pools))]
            pool = _pools[name] = Pool(pickle.loads(job))
    started = time.perf_counter()
    result = pool(items)
    return time.perf_counter() - started, result


def _same(job: bytes) -> bytes:
    return job


@dataclass
class _Task:
    """A task in work: its items, where it may be done, and what will be its result."""

    items: list[Any]
    allowed: frozenset[str]
    future: Future


@contextmanager
def connected(address: str, prove: Callable[[], Proof]) -> Iterator[Cluster]:
    """Connect to the scheduler at an address.

    Raises
    ------
    UserError
        When there is none, or no worker that runs the same program.
    """
    _silence()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            client = Client(address, timeout=ANSWER_SECONDS)
        except (OSError, TimeoutError, ValueError, ImportError):
            problem = "there is no Dask scheduler at this address"
            raise UserError(problem, key=OPTION, value=address) from None
        try:
            yield Cluster(client, address, prove)
        finally:
            with suppress(Exception):
                client.close(timeout=1)


def _silence() -> None:
    """Keep Dask's own messages from the screen: the program says in one line what is wrong."""
    for name in ("distributed", "tornado", *logging.root.manager.loggerDict):
        if name.split(".")[0] in ("distributed", "tornado"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)


class Cluster:
    """Workers of a scheduler that run the same program as this process."""

    def __init__(self, client: Client, address: str, prove: Callable[[], Proof]) -> None:
        self._client = client
        self._address = address
        self._prove = prove
        self._here = prove()
        self._proofs: dict[str, Future] = {}
        self._proven: dict[str, int] = {}
        """Threads by the address of the worker."""
        self._refused: set[str] = set()
        self._looked = -float("inf")
        self._numbers = count()
        self._run = uuid4().hex
        self._wait_for_workers(all_of_them=True)

    def in_order(
        self, job: Job[Item, Result], items: Iterator[Item], *, size: int
    ) -> Iterator[Result]:
        """Yield the results of tasks in their order; see `sim.spread.order.in_order`.

        Raises
        ------
        UserError
            When the scheduler or all workers are lost.
        """
        sent = cloudpickle.dumps(job)
        name = hashlib.sha256(sent).hexdigest()
        jobs: dict[frozenset[str], Future] = {}
        waiting: deque[_Task] = deque()
        pace = size

        def submitted(task: list[Item]) -> _Task:
            allowed = frozenset(self._proven)
            if allowed not in jobs:
                jobs[allowed] = self._submit(_same, sent, allowed=allowed)
            future = self._submit(do, name, jobs[allowed], task, allowed=allowed)
            return _Task(task, allowed, future)

        try:
            while True:
                self._look()
                for place, task in enumerate(waiting):
                    if not task.allowed & self._proven.keys():
                        waiting[place] = submitted(task.items)
                while len(waiting) < AHEAD * sum(self._proven.values()):
                    task_items = list(islice(items, pace))
                    if not task_items:
                        break
                    waiting.append(submitted(task_items))
                if not waiting:
                    return
                found = self._result(waiting[0].future)
                if found is None:
                    continue
                seconds, result = found
                done = waiting.popleft()
                pace = _paced(len(done.items), seconds, pace, size)
                yield result
        finally:
            with suppress(Exception):
                self._client.cancel([task.future for task in waiting], force=True)

    def _submit(self, *work: Any, allowed: frozenset[str]) -> Future:  # noqa: ANN401
        key = f"blinsim-{self._run}-{next(self._numbers)}"
        with self._lost():
            return self._client.submit(
                *work, key=key, workers=sorted(allowed), allow_other_workers=False
            )

    def _result(self, future: Future) -> tuple[float, Any] | None:
        """Return seconds and result of a task, once it is done."""
        with self._lost():
            if not future.done():
                with suppress(TimeoutError):
                    wait(future, timeout=POLL_SECONDS)
                return None
            error = future.exception() if future.status == "error" else None
            if error is None:
                try:
                    found: tuple[float, Any] = future.result(timeout=ANSWER_SECONDS)
                except TimeoutError:
                    # Its worker was lost with the result: it is done again.
                    return None
                return found
        if isinstance(error, KilledWorker):
            problem = "lost several workers, one after the other, with the same task"
            raise UserError(problem, key=OPTION, value=self._address) from None
        raise error

    def _wait_for_workers(self, *, all_of_them: bool = False) -> None:
        """Wait until a worker has proven to run the same program, or all that there are."""
        since = time.monotonic()
        while True:
            self._look(now=True)
            if self._proven and not (all_of_them and self._proofs):
                return
            if self._proofs:
                since = time.monotonic()
            elif self._refused or time.monotonic() - since > ANSWER_SECONDS:
                raise UserError(NO_WORKERS, key=OPTION, value=self._address)
            time.sleep(POLL_SECONDS)

    def _look(self, *, now: bool = False) -> None:
        """See which workers there are; let new ones prove that they run the same program."""
        if not now and time.monotonic() - self._looked < LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        with self._lost():
            there = self._client.sync(
                self._client.scheduler.ncores, callback_timeout=ANSWER_SECONDS
            )
        for gone in self._proven.keys() - there.keys():
            del self._proven[gone]
        for worker in there.keys() - self._proven.keys() - self._proofs.keys() - self._refused:
            self._proofs[worker] = self._submit(self._prove, allowed=frozenset([worker]))
        for worker, proof in list(self._proofs.items()):
            if worker not in there or proof.done():
                del self._proofs[worker]
            if worker in there and proof.done():
                self._judge(worker, there[worker], proof)
        if not now and not self._proven:
            self._wait_for_workers()

    def _judge(self, worker: str, threads: int, proof: Future) -> None:
        """Use a worker that runs the same program; name one that does not."""
        with self._lost():
            error = proof.exception() if proof.status == "error" else None
            told = {} if error is not None else proof.result(timeout=ANSWER_SECONDS)
        if error is None and told == self._here:
            self._proven[worker] = threads
            return
        self._refused.add(worker)
        why = f"cannot run the program ({error})" if error is not None else self._difference(told)
        sys.stderr.write(f"worker {worker} is not used: it {why}\n")

    def _difference(self, told: Proof) -> str:
        name = next(name for name, here in self._here.items() if told.get(name) != here)
        theirs, ours = (str(each)[:SHOWN] for each in (told.get(name), self._here[name]))
        return f"has another {name}: {theirs}, not {ours}"

    @contextmanager
    def _lost(self) -> Iterator[None]:
        """Say that the scheduler is lost, where a call to it fails."""
        try:
            yield
        except (CommClosedError, OSError, CancelledError, TimeoutError, RuntimeError):
            raise UserError(LOST, key=OPTION, value=self._address) from None
        except Exception as error:
            if type(error).__name__ == "FutureCancelledError":
                raise UserError(LOST, key=OPTION, value=self._address) from None
            raise


def _paced(items: int, seconds: float, pace: int, size: int) -> int:
    """Return how many items the next tasks have: as many as take `TASK_SECONDS`."""
    wanted = int(TASK_SECONDS * items / max(seconds, 1e-6))
    return max(size, min(wanted, GROWTH * pace, LARGEST * size))
