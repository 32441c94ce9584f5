"""The sources of numbers: publications, labels, price lists and our own decisions."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sim.catalog.fields import Fields
from sim.files.documents import Document

LONGEST_SHORT_NAME: Final = 36
INTERNAL: Final = "internal"
KINDS: Final = (
    "article",
    "label",
    "price_list",
    "guideline",
    "statistics",
    "review",
    "model",
    INTERNAL,
)
_KEYS: Final = ("citation", "year", "doi", "kind")


@dataclass(frozen=True)
class Source:
    """One source; `doi` is a DOI, a PubMed number or an address, `kind` one of `KINDS`."""

    key: str
    citation: str
    year: int | None
    doi: str | None
    kind: str

    @property
    def short(self) -> str:
        """Return first author or body and year, short enough for a table: ``Topp 2021``."""
        first = re.split(r"[,.;:(]| et al", self.citation, maxsplit=1)[0]
        without_initials = re.sub(r" [A-Z]{1,3}$", "", first.strip())
        name = textwrap.shorten(without_initials, LONGEST_SHORT_NAME, placeholder=" …")
        return f"{name} {self.year}" if self.year else name


def read_sources(document: Document) -> dict[str, Source]:
    """Read the sources of `document` by their key."""
    top = Fields(document)
    top.only(("sources",))
    listed = top.nested("sources")
    sources = {}
    for key in listed:
        entry = listed.nested(key)
        entry.only(_KEYS)
        sources[key] = Source(
            key=key,
            citation=entry.text("citation"),
            year=entry.optional_year("year"),
            doi=entry.optional_text("doi"),
            kind=entry.choice("kind", KINDS),
        )
    return sources


def read_source_keys(fields: Fields, sources: Mapping[str, Source]) -> tuple[str, ...]:
    """Read the key ``source`` of an entry: one key of `sources` or a list of them."""
    written = fields.get("source")
    if written is None:
        raise fields.error("is missing", "source")
    keys = written if isinstance(written, list) else [written]
    if not keys:
        raise fields.error("is empty", "source")
    for key in keys:
        if not isinstance(key, str) or key not in sources:
            raise fields.error("is not a known source", "source", key, sources)
    return tuple(keys)
