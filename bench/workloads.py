"""The workloads: shipped scenarios on both engines, and many parameter sets in one call."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from sim.economics.ledger import Account
from sim.simulation.parameter_sets import run_sets
from sim.simulation.question import ask
from sim.simulation.run import run

SCENARIOS = Path(__file__).resolve().parent.parent / "scenarios"
MAIN = SCENARIOS / "first_salvage.yaml"


def check_that_engines_agree(path, patients=300):
    """Refuse to time two engines that do not give the same answer."""
    question = ask(path, patients=patients)
    core, reference = run(question), run(question, engine="reference")
    for one, other in zip(core.arms, reference.arms, strict=True):
        assert one.outcomes.equals(other.outcomes)
        for account in Account:
            np.testing.assert_allclose(one.total(account), other.total(account), rtol=1e-9)


def apart(code, *arguments):
    """Run Python code in a process of its own; return its last words and its peak memory, in MiB.

    As the kernel counts it for the program: `ru_maxrss` also holds the process that started it.
    """
    reading = "print(*(line for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{reading}", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
    )
    *said, _, peak, _ = done.stdout.split()
    return said, int(peak) / 1024


def core_run(path, patients, threads=1):
    """Simulate on the core engine; nothing is kept of single patients."""
    question = ask(path, patients=patients)
    return lambda: run(question, keep_patients=False, threads=threads)


def reference_run(path, patients):
    """Simulate on the reference engine."""
    question = ask(path, patients=patients)
    return lambda: run(question, engine="reference")


def random_set(question, number):
    """Return every uncertain parameter at a random quantile; nothing for number 0."""
    if number == 0:
        return {}
    generator = np.random.default_rng(number)
    values = {}
    for parameter in uncertain_parameters(question):
        value = float(parameter.distribution.quantile(generator.uniform(0.01, 0.99)))
        if parameter.check(value) is None:
            values[parameter.name] = value
    return values


def uncertain_parameters(question):
    """Return what the question uses and has a distribution, by name."""
    return [
        parameter
        for name in sorted(question.used)
        if (parameter := question.parameters[name]).distribution.family != "fixed"
    ]


def parameter_sets(path, sets, patients, threads=2):
    """Simulate sets drawn from every uncertain parameter at random quantiles; fixed seed."""
    question = ask(path, patients=patients)
    generator = np.random.default_rng(1)
    uncertain = uncertain_parameters(question)
    drawn = [
        {p.name: float(p.distribution.quantile(generator.uniform(0.025, 0.975))) for p in uncertain}
        for _ in range(sets)
    ]
    return lambda: sum(1 for _ in run_sets(question, drawn, threads=threads))
