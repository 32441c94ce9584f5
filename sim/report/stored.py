"""Analyses shown as their folder holds them: their figure, and a table of the rows that matter."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import pandas as pd

from sim.analyses.shared.outcomes import Outcome, outcome_named
from sim.analyses.shared.text import SAME_PATIENTS, amount, estimate_cell
from sim.economics.estimates import Estimate
from sim.economics.incremental import quadrant
from sim.layout.cells import NOTHING, SYMBOLS, icer
from sim.layout.style import FORMATS
from sim.layout.table import Cell, Row, Table
from sim.report.drawing import embedded
from sim.report.results import Results, read_json, read_table, read_text
from sim.report.words import capital, listed, money, percent, plain

TOP: Final = 15
"""Inputs of a screening that are shown; its file holds all."""
BASE: Final = "base"


class Stored(NamedTuple):
    """An analysis in the folder: the contents of its JSON, CSV and SVG files."""

    content: Mapping[str, Any]
    table: pd.DataFrame
    figure: str


class Kind(NamedTuple):
    """A kind of analysis: its command, the name of its files, its title, its words and tables."""

    command: str
    file: str
    title: str
    shown: Callable[[Results, Stored], tuple[str, list[Table]]]

    def read(self, results: Results) -> Stored | None:
        """Read the analysis from the folder of the results; None where it is not there.

        Raises
        ------
        UserError
            When one of its files is broken or missing.
        """
        path = results.folder / f"{self.file}.json"
        content = read_json(path) if path.exists() else {}
        if not results.belongs(content):
            return None
        table = read_table(path.with_suffix(".csv"))
        return Stored(content, table, read_text(path.with_suffix(".svg")))

    def context(self, results: Results, found: Stored) -> dict[str, Any]:
        """Return the context of the section of the analysis."""
        said, tables = self.shown(results, found)
        return {
            "said": said,
            "tables": tables,
            "note": SAME_PATIENTS,
            "figure": embedded(found.figure, self.file, self.title, said),
        }

    def figure_files(self, results: Results) -> dict[str, bytes]:
        """Return the figure in every format that the folder holds, by file name."""
        paths = (results.folder / f"{self.file}.{suffix}" for suffix in FORMATS)
        return {path.name: path.read_bytes() for path in paths if path.exists()}


def _what_ifs(results: Results, found: Stored) -> tuple[str, list[Table]]:
    base, *others = found.content["what_ifs"]
    labels = results.labels
    turned = [
        f"{each['label']} ({labels[each['optimal']]})"
        for each in others
        if each["optimal"] != base["optimal"]
    ]
    changes = f"is another in these: {'; '.join(turned)}" if turned else "stays the same in all"
    said = (
        f"{len(others)} other assumptions, one at a time. As the scenario stands, "
        f"{labels[base['optimal']]} gives the most net benefit at {_worth(base)} per QALY; the "
        f"choice {changes}."
    )
    headings = ["Extra cost", "QALYs gained", "ICER", "Net benefit", "Best"]
    comparator = labels[found.content["comparator"]]
    return said, [
        Table(
            f"{labels[str(strategy)]} against {comparator} (SE)",
            headings,
            [[_what_if(results, row) for row in rows.to_dict("records")]],
        )
        for strategy, rows in found.table.groupby("strategy", sort=False)
    ]


def _worth(what_if: Mapping[str, Any]) -> str:
    return money(what_if["threshold"], SYMBOLS[what_if["currency"]])


def _what_if(results: Results, row: Mapping[Any, Any]) -> Row:
    def cell(name: str) -> Cell:
        outcome = outcome_named(name, threshold=row["threshold"], currency=row["currency"])
        return estimate_cell(outcome, Estimate(row[name], row[f"{name}_se"]))

    place = quadrant(row["cost"], row["qalys"])
    ratio = icer(place, Estimate(row["icer"], row["icer_se"]), SYMBOLS[row["currency"]])
    cells = [cell("cost"), cell("qalys"), ratio, cell("nmb"), Cell(results.labels[row["optimal"]])]
    return Row(row["label"], cells, strong=row["what_if"] == BASE)


def _threshold(results: Results, found: Stored) -> tuple[str, list[Table]]:
    content, labels = found.content, results.labels
    said = (
        f"{content['label']}, {content['unit']}, from {plain(content['low'])} to "
        f"{plain(content['high'])}; {plain(content['base'])} in the scenario. Where the strategy "
        "with the most net benefit changes:"
    )
    rows = [
        Row(
            money(row["threshold"], results.symbol),
            [
                _flip(row),
                Cell(labels[row["optimal_below"]]),
                Cell(labels[row["optimal_above"]]),
            ],
        )
        for row in found.table.to_dict("records")
    ]
    headings = ["Changes at (SE)", "Best below", "Best above"]
    return said, [Table("Threshold per QALY", headings, [rows])]


def _flip(row: Mapping[Any, Any]) -> Cell:
    if math.isnan(row["value"]):
        return Cell("no change")
    error = "" if math.isnan(row["se"]) else f" ({plain(row['se'])})"
    return Cell(plain(row["value"]), error)


def _twoway(results: Results, found: Stored) -> tuple[str, list[Table]]:
    content = found.content
    best = [point["optimal"] for point in content["points"]]
    shares = [
        f"{results.labels[name]} in {percent(best.count(name) / len(best))}"
        for name in dict.fromkeys(best)
    ]
    varied = [f"{content[axis]['label']} ({content[axis]['unit']})" for axis in ("x", "y")]
    said = (
        f"{' and '.join(varied)} varied together. At {money(content['threshold'], results.symbol)} "
        f"per QALY the most net benefit gives, of {len(best)} points: {listed(shares)}."
    )
    return said, []


def _target(results: Results, found: Stored) -> tuple[Outcome, str]:
    """Return the outcome of a global analysis, and what it is of."""
    content, labels = found.content, results.labels
    currency = results.summary["currency"]
    outcome = outcome_named(content["outcome"], threshold=content["threshold"], currency=currency)
    pair = f"{labels[content['strategy']]} against {labels[content['comparator']]}"
    return outcome, f"{outcome.label}, {pair}"


def _sobol(results: Results, found: Stored) -> tuple[str, list[Table]]:
    _, outcome = _target(results, found)
    rows = [
        Row(capital(row["group"]), [_index(row, name) for name in ("first_order", "total")])
        for row in found.table.to_dict("records")
    ]
    headings = ["Alone (95 % ±)", "With others (95 % ±)"]
    said = (
        f"{outcome}: the share of its variance that is due to each group of inputs, alone and with "
        f"all that it does together with others, in {found.content['runs']:,} runs."
    )
    return said, [Table("Group of inputs", headings, [rows])]


def _index(row: Mapping[Any, Any], name: str) -> Cell:
    if math.isnan(row[name]):
        return Cell(NOTHING)
    return Cell(percent(row[name], 1), f" ({percent(row[f'{name}_ci'], 1)})")


def _morris(results: Results, found: Stored) -> tuple[str, list[Table]]:
    outcome, label = _target(results, found)
    rows = [
        Row(
            capital(row["label"]),
            [amount(outcome, row["mu_star"], row["mu_star_ci"]), amount(outcome, row["sigma"])],
        )
        for row in found.table.head(TOP).to_dict("records")
    ]
    said = (
        f"{label}: how far it moves when one input crosses its range, on average (μ*) and how "
        f"unevenly (σ), in {found.content['runs']:,} runs; the inputs that move it most."
    )
    return said, [Table("Input", ["μ* (95 % ±)", "σ"], [rows])]


KINDS: Final = (
    Kind("what-if", "scenarios", "What if", _what_ifs),
    Kind("threshold", "threshold", "Where one input changes the choice", _threshold),
    Kind("twoway", "twoway", "Two inputs at once", _twoway),
    Kind("sobol", "sobol", "Which inputs the uncertainty comes from", _sobol),
    Kind("morris", "morris", "Screening of all inputs", _morris),
)
