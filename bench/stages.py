"""Print CPU time per patient and strategy, stage by stage: draws, path, ledger, counting.

One kernel does the work up to a stage; the last stage is the program's own kernel. They take turns,
round by round, and a stage is the median of the differences within a round.

Path and ledger are also measured for the same life, again and again: its branches are then foreseen
and its data at hand. The difference is the price of lives that differ.
"""

import argparse
import statistics
import time
from functools import cache
from pathlib import Path

import numpy as np

from bench.workloads import MAIN
from sim.economics.clerk import keep_book
from sim.economics.posting_compiled import Book
from sim.engine.compiled.compiler import kernel
from sim.engine.compiled.draws import draw_ahead
from sim.engine.compiled.life import live, person
from sim.engine.compiled.memory import BLOCK
from sim.engine.compiled.needless import find_needless
from sim.engine.compiled.precompute import precompute_block
from sim.engine.model import World
from sim.simulation.core_run import bind, new_patient_rows, new_room, run_kernel
from sim.simulation.question import ask
from sim.simulation.tally import new_sums

PATIENTS = 40_960
ROUNDS = 7
STAGES = ("draws for everyone", "draws for some, values ahead", "path", "ledger", "counting")
WORK = ((False, 0, 0), (True, 0, 0), (True, 1, 0), (True, 1, 1))
"""Of each stage but the last: values ahead, how often each path and each ledger."""
AGAIN = 20
SAME_LIFE = {"path": (True, 1 + AGAIN, 0), "ledger": (True, 1, 1 + AGAIN)}


def up_to(sets, plans, life_table, room, cells, keys, seed, count, values, paths, ledgers):
    """Draw, and do the work of the stages that are asked for, each as often as it is asked for."""
    body, desk = room.bodies[0], room.desks[0]
    world = World(sets.rules[0], sets.regimens[0], plans, life_table, seed)
    find_needless(sets.rules, sets.regimens, sets.tariffs[0].capped, False, keys, body)
    for first in range(0, count, BLOCK):
        draw_ahead(seed, first, BLOCK, keys, body, False)
        if values:
            precompute_block(world, body, keys, first, BLOCK, False)
        for s in range(plans.shape[0] if paths > 0 else 0):
            for column in range(BLOCK):
                body.number = first + column
                body.column = column
                for _ in range(paths):
                    live(world, body, s)
                for _ in range(ledgers):
                    book = Book(
                        sets.tariffs[0],
                        sets.regimen_tariffs[0],
                        plans[s],
                        desk,
                        cells[s],
                        s,
                        column,
                    )
                    keep_book(book, person(body), body.log[: body.events])


@cache
def stages_kernel():
    """Return the compiled stages."""
    return kernel(up_to)


def works(question):
    """Return the work up to each stage, and the work on the same lives again."""
    bound, patients = bind(question), question.patients
    room = new_room(bound.keys)
    cells = np.zeros((bound.strategies, new_sums(1).cells.size))
    parts = (bound.sets, bound.plans, bound.life_table, room, cells, bound.keys)

    def part(work):
        return lambda: stages_kernel()(*parts, np.uint64(question.seed), patients, *work)

    def whole():
        sums, counts = new_sums(bound.strategies, 1), bound.counts(1)
        kept = new_patient_rows(0, patients, bound.strategies)
        first = np.array([0])
        run_kernel(bound, bound.sets, room, sums, counts, question.seed, first, patients, kept)

    return [*map(part, WORK), whole], {name: part(work) for name, work in SAME_LIFE.items()}


def cpu_ns(work, lives):
    """Return CPU ns per life of a work."""
    started = time.process_time()
    work()
    return (time.process_time() - started) / lives * 1e9


def stages(path=MAIN, patients=PATIENTS, rounds=ROUNDS):
    """Return CPU ns per patient and strategy: by stage, of all together, of a life simulated again.

    Whole blocks of patients only.
    """
    question = ask(path, patients=patients - patients % BLOCK)
    each, again = works(question)
    lives = question.patients * len(question.model.strategies)
    for work in each:
        work()
    found = {name: [] for name in (*STAGES, "all", *map(named_again, again))}
    for _ in range(rounds):
        until = [cpu_ns(work, lives) for work in each]
        for name, before, after in zip(STAGES, (0.0, *until), until, strict=False):
            found[name].append(after - before)
        found["all"].append(until[-1])
        for name, work in again.items():
            once = until[STAGES.index(name)]
            found[named_again(name)].append((cpu_ns(work, lives) - once) / AGAIN)
    return {name: statistics.median(times) for name, times in found.items()}


def named_again(name):
    """Return the name of a stage of the same life again."""
    return f"{name} of the same life again"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario", nargs="?", type=Path, default=MAIN)
    parser.add_argument("--patients", type=int, default=PATIENTS)
    arguments = parser.parse_args()
    found = stages(arguments.scenario, arguments.patients)
    for name, nanoseconds in found.items():
        print(f"{name:30} {nanoseconds:8,.0f} ns {nanoseconds / found['all']:6.0%}")


if __name__ == "__main__":
    main()
