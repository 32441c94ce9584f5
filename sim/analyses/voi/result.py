"""``voi``: the value of information before a choice.

The value as files and as it is printed, and the function that answers with it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Self

import pandas as pd
from rich.console import Console

from sim.analyses.psa.analysis import Work, results
from sim.analyses.psa.draws_run import Psa
from sim.analyses.psa.result import chosen_size
from sim.analyses.shared.arguments import (
    TOP,
    Cached,
    Cluster,
    Draws,
    Option,
    Out,
    PatientsPerDraw,
    Positive,
    Seed,
    Threads,
    Top,
    Whole,
    checked,
    rename_options,
)
from sim.analyses.shared.result import StoredResult, folder_of, written
from sim.analyses.shared.scenario import Asked, Scenario, asked
from sim.analyses.shared.stored import Stored, analysis_files, names_of, summary_json
from sim.analyses.shared.text import print_notes
from sim.analyses.shared.work import spread
from sim.analyses.voi.analysis import CURVE as CURVE_TABLE
from sim.analyses.voi.analysis import (
    Knowledge,
    ValueOfInformation,
    default_groups,
    matching,
    value_of_information,
)
from sim.analyses.voi.information import PartialInformation, effective_population
from sim.economics.estimates import Estimate
from sim.errors import UserError
from sim.layout.cells import SYMBOLS, finite, money, money_text, patients_in_words
from sim.layout.figure_file import figure_files, figure_names
from sim.layout.progress import patients_progress, steps_progress
from sim.layout.schema import Schema, count, flag, in_csv, number, records, text
from sim.layout.table import Cell, Row, Table, print_table
from sim.layout.text import print_question
from sim.limits import LARGEST_AMOUNT, LONGEST_DECISION_YEARS, MOST_PATIENTS
from sim.simulation.question import Question

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from rich.console import Console

ANALYSIS: Final = "voi"
CURVE: Final = "evpi"
BARS: Final = "evppi"
NAMES: Final = (
    *names_of(ANALYSIS, figure=False),
    f"{CURVE}.csv",
    *figure_names((CURVE, BARS)),
)
EVERYTHING: Final = "everything"
KINDS: Final = (EVERYTHING, "group", "parameter")
TABLE: Final = Schema(
    f"{ANALYSIS}.csv",
    (
        text("kind", "``everything`` (EVPI), ``group`` or ``parameter`` (EVPPI)", KINDS),
        text("name"),
        text("label"),
        count("members", "the number of parameters"),
        number("threshold", "in `currency` per QALY"),
        number("value", "in `currency` per patient"),
        number("se", "its standard error"),
        number("null", "the same regression where the true value is 0: its upward bias"),
        number("null_se", "the spread of that"),
        flag("told_from_nothing", "whether the value exceeds `null` by twice its error"),
        number(
            "population_value",
            "of all patients of the horizon, discounted, if their number is known",
        ),
        number("population_se"),
        text("currency"),
    ),
    ("name", "threshold"),
)
EXPLAINED: Final = (
    "EVPI is what a patient would gain, in money, if the choice could be made knowing the true "
    "value of every uncertain input; EVPPI, of those of the group or the parameter alone, and with "
    "it of whatever else it tells of inputs that were fitted together. Values of single parameters "
    "do not add up to that of their group."
)
METHOD: Final = (
    "EVPPI is a regression of net benefit on the draws (additive splines, products of pairs in "
    "groups), with the errors of draws and regression. A star marks a value within its noise: "
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
    """Return every value as `TABLE`."""
    many = math.nan if patients is None else patients.number

    def worth(value: float, se: float, *rest: float | None) -> tuple[Any, ...]:
        scaled = (finite(many * value), finite(many * se))
        return value, finite(se), *rest, *scaled, found.question.perspective.currency

    everything = (EVERYTHING, EVERYTHING, "All uncertain inputs", len(found.parameters))
    rows = [
        (*everything, threshold, *worth(*value, None, None, value.mean > 2.0 * value.se))
        for threshold, value in found.evpi.items()
    ]
    rows += [
        (
            *heading,
            threshold,
            *worth(value.value, value.se, value.null, finite(value.null_se), value.exceeds_bias),
        )
        for kind, parts in (("group", found.groups), ("parameter", found.parameters))
        for part in parts
        for heading in ((kind, part.name, _label(found, part), len(part.members)),)
        for threshold, value in part.worth.items()
    ]
    return TABLE.table(rows)


def voi_summary(found: ValueOfInformation, patients: Patients | None) -> dict[str, Any]:
    """Return the content of voi.json after its heading."""
    return {
        "draws": found.draws,
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
        "groups": {part.name: list(part.members) for part in found.groups},
        "values": records(voi_table(found, patients)),
    }


def read_voi(stored: Stored) -> tuple[ValueOfInformation, Patients | None]:
    """Return the values that are stored in a folder, and the patients.

    Raises
    ------
    UserError
        When a file is missing or broken.
    """
    told, question = stored.summary, stored.question
    evpi: dict[float, Estimate] = {}
    parts: dict[str, dict[str, dict[float, PartialInformation]]] = {"group": {}, "parameter": {}}
    for row in stored.table(TABLE).to_dict("records"):
        if row["kind"] == EVERYTHING:
            evpi[row["threshold"]] = Estimate(row["value"], row["se"])
        else:
            worth = PartialInformation(*(row[key] for key in PartialInformation._fields))
            parts[row["kind"]].setdefault(row["name"], {})[row["threshold"]] = worth
    if list(evpi) != told["thresholds"]:
        problem = f"must be the thresholds of {stored.file} where kind is {EVERYTHING}"
        raise UserError(problem, file=stored.folder / TABLE.file, key="threshold")
    found = ValueOfInformation(
        question=question,
        draws=told["draws"],
        evpi=evpi,
        curve=stored.table(CURVE_TABLE),
        groups=tuple(
            Knowledge(name, tuple(told["groups"][name]), worth)
            for name, worth in parts["group"].items()
        ),
        parameters=tuple(
            Knowledge(name, (name,), worth) for name, worth in parts["parameter"].items()
        ),
    )
    facing = told["population"]
    if facing is None:
        return found, None
    return found, Patients(question, facing["patients_per_year"], facing["years"])


def drawn_voi(found: ValueOfInformation, top: int) -> dict[str, Figure]:
    """Return the figures of the analysis by name."""
    from sim.analyses.voi.figure import Worth, evpi_figure, evppi_figure
    from sim.layout.style import styled

    symbol = SYMBOLS[found.question.perspective.currency]
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
    question = found.question
    symbol = SYMBOLS[question.perspective.currency]
    simulated = (
        f"{found.draws:,} draws of {len(found.parameters)} uncertain parameters; each draw in "
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
    single = part.name in found.question.parameters
    label = part.name if single else _named(found, part)
    return Row(label, [_cell(worth, symbol) for worth in part.worth.values()])


def _named(found: ValueOfInformation, group: Knowledge) -> str:
    return f"{_label(found, group)} ({len(group.members)})"


def _cell(worth: PartialInformation, symbol: str) -> Cell:
    cell = money(worth.value, worth.se, symbol)
    return cell._replace(error=f"{cell.error}{' ' if worth.exceeds_bias else '*'}")


def _label(found: ValueOfInformation, part: Knowledge) -> str:
    parameters = found.question.parameters
    label = parameters[part.name].label if part.name in parameters else part.name
    return label[:1].upper() + label[1:]


class VoiResult(StoredResult):
    """The value of knowing everything, groups of parameters, and each parameter.

    Figures are ``evpi``, against the threshold, and ``evppi``, of groups and parameters.
    """

    COMMAND = "voi"
    FILES = NAMES
    FIGURES = (CURVE, BARS)

    def __init__(
        self,
        scenario: Scenario,
        found: ValueOfInformation,
        population: Patients | None,
        top: int,
    ) -> None:
        super().__init__(scenario)
        self._found = found
        self._population = population
        self._top = top

    @classmethod
    @rename_options
    def read(cls, scenario: Asked, folder: str | Path, *, top: int = TOP) -> Self:
        """Return the answer that is in a folder: `StoredResult.read`; `top` as for `voi`."""
        found = super().read(scenario, folder)
        found._top = Whole(1)("top", top)
        return found

    @classmethod
    def _read(cls, scenario: Scenario, stored: Stored) -> Self:
        return cls(scenario, *read_voi(stored), TOP)

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """The tables by the name of their file, without its suffix."""
        return {ANALYSIS: self.values, CURVE: self.evpi}

    @property
    def values(self) -> pd.DataFrame:
        """A row per threshold of everything, each group and each parameter: `sim.analyses.voi.result.TABLE`."""
        return voi_table(self._found, self._population)

    @property
    def evpi(self) -> pd.DataFrame:
        """The EVPI by threshold, as in evpi.csv: `sim.analyses.voi.analysis.CURVE`."""
        return self._found.curve

    def files(self) -> Mapping[str, str | bytes]:
        """Return the contents of the files by name."""
        summary = voi_summary(self._found, self._population)
        return {
            **analysis_files(self._found.question, ANALYSIS, self.values, summary),
            f"{CURVE}.csv": in_csv(self.evpi),
            **figure_files(drawn_voi(self._found, self._top)),
        }

    def json(self) -> str:
        """Return the summary as JSON text."""
        summary = voi_summary(self._found, self._population)
        return summary_json(self._found.question, ANALYSIS, summary)

    def _print(self, console: Console) -> None:
        """Print the EVPI, then groups and parameters."""
        print_voi(console, self._found, self._population, self._top)

    def _draw(self, name: str) -> Figure:
        return drawn_voi(self._found, self._top)[name]


@checked
def voi(
    scenario: Asked,
    *,
    draws: Draws = None,
    patients: PatientsPerDraw = None,
    seed: Seed = None,
    thresholds: Annotated[Sequence[float] | None, Option("V", Positive(LARGEST_AMOUNT))] = None,
    groups: Annotated[Mapping[str, Sequence[str]] | None, Option("NAME=PATTERN,...")] = None,
    incidence: Annotated[float | None, Option("N", Positive(MOST_PATIENTS))] = None,
    years: Annotated[float | None, Option("Y", Positive(LONGEST_DECISION_YEARS))] = None,
    top: Top = TOP,
    out: Out = None,
    cached: Cached = True,
    threads: Threads = None,
    cluster: Cluster = None,
) -> VoiResult:
    """Estimate the value of information before a choice between the strategies of a scenario.

    The expected value of perfect information, on everything (EVPI), on groups of parameters and on
    each of them (EVPPI), read from the draws of a probabilistic analysis.

    Parameters
    ----------
    scenario
        The question, or the path of its file; its own number of patients does not matter.
    draws, patients, seed, out, cached, threads, cluster
        As for `psa`.
    thresholds
        Currency per QALY; by default those of the scenario.
    groups
        Patterns, such as cost.*, of parameters that are learnt together, by the name of the group.
        By default costs, utilities, toxicity, transplant, relapse, response and others.
    incidence
        Patients a year who face the choice, for the value to the population; with ``years``.
    years
        Years for which the choice is made, for the value to the population.
    top
        As for `tornado`.

    Raises
    ------
    UserError
        When an argument is not allowed, nothing fits a pattern, or there is no choice to inform.

    Examples
    --------
    >>> from sim import Scenario, voi
    >>> scenario = Scenario.load("scenarios/first_salvage.yaml").with_(patients=1000)
    >>> found = voi(scenario, draws=60, patients=50, groups={"prices": ["cost.*"]}, cached=False)
    >>> found.values["kind"].unique().tolist()
    ['everything', 'group', 'parameter']
    """
    chosen = asked(scenario, seed=seed)
    folder = folder_of(VoiResult, out)
    population = _population(chosen.question, incidence, years)
    work = Work(threads, cached=cached, bar=patients_progress)
    with spread(cluster):
        psa = _drawn(chosen.question, draws, patients, work)
    found = _valued(psa, thresholds or chosen.thresholds, groups or {}, threads)
    return written(VoiResult(chosen, found, population, top), folder)


def _drawn(question: Question, draws: int | None, patients: int | None, work: Work) -> Psa:
    """Return a probabilistic analysis, its size chosen where it is not given."""
    size = chosen_size(question, work, draws=draws, patients=patients)
    return results(replace(question, patients=size.patients), size.draws, work)


def _valued(
    psa: Psa,
    thresholds: Sequence[float],
    groups: Mapping[str, Sequence[str]],
    threads: int | None,
) -> ValueOfInformation:
    """Return the value of information on groups of parameters, by default `default_groups`."""
    names = [str(name) for name in psa.parameters.columns]
    learnt = {name: matching(names, name, fits) for name, fits in groups.items()}
    learnt = learnt or default_groups(psa.question, names)
    with steps_progress(len(names) + len(learnt), "valuing information") as advance:
        worth = tuple(map(float, thresholds))
        return value_of_information(psa, worth, learnt, threads=threads, progress=advance)


def _population(
    question: Question, incidence: float | None, years: float | None
) -> Patients | None:
    if incidence is None and years is None:
        return None
    if incidence is None or years is None:
        raise UserError(
            "the value to the population needs both --incidence and --years",
            key="--incidence" if incidence is None else "--years",
        )
    return Patients(question, incidence, years)
