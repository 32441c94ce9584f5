"""Scenarios with extreme values that are allowed, simulated by both engines."""

from __future__ import annotations

import yaml

from sim.scenario.loading import load_scenario
from sim.simulation.question import prepare
from tests.fuzz.watch import nothing_written_outside, refused_with_one_message
from tests.support.drawn_scenarios import (
    INPUTS,
    check_answer,
    drawn_structure,
    drawn_value,
)

COUNTS = (1, 2, 3, 8, 30, 1000)
"""Of parameters that are drawn; there are some hundreds."""


class ValueSets:
    """Values inside the interval of each parameter, its ends among them."""

    def __init__(self, folder):
        self.path = folder / "drawn.yaml"

    def draw(self, luck):
        """Return an input."""
        content = drawn_structure(luck)
        self.path.write_text(yaml.safe_dump(content), encoding="utf-8")
        used = INPUTS.used(load_scenario(self.path, INPUTS).scenario)
        drawn = luck.sample(sorted(used), min(len(used), luck.choice(COUNTS)))
        content["parameters"] = {name: _value(luck, used[name]) for name in drawn}
        return {"content": yaml.safe_dump(content)}

    def attempt(self, given):
        """Both engines give one possible answer."""
        self.path.write_text(given["content"], encoding="utf-8")
        with nothing_written_outside():
            with refused_with_one_message():
                question = prepare(load_scenario(self.path, INPUTS))
            check_answer(question)


def _value(luck, parameter):
    """Mostly a value that the scenario allows together with others."""
    if luck.random() < 0.3:
        return drawn_value(luck, parameter)
    inside = (parameter.low, parameter.high, parameter.value)
    value = luck.choice((*inside, luck.uniform(parameter.low, parameter.high)))
    return float(round(value)) if parameter.value == round(parameter.value) else value
