"""Time to read, check and cite the shipped catalogue, once a process."""

from sim.catalog.reading import load_catalogue


def test_shipped_catalogue(benchmark):
    found = benchmark.pedantic(load_catalogue.__wrapped__, rounds=10, warmup_rounds=1)
    assert found.parameters
