"""The page, and its answers: the numbers, tables and pictures of a state, as the commands give them."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup

from sim.analyses.run.result import RunResult, simulated
from sim.analyses.shared.scenario import Scenario
from sim.analyses.shared.stored import Stored
from sim.errors import UserError
from sim.explore.controls import SHOWN_FIRST, Controls, Slider, State, changed, in_words, key_of
from sim.explore.pictures import pictures
from sim.layout.text import DISCLAIMER
from sim.report import page
from sim.report.answer import answer
from sim.report.drawing import Drawing
from sim.report.outcomes import (
    flow_drawings,
    outcome_drawings,
    outcomes,
    survival_drawings,
)
from sim.report.results import Analyses, Probabilistic, Results
from sim.report.uncertainty import probabilistic_drawings
from sim.version import __version__

if TYPE_CHECKING:
    from jinja2 import Environment

DIGITS: Final = 7
RESEARCH: Final = "The page computes on this machine and loads nothing from elsewhere."
QUICK_PATIENTS: Final = 10_000
REMEMBERED: Final = 12
"""Answers, so that going back shows at once what was there."""
FIGURE_MM: Final = 90.0
HIDDEN_FIGURES: Final = ("costs_undiscounted",)


class Superseded(Exception):
    """A later request of the same kind has come: this one is no longer wanted."""


@dataclass(frozen=True)
class Answer:
    """The answer of a state in some number of patients."""

    scenario: Scenario
    result: RunResult
    folder: Path
    exact: bool

    @cached_property
    def results(self) -> Results:
        """The answer as a report takes it."""
        return Results(
            folder=self.folder,
            question=self.scenario.question,
            summary=json.loads(self.result.json()),
            provenance={},
            citations="",
            tables=self.result.files_of_tables,
        )

    def analyses(self) -> Analyses:
        """Return the analyses that were run for this state: its draws, if they are there."""
        stored = Stored(self.folder, "psa.json", self.results.question)
        there = (self.folder / "psa.json").exists() and stored.is_current
        return Analyses(probabilistic=Probabilistic(stored) if there else None)

    def drawings(self) -> dict[str, Drawing]:
        """Return the figures of the page by name, drawn as in a report."""
        results, found = self.results, self.analyses()
        known = [*pictures(results)]
        if found.probabilistic is not None:
            # The cloud of the draws is the plane, then.
            known = [each for each in known if each.name != "plane"]
            known = [*probabilistic_drawings(results, found.probabilistic), *known]
        known += survival_drawings(results, found)
        known += [*flow_drawings(results), *outcome_drawings(results)]
        return {each.name: each for each in known if each.name not in HIDDEN_FIGURES}


class Desk:
    """Answers the requests of the page, one at a time, the latest of each kind first.

    The page was opened with `scenario`; `folder` is for the analyses of states.
    """

    def __init__(self, scenario: Scenario, controls: Controls, folder: Path) -> None:
        self.scenario = scenario
        self.controls = controls
        self.folder = folder
        # Figures are drawn under it too: their settings are the process's.
        self.busy = threading.Lock()
        self._latest: dict[str, int] = {}
        self._answers: OrderedDict[tuple[str, int], Answer] = OrderedDict()

    def folder_of(self, state: State) -> Path:
        """Return the folder of the analyses of a state."""
        return self.folder / hashlib.sha256(key_of(state).encode()).hexdigest()[:16]

    def wanted(self, kind: str, number: int) -> Callable[[], None]:
        """Note a request, and return a check that raises `Superseded` once there is a later one.

        Requests are counted upwards by the page, each kind for itself.
        """
        self._latest[kind] = max(self._latest.get(kind, 0), number)

        def check() -> None:
            if number < self._latest[kind]:
                raise Superseded

        return check

    def answer(self, state: State, *, exact: bool, check: Callable[[], None]) -> Answer:
        """Return the answer of a state, in all patients of the scenario or in few.

        Raises
        ------
        UserError
            When the changes do not go together.
        Superseded
            When `check` says so, while it waits or simulates.
        """
        scenario = changed(self.scenario, state)
        patients = scenario.patients if exact else min(QUICK_PATIENTS, scenario.patients)
        key = key_of(state), patients
        with self.busy:
            check()
            if key not in self._answers:
                sized = scenario.with_(patients=patients)
                result = simulated(sized, progress=lambda _: check())
                is_exact = patients == scenario.patients
                self._answers[key] = Answer(sized, result, self.folder_of(state), is_exact)
                while len(self._answers) > REMEMBERED:
                    self._answers.popitem(last=False)
            self._answers.move_to_end(key)
            return self._answers[key]

    def best(self, state: State, check: Callable[[], None]) -> Answer:
        """Return the answer of a state in all patients where it is there, else in few."""
        patients = self.scenario.patients
        found = self._answers.get((key_of(state), patients))
        return found or self.answer(state, exact=False, check=check)

    def drawing(self, state: State, name: str, check: Callable[[], None]) -> str:
        """Return a figure as SVG; a `UserError` where there is none of this name."""
        found = self.best(state, check)
        with self.busy:
            check()
            known = found.drawings()
            if name not in known:
                raise UserError("no such figure", key="figure", value=name, choices=tuple(known))
            return str(known[name].svg(FIGURE_MM))


def fragment(desk: Desk, state: State, found: Answer) -> dict[str, Any]:
    """Return an answer as the page shows it: HTML, and the figures that belong to it."""
    results, analyses = found.results, found.analyses()
    context = {
        **answer(results, analyses),
        "results": outcomes(results),
    }
    html = environment().get_template("answer_now.html.j2").render(context)
    return {
        "html": page.explained(html),
        "exact": found.exact,
        "changes": in_words(state, desk.controls),
    }


def patient_fragment(desk: Desk, state: State, number: int) -> str:
    """Return one patient under every strategy: timelines, each event with its draws and costs."""
    from sim.analyses.explain.result import explain
    from sim.layout.style import rendered
    from sim.layout.table import Hypertext
    from sim.report.drawing import embedded

    found = explain(changed(desk.scenario, state), patient=number)
    with desk.busy:
        picture = rendered(found.figure(), "svg").decode()
    told = "Each strategy as a bar over time; the events are in the tables below."
    lives = embedded(picture, "lives", f"The lives of patient {number}", told)
    shown = Hypertext()
    found.print_to(shown)
    template = environment().get_template("patient_now.html.j2")
    return template.render(number=number, lives=lives, text=shown.text())


def environment() -> Environment:
    """Return the templates of the page, with the macros of the report."""
    return page.templates("sim.explore")


def page_text(desk: Desk, token: str) -> tuple[str, str]:
    """Return the page, and the policy that lets it run its own script and reach its server alone."""
    templates = environment()
    script = page.source(templates, "explore.js")
    found = desk.controls
    text = templates.get_template("explore.html.j2").render(
        title=desk.scenario.title,
        file=desk.scenario.file,
        first=found.sliders[:SHOWN_FIRST],
        more=found.sliders[SHOWN_FIRST:],
        choices=found.choices,
        threshold=found.threshold,
        tables=("strategies", "increments", "survival", "ledger", "flow", "inputs"),
        patients=desk.scenario.patients,
        disclaimer=DISCLAIMER,
        research=RESEARCH,
        version=__version__,
        style=Markup(page.source(templates, "style.css") + page.source(templates, "explore.css")),
        script=Markup(script),
        data=Markup(_data(desk, token)),
        shown=shown_number,
        begun=begun,
    )
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; connect-src 'self'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return text, policy


def _data(desk: Desk, token: str) -> str:
    """Return what the script needs as JSON that nothing in it can end."""
    found = desk.controls
    content: dict[str, Any] = {
        "token": token,
        "patients": desk.scenario.patients,
        "sliders": {each.name: {"base": begun(each)} for each in (*found.sliders, found.threshold)},
        "choices": {
            each.name: [option.changes for option in each.options] for each in found.choices
        },
    }
    return json.dumps(content).replace("<", "\\u003c")


def begun(slider: Slider) -> float:
    """Return where a slider begins: its base in the digits that are read; unmoved it is not sent."""
    return float(f"{slider.base:.{DIGITS}g}")


def shown_number(value: float, slider: Slider) -> str:
    """Return a number as a slider shows it: whole where its steps are."""
    if slider.step >= 1.0:
        return f"{value:,.0f}"
    return f"{value:.3g}"
