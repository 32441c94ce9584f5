"""The clerk in compiled code: from the log of a patient to sums by category, line and state.

The counterpart of `sim.economics.accounting`, posting for posting, with one exception: bags of
one stretch of infusion are summed in closed form (a geometric series of discount factors), which
agrees with the sum of the single bags to rounding.
"""

from __future__ import annotations

from typing import Final

from sim.clinic.events import Cause, Happening
from sim.clinic.patient import Patient, bsa_m2
from sim.clinic.toxicity import SEVERE, Toxicity
from sim.clinic.units import DAYS_PER_MONTH, DAYS_PER_YEAR
from sim.economics.accounting import PACKAGE_DAYS
from sim.economics.core_bags import hang_bags, vials
from sim.economics.core_ledger import (
    ADMINISTRATION,
    AFTER_TRANSPLANT,
    COMPLETE_REMISSION,
    DRUG,
    END_OF_LIFE,
    FOLLOW_UP,
    INCOMPLETE_REMISSION,
    LATER_LINES,
    ON_TREATMENT,
    QALY_GVHD,
    QALY_TOXICITY,
    RELAPSED_REFRACTORY,
    TOXICITY,
    TRANSPLANT,
    TRANSPLANT_FIRST_YEAR,
    Book,
    close,
    enter,
    point,
    stream,
)
from sim.economics.price_records import DrugForm
from sim.engine.data import Data

ENTERED: Final = int(Happening.ENTRY)
LINE_STARTED: Final = int(Happening.LINE_STARTED)
CYCLE_STARTED: Final = int(Happening.CYCLE_STARTED)
INFUSION_STARTED: Final = int(Happening.INFUSION_STARTED)
TOXIC: Final = int(Happening.TOXICITY)
RESPONDED: Final = int(Happening.RESPONSE)
FAILED: Final = int(Happening.NO_RESPONSE)
RELAPSED: Final = int(Happening.RELAPSE)
TRANSPLANTED: Final = int(Happening.TRANSPLANT)
VOD: Final = int(Happening.TRANSPLANT_VOD)
INFECTED: Final = int(Happening.TRANSPLANT_INFECTION)
ACUTE_GVHD: Final = int(Happening.ACUTE_GVHD)
CHRONIC_GVHD: Final = int(Happening.CHRONIC_GVHD)
TREATMENT_STOPPED: Final = int(Happening.TREATMENT_STOPPED)
SURVIVOR: Final = int(Happening.LONG_TERM_SURVIVOR)
USUAL_CARE: Final = int(Happening.USUAL_CARE_STARTED)
SUPPORTIVE_CARE: Final = int(Happening.SUPPORTIVE_CARE_STARTED)
DIED: Final = int(Happening.DEATH)
ENDED: Final = int(Happening.HORIZON)
BACKGROUND: Final = int(Cause.BACKGROUND)
DOSES: Final = int(DrugForm.DOSES)
COURSES: Final = int(DrugForm.COURSES)
CRS: Final = int(Toxicity.CRS)
NEUROTOXICITY: Final = int(Toxicity.NEUROTOXICITY)
HEPATOTOXICITY: Final = int(Toxicity.HEPATOTOXICITY)
INFECTION: Final = int(Toxicity.INFECTION)


def next_end(log: Data, events: int, position: int, also: int) -> float:
    """Return the time of the next transplant, relapse, death, horizon or event of kind `also`."""
    for i in range(position + 1, events):
        kind = log[i].kind
        if (
            kind == TRANSPLANTED
            or kind == RELAPSED
            or kind == DIED
            or kind == ENDED
            or kind == also
        ):
            return log[i].time_days
    return log[events - 1].time_days


def keep_book(
    book: Book,
    patient: Patient,
    log: Data,
    events: int,
    regimens: Data,
) -> None:
    """Walk the log once and post everything."""
    desk = book.desk
    desk.state = RELAPSED_REFRACTORY
    desk.since = 0.0
    desk.line = 0
    desk.home_from = 0.0
    desk.given_days = 0.0
    desk.tablets_until = 0.0
    end = log[events - 1].time_days
    prices = book.tariff.common.prices
    decrements = book.tariff.common.decrements
    for i in range(events):
        event = log[i]
        kind = event.kind
        now = event.time_days
        line = event.line
        if kind == INFUSION_STARTED:
            hang_bags(book, log, events, i, end, regimens[line])
        elif kind == CYCLE_STARTED:
            open_cycle(book, patient, log, events, i, end, regimens[line])
        elif kind == TOXIC:
            treat_toxicity(book, event, end)
        elif kind == LINE_STARTED:
            if desk.state != COMPLETE_REMISSION:
                enter(book, patient, end, ON_TREATMENT, now, line)
            desk.tablets_until = now + book.tariff.regimens[regimens[line]].tablets_longest_days
            give_tablets(book, log, events, i, end, regimens[line])
        elif kind == RESPONDED:
            state = COMPLETE_REMISSION if event.detail == 1 else INCOMPLETE_REMISSION
            remit(book, patient, log, events, i, end, state)
            give_tablets(book, log, events, i, end, regimens[line])
        elif kind == ENTERED:
            if event.detail == 1:
                remit(book, patient, log, events, i, end, COMPLETE_REMISSION)
        elif kind == FAILED or kind == RELAPSED:
            enter(book, patient, end, RELAPSED_REFRACTORY, now, line)
        elif kind == TRANSPLANTED:
            enter(book, patient, end, TRANSPLANT_FIRST_YEAR, now, line)
            follow_transplant(book, end, line, now, next_end(log, events, i, TRANSPLANTED))
        elif kind == VOD:
            point(book, end, TRANSPLANT, desk.state, line, now, prices.transplant_vod)
        elif kind == INFECTED:
            point(book, end, TRANSPLANT, desk.state, line, now, prices.transplant_infection)
        elif kind == ACUTE_GVHD:
            point(book, end, TRANSPLANT, desk.state, line, now, prices.acute_gvhd)
            loss = -decrements.acute_gvhd / DAYS_PER_YEAR
            stream(book, end, QALY_GVHD, desk.state, line, now, now + event.value, loss)
        elif kind == CHRONIC_GVHD:
            per_day = prices.chronic_gvhd_per_year / DAYS_PER_YEAR
            stream(book, end, TRANSPLANT, desk.state, line, now, now + event.value, per_day)
            loss = -decrements.chronic_gvhd / DAYS_PER_YEAR
            stream(book, end, QALY_GVHD, desk.state, line, now, now + event.value, loss)
        elif kind == USUAL_CARE:
            until = next_end(log, events, i, SUPPORTIVE_CARE)
            point(book, end, LATER_LINES, desk.state, line, now, prices.usual_care_drugs)
            leaves = min(now + book.tariff.common.usual_care_days, until)
            stream(book, end, LATER_LINES, desk.state, line, now, leaves, prices.inpatient_day)
            support(book, end, line, leaves, until)
        elif kind == SUPPORTIVE_CARE:
            support(book, end, line, now, next_end(log, events, i, SUPPORTIVE_CARE))
        elif kind == DIED:
            close(book, patient, end, now)
            if event.detail != BACKGROUND:
                point(book, end, END_OF_LIFE, desk.state, line, now, prices.end_of_life)
        elif kind == ENDED:
            close(book, patient, end, now)


def remit(
    book: Book, patient: Patient, log: Data, events: int, position: int, end: float, state: int
) -> None:
    """Enter remission, with follow-up until it ends or the patient is a long-term survivor."""
    now, line = log[position].time_days, log[position].line
    enter(book, patient, end, state, now, line)
    stop = next_end(log, events, position, SURVIVOR)
    per_day = book.tariff.common.prices.follow_up_per_month / DAYS_PER_MONTH
    stream(book, end, FOLLOW_UP, state, line, now, stop, per_day)


def give_tablets(book: Book, log: Data, events: int, position: int, end: float, row: int) -> None:
    """Give tablets from the event on until response is known or treatment fails."""
    per_day = book.tariff.regimens[row].tablets_per_day
    if per_day == 0.0:
        return
    desk = book.desk
    now, line = log[position].time_days, log[position].line
    known = min(next_end(log, events, position, RESPONDED), next_end(log, events, position, FAILED))
    stream(book, end, DRUG, desk.state, line, now, min(known, desk.tablets_until), per_day)


def support(book: Book, end: float, line: int, start: float, stop: float) -> None:
    """Post supportive care by the month."""
    per_day = book.tariff.common.prices.supportive_care_per_month / DAYS_PER_MONTH
    stream(book, end, LATER_LINES, book.desk.state, line, start, stop, per_day)


def follow_transplant(book: Book, end: float, line: int, now: float, until: float) -> None:
    """Post the transplant's package and the rest of two years unless it fails."""
    prices = book.tariff.common.prices
    point(book, end, TRANSPLANT, TRANSPLANT_FIRST_YEAR, line, now, prices.transplant)
    year = now + DAYS_PER_YEAR
    stream(
        book,
        end,
        TRANSPLANT,
        TRANSPLANT_FIRST_YEAR,
        line,
        now + PACKAGE_DAYS,
        min(year, until),
        prices.transplant_rest_of_first_year / (DAYS_PER_YEAR - PACKAGE_DAYS),
    )
    stream(
        book,
        end,
        TRANSPLANT,
        AFTER_TRANSPLANT,
        line,
        year,
        min(now + 2 * DAYS_PER_YEAR, until),
        prices.transplant_second_year / DAYS_PER_YEAR,
    )


def treat_toxicity(book: Book, event: Data, end: float) -> None:
    """Post a toxicity: severe ones in hospital, for days not in hospital anyway."""
    desk = book.desk
    prices = book.tariff.common.prices
    now, line = event.time_days, event.line
    if event.grade < SEVERE:
        point(book, end, TOXICITY, desk.state, line, now, prices.mild_toxicity)
        return
    kind = event.detail
    if kind == CRS:
        amount = prices.severe_crs
    elif kind == NEUROTOXICITY:
        amount = prices.severe_neurotoxicity
    elif kind == HEPATOTOXICITY:
        amount = prices.severe_hepatotoxicity
    elif kind == INFECTION:
        amount = prices.severe_infection
    else:
        amount = prices.severe_febrile_neutropenia
    over = now + event.value
    point(book, end, TOXICITY, desk.state, line, now, amount)
    start = max(now, desk.home_from)
    stream(book, end, TOXICITY, desk.state, line, start, over, prices.inpatient_day)
    desk.home_from = max(desk.home_from, over)
    loss = -book.tariff.common.decrements.severe_toxicity / DAYS_PER_YEAR
    stream(book, end, QALY_TOXICITY, desk.state, line, now, over, loss)


def open_cycle(
    book: Book,
    patient: Patient,
    log: Data,
    events: int,
    position: int,
    end: float,
    row: int,
) -> None:
    """Open a cycle: days in hospital, and drugs that are given in doses or courses."""
    desk = book.desk
    prices = book.tariff.common.prices
    regimen = book.tariff.regimens[row]
    event = log[position]
    now, line = event.time_days, event.line
    limit = next_end(log, events, position, TRANSPLANTED)
    desk.given_days = 0.0
    if event.cycle == 0:
        planned = regimen.first_cycle_days
    elif event.cycle == 1:
        planned = regimen.second_cycle_days
    else:
        planned = regimen.later_cycle_days
    desk.home_from = min(now + planned, limit)
    stream(book, end, ADMINISTRATION, desk.state, line, now, desk.home_from, prices.inpatient_day)
    if regimen.form == COURSES:
        point(book, end, DRUG, desk.state, line, now, regimen.price_per_cycle)
    elif regimen.form == DOSES:
        stops = next_end(log, events, position, TREATMENT_STOPPED)
        inject(book, patient, end, row, line, now, stops)


def inject(
    book: Book, patient: Patient, end: float, row: int, line: int, now: float, limit: float
) -> None:
    """Give the doses of a cycle: whole vials for each, a visit unless in hospital."""
    desk = book.desk
    prices = book.tariff.common.prices
    regimen = book.tariff.regimens[row]
    in_remission = desk.state == COMPLETE_REMISSION or desk.state == INCOMPLETE_REMISSION
    surface = bsa_m2(patient.height_cm, patient.weight_kg)
    for number in range(3):
        if number == 0:
            dose = (
                regimen.first_dose_in_remission_mg_per_m2
                if in_remission
                else regimen.first_dose_mg_per_m2
            )
        elif number == 1:
            dose = regimen.second_dose_mg_per_m2
        else:
            dose = regimen.third_dose_mg_per_m2
        day = now + number * regimen.days_between_doses
        if day >= limit:
            return
        cost = vials(book, dose * surface, regimen.vial_content) * regimen.price_per_vial
        point(book, end, DRUG, desk.state, line, day, cost)
        point(book, end, ADMINISTRATION, desk.state, line, day, prices.premedication)
        if day >= desk.home_from:
            point(book, end, ADMINISTRATION, desk.state, line, day, prices.outpatient_visit)
