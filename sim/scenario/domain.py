"""The domain of the model: which values its parameters may have together.

Each parameter has the limits of its unit (`sim.catalog.values`). Beyond these, some parameters limit
each other: shares of one whole add up to at most 1, a minimum is not above a maximum, a stay is not
longer than its cycle. The rules are defined here once, for scenarios, what-ifs, intervals of
analyses and draws alike.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from sim.catalog import Catalogue, Parameter
from sim.catalog.values import UNITS
from sim.clinic.draws import CYCLES_PER_LINE
from sim.clinic.toxicity import Toxicity
from sim.clinic.units import added
from sim.economics.ledger import State
from sim.economics.prices import Delivery, Mix, Stay
from sim.economics.utilities import Decrements, population_norms
from sim.engine.values import Values
from sim.scenario.patient_columns import LIGHTEST_KG, OLDEST, TOO_LIGHT, YOUNGEST
from sim.scenario.schema import Scenario

Array = np.ndarray[Any, Any]
Numbers = Mapping[str, float]
ROUNDING: Final = 1e-9
"""Of a sum of decimal numbers, relative to the limit."""
SPREAD_OF_HEIGHTS: Final = 9.0
"""No standard normal of a random number is larger."""
SHORTEST_INFUSION_DAYS: Final = 0.04
"""About an hour."""
WORST_UTILITY: Final = -1.0
HALVINGS: Final = 40
DECREMENTS: Final = tuple(f"decrement.{name}" for name in Decrements._fields)


class Rule(ABC):
    """A limit that parameters set each other; `names` are all that take part."""

    names: tuple[str, ...]

    @abstractmethod
    def problem(self, numbers: Numbers) -> str | None:
        """Return a sentence that says how the numbers break the rule, or None."""

    def interval(self, name: str, numbers: Numbers) -> tuple[float, float]:
        """Return the values that the rule leaves to `name` while the other numbers stay."""
        del name, numbers
        return -math.inf, math.inf

    def settle(self, columns: dict[str, Array], numbers: Numbers) -> None:
        """Move drawn values that break the rule to its limit; `numbers` are those not drawn."""


@dataclass(frozen=True)
class AtMost(Rule):
    """``Σ c_i x_i ≤ limit``; draws beyond it have their terms with c > 0 scaled down."""

    terms: Mapping[str, float]
    limit: float
    words: str

    @property
    def names(self) -> tuple[str, ...]:  # type: ignore[override]
        """The parameters of the sum."""
        return tuple(self.terms)

    def _total(self, numbers: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a number or an array
        return added(factor * numbers[name] for name, factor in self.terms.items())

    def problem(self, numbers: Numbers) -> str | None:
        """Return a sentence that says how the numbers break the rule, or None."""
        slack = ROUNDING * max(1.0, *(abs(numbers[name]) for name in self.terms))
        if self._total(numbers) <= self.limit + slack:
            return None
        return f"{self.words} ({_given(self.terms, numbers)})"

    def interval(self, name: str, numbers: Numbers) -> tuple[float, float]:
        """Return the values that the rule leaves to `name` while the other numbers stay."""
        factor = self.terms[name]
        bound = numbers[name] + (self.limit - self._total(numbers)) / factor
        return (-math.inf, bound) if factor > 0.0 else (bound, math.inf)

    def settle(self, columns: dict[str, Array], numbers: Numbers) -> None:
        """Scale the drawn terms that add, so that the sum reaches the limit."""
        drawn = [name for name, factor in self.terms.items() if factor > 0.0 and name in columns]
        if not drawn:
            return
        values: dict[str, Any] = {**numbers, **columns}
        excess = np.maximum(self._total(values) - self.limit, 0.0)
        if not np.any(excess > 0.0):
            return
        if len(drawn) == 1:
            most = columns[drawn[0]] - (self._total(values) - self.limit) / self.terms[drawn[0]]
            columns[drawn[0]] = np.where(excess > 0.0, most, columns[drawn[0]])
            return
        total = sum(self.terms[name] * columns[name] for name in drawn)
        share = np.divide(excess, total, out=np.zeros_like(total), where=excess > 0.0)
        for name in drawn:
            columns[name] = columns[name] * (1.0 - np.minimum(share, 1.0))


@dataclass(frozen=True)
class RatioAtMost(Rule):
    """``ratio × Σ x_i ≤ 1``: a probability stays one when it is multiplied."""

    ratio: str
    probabilities: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:  # type: ignore[override]
        """The ratio and the probabilities."""
        return (self.ratio, *self.probabilities)

    def problem(self, numbers: Numbers) -> str | None:
        """Return a sentence that says how the numbers break the rule, or None."""
        total = added(numbers[name] for name in self.probabilities)
        if total * numbers[self.ratio] <= 1.0 + ROUNDING:
            return None
        what = " + ".join(self.probabilities)
        words = f"{what}, times {self.ratio}, must be at most 1"
        return f"{words} ({_given(self.names, numbers)})"

    def interval(self, name: str, numbers: Numbers) -> tuple[float, float]:
        """Return the values that the rule leaves to `name` while the other numbers stay."""
        total = added(numbers[each] for each in self.probabilities)
        if name == self.ratio:
            return -math.inf, 1.0 / total if total else math.inf
        return -math.inf, 1.0 / numbers[self.ratio] - (total - numbers[name])

    def settle(self, columns: dict[str, Array], numbers: Numbers) -> None:
        """Lower the ratio."""
        values: dict[str, Any] = {**numbers, **columns}
        total: Any = added(values[name] for name in self.probabilities)
        if self.ratio in columns and np.any(total * values[self.ratio] > 1.0):
            columns[self.ratio] = np.minimum(columns[self.ratio], 1.0 / total)


@dataclass(frozen=True)
class SomeShare(Rule):
    """``Σ x_i > 0``: shares of which something is taken."""

    names: tuple[str, ...]

    def problem(self, numbers: Numbers) -> str | None:
        """Return a sentence that says how the numbers break the rule, or None."""
        if sum(numbers[name] for name in self.names) > 0.0:
            return None
        return f"{' + '.join(self.names)} must be above 0"


@dataclass(frozen=True)
class NormsAreUtilities(Rule):
    """Population norms of every age and both sexes, less any decrement, are utilities."""

    names: tuple[str, ...]
    setting: str

    def problem(self, numbers: Numbers) -> str | None:
        """Return a sentence that says how the numbers break the rule, or None."""
        norms = population_norms(Values(numbers, self.setting), capped=True)
        assert norms is not None
        loss = max(numbers[name] for name in DECREMENTS)
        for sex, table in (("men", norms.male), ("women", norms.female)):
            for age in range(18, OLDEST + 1):
                norm = norms.at(age, male=table is norms.male)
                if not WORST_UTILITY + loss - ROUNDING <= norm <= 1.0 + ROUNDING:
                    return (
                        f"the norm.* give {sex} of {age} years a utility of {norm:.3g}, which is above 1, "
                        f"or below -1 with the largest decrement, {loss:.3g}"
                    )
        return None

    def interval(self, name: str, numbers: Numbers) -> tuple[float, float]:
        """Return the values that the rule leaves to `name` while the other numbers stay.

        Norms rise or fall evenly with each number, so that the values allowed are an interval;
        its ends are found by halving.
        """
        return self._end(name, numbers, WORST_UTILITY), self._end(name, numbers, 1.0)

    def _end(self, name: str, numbers: Numbers, limit: float) -> float:
        allowed, beyond = numbers[name], limit
        if self.problem({**numbers, name: beyond}) is None:
            return beyond
        for _ in range(HALVINGS):
            middle = 0.5 * (allowed + beyond)
            if self.problem({**numbers, name: middle}) is None:
                allowed = middle
            else:
                beyond = middle
        return allowed


def _given(names: Iterable[str], numbers: Numbers) -> str:
    return ", ".join(f"{name} is {numbers[name]:g}" for name in names)


def _order(lesser: str, greater: str, times: float = 1.0) -> AtMost:
    shown = lesser if times == 1.0 else f"{times:g} times {lesser}"
    return AtMost({lesser: times, greater: -1.0}, 0.0, f"{shown} must be at most {greater}")


def _at_least(name: str, least: float, why: str) -> AtMost:
    return AtMost({name: -1.0}, -least, f"{name} must be at least {least:g}{why}")


def _shares(*names: str) -> AtMost:
    return AtMost(dict.fromkeys(names, 1.0), 1.0, f"{' + '.join(names)} must be at most 1")


def rules(scenario: Scenario, catalogue: Catalogue, numbers: Numbers) -> list[Rule]:
    """Return the rules of the parameters of a scenario; names in the variant of its setting."""
    setting = scenario.setting

    def found(name: str) -> str:
        variant = f"{name}.{setting}"
        return variant if variant in numbers else name

    every = [
        *_rules_of_the_population(),
        *_rules_of_complications(),
        *(rule for name in scenario.regimens for rule in _rules_of_a_regimen(name, found)),
        *_rules_of_infusions(scenario, catalogue),
        *_rules_of_stays(scenario, catalogue, numbers),
        *_rules_of_utilities(numbers, setting),
    ]
    return [rule for rule in every if all(name in numbers for name in rule.names)]


def _rules_of_the_population() -> Iterator[Rule]:
    of = "population."
    yield _order(f"{of}age_minimum_years", f"{of}age_median_years")
    yield _order(f"{of}age_median_years", f"{of}age_maximum_years")
    yield _shares(f"{of}first_salvage_probability", f"{of}second_salvage_probability")
    yield _shares(f"{of}prior_hct_probability", f"{of}primary_refractory_probability")
    for sex in ("male", "female"):
        yield _order(f"{of}height_{sex}_sd_cm", f"{of}height_{sex}_mean_cm", SPREAD_OF_HEIGHTS)
    yield _at_least(f"{of}age_minimum_years", YOUNGEST, ": the model is of adults")
    yield _at_least(f"{of}weight_minimum_kg", LIGHTEST_KG, f": {TOO_LIGHT}")
    oldest = f"{of}age_maximum_years"
    yield AtMost({oldest: 1.0}, OLDEST, f"{oldest} must be at most {OLDEST}")


def _rules_of_complications() -> Iterator[Rule]:
    for kind in Toxicity:
        of = f"toxicity.{kind.name.lower()}."
        yield _shares(f"{of}stop_share", f"{of}grade_5_share")
        yield _order(f"{of}onset_median_days", f"{of}latest_onset_days")
    of = "transplant."
    yield _order(f"{of}acute_gvhd_first_day", f"{of}early_days")
    yield _order(f"{of}early_days", f"{of}chronic_gvhd_last_day")
    yield RatioAtMost(f"{of}vod_mortality_ratio", (f"{of}early_mortality",))


def _rules_of_a_regimen(name: str, found: Callable[[str], str]) -> Iterator[Rule]:
    of = f"{name}.schedule."
    yield _order(f"{of}step_days", f"{of}infusion_days")
    yield _order(f"{of}step_dose_mcg_per_day", f"{of}full_dose_mcg_per_day")
    yield _order("population.age_maximum_years", f"{name}.cells.oldest_age_years")
    for cycle in ("first_cycle_days", "cycle_days", "maintenance_cycle_days"):
        yield _order(f"{of}infusion_days", f"{of}{cycle}")
        yield _order(f"{name}.dose.days_between", f"{of}{cycle}", 2.0)
        for kind in Toxicity:
            yield _order(f"toxicity.{kind.name.lower()}.latest_onset_days", f"{of}{cycle}")
    cycles = [f"{of}{part}_cycles" for part in ("induction", "consolidation", "maintenance")]
    words = f"{' + '.join(cycles)} must be at most {CYCLES_PER_LINE}"
    yield AtMost(dict.fromkeys(cycles, 1.0), CYCLES_PER_LINE, words)
    for kind in Toxicity:
        risk = f"{name}.{kind.name.lower()}."
        both = tuple(found(f"{risk}{grade}_probability") for grade in ("mild", "severe"))
        yield _shares(*both)
        yield RatioAtMost(found(f"{risk}later_cycle_ratio"), both)
    yield SomeShare(tuple(f"{name}.mix.{share}" for share in Mix._fields))


def _rules_of_infusions(scenario: Scenario, catalogue: Catalogue) -> Iterator[Rule]:
    for name in scenario.regimens:
        if catalogue.regimens[name].kind == Delivery.CONTINUOUS_INFUSION:
            days = f"{name}.schedule.infusion_days"
            words = f"{days} of a continuous infusion must be at least {SHORTEST_INFUSION_DAYS:g}"
            yield AtMost({days: -1.0}, -SHORTEST_INFUSION_DAYS, words)


def _rules_of_stays(scenario: Scenario, catalogue: Catalogue, numbers: Numbers) -> Iterator[Rule]:
    cycles = (("first_cycle_days",), ("cycle_days",), ("cycle_days", "maintenance_cycle_days"))
    for name in scenario.regimens:
        own = f"hospital.{name}.{Stay._fields[0]}" in numbers
        stay = f"hospital.{name if own else catalogue.regimens[name].drug}"
        for field, lengths in zip(Stay._fields, cycles, strict=True):
            for length in lengths:
                yield _order(f"{stay}.{field}", f"{name}.schedule.{length}")


def _rules_of_utilities(numbers: Numbers, setting: str) -> Iterator[Rule]:
    for state in State:
        for loss in DECREMENTS:
            utility = f"utility.{state.value}"
            words = f"{utility} less {loss} must be at least {WORST_UTILITY:g}"
            yield AtMost({loss: 1.0, utility: -1.0}, -WORST_UTILITY, words)
    names = tuple(name for name in numbers if name.startswith("norm."))
    if names:
        yield NormsAreUtilities((*names, *DECREMENTS), setting)


def joint_problems(
    scenario: Scenario, catalogue: Catalogue, numbers: Numbers, used: Iterable[str]
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the names and a sentence of every rule that the numbers break among those `used`."""
    known = {name: numbers[name] for name in used}
    for rule in rules(scenario, catalogue, known):
        problem = rule.problem(known)
        if problem is not None:
            yield rule.names, problem


def broken_rule(applying: Iterable[Rule], numbers: Numbers, name: str) -> str | None:
    """Return the sentence of the first rule with the parameter `name` that the numbers break."""
    problems = (rule.problem(numbers) for rule in applying if name in rule.names)
    return next((problem for problem in problems if problem is not None), None)


def allowed_interval(
    parameter: Parameter, applying: Iterable[Rule], numbers: Numbers
) -> tuple[float, float]:
    """Return the values that a parameter may have while all other numbers stay as they are."""
    unit = UNITS[parameter.unit]
    low, high = unit.low, unit.high
    for rule in applying:
        if parameter.name in rule.names:
            least, most = rule.interval(parameter.name, numbers)
            low, high = max(low, least), min(high, most)
    return low, high


def settle(
    columns: dict[str, Array], applying: Iterable[Rule], numbers: Numbers
) -> dict[str, Array]:
    """Return drawn columns with the values that break a rule moved to its limit."""
    settled = dict(columns)
    for rule in applying:
        if any(name in settled for name in rule.names):
            rule.settle(settled, numbers)
    return settled
