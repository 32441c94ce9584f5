"""The user's own patients in words: what their file gives, and what is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sim.scenario.own_patients import OwnPatients
    from sim.simulation.question import Question

NAME: Final = "Own patients"
MOST_NAMED: Final = 6
"""Of the columns that are not read."""
HEAVY_KG: Final = 120.0
"""No cohort weighs as much in the mean, and any in pounds does."""


def own_patients_lines(question: Question) -> list[tuple[str, str]]:
    """Return the line about the user's own patients with its name; none where there are none."""
    own = question.own_patients
    return [] if own is None else [(NAME, own_patients_sentence(own))]


def row_of(question: Question, patient: int) -> str:
    """Return, to follow a patient, the row of the user's own file; nothing where there is none."""
    own = question.own_patients
    return "" if own is None else f", row {own.row_numbers(patient, 1)[0]:,} of {own.file}"


def own_patients_sentence(own: OwnPatients) -> str:
    """Return the file, its rows, and which characteristics are given, derived, drawn and not read.

    Patients treated for MRD only are counted, and weights that look like pounds are named.
    """
    rows = "1 row" if own.number == 1 else f"{own.number:,} rows, used in order and repeated"
    empty = [f"{name} of {n:,}" for name, n in own.given.items() if n]
    derived = [f"{name} from {source}" for name, source in own.derived.items()]
    parts = (
        ("given", own.given),
        ("derived", derived),
        ("drawn from the population", own.drawn),
        ("drawn where the cell is empty", empty),
        ("not read", _some(own.not_read)),
    )
    said = [f"{name}: {', '.join(columns)}" for name, columns in parts if columns]
    return "; ".join([f"{own.file}, {rows}", *_remarks(own), *said])


def _remarks(own: OwnPatients) -> list[str]:
    """Return what a reader has to know of rows that may hold something other than was meant."""
    said = []
    if own.mrd_only:
        said.append(f"in remission, treated for MRD only: {own.mrd_only:,} of {own.number:,}")
    if own.mean_weight_kg > HEAVY_KG:
        said.append(
            f"Warning: the mean weight is {own.mean_weight_kg:.0f} kg; this looks like pounds: "
            "divide by 2.2046"
        )
    return said


def _some(names: Sequence[str]) -> list[str]:
    more = len(names) - MOST_NAMED
    return [*names[:MOST_NAMED], *([f"and {more} more"] if more > 0 else [])]
