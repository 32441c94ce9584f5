"""The commands of the program, a row for each.

An analysis is also a function of the package, whose arguments are the options of the command, and
its answer is a class of the package.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final, NamedTuple


class Command(NamedTuple):
    """A command: the function of its name in a module below ``sim``, and a line of help."""

    name: str
    module: str
    help: str

    @property
    def function(self) -> str:
        """The name of the function."""
        return self.name.replace("-", "_")

    @property
    def result(self) -> str | None:
        """The name of the class of the answer, where the command is an analysis."""
        is_analysis = self.module.startswith("analyses.")
        return f"{self.name.title().replace('-', '')}Result" if is_analysis else None

    def imported(self) -> Any:  # noqa: ANN401 - a function, or a command made by hand
        """Import the module, and return the function."""
        return getattr(import_module(f"sim.{self.module}"), self.function)


COMMANDS: Final = (
    Command("run", "analyses.run.result", "Simulate every strategy in the same patients."),
    Command("report", "commands.report", "Write a scenario's results as one HTML file."),
    Command("compare", "analyses.compare.result", "Compare scenarios in the same patients."),
    Command("psa", "analyses.psa.result", "Run a probabilistic sensitivity analysis."),
    Command("price", "analyses.price.result", "Find the price that meets each threshold."),
    Command("agreement", "analyses.agreement.result", "Compare managed entry agreements."),
    Command(
        "severity", "analyses.severity.result", "Weight QALYs by the severity of the condition."
    ),
    Command("budget", "analyses.budget.result", "Estimate the budget impact by calendar year."),
    Command("voi", "analyses.voi.result", "Estimate the value of information: EVPI, EVPPI."),
    Command("trial", "analyses.trial.result", "Estimate the value of a trial: EVSI, ENBS."),
    Command("export", "analyses.export.result", "Write the draws for R, SAVI, Excel or Word."),
    Command("tornado", "analyses.tornado.result", "Run a one-way sensitivity analysis."),
    Command("twoway", "analyses.twoway.result", "Run a two-way sensitivity analysis."),
    Command("threshold", "analyses.threshold.result", "Run a threshold analysis of one parameter."),
    Command("sobol", "analyses.sobol.result", "Run a variance-based sensitivity analysis."),
    Command("morris", "analyses.morris.result", "Screen the parameters by elementary effects."),
    Command("what-if", "analyses.what_if.result", "Run the what-ifs of a scenario side by side."),
    Command("capacity", "analyses.capacity.result", "Let patients wait for beds that are scarce."),
    Command("explore", "commands.explore", "Open a page in the browser that moves the inputs."),
    Command("check", "commands.listings", "Check a scenario, and say where it is wrong and why."),
    Command("new", "commands.listings", "Write a scenario to begin with, each key explained."),
    Command("schema", "commands.listings", "Print the JSON schema of scenarios or catalogues."),
    Command("show", "commands.listings", "Print a scenario with all defaults and their origins."),
    Command("parameters", "commands.listings", "List the parameters with their sources."),
    Command("calibrate", "commands.calibrate", "Fit the model to published endpoints."),
    Command("validate", "analyses.validate.result", "Predict the published endpoints of studies."),
    Command(
        "evaluations",
        "analyses.evaluations.result",
        "Compare published economic evaluations with this model.",
    ),
    Command(
        "verify", "analyses.verify.result", "Check a scenario as reviewers do, claim by claim."
    ),
    Command("evidence", "commands.listings", "List the published endpoints with their sources."),
    Command("explain", "analyses.explain.result", "Follow one patient through every strategy."),
    Command("cache", "commands.listings", "List the cached results, or remove them."),
)
