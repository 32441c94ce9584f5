"""``explain``: follow one patient through every strategy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Final

from sim.analyses.explain import tables as explain_files
from sim.analyses.explain.text import print_explanation
from sim.analyses.shared.arguments import Option, Out, Seed, Whole, checked
from sim.analyses.shared.result import ScenarioResult, folder_of, written
from sim.analyses.shared.scenario import Asked, Scenario, asked
from sim.errors import UserError
from sim.layout.progress import patients_progress
from sim.limits import MOST_PATIENTS
from sim.replay.replay import Replay, replay
from sim.replay.search import Found, parse
from sim.replay.search import find as search_for
from sim.simulation.question import Question
from sim.simulation.run import Engine

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from rich.console import Console

FIRST_FEW: Final = 5
"""Patients that a search names."""
LIVES: Final = "lives"


class ExplainResult(ScenarioResult):
    """One patient under every strategy: each event with its draws, each entry of the ledger.

    The columns are those of `sim.analyses.explain.tables.COLUMNS`.
    """

    COMMAND = "explain"
    FILES = explain_files.NAMES
    FIGURES = (LIVES,)

    def __init__(
        self, scenario: Scenario, replayed: Replay, found: Found | None, *, entries: bool
    ) -> None:
        super().__init__(scenario)
        self._retelling = replayed
        self._found = found
        self._entries = entries

    @property
    def patient(self) -> int:
        """The number of the patient."""
        return self._retelling.patient.number

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """The tables by the name of their file, without its suffix."""
        found = explain_files.explain_tables(self._retelling)
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
        return explain_files.explain_files(self._retelling, self._found, every_entry=self._entries)

    def json(self) -> str:
        """Return the explanation as JSON text."""
        return explain_files.explain_json(self._retelling, self._found)

    def _print(self, console: Console) -> None:
        """Print the explanation."""
        print_explanation(console, self._retelling, self._found, every_entry=self._entries)

    def _draw(self, name: str) -> Figure:  # noqa: ARG002 - there is one
        return explain_files.drawn_lives(self._retelling)


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
