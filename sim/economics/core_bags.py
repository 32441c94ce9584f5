"""Bags and vials in compiled code: the counterpart of `sim.economics.treatment_costs`."""

from __future__ import annotations

from math import ceil
from typing import Final

from sim.clinic.events import Happening
from sim.clinic.toxicity import SEVERE
from sim.economics.core_ledger import ADMINISTRATION, DRUG, Book, point, series, stream
from sim.economics.price_records import DrugForm
from sim.economics.treatment_costs import ROUNDING
from sim.engine.data import Data

INFUSION_STARTED: Final = int(Happening.INFUSION_STARTED)
INFUSION_STOPPED: Final = int(Happening.INFUSION_STOPPED)
TOXIC: Final = int(Happening.TOXICITY)
BAGS: Final = int(DrugForm.BAGS)


def vials(book: Book, amount: float, content: float) -> float:
    """Return the vials for one preparation: whole vials, or the exact share when shared."""
    exact = amount / content
    return exact if book.tariff.common.vial_sharing else float(ceil(exact - ROUNDING))


def severe_before(log: Data, events: int, position: int, time: float) -> bool:
    """Return whether a severe toxicity begins after the event at `position`, before `time`."""
    for i in range(position + 1, events):
        if log[i].time_days >= time:
            return False
        if log[i].kind == TOXIC and log[i].grade >= SEVERE:
            return True
    return False


def in_hospital(log: Data, events: int, position: int, time: float) -> bool:
    """Return whether a severe toxicity after the event at `position` lasts at `time`."""
    for i in range(position + 1, events):
        event = log[i]
        if event.time_days > time:
            return False
        if event.kind == TOXIC and event.grade >= SEVERE and time < event.time_days + event.value:
            return True
    return False


def hang_bags(
    book: Book,
    log: Data,
    events: int,
    position: int,
    end: float,
    row: int,
) -> None:
    """Hang the bags of a stretch of infusion until the pump stops or the dose changes."""
    regimen = book.tariff.regimens[row]
    if regimen.form != BAGS:
        return
    desk = book.desk
    prices = book.tariff.common.prices
    event = log[position]
    now, line, dose = event.time_days, event.line, event.value
    left = regimen.infusion_days - desk.given_days
    planned = min(regimen.step_days, left) if dose < regimen.full_dose_mcg_per_day else left
    stops = end
    for i in range(position + 1, events):
        kind = log[i].kind
        if kind == INFUSION_STARTED or kind == INFUSION_STOPPED:
            stops = log[i].time_days
            break
    bag = regimen.bag_days
    hung = ceil((min(planned, stops - now) - ROUNDING) / bag)
    if hung > 0:
        last_day = (hung - 1) * bag
        full = hung if planned - last_day >= bag else hung - 1
        price = regimen.price_per_vial
        cost = vials(book, dose * bag, regimen.vial_content) * price
        series(book, row, DRUG, line, now, 0, full, cost)
        if full < hung:
            rest = dose * (planned - last_day)
            cost = vials(book, rest, regimen.vial_content) * price
            point(book, end, DRUG, desk.state, line, now + last_day, cost)
        at_home = 0
        while at_home < hung and now + at_home * bag < desk.home_from:
            at_home += 1
        if severe_before(log, events, position, stops):
            for k in range(at_home, hung):
                day = now + k * bag
                if not in_hospital(log, events, position, day):
                    visit = prices.outpatient_visit
                    point(book, end, ADMINISTRATION, desk.state, line, day, visit)
        else:
            series(book, row, ADMINISTRATION, line, now, at_home, hung, prices.outpatient_visit)
    point(book, end, ADMINISTRATION, desk.state, line, now, prices.premedication)
    stream(book, end, ADMINISTRATION, desk.state, line, now, stops, prices.infusion_pump_day)
    desk.given_days += stops - now
