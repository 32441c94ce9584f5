"""``explain``: follow one patient through every strategy, with its files and its figure.

The names and columns of the files are part of the interface; see `COLUMNS`.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import numpy as np
import pandas as pd
from rich.console import Console

from sim.analyses.explain.divergences import ENTRY, sentences, words
from sim.analyses.explain.text import print_explanation
from sim.analyses.shared.arguments import Option, Out, Seed, Whole, checked
from sim.analyses.shared.result import ScenarioResult, folder_of, written
from sim.analyses.shared.scenario import Asked, Scenario, asked
from sim.analyses.shared.stored import INDENT
from sim.clinic.patient import Patient
from sim.economics.ledger import Account
from sim.errors import UserError
from sim.layout.cells import finite
from sim.layout.citations import citations
from sim.layout.figure_file import figure_files, figure_names
from sim.layout.progress import patients_progress
from sim.layout.schema import in_csv
from sim.layout.text import console_for
from sim.layout.trace import describe, entry_name
from sim.limits import MOST_PATIENTS
from sim.replay.recorder import Distribution, Draw
from sim.replay.replay import Posting, Replay, ReplayedLife, replay
from sim.replay.search import Found, parse
from sim.replay.search import find as search_for
from sim.simulation.comparison import account_unit
from sim.simulation.provenance import fingerprint, provenance
from sim.simulation.question import Question
from sim.simulation.run import Arm, Engine

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS: Final = {
    "explain_events.csv": ("strategy", "event", "day", "kind", "line", "cycle", "words"),
    "explain_draws.csv": (
        *("strategy", "event", "day", "decision", "line", "cycle", "uniform", "used", "limits"),
        *("below", "family", "parameters", "value", "due_day", "came_true", "words"),
    ),
    "explain_ledger.csv": (
        *("strategy", "event", "account", "category", "state", "line", "start_day", "end_day"),
        *("undiscounted", "discounted", "undiscounted_so_far", "discounted_so_far"),
        *("words", "unit"),
    ),
}
"""Columns of each table, which are also the keys of the lists in explain.json.

- `event` is the number of the event in the life, from 0: that of a draw or of an entry of the
  ledger. Draws at entry have no strategy and no event.
- `line` and `cycle` count from 1. `uniform` is the number of the draw's key.
- `limits` are those with which the number was compared, in that order, and `below` whether it was
  below; in a cell of a table there is a semicolon between two of them.
- `family`, `parameters` and `value` are of the distribution of the draw; times are in days.
  `due_day` is the day on which a time ends, and `came_true` whether an event happened then.
  Infinite or missing values are empty in a table and null in JSON.
- `undiscounted_so_far` and `discounted_so_far` are totals of the account, this entry included;
  the last of them is the patient's result. All amounts of a row are in its `unit`.
"""
ANALYSIS: Final = "explain"
FIRST_FEW: Final = 5
"""Patients that a search names."""
LIVES: Final = "lives"
TEXTS: Final = ("explain.json", "explain.txt", "provenance.json", "citations.txt")
NAMES: Final = (*TEXTS, *figure_names([ANALYSIS]), *COLUMNS)


class ExplainResult(ScenarioResult):
    """One patient under every strategy: each event with its draws, each entry of the ledger.

    The columns are those of `sim.analyses.explain.result.COLUMNS`.
    """

    COMMAND = "explain"
    FILES = NAMES
    FIGURES = (LIVES,)

    def __init__(
        self, scenario: Scenario, replayed: Replay, found: Found | None, *, entries: bool
    ) -> None:
        super().__init__(scenario)
        self._replayed = replayed
        self._found = found
        self._entries = entries

    @property
    def patient(self) -> int:
        """The number of the patient."""
        return self._replayed.patient.number

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """The tables by the name of their file, without its suffix."""
        found = explain_tables(self._replayed)
        return {name.removesuffix(".csv"): table for name, table in found.items()}

    @property
    def events(self) -> pd.DataFrame:
        """Events: ``strategy``, ``event``, ``day``, ``kind``, ``line``, ``cycle``, ``words``."""
        return self.tables["explain_events"]

    @property
    def draws(self) -> pd.DataFrame:
        """The random draws, and the probabilities with which they were compared.

        Columns ``strategy``, ``event``, ``day``, ``decision``, ``line``, ``cycle``, ``uniform``,
        ``limits``, ``below``, ``family``, ``parameters``, ``value``, ``due_day``, ``words`` and
        more. The same draw has the same ``uniform`` under every strategy.
        """
        return self.tables["explain_draws"]

    @property
    def ledger(self) -> pd.DataFrame:
        """Every entry, with the totals so far.

        Columns ``strategy``, ``event``, ``account``, ``category``, ``state``, ``line``,
        ``start_day``, ``end_day``, ``undiscounted``, ``discounted``, ``undiscounted_so_far``,
        ``discounted_so_far``, ``words``, ``unit``.
        """
        return self.tables["explain_ledger"]

    def files(self) -> Mapping[str, str | bytes]:
        """Return the contents of the files by name."""
        question, engine = self._replayed.question, self._replayed.engine
        origin = provenance(question, engine)
        origin |= {"analysis": ANALYSIS, "patient": self.patient}
        text = io.StringIO()
        console = console_for(stream_is_terminal=False)
        console.file = text
        self._print(console)
        tables = explain_tables(self._replayed)
        return {
            "explain.json": self.json(),
            "explain.txt": text.getvalue(),
            "provenance.json": json.dumps(origin, indent=INDENT) + "\n",
            "citations.txt": citations(question),
            **figure_files({ANALYSIS: drawn_lives(self._replayed)}),
            **{name: in_csv(table) for name, table in tables.items()},
        }

    def json(self) -> str:
        """Return the explanation as JSON text."""
        return _in_json(self._replayed, self._found)

    def _print(self, console: Console) -> None:
        """Print the explanation."""
        print_explanation(console, self._replayed, self._found, every_entry=self._entries)

    def _draw(self, name: str) -> Figure:  # noqa: ARG002 - there is one
        return drawn_lives(self._replayed)


@checked
def explain(
    scenario: Asked,
    patient: Annotated[int | None, Option("I", Whole(0, MOST_PATIENTS - 1))] = None,
    *,
    find: Annotated[str | None, Option("TEXT")] = None,
    among: Annotated[int | None, Option("N", Whole(1, MOST_PATIENTS))] = None,
    engine: Engine = "reference",
    entries: bool = False,
    seed: Seed = None,
    out: Out = None,
) -> ExplainResult:
    """Follow one patient of a scenario through every strategy, number by number.

    The same virtual patient side by side: each event with its day, each random draw with its
    probability, each entry of the ledger, and where and why the lives diverge.

    Parameters
    ----------
    scenario
        The question, or the path of its file.
    patient
        Number of the patient, from 0; it may be beyond the scenario's patients. By default the
        first, or the first that is found.
    find
        Explain the first patient of whom this is true: words such as ``transplanted``, ``crs``,
        ``cured``, ``relapsed after transplant`` or ``responded to REGIMEN only``, with ``and``,
        ``not`` and ``under STRATEGY``. A word that is not known lists those that are.
    among
        Patients that ``find`` looks through, instead of the scenario's number.
    engine
        With ``core`` the core engine runs too, and must agree in every event and amount.
    entries
        Print every entry of the ledger on its own line.
    seed, out
        As for `run`.

    Raises
    ------
    UserError
        When an argument is not allowed, a word of the search is not known, or it is true of no
        patient.

    Examples
    --------
    >>> from sim import Scenario, explain
    >>> scenario = Scenario.load("scenarios/first_salvage.yaml")
    >>> explain(scenario, 7).events.query("event == 0")["kind"].to_list()
    ['entry', 'entry']
    """
    _check(patient, find, among)
    folder = folder_of(ExplainResult, out)
    chosen = asked(scenario, seed=seed)
    question = asked(chosen, patients=among).question
    found = None if find is None else _search(question, find)
    number = found.patients[0] if found is not None else patient or 0
    replayed = _replayed(question, number, engine)
    return written(ExplainResult(chosen, replayed, found, entries=entries), folder)


def _check(patient: int | None, find: str | None, among: int | None) -> None:
    """Refuse options that have no meaning together."""
    if patient is not None and find is not None:
        raise UserError("--patient and --find exclude each other", key="--patient", value=patient)
    if among is not None and find is None:
        raise UserError("says how many --find looks through: give --find", key="--among")


def _replayed(question: Question, number: int, engine: Engine) -> Replay:
    """Return the patient's lives, confirmed by the core engine on request."""
    replayed = replay(question, number)
    if engine == "core":
        # Imported here: the reference engine does not need the compiler.
        from sim.replay.replay import check_core

        replayed = check_core(replayed)
    return replayed


def _search(question: Question, wanted: str) -> Found:
    search = parse(wanted, question)
    with patients_progress(question.patients) as advance:
        found = search_for(question, search, first=FIRST_FEW, progress=advance)
    if not found.patients:
        raise UserError(
            f"is true of none of the {found.searched:,} patients; --among N looks through more",
            key="--find",
            value=wanted,
        )
    return found


def typical_patient(arms: Sequence[Arm], comparator: str) -> int:
    """Return the number of the patient whose differences are nearest to the mean differences.

    Nearness counts cost and QALYs of every strategy against the comparator, each in its standard
    deviations between patients.
    """
    totals = {
        arm.strategy.name: np.column_stack(
            [arm.total(each) for each in (Account.COST, Account.QALY)]
        )
        for arm in arms
    }
    base = totals.pop(comparator)
    differences = np.hstack([each - base for each in totals.values()] or [base])
    spread = differences.std(axis=0)
    scaled = (differences - differences.mean(axis=0)) / np.where(spread > 0.0, spread, 1.0)
    return int((scaled**2).sum(axis=1).argmin())


def explain_tables(replayed: Replay) -> dict[str, pd.DataFrame]:
    """Return the tables of an explanation by file name, in the columns `COLUMNS`."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in COLUMNS}
    currency = replayed.question.perspective.currency
    rows["explain_draws.csv"] += [
        {"strategy": None, **_entry(draw, replayed.patient)} for draw in replayed.entry
    ]
    for life in replayed.lives:
        name = {"strategy": life.strategy.name}
        rows["explain_events.csv"] += [{**name, **row} for row in _events(life)]
        rows["explain_draws.csv"] += [{**name, **_draw(draw, life)} for draw in life.draws]
        rows["explain_ledger.csv"] += [
            {**name, **_posting(each, currency)} for each in life.postings
        ]
    return {
        name: pd.DataFrame(
            [{key: _cell(value) for key, value in row.items()} for row in rows[name]],
            columns=list(columns),
        )
        for name, columns in COLUMNS.items()
    }


def _cell(value: Any) -> Any:  # noqa: ANN401 - any value of a row
    """Join several values into one cell."""
    if isinstance(value, dict):
        return "; ".join(f"{name}={each}" for name, each in value.items())
    return "; ".join(map(str, value)) if isinstance(value, list) else value


def drawn_lives(replayed: Replay) -> Figure:
    """Return the figure of an explanation."""
    # The plotting library is slow to load and not needed to print.
    from sim.analyses.explain.figure import timelines_figure
    from sim.layout.style import styled

    with styled():
        return timelines_figure(replayed)


def _in_json(replayed: Replay, found: Found | None) -> str:
    """Return the explanation as JSON text."""
    question = replayed.question
    costs, effects = question.discount_rates
    comparator = replayed.comparator
    content = {
        "analysis": "explain",
        "scenario": Path(question.loaded.file).stem,
        "title": question.scenario.title,
        "patients": question.patients,
        "seed": question.seed,
        "scenario_sha256": fingerprint(question),
        "engine": replayed.engine,
        "currency": question.perspective.currency,
        "price_year": question.perspective.price_year,
        "discount_rate_costs": costs,
        "discount_rate_effects": effects,
        "found": None
        if found is None
        else {
            "search": found.meaning,
            "patients": list(found.patients),
            "searched": found.searched,
        },
        "patient": replayed.patient._asdict(),
        "entry": [_entry(draw, replayed.patient) for draw in replayed.entry],
        "partings": [
            {
                "strategy": life.strategy.name,
                "comparator": comparator.strategy.name,
                "told": [
                    {"about": name, "text": text} for name, text in sentences(life, comparator)
                ],
            }
            for life in replayed.lives
            if life is not comparator
        ],
        "strategies": [_life(life, question.perspective.currency) for life in replayed.lives],
    }
    return json.dumps(content, indent=INDENT, allow_nan=False) + "\n"


def _life(life: ReplayedLife, currency: str) -> dict[str, Any]:
    return {
        "name": life.strategy.name,
        "label": life.label,
        "totals": {
            account.value: {
                "undiscounted": life.total(account).undiscounted,
                "discounted": life.total(account).discounted,
            }
            for account in Account
        },
        "categories": {
            f"{category.account.value}.{category.label}": {
                "undiscounted": total.undiscounted,
                "discounted": total.discounted,
            }
            for category, total in life.categories.items()
        },
        "events": list(_events(life)),
        "draws": [_draw(draw, life) for draw in life.draws],
        "ledger": [_posting(posting, currency) for posting in life.postings],
    }


def _events(life: ReplayedLife) -> Iterator[dict[str, Any]]:
    for number, event in enumerate(life.log):
        yield {
            "event": number,
            "day": event.time_days,
            "kind": event.kind.name.lower(),
            "line": event.line + 1,
            "cycle": event.cycle + 1 if event.cycle >= 0 else None,
            "words": describe(event, life.regimens),
        }


def _entry(draw: Draw, patient: Patient) -> dict[str, Any]:
    name, value = ENTRY[draw.decision]
    return {"event": None, "day": draw.day, **_drawn(draw), "words": f"{name}: {value(patient)}"}


def _draw(draw: Draw, life: ReplayedLife) -> dict[str, Any]:
    return {
        "event": max(draw.position - 1, 0),
        "day": draw.day,
        **_drawn(draw),
        "due_day": finite(life.due_day(draw)),
        "came_true": life.came_true(draw) if life.due_day(draw) is not None else None,
        "words": words(draw, life) if draw.used else None,
    }


def _drawn(draw: Draw) -> dict[str, Any]:
    return {
        "decision": draw.decision.name,
        "line": draw.line + 1,
        "cycle": draw.cycle + 1 if draw.is_of_a_cycle else None,
        "uniform": draw.uniform,
        "used": draw.used,
        "limits": [each.limit for each in draw.comparisons],
        "below": [each.below for each in draw.comparisons],
        **_distribution(draw.distribution),
    }


def _distribution(found: Distribution | None) -> dict[str, Any]:
    if found is None:
        return {"family": None, "parameters": None, "value": None}
    parameters = {name: finite(value) for name, value in found.parameters.items()}
    return {"family": found.family, "parameters": parameters, "value": finite(found.value)}


def _posting(posting: Posting, currency: str) -> dict[str, Any]:
    entry = posting.entry
    return {
        "event": posting.position,
        "account": entry.category.account.value,
        "category": entry.category.label,
        "state": entry.state.value,
        "line": entry.line + 1,
        "start_day": entry.start_days,
        "end_day": entry.end_days,
        "undiscounted": entry.undiscounted,
        "discounted": entry.discounted,
        "undiscounted_so_far": posting.undiscounted,
        "discounted_so_far": posting.discounted,
        "words": entry_name(entry),
        "unit": account_unit(entry.category.account, currency),
    }
