"""A recorder of the random draws of a life and of their comparisons, as they happen.

A recorder wraps the random numbers of a life. Each number that it passes on records the limits with
which it is compared; during the simulation the recorder traces calls of the clinic's functions and
records their use of the number: the distribution, its parameters and the value. Engine and clinic
run the same code as in any other run, so that no probability is computed a second time and the
record cannot differ from the run.

It traces by Python's hook for profilers, in the current thread and for the length of the life.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import Enum, auto, unique
from math import isnan
from types import CodeType, FrameType
from typing import Any, Final

from sim.clinic import arithmetic, disease, distributions, mortality
from sim.clinic.draws import CYCLES_PER_LINE, DRAWS, Once, RandomDraw
from sim.engine.life import PatientLife
from sim.engine.streams import Luck

CLINIC: Final = "sim.clinic."
FORMULAS: Final = frozenset({arithmetic.__name__, distributions.__name__})
"""Modules of formulas, in which a comparison decides nothing about a patient."""
PROPORTIONAL_HAZARDS: Final = distributions.proportional_hazards.__code__
STEPS: Final = frozenset(
    {
        arithmetic.normal_quantile.__code__,
        distributions.standard_exponential.__code__,
        PROPORTIONAL_HAZARDS,
    }
)
"""Steps from a uniform to a time: the number that they return still belongs to the draw."""
FAMILIES: Final = {
    distributions.uniform_quantile.__code__: "uniform",
    distributions.piecewise_uniform_quantile.__code__: "piecewise uniform",
    distributions.normal_of.__code__: "normal",
    distributions.lognormal_of.__code__: "lognormal",
    distributions.exponential_of.__code__: "exponential",
    distributions.weibull_hazard_of.__code__: "weibull",
    mortality.background_death_days.__code__: "life table",
}
MOVED: Final = disease.under_hazard_ratio.__code__
"""Moves a time that was drawn under a further hazard ratio: the draw then has the moved time."""
NUMBER_DRAWN: Final = ("u", "z", "e", "p")
"""The clinic's names of a uniform, its standard normal and its standard exponential."""


@unique
class Role(Enum):
    """The role of a function for a recorder.

    A rule of the clinic, a step towards a value, the distribution family of the value, or nothing.
    """

    RULE = auto()
    STEP = auto()
    FAMILY = auto()
    NONE = auto()


@dataclass(frozen=True, slots=True)
class Comparison:
    """A limit with which the number was compared, and whether it was below."""

    limit: float
    below: bool


@dataclass(frozen=True, slots=True)
class Distribution:
    """The distribution that turned the number into a value.

    Attributes
    ----------
    family
        One of the values of `FAMILIES`.
    parameters
        As passed by the clinic, in its units: days for times, years for ages.
    value
        The result.
    """

    family: str
    parameters: Mapping[str, float]
    value: float


@dataclass(slots=True)
class Draw:
    """One random draw of one life. Lines and cycles are counted from 0.

    Attributes
    ----------
    day
        When it was drawn.
    position
        Number of events in the log at that time.
    comparisons
        In the order in which they were made; empty when only a time was drawn.
    distribution
        None when the number was only compared with a probability.
    result
        The result of the clinic's rule that used the number, alone or with others.
    """

    decision: RandomDraw
    line: int
    cycle: int
    uniform: float
    day: float
    position: int
    comparisons: list[Comparison] = field(default_factory=list)
    distribution: Distribution | None = None
    result: Any = None

    @property
    def used(self) -> bool:
        """Whether the number decided anything: a time to relapse does not in a cured patient."""
        return bool(self.comparisons) or self.distribution is not None

    @property
    def key(self) -> tuple[RandomDraw, int, int]:
        """The random draw, the line and the cycle, by which two lives are compared."""
        return self.decision, self.line, self.cycle

    @property
    def is_of_a_cycle(self) -> bool:
        """Whether it is drawn anew in each cycle of a line."""
        return DRAWS[self.decision].once == Once.CYCLE

    @property
    def verdict(self) -> tuple[bool, ...]:
        """On which side of its limits the number was."""
        return tuple(comparison.below for comparison in self.comparisons)


class _Drawn(float):
    """A uniform that records its comparisons. It is a float in every other respect."""

    __slots__ = ("draw", "recorder")
    draw: Draw
    recorder: DrawRecorder

    def __lt__(self, limit: float) -> bool:
        below = float(self) < limit
        self.recorder.compared(self.draw, limit, below=below)
        return below

    def __le__(self, limit: float) -> bool:
        below = float(self) <= limit
        self.recorder.compared(self.draw, limit, below=below)
        return below

    def __ge__(self, limit: float) -> bool:
        return not self < limit

    def __gt__(self, limit: float) -> bool:
        return not self <= limit

    __hash__ = float.__hash__


@dataclass(slots=True)
class _Call:
    """A call of a clinical function under way."""

    code: CodeType
    role: Role
    arguments: Mapping[str, Any]
    numbers: list[_Drawn]


class DrawRecorder(Luck):
    """Random numbers that are passed on and recorded."""

    def __init__(self, luck: Luck) -> None:
        self.luck = luck
        self.life: PatientLife | None = None
        self.draws: list[Draw] = []
        self._calls: list[_Call] = []
        self._steps: dict[float, Draw] = {}
        self._ratio: tuple[Draw, dict[str, float]] | None = None
        self._last: Draw | None = None

    def uniform(self, patient: int, decision: int, occurrence: int = 0) -> float:
        """Return the number of the source, as one that can be traced."""
        number = self.luck.uniform(patient, decision, occurrence)
        line, cycle = divmod(occurrence, CYCLES_PER_LINE)
        day, position = (0.0, 0) if self.life is None else (self.life.now, len(self.life.log))
        self.draws.append(Draw(RandomDraw(decision), line, cycle, number, day, position))
        return self._traced(number)

    def exponential(self, patient: int, decision: int, occurrence: int = 0) -> float:
        """Return the number as a standard exponential that can be traced."""
        return self._traced(super().exponential(patient, decision, occurrence))

    def normal(self, patient: int, decision: int, occurrence: int = 0) -> float:
        """Return the number as a standard normal that can be traced."""
        return self._traced(super().normal(patient, decision, occurrence))

    def _traced(self, value: float) -> float:
        """Return the number just drawn, or a transform of it, as one that can be traced."""
        number = _Drawn(value)
        number.draw = self.draws[-1]
        number.recorder = self
        return number

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record the clinic's use of the numbers, within this context."""
        before = sys.getprofile()
        sys.setprofile(self._see)
        try:
            yield
        finally:
            sys.setprofile(before)

    def compared(self, draw: Draw, limit: float, *, below: bool) -> None:
        """Record a comparison, unless it is part of a formula."""
        call = self._calls[-1] if self._calls else None
        if call is None or call.role == Role.RULE:
            draw.comparisons.append(Comparison(float(limit), below))
            self._last = draw

    def _see(self, frame: FrameType, event: str, value: object) -> None:
        if event == "call":
            role = _role(frame)
            if role != Role.NONE:
                arguments = dict(frame.f_locals)
                numbers = [each for each in arguments.values() if isinstance(each, _Drawn)]
                self._calls.append(_Call(frame.f_code, role, arguments, numbers))
        elif event == "return" and self._calls and _role(frame) != Role.NONE:
            self._returned(self._calls.pop(), value)

    def _returned(self, call: _Call, value: Any) -> None:  # noqa: ANN401 - the result of any rule
        if call.code is MOVED:
            self._moved(call, value)
            return
        if call.role == Role.STEP:
            self._passed_on(call, value)
            return
        if call.role == Role.FAMILY:
            self._calculated(call, value)
        if not any(outer.numbers for outer in self._calls):
            for number in call.numbers:
                number.draw.result = value

    def _passed_on(self, call: _Call, value: float) -> None:
        """Record a step from the number towards a value."""
        draw = self._last = self._owner(call)
        if draw is not None:
            self._steps[value] = draw
            if call.code is PROPORTIONAL_HAZARDS:
                self._ratio = draw, _parameters(call)

    def _calculated(self, call: _Call, value: float) -> None:
        """Record the value and its distribution."""
        draw = self._last = self._owner(call)
        if draw is not None:
            parameters = _parameters(call)
            if self._ratio is not None and self._ratio[0] is draw:
                parameters |= self._ratio[1]
            draw.distribution = Distribution(FAMILIES[call.code], parameters, value)

    def _moved(self, call: _Call, value: float) -> None:
        """Record the further hazard ratio of the time that was drawn last."""
        draw = self.draws[-1]
        if draw.distribution is not None and draw.result == call.arguments["days"]:
            parameters = dict(draw.distribution.parameters)
            parameters["hazard_ratio"] *= call.arguments["hazard_ratio"]
            draw.distribution = replace(draw.distribution, parameters=parameters, value=value)
            draw.result = value

    def _owner(self, call: _Call) -> Draw | None:
        """Return the draw whose number, or a transform of it, was passed to the call."""
        for number in call.numbers:
            return number.draw
        for name in NUMBER_DRAWN:
            if name in call.arguments:
                if isnan(call.arguments[name]):
                    # Not drawn: the characteristic is given.
                    return None
                # A number divided by a share is identified by the comparison just made with the
                # share.
                return self._steps.get(call.arguments[name], self._last)
        return self._last


def _parameters(call: _Call) -> dict[str, float]:
    return {
        name: float(given)
        for name, given in call.arguments.items()
        if name not in NUMBER_DRAWN and isinstance(given, int | float)
    }


_ROLES: dict[CodeType, Role] = {
    distributions.hit.__code__: Role.RULE,
    **dict.fromkeys(STEPS, Role.STEP),
    **dict.fromkeys(FAMILIES, Role.FAMILY),
}


def _role(frame: FrameType) -> Role:
    """Return the role of a frame's function for a recorder."""
    role = _ROLES.get(frame.f_code)
    if role is None:
        module = frame.f_globals.get("__name__", "")
        is_rule = module.startswith(CLINIC) and module not in FORMULAS
        role = _ROLES[frame.f_code] = Role.RULE if is_rule else Role.NONE
    return role
