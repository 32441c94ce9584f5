"""Price indices, which convert an amount of money from one year's prices to another's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, Field

from sim.catalog.source import SourceKeys
from sim.catalog.values import Positive, Text
from sim.files.schema import Part, broken_rule


def _year(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise broken_rule((), "must be a year such as 2020")
    return int(text)


class PriceIndex(Part):
    """The level of prices by calendar year; only ratios of levels have a meaning."""

    label: Text
    unit: Text
    sources: SourceKeys = Field(alias="source")
    place: Text
    note: Text | None = None
    values: Mapping[Annotated[int, BeforeValidator(_year)], Positive]

    def factor(self, from_year: int, to_year: int) -> float:
        """Return ``index[to_year] / index[from_year]``.

        Raises
        ------
        KeyError
            When the index has no value for one of the years.
        """
        return self.values[to_year] / self.values[from_year]


class IndexFile(Part):
    """The file of the price indices, by their name."""

    indices: Mapping[str, PriceIndex]
