"""The provenance of the results, and citations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sim.layout.run_columns import OPTIONAL, TABLES
from sim.report import stored
from sim.report.analyses import Analyses
from sim.report.references import References
from sim.report.results import Results
from sim.report.words import capital, command, spaced

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


def context(results: Results, analyses: Analyses) -> dict[str, Any]:
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
        for kind in stored.KINDS
        if kind.read(results) is not None
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
