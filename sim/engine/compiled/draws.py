"""Keyed uniforms in compiled code: the same bits as `sim.engine.streams`.

Numbers that nearly every patient needs are drawn for a whole block at once, one random draw a loop,
which the compiler turns into vector instructions; the others are drawn on demand.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from sim.clinic.arithmetic import NOT_A_NUMBER, normal_quantile
from sim.clinic.distributions import standard_exponential
from sim.engine.compiled.draw_plan import EVERYONE, EXPONENTIAL, NORMAL
from sim.engine.compiled.forms import called, unit_number
from sim.engine.values import Data

U64 = np.uint64
MULTIPLIER_0: Final = U64(0xD2511F53)
MULTIPLIER_1: Final = U64(0xCD9E8D57)
WEYL_0: Final = U64(0x9E3779B9)
WEYL_1: Final = U64(0xBB67AE85)
WORD: Final = U64(32)
LOW_WORD: Final = U64(0xFFFFFFFF)
UNUSED_BITS: Final = U64(12)


def philox_round(
    a: Data,
    b: Data,
    c: Data,
    d: Data,
    k0: Data,
    k1: Data,
) -> tuple[Data, Data, Data, Data]:
    """Apply one round of Philox4x32 (Salmon et al. 2011) to words that take 64 bits each.

    The upper halves are masked only where they would count, so that the words of a vector stay in
    place from the first round to the last.
    """
    p, q = MULTIPLIER_0 * (a & LOW_WORD), MULTIPLIER_1 * (c & LOW_WORD)
    return (q >> WORD) ^ b ^ k0, q & LOW_WORD, (p >> WORD) ^ d ^ k1, p & LOW_WORD


def keyed_uniform(seed: Data, number: Data, decision: Data, repeat: Data) -> float:
    """Return the uniform of a key; the ten rounds are written out so that loops vectorize."""
    a, b = U64(number) & LOW_WORD, U64(number) >> WORD
    c, d = U64(decision), U64(repeat)
    k0, k1 = U64(seed) & LOW_WORD, U64(seed) >> WORD
    a, b, c, d = philox_round(a, b, c, d, k0, k1)
    k0, k1 = (k0 + WEYL_0) & LOW_WORD, (k1 + WEYL_1) & LOW_WORD
    a, b, c, d = philox_round(a, b, c, d, k0, k1)
    k0, k1 = (k0 + WEYL_0) & LOW_WORD, (k1 + WEYL_1) & LOW_WORD
    a, b, c, d = philox_round(a, b, c, d, k0, k1)
    k0, k1 = (k0 + WEYL_0) & LOW_WORD, (k1 + WEYL_1) & LOW_WORD
    a, b, c, d = philox_round(a, b, c, d, k0, k1)
    k0, k1 = (k0 + WEYL_0) & LOW_WORD, (k1 + WEYL_1) & LOW_WORD
    a, b, c, d = philox_round(a, b, c, d, k0, k1)
    k0, k1 = (k0 + WEYL_0) & LOW_WORD, (k1 + WEYL_1) & LOW_WORD
    a, b, c, d = philox_round(a, b, c, d, k0, k1)
    k0, k1 = (k0 + WEYL_0) & LOW_WORD, (k1 + WEYL_1) & LOW_WORD
    a, b, c, d = philox_round(a, b, c, d, k0, k1)
    k0, k1 = (k0 + WEYL_0) & LOW_WORD, (k1 + WEYL_1) & LOW_WORD
    a, b, c, d = philox_round(a, b, c, d, k0, k1)
    k0, k1 = (k0 + WEYL_0) & LOW_WORD, (k1 + WEYL_1) & LOW_WORD
    a, b, c, d = philox_round(a, b, c, d, k0, k1)
    k0, k1 = (k0 + WEYL_0) & LOW_WORD, (k1 + WEYL_1) & LOW_WORD
    a, b, c, d = philox_round(a, b, c, d, k0, k1)
    return unit_number(((a << WORD) | b) >> UNUSED_BITS)


@called
def draw_ahead(
    seed: Data, first: int, count: int, keys: Data, body: Data, everything: bool
) -> None:
    """Fill ``body.drawn[row, column]`` for the `count` patients from `first` on.

    Needless draws are left out. Unless `everything` is wanted for everyone, only the draws that everyone needs: those of the
    other groups are made by `draw_listed`.
    """
    for i in range(keys.shape[0]):
        if (everything or keys[i, 4] == EVERYONE) and body.needless[keys[i, 0]] == 0:
            draw_key(seed, first, count, keys[i], body.drawn)


def draw_group(seed: Data, first: int, count: int, keys: Data, body: Data, group: int) -> None:
    """Fill the rows of one group for everyone."""
    for i in range(keys.shape[0]):
        if keys[i, 4] == group and body.needless[keys[i, 0]] == 0:
            draw_key(seed, first, count, keys[i], body.drawn)


def draw_key(seed: Data, first: int, count: int, key: Data, drawn: Data) -> None:
    """Fill the row of a key for the `count` patients from `first` on."""
    decision, repeat = key[0], key[1]
    row = drawn[key[2]]
    for column in range(count):
        row[column] = keyed_uniform(seed, first + column, decision, repeat)
    transform(row, count, key[3])


def draw_listed(
    seed: Data, first: int, patients: int, keys: Data, group: int, count: int, body: Data
) -> None:
    """Fill the rows of a group in the `count` columns, of so many patients, that are listed."""
    scratch, listed = body.scratch, body.listed
    for i in range(keys.shape[0]):
        if keys[i, 4] == group and body.needless[keys[i, 0]] == 0:
            decision, repeat = keys[i, 0], keys[i, 1]
            for j in range(count):
                scratch[j] = keyed_uniform(seed, first + listed[j], decision, repeat)
            transform(scratch, count, keys[i, 3])
            row = body.drawn[keys[i, 2]]
            # A draw that was not made is not a number.
            for column in range(patients):
                row[column] = NOT_A_NUMBER
            for j in range(count):
                row[listed[j]] = scratch[j]


def transform(row: Data, count: int, form: int) -> None:
    """Turn uniforms into the form in which a draw is stored."""
    if form == EXPONENTIAL:
        for column in range(count):
            row[column] = standard_exponential(row[column])
    elif form == NORMAL:
        for column in range(count):
            row[column] = normal_quantile(row[column])
