"""Draws of the core engine, in both of their forms, are those of the keyed streams to the bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.clinic.arithmetic import normal_quantile
from sim.clinic.distributions import standard_exponential
from sim.clinic.draws import DRAWS, Once, RandomDraw
from sim.engine import reference
from sim.engine.compiled import core
from sim.engine.compiled.compiler import kernel
from sim.engine.compiled.draw_plan import EVERYONE, EXPONENTIAL, NORMAL, UNIFORM
from sim.engine.compiled.draws import draw_key, keyed_uniform
from sim.engine.compiled.forms import unit_number
from sim.engine.streams import uniform, uniforms

PATIENTS = 25_000
SEEDS = [0, 1, 2**32, 2**64 - 1]
PRECOMPUTED = {
    RandomDraw.RESPONSE,
    RandomDraw.REFRACTORY_SURVIVAL,
}
"""In the first line these are read for whole blocks, and must be among the draws made ahead."""
FIRSTS = [0, 2**32 - 12_345, 2**40 + 7]


@pytest.fixture(scope="module")
def fill():
    """Return the compiled loop that fills a row, called with Python numbers."""
    compiled = kernel(draw_key)

    def filled(seed, first, count, decision, occurrence, form):
        drawn = np.full((1, count), np.nan)
        key = np.array([decision, occurrence, 0, form, EVERYONE], dtype=np.int64)
        compiled(np.uint64(seed), first, count, key, drawn)
        return drawn[0]

    return filled


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("first", FIRSTS)
def test_a_million_compiled_draws_are_those_of_the_streams(fill, seed, first):
    """4 seeds × 3 first patients, also across 2**32 × 4 keys × 25,000 patients = 1.2 million."""
    for decision, occurrence in ((0, 0), (17, 5), (63, 900), (2**31 - 1, 2**31 - 1)):
        found = fill(seed, first, PATIENTS, decision, occurrence, UNIFORM)
        assert np.array_equal(found, uniforms(seed, first, PATIENTS, decision, occurrence))


@pytest.mark.parametrize(
    ("form", "rule"), [(EXPONENTIAL, standard_exponential), (NORMAL, normal_quantile)]
)
def test_compiled_forms_are_those_of_the_clinic(fill, form, rule):
    """20,000 patients, each through the function of the clinic."""
    found = fill(5, 3, 20_000, 9, 2, form)
    assert found.tolist() == [rule(u) for u in uniforms(5, 3, 20_000, 9, 2).tolist()]


@given(
    seed=st.integers(0, 2**64 - 1),
    patient=st.integers(0, 2**63 - 1),
    decision=st.integers(0, 2**31 - 1),
    occurrence=st.integers(0, 2**31 - 1),
)
def test_the_uncompiled_form_is_that_of_the_streams(seed, patient, decision, occurrence):
    with np.errstate(over="ignore"):
        found = keyed_uniform(np.uint64(seed), patient, decision, occurrence)
    assert found == uniform(seed, patient, decision, occurrence)


@pytest.mark.parametrize(
    ("grid", "number"), [(0, 2.0**-53), (1, 1.5 * 2.0**-52), (2**52 - 1, 1.0 - 2.0**-53)]
)
def test_unit_number_is_the_middle_of_its_cell(grid, number):
    assert unit_number(np.uint64(grid)) == number


@pytest.fixture(scope="module")
def told(ask):
    """A question, and the lives of 60 patients by the reference engine, by strategy."""
    question = ask("blinatumomab_then_inotuzumab", patients=60, seed=4)
    return question, [
        list(reference.simulate(question.model, strategy, seed=4, patients=60))
        for strategy in question.model.strategies
    ]


@pytest.mark.parametrize(
    "decision",
    [each for each in RandomDraw if DRAWS[each].once in (Once.TRANSPLANT, Once.LINE)],
    ids=lambda each: each.name,
)
def test_a_draw_that_was_not_made_ahead_is_computed(told, monkeypatch, decision):
    """The draw is left out of those made ahead, but for what is precomputed from it."""
    question, lives = told
    keys = core.keys_for(question.model)
    without = keys[keys[:, 0] != decision]
    if decision in PRECOMPUTED:
        without = keys[(keys[:, 0] != decision) | (keys[:, 1] == 0)]
    monkeypatch.setattr(core, "keys_for", lambda _: without)
    for strategy, theirs in zip(question.model.strategies, lives, strict=True):
        ours = core.simulate(question.model, strategy, seed=4, patients=60)
        assert list(ours) == theirs
