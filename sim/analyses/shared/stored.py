"""The files of an analysis in a folder, and whether they are results of a question as it is now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from sim.errors import UserError
from sim.layout.schema import Schema, read_json
from sim.simulation.provenance import fingerprint
from sim.simulation.question import Question


@dataclass(frozen=True)
class Stored:
    """The files of an analysis in a folder.

    Attributes
    ----------
    folder, file
        The folder, and the name of the JSON file of the analysis in it.
    asked
        The question, whose own number of patients and seed do not matter.
    """

    folder: Path
    file: str
    asked: Question

    @cached_property
    def summary(self) -> dict[str, Any]:
        """The content of the JSON file.

        Raises
        ------
        UserError
            When it is not there or is no such file.
        """
        return read_json(self.folder / self.file)

    @cached_property
    def question(self) -> Question:
        """The question with the number of patients and the seed of the results."""
        return replace(self.asked, patients=self.summary["patients"], seed=self.summary["seed"])

    @property
    def is_current(self) -> bool:
        """Whether the results are those of the question as it is now."""
        return belongs(self.summary, self.asked)

    def check(self) -> None:
        """Refuse results of another question.

        Raises
        ------
        UserError
            When they are, or when there are none.
        """
        if not self.is_current:
            raise UserError(
                f"holds other results than {self.asked.loaded.file} gives now; run it again",
                file=self.folder / self.file,
                key="scenario_sha256",
            )

    def table(self, schema: Schema) -> pd.DataFrame:
        """Read a table of the analysis; errors are those of `Schema.read`."""
        return schema.read(self.folder)


def belongs(content: Mapping[str, Any], question: Question) -> bool:
    """Whether the content of a JSON file is that of a question, at its own patients and seed."""
    patients, seed = content.get("patients"), content.get("seed")
    if not isinstance(patients, int) or not isinstance(seed, int):
        return False
    asked = replace(question, patients=patients, seed=seed)
    return bool(content.get("scenario_sha256") == fingerprint(asked))
