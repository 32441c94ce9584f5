"""From a question to results: look them up, choose the numbers, simulate."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from sim.analyses.psa import cache
from sim.analyses.psa.allocation import (
    PILOT_DRAWS,
    PILOT_PATIENTS,
    allocate,
    variances,
)
from sim.analyses.psa.answer import Planned
from sim.analyses.psa.draws_run import Psa, patients_to_simulate, run_psa
from sim.analyses.shared.results import read_results
from sim.analyses.shared.store import Chunks
from sim.errors import UserError
from sim.limits import FEWEST_DRAWS
from sim.simulation.question import Question
from sim.simulation.run import Progress

Bar = Callable[[int], AbstractContextManager[Progress]]
"""Shows progress out of a number of patients."""


@dataclass(frozen=True)
class Work:
    """How to work: threads, whether to use the user's cache, how to show progress."""

    threads: int | None
    cached: bool
    bar: Bar


@dataclass(frozen=True)
class Size:
    """Numbers of draws and of patients per draw, and how they were chosen, if they were."""

    draws: int
    patients: int
    planned: Planned | None = None


def choose_size(
    question: Question, work: Work, *, draws: int | None, patients: int | None, se: float | None
) -> Size:
    """Choose the number of draws or patients where it is None, by `sim.analyses.psa.allocation`.

    Raises
    ------
    UserError
        When there is nothing left to choose for `se`, or no number reaches it.
    """
    if draws is not None and patients is not None:
        if se is not None:
            raise UserError(
                "chooses numbers, and both are given; leave out --draws or --patients",
                key="--se",
                value=se,
            )
        return Size(draws, patients)
    pilot = results(
        replace(question, patients=PILOT_PATIENTS), PILOT_DRAWS, work, base_patients=FEWEST_DRAWS
    )
    found = variances(pilot)
    allocation = allocate(found, draws=draws, patients=patients, se=se)
    return Size(allocation.draws, allocation.patients, Planned(found, allocation))


def results(
    question: Question,
    draws: int,
    work: Work,
    *,
    base_patients: int | None = None,
    chunks: Chunks | None = None,
) -> Psa:
    """Return the results of a question, whose patients are those of one draw.

    They come from the cache, from complete results in the folder of the `chunks`, or else from
    simulating the draws that the chunks lack.
    """
    base = base_patients or question.scenario.patients
    found = cache.find(question, draws, base) if work.cached else None
    if found is None and chunks is not None and chunks.resume:
        folder = chunks.folder
        found = read_results(lambda name: (folder / name).read_bytes(), question, draws, base)
    if found is not None:
        return found
    kept = chunks.done() if chunks is not None else set()
    patients = patients_to_simulate(question, draws, question.patients, base, kept)
    with work.bar(patients) as progress:
        psa = run_psa(
            question,
            draws,
            patients=question.patients,
            base_patients=base,
            threads=work.threads,
            progress=progress,
            store=chunks,
        )
    if work.cached:
        cache.keep(psa)
    return psa
