"""What was drawn in a life and what it was held against, as it happened.

A witness stands between the random numbers and a life. Each number that it passes on remembers
the limits that it is compared with; and while the life is lived, the witness looks on as the
clinic's functions are called and notes what they make of the number: which distribution, with
which parameters, and what came out. Engine and clinic do not know of it. They run the code of
any other run, so that no chance is worked out a second time, and none can be told wrongly.

It looks on by the hook that Python has for profilers, in the thread at hand and for as long as
the life lasts.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Final

from sim.clinic import arithmetic, distributions, mortality
from sim.clinic.decisions import CYCLES_PER_LINE, Decision
from sim.clinic.toxicity import DURATION_DECISION, GRADE_DECISION, ONSET_DECISION
from sim.engine.life import Life, Luck

CLINIC: Final = "sim.clinic."
FORMULAS: Final = frozenset({arithmetic.__name__, distributions.__name__})
"""Modules in which a comparison chooses a branch of a formula, not the fate of a patient."""
HIT: Final = distributions.hit.__code__
PROPORTIONAL_HAZARDS: Final = distributions.proportional_hazards.__code__
STEPS: Final = frozenset(
    {
        arithmetic.normal_quantile.__code__,
        distributions.standard_exponential.__code__,
        PROPORTIONAL_HAZARDS,
    }
)
"""On the way from a uniform to a time: the number that they return still is that decision's."""
FAMILIES: Final = {
    distributions.uniform_quantile.__code__: "uniform",
    distributions.piecewise_uniform_quantile.__code__: "piecewise uniform",
    distributions.normal_of.__code__: "normal",
    distributions.lognormal_of.__code__: "lognormal",
    distributions.exponential_of.__code__: "exponential",
    distributions.weibull_quantile.__code__: "weibull",
    distributions.weibull_hazard_of.__code__: "weibull",
    mortality.background_death_of.__code__: "life table",
}
NUMBER_DRAWN: Final = ("u", "z", "e", "p")
"""How the clinic names a uniform, its standard normal and its standard exponential."""
OF_A_CYCLE: Final = frozenset(
    {
        *GRADE_DECISION.values(),
        *ONSET_DECISION.values(),
        *DURATION_DECISION.values(),
        Decision.SEIZURE,
    }
)
"""Decisions that are drawn in every cycle of a line."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A limit that the number was held against, and whether it lay below."""

    limit: float
    below: bool


@dataclass(frozen=True, slots=True)
class Distribution:
    """What turned the number into a value.

    Attributes
    ----------
    family
        One of the values of `FAMILIES`.
    parameters
        As the clinic passed them, in its units: days for times, years for ages.
    value
        What came out.
    """

    family: str
    parameters: Mapping[str, float]
    value: float


@dataclass(slots=True)
class Draw:
    """One decision of one life. Lines and cycles are counted from 0.

    Attributes
    ----------
    day
        When it was drawn.
    position
        How many events the log held at that time.
    comparisons
        In the order in which they were made; empty when only a time was drawn.
    distribution
        None when only a chance was tried.
    result
        What the clinic's rule answered that used the number, alone or with others.
    """

    decision: Decision
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
        """Whether the number decided anything: a time is not, for example, for who is cured."""
        return bool(self.comparisons) or self.distribution is not None

    @property
    def key(self) -> tuple[Decision, int, int]:
        """The decision, the line and the cycle, by which two lives are compared."""
        return self.decision, self.line, self.cycle

    @property
    def is_of_a_cycle(self) -> bool:
        """Whether it is drawn anew in each cycle of a line."""
        return self.decision in OF_A_CYCLE

    @property
    def verdict(self) -> tuple[bool, ...]:
        """On which side of its limits the number lay."""
        return tuple(comparison.below for comparison in self.comparisons)


class _Drawn(float):
    """A uniform that notes what it is compared with. It is a float in every other respect."""

    __slots__ = ("draw", "witness")
    draw: Draw
    witness: Witness

    def __lt__(self, limit: float) -> bool:
        below = float(self) < limit
        self.witness.compared(self.draw, limit, below=below)
        return below

    def __le__(self, limit: float) -> bool:
        below = float(self) <= limit
        self.witness.compared(self.draw, limit, below=below)
        return below

    def __ge__(self, limit: float) -> bool:
        return not self < limit

    def __gt__(self, limit: float) -> bool:
        return not self <= limit

    __hash__ = float.__hash__


@dataclass(slots=True)
class _Call:
    """A call of a clinical function under way."""

    code: Any
    module: str
    arguments: Mapping[str, Any]
    numbers: list[_Drawn]


class Witness:
    """Luck that is passed on and remembered."""

    def __init__(self, luck: Luck) -> None:
        self.luck = luck
        self.life: Life | None = None
        self.draws: list[Draw] = []
        self._calls: list[_Call] = []
        self._steps: dict[float, Draw] = {}
        self._last: Draw | None = None

    def uniform(self, patient: int, decision: int, occurrence: int = 0) -> float:
        """Return the number that the luck gives, as one that can be traced."""
        number = _Drawn(self.luck.uniform(patient, decision, occurrence))
        line, cycle = divmod(occurrence, CYCLES_PER_LINE)
        number.draw = Draw(
            Decision(decision),
            line,
            cycle,
            float(number),
            0.0 if self.life is None else self.life.now,
            0 if self.life is None else len(self.life.log),
        )
        number.witness = self
        self.draws.append(number.draw)
        return number

    @contextmanager
    def looking_on(self) -> Iterator[None]:
        """Note what the clinic does with the numbers, within this context."""
        before = sys.getprofile()
        sys.setprofile(self._see)
        try:
            yield
        finally:
            sys.setprofile(before)

    def compared(self, draw: Draw, limit: float, *, below: bool) -> None:
        """Note a comparison, unless it is part of a formula."""
        call = self._calls[-1] if self._calls else None
        if call is None or call.code is HIT or call.module not in FORMULAS:
            draw.comparisons.append(Comparison(float(limit), below))
            self._last = draw

    def _see(self, frame: FrameType, event: str, value: object) -> None:
        if event not in ("call", "return"):
            return
        module = frame.f_globals.get("__name__", "")
        if not module.startswith(CLINIC):
            return
        if event == "call":
            arguments = dict(frame.f_locals)
            numbers = [each for each in arguments.values() if isinstance(each, _Drawn)]
            self._calls.append(_Call(frame.f_code, module, arguments, numbers))
        elif self._calls:
            # Nothing was seen of the call in which the looking on began.
            self._returned(self._calls.pop(), value)

    def _returned(self, call: _Call, value: Any) -> None:  # noqa: ANN401 - whatever a rule answers
        if call.code in STEPS or call.code in FAMILIES:
            self._calculated(call, value)
        is_rule = call.code is HIT or call.module not in FORMULAS
        if is_rule and not any(outer.numbers for outer in self._calls):
            for number in call.numbers:
                number.draw.result = value

    def _calculated(self, call: _Call, value: float) -> None:
        """Note a step towards a value, or the value."""
        draw = self._owner(call)
        if draw is None:
            return
        self._last = draw
        parameters = {
            name: float(given)
            for name, given in call.arguments.items()
            if name not in NUMBER_DRAWN and isinstance(given, int | float)
        }
        family = FAMILIES.get(call.code)
        if family is None:
            self._steps[value] = draw
            if call.code is PROPORTIONAL_HAZARDS:
                draw.distribution = Distribution("", parameters, value)
        else:
            if draw.distribution is not None and draw.distribution.family == "":
                parameters |= draw.distribution.parameters
            draw.distribution = Distribution(family, parameters, value)

    def _owner(self, call: _Call) -> Draw | None:
        """Return the draw whose number, or what a step made of it, the call was given."""
        for number in call.numbers:
            return number.draw
        for name in NUMBER_DRAWN:
            if name in call.arguments:
                # A number divided by a share is known by the comparison just made with the share.
                return self._steps.get(call.arguments[name], self._last)
        return self._last
