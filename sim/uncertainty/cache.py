"""Results kept for the user, so that the same question is not simulated twice.

They lie in ``$XDG_CACHE_HOME/blinsim/results``, by default in ``~/.cache``, each in a folder
named by the hash of everything that it depends on. Without such a folder the program works as
well, only slower.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from sim.study.question import Question
from sim.uncertainty.psa import Psa
from sim.uncertainty.results import (
    MANIFEST,
    content_key,
    manifest,
    manifest_text,
    read_results,
    result_files,
)

PROGRAM: Final = "blinsim"
RESULTS: Final = "results"
DRAFT: Final = ".draft-"


class Entry(NamedTuple):
    """A kept result: its key, what was asked of which version, and its size."""

    key: str
    scenario: str
    draws: int
    patients: int
    seed: int
    version: str
    bytes: int


def cache_folder() -> Path | None:
    """Return the user's cache folder of this program; None when the user has no home."""
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / PROGRAM
    except RuntimeError:
        return None


def find(question: Question, draws: int) -> Psa | None:
    """Return the kept results of a question; None when there are none that are whole."""
    root = cache_folder()
    if root is None:
        return None
    return read_results(root / RESULTS / content_key(question, draws), question, draws)


def keep(psa: Psa) -> None:
    """Keep results; where that is not possible, do without."""
    root = cache_folder()
    if root is None:
        return
    asked = manifest(psa.question, psa.draws)
    files = result_files(psa)
    place = root / RESULTS / asked["key"]
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=DRAFT, dir=place.parent) as draft:
            whole = Path(draft) / place.name
            whole.mkdir()
            for name, content in {**files, MANIFEST: manifest_text(asked, files)}.items():
                (whole / name).write_bytes(content)
            # What is there was found not to be whole.
            shutil.rmtree(place, ignore_errors=True)
            whole.rename(place)
    except OSError:
        return


def entries() -> Iterator[Entry]:
    """Yield what is kept, by scenario and number of draws."""
    root = cache_folder()
    found = []
    for path in sorted((root / RESULTS).glob(f"*/{MANIFEST}")) if root is not None else []:
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
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
    """Return the bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def compiled_size() -> int:
    """Return the bytes of the machine code that is kept beside the results."""
    root = cache_folder()
    if root is None or not root.is_dir():
        return 0
    return sum(size_of(path) for path in root.iterdir() if path.is_dir() and path.name != RESULTS)


def clear() -> None:
    """Remove everything that is kept: results and machine code.

    Raises
    ------
    OSError
        When something cannot be removed.
    """
    root = cache_folder()
    if root is not None and root.is_dir():
        shutil.rmtree(root)
