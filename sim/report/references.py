"""The citations of a run, numbered in the order of citations.txt."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from sim.report.results import Results

_ADDRESSES: Final = (
    (re.compile(r"\b(10\.\d{4,9}/[^\s;,]+[^\s;,.])"), "https://doi.org/"),
    (re.compile(r"\b(PMC\d+)"), "https://www.ncbi.nlm.nih.gov/pmc/articles/"),
)


class Reference(NamedTuple):
    """A source: its number, its citation, the numbers that rest on it, and its address."""

    number: int
    citation: str
    used_for: str
    address: str


class Mention(NamedTuple):
    """A source as a table names it; the number is that of its citation, if it has one."""

    label: str
    number: int | None


class References:
    """Citations by number, and the sources of inputs by key.

    Attributes
    ----------
    preamble
        The first words of the file.
    listed
        The citations.
    own
        Names of the inputs that rest on none of them, set by the scenario.
    """

    def __init__(self, results: Results) -> None:
        self.preamble, found = _read(results.citations)
        self.listed = [each for each in found if not each.citation.endswith(":")]
        self.own = next((each.used_for for each in found if each.citation.endswith(":")), "")
        self._sources = results.question.catalogue.sources
        self._numbers = {each.citation: each.number for each in self.listed}

    def of(self, keys: str) -> list[Mention]:
        """Return the sources of an input, whose keys are in inputs.csv."""
        return [self._mention(key.strip()) for key in keys.split(";") if key.strip()]

    def _mention(self, key: str) -> Mention:
        source = self._sources.get(key)
        if source is None:
            return Mention(key, None)
        written = f"{source.citation} {source.doi or ''}".strip()
        return Mention(source.short, self._numbers.get(" ".join(written.split())))


def _read(text: str) -> tuple[str, list[Reference]]:
    """Read citations.txt: paragraphs of a citation and, indented, the numbers that rest on it."""
    blocks = [block.splitlines() for block in re.split(r"\n\s*\n", text) if block.strip()]
    preamble = " ".join(" ".join(block) for block in blocks[:1])
    found = []
    for number, lines in enumerate(blocks[1:], start=1):
        citation = " ".join(line.strip() for line in lines if not line.startswith(" "))
        used_for = " ".join(line.strip() for line in lines if line.startswith(" "))
        found.append(Reference(number, citation, used_for.removeprefix("for "), _address(citation)))
    return preamble, found


def _address(citation: str) -> str:
    for pattern, start in _ADDRESSES:
        address = pattern.search(citation)
        if address:
            return f"{start}{address[1]}"
    return ""
