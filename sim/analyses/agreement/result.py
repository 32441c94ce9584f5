"""``agreement``: managed entry agreements compared, their risks and their break-even."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

import pandas as pd
from rich.console import Console

from sim.analyses.agreement.analysis import (
    BASES,
    BREAK_EVENS,
    DEALS,
    DISCOUNT,
    DRAWS,
    LEDGER,
    RISKS,
    AgreementAnalysis,
    Size,
    agreement_analysis,
    lives_to_simulate,
)
from sim.analyses.agreement.sample import TERM_WORDS, deals_of, varied_term
from sim.analyses.shared.arguments import Option, Out, Seed, Whole, checked
from sim.analyses.shared.result import LaidOutResult, Layout, folder_of, stored_size, written
from sim.analyses.shared.scenario import Asked, asked
from sim.analyses.shared.stored import Stored, names_of
from sim.analyses.shared.text import against, folded, money, print_notes
from sim.clinic.units import PERCENT
from sim.economics.estimates import Estimate
from sim.errors import UserError
from sim.layout.cells import NOTHING, SYMBOLS, amount, money_text, patients_in_words, row_estimate
from sim.layout.progress import patients_progress
from sim.layout.schema import Schema, records
from sim.layout.table import Cell, Row, Table, print_table
from sim.layout.text import print_question
from sim.limits import FEWEST_DRAWS, MOST_DRAWS, MOST_PATIENTS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ANALYSIS: Final = "agreement"
MORE: Final = (RISKS, BREAK_EVENS, DRAWS, LEDGER)
"""The tables beside agreement.csv."""
NAMES: Final = (*names_of(ANALYSIS), *(schema.file for schema in MORE))
MOST_BASE_PATIENTS: Final = 10_000
"""Of the base case: each life is followed event by event, purchase by purchase."""
SAME: Final = (
    "Payments change no patient's course: all agreements are compared in the same patients, and at "
    "the same expected cost they have the same expected net benefit. Every payment is discounted "
    "from its own date, so money back is worth less than it was when it was paid."
)
RISK: Final = (
    "Below each agreement stands the plain discount under which payer and company expect the same over "
    "the draws: what differs is who bears the uncertainty of the inputs. Standard deviations (SD) are "
    "between draws, with the Monte Carlo noise taken out; one of 0 says that the draws differ no more "
    "than their noise."
)
BREAK_EVEN: Final = (
    "A break-even is the value of one term, or the price of one unit of the drug under the agreement "
    "as it is, at which the net benefit over the comparator is 0 in the base case. A number of "
    "cycles is the most that can be paid for."
)


def agreement_summary(found: AgreementAnalysis) -> dict[str, Any]:
    """Return the content of agreement.json after its heading."""
    return {
        **found.size,
        "agreements": records(found.deals),
        "risks": records(found.risks),
        "break_evens": records(found.break_evens),
    }


def read_agreement(stored: Stored) -> AgreementAnalysis:
    """Return the analysis in a folder; a file that is missing or broken is a `UserError`."""
    told, question = stored.summary, stored.question
    every = [deal for each in deals_of(question).values() for deal in each]
    deals = [(deal.strategy, deal.name) for deal in every]
    bases = [(*deal, basis) for deal in deals for basis in BASES if deal[1] or basis != DISCOUNT]
    thresholds = question.thresholds
    terms = [
        (deal.strategy, deal.name, threshold, varied_term(deal.agreement) or "")
        for deal in every
        for threshold in thresholds
    ]
    return AgreementAnalysis(
        **stored_size(stored),
        deals=_whole(stored, DEALS, deals),
        risks=_whole(
            stored, RISKS, [(*each, t) for each in bases for t in thresholds], "basis", "threshold"
        ),
        break_evens=_whole(stored, BREAK_EVENS, terms, "threshold", "term"),
        drawn=_whole(
            stored,
            DRAWS,
            [(*each, k) for each in bases for k in range(told["draws"])],
            "basis",
            "draw",
        ),
        ledger=stored.table(LEDGER),
    )


def _whole(
    stored: Stored, schema: Schema, wanted: Iterable[tuple[Any, ...]], *more: str
) -> pd.DataFrame:
    """Read a table, whose rows must be those that are wanted."""
    table = stored.table(schema)
    keys = ["strategy", "agreement", *more]
    if list(table[keys].itertuples(index=False, name=None)) != list(wanted):
        raise UserError(
            f"must have one row for each {', '.join(keys)}, in their order; run it again",
            file=stored.folder / schema.file,
        )
    return table


def drawn_agreement(found: AgreementAnalysis) -> Figure:
    """Return the figure of the analysis."""
    from sim.analyses.agreement.figure import agreement_figure

    return agreement_figure(found)


def print_agreement(console: Console, found: AgreementAnalysis) -> None:
    """Print the agreements: the base case, break-even and risks."""
    question = found.question
    symbol = SYMBOLS[question.perspective.currency]
    simulated, _ = found.simulated
    base = (
        f"{patients_in_words(found.base_patients)} in the base case, every input at its base value"
    )
    said = ("Analysis", "Agreements on the price of a drug, all in the same patients")
    print_question(console, question, said, simulated, ("Base case", base))
    for strategy in dict.fromkeys(found.deals["strategy"]):
        print_table(console, _base_table(found, strategy, symbol))
        print_table(console, _break_even_table(found, strategy, symbol))
        print_table(console, _risk_table(found, strategy, symbol))
    print_notes(console, SAME, BREAK_EVEN, RISK)


def _of(table: pd.DataFrame, strategy: str) -> list[dict[Hashable, Any]]:
    return table[table["strategy"] == strategy].to_dict("records")


def _labels(found: AgreementAnalysis, strategy: str) -> dict[str, str]:
    """Return how the agreements of a strategy are shown, by name."""
    return {row["agreement"]: row["label"] for row in _of(found.deals, strategy)}


def _base_table(found: AgreementAnalysis, strategy: str, symbol: str) -> Table:
    sections = []
    for row in _of(found.deals, strategy):
        percent = row["same_cost_discount_percent"]
        cells = [
            *(amount(row_estimate(row, name), symbol) for name in ("paid", "borne")),
            Cell(f"{percent:.1f}" if math.isfinite(percent) else NOTHING),
            amount(row_estimate(row, "icer"), symbol),
        ]
        sections.append([Row(folded(f"{row['label']}: {row['terms']}"), cells)])
    headings = ["Paid for the drug", "Borne by the company", "As a discount, %", "ICER"]
    corner = f"{against(found.question, strategy)}, base case (standard error)"
    return Table(corner, headings, sections)


def _break_even_table(found: AgreementAnalysis, strategy: str, symbol: str) -> Table:
    named = _labels(found, strategy)
    own: dict[str, list[Cell]] = {}
    price: dict[str, list[Cell]] = {}
    for row in _of(found.break_evens, strategy):
        label = named[row["agreement"]]
        if row["term"]:
            shown = own.setdefault(f"{label}: {TERM_WORDS[row['term']]}", [])
            shown.append(_limit(row["met"], row["value"], row["se"], row["unit"], symbol))
        shown = price.setdefault(label, [])
        shown.append(
            _limit(row["price_met"], row["price"], row["price_se"], row["currency"], symbol)
        )
    headings = [f"{money(found.question, each)} per QALY" for each in found.question.thresholds]
    sections = [
        [Row("The term at which it is met"), *(Row(folded(f"  {k}"), v) for k, v in own.items())],
        [
            Row("The price of a unit at which it is met"),
            *(Row(folded(f"  {k}"), v) for k, v in price.items()),
        ],
    ]
    return Table("Break-even at a threshold of (standard error)", headings, sections)


def _limit(met: str, value: float, error: float, unit: str, symbol: str) -> Cell:
    if not math.isfinite(value):
        return Cell(met)
    if unit == "%":
        return Cell(f"{met} {value:.1f} %", f" ({error:.1f})")
    if unit == "cycles":
        return Cell(f"{met} {value:.0f}")
    return Cell(f"{met} {money_text(value, symbol)}", f" ({error:,.0f})")


def _risk_table(found: AgreementAnalysis, strategy: str, symbol: str) -> Table:
    threshold = max(found.question.thresholds)
    named = _labels(found, strategy)
    sections: list[list[Row]] = []
    for row in _of(found.risks, strategy):
        if row["threshold"] != threshold:
            continue
        cells = [
            amount(row_estimate(row, "inmb"), symbol),
            amount(Estimate(row["inmb_sd"], math.nan), symbol),
            Cell(
                f"{PERCENT * row['probability']:.1f}", f" ({PERCENT * row['probability_se']:.1f})"
            ),
            amount(Estimate(row["expected_loss"], math.nan), symbol),
            amount(row_estimate(row, "paid"), symbol),
            amount(Estimate(row["paid_sd"], math.nan), symbol),
        ]
        if row["basis"] == DISCOUNT:
            sections[-1].append(Row(f"  or {row['discount_percent']:.1f} % off instead", cells))
        else:
            sections.append([Row(folded(named[row["agreement"]]), cells)])
    headings = [
        "Net benefit of the payer",
        "its SD",
        "above 0, %",
        "Expected loss",
        "Paid to the company",
        "its SD",
    ]
    corner = f"Over draws, at {money(found.question, threshold)} per QALY (standard error)"
    return Table(corner, headings, sections)


FILE_LAYOUT: Final = Layout(
    ANALYSIS,
    lambda found: found.deals,
    agreement_summary,
    drawn_agreement,
    print_agreement,
    read_agreement,
)


class AgreementResult(LaidOutResult[AgreementAnalysis]):
    """Agreements on the price of a drug: what is paid, who bears which risk, and break-even."""

    COMMAND = "agreement"
    FILES = NAMES
    FIGURES = (ANALYSIS,)
    LAYOUT = FILE_LAYOUT

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """The tables by the name of their file, without its suffix."""
        found = self._found
        shown = (found.deals, found.risks, found.break_evens, found.drawn, found.ledger)
        return {each.stem: table for each, table in zip((DEALS, *MORE), shown, strict=True)}

    @property
    def agreements(self) -> pd.DataFrame:
        """A row per agreement in the base case: `sim.analyses.agreement.analysis.DEALS`."""
        return self._found.deals

    @property
    def risks(self) -> pd.DataFrame:
        """Risks over draws: `sim.analyses.agreement.analysis.RISKS`."""
        return self._found.risks

    @property
    def break_evens(self) -> pd.DataFrame:
        """Break-even terms and prices: `sim.analyses.agreement.analysis.BREAK_EVENS`."""
        return self._found.break_evens


@checked
def agreement(
    scenario: Asked,
    *,
    draws: Annotated[int, Option("N", Whole(FEWEST_DRAWS, MOST_DRAWS))] = 200,
    patients: Annotated[int, Option("N", Whole(FEWEST_DRAWS, MOST_PATIENTS))] = 250,
    seed: Seed = None,
    out: Out = None,
) -> AgreementResult:
    """Compare managed entry agreements: who pays what, who bears which risk, and the break-even.

    The agreements are those of the scenario's strategies (``agreement:``). All are compared in the
    same patients, since payments change nobody's course. Exact for the simulated patients.

    Parameters
    ----------
    scenario
        The question, or the path of its file; the base case has its own number of patients, but at
        most 10,000.
    draws
        Draws of the uncertain parameters.
    patients
        Patients of each draw.
    seed
        Seed of the random numbers, in place of the scenario's own.
    out
        As for `run`.

    Raises
    ------
    UserError
        When no strategy has an agreement, one is on a drug without a price of its own, or an
        argument is not allowed.

    Examples
    --------
    >>> from sim import Scenario, agreement
    >>> scenario = Scenario.load("scenarios/agreements.yaml").with_(patients=50)
    >>> found = agreement(scenario, draws=2, patients=40)
    >>> found.agreements["agreement"].tolist()[:2]
    ['', 'discount']
    """
    chosen = asked(scenario, seed=seed)
    question = chosen.question
    folder = folder_of(AgreementResult, out)
    size = Size(draws, patients, min(question.patients, MOST_BASE_PATIENTS))
    with patients_progress(lives_to_simulate(question, size)) as progress:
        found = agreement_analysis(question, size, progress)
    return written(AgreementResult(chosen, found), folder)
