"""An outcome is noted anew for each life."""

from dataclasses import fields

from sim.engine.outcomes import Noted, clear


def test_clearing_leaves_nothing_of_the_life_before():
    noted = Noted(*(7 for _ in fields(Noted)))
    clear(noted)
    assert noted == Noted()
