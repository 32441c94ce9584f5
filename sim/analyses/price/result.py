"""``price``: the price of a drug at which a threshold is met."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from sim.analyses.price import tables as report
from sim.analyses.price.analysis import PriceAnalysis, only_regimen, price_parameter, priced_results
from sim.analyses.psa.analysis import Work, results
from sim.analyses.psa.result import chosen_size
from sim.analyses.shared.arguments import (
    Cached,
    Draws,
    Out,
    PatientsPerDraw,
    Seed,
    Threads,
    checked,
)
from sim.analyses.shared.result import StoredResult, folder_of, written
from sim.analyses.shared.scenario import Asked, Scenario, asked
from sim.analyses.shared.stored import Stored
from sim.layout.progress import patients_progress

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from rich.console import Console


class PriceResult(StoredResult):
    """The prices of a vial at which strategies meet each threshold, with their uncertainty."""

    COMMAND = "price"
    FILES = report.NAMES
    FIGURES = (report.CURVE,)

    def __init__(self, scenario: Scenario, found: PriceAnalysis) -> None:
        super().__init__(scenario)
        self._found = found

    @classmethod
    def _read(cls, scenario: Scenario, stored: Stored) -> Self:
        return cls(scenario, report.read_price(stored))

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """The tables by the name of their file, without its suffix."""
        return {report.ANALYSIS: self.prices, report.CURVE: self.curve}

    @property
    def prices(self) -> pd.DataFrame:
        """A row per strategy, threshold and basis, as in price.csv: `sim.analyses.price.tables.TABLE`."""
        return report.price_table(self._found)

    @property
    def curve(self) -> pd.DataFrame:
        """The probability of being the most cost-effective by price: `sim.analyses.price.analysis.CURVE`."""
        return self._found.curve

    def files(self) -> Mapping[str, str | bytes]:
        """Return the contents of the files by name."""
        return report.price_files(self._found)

    def json(self) -> str:
        """Return the summary as JSON text."""
        return report.price_json(self._found)

    def _print(self, console: Console) -> None:
        """Print the prices at every threshold."""
        report.print_price(console, self._found)

    def _draw(self, name: str) -> Figure:  # noqa: ARG002 - there is one
        return report.drawn_price(self._found)


@checked
def price(
    scenario: Asked,
    regimen: str | None = None,
    *,
    draws: Draws = None,
    patients: PatientsPerDraw = None,
    seed: Seed = None,
    out: Out = None,
    cached: Cached = True,
    threads: Threads = None,
) -> PriceResult:
    """Find the price per vial at which the strategies of a scenario meet each threshold.

    In the base case, over draws of the uncertain parameters, and as a curve of the probability of
    being cost-effective against the price. Exact for the simulated patients: the price changes the
    cost of a strategy, and no patient's course.

    Parameters
    ----------
    scenario
        The question, or the path of its file; its own number of patients does not matter.
    regimen
        A regimen of the scenario with a drug that comes in vials; by default the only one.
    draws, patients, seed, cached, threads
        As for `psa`.
    out
        As for `run`.

    Raises
    ------
    UserError
        When there is no such regimen, or none is given and there are several, its drug does not come in vials or its price is uncertain, or
        an argument is not allowed.

    Examples
    --------
    >>> from sim import Scenario, price
    >>> scenario = Scenario.load("scenarios/first_salvage.yaml")
    >>> found = price(scenario, "blinatumomab", draws=4, patients=50, cached=False)
    >>> found.prices["direction"].unique().tolist()
    ['at most']
    """
    chosen = asked(scenario, seed=seed)
    question = chosen.question
    folder = folder_of(PriceResult, out)
    regimen = only_regimen(question) if regimen is None else regimen
    price_parameter(question, regimen)
    work = Work(threads, cached=cached, bar=patients_progress)
    size = chosen_size(question, work, draws=draws, patients=patients)
    sized = replace(question, patients=size.patients)
    found = priced_results(sized, regimen, lambda each: results(each, size.draws, work))
    return written(PriceResult(chosen, found.analysis()), folder)
