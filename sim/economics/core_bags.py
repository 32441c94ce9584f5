"""Bags and vials in compiled code: the counterpart of `sim.economics.treatment_costs`."""

from __future__ import annotations

from math import ceil
from typing import Final

from sim.clinic.events import Happening
from sim.clinic.toxicity import SEVERE
from sim.economics.core_ledger import (
    ADMINISTRATION,
    COSTS,
    DRUG,
    Book,
    add,
    later_point,
    point,
    stream,
    worth,
)
from sim.economics.price_records import MOST_BAGS, DrugForm, sum_of_factors
from sim.economics.treatment_costs import ROUNDING
from sim.engine.data import Data

INFUSION_STARTED: Final = int(Happening.INFUSION_STARTED)
INFUSION_STOPPED: Final = int(Happening.INFUSION_STOPPED)
TOXIC: Final = int(Happening.TOXICITY)
BAGS: Final = int(DrugForm.BAGS)
TRANSPLANTED: Final = int(Happening.TRANSPLANT)


def vials(book: Book, amount: float, content: float) -> float:
    """Return the vials for one preparation: whole vials, or the exact share when shared."""
    exact = amount / content
    return exact if book.tariff.vial_sharing else float(ceil(exact - ROUNDING))


def severe_before(body: Data, position: int, time: float) -> bool:
    """Return whether a severe toxicity begins after the event at `position`, before `time`."""
    for i in range(position + 1, body.events):
        event = body.log[i]
        if event.time_days >= time:
            return False
        if event.kind == TOXIC and event.grade >= SEVERE:
            return True
    return False


def in_hospital(body: Data, position: int, time: float) -> bool:
    """Return whether a severe toxicity after the event at `position` lasts at `time`."""
    for i in range(position + 1, body.events):
        event = body.log[i]
        if event.time_days > time:
            return False
        if event.kind == TOXIC and event.grade >= SEVERE and time < event.time_days + event.value:
            return True
    return False


def until_transplant(body: Data, position: int, time: float) -> float:
    """Return `time`, or that of a transplant after the event at `position` and before `time`."""
    for i in range(position + 1, body.events):
        event = body.log[i]
        if event.time_days >= time:
            return time
        if event.kind == TRANSPLANTED:
            return event.time_days
    return time


def hang_bags(book: Book, body: Data, position: int, now_worth: float, row: int) -> None:
    """Hang the bags of a stretch of infusion until the pump stops or the dose changes."""
    regimen = book.regimens[row]
    if regimen.form != BAGS:
        return
    desk = book.desk
    prices = book.tariff.prices
    event = body.log[position]
    now, line, dose = event.time_days, event.line, event.value
    left = regimen.infusion_days - desk.given_days
    planned = min(regimen.step_days, left) if dose < regimen.full_dose_mcg_per_day else left
    stops = desk.end
    for i in range(position + 1, body.events):
        kind = body.log[i].kind
        if kind == INFUSION_STARTED or kind == INFUSION_STOPPED:
            stops = body.log[i].time_days
            break
    bag = regimen.bag_days
    hung = ceil((min(planned, stops - now) - ROUNDING) / bag)
    if hung > 0:
        last_day = (hung - 1) * bag
        full = hung if planned - last_day >= bag else hung - 1
        price = regimen.price_per_vial
        cost = vials(book, dose * bag, regimen.vial_content) * price
        series(book, row, DRUG, line, now_worth, full, cost)
        if full < hung:
            rest = dose * (planned - last_day)
            cost = vials(book, rest, regimen.vial_content) * price
            later_point(book, DRUG, desk.state, line, now + last_day, cost)
        change_bags(book, body, position, row, hung, stops)
    point(book, ADMINISTRATION, desk.state, line, now_worth, prices.premedication)
    stream(book, ADMINISTRATION, desk.state, line, now, now_worth, stops, prices.infusion_pump_day)
    desk.given_days += stops - now


def change_bags(book: Book, body: Data, position: int, row: int, hung: int, stops: float) -> None:
    """Post a visit for each bag that is hung at home."""
    desk, visit = book.desk, book.tariff.prices.outpatient_visit
    event = body.log[position]
    now, line, bag = event.time_days, event.line, book.regimens[row].bag_days
    at_home = 0
    while at_home < hung and now + at_home * bag < desk.home_from:
        at_home += 1
    if at_home == hung:
        return
    if severe_before(body, position, stops):
        for k in range(at_home, hung):
            day = now + k * bag
            if not in_hospital(body, position, day):
                later_point(book, ADMINISTRATION, desk.state, line, day, visit)
    else:
        first_worth = worth(book, COSTS, now + at_home * bag)
        series(book, row, ADMINISTRATION, line, first_worth, hung - at_home, visit)


def series(
    book: Book, row: int, category: int, line: int, first_worth: float, count: int, amount: float
) -> None:
    """Post `amount` for each of `count` bags, the first at a time of known discount factor.

    Discounted: ``v(t_first) (1 − q^n) / (1 − q)`` with q the factor of a bag's days; the sums
    of few factors are tabulated.
    """
    if count <= 0 or amount == 0.0:
        return
    regimen = book.regimens[row]
    if count < MOST_BAGS:
        total = regimen.bag_sums[count]
    else:
        total = sum_of_factors(book.tariff.force_costs * regimen.bag_days, count)
    present = amount * first_worth * total
    add(book, category, book.desk.state, line, amount * count, present)
