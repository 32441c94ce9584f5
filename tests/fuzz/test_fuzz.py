"""Drawn inputs: each is answered or refused with one clear message."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.fuzz.trial import ANSWERED, FAILED, KINDS, REFUSED, drawn, opened, tried
from tests.fuzz.watch import (
    Fault,
    Refused,
    check_message,
    nothing_written_outside,
    whole_or_nothing,
)

FEW = {"yaml": 150, "csv": 150, "command": 5, "values": 12}
MANY = {"yaml": 3_000, "csv": 3_000, "command": 150, "stored": 300, "values": 100}


def try_many(kind, seed, count, folder):
    """Try drawn inputs; return how many were answered and refused."""
    subject, ends = opened(kind, folder), Counter()
    for number in range(count):
        given = drawn(subject, kind, seed, number)
        found = tried(subject, given, number)
        assert found.end != FAILED, f"{given}\n{found.why}"
        ends[found.end] += 1
    return ends


@pytest.mark.parametrize("kind", FEW)
def test_a_drawn_input_is_answered_or_refused(kind, tmp_path):
    ends = try_many(kind, 0, FEW[kind], tmp_path)
    assert min(ends[ANSWERED], ends[REFUSED]) > 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", MANY)
def test_many_drawn_inputs_are_answered_or_refused(kind, tmp_path):
    ends = try_many(kind, 2, MANY[kind], tmp_path)
    assert min(ends[ANSWERED], ends[REFUSED]) >= MANY[kind] / 50


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"stored"}))
def test_the_same_number_gives_the_same_input(kind, tmp_path):
    subject = opened(kind, tmp_path)
    first, again, other = (drawn(subject, kind, 1, number) for number in (5, 5, 6))
    assert first == again != other


def test_a_file_written_elsewhere_is_a_fault(tmp_path):
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    with nothing_written_outside(allowed):
        (allowed / "file").write_text("text")
    with pytest.raises(Fault, match="outside"), nothing_written_outside(allowed):
        (tmp_path / "file").write_text("text")


def test_a_half_written_folder_is_a_fault(tmp_path):
    def refuse_after_writing():
        (tmp_path / "file").write_text("half")
        raise Refused

    with pytest.raises(Fault, match="although it was refused"), whole_or_nothing(tmp_path):
        refuse_after_writing()


@pytest.mark.parametrize("message", ["", "Traceback (most recent call last)", "x" * 5_000])
def test_a_message_that_is_not_clear_is_a_fault(message):
    with pytest.raises(Fault):
        check_message(message)
