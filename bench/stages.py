"""Print CPU time per patient and strategy, stage by stage: draws, path, ledger, counting.

One kernel does the work up to a stage; the last stage is the program's own kernel. They take turns,
round by round, and a stage is the median of the differences within a round.
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
VALUES, PATH, LEDGER = 1, 2, 3


def up_to(sets, plans, life_table, room, cells, keys, seed, count, stage):
    """Do the work of the stages up to one of them."""
    body, desk = room.bodies[0], room.desks[0]
    world = World(sets.rules[0], sets.regimens[0], plans, life_table, seed)
    find_needless(sets.rules, sets.regimens, sets.tariffs[0].capped, False, keys, body)
    for first in range(0, count, BLOCK):
        draw_ahead(seed, first, BLOCK, keys, body, False)
        if stage >= VALUES:
            precompute_block(world, body, keys, first, BLOCK, False)
        for s in range(plans.shape[0] if stage >= PATH else 0):
            for column in range(BLOCK):
                body.number = first + column
                body.column = column
                live(world, body, s)
                if stage >= LEDGER:
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
    """Return the work up to each stage."""
    bound, patients = bind(question), question.patients
    room = new_room(bound.keys)
    cells = np.zeros((bound.strategies, new_sums(1).cells.size))
    parts = (bound.sets, bound.plans, bound.life_table, room, cells, bound.keys)

    def part(stage):
        return lambda: stages_kernel()(*parts, np.uint64(question.seed), patients, stage)

    def whole():
        sums, counts = new_sums(bound.strategies, 1), bound.counts(1)
        kept = new_patient_rows(0, patients, bound.strategies)
        first = np.array([0])
        run_kernel(bound, bound.sets, room, sums, counts, question.seed, first, patients, kept)

    return [*(part(stage) for stage in range(LEDGER + 1)), whole]


def stages(path=MAIN, patients=PATIENTS, rounds=ROUNDS):
    """Return CPU ns per patient and strategy by stage, and of all together; whole blocks only."""
    question = ask(path, patients=patients - patients % BLOCK)
    each = works(question)
    lives = question.patients * len(question.model.strategies)
    for work in each:
        work()
    found = {name: [] for name in (*STAGES, "all")}
    for _ in range(rounds):
        before = 0.0
        for name, work in zip(STAGES, each, strict=True):
            started = time.process_time()
            work()
            until = (time.process_time() - started) / lives * 1e9
            found[name].append(until - before)
            before = until
        found["all"].append(before)
    return {name: statistics.median(times) for name, times in found.items()}


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
