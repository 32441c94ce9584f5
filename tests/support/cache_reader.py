"""A program that reads the user's caches, in a process of its own for every line it is given.

It answers each line of standard input with a line of JSON: the exit status of that process
(negative for a signal), what it printed and what it said on standard error. What it prints is
what two small compiled functions return, and a hash of cached results, which it makes again
where there are none.
"""

import hashlib
import json
import os
import sys
import tempfile
from functools import cache as once

import numpy as np
import pandas as pd

from sim.analyses.psa import analysis
from sim.analyses.psa.draws_run import Psa
from sim.analyses.psa.stored_draws import result_files
from sim.analyses.shared.store import content_key
from sim.engine.compiled.compiler import use_cache_folder
from sim.simulation.question import ask
from tests.support.places import ROOT
from tests.support.small_kernel import answers

SCENARIO = ROOT / "scenarios" / "first_salvage.yaml"
DRAWS = 20


@once
def some_results():
    """Return results of the right form; their numbers are drawn anyhow, with seed 1."""
    numbers = np.random.default_rng(1)
    question = ask(SCENARIO, patients=3)
    names = [strategy.name for strategy in question.model.strategies]
    outcomes = pd.DataFrame({"strategy": names * DRAWS, "cost": numbers.random(2 * DRAWS)})
    outcomes.insert(0, "draw", np.repeat(np.arange(DRAWS), 2))
    parameters = pd.DataFrame({"relapse.sigma": numbers.random(DRAWS)})
    return Psa(question, parameters, outcomes, outcomes.iloc[:2, 1:], base_patients=3)


def hashed(psa):
    """Return a hash of everything in the results."""
    digest = hashlib.sha256()
    for content in result_files(psa).values():
        digest.update(content)
    return digest.hexdigest()


def read():
    """Print what the caches give."""
    made = some_results()
    found = analysis.find(made.question, made.draws, made.base_patients)
    if found is None:
        analysis.keep(made)
    print(*answers()[:2], hashed(found or made), flush=True)  # noqa: T201


def in_a_process():
    """Return exit status, output and standard error of a process that does so."""
    with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as said:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                os.dup2(printed.fileno(), 1)
                os.dup2(said.fileno(), 2)
                read()
                status = 0
            except BaseException:  # noqa: BLE001 - what happened is printed, and this process ends
                sys.excepthook(*sys.exc_info())
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        texts = []
        for file in (printed, said):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
    return {"status": status, "printed": texts[0], "said": texts[1]}


def main():
    """Answer every line of standard input."""
    # What every process would do first is done here once for all of them.
    content_key(some_results().question, DRAWS, 3)
    answers()
    for _ in sys.stdin:
        use_cache_folder.cache_clear()
        sys.stdout.write(json.dumps(in_a_process()) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
