"""Value of information of a probabilistic analysis: of everything, of groups, of single inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from sim.analyses.psa.acceptability import quiet_benefits, threshold_grid
from sim.analyses.psa.draws_run import Psa
from sim.analyses.shared.large_table import fits
from sim.analyses.voi.information import PartialInformation, evpi, evppi, shuffled
from sim.economics.estimates import Array, Estimate
from sim.errors import UserError
from sim.layout.schema import Schema, number, text
from sim.simulation.question import Question
from sim.spread.order import in_order, one_thread

Groups = Mapping[str, Sequence[str]]
"""Names of parameters by the name of the group."""

PATTERNS: Final = {
    "costs": ("cost.*", "hospital.*", "*.mix.*"),
    "utilities": ("utility.*", "decrement.*", "norm.*"),
    "toxicity": (
        "toxicity.*",
        "*.crs.*",
        "*.neurotoxicity.*",
        "*.hepatotoxicity.*",
        "*.infection.*",
        "*.febrile_neutropenia.*",
    ),
    "transplant": ("transplant.*", "candidacy.*", "*.transplant_log_odds_ratio"),
    "relapse": ("relapse.*", "*.remission_duration_ratio"),
    "response": ("response.*", "*.response.*"),
    "disease": ("disease.*", "later.*", "survivor.*"),
    "treatment": ("*.schedule.*",),
}
"""Default groups; a parameter belongs to the first whose pattern fits, else to one that has the
name of its file in the catalogue."""
FEWEST_STRATEGIES: Final = 2


@dataclass(frozen=True)
class Knowledge:
    """The value of knowing a parameter or a group, in currency per patient, by threshold."""

    name: str
    members: tuple[str, ...]
    worth: Mapping[float, PartialInformation]


CURVE: Final = Schema(
    "evpi.csv",
    (
        number("threshold", "in `currency` per QALY"),
        number("evpi", "in `currency` per patient", is_given=True),
        number("se", "its standard error"),
        text("currency"),
    ),
    ("threshold",),
)
"""The EVPI against the threshold."""


@dataclass(frozen=True)
class ValueOfInformation:
    """The value of information.

    Attributes
    ----------
    question, draws
        The question, whose patients are those of one draw, and the number of draws behind it.
    evpi
        By threshold, in currency per patient, the Monte Carlo noise of the draws taken out.
    curve
        The same over a grid: the table `CURVE`.
    groups, parameters
        By falling value at the threshold of the highest EVPI.
    """

    question: Question
    draws: int
    evpi: Mapping[float, Estimate]
    curve: pd.DataFrame
    groups: tuple[Knowledge, ...]
    parameters: tuple[Knowledge, ...]

    @property
    def leading_threshold(self) -> float:
        """The threshold at which the value of information is highest."""
        return leading(self.evpi)


def leading(found: Mapping[float, Estimate]) -> float:
    """Return the threshold of the highest EVPI, the first of equals."""
    return max(found, key=lambda threshold: found[threshold].mean)


def default_groups(question: Question, names: Iterable[str]) -> dict[str, list[str]]:
    """Divide parameters among `PATTERNS` and the files of the catalogue."""
    groups: dict[str, list[str]] = {}
    for name in names:
        fitting = [
            group
            for group, patterns in PATTERNS.items()
            if any(fnmatchcase(name, pattern) for pattern in patterns)
        ]
        file = Path(question.parameters[name].file).stem.replace("_", " ")
        groups.setdefault(fitting[0] if fitting else file, []).append(name)
    return {group: groups[group] for group in sorted(groups)}


def matching(names: Sequence[str], group: str, patterns: Sequence[str]) -> list[str]:
    """Return the parameters that fit one of the patterns, where ``*`` matches anything.

    Raises
    ------
    UserError
        When nothing fits a pattern.
    """
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise UserError(
                f"no uncertain parameter fits the pattern '{pattern}'", key="--group", value=group
            )
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]


def value_of_information(
    psa: Psa,
    thresholds: Sequence[float],
    groups: Groups,
    *,
    threads: int | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> ValueOfInformation:
    """Compute the value of information.

    Parameters
    ----------
    psa
        Draws of two strategies or more.
    thresholds
        In currency per QALY.
    groups
        Parameters that are learnt together.
    threads
        Regressions at the same time; by default as many as there are processors. Results do not
        depend on it.
    progress
        Called with 1 after each group and each parameter.

    Raises
    ------
    UserError
        When there is no choice to inform.
    """
    refuse_one_strategy(psa.question)
    everything = {each: perfect(psa, each) for each in thresholds}
    first = leading(everything)

    def by_worth(found: Iterable[Knowledge]) -> tuple[Knowledge, ...]:
        return tuple(sorted(found, key=lambda each: (-each.worth[first].value, each.name)))

    items = [*groups.items(), *((str(name), [str(name)]) for name in psa.parameters.columns)]
    known = []
    # The limit is that of all threads: none may end it for another.
    with one_thread():
        know = _knowing(psa, thresholds)
        # Of very many draws a single regression fills the memory.
        number = threads if fits(psa.draws) else 1
        for found in in_order(lambda: know, items, size=1, threads=number):
            known += found
            progress(1)
    return ValueOfInformation(
        question=psa.question,
        draws=psa.draws,
        evpi=everything,
        curve=evpi_by_threshold(psa, thresholds),
        groups=by_worth(known[: len(groups)]),
        parameters=by_worth(known[len(groups) :]),
    )


def _knowing(
    psa: Psa, thresholds: Sequence[float]
) -> Callable[[Sequence[tuple[str, Sequence[str]]]], list[Knowledge]]:
    """Return a function from groups of parameters to the value of knowing each."""
    drawn, seed = psa.parameters, psa.question.seed
    results = psa.values("cost"), psa.values("qalys"), thresholds
    nulls = shuffled(np.arange(psa.draws)[:, None], *results, seed=seed)

    def know(name: str, members: Sequence[str]) -> Knowledge:
        found = evppi(
            drawn[list(members)].to_numpy(),
            *results,
            seed=seed,
            nulls=nulls if len(members) == 1 else None,
        )
        return Knowledge(name, tuple(members), dict(zip(thresholds, found, strict=True)))

    return lambda items: [know(*item) for item in items]


def refuse_one_strategy(question: Question) -> None:
    """Refuse a question without a choice to inform."""
    if len(question.scenario.strategies) < FEWEST_STRATEGIES:
        raise UserError(
            "needs two strategies or more: information has no value without a choice",
            file=question.loaded.file,
            key="strategies",
        )


def perfect(psa: Psa, threshold: float) -> Estimate:
    """Return the EVPI with the Monte Carlo noise of each draw taken out.

    Noise changes the ranks of strategies, and would be counted as a value of information.
    The error is that of the draws as they are.
    """
    quiet = _worth(quiet_benefits(psa, threshold))
    return Estimate(quiet.mean, _worth(psa.inmb(threshold)).se)


def evpi_by_threshold(psa: Psa, thresholds: Sequence[float]) -> pd.DataFrame:
    """Return `perfect` from 0 to beyond the thresholds, as far as the choice changes."""
    grid = threshold_grid(psa, thresholds).tolist()
    currency = psa.question.perspective.currency
    return CURVE.table((threshold, *perfect(psa, threshold), currency) for threshold in grid)


def _worth(benefits: Array) -> Estimate:
    # With equal QALYs the benefit is the saving in cost, at any threshold.
    return evpi(-benefits, np.zeros_like(benefits), 0.0)
