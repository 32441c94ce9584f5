"""The design of a trial to come: its arms, sizes, outcomes and settings, and what it costs.

With n patients in each of A arms, r recruited a year, F years of follow-up and a delay of d years,
results are used from the year ``t = n A / r + F + d`` on. Of those who face the choice until the
year T, they serve ``incidence * integral of (1 + r_c)^-s ds`` from t to T, in patients, with the
annual discount rate of costs r_c. The trial costs ``fixed + n A * cost per patient``, now.

Source: Eckermann S, Willan AR, Health Econ 2007;16:195-209 (the value falls with the time until
results are used); Rothery C et al., Value Health 2020;23:277-86.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from sim.analyses.voi.information import effective_population
from sim.clinic.units import DAYS_PER_MONTH, MONTHS_PER_YEAR
from sim.errors import UserError
from sim.layout.endpoint_words import TRIAL_OUTCOMES
from sim.scenario.binding import TRIAL
from sim.simulation.question import Question

SHARES: Final = {
    "response": "response_percent",
    "complete_remission": "complete_remission_percent",
    "mrd_negative": "mrd_negative_percent",
    "hct": "hct_in_remission_percent",
}
"""The column of each outcome that is a share of the patients."""
OS_PERCENT, OS_MEDIAN, OS_HAZARD_RATIO = "os_percent", "os_median", "os_hazard_ratio"
REPORTED: Final = ("response", "hct", OS_PERCENT, OS_MEDIAN, OS_HAZARD_RATIO)
"""Outcomes that are reported by default."""
FEWEST_PATIENTS: Final = 5
MOST_PATIENTS: Final = 100_000
"""In each arm."""
SIZES: Final = 9
"""Of an interval, both ends included; each is larger than the one before by the same factor."""
DIGITS: Final = 2
_INTERVAL: Final = re.compile(r"\s*(\d+)\s*:\s*(\d+)\s*")
_LIST: Final = re.compile(r"\s*\d+(\s*,\s*\d+)*\s*")


class Setting(NamedTuple):
    """A number of the design by the last part of its name, and whether the user gave it."""

    name: str
    value: float
    is_given: bool


OPTIONS: Final = {
    "follow_up_months": "--follow-up",
    "cost_per_patient": "--cost",
    "incidence_per_year": "--incidence",
    "horizon_years": "--years",
}
"""The option that gives a setting, by the last part of the setting's name."""
SETTINGS: Final = (*OPTIONS, "fixed_cost", "recruited_per_year", "delay_years")


@dataclass(frozen=True)
class Design:
    """A trial to come.

    Attributes
    ----------
    arms
        Names of strategies, that of the comparator first where it is an arm.
    outcomes
        Of `TRIAL_OUTCOMES`.
    sizes
        Patients in each arm, rising.
    settings
        In the order of `SETTINGS`.
    discount_rate
        Annual, of costs.
    """

    arms: tuple[str, ...]
    outcomes: tuple[str, ...]
    sizes: tuple[int, ...]
    settings: tuple[Setting, ...]
    discount_rate: float

    def __getitem__(self, name: str) -> float:
        """Return the value of a setting."""
        return next(each.value for each in self.settings if each.name == name)

    @property
    def follow_up_days(self) -> float:
        """How long each patient is followed."""
        return self["follow_up_months"] * DAYS_PER_MONTH

    def patients(self, size: int) -> int:
        """Return the patients of all arms."""
        return size * len(self.arms)

    def used_from_years(self, size: int) -> float:
        """Return the years until the results are used."""
        recruiting = self.patients(size) / self["recruited_per_year"]
        return recruiting + self["follow_up_months"] / MONTHS_PER_YEAR + self["delay_years"]

    def informed_patients(self, size: int) -> float:
        """Return the patients whose choice the results inform, discounted."""
        until, incidence = self["horizon_years"], self["incidence_per_year"]
        from_years = min(self.used_from_years(size), until)
        after, before = (
            effective_population(incidence, years, self.discount_rate)
            for years in (until, from_years)
        )
        return after - before

    def cost(self, size: int) -> float:
        """Return what the trial costs, in currency."""
        return self["fixed_cost"] + self.patients(size) * self["cost_per_patient"]


def sizes_of(asked: str | Sequence[int]) -> tuple[int, ...]:
    """Return the numbers of patients in an arm: of an interval ``50:800``, a list, or numbers.

    Raises
    ------
    UserError
        When it is none of these, or a number is not allowed.
    """
    interval = _INTERVAL.fullmatch(asked) if isinstance(asked, str) else None
    if isinstance(asked, str) and interval is None and not _LIST.fullmatch(asked):
        problem = "must be an interval such as 50:800, or numbers with commas between them"
        raise UserError(problem, key="--n", value=asked)
    numbers: Sequence[Any] = asked.split(",") if isinstance(asked, str) else asked
    if interval is not None:
        numbers = _spread(*map(int, interval.groups()))
    try:
        found = sorted({int(number) for number in numbers})
    except (TypeError, ValueError):
        found = []
    if not found or found[0] < FEWEST_PATIENTS or found[-1] > MOST_PATIENTS:
        problem = f"must be whole numbers from {FEWEST_PATIENTS} to {MOST_PATIENTS:,}"
        raise UserError(problem, key="--n", value=asked)
    return tuple(found)


def _spread(low: int, high: int) -> list[int]:
    """Return the ends of an interval and numbers of two digits between them."""
    if not 0 < low <= high:
        raise UserError("must rise, as 50:800 does", key="--n", value=f"{low}:{high}")
    between = np.geomspace(low, high, SIZES)[1:-1].tolist()
    rounded = {int(float(f"{number:.{DIGITS}g}")) for number in between}
    return [low, *(number for number in rounded if low < number < high), high]


def design_of(
    question: Question,
    sizes: tuple[int, ...],
    arms: Sequence[str] | None,
    outcomes: Sequence[str] | None,
    given: Mapping[str, float | None],
) -> Design:
    """Return the design of a trial of the strategies of a question.

    By default all strategies are arms, and the outcomes are `REPORTED`; settings that are not given are
    those of the catalogue or the scenario.

    Raises
    ------
    UserError
        When there is no such strategy or outcome, a setting is not allowed or is missing, or
        follow-up is longer than the horizon of the scenario.
    """
    names = [strategy.name for strategy in question.scenario.strategies]
    chosen = _known("arm", arms or names, names)
    first = question.scenario.comparator_name
    ordered = [first] * (first in chosen) + [name for name in chosen if name != first]
    reported = _known("outcome", outcomes or REPORTED, list(TRIAL_OUTCOMES))
    found = Design(
        arms=tuple(ordered),
        outcomes=tuple(name for name in TRIAL_OUTCOMES if name in reported),
        sizes=sizes,
        settings=tuple(_settings(question, given)),
        discount_rate=question.discount_rates[0],
    )
    if found.outcomes == (OS_HAZARD_RATIO,) and len(ordered) == 1:
        problem = "needs two arms or more"
        raise UserError(problem, key="--outcome", value=OS_HAZARD_RATIO)
    if found.follow_up_days > question.settings.horizon_days:
        problem = "is longer than the horizon of the scenario, and patients are not known after it"
        raise UserError(problem, key="--follow-up", value=found["follow_up_months"])
    return found


def _known(kind: str, asked: Sequence[str], known: Sequence[str]) -> list[str]:
    for name in asked:
        if name not in known:
            raise UserError(f"no such {kind}", key=f"--{kind}", value=name, choices=known)
    return list(dict.fromkeys(asked))


def _settings(question: Question, given: Mapping[str, float | None]) -> Iterator[Setting]:
    for name in SETTINGS:
        value, full = given.get(name), f"{TRIAL}{name}"
        parameter = question.parameters.get(full)
        if value is None and parameter is None:
            problem = "is not in the catalogue, and a trial needs it: give it in your perspective"
            option = f", or with {OPTIONS[name]}" if name in OPTIONS else ""
            raise UserError(f"{problem}{option}", file=question.loaded.file, key=full)
        refused = None if parameter is None or value is None else parameter.check(value)
        if refused is not None:
            raise UserError(refused, key=OPTIONS.get(name, full), value=value)
        is_given = value is not None
        yield Setting(name, question.numbers[full] if value is None else value, is_given)
