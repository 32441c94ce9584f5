"""Run a scenario, and analyses of it, into one folder of results."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sim.report import files, one_way, psa_files, voi
from sim.report.folder import write_folder
from sim.report.progress import patients_progress, steps_progress
from sim.study.flow import Flow
from sim.study.question import Question
from sim.study.simulation import KEPT_AT_MOST, run
from sim.study.summary import summarise
from sim.uncertainty.analysis import Work, choose_size, results
from sim.uncertainty.answer import answer
from sim.uncertainty.draws import fitted_draws
from sim.uncertainty.one_way import factors, tornado
from sim.uncertainty.voi import default_groups, value_of_information

if TYPE_CHECKING:
    from sim.uncertainty.psa import Psa

KINDS: Final = ("psa", "tornado", "voi")
TOP: Final = 20
"""Inputs that the figures of a tornado and of a value of information show."""


def write_results(
    question: Question, folder: Path, kinds: Collection[str], threads: int | None
) -> None:
    """Write the files of a run into `folder`, beside those of the analyses in `kinds`.

    Numbers of draws and patients of a probabilistic analysis are chosen by a pilot; the value of
    information is read off the same draws.
    """
    work = Work(threads, cached=True, bar=patients_progress)
    if {"psa", "voi"} & set(kinds):
        size = choose_size(question, work, draws=None, patients=None, se=None)
        drawn = results(replace(question, patients=size.patients), size.draws, work)
        if "psa" in kinds:
            found = psa_files.psa_files(answer(drawn, size.planned))
            write_folder(folder, dict(found), psa_files.NAMES)
        if "voi" in kinds:
            _write_information(drawn, folder)
    if "tornado" in kinds:
        _write_tornado(question, folder, threads)
    # Last, so that provenance and inputs in the folder are those of the run.
    write_run(question, folder, threads)


def write_run(question: Question, folder: Path, threads: int | None) -> None:
    """Simulate the question and write the files of the run."""
    flow = Flow(question)
    with patients_progress(question.patients * len(question.model.strategies)) as advance:
        simulation = run(
            question,
            keep_patients=question.patients <= KEPT_AT_MOST,
            threads=threads,
            progress=advance,
            sink=flow,
        )
    files.write(simulation, summarise(simulation), folder, flow)


def _write_information(drawn: Psa, folder: Path) -> None:
    question = drawn.question
    names = [str(name) for name in drawn.parameters.columns]
    groups = default_groups(question, names)
    with steps_progress(len(names) + len(groups), "valuing information") as advance:
        found = value_of_information(drawn, question.thresholds, groups, progress=advance)
    write_folder(folder, voi.voi_files(found, None, TOP), voi.NAMES)


def _write_tornado(question: Question, folder: Path, threads: int | None) -> None:
    posterior = fitted_draws(question)
    sets = sum(len(factor.ends) for factor in factors(question, posterior))
    each = question.patients * len(question.model.strategies)
    with patients_progress(sets * each) as advance:
        found = tornado(
            question,
            posterior=posterior,
            threads=threads,
            progress=lambda finished: advance(finished * each),
        )
    write_folder(folder, one_way.tornado_files(found, TOP), one_way.NAMES)
