"""The price of a drug at which a threshold is met, as files and as it is printed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
from rich.console import Console

from sim.analyses.price.analysis import Chance, PricedResults, PriceLimit
from sim.analyses.shared.files import analysis_files, names_of, summary_json
from sim.analyses.shared.text import print_notes, strategy_label
from sim.clinic.units import PERCENT
from sim.economics.estimates import Estimate
from sim.layout.cells import NOTHING, SYMBOLS, money, patients_in_words
from sim.layout.figure_file import figure_files, figure_names
from sim.layout.table import Cell, Row, Table, print_table
from sim.layout.text import print_question
from sim.layout.values import estimate_json, finite

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ANALYSIS: Final = "price"
CURVE: Final = "price_curve"
NAMES: Final = (
    *names_of(ANALYSIS, figure=False),
    f"{CURVE}.csv",
    *figure_names([CURVE]),
)
COLUMNS: Final = (
    "strategy",
    "comparator",
    "threshold",
    "basis",
    "price_per_vial",
    "se",
    "direction",
    "change_percent",
    "vials_per_cycle",
    "price_per_cycle",
    "price_per_cycle_se",
    "currency",
)
"""Of price.csv.

- `basis` is ``base_case``, the parameters' own values, or ``mean_over_draws``.
- `price_per_vial` is the price at which the ICER against the comparator is the threshold; `se` its
  Monte Carlo error or, over draws, that of draws and patients. `direction` says whether the
  threshold is met at most or at least at this price. A price below 0 would be a payment to the
  payer.
- `change_percent` is from the price of the scenario; empty below a price of 0.
- `vials_per_cycle` are the mean vials of a cycle that is started, interruptions included; empty
  where the drug is not in the first line alone.
- `currency` is that of the prices and of `threshold`, per QALY.

Columns of price_curve.csv are those of `sim.analyses.price.analysis.PricedResults.curve`.
"""
LINEAR: Final = (
    "The price changes no patient's course, so costs are a straight line of it and every price "
    "here is exact for these draws and patients. A price per cycle counts the mean vials of a "
    "cycle that is started."
)
SCENARIO_PRICE: Final = "at_price_of_scenario"
BASE_PRICE: Final = "at_price_of_base_case"
NEVER: Final = (
    "A price below 0 says that the threshold is not met even where the drug is for nothing."
)
CURVE_NOTE: Final = (
    "Most cost-effective is the strategy with the highest net benefit of all; the probability is a "
    "share of draws, with the Monte Carlo noise of each draw taken out. --out DIR writes and draws "
    "the whole curve against the price (price_curve)."
)


def price_table(found: PricedResults) -> pd.DataFrame:
    """Return the prices in the columns `COLUMNS`."""
    comparator = found.psa.question.scenario.comparator_name
    rows: list[tuple[Any, ...]] = []
    for limit in found.limits():
        vials = found.vials_per_cycle(limit.strategy)
        for basis, price in (("base_case", limit.base), ("mean_over_draws", limit.mean)):
            per_cycle = _per_cycle(price, vials)
            rows.append(
                (
                    limit.strategy,
                    comparator,
                    limit.threshold,
                    basis,
                    finite(price.mean),
                    finite(price.se),
                    limit.direction,
                    finite(_change(found, price)),
                    finite(vials),
                    finite(per_cycle.mean),
                    finite(per_cycle.se),
                    found.psa.question.perspective.currency,
                )
            )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def price_summary(found: PricedResults) -> dict[str, Any]:
    """Return the content of price.json after its heading."""
    return {
        "regimen": found.regimen,
        "parameter": found.parameter,
        "price": found.price,
        "draws": found.psa.draws,
        "patients_of": "one draw",
        "base_case_patients": found.psa.base_patients,
        "limits": [
            {
                "strategy": limit.strategy,
                "threshold": limit.threshold,
                "direction": limit.direction,
                "base_case": estimate_json(limit.base),
                "mean_over_draws": estimate_json(limit.mean),
                "vials_per_cycle": finite(found.vials_per_cycle(limit.strategy)),
                "probability_most_cost_effective": {
                    name: None if chance is None else chance._asdict()
                    for name, chance in _chances(found, limit).items()
                },
            }
            for limit in found.limits()
        ],
    }


def price_json(found: PricedResults) -> str:
    """Return the whole analysis as JSON text."""
    return summary_json(found.psa.question, ANALYSIS, price_summary(found))


def price_files(found: PricedResults) -> dict[str, str | bytes]:
    """Return the files of the analysis by name."""
    question = found.psa.question
    files = analysis_files(question, ANALYSIS, price_table(found), price_summary(found))
    files[f"{CURVE}.csv"] = found.curve().to_csv(index=False, lineterminator="\n")
    return files | figure_files({CURVE: drawn_price(found)})


def drawn_price(found: PricedResults) -> Figure:
    """Return the figure of the analysis."""
    from sim.analyses.price.figure import price_figure
    from sim.layout.style import styled

    question = found.psa.question
    with styled():
        return price_figure(
            found.curve(),
            list(found.limits()),
            {each.name: each.shown_name for each in question.scenario.strategies},
            drug=question.catalogue.regimens[found.regimen].label,
            price=found.price,
            symbol=SYMBOLS[question.perspective.currency],
        )


def print_price(console: Console, found: PricedResults) -> None:
    """Print the prices at every threshold."""
    question, psa = found.psa.question, found.psa
    symbol = SYMBOLS[question.perspective.currency]
    simulated = (
        f"{psa.draws:,} draws of {len(psa.parameters.columns)} uncertain parameters; each draw in "
        f"{patients_in_words(question.patients)} of its own, the same under each strategy; "
        f"seed {question.seed}"
    )
    label = question.parameters[found.parameter].label
    price = f"{label}: {symbol}{found.price:,.2f} in the scenario"
    base = f"{patients_in_words(psa.base_patients)}, every input at its base value"
    print_question(
        console, question, ("Simulated", simulated), ("Base case", base), ("Price", price)
    )
    limits = list(found.limits())
    for strategy in found.compared:
        chosen = [limit for limit in limits if limit.strategy == strategy]
        print_table(console, _table(found, strategy, chosen, symbol))
    never = [NEVER] if any(limit.base.mean < 0.0 for limit in limits) else []
    print_notes(console, LINEAR, *never, CURVE_NOTE)


def _table(found: PricedResults, strategy: str, limits: Sequence[PriceLimit], symbol: str) -> Table:
    question = found.psa.question
    comparator = strategy_label(question, question.scenario.comparator_name)
    vials = found.vials_per_cycle(strategy)
    sections = []
    for name, prices in (
        ("Base case", [limit.base for limit in limits]),
        ("Mean over draws", [limit.mean for limit in limits]),
    ):
        rows = [
            Row(f"{name}, per vial", [_money(price, symbol) for price in prices]),
            Row(
                "  change from the scenario, %",
                [_percent(_change(found, price)) for price in prices],
            ),
        ]
        if math.isfinite(vials):
            cycles = [_money(_per_cycle(price, vials), symbol) for price in prices]
            rows.append(Row(f"  per cycle of {vials:.1f} vials", cells=cycles))
        sections.append(rows)
    chances = [_chances(found, limit) for limit in limits]
    sections.append(
        [
            Row("Probability most cost-effective, %"),
            *(
                Row(f"  at the price of the {place}", [_chance(each[key]) for each in chances])
                for place, key in (("scenario", SCENARIO_PRICE), ("base case", BASE_PRICE))
            ),
        ]
    )
    words = sorted({limit.direction for limit in limits})
    corner = (
        f"{strategy_label(question, strategy)} against {comparator}: price, "
        f"{' or '.join(words)} (standard error)"
    )
    headings = [f"{symbol}{limit.threshold:,.0f} per QALY" for limit in limits]
    return Table(corner, headings, sections)


def _chances(found: PricedResults, limit: PriceLimit) -> dict[str, Chance | None]:
    """Return how likely the strategy is the best of all at the scenario's price and at the limit."""
    prices = {SCENARIO_PRICE: found.price, BASE_PRICE: limit.base.mean}
    return {
        name: found.chances(limit.threshold, price)[limit.strategy]
        if math.isfinite(price) and price >= 0.0
        else None
        for name, price in prices.items()
    }


def _chance(chance: Chance | None) -> Cell:
    if chance is None:
        return Cell(NOTHING)
    return Cell(
        f"{PERCENT * chance.without_noise:.1f}", f" ({PERCENT * chance.without_noise_se:.1f})"
    )


def _money(price: Estimate, symbol: str) -> Cell:
    return money(*price, symbol) if math.isfinite(price.mean) else Cell(NOTHING)


def _percent(change: float) -> Cell:
    return Cell(f"{change:+.1f}") if math.isfinite(change) else Cell(NOTHING)


def _change(found: PricedResults, price: Estimate) -> float:
    if not (found.price > 0.0 and price.mean >= 0.0):
        return math.nan
    return PERCENT * (price.mean / found.price - 1.0)


def _per_cycle(price: Estimate, vials: float) -> Estimate:
    return Estimate(vials * price.mean, vials * price.se)
