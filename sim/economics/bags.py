"""Bags and vials: how a dose is made up, and which bags are changed at home."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Final

from sim.clinic.events import Event, EventKind
from sim.clinic.toxicity import SEVERE
from sim.economics.prices import InfusionDrug

ROUNDING: Final = 1e-9
"""No vial is opened, and no bag hung, for rounding error in the last digit."""


def vials(amount: float, vial_content: float, *, sharing: bool) -> float:
    """Return the vials for one preparation: whole vials, or the exact share when shared."""
    exact = amount / vial_content
    return exact if sharing else float(ceil(exact - ROUNDING))


def bags_hung(days: float, bag_days: float) -> int:
    """Return the number of bags that an infusion of so many days begins."""
    return ceil((days - ROUNDING) / bag_days)


def bags(
    dose_mcg_per_day: float, planned_days: float, actual_days: float, drug: InfusionDrug
) -> list[tuple[float, float]]:
    """Return (day hung, content in mcg) of the bags of a stretch of infusion.

    A bag lasts ``bag_days``, the last one the rest of the plan. It is prepared for the planned
    time: the remainder after an interruption is wasted.
    """
    hung = bags_hung(min(planned_days, actual_days), drug.bag_days)
    days = [k * drug.bag_days for k in range(hung)]
    return [(day, dose_mcg_per_day * min(drug.bag_days, planned_days - day)) for day in days]


def is_severe(event: Event) -> bool:
    """Return whether the event is a toxicity that is treated in hospital."""
    return event.kind == EventKind.TOXICITY and event.grade >= SEVERE


def severe_before(log: Sequence[Event], position: int, time: float) -> bool:
    """Return whether a severe toxicity begins after the event at `position`, before `time`."""
    for i in range(position + 1, len(log)):
        if log[i].time_days >= time:
            return False
        if is_severe(log[i]):
            return True
    return False


def treated_for_toxicity(log: Sequence[Event], position: int, time: float) -> bool:
    """Return whether a severe toxicity after the event at `position` lasts at `time`."""
    for i in range(position + 1, len(log)):
        event = log[i]
        if event.time_days > time:
            return False
        if is_severe(event) and time < event.time_days + event.value:
            return True
    return False
