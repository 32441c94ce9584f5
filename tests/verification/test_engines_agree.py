"""Both engines give every patient the same life: same events, times to the bit, same books."""

import os
import subprocess
import sys

import numpy as np
import pytest

from sim.economics.ledger import Account
from sim.engine import reference
from sim.engine.compiled import core
from sim.simulation import core_run
from sim.simulation.question import ask
from sim.simulation.run import run
from sim.simulation.summary import summarise
from tests.support.places import ROOT

SCENARIOS = sorted((ROOT / "scenarios").glob("*.yaml"))
MONEY = 1e-9
"""Largest relative difference of costs, QALYs and life-years; events and times have none."""


def a_parameter_set(path, draw):
    """Return overrides: none for draw 0, else every uncertain parameter at a random quantile."""
    if draw == 0:
        return {}
    question = ask(path)
    generator = np.random.default_rng(draw)
    overrides = {}
    for name in sorted(question.used):
        parameter = question.parameters[name]
        value = float(parameter.distribution.quantile(generator.uniform(0.01, 0.99)))
        if parameter.distribution.family != "fixed" and parameter.check(value) is None:
            overrides[name] = value
    assert len(overrides) > 100
    return overrides


def assert_same_logs(question, patients):
    for strategy in question.model.strategies:
        ours = core.simulate(question.model, strategy, seed=question.seed, patients=patients)
        theirs = reference.simulate(question.model, strategy, seed=question.seed, patients=patients)
        for (patient, log), (expected_patient, expected) in zip(ours, theirs, strict=True):
            assert patient == expected_patient
            assert log == expected, f"patient {patient.number} under {strategy.name}"


def assert_same_books(question):
    ours, theirs = run(question, engine="core"), run(question, engine="reference")
    for arm, expected in zip(ours.arms, theirs.arms, strict=True):
        assert arm.outcomes.equals(expected.outcomes)
        for discounted in (True, False):
            for account in Account:
                assert arm.total(account, discounted=discounted) == pytest.approx(
                    expected.total(account, discounted=discounted), rel=MONEY, abs=1e-12
                )
        assert arm.discounted == pytest.approx(expected.discounted, rel=1e-8, abs=1e-6)
        assert arm.cells.keys() == expected.cells.keys()


@pytest.mark.parametrize("draw", [0, 1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_engines_give_the_same_logs_and_books(path, draw):
    """100 patients a strategy, three parameter sets, a seed of its own each."""
    question = ask(path, patients=100, seed=100 + draw, overrides=a_parameter_set(path, draw))
    assert_same_logs(question, 100)
    assert_same_books(question)


@pytest.mark.slow
@pytest.mark.parametrize("draw", [0, 1, 2])
@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_engines_give_the_same_books_of_many_patients(path, draw):
    """2,000 patients a strategy, every scenario, three parameter sets, a seed of its own each.

    More seeds and patients: `python -m bench.agreement`.
    """
    question = ask(path, patients=2000, seed=1 + draw, overrides=a_parameter_set(path, draw))
    assert_same_books(question)
    assert_same_logs(question, 300)


SWITCHED = """\
title: Every switch the other way
extends: {base}
horizon_years: 3
strategies:
  - {{name: none, sequence: [], then: usual_care}}
  - {{name: three, sequence: [blinatumomab, blinatumomab, salvage_chemotherapy], then: supportive_care, maintenance: true}}
comparator: none
switches:
  background_mortality: false
  benefit_after_stopping: false
  cure_point_years: 1
  toxicity: {toxicity}
  transplant: {transplant}
  relapse_distribution: weibull
  survivor_mortality_ratio: false
  utility_age_cap: false
  vial_sharing: true
discounting: {{costs: 0.0, effects: 0.1}}
"""


@pytest.mark.parametrize("transplant", ["true", "false"])
@pytest.mark.parametrize("toxicity", ["true", "false"])
def test_engines_agree_with_every_switch_the_other_way(tmp_path, toxicity, transplant):
    path = tmp_path / "switched.yaml"
    base = ROOT / "scenarios" / "real_world.yaml"
    path.write_text(
        SWITCHED.format(base=base, toxicity=toxicity, transplant=transplant), encoding="utf-8"
    )
    question = ask(path, patients=300)
    assert_same_logs(question, 300)
    assert_same_books(question)


MIXED = """\
title: Overt leukaemia and MRD only together
extends: {base}
population: badar_2020_relapsed_refractory
strategies:
  - {{name: none, sequence: [], then: usual_care}}
  - {{name: for_mrd, sequence: [blinatumomab_mrd, blinatumomab_tki], then: usual_care}}
  - {{name: others, sequence: [inotuzumab, blinatumomab_mrd], then: supportive_care}}
  - {{name: tki, sequence: [blinatumomab_tki], then: usual_care, maintenance: true}}
  - {{name: cells, sequence: [brexucabtagene, blinatumomab, brexucabtagene], then: usual_care}}
comparator: none
parameters:
  population.mrd_only_probability: 0.6
  response.mrd_only_conversion_probability: 0.5
"""


@pytest.mark.parametrize("base", ["first_salvage", "nhs_first_salvage"])
def test_engines_agree_when_some_have_mrd_only(tmp_path, base):
    """300 patients a strategy: MRD only and overt leukaemia, no treatment, sequences, tablets."""
    path = tmp_path / "mixed.yaml"
    path.write_text(MIXED.format(base=ROOT / "scenarios" / f"{base}.yaml"), encoding="utf-8")
    question = ask(path, patients=300)
    assert_same_logs(question, 300)
    assert_same_books(question)


UNTREATED = """\
title: Nobody is treated, and some have MRD only
extends: {base}
strategies:
  - {{name: usual, sequence: [], then: usual_care}}
  - {{name: supportive, sequence: [], then: supportive_care}}
comparator: usual
parameters:
  population.mrd_only_probability: 0.6
switches: {{relapse_distribution: {distribution}, transplant: {transplant}}}
"""


@pytest.mark.parametrize("distribution", ["lognormal", "weibull"])
@pytest.mark.parametrize("transplant", ["true", "false"])
def test_engines_agree_when_nobody_is_treated_and_some_have_mrd_only(
    tmp_path, distribution, transplant
):
    """300 patients a strategy; what a remission draws is drawn though no strategy has a line."""
    path = tmp_path / "untreated.yaml"
    path.write_text(
        UNTREATED.format(
            base=ROOT / "scenarios" / "first_salvage.yaml",
            distribution=distribution,
            transplant=transplant,
        ),
        encoding="utf-8",
    )
    question = ask(path, patients=300)
    assert_same_logs(question, 300)
    assert_same_books(question)


def test_a_broken_rule_in_one_engine_is_noticed(monkeypatch):
    """The pathway as SimPy runs it, with a relapse a day later than in the compiled one."""
    from sim.engine import life

    question = ask(SCENARIOS[0], patients=60)
    assert_same_logs(question, 1)
    original = life.relapse_days
    monkeypatch.setattr(life, "relapse_days", lambda *a: original(*a) + 1.0)
    with pytest.raises(AssertionError, match="patient"):
        assert_same_logs(question, 60)


def bits(simulation):
    tally = simulation.tally
    return [array.tobytes() for array in (*tally.sums, *tally.counts)]


def test_totals_are_the_same_bits_with_any_number_of_threads():
    """9,000 patients are three units; 1, 2 and 5 threads, patients kept or not."""
    question = ask(SCENARIOS[0], patients=9000)
    one = run(question, threads=1)
    for threads, keep in ((2, True), (5, False), (1, False)):
        assert bits(run(question, threads=threads, keep_patients=keep)) == bits(one)


def test_totals_do_not_depend_on_how_many_draws_are_made_at_once(monkeypatch):
    question = ask(SCENARIOS[0], patients=3000)
    expected = bits(run(question))
    monkeypatch.setattr("sim.simulation.core_run.BLOCK", 100)
    assert bits(run(question)) == expected


def test_patient_is_the_same_among_few_and_many():
    few = run(ask(SCENARIOS[0], patients=100))
    many = run(ask(SCENARIOS[0], patients=5000))
    for arm, larger in zip(few.arms, many.arms, strict=True):
        assert arm.outcomes.equals(larger.outcomes.iloc[:100])
        assert np.array_equal(arm.discounted, larger.discounted[:100])


def test_summary_of_counts_is_that_of_single_patients():
    """4,000 patients: all but medians to rounding, medians to a bin of 1/16 month."""
    question = ask(ROOT / "scenarios" / "blinatumomab_then_inotuzumab.yaml", patients=4000)
    kept, counted = summarise(run(question)), summarise(run(question, keep_patients=False))
    for arm, other in zip(kept.arms, counted.arms, strict=True):
        assert list(arm.outcomes) == list(other.outcomes)
        for name, value in arm.outcomes.items():
            if "median_months" in name:
                assert other.outcomes[name].mean == pytest.approx(value.mean, abs=1 / 16)
                assert other.outcomes[name].se == pytest.approx(value.se, rel=0.5)
            else:
                assert other.outcomes[name] == pytest.approx(value, rel=1e-9, abs=1e-9), name
    for one, other in zip(kept.comparisons, counted.comparisons, strict=True):
        assert other.increment.icer == pytest.approx(one.increment.icer, rel=1e-9)
        assert other.increment.icer_se == pytest.approx(one.increment.icer_se, rel=1e-6)
        for threshold, benefit in one.nmb.items():
            assert other.nmb[threshold] == pytest.approx(benefit, rel=1e-6)


def python(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )


def test_core_runs_without_compilation_and_says_the_same():
    code = (
        "from pathlib import Path\n"
        "from sim.simulation.question import ask\n"
        "from sim.simulation.run import run\n"
        "s = run(ask(Path('scenarios/first_salvage.yaml'), patients=20), threads=1)\n"
        "print(s.tally.sums.values.tobytes().hex())"
    )
    compiled = python(code).stdout
    assert python(code, NUMBA_DISABLE_JIT="1").stdout == compiled
    assert len(compiled) > 100


def test_machine_code_of_other_sources_is_not_used():
    """The name of the cache folder is a hash of the sources."""
    from sim.engine.compiled import compiler as compiled

    folder = compiled.use_cache_folder()
    assert folder is None or folder.name == compiled.source_hash()


def test_core_works_where_no_cache_can_be_written(tmp_path):
    """The cache's place is a file: compiled for this run only."""
    blocked = tmp_path / "cache"
    blocked.write_text("a file", encoding="utf-8")
    code = "from sim.engine.compiled import compiler; print(compiler.use_cache_folder())"
    assert python(code, XDG_CACHE_HOME=str(blocked)).stdout.strip() == "None"


def test_units_are_added_in_their_order():
    question = ask(SCENARIOS[0], patients=10000)
    work = core_run.UnitsJob(question, keep=False)()
    found = work(list(core_run.blocks(question.patients, core_run.UNIT)))
    assert [unit.patients for unit in found.units] == [4096, 4096, 1808]
