"""Analyses that end before their time, within the program of the tests."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from sim.analyses.shared.store import Chunks


@contextmanager
def ending_after(chunks):
    """Have an analysis interrupted once so many of its chunks are stored."""
    original, kept = Chunks.keep, []

    def keep(self, chunk, outcomes):
        if len(kept) == chunks:
            raise KeyboardInterrupt
        kept.append(chunk)
        original(self, chunk, outcomes)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Chunks, "keep", keep)
        yield
