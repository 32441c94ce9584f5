"""Measure the core and compare with earlier runs, which are kept in a file of one line each.

    python -m bench.history [FILE]

CPU nanoseconds per patient and strategy: the main scenario by stage, every shipped scenario, and the
illness-death model as plain NumPy beside this program, one run and many sets, in turns. A run is
compared with the last one of the same processor; the file holds no name of the machine or its user.
"""

import argparse
import json
import platform
import statistics
import subprocess
from pathlib import Path

from bench.__main__ import per_patient
from bench.illness_death.__main__ import OURS, take_turns
from bench.illness_death.engines import many_sets, one_run, size
from bench.stages import stages
from bench.workloads import SCENARIOS, core_run
from sim import __version__
from sim.simulation.question import ask

FILE = Path("bench_history.jsonl")
PATIENTS = 40_960
ROUNDS = 5
BESIDE = (OURS, "plain_numpy")


def processor():
    """Return the model of the processor."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def commit():
    """Return the commit that is measured; empty outside of a clone."""
    asked = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()


def figures():
    """Measure everything; CPU ns by name."""
    found = {f"stage: {name}": value for name, value in stages().items()}
    for path in sorted(SCENARIOS.glob("*.yaml")):
        strategies = len(ask(path).model.strategies)
        median, _, _ = per_patient(core_run(path, PATIENTS), PATIENTS, strategies, ROUNDS)
        found[f"scenario: {path.stem}"] = median
    for shape, work, patients in (
        ("one run", one_run, lambda name: size(name).patients),
        ("many sets", many_sets, lambda name: size(name).sets * size(name).set_patients),
    ):
        turns = take_turns({name: (work(name), patients(name)) for name in BESIDE})
        for name, rounds in turns.items():
            found[f"illness-death, {shape}: {name}"] = statistics.median(rounds)
    return found


def last_of(path, model):
    """Return the last entry of the same processor, or None."""
    if not path.exists():
        return None
    entries = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return next((each for each in reversed(entries) if each["processor"] == model), None)


def compare(found, before):
    """Print the figures, and how many times as long as before."""
    for name, value in found.items():
        earlier = before["ns"].get(name) if before else None
        ratio = f"x {value / earlier:5.2f}" if earlier else ""
        print(f"{name:48} {value:8,.0f} ns  {ratio}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=FILE)
    path = parser.parse_args().file
    before = last_of(path, processor())
    found = figures()
    if before:
        print(f"against {before['commit'] or before['version']}, same processor")
    compare(found, before)
    entry = {
        "version": __version__,
        "commit": commit(),
        "processor": processor(),
        "python": platform.python_version(),
        "ns": {name: round(value, 1) for name, value in found.items()},
    }
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")


if __name__ == "__main__":
    main()
