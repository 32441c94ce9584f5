"""The prices of a question as numpy records, the form in which compiled code reads them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum, unique
from functools import lru_cache
from math import ceil
from typing import Any, Final, NamedTuple

import numpy as np

from sim.clinic.arithmetic import expm1
from sim.economics.clerk import Accounts
from sim.economics.discounting import factor_at
from sim.economics.prices import CourseDrug, InfusionDrug, InjectedDrug, Prices, RegimenPrices
from sim.economics.utilities import OLDEST_AGE, Decrements
from sim.engine.data import Data
from sim.engine.records import Records, fields

TABLES_KEPT: Final = 8
DAYS_TABULATED: Final = 40000
"""Longer than a lifetime horizon."""
SPAN_BITS: Final = 6
SPAN: Final = 1 << SPAN_BITS


@unique
class DrugForm(IntEnum):
    """How the drug of a regimen is counted."""

    BAGS = 0
    DOSES = 1
    COURSES = 2


PRICES: Final = np.dtype(
    [
        ("prices", fields(Prices)),
        ("decrements", fields(Decrements)),
        ("usual_care_days", np.float64),
        ("force_costs", np.float64),
        ("force_effects", np.float64),
        ("vial_sharing", np.bool_),
        ("capped", np.bool_),
    ]
)
REGIMEN_PRICES: Final = np.dtype(
    [
        ("form", np.int64),
        ("first_cycle_days", np.float64),
        ("second_cycle_days", np.float64),
        ("later_cycle_days", np.float64),
        ("price_per_vial", np.float64),
        ("vial_content", np.float64),
        ("price_per_cycle", np.float64),
        ("bag_days", np.float64),
        ("infusion_days", np.float64),
        ("step_days", np.float64),
        ("full_dose_mcg_per_day", np.float64),
        ("first_dose_mg_per_m2", np.float64),
        ("first_dose_in_remission_mg_per_m2", np.float64),
        ("second_dose_mg_per_m2", np.float64),
        ("third_dose_mg_per_m2", np.float64),
        ("days_between_doses", np.float64),
    ]
)


class Tariff(NamedTuple):
    """Prices, by regimen where they are a regimen's, utilities by state, norms by sex and age.

    `lowest_norms` holds the lowest norm from an age on; `spans` and `days` see `worth_by_day`.
    """

    common: Data
    regimens: Records
    utilities: np.ndarray[Any, np.dtype[np.float64]]
    norms: np.ndarray[Any, np.dtype[np.float64]]
    lowest_norms: np.ndarray[Any, np.dtype[np.float64]]
    spans: np.ndarray[Any, np.dtype[np.float64]]
    days: np.ndarray[Any, np.dtype[np.float64]]
    bag_sums: np.ndarray[Any, np.dtype[np.float64]]


def tariff(accounts: Accounts, regimens: Sequence[str]) -> Tariff:
    """Write the accounts into records; `regimens` in the order of the engine's table."""
    common = np.zeros(1, PRICES).view(np.recarray)
    row = common[0]
    row["prices"] = tuple(accounts.price_list.prices)
    row["decrements"] = tuple(accounts.utilities.decrements)
    row["usual_care_days"] = accounts.price_list.usual_care_days
    row["force_costs"] = accounts.costs.force_per_day
    row["force_effects"] = accounts.effects.force_per_day
    row["vial_sharing"] = accounts.vial_sharing
    norms = accounts.utilities.norms
    row["capped"] = norms is not None
    table = np.zeros(max(len(regimens), 1), REGIMEN_PRICES).view(np.recarray)
    for place, name in enumerate(regimens):
        _fill(table[place], accounts.price_list.regimens[name])
    norm_table = (
        np.zeros((2, OLDEST_AGE)) if norms is None else np.array([norms.female, norms.male])
    )
    return Tariff(
        row,
        table,
        np.array(tuple(accounts.utilities.states), dtype=np.float64),
        norm_table,
        np.ascontiguousarray(np.minimum.accumulate(norm_table[:, ::-1], axis=1)[:, ::-1]),
        *worth_by_day(accounts.costs.force_per_day, accounts.effects.force_per_day),
        _bag_sums(
            accounts.costs.force_per_day,
            tuple((float(entry.bag_days), float(entry.infusion_days)) for entry in table),
        ),
    )


@lru_cache(maxsize=TABLES_KEPT)
def _bag_sums(force: float, regimens: tuple[tuple[float, float], ...]) -> np.ndarray[Any, Any]:
    """Tabulate ``(1 − q^n) / (1 − q)``, the sum of n discount factors a bag's days apart.

    One row a regimen, given by days of a bag and of the infusion.
    """
    most = max((ceil(infusion / bag) for bag, infusion in regimens if bag > 0.0), default=0) + 2
    table = np.zeros((len(regimens), most))
    for row, (bag, _) in enumerate(regimens):
        step = -force * bag
        table[row] = (
            [float(n) for n in range(most)]
            if step == 0.0
            else [expm1(step * n) / expm1(step) for n in range(most)]
        )
    return table


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


def _fill(row: Data, regimen: RegimenPrices) -> None:
    row["first_cycle_days"], row["second_cycle_days"], row["later_cycle_days"] = regimen.stay
    drug = regimen.drug
    if isinstance(drug, InfusionDrug):
        row["form"] = DrugForm.BAGS
        row["price_per_vial"], row["vial_content"] = drug.price_per_vial, drug.vial_mcg
        row["bag_days"] = drug.bag_days
        row["infusion_days"] = drug.schedule.infusion_days
        row["step_days"] = drug.schedule.step_days
        row["full_dose_mcg_per_day"] = drug.schedule.full_dose_mcg_per_day
    elif isinstance(drug, InjectedDrug):
        row["form"] = DrugForm.DOSES
        row["price_per_vial"], row["vial_content"] = drug.price_per_vial, drug.vial_mg
        for name in (
            "first_dose_mg_per_m2",
            "first_dose_in_remission_mg_per_m2",
            "second_dose_mg_per_m2",
            "third_dose_mg_per_m2",
            "days_between_doses",
        ):
            row[name] = getattr(drug, name)
    elif isinstance(drug, CourseDrug):
        row["form"] = DrugForm.COURSES
        row["price_per_cycle"] = drug.price_per_cycle
