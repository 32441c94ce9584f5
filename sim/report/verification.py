"""The checks that reviewers ask for, their findings, and partitioned survival beside the simulation."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import Any, Final

import pandas as pd

from sim.analyses.verify.partition import screen_table, sentences
from sim.analyses.verify.result import FAILED, NOT_APPLICABLE, PASSED
from sim.layout.cells import typeset
from sim.report.analyses import Verified
from sim.report.results import Results
from sim.report.words import command, signed

COLUMNS: Final = (PASSED, NOT_APPLICABLE, FAILED)


def context(results: Results, verified: Verified) -> dict[str, Any]:
    """Return the context of the section of verification."""
    rows = [_row(row) for row in verified.checks.to_dict("records")]
    counts = Counter(row["verdict"] for row in rows)
    return {
        "number": len(rows),
        "counts": {verdict: counts[verdict] for verdict in COLUMNS},
        "failed": [row for row in rows if row["verdict"] == FAILED],
        "groups": [
            _group(name, list(members)) for name, members in groupby(rows, lambda row: row["group"])
        ],
        "columns": COLUMNS,
        "command": command(results.question, "verify"),
        "partition": None if verified.partition is None else screen_table(verified.partition),
        "partition_words": _words(verified.partition),
    }


def _words(partition: pd.DataFrame | None) -> list[str]:
    return [] if partition is None else [typeset(each) for each in sentences(partition)]


def _row(row: dict[Any, Any]) -> dict[str, str]:
    words = {name: "" if pd.isna(value) else str(value) for name, value in row.items()}
    return words | {name: signed(words[name]) for name in ("observed", "allowed")}


def _group(name: str, rows: list[dict[str, str]]) -> dict[str, Any]:
    counts = Counter(row["verdict"] for row in rows)
    return {"name": name.capitalize(), "rows": rows, "counts": [counts[each] for each in COLUMNS]}
