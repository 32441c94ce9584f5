"""The outcome that an analysis is of: that of a strategy minus that of the comparator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.console import Console

from sim.analyses.shared.outcomes import Outcome, middle_threshold, outcome_named
from sim.analyses.shared.paired_runs import Sample, sample
from sim.analyses.shared.stored import Stored
from sim.analyses.shared.text import against, print_heading
from sim.economics.estimates import Estimate
from sim.errors import UserError
from sim.layout.cells import estimate_json, estimate_of
from sim.simulation.question import Question


@dataclass(frozen=True)
class Target:
    """The outcome analysed.

    Attributes
    ----------
    outcome, strategy
        Of the strategy minus the comparator.
    threshold
        In currency per QALY, of the net benefit.
    base
        The outcome with every parameter at its own value, with its Monte Carlo error.
    """

    question: Question
    outcome: Outcome
    strategy: str
    threshold: float
    base: Estimate

    @property
    def is_of(self) -> str:
        """Which strategy is compared with which."""
        return against(self.question, self.strategy)

    def summary(self, **more: object) -> dict[str, Any]:
        """Return outcome, strategies, threshold, what more there is, and base, as in JSON files."""
        return {
            "outcome": self.outcome.name,
            "strategy": self.strategy,
            "comparator": self.question.scenario.comparator_name,
            "threshold": self.threshold,
            **more,
            "base": estimate_json(self.base),
        }

    def print_heading(self, console: Console, *more: tuple[str, str], said: str = "") -> None:
        """Print the question, the outcome and the strategies compared, and what more is said."""
        print_heading(console, self.question, f"{self.outcome.label}: {self.is_of}{said}", *more)


def aimed(
    question: Question, outcome: str, threshold: float | None, strategy: str | None
) -> tuple[Target, Sample]:
    """Return the target of an analysis, and the patients of the base.

    Parameters
    ----------
    question
        The question.
    outcome
        A name of `sim.analyses.shared.outcomes`, of `strategy` minus the comparator.
    threshold
        In currency per QALY, of the net benefit; by default the middle one of the perspective.
    strategy
        By default the one with the most net benefit, the comparator left out.

    Raises
    ------
    UserError
        When there is no such outcome or strategy, or nothing but the comparator, and when the
        patients do not fit into memory.
    """
    worth = middle_threshold(question.thresholds) if threshold is None else threshold
    chosen = outcome_named(outcome, threshold=worth, currency=question.perspective.currency)
    base = sample(question, chosen.columns)
    name = chosen_strategy(base, worth, strategy)
    reading = chosen.read(base.pair(name))
    return Target(question, chosen, name, worth, Estimate(reading.value, reading.se)), base


def chosen_strategy(base: Sample, threshold: float, strategy: str | None) -> str:
    """Return the strategy that is compared: the one named, else the best but the comparator.

    Raises
    ------
    UserError
        When it is not among the strategies, or is the comparator.
    """
    comparator = base.question.scenario.comparator_name
    names = base.question.strategy_names
    others = [name for name in names if name != comparator]
    if not others:
        raise UserError(
            "needs a strategy beside the comparator",
            file=base.question.loaded.file,
            key="strategies",
        )
    if strategy is None:
        benefits = dict(zip(names, base.net_benefits(threshold).tolist(), strict=True))
        return max(others, key=lambda name: benefits[name])
    if strategy not in others:
        problem = "is the comparator" if strategy == comparator else "no such strategy"
        raise UserError(problem, key="--strategy", value=strategy, choices=others)
    return strategy


def stored_target(stored: Stored) -> dict[str, Any]:
    """Return the attributes of the target of an analysis in a folder."""
    told, question = stored.summary, stored.question
    currency = question.perspective.currency
    return {
        "question": question,
        "outcome": outcome_named(told["outcome"], threshold=told["threshold"], currency=currency),
        "strategy": told["strategy"],
        "threshold": told["threshold"],
        "base": estimate_of(told["base"]),
    }
