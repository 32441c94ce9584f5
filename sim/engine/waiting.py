"""Patients who wait for the same places: the patient pathway over calendar time.

Every patient enters the hospital at a time of the calendar and lives the story of
`sim.engine.patient_pathway`. Patients meet at one place of it: a transplant that is due needs a bed,
and a line of cell therapy that is due a slot. Where none is free, the patient waits, and all other
clocks go on as they would before the transplant (or the line)::

    due ──► place free ──────────────────────────────► treated, at the planned time
      └───► waits ──► place falls free ──────────────► treated, at the planned time + wait
                 ├──► relapse, death, horizon ───────► leaves the list
                 └──► the longest wait is over ──────► leaves the list; not offered again in this line

The queues are priority queues of SimPy: without preemption, and in the order of arrival among equals.
Between two events of the queue a life is nobody else's business and runs ahead of the calendar.
With unlimited places every life is that of `sim.engine.reference`, bit for bit: no time of the
calendar enters it.

The times until places are free again, and the times between arrivals, are keyed random numbers of the
patient, so that they are the same under any number of places.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum, unique
from math import nextafter
from typing import Any, Final, NamedTuple

import numpy as np
import simpy
from simpy.resources.resource import PriorityRequest

from sim.clinic.distributions import exponential_of, standard_exponential, weibull_hazard_of
from sim.clinic.draws import CalendarDraw, occurrence
from sim.clinic.events import Event, EventKind
from sim.clinic.patient import Patient
from sim.clinic.units import DAYS_PER_YEAR, NEVER
from sim.engine.life import Clock, PatientLife, Stage, next_clock, person, plan
from sim.engine.model import Model, Regimen, Strategy, World
from sim.engine.patient_pathway import admit, days_refractory, enter, step, support
from sim.engine.reference import enrol, new_life
from sim.engine.streams import Streams, uniforms

NO_LIMIT: Final = sys.maxsize
"""As a number of places."""
PER_REPLICATION: Final = 1_000_000
"""Numbers of patients reserved for a replication, of which few are used."""
FEWEST_GAPS: Final = 32
SPREAD: Final = 6.0
"""Standard deviations of a Poisson number above its mean, within which it nearly always is."""


@unique
class Place(IntEnum):
    """What a patient may have to wait for."""

    TRANSPLANT_BED = 0
    CELL_THERAPY_SLOT = 1


@unique
class End(IntEnum):
    """How a wait ends: the first with treatment, all others without."""

    TREATED = 0
    RELAPSE = 1
    DEATH = 2
    WAITED_TOO_LONG = 3
    HORIZON = 4


@unique
class Order(StrEnum):
    """Who is next when a place falls free; among equals, who has waited longest."""

    FIRST_COME = "first_come"
    MRD_NEGATIVE_FIRST = "mrd_negative_first"
    MRD_POSITIVE_FIRST = "mrd_positive_first"
    EARLIER_LINE_FIRST = "earlier_line_first"
    YOUNGER_FIRST = "younger_first"


DAYS: Final = {
    Place.TRANSPLANT_BED: CalendarDraw.BED_DAYS,
    Place.CELL_THERAPY_SLOT: CalendarDraw.SLOT_DAYS,
}


class Limit(NamedTuple):
    """The places of a kind, and how long a patient takes one: Weibull, or until death.

    Under a `shape` of infinity every stay has the median.
    """

    places: int
    median_days: float
    shape: float


class Hospital(NamedTuple):
    """Resources shared by all patients.

    Attributes
    ----------
    limits
        By `Place`.
    order
        Who is next.
    longest_wait_days
        After which a treatment is not offered any more in this line.
    relapse_time_ratio
        By which bridging therapy prolongs what is left of a remission, while the patient waits.
    """

    limits: tuple[Limit, Limit]
    order: Order = Order.FIRST_COME
    longest_wait_days: float = NEVER
    relapse_time_ratio: float = 1.0


class Wait(NamedTuple):
    """A patient's wait for a place, of no length where one was free.

    Attributes
    ----------
    since_days, until_days
        In days of the patient.
    taken_from_days, taken_until_days
        Days of the calendar in which the place was taken; none without treatment.
    """

    place: Place
    line: int
    since_days: float
    until_days: float
    end: End
    taken_from_days: float = NEVER
    taken_until_days: float = NEVER

    @property
    def days(self) -> float:
        """The length of the wait."""
        return self.until_days - self.since_days


@dataclass(slots=True)
class Visitor:
    """A patient of the hospital; entered on a day of the calendar."""

    life: PatientLife
    entered_days: float
    waits: list[Wait] = field(default_factory=list)

    @property
    def patient(self) -> Patient:
        """The baseline of the patient."""
        return self.life.patient

    @property
    def log(self) -> list[Event]:
        """The events of the life."""
        return self.life.log

    @property
    def born_on(self) -> int:
        """The day of birth in the calendar."""
        return int(self.entered_days - DAYS_PER_YEAR * self.patient.age_years)

    @property
    def has_waited(self) -> bool:
        """Whether a place was not free when it was needed."""
        return any(wait.days > 0.0 for wait in self.waits)


RANK: Final[Mapping[Order, Callable[[Visitor], int]]] = {
    Order.FIRST_COME: lambda _: 0,
    Order.MRD_NEGATIVE_FIRST: lambda visitor: 0 if visitor.life.mrd_negative else 1,
    Order.MRD_POSITIVE_FIRST: lambda visitor: 1 if visitor.life.mrd_negative else 0,
    Order.EARLIER_LINE_FIRST: lambda visitor: visitor.life.line,
    Order.YOUNGER_FIRST: lambda visitor: -visitor.born_on,
}
"""The rank of a patient in the queue, the lowest first."""


def arrivals(seed: int, first: int, rate_per_year: float, until_days: float) -> list[float]:
    """Return the days on which patients number `first` and so on enter, up to a day: Poisson."""
    expected = rate_per_year * until_days / DAYS_PER_YEAR
    count = FEWEST_GAPS + int(expected + SPREAD * expected**0.5)
    while True:
        numbers = uniforms(seed, first, count, CalendarDraw.ARRIVAL).tolist()
        per_day = rate_per_year / DAYS_PER_YEAR
        gaps = [exponential_of(standard_exponential(u), per_day) for u in numbers]
        days = np.cumsum(gaps)
        if days[-1] > until_days:
            return [float(day) for day in days[days <= until_days]]
        count *= 2


def simulate_hospital(
    model: Model,
    strategy: Strategy,
    hospital: Hospital,
    *,
    seed: int,
    first: int,
    entries: Sequence[float],
    only: frozenset[int] | None = None,
) -> list[Visitor]:
    """Simulate patients under one strategy who share a hospital.

    Parameters
    ----------
    model, strategy, hospital
        The pathway and the places.
    seed, first
        Of the random numbers, and the number of the first patient.
    entries
        Days of the calendar on which the patients enter.
    only
        The numbers of the patients to simulate; all others do without a place. By default all.

    Returns
    -------
    list of Visitor
        In the order of their numbers.
    """
    shop = _Shop(simpy.Environment(), model.world(seed), hospital)
    streams = Streams(seed, first, len(entries))
    visitors = []
    for number, entered in enumerate(entries, start=first):
        if only is not None and number not in only:
            continue
        life = new_life(model, strategy, enrol(number, model, streams), streams)
        visitors.append(Visitor(life, entered))
        shop.environment.process(shop.lived(visitors[-1]))
    shop.environment.run()
    return visitors


_Process = Generator[simpy.Event, Any, None]


class _Shop:
    """The places of a hospital on the calendar of SimPy, and the patients' ways through it."""

    def __init__(self, environment: simpy.Environment, world: World, hospital: Hospital) -> None:
        self.environment = environment
        self.world = world
        self.hospital = hospital
        self.places = [
            simpy.PriorityResource(environment, capacity=limit.places) for limit in hospital.limits
        ]

    def until(self, day: float) -> simpy.Event:
        """Return the event of a day of the calendar, or of now if that is later."""
        return self.environment.timeout(max(day - self.environment.now, 0.0))

    def lived(self, visitor: Visitor) -> _Process:
        """Run a patient's life from entry to death or the horizon."""
        life = visitor.life
        if begins_with_a_slot(self.world, life):
            enter_untreated(self.world, life)
        else:
            enter(self.world, life)
        while not life.over:
            place = needed(self.world, life)
            if place is None:
                step(self.world, life)
            else:
                yield from self.treat(visitor, place)

    def treat(self, visitor: Visitor, place: Place) -> _Process:
        """Treat a patient who needs a place as soon as there is one, if the patient can wait."""
        life, clock = visitor.life, CLOCK[place]
        since, line = life.clocks[clock], life.line
        yield self.until(visitor.entered_days + since)
        rank = RANK[self.hospital.order](visitor)
        request = self.places[place].request(priority=rank)
        end = End.TREATED
        if not request.triggered:
            end = yield from self.wait(visitor, place, request)
        wait = Wait(place, line, since, life.now, end)
        if end == End.TREATED:
            step(self.world, life)
            begun, begins = life.now, self.environment.now
            ends = visitor.entered_days + self.stay(visitor, place, line)
            wait = wait._replace(
                until_days=begun, taken_from_days=begins, taken_until_days=max(begins, ends)
            )
            self.environment.process(self.leave(place, request, wait.taken_until_days))
        visitor.waits.append(wait)

    def wait(
        self, visitor: Visitor, place: Place, request: PriorityRequest
    ) -> Generator[simpy.Event, Any, End]:
        """Wait for a place while all other clocks go on; return how the wait ends."""
        life, clock, ratio = visitor.life, CLOCK[place], self.hospital.relapse_time_ratio
        since = life.clocks[clock]
        life.clocks[clock] = NEVER
        prolong_remission(life, since, ratio)
        last = since + self.hospital.longest_wait_days
        while True:
            following = min(life.clocks)
            yield request | self.until(visitor.entered_days + min(following, last))
            if request.triggered:
                # What is due in the very moment comes after it.
                now = min(self.environment.now - visitor.entered_days, nextafter(following, 0.0))
                life.clocks[clock] = max(now, since)
                return End.TREATED
            if last < following:
                request.cancel()
                life.now = last
                prolong_remission(life, last, 1.0 / ratio)
                if place == Place.CELL_THERAPY_SLOT:
                    support(life)
                return End.WAITED_TOO_LONG
            due = next_clock(life.clocks)
            step(self.world, life)
            if life.over or due == Clock.RELAPSE:
                request.cancel()
                return END_BY.get(Clock(due), End.DEATH)

    def stay(self, visitor: Visitor, place: Place, line: int) -> float:
        """Live on while the place is taken; return the patient's day on which it is not any more."""
        life, limit = visitor.life, self.hospital.limits[place]
        number = life.luck.exponential(life.patient.number, DAYS[place], occurrence(line))
        leaves = life.now + weibull_hazard_of(number, limit.median_days, limit.shape, 1.0)
        while not life.over and min(life.clocks) <= leaves and needed(self.world, life) is None:
            step(self.world, life)
        return life.now if life.log[-1].kind == EventKind.DEATH else leaves

    def leave(self, place: Place, request: PriorityRequest, day: float) -> _Process:
        """Give the place back on a day of the calendar."""
        yield self.until(day)
        self.places[place].release(request)


CLOCK: Final = {Place.TRANSPLANT_BED: Clock.TRANSPLANT, Place.CELL_THERAPY_SLOT: Clock.PLANNED}
"""The clock of what needs the place."""
END_BY: Final = {Clock.RELAPSE: End.RELAPSE, Clock.HORIZON: End.HORIZON}


def needed(world: World, life: PatientLife) -> Place | None:
    """Return the place that the next event of a life needs, if it needs one."""
    clock = next_clock(life.clocks)
    if clock == Clock.TRANSPLANT:
        return Place.TRANSPLANT_BED
    if clock == Clock.PLANNED and life.stage == Stage.START_LINE:
        regimen = next_regimen(world, life)
        if regimen.cell_therapy and not (regimen.targets_cd19 and life.cd19_lost):
            return Place.CELL_THERAPY_SLOT
    return None


def next_regimen(world: World, life: PatientLife) -> Regimen:
    """Return the regimen of the line that begins next."""
    strategy = world.plans[life.strategy]
    return world.regimens[strategy.regimens[min(life.line, strategy.lines)]]


def begins_with_a_slot(world: World, life: PatientLife) -> bool:
    """Whether the first line of a patient is cell therapy of overt disease.

    With MRD alone, whose relapse before the first line is not modelled, nobody waits for it.
    """
    strategy = world.plans[life.strategy]
    is_treated = strategy.lines > 0 and not person(life).mrd_only
    return is_treated and next_regimen(world, life).cell_therapy


def enter_untreated(world: World, life: PatientLife) -> None:
    """Enter before the first line, which is due at once; active disease goes its way until then."""
    admit(world, life)
    life.clocks[Clock.LEUKAEMIC_DEATH] = days_refractory(world, life)
    plan(life, Stage.START_LINE, life.now)


def prolong_remission(life: PatientLife, since: float, ratio: float) -> None:
    """Multiply what is left of a remission on a day by a ratio."""
    if ratio != 1.0 and life.clocks[Clock.RELAPSE] < NEVER:
        life.clocks[Clock.RELAPSE] = since + ratio * (life.clocks[Clock.RELAPSE] - since)
