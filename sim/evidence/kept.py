"""Simulated endpoints kept in the user's cache, so that an interrupted fit need not begin again.

They lie in the folder ``calibration`` of `sim.uncertainty.cache.cache_folder`, one file per
cohort and wave, named by the hash of everything that they depend on.
"""

from __future__ import annotations

import hashlib
import json
import os
from importlib import metadata
from pathlib import Path
from typing import Final

import numpy as np

from sim.economics.estimates import Array
from sim.evidence.cohorts import Cohort
from sim.study.provenance import fingerprint
from sim.uncertainty.cache import cache_folder
from sim.uncertainty.results import source_hash

FOLDER: Final = "calibration"
KEY_LENGTH: Final = 24
PACKAGES: Final = ("numpy", "numba")


def place_of(cohort: Cohort, z: Array, effects: Array, wave: int) -> Path | None:
    """Return where the endpoints of a wave's points are kept; None when the user has no home."""
    root = cache_folder()
    if root is None:
        return None
    content = {
        "source": source_hash(),
        "scenario": fingerprint(cohort.question),
        "targets": [(t.name, t.word, t.arm, t.against, t.at_months) for t in cohort.targets],
        "packages": {name: metadata.version(name) for name in PACKAGES},
    }
    digest = hashlib.sha256(json.dumps(content).encode())
    digest.update(np.ascontiguousarray(z).tobytes() + np.ascontiguousarray(effects).tobytes())
    return root / FOLDER / f"{cohort.name}-{wave + 1}-{digest.hexdigest()[:KEY_LENGTH]}.npy"


def read_kept(place: Path | None, shape: tuple[int, int]) -> Array | None:
    """Return the endpoints that were kept; None when there are none that are whole."""
    if place is None:
        return None
    try:
        kept: Array = np.load(place)
    except (OSError, ValueError, EOFError):
        return None
    return kept if kept.shape == shape else None


def keep(place: Path | None, shown: Array) -> None:
    """Write the endpoints whole or not at all; a cache that cannot be written is no mistake."""
    if place is None:
        return
    draft = place.with_suffix(f".{os.getpid()}.draft")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as file:
            np.save(file, shown)
        draft.replace(place)
    except OSError:
        draft.unlink(missing_ok=True)
