"""The prices of a question as numpy records, the form in which compiled code reads them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np

from sim.clinic.arithmetic import expm1
from sim.economics.discounting import Discounting, factor_at
from sim.economics.posting import Accounts
from sim.economics.prices import (
    CellDrug,
    Delivery,
    InfusionDrug,
    InjectedDrug,
    Prices,
    RegimenPrices,
    Stay,
    Tablets,
)
from sim.economics.utilities import OLDEST_AGE, Decrements, Norms, StateUtilities
from sim.engine.compiled.records import Records, new_records, record_type
from sim.engine.values import Data

TABLES_KEPT: Final = 8
DAYS_TABULATED: Final = 40000
"""Longer than a lifetime horizon."""
SPAN_BITS: Final = 6
SPAN: Final = 1 << SPAN_BITS
SPANS: Final = len(range(0, DAYS_TABULATED, SPAN))
DELIVERIES: Final = tuple(Delivery)
MOST_BAGS: Final = 64
"""Sums of the discount factors of bags are tabulated for fewer than these."""

TARIFF: Final = np.dtype(
    [
        ("prices", record_type(Prices)),
        ("decrements", np.float64, (len(Decrements._fields),)),
        ("utilities", np.float64, (len(StateUtilities._fields),)),
        ("force_costs", np.float64),
        ("force_effects", np.float64),
        ("days_per_force_costs", np.float64),
        ("days_per_force_effects", np.float64),
        ("norms", np.float64, (2, OLDEST_AGE)),
        ("lowest_norms", np.float64, (2, OLDEST_AGE)),
        ("days", np.float64, (2, SPAN)),
        ("spans", np.float64, (2, SPANS)),
        ("vial_sharing", np.bool_),
        ("capped", np.bool_),
    ],
    align=True,
)
"""Prices, utilities by state, norms by sex and age, discount factors.

`lowest_norms` holds the lowest norm from an age on; for `spans` and `days` see `worth_by_day`.
"""
REGIMEN_TARIFF: Final = np.dtype(
    [
        ("delivery", np.int64),
        ("stay", record_type(Stay)),
        ("tablets", record_type(Tablets)),
        ("infusion", record_type(InfusionDrug)),
        ("injection", record_type(InjectedDrug)),
        ("course", [("price_per_cycle", np.float64)]),
        ("cell", record_type(CellDrug)),
        ("bag_sums", np.float64, (MOST_BAGS,)),
    ],
    align=True,
)
"""A regimen's prices under the names of `RegimenPrices`; only one of the four drugs is filled."""


class Tariff(NamedTuple):
    """The prices of a question: one record a parameter set, and by set and regimen."""

    common: Data
    regimens: Records


def tariff(accounts: Accounts, regimens: Sequence[str]) -> Tariff:
    """Write the accounts into records; `regimens` in the order of the engine's table."""
    common, table = new_records(TARIFF, 1), new_records(REGIMEN_TARIFF, 1, len(regimens))
    fill_tariff(common[0], accounts)
    for place, name in enumerate(regimens):
        fill_regimen_tariff(
            table[0, place], accounts.price_list.regimens[name], accounts.costs.force_per_day
        )
    return Tariff(common, table)


def fill_tariff(row: Data, accounts: Accounts) -> None:
    """Write the parameters shared by all regimens into a record."""
    fill_price_part(row, "prices", accounts.prices)
    for part, numbers in zip(("utilities", "decrements", "norms"), accounts.utilities, strict=True):
        fill_price_part(row, part, numbers)
    fill_price_part(row, "discounting", (accounts.costs, accounts.effects))
    row["vial_sharing"] = accounts.vial_sharing


def fill_price_part(row: Data, part: str, numbers: Any) -> None:  # noqa: ANN401
    """Write one part of the parameters shared by all regimens into a record."""
    if part == "norms":
        fill_norms(row, numbers)
    elif part == "discounting":
        fill_discounting(row, *numbers)
    else:
        row[part] = tuple(numbers) if isinstance(numbers, tuple) else numbers


def fill_discounting(row: Data, costs: Discounting, effects: Discounting) -> None:
    """Write forces and factors of discounting into a record."""
    row["force_costs"], row["force_effects"] = costs.force_per_day, effects.force_per_day
    for kind in ("costs", "effects"):
        force = row[f"force_{kind}"]
        row[f"days_per_force_{kind}"] = 1.0 / force if force > 0.0 else 0.0
    row["spans"], row["days"] = worth_by_day(costs.force_per_day, effects.force_per_day)


def fill_norms(row: Data, norms: Norms | None) -> None:
    """Write the population norms into a record."""
    row["capped"] = norms is not None
    if norms is not None:
        row["norms"] = norms.female, norms.male
        row["lowest_norms"] = np.minimum.accumulate(row["norms"][:, ::-1], axis=1)[:, ::-1]


@lru_cache(maxsize=TABLES_KEPT)
def _bag_sums(force: float, bag_days: float) -> np.ndarray[Any, Any]:
    """Tabulate ``(1 − q^n) / (1 − q)``, the sum of n discount factors a bag's days apart."""
    return np.array([sum_of_factors(force * bag_days, n) for n in range(MOST_BAGS)])


def sum_of_factors(force: float, number: int) -> float:
    """Return the sum of `number` discount factors, each ``exp(-force)`` times the one before."""
    if force == 0.0:
        return float(number)
    return expm1(-force * number) / expm1(-force)


@lru_cache(maxsize=TABLES_KEPT)
def worth_by_day(
    force_costs: float, force_effects: float
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Tabulate the discount factors of spans of `SPAN` days and of the days in one.

    The factor of a day is the product of the two. Both tables have a row for costs and one for
    effects; a table of every day would not fit into the fastest memory.
    """

    def table(times: range) -> np.ndarray[Any, Any]:
        forces = (force_costs, force_effects)
        rows = np.array([[factor_at(force, float(day)) for day in times] for force in forces])
        rows.flags.writeable = False
        return rows

    return table(range(0, DAYS_TABULATED, SPAN)), table(range(SPAN))


def fill_regimen_tariff(row: Data, regimen: RegimenPrices, force_costs: float) -> None:
    """Write the prices of a regimen into a record."""
    row["delivery"] = DELIVERIES.index(regimen.delivery)
    row["stay"], row["tablets"] = tuple(regimen.stay), tuple(regimen.tablets)
    drug = regimen.drug
    if isinstance(drug, InfusionDrug):
        row["infusion"] = (*drug[:-1], tuple(drug.schedule))
        row["bag_sums"] = _bag_sums(force_costs, drug.bag_days)
    elif isinstance(drug, InjectedDrug):
        row["injection"] = tuple(drug)
    elif isinstance(drug, CellDrug):
        row["cell"] = tuple(drug)
    else:
        row["course"] = (drug.price_per_cycle,)
