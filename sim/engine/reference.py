"""The reference engine: SimPy moves the patients along the pathway, one event at a time.

The events of a patient are in `sim.engine.patient_pathway`; this module only advances time. Event times are
computed numbers, not readings of the SimPy clock, whose sums of delays differ in the last bit; the
clock orders the patients.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from functools import partial
from typing import Any

import simpy

from sim.clinic.events import Event
from sim.clinic.patient import ALL_DRAWN, Given, Patient, admit
from sim.engine.life import PatientLife
from sim.engine.model import Model, Strategy, World
from sim.engine.patient_pathway import enter, step
from sim.engine.streams import Luck, Streams, blocks

BLOCK = 1000
"""Patients simulated in one SimPy environment; results do not depend on it."""


def lived(
    environment: simpy.Environment, world: World, life: PatientLife
) -> Generator[simpy.Event, Any, None]:
    """Run a patient's life as a process of the environment, from entry to death or the horizon."""
    enter(world, life)
    while not life.over:
        yield environment.timeout(max(min(life.clocks) - environment.now, 0.0))
        step(world, life)


def new_life(model: Model, strategy: Strategy, patient: Patient, luck: Luck) -> PatientLife:
    """Return the life of a patient under a strategy before it begins."""
    place = model.strategies.index(strategy)
    return PatientLife(strategy=place, patient=patient, luck=luck)


def enrol(number: int, model: Model, luck: Luck) -> Patient:
    """Return the baseline of patient `number`: as given, and else drawn."""
    given = ALL_DRAWN if model.given is None else Given(*model.given(number, 1)[0].tolist())
    uniform, normal = partial(luck.uniform, number), partial(luck.normal, number)
    return admit(number, model.rules.population, uniform, normal, given)


def simulate(
    model: Model, strategy: Strategy, *, seed: int, patients: int
) -> Iterator[tuple[Patient, list[Event]]]:
    """Simulate `patients` patients under `strategy`; yield each with the log, in order."""
    world = model.world(seed)
    for first, count in blocks(patients, BLOCK):
        environment = simpy.Environment()
        streams = Streams(seed, first, count)
        lives = []
        for number in range(first, first + count):
            life = new_life(model, strategy, enrol(number, model, streams), streams)
            environment.process(lived(environment, world, life))
            lives.append(life)
        environment.run()
        for life in lives:
            yield life.patient, life.log
