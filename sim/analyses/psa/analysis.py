"""From a question to results and their answer: look them up, choose the numbers, simulate, estimate.

Results are cached, so that the same question is not simulated twice, in
``$XDG_CACHE_HOME/blinsim/results``, by default in ``~/.cache``, each in a folder named by the hash
of all its inputs. Without such a folder the program only is slower; damaged files are removed
(`sim.files.cache_folder`). The answer is means, intervals, probabilities and expected losses.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from sim.analyses.psa.acceptability import ceac, expected_loss, quiet, quiet_shares, share_errors
from sim.analyses.psa.allocation import (
    PILOT_DRAWS,
    PILOT_PATIENTS,
    Allocation,
    Variances,
    allocate,
    variances,
)
from sim.analyses.psa.draws_run import (
    COVARIANCE,
    INCREMENT_SE,
    INCREMENTS,
    SE,
    Psa,
    patients_to_simulate,
    run_psa,
)
from sim.analyses.psa.noise import Split, split
from sim.analyses.psa.stored_draws import read_results, result_files
from sim.analyses.psa.variance import variance_by_status
from sim.analyses.shared.store import MANIFEST, Chunks, content_key, manifest, manifest_text
from sim.economics.estimates import Array, Estimate
from sim.economics.incremental import Increment
from sim.errors import UserError
from sim.files.cache_folder import (
    cache_folder,
    delete,
    open_copy,
    read,
    remove,
    usable_folder,
    write_folder,
)
from sim.limits import FEWEST_DRAWS
from sim.simulation.question import Question
from sim.simulation.run import Progress
from sim.spread.order import one_thread


@dataclass(frozen=True)
class Gain:
    """A strategy against the comparator.

    Attributes
    ----------
    increment
        Means over draws with their standard errors; its ICER is the ratio of the means.
    deterministic
        The same of the deterministic run.
    splits
        By cost, qalys and life_years.
    nmb
        Incremental net monetary benefit by threshold.
    variance
        Of the gain in QALYs: its shares by the status of the inputs.
    """

    increment: Increment
    deterministic: Increment
    splits: Mapping[str, Split]
    nmb: Mapping[float, Split]
    variance: Mapping[str, float]


@dataclass(frozen=True)
class Choice:
    """The decision at one threshold; arrays hold one value per strategy.

    Attributes
    ----------
    threshold
        In currency per QALY.
    probability, probability_se
        Of being the most cost-effective: the share of draws, with its binomial error.
    probability_without_noise, probability_without_noise_se
        The same with the Monte Carlo noise of each draw taken out, and its error.
    loss, loss_se
        The expected loss of choosing the strategy, in currency per patient; that of the best
        strategy is the expected value of perfect information. The noise is taken out, but the error
        is that of the draws as they are.
    """

    threshold: float
    probability: Array
    probability_se: Array
    probability_without_noise: Array
    probability_without_noise_se: Array
    loss: Array
    loss_se: Array


@dataclass(frozen=True)
class Planned:
    """How the numbers of draws and patients were chosen."""

    variances: Variances
    allocation: Allocation


@dataclass(frozen=True)
class Answer:
    """The whole answer of a probabilistic analysis.

    `outcomes` holds the result for each outcome of summary.json, by strategy and name.
    """

    psa: Psa
    planned: Planned | None
    outcomes: Mapping[str, Mapping[str, Split]]
    gains: tuple[Gain, ...]
    choices: tuple[Choice, ...]


def answer(psa: Psa, planned: Planned | None = None) -> Answer:
    """Analyse the draws.

    Parameters
    ----------
    psa
        At least two draws.
    planned
        How the numbers were chosen, if they were.
    """
    # Imported here: it looks for the libraries of linear algebra.

    others = [s for s in range(len(psa.strategies)) if s != psa.comparator]
    # Threads of linear algebra would change the last digits of sums over many draws.
    with one_thread():
        return Answer(
            psa=psa,
            planned=planned,
            outcomes={name: _outcomes(psa, s) for s, name in enumerate(psa.strategies)},
            gains=tuple(_gain(psa, s) for s in others),
            choices=tuple(_choice(psa, t) for t in psa.question.thresholds) if others else (),
        )


def outcome_names(psa: Psa) -> list[str]:
    """Return the names of the outcomes, as in summary.json."""
    return [name.removeprefix(SE) for name in psa.outcomes.columns if name.startswith(SE)]


def _outcomes(psa: Psa, s: int) -> dict[str, Split]:
    return {
        name: split(psa.values(name)[:, s], psa.values(f"{SE}{name}")[:, s] ** 2)
        for name in outcome_names(psa)
    }


def _gain(psa: Psa, s: int) -> Gain:
    splits = {
        name: split(psa.increments(name)[:, s], psa.increment_noise(name)[:, s])
        for name in INCREMENTS
    }
    covariance = np.cov(psa.increments("cost")[:, s], psa.increments("qalys")[:, s])[0, 1]
    return Gain(
        increment=_increment(
            psa,
            s,
            {name: Estimate(found.mean, found.se) for name, found in splits.items()},
            float(covariance) / psa.draws,
        ),
        deterministic=deterministic_increment(psa, s),
        splits=splits,
        nmb={
            threshold: split(psa.inmb(threshold)[:, s], psa.inmb_noise(threshold)[:, s])
            for threshold in psa.question.thresholds
        },
        variance=variance_by_status(psa, s),
    )


def deterministic_increment(psa: Psa, s: int) -> Increment:
    """Return a strategy, by its place, against the comparator in the deterministic run."""
    base = psa.deterministic
    differences = {
        name: Estimate(
            float(base[name].iloc[s] - base[name].iloc[psa.comparator]),
            float(base[f"{INCREMENT_SE}{name}"].iloc[s]),
        )
        for name in INCREMENTS
    }
    return _increment(psa, s, differences, float(base[COVARIANCE].iloc[s]))


def _increment(psa: Psa, s: int, found: Mapping[str, Estimate], covariance: float) -> Increment:
    return Increment(
        strategy=psa.strategies[s],
        comparator=psa.strategies[psa.comparator],
        cost=found["cost"],
        qalys=found["qalys"],
        life_years=found["life_years"],
        covariance=covariance,
    )


def _choice(psa: Psa, threshold: float) -> Choice:
    costs, qalys = psa.values("cost"), psa.values("qalys")
    probability = ceac(costs, qalys, [threshold])[0]
    benefit, noise = psa.inmb(threshold), psa.inmb_noise(threshold)
    benefits = quiet(benefit, noise)
    silent, silent_se = quiet_shares(benefit, noise, benefits)
    # With equal QALYs the benefit is the saving in cost, at any threshold.
    saved = (-benefits, np.zeros_like(benefits), [0.0])
    return Choice(
        threshold=threshold,
        probability=probability,
        probability_se=share_errors(probability, psa.draws),
        probability_without_noise=silent,
        probability_without_noise_se=silent_se,
        loss=expected_loss(*saved).value[0],
        loss_se=expected_loss(costs, qalys, [threshold]).se[0],
    )


RESULTS: Final = "results"
DAMAGED: Final = "cached results were damaged; simulating again"


class Entry(NamedTuple):
    """A cached result: its key, its question, the version of the program, and its size."""

    key: str
    scenario: str
    draws: int
    patients: int
    seed: int
    version: str
    bytes: int


def find(question: Question, draws: int, base_patients: int) -> Psa | None:
    """Return the cached results of a question; None when there are none that are whole."""
    folder = usable_folder(RESULTS)
    if folder is None:
        return None
    place = folder / content_key(question, draws, base_patients)
    if not os.path.lexists(place):
        return None
    found = read_results(lambda name: open_copy(place / name), question, draws, base_patients)
    if found is None:
        remove(place, DAMAGED)
    return found


def keep(psa: Psa) -> None:
    """Cache results, unless that is impossible or they are cached by now."""
    folder = usable_folder(RESULTS)
    if folder is None:
        return
    asked = manifest(psa.question, psa.draws, psa.base_patients)
    files = result_files(psa)
    with suppress(OSError):
        write_folder(folder / asked["key"], {**files, MANIFEST: manifest_text(asked, files)})


def entries() -> Iterator[Entry]:
    """Yield the cached results, by scenario and number of draws."""
    root = cache_folder()
    found = []
    for path in sorted((root / RESULTS).glob(f"*/{MANIFEST}")) if root is not None else []:
        try:
            content = json.loads(bytes(read(path)))
            asked = content["asked"]
            entry = Entry(
                key=path.parent.name,
                scenario=str(asked["scenario"]),
                draws=int(asked["draws"]),
                patients=int(asked["patients"]),
                seed=int(asked["seed"]),
                version=str(content["version"]),
                bytes=size_of(path.parent),
            )
        except (OSError, ValueError, LookupError, TypeError):
            continue
        found.append(entry)
    yield from sorted(found, key=lambda entry: entry[1:])


def size_of(folder: Path) -> int:
    """Return the bytes of all files below a folder, as far as they can be seen."""
    total = 0
    for inside, _, names in os.walk(folder):
        for name in names:
            # It may be gone by now: another program replaces and removes files, too.
            with suppress(OSError):
                total += os.lstat(Path(inside) / name).st_size
    return total


def compiled_size() -> int:
    """Return the bytes of the machine code that is cached with the results."""
    root = cache_folder()
    if root is None:
        return 0
    return size_of(root) - size_of(root / RESULTS)


def clear() -> None:
    """Empty the cache: results and machine code.

    Raises
    ------
    OSError
        When something cannot be removed.
    """
    root = cache_folder()
    if root is None:
        return
    if root.is_symlink() and root.is_dir():
        # The link is the user's own.
        for path in root.iterdir():
            delete(path)
    else:
        delete(root)


Bar = Callable[[int], AbstractContextManager[Progress]]
"""Shows progress out of a number of patients."""


@dataclass(frozen=True)
class Work:
    """How to work: threads, whether to use the user's cache, how to show progress, which cluster."""

    threads: int | None
    cached: bool
    bar: Bar
    cluster: str | None = None


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
    simulating the draws that the chunks lack. The deterministic run has `base_patients`, by default
    the scenario's own number: it is then the base case of ``run``.
    """
    base = base_patients or question.scenario.number_of_patients
    found = find(question, draws, base) if work.cached else None
    if found is None and chunks is not None and chunks.resume:
        folder = chunks.folder
        found = read_results(lambda name: (folder / name).open("rb"), question, draws, base)
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
        keep(psa)
    return psa
