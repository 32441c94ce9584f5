"""Who is compared, on how many patients, and the check against the closed form before timing.

An engine maps ``(parameters, n, seed)`` to ``{arm: {outcome: Estimate}}``; its many-set form maps
``(sets, n, seed)`` to a list of these, one per set. An outcome that an engine does not carry is
left out. Another program takes part by an entry in each dictionary.
"""

import functools
from typing import NamedTuple

import numpy as np

from bench.illness_death import blinsim_version, heormodel_version, naive_simpy, plain_numpy
from bench.illness_death.parameters import BASE, exact_means, parameter_sets

ENGINES = {
    "blinsim": blinsim_version.run,
    "plain_numpy": plain_numpy.run,
    "naive_simpy": naive_simpy.run,
    "heormodel": heormodel_version.run,
}
MANY_SETS = {
    "blinsim": blinsim_version.psa,
    "plain_numpy": plain_numpy.psa,
    "naive_simpy": naive_simpy.psa,
    "heormodel": heormodel_version.psa,
}
SAME_PATIENTS = ("blinsim",)
"""Engines whose parameter sets share their patients, so that the errors of all sets are alike."""


class Size(NamedTuple):
    """How much work: one run of `patients`, and `sets` of `set_patients` each."""

    patients: int
    sets: int
    set_patients: int


FULL = Size(1_000_000, 1_000, 1_000)
SIZES = {"naive_simpy": Size(20_000, 20, 1_000)}
"""Less work where the full size would take minutes; time is per patient."""

ARMS = len(BASE.arms)
SEED = 1
LARGEST_Z = 4.0
"""Standard errors between an estimate and the truth that a check lets pass."""


def size(name):
    return SIZES.get(name, FULL)


def one_run(name):
    return lambda: ENGINES[name](BASE, size(name).patients, SEED)


@functools.cache
def sets_of(name):
    return parameter_sets(size(name).sets)


def many_sets(name):
    sets = sets_of(name)
    return lambda: MANY_SETS[name](sets, size(name).set_patients, SEED)


def check_estimates(result, truth):
    """Refuse estimates further than `LARGEST_Z` standard errors from the truth."""
    assert list(result) == list(truth)
    for arm, estimates in result.items():
        assert estimates
        for outcome, found in estimates.items():
            z = (found.mean - truth[arm][outcome]) / found.se
            assert abs(z) < LARGEST_Z, (arm, outcome, found, truth[arm][outcome])


@functools.cache
def check_one_run(name):
    """Check every mean of one run against the closed form."""
    check_estimates(one_run(name)(), exact_means(BASE))


@functools.cache
def check_many_sets(name):
    """Check the mean error over the parameter sets; its own spread gives the standard error.

    Where all sets share their patients, that spread says nothing and the mean of the sets'
    standard errors is that of the mean error, or more.
    """
    truths = [exact_means(parameters) for parameters in sets_of(name)]
    results = many_sets(name)()
    assert len(results) == len(truths)
    for arm in BASE.arms:
        for outcome in results[0][arm]:
            errors = np.array(
                [
                    result[arm][outcome].mean - truth[arm][outcome]
                    for result, truth in zip(results, truths, strict=True)
                ]
            )
            if name in SAME_PATIENTS:
                error = np.mean([result[arm][outcome].se for result in results])
            else:
                error = errors.std(ddof=1) / len(errors) ** 0.5
            z = errors.mean() / error
            assert abs(z) < LARGEST_Z, (arm, outcome, z)
