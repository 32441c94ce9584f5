"""From a question to results: look them up, choose the numbers, simulate.

Results are cached, so that the same question is not simulated twice, in
``$XDG_CACHE_HOME/blinsim/results``, by default in ``~/.cache``, each in a folder named by the hash
of all its inputs. Without such a folder the program only is slower; damaged files are removed
(`sim.files.cache_folder`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, NamedTuple

from sim.analyses.psa.allocation import (
    PILOT_DRAWS,
    PILOT_PATIENTS,
    allocate,
    variances,
)
from sim.analyses.psa.answer import Planned
from sim.analyses.psa.draws_run import Psa, patients_to_simulate, run_psa
from sim.analyses.shared.results import (
    MANIFEST,
    content_key,
    manifest,
    manifest_text,
    read_results,
    result_files,
)
from sim.analyses.shared.store import Chunks
from sim.errors import UserError
from sim.files.cache_folder import cache_folder, delete, read, remove, usable_folder, write_folder
from sim.limits import FEWEST_DRAWS
from sim.simulation.question import Question
from sim.simulation.run import Progress

RESULTS: Final = "results"
DAMAGED: Final = "cached results were damaged; simulating again"


class Entry(NamedTuple):
    """A cached result: its key, its question, the version of the program, and its size."""

    key: str
    scenario: str
    draws: int
    patients: int
    seed: int
    version: str
    bytes: int


def find(question: Question, draws: int, base_patients: int) -> Psa | None:
    """Return the cached results of a question; None when there are none that are whole."""
    folder = usable_folder(RESULTS)
    if folder is None:
        return None
    place = folder / content_key(question, draws, base_patients)
    if not os.path.lexists(place):
        return None
    found = read_results(lambda name: read(place / name), question, draws, base_patients)
    if found is None:
        remove(place, DAMAGED)
    return found


def keep(psa: Psa) -> None:
    """Cache results, unless that is impossible or they are cached by now."""
    folder = usable_folder(RESULTS)
    if folder is None:
        return
    asked = manifest(psa.question, psa.draws, psa.base_patients)
    files = result_files(psa)
    with suppress(OSError):
        write_folder(folder / asked["key"], {**files, MANIFEST: manifest_text(asked, files)})


def entries() -> Iterator[Entry]:
    """Yield the cached results, by scenario and number of draws."""
    root = cache_folder()
    found = []
    for path in sorted((root / RESULTS).glob(f"*/{MANIFEST}")) if root is not None else []:
        try:
            content = json.loads(bytes(read(path)))
            asked = content["asked"]
            entry = Entry(
                key=path.parent.name,
                scenario=str(asked["scenario"]),
                draws=int(asked["draws"]),
                patients=int(asked["patients"]),
                seed=int(asked["seed"]),
                version=str(content["version"]),
                bytes=size_of(path.parent),
            )
        except (OSError, ValueError, LookupError, TypeError):
            continue
        found.append(entry)
    yield from sorted(found, key=lambda entry: entry[1:])


def size_of(folder: Path) -> int:
    """Return the bytes of all files below a folder, as far as they can be seen."""
    total = 0
    for inside, _, names in os.walk(folder):
        for name in names:
            # It may be gone by now: another program replaces and removes files, too.
            with suppress(OSError):
                total += os.lstat(Path(inside) / name).st_size
    return total


def compiled_size() -> int:
    """Return the bytes of the machine code that is cached with the results."""
    root = cache_folder()
    if root is None:
        return 0
    return size_of(root) - size_of(root / RESULTS)


def clear() -> None:
    """Empty the cache: results and machine code.

    Raises
    ------
    OSError
        When something cannot be removed.
    """
    root = cache_folder()
    if root is None:
        return
    if root.is_symlink() and root.is_dir():
        # The link is the user's own.
        for path in root.iterdir():
            delete(path)
    else:
        delete(root)


Bar = Callable[[int], AbstractContextManager[Progress]]
"""Shows progress out of a number of patients."""


@dataclass(frozen=True)
class Work:
    """How to work: threads, whether to use the user's cache, how to show progress."""

    threads: int | None
    cached: bool
    bar: Bar


@dataclass(frozen=True)
class Size:
    """Numbers of draws and of patients per draw, and how they were chosen, if they were."""

    draws: int
    patients: int
    planned: Planned | None = None


def choose_size(
    question: Question, work: Work, *, draws: int | None, patients: int | None, se: float | None
) -> Size:
    """Choose the number of draws or patients where it is None, by `sim.analyses.psa.allocation`.

    Raises
    ------
    UserError
        When there is nothing left to choose for `se`, or no number reaches it.
    """
    if draws is not None and patients is not None:
        if se is not None:
            raise UserError(
                "chooses numbers, and both are given; leave out --draws or --patients",
                key="--se",
                value=se,
            )
        return Size(draws, patients)
    pilot = results(
        replace(question, patients=PILOT_PATIENTS), PILOT_DRAWS, work, base_patients=FEWEST_DRAWS
    )
    found = variances(pilot)
    allocation = allocate(found, draws=draws, patients=patients, se=se)
    return Size(allocation.draws, allocation.patients, Planned(found, allocation))


def results(
    question: Question,
    draws: int,
    work: Work,
    *,
    base_patients: int | None = None,
    chunks: Chunks | None = None,
) -> Psa:
    """Return the results of a question, whose patients are those of one draw.

    They come from the cache, from complete results in the folder of the `chunks`, or else from
    simulating the draws that the chunks lack. The deterministic run has `base_patients`, by default
    the scenario's own number: it is then the base case of ``run``.
    """
    base = base_patients or question.scenario.patients
    found = find(question, draws, base) if work.cached else None
    if found is None and chunks is not None and chunks.resume:
        folder = chunks.folder
        found = read_results(lambda name: (folder / name).read_bytes(), question, draws, base)
    if found is not None:
        return found
    kept = chunks.done() if chunks is not None else set()
    patients = patients_to_simulate(question, draws, question.patients, base, kept)
    with work.bar(patients) as progress:
        psa = run_psa(
            question,
            draws,
            patients=question.patients,
            base_patients=base,
            threads=work.threads,
            progress=progress,
            store=chunks,
        )
    if work.cached:
        keep(psa)
    return psa
