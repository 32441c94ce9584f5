"""What was asked and where its numbers come from: question, assumptions, inputs, provenance.

The checklist is that of the reporting standard CHEERS 2022. Source: Husereau D et al., Consolidated
Health Economic Evaluation Reporting Standards 2022, Value Health 2022;25:3-9. Topics are those of
the standard, the words of the template are ours.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import pandas as pd
from markupsafe import Markup, escape

from sim.catalog.parameter import SCENARIO, SHOWN_ROOT, STATUSES
from sim.layout.cells import (
    capital,
    listed,
    money_text,
    number_text,
    patients_in_words,
    rate,
    spaced,
)
from sim.layout.own_inputs import LIFE_TABLE, own_lines, own_patients_lines
from sim.layout.run_columns import OPTIONAL, TABLES
from sim.layout.text import agreement_lines, capacity_lines
from sim.report.results import KINDS, Analyses, Results, command
from sim.scenario.schema import LIFETIME, Strategy

STANDARD: Final = "CHEERS 2022"
STUDIES: Final = {
    "average": "of the average study",
    "new": "of a study to come, as a prediction",
}


def question(results: Results) -> dict[str, Any]:
    """Return the context of the section of the question."""
    asked, summary = results.question, results.summary
    scenario, perspective = asked.scenario, asked.perspective
    population = asked.catalogue.populations[scenario.population]
    described = f"{population.label}. {population.description}"
    own = own_patients_lines(asked)
    facts = [
        *own,
        ("For what the file lacks" if own else "Patients", described),
        ("Setting", f"{capital(spaced(scenario.setting))}; results are {STUDIES[scenario.study]}"),
        ("Perspective", f"{perspective.label}. {perspective.description}"),
        ("Money", f"{summary['currency']} at the prices of {summary['price_year']}"),
        ("Horizon", _horizon(results)),
        (
            "Discounting",
            (
                f"{rate(summary['discount_rate_costs'])} a year for costs, "
                f"{rate(summary['discount_rate_effects'])} for life-years and QALYs"
            ),
        ),
        (
            "Thresholds",
            f"{listed(money_text(t, results.symbol) for t in results.thresholds)} per QALY",
        ),
        *((name, capital(text)) for name, text in capacity_lines(asked)),
        *((LIFE_TABLE, each["sentence"]) for each in (summary.get("life_table"),) if each),
        *agreement_lines(asked),
        *own_lines(asked),
        (
            "Simulated",
            f"{patients_in_words(summary['patients'])}, the same under each strategy; seed {summary['seed']}",
        ),
    ]
    return {
        "description": scenario.description,
        "facts": [(name, text.rstrip(". ") + ".") for name, text in facts],
        "strategies": [_strategy(results, each) for each in scenario.strategies],
        "changed": [
            f"{row['label']}: {number_text(float(row['value']))} {row['unit']}"
            for row in results.tables["inputs.csv"].to_dict("records")
            if row["changed"]
        ],
    }


def _horizon(results: Results) -> str:
    """Return the horizon in words."""
    years = results.summary["horizon_years"]
    return "Lifetime" if years == LIFETIME else f"{years:g} years"


def _strategy(results: Results, strategy: Strategy) -> dict[str, Any]:
    regimens = results.question.catalogue.regimens
    lines = [regimens[name].label for name in strategy.sequence]
    return {
        "label": results.labels[strategy.name],
        "lines": lines,
        "then": regimens[strategy.then].label,
        "maintenance": strategy.maintenance,
        "is_comparator": strategy.name == results.comparator,
    }


def assumptions(results: Results) -> dict[str, Any]:
    """Return the context of the section of assumptions."""
    statuses = results.tables["inputs.csv"]["status"]
    scenario = results.question.scenario
    return {
        "switches": scenario.switches,
        "relapse": spaced(scenario.switches.relapse_distribution),
        "is_prediction": scenario.study == "new",
        "horizon": _horizon(results).lower(),
        "assumed": int((statuses == "assumption").sum()),
        "provisional": int((statuses == "provisional").sum()),
        "total": len(statuses),
    }


def checklist(results: Results, analyses: Analyses) -> dict[str, Any]:
    """Return the context of the checklist."""
    scenario, perspective = results.question.scenario, results.question.perspective
    return {
        "standard": STANDARD,
        "summary": results.summary,
        "description": scenario.description
        or "The title and the strategies say what is to be decided.",
        "population": results.question.catalogue.populations[scenario.population].label,
        "setting": capital(spaced(scenario.setting)),
        "strategies": listed(results.labels.values()),
        "perspective": perspective,
        "horizon": _horizon(results),
        "rates": [rate(results.summary[f"discount_rate_{each}"]) for each in ("costs", "effects")],
        "index": None if perspective.price_index is None else spaced(perspective.price_index),
        "inputs": len(results.tables["inputs.csv"]),
        "has_draws": analyses.probabilistic is not None,
        "has_bars": analyses.one_way is not None,
    }


MEANINGS: Final = {
    "evidence": "read from a source",
    "calibrated": "fitted to published cohorts, which inform it",
    "prior": "fitted, but the cohorts say little of it: it is as assumed before",
    "assumption": "decided by the authors of the model",
    "provisional": "standing in until it is calibrated",
    SCENARIO: "given by the scenario's author",
    "definition": "true by the model's own words: a reference, the edge of a window",
}


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
    # As it is written in the catalogue, the signs of its arithmetic too.
    said = [(name, escape(text)) for name, text in details if text]
    return {
        "label": row["label"],
        "name": row["name"],
        "details": said,
        "hover": Markup(" · ").join(Markup("{}: {}").format(*each) for each in said),
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
