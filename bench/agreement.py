"""Hold both engines to the same lives and the same books, patient by patient.

Every shipped scenario, under the base case and under sets of all uncertain parameters drawn at random
quantiles, for several seeds: logs of events equal to the bit, outcomes too, and costs, QALYs and
life-years of every patient within 1e-9 of each other.
"""

import argparse
import os
import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from bench.workloads import SCENARIOS, random_set
from sim.economics.clerk import entries
from sim.economics.ledger import Account, Category
from sim.engine import reference
from sim.engine.compiled import core
from sim.engine.outcomes import outcome
from sim.simulation.question import ask
from sim.simulation.run import run

MONEY = 1e-9
CATEGORIES = tuple(Category)
PLACE = {id(category): i for i, category in enumerate(CATEGORIES)}
"""By identity: an enumeration's own hash takes longer than all the rest of an entry."""


def compare(path, draw, seed, patients):
    """Return the number of lives compared, of events, and the largest relative difference."""
    question = ask(path, patients=patients, seed=seed)
    question = ask(path, patients=patients, seed=seed, overrides=random_set(question, draw))
    case = (path.stem, draw, seed)
    books = run(question, engine="core", threads=1)
    lives, events, largest = 0, 0, 0.0
    for strategy, arm in zip(question.model.strategies, books.arms, strict=True):
        regimens = tuple(regimen.name for regimen in strategy.regimens)
        amounts = np.zeros((2, patients, len(CATEGORIES)))
        rows = []
        ours = core.simulate(question.model, strategy, seed=seed, patients=patients)
        theirs = reference.simulate(question.model, strategy, seed=seed, patients=patients)
        for (patient, log), (expected_patient, expected) in zip(ours, theirs, strict=True):
            assert patient == expected_patient, (case, patient)
            assert log == expected, (case, patient.number, strategy.name)
            row = outcome(expected)
            rows.append((*row, row.rfs_days, row.efs_days))
            undiscounted, discounted = [0.0] * len(CATEGORIES), [0.0] * len(CATEGORIES)
            for entry in entries(question.accounts, regimens, patient, expected):
                place = PLACE[id(entry.category)]
                undiscounted[place] += entry.undiscounted
                discounted[place] += entry.discounted
            amounts[0, patient.number] = undiscounted
            amounts[1, patient.number] = discounted
            events += len(log)
        lives += patients
        np.testing.assert_array_equal(
            arm.outcomes.to_numpy(dtype=float), np.array(rows, dtype=float), err_msg=str(case)
        )
        for account in Account:
            places = [i for i, category in enumerate(CATEGORIES) if category.account == account]
            for mine, expected in zip((arm.undiscounted, arm.discounted), amounts, strict=True):
                total, other = mine[:, places].sum(axis=1), expected[:, places].sum(axis=1)
                difference = np.abs(total - other) / np.maximum(np.abs(other), 1e-9)
                largest = max(largest, float(difference.max()))
        assert largest <= MONEY, (case, strategy.name, largest)
    return lives, events, largest


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=20_000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sets", type=int, default=3)
    arguments = parser.parse_args()
    started = time.perf_counter()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        waiting = {
            (path.stem, draw, seed): pool.submit(compare, path, draw, seed, arguments.patients)
            for path in sorted(SCENARIOS.glob("*.yaml"))
            for draw in range(arguments.sets)
            for seed in range(1, arguments.seeds + 1)
        }
        total_lives, total_events, largest = 0, 0, 0.0
        for (name, draw, seed), future in waiting.items():
            lives, events, difference = future.result()
            total_lives, total_events = total_lives + lives, total_events + events
            largest = max(largest, difference)
            print(
                f"{name:32} set {draw} seed {seed}: {lives:,} lives, {events:,} events equal,"
                f" amounts within {difference:.1e}",
                flush=True,
            )
    print(
        f"{total_lives:,} lives, {total_events:,} events equal bit for bit; amounts within"
        f" {largest:.1e} relative; {time.perf_counter() - started:,.0f} s"
    )


if __name__ == "__main__":
    main()
