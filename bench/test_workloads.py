"""Time to read the catalogue, of the shipped scenarios on both engines, and of many parameter sets.

The catalogue is read, checked and cited once a process. Scenarios take one thread, sets two.
"""

import pytest

from bench.workloads import (
    MAIN,
    SCENARIOS,
    check_that_engines_agree,
    core_run,
    parameter_sets,
    reference_run,
)
from sim.catalog.reading import load_catalogue

PATHS = sorted(SCENARIOS.glob("*.yaml"))


def test_shipped_catalogue(benchmark):
    found = benchmark.pedantic(load_catalogue.__wrapped__, rounds=10, warmup_rounds=1)
    assert found.parameters


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_core(benchmark, path):
    check_that_engines_agree(path)
    benchmark.pedantic(core_run(path, 40_960), rounds=10, warmup_rounds=1)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_reference(benchmark, path):
    benchmark.pedantic(reference_run(path, 1_000), rounds=5, warmup_rounds=1)


def test_hundred_sets_of_ten_thousand_patients(benchmark):
    check_that_engines_agree(MAIN)
    benchmark.pedantic(parameter_sets(MAIN, 100, 10_000), rounds=5, warmup_rounds=1)
