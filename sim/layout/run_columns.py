"""The columns of the tables of a run; they are part of the interface."""

from __future__ import annotations

from typing import Final

COLUMNS: Final = {
    "strategies.csv": ("strategy", "outcome", "mean", "se", "unit"),
    "increments.csv": ("strategy", "comparator", "outcome", "mean", "se", "unit"),
    "survival.csv": ("strategy", "endpoint", "months", "survival_percent", "at_risk"),
    "ledger.csv": (
        "strategy",
        "account",
        "category",
        "line",
        "state",
        "undiscounted",
        "discounted",
        "unit",
    ),
    "flow.csv": ("strategy", "response", "transplant", "course", "state", "months", "patients"),
    "inputs.csv": (
        "name",
        "label",
        "value",
        "unit",
        "status",
        "source",
        "place",
        "changed",
        "low",
        "high",
        "distribution",
        "arithmetic",
        "derivation",
        "note",
    ),
    "events.csv": ("strategy", "patient", "day", "event", "line", "cycle", "detail"),
}
"""Columns of each table.

Values that cannot be estimated, and medians that are not reached, are empty here and null in
summary.json.

- Means are per patient, in the `unit` of the row; money is in the currency and the prices of the
  perspective, discounted unless the name says otherwise.
- `line` and `cycle` count from 1; care after the last regimen is a line of its own.
- survival.csv begins with month 0, at entry (RFS: at remission), before anything has happened:
  EFS, which is 0 days without remission, falls at once. RFS is of the responders of the first line.
  `at_risk` is the number of patients without the event. The rows end at the horizon.
- flow.csv counts patients by course, in the words of `sim.simulation.flow`: response to the first
  line (remission with or without MRD, none), allo-HCT (in continuous remission, later, none),
  course and state by `months`, 60 or where the horizon ends.
- `changed` says whether `value` is the scenario's and not the catalogue's. `low` and `high`
  are the range of the catalogue's value: the stated one, else the 95 % interval of its
  distribution. `arithmetic` is the sum behind the value as it is written there.
- events.csv is written for traced patients only.
"""
