"""What does it take to read and to simulate a user's own patients?

``python -m bench.own_patients`` writes files of 1 and 10 million patients with all columns, CSV and
Parquet, and prints the seconds and the peak memory of reading each and of simulating its patients
under both strategies, every time in a process of its own. It needs about 3 GB of disk.
"""

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as text
import pyarrow.parquet as pq

from bench.workloads import MAIN, apart
from sim.engine.compiled.baseline import baselines
from sim.scenario.patient_columns import COLUMNS
from sim.simulation.question import ask

SIZES = (1_000_000, 10_000_000)
BATCH = 250_000
THREADS = 2
WORK = """
import sys, time
from pathlib import Path
from sim.simulation.question import ask
from sim.simulation.run import run
path, simulated = Path(sys.argv[1]), sys.argv[2] == "run"
if simulated:
    run(ask(Path(sys.argv[3]), patients=1))
started = time.perf_counter()
question = ask(path)
read = time.perf_counter() - started
started = time.perf_counter()
if simulated:
    run(question, keep_patients=False, threads=int(sys.argv[4]))
ran = time.perf_counter() - started
print(read, ran)
"""


def table(question, first, count):
    """Return drawn patients as the columns of a file."""
    rows = baselines(question.model, question.seed, first, count)
    data = {
        name: np.where(rows[:, place] > 0.0, "male", "female")
        if column.kind == "sex"
        else rows[:, place]
        if column.kind == "amount"
        else rows[:, place].astype(np.int8)
        for place, (name, column) in enumerate(COLUMNS.items())
    }
    return pa.table(data)


def write(folder, patients, suffix):
    """Write a file of so many patients and its question; return the path of the question."""
    question = ask(MAIN)
    path = folder / f"cohort{patients}{suffix}"
    kind = table(question, 0, 1).schema
    with (text.CSVWriter if suffix == ".csv" else pq.ParquetWriter)(path, kind) as writer:
        for first in range(0, patients, BATCH):
            writer.write_table(table(question, first, BATCH))
    asked = folder / f"{patients}{suffix}.yaml"
    asked.write_text(f"extends: {MAIN}\npatients: {{file: {path.name}}}\n")
    return asked, path.stat().st_size


def measured(asked, what):
    """Return seconds of reading and of simulating, and peak MiB, in a process of its own."""
    (read, ran), peak = apart(WORK, asked, what, MAIN, THREADS)
    return float(read), float(ran), peak


def main():
    print(
        f"{'patients':>12} {'file':>8} {'MB':>7} {'read, s':>8} {'MiB':>6} {'run, s':>7} {'MiB':>6}"
    )
    with tempfile.TemporaryDirectory() as folder:
        for patients in SIZES:
            for suffix in (".csv", ".parquet"):
                asked, size = write(Path(folder), patients, suffix)
                read, _, reading = measured(asked, "read")
                _, ran, running = measured(asked, "run")
                print(
                    f"{patients:12,} {suffix[1:]:>8} {size / 1e6:7,.0f} {read:8.1f} {reading:6,.0f}"
                    f" {ran:7.1f} {running:6,.0f}",
                    flush=True,
                )
    drawn = [measured_drawn(patients) for patients in SIZES]
    for patients, (ran, running) in zip(SIZES, drawn, strict=True):
        print(f"{patients:12,} {'drawn':>8} {'':7} {'':8} {'':6} {ran:7.1f} {running:6,.0f}")


def measured_drawn(patients):
    """Return seconds and peak MiB of as many patients without a file."""
    with tempfile.TemporaryDirectory() as folder:
        asked = Path(folder) / "drawn.yaml"
        asked.write_text(f"extends: {MAIN}\npatients: {patients}\n")
        _, ran, running = measured(asked, "run")
    return ran, running


if __name__ == "__main__":
    main()
