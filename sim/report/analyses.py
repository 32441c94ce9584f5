"""The analyses whose files are next to those of a run, each read when it is of the question."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import pandas as pd

from sim.analyses.price.analysis import PriceLimit
from sim.analyses.price.tables import COLUMNS as PRICE_COLUMNS
from sim.analyses.psa.acceptability import Switch, switching_thresholds
from sim.analyses.psa.curves import acceptability_curves, quiet_increments
from sim.analyses.psa.draws_run import COVARIANCE, INCREMENT_SE, Psa
from sim.analyses.shared.outcomes import outcome_named
from sim.analyses.tornado.analysis import Bar, Found, Tornado
from sim.analyses.tornado.tables import COLUMNS as TORNADO_COLUMNS
from sim.analyses.voi.tables import COLUMNS as VOI_COLUMNS
from sim.economics.estimates import Estimate
from sim.errors import UserError
from sim.evidence.published import Published, published
from sim.evidence.register import find_folder
from sim.report.results import Results, read_json, read_table, read_text

VALIDATION: Final = "validation.csv"
VALIDATION_COLUMNS: Final = (
    "study",
    "endpoint",
    "role",
    "published",
    "low",
    "high",
    "predicted",
    "predicted_low",
    "predicted_high",
    "inside",
)
EVPI_COLUMNS: Final = ("threshold", "evpi", "se")
BASE_CASE: Final = "base_case"
MEAN: Final = "mean_over_draws"
DRAWS: Final = (
    "draw",
    "strategy",
    "cost",
    "qalys",
    f"{INCREMENT_SE}cost",
    f"{INCREMENT_SE}qalys",
    COVARIANCE,
)
"""Columns read from psa.parquet, for the plane and the curves."""


@dataclass(frozen=True)
class Probabilistic:
    """A probabilistic analysis: psa.json, its draws, and its acceptability curves."""

    content: Mapping[str, Any]
    psa: Psa
    curves: pd.DataFrame

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
    """The value of information: voi.json, voi.csv and the curve of evpi.csv."""

    content: Mapping[str, Any]
    table: pd.DataFrame
    curve: pd.DataFrame


@dataclass(frozen=True)
class Priced:
    """Prices at which thresholds are met: price.json, price.csv and price_curve.csv."""

    content: Mapping[str, Any]
    table: pd.DataFrame
    curve: pd.DataFrame

    @property
    def limits(self) -> list[PriceLimit]:
        """The rows of the table by strategy and threshold."""
        found: dict[tuple[str, float], dict[str, Any]] = {}
        for row in self.table.to_dict("records"):
            bases = found.setdefault((row["strategy"], row["threshold"]), {})
            bases[row["basis"]] = Estimate(row["price_per_vial"], row["se"])
            bases["direction"] = row["direction"]
        return [
            PriceLimit(strategy, threshold, of[BASE_CASE], of[MEAN], of["direction"])
            for (strategy, threshold), of in found.items()
        ]


@dataclass(frozen=True)
class Followed:
    """One patient under every strategy: explain.json, and the figure explain.svg."""

    content: Mapping[str, Any]
    figure: str


@dataclass(frozen=True)
class Analyses:
    """The analyses found next to a run; None where one was not run.

    `published` holds published results of the same patients, for the curves; `refused` names the
    files of analyses that belong to another question or version.
    """

    probabilistic: Probabilistic | None = None
    one_way: Tornado | None = None
    information: Information | None = None
    priced: Priced | None = None
    followed: Followed | None = None
    validation: pd.DataFrame | None = None
    published: tuple[Published, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)


def read_analyses(results: Results) -> Analyses:
    """Read the analyses in the folder of the results.

    Raises
    ------
    UserError
        When a file of an analysis is broken or its other files are missing.
    """
    readers = {
        "probabilistic": ("psa.json", _probabilistic),
        "one_way": ("tornado.json", _one_way),
        "information": ("voi.json", _information),
        "priced": ("price.json", _priced),
        "followed": ("explain.json", _followed),
    }
    found: dict[str, Any] = {}
    refused = {}
    for name, (file, read) in readers.items():
        path = results.folder / file
        if not path.exists():
            continue
        content = read_json(path)
        if results.belongs(content):
            found[name] = read(results, content)
        else:
            refused[name] = file
    return Analyses(
        **found,
        validation=_validation(results.folder),
        published=tuple(published(results.question)),
        refused=refused,
    )


def _probabilistic(results: Results, content: Mapping[str, Any]) -> Probabilistic:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = results.folder / "psa.parquet"
    try:
        outcomes = pq.read_table(path, columns=list(DRAWS)).to_pandas()
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"cannot be read ({error})", file=path) from None
    draws = pd.DataFrame(index=outcomes["draw"].unique())
    asked = replace(results.question, patients=content["patients"], seed=content["seed"])
    psa = Psa(asked, draws, outcomes, pd.DataFrame(), content["base_case_patients"])
    curves = results.folder / "acceptability.csv"
    return Probabilistic(
        content, psa, read_table(curves) if curves.exists() else acceptability_curves(psa)
    )


def _one_way(results: Results, content: Mapping[str, Any]) -> Tornado:
    table = read_table(results.folder / "tornado.csv", TORNADO_COLUMNS)
    currency = results.question.perspective.currency
    threshold = content["threshold"]
    return Tornado(
        question=results.question,
        outcome=outcome_named(content["outcome"], threshold=threshold, currency=currency),
        strategy=content["strategy"],
        threshold=threshold,
        base=Estimate(
            *(
                math.nan if content["base"][key] is None else content["base"][key]
                for key in ("mean", "se")
            )
        ),
        state=content["state"] or "",
        optimal=content["optimal"],
        bars=tuple(_bar(row) for row in table.to_dict("records")),
    )


def _bar(row: Mapping[Any, Any]) -> Bar:
    ends = [
        Found(
            value=None if pd.isna(row[side]) else float(row[side]),
            outcome=float(row[f"outcome_{side}"]),
            change=Estimate(float(row[f"outcome_{side}"] - row["base"]), float(row[f"se_{side}"])),
            optimal=str(row[f"optimal_{side}"]),
            benefit=float(row[f"benefit_{side}"]),
            state="" if pd.isna(row[f"state_{side}"]) else str(row[f"state_{side}"]),
        )
        for side in ("low", "high")
        # A structural choice has one end.
        if not pd.isna(row[f"optimal_{side}"])
    ]
    unit = "" if pd.isna(row["unit"]) else row["unit"]
    return Bar(row["group"], row["parameter"], row["label"], unit, tuple(ends))


def _information(results: Results, content: Mapping[str, Any]) -> Information:
    return Information(
        content,
        read_table(results.folder / "voi.csv", VOI_COLUMNS),
        read_table(results.folder / "evpi.csv", EVPI_COLUMNS),
    )


def _priced(results: Results, content: Mapping[str, Any]) -> Priced:
    return Priced(
        content,
        read_table(results.folder / "price.csv", PRICE_COLUMNS),
        read_table(results.folder / "price_curve.csv"),
    )


def _followed(results: Results, content: Mapping[str, Any]) -> Followed:
    return Followed(content, read_text(results.folder / "explain.svg"))


def _validation(folder: Path) -> pd.DataFrame | None:
    """Read the validation in the folder, else the one that comes with the register."""
    places = [folder / VALIDATION]
    try:
        places.append(find_folder().parent / "results" / VALIDATION)
    except UserError:
        # An installed package comes without the register.
        pass
    for path in places:
        if path.exists():
            return read_table(path, VALIDATION_COLUMNS)
    return None
