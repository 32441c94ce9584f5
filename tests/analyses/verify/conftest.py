"""The subject that most planted faults are put into."""

import pytest

from sim.analyses.verify.check import Subject
from sim.simulation.question import ask
from tests.support.places import SCENARIOS


@pytest.fixture(scope="module")
def subject():
    return Subject(ask(SCENARIOS / "first_salvage.yaml"))
