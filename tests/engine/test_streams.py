"""Random numbers depend on their names and on nothing else, and look random across names."""

import random
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sim.clinic.draws import RandomDraw
from sim.engine import streams
from sim.engine.streams import Streams, blocks, philox4x32, uniform, uniforms

seeds = st.integers(0, 2**64 - 1)
patients = st.integers(0, 2**64 - 1)
words = st.integers(0, 2**32 - 1)
keys = st.tuples(seeds, patients, words, words)

# Random123, file kat_vectors, lines "philox4x32 10": counter, key, result.
KNOWN_ANSWERS = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000")
    + ("6627e8d5 e169c58d bc57ac4c 9b00dbd8",),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff")
    + ("408f276d 41c83b0e a20bc7c6 6d5451fd",),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0")
    + ("d16cfe09 94fdcceb 5001e420 24126ea1",),
]


def hexadecimal(text: str) -> tuple[int, ...]:
    return tuple(int(word, 16) for word in text.split())


# The generator.


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
def test_philox_gives_the_published_answers(counter, key, answer):
    assert philox4x32(hexadecimal(counter), hexadecimal(key)) == hexadecimal(answer)


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
def test_philox_gives_the_published_answers_in_arrays(counter, key, answer):
    arrays = tuple(np.array([word], dtype=np.uint64) for word in hexadecimal(counter))
    result = philox4x32(arrays, hexadecimal(key))
    assert tuple(int(array[0]) for array in result) == hexadecimal(answer)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ((0, 0, 0, 0), 0x6627E8D5E169C58D),
        ((2**64 - 1, 2**64 - 1, 2**32 - 1, 2**32 - 1), 0x408F276D41C83B0E),
        ((0x299F31D0A4093822, 0x85A308D3243F6A88, 0x13198A2E, 0x03707344), 0xD16CFE0994FDCCEB),
    ],
)
def test_uniform_is_made_of_the_published_answers(name, word):
    """The first 52 of the bits, plus one half: the mapping of names is fixed for ever."""
    assert uniform(*name) == (word // 2**12 + 0.5) / 2**52


@pytest.mark.parametrize(("word", "end"), [(0, 2.0**-53), (2**32 - 1, 1.0 - 2.0**-53)])
def test_smallest_and_largest_number_are_inside_of_the_interval(monkeypatch, word, end):
    monkeypatch.setattr(streams, "philox4x32", lambda counter, key: (word,) * 4)
    assert uniform(1, 2, 3, 4) == end
    assert 0.0 < end < 1.0


@given(key=keys)
def test_number_and_its_complement_are_exact(key):
    u = uniform(*key)
    assert 0.0 < u < 1.0
    assert (u * 2**53) % 2 == 1
    assert 1.0 - (1.0 - u) == u


# The same name gives the same number.


@given(key=keys, count=st.integers(1, 40))
def test_array_has_the_bits_of_the_single_numbers(key, count):
    seed, first, decision, occurrence = key
    first = min(first, 2**64 - count)
    expected = [uniform(seed, first + i, decision, occurrence) for i in range(count)]
    assert uniforms(seed, first, count, decision, occurrence).tolist() == expected


def test_array_has_the_bits_of_the_single_numbers_across_the_words_of_the_patient():
    first = 2**32 - 3
    expected = [uniform(1, patient, 2, 3) for patient in range(first, first + 6)]
    assert uniforms(1, first, 6, 2, 3).tolist() == expected


@given(key=keys)
def test_same_key_gives_the_same_number(key):
    seed, patient, decision, occurrence = key
    block = Streams(seed, patient, 1)
    first_answer = block.uniform(patient, decision, occurrence)
    assert first_answer == uniform(*key)
    assert block.uniform(patient, decision, occurrence) == first_answer


def test_order_of_the_questions_does_not_matter():
    """600 questions, asked forwards of one stream and shuffled of another."""
    questions = [(p, d, o) for p in range(20) for d in list(RandomDraw)[:10] for o in range(3)]
    forwards = Streams(5, 0, 20)
    answers = {question: forwards.uniform(*question) for question in questions}
    random.Random(1).shuffle(questions)
    shuffled = Streams(5, 0, 20)
    assert {question: shuffled.uniform(*question) for question in questions} == answers
    assert {question: uniform(5, *question) for question in questions} == answers


@pytest.mark.parametrize("size", [1, 7, 64, 100, 1000])
def test_block_size_does_not_matter(size):
    whole = uniforms(9, 0, 100, RandomDraw.RELAPSE_TIME, 2).tolist()
    parts = []
    for first, count in blocks(100, size):
        block = Streams(9, first, count)
        parts += [
            block.uniform(patient, RandomDraw.RELAPSE_TIME, 2)
            for patient in range(first, first + count)
        ]
    assert parts == whole


@given(fewer=st.integers(1, 200), more=st.integers(1, 200), seed=seeds)
def test_number_of_patients_does_not_matter(fewer, more, seed):
    small = uniforms(seed, 0, fewer, RandomDraw.RESPONSE)
    large = uniforms(seed, 0, fewer + more, RandomDraw.RESPONSE)
    assert small.tolist() == large[:fewer].tolist()


def test_streams_answer_with_python_floats():
    assert type(Streams(1, 0, 4).uniform(2, RandomDraw.AGE)) is float
    assert type(uniform(1, 2, RandomDraw.AGE)) is float


def test_numpy_integers_name_the_same_numbers():
    as_numpy = [np.int64(7), np.uint32(2**31), np.int8(5), np.int64(2**31)]
    expected = uniform(7, 2**31, 5, 2**31)
    assert uniform(*as_numpy) == expected
    assert Streams(as_numpy[0], 2**31, 3).uniform(*as_numpy[1:]) == expected


def test_seed_zero_is_honoured():
    assert Streams(0, 0, 3).uniform(1, RandomDraw.AGE) == uniform(0, 1, RandomDraw.AGE)
    assert uniform(0, 1, RandomDraw.AGE) != uniform(1, 1, RandomDraw.AGE)


# Different names give different numbers.


@given(one=keys, other=keys)
def test_distinct_keys_give_distinct_numbers(one, other):
    """Two names share a number with probability 2**-52."""
    assert (uniform(*one) == uniform(*other)) == (one == other)


def test_the_four_parts_of_a_name_are_not_interchangeable():
    assert len({uniform(*name) for name in permutations((1, 2, 3, 4))}) == 24


@pytest.mark.parametrize("place", range(4), ids=["seed", "patient", "decision", "occurrence"])
def test_every_bit_of_the_name_counts(place):
    limits = (64, 64, 32, 32)
    name = (11, 12, 13, 14)
    changed = {
        uniform(*name[:place], name[place] ^ (1 << bit), *name[place + 1 :])
        for bit in range(limits[place])
    }
    assert len(changed | {uniform(*name)}) == limits[place] + 1


# Statistical quality across neighbouring names. The names are fixed, so the outcome is too;
# the bounds are set so that a perfect generator would have failed with the stated chance.

N = 10_000


def along(axis: str):
    """Return N numbers whose names differ in one part only, which counts up."""
    if axis == "patient":
        return uniforms(3, 0, N, RandomDraw.AGE)
    if axis == "patient beyond 32 bits":
        return uniforms(3, 2**32 - N // 2, N, RandomDraw.AGE)
    if axis == "decision":
        return np.array([uniform(3, 5, decision, 1) for decision in range(N)])
    if axis == "occurrence":
        return np.array([uniform(3, 5, RandomDraw.CRS, occurrence) for occurrence in range(N)])
    return np.array([uniform(seed, 5, RandomDraw.AGE, 0) for seed in range(N)])


@pytest.fixture(
    scope="module",
    params=["patient", "patient beyond 32 bits", "decision", "occurrence", "seed"],
)
def neighbours(request):
    return along(request.param)


def test_neighbouring_names_are_uniform(neighbours):
    """Kolmogorov-Smirnov, n = 10 000; false alarm 1e-4 on each of 5 axes."""
    assert stats.kstest(neighbours, "uniform").pvalue > 1e-4


def test_neighbouring_names_are_uncorrelated(neighbours):
    """Correlation at lags 1 to 16, n = 10 000, |z| < 4.5; false alarm 1e-4 on each axis."""
    centred = (neighbours - 0.5) * np.sqrt(12.0)
    z = [centred[lag:] @ centred[:-lag] / np.sqrt(N - lag) for lag in range(1, 17)]
    assert np.abs(z).max() < 4.5


def test_pairs_of_neighbouring_names_fill_the_square(neighbours):
    """Chi-square of 5 000 disjoint pairs in 10 x 10 cells; false alarm 1e-4 on each axis."""
    cells = np.floor(neighbours * 10).astype(int).reshape(-1, 2)
    counts = np.bincount(cells[:, 0] * 10 + cells[:, 1], minlength=100)
    assert counts.size == 100
    assert stats.chisquare(counts).pvalue > 1e-4


def test_every_bit_of_neighbouring_numbers_is_balanced(neighbours):
    """52 bits of 10 000 numbers, |z| < 5; false alarm 3e-5 on each axis."""
    integers = (neighbours * 2.0**52).astype(np.uint64)
    shares = [((integers >> np.uint64(bit)) & np.uint64(1)).mean() for bit in range(52)]
    assert np.abs((np.array(shares) - 0.5) * 2 * np.sqrt(N)).max() < 5


def test_neighbouring_names_share_no_number(neighbours):
    """Two of 10 000 would agree with probability 1e-8."""
    assert np.unique(neighbours).size == N


def test_decisions_of_one_patient_are_uncorrelated():
    """All pairs of registered decisions and two occurrences, n = 10 000 patients.

    59 decisions make 118 columns and 6 903 pairs; |z| < 5.5 has a false alarm of 3e-4.
    """
    columns = np.array([uniforms(3, 0, N, d, o) for d in RandomDraw for o in (0, 1)])
    z = np.corrcoef(columns) * np.sqrt(N)
    assert np.abs(z[np.triu_indices(len(columns), 1)]).max() < 5.5


def test_neighbouring_seeds_are_uncorrelated_over_patients():
    """The 1 225 pairs of 50 seeds, n = 10 000 patients; |z| < 5 has a false alarm of 7e-4."""
    columns = np.array([uniforms(seed, 0, N, RandomDraw.AGE) for seed in range(50)])
    z = np.corrcoef(columns) * np.sqrt(N)
    assert np.abs(z[np.triu_indices(50, 1)]).max() < 5


# Errors.


@pytest.mark.parametrize(
    ("name", "culprit"),
    [
        ((-1, 0, 0, 0), "seed"),
        ((2**64, 0, 0, 0), "seed"),
        ((0, -1, 0, 0), "patient"),
        ((0, 2**64, 0, 0), "patient"),
        ((0, 0, -1, 0), "decision"),
        ((0, 0, 2**32, 0), "decision"),
        ((0, 0, 0, -1), "occurrence"),
        ((0, 0, 0, 2**32), "occurrence"),
    ],
)
def test_a_name_out_of_range_is_refused(name, culprit):
    seed, patient, decision, occurrence = name
    with pytest.raises(ValueError, match=f"{culprit} must be at least 0 and below"):
        uniform(*name)
    with pytest.raises(ValueError, match=f"{culprit} must be at least 0 and below"):
        uniforms(seed, patient, 1, decision, occurrence)


def test_streams_refuse_a_name_out_of_range():
    with pytest.raises(ValueError, match="seed must be"):
        Streams(-1, 0, 1)
    with pytest.raises(ValueError, match="count must be"):
        Streams(0, 2**64 - 1, 2)
    with pytest.raises(ValueError, match="occurrence must be"):
        Streams(0, 0, 1).uniform(0, RandomDraw.AGE, 2**32)


def test_fractions_are_no_names():
    with pytest.raises(TypeError):
        uniform(1.0, 0, RandomDraw.AGE)


@pytest.mark.parametrize("patient", [9, 15, -1])
def test_a_patient_outside_of_the_block_is_refused(patient):
    block = Streams(1, 10, 5)
    with pytest.raises(IndexError, match=rf"patient {patient} is outside of the block 10\.\.14"):
        block.uniform(patient, RandomDraw.AGE)


# Blocks.


@given(n=st.integers(0, 500), size=st.integers(1, 600))
def test_blocks_cover_every_patient_once(n, size):
    parts = list(blocks(n, size))
    assert [p for first, count in parts for p in range(first, first + count)] == list(range(n))
    assert all(count == size for _, count in parts[:-1])
    assert all(0 < count <= size for _, count in parts)


@pytest.mark.parametrize(("n", "size"), [(10, 0), (10, -1), (-1, 10)])
def test_impossible_blocks_are_refused(n, size):
    with pytest.raises(ValueError, match="cannot divide"):
        blocks(n, size)
