"""One-way analysis: one parameter at a time at the ends of its interval, all else at the base.

Every parameter set is simulated in the same patients with common random numbers, so any change is
the effect of the parameter alone: one that the model does not read changes nothing, bit for bit.

Source: Briggs A, Claxton K, Sculpher M, Decision Modelling for Health Economic Evaluation,
2006, chapter 4.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from sim.analyses.shared.outcomes import ICER, NHB, NMB, Reading, change, is_constant
from sim.analyses.shared.paired_runs import PairedRuns, Row, Sample, with_values
from sim.analyses.shared.ranges import (
    Component,
    alternatives,
    components,
    moved_along,
    shown_label,
    uncertain_ranges,
)
from sim.analyses.shared.target import Target, aimed
from sim.catalog.parameter import SCENARIO, STATUSES
from sim.clinic.units import PERCENT
from sim.economics.estimates import NORMAL_97_5, NOT_ESTIMABLE, Estimate
from sim.economics.incremental import Increment
from sim.layout.cells import NOTHING, THOUSAND, short_texts
from sim.simulation.parameter_draws import allowed
from sim.simulation.question import Question

PARAMETER: Final = "parameter"
FITTED: Final = "fitted parameter"
COMPONENT: Final = "fitted together"
STRUCTURE: Final = "structure"
GROUPS: Final = (PARAMETER, FITTED, COMPONENT, STRUCTURE)
ROW: Final = ("outcome", "change", "se", "optimal", "benefit", "state", "icer")
"""The columns stored for each end."""
MARKS: Final = {
    {"provisional": "X"}.get(status, status[0].upper()): status
    for status in sorted((*STATUSES, SCENARIO))
}
"""The status of a parameter in the catalogue, by its letter."""
NO_VALUE: Final = "not reached"
"""Of a median or a share that cannot be estimated."""
COMPONENTS_SHOWN: Final = 5


class End(NamedTuple):
    """An end of a bar: its value, when it has one, and its question."""

    value: float | None
    ask: Callable[[], Question]


class Factor(NamedTuple):
    """A factor that is varied, in one of `GROUPS`; a structural choice has a single end."""

    group: str
    name: str
    label: str
    unit: str
    ends: tuple[End, ...]


class Found(NamedTuple):
    """An outcome at an end: its value, its change from the base, the optimal strategy there.

    `benefit` is how far the net benefit of the strategy moves from the base, in currency. `state`
    describes in words an end at which the outcome has no value, such as ``dominant``; else it is
    empty. `icer` is the incremental cost per QALY, ``nan`` where it is not the cost of a gain.
    """

    value: float | None
    outcome: float
    change: Estimate
    optimal: str
    benefit: float = math.nan
    state: str = ""
    icer: float = math.nan


@dataclass(frozen=True)
class Bar:
    """A factor with the outcome at its ends: low and high, or the one of a structural choice."""

    group: str
    name: str
    label: str
    unit: str
    ends: tuple[Found, ...]

    @property
    def swing(self) -> float:
        """Return how far the ends and the base are apart; ``nan`` where an end has no outcome."""
        changes = [0.0, *(end.change.mean for end in self.ends)]
        return math.nan if any(map(math.isnan, changes)) else max(changes) - min(changes)

    @property
    def described(self) -> str:
        """Return the label with the interval and its unit: ``Price of a vial: 90 to 120 USD``."""
        values = short_texts([end.value for end in self.ends if end.value is not None])
        return f"{self.label}: {' to '.join(values)} {self.unit}" if values else self.label

    @property
    def icers(self) -> str:
        """Return the ICERs at the ends in thousands of the currency: ``215 | 301``."""
        found = (end.icer for end in self.ends)
        return " | ".join(NOTHING if math.isnan(i) else f"{i / THOUSAND:,.0f}" for i in found)

    @property
    def is_undefined(self) -> bool:
        """Whether an end, or the base, has no value of the outcome."""
        return math.isnan(self.swing)

    @property
    def benefit_moved(self) -> float:
        """Return how far the net benefit moves at most; 0 where it is not known."""
        moved = (abs(end.benefit) for end in self.ends)
        return max((each for each in moved if not math.isnan(each)), default=0.0)

    @property
    def within_error(self) -> bool:
        """Whether no end differs from the base by more than 1.96 of its own errors."""
        return all(abs(end.change.mean) <= NORMAL_97_5 * end.change.se for end in self.ends)


@dataclass(frozen=True)
class Tornado(Target):
    """A one-way analysis: the base, then the bars by group.

    Bars with an end at which the outcome has no value come first, those at which net benefit
    moves most before others; then the widest.

    Attributes
    ----------
    optimal
        The strategy with the most net benefit at `threshold` at the base.
    state
        The state at the base, in words, where the outcome has no value there.
    """

    optimal: str
    bars: tuple[Bar, ...]
    state: str = ""

    @property
    def is_constant(self) -> bool:
        """Whether the outcome is the same at the base and at every end."""
        values = [self.base.mean, *(end.outcome for bar in self.bars for end in bar.ends)]
        return is_constant(values)

    @property
    def has_icers(self) -> bool:
        """Whether the ICERs at the ends are shown: beside net benefit."""
        return self.outcome.name in (NMB, NHB)

    @property
    def is_fixed(self) -> bool:
        """Whether no parameter changes the outcome, whatever structural choices do."""
        return all(bar.swing == 0.0 for bar in self.bars if bar.group != STRUCTURE)

    def mark(self, bar: Bar) -> str:
        """Return the letter of `MARKS` for the parameter of a bar; none of several at once."""
        parameter = self.question.parameters.get(bar.name)
        return "" if parameter is None else parameter.status[0].upper()

    def flips(self, bar: Bar) -> bool:
        """Whether another strategy is optimal at an end of the bar."""
        return any(end.optimal != self.optimal for end in bar.ends)


def tornado(
    question: Question,
    *,
    outcome: str = NMB,
    threshold: float | None = None,
    strategy: str | None = None,
    posterior: pd.DataFrame | None = None,
) -> PairedRuns[Tornado]:
    """Vary every uncertain parameter of the question and every structural choice, one by one.

    Parameters
    ----------
    question
        The question.
    outcome, threshold, strategy
        As for `sim.analyses.shared.target.aimed`.
    posterior
        Draws of the parameters that were fitted together.

    Raises
    ------
    UserError
        When there is no such outcome or strategy, or nothing but the comparator.
    """
    target, sample = aimed(question, outcome, threshold, strategy)
    base = _read(target, sample)
    listed = factors(question, posterior)
    ends = [end for factor in listed for end in factor.ends]

    def answer(rows: pd.DataFrame) -> Tornado:
        return Tornado(
            **vars(target),
            optimal=base.optimal,
            bars=tuple(sorted(_bars(listed, rows), key=order)),
            state=base.state,
        )

    return PairedRuns(
        question=question,
        count=len(ends),
        ask=lambda place: ends[place].ask(),
        columns=target.outcome.columns,
        measure=partial(_row, target, base),
        names=ROW,
        answer=answer,
    )


def _bars(listed: Sequence[Factor], rows: pd.DataFrame) -> list[Bar]:
    """Return a bar for each factor from the rows of its ends."""
    ends = [end for factor in listed for end in factor.ends]
    found = (
        Found(end.value, outcome, Estimate(moved, se), optimal, benefit, state, icer)
        for end, (outcome, moved, se, optimal, benefit, state, icer) in zip(
            ends, rows[list(ROW)].itertuples(index=False), strict=True
        )
    )
    return [Bar(*factor[:-1], ends=tuple(next(found) for _ in factor.ends)) for factor in listed]


def factors(question: Question, posterior: pd.DataFrame | None) -> list[Factor]:
    """Return the factors that `tornado` varies."""
    return [
        *_parameters(question, posterior),
        *_components(question, posterior),
        *_structure(question),
    ]


def _parameters(question: Question, posterior: pd.DataFrame | None) -> Iterator[Factor]:
    fitted = set() if posterior is None else set(posterior.columns)
    for one in uncertain_ranges(question, posterior):
        ends = tuple(
            End(value, partial(with_values, question, {one.name: value}))
            for value in (one.low, one.high)
        )
        group = FITTED if one.name in fitted else PARAMETER
        yield Factor(group, one.name, one.label, one.unit, ends)


def _components(question: Question, posterior: pd.DataFrame | None) -> Iterator[Factor]:
    if posterior is None:
        return
    used = posterior[[name for name in posterior.columns if name in question.used]]
    base = {str(name): question.numbers[str(name)] for name in used.columns}
    for number, component in enumerate(components(used), start=1):
        ends = tuple(
            End(sds, partial(with_values, question, _along(question, component, base, sds)))
            for sds in (-NORMAL_97_5, NORMAL_97_5)
        )
        share = f"{PERCENT * component.variance_share:.0f} %"
        strongest = shown_label(question, component.strongest)
        label = f"Component {number} ({share}), mostly: {strongest}"
        yield Factor(COMPONENT, f"component_{number}", label, "sd", ends)


def _along(
    question: Question, component: Component, base: dict[str, float], sds: float
) -> dict[str, float]:
    moved = {name: np.array(value) for name, value in moved_along(component, base, sds).items()}
    return {name: float(value) for name, value in allowed(question.parameters, moved).items()}


def _structure(question: Question) -> Iterator[Factor]:
    for choice, asked in alternatives(question):
        yield Factor(STRUCTURE, choice.name, choice.label, "", (End(None, partial(_same, asked)),))


def _same(question: Question) -> Question:
    return question


def order(bar: Bar) -> tuple[int, bool, float, str]:
    """Return the sort key of bars: group, without a value first, then how far they move."""
    by = -bar.benefit_moved if bar.is_undefined else -bar.swing
    return GROUPS.index(bar.group), not bar.is_undefined, by, bar.name


class _Read(NamedTuple):
    """A sample as read for the target; benefit, cost and QALYs are those against the comparator."""

    reading: Reading
    benefit: float
    cost: float
    qalys: float
    optimal: str
    state: str


def _read(target: Target, found: Sample) -> _Read:
    comparator = found.question.scenario.comparator_name
    names = found.question.strategy_names
    ours, theirs = (names.index(name) for name in (target.strategy, comparator))
    benefit, cost, qalys = (
        float(values[ours] - values[theirs])
        for values in (found.net_benefits(target.threshold), found.cost, found.qalys)
    )
    reading = target.outcome.read(found.pair(target.strategy))
    state = ""
    if not math.isfinite(reading.value):
        # Of an ICER, the quadrant of the plane.
        amounts = (Estimate(cost, math.nan), Estimate(qalys, math.nan), NOT_ESTIMABLE, math.nan)
        is_icer = target.outcome.name == ICER
        state = Increment(target.strategy, comparator, *amounts).quadrant if is_icer else NO_VALUE
    return _Read(reading, benefit, cost, qalys, found.optimal(target.threshold), state)


def _row(target: Target, base: _Read, sample: Sample) -> Row:
    found = _read(target, sample)
    return (
        found.reading.value,
        *change(found.reading, base.reading),
        found.optimal,
        found.benefit - base.benefit,
        found.state,
        found.cost / found.qalys if found.cost > 0.0 and found.qalys > 0.0 else math.nan,
    )


class Section(NamedTuple):
    """Bars that are shown together under a title; the first section has none."""

    title: str
    bars: tuple[Bar, ...]


def _unless_all_are_0(bars: Sequence[Bar]) -> tuple[Bar, ...]:
    return () if all(bar.swing == 0.0 for bar in bars) else tuple(bars)


def shown_sections(result: Tornado, top: int, *, components: bool = False) -> list[Section]:
    """Return the bars shown: the first `top` of parameters, and of structural choices.

    Structural choices that change nothing are left out, and so are `components`, the principal
    components of the fit, unless asked for: then the widest `COMPONENTS_SHOWN`. Of bars that are
    all exactly 0 none is the widest, and none is shown.
    """
    bars = [bar for bar in result.bars if bar.group in (PARAMETER, FITTED)]
    widest = sorted(bars, key=lambda bar: order(bar)[1:])[:top]
    together = [bar for bar in result.bars if bar.group == COMPONENT and components]
    choices = [bar for bar in result.bars if bar.group == STRUCTURE and bar.swing != 0.0]
    sections = (
        Section("", _unless_all_are_0(widest)),
        Section(
            "Components of the fit (share of its variance)",
            _unless_all_are_0(together[:COMPONENTS_SHOWN]),
        ),
        Section("Structural choices", tuple(choices[:top])),
    )
    return [section for section in sections if section.bars]
