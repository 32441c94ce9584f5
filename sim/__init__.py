"""Discrete-event patient microsimulation of relapsed or refractory B-cell ALL.

From Python::

    from sim import Scenario, run

    scenario = Scenario.load("scenarios/first_salvage.yaml")
    answer = run(scenario)
    answer.increments

The functions correspond to the commands of the same names, and write the same files.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from sim.version import __version__ as __version__

if TYPE_CHECKING:
    from sim.api.comparison import CompareResult, compare
    from sim.api.information import VoiResult, voi
    from sim.api.patient import ExplainResult, explain
    from sim.api.pricing import PriceResult, price
    from sim.api.probabilistic import PsaResult, psa
    from sim.api.result import Picture, Result
    from sim.api.scenario import Scenario
    from sim.api.sensitivity import SobolResult, TornadoResult, sobol, tornado
    from sim.api.simulated import RunResult, run
    from sim.errors import UserError

__all__ = [
    "CompareResult",
    "ExplainResult",
    "Picture",
    "PriceResult",
    "PsaResult",
    "Result",
    "RunResult",
    "Scenario",
    "SobolResult",
    "TornadoResult",
    "UserError",
    "VoiResult",
    "compare",
    "explain",
    "price",
    "psa",
    "run",
    "sobol",
    "tornado",
    "voi",
]

_MODULES: Final = {
    "sim.api.comparison": ("CompareResult", "compare"),
    "sim.api.information": ("VoiResult", "voi"),
    "sim.api.patient": ("ExplainResult", "explain"),
    "sim.api.pricing": ("PriceResult", "price"),
    "sim.api.probabilistic": ("PsaResult", "psa"),
    "sim.api.result": ("Picture", "Result"),
    "sim.api.scenario": ("Scenario",),
    "sim.api.sensitivity": ("SobolResult", "TornadoResult", "sobol", "tornado"),
    "sim.api.simulated": ("RunResult", "run"),
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
