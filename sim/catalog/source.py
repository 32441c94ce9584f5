"""The sources of numbers: publications, labels, price lists and our own decisions."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from sim.catalog.values import Text, one_of
from sim.files.schema import Part, broken_rule

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


class Source(Part):
    """One source; `doi` is a DOI, a PubMed number or an address, `kind` one of `KINDS`."""

    citation: Text
    year: int | None = None
    doi: Text | None = None
    kind: Annotated[str, one_of(KINDS)]

    @property
    def short(self) -> str:
        """Return first author or body and year, short enough for a table: ``Topp 2021``."""
        first = re.split(r"[,.;:(]| et al", self.citation, maxsplit=1)[0]
        without_initials = re.sub(r" [A-Z]{1,3}$", "", first.strip())
        name = textwrap.shorten(without_initials, LONGEST_SHORT_NAME, placeholder=" …")
        return f"{name} {self.year}" if self.year else name


class SourceFile(Part):
    """The file of the sources, by their key."""

    sources: Mapping[str, Source]


def _known(keys: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    sources: Mapping[str, Source] = info.context or {}
    for key in keys:
        if key not in sources:
            raise broken_rule((), "is not a known source", key, sources)
    return keys


SourceKeys = Annotated[
    tuple[str, ...],
    BeforeValidator(lambda written: written if isinstance(written, list | None) else [written]),
    Field(min_length=1, strict=False),
    AfterValidator(_known),
]
"""One key of a source or a list of them; the context of the validation holds the sources."""
