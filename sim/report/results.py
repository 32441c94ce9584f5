"""The result files of a run, read and checked against the scenario that they are reported with."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import pandas as pd

from sim.economics.estimates import NOT_ESTIMABLE, Estimate
from sim.errors import UserError
from sim.files.documents import exists
from sim.layout.cells import SYMBOLS
from sim.layout.run_columns import COLUMNS
from sim.simulation.provenance import fingerprint
from sim.simulation.question import Question

OPTION: Final = "--from"
TABLES: Final = (
    "strategies.csv",
    "increments.csv",
    "survival.csv",
    "ledger.csv",
    "flow.csv",
    "inputs.csv",
)
BESIDE: Final = "provenance_"
"""Start of the names of files with the provenance of analyses next to a run."""
WORDS: Final[Mapping[str, type]] = {"strategy": str, "comparator": str}
"""Columns that hold names, which may look like numbers."""


@dataclass(frozen=True)
class Results:
    """The files of a run of the question.

    Attributes
    ----------
    question
        With the number of patients and the seed of the run.
    summary, provenance
        The contents of the JSON files of these names.
    citations
        The text of citations.txt.
    tables
        The other files, by name.
    beside
        Provenance of each analysis next to the run, with its ``name``.
    """

    folder: Path
    question: Question
    summary: Mapping[str, Any]
    provenance: Mapping[str, Any]
    citations: str
    tables: Mapping[str, pd.DataFrame]
    beside: Sequence[Mapping[str, Any]] = ()

    @property
    def labels(self) -> dict[str, str]:
        """Labels of strategies, by name, in the order of the run."""
        return {each["name"]: each["label"] for each in self.summary["strategies"]}

    @property
    def strategies(self) -> list[str]:
        """Names of the strategies."""
        return list(self.labels)

    @property
    def comparator(self) -> str:
        """Name of the strategy that the others are compared with."""
        return self.question.scenario.comparator_name

    @property
    def others(self) -> list[str]:
        """Names of the strategies but the comparator."""
        return [name for name in self.strategies if name != self.comparator]

    @property
    def symbol(self) -> str:
        """The sign of the currency."""
        return SYMBOLS[self.summary["currency"]]

    @property
    def thresholds(self) -> list[float]:
        """In currency per QALY, rising."""
        return sorted(self.summary["thresholds"])

    def outcomes(self, strategy: str) -> Mapping[str, Estimate]:
        """Return the outcomes of a strategy by name; not estimable where there is none."""
        return self._outcomes[strategy]

    def gains(self, strategy: str) -> Mapping[str, Estimate]:
        """Return the outcomes of a strategy minus those of the comparator by name."""
        return self._gains[strategy]

    def outcome(self, strategy: str, name: str) -> Estimate:
        """Return an outcome of a strategy; not estimable where there is none."""
        return self.outcomes(strategy)[name]

    def gain(self, strategy: str, name: str) -> Estimate:
        """Return an outcome of a strategy minus that of the comparator."""
        return self.gains(strategy)[name]

    def benefit(self, strategy: str, threshold: float) -> Estimate:
        """Return the incremental net monetary benefit of a strategy; the comparator's is 0."""
        if strategy == self.comparator:
            return Estimate(0.0, 0.0)
        return self.gain(strategy, f"nmb_at_{threshold:g}")

    def belongs(self, content: Mapping[str, Any]) -> bool:
        """Whether the results of an analysis are those of this question."""
        return answers(content, self.question)

    @cached_property
    def _outcomes(self) -> Mapping[str, Mapping[str, Estimate]]:
        return _estimates(self.tables["strategies.csv"])

    @cached_property
    def _gains(self) -> Mapping[str, Mapping[str, Estimate]]:
        return _estimates(self.tables["increments.csv"])


def read_results(folder: Path, question: Question) -> Results:
    """Read the files that ``run --out`` has written into `folder`.

    Raises
    ------
    UserError
        When one is missing or cannot be read, or when they are not those of the question as it
        is now.
    """
    if not folder.is_dir():
        raise UserError("is not a folder of results", key=OPTION, value=str(folder))
    summary = read_json(folder / "summary.json")
    if not answers(summary, question):
        raise UserError(
            f"holds other results than {question.loaded.file} gives now; run it again",
            file=folder / "summary.json",
            key="scenario_sha256",
        )
    tables = {name: read_table(folder / name, COLUMNS[name]) for name in TABLES}
    return Results(
        folder=folder,
        question=replace(question, patients=summary["patients"], seed=summary["seed"]),
        summary=summary,
        provenance=read_json(folder / "provenance.json"),
        citations=read_text(folder / "citations.txt"),
        tables=tables,
        beside=[
            {**read_json(path), "name": path.stem.removeprefix(BESIDE)}
            for path in sorted(folder.glob(f"{BESIDE}*.json"))
        ],
    )


def answers(content: Mapping[str, Any], question: Question) -> bool:
    """Whether a JSON file of results is that of the question, at its own number and seed."""
    patients, seed = content.get("patients"), content.get("seed")
    if not isinstance(patients, int) or not isinstance(seed, int):
        return False
    asked = replace(question, patients=patients, seed=seed)
    return bool(content.get("scenario_sha256") == fingerprint(asked))


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds keys and values.

    Raises
    ------
    UserError
        When it is not there or is no such file.
    """
    try:
        content = json.loads(read_text(path))
    except ValueError as error:
        raise UserError(f"is not JSON ({error})", file=path) from None
    if not isinstance(content, dict):
        raise UserError("does not hold keys and values", file=path)
    return content


def read_table(path: Path, columns: Sequence[str] = ()) -> pd.DataFrame:
    """Read a CSV file that has at least these columns.

    Raises
    ------
    UserError
        When it is not there, is no CSV file, or lacks a column.
    """
    _check_there(path)
    try:
        table = pd.read_csv(path, dtype=dict(WORDS), keep_default_na=False, na_values=[""])
    except (ValueError, OSError) as error:
        raise UserError(f"is not a table ({error})", file=path) from None
    for column in columns:
        if column not in table:
            raise UserError("has no such column; run the scenario again", file=path, key=column)
    return table


def read_text(path: Path) -> str:
    """Read a text file.

    Raises
    ------
    UserError
        When it is not there or is not UTF-8.
    """
    _check_there(path)
    try:
        return path.read_text(encoding="utf-8")
    except (UnicodeDecodeError, OSError) as error:
        raise UserError(f"cannot be read ({error})", file=path) from None


def _check_there(path: Path) -> None:
    if not exists(path):
        raise UserError(
            "is missing; write it with: python -m sim run SCENARIO --out DIR", file=path
        )


def _estimates(table: pd.DataFrame) -> Mapping[str, Mapping[str, Estimate]]:
    """Return the estimates of a table by strategy and outcome; an empty cell is nan."""
    found: dict[str, dict[str, Estimate]] = defaultdict(lambda: defaultdict(lambda: NOT_ESTIMABLE))
    rows = zip(table["strategy"], table["outcome"], table["mean"], table["se"], strict=True)
    for strategy, outcome, *numbers in rows:
        found[strategy][outcome] = Estimate(
            *(math.nan if each is None else float(each) for each in numbers)
        )
    return found
