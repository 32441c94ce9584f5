r"""A quadratic surface through simulated endpoints, which a sampler can follow.

Each endpoint, on the logit or log scale, is regressed on the prior scores and study effects x of
the points at which its cohort was simulated,

.. math:: y(x) = b_0 + b^\top x + x^\top Q x ,

by ridge regression whose penalty is chosen by leave-one-out error (scikit-learn's ``RidgeCV``).
Common random numbers make the endpoint a smooth function of x. The error of the surface is
estimated by cross-validation and added as an error of its own.

A cache of simulated endpoints, so that an interrupted fit need not begin again.

They are in the folder ``calibration`` of `sim.files.cache_folder.cache_folder`, one file per cohort
and wave, named by the hash of all their inputs.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

import numpy as np

from sim.economics.estimates import Array
from sim.evidence.cohorts import Cohort
from sim.files.cache_folder import read_or_remove, remove, usable_folder, write
from sim.files.provenance import source_hash
from sim.simulation.provenance import fingerprint

PENALTIES: Final = (0.01, 0.1, 1.0, 10.0, 100.0)
FOLDS: Final = 5
INFLUENTIAL: Final = 16
"""Inputs with curvature and interactions, per endpoint; the others act linearly."""


@dataclass(frozen=True)
class Surface:
    """Surfaces of several endpoints: `constant` (k), `linear` (k, d), `square` (k, d, d).

    `error` is the root mean square of their residuals, endpoint by endpoint.
    """

    constant: Array
    linear: Array
    square: Array
    error: Array

    def __call__(self, x: Array) -> Array:
        """Return the endpoints (k) at the point x (d)."""
        values: Array = self.constant + self.linear @ x + np.einsum("kij,i,j->k", self.square, x, x)
        return values


@contextmanager
def one_thread() -> Iterator[None]:
    """Do linear algebra in one thread, so that its last digits do not depend on the machine's."""
    import scipy.linalg  # noqa: F401 - only a loaded library can be limited
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        yield


@one_thread()
def fit_surface(points: Array, observed: Array) -> Surface:
    """Fit surfaces to endpoints (n, k) simulated at points (n, d)."""
    fits = [_fit(points, column) for column in observed.T]
    constant, linear, square, error = zip(*fits, strict=True)
    return Surface(np.array(constant), np.array(linear), np.array(square), np.array(error))


def _fit(points: Array, observed: Array) -> tuple[float, Array, Array, float]:
    """Fit one endpoint: linear in all inputs, quadratic in the most influential."""
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import cross_val_predict

    d = points.shape[1]
    centre = points.mean(axis=0)
    spread = np.where(points.std(axis=0) > 0.0, points.std(axis=0), 1.0)
    x = (points - centre) / spread
    slopes = RidgeCV(PENALTIES).fit(x, observed).coef_
    strongest = np.sort(np.argsort(-np.abs(slopes), kind="stable")[:INFLUENTIAL])
    rows, columns = (strongest[places] for places in np.triu_indices(len(strongest)))
    features = np.hstack([x, x[:, rows] * x[:, columns]])
    model = RidgeCV(PENALTIES).fit(features, observed)
    missed = observed - cross_val_predict(RidgeCV(PENALTIES), features, observed, cv=FOLDS)
    # Back from centred and scaled coordinates to those of the points.
    square = np.zeros((d, d))
    square[rows, columns] = model.coef_[d:] / (spread[rows] * spread[columns])
    square = (square + square.T) / 2.0
    linear = model.coef_[:d] / spread
    constant = float(model.intercept_ - linear @ centre + centre @ square @ centre)
    return constant, linear - 2.0 * square @ centre, square, float(np.sqrt((missed**2).mean()))


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
