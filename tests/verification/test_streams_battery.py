"""A statistical battery over neighbouring keys: along patients, decisions, occurrences and seeds.

Every test runs on 2^20 numbers whose keys differ by one step along an axis, so that a generator
that is good along one stream but not across keys would fail. Five tests on four axes are 20
p-values at fixed keys; each must exceed 1e-5, which a good generator misses once in 5,000 such
batteries. `-s` prints the p-values.
"""

import numpy as np
import pytest
from scipy import stats

from sim.engine.streams import uniforms

N = 2**20
LEAST = 1e-5


def along_patients():
    return uniforms(7, 0, N, 31, 0)


def along_decisions():
    return np.concatenate([uniforms(7, 0, 2**13, decision, 0) for decision in range(1, 129)])


def along_occurrences():
    return np.concatenate([uniforms(7, 0, 2**13, 60, repeat) for repeat in range(128)])


def along_seeds():
    return np.concatenate([uniforms(seed, 0, 2**13, 31, 0) for seed in range(128)])


def interleaved(blocks, width=2**13):
    """Order numbers so that successive ones differ by one step along the outer axis."""
    return blocks.reshape(-1, width).T.ravel()


AXES = {
    "patients": along_patients,
    "decisions": lambda: interleaved(along_decisions()),
    "occurrences": lambda: interleaved(along_occurrences()),
    "seeds": lambda: interleaved(along_seeds()),
}


def uniform_ks(u):
    return stats.kstest(u, "uniform").pvalue


def equal_cells(u):
    return stats.chisquare(np.bincount((u * 4096).astype(int), minlength=4096)).pvalue


def pairs(u):
    """Chi-squared of successive pairs on a 64 x 64 grid."""
    cells = (u[0::2] * 64).astype(int) * 64 + (u[1::2] * 64).astype(int)
    return stats.chisquare(np.bincount(cells, minlength=4096)).pvalue


def correlation(u):
    return stats.pearsonr(u[:-1], u[1:]).pvalue


def runs_up_and_down(u):
    """Number of turning points: mean 2(n-2)/3, variance (16 n - 29)/90."""
    rising = np.diff(u) > 0
    turns = np.count_nonzero(rising[1:] != rising[:-1])
    n = len(u)
    z = (turns - 2 * (n - 2) / 3) / np.sqrt((16 * n - 29) / 90)
    return 2 * stats.norm.sf(abs(z))


@pytest.mark.slow
@pytest.mark.parametrize("test", [uniform_ks, equal_cells, pairs, correlation, runs_up_and_down])
@pytest.mark.parametrize("axis", AXES)
def test_neighbouring_keys_look_independent(axis, test):
    p = test(AXES[axis]())
    print(f"{axis:12} {test.__name__:18} p = {p:.4f}")  # noqa: T201 - shown with -s
    assert p > LEAST


@pytest.mark.slow
def test_bits_of_neighbouring_keys_are_balanced():
    """Each of the 52 bits of 2^20 numbers is one half of the time, |z| < 5."""
    words = (along_patients() * 2.0**52).astype(np.uint64)
    for bit in range(52):
        ones = np.count_nonzero((words >> np.uint64(bit)) & np.uint64(1))
        assert abs(ones - N / 2) / np.sqrt(N / 4) < 5


@pytest.mark.slow
def test_a_poor_generator_fails_the_battery():
    """A linear congruential generator seeded by the patient's number."""
    poor = (np.arange(N, dtype=np.uint64) * np.uint64(1103515245) % np.uint64(2**31)) / 2.0**31
    assert min(test(poor) for test in (pairs, correlation, runs_up_and_down)) < LEAST
