"""The clerk in compiled code: from the log of a patient to sums by category, line and state.

The counterpart of `sim.economics.accounting`, posting for posting, with one exception: bags of
one stretch of infusion are summed in closed form (a geometric series of discount factors), which
agrees with the sum of the single bags to rounding.
"""

from __future__ import annotations

from typing import Final

from sim.clinic.events import Cause, Happening
from sim.clinic.patient import bsa_m2
from sim.clinic.toxicity import SEVERE, Toxicity
from sim.clinic.units import DAYS_PER_MONTH, DAYS_PER_YEAR
from sim.economics.accounting import PACKAGE_DAYS
from sim.economics.core_bags import hang_bags, until_transplant, vials
from sim.economics.core_ledger import (
    ADMINISTRATION,
    AFTER_TRANSPLANT,
    CATEGORIES,
    COMPLETE_REMISSION,
    COSTS,
    DECREMENTS,
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
    YEARS_PER_DAY,
    Book,
    close,
    effects_worth,
    enter,
    hospital,
    later_point,
    later_stream,
    lose,
    point,
    stream,
    worth,
)
from sim.economics.price_records import DrugForm
from sim.economics.utilities import Decrement
from sim.engine.core_body import HEIGHT, WEIGHT
from sim.engine.data import Data

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
ENDS: Final = (1 << TRANSPLANTED) | (1 << RELAPSED) | (1 << DIED) | (1 << ENDED)
"""What ends a cycle and much else, a bit each."""
UNPRICED: Final = (
    (1 << int(Happening.ENTRY))
    | (1 << int(Happening.MRD_ASSESSED))
    | (1 << int(Happening.INFUSION_STOPPED))
    | (1 << int(Happening.SEIZURE))
    | (1 << TREATMENT_STOPPED)
    | (1 << int(Happening.CD19_LOSS))
    | (1 << SURVIVOR)
)
"""What nothing is posted for; an entry with MRD only is, before all else."""
BACKGROUND: Final = int(Cause.BACKGROUND)
BY_TOXICITY: Final = int(Decrement.SEVERE_TOXICITY)
BY_ACUTE_GVHD: Final = int(Decrement.ACUTE_GVHD)
BY_CHRONIC_GVHD: Final = int(Decrement.CHRONIC_GVHD)
DOSES: Final = int(DrugForm.DOSES)
COURSES: Final = int(DrugForm.COURSES)
CRS: Final = int(Toxicity.CRS)
NEUROTOXICITY: Final = int(Toxicity.NEUROTOXICITY)
HEPATOTOXICITY: Final = int(Toxicity.HEPATOTOXICITY)
INFECTION: Final = int(Toxicity.INFECTION)
MONTHS_PER_DAY: Final = 1.0 / DAYS_PER_MONTH


def next_end(book: Book, body: Data, position: int) -> int:
    """Return the position of the next transplant, relapse, death or horizon."""
    i = book.desk.next_end
    if i <= position:
        i = position + 1
        while (ENDS >> body.log[i].kind) & 1 == 0:
            i += 1
        book.desk.next_end = i
    return i


def next_time(book: Book, body: Data, position: int, also: int) -> float:
    """Return the time of the next of these, or of an event of kind `also` if that comes first."""
    end = next_end(book, body, position)
    for i in range(position + 1, end):
        if body.log[i].kind == also:
            return body.log[i].time_days
    return body.log[end].time_days


def keep_book(book: Book, body: Data) -> None:
    """Walk the log once and post everything."""
    desk = book.desk
    for category in range(CATEGORIES):
        desk.amounts[book.strategy, book.column, 0, category] = 0.0
        desk.amounts[book.strategy, book.column, 1, category] = 0.0
    desk.state = RELAPSED_REFRACTORY
    desk.since = 0.0
    desk.since_worth = 1.0
    desk.line = 0
    desk.home_from = 0.0
    desk.days_in_hospital = 0.0
    for kind in range(DECREMENTS):
        desk.decremented_until[kind] = 0.0
    desk.given_days = 0.0
    desk.next_end = 0
    desk.end = body.now
    desk.tablets_until = 0.0
    if body.log[0].detail == 1:
        remit(book, body, 0, COMPLETE_REMISSION, 1.0)
    then, costs = 0.0, 1.0
    for position in range(body.events):
        event = body.log[position]
        kind = event.kind
        if (UNPRICED >> kind) & 1 == 1:
            continue
        if event.time_days != then:
            then = event.time_days
            costs = worth(book, COSTS, then)
        post(book, body, position, kind, costs)


def post(book: Book, body: Data, position: int, kind: int, costs: float) -> None:
    """Post an event, at the time of which `costs` is the discount factor of costs."""
    desk, prices = book.desk, book.tariff.prices
    event = body.log[position]
    now, line = event.time_days, event.line
    if kind == INFUSION_STARTED:
        hang_bags(book, body, position, costs, book.plan.regimens[line])
    elif kind == CYCLE_STARTED:
        open_cycle(book, body, position, costs, book.plan.regimens[line])
    elif kind == TOXIC:
        treat_toxicity(book, body, position, costs)
    elif kind == LINE_STARTED:
        if desk.state != COMPLETE_REMISSION:
            enter(book, body, ON_TREATMENT, line, now, costs)
        row = book.plan.regimens[line]
        desk.tablets_until = now + book.regimens[row].tablets_longest_days
        give_tablets(book, body, position, costs, row)
    elif kind == RESPONDED:
        state = COMPLETE_REMISSION if event.detail == 1 else INCOMPLETE_REMISSION
        remit(book, body, position, state, costs)
        give_tablets(book, body, position, costs, book.plan.regimens[line])
    elif kind == FAILED or kind == RELAPSED:
        enter(book, body, RELAPSED_REFRACTORY, line, now, costs)
    elif kind == DIED:
        close(book, body, now, effects_worth(book, now, costs))
        if event.detail != BACKGROUND:
            point(book, END_OF_LIFE, desk.state, line, costs, prices.end_of_life)
    elif kind == ENDED:
        close(book, body, now, effects_worth(book, now, costs))
    elif kind == USUAL_CARE:
        until = next_time(book, body, position, SUPPORTIVE_CARE)
        point(book, LATER_LINES, desk.state, line, costs, prices.usual_care_drugs)
        leaves = min(now + book.tariff.usual_care_days, until)
        hospital(book, LATER_LINES, line, now, costs, leaves, prices.inpatient_day)
        support(book, line, leaves, worth(book, COSTS, leaves), until)
    elif kind == SUPPORTIVE_CARE:
        support(book, line, now, costs, body.log[next_end(book, body, position)].time_days)
    else:
        post_transplant(book, body, position, kind, costs)


def remit(book: Book, body: Data, position: int, state: int, costs: float) -> None:
    """Enter remission, with follow-up until it ends or the patient is a long-term survivor."""
    event = body.log[position]
    now, line = event.time_days, event.line
    enter(book, body, state, line, now, costs)
    stop = next_time(book, body, position, SURVIVOR)
    per_day = book.tariff.prices.follow_up_per_month * MONTHS_PER_DAY
    stream(book, FOLLOW_UP, state, line, now, costs, stop, per_day)


def give_tablets(book: Book, body: Data, position: int, costs: float, row: int) -> None:
    """Give tablets from the event on until response is known or treatment fails."""
    per_day = book.regimens[row].tablets_per_day
    if per_day == 0.0:
        return
    event = body.log[position]
    now, line = event.time_days, event.line
    known = min(next_time(book, body, position, RESPONDED), next_time(book, body, position, FAILED))
    stop = min(known, book.desk.tablets_until)
    stream(book, DRUG, book.desk.state, line, now, costs, stop, per_day)


def support(book: Book, line: int, start: float, start_worth: float, stop: float) -> None:
    """Post supportive care by the month, from when no stay in hospital is paid any more."""
    if book.desk.home_from > start:
        start = book.desk.home_from
        start_worth = worth(book, COSTS, start)
    per_day = book.tariff.prices.supportive_care_per_month * MONTHS_PER_DAY
    stream(book, LATER_LINES, book.desk.state, line, start, start_worth, stop, per_day)


def post_transplant(book: Book, body: Data, position: int, kind: int, costs: float) -> None:
    """Post a transplant or one of its complications."""
    desk, prices = book.desk, book.tariff.prices
    event = body.log[position]
    now, line = event.time_days, event.line
    # What a complication takes ends with relapse, as immunosuppression does.
    over = min(now + event.value, body.log[next_end(book, body, position)].time_days)
    if kind == TRANSPLANTED:
        enter(book, body, TRANSPLANT_FIRST_YEAR, line, now, costs)
        until = body.log[next_end(book, body, position)].time_days
        follow_transplant(book, line, now, costs, until)
        desk.home_from = max(desk.home_from, now + PACKAGE_DAYS)
    elif kind == VOD:
        point(book, TRANSPLANT, desk.state, line, costs, prices.transplant_vod)
    elif kind == INFECTED:
        point(book, TRANSPLANT, desk.state, line, costs, prices.transplant_infection)
    elif kind == ACUTE_GVHD:
        point(book, TRANSPLANT, desk.state, line, costs, prices.acute_gvhd)
        lose(book, QALY_GVHD, line, now, effects_worth(book, now, costs), over, BY_ACUTE_GVHD)
    elif kind == CHRONIC_GVHD:
        per_day = prices.chronic_gvhd_per_year * YEARS_PER_DAY
        stream(book, TRANSPLANT, desk.state, line, now, costs, over, per_day)
        lose(book, QALY_GVHD, line, now, effects_worth(book, now, costs), over, BY_CHRONIC_GVHD)


def follow_transplant(book: Book, line: int, now: float, costs: float, until: float) -> None:
    """Post the transplant's package and the rest of two years unless it fails."""
    prices = book.tariff.prices
    point(book, TRANSPLANT, TRANSPLANT_FIRST_YEAR, line, costs, prices.transplant)
    year = now + DAYS_PER_YEAR
    later_stream(
        book,
        TRANSPLANT,
        TRANSPLANT_FIRST_YEAR,
        line,
        now + PACKAGE_DAYS,
        min(year, until),
        prices.transplant_rest_of_first_year * (1.0 / (DAYS_PER_YEAR - PACKAGE_DAYS)),
    )
    later_stream(
        book,
        TRANSPLANT,
        AFTER_TRANSPLANT,
        line,
        year,
        min(now + 2 * DAYS_PER_YEAR, until),
        prices.transplant_second_year * YEARS_PER_DAY,
    )


def treat_toxicity(book: Book, body: Data, position: int, costs: float) -> None:
    """Post a toxicity: severe ones in hospital, until they are over or the transplant."""
    desk = book.desk
    prices = book.tariff.prices
    event = body.log[position]
    now, line, kind = event.time_days, event.line, event.detail
    if event.grade < SEVERE:
        point(book, TOXICITY, desk.state, line, costs, prices.mild_toxicity)
        return
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
    point(book, TOXICITY, desk.state, line, costs, amount)
    leaves = until_transplant(body, position, over)
    hospital(book, TOXICITY, line, now, costs, leaves, prices.inpatient_day)
    lose(book, QALY_TOXICITY, line, now, effects_worth(book, now, costs), over, BY_TOXICITY)


def open_cycle(book: Book, body: Data, position: int, costs: float, row: int) -> None:
    """Open a cycle: days in hospital, and drugs that are given in doses or courses."""
    desk = book.desk
    regimen = book.regimens[row]
    event = body.log[position]
    now, line, cycle = event.time_days, event.line, event.cycle
    desk.given_days = 0.0
    if cycle == 0:
        planned = regimen.stay.first_cycle_days
    elif cycle == 1:
        planned = regimen.stay.second_cycle_days
    else:
        planned = regimen.stay.later_cycle_days
    leaves = min(now + planned, body.log[next_end(book, body, position)].time_days)
    day = book.tariff.prices.inpatient_day
    hospital(book, ADMINISTRATION, line, now, costs, leaves, day)
    if regimen.form == COURSES:
        point(book, DRUG, desk.state, line, costs, regimen.price_per_cycle)
    elif regimen.form == DOSES:
        stops = next_time(book, body, position, TREATMENT_STOPPED)
        inject(book, body, row, line, now, stops)


def inject(book: Book, body: Data, row: int, line: int, now: float, limit: float) -> None:
    """Give the doses of a cycle: whole vials for each, a visit unless in hospital."""
    desk = book.desk
    prices = book.tariff.prices
    regimen = book.regimens[row]
    in_remission = desk.state == COMPLETE_REMISSION or desk.state == INCOMPLETE_REMISSION
    surface = bsa_m2(body.people[HEIGHT, body.column], body.people[WEIGHT, body.column])
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
        later_point(book, DRUG, desk.state, line, day, cost)
        later_point(book, ADMINISTRATION, desk.state, line, day, prices.premedication)
        if day >= desk.home_from:
            later_point(book, ADMINISTRATION, desk.state, line, day, prices.outpatient_visit)
