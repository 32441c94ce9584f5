"""The value of information as files and as it is printed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
from rich.console import Console

from sim.analyses.shared.files import analysis_files, names_of, summary_json
from sim.analyses.shared.text import print_notes
from sim.analyses.voi.analysis import Knowledge, ValueOfInformation
from sim.analyses.voi.information import PartialInformation, effective_population
from sim.layout.cells import SYMBOLS, money, money_text, patients_in_words
from sim.layout.figure_file import figure_files, figure_names
from sim.layout.table import Cell, Row, Table, print_table
from sim.layout.text import print_question
from sim.layout.values import estimate_json, finite
from sim.simulation.question import Question

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ANALYSIS: Final = "voi"
CURVE: Final = "evpi"
BARS: Final = "evppi"
NAMES: Final = (
    *names_of(ANALYSIS, figure=False),
    f"{CURVE}.csv",
    *figure_names((CURVE, BARS)),
)
EVERYTHING: Final = "everything"
COLUMNS: Final = (
    "kind",
    "name",
    "label",
    "members",
    "threshold",
    "value",
    "se",
    "null",
    "null_se",
    "told_from_nothing",
    "population_value",
    "population_se",
    "currency",
)
"""Of voi.csv.

- `kind` is ``everything`` (EVPI), ``group`` or ``parameter`` (EVPPI).
- `value` is in currency per patient at `threshold`, with its standard error; `null` is the result
  of the same regression where the true value is 0, its upward bias, with the spread of that.
- `told_from_nothing`: the value exceeds `null` by twice its error.
- `population_value` is for all patients of the decision horizon, discounted; empty unless their
  number was given.
- `currency` is that of all values and of `threshold`, per QALY.

evpi.csv has the columns ``threshold``, ``evpi``, ``se``, per patient, and ``currency``.
"""
EXPLAINED: Final = (
    "EVPI is what a patient would gain, in money, if the choice could be made knowing the true "
    "value of every uncertain input; EVPPI, of those of the group or the parameter alone, and with "
    "it of whatever else it tells of inputs that were fitted together. Values of single parameters "
    "do not add up to that of their group."
)
METHOD: Final = (
    "EVPPI is a regression of net benefit on the draws (additive splines, products of pairs in "
    "groups), with the errors of draws and regression. A star marks what is not told from nothing: "
    "less than two standard errors above what the regression finds in shuffled draws."
)


class Patients:
    """The patients whose decisions the information improves, in all years, discounted."""

    def __init__(self, question: Question, per_year: float, years: float) -> None:
        self.per_year = per_year
        self.years = years
        self.rate = question.discount_rates[0]
        self.number = effective_population(per_year, years, self.rate)


def voi_table(found: ValueOfInformation, patients: Patients | None) -> pd.DataFrame:
    """Return every value in the columns `COLUMNS`."""
    number = None if patients is None else patients.number
    currency = found.psa.question.perspective.currency

    def scaled(value: float) -> float | None:
        return None if number is None else finite(number * value)

    rows: list[tuple[Any, ...]] = []
    for threshold, value in found.evpi.items():
        told = value.mean > 2.0 * value.se
        rows.append(
            (EVERYTHING, EVERYTHING, "All uncertain inputs", len(found.psa.parameters.columns))
            + (threshold, value.mean, finite(value.se), None, None, told)
            + (scaled(value.mean), scaled(value.se), currency)
        )
    for kind, parts in (("group", found.groups), ("parameter", found.parameters)):
        for part in parts:
            for threshold, worth in part.worth.items():
                rows.append(
                    (kind, part.name, _label(found, part), len(part.members))
                    + (threshold, worth.value, finite(worth.se), worth.null, finite(worth.null_se))
                    + (worth.exceeds_bias,)
                    + (scaled(worth.value), scaled(worth.se), currency)
                )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def voi_summary(found: ValueOfInformation, patients: Patients | None) -> dict[str, Any]:
    """Return the content of voi.json after its heading."""
    return {
        "draws": found.psa.draws,
        "patients_of": "one draw",
        "thresholds": list(found.evpi),
        "population": None
        if patients is None
        else {
            "patients_per_year": patients.per_year,
            "years": patients.years,
            "discount_rate": patients.rate,
            "discounted_patients": patients.number,
        },
        "evpi": {f"{t:g}": estimate_json(value) for t, value in found.evpi.items()},
        "groups": [_knowledge(found, part) for part in found.groups],
        "parameters": [_knowledge(found, part) for part in found.parameters],
    }


def voi_json(found: ValueOfInformation, patients: Patients | None) -> str:
    """Return the whole analysis as JSON text."""
    return summary_json(found.psa.question, ANALYSIS, voi_summary(found, patients))


def voi_files(
    found: ValueOfInformation, patients: Patients | None, top: int
) -> dict[str, str | bytes]:
    """Return the files of the analysis by name; the figure shows the `top` parameters."""
    table, summary = voi_table(found, patients), voi_summary(found, patients)
    files = analysis_files(found.psa.question, ANALYSIS, table, summary)
    files[f"{CURVE}.csv"] = found.curve.to_csv(index=False, lineterminator="\n")
    return files | figure_files(drawn_voi(found, top))


def drawn_voi(found: ValueOfInformation, top: int) -> dict[str, Figure]:
    """Return the figures of the analysis by name."""
    from sim.analyses.voi.figure import Worth, evpi_figure, evppi_figure
    from sim.layout.style import styled

    symbol = SYMBOLS[found.psa.question.perspective.currency]
    threshold = found.leading_threshold
    bars = [
        Worth(
            _label(found, part),
            "" if part in found.groups else part.name,
            worth.value,
            worth.se,
            worth.exceeds_bias,
        )
        for part in [*found.groups, *found.parameters[:top]]
        for worth in (part.worth[threshold],)
    ]
    with styled():
        return {
            CURVE: evpi_figure(found.curve, list(found.evpi), symbol=symbol),
            BARS: evppi_figure(
                bars,
                symbol=symbol,
                threshold=threshold,
                evpi=found.evpi[threshold].mean,
            ),
        }


def print_voi(
    console: Console, found: ValueOfInformation, patients: Patients | None, top: int
) -> None:
    """Print the EVPI, then groups and the `top` parameters."""
    question, psa = found.psa.question, found.psa
    symbol = SYMBOLS[question.perspective.currency]
    simulated = (
        f"{psa.draws:,} draws of {len(psa.parameters.columns)} uncertain parameters; each draw in "
        f"{patients_in_words(question.patients)} of its own, the same under each strategy; "
        f"seed {question.seed}"
    )
    said = [("Simulated", simulated)]
    if patients is not None:
        text = (
            f"{patients.per_year:,.0f} patients a year for {patients.years:g} years, discounted "
            f"at {patients.rate:.1%}: {patients.number:,.0f}"
        )
        said.append(("Patients", text))
    print_question(console, question, *said)
    headings = [f"{symbol}{threshold:,.0f} per QALY" for threshold in found.evpi]
    rows = [Row("EVPI per patient", [money(*value, symbol) for value in found.evpi.values()])]
    if patients is not None:
        scaled = [
            money(patients.number * value.mean, patients.number * value.se, symbol)
            for value in found.evpi.values()
        ]
        rows.append(Row("EVPI of the population", scaled))
    print_table(
        console, Table("Expected value of perfect information (standard error)", headings, [rows])
    )
    groups, parameters = _told(found.groups), _told(found.parameters)
    for title, parts in (
        ("EVPPI per patient of groups", groups),
        ("EVPPI per patient of the parameters worth most", parameters[:top]),
    ):
        if parts:
            body = [_row(found, part, symbol) for part in parts]
            print_table(console, Table(f"{title} (standard error)", headings, [body]))
    peak = found.curve.iloc[int(found.curve["evpi"].to_numpy().argmax())]
    told = (
        f"{len(groups)} of {len(found.groups)} groups and {len(parameters)} of "
        f"{len(found.parameters)} parameters are shown: those whose value exceeds its noise."
        if groups or parameters
        else "Nothing to learn at these thresholds: no group and no parameter is worth more than "
        "the noise of its estimate."
    )
    noisy = [_named(found, part) for part in found.groups if part not in groups]
    told += f" Within their noise: {', '.join(noisy)}." if noisy else ""
    where = f"{money_text(peak['evpi'], symbol)} at {money_text(peak['threshold'], symbol)}"
    print_notes(console, f"{told} EVPI peaks at {where} per QALY.", EXPLAINED, METHOD)


def _told(parts: Sequence[Knowledge]) -> list[Knowledge]:
    """Return the parts that are told from nothing at a threshold."""
    return [part for part in parts if any(worth.exceeds_bias for worth in part.worth.values())]


def _row(found: ValueOfInformation, part: Knowledge, symbol: str) -> Row:
    # A parameter is shown by its name, which is unique and can be copied into a scenario.
    single = part.name in found.psa.parameters
    label = part.name if single else _named(found, part)
    return Row(label, [_cell(worth, symbol) for worth in part.worth.values()])


def _named(found: ValueOfInformation, group: Knowledge) -> str:
    return f"{_label(found, group)} ({len(group.members)})"


def _cell(worth: PartialInformation, symbol: str) -> Cell:
    cell = money(worth.value, worth.se, symbol)
    return cell._replace(error=f"{cell.error}{' ' if worth.exceeds_bias else '*'}")


def _label(found: ValueOfInformation, part: Knowledge) -> str:
    parameters = found.psa.question.parameters
    label = parameters[part.name].label if part.name in parameters else part.name
    return label[:1].upper() + label[1:]


def _knowledge(found: ValueOfInformation, part: Knowledge) -> dict[str, Any]:
    return {
        "name": part.name,
        "label": _label(found, part),
        "members": list(part.members),
        "evppi": {
            f"{threshold:g}": {
                "mean": worth.value,
                "se": finite(worth.se),
                "null": worth.null,
                "null_se": finite(worth.null_se),
                "told_from_nothing": worth.exceeds_bias,
            }
            for threshold, worth in part.worth.items()
        },
    }
