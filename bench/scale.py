"""Measure what a draw of a PSA costs in its parts, fit a model of cost, and extrapolate to many cores.

The figures of 64 and 1,024 cores are those of the model: no such machine was measured.
"""

import argparse
import io
import os
import statistics
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from distributed import LocalCluster

from bench.workloads import MAIN, apart
from sim.analyses.psa import draws_run
from sim.analyses.psa.analysis import answer
from sim.analyses.psa.result import psa_files
from sim.analyses.shared.large_table import joined, parquet
from sim.analyses.shared.work import program
from sim.simulation.core_run import bind, ready
from sim.simulation.parameter_draws import draw_parameters
from sim.simulation.parameter_sets import Desk, SetsJob, check_values, read_sets, with_numbers
from sim.simulation.question import ask
from sim.spread.cluster import TASK_SECONDS
from sim.spread.order import in_order, over

DRAWS, PATIENTS = 400, 500
TOGETHER = 16
MANY, FEW = 20_000, 5_000
"""Draws between which the cost of the end of an analysis, and its memory, are compared."""
WORKERS = (1, 2, 4, 16, 64, 256, 1024)
ASKED = 100_000
ROUNDS = 3
MS = 1e3


def cpu(work, rounds=ROUNDS):
    """Return the least CPU seconds of this process for some work."""
    times = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times)


@dataclass
class Costs:
    """CPU seconds of a draw, by part, and of the ways of spreading it."""

    draw: float
    numbers: float
    rebind: float
    simulate_fixed: float
    patient: float
    rows: float
    table: float
    store: float
    end: float
    end_fixed: float
    task: float
    start: float

    def worker(self, patients):
        """Return what a worker spends on a draw."""
        python = self.numbers + self.rebind + self.rows
        return python + self.simulate_fixed + self.patient * patients

    @property
    def main(self):
        """Return what the main process spends on a draw while workers work."""
        return self.table + self.store


def parts(question):
    """Return the cost of a draw in its parts."""
    drawn = draw_parameters(question, DRAWS, 1)
    names, values = list(drawn.columns), drawn.to_numpy()
    bound = bind(question)
    ready(bound)
    sets = [draws_run._numbers(names, row) for row in values]

    def numbers():
        for row in values:
            each = draws_run._numbers(names, row)
            check_values(question, each)
            with_numbers(question, each)

    asked = [with_numbers(question, each) for each in sets]

    def simulated(patients):
        desk = Desk(replace(question, patients=patients), bound, TOGETHER)

        def work():
            for start in range(0, DRAWS, TOGETHER):
                some = asked[start : start + TOGETHER]
                desk.simulate(some, [(start + k) * patients for k in range(len(some))])

        return cpu(work) / DRAWS

    desk = Desk(question, bound, TOGETHER)

    def rebind():
        for place, each in enumerate(asked):
            desk._rebinder.bind(place % TOGETHER, each)

    batch = desk.simulate(asked[:TOGETHER], [0] * TOGETHER)
    rows = draws_run._rows(batch.tally, question.settings.horizon_days)
    chunk = [rows] * (draws_run.LARGEST_CHUNK // TOGETHER)
    table = draws_run._table(question, chunk)
    of_chunk = len(table) / len(question.scenario.strategies)
    few, many = simulated(PATIENTS // 5), simulated(PATIENTS)
    patient = (many - few) / (PATIENTS - PATIENTS // 5)
    rebinding = cpu(rebind) / DRAWS
    repeats = 20
    return {
        "draw": cpu(lambda: draw_parameters(question, 4 * DRAWS, 1)) / (4 * DRAWS),
        "numbers": cpu(numbers) / DRAWS,
        "rebind": rebinding,
        "simulate_fixed": max(few - patient * (PATIENTS // 5) - rebinding, 0.0),
        "patient": patient,
        "rows": cpu(
            lambda: [
                draws_run._rows(batch.tally, question.settings.horizon_days) for _ in range(repeats)
            ]
        )
        / TOGETHER
        / repeats,
        "table": cpu(lambda: draws_run._table(question, chunk)) / of_chunk,
        "store": cpu(lambda: parquet(table)) / of_chunk,
    }


def ends(question):
    """Return what the end of an analysis costs a draw, and at all: estimates, tables and figures."""
    found = draws_run.run_psa(question, draws_run.LARGEST_CHUNK, patients=50, base_patients=1_000)
    generator = np.random.default_rng(1)
    numbers = found.outcomes.columns[2:]

    def chunk(first):
        table = found.outcomes.copy()
        noise = 1.0 + 0.01 * generator.standard_normal((len(table), len(numbers)))
        table[numbers] = table[numbers].to_numpy() * noise
        table["draw"] += first
        return table

    def seconds(draws):
        firsts = range(0, draws, draws_run.LARGEST_CHUNK)
        outcomes = joined(map(chunk, firsts), draws * len(found.strategies))
        drawn = draws_run.drawn(question, draws)
        whole = replace(
            found,
            outcomes=outcomes.frame,
            parameters=drawn.frame,
            on_disk=(*drawn.on_disk, *outcomes.on_disk),
        )
        return cpu(lambda: psa_files(answer(whole)), rounds=2)

    few, many = seconds(FEW), seconds(MANY)
    each = (many - few) / (MANY - FEW)
    return {"end": each, "end_fixed": few - each * FEW}


def whole_analysis(draws):
    """Return the wall seconds and the peak memory, in MiB, of a PSA of draws of few patients."""
    with tempfile.TemporaryDirectory() as folder:
        asked = f"sim psa {MAIN} --draws {draws} --patients 2 --no-cache --out {folder}/out"
        started = time.perf_counter()
        _, peak = apart(
            f"import sys\nfrom sim.cli import main\nsys.argv = {asked.split()}\n"
            "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code"
        )
        return time.perf_counter() - started, peak


def _nothing():
    return list


def _opened(question):
    job = SetsJob(question, dict, len)
    started = time.process_time()
    job()
    return time.process_time() - started


def spreading(address, question):
    """Return what a task costs the main process, and what a worker costs to begin with."""
    tasks = 400
    with over(address, program):
        started = time.process_time()
        # Tasks of nothing stay as small as they are asked to be.
        count = sum(1 for _ in in_order(_nothing, range(tasks), size=1))
        spent = time.process_time() - started
    return {"task": spent / count, "start": _opened(question)}


def speeds(question, addresses):
    """Yield name, wall and CPU seconds of the draws in threads and on workers."""
    drawn = draw_parameters(question, DRAWS * 2, 1)
    names, values = list(drawn.columns), drawn.to_numpy()

    def work(threads):
        job = SetsJob(
            question,
            partial(draws_run._numbers, names),
            partial(draws_run._rows_of_batch, question),
        )
        sets = ((row, k * question.patients) for k, row in enumerate(values))
        return sum(len(each.values) for each in read_sets(job, sets, threads=threads))

    for threads in (1, 2):
        yield f"{threads} thread{'s' * (threads > 1)}", *timed(partial(work, threads))
    for workers, address in addresses.items():
        with over(address, program):
            # The first time, workers load the compiled code.
            work(None)
            yield f"{workers} Dask worker{'s' * (workers > 1)}", *timed(partial(work, None))


def timed(work):
    """Return the median wall seconds and the CPU seconds of this process."""
    found = []
    for _ in range(ROUNDS):
        wall, spent = time.perf_counter(), time.process_time()
        work()
        found.append((time.perf_counter() - wall, time.process_time() - spent))
    return (statistics.median(each) for each in zip(*found, strict=True))


def predicted(costs, workers, draws=ASKED, patients=PATIENTS):
    """Return the seconds of the stages: before, during, after, by the model.

    ``before = start + draws c_draw``, ``after = e_0 + draws e_1`` and::

        during = max(draws w / W + t, draws m + draws w / t * c_task)

    with w the worker's seconds of a draw, W workers, m the main process's seconds of a draw, t the
    seconds of a task.
    """
    spent = costs.worker(patients)
    working = draws * spent / workers + TASK_SECONDS
    serving = draws * (costs.main + spent / TASK_SECONDS * costs.task)
    before = costs.start + draws * costs.draw
    return before, max(working, serving), costs.end_fixed + draws * costs.end


def report(costs, found):
    """Return the tables of docs/scale.md."""
    text = io.StringIO()
    write = partial(print, file=text)
    write("| part of a draw | where | CPU, ms |\n|---|---|---:|")
    for name, where, value in (
        ("parameters drawn", "main process", costs.draw),
        ("numbers checked and put into the question", "worker, Python", costs.numbers),
        ("rebinding", "worker, Python", costs.rebind),
        ("tallies and records, whatever the patients", "worker", costs.simulate_fixed),
        (f"{PATIENTS} patients x 2", "worker, compiled", PATIENTS * costs.patient),
        ("rows from tallies", "worker, NumPy", costs.rows),
        ("table", "main process", costs.table),
        ("stored, in chunks of many draws", "main process", costs.store),
        ("estimates, files and figures at the end", "main process", costs.end),
    ):
        write(f"| {name} | {where} | {value * MS:.3f} |")
    write(
        f"\nA patient of two strategies: {costs.patient * 1e6:.2f} µs. A task: {costs.task * MS:.1f} ms "
    )
    write(
        f"of the main process. A worker that begins: {costs.start:.2f} s. End, whatever the draws: {costs.end_fixed:.1f} s.\n"
    )
    write(
        f"| {DRAWS * 2} draws x {PATIENTS} x 2 | wall, s | CPU of the main process, s |\n|---|---:|---:|"
    )
    for name, wall, spent in found:
        write(f"| {name} | {wall:.2f} | {spent:.2f} |")
    write(
        "\n| workers | before, s | during, s | after, s | all, s | times one |\n|---:|---:|---:|---:|---:|---:|"
    )
    one = sum(predicted(costs, 1))
    for workers in WORKERS:
        stages = predicted(costs, workers)
        whole = sum(stages)
        shown = " | ".join(f"{each:,.1f}" for each in stages)
        write(f"| {workers:,} | {shown} | {whole:,.1f} | {one / whole:.1f} |")
    spent = costs.worker(PATIENTS)
    most = spent / (costs.main + spent / TASK_SECONDS * costs.task)
    write(f"\nMore than {most:.0f} workers wait for the main process.")
    python = costs.numbers + costs.rebind + costs.rows
    write(
        f"In threads Python is {100 * python / spent:.0f} % of a draw: more than {spent / python:.0f} threads wait for each other."
    )
    return text.getvalue()


def main():
    argparse.ArgumentParser(description=__doc__).parse_args()
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}\n")
    print_scale()


def print_scale():
    """Print the cost of a draw, speeds, the model's extrapolation, and memory."""
    question = ask(MAIN, patients=PATIENTS)
    program()
    with ExitStack() as clusters:
        addresses = {
            workers: clusters.enter_context(
                LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None)
            ).scheduler_address
            for workers in (1, 2)
        }
        costs = Costs(**parts(question), **ends(question), **spreading(addresses[2], question))
        print(report(costs, list(speeds(question, addresses))))
    for draws in (FEW, MANY):
        wall, mib = whole_analysis(draws)
        print(f"psa of {draws:,} draws x 2 patients x 2: {wall:.0f} s, peak {mib:,.0f} MiB")


if __name__ == "__main__":
    main()
