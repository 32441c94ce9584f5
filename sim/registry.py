"""The commands of the program, a row for each.

An analysis is also a function of the package, whose arguments are the options of the command, and
its answer is a class of the package.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final, NamedTuple


class Command(NamedTuple):
    """A command: its line of help, and where its function is, if it is no analysis."""

    name: str
    help: str
    place: str | None = None

    @property
    def function(self) -> str:
        """The name of the function."""
        return self.name.replace("-", "_")

    @property
    def module(self) -> str:
        """The module of the function, below ``sim``."""
        return f"analyses.{self.function}.result" if self.place is None else self.place

    @property
    def result(self) -> str | None:
        """The name of the class of the answer, where the command is an analysis."""
        return f"{self.name.title().replace('-', '')}Result" if self.place is None else None

    def imported(self) -> Callable[..., Any]:
        """Import the module, and return the function."""
        found: Callable[..., Any] = getattr(import_module(f"sim.{self.module}"), self.function)
        return found


COMMANDS: Final = (
    Command("run", "Simulate every strategy in the same patients."),
    Command("report", "Write a scenario's results as one HTML file.", "commands.report"),
    Command("compare", "Compare scenarios in the same patients."),
    Command("psa", "Run a probabilistic sensitivity analysis."),
    Command("price", "Find the price that meets each threshold."),
    Command("agreement", "Compare managed entry agreements."),
    Command("severity", "Weight QALYs by the severity of the condition."),
    Command("budget", "Estimate the budget impact by calendar year."),
    Command("voi", "Estimate the value of information: EVPI, EVPPI."),
    Command("trial", "Estimate the value of a trial: EVSI, ENBS."),
    Command("export", "Write the draws for R, SAVI, Excel or Word."),
    Command("tornado", "Run a one-way sensitivity analysis."),
    Command("twoway", "Run a two-way sensitivity analysis."),
    Command("threshold", "Run a threshold analysis of one parameter."),
    Command("sobol", "Run a variance-based sensitivity analysis."),
    Command("morris", "Screen the parameters by elementary effects."),
    Command("what-if", "Run the what-ifs of a scenario side by side."),
    Command("capacity", "Let patients wait for beds that are scarce."),
    Command("explore", "Open a page in the browser that moves the inputs.", "commands.explore"),
    Command("check", "Check a scenario, and say where it is wrong and why.", "commands.listings"),
    Command("new", "Write a scenario to begin with, each key explained.", "commands.listings"),
    Command("schema", "Print the JSON schema of scenarios or catalogues.", "commands.listings"),
    Command("show", "Print a scenario with all defaults and their origins.", "commands.listings"),
    Command("parameters", "List the parameters with their sources.", "commands.listings"),
    Command("calibrate", "Fit the model to published endpoints.", "commands.calibrate"),
    Command("validate", "Predict the published endpoints of studies."),
    Command("evaluations", "Compare published economic evaluations with this model."),
    Command("verify", "Check a scenario as reviewers do, claim by claim."),
    Command("evidence", "List the published endpoints with their sources.", "commands.listings"),
    Command("explain", "Follow one patient through every strategy."),
    Command("cache", "List the cached results, or remove them.", "commands.listings"),
)
