"""The clerk: from a patient's log to a patient's book of costs, QALYs and life-years.

The log is walked once, in order. Costs follow the resources used: bags hung, days in hospital,
doses, transplants, complications. Nothing is simulated here: another price list can be put on the
same log. The rules are plain functions, run by Python and, compiled from this source, by the core
engine; how an entry is posted is in `sim.economics.posting`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sim.clinic.events import Cause, Event, EventKind
from sim.clinic.patient import Patient, bsa_m2
from sim.clinic.toxicity import SEVERE, Toxicity
from sim.clinic.units import DAYS_PER_MONTH, DAYS_PER_YEAR
from sim.economics.ledger import Category, Entry, State
from sim.economics.posting import (
    Accounts,
    Book,
    Item,
    accrue,
    accrue_from,
    accrue_in,
    accrue_in_hospital,
    begin_stay,
    clear,
    divided,
    enjoy,
    hang,
    lines_of,
    live,
    norm_at,
    norm_may_cap,
    pay,
    pay_at,
    pay_vials,
    regimen_of,
    toxicity_item,
    turn_to,
    utility_in,
    vials,
)
from sim.economics.prices import (
    DOSES_PER_CYCLE,
    Delivery,
    InjectedDrug,
    Prices,
    dose_mg_per_m2,
    planned_days,
)
from sim.economics.utilities import Decrement, added_decrement

PACKAGE_DAYS: Final = 100.0
"""The transplant's package is a mean of all payments in these days, days in hospital included."""
COMPLICATIONS: Final = len(Decrement)


def a_bit_each(*kinds: EventKind) -> int:
    """Return event kinds as the bits of one whole number."""
    return sum(1 << int(kind) for kind in kinds)


ENDS: Final = a_bit_each(
    EventKind.TRANSPLANT, EventKind.RELAPSE, EventKind.DEATH, EventKind.HORIZON
)
"""Event kinds that end a cycle and much else."""
UNPRICED: Final = a_bit_each(
    EventKind.MRD_ASSESSED,
    EventKind.INFUSION_STOPPED,
    EventKind.SEIZURE,
    EventKind.TREATMENT_STOPPED,
    EventKind.CD19_LOSS,
    EventKind.LONG_TERM_SURVIVOR,
    EventKind.CELLS_NOT_GIVEN,
)
"""Event kinds for which nothing is posted."""


def entries(
    accounts: Accounts, regimens: Sequence[str], patient: Patient, log: Sequence[Event]
) -> list[Entry]:
    """Return the ledger of one patient, in the order of the log."""
    book = Book(accounts, regimens)
    keep_book(book, patient, log)
    return book.entries


def keep_book(book: Book, patient: Patient, log: Sequence[Event]) -> None:
    """Walk the log once and post everything."""
    open_book(book, log)
    for position in range(len(log)):
        post_event(book, patient, log, position)


def open_book(book: Book, log: Sequence[Event]) -> None:
    """Begin with active disease off treatment, and nothing posted."""
    desk = book.desk
    desk.now = 0.0
    desk.line = 0
    desk.state = State.RELAPSED_REFRACTORY
    desk.since = 0.0
    desk.since_line = 0
    desk.home_from = 0.0
    desk.cared_until = 0.0
    desk.given_days = 0.0
    desk.tablets_until = 0.0
    desk.end = log[-1].time_days
    desk.next_end = 0
    for kind in range(COMPLICATIONS):
        desk.decremented_until[kind] = 0.0
    clear(book)


def post_event(book: Book, patient: Patient, log: Sequence[Event], position: int) -> None:
    """Post an event of the log."""
    event = log[position]
    if is_one_of(UNPRICED, event):
        return
    turn_to(book, event)
    kind = event.kind
    if kind == EventKind.INFUSION_STARTED:
        infuse(book, log, position)
    elif kind == EventKind.CYCLE_STARTED:
        open_cycle(book, patient, log, position)
    elif kind == EventKind.TOXICITY:
        treat_toxicity(book, log, position)
    elif kind == EventKind.LINE_STARTED:
        start_line(book, patient, log, position)
    elif kind == EventKind.RESPONSE:
        depth = State.COMPLETE_REMISSION if event.detail == 1 else State.INCOMPLETE_REMISSION
        remit(book, patient, log, position, depth)
        if book.desk.line < lines_of(book):
            give_tablets(book, log, position)
            replace_immunoglobulin(book, log, position)
    elif kind == EventKind.NO_RESPONSE or kind == EventKind.RELAPSE:
        enter(book, patient, State.RELAPSED_REFRACTORY)
    elif kind == EventKind.ENTRY:
        # With MRD only, life begins in complete remission, under follow-up.
        if event.detail == 1:
            remit(book, patient, log, position, State.COMPLETE_REMISSION)
    elif kind == EventKind.DEATH or kind == EventKind.HORIZON:
        close(book, patient)
        if kind == EventKind.DEATH and event.detail != Cause.BACKGROUND:
            end_life(book)
    elif kind == EventKind.USUAL_CARE_STARTED or kind == EventKind.SUPPORTIVE_CARE_STARTED:
        care_after_failure(book, next_time(book, log, position, EventKind.RESPONSE))
    elif kind == EventKind.LEUKAPHERESIS:
        collect_cells(book)
    elif kind == EventKind.CELLS_INFUSED:
        infuse_cells(book, log, position)
    else:
        post_transplant(book, patient, log, position)


def is_one_of(kinds: int, event: Event) -> bool:
    """Return whether the event is of one of the event kinds, a bit each."""
    return (kinds >> int(event.kind)) & 1 == 1


def place_of_next_end(book: Book, log: Sequence[Event], position: int) -> int:
    """Return the position of the next transplant, relapse, death or horizon."""
    i = book.desk.next_end
    if i <= position:
        i = position + 1
        while not is_one_of(ENDS, log[i]):
            i += 1
        book.desk.next_end = i
    return i


def next_end(book: Book, log: Sequence[Event], position: int) -> float:
    """Return the time of the next transplant, relapse, death or horizon."""
    return log[place_of_next_end(book, log, position)].time_days


def next_time(book: Book, log: Sequence[Event], position: int, also: EventKind) -> float:
    """Return the time of the next of these, or of an event of kind `also` if that comes first."""
    end = place_of_next_end(book, log, position)
    for i in range(position + 1, end):
        if log[i].kind == also:
            return log[i].time_days
    return log[end].time_days


def until_transplant(log: Sequence[Event], position: int, time: float) -> float:
    """Return `time`, or that of a transplant after the event at `position` and before `time`."""
    for i in range(position + 1, len(log)):
        if log[i].time_days >= time:
            return time
        if log[i].kind == EventKind.TRANSPLANT:
            return log[i].time_days
    return time


# ------------------------------------------------------------------ stays in health states


def enter(book: Book, patient: Patient, state: State) -> None:
    """Close the stay in the present state and begin another."""
    close(book, patient)
    begin_stay(book, state)


def close(book: Book, patient: Patient) -> None:
    """Close the stay in the present state; the first year after a transplant ends with the year."""
    desk = book.desk
    state, start = desk.state, desk.since
    if state == State.TRANSPLANT_FIRST_YEAR and desk.now - start > DAYS_PER_YEAR:
        turn = start + DAYS_PER_YEAR
        stay(book, patient, state, start, turn)
        state, start = State.AFTER_TRANSPLANT, turn
    stay(book, patient, state, start, desk.now)


def stay(book: Book, patient: Patient, state: State, start: float, stop: float) -> None:
    """Post life-years and QALYs of a stay, utility ``min(u_state, norm(attained age, sex))``."""
    if stop <= start:
        return
    utility = utility_in(book, state)
    capped = norm_may_cap(book, patient, utility, start)
    live(book, state, start, stop, 0.0 if capped else utility)
    if capped:
        enjoy_capped(book, patient, state, start, stop, utility)


def enjoy_capped(
    book: Book, patient: Patient, state: State, start: float, stop: float, utility: float
) -> None:
    """Post the QALYs of a stay, an entry up to each birthday on which the capped value changes."""
    age = int(patient.age_years + divided(start, DAYS_PER_YEAR))
    value = min(utility, norm_at(book, patient, age))
    while True:
        age += 1
        birthday = (age - patient.age_years) * DAYS_PER_YEAR
        if birthday >= stop:
            break
        following = min(utility, norm_at(book, patient, age))
        if following != value and birthday > start:
            enjoy(book, state, start, birthday, value)
            start = birthday
        value = following
    enjoy(book, state, start, stop, value)


def lose(book: Book, category: Category, over: float, kind: Decrement, item: Item) -> None:
    """Post the QALYs lost to a complication until it is `over`.

    Of complications at the same time only the largest decrement counts, see `added_decrement`.
    """
    desk = book.desk
    start, stop = desk.now, min(over, desk.end)
    while start < stop:
        end, more = added_decrement(
            book.tariff.decrements, desk.decremented_until, kind, start, stop
        )
        if more > 0.0:
            accrue_from(book, category, start, end, divided(-more, DAYS_PER_YEAR), item)
        start = end
    desk.decremented_until[kind] = max(desk.decremented_until[kind], over)


# ------------------------------------------------------------------------------- treatment


def start_line(book: Book, patient: Patient, log: Sequence[Event], position: int) -> None:
    """Begin a line: active disease under treatment, unless MRD is treated in remission."""
    desk = book.desk
    if desk.state != State.COMPLETE_REMISSION:
        enter(book, patient, State.ON_TREATMENT)
    desk.tablets_until = desk.now + regimen_of(book).tablets.longest_days
    give_tablets(book, log, position)


def give_tablets(book: Book, log: Sequence[Event], position: int) -> None:
    """Give tablets from the event on until response is known or treatment fails."""
    per_day = regimen_of(book).tablets.price_per_day
    if per_day == 0.0:
        return
    known = min(
        next_time(book, log, position, EventKind.RESPONSE),
        next_time(book, log, position, EventKind.NO_RESPONSE),
    )
    accrue(book, Category.DRUG, min(known, book.desk.tablets_until), per_day, Item.TABLETS)


def open_cycle(book: Book, patient: Patient, log: Sequence[Event], position: int) -> None:
    """Open a cycle: days in hospital, and drugs that are given in doses or courses."""
    desk, regimen = book.desk, regimen_of(book)
    desk.given_days = 0.0
    leaves = desk.now + planned_days(regimen.stay, log[position].cycle)
    leaves = min(leaves, next_end(book, log, position))
    planned_stay(book, leaves)
    if regimen.delivery == Delivery.CHEMOTHERAPY:
        pay(book, Category.DRUG, regimen.course.price_per_cycle, Item.CHEMOTHERAPY)
    elif regimen.delivery == Delivery.INJECTIONS:
        stops = next_time(book, log, position, EventKind.TREATMENT_STOPPED)
        inject(book, regimen.injection, bsa_m2(patient.height_cm, patient.weight_kg), stops)


def planned_stay(book: Book, stop: float) -> None:
    """Post the planned days in hospital until `stop` that nothing earlier has paid.

    Stays may overlap: a toxicity lasts into the next line, or a transplant's package covers
    the beginning of one. The patient is in hospital once and the earlier reason pays.
    """
    desk = book.desk
    start, stop = max(desk.now, desk.home_from), min(stop, desk.end)
    if stop <= start:
        return
    per_day = book.tariff.prices.inpatient_day
    accrue_in_hospital(book, Category.ADMINISTRATION, start, stop, per_day, Item.WARD)
    desk.home_from = stop


def inject(book: Book, drug: InjectedDrug, surface_m2: float, limit: float) -> None:
    """Give the doses of a cycle: whole vials for each, a visit unless in hospital."""
    desk, prices = book.desk, book.tariff.prices
    remission = desk.state == State.COMPLETE_REMISSION or desk.state == State.INCOMPLETE_REMISSION
    for number in range(DOSES_PER_CYCLE):
        day = desk.now + number * drug.days_between_doses
        if day >= limit:
            return
        dose = dose_mg_per_m2(drug, number, in_remission=remission)
        count = vials(dose * surface_m2, drug.vial_mg, sharing=book.tariff.vial_sharing)
        pay_vials(book, day, count, drug.price_per_vial)
        pay_at(book, Category.ADMINISTRATION, day, prices.premedication, Item.PREMEDICATION)
        if day >= desk.home_from:
            pay_at(book, Category.ADMINISTRATION, day, prices.outpatient_visit, Item.VISIT)


def infuse(book: Book, log: Sequence[Event], position: int) -> None:
    """Hang the bags of a stretch of infusion until the pump stops or the dose changes."""
    regimen = regimen_of(book)
    if regimen.delivery != Delivery.CONTINUOUS_INFUSION:
        return
    desk, prices, dose = book.desk, book.tariff.prices, log[position].value
    schedule = regimen.infusion.schedule
    left = schedule.infusion_days - desk.given_days
    planned = min(schedule.step_days, left) if dose < schedule.full_dose_mcg_per_day else left
    stops = end_of_infusion(log, position)
    hang(book, log, position, regimen, dose, planned, stops)
    pay(book, Category.ADMINISTRATION, prices.premedication, Item.PREMEDICATION)
    accrue(book, Category.ADMINISTRATION, stops, prices.infusion_pump_day, Item.PUMP)
    desk.given_days += stops - desk.now


def end_of_infusion(log: Sequence[Event], position: int) -> float:
    """Return when the pump stops or the dose changes."""
    for i in range(position + 1, len(log)):
        kind = log[i].kind
        if kind == EventKind.INFUSION_STARTED or kind == EventKind.INFUSION_STOPPED:
            return log[i].time_days
    return log[-1].time_days


def collect_cells(book: Book) -> None:
    """Collect cells, and bridge the time until they are infused."""
    drug = regimen_of(book).cell
    pay(book, Category.ADMINISTRATION, drug.leukapheresis, Item.LEUKAPHERESIS)
    pay(book, Category.DRUG, drug.bridging, Item.BRIDGING)


def infuse_cells(book: Book, log: Sequence[Event], position: int) -> None:
    """Infuse the cells after lymphodepletion; the days in hospital are those of the cycle."""
    drug = regimen_of(book).cell
    pay(book, Category.DRUG, drug.lymphodepletion, Item.LYMPHODEPLETION)
    pay(book, Category.DRUG, drug.cells, Item.CELLS)
    if book.desk.state == State.COMPLETE_REMISSION:
        # MRD alone is treated: the remission has begun before.
        replace_immunoglobulin(book, log, position)


def replace_immunoglobulin(book: Book, log: Sequence[Event], position: int) -> None:
    """Replace immunoglobulin while B cells are missing, until the remission ends or a transplant."""
    regimen = regimen_of(book)
    if regimen.delivery != Delivery.CELL_THERAPY:
        return
    drug = regimen.cell
    stop = min(next_end(book, log, position), book.desk.now + drug.immunoglobulin_longest_days)
    accrue(book, Category.FOLLOW_UP, stop, drug.immunoglobulin_per_day, Item.IMMUNOGLOBULIN)


def treat_toxicity(book: Book, log: Sequence[Event], position: int) -> None:
    """Treat a toxicity: a severe one in hospital, by the episode.

    The price of a day of a planned stay is a mean over stays with their complications: a toxicity
    that begins in hospital is part of it. Tocilizumab and intensive care for CRS come on top.
    """
    event, desk, prices = log[position], book.desk, book.tariff.prices
    if event.grade < SEVERE:
        pay(book, Category.TOXICITY, prices.mild_toxicity, Item.MILD_TOXICITY)
        return
    item, over = toxicity_item(event.detail), event.time_days + event.value
    if event.detail == Toxicity.CRS or desk.now >= desk.home_from:
        pay(book, Category.TOXICITY, price_of_severe(prices, event.detail), item)
    desk.home_from = max(desk.home_from, until_transplant(log, position, over))
    lose(book, Category.QALY_TOXICITY, over, Decrement.SEVERE_TOXICITY, item)


def price_of_severe(prices: Prices, kind: int) -> float:
    """Return the price of an episode of a severe toxicity."""
    if kind == Toxicity.CRS:
        return prices.severe_crs
    if kind == Toxicity.NEUROTOXICITY:
        return prices.severe_neurotoxicity
    if kind == Toxicity.HEPATOTOXICITY:
        return prices.severe_hepatotoxicity
    if kind == Toxicity.INFECTION:
        return prices.severe_infection
    return prices.severe_febrile_neutropenia


# ------------------------------------------------------- remission, transplant, later care


def remit(book: Book, patient: Patient, log: Sequence[Event], position: int, depth: State) -> None:
    """Remission: follow-up until it ends or the patient is a long-term survivor."""
    enter(book, patient, depth)
    stop = next_time(book, log, position, EventKind.LONG_TERM_SURVIVOR)
    per_day = divided(book.tariff.prices.follow_up_per_month, DAYS_PER_MONTH)
    accrue(book, Category.FOLLOW_UP, stop, per_day, Item.FOLLOW_UP)


def post_transplant(book: Book, patient: Patient, log: Sequence[Event], position: int) -> None:
    """Post a transplant or one of its complications; relapse ends immunosuppression and GVHD."""
    event, prices = log[position], book.tariff.prices
    kind, until = event.kind, next_end(book, log, position)
    over = min(event.time_days + event.value, until)
    if kind == EventKind.TRANSPLANT:
        enter(book, patient, State.TRANSPLANT_FIRST_YEAR)
        transplant(book, until)
    elif kind == EventKind.TRANSPLANT_VOD:
        pay(book, Category.TRANSPLANT, prices.transplant_vod, Item.VOD)
    elif kind == EventKind.TRANSPLANT_INFECTION:
        pay(book, Category.TRANSPLANT, prices.transplant_infection, Item.INFECTION)
    elif kind == EventKind.ACUTE_GVHD:
        pay(book, Category.TRANSPLANT, prices.acute_gvhd, Item.ACUTE_GVHD)
        lose(book, Category.QALY_GVHD, over, Decrement.ACUTE_GVHD, Item.ACUTE_GVHD)
    elif kind == EventKind.CHRONIC_GVHD:
        per_day = divided(prices.chronic_gvhd_per_year, DAYS_PER_YEAR)
        accrue(book, Category.TRANSPLANT, over, per_day, Item.CHRONIC_GVHD)
        lose(book, Category.QALY_GVHD, over, Decrement.CHRONIC_GVHD, Item.CHRONIC_GVHD)


def transplant(book: Book, until: float) -> None:
    """Post the transplant's package for 100 days, then the rest of two years unless it fails."""
    desk, prices = book.desk, book.tariff.prices
    pay(book, Category.TRANSPLANT, prices.transplant, Item.TRANSPLANT)
    desk.home_from = max(desk.home_from, desk.now + PACKAGE_DAYS)
    year = desk.now + DAYS_PER_YEAR
    accrue_in(
        book,
        Category.TRANSPLANT,
        State.TRANSPLANT_FIRST_YEAR,
        desk.now + PACKAGE_DAYS,
        min(year, until),
        divided(prices.transplant_rest_of_first_year, DAYS_PER_YEAR - PACKAGE_DAYS),
        Item.AFTER_TRANSPLANT,
    )
    accrue_in(
        book,
        Category.TRANSPLANT,
        State.AFTER_TRANSPLANT,
        year,
        min(desk.now + 2 * DAYS_PER_YEAR, until),
        divided(prices.transplant_second_year, DAYS_PER_YEAR),
        Item.AFTER_TRANSPLANT,
    )


def care_after_failure(book: Book, until: float) -> None:
    """Post all care after failure by the month, later lines and days in hospital included.

    It begins when no earlier stay in hospital is paid any more, and ends with the next remission.
    """
    desk = book.desk
    start = max(desk.now, desk.home_from, desk.cared_until)
    per_day = divided(book.tariff.prices.after_failure_per_month, DAYS_PER_MONTH)
    if start < until:
        accrue_from(book, Category.LATER_LINES, start, until, per_day, Item.AFTER_FAILURE)
        desk.cared_until = until


def end_life(book: Book) -> None:
    """Post the end of life, which the care after failure holds where it goes on until death."""
    if book.desk.cared_until < book.desk.now:
        pay(book, Category.END_OF_LIFE, book.tariff.prices.end_of_life, Item.END_OF_LIFE)
