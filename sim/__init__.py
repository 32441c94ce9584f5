"""Discrete-event patient microsimulation of relapsed or refractory B-cell ALL.

From Python::

    from sim import Scenario, run

    answer = run("scenarios/first_salvage.yaml")
    answer.increments

    scenario = Scenario.load("scenarios/first_salvage.yaml")
    run(scenario.with_(horizon_years=5)).increments

The functions correspond to the commands of the same names, with the same options, and write the
same files.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sim.registry import COMMANDS
from sim.version import __version__ as __version__

if TYPE_CHECKING:
    # For type checkers, which cannot follow `__getattr__`.
    from sim.analyses.agreement.result import AgreementResult as AgreementResult
    from sim.analyses.agreement.result import agreement as agreement
    from sim.analyses.budget.result import BudgetResult as BudgetResult
    from sim.analyses.budget.result import budget as budget
    from sim.analyses.capacity.result import CapacityResult as CapacityResult
    from sim.analyses.capacity.result import capacity as capacity
    from sim.analyses.compare.result import CompareResult as CompareResult
    from sim.analyses.compare.result import compare as compare
    from sim.analyses.evaluations.result import EvaluationsResult as EvaluationsResult
    from sim.analyses.evaluations.result import evaluations as evaluations
    from sim.analyses.explain.result import ExplainResult as ExplainResult
    from sim.analyses.explain.result import explain as explain
    from sim.analyses.export.result import ExportResult as ExportResult
    from sim.analyses.export.result import export as export
    from sim.analyses.morris.result import MorrisResult as MorrisResult
    from sim.analyses.morris.result import morris as morris
    from sim.analyses.price.result import PriceResult as PriceResult
    from sim.analyses.price.result import price as price
    from sim.analyses.psa.result import PsaResult as PsaResult
    from sim.analyses.psa.result import psa as psa
    from sim.analyses.run.result import RunResult as RunResult
    from sim.analyses.run.result import run as run
    from sim.analyses.severity.result import SeverityResult as SeverityResult
    from sim.analyses.severity.result import severity as severity
    from sim.analyses.shared.result import Picture as Picture
    from sim.analyses.shared.result import Result as Result
    from sim.analyses.shared.scenario import Scenario as Scenario
    from sim.analyses.sobol.result import SobolResult as SobolResult
    from sim.analyses.sobol.result import sobol as sobol
    from sim.analyses.threshold.result import ThresholdResult as ThresholdResult
    from sim.analyses.threshold.result import threshold as threshold
    from sim.analyses.tornado.result import TornadoResult as TornadoResult
    from sim.analyses.tornado.result import tornado as tornado
    from sim.analyses.trial.result import TrialResult as TrialResult
    from sim.analyses.trial.result import trial as trial
    from sim.analyses.twoway.result import TwowayResult as TwowayResult
    from sim.analyses.twoway.result import twoway as twoway
    from sim.analyses.validate.result import ValidateResult as ValidateResult
    from sim.analyses.validate.result import validate as validate
    from sim.analyses.verify.result import VerifyResult as VerifyResult
    from sim.analyses.verify.result import verify as verify
    from sim.analyses.voi.result import VoiResult as VoiResult
    from sim.analyses.voi.result import voi as voi
    from sim.analyses.what_if.result import WhatIfResult as WhatIfResult
    from sim.analyses.what_if.result import what_if as what_if
    from sim.errors import UserError as UserError

_MODULES = {
    "Picture": "sim.analyses.shared.result",
    "Result": "sim.analyses.shared.result",
    "Scenario": "sim.analyses.shared.scenario",
    "UserError": "sim.errors",
} | {
    name: f"sim.{command.module}"
    for command in COMMANDS
    if command.result is not None
    for name in (command.function, command.result)
}
if not TYPE_CHECKING:
    # A type checker would take a list that it cannot read for an empty one.
    __all__ = list(_MODULES)


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """Import a name of `__all__` on first use, so that ``import sim`` is quick."""
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    message = f"module '{__name__}' has no attribute '{name}'"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted([*_MODULES, "__version__"])
