"""Price indices, which convert an amount of money from one year's prices to another's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sim.catalog.fields import Fields
from sim.catalog.source import Source, read_source_keys
from sim.files.documents import Document

_KEYS: Final = ("label", "unit", "source", "place", "note", "values")


@dataclass(frozen=True)
class PriceIndex:
    """The level of prices by calendar year; only ratios of levels have a meaning."""

    name: str
    label: str
    unit: str
    sources: tuple[str, ...]
    place: str
    note: str | None
    values: Mapping[int, float]

    def factor(self, from_year: int, to_year: int) -> float:
        """Return ``index[to_year] / index[from_year]``.

        Raises
        ------
        KeyError
            When the index has no value for one of the years.
        """
        return self.values[to_year] / self.values[from_year]


def read_price_indices(document: Document, sources: Mapping[str, Source]) -> dict[str, PriceIndex]:
    """Read the price indices of `document` by their name."""
    top = Fields(document)
    top.only(("indices",))
    listed = top.nested("indices")
    return {name: _read_index(name, listed.nested(name), sources) for name in listed}


def _read_index(name: str, fields: Fields, sources: Mapping[str, Source]) -> PriceIndex:
    fields.only(_KEYS)
    levels = fields.nested("values")
    values = {}
    for year in levels:
        if not (year.isascii() and year.isdigit()):
            raise levels.error("must be a year such as 2020", year)
        values[int(year)] = levels.number(year)
        if values[int(year)] <= 0.0:
            raise levels.error("must be above 0", year, values[int(year)])
    return PriceIndex(
        name=name,
        label=fields.text("label"),
        unit=fields.text("unit"),
        sources=read_source_keys(fields, sources),
        place=fields.text("place"),
        note=fields.optional_text("note"),
        values=values,
    )
