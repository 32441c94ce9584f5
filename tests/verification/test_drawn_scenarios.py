"""Any scenario: it is refused with one message, or both engines give one possible answer.

Structure and values are drawn, the ends of every unit among them. Of those that are accepted,
lives are equal bit for bit in both engines, amounts to 1e-9, and every ledger holds what must
hold of any: finite costs that are not negative, days in hospital paid once and no more than the
days alive, utilities between the worst and 1, QALYs no more than life-years.
"""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest

from sim.catalog.values import UNITS
from sim.errors import UserError
from sim.scenario.loading import load_scenario
from sim.simulation.question import prepare
from tests.support.drawn_scenarios import INPUTS, check_answer, drawn_scenario


def try_scenarios(first, count, folder):
    """Try scenarios by number; return how many were answered and refused."""
    found = Counter()
    for number in range(first, first + count):
        luck = random.Random(number)
        try:
            path = drawn_scenario(luck, folder)
            question = prepare(load_scenario(path, INPUTS))
        except UserError as refusal:
            found["refused"] += 1
            found["of several lines"] += "\n" in str(refusal)
            continue
        try:
            check_answer(question)
        except Exception as error:
            error.add_note(f"scenario {number}:\n{path.read_text(encoding='utf-8')}")
            raise
        found["answered"] += 1
    assert not found["of several lines"]
    return found


def test_a_drawn_scenario_is_refused_or_has_one_possible_answer_in_both_engines(tmp_path):
    """60 scenarios, the first of the 2,000."""
    found = try_scenarios(0, 60, tmp_path)
    assert min(found["answered"], found["refused"]) >= 5


@pytest.mark.slow
@pytest.mark.parametrize("tenth", range(10))
def test_two_thousand_drawn_scenarios_are_refused_or_have_one_possible_answer(tenth, tmp_path):
    """200 scenarios each; at least 90 are answered and at least 15 refused."""
    found = try_scenarios(200 * tenth, 200, tmp_path)
    assert found["answered"] >= 90
    assert found["refused"] >= 15


def test_every_unit_of_the_catalogue_is_finite_on_both_sides():
    for unit in UNITS.values():
        assert math.isfinite(unit.low), unit.name
        assert math.isfinite(unit.high), unit.name
