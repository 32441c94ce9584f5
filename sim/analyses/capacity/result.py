"""``capacity``: let patients wait for beds that are scarce, and value one more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Final

import pandas as pd
from rich.console import Console

from sim.analyses.capacity import analysis
from sim.analyses.capacity.analysis import TABLE, CapacityAnalysis, Level, Replications, limits_of
from sim.analyses.shared.arguments import Option, Out, Patients, Seed, Threshold, checked
from sim.analyses.shared.outcomes import middle_threshold
from sim.analyses.shared.result import Layout, ResumableResult
from sim.analyses.shared.scenario import MANY_SETS_PATIENTS, Asked, asked
from sim.analyses.shared.store import MANIFEST
from sim.analyses.shared.stored import Stored, names_of
from sim.analyses.shared.text import money, print_notes, strategy_label
from sim.analyses.shared.work import place_of_work
from sim.errors import UserError
from sim.layout.cells import SYMBOLS, amount, number, number_text
from sim.layout.schema import records
from sim.layout.table import Row, Table, print_table
from sim.layout.text import CAPACITY, print_question
from sim.scenario.binding import ARRIVALS
from sim.scenario.schema import MOST_PLACES
from sim.simulation.question import Question, with_capacity

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ANALYSIS: Final = "capacity"
NAMES: Final = names_of(ANALYSIS)
ENGINE: Final = "reference"
AROUND: Final = 4
"""Beds fewer and more than in the scenario that are tried by default."""


def capacity_summary(result: CapacityAnalysis) -> dict[str, Any]:
    """Return the content of capacity.json after its heading."""
    return {
        "engine": ENGINE,
        "threshold": result.threshold,
        "replications": result.replications,
        "patients_counted": result.patients,
        "arrivals_per_year": result.question.numbers[ARRIVALS],
        "levels": records(result.table),
    }


def read_capacity(stored: Stored) -> CapacityAnalysis:
    """Return the analysis in a folder; a file that is missing or broken is a `UserError`."""
    told, table, names = stored.summary, stored.table(TABLE), stored.question.strategy_names
    beds = [None if pd.isna(number) else int(number) for number in table["beds"]]
    known = [number for number in beds[: len(beds) // len(names)] if number is not None]
    wanted = [(name, number) for name in names for number in (*known, None)]
    rows = list(zip(table["strategy"], beds, strict=True))
    if not known or known != sorted(set(known)) or rows != wanted:
        problem = "must have a row for each strategy and number of beds, and one without limit"
        raise UserError(f"{problem}, in their order; run it again", file=stored.folder / TABLE.file)
    return CapacityAnalysis(
        with_capacity(stored.question),
        *(told["threshold"], told["replications"], told["patients_counted"]),
        table,
    )


def drawn_capacity(result: CapacityAnalysis) -> Figure:
    """Return the figure of the analysis."""
    from sim.analyses.capacity.figure import capacity_figure

    return capacity_figure(result)


COLUMNS: Final = (
    ("Wait, days", "wait_days", 1),
    ("90 % wait up to", "wait_days_90", 0),
    ("Had to wait, %", "waited_percent", 0),
    ("In use, %", "utilisation_percent", 1),
    ("Transplants a year", "transplants_per_year", 1),
    ("Lost a year", "transplants_lost_per_year", 1),
    ("QALYs lost a year", "qalys_lost_per_year", 1),
    ("Extra cost a year", "extra_cost_per_year", None),
    ("One more bed: QALYs a year", "next_bed_qalys_per_year", 1),
    ("Net benefit a year", "next_bed_nmb_per_year", None),
)
"""Headings of the printed table, the estimates below them, and their digits; None for money."""
SLOT_COLUMNS: Final = (
    ("Slot wait, days", "slot_wait_days", 1),
    ("Slots in use", "slots_in_use", 1),
    ("Cell therapies a year", "cell_therapies_per_year", 1),
    ("Cell therapies lost a year", "cell_therapies_lost_per_year", 1),
)
"""Beside them, where the slots for cell therapy are limited."""


def _columns(question: Question) -> tuple[tuple[str, str, int | None], ...]:
    is_limited = limits_of(question).cell_therapy_slots is not None
    return (*COLUMNS, *SLOT_COLUMNS) if is_limited else COLUMNS


def print_capacity(console: Console, result: CapacityAnalysis) -> None:
    """Print a table of the numbers of beds for each strategy."""
    question = result.question
    simulated = (
        f"{result.patients:,} patients counted, in {result.replications} calendars of their own, "
        f"the same under each strategy and number of beds; seed {question.seed}; {ENGINE} engine"
    )
    how, order = ("Analysis", _how(question)), (CAPACITY, _order(question))
    print_question(console, question, ("Simulated", simulated), how, order)
    for strategy in result.strategies:
        label = strategy_label(question, strategy)
        rows = [_row(result, level) for level in result.of(strategy)]
        headings = [heading for heading, *_ in _columns(question)]
        print_table(console, Table(label, headings, [rows[:-1], rows[-1:]]))
    print_notes(console, *_notes(result))


def _row(result: CapacityAnalysis, level: Level) -> Row:
    symbol = SYMBOLS[result.question.perspective.currency]
    cells = [
        amount(level.estimates[name], symbol)
        if digits is None
        else number(level.estimates[name], digits)
        for _, name, digits in _columns(result.question)
    ]
    own = level.beds == limits_of(result.question).transplant_beds
    return Row(_beds(level.beds), cells, strong=own)


def _beds(number: int | None) -> str:
    return "no limit" if number is None else f"{number} bed{'' if number == 1 else 's'}"


def _how(question: Question) -> str:
    limits = limits_of(question)
    return (
        f"{number_text(question.numbers[ARRIVALS])} patients a year begin treatment; those of "
        f"{_years(limits.window_years)} are counted, after a warm-up of {_years(limits.warm_up_years)}"
    )


def _years(number: float) -> str:
    return f"{number:g} year{'' if number == 1.0 else 's'}"


def _order(question: Question) -> str:
    limits = limits_of(question)
    longest, slots = limits.longest_wait_days, limits.cell_therapy_slots
    said = [f"Beds for allo-HCT, {limits.queue.replace('_', ' ')}"]
    said.append("no longest wait" if longest is None else f"longest wait {longest:g} days")
    return "; ".join(said if slots is None else [*said, f"{slots} slots for cell therapy"])


def _notes(result: CapacityAnalysis) -> Iterator[str]:
    question = result.question
    yield (
        "Losses and extra cost are against the same patients without limit, all discounted, of the "
        "patients who begin in a year. Standard errors are those of the mean of calendars."
    )
    yield (
        f"Net benefit at {money(question, result.threshold)} per QALY is what one more bed is worth a "
        "year beside what the model pays for care; the bed's own upkeep has to be set against it."
    )
    for strategy in result.strategies:
        *levels, free = result.of(strategy)
        load = free.estimates["beds_in_use"].mean
        full = [level.beds for level in levels if level.beds is not None and level.beds <= load]
        if full:
            yield (
                f"Under {strategy_label(question, strategy)} {load:.1f} beds would be in use without "
                f"limit. With {max(full)} or fewer the queue is kept in bounds only by those who "
                "leave it, and waits depend on the length of warm-up and window."
            )


FILE_LAYOUT: Final = Layout(
    ANALYSIS,
    lambda found: found.table,
    capacity_summary,
    drawn_capacity,
    print_capacity,
    read_capacity,
)


class CapacityResult(ResumableResult[CapacityAnalysis]):
    """Losses by waiting under each number of beds, and the value of one more."""

    COMMAND = ANALYSIS
    FILES = (*NAMES, MANIFEST)
    FIGURES = (ANALYSIS,)
    LAYOUT = FILE_LAYOUT

    @property
    def levels(self) -> pd.DataFrame:
        """A row per strategy and number of beds: `sim.analyses.capacity.analysis.TABLE`."""
        return self._found.table


@checked
def capacity(
    scenario: Asked,
    *,
    beds: Annotated[str | None, Option("LO:HI")] = None,
    threshold: Threshold = None,
    patients: Patients = None,
    seed: Seed = None,
    out: Out = None,
    resume: bool = False,
) -> CapacityResult:
    """Let patients wait for beds that are scarce: waits, lost transplants, the value of one more bed.

    The key ``capacity`` of the scenario says how many beds there are, who is next, and the
    calendar. Each strategy is simulated as the one that all patients are given. All numbers of beds
    have the same patients with common random numbers.

    Parameters
    ----------
    scenario
        The question, or the path of its file.
    beds
        Numbers of beds for allo-HCT, ``8:20`` from 8 to 20, or a single one; by default from four
        fewer to four more than in the scenario.
    threshold
        Currency per QALY, of the net benefit; by default the middle one of the perspective.
    patients
        Who are counted, about: so many calendars are simulated, at least 4. By default the
        scenario's number, at most 10,000.
    seed, out, resume
        As for `tornado`.

    Raises
    ------
    UserError
        When an argument is not allowed, the scenario has no limits, or the folder cannot be used.

    Examples
    --------
    >>> from sim import Scenario, capacity
    >>> few = {"capacity.arrivals_per_year": 20}
    >>> scenario = Scenario.load("scenarios/transplant_beds.yaml").with_(parameters=few)
    >>> capacity(scenario, beds="1:2", patients=20).levels["beds"].tolist()
    [1, 2, <NA>, 1, 2, <NA>]
    """
    chosen = asked(scenario, patients=patients, seed=seed, at_most=MANY_SETS_PATIENTS)
    place = place_of_work(NAMES, out, resume=resume)
    question = with_capacity(chosen.question)
    worth = middle_threshold(question.thresholds) if threshold is None else threshold
    work = Replications(question, beds_asked(question, beds), worth)
    settings = {"beds": [*work.beds], "threshold": worth}
    return CapacityResult.of(chosen, work, settings, place)


_BEDS: Final = re.compile(r"(\d{1,6})(?::(\d{1,6}))?", re.ASCII)


def beds_asked(question: Question, text: str | None) -> range:
    """Return the numbers of beds of an option, or those around the number of the scenario.

    Raises
    ------
    UserError
        When they are not numbers of beds, or the scenario has none and none are asked for.
    """
    own = limits_of(question).transplant_beds
    if text is None and own is not None:
        return range(max(1, own - AROUND), own + AROUND + 1)
    if text is None:
        file = question.loaded.file
        problem = "is missing in the scenario: give it there, or --beds LO:HI"
        raise UserError(problem, file=file, key="capacity.transplant_beds")
    found = _BEDS.fullmatch(str(text).strip())
    low, high = (int(part or found[1]) for part in found.groups()) if found else (0, 0)
    if not 1 <= low <= high <= MOST_PLACES or high - low >= analysis.MOST_LEVELS:
        problem = (
            f"must be LO:HI, two whole numbers from 1 to {MOST_PLACES:,} that do not fall, for at "
            f"most {analysis.MOST_LEVELS} numbers of beds, or a single one"
        )
        raise UserError(problem, key="--beds", value=text)
    return range(low, high + 1)
