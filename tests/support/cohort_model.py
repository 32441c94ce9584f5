"""A cohort model of a strategy: the patient's path again, in discrete time and other equations.

It takes nothing from the program but the values of the parameters, by their names, and knows no
random number. What it describes is in the README and in `sim.engine.patient_pathway`:

* a line brings a remission with probability ``logit p = sum of log odds ratios``, at the end of its
  first or second cycle; who will not respond is under Weibull survival from the start of the line;
* in remission relapse (mixture cure, lognormal), death (exponential, for as long as nobody is a
  long-term survivor) and transplant (lognormal waiting of the candidates) compete;
* after a transplant death without relapse (uniform for 100 days, then exponential) and relapse
  (mixture cure) compete;
* after a failure or relapse leukaemia kills by a Weibull law, unless the patient is fit for
  another line of usual care;
* background mortality is added everywhere, and multiplied for long-term survivors.

It has no toxicity of the regimens, no antigen loss and no prices of infusions or injections.

`tests.support.cohort_grid` holds the arithmetic of discrete time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from math import exp, inf
from typing import NamedTuple

import numpy as np

from tests.support.cohort_grid import (
    DAYS_PER_MONTH,
    DAYS_PER_YEAR,
    NO_BACKGROUND,
    Background,
    CumulativeHazard,
    Grid,
    Kernel,
    constant_until,
    death_after_transplant,
    larger_loss,
    lognormal,
    mixture_cure,
    present_between,
    stay,
    weibull,
)

MOST_LINES = 20
PACKAGE_DAYS = 100.0
"""Days that the price of a transplant pays for."""
OLDEST = 120.0
NEGLIGIBLE = 1e-10
"""Share of the cohort that enters a state in a cycle and is dropped."""
FEW = 1e-6
"""Share of the cohort that starts a line, and is not followed any more."""
MRD = ("negative", "positive")
STATES = (
    "on_treatment",
    "complete_remission",
    "incomplete_remission",
    "transplant_first_year",
    "after_transplant",
    "relapsed_refractory",
)


class Person(NamedTuple):
    """A group of like patients, with overt leukaemia that is Ph-negative, in first salvage."""

    age_years: float = 45.0
    prior_hct: bool = False
    kmt2a: bool = False
    cns: bool = False
    high_blasts: bool = False
    extramedullary: bool = False
    early_relapse: bool = False


class Plan(NamedTuple):
    """A strategy of one regimen, and the choices of the scenario."""

    regimen: str
    horizon_days: float
    cycle_days: float = 7.0
    infusion: bool = False
    """A cycle's response is assessed when its infusion ends, not when the cycle does."""
    chemotherapy: bool = False
    """Cycles and days in hospital are counted, which for an infusion they are not."""
    usual_care: bool = False
    transplant: bool = False
    background: Background = NO_BACKGROUND
    mortality_ratio: float = 1.0
    rate: float = 0.03
    """Of discounting, a year."""
    norm: Callable[[np.ndarray], np.ndarray] | None = None
    """Utility of the general population by age, which caps that of a state."""


class Stream(NamedTuple):
    """Patients who go the same way: when in a cycle they enter, and what they have behind them."""

    half: bool
    survivor: bool
    transplanted: bool


class Part(NamedTuple):
    """Patients who enter a state, followed to or from the day that makes a long-term survivor."""

    survivor: bool
    half: bool
    flow: np.ndarray
    start: float
    stop: float


class Window(NamedTuple):
    """Days since entry that are booked under a name, for a share of the patients."""

    name: str
    start: float
    stop: float
    share: float = 1.0
    weight: Callable[[np.ndarray], np.ndarray] | None = None


class Totals(NamedTuple):
    """Per patient: life-years and QALYs, discounted or not, and discounted costs by category."""

    life_years: float
    undiscounted_life_years: float
    qalys: float
    costs: dict[str, float]
    years_by_state: dict[str, float]
    """Undiscounted."""


def logistic(x: float) -> float:
    return 1.0 / (1.0 + exp(-x))


class Cohort:
    """The cohort of one group of patients under one plan; `totals` are its results."""

    def __init__(self, numbers: Mapping[str, float], person: Person, plan: Plan):
        self.numbers, self.person, self.plan = numbers, person, plan
        horizon = min(plan.horizon_days, (OLDEST - person.age_years) * DAYS_PER_YEAR)
        self.grid = Grid(plan.cycle_days, int(np.ceil(horizon / plan.cycle_days - 1e-9)))
        self.survivor_days = numbers["survivor.threshold_years"] * DAYS_PER_YEAR
        self.books: dict[str, np.ndarray] = defaultdict(lambda: np.zeros((2, self.grid.cycles)))
        self.known: dict[tuple[bool, float], np.ndarray] = {}
        self.complications = tuple(self.gvhd())
        self.follow()

    def months(self, name: str) -> float:
        return self.numbers[name] * DAYS_PER_MONTH

    # ------------------------------------------------------------------ lines of treatment

    def follow(self) -> None:
        """Follow all lines; each gives the flow of patients who start the next."""
        first = self.grid.nothing()
        first[0] = 1.0
        starts = {Stream(False, False, self.person.prior_hct): first}
        for line in range(MOST_LINES):
            onward = self._flows()
            relapsed = self._flows()
            grafts = {mrd: self._flows() for mrd in MRD}
            for stream, flow in self.all_present(starts):
                self.treat(line, stream, flow, onward, relapsed, grafts)
            for mrd in MRD:
                for stream, flow in self.all_present(grafts[mrd]):
                    self.graft(line, mrd, stream, flow, relapsed)
            survival = self.leukaemia("relapsed", line)
            for stream, flow in self.all_present(relapsed):
                self.fail(line, stream, flow, survival, 0.0, onward, cared=False)
            starts = onward
            if self.alive(starts) < FEW:
                return

    def alive(self, flows: Mapping[Stream, np.ndarray]) -> float:
        """Return the share of the cohort in the flows."""
        return sum(float((flow * self.background(stream)).sum()) for stream, flow in flows.items())

    def background(self, stream: Stream) -> np.ndarray:
        """Survival of background mortality at entry: G, or for survivors ``G ** R``."""
        ratio = self.plan.mortality_ratio if stream.survivor else 1.0
        return np.exp(-ratio * self.risen_at_entry(stream.half))

    def all_present(self, flows) -> Iterator[tuple[Stream, np.ndarray]]:
        """Yield the flows without shares of the cohort below `NEGLIGIBLE`.

        Late in life these would become large when divided by G.
        """
        for stream, flow in flows.items():
            kept = np.where(flow * self.background(stream) > NEGLIGIBLE, flow, 0.0)
            if kept.any():
                yield stream, kept

    def treat(self, line, stream, flow, onward, relapsed, grafts) -> None:
        """A line: responders wait for their assessment, the others die or fail at theirs."""
        responding = self.response(line, stream.transplanted)
        days, first, progressing = self.assessments(line)
        names = ("on_treatment",) if line == 0 else ("relapsed_refractory", "cared")
        refractory = self.leukaemia("refractory", line)
        shares = zip(days, (first, 1.0 - first), strict=False)
        for given, (day, share) in enumerate(shares, start=1):
            responders = flow * responding * share
            self.spend(stream, responders, (), names, stop=day)
            self.induce(line, stream, responders, (), given)
            remitting = self.grid.later(responders, day)
            self.remit(line, stream, remitting, relapsed, grafts, given)
        shares = zip(days, (progressing, 1.0 - progressing), strict=False)
        for given, (day, share) in enumerate(shares, start=1):
            others = flow * (1.0 - responding) * share
            deaths = "end_of_life" if line == 0 else None
            self.spend(stream, others, (refractory,), names, stop=day, deaths=deaths)
            self.induce(line, stream, others, (refractory,), given)
            self.fail(line, stream, others, refractory, day, onward, cared=line > 0)

    def induce(self, line, stream, flow, hazards, cycles) -> None:
        """Give so many cycles of induction, the first on the first day."""
        if line == 0 and self.plan.chemotherapy:
            day = 0.0
            for cycle in range(cycles):
                self.give(stream, flow, hazards, cycle, day)
                day += self._of_regimen(0)("schedule.first_cycle_days")

    def consolidate(self, part: Part, hazards, given: int) -> None:
        """Give what is left of induction to who is in remission, and to some consolidation."""
        value = self._of_regimen(0)
        induction = round(value("schedule.induction_cycles"))
        last = induction + round(value("schedule.consolidation_cycles"))
        for cycle in range(given, last):
            share = 1.0 if cycle < induction else value("schedule.consolidation_probability")
            day = (cycle - given) * value("schedule.cycle_days")
            self.give(part, part.flow * share, hazards, cycle, day)

    def give(self, who: Stream | Part, flow, hazards, cycle: int, day: float) -> None:
        """Count a cycle on a day since entry, and the days in hospital from then on."""
        name = ("first", "second", "later")[min(cycle, 2)]
        length = self.numbers[f"hospital.{self.plan.regimen}.{name}_cycle_days"]
        present = float(np.exp(-sum(hazard(np.array(day)) for hazard in hazards)))
        self._book("cycles", who.survivor, self.grid.later(flow * present, day))
        spent = stay(self.grid, who.half, hazards, day, day + length)
        (days,) = self.grid.spread(flow, spent.days)
        self._book("ward", who.survivor, days)

    def fail(self, line, stream, flow, survival, day, onward, *, cared) -> None:
        """From `day` of the survival on: those fit start another line after the gap.

        Care is paid by the month, but in the gap only where it was before (`cared`); a death there
        is paid for as an end of life.
        """
        fit = self.numbers["later.next_line_probability"] if self.plan.usual_care else 0.0
        starting = day + self.numbers["later.next_line_gap_days"]
        names = ("relapsed_refractory", "cared")
        self.spend(stream, flow * (1.0 - fit), (survival,), names, start=day)
        if fit == 0.0:
            return
        self.spend(
            stream,
            flow * fit,
            (survival,),
            names if cared else names[:1],
            start=day,
            stop=starting,
            deaths=None if cared else "end_of_life",
        )
        alive = float(np.exp(-survival(np.array(starting))))
        onward[stream] += self.grid.later(flow * fit * alive, starting)

    def assessments(self, line: int) -> tuple[tuple[float, ...], float, float]:
        """Days of assessment; shares of responders, and of the others, who go by the first."""
        if line > 0:
            return (self.numbers["usual_care.schedule.first_cycle_days"],), 1.0, 1.0
        value = self._of_regimen(0)
        cycle = value("schedule.first_cycle_days")
        if self.plan.infusion:
            infusion = value("schedule.infusion_days")
            days = (infusion, cycle + infusion)
        else:
            days = (cycle, cycle + value("schedule.cycle_days"))
        first = value("response.first_cycle_share")
        return days, first, value("response.progression_after_first_cycle_probability")

    def response(self, line: int, transplanted: bool) -> float:
        """``logit p``: the sum of the log odds ratios of what is present."""
        present = {
            "later_salvage": line > 0,
            "prior_hct": transplanted,
            "kmt2a": self.person.kmt2a,
            "cns": self.person.cns,
            "high_blasts": self.person.high_blasts,
            "extramedullary": self.person.extramedullary,
        }
        total = self.numbers["response.baseline_logit"]
        total += self.numbers["response.study_log_odds_ratio"]
        total += self._of_regimen(line)("response.log_odds_ratio")
        for name, there in present.items():
            total += there * self.numbers[f"response.{name}_log_odds_ratio"]
        return logistic(total)

    def leukaemia(self, kind: str, line: int) -> CumulativeHazard:
        """Weibull survival of refractory or relapsed leukaemia, under its hazard ratios."""
        ratio = self.numbers["disease.study_hazard_ratio"]
        if line > 0:
            ratio *= self.numbers["disease.later_salvage_hazard_ratio"]
        if self.person.early_relapse:
            ratio *= self.numbers["disease.early_relapse_hazard_ratio"]
        median = self.months(f"disease.{kind}_median_months")
        return weibull(median, self.numbers[f"disease.{kind}_shape"], ratio)

    # ------------------------------------------------------------------ remission, transplant

    def remit(self, line, stream, flow, relapsed, grafts, given) -> None:
        """Remission: relapse, death and transplant compete, by MRD and candidacy."""
        negative = self._of_regimen(line)("response.mrd_negative_probability")
        dying = constant_until(
            self.numbers["relapse.death_rate_per_month"] / DAYS_PER_MONTH, self.survivor_days
        )
        complete = self._of_regimen(line)("response.complete_share")
        windows = (
            Window("complete_remission", 0.0, inf, complete),
            Window("incomplete_remission", 0.0, inf, 1.0 - complete),
            Window("follow_up", 0.0, self.survivor_days),
        )
        for mrd, share in zip(MRD, (negative, 1.0 - negative), strict=True):
            hazards = (self.relapse(line, mrd), dying)
            for candidates, waiting in self.candidates(line, stream, flow * share):
                for part in self.parts(stream, candidates):
                    if line == 0 and self.plan.chemotherapy and part.start == 0.0:
                        self.consolidate(part, (*hazards, *waiting), given)
                    exits = self.pass_through(part, (*hazards, *waiting), windows)
                    onto = Stream(True, part.survivor, stream.transplanted)
                    relapsed[onto] += exits[0]
                    self._book("end_of_life", part.survivor, exits[1])
                    if waiting:
                        grafts[mrd][onto] += exits[2]

    def relapse(self, line: int, mrd: str) -> CumulativeHazard:
        """Mixture cure, with the hazard ratios of what is present on the uncured."""
        ratio = self.numbers["relapse.study_hazard_ratio"]
        present = {
            "later_salvage": line > 0,
            "kmt2a": self.person.kmt2a,
            "cns": self.person.cns,
        }
        for name, there in present.items():
            ratio *= self.numbers[f"relapse.{name}_hazard_ratio"] if there else 1.0
        median = self.months(f"relapse.median_months_mrd_{mrd}")
        return mixture_cure(
            self.numbers[f"relapse.cured_probability_mrd_{mrd}"],
            median * self._of_regimen(line)("remission_duration_ratio"),
            self.numbers["relapse.sigma"],
            ratio,
        )

    def candidates(
        self, line, stream, flow
    ) -> Iterator[tuple[np.ndarray, tuple[CumulativeHazard, ...]]]:
        """Divide those who enter remission into candidates for a transplant, and the others."""
        if not self.plan.transplant:
            yield flow, ()
            return
        value = self.numbers
        total = value["candidacy.baseline_logit"] + value["candidacy.study_log_odds_ratio"]
        total += self._of_regimen(line)("transplant_log_odds_ratio")
        total += (line > 0) * value["candidacy.later_salvage_log_odds_ratio"]
        total += stream.transplanted * value["candidacy.prior_hct_log_odds_ratio"]
        age = self.person.age_years + self.grid.entries(stream.half) / DAYS_PER_YEAR
        probability = logistic(total) * (age <= value["candidacy.maximum_age_years"])
        waiting = lognormal(
            self.months("candidacy.waiting_median_months"), value["candidacy.waiting_sigma"]
        )
        yield flow * probability, (waiting,)
        yield flow * (1.0 - probability), ()

    def graft(self, line, mrd, stream, flow, relapsed) -> None:
        """Transplant: death without relapse and relapse compete."""
        value = self.numbers
        hazards = (
            mixture_cure(
                value[f"transplant.cured_probability_mrd_{mrd}"],
                self.months("transplant.relapse_median_months"),
                value["transplant.relapse_sigma"],
                value["transplant.study_hazard_ratio"],
            ),
            self.transplant_death(),
        )
        windows = (
            Window("transplant_first_year", 0.0, DAYS_PER_YEAR),
            Window("after_transplant", DAYS_PER_YEAR, inf),
            Window("rest_of_first_year", PACKAGE_DAYS, DAYS_PER_YEAR),
            Window("second_year", DAYS_PER_YEAR, 2.0 * DAYS_PER_YEAR),
            *self.complications,
        )
        self._book("transplants", stream.survivor, flow)
        for part in self.parts(stream, flow):
            exits = self.pass_through(part, hazards, windows)
            relapsed[Stream(True, part.survivor, True)] += exits[0]
            self._book("end_of_life", part.survivor, exits[1])
        self.within_package(line, stream, flow, hazards)

    def gvhd(self) -> Iterator[Window]:
        """Onsets of acute GVHD, days with chronic GVHD, and utility lost by days with either."""
        value = self.numbers
        first, last = value["transplant.acute_gvhd_first_day"], value["transplant.early_days"]
        probability, days = value["transplant.acute_gvhd_probability"], "transplant.{}_gvhd_days"
        end, begins = value["transplant.chronic_gvhd_last_day"], probability / (last - first)
        acute = present_between(probability, first, last, value[days.format("acute")])
        chronic = present_between(
            value["transplant.chronic_gvhd_probability"], last, end, value[days.format("chronic")]
        )
        lost = larger_loss(
            acute, chronic, value["decrement.acute_gvhd"], value["decrement.chronic_gvhd"]
        )
        yield Window("acute_gvhd", first, last, begins)
        yield Window("chronic_gvhd", last, inf, weight=chronic)
        yield Window("gvhd_loss", first, inf, weight=lost)

    def within_package(self, line, stream, flow, hazards) -> None:
        """Take back care by the month before day 100: the package of the transplant has paid for it.

        Who dies there of relapsed leukaemia has an end of life paid. Second failures so early are
        taken for the first.
        """
        edges = self.grid.edges(stream.half)
        edges = edges[: np.searchsorted(edges, PACKAGE_DAYS) + 1]
        relapses = stay(self.grid, stream.half, hazards).exits[0].by_cycle
        days, deaths = self.grid.nothing(), self.grid.nothing()
        cycles = len(edges) - 1
        for m in range(cycles):
            end = min(edges[m + 1], PACKAGE_DAYS)
            relapsing = (edges[m] + end) / 2.0
            share = relapses[m] * (end - edges[m]) / (edges[m + 1] - edges[m])
            since = np.clip(edges, relapsing, PACKAGE_DAYS) - relapsing
            cared, dead = self.cared_after_relapse(line, since)
            days[:cycles] += share * np.diff(since) * (cared[1:] + cared[:-1]) / 2.0
            deaths[:cycles] += share * np.diff(dead)
        taken_back, died = self.grid.spread(flow, Kernel(-days), Kernel(deaths))
        self._book("cared", stream.survivor, taken_back)
        self._book("end_of_life", stream.survivor, died)

    def cared_after_relapse(self, line: int, days: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Share under care by the month so long after a relapse, and share who died under it."""
        relapsed = self.leukaemia("relapsed", line)
        cared = np.exp(-relapsed(days))
        died = 1.0 - cared
        if not self.plan.usual_care:
            return cared, died
        fit = self.numbers["later.next_line_probability"]
        gap = self.numbers["later.next_line_gap_days"]
        starting = fit * float(np.exp(-relapsed(np.array(gap))))
        responding = self.response(line + 1, True)
        treated = np.maximum(days - gap, 0.0)
        refractory = np.exp(-self.leukaemia("refractory", line + 1)(treated))
        waiting = treated < self.assessments(line + 1)[0][0]
        again = starting * (responding * waiting + (1.0 - responding) * refractory) * (days >= gap)
        lost = starting * (1.0 - responding) * (1.0 - refractory)
        return (1.0 - fit) * cared + again, (1.0 - fit) * died + lost

    def transplant_death(self) -> CumulativeHazard:
        """Death without relapse, by the mean over patients with and without VOD."""
        value = self.numbers
        days, base = value["transplant.early_days"], value["transplant.early_mortality"]
        vod = value["transplant.vod_probability"]
        raised = min(base * value["transplant.vod_mortality_ratio"], 1.0)
        early = (1.0 - vod) * base + vod * raised
        rate = value["transplant.late_mortality_per_month"] / DAYS_PER_MONTH
        return death_after_transplant(early, days, rate, self.survivor_days)

    # ------------------------------------------------------------------ bookkeeping

    def parts(self, stream: Stream, flow: np.ndarray) -> Iterator[Part]:
        """Divide a stay at the day from which background mortality is that of survivors.

        A flow divided by G becomes one divided by ``G ** R``, at the day T after its entry at s:
        ``G(s + T) / G(s + T) ** R``.
        """
        threshold = self.survivor_days
        yield Part(stream.survivor, stream.half, flow, 0.0, threshold)
        if not stream.survivor:
            reached = self.risen_at_entry(stream.half, threshold)
            flow = flow * np.exp((self.plan.mortality_ratio - 1.0) * reached)
        yield Part(True, stream.half, flow, threshold, inf)

    def pass_through(self, part: Part, hazards, windows) -> list[np.ndarray]:
        """Book the days of a part that fall into each window; return who leaves, by cause."""
        shown, kernels = [], []
        for window in windows:
            start, stop = max(part.start, window.start), min(part.stop, window.stop)
            if start < stop:
                spent = stay(self.grid, part.half, hazards, start, stop, window.weight)
                shown.append(window)
                kernels.append(spent.days)
        leaving = stay(self.grid, part.half, hazards, part.start, part.stop).exits
        spread = self.grid.spread(part.flow, *kernels, *leaving)
        for window, days in zip(shown, spread, strict=False):
            self._book(window.name, part.survivor, window.share * days)
        return spread[len(shown) :]

    def spend(self, stream, flow, hazards, names, *, start=0.0, stop=inf, deaths=None) -> None:
        """Book the days of a stay with active leukaemia, and its deaths where they are paid for."""
        spent = stay(self.grid, stream.half, hazards, start, stop)
        (days,) = self.grid.spread(flow, spent.days)
        for name in names:
            self._book(name, stream.survivor, days)
        if deaths is not None:
            (died,) = self.grid.spread(flow, spent.exits[0])
            self._book(deaths, stream.survivor, died)

    def _flows(self) -> dict[Stream, np.ndarray]:
        return defaultdict(self.grid.nothing)

    def _of_regimen(self, line: int) -> Callable[[str], float]:
        name = self.plan.regimen if line == 0 else "usual_care"
        return lambda end: self.numbers[f"{name}.{end}"]

    def _risen(self, days: np.ndarray) -> np.ndarray:
        return self.plan.background.risen(self.person.age_years, days)

    def risen_at_entry(self, half: bool, later_days: float = 0.0) -> np.ndarray:
        """Cumulative background hazard on the days of entry, or so much later."""
        key = (half, later_days)
        if key not in self.known:
            self.known[key] = self._risen(self.grid.entries(half) + later_days)
        return self.known[key]

    def _book(self, name: str, survivor: bool, amount: np.ndarray) -> None:
        self.books[name][int(survivor)] += amount

    def booked(self, name: str) -> np.ndarray:
        """Return days or events by cycle, with background mortality: ``x G + x' G ** R``."""
        risen = self._risen(self.grid.middles)
        plain, survivors = self.books[name]
        return plain * np.exp(-risen) + survivors * np.exp(-self.plan.mortality_ratio * risen)

    def totals(self) -> Totals:
        """Return life-years, QALYs and costs per patient; states and discounting by cycle."""
        middles = self.grid.middles
        present = (1.0 + self.plan.rate) ** (-middles / DAYS_PER_YEAR)
        years = {state: self.booked(state) / DAYS_PER_YEAR for state in STATES}
        qalys = sum(
            (years[state] * self.utility(state, middles) * present).sum() for state in STATES
        )
        qalys -= (self.booked("gvhd_loss") * present).sum() / DAYS_PER_YEAR
        lived = sum(years.values())
        return Totals(
            life_years=float((lived * present).sum()),
            undiscounted_life_years=float(lived.sum()),
            qalys=float(qalys),
            costs=self.costs(present),
            years_by_state={state: float(each.sum()) for state, each in years.items()},
        )

    def utility(self, state: str, days: np.ndarray) -> np.ndarray:
        """Utility of the state, not above that of the general population at the age."""
        utility = np.full(len(days), self.numbers[f"utility.{state}"])
        if self.plan.norm is None:
            return utility
        return np.minimum(utility, self.plan.norm(self.person.age_years + days / DAYS_PER_YEAR))

    def costs(self, present: np.ndarray) -> dict[str, float]:
        """Discounted costs by category: what is paid by the month, by the event and by the year."""
        price = {name[5:]: amount for name, amount in self.numbers.items() if name[:5] == "cost."}
        amount = {name: float((self.booked(name) * present).sum()) for name in tuple(self.books)}
        paid = defaultdict(float, amount)
        rest_days = DAYS_PER_YEAR - PACKAGE_DAYS
        numbers = self.numbers
        package = (
            price["transplant"]
            + numbers["transplant.vod_probability"] * price["transplant_vod"]
            + numbers["transplant.infection_probability"] * price["transplant_infection"]
        )
        treatment = {}
        if self.plan.chemotherapy:
            treatment = {
                "drug": paid["cycles"] * self.price_of_a_cycle(),
                "administration": paid["ward"] * price["inpatient_day"],
            }
        return treatment | {
            "follow_up": paid["follow_up"] * price["follow_up_per_month"] / DAYS_PER_MONTH,
            "later_lines": paid["cared"] * price["after_failure_per_month"] / DAYS_PER_MONTH,
            "end_of_life": paid["end_of_life"] * price["end_of_life"],
            "transplant": paid["transplants"] * package
            + paid["rest_of_first_year"] * price["transplant_rest_of_first_year"] / rest_days
            + paid["second_year"] * price["transplant_second_year"] / DAYS_PER_YEAR
            + paid["acute_gvhd"] * price["acute_gvhd"]
            + paid["chronic_gvhd"] * price["chronic_gvhd_per_year"] / DAYS_PER_YEAR,
        }

    def price_of_a_cycle(self) -> float:
        """Mean price of the drugs of a cycle over the mixture of chemotherapy."""
        mixture = ("flag", "hidac", "methotrexate", "clofarabine")
        regimen, value = self.plan.regimen, self.numbers
        shares = [value[f"{regimen}.mix.{name}_share"] for name in mixture]
        prices = [value[f"cost.{regimen}.{name}_cycle"] for name in mixture]
        return float(np.average(prices, weights=shares))
