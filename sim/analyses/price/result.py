"""``price``: the price of a drug at which a threshold is met."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
from rich.console import Console

from sim.analyses.price.analysis import CURVE as CURVE_TABLE
from sim.analyses.price.analysis import (
    LINE,
    Chance,
    PriceAnalysis,
    PriceLimit,
    only_regimen,
    price_parameter,
    priced_results,
)
from sim.analyses.psa.analysis import Work, results
from sim.analyses.psa.result import chosen_size
from sim.analyses.shared.arguments import (
    Cached,
    Cluster,
    Draws,
    Out,
    PatientsPerDraw,
    Seed,
    Threads,
    checked,
)
from sim.analyses.shared.result import LaidOutResult, Layout, folder_of, stored_size, written
from sim.analyses.shared.scenario import Asked, asked
from sim.analyses.shared.stored import Stored, analysis_files, names_of
from sim.analyses.shared.text import against, print_notes
from sim.analyses.shared.work import spread
from sim.clinic.units import PERCENT
from sim.economics.estimates import Estimate
from sim.errors import UserError
from sim.layout.cells import NOTHING, SYMBOLS, amount, estimate_row, finite
from sim.layout.figure_file import figure_files, figure_names
from sim.layout.progress import patients_progress
from sim.layout.schema import (
    Entries,
    Schema,
    estimated,
    in_csv,
    number,
    records,
    strategy_name,
    text,
)
from sim.layout.table import Cell, Row, Table, print_table
from sim.layout.text import print_question

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ANALYSIS: Final = "price"
CURVE: Final = "price_curve"
NAMES: Final = (
    *(*names_of(ANALYSIS, figure=False), CURVE_TABLE.file, LINE.file),
    *figure_names([CURVE]),
)
TABLE: Final = Schema(
    f"{ANALYSIS}.csv",
    (
        strategy_name(),
        strategy_name("comparator"),
        number("threshold", "in `currency` per QALY"),
        text("basis", "``base_case``, the parameters' own values, or ``mean_over_draws``"),
        number(
            "price_per_vial", "at which the ICER is the threshold; below 0 a payment to the payer"
        ),
        number("se", "its Monte Carlo error or, over draws, that of draws and patients"),
        text("direction", "whether the threshold is met at most or at least at this price"),
        number("change_percent", "from the price of the scenario; empty below a price of 0"),
        number("vials_per_cycle", "mean of started cycles; empty unless in the first line alone"),
        *estimated("price_per_cycle"),
        text("currency", "of the prices and of `threshold`"),
    ),
    ("strategy", "threshold", "basis"),
)
BASES: Final = ("base_case", "mean_over_draws")
LINEAR: Final = (
    "The price changes no patient's course, so costs are a straight line of it and every price "
    "here is exact for these draws and patients. A price per cycle counts the mean vials of a "
    "cycle that is started."
)
CHANCES: Final = ("at_price_of_scenario", "at_price_of_base_case")
NEVER: Final = (
    "A price below 0 says that the threshold is not met even where the drug is for nothing."
)
CURVE_NOTE: Final = (
    "Most cost-effective is the strategy with the highest net benefit of all; the probability is a "
    "share of draws, with the Monte Carlo noise of each draw taken out. --out DIR writes and draws "
    "the whole curve against the price (price_curve)."
)


def price_table(found: PriceAnalysis) -> pd.DataFrame:
    """Return the prices as `TABLE`."""
    return TABLE.table(
        (
            limit.strategy,
            found.question.scenario.comparator_name,
            limit.threshold,
            basis,
            *estimate_row(price),
            limit.direction,
            finite(found.change_percent(price.mean)),
            finite(vials),
            *estimate_row(_per_cycle(price, vials)),
            found.question.perspective.currency,
        )
        for limit in found.limits
        for vials in (found.vials_per_cycle[limit.strategy],)
        for basis, price in zip(BASES, (limit.base, limit.mean), strict=True)
    )


def price_summary(found: PriceAnalysis) -> dict[str, Any]:
    """Return the content of price.json after its heading."""
    return {
        "regimen": found.regimen,
        "parameter": found.parameter,
        "price": found.price,
        **found.size,
        "prices": records(price_table(found)),
        "probability_most_cost_effective": [
            {
                "strategy": strategy,
                "threshold": threshold,
                **{
                    name: None if chance is None else chance._asdict()
                    for name, chance in zip(CHANCES, chances, strict=True)
                },
            }
            for (strategy, threshold), chances in found.chances.items()
        ],
    }


def read_price(stored: Stored) -> PriceAnalysis:
    """Return the analysis in a folder; a file that is missing or broken is a `UserError`."""
    told, table = stored.summary, stored.table(TABLE)
    if sorted(table["basis"].unique()) != sorted(BASES):
        problem = f"must be {' and '.join(BASES)}"
        raise UserError(problem, file=stored.folder / TABLE.file, key="basis")
    bases, means = (table[table["basis"] == basis].to_dict("records") for basis in BASES)
    return PriceAnalysis(
        **stored_size(stored),
        **{key: told[key] for key in ("regimen", "parameter", "price")},
        limits=tuple(
            PriceLimit(
                base["strategy"],
                base["threshold"],
                Estimate(base["price_per_vial"], base["se"]),
                Estimate(mean["price_per_vial"], mean["se"]),
                base["direction"],
            )
            for base, mean in zip(bases, means, strict=True)
        ),
        vials_per_cycle={base["strategy"]: base["vials_per_cycle"] for base in bases},
        chances=Entries(
            (
                (
                    (each["strategy"], each["threshold"]),
                    tuple(None if each[at] is None else Chance(**each[at]) for at in CHANCES),
                )
                for each in told["probability_most_cost_effective"]
            ),
            stored.folder / stored.file,
        ),
        curve=stored.table(CURVE_TABLE),
        line=stored.table(LINE),
    )


def drawn_price(found: PriceAnalysis) -> Figure:
    """Return the figure of the analysis."""
    from sim.analyses.price.figure import price_figure

    question = found.question
    return price_figure(
        found.curve,
        found.limits,
        {each.name: each.shown_name for each in question.scenario.strategies},
        drug=question.catalogue.regimens[found.regimen].label,
        price=found.price,
        symbol=SYMBOLS[question.perspective.currency],
    )


def print_price(console: Console, found: PriceAnalysis) -> None:
    """Print the prices at every threshold."""
    question = found.question
    symbol = SYMBOLS[question.perspective.currency]
    label = question.parameters[found.parameter].label
    price = f"{label}: {symbol}{found.price:,.2f} in the scenario"
    print_question(console, question, *found.simulated, ("Price", price))
    for strategy in found.vials_per_cycle:
        chosen = [limit for limit in found.limits if limit.strategy == strategy]
        print_table(console, _table(found, strategy, chosen, symbol))
    never = [NEVER] if any(limit.base.mean < 0.0 for limit in found.limits) else []
    print_notes(console, LINEAR, *never, CURVE_NOTE)


def _table(found: PriceAnalysis, strategy: str, limits: Sequence[PriceLimit], symbol: str) -> Table:
    question = found.question
    vials = found.vials_per_cycle[strategy]
    sections = []
    for name, prices in (
        ("Base case", [limit.base for limit in limits]),
        ("Mean over draws", [limit.mean for limit in limits]),
    ):
        rows = [
            Row(f"{name}, per vial", [amount(price, symbol) for price in prices]),
            Row("  change from the scenario, %", [_change(found, price.mean) for price in prices]),
        ]
        if math.isfinite(vials):
            cycles = [amount(_per_cycle(price, vials), symbol) for price in prices]
            rows.append(Row(f"  per cycle of {vials:.1f} vials", cells=cycles))
        sections.append(rows)
    chances = [found.chances[limit.strategy, limit.threshold] for limit in limits]
    places = [
        Row(f"  at the price of the {place}", [_chance(each[at]) for each in chances])
        for at, place in enumerate(("scenario", "base case"))
    ]
    sections.append([Row("Probability most cost-effective, %"), *places])
    words = " or ".join(sorted({limit.direction for limit in limits}))
    corner = f"{against(question, strategy)}: price, {words} (standard error)"
    headings = [f"{symbol}{limit.threshold:,.0f} per QALY" for limit in limits]
    return Table(corner, headings, sections)


def _chance(chance: Chance | None) -> Cell:
    if chance is None:
        return Cell(NOTHING)
    share, error = PERCENT * chance.without_noise, PERCENT * chance.without_noise_se
    return Cell(f"{share:.1f}", f" ({error:.1f})")


def _change(found: PriceAnalysis, price: float) -> Cell:
    change = found.change_percent(price)
    return Cell(f"{change:+.1f}") if math.isfinite(change) else Cell(NOTHING)


def _per_cycle(price: Estimate, vials: float) -> Estimate:
    return Estimate(vials * price.mean, vials * price.se)


FILE_LAYOUT: Final = Layout(
    ANALYSIS, price_table, price_summary, drawn_price, print_price, read_price
)


class PriceResult(LaidOutResult[PriceAnalysis]):
    """The prices of a vial at which strategies meet each threshold, with their uncertainty."""

    COMMAND = "price"
    FILES = NAMES
    FIGURES = (CURVE,)
    LAYOUT = FILE_LAYOUT

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """The tables by the name of their file, without its suffix."""
        return {ANALYSIS: self.prices, CURVE: self.curve, LINE.stem: self.line}

    @property
    def prices(self) -> pd.DataFrame:
        """A row per strategy, threshold and basis, as in price.csv: `sim.analyses.price.result.TABLE`."""
        return price_table(self._found)

    @property
    def line(self) -> pd.DataFrame:
        """The base case at three prices, as in price_line.csv: `sim.analyses.price.analysis.LINE`."""
        return self._found.line

    @property
    def curve(self) -> pd.DataFrame:
        """The probability of being the most cost-effective by price: `sim.analyses.price.analysis.CURVE`."""
        return self._found.curve

    def files(self) -> Mapping[str, str | bytes]:
        """Return the contents of the files by name."""
        found = self._found
        files = analysis_files(found.question, ANALYSIS, self.prices, price_summary(found))
        tables = {f"{name}.csv": in_csv(table) for name, table in self.tables.items()}
        return files | tables | figure_files({CURVE: self._draw(CURVE)})


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
    cluster: Cluster = None,
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
    draws, patients, seed, cached, threads, cluster
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
    >>> scenario = Scenario.load("scenarios/first_salvage.yaml").with_(patients=1000)
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
    with spread(cluster):
        size = chosen_size(question, work, draws=draws, patients=patients)
        sized = replace(question, patients=size.patients)
        found = priced_results(sized, regimen, lambda each: results(each, size.draws, work))
    return written(PriceResult(chosen, found.analysis()), folder)
