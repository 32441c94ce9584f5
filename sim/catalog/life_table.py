"""Background mortality by age and sex."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from sim.catalog.parameter import STATUSES
from sim.catalog.source import SourceKeys
from sim.catalog.values import Numbers, Positive, Text, one_of
from sim.files.schema import Part, broken_rule

FEWEST_KNOTS: Final = 2
HAZARD_UNITS: Final = ("per person-year",)
Hazards = Annotated[tuple[Positive, ...], Field(strict=False)]


class LifeTable(Part):
    """Hazard of death per person-year at knot `ages` in years; its log is linear between."""

    name: Text
    label: Text
    sources: SourceKeys = Field(alias="source")
    place: Text
    derivation: Text | None = None
    status: Annotated[str, one_of(STATUSES)]
    note: Text | None = None
    unit: Annotated[str, one_of(HAZARD_UNITS)]
    ages: Numbers
    male: Hazards
    female: Hazards

    @model_validator(mode="after")
    def _knots_go_together(self) -> Self:
        if len(self.ages) < FEWEST_KNOTS or any(low >= high for low, high in pairwise(self.ages)):
            raise broken_rule(("ages",), "must be two ages or more, each above the one before")
        for sex, hazards in (("male", self.male), ("female", self.female)):
            if len(hazards) != len(self.ages):
                problem = f"must hold one hazard for each of the {len(self.ages)} ages"
                raise broken_rule((sex,), problem)
        return self
