"""The tables of a run; their columns are part of the interface.

Means are per patient; money is in the currency and the prices of the perspective, discounted unless
a name says otherwise. Values that cannot be estimated, and medians that are not reached, are empty
here and null in summary.json.
"""

from __future__ import annotations

from typing import Final

from sim.layout.schema import Schema, count, flag, number, some, strategy_name, text
from sim.simulation.flow import COURSES, RESPONSES, STATES, TRANSPLANTS

STRATEGIES: Final = Schema(
    "strategies.csv",
    (
        strategy_name(),
        text("outcome", "as in summary.json"),
        number("mean", "or share, or median, in `unit`"),
        number("se", "its Monte Carlo error"),
        text("unit"),
    ),
    ("strategy", "outcome"),
)
INCREMENTS: Final = Schema(
    "increments.csv",
    (
        strategy_name(),
        strategy_name("comparator"),
        text("outcome", "of which the strategy's minus the comparator's"),
        number("mean", "in `unit`"),
        number("se", "the error of the paired difference"),
        text("unit"),
    ),
    ("strategy", "outcome"),
)
SURVIVAL: Final = Schema(
    "survival.csv",
    (
        strategy_name(),
        text("endpoint", "``os``, ``efs``, or ``rfs`` of the responders of the first line"),
        count("months", "from 0, at entry (RFS: at remission), before any event, to the horizon"),
        number("survival_percent"),
        count("at_risk", "patients without the event"),
    ),
)
LEDGER: Final = Schema(
    "ledger.csv",
    (
        strategy_name(),
        text("account"),
        text("category"),
        count("line", "from 1; care after the last regimen is a line of its own"),
        text("state"),
        number("undiscounted", "in `unit`"),
        number("discounted"),
        text("unit"),
    ),
)
FLOW: Final = Schema(
    "flow.csv",
    (
        strategy_name(),
        text("response", "to the first line; words as in `sim.simulation.flow`", RESPONSES),
        text("transplant", "allo-HCT: in continuous remission, later, none", TRANSPLANTS),
        text("course", "by `months`", COURSES),
        text("state", "at `months`", STATES),
        number("months", "60, or where the horizon ends"),
        count("patients", "of this course"),
    ),
)
INPUTS: Final = Schema(
    "inputs.csv",
    (
        text("name"),
        text("label"),
        number("value", "in `unit`"),
        text("unit"),
        text("status"),
        text("source"),
        text("place", "in the source"),
        flag("changed", "whether `value` is the scenario's and not the catalogue's"),
        number("low", "the catalogue's range: the stated one, else the 95 % interval"),
        number("high"),
        text("distribution"),
        text("arithmetic", "the sum behind the value as it is written there"),
        text("derivation"),
        text("note"),
        text("file", "of the scenario or the catalogue, and the line, where it was written"),
    ),
)
EVENTS: Final = Schema(
    "events.csv",
    (
        strategy_name(),
        count("patient"),
        number("day"),
        text("event"),
        count("line", "from 1"),
        some("cycle", "from 1"),
        text("detail"),
    ),
)
"""Written for traced patients only."""
SUBGROUPS: Final = Schema(
    "subgroups.csv",
    (
        text("characteristic", "the name of its column in a file of patients"),
        text("subgroup"),
        count("patients"),
        strategy_name(),
        strategy_name(
            "comparator",
            "empty where the outcome is the strategy's own, not a difference",
            is_given=False,
        ),
        text("outcome", "as in strategies.csv and increments.csv"),
        number("mean", "or share, in `unit`"),
        number("se", "its Monte Carlo error; of a difference, of the paired one"),
        text("unit"),
    ),
)
SUBGROUP_VALUES: Final = Schema(
    "subgroup_values.csv",
    (
        text("characteristic"),
        number("threshold", "in `unit` per QALY"),
        text("best_for_all", "the strategy of the highest expected net benefit"),
        text("best_by_subgroup", "the one of each subgroup"),
        number("mean", "expected net benefit gained per patient by choosing by subgroup"),
        number("se", "of the paired difference, for the choices made"),
        text("unit"),
    ),
)
"""Both are written where the scenario has subgroups."""
TABLES: Final = {
    schema.file: schema
    for schema in (
        *(STRATEGIES, INCREMENTS, SURVIVAL, LEDGER, FLOW, INPUTS),
        *(SUBGROUPS, SUBGROUP_VALUES, EVENTS),
    )
}
OPTIONAL: Final = (SUBGROUPS, SUBGROUP_VALUES, EVENTS)
