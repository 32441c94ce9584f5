"""The analyses whose files are next to those of a run, each read when it is of the question."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import pandas as pd

from sim.analyses.price.analysis import PriceAnalysis
from sim.analyses.price.result import read_price
from sim.analyses.psa.acceptability import CURVES, Switch, quiet_increments, switching_thresholds
from sim.analyses.psa.draws_run import Psa
from sim.analyses.psa.stored_draws import read_psa
from sim.analyses.shared.stored import Stored
from sim.analyses.tornado.analysis import Tornado
from sim.analyses.tornado.result import read_tornado
from sim.analyses.validate.result import TABLE as VALIDATION
from sim.analyses.verify.partition import TABLE as PARTITION
from sim.analyses.verify.result import TABLE as CHECKS
from sim.analyses.voi.result import read_voi, voi_table
from sim.evidence.register import Published, find_folder, published
from sim.files.documents import exists
from sim.layout.schema import read_text
from sim.report.results import Results


@dataclass(frozen=True)
class Probabilistic:
    """A probabilistic analysis: psa.json, its draws, and its acceptability curves."""

    stored: Stored

    @property
    def content(self) -> Mapping[str, Any]:
        """The content of psa.json."""
        return self.stored.summary

    @cached_property
    def psa(self) -> Psa:
        """The draws."""
        return read_psa(self.stored)

    @cached_property
    def curves(self) -> pd.DataFrame:
        """The acceptability curves; there are two strategies or more."""
        return self.stored.table(CURVES)

    @property
    def switches(self) -> tuple[Switch, ...]:
        """Thresholds at which the strategy of the most expected net benefit changes."""
        outcomes = [each["outcomes"] for each in self.content["strategies"]]
        means = ([each[name]["mean"] for each in outcomes] for name in ("cost", "qalys"))
        return switching_thresholds(*means)

    def increments(self, strategy: str) -> Any:  # noqa: ANN401 - an array
        """Return the draws of a strategy's QALYs and cost over the comparator, without noise."""
        return quiet_increments(self.psa, strategy)


@dataclass(frozen=True)
class Information:
    """The value of information: voi.json, and the tables of voi.csv and evpi.csv."""

    content: Mapping[str, Any]
    table: pd.DataFrame
    curve: pd.DataFrame


@dataclass(frozen=True)
class Followed:
    """One patient under every strategy: explain.json, and the figure explain.svg."""

    content: Mapping[str, Any]
    figure: str


@dataclass(frozen=True)
class Verified:
    """The checks: verify.csv, and partitioned survival beside the simulation where it is there."""

    checks: pd.DataFrame
    partition: pd.DataFrame | None


@dataclass(frozen=True)
class Analyses:
    """The analyses found next to a run; None where one was not run.

    `published` holds published results of the same patients, for the curves; `refused` names the
    files of analyses that belong to another question or version.
    """

    probabilistic: Probabilistic | None = None
    one_way: Tornado | None = None
    information: Information | None = None
    priced: PriceAnalysis | None = None
    followed: Followed | None = None
    verified: Verified | None = None
    validation: pd.DataFrame | None = None
    published: tuple[Published, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def lines(self) -> Analyses | None:
        """All of them where the sliders of the page have their lines, from the price of the drug."""
        return None if self.priced is None else self


def _information(stored: Stored) -> Information:
    found, patients = read_voi(stored)
    return Information(stored.summary, voi_table(found, patients), found.curve)


def _followed(stored: Stored) -> Followed:
    return Followed(stored.summary, read_text(stored.folder / "explain.svg"))


def _verified(stored: Stored) -> Verified:
    there = exists(stored.folder / PARTITION.file)
    return Verified(stored.table(CHECKS), stored.table(PARTITION) if there else None)


READERS: Final[Mapping[str, tuple[str, Callable[[Stored], Any]]]] = {
    "probabilistic": ("psa.json", Probabilistic),
    "one_way": ("tornado.json", read_tornado),
    "information": ("voi.json", _information),
    "priced": ("price.json", read_price),
    "followed": ("explain.json", _followed),
    "verified": ("verify.json", _verified),
}


def read_analyses(results: Results) -> Analyses:
    """Read the analyses in the folder of the results.

    Raises
    ------
    UserError
        When a file of an analysis is broken or its other files are missing.
    """
    found: dict[str, Any] = {}
    refused = {}
    for name, (file, read) in READERS.items():
        stored = Stored(results.folder, file, results.question)
        if not exists(results.folder / file):
            continue
        if stored.is_current:
            found[name] = read(stored)
        else:
            refused[name] = file
    return Analyses(
        **found,
        validation=_validation(results.folder),
        published=tuple(published(results.question)),
        refused=refused,
    )


def _validation(folder: Path) -> pd.DataFrame | None:
    """Read the validation in the folder, else the one that comes with the register."""
    places = [folder, find_folder().parent / "results"]
    return next((VALIDATION.read(each) for each in places if exists(each / VALIDATION.file)), None)
