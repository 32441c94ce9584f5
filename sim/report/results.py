"""The result files of a run, read and checked against the scenario that they are reported with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import pandas as pd

from sim.analyses.run.tables import SUMMARY, by_strategy
from sim.analyses.shared.stored import Stored, belongs
from sim.economics.estimates import NOT_ESTIMABLE, Estimate
from sim.errors import UserError
from sim.files.documents import exists
from sim.layout.cells import SYMBOLS
from sim.layout.run_columns import EVENTS, OPTIONAL, TABLES
from sim.layout.schema import read_json, read_text
from sim.simulation.question import Question

OPTION: Final = "--from"
BESIDE: Final = "provenance_"
"""Start of the names of files with the provenance of analyses next to a run."""


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
        return self._gains.get(strategy, {})

    def outcome(self, strategy: str, name: str) -> Estimate:
        """Return an outcome of a strategy; not estimable where there is none."""
        return self.outcomes(strategy).get(name, NOT_ESTIMABLE)

    def gain(self, strategy: str, name: str) -> Estimate:
        """Return an outcome of a strategy minus that of the comparator."""
        return self.gains(strategy).get(name, NOT_ESTIMABLE)

    def benefit(self, strategy: str, threshold: float) -> Estimate:
        """Return the incremental net monetary benefit of a strategy; the comparator's is 0."""
        if strategy == self.comparator:
            return Estimate(0.0, 0.0)
        return self.gain(strategy, f"nmb_at_{threshold:g}")

    def belongs(self, content: Mapping[str, Any]) -> bool:
        """Whether the results of an analysis are those of this question."""
        return belongs(content, self.question)

    @cached_property
    def _outcomes(self) -> dict[str, dict[str, Estimate]]:
        return by_strategy(self.tables["strategies.csv"], self.folder / "strategies.csv")

    @cached_property
    def _gains(self) -> dict[str, dict[str, Estimate]]:
        return by_strategy(self.tables["increments.csv"], self.folder / "increments.csv")


def read_results(folder: Path, question: Question) -> Results:
    """Read the files that ``run --out`` has written into `folder`.

    Raises
    ------
    UserError
        When one is missing or cannot be read, or when they are not those of the question as it
        is now.
    """
    if not exists(folder) or not folder.is_dir():
        raise UserError("is not a folder of results", key=OPTION, value=str(folder))
    run = Stored(folder, SUMMARY, question)
    run.check()
    return Results(
        folder=folder,
        question=run.question,
        summary=run.summary,
        provenance=read_json(folder / "provenance.json"),
        citations=read_text(folder / "citations.txt"),
        tables={
            name: run.table(schema)
            for name, schema in TABLES.items()
            if schema not in OPTIONAL or (schema != EVENTS and question.scenario.subgroups)
        },
        beside=[
            {**read_json(path), "name": path.stem.removeprefix(BESIDE)}
            for path in sorted(folder.glob(f"{BESIDE}*.json"))
        ],
    )
