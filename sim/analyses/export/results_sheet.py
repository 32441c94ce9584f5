"""The sheet of results: base case and draws at a threshold that the reader changes."""

from __future__ import annotations

from sim.analyses.export.book import MONEY, NUMBER, SHARE, Page
from sim.analyses.export.live import PLACES, THRESHOLD, Model, share_formula
from sim.economics.incremental import quadrant

BASE_HEADS = (
    "QALYs",
    "Life-years",
    "Cost",
    "QALYs gained",
    "Additional cost",
    "ICER against the comparator",
    "Quadrant",
    "Incremental net benefit",
    "Status",
    "ICER on the frontier",
)
DRAWN_HEADS = (
    "QALYs, mean",
    "Cost, mean",
    "QALYs gained",
    "Additional cost",
    "ICER against the comparator",
    "Incremental net benefit",
    "Probability of the most net benefit",
    "Expected loss",
)
FIRST = 6
"""The first row of the base case."""


def base_cells(page: Page, model: Model) -> list[tuple[str, str]]:
    """Return the cells of QALYs and cost of each strategy in the base case."""
    return [(page.at(FIRST + s, 1), page.at(FIRST + s, 3)) for s in model.strategies]


def results_sheet(
    page: Page, model: Model, totals: list[str], steps: list[tuple[str, str]]
) -> None:
    """Write base case, draws, and other thresholds.

    Parameters
    ----------
    page, model
        The sheet, and what it calculates with.
    totals
        Cells of the cost of each strategy.
    steps
        Cells of status and ICER of each in the full incremental analysis.
    """
    page.text(0, 0, model.draws.psa.question.scenario.title, bold=True)
    page.text(1, 0, "Change the yellow cells, here and on the sheet of unit costs.")
    page.text(2, 0, f"Threshold, {model.currency} per QALY")
    page.entry(2, 1, model.threshold, MONEY)
    page.book.define(THRESHOLD, page.at(2, 1))
    page.text(4, 0, f"Base case, {model.draws.psa.base_patients:,} patients", bold=True)
    page.heading(5, ["Strategy", *BASE_HEADS])
    for s in model.strategies:
        _base_row(page, model, s, totals[s], steps[s])
    last = _drawn_rows(page, model, FIRST + len(model.labels) + 2)
    _other_thresholds(page, model, last + 2)


def _base_row(page: Page, model: Model, s: int, total: str, step: tuple[str, str]) -> None:
    row, reference = FIRST + s, FIRST + model.comparator
    qalys, costs = model.base("qalys"), model.base("cost")
    page.text(row, 0, model.labels[s])
    page.number(row, 1, float(qalys[s]), NUMBER)
    page.number(row, 2, float(model.base("life_years")[s]), NUMBER)
    page.live(row, 3, f"={total}", float(costs[s]), MONEY)
    gained = float(qalys[s] - qalys[model.comparator])
    more = float(costs[s] - costs[model.comparator])
    if s != model.comparator:
        page.live(row, 4, f"={page.at(row, 1)}-{page.at(reference, 1)}", gained)
        page.live(row, 5, f"={page.at(row, 3)}-{page.at(reference, 3)}", more, MONEY)
        gain, extra = page.at(row, 4), page.at(row, 5)
        ratio = more / gained if gained else ""
        page.live(row, 6, f'=IF({gain}=0,"",{extra}/{gain})', ratio, MONEY)
        place = PLACES.format(more=extra, gained=gain)
        page.live(row, 7, f"={place}", quadrant(more, gained))
        worth = model.threshold * gained - more
        page.live(row, 8, f"={THRESHOLD}*{gain}-{extra}", worth, MONEY)
    status, icer = step
    known = page.book.values
    page.live(row, 9, f"={status}", known[status])
    page.live(row, 10, f"={icer}", known[icer], MONEY)


def _drawn_rows(page: Page, model: Model, top: int) -> int:
    """Write the means over draws from a row on, and return the last row."""
    psa, first = model.draws.psa, top + 2
    page.text(top, 0, f"Over {psa.draws:,} draws of the uncertain inputs", bold=True)
    page.heading(top + 1, ["Strategy", *DRAWN_HEADS])
    qalys, costs = (model.drawn(name).mean(axis=0) for name in ("qalys", "cost"))
    shares = model.shares([model.threshold])[0]
    best = float(model.benefits.max(axis=1).mean())
    for s in model.strategies:
        row, reference = first + s, first + model.comparator
        page.text(row, 0, model.labels[s])
        page.live(row, 1, f"=AVERAGE(QALYS_{s + 1})", float(qalys[s]))
        page.live(row, 2, f"=AVERAGE(COSTS_{s + 1})", float(costs[s]), MONEY)
        if s != model.comparator:
            gained = float(qalys[s] - qalys[model.comparator])
            more = float(costs[s] - costs[model.comparator])
            page.live(row, 3, f"={page.at(row, 1)}-{page.at(reference, 1)}", gained)
            page.live(row, 4, f"={page.at(row, 2)}-{page.at(reference, 2)}", more, MONEY)
            gain, extra = page.at(row, 3), page.at(row, 4)
            ratio = more / gained if gained else ""
            page.live(row, 5, f'=IF({gain}=0,"",{extra}/{gain})', ratio, MONEY)
            worth = model.threshold * gained - more
            page.live(row, 6, f"={THRESHOLD}*{gain}-{extra}", worth, MONEY)
        page.live(row, 7, share_formula(model, s, THRESHOLD), float(shares[s]), SHARE)
        loss = max(best - float(model.benefits[:, s].mean()), 0.0)
        page.live(row, 8, f"=MAX(AVERAGE(BEST)-AVERAGE(BENEFITS_{s + 1}),0)", loss, MONEY)
    last = first + len(model.labels)
    page.text(last, 0, "EVPI, with the Monte Carlo noise of the draws")
    losses = page.span(first, 8, last - 1, 8)
    evpi = max(best - float(model.benefits.mean(axis=0).max()), 0.0)
    page.live(last, 8, f"=MIN({losses})", evpi, MONEY)
    return last


def _other_thresholds(page: Page, model: Model, top: int) -> None:
    """Write the incremental net benefit and the probability at the scenario's thresholds."""
    page.text(top, 0, "At other thresholds", bold=True)
    heads = [f"{model.labels[s]}: incremental net benefit" for s in model.others]
    heads += [f"{label}: probability of the most net benefit" for label in model.labels]
    page.heading(top + 1, [f"Threshold, {model.currency} per QALY", *heads])
    thresholds = sorted(model.draws.psa.question.thresholds)
    shares = model.shares(thresholds)
    qalys, costs = model.base("qalys"), model.base("cost")
    for number, threshold in enumerate(thresholds):
        row = top + 2 + number
        page.entry(row, 0, threshold, MONEY)
        for place, s in enumerate(model.others, start=1):
            gained, more = (float(each[s] - each[model.comparator]) for each in (qalys, costs))
            cells = (page.at(FIRST + s, 4), page.at(FIRST + s, 5))
            formula = f"={page.at(row, 0)}*{cells[0]}-{cells[1]}"
            page.live(row, place, formula, threshold * gained - more, MONEY)
        for s in model.strategies:
            place = 1 + len(model.others) + s
            formula = share_formula(model, s, page.at(row, 0))
            page.live(row, place, formula, float(shares[number, s]), SHARE)
