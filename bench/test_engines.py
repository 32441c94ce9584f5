"""Time of the shipped scenarios on both engines, one thread."""

import pytest

from bench.workloads import SCENARIOS, check_that_engines_agree, core_run, reference_run

PATHS = sorted(SCENARIOS.glob("*.yaml"))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_core(benchmark, path):
    check_that_engines_agree(path)
    benchmark.pedantic(core_run(path, 40_960), rounds=10, warmup_rounds=1)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_reference(benchmark, path):
    benchmark.pedantic(reference_run(path, 1_000), rounds=5, warmup_rounds=1)
