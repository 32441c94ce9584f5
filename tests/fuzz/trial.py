"""Inputs by kind and number: tried in this process, or in one that is ended when it hangs."""

from __future__ import annotations

import multiprocessing
import random
import tempfile
import time
import traceback
import warnings
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from tests.fuzz.watch import LONGEST_SECONDS, Refused, in_time

KINDS = {
    "yaml": ("scenario_files", "ScenarioFiles"),
    "csv": ("scenario_files", "LifeTables"),
    "command": ("command_lines", "CommandLines"),
    "stored": ("stored_results", "StoredResults"),
    "values": ("value_sets", "ValueSets"),
}
SHARES = {"csv": 0.60, "yaml": 0.38, "command": 0.008, "stored": 0.008, "values": 0.004}
"""Of the inputs: most are of the kinds of which hundreds a second are tried."""
ANSWERED, REFUSED, FAILED = "answered", "refused", "failed"
START_SECONDS = 900.0
"""For imports, compilation, and the results of which the stored ones are made."""
PATIENCE = 3.0
"""A process is ended after this many times the longest time, where it did not stop by itself."""


class Tried(NamedTuple):
    """What became of an input: its number, the end, the time, and the input and why if it failed."""

    number: int
    end: str
    seconds: float
    given: dict | None = None
    why: str = ""


def numbers_of(inputs):
    """Return how many inputs of each kind there are."""
    return {kind: max(1, round(share * inputs)) for kind, share in SHARES.items()}


def opened(kind, folder):
    """Return the kind of this name, which works in a folder."""
    module, name = KINDS[kind]
    return getattr(import_module(f"tests.fuzz.{module}"), name)(folder)


def drawn(subject, kind, seed, number):
    """Return the input of a number: always the same one."""
    return subject.draw(random.Random(f"{kind}/{seed}/{number}"))


def tried(subject, given, number=0):
    """Try an input in this process."""
    start = time.perf_counter()
    end, why = ANSWERED, ""
    try:
        with warnings.catch_warnings():
            # A warning is a message that no user understands.
            warnings.simplefilter("error")
            with in_time():
                subject.attempt(given)
    except Refused:
        end = REFUSED
    except Exception:  # noqa: BLE001 - whatever it is, it is a fault
        end, why = FAILED, traceback.format_exc()
    seconds = time.perf_counter() - start
    return Tried(number, end, seconds, given if why else None, why)


def try_all(kind, seed, count):
    """Yield what became of each input; those that hang or crash are tried in a new process."""
    first = 0
    while first < count:
        ours, theirs = multiprocessing.get_context("spawn").Pipe(duplex=False)
        process = multiprocessing.get_context("spawn").Process(
            target=_work, args=(kind, seed, first, count, theirs), daemon=True
        )
        process.start()
        theirs.close()
        longest = START_SECONDS
        try:
            while first < count and ours.poll(longest):
                found = ours.recv()
                longest = PATIENCE * LONGEST_SECONDS
                if found is not None:
                    first = found.number + 1
                    yield found
        except EOFError:
            pass
        process.kill()
        process.join()
        if first < count:
            yield Tried(
                first, FAILED, longest, _again(kind, seed, first), "the process hung or crashed"
            )
            first += 1


def _work(kind, seed, first, count, connection):
    with tempfile.TemporaryDirectory() as folder:
        subject = opened(kind, Path(folder))
        connection.send(None)
        for number in range(first, count):
            connection.send(tried(subject, drawn(subject, kind, seed, number), number))


def _again(kind, seed, number):
    with tempfile.TemporaryDirectory() as folder:
        return drawn(opened(kind, Path(folder)), kind, seed, number)
