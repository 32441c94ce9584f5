"""Time of many parameter sets in one call, two threads."""

from bench.workloads import MAIN, check_that_engines_agree, parameter_sets


def test_hundred_sets_of_ten_thousand_patients(benchmark):
    check_that_engines_agree(MAIN)
    benchmark.pedantic(parameter_sets(MAIN, 100, 10_000), rounds=5, warmup_rounds=1)
