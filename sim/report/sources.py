"""Where the numbers come from: inputs with their sources, citations, the provenance of the results."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import pandas as pd

from sim.catalog.parameter import SCENARIO, SHOWN_ROOT, STATUSES
from sim.layout.cells import capital, number_text, spaced
from sim.layout.run_columns import OPTIONAL, TABLES
from sim.report.results import KINDS, Analyses, Results, command

MEANINGS: Final = {
    "evidence": "read from a source",
    "calibrated": "fitted to published cohorts, which inform it",
    "prior": "fitted, but the cohorts say little of it: it is as assumed before",
    "assumption": "decided by the authors of the model",
    "provisional": "standing in until it is calibrated",
    SCENARIO: "given by the scenario's author",
    "definition": "true by the model's own words: a reference, the edge of a window",
}
UNSAID: Final = "fixed"
"""A distribution that needs no words."""


def inputs(results: Results) -> dict[str, Any]:
    """Return the context of the section of inputs."""
    table = results.tables["inputs.csv"]
    references = References(results)
    counts = Counter(table["status"])
    return {
        "total": f"{len(table)}",
        "statuses": [
            {"name": status, "meaning": MEANINGS[status], "count": counts[status]}
            for status in (*STATUSES, SCENARIO)
            if counts[status]
        ],
        "rows": [_input(row, references) for row in table.to_dict("records")],
    }


def _is_shipped(file: str) -> bool:
    """Whether an entry is of the program's own catalogue."""
    return file.startswith(f"{SHOWN_ROOT}/")


def _input(row: dict[Any, Any], references: References) -> dict[str, Any]:
    low, high = row["low"], row["high"]
    has_range = not (pd.isna(low) or pd.isna(high)) and low < high
    changed = bool(row["changed"])
    details = [
        ("Distribution", row["distribution"]),
        ("Place in the source", row["place"]),
        ("Arithmetic", row["arithmetic"]),
        ("Derivation", row["derivation"]),
        ("Note", row["note"]),
        ("Written in", "" if _is_shipped(row["file"]) else row["file"]),
    ]
    said = [(name, str(text)) for name, text in details if text]
    return {
        "label": row["label"],
        "name": row["name"],
        "details": said,
        "hover": " · ".join(f"{name}: {text}" for name, text in said),
        "value": number_text(float(row["value"])),
        "number": float(row["value"]),
        "unit": row["unit"],
        "range": f"{number_text(float(low))} to {number_text(float(high))}" if has_range else "",
        "status": row["status"],
        "changed": changed,
        "own": not changed and not _is_shipped(row["file"]),
        "sources": references.of(str(row["source"])),
    }


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


FILES: Final = (
    "summary.json",
    *(name for name, schema in TABLES.items() if schema not in OPTIONAL),
    "provenance.json",
    "citations.txt",
)
BY_ANALYSIS: Final = {
    "probabilistic": "psa.json, psa.parquet, acceptability.csv",
    "one_way": "tornado.json, tornado.csv",
    "information": "voi.json, voi.csv, evpi.csv",
    "priced": "price.json, price.csv, price_curve.csv, price_line.csv",
    "followed": "explain.json, explain.svg",
    "verified": "verify.json, verify.csv, partitioned_survival.csv",
    "validation": "validation.csv",
}
ANALYSES: Final = {
    "psa": "Probabilistic analysis",
    "tornado": "One-way analysis",
    "voi": "Value of information",
    "trial": "The value of a trial",
    "explain": "One patient",
    "verify": "Checks",
    "scenarios": "What-ifs",
    "validate": "Validation",
}
"""Names of analyses that differ from their command."""
PACKAGES: Final = "packages"
ANALYSIS: Final = "analysis"
NAMES: Final = {"scenario_sha256": "SHA-256 of what was asked", "python": "Python"}
"""Names of facts that their keys do not give."""


def origin(results: Results, analyses: Analyses) -> dict[str, Any]:
    """Return the context of the section of provenance."""
    references = References(results)
    summary = results.summary
    again = command(
        results.question,
        "run",
        *("--patients", str(summary["patients"]), "--seed", str(summary["seed"]), "--out", "DIR"),
    )
    found = [text for name, text in BY_ANALYSIS.items() if getattr(analyses, name) is not None]
    found += [
        f"{kind.file}.json, {kind.file}.csv, {kind.file}.svg"
        for kind in KINDS
        if kind.stored(results) is not None
    ]
    return {
        "facts": _facts(results),
        "beside": [_beside(results, each) for each in results.beside],
        "again": again,
        "files": [*FILES, *(name for text in found for name in text.split(", "))],
        "preamble": references.preamble,
        "references": references.listed,
        "own": references.own,
    }


def _facts(results: Results) -> list[tuple[str, str]]:
    """Return the facts of the run; an older folder may hold those of another command."""
    known = results.provenance
    if ANALYSIS in known or not results.belongs(known):
        return [("Provenance", "That of the run is not in the folder.")]
    facts = [
        (
            NAMES.get(name, capital(spaced(name))),
            f"{value:,}" if name == "patients" else str(value),
        )
        for name, value in known.items()
        if name != PACKAGES and value is not None
    ]
    packages = ", ".join(f"{name} {version}" for name, version in known.get(PACKAGES, {}).items())
    return [*facts, (capital(PACKAGES), packages)]


def _beside(results: Results, known: Mapping[str, Any]) -> dict[str, str]:
    """Return the version of an analysis and its number of draws."""
    version, commit = known.get("version"), known.get("commit")
    same = (version, commit) == tuple(
        results.provenance.get(name) for name in ("version", "commit")
    )
    draws, patients = known.get("draws"), known.get("patients")
    size = [
        f"{number:,} {word}"
        for number, word in ((draws, "draws"), (patients, "patients"))
        if isinstance(number, int)
    ]
    return {
        "name": ANALYSES.get(str(known["name"]), capital(str(known["name"]))),
        "size": " of ".join(size) if "patient" not in known else f"patient {known['patient']:,}",
        "seed": str(known.get("seed", "")),
        "version": "as the run" if same else f"{version}, {commit}",
    }
