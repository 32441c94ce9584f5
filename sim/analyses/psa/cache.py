"""A cache of results, so that the same question is not simulated twice.

They are in the folder ``results`` of `sim.files.cache_folder.cache_folder`, each in a folder named by
the hash of all its inputs. Without such a folder the program only is slower; damaged files are
removed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from sim.analyses.psa.draws_run import Psa
from sim.analyses.shared.results import (
    MANIFEST,
    content_key,
    manifest,
    manifest_text,
    read_results,
    result_files,
)
from sim.files.cache_folder import (
    cache_folder,
    delete,
    read,
    remove,
    usable_folder,
    write_folder,
)
from sim.simulation.question import Question

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
