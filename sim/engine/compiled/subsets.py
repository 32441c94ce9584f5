"""Draws and values that only a subset of a block needs, made for the patients listed for them.

The patients who may respond or have a toxicity are known as soon as the draws that
everyone needs have been made. A list may hold patients who never need its draws; in the first line
it holds all who do, and in a later line the others are found not to be a number, and are drawn when
they are needed.
"""

from __future__ import annotations

from typing import Final

from sim.clinic.arithmetic import NOT_A_NUMBER
from sim.clinic.disease import disease_hazard_ratio, relapsed_survival_days
from sim.clinic.distributions import (
    hit,
    lognormal_quantile,
    proportional_hazards,
    weibull_hazard_of,
)
from sim.clinic.draws import RandomDraw
from sim.clinic.patient import salvage_line_at, salvage_lines_failed
from sim.clinic.remission import (
    mrd_treatment_ratio,
    relapse_hazard_ratio,
    waiting_days,
)
from sim.clinic.toxicity import (
    DURATION_DECISION,
    GRADE_DECISION,
    Toxicity,
    duration_days,
    toxicity_occurs,
)
from sim.clinic.transplant import uncured_days_after_transplant
from sim.engine.compiled.draw_plan import (
    CYCLES_AHEAD,
    LATER,
    LINES_AHEAD,
    RESPONDERS,
    TOXIC_CYCLES_AHEAD,
    WITH_TOXICITY,
    place,
)
from sim.engine.compiled.draws import draw_group, draw_listed
from sim.engine.compiled.memory import (
    ABREAST,
    AFTER_TRANSPLANT,
    MRD_ONLY,
    RELAPSE_MULTIPLE,
    RELAPSED_DAYS,
    TRANSPLANT_WAIT,
    person_in,
)
from sim.engine.values import Data

KINDS: Final = len(Toxicity)
GRADE: Final = tuple(int(GRADE_DECISION[kind]) for kind in Toxicity)
DURATION: Final = tuple(int(DURATION_DECISION[kind]) for kind in Toxicity)
ONE_DAY: Final = 1.0


def prepare_subsets(
    world: Data,
    body: Data,
    keys: Data,
    first: int,
    count: int,
    untreated: bool,
    toxic: bool,
    lines: int,
    most_induction: int,
    draws: bool,
) -> None:
    """Draw the numbers, and precompute the values, that only a subset of the block can need.

    Under a strategy without treatment, patients who are not listed may need those of the first line
    too: they are then made for everyone. Without `draws` all numbers have been drawn for everyone.
    """
    if toxic:
        prepare_toxicities(world, body, keys, first, count, 0, draws)
    for line in range(1, lines):
        some = list_responders(world, body, count, line)
        prepare_responders(world, body, keys, first, count, line, some, draws)
    some = list_everyone(body, count) if untreated else list_responders(world, body, count, 0)
    prepare_responders(world, body, keys, first, count, 0, some, draws)
    if not toxic:
        return
    for cycle in range(1, CYCLES_AHEAD):
        if draws and (untreated or cycle < most_induction):
            draw_group(world.seed, first, count, keys, body, LATER + cycle)
        elif draws:
            draw_listed(world.seed, first, count, keys, LATER + cycle, some, body)
        precompute_toxicities(world, body, count, cycle)
    for cycle in range(1, TOXIC_CYCLES_AHEAD):
        prepare_toxicities(world, body, keys, first, count, cycle, draws)


def lines_ahead(plan: Data) -> int:
    """Return the lines of a strategy for which anything is made ahead."""
    return LINES_AHEAD if plan.usual_care else min(plan.lines, LINES_AHEAD)


def filled_up(body: Data, listed: int) -> int:
    """Repeat the last column listed until the list is a multiple of `ABREAST` long; return its length.

    What is left over from such a multiple would be computed one by one.
    """
    length = (listed + ABREAST - 1) // ABREAST * ABREAST
    for j in range(listed, length):
        body.listed[j] = body.listed[listed - 1]
    return length


def list_everyone(body: Data, count: int) -> int:
    """List all columns."""
    for column in range(count):
        body.listed[column] = column
    return filled_up(body, count)


def list_responders(world: Data, body: Data, count: int, line: int) -> int:
    """List the columns that may be given a line of any strategy and respond, or enter in remission."""
    listed = 0
    drawn = body.drawn[body.rows[RandomDraw.RESPONSE, place(line, 0)]]
    for column in range(count):
        body.scratch[column] = 1.0 if line == 0 and body.people[MRD_ONLY, column] > 0.0 else 0.0
    for strategy in range(world.plans.shape[0]):
        if line < lines_ahead(world.plans[strategy]):
            chances = body.chances[strategy * LINES_AHEAD + line]
            for column in range(count):
                responds = drawn[column] < chances[column]
                body.scratch[column] = 1.0 if responds else body.scratch[column]
    for before in range(1, line + 1):
        leave_out_unfit(world, body, count, before)
    for column in range(count):
        body.listed[listed] = column
        listed += 1 if body.scratch[column] > 0.0 else 0
    return filled_up(body, listed)


def leave_out_unfit(world: Data, body: Data, count: int, line: int) -> None:
    """Clear the mark of the columns that are not fit for a line; see `fit_for_another_line`."""
    drawn = body.drawn[body.rows[RandomDraw.NEXT_LINE, place(line, 0)]]
    for column in range(count):
        fit = salvage_lines_failed(person_in(body, column), line) == 0 or hit(
            drawn[column], world.rules.later.next_line_probability
        )
        body.scratch[column] = body.scratch[column] if fit else 0.0


def prepare_responders(
    world: Data,
    body: Data,
    keys: Data,
    first: int,
    count: int,
    line: int,
    some: int,
    draws: bool,
) -> None:
    """Draw and precompute what the columns listed need in a remission of the line."""
    if draws:
        draw_listed(world.seed, first, count, keys, RESPONDERS + line, some, body)
    for row in (RELAPSED_DAYS, RELAPSE_MULTIPLE, AFTER_TRANSPLANT, TRANSPLANT_WAIT):
        for column in range(count):
            body.people[row + line, column] = NOT_A_NUMBER
    precompute_relapsed(world, body, line, some)
    precompute_relapse(world, body, line, some)
    if world.rules.transplant_allowed:
        precompute_transplant(world, body, line, some)


def take_listed(body: Data, decision: int, line: int, some: int) -> None:
    """Copy a draw of the columns listed to the scratch row; not a number where it is not made."""
    row = body.rows[decision, place(line, 0)]
    for j in range(some):
        body.scratch[j] = body.drawn[row, body.listed[j]] if row >= 0 else NOT_A_NUMBER


def put_listed(body: Data, row: int, some: int) -> None:
    """Copy the scratch row to a row of the columns listed."""
    for j in range(some):
        body.people[row, body.listed[j]] = body.scratch[j]


def precompute_relapsed(world: Data, body: Data, line: int, some: int) -> None:
    """Precompute survival after a relapse in the columns listed."""
    rules, scratch, ratios = world.rules.disease, body.scratch, body.ratios
    take_listed(body, RandomDraw.SURVIVAL_AFTER_RELAPSE, line, some)
    for j in range(some):
        patient = person_in(body, body.listed[j])
        ratios[j] = disease_hazard_ratio(
            rules, patient, salvage_line=salvage_line_at(patient, line)
        )
    for j in range(some):
        scratch[j] = relapsed_survival_days(rules, ratios[j], scratch[j])
    put_listed(body, RELAPSED_DAYS + line, some)


def precompute_relapse(world: Data, body: Data, line: int, some: int) -> None:
    """Precompute days to relapse, for a median of one day, in the columns listed."""
    rules, scratch, ratios = world.rules.relapse, body.scratch, body.ratios
    take_listed(body, RandomDraw.RELAPSE_TIME, line, some)
    for j in range(some):
        patient = person_in(body, body.listed[j])
        ratios[j] = relapse_hazard_ratio(
            rules, patient, salvage_line=salvage_line_at(patient, line)
        )
    if rules.weibull:
        for j in range(some):
            scratch[j] = weibull_hazard_of(scratch[j], ONE_DAY, rules.shape, ratios[j])
    else:
        for j in range(some):
            scratch[j] = proportional_hazards(scratch[j], ratios[j])
        for j in range(some):
            scratch[j] = lognormal_quantile(scratch[j], ONE_DAY, rules.sigma)
    put_listed(body, RELAPSE_MULTIPLE + line, some)


def precompute_transplant(world: Data, body: Data, line: int, some: int) -> None:
    """Precompute days to a transplant, and from it to relapse, in the columns listed."""
    rules, scratch, ratios = world.rules.transplant, body.scratch, body.ratios
    take_listed(body, RandomDraw.TRANSPLANT_TIME, line, some)
    for j in range(some):
        scratch[j] = waiting_days(world.rules.candidacy, scratch[j])
    put_listed(body, TRANSPLANT_WAIT + line, some)
    take_listed(body, RandomDraw.RELAPSE_AFTER_TRANSPLANT, line, some)
    for j in range(some):
        salvage_line = salvage_line_at(person_in(body, body.listed[j]), line)
        ratios[j] = rules.study_hazard_ratio * mrd_treatment_ratio(
            world.rules.relapse, salvage_line
        )
    for j in range(some):
        scratch[j] = uncured_days_after_transplant(rules, ratios[j], scratch[j])
    put_listed(body, AFTER_TRANSPLANT + line, some)


def precompute_toxicities(world: Data, body: Data, count: int, cycle: int) -> None:
    """Flag the toxicities that occur in a cycle of the first line, under each strategy and under any."""
    for strategy in range(world.plans.shape[0]):
        if world.plans[strategy].lines > 0:
            precompute_toxicity(world, body, count, strategy, cycle)
    if cycle < TOXIC_CYCLES_AHEAD:
        occurring = body.occurring_any[cycle]
        for column in range(count):
            occurring[column] = 0
        for strategy in range(world.plans.shape[0]):
            if world.plans[strategy].lines > 0:
                for column in range(count):
                    occurring[column] |= body.occurring[strategy * CYCLES_AHEAD + cycle, column]


def precompute_toxicity(world: Data, body: Data, count: int, strategy: int, cycle: int) -> None:
    """Flag the toxicities that occur in a cycle of the first line, a bit each."""
    regimen = world.regimens[world.plans[strategy].regimens[0]]
    row = strategy * CYCLES_AHEAD + cycle
    for column in range(count):
        body.occurring[row, column] = 0
    for kind in range(KINDS):
        drawn = body.drawn[body.rows[GRADE[kind], cycle]]
        for column in range(count):
            occurs = toxicity_occurs(regimen.risks[kind], drawn[column], first_cycle=cycle == 0)
            body.occurring[row, column] |= (1 << kind) if occurs else 0


def prepare_toxicities(
    world: Data, body: Data, keys: Data, first: int, count: int, cycle: int, draws: bool
) -> None:
    """Draw onset and duration of each toxicity of a cycle where it occurs, and compute the duration."""
    for kind in range(KINDS):
        listed = 0
        for column in range(count):
            body.listed[listed] = column
            listed += (body.occurring_any[cycle, column] >> kind) & 1
        listed = filled_up(body, listed)
        if draws:
            group = WITH_TOXICITY + cycle * KINDS + kind
            draw_listed(world.seed, first, count, keys, group, listed, body)
        course = world.rules.courses[kind]
        drawn = body.drawn[body.rows[DURATION[kind], cycle]]
        for j in range(listed):
            body.scratch[j] = drawn[body.listed[j]]
        for j in range(listed):
            body.scratch[j] = duration_days(course, body.scratch[j])
        for j in range(listed):
            body.durations[cycle * KINDS + kind, body.listed[j]] = body.scratch[j]
