"""The compiled forms of the functions in which Python and compiled code differ.

They look up the draws and values that were precomputed for a block of patients. Anything else is
computed as in Python: a draw that was not made ahead is never read.
"""

from __future__ import annotations

from sim.clinic import mortality
from sim.clinic.arithmetic import NOT_A_NUMBER, normal_quantile
from sim.clinic.distributions import standard_exponential
from sim.clinic.draws import RandomDraw, occurrence
from sim.clinic.patient import Patient
from sim.clinic.remission import cured_log_odds_ratio, is_cured, uncured_median_days
from sim.clinic.toxicity import Course
from sim.clinic.transplant import is_cured_by_transplant
from sim.clinic.units import NEVER
from sim.engine import life as plain
from sim.engine.compiled.draw_plan import (
    CYCLES_AHEAD,
    EXPONENTIAL,
    LINES_AHEAD,
    NORMAL,
    TOXIC_CYCLES_AHEAD,
    UNIFORM,
    place,
)
from sim.engine.compiled.draws import keyed_uniform
from sim.engine.compiled.forms import called, compiled_form_of
from sim.engine.compiled.memory import (
    AFTER_TRANSPLANT,
    BACKGROUND_DEATH_DAYS,
    FRESH_WORDS,
    MOST_KINDS,
    PRIOR_HCT,
    REFRACTORY_DAYS,
    RELAPSE_MULTIPLE,
    RELAPSED_DAYS,
    TRANSPLANT_WAIT,
    person_in,
)
from sim.engine.outcomes import clear, note
from sim.engine.patient_pathway import enter, step
from sim.engine.values import Data

any_refractory_days = called(plain.refractory_days)
any_relapsed_days = called(plain.relapsed_days)
any_relapse_days = called(plain.relapse_days_now)
any_days_after_transplant = called(plain.relapse_days_after_transplant)
any_transplant_wait = called(plain.transplant_wait_days)
any_response_chance = called(plain.response_chance)
any_toxicity_days = called(plain.toxicity_days)
all_toxicities = plain.possible_toxicities
salvage_line_now = plain.salvage_line_now


def live(world: Data, body: Data, strategy: int) -> None:
    """Simulate the current patient under a strategy, from entry to death or the horizon."""
    for word in range(FRESH_WORDS):
        body.words[word] = body.fresh[word]
    body.events = 0
    clear(body.outcome)
    body.strategy = strategy
    enter(world, body)
    while not body.over:
        step(world, body)


def row_ahead(body: Data, decision: int, line: int, cycle: int) -> int:
    """Return the row of a draw that was made ahead, or -1."""
    if line == 0 and cycle == 0:
        # The row of a first occurrence is the number of the draw: no need to wait for the table.
        return decision if body.rows[decision, 0] >= 0 else -1
    where = place(line, cycle)
    return body.rows[decision, where] if where >= 0 else -1


def drawn_in(world: Data, body: Data, decision: int, line: int, cycle: int, form: int) -> float:
    """Return a draw of a line and cycle as it was made ahead, or else make it now."""
    row = row_ahead(body, decision, line, cycle)
    if row >= 0:
        found: float = body.drawn[row, body.column]
        if is_known(found):
            return found
    return drawn_now(world.seed, body.number, decision, occurrence(line, cycle), form)


def is_known(value: float) -> bool:
    """Return whether a value was made ahead for this patient."""
    return value == value  # noqa: PLR0124 - not a number differs from itself


@called
def drawn_now(seed: Data, number: int, decision: int, repeat: int, form: int) -> float:
    """Return a draw that was not made ahead, in the form in which it is stored."""
    u = keyed_uniform(seed, number, decision, repeat)
    if form == EXPONENTIAL:
        return standard_exponential(u)
    return normal_quantile(u) if form == NORMAL else u


@compiled_form_of(plain.draw)
def draw(world: Data, body: Data, decision: int, cycle: int = 0) -> float:
    """Return the patient's uniform for a random draw of this line (and cycle)."""
    return drawn_in(world, body, decision, body.line, cycle, UNIFORM)


@compiled_form_of(plain.draw_exponential)
def draw_exponential(world: Data, body: Data, decision: int) -> float:
    """Return the patient's standard exponential for a random draw of this line."""
    return drawn_in(world, body, decision, body.line, 0, EXPONENTIAL)


@compiled_form_of(plain.draw_normal)
def draw_normal(world: Data, body: Data, decision: int, cycle: int = 0) -> float:
    """Return the patient's standard normal for a random draw of this line (and cycle)."""
    return drawn_in(world, body, decision, body.line, cycle, NORMAL)


@compiled_form_of(plain.draw_at_entry)
def draw_at_entry(world: Data, body: Data, decision: int) -> float:
    """Return the patient's standard exponential for a random draw that is made once, at entry."""
    return drawn_in(world, body, decision, 0, 0, EXPONENTIAL)


@compiled_form_of(plain.write)
def write(
    body: Data, kind: int, cycle: int = -1, detail: int = 0, grade: int = 0, value: float = 0.0
) -> None:
    """Append an event to the log, and update the outcome."""
    event = body.log[body.events]
    event.time_days = body.now
    event.value = value
    event.line = body.line
    event.kind = kind
    event.cycle = cycle
    event.detail = detail
    event.grade = grade
    body.events += 1
    note(body.outcome, body.now, kind, body.line, cycle, detail, grade, value)


@compiled_form_of(plain.person)
def person(body: Data) -> Patient:
    """Return the baseline of the current patient."""
    return person_in(body, body.column)


@compiled_form_of(plain.next_clock)
def next_clock(clocks: Data) -> int:
    """Return the clock that is due first; at equal times the first in `Clock`."""
    # Pairs first, since a chain of comparisons would wait for each of them. Backwards and without
    # a branch, since the clock that is due cannot be predicted.
    smallest = min(
        min(min(clocks[0], clocks[1]), min(clocks[2], clocks[3])),
        min(min(clocks[4], clocks[5]), min(clocks[6], clocks[7])),
    )
    if clocks[8] < smallest:
        return 8
    which = 7
    for i in range(1, 8):
        clock = 7 - i
        which = clock if clocks[clock] == smallest else which
    return which


@compiled_form_of(mortality.interval_of)
def interval_of(knots: Data, value: float) -> int:
    """Return the last interval whose knot is not above `value`, by halving."""
    first, after = 0, len(knots)
    while after - first > 1:
        middle = (first + after) // 2
        if value < knots[middle]:
            after = middle
        else:
            first = middle
    return first


@compiled_form_of(plain.refractory_days)
def refractory_days(world: Data, body: Data) -> float:
    """Return days from now to death of leukaemia that does not respond to this line."""
    days = value_ahead(body, REFRACTORY_DAYS)
    return days if is_known(days) else any_refractory_days(world, body)


@compiled_form_of(plain.relapsed_days)
def relapsed_days(world: Data, body: Data) -> float:
    """Return days from now to death of leukaemia that has just relapsed in this line."""
    days = value_ahead(body, RELAPSED_DAYS)
    return days if is_known(days) else any_relapsed_days(world, body)


def value_ahead(body: Data, row: int) -> float:
    """Return a value that was precomputed for the present line, or not a number."""
    return body.people[row + body.line, body.column] if body.line < LINES_AHEAD else NOT_A_NUMBER


@compiled_form_of(plain.relapse_days_now)
def relapse_days_now(world: Data, body: Data, regimen: Data, mrd_negative: bool) -> float:
    """Return days from a remission that begins now to relapse while its benefit lasts."""
    multiple = value_ahead(body, RELAPSE_MULTIPLE)
    if not (is_known(multiple) and body.leukaemia_hazard_ratio == 1.0):
        return any_relapse_days(world, body, regimen, mrd_negative)
    rules = world.rules.relapse
    log_odds_ratio = cured_log_odds_ratio(rules, person(body), salvage_line=salvage_line_now(body))
    cure = draw(world, body, RandomDraw.CURE_IN_REMISSION)
    if is_cured(rules, mrd_negative, cure, log_odds_ratio):
        return NEVER
    return uncured_median_days(rules, regimen.duration_ratio, mrd_negative) * multiple


@compiled_form_of(plain.relapse_days_after_transplant)
def relapse_days_after_transplant(world: Data, body: Data) -> float:
    """Return days from a transplant now to relapse."""
    days = value_ahead(body, AFTER_TRANSPLANT)
    if not (is_known(days) and body.leukaemia_hazard_ratio == 1.0):
        return any_days_after_transplant(world, body)
    log_odds_ratio = cured_log_odds_ratio(
        world.rules.relapse, person(body), salvage_line=salvage_line_now(body)
    )
    cure = draw(world, body, RandomDraw.CURE_AFTER_TRANSPLANT)
    if is_cured_by_transplant(world.rules.transplant, body.mrd_negative, cure, log_odds_ratio):
        return NEVER
    return days


@compiled_form_of(plain.transplant_wait_days)
def transplant_wait_days(world: Data, body: Data) -> float:
    """Return a candidate's days from remission to allo-HCT."""
    days = value_ahead(body, TRANSPLANT_WAIT)
    return days if is_known(days) else any_transplant_wait(world, body)


@compiled_form_of(plain.response_chance)
def response_chance(world: Data, body: Data, regimen: Data) -> float:
    """Return the probability that this line's induction brings a remission."""
    if body.line == 0 or (
        body.line < LINES_AHEAD
        and body.prior_hct == (body.people[PRIOR_HCT, body.column] > 0.0)
        and not (regimen.targets_cd19 and body.cd19_lost)
        and not (regimen.cell_therapy and body.prior_blinatumomab)
    ):
        return body.chances[body.strategy * LINES_AHEAD + body.line, body.column]
    return any_response_chance(world, body, regimen)


@compiled_form_of(plain.possible_toxicities)
def possible_toxicities(world: Data, body: Data) -> int:
    """Return the kinds of toxicity that are known to occur in this cycle, or all."""
    if body.line == 0 and body.cycle < CYCLES_AHEAD:
        return body.occurring[body.strategy * CYCLES_AHEAD + body.cycle, body.column]
    return all_toxicities(world, body)


@compiled_form_of(plain.toxicity_days)
def toxicity_days(world: Data, body: Data, course: Course, kind: int, decision: int) -> float:
    """Return how long a toxicity of this cycle lasts, in days."""
    if body.line == 0 and body.cycle < TOXIC_CYCLES_AHEAD:
        return body.durations[body.cycle * MOST_KINDS + kind, body.column]
    return any_toxicity_days(world, body, course, kind, decision)


@compiled_form_of(plain.background_death_at_entry)
def background_death_at_entry(world: Data, body: Data) -> float:  # noqa: ARG001
    """Return days from entry to background death, before any survivorship."""
    return body.people[BACKGROUND_DEATH_DAYS, body.column]
