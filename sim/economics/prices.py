"""Unit costs and practice of a perspective, bound from named parameters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple, TypeAlias, cast

from sim.clinic.infusion import Schedule
from sim.clinic.units import DAYS_PER_MONTH, added
from sim.engine.values import Values


class Prices(NamedTuple):
    """Unit costs: parameters ``cost.*``, in the currency and price year of the perspective."""

    inpatient_day: float
    outpatient_visit: float
    premedication: float
    infusion_pump_day: float
    mild_toxicity: float
    severe_crs: float
    severe_neurotoxicity: float
    severe_hepatotoxicity: float
    severe_infection: float
    severe_febrile_neutropenia: float
    transplant: float
    transplant_rest_of_first_year: float
    transplant_second_year: float
    transplant_vod: float
    transplant_infection: float
    acute_gvhd: float
    chronic_gvhd_per_year: float
    after_failure_per_month: float
    follow_up_per_month: float
    end_of_life: float


class Stay(NamedTuple):
    """Planned days in hospital of a cycle: parameters ``hospital.<regimen>.*``."""

    first_cycle_days: float
    second_cycle_days: float
    later_cycle_days: float


def planned_days(stay: Stay, cycle: int) -> float:
    """Return the planned days in hospital of the `cycle`, counted from 0."""
    if cycle == 0:
        return stay.first_cycle_days
    if cycle == 1:
        return stay.second_cycle_days
    return stay.later_cycle_days


class Delivery(StrEnum):
    """How the drug of a regimen is given, and so how its use is counted."""

    CONTINUOUS_INFUSION = "continuous_infusion"
    INJECTIONS = "injections"
    CHEMOTHERAPY = "chemotherapy"
    CELL_THERAPY = "cell_therapy"


class InfusionDrug(NamedTuple):
    """A drug in bags."""

    price_per_vial: float
    vial_mcg: float
    bag_days: float
    schedule: Schedule


class InjectedDrug(NamedTuple):
    """A drug in doses by body surface, given weekly from the first day of a cycle."""

    price_per_vial: float
    vial_mg: float
    first_dose_mg_per_m2: float
    first_dose_in_remission_mg_per_m2: float
    second_dose_mg_per_m2: float
    third_dose_mg_per_m2: float
    days_between_doses: float


DOSES_PER_CYCLE: Final = 3


def dose_mg_per_m2(drug: InjectedDrug, number: int, *, in_remission: bool) -> float:
    """Return a dose of a cycle in mg/m², counted from 0."""
    if number == 0:
        if in_remission:
            return drug.first_dose_in_remission_mg_per_m2
        return drug.first_dose_mg_per_m2
    if number == 1:
        return drug.second_dose_mg_per_m2
    return drug.third_dose_mg_per_m2


class Mix(NamedTuple):
    """Shares of the regimens that make up salvage chemotherapy: ``<regimen>.mix.*``."""

    flag_share: float
    hidac_share: float
    methotrexate_share: float
    clofarabine_share: float


class MixPrices(NamedTuple):
    """Drugs of one cycle of each regimen of the mix: ``cost.<regimen>.*``."""

    flag_cycle: float
    hidac_cycle: float
    methotrexate_cycle: float
    clofarabine_cycle: float


class CourseDrug(NamedTuple):
    """Chemotherapy, priced by the cycle: the mean over the mix."""

    mix: Mix
    prices: MixPrices

    @property
    def price_per_cycle(self) -> float:
        """Mean drug price of a cycle, ``Σ share × price / Σ share``."""
        total = added(share * price for share, price in zip(self.mix, self.prices, strict=True))
        return total / added(self.mix)


class CellDrug(NamedTuple):
    """Cells made from the patient's own: ``cost.<regimen>.cells``, ``cost.cell_therapy.*``.

    Attributes
    ----------
    cells, lymphodepletion
        Paid with the infusion.
    leukapheresis, bridging
        Paid when cells are collected; bridging chemotherapy is the mean over all who wait.
    immunoglobulin_per_day, immunoglobulin_longest_days
        For B-cell aplasia while the remission lasts, the mean over all in remission.
    """

    cells: float
    lymphodepletion: float
    leukapheresis: float
    bridging: float
    immunoglobulin_per_day: float
    immunoglobulin_longest_days: float


class Tablets(NamedTuple):
    """Oral drugs of every day of a line: ``cost.<regimen>.*`` and ``<regimen>.tablets.*``.

    From the first day until failure, relapse, transplant or death, but no longer than so many days.
    """

    price_per_day: float
    longest_days: float


NO_TABLETS = Tablets(0.0, 0.0)
DELIVERY_OF: Final = {
    InfusionDrug: Delivery.CONTINUOUS_INFUSION,
    InjectedDrug: Delivery.INJECTIONS,
    CourseDrug: Delivery.CHEMOTHERAPY,
    CellDrug: Delivery.CELL_THERAPY,
}
Drug: TypeAlias = InfusionDrug | InjectedDrug | CourseDrug | CellDrug


@dataclass(frozen=True, slots=True)
class RegimenPrices:
    """A regimen's stay in hospital, its drug, and tablets taken with it."""

    name: str
    stay: Stay
    drug: Drug
    tablets: Tablets = NO_TABLETS

    @property
    def delivery(self) -> Delivery:
        """How the drug is given."""
        return DELIVERY_OF[type(self.drug)]

    @property
    def infusion(self) -> InfusionDrug:
        """The drug of a regimen of continuous infusion."""
        return cast(InfusionDrug, self.drug)

    @property
    def injection(self) -> InjectedDrug:
        """The drug of a regimen of injections."""
        return cast(InjectedDrug, self.drug)

    @property
    def course(self) -> CourseDrug:
        """The drugs of a regimen of chemotherapy."""
        return cast(CourseDrug, self.drug)

    @property
    def cell(self) -> CellDrug:
        """The cells of a regimen of cell therapy."""
        return cast(CellDrug, self.drug)


@dataclass(frozen=True, slots=True)
class PriceList:
    """All prices that a scenario needs."""

    prices: Prices
    regimens: dict[str, RegimenPrices]


HOURS_PER_DAY = 24.0


class Delivered(NamedTuple):
    """A regimen, how its drug is given, and the regimen that names the drug's vial and bags."""

    name: str
    delivery: Delivery
    drug: str


def _drug(regimen: Delivered, values: Values) -> Drug:
    name, delivery, drug = regimen
    if delivery == Delivery.CONTINUOUS_INFUSION:
        return InfusionDrug(
            price_per_vial=values[f"cost.{drug}.vial"],
            vial_mcg=values[f"{drug}.vial_mcg"],
            bag_days=values[f"hospital.{drug}.bag_hours"] / HOURS_PER_DAY,
            schedule=values.record(Schedule, f"{name}.schedule"),
        )
    if delivery == Delivery.INJECTIONS:
        return InjectedDrug(
            price_per_vial=values[f"cost.{drug}.vial"],
            vial_mg=values[f"cost.{drug}.vial_mg"],
            first_dose_mg_per_m2=values[f"{name}.dose.first_mg_per_m2"],
            first_dose_in_remission_mg_per_m2=values[f"{name}.dose.first_in_remission_mg_per_m2"],
            second_dose_mg_per_m2=values[f"{name}.dose.second_mg_per_m2"],
            third_dose_mg_per_m2=values[f"{name}.dose.third_mg_per_m2"],
            days_between_doses=values[f"{name}.dose.days_between"],
        )
    if delivery == Delivery.CELL_THERAPY:
        return _cell_drug(name, drug, values)
    return CourseDrug(
        mix=values.record(Mix, f"{name}.mix"), prices=values.record(MixPrices, f"cost.{name}")
    )


def _cell_drug(name: str, drug: str, values: Values) -> CellDrug:
    cost, share = "cost.cell_therapy", values[f"{name}.immunoglobulin.share"]
    return CellDrug(
        cells=values[f"cost.{drug}.cells"],
        lymphodepletion=values[f"{cost}.lymphodepletion"],
        leukapheresis=values[f"{cost}.leukapheresis"],
        bridging=values[f"{name}.bridging_share"] * values[f"{cost}.bridging"],
        immunoglobulin_per_day=share * values[f"{cost}.immunoglobulin_per_month"] / DAYS_PER_MONTH,
        immunoglobulin_longest_days=values[f"{name}.immunoglobulin.longest_days"],
    )


def _stay(regimen: Delivered, values: Values) -> Stay:
    """Bind the regimen's own stay in hospital or, where it has none, that of its drug.

    A stay is no longer than its cycle. Cells are given in one cycle only. A later cycle may be one of maintenance.
    """
    if regimen.delivery == Delivery.CELL_THERAPY:
        days = values[f"hospital.{regimen.drug}.first_cycle_days"]
        return Stay(min(days, values[f"{regimen.name}.schedule.first_cycle_days"]), 0.0, 0.0)
    own = values.has(f"hospital.{regimen.name}.{Stay._fields[0]}")
    planned = values.record(Stay, f"hospital.{regimen.name if own else regimen.drug}")
    first, cycle, maintenance = (
        values[f"{regimen.name}.schedule.{name}"]
        for name in ("first_cycle_days", "cycle_days", "maintenance_cycle_days")
    )
    return Stay(
        first_cycle_days=min(planned.first_cycle_days, first),
        second_cycle_days=min(planned.second_cycle_days, cycle),
        later_cycle_days=min(planned.later_cycle_days, cycle, maintenance),
    )


def _tablets(name: str, values: Values) -> Tablets:
    if not values.has(f"cost.{name}.tablets_per_day"):
        return NO_TABLETS
    return Tablets(values[f"cost.{name}.tablets_per_day"], values[f"{name}.tablets.longest_days"])


def unit_costs(values: Values) -> Prices:
    """Bind the unit costs of the perspective."""
    return values.record(Prices, "cost")


def regimen_prices(values: Values, regimen: Delivered) -> RegimenPrices:
    """Bind the prices of a regimen."""
    return RegimenPrices(
        name=regimen.name,
        stay=_stay(regimen, values),
        drug=_drug(regimen, values),
        tablets=_tablets(regimen.name, values),
    )


def price_list(values: Values, regimens: Iterable[Delivered]) -> PriceList:
    """Bind the prices of the perspective and of each of the `regimens`.

    Raises
    ------
    KeyError
        When a price is missing.
    """
    return PriceList(
        prices=unit_costs(values),
        regimens={regimen.name: regimen_prices(values, regimen) for regimen in regimens},
    )
