"""The files of an analysis: what all have in common, and whether those in a folder still hold.

Common are heading, provenance, citations and figures. Files in a folder are results of a question
as it is now, or they are not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from sim.errors import NOT_GIVEN, UserError
from sim.files.atomic import Content, encoded
from sim.files.documents import dotted
from sim.files.schema import mistakes_in
from sim.layout.citations import citations
from sim.layout.figure_file import figure_files, figure_names
from sim.layout.schema import Schema, in_csv, read_json
from sim.simulation.provenance import fingerprint, provenance
from sim.simulation.question import Question

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

INDENT: Final = 2
SHARED: Final = ("provenance.json", "citations.txt")
OF_ALL: Final = {"strategies", "increments"}
"""Lists with one item for each strategy, or for each but the comparator."""


def names_of(analysis: str, *, figure: bool = True) -> tuple[str, ...]:
    """Return the names of the files of an analysis."""
    figures = figure_names([analysis]) if figure else ()
    return (f"{analysis}.csv", f"{analysis}.json", *figures, *SHARED)


def analysis_files(
    question: Question,
    analysis: str,
    table: pd.DataFrame,
    summary: Mapping[str, Any],
    figure: Figure | None = None,
) -> dict[str, str | bytes]:
    """Return the files of an analysis by name.

    Parameters
    ----------
    question
        The question.
    analysis
        Its name, also that of the files.
    table
        The rows of the CSV file; values that cannot be estimated are empty.
    summary
        The content of the JSON file after the heading.
    figure
        Under the same name, in all formats.
    """
    settings = {key: value for key, value in summary.items() if not isinstance(value, list | dict)}
    origin = provenance(question) | {"analysis": analysis} | settings
    files: dict[str, str | bytes] = {
        f"{analysis}.csv": in_csv(table),
        f"{analysis}.json": summary_json(question, analysis, summary),
        "provenance.json": json.dumps(origin, indent=INDENT, allow_nan=False) + "\n",
        "citations.txt": citations(question),
    }
    if figure is not None:
        files |= figure_files({analysis: figure})
    return files


def summary_json(question: Question, analysis: str, summary: Mapping[str, Any]) -> str:
    """Return an analysis as JSON text, after its question."""
    scenario = question.scenario
    content = {
        "analysis": analysis,
        "scenario": Path(question.loaded.file).stem,
        "title": scenario.title,
        "population": scenario.population,
        "setting": scenario.setting,
        "perspective": scenario.perspective,
        "currency": question.perspective.currency,
        "price_year": question.perspective.price_year,
        "patients": question.patients,
        "seed": question.seed,
        "scenario_sha256": fingerprint(question),
        **summary,
    }
    return json.dumps(content, indent=INDENT, allow_nan=False) + "\n"


def in_bytes(files: Mapping[str, Content]) -> dict[str, bytes]:
    """Return the contents of files as written to the disk."""
    return {name: encoded(content) for name, content in files.items()}


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
    def _written(self) -> dict[str, Any]:
        """The content of the JSON file, whatever it is."""
        return read_json(self.folder / self.file)

    @cached_property
    def summary(self) -> dict[str, Any]:
        """The content of the JSON file.

        Raises
        ------
        UserError
            When it is not there, or is not what the analysis writes.
        """
        check_content(self.folder / self.file, self._written, self.asked)
        return self._written

    @cached_property
    def question(self) -> Question:
        """The question with the number of patients and the seed of the results."""
        return replace(self.asked, patients=self.summary["patients"], seed=self.summary["seed"])

    @property
    def is_current(self) -> bool:
        """Whether the results are those of the question as it is now."""
        return belongs(self._written, self.asked)

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
        """Read a table of the analysis.

        Raises
        ------
        UserError
            As `Schema.read`, and at a strategy that the question does not have.
        """
        found = schema.read(self.folder)
        names = self.asked.strategy_names
        for column in schema.columns:
            if not column.is_strategy:
                continue
            allowed = names if column.is_given else (*names, "")
            for value in found[column.name].unique():
                if value not in allowed:
                    raise UserError(
                        "no such strategy in this scenario",
                        file=self.folder / schema.file,
                        key=column.name,
                        value=value,
                        choices=names,
                    )
        return found


def belongs(content: Mapping[str, Any], question: Question) -> bool:
    """Whether the content of a JSON file is that of a question, at its own patients and seed."""
    patients, seed = content.get("patients"), content.get("seed")
    if not isinstance(patients, int) or not isinstance(seed, int):
        return False
    asked = replace(question, patients=patients, seed=seed)
    return bool(content.get("scenario_sha256") == fingerprint(asked))


def check_content(path: Path, content: Mapping[str, Any], question: Question) -> None:
    """Refuse the content of a JSON file that is not what an analysis of the question writes.

    Raises
    ------
    UserError
        At the first key that is missing, or whose value is of another type or an unknown name.
    """
    # Imported here: to make these models takes a tenth of a second, and a run reads no file of results.
    from sim.analyses.shared.contents import CONTENTS

    kind = CONTENTS.get(path.name)
    if kind is None:
        return
    try:
        kind.model_validate(dict(content), context=question)
    except ValidationError as error:
        first = mistakes_in(error, kind)[0]
        value = NOT_GIVEN if first.value is None else first.value
        raise UserError(
            first.problem,
            file=path,
            key=dotted(first.path) or None,
            value=value,
            choices=first.choices,
        ) from None
    names = question.strategy_names
    for key in sorted(OF_ALL & kind.model_fields.keys()):
        found = [each.get("name", each.get("strategy")) for each in content[key]]
        wanted = [
            name
            for name in names
            if key == "strategies" or name != question.scenario.comparator_name
        ]
        if found != wanted:
            problem = f"must be of the strategies {', '.join(wanted)}, in this order"
            raise UserError(problem, file=path, key=key, value=", ".join(found))
