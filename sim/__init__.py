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
from typing import TYPE_CHECKING, Any, Final

from sim.version import __version__ as __version__

if TYPE_CHECKING:
    from sim.analyses.compare.result import CompareResult, compare
    from sim.analyses.explain.result import ExplainResult, explain
    from sim.analyses.morris.result import MorrisResult, morris
    from sim.analyses.price.result import PriceResult, price
    from sim.analyses.psa.result import PsaResult, psa
    from sim.analyses.run.result import RunResult, run
    from sim.analyses.shared.result import Picture, Result
    from sim.analyses.shared.scenario import Scenario
    from sim.analyses.sobol.result import SobolResult, sobol
    from sim.analyses.threshold.result import ThresholdResult, threshold
    from sim.analyses.tornado.result import TornadoResult, tornado
    from sim.analyses.twoway.result import TwowayResult, twoway
    from sim.analyses.validate.result import ValidateResult, validate
    from sim.analyses.voi.result import VoiResult, voi
    from sim.analyses.what_ifs.result import WhatIfResult, what_if
    from sim.errors import UserError

__all__ = [
    "CompareResult",
    "ExplainResult",
    "MorrisResult",
    "Picture",
    "PriceResult",
    "PsaResult",
    "Result",
    "RunResult",
    "Scenario",
    "SobolResult",
    "ThresholdResult",
    "TornadoResult",
    "TwowayResult",
    "UserError",
    "ValidateResult",
    "VoiResult",
    "WhatIfResult",
    "compare",
    "explain",
    "morris",
    "price",
    "psa",
    "run",
    "sobol",
    "threshold",
    "tornado",
    "twoway",
    "validate",
    "voi",
    "what_if",
]

_MODULES: Final = {
    "sim.analyses.compare.result": ("CompareResult", "compare"),
    "sim.analyses.explain.result": ("ExplainResult", "explain"),
    "sim.analyses.morris.result": ("MorrisResult", "morris"),
    "sim.analyses.price.result": ("PriceResult", "price"),
    "sim.analyses.psa.result": ("PsaResult", "psa"),
    "sim.analyses.run.result": ("RunResult", "run"),
    "sim.analyses.shared.result": ("Picture", "Result"),
    "sim.analyses.shared.scenario": ("Scenario",),
    "sim.analyses.sobol.result": ("SobolResult", "sobol"),
    "sim.analyses.threshold.result": ("ThresholdResult", "threshold"),
    "sim.analyses.tornado.result": ("TornadoResult", "tornado"),
    "sim.analyses.twoway.result": ("TwowayResult", "twoway"),
    "sim.analyses.validate.result": ("ValidateResult", "validate"),
    "sim.analyses.voi.result": ("VoiResult", "voi"),
    "sim.analyses.what_ifs.result": ("WhatIfResult", "what_if"),
    "sim.errors": ("UserError",),
}


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """Import a name of `__all__` on first use, so that ``import sim`` is quick."""
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(module), name)
    message = f"module '{__name__}' has no attribute '{name}'"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
