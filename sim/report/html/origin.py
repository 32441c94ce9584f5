"""Where the results come from and what to cite."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any, Final

from sim.report.html.analyses import Analyses
from sim.report.html.references import References
from sim.report.html.results import TABLES, Results
from sim.report.html.words import capital, command, spaced

FILES: Final = ("summary.json", *TABLES, "provenance.json", "citations.txt")
BY_ANALYSIS: Final = {
    "probabilistic": "psa.json, psa.parquet, acceptability.csv",
    "one_way": "tornado.json, tornado.csv",
    "information": "voi.json, voi.csv, evpi.csv",
    "priced": "price.json, price.csv, price_curve.csv",
    "validation": "validation.csv",
}
_UNSAID: Final = ("packages",)


def context(results: Results, analyses: Analyses) -> dict[str, Any]:
    """Return what the section of provenance says."""
    references = References(results)
    facts = [
        (
            capital(spaced(name)),
            f"{value:,}" if isinstance(value, int) and name != "seed" else str(value),
        )
        for name, value in results.provenance.items()
        if name not in _UNSAID and value is not None
    ]
    packages = results.provenance.get("packages", {})
    facts.append(("Packages", ", ".join(f"{name} {version}" for name, version in packages.items())))
    summary = results.summary
    again = command(
        results.question,
        "run",
        *("--patients", str(summary["patients"]), "--seed", str(summary["seed"]), "--out", "DIR"),
    )
    found = [text for name, text in BY_ANALYSIS.items() if getattr(analyses, name) is not None]
    return {
        "facts": facts,
        "again": again,
        "file": shlex.quote(Path(results.question.loaded.file).name),
        "files": [*FILES, *(name for text in found for name in text.split(", "))],
        "preamble": references.preamble,
        "references": references.listed,
        "own": references.own,
    }
