"""Background mortality by age and sex."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from sim.catalog.fields import Fields
from sim.catalog.parameter import STATUSES
from sim.catalog.source import Source, read_source_keys
from sim.files.documents import Document

FEWEST_KNOTS: Final = 2
HAZARD_UNITS: Final = ("per person-year",)
_KEYS: Final = (
    "name",
    "label",
    "source",
    "place",
    "derivation",
    "status",
    "note",
    "unit",
    "ages",
    "male",
    "female",
)


@dataclass(frozen=True)
class LifeTable:
    """Hazard of death per person-year at knot `ages` in years; its log is linear between."""

    name: str
    label: str
    sources: tuple[str, ...]
    place: str
    derivation: str | None
    status: str
    note: str | None
    unit: str
    ages: tuple[float, ...]
    male: tuple[float, ...]
    female: tuple[float, ...]
    file: str


def read_life_table(document: Document, sources: dict[str, Source]) -> LifeTable:
    """Read the life table of `document`."""
    fields = Fields(document)
    fields.only(_KEYS)
    ages = fields.numbers("ages")
    if len(ages) < FEWEST_KNOTS or any(low >= high for low, high in pairwise(ages)):
        raise fields.error("must be two ages or more, each above the one before", "ages")
    return LifeTable(
        name=fields.text("name"),
        label=fields.text("label"),
        sources=read_source_keys(fields, sources),
        place=fields.text("place"),
        derivation=fields.optional_text("derivation"),
        status=fields.choice("status", STATUSES),
        note=fields.optional_text("note"),
        unit=fields.choice("unit", HAZARD_UNITS),
        ages=ages,
        male=_hazards(fields, "male", len(ages)),
        female=_hazards(fields, "female", len(ages)),
        file=document.file,
    )


def _hazards(fields: Fields, sex: str, knots: int) -> tuple[float, ...]:
    hazards = fields.numbers(sex)
    if len(hazards) != knots:
        raise fields.error(f"must hold one hazard for each of the {knots} ages", sex)
    if min(hazards) <= 0.0:
        raise fields.error("must hold hazards above 0", sex)
    return hazards
