"""A cache of simulated endpoints, so that an interrupted fit need not begin again.

They are in the folder ``calibration`` of `sim.files.cache_folder.cache_folder`, one file per cohort
and wave, named by the hash of all their inputs.
"""

from __future__ import annotations

import hashlib
import io
import json
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Final

import numpy as np

from sim.economics.estimates import Array
from sim.evidence.cohorts import Cohort
from sim.files.cache_folder import read_or_remove, remove, usable_folder, write
from sim.files.provenance import source_hash
from sim.simulation.provenance import fingerprint

FOLDER: Final = "calibration"
KEY_LENGTH: Final = 24
PACKAGES: Final = ("numpy", "numba")
DAMAGED: Final = "cached endpoints of the calibration were damaged; simulating again"


def place_of(cohort: Cohort, z: Array, effects: Array, wave: int) -> Path | None:
    """Return the file of the endpoints of a wave's points; None where none can be cached."""
    folder = usable_folder(FOLDER)
    if folder is None:
        return None
    content = {
        "source": source_hash(),
        "scenario": fingerprint(cohort.question),
        "targets": [(t.name, t.word, t.arm, t.against, t.at_months) for t in cohort.targets],
        "packages": {name: metadata.version(name) for name in PACKAGES},
    }
    digest = hashlib.sha256(json.dumps(content).encode())
    digest.update(np.ascontiguousarray(z).tobytes() + np.ascontiguousarray(effects).tobytes())
    return folder / f"{cohort.name}-{wave + 1}-{digest.hexdigest()[:KEY_LENGTH]}.npy"


def read_kept(place: Path | None, shape: tuple[int, int]) -> Array | None:
    """Return the cached endpoints; None when there are none that are whole."""
    if place is None:
        return None
    content = read_or_remove(place, DAMAGED)
    if content is None:
        return None
    try:
        kept: Array = np.load(io.BytesIO(content))
    except (ValueError, EOFError):
        kept = np.empty(0)
    if kept.shape != shape:
        remove(place, DAMAGED)
        return None
    return kept


def keep(place: Path | None, shown: Array) -> None:
    """Write the endpoints whole or not at all; a cache that cannot be written is no mistake."""
    if place is None:
        return
    stream = io.BytesIO()
    np.save(stream, shown)
    with suppress(OSError):
        write(place, stream.getvalue())
