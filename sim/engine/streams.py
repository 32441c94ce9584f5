"""Random numbers that are looked up by name, not drawn in turn.

``u = uniform(seed, patient, decision, occurrence)`` is a pure function, so a patient has the same
random numbers under every strategy (common random numbers), in any order of execution and among any
number of other patients. The function is Philox4x32-10, a block cipher used as a counter-based
generator: the seed is its key, and patient, decision and occurrence are its counter.

=========  ==========================================
word       content
=========  ==========================================
key 0, 1   low and high 32 bits of the seed
counter 0  low 32 bits of the patient's number
counter 1  high 32 bits of the patient's number
counter 2  decision
counter 3  occurrence
=========  ==========================================

Philox is a bijection of the counter for each key, so different names of one seed never share their
128 bits. The first two of the four words make the uniform number, on the grid of the odd multiples
of ``2**-53``::

    u = (floor((x0 2**32 + x1) / 2**12) + 1/2) / 2**52

Every one of these numbers is exact in float64 and so is ``1 - u``. The smallest is
``2**-53`` and the largest ``1 - 2**-53``: with a 53rd random bit the half could not be
represented any more, and the largest number would be rounded to 1.

Sources
-------
Salmon JK, Moraes MA, Dror RO, Shaw DE. Parallel random numbers: as easy as 1, 2, 3. SC11,
2011. doi:10.1145/2063384.2063405. Constants and known answers: the authors' Random123.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from operator import index
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from sim.clinic.arithmetic import normal_quantile
from sim.clinic.distributions import standard_exponential

Word = TypeVar("Word", int, NDArray[Any])
"""A 32-bit word: an int, or an array of uint64 that holds one such word per patient."""

ROUNDS: Final = 10
MULTIPLIER_0: Final = 0xD2511F53
MULTIPLIER_1: Final = 0xCD9E8D57
WEYL_0: Final = 0x9E3779B9
WEYL_1: Final = 0xBB67AE85

WORD_BITS: Final = 32
WORD_MASK: Final = 0xFFFFFFFF
WORD_END: Final = 1 << 32
KEY_END: Final = 1 << 64
DISCARDED_BITS: Final = 12
GRID_STEP: Final = 2.0**-52


def philox4x32(
    counter: tuple[Word, Word, Word, Word], key: tuple[int, int]
) -> tuple[Word, Word, Word, Word]:
    """Encrypt a counter of four 32-bit words under a key of two, in ten rounds.

    One round, with ``(high, low)`` the halves of a 64-bit product::

        x0, x1, x2, x3 = high(M1 x2) ^ x1 ^ k0, low(M1 x2), high(M0 x0) ^ x3 ^ k1, low(M0 x0)

    after which the key words grow by the Weyl constants, modulo ``2**32``. The words may be
    ints or uint64 arrays of one shape; no product exceeds 64 bits.
    """
    x0, x1, x2, x3 = counter
    k0, k1 = key
    for _ in range(ROUNDS):
        product_0 = MULTIPLIER_0 * x0
        product_1 = MULTIPLIER_1 * x2
        x0, x1, x2, x3 = (
            (product_1 >> WORD_BITS) ^ x1 ^ k0,
            product_1 & WORD_MASK,
            (product_0 >> WORD_BITS) ^ x3 ^ k1,
            product_0 & WORD_MASK,
        )
        k0 = (k0 + WEYL_0) & WORD_MASK
        k1 = (k1 + WEYL_1) & WORD_MASK
    return x0, x1, x2, x3


def _within(name: str, value: int, end: int) -> int:
    """Return `value` as a plain int, or raise ValueError unless ``0 <= value < end``."""
    value = index(value)
    if not 0 <= value < end:
        message = f"{name} must be at least 0 and below {end}, not {value}"
        raise ValueError(message)
    return value


def _key(seed: int) -> tuple[int, int]:
    seed = _within("seed", seed, KEY_END)
    return seed & WORD_MASK, seed >> WORD_BITS


def uniform(seed: int, patient: int, decision: int, occurrence: int = 0) -> float:
    """Return the uniform number in (0, 1) of one random draw of one patient.

    Seed and patient are below ``2**64``, decision and occurrence below ``2**32``, none is
    negative; otherwise ValueError is raised. A seed of 0 is a seed like any other.
    """
    patient = _within("patient", patient, KEY_END)
    counter = (
        patient & WORD_MASK,
        patient >> WORD_BITS,
        _within("decision", decision, WORD_END),
        _within("occurrence", occurrence, WORD_END),
    )
    x0, x1, _, _ = philox4x32(counter, _key(seed))
    return ((((x0 << WORD_BITS) | x1) >> DISCARDED_BITS) + 0.5) * GRID_STEP


def uniforms(
    seed: int, first_patient: int, count: int, decision: int, occurrence: int = 0
) -> NDArray[np.float64]:
    """Return `uniform` of `count` patients in a row, as an array of shape (count,).

    The same bits as `uniform` gives one by one, with the same limits and errors.
    """
    first_patient = _within("first_patient", first_patient, KEY_END)
    count = _within("count", count, KEY_END - first_patient + 1)
    patients = np.arange(count, dtype=np.uint64) + np.uint64(first_patient)
    counter = (
        patients & WORD_MASK,
        patients >> WORD_BITS,
        np.full(count, _within("decision", decision, WORD_END), dtype=np.uint64),
        np.full(count, _within("occurrence", occurrence, WORD_END), dtype=np.uint64),
    )
    x0, x1, _, _ = philox4x32(counter, _key(seed))
    words = ((x0 << WORD_BITS) | x1) >> DISCARDED_BITS
    numbers: NDArray[np.float64] = (words.astype(np.float64) + 0.5) * GRID_STEP
    return numbers


class Luck(ABC):
    """Random numbers of patients by name, in the forms that the clinic's formulas take."""

    @abstractmethod
    def uniform(self, patient: int, decision: int, occurrence: int = 0) -> float:
        """Return the uniform number in (0, 1) of one random draw of one patient."""

    def exponential(self, patient: int, decision: int, occurrence: int = 0) -> float:
        """Return the standard exponential ``-log(1 - u)`` of the same number."""
        return standard_exponential(self.uniform(patient, decision, occurrence))

    def normal(self, patient: int, decision: int, occurrence: int = 0) -> float:
        """Return the standard normal ``z(u)`` of the same number."""
        return normal_quantile(self.uniform(patient, decision, occurrence))


class Streams(Luck):
    """The random numbers of a block of consecutive patients.

    The numbers of a whole block cost little more than that of one patient, so those of a random
    draw are made for all patients of the block when the first needs it.

    Parameters
    ----------
    seed
        Below ``2**64``.
    first_patient, count
        The block holds patients ``first_patient`` to ``first_patient + count - 1``.

    Raises
    ------
    ValueError
        If the seed or the block is out of range.
    """

    def __init__(self, seed: int, first_patient: int, count: int) -> None:
        self.seed = _within("seed", seed, KEY_END)
        self.first_patient = _within("first_patient", first_patient, KEY_END)
        self.count = _within("count", count, KEY_END - self.first_patient + 1)
        self._numbers: dict[tuple[int, int], memoryview] = {}

    def uniform(self, patient: int, decision: int, occurrence: int = 0) -> float:
        """Return ``uniform(seed, patient, decision, occurrence)``.

        Raises IndexError for a patient outside of the block, ValueError as `uniform` does.
        """
        place = patient - self.first_patient
        if not 0 <= place < self.count:
            last = self.first_patient + self.count - 1
            message = f"patient {patient} is outside of the block {self.first_patient}..{last}"
            raise IndexError(message)
        numbers = self._numbers.get((decision, occurrence))
        if numbers is None:
            # The array's buffer returns Python floats, faster than the array itself.
            numbers = uniforms(self.seed, self.first_patient, self.count, decision, occurrence).data
            self._numbers[decision, occurrence] = numbers
        number: float = numbers[place]
        return number


def blocks(patients: int, size: int) -> Iterator[tuple[int, int]]:
    """Return the (first patient, count) of the blocks that cover patients 0 to ``patients - 1``.

    Every block has `size` patients but the last, which may have fewer. Raises ValueError
    for a size below 1 or a negative number of patients.
    """
    if size < 1 or patients < 0:
        message = f"cannot divide {patients} patients into blocks of {size}"
        raise ValueError(message)
    return ((first, min(size, patients - first)) for first in range(0, patients, size))
