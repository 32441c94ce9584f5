"""``trial``: the value of a trial to come, and how large it should be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import TYPE_CHECKING, Annotated, Any, Final

import numpy as np

from sim.analyses.psa.analysis import Work, results
from sim.analyses.psa.result import chosen_size
from sim.analyses.shared.arguments import (
    Cached,
    Cluster,
    Draws,
    Option,
    Out,
    PatientsPerDraw,
    Positive,
    Seed,
    Threads,
    checked,
)
from sim.analyses.shared.result import LaidOutResult, Layout, folder_of, written
from sim.analyses.shared.scenario import Asked, asked
from sim.analyses.shared.stored import Stored, names_of
from sim.analyses.shared.text import print_notes, strategy_label
from sim.analyses.shared.work import sets_progress, spread
from sim.analyses.trial.analysis import (
    TABLE,
    TOLD_APART,
    Trial,
    question_of,
    reports,
    trial_analysis,
)
from sim.analyses.trial.design import OPTIONS, SETTINGS, Design, Setting, design_of, sizes_of
from sim.analyses.voi.analysis import refuse_one_strategy
from sim.analyses.voi.information import PartialInformation
from sim.catalog.parameter import INTERNAL
from sim.errors import UserError
from sim.layout.cells import SYMBOLS, estimate_json, estimate_of, money, money_text, number_text
from sim.layout.citations import citations
from sim.layout.endpoint_words import TRIAL_OUTCOMES
from sim.layout.progress import patients_progress, steps_progress
from sim.layout.schema import records
from sim.layout.table import Cell, Row, Table, print_table
from sim.layout.text import print_question
from sim.limits import LARGEST_AMOUNT, LONGEST_DECISION_YEARS, MOST_PATIENTS
from sim.scenario.binding import TRIAL

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from rich.console import Console

    from sim.simulation.question import Question

ANALYSIS: Final = "trial"
NAMES: Final = names_of(ANALYSIS)
MILLION: Final = 1e6
WORTH: Final = ("evsi", "se", "null", "null_se")
"""The columns that hold a `PartialInformation`."""
LONGEST_FOLLOW_UP_MONTHS: Final = 1200.0
EXPLAINED: Final = (
    "EVSI is what a patient would gain, in money, if the choice could wait for the results of the "
    "trial. ENBS is the EVSI of all patients whose choice the results inform, discounted, minus the "
    "cost of the trial: above 0 the trial is worth its cost."
)
METHOD: Final = (
    "A trial was simulated under each draw, in patients of its own, and net benefit regressed on what "
    "it reports. A star marks a value within its noise: less than two standard errors above what the "
    "regression finds in shuffled draws. Allo-HCT in first remission is counted whenever it happens, "
    "all else within follow-up. Patients stay in their arm, and none is lost."
)


def trial_summary(found: Trial) -> dict[str, Any]:
    """Return the content of trial.json after its heading."""
    design = found.design
    return {
        "draws": found.draws,
        "patients_of": "one draw",
        "arms": list(design.arms),
        "outcomes": list(design.outcomes),
        "sizes": list(design.sizes),
        "discount_rate": design.discount_rate,
        "settings": [
            {**each._asdict(), "unit": _unit(found, each), "from": _origin(found, each)}
            for each in design.settings
        ],
        "informed_parameters": found.informed,
        "bounds": [
            {
                "threshold": threshold,
                "evpi": estimate_json(found.evpi[threshold]),
                "evppi": found.evppi[threshold]._asdict(),
            }
            for threshold in found.evpi
        ],
        "values": records(found.table),
    }


def read_trial(stored: Stored) -> Trial:
    """Return the analysis in a folder; a file that is missing or broken is a `UserError`."""
    told, table = stored.summary, stored.table(TABLE)
    bounds = {each["threshold"]: each for each in told["bounds"]}
    for key, values in (("threshold", list(bounds)), ("n", told["sizes"])):
        if list(dict.fromkeys(table[key].tolist())) != values:
            problem = f"must be those of {stored.file}, in this order"
            raise UserError(problem, file=stored.folder / TABLE.file, key=key)
    if (table.groupby("threshold")["best"].sum() != 1).any():
        problem = "must be true of one size at each threshold"
        raise UserError(problem, file=stored.folder / TABLE.file, key="best")
    return Trial(
        question=stored.question,
        draws=told["draws"],
        design=Design(
            arms=tuple(told["arms"]),
            outcomes=tuple(told["outcomes"]),
            sizes=tuple(told["sizes"]),
            settings=_read_settings(stored),
            discount_rate=stored.question.discount_rates[0],
        ),
        evpi={threshold: estimate_of(each["evpi"]) for threshold, each in bounds.items()},
        evppi={
            threshold: PartialInformation(*itemgetter(*PartialInformation._fields)(each["evppi"]))
            for threshold, each in bounds.items()
        },
        informed=told["informed_parameters"],
        table=table,
    )


def _read_settings(stored: Stored) -> tuple[Setting, ...]:
    """Return the settings of a stored trial, each once and as its unit allows."""
    told = stored.summary["settings"]
    found = tuple(Setting(each["name"], each["value"], each["is_given"]) for each in told)
    file, parameters = stored.folder / stored.file, stored.question.parameters
    if tuple(each.name for each in found) != SETTINGS:
        problem = f"must be {', '.join(SETTINGS)}, in this order"
        raise UserError(problem, file=file, key="settings")
    for place, each in enumerate(found):
        parameter = parameters.get(f"{TRIAL}{each.name}")
        refused = None if each.value > 0.0 else "must be above 0"
        if parameter is not None:
            refused = parameter.check(each.value)
        if refused is not None:
            raise UserError(refused, file=file, key=f"settings[{place}].value", value=each.value)
    return found


def drawn_trial(found: Trial) -> Figure:
    """Return the figure of the analysis."""
    from sim.analyses.trial.figure import trial_figure

    return trial_figure(found)


def print_trial(console: Console, found: Trial) -> None:
    """Print the value of the trial's information, its net benefit, and its settings."""
    question, design = found.question, found.design
    symbol = SYMBOLS[question.perspective.currency]
    labels = [strategy_label(question, name) for name in design.arms]
    sizes = f"{design.sizes[0]:,} to {design.sizes[-1]:,}"
    simulated = (
        f"{found.draws:,} draws, each with {question.patients:,} patients for costs and QALYs and a "
        f"trial of its own; seed {question.seed}"
    )
    analysis = (
        f"A trial of {', '.join(labels)}, {sizes} patients in each arm, that "
        f"reports {', '.join(TRIAL_OUTCOMES[name] for name in design.outcomes)}"
    )
    print_question(console, question, ("Simulated", simulated), ("Analysis", analysis))
    headings = [f"{symbol}{threshold:,.0f} per QALY" for threshold in found.evpi]
    print_table(console, _information_table(found, headings, symbol))
    print_table(console, _benefit_table(found, headings, symbol))
    print_table(console, _settings_table(found))
    answers = [
        f"At {money_text(threshold, symbol)} per QALY {_answer(found, threshold, symbol)}."
        for threshold in found.evpi
    ]
    print_notes(console, *answers, EXPLAINED, METHOD)


def _information_table(found: Trial, headings: Sequence[str], symbol: str) -> Table:
    informed = f"EVPPI: {found.informed:,} inputs that a trial informs"
    bounds = [
        Row("EVPI: everything known", [money(*each, symbol) for each in found.evpi.values()]),
        Row(informed, [_cell(each, symbol) for each in found.evppi.values()]),
    ]
    trials = []
    for size in found.design.sizes:
        worth = [PartialInformation(*each) for each in _rows(found, size, *WORTH)]
        trials.append(Row(f"EVSI: {size:,} in each arm", [_cell(each, symbol) for each in worth]))
    return Table("Value per patient (standard error)", headings, [bounds, trials])


def _cell(worth: PartialInformation, symbol: str) -> Cell:
    cell = money(worth.value, worth.se, symbol)
    return cell._replace(error=f"{cell.error}{' ' if worth.exceeds_bias else '*'}")


def _benefit_table(found: Trial, headings: Sequence[str], symbol: str) -> Table:
    rows = []
    for size in found.design.sizes:
        known = [
            _millions(found.design.cost(size), symbol),
            f"{found.design.used_from_years(size):.1f}",
            f"{found.design.informed_patients(size):,.0f}",
        ]
        benefits = [
            Cell(_millions(benefit, symbol), f" ({se / MILLION:,.1f})")
            for benefit, se in _rows(found, size, "enbs", "enbs_se")
        ]
        rows.append(Row(f"{size:,} in each arm", [*map(Cell, known), *benefits]))
    of_all = ["Cost", "Used from year", "Patients informed"]
    benefit = [f"ENBS at {each}" for each in headings]
    return Table("Net benefit of sampling (standard error)", [*of_all, *benefit], [rows])


def _rows(found: Trial, size: int, *columns: str) -> list[list[float]]:
    """Return columns of the rows of a size, by threshold."""
    rows = found.table[found.table["n"] == size]
    values: list[list[float]] = rows[list(columns)].to_numpy(dtype=np.float64).tolist()
    return values


def _settings_table(found: Trial) -> Table:
    rows = [
        Row(_label(found, each), [Cell(_value(found, each)), Cell(_origin(found, each))])
        for each in found.design.settings
    ]
    return Table("Setting of the trial", ["Value", "From"], [rows])


def _millions(amount: float, symbol: str) -> str:
    return f"{'-' if amount < 0.0 else ''}{symbol}{abs(amount) / MILLION:,.1f}M"


def _answer(found: Trial, threshold: float, symbol: str) -> str:
    """Say which size is the best at a threshold, and which cannot be told from it."""
    best, rows = found.best(threshold), found.table[found.table["threshold"] == threshold]
    if found.is_too_much(threshold):
        return (
            "the draws are too few to value a trial: the regression finds more than the EVPI, all "
            "that there is to know. Ask for more with --draws"
        )
    if not best["enbs"] > 0.0:
        return "no trial of these sizes is worth its cost"
    if not best["told_from_nothing"]:
        return "the value of a trial of these sizes cannot be told from noise; more draws may tell"
    near = rows[rows["below_best"] <= TOLD_APART * rows["below_best_se"]]["n"].tolist()
    alike = [f"{number:,}" for number in near if number != best["n"]]
    worth = f"{_millions(best['enbs'], symbol)} ({best['enbs_se'] / MILLION:,.1f})"
    text = f"the highest ENBS is {worth}, with {best['n']:,} patients in each arm"
    if alike:
        text += f"; {', '.join(alike)} cannot be told from it"
    if best["n"] in (found.design.sizes[0], found.design.sizes[-1]):
        text += ". This is an end of the sizes asked for: look beyond it"
    return text


def _label(found: Trial, setting: Setting) -> str:
    parameter = found.question.parameters.get(f"{TRIAL}{setting.name}")
    return setting.name.replace("_", " ").capitalize() if parameter is None else parameter.label


def _unit(found: Trial, setting: Setting) -> str:
    parameter = found.question.parameters.get(f"{TRIAL}{setting.name}")
    return "" if parameter is None else parameter.unit


def _value(found: Trial, setting: Setting) -> str:
    unit = _unit(found, setting)
    if unit in SYMBOLS:
        return money_text(setting.value, SYMBOLS[unit])
    return f"{number_text(setting.value)} {unit}".strip()


def _origin(found: Trial, setting: Setting) -> str:
    """Say where a setting comes from: an option, the scenario, or the catalogue and its sources."""
    if setting.is_given:
        return "given"
    parameter = found.question.parameters[f"{TRIAL}{setting.name}"]
    known = (found.question.catalogue.sources[key] for key in parameter.sources)
    published = [source.short for source in known if source.kind != INTERNAL]
    return f"{parameter.status}{' from ' if published else ''}{', '.join(published)}"


FILE_LAYOUT: Final = Layout(
    ANALYSIS, lambda found: found.table, trial_summary, drawn_trial, print_trial, read_trial
)


class TrialResult(LaidOutResult[Trial]):
    """The value of a trial at each size: of its information, and after its cost."""

    COMMAND = "trial"
    FILES = NAMES
    FIGURES = (ANALYSIS,)
    LAYOUT = FILE_LAYOUT

    @property
    def values(self) -> pd.DataFrame:
        """A row per size and threshold, as in trial.csv: `sim.analyses.trial.analysis.TABLE`."""
        return self._found.table

    def files(self) -> Mapping[str, str | bytes]:
        """Return the contents of the files by name."""
        question = self._found.question
        read = {f"{TRIAL}{each.name}" for each in self._found.design.settings if not each.is_given}
        cited = citations(replace(question, used=question.used | read))
        return {**super().files(), "citations.txt": cited}


Months = Annotated[float | None, Option("M", Positive(LONGEST_FOLLOW_UP_MONTHS))]
Money = Annotated[float | None, Option("V", Positive(LARGEST_AMOUNT))]
PerYear = Annotated[float | None, Option("N", Positive(MOST_PATIENTS))]
Years = Annotated[float | None, Option("Y", Positive(LONGEST_DECISION_YEARS))]


@checked
def trial(
    scenario: Asked,
    *,
    n: Annotated[str | Sequence[int], Option("LO:HI")] = "50:800",
    arms: Sequence[str] | None = None,
    outcomes: Sequence[str] | None = None,
    follow_up: Months = None,
    cost: Money = None,
    incidence: PerYear = None,
    years: Years = None,
    thresholds: Annotated[Sequence[float] | None, Option("V", Positive(LARGEST_AMOUNT))] = None,
    draws: Draws = None,
    patients: PatientsPerDraw = None,
    seed: Seed = None,
    out: Out = None,
    cached: Cached = True,
    threads: Threads = None,
    cluster: Cluster = None,
) -> TrialResult:
    """Estimate the value of a trial of the strategies of a scenario, and how large it should be.

    Parameters
    ----------
    n
        Patients in each arm: an interval, or numbers with commas between them.
    arms
        A strategy that is an arm; by default all are.
    outcomes
        What is reported: response, complete_remission, mrd_negative, hct, os_percent, os_median or
        os_hazard_ratio; by default all but the second and third.
    follow_up
        Months of follow-up; by default, as all settings, the scenario's or the catalogue's.
    cost
        Cost of the trial per patient, in the currency of the perspective.
    incidence
        Patients a year who face the choice.
    years
        Years from now for which the choice is made.
    scenario, thresholds, draws, patients, seed, out, cached, threads, cluster
        As for `voi`.

    Raises
    ------
    UserError
        When an argument is not allowed, or there is no choice to inform.

    Examples
    --------
    >>> from sim import Scenario, trial
    >>> scenario = Scenario.load("scenarios/first_salvage.yaml").with_(patients=1000)
    >>> found = trial(scenario, n="20,40", draws=60, patients=50, cached=False)
    >>> found.values["n"].unique().tolist()
    [20, 40]
    """
    chosen, folder = asked(scenario, seed=seed), folder_of(TrialResult, out)
    given = dict(zip(OPTIONS, (follow_up, cost, incidence, years), strict=True))
    design = design_of(chosen.question, sizes_of(n), arms, outcomes, given)
    work = Work(threads, cached=cached, bar=patients_progress, cluster=cluster)
    found = _valued(chosen.question, design, thresholds, draws, patients, work)
    return written(TrialResult(chosen, found), folder)


def _valued(
    question: Question,
    design: Design,
    thresholds: Sequence[float] | None,
    draws: int | None,
    patients: int | None,
    work: Work,
) -> Trial:
    """Return the value of a trial, the size of the probabilistic analysis chosen if not given."""
    refuse_one_strategy(question)
    worth = tuple(map(float, thresholds or question.thresholds))
    with spread(work.cluster):
        size = chosen_size(question, work, draws=draws, patients=patients)
        psa = results(replace(question, patients=size.patients), size.draws, work)
        with sets_progress(question_of(question, design), psa.draws) as advance:
            reported = reports(psa, design, threads=work.threads, progress=advance)
    with steps_progress(len(design.sizes) + 1, "valuing the trial") as advance:
        return trial_analysis(psa, design, reported, worth, progress=advance)
