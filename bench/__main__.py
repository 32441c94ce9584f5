"""Print the table of the README: CPU time, spread, memory, cold and warm start; then that of a draw.

The cost of a draw in its parts, and its speed in threads and on Dask workers (`bench.scale`), need
``pip install "blinsim[cluster]"``.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec

from bench.workloads import (
    MAIN,
    SCENARIOS,
    apart,
    check_that_engines_agree,
    core_run,
    parameter_sets,
    reference_run,
)
from sim.simulation.question import ask

ROUNDS = 10
CORE_PATIENTS = 102_400
REFERENCE_PATIENTS = 2_000
MEMORY_PATIENTS = (1_000_000, 4_000_000)
SETS, SET_PATIENTS = 1_000, 10_000


def cpu_seconds(work):
    started = time.process_time()
    work()
    return time.process_time() - started


def per_patient(work, patients, strategies, rounds=ROUNDS):
    """Return median and quartiles of CPU ns per patient and strategy."""
    work()
    times = [cpu_seconds(work) / patients / strategies * 1e9 for _ in range(rounds)]
    low, median, high = statistics.quantiles(times, n=4)
    return median, low, high


def start(*arguments, cache):
    """Return wall seconds of a whole process, which keeps its bytecode as Python does unless told."""
    environment = {**os.environ, "XDG_CACHE_HOME": cache}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "sim", *arguments], env=environment, capture_output=True, check=True
    )
    return time.perf_counter() - started


def peak_memory_mib(patients):
    """Return the peak resident memory of a run in a process of its own."""
    code = f"from bench.workloads import MAIN, core_run\ncore_run(MAIN, {patients}, threads=2)()"
    return apart(code)[1]


def main():
    print(f"{os.cpu_count()} processors; medians [quartiles] of {ROUNDS} rounds, one thread")
    print("\nCPU time per patient and strategy, ns (each checked against the reference first)")
    for path in sorted(SCENARIOS.glob("*.yaml")):
        check_that_engines_agree(path)
        strategies = len(ask(path).model.strategies)
        median, low, high = per_patient(core_run(path, CORE_PATIENTS), CORE_PATIENTS, strategies)
        print(f"  {path.stem:32}  core       {median:9,.0f}  [{low:,.0f}, {high:,.0f}]")
        if path == MAIN:
            work = reference_run(path, REFERENCE_PATIENTS)
            slow, slow_low, slow_high = per_patient(work, REFERENCE_PATIENTS, strategies, 5)
            spread = f"[{slow_low:,.0f}, {slow_high:,.0f}]"
            print(
                f"  {path.stem:32}  reference  {slow:9,.0f}  {spread}  ratio {slow / median:,.0f}"
            )
    work = parameter_sets(MAIN, SETS, SET_PATIENTS)
    started = time.perf_counter()
    work()
    wall = time.perf_counter() - started
    print(
        f"\n{SETS:,} parameter sets x {SET_PATIENTS:,} patients x 2 strategies, 2 threads: {wall:.1f} s"
    )
    memory = [peak_memory_mib(patients) for patients in MEMORY_PATIENTS]
    for patients, mib in zip(MEMORY_PATIENTS, memory, strict=True):
        print(f"peak memory of {patients:,} patients x 2 strategies, 2 threads: {mib:,.0f} MiB")
    with tempfile.TemporaryDirectory() as cache:
        cold = start("run", str(MAIN), "--patients", "10000", cache=cache)
        warm = [start("run", str(MAIN), "--patients", "10000", cache=cache) for _ in range(5)]
        help_ = [start("--help", cache=cache) for _ in range(5)]
    print(f"first run of 10,000 patients, compilation included: {cold:.1f} s")
    print(f"later run of 10,000 patients, whole process: {statistics.median(warm):.2f} s")
    print(f"python -m sim --help: {statistics.median(help_):.2f} s")
    if find_spec("distributed") is None:
        print("the cost of a draw is measured where Dask is installed: blinsim[cluster]")
        return
    from bench.scale import print_scale

    print("\nThe cost of a draw of a probabilistic analysis, in its parts\n")
    print_scale()


if __name__ == "__main__":
    main()
