"""Lives computed by hand in tests: a patient with written luck, and assertions on log and ledger.

The scenario of round numbers is ``three_patients.yaml`` in `sim.analyses.verify.by_hand`.
"""

from sim.analyses.verify.by_hand import (
    FOURTH_LINE,
    LATER_LINE,
    NOTHING_HAPPENS,
    SCENARIO,
    THIRD_LINE,
    ScriptedStreams,
    live,
    present_value,
    somebody,
    wrong_entries,
    wrong_events,
)

__all__ = [
    "FOURTH_LINE",
    "LATER_LINE",
    "NOTHING_HAPPENS",
    "SCENARIO",
    "THIRD_LINE",
    "ScriptedStreams",
    "assert_ledger",
    "assert_log",
    "live",
    "present_value",
    "somebody",
]


def assert_log(log, expected):
    assert wrong_events(log, expected) == []


def assert_ledger(ledger, expected, *, costs, effects):
    assert wrong_entries(ledger, expected, costs=costs, effects=effects) == []
